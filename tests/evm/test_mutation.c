/* test_mutation.c - every member of a real block's replies removed, doubled, and changed in value and in type
 * (threat-model 5). Proven blocks: each change must be rejected, or be in a member that repeats what is
 * derived and may be left out. Blocks that are only read: or be in a member that no row, transaction or
 * header value is read from. */
#include <jansson.h>

#include "evm/blocks.h"

struct subject {
    struct evm_network network;
    uint64_t number;
    char *texts[3]; /* block, receipts, traces */
    char *good;     /* what the unchanged replies decode to */
    bool prove;
};

/* Everything that a decoded block says, as text. */
static char *describe(const struct block *block)
{
    char *text, hash[HASH_TEXT_SIZE], address[ADDRESS_TEXT_SIZE], *rows = rows_text(block);
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const struct hash *hashes[] = {&block->hash, &block->parent_hash, &block->state_root,
                                   &block->transactions_root, &block->receipts_root};
    fprintf(out, "%" PRIu64 " %" PRIu64 " %d %d %u\n", block->number, block->time, block->internals,
            block->order, block->undecoded_count);
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        hash_format(*hashes[i], hash);
        fprintf(out, "%s\n", hash);
    }
    for (size_t i = 0; i < block->transaction_count; i++) {
        const struct transaction *transaction = &block->transactions[i];
        hash_format(transaction->hash, hash);
        address_format(transaction->sender, address);
        fprintf(out, "%s %s %" PRIu64 " %d\n", hash, address, transaction->nonce, transaction->status);
    }
    fprintf(out, "%s", rows);
    free(rows);
    fclose(out);
    return text;
}

/* NULL: rejected. */
static char *decode(const struct subject *subject, const char *const texts[3])
{
    struct arena *arena = arena_new(TRACER_GIB(1));
    struct json_span receipts = span_text(texts[1]);
    struct evm_replies replies = {.number = subject->number,
                                  .prove = subject->prove,
                                  .block = span_text(texts[0]),
                                  .receipts = &receipts,
                                  .receipt_count = 1,
                                  .traces_kind = texts[2] ? EVM_TRACES_CALL_TRACER : EVM_TRACES_NONE,
                                  .traces = span_text(texts[2] ? texts[2] : "")};
    struct block block;
    struct evm_notes notes;
    struct error err = {0};
    enum tracer_status status = evm_decode_block(&subject->network, &replies, arena, &block, &notes, &err);
    cr_assert(status == TRACER_OK || (status == TRACER_E_REPLY && err.text[0]), "%s", err.text);
    char *text = status ? NULL : describe(&block);
    arena_free(arena);
    return text;
}

/* ---- changes: a walk over the members of one text ---- */

enum change { REMOVED, DOUBLED, OTHER_VALUE, TO_NUMBER, TO_NULL, TO_BOOL, TO_ARRAY, TO_OBJECT, CHANGE_COUNT };

static const char *const change_names[] = {"removed", "doubled",    "other value", "to a number",
                                           "to null", "to boolean", "to an array", "to an object"};

struct score {
    unsigned killed, same, survived;
};

struct site { /* one member, `key` included */
    const char *key, *value, *end;
    size_t key_length;
    bool last; /* no comma behind it */
};

static char *changed_text(const char *text, const struct site *site, enum change change)
{
    size_t head = (size_t)(site->key - 1 - text), size = strlen(text);
    const char *rest = site->end;
    char *to = malloc(size * 2 + 64);
    int value_length = (int)(site->end - site->value), key_length = (int)site->key_length;
    if (change == REMOVED) {
        /* with the comma behind it, or the one before */
        if (!site->last)
            rest = strchr(rest, ',') + 1;
        else if (head > 0 && text[head - 1] == ',')
            head--;
        sprintf(to, "%.*s%s", (int)head, text, rest);
        return to;
    }
    char value[16] = "";
    switch (change) {
    case OTHER_VALUE: /* one digit, the last, differs */
        sprintf(to, "%.*s\"%.*s\":%.*s", (int)head, text, key_length, site->key, value_length, site->value);
        {
            char *digit = to + strlen(to) - (*site->value == '"' ? 2 : 1);
            *digit = *digit == '1' ? '2' : '1';
        }
        strcat(to, rest);
        return to;
    case DOUBLED:
        sprintf(to, "%.*s\"%.*s\":%.*s,\"%.*s\":%.*s%s", (int)head, text, key_length, site->key, value_length,
                site->value, key_length, site->key, value_length, site->value, rest);
        return to;
    case TO_NUMBER:
        strcpy(value, "17");
        break;
    case TO_NULL:
        strcpy(value, "null");
        break;
    case TO_BOOL:
        strcpy(value, value_length == 5 && memcmp(site->value, "false", 5) == 0 ? "true" : "false");
        break;
    case TO_ARRAY:
        strcpy(value, "[]");
        break;
    case TO_OBJECT:
        strcpy(value, "{}");
        break;
    case REMOVED:
    case CHANGE_COUNT:
        break;
    }
    sprintf(to, "%.*s\"%.*s\":%s%s", (int)head, text, key_length, site->key, value, rest);
    return to;
}

