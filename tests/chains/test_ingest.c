/* test_ingest.c - heads that lag, go back or lie in the future (threat-model R4): what is stored stays, unless the chain has
 * another block in its place. */
#include <ftw.h>

#include "chains/fake_chain.h"
#include "rules.h"
#include "tracer/clock.h"
#include "tracer/graph.h"
#include "tracer/ingest.h"

struct place {
    char path[64];
    struct graph *graph;
};

static struct place open_place(void)
{
    struct place place = {.path = "/tmp/tracer-ingest-XXXXXX"};
    struct graph_options options = {.mode = GRAPH_CREATE};
    struct error err;
    cr_assert(mkdtemp(place.path));
    strcat(place.path, "/store");
    cr_assert_eq(graph_open(place.path, &options, &place.graph, &err), TRACER_OK, "%s", err.text);
    return place;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static void close_place(struct place *place)
{
    graph_close(place->graph);
    *strrchr(place->path, '/') = '\0';
    nftw(place->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static struct ingest_stats ingest(struct place *place, struct fake_chain **chains, size_t count, const struct chain_rules *rules,
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

static struct graph_range stored(struct place *place)
{
    struct graph_range range;
    struct error err;
    cr_assert_eq(graph_range(place->graph, 777, &range, &err), TRACER_OK, "%s", err.text);
    return range;
}

Test(ingest, R4_a_head_that_goes_back_takes_nothing_away)
{
    struct place place = open_place();
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
    struct place place = open_place();
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
    struct place place = open_place();
    struct chain_rules strict = *chain_rules_find("latest");
    struct fake_chain honest = {.head = 40}, absurd = {.head = 4000000000u};
    strict.clock_ahead_s = 900;
    ingest(&place, (struct fake_chain *[]){&absurd}, 1, &strict, TRACER_E_NOT_FOUND);
    struct ingest_stats stats = ingest(&place, (struct fake_chain *[]){&absurd, &honest}, 2, &strict, TRACER_OK);
    cr_assert_eq(stats.head, 40);
    cr_assert_eq(stored(&place).last, 40);
    close_place(&place);
}
