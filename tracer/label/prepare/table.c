/* table.c - the loop over a table, and its cells. */
#include "table.h"

enum tracer_status table_read(const char *path, const char *const *columns, size_t column_count, table_row_fn *read,
                              void *context, struct error *err)
{
    struct csv_field cells[TABLE_COLUMNS_MAX];
    struct table_row row = {NULL, cells, err};
    char separator = strcmp(path + strlen(path) - 4, ".csv") == 0 ? ',' : '\t';
    enum tracer_status status = csv_open(path, separator, columns, column_count, column_count, &row.csv, err);
    while (!status) {
        status = csv_next(row.csv, cells, err);
        if (!status)
            status = read(&row, context);
    }
    csv_close(row.csv);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

enum tracer_status table_bad(const struct table_row *row, size_t column)
{
    char shown[TRACER_QUOTED_MAX + 1];
    safe_text(shown, sizeof(shown), row->cells[column].text, row->cells[column].length);
    return csv_error(row->csv, column, row->err, "'%s' is not understood", shown);
}

enum tracer_status table_u64(const struct table_row *row, size_t column, uint64_t *ret_value)
{
    return csv_parse_u64(row->cells[column], UINT64_MAX, ret_value) ? TRACER_OK : table_bad(row, column);
}

enum tracer_status table_address(const struct table_row *row, size_t column, struct address *ret_address)
{
    struct csv_field cell = row->cells[column];
    return address_parse(cell.text, cell.length, ret_address) ? TRACER_OK : table_bad(row, column);
}

enum tracer_status table_text(const struct table_row *row, size_t column, struct label_texts *texts,
                              size_t slot, const char **ret_text)
{
    struct csv_field cell = row->cells[column];
    *ret_text = label_text(texts, slot, cell.text, cell.length);
    return *ret_text ? TRACER_OK : error_set(row->err, TRACER_E_NOMEM, "no memory for the registry");
}

bool table_chain_parse(const char *text, size_t length, uint64_t *ret_chain_id, bool *ret_is_evm)
{
    static const struct {
        const char *name;
        uint64_t chain_id; /* 0: no EVM */
    } ledgers[] = {{"eth", 1},     {"arb", 42161},  {"op", 10},   {"bsc", 56},     {"pol", 137},
                   {"base", 8453}, {"ronin", 2020}, {"ftm", 250}, {"avax", 43114}, {"gnosis", 100},
                   {"btc", 0},     {"trx", 0},      {"ltc", 0},   {"xrp", 0},      {"sol", 0},
                   {"sui", 0},     {"algo", 0},     {"doge", 0},  {"bch", 0}};
    if (csv_parse_u64((struct csv_field){text, length}, UINT64_MAX, ret_chain_id)) {
        *ret_is_evm = true;
        return true;
    }
    for (size_t i = 0; i < sizeof(ledgers) / sizeof(ledgers[0]); i++) {
        size_t at = 0;
        while (at < length && (text[at] | 0x20) == ledgers[i].name[at])
            at++;
        if (at == length && ledgers[i].name[at] == '\0' && length > 0) {
            *ret_chain_id = ledgers[i].chain_id;
            *ret_is_evm = ledgers[i].chain_id != 0;
            return true;
        }
    }
    return false;
}

enum tracer_status table_chain(const struct table_row *row, size_t column, uint64_t *ret_chain_id,
                               bool *ret_is_evm)
{
    struct csv_field cell = row->cells[column];
    return table_chain_parse(cell.text, cell.length, ret_chain_id, ret_is_evm) ? TRACER_OK
                                                                               : table_bad(row, column);
}
