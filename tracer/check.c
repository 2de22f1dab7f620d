/* check.c - is this deposit or address tainted; by what, how much, by which path? (architecture 5, taint-spec
 * 10) */
#include "checking.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool moves_value(const struct transfer *row)
{
    return row->kind != TRANSFER_FEE && !u256_is_zero(row->amount);
}

static enum tracer_status parse_target(const struct case_state *state, const char *text, struct row_spec *ret_spec, struct error *err)
{
    enum tracer_status status = case_parse_row(state, text, ret_spec, err);
    if (!status && ret_spec->what == ROW_NOTHING) {
        char shown[TRACER_QUOTED_MAX];
        status = error_set(err, TRACER_E_USAGE, "\"%s\" is no address, transaction hash or key (block:txi:idx)",
                           safe_text(shown, sizeof(shown), text, strlen(text)));
    }
    return status;
}

/* Find the rows of a target; what is missing becomes a reason, not an error. */
static enum tracer_status find_target(struct checking *checking, struct target *target, struct error *err)
{
    struct case_state *state = &checking->state;
    const char *text = target->asked.text;
    enum tracer_status status = parse_target(state, text, &target->spec, err);
    if (status)
        return status;
    if (target->spec.what == ROW_ADDRESS)
        return TRACER_OK;
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
    uint64_t block = target->row_count ? target->rows[0].position.block_number : 0;
    if (target->row_count && (block < state->first || block > state->last)) {
        target->row_count = 0;
        target->missing = arena_printf(state->arena, "it is in block %" PRIu64 ", and the blocks asked about are %" PRIu64 " to %" PRIu64, block,
                                       state->first, state->last);
        return target->missing ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    }
    const struct address *to = target->asked.to;
    if (target->spec.what != ROW_TRANSACTION) {
        if (target->row_count && to && !address_equal(target->rows[0].to, *to)) {
            target->row_count = 0;
            target->missing = "it does not go to the address named by --to";
        }
        return TRACER_OK;
    }
    size_t kept = 0;
    for (size_t i = 0; i < target->row_count; i++)
        if (moves_value(&target->rows[i]) && (!to || address_equal(target->rows[i].to, *to)))
            target->rows[kept++] = target->rows[i];
    target->row_count = kept;
    if (kept == 0)
        target->missing = to ? "the transaction moves nothing to the address named by --to"
                             : "the transaction moves no value: there is nothing to ask about";
    return TRACER_OK;
}

static enum tracer_status build(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    struct check_result *result = checking->result;
    struct check_answer *answers = arena_calloc(state->arena, checking->target_count + 1, sizeof(*answers));
    enum tracer_status status = answers ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    result->answers = checking->answers = answers;
    for (size_t t = 0; t < checking->target_count && !status; t++)
        status = make_lines(checking, &checking->targets[t], &answers[t], err);
    if (status || (status = build_steps(checking, err)) || (status = case_seal_tables(state, err)))
        return status;
    set_names(checking);
    for (size_t t = 0; t < checking->target_count && !status; t++) {
        status = answer_target(checking, t, &answers[t], err);
        if (answers[t].verdict > result->worst)
            result->worst = answers[t].verdict;
    }
    result->answer_count = checking->target_count;
    if (status || (status = case_common_notes(state, err)) || (status = case_head(state, &result->head, err)))
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
        uint64_t block =
            state->seeds[i].is_address ? state->seeds[i].block_number : state->seeds[i].position.block_number;
        if (block < state->first)
            return false;
    }
    return true;
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

struct screen {
    struct screen_request request;
    struct arena *arena;
    struct case_state state; /* sources and gaps; no engine */
    struct lookup *lookup;
    struct quick *quick;
    struct wanted wanted_accounts;
    const struct wanted *wanted; /* NULL: all */
    struct case_state funds_state; /* no sources but labelled accounts */
    struct lookup *funds;          /* NULL: not asked for */
};

/* A replay of its own: a seed does not tag what another source has. */
static enum tracer_status open_funds(struct screen *screen, struct error *err)
{
    struct case_state *state = &screen->funds_state;
    struct taint_options options = screen->request.input.options;
    if (options.policy == POLICY_POISON)
        return error_set(err, TRACER_E_USAGE, "under poison amounts do not add up: there is no source of funds");
    enum tracer_status status = case_open(state, &screen->request.input, screen->arena, err);
    if (!status)
        status = case_add_origins(state, err);
    return status ? status : lookup_open(state, options, screen->wanted, &screen->funds, err);
}

