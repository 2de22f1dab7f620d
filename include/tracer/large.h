/* large.h - one array that may grow to gigabytes: it is moved by the kernel, not copied, and asks for huge
 * pages (a page fault for every 4 KiB costs more than what is then written there). Small arrays belong to
 * malloc().
 *
 * Builds with TRACER_ARENA_MALLOC (preset asan) use malloc, so that the sanitizers see its ends.
 */
#ifndef TRACER_LARGE_H
#define TRACER_LARGE_H

#include "tracer/error.h"

#include <stddef.h>

struct large { /* zeroed: empty */
    void *at;
    size_t size; /* bytes */
};

/** At least `size` bytes, by doubling, what is new zeroed; false without memory: the old ones stay. `at` may
 * change. */
TRACER_MUST_USE bool large_grow(struct large *large, size_t size);
void large_free(struct large *large);

/** true: memory that was freed stays with the process, so that a store's transaction does not pay the kernel for the pages of
 * the one before again (main() asks for it). false: as the library is by itself. */
void heap_keep(bool keep);

#endif
