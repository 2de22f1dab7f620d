/* html_compare.c - where it is now under each policy, with the least and the greatest among them. */
#include "html_parts.h"

#include <string.h>

static void put_amount(const struct html *html, uint32_t asset, struct u320 amount)
{
    char text[AMOUNT_TEXT_SIZE];
    view_amount(&html->text.view, asset, amount, text);
    fputs(text, html->stream);
}

static bool is_equal(struct u320 a, struct u320 b)
{
    return u320_compare(a, b) == 0;
}

static bool agree(const struct compared *compared)
{
    return is_equal(compared->amounts[compared->low], compared->amounts[compared->high]);
}

/* An amount and the policies that give it. */
static void put_end(const struct html *html, uint32_t asset, const struct compared *compared, uint8_t end)
{
    const char *before = " <i>";
    fputs("<td class=\"num\">", html->stream);
    put_amount(html, asset, compared->amounts[end]);
    for (size_t i = 0; i < COMPARED_COUNT && !agree(compared); i++)
        if (is_equal(compared->amounts[i], compared->amounts[end])) {
            fprintf(html->stream, "%s%s", before, taint_policy_name(compared_policies[i]));
            before = ", ";
        }
    fputs(agree(compared) ? " <i>all agree</i>" : "</i>", html->stream);
}

/* Share, low and high; with `each`, the amount of every policy where they differ. */
static void put_amounts(const struct html *html, uint32_t asset, const struct compared *compared,
                        struct u320 whole, bool each)
{
    char low[SHARE_TEXT_SIZE], high[SHARE_TEXT_SIZE];
    share_text(compared->amounts[compared->low], whole, low);
    share_text(compared->amounts[compared->high], whole, high);
    fputs("<td class=\"num\">", html->stream);
    html_words(html->stream, low);
    if (strcmp(low, high) != 0) {
        fputs(" to ", html->stream);
        html_words(html->stream, high);
    }
    put_end(html, asset, compared, compared->low);
    put_end(html, asset, compared, compared->high);
    fputs("<td class=\"num\">", html->stream);
    for (size_t i = 0; i < COMPARED_COUNT && each && !agree(compared); i++) {
        fprintf(html->stream, "<span><i>%s</i> ", taint_policy_name(compared_policies[i]));
        put_amount(html, asset, compared->amounts[i]);
        fputs("</span>", html->stream);
    }
    fputs("\n", html->stream);
}

/* Up to the least in full, from there to the greatest hatched. */
static void put_range(const struct html *html, enum place place, const struct compared *compared,
                      struct u320 whole)
{
    const uint8_t ends[] = {compared->low, compared->high};
    uint64_t x[2] = {0};
    for (int i = 0; i < 2; i++) {
        struct u320 end;
        if (!u320_is_zero(whole) &&
            u320_mul_div(compared->amounts[ends[i]], u320_from_u256(u256_from_u64(1000)), whole, &end))
            x[i] = end.limb[0];
    }
    fprintf(
        html->stream,
        "<svg class=\"bar range\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><g class=\"p-%s\"><rect "
        "width=\"%llu\" height=\"10\"/><rect class=\"open\" x=\"%llu\" width=\"%llu\" height=\"10\"/></g></svg>",
        place_name(place), (unsigned long long)x[0], (unsigned long long)x[0],
        (unsigned long long)(x[1] - x[0]));
}

static void set_ends(struct compared *compared)
{
    for (uint8_t i = 0; i < COMPARED_COUNT; i++) {
        if (u320_compare(compared->amounts[i], compared->amounts[compared->low]) < 0)
            compared->low = i;
        if (u320_compare(compared->amounts[i], compared->amounts[compared->high]) > 0)
            compared->high = i;
    }
}

