/* write.h - inside of tracer/graph: a batch of blocks being written, and edits of stored chunks. */
#ifndef TRACER_GRAPH_WRITE_H
#define TRACER_GRAPH_WRITE_H

#include "chunk.h"
#include "store.h"

struct asset_slot { /* assets seen lately: value to id without hashing 53 bytes */
    struct asset asset;
    uint32_t id;
    bool used;
};
#define ASSET_SLOTS 256u

struct graph_write {
    struct graph *graph;
    struct chain *chain;          /* of the pending blocks */
    struct chunk_builder pending; /* blocks that have their records but no chunk yet */
    uint64_t pending_end;         /* they may grow up to here: another chunk begins */
    uint64_t last_number;         /* the block put last, if any */
    struct hash last_hash;
    bool has_last;
    enum tracer_status failed; /* after a failure nothing but abort is left */
    struct error failure;
    struct asset_slot assets[ASSET_SLOTS];
};

/** Write all blocks of the builder as chunks, and empty it. */
enum tracer_status edit_write(struct graph *graph, uint64_t chain_id, struct chunk_builder *builder,
                              struct error *err);
/** Write the first `count` blocks of the builder. */
enum tracer_status edit_write_first(struct graph *graph, uint64_t chain_id, struct chunk_builder *builder,
                                    size_t count, struct error *err);

/* A stored chunk, copied out of the map with its transactions: writes do not harm it. */
struct edit {
    uint64_t key; /* its first block */
    uint8_t *bytes, *transaction_bytes;
    struct chunk chunk;
    struct transaction_chunk transactions;
    bool has_transactions;
};
/** The chunk with the highest first block <= `number`. TRACER_E_NOT_FOUND: none. */
enum tracer_status edit_load(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t number,
                             struct edit *ret_edit, struct error *err);
void edit_release(struct edit *edit);
bool edit_has(const struct edit *edit, uint64_t number);
uint64_t edit_last(const struct edit *edit);
/** Copy blocks from..to (numbers) behind the builder's last. */
enum tracer_status edit_copy(struct graph *graph, const struct edit *edit, uint64_t from, uint64_t to,
                             struct chunk_builder *builder, struct error *err);
enum tracer_status edit_delete(struct graph *graph, uint64_t chain_id, const struct edit *edit,
                               struct error *err);
/** Keep a block of the chunk aside, before it is removed or replaced. */
enum tracer_status edit_orphan(struct graph *graph, uint64_t chain_id, const struct edit *edit,
                               uint64_t number, const struct block_record *record, struct error *err);

/** archive.c: keep what the hash of a block covers; joins the open transaction. */
enum tracer_status archive_put(struct graph *graph, uint64_t chain_id, struct hash hash, struct bytes archive,
                               struct error *err);

/** Digest of what a block says: addresses and values, no ids. */
struct digest128 block_digest(const struct block *block);

/** Is the block well formed? TRACER_E_USAGE names what is wrong. */
enum tracer_status block_check(const struct graph *graph, const struct block *block, struct error *err);
/** Add the rows and transactions of a block to the builder, interning addresses and assets. */
enum tracer_status block_append(struct graph_write *write, const struct block *block,
                                struct chunk_builder *builder, struct error *err);

#endif
