/* ingest.c - blocks from a chain into the store; reorgs are followed (threat-model 11). */
#include "tracer/ingest.h"

#include "refusals.h"
#include "tracer/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_ROWS 100000u /* a durable commit costs nothing at this size (performance 2.4) */
#define COMMIT_BLOCKS 5000u /* and no later than this, so that a kill loses little */
#define REORG_RESTARTS_MAX 16u
#define OPENING_PAIRS_MAX 1000000u
#define OPENING_PIECE ((size_t)4096) /* balances asked for before a signal is looked at */

struct ingesting {
    const struct ingest_request *request;
    struct ingest_stats *stats;
    struct graph_write *write;
    uint64_t first, last;       /* asked now */
    uint64_t done;              /* blocks delivered of it */
    uint64_t rows, blocks;      /* not yet committed */
    uint64_t committed;         /* highest committed block + 1, 0: none */
    enum grade worst;           /* of the blocks */
    bool saw_without_internals; /* a block came without call traces */
    bool saw_split;
    struct refusals refusals;
    struct arena *arena; /* of the walk's hashes */
    struct chain_walk walk;
    bool walked;
};

static bool stopped(const struct ingest_request *request)
{
    return request->stop && *request->stop;
}

/* How the range hangs on a checkpoint, for the ledger. */
static void add_walk(const struct chain_walk *walk, char *text, size_t size)
{
    size_t length = strlen(text);
    uint64_t number = walk->checkpoint.number;
    if (!walk->vouches)
        snprintf(text + length, size - length,
                 "; descends from checkpoint %" PRIu64 " (%" PRIu64 " headers), which does not prove it the chain's", number, walk->headers);
    else if (number < walk->last)
        snprintf(text + length, size - length,
                 "; checkpoint %" PRIu64 " (%" PRIu64 " headers) proves the blocks up to it, not those above it", number, walk->headers);
    else
        snprintf(text + length, size - length, "; linked to checkpoint %" PRIu64 " by %" PRIu64 " headers", number, walk->headers);
}

/* What the run has covered so far, as a record of the ledger; grows with every commit. */
static enum tracer_status put_coverage(struct ingesting *ingesting, uint64_t last, struct error *err)
{
    const struct ingest_request *request = ingesting->request;
    struct graph_coverage coverage = {
        .first = ingesting->first,
        .last = last,
        .what = "all",
        .strategy = "blocks",
        .cross_check = "hashes, roots, blooms and senders recomputed; parent hashes; no hash covers call "
                       "traces",
        .rows = ingesting->stats->transfers,
        .grade = ingesting->worst};
    if (ingesting->walked)
        add_walk(&ingesting->walk, coverage.cross_check, sizeof(coverage.cross_check));
    snprintf(coverage.method, sizeof(coverage.method), "whole blocks and receipts; call traces: %s",
             chain_traces_name(ingesting->stats->traces));
    if (ingesting->saw_without_internals)
        snprintf(coverage.gap, sizeof(coverage.gap), "internal transfers are missing: %s",
                 request->no_traces ? "call traces were not asked for (--no-traces)"
                                    : "no endpoint offers call traces for these blocks");
    return graph_put_coverage(request->graph, request->network->chain_id, &coverage, err);
}

/* The blocks, and in the same transaction that they are covered (threat-model 3.7). */
static enum tracer_status commit(struct ingesting *ingesting, uint64_t last, struct error *err)
{
    uint64_t start = clock_monotonic_ns();
    struct graph_write *write = ingesting->write;
    ingesting->write = NULL;
    enum tracer_status status = put_coverage(ingesting, last, err);
    if (status)
        graph_abort(write);
    else
        status = graph_commit(write, err);
    ingesting->stats->store_ns += clock_monotonic_ns() - start;
    if (status)
        return status;
    ingesting->committed = last + 1;
    ingesting->rows = ingesting->blocks = 0;
    return TRACER_OK;
}

