/* accept.c - whether a block's hash covers what its replies say (threat-model 3, steps 2, 4 and 5).
 * Everything is computed from the members that are hashed; what a reply repeats of it must agree.
 *
 * No hash of the block covers: call traces, the number of uncles beyond none or some, l1Fee and operator
 * fees.
 */
#include "decode.h"

#include <inttypes.h>
#include <string.h>

#include "tracer/hex.h"
#include "trie.h"

struct accept {
    const struct evm_network *network;
    const struct evm_header *header;
    const struct evm_receipt *receipts;
    struct arena *arena;
    struct error *err;
    bool known; /* the encodings of all transactions are known */
    struct hash transactions_root; /* then */
    /* the values of one trie, behind each other */
    struct buffer bytes;
    size_t *ends;
    struct bytes *values;
    struct hash *hashes;
};

/* ---- the values of a trie ---- */

static struct bytes value_written(const struct accept *accept, size_t index)
{
    size_t begin = index ? accept->ends[index - 1] : 0, end = accept->ends[index];
    return begin == end ? (struct bytes){0} : (struct bytes){(const uint8_t *)accept->bytes.data + begin, end - begin};
}

static struct bytes *values_written(struct accept *accept, size_t count, struct bytes *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = value_written(accept, i);
    return to;
}

static enum tracer_status check_root(struct accept *accept, const char *name, struct hash stated,
                                     const char *who, size_t count)
{
    struct trie *trie;
    struct arena_mark mark = arena_mark(accept->arena);
    enum tracer_status status =
        trie_build(values_written(accept, count, accept->values), count, accept->arena, &trie, accept->err);
    if (!status && !hash_equal(trie_root(trie), stated))
        status = differs_hash(accept->err, name, stated, who, trie_root(trie));
    arena_reset(accept->arena, mark);
    return status;
}

/* ---- the block ---- */

static enum tracer_status check_hash(struct accept *accept, const struct hash *asked)
{
    struct hash hash, stated = accept->header->hash;
    enum tracer_status status = header_hash(accept->header, &hash, accept->err);
    if (!status && !hash_equal(stated, hash))
        status = differs_hash(accept->err, "hash", stated, "the header's members give", hash);
    if (!status && asked && !hash_equal(stated, *asked))
        status = differs_hash(accept->err, "hash", stated, "the block asked for is", *asked);
    return status;
}

static enum tracer_status write_transactions(struct accept *accept, struct signers *signers)
{
    const struct evm_header *header = accept->header;
    accept->known = true;
    for (size_t i = 0; i < header->transaction_count; i++) {
        if (header->transactions[i].known) {
            enum tracer_status status = transaction_write(accept->network, &header->transactions[i],
                                                          FORM_WHOLE, &accept->bytes, accept->err);
            if (status) {
                error_context(accept->err, "transactions[%zu]", i);
                return status;
            }
        }
        accept->known &= header->transactions[i].known;
        accept->ends[i] = accept->bytes.size;
        signers_add(signers, i, value_written(accept, i));
    }
    return TRACER_OK;
}

/* The root that the transactions give, and the hashes of all that is as long as they are; of unknown types there is no root. */
static enum tracer_status hash_transactions(struct accept *accept, struct signers *signers, size_t *ret_late)
{
    size_t count = accept->header->transaction_count;
    struct trie *trie;
    struct arena_mark mark = arena_mark(accept->arena);
    *ret_late = signers_late(signers, accept->values);
    const struct bytes *wholes = values_written(accept, count, accept->values + *ret_late);
    if (!accept->known) {
        keccak256_many(accept->values, *ret_late + count, accept->hashes);
        return TRACER_OK;
    }
    enum tracer_status status =
        trie_build_beside(wholes, count, accept->values, *ret_late + count, accept->hashes, accept->arena, &trie, accept->err);
    if (!status)
        accept->transactions_root = trie_root(trie);
    arena_reset(accept->arena, mark);
    return status;
}

