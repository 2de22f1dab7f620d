/* screen.h - the pipeline behind `check`: is this deposit or address tainted; by what, how much, by which
 * path? A screen is made ready once and answers any number of targets.
 *
 * Verdict (architecture 5): exposed when the proven end reaches a threshold of the rules (rules.h; by default any unit of a
 * recognised asset); else cannot_tell when the upper end does, or coverage fails; else clean.
 *
 * Threads: a struct screen belongs to one thread.
 */
#ifndef TRACER_SCREEN_H
#define TRACER_SCREEN_H

#include "tracer/rules.h"
#include "tracer/trace.h"

struct screen_request {
    struct case_input input;
    const char *const
        *sources; /* "[NAME=]SPEC" as for a trace; none: the registry's heists and sanctioned addresses */
    size_t source_count;
    bool has_since;
    uint64_t since;
    /* Only these addresses, and any transfers, will be asked about: without a state at hand, a large store is then replayed for them
     * alone. NULL: anything may be asked. */
    const struct address *wanted;
    size_t wanted_count;
    bool compares;             /* one of several policies: the notes speak of none */
    const struct rules *rules; /* NULL: rules_default() */
    bool funds; /* also say which labelled accounts paid it out (taint-spec 9.4); not under poison: TRACER_E_USAGE */
};

/* An address, a transaction hash (every value-moving row; `to` picks those into one address), hash:N,
 * hash:value or a key. */
struct screen_target {
    const char *text;
    const struct address *to; /* NULL: any */
};

struct screen;

/** Resolve the sources. What `request` points at must outlive the screen. */
TRACER_MUST_USE enum tracer_status screen_open(const struct screen_request *request, struct screen **ret_screen, struct error *err);
void screen_close(struct screen *screen); /* NULL is fine */
/** Answers in the order of the targets, in a result of their own. A target that is not one is TRACER_E_USAGE; one that the store
 * does not have is an answer, cannot_tell. */
TRACER_MUST_USE enum tracer_status screen_answer(struct screen *screen, const struct screen_target *targets, size_t count,
                                                 struct check_result **ret_result, struct error *err);
/** Could it be asked? TRACER_E_USAGE: it is no target, or of another chain; `chain` is "" or what a column says (name or id). *ret_column:
 * which of the two it is about. */
TRACER_MUST_USE enum tracer_status screen_check_target(const struct screen *screen, const char *text, const char *chain, const char **ret_column,
                                                       struct error *err);
/** Of what all answers depend on: sources, labels, assets, options, and the last block that is known. */
struct digest;
void screen_identity(const struct screen *screen, struct digest *ret_identity);
/** Verdicts alone, of addresses, by the default rules: those that screen_answer() gives. Every record is read and proven whole, and the
 * accounts whose verdict is not that of an unseen one are taken into memory (21 bytes each). They survive fork(). */
TRACER_MUST_USE enum tracer_status screen_load_verdicts(struct screen *screen, struct error *err);
void screen_verdicts(const struct screen *screen, const struct address *addresses, size_t count, uint8_t *ret_verdicts);

/* The state that screens look up, kept up to date while the chain goes on (ingest --follow --taint): answers wait for no replay. */
struct screen_follow;
/** `request` is borrowed; `reorg_depth` is how many blocks a reorg may take back without a replay from the start. */
TRACER_MUST_USE enum tracer_status screen_follow_new(const struct screen_request *request, uint64_t reorg_depth,
                                                     struct screen_follow **ret_follow, struct error *err);
/** As trace_follow_update(). */
TRACER_MUST_USE enum tracer_status screen_follow_update(struct screen_follow *follow, uint64_t kept_to, struct error *err);
void screen_follow_free(struct screen_follow *follow); /* NULL is fine */

/** For fork(): with NULL let go of the store, before the parent closes it; a child goes on with a handle of its own. The answers stay
 * those of the blocks that the parent saw, as long as it has the screen open, whatever is added since. */
void screen_set_store(struct screen *screen, struct graph *graph);
/** TRACER_E_CONFLICT: since the screen was opened, blocks that its answers depend on became others (a reorg, an import). */
TRACER_MUST_USE enum tracer_status screen_check_store(const struct screen *screen, struct error *err);

#endif
