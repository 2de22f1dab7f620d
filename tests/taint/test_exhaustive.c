/* test_exhaustive.c - every four transfers among three accounts with amounts 0 to 2, in every policy, against the
 * naive engine.
 *
 * The rows before them: one clean unit each for A and B from void, and the stolen unit, which goes to A. A step is
 * one of the six ordered pairs of different accounts with an amount of 1 or 2. Left out, each with its reason:
 *  - amount 0 and self transfers: both "nothing happens" (4.2 step 1), so a sequence with one of them equals a
 *    shorter one, which is the beginning of one that is run; that they do nothing is tested by putting each of
 *    them in each place of every sequence of three (there with one policy each, in turn);
 *  - burns and mints within the four: void appears as the sender of the first rows only.
 * No symmetry among accounts is used, since the seed tells them apart.
 */
#include <criterion/criterion.h>

#include "taint/cases.h"

#define STEPS 12u /* 6 ordered pairs, amounts 1 and 2 */
#define IDLE 9u   /* 6 ordered pairs of amount 0, 3 self transfers */

static struct transfer step_row(const struct taint_case *c, uint32_t step)
{
    static const uint8_t pairs[6][2] = {{1, 2}, {1, 3}, {2, 1}, {2, 3}, {3, 1}, {3, 2}};
    const uint8_t *pair = pairs[step % 6];
    return (struct transfer){.kind = TRANSFER_TOKEN,
                             .asset = c->asset[2],
                             .from = c->accounts[pair[0]],
                             .to = c->accounts[pair[1]],
                             .amount = u256_from_u64(1 + step / 6)};
}

static struct transfer idle_row(const struct taint_case *c, uint32_t idle)
{
    struct transfer row = step_row(c, idle % 6);
    row.amount = u256_from_u64(0);
    if (idle >= 6) {
        row.from = row.to = c->accounts[1 + idle - 6];
        row.amount = u256_from_u64(2);
    }
    return row;
}

static void put(struct taint_case *c, struct transfer row)
{
    row.position = (struct position){1 + c->row_count / 2, 0, (uint32_t)c->row_count % 2};
    row.log_index = LOG_INDEX_NONE;
    c->rows[c->row_count++] = row;
}

/* A case with the first rows and the seed; policies, and two ways of seeding. */
static struct taint_case *begin(void)
{
    const struct case_limits limits = {.rows_max = 1};
    struct taint_case *c = calloc(1, sizeof(*c));
    cr_assert(c);
    case_generate(c, 7, &limits);
    struct taint_input empty = {0};
    c->input = empty;
    case_point(c);
    c->row_count = 0;
    c->batch = 3;
    for (uint32_t i = 0; i < 3; i++) {
        struct transfer row = step_row(c, 0);
        row.from = c->accounts[0];
        row.to = c->accounts[i == 1 ? 2 : 1];
        put(c, row);
    }
    strcpy(c->seeds[0].source, "s");
    c->seeds[0].position = c->rows[2].position;
    c->input.seed_count = 1;
    for (uint32_t i = 0; i < CASE_ASKS; i++)
        c->asks[i] = (struct position){1 + (3 + i) / 2, 0, (3 + i) % 2};
    return c;
}

static void compare(struct taint_case *c)
{
    if (case_agrees(c, NULL))
        return;
    case_show(c, stderr);
    case_agrees(c, stderr);
    cr_assert_fail("engine and naive engine differ");
}

/* Every sequence; every nineteenth (no factor of STEPS or IDLE) where TRACER_CASES asks for fewer cases than usual (instrumented builds). */
static uint32_t stride(void)
{
    return case_environment("TRACER_CASES", 20000) < 20000 ? 19 : 1;
}

static void every_four(enum taint_policy policy)
{
    struct taint_case *c = begin();
    const size_t first = c->row_count;
    c->input.options.policy = policy;
    for (uint32_t sequence = 0; sequence < STEPS * STEPS * STEPS * STEPS; sequence += stride()) {
        c->row_count = first;
        for (uint32_t i = 0, rest = sequence; i < 4; i++, rest /= STEPS)
            put(c, step_row(c, rest % STEPS));
        compare(c);
    }
    free(c);
}

Test(taint_exhaustive, fifo, .timeout = 0)
{
    every_four(POLICY_FIFO);
}

Test(taint_exhaustive, lifo, .timeout = 0)
{
    every_four(POLICY_LIFO);
}

Test(taint_exhaustive, haircut, .timeout = 0)
{
    every_four(POLICY_HAIRCUT);
}

Test(taint_exhaustive, poison, .timeout = 0)
{
    every_four(POLICY_POISON);
}

Test(taint_exhaustive, cleanfirst, .timeout = 0)
{
    every_four(POLICY_CLEANFIRST);
}

Test(taint_exhaustive, taintfirst, .timeout = 0)
{
    every_four(POLICY_TAINTFIRST);
}

Test(taint_exhaustive, rows_that_do_nothing_do_nothing_anywhere, .timeout = 0)
{
    struct taint_case *c = begin();
    const size_t first = c->row_count;
    for (uint32_t number = 0; number < STEPS * STEPS * STEPS * 4 * IDLE; number += stride()) {
        uint32_t sequence = number / (4 * IDLE), place = number / IDLE % 4, idle = number % IDLE;
        c->row_count = first;
        c->input.options.policy = (enum taint_policy)((sequence + place + idle) % POLICY_COUNT);
        for (uint32_t i = 0, rest = sequence; i < 4; i++) {
            if (i == place) {
                put(c, idle_row(c, idle));
                continue;
            }
            put(c, step_row(c, rest % STEPS));
            rest /= STEPS;
        }
        compare(c);
    }
    free(c);
}
