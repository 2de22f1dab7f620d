/* test_proof.c - archives and proofs: what the hash of a block covers, read back without its replies, says the same as
 * the replies did (tracer/proof.h). */
#include "tracer/proof.h"

#include "evm/blocks.h"
#include "evm/texts.h"
#include "evm/trie.h"
#include "support/sign.h"

/* Nodes of a block's proofs, by hash. */
struct node_set {
    struct bytes nodes[4096];
    struct hash hashes[4096];
    size_t count;
};

static struct bytes find_node(void *context, struct hash hash)
{
    const struct node_set *set = context;
    for (size_t i = 0; i < set->count; i++)
        if (hash_equal(set->hashes[i], hash))
            return set->nodes[i];
    return (struct bytes){NULL, 0};
}

static void add_nodes(const struct proof_block *block, enum proof_list list, struct arena *arena, struct node_set *set)
{
    struct bytes *nodes;
    size_t count;
    struct error err;
    uint64_t all[1024];
    size_t values = block->lists[list].count;
    cr_assert_lt(values, sizeof all / sizeof *all);
    for (size_t i = 0; i < values; i++)
        all[i] = i;
    cr_assert_eq(proof_nodes(block, list, all, values, arena, &nodes, &count, &err), TRACER_OK);
    for (size_t i = 0; i < count; i++) {
        struct hash hash = proof_hash(nodes[i]);
        if (!find_node(set, hash).data) {
            cr_assert_lt(set->count, sizeof set->nodes / sizeof *set->nodes);
            set->hashes[set->count] = hash;
            set->nodes[set->count++] = nodes[i];
        }
    }
}

static struct bytes proven(struct hash root, uint64_t index, struct node_set *set)
{
    struct bytes value = {NULL, 0};
    if (proof_look_up(root, index, find_node, set, &value) != PROOF_PRESENT)
        return (struct bytes){NULL, 0};
    return value;
}

static const struct transfer *next_external(const struct block *block, size_t *at, int32_t transaction_index)
{
    for (; *at < block->transfer_count && block->transfers[*at].position.transaction_index == transaction_index; (*at)++)
        if (block->transfers[*at].kind != TRANSFER_INTERNAL)
            return &block->transfers[(*at)++];
    return NULL;
}

/* Every transaction of the block from the nodes alone; returns how many rows were compared. */
static size_t compare_rows(const struct evm_network *network, const struct proof_block *archive, const struct proof_header *header,
                           const struct block *block, struct node_set *set, struct arena *arena)
{
    size_t rows = 0;
    struct bytes before = {NULL, 0};
    for (size_t i = 0, at = 0; i < block->transaction_count; i++) {
        struct proof_transaction read;
        struct error err;
        struct bytes receipt = proven(header->receipts_root, i, set);
        cr_assert_eq(proof_read_transaction(network, archive->header, i, proven(header->transactions_root, i, set), receipt, before,
                                            NULL, arena, &read, &err),
                     TRACER_OK, "%" PRIu64 " transaction %zu: %s", block->number, i, err.text);
        cr_assert(read.known);
        cr_assert(hash_equal(read.hash, block->transactions[i].hash));
        cr_assert(address_equal(read.sender, block->transactions[i].sender), "%" PRIu64 " transaction %zu", block->number, i);
        for (size_t r = 0; r < read.row_count; r++, rows++) {
            const struct transfer *row = next_external(block, &at, (int32_t)i), *derived = &read.rows[r];
            cr_assert(row, "%" PRIu64 " transaction %zu: one row too many", block->number, i);
            cr_assert(row->kind == derived->kind && asset_equal(&row->asset, &derived->asset) && address_equal(row->from, derived->from) &&
                          address_equal(row->to, derived->to) && u256_equal(row->amount, derived->amount),
                      "%" PRIu64 " transaction %zu row %zu", block->number, i, r);
        }
        cr_assert_null(next_external(block, &at, (int32_t)i), "%" PRIu64 " transaction %zu: a row is missing", block->number, i);
        before = receipt;
    }
    return rows;
}

