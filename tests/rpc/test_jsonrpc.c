/* test_jsonrpc.c - the envelope, and what error answers mean. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/jsonrpc.h"

/* Read `reply` as the answer to `count` calls with ids from 7 on. */
struct outcome {
    enum answer_class class;
    bool whole;
    struct error err;
    struct rpc_call calls[4];
};

static struct outcome read_reply(size_t count, const char *reply)
{
    static struct secrets none;
    struct outcome outcome = {0};
    struct answerer answerer = {"alpha", &none, 200};
    struct rpc_batch batch = {.calls = outcome.calls, .call_count = count};
    for (size_t i = 0; i < count; i++)
        outcome.calls[i] = (struct rpc_call){.method = "eth_chainId", .params = "[]"};
    char *copy = strndup(reply, strlen(reply));
    outcome.class = jsonrpc_read(&batch, (struct json_span){copy, strlen(reply)}, 7, &answerer,
                                 &outcome.whole, &outcome.err);
    for (size_t i = 0; i < count; i++) /* keep the results readable after the copy is gone */
        if (outcome.calls[i].result)
            outcome.calls[i].result = reply + (outcome.calls[i].result - copy);
    free(copy);
    return outcome;
}

static bool result_is(const struct rpc_call *call, const char *text)
{
    return call->status == TRACER_OK && call->result_length == strlen(text) &&
           memcmp(call->result, text, strlen(text)) == 0;
}

Test(rpc, requests_are_written)
{
    struct rpc_call calls[] = {{.method = "eth_chainId", .params = "[]"},
                               {.method = "eth_getBlockByNumber", .params = "[\"0x1\",true]"}};
    struct rpc_batch batch = {.calls = calls, .call_count = 1};
    struct buffer text;
    buffer_init(&text, 1000);
    cr_assert(jsonrpc_write(&text, &batch, 5));
    cr_expect_str_eq(text.data, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"eth_chainId\",\"params\":[]}");
    buffer_clear(&text);
    batch.call_count = 2;
    cr_assert(jsonrpc_write(&text, &batch, 5));
    cr_expect_str_eq(
        text.data,
        "[{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"eth_chainId\",\"params\":[]},"
        "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"eth_getBlockByNumber\",\"params\":[\"0x1\",true]}]");
    buffer_release(&text);
}

Test(rpc, R12_answers_find_their_calls_in_any_order)
{
    struct outcome o = read_reply(1, " {\"id\":7,\"jsonrpc\":\"2.0\",\"result\": {\"a\":[1]} } ");
    cr_expect(o.class == ANSWER_GOOD && !o.whole && result_is(&o.calls[0], "{\"a\":[1]}"));
    o = read_reply(1, "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":7,\"extra\":[{}]}");
    cr_expect(o.class == ANSWER_GOOD && result_is(&o.calls[0], "null"));
    o = read_reply(3,
                   "[{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":3},{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1},"
                   "{\"jsonrpc\":\"2.0\",\"id\":8,\"error\":{\"code\":-32000,\"message\":\"odd\"}}]");
    cr_expect(o.class == ANSWER_REFUSED && !o.whole);
    cr_expect(result_is(&o.calls[0], "1") && result_is(&o.calls[2], "3"));
    cr_expect_eq(o.calls[1].status, TRACER_E_REPLY);
    cr_expect_eq(o.calls[1].error.rpc_code, -32000);
    cr_expect_str_eq(o.calls[1].error.text, "endpoint \"alpha\": eth_chainId: error -32000: \"odd\"");
    cr_expect_null(o.calls[1].result);
}

