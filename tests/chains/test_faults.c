/* test_faults.c - every class of fault against every method that is used (threat-model 4, 5). What is done with an
 * endpoint that fails so, now and then or always, is what an honest one gives, or less of it and a note that says so, or an
 * error that says why; nothing hangs, and the endpoint is good again as soon as it answers well. */
#include "chains/fake_chain.h"
#include "tracer/history.h"

#define LAST 12u
#define TIMEOUT_MS 100u

/* ---- the tasks, which use all methods ---- */

struct outcome {
    enum tracer_status status;
    struct error err;
    char notes[4096];
    char *text; /* what came out */
};

static enum tracer_status write_block(void *context, const struct block *block, struct error *err)
{
    char hash[HASH_TEXT_SIZE];
    (void)err;
    hash_format(block->hash, hash);
    fprintf(context, "block %" PRIu64 " %s %zu\n", block->number, hash, block->transaction_count);
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        char key[POSITION_TEXT_SIZE], amount[U256_DECIMAL_MAX];
        position_format(row->position, key);
        u256_format_decimal(row->amount, amount);
        fprintf(context, "%s %s %s\n", key, transfer_kind_name(row->kind), amount);
    }
    return TRACER_OK;
}

static enum tracer_status fetch(struct chain_client *client, FILE *out, struct error *err)
{
    struct chain_fetch_stats stats;
    struct chain_fetch fetch = {.first = 0, .last = LAST, .want_traces = true};
    return chain_fetch(client, &fetch, write_block, out, &stats, err);
}

static enum tracer_status balances(struct chain_client *client, FILE *out, struct error *err)
{
    static const struct asset token = {.kind = ASSET_TOKEN, .contract = {{7}}}, coin = {.kind = ASSET_NATIVE};
    struct chain_balance asked[] = {{.account = {{1}}, .asset = &coin, .number = 5}, {.account = {{2}}, .asset = &token, .number = 5}};
    enum tracer_status status = chain_balances(client, asked, 2, err);
    for (size_t i = 0; i < 2 && !status; i++) {
        char amount[U256_DECIMAL_MAX];
        u256_format_decimal(asked[i].amount, amount);
        if (asked[i].status)
            status = error_set(err, asked[i].status, "balance %zu: no answer", i);
        else
            fprintf(out, "balance %zu %s\n", i, amount);
    }
    return status;
}

static enum tracer_status probe(struct fake_pool *pool, FILE *out, struct error *err)
{
    struct chain_probe found;
    enum tracer_status status = chain_probe(pool->rpc, 0, &pool->network, &found, err);
    if (!status) /* what an endpoint cannot show is not offered by it */
        fprintf(out, "probe %" PRIu64 " %" PRIu64 "\n", found.chain_id, found.head);
    return status;
}

static void show_blocks(struct history_blocks *blocks, FILE *out)
{
    fprintf(out, "found");
    for (size_t i = 0; i < blocks->count; i++)
        fprintf(out, " %" PRIu64, blocks->numbers[i]);
    fprintf(out, "\n");
    history_blocks_free(blocks);
}

/* Where an account and a transaction are. */
static enum tracer_status find(struct chain_client *client, FILE *out, struct error *err)
{
    struct address account = fake_address(FAKE_A);
    struct hash hash = fake_block_at(0, 7)->transactions[1].hash;
    struct chain_balance nonce = {.account = account, .number = 9};
    uint64_t number;
    enum account_kind kind;
    enum tracer_status status = TRACER_OK;
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT && !status; way++) {
        struct history_blocks blocks = {0};
        status = history_find(client, way, account, 1, LAST, 100, &blocks, err);
        if (status)
            history_blocks_free(&blocks);
        else
            show_blocks(&blocks, out);
    }
    struct history_blocks sent = {0};
    static const uint64_t nonces[] = {0, 1, 5, 7, 11};
    if (!status && (status = history_find_sent(client, account, nonces, sizeof nonces / sizeof *nonces, 1, LAST, &sent, err)))
        history_blocks_free(&sent);
    else if (!status)
        show_blocks(&sent, out);
    if (!status && !(status = history_transaction_block(client, hash, &number, err)))
        fprintf(out, "transaction in block %" PRIu64 "\n", number);
    if (!status && !(status = history_account_kind(client, account, LAST, &kind, err)))
        fprintf(out, "kind %d\n", (int)kind);
    if (!status && !(status = chain_balances(client, &nonce, 1, err)) && !(status = nonce.status))
        fprintf(out, "nonce %" PRIu64 "\n", nonce.amount.limb[0]);
    else if (nonce.status)
        error_set(err, nonce.status, "no nonce");
    return status;
}

