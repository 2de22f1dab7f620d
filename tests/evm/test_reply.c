/* test_reply.c - what a reply must, may and must not say (threat-model R1, R2, R9 to R14). */
#include "evm/texts.h"

#define TRANSFER_LOG                                                                                         \
    {                                                                                                        \
        TOKEN, {TRANSFER, PADDED("aa"), PADDED("bb")}, WORD("05")                                            \
    }

static struct texts good(void)
{
    struct text_block block = {
        .count = 3,
        .transactions = {{.type = 2, .value = "0x64", .logs = {TRANSFER_LOG, TRANSFER_LOG}},
                         {.type = 0, .to = "", .from = B},
                         {.type = 2, .failed = true}}};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    return texts;
}

struct change {
    bool receipts; /* else the block */
    unsigned nth;
    const char *from, *to, *message;
};

static void expect_all(const struct change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct texts texts = good();
        replace_nth(changes[i].receipts ? &texts.receipts : &texts.block, changes[i].nth, changes[i].from,
                    changes[i].to);
        expect_failure(&texts, TRACER_E_REPLY, changes[i].message);
        texts_free(&texts);
    }
}
#define EXPECT_ALL(changes) expect_all(changes, sizeof changes / sizeof changes[0])

Test(reply, R1_counts_must_match)
{
    static const struct change changes[] = {
        {false, 0, "\"transactionsRoot\":\"" HASH("11"),
         "\"transactionsRoot\":\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
         "transactionsRoot"},
        {false, 0, "\"receiptsRoot\":\"" HASH("11"),
         "\"receiptsRoot\":\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
         "receiptsRoot"},
    };
    EXPECT_ALL(changes);
    struct texts texts = good();
    free(texts.receipts);
    texts.receipts = strdup("[]");
    expect_failure(&texts, TRACER_E_REPLY, "receipts: 0 receipts for 3 transactions");
    texts_free(&texts);
    /* the last receipt is missing */
    texts = good();
    char *last = strrchr(texts.receipts, '{');
    last[-1] = ']';
    *last = '\0';
    expect_failure(&texts, TRACER_E_REPLY, "receipts: 2 receipts for 3 transactions");
    texts_free(&texts);
    /* one receipt too many */
    texts = good();
    replace(&texts.receipts, "[{", "[{\"transactionHash\":\"" HASH("01") "\"},{");
    expect_failure(&texts, TRACER_E_REPLY, "receipts");
    texts_free(&texts);
}

Test(reply, R1_logs_and_the_bloom_must_agree)
{
    struct text_block block = {.count = 1, .transactions = {{.logs = {TRANSFER_LOG}}}};
    struct texts texts = texts_write(&block);
    replace(&texts.block, "000001\",\"transactionsRoot", "000000\",\"transactionsRoot");
    expect_failure(&texts, TRACER_E_REPLY, "logsBloom is zero");
    texts_free(&texts);
    block.transactions[0].logs[0].address = NULL;
    texts = texts_write(&block);
    replace(&texts.block, "000000\",\"transactionsRoot", "000001\",\"transactionsRoot");
    expect_failure(&texts, TRACER_E_REPLY, "no logs, but");
    texts_free(&texts);
}

