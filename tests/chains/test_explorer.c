/* test_explorer.c - which blocks concern an account, as block explorers list them: pages to the end, every way to say no, rows
 * that do not fit what was asked, and keys that must not be seen. */
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include "chains/fake_chain.h"
#include "tracer/file.h"
#include "tracer/history.h"

#define KEY "K7Q2ZSECRETW94XKEYLM31"
#define ACTION(name) "action=" name "&"

/* An explorer of the fake chain: FAKE_A is in every block that has transactions, with `rows` rows in each list. */
struct fake_explorer {
    uint64_t head;
    unsigned rows, page_max; /* page_max: more are not given, whatever is asked for; 0: what is asked for */
    unsigned too_many;       /* so many rows are refused */
    uint64_t omitted;        /* a block that it leaves out of its lists */
    bool descending;
    const char *fault_action; /* "action=txlist&"; NULL: every one */
    struct fault_step fault;
    atomic_int faults_left, asked;
};

static uint64_t parameter(const char *head, const char *name)
{
    const char *at = strstr(head, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static pthread_key_t last_body; /* of each connection: freed with its thread */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void make_key(void)
{
    pthread_key_create(&last_body, free);
}

static struct fault_step list(const struct fake_explorer *explorer, const char *head)
{
    char *body = NULL;
    size_t size;
    uint64_t first = parameter(head, "startblock="), last = parameter(head, "endblock="), most = parameter(head, "offset="), count = 0;
    const char *empty = strstr(head, ACTION("txlistinternal")) ? "No internal transactions found"
                        : strstr(head, ACTION("tokentx"))      ? "No token transfers found"
                                                               : "No transactions found";
    if (explorer->too_many && most >= explorer->too_many)
        return (struct fault_step){.body = "{\"status\":\"0\",\"message\":\"NOTOK\",\"result\":\"Query Timeout occured. Please select a smaller result dataset\"}"};
    if (explorer->page_max && most > explorer->page_max)
        most = explorer->page_max;
    FILE *out = open_memstream(&body, &size);
    cr_assert_not_null(out);
    for (uint64_t i = first; i <= last && i <= explorer->head; i++) {
        uint64_t number = explorer->descending ? (last < explorer->head ? last : explorer->head) - (i - first) : i;
        for (unsigned row = 0; number != explorer->omitted && fake_transactions(number) && row < explorer->rows && count < most; row++)
            fprintf(out, "%s{\"blockNumber\":\"%" PRIu64 "\",\"hash\":\"0x12\",\"input\":\"0x\",\"tokenSymbol\":\"\\u202e\\\"}\",\"isError\":\"0\"}",
                    count++ ? "," : "{\"status\":\"1\",\"message\":\"OK\",\"result\":[", number);
    }
    if (count)
        fprintf(out, "]}");
    else
        fprintf(out, "{\"status\":\"0\",\"message\":\"%s\",\"result\":[]}", empty);
    fclose(out);
    pthread_once(&once, make_key);
    free(pthread_getspecific(last_body));
    pthread_setspecific(last_body, body);
    return (struct fault_step){.body = body};
}

static struct fault_step answer(void *context, const char *head, size_t size)
{
    struct fake_explorer *explorer = context;
    char text[2048];
    snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text - 1), head);
    atomic_fetch_add(&explorer->asked, 1);
    bool hit = (!explorer->fault_action || strstr(text, explorer->fault_action)) && atomic_fetch_sub(&explorer->faults_left, 1) > 0;
    return hit ? explorer->fault : list(explorer, text);
}

struct found {
    struct history_blocks blocks;
    struct history_explored explored;
    enum tracer_status status;
    char notes[4096]; /* all of them, and the error */
};

static void add_text(struct found *found, const char *text)
{
    snprintf(found->notes + strlen(found->notes), sizeof found->notes - strlen(found->notes), "%s\n", text);
}

