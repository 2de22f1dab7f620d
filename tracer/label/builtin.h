/* builtin.h - the tables of fixtures/registry as the build prepared them (tracer/label/prepare): sorted, checked,
 * digested, and read where they lie.
 *
 * Texts are places in builtin_texts: what holds pointers is relocated at every start of the program. */
#ifndef TRACER_LABEL_BUILTIN_H
#define TRACER_LABEL_BUILTIN_H

#include "tracer/label.h"

struct builtin_claim { /* a struct label of the rank and without emit */
    struct address address;
    uint32_t name, category, entity, origin, valid_from, valid_to;
    uint64_t chain_id;
    uint8_t class_, confidence, rank, list;
};
struct builtin_class { /* a claim that has a class: all that most starts need to read of it */
    struct address address;
    uint16_t claim; /* its place among the claims */
    uint8_t class_, rank;
    uint64_t chain_id;
};
struct builtin { /* what a set takes of it */
    const struct builtin_claim *claims; /* as claim_order() of set.c sorts */
    size_t count;
    const struct builtin_class *classes; /* in the order of the claims */
    size_t class_count;
    const char *texts;
    const struct label_list *lists;
    size_t list_count;
};
/** Adds the lists; what is behind the pointers is not copied. Once a set. */
TRACER_MUST_USE enum tracer_status label_set_take_builtin(struct label_set *set, const struct builtin *builtin, struct error *err);

struct builtin_sanctioned { /* struct sanctioned */
    struct address address;
    uint32_t entity;
    uint64_t listed_s, delisted_s;
};
struct builtin_token { /* struct token */
    struct taint_asset asset;
    uint32_t symbol;
};
struct builtin_range { /* rows of one chain; a count of 0 is the end */
    uint64_t chain_id;
    size_t first, count;
};

extern const char builtin_texts[];
extern const struct builtin_claim builtin_claims[];
extern const size_t builtin_claim_count;
extern const struct builtin_class builtin_classes[];
extern const size_t builtin_class_count;
extern const struct label_list builtin_lists[];
extern const size_t builtin_list_count;
extern const struct heist builtin_heists[];
extern const size_t builtin_heist_count;
extern const struct builtin_sanctioned builtin_sanctioned[]; /* by address, each once */
extern const size_t builtin_sanctioned_count;
extern const struct builtin_token builtin_tokens[]; /* by chain, then by asset text */
extern const struct builtin_range builtin_token_chains[];
extern const struct digest builtin_tokens_digest; /* of assets.csv */
extern const struct address builtin_wrappers[]; /* by chain, then by address */
extern const struct builtin_range builtin_wrapper_chains[];

#endif
