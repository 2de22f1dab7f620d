/* What the build prepared of the registry is what the reader makes of its files now. */
#include <criterion/criterion.h>

#include "label/builtin.h"
#include "label/prepare/prepare.h"

static struct prepared prepared;

static void read_tables(void)
{
    struct error err = {0};
    cr_assert_eq(prepare(SOURCE_DIR "/fixtures/registry", &prepared, &err), TRACER_OK, "%s", err.text);
}

static void forget_tables(void)
{
    prepared_free(&prepared);
}

#define TEXT(place) (builtin_texts + (place))

Test(prepared, claims_are_those_of_the_files, .init = read_tables, .fini = forget_tables)
{
    size_t count;
    const struct label *claims = label_all(prepared.set, &count);
    cr_assert_gt(count, 1000);
    cr_assert_eq(builtin_claim_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct builtin_claim *built = &builtin_claims[i];
        const struct label *read = &claims[i];
        cr_assert(address_equal(built->address, read->address), "claim %zu", i);
        cr_assert_eq(built->chain_id, read->chain_id);
        cr_assert_eq(built->class_, read->class_);
        cr_assert_eq(built->confidence, read->confidence);
        cr_assert_eq(built->rank, read->rank);
        cr_assert_eq(built->list, read->list);
        cr_assert_str_eq(TEXT(built->name), read->name);
        cr_assert_str_eq(TEXT(built->category), read->category);
        cr_assert_str_eq(TEXT(built->entity), read->entity);
        cr_assert_str_eq(TEXT(built->origin), read->origin);
        cr_assert_str_eq(TEXT(built->valid_from), read->valid_from);
        cr_assert_str_eq(TEXT(built->valid_to), read->valid_to);
        cr_assert_str_empty(read->emit);
    }
}

/* Of every fifth of the addresses, and of one between each two: for lower, equal and higher ranks. */
static void add_list(struct label_set *set, const struct label *claims, size_t count)
{
    static const enum label_rank ranks[] = {LABEL_USER, LABEL_BUILTIN, LABEL_OTHER};
    for (size_t r = 0; r < 3; r++) {
        struct buffer text;
        struct error err = {0};
        buffer_init(&text, TRACER_MIB(4));
        buffer_text(&text, "address,class,emit,name,chain,confidence\n");
        for (size_t i = r; i < count; i += 5) {
            char address[ADDRESS_TEXT_SIZE];
            struct address next = claims[i].address;
            if (address_is_void(next))
                continue;
            address_format(next, address);
            buffer_printf(&text, "%s,%s,%s,mine %zu,%s,%s\n", address, i % 2 ? "mixer" : "", i % 2 ? "mine" : "", i, i % 3 ? "" : "1",
                          i % 7 ? "high" : "low");
            next.bytes[19] ^= 1;
            address_format(next, address);
            if (!address_is_void(next))
                buffer_printf(&text, "%s,service,,near %zu,2020,\n", address, i);
        }
        cr_assert(buffer_ok(&text));
        cr_assert_eq(label_add_memory(set, "mine.csv", text.data, text.size, ranks[r], &err), TRACER_OK, "%s", err.text);
        buffer_release(&text);
    }
}

/* A set with the built-in claims answers as one that read the same claims from the files. */
Test(prepared, a_set_answers_the_same, .init = read_tables, .fini = forget_tables)
{
    struct label_set *set;
    struct arena *arena = arena_new(TRACER_MIB(64));
    struct error err = {0};
    size_t count;
    const struct label *claims = label_all(prepared.set, &count);
    cr_assert_eq(label_set_new(&set, &err), TRACER_OK);
    cr_assert_eq(label_add_builtin(set, &err), TRACER_OK);
    for (size_t c = 0; c < 4; c++) {
        static const uint64_t chains[] = {1, 2020, 1, 2020};
        struct taint_label *built, *read;
        size_t built_count, read_count;
        if (c == 2) { /* and with lists between them */
            const struct label *given = arena_copy(arena, claims, count * sizeof(*claims)); /* adding moves them */
            cr_assert(given);
            add_list(set, given, count);
            add_list(prepared.set, given, count);
            claims = label_all(prepared.set, &count);
        }
        cr_assert_eq(label_classes(set, chains[c], arena, &built, &built_count, &err), TRACER_OK);
        cr_assert_eq(label_classes(prepared.set, chains[c], arena, &read, &read_count, &err), TRACER_OK);
        cr_assert_eq(built_count, read_count);
        for (size_t i = 0; i < built_count; i++)
            cr_assert(address_equal(built[i].address, read[i].address) && built[i].class_ == read[i].class_ && strcmp(built[i].emit, read[i].emit) == 0);
        for (size_t i = 0; i < count; i++) {
            struct label a, b;
            bool has_a = label_find(set, chains[c], claims[i].address, &a), has_b = label_find(prepared.set, chains[c], claims[i].address, &b);
            cr_assert_eq(has_a, has_b);
            cr_assert(!has_a || (label_says(&a, 1, &b) && a.list == b.list && a.rank == b.rank), "claim %zu", i);
            const struct label *of_a, *of_b;
            size_t a_count, b_count;
            struct arena_mark mark = arena_mark(arena);
            cr_assert_eq(label_about(set, claims[i].address, arena, &of_a, &a_count, &err), TRACER_OK);
            cr_assert_eq(label_about(prepared.set, claims[i].address, arena, &of_b, &b_count, &err), TRACER_OK);
            cr_assert(a_count && a_count == b_count);
            for (size_t k = 0; k < a_count; k++)
                cr_assert(label_says(&of_a[k], 1, &of_b[k]) && of_a[k].list == of_b[k].list, "claim %zu", i);
            arena_reset(arena, mark);
        }
    }
    label_set_free(set);
    arena_free(arena);
}

