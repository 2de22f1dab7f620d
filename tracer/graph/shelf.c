/* shelf.c - derived records in an LMDB environment of their own. */
#include "tracer/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define SHELF_DATA "data.mdb"
#define SHELF_LOCK "lock.mdb"
#define SHELF_READERS_MAX 126u
#define SHELF_COMMIT_RECORDS 200000u /* of one that is being made */
#define CHECKSUM_SIZE sizeof(XXH64_hash_t)
#define LINK_SIZE sizeof(XXH64_hash_t) /* of a row: digest of the key before it */
#define SHELF_ROW_KEY_MAX 64u
#define SHELF_READ_HELD TRACER_MIB(2) /* of the map, while all is read */
#define TAIL_KEY "tail" /* in the head: key of the last row */

struct shelf {
    char *path;
    enum shelf_mode mode;
    int directory; /* writers hold a lock on it */
    pid_t process; /* that opened it */
    MDB_env *env;
    MDB_txn *txn; /* of the reader, or the open one of the writer */
    MDB_dbi tables[SHELF_TABLE_COUNT];
    size_t records; /* of the open transaction */
    uint8_t tail[SHELF_ROW_KEY_MAX]; /* writers: key of the last row */
    size_t tail_size;
    bool tail_known;
};

static enum tracer_status fail(const struct shelf *shelf, int result, const char *doing, struct error *err)
{
    enum tracer_status status = result == ENOMEM                              ? TRACER_E_NOMEM
                                : result == ENOSPC || result == MDB_MAP_FULL ? TRACER_E_FULL
                                : result == MDB_INVALID || result == MDB_VERSION_MISMATCH || result == MDB_CORRUPTED ||
                                          result == MDB_PAGE_NOTFOUND || result == MDB_NOTFOUND || result == MDB_INCOMPATIBLE
                                    ? TRACER_E_DAMAGED
                                    : TRACER_E_STORE;
    return error_set(err, status, "taint state %s: %s failed (%s)", shelf->path, doing, mdb_strerror(result));
}

static XXH64_hash_t checksum(enum shelf_table table, const void *key, size_t key_size, const void *value, size_t size)
{
    return XXH3_64bits_withSeed(value, size, XXH3_64bits_withSeed(key, key_size, (XXH64_hash_t)table));
}

static XXH64_hash_t key_digest(MDB_val key)
{
    return XXH3_64bits(key.mv_data, key.mv_size);
}

static size_t link_size(enum shelf_table table)
{
    return table == SHELF_ROW ? LINK_SIZE : 0;
}

/* ---- opening ---- */

static int make_environment(struct shelf *shelf, size_t bytes, unsigned flags)
{
    int result = mdb_env_create(&shelf->env);
    if (result)
        return result;
    if (!(result = mdb_env_set_mapsize(shelf->env, bytes)) && !(result = mdb_env_set_maxdbs(shelf->env, SHELF_TABLE_COUNT)) &&
        !(result = mdb_env_set_maxreaders(shelf->env, SHELF_READERS_MAX)))
        result = mdb_env_open(shelf->env, shelf->path, MDB_NOTLS | flags, 0600);
    if (result) {
        mdb_env_close(shelf->env);
        shelf->env = NULL;
    }
    return result;
}

/* The ceiling is address space only; where there is less of it, take what there is. */
static int open_environment(struct shelf *shelf, unsigned flags)
{
    size_t size = TRACER_STORE_BYTES_MAX;
    int result = make_environment(shelf, size, flags);
    while ((result == ENOMEM || result == EINVAL) && size > TRACER_GIB(1))
        result = make_environment(shelf, size /= 4, flags);
    return result;
}

/* Touching what a cut file has lost would be a bus error. */
static int check_length(const struct shelf *shelf)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    mdb_filehandle_t handle;
    int result = mdb_env_info(shelf->env, &info);
    if (!result && !(result = mdb_env_stat(shelf->env, &stat)) && !(result = mdb_env_get_fd(shelf->env, &handle)) && fstat(handle, &file))
        result = errno;
    if (result)
        return result;
    return (uint64_t)file.st_size < ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize && info.me_last_txnid ? MDB_CORRUPTED : 0;
}

