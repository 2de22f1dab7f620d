/* test_call_trace.c - what moved inside a transaction, in which order (threat-model R16; facts: ethereum-rpc
 * 7). */
#include "evm/texts.h"

#define FEE "0.0 fee native aa>void 147000\n"
#define FRAME(type, from, to, value, more)                                                                   \
    "{\"type\":\"" type "\",\"from\":\"" from "\",\"to\":\"" to "\",\"value\":\"" value "\"" more "}"
#define TOP(more)                                                                                            \
    "[{\"txHash\":\"0x0000000000000000000000000000000000000000000000000000000000000001\",\"result\":" FRAME( \
        "CALL", A, B, "0x0", more) "}]"
#define CALLS(list) ",\"calls\":[" list "]"
#define LOG(value, place)                                                                                    \
    "{\"address\":\"" TOKEN "\",\"topics\":[\"" TRANSFER                                                     \
    "\",\"0x" PADDED("aa") "\",\"0x" PADDED("bb") "\"],\"data\":\"0x" WORD(value) "\"" place "}"
#define AT(position) ",\"position\":\"" position "\""
#define TOKEN_LOG(value)                                                                                     \
    {                                                                                                        \
        TOKEN, {TRANSFER, PADDED("aa"), PADDED("bb")}, WORD(value)                                           \
    }

static struct text_block traced(const char *traces)
{
    return (struct text_block){.count = 1,
                               .transactions = {{.type = 2, .price = 7}},
                               .traces_kind = EVM_TRACES_CALL_TRACER,
                               .traces = traces};
}

static void expect_trace_failure(const struct text_block *block, enum tracer_status status,
                                 const char *message)
{
    struct texts texts = texts_write(block);
    expect_failure(&texts, status, message);
    texts_free(&texts);
}

Test(call_trace, moves_are_those_of_calls_creations_and_self_destructs)
{
    struct text_block block =
        traced(TOP(CALLS(FRAME("CALL", B, C, "0x1", CALLS(FRAME("CALL", C, A, "0x2", ""))) "," FRAME(
            "CREATE", B, C, "0x3",
            "") "," FRAME("CREATE2", B, C, "0x4",
                          "") "," FRAME("DELEGATECALL", B, C, "0x5",
                                        CALLS(FRAME(
                                            "CALL",
                                            B, A,
                                            "0x6",
                                            ""))) "," FRAME("CALLCODE", B, C, "0x7",
                                                            "") "," FRAME("STATICCALL", B, C, "0x8",
                                                                          "") "," FRAME("SELFDESTRUCT", C, A,
                                                                                        "0x9",
                                                                                        "") "," FRAME("CALL",
                                                                                                      B, C,
                                                                                                      "0x0",
                                                                                                      ""))));
    expect_rows(&block, FEE "0.1 internal native bb>cc 1\n"
                            "0.2 internal native cc>aa 2\n"
                            "0.3 internal native bb>cc 3\n"
                            "0.4 internal native bb>cc 4\n"
                            "0.5 internal native bb>aa 6\n"
                            "0.6 internal native cc>aa 9\n");
}

Test(call_trace, R16_what_is_below_a_failed_frame_moved_nothing)
{
    struct text_block block = traced(TOP(
        CALLS(FRAME("CALL", B, C, "0x1",
                    ",\"error\":\"execution reverted\"" CALLS(FRAME(
                        "CALL", C, A, "0x2", CALLS(FRAME("CALL", A, C, "0x3", ""))))) "," FRAME("CALL", B, A,
                                                                                                "0x4", ""))));
    expect_rows(&block, FEE "0.1 internal native bb>aa 4\n");
}

Test(call_trace, an_empty_or_null_error_is_none)
{
    struct text_block block = traced(TOP(CALLS(
        FRAME("CALL", B, C, "0x1", ",\"error\":null") "," FRAME("CALL", B, A, "0x4", ",\"error\":\"\""))));
    expect_rows(&block, FEE "0.1 internal native bb>cc 1\n0.2 internal native bb>aa 4\n");
}

