/* poison.c - any contact taints all (5.5): a holding keeps its balance and a set of sources. A parcel has one
 * entry (v, source) a source; they overlap, amounts do not add up. */
#include "engine.h"

#include <assert.h>

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
            !holding_tag_add(holding, parcel->sums.lots[i].tag))
            return false;
    return true;
}

static bool create(struct taint *taint, struct holding *holding, struct u256 u, uint32_t tag)
{
    bool fits = u256_add(holding->balance, u, &holding->balance);
    assert(fits);
    return !tag_is_source(taint, tag) || holding_tag_add(holding, tag);
}

static bool retag(struct taint *taint, struct holding *holding, uint32_t tag)
{
    (void)taint;
    return u256_is_zero(holding->balance) || holding_tag_add(holding, tag);
}

const struct policy policy_poison = {"poison", false, take, add, create, retag};
