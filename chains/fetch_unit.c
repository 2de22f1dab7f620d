/* fetch_unit.c - the calls of one unit of blocks: asked for, asked for again, read, decoded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "tracer/clock.h"
#include "tracer/proof.h"

/* ---- asking ---- */

/* Of the kind that is asked for, and no other: the order of a block's rows (architecture 4, row keys) must not be whose answer came first. */
static bool traces_of(const struct fetching *fetching, size_t endpoint)
{
    return fetching->client->endpoints[endpoint].traces == fetching->client->traces;
}

bool fetching_wants_traces(const struct fetching *fetching)
{
    return fetching->fetch->want_traces && fetching->client->traces != TRACES_NONE;
}

static bool fits(const struct fetching *fetching, size_t endpoint)
{
    return fetching->client->endpoints[endpoint].usable && (!fetching_wants_traces(fetching) || traces_of(fetching, endpoint));
}

/* In turn one that has what is wanted. */
static size_t next_endpoint(struct fetching *fetching)
{
    struct chain_client *client = fetching->client;
    for (size_t tried = 0; tried < client->endpoint_count; tried++) {
        size_t endpoint = client->turn++ % client->endpoint_count;
        if (fits(fetching, endpoint))
            return endpoint;
    }
    return RPC_ANY; /* none fits: whoever answers says what it lacks */
}

/* The one behind who was asked last: none twice before all were. */
static size_t endpoint_behind(struct fetching *fetching, size_t last)
{
    const struct chain_client *client = fetching->client;
    for (size_t i = 1; i <= client->endpoint_count && last != RPC_ANY; i++)
        if (fits(fetching, (last + i) % client->endpoint_count))
            return (last + i) % client->endpoint_count;
    return next_endpoint(fetching);
}

/* Whom to ask: anybody if all are alike, and a block's replies are of one batch: what is said of it must be one endpoint's word. */
static size_t choose_endpoint(struct fetching *fetching)
{
    const struct chain_client *client = fetching->client;
    const uint32_t calls = 2 + (uint32_t)fetching_wants_traces(fetching);
    size_t fit = 0;
    for (size_t i = 0; i < client->endpoint_count; i++)
        fit += fits(fetching, i);
    return fit == client->endpoint_count && !client->no_block_receipts && client->batch_calls >= calls ? RPC_ANY : next_endpoint(fetching);
}

static size_t calls_a_block(const struct unit *unit)
{
    return 1 + (size_t)!unit->receipts_apart + (size_t)unit->traced;
}

/* Calls of one batch: whole blocks, if that many are taken at all. */
static size_t calls_a_batch(const struct fetching *fetching, const struct unit *unit, unsigned wave)
{
    size_t most = fetching->client->batch_calls, block = wave == WAVE_BLOCKS ? calls_a_block(unit) : 1;
    return most < block ? most : most / block * block;
}

void wave_release(struct wave *wave)
{
    for (size_t i = 0; i < wave->batch_count; i++)
        client_release(&wave->batches[i]);
    *wave = (struct wave){0};
}

void unit_release(struct unit *unit)
{
    for (size_t i = 0; i < WAVE_COUNT; i++)
        wave_release(&unit->waves[i]);
    unit->pending = 0;
}

enum tracer_status unit_submit(struct fetching *fetching, struct unit *unit, unsigned at, size_t size, size_t endpoint, bool traces)
{
    struct wave *wave = &unit->waves[at];
    size_t count = (wave->call_count + size - 1) / size;
    struct rpc_batch *batches = arena_calloc(unit->arena, count, sizeof *batches);
    if (!batches)
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    unit->wave = at;
    wave->batches = batches;
    for (size_t i = 0; i < count; i++) {
        size_t first = i * size, left = wave->call_count - first;
        batches[i] = (struct rpc_batch){
            .calls = wave->calls + first,
            .call_count = left < size ? left : size,
            .endpoint = endpoint,
            .reply_max = traces ? TRACER_REPLY_TRACES_MAX : TRACER_REPLY_BLOCK_MAX,
            .depth_max = traces ? TRACER_TRACE_JSON_DEPTH_MAX : TRACER_JSON_DEPTH_MAX,
            .values_max = traces ? TRACER_TRACE_VALUES_MAX : TRACER_JSON_VALUES_MAX,
            .context = unit,
        };
        enum tracer_status status = client_submit(fetching->client, &batches[i], fetching->err);
        if (status)
            return status;
        wave->batch_count++;
        unit->pending++;
    }
    return TRACER_OK;
}

