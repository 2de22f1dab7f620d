/* history.c - see history.h. Ranges that an endpoint finds too large are cut; many are asked for at once. */
#include "tracer/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists.h"
#include "tracer/hex.h"

#define PARAMS_SIZE 640
#define QUERIES_MAX 3u
#define CHUNKS_ALIVE 16u
#define CHUNKS_WAITING 128u /* halves of halves: more cannot wait */
#define RESULTS_FULL 10000u /* an answer this long may have been cut short */
#define SECOND_RANGE_MIN 1000u /* no shorter ranges because of who is asked for a second list */
#define OTS_PAGE 25u        /* the most that servers accept */

/* Event signatures (facts/events.md). */
#define TRANSFER "\"0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef\""
#define TRANSFER_SINGLE "\"0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62\""
#define TRANSFER_BATCH "\"0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb\""
#define DEPOSIT "\"0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c\""
#define WITHDRAWAL "\"0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65\""

/* ---- sets of blocks ---- */

enum tracer_status history_blocks_add(struct history_blocks *blocks, uint64_t number, struct error *err)
{
    if (blocks->count == blocks->capacity) {
        history_blocks_sort(blocks);
        if (blocks->count >= TRACER_HISTORY_BLOCKS_MAX)
            return error_set(err, TRACER_E_LIMIT, "more than %u blocks", TRACER_HISTORY_BLOCKS_MAX);
        if (blocks->count * 2 >= blocks->capacity) {
            size_t capacity = blocks->capacity ? blocks->capacity * 2 : 64;
            uint64_t *numbers = realloc(blocks->numbers, capacity * sizeof *numbers);
            if (!numbers)
                return error_set(err, TRACER_E_NOMEM, "no memory");
            blocks->numbers = numbers;
            blocks->capacity = capacity;
        }
    }
    blocks->numbers[blocks->count++] = number;
    return TRACER_OK;
}

static int order_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void history_blocks_sort(struct history_blocks *blocks)
{
    size_t kept = 0;
    if (blocks->count)
        qsort(blocks->numbers, blocks->count, sizeof *blocks->numbers, order_numbers);
    for (size_t i = 0; i < blocks->count; i++)
        if (kept == 0 || blocks->numbers[kept - 1] != blocks->numbers[i])
            blocks->numbers[kept++] = blocks->numbers[i];
    blocks->count = kept;
}

void history_blocks_free(struct history_blocks *blocks)
{
    free(blocks->numbers);
    *blocks = (struct history_blocks){0};
}

/* ---- reading answers ---- */

bool read_block_number(struct json_reader *reader, uint64_t *ret_value)
{
    struct json_span text;
    struct u256 value;
    struct error ignored;
    if (json_peek(reader) == JSON_IS_NUMBER) { /* trace_filter states block numbers so */
        if (!json_read_number(reader, &text) || text.length > 18)
            return json_fail(reader, "not a block number");
        *ret_value = 0;
        for (size_t i = 0; i < text.length; i++) {
            if (text.text[i] < '0' || text.text[i] > '9')
                return json_fail(reader, "not a block number");
            *ret_value = *ret_value * 10 + (uint64_t)(text.text[i] - '0');
        }
        return true;
    }
    if (!json_skip(reader, &text))
        return false;
    if (evm_decode_quantity(text, &value, &ignored) != TRACER_OK || !u256_fits_u64(value))
        return json_fail(reader, "not a block number");
    *ret_value = value.limb[0];
    return true;
}

struct page {
    uint64_t first, last; /* what is outside was not asked for, and refused */
    struct history_blocks *blocks;
    size_t items;
    uint64_t highest;
    struct error *err;
    enum tracer_status status;
};

