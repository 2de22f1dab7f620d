/* ronin.c - Ronin in both its eras: its own chain until block 55,577,490, an OP Stack rollup from there on
 * (facts: ronin). The native coin is RON in both.
 *
 * What users pay above the base fee is credited to the block's miner here. From Consortium v2 on the node
 * books it to a system account first and hands it to the miner when it seals the block, so the miner ends
 * with the same.
 */
#include "rules.h"

#define MIKO 32367400u   /* type 0x64 */
#define LONDON 36052600u /* base fee of zero */
#define VENOKI 43447600u /* base fee and blob fee to the treasury */
#define OP_STACK 55577490u

/* Predeploys of the OP Stack that collect fees. */
#define PREDEPLOY(last)                                                                                      \
    {                                                                                                        \
        {                                                                                                    \
            0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last                                 \
        }                                                                                                    \
    }

static const struct evm_recipient base_fee[] = {
    {0, {{0}}},
    {VENOKI, {{0xb9, 0x03, 0xe3, 0x93, 0x6d, 0x3c, 0xa9, 0x0b, 0x69, 0xb2,
               0x9f, 0x1d, 0xf2, 0x81, 0x00, 0x83, 0xa2, 0xdc, 0x0d, 0x71}}},
    {OP_STACK, PREDEPLOY(0x19)},
};

static const char *const endpoints[] = {
    "https://api.roninchain.com/rpc",
    "https://ronin.drpc.org",
    "https://ronin.lgns.net/rpc",
    NULL,
};

const struct chain_rules chain_rules_ronin = {
    .name = "ronin",
    .evm =
        {
            .byzantium = {0, 0},
            .berlin = {LONDON, 0},
            .london = {LONDON, 0},
            .shanghai = {OP_STACK, 0}, /* before the switch headers have no withdrawals */
            .cancun = {VENOKI, 0},
            .prague = {OP_STACK, 0},
            .strict_header = false,
            .zero_price = true,
            .base_fee = base_fee,
            .base_fee_count = sizeof(base_fee) / sizeof(base_fee[0]),
            .l1_fee_to = PREDEPLOY(0x1a),
            .sponsored_first = MIKO,
            .sponsored_end = OP_STACK,
            .deposit_first = OP_STACK,
            .irregular_number = EVM_NEVER,
        },
    .finality_depth =
        450, /* a quarter of an hour of two-second blocks; Ethereum finalizes them in 12 minutes */
    .era_split = OP_STACK,
    .clock_ahead_s = 900,
    .public_endpoints = endpoints,
    .network =
        {
            .name = "ronin",
            .native_symbol = "RON",
            .chain_id = 2020,
            .anchor_number = 0,
            .anchor_hash = {{0x6e, 0x67, 0x5e, 0xe9, 0x76, 0x07, 0xf4, 0xe6, 0x95, 0x18, 0x87,
                             0x86, 0xc3, 0xc1, 0x85, 0x3f, 0xb1, 0x56, 0x2f, 0x1c, 0x07, 0x56,
                             0x29, 0xeb, 0x5d, 0xbc, 0xff, 0x26, 0x94, 0x22, 0xa1, 0xa4}},
        },
};
