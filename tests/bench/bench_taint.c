/* bench_taint.c - the engine beside a plain loop over arrays that does the same sums (performance.md 5, goals
 * 9, 10).
 *
 *     bench_taint [STORE]    TRACER_BENCH_ROWS transfers (default 5,000,000), TRACER_BENCH_ACCOUNTS (500,000)
 *
 * TRACER_BENCH_LINEAR=10: instead of all that, ten times the rows beside the rows, in turns, and what the loop itself grows by. More
 * rows of the same accounts carry taint more often, and more lots each: the cost of such a row, and of a lot, is told, too.
 *
 * With STORE, a directory, the rows are put into a store there (one that exists already is taken for the one that was made with the
 * same numbers) and the engine reads that. TRACER_BENCH_POLICIES, TRACER_BENCH_SEEDS and TRACER_BENCH_HEISTS name the lines to print; unset: all.
 *
 * A power-law graph in memory: each account first gets units from void, then accounts pay each other parts of
 * what they hold. Stolen is what void paid to all accounts, to every seventh, or to 300. The loop has 64-bit
 * amounts, no records of tainted rows, no checks of keys, and hops and parents under poison only: it is the bound, not a rival. Both must
 * find the same tainted units at the end. Then one holding of very many lots beside the same transfers over many
 * holdings, whole holdings going to and fro, and poison with 64 sources beside one. With STORE, also heists that reach some accounts only: by
 * a scan, by the index, and as the planner (graph_gather()) chooses. Every measurement runs in a process of its own; the rows (72 bytes
 * each) are part of its peak memory. CPU seconds, the best of TRACER_BENCH_TIMES (default 3).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/graph.h"
#include "tracer/large.h"
#include "tracer/taint.h"

#define BATCH_ROWS 4096u
#define WARM_ROWS_MAX ((size_t)12000000) /* 6 GB */

static void die(const char *what)
{
    fprintf(stderr, "bench_taint: %s\n", what);
    exit(1);
}

static void *must(void *memory)
{
    if (!memory)
        die("no memory");
    return memory;
}

/* CPU seconds of the process: other work on the machine matters less than to the wall clock. */
static double seconds_used(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used))
        die("no clock");
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* ---- rows ---- */

struct rows {
    struct cursor_row *rows;
    size_t count, at;
    uint32_t accounts; /* without void */
};

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 1 .. accounts, low numbers far more often: the cube of a uniform draw. */
static uint32_t draw_account(uint64_t *state, uint32_t accounts)
{
    uint64_t u = draw(state) >> 32;
    uint64_t cube = (u * u >> 32) * u >> 32;
    uint64_t rank = cube * accounts >> 32;
    return 1 + (uint32_t)(rank * 2654435761u % accounts); /* popular accounts do not stand side by side */
}

static struct rows make_rows(size_t transfers, uint32_t accounts)
{
    struct rows made = {.count = transfers + accounts, .accounts = accounts};
    uint64_t state = 0x2545f4914f6cdd1du, *balance = must(calloc((size_t)accounts + 1, sizeof(*balance)));
    made.rows = must(calloc(made.count, sizeof(*made.rows)));
    for (size_t i = 0; i < made.count; i++) {
        struct cursor_row *row = &made.rows[i];
        uint32_t to = i < accounts ? (uint32_t)i + 1 : draw_account(&state, accounts), from = 0;
        uint64_t v = 1 + draw(&state) % 1000000000000u;
        if (i >= accounts)
            from = draw_account(&state, accounts);
        if (from && (from == to || balance[from] == 0))
            from = 0; /* minted */
        else if (from)
            v = draw(&state) % 4 == 0 ? balance[from] : 1 + draw(&state) % balance[from];
        balance[from] -= from ? v : 0;
        balance[to] += v;
        *row = (struct cursor_row){.position = {i / 100, (int32_t)(i % 100), 0},
                                   .amount = u256_from_u64(v),
                                   .from = from,
                                   .to = to,
                                   .kind = TRANSFER_VALUE};
    }
    free(balance);
    return made;
}

