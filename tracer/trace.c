/* trace.c - from seeds to flagged hops and places (architecture 8). */
#include "proven.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_source(uint32_t tag)
{
    return tag != TAINT_UNKNOWN && tag != TAINT_CLEAN;
}

/* Every address and asset that the result will name. */
enum tracer_status trace_gather(struct case_state *state, struct error *err)
{
    const struct taint_absorbed *absorbed;
    const struct taint_total *totals;
    const struct cursor *cursor = &state->cursor;
    enum tracer_status status = TRACER_OK;
    size_t count = taint_hop_count(state->taint);
    for (size_t i = 0; i < count && !status; i++) {
        struct taint_hop hop = taint_hop_at(state->taint, i);
        status = case_name_address(state, cursor->account(cursor->self, hop.from), err);
        if (!status)
            status = case_name_address(state, cursor->account(cursor->self, hop.to), err);
        if (!status)
            status = case_list_asset(state, cursor->asset(cursor->self, hop.asset), err);
    }
    count = taint_holding_count(state->taint);
    for (size_t i = 0; i < count && !status; i++) {
        struct taint_holding holding = taint_holding_at(state->taint, i);
        if (!is_source(holding.tag))
            continue;
        status = case_name_address(state, cursor->account(cursor->self, holding.account), err);
        if (!status)
            status = case_list_asset(state, cursor->asset(cursor->self, holding.asset), err);
    }
    count = taint_absorbed(state->taint, &absorbed);
    for (size_t i = 0; i < count && !status; i++) {
        if (!is_source(absorbed[i].tag))
            continue;
        status = case_name_address(state, cursor->account(cursor->self, absorbed[i].account), err);
        if (!status)
            status = case_list_asset(state, cursor->asset(cursor->self, absorbed[i].asset), err);
    }
    count = taint_totals(state->taint, &totals);
    for (size_t i = 0; i < count && !status; i++)
        if (is_source(totals[i].tag))
            status = case_list_asset(state, cursor->asset(cursor->self, totals[i].asset), err);
    return status;
}

static uint32_t account_of(const struct case_state *state, uint32_t id)
{
    return case_account(state, state->cursor.account(state->cursor.self, id));
}

static uint32_t asset_of(const struct case_state *state, uint32_t id)
{
    struct asset asset = state->cursor.asset(state->cursor.self, id);
    return case_asset(state, &asset);
}

/* A path is as good as its weakest transfer. Parents usually stand before their children, but the payment of
 * a swap may be logged after what it bought: pass again until nothing changes. */
static void grade_paths(struct result_hop *hops, size_t count)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; i++) {
            if (hops[i].parent == RESULT_NONE || hops[hops[i].parent].path_grade <= hops[i].path_grade)
                continue;
            hops[i].path_grade = hops[hops[i].parent].path_grade;
            changed = true;
        }
    }
}