enum task { FETCH, BALANCES, FIND, PROBE };

static struct outcome work(struct fake_pool *pool, enum task task)
{
    struct outcome outcome = {.status = TRACER_OK};
    struct chain_client *client = NULL;
    size_t size;
    FILE *out = open_memstream(&outcome.text, &size);
    if (task != PROBE)
        outcome.status = chain_open(pool->rpc, &pool->network, &client, &outcome.err);
    if (!outcome.status)
        outcome.status = task == FETCH      ? fetch(client, out, &outcome.err)
                         : task == BALANCES ? balances(client, out, &outcome.err)
                         : task == FIND     ? find(client, out, &outcome.err)
                                            : probe(pool, out, &outcome.err);
    for (size_t i = 0; client && chain_note(client, i); i++)
        snprintf(outcome.notes + strlen(outcome.notes), sizeof outcome.notes - strlen(outcome.notes), "%s\n", chain_note(client, i));
    chain_close(client);
    fclose(out);
    return outcome;
}

/* ---- the methods ---- */

static const struct method {
    const char *name;
    enum task task;
    bool flat, no_block_receipts;
    const char *answer; /* results that are no fault here */
} methods[] = {
    {"eth_chainId", FETCH, false, false, NULL},
    {"eth_getBlockByNumber", FETCH, false, false, NULL},
    {"eth_getBlockReceipts", FETCH, false, false, NULL},
    {"debug_traceBlockByNumber", FETCH, false, false, NULL},
    {"trace_block", FETCH, true, false, NULL},
    {"eth_getTransactionReceipt", FETCH, false, true, NULL},
    {"eth_getBalance", BALANCES, false, false, NULL},
    {"eth_call", BALANCES, false, false, "\"0x\""}, /* no contract there: no balance */
    {"eth_getLogs", FIND, false, false, "[]"}, /* what finds blocks is believed in nothing: explore.h */
    {"trace_filter", FIND, false, false, "[]"},
    {"ots_searchTransactionsAfter", FIND, false, false, NULL},
    {"eth_getTransactionByHash", FIND, false, false, NULL},
    {"eth_getCode", FIND, false, false, "\"0x\" \"0x00\""},
    {"eth_getTransactionCount", FIND, false, false, NULL},
    {"eth_chainId", PROBE, false, false, NULL},
    {"web3_clientVersion", PROBE, false, false, NULL},
    {"eth_blockNumber", PROBE, false, false, NULL},
    {"eth_getBlockByNumber", PROBE, false, false, NULL},
    {"eth_getBalance", PROBE, false, false, NULL},
    {"eth_getBlockReceipts", PROBE, false, false, NULL},
    {"eth_getLogs", PROBE, false, false, NULL},
    {"ots_getApiLevel", PROBE, false, false, NULL},
    {"debug_traceBlockByNumber", PROBE, false, false, NULL},
};
#define METHOD_COUNT (sizeof methods / sizeof *methods)

static struct fake_chain chain_of(const struct method *method)
{
    return (struct fake_chain){.head = 20, .flat_traces = method->flat, .no_block_receipts = method->no_block_receipts};
}

static char *honest(const struct method *method)
{
    struct fake_chain chain = chain_of(method);
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct outcome outcome = work(&pool, method->task);
    cr_assert_eq(outcome.status, TRACER_OK, "%s", outcome.err.text);
    fake_close(&pool);
    return outcome.text;
}

