/* recording.c - preloaded into the program under test: what is written to one file, and what makes it
 * durable, in order (threat-model S2).
 *
 * RECORD_FILE the file (it may not exist yet), RECORD_LOG where events are appended, each a header of three
 * numbers of 64 bits and then the bytes of a write: 1 offset size   a write; it is durable after the next
 * sync of the file 2 offset size   a write through a descriptor that syncs it before it returns (O_DSYNC,
 * O_SYNC) 3 0 0           a sync of the file 4 size 0        its length is set
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVENT_WRITE = 1, EVENT_DURABLE, EVENT_SYNC, EVENT_LENGTH };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;
static ssize_t (*next_write)(int, const void *, size_t);

static int is_recorded(int file)
{
    struct stat mine, wanted;
    const char *path = getenv("RECORD_FILE");
    return path && !fstat(file, &mine) && !stat(path, &wanted) && mine.st_dev == wanted.st_dev &&
           mine.st_ino == wanted.st_ino;
}

static void put(const void *from, size_t size)
{
    for (const char *at = from; size;) {
        ssize_t done = next_write(log_file, at, size);
        if (done <= 0)
            abort();
        at += done;
        size -= (size_t)done;
    }
}

static void record(uint64_t what, uint64_t offset, const struct iovec *parts, int count, size_t size)
{
    const uint64_t header[3] = {what, offset, size};
    pthread_mutex_lock(&lock);
    if (!next_write)
        *(void **)&next_write = dlsym(RTLD_NEXT, "write");
    if (log_file < 0)
        log_file = open(getenv("RECORD_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0)
        abort();
    put(header, sizeof header);
    for (int i = 0; i < count && size; i++) {
        size_t part = parts[i].iov_len < size ? parts[i].iov_len : size;
        put(parts[i].iov_base, part);
        size -= part;
    }
    pthread_mutex_unlock(&lock);
}

static uint64_t kind_of(int file)
{
    int flags = fcntl(file, F_GETFL);
    return flags != -1 && flags & O_DSYNC ? EVENT_DURABLE : EVENT_WRITE; /* O_SYNC has its bit, too */
}

#define NEXT(type, name, arguments)                                                                          \
    static type(*next) arguments;                                                                            \
    if (!next)                                                                                               \
    *(void **)&next = dlsym(RTLD_NEXT, name)

ssize_t write(int file, const void *from, size_t size)
{
    NEXT(ssize_t, "write", (int, const void *, size_t));
    int recorded = is_recorded(file);
    off_t offset = recorded ? lseek(file, 0, SEEK_CUR) : 0;
    ssize_t done = next(file, from, size);
    if (recorded && done > 0)
        record(kind_of(file), (uint64_t)offset, &(struct iovec){(void *)(uintptr_t)from, size}, 1,
               (size_t)done);
    return done;
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    NEXT(ssize_t, "writev", (int, const struct iovec *, int));
    int recorded = is_recorded(file);
    off_t offset = recorded ? lseek(file, 0, SEEK_CUR) : 0;
    ssize_t done = next(file, parts, count);
    if (recorded && done > 0)
        record(kind_of(file), (uint64_t)offset, parts, count, (size_t)done);
    return done;
}

ssize_t pwrite(int file, const void *from, size_t size, off_t offset)
{
    NEXT(ssize_t, "pwrite", (int, const void *, size_t, off_t));
    ssize_t done = next(file, from, size, offset);
    if (done > 0 && is_recorded(file))
        record(kind_of(file), (uint64_t)offset, &(struct iovec){(void *)(uintptr_t)from, size}, 1,
               (size_t)done);
    return done;
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset)
{
    NEXT(ssize_t, "pwritev", (int, const struct iovec *, int, off_t));
    ssize_t done = next(file, parts, count, offset);
    if (done > 0 && is_recorded(file))
        record(kind_of(file), (uint64_t)offset, parts, count, (size_t)done);
    return done;
}

int ftruncate(int file, off_t size)
{
    NEXT(int, "ftruncate", (int, off_t));
    int failed = next(file, size);
    if (!failed && is_recorded(file))
        record(EVENT_LENGTH, (uint64_t)size, NULL, 0, 0);
    return failed;
}

int fdatasync(int file)
{
    NEXT(int, "fdatasync", (int));
    int failed = next(file);
    if (!failed && is_recorded(file))
        record(EVENT_SYNC, 0, NULL, 0, 0);
    return failed;
}

int fsync(int file)
{
    NEXT(int, "fsync", (int));
    int failed = next(file);
    if (!failed && is_recorded(file))
        record(EVENT_SYNC, 0, NULL, 0, 0);
    return failed;
}
