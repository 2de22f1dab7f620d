/* signature.h - who made an ECDSA signature on secp256k1 (facts: transactions 3). */
#ifndef TRACER_CHAINS_EVM_SIGNATURE_H
#define TRACER_CHAINS_EVM_SIGNATURE_H

#include <pthread.h>
#include <stdatomic.h>

#include "tracer/address.h"
#include "tracer/limits.h"

struct signature {
    struct u256 r, s;
    unsigned parity; /* of the point's y: 0 or 1 */
};

/** r and s are in 1..n-1. */
bool signature_in_range(const struct signature *signature);
/** s is at most n/2 (EIP-2). */
bool signature_is_low(const struct signature *signature);
/** The account that signed `digest`. libsecp256k1 is loaded on the first call: it would cost every start of
 * the program otherwise. Any thread.
 * @retval TRACER_E_REPLY        no key made it (r is no point's x, or a number is out of range)
 * @retval TRACER_E_UNAVAILABLE  the library is not there */
TRACER_MUST_USE enum tracer_status signature_recover(struct hash digest, const struct signature *signature,
                                                     struct address *ret_signer, struct error *err);
enum tracer_status no_key(struct error *err); /* TRACER_E_REPLY */

/* One of many signatures. `good` and `signer` (if it is) are set when all are done. */
struct recovery {
    struct hash digest;
    struct signature signature;
    bool good;
    uint8_t key[64]; /* the point */
    struct address signer;
};
struct recoveries {
    struct recovery *items;
    size_t thread_count;
    atomic_size_t ready, next;
    atomic_bool closed; /* no more become ready */
    pthread_t threads[TRACER_RECOVERY_THREADS_MAX];
};
/** Recover up to `most` items on all processors, while the caller goes on. There is an end, whatever this returns.
 * @retval TRACER_E_UNAVAILABLE  as above */
TRACER_MUST_USE enum tracer_status recoveries_begin(struct recoveries *recoveries, struct recovery *items, size_t most,
                                                    struct error *err);
/** `count` more of the items are ready: they are left alone until the end. */
void recoveries_add(struct recoveries *recoveries, size_t count);
/** The caller's thread does its share of what is left, and waits for the others. */
void recoveries_end(struct recoveries *recoveries);

#endif
