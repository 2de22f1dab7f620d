/* proof.c - see tracer/proof.h. */
#include "tracer/proof.h"

#include <string.h>

#include "decode.h"
#include "trie.h"

struct hash proof_hash(struct bytes data)
{
    return keccak256(data.data, data.size);
}

/* 40 digits in two cases are a checksum (EIP-55): a letter is upper case where the digit of the hash of the lower case text is 8 or
 * more. */
bool proof_checksum_holds(const char *text, size_t length)
{
    char lower[40];
    bool upper_seen = false, lower_seen = false;
    const char *digits = text + length - sizeof(lower);
    for (size_t i = 0; i < sizeof(lower); i++) {
        upper_seen = upper_seen || (digits[i] >= 'A' && digits[i] <= 'F');
        lower_seen = lower_seen || (digits[i] >= 'a' && digits[i] <= 'f');
        lower[i] = digits[i] >= 'A' && digits[i] <= 'F' ? (char)(digits[i] + 32) : digits[i];
    }
    if (!upper_seen || !lower_seen)
        return true;
    struct hash hash = proof_hash((struct bytes){(const uint8_t *)lower, sizeof(lower)});
    for (size_t i = 0; i < sizeof(lower); i++) {
        bool high = (hash.bytes[i / 2] >> (i % 2 ? 0 : 4) & 15) >= 8, letter = lower[i] >= 'a';
        if (letter && high != (digits[i] <= 'F'))
            return false;
    }
    return true;
}

bool proof_next(struct bytes *rest, struct bytes *ret_item)
{
    const uint8_t *begin = rest->data;
    struct rlp_item item;
    if (!rlp_next(rest, &item))
        return false;
    *ret_item = (struct bytes){begin, (size_t)(rest->data - begin)};
    return true;
}

enum tracer_status proof_read_header(struct bytes header, struct proof_header *ret_header, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MIB(1));
    struct evm_header read;
    if (!arena)
        return no_memory(err);
    enum tracer_status status = header_from_bytes(header, arena, &read, err);
    if (!status)
        *ret_header = (struct proof_header){.number = read.number,
                                            .time = read.time,
                                            .hash = read.hash,
                                            .parent_hash = read.parent_hash,
                                            .transactions_root = read.transactions_root,
                                            .receipts_root = read.receipts_root,
                                            .withdrawals_root = read.withdrawals_root,
                                            .has_withdrawals = read.has_withdrawals};
    arena_free(arena);
    return status;
}

/* ---- archives ---- */

/* One value as a byte string: what was written to `value`, which is then empty again. */
static void put_value(struct buffer *value, struct buffer *to)
{
    rlp_bytes(to, value->data, value->size);
    buffer_clear(value);
}

static enum tracer_status put_values(const struct evm_network *network, const struct evm_header *header,
                                     const struct evm_receipt *receipts, const struct bloom *blooms, struct buffer *value,
                                     struct buffer *to, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t list = rlp_list_begin(to);
    for (size_t i = 0; !status && i < header->transaction_count; i++) {
        status = transaction_write(network, &header->transactions[i], FORM_WHOLE, value, err);
        put_value(value, to);
    }
    rlp_list_end(to, list);
    list = rlp_list_begin(to);
    for (size_t i = 0; !status && i < header->transaction_count; i++) {
        status = receipt_write(network, header, &header->transactions[i], &receipts[i], &blooms[i], value, err);
        put_value(value, to);
    }
    rlp_list_end(to, list);
    list = rlp_list_begin(to);
    for (size_t i = 0; !status && i < header->withdrawal_count; i++) {
        withdrawal_write(&header->withdrawals[i], value);
        put_value(value, to);
    }
    rlp_list_end(to, list);
    return status;
}

enum tracer_status block_archive(const struct evm_network *network, const struct evm_header *header,
                                 const struct evm_receipt *receipts, struct arena *arena, struct bytes *ret_archive,
                                 struct error *err)
{
    struct buffer value, to;
    struct bloom *blooms = receipts_blooms(receipts, header->transaction_count, arena);
    if (!blooms)
        return no_memory(err);
    buffer_init(&value, TRACER_REPLY_BLOCK_MAX);
    buffer_init(&to, TRACER_ARCHIVE_MAX);
    size_t list = rlp_list_begin(&to);
    header_write(header, &to);
    enum tracer_status status = put_values(network, header, receipts, blooms, &value, &to, err);
    rlp_list_end(&to, list);
    uint8_t *kept = status || !buffer_ok(&to) || !buffer_ok(&value) ? NULL : arena_alloc(arena, to.size);
    if (!status && !kept)
        status = no_memory(err);
    if (!status) {
        memcpy(kept, to.data, to.size);
        *ret_archive = (struct bytes){kept, to.size};
    }
    buffer_release(&value);
    buffer_release(&to);
    return status;
}