Test(reply, R2_what_replies_repeat_is_compared_and_the_field_named)
{
    static const struct change changes[] = {
        {false, 0, "\"number\":\"0x10\"", "\"number\":\"0x11\"",
         "number is 17, but the block asked for is 16"},
        {false, 0, "\"blockNumber\":\"0x10\"", "\"blockNumber\":\"0x11\"", "blockNumber is 17"},
        {false, 0, "\"blockHash\":\"0xb0", "\"blockHash\":\"0xb1", "transactions[0]: blockHash is 0xb1"},
        {false, 0, "\"transactionIndex\":\"0x1\"", "\"transactionIndex\":\"0x2\"",
         "transactions[1]: transactionIndex is 2, but its place is 1"},
        {false, 0, "\"gasPrice\":\"0xa\"", "\"gasPrice\":\"0xb\"", "gasPrice is 11"},
        {false, 0, "\"gasUsed\":\"0xf618\"", "\"gasUsed\":\"0xf619\"", "the block's gasUsed is 63001"},
        {true, 0, "\"transactionHash\":\"0x00", "\"transactionHash\":\"0x01",
         "receipts: [0]: transactionHash is 0x01"},
        {true, 0, "\"blockHash\":\"0xb0", "\"blockHash\":\"0xb1", "receipts: [0]: blockHash is 0xb1"},
        {true, 0, "\"blockNumber\":\"0x10\"", "\"blockNumber\":\"0x11\"", "blockNumber is 17"},
        {true, 0, "\"transactionIndex\":\"0x0\"", "\"transactionIndex\":\"0x1\"", "transactionIndex is 1"},
        {true, 0, "\"from\":\"0xaa", "\"from\":\"0xab", "from is 0xab"},
        {true, 0, "\"to\":\"0xbb", "\"to\":\"0xbc", "to is 0xbc"},
        {true, 0, "\"to\":null", "\"to\":\"" B "\"", "to is there, but the transaction's is null"},
        {true, 0, "\"to\":\"" B "\"", "\"to\":null", "to is null, but the transaction's is there"},
        {true, 0, "\"contractAddress\":null", "\"contractAddress\":\"" C "\"", "contractAddress is there"},
        {true, 0, "\"contractAddress\":\"" C "\"", "\"contractAddress\":null", "contractAddress: missing"},
        {true, 0, "\"type\":\"0x2\"", "\"type\":\"0x1\"", "type is 1, but the transaction's is 2"},
        {true, 0, "\"cumulativeGasUsed\":\"0x5208\"", "\"cumulativeGasUsed\":\"0x5209\"",
         "cumulativeGasUsed is 21001"},
        {true, 0, "\"gasUsed\":\"0x5208\"", "\"gasUsed\":\"0x5207\"", "gasUsed is 20999"},
        {true, 0, "\"effectiveGasPrice\":\"0xa\"", "\"effectiveGasPrice\":\"0xb\"",
         "effectiveGasPrice is 11"},
        {true, 0, "\"status\":\"0x1\"", "\"status\":\"0x0\"", "status is 0x0, but there are 2 logs"},
        {true, 0, "\"status\":\"0x1\"", "\"status\":\"0x2\"", "status: 0x0 or 0x1"},
        {true, 0, "\"logIndex\":\"0x1\"", "\"logIndex\":\"0x2\"",
         "logs[1]: logIndex is 2, but the logs before it give 1"},
        {true, 1, "\"transactionHash\":\"0x00", "\"transactionHash\":\"0x01",
         "logs[0]: transactionHash is 0x01"},
        {true, 1, "\"blockHash\":\"0xb0", "\"blockHash\":\"0xb1", "logs[0]: blockHash is 0xb1"},
        {true, 1, "\"blockNumber\":\"0x10\"", "\"blockNumber\":\"0x11\"", "logs[0]: blockNumber is 17"},
        {true, 1, "\"transactionIndex\":\"0x0\"", "\"transactionIndex\":\"0x1\"",
         "logs[0]: transactionIndex is 1"},
        {true, 0, "\"removed\":false", "\"removed\":true", "removed is true"},
    };
    EXPECT_ALL(changes);
}

Test(reply, R3_a_transaction_of_another_chain)
{
    struct text_block block = {.count = 1, .transactions = {{.more = ",\"chainId\":\"0x5\""}}};
    struct texts texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "chainId is 5, but the network's is 1");
    texts_free(&texts);
}

Test(reply, R9_known_keys_come_once_and_unescaped)
{
    static const struct change changes[] = {
        {false, 0, "\"number\":", "\"number\":\"0x10\",\"number\":", "number: twice"},
        {false, 0, "\"from\":", "\"from\":\"" B "\",\"from\":", "from: twice"},
        {true, 0, "\"status\":", "\"status\":\"0x0\",\"status\":", "status: twice"},
        {true, 0, "\"topics\":", "\"topics\":[],\"topics\":", "topics: twice"},
        {true, 0, "\"status\":", "\"st\\u0061tus\":\"0x0\",\"status\":", "a key with an escape"},
        {false, 0, "\"uncles\":[]}", "\"uncles\":[]} 1", "text after the value"},
        {true, 0, "[{", "[{\"x\":\"\xff\",", "UTF-8"},
    };
    EXPECT_ALL(changes);
}

