/* fuzz_json_reader.c - the pull reader against Jansson as its oracle: both accept a text, or both refuse it.
 *
 * Known differences are taken out: Jansson refuses numbers that do not fit its types, doubled keys (which our
 * decoders detect), and nesting of its own depth; it is asked again without the check of doubled keys. It
 * accepts some NUL bytes between values. When both accept a text, the reader's strings, unescaped, and its
 * count of values are compared with the tree.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/json_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void die(const char *what)
{
    fprintf(stderr, "fuzz_json_reader: %s\n", what);
    abort();
}

static void want(bool condition, const char *what)
{
    if (!condition)
        die(what);
}

static uint64_t compare_value(struct json_reader *reader, const json_t *tree);

static void compare_string(struct json_span span, const char *text, size_t length)
{
    char *to = malloc(span.length + 1);
    want(to != NULL, "no memory");
    want(json_unescape(span, to, span.length) == length && memcmp(to, text, length) == 0, "strings differ");
    free(to);
}

static uint64_t compare_object(struct json_reader *reader, const json_t *tree)
{
    uint64_t count = 1;
    struct json_span key;
    want(json_is_object(tree) && json_enter_object(reader), "object");
    while (json_next_member(reader, &key)) {
        char *name = malloc(key.length + 1);
        want(name != NULL, "no memory");
        size_t length = json_unescape(key, name, key.length);
        want(length != SIZE_MAX, "key");
        const json_t *member = json_object_getn(tree, name, length);
        free(name);
        want(member != NULL, "a key is missing in the tree");
        count += compare_value(reader, member);
    }
    return count;
}

static uint64_t compare_array(struct json_reader *reader, const json_t *tree)
{
    uint64_t count = 1;
    size_t index = 0;
    want(json_is_array(tree) && json_enter_array(reader), "array");
    while (json_next_element(reader))
        count += compare_value(reader, json_array_get(tree, index++));
    want(index == json_array_size(tree), "array sizes differ");
    return count;
}

static uint64_t compare_value(struct json_reader *reader, const json_t *tree)
{
    struct json_span span = {NULL, 0};
    bool flag = false;
    switch (json_peek(reader)) {
    case JSON_IS_OBJECT:
        return compare_object(reader, tree);
    case JSON_IS_ARRAY:
        return compare_array(reader, tree);
    case JSON_IS_STRING:
        want(json_is_string(tree) && json_read_string(reader, &span, NULL), "string");
        compare_string(span, json_string_value(tree), json_string_length(tree));
        return 1;
    case JSON_IS_NUMBER:
        want(json_is_number(tree) && json_read_number(reader, &span), "number");
        if (json_is_integer(tree)) {
            char *text = strndup(span.text, span.length);
            want(text && strtoll(text, NULL, 10) == json_integer_value(tree), "integers differ");
            free(text);
        }
        return 1;
    case JSON_IS_TRUE:
    case JSON_IS_FALSE:
        want(json_read_bool(reader, &flag) && (flag ? json_is_true(tree) : json_is_false(tree)), "bool");
        return 1;
    case JSON_IS_NULL:
        want(json_is_null(tree) && json_read_null(reader), "null");
        return 1;
    case JSON_IS_NOTHING:
        break;
    }
    die("nothing where the tree has a value");
    return 0;
}

static bool jansson_limit(const json_error_t *error)
{
    return strstr(error->text, "too big") || strstr(error->text, "number overflow") ||
           strstr(error->text, "maximum parsing depth");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_reader reader;
    json_error_t error;
    char *text = calloc(size ? size : 1, 1); /* exactly as long: ASan sees one byte too far */
    want(text != NULL, "no memory");
    if (size)
        memcpy(text, data, size);
    json_reader_init(&reader, text, size, TRACER_TRACE_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX);
    struct json_span whole;
    bool ours = json_skip(&reader, &whole) && json_finish(&reader);
    uint64_t values = reader.values;
    if (size && memchr(text, '\0', size)) { /* Jansson overlooks a NUL in some places; we never do */
        want(!ours, "accepted a NUL");
        free(text);
        return 0;
    }
    json_t *tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    bool doubled = false;
    if (!tree && strstr(error.text, "duplicate")) {
        doubled = true;
        tree = json_loadb(text, size, JSON_DECODE_ANY, &error);
    }
    if (ours) {
        want(tree || jansson_limit(&error), "accepted what Jansson refuses");
        want(whole.text >= text && whole.length <= size, "span outside");
    } else {
        want(!tree, "refused what Jansson accepts");
    }
    if (tree && !doubled) {
        json_reader_init(&reader, text, size, TRACER_TRACE_JSON_DEPTH_MAX, values);
        want(compare_value(&reader, tree) == values && json_finish(&reader), "values differ");
    }
    json_decref(tree);
    free(text);
    return 0;
}
