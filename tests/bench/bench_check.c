/* bench_check.c - one question at a time and many at once, of a store with TRACER_BENCH_ACCOUNTS (default 10,000,000) tainted
 * addresses; half of the questions are about one of them (performance.md 2.6, goals 1 and 3).
 *
 *     bench_check DIRECTORY [TRACER]    a directory that does not exist yet
 *
 * Beside them, in the same run: a bare mdb_get of 20-byte keys with 16-byte records, and SQLite's C API with
 * a prepared statement (if it is there) over the same addresses. Wall clock, by the question; the best median
 * of five rounds.
 *
 * With the program TRACER: its `batch` over a file of the same addresses, `--columns verdict`, and over some
 * of them with `--decisions`. What it takes for a file of one row (it reads the taint state) is told by itself and is not
 * in the rates; that of mdb_get is its best round. Put DIRECTORY where the disk is not the limit (a tmpfs):
 * each batch writes a gigabyte.
 */
#include <inttypes.h>
#include <lmdb.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef BENCH_SQLITE
#include <sqlite3.h>
#endif

#include "tracer/screen.h"

#define CHAIN 7u
#define QUESTIONS 200000u
#define MANY 20000000u
#define RECORDED 400000u /* rows of the batch with decisions */
#define ROUNDS 5
#define BLOCK_ROWS 1000u

static void die(const char *what)
{
    fprintf(stderr, "bench_check: %s\n", what);
    exit(1);
}

static void *must(void *memory)
{
    if (!memory)
        die("no memory");
    return memory;
}

static void well(enum tracer_status status, const struct error *err)
{
    if (status)
        die(err->text);
}

static void well_lmdb(int result)
{
    if (result)
        die(mdb_strerror(result));
}

static uint64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now))
        die("no clock");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Number n; those below the count are tainted. */
static struct address address_of(uint64_t n)
{
    struct address address;
    uint64_t words[3] = {mix(2 * n + 1), mix(words[0] + 5), mix(words[1] + 7)};
    memcpy(address.bytes, words, sizeof(address.bytes));
    return address;
}

/* ---- the store: one thief pays everybody ---- */

static const struct address thief = {{0xee, 1}}, victim = {{0xee, 2}};
#define THIEF "thief=0xee01000000000000000000000000000000000000"
#define COIN "asset,decimals,weight,dust\nnative,0,1,0\n" /* the assets of make_screen(), as a file */

static void fill(struct graph *graph, uint32_t accounts)
{
    struct error err;
    struct graph_write *write;
    struct transfer *rows = must(calloc(BLOCK_ROWS, sizeof(*rows)));
    well(graph_begin(graph, &write, &err), &err);
    uint64_t number = 1;
    for (uint32_t next = 0; next <= accounts;) {
        struct block block = {.chain_id = CHAIN, .number = number, .time = number, .transfers = rows, .grade = GRADE_ASSERTED};
        for (; block.transfer_count < BLOCK_ROWS && next <= accounts; next++) {
            rows[block.transfer_count] = (struct transfer){.position = {number, (int32_t)block.transfer_count, 0},
                                                           .kind = TRANSFER_VALUE,
                                                           .amount = u256_from_u64(next ? 5 : UINT64_C(5) * accounts),
                                                           .from = next ? thief : victim,
                                                           .to = next ? address_of(next - 1) : thief,
                                                           .log_index = LOG_INDEX_NONE};
            block.transfer_count++;
        }
        memcpy(block.hash.bytes, &number, sizeof(number));
        well(graph_put_block(write, &block, &err), &err);
        number++;
    }
    well(graph_commit(write, &err), &err);
    free(rows);
    struct graph_coverage coverage = {.first = 1, .last = number - 1, .what = "all", .strategy = "import", .grade = GRADE_ASSERTED};
    well(graph_put_coverage(graph, CHAIN, &coverage, &err), &err);
}

