/* walk.c - reading the log forward: graph_each() and graph_cursor(). */
#include "walk.h"

#include <inttypes.h>
#include <stdlib.h>

#define BATCH_ROWS 4096u

/* --- the walk ---------------------------------------------------------------------------------------- */

enum tracer_status walk_check(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t generation,
                              struct error *err)
{
    struct chain_state state;
    enum tracer_status status = store_get_state(graph, txn, chain_id, &state, err);
    if (status || state.generation == generation)
        return status;
    status = store_error(graph, err, TRACER_E_STORE,
                         "chain %" PRIu64 " changed while it was read (a rewind, or blocks filled in). Run again",
                         chain_id);
    if (err)
        err->retryable = true;
    return status;
}

enum tracer_status walk_begin(struct walk *walk, struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                              struct error *err)
{
    MDB_txn *txn;
    struct chain_state state;
    *walk = (struct walk){.graph = graph, .first = first, .last = last, .next = first};
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

/* Absence is damage too: the blocks from walk->next on must be those of the chunk, up to its end; without a
 * chunk there must be none. */
static enum tracer_status check_presence(const struct walk *walk, MDB_txn *txn, const struct chunk *chunk,
                                         struct error *err)
{
    struct store_cursor cursor;
    struct key key = key_of_block(walk->chain->id, walk->next), prefix = key_of_chain(walk->chain->id);
    uint32_t block = chunk ? chunk_find(chunk, walk->next) : 0, count = chunk ? chunk->block_count : 0;
    uint64_t end = chunk ? chunk_number(chunk, count - 1) : walk->last;
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
        const uint32_t ends[2] = {chunk_column(chunk->from, chunk->widths[WIDTH_FROM], i),
                                  chunk_column(chunk->to, chunk->widths[WIDTH_TO], i)};
        for (int end = 0; end < 2; end++)
            if (!ids_have(&chain->account_pages, ends[end], ACCOUNTS_PER_RECORD)) {
                enum tracer_status status = ids_need_account(walk->graph, txn, chain, ends[end], err);
                if (status)
                    return status;
            }
        uint32_t asset = chunk_column(chunk->asset, chunk->widths[WIDTH_ASSET], i);
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
        status = store_cursor_record(&cursor, &record, err);
        if (!status && !chunk_parse(record.data, record.size, &walk->edit.chunk))
            status = store_damaged(walk->graph, TABLE_LOG, cursor.key, cursor.key_size, err);
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
            bool parsed = chunk_parse(walk->edit.bytes, record.size, &walk->edit.chunk);
            status = parsed ? TRACER_OK : store_damaged(walk->graph, TABLE_LOG, cursor.key, cursor.key_size, err);
        }
    }
    store_cursor_close(&cursor);
    return status;
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
    walk->next = edit_last(&walk->edit) + 1;
    *ret_found = true;
    return need_ids(walk, txn, err);
}

enum tracer_status walk_next(struct walk *walk, struct cursor_row *ret_rows, uint32_t *ret_logs, size_t capacity,
                             size_t *ret_count, struct error *err)
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

enum tracer_status graph_each(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                              graph_visit_fn *visit, void *context, struct error *err)
{
    struct walk walk;
    size_t count;
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    status = walk_begin(&walk, graph, chain_id, first, last, err);
    if (status)
        return status;
    struct batch *batch = malloc(sizeof(*batch));
    if (!batch)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    graph->cursors++;
    while (!(status = walk_next(&walk, batch->rows, batch->logs, BATCH_ROWS, &count, err)) && count > 0) {
        for (size_t i = 0; !status && i < count; i++) {
            struct transfer transfer;
            walk_transfer(walk.chain, &batch->rows[i], batch->logs[i], &transfer);
            status = visit(context, &transfer, err);
        }
        if (status)
            break;
        graph->cursors--; /* between batches pages may be dropped */
        if (graph->cursors == 0 && !walk.open && graph->page_bytes > ID_PAGES_BYTES_MAX)
            ids_drop_pages(graph);
        graph->cursors++;
    }
    graph->cursors--;
    walk_end(&walk);
    free(batch);
    return status;
}

/* --- graph_cursor ------------------------------------------------------------------------------------ */

