/* json_writer.h - JSON out (RFC 8259): ASCII only, keys in the order written, one element a line near the
 * top. */
#ifndef TRACER_REPORT_JSON_WRITER_H
#define TRACER_REPORT_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_WRITER_DEPTH_MAX 16u
#define JSON_WRITER_LINES_DEPTH 2u /* containers down to here put each member on a line of its own */

struct json_writer {
    FILE *stream;
    unsigned depth, lines_depth;
    bool is_filled[JSON_WRITER_DEPTH_MAX]; /* something stands in the container already */
    bool is_after_key;
};

void json_writer_init(struct json_writer *json, FILE *stream);
/** A document of one line. */
void json_writer_init_line(struct json_writer *json, FILE *stream);
void json_open(struct json_writer *json, char bracket); /* '{' or '[' */
void json_shut(struct json_writer *json, char bracket); /* '}' or ']' */
void json_key(struct json_writer *json, const char *key);
void json_text(struct json_writer *json, const char *text);
void json_u64(struct json_writer *json, uint64_t value);
void json_truth(struct json_writer *json, bool value);
void json_nothing(struct json_writer *json); /* null */

/* A member: key and value. */
void json_put_text(struct json_writer *json, const char *key, const char *text);
void json_put_u64(struct json_writer *json, const char *key, uint64_t value);
void json_put_truth(struct json_writer *json, const char *key, bool value);
void json_put_nothing(struct json_writer *json, const char *key);
void json_put_open(struct json_writer *json, const char *key, char bracket);

#endif
