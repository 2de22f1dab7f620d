/* dispatch.c - which endpoint a waiting batch goes to, and when. */
#include <stdio.h>
#include <string.h>

#include "explorer.h"
#include "jsonrpc.h"
#include "pool.h"
#include "tracer/clock.h"

/* ---- choosing an endpoint ---- */

static bool is_candidate(const struct work *work, size_t index)
{
    const struct rpc_batch *batch = work->batch;
    if (batch->endpoint != RPC_ANY && batch->endpoint != index)
        return false;
    return !work->rpc->endpoints[index].unusable && !(work->excluded >> index & 1);
}

/* An endpoint other than the last that may have what the last one has not. */
bool dispatch_has_other(const struct work *work)
{
    for (size_t i = 0; i < work->rpc->endpoint_count; i++)
        if (i != work->endpoint && is_candidate(work, i))
            return true;
    return false;
}

static bool lacks_method(const struct endpoint *endpoint, const struct rpc_batch *batch)
{
    return endpoint->missing_count && endpoint_lacks(endpoint, batch->calls[0].method);
}

/* Smaller is better: first what is known to fail, then health, then load. */
static uint64_t burden(const struct work *work, size_t index, uint64_t now_ms)
{
    const struct endpoint *endpoint = &work->rpc->endpoints[index];
    uint64_t missing = lacks_method(endpoint, work->batch), avoid = work->avoid >> index & 1;
    uint64_t failures = endpoint_recent_failures(endpoint, now_ms);
    return missing << 63 | avoid << 62 | (failures < 255 ? failures : 255) << 32 | endpoint->active;
}

enum choice { CHOICE_SEND, CHOICE_WAIT, CHOICE_NONE };

/* The best endpoint that can take the batch now; else *ret_ready_ms is lowered to when one may be able to. */
static enum choice choose(const struct work *work, uint64_t now_ms, size_t *ret_index, uint64_t *ret_ready_ms)
{
    enum choice choice = CHOICE_NONE;
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < work->rpc->endpoint_count; i++) {
        if (!is_candidate(work, i))
            continue;
        uint64_t ready_ms = endpoint_ready_ms(&work->rpc->endpoints[i]);
        if (work->avoid >> i & 1 && ready_ms < work->again_ms)
            ready_ms = work->again_ms;
        if (ready_ms > now_ms) {
            if (choice == CHOICE_NONE)
                choice = CHOICE_WAIT;
            if (*ret_ready_ms > ready_ms)
                *ret_ready_ms = ready_ms;
        } else if (burden(work, i, now_ms) < best) {
            best = burden(work, i, now_ms);
            *ret_index = i;
            choice = CHOICE_SEND;
        }
    }
    return choice;
}

/* ---- sending ---- */

static enum tracer_status send_flight(struct work *work, struct flight *flight, size_t index, struct error *err)
{
    struct rpc *rpc = work->rpc;
    struct rpc_batch *batch = work->batch;
    struct endpoint *endpoint = &rpc->endpoints[index];
    pool_take_body(rpc, &flight->body, batch->reply_max ? batch->reply_max : TRACER_REPLY_OTHER_MAX);
    flight->work = work;
    flight->endpoint = index;
    flight->sent_ms = clock_monotonic_ms();
    flight->http = (struct http_request){.url = rpc->explorers ? work->request.data : endpoint->url,
                                         .header = endpoint->header,
                                         .plain = endpoint->plain,
                                         .body = rpc->explorers ? NULL : work->request.data,
                                         .body_size = work->request.size,
                                         .reply = &flight->body};
    enum tracer_status status = http_begin(rpc->http, &flight->http, err);
    if (status) {
        pool_give_body(rpc, &flight->body);
        return status;
    }
    flight->under_way = true;
    rpc->flight_count++;
    endpoint_sent(endpoint, batch->call_count);
    return TRACER_OK;
}

static enum tracer_status send_work(struct work *work, size_t index, struct error *err)
{
    struct rpc *rpc = work->rpc;
    struct rpc_batch *batch = work->batch;
    work->endpoint = index;
    work->first_id = rpc->next_id;
    rpc->next_id += batch->call_count;
    buffer_clear(&work->request);
    if (!(rpc->explorers ? explorer_write(&work->request, rpc->endpoints[index].url, batch) : jsonrpc_write(&work->request, batch, work->first_id)))
        return error_set(err, TRACER_E_LIMIT, "%s: the request is longer than %zu bytes",
                         batch->calls[0].method, POOL_REQUEST_MAX);
    pool_give_body(rpc, &batch->body); /* of the attempt before */
    enum tracer_status status = send_flight(work, &work->flights[0], index, err);
    if (status)
        return status;
    work->was_hedged = false;
    work->attempts++;
    rpc->first_count++;
    rpc->endpoints[index].stats.retries += work->attempts > 1;
    work_move(work, WORK_ACTIVE);
    return TRACER_OK;
}