Test(rpc, R12_foreign_doubled_and_missing_answers_fail_the_batch)
{
    static const struct {
        size_t calls;
        const char *reply;
        const char *cause;
    } cases[] = {
        {1, "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":1}", "another id"},
        {1, "{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":1}", "another id"},
        {1, "{\"jsonrpc\":\"2.0\",\"result\":1}", "another id"},
        {1, "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":1}", "another id"},
        {1, "{\"jsonrpc\":\"2.0\",\"id\":8,\"error\":{\"code\":1,\"message\":\"\"}}", "another id"},
        {1, "[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1}]", "array"},
        {2, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1}", "one answer came for a batch"},
        {2, "{\"jsonrpc\":\"2.0\",\"id\":99,\"error\":{\"code\":1,\"message\":\"\"}}",
         "one answer came for a batch"},
        {2, "[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1}]", "1 answers for 2 calls"},
        {2, "[]", "0 answers for 2 calls"},
        {2, "[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1}]",
         "two to one"},
        {2, "[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":1}]",
         "another call"},
        {2,
         "[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":1},"
         "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":1}]",
         "two to one"},
        {2,
         "[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1},{\"jsonrpc\":\"2.0\",\"id\":18446744073709551623,"
         "\"result\":1}]",
         "too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = read_reply(cases[i].calls, cases[i].reply);
        cr_expect(o.whole && o.class >= ANSWER_MALFORMED, "case %zu", i);
        cr_expect_eq(o.err.status, TRACER_E_REPLY, "case %zu", i);
        cr_expect(strstr(o.err.text, cases[i].cause), "case %zu: %s", i, o.err.text);
        cr_expect(strstr(o.err.text, "endpoint \"alpha\": eth_chainId"), "case %zu: %s", i, o.err.text);
    }
}

Test(rpc, R12_malformed_envelopes_fail)
{
    static const char *const cases[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":7.0,\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":7e0,\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":true,\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":[7],\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":7}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1,\"error\":{\"code\":1,\"message\":\"\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1,\"error\":null}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":\"text\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":\"1\",\"message\":\"\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":1,\"code\":2,\"message\":\"\"}}",
        "{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":1}",
        "{\"jsonrpc\":2.0,\"id\":7,\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1,\"result\":2}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"id\":7,\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1}x",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[1,2}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":01}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\\u0000\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\\ud800\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xff\"}",
        "{\"status\":\"0\",\"message\":\"NOTOK\",\"result\":\"x\"",
        "{}",
        "{",
        "",
        "   ",
        "null",
        "7",
        "\"text\"",
        "<html>",
        "Bad gateway",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = read_reply(1, cases[i]);
        cr_expect(o.whole && o.class == ANSWER_MALFORMED, "case %zu", i);
        cr_expect_eq(o.err.status, TRACER_E_REPLY, "case %zu", i);
        cr_expect(o.err.retryable, "case %zu", i);
    }
}

Test(rpc, R12_one_error_object_speaks_for_a_batch)
{
    static const char *const cases[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"batch too large\"}}",
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"batch too large\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32600,\"message\":\"batch too large\"}}",
        "[{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32600,\"message\":\"batch too large\"}}]",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = read_reply(3, cases[i]);
        cr_expect(o.whole && o.class == ANSWER_LESS, "case %zu", i);
        cr_expect_eq(o.err.status, TRACER_E_LIMIT);
        cr_expect_str_eq(o.err.text,
                         "endpoint \"alpha\": eth_chainId (batch of 3): error -32600: \"batch too large\"");
    }
}

Test(rpc, R8_deep_replies_stop_at_the_limit)
{
    char reply[1024] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":";
    memset(reply + strlen(reply), '[', 500);
    struct outcome o = read_reply(1, reply);
    cr_expect(o.whole && o.class == ANSWER_MALFORMED);
    cr_expect_eq(o.err.status, TRACER_E_LIMIT);
    cr_expect(strstr(o.err.text, "nested deeper"), "%s", o.err.text);
}

Test(rpc, R17_error_texts_are_made_safe_and_cut)
{
    size_t size = 1 << 20;
    char *reply = malloc(size + 200);
    int head = sprintf(reply, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32000,\"message\":"
                              "\"\\u001b[31m\xe2\x80\xaeinsufficient \x7f");
    memset(reply + head, 'A', size);
    strcpy(reply + head + size, "\",\"data\":\"\\u001b]0;owned\\u0007\"}}");
    struct outcome o = read_reply(1, reply);
    free(reply);
    cr_expect_eq(o.class, ANSWER_REFUSED);
    const char *text = o.calls[0].error.text;
    cr_expect(strlen(text) < TRACER_ERROR_TEXT_MAX);
    for (size_t i = 0; text[i]; i++)
        cr_expect(text[i] >= ' ' && text[i] <= '~');
    const char *quote = strstr(text, ": \"");
    cr_assert_not_null(quote);
    cr_expect_eq(strcspn(quote + 3, "\""), TRACER_QUOTED_MAX);
}