Test(reply, R10_quantities_are_strict)
{
    static const char *const bad[] = {"\"0X10\"",
                                      "\"0x010\"",
                                      "\"0x\"",
                                      "\"10\"",
                                      "16",
                                      "\"0x1g\"",
                                      "\"-0x1\"",
                                      "\"\"",
                                      "\" 0x10\"",
                                      "\"0x10 \"",
                                      "\"0x1\\u0030\"",
                                      "1.0",
                                      "null",
                                      "true",
                                      "[]",
                                      "{}",
                                      "\"0x10000000000000000\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char member[64];
        struct texts texts = good();
        snprintf(member, sizeof member, "\"number\":%s", bad[i]);
        replace(&texts.block, "\"number\":\"0x10\"", member);
        expect_failure(&texts, TRACER_E_REPLY, "block: number: a QUANTITY of at most 64 bits was expected");
        texts_free(&texts);
    }
    /* 256 bits hold, 257 do not */
    struct text_block block = {.count = 1, .transactions = {{.price = 7, .value = HASH("ff")}}};
    expect_rows(&block, "0.0 fee native aa>void 147000\n"
                        "0.1 value native aa>bb "
                        "115792089237316195423570985008687907853269984665640564039457584007913129639935\n");
    block.transactions[0].value = HASH("ff") "f";
    struct texts texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "value: a QUANTITY of at most 256 bits");
    texts_free(&texts);
}

Test(reply, R10_data_is_strict)
{
    static const struct change changes[] = {
        {false, 0, "\"from\":\"0xaa", "\"from\":\"0Xaa", "from: DATA of 20 bytes"},
        {false, 0, "\"from\":\"0xaa", "\"from\":\"0xaaaa", "from: DATA of 20 bytes"},
        {false, 0, "\"from\":\"0xaa", "\"from\":\"0x", "from: DATA of 20 bytes"},
        {false, 0, "\"input\":\"0x\"", "\"input\":\"0x1\"", "input: DATA"},
        {false, 0, "\"input\":\"0x\"", "\"input\":\"0x1g\"", "input: DATA"},
        {false, 0, "\"input\":\"0x\"", "\"input\":\"\"", "input: DATA"},
        {true, 0, "\"data\":\"0x0", "\"data\":\"0x", "data: DATA"},
        {true, 0, "\"topics\":[\"0xdd", "\"topics\":[\"0xd", "topics: DATA of 32 bytes"},
    };
    EXPECT_ALL(changes);
}

Test(reply, R10_a_message_quotes_foreign_text_safely)
{
    struct texts texts = good();
    replace(&texts.block, "\"number\":\"0x10\"",
            "\"number\":\"\\u001b[31m\xc3\xa9" X32("A") X32("A") X32("A") "\"");
    cr_assert_eq(texts_decode(&texts), TRACER_E_REPLY);
    for (const char *c = texts.err.text; *c; c++)
        cr_assert(*c >= 0x20 && *c < 0x7f);
    cr_assert(strlen(texts.err.text) < 200);
    texts_free(&texts);
}

Test(reply, R11_members_by_era)
{
    struct text_block block = {.rules = "ethereum", .number = 12964999, .no_base_fee = true};
    struct texts texts = texts_write(&block); /* the last block before London */
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    texts_free(&texts);
    block.no_base_fee = false;
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "baseFeePerGas: may not be there");
    texts_free(&texts);
    block.number++;
    texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    texts_free(&texts);
    block.no_base_fee = true;
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "baseFeePerGas: missing");
    texts_free(&texts);
    block = (struct text_block){.rules = "ethereum", .number = 17034870, .time = 1681338455};
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "withdrawalsRoot: missing");
    texts_free(&texts);
    block.more = ",\"blobGasUsed\":\"0x0\"";
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "missing");
    texts_free(&texts);
    block.time--;
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "blobGasUsed: may not be there");
    texts_free(&texts);
}

