/* json_writer.c - JSON out. Numbers are integers below 2^53 or so (times, counts, parts per million); amounts
 * are strings, written by the callers. */
#include "json_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

void json_writer_init(struct json_writer *json, FILE *stream)
{
    *json = (struct json_writer){.stream = stream, .lines_depth = JSON_WRITER_LINES_DEPTH};
}

void json_writer_init_line(struct json_writer *json, FILE *stream)
{
    *json = (struct json_writer){.stream = stream};
}

static void new_line(struct json_writer *json)
{
    fprintf(json->stream, "\n%*s", (int)json->depth * 2, "");
}

/* What stands before a key or a value. */
static void separate(struct json_writer *json)
{
    if (json->is_after_key) {
        json->is_after_key = false;
        return;
    }
    if (json->depth == 0)
        return;
    if (json->is_filled[json->depth - 1])
        fputs(json->depth > json->lines_depth ? ", " : ",", json->stream);
    json->is_filled[json->depth - 1] = true;
    if (json->depth <= json->lines_depth)
        new_line(json);
}

void json_open(struct json_writer *json, char bracket)
{
    separate(json);
    assert(json->depth < JSON_WRITER_DEPTH_MAX);
    fputc(bracket, json->stream);
    json->is_filled[json->depth++] = false;
}

void json_shut(struct json_writer *json, char bracket)
{
    bool is_filled = json->is_filled[--json->depth];
    if (is_filled && json->depth < json->lines_depth)
        new_line(json);
    fputc(bracket, json->stream);
    if (json->depth == 0)
        fputc('\n', json->stream);
}

static void utf16(FILE *stream, uint32_t code)
{
    if (code >= 0x10000) {
        fprintf(stream, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
                (unsigned)(0xdc00 + ((code - 0x10000) & 0x3ff)));
        return;
    }
    fprintf(stream, "\\u%04x", (unsigned)code);
}

/* A character and its length, or 0 for a byte that is no UTF-8 (RFC 3629). */
static size_t take(const uint8_t *text, uint32_t *ret_code)
{
    size_t extra = text[0] < 0x80 ? 0 : text[0] >= 0xf0 ? 3 : text[0] >= 0xe0 ? 2 : 1;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint32_t code = extra ? text[0] & (0x3fu >> extra) : text[0];
    if (text[0] >= 0x80 && (text[0] < 0xc0 || text[0] >= 0xf8))
        return 0;
    for (size_t i = 1; i <= extra; i++) {
        if ((text[i] & 0xc0) != 0x80) /* also stops at the NUL */
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    if (code < least[extra] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return extra + 1;
}

/* Stands in JSON as it is. "<" would end the script element of a page. */
static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<';
}

static void quote(FILE *stream, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    fputc('"', stream);
    while (*at) {
        uint32_t code = 0;
        size_t plain = 0;
        while (is_plain(at[plain]))
            plain++;
        if (plain) {
            fwrite(at, 1, plain, stream);
            at += plain;
            continue;
        }
        size_t taken = take(at, &code);
        if (taken == 0) { /* cannot stand in JSON: shown as shown_text() does */
            fprintf(stream, "\\\\x{%x}", (unsigned)*at);
            taken = 1;
        } else if (code == '"' || code == '\\') {
            fprintf(stream, "\\%c", (char)code);
        } else {
            utf16(stream, code);
        }
        at += taken;
    }
    fputc('"', stream);
}

void json_key(struct json_writer *json, const char *key)
{
    separate(json);
    quote(json->stream, key);
    fputs(": ", json->stream);
    json->is_after_key = true;
}

void json_text(struct json_writer *json, const char *text)
{
    separate(json);
    quote(json->stream, text);
}

void json_u64(struct json_writer *json, uint64_t value)
{
    separate(json);
    fprintf(json->stream, "%" PRIu64, value);
}

void json_truth(struct json_writer *json, bool value)
{
    separate(json);
    fputs(value ? "true" : "false", json->stream);
}

void json_nothing(struct json_writer *json)
{
    separate(json);
    fputs("null", json->stream);
}

void json_put_text(struct json_writer *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

void json_put_u64(struct json_writer *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_u64(json, value);
}

void json_put_truth(struct json_writer *json, const char *key, bool value)
{
    json_key(json, key);
    json_truth(json, value);
}

void json_put_nothing(struct json_writer *json, const char *key)
{
    json_key(json, key);
    json_nothing(json);
}

void json_put_open(struct json_writer *json, const char *key, char bracket)
{
    json_key(json, key);
    json_open(json, bracket);
}
