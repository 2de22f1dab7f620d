/* decode.h - what the decoders of one block hand to each other. Internal to chains/evm. */
#ifndef TRACER_CHAINS_EVM_DECODE_H
#define TRACER_CHAINS_EVM_DECODE_H

#include "field.h"
#include "rlp.h"
#include "signature.h"
#include "tracer/evm.h"

/* ---- header.c ---- */

struct bloom {
    uint8_t bytes[256];
};
struct evm_header {
    uint64_t present; /* members that were there */
    uint64_t number, time, gas_limit, gas_used, blob_gas_used, excess_blob_gas, slot_number;
    struct u256 difficulty, base_fee;
    struct hash hash, parent_hash, uncles_hash, state_root, transactions_root, receipts_root,
        withdrawals_root, mix_hash, beacon_root, requests_hash, access_list_hash;
    uint8_t nonce[8];
    struct bloom bloom;
    struct json_span extra_data; /* digits */
    struct address miner;
    struct json_array uncles;
    bool has_base_fee, has_withdrawals, has_blobs;
    struct evm_transaction *transactions;
    size_t transaction_count;
    struct evm_withdrawal *withdrawals;
    size_t withdrawal_count;
    bool has_bloom_bits;
};
struct evm_withdrawal {
    struct address to;
    uint64_t gwei, index, validator;
};
extern const struct hash no_uncles; /* what uncles_hash is without them */
/* Header, transactions, withdrawals as they stand. */
enum tracer_status header_read(struct json_span text, struct arena *arena, struct evm_header *ret_header,
                               struct error *err);
/* The same, compared with each other and with the rules of the height. */
enum tracer_status header_decode(const struct evm_network *network, struct json_span text, uint64_t number,
                                 struct arena *arena, struct evm_header *ret_header, struct error *err);
/* What the header's members hash to; header->hash is what the reply states. TRACER_E_REPLY: one is missing.
 */
enum tracer_status header_hash(const struct evm_header *header, struct hash *ret_hash, struct error *err);
/* The canonical bytes, and back: only the members that they have are set (not uncles, withdrawals, transactions).
 * TRACER_E_REPLY: these bytes are no header. */
void header_write(const struct evm_header *header, struct buffer *to);
enum tracer_status header_from_bytes(struct bytes text, struct arena *arena, struct evm_header *ret_header,
                                     struct error *err);
static inline bool fork_active(struct evm_fork fork, const struct evm_header *header)
{
    return header->number >= fork.number && header->time >= fork.time;
}

/* ---- transaction.c ---- */

#define TYPE_LEGACY 0x00u
#define TYPE_ACCESS_LIST 0x01u
#define TYPE_DYNAMIC_FEE 0x02u
#define TYPE_BLOB 0x03u
#define TYPE_SET_CODE 0x04u
#define TYPE_SPONSORED 0x64u /* Ronin, REP-0008 */
#define TYPE_DEPOSIT 0x7eu   /* OP Stack */

#define BLOB_GAS 131072u /* EIP-4844 GAS_PER_BLOB */

/* Members; the bits of evm_transaction.present */
enum {
    T_BLOCK_HASH,
    T_BLOCK_NUMBER,
    T_FROM,
    T_GAS,
    T_GAS_PRICE,
    T_MAX_FEE,
    T_MAX_PRIORITY_FEE,
    T_MAX_BLOB_FEE,
    T_HASH,
    T_INPUT,
    T_NONCE,
    T_TO,
    T_INDEX,
    T_VALUE,
    T_TYPE,
    T_ACCESS_LIST,
    T_CHAIN_ID,
    T_BLOB_HASHES,
    T_AUTHORIZATIONS,
    T_V,
    T_Y_PARITY,
    T_R,
    T_S,
    T_PAYER,
    T_EXPIRED_TIME,
    T_PAYER_V,
    T_PAYER_R,
    T_PAYER_S,
    T_MINT,
    T_SOURCE_HASH,
    T_IS_SYSTEM,
    T_COUNT
};

extern const struct field transaction_fields[T_COUNT];

