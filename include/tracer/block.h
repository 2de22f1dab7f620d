/* block.h - a block as the store keeps it: what identifies it, its transactions, its transfers. */
#ifndef TRACER_BLOCK_H
#define TRACER_BLOCK_H

#include "tracer/transfer.h"

struct bytes { /* borrowed */
    const uint8_t *data;
    size_t size;
};

/* How well a fact is founded, strongest first (threat-model 2). */
enum grade { GRADE_PROVEN, GRADE_LINKED, GRADE_SINGLE, GRADE_ASSERTED, GRADE_INFERRED, GRADE_COUNT };
const char *grade_name(enum grade grade);
bool grade_parse(const char *text, size_t length, enum grade *ret_grade);

enum internals { INTERNALS_NONE, INTERNALS_SOME, INTERNALS_ALL }; /* were call traces read? */
enum row_order { ORDER_SPLIT, ORDER_EXACT };                      /* architecture 4, row keys */
const char *internals_name(enum internals internals);
const char *row_order_name(enum row_order order);

enum transaction_status { TRANSACTION_FAILED, TRANSACTION_SUCCEEDED, TRANSACTION_STATUS_UNKNOWN };

struct transaction {
    int32_t transaction_index;
    struct hash hash; /* zero: no source gives it (imported rows) */
    struct address sender;
    uint64_t nonce;
    enum transaction_status status;
    uint64_t true_block_number; /* imported rows whose key is not the block number: the real one; 0 unknown */
    enum grade grade;           /* imported rows may be asserted or inferred one by one */
};

struct block {
    uint64_t chain_id;
    uint64_t number;
    struct hash hash; /* zero for imported rows */
    struct hash parent_hash;
    struct hash state_root, transactions_root, receipts_root; /* zero: not known */
    uint64_t time;                                            /* Unix seconds */
    enum grade grade;
    enum internals internals;
    enum row_order order;
    bool rewards_asserted;    /* those behind its transactions rest on rules or call traces; else they are withdrawals, which its hash covers */
    uint32_t undecoded_count; /* logs that look like token events but do not decode (threat-model X8) */
    struct bytes archive;     /* what its hash covers (proof.h), where that was asked for; else {NULL, 0} */

    const struct transaction *transactions; /* by transaction_index, strictly increasing */
    size_t transaction_count;
    const struct transfer *transfers; /* by position, strictly increasing, all of this block */
    size_t transfer_count;
};

/* A row of a transaction is hashed, but for internal transfers and fees of the OP Stack's settlement layer. */
bool row_is_hashed(const struct transfer *row);
/* A row is as well founded as its block and transaction (NULL: there is none); what no hash covers is asserted at best. */
enum grade grade_of_row(const struct block *block, const struct transaction *transaction, const struct transfer *row);

#endif
