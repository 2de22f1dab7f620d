/* test_transport.c - threats T1 to T14 at the level of HTTP, against the fault server. */
#include "pool_fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const methods[] = {"eth_chainId",
                                      "eth_blockNumber",
                                      "eth_getBlockByNumber",
                                      "eth_getBlockByHash",
                                      "eth_getBlockReceipts",
                                      "eth_getTransactionReceipt",
                                      "eth_getBalance",
                                      "eth_getLogs",
                                      "eth_call",
                                      "debug_traceBlockByNumber",
                                      "trace_block"};
#define METHOD_COUNT (sizeof methods / sizeof *methods)

/* With one attempt a call: the fault fails with `status` and a message that names endpoint, method and cause;
 * the good reply after it succeeds. For the first `count` methods. */
static void fault_then_good(const struct fault_step *fault, struct rpc_options options, size_t count,
                            enum tracer_status status, const char *cause)
{
    struct fault_step steps[2 * METHOD_COUNT];
    memset(steps, 0, sizeof steps);
    for (size_t i = 0; i < count; i++)
        steps[2 * i] = *fault;
    struct faultserver *server = start(steps, 2 * count);
    struct rpc *rpc = open_pool(&server, 1, options);
    for (size_t i = 0; i < count; i++) {
        struct error err;
        uint64_t begun = clock_monotonic_ms();
        cr_expect_eq(ask(rpc, methods[i], &err), status, "%s: %s", methods[i], err.text);
        expect_message(&err, methods[i], cause);
        cr_expect(clock_monotonic_ms() - begun < options.total_timeout_ms + 1500u);
        cr_expect_eq(ask(rpc, methods[i], &err), TRACER_OK, "%s: %s", methods[i], err.text);
    }
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, T1_refused_connections_are_tried_again_a_bounded_number_of_times)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int taken = socket(AF_INET, SOCK_STREAM, 0); /* bound and not listening: refuses */
    cr_assert(bind(taken, (struct sockaddr *)&address, length) == 0 &&
              getsockname(taken, (struct sockaddr *)&address, &length) == 0);
    char url[64];
    struct error err;
    struct rpc *rpc;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    struct rpc_endpoint endpoint = {.name = "alpha", .url = url};
    struct rpc_options options = quick_options;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.attempts_max = 4;
    options.backoff_first_ms = 40;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK);
    uint64_t begun = clock_monotonic_ms();
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK);
    uint64_t took = clock_monotonic_ms() - begun;
    expect_message(&err, "eth_chainId", "connection refused (gave up after 4 attempts)");
    cr_expect(took >= 20 + 40 + 80 && took < 40 + 80 + 160 + 1000, "%d ms", (int)took);
    cr_expect_eq(rpc_stats(rpc, RPC_ANY).requests, 4u);
    cr_expect_eq(rpc_stats(rpc, 0).retries, 3u);
    rpc_close(rpc);
    close(taken);
}

Test(rpc, T1_an_unknown_host_is_a_network_failure)
{
    struct rpc_endpoint endpoint = {.name = "alpha", .url = "https://nowhere.invalid/key"};
    struct rpc_options options = quick_options;
    struct error err;
    struct rpc *rpc;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK);
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId", "");
    cr_expect(!strstr(err.text, "nowhere") && !strstr(err.text, "key"), "%s", err.text);
    rpc_close(rpc);
}

