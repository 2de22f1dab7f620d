/* ids.h - dense ids of accounts and assets: the way in (intern, in memory, writers) and the way out (pages).
 *
 * An id once committed never changes its meaning, so a page read once stays good.
 */
#ifndef TRACER_GRAPH_IDS_H
#define TRACER_GRAPH_IDS_H

#include "record.h"

struct graph;
struct chain;

/* value -> id: open addressing; a slot holds the value itself and its id + 1 (0: empty), so that a look-up
 * costs one cache miss. Values that are not stored yet are kept in order of id beside it. */
struct intern {
    bool loaded;
    size_t value_size, slot_size;
    uint8_t *slots;
    size_t slot_count, count;
    size_t stored; /* ids below are in the table as the open transaction sees it */
    uint8_t *tail; /* values of ids from `tail_first` on: of the last record of the table, and all new ones */
    size_t tail_first, tail_capacity; /* in values */
    uint64_t seed[2];
};
void intern_init(struct intern *intern, size_t value_size);
void intern_release(struct intern *intern);
/** A hash that an attacker cannot foresee. */
uint64_t intern_hash(const struct intern *intern, const uint8_t *value);
void intern_prefetch(const struct intern *intern, uint64_t hash);
/** The id of a value, a new one if need be. False: no memory or no ids left. */
bool intern_add(struct intern *intern, const uint8_t *value, uint64_t hash, uint32_t *ret_id);

/* id -> value: pages of the table, copied when first asked for. */
struct id_page {
    uint32_t count;
    uint8_t bytes[];
};
struct id_pages {
    struct id_page **pages;
    size_t capacity;
    size_t all; /* ids below are there */
};
#define ID_PAGES_BYTES_MAX TRACER_MIB(256) /* of all chains; then they are dropped and read anew */

/** Load both interns of the chain from the tables of the open write transaction. */
enum tracer_status ids_load(struct graph *graph, struct chain *chain, struct error *err);
/** Write ids that are not stored yet into the open write transaction. */
enum tracer_status ids_store(struct graph *graph, struct chain *chain, struct error *err);
void ids_release(struct chain *chain);
void ids_drop_pages(struct graph *graph);

/** Make the values of ids resolvable; `ids_account()` and `ids_asset()` then cannot fail. `txn` is an
 * MDB_txn. */
enum tracer_status ids_need_account(struct graph *graph, void *txn, struct chain *chain, uint32_t id,
                                    struct error *err);
enum tracer_status ids_need_asset(struct graph *graph, void *txn, struct chain *chain, uint32_t id,
                                  struct error *err);
struct address ids_account(const struct chain *chain, uint32_t id);
struct asset ids_asset(const struct chain *chain, uint32_t id);
static inline bool ids_have(const struct id_pages *pages, uint32_t id, uint32_t per_page)
{
    uint32_t page = id / per_page;
    return id < pages->all || (page < pages->capacity && pages->pages[page] && id % per_page < pages->pages[page]->count);
}

#endif
