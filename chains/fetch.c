/* fetch.c - blocks of a range, in order, with many requests under way.
 *
 * The range is cut into units of a few neighbouring blocks; a ring of units is asked for at once and
 * delivered from its oldest end. A unit's calls go in one JSON-RPC batch where endpoints take batches; its
 * block, receipts and traces so come from one endpoint at one time, and what they repeat is compared (evm.h).
 * Where eth_getBlockReceipts is missing, a second wave of calls asks for each transaction's receipt.
 *
 * How blocks are grouped depends on the first block alone, not on the timing of replies, so that a recorded
 * run can be replayed.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "tracer/clock.h"

#define BLOCKS_AHEAD_DEFAULT 64u
#define BLOCKS_AHEAD_MAX 4096u
#define GROUP_BYTES TRACER_MIB(1) /* of replies that one batch should bring */
#define UNIT_BYTES_MAX TRACER_GIB(2)
#define SCRATCH_KEPT TRACER_MIB(8) /* memory that stays with the scratch from block to block */
#define RELINKS_MAX                                                                                          \
    2u /* times that a block which does not follow is asked for again before it is a reorg                   \
        */

/* ---- the ring ---- */

static uint32_t group_for(const struct fetching *fetching, uint64_t bytes)
{
    const struct chain_client *client = fetching->client;
    uint64_t stride = 1 + (uint64_t)!client->no_block_receipts + (uint64_t)fetching_wants_traces(fetching);
    uint64_t blocks = bytes ? GROUP_BYTES / bytes : GROUP_BLOCKS_MAX;
    blocks = blocks > client->batch_calls / stride ? client->batch_calls / stride : blocks;
    blocks = blocks > GROUP_BLOCKS_MAX ? GROUP_BLOCKS_MAX : blocks;
    return blocks ? (uint32_t)blocks : 1;
}

static uint32_t count_for(const struct fetching *fetching)
{
    uint64_t split = fetching->client->network->rules->era_split;
    const struct chain_fetch *fetch = fetching->fetch;
    uint64_t left = fetch->last - fetching->next, count = fetching->group ? fetching->group : 1;
    if (fetch->numbers) /* how many neighbours follow it in the list */
        for (left = 0; left < count && fetching->at + left + 1 < fetch->number_count &&
                       fetch->numbers[fetching->at + left + 1] == fetching->next + left + 1;)
            left++;
    if (left < count) /* `left` is one less than the blocks that are left */
        count = left + 1 < count ? left + 1 : count;
    if (fetching->next < split && split - fetching->next < count)
        count = split - fetching->next;
    return (uint32_t)count;
}

/* Ask for more while the ring has room. The first block goes alone. */
static enum tracer_status fill_ring(struct fetching *fetching)
{
    while (!fetching->all_asked && fetching->used < fetching->unit_count &&
           (fetching->group || fetching->used == 0)) {
        struct unit *unit = &fetching->units[(fetching->head + fetching->used) % fetching->unit_count];
        assert(unit->state == UNIT_FREE);
        unit->first = fetching->next;
        unit->count = count_for(fetching);
        unit->attempts = unit->relinks = unit->disputes = 0;
        unit_forget_types(unit);
        fetching->used++;
        fetching->all_asked = fetching->fetch->last - unit->first < unit->count;
        fetching->at += unit->count;
        fetching->next = !fetching->fetch->numbers ? fetching->next + unit->count
                         : fetching->all_asked     ? fetching->fetch->last
                                                   : fetching->fetch->numbers[fetching->at];
        enum tracer_status status = unit_begin(fetching, unit);
        if (status)
            return status;
    }
    return TRACER_OK;
}

/* The block does not follow what was delivered: its reply may be of another time than its neighbours'. */
static enum tracer_status relink(struct fetching *fetching, struct unit *unit, const struct block *block)
{
    char parent[HASH_TEXT_SIZE], last[HASH_TEXT_SIZE];
    unit_forget_types(unit);
    if (unit->relinks++ < RELINKS_MAX)
        return unit_begin(fetching, unit);
    hash_format(block->parent_hash, parent);
    hash_format(fetching->last_hash, last);
    return error_set(fetching->err, TRACER_E_CONFLICT,
                     "block %" PRIu64 ": its parent is %s, but block %" PRIu64
                     " was %s: the chain changed (a reorg)",
                     block->number, parent, fetching->last_number, last);
}

