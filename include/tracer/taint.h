/* taint.h - `taint/1`: taint as accounting under a declared policy (the taint specification, version 1).
 *
 * The engine sees transfers in chain order (cursor.h), sources, labels, assets and options; it knows
 * nothing of stores, files or chains. State after block b is a function of the rows up to b only.
 *
 * Threads: a struct taint belongs to one thread.
 */
#ifndef TRACER_TAINT_H
#define TRACER_TAINT_H

#include <stdio.h>

#include "tracer/cursor.h"
#include "tracer/input.h"

/* One line of hops.csv. Records below max(1, dust) are kept (paths need them) but not `shown`. */
struct taint_hop {
    struct position position;
    struct position parent; /* valid if has_parent */
    struct u256 amount;     /* v */
    struct u256 tainted;
    uint32_t asset, from, to; /* ids of the cursor */
    uint32_t source;          /* index in tag order */
    uint32_t hop;
    bool has_parent;
    bool shown;
    enum transfer_leg leg; /* of a valid exchange group (8.2), which is `link`; 0 under links=auto */
    uint32_t link;
};

struct taint_holding { /* a line of holdings.csv */
    uint32_t account, asset;
    uint32_t tag; /* source index, or TAINT_UNKNOWN */
    struct u256 balance, amount;
    uint32_t hop; /* sources only */
    struct position via;
    bool has_via;
};

enum taint_place_class { PLACE_SERVICE, PLACE_MIXER, PLACE_BRIDGE, PLACE_VENUE, PLACE_FRONTIER };
const char *taint_place_name(enum taint_place_class place);

struct taint_absorbed { /* a line of absorbed.csv */
    uint32_t account, asset;
    enum taint_place_class place;
    uint32_t tag;
    struct u320 amount;
};

struct taint_total { /* a line of totals.csv */
    uint32_t asset, tag;
    struct u320 seeded, emitted, created, converted_in, held, absorbed, burned, fees, converted_out, retagged;
};

struct taint_diag {
    uint64_t groups_bad, groups_ok, overflow, overspend, rows, seeds_noop, self, zero;
};

/* What of it concerns the sources: overspends of accounts that ever had their units, and exchanges in transactions that moved them. */
struct taint_met {
    uint64_t overspend, groups_ok, groups_bad;
};

#define TAINT_UNKNOWN 0xfffffffeu
#define TAINT_CLEAN 0xffffffffu

struct taint; /* a replay; owns its results */

/** Check the input (2.4, 2.5: TRACER_E_USAGE) and make an empty state. The cursor is borrowed and must
 * outlive the struct taint; the engine rewinds and reads it. */
TRACER_MUST_USE enum tracer_status taint_new(const struct taint_input *input, struct cursor *cursor,
                                             struct taint **ret_taint, struct error *err);
void taint_free(struct taint *taint); /* NULL is fine */

/** Replay every row of the cursor from its start. `watch` may be NULL: called about every 65,536 rows with
 * the rows done; a status other than TRACER_OK ends the replay with it. */
typedef enum tracer_status taint_watch_fn(void *context, uint64_t rows);
TRACER_MUST_USE enum tracer_status taint_replay(struct taint *taint, taint_watch_fn *watch, void *context,
                                                struct error *err);

/** Before taint_replay(): find the accounts that taint may reach, and ask the index behind the cursor for their rows. The replay's
 * results are then those of all rows, but `unknown` units and taint_diag(); it cannot be extended. Another status
 * than TRACER_OK leaves nothing of use; TRACER_E_UNAVAILABLE, TRACER_E_LIMIT: replay every row instead. */
TRACER_MUST_USE enum tracer_status taint_reach(struct taint *taint, const struct cursor_index *index, struct error *err);

/* Going on and going back (5.6), by whole blocks: after any of it the state is, to the byte, that of a fresh replay of
 * the rows that count. */

/** Keep what taint_rollback() needs for blocks from `first_block` on that are replayed from now on. Not together with
 * taint_ask(): TRACER_E_USAGE. */
TRACER_MUST_USE enum tracer_status taint_keep_undo(struct taint *taint, uint64_t first_block, struct error *err);
/** Blocks before `first_block` are final: drop what was kept of them. */
void taint_forget_undo(struct taint *taint, uint64_t first_block);
/** Replay more rows, of later blocks, after taint_replay(). The new cursor (borrowed, must outlive the struct taint or the
 * next call of this) gives the same ids as the one before. The hops are up to date afterwards; for the other results call
 * taint_settle(). TRACER_E_CONFLICT: a seed among the rows makes the explored set larger (12): replay from the start. */
TRACER_MUST_USE enum tracer_status taint_extend(struct taint *taint, struct cursor *cursor, taint_watch_fn *watch,
                                                void *context, struct error *err);
