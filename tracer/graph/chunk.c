/* chunk.c - chunks of whole blocks as columns: building and packing (chunk.h). */
#include "chunk.h"

#include <assert.h>
#include <stdlib.h>

/* --- building ---------------------------------------------------------------------------------------- */

void chunk_builder_release(struct chunk_builder *builder)
{
    void *const arrays[] = {builder->blocks,      builder->kind,    builder->width,    builder->from,
                            builder->to,          builder->asset,   builder->log,      builder->index,
                            builder->link,        builder->run_txi, builder->run_rows, builder->amounts,
                            builder->transactions};
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
        free(arrays[i]);
    *builder = (struct chunk_builder){0};
}

static void reset_bounds(struct chunk_builder *builder)
{
    builder->from_max = builder->to_max = builder->asset_max = builder->log_max = builder->link_max = 0;
    builder->nonce_wide = builder->true_blocks = builder->indexed = false;
}

void chunk_builder_clear(struct chunk_builder *builder)
{
    builder->block_count = builder->row_count = builder->run_count = builder->amount_size = 0;
    builder->transaction_count = 0;
    reset_bounds(builder);
}

/* Grow one array; the old one stays valid when there is no memory. */
static bool grow(void *array, size_t capacity, size_t item_size)
{
    void **slot = array, *grown = realloc(*slot, capacity * item_size);
    if (!grown)
        return false;
    *slot = grown;
    return true;
}

static bool reserve_rows(struct chunk_builder *builder, size_t wanted)
{
    if (wanted < builder->row_capacity)
        return true;
    size_t capacity = wanted + wanted / 2 + 64;
    uint32_t **const columns[] = {&builder->from, &builder->to,    &builder->asset,
                                  &builder->log,  &builder->index, &builder->link};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        if (!grow(columns[i], capacity, sizeof(uint32_t)))
            return false;
    if (!grow(&builder->kind, capacity, 1) || !grow(&builder->width, capacity, 1))
        return false;
    builder->row_capacity = capacity;
    return true;
}

static bool reserve_runs(struct chunk_builder *builder, size_t wanted)
{
    if (wanted < builder->run_capacity)
        return true;
    size_t capacity = wanted + wanted / 2 + 64;
    if (!grow(&builder->run_txi, capacity, sizeof(int32_t)) ||
        !grow(&builder->run_rows, capacity, sizeof(uint32_t)))
        return false;
    builder->run_capacity = capacity;
    return true;
}

static bool reserve_others(struct chunk_builder *builder, size_t amount_size, size_t transactions)
{
    if (amount_size >= builder->amount_capacity) {
        size_t capacity = amount_size + amount_size / 2 + 64;
        if (!grow(&builder->amounts, capacity, 1))
            return false;
        builder->amount_capacity = capacity;
    }
    if (transactions >= builder->transaction_capacity) {
        size_t capacity = transactions + transactions / 2 + 16;
        if (!grow(&builder->transactions, capacity, sizeof(*builder->transactions)))
            return false;
        builder->transaction_capacity = capacity;
    }
    if (builder->block_count == builder->block_capacity) {
        size_t capacity = builder->block_capacity * 2 + 16;
        if (!grow(&builder->blocks, capacity, sizeof(*builder->blocks)))
            return false;
        builder->block_capacity = capacity;
    }
    return true;
}

bool chunk_builder_reserve(struct chunk_builder *builder, size_t rows, size_t transactions)
{
    return reserve_rows(builder, builder->row_count + rows) &&
           reserve_runs(builder, builder->run_count + rows) &&
           reserve_others(builder, builder->amount_size + rows * 32 + 32,
                          builder->transaction_count + transactions);
}

