/* verify.c - reading everything: checksums, shapes, digests, counts, and that the derived parts cover the
 * log.
 *
 * One snapshot is held throughout. Damage in LMDB's own pages can raise signals: run it in a child process.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "segment.h"
#include "walk.h"

#define WINDOW_ROWS 8000000u
#define WINDOW_BLOCKS (UINT32_C(1) << (PLACE_BITS - 1))

struct verify {
    struct graph *graph;
    MDB_txn *txn;
    graph_progress_fn *progress;
    void *context;
    uint64_t done, total; /* records */
};

static void advance(struct verify *verify)
{
    verify->done++;
    if (verify->progress && verify->done % 1024 == 0)
        verify->progress(verify->context, verify->done, verify->total);
}

static enum tracer_status wrong(const struct verify *verify, struct error *err, const char *what,
                                uint64_t chain_id, uint64_t number)
{
    return store_error(verify->graph, err, TRACER_E_DAMAGED,
                       "verify: %s (chain %" PRIu64 ", block %" PRIu64
                       "). Restore a backup, or read the range anew",
                       what, chain_id, number);
}

/* --- every record ------------------------------------------------------------------------------------ */

static bool shape_fits(enum table table, const struct record *record)
{
    struct chunk chunk;
    struct transaction_chunk transactions;
    struct block_record block;
    switch (table) {
    case TABLE_LOG:
        return chunk_parse(record->data, record->size, &chunk);
    case TABLE_TRANSACTION:
        return transaction_chunk_parse(record->data, record->size, &transactions);
    case TABLE_BLOCK:
        return block_record_decode(record->data, record->size, &block);
    case TABLE_META:
    case TABLE_ORPHAN:
    case TABLE_OPENING:
    case TABLE_ACCOUNT:
    case TABLE_ASSET:
    case TABLE_SEGMENT:
    case TABLE_COVERAGE:
    case TABLE_RAW:
    case TABLE_LIST:
    case TABLE_ENDPOINT:
    case TABLE_COUNT:
        break;
    }
    return true;
}

static enum tracer_status verify_table(struct verify *verify, enum table table, struct error *err)
{
    struct store_cursor cursor;
    uint64_t count = 0;
    MDB_stat stat;
    int result = mdb_stat(verify->txn, verify->graph->tables[table], &stat);
    if (result)
        return store_fail(verify->graph, result, "reading", err);
    enum tracer_status status = store_cursor_open(verify->graph, verify->txn, table, &cursor, err);
    if (status)
        return status;
    for (status = store_cursor_move(&cursor, MDB_FIRST, NULL, err); !status;
         status = store_cursor_move(&cursor, MDB_NEXT, NULL, err)) {
        struct record record;
        status = store_cursor_record(&cursor, &record, err);
        if (!status && !shape_fits(table, &record))
            status = store_damaged(verify->graph, table, cursor.key, cursor.key_size, err);
        if (status)
            break;
        count++;
        advance(verify);
    }
    store_cursor_close(&cursor);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    if (count != stat.ms_entries)
        return store_error(verify->graph, err, TRACER_E_DAMAGED,
                           "verify: table %s has %" PRIu64 " of %zu records. Restore a backup",
                           table_name(table), count, stat.ms_entries);
    return TRACER_OK;
}

/* --- derived parts of a window of the log ------------------------------------------------------------ */

struct window { /* the entries that the runs must have for some blocks */
    struct items rows, hashes;
    uint32_t account_bits; /* all accounts of `rows`, or-ed */
    size_t row_count;
    uint64_t *blocks;
    size_t block_count, block_capacity;
};

static void window_release(struct window *window)
{
    items_release(&window->rows);
    items_release(&window->hashes);
    free(window->blocks);
    *window = (struct window){0};
}

static bool grow(void *array, size_t count, size_t size)
{
    void **slot = array, *grown = realloc(*slot, count * size);
    if (grown)
        *slot = grown;
    return grown != NULL;
}

static bool window_room(struct window *window, size_t rows, size_t blocks, size_t transactions)
{
    if (window->block_count + blocks > window->block_capacity) {
        size_t capacity = (window->block_count + blocks) * 3 / 2 + 1024;
        if (!grow(&window->blocks, capacity, 8))
            return false;
        window->block_capacity = capacity;
    }
    return items_room(&window->rows, rows * 2) && items_room(&window->hashes, transactions);
}

