/* text_hops.c - the flagged hops, in the widest of three layouts that fits: one line a hop, two, or three
 * (the amounts on a line of their own). */
#include "text.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <string.h>

#define NUMBER_WIDTH 5
#define GRADE_WIDTH 8
#define TIME_WIDTH 19
#define SECOND_INDENT (NUMBER_WIDTH + 2 + 3 + 2) /* further lines of a hop begin under its time */
#define LEG_INDENT "            " /* as wide */
#define ARROW " -> "

struct hop_cells { /* one hop as texts */
    char number[16], hop[16], time[32], transaction[HASH_TEXT_SIZE], parent[16];
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], tainted[AMOUNT_TEXT_SIZE];
    char from[PARTY_TEXT_SIZE], to[PARTY_TEXT_SIZE];
    const char *grade, *source; /* source "" if there is only one */
};

struct hop_widths {
    unsigned transaction, parent, asset, source, from, to;
    struct amount_column amount, tainted;
    unsigned lines; /* a hop takes: 1; 2 (first and second); 3 (the amounts on a line of their own) */
};

static void make_cells(const struct text *text, const struct trace_result *result, size_t index,
                       struct hop_cells *cells)
{
    const struct result_hop *hop = &result->hops[index];
    snprintf(cells->number, sizeof(cells->number), "%zu", index + 1);
    snprintf(cells->hop, sizeof(cells->hop), "%" PRIu32, hop->hop);
    clock_format_utc(hop->time, cells->time);
    if (hop->time == 0)
        snprintf(cells->time, sizeof(cells->time), "-");
    text_transaction(text, hop->transaction_hash, hop->position, cells->transaction);
    if (hop->parent == RESULT_NONE)
        snprintf(cells->parent, sizeof(cells->parent), "origin");
    else
        snprintf(cells->parent, sizeof(cells->parent), "< #%" PRIu32, hop->parent + 1);
    view_amount(&text->view, hop->asset, u320_from_u256(hop->amount), cells->amount);
    view_tainted(&text->view, hop->asset, u320_from_u256(hop->tainted), u320_from_u256(hop->unproven), cells->tainted);
    if (u256_equal(hop->amount, hop->tainted))
        snprintf(cells->tainted, sizeof(cells->tainted), "%s", u256_is_zero(hop->unproven) ? "all" : "all?");
    view_asset_name(&text->view, hop->asset, cells->asset);
    text_party(text, hop->from, cells->from);
    text_party(text, hop->to, cells->to);
    cells->grade = grade_name(hop->grade);
    cells->source = result->source_count > 1 ? result->sources[hop->source] : "";
}

static void widen(unsigned *width, const char *text)
{
    unsigned length = (unsigned)strlen(text);
    if (length > *width)
        *width = length;
}

static bool is_shown(const struct text *text, const struct result_hop *hop, bool recognised)
{
    return view_asset(&text->view, hop->asset)->recognised == recognised;
}

/* #, hop, time, transaction, amount, asset, tainted, with their gaps */
static unsigned first_width(const struct hop_widths *widths)
{
    return NUMBER_WIDTH + 2 + 3 + 2 + TIME_WIDTH + 2 + widths->transaction + 2 +
           amount_column_width(&widths->amount) + 1 + widths->asset + 2 +
           amount_column_width(&widths->tainted);
}

/* grade, parent, from, to, source */
static unsigned second_width(const struct hop_widths *widths)
{
    return GRADE_WIDTH + 2 + widths->parent + 2 + widths->from + (unsigned)strlen(ARROW) + widths->to +
           (widths->source ? 3 + widths->source + 1 : 0);
}