enum tracer_status screen_case(struct case_state *state, const struct screen_request *request, struct arena *arena,
                               struct taint_options *ret_options, struct error *err)
{
    enum tracer_status status = case_open(state, &request->input, arena, err);
    for (size_t i = 0; i < request->source_count && !status; i++)
        status = case_add_seed(state, request->sources[i], request->has_since, request->since, err);
    if (!status && request->source_count == 0)
        status = case_add_default_seeds(state, err);
    if (status)
        return status;
    *ret_options = request->input.options;
    if (request->source_count && opening_is_clean(state)) /* those of the registry and the lists may be older than the store */
        ret_options->opening = OPENING_CLEAN;
    return TRACER_OK;
}

/* A rule about a category that no source can have here takes nothing, which nobody would notice: a slip, or labels that were not given. */
static enum tracer_status check_categories(const struct case_state *state, const struct rules *rules, struct error *err)
{
    static const char *const always[] = {"sanctioned", "theft", "mixer", "named"};
    const char *categories[TRACER_RULES_MAX];
    size_t count = rules_categories(rules, categories);
    for (size_t c = 0; c < count; c++) {
        bool known = false;
        struct label label;
        for (size_t i = 0; i < sizeof(always) / sizeof(always[0]) && !known; i++)
            known = strcmp(categories[c], always[i]) == 0;
        for (size_t i = 0; i < state->label_count && !known; i++)
            known = state->labels[i].emit[0] && label_find(state->input->labels, state->network.chain_id, state->labels[i].address, &label) &&
                    strcmp(categories[c], label.category) == 0;
        if (!known)
            return error_set(err, TRACER_E_USAGE, "--rules: no source has the category \"%s\" here: it is sanctioned, theft, mixer, named, or that of a label that emits a source (--labels)",
                             categories[c]);
    }
    return TRACER_OK;
}

enum tracer_status screen_open(const struct screen_request *request, struct screen **ret_screen, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct screen *screen = arena ? arena_calloc(arena, 1, sizeof(*screen)) : NULL;
    if (!screen) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    screen->request = *request;
    screen->request.rules = request->rules ? request->rules : rules_default();
    screen->arena = arena;
    if (request->wanted) {
        struct address *accounts = arena_copy(arena, request->wanted, request->wanted_count * sizeof(*accounts));
        if (!accounts) {
            screen_close(screen);
            return error_set(err, TRACER_E_NOMEM, "no memory");
        }
        qsort(accounts, request->wanted_count, sizeof(*accounts), order_addresses);
        screen->wanted_accounts = (struct wanted){accounts, request->wanted_count};
        screen->wanted = &screen->wanted_accounts;
    }
    struct case_state *state = &screen->state;
    struct taint_options options;
    enum tracer_status status = screen_case(state, &screen->request, arena, &options, err);
    if (!status)
        status = check_categories(state, screen->request.rules, err);
    if (!status && state->explored_count)
        qsort(state->explored, state->explored_count, sizeof(*state->explored), order_addresses);
    if (!status)
        status = lookup_open(state, options, screen->wanted, &screen->lookup, err);
    if (!status && request->funds)
        status = open_funds(screen, err);
    if (!status && screen->funds && lookup_head(screen->funds)->last != state->last)
        status = error_set(err, TRACER_E_CONFLICT, "the store went on meanwhile; ask again");
    if (!status)
        status = quick_new(state, screen->lookup, &screen->quick, err);
    if (!status) {
        state->options = options;
        state->compares = request->compares;
        state->diag = lookup_head(screen->lookup)->diag;
    }
    if (status)
        screen_close(screen);
    else
        *ret_screen = screen;
    return status;
}

void screen_close(struct screen *screen)
{
    if (!screen)
        return;
    quick_free(screen->quick);
    lookup_close(screen->funds);
    lookup_close(screen->lookup);
    arena_free(screen->arena);
}

enum tracer_status screen_check_target(const struct screen *screen, const char *text, const char *chain, const char **ret_column, struct error *err)
{
    const struct graph_network *network = &screen->state.network;
    struct row_spec spec;
    char id[24], shown[TRACER_QUOTED_MAX];
    snprintf(id, sizeof(id), "%" PRIu64, network->chain_id);
    *ret_column = "chain";
    if (chain[0] && strcmp(chain, network->name) != 0 && strcmp(chain, id) != 0)
        return error_set(err, TRACER_E_USAGE, "is on %s, and this is about %s: ask in a batch of its own (--chain)",
                         safe_text(shown, sizeof(shown), chain, strlen(chain)), network->name);
    *ret_column = "target";
    return parse_target(&screen->state, text, &spec, err);
}

