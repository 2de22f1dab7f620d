/* test_walk.c - from a range of blocks to a checkpoint, header by header (threat-model R15). */
#include "chains/place.h"
#include "tracer/ingest.h"

struct walked {
    enum tracer_status status;
    struct error err;
    struct chain_walk walk;
    struct hash hashes[512];
    char notes[2048];
    unsigned refused;
    uint64_t told, total;
};

static enum tracer_status count_refused(void *context, const struct chain_refusal *refusal, struct error *err)
{
    struct walked *walked = context;
    (void)err;
    cr_assert_gt(strlen(refusal->why), 10);
    cr_assert_gt(refusal->block.length, 3);
    walked->refused++;
    return TRACER_OK;
}

static void tell(void *context, uint64_t done, uint64_t total)
{
    struct walked *walked = context;
    cr_assert_geq(done, walked->told);
    walked->told = done;
    walked->total = total;
}

static struct chain_checkpoint checkpoint_of(uint64_t fork, uint64_t number)
{
    return (struct chain_checkpoint){.number = number, .hash = fake_block_at(fork, number)->hash};
}

/* `arm`, if any, is what the first chain does once it is open. */
static struct walked walk_armed(struct fake_chain **chains, size_t count,
                                const struct chain_checkpoint *checkpoints, size_t checkpoint_count,
                                uint64_t first, uint64_t last, void (*arm)(struct fake_chain *chain))
{
    struct walked walked = {0};
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct chain_client *client;
    struct arena *arena = arena_new(TRACER_MIB(32));
    pool.network.checkpoints = checkpoints;
    pool.network.checkpoint_count = checkpoint_count;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &walked.err), TRACER_OK, "%s", walked.err.text);
    if (arm)
        arm(chains[0]);
    walked.walk = (struct chain_walk){
        .first = first, .last = last, .refused = count_refused, .progress = tell, .context = &walked};
    walked.status = chain_walk(client, &walked.walk, arena, &walked.err);
    if (!walked.status) {
        cr_assert_leq(walked.walk.hash_count, 512);
        memcpy(walked.hashes, walked.walk.hashes, walked.walk.hash_count * sizeof *walked.hashes);
        cr_assert_eq(walked.told, walked.walk.headers);
        cr_assert_eq(walked.total, walked.walk.headers);
    }
    for (size_t i = 0; chain_note(client, i); i++)
        snprintf(walked.notes + strlen(walked.notes), sizeof walked.notes - strlen(walked.notes), "%s\n",
                 chain_note(client, i));
    chain_close(client);
    fake_close(&pool);
    arena_free(arena);
    return walked;
}

static struct walked walk(struct fake_chain **chains, size_t count, uint64_t checkpoint, uint64_t first,
                          uint64_t last)
{
    struct chain_checkpoint known = checkpoint_of(0, checkpoint);
    return walk_armed(chains, count, &known, checkpoint ? 1 : 0, first, last, NULL);
}

static void expect_hashes(const struct walked *walked, uint64_t first, size_t count)
{
    cr_assert_eq(walked->status, TRACER_OK, "%s", walked->err.text);
    cr_assert_eq(walked->walk.hash_count, count);
    for (size_t i = 0; i < count; i++)
        cr_assert(hash_equal(walked->hashes[i], fake_block_at(0, first + i)->hash), "block %" PRIu64,
                  first + i);
}

Test(walk, R15_a_checkpoint_above_gives_the_hash_of_every_block)
{
    struct fake_chain chain = {.head = 500};
    struct walked walked = walk((struct fake_chain *[]){&chain}, 1, 400, 90, 200);
    expect_hashes(&walked, 90, 111);
    cr_assert(walked.walk.vouches);
    cr_assert_eq(walked.walk.checkpoint.number, 400);
    cr_assert_eq(walked.walk.headers, 311);
    /* it may be the range's own end, and the range one block */
    walked = walk((struct fake_chain *[]){&chain}, 1, 400, 400, 400);
    expect_hashes(&walked, 400, 1);
    cr_assert_eq(walked.walk.headers, 1);
}

