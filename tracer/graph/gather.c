/* gather.c - the transactions of some accounts, in chain order, found by the index: what they cost does not depend on the size
 * of the store.
 *
 * The index names the blocks of an account. Those of each account that is added are marked, and one after the other of the marked blocks
 * is looked through for rows of the accounts; each whole transaction that has one is given. Accounts may be added as the rows go by: of
 * theirs, only what is still to come counts, until rewind(). */
#include <inttypes.h>
#include <stdlib.h>

#include "segment.h"
#include "walk.h"

/* What the index costs, in transfers that are read by the scan (bench_taint): an account in a block, its rows found and replayed; a page
 * of the index. (To look through blocks is cheap: all of them, twice, for a tenth of the scan.) What more accounts cost is known when they
 * are added; up to two fifths of it were spent by then, and are lost if the index is given up. So it is not given up near the end of
 * the range, for a last part that costs less than to begin again. */
#define HINT_COST 6u
#define PAGE_COST 10u

#define FILTER_LEAST 4096u /* bits */

#define LEAF_BLOCKS 4096u

/* Ids of the store, numbered as they are met: what the engine keeps by number is as large as what it meets. */
struct numbers {
    struct number {
        uint32_t id;
        bool added; /* an account: all of its rows are given */
    } *of; /* [count] */
    uint64_t *slots; /* id << 32 | number + 1; 0: empty */
    size_t count, capacity; /* slots: twice the capacity */
};

struct graph_gather {
    struct graph *graph;
    struct chain *chain;
    uint64_t first, last, generation; /* pinned */
    struct numbers accounts, assets; /* those of the rows that were given, and accounts that were added */
    uint64_t room, more; /* what may still be spent, and then near the end of the range, if none is named */
    uint64_t begun;      /* the first block that was looked at */
    uint8_t *filter; /* bits: id & filter_mask of the accounts that were added, and more in common */
    uint32_t filter_mask;
    size_t added_count;
    struct position *named; /* rows that were added, sorted */
    size_t named_count, named_capacity;
    uint64_t **leaves; /* bits: the blocks from `first` on that were marked; NULL: none of LEAF_BLOCKS */
    size_t leaf_count;
    uint8_t *bytes; /* of the chunk that was read last */
    struct chunk chunk;
    bool loaded, inside; /* a chunk; its block of `scan` has rows that were not looked at */
    struct chunk_scan scan;
    uint32_t row_end;
    uint64_t next; /* blocks before it were given */
    struct position given; /* the last row that was, if next > 0 */
    bool ended;    /* the last transaction of the range was given */
    struct chain_state state; /* at the beginning */
    bool fresh_marked;
    size_t seen; /* the transaction that the next two are of */
    struct run_list runs;
    struct run_reader *readers; /* one for each of the live runs of rows, in their order */
    struct cursor_row *rows;
    size_t row_capacity;
};

static enum tracer_status no_memory(const struct graph_gather *gather, struct error *err)
{
    return store_error(gather->graph, err, TRACER_E_NOMEM, "no memory");
}

/* ---- numbers ---- */

static size_t number_slot(const struct numbers *numbers, uint32_t id)
{
    size_t mask = 2 * numbers->capacity - 1, at = (uint32_t)(id * 0x9e3779b1u) * (uint64_t)(mask + 1) >> 32;
    while (numbers->slots[at] && numbers->slots[at] >> 32 != id)
        at = (at + 1) & mask;
    return at;
}

static bool numbers_grow(struct numbers *numbers)
{
    size_t capacity = numbers->capacity ? 2 * numbers->capacity : 64;
    struct number *of = realloc(numbers->of, capacity * sizeof(*of));
    if (of)
        numbers->of = of;
    uint64_t *slots = of ? calloc(2 * capacity, sizeof(*slots)) : NULL;
    if (!slots)
        return false;
    free(numbers->slots);
    numbers->slots = slots;
    numbers->capacity = capacity;
    for (size_t i = 0; i < numbers->count; i++)
        slots[number_slot(numbers, of[i].id)] = (uint64_t)of[i].id << 32 | (i + 1);
    return true;
}

