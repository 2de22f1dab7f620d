/* transaction.c - members of a transaction by type (facts: ethereum-rpc 3, ronin 5 and 6). */
#include "decode.h"

#include <inttypes.h>
#include <string.h>

#define T(name, kind, member) FIELD(name, kind, struct evm_transaction, member)
#define T_OR_NULL(name, kind, member) FIELD_OR_NULL(name, kind, struct evm_transaction, member)

const struct field transaction_fields[T_COUNT] = {
    [T_BLOCK_HASH] = T("blockHash", FIELD_HASH, block_hash),
    [T_BLOCK_NUMBER] = T("blockNumber", FIELD_U64, block_number),
    [T_FROM] = T("from", FIELD_ADDRESS, from),
    [T_GAS] = T("gas", FIELD_U64, gas),
    [T_GAS_PRICE] = T_OR_NULL("gasPrice", FIELD_U256, gas_price),
    [T_MAX_FEE] = T_OR_NULL("maxFeePerGas", FIELD_U256, max_fee),
    [T_MAX_PRIORITY_FEE] = T_OR_NULL("maxPriorityFeePerGas", FIELD_U256, max_priority_fee),
    [T_MAX_BLOB_FEE] = T_OR_NULL("maxFeePerBlobGas", FIELD_U256, max_blob_fee),
    [T_HASH] = T("hash", FIELD_HASH, hash),
    [T_INPUT] = T("input", FIELD_DATA, input),
    [T_NONCE] = T("nonce", FIELD_U64, nonce),
    [T_TO] = T_OR_NULL("to", FIELD_ADDRESS, to),
    [T_INDEX] = T("transactionIndex", FIELD_U64, index),
    [T_VALUE] = T("value", FIELD_U256, value),
    [T_TYPE] = T_OR_NULL("type", FIELD_U64, type),
    [T_ACCESS_LIST] = T_OR_NULL("accessList", FIELD_ARRAY, access_list),
    [T_CHAIN_ID] = T_OR_NULL("chainId", FIELD_U64, chain_id),
    [T_BLOB_HASHES] = T_OR_NULL("blobVersionedHashes", FIELD_ARRAY, blob_hashes),
    [T_AUTHORIZATIONS] = T_OR_NULL("authorizationList", FIELD_ARRAY, authorizations),
    [T_V] = T_OR_NULL("v", FIELD_U256, v),
    [T_Y_PARITY] = T_OR_NULL("yParity", FIELD_U256, y_parity),
    [T_R] = T_OR_NULL("r", FIELD_SCALAR, r),
    [T_S] = T_OR_NULL("s", FIELD_SCALAR, s),
    [T_PAYER] = T_OR_NULL("payer", FIELD_ADDRESS, payer),
    [T_EXPIRED_TIME] = T_OR_NULL("expiredTime", FIELD_U256, expired_time),
    [T_PAYER_V] = T_OR_NULL("payerV", FIELD_U256, payer_v),
    [T_PAYER_R] = T_OR_NULL("payerR", FIELD_SCALAR, payer_r),
    [T_PAYER_S] = T_OR_NULL("payerS", FIELD_SCALAR, payer_s),
    [T_MINT] = T_OR_NULL("mint", FIELD_U256, mint),
    [T_SOURCE_HASH] = T_OR_NULL("sourceHash", FIELD_HASH, source_hash),
    [T_IS_SYSTEM] = T_OR_NULL("isSystemTx", FIELD_BOOL, is_system),
};

#define BIT(name) FIELD_BIT(name)
#define FEE_MEMBERS (BIT(T_MAX_FEE) | BIT(T_MAX_PRIORITY_FEE))
#define BLOB_MEMBERS (BIT(T_MAX_BLOB_FEE) | BIT(T_BLOB_HASHES))
#define ALWAYS                                                                                               \
    (BIT(T_BLOCK_HASH) | BIT(T_BLOCK_NUMBER) | BIT(T_FROM) | BIT(T_GAS) | BIT(T_HASH) | BIT(T_INPUT) |       \
     BIT(T_NONCE) | BIT(T_INDEX) | BIT(T_VALUE))

enum tracer_status transaction_read(struct decoder *decoder, struct evm_transaction *ret_transaction)
{
    memset(ret_transaction, 0, sizeof *ret_transaction);
    enum tracer_status status =
        fields_read(decoder, transaction_fields, T_COUNT, ret_transaction, &ret_transaction->present);
    if (!status)
        status = fields_require(transaction_fields, ret_transaction->present, ALWAYS, decoder->err);
    ret_transaction->creates = !(ret_transaction->present & BIT(T_TO));
    return status;
}

/* The members of a type: which must and which may not be there. False: the type is not known. */
static bool type_members(uint64_t type, uint64_t *ret_required, uint64_t *ret_forbidden)
{
    uint64_t all = FEE_MEMBERS | BLOB_MEMBERS | BIT(T_AUTHORIZATIONS) | BIT(T_MINT) | BIT(T_SOURCE_HASH);
    switch (type) {
    case TYPE_LEGACY:
    case TYPE_ACCESS_LIST:
        *ret_required = BIT(T_GAS_PRICE);
        *ret_forbidden = all;
        return true;
    case TYPE_DYNAMIC_FEE:
        *ret_required = FEE_MEMBERS;
        break;
    case TYPE_BLOB:
        *ret_required = FEE_MEMBERS | BLOB_MEMBERS | BIT(T_TO);
        break;
    case TYPE_SET_CODE:
        *ret_required = FEE_MEMBERS | BIT(T_AUTHORIZATIONS) | BIT(T_TO);
        break;
    case TYPE_SPONSORED:
        *ret_required = FEE_MEMBERS | BIT(T_PAYER);
        break;
    case TYPE_DEPOSIT:
        *ret_required = BIT(T_SOURCE_HASH);
        all &= ~BIT(T_MINT);
        break;
    default:
        return false;
    }
    *ret_forbidden = all & ~*ret_required;
    return true;
}

