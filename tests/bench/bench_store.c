/* bench_store.c - the store beside its bounds, in one run (performance 5, goals 5, 6 and 11).
 *
 * Synthetic transfers with a power law among 1,000,000 accounts, 500 transfers and 200 transactions a block.
 * TRACER_BENCH_ROWS shrinks it (default 10,000,000), TRACER_BENCH_DIR says where (default: the temporary
 * directory).
 */
#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/store.h"
#include "tracer/clock.h"
#include "tracer/large.h"

#define ACCOUNTS 1000000u
#define BLOCK_ROWS 500u
#define BLOCK_TRANSACTIONS 200u
#define CHAIN 1u

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void need(bool good, const char *what, const char *detail)
{
    if (good)
        return;
    fprintf(stderr, "bench_store: %s: %s\n", what, detail);
    exit(1);
}

static void check(enum tracer_status status, const struct error *err, const char *what)
{
    need(status == TRACER_OK, what, err->text);
}

static void check_lmdb(int result, const char *what)
{
    need(result == 0, what, mdb_strerror(result));
}

static double seconds_since(uint64_t start)
{
    return (double)(clock_monotonic_ns() - start) / 1e9;
}

/* --- synthetic blocks -------------------------------------------------------------------------------- */

static struct address address_of(uint64_t account)
{
    struct address address;
    uint64_t a = (account + 1) * UINT64_C(0x9e3779b97f4a7c15),
             b = (a ^ a >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    memcpy(address.bytes, &a, 8);
    memcpy(address.bytes + 8, &b, 8);
    memcpy(address.bytes + 16, &account, 4);
    return address;
}

/* Few accounts take part in most transfers: rank = N * u^3. */
static uint64_t pick(void)
{
    uint64_t u = next_random() >> 40, cube = (u * u >> 24) * u >> 24; /* 24 bits */
    return cube * ACCOUNTS >> 24;
}

struct synthetic {
    struct block block;
    struct transfer transfers[BLOCK_ROWS];
    struct transaction transactions[BLOCK_TRANSACTIONS];
};

static void fill_rows(struct synthetic *synthetic, uint64_t number)
{
    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        struct transfer *transfer = &synthetic->transfers[i];
        uint32_t transaction = i * 2 / 5;
        uint32_t before = i == 0 ? 0 : (i - 1) * 2 / 5;
        uint32_t index = i > 0 && before == transaction ? synthetic->transfers[i - 1].position.index + 1 : 0;
        uint64_t size = next_random() % 64;
        *transfer = (struct transfer){.position = {number, (int32_t)transaction, index},
                                      .kind = i % 2 ? TRANSFER_TOKEN : TRANSFER_VALUE,
                                      .from = address_of(pick()),
                                      .to = address_of(pick()),
                                      .amount = u256_from_u64(next_random() >> size),
                                      .log_index = i % 2 ? i / 2 : LOG_INDEX_NONE};
        if (i % 2) {
            transfer->asset.kind = ASSET_TOKEN;
            transfer->asset.contract = address_of(ACCOUNTS + pick() % 5000);
        }
    }
}

static void make_hash(struct hash *hash, uint64_t salt, uint64_t number)
{
    for (int i = 0; i < 4; i++) {
        uint64_t word = (number * 4 + (uint64_t)i + salt) * UINT64_C(0x9e3779b97f4a7c15);
        word = (word ^ word >> 31) * UINT64_C(0x94d049bb133111eb);
        word ^= word >> 29;
        memcpy(hash->bytes + i * 8, &word, 8);
    }
}

static struct hash transaction_hash(uint64_t number, uint64_t index)
{
    struct hash hash;
    make_hash(&hash, 77, number * BLOCK_TRANSACTIONS + index);
    return hash;
}

