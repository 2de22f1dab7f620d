/* check_lines.c - what rows and accounts carried, received and hold, and over which paths. */
#include "checking.h"

#include <stdlib.h>
#include <string.h>

static enum tracer_status add_step(struct checking *checking, size_t hop, struct error *err)
{
    struct case_state *state = &checking->state;
    size_t capacity = checking->step_capacity;
    size_t *hops =
        case_grow(state->arena, checking->step_hops, checking->step_count, &capacity, sizeof(*hops));
    if (!hops)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    checking->step_capacity = capacity;
    checking->step_hops = hops;
    hops[checking->step_count] = hop;
    checking->step_of_hop[hop] = (uint32_t)checking->step_count++;
    return TRACER_OK;
}

/* The path to a record as step numbers (numbered in the order of first use; sorted in build_steps). */
static enum tracer_status add_path(struct checking *checking, size_t hop, struct check_exposure *exposure,
                                   struct error *err)
{
    struct case_state *state = &checking->state;
    size_t length = taint_path(state->taint, hop, NULL, 0);
    if (length > TRACER_PATH_MAX)
        return error_set(err, TRACER_E_LIMIT, "a path of more than %u transfers", TRACER_PATH_MAX);
    size_t *hops = arena_calloc(state->arena, length + 1, sizeof(*hops));
    uint32_t *path = arena_calloc(state->arena, length + 1, sizeof(*path));
    if (!hops || !path)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    taint_path(state->taint, hop, hops, length);
    for (size_t i = 0; i < length; i++) {
        if (checking->step_of_hop[hops[i]] == RESULT_NONE) {
            enum tracer_status status = add_step(checking, hops[i], err);
            if (status)
                return status;
        }
        path[i] = checking->step_of_hop[hops[i]];
    }
    exposure->path = path;
    exposure->path_count = length;
    return TRACER_OK;
}

static int order_hops(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* Steps in the order of the chain; paths renumbered. */
enum tracer_status build_steps(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    size_t count = checking->step_count, distinct = 0;
    uint32_t *renumbered = arena_calloc(state->arena, count + 1, sizeof(*renumbered));
    size_t *sorted = arena_calloc(state->arena, count + 1, sizeof(*sorted));
    struct check_step *steps = arena_calloc(state->arena, count + 1, sizeof(*steps));
    struct position *positions = arena_calloc(state->arena, count + 1, sizeof(*positions));
    struct row_facts *facts = arena_calloc(state->arena, count + 1, sizeof(*facts));
    if (!renumbered || !sorted || !steps || !positions || !facts)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (count) {
        memcpy(sorted, checking->step_hops, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), order_hops);
    }
    for (size_t i = 0; i < count; i++) {
        renumbered[checking->step_of_hop[sorted[i]]] = (uint32_t)i;
        struct position position = taint_hop_at(state->taint, sorted[i]).position;
        if (distinct == 0 || position_compare(position, positions[distinct - 1]) != 0)
            positions[distinct++] = position;
    }
    enum tracer_status status = case_row_facts(state, positions, distinct, facts, err);
    for (size_t i = 0, row = 0; i < count && !status; i++) {
        struct taint_hop hop = taint_hop_at(state->taint, sorted[i]);
        if (position_compare(hop.position, positions[row]) != 0)
            row++;
        struct asset asset = state->cursor.asset(state->cursor.self, hop.asset);
        steps[i] = (struct check_step){
            .position = hop.position,
            .transaction_hash = facts[row].transaction_hash,
            .time = facts[row].time,
            .asset = case_asset(state, &asset),
            .from = case_account(state, state->cursor.account(state->cursor.self, hop.from)),
            .to = case_account(state, state->cursor.account(state->cursor.self, hop.to)),
            .amount = hop.amount,
            .tainted = hop.tainted,
            .hop = hop.hop,
            .grade = facts[row].grade,
            .leg = hop.leg,
            .link = hop.link,
            .rules = state->network.imported ? 0 : link_rules(hop.link),
        };
    }
    for (size_t a = 0; a < checking->result->answer_count && !status; a++)
        for (size_t l = 0; l < checking->result->answers[a].line_count; l++)
            for (size_t e = 0; e < checking->result->answers[a].lines[l].exposure_count; e++) {
                const struct check_exposure *exposure = &checking->result->answers[a].lines[l].exposures[e];
                for (size_t p = 0; p < exposure->path_count; p++)
                    exposure->path[p] = renumbered[exposure->path[p]];
            }
    checking->result->steps = checking->built_steps = steps;
    checking->result->step_count = count;
    return status;
}

