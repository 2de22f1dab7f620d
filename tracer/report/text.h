/* text.h - the parts of a report to read. Printable ASCII and line feeds only; every column is padded with
 * spaces. */
#ifndef TRACER_REPORT_TEXT_H
#define TRACER_REPORT_TEXT_H

#include "view.h"

#define TEXT_COLUMNS_DEFAULT 100u
#define TEXT_COLUMNS_MIN 60u
#define PARTY_TEXT_SIZE (ADDRESS_TEXT_SIZE + NAME_SHOWN_SIZE + 8)

struct text {
    FILE *stream;
    unsigned columns;
    bool is_wide_hashes; /* whole hashes in tables */
    struct view view;
};
void text_init(struct text *text, FILE *stream, const struct view *view,
               const struct report_options *options);

/** A blank line, the words, a line under them. */
void text_heading(const struct text *text, const char *words);
/** `words` broken at spaces; the first line begins with `first`, the others with as many spaces. */
void text_wrap(const struct text *text, const char *first, const char *words);
/** The further lines begin with `next`, at most as long as `first`. */
void text_wrap_under(const struct text *text, const char *first, const char *next, const char *words);
void text_wrap_printf(const struct text *text, const char *first, const char *format, ...)
    TRACER_PRINTF(3, 4);

/** "0x098b71..2f96 NAME", or "void". */
void text_party(const struct text *text, uint32_t account, char to[static PARTY_TEXT_SIZE]);
/** Hash, else key, else (keys that are times) "no hash known". */
void text_transaction(const struct text *text, struct hash hash, struct position position,
                      char to[static HASH_TEXT_SIZE]);

/* Amounts under each other, aligned at the decimal point. */
struct amount_column {
    unsigned whole, fraction; /* characters before the point, and from it on */
};
void amount_column_add(struct amount_column *column, const char *amount);
unsigned amount_column_width(const struct amount_column *column);
void amount_column_print(const struct text *text, const struct amount_column *column, const char *amount);

/** Names of accounts with labels, and of assets: whole addresses and origins. */
void text_tables(const struct text *text);
/** Limits, gaps, disagreements, assumptions; then how to repeat it. */
void text_tail(const struct text *text);
/** Network, range, policy: the first lines. */
void text_head(const struct text *text, const char *title);

/* text_stolen.c, text_places.c, text_hops.c */
/** How a place reads in a sentence "where is it now". */
const char *place_words(enum place place);
TRACER_MUST_USE enum tracer_status text_tree(const struct text *text, const struct trace_result *result,
                                             struct error *err);
void text_stolen(const struct text *text, const struct trace_result *result);
TRACER_MUST_USE enum tracer_status text_where(const struct text *text, const struct trace_result *result,
                                              struct error *err);
/** Every place, one line an account. */
void text_all_places(const struct text *text, const struct trace_result *result);
/** What "?" behind an amount means, if any hop has it. */
void text_unproven(const struct text *text, const struct trace_result *result);
void text_hops(const struct text *text, const struct trace_result *result);
/* That a transfer is a leg of an exchange, and by which rules, on a line that begins with `first`; nothing if it
 * is none. */
void text_leg(const struct text *text, const char *first, enum transfer_leg leg, uint32_t rules);

#endif
