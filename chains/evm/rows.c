/* rows.c - rows of a block in the order of taint-spec 2.3: fees, value, then what happened inside. */
#include "decode.h"

#include <inttypes.h>

#define WEI_PER_GWEI 1000000000u
#define NEPHEW_DIVISOR 32u /* a block's miner gets 1/32 of the block reward for each uncle it includes */

static const struct address nobody = {{0}};
static const struct asset native = {.kind = ASSET_NATIVE};

void rows_begin(struct rows *rows, int32_t transaction_index)
{
    rows->next.transaction_index = transaction_index;
    rows->next.index = 0;
}

enum tracer_status rows_add(struct rows *rows, enum transfer_kind kind, const struct asset *asset,
                            struct address from, struct address to, struct u256 amount, uint32_t log_index)
{
    if (rows->count == TRACER_BLOCK_TRANSFERS_MAX)
        return error_set(rows->err, TRACER_E_LIMIT, "more than %u transfers in a block",
                         TRACER_BLOCK_TRANSFERS_MAX);
    rows->items = array_grow(rows->arena, rows->items, rows->count, &rows->capacity, sizeof *rows->items);
    if (!rows->items)
        return no_memory(rows->err);
    rows->items[rows->count++] = (struct transfer){
        .position = rows->next,
        .kind = kind,
        .asset = *asset,
        .from = from,
        .to = to,
        .amount = amount,
        .log_index = log_index,
    };
    rows->next.index++;
    return TRACER_OK;
}

enum tracer_status rows_native(struct rows *rows, enum transfer_kind kind, struct address from,
                               struct address to, struct u256 amount)
{
    if (u256_is_zero(amount))
        return TRACER_OK;
    return rows_add(rows, kind, &native, from, to, amount, LOG_INDEX_NONE);
}

/* ---- fees ---- */

/* `units` at `price` each. */
static enum tracer_status fee_row(struct rows *rows, struct address from, struct address to, uint64_t units,
                                  struct u256 price)
{
    struct u512 product = u256_mul(u256_from_u64(units), price);
    if ((product.limb[4] | product.limb[5] | product.limb[6] | product.limb[7]) != 0)
        return error_set(rows->err, TRACER_E_REPLY, "a fee of more than 2^256");
    if (address_equal(from, to))
        return TRACER_OK;
    return rows_native(rows, TRANSFER_FEE, from, to,
                       (struct u256){{product.limb[0], product.limb[1], product.limb[2], product.limb[3]}});
}

struct address base_fee_recipient(const struct evm_rules *rules, uint64_t number)
{
    struct address to = nobody;
    for (size_t i = 0; i < rules->base_fee_count && rules->base_fee[i].first_number <= number; i++)
        to = rules->base_fee[i].to;
    return to;
}

/* fake_exponential of EIP-4844: the price of blob gas from the excess. False: above 2^256. */
static bool blob_price(uint64_t excess, uint64_t fraction, struct u256 *ret_price)
{
    struct u256 sum = {{0}}, term = u256_from_u64(fraction), unused;
    for (uint64_t i = 1; !u256_is_zero(term); i++) {
        if (!u256_add(sum, term, &sum))
            return false;
        struct u512 wide = u256_mul(u256_from_u64(fraction), u256_from_u64(i));
        struct u256 divisor = {{wide.limb[0], wide.limb[1], wide.limb[2], wide.limb[3]}};
        if (!u256_mul_div(term, u256_from_u64(excess), divisor, &term))
            return false;
    }
    return u512_div(u256_mul(sum, u256_from_u64(1)), u256_from_u64(fraction), ret_price, &unused);
}

static uint64_t blob_fraction(const struct evm_rules *rules, uint64_t time)
{
    uint64_t fraction = 0;
    for (size_t i = 0; i < rules->blob_count && rules->blobs[i].first_time <= time; i++)
        fraction = rules->blobs[i].update_fraction;
    return fraction;
}

bool blob_price_is_stated(const struct evm_rules *rules, const struct evm_header *header, const struct evm_transaction *transaction)
{
    return transaction->known && transaction->type == TYPE_BLOB && !(header->has_blobs && blob_fraction(rules, header->time));
}

