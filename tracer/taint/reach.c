/* reach.c - which accounts taint may reach, found by the index of a store. The replay then needs their transactions alone.
 *
 * What is found is too much rather than too little: an account that once may have held a source's units of an asset passes them on
 * with everything it sends of that asset afterwards, whatever it still has. All others send and receive clean or unknown units
 * only, and which of the two changes no source's units (taint-spec 9.3). So a replay in which they are frontier (12) gives, in
 * whole transactions, the same records, holdings and books of the sources as one of all rows. What it does not give is what `unknown`
 * units did, and counts of rows that taint never met.
 */
#include "engine.h"

#include <stdlib.h>

#define EVERY_ASSET UINT32_MAX /* of an account with an address seed */

struct key_set {
    uint64_t *keys; /* plus 1; 0: empty */
    size_t capacity, count;
};
struct reach {
    struct taint *taint;
    const struct cursor_index *index;
    struct error *err;
    struct key_set held; /* account << 32 | asset */
    bool every;          /* and some with EVERY_ASSET */
    struct large found;  /* bool: the cursor gives the account's rows */
    uint32_t *accounts;  /* those, in order */
    size_t account_count, account_capacity;
};

static enum tracer_status no_memory(const struct reach *reach)
{
    return error_set(reach->err, TRACER_E_NOMEM, "no memory for the accounts that taint may reach");
}

static size_t set_place(const struct key_set *set, uint64_t key)
{
    uint64_t mixed = (key + 1) * 0x9e3779b97f4a7c15u;
    size_t at = (mixed ^ mixed >> 29) & (set->capacity - 1);
    while (set->keys[at] && set->keys[at] != key + 1)
        at = (at + 1) & (set->capacity - 1);
    return at;
}

static bool set_has(const struct key_set *set, uint64_t key)
{
    return set->capacity && set->keys[set_place(set, key)];
}

static bool set_add(struct key_set *set, uint64_t key)
{
    if (set->count * 2 >= set->capacity) {
        struct key_set larger = {.capacity = set->capacity ? set->capacity * 2 : 64, .count = set->count};
        if (!(larger.keys = calloc(larger.capacity, sizeof(*larger.keys))))
            return false;
        for (size_t i = 0; i < set->capacity; i++)
            if (set->keys[i])
                larger.keys[set_place(&larger, set->keys[i] - 1)] = set->keys[i];
        free(set->keys);
        *set = larger;
    }
    size_t at = set_place(set, key);
    set->count += !set->keys[at];
    set->keys[at] = key + 1;
    return true;
}

static uint64_t pair(uint32_t account, uint32_t asset)
{
    return (uint64_t)account << 32 | asset;
}

static bool holds(const struct reach *reach, uint32_t account, uint32_t asset)
{
    return set_has(&reach->held, pair(account, asset)) || (reach->every && set_has(&reach->held, pair(account, EVERY_ASSET)));
}

/* The account may have units of a source in the asset from here on. */
static enum tracer_status arrive(struct reach *reach, uint32_t account, uint32_t asset, bool *ret_changed)
{
    if (holds(reach, account, asset))
        return TRACER_OK;
    *ret_changed = true;
    reach->every = reach->every || asset == EVERY_ASSET;
    if (!set_add(&reach->held, pair(account, asset)) || !large_grow(&reach->found, (size_t)account + 1))
        return no_memory(reach);
    bool *found = (bool *)reach->found.at + account;
    if (*found)
        return TRACER_OK;
    uint32_t *accounts = grow(reach->accounts, reach->account_count, &reach->account_capacity, sizeof(*accounts));
    if (!accounts)
        return no_memory(reach);
    reach->accounts = accounts;
    accounts[reach->account_count++] = account;
    *found = true;
    return reach->index->add(reach->index->self, account, reach->err);
}

