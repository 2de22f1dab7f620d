/* arena.c - see tracer/arena.h. */
#include "tracer/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK ((size_t)4096)
#define LARGEST_BLOCK ((size_t)1 << 20)

struct arena_block {
    struct arena_block *previous;
    size_t used, size;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct arena_block *last;
    struct arena_block *spare; /* the largest block given back, for the next round */
    size_t total, total_max;   /* bytes given out, as asked for and rounded */
    size_t next_size;
};

static size_t round_up(size_t size)
{
    size_t unit = alignof(max_align_t);
    return size > SIZE_MAX - unit ? 0 : (size + unit - 1) / unit * unit;
}

struct arena *arena_new(size_t bytes_max)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (arena) {
        arena->total_max = bytes_max;
        arena->next_size = FIRST_BLOCK;
    }
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena, (struct arena_mark){0});
    free(arena->spare);
    free(arena);
}

/* Give a block back; one is kept, since loops with marks ask for the same again. */
static void drop_block(struct arena *arena, struct arena_block *block)
{
#ifdef TRACER_ARENA_MALLOC
    (void)arena;
    free(block);
#else
    struct arena_block *smaller = block;
    if (!arena->spare || arena->spare->size < block->size) {
        smaller = arena->spare;
        arena->spare = block;
    }
    free(smaller);
#endif
}

static struct arena_block *new_block(struct arena *arena, size_t size)
{
    struct arena_block *spare = arena->spare;
    if (spare && spare->size >= size) {
        arena->spare = NULL;
        return spare;
    }
#ifdef TRACER_ARENA_MALLOC
    size_t room = size; /* one object a block: the sanitizers see its bounds */
#else
    size_t room = size > arena->next_size ? size : arena->next_size;
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
#endif
    struct arena_block *block = malloc(sizeof(*block) + room);
    if (block)
        block->size = room;
    return block;
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = new_block(arena, size);
    if (!block)
        return NULL;
    block->previous = arena->last;
    block->used = 0;
    arena->last = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = round_up(size ? size : 1);
#ifdef TRACER_ARENA_MALLOC
    rounded = size ? size : 1;
#endif
    if (rounded == 0 || rounded > arena->total_max - arena->total)
        return NULL;
    struct arena_block *block = arena->last;
    if (!block || block->size - block->used < rounded)
        block = add_block(arena, rounded);
    if (!block)
        return NULL;
    void *at = block->bytes + block->used;
    block->used += rounded;
    arena->total += rounded;
    return at;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *at = arena_alloc(arena, total);
    if (at)
        memset(at, 0, total);
    return at;
}

void *arena_copy(struct arena *arena, const void *from, size_t size)
{
    void *at = arena_alloc(arena, size);
    if (at && size)
        memcpy(at, from, size);
    return at;
}

char *arena_text(struct arena *arena, const char *from, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *at = arena_alloc(arena, length + 1);
    if (!at)
        return NULL;
    if (length)
        memcpy(at, from, length);
    at[length] = 0;
    return at;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *at = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (at)
        vsnprintf(at, (size_t)length + 1, format, again);
    va_end(again);
    return at;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->last, arena->last ? arena->last->used : 0, arena->total};
}

void arena_reset(struct arena *arena, struct arena_mark mark)
{
    assert(mark.total <= arena->total);
    while (arena->last && arena->last != mark.block) {
        struct arena_block *previous = arena->last->previous;
        drop_block(arena, arena->last);
        arena->last = previous;
    }
    assert(arena->last == mark.block);
    if (arena->last)
        arena->last->used = mark.used;
    arena->total = mark.total;
}

size_t arena_used(const struct arena *arena)
{
    return arena->total;
}

#ifdef TRACER_ARENA_MALLOC
/* What the sanitizers ask for at each start. The leak check reads what threads that are ending have already given back (LLVM D147459). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "intercept_tls_get_addr=0";
}
#endif