/* One array of objects with a blockNumber. */
static bool read_items(struct json_reader *reader, struct page *page)
{
    if (!json_enter_array(reader))
        return false;
    while (json_next_element(reader)) {
        struct json_span key;
        uint64_t number = 0;
        bool found = false;
        if (!json_enter_object(reader))
            return false;
        while (json_next_member(reader, &key)) {
            if (!json_span_is(key, "blockNumber")) {
                json_skip(reader, NULL);
            } else if (found) {
                json_fail(reader, "blockNumber stands twice");
            } else {
                found = read_block_number(reader, &number);
            }
        }
        if (!json_ok(reader))
            return false;
        if (!found)
            return json_fail(reader, "an item without blockNumber");
        page->items++;
        page->highest = number > page->highest ? number : page->highest;
        if (number < page->first)
            return json_fail(reader, "a block that was not asked for");
        if (number > page->last)
            continue;
        if ((page->status = history_blocks_add(page->blocks, number, page->err)))
            return false;
    }
    return json_ok(reader);
}

static enum tracer_status reading_ended(struct json_reader *reader, const struct page *page, const char *method)
{
    if (page->status)
        return page->status;
    if (json_finish(reader))
        return TRACER_OK;
    enum tracer_status status = json_reader_error(reader, page->err);
    error_context(page->err, "%s", method);
    return status;
}

static void reader_for(struct json_reader *reader, struct json_span text)
{
    json_reader_init(reader, text.text, text.length, TRACER_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX);
}

/* ---- ways that take a range ---- */

struct account_text {
    char address[ADDRESS_TEXT_SIZE], topic[2 + 64 + 1];
};

typedef void query_fn(const struct account_text *account, unsigned query, const char *range, char to[static PARAMS_SIZE]);

static void logs_query(const struct account_text *account, unsigned query, const char *range, char to[static PARAMS_SIZE])
{
    static const struct {
        const char *events, *blanks;
    } topics[] = {
        {TRANSFER "," DEPOSIT "," WITHDRAWAL, ""},
        {TRANSFER "," TRANSFER_SINGLE "," TRANSFER_BATCH, "null,"}, /* to, or from behind the operator */
        {TRANSFER_SINGLE "," TRANSFER_BATCH, "null,null,"},
    };
    snprintf(to, PARAMS_SIZE, "[{%s,\"topics\":[[%s],%s\"%s\"]}]", range, topics[query].events, topics[query].blanks, account->topic);
}

static void filter_query(const struct account_text *account, unsigned query, const char *range, char to[static PARAMS_SIZE])
{
    snprintf(to, PARAMS_SIZE, "[{%s,\"%s\":[\"%s\"]}]", range, query ? "toAddress" : "fromAddress", account->address);
}

static const struct way {
    const char *method;
    unsigned query_count;
    query_fn *query;
} ways[HISTORY_WAY_COUNT] = {
    [HISTORY_OTS] = {"ots_searchTransactionsAfter", 0, NULL},
    [HISTORY_TRACE_FILTER] = {"trace_filter", 2, filter_query},
    [HISTORY_LOGS] = {"eth_getLogs", 3, logs_query},
};

const char *history_way_name(enum history_way way)
{
    return ways[way].method;
}

struct chunk { /* a range under way, with all its queries in one batch where endpoints take batches */
    struct rpc_batch batch;
    struct lists lists[QUERIES_MAX]; /* of the calls of the batch */
    uint32_t tried;                  /* bits: endpoints that it was asked of */
    unsigned asked; /* queries that are answered */
    struct rpc_call calls[QUERIES_MAX];
    char params[QUERIES_MAX][PARAMS_SIZE];
    uint64_t first, last;
    bool alive;
};

struct range {
    uint64_t first, last;
};

struct search {
    struct chain_client *client;
    enum history_way which;
    const struct way *way;
    struct account_text account;
    struct range waiting[CHUNKS_WAITING];
    size_t waiting_count, alive;
    struct chunk chunks[CHUNKS_ALIVE];
    size_t blocks_max;
    struct history_blocks *blocks;
    struct error *err;
};

/* One answer. TRACER_E_LIMIT: it was too much for one, and is not whole. */
static enum tracer_status read_answer(struct search *search, const struct chunk *chunk, struct json_span answer, struct history_blocks *to)
{
    struct page page = {.first = chunk->first, .last = chunk->last, .blocks = to, .err = search->err};
    struct json_reader reader;
    reader_for(&reader, answer);
    read_items(&reader, &page);
    enum tracer_status status = reading_ended(&reader, &page, search->way->method);
    if (status)
        return status;
    if (page.highest > chunk->last)
        return error_set(search->err, TRACER_E_REPLY, "%s: a block that was not asked for", search->way->method);
    return page.items >= RESULTS_FULL && chunk->last > chunk->first /* it may have been cut there */
               ? error_set(search->err, TRACER_E_LIMIT, "%zu results", page.items)
               : TRACER_OK;
}

