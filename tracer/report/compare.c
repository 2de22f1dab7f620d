/* compare.c - several policies side by side, as text, JSON (tracer/policies/1) and CSV. */
#include "csv_parts.h"
#include "json_parts.h"
#include "text.h"

#include <string.h>

static const char *policy_of(size_t index)
{
    return taint_policy_name(compared_policies[index]);
}

static bool agree(const struct compared *compared)
{
    return u320_compare(compared->amounts[compared->low], compared->amounts[compared->high]) == 0;
}

/* ---- text ---- */

/* "all policies", or the names of those that have the amount of policy `index`. */
static void names_of(const struct compared *compared, size_t index, char to[static 64])
{
    size_t at = 0;
    if (agree(compared)) {
        snprintf(to, 64, "all agree");
        return;
    }
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        if (u320_compare(compared->amounts[i], compared->amounts[index]) == 0)
            at += (size_t)snprintf(to + at, 64 - at, "%s%s", at ? ", " : "", policy_of(i));
}

/* One line for each different amount, least first. */
static void print_compared(const struct text *text, uint32_t asset, const struct compared *compared,
                           struct u320 whole)
{
    bool done[COMPARED_COUNT] = {false};
    for (;;) {
        size_t next = COMPARED_COUNT;
        for (size_t i = 0; i < COMPARED_COUNT; i++)
            if (!done[i] &&
                (next == COMPARED_COUNT || u320_compare(compared->amounts[i], compared->amounts[next]) < 0))
                next = i;
        if (next == COMPARED_COUNT)
            return;
        char names[64], amount[AMOUNT_TEXT_SIZE], share[SHARE_TEXT_SIZE];
        names_of(compared, next, names);
        view_amount(&text->view, asset, compared->amounts[next], amount);
        share_text(compared->amounts[next], whole, share);
        fprintf(text->stream, "    %34s  %8s  %s%s\n", amount, share, names,
                agree(compared)                                                                 ? ""
                : u320_compare(compared->amounts[next], compared->amounts[compared->low]) == 0  ? "  (low)"
                : u320_compare(compared->amounts[next], compared->amounts[compared->high]) == 0 ? "  (high)"
                                                                                                : "");
        for (size_t i = 0; i < COMPARED_COUNT; i++)
            done[i] = done[i] || u320_compare(compared->amounts[i], compared->amounts[next]) == 0;
    }
}

static bool is_nothing(const struct compared *compared)
{
    return u320_is_zero(compared->amounts[compared->high]);
}

static void print_total(const struct text *text, const struct compare_result *result,
                        const struct compared_total *total)
{
    char asset[ASSET_SHOWN_SIZE];
    struct u320 whole = total->came_in.amounts[total->came_in.high];
    view_asset_name(&text->view, total->asset, asset);
    fprintf(text->stream, "%s, %s\n\n  came in\n", result->trace.sources[total->source], asset);
    print_compared(text, total->asset, &total->came_in, whole);
    for (int place = 0; place < PLACE_IS_COUNT; place++) {
        if (is_nothing(&total->places[place]))
            continue;
        fprintf(text->stream, "  %s\n", place_words((enum place)place));
        print_compared(text, total->asset, &total->places[place], whole);
    }
}

static struct u320 came_in(const struct compare_result *result, const struct compared_place *place)
{
    for (size_t i = 0; i < result->total_count; i++)
        if (result->totals[i].source == place->source && result->totals[i].asset == place->asset)
            return result->totals[i].came_in.amounts[result->totals[i].came_in.high];
    return (struct u320){{0}};
}

static void print_places(const struct text *text, const struct compare_result *result)
{
    for (size_t i = 0; i < result->place_count; i++) {
        const struct compared_place *place = &result->places[i], *before = i ? place - 1 : NULL;
        char asset[ASSET_SHOWN_SIZE], address[ADDRESS_TEXT_SIZE] = "-", name[NAME_SHOWN_SIZE] = "";
        if (!before || before->source != place->source || before->asset != place->asset ||
            before->place != place->place) {
            view_asset_name(&text->view, place->asset, asset);
            fprintf(text->stream, "%s%s, %s, %s\n", before ? "\n" : "", result->trace.sources[place->source],
                    asset, place_words(place->place));
        }
        const struct result_account *account = view_account(&text->view, place->account);
        if (account) {
            address_format(account->address, address);
            name_shown(account->name, name);
        }
        fprintf(text->stream, "  %s%s%s\n", address, name[0] ? "  " : "", name);
        print_compared(text, place->asset, &place->amount, came_in(result, place));
    }
}

