/* test_gather.c - a replay by the index of a store gives what one of all rows gives: every record, holding, place and book of a
 * source, byte for byte, on random cases. TRACER_SEED and TRACER_CASES as in test_random.c. */
#include <criterion/criterion.h>

#include "graph/model.h"
#include "taint/cases.h"
#include "tracer/report.h"
#include "tracer/trace.h"

#define STORE_CASES 1000u  /* cases of one store, of the same accounts */
#define CASE_BLOCKS 10000u /* for each; less are used */

/* The first half of the blocks, or the second. */
static void put_blocks(struct graph_write *write, const struct taint_case *c, bool half)
{
    struct error err = {0};
    for (size_t i = 0, end; i < c->row_count; i = end) {
        uint64_t number = c->rows[i].position.block_number;
        for (end = i; end < c->row_count && c->rows[end].position.block_number == number; end++) {
        }
        struct block block = {.chain_id = CHAIN,
                              .number = number,
                              .time = number,
                              .grade = GRADE_ASSERTED,
                              .transfers = (struct transfer *)&c->rows[i],
                              .transfer_count = end - i};
        if ((i < c->row_count / 2) == half)
            cr_assert_eq(graph_put_block(write, &block, &err), TRACER_OK, "%s", err.text);
    }
}

/* Case number `place` of a store. */
static void generate(struct taint_case *c, uint64_t seed, uint64_t place)
{
    const struct case_limits limits = {.rows_max = 50, .no_huge = true};
    case_generate(c, seed, &limits);
    c->input.has_explored = false;
    c->input.options.opening = OPENING_UNKNOWN;
    for (size_t l = 0; seed % 2 && l < c->input.label_count; l++) /* labels that emit need all rows */
        c->labels[l].emit = "";
    for (size_t i = 0; i < c->row_count; i++) {
        cr_assert_lt(c->rows[i].position.block_number, CASE_BLOCKS);
        c->rows[i].position.block_number += place * CASE_BLOCKS;
    }
    for (size_t i = 0; i < c->input.seed_count; i++) {
        c->seeds[i].block_number += place * CASE_BLOCKS;
        c->seeds[i].position.block_number += place * CASE_BLOCKS;
    }
}

/* Blocks in sorted runs, and newer ones that are in none; or all are in none. */
static void put_cases(struct graph *graph, struct taint_case *c, uint64_t seed, uint64_t count, bool runs)
{
    struct graph_network network = {.chain_id = CHAIN, .name = "cases", .imported = true};
    struct graph_write *write;
    struct error err = {0};
    cr_assert_eq(graph_put_network(graph, &network, &err), TRACER_OK, "%s", err.text);
    for (int half = 1; half >= 0; half--) {
        cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK, "%s", err.text);
        for (uint64_t i = 0; i < count; i++) {
            generate(c, seed + i, i);
            put_blocks(write, c, half);
        }
        cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
        if (half && runs)
            cr_assert_eq(graph_rebuild(graph, &err), TRACER_OK, "%s", err.text);
    }
}

/* The table without what `unknown` units did: lines that name the tag. */
static void add_table(const struct taint *taint, enum taint_table table, struct buffer *out)
{
    struct error err = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    cr_assert(stream);
    if (taint_has_table(taint, table))
        cr_assert_eq(taint_write_table(taint, table, stream, &err), TRACER_OK);
    fclose(stream);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        if (!strstr(line, ",unknown,"))
            cr_assert(buffer_add(out, line, strlen(line)) && buffer_add(out, "\n", 1));
    }
    free(text);
}

static void add_results(const struct taint *taint, struct buffer *out)
{
    static const enum taint_table tables[] = {TAINT_HOPS, TAINT_HOLDINGS, TAINT_ABSORBED, TAINT_TOTALS};
    for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
        add_table(taint, tables[t], out);
    char line[160];
    for (size_t i = 0; i < taint_hop_count(taint); i++) { /* those below dust, too */
        struct taint_hop hop = taint_hop_at(taint, i);
        char key[POSITION_TEXT_SIZE];
        position_format(hop.position, key);
        snprintf(line, sizeof(line), "%s from record %zu\n", key, taint_parent(taint, i));
        cr_assert(buffer_add(out, line, strlen(line)));
    }
    struct taint_met met = taint_met(taint);
    snprintf(line, sizeof(line), "overspend %" PRIu64 " groups_ok %" PRIu64 " groups_bad %" PRIu64 "\n", met.overspend, met.groups_ok, met.groups_bad);
    cr_assert(buffer_add(out, line, strlen(line)));
}

