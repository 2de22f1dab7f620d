/* fetch_second.c - what other operators say of that which no hash of a block covers: its call traces, and what its receipts state beside
 * what their root covers (threat-model R16). Two must say the same, as of state (opinion.h); where no two do, what is inside its transactions
 * is not known. The grade stays `asserted` in any case. */
#include <inttypes.h>
#include <string.h>

#include "fetch.h"

/* ---- what is to be said ---- */

static bool is_traced(const struct unit *unit, size_t block)
{
    return unit->traced && unit->blocks[block].internals == INTERNALS_ALL && unit->blocks[block].transaction_count;
}

/* Fees that settle on another chain, and the price of blobs where no schedule gives it. */
static bool rests_on_receipts(const struct fetching *fetching, const struct block *block)
{
    bool rests = false;
    for (size_t i = 0; i < block->transfer_count && !rests; i++)
        rests = block->transfers[i].kind == TRANSFER_FEE && !row_is_hashed(&block->transfers[i]);
    for (size_t i = 0; i < block->transaction_count && !rests && block->number >= fetching->evm.rules->byzantium.number; i++)
        rests = block->grade < GRADE_ASSERTED && block->transactions[i].grade == GRADE_ASSERTED;
    return rests;
}

static enum evm_traces kind_of(const struct block_word *word)
{
    return evm_kind(word->traces);
}

static bool in_part(const struct transfer *row, int kind)
{
    return kind < 0 || row->kind == (enum transfer_kind)kind;
}

/* The next rows of a kind (< 0: any) at or behind *a and *b. False: they differ. Both at their end: *ret_end. */
static bool step(const struct block *a, size_t *at_a, const struct block *b, size_t *at_b, int kind, bool *ret_end)
{
    while (*at_a < a->transfer_count && !in_part(&a->transfers[*at_a], kind))
        ++*at_a;
    while (*at_b < b->transfer_count && !in_part(&b->transfers[*at_b], kind))
        ++*at_b;
    *ret_end = *at_a == a->transfer_count && *at_b == b->transfer_count;
    if (*at_a == a->transfer_count || *at_b == b->transfer_count)
        return *ret_end;
    const struct transfer *x = &a->transfers[*at_a], *y = &b->transfers[*at_b];
    return x->kind == y->kind && x->position.transaction_index == y->position.transaction_index && asset_equal(&x->asset, &y->asset) &&
           address_equal(x->from, y->from) && address_equal(x->to, y->to) && u256_equal(x->amount, y->amount) && x->log_index == y->log_index;
}

/* *at_a, *at_b: where they differ. */
static bool same_part(const struct block *a, size_t *at_a, const struct block *b, size_t *at_b, int kind)
{
    bool end;
    for (*at_a = *at_b = 0; step(a, at_a, b, at_b, kind, &end); ++*at_a, ++*at_b)
        if (end)
            return true;
    return false;
}

static bool same_outcomes(const struct block *a, const struct block *b)
{
    for (size_t i = 0; i < a->transaction_count; i++)
        if (a->transactions[i].status != b->transactions[i].status)
            return false;
    return true;
}

/* Traces of one kind must give the same rows in the same order. Those of another say nothing of logs, or of uncles' rewards. */
static bool agree(const struct block_word *a, const struct block_word *b)
{
    size_t at_a, at_b;
    if (kind_of(a) == kind_of(b) && a->block->order == b->block->order)
        return same_outcomes(a->block, b->block) && same_part(a->block, &at_a, b->block, &at_b, -1);
    return same_outcomes(a->block, b->block) && same_part(a->block, &at_a, b->block, &at_b, TRANSFER_INTERNAL) &&
           same_part(a->block, &at_a, b->block, &at_b, TRANSFER_FEE);
}

