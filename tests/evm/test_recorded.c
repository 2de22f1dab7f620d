/* test_recorded.c - recorded replies of Ethereum mainnet (the shared data; skipped where it is absent). The
 * expected sums were computed from the same files by a separate program in another language, row by row. */
#include <jansson.h>

#include "evm/texts.h"

#define WETH "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"

struct sums {
    unsigned fee, value, internal, reward, token;
    const char *fee_wei, *value_wei, *internal_wei, *reward_wei;
};

static struct sums sums_of(const struct block *block, char texts[4][U256_DECIMAL_MAX])
{
    struct u256 totals[TRANSFER_KIND_COUNT] = {{{0}}};
    unsigned counts[TRANSFER_KIND_COUNT] = {0};
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        counts[row->kind]++;
        if (row->asset.kind == ASSET_NATIVE)
            cr_assert(u256_add(totals[row->kind], row->amount, &totals[row->kind]));
        if (i > 0)
            cr_assert_lt(position_compare(row[-1].position, row->position), 0);
    }
    u256_format_decimal(totals[TRANSFER_FEE], texts[0]);
    u256_format_decimal(totals[TRANSFER_VALUE], texts[1]);
    u256_format_decimal(totals[TRANSFER_INTERNAL], texts[2]);
    u256_format_decimal(totals[TRANSFER_REWARD], texts[3]);
    return (struct sums){counts[TRANSFER_FEE],
                         counts[TRANSFER_VALUE],
                         counts[TRANSFER_INTERNAL],
                         counts[TRANSFER_REWARD],
                         counts[TRANSFER_TOKEN],
                         texts[0],
                         texts[1],
                         texts[2],
                         texts[3]};
}

struct recorded {
    uint64_t number;
    const char *traces;
    struct sums sums;
};

static const struct recorded recorded[] = {
    {12505500,
     NULL,
     {229, 103, 0, 1, 184, "922089560398131514", "41027166471920252619", "0", "2000000000000000000"}},
    {12505500,
     "blocks/callTracer-12505500.json",
     {229, 103, 21, 1, 184, "922089560398131514", "41027166471920252619", "39815869249141505706",
      "2000000000000000000"}},
    {14764013,
     NULL,
     {38, 5, 0, 1, 17, "169516583294784738", "3180889912703264728", "0", "2062500000000000000"}},
    {15537393,
     NULL,
     {2, 1, 0, 1, 1, "1301358596985752877", "30198550054898867892", "0", "2000000000000000000"}},
    {17034870, NULL, {368, 105, 0, 0, 276, "609808698408446394", "49897600708423561905", "0", "0"}},
    {17062257,
     NULL,
     {416, 124, 0, 16, 333, "561882778050690200", "2446415434241153289549", "0", "39829648020000000000"}},
    {19426586,
     NULL,
     {254, 53, 0, 16, 176, "1022901685309262277", "45247071646874593763", "0", "301684357000000000"}},
    {19426587,
     NULL,
     {74, 16, 0, 16, 21, "191150301226558090", "3765325589505485224", "0", "257747925000000000"}},
    {22162263,
     NULL,
     {282, 71, 0, 16, 428, "15852306506874308", "217502088988188307892", "0", "302966699000000000"}},
    {22431083,
     NULL,
     {276, 26, 0, 16, 442, "111672013093146246", "4664980592017123780", "0", "305997904000000000"}},
    {22431084,
     NULL,
     {192, 42, 0, 16, 106, "23621453644618079", "6953958114639878973", "0", "527551505000000000"}},
};

static enum tracer_status decode_recorded(const struct recorded *from, struct arena *arena,
                                          struct block *ret_block, struct evm_notes *ret_notes,
                                          struct error *err)
{
    char name[64], *owned[3] = {NULL};
    struct address weth;
    struct json_span receipts;
    struct evm_replies replies = {.number = from->number, .receipts = &receipts, .receipt_count = 1};
    cr_assert(address_parse(WETH, strlen(WETH), &weth));
    struct evm_network network = {
        .rules = &chain_rules_find("ethereum")->evm, .chain_id = 1, .wrappers = &weth, .wrapper_count = 1};
    snprintf(name, sizeof name, "blocks/block-%" PRIu64 ".json", from->number);
    replies.block = load_result(name, &owned[0]);
    snprintf(name, sizeof name, "blocks/receipts-%" PRIu64 ".json", from->number);
    receipts = load_result(name, &owned[1]);
    if (from->traces) {
        replies.traces_kind = EVM_TRACES_CALL_TRACER;
        replies.traces = load_result(from->traces, &owned[2]);
    }
    enum tracer_status status = evm_decode_block(&network, &replies, arena, ret_block, ret_notes, err);
    for (size_t i = 0; i < 3; i++)
        free(owned[i]);
    return status;
}