static bool is_fresh(const struct chain_state *state, uint64_t number)
{
    for (uint32_t i = 0; i < state->fresh_count; i++)
        if (number >= state->fresh[i].first && number <= state->fresh[i].last)
            return true;
    return false;
}

/* Blocks arrive in order. */
static void window_add(struct window *window, const struct chain_state *state, const struct block *block,
                       const struct cursor_row *rows)
{
    const uint64_t place = window->block_count;
    if (is_fresh(state, block->number))
        return;
    window->blocks[window->block_count++] = block->number;
    window->row_count += block->transfer_count;
    for (size_t i = 0; i < block->transfer_count; i++) {
        const uint32_t ends[2] = {rows[i].from, rows[i].to};
        window->account_bits |= ends[0] | ends[1];
        for (int end = 0; end < 2; end++)
            if (ends[end] != 0)
                window->rows.at[window->rows.count++] = (uint64_t)ends[end] << PLACE_BITS | place;
    }
    for (size_t i = 0; i < block->transaction_count; i++)
        if (!hash_is_zero(block->transactions[i].hash))
            window->hashes.at[window->hashes.count++] =
                segment_hash_key(block->transactions[i].hash) << PLACE_BITS | place;
}

static uint64_t block_of(const struct window *window, uint64_t item)
{
    return window->blocks[item & ((UINT64_C(1) << PLACE_BITS) - 1)];
}

/* Mark the items (in order) that a run has. */
static enum tracer_status see_run(struct verify *verify, uint64_t chain_id, const struct run *run,
                                  const struct window *window, const struct items *items, uint8_t *seen,
                                  struct error *err)
{
    static const struct segment_entry start;
    struct run_reader reader;
    uint64_t entries = 0;
    size_t at = 0;
    enum tracer_status status =
        run_reader_seek(&reader, verify->graph, verify->txn, chain_id, run, &start, err);
    while (!status && !reader.end) {
        const struct segment_entry entry = reader.entry;
        for (; at < items->count; at++) {
            uint64_t key = items->at[at] >> PLACE_BITS, block = block_of(window, items->at[at]);
            if (key > entry.key || (key == entry.key && block > entry.block))
                break;
            if (key == entry.key && block == entry.block)
                seen[at] = 1;
        }
        entries++;
        status = run_reader_next(&reader, verify->graph, verify->txn, err);
    }
    if (!status && entries != run->entries)
        return store_error(verify->graph, err, TRACER_E_DAMAGED,
                           "verify: run %u has %" PRIu64 " of %" PRIu64 " entries. Run: store rebuild",
                           run->id, entries, run->entries);
    return status;
}

static enum tracer_status check_items(struct verify *verify, uint64_t chain_id, const struct run_list *list,
                                      enum run_kind kind, const struct window *window,
                                      const struct items *items, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    uint8_t *seen = calloc(items->count + 1, 1);
    if (!seen)
        return store_error(verify->graph, err, TRACER_E_NOMEM, "no memory");
    for (uint32_t i = 0; !status && i < list->count; i++)
        if (list->runs[i].phase == RUN_LIVE && list->runs[i].kind == kind)
            status = see_run(verify, chain_id, &list->runs[i], window, items, seen, err);
    for (size_t i = 0; !status && i < items->count; i++)
        if (!seen[i])
            status = wrong(verify, err,
                           kind == RUN_ROWS ? "the index lacks a row; run store rebuild"
                                            : "the index lacks a transaction; run store rebuild",
                           chain_id, block_of(window, items->at[i]));
    free(seen);
    return status;
}

static enum tracer_status check_window(struct verify *verify, uint64_t chain_id, const struct run_list *list,
                                       struct window *window, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (!items_sort_ids(&window->rows, bits_of(window->account_bits)) || !items_sort_hashes(&window->hashes))
        return store_error(verify->graph, err, TRACER_E_NOMEM, "no memory");
    status = check_items(verify, chain_id, list, RUN_ROWS, window, &window->rows, err);
    if (!status)
        status = check_items(verify, chain_id, list, RUN_HASHES, window, &window->hashes, err);
    window->rows.count = window->hashes.count = window->row_count = window->block_count = 0;
    window->account_bits = 0;
    return status;
}

