/* u256: arithmetic against slow second ways of computing it, text both ways. */
#include "tracer/u256.h"

#include <criterion/criterion.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Limbs that are often 0, 1 or all ones: where carries go wrong. */
static uint64_t edgy(void)
{
    switch (next_random() % 6) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return UINT64_MAX;
    case 3:
        return (uint64_t)1 << 63;
    default:
        return next_random();
    }
}

static struct u256 random_u256(void)
{
    return (struct u256){{edgy(), edgy(), edgy(), edgy()}};
}

static const struct u256 MAX = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

Test(u256, add_reports_overflow)
{
    struct u256 sum;
    cr_assert(!u256_add(MAX, u256_from_u64(1), &sum));
    cr_assert(u256_add(MAX, u256_from_u64(0), &sum));
    cr_assert(u256_equal(sum, MAX));
}

Test(u256, subtraction_undoes_addition)
{
    for (int i = 0; i < 20000; i++) {
        struct u256 a = random_u256(), b = random_u256(), sum, back;
        if (!u256_add(a, b, &sum))
            continue;
        cr_assert(u256_sub(sum, b, &back));
        cr_assert(u256_equal(back, a));
    }
    struct u256 result;
    cr_assert(!u256_sub(u256_from_u64(1), u256_from_u64(2), &result));
}

/* a * b by adding shifted copies, bit by bit. */
static struct u512 slow_mul(struct u256 a, struct u256 b)
{
    struct u512 sum = {{0}};
    for (int bit = 0; bit < 256; bit++) {
        if (!(b.limb[bit / 64] >> (bit % 64) & 1))
            continue;
        unsigned __int128 carry = 0;
        for (int limb = 0; limb < 8; limb++) {
            int from = limb - bit / 64;
            uint64_t part = 0;
            if (from >= 0 && from < 4)
                part |= a.limb[from] << (bit % 64);
            if (bit % 64 && from - 1 >= 0 && from - 1 < 4)
                part |= a.limb[from - 1] >> (64 - bit % 64);
            carry += (unsigned __int128)sum.limb[limb] + part;
            sum.limb[limb] = (uint64_t)carry;
            carry >>= 64;
        }
    }
    return sum;
}

Test(u256, mul_equals_shift_and_add)
{
    for (int i = 0; i < 3000; i++) {
        struct u256 a = random_u256(), b = random_u256();
        struct u512 fast = u256_mul(a, b), slow = slow_mul(a, b);
        cr_assert(memcmp(&fast, &slow, sizeof(fast)) == 0);
    }
}

/* value / divisor, one bit at a time; quotient of 512 bits. */
static void slow_div(struct u512 value, struct u256 divisor, struct u512 *quotient, struct u256 *remainder)
{
    struct u256 rest = {{0}};
    *quotient = (struct u512){{0}};
    for (int bit = 511; bit >= 0; bit--) {
        uint64_t out = rest.limb[3] >> 63;
        for (int limb = 3; limb > 0; limb--)
            rest.limb[limb] = rest.limb[limb] << 1 | rest.limb[limb - 1] >> 63;
        rest.limb[0] = rest.limb[0] << 1 | (value.limb[bit / 64] >> (bit % 64) & 1);
        if (out || u256_compare(rest, divisor) >= 0) {
            bool fine = u256_sub(rest, divisor, &rest);
            (void)fine; /* the bit that went out pays for the borrow */
            quotient->limb[bit / 64] |= (uint64_t)1 << (bit % 64);
        }
    }
    *remainder = rest;
}

Test(u256, div_equals_the_bitwise_division)
{
    for (int i = 0; i < 20000; i++) {
        struct u512 value = u256_mul(random_u256(), random_u256()), slow_quotient;
        struct u256 divisor = random_u256(), quotient, remainder, slow_remainder;
        for (int keep = (int)(next_random() % 4) + 1; keep < 4; keep++)
            divisor.limb[keep] = 0;
        if (u256_is_zero(divisor))
            continue;
        bool fits = u512_div(value, divisor, &quotient, &remainder);
        slow_div(value, divisor, &slow_quotient, &slow_remainder);
        bool slow_fits =
            !(slow_quotient.limb[4] | slow_quotient.limb[5] | slow_quotient.limb[6] | slow_quotient.limb[7]);
        cr_assert_eq(fits, slow_fits);
        cr_assert(memcmp(&quotient, &slow_quotient, sizeof(quotient)) == 0);
        cr_assert(u256_equal(remainder, slow_remainder));
    }
}

