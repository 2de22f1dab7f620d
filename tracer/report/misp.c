/* misp.c - an event of MISP (misp-standard.org, core format) with an object coin-address (misp-objects,
 * template version 7) for each account of the flow. */
#include "findings.h"
#include "flow.h"
#include "ids.h"
#include "json_parts.h"
#include "tracer/buffer.h"

#include <inttypes.h>
#include <stdlib.h>

#define NOT_PROVEN "; ? not all proven: some came out of an account whose history has a gap"
#define ORGANISATION "d405e438-139b-40ae-9e32-6fbdbc56fcd2" /* the identity of stix.c */
#define TEMPLATE "d0e6997e-78da-4815-a6a1-cfc1c1cb8a46"
#define TEXT_BYTES_MAX 60000u /* MISP keeps 65,535 of a value */

struct misp {
    struct json_writer json;
    const struct trace_result *result;
    struct view view;
    struct ids ids;
    struct flow flow;
    struct findings findings;
    size_t *first_out, *next_out;
    char seconds[24]; /* the end of the range */
};

static void put_uuid(struct misp *misp, const char *key, const char *kind, const char *name)
{
    char text[ADDRESS_TEXT_SIZE + 64], id[ID_TEXT_SIZE];
    snprintf(text, sizeof(text), "%s %s", kind, name);
    ids_text(&misp->ids, "", text, id);
    json_put_text(&misp->json, key, id);
}

/* Of an object where `relation` is not NULL. Values of findings are no detection rules: to_ids is false. */
static void put_attribute(struct misp *misp, const char *name, const char *relation, const char *type,
                          const char *value, const char *comment, bool correlates)
{
    struct json_writer *json = &misp->json;
    json_open(json, '{');
    put_uuid(misp, "uuid", relation ? relation : type, name);
    if (relation)
        json_put_text(json, "object_relation", relation);
    json_put_text(json, "type", type);
    json_put_text(json, "category", relation ? "Financial fraud" : "Other");
    json_put_text(json, "value", value);
    json_put_text(json, "comment", comment);
    json_put_truth(json, "to_ids", false);
    json_put_truth(json, "disable_correlation", !correlates);
    json_put_text(json, "distribution", "5");
    json_put_text(json, "timestamp", misp->seconds);
    json_shut(json, '}');
}

static void put_notes(struct misp *misp)
{
    const struct result_head *head = &misp->result->head;
    char name[32], text[TEXT_BYTES_MAX];
    json_put_open(&misp->json, "Attribute", '[');
    put_attribute(misp, "sha256", NULL, "text", misp->ids.sha256, "SHA-256 of the JSON result", false);
    if (head->repeat && head->repeat[0])
        put_attribute(misp, "repeat", NULL, "text",
                      shown_text(text, sizeof(text), head->repeat, strlen(head->repeat)),
                      "a command that repeats it", false);
    for (size_t i = 0; i < head->note_count; i++) {
        const char *note = head->notes[i].text[0] ? head->notes[i].text : "-";
        snprintf(name, sizeof(name), "%zu", i);
        put_attribute(misp, name, NULL, "comment", shown_text(text, sizeof(text), note, strlen(note)),
                      note_kind_name(head->notes[i].kind), false);
    }
    json_shut(&misp->json, ']');
}

/* "NAME (class, category, entity; says ORIGIN)" */
static void label_text(const struct result_account *account, char *to, size_t size)
{
    char name[NAME_SHOWN_SIZE], category[NAME_SHOWN_SIZE], entity[NAME_SHOWN_SIZE], origin[128];
    name_shown(account->name, name);
    name_shown(account->category, category);
    name_shown(account->entity, entity);
    shown_text(origin, sizeof(origin), account->origin, strlen(account->origin));
    snprintf(to, size, "label: %s (%s; category %s; entity %s) as claimed by: %s", name[0] ? name : "-",
             flow_class(account), category[0] ? category : "-", entity[0] ? entity : "-",
             origin[0] ? origin : "-");
}

