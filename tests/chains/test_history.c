/* test_history.c - which blocks concern an account: ranges that are cut, pages, answers that do not fit what was asked. */
#include "chains/fake_chain.h"
#include "tracer/history.h"

struct found {
    struct history_blocks blocks;
    char notes[1024];
};

/* What several endpoints list. */
static struct found find_at(struct fake_chain *chains, size_t count, enum history_way way, uint64_t first, uint64_t last)
{
    struct fake_chain *places[] = {&chains[0], &chains[1], &chains[2]};
    struct fake_pool pool = fake_open(places, count, 0, NULL, NULL);
    struct chain_client *client;
    struct found found = {.notes = ""};
    struct error err = {0};
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(history_find(client, way, fake_address(FAKE_A), first, last, 1000, &found.blocks, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; chain_note(client, i); i++)
        snprintf(found.notes + strlen(found.notes), sizeof found.notes - strlen(found.notes), "%s\n", chain_note(client, i));
    chain_close(client);
    fake_close(&pool);
    return found;
}

static struct history_blocks find(struct fake_chain *chain, enum history_way way, uint64_t first, uint64_t last, size_t most,
                                  enum tracer_status wanted, const char *text)
{
    struct fake_pool pool = fake_open((struct fake_chain *[]){chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct history_blocks blocks = {0};
    struct error err = {0};
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    enum tracer_status status = history_find(client, way, fake_address(FAKE_A), first, last, most, &blocks, &err);
    cr_assert_eq(status, wanted, "%s: %d %s", history_way_name(way), (int)status, err.text);
    if (text)
        cr_assert_not_null(strstr(err.text, text), "%s", err.text);
    chain_close(client);
    fake_close(&pool);
    return blocks;
}

static void expect_all(const struct history_blocks *blocks, uint64_t first, uint64_t last)
{
    size_t at = 0;
    for (uint64_t number = first; number <= last; number++)
        if (fake_transactions(number)) {
            cr_assert_lt(at, blocks->count, "block %" PRIu64 " was not found", number);
            cr_assert_eq(blocks->numbers[at++], number);
        }
    cr_assert_eq(at, blocks->count);
}

Test(history, every_way_finds_the_blocks_of_the_range_once)
{
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT; way++) {
        struct fake_chain chain = {.head = 60};
        struct history_blocks blocks = find(&chain, way, 5, 41, 1000, TRACER_OK, NULL);
        expect_all(&blocks, 5, 41);
        history_blocks_free(&blocks);
        blocks = find(&chain, way, 8, 8, 1000, TRACER_OK, NULL); /* a block without transactions */
        cr_assert_eq(blocks.count, 0);
        history_blocks_free(&blocks);
    }
}

/* Nobody who is asked first, second or third can leave a block out, or have one read in vain without being named. */
Test(history, R6_R15_what_one_operator_leaves_out_another_lists)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT; way++)
        for (size_t place = 0; place < 3; place++)
            for (int invents = 0; invents < 2; invents++) {
                struct fake_chain chains[3] = {{.head = 60}, {.head = 60}, {.head = 60}};
                chains[place].hidden = invents ? 0 : 23;
                chains[place].invents = invents;
                struct found found = find_at(chains, 3, way, 5, 41);
                bool told = strstr(found.notes, "was not believed: ") != NULL;
                if (!invents)
                    expect_all(&found.blocks, 5, 41);
                cr_assert_leq(found.blocks.count, 28u + (unsigned)invents, "%zu", found.blocks.count);
                char wanted[64];
                snprintf(wanted, sizeof wanted, "endpoint \"%s\" was not believed: %s of [", names[place], history_way_name(way));
                cr_assert(!told || strstr(found.notes, wanted), "%s: %s", wanted, found.notes);
                cr_assert(!told || strstr(found.notes, invents ? ": block 24 is listed by it, not by \"" : ": block 23 is not listed by it, but by \""), "%s", found.notes);
                cr_assert(told || place, "the first is always asked: %s", found.notes);
                history_blocks_free(&found.blocks);
            }
}

Test(history, R6_lists_of_two_that_differ_are_all_read)
{
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT; way++) {
        struct fake_chain chains[3] = {{.head = 60, .hidden = 7}, {.head = 60, .hidden = 23}};
        struct found found = find_at(chains, 2, way, 5, 41);
        expect_all(&found.blocks, 5, 41);
        cr_assert(strstr(found.notes, ": endpoints list other blocks, \"") && !strstr(found.notes, "not believed"), "%s", found.notes);
        history_blocks_free(&found.blocks);
    }
}