Test(walk, R15_a_checkpoint_within_or_below_says_what_it_can)
{
    struct fake_chain chain = {.head = 100};
    struct walked walked = walk((struct fake_chain *[]){&chain}, 1, 50, 30, 60);
    expect_hashes(&walked, 30, 21);
    cr_assert(walked.walk.vouches);
    cr_assert_eq(walked.walk.headers, 21);
    walked = walk((struct fake_chain *[]){&chain}, 1, 20, 30, 60);
    expect_hashes(&walked, 30, 1);
    cr_assert_not(walked.walk.vouches);
    cr_assert_eq(walked.walk.headers, 11);
    walked = walk((struct fake_chain *[]){&chain}, 1, 0, 30, 60); /* the anchor is one, too */
    expect_hashes(&walked, 30, 1);
    cr_assert_eq(walked.walk.checkpoint.number, 0);
    cr_assert_eq(walked.walk.headers, 31);
}

/* Forged from `fork` on: the range, what is between, or only the checkpoint. */
Test(walk, R15_an_endpoint_with_another_chain_is_refused_and_named)
{
    for (uint64_t fork = 10; fork <= 110; fork += 50) {
        struct fake_chain forged = {.head = 200, .fork = fork}, honest = {.head = 200};
        struct walked walked = walk((struct fake_chain *[]){&forged}, 1, 110, 30, 60);
        cr_assert_eq(walked.status, TRACER_E_REPLY);
        cr_assert(strstr(walked.err.text, "\"alpha\"") &&
                      strstr(walked.err.text, "block 110: its hash is 0x") &&
                      strstr(walked.err.text, "the checkpoint is 0x"),
                  "%s", walked.err.text);
        cr_assert_eq(walked.refused, 1);
        walked = walk((struct fake_chain *[]){&forged, &honest}, 2, 110, 30, 60);
        expect_hashes(&walked, 30, 31);
        cr_assert_not_null(strstr(walked.notes, "not believed: endpoint \"alpha\": block 110"), "%s",
                           walked.notes);
        cr_assert_eq(walked.refused, 1);
    }
    /* one that left the chain behind the anchor but before a checkpoint below */
    struct fake_chain forged = {.head = 200, .fork = 10}, honest = {.head = 200};
    struct walked walked = walk((struct fake_chain *[]){&forged}, 1, 20, 30, 60);
    cr_assert_eq(walked.status, TRACER_E_REPLY);
    cr_assert(strstr(walked.err.text, "\"alpha\"") && strstr(walked.err.text, "block 20: its hash is 0x"),
              "%s", walked.err.text);
    walked = walk((struct fake_chain *[]){&forged, &honest}, 2, 20, 30, 60);
    expect_hashes(&walked, 30, 1);
    cr_assert_not_null(strstr(walked.notes, "\"alpha\""));
}

Test(walk, R15_one_false_header_on_the_way_is_found_and_the_next_endpoint_goes_on)
{
    static const enum fake_lie lies[] = {LIE_OTHER_FORK, LIE_NUMBER};
    for (size_t i = 0; i < 2; i++) {
        struct fake_chain liar = {.head = 200, .lie = lies[i], .lie_number = 77, .lies_left = 1000},
                          honest = {.head = 200};
        struct walked walked = walk((struct fake_chain *[]){&liar}, 1, 110, 30, 60);
        cr_assert_eq(walked.status, TRACER_E_REPLY);
        cr_assert_not_null(strstr(walked.err.text, "block 77: "), "%s", walked.err.text);
        walked = walk((struct fake_chain *[]){&liar, &honest}, 2, 110, 30, 60);
        expect_hashes(&walked, 30, 31);
        cr_assert_not_null(strstr(walked.notes, "not believed: endpoint \"alpha\": block 77"), "%s",
                           walked.notes);
        unsigned asked = honest.blocks_asked;
        cr_assert_leq(asked, 2 + 77 - 30 + 1, "%u", asked); /* what was known above is not asked for again */
    }
}

