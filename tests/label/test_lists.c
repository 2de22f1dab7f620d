/* Lists of others: what they become, and what is refused whole (threat-model I2 to I5). */
#include <criterion/criterion.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "tracer/file.h"
#include "tracer/label.h"

#define FOLDER SOURCE_DIR "/tests/label/lists/"
#define A "0xaa000000000000000000000000000000000000aa"
#define B "0xbb000000000000000000000000000000000000bb"
#define C "0xcc000000000000000000000000000000000000cc"

static char *text_of_file(const char *path)
{
    struct buffer bytes;
    struct error err = {0};
    buffer_init(&bytes, TRACER_MIB(64));
    cr_assert_eq(file_read(path, TRACER_MIB(64), &bytes, &err), TRACER_OK, "%s", err.text);
    return bytes.data;
}

/* `rest_size`: of comments at the end. */
static enum tracer_status read_with_rest(const char *text, size_t size, size_t rest_size, const char *date,
                                         struct buffer *csv, struct list_facts *facts, struct error *err)
{
    struct list_file file = {"list", text, size, rest_size, date};
    enum list_format format;
    *err = (struct error){0};
    buffer_init(csv, TRACER_MIB(64));
    if (!list_recognise(text, size, &format))
        return error_set(err, TRACER_E_USAGE, "not recognised");
    return list_read(&file, format, csv, facts, err);
}

static enum tracer_status read_text(const char *text, size_t size, struct buffer *csv,
                                    struct list_facts *facts, struct error *err)
{
    return read_with_rest(text, size, 0, NULL, csv, facts, err);
}

/* The list as a set, with its facts. */
static struct label_set *set_of(const char *path, struct list_facts *facts)
{
    struct buffer csv;
    struct error err = {0};
    struct label_set *set;
    char *text = text_of_file(path);
    cr_assert_eq(read_text(text, strlen(text), &csv, facts, &err), TRACER_OK, "%s: %s", path, err.text);
    cr_assert_eq(label_set_new(&set, &err), TRACER_OK);
    cr_assert_eq(label_add_kept(set, "list", csv.data, csv.size, &err), TRACER_OK, "%s: %s", path, err.text);
    cr_expect_eq(label_list(set, 0)->rows, facts->labels);
    cr_expect_arr_eq(&label_list(set, 0)->digest, &facts->digest, sizeof(facts->digest));
    cr_expect_str_eq(label_list(set, 0)->date, facts->date);
    struct digest digest = digest_bytes(text, strlen(text));
    cr_expect_arr_eq(&facts->digest, &digest, sizeof(digest));
    struct list_facts kept;
    cr_assert(list_kept_facts(csv.data, csv.size, &kept));
    cr_expect_eq(kept.entries, facts->entries);
    cr_expect_eq(kept.format, facts->format);
    buffer_release(&csv);
    free(text);
    return set;
}

static const struct label *found(const struct label_set *set, uint64_t chain_id, const char *text)
{
    static struct label label;
    struct address address;
    cr_assert(address_parse(text, strlen(text), &address));
    return label_find(set, chain_id, address, &label) ? &label : NULL;
}

/* A file with `from` made `to` (all of them). */
static void changed_text(const char *file, const char *from, const char *to, struct buffer *ret_text)
{
    char path[512];
    size_t times = 0;
    snprintf(path, sizeof(path), FOLDER "%s", file);
    char *text = text_of_file(path);
    for (const char *at = text, *next; *at; at = next) {
        next = *from ? strstr(at, from) : NULL;
        if (!next) {
            buffer_text(ret_text, at);
            break;
        }
        buffer_add(ret_text, at, (size_t)(next - at));
        buffer_text(ret_text, to);
        next += strlen(from);
        times++;
    }
    cr_assert(times || !*from, "%s has no %s", file, from);
    free(text);
}

