/* address.c - text forms of the names of a chain (taint-spec 2.1). */
#include "tracer/address.h"

#include "tracer/hex.h"

#include <inttypes.h>
#include <stdio.h>

/* "ronin:" in any case (facts: Ronin wallets print it instead of "0x"). */
static bool is_ronin_prefix(const char *text)
{
    static const char prefix[] = "ronin:";
    for (size_t i = 0; i < sizeof(prefix) - 1; i++)
        if ((text[i] | 0x20) != (prefix[i] | 0x20))
            return false;
    return true;
}

bool address_parse(const char *text, size_t length, struct address *ret_address)
{
    if (length == 42)
        return hex_decode_0x(text, length, ret_address->bytes, sizeof(ret_address->bytes));
    if (length == 46 && is_ronin_prefix(text))
        return hex_decode(text + 6, 40, ret_address->bytes, sizeof(ret_address->bytes));
    return false;
}

void address_format(struct address address, char to[static ADDRESS_TEXT_SIZE])
{
    to[0] = '0';
    to[1] = 'x';
    hex_encode(address.bytes, sizeof(address.bytes), to + 2);
}

bool hash_parse(const char *text, size_t length, struct hash *ret_hash)
{
    return hex_decode_0x(text, length, ret_hash->bytes, sizeof(ret_hash->bytes));
}

void hash_format(struct hash hash, char to[static HASH_TEXT_SIZE])
{
    to[0] = '0';
    to[1] = 'x';
    hex_encode(hash.bytes, sizeof(hash.bytes), to + 2);
}

bool asset_parse(const char *text, size_t length, struct asset *ret_asset)
{
    struct asset asset = {0};
    if (length == 6 && memcmp(text, "native", 6) == 0) {
        *ret_asset = asset;
        return true;
    }
    if (length < 42 || !hex_decode_0x(text, 42, asset.contract.bytes, sizeof(asset.contract.bytes)))
        return false;
    asset.kind = ASSET_TOKEN;
    if (length > 42) {
        if (text[42] != '/' || !u256_parse_decimal(text + 43, length - 43, &asset.id))
            return false;
        asset.kind = ASSET_ITEM;
    }
    *ret_asset = asset;
    return true;
}

size_t asset_format(struct asset asset, char to[static ASSET_TEXT_SIZE])
{
    if (asset.kind == ASSET_NATIVE) {
        memcpy(to, "native", 7);
        return 6;
    }
    address_format(asset.contract, to);
    if (asset.kind == ASSET_TOKEN)
        return ADDRESS_TEXT_SIZE - 1;
    to[42] = '/';
    return 43 + u256_format_decimal(asset.id, to + 43);
}

bool asset_equal(const struct asset *a, const struct asset *b)
{
    return a->kind == b->kind && address_equal(a->contract, b->contract) && u256_equal(a->id, b->id);
}

int asset_compare(const struct asset *a, const struct asset *b)
{
    /* "native" sorts behind every "0x..."; "contract" before "contract/id"; ids sort as decimal text. */
    bool native_a = a->kind == ASSET_NATIVE, native_b = b->kind == ASSET_NATIVE;
    if (native_a || native_b)
        return (int)native_a - (int)native_b;
    int order = address_compare(a->contract, b->contract);
    if (order)
        return order;
    if (a->kind != ASSET_ITEM || b->kind != ASSET_ITEM)
        return (int)(a->kind == ASSET_ITEM) - (int)(b->kind == ASSET_ITEM);
    char text_a[U256_DECIMAL_MAX], text_b[U256_DECIMAL_MAX];
    u256_format_decimal(a->id, text_a);
    u256_format_decimal(b->id, text_b);
    return strcmp(text_a, text_b);
}

size_t position_format(struct position position, char to[static POSITION_TEXT_SIZE])
{
    int length = snprintf(to, POSITION_TEXT_SIZE, "%" PRIu64 ":%" PRId32 ":%" PRIu32, position.block_number,
                          position.transaction_index, position.index);
    return (size_t)length;
}

/* Digits up to `stop` (or the end), without leading zeros, at most `max`. */
static bool take_number(const char **text, const char *end, char stop, uint64_t max, uint64_t *ret_value)
{
    const char *start = *text;
    uint64_t value = 0;
    while (*text < end && **text != stop) {
        if (**text < '0' || **text > '9' || value > (max - (uint64_t)(**text - '0')) / 10)
            return false;
        value = value * 10 + (uint64_t)(**text - '0');
        (*text)++;
    }
    if (*text == start || (*start == '0' && *text - start > 1) || value > max)
        return false;
    *ret_value = value;
    return true;
}

bool position_parse(const char *text, size_t length, struct position *ret_position)
{
    const char *at = text, *end = text + length;
    uint64_t block_number, transaction_index = 0, index;
    bool before = false;
    if (!take_number(&at, end, ':', INT64_MAX, &block_number) || at == end)
        return false;
    at++;
    if (end - at >= 3 && at[0] == '-' && at[1] == '1' && at[2] == ':') {
        before = true;
        at += 2;
    } else if (!take_number(&at, end, ':', INT32_MAX, &transaction_index) || at == end) {
        return false;
    }
    at++;
    if (!take_number(&at, end, '\0', INT32_MAX, &index) || at != end)
        return false;
    *ret_position = (struct position){block_number, before ? TRANSACTION_BEFORE : (int32_t)transaction_index,
                                      (uint32_t)index};
    return true;
}
