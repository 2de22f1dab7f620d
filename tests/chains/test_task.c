/* test_task.c - tasks that share a client, and the answers that they got ahead of the caller (task.c, answers.c). */
#include "chains/fake_chain.h"
#include "client.h"

static struct fake_chain chain = {.head = 40};
static struct fake_pool pool;
static struct chain_client *client;

static void make(void)
{
    struct error err;
    pool = fake_open((struct fake_chain *[]){&chain}, 1, 0, NULL, NULL);
    cr_assert_eq(chain_open(pool.rpc, &pool.network, &client, &err), TRACER_OK, "%s", err.text);
}

static void end(void)
{
    chain_close(client);
    fake_close(&pool);
}

TestSuite(task, .init = make, .fini = end, .timeout = 60);
TestSuite(answers, .init = make, .fini = end, .timeout = 60);

/* ---- tasks ---- */

struct asking {
    uint64_t first, count, good;
    enum tracer_status last;
    bool ran;
    struct chain_task *task;
};

static void ask_nonces(void *context)
{
    struct asking *asking = context;
    asking->ran = true;
    for (uint64_t n = asking->first; n < asking->first + asking->count; n++) {
        struct chain_balance nonce = {.account = fake_address(FAKE_A), .number = n + 1};
        struct error err;
        asking->last = chain_balances(client, &nonce, 1, &err);
        if (!asking->last)
            asking->last = nonce.status;
        if (asking->last)
            return;
        asking->good += u256_equal(nonce.amount, u256_from_u64(fake_nonce(n + 1, 0)));
    }
}

Test(task, each_gets_the_answers_to_its_own_questions)
{
    struct asking of[8] = {{0}};
    struct error err;
    for (size_t i = 0; i < 8; i++) {
        of[i] = (struct asking){.first = i * 5, .count = 5};
        cr_assert_eq(chain_task_begin(client, ask_nonces, &of[i], &of[i].task, &err), TRACER_OK);
        cr_assert(!of[i].ran && !chain_task_ended(of[i].task), "it runs only where the caller waits");
    }
    struct asking own = {.first = 100, .count = 20};
    ask_nonces(&own);
    cr_assert_eq(own.good, 20);
    for (size_t i = 8; i-- > 0;) {
        cr_assert_eq(chain_task_wait(client, of[i].task, &err), TRACER_OK, "%s", err.text);
        cr_assert(chain_task_ended(of[i].task));
        cr_expect_eq(of[i].good, 5);
    }
    chain_tasks_end(client);
    cr_assert_eq((own.good = 0, ask_nonces(&own), own.good), 20, "the caller goes on alone");
}

Test(task, what_is_stopped_asks_no_more)
{
    struct asking begun = {.count = UINT64_MAX - 1}, waiting = {.first = 5000000, .count = 9}, own = {.first = 1000000, .count = 30};
    struct error err;
    cr_assert_eq(chain_task_begin(client, ask_nonces, &begun, &begun.task, &err), TRACER_OK);
    ask_nonces(&own); /* the task runs meanwhile */
    cr_assert_eq(chain_task_begin(client, ask_nonces, &waiting, &waiting.task, &err), TRACER_OK);
    cr_assert(begun.ran && !waiting.ran);
    chain_tasks_end(client);
    cr_expect(begun.last == TRACER_E_STOPPED && waiting.last == TRACER_E_STOPPED);
    cr_expect_eq(waiting.good, 0);
    chain_tasks_end(client); /* nothing is left */
}