static enum tracer_status next(void *self, const struct cursor_row **ret_rows, size_t *ret_count,
                               struct error *err)
{
    struct rows *rows = self;
    size_t left = rows->count - rows->at;
    (void)err;
    *ret_rows = rows->rows + rows->at;
    *ret_count = left < BATCH_ROWS ? left : BATCH_ROWS;
    rows->at += *ret_count;
    return TRACER_OK;
}

static enum tracer_status start_again(void *self, struct error *err)
{
    (void)err;
    ((struct rows *)self)->at = 0;
    return TRACER_OK;
}

static uint32_t account_count(void *self)
{
    return ((struct rows *)self)->accounts + 1;
}

static uint32_t asset_count(void *self)
{
    (void)self;
    return 1;
}

static struct address account(void *self, uint32_t id)
{
    struct address address = {{0}};
    (void)self;
    for (int i = 0; i < 4; i++)
        address.bytes[i] = (uint8_t)(id >> (24 - 8 * i));
    return address;
}

static struct asset asset(void *self, uint32_t id)
{
    (void)self;
    (void)id;
    return (struct asset){.kind = ASSET_NATIVE};
}

/* Is what void paid to this account at first stolen? */
static bool is_seeded(const struct rows *rows, uint32_t id, uint32_t every)
{
    return every ? id % every == 0 : id % (rows->accounts / 300 + 1) == 0;
}

/* ---- the plain loops: one source, u64, tags 0 source, 1 unknown, 2 clean ---- */

static uint64_t lots_moved;

struct plain_lot {
    uint64_t units;
    uint64_t tag;
};
struct plain {
    uint64_t balance, tainted;
    uint32_t hop, via; /* poison */
    struct plain_lot *lots;
    uint32_t start, count, capacity;
};

static void plain_push(struct plain *p, uint64_t units, uint64_t tag)
{
    if (p->count && p->lots[p->start + p->count - 1].tag == tag) {
        p->lots[p->start + p->count - 1].units += units;
        return;
    }
    if (p->start + p->count == p->capacity) {
        if (p->start > p->capacity / 2) {
            memmove(p->lots, p->lots + p->start, p->count * sizeof(*p->lots));
            p->start = 0;
        } else {
            p->capacity = p->capacity ? 2 * p->capacity : 4;
            p->lots = must(realloc(p->lots, p->capacity * sizeof(*p->lots)));
        }
    }
    p->lots[p->start + p->count++] = (struct plain_lot){units, tag};
}

static void plain_fifo(struct plain *from, struct plain *to, uint64_t v)
{
    for (; v; lots_moved++) {
        struct plain_lot *lot = &from->lots[from->start];
        uint64_t part = lot->units < v ? lot->units : v, tag = lot->tag;
        lot->units -= part;
        v -= part;
        if (!lot->units && (from->count--, ++from->start, !from->count))
            from->start = 0;
        plain_push(to, part, tag);
    }
}

static void plain_lifo(struct plain *from, struct plain *to, uint64_t v)
{
    size_t end = from->start + from->count, first = end;
    while (v >= from->lots[first - 1].units) {
        v -= from->lots[--first].units;
        if (!v)
            break;
    }
    if (v) {
        from->lots[first - 1].units -= v;
        plain_push(to, v, from->lots[first - 1].tag);
    }
    for (size_t i = first; i < end; i++)
        plain_push(to, from->lots[i].units, from->lots[i].tag);
    lots_moved += end - first + (v > 0);
    from->count -= (uint32_t)(end - first);
}

