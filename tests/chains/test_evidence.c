/* test_evidence.c - blocks that a bundle asks an endpoint for are kept where that was asked for (--keep-raw
 * flagged). */
#include <sys/stat.h>

#include "chains/place.h"
#include "tracer/audit.h"
#include "tracer/evidence.h"
#include "tracer/file.h"
#include "tracer/ingest.h"

static void ingest(struct test_place *place, struct fake_chain *chain, uint64_t last)
{
    struct fake_pool pool = fake_open((struct fake_chain *[]){chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct ingest_stats stats;
    struct error err;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    struct ingest_request request = {.graph = place->graph,
                                     .client = client,
                                     .network = &pool.network,
                                     .finality = FINALITY_LATEST,
                                     .has_to = true,
                                     .to = last};
    cr_assert_eq(ingest_run(&request, &stats, &err), TRACER_OK, "%s", err.text);
    chain_close(client);
    fake_close(&pool);
}

static size_t count_kept(struct test_place *place, uint64_t last)
{
    size_t kept = 0;
    struct error err;
    for (uint64_t number = 0; number <= last; number++) {
        struct buffer archive;
        buffer_init(&archive, TRACER_ARCHIVE_MAX);
        kept += !graph_get_archive(place->graph, 777, fake_block_at(0, number)->hash, &archive, &err);
        buffer_release(&archive);
    }
    return kept;
}

static size_t gapped, unproven; /* of the last bundle: accounts, hops */

/* The manifest of the bundle, which has the digest of every file; the bundle is removed again. */
static enum tracer_status bundle(struct test_place *place, struct fake_chain *chain, bool keep,
                                 struct buffer *manifest, struct error *err)
{
    char directory[128], path[192];
    const char *seed = FAKE_A;
    struct fake_pool pool = fake_open(&chain, 1, 0, NULL, NULL);
    struct chain_client *client = NULL;
    struct trace_result *result;
    struct evidence_counts counts;
    struct label_set *labels;
    if (chain->head)
        cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, err), TRACER_OK, "%s", err->text);
    cr_assert_eq(label_set_new(&labels, err), TRACER_OK);
    struct trace_request trace = {.input = {.graph = place->graph,
                                            .chain_id = 777,
                                            .native_symbol = "FAKE",
                                            .labels = labels,
                                            .repeat = ""},
                                  .seeds = &seed,
                                  .seed_count = 1,
                                  .has_since = true,
                                  .since = 25};
    struct evidence_request request = {
        .trace = &trace, .network = &pool.network, .client = client, .keep_fetched = keep};
    snprintf(directory, sizeof directory, "%s-bundle", place->path);
    enum tracer_status status = evidence_write(&request, directory, &result, &counts, err);
    if (!status) {
        cr_assert_gt(counts.transactions_proven, 0);
        snprintf(path, sizeof path, "%s/manifest.json", directory);
        cr_assert_eq(file_read(path, TRACER_MIB(1), manifest, err), TRACER_OK, "%s", err->text);
        gapped = result->gapped_count;
        unproven = 0;
        for (size_t i = 0; i < result->hop_count; i++) {
            bool from_gap = address_equal(result->accounts[result->hops[i].from].address, fake_address(FAKE_B));
            cr_expect(u256_equal(result->hops[i].unproven, gapped && from_gap ? result->hops[i].tainted : u256_from_u64(0)));
            unproven += !u256_is_zero(result->hops[i].unproven);
        }
        trace_result_free(result);
        nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
    chain_close(client);
    fake_close(&pool);
    label_set_free(labels);
    return status;
}

Test(evidence, what_a_bundle_fetched_is_kept_and_the_next_one_needs_no_endpoint)
{
    struct test_place place = open_place();
    struct fake_chain chain = {.head = 60}, nobody = {.head = 0};
    struct buffer first, second, third;
    struct error err;
    buffer_init(&first, TRACER_MIB(1));
    buffer_init(&second, TRACER_MIB(1));
    buffer_init(&third, TRACER_MIB(1));
    ingest(&place, &chain, 40);
    cr_assert_eq(bundle(&place, &nobody, false, &first, &err), TRACER_E_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "--keep-raw"), "%s", err.text);
    cr_assert_eq(bundle(&place, &chain, false, &first, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(count_kept(&place, 60), 0);
    cr_assert_eq(bundle(&place, &chain, true, &second, &err), TRACER_OK, "%s", err.text);
    size_t kept = count_kept(&place, 60);
    cr_assert(kept > 5 && kept < 41, "%zu", kept); /* blocks without a transaction are in no bundle */
    cr_assert_eq(bundle(&place, &nobody, false, &third, &err), TRACER_OK, "%s", err.text);
    cr_assert(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    cr_assert(first.size == third.size && memcmp(first.data, third.data, first.size) == 0);
    cr_assert_eq(count_kept(&place, 60), kept);
    cr_assert_eq(graph_verify(place.graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    buffer_release(&first);
    buffer_release(&second);
    buffer_release(&third);
    close_place(&place);
}

/* The blocks of another version, which saw something else in them. */
static enum tracer_status put_altered(void *context, const struct block *block, struct error *err)
{
    struct test_place *place = context;
    struct block altered = *block;
    struct transfer rows[64];
    struct graph_write *write;
    cr_assert_lt(block->transfer_count, 64);
    for (size_t i = 0; i < block->transfer_count; i++) {
        rows[i] = block->transfers[i];
        rows[i].amount.limb[0] ^= rows[i].kind == TRANSFER_VALUE;
    }
    altered.transfers = rows;
    cr_assert_eq(graph_begin(place->graph, &write, err), TRACER_OK, "%s", err->text);
    cr_assert_eq(graph_put_block(write, &altered, err), TRACER_OK, "%s", err->text);
    return graph_commit(write, err);
}

Test(evidence, rows_that_an_older_version_saw_make_no_bundle_and_it_is_said_what_to_do)
{
    struct test_place place = open_place();
    struct fake_chain chain = {.head = 60};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct chain_fetch fetch = {.first = 20, .last = 40};
    struct chain_fetch_stats stats;
    struct buffer manifest;
    struct error err;
    buffer_init(&manifest, TRACER_MIB(1));
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    ingest(&place, &chain, 19);
    cr_assert_eq(chain_fetch(client, &fetch, put_altered, &place, &stats, &err), TRACER_OK, "%s", err.text);
    chain_close(client);
    fake_close(&pool);
    cr_assert_eq(bundle(&place, &chain, false, &manifest, &err), TRACER_E_VERIFY);
    cr_assert_not_null(strstr(err.text, "--refetch"), "%s", err.text);
    buffer_release(&manifest);
    close_place(&place);
}

/* A chain that is another one now: its block is not kept under the stored one's hash. */
Test(evidence, R5_a_block_that_is_another_one_now_is_not_kept)
{
    struct test_place place = open_place();
    struct fake_chain chain = {.head = 60}, forked = {.head = 60, .fork = 30};
    struct buffer manifest;
    struct error err;
    buffer_init(&manifest, TRACER_MIB(1));
    ingest(&place, &chain, 40);
    cr_assert_eq(bundle(&place, &forked, true, &manifest, &err), TRACER_E_CONFLICT);
    for (uint64_t number = 30; number <= 40; number++) {
        struct buffer archive;
        buffer_init(&archive, TRACER_ARCHIVE_MAX);
        cr_assert_eq(graph_get_archive(place.graph, 777, fake_block_at(0, number)->hash, &archive, &err),
                     TRACER_E_NOT_FOUND);
        cr_assert_eq(graph_get_archive(place.graph, 777, fake_block_at(30, number)->hash, &archive, &err),
                     TRACER_E_NOT_FOUND);
        buffer_release(&archive);
    }
    close_place(&place);
}

/* A bundle verifies itself before it counts: the replay without what a gap leaves open, too. */
Test(evidence, an_account_with_a_gap_pays_nothing_that_is_proven)
{
    struct test_place place = open_place();
    struct fake_chain chain = {.head = 60};
    struct buffer manifest;
    struct error err;
    struct graph_coverage gap = {.account = fake_address(FAKE_B), .last = 40, .what = "all", .strategy = AUDIT_STRATEGY, .gap = "coins are missing"};
    buffer_init(&manifest, TRACER_MIB(1));
    ingest(&place, &chain, 40);
    cr_assert_eq(bundle(&place, &chain, false, &manifest, &err), TRACER_OK, "%s", err.text);
    cr_assert(gapped == 0 && unproven == 0);
    cr_assert_eq(graph_put_coverage(place.graph, 777, &gap, &err), TRACER_OK, "%s", err.text);
    buffer_clear(&manifest);
    cr_assert_eq(bundle(&place, &chain, false, &manifest, &err), TRACER_OK, "%s", err.text);
    cr_assert(gapped == 1 && unproven > 0, "%zu, %zu", gapped, unproven);
    buffer_release(&manifest);
    close_place(&place);
}
