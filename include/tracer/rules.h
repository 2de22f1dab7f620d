/* rules.h - which exposure counts: the rules that turn amounts into a verdict (docs/rules.md; architecture 5).
 *
 * The proven end of what a line carries is what its exposures say; the upper end adds what is of unknown history. A rule that the
 * proven end reaches makes it exposed; one that only the upper end reaches, cannot_tell.
 */
#ifndef TRACER_RULES_H
#define TRACER_RULES_H

#include "tracer/digest.h"
#include "tracer/result.h"

struct arena;
struct rules;

/** Any unit of a recognised asset of any source counts, and so does being listed. */
const struct rules *rules_default(void);
/** A file of the schema tracer/rules/1; in the arena. TRACER_E_USAGE: it is broken; the message says where. */
TRACER_MUST_USE enum tracer_status rules_load(const char *path, struct arena *arena, const struct rules **ret_rules, struct error *err);
bool rules_are_default(const struct rules *rules);
/** The categories that its rules name, perhaps some of them twice; room for TRACER_RULES_MAX. */
size_t rules_categories(const struct rules *rules, const char **ret_categories);
struct digest rules_digest(const struct rules *rules); /* of the file; zero of the default */

/* What one line offers to the rules. */
struct rules_exposure {
    const char *source, *category;
    bool direct;
    uint32_t hop;
    enum grade grade; /* the weakest on its path */
    struct u320 amount;
};
struct rules_line {
    struct asset asset;
    struct u320 amount, unknown;
    const struct rules_exposure *exposures;
    size_t exposure_count;
    bool overlap; /* poison: amounts of sources are of the same units */
};
struct rules_finding {
    enum verdict verdict;
    const char *rule; /* that gave it, or whose ignoring made it clean; "" none */
};
struct rules_finding rules_judge(const struct rules *rules, const struct rules_line *line);
/** The target is itself a source of this name and category, or listed. */
struct rules_finding rules_judge_listed(const struct rules *rules, const char *source, const char *category);

#endif
