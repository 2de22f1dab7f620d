/* bench_lists.c - reading lists of others (performance 5): 100,000 labels in each form, and a
 * sdn_advanced.xml of 100 MB beside what cannot be left out: the SHA-256 of its bytes, and its elements
 * without a look at them.
 *
 *   bench_lists [ROUNDS] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "label/xml.h"
#include "tracer/buffer.h"
#include "tracer/clock.h"
#include "tracer/label.h"

#define LABELS 100000u
#define XML_SIZE 100000000u
#define ROUNDS_MAX 101u

static uint64_t seed = 20220323;

static uint64_t next_random(void)
{
    return seed = seed * 6364136223846793005u + 1442695040888963407u;
}

static void add_address(struct buffer *text)
{
    uint64_t a = next_random(), b = next_random(), c = next_random();
    buffer_printf(text, "0x%016" PRIx64 "%016" PRIx64 "%08" PRIx64, a, b, c >> 32);
}

static void make_plain(struct buffer *text)
{
    for (unsigned i = 0; i < LABELS; i++) {
        add_address(text);
        buffer_char(text, '\n');
    }
}

static void make_csv(struct buffer *text)
{
    buffer_text(text, "address,class,name,category,origin\n");
    for (unsigned i = 0; i < LABELS; i++) {
        add_address(text);
        buffer_printf(text, ",service,exchange wallet %u,exchange,https://example.org/%u\n", i, i % 100);
    }
}

static void make_tagpack(struct buffer *text)
{
    buffer_text(text,
                "title: bench\ncreator: bench\nsource: https://example.org\ncurrency: ETH\nnetwork: ETH\n"
                "confidence: forensic\ntags:\n");
    for (unsigned i = 0; i < LABELS; i++) {
        buffer_text(text, "- address: '");
        add_address(text);
        buffer_printf(text, "'\n  label: exchange wallet %u\n  category: exchange\n", i);
    }
}

/* Parties as OFAC's, one in twenty with an address, and entries with dates behind them. */
static void make_advanced(struct buffer *text)
{
    unsigned parties = 0;
    buffer_text(text, "<Sanctions><DateOfIssue><Year>2026</Year><Month>1</Month><Day>2</Day></DateOfIssue>"
                      "<ReferenceValueSets><FeatureTypeValues>");
    for (unsigned i = 0; i < 300; i++)
        buffer_printf(text, "<FeatureType ID=\"%u\" FeatureTypeGroupID=\"1\">Something %u</FeatureType>\n",
                      i + 1000, i);
    buffer_text(text, "<FeatureType ID=\"345\">Digital Currency Address - ETH</FeatureType>"
                      "</FeatureTypeValues></ReferenceValueSets><DistinctParties>\n");
    for (; text->size < XML_SIZE * 8 / 10; parties++) {
        buffer_printf(text,
                      "  <DistinctParty FixedRef=\"%u\">\n    <Profile ID=\"%u\" PartySubTypeID=\"3\">\n",
                      parties, parties);
        for (unsigned a = 0; a < 4; a++)
            buffer_printf(
                text,
                "      <Identity ID=\"%u\" FixedRef=\"%u\" Primary=\"true\" False=\"false\">\n        <Alias FixedRef=\"%u\" "
                "AliasTypeID=\"1403\" Primary=\"%s\" LowQuality=\"false\"><DocumentedName ID=\"%u\"><DocumentedNamePart>"
                "<NamePartValue NamePartGroupID=\"1\">EXAMPLE &amp; LAUNDRY %u</NamePartValue></DocumentedNamePart>"
                "</DocumentedName></Alias></Identity>\n",
                a, parties, parties, a ? "false" : "true", a, parties);
        for (unsigned f = 0; f < 6; f++)
            buffer_printf(
                text,
                "      <Feature ID=\"%u\" FeatureTypeID=\"%u\"><FeatureVersion ID=\"%u\" ReliabilityID=\"1560\">"
                "<VersionDetail DetailTypeID=\"1432\">some text %u</VersionDetail></FeatureVersion></Feature>\n",
                f, 1000 + f * 50, f, f);
        if (parties % 20 == 0) {
            buffer_text(text,
                        "      <Feature ID=\"7\" FeatureTypeID=\"345\"><FeatureVersion><VersionDetail>");
            add_address(text);
            buffer_text(text, "</VersionDetail></FeatureVersion></Feature>\n");
        }
        buffer_text(text, "    </Profile>\n  </DistinctParty>\n");
    }
    buffer_text(text, "</DistinctParties><SanctionsEntries>\n");
    for (unsigned p = 0; p < parties || text->size < XML_SIZE; p++)
        buffer_printf(
            text,
            "<SanctionsEntry ID=\"%u\" ProfileID=\"%u\" ListID=\"1550\"><EntryEvent ID=\"%u\"><Date CalendarTypeID=\"1\">"
            "<Year>2024</Year><Month>3</Month><Day>9</Day></Date></EntryEvent></SanctionsEntry>\n",
            p, p % parties, p);
    buffer_text(text, "</SanctionsEntries></Sanctions>\n");
}

