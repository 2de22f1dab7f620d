/* probe.c - what an endpoint can do, found by asking (facts: ethereum-rpc 10). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client.h"

#define HEAD_BYTES_MAX TRACER_MIB(8)

void format_quantity(uint64_t value, char to[static QUANTITY_TEXT_SIZE])
{
    snprintf(to, QUANTITY_TEXT_SIZE, "0x%" PRIx64, value);
}

enum tracer_status ask_quantity(struct rpc *rpc, size_t endpoint, const char *method, const char *params,
                                uint64_t *ret_value, struct error *err)
{
    struct buffer result;
    struct u256 value;
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    enum tracer_status status = rpc_call(rpc, endpoint, method, params, 0, &result, err);
    if (!status) {
        status = evm_decode_quantity(span_of(&result), &value, err);
        if (!status && !u256_fits_u64(value))
            status = error_set(err, TRACER_E_REPLY, "result: more than 64 bits");
        if (status)
            error_context(err, "%s", method);
    }
    if (!status)
        *ret_value = value.limb[0];
    buffer_release(&result);
    return status;
}

static bool is_null(struct json_span text)
{
    return json_span_is(text, "null");
}

enum tracer_status ask_block(struct rpc *rpc, size_t endpoint, const char *which,
                             struct evm_block_head *ret_head, struct error *err)
{
    struct buffer reply;
    buffer_init(&reply, TRACER_REPLY_OTHER_MAX);
    enum tracer_status status = ask_block_reply(rpc, endpoint, which, &reply, ret_head, err);
    buffer_release(&reply);
    return status;
}

enum tracer_status ask_block_reply(struct rpc *rpc, size_t endpoint, const char *which, struct buffer *ret_reply,
                                   struct evm_block_head *ret_head, struct error *err)
{
    char params[64];
    struct arena *arena = arena_new(HEAD_BYTES_MAX);
    if (!arena)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    snprintf(params, sizeof params, "[\"%s\",false]", which);
    enum tracer_status status = rpc_call(rpc, endpoint, "eth_getBlockByNumber", params, 0, ret_reply, err);
    if (!status && is_null(span_of(ret_reply)))
        status = error_set(err, TRACER_E_NOT_FOUND, "eth_getBlockByNumber: no block %s", which);
    if (!status) {
        status = evm_decode_head(span_of(ret_reply), arena, ret_head, err);
        if (status)
            error_context(err, "eth_getBlockByNumber %s", which);
        ret_head->transaction_hashes = NULL; /* they go with the arena */
    }
    arena_free(arena);
    return status;
}

enum tracer_status ask_chain_id(struct rpc *rpc, size_t endpoint, const struct chain_network *network,
                                uint64_t *ret_chain_id, struct error *err)
{
    enum tracer_status status = ask_quantity(rpc, endpoint, "eth_chainId", "[]", ret_chain_id, err);
    if (!status && *ret_chain_id != network->chain_id)
        return error_set(err, TRACER_E_CHAIN,
                         "endpoint \"%s\": its chain id is %" PRIu64 ", but network \"%s\" has %" PRIu64,
                         rpc_endpoint_name(rpc, endpoint), *ret_chain_id, network->name, network->chain_id);
    return status;
}

enum tracer_status ask_anchor(struct rpc *rpc, size_t endpoint, const struct chain_network *network,
                              struct error *err)
{
    struct evm_block_head head;
    char which[QUANTITY_TEXT_SIZE], text[HASH_TEXT_SIZE], anchor[HASH_TEXT_SIZE];
    const char *name = rpc_endpoint_name(rpc, endpoint);
    format_quantity(network->anchor_number, which);
    enum tracer_status status = ask_block(rpc, endpoint, which, &head, err);
    if (status == TRACER_E_NOT_FOUND || status == TRACER_E_UNAVAILABLE)
        return error_set(err, TRACER_E_UNAVAILABLE,
                         "endpoint \"%s\": does not serve block %" PRIu64
                         ", so that it cannot be checked that its chain is "
                         "\"%s\"; to use it, configure a network with an anchor that it serves",
                         name, network->anchor_number, network->name);
    if (status)
        return status;
    if (head.number != network->anchor_number)
        return error_set(err, TRACER_E_REPLY, "endpoint \"%s\": block %" PRIu64 " for block %" PRIu64, name,
                         head.number, network->anchor_number);
    if (hash_equal(head.hash, network->anchor_hash))
        return TRACER_OK;
    hash_format(head.hash, text);
    hash_format(network->anchor_hash, anchor);
    return error_set(err, TRACER_E_CHAIN,
                     "endpoint \"%s\": its block %" PRIu64 " is %s, but network \"%s\" has %s", name,
                     network->anchor_number, text, network->name, anchor);
}

