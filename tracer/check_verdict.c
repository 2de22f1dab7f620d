/* check_verdict.c - from lines to verdicts, with their reasons (architecture 5). */
#include "checking.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define RULE_COVERAGE "coverage" /* no rule of the user's: something could not be seen */

static void worsen(struct check_answer *answer, enum verdict verdict, const char *rule)
{
    if (verdict <= answer->verdict)
        return;
    answer->verdict = verdict;
    answer->rule = rule;
}

static enum grade path_grade(const struct checking *checking, const struct check_exposure *exposure)
{
    enum grade weakest = GRADE_PROVEN;
    for (size_t i = 0; i < exposure->path_count; i++)
        if (checking->built_steps[exposure->path[i]].grade > weakest)
            weakest = checking->built_steps[exposure->path[i]].grade;
    return weakest;
}

/* What the rules say of the line. */
static enum tracer_status apply_rules(struct checking *checking, const struct check_line *line, struct rules_finding *ret_finding, struct error *err)
{
    const struct case_state *state = &checking->state;
    struct rules_exposure *exposures = arena_calloc(state->arena, line->exposure_count + 1, sizeof(*exposures));
    if (!exposures)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < line->exposure_count; i++) {
        const struct check_exposure *exposure = &line->exposures[i];
        exposures[i] = (struct rules_exposure){exposure->source, exposure->category, exposure->direct, exposure->hop, path_grade(checking, exposure),
                                               exposure->amount};
    }
    const struct rules_line judged = {.asset = state->assets_shown[line->asset].asset,
                                      .amount = line->amount,
                                      .unknown = line->unknown,
                                      .exposures = exposures,
                                      .exposure_count = line->exposure_count,
                                      .overlap = state->options.policy == POLICY_POISON};
    *ret_finding = rules_judge(checking->rules, &judged);
    return TRACER_OK;
}

/* What the line says about the verdict. */
static enum tracer_status judge_line(struct checking *checking, struct check_answer *answer,
                                     struct reasons *reasons, const struct check_line *line,
                                     struct error *err)
{
    static const char *const what[] = {"carried", "received", "holds"};
    const struct case_state *state = &checking->state;
    bool recognised = line->asset != RESULT_NONE && state->assets_shown[line->asset].recognised;
    struct rules_finding finding = {VERDICT_CLEAN, ""};
    if (!recognised || (!line->exposure_count && u320_is_zero(line->unknown)))
        return TRACER_OK; /* what is not recognised is listed, but in no verdict (threat-model X4) */
    enum tracer_status status = apply_rules(checking, line, &finding, err);
    if (status)
        return status;
    char asset[ASSET_TEXT_SIZE], ending[160] = "";
    asset_format(state->assets_shown[line->asset].asset, asset);
    const char *symbol = state->assets_shown[line->asset].symbol;
    if (!symbol[0])
        symbol = asset;
    if (answer->verdict == VERDICT_CLEAN && finding.verdict == VERDICT_CLEAN && finding.rule[0])
        answer->rule = finding.rule;
    worsen(answer, finding.verdict, finding.rule);
    if (!rules_are_default(checking->rules))
        snprintf(ending, sizeof(ending), "%s%s%s", finding.verdict == VERDICT_CLEAN ? ": ignored, " : ": ", finding.rule[0] ? "rule " : "no rule takes it",
                 finding.rule);
    if (line->exposure_count && finding.verdict != VERDICT_CANNOT_TELL) {
        const struct check_exposure *first = &line->exposures[0];
        return add_reason(checking, reasons, err,
                          "%s tainted %s: %" PRIu64 ".%04" PRIu64 " %% of it, from %s%s, %" PRIu32
                          " hops away%s",
                          what[line->what], symbol, line->ppm_min / 10000, line->ppm_min % 10000,
                          first->source, line->exposure_count > 1 ? " and others" : "", first->hop, ending);
    }
    if (line->exposure_count)
        return add_reason(checking, reasons, err,
                          "%s %s of which %" PRIu64 ".%04" PRIu64 " to %" PRIu64 ".%04" PRIu64 " %% are tainted: what is proven is below the rule%s",
                          what[line->what], symbol, line->ppm_min / 10000, line->ppm_min % 10000, line->ppm_max / 10000, line->ppm_max % 10000, ending);
    return add_reason(checking, reasons, err,
                      "%s %s of unknown history: up to %" PRIu64 ".%04" PRIu64
                      " %% of it could be tainted%s",
                      what[line->what], symbol, line->ppm_max / 10000, line->ppm_max % 10000, ending);
}

