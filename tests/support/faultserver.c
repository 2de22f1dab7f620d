/* faultserver.c - the server of faultserver.h: one thread accepts, one thread a connection. */
#include "faultserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define REQUESTS_KEPT 64
#define REQUEST_MAX (8u << 20)
#define CALLS_MAX 100

struct connection {
    struct faultserver *server;
    pthread_t thread;
    int fd;
};

struct faultserver {
    struct faultserver_options options;
    int listener;
    unsigned port;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    bool stopping;
    unsigned connection_count, request_count, under_way, overlap;
    char *requests[REQUESTS_KEPT];
    uint64_t request_ms[REQUESTS_KEPT];
    struct connection connections[CONNECTIONS_MAX];
};

/* Bytes that grow. */
struct bytes {
    char *data;
    size_t size, capacity;
};

static void die(const char *what)
{
    perror(what);
    abort();
}

static void put(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size + 1 > bytes->capacity) {
        bytes->capacity = (bytes->size + size + 1) * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (!bytes->data)
            die("realloc");
    }
    if (size)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    bytes->data[bytes->size] = '\0';
}

static void put_text(struct bytes *bytes, const char *text)
{
    put(bytes, text, strlen(text));
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_stopping(struct faultserver *server)
{
    pthread_mutex_lock(&server->lock);
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    return stopping;
}

/* Sleep in steps, so that a stop does not wait for a long delay. */
static void pause_ms(struct faultserver *server, uint32_t ms)
{
    for (uint64_t end = now_ms() + ms, now; (now = now_ms()) < end && !is_stopping(server);)
        usleep(end - now > 20 ? 20000 : (useconds_t)((end - now) * 1000));
}

/* ---- gzip, by hand ---- */

struct bits {
    struct bytes *out;
    uint32_t held, count;
};

/* `count` bits of `value`, lowest first (deflate's order for everything but Huffman codes). */
static void put_bits(struct bits *bits, uint32_t value, uint32_t count)
{
    bits->held |= value << bits->count;
    bits->count += count;
    for (; bits->count >= 8; bits->count -= 8, bits->held >>= 8)
        put(bits->out, &(char){(char)(bits->held & 0xff)}, 1);
}

static void put_code(struct bits *bits, uint32_t code, uint32_t count)
{
    while (count--)
        put_bits(bits, code >> count & 1, 1);
}

static const char gzip_head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, (char)0xff};

/* One space, then copies of it: 13 bits for every 258 bytes. */
static void put_bomb(struct bytes *out, size_t size)
{
    struct bits bits = {out, 0, 0};
    put(out, gzip_head, sizeof gzip_head);
    put_bits(&bits, 1, 1);
    put_bits(&bits, 1, 2); /* fixed codes */
    put_code(&bits, 0x30 + ' ', 8);
    for (size_t made = 1; made < size; made += 258) {
        put_code(&bits, 0xc5, 8); /* length 258 */
        put_code(&bits, 0, 5);    /* distance 1 */
    }
    put_code(&bits, 0, 7); /* end of block */
    put_bits(&bits, 0, 7);
    put(out, "\0\0\0\0\0\0\0\0", 8);
}

