/* header.c - a block's header, transactions and withdrawals from its reply, and the hash of its header
 * (facts: transactions 4, ronin 4). */
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
    H_BEACON_ROOT,
    H_REQUESTS_HASH,
    H_ACCESS_LIST_HASH,
    H_SLOT_NUMBER,
    H_TRANSACTIONS,
    H_UNCLES,
    H_COUNT
};

struct header_read {
    struct evm_header header;
    size_t transaction_capacity, withdrawal_capacity;
    bool alone; /* transactions are skipped */
};

static enum tracer_status read_transactions(struct decoder *decoder, void *object);
static enum tracer_status read_withdrawals(struct decoder *decoder, void *object);

#define H(name, kind, member) FIELD(name, kind, struct header_read, header.member)
#define H_OR_NULL(name, kind, member) FIELD_OR_NULL(name, kind, struct header_read, header.member)

static const struct field fields[H_COUNT] = {
    [H_NUMBER] = H("number", FIELD_U64, number),
    [H_HASH] = H("hash", FIELD_HASH, hash),
    [H_PARENT_HASH] = H("parentHash", FIELD_HASH, parent_hash),
    [H_UNCLES_HASH] = H_OR_NULL("sha3Uncles", FIELD_HASH, uncles_hash),
    [H_BLOOM] = FIELD_BYTES("logsBloom", struct header_read, header.bloom),
    [H_TRANSACTIONS_ROOT] = H("transactionsRoot", FIELD_HASH, transactions_root),
    [H_STATE_ROOT] = H("stateRoot", FIELD_HASH, state_root),
    [H_RECEIPTS_ROOT] = H("receiptsRoot", FIELD_HASH, receipts_root),
    [H_MINER] = H("miner", FIELD_ADDRESS, miner),
    [H_DIFFICULTY] = H_OR_NULL("difficulty", FIELD_U256, difficulty),
    [H_EXTRA_DATA] = H_OR_NULL("extraData", FIELD_DATA, extra_data),
    [H_GAS_LIMIT] = H("gasLimit", FIELD_U64, gas_limit),
    [H_GAS_USED] = H("gasUsed", FIELD_U64, gas_used),
    [H_TIMESTAMP] = H("timestamp", FIELD_U64, time),
    [H_MIX_HASH] = H_OR_NULL("mixHash", FIELD_HASH, mix_hash),
    [H_NONCE] = FIELD_BYTES("nonce", struct header_read, header.nonce),
    [H_BASE_FEE] = H_OR_NULL("baseFeePerGas", FIELD_U256, base_fee),
    [H_WITHDRAWALS_ROOT] = H_OR_NULL("withdrawalsRoot", FIELD_HASH, withdrawals_root),
    [H_WITHDRAWALS] = {"withdrawals", 11, FIELD_READ, true, 0, 0, read_withdrawals},
    [H_BLOB_GAS_USED] = H_OR_NULL("blobGasUsed", FIELD_U64, blob_gas_used),
    [H_EXCESS_BLOB_GAS] = H_OR_NULL("excessBlobGas", FIELD_U64, excess_blob_gas),
    [H_BEACON_ROOT] = H_OR_NULL("parentBeaconBlockRoot", FIELD_HASH, beacon_root),
    [H_REQUESTS_HASH] = H_OR_NULL("requestsHash", FIELD_HASH, requests_hash),
    [H_ACCESS_LIST_HASH] = H_OR_NULL("blockAccessListHash", FIELD_HASH, access_list_hash),
    [H_SLOT_NUMBER] = H_OR_NULL("slotNumber", FIELD_U64, slot_number),
    [H_TRANSACTIONS] = FIELD_BY("transactions", read_transactions),
    [H_UNCLES] = H_OR_NULL("uncles", FIELD_ARRAY, uncles),
};

#define BIT(name) FIELD_BIT(name)
#define ALWAYS                                                                                               \
    (BIT(H_NUMBER) | BIT(H_HASH) | BIT(H_PARENT_HASH) | BIT(H_TRANSACTIONS_ROOT) | BIT(H_STATE_ROOT) |       \
     BIT(H_RECEIPTS_ROOT) | BIT(H_MINER) | BIT(H_GAS_USED) | BIT(H_GAS_LIMIT) | BIT(H_TIMESTAMP) |           \
     BIT(H_TRANSACTIONS) | BIT(H_BLOOM))