Test(recorded, mainnet_blocks_decode_to_the_sums_of_another_program)
{
    if (data_is_absent("recorded"))
        return;
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++) {
        struct arena *arena = arena_new(TRACER_GIB(1));
        struct block block;
        struct evm_notes notes;
        struct error err;
        char texts[4][U256_DECIMAL_MAX];
        const struct sums *want = &recorded[i].sums;
        cr_assert_eq(decode_recorded(&recorded[i], arena, &block, &notes, &err), TRACER_OK, "%" PRIu64 ": %s",
                     recorded[i].number, err.text);
        struct sums got = sums_of(&block, texts);
        cr_assert_eq(got.fee, want->fee);
        cr_assert_eq(got.value, want->value);
        cr_assert_eq(got.internal, want->internal);
        cr_assert_eq(got.reward, want->reward);
        cr_assert_eq(got.token, want->token);
        cr_assert_str_eq(got.fee_wei, want->fee_wei);
        cr_assert_str_eq(got.value_wei, want->value_wei);
        cr_assert_str_eq(got.internal_wei, want->internal_wei);
        cr_assert_str_eq(got.reward_wei, want->reward_wei);
        cr_assert_eq(block.undecoded_count, 0);
        cr_assert_eq(block.internals, recorded[i].traces ? INTERNALS_ALL : INTERNALS_NONE);
        cr_assert_eq(notes.unknown_type_count + notes.status_unknown + notes.trace_gaps, 0);
        arena_free(arena);
    }
}

/* The genesis block is the anchor of the built-in network. */
Test(recorded, the_built_in_anchor_is_the_genesis_block)
{
    char *owned;
    struct chain_network network;
    struct evm_block_head head;
    struct error err;
    if (data_is_absent("recorded"))
        return;
    struct arena *arena = arena_new(TRACER_MIB(1));
    struct json_span text = load_result("blocks/block-0.json", &owned);
    cr_assert(chain_builtin("ethereum", &network));
    cr_assert_eq(evm_decode_head(text, arena, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert(hash_equal(head.hash, network.anchor_hash));
    cr_assert_eq(head.number, network.anchor_number);
    cr_assert_eq(head.transaction_count, 0);
    arena_free(arena);
    free(owned);
}

/* Pre-Byzantium receipts that were asked for one by one. */
Test(recorded, a_homestead_block_with_single_receipts)
{
#define STREAM "traces/test_stream__blocks_1755634_1755635__web3_response."
    static const char *const names[] = {
        STREAM "eth_getBlockByNumber_0x1ac9f3_true.json",
        STREAM
        "eth_getTransactionReceipt_0x2e3dcd051a91d3a694f6b8de2ac4b5fe7acdba55f58bcf8471ff00d4a430074d.json",
        STREAM
        "eth_getTransactionReceipt_0x9a5437ec71b74ecf5930b406908ac6999966d38a86d1534b7190ece7599095eb.json"};
    char *owned[3];
    struct json_span spans[3];
    struct block block;
    struct evm_notes notes;
    struct error err;
    if (data_is_absent("recorded"))
        return;
    for (size_t i = 0; i < 3; i++)
        spans[i] = load_result(names[i], &owned[i]);
    struct arena *arena = arena_new(TRACER_MIB(8));
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    struct evm_replies replies = {.number = 1755635,
                                  .block = spans[0],
                                  .receipts = spans + 1,
                                  .receipt_count = 2,
                                  .receipts_apart = true};
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &notes, &err), TRACER_OK, "%s",
                 err.text);
    cr_assert_eq(block.transfer_count, 5); /* two fees, a token, a value, the reward */
    cr_assert_eq(block.transactions[0].status, TRANSACTION_SUCCEEDED);
    cr_assert_eq(notes.status_unknown, 0);
    arena_free(arena);
    for (size_t i = 0; i < 3; i++)
        free(owned[i]);
}