struct evm_transaction {
    uint64_t present;
    struct hash hash, block_hash;
    uint64_t block_number, index, nonce, gas, type, chain_id;
    struct address from, to, payer;
    struct u256 value, gas_price, max_fee, max_priority_fee, max_blob_fee, mint;
    struct json_span input; /* digits */
    struct json_array access_list, blob_hashes, authorizations;
    struct u256 v, y_parity, r, s;
    struct u256 expired_time, payer_v, payer_r, payer_s; /* REP-0008 */
    struct hash source_hash;                             /* OP Stack */
    bool is_system;                                      /* likewise */
    bool creates;                                        /* no `to` */
    bool known;                                          /* of a known type */
};
enum tracer_status transaction_read(struct decoder *decoder, struct evm_transaction *ret_transaction);
/* Against the header and the rules (R2, R11, R14). */
enum tracer_status transaction_check(const struct evm_network *network, const struct evm_header *header,
                                     struct evm_transaction *transaction, size_t index, struct error *err);
/* What one unit of gas costs, from what the sender signed (EIP-1559). */
enum tracer_status transaction_gas_price(const struct evm_header *header,
                                         const struct evm_transaction *transaction, struct u256 *ret_price,
                                         struct error *err);
/* Whether the chain id stands behind the members that a legacy sender signs (EIP-155). */
bool transaction_is_protected(const struct evm_transaction *transaction);
bool transaction_states_gas_price(const struct evm_transaction *transaction);

/* ---- transaction_codec.c ---- */

enum transaction_form {
    FORM_WHOLE,  /* the envelope: what the transaction's hash is of, and what stands in the trie */
    FORM_SIGNED, /* what the sender signs the hash of */
    FORM_PAID    /* what the payer of a sponsored transaction signs the hash of */
};
/* Append the canonical bytes. TRACER_E_REPLY names a member that its type needs and that is not there;
 * TRACER_E_UNAVAILABLE: the encoding of its type is not known (R14). */
enum tracer_status transaction_write(const struct evm_network *network,
                                     const struct evm_transaction *transaction, enum transaction_form form,
                                     struct buffer *to, struct error *err);
/* Canonical bytes back to members; `from` and `payer` are recovered, unless `known` (may be NULL) is the recovery of this sender. Lists but
 * the blob hashes' number are left out. *ret_transaction.known false: the type is not known here, nothing else is set. */
enum tracer_status transaction_from_bytes(const struct evm_network *network, const struct evm_header *header, struct bytes text,
                                          const struct recovery *known, struct arena *arena, struct evm_transaction *ret_transaction,
                                          struct error *err);
/* What the sender signed, to be recovered beside others; nothing if there is nothing that can be. */
void transaction_signature(const struct evm_network *network, const struct evm_header *header, struct bytes text, struct arena *arena,
                           struct recovery *ret_recovery);
/* `from` (and `payer`) of all transactions of the header are who signed, by the rules of its height (R19). Signers are recovered on all
 * processors while the caller goes on. What is wrong is told in the end, which there must be; it is of the first transaction. */
#define SIGNED_MAX 16u    /* what is signed, of so many: hashed together */
#define SIGNED_LONG 4096u /* bytes; what is longer would keep the others of its group waiting */
struct signed_texts {
    struct buffer bytes;
    size_t count, ends[SIGNED_MAX], *places[SIGNED_MAX];
    struct signature signatures[SIGNED_MAX];
};
struct signers {
    const struct evm_network *network;
    const struct evm_header *header;
    struct recovery *items;
    size_t count, *places; /* of two items a transaction: its sender's, its payer's */
    struct signed_texts soon, late;
    struct recoveries recoveries;
    size_t transaction_count; /* that can be compared; `status`: what is wrong with the next one */
    enum tracer_status status;
    struct error err;
};
void signers_begin(struct signers *signers, const struct evm_network *network, const struct evm_header *header, struct arena *arena);
/* The transactions in order, each with its bytes (of an unknown type: none). */
void signers_add(struct signers *signers, size_t index, struct bytes whole);
/* Behind the last: up to SIGNED_MAX long texts whose digests are still wanted. They are best hashed beside whole transactions, which are as long. */
size_t signers_late(struct signers *signers, struct bytes *ret_texts);
void signers_late_hashed(struct signers *signers, const struct hash *hashes);
enum tracer_status signers_end(struct signers *signers, struct error *err);

/* ---- receipt.c ---- */

