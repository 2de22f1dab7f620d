/* json_reader.h - a strict pull reader for JSON replies (RFC 8259): no tree, no allocation, no recursion.
 *
 * Replies of endpoints are hostile and large, so they are read through this; Jansson serves configuration
 * and output. The whole text is checked while it is read: grammar, UTF-8, no NUL, no lone surrogates, no
 * trailing text, depth and number of values under the given ceilings. After the first error every call
 * fails and json_reader_error() says what and at which byte. The fuzz target compares it with Jansson.
 *
 * What it leaves to the decoder: a key that stands twice. A decoder that stores the value of a known key must
 * notice the second one and json_fail() (threat-model R9); unknown keys may repeat. Keys are compared as they
 * stand, so one that is written with escapes is never a known key. Calling next before the value was
 * consumed, or consuming two, is a mistake of the decoder and asserted.
 */
#ifndef TRACER_JSON_READER_H
#define TRACER_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/error.h"

enum json_type {
    JSON_IS_OBJECT,
    JSON_IS_ARRAY,
    JSON_IS_STRING,
    JSON_IS_NUMBER,
    JSON_IS_TRUE,
    JSON_IS_FALSE,
    JSON_IS_NULL,
    JSON_IS_NOTHING /* an error, or the end */
};

/* Bytes of the text that was given: a string without its quotes, or a whole value. */
struct json_span {
    const char *text;
    size_t length;
};

struct json_reader {
    const char *start, *at, *end;
    uint32_t depth, depth_max;
    uint64_t values, values_max;
    uint8_t first; /* the next member or element is the first of its container */
    uint8_t due;   /* a value comes next and was not consumed yet */
    uint8_t kinds[(TRACER_TRACE_JSON_DEPTH_MAX + 7) / 8]; /* one bit a level: 1 is an object */
    const char *problem;                                  /* static text, NULL while all is well */
};

/** `text` outlives the reader. depth_max is at most TRACER_TRACE_JSON_DEPTH_MAX. */
void json_reader_init(struct json_reader *reader, const char *text, size_t length, uint32_t depth_max,
                      uint64_t values_max);
/** The type of the value that comes next, from its first byte. Does not consume. */
enum json_type json_peek(struct json_reader *reader);

/** Enter the container that comes next; false: it is another type (an error). Then call the matching
 * next function until it returns false (the container is left then); between two calls consume exactly one
 * value. */
bool json_enter_object(struct json_reader *reader);
bool json_next_member(struct json_reader *reader, struct json_span *ret_key);
bool json_enter_array(struct json_reader *reader);
bool json_next_element(struct json_reader *reader);

/* json_read_*: these four carry "read" because libjansson exports json_string() and json_null(). */
/** A string, as it stands between the quotes; *ret_escaped (may be NULL) tells whether it has escapes. */
bool json_read_string(struct json_reader *reader, struct json_span *ret_text, bool *ret_escaped);
bool json_read_number(struct json_reader *reader, struct json_span *ret_text);
bool json_read_bool(struct json_reader *reader, bool *ret_value);
/** True if the next value is null, which is consumed; else false and no error. */
bool json_read_null(struct json_reader *reader);
/** Consume any value, checking it; ret_value may be NULL. */
bool json_skip(struct json_reader *reader, struct json_span *ret_value);
/** True: nothing but white space is left and no error happened. */
bool json_finish(struct json_reader *reader);
bool json_ok(const struct json_reader *reader);
/** Mark the reader as failed with a static text (a decoder's own complaint). Returns false. */
bool json_fail(struct json_reader *reader, const char *problem);
/** Fill err as TRACER_E_REPLY (TRACER_E_LIMIT for a ceiling): "byte N: problem". */
enum tracer_status json_reader_error(const struct json_reader *reader, struct error *err);
/** Undo the escapes of a string into `to` (UTF-8); returns the length, SIZE_MAX if it does not fit. */
size_t json_unescape(struct json_span text, char *to, size_t size);

static inline bool json_span_is(struct json_span span, const char *text)
{
    return span.length == __builtin_strlen(text) && __builtin_memcmp(span.text, text, span.length) == 0;
}

#endif
