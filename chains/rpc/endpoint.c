/* endpoint.c - health and pace of one endpoint. */
#include "endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "tracer/clock.h"

#define FAILURES_FORGOTTEN_MS 30000u
#define STREAK_TO_RECOVER 32u /* good answers until a lowered pace rises by a step */
#define LATENCY_KNOWN 10u    /* replies until it is known what is late */
#define LATENCY_HALVED 512u  /* replies after which those before count half */

enum tracer_status endpoint_init(struct endpoint *endpoint, const struct rpc_endpoint *given,
                                 bool allow_local, uint32_t active_max, struct error *err)
{
    memset(endpoint, 0, sizeof *endpoint);
    safe_text(endpoint->name, sizeof endpoint->name, given->name, strnlen(given->name, sizeof given->name));
    enum tracer_status status = peer_check_url(given->url, allow_local, &endpoint->plain, err);
    if (!status && given->header)
        status = peer_check_header(given->header, err);
    if (status) {
        error_context(err, "endpoint \"%s\"", endpoint->name);
        return status;
    }
    endpoint->url = strdup(given->url);
    endpoint->header = given->header ? strdup(given->header) : NULL;
    if (!endpoint->url || (given->header && !endpoint->header) ||
        !secrets_init(&endpoint->secrets, given->url, given->header)) {
        endpoint_release(endpoint);
        return error_set(err, TRACER_E_NOMEM, "no memory for an endpoint");
    }
    endpoint->active_max = endpoint->active_ceiling = active_max;
    endpoint->rate = endpoint->rate_ceiling = given->rate_per_second;
    for (size_t i = 0; i < WEIGHT_COUNT; i++)
        endpoint->latencies[i].late_ms = TRACER_HEDGE_CEILING_MS;
    return TRACER_OK;
}

void endpoint_release(struct endpoint *endpoint)
{
    secrets_release(&endpoint->secrets);
    free(endpoint->url);
    free(endpoint->header);
    endpoint->url = endpoint->header = NULL;
}

/* ---- pace ---- */

uint64_t endpoint_ready_ms(const struct endpoint *endpoint)
{
    if (endpoint->active >= endpoint->active_max)
        return UINT64_MAX;
    uint64_t next_ms = endpoint->next_send_ns / 1000000;
    return endpoint->resume_ms > next_ms ? endpoint->resume_ms : next_ms;
}

void endpoint_sent(struct endpoint *endpoint, size_t call_count)
{
    endpoint->active++;
    endpoint->stats.requests++;
    endpoint->stats.calls += call_count;
    if (!endpoint->rate)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    if (endpoint->next_send_ns < now_ns)
        endpoint->next_send_ns = now_ns;
    endpoint->next_send_ns += call_count * (UINT64_C(1000000000) / endpoint->rate);
}

void endpoint_succeeded(struct endpoint *endpoint)
{
    endpoint->failures = 0;
    if (++endpoint->streak < STREAK_TO_RECOVER)
        return;
    endpoint->streak = 0;
    if (endpoint->active_max < endpoint->active_ceiling)
        endpoint->active_max++;
    if (endpoint->rate < endpoint->rate_ceiling)
        endpoint->rate++;
}

void endpoint_failed(struct endpoint *endpoint, uint64_t pause_ms)
{
    endpoint->failed_ms = clock_monotonic_ms();
    if (endpoint->resume_ms < endpoint->failed_ms + pause_ms)
        endpoint->resume_ms = endpoint->failed_ms + pause_ms;
    endpoint->streak = 0;
    endpoint->failures++;
    endpoint->stats.failures++;
}

void endpoint_slow_down(struct endpoint *endpoint, uint64_t pause_ms)
{
    endpoint->was_limited = true;
    /* requests that were sent together fail together: count that once */
    if (clock_monotonic_ms() >= endpoint->resume_ms) {
        endpoint->active_max = endpoint->active_max > 1 ? endpoint->active_max / 2 : 1;
        endpoint->rate = endpoint->rate > 1 ? endpoint->rate / 2 : endpoint->rate;
    }
    endpoint_failed(endpoint, pause_ms);
}

uint32_t endpoint_recent_failures(const struct endpoint *endpoint, uint64_t now_ms)
{
    return now_ms - endpoint->failed_ms < FAILURES_FORGOTTEN_MS ? endpoint->failures : 0;
}

void endpoint_give_up(struct endpoint *endpoint, const struct error *why)
{
    endpoint->unusable = true;
    endpoint->why = *why;
    endpoint->failures++;
    endpoint->stats.failures++;
}

struct rpc_pace endpoint_pace(const struct endpoint *endpoint)
{
    return endpoint->was_limited ? (struct rpc_pace){endpoint->active_max, endpoint->rate, endpoint->retry_after_s} : (struct rpc_pace){0};
}

