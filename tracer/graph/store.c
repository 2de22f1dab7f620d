/* store.c - transactions and checked records over LMDB, and what its failures mean (threat-model 10). */
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tracer/clock.h"

#define READER_CHECK_COMMITS 1000u

/* --- errors ------------------------------------------------------------------------------------------ */

enum tracer_status store_error(const struct graph *graph, struct error *err, enum tracer_status status,
                               const char *format, ...)
{
    char text[TRACER_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(err, status, "store %s: %s", graph->path, text);
}

enum tracer_status store_damaged(const struct graph *graph, enum table table, const void *key,
                                 size_t key_size, struct error *err)
{
    const uint8_t *bytes = key;
    char where[64] = "";
    if (table != TABLE_META && table != TABLE_LIST && table != TABLE_ENDPOINT && key_size >= 8) {
        if ((table == TABLE_LOG || table == TABLE_BLOCK || table == TABLE_TRANSACTION ||
             table == TABLE_ORPHAN || table == TABLE_OPENING) &&
            key_size >= 16)
            snprintf(where, sizeof(where), ", chain %" PRIu64 ", block %" PRIu64, get_u64_big(bytes),
                     get_u64_big(bytes + 8));
        else
            snprintf(where, sizeof(where), ", chain %" PRIu64, get_u64_big(bytes));
    }
    return store_error(
        graph, err, TRACER_E_DAMAGED,
        "record damaged (%s%s). Nothing was answered. Run: store verify, then restore or rebuild",
        table_name(table), where);
}

/* Free space for this process, in bytes; also what its file-size limit leaves. */
static uint64_t bytes_free(const struct graph *graph, bool *ret_limited)
{
    struct statvfs system;
    struct rlimit limit;
    struct stat file;
    uint64_t bytes = UINT64_MAX;
    *ret_limited = false;
    if (!fstatvfs(graph->lock.directory, &system))
        bytes = (uint64_t)system.f_bavail * system.f_frsize;
    if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
        !fstatat(graph->lock.directory, DATA_FILE, &file, 0)) {
        uint64_t left = limit.rlim_cur > (uint64_t)file.st_size ? limit.rlim_cur - (uint64_t)file.st_size : 0;
        if (left < bytes) {
            bytes = left;
            *ret_limited = true;
        }
    }
    return bytes;
}

static enum tracer_status disk_full(const struct graph *graph, struct error *err)
{
    bool limited;
    uint64_t bytes = bytes_free(graph, &limited);
    uint64_t needed = graph->write_bytes + TRACER_MIB(1);
    return store_error(graph, err, TRACER_E_FULL,
                       "%s (%" PRIu64 " MiB free, %" PRIu64
                       " MiB needed). What was committed is safe. Free space, run again",
                       limited ? "file size limit reached" : "disk full", bytes >> 20,
                       (needed + TRACER_MIB(1)) >> 20);
}

/* LMDB says EIO for a write that came out short: the file system knows better. */
static bool looks_full(const struct graph *graph)
{
    bool limited;
    return bytes_free(graph, &limited) < graph->write_bytes + TRACER_MIB(1);
}

enum tracer_status store_fail(struct graph *graph, int result, const char *doing, struct error *err)
{
    switch (result) {
    case MDB_MAP_FULL:
        return store_error(graph, err, TRACER_E_FULL,
                           "the ceiling of the data file is reached. What was committed is safe. "
                           "Open it with a larger ceiling, or compact it");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return disk_full(graph, err);
    case EIO:
        if (looks_full(graph))
            return disk_full(graph, err);
        break;
    case ENOMEM:
        return store_error(graph, err, TRACER_E_NOMEM, "no memory (%s)", doing);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_BAD_VALSIZE:
        return store_error(graph, err, TRACER_E_DAMAGED,
                           "damaged (%s). Nothing was answered. Run: store verify, then restore", doing);
    case MDB_PANIC:
        graph->panicked = true;
        return store_error(graph, err, TRACER_E_STORE,
                           "a write failed half way. Close it, then run: store verify");
    case MDB_READERS_FULL:
        return store_error(graph, err, TRACER_E_STORE, "too many readers (%u). Close some, run again",
                           READERS_MAX);
    default:
        break;
    }
    return store_error(graph, err, TRACER_E_STORE, "%s failed (%s). What was committed is safe", doing,
                       mdb_strerror(result));
}