static enum tracer_status check_transactions(struct accept *accept, struct signers *signers)
{
    const struct evm_header *header = accept->header;
    size_t late = 0;
    enum tracer_status status = write_transactions(accept, signers);
    if (!status)
        status = hash_transactions(accept, signers, &late);
    if (status)
        return status;
    signers_late_hashed(signers, accept->hashes);
    for (size_t i = 0; !status && i < header->transaction_count; i++) {
        const struct evm_transaction *transaction = &header->transactions[i];
        if (!transaction->known)
            continue;
        if (!hash_equal(transaction->hash, accept->hashes[late + i]))
            status = differs_hash(accept->err, "hash", transaction->hash, "the transaction's members give",
                                  accept->hashes[late + i]);
        if (status)
            error_context(accept->err, "transactions[%zu]", i);
    }
    return status;
}

static enum tracer_status check_withdrawals(struct accept *accept)
{
    const struct evm_header *header = accept->header;
    if (accept->network->rules->deposit_first != EVM_NEVER) {
        /* On the OP Stack the root is of something else, and there are no withdrawals of validators. */
        if (header->withdrawal_count > 0)
            return error_set(accept->err, TRACER_E_REPLY, "withdrawals: %zu, but this chain has none",
                             header->withdrawal_count);
        return TRACER_OK;
    }
    if (!header->has_withdrawals)
        return TRACER_OK;
    buffer_clear(&accept->bytes);
    for (size_t i = 0; i < header->withdrawal_count; i++) {
        withdrawal_write(&header->withdrawals[i], &accept->bytes);
        accept->ends[i] = accept->bytes.size;
    }
    if (!buffer_ok(&accept->bytes))
        return no_memory(accept->err);
    return check_root(accept, "withdrawalsRoot", header->withdrawals_root, "the withdrawals give",
                      header->withdrawal_count);
}

static enum tracer_status check_uncles(struct accept *accept)
{
    const struct evm_header *header = accept->header;
    if (hash_equal(header->uncles_hash, no_uncles) == (header->uncles.count == 0))
        return TRACER_OK;
    char text[HASH_TEXT_SIZE];
    hash_format(header->uncles_hash, text);
    return error_set(accept->err, TRACER_E_REPLY, "sha3Uncles is %s, but there are %" PRIu64 " uncles", text,
                     header->uncles.count);
}

/* ---- the receipts ---- */

bool contract_address(struct address creator, uint64_t nonce, struct address *ret_contract)
{
    struct buffer bytes;
    buffer_init(&bytes, 64);
    size_t list = rlp_list_begin(&bytes);
    rlp_bytes(&bytes, creator.bytes, sizeof creator.bytes);
    rlp_u64(&bytes, nonce);
    rlp_list_end(&bytes, list);
    bool good = buffer_ok(&bytes);
    if (good) {
        struct hash hash = keccak256(bytes.data, bytes.size);
        memcpy(ret_contract->bytes, hash.bytes + 12, sizeof ret_contract->bytes);
    }
    buffer_release(&bytes);
    return good;
}

static enum tracer_status check_contract(struct accept *accept, size_t index)
{
    const struct evm_transaction *transaction = &accept->header->transactions[index];
    const struct evm_receipt *receipt = &accept->receipts[index];
    uint64_t nonce = transaction->nonce;
    struct address contract;
    if (transaction->type == TYPE_DEPOSIT && transaction->known && receipt->has_deposit_nonce) {
        if (nonce != receipt->deposit_nonce)
            return differs_u64(accept->err, "depositNonce", receipt->deposit_nonce,
                               "the transaction's nonce is", nonce);
    }
    if (!transaction->creates || !receipt->has_contract || !transaction->known)
        return TRACER_OK;
    if (!contract_address(transaction->from, nonce, &contract))
        return no_memory(accept->err);
    if (!address_equal(contract, receipt->contract))
        return differs_address(accept->err, "contractAddress", receipt->contract, "sender and nonce give",
                               contract);
    return TRACER_OK;
}

static enum tracer_status bloom_differs(struct accept *accept, const char *who)
{
    return error_set(accept->err, TRACER_E_REPLY, "logsBloom is not the one that %s", who);
}

static enum tracer_status check_blooms(struct accept *accept, const struct bloom *blooms)
{
    struct bloom all = {{0}};
    for (size_t i = 0; i < accept->header->transaction_count; i++) {
        const struct evm_receipt *receipt = &accept->receipts[i];
        uint8_t stated[sizeof all.bytes];
        for (size_t k = 0; k < sizeof all.bytes; k++)
            all.bytes[k] |= blooms[i].bytes[k];
        if (receipt->bloom.length > 0 &&
            (!hex_decode(receipt->bloom.text, receipt->bloom.length, stated, sizeof stated) ||
             memcmp(stated, blooms[i].bytes, sizeof stated) != 0)) {
            enum tracer_status status = bloom_differs(accept, "the logs give");
            error_context(accept->err, "[%zu]", i);
            return status;
        }
    }
    if (memcmp(all.bytes, accept->header->bloom.bytes, sizeof all.bytes) != 0)
        return bloom_differs(accept, "all logs of the block give");
    return TRACER_OK;
}

