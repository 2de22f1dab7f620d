/* test_keccak.c - known answers, and every way to hash against a plain loop written from the definition. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "evm/keccak.h"
#include "tracer/hex.h"

#define SIZE_MAX_TESTED 600u

/* ---- the definition (FIPS 202 section 3, with the submission's padding), one step at a time ---- */

static uint64_t turn(uint64_t word, unsigned by)
{
    return by % 64 ? word << by % 64 | word >> (64 - by % 64) : word;
}

/* rc(t): a shift register of eight bits */
static bool register_bit(unsigned t)
{
    unsigned r = 1;
    for (unsigned i = 0; i < t % 255; i++)
        r = (r << 1 ^ (r >> 7 & 1 ? 0x171u : 0)) & 0x1ff;
    return r & 1;
}

static void plain_permutation(uint64_t a[5][5])
{
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5] = {0}, b[5][5];
        for (int x = 0; x < 5; x++)
            for (int y = 0; y < 5; y++)
                c[x] ^= a[x][y];
        for (int x = 0; x < 5; x++)
            for (int y = 0; y < 5; y++)
                a[x][y] ^= c[(x + 4) % 5] ^ turn(c[(x + 1) % 5], 1);
        b[0][0] = a[0][0];
        for (unsigned t = 0, x = 1, y = 0; t < 24; t++) {
            unsigned to = (2 * x + 3 * y) % 5;
            b[y][to] = turn(a[x][y], (t + 1) * (t + 2) / 2);
            x = y;
            y = to;
        }
        for (int x = 0; x < 5; x++)
            for (int y = 0; y < 5; y++)
                a[x][y] = b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]);
        for (unsigned j = 0; j < 7; j++)
            a[0][0] ^= (uint64_t)register_bit(j + 7 * round) << ((1u << j) - 1);
    }
}

static struct hash plain_keccak256(const uint8_t *data, size_t size)
{
    uint64_t a[5][5] = {{0}};
    struct hash hash;
    for (size_t i = 0; i <= size / 136 * 136 + 135; i++) {
        uint8_t byte = i < size ? data[i] : i == size ? 0x01 : 0;
        if (i == size / 136 * 136 + 135)
            byte |= 0x80;
        size_t word = i % 136 / 8;
        a[word % 5][word / 5] ^= (uint64_t)byte << 8 * (i % 8);
        if (i % 136 == 135)
            plain_permutation(a);
    }
    for (size_t i = 0; i < 32; i++)
        hash.bytes[i] = (uint8_t)(a[i / 8][0] >> 8 * (i % 8));
    return hash;
}

/* ---- */

static void expect_hash(struct hash got, const char *want)
{
    char text[65];
    hex_encode(got.bytes, 32, text);
    cr_assert_str_eq(text, want);
}

Test(keccak, known_answers)
{
    static const struct {
        const char *text, *hash;
    } known[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"Transfer(address,address,uint256)",
         "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        expect_hash(keccak256(known[i].text, strlen(known[i].text)), known[i].hash);
        expect_hash(plain_keccak256((const uint8_t *)known[i].text, strlen(known[i].text)), known[i].hash);
    }
}

/* Messages at the very end of their memory, so that the sanitizer sees one byte too far. */
static struct bytes message_of(size_t size, unsigned seed)
{
    uint8_t *data = malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
    return (struct bytes){data, size};
}

static void expect_all_ways(const struct bytes *messages, size_t count)
{
    struct hash *got = calloc(count + 1, sizeof *got);
    for (enum keccak_way way = KECCAK_ONE; way < KECCAK_WAY_COUNT; way++) {
        if (!keccak_can(way)) {
            fprintf(stderr, "SKIP keccak: this processor has no way %d\n", way);
            continue;
        }
        memset(got, 0xee, (count + 1) * sizeof *got);
        keccak256_many_by(way, messages, count, got);
        for (size_t i = 0; i < count; i++)
            cr_assert(hash_equal(got[i], plain_keccak256(messages[i].data, messages[i].size)),
                      "way %d, message %zu of %zu bytes", way, i, messages[i].size);
        cr_assert_eq(got[count].bytes[0], 0xee);
    }
    memset(got, 0, count * sizeof *got);
    keccak256_many(messages, count, got);
    for (size_t i = 0; i < count; i++)
        cr_assert(hash_equal(got[i], keccak256(messages[i].data, messages[i].size)));
    free(got);
}

static void free_messages(struct bytes *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)messages[i].data);
}

Test(keccak, every_size_is_the_plain_loop_by_every_way)
{
    struct bytes messages[SIZE_MAX_TESTED + 1];
    for (size_t size = 0; size <= SIZE_MAX_TESTED; size++)
        messages[size] = message_of(size, (unsigned)size);
    expect_all_ways(messages, SIZE_MAX_TESTED + 1);
    free_messages(messages, SIZE_MAX_TESTED + 1);
}

/* Lanes that end at different times, fewer messages than lanes, and counts that four does not divide. */
Test(keccak, any_number_of_messages_of_mixed_sizes)
{
    struct bytes messages[41] = {{0}};
    for (size_t count = 0; count <= 41; count++) {
        for (size_t i = 0; i < count; i++)
            messages[i] = message_of((i * 7919 + count * 104729) % 1500 / (i % 3 + 1), (unsigned)(i + count));
        expect_all_ways(messages, count);
        free_messages(messages, count);
    }
}