static void fill_block(struct synthetic *synthetic, uint64_t number)
{
    struct block *block = &synthetic->block;
    *block = (struct block){.chain_id = CHAIN,
                            .number = number,
                            .time = 1600000000 + number * 12,
                            .grade = GRADE_ASSERTED,
                            .transactions = synthetic->transactions,
                            .transaction_count = BLOCK_TRANSACTIONS,
                            .transfers = synthetic->transfers,
                            .transfer_count = BLOCK_ROWS};
    make_hash(&block->hash, 1, number);
    make_hash(&block->parent_hash, 1, number - 1);
    fill_rows(synthetic, number);
    for (uint32_t i = 0; i < BLOCK_TRANSACTIONS; i++)
        synthetic->transactions[i] = (struct transaction){.transaction_index = (int32_t)i,
                                                          .hash = transaction_hash(number, i),
                                                          .sender = address_of(pick()),
                                                          .nonce = next_random() % 10000,
                                                          .status = TRANSACTION_SUCCEEDED,
                                                          .grade = GRADE_ASSERTED};
}

/* --- bounds: bare LMDB with records of the same sizes ------------------------------------------------- */

struct sizes { /* of the records of some tables, in key order */
    size_t *values;
    size_t count, capacity;
    uint64_t bytes;
};

static void add_size(struct sizes *sizes, size_t size)
{
    if (sizes->count == sizes->capacity) {
        sizes->capacity = sizes->capacity * 2 + 1024;
        sizes->values = realloc(sizes->values, sizes->capacity * sizeof(*sizes->values));
        need(sizes->values != NULL, "sizes", "no memory");
    }
    sizes->values[sizes->count++] = size;
    sizes->bytes += size;
}

static void read_sizes(const char *path, const char *const *tables, struct sizes *ret_sizes)
{
    MDB_env *env;
    MDB_txn *txn;
    check_lmdb(mdb_env_create(&env), "create");
    check_lmdb(mdb_env_set_maxdbs(env, 16), "maxdbs");
    check_lmdb(mdb_env_open(env, path, MDB_RDONLY, 0600), "open");
    check_lmdb(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
    for (; *tables; tables++) {
        MDB_dbi table;
        MDB_cursor *cursor;
        MDB_val key, data;
        check_lmdb(mdb_dbi_open(txn, *tables, 0, &table), "table");
        check_lmdb(mdb_cursor_open(txn, table, &cursor), "cursor");
        while (!mdb_cursor_get(cursor, &key, &data, MDB_NEXT))
            add_size(ret_sizes, data.mv_size);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

static void make_directory(char *to, size_t size, const char *base, const char *name)
{
    snprintf(to, size, "%s/tracer-bench-%ld-%s", base, (long)getpid(), name);
    need(mkdir(to, 0700) == 0 || errno == EEXIST, to, "cannot be made");
}

static void remove_directory(const char *path)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
    char file[4096];
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof(file), "%s/%s", path, files[i]);
        unlink(file);
    }
    rmdir(path);
}

/* Seconds to append records of these sizes with MDB_APPEND and MDB_RESERVE, durably, `commit_bytes` a
 * transaction; what is written is copied from a buffer, as the least that any program must do. */
