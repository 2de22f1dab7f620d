/* Seeds, labels, assets, explored set and coverage: what they mean, and every error. */
#include <criterion/criterion.h>

#include "tracer/import.h"

#define A "0x4141414141414141414141414141414141414141"
#define B "0x4242424242424242424242424242424242424242"
#define V "0x0000000000000000000000000000000000000000"

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new(TRACER_MIB(64));
}
static void free_arena(void)
{
    arena_free(arena);
}
TestSuite(inputs, .init = make_arena, .fini = free_arena);

static struct import_source from(const char *text)
{
    return (struct import_source){"in.csv", text, strlen(text)};
}

#define SEEDS "source,kind,address,block,txi,idx,amount\n"

Test(inputs, seeds_of_both_kinds)
{
    struct taint_seed *seeds;
    size_t count;
    struct error err = {0};
    cr_assert_eq(
        import_seeds(from(SEEDS "heist.1,transfer,,5,-1,2,9\nh-2,transfer,,5,0,0,\n_x,address," A ",7,,,\n"),
                     arena, &seeds, &count, &err),
        TRACER_OK, "%s", err.text);
    cr_assert_eq(count, 3);
    cr_expect_str_eq(seeds[0].source, "heist.1");
    cr_expect(!seeds[0].is_address && seeds[0].has_amount && seeds[0].amount.limb[0] == 9);
    cr_expect(seeds[0].position.transaction_index == -1 && seeds[0].position.index == 2);
    cr_expect(!seeds[1].has_amount);
    cr_expect(seeds[2].is_address && seeds[2].block_number == 7 && seeds[2].address.bytes[3] == 0x41);
}

Test(inputs, labels_assets_explored_coverage)
{
    struct taint_label *labels;
    struct import_asset *assets;
    struct address *explored;
    struct import_coverage *coverage;
    size_t count;
    struct error err = {0};
    cr_assert_eq(import_labels(from("emit,class,address\n,venue," A "\nmix,mixer," B "\n"), arena, &labels,
                               &count, &err),
                 TRACER_OK, "%s", err.text);
    cr_expect(count == 2 && labels[0].class_ == CLASS_VENUE && labels[0].emit[0] == '\0');
    cr_expect_str_eq(labels[1].emit, "mix");
    cr_assert_eq(
        import_assets(
            from("asset,decimals,weight,dust,symbol,chain\nnative,18,18446744073709551615,3,ETH,1\n" A
                 ",77,0,0,E\xe2\x80\xaeVIL,\n"),
            arena, &assets, &count, &err),
        TRACER_OK, "%s", err.text);
    cr_expect(count == 2 && assets[0].asset.weight == UINT64_MAX && assets[0].chain_id == 1 &&
              assets[0].asset.dust.limb[0] == 3);
    cr_expect_str_eq(assets[1].symbol, "E\\u{202e}VIL");
    cr_assert_eq(import_explored(from(" " A "\n\t" B " \r\n"), arena, &explored, &count, &err), TRACER_OK);
    cr_expect(count == 2 && explored[1].bytes[0] == 0x42);
    cr_assert_eq(import_explored(from(""), arena, &explored, &count, &err), TRACER_OK);
    cr_expect_eq(count, 0);
    cr_assert_eq(import_coverage(
                     from("account,from,to,what,method,cross_check,gap\n" A ",1,9,native,\"a, b\",,none\n"),
                     arena, &coverage, &count, &err),
                 TRACER_OK, "%s", err.text);
    cr_expect(count == 1 && coverage[0].first == 1 && coverage[0].last == 9);
    cr_expect_str_eq(coverage[0].method, "a, b");
    cr_expect_str_eq(coverage[0].cross_check, "");
}