/* Ask for FAKE_A `rounds` times. */
static struct found find_with(struct fake_explorer **explorers, size_t count, uint64_t first, uint64_t last, size_t most, unsigned rounds,
                              const char *record, const char *replay)
{
    static const char *const names[] = {"etherscan", "blockscout"};
    struct fake_chain chain = {.head = 60};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct faultserver *servers[2];
    struct rpc_endpoint endpoints[2];
    struct rpc *rpc;
    char urls[2][160];
    struct found found = {0};
    struct error err = {0};
    memset(endpoints, 0, sizeof endpoints);
    for (size_t i = 0; i < count; i++) {
        servers[i] = faultserver_start(&(struct faultserver_options){.choose = answer, .context = explorers[i]});
        snprintf(urls[i], sizeof urls[i], "%sv2/api?apikey=" KEY, faultserver_url(servers[i]));
        strcpy(endpoints[i].name, names[i]);
        endpoints[i].url = urls[i];
    }
    struct rpc_options options = {.endpoints = endpoints, .endpoint_count = count, .explorers = true, .allow_local = true, .attempts_max = 3,
                                  .total_timeout_ms = 5000, .backoff_first_ms = 2, .retry_after_max_s = 1, .jitter_seed = 7, .record = record, .replay = replay};
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
    history_use_explorers(client, rpc);
    for (unsigned i = 0; i < rounds; i++)
        found.status = history_find_explored(client, fake_address(FAKE_A), first, last, most, &found.blocks, &found.explored, &err);
    if (found.status)
        add_text(&found, err.text);
    for (size_t i = 0; chain_note(client, i); i++)
        add_text(&found, chain_note(client, i));
    cr_assert_null(strstr(found.notes, KEY), "%s", found.notes);
    cr_assert_null(strstr(found.notes, "127.0.0.1"), "%s", found.notes);
    chain_close(client);
    rpc_close(rpc);
    for (size_t i = 0; i < count; i++)
        faultserver_stop(servers[i]);
    fake_close(&pool);
    return found;
}

static struct found find(struct fake_explorer *explorer)
{
    return find_with(&explorer, 1, 5, 41, 1000, 1, NULL, NULL);
}

static bool is_whole(const struct found *found)
{
    return !found->status && found->explored.calls && found->explored.tokens;
}

static void expect_all(const struct found *found, uint64_t first, uint64_t last)
{
    size_t at = 0;
    cr_assert(is_whole(found), "%s", found->notes);
    for (uint64_t number = first; number <= last; number++)
        if (fake_transactions(number)) {
            cr_assert_lt(at, found->blocks.count, "block %" PRIu64 " was not found", number);
            cr_assert_eq(found->blocks.numbers[at++], number);
        }
    cr_assert_eq(at, found->blocks.count);
}

/* A page may hold less than what was asked for, and rows of one block may stand on several. */
Test(explorer, every_list_is_paged_to_its_end)
{
    static const unsigned pages[] = {0, 1, 2, 7, 1000}, rows[] = {1, 3, 1500};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            struct fake_explorer explorer = {.head = 60, .rows = rows[r], .page_max = pages[i]};
            struct found found = find(&explorer);
            expect_all(&found, 5, 41);
            cr_assert_str_eq(found.explored.names, "etherscan");
            cr_assert_str_eq(found.notes, "");
            history_blocks_free(&found.blocks);
        }
}

Test(explorer, an_account_that_did_nothing_has_empty_lists)
{
    struct fake_explorer explorer = {.head = 60};
    struct found found = find(&explorer);
    cr_assert(is_whole(&found), "%s", found.notes);
    cr_assert_eq(found.blocks.count, 0);
    cr_assert_eq(atomic_load(&explorer.asked), 5);
}

Test(explorer, what_is_too_much_is_asked_for_in_parts)
{
    static const unsigned most[] = {2, 40, 1000};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        struct fake_explorer explorer = {.head = 60, .rows = 2, .too_many = most[i]};
        struct found found = find(&explorer);
        expect_all(&found, 5, 41);
        history_blocks_free(&found.blocks);
    }
    struct fake_explorer never = {.head = 60, .rows = 2, .too_many = 1};
    struct found found = find(&never);
    cr_assert_not(found.explored.calls);
    cr_assert_not_null(strstr(found.notes, "smaller result dataset"), "%s", found.notes);
    history_blocks_free(&found.blocks);
}

Test(explorer, T3_a_reply_above_the_ceiling_is_asked_for_in_parts)
{
    struct fake_explorer explorer = {.head = 60, .rows = 1, .fault_action = ACTION("txlist"), .fault = {.bomb_bytes = TRACER_REPLY_BLOCK_MAX + 1}};
    atomic_store(&explorer.faults_left, 2);
    struct found found = find(&explorer);
    expect_all(&found, 5, 41);
    history_blocks_free(&found.blocks);
}

Test(explorer, an_account_of_too_many_blocks_is_told)
{
    struct fake_explorer explorer = {.head = 60, .rows = 1}, *one = &explorer;
    struct found found = find_with(&one, 1, 1, 60, 10, 1, NULL, NULL);
    cr_assert_eq(found.status, TRACER_E_LIMIT);
    cr_assert_not_null(strstr(found.notes, "explorer \"etherscan\": more than 10 blocks"), "%s", found.notes);
    history_blocks_free(&found.blocks);
}

