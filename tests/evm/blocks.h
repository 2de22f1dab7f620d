/* blocks.h - three whole blocks, assembled from the vectors to what a node would answer: JSON that hashes to
 * what these chains agreed on. */
#ifndef TRACER_TESTS_EVM_BLOCKS_H
#define TRACER_TESTS_EVM_BLOCKS_H

#include "evm/vectors.h"

struct whole_block {
    const char *header, *transactions, *receipts; /* names of vectors */
    const char *from;                             /* of every transaction; NULL: it is in the envelope */
    uint64_t number, chain_id;
    const struct evm_rules *rules;
    bool has_roots; /* receipts hold roots, not statuses */
};

/* An OP Stack chain after Canyon. */
static const struct evm_rules op_rules = {
    .sponsored_first = EVM_NEVER, .sponsored_end = EVM_NEVER, .irregular_number = EVM_NEVER};

#define WHOLE_BLOCKS 3
static inline struct whole_block whole_block(size_t index)
{
    const struct evm_rules *ethereum = &chain_rules_find("ethereum")->evm;
    const struct whole_block blocks[WHOLE_BLOCKS] = {
        {"h15_block1", "txroot_block1", "receiptsroot_block1", "0x7435ed30a8b4aeb0877cef0c6e8cffe834eb865f",
         1, 3503995874084926, ethereum, true},
        {"mainnet_15537393", "mainnet_15537393_txroot", "mainnet_15537393_receiptsroot",
         "0x5827c0ccf705720cfa395e3fb2dcc449aeef331c", 15537393, 1, ethereum, false},
        {"op_block274", "op_block274_txroot", "op_block274_receiptsroot", NULL, 274, 10, &op_rules, false}};
    return blocks[index];
}

struct assembled {
    struct whole_block from;
    struct evm_network network;
    char *block, *receipts; /* the caller frees */
    struct hash hash;
};

static inline const struct vector *vector_named(const struct vectors *vectors, const char *name)
{
    for (size_t i = 0; i < vectors->count; i++)
        if (strcmp(vectors->rows[i].name, name) == 0)
            return &vectors->rows[i];
    cr_assert_fail("no vector %s", name);
    abort();
}

/* The values of a vector of a trie; the caller frees each ->data. */
static inline size_t values_of(const struct vector *row, struct bytes values[static 64])
{
    size_t count = 0;
    for (const char *at = row->raw; *at;) {
        size_t length = strcspn(at, ",");
        cr_assert_lt(count, 64);
        values[count++] = vector_bytes(at, length);
        at += length + (at[length] == ',');
    }
    return count;
}

static inline void place_text(char to[static 512], const struct whole_block *block, const char *hash,
                              size_t index, struct bytes transaction)
{
    char text[HASH_TEXT_SIZE];
    hash_format(keccak256(transaction.data, transaction.size), text);
    snprintf(to, 512,
             ",\"blockHash\":\"%s\",\"blockNumber\":\"0x%" PRIx64
             "\",\"transactionIndex\":\"0x%zx\",\"%s\":\"%s\"",
             hash, block->number, index, "transactionHash", text);
}

static inline void write_whole_transaction(FILE *out, const struct whole_block *block, const char *hash,
                                           size_t index, struct bytes raw)
{
    char place[512], more[700];
    place_text(place, block, hash, index, raw);
    snprintf(more, sizeof more, "%s%s%s%s", place, block->from ? ",\"from\":\"" : ",\"nonce\":\"0x111",
             block->from ? block->from : "", "\"");
    char *name = strstr(more, "transactionHash"), *json;
    memmove(name, name + strlen("transaction"), strlen(name + strlen("transaction")) + 1);
    *name = 'h';
    json = json_of_raw(raw, more);
    fprintf(out, "%s%s", index ? "," : "", json);
    free(json);
}

static inline void write_whole_logs(FILE *out, const char *place, struct bytes rest)
{
    fprintf(out, ",\"logs\":[");
    for (unsigned i = 0; rest.size > 0; i++) {
        struct bytes log = next_item(&rest).payload;
        fprintf(out, "%s{\"address\":", i ? "," : "");
        write_data(out, next_item(&log).payload);
        fprintf(out, ",\"topics\":");
        write_hashes(out, next_item(&log).payload);
        fprintf(out, ",\"data\":");
        write_data(out, next_item(&log).payload);
        fprintf(out, "%s,\"logIndex\":\"0x%x\",\"removed\":false}", place, i);
    }
    fprintf(out, "]");
}

