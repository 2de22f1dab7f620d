/* csv.h - comma-separated files: a strict streaming reader by column name, and a writer.
 *
 * Reader: UTF-8, one header line, LF or CRLF, RFC 4180 quoting accepted, an optional byte order mark is
 * refused with a message (the inputs of taint-spec 2 need no quoting; other files may have it).
 * Errors carry file name, line and column. Lines and columns are bounded by limits.h.
 */
#ifndef TRACER_CSV_H
#define TRACER_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tracer/buffer.h"
#include "tracer/error.h"

struct csv_field {
    const char *text; /* borrowed until the next csv_next(); NOT NUL-terminated */
    size_t length;
};

struct csv; /* an open file */

/** Opens a regular file ("-" is refused: pass bytes with csv_open_memory). `columns` are the wanted
 * names (`required_count` of them first, the rest optional); column i is later field i of a row, absent
 * optional columns read as empty. A missing required or a doubled column is TRACER_E_USAGE.
 * `separator` is ',' or '\t'. Lines that begin with '#' before the header are skipped. */
TRACER_MUST_USE enum tracer_status csv_open(const char *path, char separator, const char *const *columns,
                                            size_t column_count, size_t required_count, struct csv **ret_csv,
                                            struct error *err);
/** The same over memory that outlives the reader; `name` stands in messages. */
TRACER_MUST_USE enum tracer_status csv_open_memory(const char *name, const void *data, size_t size,
                                                   char separator, const char *const *columns,
                                                   size_t column_count, size_t required_count,
                                                   struct csv **ret_csv, struct error *err);
void csv_close(struct csv *csv); /* NULL is fine */

bool csv_has_column(const struct csv *csv, size_t column);
/** Next row into fields[column_count]. TRACER_E_NOT_FOUND at the end (no message is set). Empty lines
 * are errors except at the end. */
TRACER_MUST_USE enum tracer_status csv_next(struct csv *csv, struct csv_field *fields, struct error *err);
uint64_t csv_line(const struct csv *csv); /* of the last row, from 1 */
/** An error at the last row: "FILE:LINE: column NAME: ..." as TRACER_E_USAGE. */
enum tracer_status csv_error(const struct csv *csv, size_t column, struct error *err, const char *format, ...)
    TRACER_PRINTF(4, 5);

/** Digits only, no leading zeros, at most `max`. */
bool csv_parse_u64(struct csv_field field, uint64_t max, uint64_t *ret_value);
bool csv_field_is(struct csv_field field, const char *text);

/** Add one field, quoted when it needs it (RFC 4180), and neutralised against spreadsheet formulas
 * (threat-model X2: leading = + - @ tab CR get a ' before them inside quotes) when `foreign`. */
bool csv_add(struct buffer *line, bool first, const char *text, size_t length, bool foreign);

#endif