Test(walk, R7_what_an_endpoint_does_not_serve_is_asked_elsewhere)
{
    struct fake_chain pruned = {.head = 80}, whole = {.head = 200};
    struct walked walked = walk((struct fake_chain *[]){&pruned}, 1, 110, 30, 60);
    cr_assert_eq(walked.status, TRACER_E_UNAVAILABLE);
    cr_assert_not_null(strstr(walked.err.text, "block 110: eth_getBlockByNumber: null"), "%s",
                       walked.err.text);
    cr_assert_eq(walked.refused, 0);
    walked = walk((struct fake_chain *[]){&pruned, &whole}, 2, 110, 30, 60);
    expect_hashes(&walked, 30, 31);
    cr_assert_eq(walked.refused, 0);
}

static void refuse_batches(struct fake_chain *chain)
{
    static const struct fault_step too_large = {.status = 413,
                                                .body = "{\"error\":\"request entity too large\"}"};
    chain->fault_method = "eth_getBlockByNumber\",\"params\":[\"0x6e"; /* batches with the first header */
    chain->fault_step = &too_large;
    chain->faults_left = 2;
}

Test(walk, batches_shrink_where_they_are_refused)
{
    struct fake_chain chain = {.head = 200};
    struct chain_checkpoint known = checkpoint_of(0, 110);
    struct walked walked = walk_armed((struct fake_chain *[]){&chain}, 1, &known, 1, 30, 60, refuse_batches);
    expect_hashes(&walked, 30, 31);
    cr_assert_leq(atomic_load(&chain.faults_left), 0);
}

Test(walk, R15_checkpoints_that_contradict_each_other_are_told)
{
    struct fake_chain chain = {.head = 200};
    struct chain_checkpoint known[] = {checkpoint_of(0, 110), checkpoint_of(40, 50)};
    struct walked walked = walk_armed((struct fake_chain *[]){&chain}, 1, known, 2, 30, 100, NULL);
    cr_assert_eq(walked.status, TRACER_E_USAGE);
    cr_assert_not_null(
        strstr(walked.err.text, "block 50: its checkpoint does not lie on the way to that of block 110"),
        "%s", walked.err.text);
}

Test(walk, R15_too_far_from_any_checkpoint_is_refused_and_says_what_to_add)
{
    struct fake_chain chain = {.head = 400000};
    struct walked walked = walk((struct fake_chain *[]){&chain}, 1, 20, 300000, 300010);
    cr_assert_eq(walked.status, TRACER_E_LIMIT);
    cr_assert(strstr(walked.err.text, "the nearest is 20. Add a block from 300010 to 499999"), "%s",
              walked.err.text);
    cr_assert_lt(chain.blocks_asked, 5);
    walked = walk((struct fake_chain *[]){&chain}, 1, 900000, 300000, 300010);
    cr_assert(strstr(walked.err.text, "the nearest are 0 and 900000. Add"), "%s", walked.err.text);
    walked = walk((struct fake_chain *[]){&chain}, 1, 20, 300000, 600000);
    cr_assert_eq(walked.status, TRACER_E_LIMIT);
    cr_assert(strstr(walked.err.text, "Read them in parts"), "%s", walked.err.text);
    walked = walk((struct fake_chain *[]){&chain}, 1, 20, 30, 20);
    cr_assert_eq(walked.status, TRACER_E_USAGE);
}

/* ---- a header proves itself ---- */

