/* open.c - opening and closing a store: directory, locks, environment, tables, schema (threat-model 10). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "segment.h"
#include "tracer/clock.h"

#define SHORT_PAGES_REPAIRED 16u

/* Open stores of this process (S7). */
static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct graph *open_stores;

static void before_fork(void)
{
    pthread_mutex_lock(&open_mutex);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&open_mutex);
}

static void in_child(void)
{
    for (struct graph *graph = open_stores; graph; graph = graph->next)
        graph->inherited = true;
    pthread_mutex_unlock(&open_mutex);
}

/* False: no memory. */
static bool watch_forks(void)
{
    static bool watched;
    pthread_mutex_lock(&open_mutex);
    watched = watched || !pthread_atfork(before_fork, after_fork, in_child);
    bool done = watched;
    pthread_mutex_unlock(&open_mutex);
    return done;
}

/* Enter the store into the process's list; false: it is there already. */
static bool enter(struct graph *graph)
{
    bool free_to_open = true;
    pthread_mutex_lock(&open_mutex);
    for (struct graph *other = open_stores; other; other = other->next)
        if (!other->inherited && other->lock.device == graph->lock.device &&
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
    return error_set(err, TRACER_E_STORE, "store %s: the directory cannot be made (%s)", path,
                     strerror(errno));
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
    while ((result == ENOMEM || result == EINVAL) && !bytes_max && size > TRACER_GIB(1))
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
        return store_error(graph, err, TRACER_E_DAMAGED,
                           "%s is not a store, or damaged at its start. Restore a backup", DATA_FILE);
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
                       "the data file is cut short (%" PRIu64 " of %" PRIu64 " bytes). Restore a backup",
                       size, length);
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
        status = store_mark(graph, true, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    status = store_write_commit(graph, err);
    if (status)
        return status;
    if (fsync(graph->lock.directory) && errno != EINVAL)
        return store_error(graph, err, TRACER_E_STORE, "the directory cannot be synced (%s)",
                           strerror(errno));
    return TRACER_OK;
}

static enum tracer_status read_store_record(struct graph *graph, MDB_txn *txn, struct error *err)
{
    struct record record;
    struct key key = key_of_meta("store");
    enum tracer_status status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND ||
        (!status && !store_record_decode(record.data, record.size, &graph->record)))
        return store_error(graph, err, TRACER_E_DAMAGED,
                           "is not a store of tracer, or damaged. Restore a backup");
    if (!status && graph->record.schema > STORE_SCHEMA)
        return store_error(graph, err, TRACER_E_VERSION,
                           "written by a newer version (schema %u, this one knows %u). Nothing was changed",
                           graph->record.schema, STORE_SCHEMA);
    if (!status && graph->record.schema < STORE_SCHEMA)
        return store_error(graph, err, TRACER_E_VERSION,
                           "written by an older version (schema %u, this one knows %u). Nothing was changed. "
                           "Export its transfers with that version and import them, or read the blocks anew",
                           graph->record.schema, STORE_SCHEMA);
    return status;
}

static enum tracer_status open_existing(struct graph *graph, struct error *err)
{
    MDB_txn *txn;
    int result = store_begin(graph, &txn, MDB_RDONLY, false); /* its handles stay open after a commit only */
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
    return TRACER_OK;
}

static enum tracer_status open_locked(struct graph *graph, const struct graph_options *options,
                                      struct error *err)
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
        return store_error(graph, err, TRACER_E_NOT_FOUND,
                           "there is no store here (its creation was cut short)");
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

/* The lowest versions are those of CMakeLists.txt. XXH3 is what it is from 0.8.0 on. */
static enum tracer_status check_libraries(struct error *err)
{
    int major, minor, patch;
    const char *text = mdb_version(&major, &minor, &patch);
    if (MDB_VERINT(major, minor, patch) < MDB_VERINT(0, 9, 24))
        return error_set(err, TRACER_E_VERSION, "liblmdb is older than 0.9.24: %.40s", text);
    if (XXH_versionNumber() < 800)
        return error_set(err, TRACER_E_VERSION, "libxxhash is older than 0.8.0: %u", XXH_versionNumber());
    return TRACER_OK;
}

enum tracer_status graph_open(const char *path, const struct graph_options *options, struct graph **ret_graph,
                              struct error *err)
{
    enum tracer_status status = check_libraries(err);
    if (!status && options->mode == GRAPH_CREATE)
        status = make_directory(path, err);
    if (status)
        return status;
    struct graph *graph = calloc(1, sizeof(*graph));
    if (!graph || !watch_forks() || !(graph->path = strdup(path))) {
        free(graph);
        return error_set(err, TRACER_E_NOMEM, "store %s: no memory", path);
    }
    graph->pid = getpid();
    graph->mode = options->mode;
    graph->part_bytes = PART_BYTES;
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
    if (!graph || graph->inherited)
        return; /* after fork it is the parent's */
    if (graph->write)
        graph_abort(graph->write);
    if (graph->mode != GRAPH_READ && !graph->panicked && !graph->record.clean &&
        !store_check_writable(graph, &ignored) && !segment_flush_all(graph, &ignored) &&
        !store_write_begin(graph, &ignored)) {
        if (store_mark(graph, true, &ignored))
            store_write_abort(graph);
        else if (store_write_commit(graph, &ignored))
            graph->record.clean = false;
    }
    leave(graph);
    release(graph);
}

const char *graph_path(const struct graph *graph)
{
    return graph->path;
}

const char *graph_library(void)
{
    return mdb_version(NULL, NULL, NULL);
}