static void measure(const struct text *text, const struct trace_result *result, bool recognised,
                    struct hop_widths *widths)
{
    *widths =
        (struct hop_widths){.transaction = 11, .parent = 6, .tainted = {.whole = 7}, .amount = {.whole = 6}};
    for (size_t i = 0; i < result->hop_count; i++) {
        struct hop_cells cells;
        if (!is_shown(text, &result->hops[i], recognised))
            continue;
        make_cells(text, result, i, &cells);
        widen(&widths->transaction, cells.transaction);
        widen(&widths->parent, cells.parent);
        widen(&widths->asset, cells.asset);
        widen(&widths->source, cells.source);
        widen(&widths->from, cells.from);
        widen(&widths->to, cells.to);
        amount_column_add(&widths->amount, cells.amount);
        amount_column_add(&widths->tainted, cells.tainted);
    }
    unsigned first = first_width(widths);
    widths->lines = first + 2 + second_width(widths) <= text->columns ? 1 : first <= text->columns ? 2 : 3;
}

static void print_first(const struct text *text, const struct hop_widths *widths,
                        const struct hop_cells *cells)
{
    fprintf(text->stream, "%*s  %3s  %-*s  %-*s", NUMBER_WIDTH, cells->number, cells->hop, TIME_WIDTH,
            cells->time, widths->lines == 3 ? 0 : (int)widths->transaction, cells->transaction);
    if (widths->lines == 3)
        return;
    fputs("  ", text->stream);
    amount_column_print(text, &widths->amount, cells->amount);
    fprintf(text->stream, " %-*s  ", (int)widths->asset, cells->asset);
    if (widths->lines == 1)
        amount_column_print(text, &widths->tainted, cells->tainted);
    else /* nothing follows: no spaces at the end of the line */
        fprintf(text->stream, "%*s%s", (int)(widths->tainted.whole - strcspn(cells->tainted, ".")), "",
                cells->tainted);
}

static void print_parties(const struct text *text, const struct hop_widths *widths,
                          const struct hop_cells *cells)
{
    size_t begin = widths->lines == 1 ? 0 : SECOND_INDENT;
    size_t width = begin + GRADE_WIDTH + 2 + widths->parent + 2 + strlen(cells->from) + strlen(ARROW) +
                   strlen(cells->to) + (cells->source[0] ? 3 + strlen(cells->source) + 1 : 0);
    fprintf(text->stream, "%-*s  %-*s  ", GRADE_WIDTH, cells->grade, (int)widths->parent, cells->parent);
    if (widths->lines == 1)
        fprintf(text->stream, "%-*s" ARROW "%s", (int)widths->from, cells->from, cells->to);
    else if (width <= text->columns)
        fprintf(text->stream, "%s" ARROW "%s", cells->from, cells->to);
    else
        fprintf(text->stream, "%s\n%*s" ARROW "%s", cells->from,
                (int)(SECOND_INDENT + GRADE_WIDTH + 2 + widths->parent - 2), "", cells->to);
    if (cells->source[0])
        fprintf(text->stream, "  [%s]", cells->source);
}

void text_leg(const struct text *text, const char *first, enum transfer_leg leg, uint32_t rules)
{
    char shown[LINK_RULES_TEXT_SIZE];
    if (leg == LEG_NONE)
        return;
    link_rules_text(rules, shown);
    text_wrap_printf(text, first, "%s%s%s", leg == LEG_IN ? "paid into an exchange" : "received in an exchange",
                     *shown ? ": " : "", shown);
}

/* Under a hop of which a part is proven: how much. */
static void print_proven(const struct text *text, const struct result_hop *hop)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
    struct u256 proven;
    if (u256_is_zero(hop->unproven) || !u256_sub(hop->tainted, hop->unproven, &proven) || u256_is_zero(proven))
        return;
    view_amount(&text->view, hop->asset, u320_from_u256(proven), amount);
    view_asset_name(&text->view, hop->asset, asset);
    text_wrap_printf(text, LEG_INDENT, "proven: %s %s", amount, asset);
}

static void print_hop(const struct text *text, const struct hop_widths *widths, const struct hop_cells *cells)
{
    char first[32];
    print_first(text, widths, cells);
    fputs(widths->lines == 1 ? "  " : "\n", text->stream);
    snprintf(first, sizeof(first), "%*s", SECOND_INDENT, "");
    if (widths->lines == 3)
        text_wrap_printf(text, first, "%s %s, tainted: %s", cells->amount, cells->asset, cells->tainted);
    if (widths->lines > 1)
        fputs(first, text->stream);
    print_parties(text, widths, cells);
    fputc('\n', text->stream);
}

