/* explore.c - see explore.h. */
#include "tracer/explore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ahead.h"
#include "refusals.h"
#include "tracer/audit.h"
#include "tracer/ingest.h"

#define COMMIT_ROWS 100000u

struct explorer {
    struct explore_request request;
    bool missing[HISTORY_WAY_COUNT]; /* no endpoint has it */
    bool missing_sent;               /* nor eth_getTransactionBySenderAndNonce */
    bool scanned;                    /* every block of the range was read */
    struct graph_write *write;
    uint64_t rows; /* not yet committed */
    struct refusals *refusals, own_refusals;
    struct ahead *ahead;    /* NULL: nothing is searched for ahead of its turn */
    struct explorer *scout; /* for that: it writes nothing, and what it learns of the endpoints is its own; NULL: this is it */
};

static enum tracer_status no_memory(struct error *err)
{
    return error_set(err, TRACER_E_NOMEM, "no memory");
}

static bool is_scout(const struct explorer *explorer)
{
    return explorer->ahead && !explorer->scout;
}

/* ---- blocks ---- */

static enum tracer_status deliver(void *context, const struct block *block, struct error *err)
{
    struct explorer *explorer = context;
    enum tracer_status status = TRACER_OK;
    if (is_scout(explorer))
        return ahead_put_block(explorer->ahead, block, err);
    if (!explorer->write)
        status = graph_begin(explorer->request.graph, &explorer->write, err);
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

/* Keep of `blocks` what has to be fetched. What waits is put into the store; to a scout it is known as it is. */
static enum tracer_status take_waiting(struct explorer *explorer, struct history_blocks *blocks, struct history_blocks *taken, struct error *err)
{
    size_t kept = 0;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; explorer->ahead && i < blocks->count && !status; i++) {
        const struct block *block = ahead_block(explorer->ahead, blocks->numbers[i]);
        if (!block)
            blocks->numbers[kept++] = blocks->numbers[i];
        else if (!is_scout(explorer) && !(status = deliver(explorer, block, err)))
            status = history_blocks_add(taken, block->number, err);
    }
    if (explorer->ahead)
        blocks->count = kept;
    return status;
}

static enum tracer_status fetch_blocks(struct explorer *explorer, const struct history_blocks *blocks, struct error *err)
{
    const struct explore_request *request = &explorer->request;
    struct chain_fetch_stats stats;
    struct chain_fetch fetch = {.first = blocks->numbers[0],
                                .last = blocks->numbers[blocks->count - 1],
                                .numbers = blocks->numbers,
                                .number_count = blocks->count,
                                .want_traces = !request->no_traces,
                                .archive = request->keep_raw,
                                .links = request->links,
                                .refused = refused,
                                .refused_context = explorer->refusals};
    return chain_fetch(request->client, &fetch, deliver, explorer, &stats, err);
}

enum tracer_status explore_blocks(struct explorer *explorer, struct history_blocks *blocks, struct error *err)
{
    const struct explore_request *request = &explorer->request;
    struct history_blocks taken = {0};
    enum tracer_status status = drop_stored(explorer, blocks, err);
    if (!status)
        status = take_waiting(explorer, blocks, &taken, err);
    if (!status && blocks->count)
        status = fetch_blocks(explorer, blocks, err);
    struct graph_write *write = explorer->write;
    explorer->write = NULL;
    explorer->rows = 0;
    struct error ignored;
    enum tracer_status kept = TRACER_OK;
    if (status && status != TRACER_E_STOPPED)
        graph_abort(write);
    else if (write)
        kept = graph_commit(write, status ? &ignored : err);
    for (size_t i = 0; i < taken.count; i++) /* not before all is there: others look for it here or there */
        ahead_drop_block(explorer->ahead, taken.numbers[i]);
    history_blocks_free(&taken);
    if (!kept && !is_scout(explorer))
        kept = refusals_store(explorer->refusals, request->graph, request->network->chain_id, status ? &ignored : err);
    return status ? status : kept;
}

/* ---- one account ---- */

#define STRATEGY_SIZE (48 + sizeof(((struct history_explored *)0)->names))