Test(call_trace, members_may_come_in_any_order)
{
    struct text_block block =
        traced("[{\"result\":{\"calls\":[{\"calls\":[{\"value\":\"0x2\",\"to\":\"" A "\",\"from\":\"" C
               "\",\"type\":\"CALL\"}],\"type\":\"CALL\",\"value\":\"0x1\",\"to\":\"" C "\",\"from\":\"" B
               "\"}],\"type\":\"CALL\",\"from\":\"" A "\",\"to\":\"" B "\",\"value\":\"0x0\"}}]");
    expect_rows(&block, FEE "0.1 internal native bb>cc 1\n0.2 internal native cc>aa 2\n");
}

Test(call_trace, logs_stand_where_their_position_says)
{
    struct text_block block = traced(
        TOP(",\"logs\":[" LOG("01", AT("0x0")) "," LOG("04", AT("0x1")) "," LOG("05", AT("0x2")) "]" CALLS(
            FRAME("CALL", B, C, "0x1",
                  ",\"logs\":[" LOG("02", AT("0x0")) "," LOG("03", AT("0x1")) "]" CALLS(
                      FRAME("CALL", C, A, "0x2", ""))) "," FRAME("CALL", B, A, "0x3", ""))));
    block.transactions[0] = (struct text_transaction){
        .type = 2,
        .price = 7,
        .logs = {TOKEN_LOG("01"), TOKEN_LOG("02"), TOKEN_LOG("03"), TOKEN_LOG("04"), TOKEN_LOG("05")}};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.order, ORDER_EXACT);
    cr_assert_eq(texts.decoded.internals, INTERNALS_ALL);
    char *rows = rows_text(&texts.decoded);
    cr_assert_str_eq(rows, FEE "0.1 token 77 aa>bb 1 log 0\n"
                               "0.2 internal native bb>cc 1\n"
                               "0.3 token 77 aa>bb 2 log 1\n"
                               "0.4 internal native cc>aa 2\n"
                               "0.5 token 77 aa>bb 3 log 2\n"
                               "0.6 token 77 aa>bb 4 log 3\n"
                               "0.7 internal native bb>aa 3\n"
                               "0.8 token 77 aa>bb 5 log 4\n");
    free(rows);
    texts_free(&texts);
}

Test(call_trace, logs_of_reverted_frames_are_not_matched)
{
    struct text_block block = traced(TOP(",\"logs\":[" LOG("05", AT("0x1")) "]" CALLS(FRAME(
        "CALL", B, C, "0x1", ",\"error\":\"execution reverted\",\"logs\":[" LOG("09", AT("0x0")) "]"))));
    block.transactions[0].logs[0] = (struct text_log)TOKEN_LOG("05");
    expect_rows(&block, FEE "0.1 token 77 aa>bb 5 log 0\n");
}

Test(call_trace, without_positions_internal_moves_come_before_logs)
{
    struct text_block block = traced(TOP(CALLS(FRAME("CALL", B, C, "0x1", ""))));
    block.transactions[0].logs[0] = (struct text_log)TOKEN_LOG("05");
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.order, ORDER_SPLIT);
    char *rows = rows_text(&texts.decoded);
    cr_assert_str_eq(rows, FEE "0.1 internal native bb>cc 1\n0.2 token 77 aa>bb 5 log 0\n");
    free(rows);
    texts_free(&texts);
    block.traces = TOP(",\"logs\":[" LOG("05", "") "]" CALLS(FRAME("CALL", B, C, "0x1", "")));
    expect_rows(&block, FEE "0.1 internal native bb>cc 1\n0.2 token 77 aa>bb 5 log 0\n");
}

