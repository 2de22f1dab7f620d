/* link.c - exchange groups in the rows of a transaction (taint-spec 8). The rules, and why none of them
 * cleanses, are in docs/linking.md; the names of its parts are used here.
 *
 * Venues are nodes; rows between them join nodes to clusters. A cluster is a group if one account pays into
 * it and every node is explained: by the events of a pool, as a wrapper, or because it gave out no more than
 * it got. Everything else stays unlinked and is counted. */
#include "decode.h"

#include <stdlib.h>

#define NOBODY UINT32_MAX
#define SLOTS 8u        /* assets of a pool */
#define WORTH_FACTOR 4u /* what the two sides of a swap in a shared vault may differ by (docs/linking.md) */

static const struct address nobody = {{0}};

/* What the swap events of a pool say that it took and gave, by its own numbering of assets, or by token. */
struct pool {
    enum link_rule rule;
    bool broken; /* events of two kinds, too many assets, or sums beyond 256 bits */
    struct slot {
        struct address token; /* swap.balancer */
        struct u256 in, out;
    } slots[SLOTS];
    size_t slot_count;
};

/* A venue; a wrapper is a node for each account that it deals with. */
struct node {
    struct address venue, partner;
    bool wrapper;
    uint32_t parent; /* of the cluster's tree */
    uint32_t rules;
    struct pool *pool; /* NULL: no swap event */
    size_t flow, flow_end;
};

struct move {
    size_t row;
    const struct address *from, *to; /* the venue at that end, NULL: outside */
    uint32_t from_node, to_node;     /* NOBODY: outside */
    bool done;
};

/* What a node got and gave of one asset. */
struct flow {
    uint32_t node;
    const struct asset *asset;
    struct u256 in, out;
};

struct linking {
    const struct evm_network *network;
    const struct link_facts *facts;
    const struct evm_receipt *receipt;
    struct rows *rows;
    size_t first;
    struct move *moves;
    size_t move_count;
    struct node *nodes;
    size_t node_count;
    struct flow *flows;
    size_t flow_count;
    bool overflow; /* sums beyond 256 bits: nothing is linked */
    uint32_t group_count;
};

static struct transfer *row_of(const struct linking *linking, const struct move *move)
{
    return &linking->rows->items[move->row];
}

static bool can_be_leg(const struct transfer *row)
{
    return (row->kind == TRANSFER_VALUE || row->kind == TRANSFER_INTERNAL || row->kind == TRANSFER_TOKEN) &&
           !u256_is_zero(row->amount) && !address_equal(row->from, row->to);
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

static const struct address *find_venue(const struct link_facts *facts, struct address address)
{
    return bsearch(&address, facts->venues, facts->venue_count, sizeof *facts->venues, order_addresses);
}

/* The venue at an end of a row. Void stands for the token's contract, which makes and takes back its units.
 */
static const struct address *venue_at(const struct link_facts *facts, struct address end,
                                      const struct asset *asset)
{
    if (!address_is_void(end))
        return find_venue(facts, end);
    return asset->kind == ASSET_NATIVE ? NULL : find_venue(facts, asset->contract);
}

/* ---- nodes ---- */

/* False: more moves than are looked at. */
static bool find_moves(struct linking *linking)
{
    for (size_t i = linking->first; i < linking->rows->count; i++) {
        const struct transfer *row = &linking->rows->items[i];
        if (!can_be_leg(row))
            continue;
        struct move move = {.row = i,
                            .from = venue_at(linking->facts, row->from, &row->asset),
                            .to = venue_at(linking->facts, row->to, &row->asset)};
        if (!move.from && !move.to)
            continue;
        if (linking->move_count == TRACER_LINK_MOVES_MAX)
            return false;
        linking->moves[linking->move_count++] = move;
    }
    return true;
}

/* Does the account outside both pay into the wrapper and get something from it? */
static bool deals_with(const struct linking *linking, const struct address *wrapper, struct address account)
{
    bool pays = false, gets = false;
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        const struct transfer *row = row_of(linking, move);
        pays |= move->to == wrapper && !move->from && address_equal(row->from, account);
        gets |= move->from == wrapper && !move->to && address_equal(row->to, account);
    }
    return pays && gets;
}