/* The first word that another one confirms; NULL: no two are alike. */
static struct block_word *confirmed(struct block_word words[WORDS_MAX])
{
    for (size_t i = 0; i < WORDS_MAX; i++)
        for (size_t k = i + 1; k < WORDS_MAX && words[i].block; k++)
            if (words[k].block && agree(&words[i], &words[k]))
                return &words[i];
    return NULL;
}

/* ---- asking ---- */

static bool can_say(const struct fetching *fetching, struct unit *unit, size_t block, size_t endpoint)
{
    const struct chain_client *client = fetching->client;
    bool traced = is_traced(unit, block), other = (traced || rests_on_receipts(fetching, &unit->blocks[block])) && !confirmed(unit->words[block]);
    for (size_t i = 0; i < WORDS_MAX && other; i++)
        other = !unit->words[block][i].block || !rpc_same_operator(client->rpc, unit->words[block][i].endpoint, endpoint);
    return other && (!traced || client->endpoints[endpoint].traces != TRACES_NONE);
}

/* Those whose traces are of the unit's kind first. */
static size_t next_endpoint(const struct fetching *fetching, struct unit *unit)
{
    const struct chain_client *client = fetching->client;
    for (size_t i = 0; i < 2 * client->endpoint_count; i++) {
        size_t endpoint = (unit->source + i) % client->endpoint_count;
        bool fits = unit->traced && client->endpoints[endpoint].traces == client->traces;
        if (!client->endpoints[endpoint].usable || client_is_silent(client, endpoint, WORD_ON_TRACES) || unit->words_asked >> endpoint & 1 ||
            (i < client->endpoint_count && !fits))
            continue;
        for (size_t k = 0; k < unit->count; k++)
            if (can_say(fetching, unit, k, endpoint))
                return endpoint;
    }
    return RPC_ANY;
}

/* The calls about one block, or only their number. */
static size_t fill_block(struct unit *unit, size_t block, bool receipts, enum chain_traces traces, struct rpc_call *to, bool *ret_good)
{
    const struct block *about = &unit->blocks[block];
    size_t count = 0;
    char number[QUANTITY_TEXT_SIZE], hash[HASH_TEXT_SIZE];
    format_quantity(about->number, number);
    for (size_t i = 0; receipts && i < (unit->receipts_apart ? about->transaction_count : 1); i++, count++)
        if (to) {
            hash_format(about->transactions[i].hash, hash);
            to[count] = (struct rpc_call){.method = unit->receipts_apart ? "eth_getTransactionReceipt" : "eth_getBlockReceipts",
                                          .params = arena_printf(unit->arena, "[\"%s\"]", unit->receipts_apart ? hash : number)};
            *ret_good = *ret_good && to[count].params;
        }
    if (is_traced(unit, block) && to)
        *ret_good = unit_trace_call(unit, number, traces, &to[count]) && *ret_good;
    return count + is_traced(unit, block);
}

static enum tracer_status ask(struct fetching *fetching, struct unit *unit, size_t endpoint)
{
    const unsigned at = WAVE_SECOND + unit->word_waves;
    struct wave *wave = &unit->waves[at];
    enum chain_traces traces = fetching->client->endpoints[endpoint].traces;
    bool good = true, heavy = false;
    size_t count = 0;
    wave_release(wave);
    for (size_t i = 0; i < unit->count; i++)
        if (can_say(fetching, unit, i, endpoint))
            count += fill_block(unit, i, rests_on_receipts(fetching, &unit->blocks[i]), traces, NULL, &good);
    if (!(wave->calls = arena_calloc(unit->arena, count, sizeof *wave->calls)))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < unit->count; i++)
        if (can_say(fetching, unit, i, endpoint)) {
            heavy = heavy || is_traced(unit, i);
            wave->call_count +=
                fill_block(unit, i, rests_on_receipts(fetching, &unit->blocks[i]), traces, wave->calls + wave->call_count, &good);
        }
    if (!good)
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    unit->words_asked |= UINT32_C(1) << endpoint;
    return unit_submit(fetching, unit, at, fetching->client->batch_calls, endpoint, heavy);
}

