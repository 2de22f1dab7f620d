/* test_hedge.c - a reply that is late is asked for at a second endpoint, and what that may not do. */
#include "pool_fixture.h"

#include <stdio.h>

#define LEARNED 40u /* quick replies that tell what is late */
#define SLOW_MS 1500u

/* Questions named "slow" get a step of their own; all others are answered at once. */
static struct fault_step choose(void *context, const char *body, size_t size)
{
    const struct fault_step *slow = context;
    return memmem(body, size, "slow", 4) ? *slow : (struct fault_step){0};
}

static struct faultserver *server_for(const struct fault_step *slow)
{
    return faultserver_start(&(struct faultserver_options){.choose = choose, .context = (void *)(uintptr_t)slow});
}

/* One question after the other goes to the first endpoint. */
static void learn(struct rpc *rpc, unsigned count)
{
    struct error err;
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(ask(rpc, "quick", &err), TRACER_OK, "%s", err.text);
}

struct question {
    struct rpc_call call;
    struct rpc_batch batch;
};

static void submit(struct rpc *rpc, struct question *question, size_t endpoint)
{
    struct error err = {0};
    *question = (struct question){.call = {.method = "slow", .params = "[1]"}};
    question->batch = (struct rpc_batch){.calls = &question->call, .call_count = 1, .endpoint = endpoint};
    cr_assert_eq(rpc_submit(rpc, &question->batch, &err), TRACER_OK, "%s", err.text);
}

static uint64_t wait_for(struct rpc *rpc, size_t count)
{
    struct rpc_batch *done;
    struct error err = {0};
    uint64_t begun = clock_monotonic_ms();
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK, "%s", err.text);
    return clock_monotonic_ms() - begun;
}

static void expect_answer(const struct question *question, size_t endpoint)
{
    cr_expect_eq(question->batch.status, TRACER_OK, "%s", question->batch.error.text);
    cr_expect_eq(question->call.status, TRACER_OK, "%s", question->call.error.text);
    cr_expect_eq(question->batch.answered_by, endpoint);
    cr_expect(question->call.result_length == 3 && memcmp(question->call.result, "[1]", 3) == 0);
}

struct pair {
    struct faultserver *servers[2];
    struct rpc *rpc;
};

static struct pair pair_of(const struct fault_step *alpha, const struct fault_step *beta)
{
    struct pair pair = {.servers = {server_for(alpha), server_for(beta)}};
    struct rpc_options options = quick_options;
    options.attempts_max = 3;
    pair.rpc = open_pool(pair.servers, 2, options);
    learn(pair.rpc, LEARNED);
    cr_assert_eq(rpc_stats(pair.rpc, 0).requests, (uint64_t)LEARNED);
    return pair;
}

static void end(struct pair *pair)
{
    rpc_close(pair->rpc);
    for (size_t i = 0; i < 2; i++)
        faultserver_stop(pair->servers[i]);
}

static const struct fault_step slow = {.delay_ms = SLOW_MS}, good = {0};

Test(hedge, a_late_reply_is_asked_for_elsewhere_and_the_first_answer_counts)
{
    struct pair pair = pair_of(&slow, &good);
    struct question question;
    struct error err;
    submit(pair.rpc, &question, RPC_ANY);
    uint64_t took = wait_for(pair.rpc, 1);
    cr_expect(took >= TRACER_HEDGE_FLOOR_MS - 20 && took < SLOW_MS - 300, "%d ms", (int)took);
    expect_answer(&question, 1);
    struct rpc_stats beta = rpc_stats(pair.rpc, 1), both = rpc_stats(pair.rpc, RPC_ANY);
    cr_expect(beta.requests == 1 && beta.calls == 1 && beta.hedges == 1 && beta.hedge_calls == 1 && beta.hedges_won == 1);
    cr_expect(both.requests == LEARNED + 2 && both.retries == 0 && both.failures == 0); /* nothing failed */
    /* who is rejected is who answered */
    cr_expect_eq(rpc_reject(pair.rpc, &question.batch, &(struct error){.text = "wrong"}, &err), TRACER_OK);
    cr_expect(rpc_stats(pair.rpc, 1).failures == 1 && rpc_stats(pair.rpc, 0).failures == 0);
    wait_for(pair.rpc, 1);
    expect_answer(&question, 0);
    rpc_batch_release(&question.batch);
    end(&pair);
}