static double bare_append(const char *base, const struct sizes *sizes, size_t commit_bytes)
{
    char path[4096];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    size_t in_transaction = 0, largest = 0;
    for (size_t i = 0; i < sizes->count; i++)
        largest = sizes->values[i] > largest ? sizes->values[i] : largest;
    uint8_t *source = malloc(largest + 1);
    need(source != NULL, "bound", "no memory");
    memset(source, 0x5a, largest + 1);
    make_directory(path, sizeof(path), base, "bare");
    check_lmdb(mdb_env_create(&env), "create");
    check_lmdb(mdb_env_set_mapsize(env, (size_t)64 << 30), "mapsize");
    check_lmdb(mdb_env_set_maxdbs(env, 4), "maxdbs");
    check_lmdb(mdb_env_open(env, path, 0, 0600), "open");
    uint64_t start = clock_monotonic_ns();
    check_lmdb(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    check_lmdb(mdb_dbi_open(txn, "bare", MDB_CREATE, &table), "table");
    for (size_t i = 0; i < sizes->count; i++) {
        uint8_t bytes[16] = {0};
        for (int b = 0; b < 8; b++)
            bytes[15 - b] = (uint8_t)((uint64_t)i >> b * 8);
        MDB_val key = {sizeof(bytes), bytes}, data = {sizes->values[i], NULL};
        check_lmdb(mdb_put(txn, table, &key, &data, MDB_APPEND | MDB_RESERVE), "put");
        memcpy(data.mv_data, source, data.mv_size);
        in_transaction += data.mv_size;
        if (in_transaction >= commit_bytes) {
            check_lmdb(mdb_txn_commit(txn), "commit");
            check_lmdb(mdb_txn_begin(env, NULL, 0, &txn), "begin");
            in_transaction = 0;
        }
    }
    check_lmdb(mdb_txn_commit(txn), "commit");
    double seconds = seconds_since(start);
    mdb_env_close(env);
    free(source);
    remove_directory(path);
    return seconds;
}

/* Layout E of performance 2.4: adjacency chunks of at most 1 KB, a record an account and chunk, both
 * directions. */
static int compare_pairs(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static size_t add_varint(uint8_t *to, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        to[size++] = (uint8_t)(value | 0x80);
    to[size++] = (uint8_t)value;
    return size;
}

static double adjacency_append(const char *base, uint64_t rows)
{
    char path[4096];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    uint64_t *pairs = malloc((size_t)rows * 2 * sizeof(*pairs));
    need(pairs != NULL, "bound", "no memory");
    for (uint64_t i = 0; i < rows * 2; i++)
        pairs[i] = pick() << 32 | i / 2;
    qsort(pairs, (size_t)rows * 2, sizeof(*pairs), compare_pairs); /* gathered beforehand: not timed */
    make_directory(path, sizeof(path), base, "bare");
    check_lmdb(mdb_env_create(&env), "create");
    check_lmdb(mdb_env_set_mapsize(env, (size_t)64 << 30), "mapsize");
    check_lmdb(mdb_env_open(env, path, 0, 0600), "open");
    uint64_t start = clock_monotonic_ns();
    check_lmdb(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    check_lmdb(mdb_dbi_open(txn, NULL, 0, &table), "table");
    for (uint64_t i = 0; i < rows * 2;) {
        uint8_t bytes[8], chunk[1100];
        uint64_t first = pairs[i], before = first;
        size_t size = 0;
        for (; i < rows * 2 && pairs[i] >> 32 == first >> 32 && size < 1024; before = pairs[i++])
            size += add_varint(chunk + size, pairs[i] - before);
        for (int b = 0; b < 8; b++)
            bytes[7 - b] = (uint8_t)(first >> b * 8);
        MDB_val key = {sizeof(bytes), bytes}, data = {size, chunk};
        int result = mdb_put(txn, table, &key, &data, MDB_APPEND);
        check_lmdb(result == MDB_KEYEXIST ? 0 : result, "put"); /* a row from an account to itself */
    }
    check_lmdb(mdb_txn_commit(txn), "commit");
    double seconds = seconds_since(start);
    mdb_env_close(env);
    free(pairs);
    remove_directory(path);
    return seconds;
}

/* --- the store --------------------------------------------------------------------------------------- */

static struct graph *open_store(const char *path, enum graph_mode mode)
{
    struct graph *graph;
    struct error err = {0};
    const struct graph_options options = {.mode = mode};
    check(graph_open(path, &options, &graph, &err), &err, "open");
    return graph;
}

/* Blocks are made before the clock runs, a few at a time, as a decoder hands them over. */
#define BLOCKS_AHEAD 8u

static double load(struct graph *graph, uint64_t blocks)
{
    struct graph_network network = {.chain_id = CHAIN, .name = "ethereum"};
    struct graph_write *write;
    struct error err = {0};
    struct synthetic *ahead = malloc(BLOCKS_AHEAD * sizeof(*ahead));
    double seconds = 0;
    need(ahead != NULL, "load", "no memory");
    check(graph_put_network(graph, &network, &err), &err, "network");
    check(graph_begin(graph, &write, &err), &err, "begin");
    for (uint64_t first = 1; first <= blocks; first += BLOCKS_AHEAD) {
        uint64_t count = blocks - first + 1 < BLOCKS_AHEAD ? blocks - first + 1 : BLOCKS_AHEAD;
        for (uint64_t i = 0; i < count; i++)
            fill_block(&ahead[i], first + i);
        uint64_t start = clock_monotonic_ns();
        for (uint64_t i = 0; i < count; i++)
            check(graph_put_block(write, &ahead[i].block, &err), &err, "put");
        seconds += seconds_since(start);
    }
    uint64_t start = clock_monotonic_ns();
    check(graph_commit(write, &err), &err, "commit");
    free(ahead);
    return seconds + seconds_since(start);
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static double at_rank(double *values, size_t count, size_t percent)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return values[(count - 1) * percent / 100];
}

#define HEAD_BLOCKS 100u

/* One durable commit a block; index runs are left to their own time. */
static void head_commits(struct graph *graph, uint64_t first, double *ret_p50, double *ret_p99)
{
    double times[HEAD_BLOCKS];
    struct synthetic *one = malloc(sizeof(*one));
    need(one != NULL, "head", "no memory");
    for (uint64_t i = 0; i < HEAD_BLOCKS; i++) {
        struct graph_write *write;
        struct error err = {0};
        fill_block(one, first + i);
        uint64_t start = clock_monotonic_ns();
        check(graph_begin(graph, &write, &err), &err, "begin");
        check(graph_put_block(write, &one->block, &err), &err, "put");
        check(graph_commit(write, &err), &err, "commit");
        times[i] = seconds_since(start) * 1e3;
    }
    free(one);
    *ret_p50 = at_rank(times, HEAD_BLOCKS, 50);
    *ret_p99 = at_rank(times, HEAD_BLOCKS, 99);
}

static double bare_commits(const char *base, size_t bytes)
{
    char path[4096];
    double times[HEAD_BLOCKS];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    make_directory(path, sizeof(path), base, "bare");
    check_lmdb(mdb_env_create(&env), "create");
    check_lmdb(mdb_env_set_mapsize(env, (size_t)64 << 30), "mapsize");
    check_lmdb(mdb_env_open(env, path, 0, 0600), "open");
    for (uint64_t i = 0; i < HEAD_BLOCKS; i++) {
        uint8_t name[8] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)i};
        MDB_val key = {sizeof(name), name}, data = {bytes, NULL};
        uint64_t start = clock_monotonic_ns();
        check_lmdb(mdb_txn_begin(env, NULL, 0, &txn), "begin");
        check_lmdb(mdb_dbi_open(txn, NULL, 0, &table), "table");
        check_lmdb(mdb_put(txn, table, &key, &data, MDB_APPEND | MDB_RESERVE), "put");
        memset(data.mv_data, 0x5a, bytes);
        check_lmdb(mdb_txn_commit(txn), "commit");
        times[i] = seconds_since(start) * 1e3;
    }
    mdb_env_close(env);
    remove_directory(path);
    return at_rank(times, HEAD_BLOCKS, 50);
}

static double scan(struct graph *graph, uint64_t *ret_rows)
{
    struct cursor cursor;
    struct error err = {0};
    const struct cursor_row *rows;
    size_t count;
    uint64_t sum = 0;
    *ret_rows = 0;
    uint64_t start = clock_monotonic_ns();
    check(graph_cursor(graph, CHAIN, 0, UINT64_MAX, &cursor, &err), &err, "cursor");
    for (;;) {
        check(cursor.next(cursor.self, &rows, &count, &err), &err, "next");
        if (count == 0)
            break;
        for (size_t i = 0; i < count; i++)
            sum += rows[i].from ^ rows[i].to ^ rows[i].amount.limb[0];
        *ret_rows += count;
    }
    double seconds = seconds_since(start);
    cursor_close(&cursor);
    need(sum != 0, "scan", "nothing read");
    return seconds;
}

static enum tracer_status count_row(void *context, const struct transfer *transfer, struct error *err)
{
    (void)transfer;
    (void)err;
    ++*(uint64_t *)context;
    return TRACER_OK;
}

#define LOOKUPS 200u

static void walk_accounts(const char *path)
{
    double times[LOOKUPS], opens[LOOKUPS];
    uint64_t rows = 0;
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        struct error err = {0};
        uint64_t start = clock_monotonic_ns();
        struct graph *graph = open_store(path, GRAPH_READ);
        opens[i] = seconds_since(start) * 1e3;
        struct address account = address_of(500000 + next_random() % 500000); /* the cold half */
        start = clock_monotonic_ns();
        check(
            graph_each_of_account(graph, CHAIN, account, (struct position){0, -1, 0}, count_row, &rows, &err),
            &err, "account");
        times[i] = seconds_since(start) * 1e3;
        graph_close(graph);
    }
    printf("open a reader                p50 %.3f ms, p99 %.3f ms\n", at_rank(opens, LOOKUPS, 50),
           at_rank(opens, LOOKUPS, 99));
    printf("account walk after open      p50 %.3f ms, p99 %.3f ms (mean %.1f rows)\n",
           at_rank(times, LOOKUPS, 50), at_rank(times, LOOKUPS, 99), (double)rows / LOOKUPS);
}