/* Whatever is neither rows nor exactly the empty answer gives no list, and never ends one. */
Test(explorer, every_refusal_is_no_answer_and_none_is_empty)
{
    static const struct {
        const char *status, *message, *result, *noted;
        bool off;          /* not asked again */
        unsigned attempts; /* for the one list */
    } refusals[] = {
        {"0", "NOTOK", "\"Max rate limit reached, please use API Key for higher rate limit\"", "Max rate limit reached", true, 3},
        {"0", "NOTOK", "\"Max calls per sec rate limit reached (3/sec)\"", "Max calls per sec", true, 3},
        {"0", "NOTOK", "\"Max daily rate limit reached. 110000 (100%) of 100000 day/limit\"", "daily", true, 1},
        {"0", "NOTOK", "\"Invalid API Key\"", "Invalid API Key", true, 1},
        {"0", "NOTOK", "\"Missing/Invalid API Key\"", "Missing/Invalid API Key", true, 1},
        {"0", "NOTOK", "\"Too many invalid api key attempts, please try again later\"", "Too many invalid api key", true, 1},
        {"0", "NOTOK", "\"Missing or unsupported chainid parameter (required for v2 api)\"", "unsupported chainid", true, 1},
        {"0", "NOTOK", "\"Free API access is not supported for this chain. Please upgrade your api plan\"", "Free API access", true, 1},
        {"0", "NOTOK", "\"You are using a deprecated V1 endpoint, switch to Etherscan API V2\"", "deprecated V1", true, 1},
        {"0", "NOTOK", "\"Error! Missing Or invalid Action name\"", "invalid Action name", false, 1},
        {"0", "Unknown action", "null", "Unknown action", false, 1},
        {"0", "NOTOK", "\"Error! Invalid address format\"", "Invalid address format", false, 1},
        {"0", "NOTOK", "\"Unexpected err, timeout occurred or server too busy. Please try again later\"", "too busy", false, 3},
        {"0", "Something went wrong.", "null", "Something went wrong", false, 3},
        {"2", "Some internal transactions within this block range have not yet been processed", "[{\"blockNumber\":\"8\"}]", "not yet been processed", false, 1},
        {"2", "Some internal transactions within this block range have not yet been processed", "[]", "not yet been processed", false, 1},
        {"0", "NOTOK", "[]", "NOTOK", false, 1},
        {"0", "OK", "[]", "\"OK\"", false, 1},
        {"0", "no transactions found", "[]", "no transactions found", false, 1},
        {"0", "No transactions found", "null", "No transactions found", false, 1},
        {"0", "No transactions found", "\"\"", "No transactions found", false, 1},
        {"0", "No transactions found", "[{\"blockNumber\":\"8\"}]", "No transactions found", false, 1},
        {"1", "OK", "[]", "status 1 without rows", false, 3},
        {"1", "No transactions found", "[]", "status 1 without rows", false, 3},
        {"1", "OK", "null", "status 1 without rows", false, 3},
        {"1", "OK", "\"[]\"", "status 1 without rows", false, 3},
        {"0", "NOTOK \\u001b[31m " KEY, "\"" KEY "\"", "***", false, 1},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char body[512];
        snprintf(body, sizeof body, "{\"status\":\"%s\",\"message\":\"%s\",\"result\":%s}", refusals[i].status, refusals[i].message, refusals[i].result);
        struct fake_explorer explorer = {.head = 60, .rows = 1, .fault_action = ACTION("txlist"), .fault = {.body = body}};
        atomic_store(&explorer.faults_left, 1000);
        struct found found = find(&explorer);
        cr_expect_eq(found.status, TRACER_OK, "%s: %s", body, found.notes);
        cr_expect_not(found.explored.calls, "%s", body);
        cr_expect_not_null(strstr(found.notes, refusals[i].noted), "%s: %s", body, found.notes);
        cr_expect_eq(1000 - atomic_load(&explorer.faults_left), (int)refusals[i].attempts, "%s: %d attempts", body, 1000 - atomic_load(&explorer.faults_left));
        history_blocks_free(&found.blocks);

        struct fake_explorer again = {.head = 60, .rows = 1, .fault_action = ACTION("txlist"), .fault = {.body = body}}, *one = &again;
        atomic_store(&again.faults_left, 1000);
        found = find_with(&one, 1, 5, 41, 1000, 2, NULL, NULL);
        cr_expect_eq(found.explored.names[0] == '\0', refusals[i].off, "%s: %s", body, found.explored.names);
        history_blocks_free(&found.blocks);
    }
}

