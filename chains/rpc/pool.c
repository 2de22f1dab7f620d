/* pool.c - rpc.h: opening and closing, the lists of batches, and the calls that drive them. */
#include "peer.h"
#include "pool.h"

#include <curl/curl.h>
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/clock.h"

#define WAIT_STEP_MS 100u /* the stop flag is looked at this often */
#define IN_FLIGHT_DEFAULT 16u
#if defined(TRACER_ARENA_MALLOC)
#define KEEPS_SPARES 0 /* so that a sanitizer sees every reply that is used after its release */
#else
#define KEEPS_SPARES 1
#endif

/* ---- lists ---- */

static void unlink_work(struct work *work)
{
    struct rpc *rpc = work->rpc;
    struct work_list *list = &rpc->lists[work->state];
    *(work->previous ? &work->previous->next : &list->first) = work->next;
    *(work->next ? &work->next->previous : &list->last) = work->previous;
    work->previous = work->next = NULL;
    rpc->queued_count -= work->state != WORK_RETURNED;
}

static void link_work(struct work *work, enum work_state state)
{
    struct rpc *rpc = work->rpc;
    struct work_list *list = &rpc->lists[state];
    work->state = state;
    work->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = work;
    list->last = work;
    rpc->queued_count += state != WORK_RETURNED;
}

void work_move(struct work *work, enum work_state state)
{
    unlink_work(work);
    link_work(work, state);
}

/* ---- memory of replies ---- */

void pool_take_body(struct rpc *rpc, struct buffer *body, size_t size_max)
{
    pool_give_body(rpc, body);
    if (rpc->spare_count)
        *body = rpc->spares[--rpc->spare_count];
    body->size_max = size_max;
}

void pool_give_body(struct rpc *rpc, struct buffer *body)
{
    if (KEEPS_SPARES && body->capacity && body->capacity <= POOL_SPARE_MAX &&
        rpc->spare_count < POOL_SPARES_MAX) {
        buffer_clear(body);
        rpc->spares[rpc->spare_count++] = *body;
        body->data = NULL;
    }
    buffer_release(body);
}

/* ---- opening ---- */

static enum tracer_status open_endpoints(struct rpc *rpc, const struct rpc_options *options,
                                         struct error *err)
{
    static const struct rpc_endpoint recording = {.name = "recording", .url = "https://recording.invalid/"};
    const struct rpc_endpoint *given = options->endpoints;
    size_t count = options->endpoint_count;
    if (count == 0 && rpc->replaying) {
        given = &recording;
        count = 1;
    }
    if (count == 0)
        return error_set(err, TRACER_E_USAGE, rpc->explorers ? "no explorer is given (--explorer)" : "no endpoint is given (--rpc)");
    if (count > TRACER_ENDPOINTS_MAX)
        return error_set(err, TRACER_E_LIMIT, "%zu endpoints are given; at most %d", count,
                         TRACER_ENDPOINTS_MAX);
    rpc->endpoints = calloc(count, sizeof *rpc->endpoints);
    if (!rpc->endpoints)
        return error_set(err, TRACER_E_NOMEM, "no memory for endpoints");
    for (; rpc->endpoint_count < count; rpc->endpoint_count++) {
        enum tracer_status status =
            endpoint_init(&rpc->endpoints[rpc->endpoint_count], &given[rpc->endpoint_count],
                          options->allow_local, rpc->in_flight_max, err);
        if (status)
            return status;
    }
    return TRACER_OK;
}

static uint32_t or_default(uint32_t value, uint32_t instead)
{
    return value ? value : instead;
}

static enum tracer_status open_transport(struct rpc *rpc, const struct rpc_options *options,
                                         struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (options->record || options->replay)
        status = exchange_open(rpc->replaying ? options->replay : options->record, !rpc->replaying,
                               &rpc->exchange, err);
    if (status || rpc->replaying)
        return status;
    struct http_options http = {
        .allow_local = options->allow_local,
        .ca_file = options->ca_file,
        .in_flight_max = rpc->in_flight_max,
        .connect_timeout_ms = or_default(options->connect_timeout_ms, TRACER_CONNECT_TIMEOUT_MS),
        .total_timeout_ms = or_default(options->total_timeout_ms, TRACER_TOTAL_TIMEOUT_MS),
        .slow_seconds = or_default(options->slow_seconds, TRACER_SLOW_SECONDS),
    };
    return http_open(&http, &rpc->http, err);
}

