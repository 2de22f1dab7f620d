/* queue.c - a queue of lots: an array, and behind it, when it gets long, a tree and a second array (lots.h).
 * What happens at the ends is done in the arrays; what cuts deep gathers everything into the tree and cuts
 * that. */
#include "lots.h"

#include <stdlib.h>
#include <string.h>

#define NEWEST_MAX (2 * LOTS_LEAF)
#define CUT_LOTS 16u /* lots that are cut off one by one before the tree is asked */

struct queue_long {
    struct lot_tree *middle;
    size_t newest_count;
    struct lot newest[NEWEST_MAX];
};

void queue_clear(struct queue *queue)
{
    if (queue->rest)
        lot_tree_release(queue->rest->middle);
    free(queue->rest);
    queue->rest = NULL;
    queue->start = queue->count = 0;
}

void queue_release(struct queue *queue)
{
    queue_clear(queue);
    free(queue->lots);
    *queue = (struct queue){0};
}

/* ---- the array ---- */

static size_t lot_size(const struct queue *queue)
{
    return queue->large ? sizeof(struct lot) : sizeof(struct small_lot);
}

static size_t room(const struct queue *queue)
{
    return queue->lots ? queue->capacity : QUEUE_FEW;
}

static struct lot get(const struct queue *queue, size_t index)
{
    if (queue->large)
        return ((const struct lot *)queue->lots)[queue->start + index];
    const struct small_lot *lot = (queue->lots ? (const struct small_lot *)queue->lots : queue->few) + queue->start + index;
    return (struct lot){{{lot->low, lot->high, 0, 0}}, lot->tag};
}

static void set(struct queue *queue, size_t index, struct lot lot)
{
    if (queue->large)
        ((struct lot *)queue->lots)[queue->start + index] = lot;
    else
        queue_small(queue)[index] = (struct small_lot){lot.amount.limb[0], lot.amount.limb[1] & (UINT64_MAX >> 17), lot.tag & 0x1ffff};
}

static bool is_small(struct u256 amount)
{
    return (amount.limb[2] | amount.limb[3] | amount.limb[1] >> 47) == 0;
}

/* See that a lot of that many units can be set. */
static bool make_fit(struct queue *queue, struct u256 amount)
{
    if (queue->large || is_small(amount))
        return true;
    struct queue grown = *queue;
    grown.capacity = (uint32_t)room(queue);
    grown.large = true;
    if (!(grown.lots = malloc(grown.capacity * sizeof(struct lot))))
        return false;
    for (size_t i = 0; i < queue->count; i++)
        set(&grown, i, get(queue, i));
    free(queue->lots);
    *queue = grown;
    return true;
}

static bool replace(struct queue *queue, size_t index, struct lot lot)
{
    if (!make_fit(queue, lot.amount))
        return false;
    set(queue, index, lot);
    return true;
}

/* Room for one more lot behind the live ones; the gap that cuts left at the oldest end is used again when it
 * is at least half. */
static bool make_room(struct queue *queue)
{
    size_t size = lot_size(queue), capacity = 2 * room(queue);
    char *lots = queue->lots ? queue->lots : (char *)queue->few;
    if (queue->start + queue->count < capacity / 2)
        return true;
    if (queue->start > 0 && queue->start >= queue->count) {
        memmove(lots, lots + queue->start * size, queue->count * size);
        queue->start = 0;
        return true;
    }
    if (capacity > UINT32_MAX || !(lots = realloc(queue->lots, capacity * size)))
        return false;
    if (!queue->lots)
        memcpy(lots, queue->few, sizeof(queue->few));
    queue->lots = lots;
    queue->capacity = (uint32_t)capacity;
    return true;
}

static bool array_push(struct queue *queue, struct u256 amount, uint32_t tag)
{
    if (queue->count) {
        struct lot newest = get(queue, queue->count - 1);
        if (newest.tag == tag) {
            newest.amount = units_sum(newest.amount, amount);
            return replace(queue, queue->count - 1, newest);
        }
    }
    if (!make_fit(queue, amount) || !make_room(queue))
        return false;
    set(queue, queue->count++, (struct lot){amount, tag});
    return true;
}

static bool array_set(struct queue *queue, const struct lot *lots, size_t count)
{
    bool ok = true;
    queue->start = queue->count = 0;
    for (size_t i = 0; i < count && ok; i++)
        ok = array_push(queue, lots[i].amount, lots[i].tag);
    return ok;
}

static bool visit_push(void *context, const struct lot *lot)
{
    return array_push(context, lot->amount, lot->tag);
}

/* ---- long queues ---- */

