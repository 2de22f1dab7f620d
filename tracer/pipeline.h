/* pipeline.h - what trace.c and check.c share; internal to the files of tracer/.
 *
 * A *case* is a store, labels and options made ready for one replay: seeds resolved, the engine's input
 * filled, the result's tables of accounts and assets kept.
 */
#ifndef TRACER_PIPELINE_H
#define TRACER_PIPELINE_H

#include "tracer/trace.h"

struct trace_proof;
struct case_state {
    const struct case_input *input;
    struct arena *arena; /* the result's */
    struct graph_network network;
    struct graph_range range;
    uint64_t first, last; /* blocks replayed */

    struct taint_seed *seeds;
    size_t seed_count, seed_capacity;
    struct result_seed *shown_seeds; /* parallel to seeds; source index filled in after taint_new() */

    struct address *explored; /* accounts with coverage of their own; has_explored when there are any */
    size_t explored_count, explored_capacity;
    bool has_explored;
    size_t account_gaps; /* accounts whose history is not whole */
    struct address *holed; /* accounts of which an imported file says that something is missing, or does not say that all is there, in order */
    size_t holed_count, holed_capacity;
    struct imported_part { /* while the ledger is read */
        bool begun, holed;
        struct address account;
        uint64_t coin_to, tokens_to; /* the file has its coin, and its tokens, before these blocks */
    } part, everybody; /* of the last imported account; of what stands for all */
    bool half_covered; /* an imported file says of all accounts that their coin is whole, or their tokens, and not both */
    struct address *gapped; /* these, in order: what they pay is of unknown history (taint_input.doubted) */
    size_t gapped_count, gapped_capacity;
    struct address whole, audited; /* while the ledger is read: the last account that one of its records has whole; that an audit found wanting */
    bool as_if_whole;     /* they are replayed as if they had no gap; what is proven of the result is asked apart (trace_prove()) */
    uint64_t covered_to; /* the ledger covers first..covered_to - 1 for every account */

    struct address *looked_for; /* case_look_for(): sorted, */
    bool *seen;                 /* and whether the store may have rows of each */
    size_t looked_for_count;
    size_t older_incidents; /* of the default sources: before the first stored block, so not looked for */

    const struct sanctioned *sanctioned; /* case_sanctioned(); NULL: not asked yet */
    size_t sanctioned_count;
    const char *old_list; /* why the sanctions lists are too old for the default sources; NULL: they are not */

    struct result_note *notes;
    size_t note_count, note_capacity;
    bool touches_gap;
    size_t audit_gaps, audit_token_gaps; /* accounts that an audit found wanting */
    struct address *doubted; /* tokens whose balances are not what their events say, in order: their transfers are asserted */
    size_t doubted_count, doubted_capacity;

    struct taint_label *labels; /* with a class, once case_labels() was asked; before that none of them emits */
    size_t label_count;
    struct taint_asset *assets;

    struct taint_options options; /* as the engine was given them */
    struct taint_diag diag;       /* of the replay, where there is no engine: a lookup's */
    bool compares;                /* several policies: the notes speak of none */
    bool of_sources;              /* a trace: what is counted is what concerns the sources (taint_met()) */
    struct cursor cursor;
    struct taint *taint;
    struct trace_proof *proof; /* proven.h */

    /* tables of the result; see tables.c */
    struct address *named; /* every address that the result names */
    size_t named_count, named_capacity;
    struct result_account *accounts;
    size_t account_count;
    struct asset *listed; /* every asset that the result names */
    size_t listed_count, listed_capacity;
    struct result_asset *assets_shown;
    size_t asset_shown_count;
};

/* case.c */
enum tracer_status case_open(struct case_state *state, const struct case_input *input, struct arena *arena,
                             struct error *err);
