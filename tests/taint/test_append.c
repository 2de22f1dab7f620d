/* test_append.c - going on and going back gives the bytes of a fresh replay (5.6): random cases are replayed
 * in pieces, a part of their blocks is replaced by another history and put back. */
#include <criterion/criterion.h>

#include "taint/cases.h"

/* The rows of a case up to a fork, then another history, then the case's own rows from the fork on. */
struct histories {
    struct transfer rows[2 * CASE_ROWS_MAX];
    size_t fork, other_end, end;
    uint64_t fork_block; /* the last block of both */
};

static uint64_t block_of(const struct histories *h, size_t row)
{
    return h->rows[row].position.block_number;
}

static void make_histories(const struct taint_case *c, struct random_source *random, struct histories *h)
{
    size_t fork = draw(random, (uint32_t)c->row_count + 1);
    while (fork > 0 && fork < c->row_count &&
           c->rows[fork - 1].position.block_number == c->rows[fork].position.block_number)
        fork--;
    memcpy(h->rows, c->rows, fork * sizeof(*h->rows));
    h->fork_block = fork ? c->rows[fork - 1].position.block_number : 0;
    h->fork = h->other_end = fork;
    for (size_t i = fork; i < c->row_count; i++) {
        if (chance(random, 20))
            continue;
        struct transfer *row = &h->rows[h->other_end++];
        *row = c->rows[i];
        if (chance(random, 40))
            row->amount = u256_from_u64(draw(random, 30));
        if (chance(random, 20))
            row->to = c->accounts[draw(random, CASE_ACCOUNTS)];
    }
    memcpy(h->rows + h->other_end, c->rows + fork, (c->row_count - fork) * sizeof(*h->rows));
    h->end = h->other_end + c->row_count - fork;
}

static void write_tables(struct taint *taint, struct buffer *out)
{
    struct error err = {0};
    buffer_clear(out);
    for (int t = 0; t < TAINT_TABLE_COUNT; t++) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        cr_assert(stream);
        if (taint_has_table(taint, (enum taint_table)t))
            cr_assert_eq(taint_write_table(taint, (enum taint_table)t, stream, &err), TRACER_OK);
        fclose(stream);
        cr_assert(buffer_add(out, text, size));
        free(text);
    }
}

/* Of the rows [0, fork) and [first, end); false: they are not valid input. */
static bool fresh(const struct taint_case *c, const struct histories *h, size_t first, size_t end,
                  struct buffer *out)
{
    static struct transfer rows[2 * CASE_ROWS_MAX];
    struct memory_cursor memory;
    struct cursor cursor;
    struct taint *taint;
    struct error err = {0};
    memcpy(rows, h->rows, h->fork * sizeof(*rows));
    memcpy(rows + h->fork, h->rows + first, (end - first) * sizeof(*rows));
    memory_cursor_open(&memory, rows, h->fork + end - first, c->batch, &cursor);
    cr_assert_eq(taint_new(&c->input, &cursor, &taint, &err), TRACER_OK);
    bool good = taint_replay(taint, NULL, NULL, &err) == TRACER_OK;
    if (good)
        write_tables(taint, out);
    taint_free(taint);
    cursor_close(&cursor);
    return good;
}

struct pieces {
    const struct histories *h;
    struct random_source *random;
    struct memory_cursor memory;
    struct cursor cursor;
    struct taint *taint;
};

/* Rows [first, end) in pieces of some blocks. */
static enum tracer_status extend(struct pieces *p, size_t first, size_t end)
{
    struct error err = {0};
    enum tracer_status status = TRACER_OK;
    while (first < end && !status) {
        size_t to = first + 1 + draw(p->random, (uint32_t)(end - first));
        while (to < end && block_of(p->h, to - 1) == block_of(p->h, to))
            to++;
        memory_cursor_window(&p->memory, first, to);
        status = taint_extend(p->taint, &p->cursor, NULL, NULL, &err);
        first = to;
    }
    return status;
}

static void same(const struct pieces *p, struct buffer *wanted, struct buffer *got, uint64_t seed,
                 const char *when)
{
    struct error err = {0};
    cr_assert_eq(taint_settle(p->taint, &err), TRACER_OK);
    write_tables(p->taint, got);
    cr_assert(wanted->size == got->size && (!got->size || memcmp(wanted->data, got->data, got->size) == 0),
              "TRACER_SEED=%" PRIu64 ", %s:\n--- wanted\n%.*s\n--- got\n%.*s\n", seed, when,
              (int)wanted->size, wanted->data, (int)got->size, got->data);
}

