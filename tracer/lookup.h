/* lookup.h - a replay laid out on a shelf, so that what any transfer carried and any account received and holds is looked up, not
 * replayed; internal to tracer/.
 *
 * lookup_record.c is the encoding, lookup_keep.c what a replay leaves, lookup_make.c lays it out, whole or block by block, lookup.c
 * finds and reads it. A lookup belongs to what it was made from: its *identity* is a digest of sources, labels, assets, options and
 * explored accounts; it is used only while the store still has the blocks that it read.
 */
#ifndef TRACER_LOOKUP_H
#define TRACER_LOOKUP_H

#include "pipeline.h"
#include "tracer/buffer.h"
#include "tracer/digest.h"
#include "tracer/shelf.h"

#define LOOKUP_VERSION 6u /* of the encoding, of the engine, and of how lists make classes: another one is made again */

/* What one transfer carried. */
struct kept_row {
    enum taint_status status;
    bool fee;
    enum transfer_leg leg;
    uint32_t link;
    struct taint_part *parts; /* in tag order */
    size_t part_count;
};
/* Of one account and asset. */
struct kept_source { /* arrived from one source */
    uint32_t source;
    struct u320 amount;
    uint32_t hop; /* least, and the first transfer that has it */
    struct position best;
};
struct kept_asset {
    struct asset asset;
    uint64_t rows; /* that arrived (architecture 5: what did it ever receive) */
    struct u320 amount, unknown;
    struct kept_source *sources; /* by source */
    size_t source_count;
    struct u256 balance;
    struct taint_part *tags; /* of the balance, without clean; parent: via */
    size_t tag_count;
};
#define KEPT_TAINTED 1u /* received or holds units of a source in a recognised asset */
#define KEPT_UNKNOWN 2u /* of unknown history */
struct kept_account { /* by asset */
    uint8_t flags;
    struct kept_asset *assets;
    size_t asset_count;
};
/* What a lookup says of itself. */
struct kept_head {
    struct digest identity;
    uint64_t generation; /* of the store: graph_range */
    uint64_t last;       /* block */
    struct hash last_hash;
    struct taint_diag diag;
    bool accounted; /* no tainted or unknown unit went where the store does not follow (has_explored); of a policy without bounds: nothing of
                     * unknown history can be tainted */
    bool no_unknown; /* no unit of the replay is of unknown history, as far as the policy tells: poison knows of none */
    const char **sources; /* names in tag order */
    size_t source_count;
};

/* lookup_record.c: pieces of a decoded record are in the arena. False: no memory; damaged. */
#define KEPT_ROW_KEY 16u
void kept_row_key(struct position position, uint8_t to[static KEPT_ROW_KEY]);
bool kept_row_encode(const struct kept_row *row, struct buffer *to);
bool kept_row_decode(struct bytes bytes, struct arena *arena, struct kept_row *ret_row);
bool kept_account_encode(const struct kept_account *account, struct buffer *to);
bool kept_account_decode(struct bytes bytes, struct arena *arena, struct kept_account *ret_account);
/** Its flags alone. */
bool kept_account_flags(struct bytes bytes, uint8_t *ret_flags);
bool kept_head_encode(const struct kept_head *head, struct buffer *to);
bool kept_head_decode(struct bytes bytes, struct arena *arena, struct kept_head *ret_head);

/* lookup_keep.c: sums of a replay that goes on. */
struct keep;
struct wanted { /* accounts whose sums are kept, in order; NULL: all */
    const struct address *accounts;
    size_t count;
};
typedef enum tracer_status keep_row_fn(void *context, struct position position, const struct kept_row *row, struct error *err);
/** `state` has an engine that was not replayed yet; rows of which something is kept go to `row`, a transaction's in order. */
enum tracer_status keep_new(struct case_state *state, const struct wanted *wanted, keep_row_fn *row, void *context, struct keep **ret_keep,
                            struct error *err);
