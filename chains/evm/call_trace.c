/* call_trace.c - what a transaction moved inside, in execution order, from either format of traces.
 *
 * A frame's value moves at its entry; a log stands behind as many of its frame's calls as its position says.
 * A failed frame and everything below it moved nothing (threat-model R16). Traces are hashed by nothing: what
 * they repeat of transaction and receipt is compared, the rest is asserted.
 */
#include "decode.h"

#include <inttypes.h>
#include <string.h>

struct place { /* of the walk, in one frame */
    uint32_t frame, next_call, calls_done, logs_done;
};

struct trace_reader {
    const struct evm_network *network;
    const struct evm_header *header;
    const struct evm_receipt *receipts;
    struct evm_notes *notes;
    struct arena *arena;
    struct error *err;
    size_t index; /* of the next transaction */
    bool flat;

    struct decoder decoder;   /* callTracer: in the array */
    struct flat_trace *items; /* trace_block */
    size_t item_count, item_next;
    struct trace_reward *rewards;
    size_t reward_count;

    struct trace_tree tree;
    struct trace_step *steps;
    size_t step_count, step_capacity;
    struct place walk[TRACER_CALL_DEPTH_MAX + 1];
};

enum tracer_status trace_open(const struct evm_network *network, const struct evm_header *header,
                              const struct evm_receipt *receipts, const struct evm_replies *replies,
                              struct arena *arena, struct evm_notes *notes, struct trace_reader **ret_reader,
                              struct error *err)
{
    struct trace_reader *reader = arena_calloc(arena, 1, sizeof *reader);
    if (!reader)
        return no_memory(err);
    reader->network = network;
    reader->header = header;
    reader->receipts = receipts;
    reader->notes = notes;
    reader->arena = arena;
    reader->flat = replies->traces_kind == EVM_TRACES_TRACE_BLOCK;
    *ret_reader = reader;
    if (reader->flat)
        return flat_traces_read(replies->traces, header, arena, &reader->items, &reader->item_count,
                                &reader->rewards, &reader->reward_count, err);
    decoder_init(&reader->decoder, replies->traces, true, arena, err);
    return json_enter_array(&reader->decoder.reader) ? TRACER_OK : decoder_check(&reader->decoder);
}

/* ---- the tree of one transaction ---- */

struct element_read {
    struct trace_tree *tree;
    struct hash hash;
    struct json_span failure;
};

static enum tracer_status read_result(struct decoder *decoder, void *object)
{
    struct element_read *read = object;
    return call_tracer_read(decoder, read->tree);
}

/* One element of debug_traceBlockByNumber. *ret_known false: the node could not trace it. */
static enum tracer_status read_element(struct trace_reader *reader, bool *ret_known, struct error *err)
{
    static const struct field fields[] = {
        FIELD_OR_NULL("txHash", FIELD_HASH, struct element_read, hash),
        {"result", 6, FIELD_READ, true, 0, 0, read_result},
        FIELD_OR_NULL("error", FIELD_TEXT, struct element_read, failure),
    };
    struct element_read read = {.tree = &reader->tree};
    const struct hash *hash = &reader->header->transactions[reader->index].hash;
    uint64_t present;
    reader->decoder.err = err;
    if (!json_next_element(&reader->decoder.reader)) {
        enum tracer_status ended = decoder_check(&reader->decoder);
        return ended ? ended
                     : error_set(err, TRACER_E_REPLY, "%zu traces for %zu transactions", reader->index,
                                 reader->header->transaction_count);
    }
    enum tracer_status status =
        fields_read(&reader->decoder, fields, FIELD_COUNT_OF(fields), &read, &present);
    if (status)
        return status;
    if (present & 1 && !hash_equal(read.hash, *hash))
        return differs_hash(err, "txHash", read.hash, "the transaction's is", *hash);
    if (!(present & 2) == !(present & 4))
        return error_set(err, TRACER_E_REPLY, "one of result and error was expected");
    *ret_known = present & 2;
    return TRACER_OK;
}

/* The frame of item `frame` and every open one below `depth` end here; *stack holds the open ones. */
static enum tracer_status close_frames(struct trace_tree *tree, const struct flat_trace *items,
                                       uint32_t *stack, size_t *open, size_t depth, struct error *err)
{
    while (*open > depth) {
        uint32_t at = stack[--*open];
        tree->frames[at].end = (uint32_t)tree->frame_count;
        if (tree->frames[at].call_count != items[at].subtraces)
            return differs_u64(err, "subtraces", items[at].subtraces, "the items below are",
                               tree->frames[at].call_count);
    }
    return TRACER_OK;
}

