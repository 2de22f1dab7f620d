/* chunk_read.c - chunks of whole blocks as columns: parsing and reading (chunk.h). */
#include "chunk.h"

uint32_t chunk_column(const uint8_t *column, unsigned width, size_t index)
{
    if (width == 0)
        return 0;
    uint32_t value = get_u32(column + index * width);
    return width == 4 ? value : value & ((1u << width * 8) - 1);
}

static int32_t txi_of(const uint8_t *column, unsigned width, size_t index)
{
    uint32_t code = chunk_column(column, width, index);
    uint32_t after = width == 4 ? UINT32_MAX : (1u << width * 8) - 1;
    return code == after ? TRANSACTION_AFTER : (int32_t)(code - 1);
}

static const uint8_t *block_at(const struct chunk *chunk, uint32_t block)
{
    return chunk->blocks + (size_t)block * CHUNK_BLOCK_SIZE;
}

uint64_t chunk_number(const struct chunk *chunk, uint32_t block)
{
    return get_u64(block_at(chunk, block));
}

uint32_t chunk_row_start(const struct chunk *chunk, uint32_t block)
{
    return block == 0 ? 0 : get_u32(block_at(chunk, block - 1) + 8);
}

/* The directory: numbers and ends grow, and the rows of each block are those of its runs. */
static bool directory_fits(const struct chunk *chunk)
{
    uint32_t row = 0, run = 0, amount = 0;
    for (uint32_t i = 0; i < chunk->block_count; i++) {
        const uint8_t *at = block_at(chunk, i);
        uint32_t row_end = get_u32(at + 8), run_end = get_u32(at + 12), amount_end = get_u32(at + 16);
        if ((i > 0 && get_u64(at) <= chunk_number(chunk, i - 1)) || row_end < row || run_end < run ||
            amount_end < amount || row_end > chunk->row_count || run_end > chunk->run_count ||
            amount_end > chunk->amount_size)
            return false;
        uint64_t rows = 0, amounts = 0;
        for (; run < run_end; run++) {
            uint32_t count = chunk_column(chunk->run_rows, chunk->widths[WIDTH_RUN], run);
            if (count == 0)
                return false;
            rows += count;
        }
        if (rows != row_end - row)
            return false;
        for (; row < row_end; row++)
            amounts += chunk->width[row];
        if (amounts != amount_end - amount)
            return false;
        amount = amount_end;
    }
    return row == chunk->row_count && run == chunk->run_count && amount == chunk->amount_size;
}

static bool bytes_fit(const struct chunk *chunk)
{
    unsigned bad = 0;
    for (uint32_t i = 0; i < chunk->row_count; i++)
        bad |= (unsigned)(chunk->width[i] > 32) | (unsigned)((chunk->kind[i] & 7) >= TRANSFER_KIND_COUNT) |
               (unsigned)(chunk->kind[i] >> 3 > LEG_OUT);
    return !bad;
}

bool chunk_parse(const uint8_t *from, size_t size, struct chunk *ret_chunk)
{
    struct chunk chunk;
    if (size < CHUNK_HEADER_SIZE)
        return false;
    chunk.block_count = get_u32(from);
    chunk.row_count = get_u32(from + 4);
    chunk.run_count = get_u32(from + 8);
    chunk.transaction_count = get_u32(from + 12);
    chunk.amount_size = get_u32(from + 16);
    memcpy(chunk.widths, from + 20, sizeof(chunk.widths));
    for (int i = 0; i < 8; i++)
        if (chunk.widths[i] > 4)
            return false;
    if (chunk.block_count == 0 || chunk.widths[WIDTH_TXI] == 0)
        return false;
    uint64_t rows = chunk.row_count, runs = chunk.run_count, total = CHUNK_HEADER_SIZE;
    const uint64_t sizes[] = {chunk.block_count * (uint64_t)CHUNK_BLOCK_SIZE,
                              runs * chunk.widths[WIDTH_TXI],
                              runs * chunk.widths[WIDTH_RUN],
                              rows,
                              rows,
                              rows * chunk.widths[WIDTH_FROM],
                              rows * chunk.widths[WIDTH_TO],
                              rows * chunk.widths[WIDTH_ASSET],
                              rows * chunk.widths[WIDTH_LOG],
                              rows * chunk.widths[WIDTH_INDEX],
                              rows * chunk.widths[WIDTH_LINK],
                              chunk.amount_size};
    const uint8_t **const columns[] = {&chunk.blocks, &chunk.txi,   &chunk.run_rows, &chunk.kind,
                                       &chunk.width,  &chunk.from,  &chunk.to,       &chunk.asset,
                                       &chunk.log,    &chunk.index, &chunk.link,     &chunk.amounts};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] > size - total)
            return false;
        *columns[i] = from + total;
        total += sizes[i];
    }
    if (total != size || !bytes_fit(&chunk) || !directory_fits(&chunk))
        return false;
    *ret_chunk = chunk;
    return true;
}