/* It is refused with a message that holds `why`. sdn.csv and sdn_comments.csv are read together. */
static void expect_refused(const char *file, const char *from, const char *to, const char *why)
{
    struct buffer changed, csv;
    struct list_facts facts;
    struct error err;
    bool is_rest = strcmp(file, "sdn_comments.csv") == 0, is_pair = is_rest || strcmp(file, "sdn.csv") == 0;
    buffer_init(&changed, TRACER_MIB(64));
    changed_text(is_rest ? "sdn.csv" : file, is_rest ? "" : from, to, &changed);
    size_t size = changed.size;
    if (is_pair)
        changed_text("sdn_comments.csv", is_rest ? from : "", to, &changed);
    enum tracer_status status =
        read_with_rest(changed.data, changed.size, changed.size - size, NULL, &csv, &facts, &err);
    cr_expect(status == TRACER_E_USAGE || status == TRACER_E_LIMIT, "%s: %s -> %s: %d", file, from, to,
              (int)status);
    cr_expect(strstr(err.text, why), "%s: %s -> %s: \"%s\" has no \"%s\"", file, from, to, err.text, why);
    cr_expect_eq(csv.size, 0);
    buffer_release(&csv);
    buffer_release(&changed);
}

/* A pair as a set; `date` may be NULL. */
static struct label_set *set_of_pair(const char *sdn, const char *comments, const char *date,
                                     struct list_facts *facts)
{
    struct buffer csv, both;
    struct error err = {0};
    struct label_set *set;
    char *first = text_of_file(sdn), *second = text_of_file(comments);
    buffer_init(&both, TRACER_MIB(64));
    buffer_text(&both, first);
    buffer_text(&both, second);
    cr_assert_eq(read_with_rest(both.data, both.size, strlen(second), date, &csv, facts, &err), TRACER_OK,
                 "%s", err.text);
    struct digest digest = digest_bytes(both.data, both.size);
    cr_expect_arr_eq(&facts->digest, &digest, sizeof(digest));
    cr_assert_eq(label_set_new(&set, &err), TRACER_OK);
    cr_assert_eq(label_add_kept(set, "list", csv.data, csv.size, &err), TRACER_OK, "%s", err.text);
    buffer_release(&csv);
    buffer_release(&both);
    free(first);
    free(second);
    return set;
}

Test(lists, ofac_advanced_by_shape_over_all_features)
{
    struct list_facts facts;
    struct label_set *set = set_of(FOLDER "sdn_advanced.xml", &facts);
    cr_expect_eq(facts.format, LIST_OFAC_ADVANCED);
    cr_expect_str_eq(facts.date, "2026-01-02");
    cr_expect_eq(facts.entries, 4);
    cr_expect_eq(facts.labels, 2);
    const struct label *label = found(set, 2020, A);
    cr_assert_not_null(label);
    cr_expect_str_eq(label->name, "EXAMPLE & LAUNDRY, LTD");
    cr_expect_str_eq(label->category, "sanctioned");
    cr_expect_str_eq(label->valid_from, "2023-11-30");
    cr_expect_str_eq(label->origin, "OFAC SDN, party 70001 (ETH)");
    cr_expect_eq(label->rank, LABEL_OFFICIAL);
    cr_expect_str_eq(found(set, 1, B)->origin, "OFAC SDN, party 70001 (USDT)");
    label_set_free(set);
}

Test(lists, ofac_sdn)
{
    struct list_facts facts;
    struct label_set *set = set_of(FOLDER "sdn.xml", &facts);
    cr_expect_eq(facts.format, LIST_OFAC_SDN);
    cr_expect_eq(facts.entries, 2);
    cr_expect_str_eq(facts.date, "2026-01-02");
    cr_expect_str_eq(found(set, 1, A)->name, "Ex AMPLE");
    cr_expect_str_eq(found(set, 1, A)->valid_from, "");
    label_set_free(set);
}

