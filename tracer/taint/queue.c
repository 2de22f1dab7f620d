/* queue.c - units in an order: fifo, lifo, and the tag-aware cleanfirst and taintfirst (5.2, 5.4). */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    size_t larger = *capacity ? *capacity * 2 : 8;
    if (larger > SIZE_MAX / size)
        return NULL;
    void *grown = realloc(items, larger * size);
    if (grown)
        *capacity = larger;
    return grown;
}

static struct u256 sum(struct u256 a, struct u256 b)
{
    struct u256 result;
    bool fits = u256_add(a, b, &result);
    assert(fits); /* balances stay below 2^256: step 2 of 4.2 */
    return result;
}

static struct u256 difference(struct u256 a, struct u256 b)
{
    struct u256 result;
    bool fits = u256_sub(a, b, &result);
    assert(fits);
    return result;
}

void queue_clear(struct queue *queue)
{
    queue->start = queue->count = 0;
}

void queue_release(struct queue *queue)
{
    free(queue->lots);
    *queue = (struct queue){0};
}

/* Room for one more lot at the newest end; the gap that cuts left at the oldest end is used again when it is
 * at least half. */
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

bool queue_push(struct queue *queue, struct u256 amount, uint32_t tag)
{
    if (u256_is_zero(amount))
        return true;
    if (queue->count) {
        struct lot *newest = &queue->lots[queue->start + queue->count - 1];
        if (newest->tag == tag) {
            newest->amount = sum(newest->amount, amount);
            return true;
        }
    }
    if (!make_room(queue))
        return false;
    queue->lots[queue->start + queue->count++] = (struct lot){amount, tag};
    return true;
}

bool queue_push_front(struct queue *queue, struct u256 amount, uint32_t tag)
{
    if (u256_is_zero(amount))
        return true;
    if (queue->count && queue->lots[queue->start].tag == tag) {
        queue->lots[queue->start].amount = sum(queue->lots[queue->start].amount, amount);
        return true;
    }
    if (queue->start == 0) { /* leave a gap for the next ones */
        size_t gap = queue->count / 2 + 4, need = queue->count + gap + 1;
        if (queue->capacity < need) {
            struct lot *lots = realloc(queue->lots, need * sizeof(*lots));
            if (!lots)
                return false;
            queue->lots = lots;
            queue->capacity = need;
        } else {
            gap = queue->capacity - queue->count;
            gap = gap > 1 ? gap / 2 + 1 : 1;
        }
        memmove(queue->lots + gap, queue->lots, queue->count * sizeof(*queue->lots));
        queue->start = gap;
    }
    queue->lots[--queue->start] = (struct lot){amount, tag};
    queue->count++;
    return true;
}

bool queue_make_real(struct holding *holding)
{
    return holding->queue.count || queue_push(&holding->queue, holding->balance, holding->uniform);
}

/* Back to the cheap form when one tag is left (or none). */
static void simplify(struct taint *taint, struct holding *holding)
{
    struct queue *queue = &holding->queue;
    if (u256_is_zero(holding->balance)) {
        queue_clear(queue);
        holding->uniform = taint->clean;
    } else if (queue->count == 1) {
        holding->uniform = queue->lots[queue->start].tag;
        queue_clear(queue);
    }
}

static bool lose(struct taint *taint, struct holding *holding, uint32_t tag, struct u256 amount)
{
    if (tag != taint->clean)
        holding_tag_lose(holding, tag, amount);
    return true;
}

static bool take_uniform(struct taint *taint, struct holding *holding, struct u256 v, struct queue *parcel)
{
    lose(taint, holding, holding->uniform, v);
    holding->balance = difference(holding->balance, v);
    bool pushed = queue_push(parcel, v, holding->uniform);
    if (u256_is_zero(holding->balance))
        holding->uniform = taint->clean;
    return pushed;
}

/* All of it: the parcel takes the lots over. */
static bool take_all(struct taint *taint, struct holding *holding, struct queue *parcel)
{
    struct queue empty = *parcel;
    *parcel = holding->queue;
    queue_clear(&empty);
    holding->queue = empty;
    holding->tag_count = 0;
    holding->balance = (struct u256){{0}};
    holding->uniform = taint->clean;
    return true;
}

static bool take_oldest(struct taint *taint, struct holding *holding, struct u256 v, struct queue *parcel)
{
    struct queue *queue = &holding->queue;
    if (!queue->count)
        return take_uniform(taint, holding, v, parcel);
    if (u256_equal(v, holding->balance))
        return take_all(taint, holding, parcel);
    holding->balance = difference(holding->balance, v);
    while (!u256_is_zero(v)) {
        struct lot *oldest = &queue->lots[queue->start];
        struct u256 part = u256_min(v, oldest->amount);
        if (!queue_push(parcel, part, oldest->tag))
            return false;
        lose(taint, holding, oldest->tag, part);
        oldest->amount = difference(oldest->amount, part);
        v = difference(v, part);
        if (u256_is_zero(oldest->amount)) {
            queue->start++;
            queue->count--;
        }
    }
    simplify(taint, holding);
    return true;
}

