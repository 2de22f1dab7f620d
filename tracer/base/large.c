/* large.c - see tracer/large.h. */
#include "tracer/large.h"

#include "tracer/limits.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

#define SMALL ((size_t)32 * 1024) /* what a command takes that only looks into a store */

/* Behind that the heap is a huge page: one page fault, where a look-up has some fifty of small ones, a tenth of what it costs. */
static void begin_heap(void)
{
#ifndef TRACER_ARENA_MALLOC
    char *end = sbrk(0);
    size_t before = -(uintptr_t)end & (HUGE_PAGE - 1);
    if (before < SMALL || sbrk((intptr_t)(before - SMALL)) != end)
        return;
    void *volatile first = malloc(1); /* now there is a heap */
    free(first);
    madvise(end + before, HUGE_PAGE, MADV_HUGEPAGE); /* a wish */
#endif
}

void heap_keep(bool keep)
{
    mallopt(M_TRIM_THRESHOLD, keep ? 512 * 1024 * 1024 : 128 * 1024);
    mallopt(M_MMAP_THRESHOLD, keep ? 32 * 1024 * 1024 : 128 * 1024);
    mallopt(M_TOP_PAD, keep ? 4 * 1024 * 1024 : 0);
    if (keep)
        begin_heap();
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
