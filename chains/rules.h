/* rules.h - what the program knows of each kind of chain. Adding a chain is one file that ends in one of
 * these. */
#ifndef TRACER_CHAINS_RULES_H
#define TRACER_CHAINS_RULES_H

#include "tracer/chain.h"
#include "tracer/evm.h"

struct chain_rules {
    const char *name;
    struct evm_rules evm;
    uint64_t finality_depth; /* from the head, where the tag `finalized` is not offered */
    uint64_t era_split;      /* no request spans it: other nodes may serve what is before it; 0: none */
    uint32_t clock_ahead_s;  /* a head later than our clock by more is not believed (R4); 0: not checked */
    const char *const *public_endpoints; /* NULL-terminated, or NULL */
    /* the network that is built in with these rules; name NULL: none */
    struct {
        const char *name;
        const char *native_symbol;
        uint64_t chain_id, anchor_number;
        struct hash anchor_hash;
    } network;
};

extern const struct chain_rules chain_rules_ethereum, chain_rules_ronin, chain_rules_latest;

#endif
