/* view.h - what all writers share: a result's names, amounts, shares and keys as text. */
#ifndef TRACER_REPORT_VIEW_H
#define TRACER_REPORT_VIEW_H

#include "tracer/report.h"

#define AMOUNT_TEXT_SIZE 160
#define SHARE_TEXT_SIZE 24
#define SHORT_TEXT_SIZE 24
#define NAME_SHOWN_SIZE (TRACER_SYMBOL_SHOWN_MAX + 1)
#define ASSET_SHOWN_SIZE (ASSET_TEXT_SIZE + NAME_SHOWN_SIZE + 4)

/* The tables that a trace and a check have in common. */
struct view {
    const struct result_head *head;
    const struct result_account *accounts;
    size_t account_count;
    const struct result_asset *assets;
    size_t asset_count;
};
struct view view_of_trace(const struct trace_result *result);
struct view view_of_check(const struct check_result *result);

const struct result_asset *view_asset(const struct view *view, uint32_t asset);
/** NULL for RESULT_NONE. */
const struct result_account *view_account(const struct view *view, uint32_t account);
/** The amount in the asset's units, exact. */
void view_amount(const struct view *view, uint32_t asset, struct u320 amount,
                 char to[static AMOUNT_TEXT_SIZE]);
/** The same of tainted units; "?" behind it where not all of them are proven (result_hop). */
void view_tainted(const struct view *view, uint32_t asset, struct u320 amount, struct u320 unproven, char to[static AMOUNT_TEXT_SIZE]);
struct u320 total_unproven(const struct result_total *total);
/** Symbol of a recognised asset; an unrecognised one is its symbol and its whole contract (X1). */
void view_asset_name(const struct view *view, uint32_t asset, char to[static ASSET_SHOWN_SIZE]);

/** `part` of `whole` in percent, rounded down to one decimal: "12.3 %", "< 0.1 %", "-" of nothing. */
void share_text(struct u320 part, struct u320 whole, char to[static SHARE_TEXT_SIZE]);
void ppm_text(uint64_t ppm, char to[static SHARE_TEXT_SIZE]); /* likewise */

/** "0x098b71..2f96" */
void address_short(struct address address, char to[static SHORT_TEXT_SIZE]);
void hash_short(struct hash hash, char to[static SHORT_TEXT_SIZE]);
/** Name of a label as shown: printable, at most 32 characters. */
void name_shown(const char *name, char to[static NAME_SHOWN_SIZE]);

const char *check_what_name(enum check_what what);

/** seeded + emitted + converted_in of a line of totals. */
struct u320 total_came_in(const struct result_total *total);
bool total_is_balanced(const struct result_total *total);

enum tracer_status stream_done(FILE *stream, struct error *err); /* TRACER_E_IO if a write failed */

/* Exposures of a line by the category of their sources, in the order of the first of each. */
#define CATEGORIES_MAX 16u /* further ones are put together as "other" */
struct category_sum {
    const char *category;
    struct u320 direct, indirect;
    uint64_t ppm; /* of the line, rounded down */
    uint32_t hop; /* least */
};
size_t sum_categories(const struct check_line *line, bool overlap, struct category_sum ret_sums[static CATEGORIES_MAX]);

/* The writers of the table in format.c. */
enum tracer_status text_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status text_new_hops(FILE *stream, const struct trace_result *result, size_t first, struct error *err);
enum tracer_status json_new_hops(FILE *stream, const struct trace_result *result, size_t first, struct error *err);
enum tracer_status csv_new_hops(FILE *stream, const struct trace_result *result, size_t first, struct error *err);
enum tracer_status text_compare(FILE *stream, const struct compare_result *result,
                                const struct report_options *options, struct error *err);
enum tracer_status json_compare(FILE *stream, const struct compare_result *result,
                                const struct report_options *options, struct error *err);
enum tracer_status csv_compare(FILE *stream, const struct compare_result *result,
                               const struct report_options *options, struct error *err);
enum tracer_status text_check_policies(FILE *stream, const struct check_result *const results[COMPARED_COUNT],
                                       const struct report_options *options, struct error *err);
enum tracer_status json_check_policies(FILE *stream, const struct check_result *const results[COMPARED_COUNT],
                                       const struct report_options *options, struct error *err);
enum tracer_status text_explain(FILE *stream, const struct explain_result *result,
                                const struct report_options *options, struct error *err);
enum tracer_status json_explain(FILE *stream, const struct explain_result *result,
                                const struct report_options *options, struct error *err);
enum tracer_status csv_explain(FILE *stream, const struct explain_result *result,
                               const struct report_options *options, struct error *err);
enum tracer_status text_audit(FILE *stream, const struct audit_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status json_audit(FILE *stream, const struct audit_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status csv_audit(FILE *stream, const struct audit_result *result,
                             const struct report_options *options, struct error *err);
enum tracer_status text_check(FILE *stream, const struct check_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status json_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status jsonl_trace(FILE *stream, const struct trace_result *result,
                               const struct report_options *options, struct error *err);
enum tracer_status dot_trace(FILE *stream, const struct trace_result *result,
                             const struct report_options *options, struct error *err);
enum tracer_status graphml_trace(FILE *stream, const struct trace_result *result,
                                 const struct report_options *options, struct error *err);
enum tracer_status sankey_trace(FILE *stream, const struct trace_result *result,
                                const struct report_options *options, struct error *err);
enum tracer_status mermaid_trace(FILE *stream, const struct trace_result *result,
                                 const struct report_options *options, struct error *err);
enum tracer_status gexf_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status stix_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status misp_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status tagpack_trace(FILE *stream, const struct trace_result *result,
                                 const struct report_options *options, struct error *err);
enum tracer_status sar_trace(FILE *stream, const struct trace_result *result,
                             const struct report_options *options, struct error *err);
enum tracer_status html_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status html_compare(FILE *stream, const struct compare_result *result,
                                const struct report_options *options, struct error *err);
enum tracer_status json_check(FILE *stream, const struct check_result *result,
                              const struct report_options *options, struct error *err);
enum tracer_status csv_trace(FILE *stream, const struct trace_result *result,
                             const struct report_options *options, struct error *err);
enum tracer_status csv_check(FILE *stream, const struct check_result *result,
                             const struct report_options *options, struct error *err);

#endif