/** Gather the labels with a class, if nobody did: the engine needs all of them, a look-up those that emit. */
enum tracer_status case_labels(struct case_state *state, struct error *err);
void case_close(struct case_state *state); /* frees the engine and cursor, not the arena */
/** A doubling array in the arena: room for one more; NULL without memory. */
void *case_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size);
enum tracer_status case_note(struct case_state *state, enum note_kind kind, struct error *err,
                             const char *format, ...) TRACER_PRINTF(4, 5);
/** Make the engine from the seeds, labels and options gathered so far. */
enum tracer_status case_engine(struct case_state *state, struct taint_options options, struct error *err);
/** The same for who asks for the sources' units alone, and never goes on: by the index, where that costs less (taint_reach()). */
enum tracer_status case_engine_of_sources(struct case_state *state, struct taint_options options, struct error *err);
enum tracer_status case_replay(struct case_state *state, struct error *err);
/** Take the engine and the cursor of another case with the same seeds, which keeps owning them. */
enum tracer_status case_adopt(struct case_state *state, const struct case_state *owner, struct error *err);
/** The notes that every result has: grades, coverage, options, limits of the method. */
enum tracer_status case_common_notes(struct case_state *state, struct error *err);
enum tracer_status case_head(struct case_state *state, struct result_head *ret_head, struct error *err);

/* trace.c */
/** case_open() and the seeds of the request. */
enum tracer_status trace_case(struct case_state *state, const struct trace_request *request, struct arena *arena,
                              struct error *err);
enum tracer_status trace_build(struct case_state *state, struct trace_result *result, struct error *err);
/** Names, totals, places and hops of the engine at hand, piece by piece: for a comparison. */
enum tracer_status trace_gather(struct case_state *state, struct error *err);
enum tracer_status trace_build_seeds(struct case_state *state, struct trace_result *result, struct error *err);
enum tracer_status trace_build_totals(struct case_state *state, struct trace_result *result, struct error *err);
enum tracer_status trace_build_hops(struct case_state *state, struct trace_result *result, struct error *err);
enum tracer_status trace_build_rest(struct case_state *state, struct trace_result *result, struct error *err);
enum tracer_status trace_result_new(struct trace_result **ret_result, struct error *err);

/* rows.c */
#define CASE_ROWS_MAX TRACER_BLOCK_TRANSFERS_MAX
/** Rows of one transaction, copied into the arena. */
enum tracer_status case_transaction_rows(struct case_state *state, struct position position,
                                         struct transfer **ret_rows, size_t *ret_count, struct error *err);
/* What "[chain:]hash", "hash:N", "hash:value" or "block:txi:idx" names. */
struct row_spec {
    enum { ROW_NOTHING, ROW_ADDRESS, ROW_TRANSACTION, ROW_LOG, ROW_VALUE, ROW_KEY } what;
    struct address address;
    struct hash hash;
    uint32_t log_index;
    struct position position;
};
/** ROW_NOTHING: it is none of these (perhaps a heist id). TRACER_E_USAGE: another chain's prefix, or a checksum that does not hold. */
enum tracer_status case_parse_row(const struct case_state *state, const char *text, struct row_spec *ret_spec,
                                  struct error *err);
/** True: some stored row has the account at an end. */
enum tracer_status case_knows_account(struct case_state *state, struct address account, bool *ret_known,
                                      struct error *err);
/** Look for many at once: whether case_knows_account() has to look for these is known from here on. */
enum tracer_status case_look_for(struct case_state *state, const struct address *accounts, size_t count, struct error *err);
/** The rows a spec names (not for ROW_ADDRESS): a whole transaction's, or the one row. */
enum tracer_status case_find_rows(struct case_state *state, const struct row_spec *spec, const char *text,
                                  struct transfer **ret_rows, size_t *ret_count, struct error *err);
bool case_has_time(const struct block *block);
/** The first block that may be of `time_s` or later: behind the last that is known to be earlier. */
enum tracer_status case_block_at(struct case_state *state, uint64_t time_s, uint64_t *ret_block,
                                 struct error *err);