/* Whether the failure says that the method works, only not here and now. */
static bool method_is_there(enum tracer_status status, const struct error *err)
{
    if (status == TRACER_OK)
        return true; /* `err` is not filled */
    bool missing =
        err->rpc_code == 0 || err->rpc_code == -32601 || err->rpc_code == -32602 || err->rpc_code == -32004;
    return !missing && status == TRACER_E_REPLY && (err->http_status == 0 || err->http_status == 200);
}

enum chain_traces ask_traces(struct rpc *rpc, size_t endpoint, struct error *ret_why)
{
    static const struct {
        const char *method, *params;
        enum chain_traces traces;
    } ways[] = {
        {"debug_traceBlockByNumber",
         "[\"latest\",{\"tracer\":\"callTracer\",\"tracerConfig\":{\"onlyTopCall\":true,\"withLog\":true}}]",
         TRACES_CALL_TRACER_LOGS},
        {"trace_block", "[\"latest\"]", TRACES_TRACE_BLOCK},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct buffer result;
        buffer_init(&result, TRACER_REPLY_TRACES_MAX);
        enum tracer_status status = rpc_call(rpc, endpoint, ways[i].method, ways[i].params,
                                             TRACER_REPLY_TRACES_MAX, &result, ret_why);
        buffer_release(&result);
        if (method_is_there(status, ret_why))
            return ways[i].traces;
    }
    return TRACES_NONE;
}

bool ask_traces_again(struct rpc *rpc, size_t endpoint)
{
    struct buffer result;
    struct error why;
    buffer_init(&result, TRACER_REPLY_TRACES_MAX);
    enum tracer_status status = rpc_call(rpc, endpoint, "debug_traceBlockByNumber", "[\"0x0\"," CALL_TRACER_LOGS "]",
                                         TRACER_REPLY_TRACES_MAX, &result, &why);
    buffer_release(&result);
    return method_is_there(status, &why);
}

/* ---- the whole probe ---- */

static void probe_version(struct rpc *rpc, size_t endpoint, struct chain_probe *probe)
{
    struct buffer result;
    struct error ignored;
    struct json_reader reader;
    struct json_span text;
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    if (rpc_call(rpc, endpoint, "web3_clientVersion", "[]", 0, &result, &ignored) == TRACER_OK) {
        json_reader_init(&reader, result.data, result.size, 2, 4);
        if (json_read_string(&reader, &text, NULL))
            safe_text(probe->client_version, sizeof probe->client_version, text.text, text.length);
    }
    buffer_release(&result);
}

/* *ret_missing: "method not found". */
static bool answers(struct rpc *rpc, size_t endpoint, const char *method, const char *params,
                    bool null_counts, bool *ret_missing)
{
    struct buffer result;
    struct error why;
    buffer_init(&result, TRACER_REPLY_BLOCK_MAX);
    enum tracer_status status = rpc_call(rpc, endpoint, method, params, TRACER_REPLY_BLOCK_MAX, &result, &why);
    bool good = status == TRACER_OK && (null_counts || !is_null(span_of(&result)));
    if (ret_missing)
        *ret_missing = status && (why.rpc_code == -32601 || why.rpc_code == -32004);
    buffer_release(&result);
    return good;
}

/* The same with null or an error of its own: the method is known. */
static bool knows(struct rpc *rpc, size_t endpoint, const char *method, const char *params)
{
    struct buffer result;
    struct error why;
    buffer_init(&result, TRACER_REPLY_BLOCK_MAX);
    enum tracer_status status = rpc_call(rpc, endpoint, method, params, TRACER_REPLY_BLOCK_MAX, &result, &why);
    buffer_release(&result);
    return method_is_there(status, &why);
}

static void probe_batches(struct rpc *rpc, size_t endpoint, struct chain_probe *probe)
{
    static const uint32_t sizes[] = {1, 10, 50};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct rpc_call calls[50];
        struct rpc_batch batch = {.calls = calls, .call_count = sizes[i], .endpoint = endpoint}, *done = NULL;
        struct error ignored;
        bool good;
        memset(calls, 0, sizeof calls);
        for (uint32_t k = 0; k < sizes[i]; k++) {
            calls[k].method = "eth_chainId";
            calls[k].params = "[]";
        }
        good = rpc_submit(rpc, &batch, &ignored) == TRACER_OK &&
               rpc_wait(rpc, &done, &ignored) == TRACER_OK && done == &batch && batch.status == TRACER_OK;
        for (uint32_t k = 0; good && k < sizes[i]; k++)
            good = calls[k].status == TRACER_OK;
        rpc_batch_release(&batch);
        if (!good)
            return;
        probe->batch_max = sizes[i];
    }
}

