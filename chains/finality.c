/* finality.c - up to which block the chain may be read, and which of its blocks are final (threat-model R4, R15).
 *
 * A number counts that two operators reach, each with what it calls `finalized`, or, where it does not offer that tag, with the
 * depth of the network below its head. So one endpoint alone neither makes a block final nor holds a run up. */
#include <inttypes.h>

#include "client.h"
#include "tracer/clock.h"

/* A head that is this far from what counts is worth a note. */
#define HEAD_SPREAD_BLOCKS 1000u
#define EARLY_REPLY_MAX ((size_t)1 << 18) /* of a reply that is not believed, until it is stored */

struct stated {
    bool known, offers;
    uint64_t number;
    struct buffer reply;
};

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

/* What one endpoint says; it is unknown where that is not believed. */
static enum tracer_status ask_head(struct chain_client *client, size_t endpoint, bool finalized, uint64_t depth, struct stated *ret_stated,
                                   struct error *err)
{
    struct evm_block_head head;
    enum tracer_status status = finalized ? ask_block_reply(client->rpc, endpoint, "finalized", &ret_stated->reply, &head, err) : TRACER_E_NOT_FOUND;
    ret_stated->offers = !status;
    if (status == TRACER_E_NOT_FOUND || status == TRACER_E_UNAVAILABLE || status == TRACER_E_REPLY)
        status = ask_block_reply(client->rpc, endpoint, "latest", &ret_stated->reply, &head, err);
    if (status || !(ret_stated->known = believable(client, endpoint, &head)))
        return status;
    ret_stated->number = ret_stated->offers ? head.number : head.number > depth ? head.number - depth : 0;
    return TRACER_OK;
}

/* The highest number that two operators reach; of one operator the lowest. False: nobody said one. */
static bool agree(const struct chain_client *client, const struct stated *stated, uint64_t *ret_number, bool *ret_agreed)
{
    uint64_t lowest = UINT64_MAX, reached = 0;
    *ret_agreed = false;
    for (size_t i = 0; i < client->endpoint_count; i++) {
        if (!stated[i].known)
            continue;
        lowest = stated[i].number < lowest ? stated[i].number : lowest;
        for (size_t k = 0; k < client->endpoint_count; k++) {
            if (!stated[k].known || stated[k].number < stated[i].number || rpc_same_operator(client->rpc, i, k))
                continue;
            reached = stated[i].number > reached ? stated[i].number : reached;
            *ret_agreed = true;
        }
    }
    *ret_number = *ret_agreed ? reached : lowest;
    return lowest != UINT64_MAX;
}

/* The highest block that another operator has. False: none says. */
static enum tracer_status others_head(struct chain_client *client, size_t endpoint, bool *ret_known, uint64_t *ret_number, struct error *err)
{
    *ret_known = false;
    *ret_number = 0;
    for (size_t i = 0; i < client->endpoint_count; i++) {
        struct evm_block_head head;
        if (!client->endpoints[i].usable || rpc_same_operator(client->rpc, i, endpoint))
            continue;
        enum tracer_status status = ask_block(client->rpc, i, "latest", &head, err);
        if (status == TRACER_E_STOPPED || status == TRACER_E_NOMEM)
            return status;
        if (status || !believable(client, i, &head))
            continue;
        *ret_known = true;
        *ret_number = head.number > *ret_number ? head.number : *ret_number;
    }
    return TRACER_OK;
}

/* Who calls a block final that nobody else has yet, once. It is kept for the next fetch, which has a place for it. */
static enum tracer_status tell_early(struct chain_client *client, size_t endpoint, const struct stated *stated, uint64_t counts, struct error *err)
{
    struct chain_refusal *early = &client->endpoints[endpoint].doubted;
    size_t size = stated->reply.size < EARLY_REPLY_MAX ? stated->reply.size : EARLY_REPLY_MAX;
    bool known;
    uint64_t head;
    if (early->endpoint)
        return TRACER_OK;
    enum tracer_status status = others_head(client, endpoint, &known, &head, err);
    if (status || !known || stated->number <= head)
        return status;
    const char *why = arena_printf(client->arena, "it says that block %" PRIu64 " is final, but no other operator has a block above %" PRIu64,
                                   stated->number, head);
    char *reply = arena_text(client->arena, stated->reply.data, size);
    if (!why || !reply)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    *early = (struct chain_refusal){.endpoint = rpc_endpoint_name(client->rpc, endpoint), .why = why, .block = {reply, size}};
    client_note(client, "endpoint \"%s\" says that block %" PRIu64 " is final, but no other operator has a block above %" PRIu64 "; block %" PRIu64 " counts",
                rpc_endpoint_name(client->rpc, endpoint), stated->number, head, counts);
    return TRACER_OK;
}

static void tell_apart(struct chain_client *client, size_t endpoint, const struct stated *stated, bool finalized, uint64_t counts)
{
    if (stated->number > counts + HEAD_SPREAD_BLOCKS || counts > stated->number + HEAD_SPREAD_BLOCKS)
        client_note(client, "the endpoints are far apart about the last %sblock: endpoint \"%s\" says %" PRIu64 ", but %" PRIu64 " counts",
                    finalized ? "final " : "", rpc_endpoint_name(client->rpc, endpoint), stated->number, counts);
}

static enum tracer_status tell_differences(struct chain_client *client, const struct stated *stated, bool finalized, uint64_t counts,
                                           struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < client->endpoint_count && !status; i++) {
        if (!stated[i].known)
            continue;
        tell_apart(client, i, &stated[i], finalized, counts);
        if (stated[i].offers && stated[i].number > counts)
            status = tell_early(client, i, &stated[i], counts, err);
    }
    return status;
}

static enum tracer_status ask_heads(struct chain_client *client, bool finalized, uint64_t depth, struct stated *stated, uint64_t *ret_number,
                                    struct error *err)
{
    bool agreed, none_offers = true;
    enum tracer_status worst = error_set(err, TRACER_E_NOT_FOUND, "no endpoint has a block %s", finalized ? "finalized" : "latest");
    for (size_t i = 0; i < client->endpoint_count; i++) {
        if (!client->endpoints[i].usable)
            continue;
        enum tracer_status status = ask_head(client, i, finalized, depth, &stated[i], err);
        if (status == TRACER_E_STOPPED || status == TRACER_E_NOMEM)
            return status;
        worst = status ? status : worst;
        none_offers = none_offers && !stated[i].offers;
    }
    if (!agree(client, stated, ret_number, &agreed))
        return worst;
    client->has_final = finalized && agreed;
    client->final_number = *ret_number;
    if (finalized && none_offers)
        client_note(client,
                    "no endpoint offers the tag \"finalized\": %" PRIu64
                    " blocks below the head count as final",
                    depth);
    return tell_differences(client, stated, finalized, *ret_number, err);
}

enum tracer_status chain_head(struct chain_client *client, enum chain_finality finality, uint64_t depth,
                              uint64_t *ret_number, struct error *err)
{
    struct error ignored;
    struct stated stated[TRACER_ENDPOINTS_MAX] = {0};
    bool finalized = finality == FINALITY_FINALIZED;
    if (!err)
        err = &ignored;
    if (finality != FINALITY_DEPTH)
        depth = finalized ? client->network->rules->finality_depth : 0;
    for (size_t i = 0; i < client->endpoint_count; i++)
        buffer_init(&stated[i].reply, TRACER_REPLY_OTHER_MAX);
    enum tracer_status status = ask_heads(client, finalized, depth, stated, ret_number, err);
    for (size_t i = 0; i < client->endpoint_count; i++)
        buffer_release(&stated[i].reply);
    return status;
}
