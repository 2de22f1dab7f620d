/* test_fetch.c - blocks of a range in order, from endpoints that lack things or lie (threat-model R1, R2, R5,
 * R7). */
#include "chains/fake_chain.h"

#include <dirent.h>
#include <unistd.h>

struct collected {
    uint64_t next;
    unsigned blocks, rows, internals, exact, grades[GRADE_COUNT];
    char *text; /* every row */
    size_t size;
    FILE *out;
    uint64_t stop_at;
};

static enum tracer_status collect(void *context, const struct block *block, struct error *err)
{
    struct collected *collected = context;
    cr_assert_eq(block->number, collected->next, "%" PRIu64 " instead of %" PRIu64, block->number,
                 collected->next);
    if (collected->stop_at && block->number == collected->stop_at)
        return error_set(err, TRACER_E_FULL, "the store is full");
    collected->next++;
    collected->blocks++;
    collected->grades[block->grade]++;
    for (size_t i = 0; i < block->transaction_count; i++)
        cr_assert_eq(block->transactions[i].grade, block->grade);
    collected->internals += block->internals == INTERNALS_ALL;
    collected->exact += block->order == ORDER_EXACT;
    collected->rows += (unsigned)block->transfer_count;
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        char key[POSITION_TEXT_SIZE], amount[U256_DECIMAL_MAX], hash[HASH_TEXT_SIZE];
        position_format(row->position, key);
        u256_format_decimal(row->amount, amount);
        hash_format(block->hash, hash);
        fprintf(collected->out, "%s %s %s %s\n", key, transfer_kind_name(row->kind), amount, hash);
    }
    return TRACER_OK;
}

struct run {
    struct collected collected;
    struct chain_fetch_stats stats;
    enum tracer_status status;
    struct error err;
    char notes[2048];
    enum chain_traces traces;
};

static struct run fetch_knowing(struct fake_pool *pool, struct chain_fetch fetch, bool final)
{
    struct run run = {.collected = {.next = fetch.first}};
    struct chain_client *client;
    uint64_t head;
    run.collected.out = open_memstream(&run.collected.text, &run.collected.size);
    run.status = chain_open(pool->rpc, &pool->network, &client, &run.err);
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    if (final)
        cr_assert_eq(chain_head(client, FINALITY_FINALIZED, 0, &head, &run.err), TRACER_OK, "%s", run.err.text);
    run.status = chain_fetch(client, &fetch, collect, &run.collected, &run.stats, &run.err);
    for (size_t i = 0; chain_note(client, i); i++)
        snprintf(run.notes + strlen(run.notes), sizeof run.notes - strlen(run.notes), "%s\n",
                 chain_note(client, i));
    run.traces = chain_client_traces(client);
    chain_close(client);
    fclose(run.collected.out);
    return run;
}

static struct run fetch_from(struct fake_pool *pool, struct chain_fetch fetch)
{
    return fetch_knowing(pool, fetch, false);
}

static struct run fetch_chains(struct fake_chain **chains, size_t count, struct chain_fetch fetch)
{
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct run run = fetch_from(&pool, fetch);
    fake_close(&pool);
    return run;
}

/* As a run does that reads final blocks only. */
static struct run fetch_final(struct fake_chain **chains, size_t count, struct chain_fetch fetch)
{
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct run run = fetch_knowing(&pool, fetch, true);
    fake_close(&pool);
    return run;
}

static struct run fetch_chain(struct fake_chain *chain, uint64_t first, uint64_t last)
{
    return fetch_chains((struct fake_chain *[]){chain}, 1,
                        (struct chain_fetch){.first = first, .last = last, .want_traces = true});
}

static void run_free(struct run *run)
{
    free(run->collected.text);
}

/* What an honest chain gives for the range. */
static char *expected(uint64_t first, uint64_t last)
{
    struct fake_chain chain = {.head = last};
    struct run run = fetch_chain(&chain, first, last);
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    return run.collected.text;
}

static void expect_same(struct run *run, uint64_t first, uint64_t last)
{
    cr_assert_eq(run->status, TRACER_OK, "%s", run->err.text);
    cr_assert_eq(run->collected.blocks, last - first + 1);
    char *want = expected(first, last);
    cr_assert_str_eq(run->collected.text, want);
    free(want);
}

Test(fetch, delivers_every_block_once_and_in_order)
{
    struct fake_chain chain = {.head = 250};
    struct run run = fetch_chain(&chain, 0, 250);
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.blocks, 251);
    cr_assert_eq(run.stats.blocks, 251);
    cr_assert_eq(run.stats.transfers, run.collected.rows);
    cr_assert_gt(run.stats.transactions, 300);
    cr_assert_gt(run.stats.bytes, 100000);
    cr_assert_eq(run.collected.internals, 251);
    cr_assert_eq(run.collected.exact, 251);
    cr_assert_eq(run.traces, TRACES_CALL_TRACER_LOGS);
    cr_assert_str_eq(run.notes, "");
    cr_assert_eq(atomic_load(&chain.receipts_asked), 0);
    run_free(&run);
}

