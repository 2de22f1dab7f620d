/* input.h - what a replay is told: options, seeds, labels, assets, explored set (taint-spec 2.4, 2.5, 12). */
#ifndef TRACER_INPUT_H
#define TRACER_INPUT_H

#include "tracer/transfer.h"

enum taint_policy {
    POLICY_FIFO,
    POLICY_LIFO,
    POLICY_HAIRCUT,
    POLICY_POISON,
    POLICY_CLEANFIRST,
    POLICY_TAINTFIRST,
    POLICY_COUNT
};
enum taint_links { LINKS_GIVEN, LINKS_AUTO, LINKS_NONE };
enum taint_fees { FEES_SINK, FEES_FOLLOW };
enum taint_unknown { UNKNOWN_TRACK, UNKNOWN_CLEAN };
enum taint_opening { OPENING_UNKNOWN, OPENING_CLEAN };

const char *taint_policy_name(enum taint_policy policy);
bool taint_policy_parse(const char *text, enum taint_policy *ret_policy);

const char *links_name(enum taint_links links);         /* "given", "auto", "none" */
const char *fees_name(enum taint_fees fees);            /* "sink", "follow" */
const char *unknown_name(enum taint_unknown unknown);   /* "track", "clean" */
const char *opening_name(enum taint_opening opening);   /* "unknown", "clean" */

/* Options of 2.5; zero is the default of each. */
struct taint_options {
    enum taint_policy policy;
    enum taint_links links;
    enum taint_fees fees;
    enum taint_unknown unknown;
    enum taint_opening opening;
};

enum label_class { CLASS_NONE, CLASS_SERVICE, CLASS_MIXER, CLASS_BRIDGE, CLASS_VENUE, CLASS_COUNT };
const char *label_class_name(enum label_class class_); /* "" for CLASS_NONE */
bool label_class_parse(const char *text, size_t length, enum label_class *ret_class);

struct taint_seed {
    char source[TRACER_SOURCE_NAME_MAX + 1];
    bool is_address;          /* else a transfer */
    struct address address;   /* address seeds */
    uint64_t block_number;    /* address seeds: from the start of this block */
    struct position position; /* transfer seeds */
    bool has_amount;          /* transfer seeds: at most `amount` units */
    struct u256 amount;
};

struct taint_label {
    struct address address;
    enum label_class class_; /* not CLASS_NONE */
    const char *emit;        /* a source's name, "" for none */
};

struct taint_asset {
    struct asset asset;
    uint32_t decimals; /* <= 77 */
    uint64_t weight;
    struct u256 dust;
};

/* What a replay is told. All arrays are the caller's and outlive the struct taint. */
struct taint_input {
    struct taint_options options;
    const struct taint_seed *seeds;
    size_t seed_count;
    const struct taint_label *labels;
    size_t label_count;
    const struct taint_asset *assets; /* has_assets false: "no assets.csv" */
    size_t asset_count;
    bool has_assets;
    const struct address *explored;
    size_t explored_count;
    bool has_explored;
    /* Accounts whose history is not known whole. Beside taint/1, which wants it whole of all that are explored (12): such a one keeps no units.
     * What arrives is absorbed as in a frontier account; what leaves is of the source that the account is itself (6.1), else unknown. */
    const struct address *doubted;
    size_t doubted_count;
    bool doubts_added; /* so are those that only seeds add to the explored set */
};

#endif
