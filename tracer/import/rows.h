/* rows.h - the rows of an imported file in memory: columns in chunks, ids instead of addresses, amounts in as
 * many bytes as they need. About 40 bytes a row; a chunk never moves. */
#ifndef TRACER_IMPORT_ROWS_H
#define TRACER_IMPORT_ROWS_H

#include "tracer/block.h"
#include "tracer/digest.h"
#include "ids.h"

#define ROWS_A_CHUNK 8192u

struct row_chunk {
    uint64_t block[ROWS_A_CHUNK];
    int32_t transaction_index[ROWS_A_CHUNK];
    uint32_t index[ROWS_A_CHUNK];
    uint32_t from[ROWS_A_CHUNK], to[ROWS_A_CHUNK], asset[ROWS_A_CHUNK];
    uint8_t kind_leg[ROWS_A_CHUNK];     /* kind | leg << 4 */
    uint8_t amount_width[ROWS_A_CHUNK]; /* bytes in `amounts`, big-endian */
    uint32_t *link;                     /* NULL: none in this chunk */
    uint32_t *log_index;                /* NULL: none in this chunk */
    uint8_t *amounts;
    uint32_t count, amounts_size, amounts_capacity;
};

/* What is known of a transaction beyond its rows; columns grow only when the file has them. */
struct row_transactions {
    struct hash *hashes;
    struct address *senders;
    uint64_t *numbers; /* true block numbers */
    uint8_t *marks;    /* grade | status << 4 */
    size_t count, hash_capacity, sender_capacity, number_capacity, mark_capacity;
};

struct rows {
    struct row_chunk **chunks;
    size_t chunk_count, chunk_capacity;
    uint64_t count;
    struct address_ids accounts;
    struct asset_ids assets;
    bool has_transactions;                /* the file has any column about transactions */
    struct row_transactions transactions; /* one for each (block, transaction_index), in order */
    bool has_times;
    uint64_t *times; /* one for each block, in order */
    size_t time_count, time_capacity;
};

/* An imported file (import.h). */
struct import {
    struct rows rows;
    struct digest digest;
    bool time_keys;
};

struct row { /* one row, ids given */
    struct position position;
    struct u256 amount;
    uint32_t from, to, asset, link, log_index;
    enum transfer_kind kind;
    enum transfer_leg leg;
};

void import_rows_init(struct rows *rows);
void import_rows_release(struct rows *rows);
/** False: no memory. */
bool import_rows_add(struct rows *rows, const struct row *row);
bool import_rows_add_time(struct rows *rows, uint64_t time);
bool import_rows_add_transaction(struct rows *rows, const struct transaction *transaction, bool has_hash,
                                 bool has_sender, bool has_number);
void import_rows_set_transaction(struct rows *rows, size_t index, const struct transaction *transaction);
struct transaction import_rows_transaction(const struct rows *rows, size_t index);

/* Reading in order. */
struct rows_walk {
    const struct rows *rows;
    size_t chunk;
    uint32_t at, amount_at;
};
static inline void import_rows_walk_start(struct rows_walk *walk, const struct rows *rows)
{
    *walk = (struct rows_walk){.rows = rows};
}
bool import_rows_walk_next(struct rows_walk *walk, struct row *ret_row); /* false: the end */

#endif
