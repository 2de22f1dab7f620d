/* json_reader.c - the pull reader of json_reader.h.
 *
 * One pass over the bytes. Containers that are open stand in a bit array, so nothing recurses; strings are
 * skipped sixteen bytes at a time where the processor has SSE2 (part of the x86-64 ABI).
 */
#include "tracer/json_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Ceilings are told from other problems by these addresses. */
static const char problem_depth[] = "nested deeper than the limit";
static const char problem_values[] = "more values than the limit";

void json_reader_init(struct json_reader *reader, const char *text, size_t length, uint32_t depth_max,
                      uint64_t values_max)
{
    assert(depth_max <= TRACER_TRACE_JSON_DEPTH_MAX);
    memset(reader, 0, sizeof *reader);
    reader->start = reader->at = length ? text : "";
    reader->end = reader->start + length;
    reader->depth_max = depth_max;
    reader->values_max = values_max;
    reader->due = 1;
}

bool json_ok(const struct json_reader *reader)
{
    return reader->problem == NULL;
}

bool json_fail(struct json_reader *reader, const char *problem)
{
    if (!reader->problem)
        reader->problem = problem;
    return false;
}

enum tracer_status json_reader_error(const struct json_reader *reader, struct error *err)
{
    const char *problem = reader->problem ? reader->problem : "the text goes on";
    bool ceiling = problem == problem_depth || problem == problem_values;
    return error_set(err, ceiling ? TRACER_E_LIMIT : TRACER_E_REPLY, "byte %zu: %s",
                     (size_t)(reader->at - reader->start), problem);
}

static void skip_space(struct json_reader *reader)
{
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* ---- strings ---- */

/* The first byte that is no plain character of a string: quote, backslash, control or not ASCII. */
static const char *plain_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        special =
            _mm_or_si128(special, _mm_cmplt_epi8(bytes, space)); /* signed: bytes from 0x80 are below too */
        int found = _mm_movemask_epi8(special);
        if (found)
            return at + __builtin_ctz((unsigned)found);
        at += 16;
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80)
        at++;
    return at;
}