static enum tracer_status check_receipts(struct accept *accept)
{
    const struct evm_header *header = accept->header;
    enum tracer_status status = TRACER_OK;
    struct bloom *blooms = receipts_blooms(accept->receipts, header->transaction_count, accept->arena);
    if (!blooms)
        return no_memory(accept->err);
    for (size_t i = 0; !status && i < header->transaction_count; i++) {
        status = check_contract(accept, i);
        if (status)
            error_context(accept->err, "[%zu]", i);
    }
    if (!status)
        status = check_blooms(accept, blooms);
    buffer_clear(&accept->bytes);
    for (size_t i = 0; !status && i < header->transaction_count; i++) {
        status = receipt_write(accept->network, header, &header->transactions[i], &accept->receipts[i],
                               &blooms[i], &accept->bytes, accept->err);
        accept->ends[i] = accept->bytes.size;
        if (status)
            error_context(accept->err, "[%zu]", i);
    }
    /* Receipts of unknown types may hold more than others: then the root tells nothing. */
    if (!status && accept->known)
        status = check_root(accept, "receiptsRoot", header->receipts_root, "the receipts give",
                            header->transaction_count);
    return status;
}

/* ---- */

static enum tracer_status check_body(struct accept *accept)
{
    const struct evm_header *header = accept->header;
    if (accept->known && !hash_equal(accept->transactions_root, header->transactions_root))
        return differs_hash(accept->err, "transactionsRoot", header->transactions_root, "the transactions give", accept->transactions_root);
    enum tracer_status status = check_withdrawals(accept);
    return status ? status : check_uncles(accept);
}

/* Senders take most of the time: they are recovered beside all that follows. What is told is what came first in the order
 * hashes, senders, roots, whoever was ready first. */
static enum tracer_status accept_parts(struct accept *accept, const struct evm_replies *replies)
{
    const char *block = replies->hash ? "eth_getBlockByHash" : "eth_getBlockByNumber";
    struct signers signers;
    struct error other;
    enum tracer_status status = check_hash(accept, replies->hash), signed_by;
    if (status) {
        error_context(accept->err, "%s", block);
        return status;
    }
    signers_begin(&signers, accept->network, accept->header, accept->arena);
    bool hashed = !(status = check_transactions(accept, &signers));
    if (!status)
        status = check_body(accept);
    if (status)
        error_context(accept->err, "%s", block);
    else if ((status = check_receipts(accept)))
        error_context(accept->err,
                      replies->receipts_apart ? "eth_getTransactionReceipt" : "eth_getBlockReceipts");
    signed_by = signers_end(&signers, &other);
    if (!hashed || !signed_by)
        return status;
    error_context(&other, "%s", block);
    *accept->err = other;
    return signed_by;
}

enum tracer_status block_accept(const struct evm_network *network, const struct evm_header *header,
                                const struct evm_receipt *receipts, const struct evm_replies *replies,
                                struct arena *arena, bool *ret_whole, struct error *err)
{
    struct accept accept = {
        .network = network, .header = header, .receipts = receipts, .arena = arena, .err = err};
    size_t most = header->transaction_count > header->withdrawal_count ? header->transaction_count
                                                                       : header->withdrawal_count;
    enum tracer_status status;
    accept.ends = arena_calloc(arena, most, sizeof *accept.ends);
    accept.values = arena_calloc(arena, most + SIGNED_MAX, sizeof *accept.values);
    accept.hashes = arena_calloc(arena, most + SIGNED_MAX, sizeof *accept.hashes);
    if (!accept.ends || !accept.values || !accept.hashes)
        return no_memory(err);
    buffer_init(&accept.bytes, TRACER_REPLY_BLOCK_MAX);
    status = accept_parts(&accept, replies);
    buffer_release(&accept.bytes);
    if (!status)
        *ret_whole = accept.known;
    return status;
}
