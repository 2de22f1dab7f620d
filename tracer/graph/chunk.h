/* chunk.h - chunks of whole blocks: rows as columns (table log), transactions as columns (table transaction).
 *
 * Column         values of 32 bits. Its head says how many bits each takes (u8, 0..32) and what the first one is
 *                (u32); what is stored of a value is its exclusive or with the first, in so many bits, the lowest
 *                bit of the lowest byte first. A column where all are equal takes no room. It ends with a byte.
 *
 * Log chunk      header     u32 blocks, rows, runs, transactions, amount bytes; the heads of the columns
 *                blocks     number u64, then how many rows, runs, amount bytes end with it (u32 each)
 *                txi        a run is the rows of one transaction: 0: TRANSACTION_AFTER, else the step from the run
 *                           before, in each block from -2
 *                run        rows of each run
 *                kind       kind, leg << 3
 *                width      bytes of the amount, 0..32
 *                from, to, asset: ids; log: log_index + 1, 0: none; index: less the place in its run; link
 *                amounts    their bytes, one behind the other
 *
 * Transaction    header     u32 blocks, transactions; u8 has hashes; the heads of the columns
 * chunk          blocks     number u64, how many transactions end with it (u32)
 *                hashes     32 bytes each, if there are any
 *                place      0: TRANSACTION_AFTER, else transaction_index + 2 less its place in its block
 *                sender: id; nonce and true block: a column of the lower and one of the upper half each; status |
 *                grade << 4
 *
 * A reader of columns may look up to 8 bytes behind their end: the checksum of the record stands there.
 */
#ifndef TRACER_GRAPH_CHUNK_H
#define TRACER_GRAPH_CHUNK_H

#include "record.h"

enum chunk_column {
    COLUMN_TXI, /* of a run */
    COLUMN_RUN,
    COLUMN_KIND, /* of a row */
    COLUMN_WIDTH,
    COLUMN_FROM,
    COLUMN_TO,
    COLUMN_ASSET,
    COLUMN_LOG,
    COLUMN_INDEX,
    COLUMN_LINK,
    COLUMN_PLACE, /* of a transaction */
    COLUMN_SENDER,
    COLUMN_NONCE,
    COLUMN_NONCE_HIGH,
    COLUMN_TRUE_BLOCK,
    COLUMN_TRUE_BLOCK_HIGH,
    COLUMN_STATUS,
    COLUMN_COUNT,
    LOG_COLUMNS = COLUMN_PLACE,
    TRANSACTION_COLUMNS = COLUMN_COUNT - LOG_COLUMNS
};

/* sizes of the parts above */
#define COLUMN_HEAD_SIZE 5u
#define CHUNK_HEADER_SIZE (20u + LOG_COLUMNS * COLUMN_HEAD_SIZE)
#define CHUNK_BLOCK_SIZE 20u
#define TRANSACTION_HEADER_SIZE (9u + TRANSACTION_COLUMNS * COLUMN_HEAD_SIZE)
#define TRANSACTION_BLOCK_SIZE 12u

#define CHUNK_BYTES (16u * PAGE_SIZE_ASSUMED - 16u - CHECKSUM_SIZE) /* aimed at: whole pages of LMDB */
#define CHUNK_BLOCKS_MAX 2048u

/* --- building ---------------------------------------------------------------------------------------- */

struct chunk_block {
    uint64_t number;
    uint32_t row_end, run_end, amount_end, transaction_end;
    uint32_t differ[COLUMN_COUNT]; /* bits in which the values of a column differ from the block's first */
};
struct chunk_transaction {
    struct hash hash;
    uint64_t nonce, true_block_number;
    int32_t transaction_index;
    uint32_t sender;
    uint8_t status, grade;
};
struct chunk_builder { /* columns at full width; all arrays owned */
    struct chunk_block *blocks;
    uint32_t *columns[COLUMN_COUNT];
    uint8_t *amounts;
    struct hash *hashes;
    size_t block_count, row_count, run_count, amount_size, transaction_count;
    size_t block_capacity, row_capacity, run_capacity, amount_capacity, transaction_capacity;
    uint32_t differ[COLUMN_COUNT]; /* from the first value of a column, in all whole blocks */
    int32_t last_txi;              /* of the open block: of its last run, at first -2 */
};
void chunk_builder_release(struct chunk_builder *builder);
void chunk_builder_clear(struct chunk_builder *builder);
/** Begin a block: room for its rows and transactions. False: no memory. */
bool chunk_builder_reserve(struct chunk_builder *builder, size_t rows, size_t transactions);
/* Into the block that is being added; room was reserved. */
void chunk_builder_row(struct chunk_builder *builder, bool new_run, const struct cursor_row *row,
                       uint32_t log_index);