enum tracer_status trace_build_hops(struct case_state *state, struct trace_result *result, struct error *err)
{
    size_t count = taint_hop_count(state->taint), distinct = 0;
    struct result_hop *shown = arena_calloc(state->arena, count + 1, sizeof(*shown));
    struct position *positions = arena_calloc(state->arena, count + 1, sizeof(*positions));
    struct row_facts *facts = arena_calloc(state->arena, count + 1, sizeof(*facts));
    if (!shown || !positions || !facts)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < count; i++) { /* a row tainted by several sources stands several times */
        struct position position = taint_hop_at(state->taint, i).position;
        if (distinct == 0 || position_compare(position, positions[distinct - 1]) != 0)
            positions[distinct++] = position;
    }
    enum tracer_status status = case_row_facts(state, positions, distinct, facts, err);
    if (status)
        return status;
    uint64_t inferred = 0, linked = 0;
    for (size_t i = 0, row = 0; i < count; i++) {
        struct taint_hop hop = taint_hop_at(state->taint, i);
        if (position_compare(hop.position, positions[row]) != 0)
            row++;
        shown[i] = (struct result_hop){.position = hop.position,
                                       .source = hop.source,
                                       .hop = hop.hop,
                                       .transaction_hash = facts[row].transaction_hash,
                                       .block_number = facts[row].block_number,
                                       .time = facts[row].time,
                                       .log_index = facts[row].log_index,
                                       .kind = facts[row].kind,
                                       .asset = asset_of(state, hop.asset),
                                       .from = account_of(state, hop.from),
                                       .to = account_of(state, hop.to),
                                       .amount = hop.amount,
                                       .tainted = hop.tainted,
                                       .unproven = unproven_of_hop(trace_proven(state), &hop),
                                       .parent = RESULT_NONE,
                                       .grade = facts[row].grade,
                                       .path_grade = facts[row].grade,
                                       .leg = hop.leg,
                                       .link = hop.link,
                                       .rules = state->network.imported ? 0 : link_rules(hop.link)};
        inferred += facts[row].grade == GRADE_INFERRED;
        bool recognised = hop.leg != LEG_NONE && (shown[i].rules || !hop.link); /* by us, in no source */
        linked += recognised;
        if (recognised && hop.leg == LEG_OUT)
            shown[i].path_grade = GRADE_INFERRED;
        size_t parent = taint_parent(state->taint, i);
        if (parent != SIZE_MAX)
            shown[i].parent = (uint32_t)parent;
    }
    grade_paths(shown, count);
    result->hops = shown;
    result->hop_count = count;
    if (inferred && !state->compares)
        status = case_note(state, NOTE_ASSUMPTION, err,
                           "%" PRIu64
                           " of %zu flagged hops are inferred: computed from balances, in no source as such",
                           inferred, count);
    if (!status && linked)
        status = case_note(state, NOTE_ASSUMPTION, err,
                           "%" PRIu64
                           " of %zu flagged hops are legs of exchanges that were recognised by rules (docs/linking.md): "
                           "taint goes from what a party paid to what it received",
                           linked, count);
    return status;
}

static enum place place_of(const struct case_state *state, const struct taint_absorbed *absorbed)
{
    switch (absorbed->place) {
    case PLACE_SERVICE: {
        uint32_t account = account_of(state, absorbed->account);
        bool burn = account != RESULT_NONE && strcmp(state->accounts[account].category, "burn") == 0;
        return burn ? PLACE_IS_BURNED : PLACE_IS_SERVICE;
    }
    case PLACE_MIXER:
        return PLACE_IS_MIXER;
    case PLACE_BRIDGE:
        return PLACE_IS_BRIDGE;
    case PLACE_VENUE:
        return PLACE_IS_VENUE;
    case PLACE_FRONTIER:
        break;
    }
    return PLACE_IS_NOT_EXPLORED;
}

/* Find or add the total of (source, asset). */
static struct result_total *total_for(struct result_total *totals, size_t count, uint32_t source,
                                      uint32_t asset)
{
    for (size_t i = 0; i < count; i++)
        if (totals[i].source == source && totals[i].asset == asset)
            return &totals[i];
    return NULL;
}

static int order_places(const void *a, const void *b)
{
    const struct result_place *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->asset != y->asset)
        return x->asset < y->asset ? -1 : 1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    int amount = u320_compare(y->amount, x->amount);
    if (amount)
        return amount;
    return x->account < y->account ? -1 : x->account > y->account;
}

static enum tracer_status build_places(struct case_state *state, struct trace_result *result,
                                       struct result_total *totals, size_t total_count, struct error *err)
{
    const struct taint_absorbed *absorbed;
    size_t held = taint_holding_count(state->taint), away = taint_absorbed(state->taint, &absorbed),
           count = 0;
    struct result_place *places = arena_calloc(state->arena, held + away + 1, sizeof(*places));
    if (!places)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < held; i++) {
        struct taint_holding holding = taint_holding_at(state->taint, i);
        if (is_source(holding.tag))
            places[count++] = (struct result_place){.source = holding.tag,
                                                    .asset = asset_of(state, holding.asset),
                                                    .place = PLACE_IS_HELD,
                                                    .account = account_of(state, holding.account),
                                                    .amount = u320_from_u256(holding.amount),
                                                    .unproven = unproven_of_holding(trace_proven(state), &holding)};
    }
    for (size_t i = 0; i < away; i++)
        if (is_source(absorbed[i].tag))
            places[count++] = (struct result_place){.source = absorbed[i].tag,
                                                    .asset = asset_of(state, absorbed[i].asset),
                                                    .place = place_of(state, &absorbed[i]),
                                                    .account = account_of(state, absorbed[i].account),
                                                    .amount = absorbed[i].amount,
                                                    .unproven = unproven_of_absorbed(trace_proven(state), &absorbed[i])};
    for (size_t i = 0; i < count; i++) {
        struct result_total *total = total_for(totals, total_count, places[i].source, places[i].asset);
        if (!total)
            continue;
        u320_add_u320(&total->places[places[i].place], places[i].amount);
        u320_add_u320(&total->unproven[places[i].place], places[i].unproven);
    }
    if (count)
        qsort(places, count, sizeof(*places), order_places);
    result->places = places;
    result->place_count = count;
    return TRACER_OK;
}