static enum tracer_status number_of(const struct graph_gather *gather, struct numbers *numbers, uint32_t id, uint32_t *ret_number, struct error *err)
{
    if (numbers->count == numbers->capacity && !numbers_grow(numbers))
        return no_memory(gather, err);
    uint64_t *slot = &numbers->slots[number_slot(numbers, id)];
    if (!*slot) {
        numbers->of[numbers->count] = (struct number){.id = id};
        *slot = (uint64_t)id << 32 | ++numbers->count;
    }
    *ret_number = (uint32_t)*slot - 1;
    return TRACER_OK;
}

/* ---- the accounts that were added ---- */

static void filter_put(struct graph_gather *gather, uint32_t id)
{
    uint32_t bit = id & gather->filter_mask;
    gather->filter[bit / 8] |= (uint8_t)(1u << bit % 8);
}

/* At least 32 bits for each, so that few others have the bit of one. */
static enum tracer_status filter_add(struct graph_gather *gather, uint32_t number, struct error *err)
{
    struct number *added = &gather->accounts.of[number];
    if (added->added)
        return TRACER_OK;
    added->added = true;
    filter_put(gather, added->id);
    if (++gather->added_count <= gather->filter_mask / 32 || gather->filter_mask >= gather->state.accounts)
        return TRACER_OK;
    uint32_t mask = 4 * gather->filter_mask + 3;
    uint8_t *filter = calloc(mask / 8 + 1, 1);
    if (!filter)
        return no_memory(gather, err);
    free(gather->filter);
    gather->filter = filter;
    gather->filter_mask = mask;
    for (size_t i = 0; i < gather->accounts.count; i++)
        if (gather->accounts.of[i].added)
            filter_put(gather, gather->accounts.of[i].id);
    return TRACER_OK;
}

static bool was_added(const struct graph_gather *gather, uint32_t id)
{
    uint64_t slot = gather->accounts.slots[number_slot(&gather->accounts, id)];
    return slot && gather->accounts.of[(uint32_t)slot - 1].added;
}

/* The first row of [row, end) with one of them; end: none. */
static uint32_t next_wanted(const struct graph_gather *gather, uint32_t row, uint32_t end)
{
    const struct column from = gather->chunk.columns[COLUMN_FROM], to = gather->chunk.columns[COLUMN_TO];
    const uint8_t *filter = gather->filter;
    const uint32_t mask = gather->filter_mask;
    for (; row < end; row++) {
        uint32_t sender = column_get(&from, row), recipient = column_get(&to, row), a = sender & mask, b = recipient & mask;
        if (((filter[a / 8] >> a % 8 | filter[b / 8] >> b % 8) & 1) && (was_added(gather, sender) || was_added(gather, recipient)))
            break;
    }
    return row;
}

/* ---- blocks ---- */

/* Were the accounts added evenly, those of the last eighth would cost a seventh of what was spent: less than to begin again. */
static bool is_near_end(const struct graph_gather *gather)
{
    return gather->next > gather->begun && (gather->last - gather->next + 1) < (gather->last - gather->begun + 1) / 8;
}

static enum tracer_status spend(struct graph_gather *gather, uint64_t cost, struct error *err)
{
    if (cost > gather->room && is_near_end(gather)) {
        gather->room += gather->more;
        gather->more = 0;
    }
    if (cost > gather->room)
        return store_error(gather->graph, err, TRACER_E_LIMIT, "these accounts have too many transfers for the index");
    gather->room -= cost;
    return TRACER_OK;
}

static enum tracer_status mark(struct graph_gather *gather, uint64_t block, struct error *err)
{
    const uint64_t place = block - gather->first;
    uint64_t **leaf = &gather->leaves[place / LEAF_BLOCKS];
    enum tracer_status status = spend(gather, HINT_COST, err);
    if (status)
        return status;
    if (!*leaf && !(*leaf = calloc(LEAF_BLOCKS / 64, sizeof(**leaf))))
        return no_memory(gather, err);
    (*leaf)[place % LEAF_BLOCKS / 64] |= UINT64_C(1) << place % 64;
    return TRACER_OK;
}

/* The first marked block that was not given. */
static bool next_marked(const struct graph_gather *gather, uint64_t *ret_block)
{
    uint64_t place = gather->next > gather->first ? gather->next - gather->first : 0;
    while (place / LEAF_BLOCKS < gather->leaf_count) {
        const uint64_t *leaf = gather->leaves[place / LEAF_BLOCKS];
        const uint64_t word = leaf ? leaf[place % LEAF_BLOCKS / 64] >> place % 64 : 0;
        *ret_block = gather->first + place + (word ? (unsigned)__builtin_ctzll(word) : 0);
        if (word)
            return true;
        place += leaf ? 64 - place % 64 : LEAF_BLOCKS - place % LEAF_BLOCKS;
    }
    return false;
}