static enum tracer_status deliver_unit(struct fetching *fetching, struct unit *unit,
                                       chain_deliver_fn *deliver, void *context)
{
    if (fetching->has_last && unit->first == fetching->last_number + 1 &&
        !hash_equal(unit->blocks[0].parent_hash, fetching->last_hash))
        return relink(fetching, unit, &unit->blocks[0]);
    for (size_t i = 0; i < unit->count; i++) {
        const struct block *block = &unit->blocks[i];
        enum tracer_status status = deliver(context, block, fetching->err);
        if (status)
            return status;
        fetching->last_hash = block->hash;
        fetching->last_number = block->number;
        fetching->has_last = true;
        fetching->stats.blocks++;
        fetching->stats.transactions += block->transaction_count;
        fetching->stats.transfers += block->transfer_count;
        evm_notes_add(&fetching->notes, &unit->words[i][0].notes);
        fetching->words_alone += unit->alone[i];
    }
    if (!fetching->group)
        fetching->group = group_for(fetching, fetching->stats.bytes);
    if (!fetching->client->group && fetching->fetch->numbers)
        fetching->client->group = group_for(fetching, fetching->stats.bytes / fetching->stats.blocks);
    unit->state = UNIT_FREE;
    arena_reset(unit->arena, unit->empty);
    fetching->head = (fetching->head + 1) % fetching->unit_count;
    fetching->used--;
    return TRACER_OK;
}

static enum tracer_status wait_one(struct fetching *fetching)
{
    struct rpc_batch *batch;
    uint64_t start = clock_monotonic_ns();
    enum tracer_status status = client_wait(fetching->client, &batch, fetching->err);
    fetching->stats.wait_ns += clock_monotonic_ns() - start;
    if (status)
        return status == TRACER_E_NOT_FOUND
                   ? error_set(fetching->err, TRACER_E_INTERNAL, "nothing to wait for")
                   : status;
    struct unit *unit = batch->context;
    assert(unit->pending > 0);
    return --unit->pending == 0 ? unit_wave_done(fetching, unit) : TRACER_OK;
}

static enum tracer_status run(struct fetching *fetching, chain_deliver_fn *deliver, void *context)
{
    for (;;) {
        enum tracer_status status = fill_ring(fetching);
        if (status)
            return status;
        if (fetching->used == 0)
            return TRACER_OK;
        struct unit *unit = &fetching->units[fetching->head];
        status =
            unit->state == UNIT_READY ? deliver_unit(fetching, unit, deliver, context) : wait_one(fetching);
        if (status)
            return status;
    }
}

/* ---- begin and end ---- */

/* A mark at the start of one large block, which resetting to it therefore keeps: giving memory back to the
 * system and taking it again for each block costs more than decoding the block (bench_ingest). */
static bool keep_scratch(struct arena *arena, struct arena_mark *ret_empty)
{
#ifndef TRACER_ARENA_MALLOC
    if (!arena_alloc(arena, SCRATCH_KEPT))
        return false;
    *ret_empty = arena_mark(arena);
    ret_empty->used = ret_empty->total = 0;
    arena_reset(arena, *ret_empty);
#else
    *ret_empty = arena_mark(arena);
#endif
    return true;
}

static enum tracer_status open_ring(struct fetching *fetching)
{
    uint32_t ahead = fetching->fetch->blocks_ahead ? fetching->fetch->blocks_ahead : BLOCKS_AHEAD_DEFAULT;
    ahead = ahead > BLOCKS_AHEAD_MAX ? BLOCKS_AHEAD_MAX : ahead;
    fetching->scratch = arena_new(UNIT_BYTES_MAX);
    fetching->units = calloc(ahead, sizeof *fetching->units);
    if (!fetching->scratch || !fetching->units || !keep_scratch(fetching->scratch, &fetching->scratch_empty))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    fetching->unit_count = ahead;
    for (size_t i = 0; i < ahead; i++) {
        struct unit *unit = &fetching->units[i];
        unit->arena = arena_new(UNIT_BYTES_MAX);
        if (!unit->arena)
            return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
        unit->empty = arena_mark(unit->arena);
    }
    return TRACER_OK;
}

static void close_ring(struct fetching *fetching)
{
    for (size_t i = 0; i < fetching->unit_count; i++) {
        unit_release(&fetching->units[i]); /* cancels what is under way */
        unit_forget_types(&fetching->units[i]);
        arena_free(fetching->units[i].arena);
    }
    free(fetching->units);
    arena_free(fetching->scratch);
}

