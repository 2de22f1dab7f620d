/* explore.c - see explore.h. */
#include "tracer/explore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refusals.h"
#include "tracer/audit.h"
#include "tracer/ingest.h"

#define COMMIT_ROWS 100000u
#define ROUNDS_MAX 16u             /* of searching and fetching for one balance */
#define QUESTIONS_AT_ONCE ((size_t)4096)

struct explorer {
    struct explore_request request;
    bool missing[HISTORY_WAY_COUNT]; /* no endpoint has it */
    bool scanned;                    /* every block of the range was read */
    struct graph_write *write;
    uint64_t rows; /* not yet committed */
    struct refusals refusals;
};

/* ---- blocks ---- */

static enum tracer_status deliver(void *context, const struct block *block, struct error *err)
{
    struct explorer *explorer = context;
    enum tracer_status status = explorer->write ? TRACER_OK : graph_begin(explorer->request.graph, &explorer->write, err);
    if (!status)
        status = graph_put_block(explorer->write, block, err);
    explorer->rows += block->transfer_count;
    if (!status && explorer->rows >= COMMIT_ROWS) {
        struct graph_write *write = explorer->write;
        explorer->write = NULL;
        explorer->rows = 0;
        status = graph_commit(write, err);
    }
    if (!status && explorer->request.stop && *explorer->request.stop)
        status = error_set(err, TRACER_E_STOPPED, "stopped");
    return status;
}

static enum tracer_status refused(void *context, const struct chain_refusal *refusal, struct error *err)
{
    return refusals_add(context, refusal, err);
}

static bool wants_traces(const struct explorer *explorer)
{
    return !explorer->request.no_traces && chain_client_traces(explorer->request.client) != TRACES_NONE;
}

/* Keep of `blocks` what has to be read: it is not stored, or without the internal calls that can be had. */
static enum tracer_status drop_stored(struct explorer *explorer, struct history_blocks *blocks, struct error *err)
{
    size_t kept = 0;
    history_blocks_sort(blocks);
    for (size_t i = 0; i < blocks->count; i++) {
        struct block stored;
        enum tracer_status status = graph_get_block(explorer->request.graph, explorer->request.network->chain_id, blocks->numbers[i], &stored, err);
        if (status && status != TRACER_E_NOT_FOUND)
            return status;
        if (status || (stored.internals == INTERNALS_NONE && wants_traces(explorer)))
            blocks->numbers[kept++] = blocks->numbers[i];
    }
    blocks->count = kept;
    return TRACER_OK;
}

enum tracer_status explore_blocks(struct explorer *explorer, struct history_blocks *blocks, struct error *err)
{
    const struct explore_request *request = &explorer->request;
    struct chain_fetch_stats stats;
    enum tracer_status status = drop_stored(explorer, blocks, err);
    if (status || blocks->count == 0)
        return status;
    struct chain_fetch fetch = {.first = blocks->numbers[0],
                                .last = blocks->numbers[blocks->count - 1],
                                .numbers = blocks->numbers,
                                .number_count = blocks->count,
                                .want_traces = !request->no_traces,
                                .final = request->finality == FINALITY_FINALIZED,
                                .archive = request->keep_raw,
                                .links = request->links,
                                .refused = refused,
                                .refused_context = &explorer->refusals};
    status = chain_fetch(request->client, &fetch, deliver, explorer, &stats, err);
    struct graph_write *write = explorer->write;
    explorer->write = NULL;
    explorer->rows = 0;
    struct error ignored;
    enum tracer_status kept = TRACER_OK;
    if (status && status != TRACER_E_STOPPED)
        graph_abort(write);
    else if (write)
        kept = graph_commit(write, status ? &ignored : err);
    if (!kept)
        kept = refusals_store(&explorer->refusals, request->graph, request->network->chain_id, status ? &ignored : err);
    return status ? status : kept;
}

/* ---- what the store has of the account ---- */

struct step { /* all up to and including this block */
    uint64_t block;
    struct u320 in, out;
};

