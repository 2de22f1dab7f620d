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

/* Room for one more lot behind the live ones; the gap that cuts left at the oldest end is used again when it
 * is at least half. */
static bool make_room(struct queue *queue)
{
    if (queue->start + queue->count < queue->capacity)
        return true;
    if (queue->start > 0 && queue->start >= queue->count) {
        memmove(queue->lots, queue->lots + queue->start, queue->count * sizeof(*queue->lots));
        queue->start = 0;
        return true;
    }
    struct lot *lots = grow(queue->lots, queue->start + queue->count, &queue->capacity, sizeof(*lots));
    if (!lots)
        return false;
    queue->lots = lots;
    return true;
}

static bool array_push(struct queue *queue, struct u256 amount, uint32_t tag)
{
    struct lot *newest = queue->count ? &queue->lots[queue->start + queue->count - 1] : NULL;
    if (newest && newest->tag == tag) {
        newest->amount = units_sum(newest->amount, amount);
        return true;
    }
    if (!make_room(queue))
        return false;
    queue->lots[queue->start + queue->count++] = (struct lot){amount, tag};
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
    struct lot_tree *tree = lot_tree_make(queue->lots + queue->start, queue->count, ok);
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
    if (queue->count && queue->lots[queue->start].tag == tag) {
        queue->lots[queue->start].amount = units_sum(queue->lots[queue->start].amount, amount);
        return true;
    }
    if (!queue->start) {
        if (!make_room(queue))
            return false;
        size_t gap = queue->capacity - queue->count;
        gap -= gap / 2;
        memmove(queue->lots + gap, queue->lots, queue->count * sizeof(*queue->lots));
        queue->start = gap;
    }
    queue->lots[--queue->start] = (struct lot){amount, tag};
    queue->count++;
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
        for (size_t i = from->start; i < from->start + from->count && ok; i++)
            ok = queue_push(queue, from->lots[i].amount, from->lots[i].tag);
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
        struct lot *oldest = &queue->lots[queue->start];
        struct u256 part = u256_min(v, oldest->amount);
        if (!queue_push(to, part, oldest->tag))
            return false;
        oldest->amount = units_difference(oldest->amount, part);
        v = units_difference(v, part);
        if (u256_is_zero(oldest->amount)) {
            queue->start++;
            queue->count--;
        }
    }
    return refill_oldest(queue);
}

static struct u256 total(const struct queue *queue)
{
    struct u256 amount = {{0}};
    for (size_t i = queue->start; i < queue->start + queue->count; i++)
        amount = units_sum(amount, queue->lots[i].amount);
    if (!queue->rest)
        return amount;
    for (size_t i = 0; i < queue->rest->newest_count; i++)
        amount = units_sum(amount, queue->rest->newest[i].amount);
    return units_sum(amount, lot_tree_amount(queue->rest->middle));
}

bool queue_cut_newest(struct queue *queue, struct u256 v, struct queue *to)
{
    if (!refill_newest(queue))
        return false;
    struct lot *lots = queue->rest ? queue->rest->newest : queue->lots + queue->start;
    size_t *count = queue->rest ? &queue->rest->newest_count : &queue->count, first = *count;
    size_t least = queue->rest && first > CUT_LOTS ? first - CUT_LOTS : 0;
    struct u256 left = v;
    while (first > least && !u256_is_zero(left)) {
        if (u256_compare(left, lots[first - 1].amount) < 0)
            break;
        left = units_difference(left, lots[--first].amount);
    }
    if (first == least && !u256_is_zero(left)) /* deeper than the array, or than is worth while */
        return split(queue, units_difference(total(queue), v), queue, to);
    if (!u256_is_zero(left)) {
        lots[first - 1].amount = units_difference(lots[first - 1].amount, left);
        if (!queue_push(to, left, lots[first - 1].tag))
            return false;
    }
    for (size_t i = first; i < *count; i++)
        if (!queue_push(to, lots[i].amount, lots[i].tag))
            return false;
    *count = first;
    return refill_newest(queue);
}

/* One pass over the array: what is kept is moved together. */
static bool cut_kind_short(struct queue *queue, struct u256 *v, uint32_t tag_end, bool below,
                           struct queue *to)
{
    size_t end = queue->start + queue->count;
    queue->count = 0;
    for (size_t i = queue->start; i < end; i++) {
        struct lot lot = queue->lots[i];
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
    for (size_t i = queue->start; queue->rest && i < queue->start + queue->count; i++)
        if ((queue->lots[i].tag < tag_end) == below)
            there = units_sum(there, queue->lots[i].amount);
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
    size_t end = queue->start + queue->count;
    queue->count = 0;
    for (size_t i = queue->start; i < end && ok; i++)
        ok =
            array_push(queue, queue->lots[i].amount, queue->lots[i].tag < tag_end ? queue->lots[i].tag : tag);
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
    for (size_t i = queue->start; i < queue->start + queue->count && on; i++)
        on = visit_merged(&merging, &queue->lots[i]);
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
    for (size_t i = queue->start; i < queue->start + queue->count && ok; i++)
        ok = sums_add(sums, queue->lots[i].amount, queue->lots[i].tag);
    for (size_t i = 0; i < middle_count && ok; i++)
        ok = sums_add(sums, middle[i].amount, middle[i].tag);
    for (size_t i = 0; i < newest_count && ok; i++)
        ok = sums_add(sums, newest[i].amount, newest[i].tag);
    return ok;
}

bool queue_copy(const struct queue *queue, struct queue *ret_copy)
{
    *ret_copy = (struct queue){0};
    bool ok = array_set(ret_copy, queue->lots + queue->start, queue->count);
    if (!queue->rest || !ok || !(ok = lengthen(ret_copy)))
        return ok;
    ret_copy->rest->middle = lot_tree_share(queue->rest->middle);
    ret_copy->rest->newest_count = queue->rest->newest_count;
    memcpy(ret_copy->rest->newest, queue->rest->newest, queue->rest->newest_count * sizeof(struct lot));
    return true;
}