/* nonces.c */
struct audit_request;
/* Senders in order of their addresses, and what was found of each; `account` is not set. In the arena. */
struct nonce_lines {
    struct address *addresses;
    struct audit_nonce *items;
    size_t count;
};
/** `only` [only_count], sorted, restricts it to these; they are asked about even if they sent nothing. `block`: the last. */
enum tracer_status case_nonces(struct case_state *state, const struct audit_request *request, uint64_t block,
                               const struct address *only, size_t only_count, struct nonce_lines *ret_lines,
                               struct error *err);

/* ledger.c */
#define AUDIT_TOKEN "token" /* what: its gap doubts its events */
#define AUDIT_TOKEN_GAP "token " /* begins the gap of an account of which only tokens differ */
#define AUDIT_GAPS_SHOWN 10u
struct audit_finding { /* of one balance that was compared */
    struct address address;
    struct asset asset;
    bool recognised, differs, too_little;
    struct u320 difference;
};
/* Whose history from first to last the ledger says is whole: everybody's, or that of these accounts, sorted; freed by the caller. */
struct audit_covered {
    bool everybody;
    struct address *accounts;
    size_t count, capacity;
};
enum tracer_status audit_find_covered(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                                      struct audit_covered *ret_covered, struct error *err);
/** Sums of them and of the nonces, by account, into the result. Sorts the findings. */
enum tracer_status audit_sum_accounts(struct audit_result *result, struct audit_finding *findings, size_t count,
                                      const struct nonce_lines *nonces, struct error *err);

/* seed.c */
enum tracer_status case_add_seed(struct case_state *state, const char *text, bool has_since, uint64_t since,
                                 struct error *err);
/* Where a seed is, as far as its text says it: before anything of it is stored. */
struct seed_place {
    enum { SEED_AT_TRANSACTION, SEED_AT_BLOCK, SEED_AT_ADDRESS } what;
    struct hash hash;
    struct address address;
    bool has_block; /* an address: from here on */
    uint64_t block_number;
};
typedef enum tracer_status seed_place_fn(void *context, const struct seed_place *place, struct error *err);
enum tracer_status case_seed_places(const struct case_state *state, const char *text, bool has_since, uint64_t since,
                                    seed_place_fn *visit, void *context, struct error *err);
/** The registry's heists and sanctioned addresses that the store knows (architecture 11). */
enum tracer_status case_add_default_seeds(struct case_state *state, struct error *err);
/** Labelled accounts of the store that emit nothing yet emit "class.entity" from here on. */
enum tracer_status case_add_origins(struct case_state *state, struct error *err);
/** What a source is about: "sanctioned", "mixer", "theft", the category of a label that emits it, else "named". */
const char *case_source_category(const struct case_state *state, const char *source);
/** The entry of a sanctioned address, NULL if it is none. */
enum tracer_status case_sanctioned(struct case_state *state, struct address address,
                                   const struct sanctioned **ret_entry, struct error *err);
/* lookalike.c */
/** Notes that warn of address poisoning among the rows of the case, once the tables are sealed. */
enum tracer_status lookalike_notes(struct case_state *state, struct error *err);
/* tables.c */
enum tracer_status case_name_address(struct case_state *state, struct address address, struct error *err);
enum tracer_status case_list_asset(struct case_state *state, struct asset asset, struct error *err);
/** Sort both and make the result's tables. After this the two look-ups work. */
enum tracer_status case_seal_tables(struct case_state *state, struct error *err);
uint32_t case_account(const struct case_state *state, struct address address);
uint32_t case_asset(const struct case_state *state, const struct asset *asset);

/* What a report shows of a stored row. */
struct row_facts {
    struct hash transaction_hash;
    uint64_t block_number, time;
    uint32_t log_index;
    enum transfer_kind kind;
    enum grade grade;
    struct address from, to;
    struct asset asset;
    struct u256 amount;
};
/** Facts of rows at `positions` (strictly increasing). */
enum tracer_status case_row_facts(struct case_state *state, const struct position *positions, size_t count,
                                  struct row_facts *ret_facts, struct error *err);

#endif
