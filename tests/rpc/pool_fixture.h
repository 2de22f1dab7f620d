/* pool_fixture.h - pools over fault servers, with short waits, for the tests of chains/rpc. */
#ifndef TRACER_TESTS_RPC_POOL_FIXTURE_H
#define TRACER_TESTS_RPC_POOL_FIXTURE_H

#include <criterion/criterion.h>

#include <string.h>

#include "support/faultserver.h"
#include "tracer/clock.h"
#include "tracer/rpc.h"

/* Quick to fail; a test sets what it is about. */
static const struct rpc_options quick_options = {
    .allow_local = true,
    .attempts_max = 1,
    .connect_timeout_ms = 1000,
    .total_timeout_ms = 3000,
    .slow_seconds = 2,
    .backoff_first_ms = 5,
    .retry_after_max_s = 1,
    .jitter_seed = 42,
};

static const char *const endpoint_names[] = {"alpha", "beta", "gamma", "delta"};

__attribute__((unused)) static struct rpc *open_pool(struct faultserver *const *servers, size_t count,
                                                     struct rpc_options options)
{
    struct rpc_endpoint endpoints[4];
    struct rpc *rpc = NULL;
    struct error err = {0};
    memset(endpoints, 0, sizeof endpoints);
    for (size_t i = 0; i < count; i++) {
        strcpy(endpoints[i].name, endpoint_names[i]);
        endpoints[i].url = faultserver_url(servers[i]);
    }
    options.endpoints = endpoints;
    options.endpoint_count = count;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
    return rpc;
}

__attribute__((unused)) static struct faultserver *start(const struct fault_step *steps, size_t count)
{
    return faultserver_start(&(struct faultserver_options){.steps = steps, .step_count = count});
}

/* One call with two parameters, which the server answers by repeating them. */
__attribute__((unused)) static enum tracer_status ask(struct rpc *rpc, const char *method, struct error *err)
{
    struct buffer result;
    memset(err, 0, sizeof *err);
    enum tracer_status status = rpc_call(rpc, RPC_ANY, method, "[\"0x1\",true]", 0, &result, err);
    if (status) {
        cr_expect_eq(err->status, status);
        cr_expect(strlen(err->text) > 0);
        return status;
    }
    cr_expect_eq(result.size, 12u);
    cr_expect_arr_eq(result.data, "[\"0x1\",true]", 12);
    buffer_release(&result);
    return TRACER_OK;
}

/* The text names endpoint, method and cause, and says nothing of the URL. */
__attribute__((unused)) static void expect_message(const struct error *err, const char *method,
                                                   const char *cause)
{
    cr_expect(strstr(err->text, "endpoint \"alpha\""), "%s", err->text);
    cr_expect(strstr(err->text, method), "%s", err->text);
    cr_expect(strstr(err->text, cause), "wanted \"%s\" in: %s", cause, err->text);
    cr_expect(!strstr(err->text, "127.0.0.1") && !strstr(err->text, "http://"), "%s", err->text);
    cr_expect_str_eq(err->endpoint, "alpha");
}

#endif
