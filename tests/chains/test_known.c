/* test_known.c - what a store remembers of endpoints saves requests and changes no result, forged or not. */
#include "chains/place.h"
#include "tracer/file.h"
#include "tracer/remember.h"

#define DAY_S UINT64_C(86400)
#define LAST 60u

/* ---- a run ---- */

struct outcome {
    char *text; /* every row, and what stands in the ledger about traces */
    size_t size;
    FILE *out;
    uint64_t calls;
    struct chain_known known;
};

static enum tracer_status collect(void *context, const struct block *block, struct error *err)
{
    struct outcome *outcome = context;
    (void)err;
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        char key[POSITION_TEXT_SIZE], amount[U256_DECIMAL_MAX], from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
        position_format(row->position, key);
        u256_format_decimal(row->amount, amount);
        address_format(row->from, from);
        address_format(row->to, to);
        fprintf(outcome->out, "%s %s %s %s %s %d %d\n", key, transfer_kind_name(row->kind), amount, from, to, (int)block->internals,
                (int)block->grade);
    }
    return TRACER_OK;
}

/* Blocks and the logs of an account, with a pool of its own. */
static struct outcome run_with(struct fake_chain **chains, size_t count, const struct chain_known *known)
{
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct outcome outcome = {0};
    struct chain_client *client;
    struct history_blocks blocks = {0};
    struct error err;
    outcome.out = open_memstream(&outcome.text, &outcome.size);
    cr_assert_eq(chain_open_knowing(pool.rpc, &pool.network, known, &client, &err), TRACER_OK, "%s", err.text);
    struct chain_fetch fetch = {.first = 1, .last = LAST, .want_traces = true};
    cr_assert_eq(chain_fetch(client, &fetch, collect, &outcome, NULL, &err), TRACER_OK, "%s", err.text);
    fprintf(outcome.out, "%s\n", chain_traces_name(chain_client_traces(client)));
    cr_assert_eq(history_find(client, HISTORY_LOGS, fake_address(FAKE_A), 1, LAST, 1000, &blocks, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; i < blocks.count; i++)
        fprintf(outcome.out, "%" PRIu64 " ", blocks.numbers[i]);
    outcome.calls = rpc_stats(pool.rpc, RPC_ANY).calls;
    outcome.known = *chain_known(client, 0);
    history_blocks_free(&blocks);
    chain_close(client);
    fake_close(&pool);
    fclose(outcome.out);
    return outcome;
}

static uint64_t now_s(void)
{
    return clock_unix_s();
}

/* ---- runs ---- */

Test(known, a_run_begins_where_the_last_one_ended)
{
    struct fake_chain chain = {.head = LAST, .no_block_receipts = true, .range_max = 12, .states_range = true};
    struct outcome cold = run_with((struct fake_chain *[]){&chain}, 1, NULL);
    cr_assert(cold.known.has_traces && cold.known.traces == TRACES_CALL_TRACER_LOGS && cold.known.no_block_receipts);
    cr_assert_eq(cold.known.range_max[HISTORY_LOGS], 12u);
    cr_assert(cold.known.date_s <= now_s() && now_s() - cold.known.date_s < 60 && !cold.known.probed);
    cr_assert_gt(atomic_load(&chain.ranges_refused), 0u);
    atomic_store(&chain.ranges_refused, 0);
    struct outcome warm = run_with((struct fake_chain *[]){&chain}, 1, &cold.known);
    cr_assert_str_eq(warm.text, cold.text);
    cr_assert_eq(atomic_load(&chain.ranges_refused), 0u);
    cr_assert_lt(warm.calls, cold.calls);
    cr_assert_eq(memcmp(&warm.known, &cold.known, sizeof cold.known), 0); /* also the date: it grows old */
    free(cold.text);
    free(warm.text);
}

Test(known, a_batch_that_was_refused_is_not_tried_again)
{
    static const struct fault_step refused = {
        .body = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\"batch too large\"}}"};
    struct fake_chain chain = {.head = LAST, .fault_method = "eth_getBlockReceipts", .fault_step = &refused};
    atomic_store(&chain.faults_left, 1);
    struct outcome cold = run_with((struct fake_chain *[]){&chain}, 1, NULL);
    cr_assert_eq(cold.known.batch_max, 1u);
    struct outcome warm = run_with((struct fake_chain *[]){&chain}, 1, &cold.known);
    cr_assert_str_eq(warm.text, cold.text);
    cr_assert_eq(warm.known.batch_max, 1u);
    free(cold.text);
    free(warm.text);
}

Test(known, what_is_old_or_from_the_future_is_not_used)
{
    const uint64_t dates[] = {now_s() - (TRACER_KNOWN_AGE_DAYS + 1) * DAY_S, now_s() + DAY_S, 0};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        struct fake_chain chain = {.head = LAST};
        struct chain_known known = {.date_s = dates[i], .batch_max = 2, .no_block_receipts = true, .results_max = 5};
        cr_assert(!chain_known_is_young(&known));
        struct outcome run = run_with((struct fake_chain *[]){&chain}, 1, &known);
        cr_assert_eq(atomic_load(&chain.receipts_asked), 0u); /* they come by blocks */
        cr_assert(run.known.batch_max == 0 && run.known.results_max == 0 && now_s() - run.known.date_s < 60);
        free(run.text);
    }
}