static void add_word(char *strategy, size_t size, const char *word)
{
    snprintf(strategy + strlen(strategy), size - strlen(strategy), "%s%s", strategy[0] ? "," : "", word);
}

enum tracer_status explore_found(struct account_work *work, struct history_blocks *blocks)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; work->ahead && i < blocks->count && !status; i++)
        status = history_blocks_add(&work->waiting, blocks->numbers[i], work->err);
    history_blocks_sort(&work->waiting);
    return status ? status : explore_blocks(work->explorer, blocks, work->err);
}

/* One way, unless nobody offers it. *ret_found: it was asked, and answered. */
static enum tracer_status find_one(struct account_work *work, enum history_way way, struct history_blocks *blocks, bool *ret_hub, char *strategy,
                                   size_t size, bool *ret_found)
{
    struct explorer *explorer = work->explorer;
    const struct explore_request *request = &explorer->request;
    static const char *const words[] = {[HISTORY_OTS] = "ots", [HISTORY_TRACE_FILTER] = "trace_filter", [HISTORY_LOGS] = "logs"};
    struct error why;
    if (explorer->missing[way])
        return TRACER_OK;
    enum tracer_status status = history_find(request->client, way, work->account, request->first, request->last, (size_t)request->degree_max, blocks, &why);
    *ret_hub = status == TRACER_E_LIMIT;
    if (status == TRACER_E_UNAVAILABLE || status == TRACER_E_REPLY) { /* it helps to find; whether all was found is seen below */
        explorer->missing[way] = true;
        return TRACER_OK;
    }
    if (status && !*ret_hub)
        *work->err = why;
    *ret_found = true;
    add_word(strategy, size, words[way]);
    return *ret_hub ? TRACER_OK : status;
}

/* Explorers, where any are named. */
static enum tracer_status find_explored(struct account_work *work, struct history_blocks *blocks, bool *ret_hub, char *strategy, size_t size)
{
    const struct explore_request *request = work->request;
    char word[sizeof(work->explored.names) + 16];
    if (is_scout(work->explorer))
        return TRACER_OK; /* they are few, and slow: each is asked in its turn */
    enum tracer_status status = history_find_explored(request->client, work->account, request->first, request->last, (size_t)request->degree_max, blocks,
                                                      &work->explored, work->err);
    *ret_hub = status == TRACER_E_LIMIT;
    snprintf(word, sizeof(word), "explorer %s", work->explored.names);
    if (work->explored.names[0])
        add_word(strategy, size, word);
    return *ret_hub ? TRACER_OK : status;
}

/* Endpoints that know what an account called or was called in need no explorer, unless they have no logs; an explorer that gave
 * all tokens needs no logs. */
static enum tracer_status find_blocks(struct account_work *work, bool *ret_hub, char *strategy, size_t size)
{
    struct history_blocks blocks = {0};
    bool calls = false, logs = false, asked = false;
    enum tracer_status status = find_one(work, HISTORY_OTS, &blocks, ret_hub, strategy, size, &calls);
    if (!status && !*ret_hub && !calls)
        status = find_one(work, HISTORY_TRACE_FILTER, &blocks, ret_hub, strategy, size, &calls);
    if (!status && !*ret_hub && !calls) {
        asked = true;
        status = find_explored(work, &blocks, ret_hub, strategy, size);
    }
    if (!status && !*ret_hub && !work->explored.tokens)
        status = find_one(work, HISTORY_LOGS, &blocks, ret_hub, strategy, size, &logs);
    if (!status && !*ret_hub && !asked && !logs)
        status = find_explored(work, &blocks, ret_hub, strategy, size);
    if (!status && !*ret_hub)
        status = explore_found(work, &blocks);
    history_blocks_free(&blocks);
    return status;
}