enum tracer_status fetching_tell_refusal(struct fetching *fetching, const struct chain_refusal *refusal)
{
    const struct chain_fetch *fetch = fetching->fetch;
    client_note(fetching->client, "endpoint \"%s\" was not believed: %s", refusal->endpoint, refusal->why);
    return fetch->refused ? fetch->refused(fetch->refused_context, refusal, fetching->err) : TRACER_OK;
}

/* What was found between fetches. Whoever called a block final too early said it of the last one of these, too. */
static enum tracer_status tell_doubted(struct chain_client *client, const struct chain_fetch *fetch, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < client->endpoint_count && fetch->refused && !status; i++) {
        struct chain_refusal *doubted = &client->endpoints[i].doubted;
        doubted->number = doubted->number ? doubted->number : fetch->last;
        if (doubted->why)
            status = fetch->refused(fetch->refused_context, doubted, err);
        doubted->why = NULL;
    }
    return status;
}

/* What was not decoded in full, as notes of the client. */
static void tell_notes(const struct fetching *fetching)
{
    struct chain_client *client = fetching->client;
    const struct evm_notes *notes = &fetching->notes;
    if (client->no_block_receipts)
        client_note(client, "eth_getBlockReceipts is not offered: receipts are asked for one by one");
    if (notes->unknown_type_count)
        client_note(client,
                    "%" PRIu32 " transactions of unknown types (the first is 0x%" PRIx64
                    "): read as the endpoint states them",
                    notes->unknown_type_count, notes->unknown_type);
    if (notes->status_unknown)
        client_note(client,
                    "%" PRIu32 " transactions before Byzantium without a trace: it is not known whether they "
                    "succeeded; their value is shown as moved",
                    notes->status_unknown);
    if (notes->uncle_rewards)
        client_note(client,
                    "%" PRIu32 " rewards of uncle blocks are not in the rows: only trace_block states them",
                    notes->uncle_rewards);
    if (notes->trace_gaps)
        client_note(client, "%" PRIu32 " transactions have traces that are missing or lack an amount",
                    notes->trace_gaps);
    if (notes->unknown_frames)
        client_note(client, "%" PRIu32 " calls of unknown kinds carry value that is not in the rows",
                    notes->unknown_frames);
    if (notes->operator_fees)
        client_note(client, "%" PRIu32 " transactions pay an operator fee that is not in the rows",
                    notes->operator_fees);
    if (notes->unlinked)
        client_note(client,
                    "%" PRIu32 " exchanges at venues were not linked, because no rule fits them: what went in is "
                    "absorbed there, what came out is unknown",
                    notes->unlinked);
    if (notes->irregular)
        client_note(client,
                    "block %" PRIu64 " moved balances without transactions (an irregular state change); they "
                    "are not in the rows",
                    client->network->rules->evm.irregular_number);
    if (fetching->words_alone)
        client_note(client, "call traces of %" PRIu32 " blocks are one endpoint's word: no other operator gave any", fetching->words_alone);
    if (fetching->fetch->want_traces && client->traces == TRACES_NONE)
        client_note(client, "no endpoint has call traces: transfers inside transactions are not in the rows");
}

enum tracer_status chain_fetch(struct chain_client *client, const struct chain_fetch *fetch,
                               chain_deliver_fn *deliver, void *context, struct chain_fetch_stats *ret_stats,
                               struct error *err)
{
    struct error ignored;
    struct fetching fetching = {
        .client = client, .fetch = fetch, .next = fetch->first, .evm = client->evm, .err = err ? err : &ignored};
    fetching.evm.links = fetch->links;
    if (fetch->numbers) /* few, and hardly ever neighbours: not worth a first one alone */
        fetching.group = client->group ? client->group : 1;
    if (fetch->first > fetch->last || fetch->last > INT64_MAX)
        return error_set(err, TRACER_E_USAGE, "no range of blocks: %" PRIu64 " to %" PRIu64, fetch->first,
                         fetch->last);
    assert(!fetch->numbers || (fetch->number_count && fetch->numbers[0] == fetch->first &&
                               fetch->numbers[fetch->number_count - 1] == fetch->last));
    enum tracer_status status = tell_doubted(client, fetch, fetching.err);
    if (!status)
        status = open_ring(&fetching);
    if (!status)
        status = run(&fetching, deliver, context);
    close_ring(&fetching);
    tell_notes(&fetching);
    if (ret_stats)
        *ret_stats = fetching.stats;
    return status;
}