static enum tracer_status deliver(void *context, const struct block *block, struct error *err)
{
    struct ingesting *ingesting = context;
    const struct ingest_request *request = ingesting->request;
    struct ingest_stats *stats = ingesting->stats;
    uint64_t start = clock_monotonic_ns();
    enum tracer_status status = TRACER_OK;
    if (!ingesting->write)
        status = graph_begin(request->graph, &ingesting->write, err);
    if (!status)
        status = graph_put_block(ingesting->write, block, err);
    stats->store_ns += clock_monotonic_ns() - start;
    if (status)
        return status;
    ingesting->saw_without_internals = ingesting->saw_without_internals || block->internals != INTERNALS_ALL;
    ingesting->worst = block->grade > ingesting->worst ? block->grade : ingesting->worst;
    ingesting->rows += block->transfer_count;
    ingesting->blocks++;
    ingesting->done++;
    stats->blocks++;
    stats->transactions += block->transaction_count;
    stats->transfers += block->transfer_count;
    if (ingesting->rows >= COMMIT_ROWS || ingesting->blocks >= COMMIT_BLOCKS ||
        block->number == ingesting->last)
        status = commit(ingesting, block->number, err);
    if (!status && request->progress)
        request->progress(request->progress_context, ingesting->first, ingesting->done, ingesting->last,
                          &stats->fetch);
    if (!status && stopped(request)) {
        if (ingesting->write)
            status = commit(ingesting, block->number, err);
        if (!status)
            status =
                error_set(err, TRACER_E_STOPPED, "stopped; blocks up to %" PRIu64 " are safe", block->number);
    }
    return status;
}

uint64_t ingest_reorg_depth(enum chain_finality finality, uint64_t finality_depth)
{
    return finality == FINALITY_DEPTH && finality_depth > TRACER_REORG_DEPTH ? finality_depth : TRACER_REORG_DEPTH;
}

/* Find the highest stored block that is still the chain's, at most `depth` below the highest stored, and
 * remove what is above it, if the chain has another block there. Where no endpoint has any, they lag, and nothing
 * is known against what is stored (R4). */
static enum tracer_status rewind_to_chain(const struct ingest_request *request, struct ingest_stats *stats,
                                          struct error *err)
{
    struct graph_range range;
    uint64_t chain_id = request->network->chain_id;
    enum tracer_status status = graph_range(request->graph, chain_id, &range, err);
    if (status == TRACER_E_NOT_FOUND)
        return TRACER_OK;
    if (status)
        return status;
    uint64_t depth = ingest_reorg_depth(request->finality, request->finality_depth);
    uint64_t number = range.last;
    bool replaced = false;
    for (;; number--) {
        struct block stored;
        struct hash hash = {{0}};
        status = graph_get_block(request->graph, chain_id, number, &stored, err);
        if (status == TRACER_OK) {
            status = chain_block_hash(request->client, number, &hash, err);
            if (status && status != TRACER_E_NOT_FOUND)
                return status;
            if (status == TRACER_OK && hash_equal(hash, stored.hash))
                break;
            bool has = false; /* one endpoint's word takes no proven block away */
            if (status == TRACER_OK && stored.grade == GRADE_PROVEN) {
                if ((status = chain_has_block(request->client, number, stored.hash, &has, err)))
                    return status;
                if (has)
                    break;
            }
            replaced = replaced || status == TRACER_OK;
        } else if (status != TRACER_E_NOT_FOUND) {
            return status;
        }
        if (range.last - number >= depth && !replaced)
            return TRACER_OK;
        if (range.last - number >= depth)
            return error_set(
                err, TRACER_E_CONFLICT,
                "the chain differs from the store for more than %" PRIu64 " blocks below %" PRIu64
                ": deeper than finality allows. Nothing was changed; check the endpoint, or use another store",
                depth, range.last);
        if (number == range.first && !replaced)
            return TRACER_OK;
        if (number == range.first)
            return error_set(err, TRACER_E_CONFLICT,
                             "the chain differs from the store in every block from %" PRIu64
                             " on. Nothing was changed",
                             range.first);
    }
    if (!replaced)
        return TRACER_OK;
    uint64_t removed = 0;
    status = graph_rewind(request->graph, chain_id, number, &removed, err);
    stats->rewound += removed;
    stats->kept_to = number < stats->kept_to ? number : stats->kept_to;
    return status;
}

static enum tracer_status refused(void *context, const struct chain_refusal *refusal, struct error *err)
{
    struct ingesting *ingesting = context;
    ingesting->stats->refused++;
    return refusals_add(&ingesting->refusals, refusal, err);
}

static enum tracer_status store_refused(struct ingesting *ingesting, struct error *err)
{
    return refusals_store(&ingesting->refusals, ingesting->request->graph, ingesting->request->network->chain_id, err);
}

