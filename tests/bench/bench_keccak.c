/* bench_keccak.c - four and eight messages at once against one after the other, in one run (performance 5, goal 12).
 *
 *   bench_keccak [ROUNDS]
 *
 * The sizes are those of a transaction, a small one, a branch node of a trie; the last line mixes sizes. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "evm/keccak.h"

#define MESSAGES 256u
#define TIMES 9

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t time_of(enum keccak_way way, const struct bytes *messages, unsigned rounds)
{
    struct hash hashes[MESSAGES];
    uint64_t start = now_ns();
    for (unsigned i = 0; i < rounds; i++)
        keccak256_many_by(way, messages, MESSAGES, hashes);
    return now_ns() - start;
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static uint8_t data[MESSAGES + 1024];
    static const size_t sizes[] = {32, 110, 532, 0};
    static const char *const names[] = {"one by one", "four, AVX2", "four, AVX-512VL", "eight, AVX-512"};
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 131 >> 3);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct bytes messages[MESSAGES];
        uint64_t times[KECCAK_WAY_COUNT][TIMES];
        for (size_t i = 0; i < MESSAGES; i++)
            messages[i] = (struct bytes){data + i, sizes[s] ? sizes[s] : i * 37 % 700};
        for (int i = 0; i < TIMES; i++)
            for (enum keccak_way way = KECCAK_ONE; way < KECCAK_WAY_COUNT; way++)
                times[way][i] = keccak_can(way) ? time_of(way, messages, rounds) : 0;
        for (enum keccak_way way = KECCAK_ONE; way < KECCAK_WAY_COUNT; way++) {
            if (!keccak_can(way))
                continue;
            qsort(times[way], TIMES, sizeof times[way][0], order);
            uint64_t middle = times[way][TIMES / 2], ratio = times[KECCAK_ONE][TIMES / 2] * 100 / middle;
            if (sizes[s])
                printf("%3zu bytes    ", sizes[s]);
            else
                printf("0-699 bytes  ");
            printf("%-16s %5llu ns each, %llu.%02llu times one by one\n", names[way],
                   (unsigned long long)(middle / rounds / MESSAGES), (unsigned long long)(ratio / 100),
                   (unsigned long long)(ratio % 100));
        }
    }
    return 0;
}
