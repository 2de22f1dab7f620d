/* again.h - past decisions are asked again: a screen with their options (decision replay, rescreen). */
#ifndef TRACER_CMD_AGAIN_H
#define TRACER_CMD_AGAIN_H

#include "session.h"

#include "tracer/screen.h"

struct again {
    struct options options; /* those of the command line, and of the record */
    struct session session; /* its error says what failed */
    struct screen_request request;
    struct screen *screen;
};
/** With `as_then` up to the block that the context ended with, and with the versions of lists that it had, where the store still
 * has them. Texts of the context outlive it. Close it after a failure, too. */
enum tracer_status again_open(struct again *again, const struct options *given, const struct decision_context *context, bool as_then);
void again_close(struct again *again);
enum tracer_status again_answer(struct again *again, const struct decision *decisions, size_t count, struct check_result **ret_result);
/** The decision and the context that the answer would be recorded as. */
enum tracer_status again_decision(struct again *again, const struct check_result *result, size_t index, struct arena *arena,
                                  struct decision_context *ret_context, struct decision *ret_decision);

#endif
