/* text_places.c - where the units are now, to the unit: by place with names, and whole. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define NAMED_A_PLACE                                                                                        \
    8u /* groups named beneath a place; the rest is one line here and stands whole further down */
#define WORDS_SIZE 96u

const char *place_words(enum place place)
{
    switch (place) {
    case PLACE_IS_HELD:
        return "held";
    case PLACE_IS_SERVICE:
        return "at services";
    case PLACE_IS_MIXER:
        return "in mixers";
    case PLACE_IS_BRIDGE:
        return "into bridges";
    case PLACE_IS_VENUE:
        return "at venues, not matched to a swap";
    case PLACE_IS_BURNED:
        return "burned";
    case PLACE_IS_FEES:
        return "paid as fees";
    case PLACE_IS_CONVERTED:
        return "exchanged for other assets";
    case PLACE_IS_NOT_EXPLORED:
        return "not explored further";
    case PLACE_IS_RETAGGED:
        return "taken over by another source";
    case PLACE_IS_COUNT:
        break;
    }
    return "";
}

static bool is_known(const struct view *view, uint32_t asset)
{
    return view_asset(view, asset)->recognised;
}

/* What is put under what: the entity of labelled accounts, each other account by itself. */
struct group {
    const char *name; /* NULL: by account */
    uint32_t account;
    size_t count;
    struct u320 amount, unproven;
};

static int order_groups_by_name(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (!x->name || !y->name)
        return !x->name && !y->name ? (x->account > y->account) - (x->account < y->account)
               : x->name            ? -1
                                    : 1;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->account > y->account) - (x->account < y->account);
}

static int order_groups_by_amount(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int order = u320_compare(y->amount, x->amount);
    return order ? order : order_groups_by_name(a, b);
}

static const char *group_name(const struct result_account *account, enum place place)
{
    if (!account || !account->labelled || place == PLACE_IS_HELD || place == PLACE_IS_NOT_EXPLORED)
        return NULL;
    if (account->entity[0])
        return account->entity;
    return account->name[0] ? account->name : NULL;
}

/* Groups of places first..end, largest first. */
static size_t make_groups(const struct text *text, const struct result_place *places, size_t count,
                          struct group *groups)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        groups[i] = (struct group){group_name(view_account(&text->view, places[i].account), places[i].place),
                                   places[i].account, 1, places[i].amount, places[i].unproven};
    qsort(groups, count, sizeof(*groups), order_groups_by_name);
    for (size_t i = 0; i < count; i++) {
        if (kept && groups[i].name && groups[kept - 1].name &&
            strcmp(groups[i].name, groups[kept - 1].name) == 0) {
            u320_add_u320(&groups[kept - 1].amount, groups[i].amount);
            u320_add_u320(&groups[kept - 1].unproven, groups[i].unproven);
            groups[kept - 1].count++;
        } else {
            groups[kept++] = groups[i];
        }
    }
    qsort(groups, kept, sizeof(*groups), order_groups_by_amount);
    return kept;
}

/* One line of the table of a total. */
struct line {
    unsigned indent;
    char words[WORDS_SIZE], amount[AMOUNT_TEXT_SIZE], share[SHARE_TEXT_SIZE], note[32];
};
struct lines {
    struct line *items;
    size_t count, capacity;
    uint32_t asset;
    struct u320 whole;
    bool is_shortened; /* some accounts stand together in "and N more" */
};

static bool add_line(const struct text *text, struct lines *lines, unsigned indent, struct u320 amount, struct u320 unproven)
{
    if (lines->count == lines->capacity) {
        size_t capacity = lines->capacity ? lines->capacity * 2 : 64;
        struct line *items = realloc(lines->items, capacity * sizeof(*items));
        if (!items)
            return false;
        lines->items = items;
        lines->capacity = capacity;
    }
    struct line *line = &lines->items[lines->count++];
    *line = (struct line){.indent = indent};
    view_tainted(&text->view, lines->asset, amount, unproven, line->amount);
    share_text(amount, lines->whole, line->share);
    return true;
}

