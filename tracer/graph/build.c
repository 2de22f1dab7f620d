/* build.c - building sorted runs from the log, a window at a time (segment.h). */
#include <inttypes.h>
#include <stdlib.h>

#include "chunk.h"
#include "segment.h"

/* One window of the log, held in memory while its runs are written. All that is fresh in a long load fits. */
#define WINDOW_ENTRIES_MAX (2 * FRESH_ROWS_MAX)

struct posting { /* an end of a row */
    uint32_t account, row;
};
struct window {
    struct posting *postings, *spare;
    size_t posting_count, posting_capacity;
    uint32_t *row_block; /* row of the window -> block of the window */
    size_t row_count, row_capacity;
    uint64_t *blocks;    /* number */
    uint32_t *block_row; /* first row */
    size_t block_count, block_capacity;
    struct segment_entry *hashes, *hashes_spare;
    size_t hash_count, hash_capacity;
    uint64_t last; /* everything up to this block is in the window */
    bool complete; /* no block of the fresh ranges is left behind it */
};

static void window_release(struct window *window)
{
    free(window->postings);
    free(window->spare);
    free(window->row_block);
    free(window->blocks);
    free(window->block_row);
    free(window->hashes);
    free(window->hashes_spare);
    *window = (struct window){0};
}

static bool room(void *array, size_t *capacity, size_t wanted, size_t item_size)
{
    void **slot = array;
    if (wanted <= *capacity)
        return true;
    size_t grown_to = *capacity ? wanted + wanted / 2 + 1024 : wanted + 1024;
    void *grown = large_alloc(grown_to * item_size);
    if (!grown)
        return false;
    if (*slot)
        memcpy(grown, *slot, *capacity * item_size);
    free(*slot);
    *slot = grown;
    *capacity = grown_to;
    return true;
}

static bool window_room(struct window *window, size_t rows, size_t blocks)
{
    size_t blocks_capacity = window->block_capacity;
    return room(&window->postings, &window->posting_capacity, window->posting_count + rows * 2,
                sizeof(*window->postings)) &&
           room(&window->row_block, &window->row_capacity, window->row_count + rows,
                sizeof(*window->row_block)) &&
           room(&window->blocks, &blocks_capacity, window->block_count + blocks, sizeof(*window->blocks)) &&
           room(&window->block_row, &window->block_capacity, window->block_count + blocks,
                sizeof(*window->block_row));
}

/* Both ends of the rows [first, end) of a chunk; void has no hints. */
static void take_rows(struct window *window, const struct chunk *chunk, uint32_t first, uint32_t end)
{
    struct posting *to = window->postings + window->posting_count;
    uint32_t row = (uint32_t)window->row_count;
    for (uint32_t i = first; i < end; i++, row++) {
        uint32_t a = chunk_column(chunk->from, chunk->widths[WIDTH_FROM], i);
        uint32_t b = chunk_column(chunk->to, chunk->widths[WIDTH_TO], i);
        *to = (struct posting){a, row};
        to += a != 0;
        *to = (struct posting){b, row};
        to += b != 0 && b != a;
    }
    window->posting_count = (size_t)(to - window->postings);
}

static bool take_chunk(struct window *window, const struct chunk *chunk, struct block_range range)
{
    uint32_t block = chunk_find(chunk, range.first);
    if (!window_room(window, chunk->row_count, chunk->block_count))
        return false;
    for (; block < chunk->block_count && chunk_number(chunk, block) <= range.last; block++) {
        uint32_t first = chunk_row_start(chunk, block), end = chunk_row_start(chunk, block + 1);
        window->blocks[window->block_count] = chunk_number(chunk, block);
        window->block_row[window->block_count] = (uint32_t)window->row_count;
        take_rows(window, chunk, first, end);
        for (uint32_t i = first; i < end; i++)
            window->row_block[window->row_count++] = (uint32_t)window->block_count;
        window->block_count++;
    }
    return true;
}

