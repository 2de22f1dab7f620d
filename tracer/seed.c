/* seed.c - what the user names, as seeds of the engine (architecture 7 and 11). */
#include "pipeline.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400u

/* The hash and the time of a row, where the store has them. */
static enum tracer_status place_seed(const struct case_state *state, const struct transfer *row, struct result_seed *shown, struct error *err)
{
    struct transaction transaction;
    struct block block;
    struct graph *graph = state->input->graph;
    uint64_t chain_id = state->network.chain_id, number = row->position.block_number;
    enum tracer_status status = TRACER_E_NOT_FOUND;
    if (row->position.transaction_index >= 0)
        status = graph_get_transaction(graph, chain_id, number, row->position.transaction_index, &transaction, err);
    if (!status)
        shown->transaction_hash = transaction.hash;
    else if (status != TRACER_E_NOT_FOUND)
        return status;
    status = graph_get_block(graph, chain_id, number, &block, err);
    if (!status)
        shown->time = block.time;
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static enum tracer_status push_seed(struct case_state *state, const struct taint_seed *seed,
                                    const struct transfer *row, struct error *err)
{
    /* One capacity for both arrays: they grow together. */
    size_t capacity = state->seed_capacity;
    struct taint_seed *seeds =
        case_grow(state->arena, state->seeds, state->seed_count, &capacity, sizeof(*seeds));
    capacity = state->seed_capacity;
    struct result_seed *shown =
        case_grow(state->arena, state->shown_seeds, state->seed_count, &capacity, sizeof(*shown));
    if (!seeds || !shown)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (state->seed_count == TRACER_SEEDS_MAX)
        return error_set(err, TRACER_E_LIMIT, "more than %u seeds", TRACER_SEEDS_MAX);
    state->seed_capacity = capacity;
    state->seeds = seeds;
    state->shown_seeds = shown;
    for (size_t i = 0; i < state->seed_count; i++) {
        bool same_place = seed->is_address == seeds[i].is_address &&
                          (seed->is_address ? address_equal(seed->address, seeds[i].address)
                                            : position_compare(seed->position, seeds[i].position) == 0);
        if (same_place && strcmp(seed->source, seeds[i].source) == 0)
            return TRACER_OK; /* named twice: one seed */
    }
    seeds[state->seed_count] = *seed;
    shown[state->seed_count] = (struct result_seed){.is_address = seed->is_address,
                                                    .address = seed->address,
                                                    .block_number = seed->block_number,
                                                    .position = seed->position};
    enum tracer_status status = TRACER_OK;
    if (row) {
        shown[state->seed_count].amount =
            seed->has_amount ? u256_min(seed->amount, row->amount) : row->amount;
        status = case_list_asset(state, row->asset, err);
        if (!status)
            status = place_seed(state, row, &shown[state->seed_count], err);
    } else {
        status = case_name_address(state, seed->address, err);
    }
    state->seed_count++;
    return status;
}

/* What a source's units did before the first block asked about is not replayed, so nobody is clean of it. */
static enum tracer_status note_older(struct case_state *state, const char *what, const char *source, struct error *err)
{
    state->touches_gap = true;
    return case_note(state, NOTE_GAP, err,
                     "%s %s is older than the first block asked about: where its units went before that is not known here", what, source);
}

static enum tracer_status seed_row(struct case_state *state, const char *source, const struct transfer *row,
                                   const struct u256 *cap, struct error *err)
{
    struct taint_seed seed = {.position = row->position, .has_amount = cap != NULL};
    snprintf(seed.source, sizeof(seed.source), "%s", source);
    if (cap)
        seed.amount = *cap;
    enum tracer_status status = push_seed(state, &seed, row, err);
    if (!status && row->position.block_number < state->first)
        status = note_older(state, "the theft of source", source, err);
    return status;
}

static bool moves_value(const struct transfer *row)
{
    return row->kind != TRANSFER_FEE && !u256_is_zero(row->amount) && !address_equal(row->from, row->to);
}

static bool has_class(const struct case_state *state, struct address address)
{
    struct label label;
    return label_find(state->input->labels, state->network.chain_id, address, &label) && label.class_ != CLASS_NONE;
}

/* What `account` gained of `asset` in the transaction, fees apart; zero for a loss. */
static struct u256 net_gain(const struct transfer *rows, size_t count, struct address account,
                            const struct asset *asset)
{
    struct u320 in = {{0}}, out = {{0}};
    for (size_t i = 0; i < count; i++) {
        if (!moves_value(&rows[i]) || !asset_equal(&rows[i].asset, asset))
            continue;
        if (address_equal(rows[i].to, account))
            u320_add(&in, rows[i].amount);
        if (address_equal(rows[i].from, account))
            u320_add(&out, rows[i].amount);
    }
    if (u320_compare(in, out) <= 0)
        return (struct u256){{0}};
    struct u320 gain = in;
    struct u256 low = {{out.limb[0], out.limb[1], out.limb[2], out.limb[3]}};
    u320_sub(&gain, low);
    if (gain.limb[4]) /* a hostile token: the whole of each row */
        return (struct u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    return (struct u256){{gain.limb[0], gain.limb[1], gain.limb[2], gain.limb[3]}};
}

/* A whole transaction as a theft: the rows into each unlabelled account that ends it with a net gain of
 * the asset, newest first, up to the gain. */
static enum tracer_status seed_transaction(struct case_state *state, const char *source, const char *text,
                                           const struct transfer *rows, size_t count, struct error *err)
{
    bool gains = false;
    for (size_t i = 0; i < count; i++) {
        const struct transfer *row = &rows[i];
        if (!moves_value(row) || address_is_void(row->to))
            continue;
        if (has_class(state, row->to))
            continue;
        struct u256 left = net_gain(rows, count, row->to, &row->asset);
        for (size_t later = count; later-- > i + 1;) { /* newer rows into the account take the gain first */
            if (!moves_value(&rows[later]) || !address_equal(rows[later].to, row->to) ||
                !asset_equal(&rows[later].asset, &row->asset))
                continue;
            if (!u256_sub(left, u256_min(left, rows[later].amount), &left))
                return error_set(err, TRACER_E_INTERNAL, "net gain underflow");
        }
        if (u256_is_zero(left))
            continue;
        bool whole = u256_compare(left, row->amount) >= 0;
        enum tracer_status status = seed_row(state, source, row, whole ? NULL : &left, err);
        if (status)
            return status;
        gains = true;
    }
    struct block block;
    if (gains)
        return TRACER_OK;
    enum tracer_status status = TRACER_E_NOT_FOUND;
    if (count)
        status = graph_get_block(state->input->graph, state->network.chain_id, rows[0].position.block_number, &block, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    bool partly = !status && block.internals == INTERNALS_NONE && !state->network.imported;
    return error_set(err, TRACER_E_USAGE,
                     "%s: nobody without a label gains anything in this transaction%s; name a row (hash:N, hash:value) or an address", text,
                     partly ? " as far as it is known: its internal transfers are not, because no endpoint has call traces" : "");
}

static enum tracer_status seed_address(struct case_state *state, const char *source, struct address address,
                                       uint64_t block_number, const char *text, struct error *err)
{
    struct label label = {.name = "void"};
    bool labelled = label_find(state->input->labels, state->network.chain_id, address, &label);
    if (address_is_void(address) || (labelled && label.class_ != CLASS_NONE))
        return error_set(
            err, TRACER_E_USAGE,
            "%s is labelled %s (%s); an address seed on it would flag its customers. Name the theft's "
            "transaction instead",
            text, labelled ? label_class_name(label.class_) : "void", label.name);
    struct taint_seed seed = {.is_address = true, .address = address, .block_number = block_number};
    snprintf(seed.source, sizeof(seed.source), "%s", source);
    return push_seed(state, &seed, NULL, err);
}

static bool heist_on_chain(const struct heist *heist, uint64_t chain_id)
{
    for (size_t i = 0; i < heist->chain_count; i++)
        if (heist->chain_ids[i] == chain_id)
            return true;
    return false;
}

static bool is_heist_seed(const struct heist *heist, struct address address)
{
    for (size_t i = 0; i < heist->seed_count; i++)
        if (address_equal(heist->seeds[i], address))
            return true;
    return false;
}

/* Transfer seeds from the theft transactions that are stored: how many, and how many of the transactions are not. */
static enum tracer_status seed_theft_transactions(struct case_state *state, const char *source,
                                                  const struct heist *heist, size_t *ret_rows, size_t *ret_missing,
                                                  struct error *err)
{
    *ret_rows = *ret_missing = 0;
    for (size_t i = 0; i < heist->theft_tx_count; i++) {
        struct position position;
        enum tracer_status status = graph_find_transaction(state->input->graph, state->network.chain_id,
                                                           heist->theft_txs[i], &position, err);
        if (status == TRACER_E_NOT_FOUND) {
            (*ret_missing)++;
            continue;
        }
        struct transfer *rows;
        size_t count;
        if (status || (status = case_transaction_rows(state, position, &rows, &count, err)))
            return status;
        for (size_t r = 0; r < count; r++) {
            if (!moves_value(&rows[r]) || !is_heist_seed(heist, rows[r].to))
                continue;
            if ((status = seed_row(state, source, &rows[r], NULL, err)))
                return status;
            (*ret_rows)++;
        }
    }
    return TRACER_OK;
}

/* The day began before the first stored block, or that block's time is not known. */
static bool is_before_store(const struct case_state *state, uint64_t time_s)
{
    struct block first;
    return graph_get_block(state->input->graph, state->network.chain_id, state->range.first, &first, NULL) || time_s <= first.time ||
           !case_has_time(&first);
}

static enum tracer_status note_missing(struct case_state *state, const struct heist *heist, size_t missing, struct error *err)
{
    state->touches_gap = true;
    return case_note(state, NOTE_GAP, err, "heist %s: %zu of %zu theft transactions are not in the store", heist->id, missing, heist->theft_tx_count);
}

static enum tracer_status seed_heist(struct case_state *state, const char *source, const struct heist *heist,
                                     struct error *err)
{
    if (!heist_on_chain(heist, state->network.chain_id))
        return error_set(err, TRACER_E_USAGE, "heist %s did not happen on chain %" PRIu64, heist->id,
                         state->network.chain_id);
    size_t missing, rows;
    enum tracer_status status = seed_theft_transactions(state, source, heist, &rows, &missing, err);
    if (status)
        return status;
    if (heist->theft_tx_count > 0) {
        if (!rows)
            return error_set(err, TRACER_E_NOT_FOUND,
                             "heist %s: none of its theft transactions is in the store (blocks %" PRIu64
                             " to %" PRIu64 " of %s)",
                             heist->id, state->range.first, state->range.last, state->network.name);
        return missing ? note_missing(state, heist, missing, err) : TRACER_OK;
    }
    uint64_t time_s = 0, block_number = state->range.first;
    if (clock_parse_utc(heist->date, strlen(heist->date), &time_s) &&
        (status = case_block_at(state, time_s, &block_number, err)))
        return status;
    if (block_number < state->first || is_before_store(state, time_s))
        status = note_older(state, "heist", heist->id, err);
    for (size_t i = 0; i < heist->seed_count && !status; i++)
        if (!has_class(state, heist->seeds[i]))
            status = seed_address(state, source, heist->seeds[i], block_number, heist->id, err);
    if (!status)
        status = case_note(
            state, NOTE_ASSUMPTION, err,
            "heist %s has no confirmed theft transaction: everything its addresses touch from %s on "
            "counts, which overstates",
            heist->id, heist->date);
    return status;
}

/* "[NAME=]SPEC": cut off the name. False: the name is not one. */
static bool split_name(const char *text, char name[static TRACER_SOURCE_NAME_MAX + 1], const char **ret_spec)
{
    const char *equals = strchr(text, '=');
    *ret_spec = text;
    name[0] = 0;
    if (!equals)
        return true;
    size_t length = (size_t)(equals - text);
    if (length == 0 || length > TRACER_SOURCE_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '.' && c != '-')
            return false;
    }
    memcpy(name, text, length);
    name[length] = 0;
    *ret_spec = equals + 1;
    return true;
}

/* A source name for what has none: the spec itself, of a hash without "0x"; a long one keeps its tail. */
static void default_name(const char *spec, char name[static TRACER_SOURCE_NAME_MAX + 1])
{
    const char *text = strstr(spec, ":0x") ? strstr(spec, ":0x") + 1 : spec;
    if (strlen(text) > TRACER_SOURCE_NAME_MAX)
        text += 2;
    const char *tail = strchr(text, ':');
    if (!tail || strlen(text) <= TRACER_SOURCE_NAME_MAX)
        tail = text + strlen(text);
    size_t head = (size_t)(tail - text), room = TRACER_SOURCE_NAME_MAX - strlen(tail);
    snprintf(name, TRACER_SOURCE_NAME_MAX + 1, "%.*s%s", (int)(head < room ? head : room), text, tail);
    for (char *c = name; *c; c++)
        if (*c == ':')
            *c = '.';
}

/* A seed's text: its name ("" if it has none), its spec, and the heist if that is one. */
static enum tracer_status read_seed(const struct case_state *state, const char *text,
                                    char name[static TRACER_SOURCE_NAME_MAX + 1], const char **ret_spec_text,
                                    struct row_spec *ret_spec, const struct heist **ret_heist, struct error *err)
{
    *ret_heist = NULL;
    if (!split_name(text, name, ret_spec_text))
        return error_set(err, TRACER_E_USAGE,
                         "a source name has 1 to 64 of the characters A-Z a-z 0-9 _ . - : before '='");
    enum tracer_status status = case_parse_row(state, *ret_spec_text, ret_spec, err);
    if (status || ret_spec->what != ROW_NOTHING)
        return status;
    size_t count;
    const struct heist *heists = registry_heists(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(heists[i].id, *ret_spec_text) == 0)
            *ret_heist = &heists[i];
    char shown[TRACER_QUOTED_MAX];
    return *ret_heist ? TRACER_OK
                      : error_set(err, TRACER_E_USAGE,
                                  "\"%s\" is no address, transaction hash, key (block:txi:idx) or heist of the registry",
                                  safe_text(shown, sizeof(shown), *ret_spec_text, strlen(*ret_spec_text)));
}

enum tracer_status case_seed_places(const struct case_state *state, const char *text, bool has_since, uint64_t since,
                                    seed_place_fn *visit, void *context, struct error *err)
{
    char source[TRACER_SOURCE_NAME_MAX + 1];
    const char *spec_text;
    struct row_spec spec;
    const struct heist *heist;
    enum tracer_status status = read_seed(state, text, source, &spec_text, &spec, &heist, err);
    if (status)
        return status;
    struct seed_place place = {.hash = spec.hash, .address = spec.address, .has_block = has_since, .block_number = since};
    if (!heist) {
        place.what = spec.what == ROW_ADDRESS ? SEED_AT_ADDRESS : spec.what == ROW_KEY ? SEED_AT_BLOCK : SEED_AT_TRANSACTION;
        if (spec.what == ROW_KEY)
            place.block_number = spec.position.block_number;
        return visit(context, &place, err);
    }
    if (!heist_on_chain(heist, state->network.chain_id))
        return error_set(err, TRACER_E_USAGE, "heist %s did not happen on chain %" PRIu64, heist->id, state->network.chain_id);
    if (!heist->theft_tx_count)
        return error_set(err, TRACER_E_USAGE, "heist %s has no confirmed theft transaction: name its addresses with --since BLOCK", heist->id);
    place.what = SEED_AT_TRANSACTION;
    for (size_t i = 0; i < heist->theft_tx_count && !status; i++) {
        place.hash = heist->theft_txs[i];
        status = visit(context, &place, err);
    }
    return status;
}

/* Of a source that begins behind the last block nothing was looked at, so an answer says nothing about it. */
static enum tracer_status tell_later(struct case_state *state, size_t first_seed, struct error *err)
{
    for (size_t i = first_seed; i < state->seed_count; i++)
        if (state->seeds[i].is_address && state->seeds[i].block_number > state->last) {
            state->touches_gap = true;
            return case_note(state, NOTE_GAP, err,
                             "source %s counts from block %" PRIu64 " on, and the last block asked about is %" PRIu64 ": nothing of it was looked at",
                             state->seeds[i].source, state->seeds[i].block_number, state->last);
        }
    return TRACER_OK;
}

static enum tracer_status is_earlier(void *context, const struct transfer *row, struct error *err)
{
    (void)err;
    *(uint64_t *)context = row->position.block_number;
    return TRACER_E_STOPPED; /* the first is enough */
}

/* An address counts from the first stored block, and --from may begin behind it. */
static enum tracer_status tell_earlier_rows(struct case_state *state, const char *source, struct address address, struct error *err)
{
    uint64_t block_number = UINT64_MAX;
    struct position start = {state->range.first, TRANSACTION_BEFORE, 0};
    if (state->first == state->range.first)
        return TRACER_OK;
    enum tracer_status status = graph_each_of_account(state->input->graph, state->network.chain_id, address, start, is_earlier, &block_number, err);
    if (status && status != TRACER_E_STOPPED && status != TRACER_E_NOT_FOUND)
        return status;
    return block_number < state->first ? note_older(state, "the first transfer of source", source, err) : TRACER_OK;
}

static enum tracer_status add_seed(struct case_state *state, const char *text, bool has_since, uint64_t since, struct error *err)
{
    char source[TRACER_SOURCE_NAME_MAX + 1];
    const char *spec_text;
    struct row_spec spec;
    const struct heist *heist;
    enum tracer_status status = read_seed(state, text, source, &spec_text, &spec, &heist, err);
    if (status)
        return status;
    if (heist)
        return seed_heist(state, source[0] ? source : heist->id, heist, err);
    if (!source[0])
        default_name(spec_text, source);
    if (spec.what == ROW_ADDRESS) {
        bool known = false;
        if ((status = case_knows_account(state, spec.address, &known, err)))
            return status;
        if (!known && state->input->spare_sources)
            return case_note(state, NOTE_ASSUMPTION, err, "source %s: it is in none of the transfers that the answers depend on", source);
        if (!known)
            return error_set(err, TRACER_E_NOT_FOUND,
                             "%s is in no stored transfer (blocks %" PRIu64 " to %" PRIu64 " of %s)",
                             spec_text, state->range.first, state->range.last, state->network.name);
        status = seed_address(state, source, spec.address, has_since ? since : state->first, spec_text, err);
        if (!status && has_since && since < state->first)
            return note_older(state, "the --since of source", source, err);
        return status || has_since || state->input->spare_sources ? status : tell_earlier_rows(state, source, spec.address, err);
    }
    struct transfer *rows;
    size_t count;
    if ((status = case_find_rows(state, &spec, spec_text, &rows, &count, err)))
        return status;
    if (spec.what == ROW_TRANSACTION)
        return seed_transaction(state, source, spec_text, rows, count, err);
    return seed_row(state, source, &rows[0], NULL, err);
}

enum tracer_status case_add_seed(struct case_state *state, const char *text, bool has_since, uint64_t since,
                                 struct error *err)
{
    size_t before = state->seed_count;
    enum tracer_status status = add_seed(state, text, has_since, since, err);
    return status ? status : tell_later(state, before, err);
}

static enum tracer_status gather_sanctioned(struct case_state *state, struct error *err)
{
    return state->sanctioned ? TRACER_OK
                             : label_sanctioned(state->input->labels, state->network.chain_id, state->arena,
                                                &state->sanctioned, &state->sanctioned_count, err);
}

enum tracer_status case_sanctioned(struct case_state *state, struct address address,
                                   const struct sanctioned **ret_entry, struct error *err)
{
    enum tracer_status status = gather_sanctioned(state, err);
    size_t low = 0, high = status ? 0 : state->sanctioned_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(state->sanctioned[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = !status && low < state->sanctioned_count && address_equal(state->sanctioned[low].address, address);
    *ret_entry = found ? &state->sanctioned[low] : NULL;
    return status;
}

static enum tracer_status look_for_labels(struct case_state *state, struct error *err)
{
    enum tracer_status status = case_labels(state, err);
    if (status)
        return status;
    struct address *accounts = arena_calloc(state->arena, state->label_count + 1, sizeof(*accounts));
    if (!accounts)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < state->label_count; i++)
        accounts[i] = state->labels[i].address;
    return case_look_for(state, accounts, state->label_count, err);
}

/* What the account emits is called `prefix` and `name`, made fit. */
static enum tracer_status name_emit(struct case_state *state, struct taint_label *label, const char *prefix, const char *name, struct error *err)
{
    char source[TRACER_SOURCE_NAME_MAX + 1];
    label_source_name(prefix, name, source);
    const char *kept = arena_text(state->arena, source, strlen(source));
    if (!kept)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    label->emit = kept;
    return TRACER_OK;
}

enum tracer_status case_add_origins(struct case_state *state, struct error *err)
{
    enum tracer_status looked = look_for_labels(state, err);
    if (looked)
        return looked;
    for (size_t l = 0; l < state->label_count; l++) {
        struct taint_label *label = &state->labels[l];
        bool known = false;
        if (label->emit[0] || label->class_ == CLASS_VENUE) /* what a venue pays out is the other leg of an exchange */
            continue;
        enum tracer_status status = case_knows_account(state, label->address, &known, err);
        if (status)
            return status;
        struct label found;
        if (!known || !label_find(state->input->labels, state->network.chain_id, label->address, &found))
            continue;
        const char *name = found.entity[0] ? found.entity : found.name[0] ? found.name : label_class_name(label->class_);
        char prefix[32]; /* one entity may have accounts of several classes, which are not the same */
        snprintf(prefix, sizeof(prefix), "%s.", label_class_name(label->class_));
        if ((status = name_emit(state, label, prefix, name, err)))
            return status;
    }
    return TRACER_OK;
}

const char *case_source_category(const struct case_state *state, const char *source)
{
    size_t count;
    const struct heist *heists = registry_heists(&count);
    if (strncmp(source, "ofac.", 5) == 0)
        return "sanctioned";
    if (strncmp(source, "mixer.", 6) == 0)
        return "mixer";
    for (size_t i = 0; i < count; i++)
        if (strcmp(heists[i].id, source) == 0)
            return "theft";
    for (size_t i = 0; i < state->label_count; i++) {
        struct label label;
        if (strcmp(state->labels[i].emit, source) == 0 &&
            label_find(state->input->labels, state->network.chain_id, state->labels[i].address, &label) && label.category[0])
            return label.category;
    }
    return "named";
}

/* Sanctioned addresses without a class become address seeds "ofac.<entity>" from their listing; those with
 * one get it as `emit` (they keep the label: taint-spec 2.4 forbids the seed). */
static enum tracer_status seed_sanctioned(struct case_state *state, struct error *err)
{
    enum tracer_status status = gather_sanctioned(state, err);
    const struct sanctioned *rows = state->sanctioned;
    for (size_t i = 0; i < state->sanctioned_count && !status; i++) {
        bool known = false;
        uint64_t block_number = 0;
        if ((status = case_knows_account(state, rows[i].address, &known, err)))
            return status;
        if (!known)
            continue;
        char source[TRACER_SOURCE_NAME_MAX + 1];
        label_source_name("ofac.", rows[i].entity, source);
        if ((status = case_block_at(state, rows[i].listed_s, &block_number, err)))
            return status;
        struct label label;
        if (!label_find(state->input->labels, state->network.chain_id, rows[i].address, &label) || label.class_ == CLASS_NONE) {
            status = seed_address(state, source, rows[i].address, block_number, rows[i].entity, err);
            continue;
        }
        if (label.class_ == CLASS_VENUE) { /* it emits nothing: what it pays out is the other leg of an exchange */
            char text[ADDRESS_TEXT_SIZE];
            address_format(rows[i].address, text);
            state->touches_gap = true;
            status = case_note(state, NOTE_GAP, err, "%s is sanctioned and labelled a venue, which is no source: what it paid out is not followed", text);
            continue;
        }
        for (size_t l = 0; l < state->label_count; l++)
            if (address_equal(state->labels[l].address, rows[i].address))
                status = name_emit(state, &state->labels[l], "", source, err);
    }
    return status;
}

/* Mixers that are no sanctioned ones emit "mixer.<entity>". Only those that the store knows: an emit that
 * cannot happen would only forbid opening=clean. */
static enum tracer_status seed_mixers(struct case_state *state, struct error *err)
{
    for (size_t l = 0; l < state->label_count; l++) {
        if (state->labels[l].class_ != CLASS_MIXER || state->labels[l].emit[0])
            continue;
        bool known = false;
        enum tracer_status status = case_knows_account(state, state->labels[l].address, &known, err);
        if (status)
            return status;
        if (!known)
            continue;
        struct label label;
        bool named = label_find(state->input->labels, state->network.chain_id, state->labels[l].address, &label) && label.entity[0];
        if ((status = name_emit(state, &state->labels[l], "mixer.", named ? label.entity : "unnamed", err)))
            return status;
    }
    return TRACER_OK;
}

/* Who was listed since the newest list is not known here (threat-model I4). */
static enum tracer_status judge_list_age(struct case_state *state, struct error *err)
{
    const struct case_input *input = state->input;
    const char *date = label_sanctioned_date(input->labels);
    uint64_t published_s = 0, last_s = state->last;
    struct block block = {.time = last_s};
    char text[256];
    if (!state->network.time_keys) {
        enum tracer_status status =
            graph_get_block(input->graph, state->network.chain_id, state->last, &block, err);
        if (status == TRACER_E_NOT_FOUND)
            status = graph_get_block(input->graph, state->network.chain_id, state->range.last, &block, err);
        if (status)
            return status;
        last_s = block.time;
    }
    if (input->as_of_end_s > last_s) /* who was listed by that day is asked, too */
        last_s = input->as_of_end_s;
    if (clock_parse_utc(date, strlen(date), &published_s) && case_has_time(&block) &&
        last_s / DAY_S <= published_s / DAY_S + input->list_age_days_max)
        return TRACER_OK;
    if (!case_has_time(&block))
        snprintf(text, sizeof(text), "the time of the last block asked about is not known, so whether the sanctions lists are new enough is not either: "
                                     "name the sources that you ask about with --source");
    else
        snprintf(text, sizeof(text),
                 "the newest sanctions list here is of %s, more than %" PRIu64
                 " days before the last block or the day asked about: import a newer one (or say how old it may be with "
                 "--list-age-max)",
                 date, input->list_age_days_max);
    state->old_list = arena_text(state->arena, text, strlen(text));
    return state->old_list ? case_note(state, NOTE_GAP, err, "%s", text)
                           : error_set(err, TRACER_E_NOMEM, "no memory");
}

/* Whoever could be a default source. */
static enum tracer_status look_for_sources(struct case_state *state, const struct heist *heists, size_t count, struct error *err)
{
    enum tracer_status status = case_labels(state, err);
    if (!status)
        status = gather_sanctioned(state, err);
    size_t capacity = state->sanctioned_count + state->label_count, kept = 0;
    for (size_t i = 0; i < count; i++)
        capacity += heists[i].seed_count;
    struct address *accounts = status ? NULL : arena_calloc(state->arena, capacity + 1, sizeof(*accounts));
    if (!accounts)
        return status ? status : error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < state->sanctioned_count; i++)
        accounts[kept++] = state->sanctioned[i].address;
    for (size_t i = 0; i < state->label_count; i++)
        if (state->labels[i].class_ == CLASS_MIXER)
            accounts[kept++] = state->labels[i].address;
    for (size_t i = 0; i < count; i++)
        for (size_t s = 0; s < heists[i].seed_count; s++)
            accounts[kept++] = heists[i].seeds[s];
    return case_look_for(state, accounts, kept, err);
}

/* What the thief has is in the store, and the theft is not, though its day is: what was paid out of it looks like anything else. */
static enum tracer_status note_absent(struct case_state *state, const struct heist *heist, struct error *err)
{
    uint64_t happened_s = 0, block_number;
    bool followed = !state->has_explored; /* else what an account that is not explored pays out is of unknown history */
    for (size_t i = 0; i < state->explored_count && !followed; i++)
        followed = is_heist_seed(heist, state->explored[i]);
    if (!followed)
        return TRACER_OK;
    if (!clock_parse_utc(heist->date, strlen(heist->date), &happened_s) || is_before_store(state, happened_s))
        return TRACER_OK; /* counted with the older ones */
    enum tracer_status status = case_block_at(state, happened_s, &block_number, err);
    if (status || block_number > state->last)
        return status;
    state->touches_gap = true;
    return case_note(state, NOTE_GAP, err, "heist %s: its addresses are in the store, and none of its theft transactions with what they received", heist->id);
}

enum tracer_status case_add_default_seeds(struct case_state *state, struct error *err)
{
    size_t count, used = 0, asked = 0;
    const struct heist *heists = registry_heists(&count);
    enum tracer_status status = look_for_sources(state, heists, count, err);
    for (size_t i = 0; i < count && !status; i++) {
        size_t rows, missing = 0, before = state->seed_count;
        if (heists[i].returned || !heist_on_chain(&heists[i], state->network.chain_id))
            continue;
        asked++;
        bool any = false, known = false;
        for (size_t s = 0; s < heists[i].seed_count && !any && !status; s++) {
            status = case_knows_account(state, heists[i].seeds[s], &known, err);
            any = known && !has_class(state, heists[i].seeds[s]);
        }
        if (!status && heists[i].theft_tx_count > 0)
            status = seed_theft_transactions(state, heists[i].id, &heists[i], &rows, &missing, err);
        else if (!status && any)
            status = seed_heist(state, heists[i].id, &heists[i], err);
        if (!status && any && state->seed_count == before)
            status = note_absent(state, &heists[i], err);
        else if (!status && missing && state->seed_count > before)
            status = note_missing(state, &heists[i], missing, err);
        used += state->seed_count > before;
        uint64_t happened_s = 0;
        if (!status && state->seed_count == before)
            state->older_incidents +=
                !clock_parse_utc(heists[i].date, strlen(heists[i].date), &happened_s) || is_before_store(state, happened_s);
    }
    if (status || (status = seed_sanctioned(state, err)) || (status = seed_mixers(state, err)) ||
        (status = judge_list_age(state, err)))
        return status;
    return case_note(
        state, NOTE_ASSUMPTION, err,
        "sources: %zu of the registry's %zu incidents on this chain have their theft in the store (%zu are older "
        "than its first block); the others, and thefts that the registry does not know, are not looked for",
        used, asked, state->older_incidents);
}
