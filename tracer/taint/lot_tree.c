/* lot_tree.c - lots in a tree whose leaves hold some lots each and whose inner nodes know the sums below
 * them. The heights of two children differ by at most one; joining and splitting along one path keep that so.
 */
#include "lots.h"

#include <stdlib.h>
#include <string.h>

struct lot_tree {
    uint32_t shares, height; /* leaf: 0 */
    size_t count;            /* lots below */
    struct u256 amount;
    struct lot_tree *older, *newer; /* inner nodes */
    size_t sum_count;
    struct lot items[]; /* sums by tag, then (leaves) the lots */
};

static const struct lot *leaf_lots(const struct lot_tree *leaf)
{
    return leaf->items + leaf->sum_count;
}

struct lot_tree *lot_tree_share(struct lot_tree *tree)
{
    if (tree)
        tree->shares++;
    return tree;
}

void lot_tree_release(struct lot_tree *tree)
{
    if (!tree || --tree->shares)
        return;
    lot_tree_release(tree->older); /* as deep as the tree is high */
    lot_tree_release(tree->newer);
    free(tree);
}

size_t lot_tree_count(const struct lot_tree *tree)
{
    return tree ? tree->count : 0;
}

struct u256 lot_tree_amount(const struct lot_tree *tree)
{
    return tree ? tree->amount : (struct u256){{0}};
}

size_t lot_tree_sums(const struct lot_tree *tree, const struct lot **ret_sums)
{
    *ret_sums = tree ? tree->items : NULL;
    return tree ? tree->sum_count : 0;
}

static struct lot_tree *new_node(size_t items)
{
    struct lot_tree *node = malloc(sizeof(*node) + items * sizeof(node->items[0]));
    if (node)
        *node = (struct lot_tree){.shares = 1};
    return node;
}

/* Lots without zeros, neighbours of one tag merged. */
static size_t merge(struct lot *to, const struct lot *lots, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (u256_is_zero(lots[i].amount))
            continue;
        if (kept && to[kept - 1].tag == lots[i].tag)
            to[kept - 1].amount = units_sum(to[kept - 1].amount, lots[i].amount);
        else
            to[kept++] = lots[i];
    }
    return kept;
}

/* At most 2 * LOTS_LEAF lots are given, LOTS_LEAF are left when merged. */
static struct lot_tree *make_leaf(const struct lot *lots, size_t count, bool *ok)
{
    struct lot merged[2 * LOTS_LEAF], by_tag[2 * LOTS_LEAF];
    struct sums sums = {by_tag, 0, 2 * LOTS_LEAF};
    count = merge(merged, lots, count);
    if (!count)
        return NULL;
    for (size_t i = 0; i < count; i++)
        *ok = sums_add(&sums, merged[i].amount, merged[i].tag) && *ok;
    struct lot_tree *leaf = new_node(sums.count + count);
    if (!leaf) {
        *ok = false;
        return NULL;
    }
    leaf->count = count;
    leaf->sum_count = sums.count;
    memcpy(leaf->items, by_tag, sums.count * sizeof(*by_tag));
    memcpy(leaf->items + sums.count, merged, count * sizeof(*merged));
    for (size_t i = 0; i < sums.count; i++)
        leaf->amount = units_sum(leaf->amount, by_tag[i].amount);
    return leaf;
}

static size_t merge_sums(struct lot *to, const struct lot_tree *a, const struct lot_tree *b)
{
    size_t i = 0, k = 0, count = 0;
    while (i < a->sum_count || k < b->sum_count) {
        const struct lot *x = i < a->sum_count ? &a->items[i] : NULL,
                         *y = k < b->sum_count ? &b->items[k] : NULL;
        to[count] = x && (!y || x->tag <= y->tag) ? *x : *y;
        if (x && y && x->tag == y->tag)
            to[count].amount = units_sum(x->amount, y->amount);
        i += x && (!y || x->tag <= y->tag);
        k += y && (!x || y->tag <= x->tag);
        count++;
    }
    return count;
}