/* On a network of rules that give no price of blobs: it is the endpoint's word, so nothing of the transaction is more than asserted. */
static size_t blobs_without_schedule(struct evm_replies replies, struct arena *arena)
{
    const struct evm_network network = {.rules = &chain_rules_find("latest")->evm, .chain_id = 1};
    struct proof_block archive;
    struct proof_transaction read;
    struct block block;
    struct evm_notes notes;
    struct error err;
    size_t blobs = 0;
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &notes, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(proof_open(block.archive, arena, &archive, &err), TRACER_OK, "%s", err.text);
    const struct bytes *items = archive.lists[PROOF_TRANSACTIONS].items, *outcomes = archive.lists[PROOF_RECEIPTS].items;
    for (size_t i = 0, at = 0; i < block.transaction_count; i++) {
        bool is_blob = items[i].data[0] == 3;
        cr_assert_eq(block.transactions[i].grade, is_blob ? GRADE_ASSERTED : GRADE_SINGLE);
        cr_assert_eq(proof_read_transaction(&network, archive.header, i, items[i], outcomes[i], i ? outcomes[i - 1] : (struct bytes){NULL, 0},
                                            NULL, arena, &read, &err),
                     TRACER_OK, "%s", err.text);
        cr_assert_eq(read.has_blob_fee, is_blob);
        for (size_t r = 0; r < read.row_count + is_blob; r++) {
            const struct transfer *row = next_external(&block, &at, (int32_t)i);
            cr_assert(row);
            if (is_blob && r == read.blob_fee_at)
                cr_assert(row->kind == TRANSFER_FEE && address_equal(row->to, read.blob_fee_to) && address_equal(row->from, read.sender));
            else
                cr_assert(u256_equal(row->amount, read.rows[r - (is_blob && r > read.blob_fee_at)].amount));
        }
        cr_assert_null(next_external(&block, &at, (int32_t)i));
        blobs += is_blob;
    }
    return blobs;
}

static bool holds(const struct evm_network *network, struct bytes archive, struct hash hash, struct arena *arena)
{
    struct arena_mark mark = arena_mark(arena);
    struct proof_block block;
    struct proof_header header;
    struct error err;
    bool good = !proof_open(archive, arena, &block, &err) && !proof_check(network, &block, arena, &header, &err) &&
                hash_equal(header.hash, hash);
    arena_reset(arena, mark);
    return good;
}

/* R1, R2: one bit of it changed, anywhere; a value left out, doubled, or two exchanged. */
static void check_changes(const struct evm_network *network, struct bytes archive, struct hash hash, struct arena *arena)
{
    uint8_t *copy = arena_copy(arena, archive.data, archive.size);
    struct proof_block block;
    struct error err;
    cr_assert(holds(network, archive, hash, arena));
    for (size_t i = 0; i < 60; i++) {
        size_t at = (i * 2654435761u) % archive.size;
        copy[at] ^= (uint8_t)(1u << i % 8);
        cr_assert_not(holds(network, (struct bytes){copy, archive.size}, hash, arena), "bit %zu of byte %zu", i % 8, at);
        copy[at] ^= (uint8_t)(1u << i % 8);
    }
    cr_assert_eq(proof_open(archive, arena, &block, &err), TRACER_OK);
    for (int list = 0; list < PROOF_LIST_COUNT; list++) {
        struct proof_values *values = &block.lists[list];
        struct proof_header header;
        if (!values->count)
            continue;
        struct bytes *items = arena_copy(arena, values->items, values->count * sizeof *items);
        struct proof_values whole = *values;
        *values = (struct proof_values){items, whole.count - 1};
        cr_assert_eq(proof_check(network, &block, arena, &header, &err), TRACER_E_REPLY, "%s left out", proof_list_name((enum proof_list)list));
        values->count = whole.count;
        if (whole.count > 1 && (items[0].size != items[1].size || memcmp(items[0].data, items[1].data, items[0].size) != 0)) {
            struct bytes first = items[0];
            items[0] = items[1];
            cr_assert_eq(proof_check(network, &block, arena, &header, &err), TRACER_E_REPLY);
            items[1] = first;
            cr_assert_eq(proof_check(network, &block, arena, &header, &err), TRACER_E_REPLY);
        }
        *values = whole;
        cr_assert_eq(proof_check(network, &block, arena, &header, &err), TRACER_OK, "%s", err.text);
    }
}

