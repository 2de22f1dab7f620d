/* attempt.c - what an attempt came to: judge the reply, then hand it out, ask again or elsewhere, or give up.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explorer.h"
#include "jsonrpc.h"
#include "pool.h"
#include "tracer/clock.h"

/* ---- ends of a batch ---- */

static void land(struct flight *flight, uint64_t elapsed_ms)
{
    struct rpc *rpc = flight->work->rpc;
    struct endpoint *endpoint = &rpc->endpoints[flight->endpoint];
    flight->under_way = false;
    rpc->flight_count--;
    endpoint->active--;
    endpoint_took(endpoint, endpoint_weight(flight->work->batch), elapsed_ms);
}

void attempt_cancel(struct work *work)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        struct flight *flight = &work->flights[i];
        if (!flight->under_way)
            continue;
        http_cancel(work->rpc->http, &flight->http);
        land(flight, clock_monotonic_ms() - flight->sent_ms);
        pool_give_body(work->rpc, &flight->body);
    }
}

/* Whether the other request may still bring an answer. */
static bool is_under_way(const struct work *work)
{
    return work->flights[0].under_way || work->flights[1].under_way;
}

static void finish(struct work *work, enum tracer_status status)
{
    attempt_cancel(work);
    work->batch->status = status;
    work->batch->answered_by = work->endpoint;
    if (status == TRACER_OK)
        memset(&work->batch->error, 0, sizeof work->batch->error); /* of earlier attempts */
    buffer_release(&work->request);
    work_move(work, WORK_DONE);
}

void attempt_fail(struct work *work, const struct error *err)
{
    struct rpc_batch *batch = work->batch;
    batch->error = *err;
    for (size_t i = 0; i < batch->call_count; i++) {
        batch->calls[i].status = err->status;
        batch->calls[i].error = *err;
        batch->calls[i].result = NULL;
        batch->calls[i].result_length = 0;
    }
    finish(work, err->status);
}

/* Every attempt is used up, or no endpoint is left. */
void attempt_give_up(struct work *work, const struct error *err)
{
    struct error last = *err;
    if (is_under_way(work))
        return;
    size_t length = strlen(last.text);
    if (work->attempts > 1)
        snprintf(last.text + length, sizeof last.text - length, " (gave up after %" PRIu32 " attempts)",
                 work->attempts);
    attempt_fail(work, &last);
}

/* Keep what the caller is given, when a recording is made. */
static bool record(struct work *work, struct error *err)
{
    struct rpc *rpc = work->rpc;
    if (!rpc->exchange || rpc->replaying)
        return true;
    struct exchange_reply reply = {.http_status = work->http->http_status, .first_id = work->first_id};
    const struct endpoint *endpoint = &rpc->endpoints[work->endpoint];
    snprintf(reply.endpoint, sizeof reply.endpoint, "%s", endpoint->name);
    reply.reply =
        (struct json_span){work->batch->body.size ? work->batch->body.data : "", work->batch->body.size};
    return exchange_write(rpc->exchange, &work->key, work->batch, &reply, &endpoint->secrets, err) ==
           TRACER_OK;
}

/* The endpoint's answer is final: calls with results and errors, or (whole) one error for all. */
static void deliver(struct work *work, bool whole, const struct error *err)
{
    struct error io;
    if ((whole || err->status) && is_under_way(work))
        return;
    if (!record(work, &io))
        attempt_fail(work, &io);
    else if (whole)
        attempt_fail(work, err);
    else
        finish(work, TRACER_OK);
}

/* ---- judging an attempt ---- */

/* The text of a reply that is no JSON-RPC answer under a bad HTTP status. */
static enum answer_class judge_http_status(const struct work *work, const struct answerer *answerer,
                                           struct error *err)
{
    const struct rpc_batch *batch = work->batch;
    char quote[QUOTE_SIZE];
    struct json_span text = {batch->body.size ? batch->body.data : "", batch->body.size};
    enum answer_class class = classify_error(answerer->http_status, 0, batch->calls[0].method, text);
    bool page = text.length == 0 || *text.text == '<';
    if (answerer->http_status == 403 && page)
        class = ANSWER_LATER; /* a proxy's page says nothing about methods */
    enum tracer_status status = class == ANSWER_LATER ? TRACER_E_NETWORK : classify_status(class);
    const char *note =
        answerer->http_status >= 300 && answerer->http_status < 400 ? " (redirects are not followed)" : "";
    secrets_quote(answerer->secrets, quote, text.text, text.length);
    jsonrpc_error(err, answerer, status, batch->calls[0].method, batch->call_count, "HTTP status %d%s%s%s%s",
                  answerer->http_status, note, *quote ? ": \"" : "", quote, *quote ? "\"" : "");
    err->retryable = class >= ANSWER_NO_HISTORY;
    return class;
}