static uint64_t run_plain(const struct rows *rows, enum taint_policy policy, uint32_t every)
{
    struct plain *state = must(calloc((size_t)rows->accounts + 1, sizeof(*state)));
    uint64_t held = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct cursor_row *row = &rows->rows[i];
        struct plain *from = &state[row->from], *to = &state[row->to];
        uint64_t v = row->amount.limb[0], m = 0;
        bool seeded = i < rows->accounts && is_seeded(rows, row->to, every);
        if (policy == POLICY_POISON) {
            bool carries = row->from ? from->tainted : seeded;
            uint32_t hop = row->from ? from->hop + 1 : 0;
            from->balance -= row->from ? v : 0;
            from->tainted = from->tainted && from->balance;
            if (carries && (!to->tainted || hop < to->hop)) {
                to->tainted = 1;
                to->hop = hop;
                to->via = (uint32_t)i;
            }
            to->balance += v;
        } else if (policy == POLICY_HAIRCUT) {
            if (row->from) {
                m = (uint64_t)((unsigned __int128)from->tainted * v / from->balance);
                from->tainted -= m;
                from->balance -= v;
            } else {
                m = seeded ? v : 0;
            }
            to->tainted += m;
            to->balance += v;
        } else if (!row->from) {
            plain_push(to, v, seeded ? 0 : 2);
        } else if (policy == POLICY_FIFO) {
            plain_fifo(from, to, v);
        } else {
            plain_lifo(from, to, v);
        }
    }
    for (size_t a = 0; a <= rows->accounts; a++) {
        held += policy == POLICY_POISON ? (state[a].tainted ? state[a].balance : 0) : state[a].tainted;
        for (size_t l = 0; l < state[a].count; l++)
            held += state[a].lots[state[a].start + l].tag == 0 ? state[a].lots[state[a].start + l].units : 0;
    }
    return held; /* the process ends: nothing is freed */
}

/* ---- the store ---- */

#define CHAIN 1u
#define BLOCK_ROWS 100u /* as make_rows() numbers them */

static void put_rows(const struct rows *rows, const char *path)
{
    struct graph_options options = {.mode = GRAPH_CREATE};
    struct graph_network network = {.chain_id = CHAIN, .name = "bench", .imported = true};
    struct graph *graph;
    struct graph_write *write;
    struct error err = {0};
    static struct transfer transfers[BLOCK_ROWS];
    if (graph_open(path, &options, &graph, &err) || graph_put_network(graph, &network, &err) ||
        graph_begin(graph, &write, &err))
        die(err.text);
    for (size_t i = 0; i < rows->count; i += BLOCK_ROWS) {
        size_t count = rows->count - i < BLOCK_ROWS ? rows->count - i : BLOCK_ROWS;
        for (size_t r = 0; r < count; r++)
            transfers[r] = (struct transfer){.position = rows->rows[i + r].position,
                                             .kind = TRANSFER_VALUE,
                                             .from = account(NULL, rows->rows[i + r].from),
                                             .to = account(NULL, rows->rows[i + r].to),
                                             .amount = rows->rows[i + r].amount,
                                             .log_index = LOG_INDEX_NONE};
        struct block block = {.chain_id = CHAIN,
                              .number = i / BLOCK_ROWS,
                              .time = i / BLOCK_ROWS,
                              .grade = GRADE_ASSERTED,
                              .transfers = transfers,
                              .transfer_count = count};
        if (graph_put_block(write, &block, &err))
            die(err.text);
    }
    if (graph_commit(write, &err))
        die(err.text);
    graph_close(graph);
}

static struct cursor open_cursor(struct rows *rows, const char *path)
{
    struct cursor cursor = {rows, next, start_again, account_count, asset_count, account, asset, NULL};
    struct graph_options options = {.mode = GRAPH_READ};
    struct graph *graph;
    struct error err = {0};
    if (path && (graph_open(path, &options, &graph, &err) ||
                 graph_cursor(graph, CHAIN, 0, rows->count / BLOCK_ROWS, &cursor, &err)))
        die(err.text);
    return cursor; /* the process ends: nothing is closed */
}

/* ---- the engine ---- */

/* Units of the first source. */
static uint64_t held_by_first(const struct taint *taint)
{
    uint64_t held = 0;
    for (size_t i = 0; i < taint_holding_count(taint); i++) {
        struct taint_holding holding = taint_holding_at(taint, i);
        held += holding.tag == 0 ? holding.amount.limb[0] : 0;
    }
    return held;
}

static uint64_t run_engine(struct rows *rows, const char *path, enum taint_policy policy, uint32_t every,
                           double *ret_seconds, uint64_t *ret_flagged)
{
    struct cursor cursor = open_cursor(rows, path);
    struct taint_seed *seeds = must(calloc(rows->accounts, sizeof(*seeds)));
    struct taint_input input = {.options.policy = policy, .seeds = seeds};
    struct taint *taint;
    struct error err = {0};
    for (uint32_t i = 0; i < rows->accounts; i++)
        if (is_seeded(rows, rows->rows[i].to, every))
            seeds[input.seed_count++] =
                (struct taint_seed){.source = "s", .position = rows->rows[i].position};
    if (taint_new(&input, &cursor, &taint, &err))
        die(err.text);
    double begun = seconds_used();
    if (taint_replay(taint, NULL, NULL, &err))
        die(err.text);
    *ret_seconds = seconds_used() - begun;
    *ret_flagged = taint_hop_count(taint);
    return held_by_first(taint);
}

