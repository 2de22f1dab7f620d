/* engine.h - the state of a replay (taint-spec 3); internal to tracer/taint.
 *
 * Tags inside are numbers in tag order (3.2): sources 0..source_count-1, then unknown, then clean. One
 * source file a noun: replay.c decides, quick.c runs the common rows, ordered.c / haircut.c / poison.c move units (lots.h),
 * holding.c finds state, group.c exchanges (8), seed.c seeds (6), result.c what is read afterwards.
 */
#ifndef TRACER_TAINT_ENGINE_H
#define TRACER_TAINT_ENGINE_H

#include "lots.h"
#include "tracer/arena.h"
#include "tracer/large.h"
#include "tracer/limits.h"
#include "tracer/taint.h"

/* record.c: a row that carries sources, and a record of each, in order of source. Moves and records are numbered in the order
 * of execution. Moves whose records say the same, one after the other out of a holding under poison, have them in one place. */
struct move {
    struct position position;
    uint64_t amount; /* or its place in `wide` */
    uint32_t from, to;
    uint32_t asset : 31, wide : 1;
    uint32_t first; /* record */
};
#define MOVE_NONE UINT32_MAX
/* A source in the units of a move (a record), or a tag other than clean in those of a holding (3.3; how many stand elsewhere, in
 * the same order). */
struct tagged {
    uint32_t via; /* the move that brought it, of a record the parent; MOVE_NONE: none */
    uint32_t tag : 16, hop : 14;
    uint32_t part : 1, wide : 1; /* of a record: not all of the row's units are its: how many, in a word or four of `words` */
};
#define HOP_BITS ((1u << 14) - 1)
/* A hop of HOP_FAR or more is HOP_FAR here. Of a record it is a word too; a holding has that of the record of `via`. Of every
 * SAMPLE_RECORDS records it is known of which move the first is, of as many places where their words begin. The verify build has small
 * numbers, so that random cases meet them. */
#ifdef TRACER_VERIFY
#define HOP_FAR 2u
#define SAMPLE_RECORDS 2u
#else
#define HOP_FAR HOP_BITS
#define SAMPLE_RECORDS 32u
#endif
_Static_assert(sizeof(struct tagged) == 8 && TRACER_SOURCES_MAX <= UINT16_MAX, "sources and unknown fit");
struct sample {
    uint64_t word;
    uint32_t move;
};
struct exchanged { /* a move that is a leg of an exchange group, in their order */
    uint32_t move, link;
    enum transfer_leg leg;
};
struct record_counts {
    size_t moves, records, places, wide, words, exchanged;
};

#define HOLDING_INLINE_TAGS 1u
#define HOLDING_BLOCKS 29u /* 16 << b holdings in block b: 2^32 in all */
#define TAG_BLOCKS 21u     /* 4,096 << b tags in block b */
#define TAG_SIZES 17u      /* room for 1 << s */

/* Units of one account in one asset; two cache lines. The first has what quick.c needs: the balance, and of the first tag all
 * but what an amount has above 2^128. A holding does not move (its `tags` and `amounts` may point into itself). While it has no queue, or
 * an empty one, all of the balance has the tag `uniform`: the common case. */
struct holding {
    struct u256 balance;
    struct tagged few[HOLDING_INLINE_TAGS];
    uint32_t mark; /* quick.c; under poison the place + 1 of the records that say what the tags are, 0: none does */
    uint32_t tag_count;
    struct u256 few_amounts[HOLDING_INLINE_TAGS];
    struct tagged *tags; /* sorted by tag; clean is not in it; `few` until it is too small */
    struct u256 *amounts; /* of the tags; `few_amounts` until it is too small; NULL under poison, where a tag has all units */
    struct queue *queue; /* ordered policies; NULL until two tags meet */
    uint32_t tag_room, uniform;
    uint32_t epoch; /* undo.c */
    uint32_t asset, account;
    uint32_t sibling; /* next holding of an account that has an address seed: index + 1 */
};
_Static_assert(sizeof(struct holding) == 128 && offsetof(struct holding, few_amounts[0].limb[2]) == 64, "two cache lines");

/* hop and parent of a source in the units of one transfer (4.2: info). Sorted by source. */
struct info {
    uint32_t source, hop;
    uint32_t parent; /* move, MOVE_NONE: none */
};

