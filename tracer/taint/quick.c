/* quick.c - the rows that most are: units of plain holdings, or out of nowhere, on their way in amounts below 2^128 where
 * no seed, exchange or observer has a part. What replay.c does for every row, without all that cannot matter here; a row
 * that is not of this kind is left to it untouched.
 */
#include "engine.h"

#include <assert.h>

typedef unsigned __int128 u128;

#define PARTS_MAX 4u

/* Units of a tag other than clean on their way. */
struct part {
    u128 amount;
    struct info info; /* the source is the tag; the rest only for sources */
};
struct parts {
    struct part at[PARTS_MAX]; /* in tag order */
    uint32_t count;
};

static u128 low(struct u256 a)
{
    return (u128)a.limb[1] << 64 | a.limb[0];
}

static bool is_small(struct u256 a)
{
    return (a.limb[2] | a.limb[3]) == 0;
}

static void set_low(struct u256 *a, u128 value)
{
    a->limb[0] = (uint64_t)value;
    a->limb[1] = (uint64_t)(value >> 64);
}

static struct u256 wide(u128 value)
{
    return (struct u256){{(uint64_t)value, (uint64_t)(value >> 64), 0, 0}};
}

static void put(const struct taint *taint, struct parts *parts, u128 amount, const struct tagged *tagged)
{
    if (amount)
        parts->at[parts->count++] = (struct part){amount, {tagged->tag, tagged_hop(taint, tagged) + 1, tagged->via}};
}

/* floor(p * x / w), p <= w. */
static u128 share(u128 p, u128 x, u128 w)
{
    if (p == w)
        return x;
    return w >> 64 == 0 ? p * x / w : u128_mul_div(p, x, w); /* x <= w */
}

/* Of most holdings the first cache line says all: balance and tags below 2^128, one tag at most, the tags in `few`; under
 * ordered policies, units of one tag only. They are marked with their number of tags + 1. */
static void mark(const struct taint *taint, struct holding *holding)
{
    bool one = holding->tag_count == 1, ordered = taint->policy->ordered;
    if (holding->tag_count > 1 || holding->tags != holding->few || !is_small(holding->balance) ||
        (ordered && holding->queue && !queue_is_empty(holding->queue)))
        return;
    if (!one) {
        holding->uniform = taint->clean;
        holding->few_amounts[0] = (struct u256){{0}};
    }
    holding->mark = holding->tag_count + 1;
}

static uint32_t count_of(const struct holding *holding)
{
    return holding->mark ? holding->mark - 1 : holding->tag_count;
}

static struct tagged *tags_of(struct holding *holding)
{
    return holding->mark ? holding->few : holding->tags;
}

static struct u256 *amounts_of(struct holding *holding)
{
    return holding->mark ? holding->few_amounts : holding->amounts;
}

static void set_count(struct holding *holding, uint32_t count)
{
    holding->tag_count = count;
    if (holding->mark)
        holding->mark = count + 1;
}

/* 5.1, as haircut.c. */
static void take_share(const struct taint *taint, struct holding *holding, u128 v, struct parts *parts)
{
    u128 w = low(holding->balance), p = 0, previous = 0;
    uint32_t kept = 0, count = count_of(holding);
    struct tagged *tags = tags_of(holding);
    struct u256 *amounts = amounts_of(holding);
    for (uint32_t i = 0; i < count; i++) {
        u128 amount = low(amounts[i]), part = amount;
        if (v != w) {
            u128 q = share(p += amount, v, w);
            part = q - previous;
            previous = q;
        }
        put(taint, parts, part, &tags[i]);
        if (part == amount)
            continue;
        if (kept != i)
            tags[kept] = tags[i];
        set_low(&amounts[kept++], amount - part);
    }
    if (kept != count)
        set_count(holding, kept);
}

/* All of the holding is of one tag, as ordered.c. */
static void take_uniform(const struct taint *taint, struct holding *holding, u128 v, struct parts *parts)
{
    if (!count_of(holding))
        return;
    put(taint, parts, v, holding->few);
    set_low(holding->few_amounts, low(holding->few_amounts[0]) - v);
    if (v != low(holding->balance))
        return;
    set_count(holding, 0);
    holding->uniform = taint->clean;
}

