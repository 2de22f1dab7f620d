/* csv.c - see tracer/csv.h. */
#include "tracer/csv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_COLUMN SIZE_MAX
#define CHUNK ((size_t)1 << 18)

struct csv {
    FILE *file; /* NULL: memory */
    char *name; /* in messages */
    char separator;
    const char *at, *end; /* unread bytes */
    char *chunk;          /* of the file */
    char *line;           /* a line that crosses chunks, or has quotes */
    uint64_t line_number;
    size_t column_count;                  /* wanted */
    char **column_names;                  /* wanted */
    size_t place[TRACER_CSV_COLUMNS_MAX]; /* wanted column -> place in the file, NO_COLUMN */
    size_t places;                        /* columns of the file */
};

static enum tracer_status line_error(const struct csv *csv, struct error *err, const char *what)
{
    return error_set(err, TRACER_E_USAGE, "%s:%" PRIu64 ": %s", csv->name, csv->line_number, what);
}

/* The next line without its end, in *ret_text (writable copy in csv->line when it crosses a chunk).
 * TRACER_E_NOT_FOUND at the end. */
static enum tracer_status next_line(struct csv *csv, const char **ret_text, size_t *ret_length,
                                    struct error *err)
{
    size_t held = 0; /* bytes of this line in csv->line */
    csv->line_number++;
    for (;;) {
        size_t left = (size_t)(csv->end - csv->at);
        const char *newline = left ? memchr(csv->at, '\n', left) : NULL;
        size_t part = newline ? (size_t)(newline - csv->at) : left;
        if (part > TRACER_CSV_LINE_MAX - held)
            return line_error(csv, err, "the line is longer than the ceiling of 64 KiB");
        if (newline && held == 0) {
            *ret_text = csv->at;
            *ret_length = part;
            csv->at = newline + 1;
            return TRACER_OK;
        }
        if (part)
            memcpy(csv->line + held, csv->at, part);
        held += part;
        csv->at += part + (newline ? 1 : 0);
        if (!newline && csv->file) {
            size_t got = fread(csv->chunk, 1, CHUNK, csv->file);
            if (got == 0 && ferror(csv->file))
                return error_set(err, TRACER_E_IO, "%s: %s", csv->name, strerror(errno));
            csv->at = csv->chunk;
            csv->end = csv->chunk + got;
            if (got)
                continue;
        }
        if (!newline && held == 0)
            return TRACER_E_NOT_FOUND;
        *ret_text = csv->line;
        *ret_length = held;
        return TRACER_OK;
    }
}

/* Split a line with quotes in place (RFC 4180); `text` is csv->line. */
static enum tracer_status split_quoted(struct csv *csv, char *text, size_t length, struct csv_field *places,
                                       size_t *ret_count, struct error *err)
{
    size_t count = 0, at = 0;
    for (;;) {
        if (count == TRACER_CSV_COLUMNS_MAX)
            return line_error(csv, err, "too many columns");
        char *start = text + at, *write = start;
        if (at < length && text[at] == '"') {
            at++;
            for (;; at++) {
                if (at >= length)
                    return line_error(csv, err, "a quote is not closed on its line");
                if (text[at] == '"') {
                    if (at + 1 >= length || text[at + 1] != '"')
                        break;
                    at++;
                }
                *write++ = text[at];
            }
            at++;
            if (at < length && text[at] != csv->separator)
                return line_error(csv, err, "text behind a closing quote");
        } else {
            while (at < length && text[at] != csv->separator) {
                if (text[at] == '"')
                    return line_error(csv, err, "a quote inside a field that does not begin with one");
                *write++ = text[at++];
            }
        }
        places[count++] = (struct csv_field){start, (size_t)(write - start)};
        if (at >= length)
            break;
        at++;
    }
    *ret_count = count;
    return TRACER_OK;
}