enum tracer_status store_check(const struct graph *graph, struct error *err)
{
    if (graph->inherited)
        return store_error(
            graph, err, TRACER_E_STORE,
            "was opened by process %ld and cannot be used after fork. Open it again in this process",
            (long)graph->pid);
    if (graph->panicked)
        return store_error(graph, err, TRACER_E_STORE,
                           "a write failed half way. Close it, then run: store verify");
    return TRACER_OK;
}

enum tracer_status store_check_writable(const struct graph *graph, struct error *err)
{
    const char *name;
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    if (graph->mode == GRAPH_READ)
        return store_error(graph, err, TRACER_E_USAGE, "is open for reading only");
    if (!lock_stands(&graph->lock, &name))
        return store_error(graph, err, TRACER_E_STORE,
                           "%s was deleted or replaced while in use. Nothing more is written. "
                           "Stop every process that uses the store, then run: store verify",
                           name);
    return TRACER_OK;
}

/* --- transactions ------------------------------------------------------------------------------------ */

/* Begin or renew; another process may have grown the map (S9). */
int store_begin(struct graph *graph, MDB_txn **txn, unsigned flags, bool renew)
{
    int result = MDB_MAP_RESIZED;
    for (int attempt = 0; attempt < 2 && result == MDB_MAP_RESIZED; attempt++) {
        result = renew ? mdb_txn_renew(*txn) : mdb_txn_begin(graph->env, NULL, flags, txn);
        if (result != MDB_MAP_RESIZED || store_is_writing(graph))
            break;
        if (graph->reader && !renew) {
            mdb_txn_abort(graph->reader);
            graph->reader = NULL;
        }
        int resized = mdb_env_set_mapsize(graph->env, 0);
        if (resized)
            return resized;
    }
    return result;
}

enum tracer_status store_read_begin(struct graph *graph, MDB_txn **ret_txn, struct error *err)
{
    assert(!graph->reading);
    int result = store_begin(graph, &graph->reader, MDB_RDONLY, graph->reader != NULL);
    if (result)
        return store_fail(graph, result, "beginning to read", err);
    graph->reading = true;
    *ret_txn = graph->reader;
    return TRACER_OK;
}

void store_read_end(struct graph *graph)
{
    if (graph->reading)
        mdb_txn_reset(graph->reader);
    graph->reading = false;
}

/* The first write of an open store takes the clean-stop mark away, in its own transaction. */
enum tracer_status store_mark(struct graph *graph, bool clean, struct error *err)
{
    uint8_t bytes[STORE_RECORD_MAX];
    struct key key = key_of_meta("store");
    struct store_record record = graph->record;
    record.clean = clean;
    enum tracer_status status =
        store_put(graph, TABLE_META, &key, bytes, store_record_encode(&record, bytes), err);
    if (!status)
        graph->record = record;
    return status;
}

enum tracer_status store_write_begin(struct graph *graph, struct error *err)
{
    assert(!store_is_writing(graph));
    int result = store_begin(graph, &graph->writer, 0, false);
    if (result) {
        graph->writer = NULL;
        return store_fail(graph, result, "beginning to write", err);
    }
    graph->write_records = graph->write_bytes = 0;
    if (graph->record.clean && !graph->is_new) {
        enum tracer_status status = store_mark(graph, false, err);
        graph->unmarked = true;
        if (status) {
            store_write_abort(graph);
            return status;
        }
    }
    return TRACER_OK;
}

/* What the transaction had changed in memory is undone. */
static void undo(struct graph *graph)
{
    graph->writer = NULL;
    graph->staging = false;
    graph->write_records = graph->write_bytes = 0;
    if (graph->unmarked)
        graph->record.clean = true;
    graph->unmarked = false;
    store_forget(graph);
}

void store_write_abort(struct graph *graph)
{
    if (graph->writer)
        mdb_txn_abort(graph->writer);
    stage_wait(graph, NULL); /* what it says is no news: the load is given up */
    undo(graph);
}

