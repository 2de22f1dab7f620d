/* Threat-model X1, X2: hostile symbols and names through every writer, read back. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "report/sample.h"
#include "tracer/hex.h"

static char long_text[1 << 20];

static const char *const corpus[] = {
    "<script>alert(1)</script>",
    "\x1b[2J\x1b[31mred",
    "line\nbreak\r\n",
    "tab\tbed",
    "\xe2\x80\xaeGPJ.exe",
    "zero\xe2\x80\x8bwidth",
    "US\xd0\xa1"
    "C",
    "=HYPERLINK(\"http://x\")",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "a,b\"c",
    "\"",
    "\xff\xfe",
    "\xc0\x80",
    "\xed\xa0\x80",
    "\xf4\x90\x80\x80",
    "\xe2\x80",
    "\x7f\x01",
    "\xf0\x9f\x92\xb0",
    "\\u{202e}",
    "\\",
    "%s%n%d",
    "'; drop table",
    long_text,
};
#define CORPUS_COUNT (sizeof(corpus) / sizeof(corpus[0]))

static struct sample sample;

static void make(void)
{
    memset(long_text, 'A', sizeof(long_text) - 1);
    sample_make(&sample);
}
TestSuite(hostile, .init = make);

static void poison_names(const char *text)
{
    sample.assets[IS_FAKE].symbol = sample.assets[IS_ETH].symbol = text;
    for (int i = IS_THIEF; i <= IS_HOSTILE; i++)
        sample.accounts[i].name = sample.accounts[i].entity = sample.accounts[i].origin =
            sample.accounts[i].category = text;
    sample.trace.head.repeat = sample.check.head.repeat = text;
    sample.notes[0].text = sample.reasons[0] = text;
    sample.answers[1].target = text;
}

static void expect_printable(const char *text)
{
    for (size_t i = 0; text[i]; i++)
        if ((text[i] < ' ' || text[i] >= 0x7f) && text[i] != '\n')
            cr_assert_fail("byte %02x at %zu", (unsigned char)text[i], i);
}

Test(hostile, X1_every_format_writes_printable_ascii_only)
{
    static const char *const formats[] = {"text", "json", "csv"};
    for (size_t c = 0; c < CORPUS_COUNT; c++)
        for (size_t f = 0; f < 3; f++)
            for (int what = PRINT_TRACE; what < PRINT_COUNT; what++) {
                poison_names(corpus[c]);
                char *text = sample_print(&sample, formats[f], what, 100, VIEW_FULL);
                expect_printable(text);
                free(text);
            }
}

Test(hostile, X1_every_view_writes_printable_ascii_only)
{
    for (size_t c = 0; c < CORPUS_COUNT; c++)
        for (enum report_view view = VIEW_SUMMARY; view <= VIEW_TREE; view++) {
            poison_names(corpus[c]);
            char *text = sample_print(&sample, "text", PRINT_TRACE, 80, view);
            expect_printable(text);
            free(text);
        }
}

Test(hostile, X1_graphs_quote_what_their_languages_mean)
{
    static const char *const formats[] = {"jsonl", "dot", "graphml", "sankey", "mermaid", "gexf", "stix", "misp", "tagpack", "sar"};
    for (size_t c = 0; c < CORPUS_COUNT; c++)
        for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
            poison_names(corpus[c]);
            char *text = sample_print(&sample, formats[f], PRINT_TRACE, 100, VIEW_FULL);
            expect_printable(text);
            cr_expect(strlen(text) > 500, "%s of corpus %zu: %zu bytes", formats[f], c, strlen(text));
            free(text);
        }
    poison_names("a\"b\\c<d>&e");
    char *text = sample_print(&sample, "dot", PRINT_TRACE, 100, VIEW_FULL);
    cr_expect(strstr(text, "[label=\"a\\\"b\\\\c<d>&e\\n"), "%s", text);
    free(text);
    text = sample_print(&sample, "graphml", PRINT_TRACE, 100, VIEW_FULL);
    cr_expect(strstr(text, ">a&quot;b\\c&lt;d&gt;&amp;e<"), "%s", text);
    free(text);
}

static size_t count(const char *text, const char *end, char character)
{
    size_t found = 0;
    for (const char *at = text; (at = strchr(at, character)) && at < end; at++)
        found++;
    return found;
}

/* Before the result, whose texts are JSON: every "<" and '"' is ours, and 1 MB of a name is cut. */
static void expect_tags_of_ours(int kind)
{
    static const char result[] = "<script type=\"application/json\" id=\"result\">";
    poison_names("plain");
    char *plain = sample_print(&sample, "html", kind, 100, VIEW_FULL);
    const char *plain_end = strstr(plain, result);
    cr_assert(plain_end);
    for (size_t c = 0; c < CORPUS_COUNT; c++) {
        poison_names(corpus[c]);
        char *page = sample_print(&sample, "html", kind, 100, VIEW_FULL);
        const char *end = strstr(page, result);
        expect_printable(page);
        cr_assert(end && end - page < 100000);
        cr_expect_eq(count(page, end, '<'), count(plain, plain_end, '<'), "\"%.30s\"", corpus[c]);
        cr_expect_eq(count(page, end, '"'), count(plain, plain_end, '"'), "\"%.30s\"", corpus[c]);
        cr_expect_eq(strncmp(strchr(end + sizeof(result), '<'),
                             "</script>\n</body>\n</html>\n<!-- SHA-256 of all above: ", 53),
                     0);
        free(page);
    }
    free(plain);
}