/* What was committed is the truth, or part of it: every line that came out is a line of the honest text; a whole end
 * without all of it says what is missing. */
static void judge(const struct outcome *outcome, const char *truth, const char *what)
{
    cr_assert(outcome->status == TRACER_OK || outcome->err.text[0], "%s: fails without a word", what);
    cr_assert_neq(outcome->status, TRACER_E_INTERNAL, "%s: %s", what, outcome->err.text);
    cr_assert_null(strchr(outcome->err.text, '\x1b'), "%s: %s", what, outcome->err.text);
    if (outcome->status == TRACER_OK && strcmp(outcome->text, truth) == 0)
        return;
    cr_assert(outcome->status || outcome->notes[0], "%s: less than the truth without a word: %.200s", what, outcome->text);
    /* Without call traces the places of rows within a transaction differ; the blocks must not. */
    const char *at = truth;
    for (char *line = outcome->text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (strncmp(line, "block ", 6) != 0 && outcome->notes[0])
            continue;
        char *copy = strndup(line, (size_t)(end - line + 1));
        const char *found = strstr(at, copy);
        cr_assert_not_null(found, "%s: not the truth: %s", what, copy);
        at = found + 1;
        free(copy);
    }
}

struct fault {
    const struct fault_step *step;
    const char *result;
};

static void set_fault(struct fake_chain *chain, const struct method *method, const struct fault *fault, int times)
{
    chain->fault_method = method->name;
    chain->fault_step = fault->step;
    chain->fault_result = fault->result;
    atomic_store(&chain->faults_left, times);
}

/* Once, and always; with another endpoint beside it; and then good again, on the same connections. */
static void inject(const struct method *method, const struct fault *fault, const char *truth, const char *id)
{
    static const int times[] = {1, 1000000};
    for (size_t way = 0; way < 3; way++) {
        if (way == 1 && fault->step && fault->step->endless)
            continue; /* up to the ceiling of 256 MiB, each time */
        struct fake_chain bad = chain_of(method), good = chain_of(method);
        char what[160];
        snprintf(what, sizeof what, "%s, %s, %s", id, method->name,
                 way == 0 ? "once" : way == 1 ? "always" : "always, beside a good endpoint");
        set_fault(&bad, method, fault, times[way > 0]);
        struct fake_pool pool =
            fake_open_within((struct fake_chain *[]){&bad, &good}, way == 2 ? 2 : 1, 0, NULL, NULL, TIMEOUT_MS);
        uint64_t start = clock_monotonic_ms();
        struct outcome outcome = work(&pool, method->task);
        judge(&outcome, truth, what);
        cr_assert_lt(clock_monotonic_ms() - start, 60000u, "%s: hangs", what);
        free(outcome.text);
        atomic_store(&bad.faults_left, 0);
        outcome = work(&pool, method->task);
        /* An endpoint may be held to be without a method for the rest of the run: then the result says so. */
        judge(&outcome, truth, what);
        fake_close(&pool);
        free(outcome.text);
        if (way < 2) { /* a later run finds it as good as any */
            pool = fake_open_within((struct fake_chain *[]){&bad}, 1, 0, NULL, NULL, 5000);
            outcome = work(&pool, method->task);
            cr_assert_eq(outcome.status, TRACER_OK, "%s: %s", what, outcome.err.text);
            cr_assert_str_eq(outcome.text, truth, "%s: not good again", what);
            fake_close(&pool);
            free(outcome.text);
        }
    }
}

/* Every method with every fault; a fifth of them where TRACER_CASES asks for fewer cases than usual (instrumented builds). */
static void inject_everywhere(const struct fault *faults, size_t count, const char *id)
{
    const char *cases = getenv("TRACER_CASES");
    size_t stride = cases && atoi(cases) < 20000 ? 5 : 1;
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        char *truth = honest(&methods[i]);
        for (size_t k = i % stride; k < count; k += stride)
            if (!faults[k].result || !methods[i].answer || !strstr(methods[i].answer, faults[k].result))
                inject(&methods[i], &faults[k], truth, id);
        free(truth);
    }
}

