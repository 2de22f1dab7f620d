/* transaction_codec.c - a transaction's canonical bytes, and who signed it (facts: transactions 2 and 3,
 * ronin 5 and 6). Every type is a list of members; what is signed is a part of it. */
#include "decode.h"

#include <inttypes.h>
#include <string.h>

/* Members of each type in the order of its list. Where there is a signature, it is the last three. */
static const uint8_t legacy[] = {T_NONCE, T_GAS_PRICE, T_GAS, T_TO, T_VALUE, T_INPUT, T_V, T_R, T_S};
static const uint8_t access_list[] = {T_CHAIN_ID, T_NONCE,       T_GAS_PRICE, T_GAS, T_TO, T_VALUE,
                                      T_INPUT,    T_ACCESS_LIST, T_Y_PARITY,  T_R,   T_S};
static const uint8_t dynamic_fee[] = {T_CHAIN_ID, T_NONCE, T_MAX_PRIORITY_FEE, T_MAX_FEE,  T_GAS, T_TO,
                                      T_VALUE,    T_INPUT, T_ACCESS_LIST,      T_Y_PARITY, T_R,   T_S};
static const uint8_t blob[] = {
    T_CHAIN_ID, T_NONCE,       T_MAX_PRIORITY_FEE, T_MAX_FEE,     T_GAS,      T_TO, T_VALUE,
    T_INPUT,    T_ACCESS_LIST, T_MAX_BLOB_FEE,     T_BLOB_HASHES, T_Y_PARITY, T_R,  T_S};
static const uint8_t set_code[] = {
    T_CHAIN_ID, T_NONCE,       T_MAX_PRIORITY_FEE, T_MAX_FEE,  T_GAS, T_TO, T_VALUE,
    T_INPUT,    T_ACCESS_LIST, T_AUTHORIZATIONS,   T_Y_PARITY, T_R,   T_S};
static const uint8_t sponsored[] = {
    T_CHAIN_ID,     T_NONCE,   T_MAX_PRIORITY_FEE, T_MAX_FEE, T_GAS,      T_TO, T_VALUE, T_INPUT,
    T_EXPIRED_TIME, T_PAYER_V, T_PAYER_R,          T_PAYER_S, T_Y_PARITY, T_R,  T_S};
static const uint8_t sponsored_paid[] = {T_CHAIN_ID, T_FROM,  T_NONCE, T_MAX_PRIORITY_FEE, T_MAX_FEE, T_GAS,
                                         T_TO,       T_VALUE, T_INPUT, T_EXPIRED_TIME};
static const uint8_t deposit[] = {T_SOURCE_HASH, T_FROM, T_TO, T_MINT, T_VALUE, T_GAS, T_IS_SYSTEM, T_INPUT};
#define SIGNATURE_MEMBERS 3u

/* Members that are written although they are not there: as empty, zero, false, or known otherwise. */
#define MAY_BE_ABSENT                                                                                        \
    (FIELD_BIT(T_TO) | FIELD_BIT(T_MINT) | FIELD_BIT(T_IS_SYSTEM) | FIELD_BIT(T_CHAIN_ID) | FIELD_BIT(T_V) | \
     FIELD_BIT(T_Y_PARITY) | FIELD_BIT(T_ACCESS_LIST))

struct members {
    const uint8_t *items;
    size_t count;
};
#define MEMBERS(table) ((struct members){(table), sizeof(table)})

static struct members members_of(uint64_t type)
{
    switch (type) {
    case TYPE_LEGACY:
        return MEMBERS(legacy);
    case TYPE_ACCESS_LIST:
        return MEMBERS(access_list);
    case TYPE_DYNAMIC_FEE:
        return MEMBERS(dynamic_fee);
    case TYPE_BLOB:
        return MEMBERS(blob);
    case TYPE_SET_CODE:
        return MEMBERS(set_code);
    case TYPE_SPONSORED:
        return MEMBERS(sponsored);
    case TYPE_DEPOSIT:
        return MEMBERS(deposit);
    default:
        return (struct members){NULL, 0};
    }
}

