/* text.c - the report to read: its order, and the parts that traces and checks share. */
#include "text.h"
#include "usd.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void text_init(struct text *text, FILE *stream, const struct view *view, const struct report_options *options)
{
    *text = (struct text){.stream = stream, .columns = TEXT_COLUMNS_DEFAULT, .view = *view};
    if (!options)
        return;
    text->is_wide_hashes = options->explorer_hashes;
    if (options->columns)
        text->columns = options->columns < TEXT_COLUMNS_MIN ? TEXT_COLUMNS_MIN : options->columns;
}

static void repeat(const struct text *text, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        putc_unlocked(c, text->stream);
}

void text_heading(const struct text *text, const char *words)
{
    fprintf(text->stream, "\n%s\n", words);
    repeat(text, '-', strlen(words));
    fputs("\n\n", text->stream);
}

void text_wrap_under(const struct text *text, const char *first, const char *next, const char *words)
{
    size_t indent = strlen(first), at = indent;
    bool is_line_empty = true;
    fputs(first, text->stream);
    while (*words) {
        size_t length = 0;
        while (words[length] && words[length] != ' ')
            length++;
        if (!is_line_empty && at + 1 + length > text->columns) {
            putc_unlocked('\n', text->stream);
            fputs(next, text->stream);
            repeat(text, ' ', indent - strlen(next));
            at = indent;
            is_line_empty = true;
        }
        if (!is_line_empty) {
            putc_unlocked(' ', text->stream);
            at++;
        }
        for (size_t i = 0; i < length; i++) /* whatever came this far unescaped */
            putc_unlocked(words[i] > ' ' && words[i] < 0x7f ? words[i] : '?', text->stream);
        at += length;
        is_line_empty = false;
        for (words += length; *words == ' ';)
            words++;
    }
    putc_unlocked('\n', text->stream);
}

void text_wrap(const struct text *text, const char *first, const char *words)
{
    text_wrap_under(text, first, "", words);
}

void text_wrap_printf(const struct text *text, const char *first, const char *format, ...)
{
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    text_wrap(text, first, words);
}

void text_party(const struct text *text, uint32_t account, char to[static PARTY_TEXT_SIZE])
{
    const struct result_account *found = view_account(&text->view, account);
    char address[SHORT_TEXT_SIZE], name[NAME_SHOWN_SIZE];
    if (!found || address_is_void(found->address)) {
        snprintf(to, PARTY_TEXT_SIZE, "void");
        return;
    }
    address_short(found->address, address);
    name_shown(found->name, name);
    snprintf(to, PARTY_TEXT_SIZE, "%s%s%s", address, name[0] ? " " : "", name);
}

void text_transaction(const struct text *text, struct hash hash, struct position position,
                      char to[static HASH_TEXT_SIZE])
{
    if (!hash_is_zero(hash) && text->is_wide_hashes)
        hash_format(hash, to);
    else if (!hash_is_zero(hash))
        hash_short(hash, to);
    else if (text->view.head->time_keys)
        snprintf(to, HASH_TEXT_SIZE, "no hash known");
    else
        position_format(position, to);
}

static size_t whole_length(const char *amount)
{
    return strcspn(amount, ".");
}

void amount_column_add(struct amount_column *column, const char *amount)
{
    unsigned whole = (unsigned)whole_length(amount), fraction = (unsigned)strlen(amount) - whole;
    if (whole > column->whole)
        column->whole = whole;
    if (fraction > column->fraction)
        column->fraction = fraction;
}

unsigned amount_column_width(const struct amount_column *column)
{
    return column->whole + column->fraction;
}

void amount_column_print(const struct text *text, const struct amount_column *column, const char *amount)
{
    size_t whole = whole_length(amount), fraction = strlen(amount) - whole;
    repeat(text, ' ', column->whole - whole);
    fputs(amount, text->stream);
    repeat(text, ' ', column->fraction - fraction);
}

/* What follows from a label, and what kind of thing it is. */
static void label_kind(const struct result_account *account, char to[static 64])
{
    char category[NAME_SHOWN_SIZE];
    name_shown(account->category, category);
    const char *class_ = label_class_name(account->class_);
    if (class_[0] && category[0] && strcmp(class_, category) != 0)
        snprintf(to, 64, "%s, %s", class_, category);
    else
        snprintf(to, 64, "%s", class_[0] ? class_ : category);
}

static void print_labels(const struct text *text)
{
    bool any = false;
    for (size_t i = 0; i < text->view.account_count; i++) {
        const struct result_account *account = &text->view.accounts[i];
        char address[ADDRESS_TEXT_SIZE], name[NAME_SHOWN_SIZE], kind[64], first[ADDRESS_TEXT_SIZE + 8],
            origin[512];
        if (!account->labelled || address_is_void(account->address))
            continue;
        if (!any)
            text_heading(text, "LABELS (claims of others: a reason to look, not a finding)");
        any = true;
        address_format(account->address, address);
        name_shown(account->name, name);
        label_kind(account, kind);
        shown_text(origin, sizeof(origin), account->origin, strlen(account->origin));
        snprintf(first, sizeof(first), "  %s  ", address);
        text_wrap_printf(text, first, "%s%s%s%s%s%s%s", name[0] ? name : "(no name)", kind[0] ? " (" : "",
                         kind, kind[0] ? ")" : "", origin[0] ? " [" : "", origin, origin[0] ? "]" : "");
    }
}