static enum tracer_status fetch_range(struct ingesting *ingesting, struct error *err)
{
    const struct ingest_request *request = ingesting->request;
    struct chain_fetch fetch = {.first = ingesting->first,
                                .last = ingesting->last,
                                .walk = ingesting->walked ? &ingesting->walk : NULL,
                                .want_traces = !request->no_traces,
                                .archive = request->keep_raw,
                                .links = request->links,
                                .refused = refused,
                                .refused_context = ingesting};
    struct error ignored;
    enum tracer_status status =
        chain_fetch(request->client, &fetch, deliver, ingesting, &ingesting->stats->fetch, err);
    graph_abort(ingesting->write);
    ingesting->write = NULL;
    enum tracer_status kept = store_refused(ingesting, status ? &ignored : err);
    return status ? status : kept;
}

static void tell_walk(void *context, uint64_t done, uint64_t total)
{
    const struct ingest_request *request = ((struct ingesting *)context)->request;
    if (request->walk_progress)
        request->walk_progress(request->progress_context, done, total);
}

/* --anchor: before any block is read, so that each is compared as it comes. */
static enum tracer_status walk_range(struct ingesting *ingesting, struct error *err)
{
    struct error ignored;
    ingesting->walk = (struct chain_walk){
        .first = ingesting->first, .last = ingesting->last, .refused = refused, .progress = tell_walk, .context = ingesting};
    if (!ingesting->arena && !(ingesting->arena = arena_new(TRACER_WALK_HEADERS_MAX * sizeof(struct hash) + TRACER_MIB(1))))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = chain_walk(ingesting->request->client, &ingesting->walk, ingesting->arena, err);
    enum tracer_status kept = store_refused(ingesting, status ? &ignored : err);
    ingesting->walked = !status;
    ingesting->stats->walk_checkpoint = ingesting->walk.checkpoint.number;
    ingesting->stats->walk_headers = status ? 0 : ingesting->walk.headers;
    ingesting->stats->walk_vouched = ingesting->walk.vouches ? ingesting->walk.hash_count : 0;
    return status ? status : kept;
}

/* Read first..last; a reorg under the run is rewound and the rest read again. */
static enum tracer_status ingest_range(struct ingesting *ingesting, struct error *err)
{
    const struct ingest_request *request = ingesting->request;
    enum tracer_status status = TRACER_OK;
    uint64_t asked_first = ingesting->first;
    if (request->anchor && (status = walk_range(ingesting, err)))
        return status;
    for (unsigned restart = 0; restart < REORG_RESTARTS_MAX; restart++) {
        status = fetch_range(ingesting, err);
        if (status != TRACER_E_CONFLICT)
            return status;
        if ((status = rewind_to_chain(request, ingesting->stats, err)))
            return status;
        struct graph_range range;
        status = graph_range(request->graph, request->network->chain_id, &range, err);
        if (status && status != TRACER_E_NOT_FOUND)
            return status;
        /* Go on behind what is left of this run; blocks that are stored already are compared again. */
        ingesting->first = asked_first;
        if (!status && range.last + 1 > asked_first && range.last < ingesting->last)
            ingesting->done = range.last + 1 - asked_first;
        else
            ingesting->done = 0;
        ingesting->rows = ingesting->blocks = 0;
    }
    return error_set(err, TRACER_E_CONFLICT, "the chain changed %u times under the run", REORG_RESTARTS_MAX);
}

/* ---- opening balances ---- */

struct pair {
    struct address account;
    struct asset asset;
};

static int order_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = address_compare(x->account, y->account);
    return order ? order : asset_compare(&x->asset, &y->asset);
}

struct pairs {
    struct pair *items;
    size_t count, capacity;
};

static size_t unique_pairs(struct pairs *pairs)
{
    size_t kept = 0;
    if (pairs->count)
        qsort(pairs->items, pairs->count, sizeof(*pairs->items), order_pairs);
    for (size_t i = 0; i < pairs->count; i++)
        if (kept == 0 || order_pairs(&pairs->items[kept - 1], &pairs->items[i]) != 0)
            pairs->items[kept++] = pairs->items[i];
    pairs->count = kept;
    return kept;
}

static enum tracer_status add_pair(struct pairs *pairs, struct address account, struct asset asset,
                                   struct error *err)
{
    if (address_is_void(account) || asset.kind == ASSET_ITEM)
        return TRACER_OK;
    if (pairs->count == pairs->capacity && pairs->capacity && unique_pairs(pairs) > pairs->capacity / 2 &&
        pairs->count > OPENING_PAIRS_MAX)
        return error_set(err, TRACER_E_LIMIT, "more than %u accounts and assets want an opening balance",
                         OPENING_PAIRS_MAX);
    if (pairs->count + 1 >= pairs->capacity) {
        size_t larger = pairs->capacity ? pairs->capacity * 2 : 4096;
        struct pair *items = realloc(pairs->items, larger * sizeof(*items));
        if (!items)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        pairs->items = items;
        pairs->capacity = larger;
    }
    pairs->items[pairs->count++] = (struct pair){account, asset};
    return TRACER_OK;
}