/* ---- by the index or by a scan ---- */

struct heist {
    const char *name;
    uint32_t accounts, gap; /* one of its transfers every `gap` rows; 0: the first of them is what void paid to every seventh account */
    size_t first;           /* row: the theft */
};

/* Behind the other accounts come fresh ones that pay each other parts of what was stolen late in the history. */
static struct rows add_heists(const struct rows *base, struct heist *heists, size_t count)
{
    struct rows made = {.count = base->count, .accounts = base->accounts};
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t h = 0; h < count; h++)
        made.count += heists[h].accounts;
    made.rows = must(calloc(made.count, sizeof(*made.rows)));
    uint64_t *balance = must(calloc(made.count, sizeof(*balance)));
    uint32_t *paid = must(calloc(count, sizeof(*paid))), *first = must(calloc(count, sizeof(*first)));
    for (size_t h = 0; h < count; h++) {
        first[h] = made.accounts + 1;
        made.accounts += heists[h].accounts;
    }
    for (size_t i = 0, at = 0; i < base->count; i++) {
        made.rows[at++] = base->rows[i];
        for (size_t h = 0; h < count; h++) {
            struct heist *heist = &heists[h];
            if (paid[h] == heist->accounts || (base->count - i) / heist->gap > heist->accounts - paid[h])
                continue;
            uint32_t from = paid[h] ? (uint32_t)(draw(&state) % paid[h]) : 0, to = paid[h];
            uint64_t v = paid[h] ? 1 + balance[first[h] - 1 + from] / 2 : UINT64_C(1) << 60;
            heist->first = paid[h] ? heist->first : at;
            balance[first[h] - 1 + from] -= paid[h] ? v : 0;
            balance[first[h] - 1 + to] += v;
            made.rows[at++] = (struct cursor_row){.amount = u256_from_u64(v), .from = paid[h] ? first[h] + from : 0, .to = first[h] + to, .kind = TRANSFER_VALUE};
            paid[h]++;
        }
        made.count = at;
    }
    for (size_t i = 0; i < made.count; i++)
        made.rows[i].position = (struct position){i / 100, (int32_t)(i % 100), 0};
    free(balance);
    free(paid);
    free(first);
    return made;
}

enum way { WAY_SCAN, WAY_INDEX, WAY_PLANNED, WAY_COUNT };

static struct taint *make_engine(struct graph *graph, const struct taint_input *input, enum way way, struct cursor *cursor)
{
    struct cursor_index index;
    struct taint *taint = NULL;
    struct error err = {0};
    enum tracer_status status = TRACER_E_LIMIT;
    if (way != WAY_SCAN) {
        status = graph_gather(graph, CHAIN, 0, UINT64_MAX, way == WAY_INDEX ? UINT64_MAX : 0, cursor, &index, &err);
        if (!status && !(status = taint_new(input, cursor, &taint, &err)))
            status = taint_reach(taint, &index, &err);
    }
    if (status == TRACER_E_LIMIT) {
        taint_free(taint);
        if (way != WAY_SCAN)
            cursor_close(cursor);
        status = graph_cursor(graph, CHAIN, 0, UINT64_MAX, cursor, &err);
        if (!status)
            status = taint_new(input, cursor, &taint, &err);
    }
    if (status)
        die(err.text);
    return taint;
}

