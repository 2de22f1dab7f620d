/* checking.h - a check while it is worked on; internal to tracer/check*.c.
 *
 * check.c finds the targets, check_lines.c looks up what rows and accounts carried, received and hold, with their paths,
 * check_verdict.c judges.
 */
#ifndef TRACER_CHECKING_H
#define TRACER_CHECKING_H

#include "tracer/screen.h"

#include "lookup.h"

/* What a line or step names, until the tables of the result are made. */
struct name_place {
    struct asset asset;
    struct address from, to;
    bool has_ends;
};

/* A target while it is worked on. */
struct target {
    struct screen_target asked;
    struct row_spec spec;
    const char *missing;         /* why there is no answer from the store, or NULL */
    struct transfer *rows;       /* the rows asked */
    enum taint_status *statuses; /* of each */
    size_t row_count;
    struct name_place *names; /* parallel to the lines of its answer */
};

struct step { /* of a path */
    struct lookup *lookup; /* whose source it is */
    struct position position;
    uint32_t source;
    struct taint_part part;
    enum transfer_leg leg;
    uint32_t link;
};

struct checking {
    struct case_state state;
    struct lookup *lookup, *funds; /* funds: NULL not asked for */
    const struct rules *rules;
    struct target *targets;
    size_t target_count;
    struct check_result *result;
    struct check_answer *answers;   /* result->answers while they change */
    struct check_step *built_steps; /* likewise */

    struct step *steps; /* in the order of first use */
    size_t step_count, step_capacity;
    uint32_t *step_table; /* index + 1 by position and source */
    size_t step_table_size;
    uint32_t *step_order; /* in the order of the chain */
    struct name_place *step_names, *line_names; /* of the built steps; of the answer at hand */
};

/* check_lines.c */
/** The lines of an answer, their accounts and assets still to be set. */
enum tracer_status make_lines(struct checking *checking, struct target *target, struct check_answer *answer, struct error *err);
/** The transfers on the paths of all lines, in the order of the chain. */
enum tracer_status build_steps(struct checking *checking, struct error *err);
enum tracer_status name_row(struct checking *checking, struct name_place *place, struct address from, struct address to, struct asset asset,
                            struct error *err);
/** After case_seal_tables(). */
void set_names(struct checking *checking);

/* check.c */
/** case_open() and the sources; the options as the engine gets them. */
enum tracer_status screen_case(struct case_state *state, const struct screen_request *request, struct arena *arena,
                               struct taint_options *ret_options, struct error *err);

/* check_dust.c */
enum tracer_status came_unasked(struct checking *checking, struct address account, const struct check_line *line, bool *ret_unasked,
                                struct error *err);

/* check_quick.c */
struct quick;
/** Borrows both. */
enum tracer_status quick_new(struct case_state *state, struct lookup *lookup, struct quick **ret_quick, struct error *err);
void quick_free(struct quick *quick); /* NULL is fine */
enum tracer_status quick_load(struct quick *quick, struct error *err);
/** After quick_load(). */
void quick_verdicts(const struct quick *quick, const struct address *addresses, size_t count, uint8_t *ret_verdicts);

/* check_verdict.c */
bool case_is_explored(const struct case_state *state, struct address address);
/** Something of unknown history could be tainted, and the policy does not say where. */
bool case_is_blind(const struct case_state *state, const struct kept_head *head);
/** The lines are there: judge them. */
enum tracer_status answer_target(struct checking *checking, size_t index, struct check_answer *answer,
                                 struct error *err);

#endif
