/* link.c - the names of the rules of link.h. */
#include "tracer/link.h"

static const char *const names[LINK_RULE_COUNT] = {"pass",          "wrap",      "unwrap",  "issue",
                                                   "redeem",        "swap.v2",   "swap.v3", "swap.curve",
                                                   "swap.balancer", "swap.1inch"};

const char *link_rules_text(uint32_t rules, char to[static LINK_RULES_TEXT_SIZE])
{
    size_t length = 0;
    to[0] = '\0';
    if (rules >> LINK_RULE_COUNT)
        return to;
    for (size_t i = 0; i < LINK_RULE_COUNT; i++) {
        size_t size = strlen(names[i]);
        if (!(rules >> i & 1))
            continue;
        if (length)
            to[length++] = '+';
        memcpy(to + length, names[i], size + 1);
        length += size;
    }
    return to;
}
