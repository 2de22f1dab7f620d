/* sent.c - where transactions stand, by hash or by sender and nonce (history.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opinion.h"

#define BY_NONCE "eth_getTransactionBySenderAndNonce"
#define BY_HASH "eth_getTransactionByHash"
#define PARAMS_SIZE 96
#define GROUP_CALLS 24u /* of one batch */
#define GROUPS 16u      /* batches at once */

struct found {
    bool answered, has_number, has_hash; /* a hash alone: its block is asked for */
    uint64_t number;
    char hash[HASH_TEXT_SIZE];
};

/* null, a hash, or the transaction; its block is null while it waits. */
static enum tracer_status read_transaction(struct json_span text, const char *method, struct found *found, struct error *err)
{
    struct json_reader reader;
    struct json_span key, hash;
    struct hash parsed;
    struct found read = {.answered = true};
    json_reader_init(&reader, text.text, text.length, TRACER_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX);
    if (json_peek(&reader) == JSON_IS_STRING) {
        if (json_read_string(&reader, &hash, NULL) && !hash_parse(hash.text, hash.length, &parsed)) {
            json_fail(&reader, "not a hash");
        } else if (json_ok(&reader)) {
            hash_format(parsed, read.hash);
            read.has_hash = true;
        }
    } else if (!json_read_null(&reader) && json_enter_object(&reader)) {
        bool seen = false;
        while (json_next_member(&reader, &key)) {
            if (!json_span_is(key, "blockNumber"))
                json_skip(&reader, NULL);
            else if (seen)
                json_fail(&reader, "blockNumber stands twice");
            else if (seen = true, !json_read_null(&reader))
                read.has_number = read_block_number(&reader, &read.number);
        }
    }
    if (!json_finish(&reader)) {
        enum tracer_status status = json_reader_error(&reader, err);
        error_context(err, "%s", method);
        return status;
    }
    *found = read;
    return TRACER_OK;
}

/* ---- many at once ---- */

struct search {
    struct chain_client *client;
    const char *method;
    char account[ADDRESS_TEXT_SIZE];
    const uint64_t *nonces;
    struct found *found;
    size_t count, at;
};

struct group {
    struct rpc_batch batch;
    struct rpc_call calls[GROUP_CALLS];
    char params[GROUP_CALLS][PARAMS_SIZE];
    size_t of[GROUP_CALLS];
};

static bool is_asked(const struct search *search, size_t i)
{
    return strcmp(search->method, BY_NONCE) == 0 ? !search->found[i].answered : search->found[i].has_hash;
}

static void format_params(const struct search *search, size_t i, char to[static PARAMS_SIZE])
{
    if (strcmp(search->method, BY_NONCE) == 0)
        snprintf(to, PARAMS_SIZE, "[\"%s\",\"0x%" PRIx64 "\"]", search->account, search->nonces[i]);
    else
        snprintf(to, PARAMS_SIZE, "[\"%s\"]", search->found[i].hash);
}

static bool fill(struct search *search, struct group *group)
{
    size_t calls = 0, most = client_batch(search->client, search->count - search->at);
    for (; search->at < search->count && calls < GROUP_CALLS && calls < most; search->at++) {
        struct json_span known;
        struct error ignored;
        enum tracer_status missing;
        if (!is_asked(search, search->at))
            continue;
        format_params(search, search->at, group->params[calls]);
        if (client_answer(search->client, search->method, group->params[calls], &known, &missing, &ignored) && !missing &&
            read_transaction(known, search->method, &search->found[search->at], &ignored) == TRACER_OK)
            continue;
        group->calls[calls] = (struct rpc_call){.method = search->method, .params = group->params[calls]};
        group->of[calls++] = search->at;
    }
    group->batch = (struct rpc_batch){.calls = group->calls, .call_count = calls, .endpoint = client_endpoint(search->client), .context = group};
    return calls > 0;
}

/* What is not read here is asked for once more, alone. */
static void read_group(struct search *search, const struct group *group)
{
    struct error ignored;
    for (size_t i = 0; group->batch.status == TRACER_OK && i < group->batch.call_count; i++) {
        const struct rpc_call *call = &group->calls[i];
        struct json_span answer = {call->result, call->result_length};
        if (!call->status && read_transaction(answer, search->method, &search->found[group->of[i]], &ignored) == TRACER_OK)
            client_keep(search->client, call->method, call->params, answer);
    }
}

