/* shelf.h - derived records beside a store: what a replay found, laid out to be looked up (architecture 4, `holding`).
 *
 * A shelf is a directory of its own, so that it can be thrown away and made again, and the store stays what it is. Keys sort as
 * bytes; every value carries a checksum of itself and its key. One writer; readers see the last commit before they first read, and never wait.
 * Of SHELF_ROW it is also proven that a key is not there: each record knows the one before it. So rows are only put behind the others.
 *
 * Threads:   a struct shelf belongs to one thread.
 * Processes: a reader that has read before fork() reads on in the child: what it saw then, whatever was committed since, as long as the
 *            parent keeps it open. (LMDB asks that an environment be opened after fork(), for the sake of its locks and its table of
 *            readers; the child touches neither, only the map. What it reads after its parent died may be of any time.)
 */
#ifndef TRACER_SHELF_H
#define TRACER_SHELF_H

#include "tracer/block.h"

struct shelf;
enum shelf_table { SHELF_HEAD, SHELF_ACCOUNT, SHELF_ROW, SHELF_TABLE_COUNT };
enum shelf_mode { SHELF_READ, SHELF_WRITE, SHELF_MAKE /* a new one, under another name until shelf_finish() */ };

/** SHELF_MAKE makes the directory. A writer keeps others out until it closes: TRACER_E_BUSY.
 * @retval TRACER_E_NOT_FOUND  there is none
 * @retval TRACER_E_DAMAGED    it is cut short or foreign: make it again */
TRACER_MUST_USE enum tracer_status shelf_open(const char *path, enum shelf_mode mode, struct shelf **ret_shelf, struct error *err);
void shelf_close(struct shelf *shelf); /* what was not committed is gone; NULL is fine */

/** Writes are seen after shelf_commit(). Ascending keys are fast. */
TRACER_MUST_USE enum tracer_status shelf_put(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size,
                                             const void *value, size_t size, struct error *err);
TRACER_MUST_USE enum tracer_status shelf_delete(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size, struct error *err);
/** Delete everything from `key` on. */
TRACER_MUST_USE enum tracer_status shelf_cut(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size, struct error *err);
/** Durable when it returns. */
TRACER_MUST_USE enum tracer_status shelf_commit(struct shelf *shelf, struct error *err);
/** SHELF_MAKE: commit and move it to `path`, where it goes on as SHELF_WRITE; what was there is removed unless a writer has it (TRACER_E_BUSY). */
TRACER_MUST_USE enum tracer_status shelf_finish(struct shelf *shelf, const char *path, struct error *err);
bool shelf_is_written(const char *path); /* as shelf_has_writer() */
/** Remove the directory and what a shelf has in it. */
void shelf_remove(const char *path);

/** Borrowed until the next call. TRACER_E_NOT_FOUND leaves `err` alone; but for SHELF_ROW it may also be damage that hides it. */
TRACER_MUST_USE enum tracer_status shelf_get(struct shelf *shelf, enum shelf_table table, const void *key, size_t key_size,
                                             struct bytes *ret_value, struct error *err);
typedef enum tracer_status shelf_visit_fn(void *context, struct bytes key, struct bytes value, struct error *err);
/** In order; TRACER_E_DAMAGED: some are missing. */
TRACER_MUST_USE enum tracer_status shelf_each(struct shelf *shelf, enum shelf_table table, shelf_visit_fn *visit, void *context,
                                              struct error *err);
/** Does somebody have it open for writing? */
bool shelf_has_writer(const struct shelf *shelf);

#endif
