/* explorer.c - which blocks concern an account, as block explorers list them (history.h; facts: ethereum-rpc 8).
 *
 * A list is asked for page by page, sorted by block, each from the block behind the last one that is known: rows of a block
 * that stand on two pages are of no interest, since blocks are read whole. Only an answer that is empty, or a page that
 * ends in the last block asked for, ends a list: a page may be shorter than what was asked for. Of a row only its block
 * number is read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define PARAMS_SIZE 288

enum list_kind { LIST_SENT, LIST_INTERNAL, LIST_TOKENS, LIST_NFT, LIST_MULTI, LIST_COUNT };
static const char *const actions[LIST_COUNT] = {
    [LIST_SENT] = "txlist", [LIST_INTERNAL] = "txlistinternal", [LIST_TOKENS] = "tokentx", [LIST_NFT] = "tokennfttx", [LIST_MULTI] = "token1155tx"};

struct list { /* one of them at one explorer */
    struct rpc_batch batch;
    struct rpc_call call;
    char params[PARAMS_SIZE];
    uint64_t first, last; /* of the page that is asked for */
    uint64_t most;        /* blocks that are asked for at once; 0: all that are left */
    uint32_t rows, pages;
    bool complete;
};

struct search {
    struct chain_client *client;
    size_t explorer;
    char account[ADDRESS_TEXT_SIZE];
    uint64_t last;
    size_t blocks_max, alive;
    struct history_blocks *blocks;
    struct list lists[LIST_COUNT];
    struct error *err;
};

void history_use_explorers(struct chain_client *client, struct rpc *explorers)
{
    client->explorers = explorers;
}

/* ---- one page ---- */

static enum tracer_status submit(struct search *search, struct list *list)
{
    size_t kind = (size_t)(list - search->lists);
    list->last = list->most && search->last - list->first >= list->most ? list->first + list->most - 1 : search->last;
    snprintf(list->params, sizeof list->params,
             "\"module=account&action=%s&address=%s&startblock=%" PRIu64 "&endblock=%" PRIu64 "&page=1&offset=%" PRIu32 "&sort=asc&chainid=%" PRIu64 "\"",
             actions[kind], search->account, list->first, list->last, list->rows, search->client->network->chain_id);
    list->call = (struct rpc_call){.method = actions[kind], .params = list->params};
    rpc_batch_release(&list->batch);
    list->batch = (struct rpc_batch){.calls = &list->call, .call_count = 1, .endpoint = search->explorer, .reply_max = TRACER_REPLY_BLOCK_MAX, .context = list};
    enum tracer_status status = rpc_submit(search->client->explorers, &list->batch, search->err);
    search->alive += !status;
    return status;
}

/* A decimal number in quotes, as explorers write all of theirs. */
static bool read_decimal(struct json_reader *reader, uint64_t *ret_value)
{
    struct json_span text;
    if (!json_read_string(reader, &text, NULL))
        return false;
    if (text.length == 0 || text.length > 18 || (text.length > 1 && *text.text == '0'))
        return json_fail(reader, "not a block number");
    *ret_value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] < '0' || text.text[i] > '9')
            return json_fail(reader, "not a block number");
        *ret_value = *ret_value * 10 + (uint64_t)(text.text[i] - '0');
    }
    return true;
}

static bool read_row(struct json_reader *reader, uint64_t *ret_number)
{
    struct json_span key;
    bool found = false;
    if (!json_enter_object(reader))
        return false;
    while (json_next_member(reader, &key)) {
        if (!json_span_is(key, "blockNumber"))
            json_skip(reader, NULL);
        else if (found)
            json_fail(reader, "blockNumber stands twice");
        else
            found = read_decimal(reader, ret_number);
    }
    return json_ok(reader) && (found || json_fail(reader, "a row without blockNumber"));
}

/* The blocks of a page; *ret_highest is its last one, which it has if it has rows. */
static enum tracer_status read_page(struct search *search, const struct list *list, size_t *ret_rows, uint64_t *ret_highest)
{
    struct json_reader reader;
    uint64_t number = 0, before = list->first;
    enum tracer_status status = TRACER_OK;
    *ret_rows = 0;
    json_reader_init(&reader, list->call.result, list->call.result_length, TRACER_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX);
    json_enter_array(&reader);
    while (!status && json_next_element(&reader) && read_row(&reader, &number)) {
        if (number < list->first || number > list->last)
            json_fail(&reader, "a block that was not asked for");
        else if (number < before)
            json_fail(&reader, "the rows are not sorted by block");
        else if (++*ret_rows > TRACER_EXPLORER_ROWS_MAX)
            json_fail(&reader, "more rows than a page may have");
        else if (number != before || *ret_rows == 1)
            status = history_blocks_add(search->blocks, number, search->err);
        before = number;
    }
    *ret_highest = before;
    if (status || json_finish(&reader))
        return status;
    status = json_reader_error(&reader, search->err);
    error_context(search->err, "explorer \"%s\": %s", rpc_endpoint_name(search->client->explorers, search->explorer), list->call.method);
    return status;
}