static enum tracer_status chunk_done(struct search *search)
{
    history_blocks_sort(search->blocks);
    return search->blocks->count > search->blocks_max
               ? error_set(search->err, TRACER_E_LIMIT, "%s: more than %zu blocks", search->way->method, search->blocks_max)
               : TRACER_OK;
}

/* The calls of the chunk's batch, at an endpoint. */
static enum tracer_status ask_chunk(struct search *search, struct chunk *chunk, size_t count, size_t endpoint)
{
    client_release(&chunk->batch);
    for (unsigned i = 0; i < count; i++)
        chunk->calls[i] = (struct rpc_call){.method = search->way->method, .params = chunk->params[i]};
    chunk->batch = (struct rpc_batch){
        .calls = chunk->calls, .call_count = count, .endpoint = endpoint, .reply_max = TRACER_REPLY_BLOCK_MAX, .context = chunk};
    enum tracer_status status = client_submit(search->client, &chunk->batch, search->err);
    chunk->alive = !status;
    search->alive += !status;
    return status;
}

static enum tracer_status submit(struct search *search, struct chunk *chunk)
{
    char range[96];
    struct json_span known;
    snprintf(range, sizeof range, "\"fromBlock\":\"0x%" PRIx64 "\",\"toBlock\":\"0x%" PRIx64 "\"", chunk->first, chunk->last);
    for (; chunk->asked < search->way->query_count; chunk->asked++) {
        search->way->query(&search->account, chunk->asked, range, chunk->params[0]);
        enum tracer_status read;
        if (!client_answer(search->client, search->way->method, chunk->params[0], &known, &read, search->err))
            break;
        if (read || (read = read_answer(search, chunk, known, search->blocks)))
            return read;
    }
    if (chunk->asked == search->way->query_count)
        return chunk_done(search);
    size_t count = search->way->query_count - chunk->asked;
    count = count > search->client->batch_calls ? search->client->batch_calls : count;
    for (unsigned i = 0; i < count; i++)
        search->way->query(&search->account, chunk->asked + i, range, chunk->params[i]);
    chunk->tried = 0;
    return ask_chunk(search, chunk, count, client_endpoint(search->client));
}

/* What waits, cut to what endpoints are known to accept. */
static enum tracer_status submit_waiting(struct search *search)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < CHUNKS_ALIVE && search->waiting_count && !status; i++) {
        struct chunk *chunk = &search->chunks[i];
        struct range *next = &search->waiting[search->waiting_count - 1];
        uint64_t most = search->client->range_max[search->which];
        if (chunk->alive)
            continue;
        chunk->asked = 0;
        chunk->first = next->first;
        chunk->last = next->last;
        if (most && chunk->last - chunk->first >= most)
            chunk->last = chunk->first + most - 1;
        next->first = chunk->last + 1;
        search->waiting_count -= chunk->last == next->last;
        status = submit(search, chunk);
    }
    return status;
}

/* Too much for one answer: ask for what the error states, or for halves, and for no more than that from now on. */
static enum tracer_status halve(struct search *search, const struct chunk *chunk, uint64_t stated, const struct error *why)
{
    uint64_t size = chunk->last - chunk->first + 1, *most = &search->client->range_max[search->which];
    if (size == 1 || search->waiting_count == CHUNKS_WAITING)
        return error_set(search->err, TRACER_E_UNAVAILABLE, "%s of block %" PRIu64 " alone: %s", search->way->method, chunk->first, why->text);
    uint64_t less = stated && stated < size ? stated : size / 2;
    *most = !*most || less < *most ? less : *most;
    search->waiting[search->waiting_count++] = (struct range){chunk->first, chunk->last};
    return TRACER_OK;
}

static void forget_lists(struct chunk *chunk)
{
    for (size_t i = 0; i < QUERIES_MAX; i++)
        lists_release(&chunk->lists[i]);
}