static int open_tables(struct shelf *shelf, unsigned flags)
{
    static const char *const names[SHELF_TABLE_COUNT] = {[SHELF_HEAD] = "head", [SHELF_ACCOUNT] = "account", [SHELF_ROW] = "row"};
    MDB_txn *txn;
    int result = mdb_txn_begin(shelf->env, NULL, shelf->mode == SHELF_READ ? MDB_RDONLY : 0, &txn);
    if (result)
        return result;
    for (int i = 0; i < SHELF_TABLE_COUNT && !result; i++)
        result = mdb_dbi_open(txn, names[i], flags, &shelf->tables[i]);
    if (result) {
        mdb_txn_abort(txn);
        return result;
    }
    return mdb_txn_commit(txn);
}

static int open_all(struct shelf *shelf)
{
    struct stat file;
    unsigned flags = shelf->mode == SHELF_READ ? MDB_RDONLY | MDB_NORDAHEAD : 0;
    if (shelf->mode != SHELF_MAKE && (fstatat(shelf->directory, SHELF_DATA, &file, AT_SYMLINK_NOFOLLOW) || !S_ISREG(file.st_mode) || !file.st_size))
        return MDB_INVALID;
    int result = open_environment(shelf, flags);
    if (shelf->mode == SHELF_READ && (result == EACCES || result == EROFS || result == ENOENT))
        result = open_environment(shelf, flags | MDB_NOLOCK); /* nobody can write there */
    if (!result)
        result = check_length(shelf);
    if (!result && shelf->mode == SHELF_WRITE) {
        int dead;
        mdb_reader_check(shelf->env, &dead);
    }
    return result ? result : open_tables(shelf, shelf->mode == SHELF_MAKE ? MDB_CREATE : 0);
}

enum tracer_status shelf_open(const char *path, enum shelf_mode mode, struct shelf **ret_shelf, struct error *err)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    if (!shelf || !(shelf->path = strdup(path))) {
        free(shelf);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    shelf->mode = mode;
    shelf->process = getpid();
    enum tracer_status status = TRACER_OK;
    if (mode == SHELF_MAKE && mkdir(path, 0700))
        status = error_set(err, TRACER_E_STORE, "taint state %s: the directory cannot be made (%s)", path, strerror(errno));
    shelf->directory = status ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!status && shelf->directory < 0)
        status = errno == ENOENT ? TRACER_E_NOT_FOUND
                                 : error_set(err, TRACER_E_STORE, "taint state %s: cannot be opened (%s)", path, strerror(errno));
    if (!status && mode != SHELF_READ && flock(shelf->directory, LOCK_EX | LOCK_NB))
        status = error_set(err, TRACER_E_BUSY, "taint state %s: another process writes it", path);
    int result = status ? 0 : open_all(shelf);
    if (result)
        status = fail(shelf, result, "opening", err);
    if (status)
        shelf_close(shelf);
    else
        *ret_shelf = shelf;
    return status;
}

void shelf_close(struct shelf *shelf)
{
    if (!shelf)
        return;
    bool ours = shelf->process == getpid(); /* a child would give up what keeps the parent's pages */
    if (shelf->txn && ours)
        mdb_txn_abort(shelf->txn);
    if (shelf->env && ours)
        mdb_env_close(shelf->env);
    if (shelf->directory >= 0)
        close(shelf->directory);
    free(shelf->path);
    free(shelf);
}

/* ---- writing ---- */

static enum tracer_status begin(struct shelf *shelf, struct error *err)
{
    int result = shelf->txn ? 0 : mdb_txn_begin(shelf->env, NULL, 0, &shelf->txn);
    return result ? fail(shelf, result, "beginning to write", err) : TRACER_OK;
}

/* Where rows end is known without them. */
static int put_tail(struct shelf *shelf)
{
    MDB_val at = {sizeof(TAIL_KEY) - 1, TAIL_KEY}, room = {shelf->tail_size + CHECKSUM_SIZE, NULL};
    int result = shelf->txn && shelf->tail_known ? mdb_put(shelf->txn, shelf->tables[SHELF_HEAD], &at, &room, MDB_RESERVE) : 0;
    if (result || !shelf->txn || !shelf->tail_known)
        return result;
    XXH64_hash_t sum = checksum(SHELF_HEAD, at.mv_data, at.mv_size, shelf->tail, shelf->tail_size);
    memcpy(room.mv_data, &sum, CHECKSUM_SIZE);
    memcpy((char *)room.mv_data + CHECKSUM_SIZE, shelf->tail, shelf->tail_size);
    return 0;
}