Test(rpc, T1_T4_a_reply_cut_or_reset_at_any_byte_is_never_taken_as_whole)
{
    for (int reset = 0; reset < 2; reset++) {
        struct fault_step steps[160];
        size_t count = 0;
        memset(steps, 0, sizeof steps);
        for (size_t at = 0; at < 150; at += reset ? 5 : 2) /* the whole reply is a little shorter */
            steps[count++] = (struct fault_step){.cut = true, .cut_at = at, .reset = reset};
        struct faultserver *server = start(steps, count);
        struct rpc_options options = quick_options;
        options.backoff_first_ms = 1;
        struct rpc *rpc = open_pool(&server, 1, options);
        struct error err;
        size_t failed = 0;
        for (size_t i = 0; i < count; i++) {
            enum tracer_status status =
                ask(rpc, "eth_getBlockByNumber", &err); /* checks the result where there is one */
            failed += status != TRACER_OK;
            cr_expect(status == TRACER_OK || status == TRACER_E_NETWORK || status == TRACER_E_REPLY, "%s",
                      err.text);
        }
        cr_expect(failed > count * 2 / 3, "%zu of %zu", failed, count);
        /* On a busy machine a call may have failed before the server saw it: then some steps are left. */
        enum tracer_status status = TRACER_E_NETWORK;
        for (int tries = 0; tries < 10 && status; tries++)
            status = ask(rpc, "eth_getBlockByNumber", &err);
        cr_expect_eq(status, TRACER_OK, "%s", err.text);
        rpc_close(rpc);
        faultserver_stop(server);
    }
}

Test(rpc, T1_a_batch_moves_on_to_the_next_endpoint)
{
    struct fault_step dead = {.cut = true};
    struct faultserver *servers[2];
    servers[0] = faultserver_start(
        &(struct faultserver_options){.steps = &dead, .step_count = 1, .repeat_last = true});
    servers[1] = start(NULL, 0);
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    options.backoff_first_ms = 2000; /* would show */
    struct rpc *rpc = open_pool(servers, 2, options);
    struct error err;
    uint64_t begun = clock_monotonic_ms();
    for (size_t i = 0; i < METHOD_COUNT; i++)
        cr_expect_eq(ask(rpc, methods[i], &err), TRACER_OK, "%s", err.text);
    cr_expect(clock_monotonic_ms() - begun < 900);
    cr_expect_eq(faultserver_requests(servers[1]), (unsigned)METHOD_COUNT);
    cr_expect_eq(faultserver_requests(servers[0]), 1u); /* and was left alone after that */
    rpc_close(rpc);
    faultserver_stop(servers[0]);
    faultserver_stop(servers[1]);
}

Test(rpc, T2_silence_ends_at_the_total_deadline)
{
    struct rpc_options options = quick_options;
    options.total_timeout_ms = 150;
    fault_then_good(&(struct fault_step){.silent = true}, options, METHOD_COUNT, TRACER_E_NETWORK,
                    "no whole reply within 150 ms");
}

Test(rpc, T2_a_drip_ends_at_the_total_deadline)
{
    struct rpc_options options = quick_options;
    options.total_timeout_ms = 200;
    fault_then_good(&(struct fault_step){.drip_bytes = 1, .drip_ms = 20}, options, 4, TRACER_E_NETWORK,
                    "no whole reply within 200 ms");
}

Test(rpc, T2_a_slow_link_ends_before_the_deadline)
{
    struct rpc_options options = quick_options;
    options.slow_seconds = 1;
    options.total_timeout_ms = 10000;
    uint64_t begun = clock_monotonic_ms();
    fault_then_good(&(struct fault_step){.drip_bytes = 1, .drip_ms = 50}, options, 1, TRACER_E_NETWORK,
                    "slower than 1024 bytes/s for 1 s");
    cr_expect(clock_monotonic_ms() - begun < 6000);
}

Test(rpc, T2_a_connection_that_does_not_open_ends_at_its_own_deadline)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
    cr_assert(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 0) == 0 &&
              getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    for (int i = 0; i < 8; i++) { /* the queue of the listener is full then */
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, length);
    }
    usleep(50000);
    char url[64];
    struct error err;
    struct rpc *rpc;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    struct rpc_endpoint endpoint = {.name = "alpha", .url = url};
    struct rpc_options options = quick_options;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.connect_timeout_ms = 200;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK);
    uint64_t begun = clock_monotonic_ms();
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK);
    cr_expect(clock_monotonic_ms() - begun < 1500);
    expect_message(&err, "eth_chainId", "no connection within 200 ms");
    rpc_close(rpc);
    for (int i = 0; i < 8; i++)
        close(fillers[i]);
    close(listener);
}

