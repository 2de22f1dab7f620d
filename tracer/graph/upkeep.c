/* upkeep.c - keeping the sorted runs few: sweeping dead ones, merging small ones, building anew (segment.h).
 */
#include <stdlib.h>

#include "segment.h"
#include "tracer/clock.h"

#define SWEEP_KEYS 4096u

/* Delete up to `limit` pages of a run; fewer: none are left. Keys are collected first (threat-model 10.2). */
static enum tracer_status sweep_run(struct graph *graph, uint64_t chain_id, uint32_t run, size_t limit,
                                    size_t *ret_count, struct error *err)
{
    struct store_cursor cursor;
    struct key prefix = key_of_chain(chain_id), key;
    key_u32(&prefix, run);
    uint8_t(*keys)[28] = malloc(limit * sizeof(*keys));
    size_t count = 0;
    if (!keys)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = store_cursor_open(graph, graph->writer, TABLE_SEGMENT, &cursor, err);
    if (!status)
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &prefix, err);
    while (!status && count < limit && store_cursor_in(&cursor, &prefix) &&
           cursor.key_size == sizeof(keys[0])) {
        memcpy(keys[count++], cursor.key, sizeof(keys[0]));
        status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    }
    store_cursor_close(&cursor);
    if (status == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    for (size_t i = 0; !status && i < count; i++) {
        key_begin(&key);
        key_bytes(&key, keys[i], sizeof(keys[i]));
        status = store_delete(graph, TABLE_SEGMENT, &key, err);
    }
    free(keys);
    *ret_count = count;
    return status;
}

/* Delete the pages of dead and unfinished runs, and forget runs without pages, as far as one transaction
 * goes. */
static enum tracer_status sweep_some(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                     struct error *err)
{
    size_t left = SWEEP_KEYS;
    enum tracer_status status = TRACER_OK;
    for (uint32_t at = 0; !status && left > 0 && at < list->count;) {
        size_t count = 0;
        if (list->runs[at].phase == RUN_LIVE) {
            at++;
            continue;
        }
        status = sweep_run(graph, chain_id, list->runs[at].id, left, &count, err);
        if (!status && count < left) {
            list->count--;
            memmove(&list->runs[at], &list->runs[at + 1], (list->count - at) * sizeof(list->runs[0]));
        }
        left -= count;
    }
    return status ? status : store_put_runs(graph, chain_id, list, err);
}

static bool has_unswept(const struct run_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->runs[i].phase != RUN_LIVE)
            return true;
    return false;
}

static enum tracer_status sweep(struct graph *graph, uint64_t chain_id, struct error *err)
{
    for (;;) {
        struct run_list list;
        enum tracer_status status = store_write_begin(graph, err);
        if (status)
            return status;
        status = store_get_runs(graph, graph->writer, chain_id, &list, err);
        bool done = status || !has_unswept(&list);
        if (!done)
            status = sweep_some(graph, chain_id, &list, err);
        if (status || done) {
            store_write_abort(graph);
            return status;
        }
        status = store_write_commit(graph, err);
        if (status)
            return status;
    }
}

/* The runs to merge: the smallest ones, and larger ones as long as they are not much larger than those
 * together. */
static size_t choose(const struct run_list *list, enum run_kind kind, uint32_t chosen[static RUNS_MAX])
{
    size_t count = 0, take;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->runs[i].kind == kind && list->runs[i].phase == RUN_LIVE)
            chosen[count++] = i;
    if (count <= RUNS_LIVE_MAX)
        return 0;
    for (size_t i = 1; i < count; i++) /* insertion sort by entries */
        for (size_t j = i; j > 0 && list->runs[chosen[j]].entries < list->runs[chosen[j - 1]].entries; j--) {
            uint32_t held = chosen[j];
            chosen[j] = chosen[j - 1];
            chosen[j - 1] = held;
        }
    uint64_t sum = list->runs[chosen[0]].entries;
    for (take = 1; take < count && (take < 2 || list->runs[chosen[take]].entries <= 2 * sum); take++)
        sum += list->runs[chosen[take]].entries;
    return take;
}

static enum tracer_status merge_into(struct run_writer *writer, struct run_reader *readers, size_t count,
                                     struct error *err)
{
    struct graph *graph = writer->graph;
    for (;;) {
        struct run_reader *least = NULL;
        for (size_t i = 0; i < count; i++)
            if (!readers[i].end && (!least || segment_compare(&readers[i].entry, &least->entry) < 0))
                least = &readers[i];
        if (!least)
            return TRACER_OK;
        enum tracer_status status = run_writer_add(writer, &least->entry, 1, err);
        if (!status)
            status = run_reader_next(least, graph, graph->writer, err);
        if (status)
            return status;
    }
}

static enum tracer_status merge(struct graph *graph, uint64_t chain_id, struct run_list *list,
                                enum run_kind kind, const uint32_t *chosen, size_t count, struct error *err)
{
    static const struct segment_entry start;
    struct run_writer writer;
    struct run_reader *readers = calloc(count, sizeof(*readers));
    enum tracer_status status = TRACER_OK;
    uint64_t base = UINT64_MAX;
    if (!readers)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to merge runs");
    for (size_t i = 0; !status && i < count; i++) {
        status =
            run_reader_seek(&readers[i], graph, graph->writer, chain_id, &list->runs[chosen[i]], &start, err);
        base = !status && readers[i].base < base ? readers[i].base : base;
    }
    run_writer_begin(&writer, graph, chain_id, list, kind, base);
    if (!status)
        status = merge_into(&writer, readers, count, err);
    if (!status)
        status = run_writer_end(&writer, err);
    for (size_t i = 0; i < count; i++)
        list->runs[chosen[i]].phase = RUN_DEAD;
    free(readers);
    return status;
}