Test(hostile, X1_no_text_adds_a_tag_or_an_attribute_to_a_page)
{
    expect_tags_of_ours(PRINT_TRACE);
    expect_tags_of_ours(PRINT_COMPARE);
    poison_names("<b onclick='x'>&\"");
    char *page = sample_print(&sample, "html", PRINT_TRACE, 100, VIEW_FULL);
    cr_expect(strstr(page, "<b>&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;</b>"));
    free(page);
}

Test(hostile, X1_shown_text_is_short_and_stays_as_it_is)
{
    for (size_t c = 0; c < CORPUS_COUNT; c++) {
        char once[33], twice[33];
        shown_text(once, sizeof(once), corpus[c], strlen(corpus[c]));
        shown_text(twice, sizeof(twice), once, strlen(once));
        expect_printable(once);
        cr_expect_str_eq(once, twice);
        cr_expect_leq(strlen(once), 32);
    }
    char text[33];
    cr_expect_str_eq(shown_text(text, sizeof(text), "\xe2\x80\xaeX\n", 5), "\\u{202e}X\\u{a}");
    cr_expect_str_eq(shown_text(text, sizeof(text),
                                "\xff"
                                "A",
                                2),
                     "\\x{ff}A");
    cr_expect_str_eq(shown_text(text, sizeof(text), "12345678901234567890123456789012", 32),
                     "12345678901234567890123456789012");
    cr_expect_str_eq(shown_text(text, sizeof(text), "123456789012345678901234567890123", 33),
                     "12345678901234567890123456789...");
    cr_expect_str_eq(shown_text(text, 1, "abc", 3), "");
    cr_expect_str_eq(shown_text(text, 3, "abcd", 4), "ab");
    cr_expect_str_eq(shown_text(text, sizeof(text), NULL, 0), "");
}

Test(hostile, X3_X4_unlisted_assets_stand_apart_with_their_contract)
{
    char *text = sample_print(&sample, "text", false, 100, VIEW_FULL);
    const char *apart = strstr(text, "ASSETS THAT ARE NOT IN THE LIST");
    const char *fake = strstr(text, "\"=USDC<b>\\u{a}\" 0xb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3");
    cr_expect(apart && fake && fake > apart);
    const char *hops = strstr(text, "FLAGGED HOPS OF ASSETS THAT ARE NOT IN THE LIST");
    bool listed = hops && strstr(hops, "777 \"=USDC<b>");
    free(text);
    cr_expect(listed);
}

/* Fields of a CSV record (RFC 4180), unquoted in place; returns how many. */
static size_t csv_split(char *record, char **fields, size_t capacity)
{
    size_t count = 0;
    char *read = record;
    for (;;) {
        char *write = read;
        cr_assert_lt(count, capacity);
        fields[count++] = write;
        if (*read == '"') {
            for (read++; *read != '"' || read[1] == '"'; *write++ = *read++) {
                cr_assert(*read, "a quote is not closed");
                if (*read == '"')
                    read++;
            }
            read++;
            cr_assert(*read == ',' || *read == '\0');
        } else {
            while (*read && *read != ',')
                *write++ = *read++;
        }
        bool last = *read == '\0';
        read++;
        *write = '\0';
        if (last)
            return count;
    }
}

