/* test_dialect.c - one block as different nodes tell it. What does not change the bytes that are hashed is accepted, with
 * the same rows; what does, or leaves them open, is refused. The blocks are made here, with every type of transaction. */
#include "evm/vectors.h"

#include "evm/trie.h"
#include "tracer/proof.h"

#define TRANSACTIONS_MAX 8u
#define SENDER_CHAIN 3503995874084926u
#define NO_UNCLES "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
#define SHANGHAI                                                                                                 \
    ",\"withdrawals\":[{\"index\":\"0x5\",\"validatorIndex\":\"0x1\",\"address\":\"" B "\",\"amount\":\"0x2\"}," \
    "{\"index\":\"0x6\",\"validatorIndex\":\"0x2\",\"address\":\"" C "\",\"amount\":\"0x0\"}]"
#define CANCUN ",\"blobGasUsed\":\"0x20000\",\"excessBlobGas\":\"0x0\",\"parentBeaconBlockRoot\":\"" HASH("be") "\""
#define PRAGUE ",\"requestsHash\":\"" HASH("e3") "\""

struct recipe {
    const char *rules;
    uint64_t chain_id, number, time;
    const char *vectors[TRANSACTIONS_MAX]; /* names */
    const char *base_fee;                  /* NULL: none */
    const char *more;                      /* of the header */
    bool withdrawals, roots;               /* the header has a root of withdrawals; receipts have roots */
};

static const struct recipe prague = {
    .rules = "latest",
    .chain_id = SENDER_CHAIN,
    .number = 45,
    .time = 1000,
    .vectors = {"t0_eip155", "t0_eip155_create", "t0_pre155", "t0_pre155_create", "t1", "t2", "t3", "t4"},
    .base_fee = "0x1",
    .more = SHANGHAI CANCUN PRAGUE,
    .withdrawals = true,
};
static const struct recipe frontier = {
    .rules = "ethereum",
    .chain_id = SENDER_CHAIN,
    .number = 2000000,
    .time = 1000,
    .vectors = {"t0_pre155", "t0_pre155_create"},
    .more = "",
    .roots = true,
};
static const struct recipe venoki = { /* Ronin: blob gas, but no withdrawals, beacon root or requests */
    .rules = "ronin",
    .chain_id = 2020,
    .number = 43447601,
    .time = 1000,
    .vectors = {"t100_ronin_sponsored_selfmade"},
    .base_fee = "0x3b9aca00",
    .more = ",\"blobGasUsed\":\"0x0\",\"excessBlobGas\":\"0x0\"",
};

struct made {
    struct evm_network network;
    uint64_t number;
    char *block, *receipts;
    /* after decode() */
    char *rows;
    enum grade grade;
    struct error err;
    struct bytes archive;
    struct arena *arena;
};

static struct hash root_of(const struct bytes *values, size_t count, struct arena *arena)
{
    struct trie *trie;
    struct error err;
    cr_assert_eq(trie_build(values, count, arena, &trie, &err), TRACER_OK, "%s", err.text);
    return trie_root(trie);
}

static struct bytes take(struct buffer *buffer, struct arena *arena)
{
    struct bytes taken = {arena_copy(arena, buffer->data, buffer->size), buffer->size};
    cr_assert(buffer_ok(buffer));
    buffer_clear(buffer);
    return taken;
}

static void write_hash(FILE *out, const char *name, struct hash hash)
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    fprintf(out, ",\"%s\":\"%s\"", name, text);
}

static void write_party(FILE *out, const char *name, struct address address)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    fprintf(out, ",\"%s\":\"%s\"", name, text);
}

struct roots {
    struct hash transactions, receipts, withdrawals, hash;
    struct bloom bloom;
};

