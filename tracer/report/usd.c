/* usd.c - see usd.h. */
#include "usd.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <string.h>

void usd_exact(struct u320 value, uint32_t decimals, char to[static USD_TEXT_SIZE])
{
    char text[AMOUNT_TEXT_SIZE], *at = to;
    report_amount(value, decimals + PRICE_DECIMALS, text);
    for (const char *from = text; *from; from++)
        if (*from != ',')
            *at++ = *from;
    *at = '\0';
}

static bool power_of_ten(uint32_t exponent, struct u320 *ret_power)
{
    *ret_power = (struct u320){{1}};
    for (uint32_t i = 0; i < exponent; i++)
        if (!u320_mul_div(*ret_power, (struct u320){{10}}, (struct u320){{1}}, ret_power))
            return false;
    return true;
}

void usd_cents(struct u320 value, uint32_t decimals, char to[static USD_TEXT_SIZE])
{
    struct u320 power, cents, whole, cents_of_whole;
    char text[AMOUNT_TEXT_SIZE];
    if (!power_of_ten(decimals + PRICE_DECIMALS - 2, &power) ||
        !u320_mul_div(value, (struct u320){{1}}, power, &cents) ||
        !u320_mul_div(cents, (struct u320){{1}}, (struct u320){{100}}, &whole) ||
        !u320_mul_div(whole, (struct u320){{100}}, (struct u320){{1}}, &cents_of_whole)) {
        usd_exact(value, decimals, to);
        return;
    }
    if (u320_is_zero(cents) && !u320_is_zero(value)) {
        snprintf(to, USD_TEXT_SIZE, "< 0.01");
        return;
    }
    u320_sub_u320(&cents, cents_of_whole);
    report_amount(whole, 0, text);
    snprintf(to, USD_TEXT_SIZE, "%s.%02" PRIu64, text, cents.limb[0]);
}

/* A sum over assets, in units of 10^-(most + PRICE_DECIMALS) USD. */
struct sum {
    struct u320 value;
    uint32_t most;
    size_t without; /* parts that have no value */
    bool any;
};

static void sum_add(struct sum *sum, struct u320 value, uint32_t decimals)
{
    struct u320 power, scaled;
    if (!power_of_ten(sum->most - decimals, &power) ||
        !u320_mul_div(value, power, (struct u320){{1}}, &scaled) || scaled.limb[4]) {
        sum->without++;
        return;
    }
    u320_add_u320(&sum->value, scaled);
    sum->any = true;
}

static struct sum sum_of_assets(const struct view *view)
{
    struct sum sum = {0};
    for (uint32_t i = 0; i < view->asset_count; i++)
        if (view_asset(view, i)->decimals > sum.most)
            sum.most = view_asset(view, i)->decimals;
    return sum;
}

static void put_line(const struct text *text, const char *source, const char *what, uint32_t asset,
                     struct u320 amount, const char *value)
{
    char shown[AMOUNT_TEXT_SIZE], name[ASSET_SHOWN_SIZE];
    view_amount(&text->view, asset, amount, shown);
    view_asset_name(&text->view, asset, name);
    text_wrap_printf(text, "    - ", "%s%s%s: %s %s = %s", source, *what ? ", " : "", what, shown, name,
                     value);
}

static void put_sum(const struct text *text, const char *source, const struct sum *sum)
{
    char value[USD_TEXT_SIZE];
    if (!sum->any)
        return;
    usd_cents(sum->value, sum->most, value);
    if (sum->without)
        text_wrap_printf(text, "    - ",
                         "%s, sum of what has a price: %s USD; %zu of the lines above have none or not "
                         "for all",
                         source, value, sum->without);
    else
        text_wrap_printf(text, "    - ", "%s, sum: %s USD", source, value);
}