static enum tracer_status submit_wave(struct fetching *fetching, struct unit *unit, unsigned wave)
{
    return unit_submit(fetching, unit, wave, calls_a_batch(fetching, unit, wave), unit->endpoint, unit->traced && wave == WAVE_BLOCKS);
}

bool unit_trace_call(struct unit *unit, const char *number, enum chain_traces traces, struct rpc_call *to)
{
    bool flat = traces == TRACES_TRACE_BLOCK;
    const char *params = flat ? arena_printf(unit->arena, "[\"%s\"]", number) : arena_printf(unit->arena, "[\"%s\"," CALL_TRACER_LOGS "]", number);
    *to = (struct rpc_call){.method = flat ? "trace_block" : "debug_traceBlockByNumber", .params = params};
    return params != NULL;
}

/* The calls of all blocks of the unit. */
static bool fill_calls(const struct fetching *fetching, struct unit *unit)
{
    struct wave *wave = &unit->waves[0];
    size_t stride = calls_a_block(unit), at = 0;
    wave->call_count = stride * unit->count;
    wave->calls = arena_calloc(unit->arena, wave->call_count, sizeof *wave->calls);
    if (!wave->calls)
        return false;
    for (uint32_t i = 0; i < unit->count; i++) {
        char number[QUANTITY_TEXT_SIZE];
        format_quantity(unit->first + i, number);
        const char *only = arena_printf(unit->arena, "[\"%s\"]", number);
        const char *block = arena_printf(unit->arena, "[\"%s\",true]", number);
        if (!only || !block)
            return false;
        wave->calls[at++] = (struct rpc_call){.method = "eth_getBlockByNumber", .params = block};
        if (!unit->receipts_apart)
            wave->calls[at++] = (struct rpc_call){.method = "eth_getBlockReceipts", .params = only};
        if (unit->traced && !unit_trace_call(unit, number, fetching->client->traces, &wave->calls[at++]))
            return false;
    }
    return true;
}

static enum tracer_status begin_at(struct fetching *fetching, struct unit *unit, size_t endpoint)
{
    unit_release(unit);
    arena_reset(unit->arena, unit->empty);
    unit->state = UNIT_WAITING;
    unit->endpoint = endpoint;
    unit->traced = fetching_wants_traces(fetching);
    unit->receipts_apart = fetching->client->no_block_receipts;
    unit->blocks = NULL;
    unit->word_waves = unit->words_asked = 0;
    memset(unit->words, 0, sizeof unit->words);
    memset(unit->alone, 0, sizeof unit->alone);
    if (!fill_calls(fetching, unit))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    return submit_wave(fetching, unit, WAVE_BLOCKS);
}

enum tracer_status unit_begin(struct fetching *fetching, struct unit *unit)
{
    return begin_at(fetching, unit, choose_endpoint(fetching));
}

/* ---- asking again ---- */

struct replies unit_replies(const struct unit *unit, size_t block)
{
    const struct rpc_call *at = unit->waves[0].calls + block * calls_a_block(unit);
    struct replies replies = {.block = at++};
    if (!unit->receipts_apart)
        replies.receipts = at++;
    if (unit->traced)
        replies.traces = at;
    return replies;
}

