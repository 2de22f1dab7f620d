/* result.h - what a trace and a check found: plain data, made by the pipelines, read by the reporters.
 *
 * Everything lives in the result's arena; indices refer to the arrays beside them. Amounts are in the
 * asset's smallest unit. Orders are fixed, so that equal inputs give equal bytes.
 */
#ifndef TRACER_RESULT_H
#define TRACER_RESULT_H

#include "tracer/arena.h"
#include "tracer/block.h"
#include "tracer/link.h"

#define RESULT_NONE UINT32_MAX

/** Foreign text as it may be shown (threat-model X1): printable ASCII stays, any other character becomes
 * \u{hex}, a byte that is no UTF-8 \x{hex}; what does not fit size - 1 characters ends in "...". Shown text
 * stays as it is when it is made shown again. Always terminates (size > 0); `from` may be NULL if length is
 * 0. Returns `to`. */
const char *shown_text(char *to, size_t size, const char *from, size_t length);

/* An address that occurs in the result, with its winning label. Sorted by address. */
struct result_account {
    struct address address;
    bool labelled;
    enum label_class class_;
    const char *name, *category, *entity, *origin; /* "" if not labelled */
};
struct result_asset { /* sorted by asset text */
    struct asset asset;
    const char *symbol; /* shown, "" unknown; never identifies */
    uint32_t decimals;
    bool recognised; /* in the list of assets: counts in totals and verdicts */
};

/* How to repeat it (threat-model E2). */
struct result_input {
    const char *role; /* "store", "labels", "assets", "transfers", "list", ... */
    const char *name; /* base name, never a full path */
    char sha256[65];  /* "" where it does not apply */
};
enum note_kind { NOTE_LIMIT, NOTE_GAP, NOTE_DISAGREEMENT, NOTE_ASSUMPTION, NOTE_COUNT };
struct result_note { /* limits, gaps, disagreements, assumptions: never empty in a report */
    enum note_kind kind;
    const char *text;
};
struct result_head {
    const char *version, *commit;
    const char *network; /* name */
    uint64_t chain_id;
    const char *native_symbol;
    bool imported;  /* rows come from a file */
    bool time_keys; /* keys are times: print time and hash in their stead */
    uint64_t first_block, last_block;
    struct hash first_hash, last_hash; /* zero when imported */
    uint64_t first_time, last_time;
    enum grade last_grade; /* of the last block */
    struct taint_options options;
    const char *policy; /* its name; "all" of a comparison */
    bool has_explored;
    uint64_t explored_count;
    const struct result_input *inputs;
    size_t input_count;
    const struct result_note *notes;
    size_t note_count;
    const char *repeat; /* a command line that repeats it, without secrets or paths */
    const char *recorded; /* where the log of decisions has it, with the log's head; NULL: nowhere */
};

struct result_seed {
    uint32_t source; /* index into sources */
    bool is_address;
    struct address address;
    uint64_t block_number;
    struct position position;
    struct hash transaction_hash;
    uint64_t time;
    uint32_t asset;     /* transfer seeds */
    struct u256 amount; /* transfer seeds: units of the row, or the cap if less */
};

/* Where tainted units are now. */
enum place {
    PLACE_IS_HELD,
    PLACE_IS_SERVICE,
    PLACE_IS_MIXER,
    PLACE_IS_BRIDGE,
    PLACE_IS_VENUE,
    PLACE_IS_BURNED,
    PLACE_IS_FEES,
    PLACE_IS_CONVERTED,
    PLACE_IS_NOT_EXPLORED,
    PLACE_IS_RETAGGED,
    PLACE_IS_COUNT
};
const char *place_name(enum place place);
const char *note_kind_name(enum note_kind kind); /* "limits", ... */
struct result_place {
    uint32_t source, asset;
    enum place place;
    uint32_t account; /* held, labelled, not explored; RESULT_NONE for burned (void), fees, converted */
    struct u320 amount;
    struct u320 unproven; /* as of a hop */
};
/* One line of the headline: for a source and an asset, everything that came in equals everything that is
 * somewhere: seeded + emitted + converted_in = sum of places (taint-spec 9.1). */