Test(reply, R11_status_or_root)
{
    struct text_block block = {
        .rules = "ethereum", .number = 4369999, .no_base_fee = true, .count = 1, .transactions = {{0}}};
    struct texts texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "root: missing");
    texts_free(&texts);
    block.root_receipts = true;
    texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    replace(&texts.receipts, "\"root\":", "\"status\":\"0x0\",\"root\":"); /* nothing covers it: it tells nothing */
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transactions[0].status, TRANSACTION_SUCCEEDED); /* it left gas */
    texts_free(&texts);
    block.number++;
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "status: missing");
    texts_free(&texts);
}

Test(reply, R11_members_by_type_and_types_by_era)
{
    static const struct {
        unsigned type;
        const char *more, *message;
    } cases[] = {
        {0, ",\"maxFeePerGas\":\"0xa\"", "maxFeePerGas: may not be there in a transaction of this type"},
        {1, ",\"blobVersionedHashes\":[\"" HASH("01") "\"]", "blobVersionedHashes: may not be there"},
        {2, ",\"mint\":\"0x1\"", "mint: may not be there"},
        {2, ",\"maxFeePerBlobGas\":\"0x1\"", "maxFeePerBlobGas: may not be there"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_block block = {.count = 1,
                                   .transactions = {{.type = cases[i].type, .more = cases[i].more}}};
        struct texts texts = texts_write(&block);
        expect_failure(&texts, TRACER_E_REPLY, cases[i].message);
        texts_free(&texts);
    }
    struct text_block block = {.rules = "ethereum",
                               .number = 12243999,
                               .no_base_fee = true,
                               .count = 1,
                               .transactions = {{.type = 1}}};
    struct texts texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "type: 0x1 does not exist yet");
    texts_free(&texts);
    block = (struct text_block){.rules = "ronin",
                                .chain_id = 2020,
                                .number = 32367399,
                                .no_base_fee = true,
                                .count = 1,
                                .transactions = {{.type = 0x64, .more = ",\"payer\":\"" C "\""}}};
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "type: 0x64 does not exist yet");
    texts_free(&texts);
    block.number++;
    texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    texts_free(&texts);
    block.transactions[0].more = NULL;
    texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "payer: missing");
    texts_free(&texts);
}

Test(reply, R11_a_legacy_transaction_may_lack_its_type)
{
    struct text_block block = {.count = 1, .transactions = {{.value = "0x5", .price = 7}}};
    struct texts texts = texts_write(&block);
    replace(&texts.block, ",\"type\":\"0x0\"", "");
    replace(&texts.receipts, ",\"type\":\"0x0\"", ",\"type\":null");
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transfer_count, 2);
    replace(&texts.block, "\"gasPrice\":", "\"maxFeePerGas\":\"0x7\",\"gasPrice\":");
    expect_failure(&texts, TRACER_E_REPLY, "in a transaction without a type");
    texts_free(&texts);
}

Test(reply, R13_null_in_an_array_is_a_hole)
{
    static const struct change changes[] = {
        {false, 0, "\"transactions\":[", "\"transactions\":[null,", "transactions[0]"},
        {false, 0, "\"uncles\":[]", "\"uncles\":[null]", "uncles[0] is null"},
        {true, 0, "[{", "[null,{", "[0]: null instead of a receipt"},
        {true, 0, "\"logs\":[", "\"logs\":[null,", "logs[0]"},
        {true, 0, "\"topics\":[", "\"topics\":[null,", "topics"},
    };
    EXPECT_ALL(changes);
}

