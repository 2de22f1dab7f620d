/* poison.c - any contact taints all (5.5): a holding keeps its balance and a set of sources. A parcel has one
 * entry (v, source) a source; they overlap, amounts do not add up. */
#include "engine.h"

#include <assert.h>
#include <string.h>

static bool take(struct taint *taint, struct holding *holding, struct u256 v, struct parcel *parcel)
{
    for (uint32_t i = 0; i < holding->tag_count; i++)
        if (!parcel_put(taint, parcel, v, holding->tags[i].tag))
            return false;
    bool fits = u256_sub(holding->balance, v, &holding->balance);
    assert(fits);
    if (u256_is_zero(holding->balance))
        holding->tag_count = 0;
    return true;
}

/* The balance grows by the caller (poison parcels do not say by how much). */
static bool add(struct taint *taint, struct holding *holding, struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->sums.count; i++)
        if (tag_is_source(taint, parcel->sums.lots[i].tag) &&
            !holding_tag_add(taint, holding, parcel->sums.lots[i].tag))
            return false;
    return true;
}

static bool create(struct taint *taint, struct holding *holding, struct u256 u, uint32_t tag)
{
    bool fits = u256_add(holding->balance, u, &holding->balance);
    assert(fits);
    return !tag_is_source(taint, tag) || holding_tag_add(taint, holding, tag);
}

static bool retag(struct taint *taint, struct holding *holding, uint32_t tag)
{
    return u256_is_zero(holding->balance) || holding_tag_add(taint, holding, tag);
}

/* ---- the common row ---- */

static bool is_watched(const struct taint *taint)
{
    return taint->inspect || taint->carried || taint->check_count || taint->undo;
}

/* Has the transaction of this row a seed? */
static bool meets_seed(const struct taint *taint, const struct cursor_row *row)
{
    return taint->next_transfer_seed < taint->transfer_seed_count &&
           position_same_transaction(taint->transfer_seeds[taint->next_transfer_seed].position, row->position);
}

static struct holding *find(const struct taint *taint, uint32_t account, uint32_t asset)
{
    const struct account_state *state = &taint->accounts[account];
    return state->first && state->asset == asset ? state->first : holding_find(taint, account, asset);
}

static struct tagged arriving(struct tagged come, uint32_t via)
{
    come.via = via;
    come.hop = (come.hop + (uint32_t)(come.hop < HOP_FAR)) & HOP_BITS;
    return come;
}

/* `first` ? a : b, without a branch. */
static struct tagged choose(bool first, struct tagged a, struct tagged b)
{
    uint64_t x, y;
    memcpy(&x, &a, sizeof(x));
    memcpy(&y, &b, sizeof(y));
    y ^= (x ^ y) & -(uint64_t)first;
    memcpy(&a, &y, sizeof(a));
    return a;
}

static bool is_nearer(const struct taint *taint, struct tagged come, const struct tagged *sent, struct tagged held)
{
    if (come.hop == HOP_FAR && held.hop == HOP_FAR && come.tag == held.tag)
        return tagged_hop(taint, sent) + 1 < tagged_hop(taint, &held);
    return come.hop < held.hop;
}

/* 4.5 for each source of the sender; their move is the last. Two sorted lists become one. A branch that depends on which of them
 * a source is in is as good as random: there is none, but for the sources at the front that both have, often all. */
static bool receive(struct taint *taint, struct holding *to, const struct tagged *tags, size_t count)
{
    uint32_t via = (uint32_t)taint->move_count - 1;
    size_t held_count = to->tag_count, i = 0, at = 0, n = 0;
    const struct tagged *held_tags = to->tags;
    struct tagged *merged = taint->merged;
    bool changed = false;
    for (; n < count && n < held_count && tags[n].tag == held_tags[n].tag; n++) {
        struct tagged come = arriving(tags[n], via);
        bool taken = is_nearer(taint, come, &tags[n], held_tags[n]);
        merged[n] = choose(taken, come, held_tags[n]);
        changed |= taken;
    }
    i = at = n;
    while (i < count && at < held_count) {
        struct tagged come = arriving(tags[i], via), held = held_tags[at];
        bool comes = come.tag <= held.tag, stays = held.tag <= come.tag, nearer = is_nearer(taint, come, &tags[i], held);
        bool taken = comes & (!stays | nearer);
        merged[n++] = choose(taken, come, held);
        changed |= taken;
        i += comes;
        at += stays;
    }
    if (!changed && i == count)
        return true;
    size_t behind = held_count - at;
    if (!holding_tags_reserve(taint, to, n + (count - i) + behind))
        return false;
    memmove(to->tags + n, to->tags + at, behind * sizeof(*to->tags));
    memcpy(to->tags, merged, n * sizeof(*merged));
    for (; i < count; i++)
        to->tags[n++] = arriving(tags[i], via);
    to->tag_count = (uint32_t)(n + behind);
    to->mark = 0;
    return true;
}

bool poison_row(struct taint *taint, const struct cursor_row *row, bool *ret_done)
{
    const struct account_state *from = &taint->accounts[row->from], *to = &taint->accounts[row->to];
    struct holding *giver = NULL, *taker = NULL;
    struct u256 left = {{0}}, sum = row->amount;
    *ret_done = false;
    if (u256_is_zero(row->amount) || row->from == row->to || from->slot || to->slot || is_watched(taint) || meets_seed(taint, row))
        return true;
    if (from->class_ == ACCOUNT_PLAIN) {
        giver = find(taint, row->from, row->asset);
        if (!giver || !u256_sub(giver->balance, row->amount, &left))
            return true;
    } else if (from->class_ != ACCOUNT_VOID) {
        return true;
    }
    /* Under fees=sink no source goes on (4.6). */
    size_t count = !giver || (row->kind == TRANSFER_FEE && taint->options.fees == FEES_SINK) ? 0 : giver->tag_count;
    if (to->class_ == ACCOUNT_PLAIN) {
        taker = find(taint, row->to, row->asset);
        if (taker && !u256_add(taker->balance, row->amount, &sum))
            return true;
    } else if (to->class_ != ACCOUNT_VOID || count) {
        return true;
    }
    if (to->class_ == ACCOUNT_PLAIN && !taker && !(taker = holding_get(taint, row->to, row->asset)))
        return false;
    if (count && (!record_all(taint, row, giver) || !receive(taint, taker, giver->tags, count)))
        return false;
    if (giver) {
        giver->balance = left;
        if (u256_is_zero(left))
            giver->tag_count = giver->mark = 0;
    }
    if (taker)
        taker->balance = sum;
    *ret_done = true;
    return true;
}

const struct policy policy_poison = {"poison", false, take, add, create, retag};
