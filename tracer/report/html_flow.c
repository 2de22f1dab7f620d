/* html_flow.c - the flow as a picture (SVG) and as the table beside it. */
#include "html_parts.h"

#include "flow.h"
#include "picture.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <string.h>

#define NAME_CHARACTERS 48u /* of a group's name in the picture */
#define FRACTION_DIGITS                                                                                      \
    4u /* of an amount in the picture, from its first that is not 0; ".." says that there are more */

static uint32_t column_x(uint32_t column)
{
    return column * PICTURE_COLUMN_WIDTH + 4;
}

/* What a group is called. */
static void put_name(const struct html *html, const struct picture_group *group, size_t characters)
{
    const struct result_account *account = view_account(&html->text.view, group->account);
    if (group->is_rest) {
        fprintf(html->stream, "%zu other account%s", group->account_count,
                group->account_count == 1 ? "" : "s");
    } else if (group->name) {
        html_shown(html->stream, group->name, characters);
        if (group->account_count > 1)
            fprintf(html->stream, " (%zu)", group->account_count);
    } else if (address_is_void(account->address)) {
        fputs("void", html->stream);
    } else if (account->labelled && account->name[0]) {
        html_shown(html->stream, account->name, characters);
    } else {
        char address[SHORT_TEXT_SIZE];
        address_short(account->address, address);
        fputs(address, html->stream);
    }
}

static const char *class_words(const struct picture_group *group)
{
    return group->class_ == CLASS_NONE ? "account" : label_class_name(group->class_);
}

static void put_short(const struct html *html, uint32_t asset, struct u320 sum)
{
    char amount[AMOUNT_TEXT_SIZE];
    view_amount(&html->text.view, asset, sum, amount);
    size_t kept = strcspn(amount, ".") + 1 + FRACTION_DIGITS;
    if (strncmp(amount, "0.", 2) == 0)
        kept += strspn(amount + 2, "0");
    if (strlen(amount) > kept + 2)
        memcpy(amount + kept, "..", 3);
    fprintf(html->stream, "%s ", amount);
    html_asset(html, asset);
}

/* What came to group `index` (or, if nothing did, left it), of each asset; in the picture, where `lines` is
 * not 0, the amounts shortened and each in its line from `x` on, or the first alone if there are not lines
 * enough. */
static void put_through(const struct html *html, const struct picture *picture, uint32_t index, size_t lines,
                        uint32_t x)
{
    size_t assets = 0, shown = 0;
    bool sent = false;
    for (int out = 0; out < 2 && !assets; out++) {
        memset(picture->sums, 0, html->result->asset_count * sizeof(*picture->sums));
        for (size_t i = 0; i < picture->flow_count; i++)
            if ((out ? picture->flows[i].from : picture->flows[i].to) == index)
                u320_add_u320(&picture->sums[picture->flows[i].asset], picture->flows[i].tainted);
        for (uint32_t asset = 0; asset < html->result->asset_count; asset++)
            assets += !u320_is_zero(picture->sums[asset]);
        sent = out;
    }
    if (assets)
        fputs(sent ? "sent " : lines ? "" : "received ", html->stream);
    for (uint32_t asset = 0; asset < html->result->asset_count; asset++) {
        if (u320_is_zero(picture->sums[asset]))
            continue;
        if (shown && lines)
            fprintf(html->stream, "<tspan x=\"%" PRIu32 "\" dy=\"13\">", x);
        else if (shown)
            fputs(", ", html->stream);
        if (lines)
            put_short(html, asset, picture->sums[asset]);
        else
            html_amount(html, asset, picture->sums[asset]);
        if (shown++ && lines)
            fputs("</tspan>", html->stream);
        if (lines && lines < assets) {
            fprintf(html->stream, ", +%zu asset%s", assets - 1, assets == 2 ? "" : "s");
            return;
        }
    }
}

static void put_day(const struct html *html, size_t hop, size_t characters)
{
    char time[32];
    clock_format_utc(html->result->hops[hop].time, time);
    fprintf(html->stream, "%.*s", (int)characters, html->result->hops[hop].time ? time : "time not known");
}