/* One cut lies within "Address", one within an address. */
Test(lists, ofac_csv_joins_remarks_and_comments)
{
    struct list_facts facts;
    struct label_set *set = set_of_pair(FOLDER "sdn.csv", FOLDER "sdn_comments.csv", "2026-01-02", &facts);
    cr_expect_eq(facts.format, LIST_OFAC_CSV);
    cr_expect_eq(facts.entries, 5);
    cr_expect_eq(facts.labels, 3);
    cr_expect_str_eq(label_list(set, 0)->date, "2026-01-02");
    cr_expect_str_eq(found(set, 1, A)->name, "EXAMPLE & LAUNDRY, LTD");
    cr_expect_str_eq(found(set, 1, A)->origin, "OFAC SDN, party 70001 (ETH)");
    cr_expect_str_eq(found(set, 2020, B)->origin, "OFAC SDN, party 70001 (USDT)");
    cr_expect_eq(found(set, 1, B)->rank, LABEL_OFFICIAL);
    cr_expect_str_eq(found(set, 1, C)->name, "NOBODY");
    label_set_free(set);
    static const char *const names[] = {"NOB\u00d6DY", "NOB\xd6"
                                                       "DY"}; /* as UTF-8 and as Latin-1 */
    for (size_t i = 0; i < 2; i++) {
        struct buffer text, csv;
        struct error err;
        buffer_init(&text, TRACER_MIB(1));
        changed_text("sdn.csv", "NOBODY", names[i], &text);
        size_t size = text.size;
        changed_text("sdn_comments.csv", "", "", &text);
        cr_assert_eq(read_with_rest(text.data, text.size, text.size - size, NULL, &csv, &facts, &err),
                     TRACER_OK);
        cr_expect(strstr(csv.data, ",NOB\u00d6DY,"));
        buffer_release(&text);
        buffer_release(&csv);
    }
}

Test(lists, a_party_without_a_name_is_called_by_its_number)
{
    struct buffer text, csv;
    struct list_facts facts;
    struct error err;
    buffer_init(&text, TRACER_MIB(64));
    changed_text("sdn.xml", "<firstName>Ex</firstName><lastName>AMPLE</lastName>", "", &text);
    cr_assert_eq(read_with_rest(text.data, text.size, 0, NULL, &csv, &facts, &err), TRACER_OK, "%s", err.text);
    cr_expect(strstr(csv.data, ",party 70001,"), "%s", csv.data);
    buffer_release(&csv);
    buffer_release(&text);
}

Test(lists, I4_ofac_csv_without_its_comments_or_with_those_of_another_edition_is_refused)
{
    struct buffer csv;
    struct list_facts facts;
    struct error err;
    char *text = text_of_file(FOLDER "sdn.csv");
    cr_expect_eq(read_text(text, strlen(text), &csv, &facts, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "--comments"), "%s", err.text);
    buffer_release(&csv);
    free(text);
    expect_refused("sdn_comments.csv", "70001,", "70002,", "no rest of entry 70001");
    expect_refused("sdn.csv", "70001,", "70009,", "no rest of entry 70009");
    expect_refused("sdn_comments.csv", "\r\n\x1a", "\r\n70008,\"x\"\r\n", "no entry 70008");
    expect_refused("sdn_comments.csv", "Example.\"", "Example\"", "is cut");
    expect_refused("sdn_comments.csv", "\r\n\x1a", "\r\n70003,\"what is missing may name an address\"\r\n", "is cut");
}

Test(lists, tagpack_inherits_a_header_that_stands_anywhere)
{
    struct list_facts facts;
    struct label_set *set = set_of(FOLDER "pack.yaml", &facts);
    cr_expect_eq(facts.entries, 5);
    cr_expect_eq(facts.labels, 3);
    cr_expect_str_eq(facts.date, "2026-01-02");
    cr_expect_str_eq(found(set, 1, A)->category, "service_hack");
    cr_expect_str_eq(found(set, 1, A)->origin, "https://example.org/report");
    cr_expect_eq(found(set, 1, A)->rank, LABEL_OTHER);
    cr_expect_null(found(set, 56, A));
    cr_expect_eq(found(set, 1, B)->class_, CLASS_SERVICE);
    cr_expect_str_eq(found(set, 1, B)->name, "example, \"deposit\"");
    cr_expect_str_eq(found(set, 1, B)->entity, "example");
    label_set_free(set);
}