/* Whether blocks at this height may hold the (known) type. */
static bool type_allowed(const struct evm_rules *rules, const struct evm_header *header, uint64_t type)
{
    switch (type) {
    case TYPE_ACCESS_LIST:
        return fork_active(rules->berlin, header);
    case TYPE_DYNAMIC_FEE:
        return fork_active(rules->london, header);
    case TYPE_BLOB:
        return fork_active(rules->cancun, header);
    case TYPE_SET_CODE:
        return fork_active(rules->prague, header);
    case TYPE_SPONSORED:
        return header->number >= rules->sponsored_first && header->number < rules->sponsored_end;
    case TYPE_DEPOSIT:
        return header->number >= rules->deposit_first;
    default:
        return true;
    }
}

static enum tracer_status check_type(const struct evm_rules *rules, const struct evm_header *header,
                                     struct evm_transaction *transaction, struct error *err)
{
    uint64_t required = 0, forbidden = 0;
    transaction->known = type_members(transaction->type, &required, &forbidden);
    /* 0x64 and 0x7E mean something on the chains that have them; elsewhere they are unknown
     * (threat-model 3.4). */
    if ((transaction->type == TYPE_SPONSORED && rules->sponsored_first == EVM_NEVER) ||
        (transaction->type == TYPE_DEPOSIT && rules->deposit_first == EVM_NEVER))
        transaction->known = false;
    if (!transaction->known && fork_active(rules->prague, header)) /* a later fork may have brought it */
        return TRACER_OK;
    if (!transaction->known || !type_allowed(rules, header, transaction->type))
        return error_set(err, TRACER_E_REPLY,
                         "type: 0x%" PRIx64 " does not exist yet, or any more, in block %" PRIu64,
                         transaction->type, header->number);
    enum tracer_status status = fields_require(transaction_fields, transaction->present, required, err);
    if (transaction->blob_hashes.count == 0) /* an empty list says what none says */
        forbidden &= ~BIT(T_BLOB_HASHES);
    if (transaction->authorizations.count == 0)
        forbidden &= ~BIT(T_AUTHORIZATIONS);
    if (!status)
        status = fields_forbid(transaction_fields, transaction->present, forbidden,
                               transaction->present & BIT(T_TYPE) ? "in a transaction of this type"
                                                                  : "in a transaction without a type",
                               err);
    return status;
}

enum tracer_status transaction_check(const struct evm_network *network, const struct evm_header *header,
                                     struct evm_transaction *transaction, size_t index, struct error *err)
{
    if (!hash_equal(transaction->block_hash, header->hash))
        return differs_hash(err, "blockHash", transaction->block_hash, "the block's is", header->hash);
    if (transaction->block_number != header->number)
        return differs_u64(err, "blockNumber", transaction->block_number, "the block's is", header->number);
    if (transaction->index != index)
        return differs_u64(err, "transactionIndex", transaction->index, "its place is", index);
    /* Some nodes state zero for what was signed for no chain. */
    bool for_no_chain = transaction->type == TYPE_LEGACY && !transaction_is_protected(transaction) && transaction->chain_id == 0;
    if (transaction->present & BIT(T_CHAIN_ID) && transaction->chain_id != network->chain_id && !for_no_chain)
        return differs_u64(err, "chainId", transaction->chain_id, "the network's is", network->chain_id);
    enum tracer_status status = check_type(network->rules, header, transaction, err);
    if (status || !transaction_states_gas_price(transaction) || !transaction->known ||
        transaction->type == TYPE_DEPOSIT)
        return status;
    /* Mined transactions of dynamic price show what they paid; some nodes repeat the maximum. */
    struct u256 price;
    status = transaction_gas_price(header, transaction, &price, err);
    if (status)
        return status;
    if (!u256_equal(transaction->gas_price, price) &&
        !u256_equal(transaction->gas_price, transaction->max_fee))
        return differs_u256(err, "gasPrice", transaction->gas_price, "its fee members give", price);
    return TRACER_OK;
}

bool transaction_states_gas_price(const struct evm_transaction *transaction)
{
    return transaction->present & BIT(T_GAS_PRICE);
}

enum tracer_status transaction_gas_price(const struct evm_header *header,
                                         const struct evm_transaction *transaction, struct u256 *ret_price,
                                         struct error *err)
{
    struct u256 sum;
    if (transaction->type == TYPE_DEPOSIT) {
        *ret_price = (struct u256){{0}};
        return TRACER_OK;
    }
    if ((transaction->present & FEE_MEMBERS) != FEE_MEMBERS) {
        *ret_price = transaction->gas_price;
        return TRACER_OK;
    }
    if (u256_compare(transaction->max_priority_fee, transaction->max_fee) > 0)
        return differs_u256(err, "maxPriorityFeePerGas", transaction->max_priority_fee, "maxFeePerGas is",
                            transaction->max_fee);
    /* base_fee is zero where there is none */
    if (!u256_add(header->base_fee, transaction->max_priority_fee, &sum))
        return differs_u256(err, "maxPriorityFeePerGas", transaction->max_priority_fee, "the base fee is",
                            header->base_fee);
    *ret_price = u256_min(sum, transaction->max_fee);
    return TRACER_OK;
}
