/* test_registry.c - the built-in networks and rules. */
#include <criterion/criterion.h>

#include <string.h>

#include "rules.h"

Test(registry, built_in_networks_are_found_by_name_and_id)
{
    struct chain_network by_name, by_id;
    cr_assert(chain_builtin("ethereum", &by_name) && chain_builtin("1", &by_id));
    cr_assert_eq(by_name.chain_id, 1);
    cr_assert_eq(by_id.chain_id, 1);
    cr_assert_str_eq(by_id.name, by_name.name);
    cr_assert_eq(by_id.rules, by_name.rules);
    cr_assert_str_eq(by_name.native_symbol, "ETH");
    cr_assert(chain_builtin("ronin", &by_name) && chain_builtin("2020", &by_id));
    cr_assert_eq(by_id.chain_id, 2020);
    cr_assert_str_eq(by_id.native_symbol, "RON");
    cr_assert_not(chain_builtin("latest", &by_id));
    cr_assert_not(chain_builtin("0", &by_id));
    cr_assert_not(chain_builtin("", &by_id));
    cr_assert_not(chain_builtin("01", &by_id));
}

Test(registry, anchors_are_the_genesis_blocks)
{
    static const struct {
        const char *name, *hash;
    } anchors[] = {{"ethereum", "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"},
                   {"ronin", "0x6e675ee97607f4e695188786c3c1853fb1562f1c075629eb5dbcff269422a1a4"}};
    for (size_t i = 0; i < 2; i++) {
        struct chain_network network;
        char text[HASH_TEXT_SIZE];
        cr_assert(chain_builtin(anchors[i].name, &network));
        hash_format(network.anchor_hash, text);
        cr_assert_str_eq(text, anchors[i].hash);
        cr_assert_eq(network.anchor_number, 0);
    }
}

Test(registry, checkpoints_are_of_the_built_in_network_or_of_the_configuration)
{
    struct chain_network network;
    struct hash hash;
    char text[HASH_TEXT_SIZE];
    cr_assert(chain_builtin("ethereum", &network));
    cr_assert(chain_checkpoint(&network, 1920000, &hash));
    hash_format(hash, text);
    cr_assert_str_eq(text, "0x4985f5ca3d2afbec36529aa96f74de3cc10a2a4a6c44f2157a57d2c6059a11bb");
    cr_assert_not(chain_checkpoint(&network, 1920001, &hash));
    cr_assert_not(chain_checkpoint(&network, 39128285, &hash)); /* Ronin's */
    network.anchor_hash.bytes[0] ^= 1; /* a test node with chain id 1 */
    cr_assert_not(chain_checkpoint(&network, 1920000, &hash));
    struct chain_checkpoint mine = {.number = 7, .hash = {{1, 2, 3}}};
    network.checkpoints = &mine;
    network.checkpoint_count = 1;
    cr_assert(chain_checkpoint(&network, 7, &hash) && hash_equal(hash, mine.hash));
    cr_assert(chain_builtin("ronin", &network));
    cr_assert(chain_checkpoint(&network, 39128285, &hash));
}

Test(registry, public_endpoints_are_of_the_built_in_network_alone)
{
    struct chain_network network;
    cr_assert(chain_builtin("ethereum", &network));
    const char *const *urls = chain_public_endpoints(&network);
    cr_assert_not_null(urls);
    for (; *urls; urls++)
        cr_assert_eq(strncmp(*urls, "https://", 8), 0);
    network.anchor_hash.bytes[0] ^= 1; /* a test node with chain id 1 */
    cr_assert_null(chain_public_endpoints(&network));
    network.rules = chain_rules_find("latest");
    cr_assert_null(chain_public_endpoints(&network));
}

Test(registry, rules_are_found_by_name)
{
    cr_assert_not_null(chain_rules_find("latest"));
    cr_assert_not_null(chain_rules_find("ethereum"));
    cr_assert_not_null(chain_rules_find("ronin"));
    cr_assert_null(chain_rules_find("bitcoin"));
}

/* Steps are searched from the first on, so they must rise. */
Test(registry, steps_by_height_rise)
{
    static const char *const names[] = {"latest", "ethereum", "ronin"};
    for (size_t i = 0; i < 3; i++) {
        const struct evm_rules *evm = &chain_rules_find(names[i])->evm;
        for (size_t k = 1; k < evm->base_fee_count; k++)
            cr_assert_lt(evm->base_fee[k - 1].first_number, evm->base_fee[k].first_number);
        for (size_t k = 1; k < evm->reward_count; k++)
            cr_assert_lt(evm->rewards[k - 1].first_number, evm->rewards[k].first_number);
        for (size_t k = 1; k < evm->blob_count; k++)
            cr_assert_lt(evm->blobs[k - 1].first_time, evm->blobs[k].first_time);
        cr_assert_leq(evm->sponsored_first, evm->sponsored_end);
    }
}
