/* ancestors.c - see ancestors.h. Each round replays what is there with every account that gives to the explored ones as a
 * source of its own, so that the engine says how much of the targets came out of which. */
#include "tracer/ancestors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checking.h"
#include "tracer/clock.h"

#define GIVERS_MAX (TRACER_SOURCES_MAX / 2)
#define GIVER_PREFIX "giver." /* then the address: a source's name */
#define LIMIT_NOTES_MAX 20u

struct left { /* an account that is none of the explored ones, since its history is not known whole */
    struct address address;
    bool hub;
};
struct ancestry {
    const struct ancestors_request *request;
    struct ancestors *result;
    struct explorer *explorer;
    struct left *left;
    size_t left_count, explored_capacity, left_capacity;
    uint64_t start_ms, requests_before;
    struct error *err;
};

static enum tracer_status no_memory(struct ancestry *work)
{
    return error_set(work->err, TRACER_E_NOMEM, "no memory");
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

static bool is_among(const struct address *list, size_t count, struct address address)
{
    return count && bsearch(&address, list, count, sizeof(address), order_addresses);
}

static size_t sort_unique(struct address *list, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(list, count, sizeof(*list), order_addresses);
    for (size_t i = 0; i < count; i++)
        if (!kept || !address_equal(list[kept - 1], list[i]))
            list[kept++] = list[i];
    return kept;
}

static enum tracer_status add_address(struct ancestry *work, struct arena *arena, struct address **list, size_t *count, size_t *capacity,
                                      struct address address)
{
    struct address *grown = case_grow(arena, *list, *count, capacity, sizeof(*grown));
    if (!grown)
        return no_memory(work);
    *list = grown;
    grown[(*count)++] = address;
    return TRACER_OK;
}

static enum tracer_status add_limit(struct ancestry *work, const char *text)
{
    struct ancestors *result = work->result;
    char *kept = arena_text(result->arena, text, strlen(text));
    if (!kept)
        return no_memory(work);
    if (result->limit_count < LIMIT_NOTES_MAX - 1)
        result->limits[result->limit_count++] = kept;
    else if (result->limit_count < LIMIT_NOTES_MAX)
        result->limits[result->limit_count++] = "and more limits and gaps than are told here";
    return TRACER_OK;
}

static struct left *find_left(const struct ancestry *work, struct address address)
{
    for (size_t i = 0; i < work->left_count; i++)
        if (address_equal(work->left[i].address, address))
            return &work->left[i];
    return NULL;
}

static bool ends_a_trace(const struct ancestry *work, struct address address)
{
    const struct case_input *input = &work->request->screen.input;
    struct label label;
    return address_is_void(address) || (label_find(input->labels, input->chain_id, address, &label) && label.class_ != CLASS_NONE);
}

/* ---- the range ---- */

struct places {
    struct ancestry *work;
    struct history_blocks blocks; /* to be read before anything else */
    uint64_t first, last, head;   /* last: of the targets; 0: none has a block */
    bool to_head;                 /* one of them is an address */
};

static enum tracer_status source_at(void *context, const struct seed_place *place, struct error *err)
{
    struct places *places = context;
    uint64_t number = place->block_number;
    if (place->what == SEED_AT_ADDRESS)
        number = place->has_block ? number : 1;
    enum tracer_status status = place->what == SEED_AT_TRANSACTION
                                    ? history_transaction_block(places->work->request->explore.client, place->hash, &number, err)
                                    : TRACER_OK;
    if (status)
        return status;
    if (number < places->first)
        places->first = number ? number : 1;
    return place->what == SEED_AT_ADDRESS ? TRACER_OK : history_blocks_add(&places->blocks, number, err);
}

/* What no endpoint knows stays an answer: it is not in the store. */
static enum tracer_status target_at(struct places *places, const struct case_state *names, const struct screen_target *target)
{
    struct ancestry *work = places->work;
    struct row_spec spec;
    uint64_t number = 0;
    char text[256];
    enum tracer_status status = case_parse_row(names, target->text, &spec, work->err);
    if (status)
        return status;
    if (spec.what == ROW_NOTHING) {
        char shown[TRACER_QUOTED_MAX];
        return error_set(work->err, TRACER_E_USAGE, "\"%s\" is no address, transaction hash or key (block:txi:idx)",
                         safe_text(shown, sizeof(shown), target->text, strlen(target->text)));
    }
    if (spec.what == ROW_ADDRESS) {
        places->to_head = true;
        return TRACER_OK;
    }
    number = spec.position.block_number;
    if (spec.what != ROW_KEY) {
        struct error unknown;
        status = history_transaction_block(work->request->explore.client, spec.hash, &number, &unknown);
        if (status == TRACER_E_NOT_FOUND)
            return TRACER_OK;
        if (status) {
            *work->err = unknown;
            return status;
        }
    }
    if (number > places->head) {
        snprintf(text, sizeof(text), "%.80s is in block %" PRIu64 ", and the last that is final is %" PRIu64 ": ask again later, or with --finality latest",
                 target->text, number, places->head);
        return add_limit(work, text);
    }
    if (number > places->last)
        places->last = number;
    return history_blocks_add(&places->blocks, number, work->err);
}

static enum tracer_status find_range(struct ancestry *work, struct explore_request *explore, struct places *places)
{
    const struct ancestors_request *request = work->request;
    const struct case_input *input = &request->screen.input;
    struct case_state names = {.input = input, .arena = work->result->arena};
    enum tracer_status status = graph_get_network(input->graph, input->chain_id, &names.network, work->err);
    places->first = request->screen.source_count ? UINT64_MAX : 1;
    if (!status)
        status = chain_head(explore->client, explore->finality, explore->finality_depth, &places->head, work->err);
    for (size_t i = 0; i < request->screen.source_count && !status; i++)
        status = case_seed_places(&names, request->screen.sources[i], request->screen.has_since, request->screen.since, source_at, places, work->err);
    for (size_t i = 0; i < request->target_count && !status; i++)
        status = target_at(places, &names, &request->targets[i]);
    if (status)
        return status;
    explore->first = input->has_from ? (input->from ? input->from : 1) : places->first;
    explore->last = input->has_to && input->to < places->head ? input->to : places->to_head || !places->last ? places->head : places->last;
    if (explore->first > explore->last)
        return error_set(work->err, TRACER_E_USAGE, "the first block to look at, %" PRIu64 ", is behind the last, %" PRIu64 "%s", explore->first,
                         explore->last, input->has_to ? "" : " (--from, --finality)");
    size_t kept = 0;
    for (size_t i = 0; i < places->blocks.count; i++) /* with --from and --to what is outside is not looked at */
        if (places->blocks.numbers[i] >= explore->first && places->blocks.numbers[i] <= explore->last)
            places->blocks.numbers[kept++] = places->blocks.numbers[i];
    places->blocks.count = kept;
    status = history_blocks_add(&places->blocks, explore->first, work->err);
    return status ? status : history_blocks_add(&places->blocks, explore->last, work->err);
}

/* ---- one round ---- */

struct giver {
    struct u320 worth;
    bool gave;
    bool must; /* it is a source, or one arrives there, so that the engine follows it (12): no limit leaves it out */
};
struct round {
    struct ancestry *work;
    struct arena *arena;
    struct case_state state;
    struct address *explored; /* sorted */
    size_t explored_count;
    struct position *asked; /* sorted: the rows of targets */
    size_t asked_count, asked_capacity;
    struct address *asked_accounts; /* sorted: the addresses among the targets */
    size_t asked_account_count, asked_account_capacity;
    struct address *begin; /* who is explored before anything is replayed, in order */
    size_t begin_count, begin_capacity;
    struct address *seeded;   /* by seed: whose units it tags */
    struct address *arrivals; /* sorted: where transfer seeds arrive */
    size_t arrival_count;