Test(walk, R15_a_header_with_one_digit_changed_is_not_believed)
{
    struct fake_chain chain = {.head = 50};
    struct evm_block_head head;
    struct error err;
    char *text;
    size_t size, changed = 0;
    FILE *out = open_memstream(&text, &size);
    fake_block(&chain, 43, false, out);
    fclose(out);
    struct arena *arena = arena_new(TRACER_MIB(64));
    struct json_span span = {text, size};
    cr_assert_eq(evm_prove_head(span, arena, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert(head.number == 43 && hash_equal(head.parent_hash, fake_block_at(0, 42)->hash));
    const char *end = strstr(text, "\"uncles\""); /* the transactions behind it are not part of the header */
    for (char *at = text; at < end; at++) {
        char was = *at;
        if (!strchr("0123456789abcdef", was) || at[-1] == 'x' ||
            strchr("\"", at[-1])) /* a digit, not of a name */
            continue;
        if (at[1] != '"' && !strchr("0123456789abcdef", at[1]))
            continue;
        *at = was == '7' ? '8' : '7';
        cr_assert_neq(evm_prove_head(span, arena, &head, &err), TRACER_OK, "at %td", at - text);
        *at = was;
        changed++;
    }
    cr_assert_gt(changed, 900);
    cr_assert_eq(evm_prove_head(span, arena, &head, &err), TRACER_OK);
    arena_free(arena);
    free(text);
}

/* ---- ingest --anchor ---- */

struct ingested {
    enum tracer_status status;
    struct error err;
    struct ingest_stats stats;
};

static struct ingested ingest(struct test_place *place, struct fake_chain **chains, size_t count,
                              uint64_t checkpoint, uint64_t first, uint64_t last, bool anchor, bool refetch)
{
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct chain_checkpoint known = checkpoint_of(0, checkpoint);
    struct chain_client *client;
    struct ingested ingested;
    pool.network.checkpoints = &known;
    pool.network.checkpoint_count = checkpoint ? 1 : 0;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &ingested.err), TRACER_OK, "%s",
                 ingested.err.text);
    struct ingest_request request = {.graph = place->graph,
                                     .client = client,
                                     .network = &pool.network,
                                     .finality = FINALITY_LATEST,
                                     .has_from = true,
                                     .from = first,
                                     .has_to = true,
                                     .to = last,
                                     .anchor = anchor,
                                     .refetch = refetch};
    ingested.status = ingest_run(&request, &ingested.stats, &ingested.err);
    request.follow = true;
    cr_assert(!anchor ||
              ingest_run(&request, &(struct ingest_stats){0}, &(struct error){0}) == TRACER_E_USAGE);
    chain_close(client);
    fake_close(&pool);
    return ingested;
}

static void expect_grade(struct test_place *place, uint64_t first, uint64_t last, enum grade grade)
{
    struct error err;
    for (uint64_t number = first; number <= last; number++) {
        struct block block;
        struct transaction transaction;
        cr_assert_eq(graph_get_block(place->graph, 777, number, &block, &err), TRACER_OK, "%s", err.text);
        cr_assert(hash_equal(block.hash, fake_block_at(0, number)->hash));
        cr_assert_eq(block.grade, grade, "block %" PRIu64 " is %s", number, grade_name(block.grade));
        if (!block.transaction_count)
            continue;
        cr_assert_eq(graph_get_transaction(place->graph, 777, number, 0, &transaction, &err), TRACER_OK, "%s",
                     err.text);
        cr_assert_eq(transaction.grade, grade, "transaction of block %" PRIu64 " is %s", number,
                     grade_name(transaction.grade));
    }
}

static enum tracer_status copy_coverage(void *context, const struct graph_coverage *coverage,
                                        struct error *err)
{
    (void)err;
    *(struct graph_coverage *)context = *coverage;
    return TRACER_OK;
}

static struct graph_coverage ledger(struct test_place *place)
{
    struct graph_coverage coverage = {.first = UINT64_MAX};
    struct error err;
    cr_assert_eq(graph_each_coverage(place->graph, 777, NULL, copy_coverage, &coverage, &err), TRACER_OK,
                 "%s", err.text);
    return coverage;
}

Test(walk, R15_blocks_that_hang_on_a_checkpoint_are_proven_and_the_ledger_says_so)
{
    struct test_place place = open_place();
    struct fake_chain chain = {.head = 200};
    struct ingested ingested = ingest(&place, (struct fake_chain *[]){&chain}, 1, 110, 30, 60, true, false);
    cr_assert_eq(ingested.status, TRACER_OK, "%s", ingested.err.text);
    cr_assert(ingested.stats.walk_headers == 81 && ingested.stats.walk_vouched == 31 &&
              ingested.stats.walk_checkpoint == 110);
    expect_grade(&place, 30, 60, GRADE_PROVEN);
    struct graph_coverage coverage = ledger(&place);
    cr_assert_eq(coverage.grade, GRADE_PROVEN);
    cr_assert_not_null(strstr(coverage.cross_check, "; linked to checkpoint 110 by 81 headers"), "%s",
                       coverage.cross_check);
    close_place(&place);
}