Test(lists, I5_a_guess_names_an_address_and_never_stops_a_trace)
{
    struct list_facts facts;
    struct label_set *set = set_of(FOLDER "pack.yaml", &facts);
    cr_expect_eq(found(set, 56, C)->confidence, CONFIDENCE_LOW);
    cr_expect_eq(found(set, 56, C)->class_, CLASS_NONE);
    label_set_free(set);
}

Test(lists, plain_addresses_with_comments)
{
    struct list_facts facts;
    struct label_set *set = set_of(FOLDER "plain.txt", &facts);
    cr_expect_eq(facts.labels, 3);
    cr_expect_eq(found(set, 1, C)->rank, LABEL_USER);
    cr_expect_not_null(found(set, 1, B));
    label_set_free(set);
    expect_refused("plain.txt", "0xcc", "0xc", "list:5");
}

Test(lists, I2_doctype_entities_depth_and_size_are_refused)
{
    static const char root[] = "<Sanctions xmlns";
    expect_refused("sdn_advanced.xml", root, "<!DOCTYPE Sanctions>\n<Sanctions xmlns", "DOCTYPE");
    expect_refused("sdn_advanced.xml", root,
                   "<!DOCTYPE Sanctions SYSTEM \"file:///etc/passwd\">\n<Sanctions xmlns", "DOCTYPE");
    expect_refused(
        "sdn_advanced.xml", root,
        "<!DOCTYPE Sanctions [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\n<Sanctions xmlns",
        "DOCTYPE");
    expect_refused("sdn.xml", "<sdnList", "<!DOCTYPE sdnList>\n<sdnList", "DOCTYPE");
    expect_refused("sdn_advanced.xml", "&amp;", "&a;", "undefined entity");
    expect_refused("sdn_advanced.xml", "NOBODY", "\xff", "not well-formed");
    expect_refused("sdn_advanced.xml", "<Sanctions xmlns", "<Other><Sanctions xmlns", "root");
    struct buffer deep;
    buffer_init(&deep, TRACER_MIB(1));
    for (size_t i = 0; i <= TRACER_LIST_DEPTH_MAX; i++)
        buffer_text(&deep, "<x>");
    expect_refused("sdn_advanced.xml", "NOBODY", deep.data, "within each other");
    buffer_clear(&deep);
    for (size_t i = 0; i <= TRACER_LIST_TEXT_MAX; i++)
        buffer_char(&deep, 'x');
    expect_refused("sdn_advanced.xml", "NOBODY", deep.data, "TRACER_LIST_TEXT_MAX");
    buffer_release(&deep);
}

Test(lists, I2_yaml_that_refers_or_nests_is_refused)
{
    expect_refused("pack.yaml", "example exploiter", "&a x", "anchors");
    expect_refused("pack.yaml", "example exploiter", "*a", "anchors");
    expect_refused("pack.yaml", "example exploiter", "!!python/object x", "anchors");
    expect_refused("pack.yaml", "[exchange,", "[[[[[[[[[[[[[[[[[[[exchange]]]]]]]]]]]]]]]]]],", "nested");
    expect_refused("pack.yaml", "currency: ETH", "currency: ETH\n--- \ntitle: more", "not one mapping");
    expect_refused("pack.yaml", "currency: ETH", "currency: ETH\ncurrency: BTC", "twice");
    expect_refused("pack.yaml", "[exchange,", "[exchange", "not YAML");
}

