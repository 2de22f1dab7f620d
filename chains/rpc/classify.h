/* classify.h - what an error answer of an endpoint means for the pool (facts: ethereum-rpc 9). */
#ifndef TRACER_CHAINS_RPC_CLASSIFY_H
#define TRACER_CHAINS_RPC_CLASSIFY_H

#include "tracer/error.h"
#include "tracer/json_reader.h"

/* From best to worst: the worst among the calls of a batch decides what happens to it. */
enum answer_class {
    ANSWER_GOOD,
    ANSWER_REFUSED, /* an error that asking again does not change: revert, invalid params (our own mistake) */
    ANSWER_LESS,    /* too much was asked at once: split */
    ANSWER_NO_HISTORY, /* pruned here: ask an archive node */
    ANSWER_NO_METHOD,  /* not offered here */
    ANSWER_LATER,      /* lagging or overloaded node: again, preferably elsewhere */
    ANSWER_RATE,       /* rate limit: slow down */
    ANSWER_BENCH,      /* daily limit: not this endpoint any more */
    ANSWER_CONFIG,     /* key or URL refused: not this endpoint any more */
    ANSWER_MALFORMED,  /* not a JSON-RPC answer */
    ANSWER_FOREIGN     /* answers to other ids: also distrust the connection */
};

/** Classify an error. `method` may be NULL. `text` is the message with its data, raw; only its first KiB is
 * looked at. */
enum answer_class classify_error(int http_status, int64_t code, const char *method, struct json_span text);
/** How many blocks, or results, an ANSWER_LESS says that it gives at once; 0 where it does not. */
void classify_stated(struct json_span text, uint64_t *ret_blocks_max, uint64_t *ret_results_max);
/** The status that a call, or a whole batch, gets when this class is final. */
enum tracer_status classify_status(enum answer_class class);

#endif
