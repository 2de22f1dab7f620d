/* html_tables.c - headline, places, hops, limits and how to repeat it, as tables that need no script. */
#include "html_parts.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <string.h>

#define BAR_WIDTH 10000u

static bool is_known(const struct html *html, uint32_t asset)
{
    return view_asset(&html->text.view, asset)->recognised;
}

static void put_hash(const struct html *html, struct hash hash, struct position position)
{
    char digits[HASH_TEXT_SIZE], key[POSITION_TEXT_SIZE];
    hash_format(hash, digits);
    position_format(position, key);
    if (hash_is_zero(hash))
        fprintf(html->stream, "%s%s", html->result->head.time_keys ? "no hash known" : "key ",
                html->result->head.time_keys ? "" : key);
    else
        fprintf(html->stream, "<code>%s</code>", digits);
}

static void put_seed(const struct html *html, const struct result_seed *seed)
{
    FILE *stream = html->stream;
    char address[ADDRESS_TEXT_SIZE], time[32];
    fputs("<li><b>", stream);
    html_words(stream, html->result->sources[seed->source]);
    fputs("</b>: ", stream);
    if (seed->is_address) {
        address_format(seed->address, address);
        fprintf(stream, "everything at <code>%s</code> from %s %" PRIu64 " on\n", address,
                html->result->head.time_keys ? "Unix time" : "block", seed->block_number);
        return;
    }
    html_amount(html, seed->asset, u320_from_u256(seed->amount));
    if (seed->time) {
        clock_format_utc(seed->time, time);
        fprintf(stream, " at %s UTC", time);
    }
    fputs(" in ", stream);
    put_hash(html, seed->transaction_hash, seed->position);
    fputs("\n", stream);
}

/* What the seeds named and what labelled places sent out, a line a source and asset. */
static size_t put_stolen(const struct html *html, bool recognised)
{
    size_t count = 0;
    for (size_t i = 0; i < html->result->total_count; i++) {
        const struct result_total *total = &html->result->totals[i];
        struct u320 in = total->seeded;
        u320_add_u320(&in, total->emitted);
        if (u320_is_zero(in) || is_known(html, total->asset) != recognised)
            continue;
        if (count++ == 0 && !recognised)
            fputs("<p>and, of assets that are not in the list (in their smallest units, no total):</p>\n",
                  html->stream);
        fputs(recognised ? "<p class=\"big\">" : "<p>", html->stream);
        html_amount(html, total->asset, in);
        fputs(" <span>", html->stream);
        html_words(html->stream, html->result->sources[total->source]);
        fputs("</span></p>\n", html->stream);
    }
    return count;
}

void html_headline(const struct html *html)
{
    fputs("<section id=\"stolen\">\n<h2>Stolen</h2>\n", html->stream);
    size_t count = put_stolen(html, true);
    count += put_stolen(html, false);
    if (html->result->seed_count)
        fputs("<p>by</p>\n<ul>\n", html->stream);
    else if (!count)
        fputs("<p>nothing</p>\n", html->stream);
    for (size_t i = 0; i < html->result->seed_count; i++)
        put_seed(html, &html->result->seeds[i]);
    fputs(html->result->seed_count ? "</ul>\n</section>\n" : "</section>\n", html->stream);
}

/* Greatest first; equal ones in the order of the enum. Returns how many are not zero. */
static int order_places(const struct result_total *total, int order[PLACE_IS_COUNT])
{
    int count = 0;
    for (int place = 0; place < PLACE_IS_COUNT; place++) {
        int at = count;
        if (u320_is_zero(total->places[place]))
            continue;
        for (; at > 0 && u320_compare(total->places[place], total->places[order[at - 1]]) > 0; at--)
            order[at] = order[at - 1];
        order[at] = place;
        count++;
    }
    return count;
}

