/* walk.c - reading the log forward: graph_each(). */
#include "walk.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- the walk ---------------------------------------------------------------------------------------- */

enum tracer_status walk_check(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t generation,
                              struct error *err)
{
    struct chain_state state;
    enum tracer_status status = store_get_state(graph, txn, chain_id, &state, err);
    if (status || state.generation == generation)
        return status;
    status = store_error(
        graph, err, TRACER_E_STORE,
        "chain %" PRIu64 " changed while it was read (a rewind, or blocks filled in). Run again", chain_id);
    if (err)
        err->retryable = true;
    return status;
}

enum tracer_status walk_begin(struct walk *walk, struct graph *graph, uint64_t chain_id, uint64_t first,
                              uint64_t last, struct error *err)
{
    MDB_txn *txn;
    struct chain_state state;
    *walk = (struct walk){
        .graph = graph, .first = first, .last = last, .first_transaction = TRANSACTION_BEFORE, .last_transaction = TRANSACTION_AFTER, .next = first};
    walk->chain = store_chain(graph, chain_id);
    if (!walk->chain)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_get_state(graph, txn, chain_id, &state, err);
    store_read_end(graph);
    if (status)
        return status;
    if (state.count == 0)
        walk->first = walk->next = 1, walk->last = 0;
    else if (last > state.last)
        walk->last = state.last;
    walk->generation = state.generation;
    walk->accounts = state.accounts;
    walk->assets = state.assets;
    return TRACER_OK;
}

void walk_rewind(struct walk *walk)
{
    edit_release(&walk->edit);
    walk->open = false;
    walk->next = walk->first;
}

void walk_end(struct walk *walk)
{
    edit_release(&walk->edit);
}

static enum tracer_status missing(const struct walk *walk, uint64_t number, struct error *err)
{
    return store_error(walk->graph, err, TRACER_E_DAMAGED,
                       "record missing (log, chain %" PRIu64 ", block %" PRIu64
                       "). Nothing was answered. Run: store verify, then restore",
                       walk->chain->id, number);
}

/* Absence is damage too: the blocks from walk->next on must be those of the chunk, up to its end or the last one asked
 * for; without a chunk there must be none. */
static enum tracer_status check_presence(const struct walk *walk, MDB_txn *txn, const struct chunk *chunk,
                                         struct error *err)
{
    struct store_cursor cursor;
    struct key key = key_of_block(walk->chain->id, walk->next), prefix = key_of_chain(walk->chain->id);
    uint32_t block = chunk ? chunk_find(chunk, walk->next) : 0, count = chunk ? chunk->block_count : 0;
    uint64_t end = chunk ? chunk_number(chunk, count - 1) : walk->last;
    if (end > walk->last) {
        end = walk->last;
        count = chunk_find(chunk, end + 1);
    }
    enum tracer_status status = store_cursor_open(walk->graph, txn, TABLE_BLOCK, &cursor, err);
    if (status)
        return status;
    for (status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
         !status && store_cursor_in(&cursor, &prefix) && cursor.key_size == key.size;
         status = store_cursor_move(&cursor, MDB_NEXT, NULL, err)) {
        uint64_t number = get_u64_big(cursor.key + 8);
        if (number > end)
            break;
        if (block == count || chunk_number(chunk, block) != number) {
            status = missing(walk, number, err);
            break;
        }
        block++;
    }
    store_cursor_close(&cursor);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    return block == count ? TRACER_OK : missing(walk, chunk_number(chunk, block), err);
}

/* All ids of the rows that will be given can be resolved without a transaction later. */
static enum tracer_status need_ids(struct walk *walk, MDB_txn *txn, struct error *err)
{
    const struct chunk *chunk = &walk->edit.chunk;
    struct chain *chain = walk->chain;
    for (uint32_t i = walk->scan.row; i < walk->row_end; i++) {
        const uint32_t ends[2] = {column_get(&chunk->columns[COLUMN_FROM], i),
                                  column_get(&chunk->columns[COLUMN_TO], i)};
        for (int end = 0; end < 2; end++)
            if (!ids_have(&chain->account_pages, ends[end], ACCOUNTS_PER_RECORD)) {
                enum tracer_status status = ids_need_account(walk->graph, txn, chain, ends[end], err);
                if (status)
                    return status;
            }
        uint32_t asset = column_get(&chunk->columns[COLUMN_ASSET], i);
        if (!ids_have(&chain->asset_pages, asset, ASSETS_PER_RECORD)) {
            enum tracer_status status = ids_need_asset(walk->graph, txn, chain, asset, err);
            if (status)
                return status;
        }
    }
    return TRACER_OK;
}

/* The chunk that has walk->next, or the next one behind it. */
static enum tracer_status find_chunk(struct walk *walk, MDB_txn *txn, struct error *err)
{
    struct store_cursor cursor;
    struct key key = key_of_block(walk->chain->id, walk->next), prefix = key_of_chain(walk->chain->id);
    struct record record;
    struct seen *seen = &walk->graph->log_seen;
    enum tracer_status status = store_cursor_open(walk->graph, txn, TABLE_LOG, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, prefix.size, err);
    if (status == TRACER_E_NOT_FOUND)
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    while (!status) {
        if (!store_cursor_in(&cursor, &prefix) || get_u64_big(cursor.key + 8) > walk->last) {
            status = TRACER_E_NOT_FOUND;
            break;
        }
        if (store_is_seen(&cursor, seen)) {
            record = (struct record){seen->at, seen->size};
        } else {
            seen->at = NULL;
            status = store_cursor_record(&cursor, &record, err);
            if (!status && !chunk_parse(record.data, record.size, &walk->graph->log))
                status = store_damaged(walk->graph, TABLE_LOG, cursor.key, cursor.key_size, err);
            if (!status)
                store_see(&cursor, record.size, seen);
        }
        walk->edit.chunk = walk->graph->log;
        if (status || edit_last(&walk->edit) >= walk->next)
            break;
        status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    }
    if (!status) {
        walk->edit.bytes = malloc(record.size + CHECKSUM_SIZE);
        if (!walk->edit.bytes) {
            status = store_error(walk->graph, err, TRACER_E_NOMEM, "no memory");
        } else {
            memcpy(walk->edit.bytes, record.data, record.size + CHECKSUM_SIZE);
            chunk_move(&walk->edit.chunk, record.data, walk->edit.bytes);
        }
    }
    store_cursor_close(&cursor);
    return status;
}