enum tracer_status store_put_states(struct graph *graph, struct error *err)
{
    uint8_t bytes[CHAIN_STATE_MAX];
    for (struct chain *chain = graph->chains; chain; chain = chain->next) {
        if (!chain->changed)
            continue;
        enum tracer_status status = ids_store(graph, chain, err);
        if (status)
            return status;
        struct key key = key_of_meta_chain("state", chain->id);
        status = store_put(graph, TABLE_META, &key, bytes, chain_state_encode(&chain->state, bytes), err);
        if (status)
            return status;
    }
    return TRACER_OK;
}

/* LMDB does not write a page that was taken and given back in one transaction; at the end of the file this
 * would look like a truncated store. */
static void keep_length(struct graph *graph)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    mdb_filehandle_t handle;
    if (mdb_env_info(graph->env, &info) || mdb_env_stat(graph->env, &stat) ||
        mdb_env_get_fd(graph->env, &handle) || fstat(handle, &file))
        return;
    uint64_t length = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    if ((uint64_t)file.st_size < length && ftruncate(handle, (off_t)length))
        return; /* found at the next open, and mended there */
}

void store_committed(struct graph *graph)
{
    graph->unmarked = false;
    keep_length(graph);
    graph->is_new = false;
    if (++graph->commits % READER_CHECK_COMMITS == 0) {
        int dead;
        mdb_reader_check(graph->env, &dead);
    }
}