static int order_totals(const void *a, const void *b, void *context)
{
    const struct case_state *state = context;
    const struct result_total *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    bool rx = state->assets_shown[x->asset].recognised, ry = state->assets_shown[y->asset].recognised;
    if (rx != ry)
        return rx ? -1 : 1;
    bool nx = state->assets_shown[x->asset].asset.kind == ASSET_NATIVE,
         ny = state->assets_shown[y->asset].asset.kind == ASSET_NATIVE;
    if (nx != ny) /* the chain's own coin first */
        return nx ? -1 : 1;
    return x->asset < y->asset ? -1 : x->asset > y->asset;
}

/* seeded + emitted + converted_in = the places, to the unit (taint-spec 9.1). */
static bool balanced(const struct result_total *total)
{
    struct u320 in = total->seeded, out = {{0}};
    u320_add_u320(&in, total->emitted);
    u320_add_u320(&in, total->converted_in);
    for (int place = 0; place < PLACE_IS_COUNT; place++)
        u320_add_u320(&out, total->places[place]);
    return u320_compare(in, out) == 0;
}

enum tracer_status trace_build_totals(struct case_state *state, struct trace_result *result,
                                       struct error *err)
{
    const struct taint_total *engine;
    size_t rows = taint_totals(state->taint, &engine), count = 0;
    struct result_total *totals = arena_calloc(state->arena, rows + 1, sizeof(*totals));
    if (!totals)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < rows; i++) {
        if (!is_source(engine[i].tag))
            continue;
        struct result_total *total = &totals[count++];
        *total = (struct result_total){.source = engine[i].tag,
                                       .asset = asset_of(state, engine[i].asset),
                                       .seeded = engine[i].seeded,
                                       .emitted = engine[i].emitted,
                                       .converted_in = engine[i].converted_in};
        unproven_of_total(trace_proven(state), &engine[i], total->unproven);
        total->places[PLACE_IS_BURNED] = engine[i].burned;
        total->places[PLACE_IS_FEES] = engine[i].fees;
        total->places[PLACE_IS_CONVERTED] = engine[i].converted_out;
        total->places[PLACE_IS_RETAGGED] = engine[i].retagged;
    }
    enum tracer_status status = build_places(state, result, totals, count, err);
    if (status)
        return status;
    for (size_t i = 0; i < count && state->options.policy != POLICY_POISON; i++)
        if (!balanced(&totals[i]))
            return error_set(err, TRACER_E_INTERNAL, "the books do not balance for source %s",
                             taint_source_name(state->taint, totals[i].source));
    if (count)
        qsort_r(totals, count, sizeof(*totals), order_totals, state);
    result->totals = totals;
    result->total_count = count;
    return TRACER_OK;
}