/* The price a blob's gas had: derived where the schedule is known, stated else. */
static enum tracer_status blob_price_of(const struct rows *rows, const struct evm_rules *rules,
                                        const struct evm_header *header, const struct evm_receipt *receipt,
                                        struct u256 *ret_price)
{
    uint64_t fraction = header->has_blobs ? blob_fraction(rules, header->time) : 0;
    if (fraction == 0) {
        if (!receipt->has_blob_price)
            return error_set(rows->err, TRACER_E_REPLY, "blobGasPrice: missing");
        *ret_price = receipt->blob_price;
        return TRACER_OK;
    }
    if (!blob_price(header->excess_blob_gas, fraction, ret_price))
        return error_set(rows->err, TRACER_E_REPLY, "excessBlobGas: too large: %" PRIu64,
                         header->excess_blob_gas);
    if (receipt->has_blob_price && !u256_equal(receipt->blob_price, *ret_price))
        return differs_u256(rows->err, "blobGasPrice", receipt->blob_price, "the block's excessBlobGas gives",
                            *ret_price);
    return TRACER_OK;
}

static enum tracer_status blob_fee(struct rows *rows, const struct evm_rules *rules,
                                   const struct evm_header *header, const struct evm_transaction *transaction,
                                   const struct evm_receipt *receipt, struct address payer)
{
    struct u256 price;
    if (transaction->type != TYPE_BLOB || receipt->leaves_out_blob_fee)
        return TRACER_OK;
    enum tracer_status status = blob_price_of(rows, rules, header, receipt, &price);
    if (status)
        return status;
    return fee_row(rows, payer, base_fee_recipient(rules, header->number),
                   transaction->blob_hashes.count * BLOB_GAS, price);
}

/* Fees that the settlement layer's costs add (OP Stack). */
static enum tracer_status settlement_fee(struct rows *rows, const struct evm_rules *rules,
                                         const struct evm_receipt *receipt, struct address payer,
                                         struct evm_notes *notes)
{
    if (address_is_void(rules->l1_fee_to))
        return TRACER_OK;
    if (receipt->has_operator_fee)
        notes->operator_fees++;
    return fee_row(rows, payer, rules->l1_fee_to, 1, receipt->l1_fee);
}

enum tracer_status rows_of_fees(struct rows *rows, const struct evm_network *network,
                                const struct evm_header *header, const struct evm_transaction *transaction,
                                const struct evm_receipt *receipt, struct evm_notes *notes)
{
    const struct evm_rules *rules = network->rules;
    bool sponsored = transaction->known && transaction->type == TYPE_SPONSORED;
    struct address payer = sponsored ? transaction->payer : transaction->from;
    struct u256 tip;

    if (transaction->known && transaction->type == TYPE_DEPOSIT)
        return TRACER_OK;
    if (u256_is_zero(receipt->price) && (rules->zero_price || !transaction->known))
        return TRACER_OK;
    if (!u256_sub(receipt->price, header->base_fee, &tip)) {
        if (!transaction->known)
            return TRACER_OK; /* counted as not decoded; what it pays is not guessed */
        return differs_u256(rows->err, "the gas price", receipt->price, "the base fee is", header->base_fee);
    }
    enum tracer_status status =
        fee_row(rows, payer, base_fee_recipient(rules, header->number), receipt->gas_used, header->base_fee);
    if (!status)
        status = blob_fee(rows, rules, header, transaction, receipt, payer);
    if (!status)
        status = fee_row(rows, payer, header->miner, receipt->gas_used, tip);
    if (!status)
        status = settlement_fee(rows, rules, receipt, payer, notes);
    return status;
}

/* ---- what moved ---- */

static enum tracer_status rows_of_logs(struct rows *rows, const struct evm_network *network,
                                       const struct evm_receipt *receipt)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; !status && i < receipt->log_count; i++)
        status = rows_of_log(rows, network, receipt, i);
    return status;
}

/* Moves and, if the trace has their places, logs. */
static enum tracer_status rows_of_steps(struct rows *rows, const struct evm_network *network,
                                        const struct evm_receipt *receipt, const struct trace_of *trace)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; !status && i < trace->step_count; i++) {
        const struct trace_step *step = &trace->steps[i];
        if (step->is_log)
            status = rows_of_log(rows, network, receipt, step->log);
        else
            status = rows_native(rows, TRANSFER_INTERNAL, step->from, step->to, step->value);
    }
    return status;
}

