/* edit.c - chunks in the store: writing them, taking them apart, keeping aside what is removed. */
#include <inttypes.h>
#include <stdlib.h>

#include "tracer/clock.h"
#include "write.h"

/* --- writing ----------------------------------------------------------------------------------------- */

static enum tracer_status write_chunk(struct graph *graph, uint64_t chain_id,
                                      const struct chunk_builder *builder, const struct chunk_plan *plan,
                                      struct error *err)
{
    uint8_t *to;
    struct key key = key_of_block(chain_id, builder->blocks[plan->first].number);
    enum tracer_status status = store_reserve(graph, TABLE_LOG, &key, plan->log_size, &to, err);
    if (status)
        return status;
    chunk_encode_log(builder, plan, to);
    store_seal(TABLE_LOG, &key, to, plan->log_size);
    if (plan->transaction_size == 0)
        return TRACER_OK;
    status = store_reserve(graph, TABLE_TRANSACTION, &key, plan->transaction_size, &to, err);
    if (status)
        return status;
    chunk_encode_transactions(builder, plan, to);
    store_seal(TABLE_TRANSACTION, &key, to, plan->transaction_size);
    return TRACER_OK;
}

/* Blocks [first, first + count): halved until they fit. */
static enum tracer_status write_range(struct graph *graph, uint64_t chain_id,
                                      const struct chunk_builder *builder, size_t first, size_t count,
                                      struct error *err)
{
    struct chunk_plan plan = chunk_plan(builder, first, count);
    if (count == 1 ||
        (count <= CHUNK_BLOCKS_MAX && plan.log_size <= CHUNK_BYTES && plan.transaction_size <= CHUNK_BYTES))
        return write_chunk(graph, chain_id, builder, &plan, err);
    enum tracer_status status = write_range(graph, chain_id, builder, first, count / 2, err);
    return status ? status : write_range(graph, chain_id, builder, first + count / 2, count - count / 2, err);
}

enum tracer_status edit_write_first(struct graph *graph, uint64_t chain_id, struct chunk_builder *builder,
                                    size_t count, struct error *err)
{
    if (count == 0)
        return TRACER_OK;
    uint64_t start = clock_monotonic_ns();
    enum tracer_status status = write_range(graph, chain_id, builder, 0, count, err);
    graph->timing.log_ns += clock_monotonic_ns() - start;
    if (!status)
        chunk_builder_shift(builder, count);
    return status;
}

enum tracer_status edit_write(struct graph *graph, uint64_t chain_id, struct chunk_builder *builder,
                              struct error *err)
{
    return edit_write_first(graph, chain_id, builder, builder->block_count, err);
}

/* --- taking apart ------------------------------------------------------------------------------------ */

/* A copy with room for the readers of columns, which look a little behind. */
static uint8_t *copy_of(const struct record *record)
{
    uint8_t *bytes = malloc(record->size + CHECKSUM_SIZE);
    if (bytes) {
        memcpy(bytes, record->data, record->size);
        memset(bytes + record->size, 0, CHECKSUM_SIZE);
    }
    return bytes;
}

void edit_release(struct edit *edit)
{
    free(edit->bytes);
    free(edit->transaction_bytes);
    *edit = (struct edit){0};
}

static enum tracer_status load_transactions(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                            struct edit *edit, struct error *err)
{
    struct record record;
    struct key key = key_of_block(chain_id, edit->key);
    enum tracer_status status = store_get(graph, txn, TABLE_TRANSACTION, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND)
        return store_error(graph, err, TRACER_E_DAMAGED,
                           "record missing (transaction, chain %" PRIu64 ", block %" PRIu64
                           "). Nothing was answered. Run: store verify, then restore",
                           chain_id, edit->key);
    if (status)
        return status;
    edit->transaction_bytes = copy_of(&record);
    if (!edit->transaction_bytes)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    if (!transaction_chunk_parse(edit->transaction_bytes, record.size, &edit->transactions) ||
        edit->transactions.transaction_count != edit->chunk.transaction_count)
        return store_damaged(graph, TABLE_TRANSACTION, key.bytes, key.size, err);
    edit->has_transactions = true;
    return TRACER_OK;
}

