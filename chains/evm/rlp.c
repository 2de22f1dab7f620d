/* rlp.c - see rlp.h. */
#include "rlp.h"

#include <string.h>

#include "tracer/hex.h"

#define STRING 0x80u
#define LIST 0xc0u
#define SHORT_MAX 55u /* payload bytes whose count fits the first byte */

/* ---- reading ---- */

/* The count of payload bytes that `count` bytes state; they must be needed. */
static bool read_length(const uint8_t *at, size_t count, size_t available, size_t *ret_length)
{
    size_t length = 0;
    if (count > available || count > sizeof length || at[0] == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        length = length << 8 | at[i];
    *ret_length = length;
    return length > SHORT_MAX;
}

bool rlp_next(struct bytes *rest, struct rlp_item *ret_item)
{
    if (rest->size == 0)
        return false;
    uint8_t first = rest->data[0];
    bool is_list = first >= LIST;
    if (first < STRING) {
        *ret_item = (struct rlp_item){{rest->data, 1}, false};
        *rest = (struct bytes){rest->data + 1, rest->size - 1};
        return true;
    }
    size_t head = 1, length = first - (is_list ? LIST : STRING);
    if (length > SHORT_MAX) {
        head += length - SHORT_MAX;
        if (!read_length(rest->data + 1, length - SHORT_MAX, rest->size - 1, &length))
            return false;
    }
    if (length > rest->size - head)
        return false;
    if (!is_list && length == 1 && rest->data[head] < STRING) /* it would stand for itself */
        return false;
    *ret_item = (struct rlp_item){{rest->data + head, length}, is_list};
    *rest = (struct bytes){rest->data + head + length, rest->size - head - length};
    return true;
}

bool rlp_valid(struct bytes text)
{
    struct bytes open[TRACER_RLP_DEPTH_MAX + 1] = {text}; /* what is left of each list around the place */
    struct rlp_item item;
    size_t depth = 0;
    if (!rlp_next(&text, &item) || text.size != 0)
        return false;
    for (;;) {
        while (open[depth].size == 0) {
            if (depth == 0)
                return true;
            depth--;
        }
        if (!rlp_next(&open[depth], &item))
            return false;
        if (!item.is_list)
            continue;
        if (depth == TRACER_RLP_DEPTH_MAX)
            return false;
        open[++depth] = item.payload;
    }
}

bool rlp_integer(const struct rlp_item *item, struct u256 *ret_value)
{
    struct bytes text = item->payload;
    if (item->is_list || text.size > 32 || (text.size > 0 && text.data[0] == 0))
        return false;
    *ret_value = u256_from_bytes(text.data, text.size);
    return true;
}

bool rlp_integer_u64(const struct rlp_item *item, uint64_t *ret_value)
{
    struct u256 value;
    if (!rlp_integer(item, &value) || !u256_fits_u64(value))
        return false;
    *ret_value = value.limb[0];
    return true;
}

bool rlp_fixed(const struct rlp_item *item, void *to, size_t size)
{
    if (item->is_list || item->payload.size != size)
        return false;
    memcpy(to, item->payload.data, size);
    return true;
}

/* ---- writing ---- */

/* The bytes before a payload of `length`; returns how many. */
static size_t format_head(uint8_t kind, size_t length, uint8_t to[static 9])
{
    if (length <= SHORT_MAX) {
        to[0] = (uint8_t)(kind + length);
        return 1;
    }
    size_t count = 0;
    for (size_t left = length; left > 0; left >>= 8)
        count++;
    to[0] = (uint8_t)(kind + SHORT_MAX + count);
    for (size_t i = 0; i < count; i++)
        to[1 + i] = (uint8_t)(length >> 8 * (count - 1 - i));
    return 1 + count;
}

void rlp_bytes(struct buffer *to, const void *data, size_t size)
{
    uint8_t head[9];
    if (size != 1 || *(const uint8_t *)data >= STRING)
        buffer_add(to, head, format_head(STRING, size, head));
    buffer_add(to, data, size);
}

void rlp_u256(struct buffer *to, struct u256 value)
{
    uint8_t bytes[32];
    unsigned count = u256_byte_count(value);
    u256_to_bytes(value, bytes);
    rlp_bytes(to, bytes + 32 - count, count);
}

void rlp_u64(struct buffer *to, uint64_t value)
{
    rlp_u256(to, u256_from_u64(value));
}

void rlp_digits(struct buffer *to, struct json_span digits)
{
    uint8_t head[9], only;
    size_t size = digits.length / 2;
    if (size == 1 && hex_decode(digits.text, 2, &only, 1)) {
        rlp_bytes(to, &only, 1);
        return;
    }
    buffer_add(to, head, format_head(STRING, size, head));
    char *at = buffer_reserve(to, size);
    if (at && hex_decode(digits.text, digits.length, (uint8_t *)at, size))
        to->size += size;
}

size_t rlp_list_begin(const struct buffer *to)
{
    return to->size;
}

void rlp_list_end(struct buffer *to, size_t begin)
{
    uint8_t head[9];
    if (!buffer_ok(to))
        return;
    size_t length = to->size - begin, size = format_head(LIST, length, head);
    if (!buffer_reserve(to, size))
        return;
    memmove(to->data + begin + size, to->data + begin, length);
    memcpy(to->data + begin, head, size);
    to->size += size;
}