/* The units of one transfer on their way (3.4). Under poison the sums are (v, source): they overlap. */
struct parcel {
    struct sums sums;
    struct queue queue; /* the order, where it matters: ordered policies, two tags or more */
    struct info *infos;
    size_t info_count, info_capacity;
};

enum account_class { ACCOUNT_UNSEEN, ACCOUNT_PLAIN, ACCOUNT_VOID, ACCOUNT_FRONTIER, ACCOUNT_DOUBTED, ACCOUNT_SERVICE, ACCOUNT_MIXER,
                     ACCOUNT_BRIDGE, ACCOUNT_VENUE };

struct account_state {
    struct holding *first; /* its first holding, for most accounts the only one; NULL: none */
    uint32_t asset;        /* of `first` */
    uint32_t class_ : 8;   /* enum account_class */
    uint32_t slot : 24;    /* address seeds of the account: index + 1 into slots; of a labelled one: source it emits + 1. 0: none */
};
_Static_assert(TRACER_SEEDS_MAX < 1u << 24 && TRACER_SOURCES_MAX < 1u << 24, "they fit `slot`");

/* An account with address seeds. */
struct seed_slot {
    struct address address;
    uint32_t *active; /* sources, ascending */
    uint32_t active_count;
    uint32_t holdings; /* the first: index + 1 */
};

struct address_seed { /* sorted by block, source, address */
    uint64_t block_number;
    uint32_t source, slot;
};
struct transfer_seed { /* sorted by position, source */
    struct position position;
    uint32_t source;
    bool has_amount, done;
    struct u256 amount;
};

struct asset_state {
    bool ready, recognised, contract_is_venue;
    uint32_t decimals;
    uint64_t weight;
    struct u256 dust;
};

struct total {
    uint64_t key; /* asset << 32 | tag, plus 1; 0: empty */
    uint32_t epoch; /* undo.c */
    struct taint_total sums;
};
struct absorbed {
    uint64_t key; /* account << 32 | asset */
    uint32_t tag, epoch; /* undo.c */
    bool used;
    uint8_t place;
    struct u320 amount;
};

struct policy {
    const char *name;
    bool ordered; /* the units have an order */
    /** Take v <= balance units out of the holding into the (empty) parcel, and lower the balance and the tags' amounts. */
    bool (*take)(struct taint *taint, struct holding *holding, struct u256 v, struct parcel *parcel);
    /** The balance and the tags' amounts grow; the parcel keeps its sums, its order is used up. */
    bool (*add)(struct taint *taint, struct holding *holding, struct parcel *parcel);
    /** Make u units of `tag` as the oldest (4.4). */
    bool (*create)(struct taint *taint, struct holding *holding, struct u256 u, uint32_t tag);
    /** All clean and unknown units become `tag` (6.1). */
    bool (*retag)(struct taint *taint, struct holding *holding, uint32_t tag);
};

/* Power-of-two table, open addressing. */
struct table_slot {
    uint64_t key; /* plus 1; 0: empty */
    struct holding *holding;
};
struct table {
    struct large memory;
    struct table_slot *slots; /* in `memory` */
    size_t capacity, count;
};

struct taint {
    const struct taint_input *input;
    struct cursor *cursor;
    struct arena *arena; /* names, sorted inputs, results */
    const struct policy *policy;
    struct taint_options options;

    char (*source_names)[TRACER_SOURCE_NAME_MAX + 1];
    uint32_t source_count;
    uint32_t unknown, clean; /* tags */

    struct large account_memory;
    struct account_state *accounts; /* in `account_memory` */
    size_t account_capacity;
    struct large asset_memory;
    struct asset_state *assets; /* in `asset_memory` */
    size_t asset_capacity;
    uint32_t *label_table, *explored_table, *slot_table, *doubted_table; /* open addressing over addresses, index + 1 */
    size_t label_mask, explored_mask, slot_mask, doubted_mask;
    struct address *explored; /* with what 12 adds */
    size_t explored_count;
    struct seed_slot *slots;
    size_t slot_count;
    struct address_seed *address_seeds;
    size_t address_seed_count, next_address_seed;
    struct transfer_seed *transfer_seeds;
    size_t transfer_seed_count, next_transfer_seed; /* the first that is not before the transaction at hand */
    bool seed_least_known;
    uint64_t seed_least; /* least block of all seeds */

