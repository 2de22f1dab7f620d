/* failing.c - preloaded into the program under test: the n-th call of a kind fails (threat-model S4, S12).
 *
 * FAIL_KIND alloc, write or sync; FAIL_AT n: the n-th call of that kind fails, with FAIL_ON=1 every later one too.
 * FAIL_COUNT FILE: how many there were, written at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum kind { KIND_UNSET, KIND_ALLOC, KIND_WRITE, KIND_SYNC };
static enum kind failing;
static unsigned long fail_at;
static int fail_on;
static atomic_ulong counted;

__attribute__((constructor)) static void begin(void)
{
    const char *kind = getenv("FAIL_KIND"), *at = getenv("FAIL_AT"), *on = getenv("FAIL_ON");
    if (!kind)
        return;
    fail_at = at ? strtoul(at, NULL, 10) : 0;
    fail_on = on && *on == '1';
    counted = 0;
    failing = strcmp(kind, "alloc") == 0 ? KIND_ALLOC : strcmp(kind, "write") == 0 ? KIND_WRITE : KIND_SYNC;
}

__attribute__((destructor)) static void end(void)
{
    const char *file = getenv("FAIL_COUNT");
    unsigned long count = counted;
    failing = KIND_UNSET;
    FILE *stream = file ? fopen(file, "w") : NULL;
    if (!stream)
        return;
    fprintf(stream, "%lu\n", count);
    fclose(stream);
}

static int fails(enum kind kind)
{
    if (kind != failing)
        return 0;
    unsigned long number = atomic_fetch_add(&counted, 1) + 1;
    return fail_at && (number == fail_at || (fail_on && number > fail_at));
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

void *malloc(size_t size)
{
    if (!fails(KIND_ALLOC))
        return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    if (!fails(KIND_ALLOC))
        return __libc_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *memory, size_t size)
{
    if (!fails(KIND_ALLOC))
        return __libc_realloc(memory, size);
    errno = ENOMEM;
    return NULL;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (!fails(KIND_ALLOC))
        return __libc_memalign(alignment, size);
    errno = ENOMEM;
    return NULL;
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "mmap");
    if (file == -1 && fails(KIND_ALLOC)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return next(at, size, protection, flags, file, offset);
}

static int is_file(int file)
{
    return file > 2; /* messages go out */
}

ssize_t write(int file, const void *from, size_t size)
{
    static ssize_t (*next)(int, const void *, size_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "write");
    if (is_file(file) && fails(KIND_WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    return next(file, from, size);
}

ssize_t pwrite(int file, const void *from, size_t size, off_t offset)
{
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pwrite");
    if (fails(KIND_WRITE)) {
        errno = EIO;
        return -1;
    }
    return next(file, from, size, offset);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset)
{
    static ssize_t (*next)(int, const struct iovec *, int, off_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pwritev");
    if (fails(KIND_WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    return next(file, parts, count, offset);
}

int fdatasync(int file)
{
    static int (*next)(int);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    if (fails(KIND_SYNC)) {
        errno = EIO;
        return -1;
    }
    return next(file);
}

int fsync(int file)
{
    static int (*next)(int);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fsync");
    if (fails(KIND_SYNC)) {
        errno = EIO;
        return -1;
    }
    return next(file);
}
