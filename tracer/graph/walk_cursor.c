/* walk_cursor.c - the cursor of a replay: the log from `first` on, with opening balances merged in. */
#include <stdlib.h>

#include "walk.h"

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

static enum tracer_status add_opening(struct graph_cursor *cursor, MDB_txn *txn,
                                      const struct store_cursor *place, const struct record *record,
                                      struct error *err)
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
    *ret_cursor = (struct cursor){
        cursor,         cursor_next_split, cursor_rewind, cursor_account_count, cursor_asset_count,
        cursor_account, cursor_asset,      cursor_free};
    return TRACER_OK;
}