/* The best of some runs in one process: the store is open, and its pages are there. */
static uint64_t run_heist(const struct rows *rows, const char *path, enum taint_policy policy, const struct heist *heist, enum way way,
                          uint64_t times, double *ret_seconds)
{
    struct graph_options options = {.mode = GRAPH_READ};
    struct taint_seed *seeds = must(calloc(rows->accounts, sizeof(*seeds)));
    struct taint_input input = {.options.policy = policy, .seeds = seeds};
    struct graph *graph;
    struct error err = {0};
    uint64_t held = 0;
    if (heist->accounts)
        seeds[input.seed_count++] = (struct taint_seed){.source = "s", .position = rows->rows[heist->first].position};
    for (uint32_t i = 0; !heist->accounts && i < rows->accounts && rows->rows[i].from == 0; i += 7)
        seeds[input.seed_count++] = (struct taint_seed){.source = "s", .position = rows->rows[i].position};
    if (graph_open(path, &options, &graph, &err))
        die(err.text);
    heap_keep(true); /* as the program does */
    *ret_seconds = 1e9;
    for (uint64_t i = 0; i < times; i++) {
        struct cursor cursor;
        double begun = seconds_used();
        struct taint *taint = make_engine(graph, &input, way, &cursor);
        if (taint_replay(taint, NULL, NULL, &err))
            die(err.text);
        double seconds = seconds_used() - begun;
        *ret_seconds = seconds < *ret_seconds ? seconds : *ret_seconds;
        held = held_by_first(taint);
        taint_free(taint);
        cursor_close(&cursor);
    }
    return held;
}

/* ---- many lots, many sources ---- */

enum shape { SHAPE_ONE, SHAPE_SPREAD, SHAPE_TO_AND_FRO };

/* `count` lots, one after the other of two tags, then `count` small spends: of one account, or each of one of 1,000. To and
 * fro: half of the lots' account goes to a second one and back, 2 * count / 2 times. */
static struct rows make_lots(size_t count, enum shape shape)
{
    struct rows made = {.count = 2 * count, .accounts = 1003};
    made.rows = must(calloc(made.count, sizeof(*made.rows)));
    for (size_t i = 0; i < made.count; i++) {
        uint32_t holder = shape == SHAPE_SPREAD ? 2 + (uint32_t)(i / 2 % 1000) : 2;
        bool lot = i < count, there = shape == SHAPE_TO_AND_FRO && (i - count) % 2;
        made.rows[i] = (struct cursor_row){.position = {i / 100, (int32_t)(i % 100), 0},
                                           .amount = u256_from_u64(lot                          ? 10
                                                                   : shape == SHAPE_TO_AND_FRO ? count * 5 + 3
                                                                                               : 4),
                                           .from = lot ? 0 : there ? 1 : holder,
                                           .to = lot ? holder : there || shape != SHAPE_TO_AND_FRO ? holder : 1,
                                           .kind = TRANSFER_VALUE};
        if (!lot && shape != SHAPE_TO_AND_FRO)
            made.rows[i].to = 1;
    }
    return made;
}

/* CPU seconds of the engine over rows whose every second lot (or every row of void, if `sources` > 1) is stolen. */
static double run_seeded(struct rows *rows, enum taint_policy policy, uint32_t sources)
{
    struct cursor cursor = {rows, next, start_again, account_count, asset_count, account, asset, NULL};
    struct taint_seed *seeds = must(calloc(rows->count, sizeof(*seeds)));
    struct taint_input input = {.options.policy = policy, .seeds = seeds};
    struct taint *taint;
    struct error err = {0};
    for (size_t i = 0; i < rows->count; i++)
        if (rows->rows[i].from == 0 && i % 2 == 0) {
            struct taint_seed *seed = &seeds[input.seed_count++];
            *seed = (struct taint_seed){.position = rows->rows[i].position};
            snprintf(seed->source, sizeof(seed->source), "s%02u", (unsigned)(i / 2 % sources));
        }
    rows->at = 0;
    if (taint_new(&input, &cursor, &taint, &err))
        die(err.text);
    double begun = seconds_used();
    if (taint_replay(taint, NULL, NULL, &err))
        die(err.text);
    double seconds = seconds_used() - begun;
    taint_free(taint);
    free(seeds);
    return seconds;
}

static double best_seeded(struct rows *rows, enum taint_policy policy, uint32_t sources, uint64_t times)
{
    double best = run_seeded(rows, policy, sources);
    for (uint64_t i = 1; i < times; i++) {
        double again = run_seeded(rows, policy, sources);
        best = again < best ? again : best;
    }
    return best;
}

