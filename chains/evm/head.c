/* head.c - the few members of a block that fetching needs, and single values. */
#include "decode.h"

#include <string.h>

enum { H_NUMBER, H_HASH, H_PARENT_HASH, H_TIMESTAMP, H_BLOOM, H_TRANSACTIONS, H_COUNT };

struct head_read {
    struct evm_block_head head;
    struct json_span bloom;
    struct hash *hashes;
    size_t capacity;
};

static enum tracer_status read_hashes(struct decoder *decoder, void *object);

static const struct field fields[H_COUNT] = {
    [H_NUMBER] = FIELD("number", FIELD_U64, struct head_read, head.number),
    [H_HASH] = FIELD("hash", FIELD_HASH, struct head_read, head.hash),
    [H_PARENT_HASH] = FIELD("parentHash", FIELD_HASH, struct head_read, head.parent_hash),
    [H_TIMESTAMP] = FIELD("timestamp", FIELD_U64, struct head_read, head.time),
    [H_BLOOM] = FIELD_OR_NULL("logsBloom", FIELD_DATA, struct head_read, bloom),
    [H_TRANSACTIONS] = FIELD_BY("transactions", read_hashes),
};

/* The element is a hash, or a transaction that has one. */
static enum tracer_status read_hash(struct decoder *decoder, struct hash *ret_hash)
{
    static const struct field member[] = {{"hash", 4, FIELD_HASH, false, 0, 0, NULL}};
    bool null;
    uint64_t present;
    if (json_peek(&decoder->reader) == JSON_IS_STRING)
        return field_read(decoder, member, ret_hash, &null);
    enum tracer_status status = fields_read(decoder, member, 1, ret_hash, &present);
    return status ? status : fields_require(member, present, 1, decoder->err);
}

static enum tracer_status read_hashes(struct decoder *decoder, void *object)
{
    struct head_read *read = object;
    struct evm_block_head *head = &read->head;
    if (!json_enter_array(&decoder->reader))
        return decoder_check(decoder);
    while (json_next_element(&decoder->reader)) {
        if (head->transaction_count == TRACER_BLOCK_TRANSACTIONS_MAX)
            return error_set(decoder->err, TRACER_E_LIMIT, "more than %u transactions",
                             TRACER_BLOCK_TRANSACTIONS_MAX);
        read->hashes = array_grow(decoder->arena, read->hashes, head->transaction_count, &read->capacity,
                                  sizeof *read->hashes);
        if (!read->hashes)
            return no_memory(decoder->err);
        enum tracer_status status = read_hash(decoder, &read->hashes[head->transaction_count]);
        if (status) {
            error_context(decoder->err, "transactions[%zu]", head->transaction_count);
            return status;
        }
        head->transaction_count++;
    }
    return decoder_check(decoder);
}

enum tracer_status evm_decode_head(struct json_span block, struct arena *arena,
                                   struct evm_block_head *ret_head, struct error *err)
{
    struct error ignored;
    struct decoder decoder;
    struct head_read read = {0};
    uint64_t present;
    decoder_init(&decoder, block, false, arena, err ? err : &ignored);
    enum tracer_status status = fields_read(&decoder, fields, H_COUNT, &read, &present);
    if (!status)
        status = decoder_finish(&decoder);
    if (!status)
        status = fields_require(fields, present, FIELD_BIT(H_COUNT) - 1 - FIELD_BIT(H_BLOOM), err);
    if (status)
        return status;
    for (size_t i = 0; i < read.bloom.length; i++)
        read.head.has_bloom_bits |= read.bloom.text[i] != '0';
    read.head.transaction_hashes = read.hashes;
    *ret_head = read.head;
    return TRACER_OK;
}

static enum tracer_status decode_value(struct json_span text, enum field_kind kind, void *to,
                                       struct error *err)
{
    struct error ignored;
    struct decoder decoder;
    const struct field value = {"result", 6, (uint8_t)kind, false, 0, 0, NULL};
    bool null;
    decoder_init(&decoder, text, false, NULL, err ? err : &ignored);
    enum tracer_status status = field_read(&decoder, &value, to, &null);
    return status ? status : decoder_finish(&decoder);
}

enum tracer_status evm_decode_quantity(struct json_span text, struct u256 *ret_value, struct error *err)
{
    return decode_value(text, FIELD_U256, ret_value, err);
}

enum tracer_status evm_decode_word(struct json_span text, struct u256 *ret_value, struct error *err)
{
    struct hash word;
    enum tracer_status status = decode_value(text, FIELD_HASH, &word, err);
    if (!status)
        *ret_value = u256_from_bytes(word.bytes, sizeof word.bytes);
    return status;
}

enum tracer_status evm_decode_data(struct json_span text, struct json_span *ret_digits, struct error *err)
{
    return decode_value(text, FIELD_DATA, ret_digits, err);
}
