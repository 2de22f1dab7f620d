/* hex.c - see tracer/hex.h. */
#include "tracer/hex.h"

/* One past the value of each digit; 0: no digit. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

int hex_digit(char c)
{
    return (int)digit_values[(unsigned char)c] - 1;
}

bool hex_decode(const char *text, size_t length, uint8_t *to, size_t size)
{
    if (length / 2 != size || length % 2 != 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned high = digit_values[(unsigned char)text[2 * i]],
                 low = digit_values[(unsigned char)text[2 * i + 1]];
        if (high == 0 || low == 0)
            return false;
        to[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return true;
}

bool hex_decode_0x(const char *text, size_t length, uint8_t *to, size_t size)
{
    return length >= 2 && text[0] == '0' && text[1] == 'x' && hex_decode(text + 2, length - 2, to, size);
}

void hex_encode(const uint8_t *from, size_t size, char *to)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * size] = 0;
}

bool hex_quantity_u64(const char *text, size_t length, uint64_t *ret_value)
{
    if (length < 3 || length > 18 || text[0] != '0' || text[1] != 'x' || (text[2] == '0' && length > 3))
        return false;
    uint64_t value = 0;
    for (size_t i = 2; i < length; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *ret_value = value;
    return true;
}
