/* graph.h - the blocks and transfers that were read, kept on disk (architecture 4).
 *
 * The truth is a time-ordered log of whole blocks; indexes are derived from it and can be rebuilt. A block
 * is put whole. graph_rewind() removes a tail of blocks; a richer version of a block (internals now known), or
 * one that is linked otherwise, replaces it. What is removed is kept aside, by hash.
 *
 * Threads:   a struct graph belongs to one thread.
 * Processes: open after fork(), never before; never twice in one process (refused). One writer at a time
 *            (a second fails at once with TRACER_E_BUSY); readers never wait for it.
 */
#ifndef TRACER_GRAPH_H
#define TRACER_GRAPH_H

#include "tracer/block.h"
#include "tracer/cursor.h"

struct graph;       /* an open store */
struct graph_write; /* a batch of blocks being written */

enum graph_mode { GRAPH_READ, GRAPH_WRITE, GRAPH_CREATE /* write, and make the store if it is not there */ };

struct graph_options {
    enum graph_mode mode;
    size_t bytes_max; /* ceiling on the data file; 0: TRACER_STORE_BYTES_MAX */
};

/** Open the store in directory `path` (GRAPH_CREATE makes the last component, mode 0700).
 * @retval TRACER_E_NOT_FOUND  there is no store
 * @retval TRACER_E_VERSION    written by a newer schema; nothing was changed
 * @retval TRACER_E_BUSY       another writer; the message names its pid and start time
 * @retval TRACER_E_DAMAGED    a foreign or damaged file */
TRACER_MUST_USE enum tracer_status graph_open(const char *path, const struct graph_options *options,
                                              struct graph **ret_graph, struct error *err);
/** The directory, as it was given. */
const char *graph_path(const struct graph *graph);
/** Marks a clean stop when it was opened for writing. NULL is fine. */
void graph_close(struct graph *graph);

/* A network is a chain with its anchor; one network a chain id in a store (architecture 11). */
struct graph_network {
    uint64_t chain_id;
    char name[TRACER_NETWORK_NAME_MAX + 1];
    uint64_t anchor_number;
    struct hash anchor_hash; /* zero for imported networks */
    bool imported;           /* rows come from a file; keys may not be block numbers */
    bool time_keys;          /* imported: `block` is the Unix time, true numbers stand beside */
};
/** Register, or compare with what is registered.
 * @retval TRACER_E_CHAIN  another anchor, name or origin is registered for this chain id */
TRACER_MUST_USE enum tracer_status graph_put_network(struct graph *graph, const struct graph_network *network,
                                                     struct error *err);
/** TRACER_E_NOT_FOUND when the store does not have the chain. */
TRACER_MUST_USE enum tracer_status graph_get_network(struct graph *graph, uint64_t chain_id,
                                                     struct graph_network *ret_network, struct error *err);
/** All networks by chain id; at most `capacity` are written; the total count is returned through ret_count.
 */
TRACER_MUST_USE enum tracer_status graph_networks(struct graph *graph, struct graph_network *ret_networks,
                                                  size_t capacity, size_t *ret_count, struct error *err);

/* Writing. Blocks may come in any order of number; ascending is fast. Bulk loads batch internally and
 * commit at least 100,000 rows at once, in a thread of their own, so that a later call may be the one that fails;
 * graph_commit() makes everything durable and only then returns. */
TRACER_MUST_USE enum tracer_status graph_begin(struct graph *graph, struct graph_write **ret_write,
                                               struct error *err);
/** Idempotent: the same block with the same digest changes nothing. A version of the same hash with more
 * internals replaces the stored one; one with fewer changes nothing.
 * @retval TRACER_E_CONFLICT  another hash is stored at this number, or the stored neighbour's hash does
 *                            not fit parent_hash: a reorg. Abort, graph_rewind().
 * @retval TRACER_E_FULL      bytes_max or the disk is reached: abort; what was committed is safe. */
TRACER_MUST_USE enum tracer_status graph_put_block(struct graph_write *write, const struct block *block,
                                                   struct error *err);
TRACER_MUST_USE enum tracer_status graph_commit(struct graph_write *write,
                                                struct error *err); /* frees it on success and failure */
void graph_abort(struct graph_write *write);                        /* NULL is fine */

/** Remove all blocks with number > `last_kept` of the chain, in one durable transaction; they go to the
 * orphans. *ret_removed counts them. */
TRACER_MUST_USE enum tracer_status graph_rewind(struct graph *graph, uint64_t chain_id, uint64_t last_kept,
                                                uint64_t *ret_removed, struct error *err);

/* Reading. Each call sees one snapshot. */

