/* test_client.c - opening and probing: which endpoints are the chain they should be (threat-model R3, R7). */
#include "chains/fake_chain.h"

static bool has_note(const struct chain_client *client, const char *part)
{
    for (size_t i = 0; chain_note(client, i); i++)
        if (strstr(chain_note(client, i), part))
            return true;
    return false;
}

Test(client, opens_and_says_what_is_offered)
{
    struct fake_chain chain = {.head = 40};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    uint64_t head;
    struct hash hash;
    char text[67], got[HASH_TEXT_SIZE];
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_null(chain_note(client, 0));
    cr_assert_eq(chain_client_traces(client), TRACES_CALL_TRACER_LOGS);
    cr_assert_eq(chain_head(client, FINALITY_FINALIZED, 0, &head, &err), TRACER_OK);
    cr_assert_eq(head, 30);
    cr_assert_eq(chain_head(client, FINALITY_LATEST, 5, &head, &err), TRACER_OK);
    cr_assert_eq(head, 40);
    cr_assert_eq(chain_head(client, FINALITY_DEPTH, 7, &head, &err), TRACER_OK);
    cr_assert_eq(head, 33);
    cr_assert_eq(chain_head(client, FINALITY_DEPTH, 70, &head, &err), TRACER_OK);
    cr_assert_eq(head, 0);
    cr_assert_eq(chain_block_hash(client, 12, &hash, &err), TRACER_OK);
    hash_format(hash, got);
    cr_assert_str_eq(got, fake_hash(&chain, 12, text));
    cr_assert_eq(chain_block_hash(client, 41, &hash, &err), TRACER_E_NOT_FOUND);
    chain_close(client);
    fake_close(&pool);
}

Test(client, R3_a_wrong_chain_id_is_refused)
{
    struct fake_chain right = {.head = 40}, wrong = {.head = 40, .chain_id = 778};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&right, &wrong}, 2, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_E_CHAIN);
    cr_assert_not_null(strstr(err.text, "endpoint \"beta\": its chain id is 778"), "%s", err.text);
    fake_close(&pool);
}

Test(client, R3_the_right_id_with_other_blocks_is_refused)
{
    struct fake_chain chain = {.head = 40};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    pool.network.anchor_hash.bytes[0] ^= 1;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_E_CHAIN);
    cr_assert_not_null(strstr(err.text, "its block 0 is 0x"), "%s", err.text);
    fake_close(&pool);
}

/* A test node with chain id 1 is not Ethereum. */
Test(client, R3_a_test_node_is_not_the_built_in_network)
{
    struct fake_chain chain = {.head = 40, .chain_id = 1};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct chain_network ethereum;
    struct error err;
    cr_assert(chain_builtin("ethereum", &ethereum));
    cr_assert_eq(chain_open(pool.rpc, &ethereum, &client, &err), TRACER_E_CHAIN);
    fake_close(&pool);
}

Test(client, R7_an_anchor_that_is_not_served_is_refused_with_advice)
{
    struct fake_chain pruned = {.head = 40, .oldest = 20}, whole = {.head = 40};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&pruned}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_E_CHAIN);
    cr_assert_not_null(strstr(err.text, "does not serve block 0"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "configure a network with an anchor that it serves"), "%s", err.text);
    fake_close(&pool);
    /* with another endpoint it is left out, and said */
    pool = fake_open((struct fake_chain *[]){&pruned, &whole}, 2, 0, NULL, NULL);
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert(has_note(client, "\"alpha\" is left out"));
    chain_close(client);
    /* an anchor that it serves */
    char hash[67];
    pool.network.anchor_number = 25;
    cr_assert(hash_parse(fake_hash(&whole, 25, hash), 66, &pool.network.anchor_hash));
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_not(has_note(client, "left out"));
    chain_close(client);
    fake_close(&pool);
}