/* What a lot of the holding carries away is added up by its place in the tags, and becomes the newest of `to`, if it goes there. */
static bool move_lot(const struct taint *taint, const struct holding *holding, u128 amount, uint32_t tag, struct holding *to,
                     u128 sums[PARTS_MAX])
{
    for (uint32_t i = 0; i < holding->tag_count && tag != taint->clean; i++)
        sums[i] += holding->tags[i].tag == tag ? amount : 0;
    if (!to)
        return true;
    bool ok = (to->queue && queue_push_quick(to->queue, amount, tag)) || ordered_push(to, wide(amount), tag);
    set_low(&to->balance, low(to->balance) + amount);
    return ok;
}

static bool move_oldest(const struct taint *taint, struct holding *from, u128 v, struct holding *to, u128 sums[PARTS_MAX])
{
    struct queue *queue = from->queue;
    bool ok = true;
    while (v && ok) {
        struct small_lot *lot = queue_small(queue);
        u128 amount = small_lot_amount(lot), part = amount < v ? amount : v;
        ok = move_lot(taint, from, part, lot->tag, to, sums);
        v -= part;
        amount -= part;
        small_lot_set(lot, amount);
        queue->start += !amount;
        queue->count -= !amount;
    }
    return ok;
}

static bool move_newest(const struct taint *taint, struct holding *from, u128 v, struct holding *to, u128 sums[PARTS_MAX])
{
    struct small_lot *lots = queue_small(from->queue);
    uint32_t end = from->queue->count, first = end;
    bool ok = true;
    while (v && small_lot_amount(&lots[first - 1]) <= v)
        v -= small_lot_amount(&lots[--first]);
    from->queue->count = first;
    if (v) {
        struct small_lot *lot = &lots[first - 1];
        small_lot_set(lot, small_lot_amount(lot) - v);
        ok = move_lot(taint, from, v, lot->tag, to, sums);
    }
    for (uint32_t i = first; i < end && ok; i++)
        ok = move_lot(taint, from, small_lot_amount(&lots[i]), lots[i].tag, to, sums);
    return ok;
}

/* Of several tags: lot by lot from queue to queue; `to` is NULL if their order does not matter there. */
static bool move_lots(const struct taint *taint, struct holding *from, u128 v, struct holding *to, struct parts *parts)
{
    u128 sums[PARTS_MAX] = {0};
    uint32_t kept = 0;
    if (to)
        to->mark = 0;
    bool ok = taint->options.policy == POLICY_FIFO ? move_oldest(taint, from, v, to, sums) : move_newest(taint, from, v, to, sums);
    set_low(&from->balance, low(from->balance) - v);
    for (uint32_t i = 0; i < from->tag_count; i++) {
        u128 left = low(from->amounts[i]) - sums[i];
        put(taint, parts, sums[i], &from->tags[i]);
        if (!left)
            continue;
        from->tags[kept] = from->tags[i];
        from->amounts[kept++] = wide(left);
    }
    from->tag_count = kept;
    ordered_simplify(taint, from);
    return ok;
}

/* Its lots can be moved like that: few tags, in an array, and the policy takes from its ends. */
static bool has_small_lots(const struct taint *taint, const struct holding *holding)
{
    return holding->queue && !queue_is_empty(holding->queue) && !holding->queue->rest && !holding->queue->large &&
           holding->tag_count <= PARTS_MAX && (taint->options.policy == POLICY_FIFO || taint->options.policy == POLICY_LIFO);
}

/* hop, via and amounts, as arrive_hops() and holding_gain(). */
static bool gain(struct taint *taint, struct holding *holding, const struct parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->at[i];
        struct tagged *tagged = tags_of(holding);
        bool held = count_of(holding) == 1 && tagged->tag == part->info.source;
        if (holding->mark == 1) {
            *tagged = (struct tagged){.tag = part->info.source & UINT16_MAX, .via = MOVE_NONE};
            set_low(holding->few_amounts, 0);
            set_count(holding, 1);
        } else if (!held) {
            holding->mark = 0; /* of another tag, or one of several */
            held = (tagged = holding_tag(holding, part->info.source));
            if (!held && !(tagged = holding_tag_add(taint, holding, part->info.source)))
                return false;
        }
        if (tag_is_source(taint, part->info.source) && (!held || part->info.hop < tagged_hop(taint, tagged)))
            tagged_set(tagged, part->info.hop, (uint32_t)taint->move_count);
        struct u256 *amount = &amounts_of(holding)[tagged - tags_of(holding)];
        set_low(amount, low(*amount) + part->amount);
    }
    return true;
}