/* ---- what was said ---- */

/* The unit's own replies about a block; receipts one by one are its second wave. */
static bool own_texts(const struct fetching *fetching, const struct unit *unit, size_t block, bool traces, struct evm_replies *ret_texts)
{
    const struct replies replies = unit_replies(unit, block);
    const struct rpc_call *receipts = replies.receipts;
    size_t count = receipts ? 1 : unit->blocks[block].transaction_count;
    struct json_span *spans = arena_calloc(fetching->scratch, count, sizeof *spans);
    if (!receipts) {
        receipts = unit->waves[WAVE_RECEIPTS].calls;
        for (size_t i = 0; i < block; i++)
            receipts += unit->blocks[i].transaction_count;
    }
    for (size_t i = 0; i < count && spans; i++)
        spans[i] = result_of(&receipts[i]);
    *ret_texts = (struct evm_replies){.number = unit->first + block,
                                      .block = result_of(replies.block),
                                      .receipts = spans,
                                      .receipt_count = count,
                                      .receipts_apart = unit->receipts_apart};
    if (traces && replies.traces && !unit->trace_missing[block]) {
        ret_texts->traces_kind = evm_kind(unit->words[block][0].traces);
        ret_texts->traces = result_of(replies.traces);
    }
    return spans != NULL;
}

/* A decoded block that stays beside the unit's own, and is as well founded: what its hash covers was proven of that. */
static enum tracer_status keep_word(struct fetching *fetching, struct unit *unit, size_t block, const struct block *said, const struct block **ret_word)
{
    const struct block *own = &unit->blocks[block];
    struct block *copy = arena_calloc(unit->arena, 1, sizeof *copy);
    if (!copy || !unit_keep_block(unit, said, copy))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    copy->grade = own->grade;
    copy->archive = own->archive;
    for (size_t i = 0; i < copy->transaction_count; i++)
        ((struct transaction *)copy->transactions)[i].grade = own->transactions[i].grade;
    *ret_word = copy;
    return TRACER_OK;
}

static enum tracer_status tell(struct fetching *fetching, const struct unit *unit, size_t block, const struct block_word *word, const char *why)
{
    struct error told;
    error_set(&told, TRACER_E_REPLY, "block %" PRIu64 ": %s", unit->first + block, why);
    return fetching_tell_refusal(fetching, &(struct chain_refusal){.number = unit->first + block,
                                                                   .endpoint = rpc_endpoint_name(fetching->client->rpc, word->endpoint),
                                                                   .why = told.text,
                                                                   .receipts = word->receipts_text,
                                                                   .traces = word->traces_text});
}

/* A word that cannot be read is none, and is told. One that has gaps is none either. */
static enum tracer_status read_word(struct fetching *fetching, struct unit *unit, size_t block, size_t endpoint, const struct rpc_call *calls, size_t count,
                                    bool *ret_said)
{
    struct block_word *word = &unit->words[block][1 + unit->word_waves];
    const struct block_word *own = &unit->words[block][0];
    const bool traced = is_traced(unit, block);
    const size_t receipts = count - traced;
    struct evm_replies texts;
    struct block decoded;
    struct error why;
    for (size_t i = 0; i < count; i++)
        if (is_missing(&calls[i]))
            return TRACER_OK;
    arena_reset(fetching->scratch, fetching->scratch_empty);
    if (!own_texts(fetching, unit, block, !traced, &texts))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    *word = (struct block_word){.endpoint = endpoint, .traces = own->traces};
    if (receipts) {
        struct json_span *spans = arena_calloc(fetching->scratch, receipts, sizeof *spans);
        for (size_t i = 0; i < receipts && spans; i++)
            spans[i] = result_of(&calls[i]);
        texts.receipts = spans;
        texts.receipt_count = receipts;
        if (!spans)
            return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
        word->receipts_text = unit->receipts_apart ? word->receipts_text : spans[0];
    }
    if (traced) {
        word->traces = fetching->client->endpoints[endpoint].traces;
        texts.traces_kind = evm_kind(word->traces);
        texts.traces = word->traces_text = result_of(&calls[receipts]);
        if (!receipts && texts.traces_kind == evm_kind(own->traces) && texts.traces.length == own->traces_text.length &&
            memcmp(texts.traces.text, own->traces_text.text, texts.traces.length) == 0) {
            word->block = own->block;
            *ret_said = true;
            return TRACER_OK;
        }
    }
    enum tracer_status status = evm_decode_block(&fetching->evm, &texts, fetching->scratch, &decoded, &word->notes, &why);
    if (status == TRACER_E_NOMEM)
        return error_set(fetching->err, status, "no memory");
    if (status)
        return tell(fetching, unit, block, word, why.text);
    if (traced && decoded.internals != INTERNALS_ALL)
        return TRACER_OK;
    *ret_said = true;
    return keep_word(fetching, unit, block, &decoded, &word->block);
}