/* What an endpoint answered to the batch; else why it is no answer. */
static enum tracer_status read_batch(struct search *search, struct chunk *chunk, uint64_t *ret_stated)
{
    *ret_stated = 0;
    if (chunk->batch.status)
        return error_set(search->err, chunk->batch.status, "%s", chunk->batch.error.text);
    for (unsigned i = 0; i < chunk->batch.call_count; i++) {
        const struct rpc_call *call = &chunk->calls[i];
        if (call->status == TRACER_E_LIMIT)
            client_stated(search->client, search->which, &chunk->batch, call);
        *ret_stated = call->blocks_max;
        enum tracer_status status = call->status ? error_set(search->err, call->status, "%s", call->error.text)
                                                 : read_answer(search, chunk, (struct json_span){call->result, call->result_length}, lists_room(&chunk->lists[i]));
        if (status)
            return status;
    }
    for (unsigned i = 0; i < chunk->batch.call_count; i++)
        lists_take(&chunk->lists[i], chunk->batch.answered_by, chunk->last);
    return TRACER_OK;
}

/* Two have said the same, or nobody else can: all that was listed, and `head` with its items, as one answer that a task keeps. */
static enum tracer_status merge(struct search *search, struct lists *lists, const char *params, const char *head, struct buffer *ret_text, uint64_t *ret_end,
                                size_t *ret_count)
{
    struct history_blocks all = {0};
    buffer_init(ret_text, TRACER_REPLY_BLOCK_MAX);
    enum tracer_status status = lists_merge(search->client, lists, search->way->method, params, &all, ret_end, search->err);
    buffer_text(ret_text, head);
    for (size_t i = 0; i < all.count && !status; i++) {
        buffer_printf(ret_text, "%s{\"blockNumber\":\"0x%" PRIx64 "\"}", i ? "," : "", all.numbers[i]);
        status = history_blocks_add(search->blocks, all.numbers[i], search->err);
    }
    *ret_count = all.count;
    history_blocks_free(&all);
    return status;
}

static enum tracer_status take_lists(struct search *search, struct chunk *chunk)
{
    enum tracer_status status = TRACER_OK;
    for (unsigned i = 0; i < chunk->batch.call_count && !status; i++) {
        struct buffer text;
        uint64_t end;
        size_t count;
        status = merge(search, &chunk->lists[i], chunk->params[i], "[", &text, &end, &count);
        buffer_text(&text, "]");
        if (!status && buffer_ok(&text) && count < RESULTS_FULL)
            client_keep(search->client, search->way->method, chunk->params[i], span_of(&text));
        buffer_release(&text);
    }
    history_blocks_sort(search->blocks);
    return status;
}

/* From whom the ranges get shorter for all. */
static bool is_too_much(const struct chunk *chunk, uint64_t stated)
{
    uint64_t size = chunk->last - chunk->first + 1, less = stated && stated < size ? stated : size / 2;
    return chunk->lists[0].count == 0 || less >= SECOND_RANGE_MIN;
}

static enum tracer_status read_chunk(struct search *search, struct chunk *chunk)
{
    struct chain_client *client = search->client;
    const size_t asked_of = chunk->batch.endpoint, count = chunk->batch.call_count;
    const bool first = chunk->lists[0].count == 0;
    uint64_t stated;
    if (chunk->batch.status == TRACER_E_LIMIT && count > 1) {
        client_less_calls(client, &chunk->batch, 1);
        forget_lists(chunk);
        return submit(search, chunk);
    }
    enum tracer_status status = read_batch(search, chunk, &stated);
    if (status == TRACER_E_LIMIT && is_too_much(chunk, stated)) {
        struct error why = *search->err;
        forget_lists(chunk);
        return halve(search, chunk, stated, &why);
    }
    if (status && status != TRACER_E_LIMIT && status != TRACER_E_REPLY && status != TRACER_E_UNAVAILABLE && status != TRACER_E_NETWORK)
        return status;
    chunk->tried |= UINT32_C(1) << chunk->batch.answered_by;
    if (asked_of != RPC_ANY)
        client->endpoints[asked_of].lacks[search->which] |= status == TRACER_E_UNAVAILABLE;
    if (!first && status != TRACER_E_UNAVAILABLE)
        client_gave_word(client, asked_of, WORD_ON_LISTS, !status);
    /* Of anyone: the pool has asked the others already. */
    size_t other = status && first && asked_of == RPC_ANY && status != TRACER_E_REPLY ? RPC_ANY
                                                                                      : lists_other(client, search->which, chunk->lists, count, chunk->tried);
    if (other != RPC_ANY)
        return ask_chunk(search, chunk, count, other);
    if (chunk->lists[0].count == 0) {
        client_keep_missing(client, chunk->calls[0].method, chunk->calls[0].params, status, search->err);
        return status;
    }
    if ((status = take_lists(search, chunk)))
        return status;
    chunk->asked += (unsigned)count;
    return chunk->asked < search->way->query_count ? submit(search, chunk) : chunk_done(search);
}