static uint32_t crc32_of(const char *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void put_le(struct bytes *out, uint32_t value, int count)
{
    for (int i = 0; i < count; i++, value >>= 8)
        put(out, &(char){(char)(value & 0xff)}, 1);
}

static void put_gzip(struct bytes *out, const struct bytes *body)
{
    size_t at = 0;
    put(out, gzip_head, sizeof gzip_head);
    do {
        size_t piece = body->size - at < 65535 ? body->size - at : 65535;
        put(out, at + piece == body->size ? "\1" : "\0", 1);
        put_le(out, (uint32_t)piece, 2);
        put_le(out, (uint32_t)~piece & 0xffff, 2);
        put(out, body->data + at, piece);
        at += piece;
    } while (at < body->size);
    put_le(out, crc32_of(body->data, body->size), 4);
    put_le(out, (uint32_t)body->size, 4);
}

/* ---- JSON-RPC ---- */

struct call {
    struct json_span id, method, params;
};

static bool read_call(struct json_reader *reader, struct call *call)
{
    struct json_span key;
    memset(call, 0, sizeof *call);
    if (!json_enter_object(reader))
        return false;
    while (json_next_member(reader, &key)) {
        bool good = json_span_is(key, "method")   ? json_read_string(reader, &call->method, NULL)
                    : json_span_is(key, "id")     ? json_skip(reader, &call->id)
                    : json_span_is(key, "params") ? json_skip(reader, &call->params)
                                                  : json_skip(reader, NULL);
        if (!good)
            return false;
    }
    return json_ok(reader) && call->id.text && call->method.text && call->params.text;
}

static size_t read_calls(const char *body, size_t size, struct call calls[CALLS_MAX], bool *ret_batch)
{
    struct json_reader reader;
    size_t count = 0;
    json_reader_init(&reader, body, size, 64, UINT64_MAX);
    *ret_batch = json_peek(&reader) == JSON_IS_ARRAY;
    if (!*ret_batch)
        return read_call(&reader, &calls[0]) ? 1 : 0;
    json_enter_array(&reader);
    while (count < CALLS_MAX && json_next_element(&reader))
        if (read_call(&reader, &calls[count]))
            count++;
    return count;
}

static void put_answer(const struct faultserver *server, struct bytes *out, const struct call *call)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        die("open_memstream");
    bool good = true;
    if (server->options.answer)
        good = server->options.answer(server->options.context, call->method, call->params, stream);
    else
        fwrite(call->params.text, 1, call->params.length, stream);
    fclose(stream);
    put_text(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    put(out, call->id.text, call->id.length);
    put_text(out, good ? ",\"result\":" : ",\"error\":");
    put(out, text, size);
    put_text(out, "}");
    free(text);
}

static void put_good_body(const struct faultserver *server, struct bytes *out, const struct call *calls,
                          size_t count, bool batch, bool reversed)
{
    if (batch)
        put_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            put_text(out, ",");
        put_answer(server, out, &calls[reversed ? count - 1 - i : i]);
    }
    if (batch)
        put_text(out, "]");
}

/* The body of a step, with "$0" replaced by the id of the first call, and so on. */
static void put_scripted_body(struct bytes *out, const struct fault_step *step, const struct call *calls,
                              size_t count)
{
    const char *at = step->body, *end = at + (step->body_size ? step->body_size : strlen(step->body));
    while (at < end) {
        const char *mark = memchr(at, '$', (size_t)(end - at));
        size_t index = mark && mark + 1 < end ? (size_t)(mark[1] - '0') : CALLS_MAX;
        bool replaced = index < 10 && index < count;
        const char *stop = replaced ? mark : mark ? mark + 1 : end;
        put(out, at, (size_t)(stop - at));
        if (replaced)
            put(out, calls[index].id.text, calls[index].id.length);
        at = replaced ? mark + 2 : stop;
    }
}

/* ---- replies ---- */

/* Body first into ->plain, then the whole reply into ->reply: kept by the connection, so that large ones are
 * cheap. */
struct scratch {
    struct bytes plain, packed, reply;
};

static void put_head(const struct fault_step *step, size_t size, struct bytes *out)
{
    char line[128];
    snprintf(line, sizeof line, "HTTP/1.1 %d Whatever\r\n", step->status ? step->status : 200);
    put_text(out, line);
    if (!step->content_type || *step->content_type) {
        snprintf(line, sizeof line, "Content-Type: %s\r\n",
                 step->content_type ? step->content_type : "application/json");
        put_text(out, line);
    }
    if (step->bomb_bytes || step->gzip)
        put_text(out, "Content-Encoding: gzip\r\n");
    if (step->headers)
        put_text(out, step->headers);
    if (step->chunked || step->endless)
        put_text(out, "Transfer-Encoding: chunked\r\n\r\n");
    else if (step->no_length)
        put_text(out, "Connection: close\r\n\r\n");
    else {
        snprintf(line, sizeof line, "Content-Length: %lld\r\n\r\n", (long long)size + step->length_delta);
        put_text(out, line);
    }
}

