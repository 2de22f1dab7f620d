/* tables.c - the accounts and assets that a result names, and what is known of its rows. */
#include "pipeline.h"

#include <stdlib.h>
#include <string.h>

enum tracer_status case_name_address(struct case_state *state, struct address address, struct error *err)
{
    struct address *named =
        case_grow(state->arena, state->named, state->named_count, &state->named_capacity, sizeof(*named));
    if (!named)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->named = named;
    named[state->named_count++] = address;
    return TRACER_OK;
}

enum tracer_status case_list_asset(struct case_state *state, struct asset asset, struct error *err)
{
    for (size_t i = state->listed_count; i-- > 0 && i + 4 > state->listed_count;) /* the usual repeat */
        if (asset_equal(&state->listed[i], &asset))
            return TRACER_OK;
    struct asset *listed =
        case_grow(state->arena, state->listed, state->listed_count, &state->listed_capacity, sizeof(*listed));
    if (!listed)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    state->listed = listed;
    listed[state->listed_count++] = asset;
    return TRACER_OK;
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

static int order_assets(const void *a, const void *b)
{
    return asset_compare(a, b);
}

static const char *keep(const struct case_state *state, const char *text)
{
    const char *kept = arena_text(state->arena, text, strlen(text));
    return kept ? kept : "";
}

static void show_account(const struct case_state *state, struct address address,
                         struct result_account *account)
{
    struct label label;
    *account =
        (struct result_account){.address = address, .name = "", .category = "", .entity = "", .origin = ""};
    if (!label_find(state->input->labels, state->network.chain_id, address, &label))
        return;
    account->labelled = true;
    account->class_ = label.class_;
    account->name = keep(state, label.name);
    account->category = keep(state, label.category);
    account->entity = keep(state, label.entity);
    account->origin = keep(state, label.origin);
}

static void show_asset(const struct case_state *state, struct asset asset, struct result_asset *shown)
{
    *shown = (struct result_asset){.asset = asset, .symbol = ""};
    if (asset.kind == ASSET_NATIVE) {
        shown->symbol = state->input->native_symbol;
        shown->decimals = 18;
    }
    for (size_t i = 0; i < state->input->token_count; i++) {
        if (!asset_equal(&state->input->tokens[i].asset.asset, &asset))
            continue;
        shown->recognised = true;
        shown->decimals = state->input->tokens[i].asset.decimals;
        if (state->input->tokens[i].symbol[0])
            shown->symbol = state->input->tokens[i].symbol;
    }
}

enum tracer_status case_seal_tables(struct case_state *state, struct error *err)
{
    if (state->named_count)
        qsort(state->named, state->named_count, sizeof(*state->named), order_addresses);
    if (state->listed_count)
        qsort(state->listed, state->listed_count, sizeof(*state->listed), order_assets);
    state->accounts = arena_calloc(state->arena, state->named_count + 1, sizeof(*state->accounts));
    state->assets_shown = arena_calloc(state->arena, state->listed_count + 1, sizeof(*state->assets_shown));
    if (!state->accounts || !state->assets_shown)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < state->named_count; i++)
        if (i == 0 || !address_equal(state->named[i], state->named[i - 1]))
            show_account(state, state->named[i], &state->accounts[state->account_count++]);
    for (size_t i = 0; i < state->listed_count; i++)
        if (i == 0 || !asset_equal(&state->listed[i], &state->listed[i - 1]))
            show_asset(state, state->listed[i], &state->assets_shown[state->asset_shown_count++]);
    return TRACER_OK;
}

uint32_t case_account(const struct case_state *state, struct address address)
{
    const struct result_account *found =
        bsearch(&address, state->accounts, state->account_count, sizeof(*found), order_addresses);
    return found ? (uint32_t)(found - state->accounts) : RESULT_NONE;
}

uint32_t case_asset(const struct case_state *state, const struct asset *asset)
{
    for (size_t low = 0, high = state->asset_shown_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = asset_compare(asset, &state->assets_shown[middle].asset);
        if (order == 0)
            return (uint32_t)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return RESULT_NONE;
}

static bool is_doubted(const struct case_state *state, const struct asset *asset)
{
    return asset->kind != ASSET_NATIVE && state->doubted_count &&
           bsearch(&asset->contract, state->doubted, state->doubted_count, sizeof(*state->doubted), order_addresses);
}

struct facts_walk {
    const struct case_state *state;
    const struct block *block;
    const struct position *positions;
    struct row_facts *facts;
    size_t next, end;
};

static enum tracer_status note_row(void *context, const struct transfer *transfer, struct error *err)
{
    struct facts_walk *walk = context;
    (void)err;
    if (position_compare(transfer->position, walk->positions[walk->next]) == 0) {
        walk->facts[walk->next].kind = transfer->kind;
        walk->facts[walk->next].log_index = transfer->log_index;
        walk->facts[walk->next].from = transfer->from;
        walk->facts[walk->next].to = transfer->to;
        walk->facts[walk->next].asset = transfer->asset;
        walk->facts[walk->next].amount = transfer->amount;
        enum grade least = grade_of_row(walk->block, NULL, transfer);
        if (walk->facts[walk->next].grade < least)
            walk->facts[walk->next].grade = least;
        if (walk->facts[walk->next].grade < GRADE_ASSERTED && is_doubted(walk->state, &transfer->asset))
            walk->facts[walk->next].grade = GRADE_ASSERTED;
        walk->next++;
    }
    return walk->next == walk->end ? TRACER_E_STOPPED : TRACER_OK;
}

enum tracer_status case_row_facts(struct case_state *state, const struct position *positions, size_t count,
                                  struct row_facts *ret_facts, struct error *err)
{
    struct graph *graph = state->input->graph;
    uint64_t chain_id = state->network.chain_id;
    for (size_t start = 0, end; start < count; start = end) {
        uint64_t number = positions[start].block_number;
        for (end = start; end < count && positions[end].block_number == number; end++)
            ;
        struct block block;
        enum tracer_status status = graph_get_block(graph, chain_id, number, &block, err);
        if (status)
            return status;
        for (size_t i = start; i < end; i++) {
            struct row_facts *facts = &ret_facts[i];
            *facts = (struct row_facts){.block_number = state->network.time_keys ? 0 : number,
                                        .time = block.time,
                                        .log_index = LOG_INDEX_NONE,
                                        .grade = block.grade};
            struct transaction transaction;
            status = graph_get_transaction(graph, chain_id, number, positions[i].transaction_index,
                                           &transaction, err);
            if (status && status != TRACER_E_NOT_FOUND)
                return status;
            if (status)
                continue;
            facts->transaction_hash = transaction.hash;
            if (transaction.true_block_number)
                facts->block_number = transaction.true_block_number;
            if (transaction.grade > facts->grade)
                facts->grade = transaction.grade;
        }
        struct facts_walk walk = {state, &block, positions, ret_facts, start, end};
        status = graph_each_in_block(graph, chain_id, number, positions[start].transaction_index, positions[end - 1].transaction_index, note_row, &walk, err);
        if (status && status != TRACER_E_STOPPED)
            return status;
        if (walk.next != end)
            return error_set(err, TRACER_E_DAMAGED,
                             "a row that the replay read is not in block %llu any more",
                             (unsigned long long)number);
    }
    return TRACER_OK;
}