/* An inner node of two trees whose heights differ by at most one, or one leaf where both fit. */
static struct lot_tree *make_inner(struct lot_tree *older, struct lot_tree *newer, bool *ok)
{
    struct lot_tree *node = NULL;
    if (!older || !newer)
        return older ? older : newer;
    if (older->height + newer->height == 0 && older->count + newer->count <= LOTS_LEAF) {
        struct lot lots[2 * LOTS_LEAF];
        memcpy(lots, leaf_lots(older), older->count * sizeof(*lots));
        memcpy(lots + older->count, leaf_lots(newer), newer->count * sizeof(*lots));
        node = make_leaf(lots, older->count + newer->count, ok);
    } else if ((node = new_node(older->sum_count + newer->sum_count))) {
        node->height = (older->height > newer->height ? older->height : newer->height) + 1;
        node->count = older->count + newer->count;
        node->amount = units_sum(older->amount, newer->amount);
        node->sum_count = merge_sums(node->items, older, newer);
        node->older = older;
        node->newer = newer;
        return node;
    }
    *ok = *ok && node;
    lot_tree_release(older);
    lot_tree_release(newer);
    return node;
}

/* Give the children of an inner node out and drop the node. */
static void open_node(struct lot_tree *node, struct lot_tree **ret_older, struct lot_tree **ret_newer)
{
    *ret_older = lot_tree_share(node->older);
    *ret_newer = lot_tree_share(node->newer);
    lot_tree_release(node);
}

/* make_inner() for heights that differ by at most two. */
static struct lot_tree *balance(struct lot_tree *older, struct lot_tree *newer, bool *ok)
{
    struct lot_tree *a, *b, *c, *d;
    if (older && newer && newer->height > older->height + 1) {
        open_node(newer, &b, &d);
        if (b->height <= d->height)
            return make_inner(make_inner(older, b, ok), d, ok);
        open_node(b, &b, &c);
        return make_inner(make_inner(older, b, ok), make_inner(c, d, ok), ok);
    }
    if (older && newer && older->height > newer->height + 1) {
        open_node(older, &a, &c);
        if (c->height <= a->height)
            return make_inner(a, make_inner(c, newer, ok), ok);
        open_node(c, &b, &c);
        return make_inner(make_inner(a, b, ok), make_inner(c, newer, ok), ok);
    }
    return make_inner(older, newer, ok);
}

struct lot_tree *lot_tree_join(struct lot_tree *older, struct lot_tree *newer, bool *ok)
{
    struct lot_tree *a, *b;
    if (!older || !newer)
        return older ? older : newer;
    if (older->height > newer->height + 1) {
        open_node(older, &a, &b);
        return balance(a, lot_tree_join(b, newer, ok), ok);
    }
    if (newer->height > older->height + 1) {
        open_node(newer, &a, &b);
        return balance(lot_tree_join(older, a, ok), b, ok);
    }
    return make_inner(older, newer, ok);
}

struct lot_tree *lot_tree_make(const struct lot *lots, size_t count, bool *ok)
{
    struct lot_tree *tree = NULL;
    for (size_t at = 0; at < count; at += LOTS_LEAF)
        tree = lot_tree_join(tree, make_leaf(lots + at, count - at < LOTS_LEAF ? count - at : LOTS_LEAF, ok),
                             ok);
    return tree;
}

void lot_tree_split(struct lot_tree *tree, struct u256 v, struct lot_tree **ret_oldest,
                    struct lot_tree **ret_rest, bool *ok)
{
    struct lot_tree *older, *newer, *part;
    *ret_oldest = *ret_rest = NULL;
    if (!tree || u256_is_zero(v)) {
        *ret_rest = tree;
    } else if (u256_compare(v, tree->amount) >= 0) {
        *ret_oldest = tree;
    } else if (tree->height) {
        open_node(tree, &older, &newer);
        if (u256_compare(v, older->amount) <= 0) {
            lot_tree_split(older, v, ret_oldest, &part, ok);
            *ret_rest = lot_tree_join(part, newer, ok);
        } else {
            v = units_difference(v, older->amount);
            lot_tree_split(newer, v, &part, ret_rest, ok);
            *ret_oldest = lot_tree_join(older, part, ok);
        }
    } else {
        struct lot oldest[LOTS_LEAF], rest[LOTS_LEAF];
        for (size_t i = 0; i < tree->count; i++) {
            oldest[i] = rest[i] = leaf_lots(tree)[i];
            oldest[i].amount = u256_min(v, rest[i].amount);
            rest[i].amount = units_difference(rest[i].amount, oldest[i].amount);
            v = units_difference(v, oldest[i].amount);
        }
        *ret_oldest = make_leaf(oldest, tree->count, ok);
        *ret_rest = make_leaf(rest, tree->count, ok);
        lot_tree_release(tree);
    }
}