enum tracer_status trace_build_seeds(struct case_state *state, struct trace_result *result,
                                      struct error *err)
{
    const char **names = arena_calloc(state->arena, taint_source_count(state->taint) + 1, sizeof(*names));
    if (!names)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (uint32_t s = 0; s < taint_source_count(state->taint); s++) {
        const char *name = taint_source_name(state->taint, s);
        if (!(names[s] = arena_text(state->arena, name, strlen(name))))
            return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    for (size_t i = 0; i < state->seed_count; i++) {
        struct result_seed *seed = &state->shown_seeds[i];
        struct transfer *rows;
        size_t count;
        if (seed->is_address)
            continue;
        enum tracer_status status = case_transaction_rows(state, seed->position, &rows, &count, err);
        if (status)
            return status;
        for (size_t r = 0; r < count; r++)
            if (position_compare(rows[r].position, seed->position) == 0)
                seed->asset = case_asset(state, &rows[r].asset);
    }
    result->sources = names;
    result->source_count = taint_source_count(state->taint);
    result->seeds = state->shown_seeds;
    result->seed_count = state->seed_count;
    return TRACER_OK;
}

static enum tracer_status explored_note(struct case_state *state, const struct trace_result *result,
                                        struct error *err)
{
    size_t waiting = 0;
    uint32_t previous = RESULT_NONE;
    for (size_t i = 0; i < result->place_count; i++) {
        if (result->places[i].place != PLACE_IS_NOT_EXPLORED || result->places[i].account == previous)
            continue;
        previous = result->places[i].account;
        waiting++;
    }
    if (!state->has_explored)
        return TRACER_OK;
    if (!result->places) /* of an explanation or a comparison: it has its own */
        return case_note(state, NOTE_GAP, err, "the history of %zu accounts is in the store, that of all others is not",
                         state->explored_count);
    return case_note(
        state, NOTE_GAP, err,
        "the history of %zu accounts is in the store, that of all others is not: %zu accounts that received "
        "tainted units are not explored, what they did with them is not known here",
        state->explored_count, waiting);
}

/* What the amounts behind a gap are. */
static enum tracer_status gapped_note(struct case_state *state, const struct trace_result *result, struct error *err)
{
    if (result->gapped_count)
        return case_note(state, NOTE_GAP, err,
                         "%zu accounts that had tainted units have a gap: what came out of them is told as if nothing else had come or gone there, and "
                         "counts as not proven; the truth is between what is proven of a transfer and all of it",
                         result->gapped_count);
    if (!state->gapped_count || (state->as_if_whole && result->hops))
        return TRACER_OK;
    return state->as_if_whole
               ? case_note(state, NOTE_GAP, err, "accounts with a gap are told as if nothing else had come or gone there: what came out of them is not proven")
               : case_note(state, NOTE_GAP, err,
                           "accounts with a gap pay units of unknown history: what came out of them is not told here (a trace of one policy tells it, as not proven)");
}

enum tracer_status trace_build_rest(struct case_state *state, struct trace_result *result, struct error *err)
{
    enum tracer_status status;
    if ((status = explored_note(state, result, err)) || (status = gapped_note(state, result, err)) || (status = case_common_notes(state, err)) ||
        (status = case_head(state, &result->head, err)))
        return status;
    result->accounts = state->accounts;
    result->account_count = state->account_count;
    result->assets = state->assets_shown;
    result->asset_count = state->asset_shown_count;
    result->touches_gap = state->touches_gap;
    return TRACER_OK;
}

static enum tracer_status build(struct case_state *state, struct trace_result *result, struct error *err)
{
    enum tracer_status status;
    if ((status = trace_gather(state, err)) || (status = case_seal_tables(state, err)) || (status = trace_prove(state, result, err)) ||
        (status = trace_build_seeds(state, result, err)) || (status = trace_build_totals(state, result, err)) ||
        (status = trace_build_hops(state, result, err)) || (status = lookalike_notes(state, err)))
        return status;
    return trace_build_rest(state, result, err);
}

enum tracer_status trace_build(struct case_state *state, struct trace_result *result, struct error *err)
{
    enum tracer_status status = build(state, result, err);
    trace_unprove(state);
    return status;
}

enum tracer_status trace_result_new(struct trace_result **ret_result, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct trace_result *result = arena ? arena_calloc(arena, 1, sizeof(*result)) : NULL;
    if (!result) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    result->arena = arena;
    *ret_result = result;
    return TRACER_OK;
}

enum tracer_status trace_case(struct case_state *state, const struct trace_request *request, struct arena *arena,
                              struct error *err)
{
    enum tracer_status status = case_open(state, &request->input, arena, err);
    state->as_if_whole = true;
    state->of_sources = true;
    if (!status && request->seed_count == 0)
        status = error_set(err, TRACER_E_USAGE, "name at least one seed");
    for (size_t i = 0; i < request->seed_count && !status; i++)
        status = case_add_seed(state, request->seeds[i], request->has_since, request->since, err);
    return status;
}

enum tracer_status trace_run(const struct trace_request *request, struct trace_result **ret_result,
                             struct error *err)
{
    struct trace_result *result;
    struct case_state state;
    enum tracer_status status = trace_result_new(&result, err);
    if (status)
        return status;
    status = trace_case(&state, request, result->arena, err);
    if (!status)
        status = case_engine_of_sources(&state, request->input.options, err);
    if (!status)
        status = case_replay(&state, err);
    if (!status)
        status = trace_build(&state, result, err);
    case_close(&state);
    if (status)
        trace_result_free(result);
    else
        *ret_result = result;
    return status;
}
