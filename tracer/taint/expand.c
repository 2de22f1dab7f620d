/* expand.c - ranked expansion of the explored set: replay, add the best frontier account, repeat (taint-spec 12). */
#include "engine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct expansion {
    struct taint_input input; /* with an explored set of our own */
    struct address *explored;
    size_t explored_count, explored_capacity;
    struct taint_expand_step *steps;
    size_t step_count, step_capacity;
    struct cursor *cursor;
    const struct taint_expand_limits *limits;
};

struct u320 taint_worth(uint64_t weight, uint32_t decimals, struct u320 units)
{
    struct u256 unit = u256_from_u64(1);
    struct u320 worth;
    for (uint32_t i = 0; i < decimals; i++)
        memcpy(unit.limb, u256_mul(unit, u256_from_u64(10)).limb, sizeof(unit.limb));
    if (!u320_mul_div(units, u320_from_u256(u256_from_u64(weight)), u320_from_u256(unit), &worth))
        memset(&worth, 0xff, sizeof(worth)); /* beyond any ranking */
    return worth;
}

/* Without an assets.csv the units; unlisted assets count 0. */
static struct u320 score_of(const struct taint *taint, uint32_t asset, struct u320 units)
{
    const struct asset_state *state = &taint->assets[asset];
    if (!taint->input->has_assets)
        return units;
    return state->ready && state->recognised ? taint_worth(state->weight, state->decimals, units) : (struct u320){{0}};
}

static bool is_hub(const struct taint_expand_step *steps, size_t count, struct address address)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].hub && address_equal(steps[i].address, address))
            return true;
    return false;
}

/* Least hop with which a record arrived at the account. */
static uint32_t least_hop(const struct taint *taint, uint32_t account)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < taint->move_count; i++) {
        uint32_t hop = taint->moves[i].to == account ? record_least_hop(taint, i) : UINT32_MAX;
        least = hop < least ? hop : least;
    }
    return least;
}

static bool better(const struct taint_expand_step *a, const struct taint_expand_step *b)
{
    int order = u320_compare(a->score, b->score);
    if (order)
        return order > 0;
    if (a->hop != b->hop)
        return a->hop < b->hop;
    return address_compare(a->address, b->address) < 0;
}

size_t taint_candidates(const struct taint *taint, const struct taint_expand_limits *limits, const struct taint_expand_step *steps,
                        size_t step_count, struct taint_expand_step *ret_best, size_t most)
{
    size_t count = 0;
    struct u320 least = u320_from_u256(limits->score_min), one = u320_from_u256(u256_from_u64(1));
    if (u320_compare(least, one) < 0)
        least = one;
    for (size_t i = 0; i < taint->absorbed_shown_count;) { /* by account */
        uint32_t account = taint->absorbed_shown[i].account;
        struct taint_expand_step candidate = {.account = account};
        bool frontier = taint->absorbed_shown[i].place == PLACE_FRONTIER;
        for (; i < taint->absorbed_shown_count && taint->absorbed_shown[i].account == account; i++)
            if (taint->absorbed_shown[i].tag != TAINT_UNKNOWN)
                u320_add_u320(&candidate.score, score_of(taint, taint->absorbed_shown[i].asset, taint->absorbed_shown[i].amount));
        if (!frontier || u320_compare(candidate.score, least) < 0)
            continue;
        candidate.address = taint->cursor->account(taint->cursor->self, account);
        candidate.hop = least_hop(taint, account);
        if (candidate.hop > limits->hops_max || is_hub(steps, step_count, candidate.address))
            continue;
        size_t at = count;
        while (at && better(&candidate, &ret_best[at - 1]))
            at--;
        if (at == most)
            continue;
        count += count < most;
        memmove(&ret_best[at + 1], &ret_best[at], (count - at - 1) * sizeof(*ret_best));
        ret_best[at] = candidate;
    }
    return count;
}

/* In how many rows the account occurs. */
static enum tracer_status degree_of(struct cursor *cursor, uint32_t account, uint64_t *ret_degree, struct error *err)
{
    const struct cursor_row *rows;
    size_t count;
    uint64_t degree = 0;
    enum tracer_status status = cursor->rewind(cursor->self, err);
    while (!status && !(status = cursor->next(cursor->self, &rows, &count, err)) && count)
        for (size_t i = 0; i < count; i++)
            degree += rows[i].from == account || rows[i].to == account;
    *ret_degree = degree;
    return status;
}