Test(explorer, T5_pages_and_broken_answers_are_none)
{
    static const struct fault_step steps[] = {
        {.body = "<html><head><title>Just a moment...</title>", .content_type = "text/html"},
        {.body = "<html><head><title>Just a moment...</title>"},
        {.body = "<html>", .content_type = "text/html", .status = 403},
        {.body = "bad gateway", .content_type = "text/plain", .status = 502},
        {.body = "{\"message\":\"429 Too Many Requests\"}", .status = 429},
        {.body = "{\"status\":\"1\",\"message\":\"OK\",\"result\":[{\"blockNumber\":\"8\"}]}", .status = 500},
        {.body = ""},
        {.body = "[]"},
        {.body = "null"},
        {.body = "{}"},
        {.body = "{\"status\":\"0\",\"message\":\"No transactions found\"}"},
        {.body = "{\"status\":\"0\",\"message\":\"No transactions found\",\"result\":[]"},
        {.body = "{\"status\":\"0\",\"message\":\"No transactions found\",\"result\":[]}}"},
        {.body = "{\"status\":\"0\",\"message\":\"No transactions found\",\"result\":[],\"result\":[]}"},
        {.body = "{\"status\":0,\"message\":\"No transactions found\",\"result\":[]}"},
        {.body = "{\"status\":\"0\",\"status\":\"0\",\"message\":\"No transactions found\",\"result\":[]}"},
        {.body = "{\"status\":\"0\",\"message\":\"No transactions found\",\"result\":[]}", .length_delta = 9, .no_length = false, .cut = true, .cut_at = 120},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct fake_explorer explorer = {.head = 60, .rows = 1, .fault_action = ACTION("tokentx"), .fault = steps[i]};
        atomic_store(&explorer.faults_left, 1000);
        struct found found = find(&explorer);
        cr_expect_eq(found.status, TRACER_OK, "%zu: %s", i, found.notes);
        cr_expect_not(found.explored.tokens, "%zu", i);
        cr_expect_neq(found.notes[0], '\0', "%zu: nothing is told", i);
        history_blocks_free(&found.blocks);

        struct fake_explorer passing = {.head = 60, .rows = 1, .fault_action = ACTION("tokentx"), .fault = steps[i]};
        atomic_store(&passing.faults_left, 2);
        found = find(&passing);
        expect_all(&found, 5, 41);
        history_blocks_free(&found.blocks);
    }
}

Test(explorer, T6_a_rate_limit_is_waited_for)
{
    struct fake_explorer explorer = {.head = 60, .rows = 1, .fault = {.body = "{\"status\":\"0\",\"message\":\"NOTOK\",\"result\":\"Max calls per sec rate limit reached (3/sec)\"}"}};
    atomic_store(&explorer.faults_left, 2);
    struct found found = find(&explorer);
    expect_all(&found, 5, 41);
    cr_assert_str_eq(found.notes, "");
    history_blocks_free(&found.blocks);
}

Test(explorer, rows_that_do_not_fit_what_was_asked_are_refused)
{
    static const char *const rows[] = {
        "{\"blockNumber\":\"4\"}", "{\"blockNumber\":\"42\"}", "{\"blockNumber\":8}", "{\"blockNumber\":\"0x8\"}", "{\"blockNumber\":\"08\"}", "{\"blockNumber\":\"\"}",
        "{\"blockNumber\":\"-8\"}", "{\"blockNumber\":\"8.0\"}", "{\"blockNumber\":\"99999999999999999999\"}", "{\"blockNumber\":null}", "{}", "8", "null", "[]",
        "{\"blockNumber\":\"8\",\"blockNumber\":\"8\"}", "{\"blockNumber\":\"9\"},{\"blockNumber\":\"8\"}", "{\"blockNumber\":\"8\"},{}",
        "{\"blockNumber\":\"8\",\"tokenName\":\"\xff\"}", "{\"blockNumber\":\"8\",\"tokenName\":\"\\ud800\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"status\":\"1\",\"message\":\"OK\",\"result\":[%s]}", rows[i]);
        struct fake_explorer explorer = {.head = 60, .rows = 1, .fault_action = ACTION("txlistinternal"), .fault = {.body = body}};
        atomic_store(&explorer.faults_left, 1000);
        struct found found = find(&explorer);
        cr_expect_eq(found.status, TRACER_OK, "%s: %s", rows[i], found.notes);
        cr_expect_not(found.explored.calls, "%s", rows[i]);
        cr_expect(found.explored.tokens, "%s: %s", rows[i], found.notes);
        cr_expect_not_null(strstr(found.notes, "txlistinternal"), "%s: %s", rows[i], found.notes);
        history_blocks_free(&found.blocks);
    }
    struct fake_explorer beyond = {.head = 60, .rows = 1, .fault_action = ACTION("txlist"),
                                   .fault = {.body = "{\"status\":\"1\",\"message\":\"OK\",\"result\":[{\"blockNumber\":\"42\"}]}"}};
    atomic_store(&beyond.faults_left, 1);
    struct found one = find(&beyond);
    cr_assert_not(one.explored.calls);
    cr_assert_not_null(strstr(one.notes, "a block that was not asked for"), "%s", one.notes);
    history_blocks_free(&one.blocks);
    struct fake_explorer descending = {.head = 60, .rows = 2, .descending = true};
    struct found found = find(&descending);
    cr_assert_not(found.explored.calls || found.explored.tokens);
    cr_assert_not_null(strstr(found.notes, "not sorted"), "%s", found.notes);
    history_blocks_free(&found.blocks);
}

