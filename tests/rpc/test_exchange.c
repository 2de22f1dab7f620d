/* test_exchange.c - what was recorded is answered again without a network. */
#include "pool_fixture.h"

#include <dirent.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/tracer-test-XXXXXX";

static void make_directory(void)
{
    cr_assert_not_null(mkdtemp(directory));
}

static void remove_directory(void)
{
    char path[512];
    DIR *files = opendir(directory);
    for (struct dirent *entry; files && (entry = readdir(files));) {
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    if (files)
        closedir(files);
    rmdir(directory);
}

static struct rpc *open_replay(void)
{
    struct rpc_options options = {.replay = directory};
    struct rpc *rpc = NULL;
    struct error err = {0};
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
    return rpc;
}

/* Results of a script of calls, as one text. Asks in the order given. */
static void play(struct rpc *rpc, const int *order, size_t count, char *to, size_t size)
{
    enum { MAX = 8 };
    static const char *const methods[MAX] = {
        "eth_chainId", "eth_getBlockByNumber", "eth_getBlockByNumber", "eth_getLogs",
        "eth_call",    "trace_block",          "eth_blockNumber",      "eth_getBalance"};
    static const char *const params[MAX] = {
        "[]", "[\"0x1\",true]", "[\"0x2\",true]", "[{\"a\":[1,2]}]", "[3]", "[4]", "[5]", "[6]"};
    struct rpc_call calls[MAX];
    struct rpc_batch batches[MAX], *done;
    struct error err = {0};
    char lines[MAX][1200];
    for (size_t i = 0; i < count; i++) {
        int n = order[i];
        calls[n] = (struct rpc_call){.method = methods[n], .params = params[n]};
        batches[n] = (struct rpc_batch){.calls = &calls[n], .call_count = 1, .endpoint = RPC_ANY};
        cr_assert_eq(rpc_submit(rpc, &batches[n], &err), TRACER_OK, "%s", err.text);
    }
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK, "%s", err.text);
        size_t n = (size_t)(done - batches);
        snprintf(lines[n], sizeof lines[n], "%zu: %d %s %d %.*s %s\n", n, done->status, done->error.text,
                 done->calls[0].status, (int)done->calls[0].result_length,
                 done->calls[0].result ? done->calls[0].result : "", done->calls[0].error.text);
        rpc_batch_release(done);
    }
    *to = '\0';
    for (size_t i = 0; i < count; i++)
        strncat(to, lines[i], size - strlen(to) - 1);
}

static bool some_answers(void *context, struct json_span method, struct json_span params, FILE *out)
{
    (void)context;
    if (json_span_is(method, "eth_call")) {
        fputs("{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x08c379a0\"}", out);
        return false;
    }
    if (json_span_is(method, "trace_block")) {
        fputs("{\"code\":-32601,\"message\":\"no such method\"}", out);
        return false;
    }
    fprintf(out, "{\"of\":\"%.*s\",\"with\":%.*s}", (int)method.length, method.text, (int)params.length,
            params.text);
    return true;
}

Test(rpc, a_recording_is_replayed_to_the_same_answers, .init = make_directory, .fini = remove_directory)
{
    static const struct fault_step steps[] = {{.status = 502, .body = "gateway"}, {.cut = true}};
    static const int forward[] = {0, 1, 2, 3, 4, 5, 6, 7}, other[] = {5, 3, 7, 1, 0, 6, 2, 4};
    static char live[8192], again[8192];
    struct faultserver *server = faultserver_start(
        &(struct faultserver_options){.steps = steps, .step_count = 2, .answer = some_answers});
    struct rpc_options options = quick_options;
    options.attempts_max = 5;
    options.record = directory;
    struct rpc *rpc = open_pool(&server, 1, options);
    play(rpc, forward, 8, live, sizeof live);
    rpc_close(rpc);
    faultserver_stop(server);
    cr_expect(strstr(live, "execution reverted") && strstr(live, "no such method"), "%s", live);
    rpc = open_replay();
    play(rpc, forward, 8, again, sizeof again);
    cr_expect_str_eq(live, again);
    rpc_close(rpc);
    rpc = open_replay();
    play(rpc, other, 8, again, sizeof again);
    cr_expect_str_eq(live, again);
    rpc_close(rpc);
}

static bool count_up(void *context, struct json_span method, struct json_span params, FILE *out)
{
    (void)method;
    (void)params;
    fprintf(out, "\"0x%x\"", (*(unsigned *)context)++);
    return true;
}

Test(rpc, repeated_requests_are_told_apart, .init = make_directory, .fini = remove_directory)
{
    unsigned counter = 16;
    struct faultserver *server =
        faultserver_start(&(struct faultserver_options){.answer = count_up, .context = &counter});
    struct rpc_options options = quick_options;
    options.record = directory;
    struct buffer result;
    struct error err;
    struct rpc *rpc = open_pool(&server, 1, options);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(rpc_call(rpc, 0, "eth_blockNumber", "[]", 0, &result, &err), TRACER_OK);
        buffer_release(&result);
    }
    rpc_close(rpc);
    faultserver_stop(server);
    rpc = open_replay();
    cr_expect_str_eq(rpc_endpoint_name(rpc, 0), "recording");
    for (size_t i = 0; i < 3; i++) {
        char want[8];
        snprintf(want, sizeof want, "\"0x%zx\"", 16 + i);
        cr_assert_eq(rpc_call(rpc, RPC_ANY, "eth_blockNumber", "[]", 0, &result, &err), TRACER_OK, "%s",
                     err.text);
        cr_expect(result.size == 6 && memcmp(result.data, want, 6) == 0);
        buffer_release(&result);
    }
    cr_expect_eq(rpc_call(rpc, RPC_ANY, "eth_blockNumber", "[]", 0, &result, &err), TRACER_E_NETWORK);
    cr_expect(strstr(err.text, "eth_blockNumber []: not in the recording"), "%s", err.text);
    rpc_close(rpc);
}