size_t unit_answered_by(const struct unit *unit, const struct rpc_call *call)
{
    const struct wave *wave = &unit->waves[0];
    for (size_t i = 0; i < wave->batch_count; i++)
        if (call >= wave->batches[i].calls && call < wave->batches[i].calls + wave->batches[i].call_count)
            return wave->batches[i].answered_by;
    return unit->source;
}

/* Once more from the start; `why` is the failure if it was once too often. */
static enum tracer_status again_at(struct fetching *fetching, struct unit *unit, size_t endpoint, const struct error *why)
{
    if (++unit->attempts >= TRACER_ATTEMPTS_MAX) {
        *fetching->err = *why;
        return why->status;
    }
    return begin_at(fetching, unit, endpoint);
}

static enum tracer_status again(struct fetching *fetching, struct unit *unit, const struct error *why)
{
    return again_at(fetching, unit, unit->endpoint == RPC_ANY ? choose_endpoint(fetching) : endpoint_behind(fetching, unit->endpoint), why);
}

enum tracer_status unit_tell_refusal(struct fetching *fetching, struct unit *unit, size_t block, const struct error *why)
{
    struct replies replies = unit_replies(unit, block);
    unit->source = unit_answered_by(unit, replies.block);
    struct chain_refusal refusal = {.number = unit->first + block,
                                    .endpoint = rpc_endpoint_name(fetching->client->rpc, unit->source),
                                    .why = why->text,
                                    .block = result_of(replies.block)};
    if (replies.receipts)
        refusal.receipts = result_of(replies.receipts);
    if (replies.traces)
        refusal.traces = result_of(replies.traces);
    return fetching_tell_refusal(fetching, &refusal);
}

/* The content is wrong or not there: ask elsewhere. The pool counts it against the endpoint that answered. */
static enum tracer_status reject(struct fetching *fetching, struct unit *unit, size_t block, const struct error *why)
{
    enum tracer_status told = why->status == TRACER_E_REPLY ? unit_tell_refusal(fetching, unit, block, why) : TRACER_OK;
    if (told)
        return told;
    struct wave *wave = &unit->waves[0];
    if (unit->wave != 0 || unit->endpoint != RPC_ANY) /* of receipts one by one nobody knows whose was wrong: one alone is asked next */
        return again_at(fetching, unit, endpoint_behind(fetching, unit->endpoint), why);
    for (size_t i = 0; i < wave->batch_count; i++) {
        struct error refused;
        enum tracer_status status = client_reject(fetching->client, &wave->batches[i], why, &refused);
        if (status == TRACER_E_REPLY) { /* attempts are used up: the reason is the failure */
            *fetching->err = *why;
            return why->status;
        }
        if (status) {
            *fetching->err = refused;
            return status;
        }
        unit->pending++;
    }
    return TRACER_OK;
}

/* A batch of several calls was refused or too large: smaller ones. */
static enum tracer_status smaller(struct fetching *fetching, struct unit *unit, const struct rpc_batch *batch)
{
    client_less_calls(fetching->client, batch, (uint32_t)(batch->call_count / 2));
    return unit_begin(fetching, unit);
}

static void where(struct error *error, const struct unit *unit, size_t block)
{
    error_context(error, "block %" PRIu64, unit->first + block);
}

/* ---- reading a unit's replies ---- */

/* The failure of a call, or what its null means: not served here (R7). */
static struct error failure_of(const struct rpc_call *call)
{
    struct error error = call->error;
    if (call->status == TRACER_OK)
        error_set(&error, TRACER_E_UNAVAILABLE, "%s: null: not served", call->method);
    error.status = call->status ? call->status : TRACER_E_UNAVAILABLE;
    return error;
}

