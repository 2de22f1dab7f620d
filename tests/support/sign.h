/* sign.h - signatures for made transactions. */
#ifndef TRACER_TESTS_SUPPORT_SIGN_H
#define TRACER_TESTS_SUPPORT_SIGN_H

#include "tracer/address.h"

/* The key is the byte 0x46, 32 times (the one of EIP-155's example). */
#define SIGN_ADDRESS "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"

void sign(struct hash digest, struct u256 *ret_r, struct u256 *ret_s, unsigned *ret_parity);

#endif
