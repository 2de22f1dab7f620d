/* jsonrpc.h - the JSON-RPC 2.0 envelope: requests out, answers matched to calls by their ids (threat-model
 * R12). */
#ifndef TRACER_CHAINS_RPC_JSONRPC_H
#define TRACER_CHAINS_RPC_JSONRPC_H

#include "classify.h"
#include "secret.h"
#include "tracer/rpc.h"

/* Who answered, for error texts. */
struct answerer {
    const char *name;
    const struct secrets *secrets;
    int http_status;
};

/** Append the request: one object, or an array of them, with ids first_id, first_id + 1, ... */
bool jsonrpc_write(struct buffer *request, const struct rpc_batch *batch, uint64_t first_id);
/** Append what identifies the calls, without ids. */
bool jsonrpc_write_calls(struct buffer *text, const struct rpc_batch *batch);

/** Read a reply into the calls of the batch: status, result, error of each. Returns the worst class among
 * them. ANSWER_GOOD up to *ret_whole false: the calls are valid. *ret_whole true: the answer is one error for
 * the whole batch, or no answer at all; err says what, and the calls are not valid. */
enum answer_class jsonrpc_read(struct rpc_batch *batch, struct json_span reply, uint64_t first_id,
                               const struct answerer *answerer, bool *ret_whole, struct error *err);

/** 'endpoint "alpha": eth_getLogs: <text>' (with "batch of 10" where it is one), endpoint and HTTP status
 * filled in. Returns `status`. */
enum tracer_status jsonrpc_error(struct error *err, const struct answerer *answerer,
                                 enum tracer_status status, const char *method, size_t call_count,
                                 const char *format, ...) TRACER_PRINTF(6, 7);

#endif
