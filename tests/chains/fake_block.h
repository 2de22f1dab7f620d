/* fake_block.h - blocks of a made chain that are sound: signed transactions, and hashes and roots of what is
 * in them. Block n has n % 4 transactions of one log each. */
#ifndef TRACER_TESTS_CHAINS_FAKE_BLOCK_H
#define TRACER_TESTS_CHAINS_FAKE_BLOCK_H

#include <criterion/criterion.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "evm/decode.h"
#include "evm/trie.h"
#include "rules.h"
#include "support/sign.h"
#include "tracer/hex.h"

#define FAKE_A SIGN_ADDRESS
#define FAKE_B "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define FAKE_C "0xcccccccccccccccccccccccccccccccccccccccc"
#define FAKE_TOKEN "0x7777777777777777777777777777777777777777"
#define FAKE_PAD "000000000000000000000000"
#define FAKE_TRANSFER "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define FAKE_GAS 50000u

struct fake_block {
    uint64_t number, fork; /* of the history that changes at `fork`; 0: before it */
    struct hash hash, parent;
    unsigned count;
    struct evm_transaction transactions[3];
    struct hash transactions_root, receipts_root;
    struct bloom bloom;
    struct fake_block *next;
};

static inline unsigned fake_transactions(uint64_t number)
{
    return (unsigned)(number % 4);
}

/* All are sent by one account, so its nonces have no gap. */
static inline uint64_t fake_nonce(uint64_t number, unsigned index)
{
    static const unsigned before[] = {0, 0, 1, 3};
    return number / 4 * 6 + before[number % 4] + index;
}

static inline const char *fake_text(struct hash hash, char to[static HASH_TEXT_SIZE])
{
    hash_format(hash, to);
    return to;
}

static inline struct address fake_address(const char *text)
{
    struct address address;
    cr_assert(address_parse(text, strlen(text), &address));
    return address;
}

/* The members of the header; those of its transactions follow elsewhere. */
static inline void fake_header(const struct fake_block *block, FILE *out)
{
    char hash[HASH_TEXT_SIZE], parent[HASH_TEXT_SIZE], transactions[HASH_TEXT_SIZE], receipts[HASH_TEXT_SIZE],
        bloom[2 * sizeof block->bloom.bytes + 1];
    hex_encode(block->bloom.bytes, sizeof block->bloom.bytes, bloom);
    fprintf(out,
            "\"number\":\"0x%" PRIx64 "\",\"hash\":\"%s\",\"parentHash\":\"%s\",\"logsBloom\":\"0x%s\","
            "\"transactionsRoot\":\"%s\",\"stateRoot\":\"%s\",\"receiptsRoot\":\"%s\",\"miner\":\"" FAKE_C
            "\",\"gasLimit\":\"0x1c9c380\",\"gasUsed\":\"0x%x\",\"timestamp\":\"0x%" PRIx64
            "\",\"baseFeePerGas\":\"0x7\",\"sha3Uncles\":"
            "\"0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347\",\"difficulty\":\"0x0\","
            "\"extraData\":\"0x%02x\",\"mixHash\":\"%s\",\"nonce\":\"0x0000000000000000\",\"uncles\":[]",
            block->number, fake_text(block->hash, hash), fake_text(block->parent, parent), bloom,
            fake_text(block->transactions_root, transactions), transactions,
            fake_text(block->receipts_root, receipts), block->count * FAKE_GAS, 1000 + block->number,
            (unsigned)(block->fork & 0xff), parent);
}

static inline void fake_sign(const struct evm_network *network, struct evm_transaction *transaction,
                             uint64_t number, unsigned index, struct buffer *bytes)
{
    struct error err;
    unsigned parity;
    *transaction = (struct evm_transaction){.present = ~UINT64_C(0),
                                            .nonce = fake_nonce(number, index),
                                            .gas = 0xffff,
                                            .gas_price = u256_from_u64(9),
                                            .to = fake_address(FAKE_B),
                                            .value = u256_from_u64(index),
                                            .input = {"", 0},
                                            .known = true};
    cr_assert_eq(transaction_write(network, transaction, FORM_SIGNED, bytes, &err), TRACER_OK);
    sign(keccak256(bytes->data, bytes->size), &transaction->r, &transaction->s, &parity);
    transaction->v = u256_from_u64(27 + parity);
    buffer_clear(bytes);
    cr_assert_eq(transaction_write(network, transaction, FORM_WHOLE, bytes, &err), TRACER_OK);
    transaction->hash = keccak256(bytes->data, bytes->size);
}