/* ---- traces whose blocks are written around them ---- */

struct made {
    char *block, *receipts;
};

static const char *member(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* A block of the transactions that the traces are of; each used all its gas, so that only the trace tells its
 * fate. */
static struct made make_block(json_t *tops, uint64_t number, const char *block_hash, const char *miner,
                              bool root)
{
    struct made made;
    size_t size, index;
    json_t *top;
    FILE *block = open_memstream(&made.block, &size), *receipts = open_memstream(&made.receipts, &size);
    const char *txroot = json_array_size(tops)
                             ? HASH("11")
                             : "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
    fprintf(block,
            "{\"number\":\"0x%" PRIx64 "\",\"hash\":\"%s\",\"parentHash\":\"" HASH(
                "b1") "\",\"logsBloom\":\"0x%0512d\","
                      "\"transactionsRoot\":\"%s\",\"stateRoot\":\"" HASH(
                          "5a") "\",\"receiptsRoot\":\"%s\",\"miner\":\"%s\","
                                "\"gasLimit\":\"0x0\",\"gasUsed\":\"0x%zx\",\"timestamp\":\"0x1\",\"uncles\":"
                                "[],\"transactions\":[",
            number, block_hash, 0, txroot, txroot, miner, json_array_size(tops));
    fprintf(receipts, "[");
    json_array_foreach(tops, index, top)
    {
        bool creates = !member(top, "to");
        char place[256], to[64];
        snprintf(place, sizeof place,
                 "\"blockHash\":\"%s\",\"blockNumber\":\"0x%" PRIx64 "\",\"from\":\"%s\"", block_hash, number,
                 member(top, "from"));
        snprintf(to, sizeof to, creates ? "null" : "\"%s\"", member(top, "to"));
        fprintf(
            block,
            "%s{%s,\"to\":%s,\"hash\":\"%s\",\"transactionIndex\":\"0x%zx\",\"value\":\"%s\",\"gas\":\"0x1\","
            "\"gasPrice\":\"0x0\",\"nonce\":\"0x0\",\"input\":\"0x\"}",
            index ? "," : "", place, to, member(top, "hash"), index, member(top, "value"));
        fprintf(receipts,
                "%s{%s,\"to\":%s,\"transactionHash\":\"%s\",\"transactionIndex\":\"0x%zx\","
                "\"cumulativeGasUsed\":\"0x%zx\","
                "\"gasUsed\":\"0x1\",\"logs\":[],\"contractAddress\":%s%s%s",
                index ? "," : "", place, to, member(top, "hash"), index, index + 1, creates ? "\"" : "null",
                creates ? member(top, "created") : "", creates ? "\"" : "");
        if (root)
            fprintf(receipts, ",\"root\":\"" HASH("7e") "\"}");
        else
            fprintf(receipts, ",\"status\":\"0x%d\"}", !json_is_true(json_object_get(top, "failed")));
    }
    fprintf(block, "]}");
    fprintf(receipts, "]");
    fclose(block);
    fclose(receipts);
    return made;
}

static json_t *load_json(const char *name)
{
    char *text = load_text(name);
    cr_assert_not_null(text, "%s", name);
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(json, "%s", name);
    free(text);
    return json;
}

static void put(json_t *object, const char *name, const char *value)
{
    if (value)
        json_object_set_new(object, name, json_string(value));
}

/* The transactions of a trace_block reply. */
static json_t *tops_of_items(json_t *items, const char **ret_block_hash, uint64_t *ret_number,
                             const char **ret_miner)
{
    json_t *tops = json_array(), *item;
    size_t index;
    json_array_foreach(items, index, item)
    {
        json_t *action = json_object_get(item, "action");
        *ret_block_hash = member(item, "blockHash");
        *ret_number = (uint64_t)json_integer_value(json_object_get(item, "blockNumber"));
        if (strcmp(member(item, "type"), "reward") == 0) {
            *ret_miner = member(action, "author");
        } else if (json_array_size(json_object_get(item, "traceAddress")) == 0) {
            json_t *top = json_object();
            const char *created = member(json_object_get(item, "result"), "address");
            put(top, "from", member(action, "from"));
            put(top, "to", member(action, "to"));
            put(top, "value", member(action, "value"));
            put(top, "hash", member(item, "transactionHash"));
            put(top, "created", created ? created : ADDRESS("01"));
            json_array_append_new(tops, top);
        }
    }
    return tops;
}

static char *decode_made(const struct made *made, uint64_t number, enum evm_traces kind, const char *traces,
                         enum internals *ret_internals)
{
    struct arena *arena = arena_new(TRACER_MIB(256));
    struct json_span receipts = span_text(made->receipts);
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    struct evm_replies replies = {.number = number,
                                  .block = span_text(made->block),
                                  .receipts = &receipts,
                                  .receipt_count = 1,
                                  .traces_kind = kind,
                                  .traces = span_text(traces)};
    struct block block;
    struct evm_notes notes;
    struct error err;
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &notes, &err), TRACER_OK, "%s",
                 err.text);
    *ret_internals = block.internals;
    char *rows = rows_text(&block);
    arena_free(arena);
    return rows;
}