Test(hostile, X2_no_csv_cell_begins_like_a_formula)
{
    for (size_t c = 0; c < CORPUS_COUNT; c++)
        for (int check = 0; check < 2; check++) {
            poison_names(corpus[c]);
            char *text = sample_print(&sample, "csv", check, 100, VIEW_FULL), *rest = text;
            char *fields[64];
            size_t columns = csv_split(strsep(&rest, "\n"), fields, 64);
            for (char *line; (line = strsep(&rest, "\n")) && *line;) {
                size_t count = csv_split(line, fields, 64);
                cr_expect_eq(count, columns, "corpus %zu", c);
                for (size_t i = 0; i < count; i++)
                    cr_expect(!fields[i][0] || !strchr("=+-@\t\r", fields[i][0]), "corpus %zu: %s", c,
                              fields[i]);
            }
            free(text);
        }
}

Test(hostile, X2_no_cell_of_any_table_begins_like_a_formula)
{
    const struct report_format *csv = report_find("csv");
    for (size_t c = 0; c < CORPUS_COUNT; c++)
        for (int table = TABLE_HOPS; table < TABLE_COUNT; table++) {
            struct report_options options = {.table = (enum report_table)table};
            struct error err;
            char *text = NULL, *fields[64];
            size_t size = 0, rows = 0;
            poison_names(corpus[c]);
            sample.inputs[0].name = corpus[c];
            sample.seeds[1] = (struct result_seed){.is_address = true};
            FILE *stream = open_memstream(&text, &size);
            cr_assert_eq(csv->trace(stream, &sample.trace, &options, &err), TRACER_OK);
            fclose(stream);
            expect_printable(text);
            char *rest = text;
            size_t columns = csv_split(strsep(&rest, "\n"), fields, 64);
            for (char *line; (line = strsep(&rest, "\n")) && *line; rows++) {
                cr_expect_eq(csv_split(line, fields, 64), columns, "corpus %zu, table %d", c, table);
                for (size_t i = 0; i < columns; i++)
                    cr_expect(!fields[i][0] || !strchr("=+-@\t\r", fields[i][0]), "corpus %zu: %s", c, fields[i]);
            }
            cr_expect_gt(rows, 1, "table %d", table);
            free(text);
        }
}

/* Python reads the JSON and gives the symbol back: the exact characters (bytes that are no UTF-8: as shown).
 */
Test(hostile, X2_json_carries_the_exact_characters)
{
    char path[] = "/tmp/tracer-hostile-XXXXXX", command[256], got[8192], wanted[4096];
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("[", file);
    for (size_t c = 0; c + 1 < CORPUS_COUNT; c++) {
        poison_names(corpus[c]);
        char *json = sample_print(&sample, "json", false, 100, VIEW_FULL);
        fprintf(file, "%s%s", c ? "," : "", json);
        free(json);
    }
    fputs("]", file);
    fclose(file);
    /* One process reads them all: a line of hexadecimal for each. */
    snprintf(command, sizeof(command), "python3 -c \"import json; [print('-' + x['assets'][1]['symbol'].encode().hex()) for x in json.load(open('%s'))]\"", path);
    FILE *pipe = popen(command, "r");
    for (size_t c = 0; c + 1 < CORPUS_COUNT; c++) {
        char bytes[4096];
        cr_assert_not_null(fgets(got, sizeof(got), pipe));
        size_t size = strcspn(got, "\n") / 2;
        cr_assert(hex_decode(got + 1, 2 * size, (uint8_t *)bytes, size));
        bytes[size] = '\0';
        shown_text(wanted, sizeof(wanted), corpus[c], strlen(corpus[c]));
        bool is_utf8 = !strstr(wanted, "\\x{");
        cr_expect_str_eq(bytes, is_utf8 ? corpus[c] : wanted, "corpus %zu", c);
    }
    cr_expect_eq(pclose(pipe), 0);
    remove(path);
}