Test(prepared, lists_are_those_of_the_files, .init = read_tables, .fini = forget_tables)
{
    cr_assert_eq(builtin_list_count, label_list_count(prepared.set));
    for (size_t i = 0; i < builtin_list_count; i++) {
        const struct label_list *read = label_list(prepared.set, i);
        cr_expect_str_eq(builtin_lists[i].name, read->name);
        cr_expect_arr_eq(&builtin_lists[i].digest, &read->digest, sizeof(read->digest));
        cr_expect_eq(builtin_lists[i].rows, read->rows);
        cr_expect_str_eq(builtin_lists[i].date, read->date);
        cr_expect(!builtin_lists[i].imported && !builtin_lists[i].official);
    }
}

Test(prepared, heists_are_those_of_the_files, .init = read_tables, .fini = forget_tables)
{
    size_t count;
    const struct heist *built = registry_heists(&count), *read = prepared.heists;
    cr_assert_eq(count, prepared.heist_count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_str_eq(built[i].id, read[i].id);
        cr_expect_str_eq(built[i].name, read[i].name);
        cr_expect_str_eq(built[i].date, read[i].date);
        cr_expect_str_eq(built[i].stolen, read[i].stolen);
        cr_expect_str_eq(built[i].attributed_to, read[i].attributed_to);
        cr_expect_eq(built[i].returned, read[i].returned);
        cr_assert(built[i].seed_count == read[i].seed_count && built[i].theft_tx_count == read[i].theft_tx_count &&
                  built[i].chain_count == read[i].chain_count, "%s", read[i].id);
        cr_expect_arr_eq(built[i].seeds, read[i].seeds, read[i].seed_count * sizeof(*read[i].seeds));
        cr_expect_arr_eq(built[i].theft_txs, read[i].theft_txs, read[i].theft_tx_count * sizeof(*read[i].theft_txs));
        cr_expect_arr_eq(built[i].chain_ids, read[i].chain_ids, read[i].chain_count * sizeof(*read[i].chain_ids));
    }
}

Test(prepared, sanctioned_tokens_and_wrappers_are_those_of_the_files, .init = read_tables, .fini = forget_tables)
{
    struct token tokens[256];
    size_t token = 0, wrapper = 0;
    cr_assert_eq(builtin_sanctioned_count, prepared.sanctioned_count);
    for (size_t i = 0; i < builtin_sanctioned_count; i++) {
        const struct builtin_sanctioned *built = &builtin_sanctioned[i];
        const struct sanctioned *read = &prepared.sanctioned[i];
        cr_assert(address_equal(built->address, read->address));
        cr_expect_str_eq(TEXT(built->entity), read->entity);
        cr_expect(built->listed_s == read->listed_s && built->delisted_s == read->delisted_s);
    }
    while (token < prepared.token_count) {
        const struct chain_token *read = &prepared.tokens[token];
        size_t count = registry_tokens(read->chain_id, tokens, 256);
        cr_assert(count && count <= 256 && token + count <= prepared.token_count);
        for (size_t i = 0; i < count; i++) {
            const struct taint_asset *a = &tokens[i].asset, *b = &read[i].token.asset;
            cr_assert_eq(read[i].chain_id, read->chain_id);
            cr_expect(asset_equal(&a->asset, &b->asset) && a->decimals == b->decimals && a->weight == b->weight && u256_compare(a->dust, b->dust) == 0);
            cr_expect_str_eq(tokens[i].symbol, read[i].token.symbol);
        }
        token += count;
        cr_assert(token == prepared.token_count || prepared.tokens[token].chain_id != read->chain_id);
    }
    while (wrapper < prepared.wrapper_count) {
        size_t count;
        const struct chain_wrapper *read = &prepared.wrappers[wrapper];
        const struct address *built = registry_wrappers(read->chain_id, &count);
        cr_assert(count && wrapper + count <= prepared.wrapper_count);
        for (size_t i = 0; i < count; i++)
            cr_expect(read[i].chain_id == read->chain_id && address_equal(built[i], read[i].address));
        wrapper += count;
        cr_assert(wrapper == prepared.wrapper_count || prepared.wrappers[wrapper].chain_id != read->chain_id);
    }
    struct digest digest = registry_tokens_digest();
    cr_expect_arr_eq(&digest, &prepared.assets_digest, sizeof(digest));
}

/* A table that is wrong is refused, so that the build fails. */
Test(prepared, a_wrong_table_is_refused)
{
    struct error err = {0};
    struct prepared wrong;
    cr_assert_eq(prepare(SOURCE_DIR "/fixtures/ronin-2022", &wrong, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "heists.tsv"), "%s", err.text);
    prepared_free(&wrong);
}
