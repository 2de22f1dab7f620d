/* test_pool.c - queue, retry, rate limits, fail-over and cancelling of a pool of endpoints. */
#include "pool_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char later[] =
    "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":-32000,\"message\":\"header not found\"}}";
static const char pruned[] =
    "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":4444,\"message\":\"pruned history unavailable\"}}";
static const char no_method[] =
    "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":-32601,\"message\":\"method not found\"}}";
static const char bad_params[] =
    "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":-32602,\"message\":\"invalid argument 0\"}}";

static struct faultserver *always(const struct fault_step *step)
{
    return faultserver_start(
        &(struct faultserver_options){.steps = step, .step_count = 1, .repeat_last = true});
}

static void stop_all(struct rpc *rpc, struct faultserver *const *servers, size_t count)
{
    rpc_close(rpc);
    for (size_t i = 0; i < count; i++)
        faultserver_stop(servers[i]);
}

Test(rpc, requests_overlap_up_to_the_limit)
{
    enum { COUNT = 24 };
    struct faultserver *server = faultserver_start(&(struct faultserver_options){.delay_ms = 60});
    struct rpc_options options = quick_options;
    options.in_flight_max = 8;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct rpc_call calls[COUNT];
    struct rpc_batch batches[COUNT], *done;
    char params[COUNT][16];
    struct error err = {0};
    uint64_t begun = clock_monotonic_ms();
    memset(calls, 0, sizeof calls);
    memset(batches, 0, sizeof batches);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(params[i], sizeof params[i], "[\"0x%zx\"]", i);
        calls[i].method = "eth_getBlockByNumber";
        calls[i].params = params[i];
        batches[i].calls = &calls[i];
        batches[i].call_count = 1;
        batches[i].endpoint = RPC_ANY;
        cr_assert_eq(rpc_submit(rpc, &batches[i], &err), TRACER_OK, "%s", err.text);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK, "%s", err.text);
        cr_expect_eq(done->status, TRACER_OK, "%s", done->error.text);
        cr_expect_eq(done->calls[0].status, TRACER_OK);
        cr_expect_eq(done->calls[0].result_length, strlen(done->calls[0].params));
        cr_expect(memcmp(done->calls[0].result, done->calls[0].params, done->calls[0].result_length) == 0);
        rpc_batch_release(done);
    }
    uint64_t took = clock_monotonic_ms() - begun;
    cr_expect(took >= 180 && took < 700, "%d ms", (int)took);
    cr_expect(faultserver_overlap(server) <= 8 && faultserver_overlap(server) >= 6, "%u",
              faultserver_overlap(server));
    cr_expect_eq(rpc_wait(rpc, &done, &err), TRACER_E_NOT_FOUND);
    cr_expect_eq(rpc_stats(rpc, RPC_ANY).calls, (uint64_t)COUNT);
    stop_all(rpc, &server, 1);
}

Test(rpc, R12_a_batch_in_reverse_order_is_matched)
{
    enum { COUNT = TRACER_BATCH_CALLS_MAX };
    static const struct fault_step step = {.reversed = true};
    struct faultserver *server = always(&step);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct rpc_call calls[COUNT];
    struct rpc_batch batch = {.calls = calls, .call_count = COUNT, .endpoint = 0}, *done;
    char params[COUNT][16];
    struct error err = {0};
    memset(calls, 0, sizeof calls);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(params[i], sizeof params[i], "[%zu]", i);
        calls[i].method = "eth_getTransactionReceipt";
        calls[i].params = params[i];
    }
    cr_assert_eq(rpc_submit(rpc, &batch, &err), TRACER_OK);
    cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
    cr_expect(done == &batch && batch.status == TRACER_OK && batch.answered_by == 0);
    for (size_t i = 0; i < COUNT; i++)
        cr_expect(calls[i].result_length == strlen(params[i]) &&
                  memcmp(calls[i].result, params[i], strlen(params[i])) == 0);
    rpc_batch_release(&batch);
    cr_expect_eq(faultserver_requests(server), 1u);
    stop_all(rpc, &server, 1);
}

