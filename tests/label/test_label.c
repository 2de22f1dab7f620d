/* Who wins, what a merged view shows, and that the built-in tables say what their files say. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "tracer/label.h"

#include "label/builtin.h"

#define A "0x4141414141414141414141414141414141414141"
#define B "0x4242424242424242424242424242424242424242"
#define V "0x0000000000000000000000000000000000000000"
#define HEAD "address,class,emit,name,category,entity,chain,origin,confidence,valid_from,valid_to\n"

static struct address address(const char *text)
{
    struct address parsed;
    cr_assert(address_parse(text, strlen(text), &parsed), "%s", text);
    return parsed;
}

/* NULL: there is none; until the next call but one. */
static const struct label *found(const struct label_set *set, uint64_t chain_id, const char *text)
{
    static struct label labels[2];
    static size_t next;
    struct label *label = &labels[next++ % 2];
    return label_find(set, chain_id, address(text), label) ? label : NULL;
}

static struct label_set *new_set(void)
{
    struct label_set *set = NULL;
    struct error err;
    cr_assert_eq(label_set_new(&set, &err), TRACER_OK);
    return set;
}

static void add(struct label_set *set, const char *text, enum label_rank rank)
{
    struct error err = {0};
    cr_assert_eq(label_add_memory(set, "l.csv", text, strlen(text), rank, &err), TRACER_OK, "%s", err.text);
}

Test(label, I5_user_then_official_then_builtin_then_others_by_confidence_and_losers_stay)
{
    struct label_set *set = new_set();
    struct arena *arena = arena_new(TRACER_MIB(1));
    const struct label *claims;
    size_t count;
    add(set, HEAD A ",service,,low,,,,z,low,,\n" A ",service,,high,,,,y,high,,\n", LABEL_OTHER);
    cr_expect_str_eq(found(set, 1, A)->name, "high");
    add(set, HEAD A ",bridge,,builtin,,,,x,low,,\n", LABEL_BUILTIN);
    cr_expect_str_eq(found(set, 1, A)->name, "builtin");
    add(set, HEAD A ",mixer,,official,,,,w,low,,\n", LABEL_OFFICIAL);
    cr_expect_str_eq(found(set, 1, A)->name, "official");
    add(set, HEAD A ",venue,,mine,,,,v,low,,\n", LABEL_USER);
    const struct label *winner = found(set, 1, A);
    cr_expect_str_eq(winner->name, "mine");
    cr_expect_eq(winner->class_, CLASS_VENUE);
    cr_assert_eq(label_about(set, address(A), arena, &claims, &count, NULL), TRACER_OK);
    cr_assert_eq(count, 5);
    static const char *const order[] = {"mine", "official", "builtin", "high", "low"};
    for (size_t i = 0; i < 5; i++)
        cr_expect_str_eq(claims[i].name, order[i]);
    cr_expect_eq(label_list_count(set), 4);
    cr_expect_str_eq(label_list(set, claims[0].list)->name, "l.csv");
    cr_expect_eq(label_list(set, 0)->rows, 2);
    cr_expect_null(found(set, 1, B));
    cr_assert_eq(label_about(set, address(B), arena, &claims, &count, NULL), TRACER_OK);
    cr_expect_eq(count, 0);
    arena_free(arena);
    label_set_free(set);
}