    struct table holding_table;
    struct large holding_blocks[HOLDING_BLOCKS]; /* each twice the one before */
    size_t holding_count;
    struct large tag_blocks[TAG_BLOCKS]; /* `tags` of holdings are pieces of them */
    size_t tag_block, tags_given;        /* the block at hand, and how much of it is given out */
    void *tags_back[TAG_SIZES];          /* pieces given back; each begins with where the next one is */

    const struct cursor_row *rows; /* of the transaction at hand: in the cursor's batch, or in `kept` */
    size_t row_count;
    struct cursor_row *kept; /* of a transaction that is cut by the end of a batch */
    size_t kept_count, kept_capacity;

    struct parcel parcel; /* scratch */
    struct u320 *sums;    /* scratch [source_count + 2] */
    struct tagged *merged; /* scratch [source_count + 1] */
    struct group *groups; /* of the transaction at hand, in `scratch` */
    size_t group_count;
    struct leg *legs; /* parallel to rows when there are groups */
    struct arena *scratch;

    struct large move_memory, record_memory, sample_memory;
    struct large wide_memory, word_memory, exchanged_memory; /* struct u256, uint64_t, struct exchanged */
    struct move *moves;
    struct tagged *records; /* by place */
    struct sample *samples;
    struct large place_memory;
    uint32_t *places; /* of the records of moves, in a row; NULL: where the numbers say */
    size_t move_count, record_count, place_count, wide_count, word_count, exchanged_count;
    uint32_t *order; /* records by position and source; NULL: as they are */
    size_t records_sorted;
    bool records_disordered; /* since they were sorted */
    struct total *totals;
    size_t total_count, total_capacity;
    struct absorbed *absorbed;
    size_t absorbed_count, absorbed_capacity;
    struct taint_diag diag;
    struct taint_met met; /* without overspends: */
    struct large overspent; /* uint32_t: their accounts; as many as diag counts */
    uint64_t overspent_met;

    struct taint_check *checks;
    size_t check_count, check_capacity;
    size_t *check_order; /* by position */

    struct shown_holding *holdings_shown; /* result.c */
    size_t holdings_shown_count, lines_shown;
    struct taint_absorbed *absorbed_shown;
    size_t absorbed_shown_count;
    struct taint_total *totals_shown;
    size_t totals_shown_count;
    struct inspect *inspect; /* NULL: nobody observes */
    taint_carried_fn *carried; /* NULL: nobody keeps what rows carry */
    void *carried_context;
    struct taint_part *parts; /* scratch [source_count + 1]; with `carried` */
    struct undo *undo;       /* NULL: nothing is kept */
    uint64_t next_block; /* of the rows to come, at least */
    bool replayed, asked_sorted;
    bool gathers; /* reach.c: the cursor gives the transactions of `explored` alone, and whole ones */
    struct taint_input *owned_input; /* of taint_expand() */
    struct address *owned_explored;
};

static inline bool tag_is_source(const struct taint *taint, uint32_t tag)
{
    return tag < taint->source_count;
}
static inline bool class_is_explored(enum account_class class_) /* 12; where there is no explored set, all that are not labelled are */
{
    return class_ == ACCOUNT_PLAIN || class_ == ACCOUNT_DOUBTED;
}
static inline bool class_is_boundary(enum account_class class_)
{
    return class_ >= ACCOUNT_SERVICE;
}

static inline void tagged_set(struct tagged *tagged, uint32_t hop, uint32_t via)
{
    tagged->hop = hop < HOP_FAR ? hop & HOP_BITS : HOP_FAR;
    tagged->via = via;
}

static inline struct u256 *tag_amount(struct holding *holding, const struct tagged *tagged) /* not under poison */
{
    return &holding->amounts[tagged - holding->tags];
}

/* holding.c */
struct holding *holding_get(struct taint *taint, uint32_t account, uint32_t asset); /* makes it; NULL: no memory */
struct holding *holding_find(const struct taint *taint, uint32_t account, uint32_t asset);
struct holding *holding_at(const struct taint *taint, size_t index);
struct tagged *holding_tag(struct holding *holding, uint32_t tag); /* NULL: none */
struct tagged *holding_tag_add(struct taint *taint, struct holding *holding, uint32_t tag); /* finds or makes; NULL: no memory */
bool holding_tags_reserve(struct taint *taint, struct holding *holding, size_t count);
bool holding_tags_set(struct taint *taint, struct holding *holding, const struct tagged *tags, const struct u256 *amounts,
                      uint32_t count); /* copies */