/* What came to the account; fewer items, and how many are left out, if MISP would cut it. */
static enum tracer_status put_text(struct misp *misp, const char *address, size_t first, size_t end,
                                   struct error *err)
{
    struct buffer text;
    buffer_init(&text, 2 * TEXT_BYTES_MAX);
    buffer_printf(&text, "policy %s: ", misp->result->head.policy);
    if (first == end)
        buffer_text(&text, "sent tainted units; no flagged transfer came to it");
    for (size_t i = first; i < end; i++) {
        const struct finding *finding = &misp->findings.items[i];
        char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
        if (text.size > TEXT_BYTES_MAX - 1000) {
            buffer_printf(&text, "; and %zu more assets or sources", end - i);
            break;
        }
        view_tainted(&misp->view, finding->asset, finding->tainted, finding->unproven, amount);
        view_asset_name(&misp->view, finding->asset, asset);
        buffer_printf(&text,
                      "%s%s %s of %.64s came in (flagged hops: %" PRIu64 ", least hop number: %" PRIu32
                      ", weakest grade: %s%s)",
                      i > first ? "; " : "", amount, asset, misp->result->sources[finding->source],
                      finding->count, finding->least_hop, grade_name(finding->grade), u320_is_zero(finding->unproven) ? "" : NOT_PROVEN);
    }
    bool is_made = buffer_ok(&text);
    if (is_made)
        put_attribute(misp, address, "text", "text", text.data, "", false);
    buffer_release(&text);
    return is_made ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory for the report");
}

static void put_reference(struct misp *misp, const char *from, size_t index)
{
    struct json_writer *json = &misp->json;
    const struct flow_edge *edge = &misp->flow.edges[index];
    char to[ADDRESS_TEXT_SIZE], number[32], amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], comment[512];
    address_format(view_account(&misp->view, edge->to)->address, to);
    view_tainted(&misp->view, edge->asset, edge->tainted, edge->unproven, amount);
    view_asset_name(&misp->view, edge->asset, asset);
    snprintf(number, sizeof(number), "%zu", index);
    snprintf(comment, sizeof(comment), "%s %s of %.64s (flagged hops: %" PRIu64 ", weakest grade: %s%s)",
             amount, asset, misp->result->sources[edge->source], edge->count, grade_name(edge->grade), u320_is_zero(edge->unproven) ? "" : NOT_PROVEN);
    json_open(json, '{');
    put_uuid(misp, "uuid", "reference", number);
    put_uuid(misp, "object_uuid", "coin-address", from);
    put_uuid(misp, "referenced_uuid", "coin-address", to);
    json_put_text(json, "relationship_type", "transferred-to");
    json_put_text(json, "comment", comment);
    json_put_text(json, "timestamp", misp->seconds);
    json_shut(json, '}');
}

/* Items `first` to `end` of the findings are the account's. */
static enum tracer_status put_object(struct misp *misp, uint32_t index, size_t first, size_t end,
                                     struct error *err)
{
    struct json_writer *json = &misp->json;
    const struct result_account *account = view_account(&misp->view, index);
    char address[ADDRESS_TEXT_SIZE], label[512] = "", symbol[NAME_SHOWN_SIZE];
    address_format(account->address, address);
    if (account->labelled)
        label_text(account, label, sizeof(label));
    name_shown(misp->result->head.native_symbol, symbol);
    json_open(json, '{');
    put_uuid(misp, "uuid", "coin-address", address);
    json_put_text(json, "name", "coin-address");
    json_put_text(json, "meta-category", "financial");
    json_put_text(json, "description", "An address used in a cryptocurrency");
    json_put_text(json, "template_uuid", TEMPLATE);
    json_put_text(json, "template_version", "7");
    json_put_text(json, "comment", label);
    json_put_text(json, "distribution", "5");
    json_put_text(json, "timestamp", misp->seconds);
    json_put_open(json, "Attribute", '[');
    put_attribute(misp, address, "address-crypto", "text", address, label, true);
    if (symbol[0])
        put_attribute(misp, address, "symbol", "text", symbol, "", false);
    enum tracer_status status = put_text(misp, address, first, end, err);
    json_shut(json, ']');
    json_put_open(json, "ObjectReference", '[');
    for (size_t edge = misp->first_out[index]; edge != SIZE_MAX; edge = misp->next_out[edge])
        put_reference(misp, address, edge);
    json_shut(json, ']');
    json_shut(json, '}');
    return status;
}

