/* large.c - see tracer/large.h. */
#include "tracer/large.h"

#include "tracer/limits.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LEAST ((size_t)512)
#define HUGE_PAGE ((size_t)2 * 1024 * 1024)

/* Sizes from here on are mapped. */
#ifdef TRACER_ARENA_MALLOC
#define MAPPED SIZE_MAX
#else
#define MAPPED ((size_t)256 * 1024)
#endif

static void *move(const struct large *large, size_t size)
{
    void *at;
    if (size < MAPPED) {
        if ((at = realloc(large->at, size)))
            memset((char *)at + large->size, 0, size - large->size);
        return at;
    }
    if (large->size >= MAPPED)
        at = mremap(large->at, large->size, size, MREMAP_MAYMOVE);
    else
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    if (size >= 2 * HUGE_PAGE)
        madvise(at, size, MADV_HUGEPAGE); /* a wish */
    if (large->size && large->size < MAPPED) {
        memcpy(at, large->at, large->size);
        free(large->at);
    }
    return at;
}

void large_free(struct large *large)
{
    if (large->size >= MAPPED)
        munmap(large->at, large->size);
    else
        free(large->at);
    *large = (struct large){0};
}

void heap_keep(bool keep)
{
    mallopt(M_TRIM_THRESHOLD, keep ? 512 * 1024 * 1024 : 128 * 1024);
    mallopt(M_MMAP_THRESHOLD, keep ? 32 * 1024 * 1024 : 128 * 1024);
    mallopt(M_TOP_PAD, keep ? 4 * 1024 * 1024 : 0);
}

bool large_grow(struct large *large, size_t size)
{
    size_t larger = large->size ? large->size : LEAST;
    if (size <= large->size)
        return true;
    if (size > SIZE_MAX / 4)
        return false;
    while (larger < size)
        larger *= 2;
    void *at = move(large, larger);
    if (!at)
        return false;
    large->at = at;
    large->size = larger;
    return true;
}
