/* care.c - figures, a verified copy, merging of chunks (commands `store stat|backup|compact|rebuild`). */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment.h"
#include "write.h"

/* --- stat -------------------------------------------------------------------------------------------- */

static uint64_t page_count(const MDB_stat *stat)
{
    return stat->ms_branch_pages + stat->ms_leaf_pages + stat->ms_overflow_pages;
}

static enum tracer_status stat_tables(struct graph *graph, MDB_txn *txn, struct graph_stat *ret_stat,
                                      struct error *err)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        MDB_stat stat;
        int result = mdb_stat(txn, graph->tables[i], &stat);
        if (result)
            return store_fail(graph, result, "reading", err);
        uint64_t bytes = page_count(&stat) * stat.ms_psize;
        ret_stat->used_bytes += bytes;
        switch ((enum table)i) {
        case TABLE_LOG:
            ret_stat->chunks = stat.ms_entries;
            ret_stat->log_bytes += bytes;
            break;
        case TABLE_BLOCK:
            ret_stat->blocks = stat.ms_entries;
            ret_stat->log_bytes += bytes;
            break;
        case TABLE_TRANSACTION:
        case TABLE_ACCOUNT:
        case TABLE_ASSET:
            ret_stat->log_bytes += bytes;
            break;
        case TABLE_SEGMENT:
            ret_stat->index_bytes = bytes;
            break;
        case TABLE_ORPHAN:
            ret_stat->orphans = stat.ms_entries;
            break;
        case TABLE_COVERAGE:
            ret_stat->coverage_records = stat.ms_entries;
            break;
        case TABLE_META:
        case TABLE_OPENING:
        case TABLE_RAW:
        case TABLE_LIST:
        case TABLE_ENDPOINT:
        case TABLE_COUNT:
            break;
        }
    }
    return TRACER_OK;
}

static enum tracer_status stat_chains(struct graph *graph, MDB_txn *txn, struct graph_stat *ret_stat,
                                      struct error *err)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    enum tracer_status status = store_chain_ids(graph, txn, &ids, &count, err);
    for (size_t i = 0; !status && i < count; i++) {
        struct chain_state state;
        struct run_list list;
        status = store_get_state(graph, txn, ids[i], &state, err);
        if (!status)
            status = store_get_runs(graph, txn, ids[i], &list, err);
        if (status)
            break;
        ret_stat->transactions += state.transactions;
        ret_stat->transfers += state.transfers;
        ret_stat->accounts += state.accounts;
        ret_stat->assets += state.assets;
        ret_stat->segments += list.count;
    }
    free(ids);
    return status;
}

enum tracer_status graph_stat(struct graph *graph, struct graph_stat *ret_stat, struct error *err)
{
    MDB_txn *txn;
    struct stat file;
    struct graph_stat stat = {0};
    struct record record;
    struct store_record store;
    struct key key = key_of_meta("store");
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = stat_tables(graph, txn, &stat, err);
    if (!status)
        status = stat_chains(graph, txn, &stat, err);
    if (!status)
        status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (status == TRACER_E_NOT_FOUND || (!status && !store_record_decode(record.data, record.size, &store)))
        status = store_damaged(graph, TABLE_META, key.bytes, key.size, err);
    store_read_end(graph);
    if (status)
        return status;
    if (!fstatat(graph->lock.directory, "data.mdb", &file, 0))
        stat.file_bytes = (uint64_t)file.st_size;
    stat.clean_stop = store.clean;
    *ret_stat = stat;
    return TRACER_OK;
}

/* --- backup ------------------------------------------------------------------------------------------ */