static enum tracer_status check_addresses(struct verify *verify, uint64_t chain_id,
                                          const struct run_list *list, struct error *err)
{
    static const struct segment_entry start;
    struct chain *chain = store_chain(verify->graph, chain_id);
    uint8_t *seen = calloc((size_t)list->addressed + 1, 1);
    enum tracer_status status = TRACER_OK;
    if (!seen || !chain) {
        free(seen);
        return store_error(verify->graph, err, TRACER_E_NOMEM, "no memory");
    }
    for (uint32_t i = 0; !status && i < list->count; i++) {
        struct run_reader reader;
        if (list->runs[i].phase != RUN_LIVE || list->runs[i].kind != RUN_ADDRESSES)
            continue;
        status = run_reader_seek(&reader, verify->graph, verify->txn, chain_id, &list->runs[i], &start, err);
        while (!status && !reader.end) {
            uint32_t id = (uint32_t)reader.entry.block;
            if (reader.entry.block < list->addressed) {
                status = ids_need_account(verify->graph, verify->txn, chain, id, err);
                seen[id] = !status && segment_address_key(ids_account(chain, id)) == reader.entry.key;
            }
            if (!status)
                status = run_reader_next(&reader, verify->graph, verify->txn, err);
        }
    }
    for (uint32_t id = 0; !status && id < list->addressed; id++)
        if (!seen[id])
            status = store_error(verify->graph, err, TRACER_E_DAMAGED,
                                 "verify: the index lacks account %u. Run: store rebuild", id);
    free(seen);
    return status;
}

/* --- every block ------------------------------------------------------------------------------------- */

struct scratch { /* one block, as it was put */
    struct cursor_row *rows;
    uint32_t *logs;
    struct transfer *transfers;
    struct transaction *transactions;
    size_t row_capacity, transaction_capacity;
};

static void scratch_release(struct scratch *scratch)
{
    free(scratch->rows);
    free(scratch->logs);
    free(scratch->transfers);
    free(scratch->transactions);
}

static bool scratch_room(struct scratch *scratch, size_t rows, size_t transactions)
{
    if (rows > scratch->row_capacity) {
        if (!grow(&scratch->rows, rows, sizeof(*scratch->rows)) || !grow(&scratch->logs, rows, 4) ||
            !grow(&scratch->transfers, rows, sizeof(*scratch->transfers)))
            return false;
        scratch->row_capacity = rows;
    }
    if (transactions > scratch->transaction_capacity) {
        if (!grow(&scratch->transactions, transactions, sizeof(*scratch->transactions)))
            return false;
        scratch->transaction_capacity = transactions;
    }
    return true;
}

static enum tracer_status read_rows(struct verify *verify, struct chain *chain, const struct edit *edit,
                                    uint32_t index, struct scratch *scratch, struct block *block,
                                    struct error *err)
{
    struct chunk_scan scan;
    enum tracer_status status = TRACER_OK;
    block->transfer_count = chunk_row_start(&edit->chunk, index + 1) - chunk_row_start(&edit->chunk, index);
    if (!scratch_room(scratch, block->transfer_count, 0))
        return store_error(verify->graph, err, TRACER_E_NOMEM, "no memory");
    chunk_scan_at(&scan, &edit->chunk, index);
    chunk_scan_rows(&scan, scratch->rows, scratch->logs, block->transfer_count);
    for (size_t i = 0; !status && i < block->transfer_count; i++) {
        const struct cursor_row *row = &scratch->rows[i];
        status = ids_need_account(verify->graph, verify->txn, chain, row->from, err);
        if (!status)
            status = ids_need_account(verify->graph, verify->txn, chain, row->to, err);
        if (!status)
            status = ids_need_asset(verify->graph, verify->txn, chain, row->asset, err);
        if (!status)
            walk_transfer(chain, row, scratch->logs[i], &scratch->transfers[i]);
    }
    block->transfers = scratch->transfers;
    return status;
}

