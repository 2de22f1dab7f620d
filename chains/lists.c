/* lists.c - see lists.h. */
#include "lists.h"

#include <inttypes.h>
#include <string.h>

void lists_release(struct lists *lists)
{
    for (size_t i = 0; i < LISTS_MAX; i++)
        history_blocks_free(&lists->said[i].blocks);
    lists->count = 0;
}

struct history_blocks *lists_room(struct lists *lists)
{
    struct history_blocks *blocks = &lists->said[lists->count].blocks;
    blocks->count = 0;
    return blocks;
}

void lists_take(struct lists *lists, size_t endpoint, uint64_t end)
{
    struct list *list = &lists->said[lists->count++];
    list->endpoint = endpoint;
    list->end = end;
    history_blocks_sort(&list->blocks);
}

/* The first block that only one of them lists, where both lists go; 0: none. */
static uint64_t difference(const struct list *a, const struct list *b)
{
    const uint64_t end = a->end < b->end ? a->end : b->end;
    for (size_t i = 0;; i++) {
        uint64_t x = i < a->blocks.count ? a->blocks.numbers[i] : UINT64_MAX, y = i < b->blocks.count ? b->blocks.numbers[i] : UINT64_MAX;
        uint64_t first = x < y ? x : y;
        if (first > end || first == UINT64_MAX)
            return 0;
        if (x != y)
            return first;
    }
}

/* The first that another one is like; LISTS_MAX: no two are alike. */
static size_t alike(const struct lists *lists)
{
    for (size_t i = 0; i < lists->count; i++)
        for (size_t k = i + 1; k < lists->count; k++)
            if (!difference(&lists->said[i], &lists->said[k]))
                return i;
    return LISTS_MAX;
}

size_t lists_other(const struct chain_client *client, enum history_way way, const struct lists *lists, size_t question_count, uint32_t tried)
{
    bool settled = true;
    for (size_t i = 0; i < question_count; i++)
        settled = settled && (lists[i].count == LISTS_MAX || alike(&lists[i]) < LISTS_MAX);
    for (size_t i = 0; !settled && i < client->endpoint_count; i++) {
        size_t endpoint = ((lists->count ? lists->said[0].endpoint : client->turn) + i) % client->endpoint_count;
        const struct client_endpoint *known = &client->endpoints[endpoint];
        bool other = known->usable && !known->lacks[way] && !(tried >> endpoint & 1) && !(lists->count && client_is_silent(client, endpoint, WORD_ON_LISTS));
        for (size_t k = 0; k < lists->count && other; k++)
            other = !rpc_same_operator(client->rpc, lists->said[k].endpoint, endpoint);
        if (other)
            return endpoint;
    }
    return RPC_ANY;
}

static bool has(const struct list *list, uint64_t number)
{
    for (size_t i = 0; i < list->blocks.count && list->blocks.numbers[i] <= number; i++)
        if (list->blocks.numbers[i] == number)
            return true;
    return false;
}

static enum tracer_status doubt(struct chain_client *client, const struct list *list, const struct list *right, uint64_t number, const char *method,
                                const char *params, struct error *err)
{
    const char *why = arena_printf(client->arena, "%s of %s: block %" PRIu64 " is %slisted by it, %s by \"%s\"", method, params, number,
                                   has(list, number) ? "" : "not ", has(list, number) ? "not" : "but", rpc_endpoint_name(client->rpc, right->endpoint));
    struct json_span reply = {0};
    struct buffer text;
    buffer_init(&text, TRACER_REFUSED_BYTES_MAX);
    for (size_t i = 0; i < list->blocks.count; i++)
        buffer_printf(&text, "%c%" PRIu64, i ? ',' : '[', list->blocks.numbers[i]);
    buffer_text(&text, list->blocks.count ? "]" : "[]");
    if (text.size) /* of too many the first */
        reply = (struct json_span){arena_copy(client->arena, text.data, text.size), text.size};
    buffer_release(&text);
    return client_doubt(client, list->endpoint, number, why, reply, err);
}

static enum tracer_status tell(struct chain_client *client, const struct lists *lists, const char *method, const char *params, struct error *err)
{
    const size_t right = alike(lists);
    enum tracer_status status = TRACER_OK;
    uint64_t number;
    if (lists->count == 1 && client_has_other(client, lists->said[0].endpoint))
        client_note(client, "%s: what is listed is one endpoint's word, \"%s\": no other operator answers it", method,
                    rpc_endpoint_name(client->rpc, lists->said[0].endpoint));
    for (size_t i = 0; i < lists->count && right < LISTS_MAX && !status; i++)
        if ((number = difference(&lists->said[i], &lists->said[right])))
            status = doubt(client, &lists->said[i], &lists->said[right], number, method, params, err);
    if (lists->count > 1 && right == LISTS_MAX)
        client_note(client, "%s: endpoints list other blocks, \"%s\" and \"%s\" the first: all of them are read", method,
                    rpc_endpoint_name(client->rpc, lists->said[0].endpoint), rpc_endpoint_name(client->rpc, lists->said[1].endpoint));
    return status;
}

enum tracer_status lists_merge(struct chain_client *client, struct lists *lists, const char *method, const char *params, struct history_blocks *to,
                               uint64_t *ret_end, struct error *err)
{
    enum tracer_status status = tell(client, lists, method, params, err);
    *ret_end = UINT64_MAX;
    for (size_t i = 0; i < lists->count; i++)
        *ret_end = lists->said[i].end < *ret_end ? lists->said[i].end : *ret_end;
    for (size_t i = 0; i < lists->count && !status; i++)
        for (size_t k = 0; k < lists->said[i].blocks.count && lists->said[i].blocks.numbers[k] <= *ret_end && !status; k++)
            status = history_blocks_add(to, lists->said[i].blocks.numbers[k], err);
    history_blocks_sort(to);
    lists_release(lists);
    return status;
}