Test(call_trace, R16_traces_that_contradict_the_receipt)
{
    struct text_block block = traced(TOP(",\"logs\":[" LOG("05", AT("0x0")) "," LOG("05", AT("0x0")) "]"));
    block.transactions[0].logs[0] = (struct text_log)TOKEN_LOG("05");
    expect_trace_failure(&block, TRACER_E_REPLY, "2 logs, but the receipt has 1");
    block.transactions[0].logs[1] = (struct text_log)TOKEN_LOG("05");
    block.transactions[0].logs[2] = (struct text_log)TOKEN_LOG("05");
    expect_trace_failure(&block, TRACER_E_REPLY, "2 logs, but the receipt has 3");
    block.transactions[0].logs[2].address = NULL;
    block.transactions[0].logs[1] = (struct text_log)TOKEN_LOG("06");
    expect_trace_failure(&block, TRACER_E_REPLY, "the receipt's logs[1] is another one");
    block = traced(TOP(",\"logs\":[" LOG("05", AT("0x1")) "]"));
    block.transactions[0].logs[0] = (struct text_log)TOKEN_LOG("05");
    expect_trace_failure(&block, TRACER_E_REPLY, "position is 1, but the calls of the frame are 0");
    block = traced(TOP(",\"error\":\"out of gas\""));
    expect_trace_failure(&block, TRACER_E_REPLY, "the trace failed, but the receipt's status is 0x1");
    block = traced(TOP(""));
    block.transactions[0].failed = true;
    expect_trace_failure(&block, TRACER_E_REPLY, "the trace did not fail, but the receipt's status is 0x0");
}

Test(call_trace, R16_traces_that_contradict_the_transaction)
{
    static const struct {
        const char *traces, *message;
    } cases[] = {
        {"[]", "0 traces for 1 transactions"},
        {"[{\"result\":" FRAME("CALL", A, B, "0x0", "") "},{\"result\":" FRAME("CALL", A, B, "0x0", "") "}]",
         "more traces"},
        {"[null]", "an object was expected"},
        {"[{\"txHash\":\"" HASH("02") "\",\"result\":" FRAME("CALL", A, B, "0x0", "") "}]", "txHash is 0x02"},
        {"[{\"result\":" FRAME("CALL", C, B, "0x0", "") "}]", "from is 0xcc"},
        {"[{\"result\":" FRAME("CALL", A, C, "0x0", "") "}]", "to is 0xcc"},
        {"[{\"result\":" FRAME("CALL", A, B, "0x1", "") "}]", "value is 1"},
        {"[{\"result\":" FRAME("CREATE", A, B, "0x0", "") "}]", "the transaction is a call"},
        {"[{}]", "one of result and error"},
        {"[{\"result\":{\"from\":\"" A "\"}}]", "type: missing"},
        {"[{\"result\":" FRAME("CALL", A, B, "0x0", ",\"type\":\"CALL\"") "}]", "type: twice"},
        {"[{\"result\":" FRAME("CALL", A, B, "0x0", ",\"calls\":[null]") "}]", "an object was expected"},
        {"[{\"result\":" FRAME("CALL", A, B, "0x0", ",\"calls\":{}") "}]", "an array was expected"},
        {"[{\"result\":" FRAME("CALL", A, B, "0x0", "") "}] x", "text after the value"},
        {"{}", "an array was expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_block block = traced(cases[i].traces);
        expect_trace_failure(&block, TRACER_E_REPLY, cases[i].message);
    }
}

Test(call_trace, a_transaction_that_could_not_be_traced_is_a_gap)
{
    struct text_block block = traced("[{\"error\":\"execution timeout\"}]");
    block.transactions[0].value = "0x5";
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.internals, INTERNALS_SOME);
    cr_assert_eq(texts.notes.trace_gaps, 1);
    cr_assert_eq(texts.decoded.transfer_count, 2);
    texts_free(&texts);
}

