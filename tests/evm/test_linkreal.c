/* Exchange groups in recorded blocks of Ethereum mainnet (the shared data; skipped where it is absent), with
 * the venues and assets of the registry. */
#include "evm/texts.h"
#include "tracer/label.h"

struct world {
    struct arena *arena;
    struct label_set *labels;
    struct link_facts facts;
    struct evm_network network;
};

static int order_address(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

static int order_asset(const void *a, const void *b)
{
    return asset_compare(&((const struct taint_asset *)a)->asset, &((const struct taint_asset *)b)->asset);
}

static void open_world(struct world *world, const char *const *pools, size_t pool_count)
{
    struct taint_label *labels;
    struct token tokens[256];
    size_t label_count, token_count, venue_count = 0;
    *world = (struct world){.arena = arena_new(TRACER_GIB(2))};
    cr_assert_eq(label_set_new(&world->labels, NULL), TRACER_OK);
    cr_assert_eq(label_add_builtin(world->labels, NULL), TRACER_OK);
    cr_assert_eq(label_classes(world->labels, 1, world->arena, &labels, &label_count, NULL), TRACER_OK);
    token_count = registry_tokens(1, tokens, 256);
    cr_assert_leq(token_count, 256);
    struct address *venues = arena_calloc(world->arena, label_count + pool_count, sizeof *venues);
    struct taint_asset *assets = arena_calloc(world->arena, token_count, sizeof *assets);
    for (size_t i = 0; i < label_count; i++)
        if (labels[i].class_ == CLASS_VENUE)
            venues[venue_count++] = labels[i].address;
    for (size_t i = 0; i < pool_count; i++)
        cr_assert(address_parse(pools[i], strlen(pools[i]), &venues[venue_count++]));
    for (size_t i = 0; i < token_count; i++)
        assets[i] = tokens[i].asset;
    qsort(venues, venue_count, sizeof *venues, order_address);
    qsort(assets, token_count, sizeof *assets, order_asset);
    world->facts = (struct link_facts){venues, venue_count, assets, token_count};
    world->network = (struct evm_network){
        .rules = &chain_rules_find("ethereum")->evm, .chain_id = 1, .links = &world->facts};
    world->network.wrappers = registry_wrappers(1, &world->network.wrapper_count);
}

static void close_world(struct world *world)
{
    label_set_free(world->labels);
    arena_free(world->arena);
}

static uint32_t decode(struct world *world, uint64_t number, const char *traces, struct block *ret_block)
{
    char name[64], *owned[3] = {NULL};
    struct json_span receipts;
    struct error err;
    struct evm_notes notes;
    struct evm_replies replies = {.number = number, .receipts = &receipts, .receipt_count = 1};
    snprintf(name, sizeof name, "blocks/block-%" PRIu64 ".json", number);
    replies.block = load_result(name, &owned[0]);
    snprintf(name, sizeof name, "blocks/receipts-%" PRIu64 ".json", number);
    receipts = load_result(name, &owned[1]);
    if (traces) {
        replies.traces_kind = EVM_TRACES_CALL_TRACER;
        replies.traces = load_result(traces, &owned[2]);
    }
    cr_assert_eq(evm_decode_block(&world->network, &replies, world->arena, ret_block, &notes, &err),
                 TRACER_OK, "%s", err.text);
    for (size_t i = 0; i < 3; i++)
        free(owned[i]);
    return notes.unlinked;
}

/* The legs of a transaction: "i 0.1 A>B 50; ..." with the first four digits of asset and accounts, and the
 * rules. */
static void expect_legs(const struct block *block, int32_t index, const char *want)
{
    char *got, rules[LINK_RULES_TEXT_SIZE];
    size_t size;
    uint32_t link = 0;
    FILE *out = open_memstream(&got, &size);
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        char asset[ASSET_TEXT_SIZE], from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], amount[U256_DECIMAL_MAX];
        if (row->position.transaction_index != index || !row->link)
            continue;
        cr_assert(link == 0 || link == row->link);
        link = row->link;
        asset_format(row->asset, asset);
        address_format(row->from, from);
        address_format(row->to, to);
        u256_format_decimal(row->amount, amount);
        fprintf(out, "%s %.6s %.6s>%.6s %s; ", row->leg == LEG_IN ? "in" : "out", asset, from, to, amount);
    }
    fprintf(out, "%s", link_rules_text(link_rules(link), rules));
    fclose(out);
    cr_assert_str_eq(got, want);
    free(got);
}

static bool is_venue(const struct world *world, struct address address)
{
    return address_is_void(address) ||
           bsearch(&address, world->facts.venues, world->facts.venue_count, sizeof address, order_address);
}