static uint64_t count_rows(struct cursor *cursor)
{
    const struct cursor_row *rows;
    struct error err = {0};
    size_t count;
    uint64_t sum = 0;
    cr_assert_eq(cursor->rewind(cursor->self, &err), TRACER_OK);
    while (!cursor->next(cursor->self, &rows, &count, &err) && count)
        sum += count;
    return sum;
}

/* *ret_rows: read by the index; UINT64_MAX: this case does not allow it. */
static void compare(struct graph *graph, uint64_t place, const struct taint_case *c, uint64_t seed, uint64_t *ret_rows)
{
    const uint64_t first = place * CASE_BLOCKS, last = first + CASE_BLOCKS - 1;
    struct cursor all, some;
    struct taint *scanned, *gathered;
    struct cursor_index index;
    struct error err = {0};
    struct buffer wanted, got;
    buffer_init(&wanted, TRACER_MIB(4));
    buffer_init(&got, TRACER_MIB(4));
    *ret_rows = UINT64_MAX;
    cr_assert_eq(graph_gather(graph, CHAIN, first, last, UINT64_MAX, &some, &index, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(taint_new(&c->input, &some, &gathered, &err), TRACER_OK, "%s", err.text);
    enum tracer_status status = taint_reach(gathered, &index, &err);
    cr_assert(!status || status == TRACER_E_UNAVAILABLE, "%s", err.text);
    if (!status) {
        cr_assert_eq(graph_cursor(graph, CHAIN, first, last, &all, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(taint_new(&c->input, &all, &scanned, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(taint_replay(scanned, NULL, NULL, &err), TRACER_OK, "TRACER_SEED=%" PRIu64 ": %s", seed, err.text);
        cr_assert_eq(taint_replay(gathered, NULL, NULL, &err), TRACER_OK, "TRACER_SEED=%" PRIu64 ": %s", seed, err.text);
        add_results(scanned, &wanted);
        add_results(gathered, &got);
        if (wanted.size != got.size || memcmp(wanted.data, got.data, got.size) != 0) {
            case_show(c, stderr);
            cr_assert_fail("TRACER_SEED=%" PRIu64 "\n--- all rows\n%.*s\n--- by the index\n%.*s\n", seed, (int)wanted.size, wanted.data,
                           (int)got.size, got.data);
        }
        *ret_rows = count_rows(&some);
        taint_free(scanned);
        cursor_close(&all);
    }
    taint_free(gathered);
    cursor_close(&some);
    buffer_release(&wanted);
    buffer_release(&got);
}

Test(taint_gather, sources_are_those_of_a_scan, .timeout = 0)
{
    uint64_t from = case_environment("TRACER_SEED", 1), left = case_environment("TRACER_CASES", 20000) / 10, by_index = 0, smaller = 0, rows;
    bool many = left >= 1000;
    struct taint_case *c = calloc(1, sizeof(*c));
    cr_assert(c);
    for (bool runs = true; left; runs = !runs) {
        char path[256];
        uint64_t count = left < STORE_CASES ? left : STORE_CASES;
        store_path(path);
        struct graph *graph = store_open(path, GRAPH_CREATE);
        put_cases(graph, c, from, count, runs);
        for (uint64_t i = 0; i < count; i++) {
            generate(c, from + i, i);
            compare(graph, i, c, from + i, &rows);
            by_index += rows != UINT64_MAX;
            smaller += rows < c->row_count;
        }
        graph_close(graph);
        store_remove(path);
        from += count;
        left -= count;
    }
    free(c);
    if (many) {
        cr_assert_gt(by_index, 300);
        cr_assert_gt(smaller, 100);
    }
    fprintf(stderr, "%" PRIu64 " cases by the index, %" PRIu64 " of them with fewer rows\n", by_index, smaller);
}

/* The whole report of a trace that may spend `index_max` on the index. */
static char *report_of(struct graph *graph, const struct taint_case *c, uint64_t place, uint64_t index_max)
{
    char texts[CASE_SEEDS_MAX][192], *text = NULL;
    const char *seeds[CASE_SEEDS_MAX];
    struct token tokens[CASE_ASSETS];
    struct label_set *labels;
    struct trace_result *result;
    struct error err = {0};
    size_t size;
    cr_assert_eq(label_set_new(&labels, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; i < c->input.label_count; i++) {
        char csv[160], address[ADDRESS_TEXT_SIZE];
        address_format(c->labels[i].address, address);
        snprintf(csv, sizeof(csv), "address,class,name\n%s,%s,n\n", address, label_class_name(c->labels[i].class_));
        cr_assert_eq(label_add_memory(labels, "made.csv", csv, strlen(csv), LABEL_USER, &err), TRACER_OK, "%s", err.text);
    }
    for (size_t i = 0; i < c->input.asset_count; i++)
        tokens[i] = (struct token){.asset = c->assets[i], .symbol = "T"};
    for (size_t i = 0; i < c->input.seed_count; i++) {
        char spec[POSITION_TEXT_SIZE + ADDRESS_TEXT_SIZE];
        if (c->seeds[i].is_address)
            address_format(c->seeds[i].address, spec);
        else
            position_format(c->seeds[i].position, spec);
        snprintf(texts[i], sizeof(texts[i]), "%s=%s", c->seeds[i].source, spec);
        seeds[i] = texts[i];
    }
    struct trace_request request = {.input = {.graph = graph,
                                              .chain_id = CHAIN,
                                              .native_symbol = "ETH",
                                              .labels = labels,
                                              .tokens = tokens,
                                              .token_count = c->input.asset_count,
                                              .options = c->input.options,
                                              .has_from = true,
                                              .from = place * CASE_BLOCKS,
                                              .has_to = true,
                                              .to = (place + 1) * CASE_BLOCKS - 1,
                                              .index_max = index_max,
                                              .repeat = ""},
                                    .seeds = seeds,
                                    .seed_count = c->input.seed_count};
    enum tracer_status status = trace_run(&request, &result, &err);
    FILE *stream = open_memstream(&text, &size);
    cr_assert(stream);
    if (status) {
        fprintf(stream, "%d %s", (int)status, err.text);
    } else {
        cr_assert_eq(report_find("json")->trace(stream, result, &(struct report_options){0}, &err), TRACER_OK, "%s", err.text);
        trace_result_free(result);
    }
    fclose(stream);
    label_set_free(labels);
    return text;
}

Test(taint_gather, reports_of_traces_are_the_same_bytes, .timeout = 0)
{
    const uint64_t from = case_environment("TRACER_SEED", 1), count = case_environment("TRACER_CASES", 20000) / 100 + 50;
    struct taint_case *c = calloc(1, sizeof(*c));
    struct graph_coverage coverage = {.first = 0, .last = count * CASE_BLOCKS, .what = "all", .method = "made", .strategy = "made"};
    struct error err = {0};
    uint64_t reports = 0;
    char path[256];
    cr_assert(c);
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    put_cases(graph, c, from, count, true);
    cr_assert_eq(graph_put_coverage(graph, CHAIN, &coverage, &err), TRACER_OK, "%s", err.text);
    for (uint64_t i = 0; i < count; i++) {
        generate(c, from + i, i);
        if (c->input.seed_count == 0)
            continue;
        char *scanned = report_of(graph, c, i, 1), *gathered = report_of(graph, c, i, UINT64_MAX), *planned = report_of(graph, c, i, 0);
        cr_assert_str_eq(scanned, gathered, "TRACER_SEED=%" PRIu64 "\n--- all rows\n%s\n--- by the index\n%s\n", from + i, scanned, gathered);
        cr_assert_str_eq(scanned, planned, "TRACER_SEED=%" PRIu64, from + i);
        reports += scanned[0] == '{';
        free(scanned);
        free(gathered);
        free(planned);
    }
    cr_assert_gt(reports, count / 2);
    graph_close(graph);
    store_remove(path);
    free(c);
}

Test(taint_gather, amounts_that_could_overflow_a_balance_need_all_rows)
{
    char path[256];
    struct graph_network network = {.chain_id = CHAIN, .name = "wide", .imported = true};
    struct graph_write *write;
    struct cursor cursor;
    struct cursor_index index;
    struct error err = {0};
    struct transfer row = {.to = test_address(1), .amount = {{0, 0, 0, 1}}, .log_index = LOG_INDEX_NONE};
    struct block block = {.chain_id = CHAIN, .number = 7, .grade = GRADE_ASSERTED, .transfers = &row, .transfer_count = 1};
    row.position.block_number = 7;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    cr_assert_eq(graph_put_network(graph, &network, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_put_block(write, &block, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    graph = store_open(path, GRAPH_READ);
    cr_assert_eq(graph_gather(graph, CHAIN, 0, 9, 9, &cursor, &index, &err), TRACER_E_UNAVAILABLE);
    graph_close(graph);
    store_remove(path);
}

/* 1,000 blocks of eight transfers of others, and in the first of them payments to 800 accounts one after the other: its index costs a little more than the scan. */
static struct graph *make_payments(const char *path, uint64_t blocks)
{
    enum { BLOCKS = 1000, OTHERS = 8, PAID = 800 };
    struct graph_network network = {.chain_id = CHAIN, .name = "payments", .imported = true};
    struct graph_write *write;
    struct error err = {0};
    struct graph *graph = store_open(path, GRAPH_CREATE);
    uint32_t paid = 0;
    cr_assert_eq(graph_put_network(graph, &network, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK, "%s", err.text);
    for (uint64_t number = 0; number < BLOCKS; number++) {
        struct transfer rows[OTHERS + 4];
        size_t count = 0;
        while (paid < PAID && paid * blocks <= number * PAID && count < 4) {
            /* paid in an earlier block */
            rows[count] = (struct transfer){.from = paid ? test_address(10000 + (paid > 4 ? paid - 4 : 0)) : (struct address){{0}}, .to = test_address(10000 + paid)};
            count++;
            paid++;
        }
        for (uint64_t i = 0; i < OTHERS; i++, count++)
            rows[count] = (struct transfer){.from = test_address(1 + (number * 7 + i) % 500), .to = test_address(501 + (number * 13 + i) % 500)};
        for (size_t i = 0; i < count; i++) {
            rows[i].position = (struct position){number, (int32_t)i, 0};
            rows[i].amount = u256_from_u64(1);
            rows[i].log_index = LOG_INDEX_NONE;
        }
        struct block block = {.chain_id = CHAIN, .number = number, .time = number, .grade = GRADE_ASSERTED, .transfers = rows, .transfer_count = count};
        cr_assert_eq(graph_put_block(write, &block, &err), TRACER_OK, "%s", err.text);
    }
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_rebuild(graph, &err), TRACER_OK, "%s", err.text);
    return graph;
}

/* What the reach says of it, the cost chosen by the store. */
static enum tracer_status reach_payments(uint64_t blocks)
{
    char path[256];
    struct cursor cursor;
    struct cursor_index index;
    struct taint *taint;
    struct error err = {0};
    struct taint_seed seed = {.source = "s", .position = {0, 0, 0}};
    struct taint_input input = {.options.policy = POLICY_POISON, .seeds = &seed, .seed_count = 1};
    store_path(path);
    struct graph *graph = make_payments(path, blocks);
    cr_assert_eq(graph_gather(graph, CHAIN, 0, UINT64_MAX, 0, &cursor, &index, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(taint_new(&input, &cursor, &taint, &err), TRACER_OK, "%s", err.text);
    enum tracer_status status = taint_reach(taint, &index, &err);
    taint_free(taint);
    cursor_close(&cursor);
    graph_close(graph);
    store_remove(path);
    return status;
}

Test(taint_gather, the_index_is_not_given_up_near_the_end)
{
    cr_expect_eq(reach_payments(250), TRACER_E_LIMIT); /* all is known early: the scan costs less than what is to be read */
    cr_expect_eq(reach_payments(1000), TRACER_OK);
}