static enum tracer_status read_transactions(struct verify *verify, struct chain *chain,
                                            const struct edit *edit, struct scratch *scratch,
                                            struct block *block, struct error *err)
{
    uint32_t found, first, end;
    enum tracer_status status = TRACER_OK;
    block->transaction_count = 0;
    if (!edit->has_transactions)
        return TRACER_OK;
    found = transaction_chunk_find(&edit->transactions, block->number);
    if (found == edit->transactions.block_count ||
        transaction_chunk_number(&edit->transactions, found) != block->number)
        return wrong(verify, err, "transactions are missing", chain->id, block->number);
    transaction_chunk_range(&edit->transactions, found, &first, &end);
    if (!scratch_room(scratch, 0, end - first))
        return store_error(verify->graph, err, TRACER_E_NOMEM, "no memory");
    for (uint32_t i = first; !status && i < end; i++) {
        struct chunk_transaction from = transaction_chunk_get(&edit->transactions, i, first);
        status = ids_need_account(verify->graph, verify->txn, chain, from.sender, err);
        if (!status)
            scratch->transactions[block->transaction_count++] =
                (struct transaction){from.transaction_index,
                                     from.hash,
                                     ids_account(chain, from.sender),
                                     from.nonce,
                                     (enum transaction_status)from.status,
                                     from.true_block_number,
                                     (enum grade)from.grade};
    }
    block->transactions = scratch->transactions;
    return status;
}

/* Totals of a chain, counted. */
struct totals {
    uint64_t blocks, first, last, transactions, transfers;
    struct hash last_hash;
};

static enum tracer_status verify_block(struct verify *verify, struct chain *chain, const struct edit *edit,
                                       uint32_t index, struct scratch *scratch, struct totals *totals,
                                       struct block *ret_block, struct error *err)
{
    struct block_record record;
    struct block block = {.chain_id = chain->id, .number = chunk_number(&edit->chunk, index)};
    if (totals->blocks > 0 && block.number <= totals->last)
        return wrong(verify, err, "chunks overlap", chain->id, block.number);
    enum tracer_status status =
        store_get_block_record(verify->graph, verify->txn, chain->id, block.number, &record, err);
    if (status == TRACER_E_NOT_FOUND)
        return wrong(verify, err, "the block record is missing", chain->id, block.number);
    if (!status)
        status = read_rows(verify, chain, edit, index, scratch, &block, err);
    if (!status)
        status = read_transactions(verify, chain, edit, scratch, &block, err);
    if (status)
        return status;
    block.hash = record.hash;
    block.parent_hash = record.parent_hash;
    block.time = record.time;
    struct digest128 digest = block_digest(&block);
    if (block.transfer_count != record.transfer_count || block.transaction_count != record.transaction_count)
        return wrong(verify, err, "the counts of a block differ", chain->id, block.number);
    if (digest.low != record.digest.low || digest.high != record.digest.high)
        return wrong(verify, err, "the digest of a block differs", chain->id, block.number);
    if (totals->blocks > 0 && block.number == totals->last + 1 && !hash_is_zero(totals->last_hash) &&
        !hash_is_zero(record.parent_hash) && !hash_equal(totals->last_hash, record.parent_hash))
        return wrong(verify, err, "a block does not link to the one before it", chain->id, block.number);
    if (totals->blocks++ == 0)
        totals->first = block.number;
    totals->last = block.number;
    totals->last_hash = record.hash;
    totals->transactions += block.transaction_count;
    totals->transfers += block.transfer_count;
    *ret_block = block;
    return TRACER_OK;
}

static enum tracer_status verify_chunk(struct verify *verify, struct chain *chain,
                                       const struct chain_state *state, const struct edit *edit,
                                       struct scratch *scratch, struct totals *totals, struct window *window,
                                       struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (!window_room(window, edit->chunk.row_count, edit->chunk.block_count, edit->chunk.transaction_count))
        return store_error(verify->graph, err, TRACER_E_NOMEM, "no memory");
    for (uint32_t i = 0; !status && i < edit->chunk.block_count; i++) {
        struct block block = {0};
        status = verify_block(verify, chain, edit, i, scratch, totals, &block, err);
        if (!status)
            window_add(window, state, &block, scratch->rows);
    }
    return status;
}