/** Lowest and highest stored block, and how many. TRACER_E_NOT_FOUND: none. */
struct graph_range {
    uint64_t first, last, count;
    uint64_t first_gap; /* first missing number between first and last, 0 if none */
    uint64_t generation; /* grows when something changes that is not an addition at the end */
};
TRACER_MUST_USE enum tracer_status graph_range(struct graph *graph, uint64_t chain_id,
                                               struct graph_range *ret_range, struct error *err);
/** The block without its transfers and transactions (their counts are set, pointers NULL). */
TRACER_MUST_USE enum tracer_status graph_get_block(struct graph *graph, uint64_t chain_id, uint64_t number,
                                                   struct block *ret_block, struct error *err);
/** What the hash of a block covers (proof.h), added to a caller's buffer; it is kept with blocks that are put with an
 * archive, and stays when they are rewound. TRACER_E_NOT_FOUND: it was not kept. */
struct buffer;
TRACER_MUST_USE enum tracer_status graph_get_archive(struct graph *graph, uint64_t chain_id, struct hash hash,
                                                     struct buffer *ret_archive, struct error *err);
/** Keep the archive of a block that was stored without; the caller has compared it with `hash`. */
TRACER_MUST_USE enum tracer_status graph_put_archive(struct graph *graph, uint64_t chain_id, struct hash hash,
                                                     struct bytes archive, struct error *err);
/** The transaction of a row (hash, sender, ...). TRACER_E_NOT_FOUND for rows outside transactions. */
TRACER_MUST_USE enum tracer_status graph_get_transaction(struct graph *graph, uint64_t chain_id,
                                                         uint64_t block_number, int32_t transaction_index,
                                                         struct transaction *ret_transaction,
                                                         struct error *err);
/** All transactions of a block range, in order; `visit` may not call the store. Their count is that of each block's record. */
typedef enum tracer_status graph_transaction_fn(void *context, uint64_t block_number, const struct transaction *transaction,
                                                struct error *err);
TRACER_MUST_USE enum tracer_status graph_each_transaction(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                                                          graph_transaction_fn *visit, void *context, struct error *err);
/** Where a transaction hash stands. TRACER_E_NOT_FOUND if it is not stored. */
TRACER_MUST_USE enum tracer_status graph_find_transaction(struct graph *graph, uint64_t chain_id,
                                                          struct hash hash, struct position *ret_position,
                                                          struct error *err);

/** Visit transfers; borrowed until `visit` returns; a status other than TRACER_OK ends the walk and is
 * returned unchanged. */
typedef enum tracer_status graph_visit_fn(void *context, const struct transfer *transfer, struct error *err);
/** All transfers of a block range, in order. */
TRACER_MUST_USE enum tracer_status graph_each(struct graph *graph, uint64_t chain_id, uint64_t first,
                                              uint64_t last, graph_visit_fn *visit, void *context,
                                              struct error *err);
/** Those of the transactions first..last of a block. */
TRACER_MUST_USE enum tracer_status graph_each_in_block(struct graph *graph, uint64_t chain_id, uint64_t block, int32_t first, int32_t last,
                                                       graph_visit_fn *visit, void *context, struct error *err);
/** Which of `count` addresses an account of the store has: each that is at an end of a transfer, perhaps also one whose transfers a reorg
 * took away. Void is not looked for. */
TRACER_MUST_USE enum tracer_status graph_seen_accounts(struct graph *graph, uint64_t chain_id, const struct address *addresses, size_t count,
                                                       bool *ret_seen, struct error *err);
/** All transfers with `account` at an end (both directions), in order, from position `since`. */
TRACER_MUST_USE enum tracer_status graph_each_of_account(struct graph *graph, uint64_t chain_id,
                                                         struct address account, struct position since,
                                                         graph_visit_fn *visit, void *context,
                                                         struct error *err);
/** A cursor over blocks first..last, with stored `opening` rows of `first` merged in. The graph outlives it.
 */
TRACER_MUST_USE enum tracer_status graph_cursor(struct graph *graph, uint64_t chain_id, uint64_t first,
                                                uint64_t last, struct cursor *ret_cursor, struct error *err);

/** The transactions of some accounts, found by the index: what they cost does not depend on the size of the store. The cursor gives
 * one whole transaction at a time, in order: those that have a row of the accounts that were added to its index, all of a block that has an
 * added row, and
 * at the end the last transaction of the range, whatever it moves. The cursor owns the index.
 * @param cost_max  what may be spent on all accounts together, estimated in transfers that graph_cursor() reads at the same cost; 0: as
 *                  much as reading all of them, and in the last eighth of the range as much again. Beyond it adding gives
 *                  TRACER_E_LIMIT.
 * @retval TRACER_E_UNAVAILABLE  this store has to be read from its start: it has opening balances there, or amounts of 2^192 units
 *                               and more, so that what an account sends may depend on a balance that is not looked at; or there is no
 *                               block of the range, or it spans more than TRACER_GATHER_BLOCKS_MAX. */