/* Of the lots below: has the node some with a tag below `tag_end`, or some with another? */
static bool has_kind(const struct lot_tree *tree, uint32_t tag_end, bool below)
{
    return tree->sum_count && (tree->items[below ? 0 : tree->sum_count - 1].tag < tag_end) == below;
}

void lot_tree_pick(struct lot_tree *tree, struct u256 *v, uint32_t tag_end, bool below,
                   struct lot_tree **ret_picked, struct lot_tree **ret_rest, bool *ok)
{
    *ret_picked = *ret_rest = NULL;
    if (!tree || u256_is_zero(*v) || !has_kind(tree, tag_end, below)) {
        *ret_rest = tree;
    } else if (!has_kind(tree, tag_end, !below) && u256_compare(tree->amount, *v) <= 0) {
        *v = units_difference(*v, tree->amount);
        *ret_picked = tree;
    } else if (tree->height) {
        struct lot_tree *older, *newer, *picked[2], *rest[2];
        open_node(tree, &older, &newer);
        lot_tree_pick(older, v, tag_end, below, &picked[0], &rest[0], ok);
        lot_tree_pick(newer, v, tag_end, below, &picked[1], &rest[1], ok);
        *ret_picked = lot_tree_join(picked[0], picked[1], ok);
        *ret_rest = lot_tree_join(rest[0], rest[1], ok);
    } else {
        struct lot picked[LOTS_LEAF], rest[LOTS_LEAF];
        for (size_t i = 0; i < tree->count; i++) {
            picked[i] = rest[i] = leaf_lots(tree)[i];
            picked[i].amount =
                (rest[i].tag < tag_end) == below ? u256_min(*v, rest[i].amount) : (struct u256){{0}};
            rest[i].amount = units_difference(rest[i].amount, picked[i].amount);
            *v = units_difference(*v, picked[i].amount);
        }
        *ret_picked = make_leaf(picked, tree->count, ok);
        *ret_rest = make_leaf(rest, tree->count, ok);
        lot_tree_release(tree);
    }
}

struct lot_tree *lot_tree_retag(struct lot_tree *tree, uint32_t tag_end, uint32_t tag, bool *ok)
{
    if (!tree || !has_kind(tree, tag_end, false))
        return tree;
    if (tree->height) {
        struct lot_tree *older, *newer;
        open_node(tree, &older, &newer);
        older = lot_tree_retag(older, tag_end, tag, ok);
        newer = lot_tree_retag(newer, tag_end, tag, ok);
        return lot_tree_join(older, newer, ok);
    }
    struct lot lots[LOTS_LEAF];
    for (size_t i = 0; i < tree->count; i++) {
        lots[i] = leaf_lots(tree)[i];
        lots[i].tag = lots[i].tag < tag_end ? lots[i].tag : tag;
    }
    struct lot_tree *leaf = make_leaf(lots, tree->count, ok);
    lot_tree_release(tree);
    return leaf;
}

struct lot_tree *lot_tree_pop(struct lot_tree *tree, bool newest, struct lot ret_lots[LOTS_LEAF],
                              size_t *ret_count, bool *ok)
{
    struct lot_tree *older, *newer;
    if (!tree->height) {
        *ret_count = tree->count;
        memcpy(ret_lots, leaf_lots(tree), tree->count * sizeof(*ret_lots));
        lot_tree_release(tree);
        return NULL;
    }
    open_node(tree, &older, &newer);
    if (newest)
        newer = lot_tree_pop(newer, newest, ret_lots, ret_count, ok);
    else
        older = lot_tree_pop(older, newest, ret_lots, ret_count, ok);
    return lot_tree_join(older, newer, ok);
}

bool lot_tree_each(const struct lot_tree *tree, lots_visit_fn *visit, void *context)
{
    if (!tree)
        return true;
    if (tree->height)
        return lot_tree_each(tree->older, visit, context) && lot_tree_each(tree->newer, visit, context);
    for (size_t i = 0; i < tree->count; i++)
        if (!visit(context, &leaf_lots(tree)[i]))
            return false;
    return true;
}
