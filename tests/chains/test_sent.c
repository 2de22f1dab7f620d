/* test_sent.c - blocks of an account's transactions by their nonces: answers of either shape, in batches or alone, and those that
 * do not fit what was asked. */
#include "chains/fake_chain.h"
#include "tracer/history.h"

#define NONCES 60u

static struct history_blocks find(struct fake_chain *chain, uint64_t first, uint64_t last, enum tracer_status wanted, const char *text)
{
    struct fake_pool pool = fake_open((struct fake_chain *[]){chain}, 1, 0, NULL, NULL);
    struct chain_client *client;
    struct history_blocks blocks = {0};
    struct error err = {0};
    uint64_t nonces[NONCES];
    for (uint64_t i = 0; i < NONCES; i++)
        nonces[i] = i;
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
    enum tracer_status status = history_find_sent(client, fake_address(FAKE_A), nonces, NONCES, first, last, &blocks, &err);
    cr_assert_eq(status, wanted, "%d %s", (int)status, err.text);
    if (text)
        cr_assert_not_null(strstr(err.text, text), "%s", err.text);
    chain_close(client);
    fake_close(&pool);
    return blocks;
}

static void expect_all(const struct history_blocks *blocks, uint64_t last)
{
    size_t at = 0;
    for (uint64_t number = 1; number <= last; number++)
        if (fake_transactions(number)) {
            cr_assert_lt(at, blocks->count, "block %" PRIu64 " was not found", number);
            cr_assert_eq(blocks->numbers[at++], number);
        }
    cr_assert_eq(at, blocks->count);
}

Test(sent, each_nonce_is_found_once_whatever_the_shape_of_the_answer)
{
    for (int hashes = 0; hashes < 2; hashes++) {
        struct fake_chain chain = {.head = 40, .hashes_alone = hashes};
        struct history_blocks blocks = find(&chain, 1, 40, TRACER_OK, NULL);
        expect_all(&blocks, 39);
        history_blocks_free(&blocks);
    }
}

Test(sent, nonces_that_no_transaction_has_add_nothing)
{
    struct fake_chain chain = {.head = 8};
    struct history_blocks blocks = find(&chain, 1, 8, TRACER_OK, NULL);
    expect_all(&blocks, 8);
    history_blocks_free(&blocks);
}

Test(sent, a_block_outside_the_range_is_refused)
{
    struct fake_chain chain = {.head = 40};
    struct history_blocks blocks = find(&chain, 1, 30, TRACER_E_REPLY, "not asked for");
    history_blocks_free(&blocks);
}

Test(sent, answers_that_are_none_are_refused)
{
    static const char *const answers[] = {"6", "[]", "\"0x12\"", "{\"blockNumber\":\"0x1ffffffffffffffff\"}", "{\"blockNumber\":\"0x3\",\"blockNumber\":\"0x3\"}"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fake_chain chain = {.head = 40, .fault_method = "eth_getTransactionBySenderAndNonce", .fault_result = answers[i]};
        atomic_store(&chain.faults_left, 1000);
        struct history_blocks blocks = find(&chain, 1, 40, TRACER_E_REPLY, "eth_getTransactionBySenderAndNonce");
        history_blocks_free(&blocks);
    }
}

Test(sent, a_transaction_that_waits_adds_nothing)
{
    struct fake_chain chain = {.head = 40, .fault_method = "eth_getTransactionBySenderAndNonce", .fault_result = "{\"blockNumber\":null}"};
    atomic_store(&chain.faults_left, 1000);
    struct history_blocks blocks = find(&chain, 1, 40, TRACER_OK, NULL);
    cr_assert_eq(blocks.count, 0);
    history_blocks_free(&blocks);
}

/* Where a transaction stands: two of three say it. Who lags, or pretends to, says nothing. */
Test(sent, R6_R15_a_transaction_is_where_two_operators_say)
{
    const struct fake_chain real = {.head = 40};
    struct hash hash = fake_of(&real, 23)->transactions[1].hash;
    for (int lie = 0; lie < 3; lie++)
        for (size_t place = 0; place < 3; place++) {
            struct fake_chain chains[3] = {real, real, real};
            struct chain_client *client;
            struct error err = {0};
            uint64_t number = 0;
            for (size_t i = 0; i < 3; i++) {
                chains[i].forgets = lie == 2 || (lie == 0 && i == place);
                chains[i].misplaced = lie == 1 && i == place;
            }
            struct fake_pool pool = fake_open((struct fake_chain *[]){&chains[0], &chains[1], &chains[2]}, 3, 0, NULL, NULL);
            cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
            enum tracer_status status = history_transaction_block(client, hash, &number, &err);
            cr_assert_eq(status, lie == 2 ? TRACER_E_NOT_FOUND : TRACER_OK, "%s", err.text);
            cr_assert(status || number == 23, "lie %d in place %zu: %" PRIu64, lie, place, number);
            chain_close(client);
            fake_close(&pool);
        }
}
