/* block.c - a block's header members, and the decoding of a block from its replies in order. */
#include "decode.h"

#include <inttypes.h>
#include <string.h>

enum {
    H_NUMBER,
    H_HASH,
    H_PARENT_HASH,
    H_UNCLES_HASH,
    H_BLOOM,
    H_TRANSACTIONS_ROOT,
    H_STATE_ROOT,
    H_RECEIPTS_ROOT,
    H_MINER,
    H_DIFFICULTY,
    H_EXTRA_DATA,
    H_GAS_LIMIT,
    H_GAS_USED,
    H_TIMESTAMP,
    H_MIX_HASH,
    H_NONCE,
    H_BASE_FEE,
    H_WITHDRAWALS_ROOT,
    H_WITHDRAWALS,
    H_BLOB_GAS_USED,
    H_EXCESS_BLOB_GAS,
    H_TRANSACTIONS,
    H_UNCLES,
    H_COUNT
};

struct header_read {
    struct evm_header header;
    size_t transaction_capacity, withdrawal_capacity;
    struct json_span bloom, unused_data;
    struct u256 unused;
    uint64_t unused_number;
};

static enum tracer_status read_transactions(struct decoder *decoder, void *object);
static enum tracer_status read_withdrawals(struct decoder *decoder, void *object);

#define H(name, kind, member) FIELD(name, kind, struct header_read, header.member)
#define H_OR_NULL(name, kind, member) FIELD_OR_NULL(name, kind, struct header_read, header.member)

static const struct field fields[H_COUNT] = {
    [H_NUMBER] = H("number", FIELD_U64, number),
    [H_HASH] = H("hash", FIELD_HASH, hash),
    [H_PARENT_HASH] = H("parentHash", FIELD_HASH, parent_hash),
    [H_UNCLES_HASH] = FIELD_BYTES("sha3Uncles", 32),
    [H_BLOOM] = FIELD_OR_NULL("logsBloom", FIELD_DATA, struct header_read, bloom),
    [H_TRANSACTIONS_ROOT] = H("transactionsRoot", FIELD_HASH, transactions_root),
    [H_STATE_ROOT] = H("stateRoot", FIELD_HASH, state_root),
    [H_RECEIPTS_ROOT] = H("receiptsRoot", FIELD_HASH, receipts_root),
    [H_MINER] = H("miner", FIELD_ADDRESS, miner),
    [H_DIFFICULTY] = FIELD_OR_NULL("difficulty", FIELD_U256, struct header_read, unused),
    [H_EXTRA_DATA] = FIELD_OR_NULL("extraData", FIELD_DATA, struct header_read, unused_data),
    [H_GAS_LIMIT] = FIELD("gasLimit", FIELD_U64, struct header_read, unused_number),
    [H_GAS_USED] = H("gasUsed", FIELD_U64, gas_used),
    [H_TIMESTAMP] = H("timestamp", FIELD_U64, time),
    [H_MIX_HASH] = FIELD_BYTES("mixHash", 32),
    [H_NONCE] = FIELD_BYTES("nonce", 8),
    [H_BASE_FEE] = H_OR_NULL("baseFeePerGas", FIELD_U256, base_fee),
    [H_WITHDRAWALS_ROOT] = H_OR_NULL("withdrawalsRoot", FIELD_HASH, withdrawals_root),
    [H_WITHDRAWALS] = {"withdrawals", 11, FIELD_READ, true, 0, 0, read_withdrawals},
    [H_BLOB_GAS_USED] = H_OR_NULL("blobGasUsed", FIELD_U64, blob_gas_used),
    [H_EXCESS_BLOB_GAS] = H_OR_NULL("excessBlobGas", FIELD_U64, excess_blob_gas),
    [H_TRANSACTIONS] = FIELD_BY("transactions", read_transactions),
    [H_UNCLES] = H_OR_NULL("uncles", FIELD_COUNT, uncle_count),
};

#define BIT(name) FIELD_BIT(name)
#define ALWAYS                                                                                               \
    (BIT(H_NUMBER) | BIT(H_HASH) | BIT(H_PARENT_HASH) | BIT(H_TRANSACTIONS_ROOT) | BIT(H_STATE_ROOT) |       \
     BIT(H_RECEIPTS_ROOT) | BIT(H_MINER) | BIT(H_GAS_USED) | BIT(H_GAS_LIMIT) | BIT(H_TIMESTAMP) |           \
     BIT(H_TRANSACTIONS) | BIT(H_BLOOM) | BIT(H_UNCLES))