Test(rpc, rejected_exchanges_replay_as_they_went, .init = make_directory, .fini = remove_directory)
{
    unsigned counter = 1;
    struct faultserver *server =
        faultserver_start(&(struct faultserver_options){.answer = count_up, .context = &counter});
    struct rpc_options options = quick_options;
    options.record = directory;
    options.attempts_max = 5;
    for (int replaying = 0; replaying < 2; replaying++) {
        struct rpc *rpc = replaying ? open_replay() : open_pool(&server, 1, options);
        struct rpc_call call = {.method = "eth_blockNumber", .params = "[]"};
        struct rpc_batch batch = {.calls = &call, .call_count = 1, .endpoint = RPC_ANY}, *done;
        struct error err = {0}, why;
        error_set(&why, TRACER_E_REPLY, "too low");
        cr_assert_eq(rpc_submit(rpc, &batch, &err), TRACER_OK);
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
        cr_expect(call.result_length == 5 && memcmp(call.result, "\"0x1\"", 5) == 0);
        cr_assert_eq(rpc_reject(rpc, &batch, &why, &err), TRACER_OK);
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
        cr_expect(call.result_length == 5 && memcmp(call.result, "\"0x2\"", 5) == 0);
        rpc_batch_release(&batch);
        rpc_close(rpc);
    }
    faultserver_stop(server);
}

static int look_for_curl(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    *(bool *)context |= info->dlpi_name && strstr(info->dlpi_name, "libcurl") != NULL;
    return 0;
}

Test(rpc, a_replay_does_not_load_libcurl, .init = make_directory, .fini = remove_directory)
{
    bool loaded = false;
    struct rpc *rpc = open_replay();
    struct error err;
    struct buffer result;
    cr_expect_eq(rpc_call(rpc, 0, "eth_chainId", "[]", 0, &result, &err), TRACER_E_NETWORK);
    rpc_close(rpc);
    dl_iterate_phdr(look_for_curl, &loaded);
    cr_expect(!loaded);
    struct faultserver *server = start(NULL, 0);
    rpc = open_pool(&server, 1, quick_options);
    dl_iterate_phdr(look_for_curl, &loaded);
    cr_expect(loaded); /* the check above sees something */
    rpc_close(rpc);
    faultserver_stop(server);
}

Test(rpc, a_damaged_exchange_is_noticed, .init = make_directory, .fini = remove_directory)
{
    struct faultserver *server = start(NULL, 0);
    struct rpc_options options = quick_options;
    options.record = directory;
    struct rpc *rpc = open_pool(&server, 1, options);
    struct error err;
    cr_assert_eq(ask(rpc, "eth_getBlockByNumber", &err), TRACER_OK, "%s", err.text);
    rpc_close(rpc);
    faultserver_stop(server);
    char path[512] = "", text[2048];
    DIR *files = opendir(directory);
    for (struct dirent *entry; (entry = readdir(files));)
        if (strstr(entry->d_name, ".exchange"))
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    closedir(files);
    struct stat about;
    cr_assert(stat(path, &about) == 0 && (about.st_mode & 0777) == 0600);
    FILE *file = fopen(path, "r");
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    for (size_t length = 0; length <= size; length++) { /* every truncation, and the whole */
        file = fopen(path, "w");
        fwrite(text, 1, length, file);
        fclose(file);
        rpc = open_replay();
        enum tracer_status status = ask(rpc, "eth_getBlockByNumber", &err);
        cr_expect_eq(status, length == size ? TRACER_OK : TRACER_E_DAMAGED, "%zu bytes: %s", length,
                     err.text);
        rpc_close(rpc);
    }
    for (size_t i = 0; i < size; i++) { /* a changed byte may change the result, and nothing worse */
        char changed = text[i];
        text[i] = (char)(text[i] ^ 0x11);
        file = fopen(path, "w");
        fwrite(text, 1, size, file);
        fclose(file);
        text[i] = changed;
        rpc = open_replay();
        struct buffer result;
        if (rpc_call(rpc, 0, "eth_getBlockByNumber", "[\"0x1\",true]", 0, &result, &err) == TRACER_OK)
            buffer_release(&result);
        rpc_close(rpc);
    }
}

Test(rpc, recording_and_replay_need_a_directory)
{
    struct rpc_options options = {.replay = "/nonexistent/recording"};
    struct rpc *rpc;
    struct error err;
    cr_expect_eq(rpc_open(&options, &rpc, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "no such directory"), "%s", err.text);
    options.record = "/tmp";
    cr_expect_eq(rpc_open(&options, &rpc, &err), TRACER_E_USAGE);
}
