/* chain.h - networks, and fetching their blocks: the adapter between JSON-RPC and struct block.
 *
 * A network is a name, a chain id, an anchor and rules by height (architecture 11). Built in: "ethereum" and
 * "ronin" (both eras); any other comes from the configuration with the rules "latest". Adding a chain is one
 * file in chains/ that ends in one struct chain_rules.
 */
#ifndef TRACER_CHAIN_H
#define TRACER_CHAIN_H

#include "tracer/arena.h"
#include "tracer/block.h"
#include "tracer/json_reader.h"
#include "tracer/link.h"
#include "tracer/rpc.h"

struct chain_rules; /* constants and quirks of a kind of chain; internal to chains/ */

struct chain_checkpoint { /* a block whose hash is known beforehand */
    uint64_t number;
    struct hash hash;
};
struct chain_network {
    char name[TRACER_NETWORK_NAME_MAX + 1];
    uint64_t chain_id;
    uint64_t anchor_number;
    struct hash anchor_hash;
    const struct chain_rules *rules;
    char native_symbol[8];          /* "ETH", "RON" */
    const struct address *wrappers; /* contracts whose Deposit/Withdrawal events are rows (architecture 4) */
    size_t
        wrapper_count; /* the caller's array; built-in ones are filled in by the pipeline from the registry */
    const struct chain_checkpoint *checkpoints; /* of the configuration, beside those built in */
    size_t checkpoint_count;
};

/** The hash that block `number` of the network must have. False: it is not known beforehand. */
bool chain_checkpoint(const struct chain_network *network, uint64_t number, struct hash *ret_hash);
/** The lowest one at or above `number`, or the highest at or below it; the network's anchor is one of them. False: none. */
bool chain_checkpoint_nearest(const struct chain_network *network, uint64_t number, bool above,
                              struct chain_checkpoint *ret_nearest);

/** "ethereum"/"1", "ronin"/"2020": name or decimal chain id. False: not built in. */
bool chain_builtin(const char *name_or_id, struct chain_network *ret_network);
/** The rules called `name` ("latest", "ethereum", "ronin"), NULL if there are none. */
const struct chain_rules *chain_rules_find(const char *name);
const char *chain_rules_name(const struct chain_rules *rules);
/** What decoding must know of the network; borrows its wrappers. */
struct evm_network;
void chain_evm(const struct chain_network *network, struct evm_network *ret_evm);
/** URLs of public endpoints (the word `public`), NULL-terminated; NULL if the network has none. */
const char *const *chain_public_endpoints(const struct chain_network *network);

/* What an endpoint can do, found by asking (facts: ethereum-rpc 10). */
enum chain_traces { TRACES_NONE, TRACES_CALL_TRACER, TRACES_CALL_TRACER_LOGS, TRACES_TRACE_BLOCK };
struct chain_probe {
    char client_version[64]; /* made safe */
    uint64_t chain_id;
    uint64_t head, finalized; /* finalized 0: the tag is not offered */
    bool has_finalized;
    bool archive;           /* state of the first blocks is served */
    uint64_t state_depth;   /* where not: that of so many blocks below the head is, found by doubling */
    bool block_receipts;    /* eth_getBlockReceipts */
    bool no_block_receipts; /* it is "method not found" */
    bool ots;               /* ots_getApiLevel */
    bool trace_filter;
    bool by_nonce;          /* eth_getTransactionBySenderAndNonce */
    enum chain_traces traces;
    uint32_t batch_max; /* calls a batch that were accepted when tried (1, 10, 50) */
    uint64_t log_range; /* largest of 100, 1,000, 10,000 blocks that eth_getLogs accepted; 0: refused */
    uint64_t log_range_stated; /* by the error that refused the next; 0: none did */
    bool anchor_checked, anchor_fits; /* against the network's anchor */
    char anchor_note[128];
};
const char *chain_traces_name(enum chain_traces traces);
/** Probe one endpoint. Wrong chain id: TRACER_E_CHAIN (the probe is filled as far as it went). */
TRACER_MUST_USE enum tracer_status chain_probe(struct rpc *rpc, size_t endpoint,
                                               const struct chain_network *network,
                                               struct chain_probe *ret_probe, struct error *err);

struct chain_client; /* a network behind a pool whose endpoints were checked */

