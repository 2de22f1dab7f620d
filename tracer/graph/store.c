/* store.c - the LMDB environment: opening, closing, transactions, checked records (threat-model 10). */
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "segment.h"
#include "tracer/clock.h"

#define DATA_FILE "data.mdb"
#define READERS_MAX 126u
#define READER_CHECK_COMMITS 1000u
#define SHORT_PAGES_REPAIRED 16u

/* Open stores of this process (S7). */
static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct graph *open_stores;

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

enum tracer_status store_damaged(const struct graph *graph, enum table table, const void *key, size_t key_size,
                                 struct error *err)
{
    const uint8_t *bytes = key;
    char where[64] = "";
    if (table != TABLE_META && table != TABLE_LIST && table != TABLE_ENDPOINT && key_size >= 8) {
        if ((table == TABLE_LOG || table == TABLE_BLOCK || table == TABLE_TRANSACTION || table == TABLE_ORPHAN ||
             table == TABLE_OPENING) &&
            key_size >= 16)
            snprintf(where, sizeof(where), ", chain %" PRIu64 ", block %" PRIu64, get_u64_big(bytes),
                     get_u64_big(bytes + 8));
        else
            snprintf(where, sizeof(where), ", chain %" PRIu64, get_u64_big(bytes));
    }
    return store_error(graph, err, TRACER_E_DAMAGED,
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
                       limited ? "file size limit reached" : "disk full", bytes >> 20, (needed + TRACER_MIB(1)) >> 20);
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
        return store_error(graph, err, TRACER_E_STORE, "a write failed half way. Close it, then run: store verify");
    case MDB_READERS_FULL:
        return store_error(graph, err, TRACER_E_STORE, "too many readers (%u). Close some, run again", READERS_MAX);
    default:
        break;
    }
    return store_error(graph, err, TRACER_E_STORE, "%s failed (%s). What was committed is safe", doing,
                       mdb_strerror(result));
}

