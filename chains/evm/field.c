/* field.c - see field.h. */
#include "field.h"

#include <inttypes.h>
#include <string.h>

#include "tracer/hex.h"

#define ARRAY_BYTES_FIRST 2048u /* most arrays are of one transaction, and short */

void decoder_init(struct decoder *decoder, struct json_span text, bool traces, struct arena *arena,
                  struct error *err)
{
    json_reader_init(&decoder->reader, text.text, text.length,
                     traces ? TRACER_TRACE_JSON_DEPTH_MAX : TRACER_JSON_DEPTH_MAX,
                     traces ? TRACER_TRACE_VALUES_MAX : TRACER_JSON_VALUES_MAX);
    decoder->arena = arena;
    decoder->err = err;
}

enum tracer_status decoder_check(struct decoder *decoder)
{
    return json_ok(&decoder->reader) ? TRACER_OK : json_reader_error(&decoder->reader, decoder->err);
}

enum tracer_status decoder_finish(struct decoder *decoder)
{
    return json_finish(&decoder->reader) ? TRACER_OK : json_reader_error(&decoder->reader, decoder->err);
}

enum tracer_status no_memory(struct error *err)
{
    return error_set(err, TRACER_E_NOMEM, "no memory for a block");
}

void *array_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    size_t wanted = *capacity                           ? *capacity * 2
                    : item_size < ARRAY_BYTES_FIRST / 4 ? ARRAY_BYTES_FIRST / item_size
                                                        : 4;
    if (wanted > SIZE_MAX / item_size)
        return NULL;
    void *grown = arena_alloc(arena, wanted * item_size);
    if (!grown)
        return NULL;
    if (count)
        memcpy(grown, items, count * item_size);
    *capacity = wanted;
    return grown;
}

/* ---- values ---- */

static bool all_hex(const char *text, size_t length)
{
    static const uint8_t bad[256] = {
#define B4 1, 1, 1, 1
#define B16 B4, B4, B4, B4
        B16, B16, B16,                                             /* 0x00 */
        0,   0,   0,   0,   0,   0,   0,   0,  0,  0,  1,   1, B4, /* digits */
        1,   0,   0,   0,   0,   0,   0,   1,  B4, B4, B16,        /* A-F */
        1,   0,   0,   0,   0,   0,   0,   1,  B4, B4, B16,        /* a-f */
        B16, B16, B16, B16, B16, B16, B16, B16                     /* 0x80 */
#undef B16
#undef B4
    };
    uint8_t any = 0;
    for (size_t i = 0; i < length; i++)
        any |= bad[(unsigned char)text[i]];
    return any == 0;
}

static bool parse_data(struct json_span text, struct json_span *ret_digits)
{
    if (text.length < 2 || text.length % 2 != 0 || text.text[0] != '0' || text.text[1] != 'x' ||
        !all_hex(text.text + 2, text.length - 2))
        return false;
    *ret_digits = (struct json_span){text.text + 2, text.length - 2};
    return true;
}

static bool parse_word(struct json_span text, struct u256 *ret_value)
{
    uint8_t word[32];
    if (!hex_decode_0x(text.text, text.length, word, sizeof word))
        return false;
    *ret_value = u256_from_bytes(word, sizeof word);
    return true;
}

static bool parse_plain_integer(struct json_span text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.length == 0 || text.length > 19)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] < '0' || text.text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.text[i] - '0');
    }
    *ret_value = value;
    return true;
}

/* "NAME: a QUANTITY was expected: "0X1"" */
static enum tracer_status field_error(const struct decoder *decoder, const struct field *field,
                                      const char *form, struct json_span value)
{
    char quoted[TRACER_QUOTED_MAX + 1];
    return error_set(decoder->err, TRACER_E_REPLY, "%s: %s was expected: %s", field->name, form,
                     safe_text(quoted, sizeof quoted, value.text, value.length));
}

static enum tracer_status wrong_type(struct decoder *decoder, const struct field *field, const char *form)
{
    struct json_span value;
    if (!json_skip(&decoder->reader, &value))
        return json_reader_error(&decoder->reader, decoder->err);
    return field_error(decoder, field, form, value);
}

