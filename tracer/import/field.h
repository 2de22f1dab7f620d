/* field.h - one cell of an input file to one value, strictly; a wrong one is named with file, line and
 * column. */
#ifndef TRACER_IMPORT_FIELD_H
#define TRACER_IMPORT_FIELD_H

#include "tracer/arena.h"
#include "tracer/csv.h"
#include "tracer/import.h"

/* A row being read: the reader, its cells, and where an error goes. */
struct field_row {
    struct csv *csv;
    struct csv_field *cells;
    struct error *err;
};

/** "'TEXT' is not WHAT" at the cell, as TRACER_E_USAGE. */
enum tracer_status field_bad(const struct field_row *row, size_t column, const char *what);

TRACER_MUST_USE enum tracer_status field_u64(const struct field_row *row, size_t column, uint64_t max,
                                             uint64_t *ret_value);
TRACER_MUST_USE enum tracer_status field_u32(const struct field_row *row, size_t column, uint32_t max,
                                             uint32_t *ret_value);
/** -1 .. 2147483647 */
TRACER_MUST_USE enum tracer_status field_transaction_index(const struct field_row *row, size_t column,
                                                           int32_t *ret_index);
TRACER_MUST_USE enum tracer_status field_amount(const struct field_row *row, size_t column,
                                                struct u256 *ret_amount);
TRACER_MUST_USE enum tracer_status field_address(const struct field_row *row, size_t column,
                                                 struct address *ret_address);
TRACER_MUST_USE enum tracer_status field_asset(const struct field_row *row, size_t column,
                                               struct asset *ret_asset);
/** A source name of taint-spec 2.4. */
TRACER_MUST_USE enum tracer_status field_source_name(const struct field_row *row, size_t column,
                                                     char to[static TRACER_SOURCE_NAME_MAX + 1]);
/** An error unless the cell is empty. */
TRACER_MUST_USE enum tracer_status field_empty(const struct field_row *row, size_t column,
                                               const char *because);
TRACER_MUST_USE enum tracer_status field_text(const struct field_row *row, size_t column, struct arena *arena,
                                              const char **ret_text);

/* Every small input is read the same way: `read` is called for each row with the element to fill (zeroed),
 * and the elements end in the arena. */
typedef enum tracer_status field_read_fn(const struct field_row *row, struct arena *arena, void *element);
struct field_table {
    const char *const *columns;
    size_t column_count; /* <= FIELD_COLUMNS_MAX */
    size_t required_count;
    size_t element_size;
    size_t rows_max;
    const char *rows_name; /* of the limit, for the message */
    field_read_fn *read;
    size_t unique_column; /* elements must differ by `compare`; the column to name */
    int (*compare)(const void *a, const void *b);
};
#define FIELD_COLUMNS_MAX 16u

TRACER_MUST_USE enum tracer_status field_read_table(const struct field_table *table,
                                                    struct import_source source, struct arena *arena,
                                                    void **ret_elements, size_t *ret_count,
                                                    struct error *err);

#endif
