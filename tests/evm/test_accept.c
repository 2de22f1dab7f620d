/* test_accept.c - a block's hash covers what its replies say: whole blocks of three chains and all recorded
 * ones are proven; what is omitted, moved or changed is refused by name. */
#include "evm/blocks.h"

#include "evm/trie.h"

static enum tracer_status accept(const struct evm_network *network, uint64_t number, const char *block,
                                 const char *receipts, const struct hash *hash, enum grade *ret_grade,
                                 struct error *err)
{
    struct arena *arena = arena_new(TRACER_GIB(1));
    struct json_span receipts_span = span_text(receipts);
    struct evm_replies replies = {.number = number,
                                  .hash = hash,
                                  .prove = true,
                                  .block = span_text(block),
                                  .receipts = &receipts_span,
                                  .receipt_count = 1};
    struct block decoded;
    struct evm_notes notes;
    enum tracer_status status = evm_decode_block(network, &replies, arena, &decoded, &notes, err);
    if (!status) {
        *ret_grade = decoded.grade;
        for (size_t i = 0; i < decoded.transaction_count; i++)
            cr_assert_eq(decoded.transactions[i].grade, decoded.grade);
    }
    arena_free(arena);
    return status;
}

static void expect_accepted(const struct assembled *block, enum grade grade)
{
    enum grade got = GRADE_COUNT;
    struct error err = {0};
    cr_assert_eq(
        accept(&block->network, block->from.number, block->block, block->receipts, &block->hash, &got, &err),
        TRACER_OK, "%s: %s", block->from.header, err.text);
    cr_assert_eq(got, grade);
}

static void expect_refused(const struct assembled *block, const char *part)
{
    enum grade grade;
    struct error err = {0};
    cr_assert_eq(
        accept(&block->network, block->from.number, block->block, block->receipts, NULL, &grade, &err),
        TRACER_E_REPLY, "%s", part);
    cr_assert_not_null(strstr(err.text, part), "\"%s\" is not in \"%s\"", part, err.text);
}

static void release(struct assembled *block)
{
    free(block->block);
    free(block->receipts);
}

Test(accept, whole_blocks_of_three_chains_are_proven)
{
    for (size_t i = 0; i < WHOLE_BLOCKS; i++) {
        struct assembled block = assemble(i);
        expect_accepted(&block, GRADE_SINGLE);
        release(&block);
    }
}

/* Without being asked to, nothing is called proven. */
Test(accept, what_was_not_checked_is_asserted)
{
    struct assembled from = assemble(1);
    struct arena *arena = arena_new(TRACER_MIB(64));
    struct json_span receipts = span_text(from.receipts);
    struct evm_replies replies = {.number = from.from.number,
                                  .block = span_text(from.block),
                                  .receipts = &receipts,
                                  .receipt_count = 1};
    struct block block;
    struct evm_notes notes;
    struct error err;
    cr_assert_eq(evm_decode_block(&from.network, &replies, arena, &block, &notes, &err), TRACER_OK, "%s",
                 err.text);
    cr_assert_eq(block.grade, GRADE_ASSERTED);
    arena_free(arena);
    release(&from);
}

Test(accept, R5_the_hash_is_the_one_asked_for)
{
    struct assembled block = assemble(1);
    struct hash other = block.hash;
    enum grade grade;
    struct error err = {0};
    other.bytes[0] ^= 1;
    cr_assert_eq(accept(&block.network, block.from.number, block.block, block.receipts, &other, &grade, &err),
                 TRACER_E_REPLY);
    cr_assert_not_null(strstr(err.text, "eth_getBlockByHash: hash is 0x55b11b"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "the block asked for is 0x54b11b"), "%s", err.text);
    release(&block);
}

/* The last transaction or receipt goes. */
static void drop_last(char *text)
{
    char *at = text, *last = NULL, *end;
    while ((at = strstr(at, ",{\"type\":")))
        last = at++;
    cr_assert_not_null(last);
    end = strrchr(text, ']');
    memmove(last, end, strlen(end) + 1);
}