/* Root of an empty trie (facts: transactions 5). */
static const struct hash empty_root = {{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45,
                                        0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c,
                                        0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};

static enum tracer_status read_transactions(struct decoder *decoder, void *object)
{
    struct header_read *read = object;
    struct evm_header *header = &read->header;
    if (!json_enter_array(&decoder->reader))
        return decoder_check(decoder);
    while (json_next_element(&decoder->reader)) {
        if (header->transaction_count == TRACER_BLOCK_TRANSACTIONS_MAX)
            return error_set(decoder->err, TRACER_E_LIMIT, "more than %u transactions",
                             TRACER_BLOCK_TRANSACTIONS_MAX);
        header->transactions = array_grow(decoder->arena, header->transactions, header->transaction_count,
                                          &read->transaction_capacity, sizeof *header->transactions);
        if (!header->transactions)
            return no_memory(decoder->err);
        enum tracer_status status =
            transaction_read(decoder, &header->transactions[header->transaction_count]);
        if (status) {
            error_context(decoder->err, "transactions[%zu]", header->transaction_count);
            return status;
        }
        header->transaction_count++;
    }
    return decoder_check(decoder);
}

static enum tracer_status read_withdrawal(struct decoder *decoder, struct evm_withdrawal *ret_withdrawal)
{
    static const struct field members[] = {
        FIELD("index", FIELD_U64, struct evm_withdrawal, index),
        FIELD("validatorIndex", FIELD_U64, struct evm_withdrawal, validator),
        FIELD("address", FIELD_ADDRESS, struct evm_withdrawal, to),
        FIELD("amount", FIELD_U64, struct evm_withdrawal, gwei),
    };
    uint64_t present;
    memset(ret_withdrawal, 0, sizeof *ret_withdrawal);
    enum tracer_status status =
        fields_read(decoder, members, FIELD_COUNT_OF(members), ret_withdrawal, &present);
    return status ? status : fields_require(members, present, 0xf, decoder->err);
}

static enum tracer_status read_withdrawals(struct decoder *decoder, void *object)
{
    struct header_read *read = object;
    struct evm_header *header = &read->header;
    if (!json_enter_array(&decoder->reader))
        return decoder_check(decoder);
    while (json_next_element(&decoder->reader)) {
        header->withdrawals = array_grow(decoder->arena, header->withdrawals, header->withdrawal_count,
                                         &read->withdrawal_capacity, sizeof *header->withdrawals);
        if (!header->withdrawals)
            return no_memory(decoder->err);
        struct evm_withdrawal *withdrawal = &header->withdrawals[header->withdrawal_count];
        enum tracer_status status = read_withdrawal(decoder, withdrawal);
        /* Withdrawal indices count up without a gap (EIP-4895), so a missing one shows. */
        if (!status && header->withdrawal_count > 0 && withdrawal->index != withdrawal[-1].index + 1)
            status = differs_u64(decoder->err, "index", withdrawal->index, "the one before is",
                                 withdrawal[-1].index);
        if (status) {
            error_context(decoder->err, "withdrawals[%zu]", header->withdrawal_count);
            return status;
        }
        header->withdrawal_count++;
    }
    return decoder_check(decoder);
}

/* Members that come with a fork. */
static enum tracer_status check_fork_members(const struct evm_rules *rules, const struct evm_header *header,
                                             uint64_t present, struct error *err)
{
    bool shanghai = fork_active(rules->shanghai, header), cancun = fork_active(rules->cancun, header);
    uint64_t required = ALWAYS, forbidden = 0, withdrawals = BIT(H_WITHDRAWALS) | BIT(H_WITHDRAWALS_ROOT),
             blobs = BIT(H_BLOB_GAS_USED) | BIT(H_EXCESS_BLOB_GAS);
    if (fork_active(rules->london, header))
        required |= BIT(H_BASE_FEE);
    else
        forbidden |= BIT(H_BASE_FEE);
    if (!shanghai)
        forbidden |= withdrawals;
    else if (rules->strict_header || present & withdrawals) /* one with the other */
        required |= withdrawals;
    if (!cancun)
        forbidden |= blobs;
    else if (rules->strict_header || present & blobs)
        required |= blobs;
    enum tracer_status status = fields_require(fields, present, required, err);
    return status ? status : fields_forbid(fields, present, forbidden, "in a block of this height", err);
}

static enum tracer_status check_empty(const char *name, struct hash root, size_t count, struct error *err)
{
    if (hash_equal(root, empty_root) == (count == 0))
        return TRACER_OK;
    char text[HASH_TEXT_SIZE];
    hash_format(root, text);
    return error_set(err, TRACER_E_REPLY, "%s is %s, but there are %zu of them", name, text, count);
}

/* Blob gas is what the blobs of the transactions use (EIP-4844). */
static enum tracer_status check_blobs(const struct evm_header *header, struct error *err)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < header->transaction_count; i++)
        sum += header->transactions[i].blob_count * BLOB_GAS;
    if (sum != header->blob_gas_used)
        return differs_u64(err, "blobGasUsed", header->blob_gas_used, "the transactions' blobs use", sum);
    return TRACER_OK;
}

