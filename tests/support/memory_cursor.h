/* memory_cursor.h - a cursor over an array of transfers, for tests.
 *
 * Ids are given in order of first sight (from, to, asset of each row), 0 being void and the native coin. Each batch
 * is a fresh copy that dies at the next call, so that a reader who keeps rows too long is caught by ASan; the counts
 * grow only as rows are returned.
 */
#ifndef TRACER_TESTS_MEMORY_CURSOR_H
#define TRACER_TESTS_MEMORY_CURSOR_H

#include "tracer/cursor.h"

struct memory_cursor {
    struct cursor_row *rows;
    size_t first, end, at, batch;
    struct cursor_row *lent;    /* the copy of the last batch */
    struct address *accounts;
    struct asset *assets;
    uint32_t account_total, asset_total; /* in all rows */
    uint32_t account_seen, asset_seen;   /* in the rows returned so far */
};

/** Makes `cursor` read `count` transfers, at most `batch` (> 0) a call; cursor_close() frees. Aborts without memory. */
void memory_cursor_open(struct memory_cursor *memory, const struct transfer *transfers, size_t count, size_t batch,
                        struct cursor *cursor);
/** From now on it reads rows [first, end) of what it was opened with; the ids stay. */
void memory_cursor_window(struct memory_cursor *memory, size_t first, size_t end);

#endif