enum tracer_status store_check(const struct graph *graph, struct error *err)
{
    if (graph->pid != getpid())
        return store_error(graph, err, TRACER_E_STORE,
                           "was opened by process %ld and cannot be used after fork. Open it again in this process",
                           (long)graph->pid);
    if (graph->panicked)
        return store_error(graph, err, TRACER_E_STORE, "a write failed half way. Close it, then run: store verify");
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
static int begin(struct graph *graph, MDB_txn **txn, unsigned flags, bool renew)
{
    int result = MDB_MAP_RESIZED;
    for (int attempt = 0; attempt < 2 && result == MDB_MAP_RESIZED; attempt++) {
        result = renew ? mdb_txn_renew(*txn) : mdb_txn_begin(graph->env, NULL, flags, txn);
        if (result != MDB_MAP_RESIZED || graph->writer)
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
    int result = begin(graph, &graph->reader, MDB_RDONLY, graph->reader != NULL);
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
static enum tracer_status mark(struct graph *graph, bool clean, struct error *err)
{
    uint8_t bytes[STORE_RECORD_MAX];
    struct key key = key_of_meta("store");
    struct store_record record = graph->record;
    record.clean = clean;
    enum tracer_status status = store_put(graph, TABLE_META, &key, bytes, store_record_encode(&record, bytes), err);
    if (!status)
        graph->record = record;
    return status;
}

enum tracer_status store_write_begin(struct graph *graph, struct error *err)
{
    assert(!graph->writer);
    int result = begin(graph, &graph->writer, 0, false);
    if (result) {
        graph->writer = NULL;
        return store_fail(graph, result, "beginning to write", err);
    }
    graph->write_records = graph->write_bytes = 0;
    memset(graph->last_known, 0, sizeof(graph->last_known));
    if (graph->record.clean && !graph->is_new) {
        enum tracer_status status = mark(graph, false, err);
        if (status) {
            graph->record.clean = true;
            store_write_abort(graph);
            return status;
        }
    }
    return TRACER_OK;
}

void store_write_abort(struct graph *graph)
{
    if (graph->writer)
        mdb_txn_abort(graph->writer);
    graph->writer = NULL;
    graph->write_records = graph->write_bytes = 0;
    store_forget(graph);
}

static enum tracer_status put_states(struct graph *graph, struct error *err)
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
    if (mdb_env_info(graph->env, &info) || mdb_env_stat(graph->env, &stat) || mdb_env_get_fd(graph->env, &handle) ||
        fstat(handle, &file))
        return;
    uint64_t length = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    if ((uint64_t)file.st_size < length && ftruncate(handle, (off_t)length))
        return; /* found at the next open, and mended there */
}

enum tracer_status store_write_commit(struct graph *graph, struct error *err)
{
    enum tracer_status status = put_states(graph, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    int result = mdb_txn_commit(graph->writer);
    graph->writer = NULL; /* freed by LMDB, whatever came out */
    if (result) {
        status = store_fail(graph, result, "committing", err);
        store_forget(graph);
        return status;
    }
    keep_length(graph);
    for (struct chain *chain = graph->chains; chain; chain = chain->next)
        chain->changed = false;
    graph->is_new = false;
    if (++graph->commits % READER_CHECK_COMMITS == 0) {
        int dead;
        mdb_reader_check(graph->env, &dead);
    }
    return TRACER_OK;
}

enum tracer_status store_join(struct graph *graph, bool *ret_own, struct error *err)
{
    enum tracer_status status = store_check_writable(graph, err);
    *ret_own = false;
    if (status || graph->writer)
        return status;
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

/* Is `key` behind every key of the table? Then MDB_APPEND is allowed, which packs pages full. */
static enum tracer_status is_last(struct graph *graph, enum table table, const struct key *key, bool *ret_last,
                                  struct error *err)
{
    struct key *last = &graph->last_keys[table];
    if (!graph->last_known[table]) {
        struct store_cursor cursor;
        enum tracer_status status = store_cursor_open(graph, graph->writer, table, &cursor, err);
        if (status)
            return status;
        status = store_cursor_move(&cursor, MDB_LAST, NULL, err);
        last->size = 0;
        if (!status)
            key_bytes(last, cursor.key, cursor.key_size);
        store_cursor_close(&cursor);
        if (status && status != TRACER_E_NOT_FOUND)
            return status;
        graph->last_known[table] = true;
    }
    size_t common = last->size < key->size ? last->size : key->size;
    int order = memcmp(key->bytes, last->bytes, common);
    *ret_last = order > 0 || (order == 0 && key->size > last->size);
    if (*ret_last)
        *last = *key;
    return TRACER_OK;
}

enum tracer_status store_reserve(struct graph *graph, enum table table, const struct key *key, size_t size,
                                 uint8_t **ret_data, struct error *err)
{
    bool last;
    enum tracer_status status = is_last(graph, table, key, &last, err);
    if (status)
        return status;
    MDB_val name = value_of(key), data = {size + CHECKSUM_SIZE, NULL};
    int result =
        mdb_put(graph->writer, graph->tables[table], &name, &data, MDB_RESERVE | (last ? (unsigned)MDB_APPEND : 0u));
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

enum tracer_status store_delete(struct graph *graph, enum table table, const struct key *key, struct error *err)
{
    MDB_val name = value_of(key);
    int result = mdb_del(graph->writer, graph->tables[table], &name, NULL);
    graph->last_known[table] = false;
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

enum tracer_status store_cursor_record(struct store_cursor *cursor, struct record *ret_record, struct error *err)
{
    ret_record->data = cursor->raw;
    if (!record_open(cursor->table, cursor->key, cursor->key_size, cursor->raw, cursor->raw_size, &ret_record->size))
        return store_damaged(cursor->graph, cursor->table, cursor->key, cursor->key_size, err);
    return TRACER_OK;
}

bool store_cursor_in(const struct store_cursor *cursor, const struct key *prefix)
{
    return cursor->key_size >= prefix->size && memcmp(cursor->key, prefix->bytes, prefix->size) == 0;
}

/* --- chains ------------------------------------------------------------------------------------------ */

struct chain *store_chain(struct graph *graph, uint64_t chain_id)
{
    struct chain *chain = graph->chains;
    while (chain && chain->id != chain_id)
        chain = chain->next;
    if (chain)
        return chain;
    chain = calloc(1, sizeof(*chain));
    if (!chain)
        return NULL;
    chain->id = chain_id;
    chain->next = graph->chains;
    graph->chains = chain;
    return chain;
}

enum tracer_status store_get_state(struct graph *graph, MDB_txn *txn, uint64_t chain_id, struct chain_state *ret_state,
                                   struct error *err)
{
    struct record record;
    struct key key = key_of_meta_chain("state", chain_id);
    enum tracer_status status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND) {
        memset(ret_state, 0, sizeof(*ret_state));
        return TRACER_OK;
    }
    if (!status && !chain_state_decode(record.data, record.size, ret_state))
        return store_damaged(graph, TABLE_META, key.bytes, key.size, err);
    return status;
}

enum tracer_status store_get_runs(struct graph *graph, MDB_txn *txn, uint64_t chain_id, struct run_list *ret_list,
                                  struct error *err)
{
    struct record record;
    struct key key = key_of_meta_chain("runs", chain_id);
    enum tracer_status status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND) {
        memset(ret_list, 0, sizeof(*ret_list));
        return TRACER_OK;
    }
    if (!status && !run_list_decode(record.data, record.size, ret_list))
        return store_damaged(graph, TABLE_META, key.bytes, key.size, err);
    return status;
}

enum tracer_status store_put_runs(struct graph *graph, uint64_t chain_id, const struct run_list *list,
                                  struct error *err)
{
    uint8_t bytes[RUN_LIST_MAX];
    struct key key = key_of_meta_chain("runs", chain_id);
    return store_put(graph, TABLE_META, &key, bytes, run_list_encode(list, bytes), err);
}

enum tracer_status store_load_chain(struct graph *graph, uint64_t chain_id, struct chain **ret_chain,
                                    struct error *err)
{
    struct record record;
    struct chain *chain = store_chain(graph, chain_id);
    if (!chain)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    if (!chain->loaded) {
        struct key key = key_of_meta_chain("network", chain_id);
        enum tracer_status status = store_get(graph, graph->writer, TABLE_META, &key, &record, err);
        if (status == TRACER_E_NOT_FOUND)
            return store_error(graph, err, TRACER_E_CHAIN, "chain %" PRIu64 " is not registered here", chain_id);
        if (!status)
            status = store_get_state(graph, graph->writer, chain_id, &chain->state, err);
        if (status)
            return status;
        chain->loaded = true;
    }
    *ret_chain = chain;
    return TRACER_OK;
}

void store_forget(struct graph *graph)
{
    for (struct chain *chain = graph->chains; chain; chain = chain->next) {
        if (!chain->changed)
            continue;
        chain->loaded = chain->changed = false;
        intern_release(&chain->accounts);
        intern_release(&chain->assets);
    }
}

enum tracer_status store_chain_ids(struct graph *graph, MDB_txn *txn, uint64_t **ret_ids, size_t *ret_count,
                                   struct error *err)
{
    struct store_cursor cursor;
    struct key prefix = key_of_meta("network");
    uint64_t *ids = NULL;
    size_t count = 0, capacity = 0;
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_META, &cursor, err);
    if (status)
        return status;
    for (status = store_cursor_move(&cursor, MDB_SET_RANGE, &prefix, err);
         !status && store_cursor_in(&cursor, &prefix) && cursor.key_size == prefix.size + 8;
         status = store_cursor_move(&cursor, MDB_NEXT, NULL, err)) {
        if (count == capacity) {
            uint64_t *grown = realloc(ids, (capacity = capacity * 2 + 4) * sizeof(*ids));
            if (!grown) {
                status = store_error(graph, err, TRACER_E_NOMEM, "no memory");
                break;
            }
            ids = grown;
        }
        ids[count++] = get_u64_big(cursor.key + prefix.size);
    }
    store_cursor_close(&cursor);
    if (status && status != TRACER_E_NOT_FOUND) {
        free(ids);
        return status;
    }
    *ret_ids = ids;
    *ret_count = count;
    return TRACER_OK;
}

enum tracer_status store_get_block_record(struct graph *graph, MDB_txn *txn, uint64_t chain_id, uint64_t number,
                                          struct block_record *ret_record, struct error *err)
{
    struct record record;
    struct key key = key_of_block(chain_id, number);
    enum tracer_status status = store_get(graph, txn, TABLE_BLOCK, &key, &record, err);
    if (!status && !block_record_decode(record.data, record.size, ret_record))
        return store_damaged(graph, TABLE_BLOCK, key.bytes, key.size, err);
    return status;
}

/* --- opening ----------------------------------------------------------------------------------------- */

/* Enter the store into the process's list; false: it is there already. */
static bool enter(struct graph *graph)
{
    bool free_to_open = true;
    pthread_mutex_lock(&open_mutex);
    for (struct graph *other = open_stores; other; other = other->next)
        if (other->pid == graph->pid && other->lock.device == graph->lock.device &&
            other->lock.inode == graph->lock.inode)
            free_to_open = false;
    if (free_to_open) {
        graph->next = open_stores;
        open_stores = graph;
    }
    pthread_mutex_unlock(&open_mutex);
    return free_to_open;
}

static void leave(struct graph *graph)
{
    pthread_mutex_lock(&open_mutex);
    for (struct graph **slot = &open_stores; *slot; slot = &(*slot)->next)
        if (*slot == graph) {
            *slot = graph->next;
            break;
        }
    pthread_mutex_unlock(&open_mutex);
}

static enum tracer_status sync_parent(const char *path, struct error *err)
{
    char parent[4096];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length >= sizeof(parent))
        return error_set(err, TRACER_E_USAGE, "store: the path is too long");
    memcpy(parent, path, length);
    memcpy(parent + length, length ? "" : ".", length ? 1 : 2);
    int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return error_set(err, TRACER_E_STORE, "store %s: the directory above cannot be opened (%s)", path,
                         strerror(errno));
    int result = fsync(directory);
    int saved = errno;
    close(directory);
    /* a directory that cannot be synced (EINVAL on some file systems) is as durable as it gets */
    if (result && saved != EINVAL)
        return error_set(err, TRACER_E_STORE, "store %s: the directory above cannot be synced (%s)", path,
                         strerror(saved));
    return TRACER_OK;
}

static enum tracer_status make_directory(const char *path, struct error *err)
{
    if (!mkdir(path, 0700))
        return sync_parent(path, err);
    if (errno == EEXIST)
        return TRACER_OK;
    if (errno == ENOSPC || errno == EDQUOT)
        return error_set(err, TRACER_E_FULL, "store %s: disk full. Free space, run again", path);
    return error_set(err, TRACER_E_STORE, "store %s: the directory cannot be made (%s)", path, strerror(errno));
}

/* Is there a data file to open? */
static enum tracer_status check_data_file(struct graph *graph, struct error *err)
{
    struct stat file;
    if (fstatat(graph->lock.directory, DATA_FILE, &file, AT_SYMLINK_NOFOLLOW)) {
        if (graph->mode == GRAPH_CREATE)
            return TRACER_OK;
        return store_error(graph, err, TRACER_E_NOT_FOUND, "there is no store here");
    }
    if (!S_ISREG(file.st_mode))
        return store_error(graph, err, TRACER_E_DAMAGED, "%s is not a regular file", DATA_FILE);
    if (file.st_size == 0 && graph->mode != GRAPH_CREATE)
        return store_error(graph, err, TRACER_E_DAMAGED, "%s is empty. Restore a backup", DATA_FILE);
    return TRACER_OK;
}

static int open_environment(struct graph *graph, size_t bytes_max, unsigned flags)
{
    MDB_env *env;
    int result = mdb_env_create(&env);
    if (result)
        return result;
    result = mdb_env_set_mapsize(env, bytes_max);
    if (!result)
        result = mdb_env_set_maxdbs(env, TABLE_COUNT + 3);
    if (!result)
        result = mdb_env_set_maxreaders(env, READERS_MAX);
    if (!result)
        result = mdb_env_open(env, graph->path, MDB_NOTLS | flags, 0600);
    if (result) {
        mdb_env_close(env);
        return result;
    }
    graph->env = env;
    return 0;
}

/* The default ceiling is address space only; where there is less of it, take what there is. */
static int open_within_memory(struct graph *graph, size_t bytes_max, unsigned flags)
{
    size_t size = bytes_max ? bytes_max : TRACER_STORE_BYTES_MAX;
    int result = open_environment(graph, size, flags);
    while (result == ENOMEM && !bytes_max && size > TRACER_GIB(1))
        result = open_environment(graph, size /= 4, flags);
    return result;
}

static enum tracer_status open_data(struct graph *graph, size_t bytes_max, struct error *err)
{
    unsigned flags = graph->mode == GRAPH_READ ? MDB_RDONLY : 0;
    int result = open_within_memory(graph, bytes_max, flags);
    if (graph->mode == GRAPH_READ && (result == EACCES || result == EROFS || result == ENOENT)) {
        /* A sealed copy: the locks cannot be made. Writers are kept out by a shared lock on the directory. */
        enum tracer_status status = lock_sealed(graph->path, &graph->lock, err);
        if (status)
            return status;
        graph->sealed = true;
        result = open_within_memory(graph, bytes_max, flags | MDB_NOLOCK);
    }
    switch (result) {
    case 0:
        return TRACER_OK;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CORRUPTED:
        return store_error(graph, err, TRACER_E_DAMAGED, "%s is not a store, or damaged at its start. Restore a backup",
                           DATA_FILE);
    case EACCES:
    case EPERM:
    case EROFS:
        return store_error(graph, err, TRACER_E_STORE, "may not be %s by this user",
                           graph->mode == GRAPH_READ ? "read" : "written");
    default:
        return store_fail(graph, result, "opening", err);
    }
}

/* A file shorter than its header says was cut; touching the lost part would be a bus error. */
static enum tracer_status check_length(struct graph *graph, struct error *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    mdb_filehandle_t handle;
    int result = mdb_env_info(graph->env, &info);
    if (!result)
        result = mdb_env_stat(graph->env, &stat);
    if (!result)
        result = mdb_env_get_fd(graph->env, &handle);
    if (!result && fstat(handle, &file))
        result = errno;
    if (result)
        return store_fail(graph, result, "opening", err);
    uint64_t length = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize, size = (uint64_t)file.st_size;
    if (size >= length || info.me_last_txnid == 0)
        return TRACER_OK;
    /* a writer killed between its commit and keep_length() */
    if (graph->mode != GRAPH_READ && length - size <= (uint64_t)SHORT_PAGES_REPAIRED * stat.ms_psize &&
        !ftruncate(handle, (off_t)length))
        return TRACER_OK;
    return store_error(graph, err, TRACER_E_DAMAGED,
                       "the data file is cut short (%" PRIu64 " of %" PRIu64 " bytes). Restore a backup", size, length);
}

static enum tracer_status open_tables(struct graph *graph, MDB_txn *txn, unsigned flags, struct error *err)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        int result = mdb_dbi_open(txn, table_name((enum table)i), flags, &graph->tables[i]);
        if (result == MDB_NOTFOUND || result == MDB_INCOMPATIBLE)
            return store_error(graph, err, TRACER_E_DAMAGED, "table %s is missing: a foreign or damaged file",
                               table_name((enum table)i));
        if (result)
            return store_fail(graph, result, "opening tables", err);
    }
    return TRACER_OK;
}