static void write_made_block(FILE *out, const struct recipe *recipe, const struct roots *roots, struct bytes *raw,
                             const struct evm_transaction *read, size_t count)
{
    fprintf(out, "{\"number\":\"0x%" PRIx64 "\",\"timestamp\":\"0x%" PRIx64 "\"", recipe->number, recipe->time);
    write_hash(out, "hash", roots->hash);
    write_hash(out, "transactionsRoot", roots->transactions);
    write_hash(out, "receiptsRoot", roots->receipts);
    if (recipe->withdrawals)
        write_hash(out, "withdrawalsRoot", roots->withdrawals);
    fprintf(out, ",\"logsBloom\":");
    write_data(out, (struct bytes){roots->bloom.bytes, sizeof roots->bloom.bytes});
    fprintf(out, ",\"sha3Uncles\":\"" NO_UNCLES "\",\"parentHash\":\"" HASH("b1") "\",\"stateRoot\":\"" HASH("5a") "\",\"miner\":\"" MINER
                 "\",\"difficulty\":\"0x0\",\"gasLimit\":\"0x1c9c380\",\"extraData\":\"0x\",\"mixHash\":\"" HASH("3a")
                 "\",\"nonce\":\"0x0000000000000000\",\"uncles\":[]%s",
            recipe->more);
    uint64_t gas = 0;
    for (size_t i = 0; i < count; i++)
        gas += read[i].gas;
    fprintf(out, ",\"gasUsed\":\"0x%" PRIx64 "\"", gas);
    if (recipe->base_fee)
        fprintf(out, ",\"baseFeePerGas\":\"%s\"", recipe->base_fee);
    fprintf(out, ",\"transactions\":[");
    for (size_t i = 0; i < count; i++) {
        char *members, *json;
        size_t size;
        FILE *more = open_memstream(&members, &size);
        write_hash(more, "hash", read[i].hash);
        write_hash(more, "blockHash", roots->hash);
        fprintf(more, ",\"blockNumber\":\"0x%" PRIx64 "\",\"transactionIndex\":\"0x%zx\"", recipe->number, i);
        write_party(more, "from", read[i].from);
        if (read[i].type == TYPE_SPONSORED)
            write_party(more, "payer", read[i].payer);
        fclose(more);
        json = json_of_raw(raw[i], members);
        fprintf(out, "%s%s", i ? "," : "", json);
        free(members);
        free(json);
    }
    fprintf(out, "]}");
}

/* The first transaction has a log, all others have none; every one uses all its gas. */
static void write_made_receipt(FILE *out, const struct recipe *recipe, const struct roots *roots, const struct evm_transaction *read,
                               const struct evm_receipt *receipt, const struct bloom *bloom, size_t index)
{
    char *place;
    size_t size;
    FILE *at = open_memstream(&place, &size);
    write_hash(at, "transactionHash", read->hash);
    write_hash(at, "blockHash", roots->hash);
    fprintf(at, ",\"blockNumber\":\"0x%" PRIx64 "\",\"transactionIndex\":\"0x%zx\"", recipe->number, index);
    fclose(at);
    fprintf(out, "%s{\"type\":\"0x%" PRIx64 "\"%s", index ? "," : "", read->type, place);
    write_party(out, "from", read->from);
    struct address contract;
    if (read->creates) {
        cr_assert(contract_address(read->from, read->nonce, &contract));
        fprintf(out, ",\"to\":null");
        write_party(out, "contractAddress", contract);
    } else {
        write_party(out, "to", read->to);
        fprintf(out, ",\"contractAddress\":null");
    }
    fprintf(out, ",\"cumulativeGasUsed\":\"0x%" PRIx64 "\",\"gasUsed\":\"0x%" PRIx64 "\"", receipt->cumulative_gas_used, read->gas);
    if (recipe->roots)
        write_hash(out, "root", receipt->root);
    else
        fprintf(out, ",\"status\":\"0x1\"");
    if (read->type == TYPE_BLOB)
        fprintf(out, ",\"blobGasUsed\":\"0x20000\",\"blobGasPrice\":\"0x1\"");
    fprintf(out, ",\"logsBloom\":");
    write_data(out, (struct bytes){bloom->bytes, sizeof bloom->bytes});
    fprintf(out, ",\"logs\":[");
    if (receipt->log_count)
        fprintf(out, "{\"address\":\"" TOKEN "\",\"topics\":[\"" TRANSFER "\",\"0x" PADDED("aa") "\",\"0x" PADDED("bb") "\"],\"data\":\"0x%s\"%s,\"logIndex\":\"0x0\",\"removed\":false}",
                WORD("05"), place);
    fprintf(out, "]}");
    free(place);
}

static struct evm_log made_log(void)
{
    struct evm_log log = {.topic_count = 3, .data = span_text(WORD("05"))};
    cr_assert(address_parse(TOKEN, 42, &log.address));
    cr_assert(hash_parse(TRANSFER, 66, &log.topics[0]));
    cr_assert(hash_parse("0x" PADDED("aa"), 66, &log.topics[1]));
    cr_assert(hash_parse("0x" PADDED("bb"), 66, &log.topics[2]));
    return log;
}