Test(u256, mul_div_of_the_largest_values_is_exact)
{
    struct u256 quotient, almost = MAX;
    almost.limb[0]--;
    cr_assert(u256_mul_div(almost, almost, MAX, &quotient)); /* E16b: (M-1)^2 / M = M-2 */
    struct u256 want = MAX;
    want.limb[0] -= 2;
    cr_assert(u256_equal(quotient, want));
    cr_assert(!u256_mul_div(MAX, MAX, u256_from_u64(1), &quotient));
}

Test(u256, mul_div_below_128_bits_is_the_same)
{
    for (int i = 0; i < 20000; i++) {
        struct u256 a = random_u256(), b = random_u256(), c = random_u256(), want;
        uint64_t widths = next_random();
        a.limb[1] &= widths & 1 ? UINT64_MAX : widths & 2 ? 255 : 0;
        b.limb[1] &= widths & 4 ? UINT64_MAX : 0;
        c.limb[1] &= widths & 8 ? UINT64_MAX : widths & 16 ? 1 : 0;
        a.limb[2] = a.limb[3] = b.limb[2] = b.limb[3] = c.limb[2] = c.limb[3] = 0;
        if (u256_compare(a, c) > 0) {
            struct u256 more = a;
            a = c;
            c = more;
        }
        if (u256_is_zero(c))
            continue;
        unsigned __int128 x = (unsigned __int128)a.limb[1] << 64 | a.limb[0], y = (unsigned __int128)b.limb[1] << 64 | b.limb[0],
                          z = (unsigned __int128)c.limb[1] << 64 | c.limb[0], got = u128_mul_div(x, y, z);
        cr_assert(u256_mul_div(a, b, c, &want));
        cr_assert(u256_equal(want, (struct u256){{(uint64_t)got, (uint64_t)(got >> 64), 0, 0}}));
    }
}

Test(u256, decimal_text_round_trips)
{
    char text[U256_DECIMAL_MAX];
    for (int i = 0; i < 20000; i++) {
        struct u256 value = random_u256(), back;
        size_t length = u256_format_decimal(value, text);
        cr_assert_eq(length, strlen(text));
        cr_assert(u256_parse_decimal(text, length, &back));
        cr_assert(u256_equal(value, back));
    }
    u256_format_decimal(MAX, text);
    cr_assert_str_eq(text, "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    u256_format_decimal((struct u256){{0}}, text);
    cr_assert_str_eq(text, "0");
    u256_format_decimal((struct u256){{10000000000000000000u, 0, 0, 0}}, text);
    cr_assert_str_eq(text, "10000000000000000000");
}

Test(u256, bad_decimals_are_refused)
{
    static const char *const bad[] = {
        "",
        "01",
        "00",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "1e3",
        "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        "1000000000000000000000000000000000000000000000000000000000000000000000000000000"};
    struct u256 value;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(!u256_parse_decimal(bad[i], strlen(bad[i]), &value), "%s", bad[i]);
}

Test(u256, R10_quantities_are_strict)
{
    static const char *const bad[] = {
        "",  "0x",  "0x00", "0x01", "0X1",
        "1", "0xg", "0x1 ", "-0x1", "0x10000000000000000000000000000000000000000000000000000000000000000"};
    struct u256 value;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(!u256_parse_quantity(bad[i], strlen(bad[i]), &value), "%s", bad[i]);
    char text[67];
    for (int i = 0; i < 20000; i++) {
        struct u256 number = random_u256(), back;
        size_t length = u256_format_quantity(number, text);
        cr_assert(u256_parse_quantity(text, length, &back) && u256_equal(number, back));
    }
    cr_assert(u256_parse_quantity("0x0", 3, &value) && u256_is_zero(value));
}

Test(u256, bytes_round_trip_and_count)
{
    for (int i = 0; i < 20000; i++) {
        struct u256 value = random_u256();
        uint8_t bytes[32];
        u256_to_bytes(value, bytes);
        cr_assert(u256_equal(u256_from_bytes(bytes, 32), value));
        unsigned count = u256_byte_count(value);
        cr_assert(u256_equal(u256_from_bytes(bytes + 32 - count, count), value));
        cr_assert(count == 0 || bytes[32 - count] != 0);
    }
}

Test(u256, sums_of_320_bits_hold_many_largest_values)
{
    struct u320 sum = {{0}};
    for (int i = 0; i < 1000; i++)
        u320_add(&sum, MAX);
    char text[U320_DECIMAL_MAX];
    u320_format_decimal(sum, text);
    cr_assert_str_eq(text,
                     "115792089237316195423570985008687907853269984665640564039457584007913129639935000");
    for (int i = 0; i < 1000; i++)
        u320_sub(&sum, MAX);
    cr_assert(u320_is_zero(sum));
}
