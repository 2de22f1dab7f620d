/* load.h - files into a store: the pipeline behind `import` and the embedded case of `demo`. */
#ifndef TRACER_LOAD_H
#define TRACER_LOAD_H

#include "tracer/graph.h"
#include "tracer/import.h"
#include "tracer/label.h"

/* Names of items in the store's table of lists: the kind, then the file's base name. Label lists are kept
 * whole; of transfers the SHA-256 of the file. */
#define LOAD_LABELS_PREFIX "labels/"
#define LOAD_LISTS_PREFIX "lists/" /* lists of others, as list_read() writes them (label.h) */
#define LOAD_OLD_LISTS_PREFIX "old-lists/" /* their versions before the last one: NAME@DATE */
#define LOAD_TRANSFERS_PREFIX "transfers/"
#define LOAD_NAME_SIZE 256u
#define LOAD_HEAD_MAX TRACER_KIB(64) /* of a file: enough for list_recognise() */
#define LOAD_INCOMPLETE "incomplete" /* instead of the SHA-256: the import was interrupted */

struct load_stats {
    uint64_t blocks, transfers, coverage, labels, skipped; /* skipped: entries of lists about other ledgers */
    uint64_t replaced; /* files of labels that took the place of another content under the same name */
};

/** Register the chain as imported and put every row. The file's rows are checked before the first is
 * written. A second import of the same file changes nothing; one of a chain that was ingested is
 * TRACER_E_CHAIN. `path` names the file in results. `progress` may be NULL: rows done of rows. */
TRACER_MUST_USE enum tracer_status load_transfers(struct graph *graph, struct import *import,
                                                  const char *path, uint64_t chain_id,
                                                  const char *network_name, graph_progress_fn *progress,
                                                  void *context, struct load_stats *stats, struct error *err);
/** coverage.csv: accounts whose history the store has; they become the explored set of replays. */
TRACER_MUST_USE enum tracer_status load_coverage(struct graph *graph, struct import_source source,
                                                 uint64_t chain_id, struct load_stats *stats,
                                                 struct error *err);
/** A list of labels, kept whole under its base name and used by every later command on the store. */
TRACER_MUST_USE enum tracer_status load_labels(struct graph *graph, struct import_source source,
                                               struct load_stats *stats, struct error *err);
/** A list of others that is a file; with `comments` (sdn_comments.csv, NULL: none) it is read as if that stood at its end.
 * `date`: of a list that does not say it, or NULL. */
TRACER_MUST_USE enum tracer_status load_list_text(const char *path, const char *comments, enum list_format format,
                                                  const char *date, struct buffer *ret_csv,
                                                  struct list_facts *ret_facts, struct error *err);
/** Any file of labels as the one list of a set: a list of others, or our CSV. *ret_name is what a store keeps it under. */
TRACER_MUST_USE enum tracer_status load_label_file(const char *path, const char *comments, const char *date,
                                                   struct label_set *set, char ret_name[static LOAD_NAME_SIZE],
                                                   struct error *err);
/** The item `name` is a version of the list `list` (without prefix) before its last one; *ret_date is where its date begins. */
bool load_is_old_version(const char *name, const char *list, const char **ret_date);
struct load_list_options {
    const char *comments, *date; /* of load_list_text() */
    bool force;
};
/** A list of others, kept under its base name, those of OFAC under one name whatever their form: a new version takes the
 * place of the last one, which is kept with its date, if it has one, for questions about the past. Unless `force`, list_accept() decides whether it may. */
TRACER_MUST_USE enum tracer_status load_list(struct graph *graph, const char *path, enum list_format format,
                                             const struct load_list_options *options,
                                             struct load_stats *stats, struct error *err);
/** The embedded Ronin case: transfers, coverage and labels of fixtures/ronin-2022, on chain 1. */
TRACER_MUST_USE enum tracer_status load_demo(struct graph *graph, struct load_stats *stats,
                                             struct error *err);

#endif