static enum tracer_status batch_failed(struct fetching *fetching, struct unit *unit,
                                       const struct rpc_batch *batch)
{
    struct error why = batch->error;
    why.status = batch->status;
    switch (batch->status) {
    case TRACER_E_LIMIT:
    case TRACER_E_REPLY:
    case TRACER_E_UNAVAILABLE:
        if (batch->call_count > 1)
            return smaller(fetching, unit, batch);
        break;
    case TRACER_E_NETWORK:
        break;
    default:
        *fetching->err = why;
        return batch->status;
    }
    error_context(&why, "block %" PRIu64 " and on", unit->first);
    if (unit->endpoint != RPC_ANY && fetching->client->usable_count > 1)
        return again(fetching, unit, &why);
    *fetching->err = why;
    return batch->status;
}

/* A call that the transport gave up is like one that was answered with an error, if it is one we can do
 * without. */
static bool spare_batch(struct unit *unit, struct rpc_batch *batch)
{
    struct rpc_call *call = batch->calls;
    if (batch->call_count != 1 || unit->wave != 0 || strcmp(call->method, "eth_getBlockByNumber") == 0 ||
        (batch->status != TRACER_E_LIMIT && batch->status != TRACER_E_REPLY &&
         batch->status != TRACER_E_UNAVAILABLE))
        return false;
    call->status = batch->status;
    call->error = batch->error;
    return true;
}

/* *ret_done: every call that is needed has its reply. Else something was asked again, or the fetch failed. */
static enum tracer_status check_calls(struct fetching *fetching, struct unit *unit, bool *trace_missing,
                                      bool *ret_done)
{
    *ret_done = false;
    const struct wave *wave = &unit->waves[0];
    for (size_t i = 0; i < wave->batch_count; i++)
        for (size_t k = 0; k < wave->batches[i].call_count; k++)
            if (wave->batches[i].calls[k].status == TRACER_E_LIMIT && wave->batches[i].call_count > 1)
                return smaller(fetching, unit, &wave->batches[i]);
    for (size_t i = 0; i < unit->count; i++) {
        struct replies replies = unit_replies(unit, i);
        if (is_missing(replies.block)) {
            struct error why = failure_of(replies.block);
            where(&why, unit, i);
            return reject(fetching, unit, i, &why);
        }
        if (replies.receipts && is_missing(replies.receipts)) {
            struct error why = failure_of(replies.receipts);
            where(&why, unit, i);
            if (replies.receipts->status == TRACER_OK)
                return reject(fetching, unit, i, &why);
            client_no_block_receipts(fetching->client, unit->endpoint, replies.receipts);
            return again(fetching, unit, &why);
        }
        if (replies.traces && is_missing(replies.traces)) {
            struct error why = failure_of(replies.traces);
            where(&why, unit, i);
            if (unit->endpoint != RPC_ANY && unit->attempts + 1 < fetching->client->usable_count)
                return again(fetching, unit, &why);
            client_note(fetching->client, "some blocks have no traces, the first is: %s", why.text);
            trace_missing[i] = true;
        }
    }
    *ret_done = true;
    return TRACER_OK;
}

/* The second wave: a receipt for each transaction of the unit. None if there are no transactions. */
static enum tracer_status ask_receipts(struct fetching *fetching, struct unit *unit, bool *ret_asked)
{
    struct wave *wave = &unit->waves[1];
    struct evm_block_head heads[GROUP_BLOCKS_MAX];
    size_t total = 0;
    for (size_t i = 0; i < unit->count; i++) {
        enum tracer_status status =
            evm_decode_head(result_of(unit_replies(unit, i).block), unit->arena, &heads[i], fetching->err);
        if (status) {
            struct error why = *fetching->err;
            where(&why, unit, i);
            return status == TRACER_E_REPLY ? reject(fetching, unit, i, &why) : status;
        }
        total += heads[i].transaction_count;
    }
    *ret_asked = total > 0;
    if (total == 0)
        return TRACER_OK;
    wave->calls = arena_calloc(unit->arena, total, sizeof *wave->calls);
    if (!wave->calls)
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < unit->count; i++)
        for (size_t k = 0; k < heads[i].transaction_count; k++) {
            char hash[HASH_TEXT_SIZE];
            hash_format(heads[i].transaction_hashes[k], hash);
            const char *params = arena_printf(unit->arena, "[\"%s\"]", hash);
            if (!params)
                return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
            wave->calls[wave->call_count++] =
                (struct rpc_call){.method = "eth_getTransactionReceipt", .params = params};
        }
    return submit_wave(fetching, unit, WAVE_RECEIPTS);
}

