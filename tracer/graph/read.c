/* read.c - single look-ups: the range, a block, a transaction by its place or by its hash. */
#include <inttypes.h>

#include "segment.h"
#include "walk.h"

enum tracer_status graph_range(struct graph *graph, uint64_t chain_id, struct graph_range *ret_range,
                               struct error *err)
{
    MDB_txn *txn;
    struct chain_state state;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_get_state(graph, txn, chain_id, &state, err);
    store_read_end(graph);
    if (status)
        return status;
    if (state.count == 0)
        return store_error(graph, err, TRACER_E_NOT_FOUND, "no blocks of chain %" PRIu64, chain_id);
    *ret_range = (struct graph_range){state.first, state.last, state.count,
                                      state.whole_to < state.last ? state.whole_to + 1 : 0, state.generation};
    return TRACER_OK;
}

static enum tracer_status no_block(const struct graph *graph, uint64_t chain_id, uint64_t number,
                                   struct error *err)
{
    return store_error(graph, err, TRACER_E_NOT_FOUND, "block %" PRIu64 " of chain %" PRIu64 " is not stored",
                       number, chain_id);
}

enum tracer_status graph_get_block(struct graph *graph, uint64_t chain_id, uint64_t number,
                                   struct block *ret_block, struct error *err)
{
    MDB_txn *txn;
    struct block_record record;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_get_block_record(graph, txn, chain_id, number, &record, err);
    store_read_end(graph);
    if (status == TRACER_E_NOT_FOUND)
        return no_block(graph, chain_id, number, err);
    if (status)
        return status;
    *ret_block = (struct block){.chain_id = chain_id,
                                .number = number,
                                .hash = record.hash,
                                .parent_hash = record.parent_hash,
                                .state_root = record.state_root,
                                .transactions_root = record.transactions_root,
                                .receipts_root = record.receipts_root,
                                .time = record.time,
                                .grade = record.grade,
                                .internals = record.internals,
                                .order = record.order,
                                .rewards_asserted = record.rewards_asserted,
                                .undecoded_count = record.undecoded_count,
                                .transaction_count = record.transaction_count,
                                .transfer_count = record.transfer_count};
    return TRACER_OK;
}

/* --- transactions ------------------------------------------------------------------------------------ */

/* The transaction chunk that has the block, parsed in the map; NOT_FOUND leaves err alone. */
static enum tracer_status find_chunk(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t number,
                                     struct transaction_chunk *ret_chunk, uint32_t *ret_block,
                                     struct error *err)
{
    struct store_cursor cursor;
    struct record record;
    struct key key = key_of_block(chain_id, number);
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_TRANSACTION, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, 8, err);
    if (!status && !store_is_seen(&cursor, &graph->transactions_seen)) {
        graph->transactions_seen.at = NULL;
        status = store_cursor_record(&cursor, &record, err);
        if (!status && !transaction_chunk_parse(record.data, record.size, &graph->transactions))
            status = store_damaged(graph, TABLE_TRANSACTION, cursor.key, cursor.key_size, err);
        if (!status)
            store_see(&cursor, record.size, &graph->transactions_seen);
    }
    store_cursor_close(&cursor);
    if (status)
        return status;
    *ret_chunk = graph->transactions;
    *ret_block = transaction_chunk_find(ret_chunk, number);
    if (*ret_block == ret_chunk->block_count || transaction_chunk_number(ret_chunk, *ret_block) != number)
        return TRACER_E_NOT_FOUND;
    return TRACER_OK;
}

static enum tracer_status find_by_index(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t number,
                                        int32_t transaction_index, struct chunk_transaction *ret_transaction,
                                        struct error *err)
{
    struct transaction_chunk chunk;
    uint32_t block, first, end;
    enum tracer_status status = find_chunk(graph, txn, chain_id, number, &chunk, &block, err);
    if (status)
        return status;
    transaction_chunk_range(&chunk, block, &first, &end);
    uint32_t low = first, high = end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (transaction_chunk_index(&chunk, middle, first) < transaction_index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == end)
        return TRACER_E_NOT_FOUND;
    *ret_transaction = transaction_chunk_get(&chunk, low, first);
    return ret_transaction->transaction_index == transaction_index ? TRACER_OK : TRACER_E_NOT_FOUND;
}

static struct transaction transaction_of(const struct chain *chain, const struct chunk_transaction *found)
{
    return (struct transaction){.transaction_index = found->transaction_index,
                                .hash = found->hash,
                                .sender = ids_account(chain, found->sender),
                                .nonce = found->nonce,
                                .status = (enum transaction_status)found->status,
                                .true_block_number = found->true_block_number,
                                .grade = (enum grade)found->grade};
}