/* ---- lists within ---- */

struct element { /* of an access list, of its keys, of blob hashes or of an authorization list */
    uint64_t nonce;
    struct u256 chain_id, v, y_parity, r, s;
    struct address address;
    struct hash hash;
    struct json_array keys;
};
typedef enum tracer_status write_element_fn(struct decoder *decoder, struct buffer *to);

/* The elements of a JSON array, as an RLP list. */
static enum tracer_status write_elements(const struct json_array *array, write_element_fn *write,
                                         struct buffer *to, struct error *err)
{
    struct decoder decoder;
    size_t list = rlp_list_begin(to), count = 0;
    if (array->count == 0) { /* null, too, is one without elements */
        rlp_list_end(to, list);
        return TRACER_OK;
    }
    decoder_init(&decoder, array->text, false, NULL, err);
    if (!json_enter_array(&decoder.reader))
        return decoder_check(&decoder);
    while (json_next_element(&decoder.reader)) {
        enum tracer_status status = write(&decoder, to);
        if (status) {
            error_context(err, "[%zu]", count);
            return status;
        }
        count++;
    }
    rlp_list_end(to, list);
    return decoder_finish(&decoder);
}

static void write_fixed(struct buffer *to, struct hash hash)
{
    rlp_bytes(to, hash.bytes, sizeof hash.bytes);
}
static void write_address(struct buffer *to, struct address address)
{
    rlp_bytes(to, address.bytes, sizeof address.bytes);
}

static enum tracer_status write_hash(struct decoder *decoder, struct buffer *to)
{
    static const struct field value = {"hash", 4, FIELD_HASH, false, 0, 0, NULL};
    struct hash hash;
    bool null;
    enum tracer_status status = field_read(decoder, &value, &hash, &null);
    if (!status)
        write_fixed(to, hash);
    return status;
}

static enum tracer_status write_access(struct decoder *decoder, struct buffer *to)
{
    static const struct field members[] = {FIELD("address", FIELD_ADDRESS, struct element, address),
                                           FIELD("storageKeys", FIELD_ARRAY, struct element, keys)};
    struct element element;
    uint64_t present;
    enum tracer_status status = fields_read(decoder, members, FIELD_COUNT_OF(members), &element, &present);
    if (!status)
        status = fields_require(members, present, 0x3, decoder->err);
    if (status)
        return status;
    size_t list = rlp_list_begin(to);
    write_address(to, element.address);
    status = write_elements(&element.keys, write_hash, to, decoder->err);
    rlp_list_end(to, list);
    return status;
}

static enum tracer_status write_authorization(struct decoder *decoder, struct buffer *to)
{
    static const struct field members[] = {FIELD("chainId", FIELD_U256, struct element, chain_id),
                                           FIELD("address", FIELD_ADDRESS, struct element, address),
                                           FIELD("nonce", FIELD_U64, struct element, nonce),
                                           FIELD("r", FIELD_SCALAR, struct element, r),
                                           FIELD("s", FIELD_SCALAR, struct element, s),
                                           FIELD_OR_NULL("yParity", FIELD_U256, struct element, y_parity),
                                           FIELD_OR_NULL("v", FIELD_U256, struct element, v)};
    struct element element;
    uint64_t present;
    enum tracer_status status = fields_read(decoder, members, FIELD_COUNT_OF(members), &element, &present);
    bool has_parity = present & FIELD_BIT(5), has_v = present & FIELD_BIT(6);
    if (!status)
        status = fields_require(members, present, has_v ? 0x1f : 0x3f, decoder->err);
    if (!status && has_v && has_parity && !u256_equal(element.v, element.y_parity))
        status = differs_u256(decoder->err, "v", element.v, "yParity is", element.y_parity);
    if (status)
        return status;
    size_t list = rlp_list_begin(to);
    rlp_u256(to, element.chain_id);
    write_address(to, element.address);
    rlp_u64(to, element.nonce);
    rlp_u256(to, has_parity ? element.y_parity : element.v);
    rlp_u256(to, element.r);
    rlp_u256(to, element.s);
    rlp_list_end(to, list);
    return TRACER_OK;
}