static bool listed(const char *const *names, struct json_span key)
{
    for (; *names; names++)
        if (json_span_is(key, *names))
            return true;
    return false;
}

/* Members that nothing is read from, in the block, the receipts and the traces: they are checked for their
 * form at most, or repeat what is derived. (`address` and `storageKeys` are those of access lists, `value`
 * that of failed transactions, `topics` and `data` those of events that are no transfers.) The roots cover
 * them all once they are checked. */
static const char *const irrelevant[3][48] = {
    {"difficulty",
     "extraData",
     "gasLimit",
     "mixHash",
     "nonce",
     "sha3Uncles",
     "size",
     "totalDifficulty",
     "uncles",
     "logsBloom",
     "v",
     "r",
     "s",
     "yParity",
     "accessList",
     "address",
     "storageKeys",
     "input",
     "blobVersionedHashes",
     "maxFeePerBlobGas",
     "parentBeaconBlockRoot",
     "requestsHash",
     "withdrawalsRoot",
     "excessBlobGas",
     "gas",
     "validatorIndex",
     "index",
     "chainId",
     "type",
     "maxFeePerGas",
     "maxPriorityFeePerGas",
     "gasPrice",
     "value",
     "to"},
    {"logsBloom", "type", "effectiveGasPrice", "removed", "contractAddress", "blobGasUsed", "blobGasPrice",
     "topics", "data", "address", "to"},
    {"gas", "gasUsed", "input", "output", "reverted", "error", "calls", "from", "to", "value", "txHash",
     "type"},
};

/* Members that no other one repeats: until the roots are checked, another value is another block to any
 * decoder. */
static const char *const single_claims[3][32] = {
    {"hash", "parentHash", "stateRoot", "transactionsRoot", "receiptsRoot", "miner", "timestamp", "nonce",
     "value", "address", "amount", "baseFeePerGas", "uncles", "excessBlobGas", "maxFeePerGas",
     "maxPriorityFeePerGas", "gasPrice"},
    {"status", "topics", "data", "address", "contractAddress", "blobGasPrice"},
    {"from", "to", "value", "calls", "error", "reverted", "type"},
};

/* No hash covers them. */
static const char *const uncovered[] = {"size", "totalDifficulty", NULL};
/* They repeat what is hashed or derived, or are written as nothing when they are missing: absent, but not
 * different. (gasPrice: of a dynamic fee; v: of a typed transaction; to: of a creation; blobGasUsed,
 * blobGasPrice: of a receipt.) */
static const char *const repeated[] = {"v",
                                       "yParity",
                                       "type",
                                       "chainId",
                                       "gasPrice",
                                       "effectiveGasPrice",
                                       "contractAddress",
                                       "logsBloom",
                                       "removed",
                                       "blobGasUsed",
                                       "blobGasPrice",
                                       "accessList",
                                       "to",
                                       "uncles",
                                       "mint",
                                       "isSystemTx",
                                       NULL};

/* An accepted change of a proven block. */
static void expect_harmless(const struct subject *subject, const char *got, struct json_span key,
                            enum change change)
{
    bool absent = change == REMOVED || change == TO_NULL;
    cr_expect(strcmp(got, subject->good) == 0, "%.*s %s goes through with another result", (int)key.length,
              key.text, change_names[change]);
    cr_expect(listed(uncovered, key) || (absent && listed(repeated, key)), "%.*s %s is not rejected",
              (int)key.length, key.text, change_names[change]);
}

