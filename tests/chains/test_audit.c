/* test_audit.c - what accounts sent against their nonces (threat-model 3): a transaction that was left out is
 * noticed. */
#include "chains/place.h"
#include "tracer/audit.h"
#include "tracer/report.h"

#define DELEGATION "0xef0100bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* Blocks as they are, but for one transaction of one block, which is left out with its rows. */
struct leaving_out {
    struct graph_write *write;
    uint64_t number;
    int32_t index;
    struct transaction transactions[8];
    struct transfer transfers[64];
};

static enum tracer_status put(void *context, const struct block *block, struct error *err)
{
    struct leaving_out *leaving = context;
    struct block poorer = *block;
    if (block->number == leaving->number) {
        poorer.transactions = leaving->transactions;
        poorer.transfers = leaving->transfers;
        poorer.transaction_count = poorer.transfer_count = 0;
        for (size_t i = 0; i < block->transaction_count; i++)
            if (block->transactions[i].transaction_index != leaving->index)
                leaving->transactions[poorer.transaction_count++] = block->transactions[i];
        for (size_t i = 0; i < block->transfer_count; i++)
            if (block->transfers[i].position.transaction_index != leaving->index)
                leaving->transfers[poorer.transfer_count++] = block->transfers[i];
        cr_assert_eq(poorer.transaction_count + 1, block->transaction_count);
    }
    return graph_put_block(leaving->write, &poorer, err);
}