static const char *kind_form(enum field_kind kind)
{
    switch (kind) {
    case FIELD_U64:
        return "a QUANTITY of at most 64 bits";
    case FIELD_U256:
        return "a QUANTITY of at most 256 bits";
    case FIELD_SCALAR:
        return "a QUANTITY of at most 256 bits, or DATA of 32 bytes";
    case FIELD_NUMBER:
        return "a whole number";
    case FIELD_ADDRESS:
        return "DATA of 20 bytes";
    case FIELD_HASH:
        return "DATA of 32 bytes";
    case FIELD_SIZED:
        return "DATA of its fixed size";
    case FIELD_DATA:
        return "DATA";
    case FIELD_TEXT:
        return "a string";
    case FIELD_BOOL:
        return "true or false";
    case FIELD_ARRAY:
        return "an array";
    case FIELD_READ:
        break;
    }
    return "another value";
}

static bool parse_string(const struct field *field, struct json_span text, void *to)
{
    switch ((enum field_kind)field->kind) {
    case FIELD_U64:
        return hex_quantity_u64(text.text, text.length, to);
    case FIELD_U256:
        return u256_parse_quantity(text.text, text.length, to);
    case FIELD_SCALAR:
        return u256_parse_quantity(text.text, text.length, to) || parse_word(text, to);
    case FIELD_ADDRESS:
        return hex_decode_0x(text.text, text.length, to, 20);
    case FIELD_HASH:
        return hex_decode_0x(text.text, text.length, to, 32);
    case FIELD_SIZED:
        return hex_decode_0x(text.text, text.length, to, field->size);
    case FIELD_DATA:
        return parse_data(text, to);
    case FIELD_TEXT:
        *(struct json_span *)to = text;
        return true;
    case FIELD_NUMBER:
    case FIELD_BOOL:
    case FIELD_ARRAY:
    case FIELD_READ:
        break;
    }
    return false;
}

/* null among the elements is a hole (R13) */
static enum tracer_status read_array(struct decoder *decoder, const struct field *field,
                                     struct json_array *ret_array)
{
    struct json_reader *reader = &decoder->reader;
    const char *begin = reader->at;
    uint64_t count = 0;
    if (!json_enter_array(reader))
        return decoder_check(decoder);
    while (json_next_element(reader)) {
        if (json_peek(reader) == JSON_IS_NULL)
            return error_set(decoder->err, TRACER_E_REPLY, "%s[%" PRIu64 "] is null", field->name, count);
        if (!json_skip(reader, NULL))
            break;
        count++;
    }
    *ret_array = (struct json_array){{begin, (size_t)(reader->at - begin)}, count};
    return decoder_check(decoder);
}

enum tracer_status field_read(struct decoder *decoder, const struct field *field, void *object,
                              bool *ret_null)
{
    struct json_reader *reader = &decoder->reader;
    void *to = (char *)object + field->offset;
    enum field_kind kind = (enum field_kind)field->kind;
    enum json_type type = json_peek(reader), wanted = JSON_IS_STRING;
    struct json_span text;

    *ret_null = false;
    if (field->nullable && type == JSON_IS_NULL) {
        json_read_null(reader);
        *ret_null = true;
        return decoder_check(decoder);
    }
    if (kind == FIELD_READ)
        return field->read(decoder, object);
    if (kind == FIELD_ARRAY)
        wanted = JSON_IS_ARRAY;
    else if (kind == FIELD_NUMBER)
        wanted = JSON_IS_NUMBER;
    else if (kind == FIELD_BOOL)
        wanted = type == JSON_IS_FALSE ? JSON_IS_FALSE : JSON_IS_TRUE;
    if (type != wanted)
        return wrong_type(decoder, field, kind_form(kind));
    if (kind == FIELD_ARRAY)
        return read_array(decoder, field, to);
    if (kind == FIELD_BOOL) {
        json_read_bool(reader, to);
        return decoder_check(decoder);
    }
    bool read =
        kind == FIELD_NUMBER ? json_read_number(reader, &text) : json_read_string(reader, &text, NULL);
    if (!read)
        return decoder_check(decoder);
    if (!(kind == FIELD_NUMBER ? parse_plain_integer(text, to) : parse_string(field, text, to)))
        return field_error(decoder, field, kind_form(kind), text);
    return TRACER_OK;
}