/* What came back over HTTP, whole. */
static enum answer_class judge_reply(struct work *work, struct json_span reply, uint64_t first_id,
                                     const struct answerer *answerer, bool *ret_whole, struct error *err)
{
    struct rpc_batch *batch = work->batch;
    bool good_status = answerer->http_status >= 200 && answerer->http_status < 300;
    if (good_status && work->http->other_type) {
        char quote[QUOTE_SIZE];
        *ret_whole = true;
        secrets_quote(answerer->secrets, quote, reply.text, reply.length);
        jsonrpc_error(err, answerer, TRACER_E_REPLY, batch->calls[0].method, batch->call_count,
                      "the content type is not JSON: \"%s\"", quote);
        err->retryable = true;
        return ANSWER_MALFORMED;
    }
    enum answer_class class = work->rpc->explorers ? explorer_read(batch, reply, answerer, ret_whole, err)
                                                   : jsonrpc_read(batch, reply, first_id, answerer, ret_whole, err);
    if (good_status || (class != ANSWER_GOOD && class < ANSWER_MALFORMED))
        return class;
    *ret_whole = true;
    return judge_http_status(work, answerer, err);
}

/* Once more, unless the attempts are used up. `whole` false: then the calls are handed out as they are. */
static void again(struct work *work, bool whole, const struct error *err)
{
    work->batch->error = *err; /* should no endpoint be left */
    if (is_under_way(work))
        return;
    if (work->attempts >= work->rpc->attempts_max && !whole)
        deliver(work, false, err);
    else if (work->attempts >= work->rpc->attempts_max)
        attempt_give_up(work, err);
    else
        work_move(work, WORK_WAITING);
}

/* The endpoint cannot have it: ask another, else hand out what was said. */
static void elsewhere(struct work *work, bool whole, const struct error *err)
{
    bool other = dispatch_has_other(work);
    work->excluded |= UINT32_C(1) << work->endpoint;
    if (other)
        again(work, whole, err);
    else
        deliver(work, whole, err);
}

void attempt_avoid(struct work *work)
{
    work->avoid |= UINT32_C(1) << work->endpoint;
    work->again_ms = clock_monotonic_ms() + backoff_ms(&work->rpc->backoff, work->attempts);
}

/* The pause that a rate limit asks for. */
static uint64_t rate_pause_ms(struct work *work)
{
    uint32_t seconds = work->http->retry_after_s;
    if (seconds > work->rpc->retry_after_max_s)
        seconds = work->rpc->retry_after_max_s;
    struct endpoint *endpoint = &work->rpc->endpoints[work->endpoint];
    if (seconds > endpoint->retry_after_s)
        endpoint->retry_after_s = seconds;
    return seconds ? seconds * UINT64_C(1000) : backoff_ms(&work->rpc->backoff, work->attempts);
}

/* The first error among the calls, to speak for the batch. */
static void first_error(const struct rpc_batch *batch, enum tracer_status status, struct error *ret_err)
{
    for (size_t i = batch->call_count; i-- > 0;)
        if (batch->calls[i].status && (batch->calls[i].status == status || !ret_err->status))
            *ret_err = batch->calls[i].error;
}

/* Decide what happens to a batch whose reply was read. */
static void act(struct work *work, enum answer_class class, bool whole, const struct error *err)
{
    struct endpoint *endpoint = &work->rpc->endpoints[work->endpoint];
    switch (class) {
    case ANSWER_GOOD:
    case ANSWER_REFUSED:
    case ANSWER_LESS:
        endpoint_succeeded(endpoint);
        deliver(work, whole, err);
        return;
    case ANSWER_NO_METHOD:
        if (work->batch->call_count == 1)
            endpoint_learn_missing(endpoint, work->batch->calls[0].method);
        endpoint_succeeded(endpoint);
        elsewhere(work, whole, err);
        return;
    case ANSWER_NO_HISTORY:
        endpoint_succeeded(endpoint);
        elsewhere(work, whole, err);
        return;
    case ANSWER_RATE:
        endpoint_slow_down(endpoint, rate_pause_ms(work));
        again(work, whole, err);
        return;
    case ANSWER_BENCH:
    case ANSWER_CONFIG:
        endpoint_give_up(endpoint, err);
        elsewhere(work, whole, err);
        return;
    case ANSWER_LATER:
        if (whole && work->http->http_status >= 500 && work->http->retry_after_s)
            endpoint_slow_down(endpoint, rate_pause_ms(work));
        else
            endpoint_failed(endpoint, whole && work->http->http_status >= 500 ? rate_pause_ms(work) : 0);
        attempt_avoid(work);
        again(work, whole, err);
        return;
    case ANSWER_MALFORMED:
    case ANSWER_FOREIGN:
        http_distrust(work->http);
        endpoint_failed(endpoint, 0);
        attempt_avoid(work);
        again(work, whole, err);
        return;
    }
}

