/* series.h - the nonce and the balances of one account: what the stored transfers explain of them, and the search for the blocks
 * in which something is missing (explore.h); internal to the files of tracer/. */
#ifndef TRACER_SERIES_H
#define TRACER_SERIES_H

#include "tracer/explore.h"

struct step { /* all up to and including this block */
    uint64_t block;
    struct u320 in, out;
};

struct series { /* the nonce, or one asset */
    struct asset asset;
    bool is_nonce, listed;
    struct step *steps;
    size_t step_count;
    enum tracer_status before_status, after_status;
    struct u256 before, after; /* the range: what the endpoints say */
    bool explained, derived;
    uint64_t unexplained; /* blocks in which something is missing */
    uint64_t first_unexplained;
};

struct move {
    uint64_t block;
    int32_t transaction_index;
    struct asset asset;
    struct u256 amount;
    bool out;
};

struct account_work { /* zeroed but for the first ones to begin with; series_release() */
    struct explorer *explorer;
    const struct explore_request *request; /* of the explorer */
    struct address account;
    enum account_kind kind;
    struct history_explored explored; /* what explorers gave of it */
    struct move *moves;
    size_t move_count, move_capacity;
    struct series *series; /* the nonce, the coin, then tokens */
    size_t series_count;
    struct history_blocks opened; /* blocks all of whose transactions are looked at for the sender */
    struct ahead *ahead;          /* the account is searched for ahead of its turn: nothing is written, and */
    struct history_blocks waiting; /* what was found for it waits there */
    struct error *err;
};

/** Read the account's transfers in the range from the store, by asset and block. */
enum tracer_status series_read_moves(struct account_work *work);
/** Add what is not there yet: the nonce (not of a contract), the coin, listed tokens, and tokens of the transfers. */
enum tracer_status series_make(struct account_work *work);
/** States before and after the range, of the series from number `from` on. */
enum tracer_status series_ask_ends(struct account_work *work, size_t from);
/** Sums of an asset's transfers, from the moves that were read. */
enum tracer_status series_read_sums(struct account_work *work, struct series *series);
/** Sums up to the end of a block. */
struct step series_sums_at(const struct series *series, uint64_t block);
/** Search for what is missing and fetch it, until all is explained or nothing more can be fetched. */
enum tracer_status series_explain(struct account_work *work, struct series *series);
/** The nonces between the states at both ends of the range that no stored transaction has; to free(). */
enum tracer_status series_missing_nonces(struct account_work *work, struct series *series, uint64_t **ret_nonces, size_t *ret_count);
/** `asset` NULL: the nonce. NULL if there is none. */
struct series *series_of(struct account_work *work, const struct asset *asset);
/** Fetch blocks that were found for the account. */
enum tracer_status explore_found(struct account_work *work, struct history_blocks *blocks);
void series_release(struct account_work *work);

#endif
