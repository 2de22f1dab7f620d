/* fetch_witness.c - a second endpoint's word on a unit's last block. The blocks before it follow from its
 * parent hashes, so one hash that two operators give stands for all (threat-model 2, R6, R15). */
#include <inttypes.h>
#include <string.h>

#include "fetch.h"

#define DISPUTES_MAX 2u /* times that a unit is asked for again before the endpoints' difference is told */

/* The next endpoint of another operator that was not asked yet; RPC_ANY: none is left. */
static size_t next_witness(const struct chain_client *client, struct unit *unit)
{
    while (++unit->witness_turn < client->endpoint_count) {
        size_t endpoint = (unit->source + unit->witness_turn) % client->endpoint_count;
        if (client->endpoints[endpoint].usable && !rpc_same_operator(client->rpc, unit->source, endpoint))
            return endpoint;
    }
    return RPC_ANY;
}

enum tracer_status unit_ask_witness(struct fetching *fetching, struct unit *unit)
{
    struct wave *wave = &unit->waves[WAVE_WITNESS];
    char number[QUANTITY_TEXT_SIZE];
    size_t endpoint = next_witness(fetching->client, unit);
    wave_release(wave);
    if (unit->disputes < DISPUTES_MAX) /* else both replies are told where they differ again */
        unit_release(unit);
    if (endpoint == RPC_ANY || unit->blocks[unit->count - 1].grade != GRADE_SINGLE) {
        unit_release(unit);
        unit->state = UNIT_READY;
        return TRACER_OK;
    }
    format_quantity(unit->first + unit->count - 1, number);
    const char *params = arena_printf(unit->arena, "[\"%s\",false]", number);
    struct rpc_batch *batch = arena_calloc(unit->arena, 1, sizeof *batch);
    wave->calls = arena_calloc(unit->arena, 1, sizeof *wave->calls);
    if (!params || !batch || !wave->calls)
        return error_set(fetching->err, TRACER_E_NOMEM, "no memory");
    *wave->calls = (struct rpc_call){.method = "eth_getBlockByNumber", .params = params};
    *batch = (struct rpc_batch){.calls = wave->calls,
                                .call_count = 1,
                                .endpoint = endpoint,
                                .reply_max = TRACER_REPLY_BLOCK_MAX,
                                .context = unit};
    wave->call_count = 1;
    wave->batches = batch;
    enum tracer_status status = client_submit(fetching->client, batch, fetching->err);
    if (status)
        return status;
    wave->batch_count = 1;
    unit->wave = WAVE_WITNESS;
    unit->pending = 1;
    return TRACER_OK;
}

void unit_raise_grades(struct unit *unit, size_t count, enum grade grade)
{
    for (size_t i = 0; i < count; i++) {
        struct block *block = &unit->blocks[i];
        struct transaction *transactions =
            (struct transaction *)block->transactions; /* the unit's own copy */
        if (block->grade != GRADE_SINGLE)
            continue;
        block->grade = grade;
        for (size_t k = 0; k < block->transaction_count; k++)
            if (transactions[k].grade == GRADE_SINGLE) /* else it is not the block's hash that it rests on */
                transactions[k].grade = grade;
    }
}

static enum tracer_status tell_witness(struct fetching *fetching, const struct unit *unit, const struct error *why)
{
    const struct rpc_batch *batch = &unit->waves[WAVE_WITNESS].batches[0];
    return fetching_tell_refusal(fetching, &(struct chain_refusal){.number = unit->first + unit->count - 1,
                                                                   .endpoint = rpc_endpoint_name(fetching->client->rpc, batch->answered_by),
                                                                   .why = why->text,
                                                                   .block = {batch->calls->result, batch->calls->result_length}});
}

/* Neither is believed: the larger number of endpoints would not be a proof either. */
static enum tracer_status dispute(struct fetching *fetching, struct unit *unit, struct hash other)
{
    const struct block *block = &unit->blocks[unit->count - 1];
    const struct rpc *rpc = fetching->client->rpc;
    size_t source = unit->source, witness = unit->waves[WAVE_WITNESS].batches[0].answered_by;
    char hash[HASH_TEXT_SIZE], other_hash[HASH_TEXT_SIZE];
    struct error why;
    unit_forget_types(unit);
    if (unit->disputes++ < DISPUTES_MAX)
        return unit_begin(fetching, unit);
    hash_format(block->hash, hash);
    hash_format(other, other_hash);
    error_set(&why, TRACER_E_REPLY, "block %" PRIu64 ": endpoints disagree: its hash is %s by \"%s\", %s by \"%s\"", block->number, hash,
              rpc_endpoint_name(rpc, source), other_hash, rpc_endpoint_name(rpc, witness));
    enum tracer_status status = unit_tell_refusal(fetching, unit, unit->count - 1, &why);
    if (!status)
        status = tell_witness(fetching, unit, &why);
    if (status)
        return status;
    *fetching->err = why;
    return TRACER_E_REPLY;
}

enum tracer_status unit_witness_done(struct fetching *fetching, struct unit *unit)
{
    const struct chain_client *client = fetching->client;
    const struct rpc_batch *batch = &unit->waves[WAVE_WITNESS].batches[0];
    const struct rpc_call *call = batch->calls;
    struct evm_block_head head;
    struct error why;
    enum tracer_status status = batch->status ? batch->status : call->status;
    if (status || json_span_is((struct json_span){call->result, call->result_length}, "null"))
        return unit_ask_witness(fetching, unit);
    status = evm_prove_head((struct json_span){call->result, call->result_length}, unit->arena, &head, &why);
    if (!status && head.number != unit->first + unit->count - 1)
        status = error_set(&why, TRACER_E_REPLY, "block %" PRIu64 " for it", head.number);
    if (status == TRACER_E_NOMEM)
        return error_set(fetching->err, status, "no memory");
    if (status) { /* its word is none */
        error_context(&why, "block %" PRIu64, unit->first + unit->count - 1);
        status = tell_witness(fetching, unit, &why);
        return status ? status : unit_ask_witness(fetching, unit);
    }
    if (!hash_equal(head.hash, unit->blocks[unit->count - 1].hash))
        return dispute(fetching, unit, head.hash);
    unit_release(unit);
    for (size_t i = 0; i < unit->count; i++)
        unit_raise_grades(unit, i + 1, client->has_final && unit->first + i <= client->final_number ? GRADE_PROVEN : GRADE_LINKED);
    unit->state = UNIT_READY;
    return TRACER_OK;
}