Test(fetch, single_blocks_and_the_ends_of_ranges)
{
    struct fake_chain chain = {.head = 250};
    static const uint64_t ranges[][2] = {{0, 0}, {250, 250}, {3, 4}, {1, 9}, {242, 250}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct run run = fetch_chain(&chain, ranges[i][0], ranges[i][1]);
        expect_same(&run, ranges[i][0], ranges[i][1]);
        run_free(&run);
    }
}

Test(fetch, a_small_ring_gives_the_same)
{
    struct fake_chain chain = {.head = 60};
    struct run run =
        fetch_chains((struct fake_chain *[]){&chain}, 1,
                     (struct chain_fetch){.first = 0, .last = 60, .want_traces = true, .blocks_ahead = 1});
    expect_same(&run, 0, 60);
    run_free(&run);
}

Test(fetch, requests_overlap)
{
    struct fake_chain chain = {.head = 600};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 100, NULL, NULL);
    struct run run = fetch_from(&pool, (struct chain_fetch){.first = 0, .last = 600, .want_traces = true});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_geq(faultserver_overlap(pool.servers[0]), 6);
    run_free(&run);
    fake_close(&pool);
}

Test(fetch, a_missing_receipts_method_falls_back_to_single_receipts)
{
    struct fake_chain chain = {.head = 40, .no_block_receipts = true};
    struct run run = fetch_chain(&chain, 0, 40);
    expect_same(&run, 0, 40);
    cr_assert_gt(atomic_load(&chain.receipts_asked), 40);
    cr_assert_not_null(strstr(run.notes, "receipts are asked for one by one"));
    run_free(&run);
}

Test(fetch, trace_block_gives_the_moves_before_the_logs)
{
    struct fake_chain chain = {.head = 20, .flat_traces = true};
    struct run run = fetch_chain(&chain, 0, 20);
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.traces, TRACES_TRACE_BLOCK);
    cr_assert_eq(run.collected.internals, 21);
    cr_assert_lt(run.collected.exact, 21);
    run_free(&run);
}

Test(fetch, a_tracer_without_log_positions_is_found_out)
{
    struct fake_chain chain = {.head = 20, .without_logs = true};
    struct run run = fetch_chain(&chain, 0, 20);
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.traces, TRACES_CALL_TRACER);
    cr_assert_lt(run.collected.exact, 21);
    run_free(&run);
}

/* Whose answer comes first is chance; the order of rows is not. */
Test(fetch, one_tracer_with_log_positions_is_enough_for_the_order_of_all_rows)
{
    struct fake_chain whole = {.head = 20};
    struct run alone = fetch_chain(&whole, 0, 20);
    cr_assert_eq(alone.collected.exact, 21);
    for (size_t at = 0; at < 3; at++) {
        struct fake_chain with = {.head = 20}, without = {.head = 20, .without_logs = true}, too = without;
        struct fake_chain *chains[] = {&without, &too, &without};
        chains[at] = &with;
        struct run run = fetch_chains(chains, at == 2 ? 3 : 2, (struct chain_fetch){.first = 0, .last = 20, .want_traces = true});
        cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
        cr_assert_eq(run.collected.exact, 21, "%zu: %zu", at, (size_t)run.collected.exact);
        cr_assert_eq(run.traces, TRACES_CALL_TRACER_LOGS);
        cr_assert_null(strstr(run.notes, "not believed"), "%s", run.notes);
        run_free(&run);
    }
    run_free(&alone);
}

Test(fetch, without_traces_internals_are_none_and_it_is_said)
{
    struct fake_chain chain = {.head = 20, .no_traces = true};
    struct run run = fetch_chain(&chain, 0, 20);
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.internals, 0);
    cr_assert_eq(run.traces, TRACES_NONE);
    cr_assert_not_null(strstr(run.notes, "no endpoint has call traces"));
    run_free(&run);
}

Test(fetch, R7_traces_that_are_pruned_leave_blocks_without_and_it_is_said)
{
    struct fake_chain chain = {.head = 20, .prunes_traces = true};
    struct run run = fetch_chain(&chain, 0, 20);
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.internals, 1); /* the head */
    cr_assert_not_null(strstr(run.notes, "some blocks have no traces, the first is: block "), "%s",
                       run.notes);
    run_free(&run);
}

Test(fetch, traces_are_not_asked_for_unwanted)
{
    struct fake_chain chain = {.head = 20};
    struct run run =
        fetch_chains((struct fake_chain *[]){&chain}, 1, (struct chain_fetch){.first = 0, .last = 20});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.internals, 0);
    cr_assert_eq(atomic_load(&chain.traces_asked), 1); /* chain_open() asked whether there are any */
    run_free(&run);
}

/* ---- lies ---- */

static void expect_healed(enum fake_lie lie)
{
    struct fake_chain chain = {.head = 40, .lie = lie, .lie_number = 23, .lies_left = 1};
    struct run run = fetch_chain(&chain, 0, 40);
    expect_same(&run, 0, 40);
    cr_assert_eq(atomic_load(&chain.lies_left), 0);
    run_free(&run);
}