Test(lists, I3_an_unknown_asset_chain_or_confidence_refuses_the_list)
{
    expect_refused("sdn_advanced.xml", "Address - XBT", "Address - QQQ", "QQQ");
    expect_refused("sdn_advanced.xml", "Address - XBT", "Address", "Digital Currency Address");
    expect_refused("sdn_advanced.xml", "FeatureTypeID=\"903\"", "FeatureTypeID=\"999\"", "not declared");
    expect_refused("sdn_advanced.xml", "FeatureType ID=\"903\"", "FeatureType ID=\"8\"", "an ID of its own");
    expect_refused("sdn_advanced.xml", "0xbb0", "0xbb", "no address of USDT");
    expect_refused("sdn_advanced.xml", "<VersionDetail>1ExampleExampleExampleExample</VersionDetail>",
                   "<VersionDetail/>", "no address of XBT");
    expect_refused("sdn_advanced.xml", "<VersionDetail>1ExampleExampleExampleExample</VersionDetail>", "",
                   "has none");
    expect_refused("sdn_advanced.xml", "<Profile ID=\"70002\" PartySubTypeID=\"4\">",
                   "<Profile ID=\"70002000000000000000000000000000\">", "too long");
    expect_refused("sdn_advanced.xml", ">Digital Currency Address - USDT", ">Virtual Currency Address - USDT", "no type of addresses");
    expect_refused("sdn.xml", "Digital Currency Address - ETH", "Virtual Currency Address - ETH", "no type of addresses");
    expect_refused("sdn.csv", "Digital Currency Address - ETH", "Digital  Currency Address - ETH", "outside 'Digital Currency Address'");
    expect_refused("sdn.xml", "Address - XBT", "Address - QQQ", "QQQ");
    expect_refused("sdn.xml", "0xaa0", "aa0", "no address of ETH");
    expect_refused("sdn.csv", "Address - XMR", "Address - QQQ", "QQQ");
    expect_refused("sdn_comments.csv", "Address - USDT", "Address USDT", "Digital Currency Address");
    expect_refused("sdn.csv", "ETH 0xcc", "ETH xcc", "no address of ETH");
    expect_refused("sdn.csv", "XMR .", "ETH .", "no address of ETH");
    expect_refused("sdn.csv", "0xcc0", "0xcc", "no address of ETH");
    expect_refused("sdn.csv", "70002,", "7x,", "no number");
    expect_refused("sdn.csv", "\x1a", "\x1a 1", "end mark");
    expect_refused("sdn.csv", "\"vessel\",", "", "11 columns");
    expect_refused("pack.yaml", "currency: BTC", "currency: QQQ", "currency");
    expect_refused("pack.yaml", "network: BSC", "network: QQQ", "network");
    expect_refused("pack.yaml", "web_crawl", "surely", "confidence");
    expect_refused("pack.yaml", "'0xbb0", "'0xbb", "not an address");
}

Test(lists, I4_a_list_cut_anywhere_is_refused)
{
    static const char *const files[] = {"sdn_advanced.xml", "sdn.xml"};
    for (size_t f = 0; f < 2; f++) {
        char path[512];
        struct buffer csv;
        struct list_facts facts;
        struct error err;
        snprintf(path, sizeof(path), FOLDER "%s", files[f]);
        char *text = text_of_file(path);
        const char *root = strstr(text, f ? "<sdnList" : "<Sanctions");
        size_t whole = (size_t)(strrchr(text, '>') - text) + 1;
        for (size_t size = (size_t)(root - text) + 12; size < whole; size += 7) {
            cr_expect_eq(read_text(text, size, &csv, &facts, &err), TRACER_E_USAGE, "%s cut at %zu", files[f],
                         size);
            cr_expect(strstr(err.text, "cut"), "%s cut at %zu: %s", files[f], size, err.text);
            buffer_release(&csv);
        }
        free(text);
    }
    expect_refused("sdn.xml", "<Record_Count>2", "<Record_Count>3", "Record_Count");
    expect_refused("sdn.xml", "01/02/2026", "13/02/2026", "no date");
    expect_refused("sdn_advanced.xml", "DateOfIssue", "Other", "DateOfIssue");
}