static enum tracer_status check_header(const struct evm_network *network, struct evm_header *header,
                                       uint64_t present, uint64_t number, struct error *err)
{
    if (header->number != number)
        return differs_u64(err, "number", header->number, "the block asked for is", number);
    if (number > INT64_MAX)
        return error_set(err, TRACER_E_LIMIT, "number: above 2^63");
    enum tracer_status status = check_fork_members(network->rules, header, present, err);
    if (!status)
        status = check_empty("transactionsRoot", header->transactions_root, header->transaction_count, err);
    if (!status)
        status = check_empty("receiptsRoot", header->receipts_root, header->transaction_count, err);
    if (!status && present & BIT(H_WITHDRAWALS_ROOT) && network->rules->deposit_first == EVM_NEVER)
        status = check_empty("withdrawalsRoot", header->withdrawals_root, header->withdrawal_count, err);
    for (size_t i = 0; !status && i < header->transaction_count; i++) {
        status = transaction_check(network, header, &header->transactions[i], i, err);
        if (status)
            error_context(err, "transactions[%zu]", i);
    }
    if (!status && header->has_blobs && network->rules->deposit_first == EVM_NEVER)
        status = check_blobs(header, err);
    return status;
}

enum tracer_status header_decode(const struct evm_network *network, struct json_span text, uint64_t number,
                                 struct arena *arena, struct evm_header *ret_header, struct error *err)
{
    struct decoder decoder;
    struct header_read read = {0};
    uint64_t present;
    decoder_init(&decoder, text, false, arena, err);
    enum tracer_status status = fields_read(&decoder, fields, H_COUNT, &read, &present);
    if (!status)
        status = decoder_finish(&decoder);
    if (status)
        return status;
    status = fields_require(fields, present, ALWAYS, err);
    if (status)
        return status;
    if (read.bloom.length != 512)
        return error_set(err, TRACER_E_REPLY, "logsBloom: DATA of 256 bytes was expected");
    for (size_t i = 0; i < read.bloom.length; i++)
        read.header.has_bloom_bits |= read.bloom.text[i] != '0';
    read.header.has_base_fee = present & BIT(H_BASE_FEE);
    read.header.has_blobs = present & BIT(H_BLOB_GAS_USED);
    status = check_header(network, &read.header, present, number, err);
    if (!status)
        *ret_header = read.header;
    return status;
}

/* ---- the block ---- */

void evm_notes_add(struct evm_notes *sum, const struct evm_notes *notes)
{
    if (sum->unknown_type_count == 0)
        sum->unknown_type = notes->unknown_type;
    sum->unknown_type_count += notes->unknown_type_count;
    sum->status_unknown += notes->status_unknown;
    sum->uncle_rewards += notes->uncle_rewards;
    sum->trace_gaps += notes->trace_gaps;
    sum->unknown_frames += notes->unknown_frames;
    sum->operator_fees += notes->operator_fees;
    sum->unlinked += notes->unlinked;
    sum->irregular |= notes->irregular;
}

/* What a block decodes from and into. */
struct work {
    const struct evm_network *network;
    struct evm_header header;
    struct evm_receipt *receipts;
    struct trace_reader *traces;
    struct rows rows;
    struct transaction *transactions;
    struct evm_notes notes;
    bool placed, split; /* traces that say where logs stand, and that do not */
    struct error *err;
};

static enum transaction_status outcome_of(struct work *work, const struct evm_receipt *receipt,
                                          const struct evm_transaction *transaction,
                                          const struct trace_of *trace)
{
    if (receipt->outcome != TRANSACTION_STATUS_UNKNOWN)
        return receipt->outcome;
    if (trace->known)
        return trace->failed ? TRANSACTION_FAILED : TRANSACTION_SUCCEEDED;
    /* Before Byzantium every failure used up all gas and left no log. */
    if (receipt->log_count > 0 || receipt->gas_used < transaction->gas)
        return TRANSACTION_SUCCEEDED;
    work->notes.status_unknown++;
    return TRANSACTION_STATUS_UNKNOWN;
}

static void note_transaction(struct work *work, const struct evm_transaction *transaction,
                             const struct trace_of *trace)
{
    if (!transaction->known) {
        if (work->notes.unknown_type_count == 0)
            work->notes.unknown_type = transaction->type;
        work->notes.unknown_type_count++;
        work->rows.undecoded_count++;
    }
    work->placed |= trace->logs == TRACE_LOGS_PLACED;
    work->split |= trace->logs == TRACE_LOGS_SPLIT;
}

static enum tracer_status decode_transaction(struct work *work, size_t index)
{
    const struct evm_transaction *transaction = &work->header.transactions[index];
    struct evm_receipt *receipt = &work->receipts[index];
    struct trace_of trace = {0};
    enum tracer_status status = TRACER_OK;