uint32_t chunk_find(const struct chunk *chunk, uint64_t number)
{
    uint32_t low = 0, high = chunk->block_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chunk_number(chunk, middle) < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void open_run(struct chunk_scan *scan)
{
    const struct chunk *chunk = scan->chunk;
    scan->run_row = 0;
    scan->run_count = 0;
    if (scan->run < chunk->run_count) {
        scan->run_count = chunk_column(chunk->run_rows, chunk->widths[WIDTH_RUN], scan->run);
        scan->transaction_index = txi_of(chunk->txi, chunk->widths[WIDTH_TXI], scan->run);
    }
}

/* Move to the block that has the current row, past empty ones. */
static void settle_block(struct chunk_scan *scan)
{
    while (scan->row == scan->block_row_end && scan->block + 1 < scan->chunk->block_count) {
        scan->block++;
        scan->block_row_end = get_u32(block_at(scan->chunk, scan->block) + 8);
    }
}

void chunk_scan_at(struct chunk_scan *scan, const struct chunk *chunk, uint32_t block)
{
    const uint8_t *before = block == 0 ? NULL : block_at(chunk, block - 1);
    scan->chunk = chunk;
    scan->block = block;
    scan->row = before ? get_u32(before + 8) : 0;
    scan->run = before ? get_u32(before + 12) : 0;
    scan->amount = before ? get_u32(before + 16) : 0;
    scan->block_row_end = block < chunk->block_count ? get_u32(block_at(chunk, block) + 8) : scan->row;
    scan->transaction_index = 0;
    open_run(scan);
    settle_block(scan);
}

void chunk_scan_skip(struct chunk_scan *scan, uint32_t count)
{
    const struct chunk *chunk = scan->chunk;
    uint32_t amounts = 0;
    for (uint32_t i = 0; i < count; i++)
        amounts += chunk->width[scan->row + i];
    scan->amount += amounts;
    scan->row += count;
    while (count > 0) {
        uint32_t here = scan->run_count - scan->run_row;
        if (count < here) {
            scan->run_row += count;
            break;
        }
        count -= here;
        scan->run++;
        open_run(scan);
    }
    while (scan->row > scan->block_row_end && scan->block + 1 < chunk->block_count) {
        scan->block++;
        scan->block_row_end = get_u32(block_at(chunk, scan->block) + 8);
    }
    settle_block(scan);
}

static inline void get_amount(const uint8_t *from, unsigned width, struct u256 *ret_amount)
{
    struct u256 amount = {{0}};
    for (unsigned i = 0; i * 8 < width; i++) {
        unsigned left = width - i * 8;
        uint64_t limb = get_u64(from + i * 8);
        amount.limb[i] = left >= 8 ? limb : limb & ((UINT64_C(1) << left * 8) - 1);
    }
    *ret_amount = amount;
}

static inline uint32_t width_mask(unsigned width)
{
    return width == 0 ? 0 : width == 4 ? UINT32_MAX : (1u << width * 8) - 1;
}

size_t chunk_scan_rows(struct chunk_scan *scan, struct cursor_row *ret_rows, uint32_t *ret_logs,
                       size_t capacity)
{
    const struct chunk *chunk = scan->chunk;
    const uint8_t *widths = chunk->widths;
    const size_t from_width = widths[WIDTH_FROM], to_width = widths[WIDTH_TO],
                 asset_width = widths[WIDTH_ASSET];
    const uint32_t from_mask = width_mask(widths[WIDTH_FROM]), to_mask = width_mask(widths[WIDTH_TO]);
    const uint32_t asset_mask = width_mask(widths[WIDTH_ASSET]);
    size_t count = chunk->row_count - scan->row < capacity ? chunk->row_count - scan->row : capacity;
    uint64_t number = chunk_number(chunk, scan->block < chunk->block_count ? scan->block : 0);
    const uint8_t *amounts = chunk->amounts + scan->amount;
    for (size_t i = 0; i < count; i++) {
        if (scan->row == scan->block_row_end) {
            settle_block(scan);
            number = chunk_number(chunk, scan->block);
        }
        size_t at = scan->row++;
        struct cursor_row *row = &ret_rows[i];
        row->position.block_number = number;
        row->position.transaction_index = scan->transaction_index;
        row->position.index =
            widths[WIDTH_INDEX] ? chunk_column(chunk->index, widths[WIDTH_INDEX], at) : scan->run_row;
        get_amount(amounts, chunk->width[at], &row->amount);
        amounts += chunk->width[at];
        row->from = get_u32(chunk->from + at * from_width) & from_mask;
        row->to = get_u32(chunk->to + at * to_width) & to_mask;
        row->asset = get_u32(chunk->asset + at * asset_width) & asset_mask;
        row->link = widths[WIDTH_LINK] ? chunk_column(chunk->link, widths[WIDTH_LINK], at) : 0;
        row->kind = chunk->kind[at] & 7;
        row->leg = chunk->kind[at] >> 3;
        if (ret_logs)
            ret_logs[i] = chunk_column(chunk->log, widths[WIDTH_LOG], at) - 1;
        if (++scan->run_row == scan->run_count) {
            scan->run++;
            open_run(scan);
        }
    }
    scan->amount = (uint32_t)(amounts - chunk->amounts);
    settle_block(scan);
    return count;
}

/* --- transactions ------------------------------------------------------------------------------------ */

uint64_t transaction_chunk_number(const struct transaction_chunk *chunk, uint32_t block)
{
    return get_u64(chunk->blocks + (size_t)block * TRANSACTION_BLOCK_SIZE);
}

void transaction_chunk_range(const struct transaction_chunk *chunk, uint32_t block, uint32_t *ret_first,
                             uint32_t *ret_end)
{
    const uint8_t *at = chunk->blocks + (size_t)block * TRANSACTION_BLOCK_SIZE;
    *ret_first = block == 0 ? 0 : get_u32(at - TRANSACTION_BLOCK_SIZE + 8);
    *ret_end = get_u32(at + 8);
}

bool transaction_chunk_parse(const uint8_t *from, size_t size, struct transaction_chunk *ret_chunk)
{
    struct transaction_chunk chunk;
    if (size < TRANSACTION_HEADER_SIZE)
        return false;
    chunk.block_count = get_u32(from);
    chunk.transaction_count = get_u32(from + 4);
    memcpy(chunk.widths, from + 8, sizeof(chunk.widths));
    const uint8_t *widths = chunk.widths;
    if (widths[0] == 0 || widths[0] > 4 || widths[1] > 4 || widths[2] > 8 ||
        (widths[3] != 0 && widths[3] != 8) || (widths[4] != 0 && widths[4] != 32))
        return false;
    uint64_t count = chunk.transaction_count, total = TRANSACTION_HEADER_SIZE;
    const uint64_t sizes[] = {chunk.block_count * (uint64_t)TRANSACTION_BLOCK_SIZE,
                              count * widths[0],
                              count * widths[4],
                              count * widths[1],
                              count * widths[2],
                              count * widths[3],
                              count};
    const uint8_t **const columns[] = {&chunk.blocks, &chunk.txi,        &chunk.hash, &chunk.sender,
                                       &chunk.nonce,  &chunk.true_block, &chunk.flags};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] > size - total)
            return false;
        *columns[i] = from + total;
        total += sizes[i];
    }
    if (total != size)
        return false;
    uint32_t end = 0;
    for (uint32_t i = 0; i < chunk.block_count; i++) {
        uint32_t first, next;
        transaction_chunk_range(&chunk, i, &first, &next);
        if (next < end ||
            (i > 0 && transaction_chunk_number(&chunk, i) <= transaction_chunk_number(&chunk, i - 1)))
            return false;
        end = next;
    }
    for (uint64_t i = 0; i < count; i++)
        if ((chunk.flags[i] & 15) > TRANSACTION_STATUS_UNKNOWN || chunk.flags[i] >> 4 >= GRADE_COUNT)
            return false;
    if (end != count)
        return false;
    *ret_chunk = chunk;
    return true;
}

