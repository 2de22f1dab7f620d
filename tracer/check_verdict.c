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

static void worsen(struct check_answer *answer, enum verdict verdict)
{
    if (verdict > answer->verdict)
        answer->verdict = verdict;
}

/* What the line says about the verdict (the default rule: any unit of a recognised asset). */
static enum tracer_status judge_line(struct checking *checking, struct check_answer *answer,
                                     struct reasons *reasons, const struct check_line *line,
                                     struct error *err)
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
                          "%s tainted %s: %" PRIu64 ".%04" PRIu64 " %% of it, from %s%s, %" PRIu32
                          " hops away",
                          what[line->what], symbol, line->ppm_min / 10000, line->ppm_min % 10000,
                          first->source, line->exposure_count > 1 ? " and others" : "", first->hop);
    }
    if (!u320_is_zero(line->unknown)) {
        worsen(answer, VERDICT_CANNOT_TELL);
        return add_reason(checking, reasons, err,
                          "%s %s of unknown history: up to %" PRIu64 ".%04" PRIu64
                          " %% of it could be tainted",
                          what[line->what], symbol, line->ppm_max / 10000, line->ppm_max % 10000);
    }
    return TRACER_OK;
}

static enum tracer_status answer_rows(struct checking *checking, const struct target *target,
                                      struct check_answer *answer, struct reasons *reasons, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t r = 0; r < target->row_count && !status; r++) {
        if (target->statuses[r] == CHECK_NOT_IN_GRAPH) {
            worsen(answer, VERDICT_CANNOT_TELL);
            status = add_reason(checking, reasons, err,
                                "neither end of the transfer is an account whose history is in the store");
        } else if (target->statuses[r] == CHECK_OVERFLOW) {
            worsen(answer, VERDICT_CANNOT_TELL);
            status = add_reason(checking, reasons, err,
                                "the amount would overflow the balance: no honest token does this");
        } else {
            status = judge_line(checking, answer, reasons, &answer->lines[r], err);
        }
    }
    return status;
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

bool case_is_explored(const struct case_state *state, struct address address)
{
    return !state->has_explored || bsearch(&address, state->explored, state->explored_count, sizeof(address), order_addresses);
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
        worsen(answer, VERDICT_EXPOSED);
        status = add_reason(checking, reasons, err, "is itself the source %s", state->seeds[i].source);
    }
    for (size_t i = 0; i < state->label_count && !status; i++) {
        if (!state->labels[i].emit[0] || !address_equal(state->labels[i].address, target->spec.address))
            continue;
        worsen(answer, VERDICT_EXPOSED);
        status = add_reason(checking, reasons, err, "is itself the source %s", state->labels[i].emit);
    }
    const struct sanctioned *listed = NULL;
    if (!status)
        status = case_sanctioned(state, target->spec.address, &listed, err);
    if (!status && listed) {
        worsen(answer, VERDICT_EXPOSED);
        status = add_reason(checking, reasons, err, "is listed by OFAC (%s)", listed->entity);
    }
    if (!status && state->older_incidents && answer->verdict != VERDICT_EXPOSED) {
        worsen(answer, VERDICT_CANNOT_TELL);
        status = add_reason(
            checking, reasons, err,
            "what it received before the store begins is not known here, and %zu incidents of the registry "
            "are older (name the sources that you ask about with --source)",
            state->older_incidents);
    }
    if (status || case_is_explored(state, target->spec.address))
        return status;
    if (lookup_head(checking->lookup)->accounted) {
        status = add_reason(
            checking, reasons, err,
            "its own history is not in the store, but until the last block asked about every tainted "
            "unit is accounted for elsewhere");
    } else {
        worsen(answer, VERDICT_CANNOT_TELL);
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
    for (size_t i = 0; i < answer->line_count && !status; i++)
        status = judge_line(checking, answer, reasons, &answer->lines[i], err);
    if (!status && answer->line_count == 0 && answer->verdict == VERDICT_CLEAN &&
        case_is_explored(state, target->spec.address))
        status = add_reason(checking, reasons, err, "received nothing in the blocks of the store");
    return status;
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
        status = add_reason(checking, &reasons, err,
                            "the store has gaps in the blocks that the question spans (see gaps)");
    }
    if (!status && checking->state.old_list && answer->verdict == VERDICT_CLEAN) {
        worsen(answer, VERDICT_CANNOT_TELL);
        status = add_reason(checking, &reasons, err, "%s", checking->state.old_list);
    }
    answer->reasons = reasons.items;
    answer->reason_count = reasons.count;
    return status;
}
