/* graphml.c - the flow of a trace as GraphML (graphml.graphdrawing.org, 1.0), for Gephi, yEd, Cytoscape, NetworkX. */
#include "flow.h"
#include "xml.h"

#include <inttypes.h>

static void put_data(FILE *stream, const char *key, const char *text)
{
    fprintf(stream, "<data key=\"%s\">", key);
    xml_put_text(stream, text);
    fputs("</data>", stream);
}

static void put_number(FILE *stream, const char *key, uint64_t value)
{
    fprintf(stream, "<data key=\"%s\">%" PRIu64 "</data>", key, value);
}

static void put_node(FILE *stream, const struct result_account *account)
{
    char address[ADDRESS_TEXT_SIZE], name[NAME_SHOWN_SIZE];
    address_format(account->address, address);
    name_shown(account->labelled ? account->name : "", name);
    fprintf(stream, "    <node id=\"%s\">", address);
    put_data(stream, "name", name);
    put_data(stream, "class", flow_class(account));
    fputs("</node>\n", stream);
}

static void put_edge(FILE *stream, const struct trace_result *result, const struct view *view, const struct flow_edge *edge, size_t index)
{
    char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], exact[U320_DECIMAL_MAX], asset[ASSET_TEXT_SIZE], key[POSITION_TEXT_SIZE],
        symbol[NAME_SHOWN_SIZE];
    const struct result_asset *what = view_asset(view, edge->asset);
    address_format(view_account(view, edge->from)->address, from);
    address_format(view_account(view, edge->to)->address, to);
    u320_format_decimal(edge->tainted, exact);
    asset_format(what->asset, asset);
    name_shown(what->symbol, symbol);
    fprintf(stream, "    <edge id=\"e%zu\" source=\"%s\" target=\"%s\">", index, from, to);
    put_data(stream, "tainted", exact);
    put_data(stream, "asset", asset);
    put_data(stream, "symbol", symbol);
    put_number(stream, "decimals", what->decimals);
    put_data(stream, "taint_source", result->sources[edge->source]);
    put_number(stream, "hops", edge->count);
    put_number(stream, "hop", edge->least_hop);
    position_format(result->hops[edge->first].position, key);
    put_data(stream, "first", key);
    position_format(result->hops[edge->last].position, key);
    put_data(stream, "last", key);
    put_data(stream, "grade", grade_name(edge->grade));
    u320_format_decimal(edge->unproven, exact);
    put_data(stream, "unproven", exact);
    fputs("</edge>\n", stream);
}

enum tracer_status graphml_trace(FILE *stream, const struct trace_result *result, const struct report_options *options, struct error *err)
{
    static const char *const nodes[] = {"name", "class"}, *const edges[] = {"tainted", "asset", "symbol", "taint_source", "first", "last", "grade", "unproven"},
                             *const numbers[] = {"decimals", "hops", "hop"};
    struct flow flow;
    struct view view = view_of_trace(result);
    enum tracer_status status = flow_make(result, &flow, err);
    (void)options;
    if (status)
        return status;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n", stream);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        fprintf(stream, "  <key id=\"%s\" for=\"node\" attr.name=\"%s\" attr.type=\"string\"/>\n", nodes[i], nodes[i]);
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        fprintf(stream, "  <key id=\"%s\" for=\"edge\" attr.name=\"%s\" attr.type=\"string\"/>\n", edges[i], edges[i]);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        fprintf(stream, "  <key id=\"%s\" for=\"edge\" attr.name=\"%s\" attr.type=\"long\"/>\n", numbers[i], numbers[i]);
    fputs("  <graph id=\"tracer\" edgedefault=\"directed\">\n", stream);
    for (uint32_t i = 0; i < view.account_count; i++)
        if (flow.on[i])
            put_node(stream, view_account(&view, i));
    for (size_t i = 0; i < flow.edge_count; i++)
        put_edge(stream, result, &view, &flow.edges[i], i);
    fputs("  </graph>\n</graphml>\n", stream);
    flow_release(&flow);
    return stream_done(stream, err);
}
