/* The reports of a small result against golden files (TRACER_GOLDEN=write makes them anew; then read the
 * difference). */
#include <criterion/criterion.h>

#include <stdio.h>

#include "report/sample.h"

static struct sample sample;

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r"), *stream = open_memstream(&text, &size);
    for (int c; file && (c = fgetc(file)) != EOF;)
        fputc(c, stream);
    fclose(stream);
    if (file)
        fclose(file);
    return text;
}

static void expect_golden(const char *name, char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/report/golden/%s", SOURCE_DIR, name);
    const char *mode = getenv("TRACER_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        FILE *file = fopen(path, "w");
        fputs(text, file);
        fclose(file);
    }
    char *golden = read_file(path);
    cr_expect(strcmp(text, golden) == 0, "%s differs:\n%s", name, text);
    free(golden);
    free(text);
}

static void make(void)
{
    sample_make(&sample);
}
TestSuite(report, .init = make);

Test(report, trace_as_text_at_80_100_and_200_columns)
{
    expect_golden("trace-80.txt", sample_print(&sample, "text", false, 80, VIEW_FULL));
    expect_golden("trace-100.txt", sample_print(&sample, "text", false, 0, VIEW_FULL));
    expect_golden("trace-200.txt", sample_print(&sample, "text", false, 200, VIEW_FULL));
}

Test(report, tree_as_text_at_80_and_200_columns)
{
    expect_golden("tree-80.txt", sample_print(&sample, "text", false, 80, VIEW_TREE));
    expect_golden("tree-200.txt", sample_print(&sample, "text", false, 200, VIEW_TREE));
}

Test(report, check_as_text)
{
    expect_golden("check-100.txt", sample_print(&sample, "text", true, 0, VIEW_FULL));
}

Test(report, json_and_csv)
{
    expect_golden("trace.json", sample_print(&sample, "json", false, 0, VIEW_FULL));
    expect_golden("check.json", sample_print(&sample, "json", true, 0, VIEW_FULL));
    expect_golden("trace.csv", sample_print(&sample, "csv", false, 0, VIEW_FULL));
    expect_golden("check.csv", sample_print(&sample, "csv", true, 0, VIEW_FULL));
}

Test(report, comparison_and_audit)
{
    expect_golden("policies-100.txt", sample_print(&sample, "text", PRINT_COMPARE, 0, VIEW_FULL));
    expect_golden("audit-100.txt", sample_print(&sample, "text", PRINT_AUDIT, 0, VIEW_FULL));
    sample.trace.head.policy = "none";
    expect_golden("audit.json", sample_print(&sample, "json", PRINT_AUDIT, 0, VIEW_FULL));
    expect_golden("audit.csv", sample_print(&sample, "csv", PRINT_AUDIT, 0, VIEW_FULL));
    sample.trace.head.policy = "all";
    expect_golden("policies.json", sample_print(&sample, "json", PRINT_COMPARE, 0, VIEW_FULL));
    expect_golden("policies.csv", sample_print(&sample, "csv", PRINT_COMPARE, 0, VIEW_FULL));
}

static int validate(const char *schema, const char *name)
{
    char command[1200];
    snprintf(command, sizeof(command),
             "python3 '%s/tests/report/validate.py' '%s/docs/%s' '%s/tests/report/golden/%s'", SOURCE_DIR,
             SOURCE_DIR, schema, SOURCE_DIR, name);
    return system(command);
}

Test(report, json_obeys_its_schema)
{
    cr_expect_eq(validate("trace-1.schema.json", "trace.json"), 0);
    cr_expect_eq(validate("check-1.schema.json", "check.json"), 0);
    cr_expect_eq(validate("audit-1.schema.json", "audit.json"), 0);
    cr_expect_eq(validate("policies-1.schema.json", "policies.json"), 0);
}

