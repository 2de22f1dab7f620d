/* build.c - building sorted runs from the log, a window at a time (segment.h). */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "chunk.h"
#include "segment.h"

/* One window of the log, held in memory while its runs are written. All that is fresh in a long load fits. */
#define WINDOW_ENTRIES_MAX (2 * FRESH_ROWS_MAX)

#define WINDOW_BLOCKS_MAX ((UINT32_C(1) << PLACE_BITS) - CHUNK_BLOCKS_MAX)
_Static_assert(WINDOW_ENTRIES_MAX < UINT32_C(1) << PLACE_BITS, "places of addresses");
struct index_window {
    struct items rows, keys; /* ends of rows; hashes or addresses */
    size_t row_count;
    uint32_t account_bits; /* all accounts of `rows`, or-ed */
    uint64_t *blocks;      /* their numbers */
    size_t block_count, block_capacity;
    uint64_t last; /* everything up to this block is in the window */
    bool complete; /* no block of the fresh ranges is left behind it */
};
/* While one is written the next is gathered. Their memory is kept: pages that the kernel must clear cost more
 * than sorting. */
struct index_windows {
    struct index_window one, other;
    bool gathered; /* `one`, from these blocks of this chain */
    uint64_t chain_id;
    struct chain_state state;
};

void items_release(struct items *items)
{
    free(items->at);
    free(items->spare);
    *items = (struct items){0};
}

static void window_release(struct index_window *window)
{
    items_release(&window->rows);
    items_release(&window->keys);
    free(window->blocks);
}

void segment_forget(struct graph *graph)
{
    if (!graph->windows)
        return;
    window_release(&graph->windows->one);
    window_release(&graph->windows->other);
    free(graph->windows);
    graph->windows = NULL;
}

static void window_clear(struct index_window *window)
{
    window->rows.count = window->keys.count = window->row_count = window->block_count = 0;
    window->account_bits = 0;
}

