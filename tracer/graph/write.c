/* write.c - putting blocks and committing them (graph.h). */
#include "write.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "segment.h"
#include "tracer/clock.h"

enum tracer_status graph_begin(struct graph *graph, struct graph_write **ret_write, struct error *err)
{
    enum tracer_status status = store_check_writable(graph, err);
    if (status)
        return status;
    if (store_is_writing(graph))
        return store_error(graph, err, TRACER_E_USAGE, "a batch is open already");
    struct graph_write *write = calloc(1, sizeof(*write));
    if (!write)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory");
    status = store_write_begin(graph, err);
    if (status) {
        free(write);
        return status;
    }
    write->graph = graph;
    graph->write = write;
    *ret_write = write;
    return TRACER_OK;
}

static void free_write(struct graph_write *write)
{
    write->graph->write = NULL;
    stage_release(write->graph);
    chunk_builder_release(&write->pending);
    free(write);
}

void graph_abort(struct graph_write *write)
{
    if (!write)
        return;
    struct graph *graph = write->graph;
    if (store_check(graph, NULL) == TRACER_OK)
        store_write_abort(graph);
    segment_forget(graph);
    free_write(write);
}

static enum tracer_status flush_pending(struct graph_write *write, struct error *err)
{
    return edit_write(write->graph, write->chain ? write->chain->id : 0, &write->pending, err);
}

/* Make what was put durable and go on: one batch may be longer than a transaction of LMDB. */
static enum tracer_status commit_part(struct graph_write *write, bool flush_index, struct error *err)
{
    struct graph *graph = write->graph;
    enum tracer_status status = flush_pending(write, err);
    if (!status && graph->staging && !flush_index)
        return stage_next(graph, err);
    if (!status)
        status = store_write_commit(graph, err);
    if (!status && flush_index)
        status = segment_flush(graph, write->chain->id, err);
    return status ? status : stage_begin(graph, err);
}

/* --- putting one block ------------------------------------------------------------------------------- */

static enum tracer_status use_chain(struct graph_write *write, uint64_t chain_id, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (write->chain && write->chain->id != chain_id) {
        status = flush_pending(write, err);
        write->chain = NULL;
        write->has_last = false;
        memset(write->assets, 0, sizeof(write->assets));
    }
    struct chain *chain = write->chain;
    if (!status && (!chain || !chain->loaded))
        status = store_load_chain(write->graph, chain_id, &chain, err);
    if (!status)
        status = ids_load(write->graph, chain, err);
    if (!status)
        write->chain = chain;
    return status;
}

static enum tracer_status conflict(const struct graph *graph, uint64_t number, const char *what,
                                   struct error *err)
{
    return store_error(graph, err, TRACER_E_CONFLICT, "block %" PRIu64 ": %s. Nothing was changed", number,
                       what);
}

static bool hashes_differ(struct hash a, struct hash b)
{
    return !hash_is_zero(a) && !hash_is_zero(b) && !hash_equal(a, b);
}

/* Behind the block that was put last, and all others: nothing has to be read for it. */
static bool is_next(const struct graph_write *write, uint64_t number)
{
    return write->has_last && write->last_number == write->chain->state.last && number > write->last_number;
}

static bool is_stored(const struct chain_state *state, uint64_t number)
{
    return state->count > 0 && number >= state->first && number <= state->last;
}