/* Hop 0 of a source and asset: units, how many transfers, and those with a price. */
static void put_stolen(const struct text *text, const struct trace_result *result,
                       const struct prices *prices, uint32_t source, struct sum *sum)
{
    for (uint32_t asset = 0; asset < text->view.asset_count; asset++) {
        const struct result_asset *known = view_asset(&text->view, asset);
        struct u320 amount = {{0}}, value = {{0}}, price, part;
        size_t count = 0, priced = 0;
        char shown[USD_TEXT_SIZE], words[USD_TEXT_SIZE + 96];
        for (size_t i = 0; i < result->hop_count; i++) {
            const struct result_hop *hop = &result->hops[i];
            if (hop->source != source || hop->asset != asset || hop->hop != 0)
                continue;
            count++;
            u320_add(&amount, hop->tainted);
            if (!prices_find(prices, &known->asset, hop->time, &price) ||
                !prices_value(u320_from_u256(hop->tainted), price, &part))
                continue;
            priced++;
            u320_add_u320(&value, part);
        }
        if (!count)
            continue;
        usd_cents(value, known->decimals, shown);
        if (priced == count)
            snprintf(words, sizeof(words), "%s USD", shown);
        else if (priced)
            snprintf(words, sizeof(words), "%s USD and more: %zu of %zu transfers have no price", shown,
                     count - priced, count);
        else
            snprintf(words, sizeof(words), "no price");
        put_line(text, result->sources[source], "", asset, amount, words);
        if (priced)
            sum_add(sum, value, known->decimals);
        sum->without += priced != count;
    }
}

static void put_now(const struct text *text, const struct trace_result *result, const struct prices *prices,
                    uint32_t source, struct sum *sum)
{
    for (size_t i = 0; i < result->total_count; i++) {
        const struct result_total *total = &result->totals[i];
        const struct result_asset *known = view_asset(&text->view, total->asset);
        for (int place = 0; place < PLACE_IS_COUNT && total->source == source; place++) {
            struct u320 price, value;
            char shown[USD_TEXT_SIZE], words[USD_TEXT_SIZE + 8] = "no price";
            if (u320_is_zero(total->places[place]) || place == PLACE_IS_CONVERTED ||
                place == PLACE_IS_RETAGGED)
                continue; /* counted where it went */
            if (prices_find(prices, &known->asset, result->head.last_time, &price) &&
                prices_value(total->places[place], price, &value)) {
                usd_cents(value, known->decimals, shown);
                snprintf(words, sizeof(words), "%s USD", shown);
                sum_add(sum, value, known->decimals);
            } else {
                sum->without++;
            }
            put_line(text, result->sources[source], place_words((enum place)place), total->asset,
                     total->places[place], words);
        }
    }
}

void text_value(const struct text *text, const struct trace_result *result, const struct prices *prices)
{
    char name[256], last[32];
    shown_text(name, sizeof(name), prices_name(prices), strlen(prices_name(prices)));
    clock_format_utc(result->head.last_time, last);
    text_heading(text, "VALUE IN USD (rounded down to the cent)");
    text_wrap_printf(
        text, "  ",
        "Prices are those of the user's file %s, sha256 %s; what it has no price for has no value here.",
        name, prices_sha256(prices));
    text_wrap(text, "  ", "Stolen, at the price of the day (UTC) of each transfer:");
    for (uint32_t source = 0; source < result->source_count; source++) {
        struct sum sum = sum_of_assets(&text->view);
        put_stolen(text, result, prices, source, &sum);
        put_sum(text, result->sources[source], &sum);
    }
    if (!result->total_count)
        return;
    if (result->head.last_time)
        text_wrap_printf(text, "  ", "Where it is now, at the prices of %.10s:", last);
    else
        text_wrap(text, "  ", "Where it is now (the day is not known):");
    for (uint32_t source = 0; source < result->source_count; source++) {
        struct sum sum = sum_of_assets(&text->view);
        put_now(text, result, prices, source, &sum);
        put_sum(text, result->sources[source], &sum);
    }
}
