/* keccak.c - see keccak.h. One permutation, written for any type that has ^, &, ~ and shifts: a 64-bit word,
 * or a vector of four or eight, which then hashes as many messages at once (architecture 9). */
#include "keccak.h"

#include <assert.h>
#include <endian.h>
#ifdef __x86_64__
#include <sys/platform/x86.h> /* what the C library knows already: asking the processor can be slow, and is done at each start */
#endif

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
#define ROTATE(v, n) ((v) << (n) | (v) >> (64 - (n)) % 64)

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are names of arrays and a type */
/* A round moves every lane: instead, each stays in its place, and `place` says where lane (x, y) is in the
 * four rounds after which all are back. The five lanes that make a plane of the new state are where they were
 * when they were read. */
#define MOVED(n) ((n) % 5 + 5 * (((n) % 5 + 2 * ((n) / 5)) % 5))
#define PLACE_0(n) (n)
#define PLACE_1(n) MOVED(n)
#define PLACE_2(n) MOVED(MOVED(n))
#define PLACE_3(n) MOVED(MOVED(MOVED(n)))

#define COLUMN(s, place, x)                                                                                  \
    (s[place(x)] ^ s[place((x) + 5)] ^ s[place((x) + 10)] ^ s[place((x) + 15)] ^ s[place((x) + 20)])

/* rho, pi and chi of one plane of the new state: which five lanes it comes from, and how far they turn */
#define PLANE(s, place, y, i0, r0, i1, r1, i2, r2, i3, r3, i4, r4)                                           \
    b0 = s[place(i0)] ^ d[(i0) % 5];                                                                         \
    b1 = s[place(i1)] ^ d[(i1) % 5];                                                                         \
    b2 = s[place(i2)] ^ d[(i2) % 5];                                                                         \
    b3 = s[place(i3)] ^ d[(i3) % 5];                                                                         \
    b4 = s[place(i4)] ^ d[(i4) % 5];                                                                         \
    b0 = ROTATE(b0, r0);                                                                                     \
    b1 = ROTATE(b1, r1);                                                                                     \
    b2 = ROTATE(b2, r2);                                                                                     \
    b3 = ROTATE(b3, r3);                                                                                     \
    b4 = ROTATE(b4, r4);                                                                                     \
    s[place(MOVED(5 * (y) + 0))] = b0 ^ (~b1 & b2);                                                          \
    s[place(MOVED(5 * (y) + 1))] = b1 ^ (~b2 & b3);                                                          \
    s[place(MOVED(5 * (y) + 2))] = b2 ^ (~b3 & b4);                                                          \
    s[place(MOVED(5 * (y) + 3))] = b3 ^ (~b4 & b0);                                                          \
    s[place(MOVED(5 * (y) + 4))] = b4 ^ (~b0 & b1)

#define ROUND(s, place, constant)                                                                            \
    do {                                                                                                     \
        c[0] = COLUMN(s, place, 0);                                                                          \
        c[1] = COLUMN(s, place, 1);                                                                          \
        c[2] = COLUMN(s, place, 2);                                                                          \
        c[3] = COLUMN(s, place, 3);                                                                          \
        c[4] = COLUMN(s, place, 4);                                                                          \
        d[0] = c[4] ^ ROTATE(c[1], 1);                                                                       \
        d[1] = c[0] ^ ROTATE(c[2], 1);                                                                       \
        d[2] = c[1] ^ ROTATE(c[3], 1);                                                                       \
        d[3] = c[2] ^ ROTATE(c[4], 1);                                                                       \
        d[4] = c[3] ^ ROTATE(c[0], 1);                                                                       \
        PLANE(s, place, 0, 0, 0, 6, 44, 12, 43, 18, 21, 24, 14);                                             \
        s[place(0)] ^= (constant);                                                                           \
        PLANE(s, place, 1, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);                                             \
        PLANE(s, place, 2, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);                                               \
        PLANE(s, place, 3, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);                                            \
        PLANE(s, place, 4, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);                                             \
    } while (0)