    struct address *givers; /* sorted */
    struct giver *of;       /* parallel */
    size_t giver_count, giver_capacity;
    uint32_t *giver_of_source; /* index + 1 */

    struct address *pending; /* senders of the transaction at hand */
    size_t pending_count, pending_capacity;
    struct position at;
    bool touches;
};

static int order_positions(const void *a, const void *b)
{
    return position_compare(*(const struct position *)a, *(const struct position *)b);
}

static bool counts(const struct round *round, const struct transfer *row)
{
    return !u256_is_zero(row->amount) && !address_equal(row->from, row->to) &&
           (row->kind != TRANSFER_FEE || round->work->request->screen.input.options.fees == FEES_FOLLOW);
}

/* Whose units a row could carry: its sender's, or of an exchange those of who paid. */
static enum tracer_status add_begin(struct round *round, const struct transfer *row)
{
    struct ancestry *work = round->work;
    struct address account = ends_a_trace(work, row->from) ? row->to : row->from;
    return ends_a_trace(work, account) ? TRACER_OK
                                       : add_address(work, round->arena, &round->begin, &round->begin_count, &round->begin_capacity, account);
}

static enum tracer_status find_target(struct round *round, const struct screen_target *target)
{
    struct ancestry *work = round->work;
    struct row_spec spec;
    struct transfer *rows;
    size_t count;
    struct error missing;
    enum tracer_status status = case_parse_row(&round->state, target->text, &spec, work->err);
    if (status)
        return status;
    if (spec.what == ROW_ADDRESS) {
        status = add_address(work, round->arena, &round->asked_accounts, &round->asked_account_count, &round->asked_account_capacity, spec.address);
        return status || ends_a_trace(work, spec.address)
                   ? status
                   : add_address(work, round->arena, &round->begin, &round->begin_count, &round->begin_capacity, spec.address);
    }
    status = case_find_rows(&round->state, &spec, target->text, &rows, &count, &missing);
    if (status == TRACER_E_NOT_FOUND)
        return TRACER_OK; /* the check says so */
    if (status)
        *work->err = missing;
    for (size_t i = 0; i < count && !status; i++) {
        if (u256_is_zero(rows[i].amount) || (target->to && !address_equal(rows[i].to, *target->to)) ||
            (spec.what == ROW_TRANSACTION && rows[i].kind == TRANSFER_FEE))
            continue;
        struct position *grown = case_grow(round->arena, round->asked, round->asked_count, &round->asked_capacity, sizeof(*grown));
        if (!grown)
            return no_memory(work);
        round->asked = grown;
        grown[round->asked_count++] = rows[i].position;
        status = add_begin(round, &rows[i]);
    }
    return status;
}

static enum tracer_status find_targets(struct round *round)
{
    const struct ancestors_request *request = round->work->request;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < request->target_count && !status; i++)
        status = find_target(round, &request->targets[i]);
    if (!status && round->asked_count)
        qsort(round->asked, round->asked_count, sizeof(*round->asked), order_positions);
    round->asked_account_count = sort_unique(round->asked_accounts, round->asked_account_count);
    return status;
}