void holding_tag_lose(struct holding *holding, uint32_t tag, struct u256 amount); /* drops it at zero */
void holdings_release(struct taint *taint);
/** Rows are known long before they are run: fetch into the cache what the account is, then (some rows later) where its
 * holding will be looked for, then the holding itself. */
void account_prefetch(const struct taint *taint, uint32_t account);
void holding_prefetch_slot(const struct taint *taint, uint32_t account, uint32_t asset);
void holding_prefetch(const struct taint *taint, uint32_t account, uint32_t asset);
void holding_prefetch_rest(const struct taint *taint, uint32_t account, uint32_t asset); /* queue; tags under poison */
void holding_prefetch_lots(const struct taint *taint, uint32_t account, uint32_t asset); /* the ends of its queue */
/** Room for so many accounts at once: memory that grows in steps keeps the small pages that it began with. */
bool accounts_reserve(struct taint *taint, size_t count);
/** accounts[id] and assets[id], classified on first sight; NULL: no memory. */
const struct account_state *account_get(struct taint *taint, uint32_t id);
const struct asset_state *asset_get(struct taint *taint, uint32_t id);
bool tables_make(struct taint *taint);
bool table_explored(struct taint *taint); /* anew */
bool is_explored(const struct taint *taint, struct address address);
bool account_is_unlabelled(const struct taint *taint, uint32_t id); /* and not void */

/** All clean and unknown units become `tag`, in the tags. */
bool holding_retag(struct taint *taint, struct holding *holding, uint32_t tag, bool *ret_changed);
bool holding_gain(struct taint *taint, struct holding *holding, struct u256 amount, uint32_t tag); /* clean: no tag */

/* parcel.c */
void parcel_clear(struct parcel *parcel);
void parcel_release(struct parcel *parcel);
/** Put units behind those that are there. */
bool parcel_put(const struct taint *taint, struct parcel *parcel, struct u256 amount, uint32_t tag);
/** Its units in their order. */
bool parcel_each(const struct parcel *parcel, lots_visit_fn *visit, void *context);
void info_set(struct parcel *parcel, uint32_t source, uint32_t hop, uint32_t parent, bool *ok);
const struct info *info_find(const struct parcel *parcel, uint32_t source);

/* haircut.c */
/** scale(T, W, x) of 5.1: the share of the next tag in tag order (clean left out), which has `amount`; W > 0. The two
 * running values begin at zero. */
struct u256 scale_next(struct u320 *cumulative, struct u256 amount, struct u256 x, struct u256 w, struct u256 *previous);

/* ordered.c: units of one tag become the newest; the balance is still what it was before. */
bool ordered_push(struct holding *holding, struct u256 amount, uint32_t tag);
/** When the tags have changed: back to the cheap form if one tag is left (or none). */
void ordered_simplify(const struct taint *taint, struct holding *holding);

/* quick.c: run a row, if it is one of the common kind; not for poison. */
enum quick { QUICK_NO, QUICK_DONE, QUICK_FAILED /* no memory */ };
enum quick quick_row(struct taint *taint, const struct cursor_row *row);
/* poison.c */
/** A row of the common kind at once: between unlabelled accounts or void, without seeds, overspend or overflow, and nobody asks
 * or undoes. *ret_done false: it is another, nothing was changed. Returns false without memory. */
bool poison_row(struct taint *taint, const struct cursor_row *row, bool *ret_done);

/* seed.c */
enum tracer_status seeds_make(struct taint *taint, struct error *err);
/** Activate address seeds with block <= block_number (6.1). */
bool seeds_activate(struct taint *taint, uint64_t block_number);
/** A transaction whose first row is at `position` begins. True: it has transfer seeds. */
bool seeds_advance(struct taint *taint, struct position position);
/** The transfer seeds at a position begin there, or would. */
size_t seeds_first(const struct taint *taint, struct position position);
/** Re-tag a parcel by the transfer seeds of `position` (6.2). */
bool seeds_apply(struct taint *taint, struct position position, uint32_t asset, struct u256 v, struct parcel *parcel);
/** Back to the first `count` activations, for accounts; holdings are restored elsewhere. */
void seeds_deactivate(struct taint *taint, size_t count);
bool seeds_retag(struct taint *taint, struct holding *holding, uint32_t source);

