/* decision.h - the log of screening decisions: append-only, hash-chained, a line of JSON a record (docs/decisions.md;
 * threat-model E3, E6).
 *
 * Record N is line N of the file. Each names the SHA-256 of the line before it. The first names the log; a *context* says what was
 * asked, as of which block, with which lists and program; the *decisions* behind it name it by number.
 *
 * Threads:   a struct decision_log belongs to one thread.
 * Processes: several may append to one file; each append is made under a lock. Open after fork().
 */
#ifndef TRACER_DECISION_H
#define TRACER_DECISION_H

#include "tracer/buffer.h"
#include "tracer/digest.h"
#include "tracer/result.h"

/* A place in a log: the record `number`, its digest, and where the next one begins. */
struct decision_place {
    uint64_t number, offset;
    uint64_t context; /* number of the last context; 0: not known */
    struct digest digest;
};
#define DECISION_PLACE_TEXT_SIZE 86u
/** "N:HEX" */
void decision_place_format(const struct decision_place *place, char to[static DECISION_PLACE_TEXT_SIZE]);
bool decision_place_parse(const char *text, struct decision_place *ret_place);

/* The histories that were read from endpoints for the answers: they stand on these, whatever else the store has. */
struct decision_fetched {
    uint64_t first, last; /* blocks */
    const struct address *accounts; /* that were explored, in that order */
    size_t account_count;
    const char *const *limits; /* of the search; each a gap */
    size_t limit_count;
};
/* What was asked, as it was given, so that it can be asked again. */
struct decision_question {
    struct taint_options options;
    bool has_from, has_to, has_since;
    uint64_t from, to, since;
    const char *as_of; /* NULL: not given */
    uint64_t list_age_days_max;
    bool builtin_labels, funds; /* funds: the answers have the labelled accounts that paid it out */
    const char *const *sources;
    size_t source_count;
    const struct decision_fetched *fetched; /* NULL: it was asked of what the store had */
};
/* What the decisions of one run have in common. */
struct decision_context {
    struct decision_question asked;
    const char *version, *commit, *network;
    uint64_t chain_id, first_block, last_block, last_time;
    struct hash last_hash;
    enum grade grade;           /* of the last block; it is final only if proven */
    enum taint_opening opening; /* that was taken */
    const struct result_input *inputs;
    size_t input_count;
};
#define RULE_UNASKED "unasked" /* a row of a batch that could not be asked */
struct decision {
    uint64_t number, context; /* when it was read */
    const char *target;
    bool has_to;
    struct address to;
    enum verdict verdict;
    const char *rule;
    const char *const *reasons;
    size_t reason_count;
    char answer_sha256[65];              /* of its line (report_answer); "": only the verdict was asked for */
    const char *reference, *decided_at; /* the user's words; NULL: none */
};

/* Bodies: the JSON of a record but for its place in the chain. They may be made in another process than the one that appends. */
/** `inputs` come behind those of the head. */
TRACER_MUST_USE enum tracer_status decision_context_body(const struct decision_question *asked, const struct result_head *head,
                                                         const struct result_input *inputs, size_t input_count, struct buffer *to,
                                                         struct error *err);
TRACER_MUST_USE enum tracer_status decision_body(const struct decision *decision, struct buffer *to, struct error *err);
/** Of an answer; the texts are those of the result. `json` is its line (report_answer). */
void decision_of(const struct check_answer *answer, const char *json, size_t json_size, struct decision *ret_decision);

struct decision_log;
/** Open it, or make it. What is left of a line that was being written when its writer died is cut off, and the log says so.
 * @retval TRACER_E_DAMAGED  the last records do not fit each other, or the file is something else; nothing was changed */
TRACER_MUST_USE enum tracer_status decision_log_open(const char *path, struct decision_log **ret_log, struct error *err);
void decision_log_close(struct decision_log *log); /* NULL is fine */
/** A sentence about what was cut off, NULL if nothing was. */
const char *decision_log_cut(const struct decision_log *log);
/** Append decisions under a context, which is written where it is not the last one; safe on the disk when it returns. All or none
 * when it fails, if the disk allows.
 * @param[out] ret_first  number of the first of them; they follow each other
 * @param[out] ret_head   of the log */
TRACER_MUST_USE enum tracer_status decision_append(struct decision_log *log, const struct buffer *context, const struct buffer *bodies,
                                                   size_t count, uint64_t *ret_first, struct decision_place *ret_head, struct error *err);

enum decision_kind { DECISION_LOG, DECISION_CONTEXT, DECISION_DECISION, DECISION_CUT, DECISION_KIND_COUNT };
struct decision_record {
    struct decision_place place;
    enum decision_kind kind;
    const char *line; /* borrowed until the visit ends; without its newline */
    size_t size;
};
typedef enum tracer_status decision_visit_fn(void *context, const struct decision_record *record, struct error *err);
/** Every record in order, behind `after` (NULL: from the first), each compared with the one before; with `to` (NULL: the end of the
 * file) no further than that one.
 * @retval TRACER_E_VERIFY  the chain is broken; the message says where */
TRACER_MUST_USE enum tracer_status decision_each(const char *path, const struct decision_place *after, const struct decision_place *to,
                                                 decision_visit_fn *visit, void *context, struct decision_place *ret_head,
                                                 struct error *err);

/** Read a record's line; texts are in the arena. */
TRACER_MUST_USE enum tracer_status decision_read_context(const struct decision_record *record, struct arena *arena,
                                                         struct decision_context *ret_context, struct error *err);
TRACER_MUST_USE enum tracer_status decision_read(const struct decision_record *record, struct arena *arena, struct decision *ret_decision,
                                                 struct error *err);
/** Likewise of a body that was not appended. */
TRACER_MUST_USE enum tracer_status decision_read_bodies(const struct buffer *context_body, const struct buffer *body, struct arena *arena,
                                                        struct decision_context *ret_context, struct decision *ret_decision,
                                                        struct error *err);
bool decision_same_question(const struct decision_context *a, const struct decision_context *b);
/** Of the accounts that were fetched for `before`, those that `after` could not take from the store. */
size_t decision_unread(const struct decision_context *before, const struct decision_context *after);
/** What differs between two contexts, or two decisions of one target, a sentence a line ("" nothing). */
void decision_differences(const struct decision_context *before, const struct decision_context *after, struct buffer *to);
void decision_reasons(const struct decision *before, const struct decision *after, struct buffer *to);

#endif
