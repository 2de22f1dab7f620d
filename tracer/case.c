/* case.c - a store, labels and options made ready for one replay. */
#include "pipeline.h"
#include "tracer/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ACCOUNT_GAPS_TOLD 20u

void *case_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    size_t larger = *capacity ? *capacity * 2 : 8;
    void *grown = arena_calloc(arena, larger, size);
    if (!grown)
        return NULL;
    if (count)
        memcpy(grown, items, count * size);
    *capacity = larger;
    return grown;
}

enum tracer_status case_note(struct case_state *state, enum note_kind kind, struct error *err,
                             const char *format, ...)
{
    struct result_note *notes =
        case_grow(state->arena, state->notes, state->note_count, &state->note_capacity, sizeof(*notes));
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!notes || length < 0)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->notes = notes;
    notes[state->note_count].kind = kind;
    notes[state->note_count].text = arena_text(state->arena, text, strlen(text));
    return notes[state->note_count++].text ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

static bool is_wanted(const struct case_input *input, struct address account)
{
    for (size_t i = 0; i < input->explored_count; i++)
        if (address_equal(input->explored[i], account))
            return true;
    return !input->has_explored;
}

static bool is_part(const struct case_state *state, const struct graph_coverage *coverage)
{
    return coverage->first > state->first || coverage->last < state->last;
}

static enum tracer_status add_gapped(struct case_state *state, struct address account, struct error *err)
{
    if (state->gapped_count && address_equal(state->gapped[state->gapped_count - 1], account))
        return TRACER_OK; /* records come by account */
    struct address *gapped = case_grow(state->arena, state->gapped, state->gapped_count, &state->gapped_capacity, sizeof(*gapped));
    if (!gapped)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->gapped = gapped;
    gapped[state->gapped_count++] = account;
    return TRACER_OK;
}

/* A file may have the coin of an account, or its tokens, alone; any other word for what it has means both. */
static void extend_part(struct imported_part *part, const struct graph_coverage *coverage)
{
    if (strcmp(coverage->what, "tokens") != 0 && coverage->first <= part->coin_to && coverage->last >= part->coin_to)
        part->coin_to = coverage->last + 1;
    if (strcmp(coverage->what, "native") != 0 && coverage->first <= part->tokens_to && coverage->last >= part->tokens_to)
        part->tokens_to = coverage->last + 1;
}

static bool part_is_whole(const struct case_state *state, const struct imported_part *part)
{
    return !part->holed && part->coin_to > state->last && part->tokens_to > state->last;
}

/* All that was said of an imported account is read. */
static enum tracer_status end_part(struct case_state *state, struct error *err)
{
    if (!state->part.begun || part_is_whole(state, &state->part))
        return TRACER_OK;
    struct address *holed = case_grow(state->arena, state->holed, state->holed_count, &state->holed_capacity, sizeof(*holed));
    if (!holed)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->holed = holed;
    holed[state->holed_count++] = state->part.account;
    return TRACER_OK;
}

/* A note for each of the first accounts whose history is not whole; the others are counted. What an imported file says
 * of its own gaps is counted too, but its rows are asserted as they are: the ledger has the words (store coverage). */
static enum tracer_status account_gap(struct case_state *state, const struct graph_coverage *coverage, struct error *err)
{
    char account[ADDRESS_TEXT_SIZE];
    if (state->network.imported) {
        if (!state->part.begun || !address_equal(state->part.account, coverage->account)) { /* records come by account */
            enum tracer_status status = end_part(state, err);
            if (status)
                return status;
            state->part = state->everybody;
            state->part.begun = true;
            state->part.account = coverage->account;
        }
        state->part.holed = state->part.holed || coverage->gap[0];
        extend_part(&state->part, coverage);
        return TRACER_OK;
    }
    if (!coverage->gap[0] && !is_part(state, coverage)) {
        state->whole = coverage->account;
        if (state->gapped_count && !address_equal(state->audited, coverage->account))
            state->gapped_count -= address_equal(state->gapped[state->gapped_count - 1], coverage->account);
        return TRACER_OK;
    }
    if (address_equal(state->whole, coverage->account))
        return TRACER_OK; /* the ledger has it whole by another record */
    enum tracer_status status = add_gapped(state, coverage->account, err);
    if (status)
        return status;
    state->touches_gap = true;
    if (state->account_gaps++ >= ACCOUNT_GAPS_TOLD)
        return TRACER_OK;
    address_format(coverage->account, account);
    if (coverage->gap[0])
        return case_note(state, NOTE_GAP, err, "%s: %s", account, coverage->gap);
    return case_note(state, NOTE_GAP, err, "%s: its history is known for blocks %" PRIu64 " to %" PRIu64 " only", account, coverage->first, coverage->last);
}