static void bench_lots(size_t count, uint64_t times)
{
    static const enum taint_policy policies[] = {POLICY_FIFO, POLICY_LIFO, POLICY_CLEANFIRST, POLICY_TAINTFIRST};
    struct rows shapes[] = {make_lots(count, SHAPE_ONE), make_lots(count, SHAPE_SPREAD), make_lots(count, SHAPE_TO_AND_FRO)};
    printf("\n%zu lots, %zu spends\n%-10s %14s %14s %7s %18s\n", count, count, "policy", "one holding", "1,000 holdings", "times",
           "half to and fro");
    for (size_t p = 0; p < sizeof(policies) / sizeof(*policies); p++) {
        double one = best_seeded(&shapes[0], policies[p], 1, times), spread = best_seeded(&shapes[1], policies[p], 1, times);
        double moved = best_seeded(&shapes[2], policies[p], 1, times);
        printf("%-10s %12.0f/s %12.0f/s %7.2f %16.0f/s\n", taint_policy_name(policies[p]), (double)shapes[0].count / one,
               (double)shapes[1].count / spread, one / spread, (double)shapes[2].count / moved);
    }
    for (size_t i = 0; i < 3; i++)
        free(shapes[i].rows);
}

static void bench_sources(struct rows *rows, uint64_t times)
{
    double one = best_seeded(rows, POLICY_POISON, 1, times), many = best_seeded(rows, POLICY_POISON, 64, times);
    printf("\npoison with 64 sources in one pass: %.2f times one source\n", many / one);
}

/* ---- measuring ---- */

struct figure {
    double seconds;
    uint64_t held;
    uint64_t flagged; /* rows; of the engine */
    uint64_t lots;    /* moved; of the loop */
    long peak_kb;
};

static struct figure measure(struct rows *rows, const char *path, enum taint_policy policy, uint32_t every,
                             bool engine)
{
    int ends[2];
    struct figure figure = {0};
    struct rusage usage;
    int exit_status;
    fflush(stdout);
    if (pipe(ends))
        die("no pipe");
    pid_t child = fork();
    if (child < 0)
        die("no process");
    if (child == 0) {
        if (engine) {
            figure.held = run_engine(rows, path, policy, every, &figure.seconds, &figure.flagged);
        } else {
            double begun = seconds_used();
            figure.held = run_plain(rows, policy, every);
            figure.seconds = seconds_used() - begun;
            figure.lots = lots_moved;
        }
        _exit(write(ends[1], &figure, sizeof(figure)) != (ssize_t)sizeof(figure));
    }
    close(ends[1]);
    bool good = read(ends[0], &figure, sizeof(figure)) == (ssize_t)sizeof(figure);
    close(ends[0]);
    if (wait4(child, &exit_status, 0, &usage) != child || exit_status != 0 || !good)
        die("a measurement failed");
    figure.peak_kb = usage.ru_maxrss;
    return figure;
}

static struct figure best(struct rows *rows, const char *path, enum taint_policy policy, uint32_t every,
                          bool engine, uint64_t times)
{
    struct figure best = measure(rows, path, policy, every, engine);
    for (uint64_t i = 1; i < times; i++) {
        struct figure again = measure(rows, path, policy, every, engine);
        if (again.seconds < best.seconds)
            best.seconds = again.seconds;
    }
    return best;
}

/* The faster of what was measured before (seconds 0: nothing) and now. */
static void measure_again(struct figure *best, struct rows *rows, enum taint_policy policy, uint32_t every, bool engine)
{
    struct figure again = measure(rows, NULL, policy, every, engine);
    if (!best->seconds || again.seconds < best->seconds)
        *best = again;
}