Test(reply, R14_an_unknown_type_is_kept_as_stated_and_counted)
{
    struct text_block block = {.count = 2,
                               .transactions = {{.type = 0x55, .value = "0x64", .logs = {TRANSFER_LOG}},
                                                {.type = 0x64, .value = "0x1"}}};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transaction_count, 2);
    cr_assert_eq(texts.decoded.transactions[0].grade, GRADE_ASSERTED);
    cr_assert_eq(texts.notes.unknown_type_count, 2); /* 0x64 is Ronin's alone */
    cr_assert_eq(texts.notes.unknown_type, 0x55);
    cr_assert_eq(texts.decoded.undecoded_count, 2);
    char *rows = rows_text(&texts.decoded);
    cr_assert_str_eq(rows, "0.0 fee native aa>void 147000\n"
                           "0.1 fee native aa>99 63000\n"
                           "0.2 value native aa>bb 100\n"
                           "0.3 token 77 aa>bb 5 log 0\n"
                           "1.0 fee native aa>void 147000\n"
                           "1.1 fee native aa>99 63000\n"
                           "1.2 value native aa>bb 1\n");
    free(rows);
    texts_free(&texts);
}

Test(reply, R2_fees_that_cannot_be)
{
    struct text_block block = {.count = 1, .transactions = {{.type = 2, .price = 6}}};
    struct texts texts = texts_write(&block);
    expect_failure(&texts, TRACER_E_REPLY, "the gas price is 6, but the base fee is 7");
    replace(&texts.block, "\"maxPriorityFeePerGas\":\"0x6\"", "\"maxPriorityFeePerGas\":\"0x9\"");
    expect_failure(&texts, TRACER_E_REPLY, "maxPriorityFeePerGas is 9, but maxFeePerGas is 6");
    texts_free(&texts);
    block.transactions[0].type = 0;
    texts = texts_write(&block);
    replace(&texts.block, "\"gasPrice\":\"0x6\"", "\"gasPrice\":\"" HASH("ff") "\"");
    replace(&texts.receipts, "\"effectiveGasPrice\":\"0x6\"", "\"effectiveGasPrice\":\"" HASH("ff") "\"");
    expect_failure(&texts, TRACER_E_REPLY, "a fee of more than 2^256");
    texts_free(&texts);
}