Test(recorded, both_formats_of_traces_give_the_same_rows)
{
    static const struct {
        const char *test, *flat, *tracer;
        bool same; /* old tracers do not say what a self-destruct moves */
    } cases[] = {{"subtraces", "0xf4240", "0xf4240", true},
                 {"create", "0xf44f2", "0xf44f2", true},
                 {"error", "0xf45bf", "0xf45bf", true},
                 {"suicide", "0xf7105", "0xf7105", false}};
    if (data_is_absent("recorded"))
        return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[160];
        const char *hash = NULL, *miner = NULL;
        uint64_t number = 0;
        enum internals flat_internals, tracer_internals;
        snprintf(name, sizeof name,
                 "traces/test_export_traces_job__block_with_%s__web3_response.trace_block_%s.json",
                 cases[i].test, cases[i].flat);
        json_t *items = load_json(name);
        char *flat = load_text(name);
        snprintf(
            name, sizeof name,
            "traces/"
            "test_extract_geth_traces_job__block_with_%s__web3_response.debug_traceBlockByNumber_%s_tracer_"
            "calltracer.json",
            cases[i].test, cases[i].tracer);
        char *tracer = load_text(name);
        json_t *tops = tops_of_items(items, &hash, &number, &miner);
        struct made made = make_block(tops, number, hash, miner, true);
        char *flat_rows = decode_made(&made, number, EVM_TRACES_TRACE_BLOCK, flat, &flat_internals);
        char *tracer_rows = decode_made(&made, number, EVM_TRACES_CALL_TRACER, tracer, &tracer_internals);
        cr_assert_eq(flat_internals, INTERNALS_ALL);
        cr_assert_eq(tracer_internals, cases[i].same ? INTERNALS_ALL : INTERNALS_SOME);
        if (cases[i].same)
            cr_assert_str_eq(flat_rows, tracer_rows);
        else
            cr_assert_not_null(strstr(flat_rows,
                                      "internal native 0x474faa5018639791952fae334e2911700ac7fe9b>"
                                      "0x83973747eec131bf9a08ac64fb1a518e891bdf4b 50000000000000000"));
        free(flat_rows);
        free(tracer_rows);
        free(flat);
        free(tracer);
        free(made.block);
        free(made.receipts);
        json_decref(tops);
        json_decref(items);
    }
}

Test(recorded, more_blocks_of_flat_traces)
{
    static const char *const names[] = {
        "traces/test_stream__blocks_2112234_2112234__web3_response.trace_block_0x203aea.json",
        "traces/test_stream__blocks_508110_508110__web3_response.trace_block_0x7c0ce.json"};
    if (data_is_absent("recorded"))
        return;
    for (size_t i = 0; i < 2; i++) {
        const char *hash = NULL, *miner = NULL;
        uint64_t number = 0;
        enum internals internals;
        json_t *items = load_json(names[i]);
        char *flat = load_text(names[i]);
        json_t *tops = tops_of_items(items, &hash, &number, &miner);
        struct made made = make_block(tops, number, hash, miner, true);
        /* only uncle rewards need the uncles' count */
        unsigned uncles = 0;
        for (const char *at = flat; (at = strstr(at, "\"uncle\"")); at++)
            uncles++;
        if (uncles == 1)
            replace(&made.block, "\"uncles\":[]", "\"uncles\":[\"" HASH("01") "\"]");
        char *rows = decode_made(&made, number, EVM_TRACES_TRACE_BLOCK, flat, &internals);
        cr_assert_eq(internals, INTERNALS_ALL);
        free(rows);
        free(flat);
        free(made.block);
        free(made.receipts);
        json_decref(tops);
        json_decref(items);
    }
}

