/* receipt.c - receipts and their logs, compared with the block and with each other (facts: ethereum-rpc 4).
 */
#include "decode.h"

#include <inttypes.h>
#include <string.h>

enum {
    R_TRANSACTION_HASH,
    R_TRANSACTION_INDEX,
    R_BLOCK_HASH,
    R_BLOCK_NUMBER,
    R_FROM,
    R_TO,
    R_TYPE,
    R_STATUS,
    R_CUMULATIVE_GAS_USED,
    R_GAS_USED,
    R_EFFECTIVE_GAS_PRICE,
    R_CONTRACT_ADDRESS,
    R_BLOOM,
    R_LOGS,
    R_ROOT,
    R_BLOB_GAS_USED,
    R_BLOB_GAS_PRICE,
    R_PAYER,
    R_L1_FEE,
    R_OPERATOR_SCALAR,
    R_OPERATOR_CONSTANT,
    R_DEPOSIT_NONCE,
    R_DEPOSIT_VERSION,
    R_COUNT
};

static enum tracer_status read_logs(struct decoder *decoder, void *object);

#define R(name, kind, member) FIELD(name, kind, struct evm_receipt, member)
#define R_OR_NULL(name, kind, member) FIELD_OR_NULL(name, kind, struct evm_receipt, member)

static const struct field fields[R_COUNT] = {
    [R_TRANSACTION_HASH] = R("transactionHash", FIELD_HASH, transaction_hash),
    [R_TRANSACTION_INDEX] = R("transactionIndex", FIELD_U64, transaction_index),
    [R_BLOCK_HASH] = R("blockHash", FIELD_HASH, block_hash),
    [R_BLOCK_NUMBER] = R("blockNumber", FIELD_U64, block_number),
    [R_FROM] = R("from", FIELD_ADDRESS, from),
    [R_TO] = R_OR_NULL("to", FIELD_ADDRESS, to),
    [R_TYPE] = R_OR_NULL("type", FIELD_U64, type),
    [R_STATUS] = R_OR_NULL("status", FIELD_U64, status),
    [R_CUMULATIVE_GAS_USED] = R("cumulativeGasUsed", FIELD_U64, cumulative_gas_used),
    [R_GAS_USED] = R("gasUsed", FIELD_U64, gas_used),
    [R_EFFECTIVE_GAS_PRICE] = R_OR_NULL("effectiveGasPrice", FIELD_U256, price),
    [R_CONTRACT_ADDRESS] = R_OR_NULL("contractAddress", FIELD_ADDRESS, contract),
    [R_BLOOM] = R_OR_NULL("logsBloom", FIELD_DATA, bloom),
    [R_LOGS] = FIELD_BY("logs", read_logs),
    [R_ROOT] = R_OR_NULL("root", FIELD_HASH, root),
    [R_BLOB_GAS_USED] = R_OR_NULL("blobGasUsed", FIELD_U64, blob_gas_used),
    [R_BLOB_GAS_PRICE] = R_OR_NULL("blobGasPrice", FIELD_U256, blob_price),
    [R_PAYER] = R_OR_NULL("payer", FIELD_ADDRESS, payer),
    [R_L1_FEE] = R_OR_NULL("l1Fee", FIELD_U256, l1_fee),
    [R_OPERATOR_SCALAR] = R_OR_NULL("operatorFeeScalar", FIELD_U256, operator_scalar),
    [R_OPERATOR_CONSTANT] = R_OR_NULL("operatorFeeConstant", FIELD_U256, operator_constant),
    [R_DEPOSIT_NONCE] = R_OR_NULL("depositNonce", FIELD_U64, deposit_nonce),
    [R_DEPOSIT_VERSION] = R_OR_NULL("depositReceiptVersion", FIELD_U64, deposit_version),
};

#define BIT(name) FIELD_BIT(name)
#define ALWAYS                                                                                               \
    (BIT(R_TRANSACTION_HASH) | BIT(R_TRANSACTION_INDEX) | BIT(R_BLOCK_HASH) | BIT(R_BLOCK_NUMBER) |          \
     BIT(R_FROM) | BIT(R_CUMULATIVE_GAS_USED) | BIT(R_GAS_USED) | BIT(R_LOGS))

