/* explain.c - one flagged transfer followed back to the seeds. A first replay finds its path, a second one,
 * of the same input, is observed at the transactions of that path. */
#include "tracer/explain.h"

#include "pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A record of the path as the first replay left it; ids are the cursor's. */
struct found {
    struct taint_hop *hops; /* oldest first */
    size_t count;
};

struct explaining {
    const struct explain_request *request;
    struct explain_result *result;
    struct case_state state;
    struct found *found; /* one a source */
    size_t found_count;
    struct explain_move *moves; /* while observing: asset, from, to are ids of the cursor */
    size_t move_count, move_capacity;
    struct error *err;
};

static void *room(struct explaining *x, size_t count, size_t size)
{
    return arena_calloc(x->state.arena, count + 1, size);
}

static enum tracer_status no_memory(struct explaining *x)
{
    return error_set(x->err, TRACER_E_NOMEM, "no memory");
}

/* ---- the path ---- */

static bool is_row(const struct transfer *rows, size_t count, struct position position)
{
    for (size_t i = 0; i < count; i++)
        if (position_compare(rows[i].position, position) == 0)
            return true;
    return false;
}

static enum tracer_status several(struct explaining *x, size_t count, const struct transfer *rows, size_t row_count)
{
    char keys[256] = "", key[POSITION_TEXT_SIZE];
    size_t found = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        struct position position = taint_hop_at(x->state.taint, i).position;
        if (!is_row(rows, row_count, position) ||
            (i > 0 && position_compare(position, taint_hop_at(x->state.taint, i - 1).position) == 0))
            continue;
        position_format(position, key);
        if (found++ < 4)
            at += (size_t)snprintf(keys + at, sizeof(keys) - at, "%s%s", at ? ", " : "", key);
    }
    return error_set(x->err, TRACER_E_USAGE, "%s names %zu flagged transfers; name one: %s%s",
                     x->request->target, found, keys, found > 4 ? ", ..." : "");
}

/* Copies of the records from the seed to the one at `index`. */
static enum tracer_status copy_path(struct explaining *x, size_t index,
                                    struct found *ret_found)
{
    size_t length = taint_path(x->state.taint, index, NULL, 0);
    size_t *indices = room(x, length, sizeof(*indices));
    if (length > TRACER_EXPLAIN_STEPS_MAX)
        return error_set(x->err, TRACER_E_LIMIT, "the path has %zu transfers; at most %u are explained",
                         length, TRACER_EXPLAIN_STEPS_MAX);
    if (!indices || !(ret_found->hops = room(x, length, sizeof(*ret_found->hops))))
        return no_memory(x);
    ret_found->count = taint_path(x->state.taint, index, indices, length);
    for (size_t i = 0; i < length; i++)
        ret_found->hops[i] = taint_hop_at(x->state.taint, indices[i]);
    return TRACER_OK;
}

static enum tracer_status find_paths(struct explaining *x)
{
    struct case_state *state = &x->state;
    struct row_spec spec;
    struct transfer *rows;
    size_t row_count, count = taint_hop_count(state->taint), first = SIZE_MAX, last = 0;
    enum tracer_status status = case_parse_row(state, x->request->target, &spec, x->err);
    if (!status && (spec.what == ROW_ADDRESS || spec.what == ROW_NOTHING))
        status = error_set(x->err, TRACER_E_USAGE,
                           "%s is no transfer: name a hash, hash:N, hash:value or block:txi:idx",
                           x->request->target);
    if (!status)
        status = case_find_rows(state, &spec, x->request->target, &rows, &row_count, x->err);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        if (is_row(rows, row_count, taint_hop_at(state->taint, i).position)) {
            first = first == SIZE_MAX ? i : first;
            last = i;
        }
    if (first == SIZE_MAX)
        return error_set(x->err, TRACER_E_NOT_FOUND,
                         "%s carries nothing tainted under policy %s: there is nothing to explain",
                         x->request->target, taint_policy_name(state->options.policy));
    if (position_compare(taint_hop_at(state->taint, first).position, taint_hop_at(state->taint, last).position) != 0)
        return several(x, count, rows, row_count);
    x->found_count = last - first + 1;
    if (!(x->found = room(x, x->found_count, sizeof(*x->found))))
        return no_memory(x);
    for (size_t i = 0; i < x->found_count && !status; i++)
        status = copy_path(x, first + i, &x->found[i]);
    return status;
}