/* Segments by the running sum, so that they fill the bar whatever is rounded. */
static void put_bar(const struct html *html, const struct result_total *total, struct u320 whole,
                    const int *order, int count)
{
    struct u320 sum = {{0}}, end;
    uint64_t x = 0;
    fprintf(
        html->stream,
        "<svg class=\"bar\" viewBox=\"0 0 %u 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Shares by place, as in "
        "the table below\">",
        BAR_WIDTH);
    for (int i = 0; i < count; i++) {
        char share[SHARE_TEXT_SIZE];
        u320_add_u320(&sum, total->places[order[i]]);
        if (u320_is_zero(whole) || !u320_mul_div(sum, u320_from_u256(u256_from_u64(BAR_WIDTH)), whole, &end))
            break;
        share_text(total->places[order[i]], whole, share);
        fprintf(html->stream,
                "<rect class=\"p-%s\" x=\"%" PRIu64 "\" width=\"%" PRIu64 "\" height=\"10\"><title>%s, ",
                place_name((enum place)order[i]), x, end.limb[0] - x, place_words((enum place)order[i]));
        html_words(html->stream, share);
        fputs("</title></rect>", html->stream);
        x = end.limb[0];
    }
    fputs("</svg>\n", html->stream);
}

static void put_amount_cells(const struct html *html, uint32_t asset, struct u320 amount, struct u320 unproven, struct u320 whole)
{
    char text[AMOUNT_TEXT_SIZE], share[SHARE_TEXT_SIZE];
    view_tainted(&html->text.view, asset, amount, unproven, text);
    share_text(amount, whole, share);
    fprintf(html->stream, "<td class=\"num\">%s<td class=\"num\">", text);
    html_words(html->stream, share);
    fputs("\n", html->stream);
}

/* The accounts of one place, greatest first (as the result has them): some by name, the others as a sum. */
static void put_place_accounts(const struct html *html, const struct result_total *total, enum place place,
                               struct u320 whole)
{
    const struct result_place *places = html->result->places;
    struct u320 rest = {{0}}, unproven = {{0}};
    size_t first = 0, end;
    while (first < html->result->place_count &&
           (places[first].source != total->source || places[first].asset != total->asset ||
            places[first].place != place))
        first++;
    for (end = first; end < html->result->place_count && places[end].source == total->source &&
                      places[end].asset == total->asset && places[end].place == place;)
        end++;
    size_t shown = end - first > HTML_PLACE_ACCOUNTS + 1 ? HTML_PLACE_ACCOUNTS : end - first;
    for (size_t i = first; i < end; i++) {
        if (i - first >= shown) {
            u320_add_u320(&rest, places[i].amount);
            u320_add_u320(&unproven, places[i].unproven);
        } else if (places[i].account != RESULT_NONE) {
            fputs("<tr class=\"under\"><td>", html->stream);
            html_account(html, places[i].account);
            put_amount_cells(html, total->asset, places[i].amount, places[i].unproven, whole);
        }
    }
    if (shown < end - first) {
        fprintf(html->stream, "<tr class=\"under\"><td>and %zu more", end - first - shown);
        put_amount_cells(html, total->asset, rest, unproven, whole);
    }
}

/* What the whole is made of, where it is more than what the seeds named. */
static void put_parts(const struct html *html, const struct result_total *total)
{
    const struct {
        const char *words;
        struct u320 amount;
    } parts[] = {{"stolen", total->seeded},
                 {"sent out by labelled places that emit this source", total->emitted},
                 {"received in exchange for other tainted assets", total->converted_in}};
    const char *before = "<p>";
    if (u320_is_zero(total->converted_in) && u320_is_zero(total->emitted))
        return;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char amount[AMOUNT_TEXT_SIZE];
        view_amount(&html->text.view, total->asset, parts[i].amount, amount);
        if (u320_is_zero(parts[i].amount))
            continue;
        fprintf(html->stream, "%s%s %s", before, amount, parts[i].words);
        before = " + ";
    }
    fputs("</p>\n", html->stream);
}

static void put_place(const struct html *html, const struct result_total *total, enum place place,
                      struct u320 whole)
{
    fprintf(
        html->stream,
        "<tr class=\"place\"><td><svg class=\"sw\" aria-hidden=\"true\"><rect class=\"p-%s\" width=\"100%%\" height=\"100%%\"/></svg> %s",
        place_name(place), place_words(place));
    put_amount_cells(html, total->asset, total->places[place], total->unproven[place], whole);
}

