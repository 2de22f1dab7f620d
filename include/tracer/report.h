/* report.h - writing results: one writer a format, one file each, from the same structures. */
#ifndef TRACER_REPORT_H
#define TRACER_REPORT_H

#include <stdio.h>

#include "tracer/prices.h"
#include "tracer/result.h"

enum report_view { VIEW_FULL, VIEW_SUMMARY, VIEW_HOPS, VIEW_TREE };
enum report_table { /* of a trace as CSV */
    TABLE_HOPS,
    TABLE_TOTALS,
    TABLE_PLACES,
    TABLE_SEEDS,
    TABLE_ACCOUNTS,
    TABLE_ASSETS,
    TABLE_LIMITS,
    TABLE_INPUTS,
    TABLE_COUNT
};
struct report_options {
    enum report_view view;
    enum report_table table;
    const struct prices *prices; /* NULL: no values; text, sar and the hops of csv have them */
    uint32_t columns;     /* width of the terminal; 0: 100 */
    bool explorer_hashes; /* full hashes in tables (else shortened where the width asks for it) */
};

/* A format need not have a writer for everything: NULL. All write a trace. */
struct report_format {
    const char *name;    /* "text", "json", "csv", ... */
    const char *summary; /* one line for --help */
    enum tracer_status (*trace)(FILE *stream, const struct trace_result *result,
                                const struct report_options *options, struct error *err);
    /** One line a hop, from hop `first` on, to be read as they come (trace --follow). */
    enum tracer_status (*new_hops)(FILE *stream, const struct trace_result *result, size_t first, struct error *err);
    enum tracer_status (*compare)(FILE *stream, const struct compare_result *result,
                                  const struct report_options *options, struct error *err);
    enum tracer_status (*explain)(FILE *stream, const struct explain_result *result,
                                  const struct report_options *options, struct error *err);
    enum tracer_status (*audit)(FILE *stream, const struct audit_result *result,
                                const struct report_options *options, struct error *err);
    enum tracer_status (*check)(FILE *stream, const struct check_result *result,
                                const struct report_options *options, struct error *err);
    /** The same targets under each of compared_policies, side by side. */
    enum tracer_status (*check_policies)(FILE *stream, const struct check_result *const results[COMPARED_COUNT],
                                         const struct report_options *options, struct error *err);
};
/** Answer number `index` as it stands in tracer/check/1, on one line. */
TRACER_MUST_USE enum tracer_status report_answer(FILE *stream, const struct check_result *result, size_t index, struct error *err);

/** NULL if there is no such format. */
const struct report_format *report_find(const char *name);
const struct report_format *report_at(size_t index); /* NULL after the last */

/** The JSON inside an HTML page, a part of `page`, when neither was changed since it was written: TRACER_E_VERIFY if one was,
 * TRACER_E_USAGE if it is no page. */
TRACER_MUST_USE enum tracer_status page_read(const char *page, size_t size, const char **ret_json, size_t *ret_size,
                                             struct error *err);

/* Past decisions that changed, as they come, and at the end how many there are. */
struct rescreen_format {
    const char *name; /* "text", "json" (an object a line), "csv" */
    enum tracer_status (*begin)(FILE *stream, struct error *err);
    enum tracer_status (*change)(FILE *stream, const struct rescreen_change *change, struct error *err);
    enum tracer_status (*end)(FILE *stream, const struct rescreen_total *total, struct error *err);
};
const struct rescreen_format *rescreen_find(const char *name); /* NULL if there is none */

/** An amount in units of `decimals`, exactly, thousands separated by "," and without trailing zeros:
 * "173,600", "0.000001". */
void report_amount(struct u320 amount, uint32_t decimals, char to[static 160]);

#endif
