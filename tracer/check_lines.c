/* check_lines.c - what rows and accounts carried, received and hold, and over which paths, looked up. */
#include "checking.h"

#include <stdlib.h>
#include <string.h>

/* ---- steps of paths: each (transfer, source) once ---- */

static size_t hash_step(struct position position, uint32_t source)
{
    uint64_t key = (position.block_number * UINT64_C(0x9e3779b97f4a7c15)) ^
                   (((uint64_t)(uint32_t)position.transaction_index << 32 | position.index) * UINT64_C(0xc2b2ae3d27d4eb4f)) ^ source;
    return (size_t)(key ^ key >> 31);
}

static bool enlarge_table(struct checking *checking)
{
    size_t size = checking->step_table_size ? checking->step_table_size * 2 : 256;
    uint32_t *table = arena_calloc(checking->state.arena, size, sizeof(*table));
    if (!table)
        return false;
    for (size_t i = 0; i < checking->step_count; i++) {
        size_t at = hash_step(checking->steps[i].position, checking->steps[i].source) & (size - 1);
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i + 1;
    }
    checking->step_table = table;
    checking->step_table_size = size;
    return true;
}

static enum tracer_status read_step(struct checking *checking, struct step *step, struct error *err)
{
    struct kept_row row;
    enum tracer_status status = lookup_row(step->lookup, step->position, checking->state.arena, &row, err);
    for (size_t i = 0; !status && i < row.part_count; i++)
        if (row.parts[i].tag == step->source) {
            step->part = row.parts[i];
            step->leg = row.leg;
            step->link = row.link;
            return TRACER_OK;
        }
    return status && status != TRACER_E_NOT_FOUND ? status : error_set(err, TRACER_E_DAMAGED, "the taint state lacks a transfer on a path; remove it, it is made again");
}

static enum tracer_status find_step(struct checking *checking, struct lookup *lookup, struct position position, uint32_t source, uint32_t *ret_step,
                                    struct error *err)
{
    struct arena *arena = checking->state.arena;
    if (checking->step_count * 2 >= checking->step_table_size && !enlarge_table(checking))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    size_t at = hash_step(position, source) & (checking->step_table_size - 1);
    for (; checking->step_table[at]; at = (at + 1) & (checking->step_table_size - 1)) {
        const struct step *step = &checking->steps[checking->step_table[at] - 1];
        if (step->lookup == lookup && step->source == source && position_compare(step->position, position) == 0) {
            *ret_step = checking->step_table[at] - 1;
            return TRACER_OK;
        }
    }
    struct step *steps = case_grow(arena, checking->steps, checking->step_count, &checking->step_capacity, sizeof(*steps));
    if (!steps)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    checking->steps = steps;
    steps[checking->step_count] = (struct step){.lookup = lookup, .position = position, .source = source};
    enum tracer_status status = read_step(checking, &steps[checking->step_count], err);
    if (status)
        return status;
    *ret_step = (uint32_t)checking->step_count++;
    checking->step_table[at] = *ret_step + 1;
    return TRACER_OK;
}

/* The path to a transfer as step numbers, oldest first (numbered in the order of first use; sorted in build_steps). */
static enum tracer_status add_path(struct checking *checking, struct lookup *lookup, struct position position, uint32_t source, struct check_exposure *exposure,
                                   struct error *err)
{
    struct arena *arena = checking->state.arena;
    uint32_t *path = NULL;
    size_t count = 0, capacity = 0;
    for (bool more = true; more;) {
        uint32_t at = 0;
        enum tracer_status status = find_step(checking, lookup, position, source, &at, err);
        if (status)
            return status;
        if (count == TRACER_PATH_MAX)
            return error_set(err, TRACER_E_LIMIT, "a path of more than %u transfers", TRACER_PATH_MAX);
        uint32_t *grown = case_grow(arena, path, count, &capacity, sizeof(*path));
        if (!grown)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        path = grown;
        path[count++] = at;
        more = checking->steps[at].part.has_parent;
        position = checking->steps[at].part.parent;
    }
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t other = path[i];
        path[i] = path[count - 1 - i];
        path[count - 1 - i] = other;
    }
    exposure->path = path;
    exposure->path_count = count;
    return TRACER_OK;
}

static int order_steps(const void *a, const void *b, void *context)
{
    const struct checking *checking = context;
    const struct step *x = &checking->steps[*(const uint32_t *)a], *y = &checking->steps[*(const uint32_t *)b];
    int order = position_compare(x->position, y->position);
    if (!order)
        order = (x->lookup == checking->funds) - (y->lookup == checking->funds);
    return order ? order : x->source < y->source ? -1 : x->source > y->source;
}