static void group_words(const struct text *text, const struct group *group, struct line *line)
{
    char party[PARTY_TEXT_SIZE], name[NAME_SHOWN_SIZE];
    const struct result_account *account = view_account(&text->view, group->account);
    if (!group->name) {
        text_party(text, group->account, party);
        snprintf(line->words, sizeof(line->words), "%s", party);
        return;
    }
    name_shown(group->name, name);
    snprintf(line->words, sizeof(line->words), "%s", name);
    if (group->count > 1)
        snprintf(line->note, sizeof(line->note), "%zu addresses", group->count);
    else if (account)
        address_short(account->address, line->note);
}

/* The accounts of one place: the largest groups, then how many more. */
static bool add_groups(const struct text *text, struct lines *lines, const struct result_place *places,
                       size_t count)
{
    bool is_enough = true;
    struct group *groups = malloc((count ? count : 1) * sizeof(*groups));
    if (!groups)
        return false;
    size_t group_count = make_groups(text, places, count, groups), shown = group_count;
    if (group_count > NAMED_A_PLACE + 1)
        shown = NAMED_A_PLACE;
    for (size_t i = 0; i < shown && is_enough; i++) {
        if (!groups[i].name && groups[i].account == RESULT_NONE)
            continue; /* void: the place says it all */
        is_enough = add_line(text, lines, 4, groups[i].amount, groups[i].unproven);
        if (is_enough)
            group_words(text, &groups[i], &lines->items[lines->count - 1]);
    }
    struct u320 rest = {{0}}, unproven = {{0}};
    for (size_t i = shown; i < group_count; i++) {
        u320_add_u320(&rest, groups[i].amount);
        u320_add_u320(&unproven, groups[i].unproven);
    }
    if (is_enough && shown < group_count) {
        lines->is_shortened = true;
        is_enough = add_line(text, lines, 4, rest, unproven);
        if (is_enough)
            snprintf(lines->items[lines->count - 1].words, WORDS_SIZE, "and %zu more", group_count - shown);
    }
    free(groups);
    return is_enough;
}

/* Largest first; equal ones in the order of the enum. */
static void order_places(const struct result_total *total, int order[PLACE_IS_COUNT])
{
    for (int place = 0; place < PLACE_IS_COUNT; place++) {
        int at = place;
        for (; at > 0 && u320_compare(total->places[place], total->places[order[at - 1]]) > 0; at--)
            order[at] = order[at - 1];
        order[at] = place;
    }
}

static bool add_places(const struct text *text, struct lines *lines, const struct trace_result *result,
                       const struct result_total *total)
{
    int order[PLACE_IS_COUNT];
    order_places(total, order);
    for (int i = 0; i < PLACE_IS_COUNT; i++) {
        size_t first = 0, end;
        int place = order[i];
        if (u320_is_zero(total->places[place]))
            continue;
        if (!add_line(text, lines, 2, total->places[place], total->unproven[place]))
            return false;
        snprintf(lines->items[lines->count - 1].words, WORDS_SIZE, "%s", place_words((enum place)place));
        while (first < result->place_count && (result->places[first].source != total->source ||
                                               result->places[first].asset != total->asset ||
                                               result->places[first].place != (enum place)place))
            first++;
        for (end = first; end < result->place_count && result->places[end].source == total->source &&
                          result->places[end].asset == total->asset &&
                          result->places[end].place == (enum place)place;)
            end++;
        if (end > first && !add_groups(text, lines, result->places + first, end - first))
            return false;
    }
    return true;
}

