/* dot.c - the flow of a trace in the language of Graphviz. */
#include "flow.h"

#include <inttypes.h>

static void put_quoted(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void put_node(FILE *stream, const struct result_account *account)
{
    static const char *const shapes[CLASS_COUNT] = {[CLASS_NONE] = "box",          [CLASS_SERVICE] = "house", [CLASS_MIXER] = "octagon",
                                                    [CLASS_BRIDGE] = "hexagon", [CLASS_VENUE] = "ellipse"};
    char address[ADDRESS_TEXT_SIZE], shortened[SHORT_TEXT_SIZE], name[NAME_SHOWN_SIZE];
    address_format(account->address, address);
    address_short(account->address, shortened);
    name_shown(account->labelled ? account->name : "", name);
    fprintf(stream, "  \"%s\" [label=\"", address);
    put_quoted(stream, name);
    fprintf(stream, "%s%s\", shape=%s, class=\"%s\"];\n", name[0] ? "\\n" : "", shortened,
            shapes[account->labelled ? account->class_ : CLASS_NONE], flow_class(account));
}

static void put_edge(FILE *stream, const struct trace_result *result, const struct view *view, const struct flow_edge *edge)
{
    char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], amount[AMOUNT_TEXT_SIZE], exact[U320_DECIMAL_MAX], asset[ASSET_TEXT_SIZE],
        name[ASSET_SHOWN_SIZE], key[POSITION_TEXT_SIZE];
    address_format(view_account(view, edge->from)->address, from);
    address_format(view_account(view, edge->to)->address, to);
    view_tainted(view, edge->asset, edge->tainted, edge->unproven, amount);
    view_asset_name(view, edge->asset, name);
    u320_format_decimal(edge->tainted, exact);
    asset_format(view_asset(view, edge->asset)->asset, asset);
    position_format(result->hops[edge->first].position, key);
    fprintf(stream, "  \"%s\" -> \"%s\" [label=\"%s ", from, to, amount);
    put_quoted(stream, name);
    fprintf(stream, "\", tainted=\"%s\", asset=\"%s\", source=\"%s\", hops=\"%" PRIu64 "\", hop=\"%" PRIu32 "\", first=\"%s\", ", exact, asset,
            result->sources[edge->source], edge->count, edge->least_hop, key);
    position_format(result->hops[edge->last].position, key);
    fprintf(stream, "last=\"%s\", grade=\"%s\"", key, grade_name(edge->grade));
    u320_format_decimal(edge->unproven, exact);
    fprintf(stream, u320_is_zero(edge->unproven) ? "];\n" : ", unproven=\"%s\", style=dashed];\n", exact);
}

enum tracer_status dot_trace(FILE *stream, const struct trace_result *result, const struct report_options *options, struct error *err)
{
    struct flow flow;
    struct view view = view_of_trace(result);
    enum tracer_status status = flow_make(result, &flow, err);
    (void)options;
    if (status)
        return status;
    fputs("digraph \"tracer/dot/1\" {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=10];\n"
          "  edge [fontname=\"sans-serif\", fontsize=9];\n",
          stream);
    for (uint32_t i = 0; i < view.account_count; i++)
        if (flow.on[i])
            put_node(stream, view_account(&view, i));
    for (size_t i = 0; i < flow.edge_count; i++)
        put_edge(stream, result, &view, &flow.edges[i]);
    fputs("}\n", stream);
    flow_release(&flow);
    return stream_done(stream, err);
}