Test(call_trace, frames_that_lack_what_moved_are_gaps)
{
    static const char *const frames[] = {
        TOP(CALLS("{\"type\":\"SELFDESTRUCT\"}")), /* tracers before 2021 */
        TOP(CALLS("{\"type\":\"CALL\",\"from\":\"" B "\",\"to\":\"" C "\"}")),
        TOP(CALLS("{\"type\":\"CREATE\",\"from\":\"" B "\",\"value\":\"0x1\"}")),
        TOP(CALLS(FRAME("EXTCALL", B, C, "0x1", ""))),
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct text_block block = traced(frames[i]);
        struct texts texts = texts_write(&block);
        cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
        cr_assert_eq(texts.decoded.internals, INTERNALS_SOME);
        cr_assert_eq(texts.decoded.transfer_count, 1);
        cr_assert_eq(texts.notes.trace_gaps, 1);
        texts_free(&texts);
    }
}

Test(call_trace, self_destruct_to_itself)
{
    /* before Cancun the coins are gone */
    struct text_block block = {.rules = "ethereum",
                               .number = 16000000,
                               .count = 1,
                               .transactions = {{.type = 2, .price = 7}},
                               .traces_kind = EVM_TRACES_CALL_TRACER,
                               .traces = TOP(CALLS(FRAME("SELFDESTRUCT", C, C, "0x9", "")))};
    expect_rows(&block, FEE "0.1 internal native cc>void 9\n");
    /* from Cancun on they stay, */
    block = traced(TOP(CALLS(FRAME("SELFDESTRUCT", C, C, "0x9", ""))));
    expect_rows(&block, FEE);
    /* in anvil's words, */
    block = traced(TOP(CALLS("{\"type\":\"SELFDESTRUCT\",\"from\":\"" ADDRESS("00") "\"}")));
    expect_rows(&block, FEE);
    /* unless the contract is of the same transaction */
    block = traced(TOP(CALLS(FRAME("CREATE", B, C, "0x9", CALLS(FRAME("SELFDESTRUCT", C, C, "0x9", ""))))));
    expect_rows(&block, FEE "0.1 internal native bb>cc 9\n0.2 internal native cc>void 9\n");
}

Test(call_trace, a_failed_creation_has_no_contract)
{
    struct text_block block = traced("[{\"result\":{\"type\":\"CREATE\",\"from\":\"" A
                                     "\",\"value\":\"0x5\",\"error\":\"execution reverted\"}}]");
    block.transactions[0] =
        (struct text_transaction){.type = 2, .price = 7, .to = "", .value = "0x5", .failed = true};
    expect_rows(&block, FEE);
}

static char *nested(unsigned frames)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "[{\"result\":{\"type\":\"CALL\",\"from\":\"" A "\",\"to\":\"" B "\",\"value\":\"0x0\"");
    for (unsigned i = 1; i < frames; i++)
        fprintf(out, ",\"calls\":[{\"type\":\"CALL\",\"from\":\"" B "\",\"to\":\"" C "\",\"value\":\"0x1\"");
    for (unsigned i = 1; i < frames; i++)
        fprintf(out, "}]");
    fprintf(out, "}}]");
    fclose(out);
    return text;
}

Test(call_trace, R8_calls_as_deep_as_the_evm_has_them)
{
    char *text = nested(1025);
    struct text_block block = traced(text);
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transfer_count, 1025);
    texts_free(&texts);
    free(text);
    text = nested(1026);
    block.traces = text;
    expect_trace_failure(&block, TRACER_E_LIMIT, "calls nested deeper");
    free(text);
}

/* ---- trace_block ---- */

#define ITEM(type, action, path, subtraces, more)                                                            \
    "{\"type\":\"" type "\",\"action\":{" action "},\"blockHash\":\"" HASH(                                  \
        "b0") "\",\"blockNumber\":16,\"subtraces\":" subtraces ",\"traceAddress\":[" path                    \
              "],\"transactionHash\":"                                                                       \
              "\"0x0000000000000000000000000000000000000000000000000000000000000001\","                      \
              "\"transactionPosition\":0" more "}"
