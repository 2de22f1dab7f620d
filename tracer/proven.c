/* proven.c - how much of a trace does not rest on accounts whose history has a gap.
 *
 * A trace is replayed as if what is known of such an account were all: so its hops are found. How much of its units was tainted when it paid
 * them depends on what is missing, so a second replay has it pay units of unknown history (taint-spec 9.5). What is tainted there, too,
 * is proven. */
#include "proven.h"

#include <stdlib.h>
#include <string.h>

struct trace_proof {
    struct case_state state; /* of the second replay */
    struct proven proven;
};

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

static int order_ids(uint32_t a_account, uint32_t a_asset, uint32_t a_tag, uint32_t b_account, uint32_t b_asset, uint32_t b_tag)
{
    if (a_account != b_account)
        return a_account < b_account ? -1 : 1;
    if (a_asset != b_asset)
        return a_asset < b_asset ? -1 : 1;
    return a_tag < b_tag ? -1 : a_tag > b_tag;
}

static int order_absorbed(const void *a, const void *b)
{
    const struct taint_absorbed *x = a, *y = b;
    return order_ids(x->account, x->asset, x->tag, y->account, y->asset, y->tag);
}

static int order_totals(const void *a, const void *b)
{
    const struct taint_total *x = a, *y = b;
    return order_ids(0, x->asset, x->tag, 0, y->asset, y->tag);
}

static const void *sorted(struct arena *arena, const void *items, size_t count, size_t size, int (*order)(const void *, const void *))
{
    void *copy = arena_calloc(arena, count + 1, size);
    if (copy && count) {
        memcpy(copy, items, count * size);
        qsort(copy, count, size, order);
    }
    return copy;
}

/* Accounts with a gap, and those that only the seeds made explored, among the accounts that the result names: no others had tainted units. */
static enum tracer_status find_gapped(struct case_state *state, struct trace_result *result, struct error *err)
{
    size_t most = state->gapped_count, count = 0, kept = 0, at = 0;
    struct address account;
    while (taint_explored(state->taint, &at, &account))
        most++;
    struct address *gapped = arena_calloc(state->arena, most + 1, sizeof(*gapped));
    const struct address *explored = sorted(state->arena, state->explored, state->explored_count, sizeof(*explored), order_addresses);
    if (!gapped || !explored)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < state->gapped_count; i++)
        gapped[count++] = state->gapped[i];
    at = 0;
    while (state->has_explored && !state->network.imported && taint_explored(state->taint, &at, &account))
        if (!bsearch(&account, explored, state->explored_count, sizeof(account), order_addresses))
            gapped[count++] = account;
    if (count)
        qsort(gapped, count, sizeof(*gapped), order_addresses);
    for (size_t i = 0; i < count; i++)
        if (case_account(state, gapped[i]) != RESULT_NONE && (!kept || !address_equal(gapped[kept - 1], gapped[i])))
            gapped[kept++] = gapped[i];
    result->gapped = gapped;
    result->gapped_count = kept;
    return TRACER_OK;
}

enum tracer_status proven_index(struct proven *proven, enum taint_policy policy, struct arena *arena, struct error *err)
{
    const struct taint_absorbed *absorbed;
    const struct taint_total *totals;
    proven->is_bound = policy != POLICY_CLEANFIRST && policy != POLICY_TAINTFIRST;
    proven->absorbed_count = taint_absorbed(proven->taint, &absorbed);
    proven->total_count = taint_totals(proven->taint, &totals);
    proven->absorbed = sorted(arena, absorbed, proven->absorbed_count, sizeof(*absorbed), order_absorbed);
    proven->totals = sorted(arena, totals, proven->total_count, sizeof(*totals), order_totals);
    return proven->absorbed && proven->totals ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

enum tracer_status trace_prove(struct case_state *state, struct trace_result *result, struct error *err)
{
    enum tracer_status status = state->as_if_whole ? find_gapped(state, result, err) : TRACER_OK;
    if (status || !result->gapped_count)
        return status;
    struct trace_proof *proof = arena_calloc(state->arena, 1, sizeof(*proof));
    if (!proof)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->touches_gap = true;
    proof->state = *state;
    proof->state.as_if_whole = false;
    proof->state.taint = NULL;
    proof->state.cursor = (struct cursor){0};
    proof->state.gapped = arena_copy(state->arena, result->gapped, result->gapped_count * sizeof(*result->gapped));
    proof->state.gapped_count = result->gapped_count;
    state->proof = proof;
    if (!proof->state.gapped)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if ((status = case_engine(&proof->state, state->options, err)) || (status = case_replay(&proof->state, err)))
        return status;
    proof->proven.taint = proof->state.taint;
    return proven_index(&proof->proven, state->options.policy, state->arena, err);
}

const struct proven *trace_proven(const struct case_state *state)
{
    return state->proof ? &state->proof->proven : NULL;
}

void trace_unprove(struct case_state *state)
{
    if (state->proof)
        case_close(&state->proof->state);
    state->proof = NULL;
}

/* What is left of `amount` without what is proven of it. */
static struct u320 rest(struct u320 amount, struct u320 proven)
{
    if (u320_compare(proven, amount) >= 0)
        return (struct u320){{0}};
    u320_sub_u320(&amount, proven);
    return amount;
}

struct u256 unproven_of_hop(const struct proven *proven, const struct taint_hop *hop)
{
    struct u256 unproven = {{0}};
    size_t found = proven ? taint_find_hop(proven->taint, hop->position, hop->source) : SIZE_MAX;
    if (!proven)
        return unproven;
    if (found == SIZE_MAX || (!proven->is_bound && hop->hop))
        return hop->tainted;
    if (!u256_sub(hop->tainted, taint_hop_at(proven->taint, found).tainted, &unproven))
        return (struct u256){{0}};
    return unproven;
}

struct u320 unproven_of_holding(const struct proven *proven, const struct taint_holding *holding)
{
    if (!proven)
        return (struct u320){{0}};
    struct taint_holding found;
    bool held = proven->is_bound && taint_find_holding(proven->taint, holding->account, holding->asset, holding->tag, &found);
    return rest(u320_from_u256(holding->amount), held ? u320_from_u256(found.amount) : (struct u320){{0}});
}

struct u320 unproven_of_absorbed(const struct proven *proven, const struct taint_absorbed *absorbed)
{
    if (!proven)
        return (struct u320){{0}};
    const struct taint_absorbed *found = bsearch(absorbed, proven->absorbed, proven->absorbed_count, sizeof(*found), order_absorbed);
    return rest(absorbed->amount, found && proven->is_bound ? found->amount : (struct u320){{0}});
}

void unproven_of_total(const struct proven *proven, const struct taint_total *total, struct u320 ret_places[PLACE_IS_COUNT])
{
    static const struct taint_total none;
    if (!proven)
        return;
    const struct taint_total *found = bsearch(total, proven->totals, proven->total_count, sizeof(*found), order_totals);
    found = found && proven->is_bound ? found : &none;
    ret_places[PLACE_IS_BURNED] = rest(total->burned, found->burned);
    ret_places[PLACE_IS_FEES] = rest(total->fees, found->fees);
    ret_places[PLACE_IS_CONVERTED] = rest(total->converted_out, found->converted_out);
    ret_places[PLACE_IS_RETAGGED] = rest(total->retagged, found->retagged);
}