enum tracer_status store_write_commit(struct graph *graph, struct error *err)
{
    enum tracer_status status = store_settle(graph, err);
    if (!status)
        status = store_put_states(graph, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    uint64_t start = clock_monotonic_ns();
    int result = mdb_txn_commit(graph->writer);
    graph->timing.log_ns += clock_monotonic_ns() - start;
    graph->writer = NULL; /* freed by LMDB, whatever came out */
    if (result) {
        status = store_fail(graph, result, "committing", err);
        undo(graph);
        return status;
    }
    for (struct chain *chain = graph->chains; chain; chain = chain->next)
        chain->changed = false;
    store_committed(graph);
    return TRACER_OK;
}

enum tracer_status store_join(struct graph *graph, bool *ret_own, struct error *err)
{
    enum tracer_status status = store_check_writable(graph, err);
    *ret_own = false;
    if (status || store_is_writing(graph))
        return status ? status : store_settle(graph, err);
    status = store_write_begin(graph, err);
    *ret_own = !status;
    return status;
}

enum tracer_status store_leave(struct graph *graph, bool own, enum tracer_status status, struct error *err)
{
    if (!own)
        return status;
    if (status) {
        store_write_abort(graph);
        return status;
    }
    return store_write_commit(graph, err);
}

/* --- records ----------------------------------------------------------------------------------------- */

static MDB_val value_of(const struct key *key)
{
    return (MDB_val){key->size, (void *)(uintptr_t)key->bytes};
}

enum tracer_status store_get(struct graph *graph, MDB_txn *txn, enum table table, const struct key *key,
                             struct record *ret_record, struct error *err)
{
    MDB_val name = value_of(key), data;
    int result = mdb_get(txn, graph->tables[table], &name, &data);
    if (result == MDB_NOTFOUND)
        return TRACER_E_NOT_FOUND;
    if (result)
        return store_fail(graph, result, "reading", err);
    ret_record->data = data.mv_data;
    if (!record_open(table, key->bytes, key->size, data.mv_data, data.mv_size, &ret_record->size))
        return store_damaged(graph, table, key->bytes, key->size, err);
    return TRACER_OK;
}

int store_append(MDB_txn *txn, MDB_dbi table, const struct key *key, MDB_val *data)
{
    MDB_val name = value_of(key);
    int result = mdb_put(txn, table, &name, data, MDB_RESERVE | MDB_APPEND);
    return result == MDB_KEYEXIST ? mdb_put(txn, table, &name, data, MDB_RESERVE) : result;
}

enum tracer_status store_reserve(struct graph *graph, enum table table, const struct key *key, size_t size,
                                 uint8_t **ret_data, struct error *err)
{
    MDB_val data = {size + CHECKSUM_SIZE, NULL};
    int result = graph->staging ? stage_reserve(graph, table, key, &data)
                                : store_append(graph->writer, graph->tables[table], key, &data);
    if (result)
        return store_fail(graph, result, "writing", err);
    graph->write_records++;
    graph->write_bytes += key->size + data.mv_size;
    *ret_data = data.mv_data;
    return TRACER_OK;
}

void store_seal(enum table table, const struct key *key, uint8_t *data, size_t size)
{
    record_seal(table, key->bytes, key->size, data, size);
}

enum tracer_status store_put(struct graph *graph, enum table table, const struct key *key, const void *data,
                             size_t size, struct error *err)
{
    uint8_t *to;
    enum tracer_status status = store_reserve(graph, table, key, size, &to, err);
    if (status)
        return status;
    memcpy(to, data, size);
    store_seal(table, key, to, size);
    return TRACER_OK;
}

enum tracer_status store_delete(struct graph *graph, enum table table, const struct key *key,
                                struct error *err)
{
    MDB_val name = value_of(key);
    int result = mdb_del(graph->writer, graph->tables[table], &name, NULL);
    graph->write_records++;
    if (result && result != MDB_NOTFOUND)
        return store_fail(graph, result, "deleting", err);
    return TRACER_OK;
}

enum tracer_status store_cursor_open(struct graph *graph, MDB_txn *txn, enum table table,
                                     struct store_cursor *ret_cursor, struct error *err)
{
    *ret_cursor = (struct store_cursor){.graph = graph, .table = table};
    int result = mdb_cursor_open(txn, graph->tables[table], &ret_cursor->cursor);
    return result ? store_fail(graph, result, "reading", err) : TRACER_OK;
}

void store_cursor_close(struct store_cursor *cursor)
{
    if (cursor->cursor)
        mdb_cursor_close(cursor->cursor);
    cursor->cursor = NULL;
}

enum tracer_status store_cursor_move(struct store_cursor *cursor, MDB_cursor_op op, const struct key *key,
                                     struct error *err)
{
    MDB_val name = {0, NULL}, data;
    if (key)
        name = value_of(key);
    int result = mdb_cursor_get(cursor->cursor, &name, &data, op);
    if (result == MDB_NOTFOUND)
        return TRACER_E_NOT_FOUND;
    if (result)
        return store_fail(cursor->graph, result, "reading", err);
    cursor->key = name.mv_data;
    cursor->key_size = name.mv_size;
    cursor->raw = data.mv_data;
    cursor->raw_size = data.mv_size;
    return TRACER_OK;
}

enum tracer_status store_cursor_floor(struct store_cursor *cursor, const struct key *key, size_t prefix,
                                      struct error *err)
{
    enum tracer_status status = store_cursor_move(cursor, MDB_SET_RANGE, key, err);
    if (status == TRACER_E_NOT_FOUND)
        status = store_cursor_move(cursor, MDB_LAST, NULL, err);
    else if (!status && (cursor->key_size != key->size || memcmp(cursor->key, key->bytes, key->size) != 0))
        status = store_cursor_move(cursor, MDB_PREV, NULL, err);
    if (!status && (cursor->key_size < prefix || memcmp(cursor->key, key->bytes, prefix) != 0))
        return TRACER_E_NOT_FOUND;
    return status;
}

enum tracer_status store_cursor_record(struct store_cursor *cursor, struct record *ret_record,
                                       struct error *err)
{
    ret_record->data = cursor->raw;
    if (!record_open(cursor->table, cursor->key, cursor->key_size, cursor->raw, cursor->raw_size,
                     &ret_record->size))
        return store_damaged(cursor->graph, cursor->table, cursor->key, cursor->key_size, err);
    return TRACER_OK;
}

bool store_is_seen(const struct store_cursor *cursor, const struct seen *seen)
{
    MDB_txn *txn = mdb_cursor_txn(cursor->cursor);
    return txn == cursor->graph->reader && cursor->raw == seen->at && mdb_txn_id(txn) == seen->snapshot;
}

void store_see(const struct store_cursor *cursor, size_t size, struct seen *ret_seen)
{
    MDB_txn *txn = mdb_cursor_txn(cursor->cursor);
    if (txn == cursor->graph->reader) /* what a writer wrote may change where it lies */
        *ret_seen = (struct seen){cursor->raw, mdb_txn_id(txn), size};
}

bool store_cursor_in(const struct store_cursor *cursor, const struct key *prefix)
{
    return cursor->key_size >= prefix->size && memcmp(cursor->key, prefix->bytes, prefix->size) == 0;
}
