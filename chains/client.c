/* client.c - opening a network: which endpoints are the chain they should be, and what they offer. */
#include "client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/clock.h"

#define CLIENT_BYTES_MAX TRACER_MIB(16)
#define BATCH_CALLS_FIRST 24u

/* A head that is this far from another endpoint's is worth a note. */
#define HEAD_SPREAD_BLOCKS 1000u

void client_note(struct chain_client *client, const char *format, ...)
{
    char text[TRACER_ERROR_TEXT_MAX];
    va_list arguments;
    if (client->note_count == CLIENT_NOTES_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (client->note_count == CLIENT_NOTES_MAX - 1)
        snprintf(text, sizeof text, "and more");
    for (size_t i = 0; i < client->note_count; i++)
        if (strcmp(client->notes[i], text) == 0)
            return;
    char *note = arena_text(client->arena, text, strlen(text));
    if (note)
        client->notes[client->note_count++] = note;
}

uint64_t chain_calls(const struct chain_client *client)
{
    return rpc_calls(client->rpc) + (client->explorers ? rpc_calls(client->explorers) : 0);
}

const char *chain_note(const struct chain_client *client, size_t index)
{
    return index < client->note_count ? client->notes[index] : NULL;
}

enum chain_traces chain_client_traces(const struct chain_client *client)
{
    return client->traces;
}

size_t client_endpoint(struct chain_client *client)
{
    if (client->usable_count == client->endpoint_count)
        return RPC_ANY;
    for (;;) {
        size_t endpoint = client->turn++ % client->endpoint_count;
        if (client->endpoints[endpoint].usable)
            return endpoint;
    }
}

enum tracer_status client_call(struct chain_client *client, const char *method, const char *params,
                               size_t reply_max, struct buffer *ret_result, struct error *err)
{
    enum tracer_status status = TRACER_E_NETWORK;
    for (size_t i = 0; i < client->usable_count; i++) {
        size_t endpoint = client_endpoint(client);
        buffer_clear(ret_result);
        status = rpc_call(client->rpc, endpoint, method, params, reply_max, ret_result, err);
        if (status != TRACER_E_NETWORK && status != TRACER_E_UNAVAILABLE && status != TRACER_E_REPLY)
            break;
        if (endpoint == RPC_ANY) /* the pool has asked the others already */
            break;
    }
    return status;
}

/* ---- opening ---- */

/* One endpoint: TRACER_OK also when it is left out with a note. *ret_refused: it cannot be checked. */
static enum tracer_status open_endpoint(struct chain_client *client, size_t endpoint,
                                        struct error *ret_left_out, struct error *err)
{
    struct client_endpoint *state = &client->endpoints[endpoint];
    struct error why;
    uint64_t chain_id;
    memset(&why, 0, sizeof why);
    enum tracer_status status = ask_chain_id(client->rpc, endpoint, client->network, &chain_id, &why);
    if (!status)
        status = ask_anchor(client->rpc, endpoint, client->network, &why);
    switch (status) {
    case TRACER_OK:
        break;
    case TRACER_E_CHAIN:
    case TRACER_E_STOPPED:
    case TRACER_E_NOMEM:
    case TRACER_E_INTERNAL:
        if (err)
            *err = why;
        return status;
    default:
        *ret_left_out = why;
        client_note(client, "endpoint \"%s\" is left out: %s", rpc_endpoint_name(client->rpc, endpoint),
                    why.text);
        return TRACER_OK;
    }
    state->usable = true;
    client->usable_count++;
    state->traces = ask_traces(client->rpc, endpoint, &why);
    if (state->traces == TRACES_NONE)
        client_note(client,
                    "endpoint \"%s\" has no call traces: transfers inside transactions are not seen there",
                    rpc_endpoint_name(client->rpc, endpoint));
    return TRACER_OK;
}

/* The kind of traces that every endpoint which has traces offers first. With both kinds about, callTracer
 * wins and the others count as without. */
static void choose_traces(struct chain_client *client)
{
    for (size_t i = 0; i < client->endpoint_count; i++) {
        enum chain_traces traces = client->endpoints[i].traces;
        if (client->endpoints[i].usable && traces != TRACES_NONE && client->traces != TRACES_CALL_TRACER_LOGS)
            client->traces = traces;
    }
}

static enum tracer_status open_endpoints(struct chain_client *client, struct error *err)
{
    struct error left_out;
    memset(&left_out, 0, sizeof left_out);
    for (size_t i = 0; i < client->endpoint_count; i++) {
        enum tracer_status status = open_endpoint(client, i, &left_out, err);
        if (status)
            return status;
    }
    if (client->usable_count > 0) {
        choose_traces(client);
        return TRACER_OK;
    }
    if (client->endpoint_count == 0)
        return error_set(err, TRACER_E_USAGE, "network \"%s\": no endpoint was named", client->network->name);
    /* One that does not serve the anchor may be another chain: it is refused, not merely missing. */
    if (err)
        *err = left_out;
    enum tracer_status status = left_out.status == TRACER_E_UNAVAILABLE ? TRACER_E_CHAIN : TRACER_E_NETWORK;
    if (err)
        err->status = status;
    error_context(err, "network \"%s\": no endpoint is left", client->network->name);
    return status;
}

enum tracer_status chain_open(struct rpc *rpc, const struct chain_network *network,
                              struct chain_client **ret_client, struct error *err)
{
    struct error ignored;
    struct chain_client *client = calloc(1, sizeof *client);
    if (!err)
        err = &ignored;
    if (!client || !(client->arena = arena_new(CLIENT_BYTES_MAX))) {
        free(client);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    client->rpc = rpc;
    client->network = network;
    client->batch_calls = BATCH_CALLS_FIRST;
    chain_evm(network, &client->evm);
    client->endpoint_count = rpc_endpoint_count(rpc);
    client->endpoints = arena_calloc(client->arena, client->endpoint_count, sizeof *client->endpoints);
    enum tracer_status status =
        client->endpoints ? open_endpoints(client, err) : error_set(err, TRACER_E_NOMEM, "no memory");
    if (status) {
        chain_close(client);
        return status;
    }
    *ret_client = client;
    return TRACER_OK;
}

void chain_close(struct chain_client *client)
{
    if (!client)
        return;
    arena_free(client->arena);
    free(client);
}

/* ---- heads ---- */

static bool believable(struct chain_client *client, size_t endpoint, const struct evm_block_head *head)
{
    uint32_t ahead = client->network->rules->clock_ahead_s;
    if (ahead == 0 || head->time <= clock_unix_s() + ahead)
        return true;
    client_note(client,
                "endpoint \"%s\": its head, block %" PRIu64 ", lies in the future and is not believed",
                rpc_endpoint_name(client->rpc, endpoint), head->number);
    return false;
}

/* The lowest of the heads that usable endpoints name (R4: never above what all have seen). */
static enum tracer_status lowest(struct chain_client *client, const char *tag, uint64_t *ret_number,
                                 struct error *err)
{
    uint64_t low = UINT64_MAX, high = 0;
    enum tracer_status worst = error_set(err, TRACER_E_NOT_FOUND, "no endpoint has a block %s", tag);
    for (size_t i = 0; i < client->endpoint_count; i++) {
        struct evm_block_head head;
        if (!client->endpoints[i].usable)
            continue;
        enum tracer_status status = ask_block(client->rpc, i, tag, &head, err);
        if (status == TRACER_E_STOPPED || status == TRACER_E_NOMEM)
            return status;
        if (status) {
            worst = status;
            continue;
        }
        if (!believable(client, i, &head))
            continue;
        low = head.number < low ? head.number : low;
        high = head.number > high ? head.number : high;
    }
    if (low == UINT64_MAX)
        return worst;
    if (high - low > HEAD_SPREAD_BLOCKS)
        client_note(client,
                    "the endpoints' blocks \"%s\" lie between %" PRIu64 " and %" PRIu64 "; the lowest counts",
                    tag, low, high);
    *ret_number = low;
    return TRACER_OK;
}

enum tracer_status chain_head(struct chain_client *client, enum chain_finality finality, uint64_t depth,
                              uint64_t *ret_number, struct error *err)
{
    struct error ignored;
    uint64_t head;
    if (!err)
        err = &ignored;
    if (finality == FINALITY_FINALIZED) {
        enum tracer_status status = lowest(client, "finalized", ret_number, err);
        if (status != TRACER_E_NOT_FOUND && status != TRACER_E_UNAVAILABLE && status != TRACER_E_REPLY)
            return status;
        depth = client->network->rules->finality_depth;
        client_note(client,
                    "no endpoint offers the tag \"finalized\": %" PRIu64
                    " blocks below the head count as final",
                    depth);
    }
    enum tracer_status status = lowest(client, "latest", &head, err);
    if (status)
        return status;
    if (finality == FINALITY_LATEST)
        depth = 0;
    *ret_number = head > depth ? head - depth : 0;
    return TRACER_OK;
}

enum tracer_status chain_block_hash(struct chain_client *client, uint64_t number, struct hash *ret_hash,
                                    struct error *err)
{
    struct evm_block_head head;
    char which[QUANTITY_TEXT_SIZE];
    enum tracer_status status = TRACER_E_NETWORK;
    format_quantity(number, which);
    for (size_t i = 0; i < client->usable_count; i++) {
        size_t endpoint = client_endpoint(client);
        status = ask_block(client->rpc, endpoint, which, &head, err);
        if (!status && head.number != number)
            status =
                error_set(err, TRACER_E_REPLY, "eth_getBlockByNumber: block %" PRIu64 " for block %" PRIu64,
                          head.number, number);
        if (status == TRACER_OK || status == TRACER_E_STOPPED || status == TRACER_E_NOMEM)
            break;
    }
    if (!status)
        *ret_hash = head.hash;
    return status;
}

enum tracer_status chain_has_block(struct chain_client *client, uint64_t number, struct hash hash, bool *ret_has, struct error *err)
{
    char which[QUANTITY_TEXT_SIZE], text[HASH_TEXT_SIZE], stated[HASH_TEXT_SIZE];
    format_quantity(number, which);
    hash_format(hash, text);
    *ret_has = false;
    for (size_t i = 0; i < client->endpoint_count; i++) {
        struct evm_block_head head;
        if (!client->endpoints[i].usable)
            continue;
        enum tracer_status status = ask_block(client->rpc, i, which, &head, err);
        if (status == TRACER_E_STOPPED || status == TRACER_E_NOMEM)
            return status;
        if (status || head.number != number)
            continue;
        *ret_has = *ret_has || hash_equal(head.hash, hash);
        hash_format(head.hash, stated);
        if (!hash_equal(head.hash, hash))
            client_note(client, "endpoint \"%s\": its block %" PRIu64 " is %s, but the stored one, which is proven, is %s",
                        rpc_endpoint_name(client->rpc, i), number, stated, text);
    }
    return TRACER_OK;
}