enum what { IS_SEEDS, IS_LABELS, IS_ASSETS, IS_EXPLORED, IS_COVERAGE };
static const struct {
    enum what what;
    const char *text, *message;
} bad[] = {
    {IS_SEEDS, "kind,block\n", "source"},
    {IS_SEEDS, SEEDS "clean,transfer,,5,0,0,\n", "in.csv:2: column source: 'clean'"},
    {IS_SEEDS, SEEDS "unknown,transfer,,5,0,0,\n", "column source"},
    {IS_SEEDS, SEEDS ",transfer,,5,0,0,\n", "column source"},
    {IS_SEEDS, SEEDS "a b,transfer,,5,0,0,\n", "column source"},
    {IS_SEEDS, SEEDS "a2345678901234567890123456789012345678901234567890123456789012345,transfer,,5,0,0,\n",
     "column source"},
    {IS_SEEDS, SEEDS "s,transfers,,5,0,0,\n", "column kind"},
    {IS_SEEDS, SEEDS "s,transfer,,,0,0,\n", "column block"},
    {IS_SEEDS, SEEDS "s,transfer,,5,,0,\n", "column txi"},
    {IS_SEEDS, SEEDS "s,transfer,,5,0,x,\n", "column idx"},
    {IS_SEEDS, SEEDS "s,transfer,,5,0,0,1.5\n", "column amount"},
    {IS_SEEDS, SEEDS "s,transfer," A ",5,0,0,\n", "column address: must be empty"},
    {IS_SEEDS, SEEDS "s,address,,5,,,\n", "column address"},
    {IS_SEEDS, SEEDS "s,address," A ",5,0,,\n", "column txi: must be empty"},
    {IS_SEEDS, SEEDS "s,address," A ",5,,,7\n", "column amount: must be empty"},
    {IS_LABELS, "address,class,emit\n" A ",,\n", "column class"},
    {IS_LABELS, "address,class,emit\n" A ",bank,\n", "column class: 'bank'"},
    {IS_LABELS, "address,class,emit\n" V ",mixer,\n", "void cannot be labelled"},
    {IS_LABELS, "address,class,emit\n" A ",venue,s\n", "column emit: must be empty"},
    {IS_LABELS, "address,class,emit\n" A ",mixer,a/b\n", "column emit"},
    {IS_LABELS, "address,class,emit\n" A ",mixer,\n" B ",mixer,\n" A ",service,\n",
     "in.csv:4: column address: the same as on line 2"},
    {IS_ASSETS, "asset,decimals,weight,dust\nnative,78,0,0\n", "column decimals"},
    {IS_ASSETS, "asset,decimals,weight,dust\nnative,18,18446744073709551616,0\n", "column weight"},
    {IS_ASSETS, "asset,decimals,weight,dust\nnative,18,0,-1\n", "column dust"},
    {IS_ASSETS, "asset,decimals,weight,dust\nETH,18,0,0\n", "column asset: 'ETH'"},
    {IS_ASSETS, "asset,decimals,weight,dust\nnative,18,0,0\nnative,18,0,0\n",
     "in.csv:3: column asset: the same"},
    {IS_ASSETS, "asset,decimals,weight,dust,chain\nnative,18,0,0,eth\n", "column chain"},
    {IS_EXPLORED, A "\n  " A " 0x12\n", "in.csv:2: column 46: '0x12'"},
    {IS_COVERAGE, "account,from,to,what,method,cross_check,gap\n" A ",9,1,,,,\n", "column to: lies before"},
    {IS_COVERAGE, "account,from,to,what,method,cross_check,gap\nx,1,9,,,,\n", "column account"},
};

Test(inputs, I1_every_bad_cell_is_refused_with_file_line_and_column)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        size_t count = 77;
        void *nothing = NULL;
        enum tracer_status status = TRACER_OK;
        struct import_source source = from(bad[i].text);
        switch (bad[i].what) {
        case IS_SEEDS:
            status = import_seeds(source, arena, (struct taint_seed **)&nothing, &count, &err);
            break;
        case IS_LABELS:
            status = import_labels(source, arena, (struct taint_label **)&nothing, &count, &err);
            break;
        case IS_ASSETS:
            status = import_assets(source, arena, (struct import_asset **)&nothing, &count, &err);
            break;
        case IS_EXPLORED:
            status = import_explored(source, arena, (struct address **)&nothing, &count, &err);
            break;
        case IS_COVERAGE:
            status = import_coverage(source, arena, (struct import_coverage **)&nothing, &count, &err);
            break;
        }
        cr_expect_eq(status, TRACER_E_USAGE, "case %zu", i);
        cr_expect(strstr(err.text, "in.csv") && strstr(err.text, bad[i].message), "case %zu: %s", i,
                  err.text);
        cr_expect(nothing == NULL && count == 77, "case %zu: outputs untouched", i);
    }
}

Test(inputs, a_missing_file_is_named)
{
    struct address *explored;
    size_t count;
    struct error err = {0};
    cr_expect_neq(
        import_explored((struct import_source){.path = "/nonexistent/e.txt"}, arena, &explored, &count, &err),
        TRACER_OK);
    cr_expect(strstr(err.text, "e.txt"), "%s", err.text);
}
