/* test_drops.c - traces from an endpoint that leaves one thing out, once: an item of what finds blocks, a
 * transaction, a log or a call of a block, or all of an answer. What moves the coin or a listed token is made
 * good, or told as a gap or an error; it is never missing unnoticed, and nothing looks proven that is not
 * (threat-model 3; docs/history.md). TRACER_DROPS=10000 makes so many runs. */
#include "chains/place.h"

#include <jansson.h>

#include "tracer/ingest.h"
#include "tracer/lazy.h"

#define HEAD 14u
#define RUNS 500u

/* ---- the chain with the books that belong to it ---- */

struct books {
    uint64_t sent, value, tokens; /* transactions, and sums, up to the end of a block */
};

static struct books books_after(uint64_t block)
{
    struct books books = {0};
    for (uint64_t n = 0; n <= block; n++)
        for (unsigned i = 0; i < fake_transactions(n); i++) {
            books.sent++;
            books.value += i;
            books.tokens += n;
        }
    return books;
}

/* FAKE_A sends and pays fees, FAKE_B has code and passes 5 on each time, FAKE_C gets them, and the tips as
 * the block's producer. */
static uint64_t coins_of(struct json_span params, uint64_t block)
{
    struct books books = books_after(block);
    if (memmem(params.text, params.length, FAKE_A, strlen(FAKE_A)))
        return UINT64_C(1000000000) - books.value - books.sent * FAKE_GAS * 9;
    if (memmem(params.text, params.length, FAKE_B, strlen(FAKE_B)))
        return 5 * books_after(HEAD).sent - books_after(HEAD).value / 2 + books.value - 5 * books.sent;
    return memmem(params.text, params.length, FAKE_C, strlen(FAKE_C))
               ? 5 * books.sent + 2 * FAKE_GAS * books.sent
               : 0;
}

static uint64_t tokens_of(struct json_span params, uint64_t block)
{
    uint64_t tokens = books_after(block).tokens;
    if (memmem(params.text, params.length, &FAKE_A[2], strlen(FAKE_A) - 2))
        return 100000 - tokens;
    return memmem(params.text, params.length, &FAKE_B[2], strlen(FAKE_B) - 2) ? tokens : 0;
}

/* ---- what is left out ---- */

enum drop { DROP_ITEM, DROP_TRANSACTION, DROP_LOG, DROP_CALL, DROP_ANSWER, DROP_COUNT };
static const char *const drop_names[DROP_COUNT] = {"items of lists", "transactions", "logs", "calls",
                                                   "answers"};

struct leaky {
    struct fake_chain chain;
    unsigned without; /* bits: 1 no ots_, 2 no eth_getLogs, 4 no trace_filter */
    enum drop drop;
    unsigned which, seen; /* the number of the thing to leave out, from 0; things so far */
    bool dropped;
    pthread_mutex_t lock;
    struct u320
        rows; /* of the trace: transfers of the three accounts in the store, and the sum of their amounts */
};

/* Whether the next of `count` things is the one; *ret_at: which of them. */
static bool is_hit(struct leaky *leaky, enum drop drop, size_t count, size_t *ret_at)
{
    if (leaky->drop != drop || leaky->dropped)
        return false;
    *ret_at = leaky->which - leaky->seen;
    leaky->dropped = leaky->which < leaky->seen + count;
    leaky->seen += (unsigned)count;
    return leaky->dropped;
}

/* Of the list that is the member `outer` of the answer, or of each of its entries, and there of the member `inner` ("": itself). */
static void leave_out(struct leaky *leaky, enum drop drop, json_t *answer, const char *outer,
                      const char *inner)
{
    json_t *one = json_is_array(answer) ? NULL : answer;
    size_t at, entries = one ? 1 : json_array_size(answer);
    for (size_t i = 0; i < entries; i++) {
        json_t *list = one ? one : json_array_get(answer, i);
        list = *outer ? json_object_get(list, outer) : list;
        list = *inner ? json_object_get(list, inner) : list;
        if (json_array_size(list) && is_hit(leaky, drop, json_array_size(list), &at))
            json_array_remove(list, at);
    }
}

static bool answer_state(struct leaky *leaky, struct json_span method, struct json_span params, FILE *out)
{
    const char *block = NULL;
    for (const char *at = params.text;
         (at = memmem(at, (size_t)(params.text + params.length - at), "\"0x", 3)); at++)
        block = at + 1; /* the last parameter */
    uint64_t number = block ? strtoull(block, NULL, 16) : 0;
    if (json_span_is(method, "eth_getBalance"))
        fprintf(out, "\"0x%" PRIx64 "\"", coins_of(params, number));
    else if (json_span_is(method, "eth_call"))
        fprintf(out, "\"0x%064" PRIx64 "\"", tokens_of(params, number));
    else if (json_span_is(method, "eth_getCode"))
        fputs(memmem(params.text, params.length, FAKE_B, strlen(FAKE_B)) ? "\"0x6001\"" : "\"0x\"", out);
    else
        return fake_answer(&leaky->chain, method, params, out);
    return true;
}