/* The senders of the transaction that ended, if an explored account is in it: its rows, and those of its exchanges, are replayed. */
static enum tracer_status end_transaction(struct round *round)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < round->pending_count && round->touches && !status; i++)
        status = add_address(round->work, round->arena, &round->givers, &round->giver_count, &round->giver_capacity, round->pending[i]);
    round->pending_count = 0;
    round->touches = false;
    return status;
}

static enum tracer_status find_giver(void *context, const struct transfer *row, struct error *err)
{
    struct round *round = context;
    bool same = row->position.block_number == round->at.block_number && row->position.transaction_index == round->at.transaction_index;
    enum tracer_status status = same ? TRACER_OK : end_transaction(round);
    (void)err;
    round->at = row->position;
    if (status || !counts(round, row))
        return status;
    bool from_explored = is_among(round->explored, round->explored_count, row->from);
    round->touches = round->touches || from_explored || is_among(round->explored, round->explored_count, row->to);
    return from_explored || ends_a_trace(round->work, row->from)
               ? TRACER_OK
               : add_address(round->work, round->arena, &round->pending, &round->pending_count, &round->pending_capacity, row->from);
}

static enum tracer_status find_seeded(struct round *round)
{
    struct case_state *state = &round->state;
    round->seeded = arena_calloc(round->arena, state->seed_count + 1, sizeof(*round->seeded));
    round->arrivals = arena_calloc(round->arena, state->seed_count + 1, sizeof(*round->arrivals));
    if (!round->seeded || !round->arrivals)
        return no_memory(round->work);
    for (size_t i = 0; i < state->seed_count; i++) {
        const struct taint_seed *seed = &state->seeds[i];
        struct transfer *rows;
        size_t count = 0;
        enum tracer_status status = seed->is_address ? TRACER_OK : case_transaction_rows(state, seed->position, &rows, &count, round->work->err);
        if (status)
            return status;
        round->seeded[i] = seed->address;
        for (size_t r = 0; r < count; r++)
            if (position_compare(rows[r].position, seed->position) == 0)
                round->seeded[i] = round->arrivals[round->arrival_count++] = rows[r].to;
    }
    round->arrival_count = sort_unique(round->arrivals, round->arrival_count);
    return TRACER_OK;
}

