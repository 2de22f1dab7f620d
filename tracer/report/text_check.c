/* text_check.c - a check to read: the verdicts first, then what each rests on. */
#include "text.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <string.h>

#define TARGET_SHOWN_SIZE 128

static const char *verdict_words(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_CLEAN:
        return "CLEAN";
    case VERDICT_CANNOT_TELL:
        return "CANNOT TELL";
    case VERDICT_EXPOSED:
        return "EXPOSED";
    }
    return "";
}

static void print_verdict(const struct text *text, const struct check_answer *answer)
{
    char target[TARGET_SHOWN_SIZE], name[NAME_SHOWN_SIZE] = "";
    const struct result_account *account =
        answer->is_address ? view_account(&text->view, answer->account) : NULL;
    shown_text(target, sizeof(target), answer->target, strlen(answer->target));
    if (account)
        name_shown(account->name, name);
    fprintf(text->stream, "%-11s  %s%s%s\n", verdict_words(answer->verdict), target, name[0] ? "  " : "",
            name);
    for (size_t i = 0; i < answer->reason_count; i++) {
        char reason[512];
        shown_text(reason, sizeof(reason), answer->reasons[i], strlen(answer->reasons[i]));
        text_wrap(text, "             - ", reason);
    }
}

static void print_step(const struct text *text, const struct check_result *result, uint32_t index, bool is_origin)
{
    const struct check_step *step = &result->steps[index];
    char time[32], transaction[HASH_TEXT_SIZE], amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
    char from[PARTY_TEXT_SIZE], to[PARTY_TEXT_SIZE], tainted[AMOUNT_TEXT_SIZE];
    clock_format_utc(step->time, time);
    text_transaction(text, step->transaction_hash, step->position, transaction);
    text_party(text, step->from, from);
    text_party(text, step->to, to);
    view_amount(&text->view, step->asset, u320_from_u256(step->amount), amount);
    view_amount(&text->view, step->asset, u320_from_u256(step->tainted), tainted);
    view_asset_name(&text->view, step->asset, asset);
    fprintf(text->stream, "      hop %-3" PRIu32 " %s  %s  %s\n", step->hop,
            step->time ? time : "time not known", transaction, grade_name(step->grade));
    text_wrap_printf(text, "              ", "%s -> %s", from, to);
    if (u256_equal(step->amount, step->tainted))
        text_wrap_printf(text, "              ", "%s %s, all of it %s", amount, asset, is_origin ? "from there" : "tainted");
    else
        text_wrap_printf(text, "              ", "%s %s, of which %s %s", amount, asset, tainted, is_origin ? "from there" : "tainted");
    text_leg(text, "              ", step->leg, step->rules);
}

static void print_exposure(const struct text *text, const struct check_result *result,
                           const struct check_line *line, const struct check_exposure *exposure, bool is_origin)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], share[SHARE_TEXT_SIZE];
    view_amount(&text->view, line->asset, exposure->amount, amount);
    view_asset_name(&text->view, line->asset, asset);
    ppm_text(exposure->ppm, share);
    text_wrap_printf(text, "    ", "from %s: %s %s (%s), %s, %" PRIu32 " hop%s from %s%s",
                     exposure->source, amount, asset, share, exposure->direct ? "direct" : "indirect",
                     exposure->hop, exposure->hop == 1 ? "" : "s", is_origin ? "it" : "the theft",
                     exposure->path_count ? "; one path, oldest first:" : "");
    for (size_t i = 0; i < exposure->path_count; i++)
        print_step(text, result, exposure->path[i], is_origin);
}

static void print_part(const struct text *text, const struct check_line *line, const char *word,
                       struct u320 part)
{
    char amount[AMOUNT_TEXT_SIZE], share[SHARE_TEXT_SIZE];
    view_amount(&text->view, line->asset, part, amount);
    share_text(part, line->amount, share);
    fprintf(text->stream, "    %-8s %s (%s)\n", word, amount, share);
}

