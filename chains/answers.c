/* answers.c - answers that tasks got ahead of the caller, kept until it asks the same (chain.h). */
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define BUCKETS 4096u

struct answer {
    struct answer *next;
    bool missing; /* no endpoint has the method, or has it that far back; the answer says why */
    size_t question_size, size;
    char text[]; /* method, 0, params, 0, the answer */
};

struct answers {
    struct answer *buckets[BUCKETS];
    struct answer *taken; /* the last one: its text is borrowed */
    size_t bytes;
};

enum tracer_status answers_open(struct chain_client *client, struct error *err)
{
    client->answers = calloc(1, sizeof *client->answers);
    return client->answers ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

void answers_close(struct chain_client *client)
{
    struct answers *answers = client->answers;
    for (size_t i = 0; answers && i < BUCKETS; i++)
        while (answers->buckets[i]) {
            struct answer *answer = answers->buckets[i];
            answers->buckets[i] = answer->next;
            free(answer);
        }
    if (answers)
        free(answers->taken);
    free(answers);
    client->answers = NULL;
}

static uint64_t mix(uint64_t hash, const char *text) /* FNV-1a */
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    return hash;
}

static struct answer **find(struct answers *answers, const char *method, const char *params)
{
    size_t length = strlen(method) + 1, size = length + strlen(params) + 1;
    struct answer **at = &answers->buckets[mix(mix(0xcbf29ce484222325u, method), params) % BUCKETS];
    while (*at && !((*at)->question_size == size && strcmp((*at)->text, method) == 0 && strcmp((*at)->text + length, params) == 0))
        at = &(*at)->next;
    return at;
}

bool client_answer(struct chain_client *client, const char *method, const char *params, struct json_span *ret_result, enum tracer_status *ret_status,
                  struct error *err)
{
    struct answers *answers = client->answers;
    struct answer **at = find(answers, method, params), *answer = *at;
    if (!answer)
        return false;
    if (!client_asks_ahead(client)) {
        *at = answer->next;
        answers->bytes -= answer->question_size + answer->size;
        free(answers->taken);
        answers->taken = answer;
    }
    *ret_result = (struct json_span){answer->text + answer->question_size, answer->size};
    *ret_status = answer->missing ? error_set(err, TRACER_E_UNAVAILABLE, "%.*s", (int)answer->size, ret_result->text) : TRACER_OK;
    return true;
}

static void keep(struct chain_client *client, const char *method, const char *params, struct json_span result, bool missing)
{
    struct answers *answers = client->answers;
    size_t length = strlen(method) + 1, size = length + strlen(params) + 1;
    struct answer **at = find(answers, method, params);
    if (*at || !client_asks_ahead(client) || size + result.length > TRACER_AHEAD_BYTES_MAX - answers->bytes)
        return;
    struct answer *answer = malloc(sizeof *answer + size + result.length);
    if (!answer) /* it will be asked again */
        return;
    *answer = (struct answer){.missing = missing, .question_size = size, .size = result.length};
    memcpy(answer->text, method, length);
    memcpy(answer->text + length, params, size - length);
    memcpy(answer->text + size, result.text, result.length);
    answers->bytes += size + result.length;
    *at = answer;
}

void client_keep(struct chain_client *client, const char *method, const char *params, struct json_span result)
{
    keep(client, method, params, result, false);
}

void client_keep_missing(struct chain_client *client, const char *method, const char *params, enum tracer_status status, const struct error *why)
{
    if (status == TRACER_E_UNAVAILABLE)
        keep(client, method, params, (struct json_span){why->text, strlen(why->text)}, true);
}
