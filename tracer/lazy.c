/* lazy.c - see lazy.h. The only loop between chain and engine. */
#include "tracer/lazy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"
#include "tracer/clock.h"

#define LIMIT_NOTES_MAX 4u

struct lazy {
    const struct lazy_request *request;
    struct explore_stats *stats;
    struct explorer *explorer;
    struct arena *arena; /* of the run, not of the result */
    struct trace_request trace;
    struct history_blocks seed_blocks;
    struct address *seed_accounts, *explored;
    size_t seed_account_count, seed_account_capacity, explored_count, explored_capacity;
    struct taint_expand_step *steps; /* hubs only */
    size_t step_count, step_capacity;
    const char *limits[LIMIT_NOTES_MAX];
    size_t limit_count;
    uint64_t start_ms, requests_before;
    struct error *err;
};

static enum tracer_status no_memory(struct lazy *lazy)
{
    return error_set(lazy->err, TRACER_E_NOMEM, "no memory");
}

/* ---- where the seeds are ---- */

static enum tracer_status add_address(struct lazy *lazy, struct address **list, size_t *count, size_t *capacity, struct address address)
{
    for (size_t i = 0; i < *count; i++)
        if (address_equal((*list)[i], address))
            return TRACER_OK;
    struct address *grown = case_grow(lazy->arena, *list, *count, capacity, sizeof(*grown));
    if (!grown)
        return no_memory(lazy);
    *list = grown;
    grown[(*count)++] = address;
    return TRACER_OK;
}

static enum tracer_status seed_at(void *context, const struct seed_place *place, struct error *err)
{
    struct lazy *lazy = context;
    uint64_t number = place->block_number;
    enum tracer_status status = TRACER_OK;
    switch (place->what) {
    case SEED_AT_TRANSACTION:
        status = history_transaction_block(lazy->request->explore.client, place->hash, &number, err);
        break;
    case SEED_AT_BLOCK:
        break;
    case SEED_AT_ADDRESS:
        if (!place->has_block)
            number = lazy->request->has_from ? lazy->request->from : lazy->request->explore.network->anchor_number;
        status = add_address(lazy, &lazy->seed_accounts, &lazy->seed_account_count, &lazy->seed_account_capacity, place->address);
        break;
    }
    return status ? status : history_blocks_add(&lazy->seed_blocks, number ? number : 1, err);
}

/* The range, and the blocks at its ends: what was read hangs between these. */
static enum tracer_status find_range(struct lazy *lazy, struct explore_request *explore)
{
    const struct lazy_request *request = lazy->request;
    struct graph *graph = request->explore.graph;
    struct case_state names = {.input = &request->trace.input, .arena = lazy->arena};
    uint64_t head = request->to;
    enum tracer_status status = graph_get_network(graph, request->explore.network->chain_id, &names.network, lazy->err);
    for (size_t i = 0; i < request->trace.seed_count && !status; i++)
        status = case_seed_places(&names, request->trace.seeds[i], request->trace.has_since, request->trace.since, seed_at, lazy, lazy->err);
    if (!status && !request->trace.seed_count)
        status = error_set(lazy->err, TRACER_E_USAGE, "name at least one seed");
    if (!status && !request->to_is_head)
        status = chain_head(request->explore.client, request->explore.finality, request->explore.finality_depth, &head, lazy->err);
    if (status)
        return status;
    history_blocks_sort(&lazy->seed_blocks);
    explore->first = lazy->seed_blocks.numbers[0];
    if (request->has_from && request->from && request->from < explore->first)
        explore->first = request->from;
    explore->last = request->has_to && request->to < head ? request->to : head;
    if (request->has_to && request->to > head)
        return error_set(lazy->err, TRACER_E_USAGE, "block %" PRIu64 " is above the chain's head under the finality asked for (%" PRIu64 ")", request->to, head);
    if (lazy->seed_blocks.numbers[lazy->seed_blocks.count - 1] > explore->last)
        return error_set(lazy->err, TRACER_E_USAGE, "a seed is in block %" PRIu64 ", but the last block to look at is %" PRIu64 "%s",
                         lazy->seed_blocks.numbers[lazy->seed_blocks.count - 1], explore->last,
                         request->has_to ? "" : ": it is not final yet (--finality latest)");
    return TRACER_OK;
}

/* ---- limits ---- */

static enum tracer_status add_limit(struct lazy *lazy, const char *text)
{
    char *kept = arena_text(lazy->arena, text, strlen(text));
    if (!kept || lazy->limit_count == LIMIT_NOTES_MAX)
        return kept ? TRACER_OK : no_memory(lazy);
    lazy->limits[lazy->limit_count++] = kept;
    return TRACER_OK;
}