/* What an audit of the store as it begins now could not explain. Transactions and coins that are missing make a gap; a token may
 * just do what its events do not say. */
static enum tracer_status add_audit_gap(struct case_state *state, const struct graph_coverage *coverage, struct error *err)
{
    char account[ADDRESS_TEXT_SIZE];
    bool tokens = strncmp(coverage->gap, AUDIT_TOKEN_GAP, strlen(AUDIT_TOKEN_GAP)) == 0;
    size_t *count = tokens ? &state->audit_token_gaps : &state->audit_gaps;
    state->touches_gap = state->touches_gap || !tokens;
    state->audited = tokens ? state->audited : coverage->account;
    enum tracer_status status = tokens ? TRACER_OK : add_gapped(state, coverage->account, err);
    if (status || (*count)++ >= AUDIT_GAPS_SHOWN)
        return status;
    address_format(coverage->account, account);
    return case_note(state, tokens ? NOTE_DISAGREEMENT : NOTE_GAP, err, "audit of blocks %" PRIu64 " to %" PRIu64 ": %s: %s",
                     coverage->first, coverage->last, account, coverage->gap);
}

/* A token's balances are not what its events say (X7). */
static enum tracer_status add_doubt(struct case_state *state, const struct graph_coverage *coverage, struct error *err)
{
    char token[ADDRESS_TEXT_SIZE];
    struct address *doubted = case_grow(state->arena, state->doubted, state->doubted_count, &state->doubted_capacity, sizeof(*doubted));
    if (!doubted)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->doubted = doubted;
    doubted[state->doubted_count++] = coverage->account; /* records come by account */
    address_format(coverage->account, token);
    return case_note(state, NOTE_DISAGREEMENT, err, "audit of blocks %" PRIu64 " to %" PRIu64 ": token %s: %s: its transfers are asserted, whatever hash covers them",
                     coverage->first, coverage->last, token, coverage->gap);
}

static enum tracer_status count_audit_gaps(struct case_state *state, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (state->audit_gaps > AUDIT_GAPS_SHOWN)
        status = case_note(state, NOTE_GAP, err, "audit: %zu more accounts (store coverage lists them)", state->audit_gaps - AUDIT_GAPS_SHOWN);
    if (!status && state->audit_token_gaps > AUDIT_GAPS_SHOWN)
        status = case_note(state, NOTE_DISAGREEMENT, err, "audit: %zu more accounts (store coverage lists them)",
                           state->audit_token_gaps - AUDIT_GAPS_SHOWN);
    return status;
}