/* ---- the whole ---- */

/* Typed transactions state their parity as yParity, as v, or as both; some nodes write v as that of a legacy one. */
static struct u256 parity_in_v(const struct evm_transaction *transaction)
{
    struct u256 parity;
    return u256_sub(transaction->v, u256_from_u64(27), &parity) ? parity : transaction->v;
}
static struct u256 stated_parity(const struct evm_transaction *transaction)
{
    return transaction->present & FIELD_BIT(T_Y_PARITY) ? transaction->y_parity : parity_in_v(transaction);
}

static enum tracer_status write_member(const struct evm_network *network,
                                       const struct evm_transaction *transaction, unsigned member,
                                       struct buffer *to, struct error *err)
{
    switch (member) {
    case T_CHAIN_ID: /* if it is stated, it was compared with the network's */
        rlp_u64(to, network->chain_id);
        break;
    case T_NONCE:
        rlp_u64(to, transaction->nonce);
        break;
    case T_GAS_PRICE:
        rlp_u256(to, transaction->gas_price);
        break;
    case T_MAX_PRIORITY_FEE:
        rlp_u256(to, transaction->max_priority_fee);
        break;
    case T_MAX_FEE:
        rlp_u256(to, transaction->max_fee);
        break;
    case T_GAS:
        rlp_u64(to, transaction->gas);
        break;
    case T_FROM:
        write_address(to, transaction->from);
        break;
    case T_TO:
        rlp_bytes(to, transaction->to.bytes, transaction->creates ? 0 : sizeof transaction->to.bytes);
        break;
    case T_VALUE:
        rlp_u256(to, transaction->value);
        break;
    case T_INPUT:
        rlp_digits(to, transaction->input);
        break;
    case T_ACCESS_LIST:
        return write_elements(&transaction->access_list, write_access, to, err);
    case T_MAX_BLOB_FEE:
        rlp_u256(to, transaction->max_blob_fee);
        break;
    case T_BLOB_HASHES:
        return write_elements(&transaction->blob_hashes, write_hash, to, err);
    case T_AUTHORIZATIONS:
        return write_elements(&transaction->authorizations, write_authorization, to, err);
    case T_EXPIRED_TIME:
        rlp_u256(to, transaction->expired_time);
        break;
    case T_PAYER_V:
        rlp_u256(to, transaction->payer_v);
        break;
    case T_PAYER_R:
        rlp_u256(to, transaction->payer_r);
        break;
    case T_PAYER_S:
        rlp_u256(to, transaction->payer_s);
        break;
    case T_SOURCE_HASH:
        write_fixed(to, transaction->source_hash);
        break;
    case T_MINT:
        rlp_u256(to, transaction->mint);
        break;
    case T_IS_SYSTEM:
        rlp_u64(to, transaction->is_system);
        break;
    case T_V:
        rlp_u256(to, transaction->v);
        break;
    case T_Y_PARITY:
        rlp_u256(to, stated_parity(transaction));
        break;
    case T_R:
        rlp_u256(to, transaction->r);
        break;
    case T_S:
        rlp_u256(to, transaction->s);
        break;
    }
    return TRACER_OK;
}

bool transaction_is_protected(const struct evm_transaction *transaction)
{
    return u256_compare(transaction->v, u256_from_u64(28)) > 0;
}

/* What is signed: the list without its signature, of which `unsigned_items` is the beginning. */
static void write_unsigned(const struct evm_network *network, const struct evm_transaction *transaction, struct bytes unsigned_items,
                           struct buffer *to)
{
    uint8_t type = (uint8_t)transaction->type;
    if (type != TYPE_LEGACY)
        buffer_add(to, &type, 1);
    size_t list = rlp_list_begin(to);
    buffer_add(to, unsigned_items.data, unsigned_items.size);
    if (type == TYPE_LEGACY && transaction_is_protected(transaction)) {
        rlp_u64(to, network->chain_id);
        rlp_u64(to, 0);
        rlp_u64(to, 0);
    }
    rlp_list_end(to, list);
}

