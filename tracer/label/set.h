/* set.h - what the readers of label files share with the set. */
#ifndef TRACER_LABEL_SET_H
#define TRACER_LABEL_SET_H

#include "tracer/csv.h"
#include "tracer/label.h"

/* Texts repeat from row to row (category, origin, ...): one copy for neighbours that are the same. */
#define LABEL_TEXTS_KEPT 8u
struct label_texts {
    struct arena *arena;
    const char *last[LABEL_TEXTS_KEPT];
};
/** A copy in the arena, or `last` of the slot if it is the same; NULL: no memory. */
const char *label_text(struct label_texts *texts, size_t slot, const char *text, size_t length);

/* One list being added: its claims count only once it is complete. */
struct label_adding {
    struct label_set *set;
    struct label_texts texts;
    uint32_t list;
    size_t first; /* claims before it */
};
TRACER_MUST_USE enum tracer_status label_add_begin(struct label_set *set, struct label_adding *ret_adding,
                                                   struct error *err);
/** `claim` is copied; its texts live in the set already. */
TRACER_MUST_USE enum tracer_status label_add_claim(struct label_adding *adding, const struct label *claim,
                                                   struct error *err);
/** With `status` TRACER_OK the list is added, else its claims are dropped; returns what it is then. */
TRACER_MUST_USE enum tracer_status label_add_end(struct label_adding *adding, enum tracer_status status,
                                                 const char *name, struct digest digest, struct error *err);
/** Our CSV as a list with that digest. */
TRACER_MUST_USE enum tracer_status label_add_text(struct label_set *set, const char *name, const void *data, size_t size,
                                                  enum label_rank rank, struct digest digest, struct error *err);
/** The last list was published then. */
void label_set_date(struct label_set *set, const char *date);
/** The last list was made from a list of others. */
void label_set_origin(struct label_set *set, bool official);
#define REGISTRY_SANCTIONED_DATE "2026-08-07" /* of the list that sanctioned.tsv restates */
/** The claims of lists, sorted by address; without the built-in ones. */
const struct label *label_all(const struct label_set *set, size_t *ret_count);

#endif
