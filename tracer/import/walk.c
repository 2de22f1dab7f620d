/* walk.c - the rows of an imported file out again: as the engine's cursor, or as blocks for a store. */
#include "tracer/import.h"

#include "rows.h"

#include <stdlib.h>

/* The cursor. */
#define CURSOR_BATCH 1024u

struct import_cursor {
    const struct rows *rows;
    struct rows_walk walk;
    struct cursor_row batch[CURSOR_BATCH];
};

static enum tracer_status cursor_next(void *self, const struct cursor_row **ret_rows, size_t *ret_count,
                                      struct error *err)
{
    struct import_cursor *cursor = self;
    struct row row;
    size_t count = 0;
    (void)err;
    while (count < CURSOR_BATCH && import_rows_walk_next(&cursor->walk, &row))
        cursor->batch[count++] = (struct cursor_row){.position = row.position,
                                                     .amount = row.amount,
                                                     .from = row.from,
                                                     .to = row.to,
                                                     .asset = row.asset,
                                                     .link = row.link,
                                                     .kind = (uint8_t)row.kind,
                                                     .leg = (uint8_t)row.leg};
    *ret_rows = cursor->batch;
    *ret_count = count;
    return TRACER_OK;
}

static enum tracer_status cursor_rewind(void *self, struct error *err)
{
    struct import_cursor *cursor = self;
    (void)err;
    import_rows_walk_start(&cursor->walk, cursor->rows);
    return TRACER_OK;
}

static uint32_t cursor_account_count(void *self)
{
    return ((struct import_cursor *)self)->rows->accounts.count;
}

static uint32_t cursor_asset_count(void *self)
{
    return ((struct import_cursor *)self)->rows->assets.count;
}

static struct address cursor_account(void *self, uint32_t id)
{
    return ((struct import_cursor *)self)->rows->accounts.items[id];
}

static struct asset cursor_asset(void *self, uint32_t id)
{
    return ((struct import_cursor *)self)->rows->assets.items[id];
}

enum tracer_status import_cursor(struct import *import, struct cursor *ret_cursor, struct error *err)
{
    struct import_cursor *cursor = malloc(sizeof(*cursor));
    if (!cursor)
        return error_set(err, TRACER_E_NOMEM, "no memory for a cursor");
    cursor->rows = &import->rows;
    import_rows_walk_start(&cursor->walk, cursor->rows);
    *ret_cursor = (struct cursor){.self = cursor,
                                  .next = cursor_next,
                                  .rewind = cursor_rewind,
                                  .account_count = cursor_account_count,
                                  .asset_count = cursor_asset_count,
                                  .account = cursor_account,
                                  .asset = cursor_asset,
                                  .close = free};
    return TRACER_OK;
}

/* Blocks. */
struct gathering { /* one block being put together */
    const struct rows *rows;
    struct block block;
    struct transfer *transfers;
    struct transaction *transactions;
    size_t transfer_capacity, transaction_capacity;
    size_t transaction_at, time_at; /* next of the rows' columns */
};

static bool gather_room(struct gathering *gathering)
{
    if (gathering->block.transfer_count == gathering->transfer_capacity) {
        size_t capacity = gathering->transfer_capacity ? gathering->transfer_capacity * 2 : 64;
        struct transfer *transfers = realloc(gathering->transfers, capacity * sizeof(*transfers));
        if (!transfers)
            return false;
        gathering->transfers = transfers;
        gathering->transfer_capacity = capacity;
    }
    if (gathering->block.transaction_count == gathering->transaction_capacity) {
        size_t capacity = gathering->transaction_capacity ? gathering->transaction_capacity * 2 : 64;
        struct transaction *transactions = realloc(gathering->transactions, capacity * sizeof(*transactions));
        if (!transactions)
            return false;
        gathering->transactions = transactions;
        gathering->transaction_capacity = capacity;
    }
    return true;
}

/* Rows before the first and after the last transaction are in none, unless the file says something about
 * them. */