static enum tracer_status lost(const struct graph *graph, uint64_t chain_id, uint64_t number, struct error *err)
{
    return store_error(graph, err, TRACER_E_DAMAGED,
                       "record missing (transaction, chain %" PRIu64 ", block %" PRIu64
                       "). Nothing was answered. Run: store verify, then restore",
                       chain_id, number);
}

/* Not found: is it absent, or lost? */
static enum tracer_status check_absence(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t number,
                                        int32_t transaction_index, struct error *err)
{
    struct block_record record;
    struct transaction_chunk chunk;
    uint32_t block, first = 0, end = 0;
    enum tracer_status status = store_get_block_record(graph, txn, chain_id, number, &record, err);
    if (status == TRACER_E_NOT_FOUND)
        return no_block(graph, chain_id, number, err);
    if (status)
        return status;
    status = find_chunk(graph, txn, chain_id, number, &chunk, &block, err);
    if (!status)
        transaction_chunk_range(&chunk, block, &first, &end);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    if (end - first != record.transaction_count)
        return lost(graph, chain_id, number, err);
    return store_error(graph, err, TRACER_E_NOT_FOUND, "block %" PRIu64 " has no transaction %d", number,
                       transaction_index);
}

enum tracer_status graph_get_transaction(struct graph *graph, uint64_t chain_id, uint64_t block_number,
                                         int32_t transaction_index, struct transaction *ret_transaction,
                                         struct error *err)
{
    MDB_txn *txn;
    struct chunk_transaction found = {0};
    enum tracer_status status = store_check(graph, err);
    struct chain *chain = store_chain(graph, chain_id);
    if (!status && !chain)
        status = store_error(graph, err, TRACER_E_NOMEM, "no memory");
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = find_by_index(graph, txn, chain_id, block_number, transaction_index, &found, err);
    if (status == TRACER_E_NOT_FOUND)
        status = check_absence(graph, txn, chain_id, block_number, transaction_index, err);
    if (!status)
        status = ids_need_account(graph, txn, chain, found.sender, err);
    store_read_end(graph);
    if (status)
        return status;
    *ret_transaction = transaction_of(chain, &found);
    return TRACER_OK;
}

/* The transactions of one block, which its record says it has. */
static enum tracer_status visit_block(struct graph *graph, MDB_txn *txn, struct chain *chain, uint64_t number,
                                      const struct block_record *record, graph_transaction_fn *visit, void *context,
                                      struct error *err)
{
    struct transaction_chunk chunk;
    uint32_t block, first = 0, end = 0;
    if (!record->transaction_count)
        return TRACER_OK;
    enum tracer_status status = find_chunk(graph, txn, chain->id, number, &chunk, &block, err);
    if (!status)
        transaction_chunk_range(&chunk, block, &first, &end);
    if (status == TRACER_E_NOT_FOUND || (!status && end - first != record->transaction_count))
        return lost(graph, chain->id, number, err);
    for (uint32_t i = first; i < end && !status; i++) {
        struct chunk_transaction found = transaction_chunk_get(&chunk, i, first);
        if ((status = ids_need_account(graph, txn, chain, found.sender, err)))
            break;
        struct transaction transaction = transaction_of(chain, &found);
        status = visit(context, number, &transaction, err);
    }
    return status;
}

/* Some blocks from *next on, under one snapshot. */
static enum tracer_status visit_some(struct graph *graph, struct chain *chain, uint64_t *next, uint64_t last,
                                     graph_transaction_fn *visit, void *context, struct error *err)
{
    MDB_txn *txn;
    struct store_cursor cursor = {0};
    struct key key = key_of_block(chain->id, *next), prefix = key_of_chain(chain->id);
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_cursor_open(graph, txn, TABLE_BLOCK, &cursor, err);
    if (!status)
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    for (unsigned i = 0; !status && i < BATCH_ROWS; i++) {
        struct record record;
        struct block_record block;
        bool in = store_cursor_in(&cursor, &prefix) && cursor.key_size == key.size;
        uint64_t number = in ? get_u64_big(cursor.key + 8) : UINT64_MAX;
        if (number > last) {
            status = TRACER_E_NOT_FOUND;
            break;
        }
        status = store_cursor_record(&cursor, &record, err);
        if (!status && !block_record_decode(record.data, record.size, &block))
            status = store_damaged(graph, TABLE_BLOCK, cursor.key, cursor.key_size, err);
        if (!status)
            status = visit_block(graph, txn, chain, number, &block, visit, context, err);
        *next = number + 1;
        if (!status)
            status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    }
    store_cursor_close(&cursor);
    store_read_end(graph);
    return status;
}