static enum tracer_status must_be_whole(struct ancestry *work, struct address account)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(account, text);
    return error_set(work->err, TRACER_E_LIMIT, "%s, where a source arrives and out of which a target was paid, is in more than %" PRIu64 " transfers: label it, or raise --max-degree",
                     text, work->request->explore.degree_max);
}

/* Where a source arrives the engine follows it: it may be only now that its theft was read. */
static enum tracer_status take_back(struct ancestry *work, const struct round *round)
{
    size_t kept = 0;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < work->left_count && !status; i++) {
        struct left left = work->left[i];
        if (!is_among(round->arrivals, round->arrival_count, left.address))
            work->left[kept++] = left;
        else if (left.hub)
            return must_be_whole(work, left.address);
        else
            status = add_address(work, work->result->arena, &work->result->explored, &work->result->explored_count, &work->explored_capacity, left.address);
    }
    work->left_count = kept;
    return status;
}

/* Seeds of accounts that are not explored wait: until then such an account is a giver like any other. */
static void hold_seeds(struct round *round)
{
    struct case_state *state = &round->state;
    size_t kept = 0;
    for (size_t i = 0; i < state->seed_count; i++) {
        struct address account = round->seeded[i];
        if (is_among(round->explored, round->explored_count, account) || ends_a_trace(round->work, account)) {
            state->shown_seeds[kept] = state->shown_seeds[i];
            state->seeds[kept++] = state->seeds[i];
        } else if (is_among(round->givers, round->giver_count, account)) {
            const struct address *found = bsearch(&account, round->givers, round->giver_count, sizeof(account), order_addresses);
            round->of[found - round->givers].must = true;
        }
    }
    state->seed_count = kept;
}

/* Givers are to the engine what an account that is not explored is, but for the name of what it pays out. */
static enum tracer_status label_givers(struct round *round)
{
    struct case_state *state = &round->state;
    enum tracer_status status = case_labels(state, round->work->err);
    if (status)
        return status;
    size_t count = state->label_count;
    struct taint_label *labels = arena_calloc(round->arena, count + round->giver_count + 1, sizeof(*labels));
    if (!labels)
        return no_memory(round->work);
    if (count)
        memcpy(labels, state->labels, count * sizeof(*labels));
    for (size_t i = 0; i < round->giver_count; i++) {
        struct taint_label *label = &labels[count++];
        char text[ADDRESS_TEXT_SIZE];
        address_format(round->givers[i], text);
        label->address = round->givers[i];
        label->class_ = CLASS_SERVICE;
        label->emit = arena_printf(round->arena, "%s%s", GIVER_PREFIX, text);
        if (!label->emit)
            return no_memory(round->work);
    }
    state->labels = labels;
    state->label_count = count;
    return TRACER_OK;
}