Test(fetch, R1_a_receipt_that_is_missing_is_asked_for_again)
{
    expect_healed(LIE_RECEIPT_MISSING);
}
Test(fetch, R2_a_false_sender_is_asked_for_again)
{
    expect_healed(LIE_RECEIPT_FROM);
}
/* Nothing but the receipts' root tells. */
Test(fetch, R2_a_false_amount_is_asked_for_again)
{
    expect_healed(LIE_AMOUNT);
}
Test(fetch, R2_another_block_than_asked_is_asked_for_again)
{
    expect_healed(LIE_NUMBER);
}
Test(fetch, R5_a_block_of_another_fork_than_its_receipts_is_asked_for_again)
{
    expect_healed(LIE_OTHER_FORK);
}
Test(fetch, R7_null_receipts_are_asked_for_again)
{
    expect_healed(LIE_NULL_RECEIPTS);
}

Test(fetch, R1_an_endpoint_that_always_lies_is_an_error_that_names_block_and_cause)
{
    struct fake_chain chain = {.head = 40, .lie = LIE_RECEIPT_MISSING, .lie_number = 23, .lies_left = 1000};
    struct run run = fetch_chain(&chain, 0, 40);
    cr_assert_eq(run.status, TRACER_E_REPLY);
    cr_assert_not_null(strstr(run.err.text, "block 23: receipts: 2 receipts for 3 transactions"), "%s",
                       run.err.text);
    cr_assert_leq(run.collected.blocks, 23);
    run_free(&run);
}

Test(fetch, R2_a_false_amount_that_nobody_corrects_is_an_error_that_names_the_root)
{
    struct fake_chain chain = {.head = 40, .lie = LIE_AMOUNT, .lie_number = 23, .lies_left = 1000};
    struct run run = fetch_chain(&chain, 0, 40);
    cr_assert_eq(run.status, TRACER_E_REPLY);
    cr_assert_not_null(strstr(run.err.text, "block 23: eth_getBlockReceipts: receiptsRoot is 0x"), "%s",
                       run.err.text);
    cr_assert_leq(run.collected.blocks, 23);
    run_free(&run);
}

Test(fetch, R1_another_endpoint_answers_for_one_that_lies)
{
    struct fake_chain liar = {.head = 40, .lie = LIE_RECEIPT_MISSING, .lie_number = 23, .lies_left = 1000},
                      honest = {.head = 40};
    struct run run = fetch_chains((struct fake_chain *[]){&liar, &honest}, 2,
                                  (struct chain_fetch){.first = 0, .last = 40, .want_traces = true});
    expect_same(&run, 0, 40);
    run_free(&run);
}

struct told {
    unsigned count, bare; /* without the reply */
    uint64_t number;
    char names[256];
};

static enum tracer_status note_told(void *context, const struct chain_refusal *refusal, struct error *err)
{
    struct told *told = context;
    char block[32];
    (void)err;
    snprintf(block, sizeof block, "block %" PRIu64, told->number);
    told->count++;
    told->bare += refusal->number != told->number || refusal->block.length < 500 || !strstr(refusal->why, block);
    snprintf(told->names + strlen(told->names), sizeof told->names - strlen(told->names), "%s ", refusal->endpoint);
    return TRACER_OK;
}

Test(fetch, R1_R14_a_type_that_only_a_liar_does_not_know_hides_nothing)
{
    struct fake_chain liar = {.head = 40, .lie = LIE_TYPE_AMOUNT, .lie_number = 23, .lies_left = 1000}, honest = {.head = 40};
    struct told told = {.number = 23};
    const struct chain_fetch fetch = {.first = 0, .last = 40, .refused = note_told, .refused_context = &told};
    struct run plain = fetch_chains((struct fake_chain *[]){&honest}, 1, fetch);
    for (int first = 0; first < 2; first++) {
        told = (struct told){.number = 23};
        struct run run = fetch_chains((struct fake_chain *[]){first ? &honest : &liar, first ? &liar : &honest}, 2, fetch);
        cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
        cr_assert_str_eq(run.collected.text, plain.collected.text);
        cr_assert(first || strstr(run.notes, "was not believed: block 23: transactions of an unknown type, but"), "%s", run.notes);
        cr_assert(first || (told.count == 1 && !told.bare && strstr(told.names, "alpha")), "%u %u %s", told.count, told.bare, told.names);
        run_free(&run);
    }
    run_free(&plain);
}

Test(fetch, R14_a_block_whose_types_nobody_knows_is_asserted_if_all_say_the_same)
{
    struct fake_chain one = {.head = 40, .lie = LIE_TYPE, .lie_number = 23, .lies_left = 1000}, two = one, other = one;
    struct run run = fetch_chains((struct fake_chain *[]){&one, &two}, 2, (struct chain_fetch){.first = 0, .last = 40});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert(strstr(run.notes, "of unknown types"), "%s", run.notes);
    cr_assert_not(strstr(run.notes, "not believed"), "%s", run.notes);
    run_free(&run);
    other.lie = LIE_TYPE_AMOUNT;
    struct told told = {.number = 23};
    run = fetch_chains((struct fake_chain *[]){&one, &other}, 2,
                       (struct chain_fetch){.first = 0, .last = 40, .refused = note_told, .refused_context = &told});
    cr_assert_eq(run.status, TRACER_E_REPLY, "%s", run.err.text);
    cr_assert(strstr(run.err.text, "block 23: endpoints disagree"), "%s", run.err.text);
    cr_assert(told.count == 2 && !told.bare && strstr(told.names, "alpha") && strstr(told.names, "beta"), "%u %u %s", told.count, told.bare, told.names);
    run_free(&run);
}