/* floor(part * 10^6 / whole), 0 if the whole is 0. Both may have 320 bits: cut both until they fit, which
 * only happens for sums over many rows of a hostile token. */
static uint64_t ppm_of(struct u320 part, struct u320 whole)
{
    while (whole.limb[4]) {
        for (int i = 0; i < 4; i++) {
            part.limb[i] = part.limb[i] >> 1 | part.limb[i + 1] << 63;
            whole.limb[i] = whole.limb[i] >> 1 | whole.limb[i + 1] << 63;
        }
        part.limb[4] >>= 1;
        whole.limb[4] >>= 1;
    }
    struct u256 p = {{part.limb[0], part.limb[1], part.limb[2], part.limb[3]}};
    struct u256 w = {{whole.limb[0], whole.limb[1], whole.limb[2], whole.limb[3]}};
    struct u256 ppm;
    if (u256_is_zero(w) || !u256_mul_div(p, u256_from_u64(1000000), w, &ppm))
        return 0;
    return ppm.limb[0];
}

/* clean and the two shares, from amount, tainted and unknown. */
static void finish_line(struct check_line *line)
{
    struct u320 upper = line->tainted;
    u320_add_u320(&upper, line->unknown);
    line->ppm_min = ppm_of(line->tainted, line->amount);
    line->ppm_max = ppm_of(upper, line->amount);
    line->clean = line->amount;
    if (u320_compare(upper, line->amount) >= 0)
        line->clean = (struct u320){{0}}; /* poison: sources overlap */
    else
        u320_sub_u320(&line->clean, upper);
}

enum tracer_status carried_line(struct checking *checking, const struct taint_check *check,
                                const struct transfer *row, struct check_line *line, struct error *err)
{
    struct case_state *state = &checking->state;
    struct row_facts facts;
    enum tracer_status status = case_row_facts(state, &row->position, 1, &facts, err);
    if (status)
        return status;
    *line = (struct check_line){.what = CHECK_CARRIED,
                                .has_position = true,
                                .position = row->position,
                                .transaction_hash = facts.transaction_hash,
                                .time = facts.time,
                                .log_index = facts.log_index,
                                .status = taint_status_name(check->status),
                                .asset = case_asset(state, &row->asset),
                                .from = case_account(state, row->from),
                                .to = case_account(state, row->to),
                                .amount = u320_from_u256(row->amount),
                                .tainted = u320_from_u256(check->tainted),
                                .unknown = u320_from_u256(check->unknown),
                                .clean = u320_from_u256(check->clean),
                                .ppm_min = check->ppm_min,
                                .ppm_max = check->ppm_max};
    struct check_exposure *exposures =
        arena_calloc(state->arena, check->source_count + 1, sizeof(*exposures));
    if (!exposures)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    line->exposures = exposures;
    line->exposure_count = check->source_count;
    for (size_t s = 0; s < check->source_count && !status; s++) {
        const struct taint_check_source *source = &check->sources[s];
        const char *name = taint_source_name(state->taint, source->source);
        exposures[s] = (struct check_exposure){.source = arena_text(state->arena, name, strlen(name)),
                                               .amount = u320_from_u256(source->amount),
                                               .ppm = source->ppm,
                                               .hop = source->hop < 0 ? 0 : (uint32_t)source->hop,
                                               .direct = source->direct};
        if (!exposures[s].source)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        if (source->hop_index != SIZE_MAX)
            status = add_path(checking, source->hop_index, &exposures[s], err);
    }
    return status;
}

/* An exposure of a sum (received) or a holding: the path is that of the record with the least hop. */
static enum tracer_status sum_exposure(struct checking *checking, uint32_t source, struct u320 amount,
                                       const struct check_line *line, size_t hop_index, uint32_t hop,
                                       struct check_exposure *exposure, struct error *err)
{
    struct case_state *state = &checking->state;
    const char *name = taint_source_name(state->taint, source);
    *exposure = (struct check_exposure){.source = arena_text(state->arena, name, strlen(name)),
                                        .amount = amount,
                                        .ppm = ppm_of(amount, line->amount),
                                        .hop = hop,
                                        .direct = hop <= 1};
    if (!exposure->source)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    return hop_index == SIZE_MAX ? TRACER_OK : add_path(checking, hop_index, exposure, err);
}

