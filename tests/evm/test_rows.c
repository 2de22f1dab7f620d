/* test_rows.c - the rows of taint-spec 2.3: which there are, and in which order. */
#include "evm/texts.h"

#define TRANSFER_LOG                                                                                         \
    {                                                                                                        \
        TOKEN, {TRANSFER, PADDED("aa"), PADDED("bb")}, WORD("05")                                            \
    }

Test(rows, fees_come_first_then_value_then_tokens)
{
    struct text_block block = {.count = 1,
                               .transactions = {{.type = 2, .value = "0x64", .logs = {TRANSFER_LOG}}}};
    expect_rows(&block, "0.0 fee native aa>void 147000\n"
                        "0.1 fee native aa>99 63000\n"
                        "0.2 value native aa>bb 100\n"
                        "0.3 token 77 aa>bb 5 log 0\n");
}

Test(rows, a_failed_transaction_pays_and_moves_nothing)
{
    struct text_block block = {.count = 1, .transactions = {{.type = 2, .value = "0x64", .failed = true}}};
    expect_rows(&block, "0.0 fee native aa>void 147000\n"
                        "0.1 fee native aa>99 63000\n");
}

Test(rows, before_london_nothing_is_burned)
{
    struct text_block block = {.count = 1,
                               .rules = "ethereum",
                               .number = 5000000,
                               .no_base_fee = true,
                               .transactions = {{.value = "0x1"}}};
    expect_rows(&block, "0.0 fee native aa>99 210000\n"
                        "0.1 value native aa>bb 1\n"
                        "end.0 reward native void>99 3000000000000000000\n");
}

Test(rows, zero_amounts_and_fees_to_oneself_are_none_but_self_moves_and_empty_token_events_are)
{
    struct text_block block = {
        .count = 3,
        .transactions = {
            {.type = 2, .price = 7},                                 /* no tip, no value */
            {.type = 2, .from = MINER, .to = MINER, .value = "0x3"}, /* tip to itself; value to itself */
            {.type = 2, .price = 7, .logs = {{TOKEN, {TRANSFER, PADDED("aa"), PADDED("bb")}, WORD("00")}}},
        }};
    expect_rows(&block, "0.0 fee native aa>void 147000\n"
                        "1.0 fee native 99>void 147000\n"
                        "1.1 value native 99>99 3\n"
                        "2.0 fee native aa>void 147000\n"
                        "2.1 token 77 aa>bb 0 log 0\n");
}

Test(rows, creation_value_goes_to_the_contract)
{
    struct text_block block = {.count = 1, .transactions = {{.to = "", .value = "0x9", .price = 7}}};
    expect_rows(&block, "0.0 fee native aa>void 147000\n"
                        "0.1 value native aa>cc 9\n");
}

Test(rows, blob_gas_is_burned_apart)
{
    struct text_block block = {
        .count = 1,
        .transactions = {
            {.type = 3, .more_receipt = ",\"blobGasUsed\":\"0x20000\",\"blobGasPrice\":\"0x2\""}}};
    expect_rows(&block, "0.0 fee native aa>void 147000\n"
                        "0.1 fee native aa>void 262144\n"
                        "0.2 fee native aa>99 63000\n");
}

Test(rows, withdrawals_are_rewards_in_wei)
{
    struct text_block block = {
        .more = ",\"withdrawalsRoot\":\"" HASH(
            "3a") "\",\"withdrawals\":["
                  "{\"index\":\"0x5\",\"validatorIndex\":\"0x1\",\"address\":\"" B "\",\"amount\":\"0x2\"},"
                  "{\"index\":\"0x6\",\"validatorIndex\":\"0x2\",\"address\":\"" C "\",\"amount\":\"0x0\"}]"};
    expect_rows(&block, "end.0 reward native void>bb 2000000000\n");
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_not(texts.decoded.rewards_asserted);
    texts_free(&texts);
}

