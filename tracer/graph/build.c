/* build.c - building sorted runs from the log, a window at a time (segment.h). */
#include <inttypes.h>
#include <stdlib.h>

#include "chunk.h"
#include "segment.h"

/* One window of the log, held in memory while its runs are written. All that is fresh in a long load fits. */
#define WINDOW_ENTRIES_MAX (2 * FRESH_ROWS_MAX)
#define ROW_GROUP 32u /* rows that share a way to their block */

struct posting { /* an end of a row */
    uint32_t account, row;
};
struct packed { /* an entry of a run of hashes or addresses: 48 bits of the key; a block of the window, or an
                   id */
    uint64_t key;
    uint32_t block, place;
};
/* Its memory is kept from one window to the next: pages that the kernel must clear cost more than sorting. */
struct index_window {
    struct posting *postings, *spare;
    size_t posting_count, posting_capacity, spare_capacity;
    uint32_t *group_block; /* first row of a group -> its block in the window */
    size_t row_count, group_capacity;
    uint64_t *blocks;    /* numbers of those that have rows */
    uint32_t *block_row; /* first row; behind the last one UINT32_MAX */
    size_t block_count, block_capacity, block_row_capacity;
    uint64_t *hash_blocks; /* numbers of those that have transactions */
    size_t hash_block_count, hash_block_capacity;
    struct packed *entries, *entries_spare;
    size_t entry_count, entry_capacity, entry_spare_capacity;
    uint64_t last; /* everything up to this block is in the window */
    bool complete; /* no block of the fresh ranges is left behind it */
};

void segment_forget(struct graph *graph)
{
    struct index_window *window = graph->window;
    if (!window)
        return;
    free(window->postings);
    free(window->spare);
    free(window->group_block);
    free(window->blocks);
    free(window->block_row);
    free(window->hash_blocks);
    free(window->entries);
    free(window->entries_spare);
    free(window);
    graph->window = NULL;
}

/* The window of the store, emptied. NULL: no memory. */
static struct index_window *use_window(struct graph *graph)
{
    if (!graph->window)
        graph->window = calloc(1, sizeof(*graph->window));
    struct index_window *window = graph->window;
    if (window)
        window->posting_count = window->row_count = window->block_count = window->hash_block_count =
            window->entry_count = 0;
    return window;
}

/* Room for `wanted` items, of which `used` are there. */
static bool room(void *array, size_t *capacity, size_t used, size_t wanted, size_t item_size)
{
    void **slot = array;
    if (wanted <= *capacity)
        return true;
    size_t grown_to = *capacity ? wanted + wanted / 2 + 1024 : wanted + 1024;
    void *grown = large_alloc(grown_to * item_size);
    if (!grown)
        return false;
    if (used)
        memcpy(grown, *slot, used * item_size);
    free(*slot);
    *slot = grown;
    *capacity = grown_to;
    return true;
}

static bool window_room(struct index_window *window, size_t rows, size_t blocks)
{
    size_t groups = (window->row_count + ROW_GROUP - 1) / ROW_GROUP;
    return room(&window->postings, &window->posting_capacity, window->posting_count,
                window->posting_count + rows * 2, sizeof(*window->postings)) &&
           room(&window->group_block, &window->group_capacity, groups, groups + rows / ROW_GROUP + 1,
                sizeof(*window->group_block)) &&
           room(&window->blocks, &window->block_capacity, window->block_count, window->block_count + blocks,
                sizeof(*window->blocks)) &&
           room(&window->block_row, &window->block_row_capacity, window->block_count,
                window->block_count + blocks + 1, sizeof(*window->block_row));
}

static uint32_t column_mask(unsigned width)
{
    return width == 4 ? UINT32_MAX : (UINT32_C(1) << width * 8) - 1;
}