Test(lists, I4_a_version_that_is_older_or_far_shorter_is_refused)
{
    struct list_facts before = {.date = "2026-01-02", .entries = 100}, now = before;
    struct error err = {0};
    cr_expect_eq(list_accept("l", &before, &now, &err), TRACER_OK);
    now.entries = 80;
    cr_expect_eq(list_accept("l", &before, &now, &err), TRACER_OK);
    now.entries = 79;
    cr_expect_eq(list_accept("l", &before, &now, &err), TRACER_E_USAGE);
    cr_expect_str_eq(
        err.text,
        "l: 79 entries, and its last version had 100: cut, or a large removal (--force takes it all the same)");
    now = before;
    memcpy(now.date, "2025-12-31", 11);
    cr_expect_eq(list_accept("l", &before, &now, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "2025-12-31"));
    now = before;
    before.labels = 10;
    now.labels = 8;
    cr_expect_eq(list_accept("l", &before, &now, &err), TRACER_OK);
    now.labels = 7;
    cr_expect_eq(list_accept("l", &before, &now, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "7 labels, and its last version had 10"), "%s", err.text);
    now.labels = 10;
    memset(now.date, 0, sizeof(now.date));
    cr_expect_eq(list_accept("l", &before, &now, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "does not say when it was published"), "%s", err.text);
}

Test(lists, a_date_is_given_to_a_list_that_has_none)
{
    struct buffer csv;
    struct list_facts facts;
    struct error err;
    static const char plain[] = A "\n";
    cr_expect_eq(read_with_rest(plain, strlen(plain), 0, "2026-01-02", &csv, &facts, &err), TRACER_OK);
    cr_expect_str_eq(facts.date, "2026-01-02");
    buffer_release(&csv);
    cr_expect_eq(read_with_rest(plain, strlen(plain), 0, "2026-13-02", &csv, &facts, &err), TRACER_E_USAGE);
    buffer_release(&csv);
    cr_expect_eq(read_with_rest(plain, strlen(plain), 1, NULL, &csv, &facts, &err), TRACER_E_USAGE);
    buffer_release(&csv);
    char *text = text_of_file(FOLDER "sdn.xml");
    cr_expect_eq(read_with_rest(text, strlen(text), 0, "2026-01-03", &csv, &facts, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "says itself"), "%s", err.text);
    buffer_release(&csv);
    free(text);
}

static size_t sanctioned_is(const struct label_set *set, struct arena *arena, const char *text,
                            uint64_t *ret_listed)
{
    const struct sanctioned *rows;
    struct address address;
    size_t count, times = 0;
    cr_assert(address_parse(text, strlen(text), &address));
    cr_assert_eq(label_sanctioned(set, 1, arena, &rows, &count, NULL), TRACER_OK);
    for (size_t i = 0; i < count; i++)
        if (address_equal(rows[i].address, address)) {
            times++;
            *ret_listed = rows[i].listed_s;
        }
    return times;
}

Test(lists, imported_sanctions_join_those_of_the_registry)
{
    struct list_facts facts;
    struct arena *arena = arena_new(TRACER_MIB(16));
    struct label_set *set = set_of(FOLDER "sdn_advanced.xml", &facts);
    uint64_t listed = 0;
    cr_assert_eq(label_add_builtin(set, NULL), TRACER_OK);
    cr_expect_eq(sanctioned_is(set, arena, A, &listed), 1);
    cr_expect_eq(listed, 1701302400); /* 2023-11-30 */
    cr_expect_eq(sanctioned_is(set, arena, C, &listed), 0);
    cr_expect_eq(sanctioned_is(set, arena, "0x098b716b8aaf21512996dc57eb0615e2383e2f96", &listed),
                 1); /* of the registry */
    label_set_free(set);
    arena_free(arena);
}

