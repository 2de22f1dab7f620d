#include <criterion/criterion.h>

#include <stdio.h>
#include <unistd.h>

#include "report/sample.h"

static struct sample sample;
static char path[] = "/tmp/tracer-prices-XXXXXX";

static void make(void)
{
    sample_make(&sample);
    close(mkstemp(path));
}
static void remove_file(void)
{
    unlink(path);
}
TestSuite(prices, .init = make, .fini = remove_file);

static enum tracer_status read_text(const char *text, struct prices **ret_prices, struct error *err)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return prices_read(path, ret_prices, err);
}

static const struct asset coin = {.kind = ASSET_NATIVE};
#define NOON (UINT64_C(1648036800)) /* 2022-03-23 12:00:00 */

Test(prices, a_day_and_asset_has_its_own_price_and_no_other)
{
    struct prices *prices;
    struct error err;
    struct u320 price;
    cr_assert_eq(read_text("asset,price,date,note\nnative,3012.45,2022-03-23,x\nnative,0,2022-03-25,\n"
                           "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48,1,2022-03-24,\n",
                           &prices, &err),
                 TRACER_OK, "%s", err.text);
    cr_assert(prices_find(prices, &coin, NOON, &price));
    cr_expect_eq(u320_compare(price, sum_of("3012450000000000000000")), 0);
    cr_expect(prices_find(prices, &coin, NOON - 43200, &price) && prices_find(prices, &coin, NOON + 43199, &price));
    cr_expect_not(prices_find(prices, &coin, NOON - 43201, &price), "the day before");
    cr_expect_not(prices_find(prices, &coin, NOON + 43200, &price), "the day after");
    cr_expect_not(prices_find(prices, &coin, 0, &price), "a time that is not known");
    cr_expect(prices_find(prices, &coin, NOON + 2 * 86400, &price) && u320_is_zero(price));
    struct asset token = {.kind = ASSET_TOKEN};
    cr_expect_not(prices_find(prices, &token, NOON, &price));
    cr_expect(strncmp(prices_name(prices), "tracer-prices-", 14) == 0);
    prices_free(prices);
}

Test(prices, values_are_exact_or_there_is_none)
{
    struct u320 value;
    cr_assert(prices_value(sum_of("173600000000000000000000"), sum_of("3038187412345678901000"), &value));
    cr_expect_eq(u320_compare(value, sum_of("527429334783209857213600000000000000000000000")), 0);
    cr_assert(prices_value(sum_of("115792089237316195423570985008687907853269984665640564039457584007913129639935"), sum_of("1"), &value));
    cr_expect_not(prices_value(sum_of("115792089237316195423570985008687907853269984665640564039457584007913129639935"), sum_of("2"), &value));
    cr_expect_not(prices_value(value, value, &value));
}

static const struct {
    const char *text, *says;
} wrong[] = {
    {"date,asset\n", "price"},
    {"date,asset,price\n2022-02-30,native,1\n", "date"},
    {"date,asset,price\n2022-03-23T00:00:00Z,native,1\n", "date"},
    {"date,asset,price\n1648036800,native,1\n", "date"},
    {"date,asset,price\n2022-03-23,ETH,1\n", "asset"},
    {"date,asset,price\n2022-03-23,native,\n", "price"},
    {"date,asset,price\n2022-03-23,native,-1\n", "price"},
    {"date,asset,price\n2022-03-23,native,1e3\n", "price"},
    {"date,asset,price\n2022-03-23,native,1.\n", "price"},
    {"date,asset,price\n2022-03-23,native,.5\n", "price"},
    {"date,asset,price\n2022-03-23,native,1.2.3\n", "price"},
    {"date,asset,price\n2022-03-23,native,007\n", "price"},
    {"date,asset,price\n2022-03-23,native,\"3,012.45\"\n", "price"},
    {"date,asset,price\n2022-03-23,native,NaN\n", "price"},
    {"date,asset,price\n2022-03-23,native,0.1234567890123456789\n", "price"},
    {"date,asset,price\n2022-03-23,native,100000000000000000000000\n", "price"},
    {"date,asset,price\n2022-03-23,native,1\n2022-03-23,native,1\n", "native has two prices on 2022-03-23"},
};

Test(prices, a_wrong_file_is_refused)
{
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct prices *prices = NULL;
        struct error err;
        cr_expect_eq(read_text(wrong[i].text, &prices, &err), TRACER_E_USAGE, "%s", wrong[i].text);
        cr_expect(strstr(err.text, wrong[i].says), "%s: %s", wrong[i].text, err.text);
        cr_expect_null(prices);
    }
}

static char *print(const char *format, const struct prices *prices)
{
    char *text = NULL;
    size_t size = 0;
    struct error err;
    struct report_options options = {.prices = prices, .columns = 200};
    FILE *stream = open_memstream(&text, &size);
    cr_assert_eq(report_find(format)->trace(stream, &sample.trace, &options, &err), TRACER_OK);
    fclose(stream);
    return text;
}

Test(prices, what_has_no_price_has_no_value_and_is_said)
{
    struct prices *prices;
    struct error err;
    sample.hops[2].hop = 0; /* two thefts of ETH, the second on a day without a price */
    sample.hops[2].time += 86400;
    cr_assert_eq(read_text("date,asset,price\n2022-03-23,native,2\n2022-09-27,native,0.001\n", &prices, &err), TRACER_OK);
    char *text = print("text", prices), *sar = print("sar", prices), *csv = print("csv", prices);
    cr_expect(strstr(text, "176,600 ETH = 347,200.00 USD and more: 1 of 2 transfers have no price"), "%s", text);
    cr_expect(strstr(text, "25,500,000 USDC = no price"));
    cr_expect(strstr(text, "sum of what has a price: 347,200.00 USD; 2 of the lines above have none or not for all"));
    cr_expect(strstr(text, "held: 2,000.123456789012345678 ETH = 2,000.12 USD") == NULL);
    cr_expect(strstr(text, "held: 2,000.123456789012345678 ETH = 2.00 USD"), "%s", text);
    cr_expect(strstr(sar, "VALUE IN USD"));
    cr_expect(strstr(csv, "rule,unproven,usd_price,usd,schema\n") && strstr(csv, ",2,347200,tracer/trace-csv/1\n") &&
              strstr(csv, ",,,tracer/trace-csv/1\n"));
    prices_free(prices);
    free(text);
    free(sar);
    free(csv);
    text = print("text", NULL);
    cr_expect_null(strstr(text, "USD ="));
    cr_expect_null(strstr(text, "VALUE"));
    free(text);
}

Test(prices, a_value_below_a_cent_is_not_zero)
{
    struct prices *prices;
    struct error err;
    sample.hops[0].tainted = units("1");
    cr_assert_eq(read_text("date,asset,price\n2022-03-23,native,0.000000000000000001\n", &prices, &err), TRACER_OK);
    char *text = print("text", prices), *csv = print("csv", prices);
    cr_expect(strstr(text, "0.000000000000000001 ETH = < 0.01 USD"), "%s", text);
    cr_expect(strstr(csv, ",0.000000000000000001,0.000000000000000000000000000000000001,tracer/trace-csv/1\n"));
    prices_free(prices);
    free(text);
    free(csv);
}
