/* chunk.c - chunks of whole blocks as columns: building and packing (chunk.h). */
#include "chunk.h"

#include <assert.h>
#include <stdlib.h>

/* --- building ---------------------------------------------------------------------------------------- */

void chunk_builder_release(struct chunk_builder *builder)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        free(builder->columns[i]);
    free(builder->blocks);
    free(builder->amounts);
    free(builder->hashes);
    *builder = (struct chunk_builder){0};
}

void chunk_builder_clear(struct chunk_builder *builder)
{
    builder->block_count = builder->row_count = builder->run_count = builder->amount_size = 0;
    builder->transaction_count = 0;
    memset(builder->differ, 0, sizeof(builder->differ));
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

/* Columns [first, end) for `wanted` values. */
static bool grow_columns(struct chunk_builder *builder, int first, int end, size_t wanted, size_t *capacity)
{
    if (wanted < *capacity)
        return true;
    size_t grown_to = wanted + wanted / 2 + 64;
    for (int i = first; i < end; i++)
        if (!grow(&builder->columns[i], grown_to, sizeof(*builder->columns[i])))
            return false;
    *capacity = grown_to;
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
    if (transactions >= builder->transaction_capacity &&
        !grow(&builder->hashes, transactions + transactions / 2 + 64, sizeof(*builder->hashes)))
        return false;
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
    builder->last_txi = TRANSACTION_BEFORE - 1;
    transactions += builder->transaction_count;
    return grow_columns(builder, COLUMN_KIND, COLUMN_PLACE, builder->row_count + rows,
                        &builder->row_capacity) &&
           grow_columns(builder, COLUMN_TXI, COLUMN_KIND, builder->run_count + rows,
                        &builder->run_capacity) &&
           reserve_others(builder, builder->amount_size + rows * 32 + 32, transactions) &&
           grow_columns(builder, COLUMN_PLACE, COLUMN_COUNT, transactions, &builder->transaction_capacity);
}

static unsigned amount_width(const struct u256 *amount)
{
    for (int i = 3; i >= 0; i--)
        if (amount->limb[i])
            return (unsigned)i * 8 + (unsigned)(71 - __builtin_clzll(amount->limb[i])) / 8;
    return 0;
}

void chunk_builder_row(struct chunk_builder *builder, bool new_run, const struct cursor_row *row,
                       uint32_t log_index)
{
    size_t at = builder->row_count++;
    uint32_t *const *columns = builder->columns;
    unsigned width = amount_width(&row->amount);
    uint8_t *amount = builder->amounts + builder->amount_size; /* 32 bytes of room for every row */
    put_u64(amount, row->amount.limb[0]);
    for (unsigned i = 1; i * 8 < width; i++)
        put_u64(amount + i * 8, row->amount.limb[i]);
    builder->amount_size += width;
    if (new_run) {
        int32_t txi = row->position.transaction_index;
        columns[COLUMN_TXI][builder->run_count] =
            txi == TRANSACTION_AFTER ? 0 : (uint32_t)txi - (uint32_t)builder->last_txi;
        columns[COLUMN_RUN][builder->run_count++] = 0;
        builder->last_txi = txi;
    }
    uint32_t run_row = columns[COLUMN_RUN][builder->run_count - 1]++;
    columns[COLUMN_KIND][at] = (uint32_t)row->kind | (uint32_t)row->leg << 3;
    columns[COLUMN_WIDTH][at] = width;
    columns[COLUMN_FROM][at] = row->from;
    columns[COLUMN_TO][at] = row->to;
    columns[COLUMN_ASSET][at] = row->asset;
    columns[COLUMN_LOG][at] = log_index + 1;
    columns[COLUMN_INDEX][at] = row->position.index - run_row;
    columns[COLUMN_LINK][at] = row->link;
}

/* Where block `first` begins in each array. */
static struct chunk_block block_start(const struct chunk_builder *builder, size_t first)
{
    return first == 0 ? (struct chunk_block){0} : builder->blocks[first - 1];
}

void chunk_builder_transaction(struct chunk_builder *builder, const struct chunk_transaction *transaction)
{
    size_t at = builder->transaction_count++;
    uint32_t *const *columns = builder->columns;
    uint32_t ordinal = (uint32_t)at - block_start(builder, builder->block_count).transaction_end;
    builder->hashes[at] = transaction->hash;
    columns[COLUMN_PLACE][at] = transaction->transaction_index == TRANSACTION_AFTER
                                    ? 0
                                    : (uint32_t)transaction->transaction_index + 2 - ordinal;
    columns[COLUMN_SENDER][at] = transaction->sender;
    columns[COLUMN_NONCE][at] = (uint32_t)transaction->nonce;
    columns[COLUMN_NONCE_HIGH][at] = (uint32_t)(transaction->nonce >> 32);
    columns[COLUMN_TRUE_BLOCK][at] = (uint32_t)transaction->true_block_number;
    columns[COLUMN_TRUE_BLOCK_HIGH][at] = (uint32_t)(transaction->true_block_number >> 32);
    columns[COLUMN_STATUS][at] = (uint32_t)transaction->status | (uint32_t)transaction->grade << 4;
}

/* How many values of a column end with the block. */
static uint32_t column_end(const struct chunk_block *block, int column)
{
    return column < COLUMN_KIND    ? block->run_end
           : column < COLUMN_PLACE ? block->row_end
                                   : block->transaction_end;
}

void chunk_builder_end_block(struct chunk_builder *builder, uint64_t number)
{
    struct chunk_block before = block_start(builder, builder->block_count);
    struct chunk_block *block = &builder->blocks[builder->block_count++];
    *block = (struct chunk_block){.number = number,
                                  .row_end = (uint32_t)builder->row_count,
                                  .run_end = (uint32_t)builder->run_count,
                                  .amount_end = (uint32_t)builder->amount_size,
                                  .transaction_end = (uint32_t)builder->transaction_count};
    for (int i = 0; i < COLUMN_COUNT; i++) {
        const uint32_t *column = builder->columns[i];
        uint32_t first = column_end(&before, i), end = column_end(block, i), bits = 0;
        if (first == end)
            continue;
        for (uint32_t at = first; at < end; at++)
            bits |= column[at] ^ column[first];
        block->differ[i] = bits;
        builder->differ[i] |= bits | (column[first] ^ column[0]);
    }
}

/* In which bits the values of a column differ from the first one in blocks [first, end). */
static uint32_t differ(const struct chunk_builder *builder, size_t first, size_t end, int column)
{
    struct chunk_block before = block_start(builder, first);
    const uint32_t *values = builder->columns[column];
    uint32_t at = column_end(&before, column), start = at, bits = 0;
    for (; first < end; first++) {
        const struct chunk_block *block = &builder->blocks[first];
        if (column_end(block, column) > at)
            bits |= block->differ[column] | (values[at] ^ values[start]);
        at = column_end(block, column);
    }
    return bits;
}

static void shift_array(void *array, size_t item_size, size_t from, size_t end)
{
    memmove(array, (const uint8_t *)array + from * item_size, (end - from) * item_size);
}

void chunk_builder_shift(struct chunk_builder *builder, size_t count)
{
    struct chunk_block start = block_start(builder, count), end = block_start(builder, builder->block_count);
    if (count == builder->block_count) {
        chunk_builder_clear(builder);
        return;
    }
    for (int i = 0; i < COLUMN_COUNT; i++)
        shift_array(builder->columns[i], sizeof(uint32_t), column_end(&start, i), column_end(&end, i));
    shift_array(builder->amounts, 1, start.amount_end, builder->amount_size);
    shift_array(builder->hashes, sizeof(*builder->hashes), start.transaction_end, builder->transaction_count);
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
    for (int i = 0; i < COLUMN_COUNT; i++)
        builder->differ[i] = differ(builder, 0, builder->block_count, i);
}

/* --- packing ----------------------------------------------------------------------------------------- */

static size_t packed_size(size_t count, unsigned bits)
{
    return (count * bits + 7) / 8;
}

size_t chunk_builder_log_size(const struct chunk_builder *builder)
{
    struct chunk_block end = block_start(builder, builder->block_count);
    size_t size = CHUNK_HEADER_SIZE + builder->block_count * CHUNK_BLOCK_SIZE + end.amount_end;
    for (int i = 0; i < LOG_COLUMNS; i++)
        size += packed_size(column_end(&end, i), bits_of(builder->differ[i]));
    return size;
}

size_t chunk_builder_transaction_size(const struct chunk_builder *builder)
{
    struct chunk_block end = block_start(builder, builder->block_count);
    size_t size = TRANSACTION_HEADER_SIZE + builder->block_count * TRANSACTION_BLOCK_SIZE +
                  end.transaction_end * sizeof(*builder->hashes);
    for (int i = LOG_COLUMNS; i < COLUMN_COUNT; i++)
        size += packed_size(column_end(&end, i), bits_of(builder->differ[i]));
    return size;
}

struct chunk_plan chunk_plan(const struct chunk_builder *builder, size_t first, size_t count)
{
    struct chunk_plan plan = {.first = first, .count = count};
    struct chunk_block start = block_start(builder, first), end = block_start(builder, first + count);
    plan.log_size = CHUNK_HEADER_SIZE + count * CHUNK_BLOCK_SIZE + (end.amount_end - start.amount_end);
    plan.transaction_size = TRANSACTION_HEADER_SIZE + count * TRANSACTION_BLOCK_SIZE;
    for (int i = 0; i < COLUMN_COUNT; i++) {
        size_t from = column_end(&start, i), to = column_end(&end, i);
        if (from == to)
            continue;
        plan.values[i] = builder->columns[i][from];
        plan.bits[i] = (uint8_t)bits_of(differ(builder, first, first + count, i));
        *(i < LOG_COLUMNS ? &plan.log_size : &plan.transaction_size) += packed_size(to - from, plan.bits[i]);
    }
    for (size_t i = start.transaction_end; i < end.transaction_end && !plan.hashes; i++)
        plan.hashes = !hash_is_zero(builder->hashes[i]);
    if (plan.hashes)
        plan.transaction_size += (end.transaction_end - start.transaction_end) * sizeof(*builder->hashes);
    if (start.transaction_end == end.transaction_end)
        plan.transaction_size = 0;
    return plan;
}

static uint8_t *put_heads(uint8_t *to, const struct chunk_plan *plan, int first, int end)
{
    for (int i = first; i < end; i++, to += COLUMN_HEAD_SIZE) {
        *to = plan->bits[i];
        put_u32(to + 1, plan->values[i]);
    }
    return to;
}

struct packing { /* `held` has `have` bits, below 8 between groups, that are not written yet */
    uint8_t *to;
    uint64_t held;
    unsigned have;
};

/* Groups of values that together take 56 bits at most; 8 bytes are touched. Returns how many values. */
static inline size_t pack_groups(struct packing *packing, const uint32_t *from, size_t count, unsigned bits,
                                 uint32_t value, const unsigned group)
{
    struct packing now = *packing;
    size_t i = 0;
    for (; i + group <= count; i += group) {
        uint64_t word = 0;
        for (unsigned j = 0; j < group; j++)
            word |= (uint64_t)(from[i + j] ^ value) << j * bits;
        now.held |= word << now.have;
        put_u64(now.to, now.held);
        now.have += group * bits;
        now.to += now.have / 8;
        now.held >>= now.have / 8 * 8;
        now.have %= 8;
    }
    *packing = now;
    return i;
}

/* A column; up to 8 bytes behind its end are overwritten. */
static uint8_t *pack(uint8_t *to, const uint32_t *from, size_t count, unsigned bits, uint32_t value)
{
    struct packing packing = {.to = to};
    size_t done = 0;
    if (bits == 0)
        return to;
    if (bits <= 14)
        done = pack_groups(&packing, from, count, bits, value, 4);
    else if (bits <= 28)
        done = pack_groups(&packing, from, count, bits, value, 2);
    pack_groups(&packing, from + done, count - done, bits, value, 1);
    if (packing.have > 0)
        *packing.to++ = (uint8_t)packing.held;
    return packing.to;
}

static uint8_t *pack_columns(uint8_t *to, const struct chunk_builder *builder, const struct chunk_plan *plan,
                             int first, int end)
{
    struct chunk_block start = block_start(builder, plan->first);
    struct chunk_block stop = block_start(builder, plan->first + plan->count);
    for (int i = first; i < end; i++)
        to = pack(to, builder->columns[i] + column_end(&start, i),
                  column_end(&stop, i) - column_end(&start, i), plan->bits[i], plan->values[i]);
    return to;
}

void chunk_encode_log(const struct chunk_builder *builder, const struct chunk_plan *plan, uint8_t *to)
{
    struct chunk_block start = block_start(builder, plan->first);
    struct chunk_block end = block_start(builder, plan->first + plan->count);
    put_u32(to, (uint32_t)plan->count);
    put_u32(to + 4, end.row_end - start.row_end);
    put_u32(to + 8, end.run_end - start.run_end);
    put_u32(to + 12, end.transaction_end - start.transaction_end);
    put_u32(to + 16, end.amount_end - start.amount_end);
    uint8_t *at = put_heads(to + 20, plan, 0, LOG_COLUMNS);
    for (size_t i = 0; i < plan->count; i++, at += CHUNK_BLOCK_SIZE) {
        const struct chunk_block *block = &builder->blocks[plan->first + i];
        put_u64(at, block->number);
        put_u32(at + 8, block->row_end - start.row_end);
        put_u32(at + 12, block->run_end - start.run_end);
        put_u32(at + 16, block->amount_end - start.amount_end);
    }
    at = pack_columns(at, builder, plan, 0, LOG_COLUMNS);
    memcpy(at, builder->amounts + start.amount_end, end.amount_end - start.amount_end);
    assert((size_t)(at - to) + (end.amount_end - start.amount_end) == plan->log_size);
}

void chunk_encode_transactions(const struct chunk_builder *builder, const struct chunk_plan *plan,
                               uint8_t *to)
{
    struct chunk_block start = block_start(builder, plan->first);
    struct chunk_block end = block_start(builder, plan->first + plan->count);
    size_t count = end.transaction_end - start.transaction_end;
    put_u32(to, (uint32_t)plan->count);
    put_u32(to + 4, (uint32_t)count);
    to[8] = plan->hashes;
    uint8_t *at = put_heads(to + 9, plan, LOG_COLUMNS, COLUMN_COUNT);
    for (size_t i = 0; i < plan->count; i++, at += TRANSACTION_BLOCK_SIZE) {
        put_u64(at, builder->blocks[plan->first + i].number);
        put_u32(at + 8, builder->blocks[plan->first + i].transaction_end - start.transaction_end);
    }
    if (plan->hashes) {
        memcpy(at, builder->hashes + start.transaction_end, count * sizeof(*builder->hashes));
        at += count * sizeof(*builder->hashes);
    }
    at = pack_columns(at, builder, plan, LOG_COLUMNS, COLUMN_COUNT);
    assert((size_t)(at - to) == plan->transaction_size);
}
