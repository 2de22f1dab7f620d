/* ancestors.h - before a check: the histories that its answers depend on, read from endpoints (taint-spec 9.4). Backwards from the
 * targets, one account at a time, always the one out of which most of what the targets carried came by a replay of what is
 * there, until nothing comes out of an account that was not explored, or a limit is reached. Labelled accounts end it, as they
 * end a trace. The answer is then the check of the store with the explored set that this found. */
#ifndef TRACER_ANCESTORS_H
#define TRACER_ANCESTORS_H

#include "tracer/explore.h"
#include "tracer/screen.h"

struct ancestors_request {
    struct screen_request screen; /* its range: from and to of the input; default: see ancestors_fetch() */
    const struct screen_target *targets;
    size_t target_count;
    struct explore_request explore; /* first and last are set here */
    uint64_t accounts_max, requests_max, seconds_max; /* the last two, 0: none */
    void (*progress)(void *context, const struct explore_progress *progress);
    void *progress_context;
};
struct ancestors { /* what to set in the input of the screen; in `arena` */
    struct arena *arena;
    struct address *explored; /* in the order in which they were */
    size_t explored_count;
    const char **limits; /* each a gap */
    size_t limit_count;
    struct explore_stats stats;
};

/** Blocks from the first that a named source is in, else from block 1; to the last that a target is in, or to the head where one is an
 * address. Amounts are whole then; hops and
 * paths are the least among what was explored. Under poison, the policies in which the order of units depends on taint, and rules other
 * than the default ones, all that touched the units is explored (9.3), and hops and paths are those of the whole chain. What was read stays in the store, in any case.
 * @retval TRACER_E_LIMIT  an account where a source arrives, and out of which a target was paid, is too busy to explore; or the
 *                         explored ones have more payers than the engine has room for sources */
TRACER_MUST_USE enum tracer_status ancestors_fetch(const struct ancestors_request *request, struct ancestors *ret_ancestors, struct error *err);
void ancestors_free(struct ancestors *ancestors);

#endif