/* Receipts of the second wave, as spans from *first on. */
static enum tracer_status gather_receipts(struct fetching *fetching, struct unit *unit, size_t block,
                                          size_t *first, struct evm_replies *replies, bool *ret_done)
{
    const struct wave *wave = &unit->waves[1];
    struct evm_block_head head;
    enum tracer_status status = evm_decode_head(replies->block, fetching->scratch, &head, fetching->err);
    if (status)
        return status;
    struct json_span *spans = arena_calloc(fetching->scratch, head.transaction_count, sizeof *spans);
    if (!spans)
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    *ret_done = false;
    for (size_t i = 0; i < head.transaction_count; i++) {
        const struct rpc_call *call = &wave->calls[*first + i];
        if (is_missing(call)) {
            struct error why = failure_of(call);
            where(&why, unit, block);
            return again(fetching, unit, &why);
        }
        spans[i] = result_of(call);
    }
    *first += head.transaction_count;
    replies->receipts = spans;
    replies->receipt_count = head.transaction_count;
    *ret_done = true;
    return TRACER_OK;
}

/* Only what a block keeps is copied out of the scratch. */
bool unit_keep_block(struct unit *unit, const struct block *from, struct block *to)
{
    *to = *from;
    to->transactions =
        arena_copy(unit->arena, from->transactions, from->transaction_count * sizeof *from->transactions);
    to->transfers = arena_copy(unit->arena, from->transfers ? from->transfers : (const void *)"",
                               from->transfer_count * sizeof *from->transfers);
    if (from->archive.size)
        to->archive.data = arena_copy(unit->arena, from->archive.data, from->archive.size);
    return to->transactions && to->transfers && (to->archive.data || !from->archive.size);
}

enum evm_traces evm_kind(enum chain_traces traces)
{
    return traces == TRACES_TRACE_BLOCK ? EVM_TRACES_TRACE_BLOCK : EVM_TRACES_CALL_TRACER;
}

/* By a checkpoint, or by the walk to one. *ret_vouched: it, and so what is before it, is the chain's. */
static bool known_hash(const struct fetching *fetching, uint64_t number, struct hash *ret_known, bool *ret_vouched)
{
    const struct chain_walk *walk = fetching->fetch->walk;
    *ret_vouched = true;
    if (chain_checkpoint(fetching->client->network, number, ret_known))
        return true;
    if (!walk || number < walk->first || number - walk->first >= walk->hash_count)
        return false;
    *ret_known = walk->hashes[number - walk->first];
    *ret_vouched = walk->vouches;
    return true;
}

static enum tracer_status check_known(const struct fetching *fetching, const struct block *block)
{
    char text[HASH_TEXT_SIZE], known_text[HASH_TEXT_SIZE], from[64] = "the checkpoint of the network is";
    struct hash known;
    bool vouched;
    if (!known_hash(fetching, block->number, &known, &vouched) || hash_equal(known, block->hash))
        return TRACER_OK;
    hash_format(block->hash, text);
    hash_format(known, known_text);
    if (!chain_checkpoint(fetching->client->network, block->number, &known))
        snprintf(from, sizeof from, "on the way to checkpoint %" PRIu64 " it is", fetching->fetch->walk->checkpoint.number);
    return error_set(fetching->err, TRACER_E_REPLY, "hash is %s, but %s %s: another chain, or a lie", text, from, known_text);
}