Test(known, a_finding_that_proves_wrong_takes_the_others_with_it)
{
    struct chain_known known = {.date_s = now_s() - DAY_S, .has_traces = true, .traces = TRACES_CALL_TRACER_LOGS, .probed = true, .results_max = 9};
    struct fake_chain gone = {.head = LAST, .no_traces = true}, other = {.head = LAST, .flat_traces = true},
                      no_receipts = {.head = LAST, .no_block_receipts = true};
    known.probe.block_receipts = true;
    struct fake_chain *const chains[] = {&gone, &other, &no_receipts};
    for (size_t i = 0; i < 3; i++) {
        struct outcome cold = run_with((struct fake_chain *[]){chains[i]}, 1, NULL), warm = run_with((struct fake_chain *[]){chains[i]}, 1, &known);
        cr_assert_str_eq(warm.text, cold.text);
        cr_assert(!warm.known.probed && warm.known.results_max == 0 && now_s() - warm.known.date_s < 60, "%zu", i);
        cr_assert_eq(warm.known.traces, cold.known.traces);
        free(cold.text);
        free(warm.text);
    }
}

/* Whatever a record says: the same rows, traces and blocks. */
Test(known, no_record_changes_a_result)
{
    static const struct fake_chain kinds[] = {
        {.head = LAST},
        {.head = LAST, .no_traces = true},
        {.head = LAST, .flat_traces = true},
        {.head = LAST, .no_block_receipts = true},
        {.head = LAST, .without_logs = true, .range_max = 7},
        {.head = LAST, .prunes_traces = true},
    };
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        struct fake_chain chain = kinds[kind], second = {.head = LAST};
        struct fake_chain *chains[] = {&chain, &second};
        for (size_t count = 1; count <= 2; count++) {
            struct outcome cold = run_with(chains, count, NULL);
            for (unsigned lie = 0; lie < 16; lie++) {
                struct chain_known known[2] = {{.date_s = now_s() - 1,
                                                .has_traces = true,
                                                .traces = (enum chain_traces)(lie % 4),
                                                .no_block_receipts = lie & 4,
                                                .batch_max = lie & 8 ? 1 : TRACER_BATCH_CALLS_MAX,
                                                .range_max = {1, 1, lie & 8 ? 1 : 1u << lie},
                                                .results_max = 1,
                                                .pace = {1, 1, 1},
                                                .probed = lie & 1}};
                known[1] = known[0];
                known[1].traces = (enum chain_traces)(3 - lie % 4);
                struct outcome forged = run_with(chains, count, known);
                cr_assert_str_eq(forged.text, cold.text, "chain %zu, lie %u", kind, lie);
                free(forged.text);
            }
            free(cold.text);
        }
    }
}

/* ---- the text ---- */

static const struct chain_known whole = {.date_s = 1700000000,
                                         .traces = TRACES_TRACE_BLOCK,
                                         .has_traces = true,
                                         .no_block_receipts = true,
                                         .batch_max = 12,
                                         .range_max = {0, 300, 2000},
                                         .results_max = 10000,
                                         .pace = {4, 10, 30},
                                         .probed = true,
                                         .probe = {.client_version = "Fake/v1.0 (x)",
                                                   .chain_id = 777,
                                                   .head = 2000,
                                                   .finalized = 1990,
                                                   .has_finalized = true,
                                                   .state_depth = 128,
                                                   .no_block_receipts = true,
                                                   .ots = true,
                                                   .by_nonce = true,
                                                   .traces = TRACES_TRACE_BLOCK,
                                                   .batch_max = 10,
                                                   .log_range = 1000,
                                                   .log_range_stated = 2000,
                                                   .anchor_checked = true,
                                                   .anchor_fits = true}};