struct result_total {
    uint32_t source, asset;
    struct u320 seeded, emitted, converted_in;
    struct u320 places[PLACE_IS_COUNT];
    struct u320 unproven[PLACE_IS_COUNT]; /* of these, as of a hop */
};

struct result_hop {
    struct position position;
    uint32_t source, hop;
    struct hash transaction_hash; /* zero: not known */
    uint64_t block_number;        /* true number, 0 unknown */
    uint64_t time;
    uint32_t log_index;
    enum transfer_kind kind;
    uint32_t asset, from, to; /* indices */
    struct u256 amount, tainted;
    /* Units of `tainted` that came out of an account whose history has a gap: what else it had, and so which units these were, is not known.
     * The truth is between tainted - unproven and the amount. */
    struct u256 unproven;
    uint32_t parent;       /* index into hops, RESULT_NONE: the origin */
    enum grade grade;      /* of this transfer */
    enum grade path_grade; /* weakest along the path */
    enum transfer_leg leg; /* of an exchange that was taken as one */
    uint32_t link;         /* its group; 0 if the engine found it (links=auto) */
    uint32_t rules;        /* that ingest recognised it by (link.h); 0: it did not */
};

struct trace_result {
    struct arena *arena; /* owns everything: trace_result_free() */
    struct result_head head;
    const struct result_account *accounts;
    size_t account_count;
    const struct result_asset *assets;
    size_t asset_count;
    const char *const *sources; /* names, in tag order */
    size_t source_count;
    const struct result_seed *seeds;
    size_t seed_count;
    const struct result_total *totals; /* by source, recognised first, asset; none under poison */
    size_t total_count;
    const struct result_place *places; /* by source, asset, place, amount falling, account */
    size_t place_count;
    const struct result_hop *hops; /* by key, source */
    size_t hop_count;
    const struct address *gapped; /* sorted: accounts that had tainted units and whose history has a gap; what they paid is unproven */
    size_t gapped_count;
    bool touches_gap; /* exit code 11 */
};
void trace_result_free(struct trace_result *result); /* NULL is fine */

/* The same trace under each policy that keeps totals, side by side (taint-spec 10): complete traces of one policy each. */
#define COMPARED_COUNT 5u
extern const enum taint_policy compared_policies[COMPARED_COUNT];
struct compared { /* one amount by policy, in the order of compared_policies; 0 where it has none */
    struct u320 amounts[COMPARED_COUNT];
    uint8_t low, high; /* index of the least and the greatest; equal if all are the same */
};
struct compared_total { /* by source, asset as in a trace */
    uint32_t source, asset;
    struct compared came_in;
    struct compared places[PLACE_IS_COUNT];
};
struct compared_place { /* by source, asset, place, greatest amount falling, account */
    uint32_t source, asset;
    enum place place;
    uint32_t account;
    struct compared amount;
};
struct compared_hop { /* flagged under at least one of the policies; by key, source */
    struct result_hop hop; /* `tainted`, `hop` and `parent` are of the first policy that flags it; parent is not kept */
    struct compared tainted;
};
struct compare_result {
    struct arena *arena; /* owns everything: compare_result_free() */
    struct trace_result trace; /* of the first policy, but for its totals, places and hops: head, tables, sources, seeds */
    const struct compared_total *totals;
    size_t total_count;
    const struct compared_place *places;
    size_t place_count;
    const struct compared_hop *hops;
    size_t hop_count;
};
void compare_result_free(struct compare_result *result); /* NULL is fine */

