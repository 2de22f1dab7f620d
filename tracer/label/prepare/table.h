/* table.h - reading a table of fixtures/registry by column name. Every failure names table, line and column. */
#ifndef TRACER_LABEL_TABLE_H
#define TRACER_LABEL_TABLE_H

#include "prepare.h"

#include "tracer/csv.h"

#define TABLE_COLUMNS_MAX 16u

struct table_row {
    struct csv *csv;
    struct csv_field *cells;
    struct error *err;
};
typedef enum tracer_status table_row_fn(const struct table_row *row, void *context);

/** All columns are required. */
TRACER_MUST_USE enum tracer_status table_read(const char *path, const char *const *columns, size_t column_count,
                                              table_row_fn *read, void *context, struct error *err);
enum tracer_status table_bad(const struct table_row *row, size_t column);
TRACER_MUST_USE enum tracer_status table_u64(const struct table_row *row, size_t column, uint64_t *ret_value);
TRACER_MUST_USE enum tracer_status table_address(const struct table_row *row, size_t column,
                                                 struct address *ret_address);
TRACER_MUST_USE enum tracer_status table_text(const struct table_row *row, size_t column,
                                              struct label_texts *texts, size_t slot, const char **ret_text);
/** A chain id, or a ledger's short name; *ret_is_evm false: a ledger without EVM addresses. */
TRACER_MUST_USE enum tracer_status table_chain(const struct table_row *row, size_t column,
                                               uint64_t *ret_chain_id, bool *ret_is_evm);
bool table_chain_parse(const char *text, size_t length, uint64_t *ret_chain_id, bool *ret_is_evm);

#endif
