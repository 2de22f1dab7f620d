/* call_tracer.c - frames of geth's callTracer (facts: ethereum-rpc 7.2).
 *
 * Frames nest as deep as the EVM's calls, 1,024, so the reading keeps its own stack. `calls` may stand before
 * or behind the members of the frame that made them; the frames still come out in the order of their entry.
 */
#include "decode.h"

#include <string.h>

enum { F_TYPE, F_FROM, F_TO, F_VALUE, F_ERROR, F_REVERTED, F_LOGS, F_CALLS, F_COUNT };

struct frame_read {
    struct trace_tree *tree;
    uint32_t index; /* of the frame */
    uint64_t seen;  /* members */
    bool in_calls;  /* reading the array, not the object */
    struct json_span type, failure;
    bool reverted;
    struct address from, to;
    struct u256 value;
};

static enum tracer_status read_logs(struct decoder *decoder, void *object);

static const struct field fields[F_COUNT] = {
    [F_TYPE] = FIELD("type", FIELD_TEXT, struct frame_read, type),
    [F_FROM] = FIELD_OR_NULL("from", FIELD_ADDRESS, struct frame_read, from),
    [F_TO] = FIELD_OR_NULL("to", FIELD_ADDRESS, struct frame_read, to),
    [F_VALUE] = FIELD_OR_NULL("value", FIELD_U256, struct frame_read, value),
    [F_ERROR] = FIELD_OR_NULL("error", FIELD_TEXT, struct frame_read, failure),
    [F_REVERTED] = FIELD_OR_NULL("reverted", FIELD_BOOL, struct frame_read, reverted),
    [F_LOGS] = {"logs", 4, FIELD_READ, true, 0, 0, read_logs},
    [F_CALLS] = {"calls", 5, FIELD_READ, true, 0, 0, NULL}, /* by the loop below */
};
_Static_assert(F_COUNT <= 64, "members fit the bits");

static enum frame_kind kind_of(struct json_span type)
{
    static const struct {
        const char *name;
        enum frame_kind kind;
    } kinds[] = {
        {"CALL", FRAME_CALL},
        {"STATICCALL", FRAME_NO_MOVE},
        {"DELEGATECALL", FRAME_NO_MOVE},
        {"CREATE", FRAME_CREATE},
        {"CREATE2", FRAME_CREATE},
        {"CALLCODE", FRAME_NO_MOVE},
        {"SELFDESTRUCT", FRAME_DESTROY},
    };
    for (size_t i = 0; i < FIELD_COUNT_OF(kinds); i++)
        if (json_span_is(type, kinds[i].name))
            return kinds[i].kind;
    return FRAME_UNKNOWN;
}

static enum tracer_status read_log(struct decoder *decoder, struct evm_log *log)
{
    static const struct field members[] = {
        FIELD("address", FIELD_ADDRESS, struct evm_log, address),
        FIELD_BY("topics", log_topics_read),
        FIELD("data", FIELD_DATA, struct evm_log, data),
        FIELD_OR_NULL("position", FIELD_U64, struct evm_log, position),
    };
    memset(log, 0, sizeof *log);
    enum tracer_status status = fields_read(decoder, members, FIELD_COUNT_OF(members), log, &log->present);
    if (!status)
        status = fields_require(members, log->present, 7, decoder->err);
    if (!status && !(log->present & 8))
        log->position = UINT64_MAX; /* not placed */
    return status;
}

static enum tracer_status read_logs(struct decoder *decoder, void *object)
{
    struct frame_read *read = object;
    struct trace_tree *tree = read->tree;
    struct trace_frame *frame = &tree->frames[read->index];
    frame->log_first = (uint32_t)tree->log_count;
    if (!json_enter_array(&decoder->reader))
        return decoder_check(decoder);
    while (json_next_element(&decoder->reader)) {
        if (tree->log_count == TRACER_BLOCK_LOGS_MAX)
            return error_set(decoder->err, TRACER_E_LIMIT, "more than %u logs", TRACER_BLOCK_LOGS_MAX);
        tree->logs =
            array_grow(decoder->arena, tree->logs, tree->log_count, &tree->log_capacity, sizeof *tree->logs);
        if (!tree->logs)
            return no_memory(decoder->err);
        enum tracer_status status = read_log(decoder, &tree->logs[tree->log_count]);
        if (status) {
            error_context(decoder->err, "logs[%u]", frame->log_count);
            return status;
        }
        tree->log_count++;
        frame->log_count++;
    }
    return decoder_check(decoder);
}