    if (work->traces) {
        status = trace_next(work->traces, &trace, work->err);
        if (status)
            return status;
    }
    receipt->outcome = outcome_of(work, receipt, transaction, &trace);
    if (receipt->outcome == TRANSACTION_FAILED && receipt->log_count > 0)
        return error_set(work->err, TRACER_E_REPLY, "error: the trace failed, but the receipt has %zu logs",
                         receipt->log_count);
    note_transaction(work, transaction, &trace);
    work->transactions[index] = (struct transaction){
        .transaction_index = (int32_t)index,
        .hash = transaction->hash,
        .sender = transaction->from,
        .nonce = transaction->nonce,
        .status = receipt->outcome,
        .grade = GRADE_ASSERTED,
    };
    rows_begin(&work->rows, (int32_t)index);
    size_t first = work->rows.count;
    status = rows_of_fees(&work->rows, work->network, &work->header, transaction, receipt, &work->notes);
    if (!status)
        status = rows_of_transaction(&work->rows, work->network, transaction, receipt, &trace);
    if (!status && work->network->links)
        status = rows_link(&work->rows, first, work->network, receipt, &work->notes);
    return status;
}

static enum tracer_status decode_transactions(struct work *work)
{
    for (size_t i = 0; i < work->header.transaction_count; i++) {
        enum tracer_status status = decode_transaction(work, i);
        if (status) {
            error_context(work->err, "transaction %zu", i);
            return status;
        }
        if (work->placed && work->split)
            return error_set(work->err, TRACER_E_REPLY,
                             "traces: only some transactions say where their logs stand");
    }
    return TRACER_OK;
}

static enum tracer_status decode_end(struct work *work)
{
    const struct trace_reward *rewards = NULL;
    size_t reward_count = 0;
    bool stated = false;
    if (work->traces) {
        enum tracer_status status = trace_close(work->traces, &rewards, &reward_count, work->err);
        if (status) {
            error_context(work->err, "traces");
            return status;
        }
        stated = reward_count > 0;
    }
    rows_begin(&work->rows, TRANSACTION_AFTER);
    return rows_of_block_end(&work->rows, work->network, &work->header, rewards, reward_count, stated,
                             &work->notes);
}

static void fill_block(const struct work *work, struct block *to)
{
    const struct evm_header *header = &work->header;
    *to = (struct block){
        .chain_id = work->network->chain_id,
        .number = header->number,
        .hash = header->hash,
        .parent_hash = header->parent_hash,
        .state_root = header->state_root,
        .transactions_root = header->transactions_root,
        .receipts_root = header->receipts_root,
        .time = header->time,
        .grade = GRADE_ASSERTED,
        .internals = !work->traces            ? INTERNALS_NONE
                     : work->notes.trace_gaps ? INTERNALS_SOME
                                              : INTERNALS_ALL,
        .order = work->traces && !work->split ? ORDER_EXACT : ORDER_SPLIT,
        .undecoded_count = work->rows.undecoded_count,
        .transactions = work->transactions,
        .transaction_count = header->transaction_count,
        .transfers = work->rows.items,
        .transfer_count = work->rows.count,
    };
}

static enum tracer_status decode_parts(struct work *work, const struct evm_replies *replies,
                                       struct arena *arena)
{
    enum tracer_status status =
        header_decode(work->network, replies->block, replies->number, arena, &work->header, work->err);
    if (status) {
        error_context(work->err, "block");
        return status;
    }
    status = receipts_decode(work->network, &work->header, replies, arena, &work->receipts, work->err);
    if (status) {
        error_context(work->err, "receipts");
        return status;
    }
    if (replies->traces_kind != EVM_TRACES_NONE) {
        status = trace_open(work->network, &work->header, work->receipts, replies, arena, &work->notes,
                            &work->traces, work->err);
        if (status) {
            error_context(work->err, "traces");
            return status;
        }
    }
    work->transactions = arena_calloc(arena, work->header.transaction_count, sizeof *work->transactions);
    if (!work->transactions)
        return no_memory(work->err);
    work->rows =
        (struct rows){.arena = arena, .err = work->err, .next = {.block_number = work->header.number}};
    status = decode_transactions(work);
    return status ? status : decode_end(work);
}

enum tracer_status evm_decode_block(const struct evm_network *network, const struct evm_replies *replies,
                                    struct arena *arena, struct block *ret_block, struct evm_notes *ret_notes,
                                    struct error *err)
{
    struct error ignored;
    struct work work = {.network = network, .err = err ? err : &ignored};
    enum tracer_status status = decode_parts(&work, replies, arena);
    if (status)
        return status;
    work.notes.irregular = work.header.number == network->rules->irregular_number;
    fill_block(&work, ret_block);
    *ret_notes = work.notes;
    return TRACER_OK;
}