static bool take_transactions(struct window *window, const struct transaction_chunk *chunk,
                              struct block_range range)
{
    uint32_t block = transaction_chunk_find(chunk, range.first);
    if (!room(&window->hashes, &window->hash_capacity, window->hash_count + chunk->transaction_count,
              sizeof(*window->hashes)))
        return false;
    for (; block < chunk->block_count && transaction_chunk_number(chunk, block) <= range.last; block++) {
        uint32_t first, end;
        transaction_chunk_range(chunk, block, &first, &end);
        for (; first < end; first++) {
            struct chunk_transaction transaction = transaction_chunk_get(chunk, first);
            if (!hash_is_zero(transaction.hash))
                window->hashes[window->hash_count++] = (struct segment_entry){
                    segment_hash_key(transaction.hash), transaction_chunk_number(chunk, block),
                    (uint32_t)(transaction.transaction_index + 1)};
        }
    }
    return true;
}

/* The log chunk under the cursor and its transactions. */
static enum tracer_status take(struct graph *graph, MDB_txn *txn, struct store_cursor *cursor,
                               struct block_range range, struct window *window, struct error *err)
{
    struct record record;
    struct chunk chunk;
    struct transaction_chunk transactions;
    enum tracer_status status = store_cursor_record(cursor, &record, err);
    if (status)
        return status;
    if (!chunk_parse(record.data, record.size, &chunk))
        return store_damaged(graph, TABLE_LOG, cursor->key, cursor->key_size, err);
    bool taken = take_chunk(window, &chunk, range);
    if (taken && chunk.transaction_count > 0) {
        struct key key;
        key_begin(&key);
        key_bytes(&key, cursor->key, cursor->key_size);
        status = store_get(graph, txn, TABLE_TRANSACTION, &key, &record, err);
        if (status == TRACER_E_NOT_FOUND ||
            (!status && !transaction_chunk_parse(record.data, record.size, &transactions)))
            return store_damaged(graph, TABLE_TRANSACTION, key.bytes, key.size, err);
        if (status)
            return status;
        taken = take_transactions(window, &transactions, range);
    }
    return taken ? TRACER_OK : store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
}

static enum tracer_status gather_range(struct graph *graph, MDB_txn *txn, struct store_cursor *cursor,
                                       uint64_t chain_id, struct block_range range, struct window *window,
                                       struct error *err)
{
    struct key key = key_of_block(chain_id, range.first), prefix = key_of_chain(chain_id);
    enum tracer_status status = store_cursor_floor(cursor, &key, prefix.size, err);
    if (status == TRACER_E_NOT_FOUND)
        status = store_cursor_move(cursor, MDB_SET_RANGE, &key, err);
    while (!status && store_cursor_in(cursor, &prefix) && cursor->key_size == key.size &&
           get_u64_big(cursor->key + 8) <= range.last) {
        uint64_t start = get_u64_big(cursor->key + 8);
        if (window->row_count + window->hash_count >= WINDOW_ENTRIES_MAX && start > range.first) {
            window->last = start - 1;
            window->complete = false;
            return TRACER_OK;
        }
        status = take(graph, txn, cursor, range, window, err);
        if (!status)
            status = store_cursor_move(cursor, MDB_NEXT, NULL, err);
    }
    window->last = range.last;
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* As many fresh blocks as a window holds. */
static enum tracer_status gather(struct graph *graph, uint64_t chain_id, const struct chain_state *state,
                                 struct window *window, struct error *err)
{
    MDB_txn *txn;
    struct store_cursor cursor;
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_cursor_open(graph, txn, TABLE_LOG, &cursor, err);
    window->complete = true;
    size_t rows = state->fresh_rows < WINDOW_ENTRIES_MAX ? (size_t)state->fresh_rows : WINDOW_ENTRIES_MAX;
    if (!status && !window_room(window, rows + 8192, 0))
        status = store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    for (uint32_t i = 0; !status && window->complete && i < state->fresh_count; i++)
        status = gather_range(graph, txn, &cursor, chain_id, state->fresh[i], window, err);
    store_cursor_close(&cursor);
    store_read_end(graph);
    return status;
}

/* --- sorting: stable, by 11 bits a pass -------------------------------------------------------------- */

#define DIGIT_BITS 11u
#define DIGITS (1u << DIGIT_BITS)

static bool sort_postings(struct window *window)
{
    uint32_t max = 0;
    for (size_t i = 0; i < window->posting_count; i++)
        max |= window->postings[i].account;
    free(window->spare);
    window->spare = large_alloc((window->posting_capacity + 1) * sizeof(*window->spare));
    if (!window->spare)
        return false;
    for (unsigned shift = 0; shift < 32 && max >> shift; shift += DIGIT_BITS) {
        size_t starts[DIGITS] = {0}, sum = 0;
        for (size_t i = 0; i < window->posting_count; i++)
            starts[window->postings[i].account >> shift & (DIGITS - 1)]++;
        for (size_t i = 0; i < DIGITS; i++) {
            size_t count = starts[i];
            starts[i] = sum;
            sum += count;
        }
        for (size_t i = 0; i < window->posting_count; i++)
            window->spare[starts[window->postings[i].account >> shift & (DIGITS - 1)]++] =
                window->postings[i];
        struct posting *sorted = window->spare;
        window->spare = window->postings;
        window->postings = sorted;
    }
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    return segment_compare(a, b);
}

/* Keys are hashes, so after their upper bits are sorted few entries are out of place. Where a hostile chain
 * made many equal upper bits, those are sorted by comparison. */
static void settle_entries(struct segment_entry *entries, size_t count, unsigned shift)
{
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && entries[end].key >> shift == entries[first].key >> shift;)
            end++;
        if (end - first > 32) {
            qsort(entries + first, end - first, sizeof(*entries), compare_entries);
            continue;
        }
        for (size_t i = first + 1; i < end; i++)
            for (size_t j = i; j > first && segment_compare(&entries[j], &entries[j - 1]) < 0; j--) {
                struct segment_entry held = entries[j];
                entries[j] = entries[j - 1];
                entries[j - 1] = held;
            }
    }
}