static void put_accounts(const struct html *html, const struct result_total *total, struct u320 whole,
                         const int *order, int count)
{
    size_t accounts = 0;
    for (size_t i = 0; i < html->result->place_count; i++) {
        const struct result_place *at = &html->result->places[i];
        accounts += at->source == total->source && at->asset == total->asset && at->account != RESULT_NONE;
    }
    if (!accounts)
        return;
    fprintf(
        html->stream,
        "<details class=\"paper\"><summary>At which accounts (%zu)</summary>\n<div class=\"wide\"><table class=\"list places\"><thead><tr><th "
        "scope=\"col\">account<th scope=\"col\">amount<th scope=\"col\">share\n<tbody>\n",
        accounts);
    for (int i = 0; i < count; i++) {
        put_place(html, total, (enum place)order[i], whole);
        put_place_accounts(html, total, (enum place)order[i], whole);
    }
    fputs("</table></div></details>\n", html->stream);
}

static void put_unproven(const struct html *html, const struct result_total *total)
{
    struct u320 unproven = total_unproven(total);
    if (u320_is_zero(unproven))
        return;
    fputs("<p class=\"warn\">Not proven (?): ", html->stream);
    html_amount(html, total->asset, unproven);
    fputs(" of it came out of accounts whose history has a gap, or lies there. It is told as if nothing else had come or gone; where it is, and how "
          "much of it is tainted, depends on what is missing.</p>\n",
          html->stream);
}

static void put_total(const struct html *html, const struct result_total *total)
{
    FILE *stream = html->stream;
    int order[PLACE_IS_COUNT], count = order_places(total, order);
    struct u320 whole = total_came_in(total);
    fputs("<div class=\"total\">\n<h3>", stream);
    html_amount(html, total->asset, whole);
    fputs(" <span>", stream);
    html_words(stream, html->result->sources[total->source]);
    fputs("</span></h3>\n", stream);
    put_parts(html, total);
    put_bar(html, total, whole, order, count);
    fputs(
        "<div class=\"wide\"><table class=\"list places\"><thead><tr><th scope=\"col\">place<th scope=\"col\">amount<th scope=\"col\">share\n"
        "<tbody>\n",
        stream);
    for (int i = 0; i < count; i++)
        put_place(html, total, (enum place)order[i], whole);
    fputs("<tr class=\"sum\"><td>sum", stream);
    put_amount_cells(html, total->asset, whole, (struct u320){{0}}, whole);
    fprintf(stream, "</table></div>\n<p%s</p>\n",
            !total_is_balanced(total)
                ? " class=\"warn\">DOES NOT BALANCE: this is an error of the program, do not use it."
            : !u320_is_zero(total->converted_in)
                ? ">The sum equals what was stolen and received in exchange, to the unit."
                : ">The sum equals what was stolen, to the unit.");
    put_unproven(html, total);
    put_accounts(html, total, whole, order, count);
    fputs("</div>\n", stream);
}

void html_places(const struct html *html)
{
    fputs("<section id=\"now\">\n<h2>Where it is now</h2>\n", html->stream);
    if (html->result->head.options.policy == POLICY_POISON) {
        fputs(
            "<p>Policy poison keeps no totals: whatever touched stolen units counts as stolen whole, so amounts do not add up. See the "
            "flagged hops, or use another policy.</p>\n</section>\n",
            html->stream);
        return;
    }
    if (!html->result->total_count)
        fputs("<p>nothing is tainted</p>\n", html->stream);
    else
        fputs(
            "<p>Amounts are exact; shares are rounded down. The parts of a bar, from the left, are the places of its table, from the "
            "top. This is the account of one policy: <i>--policy all --format html</i> sets five side by side, with the least and the greatest "
            "among them.</p>\n",
            html->stream);
    fputs("<div class=\"totals\">\n", html->stream);
    bool is_apart = false;
    for (int recognised = 1; recognised >= 0; recognised--)
        for (size_t i = 0; i < html->result->total_count; i++) {
            if (is_known(html, html->result->totals[i].asset) != (recognised == 1))
                continue;
            if (!recognised && !is_apart)
                fputs(
                    "</div>\n<h3>Assets that are not in the list (smallest units; count in no total or verdict)</h3>\n<div class=\"totals\">\n",
                    html->stream);
            is_apart = is_apart || !recognised;
            put_total(html, &html->result->totals[i]);
        }
    fputs("</div>\n</section>\n", html->stream);
}