#define CALL(from, to, value)                                                                                \
    "\"callType\":\"call\",\"from\":\"" from "\",\"to\":\"" to "\",\"value\":\"" value "\""
#define TOP_ITEM(subtraces) ITEM("call", CALL(A, B, "0x0"), "", subtraces, "")

static struct text_block flat(const char *traces)
{
    struct text_block block = traced(traces);
    block.traces_kind = EVM_TRACES_TRACE_BLOCK;
    return block;
}

Test(call_trace, flat_items_are_ordered_by_their_address)
{
    struct text_block block =
        flat("[" ITEM("call", CALL(B, A, "0x4"), "1", "0", "") "," TOP_ITEM("2") "," ITEM(
            "call", CALL(C, A, "0x2"), "0,0", "0",
            "") "," ITEM("call", CALL(B, C, "0x1"), "0", "2",
                         "") "," ITEM("suicide",
                                      "\"address\":\"" C "\",\"refundAddress\":\"" A "\",\"balance\":\"0x3\"",
                                      "0,1", "0", ",\"result\":null") "]");
    expect_rows(&block, FEE "0.1 internal native bb>cc 1\n"
                            "0.2 internal native cc>aa 2\n"
                            "0.3 internal native cc>aa 3\n"
                            "0.4 internal native bb>aa 4\n");
}

Test(call_trace, R16_flat_items_below_an_error_moved_nothing)
{
    struct text_block block = flat(
        "[" TOP_ITEM("2") "," ITEM("call", CALL(B, C, "0x1"), "0", "1", ",\"error\":\"Reverted\"") "," ITEM(
            "call", CALL(C, A, "0x2"), "0,0", "0", "") "," ITEM("call", CALL(B, A, "0x3"), "1", "0", "") "]");
    expect_rows(&block, FEE "0.1 internal native bb>aa 3\n");
}

Test(call_trace, flat_creations_and_other_calls)
{
    struct text_block block = flat("[" TOP_ITEM("3") "," ITEM(
        "create", "\"from\":\"" B "\",\"value\":\"0x1\"", "0", "0",
        ",\"result\":{\"address\":\"" C
        "\"}") "," ITEM("call",
                        "\"callType\":\"delegatecall\",\"from\":\"" B "\",\"to\":\"" C "\",\"value\":\"0x2\"",
                        "1", "0", "") "," ITEM("call",
                                               "\"callType\":\"callcode\",\"from\":\"" B "\",\"to\":\"" C
                                               "\",\"value\":\"0x2\"",
                                               "2", "0", "") "]");
    expect_rows(&block, FEE "0.1 internal native bb>cc 1\n");
}