enum tracer_status shelf_commit(struct shelf *shelf, struct error *err)
{
    int result = put_tail(shelf);
    if (result)
        return fail(shelf, result, "writing", err);
    result = shelf->txn ? mdb_txn_commit(shelf->txn) : 0;
    shelf->txn = NULL;
    shelf->records = 0;
    return result ? fail(shelf, result, "writing", err) : TRACER_OK;
}

/* The last row, as the open transaction has it. */
static int find_tail(struct shelf *shelf)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    if (shelf->tail_known)
        return 0;
    int result = mdb_cursor_open(shelf->txn, shelf->tables[SHELF_ROW], &cursor);
    if (result)
        return result;
    result = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    shelf->tail_size = result ? 0 : key.mv_size;
    if (!result && key.mv_size <= sizeof(shelf->tail))
        memcpy(shelf->tail, key.mv_data, key.mv_size);
    mdb_cursor_close(cursor);
    shelf->tail_known = !result || result == MDB_NOTFOUND;
    return result == MDB_NOTFOUND ? 0 : shelf->tail_size > sizeof(shelf->tail) ? MDB_CORRUPTED : result;
}

enum tracer_status shelf_put(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size, const void *value,
                             size_t size, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (shelf->mode == SHELF_MAKE && shelf->records >= SHELF_COMMIT_RECORDS)
        status = shelf_commit(shelf, err);
    if (!status)
        status = begin(shelf, err);
    if (status)
        return status;
    size_t link = link_size(table);
    uint8_t before[LINK_SIZE] = {0};
    MDB_val at = {key_size, (void *)(uintptr_t)key}, room = {size + link + CHECKSUM_SIZE, NULL};
    int result = link ? find_tail(shelf) : 0;
    if (!result && link && (key_size > sizeof(shelf->tail) || (shelf->tail_size && memcmp(shelf->tail, key, key_size) >= 0)))
        return error_set(err, TRACER_E_INTERNAL, "taint state %s: a row is not behind the others", shelf->path);
    if (!result && link && shelf->tail_size) {
        XXH64_hash_t digest = key_digest((MDB_val){shelf->tail_size, shelf->tail});
        memcpy(before, &digest, sizeof(before));
    }
    result = result ? result : mdb_put(shelf->txn, shelf->tables[table], &at, &room, MDB_RESERVE | (shelf->mode == SHELF_MAKE ? MDB_APPEND : 0));
    if (result == MDB_KEYEXIST)
        result = mdb_put(shelf->txn, shelf->tables[table], &at, &room, MDB_RESERVE); /* not ascending */
    if (result)
        return fail(shelf, result, "writing", err);
    char *to = (char *)room.mv_data + CHECKSUM_SIZE;
    memcpy(to, before, link);
    if (size)
        memcpy(to + link, value, size);
    XXH64_hash_t sum = checksum(table, key, key_size, to, size + link);
    memcpy(room.mv_data, &sum, CHECKSUM_SIZE);
    if (link) {
        memcpy(shelf->tail, key, key_size);
        shelf->tail_size = key_size;
    }
    shelf->records++;
    return TRACER_OK;
}

enum tracer_status shelf_delete(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size, struct error *err)
{
    enum tracer_status status = begin(shelf, err);
    if (status)
        return status;
    MDB_val at = {key_size, (void *)(uintptr_t)key};
    int result = mdb_del(shelf->txn, shelf->tables[table], &at, NULL);
    return result && result != MDB_NOTFOUND ? fail(shelf, result, "writing", err) : TRACER_OK;
}

enum tracer_status shelf_cut(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size, struct error *err)
{
    MDB_cursor *cursor;
    enum tracer_status status = begin(shelf, err);
    if (status)
        return status;
    int result = mdb_cursor_open(shelf->txn, shelf->tables[table], &cursor);
    if (result)
        return fail(shelf, result, "writing", err);
    for (;;) {
        MDB_val at = {key_size, (void *)(uintptr_t)key}, value;
        if ((result = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE)) || (result = mdb_cursor_del(cursor, 0)))
            break;
    }
    mdb_cursor_close(cursor);
    if (table == SHELF_ROW)
        shelf->tail_known = false;
    if (result == MDB_NOTFOUND)
        result = table == SHELF_ROW ? find_tail(shelf) : 0;
    return result ? fail(shelf, result, "writing", err) : TRACER_OK;
}