/* Edges by the account that they leave: the first of each, then the next of the same. */
static enum tracer_status link_edges(struct misp *misp, struct error *err)
{
    misp->first_out = malloc((misp->view.account_count + 1) * sizeof(*misp->first_out));
    misp->next_out = malloc((misp->flow.edge_count + 1) * sizeof(*misp->next_out));
    if (!misp->first_out || !misp->next_out)
        return error_set(err, TRACER_E_NOMEM, "no memory for the report");
    for (size_t i = 0; i < misp->view.account_count; i++)
        misp->first_out[i] = SIZE_MAX;
    for (size_t i = misp->flow.edge_count; i-- > 0;) {
        misp->next_out[i] = misp->first_out[misp->flow.edges[i].from];
        misp->first_out[misp->flow.edges[i].from] = i;
    }
    return TRACER_OK;
}

static enum tracer_status put_objects(struct misp *misp, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t at = 0;
    json_put_open(&misp->json, "Object", '[');
    for (uint32_t i = 0; i < misp->view.account_count && !status; i++) {
        size_t end = at;
        if (at < misp->findings.count && misp->findings.items[at].account == i)
            end = findings_end(&misp->findings, at);
        if (misp->flow.on[i])
            status = put_object(misp, i, at, end, err);
        at = end;
    }
    json_shut(&misp->json, ']');
    return status;
}

static void put_head(struct misp *misp)
{
    struct json_writer *json = &misp->json;
    const struct result_head *head = &misp->result->head;
    char info[512], date[MOMENT_TEXT_SIZE];
    moment_date(ids_moment(misp->result, 0), date);
    snprintf(info, sizeof(info), "Where the money went: %.64s%s on %.64s, policy %s of taint/1%s",
             misp->result->source_count ? misp->result->sources[0] : "no source",
             misp->result->source_count > 1 ? " and other sources" : "", head->network, head->policy,
             misp->result->touches_gap ? "; the result touches a gap of what was read" : "");
    put_uuid(misp, "uuid", "event", "");
    json_put_text(json, "info", info);
    json_put_text(json, "date", date);
    json_put_text(json, "timestamp", misp->seconds);
    json_put_text(json, "threat_level_id", "4"); /* undefined */
    json_put_text(json, "analysis", "0");        /* initial: people have not looked at it */
    json_put_text(json, "distribution", "0");    /* your organisation only */
    json_put_truth(json, "published", false);
    json_put_open(json, "Orgc", '{');
    json_put_text(json, "name", "tracer");
    json_put_text(json, "uuid", ORGANISATION);
    json_shut(json, '}');
}

enum tracer_status misp_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err)
{
    struct misp misp = {.result = result, .view = view_of_trace(result)};
    (void)options;
    enum tracer_status status = ids_make(result, &misp.ids, err);
    if (!status)
        status = flow_make(result, &misp.flow, err);
    if (!status)
        status = findings_make(result, &misp.findings, err);
    if (!status)
        status = link_edges(&misp, err);
    if (!status) {
        snprintf(misp.seconds, sizeof(misp.seconds), "%" PRIu64, ids_moment(result, 0));
        json_writer_init(&misp.json, stream);
        misp.json.lines_depth = 3;
        json_open(&misp.json, '{');
        json_put_open(&misp.json, "Event", '{');
        put_head(&misp);
        put_notes(&misp);
        status = put_objects(&misp, err);
        json_shut(&misp.json, '}');
        json_shut(&misp.json, '}');
    }
    free(misp.first_out);
    free(misp.next_out);
    findings_release(&misp.findings);
    flow_release(&misp.flow);
    return status ? status : stream_done(stream, err);
}