/* What it sent and no way has found, by nonce where that can be asked: one question each, not a search by halves. */
static enum tracer_status find_sent(struct account_work *work, struct series *series, char *strategy, size_t size)
{
    struct explorer *explorer = work->explorer;
    const struct explore_request *request = &explorer->request;
    struct history_blocks blocks = {0};
    struct error why;
    uint64_t *nonces = NULL;
    size_t count = 0;
    enum tracer_status status = explorer->missing_sent ? TRACER_OK : series_missing_nonces(work, series, &nonces, &count);
    if (!status && count) {
        status = history_find_sent(request->client, work->account, nonces, count, request->first, request->last, &blocks, &why);
        explorer->missing_sent = status == TRACER_E_UNAVAILABLE || status == TRACER_E_REPLY;
        if (explorer->missing_sent) {
            status = TRACER_OK;
        } else if (status) {
            *work->err = why;
        } else {
            add_word(strategy, size, "sender");
            for (size_t i = 0; i < blocks.count && !status; i++)
                status = history_blocks_add(&work->opened, blocks.numbers[i], work->err);
            if (!status)
                status = explore_found(work, &blocks);
        }
    }
    free(nonces);
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
    if (is_scout(work->explorer))
        return error_set(work->err, TRACER_E_UNAVAILABLE, "only state shows more");
    if (work->explorer->scanned || request->last - request->first >= request->scan_max)
        return TRACER_OK;
    if (work->explorer->ahead)
        ahead_stop(work->explorer->ahead); /* everything is read now */
    enum tracer_status status = ingest_run(&ingest, &stats, work->err);
    work->explorer->scanned = !status;
    return status;
}

/* Where the state before the range is not served but that after it is: what was there, if every transfer between them is
 * known; that it is shows only where every block was read. */
static void derive_before(struct account_work *work, struct series *series)
{
    struct step all = series_sums_at(series, work->explorer->request.last);
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
        add_gap(coverage, "%zu balances have no answer: tokens that do not answer balanceOf, or endpoints that disagree", silent);
    if (work->kind != ACCOUNT_IS_KEY && !explorer->scanned && !by_calls && work->explored.calls)
        add_gap(coverage, "its code can send: that no other coins went in and out between two equal balances only explorer %s says", work->explored.names);
    else if (work->kind != ACCOUNT_IS_KEY && !explorer->scanned && !by_calls)
        add_gap(coverage, "its code can send: coins in and out between two equal balances are found only by ots_searchTransactionsAfter or trace_filter");
    if (work->kind != ACCOUNT_IS_KEY && !wants_traces(explorer))
        add_gap(coverage, "its code can send: without call traces its internal transfers are not seen");
    if (explorer->missing[HISTORY_LOGS] && !work->explored.tokens && !explorer->scanned)
        add_gap(coverage, "tokens outside the list of assets are not looked for: no endpoint answers eth_getLogs, and no explorer lists them");
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
    if (work->explored.names[0] && coverage.grade < GRADE_ASSERTED) /* that it is all is said by the explorer */
        coverage.grade = GRADE_ASSERTED;
    for (size_t i = 0; i < work->series_count; i++)
        compared += !work->series[i].is_nonce && work->series[i].explained;
    snprintf(coverage.method, sizeof(coverage.method), "whole blocks, found by %s; call traces: %s", work->explorer->scanned ? "reading all" : strategy,
             chain_traces_name(request->no_traces ? TRACES_NONE : chain_client_traces(request->client)));
    if (nonces && nonces->explained)
        snprintf(coverage.cross_check, sizeof(coverage.cross_check), "nonces %" PRIu64 " to %" PRIu64 " are all there; ", nonces->before.limb[0], nonces->after.limb[0]);
    snprintf(coverage.cross_check + strlen(coverage.cross_check), sizeof(coverage.cross_check) - strlen(coverage.cross_check),
             "balances of %zu assets before and after equal the transfers", compared);
    tell_gaps(work, &coverage);
    memcpy(outcome->gap, coverage.gap, sizeof(outcome->gap));
    return status ? status : graph_put_coverage(request->graph, request->network->chain_id, &coverage, work->err);
}

/* Code can come and go (X11): what it was at either end of the range counts. Without state of any age nothing can be said
 * against a contract; without old state the gap is told in any case. */
