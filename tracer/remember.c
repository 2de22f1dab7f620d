/* remember.c - see remember.h. */
#include "tracer/remember.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tracer/buffer.h"

#define SALT_NAME "endpoint-salt"
#define SALT_SIZE 16u
#define RECORD_MAX TRACER_KIB(2)
#define CHECK_SIZE 65u /* hexadecimal digits and the end of the line */

struct key {
    char name[96];
    struct digest secret; /* who knows the URL can make it */
};

/* The item's bytes in `ret_data`; false: there is none. */
static bool find_item(struct graph *graph, const char *name, size_t size_max, struct buffer *ret_data)
{
    struct error ignored;
    buffer_init(ret_data, size_max);
    return graph_get_item(graph, GRAPH_ITEM_ENDPOINT, name, ret_data, &ignored) == TRACER_OK;
}

static bool find_salt(struct graph *graph, uint8_t ret_salt[static SALT_SIZE])
{
    struct buffer data;
    bool found = find_item(graph, SALT_NAME, SALT_SIZE, &data) && data.size == SALT_SIZE;
    if (found)
        memcpy(ret_salt, data.data, SALT_SIZE);
    buffer_release(&data);
    return found;
}

static enum tracer_status make_salt(struct graph *graph, uint8_t ret_salt[static SALT_SIZE], struct error *err)
{
    if (getrandom(ret_salt, SALT_SIZE, 0) != (ssize_t)SALT_SIZE)
        return error_set(err, TRACER_E_IO, "the system has no random bytes");
    return graph_put_item(graph, GRAPH_ITEM_ENDPOINT, SALT_NAME, ret_salt, SALT_SIZE, err);
}

/* Of the secret and a text; the secret stands on both sides, so that nothing can be added to the text. */
static struct digest keyed(struct digest secret, const char *text, size_t size)
{
    struct buffer all;
    struct digest digest = {{0}};
    buffer_init(&all, RECORD_MAX + TRACER_KIB(1));
    buffer_add(&all, secret.bytes, sizeof(secret.bytes));
    buffer_add(&all, text, size);
    buffer_add(&all, secret.bytes, sizeof(secret.bytes));
    if (buffer_ok(&all))
        digest = digest_bytes(all.data, all.size);
    buffer_release(&all);
    return digest;
}

static struct key key_of(const struct rpc *rpc, size_t endpoint, uint64_t chain_id, const uint8_t salt[static SALT_SIZE])
{
    struct key key = {.secret = rpc_endpoint_key(rpc, endpoint, salt, SALT_SIZE)};
    char text[65];
    digest_format(keyed(key.secret, "name", 4), text);
    snprintf(key.name, sizeof(key.name), "endpoint %" PRIu64 " %.32s", chain_id, text);
    return key;
}

/* Of the name too: a record does not count for another network. */
static void format_check(const struct key *key, const char *text, size_t size, char to[static CHECK_SIZE + 1])
{
    struct buffer all;
    buffer_init(&all, RECORD_MAX + TRACER_KIB(1));
    buffer_add(&all, key->name, strlen(key->name) + 1);
    buffer_add(&all, text, size);
    digest_format(keyed(key->secret, buffer_ok(&all) ? all.data : "", buffer_ok(&all) ? all.size : 0), to);
    memcpy(to + CHECK_SIZE - 1, "\n", 2);
    buffer_release(&all);
}

struct chain_known remember_find(struct graph *graph, const struct rpc *rpc, size_t endpoint, uint64_t chain_id)
{
    struct chain_known known = {0}, read;
    uint8_t salt[SALT_SIZE];
    struct buffer record;
    char check[CHECK_SIZE + 1];
    if (!find_salt(graph, salt))
        return known;
    struct key key = key_of(rpc, endpoint, chain_id, salt);
    if (find_item(graph, key.name, RECORD_MAX, &record) && record.size > CHECK_SIZE) {
        size_t size = record.size - CHECK_SIZE;
        format_check(&key, record.data, size, check);
        if (memcmp(record.data + size, check, CHECK_SIZE) == 0 && chain_known_read(record.data, size, &read))
            known = read;
    }
    buffer_release(&record);
    return known;
}

enum tracer_status remember_keep(struct graph *graph, const struct rpc *rpc, size_t endpoint, uint64_t chain_id, const struct chain_known *known,
                                 struct error *err)
{
    enum tracer_status status = TRACER_OK;
    uint8_t salt[SALT_SIZE];
    struct buffer record;
    char check[CHECK_SIZE + 1];
    if (!find_salt(graph, salt) && (status = make_salt(graph, salt, err)))
        return status;
    struct key key = key_of(rpc, endpoint, chain_id, salt);
    buffer_init(&record, RECORD_MAX);
    if (chain_known_write(known, &record)) {
        format_check(&key, record.data, record.size, check);
        buffer_text(&record, check);
    }
    struct buffer before;
    bool is_same = find_item(graph, key.name, RECORD_MAX, &before) && before.size == record.size && memcmp(before.data, record.data, record.size) == 0;
    buffer_release(&before);
    if (is_same) {
        buffer_release(&record);
        return TRACER_OK;
    }
    status = buffer_ok(&record) ? graph_put_item(graph, GRAPH_ITEM_ENDPOINT, key.name, record.data, record.size, err)
                                : error_set(err, TRACER_E_NOMEM, "no memory");
    buffer_release(&record);
    return status;
}
