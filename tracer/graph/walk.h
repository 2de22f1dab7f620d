/* walk.h - inside of tracer/graph: reading the log forward, chunk by chunk, with short snapshots. */
#ifndef TRACER_GRAPH_WALK_H
#define TRACER_GRAPH_WALK_H

#include "write.h"

#define BATCH_ROWS 4096u

struct walk {
    struct graph *graph;
    struct chain *chain;
    uint64_t first, last; /* pinned when the walk begins */
    int32_t first_transaction, last_transaction; /* all of them, but in a walk over one block */
    uint64_t generation;  /* the store may only grow behind `last` meanwhile */
    uint32_t accounts, assets;
    uint64_t next; /* blocks below are done */
    bool open;     /* a chunk is loaded and has rows left */
    struct edit edit;
    struct chunk_scan scan;
    uint32_t row_end;
};
enum tracer_status walk_begin(struct walk *walk, struct graph *graph, uint64_t chain_id, uint64_t first,
                              uint64_t last, struct error *err);
/** The next rows; *ret_count 0 is the end. Their ids can be resolved by ids_account() and ids_asset(). */
enum tracer_status walk_next(struct walk *walk, struct cursor_row *ret_rows, uint32_t *ret_logs,
                             size_t capacity, size_t *ret_count, struct error *err);
void walk_rewind(struct walk *walk);
void walk_end(struct walk *walk);

/** TRACER_E_STORE if the chain is not what it was. */
enum tracer_status walk_check(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t generation,
                              struct error *err);
/** A row as the public functions give it. */
void walk_transfer(const struct chain *chain, const struct cursor_row *row, uint32_t log_index,
                   struct transfer *ret_transfer);
/** The id of an address. TRACER_E_NOT_FOUND: it never appeared. */
enum tracer_status find_account(struct graph *graph, MDB_txn *txn, struct chain *chain,
                                struct address address, uint32_t *ret_id, struct error *err);

#endif
