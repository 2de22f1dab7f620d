/* haircut.c - every outflow carries taint in the proportion of the holding (5.1, 5.3). */
#include "engine.h"

#include <assert.h>

/* One step of scale(T, W, x): the next tag in tag order has `amount`; *cumulative and *previous carry p and q. */
struct u256 scale_next(struct u320 *cumulative, struct u256 amount, struct u256 x, struct u256 w, struct u256 *previous)
{
    struct u256 p, q, result;
    u320_add(cumulative, amount);
    p = (struct u256){{cumulative->limb[0], cumulative->limb[1], cumulative->limb[2], cumulative->limb[3]}};
    assert(cumulative->limb[4] == 0); /* tags sum to at most W < 2^256 */
    bool fits = u256_mul_div(p, x, w, &q);
    assert(fits); /* p <= w */
    fits = u256_sub(q, *previous, &result);
    assert(fits);
    *previous = q;
    return result;
}

static struct u256 sum(struct u256 a, struct u256 b)
{
    struct u256 result;
    bool fits = u256_add(a, b, &result);
    assert(fits);
    return result;
}

static struct u256 difference(struct u256 a, struct u256 b)
{
    struct u256 result;
    bool fits = u256_sub(a, b, &result);
    assert(fits);
    return result;
}

static bool take(struct taint *taint, struct holding *holding, struct u256 v, struct queue *parcel)
{
    struct u256 w = holding->balance, previous = {{0}}, taken = {{0}};
    struct u320 cumulative = {{0}};
    bool all = u256_equal(v, w);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < holding->tag_count; i++) {
        struct tagged *tagged = &holding->tags[i];
        struct u256 part = all ? tagged->amount : scale_next(&cumulative, tagged->amount, v, w, &previous);
        taken = sum(taken, part);
        tagged->amount = difference(tagged->amount, part);
        if (!queue_push(parcel, part, tagged->tag))
            return false;
        if (!u256_is_zero(tagged->amount))
            holding->tags[kept++] = *tagged;
    }
    holding->tag_count = kept;
    holding->balance = difference(w, v);
    return queue_push(parcel, difference(v, taken), taint->clean);
}

static bool gain(struct taint *taint, struct holding *holding, struct u256 amount, uint32_t tag)
{
    holding->balance = sum(holding->balance, amount);
    if (tag == taint->clean)
        return true;
    struct tagged *tagged = holding_tag_add(holding, tag);
    if (tagged)
        tagged->amount = sum(tagged->amount, amount);
    return tagged != NULL;
}

static bool add(struct taint *taint, struct holding *holding, const struct queue *parcel)
{
    for (size_t i = parcel->start; i < parcel->start + parcel->count; i++)
        if (!gain(taint, holding, parcel->lots[i].amount, parcel->lots[i].tag))
            return false;
    return true;
}

static bool create(struct taint *taint, struct holding *holding, struct u256 u, uint32_t tag)
{
    return gain(taint, holding, u, tag);
}

static bool retag(struct taint *taint, struct holding *holding, uint32_t tag)
{
    struct u256 changed = holding->balance;
    for (uint32_t i = 0; i < holding->tag_count; i++)
        if (tag_is_source(taint, holding->tags[i].tag))
            changed = difference(changed, holding->tags[i].amount);
    if (u256_is_zero(changed))
        return true;
    struct tagged *unknown = holding_tag(holding, taint->unknown);
    if (unknown)
        holding_tag_lose(holding, taint->unknown, unknown->amount);
    struct tagged *tagged = holding_tag_add(holding, tag);
    if (tagged)
        tagged->amount = sum(tagged->amount, changed);
    return tagged != NULL;
}

const struct policy policy_haircut = {"haircut", false, take, add, create, retag};