/* How the tainted units of one transfer came there, lot by lot. */
#define RESULT_UNKNOWN 0xfffffffeu /* tags beside the sources */
#define RESULT_CLEAN 0xffffffffu
struct result_lot {
    struct u256 amount;
    uint32_t tag; /* source, RESULT_UNKNOWN, RESULT_CLEAN */
};
/* Policies with an order: oldest first. haircut: by tag. poison: (amount, source), which overlap. */
struct result_units {
    const struct result_lot *lots;
    size_t count;
};
struct explain_move { /* a transfer of a transaction on the path, in the order of execution */
    struct result_hop hop; /* tainted, hop, parent, path_grade: only in the steps of a path */
    bool from_holds, to_holds;
    struct u256 overspent; /* made as the sender's oldest units because no row brought them; 0: none */
    uint32_t overspent_tag;
    struct result_units from_before, taken, carried, from_after, to_after;
    uint32_t group; /* exchange of the transaction, 0: none */
    enum transfer_leg leg;
    struct result_units pot; /* out legs: what of the exchange is still to be paid out, by tag without clean */
    struct u320 undrawn;     /* and all of it */
};
struct explain_step {
    struct result_hop hop; /* parent: index of the step before, RESULT_NONE: the origin */
    size_t move;           /* index into moves */
};
struct explain_path { /* of one source, oldest first; the last step is the transfer asked about */
    uint32_t source;
    const struct explain_step *steps;
    size_t step_count;
};
struct explain_result {
    struct arena *arena; /* owns everything: explain_result_free() */
    struct trace_result trace; /* head, tables, sources, seeds; no places and hops */
    const char *target;        /* as given */
    const struct explain_move *moves;
    size_t move_count;
    const struct explain_path *paths; /* in tag order */
    size_t path_count;
};
void explain_result_free(struct explain_result *result); /* NULL is fine */

/* The books of the store against the chain's balances at one block. */
enum audit_outcome { AUDIT_AGREES, AUDIT_DIFFERS, AUDIT_NO_ANSWER, AUDIT_NO_STATE, AUDIT_OVER_LIMIT, AUDIT_OUTCOME_COUNT };
const char *audit_outcome_name(enum audit_outcome outcome); /* "agrees", "differs", "no_answer", "no_state", "over_limit" */
struct audit_line { /* of one account and asset; those that agree are only counted */
    uint32_t account, asset;
    enum audit_outcome outcome;
    struct u256 before; /* balance before the first stored block, from the store's openings or the chain */
    struct u320 in, out; /* by the rows of the store */
    struct u256 chain;   /* the chain's balance at the block */
    bool too_little;     /* the books have less than the chain; else more */
    struct u320 difference;
};
struct audit_asset { /* recognised first, then by asset */
    uint32_t asset;
    uint64_t counts[AUDIT_OUTCOME_COUNT];
    struct u320 too_little, too_much; /* sums of the differences */
};
/* What an account sent in the blocks of the store, against what the chain counts (its nonce). A transaction that is missing
 * makes a difference; so does an authorization that it signed (EIP-7702). */
enum nonce_outcome {
    NONCE_AGREES,
    NONCE_DIFFERS,
    NONCE_DELEGATED, /* differs, but code was delegated to before or after: no conclusion */
    NONCE_CONTRACT,  /* skipped: a contract's nonce counts what it created */
    NONCE_NO_ANSWER,
    NONCE_NO_STATE,
    NONCE_OVER_LIMIT,
    NONCE_OUTCOME_COUNT
};
const char *nonce_outcome_name(enum nonce_outcome outcome); /* "agrees", ... */
struct audit_nonce {
    uint32_t account;
    enum nonce_outcome outcome;
    uint64_t before, stored, after; /* the chain's nonce before the first block, transactions in the store, nonce after the last */
    bool has_missing;               /* fewer are stored than the chain counts; */
    uint64_t missing;               /* the lowest nonce of which there is none */
};
/* What an audit found of one account, whole: for the ledger. */
struct audit_account {
    struct address address;
    uint64_t agree, differ; /* balances that were compared */
    uint64_t unexplained;   /* of those that differ: of the coin and of recognised tokens */
    struct asset asset;     /* the first of these, the coin before tokens */
    bool too_little;
    struct u320 difference;
    bool has_nonce; /* it was compared: agrees, differs or delegated */
    struct audit_nonce nonce;
};
struct audit_result {
    struct arena *arena; /* owns everything: audit_result_free() */
    struct trace_result trace; /* head, tables */
    uint64_t counts[AUDIT_OUTCOME_COUNT];
    const struct audit_asset *assets;
    size_t asset_count;
    const struct audit_line *lines; /* by asset as above, account */
    size_t line_count;
    uint64_t nonce_counts[NONCE_OUTCOME_COUNT];
    const struct audit_nonce *nonces; /* by account; those that agree and contracts are only counted */
    size_t nonce_count;
    const struct audit_account *audited; /* by address */
    size_t audited_count;
    bool everybody; /* of all accounts whose history the store has, without a limit that was reached */
};
void audit_result_free(struct audit_result *result); /* NULL is fine */

