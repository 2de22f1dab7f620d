/* --as-of: blocks until the end of a day, and what holds on it. */
#include "graph/model.h"

#include "tracer/trace.h"

#define A "0xaa000000000000000000000000000000000000aa"
#define DAY_S 86400u
#define DAY_START 1700006400u /* 2023-11-15 */

static void put_block(struct graph *graph, uint64_t number, uint64_t time)
{
    struct graph_write *write;
    struct error err = {0};
    struct transfer transfer = {.position = {number, 0, 0},
                                .kind = TRANSFER_VALUE,
                                .from = test_address(1),
                                .to = test_address(2),
                                .amount = {{1, 0, 0, 0}},
                                .log_index = LOG_INDEX_NONE};
    struct transaction transaction = {.hash = test_hash(7, number, 0), .status = TRANSACTION_SUCCEEDED};
    struct block block = {.chain_id = CHAIN,
                          .number = number,
                          .hash = test_hash(1, number, 0),
                          .parent_hash = test_hash(1, number - 1, 0),
                          .time = time,
                          .grade = GRADE_SINGLE,
                          .transactions = &transaction,
                          .transaction_count = 1,
                          .transfers = &transfer,
                          .transfer_count = 1};
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_put_block(write, &block, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
}

static bool has_note(const struct trace_result *result, const char *text)
{
    for (size_t i = 0; i < result->head.note_count; i++)
        if (strstr(result->head.notes[i].text, text))
            return true;
    return false;
}

/* Blocks 10 and 11 are of the day, the last one in its last second; 12 and 13 of the next one. */
static enum tracer_status trace_on(const char *path, const char *day, uint64_t end_s,
                                   struct trace_result **ret_result, struct error *err)
{
    static const char *const seeds[] = {"10:0:0"};
    struct label_set *labels;
    struct graph *graph = store_open(path, GRAPH_READ);
    cr_assert_eq(label_set_new(&labels, err), TRACER_OK);
    label_set_as_of(labels, day);
    struct trace_request request = {.input = {.graph = graph,
                                              .chain_id = CHAIN,
                                              .native_symbol = "ETH",
                                              .labels = labels,
                                              .as_of_end_s = end_s,
                                              .repeat = ""},
                                    .seeds = seeds,
                                    .seed_count = 1};
    enum tracer_status status = trace_run(&request, ret_result, err);
    label_set_free(labels);
    graph_close(graph);
    return status;
}

Test(as_of, blocks_until_the_end_of_the_day_and_a_gap_when_the_store_ends_before_it)
{
    char path[256];
    struct error err = {0};
    struct trace_result *result;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    put_block(graph, 10, DAY_START);
    put_block(graph, 11, DAY_START + DAY_S - 1);
    put_block(graph, 12, DAY_START + DAY_S);
    put_block(graph, 13, DAY_START + DAY_S + 10);
    struct graph_coverage coverage = {
        .first = 10, .last = 13, .what = "native", .method = "test", .strategy = "test"};
    cr_assert_eq(graph_put_coverage(graph, CHAIN, &coverage, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);

    cr_assert_eq(trace_on(path, "2023-11-15", DAY_START + DAY_S - 1, &result, &err), TRACER_OK, "%s",
                 err.text);
    cr_expect_eq(result->head.last_block, 11);
    cr_expect(!result->touches_gap);
    cr_expect(has_note(result, "as of 2023-11-15: blocks until 11,"));
    trace_result_free(result);

    cr_assert_eq(trace_on(path, "2023-11-16", DAY_START + 2 * DAY_S - 1, &result, &err), TRACER_OK, "%s",
                 err.text);
    cr_expect_eq(result->head.last_block, 13);
    cr_expect(result->touches_gap, "later blocks of that day may be missing");
    cr_expect(has_note(result, "blocks after 13 are not in the store, and some may be as old as 2023-11-16"));
    trace_result_free(result);

    cr_expect_eq(trace_on(path, "2023-11-14", DAY_START - 1, &result, &err), TRACER_E_USAGE);
    cr_expect_str_eq(err.text, "no stored block is as old as 2023-11-14");
    store_remove(path);
}

/* What holds on a day, and the day up to which the sanctions lists are known then. */
Test(as_of, claims_hold_from_their_first_day_until_before_their_last)
{
    static const char csv[] = "address,class,name,valid_from,valid_to\n" A
                              ",mixer,first,2022-08-08,2025-03-21\n" A ",service,second,2025-03-21,\n";
    static const struct {
        const char *day, *name, *known_until;
    } days[] = {{"2022-08-07", NULL, "2022-08-07"},
                {"2022-08-08", "first", "2022-08-08"},
                {"2025-03-20", "first", "2025-03-20"},
                {"2025-03-21", "second", "2025-03-21"},
                {"2030-01-01", "second", "2026-08-07"}};
    struct address address;
    cr_assert(address_parse(A, strlen(A), &address));
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        struct label_set *set;
        struct error err = {0};
        struct label found;
        const struct label *claims;
        struct arena *arena = arena_new(TRACER_MIB(1));
        size_t count;
        cr_assert_eq(label_set_new(&set, &err), TRACER_OK);
        label_set_as_of(set, days[i].day);
        cr_assert_eq(label_add_memory(set, "mine.csv", csv, strlen(csv), LABEL_USER, &err), TRACER_OK, "%s",
                     err.text);
        bool is_found = label_find(set, 1, address, &found);
        cr_expect(days[i].name ? is_found && strcmp(found.name, days[i].name) == 0 : !is_found, "%s", days[i].day);
        cr_assert_eq(label_about(set, address, arena, &claims, &count, &err), TRACER_OK);
        cr_expect_eq(count, 2);
        cr_expect_str_eq(label_sanctioned_date(set), days[i].known_until);
        label_set_free(set);
        arena_free(arena);
    }
}
