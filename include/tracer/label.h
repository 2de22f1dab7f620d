/* label.h - claims about addresses: who they are, where the claim comes from, and what follows for a trace;
 * and the built-in registry of heists, sanctioned addresses, services and tokens (fixtures/registry).
 *
 * Labels never change an amount. On conflict the user's file wins, then official lists, then the built-in
 * registry, then others by confidence (architecture 11), and one that has an end after one that has none; the losers
 * stay visible.
 */
#ifndef TRACER_LABEL_H
#define TRACER_LABEL_H

#include "tracer/arena.h"
#include "tracer/buffer.h"
#include "tracer/digest.h"
#include "tracer/input.h"

enum label_rank { LABEL_USER, LABEL_OFFICIAL, LABEL_BUILTIN, LABEL_OTHER }; /* who wins, first to last */
enum label_confidence { CONFIDENCE_HIGH, CONFIDENCE_MEDIUM, CONFIDENCE_LOW };

struct label { /* one claim; texts live in the set */
    struct address address;
    uint64_t chain_id;       /* 0: all chains */
    enum label_class class_; /* CLASS_NONE: a name without consequence for the flow */
    const char *emit;        /* "" none */
    const char *name;        /* shown */
    const char *category;    /* "exchange", "mixer", "burn", "sanctioned", "heist", ... */
    const char *entity;
    const char *origin;     /* source of the claim */
    const char *valid_from; /* "YYYY-MM-DD" or "" */
    const char *valid_to;
    enum label_confidence confidence;
    enum label_rank rank;
    uint32_t list; /* index into label_list() */
};

struct label_list { /* an imported file or built-in table */
    const char *name;
    struct digest digest;
    uint64_t rows;
    char date[11]; /* of publication, "" not known */
    bool imported; /* a list of others */
    bool official; /* one of those that is */
};

struct label_set;

TRACER_MUST_USE enum tracer_status label_set_new(struct label_set **ret_set, struct error *err);
void label_set_free(struct label_set *set); /* NULL is fine */
/** What follows asks for that day ("YYYY-MM-DD"): claims that begin later or have ended by then do not hold, though
 * label_about() still has them. Before the first list is added. */
void label_set_as_of(struct label_set *set, const char *date);
const char *label_as_of(const struct label_set *set); /* "" not set */

/** Services, mixers, bridges, sanctioned and heist addresses of the built-in registry, one list a table. */
TRACER_MUST_USE enum tracer_status label_add_builtin(struct label_set *set, struct error *err);
/** Our CSV: columns address,class,emit (taint-spec 2.4) and optionally
 * name,category,entity,chain,origin,confidence, valid_from,valid_to. */
TRACER_MUST_USE enum tracer_status label_add_file(struct label_set *set, const char *path,
                                                  enum label_rank rank, struct error *err);
TRACER_MUST_USE enum tracer_status label_add_memory(struct label_set *set, const char *name, const void *data,
                                                    size_t size, enum label_rank rank, struct error *err);

/* Lists of others. They become our CSV, behind a line that names format, SHA-256 of the file, date and entries; only an
 * import loads the libraries that read them. */
enum list_format {
    LIST_OFAC_ADVANCED, /* sdn_advanced.xml */
    LIST_OFAC_SDN,      /* sdn.xml */
    LIST_OFAC_CSV,      /* sdn.csv with sdn_comments.csv */
    LIST_TAGPACK,       /* GraphSense YAML */
    LIST_PLAIN,         /* an address a line */
    LIST_FORMAT_COUNT
};
struct list_facts {
    enum list_format format;
    struct digest digest; /* of the file */
    char date[11];        /* "YYYY-MM-DD"; "" the list has none */
    uint64_t entries;     /* with those of other ledgers */
    uint64_t labels;      /* entries that became one; 0 in list_kept_facts() */
};
struct list_file {
    const char *name; /* in messages */
    const char *data;
    size_t size;
    size_t rest_size; /* LIST_OFAC_CSV: so many bytes at the end are sdn_comments.csv; else 0 */
    const char *date; /* NULL, or for a list that does not say its date */
};
const char *list_format_name(enum list_format format);
bool list_is_official(enum list_format format);
/** By its beginning (64 KiB are plenty). False: none of these. */
bool list_recognise(const char *data, size_t size, enum list_format *ret_format);
/** Adds to `ret_csv`. All or nothing: an unknown asset, chain or confidence, a cut file, a list without an address is
 * TRACER_E_USAGE (threat-model I2 to I4). */
TRACER_MUST_USE enum tracer_status list_read(const struct list_file *file, enum list_format format,
                                             struct buffer *ret_csv, struct list_facts *ret_facts, struct error *err);
/** What the first line of such a CSV says; false: it says nothing. */
bool list_kept_facts(const void *data, size_t size, struct list_facts *ret_facts);
/** TRACER_E_USAGE when a new version is older than the last one, has no date though that had one, or has less than 80 % of its
 * entries or labels. */
TRACER_MUST_USE enum tracer_status list_accept(const char *file, const struct list_facts *before,
                                               const struct list_facts *now, struct error *err);