/* The sources of the engine that are givers. */
static enum tracer_status number_givers(struct round *round)
{
    size_t count = taint_source_count(round->state.taint);
    round->giver_of_source = arena_calloc(round->arena, count + 1, sizeof(*round->giver_of_source));
    if (!round->giver_of_source)
        return no_memory(round->work);
    for (uint32_t s = 0; s < count; s++) {
        const char *name = taint_source_name(round->state.taint, s), *at = name + strlen(GIVER_PREFIX);
        struct address address;
        if (strncmp(name, GIVER_PREFIX, strlen(GIVER_PREFIX)) != 0 || !address_parse(at, strlen(at), &address))
            continue;
        const struct address *found = bsearch(&address, round->givers, round->giver_count, sizeof(address), order_addresses);
        if (found)
            round->giver_of_source[s] = (uint32_t)(found - round->givers) + 1;
    }
    return TRACER_OK;
}

static const struct taint_asset *recognised(const struct round *round, uint32_t asset)
{
    const struct case_input *input = &round->work->request->screen.input;
    struct asset wanted = round->state.cursor.asset(round->state.cursor.self, asset);
    for (size_t i = 0; i < input->token_count; i++)
        if (asset_equal(&input->tokens[i].asset.asset, &wanted))
            return &input->tokens[i].asset;
    return NULL;
}

/* A row of the replay: what of a target's units came out of which giver. What is in no verdict counts only where a source arrives. */
static bool carry(void *context, const struct taint_carried *carried)
{
    struct round *round = context;
    if (carried->status != CHECK_OK || carried->fee || !carried->part_count)
        return true;
    bool asked = round->asked_count && bsearch(&carried->position, round->asked, round->asked_count, sizeof(*round->asked), order_positions);
    if (!asked && !is_among(round->asked_accounts, round->asked_account_count, round->state.cursor.account(round->state.cursor.self, carried->to)))
        return true;
    const struct taint_asset *listed = recognised(round, carried->asset);
    for (size_t i = 0; i < carried->part_count; i++) {
        const struct taint_part *part = &carried->parts[i];
        uint32_t index = part->tag < taint_source_count(round->state.taint) ? round->giver_of_source[part->tag] : 0;
        if (!index)
            continue;
        struct giver *giver = &round->of[index - 1];
        giver->gave = giver->gave || listed || giver->must;
        if (listed)
            u320_add_u320(&giver->worth, taint_worth(listed->weight, listed->decimals, u320_from_u256(part->amount)));
    }
    return true;
}

static enum tracer_status gather_givers(struct round *round)
{
    struct ancestry *work = round->work;
    const struct case_input *input = &work->request->screen.input;
    enum tracer_status status = graph_each(input->graph, input->chain_id, round->state.first, round->state.last, find_giver, round, work->err);
    if (!status)
        status = end_transaction(round);
    if (status)
        return status;
    round->giver_count = sort_unique(round->givers, round->giver_count);
    if (round->giver_count > GIVERS_MAX)
        return error_set(work->err, TRACER_E_LIMIT, "more than %u accounts paid those that the answer depends on: explore fewer (--max-accounts), or no busy ones (--max-degree)",
                         GIVERS_MAX);
    round->of = arena_calloc(round->arena, round->giver_count + 1, sizeof(*round->of));
    return round->of ? TRACER_OK : no_memory(work);
}

/* The policy of the question, where which units leave first does not depend on what they are called. A hop is the least over all
 * that touched the units, so rules, which may ask for hops, take all of that. */
static enum taint_policy policy_of(const struct screen_request *screen)
{
    enum taint_policy asked = screen->input.options.policy;
    bool ordered = asked == POLICY_FIFO || asked == POLICY_LIFO || asked == POLICY_HAIRCUT;
    return ordered && (!screen->rules || rules_are_default(screen->rules)) ? asked : POLICY_POISON;
}