/* ---- logs ---- */

enum {
    L_ADDRESS,
    L_TOPICS,
    L_DATA,
    L_BLOCK_NUMBER,
    L_TRANSACTION_HASH,
    L_TRANSACTION_INDEX,
    L_BLOCK_HASH,
    L_INDEX,
    L_REMOVED,
    L_COUNT
};

static const struct field log_fields[L_COUNT] = {
    [L_ADDRESS] = FIELD("address", FIELD_ADDRESS, struct evm_log, address),
    [L_TOPICS] = FIELD_BY("topics", log_topics_read),
    [L_DATA] = FIELD("data", FIELD_DATA, struct evm_log, data),
    [L_BLOCK_NUMBER] = FIELD("blockNumber", FIELD_U64, struct evm_log, block_number),
    [L_TRANSACTION_HASH] = FIELD("transactionHash", FIELD_HASH, struct evm_log, transaction_hash),
    [L_TRANSACTION_INDEX] = FIELD("transactionIndex", FIELD_U64, struct evm_log, transaction_index),
    [L_BLOCK_HASH] = FIELD("blockHash", FIELD_HASH, struct evm_log, block_hash),
    [L_INDEX] = FIELD("logIndex", FIELD_U64, struct evm_log, index),
    [L_REMOVED] = FIELD_OR_NULL("removed", FIELD_BOOL, struct evm_log, removed),
};

enum tracer_status log_topics_read(struct decoder *decoder, void *object)
{
    static const struct field topic = {"topics", 6, FIELD_HASH, false, 0, 0, NULL};
    struct evm_log *log = object;
    if (!json_enter_array(&decoder->reader))
        return decoder_check(decoder);
    while (json_next_element(&decoder->reader)) {
        bool null;
        if (log->topic_count == 4)
            return error_set(decoder->err, TRACER_E_REPLY, "topics: more than four");
        enum tracer_status status = field_read(decoder, &topic, &log->topics[log->topic_count], &null);
        if (status)
            return status;
        log->topic_count++;
    }
    return decoder_check(decoder);
}

static enum tracer_status read_logs(struct decoder *decoder, void *object)
{
    struct evm_receipt *receipt = object;
    size_t capacity = 0;
    if (!json_enter_array(&decoder->reader))
        return decoder_check(decoder);
    while (json_next_element(&decoder->reader)) {
        if (receipt->log_count == TRACER_BLOCK_LOGS_MAX)
            return error_set(decoder->err, TRACER_E_LIMIT, "more than %u logs", TRACER_BLOCK_LOGS_MAX);
        receipt->logs =
            array_grow(decoder->arena, receipt->logs, receipt->log_count, &capacity, sizeof *receipt->logs);
        if (!receipt->logs)
            return no_memory(decoder->err);
        struct evm_log *log = &receipt->logs[receipt->log_count];
        memset(log, 0, sizeof *log);
        enum tracer_status status = fields_read(decoder, log_fields, L_COUNT, log, &log->present);
        if (!status)
            status = fields_require(log_fields, log->present, FIELD_BIT(L_COUNT) - 1 - BIT(L_REMOVED),
                                    decoder->err);
        if (status) {
            error_context(decoder->err, "logs[%zu]", receipt->log_count);
            return status;
        }
        receipt->log_count++;
    }
    return decoder_check(decoder);
}

/* Without the roots, a bloom at least tells some logs from none. */
static enum tracer_status check_bloom(const struct evm_receipt *receipt, struct error *err)
{
    if (!(receipt->present & BIT(R_BLOOM)))
        return TRACER_OK;
    if (receipt->bloom.length != 512)
        return error_set(err, TRACER_E_REPLY, "logsBloom: DATA of 256 bytes was expected");
    bool bits = false;
    for (size_t i = 0; i < receipt->bloom.length; i++)
        bits |= receipt->bloom.text[i] != '0';
    if (bits != (receipt->log_count > 0))
        return error_set(err, TRACER_E_REPLY, "logsBloom is %s, but there are %zu logs",
                         bits ? "not zero" : "zero", receipt->log_count);
    return TRACER_OK;
}