void shelf_remove(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return;
    unlinkat(directory, SHELF_DATA, 0);
    unlinkat(directory, SHELF_LOCK, 0);
    close(directory);
    rmdir(path);
}

/* A directory takes the place of an empty one only, so the old one is emptied first; who reads it keeps its pages. */
static enum tracer_status move_to(struct shelf *shelf, const char *path, struct error *err)
{
    if (!rename(shelf->path, path))
        return TRACER_OK;
    if (errno != EEXIST && errno != ENOTEMPTY)
        return error_set(err, TRACER_E_STORE, "taint state %s: cannot be put in its place (%s)", path, strerror(errno));
    int old = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (old < 0 || flock(old, LOCK_EX | LOCK_NB)) {
        if (old >= 0)
            close(old);
        return error_set(err, TRACER_E_BUSY, "taint state %s: another process writes it", path);
    }
    unlinkat(old, SHELF_DATA, 0);
    unlinkat(old, SHELF_LOCK, 0);
    int result = rename(shelf->path, path) ? errno : 0;
    close(old);
    return result ? error_set(err, TRACER_E_STORE, "taint state %s: cannot be put in its place (%s)", path, strerror(result)) : TRACER_OK;
}

enum tracer_status shelf_finish(struct shelf *shelf, const char *path, struct error *err)
{
    enum tracer_status status = shelf_commit(shelf, err);
    if (!status)
        status = move_to(shelf, path, err);
    char *moved = status ? NULL : strdup(path);
    if (moved) {
        free(shelf->path);
        shelf->path = moved;
        shelf->mode = SHELF_WRITE;
    }
    return status;
}

/* ---- reading ---- */

static enum tracer_status begin_reading(struct shelf *shelf, struct error *err)
{
    if (shelf->mode != SHELF_READ)
        return begin(shelf, err);
    int result = shelf->txn ? 0 : mdb_txn_begin(shelf->env, NULL, MDB_RDONLY, &shelf->txn);
    return result ? fail(shelf, result, "reading", err) : TRACER_OK;
}

static bool is_locked(int directory)
{
    bool busy = flock(directory, LOCK_SH | LOCK_NB) != 0;
    if (!busy)
        flock(directory, LOCK_UN);
    return busy;
}

bool shelf_has_writer(const struct shelf *shelf)
{
    return is_locked(shelf->directory);
}

bool shelf_is_written(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool busy = directory >= 0 && is_locked(directory);
    if (directory >= 0)
        close(directory);
    return busy;
}

static enum tracer_status damaged(const struct shelf *shelf, struct error *err)
{
    return error_set(err, TRACER_E_DAMAGED, "taint state %s: damaged; remove the directory, it is made again", shelf->path);
}

static enum tracer_status take_value(const struct shelf *shelf, enum shelf_table table, MDB_val key, MDB_val value, struct bytes *ret_value,
                                     struct error *err)
{
    XXH64_hash_t sum;
    size_t link = link_size(table);
    if (value.mv_size < CHECKSUM_SIZE + link)
        return damaged(shelf, err);
    memcpy(&sum, value.mv_data, CHECKSUM_SIZE);
    const uint8_t *data = (const uint8_t *)value.mv_data + CHECKSUM_SIZE;
    if (sum != checksum(table, key.mv_data, key.mv_size, data, value.mv_size - CHECKSUM_SIZE))
        return damaged(shelf, err);
    *ret_value = (struct bytes){data + link, value.mv_size - CHECKSUM_SIZE - link};
    return TRACER_OK;
}