static enum tracer_status pair_of_row(void *context, const struct transfer *transfer, struct error *err)
{
    enum tracer_status status = add_pair(context, transfer->from, transfer->asset, err);
    return status ? status : add_pair(context, transfer->to, transfer->asset, err);
}

/* Balances before the first stored block, for every account and asset of the range: without them a queue
 * policy spends known units too early (taint-spec 14). */
static enum tracer_status fetch_openings(const struct ingest_request *request, struct ingest_stats *stats,
                                         uint64_t first, uint64_t last, struct error *err)
{
    if (first == 0)
        return error_set(err, TRACER_E_USAGE,
                         "--opening needs --from 1 or later: there is no balance before block 0");
    struct pairs pairs = {0};
    uint64_t chain_id = request->network->chain_id;
    enum tracer_status status = graph_each(request->graph, chain_id, first, last, pair_of_row, &pairs, err);
    struct graph_opening *openings = NULL;
    size_t count = 0;
    if (!status && unique_pairs(&pairs) && !(openings = calloc(pairs.count, sizeof(*openings))))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    struct chain_balance *balances = calloc(OPENING_PIECE, sizeof(*balances));
    if (!status && !balances)
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < pairs.count && !status; i += OPENING_PIECE) {
        size_t piece = pairs.count - i < OPENING_PIECE ? pairs.count - i : OPENING_PIECE;
        for (size_t k = 0; k < piece; k++)
            balances[k] = (struct chain_balance){
                .account = pairs.items[i + k].account, .asset = &pairs.items[i + k].asset, .number = first};
        status = chain_balances(request->client, balances, piece, err);
        for (size_t k = 0; k < piece && !status; k++) {
            if (balances[k].status == TRACER_E_UNAVAILABLE)
                status = error_set(err, TRACER_E_UNAVAILABLE,
                                   "no endpoint has the state before block %" PRIu64 ": --opening needs an archive endpoint", first);
            else if (balances[k].status && balances[k].asset->kind == ASSET_NATIVE)
                status = error_set(err, balances[k].status, "eth_getBalance before block %" PRIu64 " was not answered, or not in the same way by two endpoints", first);
            else if (!balances[k].status && !u256_is_zero(balances[k].amount)) /* a contract without balanceOf stays unknown */
                openings[count++] = (struct graph_opening){.account = balances[k].account,
                                                           .asset = *balances[k].asset,
                                                           .block_number = first,
                                                           .amount = balances[k].amount,
                                                           .grade = GRADE_ASSERTED};
        }
        if (!status && stopped(request))
            status = error_set(err, TRACER_E_STOPPED, "stopped; no opening balance was stored");
    }
    free(balances);
    if (!status && count)
        status = graph_put_opening(request->graph, chain_id, openings, count, err);
    if (!status)
        stats->openings = count;
    free(openings);
    free(pairs.items);
    return status;
}

/* ---- the run ---- */

struct covered {
    uint64_t next;       /* first block behind those that were read whole */
    bool any, everybody; /* there are records; of whole blocks */
};

static enum tracer_status read_covered(void *context, const struct graph_coverage *coverage, struct error *err)
{
    struct covered *covered = context;
    (void)err;
    covered->any = true;
    if (!address_is_void(coverage->account))
        return TRACER_OK;
    covered->everybody = true;
    if (coverage->last >= covered->next)
        covered->next = coverage->last + 1;
    return TRACER_OK;
}

/* A batch may be longer than a transaction of the store: the parts of one that was killed are there, and nobody says that they were
 * read whole. They are read again. */