static void bench_linear(const struct rows *large, size_t factor, uint64_t times)
{
    static const enum taint_policy policies[] = {POLICY_POISON, POLICY_HAIRCUT, POLICY_FIFO};
    static const struct {
        const char *name;
        uint32_t every;
    } sizes[] = {{"all", 1}, {"1/7", 7}};
    const char *only = getenv("TRACER_BENCH_POLICIES"), *only_sizes = getenv("TRACER_BENCH_SEEDS");
    struct rows rows[] = {*large, *large};
    rows[0].count = (large->count - large->accounts) / factor + large->accounts;
    double more = (double)rows[1].count / (double)rows[0].count;
    printf("%zu rows, then %zu: %.2f times as many, %" PRIu32 " accounts; ns, and how many times as many the whole costs\n", rows[0].count,
           rows[1].count, more, large->accounts);
    printf("%-8s %-5s %17s %7s %7s %19s %19s %19s\n", "policy", "seeds", "ns/row", "times", "loop", "rows with taint", "ns/such row",
           "lots moved/row");
    for (size_t p = 0; p < sizeof(policies) / sizeof(*policies); p++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
            struct figure loop[2] = {{0}}, engine[2] = {{0}};
            if ((only && !strstr(only, taint_policy_name(policies[p]))) || (only_sizes && !strstr(only_sizes, sizes[s].name)))
                continue;
            for (uint64_t i = 0; i < times; i++)
                for (size_t r = 0; r < 2; r++) {
                    measure_again(&loop[r], &rows[r], policies[p], sizes[s].every, false);
                    measure_again(&engine[r], &rows[r], policies[p], sizes[s].every, true);
                    if (loop[r].held != engine[r].held)
                        die("the loop and the engine do not agree");
                }
            double ns[2], per[2], share[2], lots[2];
            for (size_t r = 0; r < 2; r++) {
                double count = (double)rows[r].count, flagged = (double)engine[r].flagged;
                ns[r] = 1e9 * engine[r].seconds / count;
                per[r] = 1e9 * engine[r].seconds / flagged;
                share[r] = 100 * flagged / count;
                lots[r] = (double)loop[r].lots / count;
            }
            printf("%-8s %-5s %7.0f, %7.0f %7.2f %7.2f %8.1f%%, %7.1f%% %9.0f, %8.0f %9.2f, %8.2f\n", taint_policy_name(policies[p]),
                   sizes[s].name, ns[0], ns[1], engine[1].seconds / engine[0].seconds, loop[1].seconds / loop[0].seconds, share[0], share[1],
                   per[0], per[1], lots[0], lots[1]);
            fflush(stdout);
        }
}

/* In a process of its own, as measure(). */
static struct figure measure_heist(const struct rows *rows, const char *path, enum taint_policy policy, const struct heist *heist, enum way way,
                                   uint64_t times)
{
    int ends[2], exit_status;
    struct figure figure = {0};
    fflush(stdout);
    if (pipe(ends))
        die("no pipe");
    pid_t child = fork();
    if (child == 0) {
        figure.held = run_heist(rows, path, policy, heist, way, times, &figure.seconds);
        _exit(write(ends[1], &figure, sizeof(figure)) != (ssize_t)sizeof(figure));
    }
    close(ends[1]);
    bool good = child > 0 && read(ends[0], &figure, sizeof(figure)) == (ssize_t)sizeof(figure);
    close(ends[0]);
    if (!good || waitpid(child, &exit_status, 0) != child || exit_status != 0)
        die("a measurement failed");
    return figure;
}

static void make_store(const struct rows *rows, const char *path);

static void bench_heists(const struct rows *base, const char *path, uint64_t times)
{
    /* The fourth costs what the scan costs; in the fifth the planner finds late that the index costs more. */
    struct heist heists[] = {{"300", 300, 50, 0},        {"5,000", 5000, 40, 0},    {"100,000", 100000, 20, 0},
                             {"520,000", 520000, 10, 0}, {"720,000", 720000, 7, 0}, {"1/7", 0, 1, 0}};
    static const enum taint_policy policies[] = {POLICY_POISON, POLICY_HAIRCUT, POLICY_FIFO};
    const char *only = getenv("TRACER_BENCH_POLICIES"), *only_heists = getenv("TRACER_BENCH_HEISTS");
    struct rows rows = add_heists(base, heists, sizeof(heists) / sizeof(*heists) - 1);
    char store[4096];
    snprintf(store, sizeof(store), "%s-heists", path);
    make_store(&rows, store);
    printf("\n%zu rows; accounts that taint reaches, late in the history; milliseconds\n%-8s %-8s %10s %10s %10s %18s\n", rows.count, "policy",
           "accounts", "scan", "index", "planned", "times the better");
    for (size_t p = 0; p < sizeof(policies) / sizeof(*policies); p++)
        for (size_t h = 0; h < sizeof(heists) / sizeof(*heists); h++) {
            struct figure figures[WAY_COUNT];
            uint64_t small = h < 2 ? 10 * times : times;
            if ((only && !strstr(only, taint_policy_name(policies[p]))) || (only_heists && !strstr(only_heists, heists[h].name)))
                continue;
            for (enum way way = WAY_SCAN; way < WAY_COUNT; way++)
                figures[way] = measure_heist(&rows, store, policies[p], &heists[h], way, way == WAY_SCAN ? times : way == WAY_INDEX && !heists[h].accounts ? 1 : small);
            if (figures[WAY_SCAN].held != figures[WAY_INDEX].held || figures[WAY_SCAN].held != figures[WAY_PLANNED].held)
                die("scan and index do not agree");
            double better = figures[WAY_SCAN].seconds < figures[WAY_INDEX].seconds ? figures[WAY_SCAN].seconds : figures[WAY_INDEX].seconds;
            printf("%-8s %-8s %10.2f %10.2f %10.2f %18.2f\n", taint_policy_name(policies[p]), heists[h].name, 1e3 * figures[WAY_SCAN].seconds,
                   1e3 * figures[WAY_INDEX].seconds, 1e3 * figures[WAY_PLANNED].seconds, figures[WAY_PLANNED].seconds / better);
        }
    free(rows.rows);
}

