/* ethereum.c - Ethereum mainnet (facts: ethereum-rpc 11 and 12). */
#include "rules.h"

#define WEI_PER_MILLIETHER UINT64_C(1000000000000000)

static const struct evm_reward rewards[] = {
    {1, 5000 * WEI_PER_MILLIETHER},
    {4370000, 3000 * WEI_PER_MILLIETHER}, /* Byzantium, EIP-649 */
    {7280000, 2000 * WEI_PER_MILLIETHER}, /* Constantinople, EIP-1234 */
    {15537394, 0},                        /* the Merge, EIP-3675 */
};

static const struct evm_blob_schedule blobs[] = {
    {1710338135, 3338477}, /* EIP-4844 */
    {1746612311, 5007716}, /* EIP-7691 */
    {1765290071, 8346193}, /* EIP-7892: the first and the second fork of blob parameters only */
    {1767747671, 11684671},
};

static const char *const endpoints[] = {
    "https://ethereum-rpc.publicnode.com",
    "https://eth.drpc.org",
    "https://eth.merkle.io",
    "https://eth-mainnet.public.blastapi.io",
    "https://ethereum-json-rpc.stakely.io",
    NULL,
};

const struct chain_rules chain_rules_ethereum = {
    .name = "ethereum",
    .evm =
        {
            .homestead = {1150000, 0},
            .spurious_dragon = {2675000, 0},
            .byzantium = {4370000, 0},
            .berlin = {12244000, 0},
            .london = {12965000, 0},
            .shanghai = {15537394, 1681338455},
            .cancun = {15537394, 1710338135},
            .prague = {15537394, 1746612311},
            .strict_header = true,
            .sponsored_first = EVM_NEVER,
            .sponsored_end = EVM_NEVER,
            .deposit_first = EVM_NEVER,
            .rewards = rewards,
            .reward_count = sizeof(rewards) / sizeof(rewards[0]),
            .blobs = blobs,
            .blob_count = sizeof(blobs) / sizeof(blobs[0]),
            .irregular_number = 1920000, /* the DAO fork */
        },
    .finality_depth = 64,
    .clock_ahead_s = 900,
    .public_endpoints = endpoints,
    .network =
        {
            .name = "ethereum",
            .native_symbol = "ETH",
            .chain_id = 1,
            .anchor_number = 0,
            .anchor_hash = {{0xd4, 0xe5, 0x67, 0x40, 0xf8, 0x76, 0xae, 0xf8, 0xc0, 0x10, 0xb8,
                             0x6a, 0x40, 0xd5, 0xf5, 0x67, 0x45, 0xa1, 0x18, 0xd0, 0x90, 0x6a,
                             0x34, 0xe6, 0x9a, 0xec, 0x8c, 0x0d, 0xb1, 0xcb, 0x8f, 0xa3}},
        },
};