static struct screen *make_screen(const char *path, uint32_t accounts, struct graph **ret_graph)
{
    struct error err;
    static struct label_set *labels;
    static const struct token coin = {.asset = {.weight = 1}};
    static const char *const sources[] = {THIEF};
    struct graph_options options = {.mode = GRAPH_CREATE};
    struct graph_network network = {.chain_id = CHAIN, .name = "bench", .imported = true};
    struct screen *screen;
    struct stat there;
    bool made = !stat(path, &there);
    well(graph_open(path, &options, ret_graph, &err), &err);
    if (!made) {
        well(graph_put_network(*ret_graph, &network, &err), &err);
        uint64_t start = now_ns();
        fill(*ret_graph, accounts);
        printf("store of %" PRIu32 " transfers: %.1f s\n", accounts + 1, (double)(now_ns() - start) / 1e9);
    }
    well(label_set_new(&labels, &err), &err);
    struct screen_request request = {.input = {.graph = *ret_graph, .chain_id = CHAIN, .native_symbol = "ETH", .labels = labels, .tokens = &coin, .token_count = 1},
                                     .sources = sources,
                                     .source_count = 1};
    uint64_t start = now_ns();
    well(screen_open(&request, &screen, &err), &err);
    printf("taint state: %.1f s\n", (double)(now_ns() - start) / 1e9);
    return screen;
}

/* ---- rivals ---- */

struct bare {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
};

static int order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

static struct address *sorted(uint32_t accounts)
{
    struct address *all = must(malloc(accounts * sizeof(*all)));
    for (uint32_t i = 0; i < accounts; i++)
        all[i] = address_of(i);
    qsort(all, accounts, sizeof(*all), order);
    return all;
}

static void make_bare(struct bare *bare, const char *directory, const struct address *all, uint32_t accounts)
{
    char path[4096], record[16] = {1};
    snprintf(path, sizeof(path), "%s/bare", directory);
    mkdir(path, 0700);
    well_lmdb(mdb_env_create(&bare->env));
    well_lmdb(mdb_env_set_mapsize(bare->env, (size_t)8 << 30));
    well_lmdb(mdb_env_open(bare->env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600));
    well_lmdb(mdb_txn_begin(bare->env, NULL, 0, &bare->txn));
    well_lmdb(mdb_dbi_open(bare->txn, NULL, 0, &bare->table));
    for (uint32_t i = 0; i < accounts; i++) {
        MDB_val key = {sizeof(all[i]), (void *)(uintptr_t)&all[i]}, value = {sizeof(record), record};
        well_lmdb(mdb_put(bare->txn, bare->table, &key, &value, MDB_APPEND));
    }
    well_lmdb(mdb_txn_commit(bare->txn));
    well_lmdb(mdb_txn_begin(bare->env, NULL, MDB_RDONLY, &bare->txn));
}

#ifdef BENCH_SQLITE
static sqlite3_stmt *make_sqlite(const char *directory, const struct address *all, uint32_t accounts)
{
    char path[4096];
    sqlite3 *database;
    sqlite3_stmt *put, *get;
    snprintf(path, sizeof(path), "%s/sqlite", directory);
    if (sqlite3_open(path, &database) || sqlite3_exec(database, "CREATE TABLE t(a BLOB PRIMARY KEY, v INTEGER) WITHOUT ROWID; BEGIN", NULL, NULL, NULL) ||
        sqlite3_prepare_v2(database, "INSERT INTO t VALUES(?, 1)", -1, &put, NULL))
        die("SQLite");
    for (uint32_t i = 0; i < accounts; i++) {
        sqlite3_bind_blob(put, 1, &all[i], sizeof(all[i]), SQLITE_STATIC);
        if (sqlite3_step(put) != SQLITE_DONE)
            die("SQLite");
        sqlite3_reset(put);
    }
    if (sqlite3_exec(database, "COMMIT; PRAGMA mmap_size=8589934592; PRAGMA cache_size=-200000", NULL, NULL, NULL) ||
        sqlite3_prepare_v2(database, "SELECT v FROM t WHERE a=?", -1, &get, NULL))
        die("SQLite");
    return get;
}
#endif

/* ---- one at a time ---- */

struct subject {
    const char *name;
    bool (*ask)(struct subject *subject, const struct address *address);
    void *at;
};

static bool ask_bare(struct subject *subject, const struct address *address)
{
    const struct bare *bare = subject->at;
    MDB_val key = {sizeof(*address), (void *)(uintptr_t)address}, value;
    return !mdb_get(bare->txn, bare->table, &key, &value);
}

static bool ask_loaded(struct subject *subject, const struct address *address)
{
    uint8_t verdict;
    screen_verdicts(subject->at, address, 1, &verdict);
    return verdict == VERDICT_EXPOSED;
}

#ifdef BENCH_SQLITE
static bool ask_sqlite(struct subject *subject, const struct address *address)
{
    sqlite3_stmt *get = subject->at;
    sqlite3_bind_blob(get, 1, address, sizeof(*address), SQLITE_STATIC);
    bool found = sqlite3_step(get) == SQLITE_ROW;
    sqlite3_reset(get);
    return found;
}
#endif