static uint32_t node_for(struct linking *linking, const struct address *venue,
                         const struct address *other_venue, struct address other)
{
    if (!venue)
        return NOBODY;
    bool wrapper = is_wrapper(linking->network, *venue);
    struct address partner = nobody;
    if (wrapper && other_venue)
        partner = *other_venue;
    else if (wrapper && deals_with(linking, venue, other))
        partner = other;
    uint32_t i = 0;
    while (i < linking->node_count && !(address_equal(linking->nodes[i].venue, *venue) &&
                                        address_equal(linking->nodes[i].partner, partner)))
        i++;
    if (i == linking->node_count)
        linking->nodes[linking->node_count++] =
            (struct node){.venue = *venue, .partner = partner, .wrapper = wrapper, .parent = i};
    return i;
}

static uint32_t cluster_of(struct linking *linking, uint32_t node)
{
    while (linking->nodes[node].parent != node)
        node = linking->nodes[node].parent = linking->nodes[linking->nodes[node].parent].parent;
    return node;
}

static void find_nodes(struct linking *linking)
{
    for (size_t i = 0; i < linking->move_count; i++) {
        struct move *move = &linking->moves[i];
        const struct transfer *row = row_of(linking, move);
        move->from_node = node_for(linking, move->from, move->to, row->to);
        move->to_node = node_for(linking, move->to, move->from, row->from);
        if (move->from && move->to)
            linking->nodes[cluster_of(linking, move->from_node)].parent = cluster_of(linking, move->to_node);
    }
}

static int order_flows(const void *a, const void *b)
{
    const struct flow *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return asset_compare(x->asset, y->asset);
}

static void find_flows(struct linking *linking)
{
    struct flow *flows = linking->flows;
    size_t count = 0;
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        const struct transfer *row = row_of(linking, move);
        if (move->from)
            flows[count++] = (struct flow){move->from_node, &row->asset, {{0}}, row->amount};
        if (move->to)
            flows[count++] = (struct flow){move->to_node, &row->asset, row->amount, {{0}}};
    }
    qsort(flows, count, sizeof *flows, order_flows);
    for (size_t i = 0; i < count; i++) {
        struct flow *last = linking->flow_count ? &flows[linking->flow_count - 1] : NULL;
        if (!last || order_flows(last, &flows[i]) != 0) {
            flows[linking->flow_count++] = flows[i];
            continue;
        }
        bool fits = u256_add(last->in, flows[i].in, &last->in);
        fits = u256_add(last->out, flows[i].out, &last->out) && fits;
        linking->overflow |= !fits;
    }
    for (size_t i = 0; i < linking->flow_count; i++) {
        struct node *node = &linking->nodes[flows[i].node];
        if (node->flow_end == 0)
            node->flow = i;
        node->flow_end = i + 1;
    }
}

/* ---- events ---- */

