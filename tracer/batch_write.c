/* batch_write.c - rows of the output: what came in, untouched, and behind it the columns asked for. */
#include "batching.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/csv.h"

static const struct {
    const char *name;
    bool is_number; /* in JSON; the others are texts, null where there is none */
    bool is_foreign;
} columns[BATCH_COLUMN_COUNT] = {
    [BATCH_VERDICT] = {"verdict", false, false}, [BATCH_REASON] = {"reason", false, true},
    [BATCH_ASSET] = {"asset", false, false},     [BATCH_AMOUNT] = {"amount", false, false},
    [BATCH_TAINTED] = {"tainted", false, false}, [BATCH_UNKNOWN] = {"unknown", false, false},
    [BATCH_PPM_MIN] = {"ppm_min", true, false},  [BATCH_PPM_MAX] = {"ppm_max", true, false},
    [BATCH_SOURCE] = {"source", false, true},    [BATCH_HOP] = {"hop", true, false},
    [BATCH_KEY] = {"key", false, false},         [BATCH_RULE] = {"rule", false, false},
    [BATCH_AS_OF_BLOCK] = {"as_of_block", true, false}, [BATCH_PROVISIONAL] = {"provisional", true, false},
};

const char *batch_column_name(enum batch_column column)
{
    return columns[column].name;
}

bool batch_format_parse(const char *text, enum batch_format *ret_format)
{
    static const char *const names[BATCH_FORMAT_COUNT] = {[BATCH_CSV] = "csv", [BATCH_JSONL] = "jsonl", [BATCH_ALERTS] = "alerts"};
    for (int i = 0; i < BATCH_FORMAT_COUNT; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret_format = (enum batch_format)i;
            return true;
        }
    return false;
}

enum tracer_status batch_columns_parse(const char *text, struct batch_columns *ret_columns, struct error *err)
{
    struct batch_columns chosen = {.count = 0};
    bool used[BATCH_COLUMN_COUNT] = {false};
    for (int c = 0; !text && c < BATCH_DEFAULT_COUNT; c++)
        chosen.items[chosen.count++] = (enum batch_column)c;
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t length = strcspn(at, ",");
        int found = 0;
        while (found < BATCH_COLUMN_COUNT && (strlen(columns[found].name) != length || memcmp(columns[found].name, at, length) != 0))
            found++;
        if (found == BATCH_COLUMN_COUNT || used[found]) {
            char shown[TRACER_QUOTED_MAX];
            return error_set(err, TRACER_E_USAGE, "--columns: \"%s\" is %s", safe_text(shown, sizeof(shown), at, length),
                             found == BATCH_COLUMN_COUNT ? "no column (tracer help batch)" : "named twice");
        }
        used[found] = true;
        chosen.items[chosen.count++] = (enum batch_column)found;
    }
    *ret_columns = chosen;
    return TRACER_OK;
}

/* ---- CSV ---- */

bool batch_write_header(const struct batch_request *request, const struct batch_header *header, struct buffer *to)
{
    if (request->output_format != BATCH_CSV)
        return true;
    for (size_t i = 0; i < header->column_count; i++)
        csv_add(to, i == 0, header->names[i], strlen(header->names[i]), false);
    for (size_t c = 0; c < request->columns.count; c++)
        csv_add(to, false, columns[request->columns.items[c]].name, strlen(columns[request->columns.items[c]].name), false);
    return buffer_char(to, '\n');
}

static bool write_csv(const struct batch_request *request, const struct batch_header *header, const struct batch_row *row,
                      const struct batch_answer *answer, struct buffer *to)
{
    if (row->fields)
        buffer_add(to, row->raw.data, row->raw.size);
    for (size_t i = 1; !row->fields && i < header->column_count; i++)
        buffer_char(to, ','); /* it cannot be read: its columns stay empty */
    for (size_t c = 0; c < request->columns.count; c++) {
        enum batch_column column = request->columns.items[c];
        csv_add(to, false, answer->texts[column], strlen(answer->texts[column]), columns[column].is_foreign);
    }
    return buffer_char(to, '\n');
}

/* ---- JSON lines ---- */

/* What is no UTF-8 cannot stand in JSON: it is shown as shown_text() does. */
static json_t *make_text(const char *text)
{
    json_t *value = json_string(text);
    struct buffer shown;
    if (value)
        return value;
    buffer_init(&shown, TRACER_MIB(1));
    for (size_t length = 1; *text; text += length) {
        json_t *character = NULL;
        for (length = 1; length <= 4 && text[length - 1] && !(character = json_stringn(text, length)); length++)
            continue;
        if (character)
            buffer_add(&shown, text, length);
        else
            buffer_printf(&shown, "\\x{%x}", (unsigned)(uint8_t)text[length = 0]);
        length += !character;
        json_decref(character);
    }
    value = buffer_ok(&shown) ? json_stringn(shown.data, shown.size) : NULL;
    buffer_release(&shown);
    return value;
}

