/* lookalike.c - address poisoning: accounts that were made to look like those of the case (threat-model X5).
 *
 * Who reads a history sees the first and the last digits of an address. A poisoner makes an address with the same ones, and a
 * transfer of nothing, of dust, or of a worthless token between it and the victim. Such rows move no taint that counts; but who
 * reads the rows by hand must be warned. */
#include "pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 10u /* pairs; all are counted */

struct looking {
    struct case_state *state;
    uint8_t *named;        /* by cursor id: 0 not known yet, 1 of the case, 2 not */
    uint32_t capacity;
    uint32_t *by_ends;     /* accounts of the case, by the digits that are shown */
    struct address *found; /* look-alikes told already */
    size_t found_count;
    uint64_t zero; /* rows of the case's accounts that moved nothing */
};

/* The first and the last four digits. */
static uint32_t ends_of(struct address address)
{
    const uint8_t *bytes = address.bytes;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[18] << 8 | bytes[19];
}

static int order_ends(const void *a, const void *b, void *context)
{
    const struct result_account *accounts = context;
    uint32_t x = ends_of(accounts[*(const uint32_t *)a].address), y = ends_of(accounts[*(const uint32_t *)b].address);
    return x < y ? -1 : x > y;
}

/* The account of the case that `address` looks like, but is not; NULL: none. */
static const struct result_account *model_of(const struct looking *looking, struct address address)
{
    const struct case_state *state = looking->state;
    uint32_t ends = ends_of(address);
    size_t low = 0, high = state->account_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ends_of(state->accounts[looking->by_ends[middle]].address) < ends)
            low = middle + 1;
        else
            high = middle;
    }
    bool there = low < state->account_count && ends_of(state->accounts[looking->by_ends[low]].address) == ends;
    return there ? &state->accounts[looking->by_ends[low]] : NULL;
}

static bool is_of_case(struct looking *looking, const struct cursor *cursor, uint32_t id)
{
    if (id >= looking->capacity)
        return false; /* without memory for it nothing is told of it */
    struct address address = cursor->account(cursor->self, id);
    if (!looking->named[id]) /* what void pays is in nobody's history but the receiver's */
        looking->named[id] = address_is_void(address) || case_account(looking->state, address) == RESULT_NONE ? 2 : 1;
    return looking->named[id] == 1;
}

static enum tracer_status look_at(struct looking *looking, const struct cursor *cursor, const struct cursor_row *row, struct error *err)
{
    bool from = is_of_case(looking, cursor, row->from), to = is_of_case(looking, cursor, row->to);
    looking->zero += (from || to) && u256_is_zero(row->amount);
    if (from == to)
        return TRACER_OK;
    struct address other = cursor->account(cursor->self, from ? row->to : row->from);
    const struct result_account *model = address_is_void(other) ? NULL : model_of(looking, other);
    char key[POSITION_TEXT_SIZE], fake[ADDRESS_TEXT_SIZE], real[ADDRESS_TEXT_SIZE];
    if (!model)
        return TRACER_OK;
    for (size_t i = 0; i < looking->found_count; i++)
        if (address_equal(looking->found[i], other))
            return TRACER_OK;
    if (looking->found_count == SHOWN_MAX)
        return TRACER_OK;
    looking->found[looking->found_count++] = other;
    position_format(row->position, key);
    address_format(other, fake);
    address_format(model->address, real);
    return case_note(looking->state, NOTE_LIMIT, err,
                     "look-alike: %s, in transfer %s, has the first and last digits of %s and is another (address poisoning): compare whole addresses%s", fake, key,
                     real, looking->found_count == SHOWN_MAX ? "; further look-alikes are not told" : "");
}

/* The rows of the case's accounts, and perhaps others: by the index, where that costs less than reading every row. */
static enum tracer_status rows_of_case(const struct case_state *state, struct cursor *ret_cursor, struct error *err)
{
    const struct case_input *input = state->input;
    struct cursor_index index;
    enum tracer_status status =
        graph_gather(input->graph, input->chain_id, state->first, state->last, input->index_max, ret_cursor, &index, err);
    for (size_t i = 0; i < state->account_count && !status; i++) {
        uint32_t account;
        if (address_is_void(state->accounts[i].address))
            continue;
        status = index.find(index.self, state->accounts[i].address, &account, err);
        if (!status)
            status = index.add(index.self, account, err);
        else if (status == TRACER_E_NOT_FOUND)
            status = TRACER_OK;
    }
    if (status)
        cursor_close(ret_cursor);
    return status == TRACER_E_LIMIT || status == TRACER_E_UNAVAILABLE
               ? graph_cursor(input->graph, input->chain_id, state->first, state->last, ret_cursor, err)
               : status;
}

enum tracer_status lookalike_notes(struct case_state *state, struct error *err)
{
    struct cursor cursor = {0};
    const struct cursor_row *rows;
    size_t count;
    struct looking looking = {.state = state};
    enum tracer_status status = rows_of_case(state, &cursor, err);
    if (status)
        return status;
    looking.by_ends = calloc(state->account_count + 1, sizeof(*looking.by_ends));
    looking.found = calloc(SHOWN_MAX, sizeof(*looking.found));
    if (!looking.by_ends || !looking.found)
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < state->account_count && !status; i++)
        looking.by_ends[i] = (uint32_t)i;
    if (!status && state->account_count)
        qsort_r(looking.by_ends, state->account_count, sizeof(*looking.by_ends), order_ends, state->accounts);
    while (!status && !(status = cursor.next(cursor.self, &rows, &count, err)) && count) {
        uint32_t ids = cursor.account_count(cursor.self);
        if (ids > looking.capacity) {
            uint8_t *named = realloc(looking.named, ids);
            if (!named) {
                status = error_set(err, TRACER_E_NOMEM, "no memory");
                break;
            }
            memset(named + looking.capacity, 0, ids - looking.capacity);
            looking.named = named;
            looking.capacity = ids;
        }
        for (size_t i = 0; i < count && !status; i++)
            status = look_at(&looking, &cursor, &rows[i], err);
    }
    if (!status && looking.zero)
        status = case_note(state, NOTE_LIMIT, err,
                           "%" PRIu64 " transfers of zero units to or from accounts named here moved nothing (anybody can make them; address poisoning does)",
                           looking.zero);
    cursor_close(&cursor);
    free(looking.named);
    free(looking.by_ends);
    free(looking.found);
    return status;
}