/* Blocks in which the account is, or in which it got or sent tokens. */
static bool answer_list(struct leaky *leaky, struct json_span method, struct json_span params, FILE *out)
{
    bool logs = json_span_is(method, "eth_getLogs"),
         ots = json_span_is(method, "ots_searchTransactionsAfter");
    if (ots)
        return fake_answer(&leaky->chain, method, params, out);
    const char *from = memmem(params.text, params.length, "fromBlock\":\"", 12),
               *to = memmem(params.text, params.length, "toBlock\":\"", 10);
    uint64_t first = from ? strtoull(from + 12, NULL, 16) : 0, last = to ? strtoull(to + 10, NULL, 16) : 0;
    bool in = !memmem(params.text, params.length, &FAKE_C[2], strlen(FAKE_C) - 2) || !logs;
    fputc('[', out);
    for (uint64_t n = first, items = 0; in && n <= last && n <= leaky->chain.head; n++)
        if (fake_transactions(n))
            fprintf(out,
                    logs ? "%s{\"address\":\"" FAKE_TOKEN "\",\"blockNumber\":\"0x%" PRIx64 "\"}"
                         : "%s{\"blockNumber\":%" PRIu64 "}",
                    items++ ? "," : "", n);
    fputc(']', out);
    return true;
}

static bool leaky_answer(void *context, struct json_span method, struct json_span params, FILE *out)
{
    struct leaky *leaky = context;
    bool logs = json_span_is(method, "eth_getLogs"),
         ots = json_span_is(method, "ots_searchTransactionsAfter"),
         filter = json_span_is(method, "trace_filter");
    bool block = json_span_is(method, "eth_getBlockByNumber"),
         receipts = json_span_is(method, "eth_getBlockReceipts"),
         calls = json_span_is(method, "debug_traceBlockByNumber");
    if ((ots && leaky->without & 1) || (logs && leaky->without & 2) || (filter && leaky->without & 4))
        return fake_error(out, -32601, "the method does not exist/is not available");
    char *text = NULL;
    size_t size = 0, at;
    FILE *memory = open_memstream(&text, &size);
    cr_assert(memory);
    bool good = ots || logs || filter ? answer_list(leaky, method, params, memory)
                                      : answer_state(leaky, method, params, memory);
    fclose(memory);
    json_t *answer = good ? json_loadb(text, size, JSON_DECODE_ANY, NULL) : NULL;
    pthread_mutex_lock(&leaky->lock);
    if (answer && is_hit(leaky, DROP_ANSWER, 1, &at)) {
        json_decref(answer);
        answer = ots ? json_pack("{s[]s[]sbsb}", "txs", "receipts", "firstPage", 1, "lastPage", 1)
                 : logs || filter ? json_array()
                                  : json_null();
    }
    if (ots)
        leave_out(leaky, DROP_ITEM, answer, "txs", "");
    if ((logs || filter) && is_hit(leaky, DROP_ITEM, json_array_size(answer), &at))
        json_array_remove(answer, at);
    if (block)
        leave_out(leaky, DROP_TRANSACTION, answer, "transactions", "");
    if (receipts)
        leave_out(leaky, DROP_LOG, answer, "logs", "");
    if (calls)
        leave_out(leaky, DROP_CALL, answer, "result", "calls");
    pthread_mutex_unlock(&leaky->lock);
    if (answer)
        json_dumpf(answer, out, JSON_ENCODE_ANY | JSON_COMPACT);
    else
        fwrite(text, 1, size, out);
    json_decref(answer);
    free(text);
    return good;
}

/* ---- a trace of it ---- */

static enum tracer_status add_row(void *context, const struct transfer *row, struct error *err)
{
    struct u320 *rows = context;
    (void)err;
    u320_add(rows, row->amount);
    u320_add(rows, (struct u256){{0, 0, 1, 0}});
    return TRACER_OK;
}

static struct u320 stored_rows(struct graph *graph)
{
    static const char *const accounts[] = {FAKE_A, FAKE_B, FAKE_C};
    struct u320 rows = {{0}};
    struct error err;
    for (size_t i = 0; i < 3; i++) {
        struct position first = {.transaction_index = INT32_MIN};
        enum tracer_status status =
            graph_each_of_account(graph, 777, fake_address(accounts[i]), first, add_row, &rows, &err);
        cr_assert(status == TRACER_OK || status == TRACER_E_NOT_FOUND);
    }
    return rows;
}