Test(fetch, R1_another_endpoint_answers_for_one_that_lies_in_receipts_one_by_one)
{
    struct fake_chain liar = {.head = 40, .no_block_receipts = true, .lie = LIE_AMOUNT, .lie_number = 23, .lies_left = 1000},
                      honest = {.head = 40, .no_block_receipts = true};
    struct run run = fetch_chains((struct fake_chain *[]){&liar, &honest}, 2,
                                  (struct chain_fetch){.first = 0, .last = 40, .want_traces = true});
    expect_same(&run, 0, 40);
    run_free(&run);
}

Test(fetch, R7_what_one_endpoint_does_not_serve_another_does)
{
    struct fake_chain pruned = {.head = 40, .no_block_receipts = true, .no_traces = true},
                      whole = {.head = 40};
    struct run run = fetch_chains((struct fake_chain *[]){&pruned, &whole}, 2,
                                  (struct chain_fetch){.first = 0, .last = 40, .want_traces = true});
    expect_same(&run, 0, 40);
    cr_assert_eq(run.collected.internals, 41);
    run_free(&run);
}

Test(fetch, R7_a_block_that_nobody_serves_is_unavailable)
{
    struct fake_chain chain = {.head = 20};
    struct run run = fetch_chain(&chain, 10, 30);
    cr_assert_eq(run.status, TRACER_E_UNAVAILABLE, "%s", run.err.text);
    cr_assert_not_null(strstr(run.err.text, "null: not served"), "%s", run.err.text);
    run_free(&run);
}

Test(fetch, an_endpoint_that_is_left_out_is_not_asked)
{
    struct fake_chain chain = {.head = 40};
    struct run run = fetch_chains((struct fake_chain *[]){NULL, &chain, NULL}, 3,
                                  (struct chain_fetch){.first = 0, .last = 40, .want_traces = true});
    expect_same(&run, 0, 40);
    run_free(&run);
}

/* ---- what no hash covers ---- */

struct doubt {
    unsigned count, bare;
    char why[512];
};

static enum tracer_status note_doubt(void *context, const struct chain_refusal *refusal, struct error *err)
{
    struct doubt *doubt = context;
    (void)err;
    doubt->count++;
    doubt->bare += refusal->traces.length < 500 && refusal->receipts.length < 500;
    snprintf(doubt->why, sizeof doubt->why, "%s: %s", refusal->endpoint, refusal->why);
    return TRACER_OK;
}

static struct chain_fetch doubting(struct doubt *doubt)
{
    *doubt = (struct doubt){0};
    return (struct chain_fetch){.first = 0, .last = 40, .want_traces = true, .refused = note_doubt, .refused_context = doubt};
}

Test(fetch, R16_traces_are_what_two_operators_say_whoever_of_three_lies)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    static const struct {
        enum fake_lie lie;
        const char *why;
    } lies[] = {{LIE_TRACE, "block 23: traces: transaction 0 moves 6 wei from 0x"},
                {LIE_TRACE_LEFT_OUT, "block 23: traces: nothing more by it, transaction 0 moves 5 wei from 0x"},
                {LIE_TRACE_ORDER, "block 23: traces: the order of its transfers is another by it than by \""}};
    for (size_t lie = 0; lie < sizeof lies / sizeof *lies; lie++)
        for (size_t place = 0; place < 3; place++) {
            struct fake_chain chains[3] = {{.head = 40}, {.head = 40}, {.head = 40}};
            struct doubt doubt;
            chains[place].lie = lies[lie].lie;
            chains[place].lie_number = 23;
            chains[place].lies_left = 1000;
            struct run run = fetch_chains((struct fake_chain *[]){&chains[0], &chains[1], &chains[2]}, 3, doubting(&doubt));
            expect_same(&run, 0, 40);
            cr_assert_eq(run.collected.internals, 41);
            if (doubt.count) { /* a third was not asked where the first two are alike */
                cr_assert(doubt.count == 1 && !doubt.bare, "%zu %zu: %u", lie, place, doubt.count);
                cr_assert(strncmp(doubt.why, names[place], strlen(names[place])) == 0 && strstr(doubt.why, lies[lie].why), "%s", doubt.why);
                cr_assert(strstr(run.notes, "was not believed: block 23"), "%s", run.notes);
            }
            cr_assert(doubt.count || place != 0 || chains[0].traces_asked < 41, "%zu: the liar was believed", lie);
            run_free(&run);
        }
}

