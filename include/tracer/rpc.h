/* rpc.h - Ethereum JSON-RPC over HTTP: a pool of endpoints, batches in flight, retry, fail-over, and a
 * transport that records exchanges and replays them (JSON-RPC 2.0; execution-apis). A pool of explorers (APIs of the
 * Etherscan shape) is the same, but for the form of questions and answers.
 *
 * Endpoints are known by name; their URLs (which may hold keys) never leave this module (threat-model T11).
 * libcurl is loaded by dlopen() in rpc_open() and not before. One thread; many requests overlap.
 *
 * A reply that is late for its endpoint is asked for at another one, too, which has room for it; the first good answer
 * counts, and the other request is cancelled. A batch that is pinned stays where it is: when endpoints are compared, each
 * speaks for itself.
 */
#ifndef TRACER_RPC_H
#define TRACER_RPC_H

#include "tracer/buffer.h"
#include "tracer/digest.h"
#include "tracer/error.h"

struct rpc; /* a pool; owns its connections */

struct rpc_endpoint {
    char name[TRACER_ENDPOINT_NAME_MAX];
    const char *url;    /* https, or http to loopback with allow_local */
    const char *header; /* one extra "Name: value" line, or NULL; checked for control characters (T13) */
    uint32_t rate_per_second; /* calls a second; 0: no limit of ours */
};

struct rpc_options {
    const struct rpc_endpoint *endpoints; /* copied */
    size_t endpoint_count;
    bool explorers; /* they are explorers: a batch is one call, pinned to one of them, its method a name for messages, its params the query in
                       quotes ("module=account&..."), asked for by GET; the result is the list of rows */
    bool allow_local;            /* plain http to loopback; private and loopback addresses (T8, T9) */
    const char *ca_file;         /* PEM file of authorities to trust in place of the system's, or NULL; TLS is
                                    verified always */
    uint32_t in_flight_max;      /* HTTP requests under way at once; 0: 16; at most TRACER_IN_FLIGHT_MAX */
    uint32_t attempts_max;       /* 0: TRACER_ATTEMPTS_MAX */
    uint32_t connect_timeout_ms; /* 0: TRACER_CONNECT_TIMEOUT_MS */
    uint32_t total_timeout_ms;   /* 0: TRACER_TOTAL_TIMEOUT_MS */
    uint32_t slow_seconds;       /* 0: TRACER_SLOW_SECONDS */
    uint32_t backoff_first_ms;   /* 0: TRACER_BACKOFF_FIRST_MS */
    uint32_t retry_after_max_s;  /* 0: TRACER_RETRY_AFTER_MAX_S */
    uint64_t jitter_seed;        /* of the back-off; 0: from clock and process; never shows in a result */
    const char *record;          /* directory to write every exchange into, or NULL */
    const char *replay;       /* directory to answer from; no network is touched, libcurl is not loaded, and
                                 without endpoints there is one, called "recording" */
    volatile const int *stop; /* set by a signal handler: waits end with TRACER_E_STOPPED; may be NULL */
};

TRACER_MUST_USE enum tracer_status rpc_open(const struct rpc_options *options, struct rpc **ret_rpc,
                                            struct error *err);
void rpc_close(struct rpc *rpc); /* NULL is fine; cancels what is under way */

size_t rpc_endpoint_count(const struct rpc *rpc);
const char *rpc_endpoint_name(const struct rpc *rpc, size_t endpoint);

/** Whether two endpoints are of one operator as far as their hosts tell: what both say is then one word, not two. */
bool rpc_same_operator(const struct rpc *rpc, size_t endpoint, size_t other);

/** What stands for an endpoint's URL and header where these may not be: the same for the same `salt`, and no way back but
 * guessing, at TRACER_ENDPOINT_KEY_ROUNDS a guess. */
struct digest rpc_endpoint_key(const struct rpc *rpc, size_t endpoint, const uint8_t *salt, size_t salt_size);

/* What rate limits made of an endpoint's pace; all 0: it met none. */
struct rpc_pace {
    uint32_t in_flight, rate; /* requests at once, calls a second (0: no limit of ours) */
    uint32_t retry_after_s;   /* the longest that it asked for */
};
struct rpc_pace rpc_pace(const struct rpc *rpc, size_t endpoint);
/** Begin with the pace of an earlier run; good answers raise it as ever. */
void rpc_set_pace(struct rpc *rpc, size_t endpoint, struct rpc_pace pace);