Test(rows, R1_a_missing_withdrawal_is_noticed)
{
    struct text_block block = {
        .more = ",\"withdrawalsRoot\":\"" HASH(
            "3a") "\",\"withdrawals\":["
                  "{\"index\":\"0x5\",\"validatorIndex\":\"0x1\",\"address\":\"" B "\",\"amount\":\"0x2\"},"
                  "{\"index\":\"0x7\",\"validatorIndex\":\"0x2\",\"address\":\"" C "\",\"amount\":\"0x1\"}]"};
    struct texts texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "withdrawals[1]: index is 7");
    texts_free(&texts);
    block.more = ",\"withdrawalsRoot\":\"" HASH("3a") "\",\"withdrawals\":[]";
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "withdrawalsRoot");
    texts_free(&texts);
}

Test(rows, uncles_give_the_miner_a_nephew_share)
{
    struct text_block block = {.rules = "ethereum", .number = 8000000, .no_base_fee = true};
    struct texts texts = texts_write(&block);
    replace(&texts.block, "\"uncles\":[]", "\"uncles\":[\"" HASH("01") "\",\"" HASH("02") "\"]");
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    char *rows = rows_text(&texts.decoded);
    cr_assert_str_eq(rows, "end.0 reward native void>99 2125000000000000000\n");
    cr_assert_eq(texts.notes.uncle_rewards, 2);
    cr_assert(texts.decoded.rewards_asserted); /* the header does not say how many uncles there are */
    free(rows);
    texts_free(&texts);
}

/* ---- Ronin ---- */

#define RONIN .rules = "ronin", .chain_id = 2020

Test(rows, ronin_base_fee_goes_to_the_treasury_from_venoki_on)
{
    struct text_block block = {RONIN, .number = 43447600, .count = 1, .transactions = {{.type = 2}}};
    expect_rows(&block, "0.0 fee native aa>0xb903e3936d3ca90b69b29f1df2810083a2dc0d71 147000\n"
                        "0.1 fee native aa>99 63000\n");
}

Test(rows, ronin_sponsored_gas_is_paid_by_the_payer_and_value_by_the_sender)
{
    struct text_block block = {RONIN, .number = 43447601, .count = 1,
                               .transactions = {{.type = 0x64,
                                                 .value = "0x8",
                                                 .more = ",\"payer\":\"" C "\",\"expiredTime\":\"0x0\"",
                                                 .more_receipt = ",\"payer\":\"" C "\""}}};
    expect_rows(&block, "0.0 fee native cc>0xb903e3936d3ca90b69b29f1df2810083a2dc0d71 147000\n"
                        "0.1 fee native cc>99 63000\n"
                        "0.2 value native aa>bb 8\n");
}

Test(rows, ronin_deposits_mint_even_when_they_fail_and_pay_no_fee)
{
    struct text_block block = {
        RONIN, .number = 55577490, .count = 2,
        .transactions = {
            {.type = 0x7e, .value = "0x8", .more = ",\"mint\":\"0xa\",\"gasPrice\":\"0x0\""},
            {.type = 0x7e, .value = "0x8", .more = ",\"mint\":\"0xb\"", .failed = true},
        }};
    expect_rows(&block, "0.0 reward native void>aa 10\n"
                        "0.1 value native aa>bb 8\n"
                        "1.0 reward native void>aa 11\n");
}

Test(rows, ronin_rollup_fees_go_to_its_vaults)
{
    struct text_block block = {RONIN, .number = 60000000, .count = 1,
                               .transactions = {{.type = 2, .more_receipt = ",\"l1Fee\":\"0x5\""}}};
    expect_rows(&block, "0.0 fee native aa>0x4200000000000000000000000000000000000019 147000\n"
                        "0.1 fee native aa>99 63000\n"
                        "0.2 fee native aa>0x420000000000000000000000000000000000001a 5\n");
}