Test(explorer, more_rows_than_a_page_may_have_are_refused)
{
    char *body = NULL;
    size_t size;
    FILE *out = open_memstream(&body, &size);
    fprintf(out, "{\"status\":\"1\",\"message\":\"OK\",\"result\":[");
    for (unsigned i = 0; i <= TRACER_EXPLORER_ROWS_MAX; i++)
        fprintf(out, "%s{\"blockNumber\":\"8\"}", i ? "," : "");
    fprintf(out, "]}");
    fclose(out);
    struct fake_explorer explorer = {.head = 60, .rows = 1, .fault_action = ACTION("tokennfttx"), .fault = {.body = body}};
    atomic_store(&explorer.faults_left, 1000);
    struct found found = find(&explorer);
    cr_assert_not(found.explored.tokens);
    cr_assert_not_null(strstr(found.notes, "more rows than a page may have"), "%s", found.notes);
    history_blocks_free(&found.blocks);
    free(body);
}

Test(explorer, the_next_is_asked_for_what_one_does_not_give)
{
    struct fake_explorer first = {.head = 60, .rows = 1, .omitted = 9, .fault_action = ACTION("token1155tx"),
                                  .fault = {.body = "{\"status\":\"0\",\"message\":\"Unknown action\",\"result\":null}"}},
                         second = {.head = 60, .rows = 1}, *both[] = {&first, &second};
    atomic_store(&first.faults_left, 1000);
    struct found found = find_with(both, 2, 5, 41, 1000, 1, NULL, NULL);
    expect_all(&found, 5, 41);
    cr_assert_str_eq(found.explored.names, "etherscan,blockscout");
    history_blocks_free(&found.blocks);
    first.fault_action = "action=none";
    found = find_with(both, 2, 5, 41, 1000, 1, NULL, NULL);
    cr_assert(is_whole(&found));
    cr_assert_str_eq(found.explored.names, "etherscan"); /* the second knows nothing of the account */
    history_blocks_free(&found.blocks);
}

Test(explorer, what_an_explorer_leaves_out_is_not_found_here)
{
    struct fake_explorer explorer = {.head = 60, .rows = 1, .omitted = 9};
    struct found found = find(&explorer);
    cr_assert(is_whole(&found));
    for (size_t i = 0; i < found.blocks.count; i++)
        cr_assert_neq(found.blocks.numbers[i], 9);
    history_blocks_free(&found.blocks);
}

Test(explorer, T11_a_recording_has_no_key_and_is_answered_from)
{
    char path[] = "/tmp/tracer-explorer-XXXXXX", name[512];
    cr_assert_not_null(mkdtemp(path));
    struct fake_explorer explorer = {.head = 60, .rows = 3, .page_max = 4}, *one = &explorer;
    struct found found = find_with(&one, 1, 5, 41, 1000, 1, path, NULL);
    expect_all(&found, 5, 41);
    history_blocks_free(&found.blocks);
    int asked = atomic_load(&explorer.asked);
    found = find_with(&one, 1, 5, 41, 1000, 1, NULL, path);
    expect_all(&found, 5, 41);
    history_blocks_free(&found.blocks);
    cr_assert_eq(atomic_load(&explorer.asked), asked);
    DIR *directory = opendir(path);
    unsigned files = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        struct buffer text;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%.255s", path, entry->d_name);
        buffer_init(&text, TRACER_MIB(1));
        cr_assert_eq(file_read(name, TRACER_MIB(1), &text, NULL), TRACER_OK);
        cr_assert_null(memmem(text.data, text.size, KEY, strlen(KEY)));
        cr_assert_null(memmem(text.data, text.size, "127.0.0.1", 9));
        buffer_release(&text);
        unlink(name);
        files++;
    }
    closedir(directory);
    rmdir(path);
    cr_assert_eq(files, (unsigned)asked);
}
