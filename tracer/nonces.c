/* nonces.c - how many transactions of each sender the store has, against what the chain counts (threat-model
 * 3: nonce audit). A sender is an account without code of its own, and its nonce counts what it sent; a gap
 * is a transaction that we lack, or an authorization that it signed (EIP-7702). What stands at an address is
 * asked for at both ends of the range: it is not for ever (X11). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"
#include "tracer/audit.h"

#define PIECE ((size_t)4096) /* senders asked about before progress is told and a signal looked at */

struct sender {
    struct address address;
    bool used, gap;
    uint64_t count, first, next,
        missing; /* next: behind the last nonce; missing: the first that was passed over */
};

struct sending {
    struct sender *senders; /* open addressing, then sorted */
    size_t count, capacity;
    const struct address *only;
    size_t only_count;
};

static struct sender *slot_of(struct sender *senders, size_t capacity, struct address address)
{
    uint64_t mixed;
    memcpy(&mixed, address.bytes, sizeof(mixed));
    size_t at = (size_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
    while (senders[at].used && !address_equal(senders[at].address, address))
        at = (at + 1) & (capacity - 1);
    return &senders[at];
}

static struct sender *sender_of(struct sending *sending, struct address address)
{
    if (sending->count * 2 >= sending->capacity) {
        size_t capacity = sending->capacity ? sending->capacity * 2 : 1024;
        struct sender *senders =
            sending->count < TRACER_AUDIT_BOOKS_MAX ? calloc(capacity, sizeof(*senders)) : NULL;
        if (!senders)
            return NULL;
        for (size_t i = 0; i < sending->capacity; i++)
            if (sending->senders[i].used)
                *slot_of(senders, capacity, sending->senders[i].address) = sending->senders[i];
        free(sending->senders);
        sending->senders = senders;
        sending->capacity = capacity;
    }
    struct sender *sender = slot_of(sending->senders, sending->capacity, address);
    sending->count += !sender->used;
    sender->used = true;
    sender->address = address;
    return sender;
}

static int order_addresses(const void *a, const void *b)
{
    return address_compare(*(const struct address *)a, *(const struct address *)b);
}

static int order_senders(const void *a, const void *b)
{
    return address_compare(((const struct sender *)a)->address, ((const struct sender *)b)->address);
}

static enum tracer_status no_memory(const struct sending *sending, struct error *err)
{
    return error_set(err, TRACER_E_LIMIT, "no memory for the nonces of more than %zu senders",
                     sending->count);
}

static enum tracer_status count_transaction(void *context, uint64_t block_number,
                                            const struct transaction *transaction, struct error *err)
{
    struct sending *sending = context;
    (void)block_number;
    if (transaction->transaction_index < 0 || hash_is_zero(transaction->hash) ||
        (sending->only_count && !bsearch(&transaction->sender, sending->only, sending->only_count,
                                         sizeof(*sending->only), order_addresses)))
        return TRACER_OK;
    struct sender *sender = sender_of(sending, transaction->sender);
    if (!sender)
        return no_memory(sending, err);
    if (!sender->count++) {
        sender->first = transaction->nonce;
    } else if (transaction->nonce != sender->next && !sender->gap) {
        sender->gap = true;
        sender->missing = sender->next;
    }
    sender->next = transaction->nonce + 1;
    return TRACER_OK;
}

static enum tracer_status gather(struct case_state *state, struct sending *sending, uint64_t block,
                                 struct error *err)
{
    enum tracer_status status = graph_each_transaction(state->input->graph, state->input->chain_id,
                                                       state->first, block, count_transaction, sending, err);
    for (size_t i = 0; i < sending->only_count && !status; i++)
        if (!sender_of(sending, sending->only[i]))
            status = no_memory(sending, err);
    size_t kept = 0;
    for (size_t i = 0; i < sending->capacity; i++)
        if (sending->senders[i].used)
            sending->senders[kept++] = sending->senders[i];
    if (kept)
        qsort(sending->senders, kept, sizeof(*sending->senders), order_senders);
    return status;
}

/* ---- the chain ---- */

static enum nonce_outcome outcome_of(enum tracer_status status)
{
    return status == TRACER_E_UNAVAILABLE ? NONCE_NO_STATE : NONCE_NO_ANSWER;
}

/* Where they differ: does it mean anything for this account? */
static enum tracer_status look_at_code(const struct audit_request *request, struct address address,
                                       uint64_t first, uint64_t block, struct audit_nonce *nonce,
                                       struct error *err)
{
    const uint64_t ends[2] = {block + 1, first};
    nonce->outcome = NONCE_DIFFERS;
    for (int end = 0; end < 2; end++) {
        enum chain_code code;
        enum tracer_status status = chain_code_before(request->client, address, ends[end], &code, err);
        if (status == TRACER_E_UNAVAILABLE || status == TRACER_E_REPLY) {
            nonce->outcome = outcome_of(status);
            return TRACER_OK;
        }
        if (status)
            return status;
        if (code == CODE_CONTRACT && nonce->stored == 0)
            nonce->outcome = NONCE_CONTRACT;
        else if (code == CODE_DELEGATED && nonce->outcome == NONCE_DIFFERS)
            nonce->outcome = NONCE_DELEGATED;
    }
    return TRACER_OK;
}

/* The lowest nonce that the chain counted and the store does not have. */
static void find_missing(const struct sender *sender, struct audit_nonce *nonce)
{
    nonce->has_missing = nonce->after > nonce->before && nonce->after - nonce->before > nonce->stored;
    nonce->missing = !sender->count || sender->first > nonce->before ? nonce->before
                     : sender->gap                                   ? sender->missing
                                                                     : sender->next;
}

static enum tracer_status judge(const struct audit_request *request, const struct sender *sender,
                                uint64_t first, uint64_t block, const struct chain_balance *before,
                                const struct chain_balance *after, struct audit_nonce *nonce,
                                struct error *err)
{
    *nonce = (struct audit_nonce){.stored = sender->count};
    enum tracer_status status = before->status ? before->status : after->status;
    if (!status && (!u256_fits_u64(before->amount) || !u256_fits_u64(after->amount)))
        status = TRACER_E_REPLY;
    if (status) {
        nonce->outcome = outcome_of(status);
        return TRACER_OK;
    }
    nonce->before = before->amount.limb[0];
    nonce->after = after->amount.limb[0];
    if (nonce->after >= nonce->before && nonce->after - nonce->before == nonce->stored)
        return TRACER_OK;
    find_missing(sender, nonce);
    return look_at_code(request, sender->address, first, block, nonce, err);
}

static enum tracer_status compare_piece(const struct audit_request *request, const struct sender *senders,
                                        size_t count, uint64_t first, uint64_t block,
                                        struct chain_balance *asked, struct audit_nonce *nonces,
                                        struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        asked[i] = (struct chain_balance){.account = senders[i].address, .number = block + 1};
        asked[count + i] = (struct chain_balance){.account = senders[i].address, .number = first};
    }
    enum tracer_status status = chain_balances(request->client, asked, 2 * count, err);
    for (size_t i = 0; i < count && !status; i++)
        status = judge(request, &senders[i], first, block, &asked[count + i], &asked[i], &nonces[i], err);
    return status;
}

