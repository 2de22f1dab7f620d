/* ingest.h - the pipeline behind `ingest`: blocks from a chain into the store, following reorgs. */
#ifndef TRACER_INGEST_H
#define TRACER_INGEST_H

#include "tracer/chain.h"
#include "tracer/graph.h"

#include <inttypes.h>

struct ingest_request {
    struct graph *graph;
    struct chain_client *client;
    const struct chain_network *network;
    bool has_from;
    uint64_t from; /* default: behind what is stored, else the anchor */
    bool has_to;
    uint64_t to; /* default: the head under `finality` */
    enum chain_finality finality;
    uint64_t finality_depth;
    const struct link_facts *links; /* NULL: exchanges are not linked */
    bool opening;   /* also fetch balances before the first block for every account and asset of the range */
    bool no_traces; /* do not ask for internal calls */
    bool keep_raw;  /* keep what the hash of each block covers: for evidence (proof.h) */
    bool anchor;    /* compare every block with the headers between the range and a checkpoint (chain_walk()); not with follow */
    bool refetch;   /* read stored blocks again (a richer version replaces them) */
    bool follow;    /* go on at the head until stopped */
    uint32_t follow_interval_ms;
    volatile const int *stop;
    /* After each round that changed the store, and after the first: blocks above `kept_to` are others than before
     * (UINT64_MAX: none of the old ones is). What is not TRACER_OK ends the run. May be NULL. */
    enum tracer_status (*landed)(void *context, uint64_t kept_to, struct error *err);
    void *landed_context;
    void (*progress)(void *context, uint64_t first, uint64_t done, uint64_t last,
                     const struct chain_fetch_stats *stats);
    void (*walk_progress)(void *context, uint64_t done, uint64_t total); /* headers of `anchor`; may be NULL */
    void *progress_context;
};
struct ingest_stats {
    uint64_t first, last, head; /* the range that is now stored of this run */
    uint64_t blocks, transactions, transfers, rewound, openings;
    uint64_t kept_to; /* of the last round: see landed */
    uint64_t refused; /* replies that were not believed */
    uint64_t walk_checkpoint, walk_headers, walk_vouched; /* of `anchor`: its block, headers read (0: none), blocks that it vouches for */
    uint64_t store_ns;
    struct chain_fetch_stats fetch;
    enum chain_traces traces;
};

/* A reply that was not believed is kept as an item of the store (GRAPH_ITEM_ENDPOINT), so that the endpoint can be
 * shown what it said: named "refused CHAIN BLOCK ENDPOINT", holding a line that says why, the block's JSON, the
 * receipts' JSON. */
#define INGEST_REFUSED_NAME "refused %" PRIu64 " %020" PRIu64 " %s"

/** The network becomes one of the store's: graph_put_network(). */
TRACER_MUST_USE enum tracer_status ingest_network(struct graph *graph, const struct chain_network *chain, struct error *err);
/** How many blocks a reorg may take back. */
uint64_t ingest_reorg_depth(enum chain_finality finality, uint64_t finality_depth);
/** Idempotent: stored blocks are compared with the chain where the run touches them; a reorg is rewound (what
 * it removes stays in the orphans) up to the depth of finality, deeper is TRACER_E_CONFLICT. */
TRACER_MUST_USE enum tracer_status ingest_run(const struct ingest_request *request,
                                              struct ingest_stats *ret_stats, struct error *err);

#endif
