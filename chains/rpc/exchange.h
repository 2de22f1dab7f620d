/* exchange.h - exchanges kept in a directory, so that any run can be repeated without a network.
 *
 * One file an exchange, named by a hash of methods and parameters and by how often the same was asked before
 * ("5f0c...-1.exchange"): the order in which replies arrive does not show, and a replay does not depend on
 * it. The file holds the calls (without ids), the HTTP status, the endpoint's name and the reply as it came;
 * no URL and no header, and what looks like a key of the URL is overwritten in the reply. What is recorded is
 * what the caller was given: attempts that were repeated inside are not.
 *
 *     tracer/exchange/1
 *     endpoint alpha
 *     http 200
 *     first_id 17
 *     calls 63
 *     [{"method":"eth_getBlockByNumber","params":["0x1",false]}]
 *     reply 4711
 *     {"jsonrpc":"2.0","id":17,"result":...}
 */
#ifndef TRACER_CHAINS_RPC_EXCHANGE_H
#define TRACER_CHAINS_RPC_EXCHANGE_H

#include "secret.h"
#include "tracer/json_reader.h"
#include "tracer/rpc.h"

struct exchange; /* a directory, and what was asked so far */

struct exchange_key {
    uint64_t hash;
    uint32_t occurrence; /* from 1 */
};

struct exchange_reply {
    char endpoint[TRACER_ENDPOINT_NAME_MAX];
    int http_status;
    uint64_t first_id;
    struct json_span reply;
};

/** Record into `path` (made when it is missing), or replay from it (must exist). */
TRACER_MUST_USE enum tracer_status exchange_open(const char *path, bool record,
                                                 struct exchange **ret_exchange, struct error *err);
void exchange_close(struct exchange *exchange);
/** The key of this batch asked now. Called once a submission, so that equal requests count up in their order.
 */
TRACER_MUST_USE enum tracer_status exchange_key(struct exchange *exchange, const struct rpc_batch *batch,
                                                struct exchange_key *ret_key, struct error *err);
TRACER_MUST_USE enum tracer_status exchange_write(struct exchange *exchange, const struct exchange_key *key,
                                                  const struct rpc_batch *batch,
                                                  const struct exchange_reply *reply,
                                                  const struct secrets *secrets, struct error *err);
/** Read the exchange into batch->body; ret_reply->reply lies in there.
 * @retval TRACER_E_NETWORK  it is not in the recording.
 * @retval TRACER_E_DAMAGED  the file is not what exchange_write() wrote. */
TRACER_MUST_USE enum tracer_status exchange_read(struct exchange *exchange, const struct exchange_key *key,
                                                 struct rpc_batch *batch, struct exchange_reply *ret_reply,
                                                 struct error *err);

#endif