struct evm_log {
    uint64_t present;
    struct address address;
    struct hash topics[4];
    uint64_t topic_count;
    struct json_span data; /* digits */
    uint64_t index, block_number, transaction_index, position;
    struct hash block_hash, transaction_hash;
    bool removed;
};
struct evm_receipt {
    uint64_t present;
    struct hash transaction_hash, block_hash, root;
    uint64_t transaction_index, block_number, cumulative_gas_used, gas_used, status, type, blob_gas_used,
        deposit_nonce, deposit_version;
    struct u256 price, blob_price, l1_fee, operator_scalar, operator_constant;
    struct address from, to, contract, payer;
    struct json_span bloom; /* digits */
    bool leaves_out_blob_fee; /* bytes that do not say it */
    bool has_price, has_contract, has_blob_gas_used, has_blob_price, has_operator_fee, has_deposit_nonce,
        has_deposit_version;
    enum transaction_status outcome;
    struct evm_log *logs;
    size_t log_count;
};
/* All receipts of the block, compared with it and with each other. */
enum tracer_status receipts_decode(const struct evm_network *network, const struct evm_header *header,
                                   const struct evm_replies *replies, struct arena *arena,
                                   struct evm_receipt **ret_receipts, struct error *err);
/* Members of logs that receipts and traces share. */
enum tracer_status log_topics_read(struct decoder *decoder, void *log);

/* ---- receipt_codec.c ---- */

/* The bloom of each receipt, from its logs (yellow paper 4.3.1). NULL without memory. */
struct bloom *receipts_blooms(const struct evm_receipt *receipts, size_t count, struct arena *arena);
/* Append what stands in the trie. TRACER_E_REPLY: a member is missing. */
enum tracer_status receipt_write(const struct evm_network *network, const struct evm_header *header,
                                 const struct evm_transaction *transaction, const struct evm_receipt *receipt,
                                 const struct bloom *bloom, struct buffer *to, struct error *err);
void withdrawal_write(const struct evm_withdrawal *withdrawal, struct buffer *to);
/* Back from the bytes in the tries. Of a receipt the members that are there are set; its logs count from 0. */
enum tracer_status receipt_from_bytes(const struct evm_network *network, const struct evm_header *header,
                                      const struct evm_transaction *transaction, struct bytes text,
                                      struct arena *arena, struct evm_receipt *ret_receipt, struct error *err);
bool withdrawal_from_bytes(struct bytes text, struct evm_withdrawal *ret_withdrawal);
/* The digits of bytes, as members of replies have them; .text NULL without memory. */
struct json_span digits_of(struct bytes data, struct arena *arena);

/* ---- accept.c ---- */

/* The block's hash covers what was read. *ret_whole: all of it; false: transactions of unknown types are in
 * it, so that no root could be computed. TRACER_E_REPLY: a difference, with the method, the member and both
 * values. */
enum tracer_status block_accept(const struct evm_network *network, const struct evm_header *header,
                                const struct evm_receipt *receipts, const struct evm_replies *replies,
                                struct arena *arena, bool *ret_whole, struct error *err);

/* The address of a new contract (CREATE): of its creator and the creator's nonce. */
bool contract_address(struct address creator, uint64_t nonce, struct address *ret_contract);

/* ---- proof.c ---- */

/* All of it as an archive (tracer/proof.h), in the arena. */
enum tracer_status block_archive(const struct evm_network *network, const struct evm_header *header,
                                 const struct evm_receipt *receipts, struct arena *arena, struct bytes *ret_archive,
                                 struct error *err);

/* ---- call_trace.c ---- */

/* A native move, or the place of a log, in execution order. */
struct trace_step {
    bool is_log;
    uint32_t log; /* ordinal within the receipt */
    struct address from, to;
    struct u256 value;
};
enum trace_logs { TRACE_LOGS_NONE, TRACE_LOGS_PLACED, TRACE_LOGS_SPLIT };

/* What one transaction did inside. The steps are lent until the next transaction. */
struct trace_of {
    bool known; /* false: no trace of it */
    bool failed;
    enum trace_logs logs;
    const struct trace_step *steps;
    size_t step_count;
};
struct trace_reward {
    struct address to;
    struct u256 value;
    bool uncle;
};
struct trace_reader; /* of one reply; in the arena */

enum tracer_status trace_open(const struct evm_network *network, const struct evm_header *header,
                              const struct evm_receipt *receipts, const struct evm_replies *replies,
                              struct arena *arena, struct evm_notes *notes, struct trace_reader **ret_reader,
                              struct error *err);
/* The next transaction's, in order. */
enum tracer_status trace_next(struct trace_reader *reader, struct trace_of *ret_trace, struct error *err);
/* After the last transaction: the reply must have ended. Rewards that the reply states (trace_block). */
enum tracer_status trace_close(struct trace_reader *reader, const struct trace_reward **ret_rewards,
                               size_t *ret_count, struct error *err);

