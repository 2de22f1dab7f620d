/* compare.c - one trace under several policies, side by side: each is a whole replay of its own (taint-spec
 * 1). */
#include "pipeline.h"

#include <stdlib.h>
#include <string.h>

const enum taint_policy compared_policies[COMPARED_COUNT] = {POLICY_FIFO, POLICY_LIFO, POLICY_HAIRCUT,
                                                             POLICY_CLEANFIRST, POLICY_TAINTFIRST};

static void set_ends(struct compared *compared)
{
    compared->low = compared->high = 0;
    for (uint8_t i = 1; i < COMPARED_COUNT; i++) {
        if (u320_compare(compared->amounts[i], compared->amounts[compared->low]) < 0)
            compared->low = i;
        if (u320_compare(compared->amounts[i], compared->amounts[compared->high]) > 0)
            compared->high = i;
    }
}

static int order_total_keys(const void *a, const void *b)
{
    const struct compared_total *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->asset < y->asset ? -1 : x->asset > y->asset;
}

static int order_place_keys(const void *a, const void *b)
{
    const struct compared_place *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->asset != y->asset)
        return x->asset < y->asset ? -1 : 1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->account < y->account ? -1 : x->account > y->account;
}

/* For people: the greatest amounts first. */
static int order_places(const void *a, const void *b)
{
    const struct compared_place *x = a, *y = b;
    if (x->source != y->source || x->asset != y->asset || x->place != y->place)
        return order_place_keys(a, b);
    int order = u320_compare(y->amount.amounts[y->amount.high], x->amount.amounts[x->amount.high]);
    return order ? order : order_place_keys(a, b);
}

static int order_hops(const void *a, const void *b)
{
    const struct compared_hop *x = a, *y = b;
    int order = position_compare(x->hop.position, y->hop.position);
    return order ? order : (x->hop.source > y->hop.source) - (x->hop.source < y->hop.source);
}

static void add(struct compared *to, const struct compared *from)
{
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        u320_add_u320(&to->amounts[i], from->amounts[i]);
}

static enum tracer_status compare_totals(struct compare_result *result, const struct trace_result *traces,
                                         struct error *err)
{
    size_t most = 0, count = 0;
    for (size_t p = 0; p < COMPARED_COUNT; p++)
        most += traces[p].total_count;
    struct compared_total *totals = arena_calloc(result->arena, most + 1, sizeof(*totals));
    if (!totals)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t p = 0; p < COMPARED_COUNT; p++)
        for (size_t i = 0; i < traces[p].total_count; i++) {
            const struct result_total *total = &traces[p].totals[i];
            struct compared_total *to = &totals[count++];
            *to = (struct compared_total){.source = total->source, .asset = total->asset};
            to->came_in.amounts[p] = total->seeded;
            u320_add_u320(&to->came_in.amounts[p], total->emitted);
            u320_add_u320(&to->came_in.amounts[p], total->converted_in);
            for (int place = 0; place < PLACE_IS_COUNT; place++)
                to->places[place].amounts[p] = total->places[place];
        }
    if (count)
        qsort(totals, count, sizeof(*totals), order_total_keys);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept && order_total_keys(&totals[kept - 1], &totals[i]) == 0) {
            add(&totals[kept - 1].came_in, &totals[i].came_in);
            for (int place = 0; place < PLACE_IS_COUNT; place++)
                add(&totals[kept - 1].places[place], &totals[i].places[place]);
        } else {
            totals[kept++] = totals[i];
        }
    }
    for (size_t i = 0; i < kept; i++) {
        set_ends(&totals[i].came_in);
        for (int place = 0; place < PLACE_IS_COUNT; place++)
            set_ends(&totals[i].places[place]);
    }
    result->totals = totals;
    result->total_count = kept;
    return TRACER_OK;
}

static enum tracer_status compare_places(struct compare_result *result, const struct trace_result *traces,
                                         struct error *err)
{
    size_t most = 0, count = 0, kept = 0;
    for (size_t p = 0; p < COMPARED_COUNT; p++)
        most += traces[p].place_count;
    struct compared_place *places = arena_calloc(result->arena, most + 1, sizeof(*places));
    if (!places)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t p = 0; p < COMPARED_COUNT; p++)
        for (size_t i = 0; i < traces[p].place_count; i++) {
            const struct result_place *place = &traces[p].places[i];
            places[count] = (struct compared_place){
                place->source, place->asset, place->place, place->account, {{{{0}}}, 0, 0}};
            places[count++].amount.amounts[p] = place->amount;
        }
    if (count)
        qsort(places, count, sizeof(*places), order_place_keys);
    for (size_t i = 0; i < count; i++) {
        if (kept && order_place_keys(&places[kept - 1], &places[i]) == 0)
            add(&places[kept - 1].amount, &places[i].amount);
        else
            places[kept++] = places[i];
    }
    for (size_t i = 0; i < kept; i++)
        set_ends(&places[i].amount);
    if (kept)
        qsort(places, kept, sizeof(*places), order_places);
    result->places = places;
    result->place_count = kept;
    return TRACER_OK;
}