static void print_line(const struct text *text, const struct line *line, unsigned words_width,
                       const struct amount_column *amounts)
{
    unsigned room = words_width - line->indent;
    bool is_cut = strlen(line->words) > room;
    fprintf(text->stream, "%*s%-*.*s%s  ", (int)line->indent, "", (int)(is_cut ? room - 2 : room),
            (int)(is_cut ? room - 2 : room), line->words, is_cut ? ".." : "");
    amount_column_print(text, amounts, line->amount);
    fprintf(text->stream, "  %8s", line->share);
    if (line->note[0])
        fprintf(text->stream, "  %s", line->note);
    fputc('\n', text->stream);
}

/* Words get what the amounts leave, but are never cut below what an address needs. */
static void print_lines(const struct text *text, struct lines *lines, const char *closing)
{
    struct amount_column amounts = {0};
    unsigned words_width = 20, note_width = 0;
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->items[i];
        unsigned needed = line->indent + (unsigned)strlen(line->words);
        amount_column_add(&amounts, line->amount);
        if (needed > words_width)
            words_width = needed;
        if (strlen(line->note) > note_width)
            note_width = (unsigned)strlen(line->note);
    }
    unsigned others = 2 + amount_column_width(&amounts) + 2 + 8;
    if (others + 2 + note_width + words_width >
        text->columns) /* notes are the first to go: the full report has all */
        for (size_t i = 0; i < lines->count; i++)
            lines->items[i].note[0] = '\0';
    unsigned room = text->columns > others + 24 ? text->columns - others : 24;
    if (words_width > room)
        words_width = room;
    for (size_t i = 0; i < lines->count; i++) {
        if (i + 1 == lines->count) { /* the sum */
            fprintf(text->stream, "%*s", (int)words_width + 2, "");
            for (unsigned c = 0; c < amount_column_width(&amounts) + 10; c++)
                fputc('-', text->stream);
            fputc('\n', text->stream);
        }
        print_line(text, &lines->items[i], words_width, &amounts);
    }
    text_wrap(text, "  ", closing);
    if (lines->is_shortened)
        text_wrap(
            text, "  ",
            "(Small ones are put together as 'and N more'; the full report lists each with its address.)");
}

/* What the whole is made of, where it is more than what the seeds named. */
static void print_parts(const struct text *text, const struct result_total *total)
{
    const struct {
        const char *words;
        struct u320 amount;
    } parts[] = {{"stolen", total->seeded},
                 {"sent out by labelled places that emit this source", total->emitted},
                 {"received in exchange for other tainted assets", total->converted_in}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char amount[AMOUNT_TEXT_SIZE];
        view_amount(&text->view, total->asset, parts[i].amount, amount);
        if (!u320_is_zero(parts[i].amount))
            fprintf(text->stream, "  (%s %s)\n", amount, parts[i].words);
    }
    fputc('\n', text->stream);
}

/* How much of it is only told as if nothing were missing. */
static void print_unproven(const struct text *text, const struct result_total *total)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
    struct u320 unproven = total_unproven(total);
    if (u320_is_zero(unproven))
        return;
    view_amount(&text->view, total->asset, unproven, amount);
    view_asset_name(&text->view, total->asset, asset);
    text_wrap_printf(text, "  ",
                     "NOT PROVEN (?): %s %s of it came out of accounts whose history has a gap, or lies there. It is told as if nothing else had come or "
                     "gone; where it is, and how much of it is tainted, depends on what is missing.",
                     amount, asset);
}

static enum tracer_status print_total(const struct text *text, const struct trace_result *result,
                                      const struct result_total *total, struct error *err)
{
    struct lines lines = {.asset = total->asset, .whole = total_came_in(total)};
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
    view_amount(&text->view, total->asset, lines.whole, amount);
    view_asset_name(&text->view, total->asset, asset);
    fprintf(text->stream, "%s: %s %s\n", result->sources[total->source], amount, asset);
    bool is_bought = !u320_is_zero(total->converted_in);
    if (is_bought || !u320_is_zero(total->emitted))
        print_parts(text, total);
    bool is_enough = add_places(text, &lines, result, total) && add_line(text, &lines, 2, lines.whole, (struct u320){{0}});
    if (is_enough) {
        snprintf(lines.items[lines.count - 1].words, WORDS_SIZE, "sum");
        print_lines(text, &lines,
                    !total_is_balanced(total)
                        ? "DOES NOT BALANCE: this is an error of the program, do not use it."
                    : is_bought ? "The sum equals what was stolen and received in exchange, to the unit."
                                : "The sum equals what was stolen, to the unit.");
    }
    if (is_enough)
        print_unproven(text, total);
    free(lines.items);
    return is_enough ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory for the report");
}

