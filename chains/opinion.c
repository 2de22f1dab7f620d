/* opinion.c - see opinion.h. */
#include "opinion.h"

#include <string.h>

#define QUANTITY_SIZE 67u

void opinion_add(struct opinion *opinion, struct u256 number, size_t endpoint)
{
    opinion->asked |= UINT32_C(1) << endpoint;
    for (size_t i = 0; i < opinion->count; i++)
        opinion->settled = opinion->settled || u256_equal(opinion->words[i].number, number);
    if (opinion->count < OPINION_WORDS)
        opinion->words[opinion->count++] = (struct word){number, endpoint};
}

size_t opinion_next(const struct chain_client *client, struct opinion *opinion, uint64_t at)
{
    for (size_t i = 1; !opinion->settled && opinion->count && opinion->count < OPINION_WORDS && i < client->endpoint_count; i++) {
        size_t endpoint = (opinion->words[0].endpoint + i) % client->endpoint_count;
        const struct client_endpoint *known = &client->endpoints[endpoint];
        bool other = known->usable && !client_is_silent(client, endpoint, WORD_ON_STATE) && !(opinion->asked >> endpoint & 1) && (!known->is_silent || at > known->silent_at);
        for (size_t k = 0; k < opinion->count && other; k++)
            other = !rpc_same_operator(client->rpc, opinion->words[k].endpoint, endpoint);
        if (other) {
            opinion->asked |= UINT32_C(1) << endpoint;
            return endpoint;
        }
    }
    return RPC_ANY;
}

/* What was pruned there is not asked for again. */
void opinion_silent(struct chain_client *client, size_t endpoint, uint64_t at, enum tracer_status why)
{
    struct client_endpoint *known = &client->endpoints[endpoint];
    if (why == TRACER_E_NETWORK)
        client_gave_word(client, endpoint, WORD_ON_STATE, false);
    if (why != TRACER_E_UNAVAILABLE)
        return;
    known->silent_at = known->is_silent && known->silent_at > at ? known->silent_at : at;
    known->is_silent = true;
}

static enum tracer_status tell(struct chain_client *client, const struct word *word, const struct word *other, const char *method, const char *params,
                               uint64_t at, struct error *err)
{
    char number[QUANTITY_SIZE], counts[QUANTITY_SIZE];
    if (client->endpoints[word->endpoint].doubted.endpoint)
        return TRACER_OK;
    u256_format_quantity(word->number, number);
    u256_format_quantity(other->number, counts);
    const char *why = arena_printf(client->arena, "%s of %s is %s by it, %s by \"%s\"", method, params, number, counts,
                                   rpc_endpoint_name(client->rpc, other->endpoint));
    const char *reply = arena_printf(client->arena, "\"%s\"", number);
    return client_doubt(client, word->endpoint, at + 1, why, (struct json_span){reply, reply ? strlen(reply) : 0}, err);
}

enum tracer_status opinion_number(struct chain_client *client, const struct opinion *opinion, const char *method, const char *params, uint64_t at,
                                  struct u256 *ret_number, struct error *err)
{
    const struct word *counts = &opinion->words[0], *words = opinion->words;
    enum tracer_status status = TRACER_OK;
    bool agreed = opinion->count == 1;
    if (agreed && client_has_other(client, counts->endpoint))
        client_note(client, "some answers to %s are one endpoint's word: no other operator gave any", method);
    for (size_t i = 0; i < opinion->count && !agreed; i++)
        for (size_t k = i + 1; k < opinion->count && !agreed; k++) {
            agreed = u256_equal(words[i].number, words[k].number);
            counts = agreed ? &words[i] : counts;
        }
    if (!agreed) {
        for (size_t i = 0; i < opinion->count && !status; i++)
            status = tell(client, &words[i], &words[i ? 0 : 1], method, params, at, err);
        return status ? status
                      : error_set(err, TRACER_E_REPLY, "%s of %s: endpoints disagree: \"%s\" and \"%s\"", method, params,
                                  rpc_endpoint_name(client->rpc, words[0].endpoint), rpc_endpoint_name(client->rpc, words[1].endpoint));
    }
    for (size_t i = 0; i < opinion->count && !status; i++)
        if (!u256_equal(words[i].number, counts->number))
            status = tell(client, &words[i], counts, method, params, at, err);
    *ret_number = counts->number;
    return status;
}

