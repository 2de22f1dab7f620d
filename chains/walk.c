/* walk.c - from a range of blocks to one whose hash is known beforehand, header by header (threat-model 2,
 * R15).
 *
 * Headers are read from the top down, many requests under way, all at one endpoint: a chain that does not
 * hold is then that endpoint's. Where the checkpoint is the top each header is known by the one above it, so
 * that the next endpoint goes on where the first one failed; where it is the bottom the next one begins anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"

#define PIECES 8u         /* batches under way at once */
#define PIECE_HEADERS 50u /* of one batch; the client's batches may be smaller */

struct piece {
    struct rpc_batch batch;
    struct rpc_call calls[PIECE_HEADERS];
    char params[PIECE_HEADERS][QUANTITY_TEXT_SIZE + 10];
    uint64_t top;
    bool back;
};

struct walking {
    struct chain_client *client;
    struct chain_walk *walk;
    size_t endpoint;
    uint64_t top;
    uint64_t left, unasked; /* headers, the lowest ones of `walk->headers` */
    struct hash expected;   /* of the highest that is left */
    bool has_expected;
    struct piece *pieces; /* a ring */
    size_t head, used;
    struct arena *arena;
    struct arena_mark empty;
    struct error *err;
};

static uint64_t highest(const struct walking *walking, uint64_t left)
{
    return walking->top - (walking->walk->headers - left);
}

static enum tracer_status ask(struct walking *walking)
{
    struct piece *piece = &walking->pieces[(walking->head + walking->used) % PIECES];
    uint64_t top = highest(walking, walking->unasked), split = walking->client->network->rules->era_split;
    uint64_t count =
        walking->client->batch_calls < PIECE_HEADERS ? walking->client->batch_calls : PIECE_HEADERS;
    count = count ? count : 1;
    count = count < walking->unasked ? count : walking->unasked;
    if (top >= split && top - split < count)
        count = top - split + 1; /* other nodes may serve what is before it */
    piece->top = top;
    piece->back = false;
    for (uint64_t i = 0; i < count; i++) {
        char number[QUANTITY_TEXT_SIZE];
        format_quantity(top - i, number);
        snprintf(piece->params[i], sizeof piece->params[i], "[\"%s\",false]", number);
        piece->calls[i] = (struct rpc_call){.method = "eth_getBlockByNumber", .params = piece->params[i]};
    }
    piece->batch = (struct rpc_batch){.calls = piece->calls,
                                      .call_count = (size_t)count,
                                      .endpoint = walking->endpoint,
                                      .reply_max = TRACER_REPLY_BLOCK_MAX,
                                      .context = piece};
    enum tracer_status status = rpc_submit(walking->client->rpc, &piece->batch, walking->err);
    if (status)
        return status;
    walking->used++;
    walking->unasked -= count;
    return TRACER_OK;
}

static enum tracer_status not_expected(struct walking *walking, uint64_t number, struct hash hash)
{
    char text[HASH_TEXT_SIZE], expected[HASH_TEXT_SIZE];
    hash_format(hash, text);
    hash_format(walking->expected, expected);
    return error_set(walking->err, TRACER_E_REPLY, "its hash is %s, but %s %s: another chain, or a lie", text,
                     number == walking->walk->checkpoint.number ? "the checkpoint is"
                                                                : "the block above it names",
                     expected);
}

static enum tracer_status take_head(struct walking *walking, uint64_t number,
                                    const struct evm_block_head *head)
{
    struct chain_walk *walk = walking->walk;
    struct hash known;
    if (head->number != number)
        return error_set(walking->err, TRACER_E_REPLY, "block %" PRIu64 " for it", head->number);
    if (number == walk->checkpoint.number) {
        walking->expected = walk->checkpoint.hash;
        walking->has_expected = true;
    }
    if (walking->has_expected && !hash_equal(head->hash, walking->expected))
        return not_expected(walking, number, head->hash);
    if (walk->vouches && chain_checkpoint(walking->client->network, number, &known) &&
        !hash_equal(known, head->hash))
        return error_set(walking->err, TRACER_E_USAGE,
                         "its checkpoint does not lie on the way to that of block %" PRIu64
                         ": one of the two is wrong",
                         walk->checkpoint.number);
    if (number >= walk->first && number - walk->first < walk->hash_count)
        walk->hashes[number - walk->first] = head->hash;
    walking->expected = head->parent_hash;
    walking->has_expected = true;
    return TRACER_OK;
}

