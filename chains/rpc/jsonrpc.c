/* jsonrpc.c - writing requests and reading answers.
 *
 * Every call must be answered exactly once, by a number that is its id, with a result or an error and not
 * both. Whatever else comes makes the whole batch worthless: nothing of it is used.
 */
#include "jsonrpc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- requests ---- */

bool jsonrpc_write(struct buffer *request, const struct rpc_batch *batch, uint64_t first_id)
{
    if (batch->call_count > 1)
        buffer_char(request, '[');
    for (size_t i = 0; i < batch->call_count; i++) {
        buffer_text(request, i ? ",{\"jsonrpc\":\"2.0\",\"id\":" : "{\"jsonrpc\":\"2.0\",\"id\":");
        buffer_u64(request, first_id + i);
        buffer_text(request, ",\"method\":\"");
        buffer_text(request, batch->calls[i].method);
        buffer_text(request, "\",\"params\":");
        buffer_text(request, batch->calls[i].params);
        buffer_char(request, '}');
    }
    if (batch->call_count > 1)
        buffer_char(request, ']');
    return buffer_ok(request);
}

bool jsonrpc_write_calls(struct buffer *text, const struct rpc_batch *batch)
{
    for (size_t i = 0; i < batch->call_count; i++) {
        buffer_text(text, i ? ",\n{\"method\":\"" : "[{\"method\":\"");
        buffer_text(text, batch->calls[i].method);
        buffer_text(text, "\",\"params\":");
        buffer_text(text, batch->calls[i].params);
        buffer_char(text, '}');
    }
    buffer_char(text, ']');
    return buffer_ok(text);
}

/* ---- errors ---- */

enum tracer_status jsonrpc_error(struct error *err, const struct answerer *answerer,
                                 enum tracer_status status, const char *method, size_t call_count,
                                 const char *format, ...)
{
    char text[TRACER_ERROR_TEXT_MAX], batch[40] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (call_count > 1)
        snprintf(batch, sizeof batch, " (batch of %zu)", call_count);
    error_set(err, status, "endpoint \"%s\": %s%s: %s", answerer->name, method, batch, text);
    if (err) {
        snprintf(err->endpoint, sizeof err->endpoint, "%s", answerer->name);
        err->http_status = answerer->http_status;
    }
    return status;
}

/* ---- one answer ---- */

enum {
    SEEN_VERSION = 1,
    SEEN_ID = 2,
    SEEN_RESULT = 4,
    SEEN_ERROR = 8,
    SEEN_CODE = 16,
    SEEN_MESSAGE = 32,
    SEEN_DATA = 64
};

struct answer {
    uint32_t seen;
    bool id_null;
    uint64_t id;
    int64_t code;
    struct json_span result, message, data;
};

/* A known member stands here for the first time. */
static bool first_time(struct json_reader *reader, uint32_t *seen, uint32_t bit)
{
    if (*seen & bit)
        return json_fail(reader, "a member stands twice in a JSON-RPC answer");
    *seen |= bit;
    return true;
}