/* Too much at once: fewer blocks and fewer rows. */
static bool lessen(struct list *list)
{
    uint64_t size = list->last - list->first + 1;
    if (size == 1 && list->rows == 1)
        return false;
    list->most = size > 1 ? size / 2 : 1;
    list->rows = list->rows > 1 ? list->rows / 2 : 1;
    return true;
}

/* What was not given is noted; only what ends the whole run is a status. */
static enum tracer_status leave(struct search *search, const struct error *why, bool explorer_too)
{
    if (why->status == TRACER_E_STOPPED || why->status == TRACER_E_NOMEM || why->status == TRACER_E_IO || why->status == TRACER_E_DAMAGED ||
        why->status == TRACER_E_INTERNAL) {
        if (search->err != why)
            *search->err = *why;
        return why->status;
    }
    client_note(search->client, "%s", why->text);
    search->client->explorer_off[search->explorer] = search->client->explorer_off[search->explorer] || explorer_too;
    return TRACER_OK;
}

static enum tracer_status take(struct search *search, struct list *list)
{
    const struct error *why = list->batch.status ? &list->batch.error : &list->call.error;
    size_t rows = 0;
    uint64_t highest = 0;
    struct error many;
    if (why->status == TRACER_E_LIMIT && lessen(list))
        return submit(search, list);
    if (why->status)
        return leave(search, why, why->status == TRACER_E_NETWORK);
    enum tracer_status status = read_page(search, list, &rows, &highest);
    if (status == TRACER_E_REPLY || (status == TRACER_E_LIMIT && search->blocks->count < TRACER_HISTORY_BLOCKS_MAX))
        return leave(search, search->err, false);
    if (status)
        return status;
    history_blocks_sort(search->blocks);
    if (search->blocks->count > search->blocks_max)
        return error_set(search->err, TRACER_E_LIMIT, "explorer \"%s\": more than %zu blocks",
                         rpc_endpoint_name(search->client->explorers, search->explorer), search->blocks_max);
    uint64_t known = rows ? highest : list->last; /* up to here */
    list->complete = known == search->last;
    list->first = known + 1;
    if (list->complete)
        return TRACER_OK;
    if (++list->pages < TRACER_EXPLORER_PAGES_MAX)
        return submit(search, list);
    error_set(&many, TRACER_E_LIMIT, "explorer \"%s\": %s: more than %u pages", rpc_endpoint_name(search->client->explorers, search->explorer),
              list->call.method, TRACER_EXPLORER_PAGES_MAX);
    return leave(search, &many, false);
}

/* ---- all lists of one explorer, at once ---- */

static enum tracer_status ask(struct search *search, uint64_t first)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < LIST_COUNT && !status; i++) {
        search->lists[i] = (struct list){.first = first, .rows = TRACER_EXPLORER_ROWS};
        status = submit(search, &search->lists[i]);
    }
    while (!status && search->alive) {
        struct rpc_batch *done;
        if ((status = rpc_wait(search->client->explorers, &done, search->err)))
            break;
        search->alive--;
        status = take(search, done->context);
    }
    for (size_t i = 0; i < LIST_COUNT; i++)
        rpc_batch_release(&search->lists[i].batch);
    return status;
}

static void add_name(struct history_explored *explored, const char *name)
{
    size_t used = strlen(explored->names);
    if (used + 1 + strlen(name) < 2 * TRACER_ENDPOINT_NAME_MAX)
        snprintf(explored->names + used, sizeof explored->names - used, "%s%s", used ? "," : "", name);
    else if (used < 4 || strcmp(explored->names + used - 4, ",...") != 0)
        snprintf(explored->names + used, sizeof explored->names - used, ",...");
}

enum tracer_status history_find_explored(struct chain_client *client, struct address account, uint64_t first, uint64_t last, size_t blocks_max,
                                         struct history_blocks *blocks, struct history_explored *ret_explored, struct error *err)
{
    struct search *search = calloc(1, sizeof *search);
    enum tracer_status status = search ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    *ret_explored = (struct history_explored){0};
    size_t count = client->explorers ? rpc_endpoint_count(client->explorers) : 0;
    for (size_t i = 0; i < count && !status && !(ret_explored->calls && ret_explored->tokens); i++) {
        if (client->explorer_off[i])
            continue;
        *search = (struct search){.client = client, .explorer = i, .last = last, .blocks_max = blocks_max, .blocks = blocks, .err = err};
        address_format(account, search->account);
        status = first <= last ? ask(search, first ? first : 1) : TRACER_OK;
        const struct list *lists = search->lists;
        bool any = false;
        for (size_t k = 0; k < LIST_COUNT; k++)
            any = any || lists[k].complete || lists[k].pages;
        if (any)
            add_name(ret_explored, rpc_endpoint_name(client->explorers, i));
        ret_explored->calls = ret_explored->calls || (lists[LIST_SENT].complete && lists[LIST_INTERNAL].complete);
        ret_explored->tokens = ret_explored->tokens || (lists[LIST_TOKENS].complete && lists[LIST_NFT].complete && lists[LIST_MULTI].complete);
    }
    free(search);
    history_blocks_sort(blocks);
    return status;
}