struct series { /* the nonce, or one asset */
    struct asset asset;
    bool is_nonce, listed;
    struct step *steps;
    size_t step_count;
    enum tracer_status before_status, after_status;
    struct u256 before, after; /* the range: what the endpoints say */
    bool explained, derived;
    uint64_t unexplained; /* blocks in which something is missing */
    uint64_t first_unexplained;
};

struct move {
    uint64_t block;
    int32_t transaction_index;
    struct asset asset;
    struct u256 amount;
    bool out;
};

struct account_work {
    struct explorer *explorer;
    struct address account;
    enum account_kind kind;
    struct move *moves;
    size_t move_count, move_capacity;
    struct series *series; /* the nonce, the coin, then tokens */
    size_t series_count;
    struct history_blocks opened; /* blocks all of whose transactions are looked at for the sender */
    struct error *err;
};

static enum tracer_status no_memory(struct error *err)
{
    return error_set(err, TRACER_E_NOMEM, "no memory");
}

static enum tracer_status add_move(struct account_work *work, const struct transfer *row, bool out)
{
    if (work->move_count == work->move_capacity) {
        size_t capacity = work->move_capacity ? work->move_capacity * 2 : 256;
        struct move *moves = realloc(work->moves, capacity * sizeof(*moves));
        if (!moves)
            return no_memory(work->err);
        work->moves = moves;
        work->move_capacity = capacity;
    }
    work->moves[work->move_count++] = (struct move){row->position.block_number, row->position.transaction_index, row->asset, row->amount, out};
    return TRACER_OK;
}

static enum tracer_status collect(void *context, const struct transfer *row, struct error *err)
{
    struct account_work *work = context;
    (void)err;
    if (row->position.block_number > work->explorer->request.last || row->kind == TRANSFER_OPENING)
        return TRACER_OK;
    enum tracer_status status = TRACER_OK;
    if (address_equal(row->from, work->account))
        status = add_move(work, row, true);
    if (!status && address_equal(row->to, work->account))
        status = add_move(work, row, false);
    return status;
}

static int order_moves(const void *a, const void *b)
{
    const struct move *x = a, *y = b;
    int order = asset_compare(&x->asset, &y->asset);
    return order ? order : x->block < y->block ? -1 : x->block > y->block;
}