/* ---- late replies ---- */

/* The least busy endpoint that is well and has room now. */
static bool choose_second(const struct work *work, uint64_t now_ms, size_t *ret_index)
{
    bool found = false;
    for (size_t i = 0; i < work->rpc->endpoint_count; i++) {
        const struct endpoint *endpoint = &work->rpc->endpoints[i];
        if (i == work->flights[0].endpoint || !is_candidate(work, i) || work->avoid >> i & 1 ||
            lacks_method(endpoint, work->batch) || endpoint_recent_failures(endpoint, now_ms) ||
            endpoint_ready_ms(endpoint) > now_ms)
            continue;
        if (!found || endpoint->active < work->rpc->endpoints[*ret_index].active)
            *ret_index = i;
        found = true;
    }
    return found;
}

/* Ask a second endpoint for what is late. Returns when the next one will be late. */
static uint64_t hedge_late(struct rpc *rpc, uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX;
    if (rpc->endpoint_count < 2)
        return next_ms;
    for (struct work *work = rpc->lists[WORK_ACTIVE].first; work; work = work->next) {
        const struct flight *first = &work->flights[0];
        size_t index = 0;
        struct error ignored;
        if (work->batch->endpoint != RPC_ANY || !first->under_way || work->flights[1].under_way || work->was_hedged)
            continue;
        uint64_t late_ms =
            first->sent_ms + rpc->endpoints[first->endpoint].latencies[endpoint_weight(work->batch)].late_ms;
        if (late_ms > now_ms) {
            next_ms = late_ms < next_ms ? late_ms : next_ms;
        } else if (rpc->flight_count < rpc->in_flight_max &&
                   (rpc->hedge_count + 1) * TRACER_HEDGE_SHARE <= rpc->first_count &&
                   choose_second(work, now_ms, &index) &&
                   send_flight(work, &work->flights[1], index, &ignored) == TRACER_OK) {
            work->flights[1].is_hedge = work->was_hedged = true;
            rpc->hedge_count++;
            rpc->endpoints[index].stats.hedges++;
            rpc->endpoints[index].stats.hedge_calls += work->batch->call_count;
        }
    }
    return next_ms;
}

/* No endpoint can be asked for this batch: say why by the last answer, or by an endpoint that was given up.
 */
static void fail_without_endpoint(struct work *work)
{
    const struct rpc *rpc = work->rpc;
    struct error err;
    if (work->batch->error.status) {
        err = work->batch->error;
    } else {
        error_set(&err, TRACER_E_NETWORK, "%s: no usable endpoint is left", work->batch->calls[0].method);
        for (size_t i = 0; i < rpc->endpoint_count; i++)
            if (rpc->endpoints[i].unusable &&
                (work->batch->endpoint == RPC_ANY || work->batch->endpoint == i))
                err = rpc->endpoints[i].why;
    }
    attempt_give_up(work, &err);
}

uint64_t dispatch_waiting(struct rpc *rpc)
{
    uint64_t ready_ms = UINT64_MAX, now_ms = clock_monotonic_ms();
    uint32_t flights_before = rpc->flight_count;
    struct work *next;
    for (struct work *work = rpc->lists[WORK_WAITING].first; work && rpc->flight_count < rpc->in_flight_max;
         work = next) {
        size_t index = 0;
        struct error err;
        next = work->next;
        switch (choose(work, now_ms, &index, &ready_ms)) {
        case CHOICE_SEND:
            if (send_work(work, index, &err))
                attempt_fail(work, &err);
            break;
        case CHOICE_WAIT:
            break;
        case CHOICE_NONE:
            fail_without_endpoint(work);
            break;
        }
    }
    uint64_t late_ms = hedge_late(rpc, now_ms); /* what waits goes first */
    ready_ms = late_ms < ready_ms ? late_ms : ready_ms;
    if (rpc->flight_count > flights_before)
        http_start(rpc->http);
    return ready_ms;
}
