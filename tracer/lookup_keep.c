/* lookup_keep.c - what a replay that goes on leaves to be looked up: the rows that carry something, and sums by account and asset. */
#include "lookup.h"

#include "tracer/large.h"

#include <stdlib.h>
#include <string.h>

/* Of one account and asset: what arrived. What is held, the engine knows. */
struct sum {
    uint32_t account, asset;
    uint32_t next;  /* of the account: index + 1, 0: none */
    uint32_t epoch; /* of the last block that put it down for undo */
    uint64_t rows;
    struct u320 amount, unknown;
    struct kept_source *sources; /* by source */
    uint32_t source_count, source_capacity;
};
struct sum_undo {
    uint64_t block_number;
    uint32_t index;
    uint64_t rows;
    struct u320 amount, unknown;
    struct kept_source *sources;
    uint32_t source_count;
};
struct account_sums {
    uint32_t first; /* index + 1 */
    bool changed;
    uint8_t wanted; /* 0: not asked yet, 1 yes, 2 no */
};
struct waiting { /* a row of the transaction at hand */
    struct position position;
    struct kept_row row;
};

struct keep {
    struct case_state *state;
    keep_row_fn *row;
    void *context;
    const struct wanted *wanted; /* NULL: all */
    bool everything; /* some accounts are not followed: what is not kept is not in the graph */
    struct large sum_memory, account_memory;
    struct sum *sums;
    size_t sum_count;
    uint32_t *table; /* index + 1 by account and asset */
    size_t table_size;
    struct account_sums *accounts;
    size_t account_count;
    uint32_t *changed, *seeded; /* accounts; those of address seeds change when their time comes */
    size_t changed_count, changed_capacity, seeded_count, seeded_capacity;
    struct waiting *waiting;
    size_t waiting_count, waiting_capacity;
    struct arena *scratch; /* parts of waiting rows; a record that is put together */
    uint64_t undo_from, block_number;
    uint32_t epoch;
    struct sum_undo *undo;
    size_t undo_count, undo_capacity;
    enum tracer_status failure; /* of `row` */
    struct error failure_error;
};