/* facts: events, DEX */
static const struct swap_event {
    struct hash topic;
    enum link_rule rule;
    uint8_t topics, words;
} events[] = {
    {{{0xd7, 0x8a, 0xd9, 0x5f, 0xa4, 0x6c, 0x99, 0x4b, 0x65, 0x51, 0xd0, 0xda, 0x85, 0xfc, 0x27, 0x5f,
       0xe6, 0x13, 0xce, 0x37, 0x65, 0x7f, 0xb8, 0xd5, 0xe3, 0xd1, 0x30, 0x84, 0x01, 0x59, 0xd8, 0x22}},
     LINK_SWAP_V2,
     3,
     4},
    {{{0xc4, 0x20, 0x79, 0xf9, 0x4a, 0x63, 0x50, 0xd7, 0xe6, 0x23, 0x5f, 0x29, 0x17, 0x49, 0x24, 0xf9,
       0x28, 0xcc, 0x2a, 0xc8, 0x18, 0xeb, 0x64, 0xfe, 0xd8, 0x00, 0x4e, 0x11, 0x5f, 0xbc, 0xca, 0x67}},
     LINK_SWAP_V3,
     3,
     5},
    {{{0x19, 0xb4, 0x72, 0x79, 0x25, 0x6b, 0x2a, 0x23, 0xa1, 0x66, 0x5c, 0x81, 0x0c, 0x8d, 0x55, 0xa1,
       0x75, 0x89, 0x40, 0xee, 0x09, 0x37, 0x7d, 0x4f, 0x8d, 0x26, 0x49, 0x7a, 0x35, 0x77, 0xdc, 0x83}},
     LINK_SWAP_V3,
     3,
     7}, /* PancakeSwap */
    {{{0x8b, 0x3e, 0x96, 0xf2, 0xb8, 0x89, 0xfa, 0x77, 0x1c, 0x53, 0xc9, 0x81, 0xb4, 0x0d, 0xaf, 0x00,
       0x5f, 0x63, 0xf6, 0x37, 0xf1, 0x86, 0x9f, 0x70, 0x70, 0x52, 0xd1, 0x5a, 0x3d, 0xd9, 0x71, 0x40}},
     LINK_SWAP_CURVE,
     2,
     4},
    {{{0xb2, 0xe7, 0x6a, 0xe9, 0x97, 0x61, 0xdc, 0x13, 0x6e, 0x59, 0x8d, 0x4a, 0x62, 0x9b, 0xb3, 0x47,
       0xec, 0xcb, 0x95, 0x32, 0xa5, 0xf8, 0xbb, 0xd7, 0x2e, 0x18, 0x46, 0x7c, 0x3c, 0x34, 0xcc, 0x98}},
     LINK_SWAP_CURVE,
     2,
     4},
    {{{0x14, 0x3f, 0x1f, 0x8e, 0x86, 0x1f, 0xbd, 0xed, 0xdd, 0x5b, 0x46, 0xe8, 0x44, 0xb7, 0xd3, 0xac,
       0x7b, 0x86, 0xa1, 0x22, 0xf3, 0x6e, 0x8c, 0x46, 0x38, 0x59, 0xee, 0x68, 0x11, 0xb1, 0xf2, 0x9c}},
     LINK_SWAP_CURVE,
     2,
     6},
    {{{0xd0, 0x13, 0xca, 0x23, 0xe7, 0x7a, 0x65, 0x00, 0x3c, 0x2c, 0x65, 0x9c, 0x54, 0x42, 0xc0, 0x0c,
       0x80, 0x53, 0x71, 0xb7, 0xfc, 0x1e, 0xbd, 0x4c, 0x20, 0x6c, 0x41, 0xd1, 0x53, 0x6b, 0xd9, 0x0b}},
     LINK_SWAP_CURVE,
     2,
     4}, /* TokenExchangeUnderlying */
    {{{0x21, 0x70, 0xc7, 0x41, 0xc4, 0x15, 0x31, 0xae, 0xc2, 0x0e, 0x7c, 0x10, 0x7c, 0x24, 0xee, 0xcf,
       0xdd, 0x15, 0xe6, 0x9c, 0x9b, 0xb0, 0xa8, 0xdd, 0x37, 0xb1, 0x84, 0x0b, 0x9e, 0x0b, 0x20, 0x7b}},
     LINK_SWAP_BALANCER,
     4,
     2},
    {{{0xd6, 0xd4, 0xf5, 0x68, 0x1c, 0x24, 0x6c, 0x9f, 0x42, 0xc2, 0x03, 0xe2, 0x87, 0x97, 0x5a, 0xf1,
       0x60, 0x1f, 0x8d, 0xf8, 0x03, 0x5a, 0x92, 0x51, 0xf7, 0x9a, 0xab, 0x5c, 0x8f, 0x09, 0xe2, 0xf8}},
     LINK_SWAP_1INCH,
     1,
     6},
};