/* Of the rows those of the transactions that are walked over. */
static void take_transactions(struct walk *walk)
{
    while (walk->scan.row < walk->row_end && walk->scan.transaction_index < walk->first_transaction)
        chunk_scan_skip(&walk->scan, walk->scan.run_count);
    if (walk->last_transaction == TRANSACTION_AFTER)
        return;
    struct chunk_scan end = walk->scan;
    while (end.row < walk->row_end && end.transaction_index <= walk->last_transaction)
        chunk_scan_skip(&end, end.run_count);
    walk->row_end = end.row;
}

static enum tracer_status load_chunk(struct walk *walk, MDB_txn *txn, bool *ret_found, struct error *err)
{
    const struct chunk *chunk = &walk->edit.chunk;
    enum tracer_status status = walk_check(walk->graph, txn, walk->chain->id, walk->generation, err);
    *ret_found = false;
    if (status)
        return status;
    status = find_chunk(walk, txn, err);
    if (status == TRACER_E_NOT_FOUND)
        return check_presence(walk, txn, NULL, err);
    if (!status)
        status = check_presence(walk, txn, chunk, err);
    if (status)
        return status;
    uint32_t end = walk->last == UINT64_MAX ? chunk->block_count : chunk_find(chunk, walk->last + 1);
    chunk_scan_at(&walk->scan, chunk, chunk_find(chunk, walk->next));
    walk->row_end = end == 0 ? 0 : chunk_row_start(chunk, end);
    take_transactions(walk);
    walk->next = edit_last(&walk->edit) + 1;
    *ret_found = true;
    return need_ids(walk, txn, err);
}

enum tracer_status walk_next(struct walk *walk, struct cursor_row *ret_rows, uint32_t *ret_logs,
                             size_t capacity, size_t *ret_count, struct error *err)
{
    MDB_txn *txn;
    *ret_count = 0;
    while (!walk->open) {
        bool found;
        edit_release(&walk->edit);
        if (walk->next > walk->last)
            return TRACER_OK;
        enum tracer_status status = store_read_begin(walk->graph, &txn, err);
        if (status)
            return status;
        status = load_chunk(walk, txn, &found, err);
        store_read_end(walk->graph);
        if (status)
            return status;
        if (!found) {
            walk->next = UINT64_MAX;
            return TRACER_OK;
        }
        walk->open = walk->scan.row < walk->row_end;
    }
    size_t left = walk->row_end - walk->scan.row;
    *ret_count = chunk_scan_rows(&walk->scan, ret_rows, ret_logs, left < capacity ? left : capacity);
    walk->open = walk->scan.row < walk->row_end;
    return TRACER_OK;
}

void walk_transfer(const struct chain *chain, const struct cursor_row *row, uint32_t log_index,
                   struct transfer *ret_transfer)
{
    *ret_transfer = (struct transfer){.position = row->position,
                                      .kind = (enum transfer_kind)row->kind,
                                      .asset = ids_asset(chain, row->asset),
                                      .from = ids_account(chain, row->from),
                                      .to = ids_account(chain, row->to),
                                      .amount = row->amount,
                                      .link = row->link,
                                      .leg = (enum transfer_leg)row->leg,
                                      .log_index = log_index};
}

/* --- graph_each -------------------------------------------------------------------------------------- */

struct batch {
    struct cursor_row rows[BATCH_ROWS];
    uint32_t logs[BATCH_ROWS];
};

static enum tracer_status each(struct graph *graph, struct walk *walk, graph_visit_fn *visit, void *context, struct error *err)
{
    size_t count;
    enum tracer_status status;
    struct batch *batch = malloc(sizeof(*batch));
    if (!batch)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    graph->cursors++;
    while (!(status = walk_next(walk, batch->rows, batch->logs, BATCH_ROWS, &count, err)) && count > 0) {
        for (size_t i = 0; !status && i < count; i++) {
            struct transfer transfer;
            walk_transfer(walk->chain, &batch->rows[i], batch->logs[i], &transfer);
            status = visit(context, &transfer, err);
        }
        if (status)
            break;
        graph->cursors--; /* between batches pages may be dropped */
        if (graph->cursors == 0 && !walk->open && graph->page_bytes > ID_PAGES_BYTES_MAX)
            ids_drop_pages(graph);
        graph->cursors++;
    }
    graph->cursors--;
    walk_end(walk);
    free(batch);
    return status;
}

enum tracer_status graph_each(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                              graph_visit_fn *visit, void *context, struct error *err)
{
    struct walk walk;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = walk_begin(&walk, graph, chain_id, first, last, err);
    return status ? status : each(graph, &walk, visit, context, err);
}

enum tracer_status graph_each_in_block(struct graph *graph, uint64_t chain_id, uint64_t block, int32_t first, int32_t last,
                                       graph_visit_fn *visit, void *context, struct error *err)
{
    struct walk walk;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = walk_begin(&walk, graph, chain_id, block, block, err);
    if (status)
        return status;
    walk.first_transaction = first;
    walk.last_transaction = last;
    return each(graph, &walk, visit, context, err);
}
