/* flow.c - see flow.h. */
#include "flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int order_ends(const void *a, const void *b)
{
    const struct flow_edge *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->asset != y->asset)
        return x->asset < y->asset ? -1 : 1;
    return x->source < y->source ? -1 : x->source > y->source;
}

static int order_first(const void *a, const void *b)
{
    const struct flow_edge *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int order_parallel(const void *a, const void *b)
{
    int order = order_ends(a, b);
    return order ? order : order_first(a, b);
}

static int order_parallel_by_hop(const void *a, const void *b)
{
    const struct flow_edge *x = a, *y = b;
    int order = order_ends(a, b);
    if (order == 0 && x->least_hop != y->least_hop)
        return x->least_hop < y->least_hop ? -1 : 1;
    return order ? order : order_first(a, b);
}

/* Edges in the order of parallel ones: one of each. */
static size_t merge(struct flow_edge *edges, size_t count, bool by_hop)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || order_ends(&edges[kept - 1], &edges[i]) != 0 ||
            (by_hop && edges[kept - 1].least_hop != edges[i].least_hop)) {
            edges[kept++] = edges[i];
            continue;
        }
        struct flow_edge *edge = &edges[kept - 1];
        edge->count++;
        u320_add_u320(&edge->tainted, edges[i].tainted);
        u320_add_u320(&edge->unproven, edges[i].unproven);
        edge->last = edges[i].last;
        edge->least_hop = edges[i].least_hop < edge->least_hop ? edges[i].least_hop : edge->least_hop;
        edge->grade = edges[i].grade > edge->grade ? edges[i].grade : edge->grade;
    }
    return kept;
}

static bool set_weights(const struct trace_result *result, struct flow *flow)
{
    struct u320 *greatest = calloc(result->asset_count + 1, sizeof(*greatest)), most = {{FLOW_WEIGHT_MAX}};
    if (!greatest)
        return false;
    for (size_t i = 0; i < flow->edge_count; i++)
        if (u320_compare(flow->edges[i].tainted, greatest[flow->edges[i].asset]) > 0)
            greatest[flow->edges[i].asset] = flow->edges[i].tainted;
    for (size_t i = 0; i < flow->edge_count; i++) {
        struct flow_edge *edge = &flow->edges[i];
        struct u320 weight = {{0}};
        bool fits =
            u320_is_zero(edge->tainted) || u320_mul_div(edge->tainted, most, greatest[edge->asset], &weight);
        assert(fits); /* no edge is above the greatest */
        edge->weight = weight.limb[0] ? weight.limb[0] : 1;
    }
    free(greatest);
    return true;
}

static enum tracer_status make(const struct trace_result *result, bool by_hop, struct flow *ret_flow,
                               struct error *err)
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
                                           .unproven = u320_from_u256(hop->unproven),
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
        qsort(flow.edges, result->hop_count, sizeof(*flow.edges),
              by_hop ? order_parallel_by_hop : order_parallel);
    flow.edge_count = merge(flow.edges, result->hop_count, by_hop);
    if (flow.edge_count)
        qsort(flow.edges, flow.edge_count, sizeof(*flow.edges), order_first);
    if (!set_weights(result, &flow)) {
        flow_release(&flow);
        return error_set(err, TRACER_E_NOMEM, "no memory for the graph");
    }
    *ret_flow = flow;
    return TRACER_OK;
}

enum tracer_status flow_make(const struct trace_result *result, struct flow *ret_flow, struct error *err)
{
    return make(result, false, ret_flow, err);
}

enum tracer_status flow_make_by_hop(const struct trace_result *result, struct flow *ret_flow,
                                    struct error *err)
{
    return make(result, true, ret_flow, err);
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
