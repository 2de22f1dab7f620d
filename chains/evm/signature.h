/* signature.h - who made an ECDSA signature on secp256k1 (facts: transactions 3). */
#ifndef TRACER_CHAINS_EVM_SIGNATURE_H
#define TRACER_CHAINS_EVM_SIGNATURE_H

#include "tracer/address.h"

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

#endif