static enum tracer_status find_in_ranges(struct search *search)
{
    enum tracer_status status = TRACER_OK;
    while (!status && (search->waiting_count || search->alive)) {
        struct rpc_batch *done;
        /* The first goes alone: it tells how much is accepted. */
        if ((search->alive == 0 || search->client->range_max[search->which]) && (status = submit_waiting(search)))
            break;
        if (search->alive == 0) /* all was known */
            continue;
        if ((status = client_wait(search->client, &done, search->err)))
            break;
        struct chunk *chunk = done->context;
        chunk->alive = false;
        search->alive--;
        status = read_chunk(search, chunk);
        if (!chunk->alive) /* else it is under way again */
            client_release(done);
    }
    for (size_t i = 0; i < CHUNKS_ALIVE; i++) {
        if (search->chunks[i].alive)
            client_release(&search->chunks[i].batch);
        forget_lists(&search->chunks[i]);
    }
    return status;
}

/* ---- pages of Otterscan ---- */

/* {"txs":[...],"receipts":[...],"firstPage":true,"lastPage":false}: the page that holds the newest is the first. */
static bool read_ots_page(struct json_reader *reader, struct page *page, bool *ret_newest)
{
    struct json_span key;
    bool seen = false;
    if (!json_enter_object(reader))
        return false;
    while (json_next_member(reader, &key)) {
        if (json_span_is(key, "txs")) {
            if (seen)
                return json_fail(reader, "txs stands twice");
            seen = true;
            if (!read_items(reader, page))
                return false;
        } else if (json_span_is(key, "firstPage")) {
            json_read_bool(reader, ret_newest);
        } else {
            json_skip(reader, NULL);
        }
    }
    return json_ok(reader) && (seen || json_fail(reader, "no txs"));
}

/* *ret_end: all up to there is on the page. */
static enum tracer_status read_page(struct search *search, struct json_span text, uint64_t behind, uint64_t last, struct history_blocks *to,
                                    uint64_t *ret_end, struct error *err)
{
    struct page page = {.first = behind + 1, .last = last, .blocks = to, .err = err};
    struct json_reader reader;
    bool newest = false;
    reader_for(&reader, text);
    read_ots_page(&reader, &page, &newest);
    *ret_end = newest || page.items == 0 || page.highest > last ? last : page.highest; /* pages hold whole blocks */
    return reading_ended(&reader, &page, search->way->method);
}

static enum tracer_status take_page(struct search *search, struct lists *lists, const char *params, uint64_t last, uint64_t *ret_end)
{
    struct buffer text;
    size_t count;
    enum tracer_status status = merge(search, lists, params, "{\"txs\":[", &text, ret_end, &count);
    buffer_printf(&text, "],\"firstPage\":%s}", *ret_end == last ? "true" : "false");
    if (!status && buffer_ok(&text))
        client_keep(search->client, search->way->method, params, span_of(&text));
    buffer_release(&text);
    return status;
}