Test(fetch, R16_a_liar_who_is_asked_first_is_named)
{
    struct fake_chain liar = {.head = 40, .lie = LIE_TRACE, .lie_number = 3, .lies_left = 1000}, honest = {.head = 40}, other = honest;
    struct doubt doubt;
    struct chain_fetch fetch = doubting(&doubt);
    fetch.first = fetch.last = 3;
    struct run run = fetch_chains((struct fake_chain *[]){&liar, &honest, &other}, 3, fetch);
    expect_same(&run, 3, 3);
    cr_assert(doubt.count == 1 && !doubt.bare && strncmp(doubt.why, "alpha: block 3: traces: transaction 0 moves 6 wei", 49) == 0, "%u %s", doubt.count, doubt.why);
    run_free(&run);
}

Test(fetch, R6_R16_traces_that_no_two_operators_agree_on_are_none)
{
    struct fake_chain liar = {.head = 40, .lie = LIE_TRACE, .lie_number = 23, .lies_left = 1000}, honest = {.head = 40};
    struct doubt doubt;
    for (int first = 0; first < 2; first++) {
        struct run run = fetch_chains((struct fake_chain *[]){first ? &honest : &liar, first ? &liar : &honest}, 2, doubting(&doubt));
        cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
        cr_assert_eq(run.collected.blocks, 41);
        cr_assert_eq(run.collected.internals, 40); /* and no row of it that one of them may have made up */
        cr_assert(!strstr(run.collected.text, "internal 6 "), "%s", run.collected.text);
        cr_assert(strstr(run.notes, "block 23: what moved inside its transactions is not known"), "%s", run.notes);
        cr_assert(doubt.count == 2 && !doubt.bare, "%u", doubt.count);
        run_free(&run);
    }
}

Test(fetch, R16_traces_of_another_kind_are_compared_by_what_moved)
{
    struct fake_chain chain = {.head = 40}, flat = {.head = 40, .flat_traces = true}, liar = {.head = 40, .lie = LIE_TRACE, .lie_number = 23, .lies_left = 1000};
    struct doubt doubt;
    struct run run = fetch_chains((struct fake_chain *[]){&chain, &flat}, 2, doubting(&doubt));
    expect_same(&run, 0, 40);
    cr_assert(!strstr(run.notes, "word") && !doubt.count, "%s", run.notes);
    cr_assert_geq(flat.traces_asked, 30, "%u", flat.traces_asked);
    run_free(&run);
    run = fetch_chains((struct fake_chain *[]){&chain, &flat, &liar}, 3, doubting(&doubt));
    expect_same(&run, 0, 40);
    cr_assert(doubt.count == 0 || strstr(doubt.why, "gamma: block 23: traces"), "%s", doubt.why);
    run_free(&run);
}

Test(fetch, R16_traces_of_one_operator_alone_count_and_it_is_said)
{
    struct fake_chain chain = {.head = 40}, bare = {.head = 40, .no_traces = true};
    struct doubt doubt;
    struct run run = fetch_chains((struct fake_chain *[]){&chain, &bare}, 2, doubting(&doubt));
    expect_same(&run, 0, 40);
    cr_assert(strstr(run.notes, "call traces of 30 blocks are one endpoint's word: no other operator gave any"), "%s", run.notes);
    run_free(&run);
    run = fetch_chains((struct fake_chain *[]){&chain}, 1, doubting(&doubt));
    expect_same(&run, 0, 40);
    cr_assert(!strstr(run.notes, "word"), "%s", run.notes);
    run_free(&run);
}

Test(fetch, R16_an_endpoint_that_takes_no_batches_confirms_traces)
{
    struct fake_chain liar = {.head = 40, .lie = LIE_TRACE, .lie_number = 23, .lies_left = 1000}, single = {.head = 40, .no_batches = true},
                      other = single;
    struct doubt doubt;
    struct run run = fetch_chains((struct fake_chain *[]){&liar, &single, &other}, 3, doubting(&doubt));
    expect_same(&run, 0, 40);
    cr_assert(!strstr(run.notes, "one endpoint's word") && !strstr(run.notes, "confirms no "), "%s", run.notes);
    run_free(&run);
}

Test(fetch, R7_R16_who_has_no_old_traces_is_asked_for_them_only_so_often)
{
    struct fake_chain chain = {.head = 40}, pruned = {.head = 40, .prunes_traces = true};
    struct doubt doubt;
    struct run run = fetch_chains((struct fake_chain *[]){&chain, &pruned}, 2, doubting(&doubt));
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert(strstr(run.notes, "endpoint \"beta\" confirms no call traces any more in this run") && strstr(run.notes, "are one endpoint's word"), "%s", run.notes);
    run_free(&run);
}

static enum tracer_status drop(void *context, const struct block *block, struct error *err)
{
    (void)context, (void)block, (void)err;
    return TRACER_OK;
}

/* Who has no old traces has a word on state all the same. */
Test(fetch, R15_R16_silence_on_traces_is_none_on_state)
{
    struct fake_chain chain = {.head = 40}, pruned = {.head = 40, .prunes_traces = true, .code = "0x6000", .code_end = 100};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain, &pruned}, 2, 0, NULL, NULL);
    struct chain_fetch fetch = {.first = 0, .last = 40, .want_traces = true};
    struct chain_client *client;
    struct error err;
    enum chain_code code;
    bool told = false;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(chain_fetch(client, &fetch, drop, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; chain_note(client, i); i++)
        told |= strstr(chain_note(client, i), "confirms no call traces any more") != NULL;
    cr_assert(told);
    cr_assert_eq(chain_code_before(client, fake_address(FAKE_A), 10, &code, &err), TRACER_E_REPLY, "%s", err.text);
    cr_assert(strstr(err.text, "endpoints disagree"), "%s", err.text);
    chain_close(client);
    fake_close(&pool);
}

