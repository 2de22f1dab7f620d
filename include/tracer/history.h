/* history.h - which blocks concern an account, as endpoints name them (architecture 6). They are only found here: what
 * happened in a block counts once it was fetched and accepted whole (chain_fetch), and that none is missing is shown by
 * nonces and balances alone (explore.h). */
#ifndef TRACER_HISTORY_H
#define TRACER_HISTORY_H

#include "tracer/chain.h"

struct history_blocks { /* growing; zeroed to begin with; history_blocks_free() */
    uint64_t *numbers;  /* sorted and unique after history_find() */
    size_t count, capacity;
};
/** TRACER_E_LIMIT above TRACER_HISTORY_BLOCKS_MAX. */
TRACER_MUST_USE enum tracer_status history_blocks_add(struct history_blocks *blocks, uint64_t number, struct error *err);
void history_blocks_sort(struct history_blocks *blocks);
void history_blocks_free(struct history_blocks *blocks);

enum history_way {
    HISTORY_OTS,          /* ots_searchTransactionsAfter (Otterscan: Erigon, reth, anvil) */
    HISTORY_TRACE_FILTER, /* trace_filter (OpenEthereum: Erigon, Nethermind, reth) */
    HISTORY_LOGS,         /* eth_getLogs with the account in a topic: token transfers, wraps */
    HISTORY_WAY_COUNT
};
const char *history_way_name(enum history_way way); /* "ots_searchTransactionsAfter", ... */

/** Add the blocks of first..last in which the way finds the account, by the lists of two operators or, where these differ, three: all
 * that anybody lists. Log ranges adapt to what the endpoints accept, and
 * what was learned stays with the client.
 * @retval TRACER_E_UNAVAILABLE  no endpoint has the method, or has it that far back
 * @retval TRACER_E_LIMIT        more than `blocks_max` blocks */
TRACER_MUST_USE enum tracer_status history_find(struct chain_client *client, enum history_way way, struct address account,
                                                uint64_t first, uint64_t last, size_t blocks_max,
                                                struct history_blocks *blocks, struct error *err);

/** Add the blocks of an account's transactions with these nonces (eth_getTransactionBySenderAndNonce: reth, anvil). A nonce that
 * no transaction has, or one that waits, adds none.
 * @retval TRACER_E_UNAVAILABLE  no endpoint has the method
 * @retval TRACER_E_REPLY        an answer is none, or names a block that is not of first..last */
TRACER_MUST_USE enum tracer_status history_find_sent(struct chain_client *client, struct address account, const uint64_t *nonces,
                                                     size_t count, uint64_t first, uint64_t last, struct history_blocks *blocks,
                                                     struct error *err);

/** Ask these block explorers, too (a pool of rpc_options.explorers, which outlives the client). */
void history_use_explorers(struct chain_client *client, struct rpc *explorers);

struct history_explored { /* which lists were read to their ends, and at whom: that nothing is missing in them is only said */
    char names[2 * TRACER_ENDPOINT_NAME_MAX + 4]; /* of the explorers that answered, with commas; "": none */
    bool calls;  /* of transactions and of internal calls */
    bool tokens; /* of transfers of tokens of all three kinds */
};
/** Add the blocks in which explorers list the account (txlist, txlistinternal, tokentx, tokennfttx, token1155tx): of the first
 * one that gives every list to its end, else of all of them. What one does not give, and why, is in the client's notes; one
 * that refuses or cannot be reached is not asked again.
 * @retval TRACER_E_LIMIT  more than `blocks_max` blocks */
TRACER_MUST_USE enum tracer_status history_find_explored(struct chain_client *client, struct address account, uint64_t first,
                                                         uint64_t last, size_t blocks_max, struct history_blocks *blocks,
                                                         struct history_explored *ret_explored, struct error *err);

/** Where a transaction stands (eth_getTransactionByHash). TRACER_E_NOT_FOUND: no endpoint knows it, or it waits. */
TRACER_MUST_USE enum tracer_status history_transaction_block(struct chain_client *client, struct hash hash,
                                                             uint64_t *ret_number, struct error *err);

enum account_kind { ACCOUNT_IS_KEY, ACCOUNT_IS_DELEGATED /* EIP-7702 */, ACCOUNT_IS_CONTRACT };
/** By its code at the end of block `number`: asserted. */
TRACER_MUST_USE enum tracer_status history_account_kind(struct chain_client *client, struct address account,
                                                        uint64_t number, enum account_kind *ret_kind, struct error *err);

#endif