/* check */
enum verdict { VERDICT_CLEAN, VERDICT_CANNOT_TELL, VERDICT_EXPOSED }; /* the worst is the greatest */
const char *verdict_name(enum verdict verdict);

struct check_exposure { /* of one source, over one row or one account and asset */
    const char *source;
    const char *category; /* of the source: sanctioned, theft, mixer, a label's category, or "named" by the user alone */
    struct u320 amount;
    uint64_t ppm;   /* of the whole amount, rounded down; 1,000,000 at most */
    uint32_t hop;   /* least */
    bool direct;    /* hop <= 1 */
    uint32_t *path; /* indices into check_result.steps, oldest first */
    size_t path_count;
};
struct check_line { /* one transfer, or what an account received or holds of one asset */
    enum check_what { CHECK_CARRIED, CHECK_RECEIVED, CHECK_HOLDS } what;
    bool has_position;
    struct position position;
    struct hash transaction_hash;
    uint64_t time;
    uint32_t log_index;
    const char *status;       /* "ok", "zero", "self", "overflow", "not_in_graph" */
    uint32_t asset, from, to; /* from, to: RESULT_NONE for received and holds */
    struct u320 amount, tainted, unknown, clean;
    uint64_t ppm_min, ppm_max;
    const struct check_exposure *exposures; /* in tag order */
    size_t exposure_count;
    /* Source of funds, a view of its own beside tainted, unknown and clean: what labelled accounts paid out, by "class.entity". The rest was
     * minted, earned, or is older than the blocks. */
    const struct check_exposure *origins;
    size_t origin_count;
};
struct check_answer {
    const char *target; /* as given */
    bool is_address;
    uint32_t account; /* of an address target */
    enum verdict verdict;
    const char *rule;           /* that gave it (docs/rules.md); "" none */
    const char *const *reasons; /* sentences; at least one unless clean */
    size_t reason_count;
    struct check_line *lines;
    size_t line_count;
};
struct check_step { /* a transfer on some path */
    struct position position;
    struct hash transaction_hash;
    uint64_t time;
    uint32_t asset, from, to;
    struct u256 amount, tainted;
    uint32_t hop;
    enum grade grade;
    enum transfer_leg leg; /* as in result_hop */
    uint32_t link, rules;
};
struct check_result {
    struct arena *arena; /* owns everything: check_result_free() */
    struct result_head head;
    const struct result_account *accounts;
    size_t account_count;
    const struct result_asset *assets;
    size_t asset_count;
    const struct check_step *steps;
    size_t step_count;
    const struct check_answer *answers; /* in the order asked */
    size_t answer_count;
    enum verdict worst;
};
void check_result_free(struct check_result *result); /* NULL is fine */

/* Past decisions, asked again. */
struct rescreen_change { /* of one decision whose verdict is another now */
    uint64_t number, context; /* records of the log */
    const char *target, *reference; /* reference: NULL is none */
    enum verdict before, after;
    const char *reasons; /* that came and went, a sentence a line */
    const char *why;     /* what else changed since: lists, blocks, program; likewise */
    bool is_first;       /* of its context */
};
struct rescreen_total {
    uint64_t counts[VERDICT_EXPOSED + 1][VERDICT_EXPOSED + 1]; /* before, after */
    const char *log, *head;
};

#endif