static void compose(const struct faultserver *server, const struct fault_step *step, const char *request_body,
                    size_t size, struct scratch *scratch)
{
    static _Thread_local struct call calls[CALLS_MAX];
    struct bytes *out = &scratch->reply,
                 *body = step->bomb_bytes || step->gzip ? &scratch->packed : &scratch->plain;
    bool batch;
    char line[32];
    size_t count = read_calls(request_body, size, calls, &batch);
    scratch->plain.size = scratch->packed.size = scratch->reply.size = 0;
    put(&scratch->plain, "", 0);
    if (step->body)
        put_scripted_body(&scratch->plain, step, calls, count);
    else
        put_good_body(server, &scratch->plain, calls, count, batch, step->reversed);
    if (step->bomb_bytes)
        put_bomb(&scratch->packed, step->bomb_bytes);
    else if (step->gzip)
        put_gzip(&scratch->packed, &scratch->plain);
    put_head(step, body->size, out);
    if (step->chunked) {
        snprintf(line, sizeof line, "%zx\r\n", body->size);
        put_text(out, line);
    }
    if (!step->endless)
        put(out, body->data, body->size);
    if (step->chunked)
        put_text(out, "\r\n0\r\n\r\n");
}

static bool send_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_endless(struct faultserver *server, int fd)
{
    enum { SIZE = 0x8000 };
    char chunk[SIZE + 16];
    int head = snprintf(chunk, sizeof chunk, "%x\r\n", SIZE);
    memset(chunk + head, ' ', SIZE);
    memcpy(chunk + head + SIZE, "\r\n", 2);
    while (!is_stopping(server) && send_all(fd, chunk, (size_t)head + SIZE + 2))
        ;
    return false;
}

/* Send a reply as its step says. False: the connection ends. */
static bool send_reply(struct faultserver *server, int fd, const struct fault_step *step,
                       const struct bytes *reply)
{
    size_t size = step->cut && step->cut_at < reply->size ? step->cut_at : reply->size;
    size_t piece = step->drip_bytes ? step->drip_bytes : size;
    for (size_t at = 0; at < size; at += piece) {
        if (at)
            pause_ms(server, step->drip_ms);
        if (!send_all(fd, reply->data + at, size - at < piece ? size - at : piece))
            return false;
    }
    if (step->endless)
        return send_endless(server, fd);
    if (step->reset) {
        struct linger hard = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    return !step->cut && !step->reset && !step->no_length;
}

/* ---- requests ---- */

/* Read one request. *ret_head is the size of the head. 0: the connection ended. */
static size_t read_request(int fd, struct bytes *in, size_t *ret_head)
{
    for (;;) {
        char *end = in->size ? memmem(in->data, in->size, "\r\n\r\n", 4) : NULL;
        if (end) {
            const char *length = strcasestr(in->data, "content-length:");
            *ret_head = (size_t)(end - in->data) + 4;
            size_t size = *ret_head + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
            if (in->size >= size)
                return size;
        }
        char piece[65536];
        ssize_t got = recv(fd, piece, sizeof piece, 0);
        if (got <= 0 || in->size > REQUEST_MAX)
            return 0;
        put(in, piece, (size_t)got);
    }
}

/* Take note of a request and find its step. */
static struct fault_step next_step(struct faultserver *server, const char *request, size_t size, size_t head)
{
    const struct faultserver_options *options = &server->options;
    struct fault_step step = {0};
    pthread_mutex_lock(&server->lock);
    unsigned index = server->request_count++;
    if (index < REQUESTS_KEPT) {
        server->requests[index] = strndup(request, size);
        server->request_ms[index] = now_ms();
    }
    if (++server->under_way > server->overlap)
        server->overlap = server->under_way;
    pthread_mutex_unlock(&server->lock);
    if (index < options->step_count)
        step = options->steps[index];
    else if (options->repeat_last && options->step_count)
        step = options->steps[options->step_count - 1];
    else if (options->choose)
        step = size > head ? options->choose(options->context, request + head, size - head) : options->choose(options->context, request, head);
    return step;
}

static bool answer(struct faultserver *server, int fd, const char *request, size_t size, size_t head,
                   struct scratch *scratch)
{
    struct fault_step step = next_step(server, request, size, head);
    bool goes_on = false;
    if (step.silent) {
        char byte;
        while (recv(fd, &byte, 1, 0) > 0) /* until the client gives up */
            ;
    } else {
        compose(server, &step, request + head, size - head, scratch);
        pause_ms(server, server->options.delay_ms + step.delay_ms);
    }
    pthread_mutex_lock(&server->lock);
    server->under_way--;
    pthread_mutex_unlock(&server->lock);
    if (!step.silent)
        goes_on = send_reply(server, fd, &step, &scratch->reply);
    return goes_on;
}

static void *serve_connection(void *context)
{
    struct connection *connection = context;
    struct bytes in = {NULL, 0, 0};
    struct scratch scratch;
    size_t size, head;
    memset(&scratch, 0, sizeof scratch);
    while ((size = read_request(connection->fd, &in, &head)) > 0) {
        if (!answer(connection->server, connection->fd, in.data, size, head, &scratch))
            break;
        memmove(in.data, in.data + size, in.size - size + 1);
        in.size -= size;
    }
    free(in.data);
    free(scratch.plain.data);
    free(scratch.packed.data);
    free(scratch.reply.data);
    pthread_mutex_lock(&connection->server->lock);
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&connection->server->lock);
    return NULL;
}

