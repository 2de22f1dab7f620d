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

void chain_spread(struct chain_client *client)
{
    client->spread = true;
}

size_t chain_places(const struct chain_client *client)
{
    return client->spread && client_asks_ahead(client) ? rpc_places(client->rpc) : 0;
}

size_t client_batch(const struct chain_client *client, size_t left)
{
    size_t places = client->spread ? rpc_places(client->rpc) : 0, share = places ? (left + places - 1) / places : left;
    return share < client->batch_calls ? share : client->batch_calls;
}

static enum tracer_status give(struct json_span result, struct buffer *ret_result, struct error *err)
{
    buffer_release(ret_result);
    buffer_init(ret_result, result.length);
    return buffer_add(ret_result, result.text, result.length) ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory for a reply");
}

static enum tracer_status ask(struct chain_client *client, size_t endpoint, const char *method, const char *params, size_t reply_max,
                              struct buffer *ret_result, size_t *ret_endpoint, struct error *err)
{
    struct rpc_call call = {.method = method, .params = params};
    struct rpc_batch batch = {.calls = &call, .call_count = 1, .endpoint = endpoint, .reply_max = reply_max}, *done;
    enum tracer_status status = client_submit(client, &batch, err);
    if (!status && !(status = client_wait(client, &done, err))) {
        const struct json_span result = {call.result, call.result_length};
        status = batch.status ? batch.status : call.status;
        if (status)
            *err = batch.status ? batch.error : call.error;
        else
            status = give(result, ret_result, err);
        *ret_endpoint = batch.answered_by;
    }
    client_release(&batch);
    return status;
}

static enum tracer_status ask_any(struct chain_client *client, const char *method, const char *params, size_t reply_max, struct buffer *ret_result,
                                  size_t *ret_endpoint, struct error *err)
{
    enum tracer_status status = TRACER_E_NETWORK;
    for (size_t i = 0; i < client->usable_count; i++) {
        size_t endpoint = client_endpoint(client);
        status = ask(client, endpoint, method, params, reply_max, ret_result, ret_endpoint, err);
        if (status != TRACER_E_NETWORK && status != TRACER_E_UNAVAILABLE && status != TRACER_E_REPLY)
            break;
        if (endpoint == RPC_ANY) /* the pool has asked the others already */
            break;
    }
    return status;
}

enum tracer_status client_call(struct chain_client *client, const char *method, const char *params,
                               size_t reply_max, struct buffer *ret_result, struct error *err)
{
    enum tracer_status status;
    struct json_span known;
    size_t endpoint;
    if (client_answer(client, method, params, &known, &status, err))
        return status ? status : give(known, ret_result, err);
    status = ask_any(client, method, params, reply_max, ret_result, &endpoint, err);
    if (!status)
        client_keep(client, method, params, (struct json_span){ret_result->data, ret_result->size});
    client_keep_missing(client, method, params, status, err);
    return status;
}

enum tracer_status client_call_by(struct chain_client *client, const char *method, const char *params, struct buffer *ret_result, size_t *endpoint,
                                  struct error *err)
{
    if (*endpoint == RPC_ANY)
        return ask_any(client, method, params, 0, ret_result, endpoint, err);
    return ask(client, *endpoint, method, params, 0, ret_result, endpoint, err);
}

/* ---- what is known of an endpoint ---- */

bool chain_known_is_young(const struct chain_known *known)
{
    uint64_t now_s = clock_unix_s();
    return known->date_s && known->date_s <= now_s && now_s - known->date_s <= TRACER_KNOWN_AGE_DAYS * UINT64_C(86400);
}

/* A finding was wrong: who asks next shall not rely on the others. */
static void forget(struct chain_known *known)
{
    *known = (struct chain_known){.date_s = clock_unix_s(), .has_traces = known->has_traces, .traces = known->traces};
}

void chain_known_probed(struct chain_known *known, const struct chain_probe *probe)
{
    if (!chain_known_is_young(known))
        *known = (struct chain_known){0};
    known->date_s = clock_unix_s();
    known->probed = known->has_traces = true;
    known->probe = *probe;
    known->traces = probe->traces;
    known->no_block_receipts = probe->no_block_receipts;
    if (probe->log_range_stated || probe->log_range > known->range_max[HISTORY_LOGS])
        known->range_max[HISTORY_LOGS] = probe->log_range_stated;
}

const struct chain_known *chain_known(struct chain_client *client, size_t endpoint)
{
    struct client_endpoint *state = &client->endpoints[endpoint];
    struct rpc_pace pace = rpc_pace(client->rpc, endpoint);
    if (!state->usable)
        return NULL;
    state->known.pace = pace;
    return &state->known;
}

void client_less_calls(struct chain_client *client, const struct rpc_batch *batch, uint32_t most)
{
    const struct error *why = &batch->error; /* of the endpoint, or of our own ceiling */
    uint32_t *known = &client->endpoints[batch->answered_by].known.batch_max;
    if (most < client->batch_calls)
        client->batch_calls = most;
    if (batch->status == TRACER_E_LIMIT && (why->rpc_code || why->http_status == 413) && (!*known || most < *known))
        *known = most;
}

