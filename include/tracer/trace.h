/* trace.h - the pipeline behind `trace` and `demo`: seeds, labels and a store in, a result out. */
#ifndef TRACER_TRACE_H
#define TRACER_TRACE_H

#include "tracer/graph.h"
#include "tracer/label.h"
#include "tracer/result.h"
#include "tracer/taint.h"

/* What trace and check share: the data they stand on. All borrowed. */
struct case_input {
    struct graph *graph;
    uint64_t chain_id;
    const char *native_symbol;
    const struct label_set *labels;
    const struct token *tokens; /* the list of assets: the registry's, or the user's file */
    size_t token_count;
    struct taint_options options;
    bool has_from, has_to; /* restrict the replay to stored blocks from..to */
    uint64_t from, to;
    bool has_explored; /* the explored set is this, not every account that the ledger has */
    const struct address *explored;
    size_t explored_count;
    bool spare_sources; /* a named address that is in no transfer is a source of nothing, not an error: only what answers depend on was read */
    const char *const *limits; /* of the search that filled the store: notes of the result, each a gap */
    size_t limit_count;
    uint64_t as_of_end_s; /* only blocks until this second (label_set_as_of() of the labels says the day); 0: all */
    uint64_t list_age_days_max; /* of the newest sanctions list, before the last block, where no sources are named */
    const char *incomplete; /* a file whose import was interrupted: rows may be missing; NULL: none */
    const struct result_input *inputs; /* what goes into the head besides what the pipeline adds */
    size_t input_count;
    const char *repeat;
    uint64_t index_max; /* what a trace may spend on the index before it reads every row (graph_gather()); 0: as much as costs less */
    taint_watch_fn *watch; /* progress; may be NULL */
    void *watch_context;
};

/* SEED (architecture 7 and 11): "[NAME=]SPEC" with SPEC an address, a transaction hash, hash:N (log index),
 * hash:value, a key block:txi:idx, or the id of a heist in the registry. */
struct trace_request {
    struct case_input input;
    const char *const *seeds;
    size_t seed_count;
    bool has_since; /* address seeds count from this block (default: the first covered) */
    uint64_t since;
};

/** @retval TRACER_E_USAGE      a seed does not parse or names something the store does not have
 *  @retval TRACER_E_NOT_FOUND  the store has no blocks of the chain */
TRACER_MUST_USE enum tracer_status trace_run(const struct trace_request *request,
                                             struct trace_result **ret_result, struct error *err);

/** The same seeds under every policy of `compared_policies`; request->input.options.policy does not matter. */
TRACER_MUST_USE enum tracer_status trace_compare(const struct trace_request *request,
                                                 struct compare_result **ret_result, struct error *err);

/* A trace that goes on with the chain (--follow). */
struct trace_follow;
struct trace_change {
    struct trace_result *result; /* the whole, as of a fresh trace; owned by the caller; NULL if it waits */
    uint64_t kept_to;            /* blocks above left the chain; UINT64_MAX: none did */
    size_t withdrawn;            /* flagged hops of the result before that are no more */
    size_t first_hop;            /* hops of the result from here on are new */
    bool waits;                  /* a reorg took a seed away, and it has not come again */
};

/** `request` is borrowed; `reorg_depth` is how many blocks a reorg may take back without a replay from the start. */
TRACER_MUST_USE enum tracer_status trace_follow_new(const struct trace_request *request, uint64_t reorg_depth,
                                                    struct trace_follow **ret_follow, struct error *err);
/** The store has other blocks than at the last call: those above `kept_to` (UINT64_MAX: none) were replaced or removed. */
TRACER_MUST_USE enum tracer_status trace_follow_update(struct trace_follow *follow, uint64_t kept_to,
                                                       struct trace_change *ret_change, struct error *err);
void trace_follow_free(struct trace_follow *follow); /* NULL is fine */

#endif
