/* proof.h - the bytes that a block's hash covers: kept as one archive, proven one by one, and read again without
 * the endpoint (facts: transactions 2, 5). Bytes in, values out.
 *
 * An archive is the RLP list of: the header, the transactions, the receipts, the withdrawals; the last three are
 * lists of byte strings, which are the values of the block's tries. What is no part of these bytes (call traces,
 * gas prices as stated, labels) is in no proof.
 */
#ifndef TRACER_PROOF_H
#define TRACER_PROOF_H

#include "tracer/evm.h"

struct hash proof_hash(struct bytes data); /* keccak-256 */
/** Of an address that address_parse() took: its capital letters are its checksum (EIP-55). True also where its digits have one case. */
bool proof_checksum_holds(const char *text, size_t length);
#define PROOF_CHECKSUM_WRONG "the capital letters of the address are not its checksum (EIP-55)"

/** Take the first RLP item off `rest`, whole. False: none is left, or it is malformed. */
bool proof_next(struct bytes *rest, struct bytes *ret_item);

struct proof_header {
    uint64_t number, time;
    struct hash hash, parent_hash, transactions_root, receipts_root, withdrawals_root;
    bool has_withdrawals;
};
/** TRACER_E_REPLY: no header of a block. */
TRACER_MUST_USE enum tracer_status proof_read_header(struct bytes header, struct proof_header *ret_header,
                                                     struct error *err);

/* An archive in its parts; they are borrowed from it. */
enum proof_list { PROOF_TRANSACTIONS, PROOF_RECEIPTS, PROOF_WITHDRAWALS, PROOF_LIST_COUNT };
const char *proof_list_name(enum proof_list list);
struct proof_values {
    const struct bytes *items;
    size_t count;
};
struct proof_block {
    struct bytes header;
    struct proof_values lists[PROOF_LIST_COUNT];
};
TRACER_MUST_USE enum tracer_status proof_open(struct bytes archive, struct arena *arena,
                                              struct proof_block *ret_block, struct error *err);

/** Whether the network's withdrawalsRoot is of withdrawals; on the OP Stack it is of something else. */
bool proof_has_withdrawals(const struct evm_network *network);

/** The archive is what the block's hash covers: its header is one, and the roots in it are those of the three lists. No sender
 * is recovered: proof_read_transaction() does so for those that a verdict rests on.
 * @retval TRACER_E_REPLY  a root differs; the message has both */
TRACER_MUST_USE enum tracer_status proof_check(const struct evm_network *network, const struct proof_block *block,
                                               struct arena *arena, struct proof_header *ret_header, struct error *err);

/** The nodes that prove value `index` of a list (or that there is none), root first; they are in the arena. */
TRACER_MUST_USE enum tracer_status proof_nodes(const struct proof_block *block, enum proof_list list,
                                               const uint64_t *indices, size_t index_count, struct arena *arena,
                                               struct bytes **ret_nodes, size_t *ret_count, struct error *err);

/** What a set of nodes, found by their hashes, says about value `index` of the trie with `root`. The nodes are
 * foreign bytes. `find` gives {NULL, 0} for a node that is not there. */
typedef struct bytes proof_find_fn(void *context, struct hash hash);
enum proof_answer { PROOF_PRESENT, PROOF_ABSENT, PROOF_INVALID };
enum proof_answer proof_look_up(struct hash root, uint64_t index, proof_find_fn *find, void *context,
                                struct bytes *ret_value);

/* What proven bytes say of one transaction: hash, sender (recovered), outcome, and its rows but for those that
 * only call traces show. The rows' places in the transaction are those of a block without traces; links are not
 * set. */
struct proof_transaction {
    struct hash hash;
    struct address sender;
    uint64_t nonce;
    enum transaction_status status;
    const struct transfer *rows;
    size_t row_count;
    bool has_blob_fee; /* that no bytes give, since no schedule of its network is known: from the sender, as row `blob_fee_at` among the others */
    size_t blob_fee_at;
    struct address blob_fee_to;
    bool known; /* false: of a type whose bytes cannot be read: only the hash is set */
};
/** Senders of transactions that are read later, recovered on all processors while the caller goes on. */
struct proof_senders;
/** Up to `most`, in `arena`; NULL: no memory, or no library. Else there must be an end. */
struct proof_senders *proof_senders_begin(size_t most, struct arena *arena, struct error *err);
void proof_senders_add(struct proof_senders *senders, const struct evm_network *network, struct bytes header, struct bytes transaction,
                       struct arena *scratch);
void proof_senders_end(struct proof_senders *senders);

/** `before` is the receipt in front (its gas is taken off), {NULL, 0} for the first transaction. `senders`: those of the transactions that are
 * read so, in the same order; NULL: it is recovered here.
 * @retval TRACER_E_REPLY  the bytes are no transaction and receipt of this network */
TRACER_MUST_USE enum tracer_status proof_read_transaction(const struct evm_network *network, struct bytes header,
                                                          uint64_t index, struct bytes transaction,
                                                          struct bytes receipt, struct bytes before,
                                                          struct proof_senders *senders, struct arena *arena,
                                                          struct proof_transaction *ret_read,
                                                          struct error *err);
/** The row of one withdrawal (EIP-4895); row_count 0: of nothing. */
TRACER_MUST_USE enum tracer_status proof_read_withdrawal(struct bytes withdrawal, struct address *ret_to,
                                                         struct u256 *ret_amount, struct error *err);

#endif