/* What a callTracer frame moves, by plain recursion over a tree. */
static void walk(json_t *frame, bool top, FILE *out, unsigned *index)
{
    json_t *call;
    size_t i;
    const char *type = member(frame, "type"), *value = member(frame, "value");
    if (member(frame, "error"))
        return;
    bool moves =
        strcmp(type, "CALL") == 0 || strncmp(type, "CREATE", 6) == 0 || strcmp(type, "SELFDESTRUCT") == 0;
    if (!top && moves && strcmp(value, "0x0") != 0) {
        struct u256 amount;
        struct address from, to;
        char text[U256_DECIMAL_MAX], from_text[ADDRESS_TEXT_SIZE], to_text[ADDRESS_TEXT_SIZE];
        cr_assert(u256_parse_quantity(value, strlen(value), &amount));
        cr_assert(address_parse(member(frame, "from"), 42, &from));
        cr_assert(address_parse(member(frame, "to"), 42, &to));
        u256_format_decimal(amount, text);
        short_address(from, from_text);
        short_address(to, to_text);
        fprintf(out, "0.%u internal native %s>%s %s\n", (*index)++, from_text, to_text, text);
    }
    json_array_foreach(json_object_get(frame, "calls"), i, call) walk(call, false, out, index);
}

Test(recorded, geth_call_tracer_cases)
{
    static const char *const names[] = {"create",        "deep_calls",
                                        "throw",         "inner_instafail",
                                        "revert",        "inner_create_oog_outer_throw",
                                        "blob_tx",       "inner_revert_reason",
                                        "simple",        "oog",
                                        "delegatecall",  "inner_throw_outer_revert",
                                        "selfdestruct",  "revert_reason",
                                        "simple_onlytop"};
    unsigned moves = 0;
    if (data_is_absent("recorded"))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[96];
        snprintf(name, sizeof name, "traces/geth-call-tracer/%s.json", names[i]);
        json_t *result = load_json(name), *top = json_object(), *tops = json_array();
        bool failed = member(result, "error"), creates = strncmp(member(result, "type"), "CREATE", 6) == 0;
        put(top, "from", member(result, "from"));
        put(top, "to", creates ? NULL : member(result, "to"));
        put(top, "created", member(result, "to") ? member(result, "to") : ADDRESS("01"));
        put(top, "value", member(result, "value"));
        put(top, "hash", HASH("01"));
        json_object_set_new(top, "failed", json_boolean(failed));
        json_array_append_new(tops, top);
        struct made made = make_block(tops, 5000000, HASH("b0"), MINER, false);
        char *frame = json_dumps(result, JSON_COMPACT), *traces, *expected;
        size_t size;
        FILE *out = open_memstream(&traces, &size);
        fprintf(out, "[{\"txHash\":\"" HASH("01") "\",\"result\":%s}]", frame);
        fclose(out);
        enum internals internals;
        char *rows = decode_made(&made, 5000000, EVM_TRACES_CALL_TRACER, traces, &internals);
        unsigned index = strcmp(member(result, "value"), "0x0") != 0 && !failed;
        out = open_memstream(&expected, &size);
        if (!failed)
            walk(result, true, out, &index);
        fclose(out);
        char *from = strstr(rows, " internal ");
        if (*expected) {
            cr_assert_not_null(strstr(rows, expected), "%s: %s is not in %s", names[i], expected, rows);
            moves++;
        } else {
            cr_assert_null(from, "%s: %s", names[i], rows);
        }
        free(rows);
        free(expected);
        free(traces);
        free(frame);
        free(made.block);
        free(made.receipts);
        json_decref(tops);
        json_decref(result);
    }
    cr_assert_gt(moves, 1);
}
