/* limits.h - every ceiling of the program, side by side (threat-model 12).
 *
 * A genuine input over a limit is "cannot tell" (or a refused file) with the limit's name; none is
 * ever applied in silence.
 */
#ifndef TRACER_LIMITS_H
#define TRACER_LIMITS_H

#define TRACER_KIB(n) ((size_t)(n)*1024u)
#define TRACER_MIB(n) ((size_t)(n)*1024u * 1024u)
#define TRACER_GIB(n) ((size_t)(n)*1024u * 1024u * 1024u)

/* text */
#define TRACER_ERROR_TEXT_MAX 512u
#define TRACER_ENDPOINT_NAME_MAX 64u
#define TRACER_NETWORK_NAME_MAX 32u
#define TRACER_SOURCE_NAME_MAX 64u  /* taint-spec 2.4 */
#define TRACER_SYMBOL_SHOWN_MAX 32u /* characters of a token's symbol ever shown */
#define TRACER_QUOTED_MAX 80u       /* characters of a foreign text quoted in a message */

/* network */
#define TRACER_REPLY_BLOCK_MAX TRACER_MIB(32)   /* decoded bytes: blocks, receipts */
#define TRACER_REPLY_TRACES_MAX TRACER_MIB(256) /* decoded bytes: call traces */
#define TRACER_REPLY_OTHER_MAX TRACER_MIB(16)
#define TRACER_REPLY_HEADERS_MAX TRACER_KIB(64)
#define TRACER_CONNECT_TIMEOUT_MS 10000
#define TRACER_TOTAL_TIMEOUT_MS 60000
#define TRACER_SLOW_BYTES_PER_SECOND 1024
#define TRACER_SLOW_SECONDS 15
#define TRACER_ATTEMPTS_MAX 5        /* of one call, over all endpoints */
#define TRACER_RETRY_AFTER_MAX_S 120 /* Retry-After honoured up to here */
#define TRACER_BACKOFF_FIRST_MS 250
#define TRACER_BACKOFF_MAX_MS 8000
#define TRACER_BATCH_CALLS_MAX 100
#define TRACER_IN_FLIGHT_MAX 64
#define TRACER_ENDPOINTS_MAX 32
#define TRACER_HEDGE_FLOOR_MS 200      /* no reply is late before; behind it, one later than 19 of 20 of its endpoint is, */
#define TRACER_HEDGE_CEILING_MS 10000  /* and behind this every one */
#define TRACER_HEDGE_SHARE 20u         /* at most one of so many requests is asked of a second endpoint for being late */

#define TRACER_KNOWN_AGE_DAYS 7u       /* what a store remembers of an endpoint is asked anew after */
#define TRACER_KNOWN_RANGE_MIN 10u     /* no smaller range of blocks is taken from there */
#define TRACER_ENDPOINT_KEY_ROUNDS 65536u /* of SHA-256, so that guessing at the URL behind a record costs time */

/* history of an account */
#define TRACER_HISTORY_BLOCKS_MAX 1000000u /* blocks found for one account */
#define TRACER_SEARCH_QUESTIONS_MAX 100000u /* states asked for to find where one balance or nonce changed */
#define TRACER_EXPLORER_ROWS 1000u          /* of a list of an explorer that one page is asked for */
#define TRACER_EXPLORER_ROWS_MAX 10000u     /* and the most that one may have */
#define TRACER_EXPLORER_PAGES_MAX 20000u    /* of one list of one account */
#define TRACER_EXPLORER_RATE 3u             /* questions a second where the configuration says nothing: what free keys may */
#define TRACER_EXPLORER_IN_FLIGHT 5u
#define TRACER_AHEAD_ACCOUNTS_MAX 64u       /* searched for at once before it is their turn */
#define TRACER_AHEAD_BYTES_MAX TRACER_MIB(256) /* of answers, and of blocks, that wait for their account's turn */
#define TRACER_SCAN_BLOCKS_MAX 20000u       /* read whole where nothing better is offered (--max-scan) */

/* JSON replies */
#define TRACER_JSON_DEPTH_MAX 64
#define TRACER_JSON_VALUES_MAX 2000000u
#define TRACER_TRACE_JSON_DEPTH_MAX 2100
#define TRACER_TRACE_VALUES_MAX 20000000u
#define TRACER_CALL_DEPTH_MAX 1024
#define TRACER_BLOCK_TRANSACTIONS_MAX 100000u
#define TRACER_BLOCK_LOGS_MAX 200000u
#define TRACER_BLOCK_TRANSFERS_MAX 1000000u
#define TRACER_LINK_MOVES_MAX 1024u /* moves at venues in a transaction whose exchanges are linked */