static void slot_add(struct pool *pool, size_t slot, struct u256 in, struct u256 out)
{
    if (slot >= SLOTS) {
        pool->broken = true;
        return;
    }
    struct slot *to = &pool->slots[slot];
    bool fits = u256_add(to->in, in, &to->in);
    fits = u256_add(to->out, out, &to->out) && fits;
    pool->broken |= !fits;
    if (pool->slot_count <= slot)
        pool->slot_count = slot + 1;
}

/* The slot of a token of a vault, SLOTS if there is no room for it. */
static size_t slot_of_token(struct pool *pool, const struct hash *word)
{
    struct address token;
    size_t slot = 0;
    if (!log_address(word, &token))
        return SLOTS;
    while (slot < pool->slot_count && !address_equal(pool->slots[slot].token, token))
        slot++;
    if (slot < SLOTS)
        pool->slots[slot].token = token;
    return slot;
}

static size_t slot_of_number(struct u256 number)
{
    return u256_fits_u64(number) && number.limb[0] < SLOTS ? (size_t)number.limb[0] : SLOTS;
}

/* A signed word: what is below zero went out. */
static void slot_add_signed(struct pool *pool, size_t slot, struct u256 value)
{
    struct u256 zero = {{0}}, out;
    if (value.limb[3] >> 63 == 0) {
        slot_add(pool, slot, value, zero);
        return;
    }
    bool borrowed = !u256_sub(zero, value, &out); /* 2^256 - value */
    pool->broken |= !borrowed;
    slot_add(pool, slot, zero, out);
}

static void read_swap(struct pool *pool, const struct evm_log *log)
{
    struct u256 zero = {{0}};
    switch (pool->rule) {
    case LINK_SWAP_V2:
        slot_add(pool, 0, log_number(log, 0), log_number(log, 2));
        slot_add(pool, 1, log_number(log, 1), log_number(log, 3));
        break;
    case LINK_SWAP_V3:
        slot_add_signed(pool, 0, log_number(log, 0));
        slot_add_signed(pool, 1, log_number(log, 1));
        break;
    case LINK_SWAP_CURVE:
        slot_add(pool, slot_of_number(log_number(log, 0)), log_number(log, 1), zero);
        slot_add(pool, slot_of_number(log_number(log, 2)), zero, log_number(log, 3));
        break;
    default: /* LINK_SWAP_BALANCER */
        slot_add(pool, slot_of_token(pool, &log->topics[2]), log_number(log, 0), zero);
        slot_add(pool, slot_of_token(pool, &log->topics[3]), zero, log_number(log, 1));
        break;
    }
}

static const struct swap_event *event_of(const struct evm_log *log)
{
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (log->topic_count == events[i].topics && hash_equal(log->topics[0], events[i].topic) &&
            log_has_words(log, events[i].words))
            return &events[i];
    return NULL;
}

/* Only events of venues count: anybody can log anything (threat-model X4, X8). */
static enum tracer_status read_events(struct linking *linking)
{
    for (size_t i = 0; i < linking->receipt->log_count; i++) {
        const struct evm_log *log = &linking->receipt->logs[i];
        const struct swap_event *event = event_of(log);
        if (!event || !find_venue(linking->facts, log->address))
            continue;
        for (size_t n = 0; n < linking->node_count; n++) {
            struct node *node = &linking->nodes[n];
            if (!address_equal(node->venue, log->address))
                continue;
            if (event->rule == LINK_SWAP_1INCH) {
                node->rules |= LINK_SWAP_1INCH;
                continue;
            }
            if (!node->pool && !(node->pool = arena_calloc(linking->rows->arena, 1, sizeof *node->pool)))
                return no_memory(linking->rows->err);
            if (!node->pool->rule)
                node->pool->rule = event->rule;
            if (node->pool->rule == event->rule)
                read_swap(node->pool, log);
            else
                node->pool->broken = true;
        }
    }
    return TRACER_OK;
}

/* ---- does a node explain what it gave? ---- */

/* Every asset that moved at the pool is one slot of its events, with the same sums, or went through it whole
 * (a pool that wraps for itself); no slot is left over. */