/* The target is a source itself, or listed. */
static enum tracer_status judge_listed(struct checking *checking, struct check_answer *answer, struct reasons *reasons, const char *source,
                                       const char *category, const char *words, const char *name, struct error *err)
{
    struct rules_finding finding = rules_judge_listed(checking->rules, source, category);
    char ending[160] = "";
    if (!rules_are_default(checking->rules))
        snprintf(ending, sizeof(ending), "%s%s%s", finding.verdict == VERDICT_CLEAN ? ": ignored, " : ": ", finding.rule[0] ? "rule " : "no rule takes it",
                 finding.rule);
    worsen(answer, finding.verdict, finding.rule);
    return add_reason(checking, reasons, err, "%s %s%s", words, name, ending);
}

static enum tracer_status answer_rows(struct checking *checking, const struct target *target,
                                      struct check_answer *answer, struct reasons *reasons, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t still = 0;
    for (size_t r = 0; r < target->row_count && !status; r++) {
        still += target->statuses[r] == CHECK_ZERO || target->statuses[r] == CHECK_SELF;
        if (target->statuses[r] == CHECK_NOT_IN_GRAPH) {
            worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
            status = add_reason(checking, reasons, err,
                                "neither end of the transfer is an account whose history is in the store");
        } else if (target->statuses[r] == CHECK_OVERFLOW) {
            worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
            status = add_reason(checking, reasons, err,
                                "the amount would overflow the balance: no honest token does this");
        } else {
            status = judge_line(checking, answer, reasons, &answer->lines[r], err);
        }
    }
    if (!status && still && still == target->row_count) { /* hash:value of a token's deposit is one: what came is another transfer */
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(checking, reasons, err, "it moves nothing from one account to another (zero units, or to itself): there is nothing to ask about");
    }
    return status;
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* Of a labelled account the engine sees what accounts that it follows paid in: all of it only where it follows everybody. */
bool case_is_explored(const struct case_state *state, struct address address)
{
    struct label label;
    return !state->has_explored ||
           (state->explored_count && bsearch(&address, state->explored, state->explored_count, sizeof(address), order_addresses) &&
            !(label_find(state->input->labels, state->network.chain_id, address, &label) && label.class_ != CLASS_NONE));
}

/* What is explored for an answer is under such a policy all that touched its units; else a limit is a gap (ancestors.h). */
bool case_is_blind(const struct case_state *state, const struct kept_head *head)
{
    return !policy_bounds(state->options.policy) && !head->accounted && !(state->input->has_explored && head->no_unknown);
}

static enum tracer_status judge_address(struct checking *checking, const struct target *target,
                                        struct check_answer *answer, struct reasons *reasons,
                                        struct error *err)
{
    struct case_state *state = &checking->state;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < state->seed_count && !status; i++) {
        if (!state->seeds[i].is_address || !address_equal(state->seeds[i].address, target->spec.address) ||
            state->seeds[i].block_number > state->last)
            continue;
        status = judge_listed(checking, answer, reasons, state->seeds[i].source, case_source_category(state, state->seeds[i].source),
                              "is itself the source", state->seeds[i].source, err);
    }
    for (size_t i = 0; i < state->label_count && !status; i++) {
        if (!state->labels[i].emit[0] || !address_equal(state->labels[i].address, target->spec.address))
            continue;
        status = judge_listed(checking, answer, reasons, state->labels[i].emit, case_source_category(state, state->labels[i].emit),
                              "is itself the source", state->labels[i].emit, err);
    }
    const struct sanctioned *listed = NULL;
    if (!status)
        status = case_sanctioned(state, target->spec.address, &listed, err);
    if (!status && listed) {
        char name[TRACER_SOURCE_NAME_MAX + 16];
        snprintf(name, sizeof(name), "(%s)", listed->entity);
        status = judge_listed(checking, answer, reasons, listed->entity, "sanctioned", "is listed by OFAC", name, err);
    }
    if (!status && state->older_incidents && answer->verdict != VERDICT_EXPOSED) {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(
            checking, reasons, err,
            "what it received before the store begins is not known here, and %zu incidents of the registry "
            "are older (name the sources that you ask about with --source)",
            state->older_incidents);
    }
    if (!status && state->holed_count && answer->verdict != VERDICT_EXPOSED &&
        bsearch(&target->spec.address, state->holed, state->holed_count, sizeof(struct address), order_addresses)) {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(checking, reasons, err, "the file that it was imported from says that something of its own history is missing, or not that all is there (store coverage)");
    }
    if (!status && state->half_covered && answer->verdict != VERDICT_EXPOSED) {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(checking, reasons, err, "the imported files say of the coin alone, or of tokens alone, that all transfers are there");
    }
    if (status || case_is_explored(state, target->spec.address))
        return status;
    if (lookup_head(checking->lookup)->accounted) {
        status = add_reason(
            checking, reasons, err,
            "its own history is not in the store, but until the last block asked about every tainted "
            "unit is accounted for elsewhere");
    } else {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(
            checking, reasons, err,
            "its own history is not in the store, and tainted units left the accounts whose history is");
    }
    return status;
}