/* `index` counts the logs of the block. */
static enum tracer_status check_log(const struct evm_log *log, const struct evm_receipt *receipt,
                                    uint64_t index, struct error *err)
{
    if (log->index != index)
        return differs_u64(err, "logIndex", log->index, "the logs before it give", index);
    if (!hash_equal(log->transaction_hash, receipt->transaction_hash))
        return differs_hash(err, "transactionHash", log->transaction_hash, "the receipt's is",
                            receipt->transaction_hash);
    if (!hash_equal(log->block_hash, receipt->block_hash))
        return differs_hash(err, "blockHash", log->block_hash, "the receipt's is", receipt->block_hash);
    if (log->block_number != receipt->block_number)
        return differs_u64(err, "blockNumber", log->block_number, "the receipt's is", receipt->block_number);
    if (log->transaction_index != receipt->transaction_index)
        return differs_u64(err, "transactionIndex", log->transaction_index, "the receipt's is",
                           receipt->transaction_index);
    if (log->removed)
        return error_set(err, TRACER_E_REPLY, "removed is true, but the block is not");
    return TRACER_OK;
}

/* ---- one receipt ---- */

static enum tracer_status read_receipt(struct decoder *decoder, struct evm_receipt *ret_receipt)
{
    memset(ret_receipt, 0, sizeof *ret_receipt);
    if (json_peek(&decoder->reader) == JSON_IS_NULL)
        return error_set(decoder->err, TRACER_E_REPLY, "null instead of a receipt");
    enum tracer_status status = fields_read(decoder, fields, R_COUNT, ret_receipt, &ret_receipt->present);
    if (!status)
        status = fields_require(fields, ret_receipt->present, ALWAYS, decoder->err);
    if (status)
        return status;
    uint64_t present = ret_receipt->present, operator_fee = BIT(R_OPERATOR_SCALAR) | BIT(R_OPERATOR_CONSTANT);
    ret_receipt->has_price = present & BIT(R_EFFECTIVE_GAS_PRICE);
    ret_receipt->has_contract = present & BIT(R_CONTRACT_ADDRESS);
    ret_receipt->has_blob_gas_used = present & BIT(R_BLOB_GAS_USED);
    ret_receipt->has_blob_price = present & BIT(R_BLOB_GAS_PRICE);
    ret_receipt->has_deposit_nonce = present & BIT(R_DEPOSIT_NONCE);
    ret_receipt->has_deposit_version = present & BIT(R_DEPOSIT_VERSION);
    ret_receipt->has_operator_fee = present & operator_fee && !(u256_is_zero(ret_receipt->operator_scalar) &&
                                                                u256_is_zero(ret_receipt->operator_constant));
    return TRACER_OK;
}

/* Status and root: one before Byzantium, the other from it on (EIP-658). Nothing covers the other, and nothing is taken from it. */
static enum tracer_status check_outcome(const struct evm_rules *rules, const struct evm_header *header,
                                        struct evm_receipt *receipt, struct error *err)
{
    bool byzantium = fork_active(rules->byzantium, header);
    enum tracer_status status = fields_require(fields, receipt->present, byzantium ? BIT(R_STATUS) : BIT(R_ROOT), err);
    if (status)
        return status;
    if (receipt->status > 1)
        return error_set(err, TRACER_E_REPLY, "status: 0x0 or 0x1 was expected: %" PRIu64, receipt->status);
    receipt->outcome = !byzantium        ? TRANSACTION_STATUS_UNKNOWN
                       : receipt->status ? TRANSACTION_SUCCEEDED
                                         : TRANSACTION_FAILED;
    if (receipt->outcome == TRANSACTION_FAILED && receipt->log_count > 0)
        return error_set(err, TRACER_E_REPLY, "status is 0x0, but there are %zu logs", receipt->log_count);
    return TRACER_OK;
}