static bool sums_match(const struct pool *pool, const struct flow *flows, size_t count)
{
    bool used[SLOTS] = {false};
    size_t open = 0, matched = 0;
    for (size_t s = 0; s < pool->slot_count; s++)
        open += !u256_is_zero(pool->slots[s].in) || !u256_is_zero(pool->slots[s].out);
    for (size_t f = 0; f < count; f++) {
        size_t s = 0;
        while (s < pool->slot_count && (used[s] || !u256_equal(pool->slots[s].in, flows[f].in) ||
                                        !u256_equal(pool->slots[s].out, flows[f].out)))
            s++;
        if (s < pool->slot_count) {
            used[s] = true;
            matched++;
        } else if (!u256_equal(flows[f].in, flows[f].out)) {
            return false;
        }
    }
    return matched == open;
}

/* in - out is the same on both sides. */
static bool same_net(struct u256 in, struct u256 out, struct u256 other_in, struct u256 other_out)
{
    struct u256 left, right;
    return u256_add(in, other_out, &left) && u256_add(other_in, out, &right) && u256_equal(left, right);
}

/* The net of every asset at the vault is that of its events by token. */
static bool nets_match(const struct pool *pool, const struct flow *flows, size_t count)
{
    bool used[SLOTS] = {false};
    for (size_t f = 0; f < count; f++) {
        size_t s = 0;
        while (s < pool->slot_count && !(flows[f].asset->kind == ASSET_TOKEN &&
                                         address_equal(flows[f].asset->contract, pool->slots[s].token)))
            s++;
        struct slot none = {.in = {{0}}}, slot = s < pool->slot_count ? pool->slots[s] : none;
        if (!same_net(flows[f].in, flows[f].out, slot.in, slot.out))
            return false;
        if (s < pool->slot_count)
            used[s] = true;
    }
    for (size_t s = 0; s < pool->slot_count; s++)
        if (!used[s] && !u256_equal(pool->slots[s].in, pool->slots[s].out))
            return false;
    return true;
}

/* The rule of a wrapper's dealings with one partner; 0: none. */
static uint32_t wrapper_rule(const struct node *node, const struct flow *flows, size_t count)
{
    const struct flow *own = NULL, *native = NULL;
    size_t gets = 0, gives = 0; /* of other assets */
    for (size_t f = 0; f < count; f++) {
        int net = u256_compare(flows[f].in, flows[f].out);
        if (flows[f].asset->kind == ASSET_TOKEN && address_equal(flows[f].asset->contract, node->venue)) {
            own = &flows[f];
            continue;
        }
        if (flows[f].asset->kind == ASSET_NATIVE)
            native = &flows[f];
        gets += net > 0;
        gives += net < 0;
    }
    int net = own ? u256_compare(own->in, own->out) : 0;
    bool equal = own && native && gets + gives == 1 && same_net(own->in, own->out, native->out, native->in);
    if (net < 0 && gets > 0 && gives == 0)
        return equal ? LINK_WRAP : LINK_ISSUE;
    if (net > 0 && gives > 0 && gets == 0)
        return equal ? LINK_UNWRAP : LINK_REDEEM;
    return 0;
}

static bool explain(const struct linking *linking, struct node *node)
{
    const struct flow *flows = linking->flows + node->flow;
    size_t count = node->flow_end - node->flow;
    bool gives = false;
    for (size_t f = 0; f < count; f++)
        gives |= u256_compare(flows[f].out, flows[f].in) > 0;
    if (node->pool) {
        node->rules |= node->pool->rule;
        return !node->pool->broken &&
               (node->pool->rule == LINK_SWAP_BALANCER ? nets_match(node->pool, flows, count)
                                                       : sums_match(node->pool, flows, count));
    }
    if (!gives)
        return true;
    uint32_t rule = node->wrapper ? wrapper_rule(node, flows, count) : 0;
    node->rules |= rule;
    return rule != 0;
}

/* ---- clusters ---- */

static int order_known(const void *key, const void *item)
{
    return asset_compare(key, &((const struct taint_asset *)item)->asset);
}

