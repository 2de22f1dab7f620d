/* receipt_codec.c - the bytes of receipts and withdrawals in their tries, and blooms from logs (facts:
 * transactions 5). What is not in these bytes (gasUsed, effectiveGasPrice, contractAddress, ...) no root
 * covers. */
#include "decode.h"

#include <string.h>

#include "tracer/hex.h"

static void write_log(const struct evm_log *log, struct buffer *to)
{
    size_t list = rlp_list_begin(to);
    rlp_bytes(to, log->address.bytes, sizeof log->address.bytes);
    size_t topics = rlp_list_begin(to);
    for (size_t i = 0; i < log->topic_count; i++)
        rlp_bytes(to, log->topics[i].bytes, sizeof log->topics[i].bytes);
    rlp_list_end(to, topics);
    rlp_digits(to, log->data);
    rlp_list_end(to, list);
}

enum tracer_status receipt_write(const struct evm_network *network, const struct evm_header *header,
                                 const struct evm_transaction *transaction, const struct evm_receipt *receipt,
                                 const struct bloom *bloom, struct buffer *to, struct error *err)
{
    uint8_t type = (uint8_t)transaction->type;
    if (type != TYPE_LEGACY)
        buffer_add(to, &type, 1);
    size_t list = rlp_list_begin(to);
    if (fork_active(network->rules->byzantium, header))
        rlp_u64(to, receipt->status);
    else
        rlp_bytes(to, receipt->root.bytes, sizeof receipt->root.bytes);
    rlp_u64(to, receipt->cumulative_gas_used);
    rlp_bytes(to, bloom->bytes, sizeof bloom->bytes);
    size_t logs = rlp_list_begin(to);
    for (size_t i = 0; i < receipt->log_count; i++)
        write_log(&receipt->logs[i], to);
    rlp_list_end(to, logs);
    if (type == TYPE_DEPOSIT && receipt->has_deposit_version) { /* from Canyon on */
        if (!receipt->has_deposit_nonce)
            return error_set(err, TRACER_E_REPLY, "depositNonce: missing");
        rlp_u64(to, receipt->deposit_nonce);
        rlp_u64(to, receipt->deposit_version);
    }
    rlp_list_end(to, list);
    return buffer_ok(to) ? TRACER_OK : no_memory(err);
}

void withdrawal_write(const struct evm_withdrawal *withdrawal, struct buffer *to)
{
    size_t list = rlp_list_begin(to);
    rlp_u64(to, withdrawal->index);
    rlp_u64(to, withdrawal->validator);
    rlp_bytes(to, withdrawal->to.bytes, sizeof withdrawal->to.bytes);
    rlp_u64(to, withdrawal->gwei);
    rlp_list_end(to, list);
}

/* Three bits of 2048, from the first three pairs of bytes of the item's hash. */
static void bloom_add(struct bloom *bloom, struct hash hash)
{
    for (size_t i = 0; i < 6; i += 2) {
        unsigned bit = ((unsigned)hash.bytes[i] << 8 | hash.bytes[i + 1]) & 2047u;
        bloom->bytes[255 - bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

struct bloom *receipts_blooms(const struct evm_receipt *receipts, size_t count, struct arena *arena)
{
    size_t item_count = 0, next = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < receipts[i].log_count; k++)
            item_count += 1 + (size_t)receipts[i].logs[k].topic_count;
    struct bloom *blooms = arena_calloc(arena, count, sizeof *blooms);
    struct arena_mark mark = arena_mark(arena);
    struct bytes *items = arena_calloc(arena, item_count, sizeof *items);
    struct hash *hashes = arena_calloc(arena, item_count, sizeof *hashes);
    if (!blooms || !items || !hashes)
        return NULL;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < receipts[i].log_count; k++) {
            const struct evm_log *log = &receipts[i].logs[k];
            items[next++] = (struct bytes){log->address.bytes, sizeof log->address.bytes};
            for (size_t topic = 0; topic < log->topic_count; topic++)
                items[next++] = (struct bytes){log->topics[topic].bytes, sizeof log->topics[topic].bytes};
        }
    keccak256_many(items, item_count, hashes);
    next = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < receipts[i].log_count; k++)
            for (size_t item = 0; item <= receipts[i].logs[k].topic_count; item++)
                bloom_add(&blooms[i], hashes[next++]);
    arena_reset(arena, mark);
    return blooms;
}

/* ---- back ---- */

struct json_span digits_of(struct bytes data, struct arena *arena)
{
    char *text = arena_alloc(arena, data.size * 2 + 1);
    if (text)
        hex_encode(data.data, data.size, text);
    return (struct json_span){text, data.size * 2};
}

