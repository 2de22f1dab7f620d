/* audit.h - the pipeline behind `audit`: the books of the store against the chain's own balances (taint-spec 9.6), its
 * transactions against the senders' nonces (threat-model 3). */
#ifndef TRACER_AUDIT_H
#define TRACER_AUDIT_H

#include "tracer/chain.h"
#include "tracer/trace.h"

struct audit_request {
    struct case_input input; /* input.to: the block; default: the last stored one */
    struct chain_client *client;
    const char *const *accounts; /* addresses; none: every account whose history the store has */
    size_t account_count;
    uint64_t balances_max; /* balances, and senders, compared at most; the rest is told as not compared */
    volatile const int *stop;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
};

/** Balances are hashed by nothing: what the endpoints say of them is asserted.
 *  @retval TRACER_E_CONFLICT  the block of the store is not the chain's, or a reorg came in between */
TRACER_MUST_USE enum tracer_status audit_run(const struct audit_request *request,
                                             struct audit_result **ret_result, struct error *err);

/** Write what was found of each account into the ledger of the store: strategy "audit", what "balances" or "nonces"; and, under the
 * contract's address, what "token", of each token whose balances are not what its events say (threat-model X7: its transfers are
 * asserted from then on). A later audit of the same first block replaces it, that of a token one of everybody, or another difference. `endpoints`: their names, for the reader.
 *  @retval TRACER_E_CONFLICT  the store is no more what was audited; nothing is written */
#define AUDIT_STRATEGY "audit"
TRACER_MUST_USE enum tracer_status audit_record(const struct audit_result *result, struct graph *graph, const char *endpoints,
                                                struct error *err);

#endif