/* No row has this key: the one behind it says which one is before it, and that one is below. */
static enum tracer_status prove_absent(struct shelf *shelf, MDB_val wanted, MDB_cursor *cursor, struct error *err)
{
    MDB_val behind = wanted, value, before = {0, NULL}, ignored, tail_key = {sizeof(TAIL_KEY) - 1, TAIL_KEY}, tail_value;
    struct bytes bytes, tail = {NULL, 0};
    XXH64_hash_t link = 0;
    int result = mdb_cursor_get(cursor, &behind, &value, MDB_SET_RANGE);
    bool at_end = result == MDB_NOTFOUND;
    enum tracer_status status = result && !at_end ? fail(shelf, result, "reading", err) : TRACER_OK;
    if (!status && !at_end && !(status = take_value(shelf, SHELF_ROW, behind, value, &bytes, err)))
        memcpy(&link, bytes.data - LINK_SIZE, LINK_SIZE);
    if (!status) {
        result = mdb_cursor_get(cursor, &before, &ignored, at_end ? MDB_LAST : MDB_PREV);
        status = result && result != MDB_NOTFOUND ? fail(shelf, result, "reading", err) : TRACER_OK;
        before = result ? (MDB_val){0, NULL} : before;
    }
    if (!status && at_end) {
        result = mdb_get(shelf->txn, shelf->tables[SHELF_HEAD], &tail_key, &tail_value);
        status = result == MDB_NOTFOUND ? TRACER_OK
                 : result               ? fail(shelf, result, "reading", err)
                                        : take_value(shelf, SHELF_HEAD, tail_key, tail_value, &tail, err);
        if (!status && (tail.size != before.mv_size || (tail.size && memcmp(tail.data, before.mv_data, tail.size) != 0)))
            status = damaged(shelf, err);
    }
    if (!status && !at_end && (mdb_cmp(shelf->txn, shelf->tables[SHELF_ROW], &behind, &wanted) <= 0 || link != (before.mv_size ? key_digest(before) : 0)))
        status = damaged(shelf, err);
    if (!status && before.mv_size && mdb_cmp(shelf->txn, shelf->tables[SHELF_ROW], &before, &wanted) >= 0)
        status = damaged(shelf, err);
    return status ? status : TRACER_E_NOT_FOUND;
}

enum tracer_status shelf_get(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size, struct bytes *ret_value,
                             struct error *err)
{
    enum tracer_status status = begin_reading(shelf, err);
    if (status)
        return status;
    MDB_val at = {key_size, (void *)(uintptr_t)key}, value;
    int result = mdb_get(shelf->txn, shelf->tables[table], &at, &value);
    if (result != MDB_NOTFOUND)
        return result ? fail(shelf, result, "reading", err) : take_value(shelf, table, at, value, ret_value, err);
    MDB_cursor *cursor;
    if (table != SHELF_ROW)
        return TRACER_E_NOT_FOUND;
    if ((result = mdb_cursor_open(shelf->txn, shelf->tables[SHELF_ROW], &cursor)))
        return fail(shelf, result, "reading", err);
    status = prove_absent(shelf, at, cursor, err);
    mdb_cursor_close(cursor);
    return status;
}

/* Pages of the map that were read stay in the kernel's cache, but are no more this process's memory. */
struct held {
    uintptr_t first, last; /* bytes of the map; first 0: none */
    size_t read;
};

static void hold(struct held *held, MDB_val value)
{
    uintptr_t at = (uintptr_t)value.mv_data;
    held->first = held->first && held->first < at ? held->first : at;
    held->last = held->last > at + value.mv_size ? held->last : at + value.mv_size;
    held->read += value.mv_size;
    if (held->read < SHELF_READ_HELD)
        return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = held->first / page * page;
    madvise((void *)first, held->last - first, MADV_DONTNEED);
    *held = (struct held){0, 0, 0};
}

enum tracer_status shelf_each(struct shelf *shelf, enum shelf_table table, shelf_visit_fn *visit, void *context, struct error *err)
{
    MDB_cursor *cursor;
    enum tracer_status status = begin_reading(shelf, err);
    if (status)
        return status;
    MDB_val key, value, before = {0, NULL};
    MDB_stat stat;
    size_t count = 0;
    struct held held = {0, 0, 0};
    int result = mdb_stat(shelf->txn, shelf->tables[table], &stat);
    if (!result)
        result = mdb_cursor_open(shelf->txn, shelf->tables[table], &cursor);
    if (result)
        return fail(shelf, result, "reading", err);
    for (; !status && !(result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)); count++) {
        struct bytes bytes;
        status = take_value(shelf, table, key, value, &bytes, err);
        if (!status && count && mdb_cmp(shelf->txn, shelf->tables[table], &before, &key) >= 0)
            status = damaged(shelf, err);
        before = key;
        if (!status)
            status = visit(context, (struct bytes){key.mv_data, key.mv_size}, bytes, err);
        if (shelf->mode == SHELF_READ)
            hold(&held, value);
    }
    mdb_cursor_close(cursor);
    if (status)
        return status;
    if (result != MDB_NOTFOUND)
        return fail(shelf, result, "reading", err);
    return count == stat.ms_entries ? TRACER_OK : damaged(shelf, err);
}