static bool read_log(struct bytes *rest, struct arena *arena, struct evm_log *to)
{
    struct rlp_item log, address, topics, topic, data;
    if (!rlp_next(rest, &log) || !log.is_list)
        return false;
    struct bytes members = log.payload;
    if (!rlp_next(&members, &address) || address.is_list || address.payload.size != sizeof to->address.bytes ||
        !rlp_next(&members, &topics) || !topics.is_list || !rlp_next(&members, &data) || data.is_list || members.size)
        return false;
    memcpy(to->address.bytes, address.payload.data, sizeof to->address.bytes);
    for (struct bytes left = topics.payload; left.size; to->topic_count++) {
        if (to->topic_count == 4 || !rlp_next(&left, &topic) || topic.is_list || topic.payload.size != 32)
            return false;
        memcpy(to->topics[to->topic_count].bytes, topic.payload.data, 32);
    }
    to->data = digits_of(data.payload, arena);
    return to->data.text != NULL;
}

/* What may stand behind the logs: of a deposit, from Canyon on. */
static bool read_deposit(struct bytes members, struct evm_receipt *to)
{
    struct rlp_item nonce, version;
    if (!members.size)
        return true;
    to->has_deposit_nonce = to->has_deposit_version = true;
    return to->type == TYPE_DEPOSIT && rlp_next(&members, &nonce) && rlp_integer_u64(&nonce, &to->deposit_nonce) &&
           rlp_next(&members, &version) && rlp_integer_u64(&version, &to->deposit_version) && !members.size;
}

static bool read_receipt(struct bytes text, bool byzantium, struct arena *arena, struct evm_receipt *to)
{
    struct rlp_item list, outcome, gas, bloom, logs;
    if (!rlp_valid(text) || !rlp_next(&text, &list) || !list.is_list)
        return false;
    struct bytes members = list.payload;
    if (!rlp_next(&members, &outcome) || outcome.is_list || !rlp_next(&members, &gas) ||
        !rlp_integer_u64(&gas, &to->cumulative_gas_used) || !rlp_next(&members, &bloom) || bloom.is_list || bloom.payload.size != 256 ||
        !rlp_next(&members, &logs) || !logs.is_list || !read_deposit(members, to))
        return false;
    if (!byzantium && outcome.payload.size != 32)
        return false;
    if (byzantium) {
        if (!rlp_integer_u64(&outcome, &to->status) || to->status > 1)
            return false;
        to->outcome = to->status ? TRANSACTION_SUCCEEDED : TRANSACTION_FAILED;
    } else {
        to->outcome = TRANSACTION_STATUS_UNKNOWN;
    }
    size_t capacity = 0;
    for (struct bytes left = logs.payload; left.size; to->log_count++) {
        to->logs = array_grow(arena, to->logs, to->log_count, &capacity, sizeof *to->logs);
        if (!to->logs)
            return false;
        to->logs[to->log_count] = (struct evm_log){.index = to->log_count};
        if (!read_log(&left, arena, &to->logs[to->log_count]))
            return false;
    }
    return true;
}

enum tracer_status receipt_from_bytes(const struct evm_network *network, const struct evm_header *header,
                                      const struct evm_transaction *transaction, struct bytes text, struct arena *arena,
                                      struct evm_receipt *ret_receipt, struct error *err)
{
    *ret_receipt = (struct evm_receipt){.type = transaction->type};
    if (transaction->type != TYPE_LEGACY && text.size && text.data[0] == transaction->type)
        text = (struct bytes){text.data + 1, text.size - 1};
    else if (transaction->type != TYPE_LEGACY)
        return error_set(err, TRACER_E_REPLY, "the receipt is of another type than its transaction");
    if (!read_receipt(text, fork_active(network->rules->byzantium, header), arena, ret_receipt))
        return error_set(err, TRACER_E_REPLY, "these bytes are no receipt");
    return TRACER_OK;
}

bool withdrawal_from_bytes(struct bytes text, struct evm_withdrawal *ret_withdrawal)
{
    struct rlp_item list, items[4];
    if (!rlp_valid(text) || !rlp_next(&text, &list) || !list.is_list)
        return false;
    struct bytes rest = list.payload;
    for (size_t i = 0; i < 4; i++)
        if (!rlp_next(&rest, &items[i]))
            return false;
    return rest.size == 0 && rlp_integer_u64(&items[0], &ret_withdrawal->index) && rlp_integer_u64(&items[1], &ret_withdrawal->validator) &&
           rlp_fixed(&items[2], ret_withdrawal->to.bytes, sizeof ret_withdrawal->to.bytes) &&
           rlp_integer_u64(&items[3], &ret_withdrawal->gwei);
}
