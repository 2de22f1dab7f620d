/* series.c - see series.h. */
#include "series.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ahead.h"

#define ROUNDS_MAX 16u /* of searching and fetching for one series */
#define QUESTIONS_AT_ONCE ((size_t)4096)

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
    if (row->position.block_number > work->request->last || row->kind == TRANSFER_OPENING)
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

enum tracer_status series_read_moves(struct account_work *work)
{
    const struct explore_request *request = work->request;
    work->move_count = 0;
    struct position since = {.block_number = request->first, .transaction_index = INT32_MIN};
    enum tracer_status status = graph_each_of_account(request->graph, request->network->chain_id, work->account, since, collect, work, work->err);
    if (status == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    for (size_t i = 0; i < work->waiting.count && !status; i++) {
        const struct block *block = ahead_block(work->ahead, work->waiting.numbers[i]);
        struct block stored; /* by another account's turn, in the meantime: its rows were read above */
        struct error ignored;
        if (!block || graph_get_block(request->graph, request->network->chain_id, block->number, &stored, &ignored) == TRACER_OK)
            continue;
        for (size_t k = 0; k < block->transfer_count && !status; k++)
            status = collect(work, &block->transfers[k], work->err);
    }
    if (!status && work->move_count)
        qsort(work->moves, work->move_count, sizeof(*work->moves), order_moves);
    return status;
}

/* ---- nonces ---- */

static enum tracer_status get_block(struct account_work *work, uint64_t number, struct block *ret_block)
{
    const struct block *waiting = work->ahead ? ahead_block(work->ahead, number) : NULL;
    if (!waiting)
        return graph_get_block(work->request->graph, work->request->network->chain_id, number, ret_block, work->err);
    *ret_block = *waiting;
    return TRACER_OK;
}

static enum tracer_status get_transaction(struct account_work *work, uint64_t number, int32_t index, struct transaction *ret_transaction)
{
    const struct block *waiting = work->ahead ? ahead_block(work->ahead, number) : NULL;
    if (!waiting)
        return graph_get_transaction(work->request->graph, work->request->network->chain_id, number, index, ret_transaction, work->err);
    for (size_t i = 0; i < waiting->transaction_count; i++)
        if (waiting->transactions[i].transaction_index == index) {
            *ret_transaction = waiting->transactions[i];
            return TRACER_OK;
        }
    return error_set(work->err, TRACER_E_NOT_FOUND, "no transaction %" PRId32, index);
}

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

/* The account's transactions: among those of its transfers, and all of the blocks that were opened for it. `seen` (may be NULL) is
 * marked where a nonce, counted from the one before the range, is among them. */
static enum tracer_status read_sent(struct account_work *work, struct series *series, bool *seen, uint64_t seen_count)
{
    size_t count = 0, most = work->move_count;
    enum tracer_status status = TRACER_OK;
    struct block block;
    for (size_t i = 0; i < work->opened.count && !status; i++)
        if (!(status = get_block(work, work->opened.numbers[i], &block)))
            most += block.transaction_count;
    struct sent *sent = status ? NULL : calloc(most + 1, sizeof(*sent));
    if (!status && !sent)
        status = no_memory(work->err);
    for (size_t i = 0; i < work->move_count && !status; i++)
        if (work->moves[i].transaction_index >= 0)
            sent[count++] = (struct sent){work->moves[i].block, work->moves[i].transaction_index};
    for (size_t i = 0; i < work->opened.count && !status; i++)
        if (!(status = get_block(work, work->opened.numbers[i], &block)))
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
        status = get_transaction(work, sent[i].block, sent[i].transaction_index, &transaction);
        if (status || !address_equal(transaction.sender, work->account))
            continue;
        uint64_t at = transaction.nonce - series->before.limb[0]; /* an earlier one wraps to what is beyond */
        if (seen && at < seen_count)
            seen[at] = true;
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

enum tracer_status series_missing_nonces(struct account_work *work, struct series *series, uint64_t **ret_nonces, size_t *ret_count)
{
    uint64_t first = series->before.limb[0], count = series->after.limb[0] - first;
    *ret_nonces = NULL;
    *ret_count = 0;
    if (series->after.limb[0] < first || count > TRACER_SEARCH_QUESTIONS_MAX) /* the search by halves says what is wrong */
        return TRACER_OK;
    bool *seen = calloc((size_t)count + 1, sizeof(*seen));
    uint64_t *nonces = calloc((size_t)count + 1, sizeof(*nonces));
    enum tracer_status status = seen && nonces ? read_sent(work, series, seen, count) : no_memory(work->err);
    for (uint64_t i = 0; i < count && !status; i++)
        if (!seen[i])
            nonces[(*ret_count)++] = first + i;
    free(seen);
    if (status)
        free(nonces);
    else
        *ret_nonces = nonces;
    return status;
}

/* ---- sums of an asset ---- */

enum tracer_status series_read_sums(struct account_work *work, struct series *series)
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
struct step series_sums_at(const struct series *series, uint64_t block)
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
    struct step low = series_sums_at(series, interval->low), high = series_sums_at(series, interval->high);
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
    const struct explore_request *request = work->request;
    size_t count = 1, asked = 0, more = 0;
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
        /* Where the line has room, the middles of both halves as well: one of them at least will be asked for next. */
        more = !more && chain_places(request->client) >= 3 * count ? 2 * count : 0;
        struct chain_balance *balances = calloc(count + more, sizeof(*balances));
        struct interval *halves = calloc(count * 2, sizeof(*halves));
        if (!balances || !halves)
            status = no_memory(work->err);
        for (size_t i = 0; i < count && !status; i++)
            balances[i] = (struct chain_balance){.account = work->account,
                                                 .asset = series->is_nonce ? NULL : &series->asset,
                                                 .number = intervals[i].low + (intervals[i].high - intervals[i].low) / 2 + 1};
        for (size_t i = 0; i < more && !status; i++) {
            const struct interval *of = &intervals[i / 2];
            uint64_t middle = balances[i / 2].number - 1, low = i % 2 ? middle : of->low, high = i % 2 ? of->high : middle;
            balances[count + i] = balances[i / 2];
            balances[count + i].number = high - low > 1 ? low + (high - low) / 2 + 1 : 0;
        }
        for (size_t at = 0; at < count + more && !status; at += QUESTIONS_AT_ONCE)
            status = chain_balances(request->client, balances + at, count + more - at < QUESTIONS_AT_ONCE ? count + more - at : QUESTIONS_AT_ONCE, work->err);
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
enum tracer_status series_explain(struct account_work *work, struct series *series)
{
    struct history_blocks tried = {0};
    enum tracer_status status = TRACER_OK;
    for (unsigned round = 0; round < ROUNDS_MAX && !status; round++) {
        struct history_blocks found = {0}, fetch = {0};
        if (!(status = series_read_moves(work)))
            status = series->is_nonce ? read_sent(work, series, NULL, 0) : series_read_sums(work, series);
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
            status = explore_found(work, &fetch);
        history_blocks_free(&found);
        history_blocks_free(&fetch);
        if (!more)
            break;
    }
    history_blocks_free(&tried);
    return status;
}

/* ---- which series there are ---- */

struct series *series_of(struct account_work *work, const struct asset *asset)
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
enum tracer_status series_make(struct account_work *work)
{
    const struct explore_request *request = work->request;
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
enum tracer_status series_ask_ends(struct account_work *work, size_t from)
{
    const struct explore_request *request = work->request;
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

void series_release(struct account_work *work)
{
    for (size_t i = 0; i < work->series_count; i++)
        free(work->series[i].steps);
    free(work->series);
    free(work->moves);
    history_blocks_free(&work->opened);
    history_blocks_free(&work->waiting);
}