struct call_stack {
    struct frame_read *items;
    size_t capacity;
};

/* Begin the frame whose object comes next, `depth` calls deep. */
static enum tracer_status push(struct decoder *decoder, struct trace_tree *tree, size_t depth)
{
    struct call_stack *calls = tree->stack;
    if (depth > TRACER_CALL_DEPTH_MAX)
        return error_set(decoder->err, TRACER_E_LIMIT, "calls nested deeper than %d", TRACER_CALL_DEPTH_MAX);
    if (!json_enter_object(&decoder->reader))
        return decoder_check(decoder);
    tree->frames = array_grow(decoder->arena, tree->frames, tree->frame_count, &tree->frame_capacity,
                              sizeof *tree->frames);
    calls->items = array_grow(decoder->arena, calls->items, depth, &calls->capacity, sizeof *calls->items);
    if (!tree->frames || !calls->items)
        return no_memory(decoder->err);
    calls->items[depth] = (struct frame_read){.tree = tree, .index = (uint32_t)tree->frame_count};
    tree->frames[tree->frame_count++] = (struct trace_frame){.depth = (uint32_t)depth};
    return TRACER_OK;
}

static enum tracer_status frame_end(struct decoder *decoder, struct trace_tree *tree,
                                    const struct frame_read *read)
{
    struct trace_frame *frame = &tree->frames[read->index];
    enum tracer_status status = fields_require(fields, read->seen, FIELD_BIT(F_TYPE), decoder->err);
    if (status)
        return status;
    frame->kind = kind_of(read->type);
    frame->has_from = read->seen & FIELD_BIT(F_FROM);
    frame->has_to = read->seen & FIELD_BIT(F_TO);
    frame->has_value = read->seen & FIELD_BIT(F_VALUE);
    frame->from = read->from;
    frame->to = read->to;
    frame->value = read->value;
    frame->failed = read->failure.length > 0 || read->reverted;
    frame->end = (uint32_t)tree->frame_count;
    for (uint32_t i = 0; i < frame->log_count; i++) {
        struct evm_log *log = &tree->logs[frame->log_first + i];
        if (log->position != UINT64_MAX)
            continue;
        if (frame->call_count == 0)
            log->position = 0;
        else
            frame->has_unplaced_log = true;
    }
    return TRACER_OK;
}

/* One member of the frame on top, or the begin of its calls. */
static enum tracer_status read_member(struct decoder *decoder, struct frame_read *read, struct json_span key)
{
    for (size_t i = 0; i < F_COUNT; i++) {
        bool null = false;
        if (!json_span_is(key, fields[i].name))
            continue;
        if (read->seen & FIELD_BIT(i))
            return error_set(decoder->err, TRACER_E_REPLY, "%s: twice in one object", fields[i].name);
        if (i == F_CALLS && json_peek(&decoder->reader) != JSON_IS_NULL) {
            read->seen |= FIELD_BIT(i);
            read->in_calls = json_enter_array(&decoder->reader);
            return decoder_check(decoder);
        }
        enum tracer_status status = field_read(decoder, &fields[i], read, &null);
        if (!null)
            read->seen |= FIELD_BIT(i);
        return status;
    }
    if (memchr(key.text, '\\', key.length))
        return error_set(decoder->err, TRACER_E_REPLY, "a key with an escape");
    json_skip(&decoder->reader, NULL);
    return decoder_check(decoder);
}

enum tracer_status call_tracer_read(struct decoder *decoder, struct trace_tree *tree)
{
    struct json_reader *reader = &decoder->reader;
    struct call_stack *calls = tree->stack; /* kept for the next transaction */
    size_t depth = 0;
    enum tracer_status status;

    tree->frame_count = tree->log_count = 0;
    if (!calls) {
        calls = tree->stack = arena_calloc(decoder->arena, 1, sizeof *calls);
        if (!calls)
            return no_memory(decoder->err);
    }
    status = push(decoder, tree, depth++);
    while (!status && depth > 0) {
        struct frame_read *top = &calls->items[depth - 1];
        struct json_span key;
        if (top->in_calls) {
            if (!json_next_element(reader)) {
                top->in_calls = false;
                status = decoder_check(decoder);
                continue;
            }
            tree->frames[top->index].call_count++;
            status = push(decoder, tree, depth++);
        } else if (json_next_member(reader, &key)) {
            status = read_member(decoder, top, key);
        } else {
            status = decoder_check(decoder);
            if (!status)
                status = frame_end(decoder, tree, top);
            depth--;
        }
    }
    return status;
}