Test(rpc, R12_a_bad_batch_is_asked_again_elsewhere)
{
    static const char both[] = "[{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":$1,"
                               "\"result\":1,\"error\":{\"code\":1,\"message\":\"\"}}]";
    static const char *const bodies[] = {
        "[{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":\"$0\",\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":$1,\"result\":1}]",
        both,
        "{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":1}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fault_step step = {.body = bodies[i]};
        struct faultserver *servers[] = {always(&step), start(NULL, 0)};
        struct rpc_options options = quick_options;
        options.attempts_max = 5;
        struct rpc *rpc = open_pool(servers, 2, options);
        struct rpc_call calls[] = {{.method = "a", .params = "[1]"}, {.method = "b", .params = "[2]"}};
        struct rpc_batch batch = {.calls = calls, .call_count = 2, .endpoint = RPC_ANY}, *done;
        struct error err = {0};
        cr_assert_eq(rpc_submit(rpc, &batch, &err), TRACER_OK);
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
        cr_expect(batch.status == TRACER_OK && batch.answered_by == 1, "%s", batch.error.text);
        cr_expect(calls[1].result_length == 3 && memcmp(calls[1].result, "[2]", 3) == 0);
        rpc_batch_release(&batch);
        batch.endpoint = 0; /* pinned to the bad one: an error that names it */
        cr_assert_eq(rpc_submit(rpc, &batch, &err), TRACER_OK);
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
        cr_expect_eq(batch.status, TRACER_E_REPLY);
        cr_expect_str_eq(batch.error.endpoint, "alpha");
        cr_expect(strstr(batch.error.text, "batch of 2") &&
                      strstr(batch.error.text, "gave up after 5 attempts"),
                  "%s", batch.error.text);
        cr_expect_eq(calls[0].status, TRACER_E_REPLY);
        cr_expect_null(calls[0].result);
        rpc_batch_release(&batch);
        stop_all(rpc, servers, 2);
    }
}

Test(rpc, one_rate_limited_call_of_a_batch_repeats_the_batch)
{
    static const struct fault_step steps[] = {
        {.body = "[{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":$1,\"error\":{"
                 "\"code\":-32005,\"message\":\"\"}}]"}};
    struct faultserver *server = start(steps, 1);
    struct rpc_options options = quick_options;
    options.attempts_max = 3;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct rpc_call calls[] = {{.method = "a", .params = "[1]"}, {.method = "b", .params = "[2]"}};
    struct rpc_batch batch = {.calls = calls, .call_count = 2, .endpoint = RPC_ANY}, *done;
    struct error err = {0};
    cr_assert_eq(rpc_submit(rpc, &batch, &err), TRACER_OK);
    cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
    cr_expect(batch.status == TRACER_OK && calls[0].status == TRACER_OK && calls[1].status == TRACER_OK);
    cr_expect_eq(faultserver_requests(server), 2u);
    rpc_batch_release(&batch);
    stop_all(rpc, &server, 1);
}

Test(rpc, T6_retry_after_is_honoured_up_to_its_ceiling)
{
    static const char *const headers[] = {"Retry-After: 1\r\n", "Retry-After: 86400\r\n",
                                          "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct fault_step step = {.status = i == 1 ? 503 : 429, .headers = headers[i], .body = "slow down"};
        struct faultserver *server = start(&step, 1);
        struct rpc_options options = quick_options; /* the ceiling is one second */
        options.attempts_max = 2;
        struct rpc *rpc = open_pool(&server, 1, options);
        struct error err;
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s: %s", headers[i], err.text);
        uint64_t between = faultserver_request_ms(server, 1) - faultserver_request_ms(server, 0);
        cr_expect(between >= 950 && between < 1700, "%s: %d ms", headers[i], (int)between);
        stop_all(rpc, &server, 1);
    }
}

Test(rpc, T6_a_malformed_retry_after_is_a_back_off)
{
    static const char *const headers[] = {"Retry-After: soon\r\n", "Retry-After: -5\r\n", "Retry-After:\r\n",
                                          "Retry-After: 99999999999999999999999\r\n", NULL};
    for (size_t i = 0; i < 5; i++) {
        struct fault_step step = {.status = 429, .headers = headers[i], .body = ""};
        struct faultserver *server = start(&step, 1);
        struct rpc_options options = quick_options;
        options.attempts_max = 2;
        options.backoff_first_ms = 100;
        struct rpc *rpc = open_pool(&server, 1, options);
        struct error err;
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
        uint64_t between = faultserver_request_ms(server, 1) - faultserver_request_ms(server, 0);
        cr_expect(between >= 45 && between < 500, "%d ms", (int)between);
        stop_all(rpc, &server, 1);
    }
}

