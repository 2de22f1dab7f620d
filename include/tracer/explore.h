/* explore.h - everything that one account sent and received between two blocks, into the store (architecture 5, 6).
 *
 * Blocks are found by whatever the endpoints offer, fetched and accepted whole; then it is checked that none is missing:
 * the nonces that the account used, and for the coin and every listed asset its balance before, plus and minus the
 * transfers, against its balance after. What does not fit is searched for by halving the range, so that with archive state
 * alone everything is found that an account with a key can send or receive. What can be known neither way is a gap of the
 * ledger, with its reason. Nonces and balances are hashed by nothing: they show that something is missing, never that
 * something happened. */
#ifndef TRACER_EXPLORE_H
#define TRACER_EXPLORE_H

#include "tracer/graph.h"
#include "tracer/history.h"
#include "tracer/label.h"

struct explore_request { /* all borrowed */
    struct graph *graph;
    struct chain_client *client;
    const struct chain_network *network;
    const struct link_facts *links; /* NULL: exchanges are not linked */
    const struct token *tokens;     /* the list of assets: their balances are compared */
    size_t token_count;
    uint64_t first, last; /* first is at least 1: what was before it is an opening balance */
    enum chain_finality finality;
    uint64_t finality_depth;
    bool no_traces, keep_raw;
    uint64_t degree_max; /* an account in more blocks than this is a hub: not explored */
    uint64_t scan_max;   /* blocks to read whole where no endpoint has the state of old blocks; 0: none */
    bool ahead;          /* explore_ahead() does something */
    volatile const int *stop;
};
struct explore_outcome {
    bool hub;       /* nothing was stored of it, and the ledger says nothing */
    bool known;     /* the ledger had it already */
    char gap[GRAPH_GAP_MAX]; /* as in the ledger; "": none */
    uint64_t rows;  /* transfers to or from it */
};

/* Of a search that explores one account after another. */
struct explore_progress {
    uint64_t explored, waiting, requests; /* waiting: accounts that the search would explore next */
    uint64_t elapsed_ms;
    const char *now; /* the account that is being explored */
};
struct explore_stats {
    uint64_t first, last, explored, hubs, known, requests;
};

struct explore_limits {
    uint64_t accounts_max, requests_max, seconds_max; /* of the last two 0: none */
};
/** Whether a limit ends the search here: which, in words. */
bool explore_ends(const struct explore_limits *limits, uint64_t explored, uint64_t requests, uint64_t elapsed_ms, char *ret_text, size_t size);

struct explorer;
TRACER_MUST_USE enum tracer_status explore_open(const struct explore_request *request, struct explorer **ret_explorer,
                                                struct error *err);
void explore_close(struct explorer *explorer); /* NULL is fine */
/** Blocks, opening balances and the ledger's entry of one account. Idempotent. */
TRACER_MUST_USE enum tracer_status explore_account(struct explorer *explorer, struct address account,
                                                   struct explore_outcome *ret_outcome, struct error *err);
/** Search for accounts that may be explored next, the likeliest first, while others are explored. What is found waits in memory; neither the
 * store nor what explore_account() finds depends on it. */
void explore_ahead(struct explorer *explorer, const struct address *accounts, size_t count);
/** Blocks that somebody named, if they are not stored. */
TRACER_MUST_USE enum tracer_status explore_blocks(struct explorer *explorer, struct history_blocks *blocks, struct error *err);

#endif