static bool read_values(struct bytes *rest, struct arena *arena, struct proof_values *ret_values)
{
    struct rlp_item list, item;
    struct bytes *items = NULL;
    size_t count = 0, capacity = 0;
    if (!rlp_next(rest, &list) || !list.is_list)
        return false;
    for (struct bytes left = list.payload; left.size; count++) {
        items = array_grow(arena, items, count, &capacity, sizeof *items);
        if (!items || count == TRACER_BLOCK_TRANSACTIONS_MAX || !rlp_next(&left, &item) || item.is_list || item.payload.size == 0)
            return false;
        items[count] = item.payload;
    }
    *ret_values = (struct proof_values){items, count};
    return true;
}

enum tracer_status proof_open(struct bytes archive, struct arena *arena, struct proof_block *ret_block, struct error *err)
{
    struct rlp_item list, header;
    struct bytes rest = archive;
    bool good = rlp_next(&rest, &list) && list.is_list && rest.size == 0;
    rest = good ? list.payload : rest;
    const uint8_t *begin = rest.data;
    good = good && rlp_next(&rest, &header) && header.is_list;
    ret_block->header = (struct bytes){begin, good ? (size_t)(rest.data - begin) : 0};
    for (int i = 0; i < PROOF_LIST_COUNT && good; i++)
        good = read_values(&rest, arena, &ret_block->lists[i]);
    return good && rest.size == 0 ? TRACER_OK : error_set(err, TRACER_E_DAMAGED, "these bytes are no archive of a block");
}

/* ---- proofs ---- */

const char *proof_list_name(enum proof_list list)
{
    static const char *const names[PROOF_LIST_COUNT] = {"transaction", "receipt", "withdrawal"};
    return names[list];
}

static enum tracer_status check_list(const struct proof_values *values, const char *name, struct hash stated, struct arena *arena,
                                     struct error *err)
{
    struct arena_mark mark = arena_mark(arena);
    struct trie *trie;
    enum tracer_status status = trie_build(values->items, values->count, arena, &trie, err);
    if (!status && !hash_equal(trie_root(trie), stated))
        status = differs_hash(err, name, stated, "what was kept gives", trie_root(trie));
    arena_reset(arena, mark);
    return status;
}

bool proof_has_withdrawals(const struct evm_network *network)
{
    return network->rules->deposit_first == EVM_NEVER;
}

enum tracer_status proof_check(const struct evm_network *network, const struct proof_block *block, struct arena *arena,
                               struct proof_header *ret_header, struct error *err)
{
    const struct proof_values *withdrawals = &block->lists[PROOF_WITHDRAWALS];
    enum tracer_status status = proof_read_header(block->header, ret_header, err);
    if (!status)
        status = check_list(&block->lists[PROOF_TRANSACTIONS], "transactionsRoot", ret_header->transactions_root, arena, err);
    if (!status)
        status = check_list(&block->lists[PROOF_RECEIPTS], "receiptsRoot", ret_header->receipts_root, arena, err);
    if (status)
        return status;
    if (ret_header->has_withdrawals && proof_has_withdrawals(network))
        return check_list(withdrawals, "withdrawalsRoot", ret_header->withdrawals_root, arena, err);
    return withdrawals->count ? error_set(err, TRACER_E_REPLY, "withdrawals in a block that has none") : TRACER_OK;
}

enum tracer_status proof_nodes(const struct proof_block *block, enum proof_list list, const uint64_t *indices,
                               size_t index_count, struct arena *arena, struct bytes **ret_nodes, size_t *ret_count,
                               struct error *err)
{
    struct trie *trie;
    struct bytes *nodes = NULL;
    size_t count = 0, capacity = 0;
    enum tracer_status status = trie_build(block->lists[list].items, block->lists[list].count, arena, &trie, err);
    if (status)
        return status;
    for (size_t i = 0; i < index_count; i++) {
        struct trie_proof proof = trie_prove(trie, indices[i]);
        for (size_t n = 0; n < proof.count; n++) {
            if (!(nodes = array_grow(arena, nodes, count, &capacity, sizeof *nodes)))
                return no_memory(err);
            nodes[count++] = proof.nodes[n];
        }
    }
    *ret_nodes = nodes;
    *ret_count = count;
    return TRACER_OK;
}

enum proof_answer proof_look_up(struct hash root, uint64_t index, proof_find_fn *find, void *context, struct bytes *ret_value)
{
    switch (trie_look_up(root, index, find, context, ret_value)) {
    case TRIE_PRESENT:
        return PROOF_PRESENT;
    case TRIE_ABSENT:
        return PROOF_ABSENT;
    case TRIE_INVALID:
        break;
    }
    return PROOF_INVALID;
}

/* ---- what proven bytes say ---- */