/* The first word's text, or that of the last, which settled it otherwise. */
static void keep(struct chain_client *client, const char *method, const char *params, const struct opinion *opinion, struct u256 counts,
                 const struct buffer *first, const struct buffer *last)
{
    const struct buffer *text = u256_equal(opinion->words[0].number, counts) ? first : last;
    if (text->size)
        client_keep(client, method, params, span_of(text));
}

/* A call that its contract refuses is read as no text, which may be a word, too: there is no such function. */
static enum tracer_status hear(struct chain_client *client, const char *method, const char *params, opinion_read_fn *read, const void *context,
                               struct buffer *ret_result, size_t *endpoint, struct u256 *ret_number, struct error *err)
{
    struct error ignored;
    enum tracer_status status = client_call_by(client, method, params, ret_result, endpoint, err);
    if (status != TRACER_E_REPLY || *endpoint == RPC_ANY)
        return status ? status : read(context, span_of(ret_result), ret_number, err);
    buffer_clear(ret_result);
    return read(context, (struct json_span){"", 0}, ret_number, &ignored) ? status : TRACER_OK;
}

/* From anyone; where it cannot be read, from the others. */
static enum tracer_status ask_first(struct chain_client *client, const char *method, const char *params, opinion_read_fn *read, const void *context,
                                    struct buffer *ret_result, struct opinion *opinion, struct error *err)
{
    struct u256 number;
    struct error why;
    size_t endpoint = RPC_ANY;
    enum tracer_status status = hear(client, method, params, read, context, ret_result, &endpoint, &number, err);
    const size_t asked = endpoint;
    for (size_t other = 0; status == TRACER_E_REPLY && other < client->endpoint_count; other++) {
        if (other == asked || !client->endpoints[other].usable)
            continue;
        endpoint = other;
        enum tracer_status answered = hear(client, method, params, read, context, ret_result, &endpoint, &number, &why);
        if (answered == TRACER_E_STOPPED || answered == TRACER_E_NOMEM)
            return error_set(err, answered, "%s", why.text);
        if (!answered)
            status = TRACER_OK;
    }
    if (!status)
        opinion_add(opinion, number, endpoint);
    return status;
}

enum tracer_status opinion_ask(struct chain_client *client, const char *method, const char *params, uint64_t at, opinion_read_fn *read,
                               const void *context, struct u256 *ret_number, struct error *err)
{
    struct opinion opinion = {.count = 0};
    struct buffer first, next;
    struct json_span known;
    struct error why;
    struct u256 number;
    enum tracer_status status;
    size_t endpoint;
    if (client_answer(client, method, params, &known, &status, err))
        return status ? status : read(context, known, ret_number, err);
    buffer_init(&first, TRACER_REPLY_OTHER_MAX);
    buffer_init(&next, TRACER_REPLY_OTHER_MAX);
    status = ask_first(client, method, params, read, context, &first, &opinion, err);
    while (!status && (endpoint = opinion_next(client, &opinion, at)) != RPC_ANY) {
        const size_t asked = endpoint;
        enum tracer_status answered = hear(client, method, params, read, context, &next, &endpoint, &number, &why);
        if (!answered) {
            client_gave_word(client, asked, WORD_ON_STATE, true);
            opinion_add(&opinion, number, asked);
        } else if (answered == TRACER_E_STOPPED || answered == TRACER_E_NOMEM) {
            status = error_set(err, answered, "%s", why.text);
        } else {
            opinion_silent(client, asked, at, answered);
        }
    }
    if (!status && !(status = opinion_number(client, &opinion, method, params, at, ret_number, err)))
        keep(client, method, params, &opinion, *ret_number, &first, &next);
    client_keep_missing(client, method, params, status, err);
    buffer_release(&first);
    buffer_release(&next);
    return status;
}
