/* undo.c - going back to the end of an earlier block (5.6): before a block first changes a holding, a total
 * or an absorbed amount, what it was is put down. Caches of what an id is (accounts, assets) stay, and so do
 * holdings that are empty again: no result shows them. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

struct undo_holding {
    struct holding *holding;
    struct u256 balance;
    struct tagged *tags;
    struct u256 *amounts; /* NULL under poison */
    struct queue queue;
    uint32_t tag_count, uniform;
};
struct undo_total {
    uint32_t asset, tag;
    struct taint_total sums;
};
struct undo_absorbed {
    uint32_t account, asset, tag;
    struct u320 amount;
};
/* The state before a block, and where its entries begin. */
struct undo_block {
    uint64_t number;
    size_t holdings, totals, absorbed, seeds, next_address_seed;
    struct record_counts records;
    struct taint_diag diag;
    struct taint_met met;
};

struct undo {
    uint64_t first_block; /* blocks from here on can be undone */
    uint32_t epoch;       /* of the block at hand; never used twice */
    struct undo_block *blocks;
    size_t block_count, block_capacity;
    struct undo_holding *holdings;
    size_t holding_count, holding_capacity;
    struct undo_total *totals;
    size_t total_count, total_capacity;
    struct undo_absorbed *absorbed;
    size_t absorbed_count, absorbed_capacity;
    size_t *seeds; /* transfer seeds that became done */
    size_t seed_count, seed_capacity;
};

enum tracer_status taint_keep_undo(struct taint *taint, uint64_t first_block, struct error *err)
{
    if (taint->check_count)
        return error_set(err, TRACER_E_USAGE, "what was asked of a replay cannot be undone");
    if (!taint->undo && !(taint->undo = calloc(1, sizeof(*taint->undo))))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    taint->undo->first_block = first_block > taint->next_block ? first_block : taint->next_block;
    return TRACER_OK;
}

bool undo_begin(struct taint *taint, uint64_t block_number)
{
    struct undo *undo = taint->undo;
    if (!undo || block_number < undo->first_block ||
        (undo->block_count && undo->blocks[undo->block_count - 1].number == block_number))
        return true;
    struct undo_block *blocks = grow(undo->blocks, undo->block_count, &undo->block_capacity, sizeof(*blocks));
    if (!blocks || undo->epoch == UINT32_MAX)
        return false;
    undo->blocks = blocks;
    undo->epoch++;
    blocks[undo->block_count++] = (struct undo_block){.number = block_number,
                                                      .holdings = undo->holding_count,
                                                      .totals = undo->total_count,
                                                      .absorbed = undo->absorbed_count,
                                                      .seeds = undo->seed_count,
                                                      .records = records_count(taint),
                                                      .next_address_seed = taint->next_address_seed,
                                                      .diag = taint->diag,
                                                      .met = taint->met};
    return true;
}

/* Is this the first change in this block? */
static bool is_first(const struct taint *taint, uint32_t *epoch)
{
    const struct undo *undo = taint->undo;
    if (!undo || !undo->block_count || *epoch == undo->epoch)
        return false;
    *epoch = undo->epoch;
    return true;
}

bool undo_holding(struct taint *taint, struct holding *holding)
{
    struct undo *undo = taint->undo;
    holding->mark = 0; /* quick.c looks again what it is */
    if (!is_first(taint, &holding->epoch))
        return true;
    struct undo_holding *entries =
        grow(undo->holdings, undo->holding_count, &undo->holding_capacity, sizeof(*entries));
    if (!entries)
        return false;
    undo->holdings = entries;
    struct undo_holding entry = {.holding = holding,
                                 .balance = holding->balance,
                                 .tag_count = holding->tag_count,
                                 .uniform = holding->uniform};
    if (holding->tag_count) {
        if (!(entry.tags = malloc(holding->tag_count * sizeof(*entry.tags))))
            return false;
        memcpy(entry.tags, holding->tags, holding->tag_count * sizeof(*entry.tags));
        if (holding->amounts && !(entry.amounts = malloc(holding->tag_count * sizeof(*entry.amounts)))) {
            free(entry.tags);
            return false;
        }
        if (holding->amounts)
            memcpy(entry.amounts, holding->amounts, holding->tag_count * sizeof(*entry.amounts));
    }
    if (holding->queue && !queue_copy(holding->queue, &entry.queue)) {
        queue_release(&entry.queue);
        free(entry.tags);
        free(entry.amounts);
        return false;
    }
    entries[undo->holding_count++] = entry;
    return true;
}

bool undo_total(struct taint *taint, struct total *total)
{
    struct undo *undo = taint->undo;
    if (!is_first(taint, &total->epoch))
        return true;
    struct undo_total *entries =
        grow(undo->totals, undo->total_count, &undo->total_capacity, sizeof(*entries));
    if (!entries)
        return false;
    undo->totals = entries;
    entries[undo->total_count++] = (struct undo_total){total->sums.asset, total->sums.tag, total->sums};
    return true;
}

bool undo_absorbed(struct taint *taint, struct absorbed *absorbed)
{
    struct undo *undo = taint->undo;
    if (!is_first(taint, &absorbed->epoch))
        return true;
    struct undo_absorbed *entries =
        grow(undo->absorbed, undo->absorbed_count, &undo->absorbed_capacity, sizeof(*entries));
    if (!entries)
        return false;
    undo->absorbed = entries;
    entries[undo->absorbed_count++] = (struct undo_absorbed){
        (uint32_t)(absorbed->key >> 32), (uint32_t)absorbed->key, absorbed->tag, absorbed->amount};
    return true;
}