Test(reply, R2_blob_prices_follow_from_the_excess)
{
    struct text_block block = {
        .rules = "ethereum",
        .number = 19426587,
        .time = 1710338135,
        .count = 1,
        .transactions = {{.type = 3,
                          .more_receipt = ",\"blobGasUsed\":\"0x20000\",\"blobGasPrice\":\"0x1\""}},
        .more =
            ",\"blobGasUsed\":\"0x20000\",\"excessBlobGas\":\"0x0\",\"withdrawals\":[],\"withdrawalsRoot\":"
            "\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\","
            "\"parentBeaconBlockRoot\":\"" HASH("be") "\""};
    struct texts texts = texts_write(&block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    cr_assert_eq(texts.decoded.transfers[1].amount.limb[0], 131072);
    replace(&texts.receipts, "\"blobGasPrice\":\"0x1\"", "\"blobGasPrice\":\"0x2\"");
    expect_failure(&texts, TRACER_E_REPLY, "blobGasPrice is 2, but the block's excessBlobGas gives 1");
    replace(&texts.receipts, "\"blobGasPrice\":\"0x2\"", "\"blobGasPrice\":\"0x1\"");
    replace(&texts.receipts, "\"blobGasUsed\":\"0x20000\"", "\"blobGasUsed\":\"0x20001\"");
    expect_failure(&texts, TRACER_E_REPLY, "blobGasUsed is 131073");
    replace(&texts.block, "\"excessBlobGas\":\"0x0\"", "\"excessBlobGas\":\"0xffffffffffffffff\"");
    replace(&texts.receipts, "\"blobGasUsed\":\"0x20001\"", "\"blobGasUsed\":\"0x20000\"");
    expect_failure(&texts, TRACER_E_REPLY, "excessBlobGas: too large");
    replace(&texts.block, "\"blobGasUsed\":\"0x20000\"", "\"blobGasUsed\":\"0x0\"");
    expect_failure(&texts, TRACER_E_REPLY, "blobGasUsed is 0");
    texts_free(&texts);
}

/* Each fork of blob parameters changes what the same excess costs (EIP-7691, EIP-7892). Nothing states the price: it follows. */
Test(reply, blob_prices_of_every_schedule)
{
    static const struct {
        uint64_t time, price;
    } cases[] = {{1765290070, 18837597}, {1765290071, 23174}, {1767747670, 23174}, {1767747671, 1311}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_block block = {
            .rules = "ethereum",
            .number = 24000000,
            .time = cases[i].time,
            .count = 1,
            .transactions = {{.type = 3}},
            .more = ",\"blobGasUsed\":\"0x20000\",\"excessBlobGas\":\"0x5000000\",\"withdrawals\":[],\"withdrawalsRoot\":"
                    "\"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\","
                    "\"parentBeaconBlockRoot\":\"" HASH("be") "\",\"requestsHash\":\"" HASH("e3") "\""};
        struct texts texts = texts_write(&block);
        cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
        cr_assert_eq(texts.decoded.transfers[1].amount.limb[0], 131072 * cases[i].price);
        texts_free(&texts);
    }
}

Test(reply, receipts_may_come_one_by_one)
{
    struct texts texts = good();
    char *whole = strdup(texts.receipts);
    struct json_span spans[3];
    struct json_reader reader;
    size_t count = 0;
    json_reader_init(&reader, whole, strlen(whole), 64, 10000);
    json_enter_array(&reader);
    while (json_next_element(&reader))
        json_skip(&reader, &spans[count++]);
    struct evm_network network = {.rules = &texts.rules->evm, .chain_id = 1};
    struct evm_replies replies = {.number = 16,
                                  .block = span_text(texts.block),
                                  .receipts = spans,
                                  .receipt_count = 3,
                                  .receipts_apart = true};
    struct block block;
    struct arena *arena = arena_new(TRACER_MIB(64));
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &texts.notes, &texts.err), TRACER_OK,
                 "%s", texts.err.text);
    cr_assert_eq(block.transfer_count, texts.decoded.transfer_count);
    replies.receipt_count = 2;
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &texts.notes, &texts.err),
                 TRACER_E_REPLY);
    replies.receipt_count = 3;
    spans[1] = span_text("null");
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &texts.notes, &texts.err),
                 TRACER_E_REPLY);
    spans[1] = spans[0];
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &texts.notes, &texts.err),
                 TRACER_E_REPLY);
    arena_free(arena);
    free(whole);
    texts_free(&texts);
}

Test(reply, R8_ceilings_end_in_the_limit_status)
{
    size_t size;
    char *text;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "{\"uncles\":[");
    for (unsigned i = 0; i < TRACER_JSON_VALUES_MAX; i++)
        fputs("0,", out);
    fprintf(out, "0]}");
    fclose(out);
    struct texts texts = good();
    free(texts.block);
    texts.block = text;
    expect_failure(&texts, TRACER_E_LIMIT, "more values than the limit");
    texts_free(&texts);
    texts = good();
    char deep[200];
    memset(deep, '[', sizeof deep);
    deep[199] = '\0';
    char member[300];
    snprintf(member, sizeof member, "{\"x\":%s", deep);
    replace(&texts.block, "{", member);
    expect_failure(&texts, TRACER_E_LIMIT, "nested deeper than the limit");
    texts_free(&texts);
}

Test(reply, memory_that_ends_is_a_status)
{
    struct texts texts = good();
    struct json_span receipts = span_text(texts.receipts);
    struct evm_network network = {.rules = &texts.rules->evm, .chain_id = 1};
    struct evm_replies replies = {
        .number = 16, .block = span_text(texts.block), .receipts = &receipts, .receipt_count = 1};
    unsigned failures = 0;
    for (size_t bytes = 0; bytes < 256 * 1024; bytes += 1021) {
        struct arena *arena = arena_new(bytes);
        struct block block;
        struct evm_notes notes;
        struct error err;
        enum tracer_status status = evm_decode_block(&network, &replies, arena, &block, &notes, &err);
        cr_assert(status == TRACER_OK || status == TRACER_E_NOMEM, "%s", err.text);
        failures += status == TRACER_E_NOMEM;
        arena_free(arena);
    }
    cr_assert_gt(failures, 3);
    texts_free(&texts);
}