static void print_hops(const struct text *text, const struct compare_result *result)
{
    size_t same = 0;
    for (size_t i = 0; i < result->hop_count; i++)
        same += agree(&result->hops[i].tainted);
    text_heading(text, "FLAGGED HOPS");
    text_wrap_printf(
        text, "  ",
        "%zu transfers are flagged under at least one policy; all policies agree on the tainted amount of %zu of them. "
        "Each with its amount by policy: --format json. With its path: trace with one --policy.",
        result->hop_count, same);
}

enum tracer_status text_compare(FILE *stream, const struct compare_result *result,
                                const struct report_options *options, struct error *err)
{
    struct text text;
    struct view view = view_of_trace(&result->trace);
    enum report_view wanted = options ? options->view : VIEW_FULL;
    text_init(&text, stream, &view, options);
    text_head(&text, "Where the money went");
    text_wrap(&text, "",
              "a complete trace each under fifo, lifo, haircut, cleanfirst and taintfirst, side by side");
    text_stolen(&text, &result->trace);
    text_heading(&text, "WHERE IT IS NOW, BY POLICY (shares of the greatest sum, rounded down)");
    bool apart = false;
    for (int recognised = 1; recognised >= 0; recognised--)
        for (size_t i = 0; i < result->total_count; i++) {
            if (view_asset(&view, result->totals[i].asset)->recognised != (recognised == 1))
                continue;
            if (recognised == 0 && !apart)
                text_heading(
                    &text, "ASSETS THAT ARE NOT IN THE LIST (smallest units; count in no total or verdict)");
            else if (apart || i > 0)
                fputc('\n', stream);
            apart = apart || recognised == 0;
            print_total(&text, result, &result->totals[i]);
        }
    if (result->total_count == 0)
        fputs("  nothing is tainted\n", stream);
    print_hops(&text, result);
    if (wanted == VIEW_FULL) {
        if (result->place_count)
            text_heading(&text, "EVERY PLACE, WITH ITS WHOLE ADDRESS");
        print_places(&text, result);
        text_tables(&text);
    }
    text_tail(&text);
    return stream_done(stream, err);
}

/* ---- JSON ---- */

static void put_compared(struct json_writer *json, const char *key, const struct compared *compared)
{
    json_put_open(json, key, '{');
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        json_put_amount(json, policy_of(i), compared->amounts[i]);
    json_put_amount(json, "low", compared->amounts[compared->low]);
    json_put_amount(json, "high", compared->amounts[compared->high]);
    json_shut(json, '}');
}

static void put_hop(struct json_writer *json, const struct compare_result *result, const struct view *view,
                    const struct compared_hop *compared)
{
    const struct result_hop *hop = &compared->hop;
    json_open(json, '{');
    json_put_transfer(json, view, hop);
    json_put_text(json, "source", result->trace.sources[hop->source]);
    put_compared(json, "tainted", &compared->tainted);
    json_put_u64(json, "hop", hop->hop);
    json_shut(json, '}');
}