/* All lots as one tree; the queue is empty afterwards. */
static struct lot_tree *gather(struct queue *queue, bool *ok)
{
    struct lot_tree *tree = NULL;
    struct lot lots[LOTS_LEAF];
    for (size_t i = 0; i < queue->count; i++) {
        lots[i % LOTS_LEAF] = get(queue, i);
        if (i % LOTS_LEAF == LOTS_LEAF - 1 || i + 1 == queue->count)
            tree = lot_tree_join(tree, lot_tree_make(lots, i % LOTS_LEAF + 1, ok), ok);
    }
    if (queue->rest) {
        tree = lot_tree_join(tree, queue->rest->middle, ok);
        tree = lot_tree_join(tree, lot_tree_make(queue->rest->newest, queue->rest->newest_count, ok), ok);
        queue->rest->middle = NULL;
    }
    queue_clear(queue);
    return tree;
}

static bool lengthen(struct queue *queue)
{
    return queue->rest || (queue->rest = calloc(1, sizeof(*queue->rest)));
}

/* The lots of a tree, taken over, into an empty queue: short if they are few. */
static bool spread(struct queue *queue, struct lot_tree *tree)
{
    bool ok = true;
    if (lot_tree_count(tree) > LOTS_SHORT / 2) {
        ok = lengthen(queue);
        if (ok) {
            queue->rest->middle = tree;
            return true;
        }
    } else {
        ok = lot_tree_each(tree, visit_push, queue);
    }
    lot_tree_release(tree);
    return ok;
}

/* The newest lots of a long queue go into its tree. */
static bool spill(struct queue_long *rest)
{
    bool ok = true;
    rest->middle = lot_tree_join(rest->middle, lot_tree_make(rest->newest, rest->newest_count, &ok), &ok);
    rest->newest_count = 0;
    return ok;
}

/* See that the array has the oldest lots: from the tree, or what is left of a queue that is long no more. */
static bool refill_oldest(struct queue *queue)
{
    struct lot lots[LOTS_LEAF];
    size_t count;
    bool ok = true;
    if (queue->count || !queue->rest)
        return true;
    if (queue->rest->middle) {
        queue->rest->middle = lot_tree_pop(queue->rest->middle, false, lots, &count, &ok);
        return array_set(queue, lots, count) && ok;
    }
    ok = array_set(queue, queue->rest->newest, queue->rest->newest_count);
    free(queue->rest);
    queue->rest = NULL;
    return ok;
}

static bool refill_newest(struct queue *queue)
{
    struct queue_long *rest = queue->rest;
    bool ok = true;
    if (!rest || rest->newest_count)
        return true;
    if (rest->middle) {
        rest->middle = lot_tree_pop(rest->middle, true, rest->newest, &rest->newest_count, &ok);
        return ok;
    }
    free(rest);
    queue->rest = NULL;
    return true;
}

bool queue_push(struct queue *queue, struct u256 amount, uint32_t tag)
{
    if (u256_is_zero(amount))
        return true;
    if (!queue->rest && queue->count < LOTS_SHORT)
        return array_push(queue, amount, tag);
    if (!lengthen(queue))
        return false;
    struct queue_long *rest = queue->rest;
    struct lot *newest = rest->newest_count ? &rest->newest[rest->newest_count - 1] : NULL;
    if (newest && newest->tag == tag) {
        newest->amount = units_sum(newest->amount, amount);
        return true;
    }
    if (rest->newest_count == NEWEST_MAX && !spill(rest))
        return false;
    rest->newest[rest->newest_count++] = (struct lot){amount, tag};
    return true;
}

bool queue_push_oldest(struct queue *queue, struct u256 amount, uint32_t tag)
{
    if (u256_is_zero(amount))
        return true;
    struct lot oldest = {.tag = tag};
    if (queue->count && (oldest = get(queue, 0)).tag == tag) {
        oldest.amount = units_sum(oldest.amount, amount);
        return replace(queue, 0, oldest);
    }
    if (!make_fit(queue, amount))
        return false;
    if (!queue->start) {
        if (!make_room(queue))
            return false;
        size_t gap = room(queue) - queue->count, size = lot_size(queue);
        char *lots = queue->lots ? queue->lots : (char *)queue->few;
        gap -= gap / 2;
        memmove(lots + gap * size, lots, queue->count * size);
        queue->start = (uint32_t)gap;
    }
    queue->start--;
    queue->count++;
    set(queue, 0, (struct lot){amount, tag});
    return true;
}