static int order_times(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

struct times {
    double median, p99, rate;
};

static struct times ask_all(struct subject *subject, const struct address *questions, size_t hits)
{
    static uint32_t times[QUESTIONS];
    size_t found = 0;
    uint64_t begin = now_ns();
    for (size_t i = 0; i < QUESTIONS; i++) {
        uint64_t start = now_ns();
        found += subject->ask(subject, &questions[i]);
        times[i] = (uint32_t)(now_ns() - start);
    }
    uint64_t all = now_ns() - begin;
    if (found != hits)
        die(subject->name);
    qsort(times, QUESTIONS, sizeof(*times), order_times);
    return (struct times){times[QUESTIONS / 2], times[QUESTIONS / 100 * 99], QUESTIONS / ((double)all / 1e9)};
}

/* ---- many at once ---- */

static double ask_many(const struct screen *screen, const struct address *questions, size_t count, size_t hits)
{
    uint8_t *verdicts = must(malloc(count));
    uint64_t start = now_ns();
    screen_verdicts(screen, questions, count, verdicts);
    double rate = (double)count / ((double)(now_ns() - start) / 1e9);
    for (size_t i = 0; i < count; i++)
        hits -= verdicts[i] == VERDICT_EXPOSED;
    if (hits)
        die("many at once");
    free(verdicts);
    return rate;
}

/* ---- the program ---- */

extern char **environ;

/* The first rows of the questions as a CSV. */
static void write_rows(const char *path, const struct address *questions, size_t count)
{
    FILE *file = must(fopen(path, "w"));
    fputs("target\n", file);
    for (size_t i = 0; i < count; i++) {
        char row[44] = "0x";
        for (size_t b = 0; b < sizeof(questions[i].bytes); b++) {
            row[2 + 2 * b] = "0123456789abcdef"[questions[i].bytes[b] >> 4];
            row[3 + 2 * b] = "0123456789abcdef"[questions[i].bytes[b] & 15];
        }
        row[42] = '\n';
        fwrite(row, 1, 43, file);
    }
    if (fclose(file))
        die(path);
}

struct program {
    char *tracer, store[4096], assets[4096], input[4096], output[4096], log[4096];
};

/* Seconds of a batch over so many rows and hits. Removes what it wrote. */
static double run_batch(struct program *program, size_t count, size_t hits, bool records)
{
    char *arguments[] = {program->tracer, "batch", program->input, "--output", program->output, "--store", program->store, "--chain", "7",
                         "--quiet", "--no-builtin-labels", "--assets", program->assets, "--source", THIEF, "--columns", "verdict",
                         "--restart", records ? "--decisions" : NULL, program->log, NULL};
    pid_t child;
    int state;
    uint64_t start = now_ns();
    if (posix_spawn(&child, program->tracer, NULL, NULL, arguments, environ) ||
        waitpid(child, &state, 0) != child)
        die(program->tracer);
    double seconds = (double)(now_ns() - start) / 1e9;
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 10) /* some are exposed */
        die("the batch failed");
    struct stat out;
    size_t bytes = strlen("target,verdict\n") + count * strlen("0x,clean\n") + count * 2 * sizeof(struct address) + hits * (strlen("exposed") - strlen("clean"));
    if (stat(program->output, &out) || (uint64_t)out.st_size != bytes)
        die("the batch says something else");
    unlink(program->output);
    unlink(program->log);
    return seconds;
}

/* Rows a second, behind the start. */
static double rate_of(struct program *program, const struct screen *screen, const struct address *questions, size_t count, bool records, double *ret_start)
{
    double one = 0, all = 0;
    size_t hits = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t verdict;
        screen_verdicts(screen, &questions[i], 1, &verdict);
        hits += verdict == VERDICT_EXPOSED;
    }
    for (int round = 0; round < ROUNDS; round++) {
        write_rows(program->input, questions, 1);
        double start = run_batch(program, 1, 1, records);
        write_rows(program->input, questions, count);
        double seconds = run_batch(program, count, hits, records);
        one = !round || start < one ? start : one;
        all = !round || seconds < all ? seconds : all;
    }
    *ret_start = one;
    return (double)(count - 1) / (all - one);
}