static enum tracer_status read_moves(struct account_work *work)
{
    const struct explore_request *request = &work->explorer->request;
    work->move_count = 0;
    struct position since = {.block_number = request->first, .transaction_index = INT32_MIN};
    enum tracer_status status = graph_each_of_account(request->graph, request->network->chain_id, work->account, since, collect, work, work->err);
    if (status == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    if (!status && work->move_count)
        qsort(work->moves, work->move_count, sizeof(*work->moves), order_moves);
    return status;
}

/* ---- nonces ---- */

struct sent {
    uint64_t block;
    int32_t transaction_index;
};

static int order_sent(const void *a, const void *b)
{
    const struct sent *x = a, *y = b;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return x->transaction_index < y->transaction_index ? -1 : x->transaction_index > y->transaction_index;
}

/* The account's transactions: among those of its transfers, and all of the blocks that were opened for it. */
static enum tracer_status read_sent(struct account_work *work, struct series *series)
{
    const struct explore_request *request = &work->explorer->request;
    size_t count = 0, most = work->move_count;
    enum tracer_status status = TRACER_OK;
    struct block block;
    for (size_t i = 0; i < work->opened.count && !status; i++)
        if (!(status = graph_get_block(request->graph, request->network->chain_id, work->opened.numbers[i], &block, work->err)))
            most += block.transaction_count;
    struct sent *sent = status ? NULL : calloc(most + 1, sizeof(*sent));
    if (!status && !sent)
        status = no_memory(work->err);
    for (size_t i = 0; i < work->move_count && !status; i++)
        if (work->moves[i].transaction_index >= 0)
            sent[count++] = (struct sent){work->moves[i].block, work->moves[i].transaction_index};
    for (size_t i = 0; i < work->opened.count && !status; i++)
        if (!(status = graph_get_block(request->graph, request->network->chain_id, work->opened.numbers[i], &block, work->err)))
            for (size_t t = 0; t < block.transaction_count; t++)
                sent[count++] = (struct sent){block.number, (int32_t)t};
    if (!status && count)
        qsort(sent, count, sizeof(*sent), order_sent);
    struct step *steps = status ? NULL : calloc(count + 1, sizeof(*steps));
    if (!status && !steps)
        status = no_memory(work->err);
    size_t kept = 0;
    struct u320 total = {{0}};
    for (size_t i = 0; i < count && !status; i++) {
        struct transaction transaction;
        if (i && order_sent(&sent[i - 1], &sent[i]) == 0)
            continue;
        status = graph_get_transaction(request->graph, request->network->chain_id, sent[i].block, sent[i].transaction_index, &transaction, work->err);
        if (status || !address_equal(transaction.sender, work->account))
            continue;
        u320_add(&total, u256_from_u64(1));
        kept += !kept || steps[kept - 1].block != sent[i].block;
        steps[kept - 1] = (struct step){.block = sent[i].block, .in = total};
    }
    free(sent);
    free(series->steps);
    series->steps = steps;
    series->step_count = kept;
    return status;
}

/* ---- sums of an asset ---- */

static enum tracer_status read_sums(struct account_work *work, struct series *series)
{
    struct step *steps = calloc(work->move_count + 1, sizeof(*steps));
    struct u320 in = {{0}}, out = {{0}};
    size_t kept = 0;
    if (!steps)
        return no_memory(work->err);
    for (size_t i = 0; i < work->move_count; i++) {
        const struct move *move = &work->moves[i];
        if (!asset_equal(&move->asset, &series->asset))
            continue;
        u320_add(move->out ? &out : &in, move->amount);
        kept += !kept || steps[kept - 1].block != move->block;
        steps[kept - 1] = (struct step){move->block, in, out};
    }
    free(series->steps);
    series->steps = steps;
    series->step_count = kept;
    return TRACER_OK;
}

/* Sums up to the end of a block. */
static struct step sums_at(const struct series *series, uint64_t block)
{
    size_t low = 0, high = series->step_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series->steps[middle].block <= block)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? series->steps[low - 1] : (struct step){0};
}

struct interval { /* (low, high]: states at the ends of these blocks */
    uint64_t low, high;
    struct u256 at_low, at_high;
};

/* at_low + in = at_high + out, over the interval. */
static bool is_explained(const struct series *series, const struct interval *interval)
{
    struct step low = sums_at(series, interval->low), high = sums_at(series, interval->high);
    struct u320 have = high.in, want = high.out;
    u320_add_u320(&have, low.out);
    u320_add(&have, interval->at_low);
    u320_add_u320(&want, low.in);
    u320_add(&want, interval->at_high);
    return u320_compare(have, want) == 0;
}

