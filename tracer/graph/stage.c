/* stage.c - a load that is longer than a transaction is written beside itself: the second core appends and
 * commits one part while the next one is packed.
 *
 * LMDB ties a write transaction to the thread that began it. So the sealed records of a part are collected in
 * memory, its watermark is the last of them, and a thread writes them all in one transaction. Parts follow
 * each other: one is handed over when the one before is durable. Nobody is told that a part is kept before
 * that; a failure is told by whoever waits for it next, and until the load is aborted by all of them. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "store.h"
#include "tracer/clock.h"
#include "tracer/large.h"

struct part {
    struct large bytes;
    size_t used;
};
struct staged { /* in front of each record of a part, which begins at a multiple of STAGED_ALIGN */
    enum table table;
    struct key key;
    size_t size;
};
#define STAGED_ALIGN 16u

struct stage {
    struct graph *graph;
    struct part filling, writing;
    bool busy, threaded; /* `writing` was handed over, to `thread` */
    pthread_t thread;
    int result; /* of LMDB, when it was `doing` so */
    const char *doing;
    uint64_t ns;
    enum tracer_status failed; /* for good */
    struct error failure;
};

static enum tracer_status fail(struct stage *stage, struct error *err)
{
    stage->graph->write_bytes += stage->writing.used; /* room that is needed, if that is what is missing */
    if (!stage->failed)
        stage->failed = store_fail(stage->graph, stage->result, stage->doing, &stage->failure);
    if (err)
        *err = stage->failure;
    return stage->failed;
}

enum tracer_status stage_begin(struct graph *graph, struct error *err)
{
    if (!graph->stage && (graph->stage = calloc(1, sizeof(*graph->stage))))
        graph->stage->graph = graph;
    if (!graph->stage)
        return store_write_begin(graph, err);
    graph->stage->filling.used = 0;
    graph->write_records = graph->write_bytes = 0;
    graph->staging = true;
    return TRACER_OK;
}

int stage_reserve(struct graph *graph, enum table table, const struct key *key, MDB_val *data)
{
    const struct staged staged = {table, *key, data->mv_size};
    struct part *part = &graph->stage->filling;
    size_t at = (part->used + STAGED_ALIGN - 1) / STAGED_ALIGN * STAGED_ALIGN,
           end = at + sizeof(staged) + data->mv_size;
    if (!large_grow(&part->bytes, end))
        return ENOMEM;
    uint8_t *to = (uint8_t *)part->bytes.at + at;
    memcpy(to, &staged, sizeof(staged));
    data->mv_data = to + sizeof(staged);
    part->used = end;
    return 0;
}

static int put_part(const struct graph *graph, MDB_txn *txn, const struct part *part)
{
    for (size_t at = 0; at < part->used;) {
        const uint8_t *from = (const uint8_t *)part->bytes.at + at;
        struct staged staged;
        memcpy(&staged, from, sizeof(staged));
        MDB_val data = {staged.size, NULL};
        int result = store_append(txn, graph->tables[staged.table], &staged.key, &data);
        if (result)
            return result;
        memcpy(data.mv_data, from + sizeof(staged), staged.size);
        at += (sizeof(staged) + staged.size + STAGED_ALIGN - 1) / STAGED_ALIGN * STAGED_ALIGN;
    }
    return 0;
}

/* Begin a transaction that holds the part. */
static MDB_txn *write_part(struct stage *stage, const struct part *part)
{
    MDB_txn *txn = NULL;
    stage->doing = "beginning to write";
    stage->result = mdb_txn_begin(stage->graph->env, NULL, 0, &txn);
    if (stage->result)
        return NULL;
    stage->doing = "writing";
    stage->result = put_part(stage->graph, txn, part);
    if (!stage->result)
        return txn;
    mdb_txn_abort(txn);
    return NULL;
}

static void *commit_part(void *argument)
{
    struct stage *stage = argument;
    uint64_t start = clock_monotonic_ns();
    MDB_txn *txn = write_part(stage, &stage->writing);
    if (txn) {
        stage->doing = "committing";
        stage->result = mdb_txn_commit(txn);
    }
    stage->ns = clock_monotonic_ns() - start;
    return NULL;
}

enum tracer_status stage_wait(struct graph *graph, struct error *err)
{
    struct stage *stage = graph->stage;
    if (!stage)
        return TRACER_OK;
    if (stage->busy) {
        uint64_t start = clock_monotonic_ns();
        if (stage->threaded)
            pthread_join(stage->thread, NULL);
        stage->busy = false;
        graph->timing.wait_ns += clock_monotonic_ns() - start;
        graph->timing.log_ns += clock_monotonic_ns() - start;
        graph->timing.beside_ns += stage->ns;
        if (!stage->result) {
            stage->writing.used = 0;
            store_committed(graph);
        }
        for (struct chain *chain = graph->chains; stage->result && chain; chain = chain->next)
            chain->changed = chain->loaded; /* what memory says was not stored */
    }
    return stage->result ? fail(stage, err) : TRACER_OK;
}

enum tracer_status stage_next(struct graph *graph, struct error *err)
{
    struct stage *stage = graph->stage;
    enum tracer_status status = store_put_states(graph, err);
    if (!status)
        status = stage_wait(graph, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    struct part emptied = stage->writing;
    stage->writing = stage->filling;
    stage->filling = emptied;
    for (struct chain *chain = graph->chains; chain; chain = chain->next)
        chain->changed = false;
    stage->busy = true;
    stage->threaded = !pthread_create(&stage->thread, NULL, commit_part, stage);
    if (!stage->threaded)
        commit_part(stage);
    return stage_begin(graph, err);
}

enum tracer_status store_settle(struct graph *graph, struct error *err)
{
    if (!graph->staging)
        return TRACER_OK;
    enum tracer_status status = stage_wait(graph, err);
    if (status)
        return status;
    uint64_t start = clock_monotonic_ns();
    graph->writer = write_part(graph->stage, &graph->stage->filling);
    graph->staging = !graph->writer;
    graph->timing.log_ns += clock_monotonic_ns() - start;
    return graph->writer ? TRACER_OK : fail(graph->stage, err);
}

void stage_release(struct graph *graph)
{
    struct stage *stage = graph->stage;
    if (!stage)
        return;
    if (stage->busy && stage->threaded && !graph->inherited)
        pthread_join(stage->thread, NULL); /* it was given up without an abort: the store panicked */
    large_free(&stage->filling.bytes);
    large_free(&stage->writing.bytes);
    free(stage);
    graph->stage = NULL;
}