/* Memory that this machine never gave out costs many times what it costs the second time: give it out once, so that
 * no measurement pays for it. */
static void warm_memory(size_t size)
{
    char *memory = must(malloc(size));
    for (size_t at = 0; at < size; at += 4096)
        memory[at] = 1;
    free(memory);
}

static uint64_t environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* In a process of its own: a store is opened after a fork, never before. */
static void make_store(const struct rows *rows, const char *path)
{
    int exit_status;
    if (access(path, F_OK) == 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        put_rows(rows, path);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &exit_status, 0) != child || exit_status != 0)
        die("the store was not made");
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : NULL;
    static const enum taint_policy policies[] = {POLICY_FIFO, POLICY_LIFO, POLICY_HAIRCUT, POLICY_POISON};
    static const struct {
        const char *name;
        uint32_t every;
    } sizes[] = {{"all", 1}, {"1/7", 7}, {"300", 0}};
    uint64_t times = environment("TRACER_BENCH_TIMES", 3);
    const char *only = getenv("TRACER_BENCH_POLICIES"), *only_sizes = getenv("TRACER_BENCH_SEEDS");
    size_t factor = environment("TRACER_BENCH_LINEAR", 0);
    struct rows rows = make_rows(environment("TRACER_BENCH_ROWS", 5000000) * (factor ? factor : 1),
                                 (uint32_t)environment("TRACER_BENCH_ACCOUNTS", 500000));
    warm_memory(rows.count < WARM_ROWS_MAX ? rows.count * 512 : WARM_ROWS_MAX * 512);
    if (factor) {
        bench_linear(&rows, factor, times);
        return 0;
    }
    if (path)
        make_store(&rows, path);
    printf("%zu rows, %" PRIu32 " accounts, the engine reads %s\n", rows.count, rows.accounts,
           path ? "a store" : "memory");
    printf("%-8s %-5s %14s %14s %7s %10s %10s\n", "policy", "seeds", "engine rows/s", "loop rows/s", "ratio",
           "engine MB", "loop MB");
    for (size_t p = 0; p < sizeof(policies) / sizeof(*policies); p++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
            if ((only && !strstr(only, taint_policy_name(policies[p]))) || (only_sizes && !strstr(only_sizes, sizes[s].name)))
                continue;
            struct figure loop = best(&rows, path, policies[p], sizes[s].every, false, times);
            struct figure engine = best(&rows, path, policies[p], sizes[s].every, true, times);
            if (loop.held != engine.held)
                die("the loop and the engine do not agree");
            printf("%-8s %-5s %14.0f %14.0f %6.0f%% %10ld %10ld\n", taint_policy_name(policies[p]),
                   sizes[s].name, (double)rows.count / engine.seconds, (double)rows.count / loop.seconds,
                   100 * loop.seconds / engine.seconds, engine.peak_kb / 1024, loop.peak_kb / 1024);
        }
    if (path)
        bench_heists(&rows, path, times);
    if (!path) {
        bench_lots(environment("TRACER_BENCH_LOTS", 1000000), times);
        bench_sources(&rows, times);
    }
    free(rows.rows);
    return 0;
}
