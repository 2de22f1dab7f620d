/* lazy.h - a trace that reads only what it needs (architecture 2, taint-spec 12): the histories of the seeds' accounts,
 * then, one by one, of the account where most stolen value arrived, until none is left or a limit is reached. The result
 * is the full replay of what was fetched, and the same however it was fetched. */
#ifndef TRACER_LAZY_H
#define TRACER_LAZY_H

#include "tracer/explore.h"
#include "tracer/trace.h"

struct lazy_request {
    struct trace_request trace;    /* its range is set here */
    struct explore_request explore; /* first, last and degree_max as well */
    bool has_from, has_to;
    bool to_is_head;   /* the head under finality was asked for already: it is `to` */
    uint64_t from, to; /* default: the first seed's block (an address's: --since, or the anchor), the head under finality */
    struct taint_expand_limits limits;
    uint64_t requests_max, seconds_max; /* 0: none */
    void (*progress)(void *context, const struct explore_progress *progress);
    void *progress_context;
};
/** What is explored stays in the store: a run that ended early goes on where it was. */
TRACER_MUST_USE enum tracer_status lazy_run(const struct lazy_request *request, struct trace_result **ret_result,
                                            struct explore_stats *ret_stats, struct error *err);

#endif