static enum tracer_status refuse(struct walking *walking, uint64_t number, struct json_span reply)
{
    const struct chain_walk *walk = walking->walk;
    struct chain_refusal refusal = {.number = number,
                                    .endpoint = rpc_endpoint_name(walking->client->rpc, walking->endpoint),
                                    .why = walking->err->text,
                                    .block = reply};
    struct error err;
    enum tracer_status status = walk->refused ? walk->refused(walk->context, &refusal, &err) : TRACER_OK;
    if (status)
        *walking->err = err;
    return status ? status : TRACER_E_REPLY;
}

static enum tracer_status take_call(struct walking *walking, const struct rpc_call *call, uint64_t number)
{
    struct json_span reply = {call->result, call->result_length};
    struct evm_block_head head;
    enum tracer_status status = call->status;
    if (status)
        *walking->err = call->error;
    else if (json_span_is(reply, "null"))
        status = error_set(walking->err, TRACER_E_UNAVAILABLE, "eth_getBlockByNumber: null: not served");
    else if (!(status = evm_prove_head(reply, walking->arena, &head, walking->err)))
        status = take_head(walking, number, &head);
    arena_reset(walking->arena, walking->empty);
    if (status)
        error_context(walking->err, "block %" PRIu64, number);
    return status == TRACER_E_REPLY && !call->status ? refuse(walking, number, reply) : status;
}

/* *ret_smaller: the endpoint wants to be asked for less at once. */
static enum tracer_status take_piece(struct walking *walking, struct piece *piece, bool *ret_smaller)
{
    const struct rpc_batch *batch = &piece->batch;
    bool shrinks = batch->status == TRACER_E_LIMIT || batch->status == TRACER_E_REPLY ||
                   batch->status == TRACER_E_UNAVAILABLE;
    for (size_t i = 0; !batch->status && i < batch->call_count; i++)
        shrinks |= batch->calls[i].status == TRACER_E_LIMIT;
    *ret_smaller = shrinks && batch->call_count > 1;
    if (*ret_smaller) {
        client_less_calls(walking->client, batch, (uint32_t)(batch->call_count / 2));
        return TRACER_OK;
    }
    if (batch->status) {
        *walking->err = batch->error;
        error_context(walking->err, "block %" PRIu64, piece->top);
        return batch->status;
    }
    for (size_t i = 0; i < batch->call_count; i++) {
        enum tracer_status status = take_call(walking, &batch->calls[i], piece->top - i);
        if (status)
            return status;
        walking->left--;
    }
    if (walking->walk->progress)
        walking->walk->progress(walking->walk->context, walking->walk->headers - walking->left,
                                walking->walk->headers);
    return TRACER_OK;
}

static void give_up(struct walking *walking)
{
    for (; walking->used; walking->used--) {
        rpc_batch_release(&walking->pieces[walking->head].batch); /* cancels what is under way */
        walking->head = (walking->head + 1) % PIECES;
    }
    walking->unasked = walking->left;
}

static enum tracer_status step(struct walking *walking)
{
    struct piece *piece = &walking->pieces[walking->head];
    struct rpc_batch *batch;
    bool smaller;
    if (walking->used < PIECES && walking->unasked)
        return ask(walking);
    if (!piece->back) {
        enum tracer_status status = rpc_wait(walking->client->rpc, &batch, walking->err);
        if (!status)
            ((struct piece *)batch->context)->back = true;
        return status;
    }
    enum tracer_status status = take_piece(walking, piece, &smaller);
    if (status)
        return status;
    if (smaller) {
        give_up(walking);
        return TRACER_OK;
    }
    rpc_batch_release(&piece->batch);
    walking->head = (walking->head + 1) % PIECES;
    walking->used--;
    return TRACER_OK;
}

/* With the endpoints one after the other until the chain between is whole. */
static enum tracer_status walk_down(struct walking *walking)
{
    struct chain_client *client = walking->client;
    struct chain_walk *walk = walking->walk;
    enum tracer_status status = error_set(walking->err, TRACER_E_NETWORK, "no endpoint is left");
    for (size_t i = 0; i < client->endpoint_count && status; i++) {
        if (!client->endpoints[i].usable)
            continue;
        walking->endpoint = i;
        if (!walk->vouches) {
            walking->left = walk->headers;
            walking->has_expected = false;
        }
        walking->unasked = walking->left;
        status = TRACER_OK;
        while (walking->left && !status)
            status = step(walking);
        give_up(walking);
        if (!status)
            break;
        if (status == TRACER_E_STOPPED || status == TRACER_E_NOMEM || status == TRACER_E_USAGE)
            return status;
        error_context(walking->err, "endpoint \"%s\"", rpc_endpoint_name(client->rpc, i));
        client_note(client, "%s: %s",
                    status == TRACER_E_REPLY ? "not believed" : "not followed to a checkpoint",
                    walking->err->text);
    }
    return status;
}