static enum tracer_status ask_kind(struct account_work *work)
{
    const struct explore_request *request = work->request;
    enum account_kind before;
    struct error why;
    enum tracer_status status = history_account_kind(request->client, work->account, request->last, &work->kind, work->err);
    if (status == TRACER_E_UNAVAILABLE) {
        work->kind = ACCOUNT_IS_CONTRACT;
        return TRACER_OK;
    }
    if (status || work->kind == ACCOUNT_IS_CONTRACT)
        return status;
    status = history_account_kind(request->client, work->account, request->first - 1, &before, &why);
    if (!status && before > work->kind)
        work->kind = before;
    if (status == TRACER_E_REPLY)
        work->kind = ACCOUNT_IS_CONTRACT;
    return status == TRACER_OK || status == TRACER_E_UNAVAILABLE || status == TRACER_E_REPLY ? TRACER_OK : error_set(work->err, status, "%s", why.text);
}

/* Everything but the ledger. */
static enum tracer_status gather(struct account_work *work, struct explore_outcome *outcome, char *strategy, size_t size)
{
    struct explorer *explorer = work->explorer;
    const struct explore_request *request = &explorer->request;
    enum tracer_status status = ask_kind(work);
    if (!status && !explorer->scanned)
        status = find_blocks(work, &outcome->hub, strategy, size);
    if (status || outcome->hub || (status = series_read_moves(work)) || (status = series_make(work)) || (status = series_ask_ends(work, 0)))
        return status;
    struct series *nonces = series_of(work, NULL), *first = &work->series[0];
    if (nonces && !nonces->before_status && !nonces->after_status && nonces->after.limb[0] - nonces->before.limb[0] > request->degree_max) {
        outcome->hub = true;
        return TRACER_OK;
    }
    if (first->before_status == TRACER_E_UNAVAILABLE && ((status = scan(work)) || (status = series_read_moves(work))))
        return status;
    if (nonces && !nonces->before_status && !nonces->after_status &&
        ((status = find_sent(work, nonces, strategy, size)) || (status = series_read_moves(work))))
        return status;
    add_word(strategy, size, "state");
    size_t asked = work->series_count;
    for (size_t i = 0; i < work->series_count && !status; i++) {
        struct series *series = &work->series[i];
        if (series->before_status == TRACER_E_UNAVAILABLE) {
            if (!series->is_nonce && !(status = series_read_sums(work, series)))
                derive_before(work, series);
        } else if (series->listed && !series->before_status && !series->after_status) {
            status = series_explain(work, series);
        }
        if (!status && i + 1 == work->series_count) { /* what was fetched may have brought more tokens */
            asked = work->series_count;
            if (!(status = series_make(work)) && work->series_count > asked)
                status = series_ask_ends(work, asked);
        }
    }
    return status ? status : series_read_moves(work);
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

static enum tracer_status find_covered(const struct explorer *explorer, struct address account, struct covered *ret_covered, struct error *err)
{
    const struct explore_request *request = &explorer->request;
    *ret_covered = (struct covered){.request = request};
    enum tracer_status status = graph_each_coverage(request->graph, request->network->chain_id, &account, read_covered, ret_covered, err);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* ---- ahead of its turn ---- */

static void ask_kind_after(struct account_work *work)
{
    if (history_account_kind(work->request->client, work->account, work->request->last, &work->kind, work->err))
        return;
}

static void ask_kind_before(struct account_work *work)
{
    if (history_account_kind(work->request->client, work->account, work->request->first - 1, &work->kind, work->err))
        return;
}

static void ask_ends(struct account_work *work)
{
    if (!series_read_moves(work) && !series_make(work))
        (void)series_ask_ends(work, 0);
}

static void ask_way(struct account_work *work, enum history_way way)
{
    struct history_blocks blocks = {0};
    const struct explore_request *request = work->request;
    enum tracer_status status = work->explorer->missing[way] ? TRACER_OK
                                                              : history_find(request->client, way, work->account, request->first, request->last,
                                                                             (size_t)request->degree_max, &blocks, work->err);
    work->explorer->missing[way] |= status == TRACER_E_UNAVAILABLE || status == TRACER_E_REPLY;
    history_blocks_free(&blocks);
}

static void ask_ots(struct account_work *work)
{
    ask_way(work, HISTORY_OTS);
}

static void ask_logs(struct account_work *work)
{
    ask_way(work, HISTORY_LOGS);
}

static void search_ahead(struct account_work *work)
{
    struct explore_outcome outcome = {0};
    char strategy[STRATEGY_SIZE] = "";
    (void)gather(work, &outcome, strategy, sizeof(strategy)); /* what failed will be asked in its turn */
}

void explore_ahead(struct explorer *explorer, const struct address *accounts, size_t count)
{
    static ahead_search_fn *const parts[] = {ask_ots, ask_logs, ask_kind_after, ask_kind_before, ask_ends};
    struct error ignored;
    for (size_t i = 0; explorer->ahead && !explorer->scanned && i < count; i++) {
        struct covered covered;
        struct account_work work = {.explorer = explorer->scout, .request = &explorer->scout->request, .account = accounts[i], .ahead = explorer->ahead};
        for (size_t way = 0; way < HISTORY_WAY_COUNT; way++)
            explorer->scout->missing[way] |= explorer->missing[way];
        explorer->scout->missing_sent |= explorer->missing_sent;
        if (find_covered(explorer, accounts[i], &covered, &ignored) || (!covered.whole && !ahead_begin(explorer->ahead, &work, parts, sizeof(parts) / sizeof(*parts), search_ahead)))
            break;
    }
}

enum tracer_status explore_account(struct explorer *explorer, struct address account, struct explore_outcome *ret_outcome, struct error *err)
{
    const struct explore_request *request = &explorer->request;
    struct covered covered;
    char strategy[STRATEGY_SIZE] = "";
    *ret_outcome = (struct explore_outcome){0};
    enum tracer_status status = find_covered(explorer, account, &covered, err);
    if (!status && explorer->ahead)
        status = ahead_wait(explorer->ahead, account, err);
    if (status)
        return status;
    if (covered.whole) {
        *ret_outcome = (struct explore_outcome){.known = true, .rows = covered.rows, .hub = covered.rows > request->degree_max};
        return TRACER_OK;
    }
    struct account_work work = {.explorer = explorer, .request = request, .account = account, .err = err};
    status = gather(&work, ret_outcome, strategy, sizeof(strategy));
    ret_outcome->rows = work.move_count;
    ret_outcome->hub = ret_outcome->hub || work.move_count > request->degree_max;
    if (!status && !ret_outcome->hub)
        status = put_openings(&work);
    if (!status && !ret_outcome->hub)
        status = put_ledger(&work, strategy, ret_outcome);
    series_release(&work);
    return status;
}

bool explore_ends(const struct explore_limits *limits, uint64_t explored, uint64_t requests, uint64_t elapsed_ms, char *ret_text, size_t size)
{
    if (explored >= limits->accounts_max)
        snprintf(ret_text, size, "stopped after %" PRIu64 " explored accounts (--max-accounts)", explored);
    else if (limits->requests_max && requests >= limits->requests_max)
        snprintf(ret_text, size, "stopped at the limit of %" PRIu64 " requests (--max-requests)", limits->requests_max);
    else if (limits->seconds_max && elapsed_ms / 1000 >= limits->seconds_max)
        snprintf(ret_text, size, "stopped at the limit of %" PRIu64 " seconds (--max-time)", limits->seconds_max);
    else
        return false;
    return true;
}

enum tracer_status explore_open(const struct explore_request *request, struct explorer **ret_explorer, struct error *err)
{
    struct explorer *explorer = calloc(1, sizeof(*explorer));
    if (!explorer)
        return no_memory(err);
    explorer->request = *request;
    explorer->refusals = &explorer->own_refusals;
    if (request->ahead) {
        struct explorer *scout = calloc(1, sizeof(*scout));
        enum tracer_status status = scout ? ahead_open(request->client, &explorer->ahead, err) : no_memory(err);
        if (status) {
            free(scout);
            free(explorer);
            return status;
        }
        *scout = (struct explorer){.request = *request, .refusals = explorer->refusals, .ahead = explorer->ahead};
        explorer->scout = scout;
    }
    *ret_explorer = explorer;
    return TRACER_OK;
}

void explore_close(struct explorer *explorer)
{
    if (!explorer)
        return;
    ahead_close(explorer->ahead);
    free(explorer->scout);
    graph_abort(explorer->write);
    refusals_free(&explorer->own_refusals);
    free(explorer);
}