/* "0x098b71..2f96 <b>name</b>" or "void" */
static void put_party(const struct html *html, uint32_t account)
{
    const struct result_account *found = view_account(&html->text.view, account);
    char address[SHORT_TEXT_SIZE];
    if (address_is_void(found->address)) {
        fputs("<td>void", html->stream);
        return;
    }
    address_short(found->address, address);
    fprintf(html->stream, "<td>%s", address);
    if (found->labelled && found->name[0]) {
        fputs(" <b>", html->stream);
        html_shown(html->stream, found->name, HTML_NAME_MAX);
        fputs("</b>", html->stream);
    }
}

static void put_hop(const struct html *html, size_t index)
{
    const struct result_hop *hop = &html->result->hops[index];
    FILE *stream = html->stream;
    char time[32], transaction[HASH_TEXT_SIZE], amount[AMOUNT_TEXT_SIZE];
    clock_format_utc(hop->time, time);
    text_transaction(&html->text, hop->transaction_hash, hop->position, transaction);
    view_tainted(&html->text.view, hop->asset, u320_from_u256(hop->tainted), u320_from_u256(hop->unproven), amount);
    fprintf(stream, "<tr id=h%zu><td>%zu<td>%" PRIu32 "<td>%s<td>%s", index + 1, index + 1, hop->hop,
            hop->time ? time : "-", amount);
    if (!u256_equal(hop->amount, hop->tainted)) {
        view_amount(&html->text.view, hop->asset, u320_from_u256(hop->amount), amount);
        fprintf(stream, " <i>of %s</i>", amount);
    }
    fputs("<td>", stream);
    html_asset(html, hop->asset);
    put_party(html, hop->from);
    put_party(html, hop->to);
    fprintf(stream, "<td>%s<td>%s", transaction, grade_name(hop->grade));
    if (hop->parent == RESULT_NONE)
        fputs("<td>origin", stream);
    else
        fprintf(stream, "<td><a href=#h%" PRIu32 ">%" PRIu32 "</a>", hop->parent + 1, hop->parent + 1);
    if (html->result->source_count > 1) {
        fputs("<td>", stream);
        html_words(stream, html->result->sources[hop->source]);
    }
    fputc('\n', stream);
}

void html_hops(const struct html *html)
{
    FILE *stream = html->stream;
    size_t count = html->result->hop_count,
           shown = count < TRACER_PAGE_HOPS_MAX ? count : TRACER_PAGE_HOPS_MAX;
    fprintf(
        stream,
        "<section id=\"hops\">\n<h2>Flagged hops <span id=\"count\" aria-live=\"polite\">%zu</span></h2>\n",
        count);
    fputs(
        "<p>Hop 0 is the theft itself. Tainted is the part of the transfer that is tainted, all of it where no &ldquo;of&rdquo; follows. "
        "Came by is the hop that brought the units to the sender.</p>\n<div id=\"tools\" class=\"script\"></div>\n",
        stream);
    size_t unproven = 0;
    for (size_t i = 0; i < count; i++)
        unproven += !u256_is_zero(html->result->hops[i].unproven);
    if (unproven)
        fprintf(stream,
                "<p class=\"warn\">? means not proven: of %zu of the hops some units came out of an account whose history has a gap. How many of them are "
                "tainted depends on what is missing there: between what the result inside this page has as proven and the whole transfer.</p>\n",
                unproven);
    if (shown < count)
        fprintf(
            stream,
            "<p class=\"warn\">The table has the first %zu of %zu hops (a limit of the page); the result inside this page has all.</p>\n",
            shown, count);
    if (!count) {
        fputs("<p>none</p>\n</section>\n", stream);
        return;
    }
    fputs(
        "<p id=\"missing\" class=\"warn\">The script of this page has not run yet. If the table does not appear, open the page in another browser, or "
        "with scripts turned off.</p>\n<noscript id=\"rows\">\n<div class=\"wide\"><table id=\"table\"><thead><tr><th scope=\"col\">#<th scope=\"col\">hop<th scope=\"col\">time (UTC)<th "
        "scope=\"col\">tainted<th scope=\"col\">asset<th scope=\"col\">from<th scope=\"col\">to<th scope=\"col\">transaction<th "
        "scope=\"col\">grade<th scope=\"col\">came by",
        stream);
    fputs(html->result->source_count > 1 ? "<th scope=\"col\">source\n<tbody>\n" : "\n<tbody>\n", stream);
    for (size_t i = 0; i < shown; i++)
        put_hop(html, i);
    fputs("</table></div>\n</noscript>\n</section>\n", stream);
}