struct opening_row {
    struct address account;
    struct asset asset;
    struct cursor_row row;
};
struct graph_cursor {
    struct walk walk;
    struct opening_row *openings; /* by account, then asset: not by id, which is order of arrival */
    size_t opening_count;
    struct cursor_row *opening_rows;
    bool opened;         /* the openings were given */
    uint32_t next_index; /* of the first opening: behind the rows that the block itself has there */
    bool openings_next;
    size_t held_at, held_count; /* rows of the batch that wait until the openings were given */
    struct cursor_row rows[BATCH_ROWS];
};

static int compare_openings(const void *a, const void *b)
{
    const struct opening_row *left = a, *right = b;
    int order = address_compare(left->account, right->account);
    return order ? order : asset_compare(&left->asset, &right->asset);
}

static enum tracer_status add_opening(struct graph_cursor *cursor, MDB_txn *txn, const struct store_cursor *place,
                                      const struct record *record, struct error *err)
{
    struct walk *walk = &cursor->walk;
    struct opening_row opening = {.row.kind = TRANSFER_OPENING};
    struct reader reader = {record->data, record->data + record->size, false};
    uint8_t amount[32];
    read_bytes(&reader, amount, sizeof(amount));
    if (reader.bad || place->key_size != 24)
        return store_damaged(walk->graph, TABLE_OPENING, place->key, place->key_size, err);
    opening.row.amount = u256_from_bytes(amount, sizeof(amount));
    opening.row.to = get_u32_big(place->key + 16);
    opening.row.asset = get_u32_big(place->key + 20);
    enum tracer_status status = ids_need_account(walk->graph, txn, walk->chain, 0, err);
    if (!status)
        status = ids_need_account(walk->graph, txn, walk->chain, opening.row.to, err);
    if (!status)
        status = ids_need_asset(walk->graph, txn, walk->chain, opening.row.asset, err);
    if (status)
        return status;
    if (opening.row.to >= walk->accounts) /* put since the walk began */
        walk->accounts = opening.row.to + 1;
    if (opening.row.asset >= walk->assets)
        walk->assets = opening.row.asset + 1;
    opening.account = ids_account(walk->chain, opening.row.to);
    opening.asset = ids_asset(walk->chain, opening.row.asset);
    struct opening_row *grown = realloc(cursor->openings, (cursor->opening_count + 1) * sizeof(*grown));
    if (!grown)
        return store_error(walk->graph, err, TRACER_E_NOMEM, "no memory for opening balances");
    cursor->openings = grown;
    cursor->openings[cursor->opening_count++] = opening;
    return TRACER_OK;
}

