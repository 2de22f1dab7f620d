/* parcel.c - the units of one transfer: their amounts by tag, their order where it matters, and hop and
 * parent of each source among them. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

void parcel_clear(struct parcel *parcel)
{
    parcel->sums.count = 0;
    queue_clear(&parcel->queue);
    parcel->info_count = 0;
}

void parcel_release(struct parcel *parcel)
{
    sums_release(&parcel->sums);
    queue_release(&parcel->queue);
    free(parcel->infos);
}

bool parcel_put(const struct taint *taint, struct parcel *parcel, struct u256 amount, uint32_t tag)
{
    struct sums *sums = &parcel->sums;
    if (u256_is_zero(amount))
        return true;
    if (taint->policy->ordered && sums->count && (sums->count > 1 || sums->lots[0].tag != tag)) {
        if (queue_is_empty(&parcel->queue) &&
            !queue_push(&parcel->queue, sums->lots[0].amount, sums->lots[0].tag))
            return false;
        if (!queue_push(&parcel->queue, amount, tag))
            return false;
    }
    return sums_add(sums, amount, tag);
}

bool parcel_each(const struct parcel *parcel, lots_visit_fn *visit, void *context)
{
    if (!queue_is_empty(&parcel->queue))
        return queue_each(&parcel->queue, visit, context);
    for (size_t i = 0; i < parcel->sums.count; i++)
        if (!visit(context, &parcel->sums.lots[i]))
            return false;
    return true;
}

/* Place of a source in the infos, which are sorted. */
static size_t info_place(const struct parcel *parcel, uint32_t source)
{
    size_t low = 0, high = parcel->info_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (parcel->infos[middle].source < source)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct info *info_find(const struct parcel *parcel, uint32_t source)
{
    size_t at = info_place(parcel, source);
    return at < parcel->info_count && parcel->infos[at].source == source ? &parcel->infos[at] : NULL;
}

void info_set(struct parcel *parcel, uint32_t source, uint32_t hop, uint32_t parent, bool *ok)
{
    size_t at = info_place(parcel, source);
    if (at == parcel->info_count || parcel->infos[at].source != source) {
        struct info *infos = grow(parcel->infos, parcel->info_count, &parcel->info_capacity, sizeof(*infos));
        if (!infos) {
            *ok = false;
            return;
        }
        parcel->infos = infos;
        memmove(infos + at + 1, infos + at, (parcel->info_count - at) * sizeof(*infos));
        parcel->info_count++;
    }
    parcel->infos[at] = (struct info){.source = source, .hop = hop, .parent = parent};
}
