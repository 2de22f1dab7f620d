/* check.c - is this deposit or address tainted; by what, how much, by which path? (architecture 5, taint-spec 10) */
#include "tracer/check.h"

#include "pipeline.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A target while it is worked on. */
struct target {
    struct row_spec spec;
    const char *missing;    /* why there is no answer from the store, or NULL */
    struct transfer *rows;  /* the rows asked */
    size_t row_count;
    size_t first_check;     /* of its rows in taint_checks() */
    bool known;             /* address: some stored row has it at an end */
};

struct checking {
    struct case_state state;
    const struct check_request *request;
    struct target *targets;
    struct check_result *result;
    struct check_answer *answers;    /* result->answers while they change */
    struct check_step *built_steps;  /* likewise */

    size_t step_count, step_capacity;
    uint32_t *step_of_hop; /* record of the engine -> step, RESULT_NONE */
    size_t *step_hops;     /* step -> record */
};

static bool moves_value(const struct transfer *row)
{
    return row->kind != TRANSFER_FEE && !u256_is_zero(row->amount);
}

/* Find the rows of a target; what is missing becomes a reason, not an error. */
static enum tracer_status find_target(struct checking *checking, const char *text, struct target *target,
                                      struct error *err)
{
    struct case_state *state = &checking->state;
    enum tracer_status status = case_parse_row(state, text, &target->spec, err);
    if (status)
        return status;
    if (target->spec.what == ROW_NOTHING) {
        char shown[TRACER_QUOTED_MAX];
        return error_set(err, TRACER_E_USAGE, "\"%s\" is no address, transaction hash or key (block:txi:idx)",
                         safe_text(shown, sizeof(shown), text, strlen(text)));
    }
    if (target->spec.what == ROW_ADDRESS)
        return case_knows_account(state, target->spec.address, &target->known, err);
    struct error missing;
    status = case_find_rows(state, &target->spec, text, &target->rows, &target->row_count, &missing);
    if (status == TRACER_E_NOT_FOUND) {
        target->missing = arena_text(state->arena, missing.text, strlen(missing.text));
        return target->missing ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    }
    if (status) {
        if (err)
            *err = missing;
        return status;
    }
    if (target->spec.what != ROW_TRANSACTION)
        return TRACER_OK;
    size_t kept = 0;
    const struct address *to = checking->request->to;
    for (size_t i = 0; i < target->row_count; i++)
        if (moves_value(&target->rows[i]) && (!to || address_equal(target->rows[i].to, *to)))
            target->rows[kept++] = target->rows[i];
    target->row_count = kept;
    if (kept == 0)
        target->missing = to ? "the transaction moves nothing to the address named by --to"
                             : "the transaction moves no value: there is nothing to ask about";
    return TRACER_OK;
}

static enum tracer_status ask(struct checking *checking, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t asked = 0;
    for (size_t t = 0; t < checking->request->target_count && !status; t++) {
        struct target *target = &checking->targets[t];
        target->first_check = asked;
        if (target->spec.what == ROW_ADDRESS)
            status = taint_ask_account(checking->state.taint, target->spec.address, err);
        for (size_t r = 0; r < target->row_count && !status && !target->missing; r++, asked++)
            status = taint_ask(checking->state.taint, target->rows[r].position, err);
    }
    return status;
}

/* ---- paths ---- */