static void *serve(void *context)
{
    struct faultserver *server = context;
    for (;;) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
        if (fd < 0)
            break;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_mutex_lock(&server->lock);
        if (server->stopping || server->connection_count == CONNECTIONS_MAX) {
            pthread_mutex_unlock(&server->lock);
            close(fd);
            break;
        }
        struct connection *connection = &server->connections[server->connection_count++];
        connection->server = server;
        connection->fd = fd;
        if (pthread_create(&connection->thread, NULL, serve_connection, connection) != 0)
            die("pthread_create");
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

/* ---- life ---- */

struct faultserver *faultserver_start(const struct faultserver_options *options)
{
    struct faultserver *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (!server)
        die("calloc");
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, length) != 0 ||
        listen(server->listener, 128) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &length) != 0)
        die("faultserver");
    server->port = ntohs(address.sin_port);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u/", server->port);
    if (pthread_create(&server->thread, NULL, serve, server) != 0)
        die("pthread_create");
    return server;
}

void faultserver_stop(struct faultserver *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    shutdown(server->listener, SHUT_RDWR);
    unsigned count = server->connection_count;
    for (unsigned i = 0; i < count; i++)
        if (server->connections[i].fd >= 0)
            shutdown(server->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->thread, NULL);
    for (unsigned i = 0; i < count; i++)
        pthread_join(server->connections[i].thread, NULL);
    close(server->listener);
    for (unsigned i = 0; i < REQUESTS_KEPT; i++)
        free(server->requests[i]);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *faultserver_url(const struct faultserver *server)
{
    return server->url;
}

unsigned faultserver_port(const struct faultserver *server)
{
    return server->port;
}

static unsigned read_locked(struct faultserver *server, const unsigned *value)
{
    pthread_mutex_lock(&server->lock);
    unsigned copy = *value;
    pthread_mutex_unlock(&server->lock);
    return copy;
}

unsigned faultserver_requests(struct faultserver *server)
{
    return read_locked(server, &server->request_count);
}

unsigned faultserver_connections(struct faultserver *server)
{
    return read_locked(server, &server->connection_count);
}

unsigned faultserver_overlap(struct faultserver *server)
{
    return read_locked(server, &server->overlap);
}

const char *faultserver_request(struct faultserver *server, unsigned index)
{
    pthread_mutex_lock(&server->lock);
    const char *request = index < REQUESTS_KEPT ? server->requests[index] : NULL;
    pthread_mutex_unlock(&server->lock);
    return request ? request : "";
}

uint64_t faultserver_request_ms(struct faultserver *server, unsigned index)
{
    pthread_mutex_lock(&server->lock);
    uint64_t ms = index < REQUESTS_KEPT ? server->request_ms[index] : 0;
    pthread_mutex_unlock(&server->lock);
    return ms;
}
