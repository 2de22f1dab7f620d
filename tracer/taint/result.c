/* result.c - what is read after a replay, sorted as taint-spec 11 says. */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PREFETCH_HOLDINGS 16u /* of those to show, ahead */

static int order_accounts(const struct taint *taint, uint32_t a, uint32_t b)
{
    return a == b ? 0
                  : address_compare(taint->cursor->account(taint->cursor->self, a),
                                    taint->cursor->account(taint->cursor->self, b));
}

static int order_assets(const struct taint *taint, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    struct asset left = taint->cursor->asset(taint->cursor->self, a),
                 right = taint->cursor->asset(taint->cursor->self, b);
    return asset_compare(&left, &right);
}

/* Public tags sort like the inner ones: sources by number, unknown behind them. */
static int order_tags(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int order_absorbed(const void *a, const void *b, void *context)
{
    const struct taint_absorbed *x = a, *y = b;
    int order = order_accounts(context, x->account, y->account);
    if (!order)
        order = order_assets(context, x->asset, y->asset);
    return order ? order : order_tags(x->tag, y->tag);
}

static int order_totals(const void *a, const void *b, void *context)
{
    const struct taint_total *x = a, *y = b;
    int order = order_assets(context, x->asset, y->asset);
    return order ? order : order_tags(x->tag, y->tag);
}

static uint32_t public_tag(const struct taint *taint, uint32_t tag)
{
    return tag == taint->unknown ? TAINT_UNKNOWN : tag;
}

/* A holding with a tag other than clean. */
struct shown_holding {
    uint64_t order; /* while they are sorted what the address begins with, which decides nearly always; then the lines before its own */
    const struct holding *holding;
};

static int order_holdings(const void *a, const void *b, void *context)
{
    const struct shown_holding *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    int order = order_accounts(context, x->holding->account, y->holding->account);
    return order ? order : order_assets(context, x->holding->asset, y->holding->asset);
}

static bool count_held(struct taint *taint, const struct holding *holding)
{
    for (uint32_t t = 0; t < holding->tag_count && holding->amounts; t++) {
        struct total *total = total_slot(taint, holding->asset, holding->tags[t].tag);
        if (!total)
            return false;
        u320_add(&total->sums.held, holding->amounts[t]);
    }
    return true;
}

/* By account and asset, with how many lines stand before. */
static bool make_holdings(struct taint *taint)
{
    struct shown_holding *shown = realloc(taint->holdings_shown, (taint->holding_count + 1) * sizeof(*shown));
    size_t count = 0, lines = 0;
    if (!shown)
        return false;
    taint->holdings_shown = shown;
    for (size_t i = 0; i < taint->total_capacity; i++)
        taint->totals[i].sums.held = (struct u320){{0}};
    for (size_t i = 0; i < taint->holding_count; i++) {
        const struct holding *holding = holding_at(taint, i);
        if (!holding->tag_count)
            continue;
        if (!count_held(taint, holding))
            return false;
        struct address address = taint->cursor->account(taint->cursor->self, holding->account);
        shown[count] = (struct shown_holding){0, holding};
        for (int byte = 0; byte < 8; byte++)
            shown[count].order = shown[count].order << 8 | address.bytes[byte];
        count++;
    }
    if (count)
        qsort_r(shown, count, sizeof(*shown), order_holdings, taint);
    for (size_t i = 0; i < count; i++) {
        if (i + PREFETCH_HOLDINGS < count) /* in order of address they are anywhere in memory */
            __builtin_prefetch(&shown[i + PREFETCH_HOLDINGS].holding->tag_count);
        shown[i].order = lines;
        lines += shown[i].holding->tag_count;
    }
    taint->holdings_shown_count = count;
    taint->lines_shown = lines;
    return true;
}

size_t taint_holding_count(const struct taint *taint)
{
    return taint->lines_shown;
}

static struct taint_holding line_of(const struct taint *taint, const struct holding *holding, size_t index)
{
    const struct tagged *tagged = &holding->tags[index];
    bool source = tag_is_source(taint, tagged->tag);
    struct taint_holding line = {.account = holding->account,
                                 .asset = holding->asset,
                                 .tag = public_tag(taint, tagged->tag),
                                 .balance = holding->balance,
                                 .amount = holding->amounts ? holding->amounts[index] : holding->balance,
                                 .hop = source ? tagged_hop(taint, tagged) : 0,
                                 .has_via = source && tagged->via != MOVE_NONE};
    if (line.has_via)
        line.via = move_position(taint, tagged->via);
    return line;
}

struct taint_holding taint_holding_at(const struct taint *taint, size_t index)
{
    size_t low = 0, high = taint->holdings_shown_count - 1;
    while (low < high) { /* the last with no more lines before it */
        size_t middle = high - (high - low) / 2;
        if (taint->holdings_shown[middle].order <= index)
            low = middle;
        else
            high = middle - 1;
    }
    const struct shown_holding *shown = &taint->holdings_shown[low];
    return line_of(taint, shown->holding, index - shown->order);
}

bool taint_find_holding(const struct taint *taint, uint32_t account, uint32_t asset, uint32_t tag, struct taint_holding *ret_holding)
{
    struct holding *holding = account < taint->account_capacity ? holding_find(taint, account, asset) : NULL;
    const struct tagged *tagged = holding ? holding_tag(holding, tag == TAINT_UNKNOWN ? taint->unknown : tag) : NULL;
    if (tagged)
        *ret_holding = line_of(taint, holding, (size_t)(tagged - holding->tags));
    return tagged != NULL;
}

struct u256 taint_holding_of(const struct taint *taint, uint32_t account, uint32_t asset, struct taint_holding *ret_lines, size_t capacity,
                             size_t *ret_count)
{
    const struct holding *holding = holding_find(taint, account, asset);
    for (*ret_count = 0; holding && *ret_count < holding->tag_count && *ret_count < capacity; ++*ret_count)
        ret_lines[*ret_count] = line_of(taint, holding, *ret_count);
    return holding ? holding->balance : (struct u256){{0}};
}

static bool make_absorbed(struct taint *taint)
{
    struct taint_absorbed *shown = calloc(taint->absorbed_count + 1, sizeof(*shown));
    size_t at = 0;
    if (!shown)
        return false;
    for (size_t i = 0; i < taint->absorbed_capacity; i++) {
        const struct absorbed *absorbed = &taint->absorbed[i];
        if (!absorbed->used || u320_is_zero(absorbed->amount))
            continue;
        shown[at++] = (struct taint_absorbed){.account = (uint32_t)(absorbed->key >> 32),
                                              .asset = (uint32_t)absorbed->key,
                                              .place = (enum taint_place_class)absorbed->place,
                                              .tag = public_tag(taint, absorbed->tag),
                                              .amount = absorbed->amount};
    }
    qsort_r(shown, at, sizeof(*shown), order_absorbed, taint);
    free(taint->absorbed_shown);
    taint->absorbed_shown = shown;
    taint->absorbed_shown_count = at;
    return true;
}

static bool total_is_zero(const struct taint_total *total)
{
    return u320_is_zero(total->seeded) && u320_is_zero(total->emitted) && u320_is_zero(total->created) &&
           u320_is_zero(total->converted_in) && u320_is_zero(total->held) && u320_is_zero(total->absorbed) &&
           u320_is_zero(total->burned) && u320_is_zero(total->fees) && u320_is_zero(total->converted_out) &&
           u320_is_zero(total->retagged);
}

/* 9.1; our own mistake if not. */
static void check_books(const struct taint_total *total)
{
    struct u320 in = total->seeded, out = total->held;
    u320_add_u320(&in, total->emitted);
    u320_add_u320(&in, total->created);
    u320_add_u320(&in, total->converted_in);
    u320_add_u320(&out, total->absorbed);
    u320_add_u320(&out, total->burned);
    u320_add_u320(&out, total->fees);
    u320_add_u320(&out, total->converted_out);
    u320_add_u320(&out, total->retagged);
    assert(u320_compare(in, out) == 0);
}

static bool make_totals(struct taint *taint)
{
    if (taint->options.policy == POLICY_POISON)
        return true;
    struct taint_total *shown = calloc(taint->total_count + 1, sizeof(*shown));
    size_t at = 0;
    if (!shown)
        return false;
    for (size_t i = 0; i < taint->total_capacity; i++) {
        const struct total *total = &taint->totals[i];
        if (!total->key || total->sums.tag == taint->clean || total_is_zero(&total->sums))
            continue;
        check_books(&total->sums);
        shown[at] = total->sums;
        shown[at].tag = public_tag(taint, shown[at].tag);
        at++;
    }
    qsort_r(shown, at, sizeof(*shown), order_totals, taint);
    free(taint->totals_shown);
    taint->totals_shown = shown;
    taint->totals_shown_count = at;
    return true;
}

static void link_answers(struct taint *taint)
{
    for (size_t i = 0; i < taint->check_count; i++)
        for (size_t s = 0; s < taint->checks[i].source_count; s++) {
            struct taint_check_source *source = &taint->checks[i].sources[s];
            if (source->hop >= 0)
                source->hop_index = taint_find_hop(taint, taint->checks[i].position, source->source);
        }
}

/* Overspends of accounts that received units of a source or have an address seed. */
static bool count_overspent(struct taint *taint)
{
    const uint32_t *accounts = taint->overspent.at;
    taint->overspent_met = 0;
    uint8_t *met = taint->diag.overspend ? calloc(taint->account_capacity, 1) : NULL;
    if (taint->diag.overspend && !met)
        return false;
    for (size_t i = 0; met && i < taint->move_count; i++)
        met[taint->moves[i].to] = 1;
    for (uint64_t i = 0; i < taint->diag.overspend; i++)
        taint->overspent_met += met[accounts[i]] || taint->accounts[accounts[i]].slot;
    free(met);
    return true;
}

enum tracer_status taint_settle(struct taint *taint, struct error *err)
{
    if (!make_holdings(taint) || !make_absorbed(taint) || !make_totals(taint) || !count_overspent(taint))
        return error_set(err, TRACER_E_NOMEM, "no memory for the results");
    link_answers(taint);
    return TRACER_OK;
}

void results_release(struct taint *taint)
{
    free(taint->holdings_shown);
    free(taint->absorbed_shown);
    free(taint->totals_shown);
}

size_t taint_absorbed(const struct taint *taint, const struct taint_absorbed **ret_absorbed)
{
    *ret_absorbed = taint->absorbed_shown;
    return taint->absorbed_shown_count;
}

size_t taint_totals(const struct taint *taint, const struct taint_total **ret_totals)
{
    *ret_totals = taint->totals_shown;
    return taint->totals_shown_count;
}

struct taint_diag taint_diag(const struct taint *taint)
{
    struct taint_diag diag = taint->diag;
    diag.seeds_noop = 0;
    for (size_t i = 0; i < taint->transfer_seed_count; i++)
        diag.seeds_noop += !taint->transfer_seeds[i].done;
    return diag;
}

struct taint_met taint_met(const struct taint *taint)
{
    struct taint_met met = taint->met;
    met.overspend = taint->overspent_met;
    return met;
}

size_t taint_source_count(const struct taint *taint)
{
    return taint->source_count;
}

const char *taint_source_name(const struct taint *taint, uint32_t source)
{
    return taint->source_names[source];
}

const char *taint_tag_name(const struct taint *taint, uint32_t tag)
{
    return tag == TAINT_UNKNOWN ? "unknown" : tag == TAINT_CLEAN ? "clean" : taint->source_names[tag];
}

struct lot_visit {
    const struct taint *taint;
    const struct holding *holding;
    taint_lot_fn *visit;
    void *context;
    uint64_t pos;
    struct error *err;
    enum tracer_status status;
};

static bool visit_lot(void *context, const struct lot *lot)
{
    struct lot_visit *work = context;
    uint32_t tag = lot->tag == work->taint->clean ? TAINT_CLEAN : public_tag(work->taint, lot->tag);
    work->status = work->visit(work->context, work->holding->account, work->holding->asset, work->pos++,
                               lot->amount, tag, work->err);
    return !work->status;
}

enum tracer_status taint_each_lot(const struct taint *taint, taint_lot_fn *visit, void *context,
                                  struct error *err)
{
    struct lot_visit work = {.taint = taint, .visit = visit, .context = context, .err = err};
    for (size_t i = 0; taint->policy->ordered && i < taint->holdings_shown_count && !work.status; i++) {
        const struct holding *holding = work.holding = taint->holdings_shown[i].holding;
        const struct lot uniform = {holding->balance, holding->uniform};
        work.pos = 0;
        if (holding->queue && !queue_is_empty(holding->queue))
            queue_each(holding->queue, visit_lot, &work);
        else
            visit_lot(&work, &uniform);
    }
    return work.status;
}
