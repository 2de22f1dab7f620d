/* state.c - what is known of each chain: its watermark, its runs, its block records. */
#include <inttypes.h>
#include <stdlib.h>

#include "store.h"

struct chain *store_chain(struct graph *graph, uint64_t chain_id)
{
    struct chain *chain = graph->chains;
    while (chain && chain->id != chain_id)
        chain = chain->next;
    if (chain)
        return chain;
    chain = calloc(1, sizeof(*chain));
    if (!chain)
        return NULL;
    chain->id = chain_id;
    chain->next = graph->chains;
    graph->chains = chain;
    return chain;
}

enum tracer_status store_get_state(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                   struct chain_state *ret_state, struct error *err)
{
    struct record record;
    struct key key = key_of_meta_chain("state", chain_id);
    enum tracer_status status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND) {
        memset(ret_state, 0, sizeof(*ret_state));
        return TRACER_OK;
    }
    if (!status && !chain_state_decode(record.data, record.size, ret_state))
        return store_damaged(graph, TABLE_META, key.bytes, key.size, err);
    return status;
}

enum tracer_status store_get_runs(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                  struct run_list *ret_list, struct error *err)
{
    struct record record;
    struct key key = key_of_meta_chain("runs", chain_id);
    enum tracer_status status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND) { /* nothing was flushed yet; else the blocks that are not fresh would be lost */
        struct chain_state state;
        memset(ret_list, 0, sizeof(*ret_list));
        status = store_get_state(graph, txn, chain_id, &state, err);
        if (!status && (state.transfers > state.fresh_rows || (state.transactions && !state.fresh_count)))
            return store_damaged(graph, TABLE_META, key.bytes, key.size, err);
        return status;
    }
    if (!status && !run_list_decode(record.data, record.size, ret_list))
        return store_damaged(graph, TABLE_META, key.bytes, key.size, err);
    return status;
}

enum tracer_status store_put_runs(struct graph *graph, uint64_t chain_id, const struct run_list *list,
                                  struct error *err)
{
    uint8_t bytes[RUN_LIST_MAX];
    struct key key = key_of_meta_chain("runs", chain_id);
    return store_put(graph, TABLE_META, &key, bytes, run_list_encode(list, bytes), err);
}

enum tracer_status store_load_chain(struct graph *graph, uint64_t chain_id, struct chain **ret_chain,
                                    struct error *err)
{
    struct record record;
    struct chain *chain = store_chain(graph, chain_id);
    if (!chain)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    if (!chain->loaded) {
        struct key key = key_of_meta_chain("network", chain_id);
        enum tracer_status status = store_settle(graph, err);
        if (!status)
            status = store_get(graph, graph->writer, TABLE_META, &key, &record, err);
        if (status == TRACER_E_NOT_FOUND)
            return store_error(graph, err, TRACER_E_CHAIN, "chain %" PRIu64 " is not registered here",
                               chain_id);
        if (!status)
            status = store_get_state(graph, graph->writer, chain_id, &chain->state, err);
        if (status)
            return status;
        chain->loaded = true;
    }
    *ret_chain = chain;
    return TRACER_OK;
}

void store_forget(struct graph *graph)
{
    for (struct chain *chain = graph->chains; chain; chain = chain->next) {
        if (!chain->changed)
            continue;
        chain->loaded = chain->changed = false;
        intern_release(&chain->accounts);
        intern_release(&chain->assets);
    }
}

enum tracer_status store_chain_ids(struct graph *graph, MDB_txn *txn, uint64_t **ret_ids, size_t *ret_count,
                                   struct error *err)
{
    struct store_cursor cursor;
    struct key prefix = key_of_meta("network");
    uint64_t *ids = NULL;
    size_t count = 0, capacity = 0;
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_META, &cursor, err);
    if (status)
        return status;
    for (status = store_cursor_move(&cursor, MDB_SET_RANGE, &prefix, err);
         !status && store_cursor_in(&cursor, &prefix) && cursor.key_size == prefix.size + 8;
         status = store_cursor_move(&cursor, MDB_NEXT, NULL, err)) {
        if (count == capacity) {
            uint64_t *grown = realloc(ids, (capacity = capacity * 2 + 4) * sizeof(*ids));
            if (!grown) {
                status = store_error(graph, err, TRACER_E_NOMEM, "no memory");
                break;
            }
            ids = grown;
        }
        ids[count++] = get_u64_big(cursor.key + prefix.size);
    }
    store_cursor_close(&cursor);
    if (status && status != TRACER_E_NOT_FOUND) {
        free(ids);
        return status;
    }
    *ret_ids = ids;
    *ret_count = count;
    return TRACER_OK;
}

enum tracer_status store_each_chain(struct graph *graph, store_chain_fn *run, struct error *err)
{
    MDB_txn *txn;
    uint64_t *ids = NULL;
    size_t count = 0;
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_chain_ids(graph, txn, &ids, &count, err);
    store_read_end(graph);
    for (size_t i = 0; !status && i < count; i++)
        status = run(graph, ids[i], err);
    free(ids);
    return status;
}

enum tracer_status store_get_block_record(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                          uint64_t number, struct block_record *ret_record, struct error *err)
{
    struct record record;
    struct key key = key_of_block(chain_id, number);
    enum tracer_status status = store_get(graph, txn, TABLE_BLOCK, &key, &record, err);
    if (!status && !block_record_decode(record.data, record.size, ret_record))
        return store_damaged(graph, TABLE_BLOCK, key.bytes, key.size, err);
    return status;
}