/** Checks chain id and anchor of every endpoint of the pool before its first use (threat-model R3); an
 * unreachable endpoint is left out with a note, a wrong one is TRACER_E_CHAIN. Fails with TRACER_E_NETWORK
 * when none is left. `rpc` and `network` outlive the client. */
TRACER_MUST_USE enum tracer_status chain_open(struct rpc *rpc, const struct chain_network *network,
                                              struct chain_client **ret_client, struct error *err);
void chain_close(struct chain_client *client);
/** Calls to endpoints and explorers so far. */
uint64_t chain_calls(const struct chain_client *client);
/** Notes gathered (endpoints left out, capabilities missing), one line each; NULL after the last. */
const char *chain_note(const struct chain_client *client, size_t index);
enum chain_traces chain_client_traces(const struct chain_client *client);

/* Tasks share a client with its caller and run ahead of it: each waits for its own requests while the others go on. One runs at
 * a time, the caller or a task, and gives way only where it waits for an endpoint; so they share whatever they like. The answers
 * that a task got are kept: nobody asks the same again, and the caller's question takes the answer out. So the caller finds what it would
 * find without them. */
struct chain_task;
typedef void chain_task_fn(void *context);
TRACER_MUST_USE enum tracer_status chain_task_begin(struct chain_client *client, chain_task_fn *function, void *context,
                                                    struct chain_task **ret_task, struct error *err);
bool chain_task_ended(const struct chain_task *task);
/** The caller lets the others go on until this one has ended. */
TRACER_MUST_USE enum tracer_status chain_task_wait(struct chain_client *client, const struct chain_task *task, struct error *err);
/** All of them: whatever a task asks ends with TRACER_E_STOPPED; frees them. Also before calls of this header that do not overlap. */
void chain_tasks_end(struct chain_client *client);
/** Rather send many small batches than leave places on the line empty. How calls are grouped depends on timing then, so not for a
 * recording. */
void chain_spread(struct chain_client *client);
/** Requests that a task may send beside what is under way, with chain_spread(): places on the line that are empty. To the caller: 0. */
size_t chain_places(const struct chain_client *client);

/* Up to which block to read. */
enum chain_finality { FINALITY_FINALIZED, FINALITY_LATEST, FINALITY_DEPTH };
/** The highest block under the rule that two operators reach; with one operator, what it says. FINALITY_DEPTH counts `depth`
 * from the head; an endpoint without the tag `finalized` counts with the depth of the network's rules. What FINALITY_FINALIZED
 * gave is final to every later chain_fetch(), if it is the word of two. */
TRACER_MUST_USE enum tracer_status chain_head(struct chain_client *client, enum chain_finality finality,
                                              uint64_t depth, uint64_t *ret_number, struct error *err);
/** Hash of the block at `number` now. */
TRACER_MUST_USE enum tracer_status chain_block_hash(struct chain_client *client, uint64_t number,
                                                    struct hash *ret_hash, struct error *err);
/** Does any endpoint have this block? Those that have another one there are named in the notes. */
TRACER_MUST_USE enum tracer_status chain_has_block(struct chain_client *client, uint64_t number, struct hash hash,
                                                   bool *ret_has, struct error *err);
struct chain_balance {
    struct address account;
    const struct asset *asset; /* borrowed; NULL: its nonce, the number of transactions it has sent */
    uint64_t number;           /* wanted: what it had before this block, that is, at number - 1; 0: nothing */
    /* answer; balances are hashed by nothing: asserted */
    enum tracer_status status; /* TRACER_E_REPLY: the contract does not answer, or no two operators agree; TRACER_E_UNAVAILABLE: no endpoint has that state */
    struct u256 amount;
};
/** eth_getBalance / eth_getTransactionCount / balanceOf / ownerOf for all of them, requests overlapping. Where there are endpoints of several operators,
 * two must say the same. What only one balance is about is in its status;
 * the others (no endpoint answers, stopped, no memory) end the call. */
TRACER_MUST_USE enum tracer_status chain_balances(struct chain_client *client, struct chain_balance *balances,
                                                  size_t count, struct error *err);

/* What stands at an address, at one block and not for ever: contracts end, delegations (EIP-7702) come and go (X11). */
enum chain_code { CODE_NONE, CODE_DELEGATED, CODE_CONTRACT };
/** Before block `number` (0: nothing); asserted, like balances. TRACER_E_UNAVAILABLE: no endpoint has that state. */
TRACER_MUST_USE enum tracer_status chain_code_before(struct chain_client *client, struct address account, uint64_t number,
                                                     enum chain_code *ret_code, struct error *err);