static void write_known(const struct chain_known *known, struct buffer *to)
{
    buffer_init(to, TRACER_KIB(4));
    cr_assert(chain_known_write(known, to));
}

static bool equal(const struct chain_known *a, const struct chain_known *b)
{
    struct buffer x, y;
    write_known(a, &x);
    write_known(b, &y);
    bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    buffer_release(&x);
    buffer_release(&y);
    return same;
}

Test(known, a_record_is_read_as_it_was_written_or_not_at_all)
{
    struct chain_known some = whole, read;
    struct buffer text;
    write_known(&whole, &text);
    cr_assert(chain_known_read(text.data, text.size, &read) && equal(&read, &whole));
    cr_assert(read.probe.anchor_fits && read.probe.by_nonce && !read.probe.trace_filter && strcmp(read.probe.client_version, "Fake/v1.0 (x)") == 0);
    for (size_t size = 0; size < text.size; size++) /* without the end it may only be the one without a probe */
        cr_assert(!chain_known_read(text.data, size, &read) || !read.probed);
    cr_assert(buffer_text(&text, "more\n"));
    cr_assert(!chain_known_read(text.data, text.size, &read));
    for (size_t i = 0; i < text.size; i++)
        for (int c = 0; c < 256; c += 5) {
            char before = text.data[i];
            text.data[i] = (char)c;
            if (chain_known_read(text.data, text.size - 5, &read))
                for (const char *at = read.probe.client_version; *at; at++)
                    cr_assert(*at >= ' ' && *at <= '~');
            text.data[i] = before;
        }
    buffer_release(&text);
    some.probed = false;
    write_known(&some, &text);
    cr_assert(chain_known_read(text.data, text.size, &read) && equal(&read, &some));
    buffer_release(&text);
}

/* ---- the store ---- */

static struct rpc *pool_for(const char *url, const char *header)
{
    struct rpc_endpoint endpoint = {.name = "alpha", .url = url, .header = header};
    struct rpc_options options = {.endpoints = &endpoint, .endpoint_count = 1};
    struct rpc *rpc;
    struct error err;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
    return rpc;
}

#define URL "https://node.example/v3/0123456789abcdef0123456789abcdef"

static void keep(struct graph *graph, const char *url, const char *header, const struct chain_known *known)
{
    struct error err;
    struct rpc *rpc = pool_for(url, header);
    cr_assert_eq(remember_keep(graph, rpc, 0, 777, known, &err), TRACER_OK, "%s", err.text);
    rpc_close(rpc);
}

static struct chain_known find(struct graph *graph, const char *url, const char *header, uint64_t chain_id)
{
    struct rpc *rpc = pool_for(url, header);
    struct chain_known known = remember_find(graph, rpc, 0, chain_id);
    rpc_close(rpc);
    return known;
}

struct records {
    char name[256];
    size_t count;
};

static enum tracer_status last_record(void *context, const char *name, size_t size, struct error *err)
{
    struct records *records = context;
    (void)size;
    (void)err;
    if (strncmp(name, "endpoint ", 9) == 0) {
        snprintf(records->name, sizeof records->name, "%s", name);
        records->count++;
    }
    return TRACER_OK;
}

Test(known, a_record_belongs_to_url_header_and_network)
{
    struct test_place place = open_place();
    struct chain_known other = whole, found;
    cr_assert_eq(find(place.graph, URL, NULL, 777).date_s, 0u);
    keep(place.graph, URL, NULL, &whole);
    other.date_s = 1700000001;
    keep(place.graph, URL, "Authorization: Bearer 1", &other);
    found = find(place.graph, URL, NULL, 777);
    cr_assert(equal(&found, &whole));
    found = find(place.graph, URL, "Authorization: Bearer 1", 777);
    cr_assert(equal(&found, &other));
    cr_assert_eq(find(place.graph, URL, NULL, 1).date_s, 0u);
    cr_assert_eq(find(place.graph, URL "0", NULL, 777).date_s, 0u);
    cr_assert_eq(find(place.graph, URL, "Authorization: Bearer 2", 777).date_s, 0u);
    close_place(&place);
}

