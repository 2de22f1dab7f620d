/* evm.h - the JSON replies about one block to its transactions and transfers (taint-spec 2.3). Bytes in,
 * values out: nothing here fetches, prints or keeps state.
 *
 * What replies repeat (hashes, indices, counts, gas sums, addresses) is compared; a difference is
 * TRACER_E_REPLY and names the field and both values (threat-model R1, R2, R9..R14). With `prove` the block's
 * hash is computed from the header, its roots from transactions, receipts and withdrawals, and senders from
 * signatures; the block is then graded `single`: it is what its hash says, and whether the hash is the
 * chain's is not known here. Without, or with transactions of unknown types, it is `asserted`.
 */
#ifndef TRACER_EVM_H
#define TRACER_EVM_H

#include "tracer/arena.h"
#include "tracer/block.h"
#include "tracer/json_reader.h"
#include "tracer/link.h"

/* A fork is active in blocks that have reached both. {0, 0}: from the first block on. */
struct evm_fork {
    uint64_t number, time;
};
#define EVM_NEVER UINT64_MAX

/* Steps by height, first_number rising; the last one that is reached holds. */
struct evm_recipient {
    uint64_t first_number;
    struct address to; /* void: burned */
};
struct evm_reward {
    uint64_t first_number;
    uint64_t wei;
};
struct evm_blob_schedule { /* EIP-4844 and its parameter forks, by time */
    uint64_t first_time;
    uint64_t update_fraction; /* 0: not known from here on */
};

/* What decoding must know of a kind of chain. */
struct evm_rules {
    struct evm_fork homestead, spurious_dragon, byzantium, berlin, london, shanghai, cancun, prague;
    /* Members of Shanghai and Cancun blocks (withdrawals, blob gas) must be there from their fork on and not
     * before it. False: they may be there from the fork on. */
    bool strict_header;
    bool zero_price; /* validators' own transactions pay nothing even where there is a base fee */
    /* who gets base fee and blob fee; no steps: burned */
    const struct evm_recipient *base_fee;
    size_t base_fee_count;
    struct address l1_fee_to; /* who gets a receipt's l1Fee (OP Stack); void: no chain with it */
    uint64_t sponsored_first, sponsored_end; /* blocks [first, end) may hold type 0x64 (REP-0008) */
    uint64_t deposit_first;                  /* type 0x7E (OP Stack) from here on */
    const struct evm_reward *rewards;        /* of proof of work; none: no block reward */
    size_t reward_count;
    const struct evm_blob_schedule *blobs;
    size_t blob_count;
    uint64_t irregular_number; /* a block that moved balances without transactions; EVM_NEVER: none */
};

struct evm_network {
    const struct evm_rules *rules;
    uint64_t chain_id;
    const struct address *wrappers; /* contracts whose Deposit/Withdrawal events are rows */
    size_t wrapper_count;
    const struct link_facts *links; /* NULL: exchanges are not linked */
};

enum evm_traces {
    EVM_TRACES_NONE,
    EVM_TRACES_CALL_TRACER, /* debug_traceBlockByNumber, callTracer, with or without logs */
    EVM_TRACES_TRACE_BLOCK  /* trace_block: flat items, rewards */
};

/* The results of the calls (checked or unchecked JSON text; borrowed for the call). */
struct evm_replies {
    uint64_t number;         /* the block that was asked for */
    const struct hash *hash; /* its hash, if it was asked for by hash; else NULL */
    bool prove;
    bool archive; /* keep what was proven: block.archive */
    struct json_span block; /* eth_getBlockByNumber(number, true) */
    /* Either one array (eth_getBlockReceipts), or one object a transaction, in order. */
    const struct json_span *receipts;
    size_t receipt_count;
    bool receipts_apart;
    enum evm_traces traces_kind;
    struct json_span traces;
};

/* What could not be decoded in full. Every member is said to the user when it is not zero. */
struct evm_notes {
    uint32_t unknown_type_count; /* transactions of unknown types: read as their JSON states them */
    uint64_t unknown_type;       /* the first of them */
    uint32_t status_unknown;     /* before Byzantium, without a trace: value rows assume success */
    uint32_t uncle_rewards;      /* proof of work: rewards of uncles' miners that have no row */
    uint32_t trace_gaps;         /* transactions whose trace is missing or lacks an amount */
    uint32_t unknown_frames;     /* frames of unknown types that carry value */
    uint32_t operator_fees;      /* OP Stack operator fees that have no row */
    uint32_t unlinked;           /* exchanges at venues that no rule links (docs/linking.md) */
    bool irregular;              /* evm_rules.irregular_number */
};
void evm_notes_add(struct evm_notes *sum, const struct evm_notes *notes);

/** Decode one block. Everything *ret_block points to is in `arena`; so is scratch of the order of the
 * replies.
 * @retval TRACER_E_REPLY  malformed, or contradicting itself
 * @retval TRACER_E_LIMIT  a ceiling of limits.h */
TRACER_MUST_USE enum tracer_status evm_decode_block(const struct evm_network *network,
                                                    const struct evm_replies *replies, struct arena *arena,
                                                    struct block *ret_block, struct evm_notes *ret_notes,
                                                    struct error *err);

/* The few members of a block (full or not) that fetching needs. */
struct evm_block_head {
    uint64_t number, time;
    struct hash hash, parent_hash;
    bool has_bloom_bits; /* logsBloom is not zero: the block has logs */
    const struct hash *transaction_hashes;
    size_t transaction_count;
};
TRACER_MUST_USE enum tracer_status evm_decode_head(struct json_span block, struct arena *arena,
                                                   struct evm_block_head *ret_head, struct error *err);

/** The same of a header alone (its transactions may be hashes and are left out), and its hash is what its members give.
 * TRACER_E_REPLY: it is not; the message has both. */
TRACER_MUST_USE enum tracer_status evm_prove_head(struct json_span block, struct arena *arena,
                                                  struct evm_block_head *ret_head, struct error *err);

/** One value of JSON text: a QUANTITY string, or DATA of exactly 32 bytes. TRACER_E_REPLY if it is not. */
TRACER_MUST_USE enum tracer_status evm_decode_quantity(struct json_span text, struct u256 *ret_value,
                                                       struct error *err);
TRACER_MUST_USE enum tracer_status evm_decode_word(struct json_span text, struct u256 *ret_value,
                                                   struct error *err);
/** DATA of any length: its digits, borrowed from the text. */
TRACER_MUST_USE enum tracer_status evm_decode_data(struct json_span text, struct json_span *ret_digits,
                                                   struct error *err);

#endif