/* A data file without any table: made by an interrupted creation, or just now. */
static enum tracer_status is_blank(struct graph *graph, bool *ret_blank, struct error *err)
{
    MDB_txn *txn;
    MDB_stat stat;
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    MDB_dbi main_table;
    int result = mdb_dbi_open(txn, NULL, 0, &main_table);
    if (!result)
        result = mdb_stat(txn, main_table, &stat);
    store_read_end(graph);
    if (result)
        return store_fail(graph, result, "opening", err);
    *ret_blank = stat.ms_entries == 0;
    return TRACER_OK;
}

static enum tracer_status create_tables(struct graph *graph, struct error *err)
{
    graph->is_new = true;
    graph->record = (struct store_record){STORE_SCHEMA, clock_unix_s(), true};
    enum tracer_status status = store_write_begin(graph, err);
    if (status)
        return status;
    status = open_tables(graph, graph->writer, MDB_CREATE, err);
    if (!status)
        status = mark(graph, true, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    status = store_write_commit(graph, err);
    if (status)
        return status;
    if (fsync(graph->lock.directory) && errno != EINVAL)
        return store_error(graph, err, TRACER_E_STORE, "the directory cannot be synced (%s)", strerror(errno));
    return TRACER_OK;
}

static enum tracer_status read_store_record(struct graph *graph, MDB_txn *txn, struct error *err)
{
    struct record record;
    struct key key = key_of_meta("store");
    enum tracer_status status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND || (!status && !store_record_decode(record.data, record.size, &graph->record)))
        return store_error(graph, err, TRACER_E_DAMAGED, "is not a store of tracer, or damaged. Restore a backup");
    if (!status && graph->record.schema > STORE_SCHEMA)
        return store_error(graph, err, TRACER_E_VERSION,
                           "written by a newer version (schema %u, this one knows %u). Nothing was changed",
                           graph->record.schema, STORE_SCHEMA);
    return status;
}

