/* account.c - the rows of one account: hints of the sorted runs merged with the fresh blocks, each one
 * checked. */
#include <inttypes.h>
#include <stdlib.h>

#include "segment.h"
#include "walk.h"

#define BATCH 1024u

/* --- address to id ----------------------------------------------------------------------------------- */

static enum tracer_status get_address(struct graph *graph, MDB_txn *txn, struct chain *chain, uint32_t id,
                                      struct address *ret_address, struct error *err)
{
    enum tracer_status status = ids_need_account(graph, txn, chain, id, err);
    if (!status)
        *ret_address = ids_account(chain, id);
    return status;
}

/* Behind run_reader_seek() to its key. */
static enum tracer_status find_here(struct run_reader *reader, struct graph *graph, MDB_txn *txn, struct chain *chain,
                                    struct address address, uint32_t *ret_id, struct error *err)
{
    uint64_t key = segment_address_key(address);
    enum tracer_status status = TRACER_OK;
    while (!status && !reader->end && reader->entry.key == key) {
        struct address candidate;
        if (reader->entry.block > UINT32_MAX)
            return store_error(graph, err, TRACER_E_DAMAGED, "an address has no id. Run: store rebuild");
        status = get_address(graph, txn, chain, (uint32_t)reader->entry.block, &candidate, err);
        if (!status && address_equal(candidate, address)) {
            *ret_id = (uint32_t)reader->entry.block;
            return TRACER_OK;
        }
        if (!status)
            status = run_reader_next(reader, graph, txn, err);
    }
    return status ? status : TRACER_E_NOT_FOUND;
}

static enum tracer_status find_in_run(struct graph *graph, MDB_txn *txn, struct chain *chain,
                                      const struct run *run, struct address address, uint32_t *ret_id, struct error *err)
{
    struct run_reader reader;
    const struct segment_entry from = {.key = segment_address_key(address)};
    enum tracer_status status = run_reader_seek(&reader, graph, txn, chain->id, run, &from, err);
    return status ? status : find_here(&reader, graph, txn, chain, address, ret_id, err);
}

static enum tracer_status get_index(struct graph *graph, MDB_txn *txn, const struct chain *chain, struct chain_state *ret_state,
                                    struct run_list *ret_list, struct error *err)
{
    enum tracer_status status = store_get_state(graph, txn, chain->id, ret_state, err);
    return status ? status : store_get_runs(graph, txn, chain->id, ret_list, err);
}

enum tracer_status find_account(struct graph *graph, MDB_txn *txn, struct chain *chain,
                                struct address address, uint32_t *ret_id, struct error *err)
{
    struct chain_state state;
    struct run_list list;
    enum tracer_status status = get_index(graph, txn, chain, &state, &list, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.runs[i].kind != RUN_ADDRESSES || list.runs[i].phase != RUN_LIVE)
            continue;
        status = find_in_run(graph, txn, chain, &list.runs[i], address, ret_id, err);
        if (status != TRACER_E_NOT_FOUND)
            return status;
    }
    for (uint32_t id = list.addressed; id < state.accounts; id++) {
        struct address candidate;
        status = get_address(graph, txn, chain, id, &candidate, err);
        if (status)
            return status;
        if (address_equal(candidate, address)) {
            *ret_id = id;
            return TRACER_OK;
        }
    }
    return TRACER_E_NOT_FOUND;
}

/* --- many addresses ------------------------------------------------------------------------------- */

static int order_by_key(const void *a, const void *b)
{
    uint64_t x = segment_address_key(**(const struct address *const *)a), y = segment_address_key(**(const struct address *const *)b);
    return x < y ? -1 : x > y;
}

static enum tracer_status see_in_run(struct graph *graph, MDB_txn *txn, struct chain *chain, const struct run *run, const struct address *addresses,
                                     const struct address *const *order, size_t count, bool *seen, struct error *err)
{
    struct run_reader reader = {.chain_id = chain->id, .run = run->id, .pages = run->pages, .end = true};
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < count && !status; i++) {
        const struct segment_entry from = {.key = segment_address_key(*order[i])};
        uint32_t id;
        status = run_reader_forward(&reader, graph, txn, &from, err);
        if (status || (status = find_here(&reader, graph, txn, chain, *order[i], &id, err)) == TRACER_E_NOT_FOUND)
            status = status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
        else if (!status)
            seen[order[i] - addresses] = true;
    }
    return status;
}