static enum tracer_status name_step(struct checking *checking, size_t at, const struct row_facts *facts, struct error *err)
{
    struct case_state *state = &checking->state;
    enum tracer_status status = name_row(checking, &checking->step_names[at], facts->from, facts->to, facts->asset, err);
    const struct step *step = &checking->steps[checking->step_order[at]];
    checking->built_steps[at] = (struct check_step){
        .position = step->position,
        .transaction_hash = facts->transaction_hash,
        .time = facts->time,
        .amount = facts->amount,
        .tainted = step->part.amount,
        .hop = step->part.hop,
        .grade = facts->grade,
        .leg = step->leg,
        .link = step->link,
        .rules = state->network.imported ? 0 : link_rules(step->link),
    };
    return status;
}

static void renumber(const struct check_exposure *exposures, size_t count, const uint32_t *renumbered)
{
    for (size_t e = 0; e < count; e++)
        for (size_t p = 0; p < exposures[e].path_count; p++)
            exposures[e].path[p] = renumbered[exposures[e].path[p]];
}

/* Steps in the order of the chain; paths renumbered. */
enum tracer_status build_steps(struct checking *checking, struct error *err)
{
    struct case_state *state = &checking->state;
    size_t count = checking->step_count, distinct = 0;
    uint32_t *renumbered = arena_calloc(state->arena, count + 1, sizeof(*renumbered));
    struct position *positions = arena_calloc(state->arena, count + 1, sizeof(*positions));
    struct row_facts *facts = arena_calloc(state->arena, count + 1, sizeof(*facts));
    checking->step_order = arena_calloc(state->arena, count + 1, sizeof(*checking->step_order));
    checking->built_steps = arena_calloc(state->arena, count + 1, sizeof(*checking->built_steps));
    checking->step_names = arena_calloc(state->arena, count + 1, sizeof(*checking->step_names));
    if (!renumbered || !positions || !facts || !checking->step_order || !checking->built_steps || !checking->step_names)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < count; i++)
        checking->step_order[i] = (uint32_t)i;
    if (count)
        qsort_r(checking->step_order, count, sizeof(*checking->step_order), order_steps, checking);
    for (size_t i = 0; i < count; i++) {
        renumbered[checking->step_order[i]] = (uint32_t)i;
        struct position position = checking->steps[checking->step_order[i]].position;
        if (distinct == 0 || position_compare(position, positions[distinct - 1]) != 0)
            positions[distinct++] = position;
    }
    enum tracer_status status = case_row_facts(state, positions, distinct, facts, err);
    for (size_t i = 0, row = 0; i < count && !status; i++) {
        row += position_compare(checking->steps[checking->step_order[i]].position, positions[row]) != 0;
        status = name_step(checking, i, &facts[row], err);
    }
    for (size_t a = 0; a < checking->target_count && !status; a++)
        for (size_t l = 0; l < checking->answers[a].line_count; l++) {
            const struct check_line *line = &checking->answers[a].lines[l];
            renumber(line->exposures, line->exposure_count, renumbered);
            renumber(line->origins, line->origin_count, renumbered);
        }
    checking->result->steps = checking->built_steps;
    checking->result->step_count = count;
    return status;
}

/* ---- lines ---- */

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

