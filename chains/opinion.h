/* opinion.h - what several operators say of state, which no hash covers that is asked for (threat-model R15). Internal to chains/. */
#ifndef TRACER_CHAINS_OPINION_H
#define TRACER_CHAINS_OPINION_H

#include "client.h"
#include "tracer/u256.h"

#define OPINION_WORDS 3u /* operators that gave a number */

struct opinion {
    size_t count;
    struct word {
        struct u256 number;
        size_t endpoint;
    } words[OPINION_WORDS];
    uint32_t asked; /* bits: endpoints; TRACER_ENDPOINTS_MAX are 32 */
    bool settled;   /* two operators gave the same number, or a task saw to it before */
};

void opinion_add(struct opinion *opinion, struct u256 number, size_t endpoint);
/** Whom to ask for another word on state at block `at`; RPC_ANY: nobody is left, or none is needed. He counts as asked. */
size_t opinion_next(const struct chain_client *client, struct opinion *opinion, uint64_t at);
/** An endpoint gave no word on state at block `at`. */
void opinion_silent(struct chain_client *client, size_t endpoint, uint64_t at, enum tracer_status why);
/** The number that counts: of two operators, or the only one that was given. Whoever differs is named. TRACER_E_REPLY: no two agree. */
enum tracer_status opinion_number(struct chain_client *client, const struct opinion *opinion, const char *method, const char *params, uint64_t at,
                                  struct u256 *ret_number, struct error *err);

typedef enum tracer_status opinion_read_fn(const void *context, struct json_span answer, struct u256 *ret_number, struct error *err);
/** One question about state at block `at`, to so many as it takes. */
enum tracer_status opinion_ask(struct chain_client *client, const char *method, const char *params, uint64_t at, opinion_read_fn *read,
                               const void *context, struct u256 *ret_number, struct error *err);

#endif