static void expect_cut(const struct fault_step *fault, size_t reply_max)
{
    struct faultserver *server = start(fault, 1);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct buffer result;
    struct error err;
    char cause[80];
    snprintf(cause, sizeof cause, "longer than the limit of %zu bytes", reply_max);
    cr_expect_eq(rpc_call(rpc, 0, "eth_getBlockReceipts", "[]", reply_max, &result, &err), TRACER_E_LIMIT,
                 "%s", err.text);
    expect_message(&err, "eth_getBlockReceipts", cause);
    cr_expect(rpc_stats(rpc, 0).bytes_received <= reply_max);
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, T3_a_long_reply_is_cut_at_the_cap)
{
    size_t size = 1 << 20;
    char *body = malloc(size + 1);
    memset(body, ' ', size);
    body[size] = '\0';
    expect_cut(&(struct fault_step){.body = body}, 4096);
    expect_cut(&(struct fault_step){.body = body, .no_length = true}, size - 1);
    free(body);
}

Test(rpc, T3_an_endless_chunked_reply_is_cut_at_the_cap)
{
    expect_cut(&(struct fault_step){.endless = true}, 100000);
}

Test(rpc, T3_endless_headers_are_cut)
{
    size_t size = TRACER_REPLY_HEADERS_MAX + 100;
    char *headers = malloc(size + 64);
    int at = 0;
    while ((size_t)at < size)
        at += sprintf(headers + at, "X-Filler-%d: 0123456789abcdef\r\n", at);
    fault_then_good(&(struct fault_step){.headers = headers}, quick_options, 2, TRACER_E_REPLY,
                    "headers of the reply are longer than the limit");
    free(headers);
}

Test(rpc, T3_a_reply_as_long_as_the_cap_is_taken)
{
    struct faultserver *server = start(NULL, 0);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct buffer result;
    struct error err;
    static const char whole[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[]}";
    cr_expect_eq(rpc_call(rpc, 0, "eth_chainId", "[]", sizeof whole - 1, &result, &err), TRACER_OK, "%s",
                 err.text);
    buffer_release(&result);
    cr_expect_eq(rpc_call(rpc, 0, "eth_chainId", "[]", sizeof whole - 2, &result, &err), TRACER_E_LIMIT);
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, T4_a_wrong_content_length_is_noticed)
{
    struct rpc_options options = quick_options;
    options.total_timeout_ms = 300; /* too long: the connection stays open and nothing more comes */
    fault_then_good(&(struct fault_step){.length_delta = 5}, options, 2, TRACER_E_NETWORK, "no whole reply");
    fault_then_good(&(struct fault_step){.length_delta = -1}, options, METHOD_COUNT, TRACER_E_REPLY,
                    "ends too early");
    fault_then_good(&(struct fault_step){.length_delta = 5, .cut = true, .cut_at = 100000}, options,
                    METHOD_COUNT, TRACER_E_NETWORK, "cut short");
    fault_then_good(&(struct fault_step){.no_length = true, .cut = true, .cut_at = 120}, options,
                    METHOD_COUNT, TRACER_E_REPLY, "ends");
    fault_then_good(&(struct fault_step){.chunked = true, .cut = true, .cut_at = 140}, options, METHOD_COUNT,
                    TRACER_E_NETWORK, "cut short");
    fault_then_good(&(struct fault_step){.gzip = true, .cut = true, .cut_at = 150, .no_length = true},
                    options, METHOD_COUNT, TRACER_E_REPLY, "");
}