/* Spec 8.2, the promise of one payer, and that what comes out is recognised or went in: of every group. */
static unsigned check_groups(const struct world *world, const struct block *block)
{
    unsigned groups = 0;
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *first = &block->transfers[i];
        bool seen = false, in = false, out = false;
        size_t begin = i, end = i, last_in = 0;
        struct address payer = {{0}};
        if (!first->link)
            continue;
        while (begin > 0 &&
               block->transfers[begin - 1].position.transaction_index == first->position.transaction_index)
            begin--;
        while (end < block->transfer_count &&
               block->transfers[end].position.transaction_index == first->position.transaction_index)
            end++;
        for (size_t k = begin; k < i; k++)
            seen |= block->transfers[k].link == first->link;
        if (seen)
            continue;
        groups++;
        for (size_t k = begin; k < end; k++) {
            const struct transfer *row = &block->transfers[k];
            if (row->link != first->link)
                continue;
            bool is_in = row->leg == LEG_IN;
            cr_assert(is_venue(world, is_in ? row->to : row->from) &&
                      !is_venue(world, is_in ? row->from : row->to));
            cr_assert(!is_in || !in || address_equal(payer, row->from));
            if (is_in) {
                payer = row->from;
                last_in = k;
            }
            in |= is_in;
            out |= !is_in;
        }
        cr_assert(in && out);
        for (size_t o = begin; o < last_in; o++)
            for (size_t k = o + 1; k <= last_in; k++) {
                const struct transfer *bought = &block->transfers[o], *row = &block->transfers[k];
                cr_assert_not(bought->link == first->link && bought->leg == LEG_OUT &&
                              !u256_is_zero(row->amount) && address_equal(row->from, bought->to) &&
                              asset_equal(&row->asset, &bought->asset));
            }
    }
    return groups;
}

static bool absent(void)
{
    char *owned;
    struct json_span text = load_result("blocks/block-12505500.json", &owned);
    free(owned);
    if (!text.text)
        cr_log_info("%s is not there: not run", data_directory());
    return !text.text;
}

/* Pools are not in the registry: taint follows the coin into them, through router and wrapper. */
Test(linkreal, pools_that_are_not_labelled_end_the_group)
{
    struct world world;
    struct block block;
    if (absent())
        return;
    open_world(&world, NULL, 0);
    cr_assert_eq(decode(&world, 12505500, "blocks/callTracer-12505500.json", &block), 2);
    expect_legs(
        &block, 81,
        "in native 0xc4b5>0x7a25 100000000000000000; out 0xc02a 0x7a25>0x1f96 100000000000000000; wrap");
    expect_legs(
        &block, 92,
        "out native 0x7a25>0x171f 2568312972011165899; in 0xc02a 0x984a>0x7a25 2568312972011165899; unwrap");
    expect_legs(&block, 128, /* a refund */
                "in native 0x24a1>0x7a25 313097844277850669; out native 0x7a25>0x24a1 25852115582574825; "
                "out 0xc02a 0x7a25>0xc762 287245728695275844; wrap");
    cr_assert_eq(check_groups(&world, &block), 12);
    close_world(&world);
}

Test(linkreal, labelled_pools_make_the_swap_one_group)
{
    static const char *const pools[] = {"0x0de0fa91b6dbab8c8503aaa2d1dfa91a192cb149",
                                        "0xbb2b8038a1640196fbe3e38816f3e67cba72d940"};
    struct world world;
    struct block block;
    if (absent())
        return;
    open_world(&world, pools, 2);
    decode(&world, 12505500, "blocks/callTracer-12505500.json", &block);
    expect_legs(
        &block, 17, /* ether to WBTC at one pool, that to USDT at the other */
        "in native 0x4589>0x7a25 100000000000000000; out 0xdac1 0x0de0>0x4589 251475787; wrap+swap.v2");
    check_groups(&world, &block);
    close_world(&world);
}

Test(linkreal, balancer_curve_and_staking)
{
    struct world world;
    struct block block;
    if (absent())
        return;
    open_world(&world, NULL, 0);
    decode(&world, 17034870, NULL, &block);
    expect_legs(&block, 133,
                "in 0xc02a 0x16d5>0xba12 91000000000000000; out 0xae78 0xba12>0xf1cb 85250402043920592; "
                "swap.balancer");
    expect_legs(&block, 135,
                "in native 0x23c1>0xae7a 57096684592090318; out 0xae7a 0x0000>0x23c1 57096684592090317; "
                "issue");
    decode(&world, 22431084, NULL, &block);
    expect_legs(&block, 42,
                "in 0xc02a 0x16d5>0xba12 433410975363818; out 0xae78 0xba12>0x47ea 381986670507558; "
                "swap.balancer");
    char rules[LINK_RULES_TEXT_SIZE];
    for (size_t i = 0; i < block.transfer_count; i++)
        if (block.transfers[i].position.transaction_index == 12 && block.transfers[i].position.index == 6)
            cr_assert_str_eq(link_rules_text(link_rules(block.transfers[i].link), rules), "swap.curve");
    close_world(&world);
}

Test(linkreal, every_group_of_the_recorded_blocks_is_valid)
{
    static const uint64_t numbers[] = {12505500, 14764013, 17034870, 17062257, 19426586,
                                       19426587, 22162263, 22431083, 22431084};
    struct world world;
    unsigned groups = 0;
    if (absent())
        return;
    open_world(&world, NULL, 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct block block;
        decode(&world, numbers[i], NULL, &block);
        groups += check_groups(&world, &block);
    }
    cr_assert_gt(groups, 40);
    close_world(&world);
}
