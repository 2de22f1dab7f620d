/* flow.c - see flow.h. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

static int order_parallel(const void *a, const void *b)
{
    const struct flow_edge *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->asset != y->asset)
        return x->asset < y->asset ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int order_first(const void *a, const void *b)
{
    const struct flow_edge *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static bool parallel(const struct flow_edge *a, const struct flow_edge *b)
{
    return a->from == b->from && a->to == b->to && a->asset == b->asset && a->source == b->source;
}

/* Edges that were sorted by order_parallel(): one of each. */
static size_t merge(struct flow_edge *edges, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !parallel(&edges[kept - 1], &edges[i])) {
            edges[kept++] = edges[i];
            continue;
        }
        struct flow_edge *edge = &edges[kept - 1];
        edge->count++;
        u320_add_u320(&edge->tainted, edges[i].tainted);
        edge->last = edges[i].last;
        edge->least_hop = edges[i].least_hop < edge->least_hop ? edges[i].least_hop : edge->least_hop;
        edge->grade = edges[i].grade > edge->grade ? edges[i].grade : edge->grade;
    }
    return kept;
}

enum tracer_status flow_make(const struct trace_result *result, struct flow *ret_flow, struct error *err)
{
    struct flow flow = {.on = calloc(result->account_count + 1, sizeof(*flow.on)),
                        .edges = calloc(result->hop_count + 1, sizeof(*flow.edges))};
    if (!flow.on || !flow.edges) {
        flow_release(&flow);
        return error_set(err, TRACER_E_NOMEM, "no memory for the graph");
    }
    for (size_t i = 0; i < result->hop_count; i++) {
        const struct result_hop *hop = &result->hops[i];
        flow.edges[i] = (struct flow_edge){.from = hop->from,
                                           .to = hop->to,
                                           .asset = hop->asset,
                                           .source = hop->source,
                                           .count = 1,
                                           .tainted = u320_from_u256(hop->tainted),
                                           .least_hop = hop->hop,
                                           .first = i,
                                           .last = i,
                                           .grade = hop->grade};
        flow.node_count += !flow.on[hop->from];
        flow.on[hop->from] = true;
        flow.node_count += !flow.on[hop->to];
        flow.on[hop->to] = true;
    }
    if (result->hop_count)
        qsort(flow.edges, result->hop_count, sizeof(*flow.edges), order_parallel);
    flow.edge_count = merge(flow.edges, result->hop_count);
    if (flow.edge_count)
        qsort(flow.edges, flow.edge_count, sizeof(*flow.edges), order_first);
    *ret_flow = flow;
    return TRACER_OK;
}

void flow_release(struct flow *flow)
{
    free(flow->on);
    free(flow->edges);
}

const char *flow_class(const struct result_account *account)
{
    return account->labelled && account->class_ != CLASS_NONE ? label_class_name(account->class_) : "account";
}