static void write_signed(const struct evm_network *network, const struct evm_transaction *transaction, struct bytes whole, struct buffer *to)
{
    bool has_type = transaction->type != TYPE_LEGACY;
    struct bytes rest = {whole.data + has_type, whole.size - has_type};
    struct rlp_item list = {.payload = rest}, item;
    rlp_next(&rest, &list);
    rest = list.payload;
    for (size_t i = SIGNATURE_MEMBERS; i < members_of(transaction->type).count && rlp_next(&rest, &item); i++)
        ;
    write_unsigned(network, transaction, (struct bytes){list.payload.data, (size_t)(rest.data - list.payload.data)}, to);
}

static enum tracer_status write_whole_or_paid(const struct evm_network *network,
                                     const struct evm_transaction *transaction, enum transaction_form form,
                                     struct buffer *to, struct error *err)
{
    struct members members = form == FORM_PAID ? MEMBERS(sponsored_paid) : members_of(transaction->type);
    bool has_signature = form != FORM_PAID && transaction->type != TYPE_DEPOSIT;
    uint64_t required = 0;
    if (!transaction->known || !members.items)
        return error_set(err, TRACER_E_UNAVAILABLE, "type: the encoding of 0x%" PRIx64 " is not known",
                         transaction->type);
    for (size_t i = 0; i < members.count; i++)
        required |= FIELD_BIT(members.items[i]);
    enum tracer_status status =
        fields_require(transaction_fields, transaction->present, required & ~MAY_BE_ABSENT, err);
    if (!status && has_signature && !(transaction->present & (FIELD_BIT(T_V) | FIELD_BIT(T_Y_PARITY))))
        status = error_set(err, TRACER_E_REPLY, "v: missing");
    if (status)
        return status;
    uint8_t type = (uint8_t)transaction->type;
    if (type != TYPE_LEGACY && form != FORM_PAID)
        buffer_add(to, &type, 1);
    size_t list = rlp_list_begin(to);
    for (size_t i = 0; !status && i < members.count; i++) {
        status = write_member(network, transaction, members.items[i], to, err);
        if (status)
            error_context(err, "%s", transaction_fields[members.items[i]].name);
    }
    rlp_list_end(to, list);
    if (!status && !buffer_ok(to))
        status = no_memory(err);
    return status;
}

enum tracer_status transaction_write(const struct evm_network *network, const struct evm_transaction *transaction,
                                     enum transaction_form form, struct buffer *to, struct error *err)
{
    struct buffer whole;
    if (form != FORM_SIGNED)
        return write_whole_or_paid(network, transaction, form, to, err);
    buffer_init(&whole, TRACER_REPLY_BLOCK_MAX);
    enum tracer_status status = write_whole_or_paid(network, transaction, FORM_WHOLE, &whole, err);
    if (!status)
        write_signed(network, transaction, (struct bytes){(const uint8_t *)whole.data, whole.size}, to);
    buffer_release(&whole);
    return status || buffer_ok(to) ? status : no_memory(err);
}

/* ---- who signed ---- */

