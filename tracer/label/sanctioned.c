/* sanctioned.c - who is sanctioned: the registry and imported official lists together. */
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

static const struct sanctioned *registered(const struct sanctioned *rows, size_t count,
                                           struct address address)
{
    for (size_t i = 0; i < count; i++)
        if (address_equal(rows[i].address, address))
            return &rows[i];
    return NULL;
}

const char *label_sanctioned_date(const struct label_set *set)
{
    const char *newest = REGISTRY_SANCTIONED_DATE;
    for (size_t i = 0; i < label_list_count(set); i++) {
        const struct label_list *list = label_list(set, i);
        if (list->official && strcmp(list->date, newest) > 0)
            newest = list->date;
    }
    return newest;
}

/* Does the claim add an address to what the registry says? The built-in rows are claims, too. */
static bool adds(const struct label_set *set, const struct label *claim, uint64_t chain_id,
                 const struct sanctioned *rows, size_t count)
{
    uint64_t published_s;
    const struct label_list *list = label_list(set, claim->list);
    if (claim->rank != LABEL_OFFICIAL || strcmp(claim->category, "sanctioned") != 0 || !list->imported ||
        (claim->chain_id && claim->chain_id != chain_id))
        return false;
    const struct sanctioned *known = registered(rows, count, claim->address);
    return !known || (known->delisted_s && (!clock_parse_utc(list->date, strlen(list->date), &published_s) ||
                                            published_s > known->delisted_s));
}

enum tracer_status label_sanctioned(const struct label_set *set, uint64_t chain_id, struct arena *arena,
                                    const struct sanctioned **ret_rows, size_t *ret_count, struct error *err)
{
    const struct sanctioned *rows;
    size_t count, claim_count, kept = 0, unique = 0;
    enum tracer_status status = registry_sanctioned(&rows, &count, err);
    if (status)
        return status;
    const struct label *claims = label_all(set, &claim_count);
    for (size_t i = 0; i < claim_count; i++)
        kept += adds(set, &claims[i], chain_id, rows, count);
    struct sanctioned *all = arena_calloc(arena, kept + count + 1, sizeof(*all));
    if (!all)
        return error_set(err, TRACER_E_NOMEM, "no memory for sanctioned addresses");
    kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!rows[i].delisted_s)
            all[kept++] = rows[i];
    for (size_t i = 0; i < claim_count; i++) {
        if (!adds(set, &claims[i], chain_id, rows, count))
            continue;
        all[kept] = (struct sanctioned){.address = claims[i].address, .entity = claims[i].entity};
        if (!clock_parse_utc(claims[i].valid_from, strlen(claims[i].valid_from), &all[kept].listed_s))
            all[kept].listed_s = 0;
        kept++;
    }
    qsort(all, kept, sizeof(*all), by_address);
    for (size_t i = 0; i < kept; i++)
        if (!unique || by_address(&all[unique - 1], &all[i]) != 0)
            all[unique++] = all[i];
    *ret_rows = all;
    *ret_count = unique;
    return TRACER_OK;
}