/* The endpoint that traced the block says nothing of where its logs stand, which shows only now. *ret_again: another one may. */
static void lacks_log_positions(struct fetching *fetching, struct unit *unit, size_t block, bool *ret_again)
{
    struct chain_client *client = fetching->client;
    bool others = false;
    client->endpoints[unit_answered_by(unit, unit_replies(unit, block).traces)].traces = TRACES_CALL_TRACER;
    for (size_t i = 0; i < client->endpoint_count; i++)
        others = others || (client->endpoints[i].usable && client->endpoints[i].traces == TRACES_CALL_TRACER_LOGS);
    if (!others)
        client->traces = TRACES_CALL_TRACER;
    *ret_again = others;
}

/* ---- types that are not known ---- */

/* What one endpoint said of a block: it outlives the unit's next round, which asks another one. */
struct claim {
    struct claim *next;
    size_t endpoint, block_length, receipts_length;
    char text[];
};

void unit_forget_types(struct unit *unit)
{
    for (size_t i = 0; i < GROUP_BLOCKS_MAX; i++) {
        struct unknown_types *unknown = &unit->unknown[i];
        for (struct claim *claim = unknown->claims, *next; claim; claim = next) {
            next = claim->next;
            free(claim);
        }
        *unknown = (struct unknown_types){0};
    }
}

/* As much of it as is kept of any reply that is refused. */
static bool add_claim(struct unit *unit, size_t block)
{
    struct replies replies = unit_replies(unit, block);
    struct json_span parts[2] = {result_of(replies.block)};
    size_t room = TRACER_REFUSED_BYTES_MAX;
    if (replies.receipts)
        parts[1] = result_of(replies.receipts);
    for (size_t i = 0; i < 2; i++) {
        parts[i].length = parts[i].length < room ? parts[i].length : room;
        room -= parts[i].length;
    }
    struct claim *claim = malloc(sizeof *claim + parts[0].length + parts[1].length);
    if (!claim)
        return false;
    *claim = (struct claim){unit->unknown[block].claims, unit->source, parts[0].length, parts[1].length};
    memcpy(claim->text, parts[0].text, parts[0].length);
    if (parts[1].length)
        memcpy(claim->text + parts[0].length, parts[1].text, parts[1].length);
    unit->unknown[block].claims = claim;
    return true;
}

static enum tracer_status tell_claims(struct fetching *fetching, const struct unit *unit, size_t block, const char *why)
{
    enum tracer_status status = TRACER_OK;
    for (const struct claim *claim = unit->unknown[block].claims; claim && !status; claim = claim->next)
        status = fetching_tell_refusal(fetching, &(struct chain_refusal){.number = unit->first + block,
                                                                         .endpoint = rpc_endpoint_name(fetching->client->rpc, claim->endpoint),
                                                                         .why = why,
                                                                         .block = {claim->text, claim->block_length},
                                                                         .receipts = {claim->text + claim->block_length, claim->receipts_length}});
    return status;
}

/* What is stated of a block, but for what only some endpoints have. */
static bool digest_of(const struct block *block, struct hash *ret_digest)
{
    struct buffer text;
    buffer_init(&text, TRACER_ARCHIVE_MAX);
    buffer_add(&text, &block->hash, sizeof block->hash);
    for (size_t i = 0; i < block->transaction_count; i++)
        buffer_add(&text, &block->transactions[i].hash, sizeof block->transactions[i].hash);
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        char asset[ASSET_TEXT_SIZE];
        if (row->kind == TRANSFER_INTERNAL)
            continue;
        asset_format(row->asset, asset);
        buffer_text(&text, asset);
        buffer_add(&text, &row->from, sizeof row->from);
        buffer_add(&text, &row->to, sizeof row->to);
        buffer_add(&text, &row->amount, sizeof row->amount);
    }
    bool good = buffer_ok(&text);
    if (good)
        *ret_digest = proof_hash((struct bytes){(const uint8_t *)text.data, text.size});
    buffer_release(&text);
    return good;
}