static void replace_all(char **text, const char *from, const char *to)
{
    while (strstr(*text, from))
        replace(text, from, to);
}

/* The replies agree with each other, and the block has the hash that its header gives. */
static void reseal(struct assembled *block)
{
    struct arena *arena = arena_new(TRACER_MIB(8));
    struct evm_header header;
    struct hash hash;
    struct error err = {0};
    char from[HASH_TEXT_SIZE], to[HASH_TEXT_SIZE];
    cr_assert_eq(header_read(span_text(block->block), arena, &header, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(header_hash(&header, &hash, &err), TRACER_OK, "%s", err.text);
    hash_format(header.hash, from);
    hash_format(hash, to);
    replace_all(&block->block, from, to);
    replace_all(&block->receipts, from, to);
    arena_free(arena);
}

Test(accept, R1_a_transaction_with_its_receipt_is_missing)
{
    struct assembled block = assemble(0);
    drop_last(block.block);
    drop_last(block.receipts);
    replace(&block.block, "\"gasUsed\":\"0x527eb\"", "\"gasUsed\":\"0x38231\"");
    expect_refused(&block, "eth_getBlockByNumber: hash is 0x");
    reseal(&block);
    expect_refused(&block, "eth_getBlockByNumber: transactionsRoot is 0xe59276");
    release(&block);
}

Test(accept, R1_a_log_is_missing)
{
    struct assembled block = assemble(1);
    char zero[530], *bloom, *end;
    replace(&block.receipts, "\"logs\":[{", "\"logs\":[],\"unused\":[{");
    expect_refused(&block, "logsBloom is not zero, but there are 0 logs"); /* its own bloom */
    replace(&block.receipts, "\"logsBloom\"", "\"-\"");
    expect_refused(&block, "no logs, but the block's logsBloom is not zero");
    snprintf(zero, sizeof zero, "\"logsBloom\":\"0x%0512d\"", 0);
    bloom = strstr(block.block, "\"logsBloom\"");
    end = bloom + strlen(zero);
    memcpy(bloom, zero, (size_t)(end - bloom));
    expect_refused(&block, "eth_getBlockByNumber: hash is 0x");
    reseal(&block);
    expect_refused(&block, "eth_getBlockReceipts: receiptsRoot is 0x");
    release(&block);
}

/* Another block's hash for the same number is no proof by itself: it is single, and R15 is the chain's to
 * tell. */
Test(accept, a_block_made_to_fit_itself_is_single_at_most)
{
    struct assembled block = assemble(1);
    replace(&block.block, "\"stateRoot\":\"0x", "\"stateRoot\":\"0x00");
    char *at = strstr(block.block, "\"stateRoot\":\"0x") + strlen("\"stateRoot\":\"0x");
    memmove(at + 62, at + 64, strlen(at + 64) + 1);
    reseal(&block);
    enum grade grade = GRADE_COUNT;
    struct error err = {0};
    cr_assert_eq(accept(&block.network, block.from.number, block.block, block.receipts, NULL, &grade, &err),
                 TRACER_OK, "%s", err.text);
    cr_assert_eq(grade, GRADE_SINGLE);
    release(&block);
}

struct change {
    size_t block;    /* of whole_block() */
    bool in_receipt; /* else in the block */
    const char *from, *to, *part;
};

Test(accept, R2_every_difference_names_method_member_and_both_values)
{
    static const struct change changes[] = {
        {
            0,
            false,
            "\"stateRoot\":\"0xabde",
            "\"stateRoot\":\"0xabdf",
            "eth_getBlockByNumber: hash is 0x",
        },
        {1, false, "\"timestamp\":\"0x6322c9", "\"timestamp\":\"0x6322c8", "the header's members give 0x"},
        {1, false, "\"value\":\"0x1a316cd46b2199eb4\"", "\"value\":\"0x1a316cd46b2199eb5\"",
         "eth_getBlockByNumber: transactions[0]: hash is 0xec9db5bf"},
        {1, false, "\"from\":\"0x5827c0", "\"from\":\"0x5827c1",
         "the signature is by 0x5827c0ccf705720cfa395e3fb2dcc449aeef331c"},
        {1, false, "\"nonce\":\"0x7\"", "\"nonce\":\"0x8\"", "transactions[0]: hash is"},
        {1, false, "\"uncles\":[]", "\"uncles\":[\"" HASH("01") "\"]", "but there are 1 uncles"},
        {2, false, "\"withdrawals\":[]",
         "\"withdrawals\":[{\"index\":\"0x1\",\"validatorIndex\":\"0x1\",\"address\":\"" A
         "\",\"amount\":\"0x1\"}]",
         "withdrawals: 1, but this chain has none"},
        {1, true, "\"status\":\"0x1\"", "\"status\":\"0x0\"", "status is 0x0, but there are 1 logs"},
        {1, true, "\"data\":\"0x", "\"data\":\"0x00", "eth_getBlockReceipts: receiptsRoot is 0x"},
        {1, true, "\"topics\":[\"0x", "\"topics\":[\"0x", "logsBloom is not the one that"},
        {0, true, "\"contractAddress\":\"0x", "\"contractAddress\":\"0x", "contractAddress is 0x"},
        {0, true, "\"root\":\"0x9d6e", "\"root\":\"0x9d6f", "receiptsRoot is 0x68e780"},
        {2, true, "\"depositNonce\":\"0x111\"", "\"depositNonce\":\"0x112\"", "depositNonce is 274, but"},
        {2, true, "\"depositReceiptVersion\":\"0x1\"", "\"depositReceiptVersion\":\"0x2\"",
         "receiptsRoot is 0x8c3038"},
        {2, true, "\"depositNonce\"", "\"-\"", "depositNonce: missing"},
        {2, false, "\"mint\":\"0x0\"", "\"mint\":\"0x1\"", "transactions[0]: hash is 0x13a644"},
        {2, false, "\"isSystemTx\":false", "\"isSystemTx\":true", "transactions[0]: hash is 0x13a644"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct change *change = &changes[i];
        struct assembled block = assemble(change->block);
        char **text = change->in_receipt ? &block.receipts : &block.block;
        if (strcmp(change->from, change->to) == 0) { /* another digit behind it */
            char *digit = strstr(*text, change->from) + strlen(change->from);
            *digit = *digit == '0' ? '1' : '0';
        } else {
            replace(text, change->from, change->to);
        }
        if (strncmp(change->from, "\"from\"", 6) == 0)
            replace(&block.receipts, change->from, change->to); /* a lie that agrees with itself */
        expect_refused(&block, change->part);
        release(&block);
    }
}

/* A type that is not known: the others are checked, no root is, and the block is only asserted. */
Test(accept, R14_a_block_with_an_unknown_type_is_only_asserted)
{
    struct assembled block = assemble(0);
    replace(&block.block, "{\"type\":\"0x0\"", "{\"type\":\"0x55\"");
    replace(&block.receipts, "{\"type\":\"0x0\"", "{\"type\":\"0x55\"");
    expect_refused(&block, "type: 0x55 does not exist yet, or any more, in block 1"); /* all types of then are known */
    struct evm_rules later = *block.network.rules;
    later.prague = (struct evm_fork){0, 0};
    later.strict_header = false;
    block.network.rules = &later;
    expect_accepted(&block, GRADE_ASSERTED);
    replace_nth(&block.block, 1, "\"gasPrice\":\"0x1\"", "\"gasPrice\":\"0x2\"");
    expect_refused(&block, "transactions[1]: hash is");
    release(&block);
}

/* ---- the recorded blocks ---- */

Test(accept, every_recorded_block_with_receipts_is_proven)
{
    static const uint64_t numbers[] = {0,        12505500, 14764013, 15537393, 17034870, 17062257,
                                       19426586, 19426587, 22162263, 22431083, 22431084};
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    if (data_is_absent("accept"))
        return;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char name[64];
        enum grade grade = GRADE_COUNT;
        struct error err = {0};
        snprintf(name, sizeof name, "blocks/block-%" PRIu64 ".json", numbers[i]);
        char *block = load_text(name);
        snprintf(name, sizeof name, "blocks/receipts-%" PRIu64 ".json", numbers[i]);
        char *receipts = load_text(name);
        cr_assert_eq(accept(&network, numbers[i], block, receipts, NULL, &grade, &err), TRACER_OK,
                     "%" PRIu64 ": %s", numbers[i], err.text);
        cr_assert_eq(grade, GRADE_SINGLE);
        free(block);
        free(receipts);
    }
}

/* Pre-Byzantium receipts that were asked for one by one. */
Test(accept, a_homestead_block_with_single_receipts_is_proven)
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
    struct error err = {0};
    if (data_is_absent("accept"))
        return;
    for (size_t i = 0; i < 3; i++)
        spans[i] = load_result(names[i], &owned[i]);
    struct arena *arena = arena_new(TRACER_MIB(8));
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    struct evm_replies replies = {.number = 1755635,
                                  .prove = true,
                                  .block = spans[0],
                                  .receipts = spans + 1,
                                  .receipt_count = 2,
                                  .receipts_apart = true};
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &notes, &err), TRACER_OK, "%s",
                 err.text);
    cr_assert_eq(block.grade, GRADE_SINGLE);
    arena_free(arena);
    for (size_t i = 0; i < 3; i++)
        free(owned[i]);
}