static bool write_text(struct buffer *to, const char *text)
{
    json_t *value = make_text(text);
    char *written = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    bool ok = written && buffer_text(to, written);
    free(written);
    json_decref(value);
    return ok;
}

static bool write_members(const struct batch_request *request, const struct batch_answer *answer, bool first, struct buffer *to)
{
    bool ok = true;
    for (size_t c = 0; c < request->columns.count && ok; c++) {
        enum batch_column column = request->columns.items[c];
        const char *text = answer->texts[column];
        buffer_printf(to, "%s\"%s\": ", first && c == 0 ? "" : ", ", columns[column].name);
        ok = !text[0] ? buffer_text(to, "null") : columns[column].is_number ? buffer_text(to, text) : write_text(to, text);
    }
    return ok;
}

static bool write_json(const struct batch_request *request, const struct batch_header *header, const struct batch_row *row,
                       const struct batch_answer *answer, struct buffer *to)
{
    bool first = true, ok = true;
    if (request->input_format == BATCH_CSV) {
        buffer_char(to, '{');
        for (size_t i = 0; row->fields && i < header->column_count && ok; i++, first = false)
            ok = buffer_text(to, first ? "" : ", ") && write_text(to, header->names[i]) && buffer_text(to, ": ") && write_text(to, row->fields[i]);
    } else if (row->problem) { /* perhaps no object: nothing of it is repeated */
        buffer_char(to, '{');
    } else {
        size_t size = row->raw.size; /* up to the last brace, behind which there is only space */
        while (row->raw.data[size - 1] != '}')
            size--;
        buffer_add(to, row->raw.data, size - 1);
        first = false; /* it has a target */
    }
    return ok && write_members(request, answer, first, to) && buffer_text(to, "}\n");
}

/* ---- alerts, in the words of transaction monitoring ---- */

/* What is sanctioned weighs most, then what is direct. */
static const char *alert_level(const struct batch_answer *answer)
{
    bool sanctioned = answer->category && strcmp(answer->category, "sanctioned") == 0;
    if (answer->verdict == VERDICT_CANNOT_TELL)
        return "LOW";
    return sanctioned && answer->direct ? "SEVERE" : sanctioned || answer->direct ? "HIGH" : "MEDIUM";
}

static bool write_member(struct buffer *to, const char *name, const char *text)
{
    return buffer_printf(to, ", \"%s\": ", name) && (text && text[0] ? write_text(to, text) : buffer_text(to, "null"));
}

static bool write_alert(const struct batch_row *row, const struct batch_answer *answer, struct buffer *to)
{
    const char *const *texts = answer->texts;
    if (answer->verdict == VERDICT_CLEAN)
        return true;
    bool exposed = answer->verdict == VERDICT_EXPOSED;
    return buffer_printf(to, "{\"schema\": \"tracer/alert/1\", \"line\": %" PRIu64, row->line) && write_member(to, "target", row->target) &&
           write_member(to, "to", row->to) && write_member(to, "alertLevel", alert_level(answer)) &&
           write_member(to, "category", exposed ? answer->category : NULL) && write_member(to, "service", exposed ? answer->service : NULL) &&
           write_member(to, "exposureType", !exposed || !answer->category ? NULL : answer->direct ? "DIRECT" : "INDIRECT") &&
           write_member(to, "alertAmount", exposed ? answer->alert_amount : NULL) && write_member(to, "asset", exposed ? answer->alert_asset : texts[BATCH_ASSET]) &&
           write_member(to, "key", texts[BATCH_KEY]) && write_member(to, "verdict", texts[BATCH_VERDICT]) && write_member(to, "rule", texts[BATCH_RULE]) &&
           write_member(to, "reason", texts[BATCH_REASON]) && buffer_text(to, "}\n");
}

bool batch_write_row(const struct batch_request *request, const struct batch_header *header, const struct batch_row *row,
                     const struct batch_answer *answer, struct buffer *to)
{
    if (request->output_format == BATCH_ALERTS)
        return write_alert(row, answer, to);
    return (request->output_format == BATCH_CSV ? write_csv : write_json)(request, header, row, answer, to);
}