/* Coverage of single accounts makes the explored set; of the whole range, it tells gaps. */
static enum tracer_status read_coverage(void *context, const struct graph_coverage *coverage,
                                        struct error *err)
{
    struct case_state *state = context;
    enum tracer_status status = TRACER_OK;
    bool concerns = coverage->last >= state->first && coverage->first <= state->last;
    if (address_is_void(coverage->account)) {
        if (concerns && coverage->first <= state->covered_to && coverage->last >= state->covered_to)
            state->covered_to = coverage->last + 1;
        if (state->network.imported && concerns) {
            extend_part(&state->everybody, coverage);
            state->half_covered = state->covered_to > state->last && !part_is_whole(state, &state->everybody);
        }
        if (concerns && coverage->gap[0]) {
            state->touches_gap = true;
            status = case_note(state, NOTE_GAP, err, "blocks %" PRIu64 " to %" PRIu64 ": %s", coverage->first,
                               coverage->last, coverage->gap);
        }
        return status;
    }
    if (strcmp(coverage->strategy, AUDIT_STRATEGY) == 0 && strcmp(coverage->what, AUDIT_TOKEN) == 0)
        return concerns && coverage->first == state->range.first && coverage->gap[0] ? add_doubt(state, coverage, err) : TRACER_OK;
    if (strcmp(coverage->strategy, AUDIT_STRATEGY) == 0)
        return concerns && coverage->first == state->range.first && coverage->gap[0] ? add_audit_gap(state, coverage, err) : TRACER_OK;
    if (state->network.imported && concerns && (status = account_gap(state, coverage, err)))
        return status;
    if (!state->input->has_explored && state->covered_to > state->last)
        return TRACER_OK; /* every account's is there: void, which stands for all, comes first */
    state->has_explored = true;
    if (!concerns || !is_wanted(state->input, coverage->account))
        return TRACER_OK;
    if (!state->network.imported && (status = account_gap(state, coverage, err)))
        return status;
    if (!state->network.imported && is_part(state, coverage))
        return TRACER_OK; /* what it did before or after is not known: a replay would have it hold what it paid out */
    if (state->explored_count && address_equal(state->explored[state->explored_count - 1], coverage->account))
        return TRACER_OK; /* records come by account: one entry for native and tokens */
    struct address *explored = case_grow(state->arena, state->explored, state->explored_count,
                                         &state->explored_capacity, sizeof(*explored));
    if (!explored)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->explored = explored;
    explored[state->explored_count++] = coverage->account;
    return TRACER_OK;
}

/* ---- endpoints that were not believed ---- */

struct liars {
    struct case_state *state;
    struct {
        char name[TRACER_ENDPOINT_NAME_MAX];
        uint64_t blocks, first;
    } of[TRACER_ENDPOINTS_MAX];
    size_t count;
};

static enum tracer_status read_refused(void *context, const char *name, size_t size, struct error *err)
{
    struct liars *liars = context;
    uint64_t chain_id, number;
    int length = 0;
    (void)size;
    (void)err;
    if (sscanf(name, "refused %" SCNu64 " %" SCNu64 " %n", &chain_id, &number, &length) != 2 || !length ||
        chain_id != liars->state->network.chain_id || number < liars->state->first || number > liars->state->last)
        return TRACER_OK;
    size_t i = 0;
    while (i < liars->count && strcmp(liars->of[i].name, name + length) != 0)
        i++;
    if (i == TRACER_ENDPOINTS_MAX)
        return TRACER_OK;
    if (i == liars->count) {
        snprintf(liars->of[i].name, sizeof(liars->of[i].name), "%s", name + length);
        liars->of[i].first = number;
        liars->count++;
    }
    liars->of[i].blocks++;
    return TRACER_OK;
}