static bool is_seeded(const struct taint *taint, struct position position)
{
    size_t at = seeds_first(taint, position);
    return at < taint->transfer_seed_count && position_compare(taint->transfer_seeds[at].position, position) == 0;
}

/* What comes out of an exchange in this transaction may be what tainted units paid for. */
static enum tracer_status pay_out(struct reach *reach, const struct cursor_row *rows, size_t count, bool *ret_changed)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < count && !status; i++)
        if (!account_is_unlabelled(reach->taint, rows[i].from) && account_is_unlabelled(reach->taint, rows[i].to))
            status = arrive(reach, rows[i].to, rows[i].asset, ret_changed);
    return status;
}

static enum tracer_status follow(struct reach *reach, const struct cursor_row *rows, size_t count)
{
    const struct taint_options *options = &reach->taint->options;
    enum tracer_status status = TRACER_OK;
    bool changed = true, paid = false;
    while (changed && !status) { /* legs of an exchange do not run in key order */
        changed = false;
        for (size_t i = 0; i < count && !status; i++) {
            const struct cursor_row *row = &rows[i];
            if (u256_is_zero(row->amount) || row->from == row->to || (row->kind == TRANSFER_FEE && options->fees == FEES_SINK) ||
                (!holds(reach, row->from, row->asset) && !is_seeded(reach->taint, row->position)))
                continue;
            if (account_is_unlabelled(reach->taint, row->to)) {
                status = arrive(reach, row->to, row->asset, &changed);
            } else if (!paid && options->links != LINKS_NONE) {
                paid = true;
                status = pay_out(reach, rows, count, &changed);
            }
        }
    }
    return status;
}

static enum tracer_status begin(struct reach *reach)
{
    struct taint *taint = reach->taint;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < taint->slot_count && !status; i++) {
        uint32_t account;
        bool changed;
        status = reach->index->find(reach->index->self, taint->slots[i].address, &account, reach->err);
        if (!status)
            status = arrive(reach, account, EVERY_ASSET, &changed);
        else if (status == TRACER_E_NOT_FOUND) /* and of nothing else */
            status = TRACER_OK;
    }
    for (size_t i = 0; i < taint->transfer_seed_count && !status; i++)
        status = reach->index->add_row(reach->index->self, taint->transfer_seeds[i].position, reach->err);
    return status;
}

/* Those become the explored set, and the rest the frontier. */
static enum tracer_status conclude(struct reach *reach)
{
    struct taint *taint = reach->taint;
    struct cursor *cursor = taint->cursor;
    taint->explored = arena_calloc(taint->arena, reach->account_count + 1, sizeof(*taint->explored));
    if (!taint->explored)
        return no_memory(reach);
    for (size_t i = 0; i < reach->account_count; i++)
        taint->explored[i] = cursor->account(cursor->self, reach->accounts[i]);
    taint->explored_count = reach->account_count;
    return table_explored(taint) ? TRACER_OK : no_memory(reach);
}

enum tracer_status taint_reach(struct taint *taint, const struct cursor_index *index, struct error *err)
{
    struct reach reach = {.taint = taint, .index = index, .err = err};
    const struct cursor_row *rows;
    size_t count;
    assert(!taint->replayed);
    bool emits = false;
    for (size_t i = 0; i < taint->input->label_count; i++)
        emits = emits || taint->input->labels[i].emit[0];
    if (emits || taint->input->has_explored || taint->input->doubted_count || taint->options.opening == OPENING_CLEAN)
        return error_set(err, TRACER_E_UNAVAILABLE, "these inputs need every row");
    enum tracer_status status = tables_make(taint) ? begin(&reach) : no_memory(&reach);
    while (!status && !(status = taint->cursor->next(taint->cursor->self, &rows, &count, err)) && count)
        status = follow(&reach, rows, count);
    if (!status)
        status = conclude(&reach);
    taint->gathers = !status;
    free(reach.held.keys);
    large_free(&reach.found);
    free(reach.accounts);
    return status;
}
