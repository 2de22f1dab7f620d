/* tagpack.c - findings as a TagPack (github.com/graphsense/graphsense-tagpacks): one tag for each account and
 * source whose tainted units came to it. YAML in a shape that every version reads the same way: texts in
 * single quotes, printable ASCII. */
#include "findings.h"
#include "ids.h"
#include "json_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 2048u

/* 'text', a quote in it doubled. */
static void put_quoted(FILE *stream, const char *text)
{
    fputc('\'', stream);
    for (; *text; text++)
        fputs(*text == '\'' ? "''" : (const char[]){*text, '\0'}, stream);
    fputc('\'', stream);
}

static void put_member(FILE *stream, const char *key, const char *text)
{
    char shown[TEXT_SIZE];
    fprintf(stream, "%s: ", key);
    put_quoted(stream, shown_text(shown, sizeof(shown), text, strlen(text)));
    fputc('\n', stream);
}

/* Of the levels of TagPack: what a seed declares stolen is a forensic finding (50), what a policy assigns further on a
 * heuristic (10); if every path leads over an inferred transfer it is unknown (5). */
static const char *confidence(const struct finding *items, size_t count)
{
    bool is_declared = false, is_read = false;
    for (size_t i = 0; i < count; i++) {
        is_declared |= items[i].is_declared;
        is_read |= items[i].is_read;
    }
    return is_declared ? "forensic" : is_read ? "heuristic" : "unknown";
}

static void put_header(FILE *stream, const struct trace_result *result, const struct ids *ids)
{
    const struct result_head *head = &result->head;
    char text[TEXT_SIZE], repeat[1024], date[MOMENT_TEXT_SIZE], symbol[NAME_SHOWN_SIZE];
    const char *command = head->repeat ? head->repeat : "";
    for (size_t i = 0; i < head->note_count; i++)
        fprintf(stream, "# %s: %s\n", note_kind_name(head->notes[i].kind),
                shown_text(text, sizeof(text), head->notes[i].text, strlen(head->notes[i].text)));
    snprintf(text, sizeof(text), "Where the money went on %.64s, policy %s", head->network, head->policy);
    put_member(stream, "title", text);
    put_member(stream, "creator", "tracer");
    shown_text(repeat, sizeof(repeat), command, strlen(command));
    snprintf(
        text, sizeof(text),
        "Accounts that tainted units came to, under policy %s of taint/1.%s It says what came, not who the "
        "holder is. Repeat it with: %s",
        head->policy, result->touches_gap ? " The result touches a gap of what was read." : "", repeat);
    put_member(stream, "description", text);
    snprintf(text, sizeof(text), "tracer/trace/1 sha256:%s", ids->sha256);
    put_member(stream, "source", text);
    moment_date(ids_moment(result, 0), date);
    fprintf(stream, "lastmod: %s\n", date);
    name_shown(head->native_symbol, symbol);
    if (symbol[0])
        snprintf(text, sizeof(text), "%s", symbol);
    else
        snprintf(text, sizeof(text), "eip155:%" PRIu64, head->chain_id);
    put_member(stream, "currency", text);
    put_member(stream, "network", text);
    fputs("is_cluster_definer: false\ntag_type: event\n", stream);
}

/* The numbers, as JSON in a text. */
static enum tracer_status put_context(FILE *stream, const struct trace_result *result,
                                      const struct view *view, const struct finding *items, size_t count,
                                      struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    struct json_writer json;
    if (!memory)
        return error_set(err, TRACER_E_NOMEM, "no memory for the report");
    json_writer_init_line(&json, memory);
    json_open(&json, '{');
    json_put_text(&json, "policy", result->head.policy);
    json_put_text(&json, "taint_source", result->sources[items->source]);
    json_put_open(&json, "came", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&json, '{');
        json_put_asset(&json, "asset", view, items[i].asset);
        json_put_text(&json, "symbol", view_asset(view, items[i].asset)->symbol);
        json_put_u64(&json, "decimals", view_asset(view, items[i].asset)->decimals);
        json_put_amount(&json, "tainted", items[i].tainted);
        if (!u320_is_zero(items[i].unproven))
            json_put_amount(&json, "unproven", items[i].unproven);
        json_put_u64(&json, "hops", items[i].count);
        json_put_u64(&json, "hop", items[i].least_hop);
        json_put_position(&json, "first", result->hops[items[i].first].position);
        json_put_position(&json, "last", result->hops[items[i].last].position);
        json_put_text(&json, "path_grade", grade_name(items[i].grade));
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_shut(&json, '}');
    bool is_whole = fflush(memory) == 0 && !ferror(memory);
    if (fclose(memory) != 0 || !is_whole || !text || size == 0) {
        free(text);
        return error_set(err, TRACER_E_NOMEM, "no memory for the report");
    }
    text[strcspn(text, "\n")] = '\0';
    fputs("  context: ", stream);
    put_quoted(stream, text);
    fputc('\n', stream);
    free(text);
    return TRACER_OK;
}

/* Items of one account and source. */
static enum tracer_status put_tag(FILE *stream, const struct trace_result *result, const struct view *view,
                                  const struct finding *items, size_t count, struct error *err)
{
    char address[ADDRESS_TEXT_SIZE], label[TRACER_SOURCE_NAME_MAX + 64];
    address_format(view_account(view, items->account)->address, address);
    snprintf(label, sizeof(label), "received units tainted by %s", result->sources[items->source]);
    put_member(stream, "- address", address);
    put_member(stream, "  label", label);
    put_member(stream, "  confidence", confidence(items, count));
    return put_context(stream, result, view, items, count, err);
}

enum tracer_status tagpack_trace(FILE *stream, const struct trace_result *result,
                                 const struct report_options *options, struct error *err)
{
    struct ids ids;
    struct findings findings;
    struct view view = view_of_trace(result);
    bool any = false;
    (void)options;
    enum tracer_status status = ids_make(result, &ids, err);
    if (!status)
        status = findings_make(result, &findings, err);
    if (status)
        return status;
    put_header(stream, result, &ids);
    fputs("tags:", stream);
    for (size_t first = 0, end; first < findings.count && !status; first = end) {
        const struct finding *item = &findings.items[first];
        for (end = first; end < findings.count && findings.items[end].account == item->account &&
                          findings.items[end].source == item->source;)
            end++;
        if (address_is_void(view_account(&view, item->account)->address))
            continue; /* burned: nobody's account */
        fputs(any ? "" : "\n", stream);
        any = true;
        status = put_tag(stream, result, &view, item, end - first, err);
    }
    fputs(any ? "" : " []\n", stream);
    findings_release(&findings);
    return status ? status : stream_done(stream, err);
}