static enum tracer_status check_parties(const struct evm_transaction *transaction,
                                        const struct evm_receipt *receipt, struct error *err)
{
    bool has_to = receipt->present & BIT(R_TO);
    if (!address_equal(receipt->from, transaction->from))
        return differs_address(err, "from", receipt->from, "the transaction's is", transaction->from);
    if (has_to == transaction->creates)
        return error_set(err, TRACER_E_REPLY, "to is %s, but the transaction's is %s",
                         has_to ? "there" : "null", has_to ? "null" : "there");
    if (has_to && !address_equal(receipt->to, transaction->to))
        return differs_address(err, "to", receipt->to, "the transaction's is", transaction->to);
    if (receipt->has_contract && !transaction->creates && !address_is_void(receipt->contract))
        return error_set(err, TRACER_E_REPLY, "contractAddress is there, but the transaction creates none");
    if (transaction->creates && !receipt->has_contract && receipt->outcome == TRANSACTION_SUCCEEDED)
        return error_set(err, TRACER_E_REPLY, "contractAddress: missing");
    if (receipt->present & BIT(R_TYPE) && receipt->type != transaction->type)
        return differs_u64(err, "type", receipt->type, "the transaction's is", transaction->type);
    if (transaction->type == TYPE_SPONSORED && transaction->known && receipt->present & BIT(R_PAYER) &&
        !address_equal(receipt->payer, transaction->payer))
        return differs_address(err, "payer", receipt->payer, "the transaction's is", transaction->payer);
    return TRACER_OK;
}

static enum tracer_status check_gas(const struct evm_receipt *receipt,
                                    const struct evm_transaction *transaction, uint64_t gas_before,
                                    struct error *err)
{
    if (receipt->cumulative_gas_used < gas_before ||
        receipt->cumulative_gas_used - gas_before != receipt->gas_used)
        return error_set(err, TRACER_E_REPLY,
                         "cumulativeGasUsed is %" PRIu64 ", but gasUsed is %" PRIu64 " after %" PRIu64,
                         receipt->cumulative_gas_used, receipt->gas_used, gas_before);
    if (receipt->gas_used > transaction->gas && transaction->known)
        return differs_u64(err, "gasUsed", receipt->gas_used, "the transaction's gas is", transaction->gas);
    return TRACER_OK;
}

/* Prices are derived from what was signed; what is stated must agree. */
static enum tracer_status check_price(const struct evm_header *header,
                                      const struct evm_transaction *transaction, struct evm_receipt *receipt,
                                      struct error *err)
{
    struct u256 price;
    if (!transaction->known) {
        if (!receipt->has_price)
            receipt->price = transaction->gas_price;
        return TRACER_OK;
    }
    enum tracer_status status = transaction_gas_price(header, transaction, &price, err);
    if (status)
        return status;
    if (receipt->has_price && !u256_equal(receipt->price, price))
        return differs_u256(err, "effectiveGasPrice", receipt->price, "the transaction's fee members give",
                            price);
    receipt->price = price;
    uint64_t blob_gas = transaction->blob_hashes.count * BLOB_GAS;
    if (transaction->type == TYPE_BLOB && receipt->has_blob_gas_used && receipt->blob_gas_used != blob_gas)
        return differs_u64(err, "blobGasUsed", receipt->blob_gas_used, "the transaction's blobs use",
                           blob_gas);
    return TRACER_OK;
}

static enum tracer_status check_place(const struct evm_header *header,
                                      const struct evm_transaction *transaction,
                                      const struct evm_receipt *receipt, size_t index, struct error *err)
{
    if (!hash_equal(receipt->block_hash, header->hash))
        return differs_hash(err, "blockHash", receipt->block_hash, "the block's is", header->hash);
    if (receipt->block_number != header->number)
        return differs_u64(err, "blockNumber", receipt->block_number, "the block's is", header->number);
    if (receipt->transaction_index != index)
        return differs_u64(err, "transactionIndex", receipt->transaction_index, "its place is", index);
    if (!hash_equal(receipt->transaction_hash, transaction->hash))
        return differs_hash(err, "transactionHash", receipt->transaction_hash, "the transaction's is",
                            transaction->hash);
    return TRACER_OK;
}

/* ---- all of them ---- */

struct sums {
    uint64_t gas;
    uint64_t log_count;
};

