/* rows.c - finding stored rows by what people name: a hash, hash:N, hash:value, a key; and blocks by time. */
#include "pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/proof.h"

struct collect {
    struct case_state *state;
    struct transfer *rows;
    size_t count, capacity;
};

static enum tracer_status collect_row(void *context, const struct transfer *transfer, struct error *err)
{
    struct collect *collect = context;
    if (collect->count == CASE_ROWS_MAX)
        return error_set(err, TRACER_E_LIMIT, "a transaction with more than %u transfers", CASE_ROWS_MAX);
    struct transfer *rows =
        case_grow(collect->state->arena, collect->rows, collect->count, &collect->capacity, sizeof(*rows));
    if (!rows)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    collect->rows = rows;
    rows[collect->count++] = *transfer;
    return TRACER_OK;
}

enum tracer_status case_transaction_rows(struct case_state *state, struct position position,
                                         struct transfer **ret_rows, size_t *ret_count, struct error *err)
{
    struct collect collect = {.state = state};
    enum tracer_status status =
        graph_each_in_block(state->input->graph, state->network.chain_id, position.block_number, position.transaction_index,
                            position.transaction_index, collect_row, &collect, err);
    if (status)
        return status;
    *ret_rows = collect.rows;
    *ret_count = collect.count;
    return TRACER_OK;
}

static enum tracer_status other_chain(const struct case_state *state, const char *text, struct error *err)
{
    char shown[TRACER_QUOTED_MAX];
    return error_set(err, TRACER_E_USAGE, "\"%s\" is on another chain than %s", safe_text(shown, sizeof(shown), text, strlen(text)),
                     state->network.name);
}

/* The text behind "chain:" when there is such a prefix; an unknown or other chain is an error. */
static enum tracer_status strip_chain(const struct case_state *state, const char **text, struct error *err)
{
    const char *hash = strstr(*text, ":0x");
    if (!hash)
        return TRACER_OK;
    char id[24];
    snprintf(id, sizeof(id), "%" PRIu64, state->network.chain_id);
    size_t length = (size_t)(hash - *text);
    if ((strlen(id) == length && memcmp(*text, id, length) == 0) ||
        (strlen(state->network.name) == length && memcmp(*text, state->network.name, length) == 0)) {
        *text = hash + 1;
        return TRACER_OK;
    }
    return other_chain(state, *text, err);
}

/* Digits to a number of at most 32 bits (LOG_INDEX_NONE excluded). */
static bool parse_log_index(const char *text, uint32_t *ret_index)
{
    uint64_t value = 0;
    size_t length = strlen(text);
    if (length == 0 || length > 9)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_index = (uint32_t)value;
    return true;
}

enum tracer_status case_parse_row(const struct case_state *state, const char *text, struct row_spec *ret_spec,
                                  struct error *err)
{
    *ret_spec = (struct row_spec){.what = ROW_NOTHING};
    size_t length = strlen(text);
    enum tracer_status status = address_parse(text, length, &ret_spec->address) ? TRACER_OK : strip_chain(state, &text, err);
    if (status)
        return status;
    length = strlen(text);
    if (address_parse(text, length, &ret_spec->address)) {
        if (text[1] != 'x' && state->network.chain_id == 1) /* "ronin:": the account there is not asked about here */
            return other_chain(state, text, err);
        if (!proof_checksum_holds(text, length))
            return error_set(err, TRACER_E_USAGE, PROOF_CHECKSUM_WRONG);
        ret_spec->what = ROW_ADDRESS;
    } else if (hash_parse(text, length, &ret_spec->hash))
        ret_spec->what = ROW_TRANSACTION;
    else if (position_parse(text, length, &ret_spec->position))
        ret_spec->what = ROW_KEY;
    else if (length > 67 && text[66] == ':' && hash_parse(text, 66, &ret_spec->hash)) {
        if (strcmp(text + 67, "value") == 0)
            ret_spec->what = ROW_VALUE;
        else if (parse_log_index(text + 67, &ret_spec->log_index))
            ret_spec->what = ROW_LOG;
    }
    return TRACER_OK;
}

static bool row_matches(const struct row_spec *spec, const struct transfer *row)
{
    switch (spec->what) {
    case ROW_TRANSACTION:
        return true;
    case ROW_LOG:
        return row->log_index == spec->log_index;
    case ROW_VALUE:
        return row->kind == TRANSFER_VALUE;
    case ROW_KEY:
        return position_compare(row->position, spec->position) == 0;
    case ROW_NOTHING:
    case ROW_ADDRESS:
        break;
    }
    return false;
}