Test(rpc, T5_pages_and_other_types_are_quoted_and_refused)
{
    static const char page[] = "<html>\x1b[2J<script>alert(1)</script> "
                               "0123456789012345678901234567890123456789012345678901234567890123456789 end";
    fault_then_good(&(struct fault_step){.content_type = "text/html", .body = page}, quick_options,
                    METHOD_COUNT, TRACER_E_REPLY, "the content type is not JSON: \"<html>?[2J<script>");
    fault_then_good(&(struct fault_step){.body = page}, quick_options, METHOD_COUNT, TRACER_E_REPLY,
                    "the reply is not JSON: \"<html>?[2J<script>");
    fault_then_good(&(struct fault_step){.content_type = "text/html"}, quick_options, 2, TRACER_E_REPLY,
                    "content type");
    fault_then_good(&(struct fault_step){.content_type = "application/octet-stream"}, quick_options, 2,
                    TRACER_E_REPLY, "content type");
    fault_then_good(&(struct fault_step){.body = ""}, quick_options, 2, TRACER_E_REPLY, "the reply is empty");
    fault_then_good(&(struct fault_step){.status = 502, .content_type = "text/html", .body = page},
                    quick_options, METHOD_COUNT, TRACER_E_NETWORK, "HTTP status 502: \"<html>?[2J");
    fault_then_good(&(struct fault_step){.status = 500, .body = NULL}, quick_options, 2, TRACER_E_NETWORK,
                    "HTTP status 500");
}

Test(rpc, T5_the_usual_types_are_taken)
{
    static const char *const types[] = {"application/json",
                                        "application/json; charset=utf-8",
                                        "APPLICATION/JSON",
                                        "application/json-rpc",
                                        "application/problem+json",
                                        "text/plain;charset=utf-8",
                                        "text/json",
                                        ""};
    struct fault_step steps[8];
    memset(steps, 0, sizeof steps);
    for (size_t i = 0; i < 8; i++)
        steps[i].content_type = types[i];
    struct faultserver *server = start(steps, 8);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct error err;
    for (size_t i = 0; i < 8; i++)
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s: %s", types[i], err.text);
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, T7_gzip_is_undone)
{
    struct fault_step steps[] = {{.gzip = true}, {.gzip = true, .chunked = true}, {0}};
    struct faultserver *server = start(steps, 3);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct error err;
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    cr_expect(strcasestr(faultserver_request(server, 0), "Accept-Encoding: gzip\r\n"));
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, T7_gzip_bomb_is_cut_at_the_cap)
{
    expect_cut(&(struct fault_step){.bomb_bytes = 256u << 20}, 1 << 20);
    expect_cut(&(struct fault_step){.bomb_bytes = 256u << 20, .chunked = true}, 1 << 20);
    expect_cut(&(struct fault_step){.bomb_bytes = 64u << 20, .status = 500}, 1 << 20);
}

Test(rpc, T7_other_and_nested_encodings_are_refused)
{
    static const char *const headers[] = {
        "Content-Encoding: br\r\n",
        "Content-Encoding: deflate\r\n",
        "Content-Encoding: zstd\r\n",
        "Content-Encoding: gzip, gzip\r\n",
        "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n",
        "content-encoding:br\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Encoding: x-gzip\r\n",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        fault_then_good(&(struct fault_step){.headers = headers[i]}, quick_options, 1, TRACER_E_REPLY,
                        "an encoding that was not asked for");
    /* one that libcurl would undo without a word */
    fault_then_good(&(struct fault_step){.gzip = true, .headers = "Content-Encoding: identity\r\n"},
                    quick_options, 1, TRACER_E_REPLY, "an encoding that was not asked for");
    fault_then_good(&(struct fault_step){.headers = "Content-Encoding: gzip\r\n"}, quick_options, 1,
                    TRACER_E_NETWORK, "the compressed reply is broken");
}

Test(rpc, T8_redirects_are_not_followed)
{
    struct faultserver *other = start(NULL, 0);
    char to_other[100];
    snprintf(to_other, sizeof to_other, "Location: %s\r\n", faultserver_url(other));
    const char *const locations[] = {to_other, "Location: file:///etc/passwd\r\n",
                                     "Location: ftp://127.0.0.1/\r\n",
                                     "Location: https://169.254.169.254/\r\n", "Location: /\r\n"};
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < 5; i++) {
        struct fault_step step = {.status = statuses[i], .headers = locations[i], .body = "moved"};
        struct faultserver *server = start(&step, 1);
        struct rpc *rpc = open_pool(&server, 1, quick_options);
        struct error err;
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK, "%s", err.text);
        expect_message(&err, "eth_chainId", "(redirects are not followed): \"moved\"");
        cr_expect_eq(faultserver_requests(server), 1u);
        rpc_close(rpc);
        faultserver_stop(server);
    }
    cr_expect_eq(faultserver_requests(other), 0u);
    faultserver_stop(other);
}

