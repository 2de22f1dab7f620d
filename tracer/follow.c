/* follow.c - a trace that goes on with the chain: new blocks are replayed on the state that is there, a reorg
 * is undone in it (taint-spec 5.6), and each result is that of a fresh trace. */
#include "pipeline.h"

#include <stdlib.h>

struct trace_follow {
    struct trace_request request;
    uint64_t depth;          /* blocks that a reorg may take back */
    struct arena *arena;     /* of `state`; NULL: nothing is replayed yet */
    struct case_state state; /* has the engine; its cursor is open only inside trace_follow_update() */
    uint64_t next;           /* first block not yet replayed */
    uint64_t seeds_last;     /* block of the latest transfer seed */
    bool begun;              /* there was a result once */
};

enum tracer_status trace_follow_new(const struct trace_request *request, uint64_t reorg_depth,
                                    struct trace_follow **ret_follow, struct error *err)
{
    struct trace_follow *follow = calloc(1, sizeof(*follow));
    if (!follow)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    follow->request = *request;
    follow->depth = reorg_depth;
    *ret_follow = follow;
    return TRACER_OK;
}

static void drop(struct trace_follow *follow)
{
    if (follow->arena)
        case_close(&follow->state);
    arena_free(follow->arena);
    follow->arena = NULL;
}

void trace_follow_free(struct trace_follow *follow)
{
    if (follow)
        drop(follow);
    free(follow);
}

/* From the first stored block. */
static enum tracer_status replay_anew(struct trace_follow *follow, struct error *err)
{
    struct case_state *state = &follow->state;
    drop(follow);
    if (!(follow->arena = arena_new(TRACER_MEMORY_MAX)))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = trace_case(state, &follow->request, follow->arena, err);
    if (!status)
        status = case_engine(state, follow->request.input.options, err);
    if (!status)
        status =
            taint_keep_undo(state->taint, state->last > follow->depth ? state->last - follow->depth : 0, err);
    if (!status)
        status = case_replay(state, err);
    follow->next = state->last + 1;
    follow->seeds_last = 0;
    for (size_t i = 0; i < state->seed_count; i++)
        if (!state->seeds[i].is_address && state->seeds[i].position.block_number > follow->seeds_last)
            follow->seeds_last = state->seeds[i].position.block_number;
    return status;
}

/* Back to what is left of the chain, then on to what is stored now. */
static enum tracer_status go_on(struct trace_follow *follow, uint64_t kept_to, struct error *err)
{
    struct case_state *state = &follow->state;
    const struct case_input *input = &follow->request.input;
    struct graph_range range;
    enum tracer_status status = TRACER_OK;
    if (kept_to < follow->next - 1) {
        if ((status = taint_rollback(state->taint, kept_to, err)))
            return status;
        follow->next = kept_to + 1;
    }
    if ((status = graph_range(input->graph, input->chain_id, &range, err)))
        return status;
    if (input->has_to && range.last > input->to)
        range.last = input->to;
    /* With nothing new the cursor still tells the names. */
    uint64_t first = follow->next <= range.last ? follow->next : range.last;
    status = graph_cursor(input->graph, input->chain_id, first, range.last, &state->cursor, err);
    if (!status && follow->next <= range.last)
        status = taint_extend(state->taint, &state->cursor, input->watch, input->watch_context, err);
    if (status)
        return status;
    follow->next = range.last + 1;
    taint_forget_undo(state->taint, range.last > follow->depth ? range.last - follow->depth : 0);
    return TRACER_OK;
}

/* The result of the state that is there, in an arena of its own. */
static enum tracer_status make_result(struct trace_follow *follow, struct trace_result **ret_result,
                                      struct error *err)
{
    struct trace_result *result;
    struct case_state shown;
    enum tracer_status status = trace_result_new(&result, err);
    if (status)
        return status;
    status = trace_case(&shown, &follow->request, result->arena, err);
    if (!status)
        status = case_adopt(&shown, &follow->state, err);
    if (!status)
        status = taint_settle(shown.taint, err);
    if (!status)
        status = trace_build(&shown, result, err);
    if (status)
        trace_result_free(result);
    else
        *ret_result = result;
    return status;
}

enum tracer_status trace_follow_update(struct trace_follow *follow, uint64_t kept_to,
                                       struct trace_change *ret_change, struct error *err)
{
    const struct taint *taint = follow->state.taint;
    size_t before = follow->arena ? taint_hop_count(taint) : 0;
    bool anew = !follow->arena || kept_to < follow->seeds_last;
    enum tracer_status status = TRACER_OK;
    *ret_change = (struct trace_change){.kept_to = kept_to};
    size_t kept = before;
    for (; kept && taint_hop_at(taint, kept - 1).position.block_number > kept_to; kept--)
        continue;
    if (!anew) {
        status = go_on(follow, kept_to, err);
        anew = status == TRACER_E_LIMIT ||
               status == TRACER_E_CONFLICT; /* not kept so far, or a larger explored set */
    }
    if (anew)
        status = replay_anew(follow, err);
    if (!status)
        status = make_result(follow, &ret_change->result, err);
    cursor_close(&follow->state.cursor);
    ret_change->first_hop = kept;
    ret_change->withdrawn = before - kept;
    if (status && anew)
        drop(follow);
    bool waits = follow->begun && (status == TRACER_E_USAGE || status == TRACER_E_NOT_FOUND);
    follow->begun = follow->begun || !status;
    if (!waits)
        return status;
    ret_change->waits = true; /* a reorg took the seed; it may come again in another block */
    ret_change->withdrawn = before;
    return TRACER_OK;
}