bool queue_append(struct queue *queue, struct queue *from)
{
    bool ok = true;
    if (queue_is_empty(queue)) {
        struct queue empty = *queue;
        *queue = *from;
        *from = empty;
        return true;
    }
    if (!from->rest) {
        for (size_t i = 0; i < from->count && ok; i++) {
            struct lot lot = get(from, i);
            ok = queue_push(queue, lot.amount, lot.tag);
        }
        queue_clear(from);
        return ok;
    }
    ok = lengthen(queue) && spill(queue->rest);
    if (!ok)
        return false;
    struct queue_long *rest = queue->rest;
    rest->newest_count = from->rest->newest_count;
    memcpy(rest->newest, from->rest->newest, rest->newest_count * sizeof(*rest->newest));
    from->rest->newest_count = 0;
    rest->middle = lot_tree_join(rest->middle, gather(from, &ok), &ok);
    return ok;
}

/* ---- cutting ---- */

/* By the tree: the oldest v units go to `cut`, the rest to `kept`; one of them is the queue. */
static bool split(struct queue *queue, struct u256 v, struct queue *oldest, struct queue *rest)
{
    struct lot_tree *trees[2];
    struct queue part = {0};
    bool ok = true;
    lot_tree_split(gather(queue, &ok), v, &trees[0], &trees[1], &ok);
    struct queue *to = oldest == queue ? rest : oldest;
    ok = spread(queue, trees[oldest != queue]) && ok;
    ok = spread(&part, trees[oldest == queue]) && ok;
    ok = ok && queue_append(to, &part);
    queue_release(&part);
    return ok;
}

bool queue_cut_oldest(struct queue *queue, struct u256 v, struct queue *to)
{
    for (size_t lots = 0; !u256_is_zero(v); lots++) {
        if (queue->rest && lots == CUT_LOTS)
            return split(queue, v, to, queue);
        if (!refill_oldest(queue))
            return false;
        struct lot oldest = get(queue, 0);
        struct u256 part = u256_min(v, oldest.amount);
        if (!queue_push(to, part, oldest.tag))
            return false;
        oldest.amount = units_difference(oldest.amount, part);
        v = units_difference(v, part);
        set(queue, 0, oldest);
        if (u256_is_zero(oldest.amount)) {
            queue->start++;
            queue->count--;
        }
    }
    return refill_oldest(queue);
}

static struct u256 total(const struct queue *queue)
{
    struct u256 amount = {{0}};
    for (size_t i = 0; i < queue->count; i++)
        amount = units_sum(amount, get(queue, i).amount);
    if (!queue->rest)
        return amount;
    for (size_t i = 0; i < queue->rest->newest_count; i++)
        amount = units_sum(amount, queue->rest->newest[i].amount);
    return units_sum(amount, lot_tree_amount(queue->rest->middle));
}

/* Of the array at the newest end. */
static struct lot get_newest(const struct queue *queue, size_t index)
{
    return queue->rest ? queue->rest->newest[index] : get(queue, index);
}

bool queue_cut_newest(struct queue *queue, struct u256 v, struct queue *to)
{
    if (!refill_newest(queue))
        return false;
    size_t count = queue->rest ? queue->rest->newest_count : queue->count, first = count;
    size_t least = queue->rest && first > CUT_LOTS ? first - CUT_LOTS : 0;
    struct u256 left = v;
    while (first > least && !u256_is_zero(left)) {
        struct lot lot = get_newest(queue, first - 1);
        if (u256_compare(left, lot.amount) < 0)
            break;
        left = units_difference(left, lot.amount);
        first--;
    }
    if (first == least && !u256_is_zero(left)) /* deeper than the array, or than is worth while */
        return split(queue, units_difference(total(queue), v), queue, to);
    if (!u256_is_zero(left)) {
        struct lot lot = get_newest(queue, first - 1);
        lot.amount = units_difference(lot.amount, left);
        if (queue->rest)
            queue->rest->newest[first - 1] = lot;
        else
            set(queue, first - 1, lot);
        if (!queue_push(to, left, lot.tag))
            return false;
    }
    for (size_t i = first; i < count; i++) {
        struct lot lot = get_newest(queue, i);
        if (!queue_push(to, lot.amount, lot.tag))
            return false;
    }
    if (queue->rest)
        queue->rest->newest_count = first;
    else
        queue->count = (uint32_t)first;
    return refill_newest(queue);
}

/* One pass over the array: what is kept is moved together. */
static bool cut_kind_short(struct queue *queue, struct u256 *v, uint32_t tag_end, bool below,
                           struct queue *to)
{
    size_t count = queue->count;
    if (!make_fit(queue, total(queue))) /* neighbours that merge may be large */
        return false;
    queue->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct lot lot = get(queue, i);
        struct u256 part = (lot.tag < tag_end) == below ? u256_min(*v, lot.amount) : (struct u256){{0}};
        if (!queue_push(to, part, lot.tag))
            return false;
        *v = units_difference(*v, part);
        lot.amount = units_difference(lot.amount, part);
        if (!u256_is_zero(lot.amount) && !array_push(queue, lot.amount, lot.tag))
            return false;
    }
    return true;
}

