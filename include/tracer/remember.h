/* remember.h - what is known of endpoints (known.h), kept in a store from run to run.
 *
 * A record belongs to an endpoint's URL and header and to a network. Neither URL nor header is in the store: the record's
 * name and its check are digests under a key which rpc_endpoint_key() makes of them and of the store's random salt. So a
 * record that somebody wrote who does not know the URL is ignored, like a damaged one. Who has the store can try whether a
 * URL that he guesses is the one; a key in it of 64 bits or more cannot be guessed, the address of a public endpoint can.
 */
#ifndef TRACER_REMEMBER_H
#define TRACER_REMEMBER_H

#include "tracer/graph.h"
#include "tracer/known.h"

/** All zero where nothing is kept, or nothing that can be used; that is no error. */
struct chain_known remember_find(struct graph *graph, const struct rpc *rpc, size_t endpoint, uint64_t chain_id);
TRACER_MUST_USE enum tracer_status remember_keep(struct graph *graph, const struct rpc *rpc, size_t endpoint, uint64_t chain_id,
                                                 const struct chain_known *known, struct error *err);

#endif
