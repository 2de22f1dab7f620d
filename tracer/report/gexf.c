/* gexf.c - the flow of a trace as GEXF (gexf.net, 1.3), for Gephi and NetworkX. */
#include "flow.h"
#include "xml.h"

#include <inttypes.h>

static void put_value(FILE *stream, const char *name, const char *text)
{
    fprintf(stream, "<attvalue for=\"%s\" value=\"", name);
    xml_put_text(stream, text);
    fputs("\"/>", stream);
}

static void put_number(FILE *stream, const char *name, uint64_t value)
{
    fprintf(stream, "<attvalue for=\"%s\" value=\"%" PRIu64 "\"/>", name, value);
}

static void put_node(FILE *stream, const struct result_account *account)
{
    char address[ADDRESS_TEXT_SIZE], name[NAME_SHOWN_SIZE];
    address_format(account->address, address);
    name_shown(account->labelled ? account->name : "", name);
    fprintf(stream, "      <node id=\"%s\" label=\"", address);
    xml_put_text(stream, name[0] ? name : address);
    fputs("\"><attvalues>", stream);
    put_value(stream, "name", name);
    put_value(stream, "class", flow_class(account));
    fputs("</attvalues></node>\n", stream);
}

static void put_edge(FILE *stream, const struct trace_result *result, const struct view *view,
                     const struct flow_edge *edge, size_t index)
{
    char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], exact[U320_DECIMAL_MAX], asset[ASSET_TEXT_SIZE],
        key[POSITION_TEXT_SIZE], symbol[NAME_SHOWN_SIZE];
    const struct result_asset *what = view_asset(view, edge->asset);
    address_format(view_account(view, edge->from)->address, from);
    address_format(view_account(view, edge->to)->address, to);
    u320_format_decimal(edge->tainted, exact);
    asset_format(what->asset, asset);
    name_shown(what->symbol, symbol);
    fprintf(stream, "      <edge id=\"e%zu\" source=\"%s\" target=\"%s\" weight=\"%" PRIu64 "\"><attvalues>",
            index, from, to, edge->weight);
    put_value(stream, "tainted", exact);
    put_value(stream, "asset", asset);
    put_value(stream, "symbol", symbol);
    put_value(stream, "taint_source", result->sources[edge->source]);
    position_format(result->hops[edge->first].position, key);
    put_value(stream, "first", key);
    position_format(result->hops[edge->last].position, key);
    put_value(stream, "last", key);
    put_value(stream, "grade", grade_name(edge->grade));
    u320_format_decimal(edge->unproven, exact);
    put_value(stream, "unproven", exact);
    put_number(stream, "decimals", what->decimals);
    put_number(stream, "hops", edge->count);
    put_number(stream, "hop", edge->least_hop);
    fputs("</attvalues></edge>\n", stream);
}

static void put_attributes(FILE *stream, const char *type, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "      <attribute id=\"%s\" title=\"%s\" type=\"%s\"/>\n", names[i], names[i], type);
}

enum tracer_status gexf_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err)
{
    static const char *const nodes[] = {"name", "class"}, *const edges[] = {"tainted",      "asset", "symbol",
                                                                            "taint_source", "first", "last",
                                                                            "grade", "unproven"},
                             *const numbers[] = {"decimals", "hops", "hop"};
    struct flow flow;
    struct view view = view_of_trace(result);
    enum tracer_status status = flow_make(result, &flow, err);
    (void)options;
    if (status)
        return status;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gexf xmlns=\"http://gexf.net/1.3\" version=\"1.3\">\n"
          "  <graph defaultedgetype=\"directed\" mode=\"static\">\n    <attributes class=\"node\">\n",
          stream);
    put_attributes(stream, "string", nodes, sizeof(nodes) / sizeof(nodes[0]));
    fputs("    </attributes>\n    <attributes class=\"edge\">\n", stream);
    put_attributes(stream, "string", edges, sizeof(edges) / sizeof(edges[0]));
    put_attributes(stream, "long", numbers, sizeof(numbers) / sizeof(numbers[0]));
    fputs("    </attributes>\n    <nodes>\n", stream);
    for (uint32_t i = 0; i < view.account_count; i++)
        if (flow.on[i])
            put_node(stream, view_account(&view, i));
    fputs("    </nodes>\n    <edges>\n", stream);
    for (size_t i = 0; i < flow.edge_count; i++)
        put_edge(stream, result, &view, &flow.edges[i], i);
    fputs("    </edges>\n  </graph>\n</gexf>\n", stream);
    flow_release(&flow);
    return stream_done(stream, err);
}