static enum tracer_status find_uncovered(const struct ingesting *ingesting, const struct graph_range *range, uint64_t *ret_first, struct error *err)
{
    const struct ingest_request *request = ingesting->request;
    struct covered covered = {.next = 0};
    enum tracer_status status = graph_each_coverage(request->graph, request->network->chain_id, NULL, read_covered, &covered, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    if (!covered.any) /* it was killed in its first batch */
        covered.next = range->first;
    if ((covered.everybody || !covered.any) && covered.next >= range->first && covered.next <= range->last && range->last - covered.next < COMMIT_BLOCKS)
        *ret_first = covered.next;
    return TRACER_OK;
}

/* `again`: a later round of --follow. Stored blocks are not read again unless asked (--refetch): the tip was
 * just compared with the chain, and what is below it hangs on its parent hashes. */
static enum tracer_status choose_range(struct ingesting *ingesting, bool again, struct error *err)
{
    const struct ingest_request *request = ingesting->request;
    struct ingest_stats *stats = ingesting->stats;
    enum tracer_status status =
        chain_head(request->client, request->finality, request->finality_depth, &stats->head, err);
    if (status)
        return status;
    struct graph_range range;
    status = graph_range(request->graph, request->network->chain_id, &range, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    bool stored = status == TRACER_OK;
    ingesting->first = request->has_from ? request->from
                       : stored          ? range.last + 1
                                         : request->network->anchor_number;
    bool covered = stored && ingesting->first >= range.first && ingesting->first <= range.last &&
                   (range.first_gap == 0 || again);
    if (covered && (again || !request->refetch))
        ingesting->first = range.last + 1;
    if (stored && !again && ingesting->first == range.last + 1 && (status = find_uncovered(ingesting, &range, &ingesting->first, err)))
        return status;
    ingesting->last = request->has_to && request->to < stats->head ? request->to : stats->head;
    if (request->has_to && request->to > stats->head && !request->follow)
        return error_set(err, TRACER_E_USAGE,
                         "block %" PRIu64 " is above the chain's head under the finality asked for (%" PRIu64
                         "); use --finality latest, or a lower --to",
                         request->to, stats->head);
    return TRACER_OK;
}

enum tracer_status ingest_network(struct graph *graph, const struct chain_network *chain, struct error *err)
{
    struct graph_network network = {
        .chain_id = chain->chain_id, .anchor_number = chain->anchor_number, .anchor_hash = chain->anchor_hash};
    memcpy(network.name, chain->name, sizeof(network.name));
    return graph_put_network(graph, &network, err);
}

static enum tracer_status wait_for_head(const struct ingest_request *request)
{
    uint64_t until =
        clock_monotonic_ms() + (request->follow_interval_ms ? request->follow_interval_ms : 4000);
    while (clock_monotonic_ms() < until && !stopped(request))
        clock_sleep_ms(50);
    return stopped(request) ? TRACER_E_STOPPED : TRACER_OK;
}

enum tracer_status ingest_run(const struct ingest_request *request, struct ingest_stats *ret_stats,
                              struct error *err)
{
    *ret_stats = (struct ingest_stats){.traces = request->no_traces ? TRACES_NONE
                                                                    : chain_client_traces(request->client)};
    struct ingesting ingesting = {.request = request, .stats = ret_stats};
    if (request->anchor && request->follow)
        return error_set(err, TRACER_E_USAGE, "--anchor is not for --follow: no checkpoint is above the head");
    enum tracer_status status = ingest_network(request->graph, request->network, err);
    bool begun = false;
    while (!status) {
        bool first = !begun;
        uint64_t blocks = ret_stats->blocks;
        ret_stats->kept_to = UINT64_MAX;
        if ((status = rewind_to_chain(request, ret_stats, err)) ||
            (status = choose_range(&ingesting, begun, err)))
            break;
        if (!begun) {
            ret_stats->first = ingesting.first;
            begun = true;
        }
        if (ingesting.first <= ingesting.last) {
            ingesting.done = 0;
            status = ingest_range(&ingesting, err);
            if (ingesting.committed)
                ret_stats->last = ingesting.committed - 1;
        }
        if (!status && request->landed && (first || ret_stats->blocks > blocks || ret_stats->kept_to < UINT64_MAX))
            status = request->landed(request->landed_context, ret_stats->kept_to, err);
        if (status || !request->follow || (request->has_to && ret_stats->last >= request->to))
            break;
        if (wait_for_head(request) == TRACER_E_STOPPED) { /* --follow ends when it is told to */
            status = TRACER_OK;
            goto done;
        }
    }
    if (!status && request->opening) {
        struct graph_range range;
        status = graph_range(request->graph, request->network->chain_id, &range, err);
        if (!status)
            status = fetch_openings(request, ret_stats, range.first, range.last, err);
    }
done:
    arena_free(ingesting.arena);
    refusals_free(&ingesting.refusals);
    return status;
}
