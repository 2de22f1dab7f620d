/* test_ingest.c - heads that lag, go back or lie in the future (threat-model R4): what is stored stays, unless the chain has
 * another block in its place. */
#include "chains/place.h"
#include "rules.h"
#include "tracer/clock.h"
#include "tracer/ingest.h"

static struct ingest_stats ingest(struct test_place *place, struct fake_chain **chains, size_t count, const struct chain_rules *rules,
                                  enum tracer_status wanted)
{
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct chain_client *client;
    struct ingest_stats stats;
    struct error err;
    if (rules)
        pool.network.rules = rules;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    struct ingest_request request = {.graph = place->graph, .client = client, .network = &pool.network, .finality = FINALITY_LATEST};
    enum tracer_status status = ingest_run(&request, &stats, &err);
    cr_assert_eq(status, wanted, "%s", err.text);
    chain_close(client);
    fake_close(&pool);
    return stats;
}

static struct graph_range stored(struct test_place *place)
{
    struct graph_range range;
    struct error err;
    cr_assert_eq(graph_range(place->graph, 777, &range, &err), TRACER_OK, "%s", err.text);
    return range;
}

Test(ingest, R4_a_head_that_goes_back_takes_nothing_away)
{
    struct test_place place = open_place();
    struct fake_chain whole = {.head = 150}, behind = {.head = 140}, far_behind = {.head = 10};
    ingest(&place, (struct fake_chain *[]){&whole}, 1, NULL, TRACER_OK);
    cr_assert_eq(stored(&place).last, 150);
    for (int i = 0; i < 2; i++) {
        struct ingest_stats stats = ingest(&place, (struct fake_chain *[]){i ? &far_behind : &behind}, 1, NULL, TRACER_OK);
        cr_assert_eq(stats.rewound + stats.blocks, 0);
        cr_assert_eq(stats.kept_to, UINT64_MAX);
        cr_assert_eq(stored(&place).last, 150);
        cr_assert_eq(stored(&place).count, 151);
    }
    close_place(&place);
}

Test(ingest, R4_a_shorter_chain_with_other_blocks_replaces_them)
{
    struct test_place place = open_place();
    struct fake_chain before = {.head = 60}, after = {.head = 50, .fork = 45};
    ingest(&place, (struct fake_chain *[]){&before}, 1, NULL, TRACER_OK);
    struct ingest_stats stats = ingest(&place, (struct fake_chain *[]){&after}, 1, NULL, TRACER_OK);
    cr_assert_gt(stats.rewound, 0);
    cr_assert_lt(stats.kept_to, 46);
    cr_assert_eq(stored(&place).last, 50);
    close_place(&place);
}

/* A block of the fake chain has its number, and a little, as its time. */
Test(ingest, R4_a_head_in_the_future_is_not_believed)
{
    struct test_place place = open_place();
    struct chain_rules strict = *chain_rules_find("latest");
    struct fake_chain honest = {.head = 40}, absurd = {.head = 4000000000u};
    strict.clock_ahead_s = 900;
    ingest(&place, (struct fake_chain *[]){&absurd}, 1, &strict, TRACER_E_NOT_FOUND);
    struct ingest_stats stats = ingest(&place, (struct fake_chain *[]){&absurd, &honest}, 2, &strict, TRACER_OK);
    cr_assert_eq(stats.head, 40);
    cr_assert_eq(stored(&place).last, 40);
    close_place(&place);
}

/* ---- replies that were not believed ---- */

struct refusals {
    size_t count;
    char name[256];
};

static enum tracer_status count_refusal(void *context, const char *name, size_t size, struct error *err)
{
    struct refusals *refusals = context;
    (void)err;
    if (strncmp(name, "refused ", 8) == 0) {
        cr_assert_gt(size, 100);
        snprintf(refusals->name, sizeof refusals->name, "%s", name);
        refusals->count++;
    }
    return TRACER_OK;
}

static struct refusals refusals_of(struct test_place *place, const char *wanted)
{
    struct refusals refusals = {0};
    struct error err;
    struct buffer text;
    cr_assert_eq(graph_each_item(place->graph, GRAPH_ITEM_ENDPOINT, count_refusal, &refusals, &err), TRACER_OK, "%s", err.text);
    if (refusals.count) {
        buffer_init(&text, TRACER_MIB(8));
        cr_assert_eq(graph_get_item(place->graph, GRAPH_ITEM_ENDPOINT, refusals.name, &text, &err), TRACER_OK, "%s", err.text);
        cr_assert_not_null(strstr(text.data, wanted), "%.300s", text.data);
        cr_assert_not_null(strstr(text.data, "\"transactionsRoot\""));
        cr_assert_not_null(strstr(text.data, "\"cumulativeGasUsed\""));
        buffer_release(&text);
    }
    return refusals;
}

/* Whom a block is asked of is chance: the liar says the same falsehood about each block in turn until it was asked. */
Test(ingest, R1_R2_a_liar_among_three_changes_nothing_and_its_reply_is_kept)
{
    struct test_place honest = open_place();
    struct fake_chain one = {.head = 40}, other = {.head = 40};
    uint64_t refused = 0;
    ingest(&honest, (struct fake_chain *[]){&one, &other}, 2, NULL, TRACER_OK);
    for (uint64_t lie = 1; lie <= 40 && !refused; lie++) {
        struct test_place lied = open_place();
        struct fake_chain liar = {.head = 40, .lie = LIE_RECEIPT_FROM, .lie_number = lie, .lies_left = 1000};
        refused = ingest(&lied, (struct fake_chain *[]){&liar, &one, &other}, 3, NULL, TRACER_OK).refused;
        for (uint64_t number = 0; number <= 40; number++) {
            struct block block, same;
            struct error err;
            cr_assert_eq(graph_get_block(lied.graph, 777, number, &block, &err), TRACER_OK, "%s", err.text);
            cr_assert_eq(graph_get_block(honest.graph, 777, number, &same, &err), TRACER_OK, "%s", err.text);
            cr_assert(hash_equal(block.hash, same.hash) && block.transfer_count == same.transfer_count && block.grade == same.grade);
        }
        struct refusals refusals = refusals_of(&lied, "from");
        char wanted[64];
        snprintf(wanted, sizeof wanted, "refused 777 %020" PRIu64 " alpha", lie);
        cr_assert_eq(refusals.count, refused > 0);
        if (refused)
            cr_assert_str_eq(refusals.name, wanted);
        close_place(&lied);
    }
    cr_assert_gt(refused, 0);
    cr_assert_eq(refusals_of(&honest, "").count, 0);
    close_place(&honest);
}

Test(ingest, R1_R2_a_run_that_ends_for_lies_keeps_what_was_said)
{
    struct test_place place = open_place();
    struct fake_chain liar = {.head = 40, .lie = LIE_RECEIPT_FROM, .lie_number = 23, .lies_left = 1000};
    struct ingest_stats stats = ingest(&place, (struct fake_chain *[]){&liar}, 1, NULL, TRACER_E_REPLY);
    cr_assert_gt(stats.refused, 1);
    cr_assert_eq(refusals_of(&place, "from").count, 1); /* of one block by one endpoint: the latest */
    close_place(&place);
}