static struct trace_result *trace(struct leaky *leaky, enum tracer_status *ret_status, struct error *ret_why)
{
    static const char *const seeds[] = {"theft=" FAKE_A};
    static const struct token tokens[] = {
        {.asset = {.asset = {.kind = ASSET_NATIVE}, .weight = 1}, .symbol = "COIN"},
        {.asset = {.asset = {.kind = ASSET_TOKEN, .contract = {{[0 ... 19] = 0x77}}}, .weight = 1},
         .symbol = "TOKEN"}};
    struct test_place place = open_place();
    struct fake_pool pool = fake_open((struct fake_chain *[]){NULL}, 1, 0, NULL, NULL);
    struct faultserver *server =
        faultserver_start(&(struct faultserver_options){.answer = leaky_answer, .context = leaky});
    struct rpc_endpoint endpoint = {.name = "alpha", .url = faultserver_url(server)};
    struct rpc_options options = {.endpoints = &endpoint,
                                  .endpoint_count = 1,
                                  .allow_local = true,
                                  .attempts_max = 3,
                                  .backoff_first_ms = 1,
                                  .jitter_seed = 1};
    struct chain_client *client = NULL;
    struct label_set *labels;
    struct trace_result *result = NULL;
    struct explore_stats stats;
    struct error err = {0};
    rpc_close(pool.rpc);
    cr_assert_eq(rpc_open(&options, &pool.rpc, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(label_set_new(&labels, &err), TRACER_OK);
    enum tracer_status status = chain_open(pool.rpc, &pool.network, &client, &err);
    struct lazy_request request = {
        .trace = {.input = {.graph = place.graph,
                            .chain_id = 777,
                            .native_symbol = "COIN",
                            .labels = labels,
                            .tokens = tokens,
                            .token_count = 2,
                            .repeat = ""},
                  .seeds = seeds,
                  .seed_count = 1,
                  .has_since = true,
                  .since = 1},
        .explore = {.graph = place.graph,
                    .client = client,
                    .network = &pool.network,
                    .tokens = tokens,
                    .token_count = 2,
                    .finality = FINALITY_LATEST},
        .has_to = true,
        .to = HEAD,
        .limits = {
            .accounts_max = 20, .degree_max = 1000, .hops_max = UINT32_MAX, .score_min = u256_from_u64(1)}};
    if (!status)
        status = ingest_network(place.graph, &pool.network, &err);
    if (!status)
        status = lazy_run(&request, &result, &stats, &err);
    *ret_why = err;
    leaky->rows = stored_rows(place.graph);
    *ret_status = status;
    label_set_free(labels);
    chain_close(client);
    rpc_close(pool.rpc);
    faultserver_stop(server);
    close_place(&place);
    return status ? NULL : result;
}

static bool is_same_hop(const struct trace_result *a, const struct result_hop *x,
                        const struct trace_result *b, const struct result_hop *y)
{
    return position_compare(x->position, y->position) == 0 && u256_equal(x->amount, y->amount) &&
           u256_equal(x->tainted, y->tainted) && x->hop == y->hop &&
           address_equal(a->accounts[x->from].address, b->accounts[y->from].address) &&
           address_equal(a->accounts[x->to].address, b->accounts[y->to].address);
}

static bool has_same_hops(const struct trace_result *a, const struct trace_result *b)
{
    bool same = a->hop_count == b->hop_count;
    for (size_t i = 0; i < a->hop_count && same; i++)
        same = is_same_hop(a, &a->hops[i], b, &b->hops[i]);
    return same;
}

/* Rows of a transaction that lacks one have other keys: what one account paid another in it of an asset is
 * compared. */
static struct u320 sum_of(const struct trace_result *of, const struct result_hop *like,
                          const struct trace_result *in, bool proven)
{
    struct u320 sum = {{0}};
    for (size_t i = 0; i < of->hop_count; i++) {
        const struct result_hop *hop = &of->hops[i];
        struct u256 amount = hop->tainted;
        if (!hash_equal(hop->transaction_hash, like->transaction_hash) ||
            !asset_equal(&of->assets[hop->asset].asset, &in->assets[like->asset].asset) ||
            !address_equal(of->accounts[hop->from].address, in->accounts[like->from].address) ||
            !address_equal(of->accounts[hop->to].address, in->accounts[like->to].address))
            continue;
        if (proven)
            cr_assert(u256_sub(amount, hop->unproven, &amount));
        u320_add(&sum, amount);
    }
    return sum;
}

static bool is_proven_true(const struct trace_result *result, const struct trace_result *whole)
{
    bool holds = true;
    for (size_t i = 0; i < result->hop_count && holds; i++)
        holds = u320_compare(sum_of(result, &result->hops[i], result, true),
                             sum_of(whole, &result->hops[i], result, false)) <= 0;
    return holds;
}

static bool has_reason(const struct trace_result *result)
{
    for (size_t i = 0; i < result->head.note_count; i++)
        if (result->head.notes[i].kind == NOTE_GAP && strncmp(result->head.notes[i].text, "0x", 2) == 0)
            return true;
    return false;
}

/* A run: what is left out is unlike any other's chance, and the same each time. */
static enum outcome {
    MADE_GOOD,
    TOLD,
    REFUSED,
    NOT_HIT,
    WRONG,
    OUTCOME_COUNT
} run(unsigned without, enum drop drop, unsigned which, const struct trace_result *whole, struct u320 rows)
{
    struct leaky leaky = {.chain = {.head = HEAD},
                          .without = without,
                          .drop = drop,
                          .which = which,
                          .lock = PTHREAD_MUTEX_INITIALIZER};
    struct error why;
    enum tracer_status status;
    struct trace_result *result = trace(&leaky, &status, &why);
    enum outcome outcome =
        !leaky.dropped ? NOT_HIT
        : !result      ? (why.text[0] ? REFUSED : WRONG)
        : has_same_hops(result, whole) && !result->touches_gap && u320_compare(leaky.rows, rows) == 0
            ? MADE_GOOD
        : result->touches_gap && has_reason(result) && is_proven_true(result, whole) ? TOLD
                                                                                     : WRONG;
    cr_expect_neq(outcome, WRONG, "%s, number %u, left out (set %u): %zu hops, %s: %s", drop_names[drop],
                  which, without, result ? result->hop_count : 0,
                  result && result->touches_gap ? "a gap" : "no gap",
                  result ? result->head.notes[0].text : why.text);
    trace_result_free(result);
    return outcome;
}

Test(drops, what_is_left_out_is_made_good_or_told, .timeout = 0)
{
    static const unsigned sets[] = {0, 1}; /* blocks are found by ots_, and by trace_filter */
    const char *wanted = getenv("TRACER_DROPS");
    unsigned runs = wanted ? (unsigned)strtoul(wanted, NULL, 10) : RUNS,
             counts[DROP_COUNT][OUTCOME_COUNT] = {{0}}, things[2][DROP_COUNT];
    struct trace_result *whole[2] = {NULL, NULL};
    struct u320 rows = {{0}};
    uint64_t random = 20221103;
    for (unsigned set = 0; set < 2; set++)
        for (unsigned drop = 0; drop < DROP_COUNT; drop++) {
            struct leaky leaky = {.chain = {.head = HEAD},
                                  .without = sets[set],
                                  .drop = (enum drop)drop,
                                  .which = UINT32_MAX,
                                  .lock = PTHREAD_MUTEX_INITIALIZER};
            struct error why;
            enum tracer_status status;
            struct trace_result *result = trace(&leaky, &status, &why);
            cr_assert(result, "nothing left out: %s", why.text);
            cr_assert(!result->touches_gap && result->head.explored_count == 3 && result->hop_count > 30);
            things[set][drop] = leaky.seen;
            cr_assert(u320_is_zero(rows) || u320_compare(rows, leaky.rows) == 0);
            rows = leaky.rows;
            trace_result_free(whole[set]);
            whole[set] = result;
        }
    cr_assert(has_same_hops(whole[0], whole[1]));
    for (unsigned i = 0; i < runs; i++) {
        unsigned drop = i % DROP_COUNT, set = i / DROP_COUNT % 2;
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        counts[drop][run(sets[set], (enum drop)drop, (unsigned)((random >> 32) * things[set][drop] >> 32),
                         whole[set], rows)]++;
    }
    unsigned hit = 0;
    for (unsigned drop = 0; drop < DROP_COUNT; drop++) {
        unsigned of = counts[drop][MADE_GOOD] + counts[drop][TOLD] + counts[drop][REFUSED];
        fprintf(stderr, "%s: %u left out: %u made good, %u told as a gap, %u as an error\n", drop_names[drop],
                of, counts[drop][MADE_GOOD], counts[drop][TOLD], counts[drop][REFUSED]);
        hit += of;
    }
    fprintf(stderr, "%u of %u runs left something out; none went unnoticed\n", hit, runs);
    cr_assert_eq(hit, runs);
    for (unsigned set = 0; set < 2; set++)
        trace_result_free(whole[set]);
}