static enum answer_class class_of(int http_status, int64_t code, const char *method, const char *text)
{
    return classify_error(http_status, code, method, (struct json_span){text, strlen(text)});
}

/* Texts of the providers, recorded in 2026 (issue threads, live answers). */
Test(rpc, range_and_result_limits_ask_for_less)
{
    static const struct {
        int64_t code;
        const char *text;
    } cases[] = {
        {-32602, "Invalid params requested block range 16777217 exceeds the limit of 200; narrow your "
                 "fromBlock/toBlock"},
        {-32602, "invalid params Query returned more than 50000 results. Try with this block range "
                 "[0x1000000, 0x1080000]."},
        {-32005, "query returned more than 10000 results. Try with this block range [0x184036C, 0x184037B]."},
        {-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"},
        {-32005, "limit exceeded"},
        {-32602, "eth_getLogs is limited to 0 - 50 blocks range"},
        {-32000, "block range too large, max range: 10000"},
        {-32000, "exceeded maximum block range: 5000"},
        {-32000, "query returned more than allowed number of logs, try with smaller block range"},
        {-32000, "maximum [from, to] blocks distance: 2000"},
        {-32000, "logs matched by query exceeds limit of 10000"},
        {-32000, "requested too many blocks from 50331648 to 51380224, maximum is set to 2048"},
        {-32614, "eth_getLogs is limited to a 10,000 range"},
        {-32600, "You can make eth_getLogs requests with up to a 100 block range."},
        {-32602, "range 1000000 exceeds limit of 10000"},
        {-32602, "query exceeds max results 20000, retry with the range 1-2"},
        {35, "ranges over 10000 blocks are not supported on freetier"},
        {-32000, "Max range: 800"},
        {-32603, "eth_getLogs range is too large, max is 1k blocks"},
        {-32602, "Block range limit exceeded."},
        {-32005, "Maximum allowed number of requested blocks is 1000"},
        {-32005, "please limit the query to at most 100 blocks"},
        {-32602, "query must be smaller than size 5"},
        {-32000, "query timeout exceeded"},
        {-32000, "backend response too large"},
        {-32003, "response too large"},
        {-32600, "batch too large"},
        {-32000, "block range is larger than max block range, block range = 5120, max block range = 5000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(class_of(200, cases[i].code, "eth_getLogs", cases[i].text), ANSWER_LESS, "%s",
                     cases[i].text);
    cr_expect_eq(class_of(413, 0, "eth_getLogs", "content length too large (5>4)"), ANSWER_LESS);
}

Test(rpc, limits_that_an_error_states_are_read)
{
    static const struct {
        const char *text;
        uint64_t blocks, results;
    } cases[] = {
        {"Invalid params requested block range 16777217 exceeds the limit of 200; narrow your fromBlock/toBlock", 200, 0},
        {"Query returned more than 50000 results. Try with this block range [0x1000000, 0x1080000].", 0, 50000},
        {"Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response "
         "size, or you can request any block range with a cap of 10K logs in the response.", 2000, 0},
        {"limit exceeded", 0, 0},
        {"eth_getLogs is limited to 0 - 50 blocks range", 50, 0},
        {"block range too large, max range: 10000", 10000, 0},
        {"exceeded maximum block range: 5000", 5000, 0},
        {"query returned more than allowed number of logs, try with smaller block range", 0, 0},
        {"maximum [from, to] blocks distance: 2000", 2000, 0},
        {"logs matched by query exceeds limit of 10000", 0, 10000},
        {"requested too many blocks from 50331648 to 51380224, maximum is set to 2048", 2048, 0},
        {"eth_getLogs is limited to a 10,000 range", 10000, 0},
        {"range 1000000 exceeds limit of 10000", 10000, 0},
        {"query exceeds max results 20000, retry with the range 1-2", 0, 20000},
        {"ranges over 10000 blocks are not supported on freetier", 10000, 0},
        {"eth_getLogs range is too large, max is 1k blocks", 1000, 0},
        {"Maximum allowed number of requested blocks is 1000", 1000, 0},
        {"please limit the query to at most 100 blocks", 100, 0},
        {"block range is larger than max block range, block range = 5120, max block range = 5000", 5000, 0},
        {"max range: ", 0, 0},
        {"max range: 99999999999999999999999", 0, 0},
        {"max range: ,,", 0, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t blocks, results;
        classify_stated((struct json_span){cases[i].text, strlen(cases[i].text)}, &blocks, &results);
        cr_expect(blocks == cases[i].blocks && results == cases[i].results, "%s: %d %d", cases[i].text, (int)blocks, (int)results);
    }
}

Test(rpc, R7_pruned_history_is_not_available_here)
{
    static const struct {
        int64_t code;
        const char *text;
    } cases[] = {
        {-32000, "missing trie node 1f2e (path ) state 0x1f2e is not available"},
        {-32000, "required historical state unavailable (reexec=128)"},
        {-32000, "historical state is not available"},
        {4444, "pruned history unavailable"},
        {-32000, "pruned history unavailable"},
        {4444, ""},
        {-32000, "state at block #15537393 is pruned"},
        {-32000, "distance to target block exceeds maximum proof window"},
        {-32602, "Archive requests require a personal token. Get one at: somewhere"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(class_of(200, cases[i].code, "eth_getBalance", cases[i].text), ANSWER_NO_HISTORY, "%s",
                     cases[i].text);
    cr_expect_eq(classify_status(ANSWER_NO_HISTORY), TRACER_E_UNAVAILABLE);
}

Test(rpc, other_errors_fall_into_their_classes)
{
    static const struct {
        int http_status;
        int64_t code;
        const char *text;
        enum answer_class class;
    } cases[] = {
        {200, -32601, "the method trace_block does not exist/is not available", ANSWER_NO_METHOD},
        {200, -32004, "", ANSWER_NO_METHOD},
        {200, -32600, "method is not whitelisted", ANSWER_NO_METHOD},
        {200, -32000, "Method not allowed", ANSWER_NO_METHOD},
        {403, 0, "upgrade your plan", ANSWER_NO_METHOD},
        {429, 0, "", ANSWER_RATE},
        {429, -32000, "whatever", ANSWER_RATE},
        {200, -32005, "", ANSWER_RATE},
        {200, -32005, "limit exceeded", ANSWER_RATE},
        {200, 429, "Your app has exceeded its compute units per second capacity", ANSWER_RATE},
        {200, -32000, "Too Many Requests", ANSWER_RATE},
        {200, -32029, "", ANSWER_RATE},
        {200, -32005, "daily request count exceeded, request rate limited", ANSWER_BENCH},
        {401, 0, "", ANSWER_CONFIG},
        {200, -32000, "Unauthorized: You must authenticate your request with an API key.", ANSWER_CONFIG},
        {403, 0, "invalid project id", ANSWER_CONFIG},
        {404, 0, "", ANSWER_CONFIG},
        {301, 0, "", ANSWER_CONFIG},
        {502, 0, "", ANSWER_LATER},
        {503, 0, "", ANSWER_LATER},
        {504, 0, "", ANSWER_LATER},
        {200, -32000, "header not found", ANSWER_LATER},
        {200, -39001, "Unknown block", ANSWER_LATER},
        {200, -32000, "block #5 not found", ANSWER_LATER},
        {200, -32002, "request timed out", ANSWER_LATER},
        {200, -32603, "internal error", ANSWER_LATER},
        {200, -32602, "block range extends beyond current head block", ANSWER_LATER},
        {200, -32602, "invalid argument 0: hex string without 0x prefix", ANSWER_REFUSED},
        {200, -32602, "invalid block range params", ANSWER_REFUSED},
        {200, -32700, "parse error", ANSWER_REFUSED},
        {200, 3, "execution reverted: rate limit missing trie node", ANSWER_REFUSED},
        {200, -32000, "execution reverted: archive", ANSWER_REFUSED},
        {200, -32000, "genesis is not traceable", ANSWER_REFUSED},
        {400, 0, "", ANSWER_REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(class_of(cases[i].http_status, cases[i].code, "eth_call", cases[i].text), cases[i].class,
                     "case %zu: %s", i, cases[i].text);
}