static enum tracer_status verify_log(struct verify *verify, struct chain *chain,
                                     const struct chain_state *state, const struct run_list *list,
                                     struct totals *totals, struct error *err)
{
    struct scratch scratch = {0};
    struct window window = {0};
    struct store_cursor cursor;
    struct key prefix = key_of_chain(chain->id);
    enum tracer_status status = store_cursor_open(verify->graph, verify->txn, TABLE_LOG, &cursor, err);
    if (!status)
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &prefix, err);
    while (!status && store_cursor_in(&cursor, &prefix)) {
        struct edit edit;
        status = edit_load(verify->graph, verify->txn, chain->id, get_u64_big(cursor.key + 8), &edit, err);
        if (status)
            break;
        status = verify_chunk(verify, chain, state, &edit, &scratch, totals, &window, err);
        edit_release(&edit);
        if (!status && (window.row_count >= WINDOW_ROWS || window.block_count >= WINDOW_BLOCKS))
            status = check_window(verify, chain->id, list, &window, err);
        if (!status)
            status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    }
    store_cursor_close(&cursor);
    if (!status || status == TRACER_E_NOT_FOUND)
        status = check_window(verify, chain->id, list, &window, err);
    window_release(&window);
    scratch_release(&scratch);
    return status;
}

static enum tracer_status count_records(struct verify *verify, enum table table, uint64_t chain_id,
                                        uint64_t *ret_count, struct error *err)
{
    struct store_cursor cursor;
    struct key prefix = key_of_chain(chain_id);
    *ret_count = 0;
    enum tracer_status status = store_cursor_open(verify->graph, verify->txn, table, &cursor, err);
    if (status)
        return status;
    for (status = store_cursor_move(&cursor, MDB_SET_RANGE, &prefix, err);
         !status && store_cursor_in(&cursor, &prefix);
         status = store_cursor_move(&cursor, MDB_NEXT, NULL, err))
        ++*ret_count;
    store_cursor_close(&cursor);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static enum tracer_status verify_chain(struct verify *verify, uint64_t chain_id, struct error *err)
{
    struct chain *chain = store_chain(verify->graph, chain_id);
    struct chain_state state;
    struct run_list list;
    struct totals totals = {0};
    uint64_t block_records = 0;
    if (!chain)
        return store_error(verify->graph, err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = store_get_state(verify->graph, verify->txn, chain_id, &state, err);
    if (!status)
        status = store_get_runs(verify->graph, verify->txn, chain_id, &list, err);
    if (!status)
        status = verify_log(verify, chain, &state, &list, &totals, err);
    if (!status)
        status = check_addresses(verify, chain_id, &list, err);
    if (!status)
        status = count_records(verify, TABLE_BLOCK, chain_id, &block_records, err);
    if (status)
        return status;
    if (totals.blocks != state.count || block_records != state.count ||
        totals.transactions != state.transactions || totals.transfers != state.transfers)
        return wrong(verify, err, "the totals of the chain differ", chain_id, state.last);
    if (state.count > 0 && (totals.first != state.first || totals.last != state.last))
        return wrong(verify, err, "the range of the chain differs", chain_id, state.last);
    for (uint32_t id = 0; !status && id < state.accounts; id += ACCOUNTS_PER_RECORD)
        status = ids_need_account(verify->graph, verify->txn, chain, id, err);
    for (uint32_t id = 0; !status && id < state.assets; id++)
        status = ids_need_asset(verify->graph, verify->txn, chain, id, err);
    return status;
}

static enum tracer_status count_total(struct verify *verify, struct error *err)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        MDB_stat stat;
        int result = mdb_stat(verify->txn, verify->graph->tables[i], &stat);
        if (result)
            return store_fail(verify->graph, result, "reading", err);
        verify->total += stat.ms_entries;
    }
    return TRACER_OK;
}

enum tracer_status graph_verify(struct graph *graph, graph_progress_fn *progress, void *context,
                                struct error *err)
{
    struct verify verify = {.graph = graph, .progress = progress, .context = context};
    uint64_t *ids = NULL;
    size_t count = 0;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = store_read_begin(graph, &verify.txn, err);
    if (status)
        return status;
    if (graph->cursors == 0)
        ids_drop_pages(graph); /* read them from the file, not from memory */
    status = count_total(&verify, err);
    for (int i = 0; !status && i < TABLE_COUNT; i++)
        status = verify_table(&verify, (enum table)i, err);
    if (!status)
        status = store_chain_ids(graph, verify.txn, &ids, &count, err);
    for (size_t i = 0; !status && i < count; i++)
        status = verify_chain(&verify, ids[i], err);
    free(ids);
    store_read_end(graph);
    if (!status && progress)
        progress(context, verify.total, verify.total);
    return status;
}