/* False: the explored set has to grow, so that there is no going on. */
static bool go_and_return(struct taint_case *c, uint64_t seed, struct histories *h)
{
    struct random_source random = {seed ^ 0x5bd1e995u};
    struct pieces p = {.h = h, .random = &random};
    struct buffer wanted, other, got;
    struct error err = {0};
    enum tracer_status status = TRACER_E_USAGE;
    buffer_init(&wanted, TRACER_MIB(4));
    buffer_init(&other, TRACER_MIB(4));
    buffer_init(&got, TRACER_MIB(4));
    make_histories(c, &random, h);
    if (!fresh(c, h, h->other_end, h->end, &wanted) || !fresh(c, h, h->fork, h->other_end, &other))
        goto out;
    size_t begun = draw(&random, (uint32_t)h->fork + 1);
    while (begun > 0 && begun < h->fork && block_of(h, begun - 1) == block_of(h, begun))
        begun--;
    memory_cursor_open(&p.memory, h->rows, h->end, c->batch, &p.cursor);
    memory_cursor_window(&p.memory, 0, begun);
    cr_assert_eq(taint_new(&c->input, &p.cursor, &p.taint, &err), TRACER_OK);
    cr_assert_eq(taint_keep_undo(p.taint, draw(&random, (uint32_t)h->fork_block + 2), &err), TRACER_OK);
    status = taint_replay(p.taint, NULL, NULL, &err);
    if (!status && !(status = extend(&p, begun, h->fork)) && !(status = extend(&p, h->fork, h->other_end))) {
        same(&p, &other, &got, seed, "the other history");
        if (chance(&random, 50))
            taint_forget_undo(p.taint, draw(&random, (uint32_t)h->fork_block + 2));
        if (h->fork == 0) { /* there is no block before the first */
            cr_assert(taint_rollback(p.taint, 0, &err) == TRACER_OK || err.status == TRACER_E_LIMIT);
        } else {
            cr_assert_eq(taint_rollback(p.taint, h->fork_block, &err), TRACER_OK);
            if (!(status = extend(&p, h->other_end, h->end)))
                same(&p, &wanted, &got, seed, "put back");
            for (size_t again = 0; again < 2 && !status; again++) { /* deeper, with its own rows */
                size_t to = draw(&random, (uint32_t)(h->end - h->other_end) + 1) + h->other_end;
                uint64_t block = to < h->end ? block_of(h, to) : h->fork_block;
                cr_assert_eq(taint_rollback(p.taint, block, &err), TRACER_OK);
                while (to < h->end && block_of(h, to) == block)
                    to++;
                if (block == h->fork_block)
                    to = h->other_end;
                if (!(status = extend(&p, to, h->end)))
                    same(&p, &wanted, &got, seed, "put back again");
            }
        }
    }
    cr_assert(!status || (status == TRACER_E_CONFLICT && c->input.has_explored),
              "TRACER_SEED=%" PRIu64 ": %s", seed, err.text);
    taint_free(p.taint);
    cursor_close(&p.cursor);
out:
    buffer_release(&wanted);
    buffer_release(&other);
    buffer_release(&got);
    return status == TRACER_OK;
}

Test(append, going_on_and_back_gives_the_bytes_of_a_fresh_replay, .timeout = 0)
{
    const struct case_limits limits = {.rows_max = 50};
    uint64_t first = case_environment("TRACER_SEED", 1), count = case_environment("TRACER_CASES", 20000) / 2,
             went = 0;
    struct taint_case *c = calloc(1, sizeof(*c));
    struct histories *h = calloc(1, sizeof(*h));
    cr_assert(c && h);
    for (uint64_t seed = first; seed < first + count; seed++) {
        case_generate(c, seed, &limits);
        went += go_and_return(c, seed, h);
    }
    cr_assert_geq(went, count / 2);
    free(c);
    free(h);
}

Test(append, what_was_not_kept_is_refused)
{
    const struct case_limits limits = {.rows_max = 50};
    struct taint_case *c = calloc(1, sizeof(*c));
    struct engine_run run;
    struct error err = {0};
    cr_assert(c);
    case_generate(c, 3, &limits);
    run = (struct engine_run){0};
    memory_cursor_open(&run.memory, c->rows, c->row_count, 1000, &run.cursor);
    cr_assert_eq(taint_new(&c->input, &run.cursor, &run.taint, &err), TRACER_OK);
    cr_assert_eq(taint_replay(run.taint, NULL, NULL, &err), TRACER_OK);
    uint64_t last = c->rows[c->row_count - 1].position.block_number;
    cr_assert_eq(taint_rollback(run.taint, last, &err), TRACER_E_LIMIT);
    cr_assert_eq(taint_keep_undo(run.taint, 0, &err), TRACER_OK);
    cr_assert_eq(taint_rollback(run.taint, last, &err), TRACER_OK);
    cr_assert_eq(taint_rollback(run.taint, last - 1, &err), TRACER_E_LIMIT);
    cr_assert_eq(taint_extend(run.taint, &run.cursor, NULL, NULL, &err),
                 TRACER_E_USAGE); /* the same rows again */
    engine_run_release(&run);
    free(c);
}