/* Both ends of the rows [first, end) of a chunk; void has no hints. */
static void take_rows(struct index_window *window, const struct chunk *chunk, uint32_t first, uint32_t end)
{
    struct posting *to = window->postings + window->posting_count;
    uint32_t row = (uint32_t)window->row_count;
    size_t from_width = chunk->widths[WIDTH_FROM], to_width = chunk->widths[WIDTH_TO];
    uint32_t from_mask = column_mask((unsigned)from_width), to_mask = column_mask((unsigned)to_width);
    for (uint32_t i = first; i < end; i++, row++) {
        uint32_t a = get_u32(chunk->from + i * from_width) & from_mask;
        uint32_t b = get_u32(chunk->to + i * to_width) & to_mask;
        *to = (struct posting){a, row};
        to += a != 0;
        *to = (struct posting){b, row};
        to += b != 0 && b != a;
    }
    window->posting_count = (size_t)(to - window->postings);
}

static void take_block(struct index_window *window, const struct chunk *chunk, uint32_t block)
{
    uint32_t first = chunk_row_start(chunk, block), end = chunk_row_start(chunk, block + 1);
    if (first == end)
        return;
    window->blocks[window->block_count] = chunk_number(chunk, block);
    window->block_row[window->block_count] = (uint32_t)window->row_count;
    take_rows(window, chunk, first, end);
    size_t group = (window->row_count + ROW_GROUP - 1) / ROW_GROUP;
    window->row_count += end - first;
    for (; group * ROW_GROUP < window->row_count; group++)
        window->group_block[group] = (uint32_t)window->block_count;
    window->block_count++;
}

static bool take_chunk(struct index_window *window, const struct chunk *chunk, struct block_range range)
{
    uint32_t block = chunk_find(chunk, range.first);
    if (!window_room(window, chunk->row_count, chunk->block_count))
        return false;
    for (; block < chunk->block_count && chunk_number(chunk, block) <= range.last; block++)
        take_block(window, chunk, block);
    window->block_row[window->block_count] = UINT32_MAX;
    return true;
}

static bool take_transactions(struct index_window *window, const struct transaction_chunk *chunk,
                              struct block_range range)
{
    uint32_t block = transaction_chunk_find(chunk, range.first);
    if (!room(&window->entries, &window->entry_capacity, window->entry_count,
              window->entry_count + chunk->transaction_count, sizeof(*window->entries)) ||
        !room(&window->hash_blocks, &window->hash_block_capacity, window->hash_block_count,
              window->hash_block_count + chunk->block_count, sizeof(*window->hash_blocks)))
        return false;
    for (; block < chunk->block_count && transaction_chunk_number(chunk, block) <= range.last; block++) {
        uint32_t first, end;
        transaction_chunk_range(chunk, block, &first, &end);
        for (; first < end; first++) {
            struct hash hash = transaction_chunk_hash(chunk, first);
            if (!hash_is_zero(hash))
                window->entries[window->entry_count++] =
                    (struct packed){segment_hash_key(hash), (uint32_t)window->hash_block_count,
                                    (uint32_t)(transaction_chunk_index(chunk, first) + 1)};
        }
        window->hash_blocks[window->hash_block_count++] = transaction_chunk_number(chunk, block);
    }
    return true;
}