static bool take_newest(struct taint *taint, struct holding *holding, struct u256 v, struct queue *parcel)
{
    struct queue *queue = &holding->queue;
    if (!queue->count)
        return take_uniform(taint, holding, v, parcel);
    if (u256_equal(v, holding->balance))
        return take_all(taint, holding, parcel);
    holding->balance = difference(holding->balance, v);
    /* Find where the tail begins, then move it in its order. */
    size_t first = queue->start + queue->count;
    struct u256 left = v;
    while (u256_compare(left, queue->lots[first - 1].amount) >= 0) {
        left = difference(left, queue->lots[--first].amount);
        if (u256_is_zero(left))
            break;
    }
    if (!u256_is_zero(left)) {
        struct lot *cut = &queue->lots[first - 1];
        cut->amount = difference(cut->amount, left);
        lose(taint, holding, cut->tag, left);
        if (!queue_push(parcel, left, cut->tag))
            return false;
    }
    size_t end = queue->start + queue->count;
    for (size_t i = first; i < end; i++) {
        lose(taint, holding, queue->lots[i].tag, queue->lots[i].amount);
        if (!queue_push(parcel, queue->lots[i].amount, queue->lots[i].tag))
            return false;
    }
    queue->count = first - queue->start;
    simplify(taint, holding);
    return true;
}

/* One pass over the queue, oldest first: take what `wanted` says, keep the rest. */
static bool take_some(struct taint *taint, struct holding *holding, struct u256 *v, bool tainted, struct queue *parcel)
{
    struct queue *queue = &holding->queue, rest = {0};
    for (size_t i = queue->start; i < queue->start + queue->count; i++) {
        struct lot lot = queue->lots[i];
        struct u256 part = tag_is_source(taint, lot.tag) == tainted ? u256_min(*v, lot.amount) : (struct u256){{0}};
        if (!u256_is_zero(part)) {
            if (!queue_push(parcel, part, lot.tag)) {
                queue_release(&rest);
                return false;
            }
            lose(taint, holding, lot.tag, part);
            *v = difference(*v, part);
        }
        if (!queue_push(&rest, difference(lot.amount, part), lot.tag)) {
            queue_release(&rest);
            return false;
        }
    }
    queue_release(queue);
    *queue = rest;
    return true;
}

static bool take_by_taint(struct taint *taint, struct holding *holding, struct u256 v, bool tainted_first,
                          struct queue *parcel)
{
    if (!holding->queue.count)
        return take_uniform(taint, holding, v, parcel);
    struct u256 left = v;
    if (!take_some(taint, holding, &left, tainted_first, parcel) || !take_some(taint, holding, &left, !tainted_first, parcel))
        return false;
    holding->balance = difference(holding->balance, v);
    simplify(taint, holding);
    return true;
}

static bool take_clean_first(struct taint *taint, struct holding *holding, struct u256 v, struct queue *parcel)
{
    return take_by_taint(taint, holding, v, false, parcel);
}

static bool take_taint_first(struct taint *taint, struct holding *holding, struct u256 v, struct queue *parcel)
{
    return take_by_taint(taint, holding, v, true, parcel);
}

static bool gain(struct taint *taint, struct holding *holding, uint32_t tag, struct u256 amount)
{
    if (tag == taint->clean)
        return true;
    struct tagged *tagged = holding_tag_add(holding, tag);
    if (tagged)
        tagged->amount = sum(tagged->amount, amount);
    return tagged != NULL;
}

static bool add(struct taint *taint, struct holding *holding, const struct queue *parcel)
{
    bool simple = holding->queue.count == 0;
    for (size_t i = parcel->start; i < parcel->start + parcel->count; i++) {
        const struct lot *lot = &parcel->lots[i];
        if (simple && u256_is_zero(holding->balance)) {
            holding->uniform = lot->tag;
        } else if (simple && lot->tag != holding->uniform) {
            if (!queue_make_real(holding))
                return false;
            simple = false;
        }
        if (!simple && !queue_push(&holding->queue, lot->amount, lot->tag))
            return false;
        holding->balance = sum(holding->balance, lot->amount);
        if (!gain(taint, holding, lot->tag, lot->amount))
            return false;
    }
    return true;
}

static bool create(struct taint *taint, struct holding *holding, struct u256 u, uint32_t tag)
{
    if (holding->queue.count == 0 && (u256_is_zero(holding->balance) || holding->uniform == tag))
        holding->uniform = tag;
    else if (!queue_make_real(holding) || !queue_push_front(&holding->queue, u, tag))
        return false;
    holding->balance = sum(holding->balance, u);
    return gain(taint, holding, tag, u);
}

static bool retag(struct taint *taint, struct holding *holding, uint32_t tag)
{
    struct queue *queue = &holding->queue, rest = {0};
    if (u256_is_zero(holding->balance))
        return true;
    if (queue->count == 0) {
        if (tag_is_source(taint, holding->uniform))
            return true;
        lose(taint, holding, holding->uniform, holding->balance);
        holding->uniform = tag;
        return gain(taint, holding, tag, holding->balance);
    }
    for (size_t i = queue->start; i < queue->start + queue->count; i++) {
        struct lot lot = queue->lots[i];
        if (!tag_is_source(taint, lot.tag)) {
            lose(taint, holding, lot.tag, lot.amount);
            if (!gain(taint, holding, tag, lot.amount)) {
                queue_release(&rest);
                return false;
            }
            lot.tag = tag;
        }
        if (!queue_push(&rest, lot.amount, lot.tag)) {
            queue_release(&rest);
            return false;
        }
    }
    queue_release(queue);
    *queue = rest;
    simplify(taint, holding);
    return true;
}

const struct policy policy_fifo = {"fifo", true, take_oldest, add, create, retag};
const struct policy policy_lifo = {"lifo", true, take_newest, add, create, retag};
const struct policy policy_cleanfirst = {"cleanfirst", true, take_clean_first, add, create, retag};
const struct policy policy_taintfirst = {"taintfirst", true, take_taint_first, add, create, retag};