Test(task, what_fails_for_one_fails_for_nobody_else)
{
    struct asking early = {.first = 2, .count = 1}, good = {.first = 7, .count = 1}; /* early: no state so old */
    struct error err;
    chain.state_oldest = 5;
    cr_assert_eq(chain_task_begin(client, ask_nonces, &early, &early.task, &err), TRACER_OK);
    cr_assert_eq(chain_task_begin(client, ask_nonces, &good, &good.task, &err), TRACER_OK);
    cr_assert_eq(chain_task_wait(client, early.task, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(chain_task_wait(client, good.task, &err), TRACER_OK, "%s", err.text);
    cr_expect(early.last == TRACER_E_UNAVAILABLE && early.good == 0);
    cr_expect(good.last == TRACER_OK && good.good == 1);
}

/* ---- answers ---- */

static const char *const questions[][2] = {{"ab", "c"}, {"a", "bc"}, {"eth_getCode", "[\"0x1\",\"0x2\"]"}, {"eth_getCode", "[\"0x1\",\"0x3\"]"}};
#define QUESTIONS (sizeof questions / sizeof *questions)

static bool answered(size_t question, const char *wanted, enum tracer_status wanted_status)
{
    struct json_span result;
    enum tracer_status status;
    struct error err;
    if (!client_answer(client, questions[question][0], questions[question][1], &result, &status, &err))
        return false;
    cr_expect_eq(status, wanted_status);
    cr_expect(result.length == strlen(wanted) && memcmp(result.text, wanted, result.length) == 0, "%.*s", (int)result.length, result.text);
    return true;
}

static void keep_some(void *context)
{
    struct error why;
    (void)context;
    for (size_t i = 0; i < QUESTIONS; i++) {
        char text[16];
        snprintf(text, sizeof text, "\"%zu\"", i);
        if (i < 2)
            client_keep(client, questions[i][0], questions[i][1], (struct json_span){text, strlen(text)});
        cr_expect(i >= 2 || (answered(i, text, TRACER_OK) && answered(i, text, TRACER_OK)), "a task takes nothing out");
    }
    client_keep(client, questions[0][0], questions[0][1], (struct json_span){"other", 5}); /* the first stays */
    error_set(&why, TRACER_E_UNAVAILABLE, "pruned");
    client_keep_missing(client, questions[2][0], questions[2][1], TRACER_E_UNAVAILABLE, &why);
    client_keep_missing(client, questions[3][0], questions[3][1], TRACER_E_NETWORK, &why); /* may be otherwise next time */
}

Test(answers, are_kept_for_the_caller_and_taken_once)
{
    struct chain_task *task;
    struct error err;
    for (size_t i = 0; i < QUESTIONS; i++) {
        client_keep(client, questions[i][0], questions[i][1], (struct json_span){"1", 1});
        cr_expect(!answered(i, "", TRACER_OK), "what the caller got is not kept");
    }
    cr_assert_eq(chain_task_begin(client, keep_some, NULL, &task, &err), TRACER_OK);
    cr_assert_eq(chain_task_wait(client, task, &err), TRACER_OK);
    cr_expect(answered(1, "\"1\"", TRACER_OK) && !answered(1, "", TRACER_OK));
    cr_expect(answered(0, "\"0\"", TRACER_OK) && !answered(0, "", TRACER_OK));
    cr_expect(answered(2, "pruned", TRACER_E_UNAVAILABLE) && !answered(2, "", TRACER_OK));
    cr_expect(!answered(3, "", TRACER_OK));
}

static void ask_code(void *context)
{
    enum chain_code *code = context;
    struct error err;
    cr_expect_eq(chain_code_before(client, fake_address(FAKE_A), 9, code, &err), TRACER_OK);
}

Test(answers, a_question_is_asked_once_by_task_and_caller)
{
    struct chain_task *task;
    struct error err;
    enum chain_code ahead = CODE_NONE, own = CODE_NONE, again = CODE_NONE;
    chain.code = "0x6001";
    chain.code_end = 100;
    cr_assert_eq(chain_task_begin(client, ask_code, &ahead, &task, &err), TRACER_OK);
    cr_assert_eq(chain_task_wait(client, task, &err), TRACER_OK);
    uint64_t calls = chain_calls(client);
    ask_code(&own);
    cr_expect_eq(chain_calls(client), calls);
    ask_code(&again);
    cr_expect_eq(chain_calls(client), calls + 1, "it was taken out");
    cr_expect(ahead == CODE_CONTRACT && own == ahead && again == ahead);
}
