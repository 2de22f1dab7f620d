/* chunk_read.c - chunks of whole blocks as columns: parsing and reading (chunk.h). */
#include "chunk.h"

/* Columns of `counts` values from *at on; *at moves behind them. False: there are too few bytes. */
static bool open_columns(struct column *columns, int count, const uint8_t *heads, const uint64_t *counts,
                         const uint8_t **at, const uint8_t *end)
{
    for (int i = 0; i < count; i++, heads += COLUMN_HEAD_SIZE) {
        columns[i] = (struct column){*at, heads[0], get_u32(heads + 1)};
        uint64_t size = (counts[i] * heads[0] + 7) / 8; /* 40 bits at most */
        if (heads[0] > 32 || size > (uint64_t)(end - *at))
            return false;
        *at += size;
    }
    return true;
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

/* The runs [run, end) of a block: each has rows, and their transactions ascend. */
static bool runs_fit(const struct chunk *chunk, uint32_t run, uint32_t end, uint64_t *ret_rows)
{
    int64_t txi = TRANSACTION_BEFORE - 1;
    *ret_rows = 0;
    for (; run < end; run++) {
        uint32_t count = column_get(&chunk->columns[COLUMN_RUN], run);
        uint32_t step = column_get(&chunk->columns[COLUMN_TXI], run);
        txi += step;
        if (count == 0 || (step == 0 && run + 1 < end) || txi >= TRANSACTION_AFTER)
            return false;
        *ret_rows += count;
    }
    return true;
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
        uint64_t rows, amounts = 0;
        if (!runs_fit(chunk, run, run_end, &rows) || rows != row_end - row)
            return false;
        for (; row < row_end; row++) {
            uint32_t width = column_get(&chunk->columns[COLUMN_WIDTH], row);
            uint32_t kind = column_get(&chunk->columns[COLUMN_KIND], row);
            if (width > 32 || (kind & 7) >= TRANSFER_KIND_COUNT || kind >> 3 > LEG_OUT)
                return false;
            amounts += width;
        }
        if (amounts != amount_end - amount)
            return false;
        run = run_end;
        amount = amount_end;
    }
    return row == chunk->row_count && run == chunk->run_count && amount == chunk->amount_size;
}

bool chunk_parse(const uint8_t *from, size_t size, struct chunk *ret_chunk)
{
    struct chunk chunk;
    if (size < CHUNK_HEADER_SIZE)
        return false;
    const uint8_t *at = from + CHUNK_HEADER_SIZE, *end = from + size;
    chunk.block_count = get_u32(from);
    chunk.row_count = get_u32(from + 4);
    chunk.run_count = get_u32(from + 8);
    chunk.transaction_count = get_u32(from + 12);
    chunk.amount_size = get_u32(from + 16);
    if (chunk.block_count == 0 || chunk.block_count > (size_t)(end - at) / CHUNK_BLOCK_SIZE)
        return false;
    chunk.blocks = at;
    at += (size_t)chunk.block_count * CHUNK_BLOCK_SIZE;
    uint64_t counts[LOG_COLUMNS];
    for (int i = 0; i < LOG_COLUMNS; i++)
        counts[i] = i < COLUMN_KIND ? chunk.run_count : chunk.row_count;
    if (!open_columns(chunk.columns, LOG_COLUMNS, from + 20, counts, &at, end) ||
        chunk.amount_size != (size_t)(end - at))
        return false;
    chunk.amounts = at;
    if (!directory_fits(&chunk))
        return false;
    *ret_chunk = chunk;
    return true;
}

void chunk_move(struct chunk *chunk, const uint8_t *from, const uint8_t *to)
{
    chunk->blocks = to + (chunk->blocks - from);
    chunk->amounts = to + (chunk->amounts - from);
    for (size_t i = 0; i < LOG_COLUMNS; i++)
        chunk->columns[i].bytes = to + (chunk->columns[i].bytes - from);
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
        uint32_t step = column_get(&chunk->columns[COLUMN_TXI], scan->run);
        scan->run_count = column_get(&chunk->columns[COLUMN_RUN], scan->run);
        scan->transaction_index = step ? scan->transaction_index + (int32_t)step : TRANSACTION_AFTER;
    }
}