Test(fetch, R16_what_receipts_state_beside_their_root_is_what_two_operators_say)
{
    struct chain_rules rules = *chain_rules_find("latest");
    rules.evm.l1_fee_to = fake_address("0x420000000000000000000000000000000000001a");
    for (size_t place = 0; place < 4; place++) { /* 3: two of two differ */
        struct fake_chain chains[3];
        struct doubt doubt;
        size_t count = place < 3 ? 3 : 2;
        for (size_t i = 0; i < 3; i++)
            chains[i] = (struct fake_chain){.head = 40, .l1_fee = i == place % 3 ? 77 : 9, .no_block_receipts = place == 1};
        struct fake_pool pool = fake_open((struct fake_chain *[]){&chains[0], &chains[1], &chains[2]}, count, 0, NULL, NULL);
        pool.network.rules = &rules;
        struct run run = fetch_from(&pool, doubting(&doubt));
        fake_close(&pool);
        if (place < 3) {
            cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
            cr_assert(strstr(run.collected.text, " fee 9 ") && !strstr(run.collected.text, " fee 77 "), "%zu\n%s", place, run.collected.text);
            cr_assert(!doubt.count || (strstr(doubt.why, ": receipts: transaction 0 moves 77 wei from") && strncmp(doubt.why, place ? place == 1 ? "beta" : "gamma" : "alpha", 4) == 0),
                      "%s", doubt.why);
        } else {
            cr_assert_eq(run.status, TRACER_E_REPLY);
            cr_assert(strstr(run.err.text, "endpoints disagree: \"") && doubt.count == 2, "%s %u", run.err.text, doubt.count);
        }
        run_free(&run);
    }
}

/* ---- grades ---- */

static void expect_grade(struct fake_chain **chains, size_t count, bool final, enum grade grade)
{
    struct run run = (final ? fetch_final : fetch_chains)(chains, count, (struct chain_fetch){.first = 0, .last = 40, .want_traces = true});
    expect_same(&run, 0, 40);
    cr_assert_eq(run.collected.grades[grade], 41, "%s", grade_name(grade));
    run_free(&run);
}

Test(fetch, R15_one_endpoint_alone_is_single_whatever_it_says_of_finality)
{
    struct fake_chain chain = {.head = 50};
    expect_grade((struct fake_chain *[]){&chain}, 1, false, GRADE_SINGLE);
    expect_grade((struct fake_chain *[]){&chain}, 1, true, GRADE_SINGLE);
    expect_grade((struct fake_chain *[]){NULL, &chain, NULL}, 3, true, GRADE_SINGLE);
}

/* A sound history that is not the chain's: nothing in the blocks tells. */
Test(fetch, R15_a_history_of_its_own_is_single)
{
    struct fake_chain forged = {.head = 50, .fork = 5};
    struct run run = fetch_final((struct fake_chain *[]){&forged}, 1, (struct chain_fetch){.first = 0, .last = 40});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.grades[GRADE_SINGLE], 41);
    run_free(&run);
}

Test(fetch, blocks_that_two_endpoints_agree_on_are_linked_and_proven_when_final)
{
    struct fake_chain one = {.head = 50}, two = {.head = 50};
    expect_grade((struct fake_chain *[]){&one, &two}, 2, false, GRADE_LINKED);
    expect_grade((struct fake_chain *[]){&one, &two}, 2, true, GRADE_PROVEN);
    expect_grade((struct fake_chain *[]){&one, NULL, &two}, 3, true, GRADE_PROVEN);
}

static enum tracer_status count_told(void *context, const struct chain_refusal *refusal, struct error *err)
{
    unsigned *count = context;
    (void)err;
    *count += strcmp(refusal->endpoint, "alpha") == 0 && refusal->number == 40 && refusal->block.length > 100 && strstr(refusal->why, "is final");
    return TRACER_OK;
}

Test(fetch, R4_R15_one_endpoint_alone_makes_nothing_final)
{
    struct fake_chain liar = {.head = 50, .finalized = 45}, silent = {.head = 50, .no_tags = true}, honest = {.head = 50},
                      beyond = {.head = 50, .finalized = 900};
    expect_grade((struct fake_chain *[]){&liar, &silent, &silent}, 3, true, GRADE_LINKED);
    struct run run = fetch_final((struct fake_chain *[]){&liar, &honest, &honest}, 3, (struct chain_fetch){.first = 36, .last = 45});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.grades[GRADE_PROVEN], 5); /* 36 to 40 */
    cr_assert_eq(run.collected.grades[GRADE_LINKED], 5);
    run_free(&run);
    unsigned told = 0;
    run = fetch_final((struct fake_chain *[]){&beyond, &honest, &honest}, 3,
                      (struct chain_fetch){.first = 36, .last = 40, .refused = count_told, .refused_context = &told});
    cr_assert_eq(run.collected.grades[GRADE_PROVEN], 5);
    cr_assert_eq(told, 1);
    run_free(&run);
}

