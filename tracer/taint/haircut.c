/* haircut.c - every outflow carries taint in the proportion of the holding (5.1, 5.3). */
#include "engine.h"

#include <assert.h>

/* One step of scale(T, W, x): the next tag in tag order has `amount`; *cumulative and *previous carry p and
 * q. */
struct u256 scale_next(struct u320 *cumulative, struct u256 amount, struct u256 x, struct u256 w,
                       struct u256 *previous)
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

static bool take(struct taint *taint, struct holding *holding, struct u256 v, struct parcel *parcel)
{
    struct u256 w = holding->balance, previous = {{0}}, taken = {{0}};
    struct u320 cumulative = {{0}};
    bool all = u256_equal(v, w);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < holding->tag_count; i++) {
        uint32_t tag = holding->tags[i].tag;
        struct u256 amount = holding->amounts[i], part = all ? amount : scale_next(&cumulative, amount, v, w, &previous);
        taken = units_sum(taken, part);
        amount = units_difference(amount, part);
        if (!parcel_put(taint, parcel, part, tag))
            return false;
        if (u256_is_zero(amount))
            continue;
        holding->tags[kept] = holding->tags[i];
        holding->amounts[kept++] = amount;
    }
    holding->tag_count = kept;
    holding->balance = units_difference(w, v);
    return parcel_put(taint, parcel, units_difference(v, taken), taint->clean);
}

static bool create(struct taint *taint, struct holding *holding, struct u256 u, uint32_t tag)
{
    holding->balance = units_sum(holding->balance, u);
    return holding_gain(taint, holding, u, tag);
}

static bool add(struct taint *taint, struct holding *holding, struct parcel *parcel)
{
    bool ok = true;
    for (size_t i = 0; i < parcel->sums.count && ok; i++)
        ok = create(taint, holding, parcel->sums.lots[i].amount, parcel->sums.lots[i].tag);
    return ok;
}

static bool retag(struct taint *taint, struct holding *holding, uint32_t tag)
{
    bool changed;
    return holding_retag(taint, holding, tag, &changed);
}

const struct policy policy_haircut = {"haircut", false, take, add, create, retag};
