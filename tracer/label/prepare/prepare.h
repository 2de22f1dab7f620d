/* prepare.h - the tables of fixtures/registry, read: by the program that writes them into the build, and by the test that
 * compares what it wrote with them. */
#ifndef TRACER_LABEL_PREPARE_H
#define TRACER_LABEL_PREPARE_H

#include "set.h"

struct chain_token {
    uint64_t chain_id;
    struct token token;
};
struct chain_wrapper {
    uint64_t chain_id;
    struct address address;
};

struct prepared {
    struct arena *arena;
    struct label_texts texts;
    struct label_set *set; /* the claims, a list a table */
    struct heist *heists;  /* in file order */
    struct sanctioned *sanctioned; /* by address, each once */
    struct chain_token *tokens;    /* by chain, then by asset text */
    struct chain_wrapper *wrappers; /* by chain, then by address */
    size_t heist_count, sanctioned_count, token_count, wrapper_count;
    struct digest assets_digest;
};

/** All tables of `folder` (fixtures/registry). TRACER_E_USAGE: one of them is wrong. */
TRACER_MUST_USE enum tracer_status prepare(const char *folder, struct prepared *ret_prepared, struct error *err);
void prepared_free(struct prepared *prepared); /* after a failure, too */

/** The claims of services.tsv, sanctioned.tsv, heist_addresses.tsv and case_addresses.tsv. */
TRACER_MUST_USE enum tracer_status prepare_claims(const char *folder, struct label_set *set, struct error *err);
#define PREPARE_PATH_MAX 4096u

#endif