/* Some by name, the others as sums by policy. */
static void put_accounts(const struct html *html, const struct compared_total *total, enum place place,
                         struct u320 whole)
{
    struct compared rest = {0};
    size_t shown = 0, others = 0;
    for (size_t i = 0; i < html->compare->place_count; i++) {
        const struct compared_place *at = &html->compare->places[i];
        if (at->source != total->source || at->asset != total->asset || at->place != place ||
            at->account == RESULT_NONE)
            continue;
        if (shown == HTML_PLACE_ACCOUNTS) {
            others++;
            for (size_t k = 0; k < COMPARED_COUNT; k++)
                u320_add_u320(&rest.amounts[k], at->amount.amounts[k]);
            continue;
        }
        shown++;
        fputs("<tr class=\"under\"><td>", html->stream);
        html_account(html, at->account);
        put_amounts(html, total->asset, &at->amount, whole, false);
    }
    if (!others)
        return;
    set_ends(&rest);
    fprintf(html->stream, "<tr class=\"under\"><td>and %zu more", others);
    put_amounts(html, total->asset, &rest, whole, false);
}

static void put_total(const struct html *html, const struct compared_total *total)
{
    FILE *stream = html->stream;
    struct u320 whole = total->came_in.amounts[total->came_in.high];
    fputs("<div class=\"total\">\n<h3>", stream);
    if (!agree(&total->came_in))
        fputs("up to ", stream);
    html_amount(html, total->asset, whole);
    fputs(" <span>", stream);
    html_words(stream, html->result->sources[total->source]);
    fputs(
        "</span></h3>\n<div class=\"wide\"><table class=\"list places compared\"><thead><tr><th scope=\"col\">place<th scope=\"col\">share<th "
        "scope=\"col\">low<th scope=\"col\">high<th scope=\"col\">each\n<tbody>\n",
        stream);
    for (int place = 0; place < PLACE_IS_COUNT; place++) {
        const struct compared *compared = &total->places[place];
        if (u320_is_zero(compared->amounts[compared->high]))
            continue;
        fprintf(stream, "<tr class=\"place\"><td>%s", place_words((enum place)place));
        put_range(html, (enum place)place, compared, whole);
        put_amounts(html, total->asset, compared, whole, true);
        put_accounts(html, total, (enum place)place, whole);
    }
    fputs("<tr class=\"sum\"><td>came in", stream);
    put_amounts(html, total->asset, &total->came_in, whole, true);
    fputs("</table></div>\n</div>\n", stream);
}

static void put_hops(const struct html *html)
{
    size_t same = 0;
    for (size_t i = 0; i < html->compare->hop_count; i++)
        same += agree(&html->compare->hops[i].tainted);
    fprintf(
        html->stream,
        "<section id=\"hops\">\n<h2>Flagged hops</h2>\n<p>%zu transfers are flagged under at least one policy; all policies agree on the "
        "tainted amount of %zu of them. The result inside this page has each with its amount by policy; a page of one policy has each with "
        "its path.</p>\n</section>\n",
        html->compare->hop_count, same);
}

void html_compare_places(const struct html *html)
{
    const struct compare_result *compare = html->compare;
    bool is_apart = false;
    fputs(
        "<section id=\"now\">\n<h2>Where it is now, by policy</h2>\n<p>A complete trace each under fifo, lifo, haircut, cleanfirst and "
        "taintfirst. Low and high are the least and the greatest among them, not bounds for every conceivable rule. Amounts are exact; shares "
        "are of the greatest sum, rounded down. A bar is full up to low, and an outline from there to high.</p>\n",
        html->stream);
    if (!compare->total_count)
        fputs("<p>nothing is tainted</p>\n", html->stream);
    for (int recognised = 1; recognised >= 0; recognised--)
        for (size_t i = 0; i < compare->total_count; i++) {
            if (view_asset(&html->text.view, compare->totals[i].asset)->recognised != (recognised == 1))
                continue;
            if (!recognised && !is_apart)
                fputs(
                    "<h3>Assets that are not in the list (smallest units; count in no total or verdict)</h3>\n",
                    html->stream);
            is_apart = is_apart || !recognised;
            put_total(html, &compare->totals[i]);
        }
    fputs("</section>\n", html->stream);
    put_hops(html);
}