/* The items of one transaction are sorted: each stands behind its parent, siblings count from 0. */
static enum tracer_status build_tree(struct trace_reader *reader, const struct flat_trace *items,
                                     size_t count, struct error *err)
{
    struct trace_tree *tree = &reader->tree;
    uint32_t stack[TRACER_CALL_DEPTH_MAX + 1];
    size_t open = 0;
    tree->frame_count = tree->log_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct flat_trace *item = &items[i];
        enum tracer_status status = close_frames(tree, items, stack, &open, item->depth, err);
        if (status)
            return status;
        bool parent_fits = item->depth == 0 ? i == 0 : open == item->depth;
        if (parent_fits && item->depth > 0) {
            struct trace_frame *parent = &tree->frames[stack[open - 1]];
            parent_fits = item->address[item->depth - 1] == parent->call_count &&
                          memcmp(item->address, items[stack[open - 1]].address,
                                 (item->depth - 1) * sizeof item->address[0]) == 0;
            parent->call_count++;
        }
        if (!parent_fits)
            return error_set(err, TRACER_E_REPLY, "traceAddress: an item before number %zu is missing", i);
        tree->frames = array_grow(reader->arena, tree->frames, tree->frame_count, &tree->frame_capacity,
                                  sizeof *tree->frames);
        if (!tree->frames)
            return no_memory(err);
        tree->frames[tree->frame_count] = item->frame;
        stack[open++] = (uint32_t)tree->frame_count++;
    }
    return close_frames(tree, items, stack, &open, 0, err);
}

static enum tracer_status read_items(struct trace_reader *reader, bool *ret_known, struct error *err)
{
    size_t first = reader->item_next, end = first;
    while (end < reader->item_count && reader->items[end].transaction_index == reader->index)
        end++;
    reader->item_next = end;
    *ret_known = end > first;
    return *ret_known ? build_tree(reader, reader->items + first, end - first, err) : TRACER_OK;
}

/* ---- agreement with transaction and receipt ---- */

static enum tracer_status check_top(const struct trace_reader *reader, struct error *err)
{
    const struct trace_frame *top = &reader->tree.frames[0];
    const struct evm_transaction *transaction = &reader->header->transactions[reader->index];
    const struct evm_receipt *receipt = &reader->receipts[reader->index];
    struct address to = transaction->creates ? receipt->contract : transaction->to;
    if (!transaction->known)
        return TRACER_OK;
    if (top->kind != (transaction->creates ? FRAME_CREATE : FRAME_CALL))
        return error_set(err, TRACER_E_REPLY, "type: the transaction is a %s, the trace is not",
                         transaction->creates ? "creation" : "call");
    if (top->has_from && !address_equal(top->from, transaction->from))
        return differs_address(err, "from", top->from, "the transaction's is", transaction->from);
    if (top->has_value && !u256_equal(top->value, transaction->value))
        return differs_u256(err, "value", top->value, "the transaction's is", transaction->value);
    if (top->has_to && (!transaction->creates || (receipt->has_contract && !top->failed)) &&
        !address_equal(top->to, to))
        return differs_address(err, "to", top->to, "the transaction's or receipt's is", to);
    if (receipt->outcome != TRANSACTION_STATUS_UNKNOWN &&
        top->failed != (receipt->outcome == TRANSACTION_FAILED))
        return error_set(err, TRACER_E_REPLY, "error: the trace %s, but the receipt's status is 0x%d",
                         top->failed ? "failed" : "did not fail", receipt->outcome == TRANSACTION_SUCCEEDED);
    return TRACER_OK;
}

static bool same_data(struct json_span a, struct json_span b)
{
    if (a.length != b.length)
        return false;
    if (memcmp(a.text, b.text, a.length) == 0)
        return true;
    for (size_t i = 0; i < a.length; i++) { /* digits of either case */
        char x = a.text[i], y = b.text[i];
        if (x != y && ((x ^ y) != 0x20 || (x | 0x20) < 'a'))
            return false;
    }
    return true;
}