static struct made make(const struct recipe *recipe)
{
    struct made made = {.network = {.rules = &chain_rules_find(recipe->rules)->evm, .chain_id = recipe->chain_id},
                        .number = recipe->number};
    struct arena *arena = arena_new(TRACER_MIB(64));
    struct vectors vectors = vectors_load();
    struct evm_header place = {.number = recipe->number, .time = recipe->time}, header;
    struct bytes raw[TRANSACTIONS_MAX], receipts[TRANSACTIONS_MAX], withdrawals[2];
    struct evm_transaction read[TRANSACTIONS_MAX];
    struct evm_receipt outcome[TRANSACTIONS_MAX] = {{0}};
    struct evm_log log = made_log();
    struct roots roots = {0};
    struct buffer buffer;
    struct error err;
    uint64_t gas = 0;
    size_t count = 0, size;
    buffer_init(&buffer, TRACER_MIB(1));
    for (; count < TRANSACTIONS_MAX && recipe->vectors[count]; count++) {
        for (size_t i = 0; i < vectors.count; i++)
            if (strcmp(vectors.rows[i].name, recipe->vectors[count]) == 0)
                raw[count] = vector_bytes(vectors.rows[i].raw, strlen(vectors.rows[i].raw));
        cr_assert_eq(transaction_from_bytes(&made.network, &place, raw[count], NULL, arena, &read[count], &err), TRACER_OK, "%s", err.text);
        outcome[count] = (struct evm_receipt){.status = 1, .cumulative_gas_used = gas += read[count].gas, .root = {{(uint8_t)(count + 1)}}};
    }
    outcome[0].logs = &log;
    outcome[0].log_count = 1;
    struct bloom *blooms = receipts_blooms(outcome, count, arena);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(receipt_write(&made.network, &place, &read[i], &outcome[i], &blooms[i], &buffer, &err), TRACER_OK);
        receipts[i] = take(&buffer, arena);
    }
    for (size_t i = 0; i < 2; i++) {
        struct evm_withdrawal withdrawal = {.index = 5 + i, .validator = 1 + i, .gwei = i ? 0 : 2};
        cr_assert(address_parse(i ? C : B, 42, &withdrawal.to));
        withdrawal_write(&withdrawal, &buffer);
        withdrawals[i] = take(&buffer, arena);
    }
    roots.transactions = root_of(raw, count, arena);
    roots.receipts = root_of(receipts, count, arena);
    roots.withdrawals = root_of(withdrawals, 2, arena);
    roots.bloom = blooms[0];
    for (int pass = 0; pass < 2; pass++) { /* the first for the hash */
        FILE *out = open_memstream(&made.block, &size);
        write_made_block(out, recipe, &roots, raw, read, count);
        fclose(out);
        if (pass)
            break;
        cr_assert_eq(header_read(span_text(made.block), arena, &header, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(header_hash(&header, &roots.hash, &err), TRACER_OK, "%s", err.text);
        free(made.block);
    }
    FILE *out = open_memstream(&made.receipts, &size);
    fprintf(out, "[");
    for (size_t i = 0; i < count; i++)
        write_made_receipt(out, recipe, &roots, &read[i], &outcome[i], &blooms[i], i);
    fprintf(out, "]");
    fclose(out);
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)raw[i].data);
    buffer_release(&buffer);
    free(vectors.text);
    arena_free(arena);
    return made;
}

static enum tracer_status decode(struct made *made)
{
    struct json_span receipts = span_text(made->receipts);
    struct evm_replies replies = {.number = made->number,
                                  .prove = true,
                                  .archive = true,
                                  .block = span_text(made->block),
                                  .receipts = &receipts,
                                  .receipt_count = 1};
    struct block block;
    struct evm_notes notes;
    free(made->rows);
    made->rows = NULL;
    arena_free(made->arena);
    made->arena = arena_new(TRACER_MIB(64));
    made->err = (struct error){0};
    enum tracer_status status = evm_decode_block(&made->network, &replies, made->arena, &block, &notes, &made->err);
    if (!status) {
        made->rows = rows_text(&block);
        made->grade = block.grade;
        made->archive = block.archive;
    }
    return status;
}

static void release(struct made *made)
{
    free(made->block);
    free(made->receipts);
    free(made->rows);
    arena_free(made->arena);
}