Test(history, who_has_no_lists_or_odd_ones_does_not_end_the_way)
{
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT; way++)
        for (size_t place = 0; place < 3; place++)
            for (int odd = 0; odd < 2; odd++) {
                struct fake_chain chains[3] = {{.head = 60}, {.head = 60}, {.head = 60}};
                chains[place].no_lists = !odd;
                chains[place].odd_lists = odd;
                struct found found = find_at(chains, 3, way, 5, 41);
                expect_all(&found.blocks, 5, 41);
                cr_assert(!strstr(found.notes, "one endpoint's word"), "%s", found.notes);
                history_blocks_free(&found.blocks);
                for (size_t i = 0; i < 3; i++) {
                    chains[i].no_lists = i != place;
                    chains[i].odd_lists = false;
                }
                found = find_at(chains, 3, way, 5, 41);
                expect_all(&found.blocks, 5, 41);
                cr_assert(strstr(found.notes, "one endpoint's word"), "%s", found.notes);
                history_blocks_free(&found.blocks);
            }
}

Test(history, ranges_are_cut_to_what_is_accepted)
{
    static const uint64_t most[] = {1, 7, 100, 0};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        struct fake_chain chain = {.head = 400, .range_max = most[i]};
        struct history_blocks blocks = find(&chain, HISTORY_LOGS, 1, 333, 1000, TRACER_OK, NULL);
        expect_all(&blocks, 1, 333);
        history_blocks_free(&blocks);
    }
}

Test(history, a_range_that_the_error_states_is_asked_for_next)
{
    for (int states = 0; states < 2; states++) {
        struct fake_chain chain = {.head = 400, .range_max = 9, .states_range = states};
        struct history_blocks blocks = find(&chain, HISTORY_LOGS, 1, 333, 1000, TRACER_OK, NULL);
        expect_all(&blocks, 1, 333);
        cr_assert(states ? atomic_load(&chain.ranges_refused) == 3 /* calls of one batch */ : atomic_load(&chain.ranges_refused) > 12,
                  "%u", atomic_load(&chain.ranges_refused));
        history_blocks_free(&blocks);
    }
}

Test(history, an_account_of_too_many_blocks_is_told)
{
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT; way++) {
        struct fake_chain chain = {.head = 60};
        struct history_blocks blocks = find(&chain, way, 1, 60, 10, TRACER_E_LIMIT, "more than 10 blocks");
        history_blocks_free(&blocks);
    }
}

Test(history, blocks_that_were_not_asked_for_are_refused)
{
    static const char *const items[] = {"[{\"blockNumber\":\"0x3\"}]", "[{\"blockNumber\":\"0xffff\"}]", "[{}]", "[{\"blockNumber\":null}]",
                                        "[{\"blockNumber\":\"0x6\",\"blockNumber\":\"0x6\"}]", "[{\"blockNumber\":\"0x1ffffffffffffffff\"}]", "[6]"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        struct fake_chain chain = {.head = 60, .fault_method = "eth_getLogs", .fault_result = items[i]};
        atomic_store(&chain.faults_left, 1000);
        struct history_blocks blocks = find(&chain, HISTORY_LOGS, 5, 41, 1000, TRACER_E_REPLY, "eth_getLogs");
        history_blocks_free(&blocks);
    }
}

Test(history, a_page_that_does_not_go_on_ends)
{
    struct fake_chain chain = {.head = 60, .fault_method = "ots_searchTransactionsAfter", .fault_result = "{\"txs\":[{\"blockNumber\":\"0x5\"}],\"firstPage\":false}"};
    atomic_store(&chain.faults_left, 1000);
    struct history_blocks blocks = find(&chain, HISTORY_OTS, 5, 41, 1000, TRACER_E_REPLY, "not asked for");
    history_blocks_free(&blocks);
}

Test(history, a_set_of_blocks_is_sorted_and_has_each_once)
{
    struct history_blocks blocks = {0};
    for (unsigned round = 0; round < 3; round++)
        for (uint64_t number = 1000; number-- > 0;)
            cr_assert_eq(history_blocks_add(&blocks, number * 7 % 1000, NULL), TRACER_OK);
    history_blocks_sort(&blocks);
    cr_assert_eq(blocks.count, 1000);
    for (uint64_t number = 0; number < 1000; number++)
        cr_assert_eq(blocks.numbers[number], number);
    history_blocks_free(&blocks);
}
