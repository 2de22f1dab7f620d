/* bench_rpc.c - what overlapping requests cost, beside what they would cost at best (performance.md 2.3).
 *
 *     bench_rpc [CALLS]
 *
 * 1. overlap: every reply is delayed by 100 ms, 16 are in flight. Bound: CALLS / 16 times 100 ms.
 * 2. requests a second of small replies without a delay. Bound: 16 threads that write the same request to a
 *    kept-alive socket and read the reply, against the same server.
 * 3. megabytes a second of 760 KB replies, with the check of envelope and JSON, beside the same sockets.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/faultserver.h"
#include "tracer/clock.h"
#include "tracer/rpc.h"

#define IN_FLIGHT 16u
#define DELAY_MS 100u

static void die(const char *what)
{
    fprintf(stderr, "bench_rpc: %s\n", what);
    exit(1);
}

/* Seconds for `count` calls, IN_FLIGHT at once. */
static double run_calls(struct faultserver *server, size_t count, uint64_t *ret_bytes)
{
    struct rpc_endpoint endpoint = {.name = "bench", .url = faultserver_url(server)};
    struct rpc_options options = {
        .endpoints = &endpoint, .endpoint_count = 1, .allow_local = true, .in_flight_max = IN_FLIGHT};
    struct rpc_call calls[IN_FLIGHT];
    struct rpc_batch batches[IN_FLIGHT], *done;
    struct rpc *rpc;
    struct error err;
    size_t submitted = 0;
    if (rpc_open(&options, &rpc, &err))
        die(err.text);
    uint64_t begun = clock_monotonic_ns();
    for (size_t i = 0; i < IN_FLIGHT && submitted < count; i++, submitted++) {
        calls[i] = (struct rpc_call){.method = "eth_getBlockByNumber", .params = "[\"0xdc6157\",true]"};
        batches[i] = (struct rpc_batch){.calls = &calls[i], .call_count = 1, .endpoint = RPC_ANY};
        if (rpc_submit(rpc, &batches[i], &err))
            die(err.text);
    }
    for (size_t i = 0; i < count; i++) {
        if (rpc_wait(rpc, &done, &err))
            die(err.text);
        if (done->status || done->calls[0].status)
            die(done->status ? done->error.text : done->calls[0].error.text);
        rpc_batch_release(done);
        if (submitted < count) {
            submitted++;
            if (rpc_submit(rpc, done, &err))
                die(err.text);
        }
    }
    double seconds = (double)(clock_monotonic_ns() - begun) / 1e9;
    *ret_bytes = rpc_stats(rpc, RPC_ANY).bytes_received;
    rpc_close(rpc);
    return seconds;
}

struct bare {
    unsigned port;
    size_t count;
};

/* Read one reply whose length is stated. */
static void read_bare(int fd, char *reply, size_t size)
{
    size_t got = 0, want = SIZE_MAX;
    while (got < want) {
        ssize_t piece =
            recv(fd, reply + (want == SIZE_MAX ? got : 0), size - 1 - (want == SIZE_MAX ? got : 0), 0);
        if (piece <= 0)
            die("recv");
        got += (size_t)piece;
        if (want != SIZE_MAX)
            continue;
        reply[got] = '\0';
        char *end = strstr(reply, "\r\n\r\n"), *length = strcasestr(reply, "content-length:");
        if (end && length)
            want = (size_t)(end - reply) + 4 + strtoul(length + 15, NULL, 10);
    }
}

/* The bound: one request after the other over a socket of its own. */
static void *run_bare(void *context)
{
    const struct bare *bare = context;
    static const char body[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBlockByNumber\",\"params\":[\"0xdc6157\",true]}";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)bare->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    char reply[65536], request[512];
    int size = snprintf(request, sizeof request,
                        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                        "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        sizeof body - 1, body);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect");
    for (size_t i = 0; i < bare->count; i++) {
        if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size)
            die("send");
        read_bare(fd, reply, sizeof reply);
    }
    close(fd);
    return NULL;
}

static double run_bare_threads(struct faultserver *server, size_t count)
{
    pthread_t threads[IN_FLIGHT];
    struct bare bare = {faultserver_port(server), count / IN_FLIGHT};
    uint64_t begun = clock_monotonic_ns();
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (pthread_create(&threads[i], NULL, run_bare, &bare) != 0)
            die("pthread_create");
    for (size_t i = 0; i < IN_FLIGHT; i++)
        pthread_join(threads[i], NULL);
    return (double)(clock_monotonic_ns() - begun) / 1e9;
}

/* An answer that is an array of 200 strings of hex, 760 KB. */
static char *large_text(void)
{
    char *text = malloc(800000), *at = text;
    if (!text)
        die("no memory");
    at += sprintf(at, "{\"jsonrpc\":\"2.0\",\"id\":$0,\"result\":");
    for (int i = 0; i < 200; i++) {
        at += sprintf(at, "%c\"0x", i ? ',' : '[');
        memset(at, 'a', 3796);
        at += 3796;
        *at++ = '"';
    }
    strcpy(at, "]}");
    return text;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 320;
    uint64_t bytes;
    struct faultserver *slow = faultserver_start(&(struct faultserver_options){.delay_ms = DELAY_MS});
    double seconds = run_calls(slow, count, &bytes),
           bound = (double)((count + IN_FLIGHT - 1) / IN_FLIGHT) * DELAY_MS / 1e3;
    printf("rpc overlap: %zu calls, %u ms a reply, %u in flight: %.3f s; bound %.3f s; ratio %.2f (one at a "
           "time: %.1f s)\n",
           count, DELAY_MS, IN_FLIGHT, seconds, bound, seconds / bound, (double)count * DELAY_MS / 1e3);
    faultserver_stop(slow);

    struct faultserver *fast = faultserver_start(&(struct faultserver_options){0});
    size_t many = 16000;
    double bare = run_bare_threads(fast, many);
    seconds = run_calls(fast, many, &bytes);
    printf("rpc small: %.0f requests/s; bare sockets %.0f requests/s; ratio %.2f\n", (double)many / seconds,
           (double)many / bare, bare / seconds);
    faultserver_stop(fast);

    char *text = large_text();
    struct fault_step step = {.body = text};
    struct faultserver *large = faultserver_start(
        &(struct faultserver_options){.steps = &step, .step_count = 1, .repeat_last = true});
    size_t large_count = 800;
    bare = run_bare_threads(large, large_count);
    seconds = run_calls(large, large_count, &bytes);
    printf("rpc large: %.0f MB/s of 760 KB replies, envelope and JSON checked; bare sockets %.0f MB/s; ratio "
           "%.2f\n",
           (double)bytes / seconds / 1e6, (double)bytes / bare / 1e6, bare / seconds);
    faultserver_stop(large);
    free(text);
    return 0;
}