/* Move to the block that has the current row, past empty ones. */
static void settle_block(struct chunk_scan *scan)
{
    while (scan->row == scan->block_row_end && scan->block + 1 < scan->chunk->block_count) {
        scan->block++;
        scan->block_row_end = get_u32(block_at(scan->chunk, scan->block) + 8);
        scan->transaction_index = TRANSACTION_BEFORE - 1;
    }
}

static void next_run(struct chunk_scan *scan)
{
    scan->run++;
    settle_block(scan);
    open_run(scan);
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
    scan->transaction_index = TRANSACTION_BEFORE - 1;
    settle_block(scan);
    open_run(scan);
}

void chunk_scan_skip(struct chunk_scan *scan, uint32_t count)
{
    const struct column width = scan->chunk->columns[COLUMN_WIDTH];
    for (uint32_t i = 0; i < count; i++)
        scan->amount += column_get(&width, scan->row + i);
    while (count > 0) {
        uint32_t left = scan->run_count - scan->run_row, step = count < left ? count : left;
        scan->row += step;
        scan->run_row += step;
        count -= step;
        if (step == left)
            next_run(scan);
    }
}

void chunk_scan_to_run(struct chunk_scan *scan, uint32_t row)
{
    const struct column width = scan->chunk->columns[COLUMN_WIDTH];
    uint32_t passed = scan->row;
    while (scan->row + (scan->run_count - scan->run_row) <= row) {
        scan->row += scan->run_count - scan->run_row;
        next_run(scan);
    }
    for (; passed < scan->row; passed++)
        scan->amount += column_get(&width, passed);
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

size_t chunk_scan_rows(struct chunk_scan *scan, struct cursor_row *ret_rows, uint32_t *ret_logs,
                       size_t capacity)
{
    const struct chunk *chunk = scan->chunk;
    struct column columns[LOG_COLUMNS];
    memcpy(columns, chunk->columns, sizeof(columns));
    size_t count = chunk->row_count - scan->row < capacity ? chunk->row_count - scan->row : capacity;
    uint64_t number = chunk_number(chunk, scan->block < chunk->block_count ? scan->block : 0);
    const uint8_t *amounts = chunk->amounts + scan->amount;
    for (size_t i = 0; i < count; i++) {
        size_t at = scan->row++;
        struct cursor_row *row = &ret_rows[i];
        unsigned width = column_get(&columns[COLUMN_WIDTH], at);
        unsigned kind = column_get(&columns[COLUMN_KIND], at);
        row->position.block_number = number;
        row->position.transaction_index = scan->transaction_index;
        row->position.index = scan->run_row + column_get(&columns[COLUMN_INDEX], at);
        get_amount(amounts, width, &row->amount);
        amounts += width;
        row->from = column_get(&columns[COLUMN_FROM], at);
        row->to = column_get(&columns[COLUMN_TO], at);
        row->asset = column_get(&columns[COLUMN_ASSET], at);
        row->link = column_get(&columns[COLUMN_LINK], at);
        row->kind = kind & 7;
        row->leg = (uint8_t)(kind >> 3);
        if (ret_logs)
            ret_logs[i] = column_get(&columns[COLUMN_LOG], at) - 1;
        if (++scan->run_row == scan->run_count) {
            next_run(scan);
            number = chunk_number(chunk, scan->block);
        }
    }
    scan->amount = (uint32_t)(amounts - chunk->amounts);
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

static const struct column *column_of(const struct transaction_chunk *chunk, enum chunk_column column)
{
    return &chunk->columns[column - LOG_COLUMNS];
}

/* Transactions [first, end) of a block: they ascend, and nothing else is out of range. */
static bool transactions_fit(const struct transaction_chunk *chunk, uint32_t first, uint32_t end)
{
    uint32_t before = 1;
    for (uint32_t i = first; i < end; i++) {
        uint32_t place = column_get(column_of(chunk, COLUMN_PLACE), i);
        uint32_t flags = column_get(column_of(chunk, COLUMN_STATUS), i);
        int64_t index = (int64_t)place + (i - first) - 2;
        if ((flags & 15) > TRANSACTION_STATUS_UNKNOWN || flags >> 4 >= GRADE_COUNT)
            return false;
        if (place == 0 ? i + 1 < end : place < before || index >= TRANSACTION_AFTER)
            return false;
        before = place;
    }
    return true;
}

bool transaction_chunk_parse(const uint8_t *from, size_t size, struct transaction_chunk *ret_chunk)
{
    struct transaction_chunk chunk;
    if (size < TRANSACTION_HEADER_SIZE)
        return false;
    const uint8_t *at = from + TRANSACTION_HEADER_SIZE, *end = from + size;
    chunk.block_count = get_u32(from);
    chunk.transaction_count = get_u32(from + 4);
    if (from[8] > 1 || chunk.block_count > (size_t)(end - at) / TRANSACTION_BLOCK_SIZE)
        return false;
    chunk.blocks = at;
    at += (size_t)chunk.block_count * TRANSACTION_BLOCK_SIZE;
    size_t hashes = from[8] ? chunk.transaction_count : 0;
    if (hashes > (size_t)(end - at) / sizeof(struct hash))
        return false;
    chunk.hash = from[8] ? at : NULL;
    at += hashes * sizeof(struct hash);
    uint64_t counts[TRANSACTION_COLUMNS];
    for (int i = 0; i < TRANSACTION_COLUMNS; i++)
        counts[i] = chunk.transaction_count;
    if (!open_columns(chunk.columns, TRANSACTION_COLUMNS, from + 9, counts, &at, end) || at != end)
        return false;
    uint32_t done = 0;
    for (uint32_t i = 0; i < chunk.block_count; i++) {
        uint32_t first, next;
        transaction_chunk_range(&chunk, i, &first, &next);
        if (next < done || next > chunk.transaction_count || !transactions_fit(&chunk, first, next) ||
            (i > 0 && transaction_chunk_number(&chunk, i) <= transaction_chunk_number(&chunk, i - 1)))
            return false;
        done = next;
    }
    if (done != chunk.transaction_count)
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
    if (chunk->hash)
        memcpy(hash.bytes, chunk->hash + (size_t)index * sizeof(hash.bytes), sizeof(hash.bytes));
    return hash;
}

int32_t transaction_chunk_index(const struct transaction_chunk *chunk, uint32_t index, uint32_t first)
{
    uint32_t place = column_get(column_of(chunk, COLUMN_PLACE), index);
    return place ? (int32_t)(place + (index - first) - 2) : TRANSACTION_AFTER;
}

struct chunk_transaction transaction_chunk_get(const struct transaction_chunk *chunk, uint32_t index,
                                               uint32_t first)
{
    uint32_t flags = column_get(column_of(chunk, COLUMN_STATUS), index);
    return (struct chunk_transaction){
        .hash = transaction_chunk_hash(chunk, index),
        .nonce = column_get(column_of(chunk, COLUMN_NONCE), index) |
                 (uint64_t)column_get(column_of(chunk, COLUMN_NONCE_HIGH), index) << 32,
        .true_block_number = column_get(column_of(chunk, COLUMN_TRUE_BLOCK), index) |
                             (uint64_t)column_get(column_of(chunk, COLUMN_TRUE_BLOCK_HIGH), index) << 32,
        .transaction_index = transaction_chunk_index(chunk, index, first),
        .sender = column_get(column_of(chunk, COLUMN_SENDER), index),
        .status = flags & 15,
        .grade = (uint8_t)(flags >> 4)};
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
        struct chunk_transaction transaction = transaction_chunk_get(transactions, i, first);
        chunk_builder_transaction(builder, &transaction);
    }
    chunk_builder_end_block(builder, number);
    return true;
}
