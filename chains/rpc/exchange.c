/* exchange.c - the directory of exchanges. */
#include "exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "jsonrpc.h"
#include "tracer/file.h"

#define CALLS_TEXT_MAX TRACER_MIB(16) /* of the methods and parameters of one batch */
#define HEAD_MAX 512u                 /* bytes around calls and reply in a file */

struct counted {
    uint64_t hash;
    uint32_t count; /* 0: a free place */
};

struct exchange {
    char *path;
    struct buffer calls;   /* scratch: the calls of one batch */
    struct counted *table; /* open addressing */
    size_t capacity, used;
};

enum tracer_status exchange_open(const char *path, bool record, struct exchange **ret_exchange,
                                 struct error *err)
{
    struct stat about;
    if (record && mkdir(path, 0700) != 0 && errno != EEXIST)
        return error_set(err, TRACER_E_IO, "recording %s: %s", path, strerror(errno));
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
        return error_set(err, record ? TRACER_E_IO : TRACER_E_USAGE,
                         "recording %s: there is no such directory", path);
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange)
        exchange->path = strdup(path);
    if (!exchange || !exchange->path) {
        free(exchange);
        return error_set(err, TRACER_E_NOMEM, "no memory for a recording");
    }
    buffer_init(&exchange->calls, CALLS_TEXT_MAX);
    *ret_exchange = exchange;
    return TRACER_OK;
}

void exchange_close(struct exchange *exchange)
{
    if (!exchange)
        return;
    buffer_release(&exchange->calls);
    free(exchange->table);
    free(exchange->path);
    free(exchange);
}

/* ---- keys ---- */

/* FNV-1a. A collision is noticed, since the calls stand in the file. */
static uint64_t hash_bytes(const char *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static struct counted *find_place(struct counted *table, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)(hash ^ hash >> 32) & (capacity - 1);
    while (table[at].count && table[at].hash != hash)
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

static bool make_room(struct exchange *exchange)
{
    if (exchange->used * 2 < exchange->capacity)
        return true;
    size_t capacity = exchange->capacity ? exchange->capacity * 2 : 256;
    struct counted *table = calloc(capacity, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < exchange->capacity; i++)
        if (exchange->table[i].count)
            *find_place(table, capacity, exchange->table[i].hash) = exchange->table[i];
    free(exchange->table);
    exchange->table = table;
    exchange->capacity = capacity;
    return true;
}

/* The calls of a batch into ->calls. */
static enum tracer_status write_calls(struct exchange *exchange, const struct rpc_batch *batch,
                                      struct error *err)
{
    buffer_clear(&exchange->calls);
    if (!jsonrpc_write_calls(&exchange->calls, batch))
        return error_set(err, TRACER_E_LIMIT, "the parameters of a batch are longer than %zu bytes",
                         CALLS_TEXT_MAX);
    return TRACER_OK;
}

enum tracer_status exchange_key(struct exchange *exchange, const struct rpc_batch *batch,
                                struct exchange_key *ret_key, struct error *err)
{
    enum tracer_status status = write_calls(exchange, batch, err);
    if (status)
        return status;
    if (!make_room(exchange))
        return error_set(err, TRACER_E_NOMEM, "no memory for a recording");
    uint64_t hash = hash_bytes(exchange->calls.data, exchange->calls.size);
    struct counted *place = find_place(exchange->table, exchange->capacity, hash);
    place->hash = hash;
    if (place->count++ == 0)
        exchange->used++;
    ret_key->hash = hash;
    ret_key->occurrence = place->count;
    return TRACER_OK;
}

static bool file_path(const struct exchange *exchange, const struct exchange_key *key,
                      char to[static PATH_MAX])
{
    int length = snprintf(to, PATH_MAX, "%s/%016" PRIx64 "-%" PRIu32 ".exchange", exchange->path, key->hash,
                          key->occurrence);
    return length > 0 && length < PATH_MAX;
}

/* ---- files ---- */

enum tracer_status exchange_write(struct exchange *exchange, const struct exchange_key *key,
                                  const struct rpc_batch *batch, const struct exchange_reply *reply,
                                  const struct secrets *secrets, struct error *err)
{
    char path[PATH_MAX];
    struct output output;
    enum tracer_status status = write_calls(exchange, batch, err);
    if (status)
        return status;
    if (!file_path(exchange, key, path))
        return error_set(err, TRACER_E_USAGE, "the path of the recording is too long");
    status = output_open(path, &output, err);
    if (status)
        return status;
    fprintf(output.stream,
            "tracer/exchange/1\nendpoint %s\nhttp %d\nfirst_id %" PRIu64 "\ncalls %zu\n%s\nreply %zu\n",
            reply->endpoint, reply->http_status, reply->first_id, exchange->calls.size, exchange->calls.data,
            reply->reply.length);
    /* the results are pointers into the reply: mask a copy */
    char *copy = malloc(reply->reply.length + 1);
    if (!copy) {
        output_abort(&output);
        return error_set(err, TRACER_E_NOMEM, "no memory for a recording");
    }
    memcpy(copy, reply->reply.text, reply->reply.length);
    secrets_mask(secrets, SECRET_KEY_MIN, copy, reply->reply.length);
    copy[reply->reply.length] = '\n';
    fwrite(copy, 1, reply->reply.length + 1, output.stream);
    free(copy);
    status = output_commit(&output, err);
    output_abort(&output);
    return status;
}

/* A place in a file that is being read. */
struct reading {
    const char *at, *end;
    bool bad;
};

static void read_text(struct reading *reading, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(reading->end - reading->at) < length || memcmp(reading->at, text, length) != 0)
        reading->bad = true;
    else
        reading->at += length;
}

