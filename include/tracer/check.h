/* check.h - the pipeline behind `check`: is this deposit or address tainted; by what, how much, by which
 * path?
 *
 * Verdict (architecture 5): exposed when the proven end reaches the threshold (any unit of a recognised
 * asset); else cannot_tell when the upper end does, or coverage fails; else clean.
 */
#ifndef TRACER_CHECK_H
#define TRACER_CHECK_H

#include "tracer/trace.h"

/* TARGET: an address, a transaction hash (every value-moving row; `to` picks those into one address),
 * hash:N, hash:value or a key. */
struct check_request {
    struct case_input input;
    const char *const *targets;
    size_t target_count;
    const char *const
        *sources; /* "[NAME=]SPEC" as for a trace; none: the registry's heists and sanctioned addresses */
    size_t source_count;
    bool has_since;
    uint64_t since;
    const struct address *to; /* NULL: any */
};

TRACER_MUST_USE enum tracer_status check_run(const struct check_request *request,
                                             struct check_result **ret_result, struct error *err);

#endif
