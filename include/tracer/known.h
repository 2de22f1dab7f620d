/* known.h - what was found out about an endpoint, by a probe or in a run, as hints for the next one.
 *
 * A hint saves requests and decides nothing: chain id and anchor are asked for in every run, that there are call traces is
 * asked again more cheaply, a range or a batch only begins smaller. Nothing that an endpoint is said to lack is taken for
 * granted where that would change a result.
 */
#ifndef TRACER_KNOWN_H
#define TRACER_KNOWN_H

#include "tracer/history.h"

struct chain_known {
    uint64_t date_s;         /* Unix time when the endpoint was asked; 0: nothing is known */
    enum chain_traces traces; /* found when a client was opened, or by the probe */
    bool has_traces;          /* that was asked */
    bool no_block_receipts;   /* eth_getBlockReceipts was "method not found" */
    uint32_t batch_max;       /* calls, after a longer batch was refused; 0: none was */
    uint64_t range_max[HISTORY_WAY_COUNT]; /* blocks that an error stated; 0: none did */
    uint64_t results_max;                  /* the same of results */
    struct rpc_pace pace;                  /* after rate limits */
    bool probed;                           /* `probe` is filled; its anchor fits */
    struct chain_probe probe;
};

/** Not older than TRACER_KNOWN_AGE_DAYS, nor from the future. */
bool chain_known_is_young(const struct chain_known *known);
/** Add the findings of a probe whose anchor fits, as of now; what was learned in runs stays where it is young. */
void chain_known_probed(struct chain_known *known, const struct chain_probe *probe);

/** chain_open(), beginning with what is known of each endpoint of the pool; `known` may be NULL. */
TRACER_MUST_USE enum tracer_status chain_open_knowing(struct rpc *rpc, const struct chain_network *network,
                                                      const struct chain_known *known, struct chain_client **ret_client,
                                                      struct error *err);
/** With what this run learned; NULL: the endpoint was left out. */
const struct chain_known *chain_known(struct chain_client *client, size_t endpoint);

/** Lines of text, which hold neither name nor URL. */
bool chain_known_write(const struct chain_known *known, struct buffer *to);
/** False: it is nothing that chain_known_write() wrote. */
bool chain_known_read(const char *text, size_t size, struct chain_known *ret_known);

#endif