/* Ask https at `host` with the port of a server that must not see a connection. */
static void expect_refused_address(const char *host, bool allow_local)
{
    struct faultserver *server = start(NULL, 0);
    char url[128];
    struct error err;
    struct rpc *rpc;
    snprintf(url, sizeof url, "https://%s:%u/", host, faultserver_port(server));
    struct rpc_endpoint endpoint = {.name = "alpha", .url = url};
    struct rpc_options options = quick_options;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.allow_local = allow_local;
    options.attempts_max = 5;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
    uint64_t begun = clock_monotonic_ms();
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK, "%s", host);
    cr_expect(clock_monotonic_ms() - begun < 900, "%s", host);
    expect_message(&err, "eth_chainId", "private, local or reserved address");
    cr_expect(!strstr(err.text, host), "%s", err.text);
    cr_expect_eq(rpc_stats(rpc, 0).requests, 1u); /* permanent: not tried again */
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_E_NETWORK);
    cr_expect_eq(faultserver_connections(server), 0u);
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, T9_private_and_local_addresses_are_not_connected)
{
    static const char *const hosts[] = {
        "127.0.0.1",  "localhost",          "2130706433",        "0x7f000001",      "127.1",
        "[::1]",      "[::ffff:127.0.0.1]", "10.1.2.3",          "172.16.0.1",      "192.168.0.1",
        "100.64.0.1", "[fd00::1]",          "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        expect_refused_address(hosts[i], false);
}

Test(rpc, T9_link_local_and_reserved_addresses_are_not_connected_by_any_option)
{
    static const char *const hosts[] = {
        "169.254.169.254",          "0.0.0.0",   "224.0.0.1", "255.255.255.255",
        "[::ffff:169.254.169.254]", "[fe80::1]", "[::]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        expect_refused_address(hosts[i], false);
        expect_refused_address(hosts[i], true);
    }
}

Test(rpc, T11_keys_reach_no_message_and_no_recording)
{
    static const char echo[] = "{\"jsonrpc\":\"2.0\",\"id\":$0,\"error\":{\"code\":-32000,\"message\":"
                               "\"no such project PATHKEY0123456789abcdef for "
                               "QUERYKEY0123456789\",\"data\":\"Bearer HEADERKEY0123456789\"}}";
    static const struct fault_step steps[] = {
        {.body = echo},
        {.status = 401, .body = "key PATHKEY0123456789abcdef HEADERKEY0123456789 is not valid"},
        {.content_type = "text/html", .body = "<p>/v2/PATHKEY0123456789abcdef?k=QUERYKEY0123456789"},
        {.cut = true},
    };
    char directory[] = "/tmp/tracer-test-XXXXXX", path[512];
    cr_assert_not_null(mkdtemp(directory));
    for (size_t i = 0; i < 4; i++) {
        struct faultserver *server = start(&steps[i], 1);
        char url[200];
        struct error err;
        struct rpc *rpc;
        struct buffer result;
        snprintf(url, sizeof url, "%sv2/PATHKEY0123456789abcdef?k=QUERYKEY0123456789",
                 faultserver_url(server));
        struct rpc_endpoint endpoint = {
            .name = "alpha", .url = url, .header = "Authorization: Bearer HEADERKEY0123456789"};
        struct rpc_options options = quick_options;
        options.endpoints = &endpoint;
        options.endpoint_count = 1;
        options.record = directory;
        cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
        char params[32]; /* another exchange each time */
        snprintf(params, sizeof params, "[%zu]", i);
        cr_expect_neq(rpc_call(rpc, 0, "eth_chainId", params, 0, &result, &err), TRACER_OK);
        cr_expect(!strstr(err.text, "KEY"), "%s", err.text);
        cr_expect(!strstr(err.text, "127.0.0.1"), "%s", err.text);
        cr_expect(
            strstr(faultserver_request(server, 0), "POST /v2/PATHKEY0123456789abcdef?k=QUERYKEY0123456789 "));
        cr_expect(strstr(faultserver_request(server, 0), "Authorization: Bearer HEADERKEY0123456789\r\n"));
        rpc_close(rpc);
        faultserver_stop(server);
    }
    DIR *files = opendir(directory);
    size_t seen = 0;
    for (struct dirent *entry; (entry = readdir(files));) {
        char text[4096] = "";
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!file)
            continue;
        seen++;
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        cr_expect(!strstr(text, "KEY") && !strstr(text, "127.0.0.1"), "%s", text);
        unlink(path);
    }
    closedir(files);
    rmdir(directory);
    cr_expect_eq(seen, 1u + 1u); /* the error answer, and the refused key */
}