static void put_flow(const struct html *html, const struct picture *picture, const struct picture_flow *flow)
{
    const struct picture_group *from = &picture->groups[flow->from], *to = &picture->groups[flow->to];
    bool is_back = picture_goes_back(picture, flow);
    uint32_t x0 = column_x(from->column) + PICTURE_NODE_WIDTH, x1 = column_x(to->column),
             bend = is_back ? 60 : (x1 - x0) / 2;
    if (flow->from == flow->to)
        return;
    fprintf(html->stream,
            "<path class=\"p-%s%s\" stroke-width=\"%" PRIu32 "\" d=\"M%" PRIu32 " %" PRIu32 "C%" PRIu32
            " %" PRIu32 " %" PRId64 " %" PRIu32 " %" PRIu32 " %" PRIu32 "\"><title>",
            class_words(to), is_back ? " back" : "", flow->width, x0, flow->from_y, x0 + bend, flow->from_y,
            (int64_t)x1 - bend, flow->to_y, x1, flow->to_y);
    put_name(html, from, HTML_NAME_MAX);
    fputs(" to ", html->stream);
    put_name(html, to, HTML_NAME_MAX);
    fputs(": ", html->stream);
    html_tainted(html, flow->asset, flow->tainted, flow->unproven);
    fprintf(html->stream, " in %" PRIu64 " hop%s, ", flow->count, flow->count == 1 ? "" : "s");
    put_day(html, flow->first, 19);
    if (flow->count > 1) {
        fputs(" to ", html->stream);
        put_day(html, flow->last, 19);
    }
    fputs("</title></path>\n", html->stream);
}

/* Before the amount, in the picture: of a named class which, of another account that has a name its address.
 */
static void put_kind(const struct html *html, const struct picture_group *group)
{
    const struct result_account *account = view_account(&html->text.view, group->account);
    char address[SHORT_TEXT_SIZE];
    if (group->class_ != CLASS_NONE)
        fprintf(html->stream, "%s, ", class_words(group));
    else if (!group->is_rest && account->labelled && account->name[0]) {
        address_short(account->address, address);
        fprintf(html->stream, "%s, ", address);
    }
}

static void put_group(const struct html *html, const struct picture *picture, uint32_t index)
{
    const struct picture_group *group = &picture->groups[index];
    uint32_t x = column_x(group->column);
    FILE *stream = html->stream;
    fprintf(stream, "<a href=\"#hops\" data-group=\"%" PRIu32 "\"><title>", index);
    put_name(html, group, HTML_NAME_MAX);
    fprintf(stream, ", %s, ", group->is_rest ? "put together" : class_words(group));
    put_through(html, picture, index, 0, 0);
    fputs(", first ", stream);
    put_day(html, group->first, 19);
    fprintf(stream,
            "</title><rect class=\"p-%s\" x=\"%" PRIu32 "\" y=\"%" PRIu32 "\" width=\"%u\" height=\"%" PRIu32
            "\"/>",
            group->is_rest ? "rest" : class_words(group), x, group->y, PICTURE_NODE_WIDTH, group->height);
    fprintf(stream, "<text x=\"%" PRIu32 "\" y=\"%" PRIu32 "\">", x + PICTURE_NODE_WIDTH + 5, group->y + 13);
    put_name(html, group, NAME_CHARACTERS);
    fprintf(stream, "</text><text class=\"sub\" x=\"%" PRIu32 "\" y=\"%" PRIu32 "\">",
            x + PICTURE_NODE_WIDTH + 5, group->y + 27);
    put_kind(html, group);
    put_through(html, picture, index, group->height < 40 ? 1 : (group->height - 14) / 13,
                x + PICTURE_NODE_WIDTH + 5);
    fputs("</text></a>\n", stream);
}

static void put_columns(const struct html *html, const struct picture *picture)
{
    for (uint32_t column = 0; column < picture->column_count; column++) {
        size_t first = SIZE_MAX;
        for (size_t i = 0; i < picture->group_count; i++)
            if (picture->groups[i].column == column && picture->groups[i].first < first)
                first = picture->groups[i].first;
        fprintf(html->stream, "<text class=\"col\" x=\"%" PRIu32 "\" y=\"14\">", column_x(column));
        if (column == 0)
            fputs("from", html->stream);
        else
            fprintf(html->stream, "step %" PRIu32 "%s", column,
                    column + 1 == PICTURE_COLUMNS_MAX ? " and further" : "");
        fprintf(html->stream, "</text><text class=\"sub\" x=\"%" PRIu32 "\" y=\"28\">since ",
                column_x(column));
        put_day(html, first, 10);
        fputs("</text>\n", html->stream);
    }
}

