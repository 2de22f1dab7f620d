/* import.h - foreign rows in and out: the CSV files of taint-spec 2, with our optional columns. */
#ifndef TRACER_IMPORT_H
#define TRACER_IMPORT_H

#include <stdio.h>

#include "tracer/arena.h"
#include "tracer/block.h"
#include "tracer/cursor.h"
#include "tracer/digest.h"
#include "tracer/input.h"

/* transfers.csv: columns of 2.2, and optionally time, transaction_hash, block_number, grade, log_index,
 * sender, status. The whole file is read and checked (TRACER_E_USAGE names file, line and column). */
struct import;

TRACER_MUST_USE enum tracer_status import_open(const char *path, struct import **ret_import,
                                               struct error *err);
TRACER_MUST_USE enum tracer_status import_open_memory(const char *name, const void *data, size_t size,
                                                      struct import **ret_import, struct error *err);
void import_close(struct import *import); /* NULL is fine */
struct digest import_digest(const struct import *import);
uint64_t import_row_count(const struct import *import);
/** True: the file has true block numbers beside keys that are times (columns time and block_number are
 * there and every `block` equals its row's time). */
bool import_has_time_keys(const struct import *import);
/** Rows as the engine reads them. The import outlives the cursor. */
TRACER_MUST_USE enum tracer_status import_cursor(struct import *import, struct cursor *ret_cursor,
                                                 struct error *err);
/** The same rows as blocks for a store, in order; borrowed until `put` returns. */
typedef enum tracer_status import_block_fn(void *context, const struct block *block, struct error *err);
TRACER_MUST_USE enum tracer_status import_each_block(struct import *import, uint64_t chain_id,
                                                     import_block_fn *put, void *context, struct error *err);

/* The other inputs; arrays in the arena. `data` NULL: read the file `path`; else parse the memory and use
 * `path` as its name in messages. */
struct import_source {
    const char *path;
    const void *data;
    size_t size;
};
TRACER_MUST_USE enum tracer_status import_seeds(struct import_source source, struct arena *arena,
                                                struct taint_seed **ret_seeds, size_t *ret_count,
                                                struct error *err);
TRACER_MUST_USE enum tracer_status import_labels(struct import_source source, struct arena *arena,
                                                 struct taint_label **ret_labels, size_t *ret_count,
                                                 struct error *err);
struct import_asset { /* a row of assets.csv with our optional columns symbol and chain */
    struct taint_asset asset;
    char symbol[TRACER_SYMBOL_SHOWN_MAX + 1]; /* made safe; "" unknown */
    uint64_t chain_id;                        /* 0: all */
};
TRACER_MUST_USE enum tracer_status import_assets(struct import_source source, struct arena *arena,
                                                 struct import_asset **ret_assets, size_t *ret_count,
                                                 struct error *err);
/** Addresses separated by white space. */
TRACER_MUST_USE enum tracer_status import_explored(struct import_source source, struct arena *arena,
                                                   struct address **ret_addresses, size_t *ret_count,
                                                   struct error *err);
/** coverage.csv: account,from,to,what,method,cross_check,gap. */
struct import_coverage {
    struct address account;
    uint64_t first, last;
    const char *what, *method, *cross_check, *gap;
};
TRACER_MUST_USE enum tracer_status import_coverage(struct import_source source, struct arena *arena,
                                                   struct import_coverage **ret_rows, size_t *ret_count,
                                                   struct error *err);

/* transfers.csv out: columns of 2.2, then time,transaction_hash,block_number,grade,log_index. */
enum tracer_status export_header(FILE *stream, struct error *err);
/** `transaction` may be NULL (rows outside transactions). Write errors are TRACER_E_IO. */
enum tracer_status export_transfer(FILE *stream, const struct transfer *transfer,
                                   const struct transaction *transaction, const struct block *block,
                                   struct error *err);

#endif