/* Halve what is not explained down to single blocks, all intervals of a level at once. */
static enum tracer_status search(struct account_work *work, const struct series *series, struct history_blocks *found)
{
    const struct explore_request *request = &work->explorer->request;
    size_t count = 1, asked = 0;
    struct interval *intervals = malloc(sizeof(*intervals));
    enum tracer_status status = intervals ? TRACER_OK : no_memory(work->err);
    if (intervals)
        intervals[0] = (struct interval){request->first - 1, request->last, series->before, series->after};
    while (count && !status) {
        size_t kept = 0;
        for (size_t i = 0; i < count && !status; i++) {
            if (is_explained(series, &intervals[i]))
                continue;
            if (intervals[i].high - intervals[i].low > 1)
                intervals[kept++] = intervals[i];
            else
                status = history_blocks_add(found, intervals[i].high, work->err);
        }
        count = kept;
        if (status || !count)
            break;
        if ((asked += count) > TRACER_SEARCH_QUESTIONS_MAX) {
            status = error_set(work->err, TRACER_E_LIMIT, "more than %u states to look at", TRACER_SEARCH_QUESTIONS_MAX);
            break;
        }
        struct chain_balance *balances = calloc(count, sizeof(*balances));
        struct interval *halves = calloc(count * 2, sizeof(*halves));
        if (!balances || !halves)
            status = no_memory(work->err);
        for (size_t i = 0; i < count && !status; i++)
            balances[i] = (struct chain_balance){.account = work->account,
                                                 .asset = series->is_nonce ? NULL : &series->asset,
                                                 .number = intervals[i].low + (intervals[i].high - intervals[i].low) / 2 + 1};
        for (size_t at = 0; at < count && !status; at += QUESTIONS_AT_ONCE)
            status = chain_balances(request->client, balances + at, count - at < QUESTIONS_AT_ONCE ? count - at : QUESTIONS_AT_ONCE, work->err);
        for (size_t i = 0; i < count && !status; i++) {
            uint64_t middle = balances[i].number - 1;
            halves[2 * i] = (struct interval){intervals[i].low, middle, intervals[i].at_low, balances[i].amount};
            halves[2 * i + 1] = (struct interval){middle, intervals[i].high, balances[i].amount, intervals[i].at_high};
            if (balances[i].status)
                status = error_set(work->err, balances[i].status, "the state after block %" PRIu64 " is not served", middle);
        }
        free(balances);
        free(intervals);
        intervals = halves;
        count *= 2;
    }
    free(intervals);
    history_blocks_sort(found);
    return status;
}

static bool contains(const struct history_blocks *blocks, uint64_t number)
{
    for (size_t i = 0; i < blocks->count; i++)
        if (blocks->numbers[i] == number)
            return true;
    return false;
}

/* Search and fetch until everything is explained, or nothing more can be fetched. */
static enum tracer_status explain(struct account_work *work, struct series *series)
{
    struct history_blocks tried = {0};
    enum tracer_status status = TRACER_OK;
    for (unsigned round = 0; round < ROUNDS_MAX && !status; round++) {
        struct history_blocks found = {0}, fetch = {0};
        if (!(status = read_moves(work)))
            status = series->is_nonce ? read_sent(work, series) : read_sums(work, series);
        if (!status)
            status = search(work, series, &found);
        for (size_t i = 0; i < found.count && !status; i++)
            if (!contains(&tried, found.numbers[i]) && !(status = history_blocks_add(&tried, found.numbers[i], work->err)))
                status = history_blocks_add(&fetch, found.numbers[i], work->err);
        for (size_t i = 0; i < fetch.count && !status && series->is_nonce; i++)
            status = history_blocks_add(&work->opened, fetch.numbers[i], work->err);
        series->explained = !status && found.count == 0;
        series->unexplained = found.count;
        series->first_unexplained = found.count ? found.numbers[0] : 0;
        bool more = fetch.count > 0;
        if (!status && more)
            status = explore_blocks(work->explorer, &fetch, work->err);
        history_blocks_free(&found);
        history_blocks_free(&fetch);
        if (!more)
            break;
    }
    history_blocks_free(&tried);
    return status;
}

/* ---- which series there are ---- */

static struct series *series_of(struct account_work *work, const struct asset *asset)
{
    for (size_t i = 0; i < work->series_count; i++)
        if (asset ? !work->series[i].is_nonce && asset_equal(&work->series[i].asset, asset) : work->series[i].is_nonce)
            return &work->series[i];
    return NULL;
}