void client_gave_word(struct chain_client *client, size_t endpoint, enum client_word on, bool gave)
{
    static const char *const words[CLIENT_WORD_COUNT] = {"state", "lists of blocks", "call traces"};
    unsigned *unanswered = &client->endpoints[endpoint].unanswered[on];
    *unanswered = gave ? 0 : *unanswered + 1;
    if (*unanswered == CLIENT_UNANSWERED_MAX)
        client_note(client, "endpoint \"%s\" confirms no %s any more in this run: asked for a second word, it did not answer %u times in a row",
                    rpc_endpoint_name(client->rpc, endpoint), words[on], CLIENT_UNANSWERED_MAX);
}

enum tracer_status client_doubt(struct chain_client *client, size_t endpoint, uint64_t number, const char *why, struct json_span reply, struct error *err)
{
    struct chain_refusal *doubted = &client->endpoints[endpoint].doubted;
    if (!why || !reply.text)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (doubted->endpoint)
        return TRACER_OK;
    *doubted = (struct chain_refusal){.number = number, .endpoint = rpc_endpoint_name(client->rpc, endpoint), .why = why, .block = reply};
    client_note(client, "endpoint \"%s\" was not believed: %s", doubted->endpoint, why);
    return TRACER_OK;
}

bool client_has_other(const struct chain_client *client, size_t endpoint)
{
    for (size_t i = 0; i < client->endpoint_count; i++)
        if (client->endpoints[i].usable && !rpc_same_operator(client->rpc, endpoint, i))
            return true;
    return false;
}

void client_stated(struct chain_client *client, enum history_way way, const struct rpc_batch *batch, const struct rpc_call *call)
{
    struct chain_known *known = &client->endpoints[batch->answered_by].known;
    if (call->blocks_max)
        known->range_max[way] = call->blocks_max;
    if (call->results_max)
        known->results_max = call->results_max;
}

void client_no_block_receipts(struct chain_client *client, size_t endpoint, const struct rpc_call *call)
{
    client->no_block_receipts = true;
    if (call->error.rpc_code != -32601 && call->error.rpc_code != -32004)
        return; /* it may be there, only not now or not so far back */
    for (size_t i = 0; i < client->endpoint_count; i++) {
        struct chain_known *known = &client->endpoints[i].known;
        if (endpoint != RPC_ANY && endpoint != i)
            continue;
        if (known->probed && known->probe.block_receipts)
            forget(known);
        known->no_block_receipts = true;
    }
}

/* Begin where earlier runs ended: with what all endpoints take. */
static void begin_knowing(struct chain_client *client)
{
    bool none_has_receipts = true;
    for (size_t i = 0; i < client->endpoint_count; i++) {
        const struct chain_known *known = &client->endpoints[i].known;
        if (!client->endpoints[i].usable)
            continue;
        none_has_receipts = none_has_receipts && known->no_block_receipts;
        if (known->batch_max && known->batch_max < client->batch_calls)
            client->batch_calls = known->batch_max;
        for (size_t way = 0; way < HISTORY_WAY_COUNT; way++) {
            uint64_t most = known->range_max[way], *least = &client->range_max[way];
            if (most >= TRACER_KNOWN_RANGE_MIN && (!*least || most < *least))
                *least = most;
        }
    }
    client->no_block_receipts = none_has_receipts;
}

/* The first way that is asked for is also the first that is taken, so that it is enough to see that it is still there. */
static enum chain_traces find_traces(struct chain_client *client, size_t endpoint)
{
    struct chain_known *known = &client->endpoints[endpoint].known;
    struct error ignored;
    bool was_there = known->has_traces && known->traces == TRACES_CALL_TRACER_LOGS;
    if (was_there && ask_traces_again(client->rpc, endpoint))
        return known->traces;
    enum chain_traces traces = ask_traces(client->rpc, endpoint, &ignored);
    if (known->has_traces && known->traces != traces)
        forget(known);
    if (!known->date_s)
        known->date_s = clock_unix_s();
    known->traces = traces;
    known->has_traces = true;
    return traces;
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
    state->traces = find_traces(client, endpoint);
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

static void note_operators(struct chain_client *client)
{
    for (size_t i = 0; i < client->endpoint_count; i++)
        for (size_t k = i + 1; k < client->endpoint_count; k++)
            if (client->endpoints[i].usable && client->endpoints[k].usable && rpc_same_operator(client->rpc, i, k))
                client_note(client, "endpoints \"%s\" and \"%s\" are of one operator by their hosts: what both say counts as one word",
                            rpc_endpoint_name(client->rpc, i), rpc_endpoint_name(client->rpc, k));
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
        note_operators(client);
        begin_knowing(client);
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
    return chain_open_knowing(rpc, network, NULL, ret_client, err);
}

enum tracer_status chain_open_knowing(struct rpc *rpc, const struct chain_network *network, const struct chain_known *known,
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
    for (size_t i = 0; client->endpoints && known && i < client->endpoint_count; i++)
        if (chain_known_is_young(&known[i]))
            client->endpoints[i].known = known[i];
    enum tracer_status status = client->endpoints ? tasks_open(client, err) : error_set(err, TRACER_E_NOMEM, "no memory");
    if (!status)
        status = answers_open(client, err);
    if (!status)
        status = open_endpoints(client, err);
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
    tasks_close(client);
    answers_close(client);
    arena_free(client->arena);
    free(client);
}

/* ---- blocks by number ---- */

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