static void must(enum tracer_status status, const struct error *err)
{
    if (!status)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static uint64_t read_list(const struct buffer *text, int format)
{
    struct error err = {0};
    struct label_set *set;
    struct list_facts facts;
    struct buffer csv;
    struct list_file file = {.name = "bench", .data = text->data, .size = text->size};
    uint64_t start = clock_monotonic_ns();
    buffer_init(&csv, TRACER_FILE_RESULT_MAX);
    must(label_set_new(&set, &err), &err);
    if (format == LIST_FORMAT_COUNT) {
        must(label_add_memory(set, "bench", text->data, text->size, LABEL_USER, &err), &err);
    } else {
        must(list_read(&file, (enum list_format)format, &csv, &facts, &err), &err);
        must(label_add_kept(set, "bench", csv.data, csv.size, &err), &err);
    }
    uint64_t time = clock_monotonic_ns() - start;
    label_set_free(set);
    buffer_release(&csv);
    return time;
}

static enum tracer_status no_start(void *context, const char *name, const char *const *attributes)
{
    (void)context, (void)name, (void)attributes;
    return TRACER_OK;
}

static enum tracer_status no_end(void *context, const char *name, const char *parent, const char *text)
{
    (void)context, (void)name, (void)parent, (void)text;
    return TRACER_OK;
}

/* What no reader of the file can leave out. */
static uint64_t read_elements(const struct buffer *text)
{
    struct error err = {0};
    struct xml_handler handler = {.start = no_start, .end = no_end, .root = "Sanctions"};
    uint64_t start = clock_monotonic_ns();
    must(xml_read("bench", text->data, text->size, &handler, &err), &err);
    (void)digest_bytes(text->data, text->size);
    return clock_monotonic_ns() - start;
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(struct buffer *text);
        int format; /* LIST_FORMAT_COUNT: our CSV */
    } lists[] = {{"our CSV", make_csv, LIST_FORMAT_COUNT},
                 {"addresses", make_plain, LIST_PLAIN},
                 {"TagPack", make_tagpack, LIST_TAGPACK},
                 {"sdn_advanced.xml", make_advanced, LIST_OFAC_ADVANCED}};
    uint64_t times[ROUNDS_MAX], bare[ROUNDS_MAX];
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5;
    if (rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_lists [ROUNDS up to %u]\n", ROUNDS_MAX);
        return 2;
    }
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        struct buffer text;
        bool is_xml = lists[l].format == LIST_OFAC_ADVANCED;
        buffer_init(&text, TRACER_FILE_RESULT_MAX);
        lists[l].make(&text);
        for (unsigned r = 0; r < rounds; r++) {
            times[r] = read_list(&text, lists[l].format);
            bare[r] = is_xml ? read_elements(&text) : 1;
        }
        qsort(times, rounds, sizeof times[0], order);
        qsort(bare, rounds, sizeof bare[0], order);
        printf("%-17s %9zu bytes: %6" PRIu64 " ms", lists[l].name, text.size, times[rounds / 2] / 1000000);
        if (is_xml)
            printf(", %" PRIu64 ".%02" PRIu64 " times its elements and SHA-256 alone (%" PRIu64 " ms)\n",
                   times[rounds / 2] / bare[rounds / 2], times[rounds / 2] * 100 / bare[rounds / 2] % 100,
                   bare[rounds / 2] / 1000000);
        else
            printf(", %u labels\n", LABELS);
        buffer_release(&text);
    }
    return 0;
}
