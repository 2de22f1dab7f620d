/* test_random.c - the engine against the naive engine on random cases, byte for byte.
 *
 * TRACER_CASES sets how many, TRACER_SEED the first: case i has seed TRACER_SEED + i, so that
 * TRACER_SEED=<printed seed> TRACER_CASES=1 runs a failing one again.
 */
#include <criterion/criterion.h>

#include "taint/cases.h"

static void compare_with_naive(uint64_t from, uint64_t count, const struct case_limits *limits)
{
    struct taint_case *c = calloc(1, sizeof(*c));
    cr_assert(c);
    for (uint64_t i = 0; i < count; i++) {
        case_generate(c, from + i, limits);
        if (case_agrees(c, NULL))
            continue;
        case_shrink(c);
        fprintf(stderr, "TRACER_SEED=%" PRIu64 ", shrunk:\n", from + i);
        case_show(c, stderr);
        case_agrees(c, stderr);
        cr_assert_fail("engine and naive engine differ for TRACER_SEED=%" PRIu64, from + i);
    }
    free(c);
}

Test(taint_random, every_table_is_that_of_the_naive_engine, .timeout = 0)
{
    const struct case_limits limits = {.rows_max = 50};
    compare_with_naive(case_environment("TRACER_SEED", 1), case_environment("TRACER_CASES", 20000), &limits);
}