static void try_change(const struct subject *subject, size_t which, const struct site *site,
                       enum change change, struct score *score)
{
    struct json_span key = {site->key, site->key_length};
    bool scalar = *site->value != '[' && *site->value != '{' && *site->value != 'n';
    if (change == OTHER_VALUE && !scalar)
        return;
    if (change == TO_NULL && *site->value == 'n')
        return;
    char *text = changed_text(subject->texts[which], site, change);
    if (strcmp(text, subject->texts[which]) == 0) { /* [] to [] */
        free(text);
        return;
    }
    const char *texts[3] = {subject->texts[0], subject->texts[1], subject->texts[2]};
    texts[which] = text;
    char *got = decode(subject, texts);
    if (!got) {
        score->killed++;
    } else if (subject->prove && which < 2) {
        expect_harmless(subject, got, key, change);
        score->same++;
    } else if (strcmp(got, subject->good) == 0) {
        cr_expect(listed(irrelevant[which], key), "%.*s %s in text %zu changes nothing and is not rejected",
                  (int)site->key_length, site->key, change_names[change], which);
        score->same++;
    } else {
        bool claim =
            (change == OTHER_VALUE || *site->value == '[' || which == 2) && listed(single_claims[which], key);
        cr_expect(claim, "%.*s %s in text %zu goes through with other rows", (int)site->key_length, site->key,
                  change_names[change], which);
        score->survived++;
    }
    free(got);
    free(text);
}

/* Visit members of the text, every `step`-th of them. */
static void mutate(const struct subject *subject, size_t which, unsigned step, struct score *score)
{
    const char *text = subject->texts[which];
    struct json_reader reader;
    struct json_span key, value;
    unsigned count = 0;
    bool object[64];
    size_t depth = 0;
    json_reader_init(&reader, text, strlen(text), TRACER_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX);
    for (;;) {
        enum json_type type = JSON_IS_NOTHING;
        bool have = depth == 0;
        struct site site = {0};
        if (depth > 0 && object[depth - 1]) {
            have = json_next_member(&reader, &key);
            if (have) {
                struct json_reader ahead = reader;
                cr_assert(json_skip(&ahead, &value));
                const char *after = ahead.at + strspn(ahead.at, " \r\n\t");
                site =
                    (struct site){key.text, value.text, value.text + value.length, key.length, *after != ','};
            }
        } else if (depth > 0) {
            have = json_next_element(&reader);
        }
        cr_assert(json_ok(&reader));
        if (!have) {
            if (--depth == 0)
                return;
            continue;
        }
        if (site.key && count++ % step == 0)
            for (enum change change = 0; change < CHANGE_COUNT; change++)
                try_change(subject, which, &site, change, score);
        type = json_peek(&reader);
        if (type == JSON_IS_OBJECT || type == JSON_IS_ARRAY) {
            cr_assert_lt(depth, 64);
            object[depth++] = type == JSON_IS_OBJECT;
            cr_assert(type == JSON_IS_OBJECT ? json_enter_object(&reader) : json_enter_array(&reader));
        } else {
            cr_assert(json_skip(&reader, &value));
        }
    }
}

static void mutate_all(struct subject *subject, const unsigned steps[3], const char *what)
{
    struct score score = {0};
    subject->good = decode(subject, (const char *const *)subject->texts);
    cr_assert_not_null(subject->good, "%s", what);
    for (size_t i = 0; i < 3; i++)
        if (subject->texts[i])
            mutate(subject, i, steps[i], &score);
    fprintf(stderr, "mutation of %s%s: %u of %u rejected, %u without any effect, %u single claims\n", what,
            subject->prove ? ", proven" : "", score.killed, score.killed + score.same + score.survived,
            score.same, score.survived);
    cr_assert_gt(score.killed, 100);
    free(subject->good);
    for (size_t i = 0; i < 3; i++)
        free(subject->texts[i]);
}

/* A small block with everything in it, always there. */
Test(mutation, R2_a_written_block)
{
    struct text_block block = {
        .count = 4,
        .transactions = {{.type = 2,
                          .value = "0x64",
                          .logs = {{TOKEN, {TRANSFER, PADDED("aa"), PADDED("bb")}, WORD("05")}},
                          .more = ",\"chainId\":\"0x1\""},
                         {.type = 0, .to = "", .value = "0x7"},
                         {.type = 3, .more_receipt = ",\"blobGasUsed\":\"0x20000\",\"blobGasPrice\":\"0x2\""},
                         {.type = 2, .failed = true}},
        .more = ",\"withdrawalsRoot\":\"" HASH(
            "3a") "\",\"withdrawals\":["
                  "{\"index\":\"0x5\",\"validatorIndex\":\"0x1\",\"address\":\"" B "\",\"amount\":\"0x2\"}]"};
    struct texts texts = texts_write(&block);
    struct subject subject = {.network = {.rules = &texts.rules->evm, .chain_id = 1}, .number = texts.number};
    subject.texts[0] = strdup(texts.block);
    subject.texts[1] = strdup(texts.receipts);
    mutate_all(&subject, (const unsigned[3]){1, 1, 1}, "a written block");
    texts_free(&texts);
}

