/* explain.h - the pipeline behind `explain`: one flagged transfer, followed back to the seeds lot by lot. */
#ifndef TRACER_EXPLAIN_H
#define TRACER_EXPLAIN_H

#include "tracer/trace.h"

struct explain_request {
    struct case_input input;
    const char *target;         /* hash, hash:N, hash:value or block:txi:idx */
    const char *const *sources; /* as for check; none: the registry's */
    size_t source_count;
    bool has_since;
    uint64_t since;
};

/** @retval TRACER_E_NOT_FOUND  not stored, or no unit of it is tainted
 *  @retval TRACER_E_USAGE      does not parse, or names several flagged transfers */
TRACER_MUST_USE enum tracer_status explain_run(const struct explain_request *request,
                                               struct explain_result **ret_result, struct error *err);

#endif