void chunk_builder_transaction(struct chunk_builder *builder, const struct chunk_transaction *transaction);
/** The rows and transactions since the last call were block `number`. */
void chunk_builder_end_block(struct chunk_builder *builder, uint64_t number);
/** The encoded sizes of all whole blocks, or a little more. */
size_t chunk_builder_log_size(const struct chunk_builder *builder);
size_t chunk_builder_transaction_size(const struct chunk_builder *builder);
/** Take the first `count` blocks away. */
void chunk_builder_shift(struct chunk_builder *builder, size_t count);

/* A plan says how blocks [first, first + count) are packed; then they are written into exactly that many
 * bytes (without checksum, but 8 bytes behind them must be writable). */
struct chunk_plan {
    size_t first, count;
    size_t log_size, transaction_size; /* transaction_size 0: no transactions, no record */
    uint32_t values[COLUMN_COUNT];     /* the first one of each column */
    uint8_t bits[COLUMN_COUNT];
    bool hashes;
};
struct chunk_plan chunk_plan(const struct chunk_builder *builder, size_t first, size_t count);
void chunk_encode_log(const struct chunk_builder *builder, const struct chunk_plan *plan, uint8_t *to);
void chunk_encode_transactions(const struct chunk_builder *builder, const struct chunk_plan *plan,
                               uint8_t *to);

/* --- reading ----------------------------------------------------------------------------------------- */

struct column {
    const uint8_t *bytes;
    uint32_t bits, value;
};
static inline uint32_t column_get(const struct column *column, size_t index)
{
    size_t bit = index * column->bits;
    uint64_t word = get_u64(column->bytes + bit / 8) >> bit % 8;
    return (uint32_t)(word & ((UINT64_C(1) << column->bits) - 1)) ^ column->value;
}

struct chunk { /* a parsed log chunk; borrows its bytes */
    uint32_t block_count, row_count, run_count, transaction_count, amount_size;
    const uint8_t *blocks, *amounts;
    struct column columns[LOG_COLUMNS];
};
/** Checks that all counts and sizes agree. False: damaged. */
bool chunk_parse(const uint8_t *from, size_t size, struct chunk *ret_chunk);
/** Its bytes are at `to` now: a copy of those at `from`, which were parsed. */
void chunk_move(struct chunk *chunk, const uint8_t *from, const uint8_t *to);
uint64_t chunk_number(const struct chunk *chunk, uint32_t block);
/** First block with a number >= `number`; block_count if none. */
uint32_t chunk_find(const struct chunk *chunk, uint64_t number);
uint32_t chunk_row_start(const struct chunk *chunk, uint32_t block);

/* A place in a chunk, moving forward. */
struct chunk_scan {
    const struct chunk *chunk;
    uint32_t block, row, run, run_row; /* run_row: rows of the run already passed */
    uint32_t block_row_end, run_count; /* run_count: rows of the run */
    uint32_t amount;
    int32_t transaction_index;
};
void chunk_scan_at(struct chunk_scan *scan, const struct chunk *chunk, uint32_t block);
/** Pass over `count` rows (within the chunk). */
void chunk_scan_skip(struct chunk_scan *scan, uint32_t count);
/** To the first row of the run that row `row` is of, which is not before. */
void chunk_scan_to_run(struct chunk_scan *scan, uint32_t row);
/** Decode up to `capacity` rows and move on; log indexes too if `ret_logs`. Returns how many; 0: end of
 * chunk. */
size_t chunk_scan_rows(struct chunk_scan *scan, struct cursor_row *ret_rows, uint32_t *ret_logs,
                       size_t capacity);

struct transaction_chunk {
    uint32_t block_count, transaction_count;
    const uint8_t *blocks, *hash; /* hash: NULL: none */
    struct column columns[TRANSACTION_COLUMNS];
};
bool transaction_chunk_parse(const uint8_t *from, size_t size, struct transaction_chunk *ret_chunk);
uint64_t transaction_chunk_number(const struct transaction_chunk *chunk, uint32_t block);
uint32_t transaction_chunk_find(const struct transaction_chunk *chunk, uint64_t number);
/** Transactions [*ret_first, *ret_end) belong to the block. */
void transaction_chunk_range(const struct transaction_chunk *chunk, uint32_t block, uint32_t *ret_first,
                             uint32_t *ret_end);
/** `first`: of its block. */
struct chunk_transaction transaction_chunk_get(const struct transaction_chunk *chunk, uint32_t index,
                                               uint32_t first);
/* Only its transaction_index, only its hash (zero: the chunk has none). */
int32_t transaction_chunk_index(const struct transaction_chunk *chunk, uint32_t index, uint32_t first);
struct hash transaction_chunk_hash(const struct transaction_chunk *chunk, uint32_t index);

/** Copy block `block` of a chunk (and its transactions; `transactions` may be NULL) behind the builder's
 * last. False: no memory, or the two chunks do not fit together. */
bool chunk_builder_copy(struct chunk_builder *builder, const struct chunk *chunk,
                        const struct transaction_chunk *transactions, uint32_t block);

#endif
