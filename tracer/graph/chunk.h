/* chunk.h - chunks of whole blocks: rows as columns (table log), transactions as columns (table transaction).
 *
 * Log chunk      header     u32 blocks, rows, runs, transactions, amount bytes; u8 widths of txi, run, from,
 * to, asset, log, index, link blocks     number u64, then how many rows, runs, amount bytes end with it (u32
 * each) txi        one a run; a run is the rows of one transaction. All ones: TRANSACTION_AFTER, else + 1 run
 * rows of each run kind       u8: kind, leg << 3 width      u8: bytes of the amount, 0..32 from, to, asset,
 * log (log_index + 1, 0: none), index (width 0: counts from 0 in each run), link: a column of fixed width
 * 0..4 each, the width that the largest value needs amounts    their bytes, one behind the other
 *
 * Transaction    header     u32 blocks, transactions; u8 widths of txi, sender, nonce, true block; u8 has
 * hashes, 3 unused chunk          blocks     number u64, how many transactions end with it (u32) txi, hash
 * (32 bytes), sender, nonce, true block, and u8 status | grade << 4: columns
 *
 * A reader of columns may look up to 8 bytes behind their end: the checksum of the record stands there.
 */
#ifndef TRACER_GRAPH_CHUNK_H
#define TRACER_GRAPH_CHUNK_H

#include "record.h"

/* sizes of the parts above */
#define CHUNK_HEADER_SIZE 28u
#define CHUNK_BLOCK_SIZE 20u
#define TRANSACTION_HEADER_SIZE 16u
#define TRANSACTION_BLOCK_SIZE 12u

#define CHUNK_BYTES (16u * PAGE_SIZE_ASSUMED - 16u - CHECKSUM_SIZE) /* aimed at: whole pages of LMDB */
#define CHUNK_BLOCKS_MAX 2048u

/* --- building ---------------------------------------------------------------------------------------- */

struct chunk_block {
    uint64_t number;
    uint32_t row_end, run_end, amount_end, transaction_end;
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
    uint8_t *kind, *width;
    uint32_t *from, *to, *asset, *log, *index, *link;
    int32_t *run_txi;
    uint32_t *run_rows;
    uint8_t *amounts;
    struct chunk_transaction *transactions;
    size_t block_count, row_count, run_count, amount_size, transaction_count;
    size_t block_capacity, row_capacity, run_capacity, amount_capacity, transaction_capacity;
    uint32_t from_max, to_max, asset_max, log_max, link_max; /* upper bounds, for chunk_builder_size */
    bool nonce_wide, true_blocks, indexed;
};
void chunk_builder_release(struct chunk_builder *builder);
void chunk_builder_clear(struct chunk_builder *builder);
/** Room for a block of that many rows and transactions. False: no memory. */
bool chunk_builder_reserve(struct chunk_builder *builder, size_t rows, size_t transactions);
/* Into the block that is being added; room was reserved. */
void chunk_builder_row(struct chunk_builder *builder, bool new_run, const struct cursor_row *row,
                       uint32_t log_index);
void chunk_builder_transaction(struct chunk_builder *builder, const struct chunk_transaction *transaction);
/** The rows and transactions since the last call were block `number`. */
void chunk_builder_end_block(struct chunk_builder *builder, uint64_t number);
/** Drop what was added behind the last whole block. */
void chunk_builder_drop_open(struct chunk_builder *builder);
/** Upper bounds of the encoded sizes of all whole blocks. */
size_t chunk_builder_log_size(const struct chunk_builder *builder);
size_t chunk_builder_transaction_size(const struct chunk_builder *builder);
/** Take the first `count` blocks away. */
void chunk_builder_shift(struct chunk_builder *builder, size_t count);

/* A plan says how blocks [first, first + count) are packed; then they are written into exactly that many
 * bytes (without checksum, but 8 bytes behind them must be writable). */
struct chunk_plan {
    size_t first, count;
    size_t log_size, transaction_size; /* transaction_size 0: no transactions, no record */
    uint8_t widths[8];
    uint8_t transaction_widths[5];
};
struct chunk_plan chunk_plan(const struct chunk_builder *builder, size_t first, size_t count);
void chunk_encode_log(const struct chunk_builder *builder, const struct chunk_plan *plan, uint8_t *to);
void chunk_encode_transactions(const struct chunk_builder *builder, const struct chunk_plan *plan,
                               uint8_t *to);

/* --- reading ----------------------------------------------------------------------------------------- */

struct chunk { /* a parsed log chunk; borrows its bytes */
    uint32_t block_count, row_count, run_count, transaction_count, amount_size;
    uint8_t widths[8];
    const uint8_t *blocks, *txi, *run_rows, *kind, *width, *from, *to, *asset, *log, *index, *link, *amounts;
};
/** Checks that all counts and sizes agree. False: damaged. */
bool chunk_parse(const uint8_t *from, size_t size, struct chunk *ret_chunk);
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
/** Decode up to `capacity` rows and move on; log indexes too if `ret_logs`. Returns how many; 0: end of
 * chunk. */
size_t chunk_scan_rows(struct chunk_scan *scan, struct cursor_row *ret_rows, uint32_t *ret_logs,
                       size_t capacity);
/** Ids in a column of `width` bytes. */
uint32_t chunk_column(const uint8_t *column, unsigned width, size_t index);
enum chunk_width {
    WIDTH_TXI,
    WIDTH_RUN,
    WIDTH_FROM,
    WIDTH_TO,
    WIDTH_ASSET,
    WIDTH_LOG,
    WIDTH_INDEX,
    WIDTH_LINK
};

struct transaction_chunk {
    uint32_t block_count, transaction_count;
    uint8_t widths[5]; /* txi, sender, nonce, true block, hashes */
    const uint8_t *blocks, *txi, *hash, *sender, *nonce, *true_block, *flags;
};
bool transaction_chunk_parse(const uint8_t *from, size_t size, struct transaction_chunk *ret_chunk);
uint64_t transaction_chunk_number(const struct transaction_chunk *chunk, uint32_t block);
uint32_t transaction_chunk_find(const struct transaction_chunk *chunk, uint64_t number);
/** Transactions [*ret_first, *ret_end) belong to the block. */
void transaction_chunk_range(const struct transaction_chunk *chunk, uint32_t block, uint32_t *ret_first,
                             uint32_t *ret_end);
struct chunk_transaction transaction_chunk_get(const struct transaction_chunk *chunk, uint32_t index);
/* Only its hash (zero: the chunk has none), only its transaction_index. */
struct hash transaction_chunk_hash(const struct transaction_chunk *chunk, uint32_t index);
int32_t transaction_chunk_index(const struct transaction_chunk *chunk, uint32_t index);

/** Copy block `block` of a chunk (and its transactions; `transactions` may be NULL) behind the builder's
 * last. False: no memory, or the two chunks do not fit together. */
bool chunk_builder_copy(struct chunk_builder *builder, const struct chunk *chunk,
                        const struct transaction_chunk *transactions, uint32_t block);

#endif
