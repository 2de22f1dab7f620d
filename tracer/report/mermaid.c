/* mermaid.c - the first edges of the flow as a flowchart of Mermaid (mermaid.js.org), for Markdown. */
#include "flow.h"
#include "tracer/limits.h"

#include <inttypes.h>
#include <stdlib.h>

/* Letters, digits and little else stand for themselves: quotes, directives (%%{) and Markdown would mean
 * something in a label. */
static void put_label(FILE *stream, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,-";
    for (; *text; text++)
        if (strchr(plain, *text))
            fputc(*text, stream);
        else
            fprintf(stream, "#%d;", *text);
}

static void put_node(FILE *stream, const struct result_account *account, uint32_t index)
{
    static const char *const shapes[CLASS_COUNT][2] = {[CLASS_NONE] = {"[", "]"},
                                                       [CLASS_SERVICE] = {"[/", "\\]"},
                                                       [CLASS_MIXER] = {"[[", "]]"},
                                                       [CLASS_BRIDGE] = {"{{", "}}"},
                                                       [CLASS_VENUE] = {"([", "])"}};
    const char *const *shape = shapes[account->labelled ? account->class_ : CLASS_NONE];
    char address[ADDRESS_TEXT_SIZE], name[NAME_SHOWN_SIZE];
    address_format(account->address, address);
    name_shown(account->labelled ? account->name : "", name);
    fprintf(stream, "  n%" PRIu32 "%s\"", index, shape[0]);
    put_label(stream, name);
    fprintf(stream, "%s%s\"%s\n", name[0] ? "<br/>" : "", address, shape[1]);
}

static void put_edge(FILE *stream, const struct trace_result *result, const struct view *view,
                     const struct flow_edge *edge)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
    view_tainted(view, edge->asset, edge->tainted, edge->unproven, amount);
    view_asset_name(view, edge->asset, asset);
    fprintf(stream, "  n%" PRIu32 " -->|\"%s ", edge->from, amount);
    put_label(stream, asset);
    if (result->source_count > 1) {
        fputs("<br/>", stream);
        put_label(stream, result->sources[edge->source]);
    }
    fprintf(stream, "\"| n%" PRIu32 "\n", edge->to);
}

/* The chart of the first `shown` edges; 0 if memory ended. */
static size_t make_chart(const struct trace_result *result, struct flow *flow, size_t shown, char **ret_chart)
{
    size_t size = 0;
    struct view view = view_of_trace(result);
    FILE *stream = open_memstream(ret_chart, &size);
    if (!stream)
        return 0;
    memset(flow->on, 0, view.account_count * sizeof(*flow->on));
    for (size_t i = 0; i < shown; i++)
        flow->on[flow->edges[i].from] = flow->on[flow->edges[i].to] = true;
    fputs("flowchart LR\n", stream);
    if (shown < flow->edge_count)
        fprintf(stream,
                "  cut[\"CUT: the first %zu of %zu edges in chain order. The other formats have all.\"]\n",
                shown, flow->edge_count);
    if (result->touches_gap)
        fputs("  gap[\"GAP: the result touches a gap of what was read. The other formats name it.\"]\n",
              stream);
    for (uint32_t i = 0; i < view.account_count; i++)
        if (flow->on[i])
            put_node(stream, view_account(&view, i), i);
    for (size_t i = 0; i < shown; i++)
        put_edge(stream, result, &view, &flow->edges[i]);
    bool failed = ferror(stream) != 0;
    return fclose(stream) == 0 && !failed ? size : 0;
}

enum tracer_status mermaid_trace(FILE *stream, const struct trace_result *result,
                                 const struct report_options *options, struct error *err)
{
    struct flow flow;
    enum tracer_status status = flow_make(result, &flow, err);
    (void)options;
    if (status)
        return status;
    size_t shown = flow.edge_count < TRACER_MERMAID_EDGES_MAX ? flow.edge_count : TRACER_MERMAID_EDGES_MAX,
           size;
    char *chart = NULL;
    while ((size = make_chart(result, &flow, shown, &chart)) > TRACER_MERMAID_SIZE_MAX && shown) {
        free(chart);
        chart = NULL;
        shown /= 2;
    }
    if (size)
        fputs(chart, stream);
    free(chart);
    flow_release(&flow);
    return size ? stream_done(stream, err) : error_set(err, TRACER_E_NOMEM, "no memory for the chart");
}
