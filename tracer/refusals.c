/* refusals.c - see refusals.h. */
#include "refusals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tracer/buffer.h"
#include "tracer/ingest.h"

struct refused_reply {
    uint64_t number;
    char endpoint[TRACER_ENDPOINT_NAME_MAX];
    struct buffer text;
};

enum tracer_status refusals_add(struct refusals *refusals, const struct chain_refusal *refusal, struct error *err)
{
    refusals->count++;
    if (refusals->reply_count == TRACER_REFUSED_MAX)
        return TRACER_OK;
    if (!refusals->replies && !(refusals->replies = calloc(TRACER_REFUSED_MAX, sizeof(*refusals->replies))))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    struct refused_reply *reply = &refusals->replies[refusals->reply_count++];
    const struct json_span parts[] = {refusal->block, refusal->receipts, refusal->traces};
    reply->number = refusal->number;
    snprintf(reply->endpoint, sizeof(reply->endpoint), "%s", refusal->endpoint);
    buffer_init(&reply->text, TRACER_REFUSED_BYTES_MAX);
    buffer_printf(&reply->text, "%s\n", refusal->why);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        size_t room = reply->text.size_max - reply->text.size;
        if (parts[i].length)
            buffer_add(&reply->text, parts[i].text, parts[i].length < room ? parts[i].length : room);
        if (reply->text.size < reply->text.size_max)
            buffer_add(&reply->text, "\n", 1);
    }
    return buffer_ok(&reply->text) ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory to keep a reply");
}

enum tracer_status refusals_store(struct refusals *refusals, struct graph *graph, uint64_t chain_id, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < refusals->reply_count; i++) {
        struct refused_reply *reply = &refusals->replies[i];
        char name[48 + TRACER_ENDPOINT_NAME_MAX];
        snprintf(name, sizeof(name), INGEST_REFUSED_NAME, chain_id, reply->number, reply->endpoint);
        if (!status)
            status = graph_put_item(graph, GRAPH_ITEM_ENDPOINT, name, reply->text.data, reply->text.size, err);
        buffer_release(&reply->text);
    }
    refusals->reply_count = 0;
    return status;
}

void refusals_free(struct refusals *refusals)
{
    for (size_t i = 0; i < refusals->reply_count; i++)
        buffer_release(&refusals->replies[i].text);
    free(refusals->replies);
    *refusals = (struct refusals){0};
}