Test(client, an_unreachable_endpoint_is_left_out_with_a_note)
{
    struct fake_chain chain = {.head = 40};
    struct fake_pool pool = fake_open((struct fake_chain *[]){NULL, &chain}, 2, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    uint64_t head;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert(has_note(client, "\"alpha\" is left out"));
    cr_assert_eq(chain_head(client, FINALITY_LATEST, 0, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(head, 40);
    chain_close(client);
    fake_close(&pool);
    pool = fake_open((struct fake_chain *[]){NULL}, 1, 0, NULL, NULL);
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_E_NETWORK);
    cr_assert_eq(err.status, TRACER_E_NETWORK);
    fake_close(&pool);
}

Test(client, the_head_is_what_all_endpoints_have)
{
    struct fake_chain ahead = {.head = 5000}, behind = {.head = 40};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&ahead, &behind}, 2, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    uint64_t head;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(chain_head(client, FINALITY_LATEST, 0, &head, &err), TRACER_OK);
    cr_assert_eq(head, 40);
    cr_assert(has_note(client, "endpoint \"alpha\" says 5000"));
    chain_close(client);
    fake_close(&pool);
}

Test(client, without_the_finalized_tag_a_depth_counts)
{
    struct fake_chain chain = {.head = 100, .no_finalized = true};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    uint64_t head;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(chain_head(client, FINALITY_FINALIZED, 0, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(head, 36);
    cr_assert(has_note(client, "64 blocks below the head"));
    chain_close(client);
    fake_close(&pool);
}

/* What three endpoints make of it, in every order. */
static void expect_head(struct fake_chain *liar, struct fake_chain *honest, struct fake_chain *other, uint64_t wanted, const char *note)
{
    for (int place = 0; place < 3; place++) {
        struct fake_chain *chains[] = {honest, honest, honest};
        chains[(place + 1) % 3] = other;
        chains[place] = liar;
        struct fake_pool pool = fake_open(chains, 3, 0, NULL, NULL);
        struct chain_client *client;
        struct error err;
        uint64_t head = 0;
        cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(chain_head(client, FINALITY_FINALIZED, 0, &head, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(head, wanted, "%" PRIu64 " with the liar in place %d", head, place);
        if (note) {
            char text[128];
            snprintf(text, sizeof text, note, rpc_endpoint_name(pool.rpc, (size_t)place));
            cr_assert(has_note(client, text), "%s", chain_note(client, 0));
        }
        chain_close(client);
        fake_close(&pool);
    }
}

Test(client, R4_R15_final_is_what_two_operators_call_so_whatever_a_third_says)
{
    struct fake_chain honest = {.head = 100}, behind = {.head = 98}, early = {.head = 100, .finalized = 99}, late = {.head = 100, .finalized = 3},
                      beyond = {.head = 100, .finalized = 7000};
    expect_head(&early, &honest, &behind, 90, NULL);
    expect_head(&late, &honest, &behind, 88, NULL);
    expect_head(&beyond, &honest, &behind, 90, "endpoint \"%s\" says that block 7000 is final, but no other operator has a block above 100");
}

Test(client, R4_R15_one_that_alone_offers_the_finalized_tag_decides_nothing)
{
    struct fake_chain honest = {.head = 100, .no_finalized = true}, liar = {.head = 100, .finalized = 99};
    expect_head(&liar, &honest, &honest, 36, NULL);
}

Test(client, R4_a_head_far_below_those_of_two_others_is_named_and_holds_nothing_up)
{
    struct fake_chain honest = {.head = 5000}, liar = {.head = 5000, .finalized = 3};
    expect_head(&liar, &honest, &honest, 4990, "endpoint \"%s\" says 3");
}

static struct chain_balance asked(struct address account, const struct asset *asset, uint64_t number)
{
    return (struct chain_balance){.account = account, .asset = asset, .number = number};
}

Test(client, balances_of_coins_tokens_and_items)
{
    struct fake_chain chain = {.head = 40};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    struct address account, other;
    struct asset token = {.kind = ASSET_TOKEN}, item = {.kind = ASSET_ITEM, .id = u256_from_u64(7)},
                 native = {0};
    cr_assert(address_parse(FAKE_A, 42, &account) && address_parse(FAKE_B, 42, &other));
    cr_assert(address_parse(FAKE_TOKEN, 42, &token.contract));
    item.contract = token.contract;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    struct chain_balance balances[] = {asked(account, &native, 10), asked(account, &native, 0), asked(account, &token, 10),
                                       asked(account, &item, 10), /* ERC-721: no balance of an id, but an owner */
                                       asked(other, &item, 10)};
    static const uint64_t wanted[] = {42, 0, 99, 1, 0};
    cr_assert_eq(chain_balances(client, balances, 5, &err), TRACER_OK, "%s", err.text);
    for (int i = 0; i < 5; i++)
        cr_assert(balances[i].status == TRACER_OK && u256_equal(balances[i].amount, u256_from_u64(wanted[i])), "balance %d", i);
    struct chain_balance many[1000]; /* more than go under way at once */
    for (int i = 0; i < 1000; i++)
        many[i] = asked(account, i % 3 ? &native : &token, 10);
    cr_assert_eq(chain_balances(client, many, 1000, &err), TRACER_OK, "%s", err.text);
    for (int i = 0; i < 1000; i++)
        cr_assert(many[i].status == TRACER_OK && u256_equal(many[i].amount, u256_from_u64(i % 3 ? 42 : 99)));
    chain_close(client);
    fake_close(&pool);
}

/* What endpoints make of a balance of which two operators are asked; 0: no answer. */
static uint64_t balance_of(struct fake_chain **chains, size_t count, char *note, size_t note_size)
{
    struct fake_pool pool = fake_open(chains, count, 0, NULL, NULL);
    struct chain_client *client;
    struct error err;
    struct address account;
    struct asset native = {0};
    cr_assert(address_parse(FAKE_A, 42, &account));
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    struct chain_balance balances[60]; /* several batches */
    for (int i = 0; i < 60; i++)
        balances[i] = asked(account, &native, 10 + (uint64_t)i / 2);
    cr_assert_eq(chain_balances(client, balances, 60, &err), TRACER_OK, "%s", err.text);
    for (int i = 1; i < 60; i++)
        cr_assert(balances[i].status == balances[0].status && (balances[0].status || u256_equal(balances[i].amount, balances[0].amount)), "balance %d", i);
    uint64_t amount = balances[0].status ? 0 : balances[0].amount.limb[0];
    cr_assert(!balances[0].status || balances[0].status == TRACER_E_REPLY);
    snprintf(note, note_size, "%s", chain_note(client, 0) ? chain_note(client, 0) : "");
    chain_close(client);
    fake_close(&pool);
    return amount;
}

Test(client, R15_a_balance_is_what_two_operators_say)
{
    char note[512];
    for (size_t place = 0; place < 3; place++) {
        struct fake_chain honest = {.head = 100}, other = {.head = 100}, liar = {.head = 100, .balance = 7};
        struct fake_chain *chains[] = {&honest, &honest, &honest};
        chains[(place + 1) % 3] = &other;
        chains[place] = &liar;
        cr_assert_eq(balance_of(chains, 3, note, sizeof note), 42, "the liar is in place %zu", place);
        cr_assert(liar.balances_asked == 0 || strstr(note, "was not believed: eth_getBalance of [\"" ), "%s", note);
        cr_assert(liar.balances_asked == 0 || strstr(note, "is 0x7 by it, 0x2a by "), "%s", note);
    }
}

Test(client, R15_an_item_is_whose_two_operators_say)
{
    struct asset item = {.kind = ASSET_ITEM, .id = u256_from_u64(7), .contract = fake_address(FAKE_TOKEN)};
    for (unsigned lie = 0; lie < 4; lie++) /* of an ERC-721: it is sold, it is an ERC-1155; of an ERC-1155: there are more, it has no such function */
        for (size_t place = 0; place < 3; place++) {
            struct fake_chain chains[3];
            struct chain_client *client;
            struct error err;
            for (size_t i = 0; i < 3; i++)
                chains[i] = (struct fake_chain){.head = 100, .items = lie < 2 ? 0 : 3};
            chains[place].sold = lie == 0;
            chains[place].items = lie == 1 ? 5 : lie == 2 ? 4 : 0;
            struct fake_pool pool = fake_open((struct fake_chain *[]){&chains[0], &chains[1], &chains[2]}, 3, 0, NULL, NULL);
            cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
            struct chain_balance balances[] = {asked(fake_address(FAKE_A), &item, 10), asked(fake_address(FAKE_B), &item, 10)};
            cr_assert_eq(chain_balances(client, balances, 2, &err), TRACER_OK, "%s", err.text);
            for (int i = 0; i < 2; i++)
                cr_assert(!balances[i].status && u256_equal(balances[i].amount, u256_from_u64(lie >= 2 ? 3 : !i)), "lie %u in place %zu: balance %d is %" PRIu64,
                          lie, place, i, balances[i].amount.limb[0]);
            chain_close(client);
            fake_close(&pool);
        }
}

Test(client, a_state_that_one_of_several_gave_is_told)
{
    struct fake_chain archive = {.head = 100}, pruned = {.head = 100, .no_tags = true};
    char note[512];
    cr_assert_eq(balance_of((struct fake_chain *[]){&archive, &pruned}, 2, note, sizeof note), 42);
    cr_assert(strstr(note, "some answers to eth_getBalance are one endpoint's word"), "%s", note);
}

Test(client, R15_who_takes_no_batches_gives_a_second_word)
{
    struct fake_chain liar = {.head = 100, .balance = 7}, single = {.head = 100, .no_batches = true}, other = single;
    char note[512];
    cr_assert_eq(balance_of((struct fake_chain *[]){&liar, &single, &other}, 3, note, sizeof note), 42);
}

Test(client, R15_a_balance_that_no_two_operators_agree_on_is_none)
{
    char note[512];
    struct fake_chain honest = {.head = 100}, liar = {.head = 100, .balance = 7};
    cr_assert_eq(balance_of((struct fake_chain *[]){&honest, &liar}, 2, note, sizeof note), 0);
    cr_assert(strstr(note, "alpha") && strstr(note, "beta"), "%s", note);
}

Test(client, a_balance_that_one_operator_alone_has_is_its_word)
{
    char note[512];
    struct fake_chain archive = {.head = 100}, pruned = {.head = 100, .no_tags = true};
    cr_assert_eq(balance_of((struct fake_chain *[]){&archive, &pruned}, 2, note, sizeof note), 42);
    cr_assert_eq(balance_of((struct fake_chain *[]){&archive}, 1, note, sizeof note), 42);
}

Test(client, a_probe_says_what_an_endpoint_can_do)
{
    struct fake_chain chain = {.head = 2000}, bare = {.head = 40,
                                                      .no_block_receipts = true,
                                                      .no_traces = true,
                                                      .no_finalized = true,
                                                      .chain_id = 777};
    struct fake_pool pool = fake_open((struct fake_chain *[]){&chain, &bare}, 2, 0, NULL, NULL);
    struct chain_probe probe;
    struct error err;
    cr_assert_eq(chain_probe(pool.rpc, 0, &pool.network, &probe, &err), TRACER_OK, "%s", err.text);
    cr_assert_str_eq(probe.client_version, "Fake/v1.0\\u001b[31m"); /* escapes stay escaped */
    cr_assert_eq(probe.chain_id, 777);
    cr_assert_eq(probe.head, 2000);
    cr_assert_eq(probe.finalized, 1990);
    cr_assert(probe.has_finalized && probe.archive && probe.block_receipts && !probe.ots);
    cr_assert_eq(probe.traces, TRACES_CALL_TRACER_LOGS);
    cr_assert_eq(probe.batch_max, 50);
    cr_assert_eq(probe.log_range, 1000);
    cr_assert(probe.anchor_checked && probe.anchor_fits);
    cr_assert_eq(chain_probe(pool.rpc, 1, &pool.network, &probe, &err), TRACER_OK, "%s", err.text);
    cr_assert(!probe.has_finalized && !probe.block_receipts);
    cr_assert_eq(probe.traces, TRACES_NONE);
    pool.network.anchor_hash.bytes[3] ^= 1;
    cr_assert_eq(chain_probe(pool.rpc, 0, &pool.network, &probe, &err), TRACER_OK);
    cr_assert(probe.anchor_checked && !probe.anchor_fits && probe.anchor_note[0]);
    pool.network.chain_id = 5;
    cr_assert_eq(chain_probe(pool.rpc, 0, &pool.network, &probe, &err), TRACER_E_CHAIN);
    cr_assert_eq(probe.chain_id, 777);
    fake_close(&pool);
}