static enum tracer_status open_existing(struct graph *graph, struct error *err)
{
    MDB_txn *txn;
    int result = begin(graph, &txn, MDB_RDONLY, false); /* its handles stay open after a commit only */
    if (result)
        return store_fail(graph, result, "opening", err);
    MDB_dbi meta;
    result = mdb_dbi_open(txn, table_name(TABLE_META), 0, &meta);
    enum tracer_status status = TRACER_OK;
    if (result == MDB_NOTFOUND || result == MDB_INCOMPATIBLE)
        status = store_error(graph, err, TRACER_E_DAMAGED, "is not a store of tracer. Restore a backup");
    else if (result)
        status = store_fail(graph, result, "opening", err);
    graph->tables[TABLE_META] = meta;
    if (!status) /* first: a newer schema may have other tables */
        status = read_store_record(graph, txn, err);
    if (!status)
        status = open_tables(graph, txn, 0, err);
    if (status) {
        mdb_txn_abort(txn);
        return status;
    }
    result = mdb_txn_commit(txn);
    if (result)
        return store_fail(graph, result, "opening", err);
    return graph->mode == GRAPH_READ || graph->record.schema == STORE_SCHEMA ? TRACER_OK : migrate(graph, err);
}

static enum tracer_status open_locked(struct graph *graph, const struct graph_options *options, struct error *err)
{
    bool blank = false;
    enum tracer_status status = check_data_file(graph, err);
    if (!status && graph->mode != GRAPH_READ)
        status = lock_writer(graph->path, &graph->lock, err);
    if (!status)
        status = open_data(graph, options->bytes_max, err);
    if (!status)
        status = check_length(graph, err);
    if (!status)
        status = is_blank(graph, &blank, err);
    if (status)
        return status;
    lock_remember(&graph->lock);
    if (!graph->sealed) {
        int dead;
        mdb_reader_check(graph->env, &dead);
    }
    if (!blank)
        return open_existing(graph, err);
    if (graph->mode != GRAPH_CREATE)
        return store_error(graph, err, TRACER_E_NOT_FOUND, "there is no store here (its creation was cut short)");
    return create_tables(graph, err);
}