static const char *grade_words(enum grade grade)
{
    switch (grade) {
    case GRADE_PROVEN:
        return "follows from bytes that a final block's hash covers; two endpoints give that hash";
    case GRADE_LINKED:
        return "follows from bytes that the block's hash covers; two endpoints give that hash";
    case GRADE_SINGLE:
        return "follows from bytes that the block's hash covers; one endpoint gives that hash";
    case GRADE_ASSERTED:
        return "no hash covers it: internal transfers, rewards, balances, imported rows";
    case GRADE_INFERRED:
        return "concluded from other rows";
    case GRADE_COUNT:
        break;
    }
    return "";
}

static void put_grades(const struct html *html)
{
    uint64_t counts[GRADE_COUNT] = {0}, paths[GRADE_COUNT] = {0};
    for (size_t i = 0; i < html->result->hop_count; i++) {
        counts[html->result->hops[i].grade]++;
        paths[html->result->hops[i].path_grade]++;
    }
    fputs(
        "<h3>Grades</h3>\n<div class=\"wide\"><table class=\"list\"><thead><tr><th scope=\"col\">grade<th scope=\"col\">flagged hops<th "
        "scope=\"col\">weakest on their path<th scope=\"col\">meaning\n<tbody>\n",
        html->stream);
    for (int grade = 0; grade < GRADE_COUNT; grade++)
        fprintf(html->stream, "<tr><td>%s<td class=\"num\">%" PRIu64 "<td class=\"num\">%" PRIu64 "<td>%s\n",
                grade_name((enum grade)grade), counts[grade], paths[grade], grade_words((enum grade)grade));
    fputs("</table></div>\n", html->stream);
}

void html_notes(const struct html *html)
{
    static const char *const titles[NOTE_COUNT] = {"Limits", "Gaps", "Disagreements", "Assumptions"};
    const struct result_head *head = &html->result->head;
    fputs("<section id=\"limits\">\n<h2>Limits, gaps, disagreements, assumptions", html->stream);
    fputs(html->compare ? "</h2>\n" : ", grades</h2>\n", html->stream);
    for (int kind = 0; kind < NOTE_COUNT; kind++) {
        bool any = false;
        fprintf(html->stream, "<h3>%s</h3>\n<ul>\n", titles[kind]);
        for (size_t i = 0; i < head->note_count; i++)
            if (head->notes[i].kind == (enum note_kind)kind) {
                fputs("<li>", html->stream);
                html_shown(html->stream, head->notes[i].text, HTML_NOTE_MAX);
                fputs("\n", html->stream);
                any = true;
            }
        fputs(any ? "</ul>\n" : "<li>none\n</ul>\n", html->stream);
    }
    if (!html->compare)
        put_grades(html);
    fputs("</section>\n", html->stream);
}

static void put_label(const struct html *html, uint32_t index)
{
    const struct result_account *account = &html->result->accounts[index];
    const char *const texts[] = {account->category, account->entity, account->origin};
    fputs("<tr><td>", html->stream);
    html_account(html, index);
    fprintf(html->stream, "<td>%s", label_class_name(account->class_));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fputs("<td>", html->stream);
        html_shown(html->stream, texts[i], i == 2 ? 512 : HTML_NAME_MAX);
    }
    fputs("\n", html->stream);
}

void html_tables(const struct html *html)
{
    FILE *stream = html->stream;
    size_t labelled = 0;
    for (size_t i = 0; i < html->result->account_count; i++)
        labelled += html->result->accounts[i].labelled && !address_is_void(html->result->accounts[i].address);
    fprintf(
        stream,
        "<section id=\"names\">\n<h2>Names</h2>\n<details class=\"paper\"><summary>Labels (%zu): claims of others, a reason to look, not a finding</summary>\n"
        "<div class=\"wide\"><table class=\"list\"><thead><tr><th scope=\"col\">account<th scope=\"col\">class<th scope=\"col\">category<th "
        "scope=\"col\">entity<th scope=\"col\">origin of the claim\n<tbody>\n",
        labelled);
    for (uint32_t i = 0; i < html->result->account_count; i++)
        if (html->result->accounts[i].labelled && !address_is_void(html->result->accounts[i].address))
            put_label(html, i);
    fprintf(
        stream,
        "</table></div></details>\n<details><summary>Assets (%zu)</summary>\n<div class=\"wide\"><table class=\"list\"><thead><tr><th "
        "scope=\"col\">symbol<th scope=\"col\">asset<th scope=\"col\">decimals<th scope=\"col\">in the list\n<tbody>\n",
        html->result->asset_count);
    for (size_t i = 0; i < html->result->asset_count; i++) {
        const struct result_asset *asset = &html->result->assets[i];
        char text[ASSET_TEXT_SIZE];
        asset_format(asset->asset, text);
        fputs("<tr><td>", stream);
        html_shown(stream, asset->symbol, TRACER_SYMBOL_SHOWN_MAX);
        fprintf(stream, "<td><code>%s</code><td class=\"num\">%" PRIu32 "<td>%s\n", text, asset->decimals,
                asset->recognised ? "yes" : "no: counts in no total or verdict");
    }
    fputs("</table></div></details>\n</section>\n", stream);
}

