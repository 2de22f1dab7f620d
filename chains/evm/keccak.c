/* keccak.c - see keccak.h. One permutation, written for any type that has ^, &, ~ and shifts: a 64-bit word,
 * or a vector of four, which then hashes four messages at once (architecture 9). */
#include "keccak.h"

#include <assert.h>
#include <endian.h>

#define RATE 136u /* bytes absorbed by one permutation */
#define WORDS (RATE / 8)

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

/* ---- the permutation: word x + 5y of the state is lane (x, y) ---- */

/* An array that is only indexed by constants lives in registers. */
#define UNROLL _Pragma("GCC unroll 25")
#define ROTATE(v, n) ((v) << (n) | (v) >> (64 - (n)))

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are names of arrays and a type */
/* rho, pi and chi of one plane of the new state: where its five lanes come from, and how far they turn */
#define PLANE(to, y, from, i0, r0, i1, r1, i2, r2, i3, r3, i4, r4)                                           \
    b0 = from[i0] ^ d[(i0) % 5];                                                                             \
    b1 = from[i1] ^ d[(i1) % 5];                                                                             \
    b2 = from[i2] ^ d[(i2) % 5];                                                                             \
    b3 = from[i3] ^ d[(i3) % 5];                                                                             \
    b4 = from[i4] ^ d[(i4) % 5];                                                                             \
    b0 = ROTATE(b0, r0);                                                                                     \
    b1 = ROTATE(b1, r1);                                                                                     \
    b2 = ROTATE(b2, r2);                                                                                     \
    b3 = ROTATE(b3, r3);                                                                                     \
    b4 = ROTATE(b4, r4);                                                                                     \
    to[5 * (y) + 0] = b0 ^ (~b1 & b2);                                                                       \
    to[5 * (y) + 1] = b1 ^ (~b2 & b3);                                                                       \
    to[5 * (y) + 2] = b2 ^ (~b3 & b4);                                                                       \
    to[5 * (y) + 3] = b3 ^ (~b4 & b0);                                                                       \
    to[5 * (y) + 4] = b4 ^ (~b0 & b1)

#define ROUND(to, from, constant)                                                                            \
    do {                                                                                                     \
        c[0] = from[0] ^ from[5] ^ from[10] ^ from[15] ^ from[20];                                           \
        c[1] = from[1] ^ from[6] ^ from[11] ^ from[16] ^ from[21];                                           \
        c[2] = from[2] ^ from[7] ^ from[12] ^ from[17] ^ from[22];                                           \
        c[3] = from[3] ^ from[8] ^ from[13] ^ from[18] ^ from[23];                                           \
        c[4] = from[4] ^ from[9] ^ from[14] ^ from[19] ^ from[24];                                           \
        d[0] = c[4] ^ ROTATE(c[1], 1);                                                                       \
        d[1] = c[0] ^ ROTATE(c[2], 1);                                                                       \
        d[2] = c[1] ^ ROTATE(c[3], 1);                                                                       \
        d[3] = c[2] ^ ROTATE(c[4], 1);                                                                       \
        d[4] = c[3] ^ ROTATE(c[0], 1);                                                                       \
        b0 = from[0] ^ d[0];                                                                                 \
        b1 = from[6] ^ d[1];                                                                                 \
        b2 = from[12] ^ d[2];                                                                                \
        b3 = from[18] ^ d[3];                                                                                \
        b4 = from[24] ^ d[4];                                                                                \
        b1 = ROTATE(b1, 44);                                                                                 \
        b2 = ROTATE(b2, 43);                                                                                 \
        b3 = ROTATE(b3, 21);                                                                                 \
        b4 = ROTATE(b4, 14);                                                                                 \
        to[0] = b0 ^ (~b1 & b2) ^ (constant);                                                                \
        to[1] = b1 ^ (~b2 & b3);                                                                             \
        to[2] = b2 ^ (~b3 & b4);                                                                             \
        to[3] = b3 ^ (~b4 & b0);                                                                             \
        to[4] = b4 ^ (~b0 & b1);                                                                             \
        PLANE(to, 1, from, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);                                             \
        PLANE(to, 2, from, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);                                               \
        PLANE(to, 3, from, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);                                            \
        PLANE(to, 4, from, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);                                             \
    } while (0)