/** Back to the state after `block_number`; the same holds for the results. TRACER_E_LIMIT: not kept. */
TRACER_MUST_USE enum tracer_status taint_rollback(struct taint *taint, uint64_t block_number, struct error *err);
/** Make the results anew; the old ones are gone. */
TRACER_MUST_USE enum tracer_status taint_settle(struct taint *taint, struct error *err);

/* What a row does, for those who want to follow it by hand. */
struct taint_lot {
    struct u256 amount;
    uint32_t tag; /* source, TAINT_UNKNOWN, TAINT_CLEAN */
};
/* Ordered policies: oldest first. haircut: by tag. poison: (v, source), which overlap. */
struct taint_units {
    const struct taint_lot *lots;
    size_t count;
};
struct taint_step {
    struct position position;
    enum transfer_kind kind;
    uint32_t from, to, asset;
    struct u256 amount;
    bool from_holds, to_holds;  /* plain accounts: they have a holding */
    struct u256 overspent;      /* units that the sender must have had and no row brought (4.4): made as its oldest */
    uint32_t overspent_tag;
    struct taint_units from_before; /* the sender's holding, before what was overspent */
    struct taint_units taken;       /* the units that left */
    struct taint_units carried;     /* the same after the seeds of this row (6.2) */
    struct taint_units from_after, to_after;
    uint32_t group; /* exchange group of the transaction (8), counted from 1; 0: an ordinary row */
    enum transfer_leg leg;
    struct taint_units pot; /* out legs: tainted and unknown units of what the exchange still has to pay out */
    struct u320 undrawn;    /* out legs: all units that it still has to pay out */
};
/** Everything is borrowed for the time of the call. false: no memory, ends the replay. */
typedef bool taint_step_fn(void *context, const struct taint_step *step);
/** Before a replay: call `observe` for each row of the transactions (block and index of the positions) that moves units
 * and is recorded (4.2, step 6), in the order of execution. */
TRACER_MUST_USE enum tracer_status taint_observe(struct taint *taint, const struct position *transactions,
                                                 size_t count, taint_step_fn *observe, void *context,
                                                 struct error *err);

/* Results, sorted as section 11 says. Borrowed until taint_free() or the next of the calls above. */
size_t taint_hop_count(const struct taint *taint);
struct taint_hop taint_hop_at(const struct taint *taint, size_t hop_index);
/** Index of the record (position, source), SIZE_MAX: none. */
size_t taint_find_hop(const struct taint *taint, struct position position, uint32_t source);
/** Index of the record that its parent is, SIZE_MAX: none. */
size_t taint_parent(const struct taint *taint, size_t hop_index);
size_t taint_holding_count(const struct taint *taint); /* lines; of a holding with 64 sources there are 64: they are made when read */
struct taint_holding taint_holding_at(const struct taint *taint, size_t index);
size_t taint_absorbed(const struct taint *taint, const struct taint_absorbed **ret_absorbed);
size_t taint_totals(const struct taint *taint, const struct taint_total **ret_totals); /* none under poison */
struct taint_diag taint_diag(const struct taint *taint);
struct taint_met taint_met(const struct taint *taint);

/** Names of sources in tag order. */
size_t taint_source_count(const struct taint *taint);
const char *taint_source_name(const struct taint *taint, uint32_t source);
/** Name of any tag: a source, "unknown", "clean". */
const char *taint_tag_name(const struct taint *taint, uint32_t tag);

/** The path of a record (section 7): keys from the seeded transfer to the record itself, oldest first,
 * as indices of taint_hop_at(). Writes at most `capacity`, returns the full length. */
size_t taint_path(const struct taint *taint, size_t hop_index, size_t *ret_indices, size_t capacity);

/** Call `visit` for each entry of each queue that has a tag other than clean, as lots.csv wants it:
 * by account, asset; pos 0 = oldest. Queue policies only; does nothing otherwise. */
typedef enum tracer_status taint_lot_fn(void *context, uint32_t account, uint32_t asset, uint64_t pos,
                                        struct u256 amount, uint32_t tag, struct error *err);
TRACER_MUST_USE enum tracer_status taint_each_lot(const struct taint *taint, taint_lot_fn *visit,
                                                  void *context, struct error *err);

/* `check` (section 10). */
enum taint_status { CHECK_OK, CHECK_ZERO, CHECK_SELF, CHECK_OVERFLOW, CHECK_NOT_IN_GRAPH };
const char *taint_status_name(enum taint_status status);

struct taint_check_source {
    uint32_t source;
    struct u256 amount;
    uint32_t ppm;
    int32_t hop; /* -1: fee row under fees=sink */
    bool direct;
    size_t hop_index; /* of the record, SIZE_MAX if none: taint_path() of it */
};
struct taint_check {
    struct position position;
    enum taint_status status;
    uint32_t asset, from, to;
    struct u256 amount, tainted, unknown, clean, direct, indirect;
    uint32_t ppm_min, ppm_max;
    struct taint_check_source *sources; /* in tag order; owned by the struct taint */
    size_t source_count;
};