static void release(struct graph *graph)
{
    if (graph->reader)
        mdb_txn_abort(graph->reader);
    if (graph->env)
        mdb_env_close(graph->env);
    while (graph->chains) {
        struct chain *next = graph->chains->next;
        ids_release(graph->chains);
        free(graph->chains);
        graph->chains = next;
    }
    lock_release(&graph->lock);
    free(graph->path);
    free(graph);
}

enum tracer_status graph_open(const char *path, const struct graph_options *options, struct graph **ret_graph,
                              struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (options->mode == GRAPH_CREATE)
        status = make_directory(path, err);
    if (status)
        return status;
    struct graph *graph = calloc(1, sizeof(*graph));
    if (!graph || !(graph->path = strdup(path))) {
        free(graph);
        return error_set(err, TRACER_E_NOMEM, "store %s: no memory", path);
    }
    graph->pid = getpid();
    graph->mode = options->mode;
    lock_init(&graph->lock);
    status = lock_directory(path, &graph->lock, err);
    if (!status && !enter(graph)) {
        status = store_error(graph, err, TRACER_E_BUSY, "is open in this process already");
        release(graph);
        return status;
    }
    if (!status)
        status = open_locked(graph, options, err);
    if (status) {
        leave(graph);
        release(graph);
        return status;
    }
    *ret_graph = graph;
    return TRACER_OK;
}

void graph_close(struct graph *graph)
{
    struct error ignored;
    if (!graph || graph->pid != getpid())
        return; /* after fork it is the parent's */
    if (graph->write)
        graph_abort(graph->write);
    if (graph->mode != GRAPH_READ && !graph->panicked && !graph->record.clean &&
        !store_check_writable(graph, &ignored) && !segment_flush_all(graph, &ignored) &&
        !store_write_begin(graph, &ignored)) {
        if (mark(graph, true, &ignored))
            store_write_abort(graph);
        else if (store_write_commit(graph, &ignored))
            graph->record.clean = false;
    }
    leave(graph);
    release(graph);
}

const char *graph_library(void)
{
    return mdb_version(NULL, NULL, NULL);
}