#define RPC_ANY SIZE_MAX

struct rpc_call {
    const char *method; /* the caller's, until the batch is done */
    const char *params; /* JSON text of the params array, the caller's */
    /* answer */
    enum tracer_status status; /* TRACER_OK; TRACER_E_UNAVAILABLE: method missing or history pruned here;
                                  TRACER_E_LIMIT: the endpoint wants to be asked for less (a log range, a
                                  batch); TRACER_E_NETWORK: it still refuses (rate, key) after every attempt;
                                  TRACER_E_REPLY: a JSON-RPC error otherwise */
    uint64_t blocks_max, results_max; /* with TRACER_E_LIMIT: what the text of the error states; 0: nothing */
    const char *result; /* the bytes of `result` (checked JSON text, not NUL-terminated), inside the batch */
    size_t result_length;
    struct error error;
};

/* One POST: a single request, or a JSON-RPC batch. Zeroed and filled in by the caller; lives from submit
 * until rpc_batch_release(). */
struct rpc_batch {
    struct rpc_call *calls;
    size_t call_count;  /* 1..TRACER_BATCH_CALLS_MAX */
    size_t endpoint;    /* pinned, or RPC_ANY */
    size_t reply_max;   /* ceiling of the decoded reply; 0: TRACER_REPLY_OTHER_MAX */
    uint32_t depth_max; /* JSON; 0: TRACER_JSON_DEPTH_MAX */
    uint64_t values_max;
    void *context; /* the caller's */
    void *task;    /* the caller's, too: which part of it waits for the batch, */
    struct rpc_batch *next; /* and a list of those that are done */
    /* answer */
    enum tracer_status
        status; /* of the transport and the envelope; calls have their own (valid when this is OK) */
    struct error error;
    size_t answered_by; /* endpoint */
    /* private to rpc */
    struct buffer body;
    void *internal;
};

/** Begin a batch; sends it when fewer than in_flight_max are under way, else queues it. */
TRACER_MUST_USE enum tracer_status rpc_submit(struct rpc *rpc, struct rpc_batch *batch, struct error *err);
/** Drive everything until one batch is done and return it (any order). TRACER_E_NOT_FOUND: none is
 * submitted. A batch that failed for good is returned with its own status; that is no failure of the wait. */
TRACER_MUST_USE enum tracer_status rpc_wait(struct rpc *rpc, struct rpc_batch **ret_batch, struct error *err);
/** The caller found the content wrong (threat-model R1..R6): submit it again, at another endpoint where
 * there is one. Counts as an attempt; TRACER_E_REPLY with `why`'s text when attempts are used up. */
TRACER_MUST_USE enum tracer_status rpc_reject(struct rpc *rpc, struct rpc_batch *batch,
                                              const struct error *why, struct error *err);
/** Frees the reply. A batch that is still under way is cancelled; one that was never submitted is left alone.
 * May come after rpc_close(). */
void rpc_batch_release(struct rpc_batch *batch);

/** One call, waited for, at one endpoint or any. Only when no batch is under way. *ret_result gets the
 * bytes of `result`. */
TRACER_MUST_USE enum tracer_status rpc_call(struct rpc *rpc, size_t endpoint, const char *method,
                                            const char *params, size_t reply_max, struct buffer *ret_result,
                                            struct error *err);

struct rpc_stats { /* of one endpoint; endpoint RPC_ANY: sums */
    uint64_t requests, calls, retries, failures;
    uint64_t hedges, hedge_calls, hedges_won; /* of them, asked here because it was late elsewhere; and answered here first */
    uint64_t bytes_received; /* decoded */
    uint64_t wait_ns;        /* sum over requests from sending to the end of the reply */
};
struct rpc_stats rpc_stats(const struct rpc *rpc, size_t endpoint);
/** Calls at all endpoints, without the hedges: where a limit of requests ends a run does not depend on who was late. */
uint64_t rpc_calls(const struct rpc *rpc);
/** Requests that could be sent at once, beside those under way. 0 also after a request had to be repeated: endpoints that are
 * near their limits are asked for much at a time rather than often. */
uint32_t rpc_places(const struct rpc *rpc);

/** Version of libcurl at run time; it is loaded for this. NULL: it cannot be, or is too old. */
const char *rpc_library(void);

#endif
