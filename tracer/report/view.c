/* view.c - names, amounts and shares as text. All integers: nothing here is rounded but shares, and these
 * downwards. */
#include "view.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define DECIMALS_MAX (77u + PRICE_DECIMALS) /* taint-spec 2.4, and those of a price */

struct view view_of_trace(const struct trace_result *result)
{
    return (struct view){&result->head, result->accounts, result->account_count, result->assets,
                         result->asset_count};
}

struct view view_of_check(const struct check_result *result)
{
    return (struct view){&result->head, result->accounts, result->account_count, result->assets,
                         result->asset_count};
}

const struct result_asset *view_asset(const struct view *view, uint32_t asset)
{
    assert(asset < view->asset_count);
    return &view->assets[asset];
}

const struct result_account *view_account(const struct view *view, uint32_t account)
{
    if (account == RESULT_NONE)
        return NULL;
    assert(account < view->account_count);
    return &view->accounts[account];
}

void report_amount(struct u320 amount, uint32_t decimals, char to[static AMOUNT_TEXT_SIZE])
{
    char digits[U320_DECIMAL_MAX + DECIMALS_MAX + 1];
    char plain[U320_DECIMAL_MAX];
    assert(decimals <= DECIMALS_MAX);
    size_t length = u320_format_decimal(amount, plain),
           zeros = length <= decimals ? decimals + 1 - length : 0, at = 0;
    memset(digits, '0', zeros);
    memcpy(digits + zeros, plain, length + 1);
    length += zeros;
    size_t whole = length - decimals;
    for (size_t i = 0; i < whole; i++) {
        to[at++] = digits[i];
        if ((whole - i) % 3 == 1 && i + 1 < whole)
            to[at++] = ',';
    }
    while (length > whole && digits[length - 1] == '0')
        length--;
    if (length > whole) {
        to[at++] = '.';
        memcpy(to + at, digits + whole, length - whole);
        at += length - whole;
    }
    to[at] = '\0';
}

void view_amount(const struct view *view, uint32_t asset, struct u320 amount,
                 char to[static AMOUNT_TEXT_SIZE])
{
    report_amount(amount, view_asset(view, asset)->decimals, to);
}

void name_shown(const char *name, char to[static NAME_SHOWN_SIZE])
{
    shown_text(to, NAME_SHOWN_SIZE, name, strlen(name));
}

void view_asset_name(const struct view *view, uint32_t asset, char to[static ASSET_SHOWN_SIZE])
{
    const struct result_asset *shown = view_asset(view, asset);
    char symbol[NAME_SHOWN_SIZE], text[ASSET_TEXT_SIZE];
    name_shown(shown->symbol, symbol);
    asset_format(shown->asset, text);
    if (symbol[0] && (shown->recognised || shown->asset.kind == ASSET_NATIVE))
        snprintf(to, ASSET_SHOWN_SIZE, "%s", symbol);
    else if (symbol[0])
        snprintf(to, ASSET_SHOWN_SIZE, "\"%s\" %s", symbol, text);
    else
        snprintf(to, ASSET_SHOWN_SIZE, "%s", text);
}

static void tenths_text(uint64_t tenths, bool any, char to[static SHARE_TEXT_SIZE])
{
    if (any && tenths == 0)
        snprintf(to, SHARE_TEXT_SIZE, "< 0.1 %%");
    else
        snprintf(to, SHARE_TEXT_SIZE, "%" PRIu64 ".%" PRIu64 " %%", tenths / 10, tenths % 10);
}

/* Sums above 2^256 lose 64 bits on both sides: a share has four digits. */
static struct u256 upper(struct u320 value, bool wide)
{
    struct u256 result;
    for (int i = 0; i < 4; i++)
        result.limb[i] = value.limb[wide ? i + 1 : i];
    return result;
}

void share_text(struct u320 part, struct u320 whole, char to[static SHARE_TEXT_SIZE])
{
    struct u256 tenths;
    bool wide = whole.limb[4] != 0 || part.limb[4] != 0;
    struct u256 divisor = upper(whole, wide);
    if (u256_is_zero(divisor) || !u256_mul_div(upper(part, wide), u256_from_u64(1000), divisor, &tenths) ||
        !u256_fits_u64(tenths)) {
        snprintf(to, SHARE_TEXT_SIZE, "-");
        return;
    }
    tenths_text(tenths.limb[0], !u320_is_zero(part), to);
}

void ppm_text(uint64_t ppm, char to[static SHARE_TEXT_SIZE])
{
    tenths_text(ppm / 1000, ppm > 0, to);
}

void address_short(struct address address, char to[static SHORT_TEXT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    snprintf(to, SHORT_TEXT_SIZE, "%.8s..%.4s", text, text + 38);
}

void hash_short(struct hash hash, char to[static SHORT_TEXT_SIZE])
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    snprintf(to, SHORT_TEXT_SIZE, "%.8s..%.6s", text, text + 60);
}

const char *check_what_name(enum check_what what)
{
    return what == CHECK_CARRIED ? "carried" : what == CHECK_RECEIVED ? "received" : "holds";
}

struct u320 total_came_in(const struct result_total *total)
{
    struct u320 sum = total->seeded;
    u320_add_u320(&sum, total->emitted);
    u320_add_u320(&sum, total->converted_in);
    return sum;
}

bool total_is_balanced(const struct result_total *total)
{
    struct u320 sum = {{0}};
    for (int place = 0; place < PLACE_IS_COUNT; place++)
        u320_add_u320(&sum, total->places[place]);
    return u320_compare(sum, total_came_in(total)) == 0;
}

enum tracer_status stream_done(FILE *stream, struct error *err)
{
    errno = 0;
    if (fflush(stream) == 0 && !ferror(stream))
        return TRACER_OK;
    return error_set(err, TRACER_E_IO, "writing the report failed (%s)",
                     errno ? strerror(errno) : "output error");
}

void view_tainted(const struct view *view, uint32_t asset, struct u320 amount, struct u320 unproven, char to[static AMOUNT_TEXT_SIZE])
{
    view_amount(view, asset, amount, to);
    size_t length = strlen(to);
    if (!u320_is_zero(unproven))
        snprintf(to + length, AMOUNT_TEXT_SIZE - length, "?");
}

struct u320 total_unproven(const struct result_total *total)
{
    struct u320 sum = {{0}};
    for (int place = 0; place < PLACE_IS_COUNT; place++)
        u320_add_u320(&sum, total->unproven[place]);
    return sum;
}
