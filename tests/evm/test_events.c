/* test_events.c - token events by shape (threat-model X8). */
#include "evm/texts.h"

#define FEE "0.0 fee native aa>void 147000\n"
#define TOPIC_A PADDED("aa")
#define TOPIC_B PADDED("bb")
#define TOPIC_C PADDED("cc")
#define FULL_WORD X32("ff")

/* The rows after the fee, and how many events were counted as not decoded. */
static void expect_logs(const struct text_log *logs, size_t count, const char *rows, unsigned undecoded,
                        bool wrapper)
{
    struct text_block block = {.count = 1, .transactions = {{.type = 2, .price = 7}}, .wrapper = wrapper};
    char expected[4096];
    memcpy(block.transactions[0].logs, logs, count * sizeof *logs);
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    char *text = rows_text(&texts.decoded);
    snprintf(expected, sizeof expected, FEE "%s", rows);
    cr_assert_str_eq(text, expected);
    cr_assert_eq(texts.decoded.undecoded_count, undecoded, "%u", texts.decoded.undecoded_count);
    free(text);
    texts_free(&texts);
}
#define LOGS(...)                                                                                            \
    (const struct text_log[]){__VA_ARGS__},                                                                  \
        sizeof((const struct text_log[]){__VA_ARGS__}) / sizeof(struct text_log)

Test(events, the_layouts_of_transfer_are_told_apart_by_topic_count)
{
    expect_logs(LOGS({TOKEN, {TRANSFER, TOPIC_A, TOPIC_B}, WORD("05")},
                     {TOKEN, {TRANSFER, TOPIC_A, TOPIC_B, WORD("07")}, ""},
                     {TOKEN, {TRANSFER}, TOPIC_A TOPIC_B WORD("09")}),
                "0.1 token 77 aa>bb 5 log 0\n"
                "0.2 token 77/7 aa>bb 1 log 1\n"
                "0.3 token 77/9 aa>bb 1 log 2\n",
                0, false);
}

Test(events, X8_a_huge_amount_is_an_amount)
{
    expect_logs(LOGS({TOKEN, {TRANSFER, TOPIC_A, TOPIC_B}, FULL_WORD}),
                "0.1 token 77 aa>bb "
                "115792089237316195423570985008687907853269984665640564039457584007913129639935 log 0\n",
                0, false);
}

Test(events, X8_shapes_that_do_not_fit_are_counted)
{
    expect_logs(LOGS({TOKEN, {TRANSFER, TOPIC_A, TOPIC_B}, ""},                     /* no amount */
                     {TOKEN, {TRANSFER, TOPIC_A, TOPIC_B}, WORD("05") "00"},        /* one byte more */
                     {TOKEN, {TRANSFER, TOPIC_A, TOPIC_B}, WORD("05") WORD("05")},  /* a word more */
                     {TOKEN, {TRANSFER, TOPIC_A, TOPIC_B, WORD("07")}, WORD("05")}, /* four topics and data */
                     {TOKEN, {TRANSFER, TOPIC_A}, WORD("05") WORD("05")},           /* two topics */
                     {TOKEN, {TRANSFER}, WORD("05") WORD("05")}),                   /* one topic, two words */
                "", 6, false);
}

Test(events, X8_a_topic_that_is_no_address_is_not_cut_to_one)
{
    expect_logs(LOGS({TOKEN, {TRANSFER, "01" X4("00") X4("00") "000000" X20("aa"), TOPIC_B}, WORD("05")},
                     {TOKEN, {TRANSFER}, "01" X4("00") X4("00") "000000" X20("aa") TOPIC_B WORD("05")}),
                "", 2, false);
}

Test(events, erc1155_single_and_batch)
{
    expect_logs(
        LOGS({TOKEN, {SINGLE, TOPIC_C, TOPIC_A, TOPIC_B}, WORD("03") WORD("05")},
             {TOKEN,
              {BATCH, TOPIC_C, TOPIC_A, TOPIC_B},
              WORD("40") WORD("a0") WORD("02") WORD("07") WORD("08") WORD("02") WORD("0a") WORD("0b")},
             {TOKEN, {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, WORD("40") WORD("60") WORD("00") WORD("00")}),
        "0.1 token 77/3 aa>bb 5 log 0\n"
        "0.2 token 77/7 aa>bb 10 log 1\n"
        "0.3 token 77/8 aa>bb 11 log 1\n",
        0, false);
}

Test(events, X8_batches_with_bad_offsets_and_lengths_are_counted)
{
    expect_logs(LOGS({TOKEN, {SINGLE, TOPIC_C, TOPIC_A, TOPIC_B}, WORD("03")},
                     {TOKEN, {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, FULL_WORD WORD("60") WORD("00") WORD("00")},
                     {TOKEN, {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, WORD("41") WORD("60") WORD("00") WORD("00")},
                     {TOKEN, {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, WORD("80") WORD("60") WORD("00") WORD("00")},
                     {TOKEN, {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, WORD("40") WORD("60") FULL_WORD WORD("00")},
                     {TOKEN, {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, WORD("40") WORD("60") WORD("02") WORD("00")},
                     {TOKEN,
                      {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, /* two ids, one amount */
                      WORD("40") WORD("a0") WORD("02") WORD("07") WORD("08") WORD("01") WORD("0a")},
                     {TOKEN, {BATCH, TOPIC_C, TOPIC_A, TOPIC_B}, ""}),
                "", 8, false);
}

Test(events, wrappers_are_those_of_the_network_alone)
{
    const struct text_log wrap[] = {{TOKEN, {DEPOSIT, TOPIC_A}, WORD("05")},
                                    {TOKEN, {WITHDRAWAL, TOPIC_B}, WORD("06")},
                                    {C, {DEPOSIT, TOPIC_A}, WORD("07")}};
    expect_logs(wrap, 3, "0.1 token 77 void>aa 5 log 0\n0.2 token 77 bb>void 6 log 1\n", 0, true);
    expect_logs(wrap, 3, "", 0, false);
}

Test(events, a_wrap_that_a_transfer_tells_is_one_row)
{
    expect_logs(LOGS({TOKEN, {TRANSFER, WORD("00"), TOPIC_A}, WORD("05")},
                     {TOKEN, {DEPOSIT, TOPIC_A}, WORD("05")}, {TOKEN, {WITHDRAWAL, TOPIC_A}, WORD("06")},
                     {TOKEN, {TRANSFER, TOPIC_A, WORD("00")}, WORD("06")}),
                "0.1 token 77 void>aa 5 log 0\n"
                "0.2 token 77 aa>void 6 log 3\n",
                0, true);
}

Test(events, X8_malformed_wraps_are_counted_at_wrappers)
{
    expect_logs(LOGS({TOKEN, {DEPOSIT}, TOPIC_A WORD("05")}, {TOKEN, {WITHDRAWAL, TOPIC_A}, ""}), "", 2,
                true);
}

Test(events, logs_of_the_native_coin_are_no_tokens)
{
    const char *native = "0xfffffffffffffffffffffffffffffffffffffffe";
    expect_logs(LOGS({native, {TRANSFER, TOPIC_A, TOPIC_B}, WORD("05")}, {native, {TRANSFER, TOPIC_A}, ""}),
                "", 0, false);
}

Test(events, logs_without_topics_and_of_other_kinds_are_nothing)
{
    expect_logs(LOGS({TOKEN, {NULL}, WORD("05")}, {TOKEN, {HASH("12"), TOPIC_A, TOPIC_B}, WORD("05")}), "", 0,
                true);
}