bool undo_seed(struct taint *taint, size_t index)
{
    struct undo *undo = taint->undo;
    if (!undo || !undo->block_count)
        return true;
    size_t *seeds = grow(undo->seeds, undo->seed_count, &undo->seed_capacity, sizeof(*seeds));
    if (!seeds)
        return false;
    undo->seeds = seeds;
    seeds[undo->seed_count++] = index;
    return true;
}

/* ---- going back ---- */

static void release_entry(struct undo_holding *entry)
{
    queue_release(&entry->queue);
    free(entry->tags);
    free(entry->amounts);
}

static bool restore_holding(struct taint *taint, struct undo_holding *entry)
{
    struct holding *holding = entry->holding;
    if (!holding_tags_set(taint, holding, entry->tags, entry->amounts, entry->tag_count))
        return false;
    holding->mark = 0;
    holding->balance = entry->balance;
    holding->uniform = entry->uniform;
    if (holding->queue) { /* the copy goes in, what was there goes away with the entry */
        struct queue gone = *holding->queue;
        *holding->queue = entry->queue;
        entry->queue = gone;
    }
    return true;
}

static bool undo_block(struct taint *taint, const struct undo_block *block)
{
    struct undo *undo = taint->undo;
    bool ok = true;
    for (; undo->holding_count > block->holdings; undo->holding_count--) {
        ok = restore_holding(taint, &undo->holdings[undo->holding_count - 1]) && ok;
        release_entry(&undo->holdings[undo->holding_count - 1]);
    }
    for (; undo->total_count > block->totals; undo->total_count--) {
        const struct undo_total *entry = &undo->totals[undo->total_count - 1];
        total_slot(taint, entry->asset, entry->tag)->sums = entry->sums; /* it is there: nothing is made */
    }
    for (; undo->absorbed_count > block->absorbed; undo->absorbed_count--) {
        const struct undo_absorbed *entry = &undo->absorbed[undo->absorbed_count - 1];
        absorbed_slot(taint, entry->account, entry->asset, entry->tag)->amount = entry->amount;
    }
    for (; undo->seed_count > block->seeds; undo->seed_count--)
        taint->transfer_seeds[undo->seeds[undo->seed_count - 1]].done = false;
    records_truncate(taint, block->records);
    taint->diag = block->diag;
    taint->met = block->met;
    seeds_deactivate(taint, block->next_address_seed);
    taint->next_transfer_seed = 0; /* the next transaction finds its place */

    return ok;
}

enum tracer_status taint_rollback(struct taint *taint, uint64_t block_number, struct error *err)
{
    struct undo *undo = taint->undo;
    if (!undo || (block_number < UINT64_MAX && block_number + 1 < undo->first_block))
        return error_set(err, TRACER_E_LIMIT, "the state of the replay was not kept back to block %llu",
                         (unsigned long long)block_number);
    bool ok = true;
    while (ok && undo->block_count && undo->blocks[undo->block_count - 1].number > block_number)
        ok = undo_block(taint, &undo->blocks[--undo->block_count]);
    undo->epoch++; /* what is changed next has a block of its own */
    if (taint->next_block > block_number + 1)
        taint->next_block = block_number + 1;
    return ok ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory to go back");
}

void taint_forget_undo(struct taint *taint, uint64_t first_block)
{
    struct undo *undo = taint->undo;
    size_t blocks = 0;
    if (!undo || first_block <= undo->first_block)
        return;
    undo->first_block = first_block;
    while (blocks < undo->block_count && undo->blocks[blocks].number < first_block)
        blocks++;
    if (!blocks)
        return;
    struct undo_block to = {.holdings = undo->holding_count,
                            .totals = undo->total_count,
                            .absorbed = undo->absorbed_count,
                            .seeds = undo->seed_count};
    if (blocks < undo->block_count)
        to = undo->blocks[blocks];
    for (size_t i = 0; i < to.holdings; i++)
        release_entry(&undo->holdings[i]);
    undo->holding_count -= to.holdings;
    undo->total_count -= to.totals;
    undo->absorbed_count -= to.absorbed;
    undo->seed_count -= to.seeds;
    undo->block_count -= blocks;
#define DROP(array, count, gone)                                                                             \
    if (count)                                                                                               \
    memmove(array, (array) + (gone), (count) * sizeof(*(array)))
    DROP(undo->holdings, undo->holding_count, to.holdings);
    DROP(undo->totals, undo->total_count, to.totals);
    DROP(undo->absorbed, undo->absorbed_count, to.absorbed);
    DROP(undo->seeds, undo->seed_count, to.seeds);
    DROP(undo->blocks, undo->block_count, blocks);
#undef DROP
    for (size_t i = 0; i < undo->block_count; i++) {
        undo->blocks[i].holdings -= to.holdings;
        undo->blocks[i].totals -= to.totals;
        undo->blocks[i].absorbed -= to.absorbed;
        undo->blocks[i].seeds -= to.seeds;
    }
}

void undo_release(struct taint *taint)
{
    struct undo *undo = taint->undo;
    for (size_t i = 0; undo && i < undo->holding_count; i++)
        release_entry(&undo->holdings[i]);
    if (undo) {
        free(undo->blocks);
        free(undo->holdings);
        free(undo->totals);
        free(undo->absorbed);
        free(undo->seeds);
    }
    free(undo);
}