uint32_t transaction_chunk_find(const struct transaction_chunk *chunk, uint64_t number)
{
    uint32_t low = 0, high = chunk->block_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (transaction_chunk_number(chunk, middle) < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct hash transaction_chunk_hash(const struct transaction_chunk *chunk, uint32_t index)
{
    struct hash hash = {{0}};
    if (chunk->widths[4])
        memcpy(hash.bytes, chunk->hash + (size_t)index * sizeof(hash.bytes), sizeof(hash.bytes));
    return hash;
}

int32_t transaction_chunk_index(const struct transaction_chunk *chunk, uint32_t index)
{
    return txi_of(chunk->txi, chunk->widths[0], index);
}

struct chunk_transaction transaction_chunk_get(const struct transaction_chunk *chunk, uint32_t index)
{
    struct chunk_transaction transaction = {.transaction_index = txi_of(chunk->txi, chunk->widths[0], index),
                                            .sender = chunk_column(chunk->sender, chunk->widths[1], index),
                                            .status = chunk->flags[index] & 15,
                                            .grade = chunk->flags[index] >> 4};
    uint8_t nonce[8] = {0};
    memcpy(nonce, chunk->nonce + (size_t)index * chunk->widths[2], chunk->widths[2]);
    transaction.nonce = get_u64(nonce);
    if (chunk->widths[3])
        transaction.true_block_number = get_u64(chunk->true_block + (size_t)index * 8);
    if (chunk->widths[4])
        memcpy(transaction.hash.bytes, chunk->hash + (size_t)index * 32, 32);
    return transaction;
}

/* --- copying ----------------------------------------------------------------------------------------- */

static void copy_rows(struct chunk_builder *builder, const struct chunk *chunk, uint32_t block,
                      uint32_t count)
{
    struct chunk_scan scan;
    chunk_scan_at(&scan, chunk, block);
    int32_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct cursor_row row;
        uint32_t log_index;
        chunk_scan_rows(&scan, &row, &log_index, 1);
        chunk_builder_row(builder, i == 0 || row.position.transaction_index != before, &row, log_index);
        before = row.position.transaction_index;
    }
}

bool chunk_builder_copy(struct chunk_builder *builder, const struct chunk *chunk,
                        const struct transaction_chunk *transactions, uint32_t block)
{
    uint64_t number = chunk_number(chunk, block);
    uint32_t rows = chunk_row_start(chunk, block + 1) - chunk_row_start(chunk, block), first = 0, end = 0;
    if (transactions) {
        uint32_t found = transaction_chunk_find(transactions, number);
        if (found == transactions->block_count || transaction_chunk_number(transactions, found) != number)
            return false;
        transaction_chunk_range(transactions, found, &first, &end);
    }
    if (!chunk_builder_reserve(builder, rows, end - first))
        return false;
    copy_rows(builder, chunk, block, rows);
    for (uint32_t i = first; i < end; i++) {
        struct chunk_transaction transaction = transaction_chunk_get(transactions, i);
        chunk_builder_transaction(builder, &transaction);
    }
    chunk_builder_end_block(builder, number);
    return true;
}