enum tracer_status case_find_rows(struct case_state *state, const struct row_spec *spec, const char *text,
                                  struct transfer **ret_rows, size_t *ret_count, struct error *err)
{
    struct position position = spec->position;
    enum tracer_status status = TRACER_OK;
    if (spec->what != ROW_KEY)
        status =
            graph_find_transaction(state->input->graph, state->network.chain_id, spec->hash, &position, err);
    struct transfer *rows = NULL;
    size_t count = 0, kept = 0;
    if (!status && position.block_number > state->range.last) /* added since the case was opened */
        status = TRACER_E_NOT_FOUND;
    if (!status)
        status = case_transaction_rows(state, position, &rows, &count, err);
    if (status == TRACER_E_NOT_FOUND || (!status && spec->what == ROW_KEY && !count))
        return error_set(err, TRACER_E_NOT_FOUND,
                         "%s is not in the store (blocks %" PRIu64 " to %" PRIu64 " of %s)", text,
                         state->range.first, state->range.last, state->network.name);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        if (row_matches(spec, &rows[i]))
            rows[kept++] = rows[i];
    if (kept == 0)
        return error_set(err, TRACER_E_NOT_FOUND, "%s: the transaction is stored, but has no such transfer",
                         text);
    *ret_rows = rows;
    *ret_count = kept;
    return TRACER_OK;
}

/* The first blocks of a chain may have no time; an imported row may have none, too. */
bool case_has_time(const struct block *block)
{
    return block->time || !block->number;
}

enum tracer_status case_block_at(struct case_state *state, uint64_t time_s, uint64_t *ret_block,
                                 struct error *err)
{
    if (state->network.time_keys) { /* keys are times */
        *ret_block = time_s;
        return TRACER_OK;
    }
    uint64_t low = state->range.first, high = state->range.last + 1; /* answer in low..high */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct block block;
        enum tracer_status status = TRACER_E_NOT_FOUND;
        uint64_t probe = middle;
        for (; probe < high; probe++) { /* step over blocks that are not stored, or of no time */
            status = graph_get_block(state->input->graph, state->network.chain_id, probe, &block, err);
            if (!status && !case_has_time(&block))
                status = TRACER_E_NOT_FOUND;
            if (status != TRACER_E_NOT_FOUND)
                break;
        }
        if (status && status != TRACER_E_NOT_FOUND)
            return status;
        if (status == TRACER_OK && block.time < time_s)
            low = probe + 1;
        else
            high = middle;
    }
    *ret_block = low;
    return TRACER_OK;
}

static enum tracer_status first_row(void *context, const struct transfer *transfer, struct error *err)
{
    (void)transfer;
    (void)err;
    *(bool *)context = true;
    return TRACER_E_STOPPED; /* one is enough */
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

enum tracer_status case_look_for(struct case_state *state, const struct address *accounts, size_t count, struct error *err)
{
    struct address *sorted = arena_copy(state->arena, accounts, count * sizeof(*sorted));
    bool *seen = arena_calloc(state->arena, count + 1, sizeof(*seen));
    if (!sorted || !seen)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    qsort(sorted, count, sizeof(*sorted), order_addresses);
    enum tracer_status status = graph_seen_accounts(state->input->graph, state->network.chain_id, sorted, count, seen, err);
    if (status)
        return status;
    state->looked_for = sorted;
    state->seen = seen;
    state->looked_for_count = count;
    return TRACER_OK;
}

enum tracer_status case_knows_account(struct case_state *state, struct address account, bool *ret_known,
                                      struct error *err)
{
    bool known = false;
    const struct address *found =
        state->looked_for_count ? bsearch(&account, state->looked_for, state->looked_for_count, sizeof(account), order_addresses) : NULL;
    if (found && !state->seen[found - state->looked_for]) {
        *ret_known = false;
        return TRACER_OK;
    }
    struct position start = {state->range.first, TRANSACTION_BEFORE, 0};
    enum tracer_status status = graph_each_of_account(state->input->graph, state->network.chain_id, account,
                                                      start, first_row, &known, err);
    if (status && !(known && status == TRACER_E_STOPPED) && status != TRACER_E_NOT_FOUND)
        return status;
    *ret_known = known;
    return TRACER_OK;
}