TRACER_MUST_USE enum tracer_status graph_gather(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last, uint64_t cost_max,
                                                struct cursor *ret_cursor, struct cursor_index *ret_index, struct error *err);

/* Balances before a block, from archive state: the spec's `opening` rows. */
struct graph_opening {
    struct address account;
    struct asset asset;
    uint64_t block_number; /* the balance holds before this block */
    struct u256 amount;
    char endpoint[TRACER_ENDPOINT_NAME_MAX];
    enum grade grade;
};
TRACER_MUST_USE enum tracer_status graph_put_opening(struct graph *graph, uint64_t chain_id,
                                                     const struct graph_opening *openings, size_t count,
                                                     struct error *err);

/* Completeness ledger (architecture 5). `account` all zero: the whole range. */
#define GRAPH_GAP_MAX 256u
struct graph_coverage {
    struct address account;
    uint64_t first, last;
    char what[32];     /* "all", "native", "tokens", ... */
    char strategy[32]; /* "blocks", "import", "audit", ... */
    char endpoint[TRACER_ENDPOINT_NAME_MAX];
    char method[256];
    char cross_check[256];
    char gap[GRAPH_GAP_MAX]; /* "" if none */
    uint64_t rows;
    enum grade grade;
};
TRACER_MUST_USE enum tracer_status graph_put_coverage(struct graph *graph, uint64_t chain_id,
                                                      const struct graph_coverage *coverage,
                                                      struct error *err);
typedef enum tracer_status graph_coverage_fn(void *context, const struct graph_coverage *coverage,
                                             struct error *err);
/** By account, then first block. `account` NULL: all records. */
TRACER_MUST_USE enum tracer_status graph_each_coverage(struct graph *graph, uint64_t chain_id,
                                                       const struct address *account,
                                                       graph_coverage_fn *visit, void *context,
                                                       struct error *err);

/* Small named values (a probe's findings by endpoint name, replies of endpoints that were not believed (ingest.h), an
 * imported list by digest). */
enum graph_item { GRAPH_ITEM_ENDPOINT, GRAPH_ITEM_LIST };
TRACER_MUST_USE enum tracer_status graph_put_item(struct graph *graph, enum graph_item table,
                                                  const char *name, const void *data, size_t size,
                                                  struct error *err);
/** Into a caller's buffer. TRACER_E_NOT_FOUND: none. */
TRACER_MUST_USE enum tracer_status graph_get_item(struct graph *graph, enum graph_item table,
                                                  const char *name, struct buffer *ret_data,
                                                  struct error *err);
typedef enum tracer_status graph_item_fn(void *context, const char *name, size_t size, struct error *err);
TRACER_MUST_USE enum tracer_status graph_each_item(struct graph *graph, enum graph_item table,
                                                   graph_item_fn *visit, void *context, struct error *err);

/* Care (commands `store stat|verify|backup|compact|rebuild`). */
struct graph_stat {
    uint64_t blocks, orphans, transactions, transfers, accounts, assets, coverage_records, chunks, segments;
    uint64_t file_bytes, used_bytes, log_bytes, index_bytes;
    bool clean_stop; /* the last writer closed the store properly */
};
TRACER_MUST_USE enum tracer_status graph_stat(struct graph *graph, struct graph_stat *ret_stat,
                                              struct error *err);
/** Read every record, check checksums, digests, counts and that the derived parts equal the log.
 * @retval TRACER_E_DAMAGED  with the first damage in the message. Run it in a child process: damage in
 *                           the file can raise signals (threat-model 10.7). */
typedef void graph_progress_fn(void *context, uint64_t done, uint64_t total);
TRACER_MUST_USE enum tracer_status graph_verify(struct graph *graph, graph_progress_fn *progress,
                                                void *context, struct error *err);
/** A compact copy in the new directory `path`, verified before it counts. */
TRACER_MUST_USE enum tracer_status graph_backup(struct graph *graph, const char *path, struct error *err);
/** Merge neighbouring chunks and rebuild the derived parts. */
TRACER_MUST_USE enum tracer_status graph_compact(struct graph *graph, struct error *err);
/** Throw the derived parts away and rebuild them from the log. */
TRACER_MUST_USE enum tracer_status graph_rebuild(struct graph *graph, struct error *err);

/** Version of the storage library at run time; of the one that packs archives, which is loaded for this (NULL: it cannot be, or is
 * too old). */
const char *graph_library(void);
const char *graph_archive_library(void);

#endif
