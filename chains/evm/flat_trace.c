/* flat_trace.c - items of trace_block (facts: ethereum-rpc 7.1). Numbers are plain JSON numbers in this
 * format. */
#include "decode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    I_ACTION,
    I_BLOCK_HASH,
    I_BLOCK_NUMBER,
    I_ERROR,
    I_RESULT,
    I_SUBTRACES,
    I_TRACE_ADDRESS,
    I_TRANSACTION_HASH,
    I_TRANSACTION_POSITION,
    I_TYPE,
    I_COUNT
};
enum {
    A_FROM,
    A_TO,
    A_VALUE,
    A_CALL_TYPE,
    A_AUTHOR,
    A_REWARD_TYPE,
    A_ADDRESS,
    A_REFUND_ADDRESS,
    A_BALANCE,
    A_COUNT
};

struct item_read {
    struct flat_trace item;
    struct hash block_hash;
    uint64_t block_number;
    struct json_span type, failure, call_type, reward_type;
    struct address from, to, author, address, refund_address, created;
    struct u256 value, balance;
    uint64_t present, action;
    bool has_created;
};

static enum tracer_status read_action(struct decoder *decoder, void *object);
static enum tracer_status read_result(struct decoder *decoder, void *object);
static enum tracer_status read_trace_address(struct decoder *decoder, void *object);

#define I(name, kind, member) FIELD(name, kind, struct item_read, member)
#define I_OR_NULL(name, kind, member) FIELD_OR_NULL(name, kind, struct item_read, member)

static const struct field fields[I_COUNT] = {
    [I_ACTION] = FIELD_BY("action", read_action),
    [I_BLOCK_HASH] = I("blockHash", FIELD_HASH, block_hash),
    [I_BLOCK_NUMBER] = I("blockNumber", FIELD_NUMBER, block_number),
    [I_ERROR] = I_OR_NULL("error", FIELD_TEXT, failure),
    [I_RESULT] = {"result", 6, FIELD_READ, true, 0, 0, read_result},
    [I_SUBTRACES] = I("subtraces", FIELD_NUMBER, item.subtraces),
    [I_TRACE_ADDRESS] = FIELD_BY("traceAddress", read_trace_address),
    [I_TRANSACTION_HASH] = I_OR_NULL("transactionHash", FIELD_HASH, item.transaction_hash),
    [I_TRANSACTION_POSITION] = I_OR_NULL("transactionPosition", FIELD_NUMBER, item.transaction_index),
    [I_TYPE] = I("type", FIELD_TEXT, type),
};
static const struct field action_fields[A_COUNT] = {
    [A_FROM] = I("from", FIELD_ADDRESS, from),
    [A_TO] = I_OR_NULL("to", FIELD_ADDRESS, to),
    [A_VALUE] = I("value", FIELD_U256, value),
    [A_CALL_TYPE] = I_OR_NULL("callType", FIELD_TEXT, call_type),
    [A_AUTHOR] = I("author", FIELD_ADDRESS, author),
    [A_REWARD_TYPE] = I("rewardType", FIELD_TEXT, reward_type),
    [A_ADDRESS] = I("address", FIELD_ADDRESS, address),
    [A_REFUND_ADDRESS] = I("refundAddress", FIELD_ADDRESS, refund_address),
    [A_BALANCE] = I("balance", FIELD_U256, balance),
};

#define BIT(name) FIELD_BIT(name)

static enum tracer_status read_action(struct decoder *decoder, void *object)
{
    struct item_read *read = object;
    enum tracer_status status = fields_read(decoder, action_fields, A_COUNT, read, &read->action);
    if (status)
        error_context(decoder->err, "action");
    return status;
}

static enum tracer_status read_result(struct decoder *decoder, void *object)
{
    static const struct field member[] = {I_OR_NULL("address", FIELD_ADDRESS, created)};
    struct item_read *read = object;
    uint64_t present;
    enum tracer_status status = fields_read(decoder, member, 1, read, &present);
    if (status)
        error_context(decoder->err, "result");
    else
        read->has_created = present;
    return status;
}