static enum tracer_status split(struct csv *csv, const char *text, size_t length, struct csv_field *places,
                                size_t *ret_count, struct error *err)
{
    if (length && text[length - 1] == '\r')
        length--;
    if (memchr(text, '\0', length))
        return line_error(csv, err, "a NUL byte");
    if (memchr(text, '\r', length))
        return line_error(csv, err, "a carriage return inside a line");
    if (csv->separator == ',' && memchr(text, '"', length)) {
        if (text != csv->line)
            memcpy(csv->line, text, length);
        return split_quoted(csv, csv->line, length, places, ret_count, err);
    }
    size_t count = 0;
    for (const char *at = text, *end = text + length;;) {
        const char *separator = at < end ? memchr(at, csv->separator, (size_t)(end - at)) : NULL;
        if (count == TRACER_CSV_COLUMNS_MAX)
            return line_error(csv, err, "too many columns");
        places[count++] = (struct csv_field){at, (size_t)((separator ? separator : end) - at)};
        if (!separator)
            break;
        at = separator + 1;
    }
    *ret_count = count;
    return TRACER_OK;
}

static enum tracer_status read_header(struct csv *csv, size_t required_count, struct error *err)
{
    const char *text;
    size_t length;
    struct csv_field places[TRACER_CSV_COLUMNS_MAX];
    enum tracer_status status;
    do {
        status = next_line(csv, &text, &length, err);
    } while (!status && length && text[0] == '#');
    if (status == TRACER_E_NOT_FOUND)
        return error_set(err, TRACER_E_USAGE, "%s: the file is empty; a header line is wanted", csv->name);
    if (status)
        return status;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return line_error(csv, err, "the file begins with a byte order mark; save it without one");
    if ((status = split(csv, text, length, places, &csv->places, err)))
        return status;
    for (size_t c = 0; c < csv->column_count; c++) {
        csv->place[c] = NO_COLUMN;
        for (size_t p = 0; p < csv->places; p++) {
            if (!csv_field_is(places[p], csv->column_names[c]))
                continue;
            if (csv->place[c] != NO_COLUMN)
                return error_set(err, TRACER_E_USAGE, "%s:%" PRIu64 ": the column %s stands twice", csv->name,
                                 csv->line_number, csv->column_names[c]);
            csv->place[c] = p;
        }
        if (csv->place[c] == NO_COLUMN && c < required_count)
            return error_set(err, TRACER_E_USAGE, "%s:%" PRIu64 ": the column %s is missing", csv->name,
                             csv->line_number, csv->column_names[c]);
    }
    return TRACER_OK;
}

/* NULL without memory. */
static struct csv *new_csv(const char *name, char separator, const char *const *columns, size_t column_count)
{
    assert(column_count <= TRACER_CSV_COLUMNS_MAX);
    struct csv *csv = calloc(1, sizeof(*csv));
    if (!csv)
        return NULL;
    csv->separator = separator;
    csv->column_count = column_count;
    csv->name = strdup(name);
    csv->line = malloc(TRACER_CSV_LINE_MAX + 1);
    csv->column_names = calloc(column_count + 1, sizeof(*csv->column_names));
    bool whole = csv->name && csv->line && csv->column_names;
    for (size_t c = 0; whole && c < column_count; c++)
        whole = (csv->column_names[c] = strdup(columns[c])) != NULL;
    if (whole)
        return csv;
    csv_close(csv);
    return NULL;
}

static enum tracer_status finish_open(struct csv *csv, size_t required_count, struct csv **ret_csv,
                                      struct error *err)
{
    enum tracer_status status = read_header(csv, required_count, err);
    if (status) {
        csv_close(csv);
        return status;
    }
    *ret_csv = csv;
    return TRACER_OK;
}

enum tracer_status csv_open(const char *path, char separator, const char *const *columns, size_t column_count,
                            size_t required_count, struct csv **ret_csv, struct error *err)
{
    struct csv *csv = new_csv(path, separator, columns, column_count);
    if (!csv)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = TRACER_OK;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (file < 0)
        status = error_set(err, TRACER_E_USAGE, "%s: %s", path, strerror(errno));
    else if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode))
        status = error_set(err, TRACER_E_USAGE, "%s: not a regular file", path);
    else if (!(csv->chunk = malloc(CHUNK)) || !(csv->file = fdopen(file, "r")))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    if (status) {
        if (file >= 0 && !csv->file)
            close(file);
        csv_close(csv);
        return status;
    }
    setvbuf(csv->file, NULL, _IONBF, 0);
    csv->at = csv->end = csv->chunk;
    return finish_open(csv, required_count, ret_csv, err);
}