static bool is_worth_a_transaction(const struct transaction *transaction)
{
    return (transaction->transaction_index != TRANSACTION_BEFORE &&
            transaction->transaction_index != TRANSACTION_AFTER) ||
           transaction->grade != GRADE_ASSERTED || !hash_is_zero(transaction->hash) ||
           transaction->true_block_number;
}

static void gather_transaction(struct gathering *gathering, struct position position)
{
    struct transaction transaction = {.status = TRANSACTION_STATUS_UNKNOWN, .grade = GRADE_ASSERTED};
    if (gathering->rows->has_transactions)
        transaction = import_rows_transaction(gathering->rows, gathering->transaction_at++);
    transaction.transaction_index = position.transaction_index;
    if (is_worth_a_transaction(&transaction))
        gathering->transactions[gathering->block.transaction_count++] = transaction;
}

static enum tracer_status gather_row(struct gathering *gathering, const struct row *row, bool new_transaction,
                                     struct error *err)
{
    if (gathering->block.transfer_count >= TRACER_BLOCK_TRANSFERS_MAX)
        return error_set(err, TRACER_E_LIMIT,
                         "block %llu: more than %u transfers (TRACER_BLOCK_TRANSFERS_MAX)",
                         (unsigned long long)row->position.block_number, TRACER_BLOCK_TRANSFERS_MAX);
    if (!gather_room(gathering))
        return error_set(err, TRACER_E_NOMEM, "no memory for block %llu",
                         (unsigned long long)row->position.block_number);
    if (new_transaction)
        gather_transaction(gathering, row->position);
    if (row->kind == TRANSFER_INTERNAL)
        gathering->block.internals = INTERNALS_SOME;
    gathering->transfers[gathering->block.transfer_count++] =
        (struct transfer){.position = row->position,
                          .kind = row->kind,
                          .asset = gathering->rows->assets.items[row->asset],
                          .from = gathering->rows->accounts.items[row->from],
                          .to = gathering->rows->accounts.items[row->to],
                          .amount = row->amount,
                          .link = row->link,
                          .leg = row->leg,
                          .log_index = row->log_index};
    return TRACER_OK;
}

static void gather_start(struct gathering *gathering, uint64_t chain_id, uint64_t number)
{
    gathering->block = (struct block){.chain_id = chain_id,
                                      .number = number,
                                      .grade = GRADE_ASSERTED,
                                      .internals = INTERNALS_NONE,
                                      .order = ORDER_EXACT}; /* a file's order is execution order (2.2) */
    if (gathering->rows->has_times)
        gathering->block.time = gathering->rows->times[gathering->time_at++];
}

static enum tracer_status gather_put(struct gathering *gathering, import_block_fn *put, void *context,
                                     struct error *err)
{
    gathering->block.transfers = gathering->transfers;
    gathering->block.transactions = gathering->transactions;
    return put(context, &gathering->block, err);
}

enum tracer_status import_each_block(struct import *import, uint64_t chain_id, import_block_fn *put,
                                     void *context, struct error *err)
{
    struct gathering gathering = {.rows = &import->rows};
    struct rows_walk walk;
    struct row row;
    struct position previous = {0};
    bool any = false;
    enum tracer_status status = TRACER_OK;
    import_rows_walk_start(&walk, &import->rows);
    while (!status && import_rows_walk_next(&walk, &row)) {
        bool new_block = !any || row.position.block_number != previous.block_number;
        if (new_block && any)
            status = gather_put(&gathering, put, context, err);
        if (new_block && !status)
            gather_start(&gathering, chain_id, row.position.block_number);
        if (!status)
            status = gather_row(&gathering, &row,
                                new_block || !position_same_transaction(previous, row.position), err);
        previous = row.position;
        any = true;
    }
    if (!status && any)
        status = gather_put(&gathering, put, context, err);
    free(gathering.transfers);
    free(gathering.transactions);
    return status;
}