/* Begin to read. What a transaction has shown of the runs holds for one of the same state. */
static enum tracer_status look(struct graph_gather *gather, MDB_txn **ret_txn, struct error *err)
{
    enum tracer_status status = store_check(gather->graph, err);
    if (status || (status = store_read_begin(gather->graph, ret_txn, err)) || mdb_txn_id(*ret_txn) == gather->seen)
        return status;
    gather->seen = 0;
    status = walk_check(gather->graph, *ret_txn, gather->chain->id, gather->generation, err);
    if (!status)
        status = store_get_runs(gather->graph, *ret_txn, gather->chain->id, &gather->runs, err);
    free(gather->readers);
    gather->readers = calloc(gather->runs.count + 1, sizeof(*gather->readers));
    if (!status && !gather->readers)
        status = no_memory(gather, err);
    if (!status)
        gather->seen = mdb_txn_id(*ret_txn);
    else
        store_read_end(gather->graph);
    return status;
}

/* The hints of one run. */
static enum tracer_status read_run(struct graph_gather *gather, MDB_txn *txn, const struct run *run, struct run_reader *reader, uint32_t id,
                                   struct error *err)
{
    const struct segment_entry from = {.key = id, .block = gather->first};
    const uint64_t page = reader->pages ? reader->number : UINT64_MAX;
    enum tracer_status status = run_reader_again(reader, gather->graph, txn, gather->chain->id, run, &from, err);
    if (!status && reader->number != page)
        status = spend(gather, PAGE_COST, err);
    while (!status && !reader->end && reader->entry.key == id && reader->entry.block <= gather->last) {
        status = mark(gather, reader->entry.block, err);
        if (!status)
            status = run_reader_next(reader, gather->graph, txn, err);
    }
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* Blocks that no run knew at the beginning are looked at whatever account is added. */
static enum tracer_status mark_fresh(struct graph_gather *gather, struct error *err)
{
    const struct chain_state *state = &gather->state;
    enum tracer_status status = TRACER_OK;
    for (uint32_t i = 0; !gather->fresh_marked && i < state->fresh_count && !status; i++) {
        uint64_t from = state->fresh[i].first < gather->first ? gather->first : state->fresh[i].first;
        uint64_t last = state->fresh[i].last > gather->last ? gather->last : state->fresh[i].last;
        for (uint64_t block = from; block <= last && !status; block++)
            status = mark(gather, block, err);
    }
    gather->fresh_marked = true;
    return status;
}

static enum tracer_status gather_add(void *self, uint32_t account, struct error *err)
{
    struct graph_gather *gather = self;
    MDB_txn *txn;
    const uint32_t id = gather->accounts.of[account].id;
    if (id >= gather->state.accounts)
        return store_error(gather->graph, err, TRACER_E_UNAVAILABLE, "an account that came later");
    enum tracer_status status = mark_fresh(gather, err);
    if (status || (status = look(gather, &txn, err)))
        return status;
    struct run_reader *reader = gather->readers;
    for (uint32_t i = 0; !status && i < gather->runs.count; i++) {
        const struct run *run = &gather->runs.runs[i];
        if (run->kind == RUN_ROWS && run->phase == RUN_LIVE)
            status = read_run(gather, txn, run, reader++, id, err);
    }
    store_read_end(gather->graph);
    return status ? status : filter_add(gather, account, err);
}

static enum tracer_status gather_find(void *self, struct address address, uint32_t *ret_account, struct error *err)
{
    struct graph_gather *gather = self;
    uint32_t id;
    MDB_txn *txn;
    enum tracer_status status = look(gather, &txn, err);
    if (status)
        return status;
    status = find_account(gather->graph, txn, gather->chain, address, &id, err);
    store_read_end(gather->graph);
    return status ? status : number_of(gather, &gather->accounts, id, ret_account, err);
}

/* ---- chunks ---- */

/* NOT_FOUND: the block is not stored. */
static enum tracer_status read_chunk(struct graph_gather *gather, MDB_txn *txn, uint64_t block, struct error *err)
{
    struct store_cursor cursor;
    struct record record;
    struct key key = key_of_block(gather->chain->id, block);
    enum tracer_status status = store_cursor_open(gather->graph, txn, TABLE_LOG, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, 8, err);
    if (!status)
        status = store_cursor_record(&cursor, &record, err);
    if (!status) {
        uint8_t *bytes = realloc(gather->bytes, record.size + CHECKSUM_SIZE);
        if (!bytes) {
            status = no_memory(gather, err);
        } else {
            gather->bytes = bytes;
            memcpy(bytes, record.data, record.size + CHECKSUM_SIZE);
            gather->loaded = chunk_parse(bytes, record.size, &gather->chunk);
            status = gather->loaded ? TRACER_OK : store_damaged(gather->graph, TABLE_LOG, cursor.key, cursor.key_size, err);
        }
    }
    store_cursor_close(&cursor);
    return status;
}

static bool has_block(const struct graph_gather *gather, uint64_t block)
{
    return gather->loaded && chunk_number(&gather->chunk, 0) <= block &&
           chunk_number(&gather->chunk, gather->chunk.block_count - 1) >= block;
}

/* *ret_found false: a hint that points at nothing. */
static enum tracer_status load_block(struct graph_gather *gather, uint64_t number, uint32_t *ret_block, bool *ret_found, struct error *err)
{
    MDB_txn *txn;
    struct block_record stored;
    enum tracer_status status = TRACER_OK;
    if (!has_block(gather, number)) {
        gather->loaded = gather->inside = false;
        if ((status = look(gather, &txn, err)))
            return status;
        status = read_chunk(gather, txn, number, err);
        store_read_end(gather->graph);
        if (status && status != TRACER_E_NOT_FOUND)
            return status;
    }
    *ret_block = status ? 0 : chunk_find(&gather->chunk, number);
    *ret_found = !status && *ret_block < gather->chunk.block_count && chunk_number(&gather->chunk, *ret_block) == number;
    if (*ret_found)
        return TRACER_OK;
    /* A block that a hint names is either stored, and then in its chunk, or gone. */
    if ((status = look(gather, &txn, err)))
        return status;
    status = store_get_block_record(gather->graph, txn, gather->chain->id, number, &stored, err);
    store_read_end(gather->graph);
    if (!status)
        return store_error(gather->graph, err, TRACER_E_DAMAGED,
                           "record missing (log, chain %" PRIu64 ", block %" PRIu64 "). Nothing was answered. Run: store verify, then restore",
                           gather->chain->id, number);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* By numbers, whose values are there. */
static enum tracer_status number_rows(struct graph_gather *gather, size_t count, struct error *err)
{
    struct chain *chain = gather->chain;
    enum tracer_status status = TRACER_OK;
    MDB_txn *txn = NULL;
    for (size_t i = 0; i < count && !status; i++) {
        struct cursor_row *row = &gather->rows[i];
        if (!ids_have(&chain->account_pages, row->from, ACCOUNTS_PER_RECORD) || !ids_have(&chain->account_pages, row->to, ACCOUNTS_PER_RECORD) ||
            !ids_have(&chain->asset_pages, row->asset, ASSETS_PER_RECORD)) {
            if (!txn && (status = look(gather, &txn, err)))
                return status;
            if (!(status = ids_need_account(gather->graph, txn, chain, row->from, err)) &&
                !(status = ids_need_account(gather->graph, txn, chain, row->to, err)))
                status = ids_need_asset(gather->graph, txn, chain, row->asset, err);
        }
        if (!status && !(status = number_of(gather, &gather->accounts, row->from, &row->from, err)) &&
            !(status = number_of(gather, &gather->accounts, row->to, &row->to, err)))
            status = number_of(gather, &gather->assets, row->asset, &row->asset, err);
    }
    if (txn)
        store_read_end(gather->graph);
    return status;
}

/* The whole transaction that row `row` of the chunk is in; the scan stands at or before its first row. */
static enum tracer_status give(struct graph_gather *gather, uint32_t row, size_t *ret_count, struct error *err)
{
    struct chunk_scan *scan = &gather->scan;
    chunk_scan_to_run(scan, row);
    if (scan->run_count > gather->row_capacity) {
        struct cursor_row *rows = realloc(gather->rows, scan->run_count * sizeof(*rows));
        if (!rows)
            return no_memory(gather, err);
        gather->rows = rows;
        gather->row_capacity = scan->run_count;
    }
    *ret_count = chunk_scan_rows(scan, gather->rows, NULL, scan->run_count);
    gather->given = gather->rows[*ret_count - 1].position;
    return number_rows(gather, *ret_count, err);
}

static void enter_block(struct graph_gather *gather, uint32_t block)
{
    chunk_scan_at(&gather->scan, &gather->chunk, block);
    gather->row_end = chunk_row_start(&gather->chunk, block + 1);
    gather->inside = gather->scan.row < gather->row_end;
}

static bool is_named(const struct graph_gather *gather, uint64_t block)
{
    size_t low = 0, high = gather->named_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (gather->named[middle].block_number < block)
            low = middle + 1;
        else
            high = middle;
    }
    return low < gather->named_count && gather->named[low].block_number == block;
}

/* The next transaction of the block with a row of the accounts; all of a block that has a named row. */
static enum tracer_status look_on(struct graph_gather *gather, size_t *ret_count, struct error *err)
{
    uint32_t row = gather->scan.row;
    if (!is_named(gather, gather->next - 1))
        row = next_wanted(gather, row, gather->row_end);
    gather->inside = row < gather->row_end;
    enum tracer_status status = gather->inside ? give(gather, row, ret_count, err) : TRACER_OK;
    gather->inside = gather->inside && gather->scan.row < gather->row_end;
    return status;
}

static int compare_positions(const void *a, const void *b)
{
    return position_compare(*(const struct position *)a, *(const struct position *)b);
}

static enum tracer_status gather_add_row(void *self, struct position position, struct error *err)
{
    struct graph_gather *gather = self;
    if (position.block_number < gather->first || position.block_number > gather->last)
        return TRACER_OK;
    if (gather->named_count == gather->named_capacity) {
        size_t capacity = gather->named_capacity * 2 + 16;
        struct position *named = realloc(gather->named, capacity * sizeof(*named));
        if (!named)
            return no_memory(gather, err);
        gather->named = named;
        gather->named_capacity = capacity;
    }
    gather->named[gather->named_count++] = position;
    if (gather->named_count > 1 && position_compare(position, gather->named[gather->named_count - 2]) < 0)
        qsort(gather->named, gather->named_count, sizeof(*gather->named), compare_positions);
    return mark(gather, position.block_number, err);
}

/* Behind the accounts' last row, the last transaction of all: address seeds whose block has come are active. */
static enum tracer_status give_last(struct graph_gather *gather, size_t *ret_count, struct error *err)
{
    uint32_t block = 0;
    MDB_txn *txn;
    *ret_count = 0;
    if (gather->ended)
        return TRACER_OK;
    gather->ended = true;
    gather->loaded = gather->inside = false;
    enum tracer_status status = look(gather, &txn, err);
    if (status)
        return status;
    status = read_chunk(gather, txn, gather->last, err);
    store_read_end(gather->graph);
    if (status)
        return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
    for (block = chunk_find(&gather->chunk, gather->last + 1); block > 0 && chunk_number(&gather->chunk, block - 1) >= gather->first; block--) {
        enter_block(gather, block - 1);
        if (!gather->inside)
            continue;
        struct position given = gather->given;
        status = give(gather, gather->row_end - 1, ret_count, err);
        if (gather->next > 0 && position_compare(gather->given, given) <= 0)
            *ret_count = 0; /* it was given */
        gather->inside = false;
        return status;
    }
    return TRACER_OK;
}

/* ---- the cursor ---- */

static enum tracer_status gather_next(void *self, const struct cursor_row **ret_rows, size_t *ret_count, struct error *err)
{
    struct graph_gather *gather = self;
    enum tracer_status status = store_check(gather->graph, err);
    uint64_t number;
    *ret_count = 0;
    while (!status && !*ret_count && (gather->inside || next_marked(gather, &number))) {
        uint32_t block;
        bool found = false;
        if (gather->inside) {
            status = look_on(gather, ret_count, err);
            continue;
        }
        gather->begun = number < gather->begun ? number : gather->begun;
        gather->next = number + 1;
        status = load_block(gather, number, &block, &found, err);
        if (!status && found)
            enter_block(gather, block);
    }
    if (!status && !*ret_count)
        status = give_last(gather, ret_count, err);
    *ret_rows = gather->rows;
    return status;
}

static enum tracer_status gather_rewind(void *self, struct error *err)
{
    struct graph_gather *gather = self;
    gather->next = 0;
    gather->ended = gather->inside = false;
    return store_check(gather->graph, err);
}

static uint32_t gather_account_count(void *self)
{
    return (uint32_t)((const struct graph_gather *)self)->accounts.count;
}

static uint32_t gather_asset_count(void *self)
{
    return (uint32_t)((const struct graph_gather *)self)->assets.count;
}

static struct address gather_account(void *self, uint32_t number)
{
    const struct graph_gather *gather = self;
    const uint32_t id = gather->accounts.of[number].id;
    return id == 0 ? (struct address){{0}} : ids_account(gather->chain, id);
}

static struct asset gather_asset(void *self, uint32_t number)
{
    const struct graph_gather *gather = self;
    const uint32_t id = gather->assets.of[number].id;
    return id == 0 ? (struct asset){0} : ids_asset(gather->chain, id);
}

static void gather_free(void *self)
{
    struct graph_gather *gather = self;
    gather->graph->cursors--;
    for (size_t i = 0; i < gather->leaf_count; i++)
        free(gather->leaves[i]);
    free(gather->leaves);
    free(gather->filter);
    free(gather->accounts.of);
    free(gather->accounts.slots);
    free(gather->assets.of);
    free(gather->assets.slots);
    free(gather->named);
    free(gather->bytes);
    free(gather->rows);
    free(gather->readers);
    free(gather);
}

static enum tracer_status has_opening(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t first, bool *ret_has, struct error *err)
{
    struct store_cursor place;
    struct key prefix = key_of_block(chain_id, first);
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_OPENING, &place, err);
    if (status)
        return status;
    status = store_cursor_move(&place, MDB_SET_RANGE, &prefix, err);
    *ret_has = !status && store_cursor_in(&place, &prefix);
    store_cursor_close(&place);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static enum tracer_status begin(struct graph_gather *gather, uint64_t first, uint64_t last, struct error *err)
{
    MDB_txn *txn;
    struct chain_state *state = &gather->state;
    bool opened = false;
    enum tracer_status status = store_read_begin(gather->graph, &txn, err);
    if (status)
        return status;
    status = store_get_state(gather->graph, txn, gather->chain->id, state, err);
    if (!status)
        status = has_opening(gather->graph, txn, gather->chain->id, first, &opened, err);
    store_read_end(gather->graph);
    if (status)
        return status;
    if (opened || state->count == 0 || state->wide_amounts || first > state->last || state->last - first >= TRACER_GATHER_BLOCKS_MAX)
        return store_error(gather->graph, err, TRACER_E_UNAVAILABLE, "this store is read from its start");
    gather->first = first;
    gather->last = last < state->last ? last : state->last;
    gather->generation = state->generation;
    if (gather->room == 0) {
        gather->room = state->transfers;
        gather->more = state->transfers; /* whoever gave up at the very end would have paid for both */
    }
    gather->begun = UINT64_MAX;
    gather->filter_mask = FILTER_LEAST - 1;
    gather->filter = calloc(FILTER_LEAST / 8, 1);
    gather->leaf_count = gather->last < first ? 0 : (gather->last - first) / LEAF_BLOCKS + 1;
    gather->leaves = calloc(gather->leaf_count + 1, sizeof(*gather->leaves));
    return gather->filter && gather->leaves && numbers_grow(&gather->accounts) ? TRACER_OK : no_memory(gather, err);
}

enum tracer_status graph_gather(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last, uint64_t cost_max,
                                struct cursor *ret_cursor, struct cursor_index *ret_index, struct error *err)
{
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    struct graph_gather *gather = calloc(1, sizeof(*gather));
    if (!gather)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    graph->cursors++; /* pages that rows need are not dropped */
    gather->graph = graph;
    gather->room = cost_max;
    gather->chain = store_chain(graph, chain_id);
    status = gather->chain ? begin(gather, first, last, err) : no_memory(gather, err);
    if (status) {
        gather_free(gather);
        return status;
    }
    *ret_index = (struct cursor_index){gather, gather_add, gather_add_row, gather_find};
    *ret_cursor = (struct cursor){gather,         gather_next, gather_rewind, gather_account_count, gather_asset_count,
                                  gather_account, gather_asset, gather_free};
    return TRACER_OK;
}
