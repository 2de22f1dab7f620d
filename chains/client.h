/* client.h - a network behind a pool of checked endpoints. Internal to chains/. */
#ifndef TRACER_CHAINS_CLIENT_H
#define TRACER_CHAINS_CLIENT_H

#include "rules.h"
#include "tracer/known.h"

#define CLIENT_NOTES_MAX 64u

/* What an endpoint is asked for a second word on; who has no old traces may have old state. */
enum client_word { WORD_ON_STATE, WORD_ON_LISTS, WORD_ON_TRACES, CLIENT_WORD_COUNT };

struct client_endpoint {
    bool usable;
    enum chain_traces traces;
    struct chain_known known; /* before, and what this run adds */
    struct chain_refusal doubted; /* what it said of finality or state, and others did not (`endpoint` is set); `why` NULL: a fetch was told */
    bool is_silent;               /* it has no state of blocks up to silent_at */
    uint64_t silent_at;
    bool lacks[HISTORY_WAY_COUNT]; /* the method is not there, or not that far back */
    unsigned unanswered[CLIENT_WORD_COUNT]; /* second words in a row that it could not be asked for */
};

struct chain_client {
    struct rpc *rpc;
    const struct chain_network *network;
    struct evm_network evm;
    struct arena *arena; /* endpoints, notes */
    struct client_endpoint *endpoints;
    size_t endpoint_count, usable_count;
    bool has_final;
    uint64_t final_number; /* two operators call it final (finality.c) */
    size_t turn; /* of the usable endpoints, where calls are pinned */
    enum chain_traces traces;
    bool no_block_receipts; /* no endpoint has eth_getBlockReceipts */
    uint32_t batch_calls;   /* calls that go into one batch; falls when endpoints refuse */
    struct rpc *explorers;                  /* NULL: none was named */
    bool explorer_off[TRACER_ENDPOINTS_MAX]; /* it refuses, or cannot be reached: not asked any more */
    uint64_t range_max[HISTORY_WAY_COUNT]; /* blocks that a question was accepted for; 0: no limit was met */
    char *notes[CLIENT_NOTES_MAX];
    size_t note_count;
    struct tasks *tasks; /* task.c */
    struct answers *answers; /* answers.c */
    bool spread;         /* rather many small batches than a line with empty places */
    uint32_t group;      /* of blocks, as the first fetch of scattered ones found fit */
};

/* Add a note once; more than CLIENT_NOTES_MAX end in "and more". */
void client_note(struct chain_client *client, const char *format, ...) TRACER_PRINTF(2, 3);
/* The endpoint that answered the batch wants no more than so many calls in one. */
void client_less_calls(struct chain_client *client, const struct rpc_batch *batch, uint32_t most);
#define CLIENT_UNANSWERED_MAX 3u
/* An endpoint that others are not confirmed by any more: it did not answer, so many times in a row. */
static inline bool client_is_silent(const struct chain_client *client, size_t endpoint, enum client_word on)
{
    return client->endpoints[endpoint].unanswered[on] >= CLIENT_UNANSWERED_MAX;
}
/* Asked for a second word, it gave one, or none. */
void client_gave_word(struct chain_client *client, size_t endpoint, enum client_word on, bool gave);
/* What an endpoint said of state, finality or blocks is not what others say: to the notes, and, once an endpoint, to the next fetch, which has a place for
 * it. `why` and `reply` (JSON) are the client's; NULL: there was no memory. */
enum tracer_status client_doubt(struct chain_client *client, size_t endpoint, uint64_t number, const char *why, struct json_span reply, struct error *err);
/* There is an endpoint of another operator than that of `endpoint`. */
bool client_has_other(const struct chain_client *client, size_t endpoint);
/* A call that answered "too much" stated how much is given at once. */
void client_stated(struct chain_client *client, enum history_way way, const struct rpc_batch *batch, const struct rpc_call *call);
/* A method of blocks was missing: at one endpoint, or (RPC_ANY) at all of them. */
void client_no_block_receipts(struct chain_client *client, size_t endpoint, const struct rpc_call *call);
/* Whom to ask next: RPC_ANY while every endpoint of the pool may be asked, else a usable one in turn. */
size_t client_endpoint(struct chain_client *client);
/* One call at any usable endpoint, as often as there are such. The result is JSON text in `ret_result`. */
enum tracer_status client_call(struct chain_client *client, const char *method, const char *params,
                               size_t reply_max, struct buffer *ret_result, struct error *err);
