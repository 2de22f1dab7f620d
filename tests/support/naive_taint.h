/* naive_taint.h - a second engine of `taint/1`, written from the text of the specification alone.
 *
 * It shares no code with tracer/taint and has no cleverness: one array, scanned, for everything. It is what the
 * engine is compared with, byte for byte. Input must be good (2.4, 2.5) and small (at most 64 rows
 * to a transaction): nothing is checked here.
 */
#ifndef TRACER_TESTS_NAIVE_TAINT_H
#define TRACER_TESTS_NAIVE_TAINT_H

#include "tracer/buffer.h"
#include "tracer/input.h"

#define NAIVE_SOURCES_MAX 16u
#define NAIVE_ASKS_MAX 16u

enum naive_table { NAIVE_HOPS, NAIVE_HOLDINGS, NAIVE_LOTS, NAIVE_ABSORBED, NAIVE_TOTALS, NAIVE_DIAG, NAIVE_TABLE_COUNT };

struct naive_taint {
    struct buffer tables[NAIVE_TABLE_COUNT]; /* of section 11; size 0: the policy has no such table */
    struct buffer checks[NAIVE_ASKS_MAX];    /* the JSON of section 10 and a newline, for each key asked */
};

/** Replay `count` rows and answer for `ask_count` keys. Release with naive_taint_release(). Aborts without memory. */
void naive_taint_run(const struct taint_input *input, const struct transfer *rows, size_t count,
                     const struct position *asks, size_t ask_count, struct naive_taint *ret_naive);
void naive_taint_release(struct naive_taint *naive);

#endif