/* The log chunk under the cursor and its transactions. */
static enum tracer_status take(struct graph *graph, MDB_txn *txn, struct store_cursor *cursor,
                               struct block_range range, struct index_window *window, struct error *err)
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
                                       uint64_t chain_id, struct block_range range,
                                       struct index_window *window, struct error *err)
{
    struct key key = key_of_block(chain_id, range.first), prefix = key_of_chain(chain_id);
    enum tracer_status status = store_cursor_floor(cursor, &key, prefix.size, err);
    if (status == TRACER_E_NOT_FOUND)
        status = store_cursor_move(cursor, MDB_SET_RANGE, &key, err);
    while (!status && store_cursor_in(cursor, &prefix) && cursor->key_size == key.size &&
           get_u64_big(cursor->key + 8) <= range.last) {
        uint64_t start = get_u64_big(cursor->key + 8);
        if (window->row_count + window->entry_count >= WINDOW_ENTRIES_MAX && start > range.first) {
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
                                 struct index_window *window, struct error *err)
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
#define PASSES 3u

/* Counts become where each digit begins. Returns false when one digit has everything. */
static bool begin_digits(size_t counts[static DIGITS], size_t total)
{
    size_t sum = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        size_t count = counts[i];
        if (count == total)
            return false;
        counts[i] = sum;
        sum += count;
    }
    return true;
}

static bool sort_postings(struct index_window *window)
{
    size_t count = window->posting_count, starts[PASSES][DIGITS] = {{0}};
    if (!room(&window->spare, &window->spare_capacity, 0, window->posting_capacity, sizeof(*window->spare)))
        return false;
    for (size_t i = 0; i < count; i++)
        for (unsigned pass = 0; pass < PASSES; pass++)
            starts[pass][window->postings[i].account >> pass * DIGIT_BITS & (DIGITS - 1)]++;
    for (unsigned pass = 0; pass < PASSES; pass++) {
        const struct posting *from = window->postings;
        struct posting *to = window->spare;
        if (!begin_digits(starts[pass], count))
            continue;
        for (size_t i = 0; i < count; i++)
            to[starts[pass][from[i].account >> pass * DIGIT_BITS & (DIGITS - 1)]++] = from[i];
        size_t capacity = window->spare_capacity;
        window->spare = window->postings;
        window->spare_capacity = window->posting_capacity;
        window->postings = to;
        window->posting_capacity = capacity;
    }
    return true;
}

static int packed_compare(const void *a, const void *b)
{
    const struct packed *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    if (left->block != right->block)
        return left->block < right->block ? -1 : 1;
    return left->place == right->place ? 0 : left->place < right->place ? -1 : 1;
}

/* Keys are hashes, so after their upper bits are sorted few entries are out of place. Where a hostile chain
 * made many equal upper bits, those are sorted by comparison. */
static void settle_entries(struct packed *entries, size_t count, unsigned shift)
{
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && entries[end].key >> shift == entries[first].key >> shift;)
            end++;
        if (end - first > 32) {
            qsort(entries + first, end - first, sizeof(*entries), packed_compare);
            continue;
        }
        for (size_t i = first + 1; i < end; i++)
            for (size_t j = i; j > first && packed_compare(&entries[j], &entries[j - 1]) < 0; j--) {
                struct packed held = entries[j];
                entries[j] = entries[j - 1];
                entries[j - 1] = held;
            }
    }
}

#define KEY_BITS 48u