/* The gas of a receipt is what it adds to the one in front. */
static enum tracer_status fill_gas(const struct evm_network *network, const struct evm_header *header, uint64_t index,
                                   struct bytes before, struct evm_receipt *receipt, struct arena *arena, struct error *err)
{
    struct evm_receipt front = {.cumulative_gas_used = 0};
    if ((index > 0) != (before.size > 0))
        return error_set(err, TRACER_E_REPLY, "the receipt in front is %s", index ? "missing" : "one too many");
    if (index > 0) {
        /* Its type is its first byte, where that is none of a list. */
        struct evm_transaction of = {.type = before.data[0] < 0x80 ? before.data[0] : TYPE_LEGACY};
        enum tracer_status status = receipt_from_bytes(network, header, &of, before, arena, &front, err);
        if (status)
            return status;
    }
    if (front.cumulative_gas_used >= receipt->cumulative_gas_used)
        return error_set(err, TRACER_E_REPLY, "cumulativeGasUsed does not grow");
    receipt->gas_used = receipt->cumulative_gas_used - front.cumulative_gas_used;
    return TRACER_OK;
}

struct proof_senders {
    struct recoveries recoveries;
    struct recovery *items;
    size_t count, most, next;
};

struct proof_senders *proof_senders_begin(size_t most, struct arena *arena, struct error *err)
{
    struct proof_senders *senders = arena_calloc(arena, 1, sizeof *senders);
    struct recovery *items = arena_calloc(arena, most + 1, sizeof *items);
    if (!senders || !items) {
        no_memory(err);
        return NULL;
    }
    senders->items = items;
    senders->most = most;
    return recoveries_begin(&senders->recoveries, items, most, err) ? NULL : senders;
}

void proof_senders_add(struct proof_senders *senders, const struct evm_network *network, struct bytes header, struct bytes transaction,
                       struct arena *scratch)
{
    struct evm_header head;
    struct error ignored;
    if (senders->count == senders->most)
        return;
    struct recovery *item = &senders->items[senders->count++];
    if (header_from_bytes(header, scratch, &head, &ignored) == TRACER_OK)
        transaction_signature(network, &head, transaction, scratch, item);
    recoveries_add(&senders->recoveries, 1);
}

void proof_senders_end(struct proof_senders *senders)
{
    recoveries_end(&senders->recoveries);
}

enum tracer_status proof_read_transaction(const struct evm_network *network, struct bytes header, uint64_t index,
                                          struct bytes transaction, struct bytes receipt, struct bytes before,
                                          struct proof_senders *senders, struct arena *arena, struct proof_transaction *ret_read,
                                          struct error *err)
{
    const struct recovery *known = senders && senders->next < senders->count ? &senders->items[senders->next++] : NULL;
    struct evm_header head;
    struct evm_transaction read;
    struct evm_receipt outcome;
    struct evm_notes notes = {0};
    struct trace_of untraced = {0};
    *ret_read = (struct proof_transaction){0};
    enum tracer_status status = header_from_bytes(header, arena, &head, err);
    if (!status)
        status = transaction_from_bytes(network, &head, transaction, known, arena, &read, err);
    if (status)
        return status;
    ret_read->hash = read.hash;
    if (!read.known)
        return TRACER_OK;
    if ((status = receipt_from_bytes(network, &head, &read, receipt, arena, &outcome, err)) ||
        (status = fill_gas(network, &head, index, before, &outcome, arena, err)) ||
        (status = transaction_gas_price(&head, &read, &outcome.price, err)))
        return status;
    if (read.type == TYPE_DEPOSIT) /* its bytes have none */
        read.nonce = outcome.deposit_nonce;
    if (read.creates && !contract_address(read.from, read.nonce, &outcome.contract))
        return no_memory(err);
    if (outcome.outcome == TRANSACTION_STATUS_UNKNOWN && (outcome.log_count || outcome.gas_used < read.gas))
        outcome.outcome = TRANSACTION_SUCCEEDED; /* before Byzantium every failure used up all gas and left no log */
    struct rows rows = {.arena = arena, .err = err, .next = {.block_number = head.number}};
    struct address burned = base_fee_recipient(network->rules, head.number);
    outcome.leaves_out_blob_fee = blob_price_is_stated(network->rules, &head, &read);
    rows_begin(&rows, (int32_t)index);
    status = rows_of_fees(&rows, network, &head, &read, &outcome, &notes);
    if (!status)
        status = rows_of_transaction(&rows, network, &read, &outcome, &untraced);
    *ret_read = (struct proof_transaction){.hash = read.hash,
                                           .sender = read.from,
                                           .nonce = read.nonce,
                                           .status = outcome.outcome,
                                           .rows = rows.items,
                                           .row_count = rows.count,
                                           .has_blob_fee = outcome.leaves_out_blob_fee && !address_equal(read.from, burned),
                                           .blob_fee_at = !u256_is_zero(head.base_fee),
                                           .blob_fee_to = burned,
                                           .known = true};
    return status;
}

enum tracer_status proof_read_withdrawal(struct bytes withdrawal, struct address *ret_to, struct u256 *ret_amount,
                                         struct error *err)
{
    struct evm_withdrawal read;
    if (!withdrawal_from_bytes(withdrawal, &read))
        return error_set(err, TRACER_E_REPLY, "these bytes are no withdrawal");
    struct u512 wei = u256_mul(u256_from_u64(read.gwei), u256_from_u64(1000000000u));
    *ret_to = read.to;
    *ret_amount = (struct u256){{wei.limb[0], wei.limb[1], 0, 0}};
    return TRACER_OK;
}
