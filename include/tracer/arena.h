/* arena.h - memory with one lifetime: many allocations, one release.
 *
 * Every arena has a ceiling; an allocation over it fails like malloc does. arena_mark()/arena_reset()
 * give scratch space inside a loop. Builds with TRACER_ARENA_MALLOC (preset asan) pass each object
 * through to malloc, so that the sanitizers see every one.
 */
#ifndef TRACER_ARENA_H
#define TRACER_ARENA_H

#include <stddef.h>

struct arena; /* owned by the caller: arena_free() */

struct arena_mark {
    void *block;
    size_t used;
    size_t total;
};

/** Returns NULL without memory. */
struct arena *arena_new(size_t bytes_max);
void arena_free(struct arena *arena); /* NULL is fine */

/** `size` bytes aligned for any object, NOT zeroed; NULL at the ceiling or without memory. Size 0 gives
 * a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);
/** As calloc: zeroed, count * size checked for overflow. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);
void *arena_copy(struct arena *arena, const void *from, size_t size);
/** A NUL-terminated copy of `length` bytes. */
char *arena_text(struct arena *arena, const char *from, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct arena_mark arena_mark(const struct arena *arena);
/** Give back everything allocated since `mark`. */
void arena_reset(struct arena *arena, struct arena_mark mark);
size_t arena_used(const struct arena *arena);

#endif