Test(label, I5_an_official_name_without_class_does_not_hide_the_mixer)
{
    struct label_set *set = new_set();
    struct arena *arena = arena_new(TRACER_MIB(1));
    struct taint_label *classes;
    struct error err;
    size_t count;
    add(set, HEAD A ",,,SDN,sanctioned,Somebody,,list,high,2022-08-08,\n", LABEL_OFFICIAL);
    add(set,
        HEAD A ",mixer,mix.a,Pool,mixer,Mixer,5,docs,medium,,\n" A
               ",service,,Shop,exchange,Shop,7,docs,medium,,\n" B ",,,nobody,,,,,,,\n",
        LABEL_BUILTIN);
    const struct label *on_5 = found(set, 5, A), *on_7 = found(set, 7, A);
    cr_expect_str_eq(on_5->name, "SDN");
    cr_expect_str_eq(on_5->category, "sanctioned");
    cr_expect_eq(on_5->class_, CLASS_MIXER);
    cr_expect_str_eq(on_5->emit, "mix.a");
    cr_expect_eq(on_7->class_, CLASS_SERVICE);
    cr_expect_eq(found(set, 1, A)->class_, CLASS_NONE);
    cr_assert_eq(label_classes(set, 5, arena, &classes, &count, &err), TRACER_OK);
    cr_assert_eq(count, 1);
    cr_expect_str_eq(classes[0].emit, "mix.a");
    cr_assert_eq(label_classes(set, 1, arena, &classes, &count, &err), TRACER_OK);
    cr_expect_eq(count, 0);
    arena_free(arena);
    label_set_free(set);
}

Test(label, emits_if_any_claim_of_a_list_does)
{
    struct label_set *set = new_set();
    cr_expect(!label_emits(set));
    add(set, HEAD A ",mixer,,Pool,,,,,,,\n", LABEL_USER);
    cr_expect(!label_emits(set));
    add(set, HEAD B ",,,nobody,,,,,,,\n" A ",mixer,mix.a,Pool,,,7,,,,2020-01-01\n", LABEL_OTHER);
    cr_expect(label_emits(set)); /* on whatever chain and day */
    label_set_free(set);
}

static const struct {
    const char *text, *message;
} bad[] = {
    {"address\n" A "\n", "class"},
    {HEAD "x,mixer,,,,,,,,,\n", "l.csv:2: column address"},
    {HEAD A ",bank,,,,,,,,,\n", "column class"},
    {HEAD V ",mixer,,,,,,,,,\n", "void"},
    {HEAD A ",venue,s,,,,,,,,\n", "column emit"},
    {HEAD A ",,s,,,,,,,,\n", "column emit"},
    {HEAD A ",mixer,a b,,,,,,,,\n", "column emit"},
    {HEAD A ",mixer,unknown,,,,,,,,\n", "column emit"},
    {HEAD A ",mixer,,,,,ETH,,,,\n", "column chain"},
    {HEAD A ",mixer,,,,,,,sure,,\n", "column confidence"},
    {HEAD A ",mixer,,,,,,,,2022,\n", "column valid_from"},
    {HEAD A ",mixer,,,,,,,,,2022-02-31x\n", "column valid_to"},
};

Test(label, I3_I5_a_bad_row_is_refused_and_the_set_is_as_before)
{
    struct label_set *set = new_set();
    add(set, HEAD A ",mixer,,first,,,,,,,\n", LABEL_OTHER);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        cr_expect_eq(label_add_memory(set, "l.csv", bad[i].text, strlen(bad[i].text), LABEL_USER, &err),
                     TRACER_E_USAGE, "case %zu", i);
        cr_expect(strstr(err.text, bad[i].message), "case %zu: %s", i, err.text);
    }
    static const char half[] = HEAD A ",bridge,,second,,,,,,,\n" B ",bank,,,,,,,,,\n";
    struct error err = {0};
    cr_expect_eq(label_add_memory(set, "l.csv", half, strlen(half), LABEL_USER, &err), TRACER_E_USAGE);
    cr_expect_str_eq(found(set, 1, A)->name, "first");
    cr_expect_eq(label_list_count(set), 1);
    label_set_free(set);
}

Test(label, I5_too_many_claims_about_one_address_are_refused)
{
    struct label_set *set = new_set();
    char *text;
    size_t size;
    struct error err = {0};
    FILE *stream = open_memstream(&text, &size);
    fputs(HEAD, stream);
    for (int i = 0; i < 1025; i++)
        fprintf(stream, A ",mixer,,n%d,,,%d,,,,\n", i, i);
    fclose(stream);
    cr_expect_eq(label_add_memory(set, "l.csv", text, size, LABEL_USER, &err), TRACER_E_LIMIT);
    cr_expect_null(found(set, 1, A));
    free(text);
    label_set_free(set);
}