/* Bytes of the well-formed UTF-8 sequence at `at`, which begins with a byte from 0x80 on; 0: it is none. */
static size_t utf8_length(const char *at, const char *end)
{
    const unsigned char *byte = (const unsigned char *)at;
    size_t left = (size_t)(end - at), length;
    unsigned char
        low = 0x80,
        high = 0xbf; /* range of the second byte: no overlong form, no surrogate, no more than U+10FFFF */
    if (byte[0] >= 0xc2 && byte[0] <= 0xdf) {
        length = 2;
    } else if ((byte[0] & 0xf0) == 0xe0) {
        length = 3;
        low = byte[0] == 0xe0 ? 0xa0 : 0x80;
        high = byte[0] == 0xed ? 0x9f : 0xbf;
    } else if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
        length = 4;
        low = byte[0] == 0xf0 ? 0x90 : 0x80;
        high = byte[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (left < length || byte[1] < low || byte[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits after "\u"; -1: they are not there. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The code point of the escape at `at` (a backslash); *ret_length is how many bytes it takes. -1: no escape
 * of the grammar, or a lone surrogate. */
static int32_t escape_at(const char *at, const char *end, size_t *ret_length)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (end - at < 2 || at[1] == '\0')
        return -1;
    const char *letter = strchr(letters, at[1]);
    *ret_length = 2;
    if (letter)
        return meanings[letter - letters];
    if (at[1] != 'u')
        return -1;
    int32_t unit = hex4(at + 2, end), second;
    *ret_length = 6;
    if (unit < 0xd800 || unit > 0xdfff)
        return unit;
    if (unit > 0xdbff || end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return -1;
    second = hex4(at + 8, end);
    if (second < 0xdc00 || second > 0xdfff)
        return -1;
    *ret_length = 12;
    return 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
}

/* Read the string whose quote is at ->at. */
static bool read_string(struct json_reader *reader, struct json_span *ret_text, bool *ret_escaped)
{
    const char *text = reader->at + 1, *at = text, *end = reader->end;
    bool escaped = false;
    for (;;) {
        size_t length;
        at = plain_end(at, end);
        reader->at = at; /* where a problem is */
        if (at == end)
            return json_fail(reader, "the text ends inside a string");
        if (*at == '"')
            break;
        if (*at == '\\') {
            int32_t code = escape_at(at, end, &length);
            if (code < 0)
                return json_fail(reader, "a bad escape in a string");
            if (code == 0)
                return json_fail(reader, "a NUL in a string");
            escaped = true;
        } else if ((unsigned char)*at < 0x20) {
            return json_fail(reader, "a control character in a string");
        } else {
            length = utf8_length(at, end);
            if (length == 0)
                return json_fail(reader, "a string is not UTF-8");
        }
        at += length;
    }
    reader->at = at + 1;
    ret_text->text = text;
    ret_text->length = (size_t)(at - text);
    if (ret_escaped)
        *ret_escaped = escaped;
    return true;
}

static size_t utf8_encode(uint32_t code, unsigned char to[4])
{
    if (code < 0x80) {
        to[0] = (unsigned char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        to[i] = (unsigned char)(0x80 | (code & 0x3f));
    to[0] = (unsigned char)((0xf0u << (4 - length) & 0xffu) | code);
    return length;
}

size_t json_unescape(struct json_span text, char *to, size_t size)
{
    const char *at = text.text, *end = text.text + text.length;
    size_t used = 0;
    while (at < end) {
        unsigned char bytes[4] = {(unsigned char)*at};
        size_t taken = 1, length = 1;
        if (*at == '\\') {
            int32_t code = escape_at(at, end, &taken);
            if (code < 0)
                return SIZE_MAX;
            length = utf8_encode((uint32_t)code, bytes);
        }
        if (length > size - used)
            return SIZE_MAX;
        memcpy(to + used, bytes, length);
        used += length;
        at += taken;
    }
    return used;
}

/* ---- values ---- */

enum json_type json_peek(struct json_reader *reader)
{
    if (reader->problem)
        return JSON_IS_NOTHING;
    skip_space(reader);
    if (reader->at == reader->end) {
        if (reader->depth > 0)
            json_fail(reader, "the text ends too early");
        return JSON_IS_NOTHING;
    }
    switch (*reader->at) {
    case '{':
        return JSON_IS_OBJECT;
    case '[':
        return JSON_IS_ARRAY;
    case '"':
        return JSON_IS_STRING;
    case 't':
        return JSON_IS_TRUE;
    case 'f':
        return JSON_IS_FALSE;
    case 'n':
        return JSON_IS_NULL;
    default:
        if (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9'))
            return JSON_IS_NUMBER;
        json_fail(reader, "a value was expected");
        return JSON_IS_NOTHING;
    }
}

/* Take note that a value is consumed which begins at ->at. */
static bool count_value(struct json_reader *reader)
{
    assert(reader->due || reader->depth == 0);
    if (!reader->due)
        return json_fail(reader, "text after the value");
    if (reader->values >= reader->values_max)
        return json_fail(reader, problem_values);
    reader->values++;
    reader->due = 0;
    return true;
}

/* The value that comes next is of type `type` and counted. */
static bool expect(struct json_reader *reader, enum json_type type, const char *problem)
{
    if (reader->problem)
        return false;
    if (json_peek(reader) != type)
        return json_fail(reader, problem); /* keeps an earlier problem */
    return count_value(reader);
}

bool json_read_string(struct json_reader *reader, struct json_span *ret_text, bool *ret_escaped)
{
    return expect(reader, JSON_IS_STRING, "a string was expected") &&
           read_string(reader, ret_text, ret_escaped);
}

static const char *digits_end(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* The end of the number at `at` by the grammar of RFC 8259; NULL: it is none. */
static const char *number_end(const char *at, const char *end)
{
    const char *digits = at + (*at == '-');
    at = digits_end(digits, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return NULL;
    if (at < end && *at == '.') {
        digits = at + 1;
        at = digits_end(digits, end);
        if (at == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        digits = at + 1;
        if (digits < end && (*digits == '+' || *digits == '-'))
            digits++;
        at = digits_end(digits, end);
        if (at == digits)
            return NULL;
    }
    return at;
}

bool json_read_number(struct json_reader *reader, struct json_span *ret_text)
{
    if (!expect(reader, JSON_IS_NUMBER, "a number was expected"))
        return false;
    const char *end = number_end(reader->at, reader->end);
    if (!end)
        return json_fail(reader, "a malformed number");
    ret_text->text = reader->at;
    ret_text->length = (size_t)(end - reader->at);
    reader->at = end;
    return true;
}

static bool literal(struct json_reader *reader, const char *word)
{
    size_t length = strlen(word), left = (size_t)(reader->end - reader->at);
    if (memcmp(reader->at, word, left < length ? left : length) != 0)
        return json_fail(reader, "an unknown word");
    if (left < length)
        return json_fail(reader, "the text ends too early");
    reader->at += length;
    return true;
}

bool json_read_bool(struct json_reader *reader, bool *ret_value)
{
    bool value = json_peek(reader) == JSON_IS_TRUE;
    if (!expect(reader, value ? JSON_IS_TRUE : JSON_IS_FALSE, "true or false was expected") ||
        !literal(reader, value ? "true" : "false"))
        return false;
    *ret_value = value;
    return true;
}

bool json_read_null(struct json_reader *reader)
{
    return json_peek(reader) == JSON_IS_NULL && count_value(reader) && literal(reader, "null");
}

/* ---- containers ---- */

static bool in_object(const struct json_reader *reader)
{
    uint32_t level = reader->depth - 1;
    return reader->kinds[level / 8] >> (level % 8) & 1;
}

static bool enter(struct json_reader *reader, bool object)
{
    uint32_t level = reader->depth;
    if (level >= reader->depth_max)
        return json_fail(reader, problem_depth);
    uint8_t bit = (uint8_t)(1u << (level % 8));
    reader->kinds[level / 8] =
        (uint8_t)(object ? reader->kinds[level / 8] | bit : reader->kinds[level / 8] & ~bit);
    reader->depth = level + 1;
    reader->first = 1;
    reader->at++;
    return true;
}

bool json_enter_object(struct json_reader *reader)
{
    return expect(reader, JSON_IS_OBJECT, "an object was expected") && enter(reader, true);
}

bool json_enter_array(struct json_reader *reader)
{
    return expect(reader, JSON_IS_ARRAY, "an array was expected") && enter(reader, false);
}

/* Step over the comma to the next member or element; false: the container ended (and was left), or an error.
 */
static bool advance(struct json_reader *reader, char close)
{
    assert(!reader->due);
    skip_space(reader);
    if (reader->at == reader->end)
        return json_fail(reader, "the text ends too early");
    if (*reader->at == close) {
        reader->at++;
        reader->depth--;
        reader->first = 0;
        return false;
    }
    if (reader->first) {
        reader->first = 0;
        return true;
    }
    if (*reader->at != ',')
        return json_fail(reader, close == '}' ? "a comma or } was expected" : "a comma or ] was expected");
    reader->at++;
    skip_space(reader);
    return true;
}

bool json_next_element(struct json_reader *reader)
{
    if (reader->problem)
        return false;
    assert(reader->depth > 0 && !in_object(reader));
    if (!advance(reader, ']'))
        return false;
    reader->due = 1;
    return true;
}

bool json_next_member(struct json_reader *reader, struct json_span *ret_key)
{
    if (reader->problem)
        return false;
    assert(reader->depth > 0 && in_object(reader));
    if (!advance(reader, '}'))
        return false;
    if (reader->at == reader->end || *reader->at != '"')
        return json_fail(reader, "a key was expected");
    struct json_span key;
    if (!read_string(reader, &key, NULL))
        return false;
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return json_fail(reader, "a colon was expected");
    reader->at++;
    reader->due = 1;
    *ret_key = key;
    return true;
}

/* Consume a scalar, or enter a container. */
static bool skip_step(struct json_reader *reader)
{
    struct json_span ignored;
    bool value;
    switch (json_peek(reader)) {
    case JSON_IS_OBJECT:
        return json_enter_object(reader);
    case JSON_IS_ARRAY:
        return json_enter_array(reader);
    case JSON_IS_STRING:
        return json_read_string(reader, &ignored, NULL);
    case JSON_IS_NUMBER:
        return json_read_number(reader, &ignored);
    case JSON_IS_TRUE:
    case JSON_IS_FALSE:
        return json_read_bool(reader, &value);
    case JSON_IS_NULL:
        return json_read_null(reader);
    case JSON_IS_NOTHING:
        break;
    }
    return json_fail(reader, "a value was expected");
}

bool json_skip(struct json_reader *reader, struct json_span *ret_value)
{
    uint32_t outer = reader->depth;
    json_peek(reader); /* to the first byte of the value */
    const char *start = reader->at;
    do {
        struct json_span key;
        if (!skip_step(reader))
            return false;
        while (reader->depth > outer &&
               !(in_object(reader) ? json_next_member(reader, &key) : json_next_element(reader)))
            if (reader->problem)
                return false;
    } while (reader->depth > outer);
    if (ret_value) {
        ret_value->text = start;
        ret_value->length = (size_t)(reader->at - start);
    }
    return true;
}

bool json_finish(struct json_reader *reader)
{
    if (reader->problem)
        return false;
    skip_space(reader);
    if (reader->depth > 0 || reader->due)
        return json_fail(reader, "the text ends too early");
    if (reader->at != reader->end)
        return json_fail(reader, "text after the value");
    return true;
}
