/* ordered.c - policies under which units have an order: fifo, lifo, and the tag-aware cleanfirst and
 * taintfirst (5.2, 5.4). */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>

static bool is_uniform(const struct holding *holding)
{
    return !holding->queue || queue_is_empty(holding->queue);
}

static bool make_queue(struct holding *holding)
{
    if (!holding->queue && !(holding->queue = calloc(1, sizeof(*holding->queue))))
        return false;
    return !queue_is_empty(holding->queue) || queue_push(holding->queue, holding->balance, holding->uniform);
}

void ordered_simplify(const struct taint *taint, struct holding *holding)
{
    bool one = holding->tag_count == 1 && u256_equal(holding->amounts[0], holding->balance);
    if (holding->tag_count && !one)
        return;
    holding->uniform = one ? holding->tags[0].tag : taint->clean;
    if (holding->queue)
        queue_clear(holding->queue);
}

/* What the parcel has got goes off the tags. */
static void lose(const struct taint *taint, struct holding *holding, const struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->sums.count; i++)
        if (parcel->sums.lots[i].tag != taint->clean)
            holding_tag_lose(holding, parcel->sums.lots[i].tag, parcel->sums.lots[i].amount);
}

static bool take_all(struct taint *taint, struct holding *holding, struct parcel *parcel)
{
    struct u256 clean = holding->balance;
    bool ok = true;
    for (uint32_t i = 0; i < holding->tag_count && ok; i++) {
        ok = sums_add(&parcel->sums, holding->amounts[i], holding->tags[i].tag);
        clean = units_difference(clean, holding->amounts[i]);
    }
    ok = ok && sums_add(&parcel->sums, clean, taint->clean);
    if (!is_uniform(holding))
        ok = ok && queue_append(&parcel->queue, holding->queue);
    holding->balance = (struct u256){{0}};
    holding->tag_count = 0;
    ordered_simplify(taint, holding);
    return ok;
}

/* Move v units out of a queue into an empty one. */
typedef bool cut_fn(const struct taint *taint, struct queue *queue, struct u256 v, struct queue *to);

static bool cut_oldest(const struct taint *taint, struct queue *queue, struct u256 v, struct queue *to)
{
    (void)taint;
    return queue_cut_oldest(queue, v, to);
}

static bool cut_newest(const struct taint *taint, struct queue *queue, struct u256 v, struct queue *to)
{
    (void)taint;
    return queue_cut_newest(queue, v, to);
}

static bool take(struct taint *taint, struct holding *holding, struct u256 v, struct parcel *parcel,
                 cut_fn *cut)
{
    if (u256_equal(v, holding->balance) && (cut == cut_oldest || cut == cut_newest || is_uniform(holding)))
        return take_all(taint, holding, parcel);
    holding->balance = units_difference(holding->balance, v);
    if (is_uniform(holding)) {
        if (holding->uniform != taint->clean)
            holding_tag_lose(holding, holding->uniform, v);
        return sums_add(&parcel->sums, v, holding->uniform);
    }
    if (!cut(taint, holding->queue, v, &parcel->queue) || !sums_add_queue(&parcel->sums, &parcel->queue))
        return false;
    if (parcel->sums.count == 1)
        queue_clear(&parcel->queue);
    lose(taint, holding, parcel);
    ordered_simplify(taint, holding);
    return true;
}

static bool cut_clean_first(const struct taint *taint, struct queue *queue, struct u256 v, struct queue *to)
{
    return queue_cut_kind(queue, &v, taint->source_count, false, to) &&
           queue_cut_kind(queue, &v, taint->source_count, true, to);
}

static bool cut_taint_first(const struct taint *taint, struct queue *queue, struct u256 v, struct queue *to)
{
    return queue_cut_kind(queue, &v, taint->source_count, true, to) &&
           queue_cut_kind(queue, &v, taint->source_count, false, to);
}

static bool take_oldest(struct taint *taint, struct holding *holding, struct u256 v, struct parcel *parcel)
{
    return take(taint, holding, v, parcel, cut_oldest);
}

static bool take_newest(struct taint *taint, struct holding *holding, struct u256 v, struct parcel *parcel)
{
    return take(taint, holding, v, parcel, cut_newest);
}

static bool take_clean_first(struct taint *taint, struct holding *holding, struct u256 v,
                             struct parcel *parcel)
{
    return take(taint, holding, v, parcel, cut_clean_first);
}

static bool take_taint_first(struct taint *taint, struct holding *holding, struct u256 v,
                             struct parcel *parcel)
{
    return take(taint, holding, v, parcel, cut_taint_first);
}

bool ordered_push(struct holding *holding, struct u256 amount, uint32_t tag)
{
    if (is_uniform(holding) && (holding->uniform == tag || u256_is_zero(holding->balance))) {
        holding->uniform = tag;
        return true;
    }
    return make_queue(holding) && queue_push(holding->queue, amount, tag);
}

/* The order of a parcel of one tag is that tag; the balance is still what it was before. */
static bool add_order(struct holding *holding, struct parcel *parcel)
{
    if (parcel->sums.count == 1)
        return ordered_push(holding, parcel->sums.lots[0].amount, parcel->sums.lots[0].tag);
    if (!u256_is_zero(holding->balance))
        return make_queue(holding) && queue_append(holding->queue, &parcel->queue);
    if (!holding->queue && !(holding->queue = calloc(1, sizeof(*holding->queue))))
        return false;
    return queue_append(holding->queue, &parcel->queue);
}

static bool add(struct taint *taint, struct holding *holding, struct parcel *parcel)
{
    bool ok = parcel->sums.count == 0 || add_order(holding, parcel);
    for (size_t i = 0; i < parcel->sums.count && ok; i++) {
        holding->balance = units_sum(holding->balance, parcel->sums.lots[i].amount);
        ok = holding_gain(taint, holding, parcel->sums.lots[i].amount, parcel->sums.lots[i].tag);
    }
    return ok;
}

static bool create(struct taint *taint, struct holding *holding, struct u256 u, uint32_t tag)
{
    if (is_uniform(holding) && (u256_is_zero(holding->balance) || holding->uniform == tag))
        holding->uniform = tag;
    else if (!make_queue(holding) || !queue_push_oldest(holding->queue, u, tag))
        return false;
    holding->balance = units_sum(holding->balance, u);
    return holding_gain(taint, holding, u, tag);
}

static bool retag(struct taint *taint, struct holding *holding, uint32_t tag)
{
    bool changed, ok = holding_retag(taint, holding, tag, &changed);
    if (!changed)
        return ok;
    ok = ok && (is_uniform(holding) || queue_retag(holding->queue, taint->source_count, tag));
    holding->uniform = tag; /* of no meaning if there is a queue */
    ordered_simplify(taint, holding);
    return ok;
}

const struct policy policy_fifo = {"fifo", true, take_oldest, add, create, retag};
const struct policy policy_lifo = {"lifo", true, take_newest, add, create, retag};
const struct policy policy_cleanfirst = {"cleanfirst", true, take_clean_first, add, create, retag};
const struct policy policy_taintfirst = {"taintfirst", true, take_taint_first, add, create, retag};