static inline struct hash fake_root(const struct buffer *values, size_t count)
{
    struct arena *arena = arena_new(TRACER_MIB(4));
    struct bytes texts[3];
    struct trie *trie;
    struct error err;
    for (size_t i = 0; i < count; i++)
        texts[i] = (struct bytes){(const uint8_t *)values[i].data, values[i].size};
    cr_assert_eq(trie_build(texts, count, arena, &trie, &err), TRACER_OK);
    struct hash root = trie_root(trie);
    arena_free(arena);
    return root;
}

/* Fill in what follows from number, fork and parent. */
static inline void fake_seal(struct fake_block *block)
{
    struct evm_network network = {.rules = &chain_rules_find("latest")->evm, .chain_id = 777};
    struct evm_header header = {.number = block->number};
    struct evm_receipt receipts[3] = {{0}};
    struct evm_log logs[3] = {{0}};
    struct buffer values[3];
    struct error err;
    struct arena *arena = arena_new(TRACER_MIB(1));
    char data[65], *json;
    size_t size;
    block->count = fake_transactions(block->number);
    snprintf(data, sizeof data, "%064" PRIx64, block->number);
    for (unsigned i = 0; i < block->count; i++) {
        buffer_init(&values[i], 4096);
        fake_sign(&network, &block->transactions[i], block->number, i, &values[i]);
        logs[i] = (struct evm_log){.address = fake_address(FAKE_TOKEN), .topic_count = 3, .data = {data, 64}};
        cr_assert(hash_parse(FAKE_TRANSFER, 66, &logs[i].topics[0]));
        memcpy(logs[i].topics[1].bytes + 12, fake_address(FAKE_A).bytes, 20);
        memcpy(logs[i].topics[2].bytes + 12, fake_address(FAKE_B).bytes, 20);
        receipts[i] = (struct evm_receipt){
            .status = 1, .cumulative_gas_used = (i + 1) * FAKE_GAS, .logs = &logs[i], .log_count = 1};
    }
    block->transactions_root = fake_root(values, block->count);
    struct bloom *blooms = receipts_blooms(receipts, block->count, arena);
    for (unsigned i = 0; i < block->count; i++) {
        buffer_clear(&values[i]);
        cr_assert_eq(receipt_write(&network, &header, &block->transactions[i], &receipts[i], &blooms[i],
                                   &values[i], &err),
                     TRACER_OK);
        block->bloom = blooms[i]; /* they are all alike */
    }
    block->receipts_root = fake_root(values, block->count);
    for (unsigned i = 0; i < block->count; i++)
        buffer_release(&values[i]);
    FILE *out = open_memstream(&json, &size);
    fprintf(out, "{\"transactions\":[],");
    fake_header(block, out);
    fprintf(out, "}");
    fclose(out);
    cr_assert_eq(header_read((struct json_span){json, size}, arena, &header, &err), TRACER_OK, "%s",
                 err.text);
    cr_assert_eq(header_hash(&header, &block->hash, &err), TRACER_OK, "%s", err.text);
    free(json);
    arena_free(arena);
}

/* The block of the history that changes at `fork` (0: never). Blocks are made once and stay; those from 4,096
 * on have no parent. */
static inline const struct fake_block *fake_block_at(uint64_t fork, uint64_t number)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct fake_block *blocks[4096];
    struct fake_block *block;
    uint64_t own = fork && number >= fork ? fork : 0;
    const struct fake_block *parent = number && number < 4096 ? fake_block_at(fork, number - 1) : NULL;
    pthread_mutex_lock(&lock);
    for (block = blocks[number % 4096]; block && (block->fork != own || block->number != number);
         block = block->next)
        ;
    if (!block) {
        block = calloc(1, sizeof *block);
        *block = (struct fake_block){.number = number, .fork = own, .next = blocks[number % 4096]};
        if (parent)
            block->parent = parent->hash;
        fake_seal(block);
        blocks[number % 4096] = block;
    }
    pthread_mutex_unlock(&lock);
    return block;
}

#endif