enum tracer_status rpc_open(const struct rpc_options *options, struct rpc **ret_rpc, struct error *err)
{
    if (options->record && options->replay)
        return error_set(err, TRACER_E_USAGE, "recording and replaying exclude each other");
    struct rpc *rpc = calloc(1, sizeof *rpc);
    if (!rpc)
        return error_set(err, TRACER_E_NOMEM, "no memory for endpoints");
    rpc->replaying = options->replay != NULL;
    rpc->explorers = options->explorers;
    rpc->in_flight_max = or_default(options->in_flight_max, IN_FLIGHT_DEFAULT);
    if (rpc->in_flight_max > TRACER_IN_FLIGHT_MAX)
        rpc->in_flight_max = TRACER_IN_FLIGHT_MAX;
    rpc->attempts_max = or_default(options->attempts_max, TRACER_ATTEMPTS_MAX);
    rpc->retry_after_max_s = or_default(options->retry_after_max_s, TRACER_RETRY_AFTER_MAX_S);
    rpc->backoff.first_ms = or_default(options->backoff_first_ms, TRACER_BACKOFF_FIRST_MS);
    rpc->backoff.state =
        options->jitter_seed ? options->jitter_seed : clock_monotonic_ns() ^ (uint64_t)getpid() << 32;
    rpc->stop = options->stop;
    rpc->next_id = 1;
    enum tracer_status status = open_endpoints(rpc, options, err);
    if (!status)
        status = open_transport(rpc, options, err);
    if (status) {
        rpc_close(rpc);
        return status;
    }
    *ret_rpc = rpc;
    return TRACER_OK;
}

/* The caller keeps its batch; one that was under way learns that nothing comes any more. */
static void abandon(struct work *work)
{
    struct rpc_batch *batch = work->batch;
    attempt_cancel(work);
    if (work->state != WORK_RETURNED)
        batch->status = error_set(&batch->error, TRACER_E_STOPPED, "the endpoints were closed");
    unlink_work(work);
    work->rpc = NULL;
}

void rpc_close(struct rpc *rpc)
{
    if (!rpc)
        return;
    for (int state = 0; state < WORK_STATE_COUNT; state++)
        while (rpc->lists[state].first)
            abandon(rpc->lists[state].first);
    http_close(rpc->http);
    exchange_close(rpc->exchange);
    for (size_t i = 0; i < rpc->endpoint_count; i++)
        endpoint_release(&rpc->endpoints[i]);
    while (rpc->spare_count)
        buffer_release(&rpc->spares[--rpc->spare_count]);
    free(rpc->endpoints);
    free(rpc);
}

size_t rpc_endpoint_count(const struct rpc *rpc)
{
    return rpc->endpoint_count;
}

const char *rpc_endpoint_name(const struct rpc *rpc, size_t endpoint)
{
    assert(endpoint < rpc->endpoint_count);
    return rpc->endpoints[endpoint].name;
}

bool rpc_same_operator(const struct rpc *rpc, size_t endpoint, size_t other)
{
    assert(endpoint < rpc->endpoint_count && other < rpc->endpoint_count);
    return peer_same_operator(rpc->endpoints[endpoint].url, rpc->endpoints[other].url);
}

struct digest rpc_endpoint_key(const struct rpc *rpc, size_t endpoint, const uint8_t *salt, size_t salt_size)
{
    assert(endpoint < rpc->endpoint_count);
    return endpoint_key(&rpc->endpoints[endpoint], salt, salt_size);
}

struct rpc_pace rpc_pace(const struct rpc *rpc, size_t endpoint)
{
    assert(endpoint < rpc->endpoint_count);
    return endpoint_pace(&rpc->endpoints[endpoint]);
}

void rpc_set_pace(struct rpc *rpc, size_t endpoint, struct rpc_pace pace)
{
    assert(endpoint < rpc->endpoint_count);
    endpoint_set_pace(&rpc->endpoints[endpoint], pace);
}

/* ---- the public calls ---- */

/* Put a batch into the queue, as a new question. */
static enum tracer_status enqueue(struct work *work, struct error *err)
{
    struct rpc *rpc = work->rpc;
    if (rpc->exchange) {
        enum tracer_status status = exchange_key(rpc->exchange, work->batch, &work->key, err);
        if (status)
            return status;
    }
    memset(&work->batch->error, 0, sizeof work->batch->error);
    work->batch->status = TRACER_OK;
    buffer_init(&work->request, POOL_REQUEST_MAX);
    work_move(work, WORK_WAITING);
    if (!rpc->replaying)
        dispatch_waiting(rpc);
    return TRACER_OK;
}

enum tracer_status rpc_submit(struct rpc *rpc, struct rpc_batch *batch, struct error *err)
{
    assert(batch->call_count >= 1 && batch->call_count <= (rpc->explorers ? 1u : TRACER_BATCH_CALLS_MAX));
    assert(!rpc->explorers || batch->endpoint != RPC_ANY); /* a question has the key of whom it is for */
    assert(batch->endpoint == RPC_ANY || batch->endpoint < rpc->endpoint_count);
    if (rpc->queued_count >= POOL_QUEUE_MAX)
        return error_set(err, TRACER_E_LIMIT, "more than %u requests are waiting", POOL_QUEUE_MAX);
    struct work *work = calloc(1, sizeof *work);
    if (!work)
        return error_set(err, TRACER_E_NOMEM, "no memory for a request");
    work->rpc = rpc;
    work->batch = batch;
    work->http = &work->flights[0].http;
    link_work(work, WORK_RETURNED); /* until it is queued */
    buffer_init(&batch->body, 0);
    batch->internal = work;
    enum tracer_status status = enqueue(work, err);
    if (status)
        rpc_batch_release(batch);
    return status;
}