enum tracer_status edit_load(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t number,
                             struct edit *ret_edit, struct error *err)
{
    struct store_cursor cursor;
    struct record record;
    struct key key = key_of_block(chain_id, number);
    *ret_edit = (struct edit){0};
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_LOG, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, 8, err);
    if (!status)
        status = store_cursor_record(&cursor, &record, err);
    if (!status) {
        ret_edit->key = get_u64_big(cursor.key + 8);
        ret_edit->bytes = copy_of(&record);
        if (!ret_edit->bytes)
            status = store_error(graph, err, TRACER_E_NOMEM, "no memory");
        else if (!chunk_parse(ret_edit->bytes, record.size, &ret_edit->chunk) ||
                 chunk_number(&ret_edit->chunk, 0) != ret_edit->key)
            status = store_damaged(graph, TABLE_LOG, cursor.key, cursor.key_size, err);
    }
    store_cursor_close(&cursor);
    if (!status && ret_edit->chunk.transaction_count > 0)
        status = load_transactions(graph, txn, chain_id, ret_edit, err);
    if (status)
        edit_release(ret_edit);
    return status;
}

bool edit_has(const struct edit *edit, uint64_t number)
{
    uint32_t block = chunk_find(&edit->chunk, number);
    return block < edit->chunk.block_count && chunk_number(&edit->chunk, block) == number;
}

uint64_t edit_last(const struct edit *edit)
{
    return chunk_number(&edit->chunk, edit->chunk.block_count - 1);
}

enum tracer_status edit_copy(struct graph *graph, const struct edit *edit, uint64_t from, uint64_t to,
                             struct chunk_builder *builder, struct error *err)
{
    const struct transaction_chunk *transactions = edit->has_transactions ? &edit->transactions : NULL;
    for (uint32_t block = chunk_find(&edit->chunk, from);
         block < edit->chunk.block_count && chunk_number(&edit->chunk, block) <= to; block++)
        if (!chunk_builder_copy(builder, &edit->chunk, transactions, block))
            return store_error(graph, err, TRACER_E_NOMEM,
                               "no memory, or the chunk of block %" PRIu64 " is damaged", edit->key);
    return TRACER_OK;
}

enum tracer_status edit_delete(struct graph *graph, uint64_t chain_id, const struct edit *edit,
                               struct error *err)
{
    struct key key = key_of_block(chain_id, edit->key);
    enum tracer_status status = store_delete(graph, TABLE_LOG, &key, err);
    if (!status && edit->has_transactions)
        status = store_delete(graph, TABLE_TRANSACTION, &key, err);
    return status;
}

/* --- keeping aside ----------------------------------------------------------------------------------- */

static struct key orphan_key(uint64_t chain_id, uint64_t number, const struct block_record *record)
{
    struct key key = key_of_block(chain_id, number);
    key_bytes(&key, record->hash.bytes, sizeof(record->hash.bytes));
    key_u64(&key, record->digest.low);
    return key;
}

enum tracer_status edit_orphan(struct graph *graph, uint64_t chain_id, const struct edit *edit,
                               uint64_t number, const struct block_record *record, struct error *err)
{
    uint8_t header[BLOCK_RECORD_MAX], *to;
    struct chunk_builder builder = {0};
    enum tracer_status status = edit_copy(graph, edit, number, number, &builder, err);
    if (!status && builder.block_count != 1)
        status =
            store_error(graph, err, TRACER_E_DAMAGED,
                        "record missing (log, block %" PRIu64 "). Run: store verify, then restore", number);
    if (!status) {
        struct chunk_plan plan = chunk_plan(&builder, 0, 1);
        struct key key = orphan_key(chain_id, number, record);
        size_t header_size = block_record_encode(record, header);
        size_t size = 12 + header_size + plan.log_size + plan.transaction_size;
        status = store_reserve(graph, TABLE_ORPHAN, &key, size, &to, err);
        if (!status) {
            uint8_t *at = to;
            put_u32(at, (uint32_t)header_size);
            memcpy(at + 4, header, header_size);
            at += 4 + header_size;
            put_u32(at, (uint32_t)plan.log_size);
            chunk_encode_log(&builder, &plan, at + 4);
            at += 4 + plan.log_size;
            put_u32(at, (uint32_t)plan.transaction_size);
            if (plan.transaction_size)
                chunk_encode_transactions(&builder, &plan, at + 4);
            store_seal(TABLE_ORPHAN, &key, to, size);
        }
    }
    chunk_builder_release(&builder);
    return status;
}