static bool sort_entries(struct segment_entry **entries, size_t count)
{
    struct segment_entry *from = *entries, *to = large_alloc((count + 1) * sizeof(*to));
    if (!to)
        return false;
    for (unsigned shift = 48 - 2 * DIGIT_BITS; shift < 48; shift += DIGIT_BITS) {
        size_t starts[DIGITS] = {0}, sum = 0;
        for (size_t i = 0; i < count; i++)
            starts[from[i].key >> shift & (DIGITS - 1)]++;
        for (size_t i = 0; i < DIGITS; i++) {
            size_t here = starts[i];
            starts[i] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            to[starts[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
        struct segment_entry *sorted = to;
        to = from;
        from = sorted;
    }
    settle_entries(from, count, 48 - 2 * DIGIT_BITS);
    free(to);
    *entries = from;
    return true;
}

/* --- runs -------------------------------------------------------------------------------------------- */

#define ROWS_AHEAD 24u

static enum tracer_status write_rows(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                     struct window *window, struct error *err)
{
    struct run_writer writer;
    enum tracer_status status = TRACER_OK;
    if (!sort_postings(window))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    run_writer_begin(&writer, graph, chain_id, list, RUN_ROWS, window->block_count ? window->blocks[0] : 0);
    for (size_t i = 0; !status && i < window->posting_count; i++) {
        uint32_t row = window->postings[i].row, block = window->row_block[row];
        if (i + ROWS_AHEAD < window->posting_count)
            __builtin_prefetch(&window->row_block[window->postings[i + ROWS_AHEAD].row]);
        struct segment_entry entry = {window->postings[i].account, window->blocks[block],
                                      row - window->block_row[block]};
        status = run_writer_add(&writer, &entry, err);
    }
    return status ? status : run_writer_end(&writer, err);
}

static enum tracer_status write_entries(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                        enum run_kind kind, struct segment_entry **entries, size_t count,
                                        struct error *err)
{
    struct run_writer writer;
    uint64_t base = UINT64_MAX;
    enum tracer_status status = TRACER_OK;
    if (count == 0)
        return TRACER_OK;
    if (!sort_entries(entries, count))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    for (size_t i = 0; i < count; i++)
        base = (*entries)[i].block < base ? (*entries)[i].block : base;
    run_writer_begin(&writer, graph, chain_id, list, kind, base);
    for (size_t i = 0; !status && i < count; i++)
        status = run_writer_add(&writer, &(*entries)[i], err);
    return status ? status : run_writer_end(&writer, err);
}

/* Take what the window covers out of the fresh ranges. */
static void cover(struct chain_state *state, const struct window *window)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < state->fresh_count; i++) {
        struct block_range range = state->fresh[i];
        if (window->complete || range.last <= window->last)
            continue;
        if (range.first <= window->last)
            range.first = window->last + 1;
        state->fresh[kept++] = range;
    }
    state->fresh_count = kept;
    state->fresh_rows =
        kept == 0 || state->fresh_rows < window->row_count ? 0 : state->fresh_rows - window->row_count;
}

static enum tracer_status write_window(struct graph *graph, uint64_t chain_id, struct window *window,
                                       struct error *err)
{
    struct run_list list;
    struct chain *chain;
    enum tracer_status status = store_write_begin(graph, err);
    if (status)
        return status;
    status = store_get_runs(graph, graph->writer, chain_id, &list, err);
    if (!status)
        status = write_rows(graph, chain_id, &list, window, err);
    if (!status)
        status = write_entries(graph, chain_id, &list, RUN_HASHES, &window->hashes, window->hash_count, err);
    if (!status)
        status = store_load_chain(graph, chain_id, &chain, err);
    if (!status)
        status = store_put_runs(graph, chain_id, &list, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    cover(&chain->state, window);
    chain->changed = true;
    return store_write_commit(graph, err);
}

/* --- addresses --------------------------------------------------------------------------------------- */

static enum tracer_status gather_addresses(struct graph *graph, uint64_t chain_id, uint32_t first,
                                           uint32_t end, struct segment_entry *entries, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    MDB_txn *txn;
    uint32_t id = first;
    status = store_read_begin(graph, &txn, err);
    while (!status && id < end) {
        struct record record;
        uint32_t start = id - id % ACCOUNTS_PER_RECORD;
        struct key key = key_of_chain(chain_id);
        key_u32(&key, start);
        status = store_get(graph, txn, TABLE_ACCOUNT, &key, &record, err);
        if (status == TRACER_E_NOT_FOUND || (!status && record.size <= (size_t)(id - start) * ACCOUNT_SIZE))
            status = store_damaged(graph, TABLE_ACCOUNT, key.bytes, key.size, err);
        for (; !status && id < end && (size_t)(id - start) * ACCOUNT_SIZE < record.size; id++) {
            struct address address;
            memcpy(address.bytes, record.data + (size_t)(id - start) * ACCOUNT_SIZE, ACCOUNT_SIZE);
            entries[id - first] = (struct segment_entry){segment_address_key(address), id, 0};
        }
    }
    store_read_end(graph);
    return status;
}

static enum tracer_status write_addresses(struct graph *graph, uint64_t chain_id, uint32_t first,
                                          uint32_t end, struct segment_entry **entries, struct error *err)
{
    struct run_list list;
    enum tracer_status status = store_write_begin(graph, err);
    if (status)
        return status;
    status = store_get_runs(graph, graph->writer, chain_id, &list, err);
    if (!status)
        status = write_entries(graph, chain_id, &list, RUN_ADDRESSES, entries, end - first, err);
    list.addressed = end;
    if (!status)
        status = store_put_runs(graph, chain_id, &list, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    return store_write_commit(graph, err);
}

enum tracer_status segment_build_addresses(struct graph *graph, uint64_t chain_id, uint32_t first,
                                           uint32_t end, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    while (!status && first < end) {
        uint32_t here = end - first < 2 * FRESH_ROWS_MAX ? end - first : 2 * FRESH_ROWS_MAX;
        struct segment_entry *entries = large_alloc(here * sizeof(*entries));
        if (!entries)
            return store_error(graph, err, TRACER_E_NOMEM, "no memory to index addresses");
        status = gather_addresses(graph, chain_id, first, first + here, entries, err);
        if (!status)
            status = write_addresses(graph, chain_id, first, first + here, &entries, err);
        free(entries);
        first += here;
    }
    return status;
}

enum tracer_status segment_build_rows(struct graph *graph, uint64_t chain_id, const struct chain_state *state,
                                      struct error *err)
{
    struct window window = {0};
    enum tracer_status status = gather(graph, chain_id, state, &window, err);
    if (!status)
        status = write_window(graph, chain_id, &window, err);
    window_release(&window);
    return status;
}