/* The record of `source` into `account` and `asset` with the least hop, then the first; SIZE_MAX: none. */
static size_t best_record(const struct case_state *state, uint32_t account, uint32_t asset, uint32_t source)
{
    size_t count = taint_hop_count(state->taint), best = SIZE_MAX;
    uint32_t least = 0;
    for (size_t i = 0; i < count; i++) {
        struct taint_hop hop = taint_hop_at(state->taint, i);
        if (hop.to != account || hop.asset != asset || hop.source != source || (best != SIZE_MAX && hop.hop >= least))
            continue;
        best = i;
        least = hop.hop;
    }
    return best;
}

enum tracer_status received_line(struct checking *checking, const struct taint_received *received,
                                 struct check_line *line, struct error *err)
{
    struct case_state *state = &checking->state;
    size_t sources = taint_source_count(state->taint), count = 0;
    struct asset asset = state->cursor.asset(state->cursor.self, received->asset);
    *line = (struct check_line){.what = CHECK_RECEIVED,
                                .log_index = LOG_INDEX_NONE,
                                .status = "ok",
                                .asset = case_asset(state, &asset),
                                .from = RESULT_NONE,
                                .to = RESULT_NONE,
                                .amount = received->amount,
                                .unknown = received->unknown};
    struct check_exposure *exposures = arena_calloc(state->arena, sources + 1, sizeof(*exposures));
    if (!exposures)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    bool poison = state->options.policy == POLICY_POISON;
    for (uint32_t s = 0; s < sources; s++) {
        if (u320_is_zero(received->sources[s]))
            continue;
        size_t best = best_record(state, received->account, received->asset, s);
        enum tracer_status status =
            sum_exposure(checking, s, received->sources[s], line, best, best == SIZE_MAX ? 0 : taint_hop_at(state->taint, best).hop,
                         &exposures[count++], err);
        if (status)
            return status;
        if (poison) { /* amounts of sources overlap */
            if (u320_compare(received->sources[s], line->tainted) > 0)
                line->tainted = received->sources[s];
        } else {
            u320_add_u320(&line->tainted, received->sources[s]);
        }
    }
    line->exposures = exposures;
    line->exposure_count = count;
    finish_line(line);
    return TRACER_OK;
}

/* What the account holds of one asset now; tags other than clean stand in taint_holdings(). */
enum tracer_status holds_line(struct checking *checking, const struct taint_received *received,
                              struct check_line *line, struct error *err)
{
    struct case_state *state = &checking->state;
    const struct taint_holding *holdings;
    size_t holding_count = taint_holdings(state->taint, &holdings), count = 0;
    struct asset asset = state->cursor.asset(state->cursor.self, received->asset);
    *line = (struct check_line){.what = CHECK_HOLDS,
                                .log_index = LOG_INDEX_NONE,
                                .status = "ok",
                                .asset = case_asset(state, &asset),
                                .from = RESULT_NONE,
                                .to = RESULT_NONE,
                                .amount = u320_from_u256(received->balance)};
    struct check_exposure *exposures =
        arena_calloc(state->arena, taint_source_count(state->taint) + 1, sizeof(*exposures));
    if (!exposures)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    bool poison = state->options.policy == POLICY_POISON;
    for (size_t i = 0; i < holding_count; i++) {
        if (holdings[i].account != received->account || holdings[i].asset != received->asset)
            continue;
        struct u320 amount = u320_from_u256(holdings[i].amount);
        if (holdings[i].tag == TAINT_UNKNOWN) {
            line->unknown = amount;
            continue;
        }
        size_t best = best_record(state, holdings[i].account, holdings[i].asset, holdings[i].tag);
        enum tracer_status status = sum_exposure(checking, holdings[i].tag, amount, line, best,
                                                 holdings[i].hop, &exposures[count++], err);
        if (status)
            return status;
        if (poison)
            line->tainted = amount;
        else
            u320_add_u320(&line->tainted, amount);
    }
    line->exposures = exposures;
    line->exposure_count = count;
    finish_line(line);
    return TRACER_OK;
}
