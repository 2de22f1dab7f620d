/* test_ahead.c - accounts that are searched for before it is their turn, and the blocks that wait for them (tracer/ahead.c). */
#include "ahead.h"
#include "chains/fake_chain.h"

static struct fake_chain chain = {.head = 40};
static struct fake_pool pool;
static struct chain_client *client;
static struct ahead *ahead;

static void make(void)
{
    struct error err;
    pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(ahead_open(client, &ahead, &err), TRACER_OK);
}

static void end(void)
{
    ahead_close(ahead);
    chain_close(client);
    fake_close(&pool);
}

TestSuite(ahead, .init = make, .fini = end, .timeout = 60);

/* ---- blocks ---- */

Test(ahead, blocks_wait_as_they_were_until_they_are_dropped)
{
    struct transaction transactions[2] = {{.nonce = 7}, {.nonce = 8}};
    struct transfer transfers[3] = {{.amount = {{1}}}, {.amount = {{2}}}, {.amount = {{3}}}};
    uint8_t archive[] = {1, 2, 3};
    struct block block = {.number = 5, .time = 9, .transactions = transactions, .transaction_count = 2, .transfers = transfers, .transfer_count = 3,
                          .archive = {archive, sizeof archive}};
    struct error err;
    cr_assert_null(ahead_block(ahead, 5));
    cr_assert_eq(ahead_put_block(ahead, &block, &err), TRACER_OK);
    block.number = 5 + 4096; /* the same bucket */
    block.time = 10;
    cr_assert_eq(ahead_put_block(ahead, &block, &err), TRACER_OK);
    memset(transactions, 0xff, sizeof transactions);
    memset(transfers, 0xff, sizeof transfers);
    memset(archive, 0xff, sizeof archive);
    block.number = 5;
    cr_assert_eq(ahead_put_block(ahead, &block, &err), TRACER_OK); /* it is there: nothing changes */
    const struct block *first = ahead_block(ahead, 5), *second = ahead_block(ahead, 5 + 4096);
    cr_assert(first && second && first->time == 9 && second->time == 10);
    cr_expect(first->transaction_count == 2 && first->transactions[1].nonce == 8);
    cr_expect(first->transfer_count == 3 && first->transfers[2].amount.limb[0] == 3);
    cr_expect(first->archive.size == 3 && memcmp(first->archive.data, "\1\2\3", 3) == 0);
    ahead_drop_block(ahead, 5);
    ahead_drop_block(ahead, 5);
    cr_expect(!ahead_block(ahead, 5) && ahead_block(ahead, 5 + 4096) == second);
}

Test(ahead, what_waits_has_a_ceiling)
{
    struct block block = {.number = 1, .archive = {(const void *)"", TRACER_AHEAD_BYTES_MAX}};
    struct error err;
    cr_assert_eq(ahead_put_block(ahead, &block, &err), TRACER_E_LIMIT);
    cr_expect_null(ahead_block(ahead, 1));
}

/* ---- searches ---- */

static struct seen {
    struct address accounts[TRACER_AHEAD_ACCOUNTS_MAX + 1];
    size_t parts, searches, parts_before; /* parts_before: that had ended when the last search began */
    enum tracer_status last;
} seen;

static void ask(struct account_work *work)
{
    static uint64_t number = 1; /* nothing twice: what was answered is kept */
    struct chain_balance nonce = {.account = work->account, .number = number++};
    seen.last = chain_balances(client, &nonce, 1, work->err);
}

static void part(struct account_work *work)
{
    ask(work);
    seen.parts++;
}

static void search(struct account_work *work)
{
    seen.parts_before = seen.parts;
    seen.accounts[seen.searches++] = work->account;
    ask(work);
}

static void endless(struct account_work *work)
{
    do
        ask(work);
    while (!seen.last);
}

static ahead_search_fn *const parts[] = {part, part, part}, *const without_end[] = {endless};

static struct account_work work_of(uint8_t byte)
{
    return (struct account_work){.account = {{byte}}, .ahead = ahead};
}

Test(ahead, the_search_follows_its_parts_and_nobody_is_searched_for_twice)
{
    struct error err;
    for (uint8_t byte = 1; byte <= 3; byte++) {
        struct account_work work = work_of(byte);
        cr_assert(ahead_begin(ahead, &work, parts, 3, search) && ahead_begin(ahead, &work, parts, 3, search));
    }
    cr_expect_eq(seen.parts, 0u, "they run where the caller waits");
    for (uint8_t byte = 1; byte <= 3; byte++)
        cr_assert_eq(ahead_wait(ahead, work_of(byte).account, &err), TRACER_OK);
    cr_expect(seen.parts == 9 && seen.searches == 3 && seen.parts_before >= 3, "%zu, %zu", seen.parts, seen.searches);
    struct account_work first = work_of(1);
    cr_assert(ahead_begin(ahead, &first, parts, 3, search), "it was searched for");
    cr_assert_eq(ahead_wait(ahead, first.account, &err), TRACER_OK);
    cr_assert_eq(ahead_wait(ahead, work_of(99).account, &err), TRACER_OK, "nobody searches for this one");
    cr_expect(seen.parts == 9 && seen.searches == 3);
}

Test(ahead, no_more_are_searched_for_at_once_than_may_be)
{
    for (size_t i = 0; i <= TRACER_AHEAD_ACCOUNTS_MAX; i++) {
        struct account_work work = work_of((uint8_t)i);
        cr_assert_eq(ahead_begin(ahead, &work, parts, 1, search), i < TRACER_AHEAD_ACCOUNTS_MAX, "%zu", i);
    }
    ahead_stop(ahead);
    struct account_work work = work_of(200);
    cr_expect(ahead_begin(ahead, &work, parts, 1, search), "there is room again");
}

Test(ahead, what_is_stopped_ends)
{
    struct error err;
    struct account_work work = work_of(7), own = {.account = {{8}}, .err = &err};
    cr_assert(ahead_begin(ahead, &work, without_end, 1, search));
    for (int i = 0; i < 20; i++) { /* it runs meanwhile */
        ask(&own);
        cr_assert_eq(seen.last, TRACER_OK);
    }
    ahead_stop(ahead);
    cr_expect_eq(seen.last, TRACER_E_STOPPED);
    cr_assert_eq(ahead_wait(ahead, work.account, &err), TRACER_OK);
}
