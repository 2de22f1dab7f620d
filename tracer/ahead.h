/* ahead.h - accounts that are searched for before it is their turn (explore.h), so that the line to the endpoints stays full; internal to
 * the files of tracer/.
 *
 * Each has a task (chain.h) that does what exploring it would do, but writes nothing: what was answered waits with the client, and
 * blocks wait here, until the account's turn comes. Then all is asked for and decided anew, in the order of the trace, and
 * what waits is taken instead of being fetched. So what is stored and reported is the same whatever was searched for, and when.
 */
#ifndef TRACER_AHEAD_H
#define TRACER_AHEAD_H

#include "series.h"

struct ahead;
typedef void ahead_search_fn(struct account_work *work); /* of an account; what fails is not told */
#define AHEAD_PARTS_MAX 5u

TRACER_MUST_USE enum tracer_status ahead_open(struct chain_client *client, struct ahead **ret_ahead, struct error *err);
void ahead_close(struct ahead *ahead); /* NULL is fine; stops what is under way */

/** Begin to search, unless that was done before: first with all of `parts` at once, which ask what depends on nothing, then with `search`,
 * which need not ask that again. `work` is zeroed but for explorer, request, account and ahead. False: no room now. */
bool ahead_begin(struct ahead *ahead, const struct account_work *work, ahead_search_fn *const *parts, size_t part_count, ahead_search_fn *search);
/** Until the search for the account has ended, if there is one. */
TRACER_MUST_USE enum tracer_status ahead_wait(struct ahead *ahead, struct address account, struct error *err);
/** Whatever is under way. */
void ahead_stop(struct ahead *ahead);

/** Let a block wait here, copied. TRACER_E_LIMIT: too many wait. */
TRACER_MUST_USE enum tracer_status ahead_put_block(struct ahead *ahead, const struct block *block, struct error *err);
/** NULL: it does not wait here. */
const struct block *ahead_block(const struct ahead *ahead, uint64_t number);
/** It is in the store now. */
void ahead_drop_block(struct ahead *ahead, uint64_t number);

#endif
