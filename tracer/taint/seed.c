/* seed.c - sources: their names, when address seeds become active, what transfer seeds re-tag (2.4, 6). */
#include "engine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool good_name(const char *name)
{
    size_t length = strnlen(name, TRACER_SOURCE_NAME_MAX + 1);
    if (length == 0 || length > TRACER_SOURCE_NAME_MAX || strcmp(name, "clean") == 0 ||
        strcmp(name, "unknown") == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

static int order_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static enum tracer_status collect_names(struct taint *taint, struct error *err)
{
    const struct taint_input *input = taint->input;
    size_t most = input->seed_count + input->label_count, count = 0;
    char(*names)[TRACER_SOURCE_NAME_MAX + 1] = arena_calloc(taint->arena, most + 1, sizeof(*names));
    if (!names)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < most; i++) {
        const char *name =
            i < input->seed_count ? input->seeds[i].source : input->labels[i - input->seed_count].emit;
        if (i >= input->seed_count && !name[0])
            continue;
        if (!good_name(name))
            return error_set(
                err, TRACER_E_USAGE,
                "\"%.64s\" is no source name: 1 to 64 of A-Z a-z 0-9 _ . -, not \"clean\" or \"unknown\"",
                name);
        memcpy(names[count++], name, strlen(name) + 1);
    }
    qsort(names, count, sizeof(*names), order_names);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            memmove(names[kept++], names[i], sizeof(*names));
    if (kept > TRACER_SOURCES_MAX)
        return error_set(err, TRACER_E_LIMIT, "more than %u sources", TRACER_SOURCES_MAX);
    taint->source_names = names;
    taint->source_count = (uint32_t)kept;
    taint->unknown = (uint32_t)kept;
    taint->clean = (uint32_t)kept + 1;
    return TRACER_OK;
}

static uint32_t find_source(const struct taint *taint, const char *name)
{
    const char(*found)[TRACER_SOURCE_NAME_MAX + 1] =
        bsearch(name, taint->source_names, taint->source_count, sizeof(*taint->source_names), order_names);
    assert(found);
    return (uint32_t)(found - (const char(*)[TRACER_SOURCE_NAME_MAX + 1]) taint->source_names);
}

static int order_labels(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

static enum tracer_status check_labels(struct taint *taint, struct error *err)
{
    const struct taint_input *input = taint->input;
    char text[ADDRESS_TEXT_SIZE];
    struct address *sorted = arena_calloc(taint->arena, input->label_count + 1, sizeof(*sorted));
    if (!sorted)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < input->label_count; i++) {
        const struct taint_label *label = &input->labels[i];
        sorted[i] = label->address;
        address_format(label->address, text);
        if (address_is_void(label->address))
            return error_set(err, TRACER_E_USAGE, "labels: void (%s) cannot be labelled", text);
        if (label->class_ == CLASS_NONE || label->class_ >= CLASS_COUNT)
            return error_set(err, TRACER_E_USAGE, "labels: %s has no class", text);
        if (label->emit[0] && label->class_ == CLASS_VENUE)
            return error_set(err, TRACER_E_USAGE, "labels: %s is a venue and cannot emit", text);
        if (label->emit[0] && input->options.opening == OPENING_CLEAN)
            return error_set(err, TRACER_E_USAGE, "opening=clean does not go with labels that emit (%s)",
                             text);
    }
    qsort(sorted, input->label_count, sizeof(*sorted), order_labels);
    for (size_t i = 1; i < input->label_count; i++) {
        address_format(sorted[i], text);
        if (address_equal(sorted[i], sorted[i - 1]))
            return error_set(err, TRACER_E_USAGE, "labels: %s has two rows", text);
    }
    return TRACER_OK;
}

static bool is_labelled(const struct taint *taint, struct address address)
{
    for (size_t i = 0; i < taint->input->label_count; i++)
        if (address_equal(taint->input->labels[i].address, address))
            return true;
    return false;
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* Address seeds while they are sorted. */
struct sortable {
    struct address address;
    uint64_t block_number;
    uint32_t source;
};

static int order_address_seeds(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    if (x->block_number != y->block_number)
        return x->block_number < y->block_number ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return address_compare(x->address, y->address);
}

static enum tracer_status make_address_seeds(struct taint *taint, struct error *err)
{
    const struct taint_input *input = taint->input;
    struct sortable *seeds = arena_calloc(taint->arena, input->seed_count + 1, sizeof(*seeds));
    struct address *addresses = arena_calloc(taint->arena, input->seed_count + 1, sizeof(*addresses));
    taint->slots = arena_calloc(taint->arena, input->seed_count + 1, sizeof(*taint->slots));
    taint->address_seeds = arena_calloc(taint->arena, input->seed_count + 1, sizeof(*taint->address_seeds));
    if (!seeds || !addresses || !taint->slots || !taint->address_seeds)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    size_t count = 0;
    for (size_t i = 0; i < input->seed_count; i++) {
        const struct taint_seed *seed = &input->seeds[i];
        if (!seed->is_address)
            continue;
        char text[ADDRESS_TEXT_SIZE];
        address_format(seed->address, text);
        if (address_is_void(seed->address) || is_labelled(taint, seed->address))
            return error_set(err, TRACER_E_USAGE, "seeds: an address seed on the %s address %s",
                             address_is_void(seed->address) ? "void" : "labelled", text);
        addresses[count] = seed->address;
        seeds[count++] =
            (struct sortable){seed->address, seed->block_number, find_source(taint, seed->source)};
    }
    qsort(addresses, count, sizeof(*addresses), order_addresses);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !address_equal(addresses[i], addresses[i - 1]))
            taint->slots[taint->slot_count++].address = addresses[i];
    for (size_t i = 0; i < taint->slot_count; i++)
        if (!(taint->slots[i].active = arena_calloc(taint->arena, count, sizeof(uint32_t))))
            return error_set(err, TRACER_E_NOMEM, "no memory");
    qsort(seeds, count, sizeof(*seeds), order_address_seeds);
    for (size_t i = 0; i < count; i++) {
        size_t low = 0, high = taint->slot_count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (address_compare(taint->slots[middle].address, seeds[i].address) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        taint->address_seeds[i] =
            (struct address_seed){seeds[i].block_number, seeds[i].source, (uint32_t)low};
    }
    taint->address_seed_count = count;
    return TRACER_OK;
}

static int order_transfer_seeds(const void *a, const void *b)
{
    const struct transfer_seed *x = a, *y = b;
    int order = position_compare(x->position, y->position);
    return order ? order : x->source < y->source ? -1 : x->source > y->source;
}

static enum tracer_status make_transfer_seeds(struct taint *taint, struct error *err)
{
    const struct taint_input *input = taint->input;
    struct transfer_seed *seeds = arena_calloc(taint->arena, input->seed_count + 1, sizeof(*seeds));
    size_t count = 0;
    if (!seeds)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < input->seed_count; i++)
        if (!input->seeds[i].is_address)
            seeds[count++] = (struct transfer_seed){.position = input->seeds[i].position,
                                                    .source = find_source(taint, input->seeds[i].source),
                                                    .has_amount = input->seeds[i].has_amount,
                                                    .amount = input->seeds[i].amount};
    qsort(seeds, count, sizeof(*seeds), order_transfer_seeds);
    for (size_t i = 1; i < count; i++) {
        char key[POSITION_TEXT_SIZE];
        position_format(seeds[i].position, key);
        if (order_transfer_seeds(&seeds[i - 1], &seeds[i]) == 0)
            return error_set(err, TRACER_E_USAGE, "seeds: two transfer seeds of source %s on %s",
                             taint->source_names[seeds[i].source], key);
    }
    taint->transfer_seeds = seeds;
    taint->transfer_seed_count = count;
    return TRACER_OK;
}

enum tracer_status seeds_make(struct taint *taint, struct error *err)
{
    enum tracer_status status;
    if ((status = collect_names(taint, err)) || (status = check_labels(taint, err)) ||
        (status = make_address_seeds(taint, err)) || (status = make_transfer_seeds(taint, err)))
        return status;
    for (size_t i = 0; i < taint->input->seed_count; i++) {
        const struct taint_seed *seed = &taint->input->seeds[i];
        uint64_t block = seed->is_address ? seed->block_number : seed->position.block_number;
        if (!taint->seed_least_known || block < taint->seed_least)
            taint->seed_least = block;
        taint->seed_least_known = true;
    }
    return TRACER_OK;
}

/* ---- during the replay ---- */

bool seeds_retag(struct taint *taint, struct holding *holding, uint32_t source)
{
    struct u256 before = {{0}}, unknown = {{0}}, gained;
    if (!undo_holding(taint, holding))
        return false;
    struct tagged *tagged = holding_tag(holding, source), *lost = holding_tag(holding, taint->unknown);
    bool poison = taint->options.policy == POLICY_POISON;
    if (tagged && !poison)
        before = *tag_amount(holding, tagged);
    if (lost && !poison)
        unknown = *tag_amount(holding, lost);
    if (!taint->policy->retag(taint, holding, source))
        return false;
    tagged = holding_tag(holding, source);
    if (!tagged)
        return true;
    tagged_set(tagged, 0, MOVE_NONE);
    if (poison)
        return true;
    gained = units_difference(*tag_amount(holding, tagged), before);
    struct taint_total *total = total_get(taint, holding->asset, source);
    if (!total)
        return false;
    u320_add(&total->seeded, gained);
    if (u256_is_zero(unknown))
        return true;
    if (!(total = total_get(taint, holding->asset, taint->unknown)))
        return false;
    u320_add(&total->retagged, unknown);
    return true;
}

/* Its source becomes active at its account; false: it is already. */
static bool activate(struct taint *taint, const struct address_seed *seed)
{
    struct seed_slot *slot = &taint->slots[seed->slot];
    uint32_t at = 0;
    while (at < slot->active_count && slot->active[at] < seed->source)
        at++;
    if (at < slot->active_count && slot->active[at] == seed->source)
        return false; /* a repeat has no effect */
    memmove(slot->active + at + 1, slot->active + at, (slot->active_count - at) * sizeof(uint32_t));
    slot->active[at] = seed->source;
    slot->active_count++;
    return true;
}

bool seeds_activate(struct taint *taint, uint64_t block_number)
{
    bool poison = taint->options.policy == POLICY_POISON;
    while (taint->next_address_seed < taint->address_seed_count &&
           taint->address_seeds[taint->next_address_seed].block_number <= block_number) {
        const struct address_seed *seed = &taint->address_seeds[taint->next_address_seed++];
        const struct seed_slot *slot = &taint->slots[seed->slot];
        if (!activate(taint, seed))
            continue;
        for (uint32_t next = slot->holdings; next;) {
            struct holding *holding = holding_at(taint, next - 1);
            next = holding->sibling;
            if (!seeds_retag(taint, holding, poison ? seed->source : slot->active[0]))
                return false;
        }
    }
    return true;
}

void seeds_deactivate(struct taint *taint, size_t count)
{
    if (count == taint->next_address_seed)
        return;
    for (size_t i = 0; i < taint->slot_count; i++)
        taint->slots[i].active_count = 0;
    for (size_t i = 0; i < count; i++)
        activate(taint, &taint->address_seeds[i]);
    taint->next_address_seed = count;
}

struct retagging {
    const struct taint *taint;
    struct parcel *rest;
    uint32_t source;
    struct u256 left, done, unknown;
};

static bool retag_lot(void *context, const struct lot *lot)
{
    struct retagging *work = context;
    struct u256 part =
        tag_is_source(work->taint, lot->tag) ? (struct u256){{0}} : u256_min(lot->amount, work->left);
    work->left = units_difference(work->left, part);
    work->done = units_sum(work->done, part);
    if (lot->tag == work->taint->unknown)
        work->unknown = units_sum(work->unknown, part);
    return parcel_put(work->taint, work->rest, part, work->source) &&
           parcel_put(work->taint, work->rest, units_difference(lot->amount, part), lot->tag);
}

/* Re-tag clean and unknown units from the first entry on, until `most` are done; the parcel is made anew. */
static bool retag_parcel(struct taint *taint, struct parcel *parcel, uint32_t source, struct u256 most,
                         uint32_t asset, struct u256 *ret_done)
{
    struct parcel rest = {0}, before = *parcel;
    struct retagging work = {.taint = taint, .rest = &rest, .source = source, .left = most};
    bool ok = parcel_each(parcel, retag_lot, &work);
    parcel->sums = rest.sums;
    parcel->queue = rest.queue;
    before.infos = NULL;
    parcel_release(&before);
    *ret_done = work.done;
    struct taint_total *total = total_get(taint, asset, source);
    if (!ok || !total)
        return false;
    u320_add(&total->seeded, work.done);
    if (!u256_is_zero(work.unknown)) {
        if (!(total = total_get(taint, asset, taint->unknown)))
            return false;
        u320_add(&total->retagged, work.unknown);
    }
    return true;
}

size_t seeds_first(const struct taint *taint, struct position position)
{
    size_t low = 0, high = taint->transfer_seed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (position_compare(taint->transfer_seeds[middle].position, position) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool done(struct taint *taint, size_t index)
{
    bool before = taint->transfer_seeds[index].done;
    taint->transfer_seeds[index].done = true;
    return before || undo_seed(taint, index);
}

bool seeds_advance(struct taint *taint, struct position position)
{
    while (taint->next_transfer_seed < taint->transfer_seed_count &&
           position_compare(taint->transfer_seeds[taint->next_transfer_seed].position, position) < 0)
        taint->next_transfer_seed++;
    return taint->next_transfer_seed < taint->transfer_seed_count &&
           position_same_transaction(taint->transfer_seeds[taint->next_transfer_seed].position, position);
}

bool seeds_apply(struct taint *taint, struct position position, uint32_t asset, struct u256 v,
                 struct parcel *parcel)
{
    static const struct u256 all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    bool ok = true;
    if (taint->next_transfer_seed == taint->transfer_seed_count ||
        !position_same_transaction(taint->transfer_seeds[taint->next_transfer_seed].position, position))
        return true;
    for (size_t i = seeds_first(taint, position);
         i < taint->transfer_seed_count && position_compare(taint->transfer_seeds[i].position, position) == 0;
         i++) {
        const struct transfer_seed *seed = &taint->transfer_seeds[i];
        if (taint->options.policy == POLICY_POISON) {
            bool there = false;
            for (size_t l = 0; l < parcel->sums.count; l++)
                there = there || parcel->sums.lots[l].tag == seed->source;
            if (!there && !parcel_put(taint, parcel, v, seed->source))
                return false;
            info_set(parcel, seed->source, 0, MOVE_NONE, &ok);
            ok = ok && done(taint, i);
            continue;
        }
        struct u256 units;
        if (!retag_parcel(taint, parcel, seed->source, seed->has_amount ? seed->amount : all, asset, &units))
            return false;
        if (!u256_is_zero(units)) {
            info_set(parcel, seed->source, 0, MOVE_NONE, &ok);
            ok = ok && done(taint, i);
        }
    }
    return ok;
}