static void print_assets(const struct text *text)
{
    if (text->view.asset_count)
        text_heading(text, "ASSETS");
    for (size_t i = 0; i < text->view.asset_count; i++) {
        const struct result_asset *asset = &text->view.assets[i];
        char symbol[NAME_SHOWN_SIZE], name[ASSET_TEXT_SIZE], first[NAME_SHOWN_SIZE + 8];
        name_shown(asset->symbol, symbol);
        asset_format(asset->asset, name);
        snprintf(first, sizeof(first), "  %-8s ", symbol[0] ? symbol : "-");
        text_wrap_printf(text, first, "%s, %" PRIu32 " decimals%s", name, asset->decimals,
                         asset->recognised ? ""
                                           : " (not in the list of assets: counts in no total or verdict)");
    }
}

void text_tables(const struct text *text)
{
    print_labels(text);
    print_assets(text);
}

static void print_notes(const struct text *text)
{
    const struct result_head *head = text->view.head;
    static const char *const titles[NOTE_COUNT] = {"Limits", "Gaps", "Disagreements", "Assumptions"};
    text_heading(text, "LIMITS, GAPS, DISAGREEMENTS, ASSUMPTIONS");
    for (int kind = 0; kind < NOTE_COUNT; kind++) {
        bool any = false;
        fprintf(text->stream, "  %s\n", titles[kind]);
        for (size_t i = 0; i < head->note_count; i++)
            if (head->notes[i].kind == (enum note_kind)kind) {
                text_wrap(text, "    - ", head->notes[i].text);
                any = true;
            }
        if (!any)
            fputs("    none\n", text->stream);
    }
}

static void print_range_end(const struct text *text, const char *word, uint64_t block, struct hash hash)
{
    char digits[HASH_TEXT_SIZE];
    hash_format(hash, digits);
    if (!text->view.head->time_keys)
        fprintf(text->stream, "  %-12s %" PRIu64 "%s%s\n", word, block, hash_is_zero(hash) ? "" : " ",
                hash_is_zero(hash) ? "" : digits);
}

void text_tail(const struct text *text)
{
    const struct result_head *head = text->view.head;
    print_notes(text);
    text_heading(text, "HOW TO REPEAT IT");
    fprintf(text->stream, "  %-12s %s", "version", head->version);
    if (head->commit && head->commit[0])
        fprintf(text->stream, " (%s)", head->commit);
    fputc('\n', text->stream);
    text_wrap_printf(text, "  options      ", "taint/1, policy %s, links %s, fees %s, unknown %s, opening %s",
                     head->policy, links_name(head->options.links),
                     fees_name(head->options.fees), unknown_name(head->options.unknown),
                     opening_name(head->options.opening));
    if (head->has_explored)
        fprintf(text->stream, "  %-12s %" PRIu64 " accounts\n", "explored", head->explored_count);
    print_range_end(text, "first block", head->first_block, head->first_hash);
    print_range_end(text, "last block", head->last_block, head->last_hash);
    for (size_t i = 0; i < head->input_count; i++) {
        const struct result_input *input = &head->inputs[i];
        char name[256];
        shown_text(name, sizeof(name), input->name, strlen(input->name));
        fprintf(text->stream, "  %-12s %s\n", input->role, name);
        if (input->sha256[0])
            fprintf(text->stream, "        sha256 %s\n", input->sha256);
    }
    if (head->repeat && head->repeat[0]) {
        char command[1024];
        shown_text(command, sizeof(command), head->repeat, strlen(head->repeat));
        text_wrap(text, "  command      ", command);
    }
    if (head->recorded)
        text_wrap(text, "  recorded     ", head->recorded);
}

void text_head(const struct text *text, const char *title)
{
    const struct result_head *head = text->view.head;
    char first[32], last[32];
    clock_format_utc(head->first_time, first);
    clock_format_utc(head->last_time, last);
    text_wrap_printf(text, "", "%s on %s (chain %" PRIu64 ")%s", title, head->network, head->chain_id,
                     head->imported ? ", rows imported from a file" : "");
    if (!head->time_keys)
        text_wrap_printf(text, "", "blocks %" PRIu64 " to %" PRIu64 "%s", head->first_block, head->last_block,
                         head->first_time ? "" : ", times not known");
    if (head->first_time)
        text_wrap_printf(text, "", "%s to %s UTC", first, last);
    text_wrap_printf(text, "", "policy %s of taint/1", head->policy);
}

enum tracer_status text_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err)
{
    struct text text;
    struct view view = view_of_trace(result);
    enum report_view wanted = options ? options->view : VIEW_FULL;
    enum tracer_status status = TRACER_OK;
    text_init(&text, stream, &view, options);
    text_head(&text, "Where the money went");
    if (wanted == VIEW_TREE && (status = text_tree(&text, result, err)))
        return status;
    if (wanted == VIEW_FULL || wanted == VIEW_SUMMARY) {
        text_stolen(&text, result);
        status = text_where(&text, result, err);
        if (status)
            return status;
    }
    if (options && options->prices)
        text_value(&text, result, options->prices);
    if (wanted == VIEW_FULL || wanted == VIEW_HOPS)
        text_hops(&text, result);
    if (wanted == VIEW_FULL) {
        text_all_places(&text, result);
        text_tables(&text);
    }
    text_tail(&text);
    return stream_done(stream, err);
}