static unsigned amount_width(const struct u256 *amount)
{
    for (int i = 3; i >= 0; i--)
        if (amount->limb[i])
            return (unsigned)i * 8 + (unsigned)(71 - __builtin_clzll(amount->limb[i])) / 8;
    return 0;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void chunk_builder_row(struct chunk_builder *builder, bool new_run, const struct cursor_row *row,
                       uint32_t log_index)
{
    size_t at = builder->row_count++;
    unsigned width = amount_width(&row->amount);
    uint32_t log = log_index + 1;
    builder->kind[at] = (uint8_t)(row->kind | row->leg << 3);
    builder->width[at] = (uint8_t)width;
    builder->from[at] = row->from;
    builder->to[at] = row->to;
    builder->asset[at] = row->asset;
    builder->log[at] = log;
    builder->index[at] = row->position.index;
    builder->link[at] = row->link;
    builder->from_max = max_u32(builder->from_max, row->from);
    builder->to_max = max_u32(builder->to_max, row->to);
    builder->asset_max = max_u32(builder->asset_max, row->asset);
    builder->log_max = max_u32(builder->log_max, log);
    builder->link_max = max_u32(builder->link_max, row->link);
    uint8_t *amount = builder->amounts + builder->amount_size; /* 32 bytes of room for every row */
    put_u64(amount, row->amount.limb[0]);
    for (unsigned i = 1; i * 8 < width; i++)
        put_u64(amount + i * 8, row->amount.limb[i]);
    builder->amount_size += width;
    if (new_run) {
        builder->run_txi[builder->run_count] = row->position.transaction_index;
        builder->run_rows[builder->run_count++] = 0;
    }
    builder->indexed |= row->position.index != builder->run_rows[builder->run_count - 1];
    builder->run_rows[builder->run_count - 1]++;
}

void chunk_builder_transaction(struct chunk_builder *builder, const struct chunk_transaction *transaction)
{
    builder->transactions[builder->transaction_count++] = *transaction;
    builder->nonce_wide |= transaction->nonce > UINT32_MAX;
    builder->true_blocks |= transaction->true_block_number != 0;
}

void chunk_builder_end_block(struct chunk_builder *builder, uint64_t number)
{
    builder->blocks[builder->block_count++] =
        (struct chunk_block){number, (uint32_t)builder->row_count, (uint32_t)builder->run_count,
                             (uint32_t)builder->amount_size, (uint32_t)builder->transaction_count};
}

/* Where block `first` begins in each array. */
static struct chunk_block block_start(const struct chunk_builder *builder, size_t first)
{
    return first == 0 ? (struct chunk_block){0} : builder->blocks[first - 1];
}

void chunk_builder_drop_open(struct chunk_builder *builder)
{
    struct chunk_block end = block_start(builder, builder->block_count);
    builder->row_count = end.row_end;
    builder->run_count = end.run_end;
    builder->amount_size = end.amount_end;
    builder->transaction_count = end.transaction_end;
}

static unsigned width_u32(uint32_t value)
{
    return value == 0 ? 0 : (unsigned)(39 - __builtin_clz(value)) / 8;
}

size_t chunk_builder_log_size(const struct chunk_builder *builder)
{
    size_t a_row = 2u + width_u32(builder->from_max) + width_u32(builder->to_max) +
                   width_u32(builder->asset_max) + width_u32(builder->log_max) +
                   (builder->indexed ? 4u : 0u) + width_u32(builder->link_max);
    return CHUNK_HEADER_SIZE + builder->block_count * CHUNK_BLOCK_SIZE + builder->run_count * 4 +
           builder->row_count * a_row + builder->amount_size;
}

size_t chunk_builder_transaction_size(const struct chunk_builder *builder)
{
    size_t each = 32 + 4 + 4 + 1 + (builder->nonce_wide ? 8u : 4u) + (builder->true_blocks ? 8u : 0u);
    return TRANSACTION_HEADER_SIZE + builder->block_count * TRANSACTION_BLOCK_SIZE +
           builder->transaction_count * each;
}

static void shift_array(void *array, size_t item_size, size_t from, size_t end)
{
    memmove(array, (const uint8_t *)array + from * item_size, (end - from) * item_size);
}

void chunk_builder_shift(struct chunk_builder *builder, size_t count)
{
    struct chunk_block start = block_start(builder, count);
    uint32_t *const columns[] = {builder->from, builder->to,    builder->asset,
                                 builder->log,  builder->index, builder->link};
    if (count == builder->block_count) {
        chunk_builder_clear(builder);
        return;
    }
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        shift_array(columns[i], sizeof(uint32_t), start.row_end, builder->row_count);
    shift_array(builder->kind, 1, start.row_end, builder->row_count);
    shift_array(builder->width, 1, start.row_end, builder->row_count);
    shift_array(builder->run_txi, sizeof(int32_t), start.run_end, builder->run_count);
    shift_array(builder->run_rows, sizeof(uint32_t), start.run_end, builder->run_count);
    shift_array(builder->amounts, 1, start.amount_end, builder->amount_size);
    shift_array(builder->transactions, sizeof(*builder->transactions), start.transaction_end,
                builder->transaction_count);
    shift_array(builder->blocks, sizeof(*builder->blocks), count, builder->block_count);
    builder->block_count -= count;
    builder->row_count -= start.row_end;
    builder->run_count -= start.run_end;
    builder->amount_size -= start.amount_end;
    builder->transaction_count -= start.transaction_end;
    for (size_t i = 0; i < builder->block_count; i++) {
        struct chunk_block *block = &builder->blocks[i];
        block->row_end -= start.row_end;
        block->run_end -= start.run_end;
        block->amount_end -= start.amount_end;
        block->transaction_end -= start.transaction_end;
    }
}

/* --- packing ----------------------------------------------------------------------------------------- */

static uint32_t txi_code(int32_t transaction_index)
{
    return transaction_index == TRANSACTION_AFTER ? UINT32_MAX : (uint32_t)(transaction_index + 1);
}

static uint32_t column_max(const uint32_t *column, size_t from, size_t end)
{
    uint32_t max = 0;
    for (size_t i = from; i < end; i++)
        max = max_u32(max, column[i]);
    return max;
}

/* Bytes for codes below the all-ones value of that width. */
static unsigned txi_width(uint32_t max)
{
    return max < 0xff ? 1 : max < 0xffff ? 2 : 4;
}

/* Does every run count its rows from 0? */
static bool index_is_implied(const struct chunk_builder *builder, struct chunk_block start,
                             struct chunk_block end)
{
    size_t row = start.row_end;
    for (size_t run = start.run_end; run < end.run_end; run++)
        for (uint32_t i = 0; i < builder->run_rows[run]; i++)
            if (builder->index[row++] != i)
                return false;
    return true;
}

static void plan_transactions(const struct chunk_builder *builder, struct chunk_block start,
                              struct chunk_block end, struct chunk_plan *plan)
{
    uint32_t sender = 0, txi = 0;
    uint64_t nonce = 0;
    bool true_block = false, hashes = false;
    for (size_t i = start.transaction_end; i < end.transaction_end; i++) {
        const struct chunk_transaction *transaction = &builder->transactions[i];
        uint32_t code = txi_code(transaction->transaction_index);
        sender = max_u32(sender, transaction->sender);
        txi = code == UINT32_MAX ? txi : max_u32(txi, code);
        nonce |= transaction->nonce;
        true_block |= transaction->true_block_number != 0;
        hashes = hashes || !hash_is_zero(transaction->hash);
    }
    size_t count = end.transaction_end - start.transaction_end;
    plan->transaction_widths[0] = (uint8_t)txi_width(txi);
    plan->transaction_widths[1] = (uint8_t)width_u32(sender);
    plan->transaction_widths[2] = nonce > UINT32_MAX ? 8 : (uint8_t)width_u32((uint32_t)nonce);
    plan->transaction_widths[3] = true_block ? 8 : 0;
    plan->transaction_widths[4] = hashes ? 32 : 0;
    size_t each = 1;
    for (int i = 0; i < 5; i++)
        each += plan->transaction_widths[i];
    plan->transaction_size =
        count == 0 ? 0 : TRANSACTION_HEADER_SIZE + plan->count * TRANSACTION_BLOCK_SIZE + count * each;
}

struct chunk_plan chunk_plan(const struct chunk_builder *builder, size_t first, size_t count)
{
    struct chunk_plan plan = {.first = first, .count = count};
    struct chunk_block start = block_start(builder, first), end = block_start(builder, first + count);
    const uint32_t *const columns[] = {builder->from, builder->to, builder->asset, builder->log};
    uint32_t txi = 0;
    for (size_t i = start.run_end; i < end.run_end; i++) {
        uint32_t code = txi_code(builder->run_txi[i]);
        txi = code == UINT32_MAX ? txi : max_u32(txi, code);
    }
    plan.widths[WIDTH_TXI] = (uint8_t)txi_width(txi);
    plan.widths[WIDTH_RUN] = (uint8_t)width_u32(column_max(builder->run_rows, start.run_end, end.run_end));
    for (int i = 0; i < 4; i++)
        plan.widths[WIDTH_FROM + i] = (uint8_t)width_u32(column_max(columns[i], start.row_end, end.row_end));
    plan.widths[WIDTH_INDEX] = index_is_implied(builder, start, end) ? 0 : 4;
    plan.widths[WIDTH_LINK] = (uint8_t)width_u32(column_max(builder->link, start.row_end, end.row_end));
    size_t rows = end.row_end - start.row_end, runs = end.run_end - start.run_end, a_row = 2;
    for (int i = WIDTH_FROM; i <= WIDTH_LINK; i++)
        a_row += plan.widths[i];
    plan.log_size = CHUNK_HEADER_SIZE + count * CHUNK_BLOCK_SIZE +
                    runs * ((size_t)plan.widths[WIDTH_TXI] + plan.widths[WIDTH_RUN]) + rows * a_row +
                    (end.amount_end - start.amount_end);
    plan_transactions(builder, start, end, &plan);
    return plan;
}

/* Write a column; up to 3 bytes behind its end are overwritten. */
static uint8_t *pack(uint8_t *to, const uint32_t *from, size_t count, unsigned width)
{
    switch (width) {
    case 1:
        for (size_t i = 0; i < count; i++)
            to[i] = (uint8_t)from[i];
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            put_u16(to + i * 2, from[i]);
        break;
    case 3:
    case 4:
        for (size_t i = 0; i < count; i++)
            put_u32(to + i * width, from[i]);
        break;
    default:
        break;
    }
    return to + count * width;
}

void chunk_encode_log(const struct chunk_builder *builder, const struct chunk_plan *plan, uint8_t *to)
{
    struct chunk_block start = block_start(builder, plan->first);
    struct chunk_block end = block_start(builder, plan->first + plan->count);
    size_t rows = end.row_end - start.row_end, runs = end.run_end - start.run_end;
    uint8_t *at = to;
    put_u32(at, (uint32_t)plan->count);
    put_u32(at + 4, (uint32_t)rows);
    put_u32(at + 8, (uint32_t)runs);
    put_u32(at + 12, end.transaction_end - start.transaction_end);
    put_u32(at + 16, end.amount_end - start.amount_end);
    memcpy(at + 20, plan->widths, sizeof(plan->widths));
    at += CHUNK_HEADER_SIZE;
    for (size_t i = 0; i < plan->count; i++, at += CHUNK_BLOCK_SIZE) {
        const struct chunk_block *block = &builder->blocks[plan->first + i];
        put_u64(at, block->number);
        put_u32(at + 8, block->row_end - start.row_end);
        put_u32(at + 12, block->run_end - start.run_end);
        put_u32(at + 16, block->amount_end - start.amount_end);
    }
    for (size_t i = start.run_end; i < end.run_end; i++) {
        uint32_t code = txi_code(builder->run_txi[i]);
        at = pack(at, &code, 1, plan->widths[WIDTH_TXI]);
    }
    at = pack(at, builder->run_rows + start.run_end, runs, plan->widths[WIDTH_RUN]);
    memcpy(at, builder->kind + start.row_end, rows);
    memcpy(at + rows, builder->width + start.row_end, rows);
    at += rows * 2;
    const uint32_t *const columns[] = {builder->from, builder->to,    builder->asset,
                                       builder->log,  builder->index, builder->link};
    for (int i = 0; i < 6; i++)
        at = pack(at, columns[i] + start.row_end, rows, plan->widths[WIDTH_FROM + i]);
    memcpy(at, builder->amounts + start.amount_end, end.amount_end - start.amount_end);
    assert((size_t)(at - to) + (end.amount_end - start.amount_end) == plan->log_size);
}

void chunk_encode_transactions(const struct chunk_builder *builder, const struct chunk_plan *plan,
                               uint8_t *to)
{
    struct chunk_block start = block_start(builder, plan->first);
    struct chunk_block end = block_start(builder, plan->first + plan->count);
    const struct chunk_transaction *transactions = builder->transactions + start.transaction_end;
    size_t count = end.transaction_end - start.transaction_end;
    const uint8_t *widths = plan->transaction_widths;
    uint8_t *at = to;
    put_u32(at, (uint32_t)plan->count);
    put_u32(at + 4, (uint32_t)count);
    memcpy(at + 8, widths, 5);
    memset(at + 13, 0, 3);
    at += TRANSACTION_HEADER_SIZE;
    for (size_t i = 0; i < plan->count; i++, at += TRANSACTION_BLOCK_SIZE) {
        put_u64(at, builder->blocks[plan->first + i].number);
        put_u32(at + 8, builder->blocks[plan->first + i].transaction_end - start.transaction_end);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t code = txi_code(transactions[i].transaction_index);
        at = pack(at, &code, 1, widths[0]);
    }
    for (size_t i = 0; i < count && widths[4]; i++, at += 32)
        memcpy(at, transactions[i].hash.bytes, 32);
    for (size_t i = 0; i < count; i++)
        at = pack(at, &transactions[i].sender, 1, widths[1]);
    for (size_t i = 0; i < count; i++, at += widths[2]) {
        uint8_t bytes[8];
        put_u64(bytes, transactions[i].nonce);
        memcpy(at, bytes, widths[2]);
    }
    for (size_t i = 0; i < count && widths[3]; i++, at += 8)
        put_u64(at, transactions[i].true_block_number);
    for (size_t i = 0; i < count; i++)
        *at++ = (uint8_t)(transactions[i].status | transactions[i].grade << 4);
    assert((size_t)(at - to) == plan->transaction_size);
}