/* ---- what counts ---- */

static const char *row_text(struct unit *unit, const struct block *block, size_t at)
{
    char amount[U256_DECIMAL_MAX], from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
    if (at == block->transfer_count)
        return "nothing more";
    const struct transfer *row = &block->transfers[at];
    u256_format_decimal(row->amount, amount);
    address_format(row->from, from);
    address_format(row->to, to);
    return arena_printf(unit->arena, "transaction %" PRId32 " moves %s wei from %s to %s", row->position.transaction_index, amount, from, to);
}

/* The first difference, as both state it. */
static const char *difference(const struct fetching *fetching, struct unit *unit, const struct block_word *word, const struct block_word *other)
{
    static const int parts[] = {TRANSFER_INTERNAL, TRANSFER_FEE, -1};
    const char *name = rpc_endpoint_name(fetching->client->rpc, other->endpoint);
    size_t at = 0, at_other = 0, part = 0;
    if (!same_outcomes(word->block, other->block))
        return arena_printf(unit->arena, "traces: transactions succeed or fail otherwise by it than by \"%s\"", name);
    while (same_part(word->block, &at, other->block, &at_other, parts[part]) && ++part + 1 < sizeof parts / sizeof *parts)
        ;
    if (part + 1 == sizeof parts / sizeof *parts)
        return arena_printf(unit->arena, "traces: the order of its transfers is another by it than by \"%s\"", name);
    const char *text = row_text(unit, word->block, at), *other_text = row_text(unit, other->block, at_other);
    return text && other_text ? arena_printf(unit->arena, "%s: %s by it, %s by \"%s\"", part ? "receipts" : "traces", text, other_text, name) : NULL;
}

static enum tracer_status tell_difference(struct fetching *fetching, struct unit *unit, size_t block, const struct block_word *word, const struct block_word *other)
{
    const char *why = difference(fetching, unit, word, other);
    return why ? tell(fetching, unit, block, word, why) : error_set(fetching->err, TRACER_E_NOMEM, "no memory");
}

/* No two are alike: nobody is believed of what is inside the block's transactions. Without the rest there is no block. */
static enum tracer_status disbelieve(struct fetching *fetching, struct unit *unit, size_t block)
{
    struct block_word *words = unit->words[block];
    const struct rpc *rpc = fetching->client->rpc;
    const struct block *bare;
    struct evm_replies texts;
    struct block decoded;
    size_t other = words[1].block ? 1 : 2;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < WORDS_MAX && !status; i++)
        if (words[i].block)
            status = tell_difference(fetching, unit, block, &words[i], &words[i ? 0 : other]);
    if (status)
        return status;
    if (!is_traced(unit, block) || rests_on_receipts(fetching, &unit->blocks[block]))
        return error_set(fetching->err, TRACER_E_REPLY, "block %" PRIu64 ": endpoints disagree: \"%s\" and \"%s\"", unit->first + block,
                         rpc_endpoint_name(rpc, words[0].endpoint), rpc_endpoint_name(rpc, words[other].endpoint));
    client_note(fetching->client, "block %" PRIu64 ": what moved inside its transactions is not known: no two endpoints give the same traces",
                unit->first + block);
    arena_reset(fetching->scratch, fetching->scratch_empty);
    if (!own_texts(fetching, unit, block, false, &texts))
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    status = evm_decode_block(&fetching->evm, &texts, fetching->scratch, &decoded, &words[0].notes, fetching->err);
    if (!status && !(status = keep_word(fetching, unit, block, &decoded, &bare)))
        unit->blocks[block] = *bare;
    return status;
}

