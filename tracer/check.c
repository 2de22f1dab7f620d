/* check.c - is this deposit or address tainted; by what, how much, by which path? (architecture 5, taint-spec
 * 10) */
#include "checking.h"

#include <string.h>

static bool moves_value(const struct transfer *row)
{
    return row->kind != TRANSFER_FEE && !u256_is_zero(row->amount);
}

/* Find the rows of a target; what is missing becomes a reason, not an error. */
static enum tracer_status find_target(struct checking *checking, struct target *target, struct error *err)
{
    struct case_state *state = &checking->state;
    const char *text = target->asked.text;
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
    const struct address *to = target->asked.to;
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
    for (size_t t = 0; t < checking->target_count && !status; t++) {
        struct target *target = &checking->targets[t];
        target->first_check = asked;
        if (target->spec.what == ROW_ADDRESS)
            status = taint_ask_account(checking->state.taint, target->spec.address, err);
        for (size_t r = 0; r < target->row_count && !status && !target->missing; r++, asked++)
            status = taint_ask(checking->state.taint, target->rows[r].position, err);
    }
    return status;
}

static enum tracer_status gather_names(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    const struct taint_received *received;
    const struct taint_holding *holdings;
    size_t hop_count = taint_hop_count(state->taint), count;
    enum tracer_status status = TRACER_OK;
    for (size_t t = 0; t < checking->target_count && !status; t++) {
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
        struct taint_hop hop = taint_hop_at(state->taint, i);
        if ((status = case_name_address(state, state->cursor.account(state->cursor.self, hop.from), err)) ||
            (status = case_name_address(state, state->cursor.account(state->cursor.self, hop.to), err)))
            break;
        status = case_list_asset(state, state->cursor.asset(state->cursor.self, hop.asset), err);
    }
    count = taint_received(state->taint, &received);
    for (size_t i = 0; i < count && !status; i++)
        status = case_list_asset(state, state->cursor.asset(state->cursor.self, received[i].asset), err);
    count = taint_holdings(state->taint, &holdings);
    for (size_t i = 0; i < count && !status; i++)
        status = case_list_asset(state, state->cursor.asset(state->cursor.self, holdings[i].asset), err);
    return status;
}

/* Steps of paths are known only at the end: keep the accounts and assets that are named somewhere, and
 * renumber. Two passes over every index: mark, then rename. */
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
                                arena_calloc(state->arena, state->asset_shown_count + 1, sizeof(uint32_t)),
                                true};
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
    size_t count = checking->target_count;
    size_t hop_count = taint_hop_count(state->taint);
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
        uint64_t block =
            state->seeds[i].is_address ? state->seeds[i].block_number : state->seeds[i].position.block_number;
        if (block < state->first)
            return false;
    }
    return true;
}

struct screen {
    struct screen_request request;
    struct arena *arena;
    struct case_state state; /* sources and gaps; no engine */
};

enum tracer_status screen_open(const struct screen_request *request, struct screen **ret_screen, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct screen *screen = arena ? arena_calloc(arena, 1, sizeof(*screen)) : NULL;
    if (!screen) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    screen->request = *request;
    screen->arena = arena;
    struct case_state *state = &screen->state;
    enum tracer_status status = case_open(state, &screen->request.input, arena, err);
    for (size_t i = 0; i < request->source_count && !status; i++)
        status = case_add_seed(state, request->sources[i], request->has_since, request->since, err);
    if (!status && request->source_count == 0)
        status = case_add_default_seeds(state, err);
    if (!status && opening_is_clean(state))
        screen->request.input.options.opening = OPENING_CLEAN;
    if (status)
        screen_close(screen);
    else
        *ret_screen = screen;
    return status;
}

void screen_close(struct screen *screen)
{
    if (screen)
        arena_free(screen->arena);
}

void screen_use(struct screen *screen, struct graph *graph)
{
    screen->request.input.graph = graph;
}

/* The case with tables and notes of its own, in the arena of a result. */
static enum tracer_status begin(struct checking *checking, const struct screen *screen, struct arena *arena, struct error *err)
{
    struct case_state *state = &checking->state;
    *state = screen->state;
    state->arena = arena;
    state->note_capacity = state->note_count;
    state->notes = arena_calloc(arena, state->note_count + 1, sizeof(*state->notes));
    state->shown_seeds = arena_calloc(arena, state->seed_count + 1, sizeof(*state->shown_seeds));
    if (!state->notes || !state->shown_seeds)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (state->note_count)
        memcpy(state->notes, screen->state.notes, state->note_count * sizeof(*state->notes));
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
    checking->target_count = count;
    checking->targets = arena_calloc(state->arena, count + 1, sizeof(*checking->targets));
    if (!checking->targets)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t t = 0; t < count && !status; t++) {
        checking->targets[t].asked = targets[t];
        status = find_target(checking, &checking->targets[t], err);
    }
    if (status || (status = case_engine(state, screen->request.input.options, err)) || (status = ask(checking, err)) ||
        (status = case_replay(state, err)))
        return status;
    return build(checking, err);
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
    case_close(&checking.state);
    if (status) {
        check_result_free(result);
        return status;
    }
    *ret_result = result;
    return TRACER_OK;
}