static enum tracer_status replay(struct expansion *expansion, struct taint **ret_taint, struct error *err)
{
    expansion->input.explored = expansion->explored;
    expansion->input.explored_count = expansion->explored_count;
    enum tracer_status status = taint_new(&expansion->input, expansion->cursor, ret_taint, err);
    return status ? status : taint_replay(*ret_taint, NULL, NULL, err);
}

static enum tracer_status add_step(struct expansion *expansion, const struct taint_expand_step *step, struct error *err)
{
    struct taint_expand_step *steps =
        grow(expansion->steps, expansion->step_count, &expansion->step_capacity, sizeof(*steps));
    struct address *explored =
        grow(expansion->explored, expansion->explored_count, &expansion->explored_capacity, sizeof(*explored));
    if (steps)
        expansion->steps = steps;
    if (explored)
        expansion->explored = explored;
    if (!steps || !explored)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    steps[expansion->step_count++] = *step;
    if (!step->hub)
        explored[expansion->explored_count++] = step->address;
    return TRACER_OK;
}

bool taint_explored(const struct taint *taint, size_t *at, struct address *ret_address)
{
    for (; *at < taint->explored_count; (*at)++) {
        bool again = address_is_void(taint->explored[*at]);
        for (size_t j = 0; j < *at && !again; j++)
            again = address_equal(taint->explored[*at], taint->explored[j]);
        for (size_t l = 0; l < taint->input->label_count && !again; l++)
            again = address_equal(taint->explored[*at], taint->input->labels[l].address);
        if (again)
            continue;
        *ret_address = taint->explored[(*at)++];
        return true;
    }
    return false;
}

static size_t explored_size(const struct taint *taint)
{
    struct address ignored;
    size_t at = 0, count = 0;
    while (taint_explored(taint, &at, &ignored))
        count++;
    return count;
}

enum tracer_status taint_expand(const struct taint_input *input, struct cursor *cursor,
                                const struct taint_expand_limits *limits, struct taint_expand_step **ret_steps,
                                size_t *ret_step_count, struct taint **ret_taint, struct error *err)
{
    struct expansion expansion = {.input = *input, .cursor = cursor, .limits = limits};
    struct taint_input *kept = malloc(sizeof(*kept)); /* the last replay points to it */
    struct taint *taint = NULL;
    expansion.input.has_explored = true;
    enum tracer_status status = kept ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    while (!status && !(status = replay(&expansion, &taint, err))) {
        if (explored_size(taint) >= limits->accounts_max)
            break;
        struct taint_expand_step best;
        uint64_t degree = 0;
        if (!taint_candidates(taint, limits, expansion.steps, expansion.step_count, &best, 1))
            break;
        bool bounded = limits->degree_max < UINT32_MAX;
        if (bounded && (status = degree_of(cursor, best.account, &degree, err)))
            break;
        best.hub = bounded && degree > limits->degree_max;
        if ((status = add_step(&expansion, &best, err)))
            break;
        taint_free(taint);
        taint = NULL;
    }
    if (status) {
        taint_free(taint);
        free(kept);
        free(expansion.steps);
        free(expansion.explored);
        return status;
    }
    *kept = expansion.input;
    taint->input = taint->owned_input = kept;
    taint->owned_explored = expansion.explored;
    *ret_steps = expansion.steps;
    *ret_step_count = expansion.step_count;
    *ret_taint = taint;
    return TRACER_OK;
}

enum tracer_status taint_write_expand(const struct taint_expand_step *steps, size_t count, FILE *stream, struct error *err)
{
    fputs("step,address,score,hop,status\n", stream);
    for (size_t i = 0; i < count; i++) {
        char address[ADDRESS_TEXT_SIZE], score[U320_DECIMAL_MAX];
        address_format(steps[i].address, address);
        u320_format_decimal(steps[i].score, score);
        fprintf(stream, "%zu,%s,%s,%" PRIu32 ",%s\n", i + 1, address, score, steps[i].hop, steps[i].hub ? "hub" : "expanded");
    }
    return ferror(stream) ? error_set(err, TRACER_E_IO, "the output could not be written") : TRACER_OK;
}