static void put_row(const struct html *html, const char *name, const char *value)
{
    fprintf(html->stream, "<dt>%s<dd>", name);
    html_words(html->stream, value);
    fputs("\n", html->stream);
}

static void put_range(const struct html *html, const char *name, uint64_t block, struct hash hash)
{
    char digits[HASH_TEXT_SIZE];
    hash_format(hash, digits);
    if (!html->result->head.time_keys)
        fprintf(html->stream, "<dt>%s<dd>%" PRIu64 " <code>%s</code>\n", name, block,
                hash_is_zero(hash) ? "" : digits);
}

void html_repeat(const struct html *html, const struct digest *digest, size_t json_size)
{
    const struct result_head *head = &html->result->head;
    FILE *stream = html->stream;
    char sha256[65], text[512];
    digest_format(*digest, sha256);
    fputs("<section id=\"repeat\">\n<h2>How to repeat it</h2>\n<dl>\n", stream);
    snprintf(text, sizeof(text), "tracer %s%s%s%s", head->version, head->commit[0] ? " (" : "", head->commit,
             head->commit[0] ? ")" : "");
    put_row(html, "version", text);
    snprintf(text, sizeof(text), "taint/1, policy %s, links %s, fees %s, unknown %s, opening %s",
             head->policy, links_name(head->options.links), fees_name(head->options.fees),
             unknown_name(head->options.unknown), opening_name(head->options.opening));
    put_row(html, "options", text);
    if (head->has_explored)
        fprintf(stream, "<dt>explored<dd>%" PRIu64 " accounts\n", head->explored_count);
    put_range(html, "first block", head->first_block, head->first_hash);
    put_range(html, "last block", head->last_block, head->last_hash);
    for (size_t i = 0; i < head->input_count; i++) {
        fputs("<dt>", stream);
        html_words(stream, head->inputs[i].role);
        fputs("<dd>", stream);
        html_shown(stream, head->inputs[i].name, 255);
        if (head->inputs[i].sha256[0])
            fprintf(stream, "<br>SHA-256 <code>%s</code>", head->inputs[i].sha256);
        fputs("\n", stream);
    }
    if (head->repeat && head->repeat[0]) {
        fputs("<dt>command<dd><code>", stream);
        html_shown(stream, head->repeat, HTML_NOTE_MAX);
        fputs("</code>\n", stream);
    }
    fprintf(
        stream,
        "</dl>\n<h3>The result inside this page</h3>\n<p>The whole result, %zu bytes of JSON (<code>tracer/%s/1</code>), stands in this page "
        "exactly as <code>--format json</code> writes it. Its SHA-256 is</p>\n<p><code id=\"sha256\">%s</code> <span id=\"checked\" "
        "role=\"status\"></span></p>\n<p id=\"save\" class=\"script\"></p>\n<p><code>tracer report PAGE.html</code> prints the result, if no byte of the "
        "page was changed since it was written. A digest inside the page shows damage, not forgery: repeat the command and compare. "
        "Without tracer:</p>\n<pre>python3 -c \"import hashlib,sys; print(hashlib.sha256(open(sys.argv[1]"
        ").read().split('id=\\&quot;result\\&quot;&gt;')[1].split('&lt;/script')[0].encode()).hexdigest())\" PAGE.html</pre>\n</section>\n",
        json_size, html->compare ? "policies" : "trace", sha256);
}
