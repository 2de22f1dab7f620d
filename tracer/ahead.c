/* ahead.c - see ahead.h. */
#include "ahead.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u

struct waiting { /* a block, and behind it what it points at */
    struct waiting *next;
    size_t size;
    struct block block;
};

struct search;

struct part {
    struct search *search;
    ahead_search_fn *run;
    struct chain_task *task;
};

struct search {
    struct account_work work;
    struct part parts[AHEAD_PARTS_MAX];
    size_t part_count, pending;
    ahead_search_fn *run; /* by the part that ends last */
    struct search *next;
};

struct ahead {
    struct chain_client *client;
    struct search *searches; /* those that ended, too: nobody is searched for twice */
    struct waiting *buckets[BUCKETS];
    size_t bytes;
};

enum tracer_status ahead_open(struct chain_client *client, struct ahead **ret_ahead, struct error *err)
{
    struct ahead *ahead = calloc(1, sizeof(*ahead));
    if (!ahead)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    ahead->client = client;
    chain_spread(client);
    *ret_ahead = ahead;
    return TRACER_OK;
}

void ahead_stop(struct ahead *ahead)
{
    chain_tasks_end(ahead->client);
    for (struct search *search = ahead->searches; search; search = search->next)
        search->part_count = 0;
}

void ahead_close(struct ahead *ahead)
{
    if (!ahead)
        return;
    ahead_stop(ahead);
    while (ahead->searches) {
        struct search *search = ahead->searches;
        ahead->searches = search->next;
        free(search);
    }
    for (size_t i = 0; i < BUCKETS; i++)
        while (ahead->buckets[i])
            ahead_drop_block(ahead, ahead->buckets[i]->block.number);
    free(ahead);
}

/* ---- searches ---- */

static void run_one(ahead_search_fn *function, const struct account_work *from)
{
    struct account_work work = *from;
    struct error ignored;
    work.err = &ignored;
    function(&work);
    series_release(&work);
}

static void run(void *context)
{
    struct part *part = context;
    struct search *search = part->search;
    run_one(part->run, &search->work);
    if (--search->pending == 0)
        run_one(search->run, &search->work);
}

bool ahead_begin(struct ahead *ahead, const struct account_work *work, ahead_search_fn *const *parts, size_t part_count, ahead_search_fn *function)
{
    size_t alive = 0;
    struct error ignored;
    for (struct search *search = ahead->searches; search; search = search->next) {
        if (address_equal(search->work.account, work->account))
            return true;
        alive += search->part_count && search->pending;
    }
    struct search *search = alive < TRACER_AHEAD_ACCOUNTS_MAX && ahead->bytes < TRACER_AHEAD_BYTES_MAX ? calloc(1, sizeof(*search)) : NULL;
    if (!search)
        return false;
    search->work = *work;
    search->run = function;
    search->next = ahead->searches;
    ahead->searches = search;
    for (size_t i = 0; i < part_count; i++) {
        struct part *part = &search->parts[search->part_count];
        *part = (struct part){.search = search, .run = parts[i]};
        if (chain_task_begin(ahead->client, run, part, &part->task, &ignored)) /* then without it */
            continue;
        search->part_count++;
        search->pending++;
    }
    return true;
}

enum tracer_status ahead_wait(struct ahead *ahead, struct address account, struct error *err)
{
    for (struct search *search = ahead->searches; search; search = search->next)
        if (address_equal(search->work.account, account))
            for (size_t i = 0; i < search->part_count; i++) {
                enum tracer_status status = chain_task_wait(ahead->client, search->parts[i].task, err);
                if (status)
                    return status;
            }
    return TRACER_OK;
}

/* ---- blocks ---- */

static struct waiting **find(struct ahead *ahead, uint64_t number)
{
    struct waiting **at = &ahead->buckets[number % BUCKETS];
    while (*at && (*at)->block.number != number)
        at = &(*at)->next;
    return at;
}

enum tracer_status ahead_put_block(struct ahead *ahead, const struct block *block, struct error *err)
{
    size_t transactions = block->transaction_count * sizeof(*block->transactions), transfers = block->transfer_count * sizeof(*block->transfers);
    size_t size = sizeof(struct waiting) + transactions + transfers + block->archive.size;
    struct waiting **at = find(ahead, block->number);
    if (*at)
        return TRACER_OK;
    if (ahead->bytes >= TRACER_AHEAD_BYTES_MAX || size > TRACER_AHEAD_BYTES_MAX - ahead->bytes)
        return error_set(err, TRACER_E_LIMIT, "no room for blocks that are read ahead");
    struct waiting *waiting = malloc(size);
    if (!waiting)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    *waiting = (struct waiting){.size = size, .block = *block};
    struct transaction *own_transactions = (struct transaction *)(waiting + 1);
    struct transfer *own_transfers = (struct transfer *)(own_transactions + block->transaction_count);
    uint8_t *own_archive = (uint8_t *)(own_transfers + block->transfer_count);
    if (transactions)
        memcpy(own_transactions, block->transactions, transactions);
    if (transfers)
        memcpy(own_transfers, block->transfers, transfers);
    if (block->archive.size)
        memcpy(own_archive, block->archive.data, block->archive.size);
    waiting->block.transactions = own_transactions;
    waiting->block.transfers = own_transfers;
    waiting->block.archive.data = block->archive.size ? own_archive : NULL;
    ahead->bytes += size;
    *at = waiting;
    return TRACER_OK;
}

const struct block *ahead_block(const struct ahead *ahead, uint64_t number)
{
    const struct waiting *waiting = ahead->buckets[number % BUCKETS];
    while (waiting && waiting->block.number != number)
        waiting = waiting->next;
    return waiting ? &waiting->block : NULL;
}

void ahead_drop_block(struct ahead *ahead, uint64_t number)
{
    struct waiting **at = find(ahead, number), *waiting = *at;
    if (!waiting)
        return;
    *at = waiting->next;
    ahead->bytes -= waiting->size;
    free(waiting);
}