Test(rpc, T6_a_rate_limit_moves_the_work_to_another_endpoint)
{
    static const struct fault_step step = {.status = 429, .headers = "Retry-After: 60\r\n", .body = ""};
    struct faultserver *servers[] = {always(&step), start(NULL, 0)};
    struct rpc_options options = quick_options;
    options.attempts_max = 2;
    options.retry_after_max_s = 0; /* the default, two minutes */
    struct rpc *rpc = open_pool(servers, 2, options);
    struct error err;
    uint64_t begun = clock_monotonic_ms();
    for (size_t i = 0; i < 8; i++)
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    cr_expect(clock_monotonic_ms() - begun < 1000);
    cr_expect_eq(faultserver_requests(servers[0]), 1u);
    stop_all(rpc, servers, 2);
}

Test(rpc, T6_rate_limits_lower_the_number_under_way)
{
    enum { COUNT = 32 };
    static struct fault_step steps[16];
    for (size_t i = 0; i < 16; i++)
        steps[i] = (struct fault_step){.status = 429, .body = ""};
    struct faultserver *server =
        faultserver_start(&(struct faultserver_options){.steps = steps, .step_count = 16, .delay_ms = 20});
    struct rpc_options options = quick_options;
    options.attempts_max = 8;
    options.backoff_first_ms = 30;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct rpc_call calls[COUNT];
    struct rpc_batch batches[COUNT], *done;
    struct error err = {0};
    memset(batches, 0, sizeof batches);
    for (size_t i = 0; i < COUNT; i++) {
        calls[i] = (struct rpc_call){.method = "eth_chainId", .params = "[]"};
        batches[i] = (struct rpc_batch){.calls = &calls[i], .call_count = 1, .endpoint = RPC_ANY};
        cr_assert_eq(rpc_submit(rpc, &batches[i], &err), TRACER_OK);
    }
    uint64_t wave = 0;
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
        cr_expect_eq(done->status, TRACER_OK, "%s", done->error.text);
        rpc_batch_release(done);
    }
    /* sixteen went out at once and were refused; after that at most eight at once */
    for (unsigned i = 16; i + 8 < 32; i++) {
        wave = faultserver_request_ms(server, i + 8) - faultserver_request_ms(server, i);
        cr_expect(wave >= 15, "requests %u and %u: %d ms", i, i + 8, (int)wave);
    }
    stop_all(rpc, &server, 1);
}

Test(rpc, T6_a_daily_limit_benches_the_endpoint)
{
    static const struct fault_step step = {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":-"
                                                   "32005,\"message\":\"daily request count exceeded\"}}"};
    struct faultserver *servers[] = {always(&step), start(NULL, 0)};
    struct rpc *rpc;
    struct error err;
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    rpc = open_pool(servers, 2, options);
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(faultserver_requests(servers[0]), 1u);
    rpc_close(rpc);
    rpc = open_pool(servers, 1, options);
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId", "daily request count exceeded");
    cr_expect_eq(ask(rpc, "eth_blockNumber", &err), TRACER_E_NETWORK); /* and it is not asked again */
    cr_expect_eq(faultserver_requests(servers[0]), 2u);
    stop_all(rpc, servers, 2);
}

Test(rpc, a_refused_key_stops_that_endpoint)
{
    static const struct fault_step step = {.status = 401, .body = "{\"message\":\"invalid api key\"}"};
    struct faultserver *server = always(&step);
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct error err;
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId", "HTTP status 401: \"{\"message\":\"invalid api key\"}\"");
    cr_expect_eq(err.http_status, 401);
    cr_expect_eq(faultserver_requests(server), 1u);
    stop_all(rpc, &server, 1);
}

Test(rpc, the_rate_of_an_endpoint_is_kept)
{
    struct faultserver *server = start(NULL, 0);
    struct rpc_endpoint endpoint = {.name = "alpha", .url = faultserver_url(server), .rate_per_second = 50};
    struct rpc_options options = quick_options;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    struct rpc *rpc;
    struct error err;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK);
    uint64_t begun = clock_monotonic_ms();
    for (size_t i = 0; i < 21; i++)
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    uint64_t took = clock_monotonic_ms() - begun;
    cr_expect(took >= 390 && took < 900, "%d ms", (int)took);
    stop_all(rpc, &server, 1);
}