Test(walk, R15_a_checkpoint_below_raises_no_grade)
{
    struct test_place place = open_place();
    struct fake_chain chain = {.head = 200};
    struct ingested ingested = ingest(&place, (struct fake_chain *[]){&chain}, 1, 20, 30, 60, true, false);
    cr_assert_eq(ingested.status, TRACER_OK, "%s", ingested.err.text);
    cr_assert(ingested.stats.walk_headers == 11 && ingested.stats.walk_vouched == 0);
    expect_grade(&place, 30, 60, GRADE_SINGLE);
    struct graph_coverage coverage = ledger(&place);
    cr_assert_not_null(
        strstr(coverage.cross_check, "; descends from checkpoint 20 (11 headers), which does not prove"),
        "%s", coverage.cross_check);
    close_place(&place);
    place = open_place();
    ingested = ingest(&place, (struct fake_chain *[]){&chain}, 1, 50, 30, 60, true, false);
    cr_assert_eq(ingested.status, TRACER_OK, "%s", ingested.err.text);
    expect_grade(&place, 30, 50, GRADE_PROVEN);
    expect_grade(&place, 51, 60, GRADE_SINGLE);
    coverage = ledger(&place);
    cr_assert_not_null(strstr(coverage.cross_check,
                              "; checkpoint 50 (21 headers) proves the blocks up to it, not those above"),
                       "%s", coverage.cross_check);
    close_place(&place);
}

Test(walk, R15_R6_a_lying_endpoint_changes_nothing_and_is_named)
{
    struct test_place place = open_place();
    struct fake_chain forged = {.head = 200, .fork = 25}, honest = {.head = 200};
    struct ingested ingested = ingest(&place, (struct fake_chain *[]){&forged}, 1, 110, 30, 60, true, false);
    cr_assert_eq(ingested.status, TRACER_E_REPLY);
    cr_assert_not_null(strstr(ingested.err.text, "endpoint \"alpha\""), "%s", ingested.err.text);
    cr_assert_eq(ingested.stats.blocks, 0);
    cr_assert_gt(ingested.stats.refused, 0);
    /* with two honest ones, or one: the walk decides, not the number of voices */
    for (uint64_t two = 0; two < 2; two++) {
        ingested = ingest(&place, (struct fake_chain *[]){&forged, &honest, &forged}, 2 + two, 110,
                          30 + 40 * two, 60 + 40 * two, true, false);
        cr_assert_eq(ingested.status, TRACER_OK, "%s", ingested.err.text);
        cr_assert_gt(ingested.stats.refused, 0);
        expect_grade(&place, 30 + 40 * two, 60 + 40 * two, GRADE_PROVEN);
    }
    close_place(&place);
}

Test(walk, stored_blocks_and_their_transactions_get_the_better_grade)
{
    struct test_place place = open_place();
    struct fake_chain chain = {.head = 200};
    struct ingested ingested = ingest(&place, (struct fake_chain *[]){&chain}, 1, 110, 30, 60, false, false);
    cr_assert_eq(ingested.status, TRACER_OK, "%s", ingested.err.text);
    expect_grade(&place, 30, 60, GRADE_SINGLE);
    ingested = ingest(&place, (struct fake_chain *[]){&chain}, 1, 110, 30, 60, true, true);
    cr_assert_eq(ingested.status, TRACER_OK, "%s", ingested.err.text);
    expect_grade(&place, 30, 60, GRADE_PROVEN);
    struct graph_stat stat;
    struct error err;
    cr_assert_eq(graph_stat(place.graph, &stat, &err), TRACER_OK);
    cr_assert_eq(stat.orphans, 0); /* the same facts: nothing was taken away */
    cr_assert_eq(graph_verify(place.graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    close_place(&place);
}