/* Every occurrence; `to` may hold `from`. */
static void replace_each(char **text, const char *from, const char *to)
{
    char *changed;
    size_t size, length = strlen(from), count = 0;
    FILE *out = open_memstream(&changed, &size);
    for (const char *at = *text; *at;) {
        bool here = strncmp(at, from, length) == 0;
        fprintf(out, "%.*s", here ? (int)strlen(to) : 1, here ? to : at);
        at += here ? length : 1;
        count += here;
    }
    fclose(out);
    cr_assert_gt(count, 0, "not in the text: %s", from);
    free(*text);
    *text = changed;
}

struct edit {
    bool in_receipts;
    const char *from, *to;
};
struct dialect {
    const char *name;
    struct edit edits[4];
    const char *refused; /* part of the message; NULL: accepted, with the rows of the plain block */
};

static void speak(const struct recipe *recipe, const struct dialect *dialect)
{
    struct made made = make(recipe);
    cr_assert_eq(decode(&made), TRACER_OK, "%s", made.err.text);
    cr_assert_eq(made.grade, GRADE_SINGLE);
    char *plain = strdup(made.rows);
    for (size_t i = 0; i < 4 && dialect->edits[i].from; i++)
        replace_each(dialect->edits[i].in_receipts ? &made.receipts : &made.block, dialect->edits[i].from, dialect->edits[i].to);
    enum tracer_status status = decode(&made);
    if (dialect->refused) {
        cr_expect_eq(status, TRACER_E_REPLY, "%s", dialect->name);
        cr_expect(strstr(made.err.text, dialect->refused), "%s: \"%s\" is not in \"%s\"", dialect->name, dialect->refused, made.err.text);
    } else {
        cr_expect_eq(status, TRACER_OK, "%s: %s", dialect->name, made.err.text);
        cr_expect(status || (made.grade == GRADE_SINGLE && strcmp(plain, made.rows) == 0), "%s", dialect->name);
    }
    free(plain);
    release(&made);
}

static void speak_all(const struct recipe *recipe, const struct dialect *dialects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        speak(recipe, &dialects[i]);
}
#define SPEAK_ALL(recipe, dialects) speak_all(&(recipe), dialects, sizeof(dialects) / sizeof *(dialects))