static enum tracer_status read_trace_address(struct decoder *decoder, void *object)
{
    static const struct field element = {"traceAddress", 12, FIELD_NUMBER, false, 0, 0, NULL};
    struct item_read *read = object;
    uint32_t path[TRACER_CALL_DEPTH_MAX], depth = 0;
    if (!json_enter_array(&decoder->reader))
        return decoder_check(decoder);
    while (json_next_element(&decoder->reader)) {
        uint64_t index;
        bool null;
        if (depth == TRACER_CALL_DEPTH_MAX)
            return error_set(decoder->err, TRACER_E_LIMIT, "calls nested deeper than %d",
                             TRACER_CALL_DEPTH_MAX);
        enum tracer_status status = field_read(decoder, &element, &index, &null);
        if (status)
            return status;
        if (index >= UINT32_MAX)
            return error_set(decoder->err, TRACER_E_REPLY, "traceAddress: %" PRIu64 " is too large", index);
        path[depth++] = (uint32_t)index;
    }
    read->item.address = arena_copy(decoder->arena, path, depth * sizeof path[0]);
    read->item.depth = depth;
    return read->item.address ? decoder_check(decoder) : no_memory(decoder->err);
}

/* What an item does, from its type. */
static enum tracer_status interpret(struct item_read *read, struct error *err)
{
    struct trace_frame *frame = &read->item.frame;
    uint64_t required = 0;
    frame->failed = read->failure.length > 0;
    frame->depth = read->item.depth;
    frame->kind = FRAME_UNKNOWN;
    if (json_span_is(read->type, "suicide") || json_span_is(read->type, "selfdestruct")) {
        frame->kind = FRAME_DESTROY;
        frame->from = read->address;
        frame->to = read->refund_address;
        frame->value = read->balance;
        frame->has_from = frame->has_to = frame->has_value = true;
        return fields_require(action_fields, read->action,
                              BIT(A_ADDRESS) | BIT(A_REFUND_ADDRESS) | BIT(A_BALANCE), err);
    }
    frame->from = read->from;
    frame->to = read->to;
    frame->value = read->value;
    frame->has_from = read->action & BIT(A_FROM);
    frame->has_to = read->action & BIT(A_TO);
    frame->has_value = read->action & BIT(A_VALUE);
    if (json_span_is(read->type, "create")) {
        frame->kind = FRAME_CREATE;
        frame->to = read->created;
        frame->has_to = read->has_created;
        required = BIT(A_FROM) | BIT(A_VALUE);
    } else if (json_span_is(read->type, "call")) {
        frame->kind = json_span_is(read->call_type, "call") ? FRAME_CALL
                      : json_span_is(read->call_type, "callcode") ||
                              json_span_is(read->call_type, "delegatecall") ||
                              json_span_is(read->call_type, "staticcall")
                          ? FRAME_NO_MOVE
                          : FRAME_UNKNOWN;
        required = BIT(A_FROM) | BIT(A_TO) | BIT(A_VALUE) | BIT(A_CALL_TYPE);
    }
    return fields_require(action_fields, read->action, required, err);
}

struct items {
    struct flat_trace *items;
    size_t count, capacity;
    struct trace_reward *rewards;
    size_t reward_count, reward_capacity;
};

static enum tracer_status add_reward(struct arena *arena, const struct item_read *read, struct items *items,
                                     struct error *err)
{
    bool uncle = json_span_is(read->reward_type, "uncle");
    enum tracer_status status =
        fields_require(action_fields, read->action, BIT(A_AUTHOR) | BIT(A_REWARD_TYPE) | BIT(A_VALUE), err);
    if (status)
        return status;
    if (!uncle && !json_span_is(read->reward_type, "block")) {
        char quoted[TRACER_QUOTED_MAX + 1];
        return error_set(err, TRACER_E_REPLY, "action.rewardType: block or uncle was expected: %s",
                         safe_text(quoted, sizeof quoted, read->reward_type.text, read->reward_type.length));
    }
    items->rewards = array_grow(arena, items->rewards, items->reward_count, &items->reward_capacity,
                                sizeof *items->rewards);
    if (!items->rewards)
        return no_memory(err);
    items->rewards[items->reward_count++] =
        (struct trace_reward){.to = read->author, .value = read->value, .uncle = uncle};
    return TRACER_OK;
}