Test(rows, ronin_validators_own_transactions_pay_nothing)
{
    struct text_block block = {RONIN, .number = 43447602, .count = 1, .transactions = {{.value = "0x1"}}};
    struct texts texts = texts_write(&block);
    replace(&texts.block, "\"gasPrice\":\"0xa\"", "\"gasPrice\":\"0x0\"");
    replace(&texts.receipts, "\"effectiveGasPrice\":\"0xa\"", "\"effectiveGasPrice\":\"0x0\"");
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transfer_count, 1);
    texts_free(&texts);
}

/* ---- before Byzantium ---- */

#define FRONTIER .rules = "ethereum", .number = 1000000, .no_base_fee = true, .root_receipts = true

Test(rows, a_status_that_nothing_tells_is_unknown_and_its_value_counts_as_moved)
{
    struct text_block block = {FRONTIER, .count = 1, .transactions = {{.value = "0x1", .gas_used = 1000000}}};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transactions[0].status, TRANSACTION_STATUS_UNKNOWN);
    cr_assert_eq(texts.notes.status_unknown, 1);
    cr_assert_eq(texts.decoded.transfer_count, 3);
    texts_free(&texts);
}

Test(rows, gas_that_was_left_proves_success_before_byzantium)
{
    struct text_block block = {FRONTIER, .count = 1, .transactions = {{.value = "0x1"}}};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transactions[0].status, TRANSACTION_SUCCEEDED);
    cr_assert_eq(texts.notes.status_unknown, 0);
    texts_free(&texts);
}

Test(rows, a_trace_tells_the_status_before_byzantium)
{
    struct text_block block = {FRONTIER, .count = 1, .transactions = {{.value = "0x1", .gas_used = 1000000}},
                               .traces_kind = EVM_TRACES_CALL_TRACER,
                               .traces = "[{\"result\":{\"type\":\"CALL\",\"from\":\"" A "\",\"to\":\"" B
                                         "\",\"value\":\"0x1\",\"error\":\"out of gas\"}}]"};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transactions[0].status, TRANSACTION_FAILED);
    cr_assert_eq(texts.decoded.transfer_count, 2); /* fee and reward */
    texts_free(&texts);
}

Test(rows, a_trace_that_says_otherwise_is_not_believed_where_gas_that_was_left_proves_success)
{
    struct text_block block = {FRONTIER, .count = 1, .transactions = {{.value = "0x1"}},
                               .traces_kind = EVM_TRACES_CALL_TRACER,
                               .traces = "[{\"result\":{\"type\":\"CALL\",\"from\":\"" A "\",\"to\":\"" B
                                         "\",\"value\":\"0x1\",\"error\":\"out of gas\"}}]"};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transactions[0].status, TRANSACTION_SUCCEEDED);
    cr_assert_eq(texts.decoded.transfer_count, 3); /* fee, value and reward */
    texts_free(&texts);
}

Test(rows, what_identifies_a_transaction_is_kept)
{
    struct text_block block = {.count = 2,
                               .transactions = {{.type = 2}, {.type = 2, .from = B, .failed = true}}};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    const struct transaction *second = &texts.decoded.transactions[1];
    cr_assert_eq(texts.decoded.transaction_count, 2);
    cr_assert_eq(second->transaction_index, 1);
    cr_assert_eq(second->nonce, 1);
    cr_assert_eq(second->sender.bytes[7], 0xbb);
    cr_assert_eq(second->hash.bytes[31], 2);
    cr_assert_eq(second->status, TRANSACTION_FAILED);
    cr_assert_eq(texts.decoded.transactions[0].status, TRANSACTION_SUCCEEDED);
    cr_assert_eq(texts.decoded.grade, GRADE_ASSERTED);
    cr_assert_eq(texts.decoded.internals, INTERNALS_NONE);
    cr_assert_eq(texts.decoded.time, 1000);
    cr_assert_eq(texts.decoded.hash.bytes[0], 0xb0);
    cr_assert_eq(texts.decoded.parent_hash.bytes[0], 0xb1);
    texts_free(&texts);
}
