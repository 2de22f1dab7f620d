/* findings.h - what a trace says of one account: the tainted units that came to it, one item for each source
 * and asset.
 */
#ifndef TRACER_REPORT_FINDINGS_H
#define TRACER_REPORT_FINDINGS_H

#include "view.h"

struct finding {
    uint32_t account, source, asset;
    uint64_t count;      /* flagged hops into the account */
    struct u320 tainted; /* their sum, */
    struct u320 unproven; /* and what of it is not proven */
    uint32_t least_hop;
    size_t first, last; /* hops, in chain order */
    enum grade grade;   /* weakest path grade */
    bool is_declared;   /* some of the hops are of a seed (hop 0), and not inferred */
    bool is_read;       /* some have a path without an inferred transfer */
};
struct findings {
    struct finding *items; /* by account, source, asset */
    size_t count;
};
enum tracer_status findings_make(const struct trace_result *result, struct findings *ret_findings,
                                 struct error *err);
void findings_release(struct findings *findings);
/** Index behind the last item of the account of item `first`. */
size_t findings_end(const struct findings *findings, size_t first);

#endif