#define AMSTERDAM (BIT(H_ACCESS_LIST_HASH) | BIT(H_SLOT_NUMBER))

/* The hash of an empty list of uncles, keccak256(rlp([])), and the root of an empty trie (facts: transactions 5). */
const struct hash no_uncles = {{0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5,
                                0x67, 0xb6, 0xcc, 0xd4, 0x1a, 0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a,
                                0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47}};
static const struct hash empty_root = {{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45,
                                        0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c,
                                        0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};

static enum tracer_status read_transactions(struct decoder *decoder, void *object)
{
    struct header_read *read = object;
    struct evm_header *header = &read->header;
    struct json_span skipped;
    if (read->alone) {
        json_skip(&decoder->reader, &skipped);
        return decoder_check(decoder);
    }
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

/* Members that come with a fork. Where a member may be left out, the ones before it in the header may not:
 * else one header could be told in two ways. (Ronin has blob gas without withdrawals, which differ in size.)
 */
static enum tracer_status check_fork_members(const struct evm_rules *rules, const struct evm_header *header,
                                             struct error *err)
{
    uint64_t present = header->present;
    bool shanghai = fork_active(rules->shanghai, header), cancun = fork_active(rules->cancun, header),
         prague = fork_active(rules->prague, header);
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
    if (!cancun)
        forbidden |= BIT(H_BEACON_ROOT);
    else if (rules->strict_header)
        required |= BIT(H_BEACON_ROOT);
    if (present & BIT(H_BEACON_ROOT))
        required |= withdrawals | blobs;
    if (!prague)
        forbidden |= BIT(H_REQUESTS_HASH) | AMSTERDAM;
    else if (rules->strict_header)
        required |= BIT(H_REQUESTS_HASH);
    if (present & BIT(H_REQUESTS_HASH))
        required |= BIT(H_BEACON_ROOT);
    if (present & AMSTERDAM) /* when it begins is not known: both, or none */
        required |= AMSTERDAM | BIT(H_REQUESTS_HASH);
    if (!(present & BIT(H_UNCLES_HASH)) || !hash_equal(header->uncles_hash, no_uncles))
        required |= BIT(H_UNCLES);
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
        sum += header->transactions[i].blob_hashes.count * BLOB_GAS;
    if (sum != header->blob_gas_used)
        return differs_u64(err, "blobGasUsed", header->blob_gas_used, "the transactions' blobs use", sum);
    return TRACER_OK;
}

static enum tracer_status check_header(const struct evm_network *network, struct evm_header *header,
                                       uint64_t number, struct error *err)
{
    if (header->number != number)
        return differs_u64(err, "number", header->number, "the block asked for is", number);
    if (number > INT64_MAX)
        return error_set(err, TRACER_E_LIMIT, "number: above 2^63");
    enum tracer_status status = check_fork_members(network->rules, header, err);
    if (!status)
        status = check_empty("transactionsRoot", header->transactions_root, header->transaction_count, err);
    if (!status)
        status = check_empty("receiptsRoot", header->receipts_root, header->transaction_count, err);
    if (!status && header->has_withdrawals && network->rules->deposit_first == EVM_NEVER)
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

static void note_members(struct evm_header *header)
{
    header->has_base_fee = header->present & BIT(H_BASE_FEE);
    header->has_withdrawals = header->present & BIT(H_WITHDRAWALS_ROOT);
    header->has_blobs = header->present & BIT(H_BLOB_GAS_USED);
}

static enum tracer_status read_members(struct json_span text, bool alone, struct arena *arena,
                                       struct evm_header *ret_header, struct error *err)
{
    struct decoder decoder;
    struct header_read read = {.alone = alone};
    decoder_init(&decoder, text, false, arena, err);
    enum tracer_status status = fields_read(&decoder, fields, H_COUNT, &read, &read.header.present);
    if (!status)
        status = decoder_finish(&decoder);
    if (!status)
        status = fields_require(fields, read.header.present, ALWAYS, err);
    if (status)
        return status;
    for (size_t i = 0; i < sizeof read.header.bloom.bytes; i++)
        read.header.has_bloom_bits |= read.header.bloom.bytes[i] != 0;
    note_members(&read.header);
    *ret_header = read.header;
    return TRACER_OK;
}

enum tracer_status header_read(struct json_span text, struct arena *arena, struct evm_header *ret_header,
                               struct error *err)
{
    return read_members(text, false, arena, ret_header, err);
}

enum tracer_status header_decode(const struct evm_network *network, struct json_span text, uint64_t number,
                                 struct arena *arena, struct evm_header *ret_header, struct error *err)
{
    enum tracer_status status = header_read(text, arena, ret_header, err);
    return status ? status : check_header(network, ret_header, number, err);
}

/* ---- the hash ---- */

#define CLASSIC                                                                                              \
    (ALWAYS | BIT(H_UNCLES_HASH) | BIT(H_DIFFICULTY) | BIT(H_EXTRA_DATA) | BIT(H_MIX_HASH) | BIT(H_NONCE))

static void write_hash(struct buffer *to, struct hash hash)
{
    rlp_bytes(to, hash.bytes, sizeof hash.bytes);
}

void header_write(const struct evm_header *header, struct buffer *to)
{
    uint64_t present = header->present;
    size_t list = rlp_list_begin(to);
    write_hash(to, header->parent_hash);
    write_hash(to, header->uncles_hash);
    rlp_bytes(to, header->miner.bytes, sizeof header->miner.bytes);
    write_hash(to, header->state_root);
    write_hash(to, header->transactions_root);
    write_hash(to, header->receipts_root);
    rlp_bytes(to, header->bloom.bytes, sizeof header->bloom.bytes);
    rlp_u256(to, header->difficulty);
    rlp_u64(to, header->number);
    rlp_u64(to, header->gas_limit);
    rlp_u64(to, header->gas_used);
    rlp_u64(to, header->time);
    rlp_digits(to, header->extra_data);
    write_hash(to, header->mix_hash);
    rlp_bytes(to, header->nonce, sizeof header->nonce);
    if (present & BIT(H_BASE_FEE))
        rlp_u256(to, header->base_fee);
    if (present & BIT(H_WITHDRAWALS_ROOT))
        write_hash(to, header->withdrawals_root);
    if (present & BIT(H_BLOB_GAS_USED))
        rlp_u64(to, header->blob_gas_used);
    if (present & BIT(H_EXCESS_BLOB_GAS))
        rlp_u64(to, header->excess_blob_gas);
    if (present & BIT(H_BEACON_ROOT))
        write_hash(to, header->beacon_root);
    if (present & BIT(H_REQUESTS_HASH))
        write_hash(to, header->requests_hash);
    if (present & BIT(H_ACCESS_LIST_HASH))
        write_hash(to, header->access_list_hash);
    if (present & BIT(H_SLOT_NUMBER))
        rlp_u64(to, header->slot_number);
    rlp_list_end(to, list);
}

enum tracer_status header_hash(const struct evm_header *header, struct hash *ret_hash, struct error *err)
{
    struct buffer bytes;
    enum tracer_status status = fields_require(fields, header->present, CLASSIC, err);
    if (status)
        return status;
    buffer_init(&bytes, TRACER_REPLY_BLOCK_MAX);
    header_write(header, &bytes);
    if (buffer_ok(&bytes))
        *ret_hash = keccak256(bytes.data, bytes.size);
    else
        status = no_memory(err);
    buffer_release(&bytes);
    return status;
}

enum tracer_status evm_prove_head(struct json_span block, struct arena *arena, struct evm_block_head *ret_head,
                                  struct error *err)
{
    struct evm_header header;
    struct hash hash;
    enum tracer_status status = read_members(block, true, arena, &header, err);
    if (!status)
        status = header_hash(&header, &hash, err);
    if (!status && !hash_equal(hash, header.hash))
        status = differs_hash(err, "hash", header.hash, "the header's members give", hash);
    if (!status)
        *ret_head = (struct evm_block_head){.number = header.number,
                                            .time = header.time,
                                            .hash = hash,
                                            .parent_hash = header.parent_hash,
                                            .has_bloom_bits = header.has_bloom_bits};
    return status;
}

/* ---- back ---- */

#define CLASSIC_ITEMS 15u
#define ITEMS_MAX 23u

static bool take_classic(const struct rlp_item *items, struct arena *arena, struct evm_header *to)
{
    bool good = rlp_fixed(&items[0], to->parent_hash.bytes, 32) && rlp_fixed(&items[1], to->uncles_hash.bytes, 32) &&
                rlp_fixed(&items[2], to->miner.bytes, 20) && rlp_fixed(&items[3], to->state_root.bytes, 32) &&
                rlp_fixed(&items[4], to->transactions_root.bytes, 32) &&
                rlp_fixed(&items[5], to->receipts_root.bytes, 32) && rlp_fixed(&items[6], to->bloom.bytes, 256) &&
                rlp_integer(&items[7], &to->difficulty) && rlp_integer_u64(&items[8], &to->number) &&
                rlp_integer_u64(&items[9], &to->gas_limit) && rlp_integer_u64(&items[10], &to->gas_used) &&
                rlp_integer_u64(&items[11], &to->time) && !items[12].is_list && rlp_fixed(&items[13], to->mix_hash.bytes, 32) &&
                rlp_fixed(&items[14], to->nonce, sizeof to->nonce);
    to->extra_data = digits_of(items[12].payload, arena);
    return good && to->extra_data.text;
}

/* Members of later forks, each behind those before it. Only the root of withdrawals may be left out (Ronin): the blob gas in its place
 * is shorter. */
static bool take_later(const struct rlp_item *items, size_t count, struct evm_header *to)
{
    size_t at = 0;
    bool good = true;
    to->present = CLASSIC;
    if (at < count) {
        good &= rlp_integer(&items[at++], &to->base_fee);
        to->present |= BIT(H_BASE_FEE);
    }
    if (at < count && items[at].payload.size == 32) {
        good &= rlp_fixed(&items[at++], to->withdrawals_root.bytes, 32);
        to->present |= BIT(H_WITHDRAWALS_ROOT);
    }
    if (at < count) {
        good &= count - at > 1 && rlp_integer_u64(&items[at], &to->blob_gas_used) && rlp_integer_u64(&items[at + 1], &to->excess_blob_gas);
        at += 2;
        to->present |= BIT(H_BLOB_GAS_USED) | BIT(H_EXCESS_BLOB_GAS);
    }
    if (at < count) {
        good &= rlp_fixed(&items[at++], to->beacon_root.bytes, 32);
        to->present |= BIT(H_BEACON_ROOT);
    }
    if (at < count) {
        good &= rlp_fixed(&items[at++], to->requests_hash.bytes, 32);
        to->present |= BIT(H_REQUESTS_HASH);
    }
    if (at < count) {
        good &= count - at == 2 && rlp_fixed(&items[at], to->access_list_hash.bytes, 32) && rlp_integer_u64(&items[at + 1], &to->slot_number);
        to->present |= AMSTERDAM;
    }
    note_members(to);
    return good;
}

enum tracer_status header_from_bytes(struct bytes text, struct arena *arena, struct evm_header *ret_header, struct error *err)
{
    struct rlp_item list, items[ITEMS_MAX];
    struct bytes rest = text;
    size_t count = 0;
    *ret_header = (struct evm_header){.hash = keccak256(text.data, text.size)};
    bool good = rlp_valid(text) && rlp_next(&rest, &list) && list.is_list;
    for (rest = good ? list.payload : rest; good && rest.size; count++)
        good = count < ITEMS_MAX && rlp_next(&rest, &items[count]);
    if (!good || count < CLASSIC_ITEMS || !take_classic(items, arena, ret_header) ||
        !take_later(items + CLASSIC_ITEMS, count - CLASSIC_ITEMS, ret_header))
        return error_set(err, TRACER_E_REPLY, "these bytes are no header of a block");
    return TRACER_OK;
}
