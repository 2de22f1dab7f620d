/* batch_rows.c - where a row of the input begins and ends, and what it asks. */
#include "batching.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/arena.h"
#include "tracer/csv.h"

uint64_t batch_lines(const char *data, size_t size)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), low = ones * 0x7f;
    uint64_t lines = 0;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        word ^= ones * '\n';                            /* a line end is a zero byte */
        word = ~(((word & low) + low) | word | low); /* its highest bit is set, and no other */
        lines += (word >> 7) * ones >> 56;
    }
    for (; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

static size_t first_line(const char *data, size_t size)
{
    const char *end = memchr(data, '\n', size);
    return end ? (size_t)(end - data) + 1 : size;
}

bool batch_cut(enum batch_format format, const char *data, size_t size, bool at_end, size_t *ret_size, bool *ret_broken)
{
    size_t line = first_line(data, size);
    bool ends = line < size || (size && data[size - 1] == '\n') || at_end;
    *ret_broken = false;
    *ret_size = line;
    if (format == BATCH_JSONL || !memchr(data, '"', line))
        return ends;
    bool quoted = false, begins = true; /* of a field */
    for (size_t i = 0; i < size && i < TRACER_CSV_LINE_MAX; i++) {
        char c = data[i];
        if (!quoted && c == '\n') {
            *ret_size = i + 1;
            return true;
        }
        if (c == '"' && (quoted || begins))
            quoted = !quoted; /* "" inside closes and opens again */
        begins = !quoted && c == ',';
        if (c == '"' && !quoted)
            begins = i + 1 < size && data[i + 1] == '"';
    }
    if (size < TRACER_CSV_LINE_MAX && !at_end)
        return false;
    *ret_size = quoted || size >= TRACER_CSV_LINE_MAX ? line : size;
    *ret_broken = quoted || size >= TRACER_CSV_LINE_MAX;
    return true;
}

static struct bytes without_end(const char *data, size_t size)
{
    if (size && data[size - 1] == '\n')
        size--;
    if (size && data[size - 1] == '\r')
        size--;
    return (struct bytes){(const uint8_t *)data, size};
}

/* ---- CSV ---- */

/* The fields of a row, NUL-terminated in the arena. NULL and a problem: it does not parse. */
static const char **split(struct bytes raw, size_t columns, struct arena *arena, size_t *ret_count, const char **ret_problem)
{
    const char *at = (const char *)raw.data, *end = at + raw.size;
    const char **fields = arena_calloc(arena, columns + 1, sizeof(*fields));
    char *text = arena_alloc(arena, raw.size + columns + 2);
    size_t count = 0;
    if (!fields || !text)
        return NULL;
    for (;; at++) { /* over the comma */
        char *field = text;
        if (at < end && *at == '"') {
            for (at++; at < end && (*at != '"' || (at + 1 < end && at[1] == '"')); at++) {
                at += *at == '"';
                *text++ = *at;
            }
            *ret_count = count;
            *ret_problem = at == end ? "a quote is not closed" : "text behind a closing quote";
            if (at == end || (++at < end && *at != ','))
                return NULL;
            *ret_problem = NULL;
        } else {
            for (; at < end && *at != ','; at++) {
                *ret_count = count;
                *ret_problem = *at == '"' ? "a quote inside a field that is not quoted" : *at == '\r' ? "a carriage return inside a field that is not quoted" : NULL;
                if (*ret_problem)
                    return NULL;
                *text++ = *at;
            }
        }
        *text++ = '\0';
        if (count < columns)
            fields[count] = field;
        count++;
        if (at == end)
            break;
    }
    *ret_count = count;
    return fields;
}

enum tracer_status batch_read_header(const char *name, const char *data, size_t size, const struct batch_columns *columns, struct arena *arena,
                                     struct batch_header *ret_header, struct error *err)
{
    struct bytes raw = without_end(data, size);
    const char *problem = NULL;
    size_t count = 0;
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        return error_set(err, TRACER_E_USAGE, "%s:1: begins with a byte order mark: save it as UTF-8 without one", name);
    if (memchr(raw.data, '\0', raw.size))
        return error_set(err, TRACER_E_USAGE, "%s:1: holds a NUL byte", name);
    const char **fields = split(raw, TRACER_CSV_COLUMNS_MAX, arena, &count, &problem);
    if (!fields)
        return problem ? error_set(err, TRACER_E_USAGE, "%s:1: column %zu: %s", name, count + 1, problem)
                       : error_set(err, TRACER_E_NOMEM, "no memory");
    if (count > TRACER_CSV_COLUMNS_MAX)
        return error_set(err, TRACER_E_USAGE, "%s:1: more than %u columns", name, TRACER_CSV_COLUMNS_MAX);
    struct batch_header header = {BATCH_NONE, BATCH_NONE, BATCH_NONE, count, size, arena_calloc(arena, count + 1, sizeof(char *))};
    if (!header.names)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < count; i++) {
        header.names[i] = arena_text(arena, fields[i], strlen(fields[i]));
        if (!header.names[i])
            return error_set(err, TRACER_E_NOMEM, "no memory");
        size_t *known = strcmp(fields[i], "target") == 0 ? &header.target : strcmp(fields[i], "chain") == 0 ? &header.chain
                                                                       : strcmp(fields[i], "to") == 0    ? &header.to
                                                                                                          : NULL;
        if (known && *known != BATCH_NONE)
            return error_set(err, TRACER_E_USAGE, "%s:1: the column %s stands there twice", name, fields[i]);
        if (known)
            *known = i;
        for (size_t c = 0; c < columns->count; c++)
            if (strcmp(fields[i], batch_column_name(columns->items[c])) == 0)
                return error_set(err, TRACER_E_USAGE, "%s:1: the column %s is there already, and would be added (choose with --columns)", name, fields[i]);
    }
    if (header.target == BATCH_NONE)
        return error_set(err, TRACER_E_USAGE, "%s:1: the column target is missing", name);
    *ret_header = header;
    return TRACER_OK;
}