/* The second endpoint's word is asked for beside the blocks, a few bytes for several of them. */
Test(fetch, a_second_word_costs_one_call_a_unit)
{
    struct fake_chain one = {.head = 200}, two = {.head = 200};
    struct run run = fetch_chains((struct fake_chain *[]){&one, &two}, 2,
                                  (struct chain_fetch){.first = 0, .last = 200, .want_traces = true});
    cr_assert_eq(run.collected.grades[GRADE_LINKED], 201);
    cr_assert_leq(atomic_load(&one.blocks_asked) + atomic_load(&two.blocks_asked), 201 + 201 / 4 + 20);
    run_free(&run);
}

Test(fetch, R6_endpoints_that_disagree_give_nothing_and_are_named)
{
    struct fake_chain one = {.head = 40}, other = {.head = 40, .fork = 5};
    struct run run = fetch_final((struct fake_chain *[]){&one, &other}, 2, (struct chain_fetch){.first = 10, .last = 10});
    cr_assert_eq(run.status, TRACER_E_REPLY, "%s", run.err.text);
    cr_assert_not_null(strstr(run.err.text, "block 10: endpoints disagree: its hash is 0x"), "%s",
                       run.err.text);
    cr_assert(strstr(run.err.text, "by \"alpha\"") && strstr(run.err.text, "by \"beta\""), "%s",
              run.err.text);
    cr_assert_eq(run.collected.blocks, 0);
    run_free(&run);
}

Test(fetch, R6_what_endpoints_said_that_disagree_is_told_of_both)
{
    struct fake_chain one = {.head = 40}, other = {.head = 40, .fork = 5};
    struct told told = {.number = 10};
    struct run run = fetch_chains((struct fake_chain *[]){&one, &other}, 2,
                                  (struct chain_fetch){.first = 10, .last = 10, .refused = note_told, .refused_context = &told});
    cr_assert_eq(run.status, TRACER_E_REPLY, "%s", run.err.text);
    cr_assert(told.count == 2 && !told.bare && strstr(told.names, "alpha") && strstr(told.names, "beta"), "%u %s", told.count, told.names);
    run_free(&run);
}

/* Whose header does not have the hash that it states has said nothing, and no other endpoint is doubted for it. */
Test(fetch, R2_R6_a_second_word_that_its_own_header_does_not_have_is_none)
{
    struct fake_chain honest = {.head = 40}, liar = {.head = 40, .lie = LIE_HASH, .lie_number = 10, .lies_left = 1000};
    for (int place = 0; place < 3; place++)
        for (size_t count = 2; count <= 3; count++) {
            struct fake_chain *chains[] = {&honest, &honest, &honest};
            struct told told = {.number = 10};
            chains[place] = &liar;
            struct run run = fetch_chains(chains, count, (struct chain_fetch){.first = 10, .last = 10, .refused = note_told, .refused_context = &told});
            cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
            cr_assert_eq(run.collected.blocks, 1);
            cr_assert(!told.bare && told.count <= 1);
            if (count == 3)
                cr_assert_eq(run.collected.grades[GRADE_LINKED], 1);
            run_free(&run);
        }
}

Test(fetch, R6_two_of_three_are_no_proof_either)
{
    struct fake_chain one = {.head = 40}, two = {.head = 40}, other = {.head = 40, .fork = 5};
    unsigned refused = 0;
    for (size_t place = 0; place < 3; place++) {
        struct fake_chain *chains[3] = {&one, &two, &two};
        chains[place] = &other;
        struct run run = fetch_chains(chains, 3, (struct chain_fetch){.first = 10, .last = 10});
        if (run.status == TRACER_OK)
            cr_assert_eq(run.collected.grades[GRADE_LINKED], 1); /* the third was not asked */
        else
            refused += run.status == TRACER_E_REPLY && strstr(run.err.text, "endpoints disagree");
        cr_assert(run.status == TRACER_OK || run.status == TRACER_E_REPLY, "%s", run.err.text);
        run_free(&run);
    }
    cr_assert_gt(refused, 0);
}

Test(fetch, R7_an_endpoint_without_the_block_is_no_witness_and_another_is_asked)
{
    struct fake_chain whole = {.head = 40}, behind = {.head = 20}, second = {.head = 40};
    struct run run = fetch_chains((struct fake_chain *[]){&whole, &behind}, 2,
                                  (struct chain_fetch){.first = 30, .last = 40});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.grades[GRADE_SINGLE], 11);
    run_free(&run);
    run = fetch_chains((struct fake_chain *[]){&whole, &behind, &second}, 3,
                       (struct chain_fetch){.first = 30, .last = 40});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.grades[GRADE_LINKED], 11);
    run_free(&run);
}

/* ---- checkpoints ---- */

