/* What the formats for other programs do with what no demo holds: long charts, equal amounts, nothing at all. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "report/sample.h"

#define MANY 300

static struct sample sample;
static struct result_hop many[MANY];
static struct result_account accounts[MANY + 1];

static void make(void)
{
    sample_make(&sample);
}
TestSuite(formats, .init = make);

/* A chain of MANY accounts with the same name, one hop from each to the next. */
static void make_chain(const char *name)
{
    for (uint32_t i = 0; i <= MANY; i++) {
        struct result_account *account = &accounts[i];
        *account = (struct result_account){.labelled = true, .name = name, .category = "", .entity = "", .origin = ""};
        account->address.bytes[18] = (uint8_t)(i >> 8);
        account->address.bytes[19] = (uint8_t)i;
        if (i == MANY)
            break;
        many[i] = sample.hops[0];
        many[i].position.block_number += i;
        many[i].from = i;
        many[i].to = i + 1;
        many[i].hop = i;
        many[i].parent = i ? i - 1 : RESULT_NONE;
    }
    sample.trace.accounts = accounts;
    sample.trace.account_count = MANY + 1;
    sample.trace.hops = many;
    sample.trace.hop_count = MANY;
    sample.trace.place_count = sample.trace.total_count = 0;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

Test(formats, a_chart_that_is_cut_says_so)
{
    make_chain("a name");
    char *text = sample_print(&sample, "mermaid", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect_eq(count_of(text, "-->"), 100);
    cr_expect(strstr(text, "CUT: the first 100 of 300 edges in chain order"), "%.200s", text);
    free(text);
    sample.trace.hop_count = 100;
    text = sample_print(&sample, "mermaid", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect_eq(count_of(text, "-->"), 100);
    cr_expect(!strstr(text, "CUT"));
    free(text);
}

Test(formats, a_chart_keeps_below_what_mermaid_reads)
{
    make_chain("~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~");
    sample.assets[IS_ETH] = sample.assets[IS_FAKE];
    sample.assets[IS_ETH].symbol = accounts[0].name;
    for (size_t i = 0; i < MANY; i++)
        many[i].tainted = units("115792089237316195423570985008687907853269984665640564039457584007913129639935");
    char *text = sample_print(&sample, "mermaid", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect_leq(strlen(text), 49000);
    cr_expect(strstr(text, "CUT: the first 50 of 300 edges"), "%.200s", text);
    free(text);
}

Test(formats, a_chart_names_a_gap_and_the_source_if_there_are_two)
{
    char *text = sample_print(&sample, "mermaid", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(!strstr(text, "GAP") && !strstr(text, "ronin-2022"));
    free(text);
    sample.trace.touches_gap = true;
    sample.trace.source_count = 2;
    text = sample_print(&sample, "mermaid", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(strstr(text, "GAP") && strstr(text, "ETH<br/>ronin-2022\"|"));
    free(text);
}

Test(formats, a_width_is_never_nothing_and_never_more_than_all)
{
    sample.hops[4].tainted = units("1");
    char *text = sample_print(&sample, "sankey", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(strstr(text, "\"value\": 1000000, \"tainted\": \"173600000000000000000000\""), "%s", text);
    cr_expect(strstr(text, "\"value\": 1, \"tainted\": \"1\""), "%s", text);
    free(text);
}

Test(formats, a_narrative_that_is_cut_says_so_and_has_all_evidence)
{
    make_chain("a name");
    char *text = sample_print(&sample, "sar", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(strstr(text, "CUT: the first 200 of 299 movements."), "%.3000s", text);
    cr_expect_eq(count_of(text, "weakest of"), MANY);
    free(text);
}

Test(formats, a_narrative_says_what_does_not_balance_and_what_touches_a_gap)
{
    sample.trace.touches_gap = true;
    sample.totals[0].places[PLACE_IS_FEES] = sum_of("1");
    char *text = sample_print(&sample, "sar", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(strstr(text, "DOES NOT BALANCE") && strstr(text, "TOUCHES A GAP"));
    free(text);
}

Test(formats, a_narrative_of_nothing_says_so)
{
    sample.trace.hop_count = sample.trace.place_count = sample.trace.total_count = sample.trace.seed_count = 0;
    char *text = sample_print(&sample, "sar", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(strstr(text, "nothing is tainted") && strstr(text, "no transfer carried it further") && !strstr(text, "0x10"));
    free(text);
}

/* Deeper than there is room for: still every hop, each with its parent. */
Test(formats, a_tree_of_a_long_chain_has_every_hop)
{
    make_chain("a name");
    static const unsigned widths[] = {80, 200};
    for (size_t w = 0; w < 2; w++) {
        char *text = sample_print(&sample, "text", PRINT_TRACE, widths[w], VIEW_TREE);
        const char *tree = strstr(text, "TREE"), *tail = strstr(text, "LIMITS, GAPS");
        unsigned levels = (widths[w] - 50) / 3 + 1;
        cr_assert(tree && tail);
        cr_expect_eq(count_of(text, "->"), MANY);
        cr_expect_eq(count_of(text, "(under #"), MANY - levels, "%zu of %u columns", count_of(text, "(under #"), widths[w]);
        cr_expect(strstr(text, "(under #299)"));
        free(text);
    }
}

Test(formats, a_tree_whose_parents_lead_in_a_circle_is_an_error)
{
    char *text = NULL;
    size_t size = 0;
    struct error err;
    struct report_options options = {.view = VIEW_TREE};
    FILE *stream = open_memstream(&text, &size);
    sample.hops[3].parent = 5;
    cr_expect_eq(report_find("text")->trace(stream, &sample.trace, &options, &err), TRACER_E_INTERNAL);
    fclose(stream);
    free(text);
}

Test(formats, nothing_tainted_is_an_empty_graph)
{
    static const char *const names[] = {"sankey", "mermaid", "gexf", "stix", "misp", "tagpack"};
    sample.trace.hop_count = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *text = sample_print(&sample, names[i], PRINT_TRACE, 0, VIEW_FULL);
        cr_expect(*text && !strstr(text, "-->") && !strstr(text, "0x10"), "%s", names[i]);
        free(text);
    }
}