/* An endpoint can claim a type that nobody knows to have a block believed that no root proves. So all are asked, and who can prove
 * the block is believed; where nobody can, all must state it alike. *ret_again: another one was asked. */
static enum tracer_status doubt_types(struct fetching *fetching, struct unit *unit, size_t block, const struct block *decoded, bool *ret_again)
{
    const struct chain_client *client = fetching->client;
    struct unknown_types *unknown = &unit->unknown[block];
    struct hash stated;
    struct error why;
    if (!digest_of(decoded, &stated))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    unit->source = unit_answered_by(unit, unit_replies(unit, block).block);
    const struct claim *before = unknown->claims;
    if (!before)
        unknown->stated = stated;
    unknown->by |= UINT32_C(1) << unit->source;
    if (!add_claim(unit, block))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    if (before && !hash_equal(stated, unknown->stated)) {
        error_set(&why, TRACER_E_REPLY,
                  "block %" PRIu64 ": endpoints disagree: it has transactions of an unknown type, and \"%s\" states it otherwise than \"%s\"",
                  unit->first + block, rpc_endpoint_name(client->rpc, unit->source), rpc_endpoint_name(client->rpc, before->endpoint));
        enum tracer_status status = tell_claims(fetching, unit, block, why.text);
        if (!status)
            *fetching->err = why;
        return status ? status : why.status;
    }
    for (size_t i = 0; i < client->endpoint_count && !*ret_again; i++) {
        *ret_again = client->endpoints[i].usable && !(unknown->by >> i & 1);
        if (*ret_again)
            return begin_at(fetching, unit, i);
    }
    return TRACER_OK;
}

/* Who claimed it of a block that another one proves. */
static enum tracer_status tell_doubted(struct fetching *fetching, struct unit *unit, size_t block)
{
    struct error why;
    unit->source = unit_answered_by(unit, unit_replies(unit, block).block);
    error_set(&why, TRACER_E_REPLY, "block %" PRIu64 ": transactions of an unknown type, but \"%s\" proves it without one", unit->first + block,
              rpc_endpoint_name(fetching->client->rpc, unit->source));
    return tell_claims(fetching, unit, block, why.text);
}

static enum tracer_status decode_block(struct fetching *fetching, struct unit *unit, size_t block,
                                       size_t *receipt_next, const bool *trace_missing, bool *ret_done)
{
    struct chain_client *client = fetching->client;
    struct replies replies = unit_replies(unit, block);
    struct evm_replies texts = {.number = unit->first + block, .block = result_of(replies.block)};
    struct json_span receipts;
    struct evm_notes notes;
    struct block decoded;
    enum tracer_status status;

    *ret_done = false;
    arena_reset(fetching->scratch, fetching->scratch_empty);
    texts.prove = true;
    texts.archive = fetching->fetch->archive;
    texts.receipts_apart = unit->receipts_apart;
    if (unit->receipts_apart) {
        status = gather_receipts(fetching, unit, block, receipt_next, &texts, ret_done);
        if (status || !*ret_done)
            return status;
    } else {
        receipts = result_of(replies.receipts);
        texts.receipts = &receipts;
        texts.receipt_count = 1;
    }
    if (replies.traces && !trace_missing[block]) {
        texts.traces_kind = evm_kind(client->traces);
        texts.traces = result_of(replies.traces);
    }
    *ret_done = false;
    status = evm_decode_block(&fetching->evm, &texts, fetching->scratch, &decoded, &notes, fetching->err);
    if (!status && block > 0 && !hash_equal(decoded.parent_hash, unit->blocks[block - 1].hash))
        status = error_set(fetching->err, TRACER_E_REPLY,
                           "parentHash is not the hash of the block before (a reorg)");
    if (!status)
        status = check_known(fetching, &decoded);
    if (status) {
        struct error why = *fetching->err;
        where(&why, unit, block);
        *fetching->err = why;
        return status == TRACER_E_REPLY ? reject(fetching, unit, block, &why) : status;
    }
    bool elsewhere = false;
    if (decoded.grade == GRADE_ASSERTED) {
        status = doubt_types(fetching, unit, block, &decoded, &elsewhere);
        if (status || elsewhere)
            return status;
    } else if (unit->unknown[block].claims && (status = tell_doubted(fetching, unit, block))) {
        return status;
    }
    if (texts.traces_kind == EVM_TRACES_CALL_TRACER && decoded.order == ORDER_SPLIT && client->traces == TRACES_CALL_TRACER_LOGS)
        lacks_log_positions(fetching, unit, block, &elsewhere);
    if (elsewhere)
        return unit_begin(fetching, unit);
    if (!unit_keep_block(unit, &decoded, &unit->blocks[block]))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    unit->words[block][0] = (struct block_word){.block = &unit->blocks[block],
                                          .endpoint = unit_answered_by(unit, replies.traces ? replies.traces : replies.block),
                                          .traces = client->traces,
                                          .traces_text = texts.traces,
                                          .notes = notes};
    *ret_done = true;
    return TRACER_OK;
}

