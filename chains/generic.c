/* generic.c - the rules "latest": every Ethereum fork from the first block on, for networks of the
 * configuration. */
#include "rules.h"

const struct chain_rules chain_rules_latest = {
    .name = "latest",
    .evm =
        {
            .strict_header = false, /* development nodes run any of the later forks */
            .sponsored_first = EVM_NEVER,
            .sponsored_end = EVM_NEVER,
            .deposit_first = EVM_NEVER,
            .irregular_number = EVM_NEVER,
        },
    .finality_depth = 64,
};