/* replay.c */
bool replay_depart(struct taint *taint, const struct cursor_row *row, struct parcel *parcel);
bool replay_arrive(struct taint *taint, const struct cursor_row *row, struct parcel *parcel);
/** Step 6; the end of a row. `leg` and `link` of its exchange group, if any. */
bool replay_record(struct taint *taint, const struct cursor_row *row, const struct parcel *parcel, enum transfer_leg leg,
                   uint32_t link);
bool replay_end_parcel(struct taint *taint, uint32_t account, uint32_t asset, const struct parcel *parcel);
/** Absorb at a labelled account, or burn at void. */
bool replay_end(struct taint *taint, uint32_t account, uint32_t asset, uint32_t tag, struct u320 amount);
bool replay_overflows(struct taint *taint, const struct cursor_row *row);
void check_row(struct taint *taint, const struct cursor_row *row, enum taint_status status, const struct parcel *parcel, bool fee,
               bool *ok);
struct taint_total *total_get(struct taint *taint, uint32_t asset, uint32_t tag); /* NULL: no memory */

/* group.c */
struct group;
bool groups_find(struct taint *taint);
/** The group that row `index` is a leg of, NULL for ordinary rows. */
struct group *group_of(struct taint *taint, size_t index);
/** Is the out leg to wait for the last in leg of its group? */
bool group_defers(const struct taint *taint, size_t index);
bool group_is_out(const struct taint *taint, size_t index);
/** True: some leg has an end in the explored set. */
bool group_concerns(const struct taint *taint, size_t index);
bool group_in_leg(struct taint *taint, size_t index, bool *ret_last);
bool group_out_leg(struct taint *taint, size_t index);
/** Rows deferred to row `index`, the last in leg of a group: call for each in key order. */
bool group_deferred_to(const struct taint *taint, size_t out_index, size_t last_in_index);

/* Found or made; NULL: no memory. Who changes a total calls total_get(), which puts it down for undo first. */
struct total *total_slot(struct taint *taint, uint32_t asset, uint32_t tag);
struct absorbed *absorbed_slot(struct taint *taint, uint32_t account, uint32_t asset, uint32_t tag);

/* undo.c: call before the first change; false without memory. Nothing happens unless undo is kept. */
bool undo_begin(struct taint *taint, uint64_t block_number);
bool undo_holding(struct taint *taint, struct holding *holding);
bool undo_total(struct taint *taint, struct total *total);
bool undo_absorbed(struct taint *taint, struct absorbed *absorbed);
bool undo_seed(struct taint *taint, size_t index); /* it becomes done */
void undo_release(struct taint *taint);

/* inspect.c: the moments of a row; only where taint->inspect is set. */
void inspect_begin(struct taint *taint, const struct cursor_row *row);
void inspect_overspent(struct taint *taint, struct u256 units, uint32_t tag);
void inspect_leg(struct taint *taint, size_t group, bool out);
void inspect_pot(struct taint *taint, const struct u320 *pot, struct u320 undrawn);
void inspect_taken(struct taint *taint, const struct parcel *parcel);
void inspect_carried(struct taint *taint, const struct parcel *parcel);
bool inspect_end(struct taint *taint, const struct cursor_row *row);
void inspect_release(struct taint *taint);

/* record.c; what arrives is of move number move_count. */
bool record_row(struct taint *taint, const struct cursor_row *row, const struct parcel *parcel, enum transfer_leg leg,
                uint32_t link);
/** The same by hand: a row that carries `count` sources, then each of them in order. */
bool record_move(struct taint *taint, const struct cursor_row *row, size_t count, uint32_t link, enum transfer_leg leg);
bool record_source(struct taint *taint, const struct cursor_row *row, struct u256 amount, struct info info);
/** An ordinary row whose units all belong to each of the sender's sources (poison). */
bool record_all(struct taint *taint, const struct cursor_row *row, struct holding *from);
struct position move_position(const struct taint *taint, uint32_t move);
uint32_t record_far_hop(const struct taint *taint, const struct tagged *tagged); /* of a holding */
uint32_t record_least_hop(const struct taint *taint, uint32_t move); /* of its records */
bool records_sort(struct taint *taint);
struct record_counts records_count(const struct taint *taint);
void records_truncate(struct taint *taint, struct record_counts counts);
void records_release(struct taint *taint);
/** Of a holding. */
static inline uint32_t tagged_hop(const struct taint *taint, const struct tagged *tagged)
{
    return tagged->hop < HOP_FAR ? tagged->hop : record_far_hop(taint, tagged);
}

/* result.c */
void results_release(struct taint *taint);

#endif
