/* sign.c - see sign.h. */
#include "support/sign.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdlib.h>

void sign(struct hash digest, struct u256 *ret_r, struct u256 *ret_s, unsigned *ret_parity)
{
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    secp256k1_ecdsa_recoverable_signature signature;
    uint8_t key[32], compact[64];
    int parity;
    memset(key, 0x46, sizeof key);
    if (!context || !secp256k1_ecdsa_sign_recoverable(context, &signature, digest.bytes, key, NULL, NULL))
        abort();
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context, compact, &parity, &signature);
    *ret_r = u256_from_bytes(compact, 32);
    *ret_s = u256_from_bytes(compact + 32, 32);
    *ret_parity = (unsigned)parity;
    secp256k1_context_destroy(context);
}