/* CREATE: of sender and nonce (the index, in the block that has such). */
static inline void write_contract(FILE *out, const struct whole_block *block, size_t index)
{
    struct address sender;
    struct buffer key;
    cr_assert(address_parse(block->from, strlen(block->from), &sender));
    buffer_init(&key, 64);
    size_t list = rlp_list_begin(&key);
    rlp_bytes(&key, sender.bytes, 20);
    rlp_u64(&key, index);
    rlp_list_end(&key, list);
    struct hash hash = keccak256(key.data, key.size);
    fprintf(out, ",\"to\":null,\"contractAddress\":");
    write_data(out, (struct bytes){hash.bytes + 12, 20});
    buffer_release(&key);
}

static inline void write_whole_receipt(FILE *out, const struct whole_block *block, const char *hash,
                                       size_t index, struct bytes transaction, struct bytes raw,
                                       uint64_t *gas)
{
    char place[512];
    unsigned type = *raw.data < 0x80 ? *raw.data : 0;
    struct bytes list = type ? (struct bytes){raw.data + 1, raw.size - 1} : raw,
                 rest = next_item(&list).payload;
    struct rlp_item outcome = next_item(&rest), cumulative = next_item(&rest), bloom = next_item(&rest);
    struct u256 sum;
    place_text(place, block, hash, index, transaction);
    cr_assert(rlp_integer(&cumulative, &sum));
    fprintf(out, "%s{\"type\":\"0x%x\"%s,\"%s\":", index ? "," : "", type, place,
            block->has_roots ? "root" : "status");
    if (block->has_roots)
        write_data(out, outcome.payload);
    else
        write_quantity(out, &outcome);
    fprintf(out, ",\"cumulativeGasUsed\":\"0x%" PRIx64 "\",\"gasUsed\":\"0x%" PRIx64 "\",\"logsBloom\":",
            sum.limb[0], sum.limb[0] - *gas);
    *gas = sum.limb[0];
    write_data(out, bloom.payload);
    write_whole_logs(out, place, next_item(&rest).payload);
    if (block->has_roots) {
        write_contract(out, block, index);
    } else {
        fprintf(out, ",\"contractAddress\":null,\"to\":\"%s\"",
                block->from ? "0x76d31201ae2acedcdfecd304cf955c3ca08a222d"
                            : "0x4200000000000000000000000000000000000015");
    }
    fprintf(out, ",\"from\":\"%s\"",
            block->from ? block->from : "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
    if (rest.size > 0) {
        struct rlp_item nonce = next_item(&rest), version = next_item(&rest);
        fprintf(out, ",\"depositNonce\":");
        write_quantity(out, &nonce);
        fprintf(out, ",\"depositReceiptVersion\":");
        write_quantity(out, &version);
    }
    fprintf(out, "}");
}

static inline struct assembled assemble(size_t which)
{
    struct whole_block block = whole_block(which);
    struct assembled to = {.from = block, .network = {.rules = block.rules, .chain_id = block.chain_id}};
    struct vectors vectors = vectors_load();
    struct bytes transactions[64], receipts[64];
    size_t count = values_of(vector_named(&vectors, block.transactions), transactions), size;
    cr_assert_eq(values_of(vector_named(&vectors, block.receipts), receipts), count);
    const struct vector *row = vector_named(&vectors, block.header);
    struct bytes header = vector_bytes(row->raw, strlen(row->raw));
    uint64_t gas = 0;
    to.hash = vector_hash(row->hash);
    FILE *out = open_memstream(&to.block, &size);
    fprintf(out, "{\"hash\":\"%s\"", row->hash);
    write_header_members(out, header);
    fprintf(out, ",\"uncles\":[]%s,\"transactions\":[", block.from ? "" : ",\"withdrawals\":[]");
    for (size_t i = 0; i < count; i++)
        write_whole_transaction(out, &block, row->hash, i, transactions[i]);
    fprintf(out, "]}");
    fclose(out);
    out = open_memstream(&to.receipts, &size);
    fprintf(out, "[");
    for (size_t i = 0; i < count; i++)
        write_whole_receipt(out, &block, row->hash, i, transactions[i], receipts[i], &gas);
    fprintf(out, "]");
    fclose(out);
    for (size_t i = 0; i < count; i++) {
        free((void *)transactions[i].data);
        free((void *)receipts[i].data);
    }
    free((void *)header.data);
    free(vectors.text);
    return to;
}

#endif