static void probe_log_range(struct rpc *rpc, size_t endpoint, struct chain_probe *probe)
{
    static const uint64_t ranges[] = {100, 1000, 10000};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        char params[256], first[QUANTITY_TEXT_SIZE], last[QUANTITY_TEXT_SIZE];
        uint64_t end = probe->head;
        if (end + 1 < ranges[i] && i > 0)
            return; /* the chain is shorter: nothing would be learned */
        format_quantity(end + 1 > ranges[i] ? end + 1 - ranges[i] : 0, first);
        format_quantity(end, last);
        /* an address without logs keeps the answer small */
        snprintf(params, sizeof params,
                 "[{\"fromBlock\":\"%s\",\"toBlock\":\"%s\",\"address\":"
                 "\"0x0000000000000000000000000000000000000001\"}]",
                 first, last);
        struct rpc_call call = {.method = "eth_getLogs", .params = params};
        struct rpc_batch batch = {.calls = &call, .call_count = 1, .endpoint = endpoint, .reply_max = TRACER_REPLY_BLOCK_MAX}, *done;
        struct error ignored;
        bool good = rpc_submit(rpc, &batch, &ignored) == TRACER_OK && rpc_wait(rpc, &done, &ignored) == TRACER_OK &&
                    batch.status == TRACER_OK && call.status == TRACER_OK;
        if (!good && call.status == TRACER_E_LIMIT)
            probe->log_range_stated = call.blocks_max;
        rpc_batch_release(&batch);
        if (!good)
            return;
        probe->log_range = ranges[i];
    }
}

static void probe_history(struct rpc *rpc, size_t endpoint, struct chain_probe *probe)
{
    char params[96], which[QUANTITY_TEXT_SIZE];
    struct error ignored;
    probe->archive = answers(rpc, endpoint, "eth_getBalance",
                             probe->head > 0 ? "[\"0x0000000000000000000000000000000000000001\",\"0x1\"]"
                                             : "[\"0x0000000000000000000000000000000000000001\",\"0x0\"]",
                             false, NULL);
    for (uint64_t depth = 16; !probe->archive && depth < probe->head; depth *= 2) {
        format_quantity(probe->head - depth, which);
        snprintf(params, sizeof params, "[\"0x0000000000000000000000000000000000000001\",\"%s\"]", which);
        if (!answers(rpc, endpoint, "eth_getBalance", params, false, NULL))
            break;
        probe->state_depth = depth;
    }
    format_quantity(probe->head, which);
    snprintf(params, sizeof params, "[\"%s\"]", which);
    probe->block_receipts = answers(rpc, endpoint, "eth_getBlockReceipts", params, false, &probe->no_block_receipts);
    probe->ots = answers(rpc, endpoint, "ots_getApiLevel", "[]", false, NULL);
    probe->trace_filter = knows(rpc, endpoint, "trace_filter", "[{\"fromBlock\":\"0x1\",\"toBlock\":\"0x1\",\"count\":1}]");
    probe->by_nonce = knows(rpc, endpoint, "eth_getTransactionBySenderAndNonce", "[\"0x0000000000000000000000000000000000000001\",\"0x0\"]");
    probe->traces = ask_traces(rpc, endpoint, &ignored);
}

enum tracer_status chain_probe(struct rpc *rpc, size_t endpoint, const struct chain_network *network,
                               struct chain_probe *ret_probe, struct error *err)
{
    struct evm_block_head finalized;
    struct error why;
    *ret_probe = (struct chain_probe){0};
    enum tracer_status status = ask_chain_id(rpc, endpoint, network, &ret_probe->chain_id, err);
    if (status)
        return status;
    probe_version(rpc, endpoint, ret_probe);
    status = ask_anchor(rpc, endpoint, network, &why);
    ret_probe->anchor_checked = status == TRACER_OK || status == TRACER_E_CHAIN;
    ret_probe->anchor_fits = status == TRACER_OK;
    if (status)
        snprintf(ret_probe->anchor_note, sizeof ret_probe->anchor_note, "%.*s",
                 (int)(sizeof ret_probe->anchor_note - 1), why.text);
    status = ask_quantity(rpc, endpoint, "eth_blockNumber", "[]", &ret_probe->head, err);
    if (status)
        return status;
    ret_probe->has_finalized = ask_block(rpc, endpoint, "finalized", &finalized, &why) == TRACER_OK;
    ret_probe->finalized = ret_probe->has_finalized ? finalized.number : 0;
    probe_history(rpc, endpoint, ret_probe);
    probe_batches(rpc, endpoint, ret_probe);
    probe_log_range(rpc, endpoint, ret_probe);
    return TRACER_OK;
}