static bool sort_entries(struct index_window *window)
{
    size_t count = window->entry_count;
    if (!room(&window->entries_spare, &window->entry_spare_capacity, 0, window->entry_capacity,
              sizeof(*window->entries)))
        return false;
    struct packed *from = window->entries, *to = window->entries_spare;
    for (unsigned shift = KEY_BITS - 2 * DIGIT_BITS; shift < KEY_BITS; shift += DIGIT_BITS) {
        size_t starts[DIGITS] = {0};
        for (size_t i = 0; i < count; i++)
            starts[from[i].key >> shift & (DIGITS - 1)]++;
        if (!begin_digits(starts, count))
            continue;
        for (size_t i = 0; i < count; i++)
            to[starts[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
        struct packed *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != window->entries) {
        size_t capacity = window->entry_spare_capacity;
        window->entry_spare_capacity = window->entry_capacity;
        window->entry_capacity = capacity;
        window->entries = from;
        window->entries_spare = to;
    }
    settle_entries(window->entries, count, KEY_BITS - 2 * DIGIT_BITS);
    return true;
}

/* --- runs -------------------------------------------------------------------------------------------- */

#define ENTRIES_AT_ONCE 256u

static enum tracer_status write_rows(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                     struct index_window *window, struct error *err)
{
    struct run_writer writer;
    struct segment_entry entries[ENTRIES_AT_ONCE];
    enum tracer_status status = TRACER_OK;
    if (!sort_postings(window))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    run_writer_begin(&writer, graph, chain_id, list, RUN_ROWS, window->block_count ? window->blocks[0] : 0);
    for (size_t i = 0; !status && i < window->posting_count;) {
        size_t count = 0;
        for (; count < ENTRIES_AT_ONCE && i < window->posting_count; i++, count++) {
            uint32_t row = window->postings[i].row, block = window->group_block[row / ROW_GROUP];
            while (window->block_row[block + 1] <= row)
                block++;
            entries[count] = (struct segment_entry){window->postings[i].account, window->blocks[block],
                                                    row - window->block_row[block]};
        }
        status = run_writer_add(&writer, entries, count, err);
    }
    return status ? status : run_writer_end(&writer, err);
}

/* Blocks of entries are looked up in `blocks`, if there are any. */
static enum tracer_status write_entries(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                        enum run_kind kind, struct index_window *window,
                                        const uint64_t *blocks, struct error *err)
{
    struct run_writer writer;
    struct segment_entry entries[ENTRIES_AT_ONCE];
    enum tracer_status status = TRACER_OK;
    if (window->entry_count == 0)
        return TRACER_OK;
    uint32_t base = UINT32_MAX;
    for (size_t i = 0; i < window->entry_count; i++)
        base = window->entries[i].block < base ? window->entries[i].block : base;
    if (!sort_entries(window))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    run_writer_begin(&writer, graph, chain_id, list, kind, blocks ? blocks[base] : base);
    for (size_t i = 0; !status && i < window->entry_count;) {
        size_t count = 0;
        for (; count < ENTRIES_AT_ONCE && i < window->entry_count; i++, count++) {
            const struct packed *entry = &window->entries[i];
            entries[count] = (struct segment_entry){entry->key, blocks ? blocks[entry->block] : entry->block,
                                                    entry->place};
        }
        status = run_writer_add(&writer, entries, count, err);
    }
    return status ? status : run_writer_end(&writer, err);
}

/* Take what the window covers out of the fresh ranges. */
static void cover(struct chain_state *state, const struct index_window *window)
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

static enum tracer_status write_window(struct graph *graph, uint64_t chain_id, struct index_window *window,
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
        status = write_entries(graph, chain_id, &list, RUN_HASHES, window, window->hash_blocks, err);
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
                                           uint32_t end, struct index_window *window, struct error *err)
{
    MDB_txn *txn;
    uint32_t id = first;
    enum tracer_status status = store_read_begin(graph, &txn, err);
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
            window->entries[window->entry_count++] = (struct packed){segment_address_key(address), id, 0};
        }
    }
    store_read_end(graph);
    return status;
}

static enum tracer_status write_addresses(struct graph *graph, uint64_t chain_id, uint32_t end,
                                          struct index_window *window, struct error *err)
{
    struct run_list list;
    enum tracer_status status = store_write_begin(graph, err);
    if (status)
        return status;
    status = store_get_runs(graph, graph->writer, chain_id, &list, err);
    if (!status)
        status = write_entries(graph, chain_id, &list, RUN_ADDRESSES, window, NULL, err);
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
        struct index_window *window = use_window(graph);
        if (!window || !room(&window->entries, &window->entry_capacity, 0, here, sizeof(*window->entries)))
            return store_error(graph, err, TRACER_E_NOMEM, "no memory to index addresses");
        status = gather_addresses(graph, chain_id, first, first + here, window, err);
        if (!status)
            status = write_addresses(graph, chain_id, first + here, window, err);
        first += here;
    }
    return status;
}

enum tracer_status segment_build_rows(struct graph *graph, uint64_t chain_id, const struct chain_state *state,
                                      struct error *err)
{
    struct index_window *window = use_window(graph);
    if (!window)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    enum tracer_status status = gather(graph, chain_id, state, window, err);
    return status ? status : write_window(graph, chain_id, window, err);
}
