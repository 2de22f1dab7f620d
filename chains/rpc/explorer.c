/* explorer.c - see explorer.h. */
#include "explorer.h"

#include <ctype.h>
#include <string.h>

#define PART_LOOKED_AT 250u /* of the message, and of the result */
#define TEXT_LOOKED_AT (2u * PART_LOOKED_AT + 1u)

bool explorer_write(struct buffer *url, const char *endpoint_url, const struct rpc_batch *batch)
{
    const char *query = batch->calls[0].params;
    buffer_text(url, endpoint_url);
    buffer_char(url, strchr(endpoint_url, '?') ? '&' : '?');
    buffer_add(url, query + 1, strlen(query) - 2); /* without its quotes */
    return buffer_ok(url);
}

enum { SEEN_STATUS = 1, SEEN_MESSAGE = 2, SEEN_RESULT = 4 };

struct answer {
    unsigned seen;
    struct json_span status, message, result;
    bool has_rows, is_list, is_text;
};

static bool read_result(struct json_reader *reader, struct answer *answer)
{
    enum json_type type = json_peek(reader);
    answer->is_list = type == JSON_IS_ARRAY;
    answer->is_text = type == JSON_IS_STRING;
    if (!json_skip(reader, &answer->result))
        return false;
    if (answer->is_text)
        answer->result = (struct json_span){answer->result.text + 1, answer->result.length - 2};
    for (size_t i = 1; answer->is_list && i + 1 < answer->result.length; i++)
        answer->has_rows = answer->has_rows || !strchr(" \t\r\n", answer->result.text[i]);
    return true;
}

static bool read_answer(struct json_reader *reader, struct answer *answer)
{
    struct json_span key;
    if (!json_enter_object(reader))
        return false;
    while (json_next_member(reader, &key)) {
        unsigned bit = json_span_is(key, "status")    ? SEEN_STATUS
                       : json_span_is(key, "message") ? SEEN_MESSAGE
                       : json_span_is(key, "result")  ? SEEN_RESULT
                                                      : 0;
        if (answer->seen & bit)
            return json_fail(reader, "a member stands twice in the answer");
        answer->seen |= bit;
        if (!(bit == SEEN_STATUS    ? json_read_string(reader, &answer->status, NULL)
              : bit == SEEN_MESSAGE ? json_read_string(reader, &answer->message, NULL)
              : bit == SEEN_RESULT  ? read_result(reader, answer)
                                    : json_skip(reader, NULL)))
            return false;
    }
    if (json_finish(reader) && answer->seen != (SEEN_STATUS | SEEN_MESSAGE | SEEN_RESULT))
        json_fail(reader, "an answer without status, message or result");
    return json_ok(reader);
}

static bool is_empty(const struct answer *answer)
{
    return json_span_is(answer->status, "0") && answer->is_list && !answer->has_rows &&
           (json_span_is(answer->message, "No transactions found") || json_span_is(answer->message, "No internal transactions found") ||
            json_span_is(answer->message, "No token transfers found"));
}

/* What their texts mean where classify.c, which knows those of nodes, does not. */
static enum answer_class class_of(struct json_span text, int http_status)
{
    static const struct {
        enum answer_class class;
        const char *text; /* lower case */
    } phrases[] = {
        {ANSWER_CONFIG, "invalid api key"}, /* also with "try again later" behind it: a wrong key stays wrong */
        {ANSWER_CONFIG, "missing/invalid api"},
        {ANSWER_CONFIG, "missing or unsupported chainid"},
        {ANSWER_CONFIG, "api access is not supported"},
        {ANSWER_CONFIG, "deprecated v1 endpoint"},
        {ANSWER_LESS, "query timeout"},
        {ANSWER_LESS, "smaller result dataset"},
        {ANSWER_LESS, "result window is too large"},
        {ANSWER_NO_HISTORY, "not yet been processed"}, /* Blockscout has not traced these blocks yet */
        {ANSWER_NO_METHOD, "invalid action name"},
        {ANSWER_NO_METHOD, "unknown action"},
        {ANSWER_NO_METHOD, "unknown module"},
        {ANSWER_LATER, "server too busy"},
        {ANSWER_LATER, "something went wrong"},
    };
    char lower[TEXT_LOOKED_AT + 1];
    size_t length = text.length < TEXT_LOOKED_AT ? text.length : TEXT_LOOKED_AT;
    for (size_t i = 0; i < length; i++)
        lower[i] = (char)tolower((unsigned char)text.text[i]);
    lower[length] = '\0';
    for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
        if (strstr(lower, phrases[i].text))
            return phrases[i].class;
    return classify_error(http_status, 0, NULL, text);
}

/* The message, and the result where that is a text: one of them says what is wrong. */
static enum answer_class read_error(const struct answer *answer, const struct answerer *answerer, struct rpc_call *call)
{
    char text[TEXT_LOOKED_AT], message[QUOTE_SIZE], result[QUOTE_SIZE];
    struct json_span said = answer->is_text ? answer->result : (struct json_span){"", 0};
    size_t first = answer->message.length < PART_LOOKED_AT ? answer->message.length : PART_LOOKED_AT;
    size_t second = said.length < PART_LOOKED_AT ? said.length : PART_LOOKED_AT;
    memcpy(text, said.text, second);
    text[second] = ' ';
    memcpy(text + second + 1, answer->message.text, first);
    enum answer_class class = class_of((struct json_span){text, first + second + 1}, answerer->http_status);
    secrets_quote(answerer->secrets, message, answer->message.text, answer->message.length);
    secrets_quote(answerer->secrets, result, said.text, said.length);
    jsonrpc_error(&call->error, answerer, classify_status(class), call->method, 1, "\"%s\"%s%s%s", message, *result ? ": \"" : "", result,
                  *result ? "\"" : "");
    call->error.retryable = class >= ANSWER_NO_HISTORY;
    return class;
}

enum answer_class explorer_read(struct rpc_batch *batch, struct json_span reply, const struct answerer *answerer, bool *ret_whole,
                                struct error *err)
{
    struct json_reader reader;
    struct rpc_call *call = &batch->calls[0];
    struct answer answer = {0};
    struct error detail = {0};
    char quote[QUOTE_SIZE];
    json_reader_init(&reader, reply.text, reply.length, TRACER_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX);
    bool is_object = json_peek(&reader) == JSON_IS_OBJECT, good = is_object && read_answer(&reader, &answer);
    bool rows = good && json_span_is(answer.status, "1") && answer.has_rows;
    *ret_whole = !good || (!rows && json_span_is(answer.status, "1"));
    *call = (struct rpc_call){.method = call->method, .params = call->params};
    if (good && (rows || is_empty(&answer))) {
        call->result = answer.result.text;
        call->result_length = answer.result.length;
        return ANSWER_GOOD;
    }
    if (good && !*ret_whole) {
        enum answer_class class = read_error(&answer, answerer, call);
        call->status = call->error.status;
        return class;
    }
    if (!is_object)
        error_set(&detail, TRACER_E_REPLY, "the reply is no answer of an explorer: \"%s\"", secrets_quote(answerer->secrets, quote, reply.text, reply.length));
    else if (good)
        error_set(&detail, TRACER_E_REPLY, "status 1 without rows");
    else
        (void)json_reader_error(&reader, &detail);
    jsonrpc_error(err, answerer, detail.status, call->method, 1, "%s", detail.text);
    if (err)
        err->retryable = true;
    return ANSWER_MALFORMED;
}
