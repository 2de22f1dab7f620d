/* lots.h - units in an order, however many: short queues are an array, long ones an array at each end and a
 * balanced tree between, so that cutting and joining a million lots costs O(log n) (taint-spec 5.6). Internal
 * to tracer/taint.
 *
 * Amounts are in the asset's smallest unit, oldest first. A function that returns bool, or takes `bool *ok`,
 * tells false when there is no memory: what it worked on may then be used for nothing but release.
 */
#ifndef TRACER_TAINT_LOTS_H
#define TRACER_TAINT_LOTS_H

#include "tracer/limits.h"
#include "tracer/u256.h"

#include <assert.h>
#include <stddef.h>

struct lot {
    struct u256 amount;
    uint32_t tag;
};

/* Balances stay below 2^256 (4.2, step 2), and nothing loses more than it has. */
static inline struct u256 units_sum(struct u256 a, struct u256 b)
{
    struct u256 result;
    bool fits = u256_add(a, b, &result);
    assert(fits);
    return result;
}
static inline struct u256 units_difference(struct u256 a, struct u256 b)
{
    struct u256 result;
    bool fits = u256_sub(a, b, &result);
    assert(fits);
    return result;
}

/* The verify build makes every queue of some lots a long one, so that random cases meet the tree. */
#ifdef TRACER_VERIFY
#define LOTS_LEAF ((size_t)2)  /* lots of a leaf, at most */
#define LOTS_SHORT ((size_t)4) /* longer queues have a tree */
#else
#define LOTS_LEAF ((size_t)64)
#define LOTS_SHORT ((size_t)128)
#endif

typedef bool lots_visit_fn(void *context, const struct lot *lot); /* false: stop */

/* ---- lot_tree.c: immutable and counted, so that a copy costs nothing. NULL is the empty tree. ---- */

struct lot_tree;

struct lot_tree *lot_tree_make(const struct lot *lots, size_t count, bool *ok);
struct lot_tree *lot_tree_share(struct lot_tree *tree);
void lot_tree_release(struct lot_tree *tree);
size_t lot_tree_count(const struct lot_tree *tree); /* lots */
bool lot_tree_each(const struct lot_tree *tree, lots_visit_fn *visit, void *context);
/** Sums by tag, ascending; borrowed. */
size_t lot_tree_sums(const struct lot_tree *tree, const struct lot **ret_sums);
/* These take their trees over. */
struct lot_tree *lot_tree_join(struct lot_tree *older, struct lot_tree *newer, bool *ok);
/** The oldest v units (at most all) and the rest. */
void lot_tree_split(struct lot_tree *tree, struct u256 v, struct lot_tree **ret_oldest,
                    struct lot_tree **ret_rest, bool *ok);
/** Out of the oldest: at most *v units whose tag is below `tag_end`, or (if not `below`) is not; *v is what
 * is left. */
void lot_tree_pick(struct lot_tree *tree, struct u256 *v, uint32_t tag_end, bool below,
                   struct lot_tree **ret_picked, struct lot_tree **ret_rest, bool *ok);
/** Units with a tag not below `tag_end` become `tag`. */
struct lot_tree *lot_tree_retag(struct lot_tree *tree, uint32_t tag_end, uint32_t tag, bool *ok);
/** Take the oldest (or newest) leaf off: its lots, in order. The tree must not be empty. */
struct lot_tree *lot_tree_pop(struct lot_tree *tree, bool newest, struct lot ret_lots[LOTS_LEAF],
                              size_t *ret_count, bool *ok);
struct u256 lot_tree_amount(const struct lot_tree *tree);

/* ---- queue.c ---- */

/* A lot of less than 2^111 units, as nearly all are, in the array of a queue. */
struct small_lot {
    uint64_t low;
    uint64_t high : 47, tag : 17;
};
_Static_assert(TRACER_SOURCES_MAX + 1 < 1u << 17, "every tag fits a small lot");

#define QUEUE_FEW 6u

/* The live lots of the array are those from `start` on, `count` of them: all of a short queue, the oldest of a long one. */
struct queue {
    void *lots;              /* struct small_lot, or struct lot if one of them was large; NULL: in `few` */
    struct queue_long *rest; /* NULL: short */
    uint32_t start, count, capacity;
    bool large;
    struct small_lot few[QUEUE_FEW];
};

/** The live lots of a queue that is neither long nor large. */
static inline struct small_lot *queue_small(struct queue *queue)
{
    return (queue->lots ? (struct small_lot *)queue->lots : queue->few) + queue->start;
}
static inline unsigned __int128 small_lot_amount(const struct small_lot *lot)
{
    return (unsigned __int128)lot->high << 64 | lot->low;
}

static inline void small_lot_set(struct small_lot *lot, unsigned __int128 amount)
{
    lot->low = (uint64_t)amount;
    lot->high = (uint64_t)(amount >> 64) & (UINT64_MAX >> 17);
}

static inline bool queue_is_empty(const struct queue *queue)
{
    return !queue->count && !queue->rest;
}
bool queue_push(struct queue *queue, struct u256 amount,
                uint32_t tag); /* at the newest end; merges; skips zero */
/** The same of a small lot that is not zero, if no more than the newest end of an array changes; false: nothing was done. */
static inline bool queue_push_quick(struct queue *queue, unsigned __int128 amount, uint32_t tag)
{
    if (!queue->count || queue->rest || queue->large)
        return false;
    struct small_lot *newest = &queue_small(queue)[queue->count - 1];
    if (newest->tag == tag) {
        amount += small_lot_amount(newest);
        if (amount >> 111)
            return false;
        small_lot_set(newest, amount);
        return true;
    }
    if (queue->count >= LOTS_SHORT || queue->start + queue->count >= (queue->lots ? queue->capacity : QUEUE_FEW))
        return false;
    newest[1].tag = tag & 0x1ffff;
    small_lot_set(&newest[1], amount);
    queue->count++;
    return true;
}
bool queue_push_oldest(struct queue *queue, struct u256 amount, uint32_t tag);
/** All of `from`, behind the newest; `from` is empty afterwards. */
bool queue_append(struct queue *queue, struct queue *from);
/* Cut v units, less than all, out and append them to `to` in their order. */
bool queue_cut_oldest(struct queue *queue, struct u256 v, struct queue *to);
bool queue_cut_newest(struct queue *queue, struct u256 v, struct queue *to);
/** The oldest units with a tag below `tag_end` (or not below it), at most *v; *v is what is left. The queue
 * may end empty. */
bool queue_cut_kind(struct queue *queue, struct u256 *v, uint32_t tag_end, bool below, struct queue *to);
bool queue_retag(struct queue *queue, uint32_t tag_end, uint32_t tag);
/** Oldest first, neighbours of one tag as one (3.4). */
bool queue_each(const struct queue *queue, lots_visit_fn *visit, void *context);
bool queue_copy(const struct queue *queue, struct queue *ret_copy);
void queue_clear(struct queue *queue); /* keeps memory */
void queue_release(struct queue *queue);

/* ---- sums.c ---- */

/* Amounts by tag, ascending; no tag twice, none zero. */
struct sums {
    struct lot *lots;
    size_t count, capacity;
};

bool sums_add(struct sums *sums, struct u256 amount, uint32_t tag); /* skips zero */
bool sums_add_queue(struct sums *sums, const struct queue *queue);
void sums_release(struct sums *sums);

/** Grow an array by doubling; NULL without memory (the old one stays). */
void *grow(void *items, size_t count, size_t *capacity, size_t size);

#endif
