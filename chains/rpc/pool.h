/* pool.h - the parts that a pool of endpoints is made of, shared by pool.c, dispatch.c and attempt.c.
 *
 * A batch is `waiting` (for a place, an endpoint's pace, or a back-off), `active` (an HTTP request is under
 * way) `done` (not fetched by rpc_wait() yet) or `returned` (the caller has it). Three things steer where it
 * goes next: endpoints that are `excluded` for it (they cannot have it), those to `avoid` (they failed it),
 * and the pause of an endpoint itself.
 */
#ifndef TRACER_CHAINS_RPC_POOL_H
#define TRACER_CHAINS_RPC_POOL_H

#include "endpoint.h"
#include "exchange.h"
#include "http.h"
#include "tracer/rpc.h"

#define POOL_QUEUE_MAX 65536u           /* batches submitted and not returned */
#define POOL_REQUEST_MAX TRACER_MIB(16) /* bytes of one request */
#define POOL_SPARES_MAX 16u             /* memory of replies that is kept for the next ones, */
#define POOL_SPARE_MAX TRACER_MIB(4)    /* so much each: fresh pages cost more than reading JSON */

_Static_assert(TRACER_ENDPOINTS_MAX <= 32, "masks of endpoints have 32 bits");

enum work_state { WORK_WAITING, WORK_ACTIVE, WORK_DONE, WORK_RETURNED, WORK_STATE_COUNT };

/* An HTTP request of a batch. There is a second one while the first is late. */
struct flight {
    struct work *work;
    bool under_way, is_hedge;
    size_t endpoint;
    uint64_t sent_ms;
    struct buffer body; /* of the reply; becomes the batch's when it has come */
    struct http_request http;
};
#define FLIGHTS 2u

/* What the pool knows about a batch, from submit to release. */
struct work {
    struct rpc *rpc; /* NULL after rpc_close() */
    struct rpc_batch *batch;
    enum work_state state;
    struct work *previous, *next; /* in the list of its state */
    uint32_t attempts;
    bool was_hedged; /* in this attempt */
    uint32_t excluded, avoid; /* masks of endpoints */
    uint64_t again_ms;        /* not at an endpoint to avoid before */
    size_t endpoint;          /* where it is, or was last */
    uint64_t first_id;
    struct buffer request; /* the same to both endpoints */
    struct flight flights[FLIGHTS];
    const struct http_request *http; /* the one that ended last */
    struct exchange_key key;
};

struct work_list {
    struct work *first, *last;
};

struct rpc {
    struct endpoint *endpoints;
    size_t endpoint_count;
    struct http *http;         /* NULL when replaying */
    struct exchange *exchange; /* NULL: neither recording nor replaying */
    bool replaying;
    bool explorers;            /* asked and answered as explorer.h says */
    uint32_t in_flight_max, attempts_max, retry_after_max_s;
    struct backoff backoff;
    volatile const int *stop;
    uint64_t next_id;
    uint32_t flight_count, queued_count; /* queued: not returned yet */
    uint64_t first_count, hedge_count;   /* requests so far: those that were no hedge, and the hedges */
    struct work_list lists[WORK_STATE_COUNT];
    struct buffer spares[POOL_SPARES_MAX];
    uint32_t spare_count;
};

/* pool.c */
void work_move(struct work *work, enum work_state state);
/** An empty body for a reply of at most `size_max` bytes, in spare memory where there is some; and back. */
void pool_take_body(struct rpc *rpc, struct buffer *body, size_t size_max);
void pool_give_body(struct rpc *rpc, struct buffer *body);

/* dispatch.c */
/** Send what can be sent now. Returns when a batch that waits, or is late, may be able to go (monotonic ms). */
uint64_t dispatch_waiting(struct rpc *rpc);
/** Whether an endpoint other than the last may be asked. */
bool dispatch_has_other(const struct work *work);

/* attempt.c */
/** An HTTP request ended: judge what came, then hand it out, ask again, or give up; or wait on for the other request. */
void attempt_settle(struct flight *flight);
/** Nobody waits for what is under way any more. */
void attempt_cancel(struct work *work);
/** Answer from the recording. */
void attempt_replay(struct work *work);
/** The batch ends with this error. */
void attempt_fail(struct work *work, const struct error *err);
/** The same, with the number of attempts. */
void attempt_give_up(struct work *work, const struct error *err);
/** Do not ask the endpoint that had it last before a back-off is over, unless there is no other. */
void attempt_avoid(struct work *work);

#endif
