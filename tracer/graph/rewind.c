/* rewind.c - taking the end of a chain away after a reorg; what is removed is kept aside. */
#include <inttypes.h>

#include "write.h"

struct rewind_sum {
    uint64_t blocks, transactions, transfers;
};

static enum tracer_status remove_blocks(struct graph *graph, uint64_t chain_id, const struct edit *edit,
                                        uint64_t last_kept, struct rewind_sum *sum, struct error *err)
{
    for (uint32_t i = chunk_find(&edit->chunk, last_kept + 1); i < edit->chunk.block_count; i++) {
        struct block_record record;
        uint64_t number = chunk_number(&edit->chunk, i);
        enum tracer_status status =
            store_get_block_record(graph, graph->writer, chain_id, number, &record, err);
        if (status == TRACER_E_NOT_FOUND)
            return store_error(graph, err, TRACER_E_DAMAGED,
                               "record missing (block %" PRIu64 "). Run: store verify, then restore", number);
        struct key key = key_of_block(chain_id, number);
        if (!status)
            status = edit_orphan(graph, chain_id, edit, number, &record, err);
        if (!status)
            status = store_delete(graph, TABLE_BLOCK, &key, err);
        if (status)
            return status;
        sum->blocks++;
        sum->transactions += record.transaction_count;
        sum->transfers += record.transfer_count;
    }
    return TRACER_OK;
}

/* Take the last chunk away, but for the blocks that stay. */
static enum tracer_status rewind_chunk(struct graph *graph, uint64_t chain_id, const struct edit *edit,
                                       uint64_t last_kept, struct rewind_sum *sum, struct error *err)
{
    struct chunk_builder kept = {0};
    enum tracer_status status = remove_blocks(graph, chain_id, edit, last_kept, sum, err);
    if (!status && edit->key <= last_kept)
        status = edit_copy(graph, edit, 0, last_kept, &kept, err);
    if (!status)
        status = edit_delete(graph, chain_id, edit, err);
    if (!status)
        status = edit_write(graph, chain_id, &kept, err);
    chunk_builder_release(&kept);
    return status;
}

static enum tracer_status rewind_chunks(struct graph *graph, uint64_t chain_id, uint64_t last_kept,
                                        struct rewind_sum *sum, struct error *err)
{
    for (;;) {
        struct edit edit;
        enum tracer_status status = edit_load(graph, graph->writer, chain_id, UINT64_MAX, &edit, err);
        if (status)
            return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
        bool done = edit_last(&edit) <= last_kept;
        if (!done)
            status = rewind_chunk(graph, chain_id, &edit, last_kept, sum, err);
        edit_release(&edit);
        if (status || done)
            return status;
    }
}

static enum tracer_status lower_state(struct graph *graph, struct chain *chain, uint64_t last_kept,
                                      const struct rewind_sum *sum, struct error *err)
{
    struct chain_state *state = &chain->state;
    struct store_cursor cursor;
    struct key key = key_of_block(chain->id, last_kept);
    enum tracer_status status = store_cursor_open(graph, graph->writer, TABLE_BLOCK, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, 8, err);
    uint64_t last = status ? 0 : get_u64_big(cursor.key + 8);
    store_cursor_close(&cursor);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    state->count -= sum->blocks;
    state->transactions -= sum->transactions;
    state->transfers -= sum->transfers;
    state->generation++;
    state->last = last;
    state->whole_to = state->whole_to < last ? state->whole_to : last;
    if (state->count == 0)
        state->first = state->last = state->whole_to = 0;
    while (state->fresh_count > 0 && state->fresh[state->fresh_count - 1].first > last_kept)
        state->fresh_count--;
    if (state->fresh_count > 0 && state->fresh[state->fresh_count - 1].last > last_kept)
        state->fresh[state->fresh_count - 1].last = last_kept;
    if (state->fresh_count == 0)
        state->fresh_rows = 0;
    return TRACER_OK;
}

static enum tracer_status rewind_to(struct graph *graph, uint64_t chain_id, uint64_t last_kept,
                                    uint64_t *ret_removed, struct error *err)
{
    struct rewind_sum sum = {0};
    struct chain *chain;
    enum tracer_status status = store_load_chain(graph, chain_id, &chain, err);
    if (status)
        return status;
    if (chain->state.count > 0 && chain->state.last > last_kept) {
        chain->changed = true;
        status = rewind_chunks(graph, chain_id, last_kept, &sum, err);
        if (!status)
            status = lower_state(graph, chain, last_kept, &sum, err);
    }
    *ret_removed = sum.blocks;
    return status;
}

enum tracer_status graph_rewind(struct graph *graph, uint64_t chain_id, uint64_t last_kept,
                                uint64_t *ret_removed, struct error *err)
{
    uint64_t removed = 0;
    enum tracer_status status = store_check_writable(graph, err);
    if (status)
        return status;
    if (store_is_writing(graph))
        return store_error(graph, err, TRACER_E_USAGE, "commit or abort the open batch before a rewind");
    status = store_write_begin(graph, err);
    if (status)
        return status;
    status = rewind_to(graph, chain_id, last_kept, &removed, err);
    status = store_leave(graph, true, status, err);
    if (!status)
        *ret_removed = removed;
    return status;
}