/* Those whose ids no run has yet. */
static enum tracer_status see_fresh(struct graph *graph, MDB_txn *txn, struct chain *chain, uint32_t first, uint32_t end,
                                    const struct address *addresses, const struct address *const *order, size_t count, bool *seen, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (uint32_t id = first; id < end && !status; id++) {
        struct address candidate;
        if ((status = get_address(graph, txn, chain, id, &candidate, err)))
            return status;
        uint64_t key = segment_address_key(candidate);
        size_t low = 0, high = count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (segment_address_key(*order[middle]) < key)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low < count && segment_address_key(*order[low]) == key; low++)
            if (address_equal(*order[low], candidate))
                seen[order[low] - addresses] = true;
    }
    return status;
}

static enum tracer_status see(struct graph *graph, MDB_txn *txn, struct chain *chain, const struct address *addresses,
                              const struct address *const *order, size_t count, bool *seen, struct error *err)
{
    struct chain_state state;
    struct run_list list;
    enum tracer_status status = get_index(graph, txn, chain, &state, &list, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < list.count && !status; i++)
        if (list.runs[i].kind == RUN_ADDRESSES && list.runs[i].phase == RUN_LIVE)
            status = see_in_run(graph, txn, chain, &list.runs[i], addresses, order, count, seen, err);
    return status ? status : see_fresh(graph, txn, chain, list.addressed, state.accounts, addresses, order, count, seen, err);
}