/* "carried", "received" or "holds" and the whole amount; where the status is not ok, why nothing is said. */
static void print_line_head(const struct text *text, const struct check_line *line)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], transaction[HASH_TEXT_SIZE], time[32];
    char from[PARTY_TEXT_SIZE], to[PARTY_TEXT_SIZE];
    view_amount(&text->view, line->asset, line->amount, amount);
    view_asset_name(&text->view, line->asset, asset);
    bool is_ok = strcmp(line->status, "ok") == 0;
    if (line->what != CHECK_CARRIED) {
        text_wrap_printf(text, "  ", "%s %s %s%s%s", check_what_name(line->what), amount, asset,
                         is_ok ? "" : ": ", is_ok ? "" : line->status);
        return;
    }
    text_transaction(text, line->transaction_hash, line->position, transaction);
    clock_format_utc(line->time, time);
    text_party(text, line->from, from);
    text_party(text, line->to, to);
    text_wrap_printf(text, "  ", "%s%s%s: %s -> %s, %s %s%s%s", transaction, line->time ? " at " : "",
                     line->time ? time : "", from, to, amount, asset, is_ok ? "" : ": ",
                     is_ok ? "" : line->status);
}

static void print_categories(const struct text *text, const struct check_line *line)
{
    struct category_sum sums[CATEGORIES_MAX];
    size_t count = sum_categories(line, strcmp(text->view.head->policy, "poison") == 0, sums);
    for (size_t i = 0; i < count; i++) {
        char direct[AMOUNT_TEXT_SIZE], indirect[AMOUNT_TEXT_SIZE], share[SHARE_TEXT_SIZE];
        view_amount(&text->view, line->asset, sums[i].direct, direct);
        view_amount(&text->view, line->asset, sums[i].indirect, indirect);
        ppm_text(sums[i].ppm, share);
        text_wrap_printf(text, "    ", "category %s: %s, %s direct, %s indirect", sums[i].category, share, direct, indirect);
    }
}

static void print_line(const struct text *text, const struct check_result *result,
                       const struct check_line *line)
{
    print_line_head(text, line);
    if (strcmp(line->status, "ok") != 0)
        return;
    if (!view_asset(&text->view, line->asset)->recognised)
        text_wrap(text, "    ", "(not in the list of assets: counts in no verdict)");
    print_part(text, line, "tainted", line->tainted);
    print_part(text, line, "unknown", line->unknown);
    print_part(text, line, "clean", line->clean);
    if (line->exposure_count > 1)
        print_categories(text, line);
    for (size_t i = 0; i < line->exposure_count; i++)
        print_exposure(text, result, line, &line->exposures[i], false);
    if (line->origin_count)
        text_wrap(text, "    ", "Source of funds, by the labelled accounts that paid it out; the rest was minted, earned, or is older:");
    for (size_t i = 0; i < line->origin_count; i++)
        print_exposure(text, result, line, &line->origins[i], true);
}

enum tracer_status text_check(FILE *stream, const struct check_result *result,
                              const struct report_options *options, struct error *err)
{
    struct text text;
    struct view view = view_of_check(result);
    text_init(&text, stream, &view, options);
    for (size_t i = 0; i < result->answer_count; i++)
        print_verdict(&text, &result->answers[i]);
    fputc('\n', stream);
    text_head(&text, "Checked");
    for (size_t i = 0; i < result->answer_count; i++) {
        const struct check_answer *answer = &result->answers[i];
        char target[TARGET_SHOWN_SIZE];
        shown_text(target, sizeof(target), answer->target, strlen(answer->target));
        text_heading(&text, target);
        if (answer->line_count == 0)
            fputs("  no transfer of it is in the store\n", stream);
        for (size_t l = 0; l < answer->line_count; l++)
            print_line(&text, result, &answer->lines[l]);
    }
    if (!options || options->view == VIEW_FULL)
        text_tables(&text);
    text_tail(&text);
    return stream_done(stream, err);
}