static bool same_log(const struct evm_log *a, const struct evm_log *b)
{
    return address_equal(a->address, b->address) && a->topic_count == b->topic_count &&
           memcmp(a->topics, b->topics, (size_t)a->topic_count * sizeof a->topics[0]) == 0 &&
           same_data(a->data, b->data);
}

/* Give the log steps the ordinals of the receipt's logs, which they must be, one by one. Traces of nodes
 * differ in whether they show the logs of EIP-7708; these have no rows. */
static enum tracer_status match_logs(struct trace_reader *reader, size_t trace_log_count, struct error *err)
{
    const struct evm_receipt *receipt = &reader->receipts[reader->index];
    size_t next = 0;
    for (size_t i = 0; i < reader->step_count; i++) {
        struct trace_step *step = &reader->steps[i];
        if (!step->is_log)
            continue;
        const struct evm_log *log = &reader->tree.logs[step->log];
        while (next < receipt->log_count && log_is_native(&receipt->logs[next]) &&
               !same_log(log, &receipt->logs[next]))
            next++;
        if (next == receipt->log_count)
            return error_set(err, TRACER_E_REPLY, "%zu logs, but the receipt has %zu", trace_log_count,
                             receipt->log_count);
        if (!same_log(log, &receipt->logs[next]))
            return error_set(err, TRACER_E_REPLY, "logs: the receipt's logs[%zu] is another one", next);
        step->log = (uint32_t)next++;
    }
    while (next < receipt->log_count && log_is_native(&receipt->logs[next]))
        next++;
    if (next != receipt->log_count)
        return error_set(err, TRACER_E_REPLY, "%zu logs, but the receipt has %zu", trace_log_count,
                         receipt->log_count);
    return TRACER_OK;
}

/* ---- the walk ---- */

static enum tracer_status add_step(struct trace_reader *reader, const struct trace_step *step,
                                   struct error *err)
{
    reader->steps = array_grow(reader->arena, reader->steps, reader->step_count, &reader->step_capacity,
                               sizeof *reader->steps);
    if (!reader->steps)
        return no_memory(err);
    reader->steps[reader->step_count++] = *step;
    return TRACER_OK;
}

static bool created_here(const struct trace_tree *tree, uint32_t before, struct address account)
{
    for (uint32_t i = 0; i < before; i++)
        if (tree->frames[i].kind == FRAME_CREATE && !tree->frames[i].failed && tree->frames[i].has_to &&
            address_equal(tree->frames[i].to, account))
            return true;
    return false;
}

/* Whether the frame moves something; *ret_step is what. `gap` is set where the trace does not say how much.
 */
static bool move_of(const struct trace_reader *reader, uint32_t index, struct trace_step *ret_step, bool *gap)
{
    const struct trace_frame *frame = &reader->tree.frames[index];
    *ret_step = (struct trace_step){.from = frame->from, .to = frame->to, .value = frame->value};
    switch (frame->kind) {
    case FRAME_NO_MOVE:
        return false;
    case FRAME_UNKNOWN:
        if (frame->has_value && !u256_is_zero(frame->value)) {
            reader->notes->unknown_frames++;
            *gap = true;
        }
        return false;
    case FRAME_CALL:
    case FRAME_CREATE:
        if (!frame->has_value || (!u256_is_zero(frame->value) && !(frame->has_from && frame->has_to)))
            *gap = true;
        return !*gap && !u256_is_zero(frame->value);
    case FRAME_DESTROY:
        break;
    case FRAME_KIND_COUNT:
        return false;
    }
    if (!frame->has_value) {
        /* Old tracers say nothing of a self-destruct but that it was; anvil leaves out what one to itself
         * keeps. */
        *gap = !frame->has_from;
        return false;
    }
    if (u256_is_zero(frame->value))
        return false;
    if (!frame->has_from || !frame->has_to) {
        *gap = true;
        return false;
    }
    if (!address_equal(frame->from, frame->to))
        return true;
    /* To itself: the coins are gone, from Cancun on (EIP-6780) only with a contract of the same transaction.
     */
    if (fork_active(reader->network->rules->cancun, reader->header) &&
        !created_here(&reader->tree, index, frame->from))
        return false;
    ret_step->to = (struct address){{0}};
    return true;
}