Test(known, a_record_that_is_damaged_or_anothers_is_ignored)
{
    struct test_place place = open_place();
    struct error err;
    struct records records = {{0}, 0}, both = {{0}, 0};
    struct buffer record, foreign;
    keep(place.graph, URL, NULL, &whole);
    cr_assert_eq(graph_each_item(place.graph, GRAPH_ITEM_ENDPOINT, last_record, &records, &err), TRACER_OK);
    cr_assert_eq(records.count, 1u);
    buffer_init(&record, TRACER_KIB(8));
    cr_assert_eq(graph_get_item(place.graph, GRAPH_ITEM_ENDPOINT, records.name, &record, &err), TRACER_OK);
    for (size_t i = 0; i < record.size; i += 9) {
        record.data[i] ^= 1;
        cr_assert_eq(graph_put_item(place.graph, GRAPH_ITEM_ENDPOINT, records.name, record.data, record.size, &err), TRACER_OK);
        cr_assert_eq(find(place.graph, URL, NULL, 777).date_s, 0u, "byte %zu", i);
        record.data[i] ^= 1;
    }
    for (size_t size = 0; size < record.size; size += 31) {
        cr_assert_eq(graph_put_item(place.graph, GRAPH_ITEM_ENDPOINT, records.name, record.data, size, &err), TRACER_OK);
        cr_assert_eq(find(place.graph, URL, NULL, 777).date_s, 0u);
    }
    /* one that was written for another URL, put in its place */
    keep(place.graph, "https://attacker.example/", NULL, &whole);
    cr_assert_eq(graph_each_item(place.graph, GRAPH_ITEM_ENDPOINT, last_record, &both, &err), TRACER_OK);
    cr_assert_eq(both.count, 2u);
    buffer_init(&foreign, TRACER_KIB(8));
    if (strcmp(both.name, records.name) == 0) { /* the names are digests: either may be the last */
        struct rpc *rpc = pool_for("https://attacker.example/", NULL);
        cr_assert_eq(remember_find(place.graph, rpc, 0, 777).date_s, whole.date_s);
        rpc_close(rpc);
    } else {
        cr_assert_eq(graph_get_item(place.graph, GRAPH_ITEM_ENDPOINT, both.name, &foreign, &err), TRACER_OK);
        cr_assert_eq(graph_put_item(place.graph, GRAPH_ITEM_ENDPOINT, records.name, foreign.data, foreign.size, &err), TRACER_OK);
        cr_assert_eq(find(place.graph, URL, NULL, 777).date_s, 0u);
    }
    /* whole again, then used again */
    cr_assert_eq(graph_put_item(place.graph, GRAPH_ITEM_ENDPOINT, records.name, record.data, record.size, &err), TRACER_OK);
    cr_assert_eq(find(place.graph, URL, NULL, 777).date_s, whole.date_s);
    /* another salt is another store */
    cr_assert_eq(graph_put_item(place.graph, GRAPH_ITEM_ENDPOINT, "endpoint-salt", "0123456789abcdef", 16, &err), TRACER_OK);
    cr_assert_eq(find(place.graph, URL, NULL, 777).date_s, 0u);
    buffer_release(&record);
    buffer_release(&foreign);
    close_place(&place);
}

Test(known, T11_the_store_holds_nothing_of_url_and_header)
{
    static const char *const secrets[] = {"node.example", "0123456789abcdef0123456789abcdef", "hunter2hunter2", "Authorization", "/v3/"};
    struct test_place place = open_place();
    char path[128];
    struct buffer file;
    struct error err;
    keep(place.graph, URL, "Authorization: hunter2hunter2", &whole);
    graph_close(place.graph);
    place.graph = NULL;
    snprintf(path, sizeof path, "%s/data.mdb", place.path);
    buffer_init(&file, TRACER_GIB(1));
    cr_assert_eq(file_read(path, TRACER_GIB(1), &file, &err), TRACER_OK, "%s", err.text);
    cr_assert_not_null(memmem(file.data, file.size, "Fake/v1.0 (x)", 13), "the record is in another file");
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        cr_assert_null(memmem(file.data, file.size, secrets[i], strlen(secrets[i])), "%s", secrets[i]);
    buffer_release(&file);
    close_place(&place);
}

Test(known, the_pace_of_an_endpoint_is_kept)
{
    struct fake_chain chain = {.head = LAST};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    cr_assert_eq(rpc_pace(pool.rpc, 0).in_flight, 0u);
    rpc_set_pace(pool.rpc, 0, (struct rpc_pace){.in_flight = 3, .rate = 7, .retry_after_s = 20});
    struct rpc_pace pace = rpc_pace(pool.rpc, 0);
    cr_assert(pace.in_flight == 3 && pace.rate == 0 /* there is no limit of ours to lower */ && pace.retry_after_s == 20);
    rpc_set_pace(pool.rpc, 0, (struct rpc_pace){.in_flight = 9999});
    cr_assert_eq(rpc_pace(pool.rpc, 0).in_flight, 3u);
    fake_close(&pool);
}