static void run_program(char *tracer, const char *directory, const struct screen *screen, struct address *questions, double mdb_get)
{
    struct program program = {.tracer = tracer};
    double start;
    snprintf(program.store, sizeof(program.store), "%s/store", directory);
    snprintf(program.assets, sizeof(program.assets), "%s/assets.csv", directory);
    snprintf(program.input, sizeof(program.input), "%s/rows.csv", directory);
    snprintf(program.output, sizeof(program.output), "%s/out.csv", directory);
    snprintf(program.log, sizeof(program.log), "%s/decisions.jsonl", directory);
    FILE *assets = must(fopen(program.assets, "w"));
    fputs(COIN, assets);
    if (fclose(assets))
        die(program.assets);
    questions[0] = address_of(0); /* a hit, for the exit code of a file of one row */
    double rate = rate_of(&program, screen, questions, MANY, false, &start);
    printf("%-32s %.1f M rows/s (%.1f of mdb_get), after %.2f s for a file of one row\n",
           "batch --columns verdict", rate / 1e6, rate / mdb_get, start);
    rate = rate_of(&program, screen, questions, RECORDED, true, &start);
    printf("%-32s %.3f M rows/s (%.2f of mdb_get), after %.2f s for a file of one row\n", "batch --decisions",
           rate / 1e6, rate / mdb_get, start);
}

int main(int argc, char **argv)
{
    const char *wanted = getenv("TRACER_BENCH_ACCOUNTS");
    uint32_t accounts = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 10000000u;
    char path[4096];
    struct error err;
    struct graph *graph;
    struct bare bare;
    if (argc < 2 || argc > 3 || !accounts)
        die("usage: bench_check DIRECTORY [TRACER]");
    setvbuf(stdout, NULL, _IOLBF, 0);
    mkdir(argv[1], 0700);
    snprintf(path, sizeof(path), "%s/store", argv[1]);
    struct screen *screen = make_screen(path, accounts, &graph);
    uint64_t start = now_ns();
    well(screen_load_verdicts(screen, &err), &err);
    printf("verdicts of all into memory: %.2f s\n", (double)(now_ns() - start) / 1e9);
    struct address *all = sorted(accounts);
    make_bare(&bare, argv[1], all, accounts);
    struct subject subjects[] = {
        {"mdb_get", ask_bare, &bare},
        {"screen_verdicts, one", ask_loaded, screen},
#ifdef BENCH_SQLITE
        {"SQLite, prepared", ask_sqlite, make_sqlite(argv[1], all, accounts)},
#endif
    };
    free(all);
    struct address *questions = must(malloc(MANY * sizeof(*questions)));
    size_t hits = 0, hits_first = 0;
    uint64_t state = 1;
    for (size_t i = 0; i < MANY; i++) {
        uint64_t draw = mix(state += UINT64_C(0x9e3779b97f4a7c15));
        bool hit = draw & 1;
        questions[i] = address_of(hit ? (draw >> 1) % accounts : accounts + (draw >> 1) % 100000000000u);
        hits += hit;
        hits_first += hit && i < QUESTIONS;
    }
    struct times best[sizeof(subjects) / sizeof(subjects[0])] = {{0}};
    for (int round = 0; round < ROUNDS; round++)
        for (size_t s = 0; s < sizeof(subjects) / sizeof(subjects[0]); s++) {
            struct times times = ask_all(&subjects[s], questions, hits_first);
            if (!round || times.median < best[s].median)
                best[s].median = times.median;
            if (!round || times.p99 < best[s].p99)
                best[s].p99 = times.p99;
            if (!round || times.rate > best[s].rate)
                best[s].rate = times.rate;
        }
    for (size_t s = 0; s < sizeof(subjects) / sizeof(subjects[0]); s++)
        printf("%-32s %6.0f ns median  %6.0f ns p99 (%.2f of mdb_get's)  %.2f M/s (%.1f)\n", subjects[s].name, best[s].median, best[s].p99,
               best[s].p99 / best[0].p99, best[s].rate / 1e6, best[s].rate / best[0].rate);
    double rate = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double once = ask_many(screen, questions, MANY, hits);
        rate = once > rate ? once : rate;
    }
    printf("%-32s %.1f M/s (%.1f of mdb_get)\n", "screen_verdicts, many at once", rate / 1e6, rate / best[0].rate);
    if (argc == 3)
        run_program(argv[2], argv[1], screen, questions, best[0].rate);
    screen_close(screen);
    graph_close(graph);
    return 0;
}