static enum tracer_status read_openings(struct graph_cursor *cursor, uint64_t first, struct error *err)
{
    struct walk *walk = &cursor->walk;
    struct store_cursor place = {0};
    struct record record;
    struct key prefix = key_of_block(walk->chain->id, first);
    MDB_txn *txn;
    enum tracer_status status = store_read_begin(walk->graph, &txn, err);
    if (status)
        return status;
    status = store_cursor_open(walk->graph, txn, TABLE_OPENING, &place, err);
    if (!status)
        status = store_cursor_move(&place, MDB_SET_RANGE, &prefix, err);
    while (!status && store_cursor_in(&place, &prefix)) {
        status = store_cursor_record(&place, &record, err);
        if (!status)
            status = add_opening(cursor, txn, &place, &record, err);
        if (!status)
            status = store_cursor_move(&place, MDB_NEXT, NULL, err);
    }
    store_cursor_close(&place);
    store_read_end(walk->graph);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static enum tracer_status arrange_openings(struct graph_cursor *cursor, uint64_t first, struct error *err)
{
    size_t count = cursor->opening_count;
    if (count == 0)
        return TRACER_OK;
    qsort(cursor->openings, count, sizeof(*cursor->openings), compare_openings);
    cursor->opening_rows = malloc(count * sizeof(*cursor->opening_rows));
    if (!cursor->opening_rows)
        return store_error(cursor->walk.graph, err, TRACER_E_NOMEM, "no memory for opening balances");
    for (size_t i = 0; i < count; i++) {
        cursor->opening_rows[i] = cursor->openings[i].row;
        cursor->opening_rows[i].position = (struct position){first, TRANSACTION_BEFORE, 0};
    }
    free(cursor->openings);
    cursor->openings = NULL;
    return TRACER_OK;
}

static bool stands_before(const struct cursor_row *row, uint64_t first)
{
    return row->position.block_number == first && row->position.transaction_index == TRANSACTION_BEFORE;
}

static void give_openings(struct graph_cursor *cursor, const struct cursor_row **ret_rows, size_t *ret_count)
{
    for (size_t i = 0; i < cursor->opening_count; i++)
        cursor->opening_rows[i].position.index = cursor->next_index + (uint32_t)i;
    cursor->opened = true;
    *ret_rows = cursor->opening_rows;
    *ret_count = cursor->opening_count;
}

static enum tracer_status cursor_next(void *self, const struct cursor_row **ret_rows, size_t *ret_count,
                                      struct error *err)
{
    struct graph_cursor *cursor = self;
    size_t count = cursor->held_count;
    *ret_rows = cursor->rows + cursor->held_at;
    *ret_count = count;
    cursor->held_count = 0;
    enum tracer_status status = store_check(cursor->walk.graph, err);
    if (status || count > 0)
        return status;
    status = walk_next(&cursor->walk, cursor->rows, NULL, BATCH_ROWS, &count, err);
    if (status)
        return status;
    *ret_rows = cursor->rows;
    *ret_count = count;
    if (cursor->opened || cursor->opening_count == 0)
        return TRACER_OK;
    size_t before = 0; /* rows of the block that stand before its first transaction come first */
    while (before < count && stands_before(&cursor->rows[before], cursor->walk.first))
        before++;
    if (before > 0)
        cursor->next_index = cursor->rows[before - 1].position.index + 1;
    if (before == count && count > 0)
        return TRACER_OK;
    cursor->held_at = before;
    cursor->held_count = count - before;
    if (before == 0) {
        give_openings(cursor, ret_rows, ret_count);
        return TRACER_OK;
    }
    /* the rows before them now, the openings at the next call, the rest then */
    cursor->openings_next = true;
    *ret_count = before;
    return TRACER_OK;
}

/* Between the two halves of a split batch stand the openings. */
static enum tracer_status cursor_next_split(void *self, const struct cursor_row **ret_rows, size_t *ret_count,
                                            struct error *err)
{
    struct graph_cursor *cursor = self;
    if (cursor->openings_next) {
        cursor->openings_next = false;
        give_openings(cursor, ret_rows, ret_count);
        return TRACER_OK;
    }
    return cursor_next(self, ret_rows, ret_count, err);
}

static enum tracer_status cursor_rewind(void *self, struct error *err)
{
    struct graph_cursor *cursor = self;
    walk_rewind(&cursor->walk);
    cursor->opened = cursor->openings_next = false;
    cursor->next_index = 0;
    cursor->held_count = 0;
    return store_check(cursor->walk.graph, err);
}

static uint32_t cursor_account_count(void *self)
{
    const struct graph_cursor *cursor = self;
    return cursor->walk.accounts;
}

static uint32_t cursor_asset_count(void *self)
{
    const struct graph_cursor *cursor = self;
    return cursor->walk.assets;
}

static struct address cursor_account(void *self, uint32_t id)
{
    const struct graph_cursor *cursor = self;
    return id == 0 ? (struct address){{0}} : ids_account(cursor->walk.chain, id);
}

static struct asset cursor_asset(void *self, uint32_t id)
{
    const struct graph_cursor *cursor = self;
    return id == 0 ? (struct asset){0} : ids_asset(cursor->walk.chain, id);
}

static void cursor_free(void *self)
{
    struct graph_cursor *cursor = self;
    cursor->walk.graph->cursors--;
    walk_end(&cursor->walk);
    free(cursor->openings);
    free(cursor->opening_rows);
    free(cursor);
}

enum tracer_status graph_cursor(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                                struct cursor *ret_cursor, struct error *err)
{
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    struct graph_cursor *cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    graph->cursors++;
    cursor->walk.graph = graph;
    status = walk_begin(&cursor->walk, graph, chain_id, first, last, err);
    if (!status && first <= last)
        status = read_openings(cursor, first, err);
    if (!status)
        status = arrange_openings(cursor, first, err);
    if (status) {
        cursor_free(cursor);
        return status;
    }
    *ret_cursor = (struct cursor){cursor,
                                  cursor_next_split,
                                  cursor_rewind,
                                  cursor_account_count,
                                  cursor_asset_count,
                                  cursor_account,
                                  cursor_asset,
                                  cursor_free};
    return TRACER_OK;
}