static size_t check_block(const struct evm_network *network, const struct evm_replies *replies, struct arena *arena)
{
    struct block block;
    struct evm_notes notes;
    struct proof_block archive;
    struct proof_header header;
    struct error err;
    struct node_set *set = arena_calloc(arena, 1, sizeof *set);
    cr_assert_eq(evm_decode_block(network, replies, arena, &block, &notes, &err), TRACER_OK, "%s", err.text);
    cr_assert_gt(block.archive.size, 0);
    cr_assert_eq(proof_open(block.archive, arena, &archive, &err), TRACER_OK);
    cr_assert_eq(proof_read_header(archive.header, &header, &err), TRACER_OK);
    cr_assert(hash_equal(header.hash, block.hash));
    check_changes(network, block.archive, header.hash, arena);
    cr_assert_eq(header.number, block.number);
    cr_assert_eq(header.time, block.time);
    cr_assert_eq(archive.lists[PROOF_TRANSACTIONS].count, block.transaction_count);
    for (int list = 0; list < PROOF_LIST_COUNT; list++)
        add_nodes(&archive, (enum proof_list)list, arena, set);
    for (size_t i = 0; i < archive.lists[PROOF_WITHDRAWALS].count; i++)
        cr_assert(proven(header.withdrawals_root, i, set).data);
    cr_assert_null(proven(header.transactions_root, block.transaction_count, set).data);
    return compare_rows(network, &archive, &header, &block, set, arena);
}

Test(proof, mainnet_transactions_are_read_from_proven_bytes_as_from_their_replies)
{
    static const uint64_t numbers[] = {12505500, 14764013, 15537393, 17034870, 17062257, 19426586, 19426587, 22162263, 22431083, 22431084};
    size_t rows = 0;
    struct address weth;
    if (data_is_absent("proof"))
        return;
    cr_assert(address_parse("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", 42, &weth));
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1, .wrappers = &weth, .wrapper_count = 1};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char name[64], *owned[2];
        struct arena *arena = arena_new(TRACER_GIB(1));
        snprintf(name, sizeof name, "blocks/block-%" PRIu64 ".json", numbers[i]);
        struct evm_replies replies = {.number = numbers[i], .block = load_result(name, &owned[0]), .prove = true, .archive = true};
        snprintf(name, sizeof name, "blocks/receipts-%" PRIu64 ".json", numbers[i]);
        struct json_span receipts = load_result(name, &owned[1]);
        replies.receipts = &receipts;
        replies.receipt_count = 1;
        rows += check_block(&network, &replies, arena);
        free(owned[0]);
        free(owned[1]);
        arena_free(arena);
    }
    printf("%zu rows of mainnet derived from proven bytes\n", rows);
    cr_assert_gt(rows, 3000);
}

Test(proof, R2_what_blobs_cost_is_asserted_where_no_schedule_gives_it)
{
    size_t blobs = 0;
    if (data_is_absent("proof"))
        return;
    for (uint64_t number = 22431083; number <= 22431084; number++) {
        char name[64], *owned[2];
        struct arena *arena = arena_new(TRACER_GIB(1));
        snprintf(name, sizeof name, "blocks/block-%" PRIu64 ".json", number);
        struct evm_replies replies = {.number = number, .block = load_result(name, &owned[0]), .receipt_count = 1, .prove = true, .archive = true};
        snprintf(name, sizeof name, "blocks/receipts-%" PRIu64 ".json", number);
        struct json_span found = load_result(name, &owned[1]), receipts = {NULL, 0};
        char *text = NULL; /* the file does not state what any endpoint may */
        FILE *out = open_memstream(&text, &receipts.length);
        const char *type = "\"type\":\"0x3\"", *from = found.text, *end = found.text + found.length;
        for (const char *at; (at = memmem(from, (size_t)(end - from), type, strlen(type))); from = at + strlen(type))
            fprintf(out, "%.*s\"blobGasPrice\":\"0x7\",%s", (int)(at - from), from, type);
        fprintf(out, "%.*s", (int)(end - from), from);
        fclose(out);
        receipts.text = text;
        replies.receipts = &receipts;
        blobs += blobs_without_schedule(replies, arena);
        free(text);
        free(owned[0]);
        free(owned[1]);
        arena_free(arena);
    }
    cr_assert_eq(blobs, 3);
}