/** Ask, before taint_replay(), for what the row at `position` carries; after it taint_checks() gives the
 * answers in the order asked. A key asked twice is answered twice. */
TRACER_MUST_USE enum tracer_status taint_ask(struct taint *taint, struct position position,
                                             struct error *err);
size_t taint_checks(const struct taint *taint, const struct taint_check **ret_checks);

/* What a row carried, for who keeps it. */
struct taint_part {
    uint32_t tag; /* source, or TAINT_UNKNOWN: the others are 0 */
    struct u256 amount;
    uint32_t hop; /* of its record; fees under sink have none */
    bool has_parent;
    struct position parent;
};
struct taint_carried {
    struct position position;
    uint32_t from, to, asset;
    struct u256 amount;
    enum taint_status status; /* not CHECK_NOT_IN_GRAPH; if not CHECK_OK nothing moved */
    bool fee;                 /* under fees=sink: it arrives nowhere */
    enum transfer_leg leg;    /* as in taint_hop */
    uint32_t link;
    const struct taint_part *parts; /* in tag order, without clean */
    size_t part_count;
};
/** Borrowed for the time of the call. false: no memory, ends the replay. */
typedef bool taint_carried_fn(void *context, const struct taint_carried *carried);
/** Before a replay: call `carried` for each row of the graph (12) in the order of execution; in taint_extend() too. */
void taint_watch_rows(struct taint *taint, taint_carried_fn *carried, void *context);
/** The line of a tag in a holding; false: there is none. */
bool taint_find_holding(const struct taint *taint, uint32_t account, uint32_t asset, uint32_t tag, struct taint_holding *ret_holding);
/** The lines of one holding, and its balance; of at most `capacity` of them. Right after a replay, too. */
struct u256 taint_holding_of(const struct taint *taint, uint32_t account, uint32_t asset, struct taint_holding *ret_lines, size_t capacity,
                             size_t *ret_count);

/* The files of section 11 and the JSON of section 10, to the byte, on a stream of the caller. */
enum taint_table {
    TAINT_HOPS,
    TAINT_HOLDINGS,
    TAINT_LOTS,
    TAINT_ABSORBED,
    TAINT_TOTALS,
    TAINT_DIAG,
    TAINT_TABLE_COUNT
};
const char *taint_table_name(enum taint_table table); /* "hops.csv", ... */
/** lots.csv belongs to the queue policies, totals.csv to all but poison. */
bool taint_has_table(const struct taint *taint, enum taint_table table);
TRACER_MUST_USE enum tracer_status taint_write_table(const struct taint *taint, enum taint_table table,
                                                     FILE *stream, struct error *err);
TRACER_MUST_USE enum tracer_status taint_write_check(const struct taint *taint,
                                                     const struct taint_check *check, FILE *stream,
                                                     struct error *err);

/* Ranked expansion of the explored set (section 12). */
/** floor(units * weight / 10^decimals), in the unit of the weights; above 2^320 - 1, that. */
struct u320 taint_worth(uint64_t weight, uint32_t decimals, struct u320 units);
struct taint_expand_limits {
    uint64_t accounts_max, degree_max;
    uint32_t hops_max;
    struct u256 score_min;
};
struct taint_expand_step {
    struct address address;
    uint32_t account; /* its id of the cursor that was replayed */
    struct u320 score;
    uint32_t hop;
    bool hub; /* in too many rows: never expanded */
};
/** The frontier accounts to explore next, after a replay: the best `most` of them, the best first; hubs among `steps` are passed
 * over. Returns how many there are, at most `most`. */
size_t taint_candidates(const struct taint *taint, const struct taint_expand_limits *limits, const struct taint_expand_step *steps,
                        size_t step_count, struct taint_expand_step *ret_best, size_t most);
/** The explored set of a replay, with what seeds added, without void and labelled accounts: *at is 0 at first. False: no
 * more. */
bool taint_explored(const struct taint *taint, size_t *at, struct address *ret_address);
/** Replay, add the best frontier account, repeat. The last replay is returned (taint_free()), with the steps
 * (free()). */
TRACER_MUST_USE enum tracer_status taint_expand(const struct taint_input *input, struct cursor *cursor,
                                                const struct taint_expand_limits *limits,
                                                struct taint_expand_step **ret_steps, size_t *ret_step_count,
                                                struct taint **ret_taint, struct error *err);
/** expand.csv */
TRACER_MUST_USE enum tracer_status taint_write_expand(const struct taint_expand_step *steps, size_t count,
                                                      FILE *stream, struct error *err);

#endif
