/* memory_cursor.c - see memory_cursor.h. */
#include "memory_cursor.h"

#include <assert.h>
#include <stdlib.h>

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static uint32_t account_id(struct memory_cursor *memory, struct address account)
{
    for (uint32_t i = 0; i < memory->account_total; i++)
        if (address_equal(memory->accounts[i], account))
            return i;
    memory->accounts[memory->account_total] = account;
    return memory->account_total++;
}

static uint32_t asset_id(struct memory_cursor *memory, const struct asset *asset)
{
    for (uint32_t i = 0; i < memory->asset_total; i++)
        if (asset_equal(&memory->assets[i], asset))
            return i;
    memory->assets[memory->asset_total] = *asset;
    return memory->asset_total++;
}

static uint32_t more(uint32_t seen, uint32_t id)
{
    return id >= seen ? id + 1 : seen;
}

static enum tracer_status next(void *self, const struct cursor_row **ret_rows, size_t *ret_count, struct error *err)
{
    struct memory_cursor *memory = self;
    size_t left = memory->end - memory->at, count = left < memory->batch ? left : memory->batch;
    (void)err;
    free(memory->lent);
    memory->lent = must(malloc((count + 1) * sizeof(*memory->lent)));
    for (size_t i = 0; i < count; i++) {
        const struct cursor_row *row = &memory->rows[memory->at + i];
        memory->lent[i] = *row;
        memory->account_seen = more(more(memory->account_seen, row->from), row->to);
        memory->asset_seen = more(memory->asset_seen, row->asset);
    }
    memory->at += count;
    *ret_rows = memory->lent;
    *ret_count = count;
    return TRACER_OK;
}

static enum tracer_status start_again(void *self, struct error *err)
{
    (void)err;
    ((struct memory_cursor *)self)->at = ((struct memory_cursor *)self)->first;
    return TRACER_OK;
}

static uint32_t account_count(void *self)
{
    return ((struct memory_cursor *)self)->account_seen;
}

static uint32_t asset_count(void *self)
{
    return ((struct memory_cursor *)self)->asset_seen;
}

static struct address account(void *self, uint32_t id)
{
    struct memory_cursor *memory = self;
    assert(id < memory->account_seen);
    return memory->accounts[id];
}

static struct asset asset(void *self, uint32_t id)
{
    struct memory_cursor *memory = self;
    assert(id < memory->asset_seen);
    return memory->assets[id];
}

static void release(void *self)
{
    struct memory_cursor *memory = self;
    free(memory->rows);
    free(memory->lent);
    free(memory->accounts);
    free(memory->assets);
    *memory = (struct memory_cursor){0};
}

void memory_cursor_window(struct memory_cursor *memory, size_t first, size_t end)
{
    memory->first = memory->at = first;
    memory->end = end;
}

void memory_cursor_open(struct memory_cursor *memory, const struct transfer *transfers, size_t count, size_t batch,
                        struct cursor *cursor)
{
    assert(batch > 0);
    *memory = (struct memory_cursor){.end = count, .batch = batch, .account_seen = 1, .asset_seen = 1};
    memory->rows = must(calloc(count + 1, sizeof(*memory->rows)));
    memory->accounts = must(calloc(2 * count + 1, sizeof(*memory->accounts)));
    memory->assets = must(calloc(count + 1, sizeof(*memory->assets)));
    memory->account_total = memory->asset_total = 1; /* void, native: all zero */
    for (size_t i = 0; i < count; i++) {
        const struct transfer *from = &transfers[i];
        memory->rows[i] = (struct cursor_row){.position = from->position,
                                              .amount = from->amount,
                                              .link = from->link,
                                              .kind = (uint8_t)from->kind,
                                              .leg = (uint8_t)from->leg};
        memory->rows[i].from = account_id(memory, from->from);
        memory->rows[i].to = account_id(memory, from->to);
        memory->rows[i].asset = asset_id(memory, &from->asset);
    }
    *cursor = (struct cursor){memory, next, start_again, account_count, asset_count, account, asset, release};
}
