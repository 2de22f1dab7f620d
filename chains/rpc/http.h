/* http.h - requests that overlap, over libcurl, under every ceiling and rule of threat-model T1 to T14.
 *
 * The only file that names libcurl is http.c; it is loaded by http_open(), not linked. One thread.
 */
#ifndef TRACER_CHAINS_RPC_HTTP_H
#define TRACER_CHAINS_RPC_HTTP_H

#include "tracer/buffer.h"
#include "tracer/error.h"

struct http;
struct http_slot;

struct http_options {
    bool allow_local;
    const char *ca_file;    /* outlives http_open() */
    uint32_t in_flight_max; /* requests under way at once */
    uint32_t connect_timeout_ms, total_timeout_ms, slow_seconds;
};

struct http_request {
    const char *url;    /* these are the caller's until the request is finished */
    const char *header; /* or NULL */
    bool plain;         /* the URL is http: only loopback may be connected */
    const char *body; /* NULL: a GET, else a POST */
    size_t body_size;
    struct buffer *reply; /* empty, with its ceiling; gets the decoded body */
    /* answer */
    enum tracer_status
        status;      /* OK: a whole reply with some HTTP status arrived; else NETWORK, LIMIT, REPLY, NOMEM */
    char cause[160]; /* own words, when status is not OK */
    bool permanent;  /* asking the same endpoint again cannot help */
    int http_status;
    uint32_t retry_after_s; /* 0: none, or malformed */
    bool other_type;        /* the content type is stated and is not JSON or plain text */
    uint64_t elapsed_ns;
    /* private */
    int socket;
    struct http_slot *slot;
};

/** Version of libcurl, which is loaded for this; NULL: it cannot be, or is too old. */
const char *http_library(void);
TRACER_MUST_USE enum tracer_status http_open(const struct http_options *options, struct http **ret_http,
                                             struct error *err);
void http_close(struct http *http); /* cancels what is under way; NULL is fine */
/** Take a request in; the bytes begin to go out with http_start() or http_next(). */
TRACER_MUST_USE enum tracer_status http_begin(struct http *http, struct http_request *request,
                                              struct error *err);
/** Let what was begun go out, unless everything was driven a moment ago. */
void http_start(struct http *http);
/** Drive everything; a finished request, or NULL when none finished within wait_ms. */
struct http_request *http_next(struct http *http, uint32_t wait_ms);
void http_cancel(struct http *http, struct http_request *request);
/** Break the connection that a request came over, so that it is not used again (T14). Call it right after
 * http_next() returned the request. */
void http_distrust(const struct http_request *request);

#endif
