/* test_gap.c - a trace with a gap in the history of an account reads every row of the store, one without does not. */
#include <criterion/criterion.h>

#include "graph/model.h"
#include "graph/store.h"
#include "tracer/trace.h"

#define FAR_BLOCKS 7000u /* more than three chunks */

/* The theft in the first two blocks, and rows of others. */
static void put_far(struct graph *graph)
{
    struct graph_network network = {.chain_id = CHAIN, .name = "far"};
    struct graph_coverage coverage = {.first = 1, .last = FAR_BLOCKS, .what = "all", .method = "made", .strategy = "made"};
    struct graph_write *write;
    struct error err = {0};
    cr_assert_eq(graph_put_network(graph, &network, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK, "%s", err.text);
    for (uint64_t number = 1; number <= FAR_BLOCKS; number++) {
        struct transfer row = {.position = {number, 0, 0}, .from = test_address(number < 3 ? number - 1 : 8), .to = test_address(number < 3 ? number : 9),
                               .amount = u256_from_u64(10), .kind = TRANSFER_VALUE, .log_index = LOG_INDEX_NONE};
        struct block block = {.chain_id = CHAIN, .number = number, .time = number, .grade = GRADE_ASSERTED, .transfers = &row, .transfer_count = 1};
        cr_assert_eq(graph_put_block(write, &block, &err), TRACER_OK, "%s", err.text);
    }
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_put_coverage(graph, CHAIN, &coverage, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_rebuild(graph, &err), TRACER_OK, "%s", err.text);
}

/* Rows of others that are damaged: who reads every row says so. */
static void damage_far(struct graph *graph)
{
    struct store_cursor cursor;
    struct key key;
    struct error err = {0};
    key_begin(&key);
    cr_assert_eq(store_write_begin(graph, &err), TRACER_OK);
    cr_assert_eq(store_cursor_open(graph, graph->writer, TABLE_LOG, &cursor, &err), TRACER_OK);
    cr_assert_eq(store_cursor_move(&cursor, MDB_FIRST, NULL, &err), TRACER_OK);
    cr_assert_eq(store_cursor_move(&cursor, MDB_NEXT, NULL, &err), TRACER_OK);
    key_bytes(&key, cursor.key, cursor.key_size);
    cr_assert_eq(store_cursor_move(&cursor, MDB_NEXT, NULL, &err), TRACER_OK, "the last chunk is read in any case");
    store_cursor_close(&cursor);
    cr_assert_eq(store_put(graph, TABLE_LOG, &key, "none", 4, &err), TRACER_OK);
    cr_assert_eq(store_write_commit(graph, &err), TRACER_OK);
}

static enum tracer_status trace(struct graph *graph, uint64_t index_max, struct error *err)
{
    const char *seed = "s=1:0:0";
    struct label_set *labels;
    struct trace_result *result;
    cr_assert_eq(label_set_new(&labels, err), TRACER_OK);
    struct trace_request request = {
        .input = {.graph = graph, .chain_id = CHAIN, .native_symbol = "ETH", .labels = labels, .index_max = index_max, .repeat = ""},
        .seeds = &seed,
        .seed_count = 1};
    enum tracer_status status = trace_run(&request, &result, err);
    if (!status)
        trace_result_free(result);
    label_set_free(labels);
    return status;
}

Test(taint_gap, a_gap_needs_all_rows)
{
    struct graph_coverage gap = {.account = test_address(1), .first = 1, .last = FAR_BLOCKS, .what = "all", .method = "made", .strategy = "audit", .gap = "made"};
    struct error err = {0};
    char path[256];
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    put_far(graph);
    damage_far(graph);
    cr_assert_eq(trace(graph, 1, &err), TRACER_E_DAMAGED, "%s", err.text);
    cr_assert_eq(trace(graph, UINT64_MAX, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_put_coverage(graph, CHAIN, &gap, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(trace(graph, UINT64_MAX, &err), TRACER_E_DAMAGED, "%s", err.text);
    graph_close(graph);
    store_remove(path);
}

Test(taint_gap, no_rows_are_left_out_for_accounts_with_gaps)
{
    const struct address doubted = test_address(1);
    struct taint_seed seed = {.source = "s", .position = {1, 0, 0}};
    struct taint_input input = {.seeds = &seed, .seed_count = 1, .doubted = &doubted};
    struct cursor cursor;
    struct cursor_index index;
    struct taint *taint;
    struct error err = {0};
    char path[256];
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    put_far(graph);
    for (input.doubted_count = 0; input.doubted_count < 2; input.doubted_count++) {
        cr_assert_eq(graph_gather(graph, CHAIN, 0, FAR_BLOCKS, UINT64_MAX, &cursor, &index, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(taint_new(&input, &cursor, &taint, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(taint_reach(taint, &index, &err), input.doubted_count ? TRACER_E_UNAVAILABLE : TRACER_OK);
        taint_free(taint);
        cursor_close(&cursor);
    }
    graph_close(graph);
    store_remove(path);
}