enum tracer_status text_where(const struct text *text, const struct trace_result *result, struct error *err)
{
    bool is_first = true, is_apart = false;
    text_heading(text, "WHERE IT IS NOW (shares rounded down)");
    if (text->view.head->options.policy == POLICY_POISON) {
        text_wrap(text, "  ",
                  "Policy poison keeps no totals: whatever touched stolen units counts as stolen whole, so "
                  "amounts do not "
                  "add up. See the flagged hops, or use another policy.");
        return TRACER_OK;
    }
    for (int recognised = 1; recognised >= 0; recognised--)
        for (size_t i = 0; i < result->total_count; i++) {
            if (is_known(&text->view, result->totals[i].asset) != (recognised == 1))
                continue;
            if (recognised == 0 && !is_apart) {
                text_heading(
                    text, "ASSETS THAT ARE NOT IN THE LIST (smallest units; count in no total or verdict)");
                is_first = is_apart = true;
            }
            if (!is_first)
                fputc('\n', text->stream);
            is_first = false;
            enum tracer_status status = print_total(text, result, &result->totals[i], err);
            if (status)
                return status;
        }
    if (result->total_count == 0)
        fputs("  nothing is tainted\n", text->stream);
    return TRACER_OK;
}

static bool is_same_place(const struct result_place *a, const struct result_place *b)
{
    return a->source == b->source && a->asset == b->asset && a->place == b->place;
}

/* Places first..end of one source, asset and place. */
static void print_block(const struct text *text, const struct trace_result *result, size_t first, size_t end)
{
    struct amount_column amounts = {0};
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
    const struct result_place *places = result->places;
    view_asset_name(&text->view, places[first].asset, asset);
    fprintf(text->stream, "%s%s, %s, %s\n", first ? "\n" : "", result->sources[places[first].source], asset,
            place_words(places[first].place));
    for (size_t i = first; i < end; i++) {
        view_tainted(&text->view, places[i].asset, places[i].amount, places[i].unproven, amount);
        amount_column_add(&amounts, amount);
    }
    for (size_t i = first; i < end; i++) {
        const struct result_account *account = view_account(&text->view, places[i].account);
        char address[ADDRESS_TEXT_SIZE] = "-", name[NAME_SHOWN_SIZE] = "";
        if (account) {
            address_format(account->address, address);
            name_shown(account->name, name);
        }
        view_tainted(&text->view, places[i].asset, places[i].amount, places[i].unproven, amount);
        fprintf(text->stream, "  %-42s  ", address);
        amount_column_print(text, &amounts, amount);
        if (!name[0])
            fputc('\n', text->stream);
        else if (46 + amount_column_width(&amounts) + 2 + strlen(name) <= text->columns)
            fprintf(text->stream, "  %s\n", name);
        else
            fprintf(text->stream, "\n      %s\n", name);
    }
}

void text_all_places(const struct text *text, const struct trace_result *result)
{
    size_t end;
    if (result->place_count)
        text_heading(text, "EVERY PLACE, WITH ITS WHOLE ADDRESS");
    for (size_t first = 0; first < result->place_count; first = end) {
        end = first + 1;
        while (end < result->place_count && is_same_place(&result->places[first], &result->places[end]))
            end++;
        print_block(text, result, first, end);
    }
}
