/* test_json_reader.c - grammar of RFC 8259, ceilings, and reading in place. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tracer/json_reader.h"

/* Whether the whole text is one value. The text stands right before an unreadable page, so that one byte too
 * far crashes. */
static bool accepts_within(const char *text, size_t length, uint32_t depth_max, uint64_t values_max,
                           struct error *ret_err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (length / page + 1) * page;
    char *area = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(area != MAP_FAILED && mprotect(area + size, page, PROT_NONE) == 0);
    char *copy = area + size - length;
    if (length)
        memcpy(copy, text, length);
    struct json_reader reader;
    json_reader_init(&reader, copy, length, depth_max, values_max);
    bool good = json_skip(&reader, NULL) && json_finish(&reader);
    cr_assert_eq(good, json_ok(&reader));
    if (!good)
        json_reader_error(&reader, ret_err);
    munmap(area, size + page);
    return good;
}

static bool accepts(const char *text, size_t length)
{
    struct error err;
    return accepts_within(text, length, TRACER_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX, &err);
}

struct text {
    const char *bytes;
    size_t length;
};
#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }

Test(json_reader, accepts_what_the_grammar_allows)
{
    static const struct text good[] = {
        TEXT("0"),
        TEXT("-0"),
        TEXT("  7 "),
        TEXT("1234567890123456789012345678901234567890"),
        TEXT("-1.5e+10"),
        TEXT("1E9"),
        TEXT("0.0"),
        TEXT("1e-7"),
        TEXT("true"),
        TEXT("false"),
        TEXT("null"),
        TEXT("\"\""),
        TEXT("\"a\""),
        TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        TEXT("\"\\u00e9\\uD83D\\uDe00\""),
        TEXT("\"\x7f\""),
        TEXT("\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""),
        TEXT("\"\xf4\x8f\xbf\xbf\""),
        TEXT("\"\xed\x9f\xbf\""),
        TEXT("\"\xee\x80\x80\""),
        TEXT("[]"),
        TEXT("{}"),
        TEXT("[ ]"),
        TEXT("{\n}"),
        TEXT("[1,2 , 3]"),
        TEXT("{\"a\":1,\"b\" : [true,{\"c\":null}]}"),
        TEXT("[[],[[]],{}]"),
        TEXT("\t\r\n {\"\":\"\"} \n"),
        TEXT("{\"a\":1,\"a\":2}"), /* doubled keys are the decoder's business */
        TEXT("\"sixteen bytes and some more of plain text \xc3\xa9 then sixteen more again\""),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(accepts(good[i].bytes, good[i].length), "%s", good[i].bytes);
}

Test(json_reader, R9_refuses_what_the_grammar_forbids)
{
    static const struct text bad[] = {
        TEXT(""),           TEXT(" "),
        TEXT("00"),         TEXT("01"),
        TEXT("-"),          TEXT("-01"),
        TEXT("+1"),         TEXT(".5"),
        TEXT("1."),         TEXT("1.e1"),
        TEXT("1e"),         TEXT("1e+"),
        TEXT("0x1"),        TEXT("1 2"),
        TEXT("NaN"),        TEXT("Infinity"),
        TEXT("-a"),         TEXT("tru"),
        TEXT("truex"),      TEXT("True"),
        TEXT("nul"),        TEXT("nullnull"),
        TEXT("\""),         TEXT("\"a"),
        TEXT("'a'"),        TEXT("\"\\\""),
        TEXT("\"\\x41\""),  TEXT("\"\\u12g4\""),
        TEXT("\"\\u123\""), TEXT("\"\\"),
        TEXT("\"\\u"),      TEXT("\"\t\""),
        TEXT("\"\n\""),     TEXT("\"\x1f\""),
        TEXT("["),          TEXT("]"),
        TEXT("[1"),         TEXT("[1,"),
        TEXT("[1,]"),       TEXT("[,1]"),
        TEXT("[1 2]"),      TEXT("[1}"),
        TEXT("{"),          TEXT("}"),
        TEXT("{\"a\""),     TEXT("{\"a\":"),
        TEXT("{\"a\":1"),   TEXT("{\"a\":1,"),
        TEXT("{\"a\":1,}"), TEXT("{\"a\" 1}"),
        TEXT("{\"a\",1}"),  TEXT("{a:1}"),
        TEXT("{1:1}"),      TEXT("{\"a\":1]"),
        TEXT("{,}"),        TEXT("{\"a\":1 \"b\":2}"),
        TEXT("[]]"),        TEXT("{}}"),
        TEXT("[] x"),       TEXT("/*c*/1"),
        TEXT("1//"),        TEXT("\xef\xbb\xbf{}"),
        TEXT("\xff"),       TEXT("[\"a\",\v1]"),
        TEXT("\f1"),        TEXT("[1]\0"),
        TEXT("\0"),         TEXT("{}{}"),
        TEXT("\"a\"\"b\""), TEXT("[::]"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!accepts(bad[i].bytes, bad[i].length), "case %zu: %s", i, bad[i].bytes);
}

Test(json_reader, R9_refuses_nul_lone_surrogates_and_bad_utf8)
{
    static const struct text bad[] = {
        TEXT("\"\\u0000\""),
        TEXT("\"a\0b\""),
        TEXT("{\"\\u0000\":1}"),
        TEXT("\"\\ud800\""),
        TEXT("\"\\udc00\""),
        TEXT("\"\\ud800x\""),
        TEXT("\"\\ud800\\n\""),
        TEXT("\"\\ud800\\u0041\""),
        TEXT("\"\\ud800\\ud800\""),
        TEXT("\"\\ud83d\\ude0\""),
        TEXT("\"\x80\""),
        TEXT("\"\xc0\x80\""),
        TEXT("\"\xc1\xbf\""),
        TEXT("\"\xc3\""),
        TEXT("\"\xc3\x28\""),
        TEXT("\"\xe0\x9f\xbf\""),
        TEXT("\"\xed\xa0\x80\""),
        TEXT("\"\xed\xbf\xbf\""),
        TEXT("\"\xe2\x82\""),
        TEXT("\"\xe2\x28\xa1\""),
        TEXT("\"\xf0\x8f\xbf\xbf\""),
        TEXT("\"\xf4\x90\x80\x80\""),
        TEXT("\"\xf5\x80\x80\x80\""),
        TEXT("\"\xf0\x9f\x98\""),
        TEXT("\"\xfe\""),
        TEXT("{\"\xff\":1}"),
        TEXT("\"\xe2"),
        TEXT("\"0123456789abcdef\xff\""),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!accepts(bad[i].bytes, bad[i].length), "case %zu", i);
}

Test(json_reader, utf8_is_right_for_every_two_and_three_byte_form)
{
    for (uint32_t bytes = 0; bytes < 1u << 16; bytes++) { /* e0..ef xx yy, and c0..df xx */
        for (unsigned lead = 0xc0; lead <= 0xef; lead += 1) {
            unsigned second = bytes >> 8, third = bytes & 0xff;
            if (lead < 0xe0 ? third != 0 : (second & 0x3f) > 1 && (second & 0x3f) < 0x3e && third % 17 != 0)
                continue; /* edges, and a sample of the rest */
            char text[6] = {'"', (char)lead, (char)second, (char)third, '"', 0};
            size_t length = 5;
            if (lead < 0xe0) {
                text[3] = '"';
                length = 4;
            }
            uint32_t code = lead < 0xe0 ? (lead & 0x1f) << 6 | (second & 0x3f)
                                        : (lead & 0x0f) << 12 | (second & 0x3f) << 6 | (third & 0x3f);
            bool good = (second & 0xc0) == 0x80 && code >= (lead < 0xe0 ? 0x80u : 0x800u) &&
                        (lead < 0xe0 || ((third & 0xc0) == 0x80 && (code < 0xd800 || code > 0xdfff)));
            struct json_reader reader;
            json_reader_init(&reader, text, length, 1, 1);
            cr_assert_eq(json_skip(&reader, NULL) && json_finish(&reader), good, "%02x %02x %02x", lead,
                         second, third);
        }
    }
}

Test(json_reader, every_prefix_of_a_reply_is_refused)
{
    static const char text[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"number\":\"0x1\",\"list\":[1.5e3,true,null,"
        "\"\\ud83d\\ude00\xe2\x82\xac\",{}]}}";
    cr_assert(accepts(text, sizeof text - 1));
    for (size_t length = 0; length < sizeof text - 1; length++)
        cr_expect(!accepts(text, length), "%zu bytes", length);
}

Test(json_reader, R8_nesting_stops_at_the_ceiling_without_recursion)
{
    struct error err;
    size_t depth = TRACER_TRACE_JSON_DEPTH_MAX;
    char *text = malloc(4 * depth);
    cr_assert_not_null(text);
    for (size_t i = 0; i < depth; i++) {
        text[i] = '[';
        text[2 * depth - 1 - i] = ']';
    }
    cr_expect(accepts_within(text, 2 * depth, (uint32_t)depth, 100000, &err));
    cr_expect(!accepts_within(text, 2 * depth, (uint32_t)depth - 1, 100000, &err));
    cr_expect_eq(err.status, TRACER_E_LIMIT);
    cr_expect_str_eq(err.text, "byte 2099: nested deeper than the limit");
    memset(text, '[', 4 * depth);
    cr_expect(!accepts_within(text, 4 * depth, (uint32_t)depth, 100000, &err));
    cr_expect_eq(err.status, TRACER_E_LIMIT);
    free(text);
}

Test(json_reader, R8_values_stop_at_the_ceiling)
{
    struct error err;
    cr_expect(accepts_within("[1,2,3]", 7, 8, 4, &err));
    cr_expect(!accepts_within("[1,2,3]", 7, 8, 3, &err));
    cr_expect_eq(err.status, TRACER_E_LIMIT);
    cr_expect_str_eq(err.text, "byte 5: more values than the limit");
    cr_expect(!accepts_within("[1,x]", 5, 8, 8, &err));
    cr_expect_eq(err.status, TRACER_E_REPLY);
    cr_expect_str_eq(err.text, "byte 3: a value was expected");
}

Test(json_reader, objects_and_arrays_are_walked_in_place)
{
    static const char text[] =
        " { \"name\" : \"0xab\\n\", \"list\" : [ 1 , -2.5 ], \"flag\":true, \"none\":null,"
        "\"more\": {\"x\":[{}]} } ";
    struct json_reader reader;
    struct json_span key, span;
    bool escaped, flag;
    json_reader_init(&reader, text, sizeof text - 1, 8, 100);
    cr_assert_eq(json_peek(&reader), JSON_IS_OBJECT);
    cr_assert(json_enter_object(&reader));
    cr_assert(json_next_member(&reader, &key) && json_span_is(key, "name"));
    cr_assert_eq(json_peek(&reader), JSON_IS_STRING);
    cr_assert(!json_read_null(&reader) && json_ok(&reader));
    cr_assert(json_read_string(&reader, &span, &escaped) && escaped && json_span_is(span, "0xab\\n"));
    cr_assert(json_next_member(&reader, &key) && json_span_is(key, "list"));
    cr_assert(json_enter_array(&reader));
    cr_assert(json_next_element(&reader) && json_read_number(&reader, &span) && json_span_is(span, "1"));
    cr_assert(json_next_element(&reader) && json_read_number(&reader, &span) && json_span_is(span, "-2.5"));
    cr_assert(!json_next_element(&reader) && json_ok(&reader));
    cr_assert(json_next_member(&reader, &key) && json_read_bool(&reader, &flag) && flag);
    cr_assert(json_next_member(&reader, &key) && json_read_null(&reader));
    cr_assert(json_next_member(&reader, &key) && json_skip(&reader, &span) &&
              json_span_is(span, "{\"x\":[{}]}"));
    cr_assert(!json_next_member(&reader, &key));
    cr_assert(json_finish(&reader));
    cr_assert_eq(json_peek(&reader), JSON_IS_NOTHING);
    cr_assert(json_ok(&reader));
}

Test(json_reader, another_type_is_an_error_that_stays)
{
    struct json_reader reader;
    struct json_span span;
    struct error err;
    bool flag;
    json_reader_init(&reader, "[7]", 3, 8, 100);
    cr_assert(json_enter_array(&reader) && json_next_element(&reader));
    cr_expect(!json_read_string(&reader, &span, NULL));
    cr_expect(!json_read_number(&reader, &span));
    cr_expect(!json_read_bool(&reader, &flag) && !json_read_null(&reader) && !json_skip(&reader, NULL));
    cr_expect(!json_enter_object(&reader) && !json_enter_array(&reader) && !json_next_element(&reader));
    cr_expect(!json_finish(&reader) && !json_ok(&reader));
    cr_expect_eq(json_reader_error(&reader, &err), TRACER_E_REPLY);
    cr_expect_str_eq(err.text, "byte 1: a string was expected");
    cr_expect(!json_fail(&reader, "later"));
    cr_expect_str_eq(reader.problem, "a string was expected");
}

Test(json_reader, escapes_are_undone)
{
    static const char text[] = "a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00z";
    static const char want[] = "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    struct json_span span = {text, sizeof text - 1};
    char out[64];
    size_t length = json_unescape(span, out, sizeof out);
    cr_assert_eq(length, sizeof want - 1);
    cr_expect_arr_eq(out, want, length);
    for (size_t size = 0; size < sizeof want - 1; size++)
        cr_expect_eq(json_unescape(span, out, size), SIZE_MAX);
    span.length = 2; /* ends in a backslash: not what the reader hands out */
    cr_expect_eq(json_unescape(span, out, sizeof out), SIZE_MAX);
}