static enum tracer_status compare(const struct case_state *state, const struct audit_request *request,
                                  uint64_t block, const struct sending *sending, struct nonce_lines *lines,
                                  struct error *err)
{
    struct chain_balance *asked = calloc(2 * PIECE, sizeof(*asked));
    size_t most = sending->count < request->balances_max ? sending->count : (size_t)request->balances_max;
    enum tracer_status status = asked ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < sending->count; i++) {
        lines->addresses[i] = sending->senders[i].address;
        lines->items[i] =
            (struct audit_nonce){.outcome = NONCE_OVER_LIMIT, .stored = sending->senders[i].count};
    }
    for (size_t at = 0; at < most && !status; at += PIECE) {
        size_t count = most - at < PIECE ? most - at : PIECE;
        status = compare_piece(request, sending->senders + at, count, state->first, block, asked,
                               lines->items + at, err);
        if (!status && request->progress)
            request->progress(request->progress_context, at + count, most);
        if (!status && request->stop && *request->stop)
            status = error_set(err, TRACER_E_STOPPED, "stopped before all nonces were compared: no result");
    }
    free(asked);
    return status;
}

enum tracer_status case_nonces(struct case_state *state, const struct audit_request *request, uint64_t block,
                               const struct address *only, size_t only_count, struct nonce_lines *ret_lines,
                               struct error *err)
{
    struct sending sending = {.only = only, .only_count = only_count};
    enum tracer_status status = gather(state, &sending, block, err);
    *ret_lines = (struct nonce_lines){
        .addresses = arena_calloc(state->arena, sending.count + 1, sizeof(*ret_lines->addresses)),
        .items = arena_calloc(state->arena, sending.count + 1, sizeof(*ret_lines->items)),
        .count = sending.count};
    if (!status && (!ret_lines->addresses || !ret_lines->items))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    if (!status)
        status = compare(state, request, block, &sending, ret_lines, err);
    free(sending.senders);
    return status;
}
