/* lookup.c - finding the lookup of a case and reading from it. */
#include "lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    struct shelf *shelf;
    struct arena *arena; /* of the head */
    struct kept_head head;
    char path[LOOKUP_PATH_MAX];
    bool temporary;
};

static enum tracer_status damaged(const struct lookup *lookup, struct error *err)
{
    return error_set(err, TRACER_E_DAMAGED, "taint state %s: damaged; remove the directory, it is made again", lookup->path);
}

static enum tracer_status read_head(struct lookup *lookup, struct error *err)
{
    struct bytes bytes;
    enum tracer_status status = shelf_get(lookup->shelf, SHELF_HEAD, "head", 4, &bytes, err);
    if (status == TRACER_E_NOT_FOUND || (!status && !kept_head_decode(bytes, lookup->arena, &lookup->head)))
        return damaged(lookup, err);
    return status;
}

/* Is it what a replay of the store as it is would give? While a writer follows the chain it may be some blocks behind. */
static enum tracer_status is_current(const struct lookup *lookup, const struct case_state *state, const struct digest *identity,
                                     bool *ret_current, struct error *err)
{
    const struct kept_head *head = &lookup->head;
    struct block block = {0};
    *ret_current = false;
    if (memcmp(&head->identity, identity, sizeof(*identity)) != 0 || head->generation != state->range.generation || head->last > state->last ||
        (head->last < state->last && (state->last - head->last > TRACER_LOOKUP_LAG_MAX || !shelf_has_writer(lookup->shelf))))
        return TRACER_OK;
    enum tracer_status status = graph_get_block(state->input->graph, state->network.chain_id, head->last, &block, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    *ret_current = hash_equal(block.hash, head->last_hash);
    return TRACER_OK;
}

/* NOT_FOUND: there is none that can be used. */
static enum tracer_status try(struct lookup *lookup, struct case_state *state, const struct digest *identity, struct error *err)
{
    bool current = false;
    struct error ignored;
    enum tracer_status status = shelf_open(lookup->path, SHELF_READ, &lookup->shelf, &ignored);
    if (!status)
        status = read_head(lookup, &ignored);
    if (!status && (status = is_current(lookup, state, identity, &current, err)))
        return status;
    if (current)
        return TRACER_OK;
    shelf_close(lookup->shelf);
    lookup->shelf = NULL;
    lookup->head = (struct kept_head){.generation = 0};
    return TRACER_E_NOT_FOUND; /* none, damaged, of another time: made again */
}

enum tracer_status lookup_open(struct case_state *state, struct taint_options options, const struct wanted *wanted, struct lookup **ret_lookup,
                               struct error *err)
{
    struct digest identity;
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (!lookup || !(lookup->arena = arena_new(TRACER_MEMORY_MAX))) {
        free(lookup);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    enum tracer_status status = lookup_identity(state, options, &identity, err);
    if (!status)
        status = lookup_path(state, &identity, lookup->path, err);
    if (!status)
        status = try(lookup, state, &identity, err);
    if (status == TRACER_E_NOT_FOUND) {
        struct graph_stat stat;
        status = wanted ? graph_stat(state->input->graph, &stat, err) : TRACER_OK;
        if (!status && wanted && stat.transfers <= TRACER_LOOKUP_ROWS_MAX)
            wanted = NULL; /* all of it costs little, and serves the next */
        if (!status)
            status = lookup_make(state, options, wanted, &identity, lookup->path, &lookup->temporary, err);
        case_close(state);
        if (!status)
            status = shelf_open(lookup->path, SHELF_READ, &lookup->shelf, err);
        if (status == TRACER_E_NOT_FOUND)
            status = error_set(err, TRACER_E_STORE, "taint state %s: it was removed meanwhile", lookup->path);
        if (!status)
            status = read_head(lookup, err);
    }
    if (status) {
        lookup_close(lookup);
        return status;
    }
    state->last = lookup->head.last;
    *ret_lookup = lookup;
    return TRACER_OK;
}

void lookup_close(struct lookup *lookup)
{
    if (!lookup)
        return;
    shelf_close(lookup->shelf);
    if (lookup->temporary)
        shelf_remove(lookup->path);
    arena_free(lookup->arena);
    free(lookup);
}

const struct kept_head *lookup_head(const struct lookup *lookup)
{
    return &lookup->head;
}

enum tracer_status lookup_row(struct lookup *lookup, struct position position, struct arena *arena, struct kept_row *ret_row, struct error *err)
{
    uint8_t key[KEPT_ROW_KEY];
    struct bytes bytes;
    kept_row_key(position, key);
    enum tracer_status status = shelf_get(lookup->shelf, SHELF_ROW, key, sizeof(key), &bytes, err);
    return !status && !kept_row_decode(bytes, arena, ret_row) ? damaged(lookup, err) : status;
}

enum tracer_status lookup_account(struct lookup *lookup, struct address address, struct arena *arena, struct kept_account *ret_account,
                                  struct error *err)
{
    struct bytes bytes;
    enum tracer_status status = shelf_get(lookup->shelf, SHELF_ACCOUNT, address.bytes, sizeof(address.bytes), &bytes, err);
    return !status && !kept_account_decode(bytes, arena, ret_account) ? damaged(lookup, err) : status;
}

enum tracer_status lookup_flags(struct lookup *lookup, struct address address, uint8_t *ret_flags, struct error *err)
{
    struct bytes bytes;
    enum tracer_status status = shelf_get(lookup->shelf, SHELF_ACCOUNT, address.bytes, sizeof(address.bytes), &bytes, err);
    return !status && !kept_account_flags(bytes, ret_flags) ? damaged(lookup, err) : status;
}

struct each_flags {
    struct lookup *lookup;
    lookup_flags_fn *visit;
    void *context;
};

static enum tracer_status visit_account(void *context, struct bytes key, struct bytes value, struct error *err)
{
    struct each_flags *each = context;
    struct address address;
    uint8_t flags;
    if (key.size != sizeof(address.bytes) || !kept_account_flags(value, &flags))
        return damaged(each->lookup, err);
    memcpy(address.bytes, key.data, key.size);
    return each->visit(each->context, address, flags, err);
}

enum tracer_status lookup_each_flags(struct lookup *lookup, lookup_flags_fn *visit, void *context, struct error *err)
{
    struct each_flags each = {lookup, visit, context};
    return shelf_each(lookup->shelf, SHELF_ACCOUNT, visit_account, &each, err);
}
