/* sanctioned.c - who is sanctioned: the registry and imported official lists together. */
#include "builtin.h"
#include "set.h"

#include <stdlib.h>

#include "tracer/clock.h"

static int by_address(const void *a, const void *b)
{
    const struct sanctioned *x = a, *y = b;
    int order = address_compare(x->address, y->address);
    if (!order)
        order = (x->listed_s > y->listed_s) - (x->listed_s < y->listed_s);
    return order ? order : strcmp(x->entity, y->entity);
}

static const struct builtin_sanctioned *registered(struct address address)
{
    size_t low = 0, high = builtin_sanctioned_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(builtin_sanctioned[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < builtin_sanctioned_count && address_equal(builtin_sanctioned[low].address, address) ? &builtin_sanctioned[low] : NULL;
}

const char *label_sanctioned_date(const struct label_set *set)
{
    const char *as_of = label_as_of(set), *newest = REGISTRY_SANCTIONED_DATE;
    if (as_of[0] && strcmp(as_of, newest) < 0)
        newest = as_of; /* the registry knows what was listed and delisted before its date */
    for (size_t i = 0; i < label_list_count(set); i++) {
        const struct label_list *list = label_list(set, i);
        if (list->official && strcmp(list->date, newest) > 0 && (!as_of[0] || strcmp(list->date, as_of) <= 0))
            newest = list->date;
    }
    return newest;
}

/* `day_s` 0: now. */
static bool was_listed(const struct builtin_sanctioned *row, uint64_t day_s)
{
    if (day_s == 0)
        return row->delisted_s == 0;
    return row->listed_s <= day_s && (row->delisted_s == 0 || row->delisted_s > day_s);
}

/* Does the claim add an address to what the registry says? The built-in rows are claims, too. */
static bool adds(const struct label_set *set, const struct label *claim, uint64_t chain_id, uint64_t day_s)
{
    uint64_t published_s;
    const struct label_list *list = label_list(set, claim->list);
    if (!list->official || strcmp(claim->category, "sanctioned") != 0 || !label_holds(set, claim, chain_id))
        return false;
    const struct builtin_sanctioned *known = registered(claim->address);
    if (!known)
        return true;
    if (was_listed(known, day_s))
        return false;
    if (!known->delisted_s || (day_s && known->delisted_s > day_s))
        return claim->valid_from[0]; /* the registry knows a later day of listing */
    if (!clock_parse_utc(list->date, strlen(list->date), &published_s))
        return true;
    return published_s > known->delisted_s && (!day_s || published_s <= day_s);
}

enum tracer_status label_sanctioned(const struct label_set *set, uint64_t chain_id, struct arena *arena,
                                    const struct sanctioned **ret_rows, size_t *ret_count, struct error *err)
{
    size_t claim_count, kept = 0, unique = 0, listed;
    uint64_t day_s = 0;
    if (!clock_parse_utc(label_as_of(set), strlen(label_as_of(set)), &day_s))
        day_s = 0;
    const struct label *claims = label_all(set, &claim_count);
    for (size_t i = 0; i < claim_count; i++)
        kept += adds(set, &claims[i], chain_id, day_s);
    struct sanctioned *all = arena_alloc(arena, (kept + builtin_sanctioned_count + 1) * sizeof(*all));
    if (!all)
        return error_set(err, TRACER_E_NOMEM, "no memory for sanctioned addresses");
    kept = 0;
    for (size_t i = 0; i < builtin_sanctioned_count; i++) {
        const struct builtin_sanctioned *row = &builtin_sanctioned[i];
        if (was_listed(row, day_s))
            all[kept++] = (struct sanctioned){row->address, builtin_texts + row->entity, row->listed_s, row->delisted_s};
    }
    listed = kept;
    for (size_t i = 0; i < claim_count; i++) {
        if (!adds(set, &claims[i], chain_id, day_s))
            continue;
        all[kept] = (struct sanctioned){.address = claims[i].address, .entity = claims[i].entity};
        if (!clock_parse_utc(claims[i].valid_from, strlen(claims[i].valid_from), &all[kept].listed_s))
            all[kept].listed_s = 0;
        kept++;
    }
    if (kept > listed) /* those of the registry are in order */
        qsort(all, kept, sizeof(*all), by_address);
    for (size_t i = 0; i < kept; i++) /* of several parties the first listed */
        if (!unique || !address_equal(all[unique - 1].address, all[i].address))
            all[unique++] = all[i];
    *ret_rows = all;
    *ret_count = unique;
    return TRACER_OK;
}