/* Of as many operators as it takes. */
static enum tracer_status ask_page(struct search *search, const char *params, uint64_t behind, uint64_t last, uint64_t *ret_end)
{
    struct chain_client *client = search->client;
    struct lists lists = {0};
    struct buffer result;
    struct error why;
    size_t endpoint = RPC_ANY;
    uint32_t tried = 0;
    uint64_t end;
    enum tracer_status status = TRACER_OK, first = TRACER_OK;
    buffer_init(&result, TRACER_REPLY_BLOCK_MAX);
    do {
        const size_t asked_of = endpoint;
        status = client_call_by(client, search->way->method, params, &result, &endpoint, &why);
        if (!status)
            status = read_page(search, span_of(&result), behind, last, lists_room(&lists), &end, &why);
        if (status == TRACER_E_STOPPED || status == TRACER_E_NOMEM || endpoint == RPC_ANY)
            break;
        tried |= UINT32_C(1) << endpoint;
        client->endpoints[endpoint].lacks[search->which] |= status == TRACER_E_UNAVAILABLE;
        if (lists.count && status != TRACER_E_UNAVAILABLE)
            client_gave_word(client, endpoint, WORD_ON_LISTS, !status);
        if (!status)
            lists_take(&lists, endpoint, end);
        else if (!first)
            first = error_set(search->err, status, "%s", why.text);
        /* Of anyone: the pool has asked the others already. */
        endpoint = status && asked_of == RPC_ANY && status != TRACER_E_REPLY ? RPC_ANY : lists_other(client, search->which, &lists, 1, tried);
        status = TRACER_OK;
    } while (endpoint != RPC_ANY);
    if (status)
        error_set(search->err, status, "%s", why.text);
    else if (!lists.count)
        client_keep_missing(client, search->way->method, params, status = first, search->err);
    else
        status = take_page(search, &lists, params, last, ret_end);
    lists_release(&lists);
    buffer_release(&result);
    return status;
}

static enum tracer_status find_by_ots(struct search *search, uint64_t first, uint64_t last)
{
    enum tracer_status status = TRACER_OK;
    for (uint64_t behind = first - 1; behind < last && !status;) { /* first is at least 1 */
        char params[128];
        struct json_span known;
        snprintf(params, sizeof params, "[\"%s\",%" PRIu64 ",%u]", search->account.address, behind, OTS_PAGE);
        if (!client_answer(search->client, search->way->method, params, &known, &status, search->err))
            status = ask_page(search, params, behind, last, &behind);
        else if (!status)
            status = read_page(search, known, behind, last, search->blocks, &behind, search->err);
        if (!status && search->blocks->count > search->blocks_max)
            status = error_set(search->err, TRACER_E_LIMIT, "%s: more than %zu blocks", search->way->method, search->blocks_max);
    }
    history_blocks_sort(search->blocks);
    return status;
}

enum tracer_status history_find(struct chain_client *client, enum history_way way, struct address account, uint64_t first,
                                uint64_t last, size_t blocks_max, struct history_blocks *blocks, struct error *err)
{
    struct search *search = calloc(1, sizeof *search);
    if (!search)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    search->client = client;
    search->which = way;
    search->way = &ways[way];
    search->blocks = blocks;
    search->blocks_max = blocks_max;
    search->err = err;
    address_format(account, search->account.address);
    snprintf(search->account.topic, sizeof search->account.topic, "0x%024d%s", 0, search->account.address + 2);
    search->waiting[0] = (struct range){first ? first : 1, last};
    search->waiting_count = last >= search->waiting[0].first;
    enum tracer_status status = !search->waiting_count ? TRACER_OK
                                : search->way->query   ? find_in_ranges(search)
                                                       : find_by_ots(search, search->waiting[0].first, last);
    free(search);
    return status;
}

/* ---- single questions ---- */

enum tracer_status history_account_kind(struct chain_client *client, struct address account, uint64_t number,
                                        enum account_kind *ret_kind, struct error *err)
{
    static const enum account_kind kinds[] = {[CODE_NONE] = ACCOUNT_IS_KEY, [CODE_DELEGATED] = ACCOUNT_IS_DELEGATED, [CODE_CONTRACT] = ACCOUNT_IS_CONTRACT};
    enum chain_code code;
    enum tracer_status status = chain_code_before(client, account, number + 1, &code, err);
    if (!status)
        *ret_kind = kinds[code];
    return status;
}
