/* link.h - exchange groups that ingest finds in a transaction (taint-spec 8): what it must know for that, and
 * the rules it used. The rules, and why none of them cleanses: docs/linking.md.
 */
#ifndef TRACER_LINK_H
#define TRACER_LINK_H

#include "tracer/input.h"

/* What an exchange may be recognised by. Arrays are the caller's. */
struct link_facts {
    const struct address *venues; /* contracts of class venue, in order, each once */
    size_t venue_count;
    const struct taint_asset *assets; /* recognised ones, in the order of asset_compare() */
    size_t asset_count;
};

/* Evidence of a group: what its venues did. A sum of these. */
enum link_rule {
    LINK_PASS = 1u << 0, /* alone: the venues gave out no more than they got */
    LINK_WRAP = 1u << 1,
    LINK_UNWRAP = 1u << 2,
    LINK_ISSUE = 1u << 3,
    LINK_REDEEM = 1u << 4,
    LINK_SWAP_V2 = 1u << 5,
    LINK_SWAP_V3 = 1u << 6,
    LINK_SWAP_CURVE = 1u << 7,
    LINK_SWAP_BALANCER = 1u << 8,
    LINK_SWAP_1INCH = 1u << 9,
};
#define LINK_RULE_COUNT 10u

/* `link` of a row that ingest linked: the group's number in its transaction, from 1 on, and its rules. Equal
 * links of one transaction are one group, as everywhere; links of imported rows hold no rules. */
#define LINK_RULE_BITS 12u
#define LINK_NUMBER_MAX (1u << 18)
static inline uint32_t link_pack(uint32_t number, uint32_t rules)
{
    return (number - 1) << LINK_RULE_BITS | rules;
}
static inline uint32_t link_rules(uint32_t link)
{
    return link & ((1u << LINK_RULE_BITS) - 1);
}

#define LINK_RULES_TEXT_SIZE 128
/** "wrap+swap.v2"; "" for none or for bits that are no rules. Returns `to`. */
const char *link_rules_text(uint32_t rules, char to[static LINK_RULES_TEXT_SIZE]);

#endif