static void print_titles(const struct text *text, const struct hop_widths *widths)
{
    FILE *stream = text->stream;
    fprintf(stream, "%*s  %3s  %-*s  %-*s", NUMBER_WIDTH, "#", "hop", TIME_WIDTH, "time (UTC)",
            widths->lines == 3 ? 0 : (int)widths->transaction, "transaction");
    if (widths->lines < 3)
        fprintf(stream, "  %-*s %-*s  %*s", (int)amount_column_width(&widths->amount), "amount",
                (int)widths->asset, "", (int)widths->tainted.whole, "tainted");
    if (widths->lines == 1)
        fprintf(stream, "%*s  ", (int)widths->tainted.fraction, "");
    else
        fprintf(stream, "%s\n%*s", widths->lines == 3 ? "\n" LEG_INDENT "amount, tainted" : "", SECOND_INDENT, "");
    fprintf(stream, "%-*s  %-*s  ", GRADE_WIDTH, "grade", (int)widths->parent, "parent");
    if (widths->lines == 1)
        fprintf(stream, "%-*s", (int)widths->from, "from");
    else
        fputs("from", stream);
    fputs(ARROW "to\n", stream);
}

static void print_table(const struct text *text, const struct trace_result *result, bool recognised)
{
    struct hop_widths widths;
    measure(text, result, recognised, &widths);
    print_titles(text, &widths);
    for (size_t i = 0; i < result->hop_count; i++) {
        struct hop_cells cells;
        if (!is_shown(text, &result->hops[i], recognised))
            continue;
        make_cells(text, result, i, &cells);
        print_hop(text, &widths, &cells);
        text_leg(text, LEG_INDENT, result->hops[i].leg, result->hops[i].rules);
        print_proven(text, &result->hops[i]);
    }
}

enum tracer_status text_new_hops(FILE *stream, const struct trace_result *result, size_t first, struct error *err)
{
    struct view view = view_of_trace(result);
    struct report_options options = {.columns = UINT16_MAX, .explorer_hashes = true};
    struct text text;
    text_init(&text, stream, &view, &options);
    for (size_t i = first; i < result->hop_count; i++) {
        struct hop_cells cells;
        make_cells(&text, result, i, &cells);
        fprintf(stream, "%s  hop %s  %s  %s %s (tainted: %s)  %s" ARROW "%s  [%s]\n", cells.time, cells.hop, cells.transaction,
                cells.amount, cells.asset, cells.tainted, cells.from, cells.to, result->sources[result->hops[i].source]);
    }
    return stream_done(stream, err);
}

void text_unproven(const struct text *text, const struct trace_result *result)
{
    size_t count = 0;
    for (size_t i = 0; i < result->hop_count; i++)
        count += !u256_is_zero(result->hops[i].unproven);
    if (count)
        text_wrap_printf(text, "  ",
                         "'?' means not proven: of %zu of the %zu hops some units came out of an account whose history has a gap. How many of them are "
                         "tainted depends on what is missing there: as many as proven at least, the whole transfer at most.",
                         count, result->hop_count);
}

void text_hops(const struct text *text, const struct trace_result *result)
{
    size_t known = 0;
    for (size_t i = 0; i < result->hop_count; i++)
        known += is_shown(text, &result->hops[i], true);
    text_heading(text, "FLAGGED HOPS");
    text_wrap(text, "  ",
              "hop 0 is the theft itself; parent is the hop that brought the units to the sender; 'all' "
              "means that every "
              "unit of the transfer is tainted.");
    text_unproven(text, result);
    fputc('\n', text->stream);
    if (known)
        print_table(text, result, true);
    else
        fputs("  none\n", text->stream);
    if (known == result->hop_count)
        return;
    text_heading(text, "FLAGGED HOPS OF ASSETS THAT ARE NOT IN THE LIST");
    print_table(text, result, false);
}