static enum tracer_status decode_unit(struct fetching *fetching, struct unit *unit, const bool *trace_missing)
{
    size_t receipt_next = 0;
    uint64_t start = clock_monotonic_ns();
    enum tracer_status status = TRACER_OK;
    unit->blocks = arena_calloc(unit->arena, unit->count, sizeof *unit->blocks);
    if (!unit->blocks)
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    bool done = true;
    for (size_t i = 0; !status && done && i < unit->count; i++)
        status = decode_block(fetching, unit, i, &receipt_next, trace_missing, &done);
    fetching->stats.decode_ns += clock_monotonic_ns() - start;
    if (status || !done)
        return status;
    for (size_t i = 0; i < WAVE_COUNT; i++)
        for (size_t k = 0; k < unit->waves[i].call_count; k++)
            fetching->stats.bytes += unit->waves[i].calls[k].result_length;
    unit->source = unit_answered_by(unit, unit_replies(unit, unit->count - 1).block);
    unit->witness_turn = 0;
    struct hash known;
    bool vouched;
    for (size_t i = 0; i < unit->count; i++) /* what a checkpoint's parents are is known with it */
        if (known_hash(fetching, unit->first + i, &known, &vouched) && vouched)
            unit_raise_grades(unit, i + 1, GRADE_PROVEN);
    return unit_ask_second(fetching, unit);
}

/* All batches of the wave are back. */
enum tracer_status unit_wave_done(struct fetching *fetching, struct unit *unit)
{
    struct wave *wave = &unit->waves[unit->wave];
    bool done;
    if (unit->wave == WAVE_WITNESS)
        return unit_witness_done(fetching, unit);
    if (unit->wave == WAVE_SECOND || unit->wave == WAVE_THIRD)
        return unit_second_done(fetching, unit);
    for (size_t i = 0; i < wave->batch_count; i++)
        if (wave->batches[i].status && !spare_batch(unit, &wave->batches[i]))
            return batch_failed(fetching, unit, &wave->batches[i]);
    if (unit->wave == 0) {
        bool *missing = arena_calloc(unit->arena, unit->count, sizeof *missing);
        if (!missing)
            return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
        unit->trace_missing = missing;
        enum tracer_status status = check_calls(fetching, unit, missing, &done);
        if (status || !done)
            return status;
        if (unit->receipts_apart) {
            bool asked = false;
            status = ask_receipts(fetching, unit, &asked);
            if (status || asked || unit->pending > 0)
                return status;
        }
    }
    return decode_unit(fetching, unit, unit->trace_missing);
}