/* The parity that v states, and its form: before EIP-155, with the chain id, or of a typed transaction. */
static enum tracer_status parity_of(const struct evm_network *network, const struct evm_header *header,
                                    const struct evm_transaction *transaction, unsigned *ret_parity,
                                    struct error *err)
{
    bool legacy_type = transaction->type == TYPE_LEGACY;
    struct u256 v = legacy_type ? transaction->v : stated_parity(transaction), base = u256_from_u64(0),
                parity;
    if (legacy_type) {
        base = u256_from_u64(27);
        if (transaction_is_protected(transaction)) {
            unsigned __int128 first = (unsigned __int128)network->chain_id * 2 + 35;
            base = (struct u256){{(uint64_t)first, (uint64_t)(first >> 64), 0, 0}};
            if (!fork_active(network->rules->spurious_dragon, header))
                return differs_u256(err, "v", v, "blocks of this height know only 27 and", u256_from_u64(28));
        }
    } else if (transaction->present & FIELD_BIT(T_V) && !u256_equal(parity_in_v(transaction), v)) {
        return differs_u256(err, "v", transaction->v, "yParity is", v);
    }
    if (!u256_sub(v, base, &parity) || u256_compare(parity, u256_from_u64(1)) > 0)
        return differs_u256(err, legacy_type ? "v" : "yParity", v,
                            "it should be one of two numbers from this on:", base);
    *ret_parity = (unsigned)parity.limb[0];
    return TRACER_OK;
}

static enum tracer_status check_signature(const struct evm_network *network, const struct evm_header *header,
                                          const struct signature *signature, bool payer, struct error *err)
{
    if (!signature_in_range(signature))
        return error_set(err, TRACER_E_REPLY, "%s: not in the range of signatures",
                         payer ? "payerR or payerS" : "r or s");
    if (fork_active(network->rules->homestead, header) && !signature_is_low(signature))
        return error_set(err, TRACER_E_REPLY, "%s: in the upper half, which is no signature since EIP-2",
                         payer ? "payerS" : "s");
    return TRACER_OK;
}

static enum tracer_status add_signed(struct signers *signers, size_t index, bool payer, struct bytes whole, struct signed_texts *texts)
{
    const struct evm_transaction *transaction = &signers->header->transactions[index];
    struct error *err = &signers->err;
    struct signature *signature = &texts->signatures[texts->count];
    enum tracer_status status;
    if (payer)
        *signature = (struct signature){transaction->payer_r, transaction->payer_s, (unsigned)transaction->payer_v.limb[0]};
    else
        *signature = (struct signature){transaction->r, transaction->s, 0};
    if (payer && u256_compare(transaction->payer_v, u256_from_u64(1)) > 0)
        status = error_set(err, TRACER_E_REPLY, "payerV: 0x0 or 0x1 was expected");
    else
        status = payer ? TRACER_OK : parity_of(signers->network, signers->header, transaction, &signature->parity, err);
    if (!status)
        status = check_signature(signers->network, signers->header, signature, payer, err);
    if (!status && payer)
        status = transaction_write(signers->network, transaction, FORM_PAID, &texts->bytes, err);
    else if (!status)
        write_signed(signers->network, transaction, whole, &texts->bytes);
    if (!status && !buffer_ok(&texts->bytes))
        status = no_memory(err);
    if (status)
        return status;
    texts->places[texts->count] = &signers->places[2 * index + payer];
    texts->ends[texts->count++] = texts->bytes.size;
    return TRACER_OK;
}

static void list_signed(const struct signed_texts *texts, struct bytes *ret_items)
{
    for (size_t i = 0, begin = 0; i < texts->count; begin = texts->ends[i++])
        ret_items[i] = (struct bytes){(const uint8_t *)texts->bytes.data + begin, texts->ends[i] - begin};
}

static void take_hashed(struct signers *signers, struct signed_texts *texts, const struct hash *hashes)
{
    for (size_t i = 0; i < texts->count; i++) {
        *texts->places[i] = signers->count;
        signers->items[signers->count++] = (struct recovery){.digest = hashes[i], .signature = texts->signatures[i]};
    }
    recoveries_add(&signers->recoveries, texts->count);
    texts->count = 0;
    buffer_clear(&texts->bytes);
}

static void hash_signed(struct signers *signers, struct signed_texts *texts)
{
    struct bytes items[SIGNED_MAX] = {{NULL, 0}};
    struct hash hashes[SIGNED_MAX];
    list_signed(texts, items);
    keccak256_many(items, texts->count, hashes);
    take_hashed(signers, texts, hashes);
}

/* Made by the chain, and `from` is in the envelope; or nobody knows what is signed. */
static bool is_unsigned(const struct evm_transaction *transaction)
{
    return transaction->type == TYPE_DEPOSIT || !transaction->known;
}