Test(dialect, what_is_not_hashed_may_differ)
{
    static const struct dialect dialects[] = {
        {"plain", {{0}}, NULL},
        {"members that nobody knows, in any place",
         {{false, "\"parentHash\"", "\"totalDifficulty\":\"0x01\",\"size\":7,\"author\":null,\"x\":[{\"y\":[]}],\"parentHash\""},
          {true, "\"gasUsed\"", "\"transactionLogIndex\":\"0x00\",\"logType\":\"mined\",\"error\":null,\"gasUsed\""}},
         NULL},
        {"v instead of yParity", {{false, "\"yParity\"", "\"v\""}}, NULL},
        {"v beside yParity", {{false, "\"yParity\":\"0x0\"", "\"yParity\":\"0x0\",\"v\":\"0x0\""}, {false, "\"yParity\":\"0x1\"", "\"v\":\"0x1\",\"yParity\":\"0x1\""}}, NULL},
        {"v as of a legacy transaction", {{false, "\"yParity\":\"0x0\",\"r\":\"0xd3680e6b", "\"v\":\"0x1b\",\"r\":\"0xd3680e6b"}}, NULL},
        {"v that is another", {{false, "\"yParity\":\"0x0\",\"r\":\"0xd3680e6b", "\"yParity\":\"0x0\",\"v\":\"0x1c\",\"r\":\"0xd3680e6b"}}, "v is 28, but yParity is 0"},
        {"no type of legacy transactions and receipts", {{false, "\"type\":\"0x0\",", ""}, {true, "\"type\":\"0x0\",", ""}}, NULL},
        {"no type of any receipt", {{true, "\"type\":", "\"-\":"}}, NULL},
        {"type is null", {{false, "\"type\":\"0x0\"", "\"type\":null"}, {true, "\"type\":\"0x0\"", "\"type\":null"}}, NULL},
        {"no type of a typed transaction", {{false, "\"type\":\"0x1\",", ""}, {true, "\"type\":\"0x1\",", ""}}, "hash is"},
        {"the chain id of a legacy transaction", {{false, "\"type\":\"0x0\"", "\"chainId\":\"0xc72dd9d5e883e\",\"type\":\"0x0\""}}, NULL},
        {"no chain id", {{false, "\"chainId\":\"0xc72dd9d5e883e\",\"nonce\"", "\"chainId\":null,\"nonce\""}}, NULL},
        {"no chain id of an authorization", {{false, "\"chainId\":\"0xc72dd9d5e883e\",\"address\"", "\"chainId\":null,\"address\""}}, "authorizationList: [0]: chainId"},
        {"no empty access list", {{false, "\"accessList\":[]", "\"accessList\":null"}}, NULL},
        {"empty lists of other types",
         {{false, "\"type\":\"0x0\"", "\"accessList\":[],\"blobVersionedHashes\":[],\"authorizationList\":[],\"type\":\"0x0\""}},
         NULL},
        {"lists of other types",
         {{false, "\"type\":\"0x0\"", "\"blobVersionedHashes\":[\"" HASH("01") "\"],\"type\":\"0x0\""}},
         "blobVersionedHashes: may not be there"},
        {"fee members of other types are null",
         {{false, "\"type\":\"0x0\"", "\"maxFeePerGas\":null,\"maxPriorityFeePerGas\":null,\"maxFeePerBlobGas\":null,\"type\":\"0x0\""}},
         NULL},
        {"words that repeat the transaction",
         {{false, "\"type\":\"0x0\"", "\"yParity\":\"0x1\",\"creates\":null,\"raw\":\"0x00\",\"publicKey\":\"0x01\",\"standardV\":\"0x0\",\"type\":\"0x0\""}},
         NULL},
        {"a signature of 32 bytes",
         {{false, "\"s\":\"0x18c2c95d517af9bdf5af3693fba7d54f87d665a715912f416646c2318418d98\"",
           "\"s\":\"0x018c2c95d517af9bdf5af3693fba7d54f87d665a715912f416646c2318418d98\""}},
         NULL},
        {"a zero before other numbers", {{false, "\"value\":\"0x1\"", "\"value\":\"0x01\""}}, "value: a QUANTITY"},
        {"digits in upper case", {{false, "0x7435ed30a8b4aeb0877cef0c6e8cffe834eb865f", "0x7435ED30A8B4AEB0877CEF0C6E8CFFE834EB865F"}}, NULL},
        {"the prefix in upper case", {{false, "0x7435ed30a8b4aeb0877cef0c6e8cffe834eb865f", "0X7435ed30a8b4aeb0877cef0c6e8cffe834eb865f"}}, "from: DATA"},
        {"no uncles", {{false, "\"uncles\":[],", ""}}, NULL},
        {"no bloom of a receipt", {{true, "\"logsBloom\"", "\"-\""}}, NULL},
        {"prices that nothing covers", {{true, "\"blobGasUsed\":\"0x20000\"", "\"blobGasUsed\":null"}}, NULL},
        {"blob members of every receipt", {{true, "\"type\":\"0x0\"", "\"blobGasUsed\":\"0x0\",\"blobGasPrice\":\"0x1\",\"type\":\"0x0\""}}, NULL},
        {"contracts that are no contract", {{true, "\"contractAddress\":null", "\"contractAddress\":\"" ADDRESS("00") "\""}}, NULL},
        {"a root beside the status", {{true, "\"status\":\"0x1\"", "\"root\":\"" HASH("00") "\",\"status\":\"0x1\""}}, NULL},
        {"a root instead of the status", {{true, "\"status\":\"0x1\"", "\"root\":\"" HASH("00") "\""}}, "status: missing"},
        {"no withdrawals, but their root", {{false, "\"withdrawals\":", "\"-\":"}}, "withdrawals: missing"},
        {"no requests hash", {{false, "\"requestsHash\":", "\"-\":"}}, "hash is"},
        {"no excess of blob gas", {{false, "\"excessBlobGas\":", "\"-\":"}}, "excessBlobGas: missing"},
    };
    SPEAK_ALL(prague, dialects);
}

