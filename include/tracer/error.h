/* error.h - how every function of tracer says that something went wrong.
 *
 * Functions return an enum tracer_status; zero is success and the result must be used. The text goes
 * into a struct error that the caller owns (fixed size, no allocation, no global). Going up the stack a
 * function may add *where* with error_context(); it never replaces *what*.
 *
 * Three kinds are kept apart: our own mistakes are assertions (kept in release builds), the world
 * (network, disk, memory) and bad data are statuses. Remote data is never asserted on.
 */
#ifndef TRACER_ERROR_H
#define TRACER_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/limits.h"

#define TRACER_MUST_USE __attribute__((warn_unused_result))
#define TRACER_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))

/* Each status belongs to one exit code of tracer/cmd/exit.h. */
enum tracer_status {
    TRACER_OK = 0,
    TRACER_E_USAGE,       /* the user's options, files or data are wrong */
    TRACER_E_NOT_FOUND,   /* what was asked for is not there (often an expected answer, not a failure) */
    TRACER_E_LIMIT,       /* a ceiling of limits.h or of the user was reached */
    TRACER_E_NOMEM,       /* no memory, or an arena's ceiling */
    TRACER_E_IO,          /* a file could not be read or written */
    TRACER_E_NETWORK,     /* no usable answer from any endpoint: unreachable, timeout, HTTP error */
    TRACER_E_REPLY,       /* an endpoint answered something that is wrong or malformed */
    TRACER_E_UNAVAILABLE, /* an endpoint does not have it: unknown method, pruned history */
    TRACER_E_CHAIN,       /* not the chain it should be: chain id or anchor differ */
    TRACER_E_CONFLICT,    /* another block hash is stored there, or the parent does not fit: a reorg */
    TRACER_E_FULL,        /* the store's ceiling or the disk is full */
    TRACER_E_BUSY,        /* the store is in use by another writer */
    TRACER_E_DAMAGED,     /* a record fails its checksum, or is missing */
    TRACER_E_VERSION,     /* written by a newer schema */
    TRACER_E_VERIFY,      /* evidence that does not hold what it claims */
    TRACER_E_STORE,       /* any other failure of the store */
    TRACER_E_STOPPED,     /* a signal asked for a clean stop */
    TRACER_E_INTERNAL,    /* cannot happen */
    TRACER_STATUS_COUNT
};

struct error {
    enum tracer_status status;
    char text[TRACER_ERROR_TEXT_MAX];        /* NUL-terminated, printable */
    char endpoint[TRACER_ENDPOINT_NAME_MAX]; /* name of the endpoint, "" if none; never a URL */
    int http_status;                         /* 0 if none */
    int64_t rpc_code;                        /* JSON-RPC error code, 0 if none */
    bool retryable;                          /* asking again, or elsewhere, may help */
};

/** Fill `err` (which may be NULL) and return `status`, so that a failure is one line:
 *  `return error_set(err, TRACER_E_USAGE, "...")`. Clears the endpoint fields. */
enum tracer_status error_set(struct error *err, enum tracer_status status, const char *format, ...)
    TRACER_PRINTF(3, 4);

/** Put "context: " before the text that is there. Cuts at the end when it grows too long. */
void error_context(struct error *err, const char *format, ...) TRACER_PRINTF(2, 3);

/** A short word for a status: "usage", "network", ... Never NULL. */
const char *tracer_status_name(enum tracer_status status);

/** Copy foreign bytes so that they are safe to print: printable ASCII stays, everything else becomes
 * '?' ; at most size - 1 characters. Always terminates (size > 0). Returns `to`. */
const char *safe_text(char *to, size_t size, const char *from, size_t length);

#endif
