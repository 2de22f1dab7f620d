/* bench_start.c - cold start: a command that does not fetch, beside a bare LMDB program (performance 5, goal
 * 2).
 *
 *   bench_start TRACER [RUNS]
 *
 * The bound is this program itself, started again with "bare": it opens an LMDB environment, reads one key
 * and ends. Both are started with posix_spawn and timed until they are reaped; the order alternates. */
#include <lmdb.h>

#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int bare(const char *path, int make)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    MDB_val key = {3, "key"}, value = {5, "value"};
    if (mdb_env_create(&env) || mdb_env_open(env, path, make ? 0 : MDB_RDONLY, 0600) ||
        mdb_txn_begin(env, NULL, make ? 0 : MDB_RDONLY, &txn) || mdb_dbi_open(txn, NULL, 0, &table))
        return 1;
    int failed = make ? mdb_put(txn, table, &key, &value, 0) || mdb_txn_commit(txn)
                      : mdb_get(txn, table, &key, &value);
    mdb_env_close(env);
    return failed;
}

static uint64_t run(char *const *arguments, int *ret_code)
{
    pid_t child;
    int status;
    uint64_t start = now_ns();
    if (posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ) ||
        waitpid(child, &status, 0) != child) {
        fprintf(stderr, "could not start %s\n", arguments[0]);
        exit(1);
    }
    *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    return now_ns() - start;
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "bare") == 0)
        return bare(argv[2], 0);
    if (argc < 2) {
        fprintf(stderr, "usage: bench_start TRACER [RUNS]\n");
        return 2;
    }
    int runs = argc > 2 ? atoi(argv[2]) : 200, code = 0;
    char store[] = "/tmp/tracer-start-XXXXXX", plain[] = "/tmp/tracer-bare-XXXXXX", self[4096];
    if (runs < 5 || !mkdtemp(store) || !mkdtemp(plain) || bare(plain, 1) || !realpath("/proc/self/exe", self))
        return 1;
    char *demo[] = {argv[1], "demo", "--quiet", "--output", NULL, "--store", store, NULL};
    char output[64];
    snprintf(output, sizeof(output), "%s.txt", store);
    demo[4] = output;
    run(demo, &code);
    if (code != 0) {
        fprintf(stderr, "demo ended with %d\n", code);
        return 1;
    }
    char *version[] = {argv[1], "--version", NULL};
    char *stat[] = {argv[1], "store", "stat", "--store", store, NULL};
    char *check[] = {argv[1],    "check",      "--store",
                     store,      /* standard output is nowhere: a file would be synced to the disk */
                     "--source", "ronin-2022", "0x098b716b8aaf21512996dc57eb0615e2383e2f96",
                     NULL};
    char *bound[] = {self, "bare", plain, NULL};
    if (!freopen("/dev/null", "w", stdout))
        return 1;
    uint64_t *bounds = calloc((size_t)runs, sizeof(*bounds)), *starts = calloc((size_t)runs, sizeof(*starts)),
             *checks = calloc((size_t)runs, sizeof(*checks)), *stats = calloc((size_t)runs, sizeof(*stats));
    if (!bounds || !starts || !checks || !stats)
        return 1;
    for (int i = 0; i < runs; i++) {
        bounds[i] = run(bound, &code);
        starts[i] = run(version, &code);
        stats[i] = run(stat, &code);
        checks[i] = run(check, &code);
    }
    qsort(bounds, (size_t)runs, sizeof(*bounds), order);
    qsort(starts, (size_t)runs, sizeof(*starts), order);
    qsort(stats, (size_t)runs, sizeof(*stats), order);
    qsort(checks, (size_t)runs, sizeof(*checks), order);
    uint64_t middle = bounds[runs / 2];
    fprintf(stderr, "bare LMDB program   median %llu us\n", (unsigned long long)(middle / 1000));
    fprintf(stderr, "tracer --version    median %llu us, %llu.%02llu times the bound\n",
            (unsigned long long)(starts[runs / 2] / 1000), (unsigned long long)(starts[runs / 2] / middle),
            (unsigned long long)(starts[runs / 2] * 100 / middle % 100));
    fprintf(stderr, "tracer store stat   median %llu us, %llu.%02llu times the bound (opens the store)\n",
            (unsigned long long)(stats[runs / 2] / 1000), (unsigned long long)(stats[runs / 2] / middle),
            (unsigned long long)(stats[runs / 2] * 100 / middle % 100));
    fprintf(
        stderr,
        "tracer check        median %llu us, %llu.%02llu times the bound (opens the store, replays the case)\n",
        (unsigned long long)(checks[runs / 2] / 1000), (unsigned long long)(checks[runs / 2] / middle),
        (unsigned long long)(checks[runs / 2] * 100 / middle % 100));
    return 0;
}