/* A checkpoint above vouches for everything; so it is taken even where one below is nearer. */
static enum tracer_status choose(const struct chain_network *network, struct chain_walk *walk,
                                 struct error *err)
{
    struct chain_checkpoint above, below;
    bool has_above = chain_checkpoint_nearest(network, walk->last, true, &above),
         has_below = chain_checkpoint_nearest(network, walk->last, false, &below);
    char nearest[96] = "there is none";
    uint64_t highest_useful = walk->first + TRACER_WALK_HEADERS_MAX - 1;
    if (has_above && above.number - walk->first < TRACER_WALK_HEADERS_MAX) {
        walk->checkpoint = above;
        walk->vouches = true;
    } else if (has_below && below.number >= walk->first &&
               below.number - walk->first < TRACER_WALK_HEADERS_MAX) {
        walk->checkpoint = below;
        walk->vouches = true;
    } else if (has_below && below.number < walk->first &&
               walk->first - below.number < TRACER_WALK_HEADERS_MAX) {
        walk->checkpoint = below;
        walk->vouches = false;
    } else {
        if (has_above && has_below)
            snprintf(nearest, sizeof nearest, "the nearest are %" PRIu64 " and %" PRIu64, below.number,
                     above.number);
        else if (has_above || has_below)
            snprintf(nearest, sizeof nearest, "the nearest is %" PRIu64,
                     has_above ? above.number : below.number);
        if (highest_useful < walk->last)
            return error_set(err, TRACER_E_LIMIT,
                             "blocks %" PRIu64 " to %" PRIu64
                             " are more than %u, and no checkpoint lies within that many headers of "
                             "the first: %s. Read them in parts",
                             walk->first, walk->last, TRACER_WALK_HEADERS_MAX, nearest);
        return error_set(
            err, TRACER_E_LIMIT,
            "no checkpoint lies within %u headers of blocks %" PRIu64 " to %" PRIu64
            ": %s. Add a block from %" PRIu64 " to %" PRIu64
            " whose hash you trust to the network in the configuration: \"checkpoints\": [\"NUMBER:0xHASH\"]",
            TRACER_WALK_HEADERS_MAX, walk->first, walk->last, nearest, walk->last, highest_useful);
    }
    return TRACER_OK;
}

enum tracer_status chain_walk(struct chain_client *client, struct chain_walk *walk, struct arena *arena,
                              struct error *err)
{
    struct error ignored;
    struct walking walking = {.client = client, .walk = walk, .err = err ? err : &ignored};
    if (walk->first > walk->last || walk->last > INT64_MAX)
        return error_set(err, TRACER_E_USAGE, "no range of blocks: %" PRIu64 " to %" PRIu64, walk->first,
                         walk->last);
    enum tracer_status status = choose(client->network, walk, walking.err);
    if (status)
        return status;
    uint64_t checkpoint = walk->checkpoint.number, end = checkpoint < walk->last ? checkpoint : walk->last;
    walking.top = walk->vouches ? checkpoint : walk->first;
    walk->headers = walking.top - (walk->vouches ? walk->first : checkpoint) + 1;
    walk->hash_count = walk->vouches ? (size_t)(end - walk->first + 1) : 1;
    walk->hashes = arena_calloc(arena, walk->hash_count, sizeof *walk->hashes);
    walking.left = walk->headers;
    walking.pieces = calloc(PIECES, sizeof *walking.pieces);
    walking.arena = arena_new(TRACER_REPLY_BLOCK_MAX * 4);
    if (!walk->hashes || !walking.pieces || !walking.arena) {
        status = error_set(walking.err, TRACER_E_NOMEM, "no memory");
    } else {
        walking.empty = arena_mark(walking.arena);
        status = walk_down(&walking);
    }
    if (status)
        error_context(walking.err, "the way to checkpoint %" PRIu64, checkpoint);
    free(walking.pieces);
    arena_free(walking.arena);
    return status;
}