/* Lines with one unbreakable word (a hash, an address and amount) may be longer; nothing else is. */
Test(report, text_keeps_to_its_columns)
{
    static const unsigned widths[] = {80, 100, 120, 160, 200, 300};
    for (size_t w = 0; w < 12; w++) {
        char *text = sample_print(&sample, "text", false, widths[w % 6], w < 6 ? VIEW_FULL : VIEW_TREE);
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
            cr_expect_leq(strlen(line), widths[w % 6], "%u: %s", widths[w % 6], line);
            cr_expect(line[0] == '\0' || line[strlen(line) - 1] != ' ', "%u: space at the end: %s|",
                      widths[w % 6], line);
        }
        free(text);
    }
}

Test(report, views_leave_out_what_they_say)
{
    char *summary = sample_print(&sample, "text", false, 100, VIEW_SUMMARY);
    char *hops = sample_print(&sample, "text", false, 100, VIEW_HOPS);
    cr_expect(strstr(summary, "STOLEN") && !strstr(summary, "FLAGGED HOPS"));
    cr_expect(!strstr(hops, "STOLEN") && strstr(hops, "FLAGGED HOPS"));
    cr_expect(strstr(summary, "LIMITS, GAPS") && strstr(hops, "LIMITS, GAPS"));
    free(summary);
    free(hops);
}

Test(report, what_is_not_proven_is_marked_in_every_format)
{
    static const char *const marks[][2] = {{"text", "3,000?"}, {"text", "proven: 2,000 ETH"}, {"text", "NOT PROVEN (?): 2,000 ETH"}, {"text", "'?' means not proven: of 1 of the 7"},
                                           {"html", "3,000?"}, {"html", ": 3,000? "}, {"html", "<td class=\"num\">3,000? "}, {"html", "Not proven (?): "}, {"sar", "3,000?"}, {"dot", "3,000? "}, {"dot", "unproven=\"1000000000000000000000\""},
                                           {"mermaid", "3,000? "}, {"misp", "not all proven"}, {"stix", "\"unproven\": \"1000000000000000000000\""},
                                           {"sankey", "\"unproven\": \"1000000000000000000000\""}, {"tagpack", "\"unproven\": \"1000000000000000000000\""},
                                           {"gexf", "value=\"1000000000000000000000\""}, {"graphml", ">1000000000000000000000<"},
                                           {"csv", ",1000000000000000000000,tracer/trace-csv/1"}, {"json", "\"unproven\": \"2000000000000000000000\""}};
    for (int gap = 0; gap < 2; gap++) {
        if (gap) {
            sample.hops[2].unproven = units("1000000000000000000000");
            sample.places[2].unproven = sample.totals[0].unproven[PLACE_IS_SERVICE] = sum_of("2000000000000000000000");
        }
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
            char *text = sample_print(&sample, marks[i][0], false, 200, VIEW_FULL);
            cr_expect_eq(strstr(text, marks[i][1]) != NULL, gap != 0, "%s: %s", marks[i][0], marks[i][1]);
            free(text);
        }
    }
    char *tree = sample_print(&sample, "text", false, 200, VIEW_TREE);
    cr_expect(strstr(tree, "3,000? of 5,000 ETH"));
    free(tree);
}

Test(report, E4_bad_news_has_a_section_that_is_never_empty)
{
    sample.trace.head.note_count = 0;
    char *text = sample_print(&sample, "text", false, 100, VIEW_SUMMARY);
    cr_expect(strstr(
        text, "  Limits\n    none\n  Gaps\n    none\n  Disagreements\n    none\n  Assumptions\n    none\n"));
    free(text);
}