/* Do the stored neighbours fit? */
static enum tracer_status check_links(struct graph_write *write, const struct block *block, struct error *err)
{
    struct graph *graph = write->graph;
    struct block_record record;
    const struct chain_state *state = &write->chain->state;
    struct hash before = {{0}};
    enum tracer_status status = TRACER_OK;
    if (write->has_last && write->last_number + 1 == block->number)
        before = write->last_hash;
    else if (block->number > 0 && is_stored(state, block->number - 1)) {
        status =
            store_get_block_record(graph, graph->writer, block->chain_id, block->number - 1, &record, err);
        if (!status)
            before = record.hash;
    }
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    if (hashes_differ(before, block->parent_hash))
        return conflict(graph, block->number, "its parent is not the stored block before it (a reorg)", err);
    if (!is_stored(state, block->number + 1))
        return TRACER_OK;
    status = store_get_block_record(graph, graph->writer, block->chain_id, block->number + 1, &record, err);
    if (!status && hashes_differ(record.parent_hash, block->hash))
        return conflict(graph, block->number, "it is not the parent of the stored block behind it (a reorg)",
                        err);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static struct block_record record_of(const struct block *block, struct digest128 digest)
{
    return (struct block_record){.hash = block->hash,
                                 .parent_hash = block->parent_hash,
                                 .state_root = block->state_root,
                                 .transactions_root = block->transactions_root,
                                 .receipts_root = block->receipts_root,
                                 .time = block->time,
                                 .grade = block->grade,
                                 .internals = block->internals,
                                 .order = block->order,
                                 .rewards_asserted = block->rewards_asserted,
                                 .undecoded_count = block->undecoded_count,
                                 .transaction_count = (uint32_t)block->transaction_count,
                                 .transfer_count = (uint32_t)block->transfer_count,
                                 .digest = digest};
}

static enum tracer_status put_record(struct graph_write *write, const struct block *block,
                                     const struct block_record *record, struct error *err)
{
    uint8_t bytes[BLOCK_RECORD_MAX];
    struct key key = key_of_block(block->chain_id, block->number);
    uint64_t start = clock_monotonic_ns();
    enum tracer_status status =
        store_put(write->graph, TABLE_BLOCK, &key, bytes, block_record_encode(record, bytes), err);
    write->graph->timing.log_ns += clock_monotonic_ns() - start;
    return status;
}

/* A block that no run knows yet. When the list of ranges is full, runs are written first. */
static enum tracer_status note_fresh(struct graph_write *write, uint64_t number, uint64_t rows,
                                     struct error *err)
{
    struct chain_state *state = &write->chain->state;
    if (chain_state_add_fresh(state, number, rows))
        return TRACER_OK;
    enum tracer_status status = commit_part(write, true, err);
    if (!status)
        status = use_chain(write, write->chain->id, err);
    if (!status)
        status = store_settle(write->graph, err);
    if (status)
        return status;
    write->chain->changed = true;
    return chain_state_add_fresh(state, number, rows)
               ? TRACER_OK
               : store_error(write->graph, err, TRACER_E_INTERNAL, "fresh ranges stay full");
}

/* How far the unbroken range reaches, now that a block was added. */
static enum tracer_status extend_whole(struct graph_write *write, uint64_t number, struct error *err)
{
    struct chain_state *state = &write->chain->state;
    struct store_cursor cursor;
    if (number != state->whole_to + 1)
        return TRACER_OK;
    state->whole_to = number;
    if (number == state->last)
        return TRACER_OK;
    struct key key = key_of_block(write->chain->id, number + 1), prefix = key_of_chain(write->chain->id);
    enum tracer_status status =
        store_cursor_open(write->graph, write->graph->writer, TABLE_BLOCK, &cursor, err);
    if (status)
        return status;
    for (status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
         !status && store_cursor_in(&cursor, &prefix) && get_u64_big(cursor.key + 8) == state->whole_to + 1;
         status = store_cursor_move(&cursor, MDB_NEXT, NULL, err))
        state->whole_to++;
    store_cursor_close(&cursor);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static enum tracer_status count_block(struct graph_write *write, const struct block *block, struct error *err)
{
    struct chain_state *state = &write->chain->state;
    uint64_t number = block->number;
    bool at_end = state->count == 0 || number > state->last;
    if (state->count == 0) {
        state->first = state->last = state->whole_to = number;
    } else if (number < state->first) {
        if (number + 1 != state->first)
            state->whole_to = number;
        state->first = number;
    }
    if (number > state->last)
        state->last = number;
    state->count++;
    state->transactions += block->transaction_count;
    state->transfers += block->transfer_count;
    if (!at_end)
        state->generation++;
    return extend_whole(write, number, err);
}

/* Where may new pending blocks stand? `*ret_inside`: the block belongs between the blocks of a stored chunk.
 */
static enum tracer_status place(struct graph_write *write, uint64_t number, bool *ret_inside,
                                struct error *err)
{
    struct graph *graph = write->graph;
    struct store_cursor cursor;
    struct record record;
    struct chunk chunk;
    struct key key = key_of_block(write->chain->id, number), prefix = key_of_chain(write->chain->id);
    *ret_inside = false;
    write->pending_end = UINT64_MAX;
    if (write->chain->state.count == 0 || number > write->chain->state.last)
        return TRACER_OK;
    enum tracer_status status = store_cursor_open(graph, graph->writer, TABLE_LOG, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, prefix.size, err);
    if (!status)
        status = store_cursor_record(&cursor, &record, err);
    if (!status && !chunk_parse(record.data, record.size, &chunk))
        status = store_damaged(graph, TABLE_LOG, cursor.key, cursor.key_size, err);
    if (!status)
        *ret_inside = chunk_number(&chunk, chunk.block_count - 1) > number;
    if (!status || status == TRACER_E_NOT_FOUND)
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    if (!status && store_cursor_in(&cursor, &prefix))
        write->pending_end = get_u64_big(cursor.key + 8);
    store_cursor_close(&cursor);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* Rewrite a stored chunk with the block in it; the stored version of the block, if any, is dropped. */
static enum tracer_status rewrite_chunk(struct graph_write *write, const struct edit *edit,
                                        const struct block *block, struct error *err)
{
    struct graph *graph = write->graph;
    struct chunk_builder *builder = &write->pending; /* empty: it was flushed */
    assert(builder->block_count == 0);
    enum tracer_status status = TRACER_OK;
    if (block->number > 0)
        status = edit_copy(graph, edit, 0, block->number - 1, builder, err);
    if (!status)
        status = block_append(write, block, builder, err);
    if (!status)
        status = edit_copy(graph, edit, block->number + 1, UINT64_MAX, builder, err);
    if (!status)
        status = edit_delete(graph, write->chain->id, edit, err);
    if (!status)
        status = edit_write(graph, write->chain->id, builder, err);
    return status;
}

static enum tracer_status insert(struct graph_write *write, const struct block *block, struct error *err)
{
    struct edit edit;
    enum tracer_status status =
        edit_load(write->graph, write->graph->writer, write->chain->id, block->number, &edit, err);
    if (status)
        return status;
    status = rewrite_chunk(write, &edit, block, err);
    edit_release(&edit);
    return status;
}

/* The block goes behind the pending ones, or they are written and it begins anew, or into a stored chunk. */
static enum tracer_status add(struct graph_write *write, const struct block *block, struct error *err)
{
    struct chunk_builder *pending = &write->pending;
    enum tracer_status status = TRACER_OK;
    bool inside = false;
    if (pending->block_count > 0) {
        uint64_t last = pending->blocks[pending->block_count - 1].number;
        if (block->number <= last || block->number >= write->pending_end)
            status = flush_pending(write, err);
    }
    if (!status && pending->block_count == 0)
        status = place(write, block->number, &inside, err);
    if (status)
        return status;
    if (inside)
        return insert(write, block, err);
    status = block_append(write, block, pending, err);
    if (status ||
        (pending->block_count <= CHUNK_BLOCKS_MAX && chunk_builder_log_size(pending) <= CHUNK_BYTES &&
         chunk_builder_transaction_size(pending) <= CHUNK_BYTES))
        return status;
    return edit_write_first(write->graph, write->chain->id, pending,
                            pending->block_count > 1 ? pending->block_count - 1 : 1, err);
}

static enum tracer_status put_new(struct graph_write *write, const struct block *block, struct error *err)
{
    struct block_record record = record_of(block, block_digest(block));
    enum tracer_status status = check_links(write, block, err);
    if (!status)
        status = note_fresh(write, block->number, block->transfer_count, err);
    if (!status) {
        write->chain->changed = true;
        status = add(write, block, err);
    }
    if (!status)
        status = put_record(write, block, &record, err);
    if (!status)
        status = count_block(write, block, err);
    return status;
}

/* `aside`: the stored version says something else and is kept as an orphan. */
static enum tracer_status replace(struct graph_write *write, const struct block *block, const struct block_record *old,
                                  struct digest128 digest, bool aside, struct error *err)
{
    struct graph *graph = write->graph;
    struct chain_state *state = &write->chain->state;
    struct block_record record = record_of(block, digest);
    struct edit edit;
    enum tracer_status status = flush_pending(write, err);
    if (!status)
        status = note_fresh(write, block->number, block->transfer_count, err);
    if (status)
        return status;
    write->chain->changed = true;
    status = edit_load(graph, graph->writer, write->chain->id, block->number, &edit, err);
    if (status == TRACER_E_NOT_FOUND || (!status && !edit_has(&edit, block->number)))
        status = store_error(graph, err, TRACER_E_DAMAGED,
                             "record missing (log, block %" PRIu64 "). Run: store verify, then restore",
                             block->number);
    if (!status && aside)
        status = edit_orphan(graph, write->chain->id, &edit, block->number, old, err);
    if (!status)
        status = rewrite_chunk(write, &edit, block, err);
    if (!status)
        status = put_record(write, block, &record, err);
    edit_release(&edit);
    state->transactions += block->transaction_count - (uint64_t)old->transaction_count;
    state->transfers += block->transfer_count - (uint64_t)old->transfer_count;
    state->generation++;
    return status;
}

/* Does the version at hand know more than the stored one? */
static bool is_richer(const struct block *block, const struct block_record *old)
{
    if (block->internals != old->internals)
        return block->internals > old->internals;
    if (block->order != old->order)
        return block->order > old->order;
    return block->internals == INTERNALS_SOME && block->transfer_count > old->transfer_count;
}

static bool is_poorer(const struct block *block, const struct block_record *old)
{
    if (block->internals != old->internals)
        return block->internals < old->internals;
    if (block->order != old->order)
        return block->order < old->order;
    return block->internals == INTERNALS_SOME && block->transfer_count < old->transfer_count;
}

/* Links are what ingest makes of the rows (docs/linking.md), not facts of the chain: does a block of a chain differ
 * from the stored version in them alone? With the stored ones its digest is then the stored digest. */
static enum tracer_status is_linked_anew(struct graph_write *write, const struct block *block,
                                         const struct block_record *old, bool *ret_anew, struct error *err)
{
    struct edit edit;
    *ret_anew = false;
    if (hash_is_zero(block->hash) || block->transfer_count != old->transfer_count)
        return TRACER_OK;
    enum tracer_status status = flush_pending(write, err);
    if (!status)
        status = edit_load(write->graph, write->graph->writer, write->chain->id, block->number, &edit, err);
    if (status)
        return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
    struct transfer *rows = malloc(block->transfer_count * sizeof(*rows) + 1);
    if (!rows) {
        edit_release(&edit);
        return store_error(write->graph, err, TRACER_E_NOMEM, "no memory");
    }
    if (edit_has(&edit, block->number)) {
        struct block stored = *block;
        struct chunk_scan scan;
        chunk_scan_at(&scan, &edit.chunk, chunk_find(&edit.chunk, block->number));
        for (size_t i = 0; i < block->transfer_count; i++) {
            struct cursor_row row;
            rows[i] = block->transfers[i];
            if (chunk_scan_rows(&scan, &row, NULL, 1) == 0)
                break;
            rows[i].link = row.link;
            rows[i].leg = (enum transfer_leg)row.leg;
        }
        stored.transfers = rows;
        struct digest128 digest = block_digest(&stored);
        *ret_anew = digest.low == old->digest.low && digest.high == old->digest.high;
    }
    free(rows);
    edit_release(&edit);
    return TRACER_OK;
}

static enum tracer_status put_again(struct graph_write *write, const struct block *block,
                                    const struct block_record *old, struct error *err)
{
    struct graph *graph = write->graph;
    if (!hash_equal(block->hash, old->hash))
        return conflict(graph, block->number, "another hash is stored at this number (a reorg)", err);
    struct digest128 digest = block_digest(block);
    bool same = digest.low == old->digest.low && digest.high == old->digest.high;
    if (is_richer(block, old))
        return replace(write, block, old, digest, true, err);
    if (is_poorer(block, old))
        return TRACER_OK;
    bool anew = false;
    enum tracer_status status = same ? TRACER_OK : is_linked_anew(write, block, old, &anew, err);
    if (status)
        return status;
    if (anew)
        return replace(write, block, old, digest, true, err);
    if (!same)
        return conflict(graph, block->number, "the stored version of the same block has other content", err);
    if (block->grade >= old->grade && block->rewards_asserted == old->rewards_asserted)
        return TRACER_OK;
    return replace(write, block, old, digest, false, err); /* the same facts, better founded: the transactions, too */
}

static enum tracer_status put(struct graph_write *write, const struct block *block, struct error *err)
{
    struct graph *graph = write->graph;
    struct block_record old;
    enum tracer_status status = use_chain(write, block->chain_id, err);
    if (!status && !is_next(write, block->number))
        status = store_settle(graph, err);
    if (status)
        return status;
    status = TRACER_E_NOT_FOUND;
    if (is_stored(&write->chain->state, block->number))
        status = store_get_block_record(graph, graph->writer, block->chain_id, block->number, &old, err);
    if (status == TRACER_E_NOT_FOUND)
        status = put_new(write, block, err);
    else if (!status)
        status = put_again(write, block, &old, err);
    if (!status && block->archive.size)
        status = archive_put(graph, block->chain_id, block->hash, block->archive, err);
    if (status)
        return status;
    write->last_number = block->number;
    write->last_hash = block->hash;
    write->has_last = true;
    size_t pending =
        chunk_builder_log_size(&write->pending) + chunk_builder_transaction_size(&write->pending);
    bool many = write->chain->state.fresh_rows >= FRESH_ROWS_MAX;
    if (many || graph->write_records >= WRITE_RECORDS_SOFT ||
        graph->write_bytes + pending >= graph->part_bytes)
        return commit_part(write, many, err);
    return TRACER_OK;
}

static enum tracer_status fail(struct graph_write *write, enum tracer_status status,
                               const struct error *failure, struct error *err)
{
    write->failed = status;
    write->failure = *failure;
    if (err)
        *err = *failure;
    return status;
}

enum tracer_status graph_put_block(struct graph_write *write, const struct block *block, struct error *err)
{
    struct error failure = {0};
    struct graph *graph = write->graph;
    enum tracer_status status = store_check(graph, err);
    if (status)
        return status;
    if (write->failed)
        return fail(write, write->failed, &write->failure, err);
    status = block_check(graph, block, &failure);
    if (!status)
        status = put(write, block, &failure);
    return status ? fail(write, status, &failure, err) : TRACER_OK;
}

enum tracer_status graph_commit(struct graph_write *write, struct error *err)
{
    struct graph *graph = write->graph;
    enum tracer_status status = store_check_writable(graph, err);
    struct chain *chain = write->chain;
    if (!status && write->failed)
        status = fail(write, write->failed, &write->failure, err);
    if (!status)
        status = flush_pending(write, err);
    if (status) {
        graph_abort(write);
        return status;
    }
    status = store_write_commit(graph, err);
    free_write(write);
    if (!status && chain && chain->loaded &&
        (chain->state.fresh_rows >= FRESH_ROWS_FLUSH || chain->state.fresh_count >= FRESH_RANGES_MAX / 2))
        status = segment_flush(graph, chain->id, err);
    segment_forget(graph);
    return status;
}