static enum tracer_status ask_groups(struct search *search, struct group *groups, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t alive = 0;
    search->at = 0;
    for (size_t g = 0; g < GROUPS && !status && fill(search, &groups[g]); g++) {
        status = client_submit(search->client, &groups[g].batch, err);
        alive += !status;
    }
    while (alive && !status) {
        struct rpc_batch *done;
        if ((status = client_wait(search->client, &done, err)))
            break;
        struct group *group = done->context;
        alive--;
        if (done->status == TRACER_E_STOPPED || done->status == TRACER_E_NOMEM)
            status = error_set(err, done->status, "%s", done->error.text);
        read_group(search, group);
        client_release(done);
        if (!status && fill(search, group)) {
            status = client_submit(search->client, &group->batch, err);
            alive += !status;
        }
    }
    for (size_t g = 0; g < GROUPS; g++)
        client_release(&groups[g].batch);
    return status;
}

static enum tracer_status ask_one(struct search *search, size_t i, struct error *err)
{
    char params[PARAMS_SIZE];
    struct buffer result;
    format_params(search, i, params);
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    enum tracer_status status = client_call(search->client, search->method, params, 0, &result, err);
    if (!status)
        status = read_transaction(span_of(&result), search->method, &search->found[i], err);
    buffer_release(&result);
    return status;
}

/* The first goes alone: it tells whether anyone has the method. */
static enum tracer_status ask_all(struct search *search, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    bool told = false;
    for (size_t i = 0; i < search->count && !status; i++) {
        if (!is_asked(search, i))
            continue;
        status = ask_one(search, i, err);
        if (status || told)
            continue;
        told = true;
        struct group *groups = calloc(GROUPS, sizeof *groups);
        status = groups ? ask_groups(search, groups, err) : error_set(err, TRACER_E_NOMEM, "no memory");
        free(groups);
    }
    return status;
}

enum tracer_status history_find_sent(struct chain_client *client, struct address account, const uint64_t *nonces, size_t count, uint64_t first,
                                     uint64_t last, struct history_blocks *blocks, struct error *err)
{
    struct search search = {.client = client, .method = BY_NONCE, .nonces = nonces, .found = calloc(count + 1, sizeof(struct found)), .count = count};
    if (!search.found)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    address_format(account, search.account);
    enum tracer_status status = ask_all(&search, err);
    search.method = BY_HASH;
    if (!status)
        status = ask_all(&search, err);
    for (size_t i = 0; i < count && !status; i++) {
        const struct found *found = &search.found[i];
        if (found->has_hash)
            status = error_set(err, TRACER_E_REPLY, BY_HASH ": a hash for a hash");
        else if (found->has_number && (found->number < first || found->number > last))
            status = error_set(err, TRACER_E_REPLY, BY_NONCE ": a block that was not asked for");
        else if (found->has_number)
            status = history_blocks_add(blocks, found->number, err);
    }
    free(search.found);
    history_blocks_sort(blocks);
    return status;
}

struct heard {
    bool nowhere, somewhere;
};

/* A number, as a word of an operator. That a transaction is nowhere is none: who lags says so, too. */
static enum tracer_status read_place(const void *context, struct json_span answer, struct u256 *ret_number, struct error *err)
{
    struct heard *heard = *(struct heard *const *)context;
    struct found found;
    enum tracer_status status = read_transaction(answer, BY_HASH, &found, err);
    if (status || found.has_hash)
        return status ? status : error_set(err, TRACER_E_REPLY, BY_HASH ": a hash for a hash");
    heard->somewhere |= found.has_number;
    heard->nowhere |= !found.has_number;
    *ret_number = u256_from_u64(found.number);
    return found.has_number ? TRACER_OK : error_set(err, TRACER_E_REPLY, "no endpoint has that transaction in a block");
}

enum tracer_status history_transaction_block(struct chain_client *client, struct hash hash, uint64_t *ret_number, struct error *err)
{
    char text[HASH_TEXT_SIZE], params[PARAMS_SIZE];
    struct heard answers = {false, false}, *const heard = &answers;
    struct u256 number;
    hash_format(hash, text);
    snprintf(params, sizeof params, "[\"%s\"]", text);
    enum tracer_status status = opinion_ask(client, BY_HASH, params, UINT64_MAX, read_place, &heard, &number, err);
    if (status == TRACER_E_REPLY && answers.nowhere && !answers.somewhere)
        return error_set(err, TRACER_E_NOT_FOUND, "no endpoint has transaction %s in a block", text);
    if (!status)
        *ret_number = number.limb[0];
    return status;
}
