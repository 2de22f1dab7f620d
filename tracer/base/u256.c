/* u256.c - see tracer/u256.h. Division is Knuth's algorithm D (TAOCP 4.3.1) on 64-bit limbs. */
#include "tracer/u256.h"

#include "tracer/hex.h"

#include <assert.h>
#include <string.h>

typedef unsigned __int128 u128;

struct u512 u256_mul(struct u256 a, struct u256 b)
{
    struct u512 product = {{0}};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            u128 sum = (u128)a.limb[i] * b.limb[j] + product.limb[i + j] + carry;
            product.limb[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        product.limb[i + 4] = carry;
    }
    return product;
}

static int limb_count(const uint64_t *limbs, int count)
{
    while (count > 0 && limbs[count - 1] == 0)
        count--;
    return count;
}

/* quotient[0..n) and the remainder of value[0..n) by one limb; returns the remainder. */
static uint64_t divide_short(const uint64_t *value, int count, uint64_t divisor, uint64_t *quotient)
{
    u128 rest = 0;
    for (int i = count; i-- > 0;) {
        rest = rest << 64 | value[i];
        quotient[i] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint64_t)rest;
}

/* One digit of the quotient at `j`: estimate from the two highest limbs, subtract, add back if too large. */
static uint64_t divide_digit(uint64_t *u, const uint64_t *v, int n)
{
    u128 top = (u128)u[n] << 64 | u[n - 1], estimate, rest;
    if (u[n] >= v[n - 1]) {
        estimate = UINT64_MAX;
        rest = top - estimate * v[n - 1];
    } else {
        estimate = top / v[n - 1];
        rest = top % v[n - 1];
    }
    while (rest >> 64 == 0 && (u128)(uint64_t)estimate * v[n - 2] > (rest << 64 | u[n - 2])) {
        estimate--;
        rest += v[n - 1];
    }
    uint64_t digit = (uint64_t)estimate, carry = 0, borrow = 0;
    for (int i = 0; i < n; i++) {
        u128 product = (u128)digit * v[i] + carry;
        carry = (uint64_t)(product >> 64);
        u128 difference = (u128)u[i] - (uint64_t)product - borrow;
        u[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    u128 difference = (u128)u[n] - carry - borrow;
    u[n] = (uint64_t)difference;
    if (!((uint64_t)(difference >> 64) & 1))
        return digit;
    u128 sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (u128)u[i] + v[i];
        u[i] = (uint64_t)sum;
        sum >>= 64;
    }
    u[n] += (uint64_t)sum;
    return digit - 1;
}

/* value[0..m) / divisor[0..n) with n >= 1 significant limbs; m, n at most 10 and 5. quotient[10] and
 * remainder[5] are filled with zeros above. */
static void divide(const uint64_t *value, int m, const uint64_t *divisor, int n, uint64_t *quotient,
                   uint64_t *remainder)
{
    uint64_t u[11] = {0}, v[5];
    memset(quotient, 0, 10 * sizeof(*quotient));
    memset(remainder, 0, 5 * sizeof(*remainder));
    m = limb_count(value, m);
    n = limb_count(divisor, n);
    assert(n > 0);
    if (n == 1) {
        remainder[0] = divide_short(value, m, divisor[0], quotient);
        return;
    }
    if (m < n) {
        memcpy(remainder, value, (size_t)m * sizeof(*value));
        return;
    }
    int shift = __builtin_clzll(divisor[n - 1]);
    for (int i = n; i-- > 0;)
        v[i] = divisor[i] << shift | (shift && i ? divisor[i - 1] >> (64 - shift) : 0);
    u[m] = shift ? value[m - 1] >> (64 - shift) : 0;
    for (int i = m; i-- > 0;)
        u[i] = value[i] << shift | (shift && i ? value[i - 1] >> (64 - shift) : 0);
    for (int j = m - n; j >= 0; j--)
        quotient[j] = divide_digit(u + j, v, n);
    for (int i = 0; i < n; i++)
        remainder[i] = u[i] >> shift | (shift ? u[i + 1] << (64 - shift) : 0);
}

bool u512_div(struct u512 a, struct u256 b, struct u256 *ret_quotient, struct u256 *ret_remainder)
{
    uint64_t quotient[10], remainder[5];
    divide(a.limb, 8, b.limb, 4, quotient, remainder);
    if (ret_remainder)
        memcpy(ret_remainder->limb, remainder, sizeof(ret_remainder->limb));
    memcpy(ret_quotient->limb, quotient, sizeof(ret_quotient->limb));
    return limb_count(quotient, 10) <= 4;
}

/* product[10] = a[5] * b[5] */
static void multiply_320(const uint64_t *a, const uint64_t *b, uint64_t *product)
{
    memset(product, 0, 10 * sizeof(*product));
    for (int i = 0; i < 5; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 5; j++) {
            u128 sum = (u128)a[i] * b[j] + product[i + j] + carry;
            product[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        product[i + 5] = carry;
    }
}

bool u320_mul_div(struct u320 a, struct u320 b, struct u320 c, struct u320 *ret_quotient)
{
    uint64_t product[10], quotient[10], remainder[5];
    multiply_320(a.limb, b.limb, product);
    divide(product, 10, c.limb, 5, quotient, remainder);
    memcpy(ret_quotient->limb, quotient, sizeof(ret_quotient->limb));
    return limb_count(quotient, 10) <= 5;
}

int u320_compare_products(struct u320 a, struct u320 b, struct u320 c, struct u320 d)
{
    uint64_t left[10], right[10];
    multiply_320(a.limb, b.limb, left);
    multiply_320(c.limb, d.limb, right);
    for (int i = 9; i >= 0; i--)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

bool u256_mul_div(struct u256 a, struct u256 b, struct u256 c, struct u256 *ret_quotient)
{
    if ((a.limb[1] | a.limb[2] | a.limb[3] | b.limb[1] | b.limb[2] | b.limb[3] | c.limb[1] | c.limb[2] |
         c.limb[3]) == 0) {
        u128 quotient = (u128)a.limb[0] * b.limb[0] / c.limb[0];
        *ret_quotient = (struct u256){{(uint64_t)quotient, (uint64_t)(quotient >> 64), 0, 0}};
        return true;
    }
    return u512_div(u256_mul(a, b), c, ret_quotient, NULL);
}

u128 u128_mul_div(u128 a, u128 b, u128 c)
{
    uint64_t u[4], quotient[4], v[2] = {(uint64_t)c, (uint64_t)(c >> 64)};
    assert(c && a <= c);
    u128 low = (u128)(uint64_t)a * (uint64_t)b, middle = (a >> 64) * (uint64_t)b + (low >> 64);
    u128 other = (uint64_t)a * (b >> 64) + (uint64_t)middle, high = (a >> 64) * (b >> 64) + (middle >> 64) + (other >> 64);
    if (v[1] == 0) { /* a is below 2^64, too */
        divide_short((uint64_t[]){(uint64_t)low, (uint64_t)other, (uint64_t)high}, 3, v[0], quotient);
        return (u128)quotient[1] << 64 | quotient[0];
    }
    int shift = __builtin_clzll(v[1]);
    c <<= shift;
    u128 rest = (other << 64 | (uint64_t)low) << shift;
    if (shift)
        high = high << shift | (uint64_t)other >> (64 - shift);
    v[0] = (uint64_t)c, v[1] = (uint64_t)(c >> 64);
    u[0] = (uint64_t)rest, u[1] = (uint64_t)(rest >> 64), u[2] = (uint64_t)high, u[3] = (uint64_t)(high >> 64);
    uint64_t digit = divide_digit(u + 1, v, 2); /* there are two: the quotient is at most b */
    return (u128)digit << 64 | divide_digit(u, v, 2);
}

void u320_add_u320(struct u320 *sum, struct u320 value)
{
    u128 carry = 0;
    for (int i = 0; i < 5; i++) {
        carry += (u128)sum->limb[i] + value.limb[i];
        sum->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    assert(carry == 0);
}

void u320_add(struct u320 *sum, struct u256 value)
{
    u320_add_u320(sum, u320_from_u256(value));
}

void u320_sub(struct u320 *sum, struct u256 value)
{
    u320_sub_u320(sum, u320_from_u256(value));
}

void u320_sub_u320(struct u320 *sum, struct u320 other)
{
    u128 borrow = 0;
    for (int i = 0; i < 5; i++) {
        u128 difference = (u128)sum->limb[i] - other.limb[i] - borrow;
        sum->limb[i] = (uint64_t)difference;
        borrow = difference >> 64 & 1;
    }
    assert(borrow == 0);
}

int u320_compare(struct u320 a, struct u320 b)
{
    for (int i = 4; i >= 0; i--)
        if (a.limb[i] != b.limb[i])
            return a.limb[i] < b.limb[i] ? -1 : 1;
    return 0;
}

bool u320_is_zero(struct u320 a)
{
    return (a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3] | a.limb[4]) == 0;
}

bool u256_parse_decimal(const char *text, size_t length, struct u256 *ret_value)
{
    if (length == 0 || length > 78 || (text[0] == '0' && length > 1))
        return false;
    struct u256 value = {{0}};
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        u128 carry = (u128)(uint64_t)(text[i] - '0');
        for (int limb = 0; limb < 4; limb++) {
            carry += (u128)value.limb[limb] * 10;
            value.limb[limb] = (uint64_t)carry;
            carry >>= 64;
        }
        if (carry)
            return false;
    }
    *ret_value = value;
    return true;
}

bool u256_parse_quantity(const char *text, size_t length, struct u256 *ret_value)
{
    if (length < 3 || length > 66 || text[0] != '0' || text[1] != 'x' || (text[2] == '0' && length > 3))
        return false;
    struct u256 value = {{0}};
    for (size_t i = 2; i < length; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        for (int limb = 3; limb > 0; limb--)
            value.limb[limb] = value.limb[limb] << 4 | value.limb[limb - 1] >> 60;
        value.limb[0] = value.limb[0] << 4 | (uint64_t)digit;
    }
    *ret_value = value;
    return true;
}

/* Decimal digits of value[0..count), which is destroyed. */
static size_t format_decimal(uint64_t *value, int count, char *to, size_t size)
{
    char digits[U320_DECIMAL_MAX];
    size_t at = sizeof(digits);
    count = limb_count(value, count);
    while (count > 0) {
        uint64_t rest = divide_short(value, count, 10000000000000000000u, value);
        count = limb_count(value, count);
        for (int i = 0; i < 19 && (rest || count); i++, rest /= 10)
            digits[--at] = (char)('0' + rest % 10);
    }
    if (at == sizeof(digits))
        digits[--at] = '0';
    size_t length = sizeof(digits) - at;
    assert(length < size);
    memcpy(to, digits + at, length);
    to[length] = 0;
    return length;
}

size_t u256_format_decimal(struct u256 value, char to[static U256_DECIMAL_MAX])
{
    return format_decimal(value.limb, 4, to, U256_DECIMAL_MAX);
}

size_t u320_format_decimal(struct u320 value, char to[static U320_DECIMAL_MAX])
{
    return format_decimal(value.limb, 5, to, U320_DECIMAL_MAX);
}

size_t u256_format_quantity(struct u256 value, char to[static 67])
{
    char digits[65];
    uint8_t bytes[32];
    u256_to_bytes(value, bytes);
    hex_encode(bytes, sizeof(bytes), digits);
    size_t zeros = strspn(digits, "0");
    if (zeros == 64)
        zeros = 63;
    to[0] = '0';
    to[1] = 'x';
    memcpy(to + 2, digits + zeros, 65 - zeros);
    return 66 - zeros;
}

struct u256 u256_from_bytes(const uint8_t *from, size_t size)
{
    assert(size <= 32);
    struct u256 value = {{0}};
    for (size_t i = 0; i < size; i++) {
        size_t place = size - 1 - i; /* of the byte, from the low end */
        value.limb[place / 8] |= (uint64_t)from[i] << (place % 8 * 8);
    }
    return value;
}

void u256_to_bytes(struct u256 value, uint8_t to[static 32])
{
    for (size_t i = 0; i < 32; i++)
        to[31 - i] = (uint8_t)(value.limb[i / 8] >> (i % 8 * 8));
}

unsigned u256_byte_count(struct u256 value)
{
    int count = limb_count(value.limb, 4);
    if (count == 0)
        return 0;
    return (unsigned)(count * 8) - (unsigned)__builtin_clzll(value.limb[count - 1]) / 8;
}