static const struct taint_asset *find_asset(const struct link_facts *facts, const struct asset *asset)
{
    return bsearch(asset, facts->assets, facts->asset_count, sizeof *facts->assets, order_known);
}

struct cluster {
    uint32_t root, rules;
    bool has_in, has_out;
    size_t last_in; /* row */
};

static bool belongs(struct linking *linking, const struct cluster *cluster, const struct move *move)
{
    return cluster_of(linking, move->from ? move->from_node : move->to_node) == cluster->root;
}

static bool is_in(const struct move *move)
{
    return !move->from;
}

static bool is_out(const struct move *move)
{
    return !move->to;
}

/* One account outside pays; nobody is void. */
static bool one_payer(struct linking *linking, const struct cluster *cluster)
{
    const struct transfer *first = NULL;
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        const struct transfer *row = row_of(linking, move);
        if (!belongs(linking, cluster, move))
            continue;
        if ((is_in(move) && address_is_void(row->from)) || (is_out(move) && address_is_void(row->to)))
            return false;
        if (!is_in(move))
            continue;
        if (first && !address_equal(first->from, row->from))
            return false;
        first = row;
    }
    return true;
}

/* What the cluster got and gave outside of an asset. False: beyond 256 bits. */
static bool cluster_sums(struct linking *linking, const struct cluster *cluster, const struct asset *asset,
                         struct u256 *ret_in, struct u256 *ret_out)
{
    *ret_in = *ret_out = (struct u256){{0}};
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        const struct transfer *row = row_of(linking, move);
        if ((move->from && move->to) || !belongs(linking, cluster, move) || !asset_equal(&row->asset, asset))
            continue;
        struct u256 *sum = is_in(move) ? ret_in : ret_out;
        if (!u256_add(*sum, row->amount, sum))
            return false;
    }
    return true;
}

/* Taint may only move onto recognised assets; what comes back in kind may be any. */
static bool outs_are_recognised(struct linking *linking, const struct cluster *cluster)
{
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        const struct transfer *row = row_of(linking, move);
        struct u256 in, out;
        if (!is_out(move) || !belongs(linking, cluster, move) || find_asset(linking->facts, &row->asset))
            continue;
        if (!cluster_sums(linking, cluster, &row->asset, &in, &out) || u256_compare(out, in) > 0)
            return false;
    }
    return true;
}

static bool add_worth(struct u256 *sum, const struct taint_asset *asset, struct u256 amount)
{
    struct u256 unit = u256_from_u64(1), worth;
    for (uint32_t i = 0; i < asset->decimals; i++) {
        struct u512 product = u256_mul(unit, u256_from_u64(10)); /* 10^77 < 2^256 */
        unit = (struct u256){{product.limb[0], product.limb[1], product.limb[2], product.limb[3]}};
    }
    return u256_mul_div(amount, u256_from_u64(asset->weight), unit, &worth) && u256_add(*sum, worth, sum);
}

/* In a vault where anybody may open a pool, both sides must be worth about the same. */
static bool worth_is_kept(struct linking *linking, const struct cluster *cluster)
{
    struct u256 paid = {{0}}, got = {{0}}, most;
    if (!(cluster->rules & LINK_SWAP_BALANCER))
        return true;
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        const struct transfer *row = row_of(linking, move);
        if ((move->from && move->to) || !belongs(linking, cluster, move))
            continue;
        const struct taint_asset *asset = find_asset(linking->facts, &row->asset);
        if (!asset || asset->weight == 0 || !add_worth(is_in(move) ? &paid : &got, asset, row->amount))
            return false;
    }
    struct u256 factor = u256_from_u64(WORTH_FACTOR), one = u256_from_u64(1);
    return u256_mul_div(paid, factor, one, &most) && u256_compare(got, most) <= 0 &&
           u256_mul_div(got, factor, one, &most) && u256_compare(paid, most) <= 0;
}

