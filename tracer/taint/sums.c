/* sums.c - amounts by tag. */
#include "lots.h"

#include <stdlib.h>
#include <string.h>

void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    size_t larger = *capacity ? *capacity * 2 : 8;
    if (larger > SIZE_MAX / size)
        return NULL;
    void *grown = realloc(items, larger * size);
    if (grown)
        *capacity = larger;
    return grown;
}

bool sums_add(struct sums *sums, struct u256 amount, uint32_t tag)
{
    size_t low = 0, high = sums->count;
    if (u256_is_zero(amount))
        return true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sums->lots[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < sums->count && sums->lots[low].tag == tag) {
        sums->lots[low].amount = units_sum(sums->lots[low].amount, amount);
        return true;
    }
    struct lot *lots = grow(sums->lots, sums->count, &sums->capacity, sizeof(*lots));
    if (!lots)
        return false;
    sums->lots = lots;
    memmove(lots + low + 1, lots + low, (sums->count - low) * sizeof(*lots));
    lots[low] = (struct lot){amount, tag};
    sums->count++;
    return true;
}

void sums_release(struct sums *sums)
{
    free(sums->lots);
    *sums = (struct sums){0};
}