static bool room(void *array, size_t count, size_t *capacity, size_t size)
{
    void **items = array;
    if (count < *capacity)
        return true;
    size_t larger = *capacity ? *capacity * 2 : 64;
    void *grown = realloc(*items, larger * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = larger;
    return true;
}

/* ---- finding ---- */

static size_t hash(uint32_t account, uint32_t asset)
{
    uint64_t key = ((uint64_t)account << 32 | asset) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(key ^ key >> 29);
}

static bool enlarge(struct keep *keep)
{
    size_t size = keep->table_size ? keep->table_size * 2 : 1024;
    uint32_t *table = calloc(size, sizeof(*table));
    if (!table)
        return false;
    for (size_t i = 0; i < keep->sum_count; i++) {
        size_t at = hash(keep->sums[i].account, keep->sums[i].asset) & (size - 1);
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i + 1;
    }
    free(keep->table);
    keep->table = table;
    keep->table_size = size;
    return true;
}

static struct account_sums *sums_of(struct keep *keep, uint32_t account)
{
    if (!large_grow(&keep->account_memory, ((size_t)account + 1) * sizeof(struct account_sums)))
        return NULL;
    keep->accounts = keep->account_memory.at;
    if (account >= keep->account_count)
        keep->account_count = (size_t)account + 1;
    return &keep->accounts[account];
}

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* false: no memory */
static bool is_wanted(struct keep *keep, uint32_t account, bool *ret_wanted)
{
    const struct case_state *state = keep->state;
    *ret_wanted = true;
    if (!keep->wanted)
        return true;
    struct account_sums *sums = sums_of(keep, account);
    if (sums && !sums->wanted) {
        struct address address = state->cursor.account(state->cursor.self, account);
        sums->wanted = bsearch(&address, keep->wanted->accounts, keep->wanted->count, sizeof(address), order_addresses) ? 1 : 2;
    }
    *ret_wanted = sums && sums->wanted == 1;
    return sums != NULL;
}

static bool is_seeded(const struct keep *keep, uint32_t account)
{
    const struct case_state *state = keep->state;
    struct address address = state->cursor.account(state->cursor.self, account);
    for (size_t i = 0; i < state->seed_count; i++)
        if (state->seeds[i].is_address && address_equal(state->seeds[i].address, address))
            return true;
    return false;
}

static bool mark(struct keep *keep, uint32_t account)
{
    struct account_sums *sums = &keep->accounts[account];
    if (sums->changed)
        return true;
    if (!room(&keep->changed, keep->changed_count, &keep->changed_capacity, sizeof(*keep->changed)))
        return false;
    sums->changed = true;
    keep->changed[keep->changed_count++] = account;
    return true;
}

static struct sum *find_sum(struct keep *keep, uint32_t account, uint32_t asset)
{
    if (keep->sum_count * 2 >= keep->table_size && !enlarge(keep))
        return NULL;
    size_t at = hash(account, asset) & (keep->table_size - 1);
    for (; keep->table[at]; at = (at + 1) & (keep->table_size - 1)) {
        struct sum *sum = &keep->sums[keep->table[at] - 1];
        if (sum->account == account && sum->asset == asset)
            return sum;
    }
    struct account_sums *sums = sums_of(keep, account);
    if (!sums || keep->sum_count == UINT32_MAX - 1 || !large_grow(&keep->sum_memory, (keep->sum_count + 1) * sizeof(struct sum)))
        return NULL;
    keep->sums = keep->sum_memory.at;
    if (!sums->first && is_seeded(keep, account)) {
        if (!room(&keep->seeded, keep->seeded_count, &keep->seeded_capacity, sizeof(*keep->seeded)))
            return NULL;
        keep->seeded[keep->seeded_count++] = account;
    }
    keep->sums[keep->sum_count] = (struct sum){.account = account, .asset = asset, .next = sums->first};
    keep->table[at] = (uint32_t)++keep->sum_count;
    sums->first = (uint32_t)keep->sum_count;
    return &keep->sums[keep->sum_count - 1];
}

/* The sum, which changes in this block. */
static struct sum *touch(struct keep *keep, uint32_t account, uint32_t asset)
{
    struct sum *sum = find_sum(keep, account, asset);
    if (!sum || !mark(keep, account))
        return NULL;
    if (keep->block_number < keep->undo_from || sum->epoch == keep->epoch)
        return sum;
    if (!room(&keep->undo, keep->undo_count, &keep->undo_capacity, sizeof(*keep->undo)))
        return NULL;
    struct sum_undo *undo = &keep->undo[keep->undo_count];
    *undo = (struct sum_undo){.block_number = keep->block_number,
                              .index = (uint32_t)(sum - keep->sums),
                              .rows = sum->rows,
                              .amount = sum->amount,
                              .unknown = sum->unknown,
                              .source_count = sum->source_count};
    if (sum->source_count) {
        if (!(undo->sources = malloc(sum->source_count * sizeof(*undo->sources))))
            return NULL;
        memcpy(undo->sources, sum->sources, sum->source_count * sizeof(*undo->sources));
    }
    keep->undo_count++;
    sum->epoch = keep->epoch;
    return sum;
}

/* ---- rows ---- */

static bool receive_source(struct sum *sum, const struct taint_carried *carried, const struct taint_part *part)
{
    uint32_t at = 0;
    while (at < sum->source_count && sum->sources[at].source < part->tag)
        at++;
    if (at == sum->source_count || sum->sources[at].source != part->tag) {
        size_t capacity = sum->source_capacity;
        if (capacity == sum->source_count) {
            capacity = capacity ? capacity * 2 : 1;
            struct kept_source *grown = realloc(sum->sources, capacity * sizeof(*grown));
            if (!grown)
                return false;
            sum->sources = grown;
            sum->source_capacity = (uint32_t)capacity;
        }
        memmove(&sum->sources[at + 1], &sum->sources[at], (sum->source_count - at) * sizeof(*sum->sources));
        sum->sources[at] = (struct kept_source){.source = part->tag, .hop = part->hop, .best = carried->position};
        sum->source_count++;
    }
    struct kept_source *source = &sum->sources[at];
    u320_add(&source->amount, part->amount);
    if (part->hop < source->hop || (part->hop == source->hop && position_compare(carried->position, source->best) < 0)) {
        source->hop = part->hop;
        source->best = carried->position;
    }
    return true;
}

static bool receive(struct keep *keep, const struct taint_carried *carried)
{
    struct sum *sum = touch(keep, carried->to, carried->asset);
    if (!sum)
        return false;
    if (carried->fee)
        return true; /* it arrives as clean coin: what is held changes */
    sum->rows++;
    u320_add(&sum->amount, carried->amount);
    for (size_t i = 0; i < carried->part_count; i++)
        if (carried->parts[i].tag == TAINT_UNKNOWN)
            u320_add(&sum->unknown, carried->parts[i].amount);
        else if (!receive_source(sum, carried, &carried->parts[i]))
            return false;
    return true;
}

static int order_waiting(const void *a, const void *b)
{
    const struct waiting *x = a, *y = b;
    return position_compare(x->position, y->position);
}

static bool hand_out(struct keep *keep)
{
    if (keep->waiting_count > 1)
        qsort(keep->waiting, keep->waiting_count, sizeof(*keep->waiting), order_waiting); /* exchanges run out of order */
    for (size_t i = 0; i < keep->waiting_count && !keep->failure; i++)
        keep->failure = keep->row(keep->context, keep->waiting[i].position, &keep->waiting[i].row, &keep->failure_error);
    keep->waiting_count = 0;
    arena_reset(keep->scratch, (struct arena_mark){0});
    return !keep->failure;
}

static bool wait_row(struct keep *keep, const struct taint_carried *carried)
{
    if (!room(&keep->waiting, keep->waiting_count, &keep->waiting_capacity, sizeof(*keep->waiting)))
        return false;
    struct taint_part *parts = arena_copy(keep->scratch, carried->parts, carried->part_count * sizeof(*parts));
    if (!parts)
        return false;
    keep->waiting[keep->waiting_count++] = (struct waiting){
        carried->position,
        {.status = carried->status, .fee = carried->fee, .leg = carried->leg, .link = carried->link, .parts = parts, .part_count = carried->part_count}};
    return true;
}

static bool carry(void *context, const struct taint_carried *carried)
{
    struct keep *keep = context;
    if (keep->waiting_count && !position_same_transaction(keep->waiting[0].position, carried->position) && !hand_out(keep))
        return false;
    if (carried->position.block_number != keep->block_number) {
        keep->block_number = carried->position.block_number;
        keep->epoch++;
    }
    bool from, to;
    if (!is_wanted(keep, carried->from, &from) || !is_wanted(keep, carried->to, &to))
        return false;
    if (carried->status == CHECK_OK && ((from && !touch(keep, carried->from, carried->asset)) || (to && !receive(keep, carried))))
        return false;
    return (carried->part_count == 0 && carried->status != CHECK_OVERFLOW && !keep->everything) || wait_row(keep, carried);
}

/* ---- the whole ---- */

enum tracer_status keep_new(struct case_state *state, const struct wanted *wanted, keep_row_fn *row, void *context, struct keep **ret_keep,
                            struct error *err)
{
    struct keep *keep = calloc(1, sizeof(*keep));
    if (!keep || !(keep->scratch = arena_new(TRACER_MEMORY_MAX))) {
        free(keep);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    keep->state = state;
    keep->wanted = wanted;
    keep->row = row;
    keep->context = context;
    keep->everything = state->has_explored;
    keep->undo_from = UINT64_MAX;
    taint_watch_rows(state->taint, carry, keep);
    *ret_keep = keep;
    return TRACER_OK;
}

void keep_free(struct keep *keep)
{
    if (!keep)
        return;
    for (size_t i = 0; i < keep->sum_count; i++)
        free(keep->sums[i].sources);
    for (size_t i = 0; i < keep->undo_count; i++)
        free(keep->undo[i].sources);
    large_free(&keep->sum_memory);
    large_free(&keep->account_memory);
    free(keep->table);
    free(keep->changed);
    free(keep->seeded);
    free(keep->waiting);
    free(keep->undo);
    arena_free(keep->scratch);
    free(keep);
}

/* The rows of the last transaction are still to be handed out; a failure to do so stopped the replay. */
static enum tracer_status finish(struct keep *keep, enum tracer_status status, struct error *err)
{
    if (!status)
        hand_out(keep);
    if (!keep->failure)
        return status;
    status = keep->failure;
    if (err)
        *err = keep->failure_error;
    keep->failure = TRACER_OK;
    return status;
}

enum tracer_status keep_replay(struct keep *keep, struct error *err)
{
    return finish(keep, case_replay(keep->state, err), err);
}

enum tracer_status keep_extend(struct keep *keep, struct error *err)
{
    const struct case_state *state = keep->state;
    return finish(keep, taint_extend(state->taint, &keep->state->cursor, state->input->watch, state->input->watch_context, err), err);
}

void keep_undo_from(struct keep *keep, uint64_t first_block)
{
    size_t gone = 0;
    keep->undo_from = first_block;
    while (gone < keep->undo_count && keep->undo[gone].block_number < first_block)
        free(keep->undo[gone++].sources);
    keep->undo_count -= gone;
    if (gone && keep->undo_count)
        memmove(keep->undo, keep->undo + gone, keep->undo_count * sizeof(*keep->undo));
}

bool keep_rollback(struct keep *keep, uint64_t block_number)
{
    bool ok = true;
    for (; keep->undo_count && keep->undo[keep->undo_count - 1].block_number > block_number; keep->undo_count--) {
        struct sum_undo *undo = &keep->undo[keep->undo_count - 1];
        struct sum *sum = &keep->sums[undo->index];
        sum->rows = undo->rows;
        sum->amount = undo->amount;
        sum->unknown = undo->unknown;
        if (undo->source_count) /* there were never fewer */
            memcpy(sum->sources, undo->sources, undo->source_count * sizeof(*undo->sources));
        sum->source_count = undo->source_count;
        free(undo->sources);
        ok = mark(keep, sum->account) && ok;
    }
    keep->epoch++;
    keep->block_number = block_number;
    return ok;
}

/* ---- accounts ---- */

struct changed_account {
    struct address address;
    uint32_t account;
};

static int order_changed(const void *a, const void *b)
{
    const struct changed_account *x = a, *y = b;
    return address_compare(x->address, y->address);
}

static int order_kept(const void *a, const void *b)
{
    const struct kept_asset *x = a, *y = b;
    return asset_compare(&x->asset, &y->asset);
}

static bool put_together(struct keep *keep, const struct case_state *state, uint32_t account, struct kept_account *ret_account)
{
    size_t count = 0, tags = (size_t)taint_source_count(state->taint) + 1;
    for (uint32_t at = keep->accounts[account].first; at; at = keep->sums[at - 1].next)
        count++;
    struct kept_asset *assets = arena_calloc(keep->scratch, count + 1, sizeof(*assets));
    struct taint_holding *lines = arena_calloc(keep->scratch, tags, sizeof(*lines));
    if (!assets || !lines)
        return false;
    count = 0;
    for (uint32_t at = keep->accounts[account].first; at; at = keep->sums[at - 1].next) {
        const struct sum *sum = &keep->sums[at - 1];
        struct kept_asset *asset = &assets[count];
        *asset = (struct kept_asset){.asset = state->cursor.asset(state->cursor.self, sum->asset),
                                     .rows = sum->rows,
                                     .amount = sum->amount,
                                     .unknown = sum->unknown,
                                     .sources = sum->sources,
                                     .source_count = sum->source_count};
        asset->balance = taint_holding_of(state->taint, account, sum->asset, lines, tags, &asset->tag_count);
        if (!asset->rows && u256_is_zero(asset->balance))
            continue;
        if (!(asset->tags = arena_calloc(keep->scratch, asset->tag_count + 1, sizeof(*asset->tags))))
            return false;
        for (size_t t = 0; t < asset->tag_count; t++)
            asset->tags[t] = (struct taint_part){lines[t].tag, lines[t].amount, lines[t].hop, lines[t].has_via, lines[t].via};
        count++;
    }
    if (count > 1)
        qsort(assets, count, sizeof(*assets), order_kept);
    *ret_account = (struct kept_account){.assets = assets, .asset_count = count};
    return true;
}

enum tracer_status keep_each_changed(struct keep *keep, const struct case_state *state, keep_account_fn *visit, void *context,
                                     struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < keep->seeded_count && !status; i++)
        if (!mark(keep, keep->seeded[i]))
            status = error_set(err, TRACER_E_NOMEM, "no memory");
    struct changed_account *changed = malloc((keep->changed_count + 1) * sizeof(*changed));
    if (!status && !changed)
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < keep->changed_count && !status; i++)
        changed[i] = (struct changed_account){state->cursor.account(state->cursor.self, keep->changed[i]), keep->changed[i]};
    if (!status && keep->changed_count)
        qsort(changed, keep->changed_count, sizeof(*changed), order_changed);
    for (size_t i = 0; i < keep->changed_count && !status; i++) {
        struct kept_account account;
        struct arena_mark before = arena_mark(keep->scratch);
        keep->accounts[changed[i].account].changed = false;
        status = address_is_void(changed[i].address)                            ? TRACER_OK
                 : put_together(keep, state, changed[i].account, &account) ? visit(context, changed[i].address, &account, err)
                                                                                : error_set(err, TRACER_E_NOMEM, "no memory");
        arena_reset(keep->scratch, before);
    }
    free(changed);
    if (!status)
        keep->changed_count = 0;
    return status;
}