static enum tracer_status settle(struct fetching *fetching, struct unit *unit, size_t block)
{
    struct block_word *words = unit->words[block], *right = confirmed(words);
    enum tracer_status status = TRACER_OK;
    if (!words[1].block && !words[2].block)
        return TRACER_OK;
    if (!right)
        return disbelieve(fetching, unit, block);
    for (size_t i = 0; i < WORDS_MAX && !status; i++)
        if (words[i].block && !agree(&words[i], right))
            status = tell_difference(fetching, unit, block, &words[i], right);
    if (right != &words[0] && !status) {
        words[0].notes = right->notes;
        unit->blocks[block] = *right->block;
    }
    return status;
}

enum tracer_status unit_ask_second(struct fetching *fetching, struct unit *unit)
{
    size_t endpoint = unit->word_waves + 1 < WORDS_MAX ? next_endpoint(fetching, unit) : RPC_ANY;
    if (endpoint != RPC_ANY)
        return ask(fetching, unit, endpoint);
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < unit->count && !status; i++) {
        unit->alone[i] = is_traced(unit, i) && !unit->words[i][1].block && !unit->words[i][2].block &&
                         client_has_other(fetching->client, unit->words[i][0].endpoint);
        status = settle(fetching, unit, i);
    }
    return status ? status : unit_ask_witness(fetching, unit);
}

enum tracer_status unit_second_done(struct fetching *fetching, struct unit *unit)
{
    struct wave *wave = &unit->waves[unit->wave];
    const size_t endpoint = wave->batches[0].endpoint;
    bool said = false;
    size_t at = 0, count;
    for (size_t i = 0; i < wave->batch_count; i++) {
        const struct rpc_batch *batch = &wave->batches[i];
        if (!batch->status)
            continue;
        if (batch->status != TRACER_E_LIMIT && batch->status != TRACER_E_REPLY && batch->status != TRACER_E_UNAVAILABLE &&
            batch->status != TRACER_E_NETWORK) {
            *fetching->err = batch->error;
            return batch->status;
        }
        if (batch->call_count > 1 && batch->status != TRACER_E_NETWORK) {
            client_less_calls(fetching->client, batch, (uint32_t)(batch->call_count / 2));
            return ask(fetching, unit, endpoint);
        }
        for (size_t k = 0; k < batch->call_count; k++)
            batch->calls[k].status = batch->status;
    }
    for (size_t i = 0; i < unit->count; i++)
        if (can_say(fetching, unit, i, endpoint)) {
            bool good, receipts = rests_on_receipts(fetching, &unit->blocks[i]);
            count = fill_block(unit, i, receipts, TRACES_NONE, NULL, &good);
            enum tracer_status status = read_word(fetching, unit, i, endpoint, wave->calls + at, count, &said);
            if (status)
                return status;
            at += count;
        }
    for (size_t i = 0; i < wave->call_count; i++)
        fetching->stats.bytes += wave->calls[i].result_length;
    client_gave_word(fetching->client, endpoint, WORD_ON_TRACES, said);
    unit->word_waves += said;
    return unit_ask_second(fetching, unit);
}