static enum tracer_status merge_kind(struct graph *graph, uint64_t chain_id, enum run_kind kind,
                                     bool *ret_merged, struct error *err)
{
    struct run_list list;
    uint32_t chosen[RUNS_MAX];
    *ret_merged = false;
    enum tracer_status status = store_write_begin(graph, err);
    if (status)
        return status;
    status = store_get_runs(graph, graph->writer, chain_id, &list, err);
    size_t count = status ? 0 : choose(&list, kind, chosen);
    if (!status && count > 0)
        status = merge(graph, chain_id, &list, kind, chosen, count, err);
    if (!status && count > 0)
        status = store_put_runs(graph, chain_id, &list, err);
    if (status || count == 0) {
        store_write_abort(graph);
        return status;
    }
    *ret_merged = true;
    return store_write_commit(graph, err);
}

static enum tracer_status merge_all(struct graph *graph, uint64_t chain_id, struct error *err)
{
    for (int kind = 0; kind < RUN_KIND_COUNT; kind++) {
        bool merged = true;
        while (merged) {
            enum tracer_status status = merge_kind(graph, chain_id, (enum run_kind)kind, &merged, err);
            if (!status && merged)
                status = sweep(graph, chain_id, err);
            if (status)
                return status;
        }
    }
    return TRACER_OK;
}

/* --- upkeep ------------------------------------------------------------------------------------------ */

/* What the last commit says about the chain. */
static enum tracer_status look(struct graph *graph, uint64_t chain_id, struct chain_state *ret_state,
                               struct run_list *ret_list, struct error *err)
{
    MDB_txn *txn;
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_get_state(graph, txn, chain_id, ret_state, err);
    if (!status)
        status = store_get_runs(graph, txn, chain_id, ret_list, err);
    store_read_end(graph);
    return status;
}

static bool has_surplus(const struct run_list *list)
{
    uint32_t chosen[RUNS_MAX];
    for (int kind = 0; kind < RUN_KIND_COUNT; kind++)
        if (choose(list, (enum run_kind)kind, chosen) > 0)
            return true;
    return false;
}

static enum tracer_status flush(struct graph *graph, uint64_t chain_id, struct error *err)
{
    struct chain_state state;
    struct run_list list;
    enum tracer_status status = look(graph, chain_id, &state, &list, err);
    if (!status && has_unswept(&list))
        status = sweep(graph, chain_id, err);
    while (!status && state.fresh_count > 0) {
        status = segment_build_rows(graph, chain_id, &state, err);
        if (!status)
            status = look(graph, chain_id, &state, &list, err);
        if (!status && has_surplus(&list))
            status = merge_all(graph, chain_id, err);
    }
    if (!status && list.addressed < state.accounts)
        status = segment_build_addresses(graph, chain_id, list.addressed, state.accounts, err);
    if (!status)
        status = look(graph, chain_id, &state, &list, err);
    if (!status && has_surplus(&list))
        status = merge_all(graph, chain_id, err);
    return status;
}

enum tracer_status segment_flush(struct graph *graph, uint64_t chain_id, struct error *err)
{
    uint64_t start = clock_monotonic_ns(), log_ns = graph->timing.log_ns;
    enum tracer_status status = flush(graph, chain_id, err);
    graph->timing.log_ns = log_ns; /* its commits are the index's */
    graph->timing.index_ns += clock_monotonic_ns() - start;
    return status;
}

enum tracer_status segment_flush_all(struct graph *graph, struct error *err)
{
    enum tracer_status status = store_each_chain(graph, segment_flush, err);
    segment_forget(graph);
    return status;
}

/* The directory is derived too: when it is damaged, the runs are found by their pages. */
static enum tracer_status find_runs(struct graph *graph, uint64_t chain_id, struct run_list *ret_list,
                                    struct error *err)
{
    struct store_cursor cursor;
    struct key chain_key = key_of_chain(chain_id);
    memset(ret_list, 0, sizeof(*ret_list));
    enum tracer_status status = store_cursor_open(graph, graph->writer, TABLE_SEGMENT, &cursor, err);
    while (!status && ret_list->count < RUNS_MAX) {
        struct key key = chain_key;
        key_u32(&key, ret_list->next_id);
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
        if (status || !store_cursor_in(&cursor, &chain_key) || cursor.key_size < key.size)
            break;
        struct run run = {.id = get_u32_big(cursor.key + 8), .phase = RUN_DEAD};
        ret_list->runs[ret_list->count++] = run;
        ret_list->next_id = run.id + 1;
    }
    store_cursor_close(&cursor);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

enum tracer_status segment_rebuild(struct graph *graph, uint64_t chain_id, struct error *err)
{
    struct run_list list;
    struct chain *chain;
    enum tracer_status status = store_write_begin(graph, err);
    if (status)
        return status;
    status = store_get_runs(graph, graph->writer, chain_id, &list, err);
    if (status == TRACER_E_DAMAGED)
        status = find_runs(graph, chain_id, &list, err);
    for (uint32_t i = 0; i < list.count; i++)
        list.runs[i].phase = RUN_DEAD;
    list.addressed = 0;
    if (!status)
        status = store_put_runs(graph, chain_id, &list, err);
    if (!status)
        status = store_load_chain(graph, chain_id, &chain, err);
    if (status) {
        store_write_abort(graph);
        return status;
    }
    if (chain->state.count > 0) {
        chain->state.fresh_count = 1;
        chain->state.fresh[0] = (struct block_range){chain->state.first, chain->state.last};
        chain->state.fresh_rows = chain->state.transfers;
        chain->changed = true;
    }
    status = store_write_commit(graph, err);
    if (!status)
        status = segment_flush(graph, chain_id, err);
    segment_forget(graph);
    return status;
}
