/* endpoint.h - one endpoint of a pool: its address, what was learned about it, and when it may be asked
 * again.
 *
 * The URL lives here and in http.c, and no function prints it (threat-model T11).
 */
#ifndef TRACER_CHAINS_RPC_ENDPOINT_H
#define TRACER_CHAINS_RPC_ENDPOINT_H

#include "secret.h"
#include "tracer/rpc.h"

#define ENDPOINT_MISSING_MAX 32u /* methods remembered as missing */

/* How long replies took: counts by steps that are four a doubling, in ms. Old ones fade. */
#define LATENCY_STEPS 64u
struct latency {
    uint32_t counts[LATENCY_STEPS];
    uint32_t total;
    uint64_t late_ms; /* a reply that takes longer is late */
};

/* Questions are alike in time if they are in the ceiling of their reply. */
enum weight { WEIGHT_OTHER, WEIGHT_BLOCK, WEIGHT_TRACES, WEIGHT_COUNT };

struct endpoint {
    char name[TRACER_ENDPOINT_NAME_MAX];
    char *url, *header; /* owned; header may be NULL */
    bool plain;         /* http */
    struct secrets secrets;
    /* health */
    bool unusable; /* for the rest of the run; why says so */
    struct error why;
    uint64_t resume_ms; /* not to be asked before (monotonic) */
    uint64_t failed_ms; /* when it failed last */
    uint32_t failures;  /* in a row */
    /* pace: all of this is lowered by rate limits and recovers with good answers */
    uint32_t active, active_max, active_ceiling;
    uint32_t rate, rate_ceiling; /* calls a second; 0: no limit */
    uint32_t streak;             /* good answers since the last change */
    uint64_t next_send_ns;
    bool was_limited; /* the pace was lowered, or began lower */
    uint32_t retry_after_s;
    uint64_t missing[ENDPOINT_MISSING_MAX]; /* hashes of method names */
    uint32_t missing_count;
    struct latency latencies[WEIGHT_COUNT];
    struct rpc_stats stats;
};

/** Checks and copies. The message names the endpoint and does not contain the URL. */
TRACER_MUST_USE enum tracer_status endpoint_init(struct endpoint *endpoint, const struct rpc_endpoint *given,
                                                 bool allow_local, uint32_t active_max, struct error *err);
void endpoint_release(struct endpoint *endpoint);

/** When the next request may be sent (monotonic ms; now or earlier: at once). UINT64_MAX: when one that is
 * under way has ended. */
uint64_t endpoint_ready_ms(const struct endpoint *endpoint);
void endpoint_sent(struct endpoint *endpoint, size_t call_count);
/** A request ended: with a usable answer, or without one (then it is left alone for pause_ms). */
void endpoint_succeeded(struct endpoint *endpoint);
void endpoint_failed(struct endpoint *endpoint, uint64_t pause_ms);
/** A rate limit: half as much from now on, and nothing for pause_ms. */
void endpoint_slow_down(struct endpoint *endpoint, uint64_t pause_ms);
/** Failures in a row, unless they are long past. */
uint32_t endpoint_recent_failures(const struct endpoint *endpoint, uint64_t now_ms);
void endpoint_give_up(struct endpoint *endpoint, const struct error *why);

enum weight endpoint_weight(const struct rpc_batch *batch);
/** A reply of this weight took so long, or was not waited for any longer. */
void endpoint_took(struct endpoint *endpoint, enum weight weight, uint64_t elapsed_ms);

struct digest endpoint_key(const struct endpoint *endpoint, const uint8_t *salt, size_t salt_size);
struct rpc_pace endpoint_pace(const struct endpoint *endpoint);
void endpoint_set_pace(struct endpoint *endpoint, struct rpc_pace pace);

bool endpoint_lacks(const struct endpoint *endpoint, const char *method);
void endpoint_learn_missing(struct endpoint *endpoint, const char *method);

/* Exponential back-off with jitter: between half and the whole of first, 2 first, 4 first, ... */
struct backoff {
    uint64_t state; /* of the generator */
    uint32_t first_ms;
};
uint32_t backoff_ms(struct backoff *backoff, uint32_t attempt /* from 1 */);

#endif