static enum tracer_status enter_frame(struct trace_reader *reader, uint32_t index, bool *gap,
                                      struct error *err)
{
    struct trace_step step;
    bool frame_gap = false, moves = move_of(reader, index, &step, &frame_gap);
    *gap |= frame_gap;
    return moves ? add_step(reader, &step, err) : TRACER_OK;
}

/* The steps of the tree, whose top did not fail. *ret_unplaced: logs without a position. */
static enum tracer_status walk(struct trace_reader *reader, size_t *ret_log_count, bool *ret_unplaced,
                               bool *ret_gap, struct error *err)
{
    const struct trace_tree *tree = &reader->tree;
    size_t open = 1;
    reader->walk[0] = (struct place){.frame = 0, .next_call = 1};
    while (open > 0) {
        struct place *place = &reader->walk[open - 1];
        const struct trace_frame *frame = &tree->frames[place->frame];
        *ret_unplaced |= frame->has_unplaced_log;
        bool ended = place->next_call == frame->end;
        while (place->logs_done < frame->log_count &&
               (tree->logs[frame->log_first + place->logs_done].position <= place->calls_done || ended)) {
            uint32_t log = frame->log_first + place->logs_done++;
            if (tree->logs[log].position > place->calls_done && !frame->has_unplaced_log)
                return differs_u64(err, "position", tree->logs[log].position, "the calls of the frame are",
                                   place->calls_done);
            enum tracer_status status =
                add_step(reader, &(struct trace_step){.is_log = true, .log = log}, err);
            if (status)
                return status;
            ++*ret_log_count;
        }
        if (ended) {
            open--;
            continue;
        }
        uint32_t call = place->next_call;
        place->next_call = tree->frames[call].end;
        place->calls_done++;
        if (tree->frames[call].failed)
            continue;
        enum tracer_status status = enter_frame(reader, call, ret_gap, err);
        if (status)
            return status;
        reader->walk[open++] = (struct place){.frame = call, .next_call = call + 1};
    }
    return TRACER_OK;
}

static void drop_log_steps(struct trace_reader *reader)
{
    size_t kept = 0;
    for (size_t i = 0; i < reader->step_count; i++)
        if (!reader->steps[i].is_log)
            reader->steps[kept++] = reader->steps[i];
    reader->step_count = kept;
}

/* Steps and where logs stand, for a tree that was read. */
static enum tracer_status fill_steps(struct trace_reader *reader, struct trace_of *trace, struct error *err)
{
    size_t log_count = 0;
    bool unplaced = false, gap = false;
    enum tracer_status status = walk(reader, &log_count, &unplaced, &gap, err);
    if (status)
        return status;
    reader->notes->trace_gaps += gap;
    if (reader->receipts[reader->index].log_count == 0 && log_count == 0)
        return TRACER_OK;
    if (log_count == 0 || unplaced) {
        drop_log_steps(reader);
        trace->logs = TRACE_LOGS_SPLIT;
        return TRACER_OK;
    }
    trace->logs = TRACE_LOGS_PLACED;
    return match_logs(reader, log_count, err);
}

enum tracer_status trace_next(struct trace_reader *reader, struct trace_of *ret_trace, struct error *err)
{
    struct trace_of trace = {0};
    reader->step_count = 0;
    enum tracer_status status =
        reader->flat ? read_items(reader, &trace.known, err) : read_element(reader, &trace.known, err);
    if (!status && trace.known) {
        status = check_top(reader, err);
        trace.failed = reader->tree.frames[0].failed;
    }
    if (!status && trace.known && !trace.failed)
        status = fill_steps(reader, &trace, err);
    if (status) {
        error_context(err, "trace");
        return status;
    }
    if (!trace.known)
        reader->notes->trace_gaps++;
    reader->index++;
    trace.steps = reader->steps;
    trace.step_count = reader->step_count;
    *ret_trace = trace;
    return TRACER_OK;
}

enum tracer_status trace_close(struct trace_reader *reader, const struct trace_reward **ret_rewards,
                               size_t *ret_count, struct error *err)
{
    *ret_rewards = reader->rewards;
    *ret_count = reader->reward_count;
    if (reader->flat)
        return TRACER_OK; /* every item belongs to a transaction of the block */
    reader->decoder.err = err;
    if (json_next_element(&reader->decoder.reader))
        return error_set(err, TRACER_E_REPLY, "more traces than the %zu transactions",
                         reader->header->transaction_count);
    return decoder_finish(&reader->decoder);
}