/* Whole blocks of three chains, always there: nothing that a hash covers can be changed. */
Test(mutation, R2_proven_blocks)
{
    for (size_t i = 0; i < WHOLE_BLOCKS; i++) {
        struct assembled from = assemble(i);
        struct subject subject = {.network = from.network,
                                  .number = from.from.number,
                                  .texts = {from.block, from.receipts},
                                  .prove = true};
        mutate_all(&subject, (const unsigned[3]){1, 1, 1}, from.from.header);
    }
}

/* Any byte of the replies: refused, or the same result. */
static void change_bytes(struct subject *subject, unsigned rounds, const char *what)
{
    unsigned seed = 20220323, refused = 0;
    subject->good = decode(subject, (const char *const *)subject->texts);
    cr_assert_not_null(subject->good, "%s", what);
    for (unsigned i = 0; i < rounds; i++) {
        static const char bytes[] = "0123456789abcdef0123456789abcdef\"{}[]:,x ";
        char *text = subject->texts[i % 2];
        seed = seed * 1664525u + 1013904223u;
        size_t at = (size_t)((uint64_t)seed * strlen(text) >> 32);
        char before = text[at];
        seed = seed * 1664525u + 1013904223u;
        text[at] = bytes[(seed >> 16) % (sizeof bytes - 1)];
        char *got = decode(subject, (const char *const *)subject->texts);
        cr_assert(!got || strcmp(got, subject->good) == 0, "%s: byte %zu of text %u: '%c' for '%c'", what, at,
                  i % 2, text[at], before);
        refused += !got;
        text[at] = before;
        free(got);
    }
    fprintf(stderr, "bytes of %s: %u of %u changes refused, the others change nothing\n", what, refused,
            rounds);
    cr_assert_gt(refused, rounds / 2);
    free(subject->good);
    free(subject->texts[0]);
    free(subject->texts[1]);
}

Test(mutation, R2_any_byte_of_proven_blocks)
{
    for (size_t i = 0; i < WHOLE_BLOCKS; i++) {
        struct assembled from = assemble(i);
        struct subject subject = {.network = from.network,
                                  .number = from.from.number,
                                  .texts = {from.block, from.receipts},
                                  .prove = true};
        change_bytes(&subject, 4000, from.from.header);
    }
    if (data_is_absent("mutation"))
        return;
    struct subject subject = {
        .network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1},
        .number = 22431084,
        .texts = {load_text("blocks/block-22431084.json"), load_text("blocks/receipts-22431084.json")},
        .prove = true};
    change_bytes(&subject, 300, "block 22431084");
}

static void recorded(uint64_t number, const char *traces, const unsigned steps[3])
{
    char name[64];
    struct subject subject = {.network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1},
                              .number = number,
                              .prove = true};
    if (data_is_absent("mutation"))
        return;
    snprintf(name, sizeof name, "blocks/block-%" PRIu64 ".json", number);
    subject.texts[0] = load_text(name);
    snprintf(name, sizeof name, "blocks/receipts-%" PRIu64 ".json", number);
    subject.texts[1] = load_text(name);
    subject.texts[2] = traces ? load_text(traces) : NULL;
    snprintf(name, sizeof name, "block %" PRIu64, number);
    mutate_all(&subject, steps, name);
}

Test(mutation, R2_a_block_of_2022)
{
    recorded(14764013, NULL, (const unsigned[3]){1, 1, 1});
}

Test(mutation, R2_a_block_with_blobs_and_withdrawals)
{
    recorded(22162263, NULL, (const unsigned[3]){197, 393, 1});
}

Test(mutation, R16_a_block_with_traces)
{
    recorded(12505500, "blocks/callTracer-12505500.json", (const unsigned[3]){601, 901, 301});
}