enum tracer_status csv_open_memory(const char *name, const void *data, size_t size, char separator,
                                   const char *const *columns, size_t column_count, size_t required_count,
                                   struct csv **ret_csv, struct error *err)
{
    struct csv *csv = new_csv(name, separator, columns, column_count);
    if (!csv)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    csv->at = data;
    csv->end = csv->at + size;
    return finish_open(csv, required_count, ret_csv, err);
}

void csv_close(struct csv *csv)
{
    if (!csv)
        return;
    if (csv->file)
        fclose(csv->file);
    for (size_t c = 0; csv->column_names && c < csv->column_count; c++)
        free(csv->column_names[c]);
    free(csv->column_names);
    free(csv->chunk);
    free(csv->line);
    free(csv->name);
    free(csv);
}

bool csv_has_column(const struct csv *csv, size_t column)
{
    return csv->place[column] != NO_COLUMN;
}

enum tracer_status csv_next(struct csv *csv, struct csv_field *fields, struct error *err)
{
    const char *text = NULL;
    size_t length = 0, count = 0;
    struct csv_field places[TRACER_CSV_COLUMNS_MAX];
    enum tracer_status status = next_line(csv, &text, &length, err);
    if (status)
        return status;
    if (length == 0 || (length == 1 && text[0] == '\r')) {
        for (uint64_t empty = csv->line_number;;) { /* fine at the end of the file only */
            status = next_line(csv, &text, &length, err);
            if (status)
                return status;
            if (length > 1 || (length == 1 && text[0] != '\r')) {
                csv->line_number = empty;
                return line_error(csv, err, "an empty line");
            }
        }
    }
    if ((status = split(csv, text, length, places, &count, err)))
        return status;
    if (count != csv->places)
        return error_set(err, TRACER_E_USAGE, "%s:%" PRIu64 ": %zu columns where the header has %zu",
                         csv->name, csv->line_number, count, csv->places);
    for (size_t c = 0; c < csv->column_count; c++)
        fields[c] = csv->place[c] == NO_COLUMN ? (struct csv_field){"", 0} : places[csv->place[c]];
    return TRACER_OK;
}

uint64_t csv_line(const struct csv *csv)
{
    return csv->line_number;
}

enum tracer_status csv_error(const struct csv *csv, size_t column, struct error *err, const char *format, ...)
{
    char text[TRACER_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(err, TRACER_E_USAGE, "%s:%" PRIu64 ": column %s: %s", csv->name, csv->line_number,
                     column < csv->column_count ? csv->column_names[column] : "?", text);
}

bool csv_parse_u64(struct csv_field field, uint64_t max, uint64_t *ret_value)
{
    if (field.length == 0 || field.length > 20 || (field.text[0] == '0' && field.length > 1))
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < field.length; i++) {
        if (field.text[i] < '0' || field.text[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(field.text[i] - '0');
        if (digit > max || value > max / 10 || value * 10 > max - digit)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool csv_field_is(struct csv_field field, const char *text)
{
    return strlen(text) == field.length && memcmp(field.text, text, field.length) == 0;
}

bool csv_add(struct buffer *line, bool first, const char *text, size_t length, bool foreign)
{
    bool formula = foreign && length && strchr("=+-@\t\r", text[0]) && text[0];
    bool quote = formula || (length && text[0] == ' ');
    for (size_t i = 0; i < length && !quote; i++)
        quote = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r' || text[i] == '\0';
    if (!first)
        buffer_char(line, ',');
    if (!quote)
        return buffer_add(line, text, length);
    buffer_char(line, '"');
    if (formula)
        buffer_char(line, '\'');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            buffer_char(line, '"');
        if (foreign && (text[i] == '\0' || text[i] == '\r' || text[i] == '\n'))
            buffer_char(line, '?'); /* a row stays one line */
        else
            buffer_char(line, text[i]);
    }
    return buffer_char(line, '"');
}