enum tracer_status graph_seen_accounts(struct graph *graph, uint64_t chain_id, const struct address *addresses, size_t count, bool *ret_seen,
                                       struct error *err)
{
    MDB_txn *txn;
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    struct chain *chain = store_chain(graph, chain_id);
    const struct address **order = malloc((count + 1) * sizeof(const struct address *));
    if (!chain || !order) {
        free(order);
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = &addresses[i];
        ret_seen[i] = false;
    }
    qsort(order, count, sizeof(const struct address *), order_by_key);
    status = store_read_begin(graph, &txn, err);
    if (!status) {
        status = see(graph, txn, chain, addresses, order, count, ret_seen, err);
        store_read_end(graph);
    }
    free(order);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* --- hints ------------------------------------------------------------------------------------------- */

struct place {
    uint64_t block;
    uint32_t ordinal;
};
struct account_walk {
    struct graph *graph;
    struct chain *chain;
    uint32_t id;
    uint64_t generation, last; /* pinned when the walk begins */
    struct place next;         /* rows before it are done */
    uint64_t *fresh;           /* blocks that no run knew when the walk began, and that have rows, in order */
    size_t fresh_count, fresh_capacity, fresh_at;
    struct run_reader *readers;
    size_t reader_count;
    uint64_t blocks[BATCH];
    struct cursor_row rows[BATCH];
    uint32_t logs[BATCH];
};

static bool add_fresh(struct account_walk *walk, uint64_t block)
{
    if (walk->fresh_count == walk->fresh_capacity) {
        size_t capacity = walk->fresh_capacity * 2 + 64;
        uint64_t *grown = realloc(walk->fresh, capacity * sizeof(*grown));
        if (!grown)
            return false;
        walk->fresh = grown;
        walk->fresh_capacity = capacity;
    }
    walk->fresh[walk->fresh_count++] = block;
    return true;
}

/* The first row of [row, end) that has the account at one of its ends, or `end`. */
static uint32_t find_row(const struct chunk *chunk, uint32_t row, uint32_t end, uint32_t id)
{
    const struct column from = chunk->columns[COLUMN_FROM], to = chunk->columns[COLUMN_TO];
    while (row < end && column_get(&from, row) != id && column_get(&to, row) != id)
        row++;
    return row;
}

static bool scan_chunk(struct account_walk *walk, const struct chunk *chunk, struct block_range range)
{
    uint64_t from = range.first > walk->next.block ? range.first : walk->next.block;
    for (uint32_t block = chunk_find(chunk, from);
         block < chunk->block_count && chunk_number(chunk, block) <= range.last; block++) {
        uint32_t end = chunk_row_start(chunk, block + 1);
        if (find_row(chunk, chunk_row_start(chunk, block), end, walk->id) < end &&
            !add_fresh(walk, chunk_number(chunk, block)))
            return false;
    }
    return true;
}

static enum tracer_status scan_range(struct account_walk *walk, MDB_txn *txn, struct block_range range,
                                     struct error *err)
{
    struct graph *graph = walk->graph;
    struct store_cursor cursor;
    struct record record;
    struct chunk chunk;
    uint64_t from = range.first > walk->next.block ? range.first : walk->next.block;
    struct key key = key_of_block(walk->chain->id, from), prefix = key_of_chain(walk->chain->id);
    if (from > range.last)
        return TRACER_OK;
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_LOG, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, prefix.size, err);
    if (status == TRACER_E_NOT_FOUND)
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    while (!status && store_cursor_in(&cursor, &prefix) && get_u64_big(cursor.key + 8) <= range.last) {
        status = store_cursor_record(&cursor, &record, err);
        if (!status && !chunk_parse(record.data, record.size, &chunk))
            status = store_damaged(graph, TABLE_LOG, cursor.key, cursor.key_size, err);
        else if (!status && !scan_chunk(walk, &chunk, range))
            status = store_error(graph, err, TRACER_E_NOMEM, "no memory");
        if (!status)
            status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    }
    store_cursor_close(&cursor);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* Void is an end of so many rows that it has no hints: all blocks are read. */
static enum tracer_status scan_fresh(struct account_walk *walk, MDB_txn *txn, const struct chain_state *state,
                                     struct error *err)
{
    if (walk->id == 0)
        return scan_range(walk, txn, (struct block_range){state->first, state->last}, err);
    enum tracer_status status = TRACER_OK;
    for (uint32_t i = 0; !status && i < state->fresh_count; i++)
        status = scan_range(walk, txn, state->fresh[i], err);
    return status;
}

static enum tracer_status open_readers(struct account_walk *walk, MDB_txn *txn, struct error *err)
{
    struct run_list list;
    const struct segment_entry from = {walk->id, walk->next.block};
    enum tracer_status status = store_get_runs(walk->graph, txn, walk->chain->id, &list, err);
    walk->reader_count = 0;
    for (uint32_t i = 0; !status && walk->id != 0 && i < list.count; i++) {
        if (list.runs[i].kind != RUN_ROWS || list.runs[i].phase != RUN_LIVE)
            continue;
        struct run_reader *reader = &walk->readers[walk->reader_count];
        status = run_reader_seek(reader, walk->graph, txn, walk->chain->id, &list.runs[i], &from, err);
        if (!status && !reader->end && reader->entry.key == walk->id)
            walk->reader_count++;
    }
    return status;
}

/* The least block of all runs and of the fresh ones; false: there is none. */
static bool least(struct account_walk *walk, struct run_reader **ret_reader, uint64_t *ret_block)
{
    bool found = walk->fresh_at < walk->fresh_count;
    *ret_reader = NULL;
    if (found)
        *ret_block = walk->fresh[walk->fresh_at];
    for (size_t i = 0; i < walk->reader_count; i++) {
        struct run_reader *reader = &walk->readers[i];
        if (reader->end || reader->entry.key != walk->id)
            continue;
        if (!found || reader->entry.block < *ret_block) {
            *ret_reader = reader;
            *ret_block = reader->entry.block;
            found = true;
        }
    }
    return found;
}

static enum tracer_status gather(struct account_walk *walk, MDB_txn *txn, size_t *ret_count,
                                 struct error *err)
{
    size_t count = 0;
    struct run_reader *reader;
    uint64_t block = 0;
    enum tracer_status status = open_readers(walk, txn, err);
    while (walk->fresh_at < walk->fresh_count && walk->fresh[walk->fresh_at] < walk->next.block)
        walk->fresh_at++;
    const size_t fresh_at = walk->fresh_at; /* there may be no room for the rows of all that is gathered */
    while (!status && count < BATCH && least(walk, &reader, &block) && block <= walk->last) {
        if (count == 0 || walk->blocks[count - 1] != block)
            walk->blocks[count++] = block;
        if (reader)
            status = run_reader_next(reader, walk->graph, txn, err);
        else
            walk->fresh_at++;
    }
    walk->fresh_at = fresh_at;
    *ret_count = count;
    return status;
}

/* --- from hints to rows ------------------------------------------------------------------------------ */

struct resolver {
    struct store_cursor cursor;
    struct chunk chunk; /* in the map */
    bool loaded;
    size_t rows; /* found so far */
};

/* Load the chunk that may have the block. NOT_FOUND: there is none. */
static enum tracer_status load_chunk(struct account_walk *walk, struct resolver *resolver, uint64_t block,
                                     struct error *err)
{
    struct record record;
    struct key key = key_of_block(walk->chain->id, block);
    if (resolver->loaded && chunk_number(&resolver->chunk, 0) <= block &&
        chunk_number(&resolver->chunk, resolver->chunk.block_count - 1) >= block)
        return TRACER_OK;
    resolver->loaded = false;
    enum tracer_status status = store_cursor_floor(&resolver->cursor, &key, 8, err);
    if (!status)
        status = store_cursor_record(&resolver->cursor, &record, err);
    if (!status && !chunk_parse(record.data, record.size, &resolver->chunk))
        status = store_damaged(walk->graph, TABLE_LOG, resolver->cursor.key, resolver->cursor.key_size, err);
    resolver->loaded = !status;
    return status;
}

/* A block that a hint names is either stored, and then in its chunk, or gone. */
static enum tracer_status check_gone(struct account_walk *walk, MDB_txn *txn, uint64_t block,
                                     struct error *err)
{
    struct block_record record;
    enum tracer_status status =
        store_get_block_record(walk->graph, txn, walk->chain->id, block, &record, err);
    if (!status)
        return store_error(walk->graph, err, TRACER_E_DAMAGED,
                           "record missing (log, chain %" PRIu64 ", block %" PRIu64
                           "). Nothing was answered. Run: store verify, then restore",
                           walk->chain->id, block);
    return status;
}

static enum tracer_status need_ids(struct account_walk *walk, MDB_txn *txn, const struct cursor_row *row,
                                   struct error *err)
{
    enum tracer_status status = ids_need_account(walk->graph, txn, walk->chain, row->from, err);
    if (!status)
        status = ids_need_account(walk->graph, txn, walk->chain, row->to, err);
    return status ? status : ids_need_asset(walk->graph, txn, walk->chain, row->asset, err);
}

/* The rows of the account in a block that a hint names, from walk->next on, while there is room. */
static enum tracer_status resolve(struct account_walk *walk, MDB_txn *txn, struct resolver *resolver,
                                  uint64_t number, struct error *err)
{
    const struct chunk *chunk = &resolver->chunk;
    enum tracer_status status = load_chunk(walk, resolver, number, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    uint32_t block = status ? 0 : chunk_find(chunk, number);
    if (status || block == chunk->block_count || chunk_number(chunk, block) != number)
        return check_gone(walk, txn, number, err);
    struct chunk_scan scan;
    uint32_t start = chunk_row_start(chunk, block), end = chunk_row_start(chunk, block + 1);
    uint32_t done = walk->next.block == number ? walk->next.ordinal : 0;
    chunk_scan_at(&scan, chunk, block);
    for (uint32_t row = done < end - start ? start + done : end; resolver->rows < BATCH; row++) {
        size_t at = resolver->rows;
        row = find_row(chunk, row, end, walk->id);
        if (row == end)
            break;
        chunk_scan_skip(&scan, row - scan.row);
        chunk_scan_rows(&scan, &walk->rows[at], &walk->logs[at], 1);
        status = need_ids(walk, txn, &walk->rows[at], err);
        if (status)
            return status;
        resolver->rows++;
        walk->next = (struct place){number, row + 1 - start};
    }
    if (resolver->rows < BATCH)
        walk->next = (struct place){number + 1, 0};
    return TRACER_OK;
}

static enum tracer_status resolve_all(struct account_walk *walk, MDB_txn *txn, size_t count, size_t *ret_rows,
                                      struct error *err)
{
    struct resolver resolver = {0};
    enum tracer_status status = store_cursor_open(walk->graph, txn, TABLE_LOG, &resolver.cursor, err);
    for (size_t i = 0; !status && i < count && resolver.rows < BATCH; i++) {
        status = resolve(walk, txn, &resolver, walk->blocks[i], err);
        if (status == TRACER_E_NOT_FOUND) {
            walk->next = (struct place){walk->blocks[i] + 1, 0};
            status = TRACER_OK;
        }
    }
    store_cursor_close(&resolver.cursor);
    *ret_rows = resolver.rows;
    return status;
}

/* --- the walk ---------------------------------------------------------------------------------------- */

static enum tracer_status begin(struct account_walk *walk, struct address account, struct error *err)
{
    MDB_txn *txn;
    struct chain_state state;
    enum tracer_status status = store_read_begin(walk->graph, &txn, err);
    if (status)
        return status;
    status = store_get_state(walk->graph, txn, walk->chain->id, &state, err);
    walk->generation = status ? 0 : state.generation;
    walk->last = status ? 0 : state.last;
    if (!status && state.count == 0)
        status = TRACER_E_NOT_FOUND;
    if (!status && !address_is_void(account))
        status = find_account(walk->graph, txn, walk->chain, account, &walk->id, err);
    if (!status)
        status = scan_fresh(walk, txn, &state, err);
    store_read_end(walk->graph);
    return status;
}

static enum tracer_status next_batch(struct account_walk *walk, size_t *ret_blocks, size_t *ret_rows,
                                     struct error *err)
{
    MDB_txn *txn;
    *ret_rows = 0;
    enum tracer_status status = store_read_begin(walk->graph, &txn, err);
    if (status)
        return status;
    status = walk_check(walk->graph, txn, walk->chain->id, walk->generation, err);
    if (!status)
        status = gather(walk, txn, ret_blocks, err);
    if (!status && *ret_blocks > 0)
        status = resolve_all(walk, txn, *ret_blocks, ret_rows, err);
    store_read_end(walk->graph);
    return status;
}

static enum tracer_status visit_batch(struct account_walk *walk, size_t count, struct position since,
                                      graph_visit_fn *visit, void *context, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct transfer transfer;
        if (position_compare(walk->rows[i].position, since) < 0)
            continue;
        walk_transfer(walk->chain, &walk->rows[i], walk->logs[i], &transfer);
        enum tracer_status status = visit(context, &transfer, err);
        if (status)
            return status;
    }
    return TRACER_OK;
}

static enum tracer_status run(struct account_walk *walk, struct address account, struct position since,
                              graph_visit_fn *visit, void *context, struct error *err)
{
    walk->next.block = since.block_number;
    enum tracer_status status = begin(walk, account, err);
    if (status)
        return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
    for (;;) {
        size_t blocks = 0, rows;
        status = next_batch(walk, &blocks, &rows, err);
        if (status || blocks == 0)
            return status;
        status = visit_batch(walk, rows, since, visit, context, err);
        if (status)
            return status;
        if (walk->graph->cursors == 1 && walk->graph->page_bytes > ID_PAGES_BYTES_MAX)
            ids_drop_pages(walk->graph);
    }
}

enum tracer_status graph_each_of_account(struct graph *graph, uint64_t chain_id, struct address account,
                                         struct position since, graph_visit_fn *visit, void *context,
                                         struct error *err)
{
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    struct account_walk *walk = malloc(sizeof(*walk));
    struct run_reader *readers = malloc(RUNS_MAX * sizeof(*readers));
    struct chain *chain = store_chain(graph, chain_id);
    if (!walk || !readers || !chain) {
        status = store_error(graph, err, TRACER_E_NOMEM, "no memory");
    } else {
        walk->graph = graph;
        walk->chain = chain;
        walk->id = 0;
        walk->next = (struct place){0, 0};
        walk->fresh = NULL;
        walk->fresh_count = walk->fresh_capacity = walk->fresh_at = 0;
        walk->readers = readers;
        graph->cursors++; /* pages that rows need are not dropped by what the visitor calls */
        status = run(walk, account, since, visit, context, err);
        graph->cursors--;
        free(walk->fresh);
    }
    free(readers);
    free(walk);
    return status;
}