Test(proof, assembled_blocks_are_read_from_proven_bytes_as_from_their_replies)
{
    for (size_t i = 0; i < WHOLE_BLOCKS; i++) {
        struct assembled made = assemble(i);
        struct arena *arena = arena_new(TRACER_MIB(64));
        struct json_span receipts = {made.receipts, strlen(made.receipts)};
        struct evm_replies replies = {.number = made.from.number,
                                      .block = {made.block, strlen(made.block)},
                                      .receipts = &receipts,
                                      .receipt_count = 1,
                                      .prove = true,
                                      .archive = true};
        check_block(&made.network, &replies, arena);
        arena_free(arena);
        free(made.block);
        free(made.receipts);
    }
}

/* Block 100 of Ethereum's rules with one transaction that used all its gas and left no log. */
static char *write_unsaid(bool sealed, struct hash hash, const struct evm_transaction *transaction, struct hash transactions_root,
                          struct hash receipts_root, char **ret_receipts)
{
    char *block = NULL, own[HASH_TEXT_SIZE], of[HASH_TEXT_SIZE], roots[2][HASH_TEXT_SIZE], r[67], s[67], place[256];
    size_t size;
    hash_format(hash, own);
    hash_format(transaction->hash, of);
    hash_format(transactions_root, roots[0]);
    hash_format(receipts_root, roots[1]);
    u256_format_quantity(transaction->r, r);
    u256_format_quantity(transaction->s, s);
    snprintf(place, sizeof place, "\"blockHash\":\"%s\",\"blockNumber\":\"0x64\",\"transactionIndex\":\"0x0\",\"from\":\"" SIGN_ADDRESS "\"", own);
    FILE *out = open_memstream(&block, &size);
    fprintf(out,
            "{\"number\":\"0x64\",\"hash\":\"%s\",\"parentHash\":\"%s\",\"logsBloom\":\"0x%0512d\",\"transactionsRoot\":\"%s\",\"stateRoot\":\"%s\","
            "\"receiptsRoot\":\"%s\",\"miner\":\"0x%040d\",\"gasLimit\":\"0x5208\",\"gasUsed\":\"0x5208\",\"timestamp\":\"0x1\",\"sha3Uncles\":"
            "\"0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347\",\"difficulty\":\"0x1\",\"extraData\":\"0x\",\"mixHash\":\"%s\","
            "\"nonce\":\"0x%016d\",\"uncles\":[],\"transactions\":[",
            own, of, 0, roots[0], roots[0], roots[1], 0, of, 0);
    if (sealed)
        fprintf(out,
                "{%s,\"hash\":\"%s\",\"to\":\"0x%040d\",\"gas\":\"0x5208\",\"gasPrice\":\"0x9\",\"input\":\"0x\",\"nonce\":\"0x0\",\"value\":\"0x5\","
                "\"v\":\"0x%" PRIx64 "\",\"r\":\"%s\",\"s\":\"%s\"}",
                place, of, 7, transaction->v.limb[0], r, s);
    fprintf(out, "]}");
    fclose(out);
    out = open_memstream(ret_receipts, &size);
    fprintf(out,
            "[{%s,\"transactionHash\":\"%s\",\"to\":\"0x%040d\",\"contractAddress\":null,\"cumulativeGasUsed\":\"0x5208\",\"gasUsed\":\"0x5208\","
            "\"logs\":[],\"root\":\"%s\"}]",
            place, of, 7, of);
    fclose(out);
    return block;
}

