/* keccak.h - Keccak-256 as Ethereum uses it: with the padding of the submission (0x01), not of FIPS 202. */
#ifndef TRACER_CHAINS_EVM_KECCAK_H
#define TRACER_CHAINS_EVM_KECCAK_H

#include "tracer/block.h"

struct hash keccak256(const void *data, size_t size);

/** Hash `count` messages of any sizes, four or eight at once where the processor can. */
void keccak256_many(const struct bytes *messages, size_t count, struct hash *ret_hashes);

/* How: chosen at run time by keccak256_many(); by name for tests and benchmarks. All give the same. */
enum keccak_way { KECCAK_ONE, KECCAK_AVX2, KECCAK_AVX512VL, KECCAK_AVX512, KECCAK_WAY_COUNT };
bool keccak_can(enum keccak_way way);
void keccak256_many_by(enum keccak_way way, const struct bytes *messages, size_t count,
                       struct hash *ret_hashes);

#endif
