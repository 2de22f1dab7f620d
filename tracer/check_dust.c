/* check_dust.c - tainted units that somebody sent an account unasked, to frame it or to lock it out (threat-model X6).
 *
 * A small tainted part that came only from accounts which this one never paid is said to be that. It changes no verdict: a rule may
 * (docs/rules.md). */
#include "checking.h"

#include <string.h>

#define DUST_PPM 10000u /* below one per cent of all that it received */
#define DUST_ROWS_MAX 10000u /* of an account that are looked at */
#define DUST_SENDERS_MAX 64u

struct looking {
    struct checking *checking;
    struct address account;
    struct asset asset;
    struct address senders[DUST_SENDERS_MAX]; /* of tainted units, not yet seen to be paid */
    size_t sender_count, rows;
    bool solicited, too_many;
};

static bool carries_source(const struct kept_row *row)
{
    for (size_t i = 0; i < row->part_count; i++)
        if (row->parts[i].tag != TAINT_UNKNOWN)
            return row->status == CHECK_OK && !row->fee;
    return false;
}

static enum tracer_status look_at(void *context, const struct transfer *transfer, struct error *err)
{
    struct looking *looking = context;
    struct checking *checking = looking->checking;
    if (++looking->rows > DUST_ROWS_MAX || transfer->position.block_number > checking->state.last) {
        looking->too_many = looking->rows > DUST_ROWS_MAX;
        return TRACER_E_STOPPED;
    }
    if (!address_equal(transfer->to, looking->account) || !asset_equal(&transfer->asset, &looking->asset))
        return TRACER_OK;
    struct kept_row row;
    struct arena_mark mark = arena_mark(checking->state.arena);
    enum tracer_status status = lookup_row(checking->lookup, transfer->position, checking->state.arena, &row, err);
    bool tainted = !status && carries_source(&row);
    arena_reset(checking->state.arena, mark);
    for (size_t i = 0; tainted && i < looking->sender_count; i++)
        tainted = !address_equal(looking->senders[i], transfer->from);
    if (tainted && looking->sender_count == DUST_SENDERS_MAX)
        looking->too_many = true;
    else if (tainted)
        looking->senders[looking->sender_count++] = transfer->from;
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static enum tracer_status was_paid(void *context, const struct transfer *transfer, struct error *err)
{
    struct looking *looking = context;
    (void)err;
    if (transfer->kind == TRANSFER_FEE || !address_equal(transfer->from, looking->account) || u256_is_zero(transfer->amount))
        return TRACER_OK;
    for (size_t i = 0; i < looking->sender_count; i++)
        looking->solicited = looking->solicited || address_equal(looking->senders[i], transfer->to);
    return looking->solicited ? TRACER_E_STOPPED : TRACER_OK;
}

static enum tracer_status walk(struct looking *looking, graph_visit_fn *visit, struct error *err)
{
    const struct case_state *state = &looking->checking->state;
    struct position first = {state->first, TRANSACTION_BEFORE, 0};
    enum tracer_status status = graph_each_of_account(state->input->graph, state->network.chain_id, looking->account, first, visit, looking, err);
    return status == TRACER_E_STOPPED ? TRACER_OK : status;
}

enum tracer_status came_unasked(struct checking *checking, struct address account, const struct check_line *line, bool *ret_unasked,
                                struct error *err)
{
    struct looking looking = {.checking = checking, .account = account};
    *ret_unasked = false;
    if (line->what != CHECK_RECEIVED || !line->exposure_count || line->ppm_min >= DUST_PPM)
        return TRACER_OK;
    looking.asset = checking->state.assets_shown[line->asset].asset;
    enum tracer_status status = walk(&looking, look_at, err);
    if (!status && looking.sender_count && !looking.too_many)
        status = walk(&looking, was_paid, err);
    *ret_unasked = !status && looking.sender_count && !looking.too_many && !looking.solicited;
    return status;
}