/* They changed nothing: what they said was refused. But who reads the result should know them. */
static enum tracer_status tell_refused(struct case_state *state, struct error *err)
{
    struct liars liars = {.state = state};
    enum tracer_status status = graph_each_item(state->input->graph, GRAPH_ITEM_ENDPOINT, read_refused, &liars, err);
    if (status == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    for (size_t i = 0; i < liars.count && !status; i++)
        status = case_note(state, NOTE_DISAGREEMENT, err,
                           "endpoint \"%s\" was not believed about %" PRIu64 " of these blocks, the first is %" PRIu64
                           ": what it said of them was refused, and others were asked (store refused)",
                           liars.of[i].name, liars.of[i].blocks, liars.of[i].first);
    return status;
}

static enum tracer_status set_range(struct case_state *state, struct error *err)
{
    const struct case_input *input = state->input;
    enum tracer_status status = graph_range(input->graph, input->chain_id, &state->range, err);
    if (status == TRACER_E_NOT_FOUND)
        return error_set(err, TRACER_E_NOT_FOUND, "the store has no blocks of chain %" PRIu64,
                         input->chain_id);
    if (status)
        return status;
    state->first = input->has_from && input->from > state->range.first ? input->from : state->range.first;
    state->last = input->has_to && input->to < state->range.last ? input->to : state->range.last;
    if (state->first > state->last)
        return error_set(err, TRACER_E_USAGE,
                         "no stored block lies in the range asked for (stored: %" PRIu64 " to %" PRIu64 ")",
                         state->range.first, state->range.last);
    if (input->has_from && input->from < state->range.first && !state->network.imported) {
        state->touches_gap = true;
        status = case_note(state, NOTE_GAP, err, "blocks before %" PRIu64 " are not in the store",
                           state->range.first);
    }
    if (!status && input->has_to && input->to > state->range.last && !state->network.imported) {
        state->touches_gap = true;
        status = case_note(state, NOTE_GAP, err, "blocks after %" PRIu64 " are not in the store",
                           state->range.last);
    }
    return status;
}

/* Blocks and lists as they stood on a day (case_input.as_of_end_s, label_as_of()). */
static enum tracer_status set_as_of(struct case_state *state, struct error *err)
{
    const struct case_input *input = state->input;
    const char *date = label_as_of(input->labels);
    enum tracer_status status = TRACER_OK;
    if (input->as_of_end_s) {
        uint64_t after;
        if ((status = case_block_at(state, input->as_of_end_s + 1, &after, err)))
            return status;
        if (after <= state->first)
            return error_set(err, TRACER_E_USAGE, "no stored block is as old as %s", date);
        if (after - 1 < state->last)
            state->last = after - 1;
        if (after > state->range.last && !state->network.imported) {
            state->touches_gap = true;
            status = case_note(state, NOTE_GAP, err,
                               "blocks after %" PRIu64 " are not in the store, and some may be as old as %s",
                               state->range.last, date);
        }
    }
    if (!status && date[0])
        status = case_note(state, NOTE_ASSUMPTION, err, "as of %s: blocks until %" PRIu64 ", and lists as they stood then",
                           date, state->last);
    for (size_t i = 0; i < label_list_count(input->labels) && date[0] && !status; i++) {
        const struct label_list *list = label_list(input->labels, i);
        char shown[TRACER_QUOTED_MAX];
        if (list->imported && (!list->date[0] || strcmp(list->date, date) > 0))
            status = case_note(state, NOTE_LIMIT, err,
                               "the list %s is of %s: no version as old as %s is in the store, so its entries count "
                               "from their own dates, and those that were taken off it are missing",
                               shown_text(shown, sizeof(shown), list->name, strlen(list->name)), list->date[0] ? list->date : "no date", date);
    }
    return status;
}

enum tracer_status case_open(struct case_state *state, const struct case_input *input, struct arena *arena,
                             struct error *err)
{
    *state = (struct case_state){.input = input, .arena = arena};
    enum tracer_status status = graph_get_network(input->graph, input->chain_id, &state->network, err);
    if (status == TRACER_E_NOT_FOUND)
        return error_set(err, TRACER_E_NOT_FOUND, "the store has no blocks of chain %" PRIu64,
                         input->chain_id);
    if (status || (status = set_range(state, err)) || (status = set_as_of(state, err)))
        return status;
    state->covered_to = state->everybody.coin_to = state->everybody.tokens_to = state->first;
    if (input->incomplete) {
        char shown[TRACER_QUOTED_MAX];
        state->touches_gap = true;
        status = case_note(state, NOTE_GAP, err,
                           "the import of %s was interrupted: rows are missing; import it again",
                           shown_text(shown, sizeof(shown), input->incomplete, strlen(input->incomplete)));
        if (status)
            return status;
    }
    status = graph_each_coverage(input->graph, input->chain_id, NULL, read_coverage, state, err);
    if (status == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    if (status || (status = end_part(state, err)) || (status = count_audit_gaps(state, err)) || (status = tell_refused(state, err)))
        return status;
    if (state->account_gaps > ACCOUNT_GAPS_TOLD &&
        (status = case_note(state, NOTE_GAP, err, "and %zu more accounts whose history is not whole (store coverage)", state->account_gaps - ACCOUNT_GAPS_TOLD)))
        return status;
    if (state->holed_count && (status = case_note(state, NOTE_GAP, err,
                                            "the imported files name holes in the history of %zu accounts (store coverage): what is missing there is not known here either",
                                            state->holed_count)))
        return status;
    for (size_t i = 0; i < input->limit_count; i++) {
        state->touches_gap = true;
        if ((status = case_note(state, NOTE_GAP, err, "%s", input->limits[i])))
            return status;
    }
    if (input->has_explored) {
        state->has_explored = true;
        state->explored_count = 0;
        for (size_t i = 0; i < input->explored_count; i++) {
            struct address *explored = case_grow(arena, state->explored, state->explored_count, &state->explored_capacity, sizeof(*explored));
            if (!explored)
                return error_set(err, TRACER_E_NOMEM, "no memory");
            state->explored = explored;
            explored[state->explored_count++] = input->explored[i];
        }
    }
    if (!state->has_explored && !state->network.imported && state->range.first_gap >= state->first && state->range.first_gap &&
        state->range.first_gap <= state->last) {
        state->touches_gap = true;
        status = case_note(state, NOTE_GAP, err, "blocks are missing between %" PRIu64 " and %" PRIu64 ", the first is %" PRIu64,
                           state->first, state->last, state->range.first_gap);
        if (status)
            return status;
    }
    if (!state->has_explored && state->covered_to <= state->last) {
        state->touches_gap = true;
        status =
            state->network.imported
                ? case_note(
                      state, NOTE_GAP, err,
                      "the imported rows do not say whose history they are whole for: import a coverage.csv beside "
                      "them (an empty account means every account)")
                : case_note(state, NOTE_GAP, err,
                            "no record says that blocks %" PRIu64 " to %" PRIu64 " were read whole",
                            state->covered_to, state->last);
        if (status)
            return status;
    }
    return label_emits(input->labels) ? case_labels(state, err) : TRACER_OK;
}

enum tracer_status case_labels(struct case_state *state, struct error *err)
{
    return state->labels ? TRACER_OK
                         : label_classes(state->input->labels, state->input->chain_id, state->arena, &state->labels, &state->label_count, err);
}

void case_close(struct case_state *state)
{
    taint_free(state->taint);
    state->taint = NULL;
    cursor_close(&state->cursor);
}

static void number_sources(struct case_state *state)
{
    for (size_t i = 0; i < state->seed_count; i++)
        for (uint32_t s = 0; s < taint_source_count(state->taint); s++)
            if (strcmp(taint_source_name(state->taint, s), state->seeds[i].source) == 0)
                state->shown_seeds[i].source = s;
}

/* By the index, where that gives the same and costs less than reading every row. */
static enum tracer_status gather(struct case_state *state, const struct taint_input *engine, struct error *err)
{
    const struct case_input *input = state->input;
    struct cursor_index index;
    enum tracer_status status = graph_gather(input->graph, input->chain_id, state->first, state->last, input->index_max, &state->cursor, &index, err);
    if (!status && !(status = taint_new(engine, &state->cursor, &state->taint, err)))
        status = taint_reach(state->taint, &index, err);
    if (status)
        case_close(state);
    return status;
}

static enum tracer_status make_engine(struct case_state *state, struct taint_options options, bool may_gather, struct error *err)
{
    const struct case_input *input = state->input;
    enum tracer_status status = case_labels(state, err);
    if (status)
        return status;
    state->options = options;
    state->assets = arena_calloc(state->arena, input->token_count + 1, sizeof(*state->assets));
    if (!state->assets)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < input->token_count; i++)
        state->assets[i] = input->tokens[i].asset;
    struct taint_input *engine = arena_calloc(state->arena, 1, sizeof(*engine));
    if (!engine)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    *engine = (struct taint_input){.options = options,
                                   .seeds = state->seeds,
                                   .seed_count = state->seed_count,
                                   .labels = state->labels,
                                   .label_count = state->label_count,
                                   .assets = state->assets,
                                   .asset_count = input->token_count,
                                   .has_assets = true,
                                   .explored = state->explored,
                                   .explored_count = state->explored_count,
                                   .has_explored = state->has_explored,
                                   .doubted = state->gapped,
                                   .doubted_count = state->as_if_whole ? 0 : state->gapped_count,
                                   .doubts_added = !state->as_if_whole && !state->network.imported};
    status = may_gather && !state->gapped_count ? gather(state, engine, err) : TRACER_E_UNAVAILABLE;
    if (status == TRACER_E_UNAVAILABLE || status == TRACER_E_LIMIT) {
        status = graph_cursor(input->graph, input->chain_id, state->first, state->last, &state->cursor, err);
        if (!status)
            status = taint_new(engine, &state->cursor, &state->taint, err);
    }
    if (!status)
        number_sources(state);
    return status;
}

enum tracer_status case_engine(struct case_state *state, struct taint_options options, struct error *err)
{
    return make_engine(state, options, false, err);
}

enum tracer_status case_engine_of_sources(struct case_state *state, struct taint_options options, struct error *err)
{
    return make_engine(state, options, true, err);
}

enum tracer_status case_adopt(struct case_state *state, const struct case_state *owner, struct error *err)
{
    if (state->seed_count != owner->seed_count)
        return error_set(err, TRACER_E_INTERNAL, "the seeds are others than those of the replay");
    state->options = owner->options;
    state->taint = owner->taint;
    state->cursor = owner->cursor;
    number_sources(state);
    return TRACER_OK;
}

enum tracer_status case_replay(struct case_state *state, struct error *err)
{
    return taint_replay(state->taint, state->input->watch, state->input->watch_context, err);
}

static enum tracer_status option_notes(struct case_state *state, struct taint_options options,
                                       struct error *err)
{
    static const char *const policies[POLICY_COUNT] = {
        [POLICY_FIFO] = "fifo: the oldest units of a holding leave first",
        [POLICY_LIFO] = "lifo: the newest units of a holding leave first",
        [POLICY_HAIRCUT] = "haircut: every outflow carries taint in the proportion of the holding",
        [POLICY_POISON] = "poison: any contact taints all; amounts do not add up and no totals are kept",
        [POLICY_CLEANFIRST] =
            "cleanfirst: untainted units leave first (the least taint that can have moved on)",
        [POLICY_TAINTFIRST] = "taintfirst: tainted units leave first (the most taint that can have moved on)",
    };
    enum tracer_status status =
        state->compares
            ? case_note(
                  state, NOTE_ASSUMPTION, err,
                  "each policy is a complete trace of its own; none is mixed with another. Low and high are the least and the greatest among "
                  "them, not bounds for every rule that one could think of. What they agree on does not depend on the policy")
            : case_note(
                  state, NOTE_ASSUMPTION, err,
                  "policy %s. This is accounting under a declared convention, not a probability; other policies place units "
                  "differently",
                  policies[options.policy]);
    if (!status)
        status = case_note(
            state, NOTE_ASSUMPTION, err,
            options.fees == FEES_SINK
                ? "fees: gas is consideration for a service; taint paid as fee is counted and followed no further"
                : "fees: taint paid as fee is followed to those who earned it");
    if (!status && options.unknown == UNKNOWN_CLEAN)
        status = case_note(state, NOTE_ASSUMPTION, err,
                           "units of unknown history were taken as clean, as asked for");
    if (!status && options.opening == OPENING_CLEAN)
        status =
            case_note(state, NOTE_ASSUMPTION, err,
                      "balances from before the first source count as clean: they cannot be its proceeds");
    return status;
}

enum tracer_status case_common_notes(struct case_state *state, struct error *err)
{
    struct taint_options options = state->options;
    struct taint_diag diag = state->taint ? taint_diag(state->taint) : state->diag;
    if (state->taint && state->of_sources) {
        struct taint_met met = taint_met(state->taint);
        diag.groups_ok = met.groups_ok;
        diag.groups_bad = met.groups_bad;
        diag.overspend = met.overspend;
    }
    enum tracer_status status = option_notes(state, options, err);
    if (!status)
        status = case_note(
            state, NOTE_ASSUMPTION, err,
            "labels are statements of third parties; they decide where a trace ends, never an amount");
    if (!status && diag.groups_ok)
        status = case_note(
            state, NOTE_ASSUMPTION, err,
            "%" PRIu64 " exchanges (swaps, wraps) carry taint from what a party paid to what it received; "
            "several assets paid at once share by the weights of the list of assets",
            diag.groups_ok);
    if (!status && diag.groups_bad)
        status = case_note(state, NOTE_LIMIT, err,
                           "%" PRIu64
                           " transactions look like exchanges but their order does not allow the link; their "
                           "legs count as ordinary transfers",
                           diag.groups_bad);
    if (!status && diag.overspend && options.policy != POLICY_POISON)
        status =
            case_note(state, NOTE_GAP, err,
                      "%" PRIu64 " transfers%s spent more than the rows before them show: the difference is of "
                      "unknown history and was taken as the oldest units",
                      diag.overspend, state->of_sources ? " of accounts that taint reached" : "");
    if (!status && diag.overflow)
        status = case_note(state, NOTE_LIMIT, err,
                           "%" PRIu64 " transfers would overflow a balance and moved nothing", diag.overflow);
    if (!status)
        status = case_note(
            state, NOTE_LIMIT, err,
            state->network.imported
                ? "the transfers come from a file: each is as good as the source it names (asserted), those "
                  "marked inferred were computed from balances"
                : "each block was recomputed from what its hash covers; its grade says on whose word the hash stands: "
                  "single (one endpoint), linked (two agree), proven (two agree and it is final, or it hangs on a hash known beforehand). Internal transfers are "
                  "covered by no hash: asserted");
    if (!status && state->input->spare_sources)
        status = case_note(state, NOTE_LIMIT, err,
                           "only the accounts on which the answers depend (%zu) were explored: a shorter path, over units that went elsewhere, may exist",
                           state->explored_count);
    if (!status)
        status = case_note(
            state, NOTE_LIMIT, err,
            "taint says that units moved, not who moved them or why; what a mixer, bridge, venue or "
            "unexplored account pays out is unknown, not innocent");
    return status;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

enum tracer_status case_head(struct case_state *state, struct result_head *ret_head, struct error *err)
{
    const struct case_input *input = state->input;
    struct result_head head = {.version = TRACER_VERSION,
                               .commit = TRACER_COMMIT,
                               .network =
                                   arena_text(state->arena, state->network.name, strlen(state->network.name)),
                               .chain_id = state->network.chain_id,
                               .native_symbol = input->native_symbol,
                               .imported = state->network.imported,
                               .time_keys = state->network.time_keys,
                               .first_block = state->first,
                               .last_block = state->last,
                               .last_grade = GRADE_INFERRED, /* until it is known */
                               .options = state->options,
                               .policy = taint_policy_name(state->options.policy),
                               .has_explored = state->has_explored,
                               .explored_count = state->explored_count,
                               .notes = state->notes,
                               .note_count = state->note_count,
                               .repeat = input->repeat};
    struct block block;
    enum tracer_status status =
        graph_get_block(input->graph, state->network.chain_id, state->first, &block, err);
    if (status == TRACER_OK) {
        head.first_hash = block.hash;
        head.first_time = block.time;
        status = graph_get_block(input->graph, state->network.chain_id, state->last, &block, err);
    }
    if (status == TRACER_OK) {
        head.last_hash = block.hash;
        head.last_time = block.time;
        head.last_grade = block.grade;
    } else if (status != TRACER_E_NOT_FOUND) { /* the ends of a --from/--to may lie between stored blocks */
        return status;
    }
    if (state->network.time_keys) {
        head.first_time = state->first;
        head.last_time = state->last;
    }
    size_t lists = label_list_count(input->labels);
    struct result_input *inputs = arena_calloc(state->arena, input->input_count + lists + 1, sizeof(*inputs));
    if (!inputs || !head.network)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < input->input_count; i++) {
        inputs[i] = input->inputs[i];
        inputs[i].name = base_name(inputs[i].name);
    }
    for (size_t i = 0; i < lists; i++) {
        const struct label_list *list = label_list(input->labels, i);
        struct result_input *shown = &inputs[input->input_count + i];
        shown->role = "labels";
        shown->name = base_name(list->name);
        digest_format(list->digest, shown->sha256);
    }
    head.inputs = inputs;
    head.input_count = input->input_count + lists;
    *ret_head = head;
    return TRACER_OK;
}
