/* refusals.h - replies that were not believed, kept so that the endpoint can be shown what it said; internal to the files of
 * tracer/. Each becomes an item of the store named INGEST_REFUSED_NAME (ingest.h). */
#ifndef TRACER_REFUSALS_H
#define TRACER_REFUSALS_H

#include "tracer/chain.h"
#include "tracer/graph.h"

struct refused_reply;
struct refusals { /* zeroed to begin with */
    uint64_t count; /* all of them; at most TRACER_REFUSED_MAX are kept between two stores */
    struct refused_reply *replies;
    size_t reply_count;
};
/** In memory until the blocks that are being written stand or fall: a run that fails for lies keeps them, too. */
enum tracer_status refusals_add(struct refusals *refusals, const struct chain_refusal *refusal, struct error *err);
enum tracer_status refusals_store(struct refusals *refusals, struct graph *graph, uint64_t chain_id, struct error *err);
void refusals_free(struct refusals *refusals);

#endif