Test(label, source_names_are_made_fit)
{
    char name[TRACER_SOURCE_NAME_MAX + 1];
    label_source_name("mixer.", "Tornado Cash", name);
    cr_expect_str_eq(name, "mixer.Tornado-Cash");
    label_source_name("ofac.", "SUEX OTC, S.R.O.", name);
    cr_expect_str_eq(name, "ofac.SUEX-OTC-S.R.O.");
    label_source_name("ofac.", "\xc3\xa4 ", name);
    cr_expect_str_eq(name, "ofac.");
    label_source_name("", "0123456789012345678901234567890123456789012345678901234567890123456789", name);
    cr_expect_eq(strlen(name), TRACER_SOURCE_NAME_MAX);
}

/* Rows of a table file: lines that are no comments, without the header. */
static size_t file_rows(const char *name)
{
    char path[512], line[8192];
    size_t rows = 0;
    snprintf(path, sizeof(path), "%s/fixtures/registry/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    while (fgets(line, sizeof(line), file))
        rows += line[0] != '#' && line[0] != '\n';
    fclose(file);
    return rows - 1;
}

Test(registry, counts_equal_the_files)
{
    size_t count;
    struct error err = {0};
    registry_heists(&count);
    cr_expect_eq(count, file_rows("heists.tsv"));
    cr_expect_eq(builtin_sanctioned_count, file_rows("sanctioned.tsv"));
    for (size_t i = 0; i < builtin_sanctioned_count; i++) {
        char name[TRACER_SOURCE_NAME_MAX + 1];
        const char *entity = builtin_texts + builtin_sanctioned[i].entity;
        cr_expect(entity[0] && strlen(entity) <= TRACER_SOURCE_NAME_MAX - 5);
        label_source_name("", entity, name);
        cr_expect_str_eq(name, entity);
    }
    struct label_set *set = new_set();
    cr_assert_eq(label_add_builtin(set, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(label_list_count(set), 4);
    cr_expect_eq(label_list(set, 0)->rows, file_rows("services.tsv"));
    cr_expect_eq(label_list(set, 1)->rows, file_rows("sanctioned.tsv"));
    cr_expect_leq(label_list(set, 2)->rows, file_rows("heist_addresses.tsv")); /* without other ledgers */
    cr_expect_eq(label_list(set, 3)->rows, file_rows("case_addresses.tsv"));
    label_set_free(set);
}

Test(registry, ronin_heist_is_complete)
{
    size_t count, returned = 0;
    const struct heist *heists = registry_heists(&count), *ronin = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(heists[i].id, "ronin-2022") == 0)
            ronin = &heists[i];
        returned += heists[i].returned;
    }
    cr_assert_not_null(ronin);
    cr_expect(!ronin->returned && ronin->theft_tx_count == 2 && ronin->seed_count >= 1 &&
              ronin->chain_ids[0] == 1);
    struct address exploiter = address("0x098b716b8aaf21512996dc57eb0615e2383e2f96");
    cr_expect(address_equal(ronin->seeds[0], exploiter));
    cr_expect_geq(returned, 1);
}

Test(registry, sanctioned_tornado_pool_is_named_by_the_list_and_stays_a_mixer)
{
    struct label_set *set = new_set();
    struct error err;
    cr_assert_eq(label_add_builtin(set, &err), TRACER_OK);
    const struct label *pool = found(set, 1, "0x12d66f87a04a9e220743712ce6d9bb1b5616b8fc");
    cr_assert_not_null(pool);
    cr_expect_eq(pool->class_, CLASS_MIXER);
    cr_expect_str_eq(pool->category, "sanctioned");
    cr_expect_str_eq(pool->entity, "TORNADO CASH");
    label_set_free(set);
}

/* The table's own class column, checked by the people who wrote it, against ours from the policy. */
Test(registry, classes_equal_the_class_column)
{
    char path[512], line[8192];
    struct label_set *set = new_set();
    struct arena *arena = arena_new(TRACER_MIB(16));
    struct error err;
    size_t checked = 0;
    cr_assert_eq(label_add_builtin(set, &err), TRACER_OK);
    snprintf(path, sizeof(path), "%s/fixtures/registry/services.tsv", SOURCE_DIR);
    FILE *file = fopen(path, "r");
    while (fgets(line, sizeof(line), file)) {
        char *cells[8], *rest = line;
        size_t count = 0;
        while (count < 8 && (cells[count] = strsep(&rest, "\t")))
            count++;
        if (count < 8 || strncmp(cells[1], "0x", 2) != 0)
            continue;
        const struct label *claims;
        uint64_t chain = strtoull(cells[0], NULL, 10);
        size_t claim_count;
        bool is_said = false;
        cr_assert_eq(label_about(set, address(cells[1]), arena, &claims, &claim_count, &err), TRACER_OK);
        for (size_t i = 0; i < claim_count; i++)
            is_said = is_said || (label_holds(set, &claims[i], chain) && claims[i].list == 0 &&
                                  strcmp(label_class_name(claims[i].class_), cells[6]) == 0);
        cr_expect(is_said, "%s %s", cells[0], cells[1]);
        checked++;
    }
    fclose(file);
    cr_expect_eq(checked, file_rows("services.tsv"));
    arena_free(arena);
    label_set_free(set);
}

Test(registry, tokens_and_wrappers_by_chain)
{
    struct token tokens[256];
    size_t count = registry_tokens(1, tokens, 256);
    cr_assert(count > 2 && count <= 256);
    cr_expect_eq(tokens[count - 1].asset.asset.kind, ASSET_NATIVE); /* sorts last */
    cr_expect_str_eq(tokens[count - 1].symbol, "ETH");
    cr_expect_gt(registry_tokens(2020, tokens, 256), 1);
    cr_expect_eq(registry_tokens(424242, tokens, 256), 0);
    const struct address *wrappers = registry_wrappers(1, &count);
    bool has_weth = false;
    for (size_t i = 0; i < count; i++)
        has_weth =
            has_weth || address_equal(wrappers[i], address("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"));
    cr_expect(has_weth);
}

Test(registry, case_files_are_built_in)
{
    static const char *const names[] = {"transfers.csv", "labels.csv", "explored.txt", "coverage.csv"};
    for (size_t i = 0; i < 4; i++) {
        char path[512];
        size_t size = 0;
        snprintf(path, sizeof(path), "%s/fixtures/ronin-2022/%s", SOURCE_DIR, names[i]);
        const char *data = registry_case_file(names[i], &size);
        FILE *file = fopen(path, "r");
        cr_assert(data && file);
        for (size_t at = 0; at < size; at++)
            cr_assert_eq(fgetc(file), (unsigned char)data[at]);
        cr_expect_eq(fgetc(file), EOF);
        fclose(file);
    }
    size_t size = 7;
    cr_expect_null(registry_case_file("../secret", &size));
}

Test(label, digests_of_the_built_in_tables_are_those_of_their_bytes)
{
    static const char *const files[] = {"services.tsv", "sanctioned.tsv", "heist_addresses.tsv", "case_addresses.tsv"};
    struct label_set *set;
    cr_assert_eq(label_set_new(&set, NULL), TRACER_OK);
    cr_assert_eq(label_add_builtin(set, NULL), TRACER_OK);
    for (size_t i = 0; i < label_list_count(set); i++) {
        char path[4096], shown[65], wanted[65];
        struct digest digest;
        bool known = false;
        for (size_t f = 0; f < 4; f++)
            known = known || strstr(label_list(set, i)->name, files[f]);
        cr_assert(known, "%s", label_list(set, i)->name);
        const char *slash = strrchr(label_list(set, i)->name, '/');
        snprintf(path, sizeof(path), SOURCE_DIR "/fixtures/registry/%s", slash ? slash + 1 : label_list(set, i)->name);
        cr_assert_eq(digest_file(path, &digest, NULL), TRACER_OK);
        digest_format(digest, wanted);
        digest_format(label_list(set, i)->digest, shown);
        cr_assert_str_eq(shown, wanted);
    }
    label_set_free(set);
}