Test(rpc, a_lagging_node_is_asked_again_or_another_is)
{
    static const struct fault_step twice[] = {{.body = later}, {.body = later}};
    static const struct fault_step step = {.body = later};
    struct faultserver *server = start(twice, 2), *servers[] = {always(&step), start(NULL, 0)};
    struct rpc_options options = quick_options;
    options.attempts_max = 3;
    struct error err;
    struct rpc *rpc = open_pool(&server, 1, options);
    cr_expect_eq(ask(rpc, "eth_getBlockByNumber", &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(faultserver_requests(server), 3u);
    stop_all(rpc, &server, 1);
    options.backoff_first_ms = 3000;
    rpc = open_pool(servers, 2, options);
    uint64_t begun = clock_monotonic_ms();
    cr_expect_eq(ask(rpc, "eth_getBlockByNumber", &err), TRACER_OK, "%s", err.text);
    cr_expect(clock_monotonic_ms() - begun < 900);
    rpc_close(rpc);
    options.backoff_first_ms = 1;
    rpc = open_pool(servers, 1, options); /* to the end: the call has the error, as something to ask later */
    cr_expect_eq(ask(rpc, "eth_getBlockByNumber", &err), TRACER_E_REPLY);
    expect_message(&err, "eth_getBlockByNumber", "error -32000: \"header not found\"");
    cr_expect(err.retryable && err.rpc_code == -32000);
    stop_all(rpc, servers, 2);
}

Test(rpc, R7_history_that_is_not_here_is_sought_elsewhere_and_not_twice)
{
    static const struct fault_step step = {.body = pruned};
    struct faultserver *servers[] = {always(&step), always(&step), start(NULL, 0)};
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    struct error err;
    struct rpc *rpc = open_pool(servers, 3, options);
    cr_expect_eq(ask(rpc, "eth_getBalance", &err), TRACER_OK, "%s", err.text);
    rpc_close(rpc);
    unsigned before = faultserver_requests(servers[0]) + faultserver_requests(servers[1]);
    rpc = open_pool(servers, 2, options);
    cr_expect_eq(ask(rpc, "eth_getBalance", &err), TRACER_E_UNAVAILABLE, "%s", err.text);
    cr_expect(strstr(err.text, "pruned history unavailable"), "%s", err.text);
    cr_expect_eq(faultserver_requests(servers[0]) + faultserver_requests(servers[1]) - before, 2u);
    stop_all(rpc, servers, 3);
}

Test(rpc, a_missing_method_is_remembered)
{
    static const struct fault_step step = {.body = no_method};
    struct faultserver *servers[] = {always(&step), start(NULL, 0)};
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    struct error err;
    struct rpc *rpc = open_pool(servers, 2, options);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(ask(rpc, "trace_block", &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(faultserver_requests(servers[0]), 1u);
    cr_expect_eq(faultserver_requests(servers[1]), 3u);
    struct buffer result;
    cr_expect_eq(rpc_call(rpc, 0, "trace_block", "[]", 0, &result, &err), TRACER_E_UNAVAILABLE); /* pinned */
    expect_message(&err, "trace_block", "error -32601: \"method not found\"");
    stop_all(rpc, servers, 2);
}

Test(rpc, our_own_mistake_is_not_repeated)
{
    static const struct fault_step step = {.body = bad_params};
    struct faultserver *servers[] = {always(&step), start(NULL, 0)};
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    struct error err;
    struct rpc *rpc = open_pool(servers, 2, options);
    cr_expect_eq(ask(rpc, "eth_getBalance", &err), TRACER_E_REPLY);
    cr_expect(!err.retryable);
    cr_expect_eq(faultserver_requests(servers[0]), 1u);
    cr_expect_eq(faultserver_requests(servers[1]), 0u);
    stop_all(rpc, servers, 2);
}

Test(rpc, T7_an_endpoint_that_sends_too_much_is_passed_over)
{
    static const struct fault_step step = {.bomb_bytes = 32u << 20};
    struct faultserver *servers[] = {always(&step), start(NULL, 0)};
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    struct error err;
    struct rpc *rpc = open_pool(servers, 2, options);
    cr_expect_eq(ask(rpc, "eth_getBalance", &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(faultserver_requests(servers[0]), 1u);
    stop_all(rpc, servers, 2);
}

Test(rpc, rejected_content_goes_to_another_endpoint_and_counts)
{
    struct faultserver *servers[] = {start(NULL, 0), start(NULL, 0)};
    struct rpc_options options = quick_options;
    options.attempts_max = 3;
    struct rpc *rpc = open_pool(servers, 2, options);
    struct rpc_call call = {.method = "eth_getBlockReceipts", .params = "[]"};
    struct rpc_batch batch = {.calls = &call, .call_count = 1, .endpoint = RPC_ANY}, *done;
    struct error err = {0}, why;
    size_t answered[3];
    error_set(&why, TRACER_E_REPLY, "receipts do not match");
    cr_assert_eq(rpc_submit(rpc, &batch, &err), TRACER_OK);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
        cr_assert_eq(batch.status, TRACER_OK);
        answered[i] = batch.answered_by;
        cr_expect_eq(rpc_reject(rpc, &batch, &why, &err), i < 2 ? TRACER_OK : TRACER_E_REPLY);
    }
    cr_expect(answered[0] != answered[1]);
    cr_expect_str_eq(err.text, "receipts do not match");
    cr_expect_eq(rpc_wait(rpc, &done, &err), TRACER_E_NOT_FOUND);
    rpc_batch_release(&batch);
    stop_all(rpc, servers, 2);
}

static volatile int stop_flag;

static void *raise_stop(void *context)
{
    usleep(100000);
    stop_flag = 1;
    return context;
}

Test(rpc, S13_a_stop_ends_a_wait_at_once)
{
    static const struct fault_step step = {.silent = true};
    struct faultserver *server = always(&step);
    struct rpc_options options = quick_options;
    options.total_timeout_ms = 60000;
    options.stop = &stop_flag;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct rpc_call call = {.method = "eth_chainId", .params = "[]"};
    struct rpc_batch batch = {.calls = &call, .call_count = 1, .endpoint = RPC_ANY}, *done;
    struct error err = {0};
    pthread_t thread;
    cr_assert_eq(rpc_submit(rpc, &batch, &err), TRACER_OK);
    pthread_create(&thread, NULL, raise_stop, NULL);
    uint64_t begun = clock_monotonic_ms();
    cr_expect_eq(rpc_wait(rpc, &done, &err), TRACER_E_STOPPED);
    cr_expect(clock_monotonic_ms() - begun < 100 + 200 + 100); /* the last for a busy machine */
    pthread_join(thread, NULL);
    rpc_batch_release(&batch); /* cancels it */
    stop_flag = 0;
    cr_expect_eq(rpc_wait(rpc, &done, &err), TRACER_E_NOT_FOUND);
    stop_all(rpc, &server, 1);
}

Test(rpc, batches_may_be_released_in_any_state)
{
    static const struct fault_step step = {.silent = true};
    struct faultserver *server = always(&step);
    struct rpc_options options = quick_options;
    options.in_flight_max = 2;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct rpc_call calls[5];
    struct rpc_batch batches[5];
    struct error err = {0};
    for (size_t i = 0; i < 5; i++) {
        calls[i] = (struct rpc_call){.method = "eth_chainId", .params = "[]"};
        batches[i] = (struct rpc_batch){.calls = &calls[i], .call_count = 1, .endpoint = RPC_ANY};
        if (i < 4)
            cr_assert_eq(rpc_submit(rpc, &batches[i], &err), TRACER_OK);
    }
    rpc_batch_release(&batches[0]); /* under way */
    rpc_batch_release(&batches[3]); /* waiting */
    rpc_batch_release(&batches[3]); /* twice */
    rpc_batch_release(&batches[4]); /* never submitted */
    rpc_close(rpc);
    cr_expect_eq(batches[1].status, TRACER_E_STOPPED);
    cr_expect_eq(batches[2].status, TRACER_E_STOPPED);
    rpc_batch_release(&batches[1]);
    rpc_batch_release(&batches[2]);
    faultserver_stop(server);
}

Test(rpc, reconnects_after_an_endpoint_came_back)
{
    static const struct fault_step steps[] = {
        {0}, {.reset = true, .cut = true, .cut_at = 10}, {.cut = true}, {0}};
    struct faultserver *server = start(steps, 4);
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct error err;
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    cr_expect(rpc_stats(rpc, 0).failures >= 1); /* libcurl repeats by itself what died on a kept connection */
    cr_expect_eq(faultserver_requests(server), 6u);
    stop_all(rpc, &server, 1);
}