void screen_identity(const struct screen *screen, struct digest *ret_identity)
{
    const struct kept_head *head = lookup_head(screen->lookup);
    const struct case_state *state = &screen->state;
    struct {
        struct digest identity, rules;
        struct hash last_hash;
        uint64_t last, generation, older_incidents, touches_gap, old_list, half_covered, holed_count; /* the last five make what is clean cannot tell */
    } all = {head->identity,         rules_digest(screen->request.rules), head->last_hash,     head->last, head->generation,
             state->older_incidents, state->touches_gap,                  state->old_list != NULL, state->half_covered, state->holed_count};
    *ret_identity = digest_bytes(&all, sizeof(all));
}

enum tracer_status screen_load_verdicts(struct screen *screen, struct error *err)
{
    return quick_load(screen->quick, err);
}

void screen_verdicts(const struct screen *screen, const struct address *addresses, size_t count, uint8_t *ret_verdicts)
{
    quick_verdicts(screen->quick, addresses, count, ret_verdicts);
}

void screen_set_store(struct screen *screen, struct graph *graph)
{
    screen->request.input.graph = graph;
}

enum tracer_status screen_check_store(const struct screen *screen, struct error *err)
{
    const struct case_state *state = &screen->state;
    struct graph_range range;
    enum tracer_status status = graph_range(state->input->graph, state->network.chain_id, &range, err);
    return status || range.generation == state->range.generation
               ? status
               : error_set(err, TRACER_E_CONFLICT, "stored blocks became others meanwhile (a reorg, an import): run it again");
}

/* The case with tables and notes of its own, in the arena of a result. */
static enum tracer_status begin(struct checking *checking, const struct screen *screen, struct arena *arena, struct error *err)
{
    struct case_state *state = &checking->state;
    *state = screen->state;
    state->arena = arena;
    state->named = NULL; /* an answer names what it shows, not each account of each source */
    state->named_count = state->named_capacity = 0;
    state->listed = NULL;
    state->listed_count = state->listed_capacity = 0;
    state->note_capacity = state->note_count;
    state->notes = arena_calloc(arena, state->note_count + 1, sizeof(*state->notes));
    state->shown_seeds = arena_calloc(arena, state->seed_count + 1, sizeof(*state->shown_seeds));
    if (!state->notes || !state->shown_seeds)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < state->note_count; i++) { /* the result outlives the screen */
        const struct result_note *note = &screen->state.notes[i];
        state->notes[i] = (struct result_note){.kind = note->kind, .text = arena_text(arena, note->text, strlen(note->text))};
        if (!state->notes[i].text)
            return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    if (state->seed_count)
        memcpy(state->shown_seeds, screen->state.shown_seeds, state->seed_count * sizeof(*state->shown_seeds));
    return TRACER_OK;
}

static enum tracer_status run(struct checking *checking, const struct screen *screen, const struct screen_target *targets,
                              size_t count, struct error *err)
{
    struct case_state *state = &checking->state;
    enum tracer_status status = begin(checking, screen, checking->result->arena, err);
    if (status)
        return status;
    checking->lookup = screen->lookup;
    checking->funds = screen->funds;
    checking->rules = screen->request.rules;
    checking->target_count = count;
    checking->targets = arena_calloc(state->arena, count + 1, sizeof(*checking->targets));
    if (!checking->targets)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t t = 0; t < count && !status; t++) {
        checking->targets[t].asked = targets[t];
        status = find_target(checking, &checking->targets[t], err);
    }
    return status ? status : build(checking, err);
}

enum tracer_status screen_answer(struct screen *screen, const struct screen_target *targets, size_t count,
                                 struct check_result **ret_result, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct check_result *result = arena ? arena_calloc(arena, 1, sizeof(*result)) : NULL;
    if (!result) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    result->arena = arena;
    struct checking checking = {.result = result};
    enum tracer_status status = run(&checking, screen, targets, count, err);
    if (status) {
        check_result_free(result);
        return status;
    }
    *ret_result = result;
    return TRACER_OK;
}