static void put_table(const struct html *html, const struct picture *picture)
{
    FILE *stream = html->stream;
    fprintf(
        stream,
        "<details><summary>The picture as a table (%zu flows)</summary>\n<div class=\"wide\"><table class=\"list\"><thead><tr><th "
        "scope=\"col\">from</th><th scope=\"col\">to</th><th scope=\"col\">tainted</th><th scope=\"col\">hops</th><th "
        "scope=\"col\">first</th><th scope=\"col\">last</th></tr></thead><tbody>\n",
        picture->flow_count);
    for (size_t i = 0; i < picture->flow_count; i++) {
        const struct picture_flow *flow = &picture->flows[i];
        for (int end = 0; end < 2; end++) {
            const struct picture_group *group = &picture->groups[end ? flow->to : flow->from];
            fputs(end ? "<td>" : "<tr><td>", stream);
            put_name(html, group, HTML_NAME_MAX);
            fprintf(stream, " <i>%s, step %" PRIu32 "</i>",
                    group->is_rest ? "put together" : class_words(group), group->column);
        }
        fputs("<td class=\"num\">", stream);
        html_tainted(html, flow->asset, flow->tainted, flow->unproven);
        fprintf(stream, "<td class=\"num\">%" PRIu64 "<td>", flow->count);
        put_day(html, flow->first, 19);
        fputs("<td>", stream);
        put_day(html, flow->last, 19);
        fputs("\n", stream);
    }
    fputs("</tbody></table></div></details>\n", stream);
}

/* Which group each account of the result is in, for the script: null is not drawn. */
static void put_groups(const struct html *html, const struct picture *picture)
{
    fputs("<script type=\"application/json\" id=\"groups\">[", html->stream);
    for (size_t i = 0; i < html->result->account_count; i++) {
        fputs(i ? "," : "", html->stream);
        if (picture->group_of[i] == RESULT_NONE)
            fputs("null", html->stream);
        else
            fprintf(html->stream, "%" PRIu32, picture->group_of[i]);
    }
    fputs("]</script>\n", html->stream);
}

static void put_key(const struct html *html)
{
    static const char *const classes[] = {"account", "service", "mixer", "bridge", "venue"};
    fputs("<p class=\"key\">", html->stream);
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        fprintf(
            html->stream,
            "<span><svg class=\"sw\" aria-hidden=\"true\"><rect class=\"p-%s\" width=\"100%%\" height=\"100%%\"/></svg> %s</span> ",
            classes[i], classes[i]);
    fputs("<span>dashed: back to where units had been</span></p>\n", html->stream);
}

static void put_drawing(const struct html *html, const struct picture *picture)
{
    FILE *stream = html->stream;
    put_key(html);
    fprintf(
        stream,
        "<div class=\"wide picture\" id=\"drawing\" tabindex=\"0\" role=\"region\" aria-label=\"Flow picture, scrolls sideways\">"
        "<svg role=\"group\" aria-labelledby=\"flow-name flow-text\" width=\"%" PRIu32 "\" height=\"%" PRIu32
        "\" viewBox=\"0 0 %" PRIu32 " %" PRIu32
        "\">\n<title id=\"flow-name\">Flow of the tainted units</title>\n<desc id=\"flow-text\">%zu groups of accounts in "
        "%" PRIu32
        " columns and %zu flows between them; the table below the picture has the same in words.</desc>\n",
        picture->width, picture->height, picture->width, picture->height, picture->group_count,
        picture->column_count, picture->flow_count);
    put_columns(html, picture);
    fputs("<g class=\"flows\">\n", stream);
    for (size_t i = 0; i < picture->flow_count; i++)
        put_flow(html, picture, &picture->flows[i]);
    fputs("</g>\n<g class=\"groups\">\n", stream);
    for (uint32_t i = 0; i < picture->group_count; i++)
        put_group(html, picture, i);
    fputs("</g>\n</svg></div>\n", stream);
    put_table(html, picture);
}

enum tracer_status html_flow(const struct html *html, struct error *err)
{
    struct picture picture;
    enum tracer_status status = picture_make(html->result, &picture, err);
    if (status)
        return status;
    fputs(
        "<section id=\"flow\">\n<h2>Flow</h2>\n<p>Time goes from left to right: an account stands one step behind the one that first "
        "sent it tainted units, and in a column the first reached is at the top. The width of a flow is its tainted amount, to be "
        "compared within one asset only; the thinnest may be less than they look. ",
        html->stream);
    fprintf(
        html->stream,
        "Of more than %u accounts in a column the smallest are put together. <span class=\"script\">Choose one to see its "
        "hops below.</span>",
        PICTURE_ROWS_MAX);
    if (html->result->head.options.policy == POLICY_POISON)
        fputs(" <b>Under poison amounts overlap.</b>", html->stream);
    if (picture.left_out)
        fprintf(html->stream, " %" PRIu64 " flagged hop%s of assets that are not in the list %s not drawn.",
                picture.left_out, picture.left_out == 1 ? "" : "s", picture.left_out == 1 ? "is" : "are");
    fputs("</p>\n", html->stream);
    if (picture.group_count)
        put_drawing(html, &picture);
    else
        fputs("<p>Nothing to draw: no hop of a recognised asset is flagged.</p>\n", html->stream);
    put_groups(html, &picture);
    fputs("</section>\n", html->stream);
    picture_release(&picture);
    return TRACER_OK;
}
