/* format.c - the table of formats. */
#include "view.h"

#include <string.h>

static const struct report_format formats[] = {
    {"text", "a report to read: where it went, flagged hops, limits, how to repeat it", text_trace,
     text_new_hops, text_compare, text_explain, text_audit, text_check, text_check_policies},
    {"json", "everything, as docs/trace-1.schema.json and docs/check-1.schema.json say", json_trace,
     json_new_hops, json_compare, json_explain, json_audit, json_check, json_check_policies},
    {"csv", "one line a flagged hop, or a line and source of a check", csv_trace, csv_new_hops, csv_compare, csv_explain, csv_audit, csv_check, NULL},
    {"jsonl", "trace: one JSON object a flagged hop and line", jsonl_trace, json_new_hops, NULL, NULL, NULL, NULL, NULL},
    {"dot", "trace: the flow as a graph for Graphviz", dot_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"graphml", "trace: the flow as a graph for Gephi, yEd, Cytoscape, NetworkX", graphml_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"sankey", "trace: the flow in columns by hop number, for d3-sankey and Plotly", sankey_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"mermaid", "trace: the first edges of the flow as a Mermaid flowchart, for Markdown", mermaid_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"gexf", "trace: the flow as a graph for Gephi and NetworkX (GEXF 1.3)", gexf_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"stix", "trace: a STIX 2.1 bundle: addresses, flagged hops, report and limits", stix_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"misp", "trace: an event for MISP: an object coin-address for each account of the flow", misp_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"tagpack", "trace: a TagPack for GraphSense: what came to which account, with confidence", tagpack_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"sar", "trace: a draft narrative of a suspicious activity report, with evidence references", sar_trace, NULL, NULL, NULL, NULL, NULL, NULL},
    {"html", "trace: one page to look at, print and pass on; the JSON is inside", html_trace, NULL, html_compare, NULL, NULL, NULL, NULL},
};

const struct report_format *report_at(size_t index)
{
    return index < sizeof(formats) / sizeof(formats[0]) ? &formats[index] : NULL;
}

const struct report_format *report_find(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}
