/* classify.c - error codes and texts of nodes and gateways, as one table that is read from top to bottom.
 *
 * Codes are used where they mean one thing; -32000, -32005, -32600 and -32602 are used for everything, so
 * texts come first. A revert (code 3) carries a text that the contract's author chose and is never read.
 */
#include "classify.h"

#include <ctype.h>
#include <string.h>

#define TEXT_LOOKED_AT 1024u
#define STATED_DIGITS_MAX 9u

struct phrase {
    enum answer_class class;
    const char *text; /* lower case */
};

static const struct phrase phrases[] = {
    /* a range that is wrong, not too large */
    {ANSWER_REFUSED, "execution reverted"},
    {ANSWER_REFUSED, "invalid block range"},
    {ANSWER_LATER, "beyond current head"},
    {ANSWER_NO_HISTORY, "distance to target block"},
    /* too much at once */
    {ANSWER_LESS, "block range"},
    {ANSWER_LESS, "blocks range"},
    {ANSWER_LESS, "blocks distance"},
    {ANSWER_LESS, "is limited to"},
    {ANSWER_LESS, "returned more than"},
    {ANSWER_LESS, "range is too"},
    {ANSWER_LESS, "max range"},
    {ANSWER_LESS, "ranges over"},
    {ANSWER_LESS, "too many blocks"},
    {ANSWER_LESS, "requested blocks"},
    {ANSWER_LESS, "response size"},
    {ANSWER_LESS, "response too large"},
    {ANSWER_LESS, "response is too big"},
    {ANSWER_LESS, "batch too large"},
    {ANSWER_LESS, "batch size"},
    {ANSWER_LESS, "batch limit"},
    {ANSWER_LESS, "content length too large"},
    {ANSWER_LESS, "exceeds limit"},
    {ANSWER_LESS, "exceeds the limit"},
    {ANSWER_LESS, "exceeds limit of"},
    {ANSWER_LESS, "exceeds the range"},
    {ANSWER_LESS, "exceeds max"},
    {ANSWER_LESS, "exceed max"},
    {ANSWER_LESS, "must be smaller than size"},
    {ANSWER_LESS, "limit the query to"},
    {ANSWER_LESS, "query timeout exceeded"},
    /* rates */
    {ANSWER_BENCH, "daily"},
    {ANSWER_BENCH, "monthly"},
    {ANSWER_RATE, "rate limit"},
    {ANSWER_RATE, "rate exceeded"},
    {ANSWER_RATE, "request rate"},
    {ANSWER_RATE, "ratelimit"},
    {ANSWER_RATE, "too many requests"},
    {ANSWER_RATE, "capacity exceeded"},
    {ANSWER_RATE, "compute units"},
    {ANSWER_RATE, "throttl"},
    {ANSWER_RATE, "try again later"},
    /* history that is not here */
    {ANSWER_NO_HISTORY, "missing trie node"},
    {ANSWER_NO_HISTORY, "historical state"},
    {ANSWER_NO_HISTORY, "state is not available"},
    {ANSWER_NO_HISTORY, "state not available"},
    {ANSWER_NO_HISTORY, "pruned"},
    {ANSWER_NO_HISTORY, "archive"},
    {ANSWER_NO_HISTORY, "history unavailable"},
    {ANSWER_NO_HISTORY, "old data not available"},
    /* keys */
    {ANSWER_CONFIG, "invalid project id"},
    {ANSWER_CONFIG, "invalid api key"},
    {ANSWER_CONFIG, "invalid access key"},
    {ANSWER_CONFIG, "must be authenticated"},
    {ANSWER_CONFIG, "must authenticate"},
    {ANSWER_CONFIG, "unauthorized"},
    /* methods */
    {ANSWER_NO_METHOD, "method not found"},
    {ANSWER_NO_METHOD, "does not exist/is not available"},
    {ANSWER_NO_METHOD, "method not allowed"},
    {ANSWER_NO_METHOD, "method is not"},
    {ANSWER_NO_METHOD, "method not supported"},
    {ANSWER_NO_METHOD, "unsupported method"},
    {ANSWER_NO_METHOD, "not whitelisted"},
    {ANSWER_NO_METHOD, "not supported"},
    /* lagging or busy */
    {ANSWER_LATER, "header not found"},
    {ANSWER_LATER, "unknown block"},
    {ANSWER_LATER, "block not found"},
    {ANSWER_LATER, "timed out"},
    {ANSWER_LATER, "timeout"},
    {ANSWER_LATER, "indexing is in progress"},
    {ANSWER_LATER, "temporarily"},
    {ANSWER_LATER, "overloaded"},
};

static enum answer_class class_of_text(const char *lower)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (strstr(lower, phrases[i].text))
            return phrases[i].class;
    const char *block = strstr(lower, "block #"); /* "block #123 not found", "state at block #123 ..." */
    return block && strstr(block, "not found") ? ANSWER_LATER : ANSWER_GOOD;
}