static struct hash root_of(struct buffer *value, struct arena *arena)
{
    const struct bytes text = {(const uint8_t *)value->data, value->size};
    struct trie *trie;
    struct error err;
    cr_assert_eq(trie_build(&text, 1, arena, &trie, &err), TRACER_OK);
    buffer_clear(value);
    return trie_root(trie);
}

Test(proof, what_no_receipt_says_is_asserted_however_well_its_block_is_proven)
{
    const struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    struct arena *arena = arena_new(TRACER_MIB(64));
    struct evm_header header = {.number = 100};
    struct evm_transaction transaction = {.present = ~UINT64_C(0), .gas = 21000, .gas_price = u256_from_u64(9), .value = u256_from_u64(5), .input = {"", 0}, .known = true};
    struct evm_receipt receipt = {.cumulative_gas_used = 21000};
    struct bloom none = {{0}};
    struct buffer value;
    struct block block;
    struct evm_notes notes;
    struct error err;
    unsigned parity;
    char *text, *receipts;
    buffer_init(&value, 4096);
    transaction.to.bytes[19] = 7;
    cr_assert_eq(transaction_write(&network, &transaction, FORM_SIGNED, &value, &err), TRACER_OK);
    sign(keccak256(value.data, value.size), &transaction.r, &transaction.s, &parity);
    transaction.v = u256_from_u64(27 + parity);
    buffer_clear(&value);
    cr_assert_eq(transaction_write(&network, &transaction, FORM_WHOLE, &value, &err), TRACER_OK);
    transaction.hash = receipt.root = keccak256(value.data, value.size);
    struct hash transactions_root = root_of(&value, arena);
    cr_assert_eq(receipt_write(&network, &header, &transaction, &receipt, &none, &value, &err), TRACER_OK);
    struct hash receipts_root = root_of(&value, arena), hash;
    text = write_unsaid(false, transaction.hash, &transaction, transactions_root, receipts_root, &receipts);
    cr_assert_eq(header_read((struct json_span){text, strlen(text)}, arena, &header, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(header_hash(&header, &hash, &err), TRACER_OK);
    free(text);
    free(receipts);
    text = write_unsaid(true, hash, &transaction, transactions_root, receipts_root, &receipts);
    struct json_span of = {receipts, strlen(receipts)};
    struct evm_replies replies = {.number = 100, .block = {text, strlen(text)}, .receipts = &of, .receipt_count = 1, .prove = true, .archive = true};
    cr_assert_eq(evm_decode_block(&network, &replies, arena, &block, &notes, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(notes.status_unknown, 1);
    cr_assert_eq(block.grade, GRADE_SINGLE);
    cr_assert_eq(block.transactions[0].status, TRANSACTION_STATUS_UNKNOWN);
    cr_assert_eq(block.transactions[0].grade, GRADE_ASSERTED);
    check_block(&network, &replies, arena); /* its bytes say the same */
    buffer_release(&value);
    free(text);
    free(receipts);
    arena_free(arena);
}

Test(proof, archives_that_are_cut_or_longer_are_refused)
{
    static const uint8_t archive[] = {0xc5, 0xc1, 0x01, 0xc0, 0xc0, 0xc0};
    struct arena *arena = arena_new(TRACER_MIB(1));
    struct proof_block block;
    struct error err;
    cr_assert_eq(proof_open((struct bytes){archive, sizeof archive}, arena, &block, &err), TRACER_OK);
    cr_assert_eq(block.header.size, 2);
    for (size_t size = 0; size < sizeof archive; size++)
        cr_assert_eq(proof_open((struct bytes){archive, size}, arena, &block, &err), TRACER_E_DAMAGED);
    uint8_t longer[sizeof archive + 1] = {0};
    memcpy(longer, archive, sizeof archive);
    cr_assert_eq(proof_open((struct bytes){longer, sizeof longer}, arena, &block, &err), TRACER_E_DAMAGED);
    arena_free(arena);
}
