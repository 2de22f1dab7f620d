/* replay.c - runs a fuzz target as a plain program: every file of its corpus, and simple mutations of each (a
 * byte changed, cut, doubled) from a fixed seed, TRACER_FUZZ_ROUNDS of them a file (default 200).
 *
 * With clang the same target is a real fuzzer: clang -fsanitize=fuzzer,address -Iinclude
 * tests/fuzz/fuzz_NAME.c ... */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t mutate(uint8_t *data, size_t size, size_t capacity)
{
    for (uint64_t changes = next_random() % 4 + 1; changes > 0 && size > 0; changes--) {
        size_t at = next_random() % size;
        switch (next_random() % 4) {
        case 0:
            data[at] = (uint8_t)next_random();
            break;
        case 1: /* cut */
            memmove(data + at, data + at + 1, size - at - 1);
            size--;
            break;
        case 2: /* double */
            if (size < capacity) {
                memmove(data + at + 1, data + at, size - at);
                size++;
            }
            break;
        default:
            data[at] ^= (uint8_t)(1u << next_random() % 8);
        }
    }
    return size;
}

static int run_file(const char *path, uint64_t rounds)
{
    FILE *file = fopen(path, "rb");
    static uint8_t original[1 << 20], data[(1 << 20) + 64];
    if (!file)
        return 1;
    size_t size = fread(original, 1, sizeof(original), file);
    fclose(file);
    LLVMFuzzerTestOneInput(original, size);
    for (uint64_t i = 0; i < rounds; i++) {
        memcpy(data, original, size);
        LLVMFuzzerTestOneInput(data, mutate(data, size, sizeof(data)));
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *wanted = getenv("TRACER_FUZZ_ROUNDS");
    uint64_t rounds = wanted ? strtoull(wanted, NULL, 10) : 200, files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            fprintf(stderr, "no corpus %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            if (run_file(path, rounds))
                return 1;
            files++;
        }
        closedir(folder);
    }
    printf("%llu files, %llu mutations each\n", (unsigned long long)files, (unsigned long long)rounds);
    return files == 0;
}