Test(rpc, T12_proxies_netrc_and_cookies_of_the_user_are_not_used)
{
    static const struct fault_step steps[] = {
        {.headers = "Set-Cookie: id=1; Path=/\r\nStrict-Transport-Security: max-age=9\r\n"}};
    char home[] = "/tmp/tracer-test-XXXXXX", netrc[64];
    cr_assert_not_null(mkdtemp(home));
    snprintf(netrc, sizeof netrc, "%s/.netrc", home);
    FILE *file = fopen(netrc, "w");
    fputs("machine 127.0.0.1 login user password secret\n", file);
    fclose(file);
    setenv("HOME", home, 1);
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < 5; i++)
        setenv(names[i], "http://127.0.0.1:1/", 1);
    struct faultserver *server = start(steps, 1);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct error err;
    for (unsigned i = 0; i < 2; i++) {
        cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
        cr_expect(!strcasestr(faultserver_request(server, i), "authorization"));
        cr_expect(!strcasestr(faultserver_request(server, i), "cookie"));
    }
    rpc_close(rpc);
    faultserver_stop(server);
    unlink(netrc);
    cr_expect_eq(rmdir(home), 0); /* no file appeared */
}

Test(rpc, connections_are_kept_alive)
{
    struct faultserver *server = start(NULL, 0);
    struct rpc *rpc = open_pool(&server, 1, quick_options);
    struct error err;
    for (size_t i = 0; i < METHOD_COUNT; i++)
        cr_expect_eq(ask(rpc, methods[i], &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(faultserver_connections(server), 1u);
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, T14_a_foreign_answer_drops_its_connection)
{
    static const struct fault_step steps[] = {
        {.body = NULL},
        {.body = "{\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":[\"0x1\",true]}"},
        {.body = NULL},
        {.body = NULL},
    };
    struct faultserver *server = start(steps, 4);
    struct rpc_options options = quick_options;
    options.attempts_max = 2;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct error err;
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(faultserver_connections(server), 1u);
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s",
                 err.text); /* asked again over a new connection */
    cr_expect_eq(faultserver_requests(server), 3u);
    cr_expect_eq(faultserver_connections(server), 2u);
    cr_expect_eq(ask(rpc, "eth_chainId", &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(faultserver_connections(server), 2u);
    rpc_close(rpc);
    faultserver_stop(server);
    fault_then_good(&steps[1], quick_options, METHOD_COUNT, TRACER_E_REPLY, "another id than the call");
}