/* proofs */
#define TRACER_RLP_DEPTH_MAX 8u    /* lists within lists */
#define TRACER_BUNDLE_MANIFEST_MAX TRACER_MIB(1)
#define TRACER_BUNDLE_FILE_MAX TRACER_GIB(1)  /* one file of an evidence bundle */
#define TRACER_BUNDLE_RESULT_MAX TRACER_MIB(256) /* its JSON is held in memory, many times as large */
#define TRACER_BUNDLE_VALUES_MAX 100000u      /* JSON values of it, and */
#define TRACER_BUNDLE_VALUES_EACH 64u         /* as many for each hop, place and total of the replay */
#define TRACER_BUNDLE_ROWS_MAX 2000000u       /* rows of the transactions that it holds */
#define TRACER_ARCHIVE_MAX TRACER_MIB(32) /* what one block's hash covers, unpacked */
#define TRACER_PROOF_NODES_MAX 20u /* of one value of a block's trie */

#define TRACER_WALK_HEADERS_MAX 200000u /* from a range to a block whose hash is known beforehand (ingest --anchor) */

#define TRACER_REFUSED_MAX 32u /* replies that were not believed that one run keeps; all are counted */
#define TRACER_REFUSED_BYTES_MAX TRACER_MIB(4) /* of one of them; the end of a longer one is not kept */

/* files */
#define TRACER_CSV_LINE_MAX TRACER_KIB(64)
#define TRACER_CSV_COLUMNS_MAX 64u
#define TRACER_FILE_CONFIG_MAX TRACER_MIB(1)
#define TRACER_FILE_RESULT_MAX TRACER_MIB(512)
#define TRACER_LABELS_MAX 20000000u
#define TRACER_LIST_DEPTH_MAX 64u          /* elements of a list within each other */
#define TRACER_LIST_TEXT_MAX TRACER_KIB(64) /* of one element */
#define TRACER_LIST_AGE_DAYS 30u           /* an older sanctions list proves nothing clean; --list-age-max */
#define TRACER_LIST_AGE_DAYS_MAX 36500u
#define TRACER_LIST_PARTIES_MAX 1000000u   /* parties of a sanctions list that have an address */
#define TRACER_PAGE_HOPS_MAX 20000u /* rows of the table of an HTML page; its JSON has all */

/* batches */
#define TRACER_BATCH_WORKERS_MAX 64u
#define TRACER_RECOVERY_THREADS_MAX 15u /* that recover senders of one block, beside the one that proves it */
#define TRACER_BATCH_RESTARTS_MAX 3u /* because stored blocks became others under it */
#define TRACER_BATCH_CHECKPOINT TRACER_MIB(64) /* of output between two notes of what is done (--checkpoint) */

/* reports */
#define TRACER_MERMAID_EDGES_MAX 100u   /* of a chart; Mermaid's own limits are 500 */
#define TRACER_MERMAID_SIZE_MAX 49000u  /* characters; and 50,000 */
#define TRACER_NARRATIVE_ITEMS_MAX 200u /* of a section of the narrative; the evidence below it has all */

#define TRACER_DECISION_LINE_MAX TRACER_KIB(256) /* a record of a decision, or its context */
#define TRACER_DECISION_SYNC_MAX TRACER_MIB(1)   /* of them that are written before they are made safe on the disk */
#define TRACER_DECISION_WORDS_MAX 256u           /* characters of --reference and --decided-at */
#define TRACER_RULES_MAX 256u                    /* of a file of rules */
#define TRACER_RESCREEN_CHUNK 256u               /* past decisions that are asked again at once */

#define TRACER_PRICES_MAX 1000000u       /* lines of a file of prices */
#define TRACER_PRICES_BYTES_MAX TRACER_MIB(128)

/* engine and store */
#define TRACER_REORG_DEPTH 64u /* blocks that a reorg may take back; --finality N asks for more */
#define TRACER_SOURCES_MAX 65535u
#define TRACER_SEEDS_MAX 1000000u
#define TRACER_AUDIT_BOOKS_MAX 50000000u        /* accounts and assets whose books fit in memory */
#define TRACER_EXPLAIN_STEPS_MAX 10000u        /* transfers of a path that explain follows */
#define TRACER_PATH_MAX 1000000u                /* records of one path */
#define TRACER_STORE_BYTES_MAX TRACER_GIB(4096) /* default ceiling of the data file: address space only */
#define TRACER_LOOKUPS_MAX 8u                    /* taint states that are kept beside a store; the oldest goes */
#ifdef TRACER_VERIFY
#define TRACER_LOOKUP_ROWS_MAX 0u /* so that tests take the way of large stores */
#else
#define TRACER_LOOKUP_ROWS_MAX 2000000u         /* transfers of a store of which a check alone keeps the whole taint state */
#endif
#define TRACER_GATHER_BLOCKS_MAX (1u << 30)      /* from the first to the last, of a chain whose rows are read by the index */
#define TRACER_LOOKUP_LAG_MAX 64u               /* blocks that one may be behind while `ingest --follow` brings it up */
#define TRACER_MEMORY_MAX TRACER_GIB(16)        /* default ceiling of one arena */

#endif