/* The windows of the store. NULL: no memory. */
static struct index_windows *use_windows(struct graph *graph)
{
    if (!graph->windows)
        graph->windows = calloc(1, sizeof(*graph->windows));
    return graph->windows;
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

bool items_room(struct items *items, size_t more)
{
    return room(&items->at, &items->capacity, items->count, items->count + more, sizeof(*items->at));
}

/* Both ends of the rows [first, end) of a chunk; void has no hints. */
static void take_rows(struct index_window *window, const struct chunk *chunk, uint32_t first, uint32_t end)
{
    uint64_t *to = window->rows.at + window->rows.count;
    const uint64_t place = window->block_count;
    const struct column ends[2] = {chunk->columns[COLUMN_FROM], chunk->columns[COLUMN_TO]};
    uint32_t bits = 0;
    for (uint32_t i = first; i < end; i++) {
        uint32_t a = column_get(&ends[0], i), b = column_get(&ends[1], i);
        bits |= a | b;
        *to = (uint64_t)a << PLACE_BITS | place;
        to += a != 0;
        *to = (uint64_t)b << PLACE_BITS | place;
        to += b != 0 && b != a;
    }
    window->account_bits |= bits;
    window->rows.count = (size_t)(to - window->rows.at);
    window->row_count += end - first;
}

/* Returns how many blocks were taken. */
static uint32_t take_blocks(struct index_window *window, const struct chunk *chunk, struct block_range range)
{
    uint32_t first = chunk_find(chunk, range.first), block = first;
    for (; block < chunk->block_count && chunk_number(chunk, block) <= range.last; block++) {
        take_rows(window, chunk, chunk_row_start(chunk, block), chunk_row_start(chunk, block + 1));
        window->blocks[window->block_count++] = chunk_number(chunk, block);
    }
    return block - first;
}

/* The hashes of the last `count` blocks of the window. False: these are not its blocks. */
static bool take_hashes(struct index_window *window, const struct transaction_chunk *chunk, uint32_t count)
{
    uint64_t *to = window->keys.at + window->keys.count;
    for (size_t place = window->block_count - count; place < window->block_count; place++) {
        uint32_t first, end, block = transaction_chunk_find(chunk, window->blocks[place]);
        if (block == chunk->block_count || transaction_chunk_number(chunk, block) != window->blocks[place])
            return false;
        transaction_chunk_range(chunk, block, &first, &end);
        for (; first < end; first++) {
            struct hash hash = transaction_chunk_hash(chunk, first);
            *to = segment_hash_key(hash) << PLACE_BITS | place;
            to += !hash_is_zero(hash);
        }
    }
    window->keys.count = (size_t)(to - window->keys.at);
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
    if (!items_room(&window->rows, (size_t)chunk.row_count * 2 + 1) || /* one behind the last is written */
        !items_room(&window->keys, (size_t)chunk.transaction_count + 1) ||
        !room(&window->blocks, &window->block_capacity, window->block_count,
              window->block_count + chunk.block_count, sizeof(*window->blocks)))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    uint32_t taken = take_blocks(window, &chunk, range);
    if (taken == 0 || chunk.transaction_count == 0)
        return TRACER_OK;
    struct key key;
    key_begin(&key);
    key_bytes(&key, cursor->key, cursor->key_size);
    status = store_get(graph, txn, TABLE_TRANSACTION, &key, &record, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    if (status || !transaction_chunk_parse(record.data, record.size, &transactions) ||
        transactions.transaction_count != chunk.transaction_count ||
        !take_hashes(window, &transactions, taken))
        return store_damaged(graph, TABLE_TRANSACTION, key.bytes, key.size, err);
    return TRACER_OK;
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
        if ((window->row_count + window->keys.count >= WINDOW_ENTRIES_MAX ||
             window->block_count >= WINDOW_BLOCKS_MAX) &&
            start > range.first) {
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
    window_clear(window);
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_cursor_open(graph, txn, TABLE_LOG, &cursor, err);
    window->complete = true;
    size_t rows = state->fresh_rows < WINDOW_ENTRIES_MAX ? (size_t)state->fresh_rows : WINDOW_ENTRIES_MAX;
    if (!status && !items_room(&window->rows, (rows + 8192) * 2))
        status = store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    for (uint32_t i = 0; !status && window->complete && i < state->fresh_count; i++)
        status = gather_range(graph, txn, &cursor, chain_id, state->fresh[i], window, err);
    store_cursor_close(&cursor);
    store_read_end(graph);
    return status;
}

/* --- sorting: stable, by up to 11 bits a pass -------------------------------------------------------- */

#define DIGIT_BITS 11u
#define DIGITS (1u << DIGIT_BITS)

/* By the bits of the words from `shift` up to `end`. False: no memory. */
static bool sort_bits(struct items *items, unsigned shift, unsigned end)
{
    if (!room(&items->spare, &items->spare_capacity, 0, items->capacity, sizeof(*items->spare)))
        return false;
    for (unsigned passes = (end - shift + DIGIT_BITS - 1) / DIGIT_BITS; passes > 0; passes--) {
        const unsigned bits = (end - shift + passes - 1) / passes, mask = (1u << bits) - 1;
        size_t starts[DIGITS] = {0}, sum = 0;
        const uint64_t *from = items->at;
        uint64_t *to = items->spare;
        for (size_t i = 0; i < items->count; i++)
            starts[from[i] >> shift & mask]++;
        for (size_t i = 0; i <= mask; i++) {
            size_t count = starts[i];
            starts[i] = sum;
            sum += count;
        }
        for (size_t i = 0; i < items->count; i++)
            to[starts[from[i] >> shift & mask]++] = from[i];
        size_t capacity = items->spare_capacity;
        items->spare = items->at;
        items->spare_capacity = items->capacity;
        items->at = to;
        items->capacity = capacity;
        shift += bits;
    }
    return true;
}

bool items_sort_ids(struct items *items, unsigned bits)
{
    return sort_bits(items, PLACE_BITS, PLACE_BITS + bits);
}

static int word_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Keys are hashes, so after their upper bits are sorted few are out of place. Where a hostile chain made many
 * equal upper bits, those are sorted by comparison. */
bool items_sort_hashes(struct items *items)
{
    const unsigned shift = 64 - 2 * DIGIT_BITS;
    if (!sort_bits(items, shift, 64))
        return false;
    uint64_t *words = items->at;
    for (size_t first = 0, end; first < items->count; first = end) {
        for (end = first + 1; end < items->count && words[end] >> shift == words[first] >> shift;)
            end++;
        if (end - first > 32) {
            qsort(words + first, end - first, sizeof(*words), word_compare);
            continue;
        }
        for (size_t i = first + 1; i < end; i++) {
            uint64_t held = words[i];
            size_t j = i;
            for (; j > first && words[j - 1] > held; j--)
                words[j] = words[j - 1];
            words[j] = held;
        }
    }
    return true;
}

/* --- runs -------------------------------------------------------------------------------------------- */

#define ENTRIES_AT_ONCE 256u

/* Sorted items as a run; their places are looked up in `blocks`, or count from `first`. */
static enum tracer_status write_run(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                    enum run_kind kind, const struct items *items, const uint64_t *blocks,
                                    uint64_t first, struct error *err)
{
    struct run_writer writer;
    struct segment_entry entries[ENTRIES_AT_ONCE];
    enum tracer_status status = TRACER_OK;
    if (items->count == 0)
        return TRACER_OK;
    run_writer_begin(&writer, graph, chain_id, list, kind, blocks ? blocks[0] : first);
    for (size_t i = 0; !status && i < items->count;) {
        size_t count = 0;
        for (; count < ENTRIES_AT_ONCE && i < items->count; i++, count++) {
            uint64_t place = items->at[i] & ((UINT64_C(1) << PLACE_BITS) - 1);
            entries[count] =
                (struct segment_entry){items->at[i] >> PLACE_BITS, blocks ? blocks[place] : first + place};
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

/* The second core sorts hashes while the first one is at the rows. */
struct sorting {
    struct items *items;
    pthread_t thread;
    bool threaded, done;
};
#define THREAD_ITEMS 50000u /* fewer are sorted before a thread has begun */

static void *sort_hashes(void *argument)
{
    struct sorting *sorting = argument;
    sorting->done = items_sort_hashes(sorting->items);
    return NULL;
}

static void sorting_begin(struct sorting *sorting, struct items *items)
{
    *sorting = (struct sorting){.items = items};
    sorting->threaded =
        items->count >= THREAD_ITEMS && !pthread_create(&sorting->thread, NULL, sort_hashes, sorting);
}

/* False: no memory. */
static bool sorting_end(struct sorting *sorting)
{
    if (sorting->threaded)
        pthread_join(sorting->thread, NULL);
    else
        sort_hashes(sorting);
    return sorting->done;
}

static enum tracer_status write_runs(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                     struct index_window *window, struct error *err)
{
    struct sorting sorting;
    enum tracer_status status = TRACER_E_NOMEM;
    sorting_begin(&sorting, &window->keys);
    bool sorted = items_sort_ids(&window->rows, bits_of(window->account_bits));
    if (sorted)
        status = write_run(graph, chain_id, list, RUN_ROWS, &window->rows, window->blocks, 0, err);
    sorted &= sorting_end(&sorting);
    if (!sorted)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    return status ? status
                  : write_run(graph, chain_id, list, RUN_HASHES, &window->keys, window->blocks, 0, err);
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
        status = write_runs(graph, chain_id, &list, window, err);
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
                                           uint32_t end, struct items *items, struct error *err)
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
            items->at[items->count++] = segment_address_key(address) << PLACE_BITS | (id - first);
        }
    }
    store_read_end(graph);
    return status;
}

static enum tracer_status write_addresses(struct graph *graph, uint64_t chain_id, uint32_t first,
                                          uint32_t end, struct items *items, struct error *err)
{
    struct run_list list;
    if (!items_sort_hashes(items))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index addresses");
    enum tracer_status status = store_write_begin(graph, err);
    if (status)
        return status;
    status = store_get_runs(graph, graph->writer, chain_id, &list, err);
    if (!status)
        status = write_run(graph, chain_id, &list, RUN_ADDRESSES, items, NULL, first, err);
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
        uint32_t here = end - first < WINDOW_ENTRIES_MAX ? end - first : WINDOW_ENTRIES_MAX;
        struct index_windows *windows = use_windows(graph);
        if (windows) {
            windows->gathered = false;
            window_clear(&windows->one);
        }
        if (!windows || !items_room(&windows->one.keys, here))
            return store_error(graph, err, TRACER_E_NOMEM, "no memory to index addresses");
        status = gather_addresses(graph, chain_id, first, first + here, &windows->one.keys, err);
        if (!status)
            status = write_addresses(graph, chain_id, first, first + here, &windows->one.keys, err);
        first += here;
    }
    return status;
}

/* --- one window after the other ---------------------------------------------------------------------- */

struct gathering { /* of the next window, by the second core: it reads, who writes holds the writer */
    struct graph *graph;
    struct index_windows *windows;
    enum tracer_status status;
    pthread_t thread;
    bool threaded;
};

static void *gather_next(void *argument)
{
    struct gathering *gathering = argument;
    struct index_windows *windows = gathering->windows;
    gathering->status = gather(gathering->graph, windows->chain_id, &windows->state, &windows->other, NULL);
    return NULL;
}

static bool is_gathered(const struct index_windows *windows, uint64_t chain_id,
                        const struct chain_state *state)
{
    return windows->gathered && windows->chain_id == chain_id &&
           windows->state.fresh_count == state->fresh_count &&
           memcmp(windows->state.fresh, state->fresh, state->fresh_count * sizeof(state->fresh[0])) == 0;
}

enum tracer_status segment_build_rows(struct graph *graph, uint64_t chain_id, const struct chain_state *state,
                                      struct error *err)
{
    struct index_windows *windows = use_windows(graph);
    struct gathering next = {.graph = graph, .windows = windows};
    enum tracer_status status = TRACER_OK;
    if (!windows)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to index the log");
    if (!is_gathered(windows, chain_id, state))
        status = gather(graph, chain_id, state, &windows->one, err);
    windows->gathered = false;
    if (status)
        return status;
    windows->chain_id = chain_id;
    windows->state = *state;
    cover(&windows->state, &windows->one);
    next.threaded = windows->state.fresh_count > 0 && !pthread_create(&next.thread, NULL, gather_next, &next);
    status = write_window(graph, chain_id, &windows->one, err);
    if (!next.threaded)
        return status;
    pthread_join(next.thread, NULL);
    struct index_window written = windows->one;
    windows->one = windows->other;
    windows->other = written;
    windows->one.rows.spare = written.rows.spare; /* one is enough: the next window has not been sorted */
    windows->one.rows.spare_capacity = written.rows.spare_capacity;
    windows->other.rows.spare = NULL;
    windows->other.rows.spare_capacity = 0;
    windows->gathered = !status && !next.status; /* what failed is tried again, and then told */
    return status;
}