static enum answer_class class_of_code(int64_t code, const char *method)
{
    switch (code) {
    case 3: /* reverted */
        return ANSWER_REFUSED;
    case -32601:
    case -32004:
        return ANSWER_NO_METHOD;
    case 4444:
        return ANSWER_NO_HISTORY;
    case -32005: /* limit exceeded: of results for eth_getLogs, else of the rate */
        return method && strcmp(method, "eth_getLogs") == 0 ? ANSWER_LESS : ANSWER_RATE;
    case 429:
    case -32029:
        return ANSWER_RATE;
    case -32003:
        return ANSWER_LESS;
    case -32002:
    case -32603:
        return ANSWER_LATER;
    case 0: /* no JSON-RPC error: the HTTP status decides */
        return ANSWER_GOOD;
    default:
        return ANSWER_REFUSED;
    }
}

static enum answer_class class_of_http(int http_status)
{
    if (http_status == 429)
        return ANSWER_RATE;
    if (http_status == 413)
        return ANSWER_LESS;
    if (http_status == 401 || http_status == 404 || http_status == 407 ||
        (http_status >= 300 && http_status < 400))
        return ANSWER_CONFIG;
    if (http_status == 403)
        return ANSWER_NO_METHOD;
    if (http_status == 408 || http_status >= 500)
        return ANSWER_LATER;
    return ANSWER_REFUSED;
}

/* Only what is looked at, in lower case and without NULs. */
static void lower_text(struct json_span text, char to[static TEXT_LOOKED_AT + 1])
{
    size_t length = text.length < TEXT_LOOKED_AT ? text.length : TEXT_LOOKED_AT;
    for (size_t i = 0; i < length; i++)
        to[i] = text.text[i] ? (char)tolower((unsigned char)text.text[i]) : ' ';
    to[length] = '\0';
}

enum answer_class classify_error(int http_status, int64_t code, const char *method, struct json_span text)
{
    char lower[TEXT_LOOKED_AT + 1];
    lower_text(text, lower);
    enum answer_class class = code == 3 ? ANSWER_REFUSED : class_of_text(lower);
    if (class == ANSWER_GOOD && http_status == 429)
        return ANSWER_RATE;
    if (class == ANSWER_GOOD)
        class = class_of_code(code, method);
    return class == ANSWER_GOOD ? class_of_http(http_status) : class;
}

/* What stands before the number. */
static const char *const before_results[] = {"returned more than ", "logs matched by query exceeds limit of ", "max results "};
static const char *const before_blocks[] = {
    "limited to 0 - ",    "limited to a ",  "max range: ",        "block range: ", "max block range = ",   "blocks distance: ",
    "maximum is set to ", "up to a ",       "max is ",            "ranges over ",  "requested blocks is ", "limit the query to at most ",
    "exceeds limit of ",  "exceeds the limit of "};

/* "10000", "10,000", "2k"; 0: no number. */
static uint64_t stated_number(const char *at)
{
    uint64_t value = 0;
    size_t digits = 0;
    for (; (*at >= '0' && *at <= '9') || (*at == ',' && digits); at++) {
        if (*at == ',')
            continue;
        if (++digits > STATED_DIGITS_MAX)
            return 0;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    return *at == 'k' ? value * 1000 : value;
}

static uint64_t stated_behind(const char *lower, const char *const *before, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(lower, before[i]);
        uint64_t value = at ? stated_number(at + strlen(before[i])) : 0;
        if (value)
            return value;
    }
    return 0;
}

void classify_stated(struct json_span text, uint64_t *ret_blocks_max, uint64_t *ret_results_max)
{
    char lower[TEXT_LOOKED_AT + 1];
    lower_text(text, lower);
    *ret_results_max = stated_behind(lower, before_results, sizeof before_results / sizeof *before_results);
    *ret_blocks_max = *ret_results_max ? 0 : stated_behind(lower, before_blocks, sizeof before_blocks / sizeof *before_blocks);
}

enum tracer_status classify_status(enum answer_class class)
{
    switch (class) {
    case ANSWER_GOOD:
        return TRACER_OK;
    case ANSWER_LESS:
        return TRACER_E_LIMIT;
    case ANSWER_NO_HISTORY:
    case ANSWER_NO_METHOD:
        return TRACER_E_UNAVAILABLE;
    case ANSWER_RATE:
    case ANSWER_BENCH:
    case ANSWER_CONFIG:
        return TRACER_E_NETWORK;
    case ANSWER_REFUSED:
    case ANSWER_LATER:
    case ANSWER_MALFORMED:
    case ANSWER_FOREIGN:
        break;
    }
    return TRACER_E_REPLY;
}