static enum tracer_status check_receipt(const struct evm_network *network, const struct evm_header *header,
                                        struct evm_receipt *receipt, size_t index, struct sums *sums,
                                        struct error *err)
{
    const struct evm_transaction *transaction = &header->transactions[index];
    enum tracer_status status = check_place(header, transaction, receipt, index, err);
    if (!status)
        status = check_outcome(network->rules, header, receipt, err);
    if (!status)
        status = check_parties(transaction, receipt, err);
    if (!status && transaction->creates && !receipt->has_contract &&
        !contract_address(transaction->from, transaction->nonce, &receipt->contract))
        status = no_memory(err);
    if (!status)
        status = check_gas(receipt, transaction, sums->gas, err);
    if (!status)
        status = check_price(header, transaction, receipt, err);
    if (!status)
        status = check_bloom(receipt, err);
    for (size_t i = 0; !status && i < receipt->log_count; i++) {
        status = check_log(&receipt->logs[i], receipt, sums->log_count + i, err);
        if (status)
            error_context(err, "logs[%zu]", i);
    }
    sums->gas = receipt->cumulative_gas_used;
    sums->log_count += receipt->log_count;
    if (!status && sums->log_count > TRACER_BLOCK_LOGS_MAX)
        return error_set(err, TRACER_E_LIMIT, "more than %u logs", TRACER_BLOCK_LOGS_MAX);
    return status;
}

static enum tracer_status count_differs(const struct evm_header *header, size_t count, struct error *err)
{
    return error_set(err, TRACER_E_REPLY, "%zu receipts for %zu transactions", count,
                     header->transaction_count);
}

static enum tracer_status read_array(const struct evm_header *header, struct json_span text,
                                     struct arena *arena, struct evm_receipt *receipts, struct error *err)
{
    struct decoder decoder;
    size_t count = 0;
    decoder_init(&decoder, text, false, arena, err);
    if (!json_enter_array(&decoder.reader))
        return decoder_check(&decoder);
    while (json_next_element(&decoder.reader)) {
        if (count == header->transaction_count)
            return error_set(err, TRACER_E_REPLY, "more receipts than the %zu transactions",
                             header->transaction_count);
        enum tracer_status status = read_receipt(&decoder, &receipts[count]);
        if (status) {
            error_context(err, "[%zu]", count);
            return status;
        }
        count++;
    }
    enum tracer_status status = decoder_finish(&decoder);
    if (!status && count != header->transaction_count)
        status = count_differs(header, count, err);
    return status;
}

static enum tracer_status read_apart(const struct evm_header *header, const struct evm_replies *replies,
                                     struct arena *arena, struct evm_receipt *receipts, struct error *err)
{
    if (replies->receipt_count != header->transaction_count)
        return count_differs(header, replies->receipt_count, err);
    for (size_t i = 0; i < replies->receipt_count; i++) {
        struct decoder decoder;
        decoder_init(&decoder, replies->receipts[i], false, arena, err);
        enum tracer_status status = read_receipt(&decoder, &receipts[i]);
        if (!status)
            status = decoder_finish(&decoder);
        if (status) {
            error_context(err, "[%zu]", i);
            return status;
        }
    }
    return TRACER_OK;
}

enum tracer_status receipts_decode(const struct evm_network *network, const struct evm_header *header,
                                   const struct evm_replies *replies, struct arena *arena,
                                   struct evm_receipt **ret_receipts, struct error *err)
{
    struct evm_receipt *receipts = arena_calloc(arena, header->transaction_count, sizeof *receipts);
    struct sums sums = {0};
    if (!receipts)
        return no_memory(err);
    enum tracer_status status = replies->receipts_apart
                                    ? read_apart(header, replies, arena, receipts, err)
                                    : read_array(header, replies->receipts[0], arena, receipts, err);
    for (size_t i = 0; !status && i < header->transaction_count; i++) {
        status = check_receipt(network, header, &receipts[i], i, &sums, err);
        if (status)
            error_context(err, "[%zu]", i);
    }
    if (status)
        return status;
    if (sums.gas != header->gas_used)
        return differs_u64(err, "the last cumulativeGasUsed", sums.gas, "the block's gasUsed is",
                           header->gas_used);
    if (!header->has_bloom_bits && sums.log_count > 0)
        return error_set(err, TRACER_E_REPLY, "%" PRIu64 " logs, but the block's logsBloom is zero",
                         sums.log_count);
    if (header->has_bloom_bits && sums.log_count == 0)
        return error_set(err, TRACER_E_REPLY, "no logs, but the block's logsBloom is not zero");
    *ret_receipts = receipts;
    return TRACER_OK;
}