static enum tracer_status open_round(struct round *round, struct screen_request *screen)
{
    struct ancestry *work = round->work;
    struct ancestors *result = work->result;
    struct taint_options options;
    screen->input.has_explored = true;
    screen->input.explored = result->explored;
    screen->input.explored_count = result->explored_count;
    screen->input.spare_sources = true;
    screen->input.watch = NULL; /* many short replays */
    screen->input.has_from = screen->input.has_to = true;
    screen->input.from = result->stats.first;
    screen->input.to = result->stats.last;
    round->explored = arena_copy(round->arena, result->explored ? (const void *)result->explored : "", result->explored_count * sizeof(*round->explored));
    if (!round->explored)
        return no_memory(work);
    round->explored_count = sort_unique(round->explored, result->explored_count);
    enum tracer_status status = screen_case(&round->state, screen, round->arena, &options, work->err);
    if (!status)
        status = find_seeded(round);
    return status ? status : find_targets(round);
}

static enum tracer_status replay(struct round *round)
{
    struct ancestry *work = round->work;
    struct taint_options options = work->request->screen.input.options;
    options.policy = policy_of(&work->request->screen);
    options.opening = OPENING_UNKNOWN;
    options.unknown = UNKNOWN_TRACK;
    enum tracer_status status = gather_givers(round);
    if (status)
        return status;
    hold_seeds(round);
    status = label_givers(round);
    if (!status)
        status = case_engine(&round->state, options, work->err);
    if (!status)
        status = number_givers(round);
    if (status)
        return status;
    taint_watch_rows(round->state.taint, carry, round);
    return case_replay(&round->state, work->err);
}

/* The first of those to begin with that was not seen yet; else the giver of most worth, of equal ones the lowest address. */
static bool choose(const struct round *round, bool only_must, struct address *ret_account, uint64_t *ret_waiting)
{
    const struct ancestry *work = round->work;
    size_t best = SIZE_MAX;
    *ret_waiting = 0;
    for (size_t i = 0; i < round->begin_count && !only_must; i++) {
        if (is_among(round->explored, round->explored_count, round->begin[i]) || find_left(work, round->begin[i]))
            continue;
        *ret_account = round->begin[i];
        return true;
    }
    for (size_t i = 0; i < round->giver_count; i++) {
        const struct giver *giver = &round->of[i];
        if (!giver->gave || find_left(work, round->givers[i]))
            continue;
        ++*ret_waiting;
        if ((!only_must || giver->must) && (best == SIZE_MAX || u320_compare(giver->worth, round->of[best].worth) > 0))
            best = i;
    }
    if (best == SIZE_MAX)
        return false;
    *ret_account = round->givers[best];
    return true;
}

/* ---- the search ---- */

static void count_requests(struct ancestry *work)
{
    work->result->stats.requests = chain_calls(work->request->explore.client) - work->requests_before;
}

/* An account with a gap may have had units that are not known, and what it paid could be those. Only what it received stands. */
static enum tracer_status leave(struct ancestry *work, struct address account, const struct explore_outcome *outcome)
{
    char text[ADDRESS_TEXT_SIZE], note[GRAPH_GAP_MAX + 128];
    struct left *left = case_grow(work->result->arena, work->left, work->left_count, &work->left_capacity, sizeof(*left));
    if (!left)
        return no_memory(work);
    work->left = left;
    left[work->left_count++] = (struct left){account, outcome->hub};
    work->result->stats.hubs += outcome->hub;
    address_format(account, text);
    if (outcome->hub)
        snprintf(note, sizeof(note), "%s is in more than %" PRIu64 " transfers (--max-degree): what it paid is of unknown history", text,
                 work->request->explore.degree_max);
    else
        snprintf(note, sizeof(note), "%s: what it paid is of unknown history: %s", text, outcome->gap);
    return add_limit(work, note);
}