static enum tracer_status add_series(struct account_work *work, const struct asset *asset, bool listed)
{
    if (series_of(work, asset))
        return TRACER_OK;
    struct series *grown = realloc(work->series, (work->series_count + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(work->err);
    work->series = grown;
    grown[work->series_count++] = (struct series){.asset = asset ? *asset : (struct asset){0}, .is_nonce = !asset, .listed = listed};
    return TRACER_OK;
}

/* The nonce, the coin, the listed tokens, and what tokens came or went: these have an opening balance, too. */
static enum tracer_status make_series(struct account_work *work)
{
    const struct explore_request *request = &work->explorer->request;
    static const struct asset coin = {.kind = ASSET_NATIVE};
    enum tracer_status status = work->kind == ACCOUNT_IS_CONTRACT ? TRACER_OK : add_series(work, NULL, true);
    if (!status)
        status = add_series(work, &coin, true);
    for (size_t i = 0; i < request->token_count && !status; i++)
        if (request->tokens[i].asset.asset.kind == ASSET_TOKEN)
            status = add_series(work, &request->tokens[i].asset.asset, true);
    for (size_t i = 0; i < work->move_count && !status; i++)
        if (work->moves[i].asset.kind == ASSET_TOKEN && (i == 0 || !asset_equal(&work->moves[i].asset, &work->moves[i - 1].asset)))
            status = add_series(work, &work->moves[i].asset, false);
    return status;
}

/* The states at both ends of the range, of all that was not asked for yet. */
static enum tracer_status ask_ends(struct account_work *work, size_t from)
{
    const struct explore_request *request = &work->explorer->request;
    size_t count = work->series_count - from;
    struct chain_balance *balances = calloc(2 * count + 1, sizeof(*balances));
    enum tracer_status status = balances ? TRACER_OK : no_memory(work->err);
    for (size_t i = 0; i < count && !status; i++)
        for (size_t end = 0; end < 2; end++)
            balances[2 * i + end] = (struct chain_balance){.account = work->account,
                                                           .asset = work->series[from + i].is_nonce ? NULL : &work->series[from + i].asset,
                                                           .number = end ? request->last + 1 : request->first};
    if (!status)
        status = chain_balances(request->client, balances, 2 * count, work->err);
    for (size_t i = 0; i < count && !status; i++) {
        struct series *series = &work->series[from + i];
        series->before_status = balances[2 * i].status;
        series->before = balances[2 * i].amount;
        series->after_status = balances[2 * i + 1].status;
        series->after = balances[2 * i + 1].amount;
    }
    free(balances);
    return status;
}

/* ---- one account ---- */

static enum tracer_status find_blocks(struct account_work *work, bool *ret_hub, char *strategy, size_t size)
{
    struct explorer *explorer = work->explorer;
    const struct explore_request *request = &explorer->request;
    static const char *const words[] = {[HISTORY_OTS] = "ots", [HISTORY_TRACE_FILTER] = "trace_filter", [HISTORY_LOGS] = "logs"};
    struct history_blocks blocks = {0};
    enum tracer_status status = TRACER_OK;
    bool calls_found = false;
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT && !status && !*ret_hub; way++) {
        struct error why;
        if (explorer->missing[way] || (way == HISTORY_TRACE_FILTER && calls_found))
            continue;
        status = history_find(request->client, (enum history_way)way, work->account, request->first, request->last, (size_t)request->degree_max, &blocks, &why);
        *ret_hub = status == TRACER_E_LIMIT;
        if (status == TRACER_E_UNAVAILABLE || status == TRACER_E_REPLY) { /* it helps to find; whether all was found is seen below */
            explorer->missing[way] = true;
            status = TRACER_OK;
            continue;
        }
        if (*ret_hub)
            status = TRACER_OK;
        else if (status)
            *work->err = why;
        calls_found = calls_found || way != HISTORY_LOGS;
        snprintf(strategy + strlen(strategy), size - strlen(strategy), "%s%s", strategy[0] ? "," : "", words[way]);
    }
    if (!status && !*ret_hub)
        status = explore_blocks(explorer, &blocks, work->err);
    history_blocks_free(&blocks);
    return status;
}

/* No old state anywhere: read every block of the range, where it is short enough. */
static enum tracer_status scan(struct account_work *work)
{
    const struct explore_request *request = &work->explorer->request;
    struct ingest_stats stats;
    struct ingest_request ingest = {.graph = request->graph,
                                    .client = request->client,
                                    .network = request->network,
                                    .has_from = true,
                                    .from = request->first,
                                    .has_to = true,
                                    .to = request->last,
                                    .finality = request->finality,
                                    .finality_depth = request->finality_depth,
                                    .links = request->links,
                                    .no_traces = request->no_traces,
                                    .keep_raw = request->keep_raw,
                                    .stop = request->stop};
    if (work->explorer->scanned || request->last - request->first >= request->scan_max)
        return TRACER_OK;
    enum tracer_status status = ingest_run(&ingest, &stats, work->err);
    work->explorer->scanned = !status;
    return status;
}

/* Where the state before the range is not served but that after it is: what was there, if every transfer between them is
 * known; that it is shows only where every block was read. */
static void derive_before(struct account_work *work, struct series *series)
{
    struct step all = sums_at(series, work->explorer->request.last);
    struct u320 before = all.out;
    u320_add(&before, series->after);
    if (series->is_nonce || series->after_status || u320_compare(before, all.in) < 0)
        return;
    u320_sub_u320(&before, all.in);
    if (before.limb[4])
        return;
    series->before = (struct u256){{before.limb[0], before.limb[1], before.limb[2], before.limb[3]}};
    series->derived = true;
    series->explained = work->explorer->scanned && wants_traces(work->explorer);
    if (series->explained)
        series->before_status = TRACER_OK;
}

static enum tracer_status put_openings(struct account_work *work)
{
    const struct explore_request *request = &work->explorer->request;
    struct graph_opening *openings = calloc(work->series_count + 1, sizeof(*openings));
    size_t count = 0;
    if (!openings)
        return no_memory(work->err);
    for (size_t i = 0; i < work->series_count; i++) {
        const struct series *series = &work->series[i];
        if (!series->is_nonce && (!series->before_status || series->derived) && !u256_is_zero(series->before))
            openings[count++] = (struct graph_opening){.account = work->account,
                                                       .asset = series->asset,
                                                       .block_number = request->first,
                                                       .amount = series->before,
                                                       .grade = series->derived ? GRADE_INFERRED : GRADE_ASSERTED};
    }
    enum tracer_status status = count ? graph_put_opening(request->graph, request->network->chain_id, openings, count, work->err) : TRACER_OK;
    free(openings);
    return status;
}

static void add_gap(struct graph_coverage *coverage, const char *format, ...) TRACER_PRINTF(2, 3);
static void add_gap(struct graph_coverage *coverage, const char *format, ...)
{
    size_t used = strlen(coverage->gap);
    va_list arguments;
    if (used)
        used += (size_t)snprintf(coverage->gap + used, sizeof(coverage->gap) - used, "; ");
    if (used >= sizeof(coverage->gap) - 1)
        return;
    va_start(arguments, format);
    vsnprintf(coverage->gap + used, sizeof(coverage->gap) - used, format, arguments);
    va_end(arguments);
}

/* What cannot be known, in words. */
static void tell_gaps(const struct account_work *work, struct graph_coverage *coverage)
{
    const struct explorer *explorer = work->explorer;
    const struct explore_request *request = &explorer->request;
    bool by_calls = !explorer->missing[HISTORY_OTS] || !explorer->missing[HISTORY_TRACE_FILTER];
    size_t silent = 0;
    bool no_state = false;
    for (size_t i = 0; i < work->series_count; i++) {
        const struct series *series = &work->series[i];
        char asset[ASSET_TEXT_SIZE];
        if (!series->listed || (series->is_nonce && explorer->scanned && series->before_status))
            continue;
        if (!series->is_nonce)
            asset_format(series->asset, asset);
        if (series->before_status == TRACER_E_UNAVAILABLE || series->after_status == TRACER_E_UNAVAILABLE)
            no_state = true;
        else if (series->before_status || series->after_status)
            silent++;
        else if (!series->explained && series->is_nonce && work->kind == ACCOUNT_IS_KEY)
            add_gap(coverage, "transactions that it sent are missing, blocks: %" PRIu64 ", the first: %" PRIu64, series->unexplained, series->first_unexplained);
        else if (!series->explained && !series->is_nonce)
            add_gap(coverage, "its balance of %s changed by other than its transfers, blocks: %" PRIu64 ", the first: %" PRIu64 "%s", asset,
                    series->unexplained, series->first_unexplained,
                    series->asset.kind == ASSET_NATIVE && !wants_traces(explorer) ? " (internal transfers: no call traces)" : "");
    }
    if (no_state && !explorer->scanned)
        add_gap(coverage, "no endpoint has the state before block %" PRIu64 ": whether all was found could not be checked; opening balances are computed backwards", request->first);
    else if (no_state)
        add_gap(coverage, "no endpoint has the state before block %" PRIu64 ", and the balance then cannot be computed", request->first);
    if (silent)
        add_gap(coverage, "%zu listed tokens do not answer balanceOf", silent);
    if (work->kind == ACCOUNT_IS_CONTRACT && !explorer->scanned && !by_calls)
        add_gap(coverage, "a contract: coins in and out between two equal balances are found only by ots_searchTransactionsAfter or trace_filter");
    if (work->kind == ACCOUNT_IS_CONTRACT && !wants_traces(explorer))
        add_gap(coverage, "a contract without call traces: its internal transfers are not seen");
    if (explorer->missing[HISTORY_LOGS] && !explorer->scanned)
        add_gap(coverage, "tokens outside the list of assets are not looked for: no endpoint answers eth_getLogs");
}

static enum tracer_status put_ledger(struct account_work *work, const char *strategy, struct explore_outcome *outcome)
{
    const struct explore_request *request = &work->explorer->request;
    struct graph_coverage coverage = {.account = work->account, .first = request->first, .last = request->last, .what = "all", .strategy = "account", .rows = work->move_count};
    enum tracer_status status = TRACER_OK;
    size_t compared = 0;
    uint64_t previous = UINT64_MAX;
    const struct series *nonces = series_of(work, NULL);
    for (size_t i = 0; i < work->move_count && !status; i++) {
        struct block block;
        if (work->moves[i].block == previous)
            continue;
        previous = work->moves[i].block;
        status = graph_get_block(request->graph, request->network->chain_id, previous, &block, work->err);
        if (!status && block.grade > coverage.grade)
            coverage.grade = block.grade;
    }
    for (size_t i = 0; i < work->series_count; i++)
        compared += !work->series[i].is_nonce && work->series[i].explained;
    snprintf(coverage.method, sizeof(coverage.method), "whole blocks, found by %s; call traces: %s", work->explorer->scanned ? "reading all" : strategy,
             chain_traces_name(request->no_traces ? TRACES_NONE : chain_client_traces(request->client)));
    if (nonces && nonces->explained)
        snprintf(coverage.cross_check, sizeof(coverage.cross_check), "nonces %" PRIu64 " to %" PRIu64 " are all there; ", nonces->before.limb[0], nonces->after.limb[0]);
    snprintf(coverage.cross_check + strlen(coverage.cross_check), sizeof(coverage.cross_check) - strlen(coverage.cross_check),
             "balances of %zu assets before and after equal the transfers", compared);
    tell_gaps(work, &coverage);
    outcome->has_gap = coverage.gap[0] != '\0';
    return status ? status : graph_put_coverage(request->graph, request->network->chain_id, &coverage, work->err);
}

/* Everything but the ledger. */
static enum tracer_status gather(struct account_work *work, struct explore_outcome *outcome, char *strategy, size_t size)
{
    struct explorer *explorer = work->explorer;
    const struct explore_request *request = &explorer->request;
    enum tracer_status status = history_account_kind(request->client, work->account, request->last, &work->kind, work->err);
    if (status == TRACER_E_UNAVAILABLE) { /* no state of any age: nothing can be said against a contract */
        work->kind = ACCOUNT_IS_CONTRACT;
        status = TRACER_OK;
    }
    if (!status && !explorer->scanned)
        status = find_blocks(work, &outcome->hub, strategy, size);
    if (status || outcome->hub || (status = read_moves(work)) || (status = make_series(work)) || (status = ask_ends(work, 0)))
        return status;
    struct series *nonces = series_of(work, NULL), *first = &work->series[0];
    if (nonces && !nonces->before_status && !nonces->after_status && nonces->after.limb[0] - nonces->before.limb[0] > request->degree_max) {
        outcome->hub = true;
        return TRACER_OK;
    }
    if (first->before_status == TRACER_E_UNAVAILABLE && ((status = scan(work)) || (status = read_moves(work))))
        return status;
    snprintf(strategy + strlen(strategy), size - strlen(strategy), "%s%s", strategy[0] ? "," : "", "state");
    size_t asked = work->series_count;
    for (size_t i = 0; i < work->series_count && !status; i++) {
        struct series *series = &work->series[i];
        if (series->before_status == TRACER_E_UNAVAILABLE) {
            if (!series->is_nonce && !(status = read_sums(work, series)))
                derive_before(work, series);
        } else if (series->listed && !series->before_status && !series->after_status) {
            status = explain(work, series);
        }
        if (!status && i + 1 == work->series_count) { /* what was fetched may have brought more tokens */
            asked = work->series_count;
            if (!(status = make_series(work)) && work->series_count > asked)
                status = ask_ends(work, asked);
        }
    }
    return status ? status : read_moves(work);
}

struct covered {
    const struct explore_request *request;
    bool whole, gap;
    uint64_t rows;
};

static enum tracer_status read_covered(void *context, const struct graph_coverage *coverage, struct error *err)
{
    struct covered *covered = context;
    (void)err;
    if (strcmp(coverage->strategy, AUDIT_STRATEGY) != 0 && coverage->first <= covered->request->first && coverage->last >= covered->request->last && !coverage->gap[0]) {
        covered->whole = true;
        covered->rows = coverage->rows;
    }
    return TRACER_OK;
}

enum tracer_status explore_account(struct explorer *explorer, struct address account, struct explore_outcome *ret_outcome, struct error *err)
{
    const struct explore_request *request = &explorer->request;
    struct covered covered = {.request = request};
    char strategy[32] = "";
    *ret_outcome = (struct explore_outcome){0};
    enum tracer_status status = graph_each_coverage(request->graph, request->network->chain_id, &account, read_covered, &covered, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    if (covered.whole) {
        *ret_outcome = (struct explore_outcome){.known = true, .rows = covered.rows, .hub = covered.rows > request->degree_max};
        return TRACER_OK;
    }
    struct account_work work = {.explorer = explorer, .account = account, .err = err};
    status = gather(&work, ret_outcome, strategy, sizeof(strategy));
    ret_outcome->rows = work.move_count;
    ret_outcome->hub = ret_outcome->hub || work.move_count > request->degree_max;
    if (!status && !ret_outcome->hub)
        status = put_openings(&work);
    if (!status && !ret_outcome->hub)
        status = put_ledger(&work, strategy, ret_outcome);
    for (size_t i = 0; i < work.series_count; i++)
        free(work.series[i].steps);
    free(work.series);
    free(work.moves);
    history_blocks_free(&work.opened);
    return status;
}

enum tracer_status explore_open(const struct explore_request *request, struct explorer **ret_explorer, struct error *err)
{
    struct explorer *explorer = calloc(1, sizeof(*explorer));
    if (!explorer)
        return no_memory(err);
    explorer->request = *request;
    *ret_explorer = explorer;
    return TRACER_OK;
}

void explore_close(struct explorer *explorer)
{
    if (!explorer)
        return;
    graph_abort(explorer->write);
    refusals_free(&explorer->refusals);
    free(explorer);
}