#define PERMUTE(word, s)                                                                                     \
    do {                                                                                                     \
        word e[25], c[5], d[5], b0, b1, b2, b3, b4;                                                          \
        for (int round = 0; round < 24; round += 2) {                                                        \
            ROUND(e, s, round_constants[round]);                                                             \
            ROUND(s, e, round_constants[round + 1]);                                                         \
        }                                                                                                    \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline uint64_t word_at(const uint8_t *block, size_t index)
{
    uint64_t word;
    memcpy(&word, block + 8 * index, sizeof word);
    return le64toh(word);
}

/* ---- one message ---- */

static void absorb(uint64_t state[25], const uint8_t *block)
{
    uint64_t s[25];
    UNROLL for (size_t i = 0; i < 25; i++) s[i] = i < WORDS ? state[i] ^ word_at(block, i) : state[i];
    PERMUTE(uint64_t, s);
    memcpy(state, s, sizeof s);
}

/* The end of a message, shorter than a block, and the padding. */
static void pad(uint8_t block[RATE], const uint8_t *end, size_t size)
{
    memset(block, 0, RATE);
    if (size)
        memcpy(block, end, size);
    block[size] = 0x01;
    block[RATE - 1] |= 0x80;
}

struct hash keccak256(const void *data, size_t size)
{
    uint64_t state[25] = {0};
    uint8_t end[RATE];
    const uint8_t *at = data;
    struct hash hash;
    for (; size >= RATE; at += RATE, size -= RATE)
        absorb(state, at);
    pad(end, at, size);
    absorb(state, end);
    for (size_t i = 0; i < 4; i++)
        state[i] = htole64(state[i]);
    memcpy(hash.bytes, state, sizeof hash.bytes);
    return hash;
}

/* ---- four messages ---- */

#ifdef __x86_64__

#define LANES 4u
typedef uint64_t four __attribute__((vector_size(8 * LANES), may_alias));

struct four_states {
    uint64_t word[25][LANES] __attribute__((aligned(32)));
};

/* Absorb one block of each lane; a lane whose `keep` is zero begins anew. */
typedef void absorb_four_fn(struct four_states *states, const uint8_t *const block[LANES],
                            const uint64_t keep[LANES]);
#define ABSORB_FOUR(name, features)                                                                          \
    __attribute__((target(features))) static void name(                                                      \
        struct four_states *states, const uint8_t *const block[LANES], const uint64_t keep[LANES])           \
    {                                                                                                        \
        four s[25], mask = {keep[0], keep[1], keep[2], keep[3]};                                             \
        UNROLL for (size_t i = 0; i < 25; i++)                                                               \
        {                                                                                                    \
            s[i] = *(const four *)states->word[i] & mask;                                                    \
            if (i < WORDS)                                                                                   \
                s[i] ^= (four){word_at(block[0], i), word_at(block[1], i), word_at(block[2], i),             \
                               word_at(block[3], i)};                                                        \
        }                                                                                                    \
        PERMUTE(four, s);                                                                                    \
        UNROLL for (size_t i = 0; i < 25; i++) * (four *)states->word[i] = s[i];                             \
    }
ABSORB_FOUR(absorb_avx2, "avx2")
ABSORB_FOUR(absorb_avx512vl, "avx512vl")

/* Each lane takes the next message as soon as it is done with one, so sizes may differ. */
static void many_by_four(absorb_four_fn *absorb_four, const struct bytes *messages, size_t count,
                         struct hash *ret_hashes)
{
    static const uint8_t nothing[RATE];
    struct four_states states;
    uint8_t ends[LANES][RATE];
    struct bytes left[LANES] = {{NULL, 0}};
    size_t index[LANES], next = 0;
    bool busy[LANES] = {false};
    memset(&states, 0, sizeof states);
    for (;;) {
        const uint8_t *block[LANES];
        uint64_t keep[LANES];
        bool any = false, last[LANES];
        for (size_t lane = 0; lane < LANES; lane++) {
            keep[lane] = busy[lane] ? UINT64_MAX : 0;
            if (!busy[lane] && next < count) {
                busy[lane] = true;
                left[lane] = messages[next];
                index[lane] = next++;
            }
            any |= busy[lane];
            last[lane] = busy[lane] && left[lane].size < RATE;
            block[lane] = !busy[lane] ? nothing : last[lane] ? ends[lane] : left[lane].data;
            if (last[lane]) {
                pad(ends[lane], left[lane].data, left[lane].size);
            } else if (busy[lane]) {
                left[lane].data += RATE;
                left[lane].size -= RATE;
            }
        }
        if (!any)
            return;
        absorb_four(&states, block, keep);
        for (size_t lane = 0; lane < LANES; lane++)
            if (last[lane]) {
                for (size_t i = 0; i < 4; i++)
                    memcpy(ret_hashes[index[lane]].bytes + 8 * i, &states.word[i][lane], 8);
                busy[lane] = false;
            }
    }
}

#endif

bool keccak_can(enum keccak_way way)
{
    switch (way) {
    case KECCAK_ONE:
        return true;
#ifdef __x86_64__
    case KECCAK_AVX2:
        return __builtin_cpu_supports("avx2");
    case KECCAK_AVX512VL:
        return __builtin_cpu_supports("avx512vl");
#else
    case KECCAK_AVX2:
    case KECCAK_AVX512VL:
#endif
    case KECCAK_WAY_COUNT:
        break;
    }
    return false;
}

void keccak256_many_by(enum keccak_way way, const struct bytes *messages, size_t count,
                       struct hash *ret_hashes)
{
    assert(keccak_can(way));
#ifdef __x86_64__
    if (way != KECCAK_ONE) {
        many_by_four(way == KECCAK_AVX2 ? absorb_avx2 : absorb_avx512vl, messages, count, ret_hashes);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++)
        ret_hashes[i] = keccak256(messages[i].data, messages[i].size);
}

void keccak256_many(const struct bytes *messages, size_t count, struct hash *ret_hashes)
{
    enum keccak_way way = keccak_can(KECCAK_AVX512VL) ? KECCAK_AVX512VL
                          : keccak_can(KECCAK_AVX2)   ? KECCAK_AVX2
                                                      : KECCAK_ONE;
    keccak256_many_by(count > 1 ? way : KECCAK_ONE, messages, count, ret_hashes);
}
