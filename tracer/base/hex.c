/* hex.c - see tracer/hex.h. */
#include "tracer/hex.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

#if defined(__SSE2__)
/* 16 digits at once. */
static bool decode_eight(const char *text, uint8_t to[static 8])
{
    const __m128i nine = _mm_set1_epi8(9), five = _mm_set1_epi8(5), ten = _mm_set1_epi8(10);
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    __m128i letter = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8('a' - 'A')), _mm_set1_epi8('a'));
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, nine), digit), is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, five), letter);
    if (_mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)) != 0xffff)
        return false;
    __m128i values = _mm_or_si128(_mm_and_si128(digit, is_digit), _mm_and_si128(_mm_add_epi8(letter, ten), is_letter));
    /* the first digit of a pair is the lower byte of its 16 bits, and the higher half of the byte that they give */
    __m128i pairs = _mm_and_si128(_mm_or_si128(_mm_slli_epi16(values, 4), _mm_srli_epi16(values, 8)), _mm_set1_epi16(0xff));
    _mm_storel_epi64((__m128i *)(void *)to, _mm_packus_epi16(pairs, pairs));
    return true;
}
#endif

bool hex_decode(const char *text, size_t length, uint8_t *to, size_t size)
{
    if (length / 2 != size || length % 2 != 0)
        return false;
    size_t i = 0;
#if defined(__SSE2__)
    for (; size - i >= 8; i += 8)
        if (!decode_eight(text + 2 * i, to + i))
            return false;
#endif
    for (; i < size; i++) {
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