/* The same, whatever a task asked before, at *endpoint, or anyone (RPC_ANY), who is named there then. Nothing is kept. */
enum tracer_status client_call_by(struct chain_client *client, const char *method, const char *params, struct buffer *ret_result, size_t *endpoint,
                                  struct error *err);

/* ---- asking, with many requests under way: as rpc.h, but each task waits for its own (task.c) ---- */

enum tracer_status client_submit(struct chain_client *client, struct rpc_batch *batch, struct error *err);
enum tracer_status client_wait(struct chain_client *client, struct rpc_batch **ret_batch, struct error *err);
enum tracer_status client_reject(struct chain_client *client, struct rpc_batch *batch, const struct error *why, struct error *err);
void client_release(struct rpc_batch *batch);
/* Calls of the next batch, where so many have to be asked: what endpoints accept, or less, so that no place on the line stays empty. */
size_t client_batch(const struct chain_client *client, size_t left);

/* A task has asked this before: what it got, TRACER_OK or TRACER_E_UNAVAILABLE. Borrowed until the next question. */
bool client_answer(struct chain_client *client, const char *method, const char *params, struct json_span *ret_result, enum tracer_status *ret_status,
                  struct error *err);
/* A task got an answer that reads well, or, if that is the status, that there is none. What the caller got is not kept. */
void client_keep(struct chain_client *client, const char *method, const char *params, struct json_span result);
void client_keep_missing(struct chain_client *client, const char *method, const char *params, enum tracer_status status, const struct error *why);
bool client_asks_ahead(const struct chain_client *client); /* a task is running */

enum tracer_status tasks_open(struct chain_client *client, struct error *err);
void tasks_close(struct chain_client *client);
enum tracer_status answers_open(struct chain_client *client, struct error *err);
void answers_close(struct chain_client *client);

static inline struct json_span span_of(const struct buffer *buffer)
{
    return (struct json_span){buffer->data, buffer->size};
}

/* A QUANTITY, or a JSON number: trace_filter states block numbers so (history.c). */
bool read_block_number(struct json_reader *reader, uint64_t *ret_value);

/* ---- questions to one endpoint (probe.c), used by probing and opening ---- */

enum tracer_status ask_quantity(struct rpc *rpc, size_t endpoint, const char *method, const char *params,
                                uint64_t *ret_value, struct error *err);
/* A block without its transactions. `which` is a tag or a QUANTITY. TRACER_E_NOT_FOUND: null. */
enum tracer_status ask_block(struct rpc *rpc, size_t endpoint, const char *which,
                             struct evm_block_head *ret_head, struct error *err);
/* The same, with the text of the reply. */
enum tracer_status ask_block_reply(struct rpc *rpc, size_t endpoint, const char *which, struct buffer *ret_reply,
                                   struct evm_block_head *ret_head, struct error *err);
/* Chain id and anchor (threat-model R3). TRACER_E_CHAIN: another chain; TRACER_E_UNAVAILABLE: the anchor is
 * not served. */
enum tracer_status ask_chain_id(struct rpc *rpc, size_t endpoint, const struct chain_network *network,
                                uint64_t *ret_chain_id, struct error *err);
enum tracer_status ask_anchor(struct rpc *rpc, size_t endpoint, const struct chain_network *network,
                              struct error *err);
/* Which calls it takes for the internal calls of a block. */
enum chain_traces ask_traces(struct rpc *rpc, size_t endpoint, struct error *ret_why);
/* Whether it still takes debug_traceBlockByNumber: of the first block, which is short. */
bool ask_traces_again(struct rpc *rpc, size_t endpoint);

#define QUANTITY_TEXT_SIZE 19
void format_quantity(uint64_t value, char to[static QUANTITY_TEXT_SIZE]);

#define CALL_TRACER_LOGS "{\"tracer\":\"callTracer\",\"tracerConfig\":{\"withLog\":true}}"

#endif