void signers_begin(struct signers *signers, const struct evm_network *network, const struct evm_header *header, struct arena *arena)
{
    size_t most = header->transaction_count * 2;
    *signers = (struct signers){.network = network,
                                .header = header,
                                .items = arena_calloc(arena, most, sizeof *signers->items),
                                .places = arena_calloc(arena, most, sizeof *signers->places)};
    buffer_init(&signers->soon.bytes, TRACER_REPLY_BLOCK_MAX);
    buffer_init(&signers->late.bytes, TRACER_REPLY_BLOCK_MAX);
    signers->status = signers->items && signers->places
                          ? recoveries_begin(&signers->recoveries, signers->items, header->transaction_count, &signers->err)
                          : no_memory(&signers->err);
}

void signers_add(struct signers *signers, size_t index, struct bytes whole)
{
    const struct evm_transaction *transaction = &signers->header->transactions[index];
    bool is_sponsored = transaction->type == TYPE_SPONSORED;
    struct signed_texts *texts = !is_sponsored && whole.size > SIGNED_LONG ? &signers->late : &signers->soon;
    if (signers->status)
        return;
    if (texts->count + 2 > SIGNED_MAX)
        hash_signed(signers, texts);
    if (!is_unsigned(transaction)) {
        signers->status = add_signed(signers, index, false, whole, texts);
        if (!signers->status && is_sponsored)
            signers->status = add_signed(signers, index, true, whole, texts);
    }
    if (signers->status)
        error_context(&signers->err, "transactions[%zu]", index);
    else
        signers->transaction_count++;
}

size_t signers_late(struct signers *signers, struct bytes *ret_texts)
{
    hash_signed(signers, &signers->soon);
    list_signed(&signers->late, ret_texts);
    return signers->late.count;
}

void signers_late_hashed(struct signers *signers, const struct hash *hashes)
{
    take_hashed(signers, &signers->late, hashes);
}

static enum tracer_status compare_signer(const struct recovery *item, const char *name, struct address stated, struct error *err)
{
    if (!item->good)
        return no_key(err);
    return address_equal(item->signer, stated) ? TRACER_OK : differs_address(err, name, stated, "the signature is by", item->signer);
}

enum tracer_status signers_end(struct signers *signers, struct error *err)
{
    const size_t *place = signers->places;
    enum tracer_status status = TRACER_OK;
    hash_signed(signers, &signers->soon); /* of a block that failed before all were added */
    hash_signed(signers, &signers->late);
    buffer_release(&signers->soon.bytes);
    buffer_release(&signers->late.bytes);
    recoveries_end(&signers->recoveries);
    for (size_t i = 0; i < signers->transaction_count && !status; i++) {
        const struct evm_transaction *transaction = &signers->header->transactions[i];
        if (is_unsigned(transaction))
            continue;
        status = compare_signer(&signers->items[place[2 * i]], "from", transaction->from, err);
        if (!status && transaction->type == TYPE_SPONSORED)
            status = compare_signer(&signers->items[place[2 * i + 1]], "payer", transaction->payer, err);
        if (status)
            error_context(err, "transactions[%zu]", i);
    }
    if (status || !signers->status)
        return status;
    *err = signers->err;
    return signers->status;
}

/* ---- back ---- */

static size_t count_items(struct bytes list)
{
    struct rlp_item item;
    size_t count = 0;
    while (rlp_next(&list, &item))
        count++;
    return count;
}