static enum tracer_status compare_hops(struct compare_result *result, const struct trace_result *traces,
                                       struct error *err)
{
    size_t most = 0, count = 0, kept = 0;
    for (size_t p = 0; p < COMPARED_COUNT; p++)
        most += traces[p].hop_count;
    struct compared_hop *hops = arena_calloc(result->arena, most + 1, sizeof(*hops));
    if (!hops)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t p = 0; p < COMPARED_COUNT; p++)
        for (size_t i = 0; i < traces[p].hop_count; i++) {
            hops[count].hop = traces[p].hops[i];
            hops[count].hop.parent = RESULT_NONE;
            hops[count++].tainted.amounts[p] = u320_from_u256(traces[p].hops[i].tainted);
        }
    if (count)
        qsort(hops, count, sizeof(*hops), order_hops);
    for (size_t i = 0; i < count; i++) {
        if (!kept || order_hops(&hops[kept - 1], &hops[i]) != 0) {
            hops[kept++] = hops[i];
            continue;
        }
        add(&hops[kept - 1].tainted, &hops[i].tainted);
        if (hops[i].hop.hop < hops[kept - 1].hop.hop)
            hops[kept - 1].hop.hop = hops[i].hop.hop;
    }
    for (size_t i = 0; i < kept; i++)
        set_ends(&hops[i].tainted);
    result->hops = hops;
    result->hop_count = kept;
    return TRACER_OK;
}

/* The engines of all policies, replayed; their cursors are of one store and give the same ids. */
static enum tracer_status replay_all(struct case_state *state, struct taint *taints[COMPARED_COUNT],
                                     struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t p = 0; p < COMPARED_COUNT && !status; p++) {
        struct taint_options options = state->input->options;
        options.policy = compared_policies[p];
        cursor_close(&state->cursor);
        status = case_engine(state, options, err);
        taints[p] = state->taint;
        if (!status)
            status = case_replay(state, err);
        if (!status)
            status = trace_gather(state, err);
        state->taint = NULL;
    }
    return status;
}

static enum tracer_status build(struct case_state *state, struct taint *taints[COMPARED_COUNT],
                                struct compare_result *result, struct error *err)
{
    struct trace_result traces[COMPARED_COUNT] = {{0}};
    enum tracer_status status = case_seal_tables(state, err);
    for (size_t p = 0; p < COMPARED_COUNT && !status; p++) {
        state->taint = taints[p];
        state->options.policy = compared_policies[p];
        if (p == 0)
            status = trace_build_seeds(state, &result->trace, err);
        if (!status)
            status = trace_build_totals(state, &traces[p], err);
        if (!status)
            status = trace_build_hops(state, &traces[p], err);
    }
    if (status || (status = compare_totals(result, traces, err)) ||
        (status = compare_places(result, traces, err)) || (status = compare_hops(result, traces, err)))
        return status;
    state->taint = taints[0];
    status = trace_build_rest(state, &result->trace, err);
    result->trace.head.policy = "all";
    return status;
}

enum tracer_status trace_compare(const struct trace_request *request, struct compare_result **ret_result,
                                 struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct compare_result *result = arena ? arena_calloc(arena, 1, sizeof(*result)) : NULL;
    struct taint *taints[COMPARED_COUNT] = {NULL};
    struct case_state state;
    if (!result) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    result->arena = arena;
    enum tracer_status status = trace_case(&state, request, arena, err);
    state.compares = true;
    state.as_if_whole = false; /* a policy's amounts stand beside each other only as far as they are proven */
    if (!status)
        status = replay_all(&state, taints, err);
    if (!status)
        status = build(&state, taints, result, err);
    state.taint = NULL;
    for (size_t p = 0; p < COMPARED_COUNT; p++)
        taint_free(taints[p]);
    case_close(&state);
    if (status)
        compare_result_free(result);
    else
        *ret_result = result;
    return status;
}