/* Whether a limit ends the search here; what waits is told beside it. */
static enum tracer_status check_limits(struct lazy *lazy, bool *ret_ended)
{
    const struct lazy_request *request = lazy->request;
    const struct explore_limits limits = {request->limits.accounts_max, request->requests_max, request->seconds_max};
    char limit[96], text[128];
    if (!explore_ends(&limits, lazy->explored_count, lazy->stats->requests, clock_monotonic_ms() - lazy->start_ms, limit, sizeof(limit)))
        return TRACER_OK;
    snprintf(text, sizeof(text), "%s: accounts wait", limit);
    *ret_ended = true;
    return add_limit(lazy, text);
}

/* ---- one step ---- */

static void count_requests(struct lazy *lazy)
{
    lazy->stats->requests = chain_calls(lazy->request->explore.client) - lazy->requests_before;
}

static enum tracer_status explore(struct lazy *lazy, struct address account, uint64_t waiting, bool *ret_hub)
{
    const struct lazy_request *request = lazy->request;
    struct explore_outcome outcome;
    char text[ADDRESS_TEXT_SIZE];
    address_format(account, text);
    if (request->progress) {
        struct explore_progress progress = {lazy->explored_count, waiting, lazy->stats->requests, clock_monotonic_ms() - lazy->start_ms, text};
        request->progress(request->progress_context, &progress);
    }
    enum tracer_status status = explore_account(lazy->explorer, account, &outcome, lazy->err);
    count_requests(lazy);
    if (status) {
        error_context(lazy->err, "exploring %s", text);
        return status;
    }
    *ret_hub = outcome.hub;
    lazy->stats->known += outcome.known;
    return TRACER_OK;
}

static enum tracer_status add_hub(struct lazy *lazy, const struct taint_expand_step *step)
{
    struct taint_expand_step *steps = case_grow(lazy->arena, lazy->steps, lazy->step_count, &lazy->step_capacity, sizeof(*steps));
    if (!steps)
        return no_memory(lazy);
    lazy->steps = steps;
    steps[lazy->step_count] = *step;
    steps[lazy->step_count++].hub = true;
    lazy->stats->hubs++;
    return TRACER_OK;
}

/* An account of the seeds: it is in the explored set whatever it costs (12). */
static enum tracer_status explore_seed(struct lazy *lazy, struct address account)
{
    bool hub = false;
    char text[ADDRESS_TEXT_SIZE];
    explore_ahead(lazy->explorer, &account, 1);
    enum tracer_status status = explore(lazy, account, 0, &hub);
    address_format(account, text);
    if (!status && hub)
        status = error_set(lazy->err, TRACER_E_LIMIT, "%s, where a seed arrives, is in more than %" PRIu64 " transfers: label it, or raise --max-degree",
                           text, lazy->request->limits.degree_max);
    return status ? status : add_address(lazy, &lazy->explored, &lazy->explored_count, &lazy->explored_capacity, account);
}

static uint64_t count_waiting(struct lazy *lazy, const struct taint *taint)
{
    const struct taint_absorbed *absorbed;
    size_t count = taint_absorbed(taint, &absorbed);
    uint64_t waiting = 0;
    (void)lazy;
    for (size_t i = 0; i < count; i++)
        waiting += absorbed[i].place == PLACE_FRONTIER && absorbed[i].tag != TAINT_UNKNOWN &&
                   (i == 0 || absorbed[i - 1].account != absorbed[i].account);
    return waiting;
}

/* Whose turn may come next, as far as it shows now. */
static void look_ahead(struct lazy *lazy, const struct taint_expand_step *best, size_t count)
{
    struct address accounts[TRACER_AHEAD_ACCOUNTS_MAX];
    uint64_t room = lazy->request->limits.accounts_max - lazy->explored_count;
    count = count < room ? count : (size_t)room;
    for (size_t i = 0; i < count; i++)
        accounts[i] = best[i].address;
    explore_ahead(lazy->explorer, accounts, count);
}

