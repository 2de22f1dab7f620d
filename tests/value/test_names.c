/* Addresses, assets, positions: text both ways, and the order that results are sorted by. */
#include "tracer/block.h"
#include "tracer/link.h"

#include <criterion/criterion.h>

Test(address, both_spellings_and_any_case)
{
    struct address a, b;
    char text[ADDRESS_TEXT_SIZE];
    cr_assert(address_parse("0x098B716B8Aaf21512996dC57EB0615e2383E2f96", 42, &a));
    cr_assert(address_parse("ronin:098b716b8aaf21512996dc57eb0615e2383e2f96", 46, &b));
    cr_assert(address_equal(a, b));
    cr_assert(address_parse("RONIN:098b716b8aaf21512996dc57eb0615e2383e2f96", 46, &b));
    address_format(a, text);
    cr_assert_str_eq(text, "0x098b716b8aaf21512996dc57eb0615e2383e2f96");
    cr_assert(!address_parse("0X098B716B8Aaf21512996dC57EB0615e2383E2f96", 42, &a));
    cr_assert(!address_parse("098B716B8Aaf21512996dC57EB0615e2383E2f96", 40, &a));
    cr_assert(!address_parse("ronix:098b716b8aaf21512996dc57eb0615e2383e2f96", 46, &a));
}

Test(asset, order_is_that_of_the_texts)
{
    static const char *const texts[] = {
        "0x1111111111111111111111111111111111111111",    "0x1111111111111111111111111111111111111111/0",
        "0x1111111111111111111111111111111111111111/10", "0x1111111111111111111111111111111111111111/9",
        "0x2222222222222222222222222222222222222222",    "native"};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6; j++) {
            struct asset a, b;
            char text[ASSET_TEXT_SIZE];
            cr_assert(asset_parse(texts[i], strlen(texts[i]), &a) &&
                      asset_parse(texts[j], strlen(texts[j]), &b));
            int want = strcmp(texts[i], texts[j]), got = asset_compare(&a, &b);
            cr_assert((want < 0) == (got < 0) && (want > 0) == (got > 0), "%s %s", texts[i], texts[j]);
            cr_assert_eq(asset_format(a, text), strlen(texts[i]));
            cr_assert_str_eq(text, texts[i]);
        }
    struct asset a;
    cr_assert(!asset_parse("0x1111111111111111111111111111111111111111/", 43, &a));
    cr_assert(!asset_parse("0x1111111111111111111111111111111111111111/01", 45, &a));
    cr_assert(!asset_parse("Native", 6, &a));
}

Test(position, text_round_trips_and_bad_text_is_refused)
{
    static const char *const good[] = {"0:0:0", "1:-1:0", "9223372036854775807:2147483647:2147483647"};
    static const char *const bad[] = {"",
                                      "1",
                                      "1:2",
                                      "1:2:3:4",
                                      "01:2:3",
                                      "1:-2:3",
                                      "1:2:-3",
                                      "1:2:2147483648",
                                      "1:2147483648:0",
                                      "9223372036854775808:0:0",
                                      "1: 2:3",
                                      "1:2:3 ",
                                      ":1:2"};
    struct position position;
    char text[POSITION_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert(position_parse(good[i], strlen(good[i]), &position), "%s", good[i]);
        position_format(position, text);
        cr_assert_str_eq(text, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(!position_parse(bad[i], strlen(bad[i]), &position), "%s", bad[i]);
}

Test(names, words_round_trip)
{
    for (int kind = 0; kind < TRANSFER_KIND_COUNT; kind++) {
        enum transfer_kind back;
        const char *name = transfer_kind_name((enum transfer_kind)kind);
        cr_assert(transfer_kind_parse(name, strlen(name), &back) && (int)back == kind);
    }
    for (int grade = 0; grade < GRADE_COUNT; grade++) {
        enum grade back;
        const char *name = grade_name((enum grade)grade);
        cr_assert(grade_parse(name, strlen(name), &back) && (int)back == grade);
    }
}

Test(names, rules_of_a_link)
{
    char text[LINK_RULES_TEXT_SIZE];
    uint32_t all = (1u << LINK_RULE_COUNT) - 1;
    cr_assert_str_eq(link_rules_text(link_rules(link_pack(1, LINK_WRAP | LINK_SWAP_V2)), text), "wrap+swap.v2");
    cr_assert_str_eq(link_rules_text(all, text), "pass+wrap+unwrap+issue+redeem+swap.v2+swap.v3+swap.curve+"
                                                 "swap.balancer+swap.1inch");
    cr_assert_str_eq(link_rules_text(0, text), "");
    cr_assert_str_eq(link_rules_text(all + 1, text), "", "no rule has that bit");
    cr_assert_leq(link_pack(LINK_NUMBER_MAX, all), INT32_MAX);
    cr_assert_neq(link_pack(1, LINK_PASS), link_pack(2, LINK_PASS));
}

Test(names, no_hash_covers_internal_transfers_and_fees_of_a_settlement_layer)
{
    for (int kind = 0; kind < TRANSFER_KIND_COUNT; kind++)
        for (int grade = 0; grade < GRADE_COUNT; grade++) {
            struct transfer row = {.kind = (enum transfer_kind)kind};
            const struct block block = {.grade = (enum grade)grade};
            bool lowered = kind == TRANSFER_INTERNAL && grade < GRADE_ASSERTED;
            cr_assert_eq(grade_of_row(&block, NULL, &row), lowered ? GRADE_ASSERTED : (enum grade)grade);
            row.to.bytes[0] = 0x42; /* where fees of the settlement layer go: receipts state them beside what is hashed */
            row.to.bytes[19] = 0x1a;
            lowered = (kind == TRANSFER_INTERNAL || kind == TRANSFER_FEE) && grade < GRADE_ASSERTED;
            cr_assert_eq(grade_of_row(&block, NULL, &row), lowered ? GRADE_ASSERTED : (enum grade)grade);
        }
}

Test(names, a_row_is_no_better_than_its_block_its_transaction_and_the_rule_that_gave_it)
{
    const struct transaction asserted = {.grade = GRADE_ASSERTED};
    struct block block = {.grade = GRADE_PROVEN};
    struct transfer row = {.kind = TRANSFER_REWARD, .position.transaction_index = TRANSACTION_AFTER};
    cr_assert_eq(grade_of_row(&block, NULL, &row), GRADE_PROVEN); /* a withdrawal */
    block.rewards_asserted = true;
    cr_assert_eq(grade_of_row(&block, NULL, &row), GRADE_ASSERTED);
    row.position.transaction_index = 0; /* what a deposit from the settlement layer mints is signed for */
    cr_assert_eq(grade_of_row(&block, NULL, &row), GRADE_PROVEN);
    cr_assert_eq(grade_of_row(&block, &asserted, &row), GRADE_ASSERTED);
    block.grade = GRADE_INFERRED;
    cr_assert_eq(grade_of_row(&block, &asserted, &row), GRADE_INFERRED);
}