/* Tainted, clean and the two shares, from the exposures, amount and unknown. */
static void finish_line(const struct checking *checking, struct check_line *line)
{
    for (size_t e = 0; e < line->exposure_count; e++) {
        struct u320 amount = line->exposures[e].amount;
        if (checking->state.options.policy != POLICY_POISON)
            u320_add_u320(&line->tainted, amount);
        else if (u320_compare(amount, line->tainted) > 0) /* amounts of sources overlap */
            line->tainted = amount;
    }
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

/* An exposure; its path is that of the transfer at `position`, if it has one. */
static enum tracer_status expose(struct checking *checking, struct lookup *lookup, const struct check_line *line, uint32_t source, struct u320 amount, uint32_t hop,
                                 const struct position *position, struct check_exposure *exposure, struct error *err)
{
    const struct kept_head *head = lookup_head(lookup);
    if (source >= head->source_count)
        return error_set(err, TRACER_E_DAMAGED, "the taint state names a source that it does not have; remove it, it is made again");
    const char *name = head->sources[source];
    *exposure = (struct check_exposure){.source = arena_text(checking->state.arena, name, strlen(name)),
                                        .category = case_source_category(&checking->state, name),
                                        .amount = amount,
                                        .ppm = ppm_of(amount, line->amount),
                                        .hop = hop,
                                        .direct = position && hop <= 1};
    if (!exposure->source)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    return position ? add_path(checking, lookup, *position, source, exposure, err) : TRACER_OK;
}

/* What a row that is not zero carried; nothing is kept of what is clean. */
static enum taint_status status_of(const struct case_state *state, const struct transfer *row)
{
    if (state->has_explored)
        return CHECK_NOT_IN_GRAPH;
    return u256_is_zero(row->amount) ? CHECK_ZERO : address_equal(row->from, row->to) ? CHECK_SELF : CHECK_OK;
}

/* Who paid it out: the sources of the other lookup. */
static enum tracer_status begin_origins(struct checking *checking, size_t count, struct check_line *line, struct check_exposure **ret_origins,
                                        struct error *err)
{
    *ret_origins = arena_calloc(checking->state.arena, count + 1, sizeof(**ret_origins));
    line->origins = *ret_origins;
    return *ret_origins ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

static enum tracer_status add_origin(struct checking *checking, struct check_line *line, uint32_t source, struct u320 amount, uint32_t hop,
                                     const struct position *position, struct check_exposure *origins, struct error *err)
{
    struct check_exposure *origin = &origins[line->origin_count++];
    enum tracer_status status = expose(checking, checking->funds, line, source, amount, hop, position, origin, err);
    size_t length = status ? 0 : strcspn(origin->source, ".");
    if (!status && !(origin->category = arena_text(checking->state.arena, origin->source, length)))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    return status;
}

static enum tracer_status row_origins(struct checking *checking, const struct transfer *row, struct check_line *line, struct error *err)
{
    struct kept_row kept;
    struct check_exposure *origins;
    enum tracer_status status = checking->funds ? lookup_row(checking->funds, row->position, checking->state.arena, &kept, err) : TRACER_E_NOT_FOUND;
    if (status == TRACER_E_NOT_FOUND || (!status && kept.status != CHECK_OK))
        return TRACER_OK;
    if (!status)
        status = begin_origins(checking, kept.part_count, line, &origins, err);
    for (size_t i = 0; i < kept.part_count && !status; i++)
        if (kept.parts[i].tag != TAINT_UNKNOWN)
            status = add_origin(checking, line, kept.parts[i].tag, u320_from_u256(kept.parts[i].amount), kept.parts[i].hop,
                                kept.fee ? NULL : &row->position, origins, err);
    return status;
}

/* Of what an account received, or holds. */
static enum tracer_status account_origins(struct checking *checking, const struct kept_account *account, const struct asset *asset,
                                          struct check_line *line, struct error *err)
{
    const struct kept_asset *found = NULL;
    struct check_exposure *origins;
    for (size_t i = 0; i < account->asset_count; i++)
        if (asset_equal(&account->assets[i].asset, asset))
            found = &account->assets[i];
    if (!found)
        return TRACER_OK;
    bool holds = line->what == CHECK_HOLDS;
    size_t count = holds ? found->tag_count : found->source_count;
    enum tracer_status status = begin_origins(checking, count, line, &origins, err);
    for (size_t i = 0; i < count && !status; i++) {
        const struct kept_source *source = holds ? NULL : &found->sources[i];
        const struct taint_part *tag = holds ? &found->tags[i] : NULL;
        if (source) {
            status = add_origin(checking, line, source->source, source->amount, source->hop, &source->best, origins, err);
            continue;
        }
        const struct position *best = NULL;
        for (size_t s = 0; s < found->source_count; s++)
            if (found->sources[s].source == tag->tag)
                best = &found->sources[s].best;
        if (tag->tag != TAINT_UNKNOWN)
            status = add_origin(checking, line, tag->tag, u320_from_u256(tag->amount), tag->hop, best, origins, err);
    }
    return status;
}

static enum tracer_status carried_line(struct checking *checking, const struct transfer *row, enum taint_status *ret_status, size_t at,
                                       struct check_line *line, struct error *err)
{
    struct case_state *state = &checking->state;
    struct row_facts facts;
    struct kept_row kept;
    enum tracer_status status = case_row_facts(state, &row->position, 1, &facts, err);
    if (!status)
        status = lookup_row(checking->lookup, row->position, state->arena, &kept, err);
    if (status == TRACER_E_NOT_FOUND) {
        kept = (struct kept_row){.status = status_of(state, row)};
        status = TRACER_OK;
    }
    struct check_exposure *exposures = status ? NULL : arena_calloc(state->arena, kept.part_count + 1, sizeof(*exposures));
    if (!status && !exposures)
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    if (!status)
        status = name_row(checking, &checking->line_names[at], row->from, row->to, row->asset, err);
    if (status)
        return status;
    *ret_status = kept.status;
    *line = (struct check_line){.what = CHECK_CARRIED,
                                .has_position = true,
                                .position = row->position,
                                .transaction_hash = facts.transaction_hash,
                                .time = facts.time,
                                .log_index = facts.log_index,
                                .status = taint_status_name(kept.status),
                                .amount = u320_from_u256(row->amount),
                                .exposures = exposures};
    if (kept.status != CHECK_OK)
        return TRACER_OK;
    for (size_t i = 0; i < kept.part_count && !status; i++) {
        const struct taint_part *part = &kept.parts[i];
        if (part->tag == TAINT_UNKNOWN)
            line->unknown = u320_from_u256(part->amount);
        else
            status = expose(checking, checking->lookup, line, part->tag, u320_from_u256(part->amount), part->hop, kept.fee ? NULL : &row->position,
                            &exposures[line->exposure_count++], err);
    }
    finish_line(checking, line);
    return status ? status : row_origins(checking, row, line, err);
}

static enum tracer_status received_line(struct checking *checking, const struct kept_asset *asset, struct check_line *line, struct error *err)
{
    struct check_exposure *exposures = arena_calloc(checking->state.arena, asset->source_count + 1, sizeof(*exposures));
    enum tracer_status status = exposures ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    *line = (struct check_line){.what = CHECK_RECEIVED,
                                .log_index = LOG_INDEX_NONE,
                                .status = "ok",
                                .amount = asset->amount,
                                .unknown = asset->unknown,
                                .exposures = exposures};
    for (size_t i = 0; i < asset->source_count && !status; i++) {
        const struct kept_source *source = &asset->sources[i];
        status = expose(checking, checking->lookup, line, source->source, source->amount, source->hop, &source->best, &exposures[line->exposure_count++], err);
    }
    finish_line(checking, line);
    return status;
}

/* What the account holds of one asset now. The path of a source is that of the transfer that brought it over the fewest hops. */
static enum tracer_status holds_line(struct checking *checking, const struct kept_asset *asset, struct check_line *line, struct error *err)
{
    struct check_exposure *exposures = arena_calloc(checking->state.arena, asset->tag_count + 1, sizeof(*exposures));
    enum tracer_status status = exposures ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    *line = (struct check_line){.what = CHECK_HOLDS,
                                .log_index = LOG_INDEX_NONE,
                                .status = "ok",
                                .amount = u320_from_u256(asset->balance),
                                .exposures = exposures};
    for (size_t i = 0; i < asset->tag_count && !status; i++) {
        const struct taint_part *tag = &asset->tags[i];
        const struct position *best = NULL;
        for (size_t s = 0; s < asset->source_count; s++)
            if (asset->sources[s].source == tag->tag)
                best = &asset->sources[s].best;
        if (tag->tag == TAINT_UNKNOWN) {
            line->unknown = u320_from_u256(tag->amount);
            continue;
        }
        struct check_exposure *exposure = &exposures[line->exposure_count++];
        status = expose(checking, checking->lookup, line, tag->tag, u320_from_u256(tag->amount), tag->hop, best, exposure, err);
        exposure->direct = tag->hop <= 1;
    }
    finish_line(checking, line);
    return status;
}

struct coming {
    struct checking *checking;
    struct address address;
    bool any; /* a row of the blocks asked about brought something to the account */
};

static enum tracer_status has_come(void *context, const struct transfer *transfer, struct error *err)
{
    struct coming *coming = context;
    struct checking *checking = coming->checking;
    struct kept_row row;
    if (transfer->position.block_number > checking->state.last)
        return TRACER_E_STOPPED;
    if (u256_is_zero(transfer->amount) || address_equal(transfer->from, transfer->to) || !address_equal(transfer->to, coming->address) ||
        transfer->kind == TRANSFER_FEE)
        return TRACER_OK;
    struct arena_mark mark = arena_mark(checking->state.arena);
    enum tracer_status status = lookup_row(checking->lookup, transfer->position, checking->state.arena, &row, err);
    coming->any = status == TRACER_E_NOT_FOUND || (!status && row.status == CHECK_OK);
    arena_reset(checking->state.arena, mark);
    return coming->any ? TRACER_E_STOPPED : status;
}

/* Nothing is kept of the account: then nothing came to it, or damage hides it. What came stands in the store's own index, too. */
static enum tracer_status confirm_absent(struct checking *checking, struct address address, struct error *err)
{
    const struct case_state *state = &checking->state;
    struct coming coming = {checking, address, false};
    struct position first = {state->first, TRANSACTION_BEFORE, 0};
    if (!case_is_explored(state, address) || address_is_void(address))
        return TRACER_OK;
    enum tracer_status status = graph_each_of_account(state->input->graph, state->network.chain_id, address, first, has_come, &coming, err);
    if (status && status != TRACER_E_STOPPED && status != TRACER_E_NOT_FOUND)
        return status;
    return coming.any ? error_set(err, TRACER_E_DAMAGED, "the taint state lacks an account that the store knows; remove it, it is made again") : TRACER_OK;
}

static enum tracer_status account_lines(struct checking *checking, struct address address, struct check_answer *answer, struct error *err)
{
    struct case_state *state = &checking->state;
    struct kept_account account = {.assets = NULL};
    enum tracer_status status = lookup_account(checking->lookup, address, state->arena, &account, err);
    if (status == TRACER_E_NOT_FOUND)
        status = confirm_absent(checking, address, err);
    if (status)
        return status;
    struct kept_account funds = {.assets = NULL};
    status = checking->funds ? lookup_account(checking->funds, address, state->arena, &funds, err) : TRACER_OK;
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    struct name_place *names = arena_calloc(state->arena, 2 * account.asset_count + 1, sizeof(*names));
    answer->lines = arena_calloc(state->arena, 2 * account.asset_count + 1, sizeof(*answer->lines));
    if (!answer->lines || !names)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    checking->line_names = names;
    status = case_name_address(state, address, err);
    for (int holds = 0; holds < 2; holds++)
        for (size_t i = 0; i < account.asset_count && !status; i++) {
            const struct kept_asset *asset = &account.assets[i];
            if (holds ? u256_is_zero(asset->balance) : !asset->rows)
                continue;
            struct check_line *line = &answer->lines[answer->line_count];
            names[answer->line_count++].asset = asset->asset;
            status = holds ? holds_line(checking, asset, line, err) : received_line(checking, asset, line, err);
            if (!status)
                status = account_origins(checking, &funds, &asset->asset, line, err);
            if (!status)
                status = case_list_asset(state, asset->asset, err);
        }
    return status;
}

enum tracer_status make_lines(struct checking *checking, struct target *target, struct check_answer *answer, struct error *err)
{
    struct case_state *state = &checking->state;
    enum tracer_status status = TRACER_OK;
    if (target->missing)
        return TRACER_OK;
    if (target->spec.what == ROW_ADDRESS) {
        status = account_lines(checking, target->spec.address, answer, err);
    } else {
        answer->lines = arena_calloc(state->arena, target->row_count + 1, sizeof(*answer->lines));
        checking->line_names = arena_calloc(state->arena, target->row_count + 1, sizeof(*checking->line_names));
        target->statuses = arena_calloc(state->arena, target->row_count + 1, sizeof(*target->statuses));
        if (!answer->lines || !checking->line_names || !target->statuses)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        answer->line_count = target->row_count;
        for (size_t r = 0; r < target->row_count && !status; r++)
            status = carried_line(checking, &target->rows[r], &target->statuses[r], r, &answer->lines[r], err);
    }
    target->names = checking->line_names;
    return status;
}

/* ---- the tables of the result, once everything that it names is known ---- */

enum tracer_status name_row(struct checking *checking, struct name_place *place, struct address from, struct address to, struct asset asset,
                            struct error *err)
{
    struct case_state *state = &checking->state;
    *place = (struct name_place){asset, from, to, true};
    enum tracer_status status = case_name_address(state, from, err);
    if (!status)
        status = case_name_address(state, to, err);
    return status ? status : case_list_asset(state, asset, err);
}

static void set_indices(const struct case_state *state, const struct name_place *place, uint32_t *asset, uint32_t *from, uint32_t *to)
{
    *asset = case_asset(state, &place->asset);
    *from = place->has_ends ? case_account(state, place->from) : RESULT_NONE;
    *to = place->has_ends ? case_account(state, place->to) : RESULT_NONE;
}

void set_names(struct checking *checking)
{
    const struct case_state *state = &checking->state;
    for (size_t t = 0; t < checking->target_count; t++) {
        const struct target *target = &checking->targets[t];
        struct check_answer *answer = &checking->answers[t];
        for (size_t l = 0; l < answer->line_count; l++)
            set_indices(state, &target->names[l], &answer->lines[l].asset, &answer->lines[l].from, &answer->lines[l].to);
    }
    for (size_t s = 0; s < checking->step_count; s++)
        set_indices(state, &checking->step_names[s], &checking->built_steps[s].asset, &checking->built_steps[s].from, &checking->built_steps[s].to);
}
