/* diff.c - what two sets of claims say differently, address by address. */
#include "set.h"

#include <string.h>

/* Whatever list it stands in. */
static bool same(const struct label *a, const struct label *b)
{
    return address_equal(a->address, b->address) && a->chain_id == b->chain_id && a->class_ == b->class_ &&
           a->confidence == b->confidence && strcmp(a->emit, b->emit) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->category, b->category) == 0 && strcmp(a->entity, b->entity) == 0 &&
           strcmp(a->origin, b->origin) == 0 && strcmp(a->valid_from, b->valid_from) == 0 &&
           strcmp(a->valid_to, b->valid_to) == 0;
}

bool label_says(const struct label *claims, size_t count, const struct label *claim)
{
    for (size_t i = 0; i < count; i++)
        if (same(&claims[i], claim))
            return true;
    return false;
}

static bool group_differs(const struct label *a, size_t a_count, const struct label *b, size_t b_count)
{
    for (size_t i = 0; i < a_count; i++)
        if (!label_says(b, b_count, &a[i]))
            return true;
    for (size_t i = 0; i < b_count; i++)
        if (!label_says(a, a_count, &b[i]))
            return true;
    return false;
}

static size_t group_size(const struct label *claims, size_t count)
{
    size_t size = 0;
    while (size < count && address_equal(claims[size].address, claims[0].address))
        size++;
    return size;
}

enum tracer_status label_diff(const struct label_set *before, const struct label_set *after,
                              label_diff_fn *differs, void *context, uint64_t *ret_same)
{
    size_t a_count, b_count;
    const struct label *a = label_all(before, &a_count), *b = label_all(after, &b_count);
    enum tracer_status status = TRACER_OK;
    uint64_t equal = 0;
    for (size_t i = 0, j = 0; (i < a_count || j < b_count) && !status;) {
        int order = i == a_count ? 1 : j == b_count ? -1 : address_compare(a[i].address, b[j].address);
        size_t a_size = order <= 0 ? group_size(a + i, a_count - i) : 0;
        size_t b_size = order >= 0 ? group_size(b + j, b_count - j) : 0;
        if (group_differs(a + i, a_size, b + j, b_size))
            status = differs(context, a + i, a_size, b + j, b_size);
        else
            equal++;
        i += a_size;
        j += b_size;
    }
    *ret_same = equal;
    return status;
}