static bool take_member(const struct rlp_item *item, unsigned member, struct arena *arena, struct evm_transaction *to)
{
    uint64_t number;
    switch (member) {
    case T_CHAIN_ID:
        return rlp_integer_u64(item, &to->chain_id);
    case T_NONCE:
        return rlp_integer_u64(item, &to->nonce);
    case T_GAS_PRICE:
        return rlp_integer(item, &to->gas_price);
    case T_MAX_PRIORITY_FEE:
        return rlp_integer(item, &to->max_priority_fee);
    case T_MAX_FEE:
        return rlp_integer(item, &to->max_fee);
    case T_GAS:
        return rlp_integer_u64(item, &to->gas);
    case T_FROM:
        return rlp_fixed(item, to->from.bytes, sizeof to->from.bytes);
    case T_TO:
        to->creates = !item->is_list && item->payload.size == 0;
        return to->creates || rlp_fixed(item, to->to.bytes, sizeof to->to.bytes);
    case T_VALUE:
        return rlp_integer(item, &to->value);
    case T_INPUT:
        to->input = digits_of(item->payload, arena);
        return !item->is_list && to->input.text;
    case T_MAX_BLOB_FEE:
        return rlp_integer(item, &to->max_blob_fee);
    case T_BLOB_HASHES:
        to->blob_hashes.count = count_items(item->payload);
        return item->is_list;
    case T_ACCESS_LIST:
    case T_AUTHORIZATIONS:
        return item->is_list;
    case T_EXPIRED_TIME:
        return rlp_integer(item, &to->expired_time);
    case T_PAYER_V:
        return rlp_integer(item, &to->payer_v);
    case T_PAYER_R:
        return rlp_integer(item, &to->payer_r);
    case T_PAYER_S:
        return rlp_integer(item, &to->payer_s);
    case T_SOURCE_HASH:
        return rlp_fixed(item, to->source_hash.bytes, sizeof to->source_hash.bytes);
    case T_MINT:
        return rlp_integer(item, &to->mint);
    case T_IS_SYSTEM:
        if (!rlp_integer_u64(item, &number) || number > 1)
            return false;
        to->is_system = number == 1;
        return true;
    case T_V:
        return rlp_integer(item, &to->v);
    case T_Y_PARITY:
        return rlp_integer(item, &to->y_parity);
    case T_R:
        return rlp_integer(item, &to->r);
    case T_S:
        return rlp_integer(item, &to->s);
    default:
        return false;
    }
}

/* The digest that the sender signed. */
static bool signed_digest(const struct evm_network *network, const struct evm_transaction *transaction,
                          struct bytes unsigned_items, struct hash *ret_digest)
{
    struct buffer bytes;
    buffer_init(&bytes, TRACER_REPLY_BLOCK_MAX);
    write_unsigned(network, transaction, unsigned_items, &bytes);
    bool good = buffer_ok(&bytes);
    if (good)
        *ret_digest = keccak256(bytes.data, bytes.size);
    buffer_release(&bytes);
    return good;
}

/* What the sender signed, and with what. */
static enum tracer_status sender_signature(const struct evm_network *network, const struct evm_header *header, struct bytes unsigned_items,
                                           const struct evm_transaction *transaction, struct recovery *ret_recovery, struct error *err)
{
    struct signature signature = {transaction->r, transaction->s, 0};
    enum tracer_status status = parity_of(network, header, transaction, &signature.parity, err);
    if (!status)
        status = check_signature(network, header, &signature, false, err);
    if (!status && !signed_digest(network, transaction, unsigned_items, &ret_recovery->digest))
        status = no_memory(err);
    ret_recovery->signature = signature;
    return status;
}

static enum tracer_status recover_signers(const struct evm_network *network, const struct evm_header *header, struct bytes unsigned_items,
                                          const struct recovery *known, struct evm_transaction *transaction, struct error *err)
{
    struct signature payer = {transaction->payer_r, transaction->payer_s, 0};
    struct recovery sender;
    if (transaction->type == TYPE_DEPOSIT)
        return TRACER_OK;
    enum tracer_status status = sender_signature(network, header, unsigned_items, transaction, &sender, err);
    if (!status && !(known && hash_equal(known->digest, sender.digest)))
        status = signature_recover(sender.digest, &sender.signature, &transaction->from, err);
    else if (!status && known->good)
        transaction->from = known->signer;
    else if (!status)
        status = no_key(err);
    if (status || transaction->type != TYPE_SPONSORED)
        return status;
    if (u256_compare(transaction->payer_v, u256_from_u64(1)) > 0)
        return error_set(err, TRACER_E_REPLY, "payerV: 0x0 or 0x1 was expected");
    struct buffer bytes;
    buffer_init(&bytes, TRACER_REPLY_BLOCK_MAX);
    payer.parity = (unsigned)transaction->payer_v.limb[0];
    transaction->present |= FIELD_BIT(T_FROM);
    status = transaction_write(network, transaction, FORM_PAID, &bytes, err);
    if (!status)
        status = check_signature(network, header, &payer, true, err);
    if (!status)
        status = signature_recover(keccak256(bytes.data, bytes.size), &payer, &transaction->payer, err);
    buffer_release(&bytes);
    return status;
}

