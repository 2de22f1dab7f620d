/* csv_parts.h - a line of CSV being put together; what the CSV writers share. Foreign texts are quoted and
 * neutralised (X2). */
#ifndef TRACER_REPORT_CSV_PARTS_H
#define TRACER_REPORT_CSV_PARTS_H

#include "view.h"

#include "tracer/buffer.h"

#define CSV_LINE_BYTES_MAX TRACER_MIB(64) /* a path of TRACER_PATH_MAX keys */

struct line {
    struct buffer bytes;
    bool is_started;
};

void line_init(struct line *line);
void line_release(struct line *line);
void add_text(struct line *line, const char *text); /* ours */
/** Escaped as in the text report, since people look at these files in terminals too; JSON has the exact
 * characters. */
void add_foreign(struct line *line, const char *text);
void add_u64(struct line *line, uint64_t value);
void add_amount(struct line *line, struct u320 amount);
void add_hash(struct line *line, struct hash hash); /* "" if not known */
void add_key(struct line *line, struct position position);
void add_time(struct line *line, uint64_t time); /* two columns: seconds and UTC */
void add_log_index(struct line *line, uint32_t log_index);
void add_account(struct line *line, const struct view *view,
                 uint32_t account); /* two columns: address and name */
void add_asset(struct line *line, const struct view *view,
               uint32_t asset); /* asset, symbol, decimals, recognised */
/** A table of a trace but its hops (csv_tables.c). */
enum tracer_status csv_table(FILE *stream, const struct trace_result *result, enum report_table table,
                             struct error *err);
/** Writes the line and empties it. */
TRACER_MUST_USE enum tracer_status line_put(struct line *line, FILE *stream, struct error *err);

#endif