Test(hedge, who_is_asked_alone_answers_alone)
{
    static const struct fault_step late = {.delay_ms = 600};
    struct pair pair = pair_of(&late, &good);
    struct question question;
    submit(pair.rpc, &question, 0); /* pinned: endpoints are compared */
    cr_expect_geq(wait_for(pair.rpc, 1), 550u);
    expect_answer(&question, 0);
    rpc_batch_release(&question.batch);
    cr_expect(rpc_stats(pair.rpc, RPC_ANY).hedges == 0 && faultserver_requests(pair.servers[1]) == 0);
    end(&pair);
}

Test(hedge, one_endpoint_is_asked_once)
{
    static const struct fault_step late = {.delay_ms = 600};
    struct faultserver *server = server_for(&late);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct question question;
    learn(rpc, LEARNED);
    submit(rpc, &question, RPC_ANY);
    cr_expect_geq(wait_for(rpc, 1), 550u);
    expect_answer(&question, 0);
    rpc_batch_release(&question.batch);
    cr_expect(rpc_stats(rpc, RPC_ANY).hedges == 0 && faultserver_requests(server) == LEARNED + 1);
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(hedge, only_a_small_share_is_asked_twice)
{
    enum { COUNT = 12 };
    static const struct fault_step late = {.delay_ms = 900};
    struct pair pair = pair_of(&late, &late); /* wherever they go they are late */
    struct question questions[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        submit(pair.rpc, &questions[i], RPC_ANY);
    wait_for(pair.rpc, COUNT);
    struct rpc_stats both = rpc_stats(pair.rpc, RPC_ANY);
    cr_expect_eq(both.hedges, (LEARNED + COUNT) / TRACER_HEDGE_SHARE);
    cr_expect_eq(both.requests, LEARNED + COUNT + both.hedges);
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect_eq(questions[i].call.status, TRACER_OK);
        rpc_batch_release(&questions[i].batch);
    }
    end(&pair);
}

Test(hedge, before_enough_requests_none_is_asked_twice)
{
    static const struct fault_step late = {.delay_ms = 600};
    struct faultserver *servers[] = {server_for(&late), server_for(&good)};
    struct rpc *rpc = open_pool(servers, 2, quick_options);
    struct question question;
    learn(rpc, TRACER_HEDGE_SHARE - 2);
    submit(rpc, &question, RPC_ANY);
    wait_for(rpc, 1);
    cr_expect_eq(rpc_stats(rpc, RPC_ANY).hedges, 0u);
    rpc_batch_release(&question.batch);
    rpc_close(rpc);
    for (size_t i = 0; i < 2; i++)
        faultserver_stop(servers[i]);
}

Test(hedge, an_endpoint_that_is_at_its_limit_is_left_alone)
{
    static const struct fault_step late = {.delay_ms = 700};
    struct faultserver *servers[] = {server_for(&late), server_for(&late)};
    struct rpc_endpoint endpoints[] = {{.name = "alpha", .url = faultserver_url(servers[0])},
                                       {.name = "beta", .url = faultserver_url(servers[1]), .rate_per_second = 1}};
    struct rpc_options options = quick_options;
    struct rpc *rpc;
    struct question pinned, question;
    struct error err = {0};
    options.endpoints = endpoints;
    options.endpoint_count = 2;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
    learn(rpc, LEARNED);
    submit(rpc, &pinned, 1); /* uses up beta's second */
    submit(rpc, &question, RPC_ANY);
    wait_for(rpc, 2);
    expect_answer(&question, 0);
    cr_expect_eq(rpc_stats(rpc, RPC_ANY).hedges, 0u);
    rpc_batch_release(&pinned.batch);
    rpc_batch_release(&question.batch);
    rpc_close(rpc);
    for (size_t i = 0; i < 2; i++)
        faultserver_stop(servers[i]);
}

Test(hedge, an_error_of_the_second_does_not_win)
{
    static const struct fault_step late = {.delay_ms = 600};
    static const struct fault_step bad[] = {
        {.status = 500},
        {.status = 429, .headers = "Retry-After: 1\r\n"},
        {.cut = true, .cut_at = 20},
        {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":-32601,\"message\":\"method not found\"}}"},
        {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":3,\"message\":\"execution reverted\"}}"},
        {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":4444,\"message\":\"pruned history unavailable\"}}"},
        {.body = "[]"},
        {.body = "nonsense"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pair pair = pair_of(&late, &bad[i]);
        struct question question;
        submit(pair.rpc, &question, RPC_ANY);
        wait_for(pair.rpc, 1);
        expect_answer(&question, 0);
        cr_expect(rpc_stats(pair.rpc, 1).hedges == 1 && rpc_stats(pair.rpc, 1).hedges_won == 0, "%zu", i);
        cr_expect_eq(rpc_stats(pair.rpc, 0).retries, 0u);
        rpc_batch_release(&question.batch);
        end(&pair);
    }
}

Test(hedge, a_first_that_fails_leaves_the_answer_to_the_second)
{
    static const struct fault_step fails = {.delay_ms = 350, .status = 503}, later = {.delay_ms = 400};
    struct pair pair = pair_of(&fails, &later);
    struct question question;
    submit(pair.rpc, &question, RPC_ANY);
    wait_for(pair.rpc, 1);
    expect_answer(&question, 1);
    cr_expect(rpc_stats(pair.rpc, 0).failures == 1 && rpc_stats(pair.rpc, RPC_ANY).retries == 0);
    cr_expect_eq(rpc_stats(pair.rpc, 1).hedges_won, 0u); /* the other had failed already */
    rpc_batch_release(&question.batch);
    end(&pair);
}

Test(hedge, both_fail_and_it_is_asked_again)
{
    static const struct fault_step fails = {.delay_ms = 350, .status = 503};
    struct pair pair = pair_of(&fails, &fails);
    struct question question;
    submit(pair.rpc, &question, RPC_ANY);
    wait_for(pair.rpc, 1);
    cr_expect_neq(question.batch.status, TRACER_OK);
    cr_expect(strstr(question.batch.error.text, "gave up after 3 attempts"), "%s", question.batch.error.text);
    rpc_batch_release(&question.batch);
    end(&pair);
}

Test(hedge, both_are_cancelled_together)
{
    for (int closed = 0; closed < 2; closed++) {
        struct pair pair = pair_of(&slow, &slow);
        struct question question;
        struct rpc_batch *done;
        struct error err = {0};
        submit(pair.rpc, &question, RPC_ANY);
        uint64_t begun = clock_monotonic_ms();
        /* a second question, pinned to beta and quick, keeps the pool driven until the first is late */
        while (clock_monotonic_ms() - begun < 400) {
            struct rpc_call call = {.method = "quick", .params = "[2]"};
            struct rpc_batch batch = {.calls = &call, .call_count = 1, .endpoint = 1};
            cr_assert_eq(rpc_submit(pair.rpc, &batch, &err), TRACER_OK);
            cr_assert_eq(rpc_wait(pair.rpc, &done, &err), TRACER_OK);
            cr_assert_eq(done, &batch);
            rpc_batch_release(&batch);
        }
        cr_expect_eq(rpc_stats(pair.rpc, 1).hedges, 1u);
        if (!closed) {
            rpc_batch_release(&question.batch);
            cr_expect_eq(rpc_wait(pair.rpc, &done, &err), TRACER_E_NOT_FOUND);
        }
        end(&pair);
        rpc_batch_release(&question.batch);
    }
}