/* No whole HTTP reply came. */
static void act_on_transport(struct work *work, const struct error *err)
{
    struct rpc *rpc = work->rpc;
    struct endpoint *endpoint = &rpc->endpoints[work->endpoint];
    if (err->status == TRACER_E_NOMEM) {
        attempt_fail(work, err);
    } else if (work->http->permanent && err->status == TRACER_E_LIMIT) { /* too long: the next may say less */
        endpoint_failed(endpoint, 0);
        work->batch->error = *err;
        work->excluded |= UINT32_C(1) << work->endpoint;
        if (dispatch_has_other(work))
            again(work, true, err);
        else
            attempt_give_up(work, err);
    } else if (work->http->permanent) {
        endpoint_give_up(endpoint, err);
        again(work, true, err);
    } else {
        endpoint_failed(endpoint, backoff_ms(&rpc->backoff, work->attempts));
        attempt_avoid(work);
        again(work, true, err);
    }
}

/* An HTTP request ended. */
void attempt_settle(struct flight *flight)
{
    struct work *work = flight->work;
    struct rpc *rpc = work->rpc;
    struct rpc_batch *batch = work->batch;
    struct endpoint *endpoint = &rpc->endpoints[flight->endpoint];
    const struct answerer answerer = {endpoint->name, &endpoint->secrets, flight->http.http_status};
    struct error err = {0};
    land(flight, flight->http.elapsed_ns / 1000000);
    work->endpoint = flight->endpoint;
    work->http = &flight->http;
    pool_give_body(rpc, &batch->body);
    batch->body = flight->body;
    buffer_init(&flight->body, 0);
    endpoint->stats.bytes_received += batch->body.size;
    endpoint->stats.wait_ns += work->http->elapsed_ns;
    if (work->http->status) {
        jsonrpc_error(&err, &answerer, work->http->status, batch->calls[0].method, batch->call_count, "%s",
                      work->http->cause);
        err.retryable = !work->http->permanent;
        act_on_transport(work, &err);
        return;
    }
    bool whole = false;
    /* A reply may echo the key that asked for it. No chain data does: whoever quotes, stores or records the
     * result later then cannot tell it (T11, E5). */
    if (batch->body.size)
        secrets_mask(&endpoint->secrets, SECRET_KEY_MIN, batch->body.data, batch->body.size);
    struct json_span reply = {batch->body.size ? batch->body.data : "", batch->body.size};
    enum answer_class class = judge_reply(work, reply, work->first_id, &answerer, &whole, &err);
    endpoint->stats.hedges_won += flight->is_hedge && class == ANSWER_GOOD && is_under_way(work);
    if (!whole && class != ANSWER_GOOD)
        first_error(batch, classify_status(class), &err);
    act(work, class, whole, &err);
}

/* Answer a batch from the recording. */
void attempt_replay(struct work *work)
{
    struct rpc *rpc = work->rpc;
    struct exchange_reply recorded;
    struct error err = {0};
    bool whole = false;
    work->attempts++;
    work->endpoint = work->batch->endpoint == RPC_ANY ? 0 : work->batch->endpoint;
    if (exchange_read(rpc->exchange, &work->key, work->batch, &recorded, &err)) {
        attempt_fail(work, &err);
        return;
    }
    for (size_t i = 0; i < rpc->endpoint_count && work->batch->endpoint == RPC_ANY; i++)
        if (strcmp(rpc->endpoints[i].name, recorded.endpoint) == 0)
            work->endpoint = i;
    struct endpoint *endpoint = &rpc->endpoints[work->endpoint];
    endpoint->stats.requests++;
    endpoint->stats.calls += work->batch->call_count;
    endpoint->stats.bytes_received += recorded.reply.length;
    const struct answerer answerer = {recorded.endpoint, &endpoint->secrets, recorded.http_status};
    judge_reply(work, recorded.reply, recorded.first_id, &answerer, &whole, &err);
    if (whole)
        attempt_fail(work, &err);
    else
        finish(work, TRACER_OK);
}