static struct run fetch_with_checkpoint(struct fake_chain **chains, size_t count, uint64_t number)
{
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct fake_chain honest = {.head = number};
    struct chain_checkpoint checkpoint = {.number = number};
    char hash[67];
    cr_assert(hash_parse(fake_hash(&honest, number, hash), 66, &checkpoint.hash));
    pool.network.checkpoints = &checkpoint;
    pool.network.checkpoint_count = 1;
    struct run run = fetch_from(&pool, (struct chain_fetch){.first = 0, .last = 40, .want_traces = true});
    fake_close(&pool);
    return run;
}

Test(fetch, R15_a_history_of_its_own_fails_at_a_checkpoint)
{
    struct fake_chain forged = {.head = 40, .fork = 5};
    struct run run = fetch_with_checkpoint((struct fake_chain *[]){&forged}, 1, 30);
    cr_assert_eq(run.status, TRACER_E_REPLY, "%s", run.err.text);
    cr_assert(strstr(run.err.text, "block 30") && strstr(run.err.text, "the checkpoint of the network is 0x"), "%s", run.err.text);
    run_free(&run);
    struct fake_chain honest = {.head = 40};
    run = fetch_with_checkpoint((struct fake_chain *[]){&honest}, 1, 30);
    expect_same(&run, 0, 40);
    cr_assert_gt(run.collected.grades[GRADE_PROVEN], 0); /* it, and what its reply has in front of it */
    cr_assert_lt(run.collected.grades[GRADE_PROVEN], 32);
    run_free(&run);
}

/* ---- reorgs ---- */

Test(fetch, R5_a_reorg_under_the_fetch_is_a_conflict)
{
    struct fake_chain after = {.head = 100, .fork = 30};
    struct fake_chain chain = {.head = 100, .after = &after, .switch_at = 40};
    struct run run = fetch_chains((struct fake_chain *[]){&chain}, 1,
                                  (struct chain_fetch){.first = 0, .last = 100, .blocks_ahead = 1});
    cr_assert_eq(run.status, TRACER_E_CONFLICT, "%s", run.err.text);
    cr_assert_not_null(strstr(run.err.text, "(a reorg)"), "%s", run.err.text);
    cr_assert_lt(run.collected.blocks, 60);
    run_free(&run);
}

Test(fetch, a_reorg_above_what_was_delivered_is_followed)
{
    struct fake_chain after = {.head = 100, .fork = 60};
    struct fake_chain chain = {.head = 100, .after = &after, .switch_at = 40};
    struct run run = fetch_chains((struct fake_chain *[]){&chain}, 1,
                                  (struct chain_fetch){.first = 0, .last = 100, .blocks_ahead = 1});
    cr_assert_eq(run.status, TRACER_OK, "%s", run.err.text);
    cr_assert_eq(run.collected.blocks, 101);
    run_free(&run);
}

/* ---- ends ---- */

Test(fetch, a_status_of_the_receiver_ends_the_fetch_unchanged)
{
    struct fake_chain chain = {.head = 200};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 20, NULL, NULL);
    struct collected collected = {.stop_at = 17};
    struct chain_client *client;
    struct chain_fetch_stats stats;
    struct error err;
    collected.out = open_memstream(&collected.text, &collected.size);
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK);
    struct chain_fetch fetch = {.first = 0, .last = 200, .want_traces = true};
    cr_assert_eq(chain_fetch(client, &fetch, collect, &collected, &stats, &err), TRACER_E_FULL);
    cr_assert_str_eq(err.text, "the store is full");
    cr_assert_eq(stats.blocks, 17);
    /* requests that were under way are gone; the client works on */
    collected.next = collected.blocks = 0;
    collected.stop_at = 0;
    cr_assert_eq(chain_fetch(client, &fetch, collect, &collected, &stats, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(stats.blocks, 201);
    fetch.first = 201;
    cr_assert_eq(chain_fetch(client, &fetch, collect, &collected, &stats, &err), TRACER_E_USAGE);
    chain_close(client);
    fclose(collected.out);
    free(collected.text);
    fake_close(&pool);
}

Test(fetch, a_recorded_run_is_replayed_to_the_same_rows)
{
    char directory[] = "/tmp/tracer-fetch-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    struct fake_chain chain = {.head = 120};
    struct fake_chain *chains[] = {&chain};
    struct chain_fetch fetch = {.first = 0, .last = 120, .want_traces = true};
    struct fake_pool pool = fake_open(chains, 1, 3, directory, NULL);
    struct run recorded = fetch_from(&pool, fetch);
    cr_assert_eq(recorded.status, TRACER_OK, "%s", recorded.err.text);
    fake_close(&pool);
    pool = fake_open((struct fake_chain *[]){NULL}, 1, 0, NULL, directory);
    struct run replayed = fetch_from(&pool, fetch);
    cr_assert_eq(replayed.status, TRACER_OK, "%s", replayed.err.text);
    cr_assert_str_eq(recorded.collected.text, replayed.collected.text);
    fake_close(&pool);
    run_free(&recorded);
    run_free(&replayed);
    DIR *open = opendir(directory);
    for (struct dirent *entry; (entry = readdir(open));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    closedir(open);
    rmdir(directory);
}
