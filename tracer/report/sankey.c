/* sankey.c - tracer/sankey/1: the flow in columns by hop number, as d3-sankey (nodes, links) and Plotly
 * (data) read it. */
#include "flow.h"
#include "json_parts.h"

#include <stdio.h>
#include <stdlib.h>

#define LABEL_SIZE (AMOUNT_TEXT_SIZE + ASSET_SHOWN_SIZE)
#define ENTITY_SIZE 5 /* "&amp;" */

struct node { /* an account in a column */
    uint32_t column, account;
};

static int order_nodes(const void *a, const void *b)
{
    const struct node *x = a, *y = b;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->account < y->account ? -1 : x->account > y->account;
}

static struct node tail_of(const struct flow_edge *edge)
{
    return (struct node){edge->least_hop, edge->from};
}

static struct node head_of(const struct flow_edge *edge)
{
    return (struct node){edge->least_hop + 1, edge->to};
}

/* The ends of all edges, sorted, one of each. */
static size_t make_nodes(const struct flow *flow, struct node *nodes)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < flow->edge_count; i++) {
        nodes[count++] = tail_of(&flow->edges[i]);
        nodes[count++] = head_of(&flow->edges[i]);
    }
    if (count)
        qsort(nodes, count, sizeof(*nodes), order_nodes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || order_nodes(&nodes[kept - 1], &nodes[i]) != 0)
            nodes[kept++] = nodes[i];
    return kept;
}

static uint64_t index_of(struct node node, const struct node *nodes, size_t count)
{
    const struct node *found = bsearch(&node, nodes, count, sizeof(node), order_nodes);
    return (uint64_t)(found - nodes);
}

static void put_node(struct json_writer *json, const struct view *view, struct node node)
{
    const struct result_account *account = view_account(view, node.account);
    json_open(json, '{');
    json_put_account(json, "address", view, node.account);
    json_put_u64(json, "column", node.column);
    json_put_text(json, "name", account->labelled ? account->name : "");
    json_put_text(json, "class", flow_class(account));
    json_shut(json, '}');
}

static void put_link(struct json_writer *json, const struct trace_result *result, const struct view *view,
                     const struct flow_edge *edge, const struct node *nodes, size_t count)
{
    const struct result_asset *asset = view_asset(view, edge->asset);
    json_open(json, '{');
    json_put_u64(json, "source", index_of(tail_of(edge), nodes, count));
    json_put_u64(json, "target", index_of(head_of(edge), nodes, count));
    json_put_u64(json, "value", edge->weight);
    json_put_amount(json, "tainted", edge->tainted);
    if (!u320_is_zero(edge->unproven))
        json_put_amount(json, "unproven", edge->unproven);
    json_put_asset(json, "asset", view, edge->asset);
    json_put_text(json, "symbol", asset->symbol);
    json_put_u64(json, "decimals", asset->decimals);
    json_put_text(json, "taint_source", result->sources[edge->source]);
    json_put_u64(json, "hops", edge->count);
    json_put_position(json, "first", result->hops[edge->first].position);
    json_put_position(json, "last", result->hops[edge->last].position);
    json_put_text(json, "grade", grade_name(edge->grade));
    json_shut(json, '}');
}

/* Plotly takes labels for a kind of HTML. */
static void put_label(struct json_writer *json, const char *label)
{
    char escaped[LABEL_SIZE * ENTITY_SIZE];
    size_t at = 0;
    for (; *label; label++) {
        const char plain[] = {*label, '\0'}, *entity = *label == '<'   ? "&lt;"
                                                       : *label == '>' ? "&gt;"
                                                       : *label == '&' ? "&amp;"
                                                                       : plain;
        for (; *entity; entity++)
            escaped[at++] = *entity;
    }
    escaped[at] = '\0';
    json_text(json, escaped);
}

static void put_node_label(struct json_writer *json, const struct view *view, struct node node)
{
    const struct result_account *account = view_account(view, node.account);
    char name[NAME_SHOWN_SIZE], address[SHORT_TEXT_SIZE], label[LABEL_SIZE];
    name_shown(account->labelled ? account->name : "", name);
    address_short(account->address, address);
    snprintf(label, sizeof(label), "%s%s%s", name, name[0] ? " " : "", address);
    put_label(json, label);
}

static void put_link_label(struct json_writer *json, const struct view *view, const struct flow_edge *edge)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], label[LABEL_SIZE];
    view_tainted(view, edge->asset, edge->tainted, edge->unproven, amount);
    view_asset_name(view, edge->asset, asset);
    snprintf(label, sizeof(label), "%s %s", amount, asset);
    put_label(json, label);
}

static void put_plotly(struct json_writer *json, const struct view *view, const struct flow *flow,
                       const struct node *nodes, size_t count)
{
    json_put_open(json, "data", '[');
    json_open(json, '{');
    json_put_text(json, "type", "sankey");
    json_put_open(json, "node", '{');
    json_put_open(json, "label", '[');
    for (size_t i = 0; i < count; i++)
        put_node_label(json, view, nodes[i]);
    json_shut(json, ']');
    json_shut(json, '}');
    json_put_open(json, "link", '{');
    json_put_open(json, "source", '[');
    for (size_t i = 0; i < flow->edge_count; i++)
        json_u64(json, index_of(tail_of(&flow->edges[i]), nodes, count));
    json_shut(json, ']');
    json_put_open(json, "target", '[');
    for (size_t i = 0; i < flow->edge_count; i++)
        json_u64(json, index_of(head_of(&flow->edges[i]), nodes, count));
    json_shut(json, ']');
    json_put_open(json, "value", '[');
    for (size_t i = 0; i < flow->edge_count; i++)
        json_u64(json, flow->edges[i].weight);
    json_shut(json, ']');
    json_put_open(json, "label", '[');
    for (size_t i = 0; i < flow->edge_count; i++)
        put_link_label(json, view, &flow->edges[i]);
    json_shut(json, ']');
    json_shut(json, '}');
    json_shut(json, '}');
    json_shut(json, ']');
}

enum tracer_status sankey_trace(FILE *stream, const struct trace_result *result,
                                const struct report_options *options, struct error *err)
{
    struct json_writer json;
    struct flow flow;
    struct view view = view_of_trace(result);
    enum tracer_status status = flow_make_by_hop(result, &flow, err);
    (void)options;
    if (status)
        return status;
    struct node *nodes = calloc(2 * flow.edge_count + 1, sizeof(*nodes));
    if (!nodes) {
        flow_release(&flow);
        return error_set(err, TRACER_E_NOMEM, "no memory for the graph");
    }
    size_t count = make_nodes(&flow, nodes);
    json_writer_init(&json, stream);
    json_open(&json, '{');
    json_put_head(&json, "tracer/sankey/1", &view);
    json_put_open(&json, "nodes", '[');
    for (size_t i = 0; i < count; i++)
        put_node(&json, &view, nodes[i]);
    json_shut(&json, ']');
    json_put_open(&json, "links", '[');
    for (size_t i = 0; i < flow.edge_count; i++)
        put_link(&json, result, &view, &flow.edges[i], nodes, count);
    json_shut(&json, ']');
    put_plotly(&json, &view, &flow, nodes, count);
    json_put_truth(&json, "touches_gap", result->touches_gap);
    json_put_tail(&json, &view);
    json_shut(&json, '}');
    free(nodes);
    flow_release(&flow);
    return stream_done(stream, err);
}