/* ---- the blocks that were recorded without receipts ---- */

static struct hash root_of(struct buffer *bytes, const size_t *ends, size_t count, struct arena *arena)
{
    struct bytes *values = arena_calloc(arena, count, sizeof *values);
    struct trie *trie;
    struct error err;
    for (size_t i = 0, begin = 0; i < count; begin = ends[i++])
        values[i] = (struct bytes){(const uint8_t *)bytes->data + begin, ends[i] - begin};
    cr_assert_eq(trie_build(values, count, arena, &trie, &err), TRACER_OK, "%s", err.text);
    return trie_root(trie);
}

static size_t real_count, real_withdrawals;

static void check_real_roots(const char *name, struct json_span block)
{
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    struct arena *arena = arena_new(TRACER_MIB(256));
    struct evm_header header = real_header(&network, block, arena);
    struct error err;
    struct buffer bytes;
    size_t *ends = arena_calloc(arena, header.transaction_count + header.withdrawal_count, sizeof *ends);
    buffer_init(&bytes, TRACER_MIB(32));
    for (size_t i = 0; i < header.transaction_count; i++) {
        cr_assert_eq(transaction_write(&network, &header.transactions[i], FORM_WHOLE, &bytes, &err),
                     TRACER_OK);
        ends[i] = bytes.size;
    }
    cr_assert(hash_equal(root_of(&bytes, ends, header.transaction_count, arena), header.transactions_root),
              "%s", name);
    buffer_clear(&bytes);
    for (size_t i = 0; i < header.withdrawal_count; i++) {
        withdrawal_write(&header.withdrawals[i], &bytes);
        ends[i] = bytes.size;
    }
    if (header.has_withdrawals)
        cr_assert(hash_equal(root_of(&bytes, ends, header.withdrawal_count, arena), header.withdrawals_root),
                  "%s", name);
    real_withdrawals += header.has_withdrawals;
    real_count++;
    buffer_release(&bytes);
    arena_free(arena);
}

Test(accept, roots_of_every_real_block)
{
    if (data_is_absent("accept"))
        return;
    each_real_block(check_real_roots);
    cr_assert_geq(real_count, 34);
    cr_assert_geq(real_withdrawals, 15);
    fprintf(stderr, "%zu real blocks have their transactionsRoot, %zu their withdrawalsRoot\n", real_count,
            real_withdrawals);
}
