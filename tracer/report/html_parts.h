/* html_parts.h - the parts of a page (html.c). On-chain texts go through html_shown() alone: printable ASCII,
 * short, escaped (X1). */
#ifndef TRACER_REPORT_HTML_PARTS_H
#define TRACER_REPORT_HTML_PARTS_H

#include "text.h"

#include "tracer/digest.h"

#define HTML_PLACE_ACCOUNTS 8u /* named beneath a place; the others are a sum */
#define HTML_NAME_MAX 64u      /* characters of a label's name */
#define HTML_NOTE_MAX 4096u    /* characters of a note or command; "..." ends what is cut */

struct html {
    FILE *stream;
    const struct trace_result *result;
    const struct compare_result *compare; /* `result` is its trace; NULL: a trace of one policy */
    struct text text;                     /* for cells that the report to read has as well */
};

/** Escaped; `words` is printable ASCII already. */
void html_words(FILE *stream, const char *words);
/** As shown_text() shows at most `characters` (up to HTML_NOTE_MAX) of it, escaped. */
void html_shown(FILE *stream, const char *foreign, size_t characters);
void html_asset(const struct html *html, uint32_t asset);
void html_amount(const struct html *html, uint32_t asset, struct u320 amount); /* and the asset's name */
void html_tainted(const struct html *html, uint32_t asset, struct u320 amount, struct u320 unproven); /* view_tainted() */
/** The whole address and, if there is one, the name. */
void html_account(const struct html *html, uint32_t account);

/* html_tables.c */
void html_headline(const struct html *html);
void html_places(const struct html *html);
void html_hops(const struct html *html);
void html_notes(const struct html *html);
void html_tables(const struct html *html); /* labels and assets */
void html_repeat(const struct html *html, const struct digest *digest, size_t json_size);

/* html_compare.c */
void html_compare_places(const struct html *html);

/* html_flow.c */
TRACER_MUST_USE enum tracer_status html_flow(const struct html *html, struct error *err);

#endif
