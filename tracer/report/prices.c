/* prices.c - see tracer/prices.h. */
#include "tracer/prices.h"

#include "tracer/clock.h"
#include "tracer/csv.h"
#include "tracer/digest.h"
#include "tracer/file.h"
#include "tracer/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400u
#define WHOLE_DIGITS_MAX 20u

struct price {
    struct asset asset;
    uint64_t day; /* since 1970-01-01 */
    struct u256 price;
};
struct prices {
    struct price *items; /* by asset, day */
    size_t count, capacity;
    char *name;
    char sha256[65];
};

static int order(const void *a, const void *b)
{
    const struct price *x = a, *y = b;
    int found = asset_compare(&x->asset, &y->asset);
    return found ? found : x->day < y->day ? -1 : x->day > y->day;
}

/* "3012.45": digits, perhaps a point and more digits; no sign, exponent or separators. */
static bool parse_price(struct csv_field field, struct u256 *ret_price)
{
    char digits[WHOLE_DIGITS_MAX + PRICE_DECIMALS + 1];
    const char *point = field.length ? memchr(field.text, '.', field.length) : NULL;
    size_t whole = point ? (size_t)(point - field.text) : field.length;
    size_t fraction = point ? field.length - whole - 1 : 0, at = 0;
    if (whole == 0 || whole > WHOLE_DIGITS_MAX || (point && fraction == 0) || fraction > PRICE_DECIMALS ||
        (whole > 1 && field.text[0] == '0'))
        return false;
    memcpy(digits, field.text, whole);
    if (fraction)
        memcpy(digits + whole, point + 1, fraction);
    memset(digits + whole + fraction, '0', PRICE_DECIMALS - fraction);
    while (at + 1 < whole + PRICE_DECIMALS && digits[at] == '0')
        at++;
    return u256_parse_decimal(digits + at, whole + PRICE_DECIMALS - at, ret_price);
}

static enum tracer_status add_row(struct prices *prices, const struct csv *csv,
                                  const struct csv_field *fields, struct error *err)
{
    struct price price;
    uint64_t time;
    if (fields[0].length != 10 || !clock_parse_utc(fields[0].text, 10, &time))
        return csv_error(csv, 0, err, "is not a date (YYYY-MM-DD)");
    if (!asset_parse(fields[1].text, fields[1].length, &price.asset))
        return csv_error(csv, 1, err, "is not an asset (native, a contract, contract/id)");
    if (!parse_price(fields[2], &price.price))
        return csv_error(csv, 2, err,
                         "is not a price in USD (digits, at most 20 before the point and 18 behind it)");
    price.day = time / DAY;
    if (prices->count == TRACER_PRICES_MAX)
        return csv_error(csv, 0, err, "is beyond the limit of %u prices", TRACER_PRICES_MAX);
    if (prices->count == prices->capacity) {
        size_t capacity = prices->capacity ? prices->capacity * 2 : 256;
        struct price *items = realloc(prices->items, capacity * sizeof(*items));
        if (!items)
            return error_set(err, TRACER_E_NOMEM, "no memory for the prices");
        prices->items = items;
        prices->capacity = capacity;
    }
    prices->items[prices->count++] = price;
    return TRACER_OK;
}

static enum tracer_status check_doubles(const struct prices *prices, const char *path, struct error *err)
{
    for (size_t i = 1; i < prices->count; i++)
        if (order(&prices->items[i - 1], &prices->items[i]) == 0) {
            char asset[ASSET_TEXT_SIZE], date[32];
            asset_format(prices->items[i].asset, asset);
            clock_format_utc(prices->items[i].day * DAY, date);
            return error_set(err, TRACER_E_USAGE, "%s: %s has two prices on %.10s", path, asset, date);
        }
    return TRACER_OK;
}

static enum tracer_status read_rows(struct prices *prices, const char *path, const struct buffer *bytes,
                                    struct error *err)
{
    static const char *const columns[] = {"date", "asset", "price"};
    struct csv_field fields[3];
    struct csv *csv;
    enum tracer_status status =
        csv_open_memory(path, bytes->data ? bytes->data : "", bytes->size, ',', columns, 3, 3, &csv, err);
    if (status)
        return status;
    while (!(status = csv_next(csv, fields, err)) && !(status = add_row(prices, csv, fields, err)))
        ;
    csv_close(csv);
    if (status != TRACER_E_NOT_FOUND)
        return status;
    if (prices->count)
        qsort(prices->items, prices->count, sizeof(*prices->items), order);
    return check_doubles(prices, path, err);
}

enum tracer_status prices_read(const char *path, struct prices **ret_prices, struct error *err)
{
    struct buffer bytes;
    const char *slash = strrchr(path, '/');
    struct prices *prices = calloc(1, sizeof(*prices));
    if (prices)
        prices->name = strdup(slash ? slash + 1 : path);
    if (!prices || !prices->name) {
        prices_free(prices);
        return error_set(err, TRACER_E_NOMEM, "no memory for the prices");
    }
    buffer_init(&bytes, TRACER_PRICES_BYTES_MAX + 1);
    enum tracer_status status = file_read(path, TRACER_PRICES_BYTES_MAX, &bytes, err);
    if (!status) {
        digest_format(digest_bytes(bytes.data, bytes.size), prices->sha256);
        status = read_rows(prices, path, &bytes, err);
    }
    buffer_release(&bytes);
    if (status)
        prices_free(prices);
    else
        *ret_prices = prices;
    return status;
}

void prices_free(struct prices *prices)
{
    if (!prices)
        return;
    free(prices->items);
    free(prices->name);
    free(prices);
}

const char *prices_name(const struct prices *prices)
{
    return prices->name;
}

const char *prices_sha256(const struct prices *prices)
{
    return prices->sha256;
}

bool prices_find(const struct prices *prices, const struct asset *asset, uint64_t time,
                 struct u320 *ret_price)
{
    struct price wanted = {.asset = *asset, .day = time / DAY};
    const struct price *found = NULL;
    if (prices->count && time) /* 0: not known */
        found = bsearch(&wanted, prices->items, prices->count, sizeof(wanted), order);
    if (found)
        *ret_price = u320_from_u256(found->price);
    return found != NULL;
}

bool prices_value(struct u320 amount, struct u320 price, struct u320 *ret_value)
{
    struct u320 value;
    if (!u320_mul_div(amount, price, (struct u320){{1}}, &value) || value.limb[4])
        return false;
    *ret_value = value;
    return true;
}