static void find_transactions(const char *path, uint64_t blocks)
{
    double times[LOOKUPS];
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        struct error err = {0};
        struct position position;
        uint64_t number = 1 + next_random() % blocks, index = next_random() % BLOCK_TRANSACTIONS;
        struct graph *graph = open_store(path, GRAPH_READ);
        uint64_t start = clock_monotonic_ns();
        check(graph_find_transaction(graph, CHAIN, transaction_hash(number, index), &position, &err), &err,
              "find");
        times[i] = seconds_since(start) * 1e3;
        need(position.block_number == number && position.transaction_index == (int32_t)index, "find",
             "wrong place");
        graph_close(graph);
    }
    printf("find transaction after open  p50 %.3f ms, p99 %.3f ms\n", at_rank(times, LOOKUPS, 50),
           at_rank(times, LOOKUPS, 99));
}

static void hub(struct graph *graph)
{
    uint64_t rows = 0;
    struct error err = {0};
    uint64_t start = clock_monotonic_ns();
    check(graph_each_of_account(graph, CHAIN, address_of(0), (struct position){0, -1, 0}, count_row, &rows,
                                &err),
          &err, "hub");
    double seconds = seconds_since(start);
    printf("account walk, the hub        %.2f M rows/s (%" PRIu64 " rows)\n", (double)rows / seconds / 1e6,
           rows);
}