/* ---- observing ---- */

static bool copy_units(struct explaining *x, struct taint_units from, struct result_units *to)
{
    struct result_lot *lots = room(x, from.count, sizeof(*lots));
    for (size_t i = 0; lots && i < from.count; i++)
        lots[i] = (struct result_lot){from.lots[i].amount, from.lots[i].tag};
    *to = (struct result_units){lots, from.count};
    return lots != NULL;
}

static bool observe(void *context, const struct taint_step *step)
{
    struct explaining *x = context;
    struct explain_move *moves =
        case_grow(x->state.arena, x->moves, x->move_count, &x->move_capacity, sizeof(*moves));
    if (!moves)
        return false;
    x->moves = moves;
    struct explain_move *move = &moves[x->move_count++];
    *move = (struct explain_move){.hop = {.position = step->position,
                                          .kind = step->kind,
                                          .asset = step->asset,
                                          .from = step->from,
                                          .to = step->to,
                                          .amount = step->amount,
                                          .parent = RESULT_NONE},
                                  .from_holds = step->from_holds,
                                  .to_holds = step->to_holds,
                                  .overspent = step->overspent,
                                  .overspent_tag = step->overspent_tag,
                                  .group = step->group,
                                  .leg = step->leg,
                                  .undrawn = step->undrawn};
    return copy_units(x, step->from_before, &move->from_before) && copy_units(x, step->taken, &move->taken) &&
           copy_units(x, step->carried, &move->carried) &&
           copy_units(x, step->from_after, &move->from_after) &&
           copy_units(x, step->to_after, &move->to_after) && copy_units(x, step->pot, &move->pot);
}

static enum tracer_status replay_observed(struct explaining *x)
{
    struct case_state *state = &x->state;
    size_t count = 0;
    for (size_t i = 0; i < x->found_count; i++)
        count += x->found[i].count;
    struct position *transactions = room(x, count, sizeof(*transactions));
    if (!transactions)
        return no_memory(x);
    count = 0;
    for (size_t i = 0; i < x->found_count; i++)
        for (size_t h = 0; h < x->found[i].count; h++)
            transactions[count++] = x->found[i].hops[h].position;
    struct taint_options options = state->options;
    case_close(state);
    enum tracer_status status = case_engine(state, options, x->err);
    if (!status)
        status = taint_observe(state->taint, transactions, count, observe, x, x->err);
    return status ? status : case_replay(state, x->err);
}

/* ---- the result ---- */

static int order_positions(const void *a, const void *b)
{
    return position_compare(*(const struct position *)a, *(const struct position *)b);
}

