/* fetch.h - units of neighbouring blocks, and the ring they stand in. Internal to chains/. */
#ifndef TRACER_CHAINS_FETCH_H
#define TRACER_CHAINS_FETCH_H

#include "client.h"

#define GROUP_BLOCKS_MAX 8u /* blocks of a unit */

struct wave {
    struct rpc_call *calls;
    size_t call_count;
    struct rpc_batch *batches;
    size_t batch_count;
};

/* What is under way: blocks, receipts one by one, other operators' words on what no hash covers, a second endpoint's on the hash. */
enum { WAVE_BLOCKS, WAVE_RECEIPTS, WAVE_SECOND, WAVE_THIRD, WAVE_WITNESS, WAVE_COUNT };

#define WORDS_MAX 3u /* operators whose word on a block is asked for */

/* What an endpoint's replies give for a block. */
struct block_word {
    const struct block *block; /* NULL: none */
    size_t endpoint;
    enum chain_traces traces;
    struct json_span receipts_text, traces_text; /* borrowed from the unit's waves; empty: not asked for, or not in one piece */
    struct evm_notes notes;
};

enum unit_state { UNIT_FREE, UNIT_WAITING, UNIT_READY };

struct unit {
    uint64_t first;
    uint32_t count;
    enum unit_state state;
    uint32_t attempts, relinks, disputes;
    size_t endpoint, pending;
    size_t source, witness_turn; /* who answered the last block; how many others were asked about it */
    bool receipts_apart, traced;
    struct unknown_types { /* no root of the block can be computed, say these endpoints, who state it alike */
        uint32_t by;
        struct hash stated;
        struct claim *claims; /* their replies, the latest first */
    } unknown[GROUP_BLOCKS_MAX];
    struct wave waves[WAVE_COUNT];
    unsigned wave;       /* under way */
    struct arena *arena; /* calls, then decoded blocks */
    struct arena_mark empty;
    struct block *blocks;
    const bool *trace_missing; /* of each block */
    struct block_word words[GROUP_BLOCKS_MAX][WORDS_MAX]; /* the first is blocks[i] */
    unsigned word_waves;                            /* of WAVE_SECOND and on, that brought any */
    uint32_t words_asked;                           /* bits: endpoints */
    bool alone[GROUP_BLOCKS_MAX];                   /* its traces are one endpoint's, and no other operator has them */
};

struct fetching {
    struct chain_client *client;
    const struct chain_fetch *fetch;
    struct unit *units; /* a ring */
    size_t unit_count, head, used;
    uint64_t next; /* block to ask for */
    size_t at;     /* its place in fetch->numbers */
    bool all_asked;
    uint32_t group; /* blocks a unit; 0: not known before the first block */
    struct arena *scratch;
    struct arena_mark scratch_empty;
    struct evm_network evm;
    struct evm_notes notes;
    uint32_t words_alone; /* blocks whose traces no other operator confirmed, though there are others */
    struct chain_fetch_stats stats;
    struct hash last_hash;
    bool has_last;
    uint64_t last_number;
    struct error *err;
};

bool fetching_wants_traces(const struct fetching *fetching);
/* A reply that is not believed goes to the caller, and its endpoint is named. What is only not there is no lie. */
enum tracer_status fetching_tell_refusal(struct fetching *fetching, const struct chain_refusal *refusal);

/* ---- fetch_unit.c ---- */

static inline struct json_span result_of(const struct rpc_call *call)
{
    return (struct json_span){call->result, call->result_length};
}

/* The call failed, or its null says that it is not served here (R7). */
static inline bool is_missing(const struct rpc_call *call)
{
    return call->status != TRACER_OK || json_span_is(result_of(call), "null");
}

struct replies {
    const struct rpc_call *block, *receipts, *traces; /* NULL: not asked for */
};
/* About the unit's block `block`, of its first wave. */
struct replies unit_replies(const struct unit *unit, size_t block);
/* Who answered a call of that wave. */
size_t unit_answered_by(const struct unit *unit, const struct rpc_call *call);
enum evm_traces evm_kind(enum chain_traces traces);
/* The call for a block's traces. False: no memory. */
bool unit_trace_call(struct unit *unit, const char *number, enum chain_traces traces, struct rpc_call *to);
/* Ask for the calls of a wave, so many in a batch. */
enum tracer_status unit_submit(struct fetching *fetching, struct unit *unit, unsigned wave, size_t size, size_t endpoint, bool traces);
/* A copy of the block that stays. */
bool unit_keep_block(struct unit *unit, const struct block *from, struct block *to);

/* Ask for the unit's blocks, from the start. */
enum tracer_status unit_begin(struct fetching *fetching, struct unit *unit);
/* All batches of the wave under way are back: read them. The unit is ready then, or something was asked
 * again. */
enum tracer_status unit_wave_done(struct fetching *fetching, struct unit *unit);
/* What endpoints claimed of transactions that nobody knows the type of. */
void unit_forget_types(struct unit *unit);
/* The replies about the unit's block `block`, of its first wave. */
enum tracer_status unit_tell_refusal(struct fetching *fetching, struct unit *unit, size_t block, const struct error *why);
/* Give up the requests, of one wave or of all; those under way are cancelled. */
void wave_release(struct wave *wave);
void unit_release(struct unit *unit);

/* ---- fetch_second.c ---- */

/* The unit is decoded: ask the next other operator about what no hash of its blocks covers. Without one the witness is next. */
enum tracer_status unit_ask_second(struct fetching *fetching, struct unit *unit);
enum tracer_status unit_second_done(struct fetching *fetching, struct unit *unit);

/* ---- fetch_witness.c ---- */

/* The first `count` blocks that are `single` get a better grade. */
void unit_raise_grades(struct unit *unit, size_t count, enum grade grade);
/* The unit is decoded: ask the next other endpoint about its last block. Without one the unit is ready. */
enum tracer_status unit_ask_witness(struct fetching *fetching, struct unit *unit);
enum tracer_status unit_witness_done(struct fetching *fetching, struct unit *unit);

#endif