static enum tracer_status add_step(struct checking *checking, size_t hop, struct error *err)
{
    struct case_state *state = &checking->state;
    size_t capacity = checking->step_capacity;
    size_t *hops = case_grow(state->arena, checking->step_hops, checking->step_count, &capacity, sizeof(*hops));
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
static enum tracer_status build_steps(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    size_t count = checking->step_count, distinct = 0;
    const struct taint_hop *hops;
    taint_hops(state->taint, &hops);
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
        if (i == 0 || position_compare(hops[sorted[i]].position, hops[sorted[i - 1]].position) != 0)
            positions[distinct++] = hops[sorted[i]].position;
    }
    enum tracer_status status = case_row_facts(state, positions, distinct, facts, err);
    for (size_t i = 0, row = 0; i < count && !status; i++) {
        const struct taint_hop *hop = &hops[sorted[i]];
        if (i > 0 && position_compare(hop->position, hops[sorted[i - 1]].position) != 0)
            row++;
        struct asset asset = state->cursor.asset(state->cursor.self, hop->asset);
        steps[i] = (struct check_step){
            .position = hop->position,
            .transaction_hash = facts[row].transaction_hash,
            .time = facts[row].time,
            .asset = case_asset(state, &asset),
            .from = case_account(state, state->cursor.account(state->cursor.self, hop->from)),
            .to = case_account(state, state->cursor.account(state->cursor.self, hop->to)),
            .amount = hop->amount,
            .tainted = hop->tainted,
            .hop = hop->hop,
            .grade = facts[row].grade,
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

/* ---- answers ---- */

struct reasons {
    const char **items;
    size_t count, capacity;
};

static enum tracer_status add_reason(struct checking *checking, struct reasons *reasons, struct error *err,
                                     const char *format, ...) TRACER_PRINTF(4, 5);
static enum tracer_status add_reason(struct checking *checking, struct reasons *reasons, struct error *err,
                                     const char *format, ...)
{
    struct arena *arena = checking->state.arena;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const char **items = case_grow(arena, reasons->items, reasons->count, &reasons->capacity, sizeof(*items));
    if (!items || !(items[reasons->count] = arena_text(arena, text, strlen(text))))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    reasons->items = items;
    for (size_t i = 0; i < reasons->count; i++)
        if (strcmp(items[i], items[reasons->count]) == 0)
            return TRACER_OK; /* said already */
    reasons->count++;
    return TRACER_OK;
}

static void worsen(struct check_answer *answer, enum verdict verdict)
{
    if (verdict > answer->verdict)
        answer->verdict = verdict;
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

/* What the line says about the verdict (the default rule: any unit of a recognised asset). */
static enum tracer_status judge_line(struct checking *checking, struct check_answer *answer, struct reasons *reasons,
                                     const struct check_line *line, struct error *err)
{
    static const char *const what[] = {"carried", "received", "holds"};
    const struct case_state *state = &checking->state;
    bool recognised = line->asset != RESULT_NONE && state->assets_shown[line->asset].recognised;
    if (!recognised)
        return TRACER_OK; /* listed, but in no verdict (threat-model X4) */
    char asset[ASSET_TEXT_SIZE];
    asset_format(state->assets_shown[line->asset].asset, asset);
    const char *symbol = state->assets_shown[line->asset].symbol;
    if (!symbol[0])
        symbol = asset;
    if (!u320_is_zero(line->tainted)) {
        worsen(answer, VERDICT_EXPOSED);
        const struct check_exposure *first = &line->exposures[0];
        return add_reason(checking, reasons, err,
                          "%s tainted %s: %" PRIu64 ".%04" PRIu64 " %% of it, from %s%s, %" PRIu32 " hops away", what[line->what],
                          symbol, line->ppm_min / 10000, line->ppm_min % 10000, first->source,
                          line->exposure_count > 1 ? " and others" : "", first->hop);
    }
    if (!u320_is_zero(line->unknown)) {
        worsen(answer, VERDICT_CANNOT_TELL);
        return add_reason(checking, reasons, err,
                          "%s %s of unknown history: up to %" PRIu64 ".%04" PRIu64 " %% of it could be tainted",
                          what[line->what], symbol, line->ppm_max / 10000, line->ppm_max % 10000);
    }
    return TRACER_OK;
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

static enum tracer_status carried_line(struct checking *checking, const struct taint_check *check,
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
    struct check_exposure *exposures = arena_calloc(state->arena, check->source_count + 1, sizeof(*exposures));
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

static enum tracer_status answer_rows(struct checking *checking, const struct target *target,
                                      struct check_answer *answer, struct reasons *reasons, struct error *err)
{
    const struct taint_check *checks;
    taint_checks(checking->state.taint, &checks);
    struct check_line *lines = arena_calloc(checking->state.arena, target->row_count + 1, sizeof(*lines));
    if (!lines)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    answer->lines = lines;
    answer->line_count = target->row_count;
    for (size_t r = 0; r < target->row_count; r++) {
        const struct taint_check *check = &checks[target->first_check + r];
        enum tracer_status status = carried_line(checking, check, &target->rows[r], &lines[r], err);
        if (!status && check->status == CHECK_NOT_IN_GRAPH) {
            worsen(answer, VERDICT_CANNOT_TELL);
            status = add_reason(checking, reasons, err,
                                "neither end of the transfer is an account whose history is in the store");
        } else if (!status && check->status == CHECK_OVERFLOW) {
            worsen(answer, VERDICT_CANNOT_TELL);
            status = add_reason(checking, reasons, err, "the amount would overflow the balance: no honest token does this");
        } else if (!status) {
            status = judge_line(checking, answer, reasons, &lines[r], err);
        }
        if (status)
            return status;
    }
    return TRACER_OK;
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
    const struct taint_hop *hops;
    size_t count = taint_hops(state->taint, &hops), best = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        if (hops[i].to == account && hops[i].asset == asset && hops[i].source == source &&
            (best == SIZE_MAX || hops[i].hop < hops[best].hop))
            best = i;
    return best;
}

static enum tracer_status received_line(struct checking *checking, const struct taint_received *received,
                                        struct check_line *line, struct error *err)
{
    struct case_state *state = &checking->state;
    size_t sources = taint_source_count(state->taint), count = 0;
    const struct taint_hop *hops;
    taint_hops(state->taint, &hops);
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
        enum tracer_status status = sum_exposure(checking, s, received->sources[s], line, best,
                                                 best == SIZE_MAX ? 0 : hops[best].hop, &exposures[count++], err);
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
static enum tracer_status holds_line(struct checking *checking, const struct taint_received *received,
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
    struct check_exposure *exposures = arena_calloc(state->arena, taint_source_count(state->taint) + 1, sizeof(*exposures));
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
        enum tracer_status status = sum_exposure(checking, holdings[i].tag, amount, line, best, holdings[i].hop,
                                                 &exposures[count++], err);
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

static bool is_explored(const struct case_state *state, struct address address)
{
    if (!state->has_explored)
        return true;
    for (size_t i = 0; i < state->explored_count; i++)
        if (address_equal(state->explored[i], address))
            return true;
    return false;
}

/* Tainted or unknown units that left what the store follows: only they could have reached an account whose own
 * history is not here. None: conservation (taint-spec 9.1) proves that none did. */
static bool all_taint_accounted(const struct case_state *state)
{
    const struct taint_absorbed *absorbed;
    size_t count = taint_absorbed(state->taint, &absorbed);
    for (size_t i = 0; i < count; i++)
        if (absorbed[i].tag != TAINT_UNKNOWN && absorbed[i].place != PLACE_SERVICE)
            return false;
    return true;
}

static enum tracer_status judge_address(struct checking *checking, const struct target *target,
                                        struct check_answer *answer, struct reasons *reasons, struct error *err)
{
    struct case_state *state = &checking->state;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < state->seed_count && !status; i++) {
        if (!state->seeds[i].is_address || !address_equal(state->seeds[i].address, target->spec.address) ||
            state->seeds[i].block_number > state->last)
            continue;
        worsen(answer, VERDICT_EXPOSED);
        status = add_reason(checking, reasons, err, "is itself the source %s", state->seeds[i].source);
    }
    for (size_t i = 0; i < state->label_count && !status; i++) {
        if (!state->labels[i].emit[0] || !address_equal(state->labels[i].address, target->spec.address))
            continue;
        worsen(answer, VERDICT_EXPOSED);
        status = add_reason(checking, reasons, err, "is itself the source %s", state->labels[i].emit);
    }
    const struct sanctioned *rows;
    size_t count = 0;
    if (!status)
        status = registry_sanctioned(&rows, &count, err);
    for (size_t i = 0; i < count && !status; i++) {
        if (!address_equal(rows[i].address, target->spec.address) || rows[i].delisted_s)
            continue;
        worsen(answer, VERDICT_EXPOSED);
        status = add_reason(checking, reasons, err, "is listed by OFAC (%s)", rows[i].entity);
    }
    if (!status && state->older_incidents && answer->verdict != VERDICT_EXPOSED) {
        worsen(answer, VERDICT_CANNOT_TELL);
        status = add_reason(checking, reasons, err,
                            "what it received before the store begins is not known here, and %zu incidents of the registry "
                            "are older (name the sources that you ask about with --source)",
                            state->older_incidents);
    }
    if (status || is_explored(state, target->spec.address))
        return status;
    if (all_taint_accounted(state)) {
        status = add_reason(checking, reasons, err,
                            "its own history is not in the store, but until the last block asked about every tainted "
                            "unit is accounted for elsewhere");
    } else {
        worsen(answer, VERDICT_CANNOT_TELL);
        status = add_reason(checking, reasons, err,
                            "its own history is not in the store, and tainted units left the accounts whose history is");
    }
    return status;
}

static enum tracer_status answer_address(struct checking *checking, const struct target *target,
                                         struct check_answer *answer, struct reasons *reasons, struct error *err)
{
    struct case_state *state = &checking->state;
    const struct taint_received *received;
    size_t received_count = taint_received(state->taint, &received);
    answer->is_address = true;
    answer->account = case_account(state, target->spec.address);
    struct check_line *lines = arena_calloc(state->arena, 2 * received_count + 1, sizeof(*lines));
    if (!lines)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    answer->lines = lines;
    enum tracer_status status = judge_address(checking, target, answer, reasons, err);
    for (int holds = 0; holds < 2; holds++)
        for (size_t i = 0; i < received_count && !status; i++) {
            bool wanted = holds ? !u256_is_zero(received[i].balance) : received[i].rows > 0;
            if (!wanted || !address_equal(state->cursor.account(state->cursor.self, received[i].account), target->spec.address))
                continue;
            struct check_line *line = &lines[answer->line_count++];
            status = holds ? holds_line(checking, &received[i], line, err) : received_line(checking, &received[i], line, err);
        }
    for (size_t i = 0; i < answer->line_count && !status; i++)
        status = judge_line(checking, answer, reasons, &lines[i], err);
    if (!status && answer->line_count == 0 && answer->verdict == VERDICT_CLEAN && is_explored(state, target->spec.address))
        status = add_reason(checking, reasons, err, "received nothing in the blocks of the store");
    return status;
}

static enum tracer_status answer_target(struct checking *checking, size_t index, struct check_answer *answer,
                                        struct error *err)
{
    const struct target *target = &checking->targets[index];
    struct reasons reasons = {0};
    enum tracer_status status = TRACER_OK;
    const char *text = checking->request->targets[index];
    *answer = (struct check_answer){.target = arena_text(checking->state.arena, text, strlen(text)),
                                    .account = RESULT_NONE};
    if (!answer->target)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (target->missing) {
        worsen(answer, VERDICT_CANNOT_TELL);
        status = add_reason(checking, &reasons, err, "%s", target->missing);
    } else if (target->spec.what == ROW_ADDRESS) {
        status = answer_address(checking, target, answer, &reasons, err);
    } else {
        status = answer_rows(checking, target, answer, &reasons, err);
    }
    if (!status && checking->state.touches_gap && answer->verdict == VERDICT_CLEAN) {
        worsen(answer, VERDICT_CANNOT_TELL);
        status = add_reason(checking, &reasons, err, "the store has gaps in the blocks that the question spans (see gaps)");
    }
    answer->reasons = reasons.items;
    answer->reason_count = reasons.count;
    return status;
}

static enum tracer_status gather_names(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    const struct taint_hop *hops;
    const struct taint_received *received;
    const struct taint_holding *holdings;
    size_t hop_count = taint_hops(state->taint, &hops), count;
    enum tracer_status status = TRACER_OK;
    for (size_t t = 0; t < checking->request->target_count && !status; t++) {
        const struct target *target = &checking->targets[t];
        if (target->spec.what == ROW_ADDRESS)
            status = case_name_address(state, target->spec.address, err);
        for (size_t r = 0; r < target->row_count && !status; r++) {
            if ((status = case_name_address(state, target->rows[r].from, err)) ||
                (status = case_name_address(state, target->rows[r].to, err)))
                break;
            status = case_list_asset(state, target->rows[r].asset, err);
        }
    }
    for (size_t i = 0; i < hop_count && !status; i++) {
        if ((status = case_name_address(state, state->cursor.account(state->cursor.self, hops[i].from), err)) ||
            (status = case_name_address(state, state->cursor.account(state->cursor.self, hops[i].to), err)))
            break;
        status = case_list_asset(state, state->cursor.asset(state->cursor.self, hops[i].asset), err);
    }
    count = taint_received(state->taint, &received);
    for (size_t i = 0; i < count && !status; i++)
        status = case_list_asset(state, state->cursor.asset(state->cursor.self, received[i].asset), err);
    count = taint_holdings(state->taint, &holdings);
    for (size_t i = 0; i < count && !status; i++)
        status = case_list_asset(state, state->cursor.asset(state->cursor.self, holdings[i].asset), err);
    return status;
}

/* Steps of paths are known only at the end: keep the accounts and assets that are named somewhere, and renumber.
 * Two passes over every index: mark, then rename. */
struct renaming {
    uint32_t *accounts, *assets; /* old index -> 1 if used, then the new index */
    bool marking;
};

static void rename_index(uint32_t *index, uint32_t *map, bool marking)
{
    if (*index == RESULT_NONE)
        return;
    if (marking)
        map[*index] = 1;
    else
        *index = map[*index];
}

static void rename_all(struct checking *checking, struct renaming *renaming)
{
    for (size_t a = 0; a < checking->result->answer_count; a++) {
        struct check_answer *answer = &checking->answers[a];
        rename_index(&answer->account, renaming->accounts, renaming->marking);
        for (size_t l = 0; l < answer->line_count; l++) {
            rename_index(&answer->lines[l].from, renaming->accounts, renaming->marking);
            rename_index(&answer->lines[l].to, renaming->accounts, renaming->marking);
            rename_index(&answer->lines[l].asset, renaming->assets, renaming->marking);
        }
    }
    for (size_t s = 0; s < checking->result->step_count; s++) {
        rename_index(&checking->built_steps[s].from, renaming->accounts, renaming->marking);
        rename_index(&checking->built_steps[s].to, renaming->accounts, renaming->marking);
        rename_index(&checking->built_steps[s].asset, renaming->assets, renaming->marking);
    }
}

static enum tracer_status keep_named(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    struct renaming renaming = {arena_calloc(state->arena, state->account_count + 1, sizeof(uint32_t)),
                                arena_calloc(state->arena, state->asset_shown_count + 1, sizeof(uint32_t)), true};
    if (!renaming.accounts || !renaming.assets)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    rename_all(checking, &renaming);
    uint32_t kept = 0;
    for (size_t i = 0; i < state->account_count; i++)
        if (renaming.accounts[i]) {
            state->accounts[kept] = state->accounts[i];
            renaming.accounts[i] = kept++;
        }
    state->account_count = kept;
    kept = 0;
    for (size_t i = 0; i < state->asset_shown_count; i++)
        if (renaming.assets[i]) {
            state->assets_shown[kept] = state->assets_shown[i];
            renaming.assets[i] = kept++;
        }
    state->asset_shown_count = kept;
    renaming.marking = false;
    rename_all(checking, &renaming);
    return TRACER_OK;
}

static enum tracer_status build(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    struct check_result *result = checking->result;
    size_t count = checking->request->target_count;
    const struct taint_hop *hops;
    size_t hop_count = taint_hops(state->taint, &hops);
    struct check_answer *answers = arena_calloc(state->arena, count + 1, sizeof(*answers));
    checking->step_of_hop = arena_alloc(state->arena, (hop_count + 1) * sizeof(*checking->step_of_hop));
    if (!answers || !checking->step_of_hop)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    memset(checking->step_of_hop, 0xff, (hop_count + 1) * sizeof(*checking->step_of_hop));
    enum tracer_status status;
    if ((status = gather_names(checking, err)) || (status = case_seal_tables(state, err)))
        return status;
    for (size_t t = 0; t < count; t++) {
        if ((status = answer_target(checking, t, &answers[t], err)))
            return status;
        if (answers[t].verdict > result->worst)
            result->worst = answers[t].verdict;
    }
    result->answers = checking->answers = answers;
    result->answer_count = count;
    if ((status = build_steps(checking, err)) || (status = keep_named(checking, err)) ||
        (status = case_common_notes(state, err)) || (status = case_head(state, &result->head, err)))
        return status;
    result->accounts = state->accounts;
    result->account_count = state->account_count;
    result->assets = state->assets_shown;
    result->asset_count = state->asset_shown_count;
    return TRACER_OK;
}

/* Balances of before the first source cannot be its proceeds; the engine may take them as clean where it is
 * proven that they are from before (taint-spec 2.5), unless something emits. */
static bool opening_is_clean(const struct case_state *state)
{
    for (size_t i = 0; i < state->label_count; i++)
        if (state->labels[i].emit[0])
            return false;
    for (size_t i = 0; i < state->seed_count; i++) {
        uint64_t block = state->seeds[i].is_address ? state->seeds[i].block_number : state->seeds[i].position.block_number;
        if (block < state->first)
            return false;
    }
    return true;
}

static enum tracer_status run(struct checking *checking, struct error *err)
{
    const struct check_request *request = checking->request;
    struct case_state *state = &checking->state;
    enum tracer_status status = TRACER_OK;
    if (request->target_count == 0)
        return error_set(err, TRACER_E_USAGE, "name at least one target");
    checking->targets = arena_calloc(state->arena, request->target_count, sizeof(*checking->targets));
    if (!checking->targets)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < request->source_count && !status; i++)
        status = case_add_seed(state, request->sources[i], request->has_since, request->since, err);
    if (!status && request->source_count == 0)
        status = case_add_default_seeds(state, err);
    for (size_t t = 0; t < request->target_count && !status; t++)
        status = find_target(checking, request->targets[t], &checking->targets[t], err);
    if (status)
        return status;
    struct taint_options options = request->input.options;
    if (opening_is_clean(state))
        options.opening = OPENING_CLEAN;
    if ((status = case_engine(state, options, err)) || (status = ask(checking, err)) ||
        (status = case_replay(state, err)))
        return status;
    return build(checking, err);
}

enum tracer_status check_run(const struct check_request *request, struct check_result **ret_result, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct check_result *result = arena ? arena_calloc(arena, 1, sizeof(*result)) : NULL;
    if (!result) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    result->arena = arena;
    struct checking checking = {.request = request, .result = result};
    enum tracer_status status = case_open(&checking.state, &request->input, arena, err);
    if (!status)
        status = run(&checking, err);
    case_close(&checking.state);
    if (status) {
        check_result_free(result);
        return status;
    }
    *ret_result = result;
    return TRACER_OK;
}