/* ---- the formats behind call_trace.c: call_tracer.c, flat_trace.c ---- */

enum frame_kind { FRAME_CALL, FRAME_CREATE, FRAME_DESTROY, FRAME_NO_MOVE, FRAME_UNKNOWN, FRAME_KIND_COUNT };

struct trace_frame {
    enum frame_kind kind;
    bool has_from, has_to, has_value;
    bool failed; /* by itself */
    bool has_unplaced_log;
    uint32_t depth; /* 0: the transaction itself */
    uint32_t end;   /* one behind its last descendant */
    uint32_t log_first, log_count;
    uint32_t call_count;
    struct address from, to;
    struct u256 value;
};
/* The frames of one transaction in the order of their entry. */
struct trace_tree {
    struct trace_frame *frames;
    size_t frame_count, frame_capacity;
    struct evm_log *logs; /* in the order of the frames that were read; log_first says where */
    size_t log_count, log_capacity;
    struct call_stack *stack; /* call_tracer.c's */
};
enum tracer_status call_tracer_read(struct decoder *decoder, struct trace_tree *tree);

struct flat_trace {
    uint64_t transaction_index; /* of the transaction it belongs to */
    struct hash transaction_hash;
    const uint32_t *address; /* traceAddress */
    uint32_t depth;
    uint64_t subtraces;
    struct trace_frame frame;
};
/* All items of a trace_block reply: calls in the order of transaction and traceAddress, and rewards. */
enum tracer_status flat_traces_read(struct json_span text, const struct evm_header *header,
                                    struct arena *arena, struct flat_trace **ret_items, size_t *ret_count,
                                    struct trace_reward **ret_rewards, size_t *ret_reward_count,
                                    struct error *err);

/* ---- rows.c ---- */

struct rows {
    struct arena *arena;
    struct error *err;
    struct transfer *items;
    size_t count, capacity;
    struct position next;
    uint32_t undecoded_count;
};
/* Later rows belong to this transaction. */
void rows_begin(struct rows *rows, int32_t transaction_index);
enum tracer_status rows_add(struct rows *rows, enum transfer_kind kind, const struct asset *asset,
                            struct address from, struct address to, struct u256 amount, uint32_t log_index);
/* A native move: none if it is of zero. */
enum tracer_status rows_native(struct rows *rows, enum transfer_kind kind, struct address from,
                               struct address to, struct u256 amount);
enum tracer_status rows_of_fees(struct rows *rows, const struct evm_network *network,
                                const struct evm_header *header, const struct evm_transaction *transaction,
                                const struct evm_receipt *receipt, struct evm_notes *notes);
/* Whether only the receipt's JSON says what blobs cost: no schedule of the network gives it from what is hashed. */
bool blob_price_is_stated(const struct evm_rules *rules, const struct evm_header *header, const struct evm_transaction *transaction);
struct address base_fee_recipient(const struct evm_rules *rules, uint64_t number);
enum tracer_status rows_of_transaction(struct rows *rows, const struct evm_network *network,
                                       const struct evm_transaction *transaction,
                                       const struct evm_receipt *receipt, const struct trace_of *trace);
enum tracer_status rows_of_block_end(struct rows *rows, const struct evm_network *network,
                                     const struct evm_header *header, const struct trace_reward *rewards,
                                     size_t reward_count, bool rewards_stated, struct evm_notes *notes, bool *ret_asserted);

/* ---- log.c ---- */

/* The token rows of log `index` of a receipt; one that looks like a token event but does not decode is
 * counted. */
enum tracer_status rows_of_log(struct rows *rows, const struct evm_network *network,
                               const struct evm_receipt *receipt, size_t index);
bool log_is_native(const struct evm_log *log); /* EIP-7708 */
bool is_wrapper(const struct evm_network *network, struct address contract);
/* The data is `count` words of 32 bytes; word `index` of it, which must be within; the address in a word, which
 * fills its low 20 bytes (the rest is zero, else false). */
bool log_has_words(const struct evm_log *log, size_t count);
struct hash log_word(const struct evm_log *log, size_t index);
struct u256 log_number(const struct evm_log *log, size_t index);
bool log_address(const struct hash *word, struct address *ret_address);

/* ---- link.c ---- */

/* Write link and leg into the rows of one successful transaction, from `first` on. */
enum tracer_status rows_link(struct rows *rows, size_t first, const struct evm_network *network,
                             const struct evm_receipt *receipt, struct evm_notes *notes);

#endif
