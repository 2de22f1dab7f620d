/* u256.h - unsigned 256-bit integers: every amount of the program, and its 320- and 512-bit middles.
 *
 * Values pass by value. Arithmetic that can overflow says so with a must-use bool and then leaves the
 * result undefined. There is no floating point here, and none near money anywhere.
 */
#ifndef TRACER_U256_H
#define TRACER_U256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/error.h"

struct u256 {
    uint64_t limb[4]; /* least significant first */
};
struct u512 {
    uint64_t limb[8];
};
struct u320 { /* sums of amounts (taint-spec 9.1) */
    uint64_t limb[5];
};

#define U256_DECIMAL_MAX 79 /* 78 digits and a NUL */
#define U320_DECIMAL_MAX 98

static inline struct u256 u256_from_u64(uint64_t value)
{
    return (struct u256){{value, 0, 0, 0}};
}
static inline bool u256_is_zero(struct u256 a)
{
    return (a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3]) == 0;
}
static inline bool u256_fits_u64(struct u256 a)
{
    return (a.limb[1] | a.limb[2] | a.limb[3]) == 0;
}
static inline int u256_compare(struct u256 a, struct u256 b)
{
    for (int i = 3; i >= 0; i--)
        if (a.limb[i] != b.limb[i])
            return a.limb[i] < b.limb[i] ? -1 : 1;
    return 0;
}
static inline bool u256_equal(struct u256 a, struct u256 b)
{
    return ((a.limb[0] ^ b.limb[0]) | (a.limb[1] ^ b.limb[1]) | (a.limb[2] ^ b.limb[2]) |
            (a.limb[3] ^ b.limb[3])) == 0;
}
static inline struct u256 u256_min(struct u256 a, struct u256 b)
{
    return u256_compare(a, b) < 0 ? a : b;
}

/** True: the sum fits 256 bits. */
TRACER_MUST_USE static inline bool u256_add(struct u256 a, struct u256 b, struct u256 *ret_sum)
{
    unsigned __int128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (unsigned __int128)a.limb[i] + b.limb[i];
        ret_sum->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}
/** True: a >= b. */
TRACER_MUST_USE static inline bool u256_sub(struct u256 a, struct u256 b, struct u256 *ret_difference)
{
    unsigned __int128 borrow = 0;
    for (int i = 0; i < 4; i++) {
        unsigned __int128 difference = (unsigned __int128)a.limb[i] - b.limb[i] - borrow;
        ret_difference->limb[i] = (uint64_t)difference;
        borrow = (difference >> 64) & 1;
    }
    return borrow == 0;
}

struct u512 u256_mul(struct u256 a, struct u256 b);
/** floor(a / b); b must not be zero. True: the quotient fits 256 bits. */
TRACER_MUST_USE bool u512_div(struct u512 a, struct u256 b, struct u256 *ret_quotient,
                              struct u256 *ret_remainder);
/** floor(a * b / c), c not zero. True: it fits. This is the only division of amounts (taint-spec 5.1). */
TRACER_MUST_USE bool u256_mul_div(struct u256 a, struct u256 b, struct u256 c, struct u256 *ret_quotient);

/** The same below 2^128, a <= c, so that it fits. */
unsigned __int128 u128_mul_div(unsigned __int128 a, unsigned __int128 b, unsigned __int128 c);

/** Sums: 320 bits cannot overflow below 2^64 terms. */
void u320_add(struct u320 *sum, struct u256 value);
void u320_sub(struct u320 *sum, struct u256 value); /* sum >= value: asserted */
void u320_add_u320(struct u320 *sum, struct u320 value);
void u320_sub_u320(struct u320 *sum, struct u320 value); /* sum >= value: asserted */
/** floor(a * b / c), c not zero. True: it fits 320 bits. */
TRACER_MUST_USE bool u320_mul_div(struct u320 a, struct u320 b, struct u320 c, struct u320 *ret_quotient);
/** Compare a * b with c * d, exactly. */
int u320_compare_products(struct u320 a, struct u320 b, struct u320 c, struct u320 d);
int u320_compare(struct u320 a, struct u320 b);
bool u320_is_zero(struct u320 a);
static inline struct u320 u320_from_u256(struct u256 value)
{
    return (struct u320){{value.limb[0], value.limb[1], value.limb[2], value.limb[3], 0}};
}

/* Text. Decimal: digits only, no sign, no spaces, no leading zeros. */
bool u256_parse_decimal(const char *text, size_t length, struct u256 *ret_value);
/** QUANTITY: "0x0" or "0x" and 1-64 digits without a leading zero. */
bool u256_parse_quantity(const char *text, size_t length, struct u256 *ret_value);
size_t u256_format_decimal(struct u256 value, char to[static U256_DECIMAL_MAX]); /* returns the length */
size_t u256_format_quantity(struct u256 value, char to[static 67]);
size_t u320_format_decimal(struct u320 value, char to[static U320_DECIMAL_MAX]);

/* Bytes, big-endian, size <= 32. */
struct u256 u256_from_bytes(const uint8_t *from, size_t size);
void u256_to_bytes(struct u256 value, uint8_t to[static 32]);
/** Bytes needed, 0 for zero. */
unsigned u256_byte_count(struct u256 value);

#endif