/* An authorization that nobody signed makes the transaction no less valid (EIP-7702): it is written as it stands. */
Test(dialect, authorizations_state_their_parity_by_either_name)
{
    static const struct dialect dialects[] = {
        {"v", {{false, "\"nonce\":\"0x0\",\"yParity\"", "\"nonce\":\"0x0\",\"v\""}}, NULL},
        {"both", {{false, "\"nonce\":\"0x0\",\"yParity\":", "\"nonce\":\"0x0\",\"v\":\"0x0\",\"yParity\":"}}, NULL},
        {"both, and different", {{false, "\"nonce\":\"0x0\",\"yParity\":", "\"nonce\":\"0x0\",\"v\":\"0x1\",\"yParity\":"}}, "v is 1, but yParity is 0"},
    };
    SPEAK_ALL(prague, dialects);
}

Test(dialect, receipts_before_byzantium)
{
    static const struct dialect dialects[] = {
        {"plain", {{0}}, NULL},
        {"null", {{true, "\"root\":", "\"status\":null,\"effectiveGasPrice\":null,\"blobGasUsed\":null,\"root\":"}}, NULL},
        {"a status beside the root", {{true, "\"root\":", "\"status\":\"0x0\",\"root\":"}}, NULL},
        {"a status instead of the root", {{true, "\"root\":", "\"status\":\"0x1\",\"-\":"}}, "root: missing"},
        {"the chain id of an unprotected transaction is zero", {{false, "\"type\":\"0x0\"", "\"chainId\":\"0x0\",\"type\":\"0x0\""}}, NULL},
        {"the chain id is another", {{false, "\"type\":\"0x0\"", "\"chainId\":\"0x2\",\"type\":\"0x0\""}}, "chainId is 2"},
        {"no contract of a creation whose outcome nobody knows", {{true, "\"contractAddress\":\"0x", "\"contractAddress\":null,\"-\":\"0x"}}, NULL},
        {"another contract", {{true, "\"contractAddress\":\"0x", "\"contractAddress\":\"" C "\",\"-\":\"0x"}}, "contractAddress is 0xcc"},
    };
    SPEAK_ALL(frontier, dialects);
}

Test(dialect, sponsored_transactions_of_ronin)
{
    static const struct dialect dialects[] = {
        {"plain", {{0}}, NULL},
        {"the payer in the receipt", {{true, "\"to\":", "\"payer\":null,\"effectiveGasPrice\":\"0x4a817c800\",\"to\":"}}, NULL},
        {"withdrawals that its headers do not have", {{false, "\"uncles\":[]", "\"uncles\":[],\"withdrawals\":[]"}}, "withdrawals"},
        {"another payer", {{false, "\"payer\":\"0x", "\"payer\":\"" C "\",\"-\":\"0x"}}, "payer is 0xcc"},
    };
    SPEAK_ALL(venoki, dialects);
}

/* What was kept of a block is read back, whatever members its header has. */
Test(dialect, headers_are_read_back_from_archives)
{
    struct recipe amsterdam = prague;
    amsterdam.more = SHANGHAI CANCUN PRAGUE ",\"blockAccessListHash\":\"" HASH("ba") "\",\"slotNumber\":\"0x10\"";
    const struct recipe *const recipes[] = {&prague, &frontier, &venoki, &amsterdam};
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        struct made made = make(recipes[i]);
        struct proof_block kept;
        struct proof_header header;
        struct error err;
        cr_assert_eq(decode(&made), TRACER_OK, "%zu: %s", i, made.err.text);
        cr_assert_eq(made.grade, GRADE_SINGLE);
        cr_assert_eq(proof_open(made.archive, made.arena, &kept, &err), TRACER_OK, "%zu: %s", i, err.text);
        cr_assert_eq(proof_check(&made.network, &kept, made.arena, &header, &err), TRACER_OK, "%zu: %s", i, err.text);
        cr_assert_eq(header.number, made.number);
        cr_assert_eq(header.has_withdrawals, recipes[i]->withdrawals);
        release(&made);
    }
}

/* Members of later forks stand behind all earlier ones. */
Test(dialect, members_of_amsterdam_headers)
{
    static const struct dialect dialects[] = {
        {"plain", {{0}}, NULL},
        {"one alone", {{false, "\"blockAccessListHash\":", "\"-\":"}}, "blockAccessListHash: missing"},
        {"another", {{false, "\"slotNumber\":\"0x10\"", "\"slotNumber\":\"0x11\""}}, "hash is"},
    };
    struct recipe amsterdam = prague;
    amsterdam.more = SHANGHAI CANCUN PRAGUE ",\"blockAccessListHash\":\"" HASH("ba") "\",\"slotNumber\":\"0x10\"";
    SPEAK_ALL(amsterdam, dialects);
}
