/* faultserver.h - a loopback HTTP/1.1 server for the tests of chains/rpc, driven by a script (threat-model
 * 4).
 *
 * The n-th request that arrives gets the n-th step; after the steps every request is answered well. A good
 * answer is JSON-RPC, single or batch, with results from a callback. Runs in threads of the test's process.
 */
#ifndef TRACER_TESTS_FAULTSERVER_H
#define TRACER_TESTS_FAULTSERVER_H

#include <stdio.h>

#include "tracer/json_reader.h"

/* Zeroed: a good answer. */
struct fault_step {
    int status;               /* 0: 200 */
    const char *headers;      /* more header lines, each with its CRLF */
    const char *content_type; /* NULL: application/json; "": none */
    const char *body;  /* NULL: answered well. "$0" to "$9" become the ids of the calls that were asked */
    size_t body_size;  /* 0: strlen(body) */
    bool reversed;     /* a good answer to a batch, last call first */
    bool gzip;         /* the body is compressed (stored blocks) */
    size_t bomb_bytes; /* the body is a gzip bomb that unpacks to so many spaces */
    uint32_t delay_ms; /* before the first byte */
    size_t drip_bytes; /* send pieces of so many bytes, */
    uint32_t drip_ms;  /* so long apart */
    bool cut;          /* end the connection after cut_at bytes of the reply, headers included */
    size_t cut_at;
    bool reset;       /* with a RST where it is cut */
    int length_delta; /* added to the true Content-Length */
    bool no_length;   /* no Content-Length: the end of the connection ends the body */
    bool chunked;     /* one chunk */
    bool endless;     /* chunks without end */
    bool silent;      /* read the request and say nothing */
};

/** Write the result of a call (true), or an error object (false), as JSON. */
typedef bool fault_answer_fn(void *context, struct json_span method, struct json_span params, FILE *out);

/** The step for a request, by its body (a GET: its head); for those behind the steps of the script. */
typedef struct fault_step fault_choose_fn(void *context, const char *body, size_t size);

struct faultserver_options {
    const struct fault_step *steps; /* outlive the server */
    size_t step_count;
    bool repeat_last;        /* the last step is for all later requests too */
    fault_choose_fn *choose; /* NULL: they are answered well */
    fault_answer_fn *answer; /* NULL: the result is the params */
    void *context;
    uint32_t delay_ms; /* of every reply */
};

struct faultserver;

struct faultserver *faultserver_start(const struct faultserver_options *options); /* aborts when it cannot */
void faultserver_stop(struct faultserver *server);
/** "http://127.0.0.1:PORT/" */
const char *faultserver_url(const struct faultserver *server);
unsigned faultserver_port(const struct faultserver *server);
unsigned faultserver_requests(struct faultserver *server);
unsigned faultserver_connections(struct faultserver *server);
/** The n-th request, head and body, of the first 64; "" if there is none. Valid until the stop. */
const char *faultserver_request(struct faultserver *server, unsigned index);
/** When it had arrived, in ms of the monotonic clock. */
uint64_t faultserver_request_ms(struct faultserver *server, unsigned index);
/** The most requests that were under way at once. */
unsigned faultserver_overlap(struct faultserver *server);

#endif