Test(report, E2_the_report_says_how_to_repeat_it)
{
    char *text = sample_print(&sample, "text", true, 100, VIEW_FULL);
    static const char *const wanted[] = {"0.1.0 (0123456789ab)", "policy fifo", "sha256 0123456789abcdef",
                                         "0xaaaaaaaa",           "0xbbbbbbbb",  "tracer demo --policy fifo"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        cr_expect(strstr(text, wanted[i]), "%s", wanted[i]);
    free(text);
}

Test(report, poison_has_no_totals_and_says_so)
{
    sample.trace.head.options.policy = POLICY_POISON;
    sample.trace.total_count = sample.trace.place_count = 0;
    char *text = sample_print(&sample, "text", false, 100, VIEW_FULL);
    cr_expect(strstr(text, "poison keeps no totals"));
    cr_expect_not(strstr(text, "The sum equals"));
    free(text);
}

Test(report, a_total_that_does_not_balance_is_shouted)
{
    sample.totals[0].places[PLACE_IS_FEES] = sum_of("1");
    char *text = sample_print(&sample, "text", false, 100, VIEW_FULL);
    char *json = sample_print(&sample, "json", false, 100, VIEW_FULL);
    cr_expect(strstr(text, "DOES NOT BALANCE"));
    cr_expect(strstr(json, "\"balanced\": false"));
    free(text);
    free(json);
}

Test(report, nothing_tainted_is_said)
{
    sample.trace.total_count = sample.trace.place_count = sample.trace.hop_count = 0;
    sample.trace.account_count = sample.trace.asset_count = sample.trace.seed_count = 0;
    char *text = sample_print(&sample, "text", false, 100, VIEW_FULL);
    cr_expect(strstr(text, "nothing is tainted"));
    free(text);
}

Test(report, several_sources_are_told_apart)
{
    sample.trace.source_count = 2;
    sample.hops[6].source = 1;
    char *text = sample_print(&sample, "text", false, 100, VIEW_FULL);
    cr_expect(strstr(text, "[second]") && strstr(text, "[ronin-2022]"));
    free(text);
}

static const struct {
    const char *units;
    uint32_t decimals;
    const char *shown;
} amounts[] = {{"0", 18, "0"},
               {"1", 0, "1"},
               {"999", 0, "999"},
               {"1000", 0, "1,000"},
               {"1000000", 6, "1"},
               {"1", 6, "0.000001"},
               {"173600000000000000000000", 18, "173,600"},
               {"1234567890123456789", 18, "1.234567890123456789"},
               {"1230000000000000000", 18, "1.23"},
               {"100000", 5, "1"},
               {"123456789", 0, "123,456,789"},
               {"1", 77, "0.00000000000000000000000000000000000000000000000000000000000000000000000000001"},
               {"115792089237316195423570985008687907853269984665640564039457584007913129639935", 0,
                "115,792,089,237,316,195,423,570,985,008,687,907,853,269,984,665,640,564,039,457,584,007,913,"
                "129,639,935"}};

Test(report, amounts_are_exact)
{
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        char text[160];
        report_amount(sum_of(amounts[i].units), amounts[i].decimals, text);
        cr_expect_str_eq(text, amounts[i].shown);
    }
    struct u320 most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    char text[160];
    report_amount(most, 0, text);
    cr_expect_eq(strlen(text), 97 + 32);
    report_amount(most, 77, text);
    cr_expect_eq(strlen(text), 97 + 6 + 1);
}

Test(report, formats_are_found_by_name)
{
    cr_expect_null(report_find("html5"));
    for (size_t i = 0; report_at(i); i++)
        cr_expect_eq(report_find(report_at(i)->name), report_at(i));
    cr_expect_str_eq(report_at(1)->name, "json");
}

Test(report, S13_a_full_disk_is_an_error)
{
    const struct report_format *format;
    for (size_t i = 0; (format = report_at(i)); i++) {
        FILE *full = fopen("/dev/full", "w");
        struct error err = {0};
        if (!full)
            cr_skip_test("no /dev/full");
        cr_expect_eq(format->trace(full, &sample.trace, NULL, &err), TRACER_E_IO, "%s", format->name);
        fclose(full);
    }
}