static enum tracer_status add_call(struct arena *arena, const struct evm_header *header,
                                   struct item_read *read, struct items *items, struct error *err)
{
    enum tracer_status status =
        fields_require(fields, read->present, BIT(I_TRANSACTION_HASH) | BIT(I_TRANSACTION_POSITION), err);
    if (!status)
        status = interpret(read, err);
    if (status)
        return status;
    if (read->item.transaction_index >= header->transaction_count)
        return differs_u64(err, "transactionPosition", read->item.transaction_index,
                           "the block's transactions are", header->transaction_count);
    const struct hash *hash = &header->transactions[read->item.transaction_index].hash;
    if (!hash_equal(read->item.transaction_hash, *hash))
        return differs_hash(err, "transactionHash", read->item.transaction_hash, "the transaction's is",
                            *hash);
    items->items = array_grow(arena, items->items, items->count, &items->capacity, sizeof *items->items);
    if (!items->items)
        return no_memory(err);
    items->items[items->count++] = read->item;
    return TRACER_OK;
}

static enum tracer_status read_item(struct decoder *decoder, const struct evm_header *header,
                                    struct items *items)
{
    struct item_read read = {0};
    enum tracer_status status = fields_read(decoder, fields, I_COUNT, &read, &read.present);
    if (!status)
        status = fields_require(fields, read.present,
                                BIT(I_ACTION) | BIT(I_BLOCK_HASH) | BIT(I_BLOCK_NUMBER) | BIT(I_SUBTRACES) |
                                    BIT(I_TRACE_ADDRESS) | BIT(I_TYPE),
                                decoder->err);
    if (status)
        return status;
    if (!hash_equal(read.block_hash, header->hash))
        return differs_hash(decoder->err, "blockHash", read.block_hash, "the block's is", header->hash);
    if (read.block_number != header->number)
        return differs_u64(decoder->err, "blockNumber", read.block_number, "the block's is", header->number);
    if (json_span_is(read.type, "reward"))
        return add_reward(decoder->arena, &read, items, decoder->err);
    return add_call(decoder->arena, header, &read, items, decoder->err);
}

static int compare_items(const void *a, const void *b)
{
    const struct flat_trace *one = a, *other = b;
    if (one->transaction_index != other->transaction_index)
        return one->transaction_index < other->transaction_index ? -1 : 1;
    for (uint32_t i = 0; i < one->depth && i < other->depth; i++)
        if (one->address[i] != other->address[i])
            return one->address[i] < other->address[i] ? -1 : 1;
    return (one->depth > other->depth) - (one->depth < other->depth);
}

static enum tracer_status sort_items(struct items *items, struct error *err)
{
    bool sorted = true;
    for (size_t i = 1; i < items->count; i++)
        sorted &= compare_items(&items->items[i - 1], &items->items[i]) < 0;
    if (sorted)
        return TRACER_OK;
    qsort(items->items, items->count, sizeof *items->items, compare_items);
    for (size_t i = 1; i < items->count; i++)
        if (compare_items(&items->items[i - 1], &items->items[i]) == 0)
            return error_set(err, TRACER_E_REPLY, "traceAddress: twice in transaction %" PRIu64,
                             items->items[i].transaction_index);
    return TRACER_OK;
}

enum tracer_status flat_traces_read(struct json_span text, const struct evm_header *header,
                                    struct arena *arena, struct flat_trace **ret_items, size_t *ret_count,
                                    struct trace_reward **ret_rewards, size_t *ret_reward_count,
                                    struct error *err)
{
    struct decoder decoder;
    struct items items = {0};
    size_t index = 0;
    decoder_init(&decoder, text, true, arena, err);
    if (!json_enter_array(&decoder.reader))
        return decoder_check(&decoder);
    while (json_next_element(&decoder.reader)) {
        enum tracer_status status = read_item(&decoder, header, &items);
        if (status) {
            error_context(err, "[%zu]", index);
            return status;
        }
        index++;
    }
    enum tracer_status status = decoder_finish(&decoder);
    if (!status)
        status = sort_items(&items, err);
    if (status)
        return status;
    *ret_items = items.items;
    *ret_count = items.count;
    *ret_rewards = items.rewards;
    *ret_reward_count = items.reward_count;
    return TRACER_OK;
}