/* *ret_unsigned: the items in front of its signature. */
static enum tracer_status read_bytes(const struct evm_network *network, struct bytes text, struct arena *arena, struct evm_transaction *to,
                                     struct bytes *ret_unsigned, struct error *err)
{
    struct rlp_item list;
    struct bytes rest = text;
    *to = (struct evm_transaction){.hash = keccak256(text.data, text.size)};
    if (text.size == 0)
        return error_set(err, TRACER_E_REPLY, "these bytes are no transaction");
    if (text.data[0] < 0x80) { /* EIP-2718 */
        to->type = text.data[0];
        rest = (struct bytes){text.data + 1, text.size - 1};
    }
    struct members members = members_of(to->type);
    to->known = members.items && (to->type != TYPE_SPONSORED || network->rules->sponsored_first != EVM_NEVER) &&
                (to->type != TYPE_DEPOSIT || network->rules->deposit_first != EVM_NEVER) &&
                (to->type != TYPE_LEGACY || text.data[0] >= 0xc0);
    if (!to->known)
        return TRACER_OK;
    bool good = rlp_valid(rest) && rlp_next(&rest, &list) && list.is_list;
    struct bytes left = good ? list.payload : rest;
    const uint8_t *begin = left.data;
    size_t unsigned_size = 0;
    for (size_t i = 0; i < members.count && good; i++) {
        struct rlp_item item;
        if (i + SIGNATURE_MEMBERS == members.count)
            unsigned_size = (size_t)(left.data - begin);
        good = rlp_next(&left, &item) && take_member(&item, members.items[i], arena, to);
        to->present |= FIELD_BIT(members.items[i]);
    }
    if (!good || left.size)
        return error_set(err, TRACER_E_REPLY, "these bytes are no transaction of type 0x%" PRIx64, to->type);
    if (to->present & FIELD_BIT(T_CHAIN_ID) && to->chain_id != network->chain_id)
        return differs_u64(err, "chainId", to->chain_id, "the network's is", network->chain_id);
    *ret_unsigned = (struct bytes){begin, unsigned_size};
    return TRACER_OK;
}

enum tracer_status transaction_from_bytes(const struct evm_network *network, const struct evm_header *header, struct bytes text,
                                          const struct recovery *known, struct arena *arena, struct evm_transaction *ret_transaction,
                                          struct error *err)
{
    struct bytes unsigned_items;
    enum tracer_status status = read_bytes(network, text, arena, ret_transaction, &unsigned_items, err);
    return status || !ret_transaction->known ? status : recover_signers(network, header, unsigned_items, known, ret_transaction, err);
}

void transaction_signature(const struct evm_network *network, const struct evm_header *header, struct bytes text, struct arena *arena,
                           struct recovery *ret_recovery)
{
    struct evm_transaction read;
    struct bytes unsigned_items;
    struct error ignored;
    *ret_recovery = (struct recovery){.good = false};
    if (read_bytes(network, text, arena, &read, &unsigned_items, &ignored) || is_unsigned(&read) ||
        sender_signature(network, header, unsigned_items, &read, ret_recovery, &ignored))
        *ret_recovery = (struct recovery){.good = false}; /* no signature, and found as quickly to be none */
}