enum tracer_status rows_of_transaction(struct rows *rows, const struct evm_network *network,
                                       const struct evm_transaction *transaction,
                                       const struct evm_receipt *receipt, const struct trace_of *trace)
{
    enum tracer_status status = TRACER_OK;
    /* A deposit's mint is created even if its call fails (facts: ronin 6). */
    if (transaction->known && transaction->type == TYPE_DEPOSIT)
        status = rows_native(rows, TRANSFER_REWARD, nobody, transaction->from, transaction->mint);
    if (status || receipt->outcome == TRANSACTION_FAILED)
        return status;
    status = rows_native(rows, TRANSFER_VALUE, transaction->from,
                         transaction->creates ? receipt->contract : transaction->to, transaction->value);
    if (!status && trace->known)
        status = rows_of_steps(rows, network, receipt, trace);
    if (!status && trace->logs != TRACE_LOGS_PLACED)
        status = rows_of_logs(rows, network, receipt);
    return status;
}

/* ---- behind the last transaction ---- */

static uint64_t block_reward(const struct evm_rules *rules, uint64_t number)
{
    uint64_t wei = 0;
    for (size_t i = 0; i < rules->reward_count && rules->rewards[i].first_number <= number; i++)
        wei = rules->rewards[i].wei;
    return wei;
}

/* Rewards as the trace states them; the miner's own is known from the rules too. */
static enum tracer_status stated_rewards(struct rows *rows, const struct evm_rules *rules,
                                         const struct evm_header *header, struct u256 own,
                                         const struct trace_reward *rewards, size_t count)
{
    uint64_t uncles = 0;
    bool is_known = rules->reward_count > 0;
    for (size_t i = 0; i < count; i++) {
        uncles += rewards[i].uncle;
        if (!rewards[i].uncle && is_known && !u256_equal(rewards[i].value, own))
            return differs_u256(rows->err, "the block reward", rewards[i].value, "the rules give", own);
        if (!rewards[i].uncle && is_known && !address_equal(rewards[i].to, header->miner))
            return differs_address(rows->err, "the reward's author", rewards[i].to, "the miner is",
                                   header->miner);
        enum tracer_status status =
            rows_native(rows, TRANSFER_REWARD, nobody, rewards[i].to, rewards[i].value);
        if (status)
            return status;
    }
    if (is_known && count - uncles > 1)
        return error_set(rows->err, TRACER_E_REPLY, "the block reward stands %" PRIu64 " times", (uint64_t)count - uncles);
    if (is_known && count == uncles && !u256_is_zero(own))
        return error_set(rows->err, TRACER_E_REPLY, "the block reward is missing");
    if (uncles != header->uncles.count)
        return differs_u64(rows->err, "the number of uncle rewards", uncles, "the block's uncles are",
                           header->uncles.count);
    return TRACER_OK;
}

static enum tracer_status rows_of_rewards(struct rows *rows, const struct evm_rules *rules,
                                          const struct evm_header *header, const struct trace_reward *rewards,
                                          size_t reward_count, bool stated, struct evm_notes *notes)
{
    uint64_t wei = block_reward(rules, header->number);
    struct u256 own;
    struct u512 nephews = u256_mul(u256_from_u64(wei / NEPHEW_DIVISOR), u256_from_u64(header->uncles.count));
    if (!u256_add(u256_from_u64(wei), (struct u256){{nephews.limb[0], nephews.limb[1], 0, 0}}, &own))
        own = u256_from_u64(wei);
    if (stated)
        return stated_rewards(rows, rules, header, own, rewards, reward_count);
    if (wei == 0)
        return TRACER_OK;
    notes->uncle_rewards += (uint32_t)header->uncles.count;
    return rows_native(rows, TRANSFER_REWARD, nobody, header->miner, own);
}

enum tracer_status rows_of_block_end(struct rows *rows, const struct evm_network *network,
                                     const struct evm_header *header, const struct trace_reward *rewards,
                                     size_t reward_count, bool rewards_stated, struct evm_notes *notes, bool *ret_asserted)
{
    size_t before = rows->count;
    enum tracer_status status =
        rows_of_rewards(rows, network->rules, header, rewards, reward_count, rewards_stated, notes);
    *ret_asserted = rows->count > before; /* no hash covers them; withdrawals have a root */
    for (size_t i = 0; !status && i < header->withdrawal_count; i++) {
        struct u512 wei = u256_mul(u256_from_u64(header->withdrawals[i].gwei), u256_from_u64(WEI_PER_GWEI));
        status = rows_native(rows, TRANSFER_REWARD, nobody, header->withdrawals[i].to,
                             (struct u256){{wei.limb[0], wei.limb[1], 0, 0}});
    }
    return status;
}