static enum tracer_status read_csv(const struct batch_header *header, struct batch_row *row, bool broken, struct arena *arena, struct error *err)
{
    size_t count = 0;
    const char *problem = NULL;
    row->fields = broken ? NULL : split(row->raw, header->column_count, arena, &count, &problem);
    if (!row->fields && !broken && !problem)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (broken)
        row->problem = arena_printf(arena, "line %" PRIu64 ": a quote is not closed", row->line);
    else if (!row->fields)
        row->problem = arena_printf(arena, "line %" PRIu64 ", column %zu: %s", row->line, count + 1, problem);
    else if (count != header->column_count)
        row->problem = arena_printf(arena, "line %" PRIu64 ": %zu columns instead of %zu", row->line, count, header->column_count);
    else
        return TRACER_OK;
    row->fields = NULL;
    return row->problem ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

/* ---- JSON lines ---- */

static enum tracer_status read_member(const json_t *object, const char *key, struct arena *arena, struct batch_row *row, const char **ret_text,
                                      struct error *err)
{
    const json_t *value = json_object_get(object, key);
    *ret_text = "";
    if (!value || json_is_null(value))
        return TRACER_OK;
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value)) {
        row->problem = arena_printf(arena, "line %" PRIu64 ": member \"%s\" is no text", row->line, key);
        return row->problem ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    }
    *ret_text = arena_text(arena, json_string_value(value), json_string_length(value));
    return *ret_text ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

static enum tracer_status read_json(struct batch_row *row, const struct batch_columns *columns, struct arena *arena, struct error *err)
{
    json_error_t where;
    enum tracer_status status = TRACER_OK;
    /* Numbers of other members may be larger than an integer of Jansson's; none is used, and the line is repeated as it stands. */
    json_t *object = json_loadb((const char *)row->raw.data, row->raw.size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &where);
    if (!json_is_object(object)) {
        row->problem = object ? arena_printf(arena, "line %" PRIu64 ": no JSON object", row->line)
                              : arena_printf(arena, "line %" PRIu64 ", column %d: no JSON", row->line, where.column);
        json_decref(object);
        return row->problem ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    }
    if ((status = read_member(object, "target", arena, row, &row->target, err)) || (status = read_member(object, "chain", arena, row, &row->chain, err)) ||
        (status = read_member(object, "to", arena, row, &row->to, err)))
        goto done;
    for (size_t c = 0; c < columns->count && !row->problem; c++)
        if (json_object_get(object, batch_column_name(columns->items[c])) &&
            !(row->problem = arena_printf(arena, "line %" PRIu64 ": has a member \"%s\" already", row->line, batch_column_name(columns->items[c]))))
            status = error_set(err, TRACER_E_NOMEM, "no memory");
done:
    json_decref(object);
    return status;
}

/* ---- both ---- */

const char *batch_overlong(struct arena *arena, uint64_t line)
{
    return arena_printf(arena, "line %" PRIu64 ": longer than %zu bytes", line, TRACER_CSV_LINE_MAX);
}

enum tracer_status batch_read_row(enum batch_format format, const struct batch_columns *columns, const struct batch_header *header, struct bytes line_bytes,
                                  uint64_t line, bool broken, struct arena *arena, struct batch_row *ret_row, struct error *err)
{
    struct batch_row row = {.raw = without_end((const char *)line_bytes.data, line_bytes.size), .line = line, .target = "", .chain = "", .to = ""};
    enum tracer_status status = TRACER_OK;
    if (row.raw.size > TRACER_CSV_LINE_MAX)
        row.problem = batch_overlong(arena, line);
    else if (memchr(row.raw.data, '\0', row.raw.size))
        row.problem = arena_printf(arena, "line %" PRIu64 ": holds a NUL byte", line);
    else if (format == BATCH_JSONL)
        status = read_json(&row, columns, arena, err);
    else
        status = read_csv(header, &row, broken, arena, err);
    if (!status && row.fields) {
        row.target = row.fields[header->target];
        row.chain = header->chain == BATCH_NONE ? "" : row.fields[header->chain];
        row.to = header->to == BATCH_NONE ? "" : row.fields[header->to];
    }
    if (!status && !row.problem && !row.target[0])
        row.problem = arena_printf(arena, "line %" PRIu64 ": no target", line);
    *ret_row = row;
    return status;
}