/* A reply that was not believed: what it states differs from what its bytes hash to, or from a checkpoint (R1, R2). It is
 * asked for again elsewhere. Borrowed; what was not asked for in one piece is empty. */
struct chain_refusal {
    uint64_t number;
    const char *endpoint; /* its name */
    const char *why;      /* field and both values */
    struct json_span block, receipts, traces;
};
/** A status other than TRACER_OK ends the fetch and is returned unchanged. */
typedef enum tracer_status chain_refused_fn(void *context, const struct chain_refusal *refusal, struct error *err);

/* How a range of blocks hangs on a checkpoint: by the parent hashes of the headers between them (R15). A checkpoint at or
 * above a block vouches for it. One that is below says only that the block is of no other chain that was begun before:
 * anybody can make children of a block. */
struct chain_walk {
    uint64_t first, last; /* wanted */
    chain_refused_fn *refused; /* may be NULL */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* headers; may be NULL */
    void *context; /* of both */
    /* found */
    struct chain_checkpoint checkpoint; /* the lowest at or above `last` if it can be reached, else the highest below */
    uint64_t headers;                   /* between them, both ends included */
    bool vouches;                       /* for the first `hash_count` blocks of the range */
    struct hash *hashes;                /* of blocks first, first + 1, ...; in the arena */
    size_t hash_count;                  /* 1 where the checkpoint is below the range */
};
/** Each header's hash is recomputed and must be the one that the header above it names. A chain is asked for at one
 * endpoint, and at the next where it does not hold: that endpoint is named in the notes.
 * @retval TRACER_E_LIMIT  no checkpoint within TRACER_WALK_HEADERS_MAX; the message says which one could be added
 * @retval TRACER_E_REPLY  no endpoint has a chain between them */
TRACER_MUST_USE enum tracer_status chain_walk(struct chain_client *client, struct chain_walk *walk, struct arena *arena,
                                              struct error *err);

struct chain_fetch {
    uint64_t first, last;
    const uint64_t *numbers; /* only these of them, strictly increasing, with both ends; NULL: all */
    size_t number_count;
    const struct chain_walk *walk; /* blocks whose hashes it found must have them; NULL: none */
    bool want_traces;      /* ask for internal calls where an endpoint has them */
    bool archive;          /* blocks come with what their hash covers (proof.h) */
    uint32_t blocks_ahead; /* blocks under way or waiting for their turn; 0: 64 */
    const struct link_facts *links; /* NULL: exchanges are not linked */
    chain_refused_fn *refused;      /* may be NULL: the client's notes name the endpoint in any case */
    void *refused_context;
};
struct chain_fetch_stats {
    uint64_t blocks, transactions, transfers, bytes;
    uint64_t wait_ns, read_ns,
        decode_ns; /* waiting for the network; JSON and decoding apart as far as they are */
};
/** Deliver the blocks first..last in order, each once, decoded; the block and its arrays are borrowed until
 * `deliver` returns. Requests overlap. Every block's number, the linkage of neighbours by parent hash,
 * counts, and the hashes that replies repeat are compared; its hash, roots and senders are recomputed (evm.h); a
 * difference rejects the reply and asks elsewhere. What no hash covers (call traces, and what receipts state beside
 * their root) is what two operators say, where there are two; traces that no two agree on are not believed, and the block has none.
 * A block is graded `single`; where a second endpoint gives the same
 * hash for it, or for one that follows from it, `linked`, and `proven` if it is final (chain_head()). Endpoints that disagree, after
 * asking again, are TRACER_E_REPLY.
 * A status of `deliver` other than TRACER_OK ends the fetch and is returned unchanged.
 * @retval TRACER_E_CONFLICT  the chain changed under the fetch (a reorg): what was delivered may be orphaned
 */
typedef enum tracer_status chain_deliver_fn(void *context, const struct block *block, struct error *err);
TRACER_MUST_USE enum tracer_status chain_fetch(struct chain_client *client, const struct chain_fetch *fetch,
                                               chain_deliver_fn *deliver, void *context,
                                               struct chain_fetch_stats *ret_stats, struct error *err);

#endif