/* ---- objects ---- */

/* The index of the member `key`; `hint` is where it stands when the endpoint keeps the order of the table. */
static size_t find(const struct field *fields, size_t count, size_t hint, struct json_span key)
{
    for (size_t n = 0, i = hint; n < count; n++, i++) {
        if (i >= count)
            i = 0;
        if (fields[i].length == key.length && memcmp(fields[i].name, key.text, key.length) == 0)
            return i;
    }
    return count;
}

enum tracer_status fields_read(struct decoder *decoder, const struct field *fields, size_t count,
                               void *object, uint64_t *ret_present)
{
    struct json_reader *reader = &decoder->reader;
    struct json_span key;
    uint64_t seen = 0, present = 0;
    size_t hint = 0;

    if (!json_enter_object(reader))
        return decoder_check(decoder);
    while (json_next_member(reader, &key)) {
        bool null;
        size_t i = find(fields, count, hint, key);
        if (i == count) {
            /* An escaped key could be a known one in disguise; no node escapes keys. */
            if (memchr(key.text, '\\', key.length))
                return error_set(decoder->err, TRACER_E_REPLY, "a key with an escape");
            json_skip(reader, NULL);
            continue;
        }
        if (seen & FIELD_BIT(i))
            return error_set(decoder->err, TRACER_E_REPLY, "%s: twice in one object", fields[i].name);
        seen |= FIELD_BIT(i);
        enum tracer_status status = field_read(decoder, &fields[i], object, &null);
        if (status)
            return status;
        if (!null)
            present |= FIELD_BIT(i);
        hint = i + 1;
    }
    *ret_present = present;
    return decoder_check(decoder);
}

enum tracer_status fields_require(const struct field *fields, uint64_t present, uint64_t required,
                                  struct error *err)
{
    uint64_t missing = required & ~present;
    if (!missing)
        return TRACER_OK;
    return error_set(err, TRACER_E_REPLY, "%s: missing", fields[__builtin_ctzll(missing)].name);
}

enum tracer_status fields_forbid(const struct field *fields, uint64_t present, uint64_t forbidden,
                                 const char *why, struct error *err)
{
    uint64_t extra = forbidden & present;
    if (!extra)
        return TRACER_OK;
    return error_set(err, TRACER_E_REPLY, "%s: may not be there %s", fields[__builtin_ctzll(extra)].name,
                     why);
}

/* ---- differences ---- */

enum tracer_status differs_u64(struct error *err, const char *name, uint64_t value, const char *who,
                               uint64_t other)
{
    return error_set(err, TRACER_E_REPLY, "%s is %" PRIu64 ", but %s %" PRIu64, name, value, who, other);
}

enum tracer_status differs_u256(struct error *err, const char *name, struct u256 value, const char *who,
                                struct u256 other)
{
    char text[U256_DECIMAL_MAX], other_text[U256_DECIMAL_MAX];
    u256_format_decimal(value, text);
    u256_format_decimal(other, other_text);
    return error_set(err, TRACER_E_REPLY, "%s is %s, but %s %s", name, text, who, other_text);
}

enum tracer_status differs_hash(struct error *err, const char *name, struct hash value, const char *who,
                                struct hash other)
{
    char text[HASH_TEXT_SIZE], other_text[HASH_TEXT_SIZE];
    hash_format(value, text);
    hash_format(other, other_text);
    return error_set(err, TRACER_E_REPLY, "%s is %s, but %s %s", name, text, who, other_text);
}

enum tracer_status differs_address(struct error *err, const char *name, struct address value, const char *who,
                                   struct address other)
{
    char text[ADDRESS_TEXT_SIZE], other_text[ADDRESS_TEXT_SIZE];
    address_format(value, text);
    address_format(other, other_text);
    return error_set(err, TRACER_E_REPLY, "%s is %s, but %s %s", name, text, who, other_text);
}