#define PERMUTE(word, s)                                                                                     \
    do {                                                                                                     \
        word c[5], d[5], b0, b1, b2, b3, b4;                                                                 \
        for (int round = 0; round < 24; round += 4) {                                                        \
            ROUND(s, PLACE_0, round_constants[round]);                                                       \
            ROUND(s, PLACE_1, round_constants[round + 1]);                                                   \
            ROUND(s, PLACE_2, round_constants[round + 2]);                                                   \
            ROUND(s, PLACE_3, round_constants[round + 3]);                                                   \
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

/* ---- four and eight messages ---- */

#ifdef __x86_64__

#define LANES_MAX 8u
typedef uint64_t four __attribute__((vector_size(32), may_alias));
typedef uint64_t eight __attribute__((vector_size(64), may_alias));

/* Absorb one block of each lane; a lane whose `keep` is zero begins anew. Word i of the states is of all
 * lanes, side by side. */
typedef void absorb_many_fn(uint64_t *states, const uint8_t *const *block, const uint64_t *keep);
#define FOUR_WORDS(from, i)                                                                                  \
    word_at(block[from], i), word_at(block[(from) + 1], i), word_at(block[(from) + 2], i),                   \
        word_at(block[(from) + 3], i)
#define EIGHT_WORDS(from, i) FOUR_WORDS(from, i), FOUR_WORDS((from) + 4, i)
#define ABSORB_MANY(name, features, vector, words)                                                           \
    __attribute__((target(features))) static void name(uint64_t *states, const uint8_t *const *block,        \
                                                       const uint64_t *keep)                                 \
    {                                                                                                        \
        vector s[25], *kept = (vector *)states, mask = *(const vector *)keep;                                \
        UNROLL for (size_t i = 0; i < 25; i++)                                                               \
        {                                                                                                    \
            s[i] = kept[i] & mask;                                                                           \
            if (i < WORDS)                                                                                   \
                s[i] ^= (vector){words(0, i)};                                                               \
        }                                                                                                    \
        PERMUTE(vector, s);                                                                                  \
        UNROLL for (size_t i = 0; i < 25; i++) kept[i] = s[i];                                               \
    }
ABSORB_MANY(absorb_avx2, "avx2", four, FOUR_WORDS)
ABSORB_MANY(absorb_avx512vl, "avx512vl", four, FOUR_WORDS)
ABSORB_MANY(absorb_avx512, "avx512f", eight, EIGHT_WORDS)

#define LONG (16 * RATE)

/* Long messages first, so that none of them is left alone at the end; each in one of two rounds. False: there are no more. */
static bool take_message(const struct bytes *messages, size_t count, size_t *next, size_t *ret_index)
{
    for (; *next < 2 * count; (*next)++) {
        *ret_index = *next % count;
        if ((messages[*ret_index].size >= LONG) == (*next < count)) {
            (*next)++;
            return true;
        }
    }
    return false;
}

/* Each lane takes the next message as soon as it is done with one, so sizes may differ. */
static void many_by_lanes(absorb_many_fn *absorb_many, size_t lanes, const struct bytes *messages,
                          size_t count, struct hash *ret_hashes)
{
    static const uint8_t nothing[RATE];
    uint64_t states[25 * LANES_MAX] __attribute__((aligned(64))) = {0};
    uint8_t ends[LANES_MAX][RATE];
    struct bytes left[LANES_MAX] = {{NULL, 0}};
    size_t index[LANES_MAX], next = 0;
    bool busy[LANES_MAX] = {false};
    for (;;) {
        const uint8_t *block[LANES_MAX];
        uint64_t keep[LANES_MAX] __attribute__((aligned(64)));
        bool any = false, last[LANES_MAX];
        for (size_t lane = 0; lane < lanes; lane++) {
            keep[lane] = busy[lane] ? UINT64_MAX : 0;
            if (!busy[lane] && take_message(messages, count, &next, &index[lane])) {
                busy[lane] = true;
                left[lane] = messages[index[lane]];
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
        absorb_many(states, block, keep);
        for (size_t lane = 0; lane < lanes; lane++)
            if (last[lane]) {
                for (size_t i = 0; i < 4; i++)
                    memcpy(ret_hashes[index[lane]].bytes + 8 * i, &states[i * lanes + lane], 8);
                busy[lane] = false;
            }
    }
}

#endif

#ifdef __x86_64__

/* CPU_FEATURE_ACTIVE() of the C library's header, which shifts a signed 1 into the sign. */
static bool is_active(unsigned feature)
{
    const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(feature / 128);
    return leaf->active_array[feature % 128 / 32] >> feature % 32 & 1;
}

#endif

bool keccak_can(enum keccak_way way)
{
    switch (way) {
    case KECCAK_ONE:
        return true;
#ifdef __x86_64__
    case KECCAK_AVX2:
        return is_active(x86_cpu_AVX2);
    case KECCAK_AVX512VL:
        return is_active(x86_cpu_AVX512VL);
    case KECCAK_AVX512:
        return is_active(x86_cpu_AVX512F);
#else
    case KECCAK_AVX2:
    case KECCAK_AVX512VL:
    case KECCAK_AVX512:
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
        static absorb_many_fn *const absorb_many[KECCAK_WAY_COUNT] = {NULL, absorb_avx2, absorb_avx512vl,
                                                                      absorb_avx512};
        many_by_lanes(absorb_many[way], way == KECCAK_AVX512 ? 8 : 4, messages, count, ret_hashes);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++)
        ret_hashes[i] = keccak256(messages[i].data, messages[i].size);
}

/* What is quickest: the more lanes, the dearer a round of all, and a long message keeps one busy alone. */
static enum keccak_way best_way(const struct bytes *messages, size_t count)
{
    static const struct {
        uint8_t lanes, cost; /* of a round, measured (bench_keccak) */
    } ways[KECCAK_WAY_COUNT] = {[KECCAK_ONE] = {1, 9}, [KECCAK_AVX2] = {4, 13}, [KECCAK_AVX512VL] = {4, 8}, [KECCAK_AVX512] = {8, 10}};
    size_t all = 0, longest = 0, least = SIZE_MAX;
    enum keccak_way best = KECCAK_ONE;
    for (size_t i = 0; i < count; i++) {
        size_t blocks = messages[i].size / RATE + 1;
        all += blocks;
        longest = blocks > longest ? blocks : longest;
    }
    for (int way = 0; way < KECCAK_WAY_COUNT && count > 1; way++) {
        size_t rounds = (all + ways[way].lanes - 1) / ways[way].lanes;
        rounds = (rounds > longest ? rounds : longest) * ways[way].cost;
        if (rounds < least && keccak_can((enum keccak_way)way)) {
            least = rounds;
            best = (enum keccak_way)way;
        }
    }
    return best;
}

void keccak256_many(const struct bytes *messages, size_t count, struct hash *ret_hashes)
{
    keccak256_many_by(best_way(messages, count), messages, count, ret_hashes);
}