/* 8.2 (c): nobody spends what it bought before it was paid for. */
static bool order_allows(struct linking *linking, const struct cluster *cluster)
{
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        const struct transfer *out = row_of(linking, move);
        if (!is_out(move) || !belongs(linking, cluster, move))
            continue;
        for (size_t r = move->row + 1; r <= cluster->last_in; r++) {
            const struct transfer *row = &linking->rows->items[r];
            if (!u256_is_zero(row->amount) && !address_equal(row->from, row->to) &&
                address_equal(row->from, out->to) && asset_equal(&row->asset, &out->asset))
                return false;
        }
    }
    return true;
}

static bool is_exchange(struct linking *linking, struct cluster *cluster)
{
    for (size_t n = 0; n < linking->node_count; n++) {
        if (cluster_of(linking, (uint32_t)n) != cluster->root)
            continue;
        if (!explain(linking, &linking->nodes[n]))
            return false;
        cluster->rules |= linking->nodes[n].rules;
    }
    return one_payer(linking, cluster) && outs_are_recognised(linking, cluster) &&
           worth_is_kept(linking, cluster) && order_allows(linking, cluster);
}

static void write_legs(struct linking *linking, const struct cluster *cluster)
{
    uint32_t link = link_pack(++linking->group_count, cluster->rules ? cluster->rules : LINK_PASS);
    for (size_t i = 0; i < linking->move_count; i++) {
        const struct move *move = &linking->moves[i];
        struct transfer *row = row_of(linking, move);
        if ((move->from && move->to) || !belongs(linking, cluster, move))
            continue;
        row->link = link;
        row->leg = is_in(move) ? LEG_IN : LEG_OUT;
    }
}

static void link_clusters(struct linking *linking, struct evm_notes *notes)
{
    for (size_t i = 0; i < linking->move_count; i++) {
        if (linking->moves[i].done)
            continue;
        struct move *begin = &linking->moves[i];
        struct cluster cluster = {.root =
                                      cluster_of(linking, begin->from ? begin->from_node : begin->to_node)};
        for (size_t k = i; k < linking->move_count; k++) {
            struct move *move = &linking->moves[k];
            if (!belongs(linking, &cluster, move))
                continue;
            move->done = true;
            cluster.has_out |= is_out(move);
            if (!is_in(move))
                continue;
            cluster.has_in = true;
            cluster.last_in = move->row;
        }
        if (!cluster.has_in || !cluster.has_out)
            continue;
        if (!linking->overflow && is_exchange(linking, &cluster))
            write_legs(linking, &cluster);
        else
            notes->unlinked++;
    }
}

static bool touches_venue(const struct rows *rows, size_t first, const struct link_facts *facts)
{
    for (size_t i = first; i < rows->count; i++) {
        const struct transfer *row = &rows->items[i];
        if (can_be_leg(row) &&
            (venue_at(facts, row->from, &row->asset) || venue_at(facts, row->to, &row->asset)))
            return true;
    }
    return false;
}

enum tracer_status rows_link(struct rows *rows, size_t first, const struct evm_network *network,
                             const struct evm_receipt *receipt, struct evm_notes *notes)
{
    struct linking linking = {
        .network = network, .facts = network->links, .receipt = receipt, .rows = rows, .first = first};
    if (!touches_venue(rows, first, network->links))
        return TRACER_OK;
    struct arena_mark mark = arena_mark(rows->arena);
    size_t most = rows->count - first < TRACER_LINK_MOVES_MAX ? rows->count - first : TRACER_LINK_MOVES_MAX;
    linking.moves = arena_calloc(rows->arena, most, sizeof *linking.moves);
    linking.nodes = arena_calloc(rows->arena, 2 * most, sizeof *linking.nodes);
    linking.flows = arena_calloc(rows->arena, 2 * most, sizeof *linking.flows);
    if (!linking.moves || !linking.nodes || !linking.flows)
        return no_memory(rows->err);
    enum tracer_status status = TRACER_OK;
    if (find_moves(&linking)) {
        find_nodes(&linking);
        find_flows(&linking);
        status = read_events(&linking);
        if (!status)
            link_clusters(&linking, notes);
    } else {
        notes->unlinked++;
    }
    arena_reset(rows->arena, mark);
    return status;
}
