/* lock.c - who may use a directory: one writer, local file systems only (threat-model 8: S6, S10, S11). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "store.h"
#include "tracer/clock.h"

#define WRITER_FILE "writer.lock"
#define LMDB_FILE "lock.mdb"

void lock_init(struct lock_state *lock)
{
    *lock = (struct lock_state){.directory = -1, .file = -1};
}

bool lock_is_network_file_system(uint64_t type)
{
    static const uint32_t types[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x01021997, /* 9P */
        0x00c36400, /* Ceph */
        0x0bd00bd0, /* Lustre */
        0x5346414f, /* AFS */
        0x73757245, /* Coda */
        0x564c,     /* NCP */
        0x7461636f, /* OCFS2 */
        0x01161970, /* GFS2 */
        0x47504653, /* GPFS */
        0x013111a8, /* IBRIX */
        0x786f4256, /* vboxsf */
        0xbacbacbc, /* VMware shared folders */
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if ((uint32_t)type == types[i])
            return true;
    return false;
}

enum tracer_status lock_directory(const char *path, struct lock_state *lock, struct error *err)
{
    struct stat directory;
    struct statfs system;
    lock->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock->directory < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return error_set(err, TRACER_E_NOT_FOUND, "store %s: there is no store here", path);
        return error_set(err, TRACER_E_STORE, "store %s: the directory cannot be opened (%s)", path,
                         strerror(errno));
    }
    if (fstat(lock->directory, &directory) || fstatfs(lock->directory, &system))
        return error_set(err, TRACER_E_STORE, "store %s: the directory cannot be examined (%s)", path,
                         strerror(errno));
    if (lock_is_network_file_system((uint64_t)system.f_type))
        return error_set(err, TRACER_E_STORE,
                         "store %s: is on a network file system, where locks and maps cannot be trusted. "
                         "Use a local disk",
                         path);
    lock->device = directory.st_dev;
    lock->inode = directory.st_ino;
    return TRACER_OK;
}

/* "PID SECONDS\n", written by the holder. */
static enum tracer_status tell_holder(const char *path, int directory, struct error *err)
{
    char text[64] = "", since[32] = "";
    unsigned long long seconds = 0;
    long pid = 0;
    int file = openat(directory, WRITER_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file >= 0) {
        ssize_t size = read(file, text, sizeof(text) - 1);
        close(file);
        text[size > 0 ? size : 0] = '\0';
    }
    if (sscanf(text, "%ld %llu", &pid, &seconds) != 2 || pid <= 0)
        return error_set(err, TRACER_E_BUSY,
                         "store %s: in use by another process. Readers may run; a second writer may not",
                         path);
    clock_format_utc(seconds, since);
    /* "2022-03-23 13:29:09": the day only when it is not today */
    const char *when = seconds / 86400 == clock_unix_s() / 86400 && strlen(since) > 11 ? since + 11 : since;
    return error_set(err, TRACER_E_BUSY,
                     "store %s: in use by process %ld since %s UTC. Readers may run; a second writer may not",
                     path, pid, when);
}

static enum tracer_status write_holder(const char *path, struct lock_state *lock, struct error *err)
{
    char text[64];
    struct stat file;
    lock->file = openat(lock->directory, WRITER_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock->file < 0 || fstat(lock->file, &file))
        return error_set(err, TRACER_E_STORE, "store %s: cannot be written (%s: %s)", path, WRITER_FILE,
                         strerror(errno));
    if (flock(lock->file, LOCK_EX | LOCK_NB))
        return tell_holder(path, lock->directory, err);
    int length = snprintf(text, sizeof(text), "%ld %" PRIu64 "\n", (long)getpid(), clock_unix_s());
    if (ftruncate(lock->file, 0) || pwrite(lock->file, text, (size_t)length, 0) != length) {
        if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
            return error_set(err, TRACER_E_FULL,
                             "store %s: disk full. Nothing was changed. Free space, run again", path);
        return error_set(err, TRACER_E_STORE, "store %s: %s cannot be written (%s)", path, WRITER_FILE,
                         strerror(errno));
    }
    lock->file_device = file.st_dev;
    lock->file_inode = file.st_ino;
    return TRACER_OK;
}

enum tracer_status lock_writer(const char *path, struct lock_state *lock, struct error *err)
{
    if (flock(lock->directory, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK)
            return tell_holder(path, lock->directory, err);
        return error_set(err, TRACER_E_STORE, "store %s: cannot be locked (%s)", path, strerror(errno));
    }
    return write_holder(path, lock, err);
}

enum tracer_status lock_sealed(const char *path, struct lock_state *lock, struct error *err)
{
    if (flock(lock->directory, LOCK_SH | LOCK_NB)) {
        if (errno == EWOULDBLOCK)
            return tell_holder(path, lock->directory, err);
        return error_set(err, TRACER_E_STORE, "store %s: cannot be locked (%s)", path, strerror(errno));
    }
    return TRACER_OK;
}

void lock_remember(struct lock_state *lock)
{
    struct stat file;
    if (!fstatat(lock->directory, LMDB_FILE, &file, AT_SYMLINK_NOFOLLOW)) {
        lock->lmdb_device = file.st_dev;
        lock->lmdb_inode = file.st_ino;
    }
}

static bool same_file(int directory, const char *name, dev_t device, ino_t inode)
{
    struct stat file;
    return !fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) && file.st_dev == device &&
           file.st_ino == inode;
}

bool lock_stands(const struct lock_state *lock, const char **ret_name)
{
    *ret_name = WRITER_FILE;
    if (!same_file(lock->directory, WRITER_FILE, lock->file_device, lock->file_inode))
        return false;
    *ret_name = LMDB_FILE;
    return same_file(lock->directory, LMDB_FILE, lock->lmdb_device, lock->lmdb_inode);
}

void lock_release(struct lock_state *lock)
{
    if (lock->file >= 0)
        close(lock->file);
    if (lock->directory >= 0)
        close(lock->directory);
    lock_init(lock);
}