enum tracer_status json_compare(FILE *stream, const struct compare_result *result,
                                const struct report_options *options, struct error *err)
{
    struct json_writer json;
    struct view view = view_of_trace(&result->trace);
    (void)options; /* a document is always whole */
    json_writer_init(&json, stream);
    json_open(&json, '{');
    json_put_head(&json, "tracer/policies/1", &view);
    json_put_open(&json, "policies", '[');
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        json_text(&json, policy_of(i));
    json_shut(&json, ']');
    json_put_seeds(&json, &result->trace, &view);
    json_put_open(&json, "totals", '[');
    for (size_t i = 0; i < result->total_count; i++) {
        const struct compared_total *total = &result->totals[i];
        const struct result_asset *asset = view_asset(&view, total->asset);
        json_open(&json, '{');
        json_put_text(&json, "source", result->trace.sources[total->source]);
        json_put_asset(&json, "asset", &view, total->asset);
        json_put_text(&json, "symbol", asset->symbol);
        json_put_u64(&json, "decimals", asset->decimals);
        json_put_truth(&json, "recognised", asset->recognised);
        put_compared(&json, "came_in", &total->came_in);
        json_put_open(&json, "places", '{');
        for (int place = 0; place < PLACE_IS_COUNT; place++)
            put_compared(&json, place_name((enum place)place), &total->places[place]);
        json_shut(&json, '}');
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_put_open(&json, "places", '[');
    for (size_t i = 0; i < result->place_count; i++) {
        const struct compared_place *place = &result->places[i];
        json_open(&json, '{');
        json_put_text(&json, "source", result->trace.sources[place->source]);
        json_put_asset(&json, "asset", &view, place->asset);
        json_put_text(&json, "place", place_name(place->place));
        json_put_account(&json, "account", &view, place->account);
        put_compared(&json, "amount", &place->amount);
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_put_tables(&json, &view);
    json_put_open(&json, "hops", '[');
    for (size_t i = 0; i < result->hop_count; i++)
        put_hop(&json, result, &view, &result->hops[i]);
    json_shut(&json, ']');
    json_put_truth(&json, "touches_gap", result->trace.touches_gap);
    json_put_tail(&json, &view);
    json_shut(&json, '}');
    return stream_done(stream, err);
}

/* ---- CSV: a line a place ---- */

static void add_place(struct line *line, const struct compare_result *result, const struct view *view,
                      const struct compared_place *place)
{
    add_text(line, result->trace.sources[place->source]);
    add_asset(line, view, place->asset);
    add_text(line, place_name(place->place));
    add_account(line, view, place->account);
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        add_amount(line, place->amount.amounts[i]);
    add_amount(line, place->amount.amounts[place->amount.low]);
    add_amount(line, place->amount.amounts[place->amount.high]);
    add_text(line, "tracer/policies-csv/1");
}

enum tracer_status csv_compare(FILE *stream, const struct compare_result *result,
                               const struct report_options *options, struct error *err)
{
    struct line line;
    struct view view = view_of_trace(&result->trace);
    enum tracer_status status = TRACER_OK;
    (void)options;
    line_init(&line);
    fputs("source,asset,symbol,decimals,recognised,place,account,account_name", stream);
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        fprintf(stream, ",%s", policy_of(i));
    fputs(",low,high,schema\n", stream);
    for (size_t i = 0; i < result->place_count && !status; i++) {
        add_place(&line, result, &view, &result->places[i]);
        status = line_put(&line, stream, err);
    }
    line_release(&line);
    return status ? status : stream_done(stream, err);
}

/* ---- a check under each policy ---- */

static struct compared compare_lines(const struct check_result *const results[COMPARED_COUNT], size_t answer, size_t line, bool unknown)
{
    struct compared compared = {.low = 0};
    for (size_t i = 0; i < COMPARED_COUNT; i++) {
        const struct check_line *of = &results[i]->answers[answer].lines[line];
        compared.amounts[i] = unknown ? of->unknown : of->tainted;
        if (u320_compare(compared.amounts[i], compared.amounts[compared.low]) < 0)
            compared.low = (uint8_t)i;
        if (u320_compare(compared.amounts[i], compared.amounts[compared.high]) > 0)
            compared.high = (uint8_t)i;
    }
    return compared;
}

static const char *const line_words[] = {"carried", "received", "holds"};

static bool has_same_reasons(const struct check_answer *a, const struct check_answer *b)
{
    size_t i = 0;
    while (i < a->reason_count && i < b->reason_count && strcmp(a->reasons[i], b->reasons[i]) == 0)
        i++;
    return i == a->reason_count && i == b->reason_count;
}

static void print_answer(const struct text *text, const struct check_result *const results[COMPARED_COUNT], size_t index)
{
    const struct check_answer *first = &results[0]->answers[index];
    char target[160];
    shown_text(target, sizeof(target), first->target, strlen(first->target));
    text_heading(text, target);
    for (size_t i = 0; i < COMPARED_COUNT; i++) {
        const struct check_answer *answer = &results[i]->answers[index];
        bool again = i && answer->reason_count && has_same_reasons(answer, &results[i - 1]->answers[index]);
        fprintf(text->stream, "  %-10s  %s%s%s%s\n", policy_of(i), verdict_name(answer->verdict), answer->rule[0] ? ", rule " : "", answer->rule,
                again ? ", for the same reasons" : "");
        for (size_t r = 0; r < answer->reason_count && !again; r++) {
            char reason[512];
            shown_text(reason, sizeof(reason), answer->reasons[r], strlen(answer->reasons[r]));
            text_wrap(text, "              - ", reason);
        }
    }
    for (size_t l = 0; l < first->line_count; l++) {
        const struct check_line *line = &first->lines[l];
        struct compared tainted = compare_lines(results, index, l, false), unknown = compare_lines(results, index, l, true);
        char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
        view_amount(&text->view, line->asset, line->amount, amount);
        view_asset_name(&text->view, line->asset, asset);
        text_wrap_printf(text, "  ", "%s %s %s%s", line_words[line->what], amount, asset,
                         view_asset(&text->view, line->asset)->recognised ? "" : " (not in the list of assets: counts in no verdict)");
        fputs("    tainted\n", text->stream);
        print_compared(text, line->asset, &tainted, line->amount);
        if (is_nothing(&unknown))
            continue;
        fputs("    of unknown history\n", text->stream);
        print_compared(text, line->asset, &unknown, line->amount);
    }
}

enum tracer_status text_check_policies(FILE *stream, const struct check_result *const results[COMPARED_COUNT],
                                       const struct report_options *options, struct error *err)
{
    struct text text;
    struct view view = view_of_check(results[0]);
    text_init(&text, stream, &view, options);
    text_head(&text, "Checked under each policy");
    for (size_t i = 0; i < results[0]->answer_count; i++)
        print_answer(&text, results, i);
    text_tables(&text);
    text_tail(&text);
    return stream_done(stream, err);
}

enum tracer_status json_check_policies(FILE *stream, const struct check_result *const results[COMPARED_COUNT],
                                       const struct report_options *options, struct error *err)
{
    struct json_writer json;
    struct view view = view_of_check(results[0]);
    (void)options;
    json_writer_init(&json, stream);
    json_open(&json, '{');
    json_put_head(&json, "tracer/check-policies/1", &view);
    json_put_open(&json, "policies", '[');
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        json_text(&json, policy_of(i));
    json_shut(&json, ']');
    json_put_open(&json, "answers", '[');
    for (size_t a = 0; a < results[0]->answer_count; a++) {
        const struct check_answer *first = &results[0]->answers[a];
        json_open(&json, '{');
        json_put_text(&json, "target", first->target);
        json_put_open(&json, "verdicts", '{');
        for (size_t i = 0; i < COMPARED_COUNT; i++)
            json_put_text(&json, policy_of(i), verdict_name(results[i]->answers[a].verdict));
        json_shut(&json, '}');
        json_put_open(&json, "reasons", '{');
        for (size_t i = 0; i < COMPARED_COUNT; i++) {
            json_put_open(&json, policy_of(i), '[');
            for (size_t r = 0; r < results[i]->answers[a].reason_count; r++)
                json_text(&json, results[i]->answers[a].reasons[r]);
            json_shut(&json, ']');
        }
        json_shut(&json, '}');
        json_put_open(&json, "lines", '[');
        for (size_t l = 0; l < first->line_count; l++) {
            const struct check_line *line = &first->lines[l];
            struct compared tainted = compare_lines(results, a, l, false), unknown = compare_lines(results, a, l, true);
            json_open(&json, '{');
            json_put_text(&json, "what", line_words[line->what]);
            if (line->has_position)
                json_put_position(&json, "key", line->position);
            else
                json_put_nothing(&json, "key");
            json_put_asset(&json, "asset", &view, line->asset);
            json_put_amount(&json, "amount", line->amount);
            put_compared(&json, "tainted", &tainted);
            put_compared(&json, "unknown", &unknown);
            json_shut(&json, '}');
        }
        json_shut(&json, ']');
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_put_tables(&json, &view);
    json_put_tail(&json, &view);
    json_shut(&json, '}');
    return stream_done(stream, err);
}