/* Units of one tag become the newest; the balance is still what it was, the tags too. */
static bool push(const struct taint *taint, struct holding *holding, struct u256 amount, uint32_t tag)
{
    uint32_t marked = holding->mark, uniform = marked == 2 ? holding->few[0].tag : taint->clean;
    if (marked && uniform == tag)
        return true;
    if (marked && u256_is_zero(holding->balance)) {
        holding->uniform = tag;
        return true;
    }
    holding->mark = 0;
    return ordered_push(holding, amount, tag);
}

static bool record(struct taint *taint, const struct cursor_row *row, const struct parts *parts)
{
    uint32_t count = 0;
    while (count < parts->count && tag_is_source(taint, parts->at[count].info.source))
        count++;
    bool ok = count == 0 || record_move(taint, row, count, 0, LEG_NONE);
    for (uint32_t i = 0; i < count && ok; i++)
        ok = record_source(taint, row, wide(parts->at[i].amount), parts->at[i].info);
    return ok;
}

/* Units that no holding gets: fees, or those that are absorbed or burned. */
static bool end(struct taint *taint, const struct cursor_row *row, const struct parts *parts, bool fee)
{
    bool ok = true;
    for (uint32_t i = 0; i < parts->count && ok; i++) {
        struct taint_total *total;
        if (!fee)
            ok = replay_end(taint, row->to, row->asset, parts->at[i].info.source, u320_from_u256(wide(parts->at[i].amount)));
        else if ((ok = (total = total_get(taint, row->asset, parts->at[i].info.source))))
            u320_add(&total->fees, wide(parts->at[i].amount));
    }
    return ok;
}

/* Does it give clean units without end? */
static bool is_clean_origin(const struct account_state *account, const struct cursor_row *row)
{
    if (account->class_ == ACCOUNT_VOID)
        return row->kind != TRANSFER_ADJUST && row->kind != TRANSFER_OPENING;
    return account->class_ == ACCOUNT_SERVICE && !account->slot;
}

static struct holding *find(const struct taint *taint, const struct account_state *account, const struct cursor_row *row, uint32_t id)
{
    struct holding *holding =
        account->first && account->asset == row->asset ? account->first : holding_find(taint, id, row->asset);
    if (holding && !holding->mark)
        mark(taint, holding);
    return holding;
}

enum quick quick_row(struct taint *taint, const struct cursor_row *row)
{
    const struct account_state *from_state = &taint->accounts[row->from], *to_state = &taint->accounts[row->to];
    struct holding *from = NULL, *to = NULL;
    struct parts parts = {.count = 0};
    bool ordered = taint->policy->ordered, fee = row->kind == TRANSFER_FEE && taint->options.fees == FEES_SINK;
    u128 v = low(row->amount);
    if (!is_small(row->amount) || !v || row->from == row->to)
        return QUICK_NO;
    if (from_state->class_ == ACCOUNT_PLAIN) {
        from = find(taint, from_state, row, row->from);
        if (!from || !is_small(from->balance) || low(from->balance) < v)
            return QUICK_NO;
        if (!from->mark && !(ordered ? has_small_lots(taint, from) : from->tag_count <= PARTS_MAX))
            return QUICK_NO;
    } else if (!is_clean_origin(from_state, row)) {
        return QUICK_NO;
    }
    if (to_state->class_ == ACCOUNT_PLAIN) {
        to = find(taint, to_state, row, row->to);
        if (!to || to_state->slot || !is_small(to->balance) || low(to->balance) + v < v)
            return QUICK_NO;
    }
    if (taint->undo) {
        if ((from && !undo_holding(taint, from)) || (to && !undo_holding(taint, to)))
            return QUICK_FAILED;
        if (from)
            mark(taint, from);
        if (to)
            mark(taint, to);
    }
    bool ok = true, lots = from && ordered && !from->mark, come = to && !(lots && !fee);
    if (lots) {
        ok = move_lots(taint, from, v, fee ? NULL : to, &parts);
    } else if (from) {
        if (ordered)
            take_uniform(taint, from, v, &parts);
        else
            take_share(taint, from, v, &parts);
        set_low(&from->balance, low(from->balance) - v);
    }
    if (come && ordered)
        ok = ok && push(taint, to, row->amount, parts.count && !fee ? parts.at[0].info.source : taint->clean);
    ok = ok && (to && !fee ? gain(taint, to, &parts) : end(taint, row, &parts, fee));
    if (come)
        set_low(&to->balance, low(to->balance) + v);
    return ok && (fee || record(taint, row, &parts)) ? QUICK_DONE : QUICK_FAILED;
}