bool queue_cut_kind(struct queue *queue, struct u256 *v, uint32_t tag_end, bool below, struct queue *to)
{
    bool ok = true;
    if (!refill_oldest(queue))
        return false;
    struct u256 there = {{0}}; /* in the array */
    for (size_t i = 0; queue->rest && i < queue->count; i++) {
        struct lot lot = get(queue, i);
        if ((lot.tag < tag_end) == below)
            there = units_sum(there, lot.amount);
    }
    if (!queue->rest || u256_compare(there, *v) >= 0)
        return cut_kind_short(queue, v, tag_end, below, to) && refill_oldest(queue);
    struct lot_tree *picked, *rest;
    struct queue part = {0};
    lot_tree_pick(gather(queue, &ok), v, tag_end, below, &picked, &rest, &ok);
    ok = spread(&part, picked) && ok;
    ok = spread(queue, rest) && ok;
    ok = ok && queue_append(to, &part);
    queue_release(&part);
    return ok;
}

bool queue_retag(struct queue *queue, uint32_t tag_end, uint32_t tag)
{
    bool ok = true;
    if (queue->rest)
        return spread(queue, lot_tree_retag(gather(queue, &ok), tag_end, tag, &ok)) && ok;
    size_t count = queue->count;
    if (!make_fit(queue, total(queue)))
        return false;
    queue->count = 0;
    for (size_t i = 0; i < count && ok; i++) {
        struct lot lot = get(queue, i);
        ok = array_push(queue, lot.amount, lot.tag < tag_end ? lot.tag : tag);
    }
    return ok;
}

/* ---- reading ---- */

struct merging {
    lots_visit_fn *visit;
    void *context;
    struct lot lot; /* zero: none yet */
};

static bool visit_merged(void *context, const struct lot *lot)
{
    struct merging *merging = context;
    bool begins = u256_is_zero(merging->lot.amount);
    if (!begins && merging->lot.tag == lot->tag) {
        merging->lot.amount = units_sum(merging->lot.amount, lot->amount);
        return true;
    }
    struct lot before = merging->lot;
    merging->lot = *lot;
    return begins || merging->visit(merging->context, &before);
}

bool queue_each(const struct queue *queue, lots_visit_fn *visit, void *context)
{
    struct merging merging = {.visit = visit, .context = context};
    bool on = true;
    for (size_t i = 0; i < queue->count && on; i++) {
        struct lot lot = get(queue, i);
        on = visit_merged(&merging, &lot);
    }
    if (queue->rest)
        on = on && lot_tree_each(queue->rest->middle, visit_merged, &merging);
    for (size_t i = 0; queue->rest && i < queue->rest->newest_count && on; i++)
        on = visit_merged(&merging, &queue->rest->newest[i]);
    return on && (u256_is_zero(merging.lot.amount) || visit(context, &merging.lot));
}

bool sums_add_queue(struct sums *sums, const struct queue *queue)
{
    const struct lot *middle = NULL, *newest = queue->rest ? queue->rest->newest : NULL;
    size_t middle_count = queue->rest ? lot_tree_sums(queue->rest->middle, &middle) : 0;
    size_t newest_count = queue->rest ? queue->rest->newest_count : 0;
    bool ok = true;
    for (size_t i = 0; i < queue->count && ok; i++) {
        struct lot lot = get(queue, i);
        ok = sums_add(sums, lot.amount, lot.tag);
    }
    for (size_t i = 0; i < middle_count && ok; i++)
        ok = sums_add(sums, middle[i].amount, middle[i].tag);
    for (size_t i = 0; i < newest_count && ok; i++)
        ok = sums_add(sums, newest[i].amount, newest[i].tag);
    return ok;
}

bool queue_copy(const struct queue *queue, struct queue *ret_copy)
{
    *ret_copy = (struct queue){0};
    bool ok = true;
    for (size_t i = 0; i < queue->count && ok; i++) {
        struct lot lot = get(queue, i);
        ok = array_push(ret_copy, lot.amount, lot.tag);
    }
    if (!queue->rest || !ok || !(ok = lengthen(ret_copy)))
        return ok;
    ret_copy->rest->middle = lot_tree_share(queue->rest->middle);
    ret_copy->rest->newest_count = queue->rest->newest_count;
    memcpy(ret_copy->rest->newest, queue->rest->newest, queue->rest->newest_count * sizeof(struct lot));
    return true;
}