int main(void)
{
    static const char *const log_tables[] = {"log", "transaction", "block", "account", "asset", NULL};
    static const char *const only_log[] = {"log", NULL};
    static const char *const index_tables[] = {"segment", NULL};
    const char *wanted = getenv("TRACER_BENCH_ROWS"), *base = getenv("TRACER_BENCH_DIR");
    uint64_t rows = wanted ? strtoull(wanted, NULL, 10) : 10000000;
    uint64_t blocks = rows / BLOCK_ROWS ? rows / BLOCK_ROWS : 1;
    char path[4096];
    struct error err = {0};
    struct graph_stat stat;
    if (!base)
        base = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    rows = blocks * BLOCK_ROWS;
    double million = (double)rows / 1e6;
    make_directory(path, sizeof(path), base, "store");

    struct graph *graph = open_store(path, GRAPH_CREATE);
    heap_keep(true); /* as the program does; the bounds run without */
    double loaded = load(graph, blocks);
    double log_write = (double)graph->timing.log_ns / 1e9, runs = (double)graph->timing.index_ns / 1e9;
    double beside = (double)graph->timing.beside_ns / 1e9, waited = (double)graph->timing.wait_ns / 1e9;
    uint64_t start = clock_monotonic_ns();
    check(graph_rebuild(graph, &err), &err, "rebuild");
    double indexed = seconds_since(start);
    graph_close(graph);

    struct sizes log = {0}, log_only = {0}, index = {0};
    read_sizes(path, log_tables, &log);
    read_sizes(path, only_log, &log_only);
    read_sizes(path, index_tables, &index);
    heap_keep(false);
    double log_bound = bare_append(base, &log, TRACER_MIB(24));
    double index_bound = bare_append(base, &index, TRACER_MIB(24));
    double adjacency_bound = adjacency_append(base, rows);
    double log_seconds = loaded - runs;

    printf("rows %.2f M, blocks %" PRIu64 ", accounts %u\n", million, blocks, ACCOUNTS);
    printf("load, log and index          %.2f M rows/s (%.2f s)\n", million / loaded, loaded);
    printf("index, rebuilt from the log  %.2f M rows/s (%.2f s)\n", million / indexed, indexed);
    printf("  bare append, same bytes    %.2f M rows/s: ratio %.2f (goal 0.60)\n", million / index_bound,
           index_bound / indexed);
    printf("  adjacency chunks <= 1 KB   %.2f M rows/s: ratio %.2f (goal 0.60)\n", million / adjacency_bound,
           adjacency_bound / indexed);
    printf("log: what a load waits for   %.2f M rows/s (%.2f s)\n", million / log_write, log_write);
    printf("  bare append, same bytes    %.2f M rows/s: ratio %.2f (goal 0.70)\n", million / log_bound,
           log_bound / log_write);
    double both = log_write - waited + beside;
    printf("log: work of both cores      %.2f M rows/s (%.2f s, %.2f s of them by the second): ratio %.2f\n",
           million / both, both, beside, log_bound / both);
    printf("log with ids and digests     %.2f M rows/s (%.2f s): ratio %.2f (goal 0.70, if it is to include "
           "them)\n",
           million / log_seconds, log_seconds, log_bound / log_seconds);
    printf("bytes a transfer             log %.1f, index (rows, hashes, addresses) %.1f; with transactions, "
           "blocks, "
           "accounts %.1f (goal: log + both directions 40)\n",
           (double)log_only.bytes / (double)rows, (double)index.bytes / (double)rows,
           (double)(log.bytes + index.bytes) / (double)rows);

    graph = open_store(path, GRAPH_WRITE);
    uint64_t scanned;
    double scan_seconds = scan(graph, &scanned);
    printf("cursor scan                  %.1f M rows/s\n", (double)scanned / scan_seconds / 1e6);
    hub(graph);
    double p50, p99, bare = bare_commits(base, log.bytes / blocks);
    heap_keep(true);
    head_commits(graph, blocks + 1, &p50, &p99);
    printf(
        "head block, durable commit   p50 %.3f ms, p99 %.3f ms; bare log-only commit p50 %.3f ms: ratio %.2f "
        "(goal 4)\n",
        p50, p99, bare, p50 / bare);
    check(graph_stat(graph, &stat, &err), &err, "stat");
    printf("file %.1f B/row, segments %" PRIu64 ", chunks %" PRIu64 "\n",
           (double)stat.file_bytes / (double)rows, stat.segments, stat.chunks);
    graph_close(graph);
    walk_accounts(path);
    find_transactions(path, blocks);
    remove_directory(path);
    free(log.values);
    free(log_only.values);
    free(index.values);
    return 0;
}