/* Names instead of ids, and what is stored of each row. */
static enum tracer_status fill_moves(struct explaining *x)
{
    struct case_state *state = &x->state;
    const struct cursor *cursor = &state->cursor;
    enum tracer_status status = TRACER_OK;
    struct position *positions = room(x, x->move_count, sizeof(*positions));
    struct row_facts *facts = room(x, x->move_count, sizeof(*facts));
    if (!positions || !facts)
        return no_memory(x);
    for (size_t i = 0; i < x->move_count && !status; i++) {
        const struct result_hop *hop = &x->moves[i].hop;
        positions[i] = hop->position;
        if (!(status = case_name_address(state, cursor->account(cursor->self, hop->from), x->err)) &&
            !(status = case_name_address(state, cursor->account(cursor->self, hop->to), x->err)))
            status = case_list_asset(state, cursor->asset(cursor->self, hop->asset), x->err);
    }
    if (status || (status = case_seal_tables(state, x->err)))
        return status;
    qsort(positions, x->move_count, sizeof(*positions), order_positions);
    if ((status = case_row_facts(state, positions, x->move_count, facts, x->err)))
        return status;
    for (size_t i = 0; i < x->move_count; i++) {
        struct result_hop *hop = &x->moves[i].hop;
        struct position *found =
            bsearch(&hop->position, positions, x->move_count, sizeof(*positions), order_positions);
        const struct row_facts *fact = &facts[found - positions];
        struct asset asset = cursor->asset(cursor->self, hop->asset);
        hop->asset = case_asset(state, &asset);
        hop->from = case_account(state, cursor->account(cursor->self, hop->from));
        hop->to = case_account(state, cursor->account(cursor->self, hop->to));
        hop->transaction_hash = fact->transaction_hash;
        hop->block_number = fact->block_number;
        hop->time = fact->time;
        hop->log_index = fact->log_index;
        hop->grade = hop->path_grade = fact->grade;
    }
    return TRACER_OK;
}

static enum tracer_status fill_paths(struct explaining *x)
{
    struct explain_path *paths = room(x, x->found_count, sizeof(*paths));
    if (!paths)
        return no_memory(x);
    for (size_t p = 0; p < x->found_count; p++) {
        const struct found *found = &x->found[p];
        struct explain_step *steps = room(x, found->count, sizeof(*steps));
        if (!steps)
            return no_memory(x);
        for (size_t i = 0; i < found->count; i++) {
            struct explain_step *step = &steps[i];
            while (step->move < x->move_count &&
                   position_compare(x->moves[step->move].hop.position, found->hops[i].position) != 0)
                step->move++;
            if (step->move == x->move_count)
                return error_set(x->err, TRACER_E_INTERNAL,
                                 "the second replay did not move what the first did");
            step->hop = x->moves[step->move].hop;
            step->hop.source = found->hops[i].source;
            step->hop.hop = found->hops[i].hop;
            step->hop.tainted = found->hops[i].tainted;
            step->hop.parent = i ? (uint32_t)i - 1 : RESULT_NONE;
            if (i && steps[i - 1].hop.path_grade > step->hop.path_grade)
                step->hop.path_grade = steps[i - 1].hop.path_grade;
        }
        paths[p] = (struct explain_path){found->hops[0].source, steps, found->count};
    }
    x->result->paths = paths;
    x->result->path_count = x->found_count;
    x->result->moves = x->moves;
    x->result->move_count = x->move_count;
    return TRACER_OK;
}

static enum tracer_status run(struct explaining *x)
{
    const struct explain_request *request = x->request;
    struct case_state *state = &x->state;
    enum tracer_status status = case_open(state, &request->input, x->result->arena, x->err);
    state->as_if_whole = true;
    for (size_t i = 0; i < request->source_count && !status; i++)
        status = case_add_seed(state, request->sources[i], request->has_since, request->since, x->err);
    if (!status && request->source_count == 0)
        status = case_add_default_seeds(state, x->err);
    if (status || (status = case_engine(state, request->input.options, x->err)) ||
        (status = case_replay(state, x->err)) || (status = find_paths(x)) || (status = replay_observed(x)) ||
        (status = fill_moves(x)) || (status = trace_build_seeds(state, &x->result->trace, x->err)))
        return status;
    if ((status = fill_paths(x)))
        return status;
    return trace_build_rest(state, &x->result->trace, x->err);
}

enum tracer_status explain_run(const struct explain_request *request, struct explain_result **ret_result,
                               struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct explain_result *result = arena ? arena_calloc(arena, 1, sizeof(*result)) : NULL;
    if (!result) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    result->arena = arena;
    result->target = arena_text(arena, request->target, strlen(request->target));
    struct explaining x = {.request = request, .result = result, .err = err};
    enum tracer_status status = run(&x);
    case_close(&x.state);
    if (status)
        explain_result_free(result);
    else
        *ret_result = result;
    return status;
}