/* `covered`: whose history the ledger says is whole; NULL: everybody's. */
static struct test_place store_covering(struct fake_chain *chain, uint64_t first, uint64_t last,
                                        uint64_t number, int32_t index, const char *covered)
{
    struct test_place place = open_place();
    struct fake_pool pool = fake_open((struct fake_chain *[]){chain}, 1, 0, NULL, NULL);
    struct graph_network network = {.chain_id = 777, .name = "fake", .anchor_hash = pool.network.anchor_hash};
    struct graph_coverage whole = {.first = first, .last = last, .what = "all", .strategy = "blocks"};
    struct leaving_out leaving = {.number = number, .index = index};
    struct chain_fetch fetch = {.first = first, .last = last};
    struct chain_fetch_stats stats;
    struct chain_client *client;
    struct error err;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_put_network(place.graph, &network, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_begin(place.graph, &leaving.write, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(chain_fetch(client, &fetch, put, &leaving, &stats, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_commit(leaving.write, &err), TRACER_OK, "%s", err.text);
    if (covered)
        whole.account = fake_address(covered);
    cr_assert_eq(graph_put_coverage(place.graph, 777, &whole, &err), TRACER_OK, "%s", err.text);
    chain_close(client);
    fake_close(&pool);
    return place;
}

static struct test_place store_of(struct fake_chain *chain, uint64_t first, uint64_t last, uint64_t number,
                                  int32_t index)
{
    return store_covering(chain, first, last, number, index, NULL);
}

/* The nonces of the result; whole texts of the reports in `ret_texts` (text, json, csv), to be freed. */
static struct audit_result *audit(struct test_place *place, struct fake_chain *chain, const char *account,
                                  uint64_t most, char *ret_texts[3])
{
    static const char *const formats[] = {"text", "json", "csv"};
    struct fake_pool pool = fake_open((struct fake_chain *[]){chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct audit_result *result = NULL;
    struct label_set *labels;
    struct error err;
    cr_assert_eq(label_set_new(&labels, &err), TRACER_OK);
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    struct audit_request request = {.input = {.graph = place->graph,
                                              .chain_id = 777,
                                              .native_symbol = "FAKE",
                                              .labels = labels,
                                              .repeat = ""},
                                    .client = client,
                                    .accounts = &account,
                                    .account_count = account ? 1 : 0,
                                    .balances_max = most};
    cr_assert_eq(audit_run(&request, &result, &err), TRACER_OK, "%s", err.text);
    for (int i = 0; i < 3 && ret_texts; i++) {
        size_t size;
        struct report_options options = {0};
        FILE *out = open_memstream(&ret_texts[i], &size);
        cr_assert_eq(report_find(formats[i])->audit(out, result, &options, &err), TRACER_OK, "%s", err.text);
        fclose(out);
    }
    chain_close(client);
    fake_close(&pool);
    label_set_free(labels);
    return result;
}

static void expect_text(char *text, const char *wanted)
{
    cr_assert_not_null(strstr(text, wanted), "no \"%s\" in\n%s", wanted, text);
    free(text);
}

/* ---- the ledger ---- */

struct recorded {
    struct graph_coverage nonces, balances;
    struct graph_coverage token; /* of FAKE_TOKEN */
    size_t count;
};

static enum tracer_status collect(void *context, const struct graph_coverage *coverage, struct error *err)
{
    struct recorded *recorded = context;
    (void)err;
    if (strcmp(coverage->strategy, AUDIT_STRATEGY) == 0) {
        recorded->count++;
        *(strcmp(coverage->what, "nonces") == 0 ? &recorded->nonces
          : strcmp(coverage->what, "token") == 0 ? &recorded->token
                                                 : &recorded->balances) = *coverage;
    }
    return TRACER_OK;
}

static struct recorded record_of(struct test_place *place, struct fake_chain *chain)
{
    struct recorded recorded = {.count = 0};
    struct address account = fake_address(FAKE_A);
    struct error err;
    struct audit_result *result = audit(place, chain, FAKE_A, 1000, NULL);
    cr_assert_eq(audit_record(result, place->graph, "alpha, beta", &err), TRACER_OK, "%s", err.text);
    audit_result_free(result);
    cr_assert_eq(graph_each_coverage(place->graph, 777, &account, collect, &recorded, &err), TRACER_OK, "%s",
                 err.text);
    return recorded;
}

/* Does a trace over the store touch a gap? It says `wanted`; NULL: nothing of an audit. */
static bool trace_touches_gap(struct test_place *place, const char *wanted, enum note_kind kind)
{
    static const char *const seed = FAKE_A;
    struct label_set *labels;
    struct trace_result *result;
    struct error err;
    bool said = false;
    cr_assert_eq(label_set_new(&labels, &err), TRACER_OK);
    struct trace_request request = {.input = {.graph = place->graph,
                                              .chain_id = 777,
                                              .native_symbol = "FAKE",
                                              .labels = labels,
                                              .repeat = ""},
                                    .seeds = &seed,
                                    .seed_count = 1};
    cr_assert_eq(trace_run(&request, &result, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; i < result->head.note_count; i++)
        said |= strstr(result->head.notes[i].text, wanted ? wanted : "audit of blocks") &&
                (!wanted || result->head.notes[i].kind == kind);
    bool touches = result->touches_gap;
    cr_assert_eq(said, wanted != NULL, "%s", wanted ? wanted : "an audit");
    cr_assert_not(result->head.has_explored); /* an audit is nobody's history */
    trace_result_free(result);
    label_set_free(labels);
    return touches;
}

/* Of the flagged transfers of the token: the weakest grade. */
static enum grade worst_token_grade(struct test_place *place)
{
    static const char *const seed = FAKE_A;
    struct label_set *labels;
    struct trace_result *result;
    struct error err;
    enum grade worst = GRADE_PROVEN;
    size_t transfers = 0;
    cr_assert_eq(label_set_new(&labels, &err), TRACER_OK);
    struct trace_request request = {.input = {.graph = place->graph, .chain_id = 777, .native_symbol = "FAKE", .labels = labels, .repeat = ""},
                                    .seeds = &seed,
                                    .seed_count = 1};
    cr_assert_eq(trace_run(&request, &result, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; i < result->hop_count; i++) {
        const struct result_hop *hop = &result->hops[i];
        if (result->assets[hop->asset].asset.kind != ASSET_TOKEN)
            continue;
        transfers++;
        worst = hop->grade > worst ? hop->grade : worst;
    }
    cr_assert(transfers);
    trace_result_free(result);
    label_set_free(labels);
    return worst;
}

Test(audit, findings_stand_in_the_ledger_and_a_gap_reaches_every_trace)
{
    struct fake_chain chain = {.head = 60};
    struct test_place place = store_of(&chain, 20, 50, 31, 1);
    cr_assert_not(trace_touches_gap(&place, NULL, NOTE_GAP));
    struct recorded recorded = record_of(&place, &chain);
    cr_assert_eq(recorded.count, 2);
    cr_assert(recorded.nonces.first == 20 && recorded.nonces.last == 50 &&
              recorded.nonces.grade == GRADE_ASSERTED);
    cr_assert_str_eq(recorded.nonces.method, "eth_getTransactionCount at alpha, beta");
    cr_assert_str_eq(recorded.nonces.cross_check,
                     "the chain counts 30 before and 75 after, the store has 44 between");
    cr_assert_str_eq(recorded.nonces.gap,
                     "nonce 46 is missing: a transaction that the store lacks, or an authorization");
    cr_assert(
        trace_touches_gap(&place, "audit of blocks 20 to 50: " FAKE_A ": nonce 46 is missing", NOTE_GAP));
    /* the blocks are read again, and audited again: the finding is replaced */
    close_place(&place);
    place = store_of(&chain, 20, 50, UINT64_MAX, 0);
    recorded = record_of(&place, &chain);
    cr_assert_eq(recorded.count, 2);
    cr_assert_str_eq(recorded.nonces.gap, "");
    struct graph_coverage stale = recorded.nonces;
    struct error err;
    strcpy(stale.gap, "nonce 46 is missing");
    cr_assert_eq(graph_put_coverage(place.graph, 777, &stale, &err), TRACER_OK);
    recorded = record_of(&place, &chain);
    cr_assert_eq(recorded.count, 2);
    cr_assert_str_eq(recorded.nonces.gap, "");
    /* one that began elsewhere is of a store that was another */
    stale.first = 25;
    cr_assert_eq(graph_put_coverage(place.graph, 777, &stale, &err), TRACER_OK);
    recorded.balances.gap[0] = '\0'; /* the fake chain's never agree */
    cr_assert_eq(graph_put_coverage(place.graph, 777, &recorded.balances, &err), TRACER_OK);
    struct graph_coverage token = recorded.balances; /* nor those of its token */
    token.account = fake_address(FAKE_TOKEN);
    strcpy(token.what, "token");
    cr_assert_eq(graph_put_coverage(place.graph, 777, &token, &err), TRACER_OK);
    cr_assert_not(trace_touches_gap(&place, NULL, NOTE_GAP));
    /* a token that does not do what its events say is told, and is no gap */
    strcpy(recorded.balances.gap, "token " FAKE_TOKEN ": the books have too much");
    cr_assert_eq(graph_put_coverage(place.graph, 777, &recorded.balances, &err), TRACER_OK);
    cr_assert_not(trace_touches_gap(&place, FAKE_A ": token " FAKE_TOKEN, NOTE_DISAGREEMENT));
    close_place(&place);
}

/* The fake chain's balances never change, whatever the events of its token say. */
Test(audit, X7_transfers_of_a_token_that_does_not_do_what_its_events_say_are_asserted)
{
    struct fake_chain chain = {.head = 60};
    struct test_place place = store_of(&chain, 20, 50, UINT64_MAX, 0);
    struct address token = fake_address(FAKE_TOKEN);
    struct error err;
    cr_assert_eq(worst_token_grade(&place), GRADE_SINGLE);
    struct audit_result *result = audit(&place, &chain, NULL, 1000, NULL);
    cr_assert(result->everybody);
    cr_assert_eq(audit_record(result, place.graph, "alpha", &err), TRACER_OK, "%s", err.text);
    struct recorded recorded = {.count = 0};
    cr_assert_eq(graph_each_coverage(place.graph, 777, &token, collect, &recorded, &err), TRACER_OK, "%s", err.text);
    cr_assert_not_null(strstr(recorded.token.gap, " balances are not what its events say"), "%s", recorded.token.gap);
    cr_assert_eq(worst_token_grade(&place), GRADE_ASSERTED);
    audit_result_free(result);
    close_place(&place);
}

Test(audit, balances_that_differ_stand_in_the_ledger_too)
{
    struct fake_chain chain = {.head = 60};
    struct test_place place = store_of(&chain, 20, 50, UINT64_MAX, 0);
    struct recorded recorded = record_of(&place, &chain); /* the fake chain's balances never change */
    cr_assert_str_eq(recorded.balances.method, "balances at alpha, beta");
    cr_assert_str_eq(recorded.balances.cross_check, "0 of 2 balances agree");
    cr_assert_not_null(strstr(recorded.balances.gap, "the coin: the books have too little by "), "%s",
                       recorded.balances.gap);
    cr_assert_null(strstr(recorded.balances.gap, ", and ")); /* a token that is in no list is only counted */
    cr_assert(trace_touches_gap(&place, ": the coin: the books have too little by ", NOTE_GAP));
    close_place(&place);
}

/* Of accounts whose history is not in the store something is always missing: that is no finding. */
Test(audit, only_accounts_whose_history_the_store_has_can_have_a_gap)
{
    struct fake_chain chain = {.head = 60};
    struct test_place place = store_covering(&chain, 20, 50, 31, 1, FAKE_B);
    struct audit_result *result = audit(&place, &chain, NULL, 1000, NULL);
    cr_assert(result->nonce_counts[NONCE_AGREES] == 1 && result->nonce_count == 0 &&
              result->audited_count == 1);
    audit_result_free(result);
    struct recorded recorded = record_of(&place, &chain); /* FAKE_A, which is named */
    cr_assert_str_eq(recorded.nonces.cross_check,
                     "the chain counts 30 before and 75 after, the store has 44 between");
    cr_assert(recorded.count == 2 && recorded.nonces.gap[0] == '\0' && recorded.balances.gap[0] == '\0');
    close_place(&place);
    place = store_covering(&chain, 20, 50, 31, 1, FAKE_A);
    recorded = record_of(&place, &chain);
    cr_assert_str_neq(recorded.nonces.gap, "");
    close_place(&place);
}

Test(audit, a_store_that_changed_meanwhile_is_not_written_to)
{
    struct fake_chain chain = {.head = 60};
    struct test_place place = store_of(&chain, 20, 50, 31, 1);
    struct audit_result *result = audit(&place, &chain, NULL, 1000, NULL);
    uint64_t removed;
    struct error err;
    cr_assert_eq(graph_rewind(place.graph, 777, 45, &removed, &err), TRACER_OK);
    cr_assert_eq(audit_record(result, place.graph, "alpha", &err), TRACER_E_CONFLICT);
    struct recorded recorded = {.count = 0};
    cr_assert_eq(graph_each_coverage(place.graph, 777, NULL, collect, &recorded, &err), TRACER_OK);
    cr_assert_eq(recorded.count, 0);
    audit_result_free(result);
    close_place(&place);
}

/* ---- nonces ---- */

Test(audit, a_store_with_every_transaction_has_no_gap)
{
    struct fake_chain chain = {.head = 60};
    for (uint64_t first = 0; first < 20; first += 9) {
        struct test_place place = store_of(&chain, first, 50, UINT64_MAX, 0);
        struct audit_result *result = audit(&place, &chain, NULL, 1000, NULL);
        cr_assert_eq(result->nonce_counts[NONCE_AGREES], 1);
        cr_assert_eq(result->nonce_count, 0);
        audit_result_free(result);
        close_place(&place);
    }
}

/* Each transaction of a block in turn, and the very first and last of the range. */
Test(audit, R1_one_transaction_that_was_left_out_is_noticed_and_named)
{
    static const struct {
        uint64_t number;
        int32_t index;
    } left_out[] = {{21, 0}, {31, 0}, {31, 1}, {31, 2}, {49, 0}};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        struct fake_chain chain = {.head = 60};
        struct test_place place = store_of(&chain, 20, 50, left_out[i].number, left_out[i].index);
        char *texts[3], wanted[256];
        struct audit_result *result = audit(&place, &chain, NULL, 1000, texts);
        uint64_t missing = fake_nonce(left_out[i].number, (unsigned)left_out[i].index);
        cr_assert_eq(result->nonce_count, 1);
        const struct audit_nonce *nonce = &result->nonces[0];
        cr_assert(nonce->outcome == NONCE_DIFFERS && nonce->has_missing && nonce->missing == missing,
                  "%" PRIu64 " instead of %" PRIu64, nonce->missing, missing);
        cr_assert(nonce->before == fake_nonce(20, 0) && nonce->after == fake_nonce(51, 0) &&
                  nonce->stored + 1 == nonce->after - nonce->before);
        snprintf(wanted, sizeof wanted, "the store has %" PRIu64 " between: nonce %" PRIu64 " is missing\n",
                 nonce->stored, missing);
        expect_text(texts[0], wanted);
        snprintf(wanted, sizeof wanted, "\"missing\": %" PRIu64, missing);
        expect_text(texts[1], wanted);
        snprintf(wanted, sizeof wanted,
                 FAKE_A ",,nonce,,,,differs,%" PRIu64 ",%" PRIu64 ",0,%" PRIu64 ",too_little,1,",
                 nonce->before, nonce->stored, nonce->after);
        expect_text(texts[2], wanted);
        audit_result_free(result);
        close_place(&place);
    }
}

/* Another account's history is none of its sender's; who is named is asked about, sent or not. */
Test(audit, accounts_that_are_named_are_asked_about)
{
    struct fake_chain chain = {.head = 60};
    struct test_place place = store_of(&chain, 20, 50, 31, 1);
    struct audit_result *result = audit(&place, &chain, FAKE_B, 1000, NULL);
    cr_assert(result->nonce_counts[NONCE_AGREES] == 1 && result->nonce_count == 0);
    audit_result_free(result);
    result = audit(&place, &chain, FAKE_A, 1000, NULL);
    cr_assert(result->nonce_counts[NONCE_DIFFERS] == 1 && result->nonce_count == 1);
    audit_result_free(result);
    result = audit(&place, &chain, NULL, 0, NULL);
    cr_assert(result->nonce_counts[NONCE_OVER_LIMIT] == 1 && result->nonce_count == 1);
    audit_result_free(result);
    close_place(&place);
}

/* The same account in the same store: what its code was at the ends of the range decides, not what it is at
 * some time. */
Test(audit, X11_the_kind_of_an_account_is_that_of_the_blocks_asked_about)
{
    static const struct {
        const char *code;
        uint64_t first, end;
        enum nonce_outcome outcome;
    } cases[] = {
        {NULL, 0, 0, NONCE_DIFFERS},
        {DELEGATION, 0, 100, NONCE_DELEGATED},   /* all the time */
        {DELEGATION, 40, 100, NONCE_DELEGATED},  /* begun within */
        {DELEGATION, 0, 30, NONCE_DELEGATED},    /* ended within */
        {DELEGATION, 51, 100, NONCE_DIFFERS},    /* later: it says nothing of these blocks */
        {DELEGATION, 0, 19, NONCE_DIFFERS},      /* earlier */
        {"0xef0100bbbb", 0, 100, NONCE_DIFFERS}, /* no delegation, and who sent is no contract */
        {"0x6001", 0, 30, NONCE_DIFFERS},
    };
    struct fake_chain whole = {.head = 60};
    struct test_place place = store_of(&whole, 20, 50, 31, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_chain chain = {
            .head = 60, .code = cases[i].code, .code_first = cases[i].first, .code_end = cases[i].end};
        struct audit_result *result = audit(&place, &chain, NULL, 1000, NULL);
        cr_assert_eq(result->nonce_count, 1);
        cr_assert_eq(result->nonces[0].outcome, cases[i].outcome, "case %zu: %s", i,
                     nonce_outcome_name(result->nonces[0].outcome));
        audit_result_free(result);
    }
    close_place(&place);
    /* one that agrees needs no conclusion: nothing is missing */
    place = store_of(&whole, 20, 50, UINT64_MAX, 0);
    struct fake_chain chain = {.head = 60, .code = DELEGATION, .code_end = 100};
    struct audit_result *result = audit(&place, &chain, NULL, 1000, NULL);
    cr_assert(result->nonce_counts[NONCE_AGREES] == 1 && result->nonce_count == 0);
    audit_result_free(result);
    close_place(&place);
}

/* A contract that sent nothing, whose nonce counts what it made: skipped, not a gap, even if it has ended
 * since. */
Test(audit, X11_contracts_are_skipped_even_if_they_are_gone)
{
    static const uint64_t ends[] = {0, 21, 100};
    struct fake_chain chain = {.head = 60, .code = "0x6001"};
    struct test_place place = store_of(&chain, 21, 21, 21, 0);
    for (int i = 0; i < 3; i++) {
        chain.code_end = ends[i];
        struct audit_result *result = audit(&place, &chain, FAKE_A, 1000, NULL);
        cr_assert_eq(result->nonce_counts[ends[i] ? NONCE_CONTRACT : NONCE_DIFFERS], 1);
        cr_assert_eq(result->nonce_count, ends[i] ? 0 : 1);
        audit_result_free(result);
    }
    close_place(&place);
}

Test(audit, R7_state_that_is_not_served_is_no_agreement)
{
    struct fake_chain chain = {.head = 60};
    struct test_place place = store_of(&chain, 20, 50, UINT64_MAX, 0);
    chain.state_oldest = 30;
    char *texts[3];
    struct audit_result *result = audit(&place, &chain, NULL, 1000, texts);
    cr_assert(result->nonce_counts[NONCE_NO_STATE] == 1 && result->nonce_count == 1);
    expect_text(texts[0], "not compared: no endpoint has that state");
    expect_text(texts[1], "\"outcome\": \"no_state\"");
    expect_text(texts[2], "nonce,,,,no_state,");
    audit_result_free(result);
    chain.state_oldest = 0;
    chain.fault_method = "eth_getTransactionCount";
    chain.fault_result = "\"twelve\"";
    chain.faults_left = 1000000;
    result = audit(&place, &chain, NULL, 1000, NULL);
    cr_assert(result->nonce_counts[NONCE_NO_ANSWER] == 1 && result->nonce_count == 1);
    audit_result_free(result);
    close_place(&place);
}