static void steps_everywhere(const struct fault_step *steps, size_t count, const char *id)
{
    struct fault faults[8];
    cr_assert_leq(count, 8u);
    for (size_t k = 0; k < count; k++)
        faults[k] = (struct fault){.step = &steps[k]};
    inject_everywhere(faults, count, id);
}

#define STEPS(name, id, ...)                                                                                          \
    Test(faults, name)                                                                                                \
    {                                                                                                                 \
        static const struct fault_step steps[] = {__VA_ARGS__};                                                       \
        steps_everywhere(steps, sizeof steps / sizeof *steps, id);                                                    \
    }
#define RESULTS(name, id, ...)                                                                                        \
    Test(faults, name)                                                                                                \
    {                                                                                                                 \
        static const char *const results[] = {__VA_ARGS__};                                                           \
        struct fault faults[sizeof results / sizeof *results];                                                        \
        for (size_t i = 0; i < sizeof results / sizeof *results; i++)                                                 \
            faults[i] = (struct fault){.result = results[i]};                                                         \
        inject_everywhere(faults, sizeof results / sizeof *results, id);                                              \
    }

STEPS(T1_every_method_survives_a_connection_that_ends, "T1", {.cut = true, .cut_at = 0}, {.cut = true, .cut_at = 140, .reset = true})
STEPS(T2_every_method_survives_silence, "T2", {.silent = true})
STEPS(T3_every_method_survives_an_endless_reply, "T3", {.endless = true, .body = "[ "})
STEPS(T4_every_method_survives_a_short_body, "T4", {.length_delta = 10, .cut = true, .cut_at = 200}, {.length_delta = -7})
STEPS(T5_every_method_survives_a_page, "T5", {.content_type = "text/html", .body = "<html>Please log in\x1b[31m</html>"})
STEPS(T6_every_method_survives_a_limit, "T6", {.status = 429, .headers = "Retry-After: 0\r\n", .body = "slow down"},
      {.status = 503, .headers = "Retry-After: soon\r\n", .body = ""})
STEPS(T7_every_method_survives_an_encoding, "T7", {.headers = "Content-Encoding: br\r\n", .body = "xx"},
      {.headers = "Content-Encoding: gzip\r\n", .body = "not gzip"})
STEPS(T8_every_method_survives_a_redirect, "T8", {.status = 302, .headers = "Location: file:///etc/passwd\r\n", .body = ""})
STEPS(T14_R12_every_method_survives_a_foreign_answer, "R12", {.body = "[{\"jsonrpc\":\"2.0\",\"id\":999999,\"result\":\"0x1\"}]"},
      {.body = "{\"jsonrpc\":\"2.0\",\"id\":\"$0\",\"result\":\"0x1\"}"}, {.body = "[]"}, {.reversed = true})
STEPS(R9_every_method_survives_bad_json, "R9", {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":\"0x1\",\"result\":\"0x2\"}"},
      {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":\"\\ud800\"}"}, {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":\"0x1\"} {}"},
      {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"resu"})
STEPS(R17_every_method_survives_an_error_text, "R17",
      {.body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":-32000,\"message\":\"\\u001b[2J\\u202e boom \\u0000\"}}"},
      {.status = 500, .body = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":1e99,\"message\":[]}}"})
RESULTS(R7_R13_every_method_survives_nothing, "R7", "null", "[]", "[null]", "\"0x\"", "\"\"")
RESULTS(R10_R11_every_method_survives_other_types, "R10", "{}", "7", "\"0x00\"", "\"0X1\"", "[[]]", "{\"number\":1.5}", "true",
        "\"0x1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"")

Test(faults, R8_every_method_survives_depth)
{
    char deep[6002];
    memset(deep, '[', 3000);
    memset(deep + 3000, ']', 3000);
    deep[6000] = '\0';
    inject_everywhere(&(struct fault){.result = deep}, 1, "R8");
}