static enum tracer_status copy_to(struct graph *graph, int directory, const char *path, struct error *err)
{
    int file = openat(directory, "data.mdb", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return store_error(graph, err, TRACER_E_IO, "the copy %s cannot be made (%s)", path, strerror(errno));
    int result = mdb_env_copyfd2(graph->env, file, MDB_CP_COMPACT);
    if (!result && fsync(file))
        result = errno;
    if (close(file) && !result)
        result = errno;
    if (!result && fsync(directory) && errno != EINVAL)
        result = errno;
    if (result == ENOSPC || result == EDQUOT || result == EFBIG || result == EIO)
        return store_error(graph, err, TRACER_E_FULL,
                           "the copy %s could not be written (disk full?). The store itself is safe", path);
    return result ? store_fail(graph, result, "copying", err) : TRACER_OK;
}

static enum tracer_status verify_copy(const char *path, struct error *err)
{
    struct graph *copy;
    const struct graph_options options = {.mode = GRAPH_READ};
    enum tracer_status status = graph_open(path, &options, &copy, err);
    if (status)
        return status;
    status = graph_verify(copy, NULL, NULL, err);
    graph_close(copy);
    return status;
}

enum tracer_status graph_backup(struct graph *graph, const char *path, struct error *err)
{
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    if (mkdir(path, 0700))
        return store_error(graph, err, TRACER_E_USAGE, "the new directory %s cannot be made (%s)", path,
                           strerror(errno));
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return store_error(graph, err, TRACER_E_IO, "the directory %s cannot be opened (%s)", path,
                           strerror(errno));
    status = copy_to(graph, directory, path, err);
    if (!status)
        status = verify_copy(path, err);
    if (status) {
        unlinkat(directory, "data.mdb", 0);
        unlinkat(directory, "lock.mdb", 0);
        rmdir(path);
        error_context(err, "backup");
    }
    close(directory);
    return status;
}

/* --- compact ----------------------------------------------------------------------------------------- */

struct gathered { /* chunks that will become one */
    struct edit edits[64];
    size_t count, bytes;
};

static void release_gathered(struct gathered *gathered)
{
    for (size_t i = 0; i < gathered->count; i++)
        edit_release(&gathered->edits[i]);
    gathered->count = gathered->bytes = 0;
}

static enum tracer_status write_gathered(struct graph *graph, uint64_t chain_id, struct gathered *gathered,
                                         struct error *err)
{
    struct chunk_builder builder = {0};
    enum tracer_status status = TRACER_OK;
    if (gathered->count > 1) {
        for (size_t i = 0; !status && i < gathered->count; i++)
            status = edit_copy(graph, &gathered->edits[i], 0, UINT64_MAX, &builder, err);
        for (size_t i = 0; !status && i < gathered->count; i++)
            status = edit_delete(graph, chain_id, &gathered->edits[i], err);
        if (!status)
            status = edit_write(graph, chain_id, &builder, err);
    }
    chunk_builder_release(&builder);
    release_gathered(gathered);
    return status;
}

/* The first chunk at or behind `number`, and the size of the larger of its two records. */
static enum tracer_status load_next(struct graph *graph, uint64_t chain_id, uint64_t number,
                                    struct edit *ret_edit, size_t *ret_size, struct error *err)
{
    struct store_cursor cursor;
    struct key key = key_of_block(chain_id, number), prefix = key_of_chain(chain_id);
    enum tracer_status status = store_cursor_open(graph, graph->writer, TABLE_LOG, &cursor, err);
    if (status)
        return status;
    status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    if (!status && !store_cursor_in(&cursor, &prefix))
        status = TRACER_E_NOT_FOUND;
    uint64_t first = status ? 0 : get_u64_big(cursor.key + 8);
    size_t size = cursor.raw_size;
    store_cursor_close(&cursor);
    if (status)
        return status;
    status = edit_load(graph, graph->writer, chain_id, first, ret_edit, err);
    if (status)
        return status;
    size_t transactions = (size_t)ret_edit->chunk.transaction_count * 56u;
    *ret_size = size > transactions ? size : transactions;
    return TRACER_OK;
}

/* Merge small neighbours from *next on, until a transaction is full. *ret_done: the end of the log was
 * reached. */
static enum tracer_status merge_part(struct graph *graph, uint64_t chain_id, uint64_t *next, bool *ret_done,
                                     struct error *err)
{
    struct gathered gathered = {.count = 0};
    enum tracer_status status = TRACER_OK;
    *ret_done = false;
    while (!status && graph->write_records < WRITE_RECORDS_SOFT && graph->write_bytes < WRITE_BYTES_SOFT) {
        struct edit edit;
        size_t size;
        status = load_next(graph, chain_id, *next, &edit, &size, err);
        if (status)
            break;
        if (gathered.count == sizeof(gathered.edits) / sizeof(gathered.edits[0]) ||
            gathered.bytes + size > CHUNK_BYTES)
            status = write_gathered(graph, chain_id, &gathered, err);
        *next = edit_last(&edit) + 1;
        gathered.edits[gathered.count++] = edit;
        gathered.bytes += size;
    }
    if (status == TRACER_E_NOT_FOUND) {
        *ret_done = true;
        status = TRACER_OK;
    }
    if (!status)
        status = write_gathered(graph, chain_id, &gathered, err);
    release_gathered(&gathered);
    return status;
}

static enum tracer_status merge_chunks(struct graph *graph, uint64_t chain_id, struct error *err)
{
    uint64_t next = 0;
    for (bool done = false; !done;) {
        enum tracer_status status = store_write_begin(graph, err);
        if (status)
            return status;
        status = merge_part(graph, chain_id, &next, &done, err);
        status = store_leave(graph, true, status, err);
        if (status)
            return status;
    }
    return TRACER_OK;
}

static enum tracer_status check_idle(const struct graph *graph, struct error *err)
{
    enum tracer_status status = store_check_writable(graph, err);
    if (!status && store_is_writing(graph))
        return store_error(graph, err, TRACER_E_USAGE, "commit or abort the open batch first");
    return status;
}

enum tracer_status graph_compact(struct graph *graph, struct error *err)
{
    enum tracer_status status = check_idle(graph, err);
    if (!status)
        status = store_each_chain(graph, merge_chunks, err);
    return status ? status : store_each_chain(graph, segment_rebuild, err);
}

enum tracer_status graph_rebuild(struct graph *graph, struct error *err)
{
    enum tracer_status status = check_idle(graph, err);
    return status ? status : store_each_chain(graph, segment_rebuild, err);
}