/** Such a CSV as a list of the set, with the rank of its format: OFAC official, addresses the user's, else others'. */
TRACER_MUST_USE enum tracer_status label_add_kept(struct label_set *set, const char *name, const void *data, size_t size,
                                                  struct error *err);

/** What holds for an address on a chain, false if there is no claim: the best claim, with the class and emit
 * of the best claim that has a class (an official list that only names an address does not hide that it is a
 * mixer; but lists of others give none to an address of a heist, or a sanctioned one). Texts live as long as the set. */
bool label_find(const struct label_set *set, uint64_t chain_id, struct address address, struct label *ret_label);
/** The claim is about the chain, and the day of label_set_as_of() is one of its days. */
bool label_holds(const struct label_set *set, const struct label *claim, uint64_t chain_id);
/** All claims about it on whatever chain, the winner first, then by rank, confidence, origin; in the arena. */
TRACER_MUST_USE enum tracer_status label_about(const struct label_set *set, struct address address, struct arena *arena,
                                               const struct label **ret_claims, size_t *ret_count, struct error *err);

/** The claims about an address in two sets, one of them perhaps without any (count 0). */
typedef enum tracer_status label_diff_fn(void *context, const struct label *before, size_t before_count,
                                         const struct label *after, size_t after_count);
/** Calls for each address about which the lists of the sets, built-in ones apart, do not say the same, by address; *ret_same counts the others. Ends with the
 * first status of `differs` that is not TRACER_OK. */
TRACER_MUST_USE enum tracer_status label_diff(const struct label_set *before, const struct label_set *after,
                                              label_diff_fn *differs, void *context, uint64_t *ret_same);
/** One of the claims says the same, in whatever list. */
bool label_says(const struct label *claims, size_t count, const struct label *claim);

size_t label_list_count(const struct label_set *set);
const struct label_list *label_list(const struct label_set *set, size_t index);

/** Some claim names a source that its account emits, on whatever chain and day. */
bool label_emits(const struct label_set *set);

/** The winning claims with a class on the chain, as the engine wants them (sorted by address). Emits are the
 * labels' own; the pipeline adds those of sanctioned and mixer addresses. */
TRACER_MUST_USE enum tracer_status label_classes(const struct label_set *set, uint64_t chain_id,
                                                 struct arena *arena, struct taint_label **ret_labels,
                                                 size_t *ret_count, struct error *err);

/** `prefix` and `text` as one source name (taint-spec 2.4): each run of characters that do not belong there
 * becomes one
 * "-", and it is cut at the limit. "mixer." and "Tornado Cash" give "mixer.Tornado-Cash". */
void label_source_name(const char *prefix, const char *text, char to[static TRACER_SOURCE_NAME_MAX + 1]);

/* The registry. All texts are static. */
struct heist {
    const char *id, *name, *date, *stolen, *attributed_to;
    bool returned;               /* never a default source */
    const struct address *seeds; /* EVM seed addresses */
    size_t seed_count;
    const struct hash *theft_txs;
    size_t theft_tx_count;
    const uint64_t *chain_ids; /* EVM chains of the incident; other ledgers are left out */
    size_t chain_count;
};
/** In file order. */
const struct heist *registry_heists(size_t *ret_count);
struct sanctioned {
    struct address address;
    const char *entity;  /* made fit for a source name: "ofac.<entity>" (A-Za-z0-9_.-) */
    uint64_t listed_s;   /* Unix time of the listing date's start; 0 unknown */
    uint64_t delisted_s; /* 0: still listed */
};
/** Those of the registry that are listed (on the day of label_set_as_of(), else now), and those of imported official
 * lists (listed_s 0: date not known). An address that the registry knows to have been delisted counts again only by a list
 * published after that. Sorted by address, each once, in the arena; entities live as long as the set. */
TRACER_MUST_USE enum tracer_status label_sanctioned(const struct label_set *set, uint64_t chain_id, struct arena *arena,
                                                    const struct sanctioned **ret_rows, size_t *ret_count,
                                                    struct error *err);
/** "YYYY-MM-DD" up to which the official lists are known: of the newest one of the set, at least the registry's; never
 * after the day of label_set_as_of(). */
const char *label_sanctioned_date(const struct label_set *set);
struct token {
    struct taint_asset asset;
    const char *symbol;
};
/** Built-in assets.csv of a chain: its native coin and recognised tokens, by asset text; none for others. At most `capacity`
 * are written; returns how many there are. */
size_t registry_tokens(uint64_t chain_id, struct token *ret_tokens, size_t capacity);
/** SHA-256 of the built-in assets.csv. */
struct digest registry_tokens_digest(void);
/** Wrapper contracts (category `wrapped` of services.tsv) of a chain, by address. */
const struct address *registry_wrappers(uint64_t chain_id, size_t *ret_count);

/* The embedded Ronin case (fixtures/ronin-2022): file bytes by name, NULL if there is no such file. Names:
 * "transfers.csv", "labels.csv", "explored.txt", "coverage.csv". */
const void *registry_case_file(const char *name, size_t *ret_size);

/** Versions at run time of what reads XML and YAML, which is loaded for this. NULL: it cannot be, or is too old. */
const char *label_xml_library(void);
const char *label_yaml_library(void);

#endif