enum tracer_status graph_each_transaction(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                                          graph_transaction_fn *visit, void *context, struct error *err)
{
    enum tracer_status status = store_check(graph, err);
    struct chain *chain = store_chain(graph, chain_id);
    if (!status && !chain)
        status = store_error(graph, err, TRACER_E_NOMEM, "no memory");
    while (!status)
        status = visit_some(graph, chain, &first, last, visit, context, err);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* --- by hash ----------------------------------------------------------------------------------------- */

static bool find_in_chunk(const struct transaction_chunk *chunk, struct block_range range, struct hash hash,
                          struct position *ret_position)
{
    for (uint32_t block = transaction_chunk_find(chunk, range.first);
         chunk->hash && block < chunk->block_count && transaction_chunk_number(chunk, block) <= range.last;
         block++) {
        uint32_t first, end;
        transaction_chunk_range(chunk, block, &first, &end);
        for (uint32_t i = first; i < end; i++)
            if (memcmp(chunk->hash + (size_t)i * 32, hash.bytes, 32) == 0) {
                *ret_position = (struct position){transaction_chunk_number(chunk, block),
                                                  transaction_chunk_index(chunk, i, first), 0};
                return true;
            }
    }
    return false;
}

/* Ask one run; NOT_FOUND when none of its hints holds. */
static enum tracer_status find_in_run(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                      const struct run *run, struct hash hash, struct position *ret_position, struct error *err)
{
    struct run_reader reader;
    const struct segment_entry from = {.key = segment_hash_key(hash)};
    enum tracer_status status = run_reader_seek(&reader, graph, txn, chain_id, run, &from, err);
    while (!status && !reader.end && reader.entry.key == from.key) {
        struct transaction_chunk chunk;
        uint32_t block;
        const struct block_range here = {reader.entry.block, reader.entry.block};
        status = find_chunk(graph, txn, chain_id, here.first, &chunk, &block, err);
        if (!status && find_in_chunk(&chunk, here, hash, ret_position))
            return TRACER_OK;
        if (!status || status == TRACER_E_NOT_FOUND)
            status = run_reader_next(&reader, graph, txn, err);
    }
    return status ? status : TRACER_E_NOT_FOUND;
}

/* Blocks that no run knows yet. */
static enum tracer_status find_in_range(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                        struct block_range range, struct hash hash,
                                        struct position *ret_position, struct error *err)
{
    struct store_cursor cursor;
    struct record record;
    struct transaction_chunk chunk;
    struct key key = key_of_block(chain_id, range.first), prefix = key_of_chain(chain_id);
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_TRANSACTION, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, prefix.size, err);
    if (status == TRACER_E_NOT_FOUND)
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    while (!status) {
        if (!store_cursor_in(&cursor, &prefix) || get_u64_big(cursor.key + 8) > range.last) {
            status = TRACER_E_NOT_FOUND;
            break;
        }
        status = store_cursor_record(&cursor, &record, err);
        if (!status && !transaction_chunk_parse(record.data, record.size, &chunk))
            status = store_damaged(graph, TABLE_TRANSACTION, cursor.key, cursor.key_size, err);
        if (status || find_in_chunk(&chunk, range, hash, ret_position))
            break;
        status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    }
    store_cursor_close(&cursor);
    return status;
}

/* The newest run first: what is asked for is mostly new. */
static enum tracer_status find_hash(struct graph *graph, MDB_txn *txn, uint64_t chain_id, struct hash hash,
                                    struct position *ret_position, struct error *err)
{
    struct chain_state state;
    struct run_list list;
    enum tracer_status status = store_get_state(graph, txn, chain_id, &state, err);
    if (!status)
        status = store_get_runs(graph, txn, chain_id, &list, err);
    if (status)
        return status;
    status = TRACER_E_NOT_FOUND;
    for (uint32_t i = list.count; i > 0 && status == TRACER_E_NOT_FOUND; i--)
        if (list.runs[i - 1].kind == RUN_HASHES && list.runs[i - 1].phase == RUN_LIVE)
            status = find_in_run(graph, txn, chain_id, &list.runs[i - 1], hash, ret_position, err);
    for (uint32_t i = state.fresh_count; i > 0 && status == TRACER_E_NOT_FOUND; i--)
        status = find_in_range(graph, txn, chain_id, state.fresh[i - 1], hash, ret_position, err);
    return status;
}

enum tracer_status graph_find_transaction(struct graph *graph, uint64_t chain_id, struct hash hash,
                                          struct position *ret_position, struct error *err)
{
    MDB_txn *txn;
    struct position position;
    enum tracer_status status = store_check(graph, err);
    if (!status && hash_is_zero(hash))
        return store_error(graph, err, TRACER_E_NOT_FOUND, "a zero hash names no transaction");
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = find_hash(graph, txn, chain_id, hash, &position, err);
    store_read_end(graph);
    if (status == TRACER_E_NOT_FOUND) {
        char text[HASH_TEXT_SIZE];
        hash_format(hash, text);
        return store_error(graph, err, TRACER_E_NOT_FOUND, "transaction %s is not stored", text);
    }
    if (!status)
        *ret_position = position;
    return status;
}
