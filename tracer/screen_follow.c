/* screen_follow.c - the state that screens look up, brought up to date with each block; a reorg is undone in it (taint-spec 5.6). */
#include "checking.h"
#include "tracer/clock.h"

#include <stdlib.h>
#include <string.h>

struct screen_follow {
    struct screen_request request;
    uint64_t depth;          /* blocks that a reorg may take back */
    struct arena *arena;     /* of `state`; NULL: nothing is laid out yet */
    struct case_state state; /* has the engine; its cursor is open only inside screen_follow_update() */
    struct digest identity;
    struct keep *keep;
    struct layout layout;
    uint64_t next; /* first block not yet replayed */
};

enum tracer_status screen_follow_new(const struct screen_request *request, uint64_t reorg_depth, struct screen_follow **ret_follow,
                                     struct error *err)
{
    struct screen_follow *follow = calloc(1, sizeof(*follow));
    if (!follow)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    follow->request = *request;
    follow->depth = reorg_depth;
    *ret_follow = follow;
    return TRACER_OK;
}

static void drop(struct screen_follow *follow)
{
    if (follow->arena) {
        keep_free(follow->keep);
        layout_release(&follow->layout);
        case_close(&follow->state);
        arena_free(follow->arena);
    }
    follow->keep = NULL;
    follow->arena = NULL;
}

void screen_follow_free(struct screen_follow *follow)
{
    if (follow)
        drop(follow);
    free(follow);
}

static uint64_t undo_from(const struct screen_follow *follow)
{
    return follow->state.last > follow->depth ? follow->state.last - follow->depth : 0;
}

static enum tracer_status lay_out(struct screen_follow *follow, struct taint_options options, struct error *err)
{
    struct case_state *state = &follow->state;
    enum tracer_status status = case_engine(state, options, err);
    if (!status)
        status = taint_keep_undo(state->taint, undo_from(follow), err);
    if (!status)
        status = keep_new(state, NULL, layout_row, &follow->layout, &follow->keep, err);
    if (status)
        return status;
    keep_undo_from(follow->keep, undo_from(follow));
    status = keep_replay(follow->keep, err);
    return status ? status : layout_settle(&follow->layout, follow->keep, state, &follow->identity, err);
}

#define PLACE_WAIT_MS 50u
#define PLACE_TRIES 100u

/* In its place. A check may have its hands on the one that is there for a moment: it looks, or has just made it. */
static enum tracer_status place(struct screen_follow *follow, struct error *err)
{
    enum tracer_status status = layout_finish(&follow->layout, &follow->state, &follow->identity, err);
    for (unsigned tries = 1; status == TRACER_E_BUSY && tries < PLACE_TRIES; tries++) {
        clock_sleep_ms(PLACE_WAIT_MS);
        status = layout_finish(&follow->layout, &follow->state, &follow->identity, err);
    }
    return status;
}

/* From the first stored block, on a new shelf. */
static enum tracer_status begin_anew(struct screen_follow *follow, struct error *err)
{
    struct taint_options options;
    drop(follow);
    if (!(follow->arena = arena_new(TRACER_MEMORY_MAX)))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    follow->layout = (struct layout){.shelf = NULL};
    follow->state = (struct case_state){.input = NULL};
    enum tracer_status status = screen_case(&follow->state, &follow->request, follow->arena, &options, err);
    if (!status)
        status = lookup_identity(&follow->state, options, &follow->identity, err);
    if (!status)
        status = layout_new(&follow->state, &follow->identity, false, &follow->layout, err);
    if (!status && follow->layout.temporary)
        status = error_set(err, TRACER_E_STORE, "the taint state cannot be written beside the store");
    if (!status)
        status = lay_out(follow, options, err);
    if (!status)
        status = place(follow, err);
    if (!status)
        follow->next = follow->state.last + 1;
    return status;
}

/* Back to what is left of the chain, then on to what is stored now. */
static enum tracer_status go_on(struct screen_follow *follow, const struct case_state *now, uint64_t kept_to, struct error *err)
{
    struct case_state *state = &follow->state;
    enum tracer_status status = TRACER_OK;
    state->range = now->range;
    state->last = now->last;
    uint64_t first = follow->next;
    if (kept_to < first - 1) {
        uint8_t key[KEPT_ROW_KEY];
        kept_row_key((struct position){kept_to + 1, TRANSACTION_BEFORE, 0}, key);
        status = taint_rollback(state->taint, kept_to, err);
        if (!status && !keep_rollback(follow->keep, kept_to))
            status = error_set(err, TRACER_E_NOMEM, "no memory to go back");
        if (!status)
            status = shelf_cut(follow->layout.shelf, SHELF_ROW, key, sizeof(key), err);
        first = kept_to + 1;
    }
    if (status)
        return status;
    bool more = first <= state->last; /* with nothing new the cursor still tells the names */
    status = graph_cursor(state->input->graph, state->network.chain_id, more ? first : state->last, state->last, &state->cursor, err);
    if (!status && more)
        status = keep_extend(follow->keep, err);
    if (!status)
        status = layout_settle(&follow->layout, follow->keep, state, &follow->identity, err);
    if (!status)
        status = shelf_commit(follow->layout.shelf, err);
    if (status)
        return status;
    follow->next = state->last + 1;
    taint_forget_undo(state->taint, undo_from(follow));
    keep_undo_from(follow->keep, undo_from(follow));
    return TRACER_OK;
}

/* Are the sources, labels and assets those that it was begun with, and does only its end differ? */
static enum tracer_status can_go_on(const struct screen_follow *follow, struct arena *arena, uint64_t kept_to, struct case_state *ret_now,
                                    bool *ret_can, struct error *err)
{
    struct taint_options options;
    struct digest identity;
    enum tracer_status status = screen_case(ret_now, &follow->request, arena, &options, err);
    if (!status)
        status = lookup_identity(ret_now, options, &identity, err);
    *ret_can = !status && memcmp(&identity, &follow->identity, sizeof(identity)) == 0 &&
               (kept_to < UINT64_MAX || ret_now->range.generation == follow->state.range.generation);
    return status;
}

enum tracer_status screen_follow_update(struct screen_follow *follow, uint64_t kept_to, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct case_state now = {.input = NULL};
    bool can = false;
    enum tracer_status status = arena ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    if (!status && follow->arena)
        status = can_go_on(follow, arena, kept_to, &now, &can, err);
    if (!status && can) {
        status = go_on(follow, &now, kept_to, err);
        can = status != TRACER_E_LIMIT && status != TRACER_E_CONFLICT; /* not kept so far, or a larger explored set */
    }
    if ((!status || status == TRACER_E_LIMIT || status == TRACER_E_CONFLICT) && !can)
        status = begin_anew(follow, err);
    if (follow->arena)
        cursor_close(&follow->state.cursor);
    if (status)
        drop(follow);
    arena_free(arena);
    return status == TRACER_E_BUSY ? TRACER_OK : status; /* the next block tries again; a check does without meanwhile */
}