static enum tracer_status answer_address(struct checking *checking, const struct target *target,
                                         struct check_answer *answer, struct reasons *reasons,
                                         struct error *err)
{
    const struct case_state *state = &checking->state;
    answer->is_address = true;
    answer->account = case_account(state, target->spec.address);
    enum tracer_status status = judge_address(checking, target, answer, reasons, err);
    for (size_t i = 0; i < answer->line_count && !status; i++) {
        bool unasked = false;
        status = judge_line(checking, answer, reasons, &answer->lines[i], err);
        if (!status)
            status = came_unasked(checking, target->spec.address, &answer->lines[i], &unasked, err);
        if (!status && unasked)
            status = add_reason(checking, reasons, err,
                                "the tainted part of %s is small and came only from accounts that this one never paid: perhaps unasked (a rule may ignore it)",
                                state->assets_shown[answer->lines[i].asset].symbol[0] ? state->assets_shown[answer->lines[i].asset].symbol : "it");
    }
    if (!status && answer->line_count == 0 && answer->verdict == VERDICT_CLEAN &&
        case_is_explored(state, target->spec.address))
        status = add_reason(checking, reasons, err, "received nothing in the blocks of the store");
    return status;
}

/* Taint that counts in no verdict (threat-model X4) is told all the same: who reads only the verdict should not miss it. */
static enum tracer_status tell_unlisted(struct checking *checking, const struct check_answer *answer, struct reasons *reasons, struct error *err)
{
    size_t unlisted = 0;
    for (size_t i = 0; i < answer->line_count; i++)
        unlisted += answer->lines[i].exposure_count && !checking->state.assets_shown[answer->lines[i].asset].recognised;
    return unlisted ? add_reason(checking, reasons, err, "tainted units of assets that are not in the list of assets count in no verdict (--assets)") : TRACER_OK;
}

enum tracer_status answer_target(struct checking *checking, size_t index, struct check_answer *answer,
                                 struct error *err)
{
    const struct target *target = &checking->targets[index];
    struct reasons reasons = {0};
    enum tracer_status status = TRACER_OK;
    const char *text = target->asked.text;
    answer->target = arena_text(checking->state.arena, text, strlen(text));
    answer->account = RESULT_NONE;
    answer->rule = "";
    if (!answer->target)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (target->missing) {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(checking, &reasons, err, "%s", target->missing);
    } else if (target->spec.what == ROW_ADDRESS) {
        status = answer_address(checking, target, answer, &reasons, err);
    } else {
        status = answer_rows(checking, target, answer, &reasons, err);
    }
    if (!status)
        status = tell_unlisted(checking, answer, &reasons, err);
    if (!status && answer->verdict == VERDICT_CLEAN && case_is_blind(&checking->state, lookup_head(checking->lookup))) {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(checking, &reasons, err,
                            "under this policy units of unknown history set no bound to what is tainted, and there may be some: ask under fifo, lifo or haircut");
    }
    if (!status && checking->state.touches_gap && answer->verdict == VERDICT_CLEAN) {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(checking, &reasons, err,
                            "the store has gaps in the blocks that the question spans (see gaps)");
    }
    if (!status && checking->state.old_list && answer->verdict == VERDICT_CLEAN) {
        worsen(answer, VERDICT_CANNOT_TELL, RULE_COVERAGE);
        status = add_reason(checking, &reasons, err, "%s", checking->state.old_list);
    }
    answer->reasons = reasons.items;
    answer->reason_count = reasons.count;
    return status;
}