Test(call_trace, R16_flat_items_that_are_missing)
{
    static const struct {
        const char *traces, *message;
    } cases[] = {
        {"[" TOP_ITEM("2") "," ITEM("call", CALL(B, C, "0x1"), "0", "0", "") "]",
         "subtraces is 2, but the items below are 1"},
        {"[" TOP_ITEM("1") "," ITEM("call", CALL(B, C, "0x1"), "1", "0", "") "]",
         "an item before number 1 is missing"},
        {"[" TOP_ITEM("1") "," ITEM("call", CALL(B, C, "0x1"), "0,0", "0", "") "]",
         "an item before number 1 is missing"},
        {"[" ITEM("call", CALL(B, C, "0x1"), "0", "0", "") "]", "an item before number 0 is missing"},
        {"[" TOP_ITEM("0") "," TOP_ITEM("0") "]", "traceAddress: twice"},
        {"[" ITEM("call", CALL(A, B, "0x0"), "", "0", ",\"transactionPosition\":0") "]",
         "transactionPosition: twice"},
        {"[" ITEM("call", CALL(A, B, "0x0"), "-1", "0", "") "]", "traceAddress: a whole number"},
        {"[" ITEM("call", CALL(A, B, "0x0"), "1.0", "0", "") "]", "traceAddress: a whole number"},
        {"[" ITEM("call", "\"callType\":\"call\"", "", "0", "") "]", "from: missing"},
        {"[null]", "an object was expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_block block = flat(cases[i].traces);
        expect_trace_failure(&block, TRACER_E_REPLY, cases[i].message);
    }
    struct text_block block = flat("[" TOP_ITEM("0") "]");
    struct texts texts = texts_write(&block);
    replace(&texts.traces, "\"blockHash\":\"0xb0", "\"blockHash\":\"0xb1");
    expect_failure(&texts, TRACER_E_REPLY, "blockHash is 0xb1"); /* R5 */
    texts_free(&texts);
    texts = texts_write(&block);
    replace(&texts.traces, "\"transactionPosition\":0", "\"transactionPosition\":1");
    expect_failure(&texts, TRACER_E_REPLY, "transactionPosition is 1");
    texts_free(&texts);
    block.traces = "[]";
    texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.internals, INTERNALS_SOME);
    texts_free(&texts);
}

#define REWARD(kind, author, value)                                                                          \
    "{\"type\":\"reward\",\"action\":{\"author\":\"" author "\",\"rewardType\":\"" kind                      \
    "\",\"value\":\"" value "\"},\"blockHash\":\"" HASH(                                                     \
        "b0") "\",\"blockNumber\":8000000,\"subtraces\":0,\"traceAddress\":[],"                              \
              "\"transactionHash\":null,\"transactionPosition\":null,\"result\":null}"

Test(call_trace, rewards_are_those_that_the_trace_states)
{
    struct text_block block = {
        .rules = "ethereum",
        .number = 8000000,
        .no_base_fee = true,
        .traces_kind = EVM_TRACES_TRACE_BLOCK,
        .traces = "[" REWARD("block", MINER, "0x1c9f78d2893e4000") "," REWARD("uncle", C, "0x1") "]"};
    struct texts texts = texts_write(&block);
    replace(&texts.block, "\"uncles\":[]", "\"uncles\":[\"" HASH("01") "\"]");
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    char *rows = rows_text(&texts.decoded);
    cr_assert_str_eq(rows, "end.0 reward native void>99 2062500000000000000\n"
                           "end.1 reward native void>cc 1\n"); /* 1/32 more for the uncle */
    free(rows);
    replace(&texts.traces, "0x1c9f78d2893e4000", "0x1c9f78d2893e4001");
    expect_failure(&texts, TRACER_E_REPLY, "the block reward is 2062500000000000001");
    replace(&texts.traces, "0x1c9f78d2893e4001", "0x1c9f78d2893e4000");
    replace(&texts.block, "\"uncles\":[\"" HASH("01") "\"]", "\"uncles\":[]");
    expect_failure(&texts, TRACER_E_REPLY, "the rules give");
    texts_free(&texts);
}

Test(call_trace, R16_a_block_reward_is_stated_once)
{
    struct text_block block = {.rules = "ethereum", .number = 8000000, .no_base_fee = true, .traces_kind = EVM_TRACES_TRACE_BLOCK};
    for (int missing = 0; missing < 2; missing++) {
        block.traces = missing ? "[" REWARD("uncle", C, "0x1") "]"
                               : "[" REWARD("block", MINER, "0x1c9f78d2893e4000") "," REWARD("block", MINER, "0x1c9f78d2893e4000") "," REWARD("uncle", C, "0x1") "]";
        struct texts texts = texts_write(&block);
        replace(&texts.block, "\"uncles\":[]", "\"uncles\":[\"" HASH("01") "\"]");
        expect_failure(&texts, TRACER_E_REPLY, missing ? "the block reward is missing" : "the block reward stands 2 times");
        texts_free(&texts);
    }
}
