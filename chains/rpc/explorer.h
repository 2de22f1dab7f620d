/* explorer.h - questions to block explorers and their answers, in the shape that Etherscan v2 began and Blockscout shares
 * (facts: ethereum-rpc 8): a query in the URL, and {"status":"1","message":"OK","result":[...]}.
 *
 * Their errors come with HTTP status 200 and stand where rows should be. A list is empty only under status "0", one of the
 * known messages and []: whatever else has no rows is no answer. */
#ifndef TRACER_CHAINS_RPC_EXPLORER_H
#define TRACER_CHAINS_RPC_EXPLORER_H

#include "jsonrpc.h"

/** The URL of a question. */
bool explorer_write(struct buffer *url, const char *endpoint_url, const struct rpc_batch *batch);
/** As jsonrpc_read(): the rows, an array, become the result of the call. */
enum answer_class explorer_read(struct rpc_batch *batch, struct json_span reply, const struct answerer *answerer, bool *ret_whole,
                                struct error *err);

#endif