static enum tracer_status explore(struct ancestry *work, const struct round *round, struct address account, uint64_t waiting)
{
    const struct ancestors_request *request = work->request;
    struct ancestors *result = work->result;
    struct explore_outcome outcome;
    char text[ADDRESS_TEXT_SIZE];
    address_format(account, text);
    if (request->progress) {
        struct explore_progress progress = {result->explored_count, waiting, result->stats.requests, clock_monotonic_ms() - work->start_ms, text};
        request->progress(request->progress_context, &progress);
    }
    enum tracer_status status = explore_account(work->explorer, account, &outcome, work->err);
    count_requests(work);
    if (status) {
        error_context(work->err, "exploring %s", text);
        return status;
    }
    result->stats.known += outcome.known;
    bool arrival = is_among(round->arrivals, round->arrival_count, account);
    bool alone = request->target_count == 1 && is_among(round->asked_accounts, round->asked_account_count, account);
    if (outcome.hub && arrival)
        return must_be_whole(work, account);
    if (outcome.hub || (outcome.gap[0] && !arrival && !alone))
        return leave(work, account, &outcome);
    return add_address(work, result->arena, &result->explored, &result->explored_count, &work->explored_capacity, account);
}

static enum tracer_status step(struct ancestry *work, bool *ret_done)
{
    struct screen_request screen = work->request->screen;
    struct round round = {.work = work, .arena = arena_new(TRACER_MEMORY_MAX)};
    struct address next;
    uint64_t waiting = 0;
    char limit[96], text[192];
    if (!round.arena)
        return no_memory(work);
    enum tracer_status status = open_round(&round, &screen);
    size_t before = work->result->explored_count;
    if (!status)
        status = take_back(work, &round);
    bool again = work->result->explored_count > before;
    if (!status && !again && !choose(&round, false, &next, &waiting)) {
        status = replay(&round);
        *ret_done = !status && !choose(&round, false, &next, &waiting);
    }
    if (!status && !again && !*ret_done) {
        const struct explore_limits limits = {work->request->accounts_max, work->request->requests_max, work->request->seconds_max};
        bool ends = explore_ends(&limits, work->result->explored_count, work->result->stats.requests, clock_monotonic_ms() - work->start_ms, limit, sizeof(limit));
        if (ends && !choose(&round, true, &next, &waiting)) {
            snprintf(text, sizeof(text), "%s: units of unknown history came out of others, which were not explored", limit);
            *ret_done = true;
            status = add_limit(work, text);
        }
    }
    if (!status && !again && !*ret_done)
        status = explore(work, &round, next, waiting);
    case_close(&round.state);
    arena_free(round.arena);
    return status;
}

static enum tracer_status run(struct ancestry *work)
{
    struct explore_request explore = work->request->explore;
    struct places places = {.work = work};
    bool done = false;
    enum tracer_status status = find_range(work, &explore, &places);
    work->result->stats.first = explore.first;
    work->result->stats.last = explore.last;
    if (!status)
        status = explore_open(&explore, &work->explorer, work->err);
    if (!status)
        status = explore_blocks(work->explorer, &places.blocks, work->err);
    history_blocks_free(&places.blocks);
    count_requests(work);
    while (!status && !done)
        status = step(work, &done);
    return status;
}

enum tracer_status ancestors_fetch(const struct ancestors_request *request, struct ancestors *ret_ancestors, struct error *err)
{
    *ret_ancestors = (struct ancestors){.arena = arena_new(TRACER_MEMORY_MAX)};
    struct ancestry work = {.request = request,
                            .result = ret_ancestors,
                            .start_ms = clock_monotonic_ms(),
                            .requests_before = chain_calls(request->explore.client),
                            .err = err};
    ret_ancestors->limits = ret_ancestors->arena ? arena_calloc(ret_ancestors->arena, LIMIT_NOTES_MAX, sizeof(*ret_ancestors->limits)) : NULL;
    enum tracer_status status = ret_ancestors->limits ? run(&work) : no_memory(&work);
    explore_close(work.explorer);
    ret_ancestors->stats.explored = ret_ancestors->explored_count;
    if (status)
        ancestors_free(ret_ancestors);
    return status;
}

void ancestors_free(struct ancestors *ancestors)
{
    arena_free(ancestors->arena);
    *ancestors = (struct ancestors){.arena = NULL};
}