/* After a replay: explore what it asks for next. *ret_done: nothing, or a limit. */
static enum tracer_status next(struct lazy *lazy, const struct case_state *state, bool *ret_done)
{
    struct address account;
    size_t at = 0;
    bool news = false, hub = false;
    enum tracer_status status = TRACER_OK;
    while (!status && taint_explored(state->taint, &at, &account)) {
        bool known = false;
        for (size_t i = 0; i < lazy->explored_count && !known; i++)
            known = address_equal(lazy->explored[i], account);
        if (known)
            continue;
        news = true;
        status = explore_seed(lazy, account);
    }
    if (status || news)
        return status;
    struct taint_expand_step best[TRACER_AHEAD_ACCOUNTS_MAX];
    size_t count = taint_candidates(state->taint, &lazy->request->limits, lazy->steps, lazy->step_count, best, TRACER_AHEAD_ACCOUNTS_MAX);
    if (!count) {
        *ret_done = true;
        return TRACER_OK;
    }
    if ((status = check_limits(lazy, ret_done)) || *ret_done)
        return status;
    look_ahead(lazy, best, count);
    if ((status = explore(lazy, best->address, count_waiting(lazy, state->taint), &hub)))
        return status;
    return hub ? add_hub(lazy, best)
               : add_address(lazy, &lazy->explored, &lazy->explored_count, &lazy->explored_capacity, best->address);
}

static enum tracer_status hub_note(struct lazy *lazy)
{
    char text[160];
    if (!lazy->step_count)
        return TRACER_OK;
    snprintf(text, sizeof(text), "%zu accounts are in more than %" PRIu64 " transfers (--max-degree) and were not explored", lazy->step_count,
             lazy->request->limits.degree_max);
    return add_limit(lazy, text);
}

/* Replay what is there; at the end, with the result. */
static enum tracer_status replay(struct lazy *lazy, bool *done, struct trace_result **ret_result)
{
    struct trace_result *result;
    struct case_state state = {0};
    struct case_input *input = &lazy->trace.input;
    input->has_explored = true;
    input->explored = lazy->explored;
    input->explored_count = lazy->explored_count;
    input->limits = lazy->limits;
    input->limit_count = lazy->limit_count;
    bool last = *done;
    enum tracer_status status = trace_result_new(&result, lazy->err);
    if (status)
        return status;
    if (!(status = trace_case(&state, &lazy->trace, result->arena, lazy->err)) &&
        !(status = case_engine(&state, input->options, lazy->err)) && !(status = case_replay(&state, lazy->err)))
        status = last ? trace_build(&state, result, lazy->err) : next(lazy, &state, done);
    case_close(&state);
    if (status || !last)
        trace_result_free(result);
    else
        *ret_result = result;
    return status;
}

static enum tracer_status run(struct lazy *lazy, struct explore_request *explore, struct trace_result **ret_result)
{
    const struct lazy_request *request = lazy->request;
    struct history_blocks ends = {0};
    bool done = false;
    enum tracer_status status = find_range(lazy, explore);
    if (status || (status = explore_open(explore, &lazy->explorer, lazy->err)))
        return status;
    lazy->stats->first = explore->first;
    lazy->stats->last = explore->last;
    lazy->trace.input.has_from = lazy->trace.input.has_to = true;
    lazy->trace.input.from = explore->first;
    lazy->trace.input.to = explore->last;
    if (!(status = history_blocks_add(&ends, explore->first, lazy->err)) && !(status = history_blocks_add(&ends, explore->last, lazy->err)))
        for (size_t i = 0; i < lazy->seed_blocks.count && !status; i++)
            status = history_blocks_add(&ends, lazy->seed_blocks.numbers[i], lazy->err);
    if (!status)
        status = explore_blocks(lazy->explorer, &ends, lazy->err);
    history_blocks_free(&ends);
    for (size_t i = 0; i < lazy->seed_account_count && !status; i++) {
        struct label label;
        if (!label_find(request->trace.input.labels, explore->network->chain_id, lazy->seed_accounts[i], &label) || label.class_ == CLASS_NONE) /* else the case says that it is no seed */
            status = explore_seed(lazy, lazy->seed_accounts[i]);
    }
    while (!status && !done)
        status = replay(lazy, &done, ret_result);
    if (!status && !(status = hub_note(lazy)))
        status = replay(lazy, &done, ret_result);
    lazy->stats->explored = lazy->explored_count;
    return status;
}

enum tracer_status lazy_run(const struct lazy_request *request, struct trace_result **ret_result, struct explore_stats *ret_stats, struct error *err)
{
    struct explore_request explore = request->explore;
    *ret_stats = (struct explore_stats){0};
    struct lazy lazy = {.request = request,
                        .stats = ret_stats,
                        .trace = request->trace,
                        .arena = arena_new(TRACER_MEMORY_MAX),
                        .start_ms = clock_monotonic_ms(),
                        .requests_before = chain_calls(request->explore.client),
                        .err = err};
    explore.degree_max = request->limits.degree_max;
    enum tracer_status status = lazy.arena ? run(&lazy, &explore, ret_result) : no_memory(&lazy);
    count_requests(&lazy);
    explore_close(lazy.explorer);
    history_blocks_free(&lazy.seed_blocks);
    arena_free(lazy.arena);
    return status;
}