void endpoint_set_pace(struct endpoint *endpoint, struct rpc_pace pace)
{
    if (!pace.in_flight)
        return;
    endpoint->was_limited = true;
    endpoint->retry_after_s = pace.retry_after_s;
    if (pace.in_flight < endpoint->active_max)
        endpoint->active_max = pace.in_flight;
    if (pace.rate && pace.rate < endpoint->rate)
        endpoint->rate = pace.rate;
}

/* ---- a name without the URL ---- */

struct digest endpoint_key(const struct endpoint *endpoint, const uint8_t *salt, size_t salt_size)
{
    static const char hashing[] = "endpoint";
    struct buffer text;
    struct digest key = {{0}};
    buffer_init(&text, PEER_URL_MAX + PEER_HEADER_MAX + TRACER_KIB(1));
    buffer_add(&text, hashing, sizeof hashing);
    buffer_add(&text, salt, salt_size);
    buffer_add(&text, endpoint->url, strlen(endpoint->url) + 1);
    buffer_text(&text, endpoint->header ? endpoint->header : "");
    if (buffer_ok(&text))
        key = digest_bytes(text.data, text.size);
    buffer_release(&text);
    for (uint32_t i = 1; i < TRACER_ENDPOINT_KEY_ROUNDS; i++)
        key = digest_bytes(key.bytes, sizeof key.bytes);
    return key;
}

/* ---- latency ---- */

enum weight endpoint_weight(const struct rpc_batch *batch)
{
    return batch->reply_max > TRACER_REPLY_BLOCK_MAX   ? WEIGHT_TRACES
           : batch->reply_max > TRACER_REPLY_OTHER_MAX ? WEIGHT_BLOCK
                                                       : WEIGHT_OTHER;
}

static uint32_t latency_step(uint64_t ms)
{
    if (ms < 4)
        return (uint32_t)ms;
    uint32_t power = 63u - (uint32_t)__builtin_clzll(ms); /* at least 2 */
    uint32_t step = (power - 1) * 4 + (uint32_t)(ms >> (power - 2) & 3);
    return step < LATENCY_STEPS ? step : LATENCY_STEPS - 1;
}

static uint64_t latency_step_end(uint32_t step)
{
    return step < 4 ? step : ((UINT64_C(5) + step % 4) << (step / 4 - 1)) - 1;
}

void endpoint_took(struct endpoint *endpoint, enum weight weight, uint64_t elapsed_ms)
{
    struct latency *latency = &endpoint->latencies[weight];
    if (latency->total >= LATENCY_HALVED) {
        latency->total = 0;
        for (uint32_t i = 0; i < LATENCY_STEPS; i++)
            latency->total += latency->counts[i] /= 2;
    }
    latency->counts[latency_step(elapsed_ms)]++;
    if (++latency->total < LATENCY_KNOWN)
        return;
    uint32_t step = 0, within = latency->counts[0];
    while (within < latency->total - latency->total / TRACER_HEDGE_SHARE)
        within += latency->counts[++step];
    uint64_t late_ms = latency_step_end(step);
    latency->late_ms = late_ms < TRACER_HEDGE_FLOOR_MS     ? TRACER_HEDGE_FLOOR_MS
                       : late_ms > TRACER_HEDGE_CEILING_MS ? TRACER_HEDGE_CEILING_MS
                                                           : late_ms;
}

/* ---- methods ---- */

static uint64_t hash_method(const char *method)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    while (*method)
        hash = (hash ^ (unsigned char)*method++) * UINT64_C(0x100000001b3);
    return hash;
}

bool endpoint_lacks(const struct endpoint *endpoint, const char *method)
{
    uint64_t hash = hash_method(method);
    for (uint32_t i = 0; i < endpoint->missing_count; i++)
        if (endpoint->missing[i] == hash)
            return true;
    return false;
}

void endpoint_learn_missing(struct endpoint *endpoint, const char *method)
{
    if (endpoint->missing_count < ENDPOINT_MISSING_MAX && !endpoint_lacks(endpoint, method))
        endpoint->missing[endpoint->missing_count++] = hash_method(method);
}

/* ---- back-off ---- */

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t backoff_ms(struct backoff *backoff, uint32_t attempt)
{
    uint64_t whole = backoff->first_ms;
    for (uint32_t i = 1; i < attempt && whole < TRACER_BACKOFF_MAX_MS; i++)
        whole *= 2;
    if (whole > TRACER_BACKOFF_MAX_MS)
        whole = TRACER_BACKOFF_MAX_MS;
    return (uint32_t)(whole - next_random(&backoff->state) % (whole / 2 + 1));
}