void rpc_batch_release(struct rpc_batch *batch)
{
    struct work *work = batch->internal;
    if (!work)
        return;
    if (work->rpc) {
        attempt_cancel(work);
        unlink_work(work);
        pool_give_body(work->rpc, &batch->body);
    }
    buffer_release(&work->request);
    buffer_release(&batch->body);
    free(work);
    batch->internal = NULL;
}

/* Take in everything that ended, waiting for the first up to wait_ms. */
static void collect(struct rpc *rpc, uint32_t wait_ms)
{
    struct http_request *request = http_next(rpc->http, wait_ms);
    while (request) {
        attempt_settle((struct flight *)(void *)((char *)request - offsetof(struct flight, http)));
        request = http_next(rpc->http, 0);
    }
}

enum tracer_status rpc_wait(struct rpc *rpc, struct rpc_batch **ret_batch, struct error *err)
{
    for (;;) {
        if (rpc->stop && *rpc->stop)
            return error_set(err, TRACER_E_STOPPED, "stopped");
        if (rpc->replaying && rpc->lists[WORK_WAITING].first)
            attempt_replay(rpc->lists[WORK_WAITING].first);
        struct work *done = rpc->lists[WORK_DONE].first;
        if (done) {
            work_move(done, WORK_RETURNED);
            *ret_batch = done->batch;
            return TRACER_OK;
        }
        if (rpc->queued_count == 0)
            return error_set(err, TRACER_E_NOT_FOUND, "nothing is under way");
        uint64_t ready_ms = dispatch_waiting(rpc), now_ms = clock_monotonic_ms();
        uint64_t wait_ms = ready_ms <= now_ms ? 1 : ready_ms - now_ms;
        collect(rpc, rpc->lists[WORK_DONE].first ? 0
                     : wait_ms < WAIT_STEP_MS    ? (uint32_t)wait_ms
                                                 : WAIT_STEP_MS);
        dispatch_waiting(rpc); /* before the caller works on what came */
    }
}

enum tracer_status rpc_reject(struct rpc *rpc, struct rpc_batch *batch, const struct error *why,
                              struct error *err)
{
    struct work *work = batch->internal;
    assert(work && work->rpc == rpc && work->state == WORK_RETURNED);
    struct endpoint *endpoint = &rpc->endpoints[work->endpoint];
    endpoint_failed(endpoint, 0);
    attempt_avoid(work);
    if (work->attempts < rpc->attempts_max)
        return enqueue(work, err);
    if (err) {
        *err = *why;
        err->status = TRACER_E_REPLY;
        snprintf(err->endpoint, sizeof err->endpoint, "%s", endpoint->name);
    }
    return TRACER_E_REPLY;
}

enum tracer_status rpc_call(struct rpc *rpc, size_t endpoint, const char *method, const char *params,
                            size_t reply_max, struct buffer *ret_result, struct error *err)
{
    assert(rpc->queued_count == 0);
    struct rpc_call call = {.method = method, .params = params};
    struct rpc_batch batch = {.calls = &call, .call_count = 1, .endpoint = endpoint, .reply_max = reply_max},
                     *done;
    enum tracer_status status = rpc_submit(rpc, &batch, err);
    if (status)
        return status;
    status = rpc_wait(rpc, &done, err);
    if (!status) {
        const struct error *said = batch.status ? &batch.error : &call.error;
        status = batch.status ? batch.status : call.status;
        if (status && err)
            *err = *said;
    }
    if (!status) {
        buffer_init(ret_result, call.result_length);
        if (!buffer_add(ret_result, call.result, call.result_length)) {
            buffer_release(ret_result);
            status = error_set(err, TRACER_E_NOMEM, "no memory for a reply");
        }
    }
    rpc_batch_release(&batch);
    return status;
}

struct rpc_stats rpc_stats(const struct rpc *rpc, size_t endpoint)
{
    struct rpc_stats sum = {0};
    for (size_t i = 0; i < rpc->endpoint_count; i++) {
        const struct rpc_stats *one = &rpc->endpoints[i].stats;
        if (endpoint != RPC_ANY && endpoint != i)
            continue;
        sum.requests += one->requests;
        sum.calls += one->calls;
        sum.retries += one->retries;
        sum.failures += one->failures;
        sum.hedges += one->hedges;
        sum.hedge_calls += one->hedge_calls;
        sum.hedges_won += one->hedges_won;
        sum.bytes_received += one->bytes_received;
        sum.wait_ns += one->wait_ns;
    }
    return sum;
}

uint64_t rpc_calls(const struct rpc *rpc)
{
    struct rpc_stats sum = rpc_stats(rpc, RPC_ANY);
    return sum.calls - sum.hedge_calls;
}

uint32_t rpc_places(const struct rpc *rpc)
{
    return rpc->queued_count >= rpc->in_flight_max || rpc_stats(rpc, RPC_ANY).retries ? 0 : rpc->in_flight_max - rpc->queued_count;
}

const char *rpc_library(void)
{
    return http_library();
}
