/* segment.h - derived sorted runs: where an account's rows, a transaction hash or an address may be found.
 *
 * A run is a sorted list of entries (key, block), cut into pages of one LMDB page each:
 *
 *   kind           key                                block
 *   RUN_ROWS       account id                         number of a block that has rows of the account
 *   RUN_HASHES     first 40 bits of the hash          number of the block that has the transaction
 *   RUN_ADDRESSES  40 bits of XXH3 of the address     account id
 *
 * Page: base block u64, number of the page in its run u32, then the entries, key by key: varint key - key before (the first: - key of the page);
 * then the blocks of that key as varints of twice the step (from the base, then from the block before), plus
 * one when another block of the same key follows. The record key holds the first entry, so a look-up reads one
 * page a run, and the number of the next one: a page whose key is damaged is missed.
 *
 * Entries are hints (record.h): who reads one looks into the block and checks.
 */
#ifndef TRACER_GRAPH_SEGMENT_H
#define TRACER_GRAPH_SEGMENT_H

#include "store.h"

struct segment_entry {
    uint64_t key, block;
};
#define SEGMENT_KEY_BITS 40u /* of hashes and addresses */
int segment_compare(const struct segment_entry *a, const struct segment_entry *b);
uint64_t segment_hash_key(struct hash hash);
uint64_t segment_address_key(struct address address);

/* --- writing a run ----------------------------------------------------------------------------------- */

struct run_writer {
    struct graph *graph;
    uint64_t chain_id;
    struct run_list *list; /* the directory, as it will be committed */
    struct run run;
    uint64_t base;
    struct segment_entry first, last; /* of the page, and the last one added */
    uint8_t *step; /* of the last entry */
    uint8_t *at;
    uint8_t page[PAGE_SIZE_ASSUMED];
};
/** A write transaction is open; the writer commits it and begins others when a run is long. `base` is not
 * above any block that is added. */
void run_writer_begin(struct run_writer *writer, struct graph *graph, uint64_t chain_id,
                      struct run_list *list, enum run_kind kind, uint64_t base);
/** In order; repeated entries are dropped. */
enum tracer_status run_writer_add(struct run_writer *writer, const struct segment_entry *entries,
                                  size_t count, struct error *err);
/** The last page, and the run into the directory (which the caller puts and commits). */
enum tracer_status run_writer_end(struct run_writer *writer, struct error *err);

/* --- reading a run ----------------------------------------------------------------------------------- */

struct run_reader {
    uint64_t chain_id;
    uint32_t run;
    uint64_t pages, number; /* of the run; of the page that is open */
    bool end;
    struct segment_entry entry; /* the current one, unless at the end: then the last */
    struct segment_entry before; /* none of the page between the two */
    uint64_t base;
    struct segment_entry first, behind; /* of the page; of the one behind it, or less */
    bool more; /* the next entry has the same key */
    const uint8_t *at, *page_end;
    uint8_t page[PAGE_SIZE_ASSUMED];
};
/** To the first entry >= `from`. */
enum tracer_status run_reader_seek(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                   uint64_t chain_id, const struct run *run,
                                   const struct segment_entry *from, struct error *err);
/** The same for a `from` that is not before the last one: a page that is open is not read again. */
enum tracer_status run_reader_forward(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                      const struct segment_entry *from, struct error *err);
/** As run_reader_seek(), by a reader that is zeroed or was at any place: a page that is open is not read again. */
enum tracer_status run_reader_again(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                    uint64_t chain_id, const struct run *run,
                                    const struct segment_entry *from, struct error *err);
enum tracer_status run_reader_next(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                   struct error *err);

/* --- building (build.c) ------------------------------------------------------------------------------ */

/* Entries in one word each: the key above the place of its block (or id) in some window. */
#define PLACE_BITS (64u - SEGMENT_KEY_BITS)
struct items {
    uint64_t *at, *spare;
    size_t count, capacity, spare_capacity;
};
void items_release(struct items *items);
/** Room for so many more. False: no memory. */
bool items_room(struct items *items, size_t more);
/** Sort entries whose places ascend, by keys below 2^bits. False: no memory. */
bool items_sort_ids(struct items *items, unsigned bits);
/** Sort entries whose keys are hashes. */
bool items_sort_hashes(struct items *items);

/** Runs for as many fresh blocks as a window of memory holds. */
enum tracer_status segment_build_rows(struct graph *graph, uint64_t chain_id, const struct chain_state *state,
                                      struct error *err);
/** Runs for the addresses of ids [first, end). */
enum tracer_status segment_build_addresses(struct graph *graph, uint64_t chain_id, uint32_t first,
                                           uint32_t end, struct error *err);
/** Give back the memory that building keeps from one window to the next. */
void segment_forget(struct graph *graph);

/* --- upkeep (upkeep.c) ------------------------------------------------------------------------------- */

/** Give every block and address of the chain its hints, then merge runs. No write transaction is open. */
enum tracer_status segment_flush(struct graph *graph, uint64_t chain_id, struct error *err);
enum tracer_status segment_flush_all(struct graph *graph, struct error *err);
/** Throw all runs of a chain away and build them anew. */
enum tracer_status segment_rebuild(struct graph *graph, uint64_t chain_id, struct error *err);

#endif