static uint64_t read_number(struct reading *reading)
{
    uint64_t value = 0;
    const char *first = reading->at;
    while (reading->at < reading->end && *reading->at >= '0' && *reading->at <= '9' &&
           reading->at - first < 19)
        value = value * 10 + (uint64_t)(*reading->at++ - '0');
    if (reading->at == first)
        reading->bad = true;
    return value;
}

/* A line's rest, without its end. */
static void read_line(struct reading *reading, char *to, size_t size)
{
    const char *end = memchr(reading->at, '\n', (size_t)(reading->end - reading->at));
    if (!end || (size_t)(end - reading->at) >= size) {
        reading->bad = true;
        return;
    }
    safe_text(to, size, reading->at, (size_t)(end - reading->at));
    reading->at = end + 1;
}

/* "<size>\n<bytes>\n" */
static struct json_span read_bytes(struct reading *reading)
{
    struct json_span span = {"", 0};
    uint64_t size = read_number(reading);
    read_text(reading, "\n");
    if (reading->bad || size >= (size_t)(reading->end - reading->at)) {
        reading->bad = true;
        return span;
    }
    span.text = reading->at;
    span.length = (size_t)size;
    reading->at += size;
    read_text(reading, "\n");
    return span;
}

static bool parse(struct reading *reading, struct json_span *ret_calls, struct exchange_reply *ret_reply)
{
    read_text(reading, "tracer/exchange/1\nendpoint ");
    read_line(reading, ret_reply->endpoint, sizeof ret_reply->endpoint);
    read_text(reading, "http ");
    uint64_t http_status = read_number(reading);
    read_text(reading, "\nfirst_id ");
    ret_reply->first_id = read_number(reading);
    read_text(reading, "\ncalls ");
    *ret_calls = read_bytes(reading);
    read_text(reading, "reply ");
    ret_reply->reply = read_bytes(reading);
    ret_reply->http_status = (int)(http_status % 1000);
    return !reading->bad && reading->at == reading->end;
}

/* The methods of a batch, for messages. */
static const char *methods(const struct rpc_batch *batch, char to[static 128])
{
    snprintf(to, 128, "%.80s%s", batch->calls[0].method, batch->call_count > 1 ? " (and others)" : "");
    return to;
}

enum tracer_status exchange_read(struct exchange *exchange, const struct exchange_key *key,
                                 struct rpc_batch *batch, struct exchange_reply *ret_reply, struct error *err)
{
    char path[PATH_MAX], names[128];
    struct stat about;
    struct json_span calls;
    enum tracer_status status = write_calls(exchange, batch, err);
    if (status)
        return status;
    if (!file_path(exchange, key, path))
        return error_set(err, TRACER_E_USAGE, "the path of the recording is too long");
    if (stat(path, &about) != 0)
        return error_set(err, TRACER_E_NETWORK, "%s %.60s: not in the recording (%016" PRIx64 "-%" PRIu32 ")",
                         methods(batch, names), batch->calls[0].params, key->hash, key->occurrence);
    size_t reply_max = batch->reply_max ? batch->reply_max : TRACER_REPLY_OTHER_MAX;
    size_t file_max = reply_max + exchange->calls.size + HEAD_MAX;
    buffer_release(&batch->body);
    buffer_init(&batch->body, file_max);
    status = file_read(path, file_max, &batch->body, err);
    if (status)
        return status;
    const char *start = batch->body.size ? batch->body.data : ""; /* an empty file has none */
    struct reading reading = {start, start + batch->body.size, false};
    memset(ret_reply, 0, sizeof *ret_reply);
    if (!batch->body.size || !parse(&reading, &calls, ret_reply))
        return error_set(err, TRACER_E_DAMAGED, "%s: %016" PRIx64 "-%" PRIu32 " of the recording is damaged",
                         methods(batch, names), key->hash, key->occurrence);
    if (calls.length != exchange->calls.size || memcmp(calls.text, exchange->calls.data, calls.length) != 0)
        return error_set(err, TRACER_E_DAMAGED,
                         "%s: %016" PRIx64 "-%" PRIu32 " of the recording holds other calls",
                         methods(batch, names), key->hash, key->occurrence);
    return TRACER_OK;
}