void keep_free(struct keep *keep); /* NULL is fine */
/** Replay what the cursor of the state has: from the start, or after that on. */
enum tracer_status keep_replay(struct keep *keep, struct error *err);
enum tracer_status keep_extend(struct keep *keep, struct error *err);
/** From here on, forget changes of blocks before `first_block`, and remember those of later ones. */
void keep_undo_from(struct keep *keep, uint64_t first_block);
/** The sums as they were after `block_number`. */
bool keep_rollback(struct keep *keep, uint64_t block_number); /* false: no memory */
/** Each account that changed since the last call, in order of addresses. */
typedef enum tracer_status keep_account_fn(void *context, struct address address, const struct kept_account *account, struct error *err);
enum tracer_status keep_each_changed(struct keep *keep, const struct case_state *state, keep_account_fn *visit, void *context,
                                     struct error *err);

/* lookup_make.c */
#define LOOKUP_PATH_MAX 4096u
/** What is tainted is at least what the replay says, and at most that and what is unknown (taint-spec 9.5; haircut is linear). Poison has no
 * unknown units, and under cleanfirst and taintfirst those that are unknown change which others leave. */
static inline bool policy_bounds(enum taint_policy policy)
{
    return policy == POLICY_FIFO || policy == POLICY_LIFO || policy == POLICY_HAIRCUT;
}
enum tracer_status lookup_identity(const struct case_state *state, struct taint_options options, struct digest *ret_identity,
                                   struct error *err);
enum tracer_status lookup_path(const struct case_state *state, const struct digest *identity, char ret_path[static LOOKUP_PATH_MAX],
                               struct error *err);
/* Somewhere to lay out. */
struct layout {
    struct shelf *shelf;
    struct asset *recognised; /* in order */
    size_t recognised_count;
    struct buffer record;
    char path[LOOKUP_PATH_MAX]; /* where it is now; "": nowhere */
    bool temporary;             /* for this run only */
    bool placed;                /* or at its final place: it stays */
};
/** `temporary`: it is for this run only. */
enum tracer_status layout_new(const struct case_state *state, const struct digest *identity, bool temporary, struct layout *ret_layout,
                              struct error *err);
/** Close it; remove it unless it stays. */
void layout_release(struct layout *layout);
/** Move it to its final place. */
enum tracer_status layout_finish(struct layout *layout, const struct case_state *state, const struct digest *identity, struct error *err);
enum tracer_status layout_row(void *context, struct position position, const struct kept_row *row, struct error *err);
/** Accounts that changed, and the head: of the engine's state and the store as it is in `state`. */
enum tracer_status layout_settle(struct layout *layout, struct keep *keep, const struct case_state *state, const struct digest *identity,
                                 struct error *err);
/** Replay and lay out: below the store, or, where that cannot be written, in a temporary directory. */
enum tracer_status lookup_make(struct case_state *state, struct taint_options options, const struct wanted *wanted, const struct digest *identity,
                               char ret_path[static LOOKUP_PATH_MAX], bool *ret_temporary, struct error *err);

/* lookup.c */
struct lookup;
/** Find it, or make it; of a large store for the wanted accounts alone. state->last is then the last block that it knows. */
enum tracer_status lookup_open(struct case_state *state, struct taint_options options, const struct wanted *wanted, struct lookup **ret_lookup,
                               struct error *err);
void lookup_close(struct lookup *lookup); /* NULL is fine */
const struct kept_head *lookup_head(const struct lookup *lookup);
/** TRACER_E_NOT_FOUND: nothing is kept of it. */
enum tracer_status lookup_row(struct lookup *lookup, struct position position, struct arena *arena, struct kept_row *ret_row, struct error *err);
enum tracer_status lookup_account(struct lookup *lookup, struct address address, struct arena *arena, struct kept_account *ret_account,
                                  struct error *err);

/** Flags of one account (TRACER_E_NOT_FOUND: nothing is kept of it), and of all in order of addresses. */
enum tracer_status lookup_flags(struct lookup *lookup, struct address address, uint8_t *ret_flags, struct error *err);
typedef enum tracer_status lookup_flags_fn(void *context, struct address address, uint8_t flags, struct error *err);
enum tracer_status lookup_each_flags(struct lookup *lookup, lookup_flags_fn *visit, void *context, struct error *err);

#endif
