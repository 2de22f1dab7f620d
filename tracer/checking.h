/* checking.h - a check while it is worked on; internal to tracer/check*.c.
 *
 * check.c finds the targets and runs the replay, check_lines.c says what rows and accounts carried, received
 * and hold, with their paths, check_verdict.c judges.
 */
#ifndef TRACER_CHECKING_H
#define TRACER_CHECKING_H

#include "tracer/screen.h"

#include "pipeline.h"

/* A target while it is worked on. */
struct target {
    struct screen_target asked;
    struct row_spec spec;
    const char *missing;   /* why there is no answer from the store, or NULL */
    struct transfer *rows; /* the rows asked */
    size_t row_count;
    size_t first_check; /* of its rows in taint_checks() */
    bool known;         /* address: some stored row has it at an end */
};

struct checking {
    struct case_state state;
    struct target *targets;
    size_t target_count;
    struct check_result *result;
    struct check_answer *answers;   /* result->answers while they change */
    struct check_step *built_steps; /* likewise */

    size_t step_count, step_capacity;
    uint32_t *step_of_hop; /* record of the engine -> step, RESULT_NONE */
    size_t *step_hops;     /* step -> record */
};

/* check_lines.c */
enum tracer_status carried_line(struct checking *checking, const struct taint_check *check,
                                const struct transfer *row, struct check_line *line, struct error *err);
enum tracer_status received_line(struct checking *checking, const struct taint_received *received,
                                 struct check_line *line, struct error *err);
enum tracer_status holds_line(struct checking *checking, const struct taint_received *received,
                              struct check_line *line, struct error *err);
/** The transfers on the paths of all lines, in the order of the chain. */
enum tracer_status build_steps(struct checking *checking, struct error *err);

/* check_verdict.c */
enum tracer_status answer_target(struct checking *checking, size_t index, struct check_answer *answer,
                                 struct error *err);

#endif
