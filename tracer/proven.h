/* proven.h - how much of a trace does not rest on accounts whose history has a gap; internal to the files of tracer/. */
#ifndef TRACER_PROVEN_H
#define TRACER_PROVEN_H

#include "pipeline.h"

/* The results of a replay in which accounts with a gap are doubted (taint_input.doubted), by the ids of the cursor. */
struct proven {
    const struct taint *taint;
    bool is_bound; /* by taint-spec 9.5; else nothing but hops 0 is proven */
    const struct taint_absorbed *absorbed;
    const struct taint_total *totals;
    size_t absorbed_count, total_count;
};
/** After that replay; `taint` is set. */
enum tracer_status proven_index(struct proven *proven, enum taint_policy policy, struct arena *arena, struct error *err);

/** Such a replay of a case with its tables sealed, replayed as if whole, where an account that the result names has a gap: these go into the
 * result. trace_unprove() ends it. */
enum tracer_status trace_prove(struct case_state *state, struct trace_result *result, struct error *err);
const struct proven *trace_proven(const struct case_state *state); /* NULL: no gap matters */
void trace_unprove(struct case_state *state);

/* Of the units that the replay as if whole has there, those that are not proven. NULL: all are. */
struct u256 unproven_of_hop(const struct proven *proven, const struct taint_hop *hop);
struct u320 unproven_of_holding(const struct proven *proven, const struct taint_holding *holding);
struct u320 unproven_of_absorbed(const struct proven *proven, const struct taint_absorbed *absorbed);
/** What was burned, paid as fee, converted and retagged; the other places stay as they are. */
void unproven_of_total(const struct proven *proven, const struct taint_total *total, struct u320 ret_places[PLACE_IS_COUNT]);

#endif
