/* flow.h - a trace as a graph, for all graph formats: accounts, and between two of them one edge for each asset and source with the
 * sums of its flagged hops. */
#ifndef TRACER_REPORT_FLOW_H
#define TRACER_REPORT_FLOW_H

#include "view.h"

#define FLOW_WEIGHT_MAX 1000000u

struct flow_edge {
    uint32_t from, to, asset, source;
    uint64_t count;       /* flagged hops */
    struct u320 tainted;  /* their sum, */
    struct u320 unproven; /* and what of it is not proven */
    uint64_t weight;      /* of a line to be drawn: floor(tainted * FLOW_WEIGHT_MAX / that of the asset's greatest edge), 1 at least */
    uint32_t least_hop;
    size_t first, last;   /* hops, in chain order */
    enum grade grade;     /* weakest */
};
struct flow {
    bool *on; /* of each account of the result: an end of some edge */
    size_t node_count;
    struct flow_edge *edges; /* by their first hop */
    size_t edge_count;
};
enum tracer_status flow_make(const struct trace_result *result, struct flow *ret_flow, struct error *err);
/** Edges of different hop numbers stay apart: every edge goes from column least_hop to the next, so that there is no cycle. */
enum tracer_status flow_make_by_hop(const struct trace_result *result, struct flow *ret_flow, struct error *err);
void flow_release(struct flow *flow);
/** What an account is: "service", "mixer", "bridge", "venue", or "account". */
const char *flow_class(const struct result_account *account);

#endif