/* An integer of the JSON text, without fraction or exponent. */
static bool read_integer(struct json_reader *reader, int64_t *ret_value)
{
    struct json_span span;
    if (!json_read_number(reader, &span))
        return false;
    bool negative = *span.text == '-';
    uint64_t value = 0;
    if (span.length - negative > 18)
        return json_fail(reader, "a number in a JSON-RPC answer is too long");
    for (size_t i = negative; i < span.length; i++) {
        if (span.text[i] < '0' || span.text[i] > '9')
            return json_fail(reader, "a number in a JSON-RPC answer is no integer");
        value = value * 10 + (uint64_t)(span.text[i] - '0');
    }
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool read_id(struct json_reader *reader, struct answer *answer)
{
    int64_t id;
    if (json_read_null(reader)) {
        answer->id_null = true;
        return true;
    }
    if (json_peek(reader) == JSON_IS_STRING)
        return json_fail(reader, "the id of a JSON-RPC answer is a string");
    if (!read_integer(reader, &id))
        return false;
    answer->id = (uint64_t)id;
    return true;
}

static bool read_error_object(struct json_reader *reader, struct answer *answer)
{
    struct json_span key;
    if (!json_enter_object(reader))
        return false;
    while (json_next_member(reader, &key)) {
        if (json_span_is(key, "code")) {
            if (!first_time(reader, &answer->seen, SEEN_CODE) || !read_integer(reader, &answer->code))
                return false;
        } else if (json_span_is(key, "message")) {
            if (!first_time(reader, &answer->seen, SEEN_MESSAGE) ||
                !json_read_string(reader, &answer->message, NULL))
                return false;
        } else if (json_span_is(key, "data")) {
            if (!first_time(reader, &answer->seen, SEEN_DATA) || !json_skip(reader, &answer->data))
                return false;
        } else if (!json_skip(reader, NULL)) {
            return false;
        }
    }
    if (json_ok(reader) && !(answer->seen & SEEN_MESSAGE) && !(answer->seen & SEEN_CODE))
        return json_fail(reader, "a JSON-RPC error without code and message");
    return json_ok(reader);
}

static bool read_version(struct json_reader *reader)
{
    struct json_span span;
    return json_read_string(reader, &span, NULL) &&
           (json_span_is(span, "2.0") || json_fail(reader, "the answer is not of JSON-RPC 2.0"));
}

static bool read_answer(struct json_reader *reader, struct answer *answer)
{
    struct json_span key;
    memset(answer, 0, sizeof *answer);
    if (!json_enter_object(reader))
        return false;
    while (json_next_member(reader, &key)) {
        bool good;
        if (json_span_is(key, "jsonrpc"))
            good = first_time(reader, &answer->seen, SEEN_VERSION) && read_version(reader);
        else if (json_span_is(key, "id"))
            good = first_time(reader, &answer->seen, SEEN_ID) && read_id(reader, answer);
        else if (json_span_is(key, "result"))
            good = first_time(reader, &answer->seen, SEEN_RESULT) && json_skip(reader, &answer->result);
        else if (json_span_is(key, "error"))
            good = first_time(reader, &answer->seen, SEEN_ERROR) && read_error_object(reader, answer);
        else
            good = json_skip(reader, NULL);
        if (!good)
            return false;
    }
    if (!json_ok(reader))
        return false;
    bool has_result = answer->seen & SEEN_RESULT, has_error = answer->seen & SEEN_ERROR;
    if (has_result == has_error)
        return json_fail(reader, has_result ? "a JSON-RPC answer has result and error together"
                                            : "a JSON-RPC answer has neither result nor error");
    return true;
}

/* ---- a reply ---- */

/* State of reading one reply. */
struct reading {
    struct rpc_batch *batch;
    const struct answerer *answerer;
    uint64_t first_id;
    struct json_reader reader;
    uint64_t answered[(TRACER_BATCH_CALLS_MAX + 63) / 64]; /* bits */
    enum answer_class worst;
    bool *whole;
    struct error *err;
};

/* A problem of the whole reply. */
static enum answer_class whole_problem(struct reading *reading, enum answer_class class, const char *text)
{
    const struct rpc_batch *batch = reading->batch;
    *reading->whole = true;
    jsonrpc_error(reading->err, reading->answerer, classify_status(class), batch->calls[0].method,
                  batch->call_count, "%s", text);
    if (reading->err)
        reading->err->retryable = true;
    return class;
}

static enum answer_class reader_problem(struct reading *reading)
{
    struct error detail;
    enum tracer_status status = json_reader_error(&reading->reader, &detail);
    enum answer_class class = whole_problem(reading, ANSWER_MALFORMED, detail.text);
    if (reading->err)
        reading->err->status = status; /* a ceiling is TRACER_E_LIMIT */
    return class;
}

/* Describe the error of an answer, and classify it; and what it states, if it is of one call. */
static enum answer_class answer_error(const struct reading *reading, const struct answer *answer,
                                      const char *method, size_t call_count, struct rpc_call *call, struct error *err)
{
    char text[2 * 512 + 2], message[QUOTE_SIZE], data[QUOTE_SIZE];
    bool has_data = answer->data.length > 1 && *answer->data.text == '"';
    struct json_span span = {text, 0};
    const struct secrets *secrets = reading->answerer->secrets;
    span.length = (size_t)snprintf(text, sizeof text, "%.*s %.*s",
                                   (int)(answer->message.length < 512 ? answer->message.length : 512),
                                   answer->message.length ? answer->message.text : "",
                                   (int)(!has_data                   ? 0
                                         : answer->data.length < 512 ? answer->data.length
                                                                     : 512),
                                   has_data ? answer->data.text : "");
    enum answer_class class = classify_error(reading->answerer->http_status, answer->code, method, span);
    if (call && class == ANSWER_LESS)
        classify_stated(span, &call->blocks_max, &call->results_max);
    secrets_quote(secrets, message, answer->message.text, answer->message.length);
    secrets_quote(secrets, data, has_data ? answer->data.text + 1 : "",
                  has_data ? answer->data.length - 2 : 0);
    jsonrpc_error(err, reading->answerer, classify_status(class), method, call_count,
                  "error %" PRId64 ": \"%s\"%s%s%s", answer->code, message, *data ? " (\"" : "", data,
                  *data ? "\")" : "");
    if (err) {
        err->rpc_code = answer->code;
        err->retryable = class >= ANSWER_NO_HISTORY;
    }
    return class;
}

/* Give an answer to the call whose id it has. False: it belongs to none, or to one that is answered. */
static bool take_answer(struct reading *reading, const struct answer *answer)
{
    struct rpc_batch *batch = reading->batch;
    uint64_t index = answer->id - reading->first_id;
    if (!(answer->seen & SEEN_ID) || answer->id_null || index >= batch->call_count ||
        reading->answered[index / 64] >> (index % 64) & 1)
        return false;
    reading->answered[index / 64] |= UINT64_C(1) << (index % 64);
    struct rpc_call *call = &batch->calls[index];
    memset(&call->error, 0, sizeof call->error);
    call->blocks_max = call->results_max = 0;
    enum answer_class class = ANSWER_GOOD;
    if (answer->seen & SEEN_ERROR)
        class = answer_error(reading, answer, call->method, 1, call, &call->error);
    call->status = classify_status(class);
    call->result = class == ANSWER_GOOD ? answer->result.text : NULL;
    call->result_length = class == ANSWER_GOOD ? answer->result.length : 0;
    if (class > reading->worst)
        reading->worst = class;
    return true;
}

/* An error that is not for one call but for all of them: without an id, or one object for a batch. */
static enum answer_class whole_error(struct reading *reading, const struct answer *answer)
{
    const struct rpc_batch *batch = reading->batch;
    *reading->whole = true;
    return answer_error(reading, answer, batch->calls[0].method, batch->call_count, NULL, reading->err);
}

static enum answer_class read_single(struct reading *reading)
{
    struct answer answer;
    bool good = read_answer(&reading->reader, &answer) && json_finish(&reading->reader);
    if (!good)
        return reader_problem(reading);
    bool no_id = !(answer.seen & SEEN_ID) || answer.id_null;
    if (answer.seen & SEEN_ERROR && (no_id || (reading->batch->call_count > 1 &&
                                               answer.id - reading->first_id < reading->batch->call_count)))
        return whole_error(reading, &answer);
    if (reading->batch->call_count > 1)
        return whole_problem(reading, ANSWER_FOREIGN, "one answer came for a batch");
    if (!take_answer(reading, &answer))
        return whole_problem(reading, ANSWER_FOREIGN, "the answer has another id than the call");
    return reading->worst;
}

static enum answer_class read_array(struct reading *reading)
{
    struct rpc_batch *batch = reading->batch;
    struct answer answer, error = {0};
    size_t count = 0;
    json_enter_array(&reading->reader);
    while (json_next_element(&reading->reader)) {
        if (!read_answer(&reading->reader, &answer))
            break;
        if (!take_answer(reading, &answer))
            return whole_problem(reading, ANSWER_FOREIGN,
                                 "a batch has an answer to another call, or two to one");
        if (answer.seen & SEEN_ERROR)
            error = answer;
        count++;
    }
    if (!json_ok(&reading->reader) || !json_finish(&reading->reader))
        return reader_problem(reading);
    if (count == batch->call_count)
        return reading->worst;
    if (count == 1 && error.seen) /* geth refuses a long batch with an array of one error */
        return whole_error(reading, &error);
    char text[80];
    snprintf(text, sizeof text, "%zu answers for %zu calls", count, batch->call_count);
    return whole_problem(reading, ANSWER_FOREIGN, text);
}

/* Neither { nor [: an HTML page, an empty body, a sentence. */
static enum answer_class not_json(struct reading *reading, struct json_span reply)
{
    const struct answerer *answerer = reading->answerer;
    const struct rpc_batch *batch = reading->batch;
    char quote[QUOTE_SIZE];
    secrets_quote(answerer->secrets, quote, reply.text, reply.length);
    enum answer_class class = whole_problem(reading, ANSWER_MALFORMED, "");
    jsonrpc_error(reading->err, answerer, TRACER_E_REPLY, batch->calls[0].method, batch->call_count,
                  reply.length ? "the reply is not JSON: \"%s\"" : "the reply is empty%s", quote);
    if (reading->err)
        reading->err->retryable = true;
    return class;
}

enum answer_class jsonrpc_read(struct rpc_batch *batch, struct json_span reply, uint64_t first_id,
                               const struct answerer *answerer, bool *ret_whole, struct error *err)
{
    struct reading reading = {
        .batch = batch, .answerer = answerer, .first_id = first_id, .whole = ret_whole, .err = err};
    *ret_whole = false;
    assert(batch->call_count <= TRACER_BATCH_CALLS_MAX);
    json_reader_init(&reading.reader, reply.text, reply.length,
                     batch->depth_max ? batch->depth_max : TRACER_JSON_DEPTH_MAX,
                     batch->values_max ? batch->values_max : TRACER_JSON_VALUES_MAX);
    enum json_type type = json_peek(&reading.reader);
    if (type == JSON_IS_OBJECT)
        return read_single(&reading);
    if (type == JSON_IS_ARRAY && batch->call_count > 1)
        return read_array(&reading);
    if (type == JSON_IS_ARRAY)
        return whole_problem(&reading, ANSWER_FOREIGN, "an array came for a single call");
    return not_json(&reading, reply);
}