Test(lists, a_list_without_a_date_counts)
{
    struct list_facts facts;
    struct arena *arena = arena_new(TRACER_MIB(16));
    struct label_set *set = set_of_pair(FOLDER "sdn.csv", FOLDER "sdn_comments.csv", NULL, &facts);
    uint64_t listed = 1;
    cr_expect_eq(sanctioned_is(set, arena, C, &listed), 1);
    cr_expect_eq(listed, 0);
    label_set_free(set);
    arena_free(arena);
}

/* Tornado Cash, delisted 2025-03-21: an older list does not bring it back, a newer one does. */
Test(lists, I4_an_old_list_does_not_relist_what_was_delisted)
{
    static const char tornado[] = "0x8589427373d6d84e98730d7795d8f6f8731fda16";
    static const char *const dates[] = {"<Year>2024</Year><Month>1</Month><Day>2</Day></DateOfIssue>",
                                        "<Year>2026</Year><Month>1</Month><Day>2</Day></DateOfIssue>"};
    for (size_t i = 0; i < 2; i++) {
        struct list_facts facts;
        struct buffer csv;
        struct error err = {0};
        struct label_set *set;
        struct arena *arena = arena_new(TRACER_MIB(16));
        uint64_t listed;
        char *text = text_of_file(FOLDER "sdn_advanced.xml"), *date = strstr(text, dates[1]),
             *address = strstr(text, "0xbb0");
        memcpy(date, dates[i], strlen(dates[i]));
        memcpy(address, tornado, strlen(tornado));
        cr_assert_eq(read_text(text, strlen(text), &csv, &facts, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(label_set_new(&set, &err), TRACER_OK);
        cr_assert_eq(label_add_kept(set, "list", csv.data, csv.size, &err), TRACER_OK, "%s", err.text);
        cr_expect_eq(sanctioned_is(set, arena, tornado, &listed), i);
        label_set_free(set);
        arena_free(arena);
        buffer_release(&csv);
        free(text);
    }
}

static const char *data_folder(void)
{
    const char *folder = getenv("TRACER_SHARED_DATA");
    return folder ? folder : SOURCE_DIR "/../shared/data";
}

Test(lists, real_lists)
{
    char path[512];
    glob_t files;
    struct list_facts facts;
    snprintf(path, sizeof(path), "%s/labels/ofac/sanctioned_addresses_ETH.txt", data_folder());
    FILE *there = fopen(path, "r");
    if (!there) {
        fprintf(stderr, "lists: skipped, no lists in %s (set TRACER_SHARED_DATA)\n", data_folder());
        cr_skip_test("no lists");
    }
    fclose(there);
    struct label_set *set = set_of(path, &facts);
    cr_expect_eq(facts.labels, 152);
    label_set_free(set);
    char comments[512];
    snprintf(path, sizeof(path), "%s/labels/ofac/sdn_format/sdn.csv", data_folder());
    snprintf(comments, sizeof(comments), "%s/labels/ofac/sdn_format/sdn_comments.csv", data_folder());
    set = set_of_pair(path, comments, NULL, &facts);
    cr_expect_eq(facts.labels, 8); /* six of them in the comments only */
    cr_expect_eq(facts.entries, 32);
    label_set_free(set);
    snprintf(path, sizeof(path), "%s/labels/graphsense/*.yaml", data_folder());
    cr_assert_eq(glob(path, 0, NULL, &files), 0);
    cr_expect_eq(files.gl_pathc, 11);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        set = set_of(files.gl_pathv[i], &facts);
        if (strstr(files.gl_pathv[i], "ronin_bridge"))
            cr_expect_eq(facts.labels, 6);
        if (strstr(files.gl_pathv[i], "demo")) {
            cr_expect_eq(facts.labels, 1);
            cr_expect_eq(facts.entries, 5);
        }
        label_set_free(set);
    }
    globfree(&files);
}
