/* field.c - cells to values, and the loop that all small inputs share. */
#include "field.h"

#include <stdlib.h>

enum tracer_status field_bad(const struct field_row *row, size_t column, const char *what)
{
    char shown[TRACER_QUOTED_MAX + 1];
    struct csv_field cell = row->cells[column];
    safe_text(shown, sizeof(shown), cell.text, cell.length);
    return csv_error(row->csv, column, row->err, "'%s' is not %s", shown, what);
}

enum tracer_status field_u64(const struct field_row *row, size_t column, uint64_t max, uint64_t *ret_value)
{
    char what[64];
    if (csv_parse_u64(row->cells[column], max, ret_value))
        return TRACER_OK;
    snprintf(what, sizeof(what), "a number from 0 to %llu", (unsigned long long)max);
    return field_bad(row, column, what);
}

enum tracer_status field_u32(const struct field_row *row, size_t column, uint32_t max, uint32_t *ret_value)
{
    uint64_t value = 0;
    enum tracer_status status = field_u64(row, column, max, &value);
    if (!status)
        *ret_value = (uint32_t)value;
    return status;
}

enum tracer_status field_transaction_index(const struct field_row *row, size_t column, int32_t *ret_index)
{
    uint64_t value = 0;
    if (csv_field_is(row->cells[column], "-1")) {
        *ret_index = TRANSACTION_BEFORE;
        return TRACER_OK;
    }
    if (!csv_parse_u64(row->cells[column], TRANSACTION_AFTER, &value))
        return field_bad(row, column, "-1 or a number from 0 to 2147483647");
    *ret_index = (int32_t)value;
    return TRACER_OK;
}

enum tracer_status field_amount(const struct field_row *row, size_t column, struct u256 *ret_amount)
{
    struct csv_field cell = row->cells[column];
    if (u256_parse_decimal(cell.text, cell.length, ret_amount))
        return TRACER_OK;
    return field_bad(row, column, "a decimal number below 2^256");
}

enum tracer_status field_address(const struct field_row *row, size_t column, struct address *ret_address)
{
    struct csv_field cell = row->cells[column];
    if (address_parse(cell.text, cell.length, ret_address))
        return TRACER_OK;
    return field_bad(row, column, "an address (0x and 40 hexadecimal digits)");
}

enum tracer_status field_asset(const struct field_row *row, size_t column, struct asset *ret_asset)
{
    struct csv_field cell = row->cells[column];
    if (asset_parse(cell.text, cell.length, ret_asset))
        return TRACER_OK;
    return field_bad(row, column, "an asset ('native', a token contract, or contract/id)");
}

static bool is_source_name(struct csv_field cell)
{
    if (cell.length == 0 || cell.length > TRACER_SOURCE_NAME_MAX || csv_field_is(cell, "clean") ||
        csv_field_is(cell, "unknown"))
        return false;
    for (size_t i = 0; i < cell.length; i++) {
        char c = cell.text[i];
        bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
                  c == '.' || c == '-';
        if (!ok)
            return false;
    }
    return true;
}

enum tracer_status field_source_name(const struct field_row *row, size_t column,
                                     char to[static TRACER_SOURCE_NAME_MAX + 1])
{
    struct csv_field cell = row->cells[column];
    if (!is_source_name(cell))
        return field_bad(row, column,
                         "a source name (1 to 64 of A-Z a-z 0-9 _ . -, not 'clean' or 'unknown')");
    memcpy(to, cell.text, cell.length);
    to[cell.length] = '\0';
    return TRACER_OK;
}

enum tracer_status field_empty(const struct field_row *row, size_t column, const char *because)
{
    if (row->cells[column].length == 0)
        return TRACER_OK;
    return csv_error(row->csv, column, row->err, "must be empty: %s", because);
}

enum tracer_status field_text(const struct field_row *row, size_t column, struct arena *arena,
                              const char **ret_text)
{
    struct csv_field cell = row->cells[column];
    if (cell.length && memchr(cell.text, '\0', cell.length))
        return csv_error(row->csv, column, row->err, "holds a NUL byte");
    *ret_text = arena_text(arena, cell.text ? cell.text : "", cell.length);
    return *ret_text ? TRACER_OK : error_set(row->err, TRACER_E_NOMEM, "no memory for a text");
}

/* The elements while their number is not known; `lines` beside them for messages. */
struct growing {
    char *elements;
    uint64_t *lines;
    size_t count, capacity;
};

static bool growing_room(struct growing *growing, size_t element_size)
{
    if (growing->count < growing->capacity)
        return true;
    size_t capacity = growing->capacity ? growing->capacity * 2 : 64;
    char *elements = realloc(growing->elements, capacity * element_size);
    if (!elements)
        return false;
    growing->elements = elements;
    uint64_t *lines = realloc(growing->lines, capacity * sizeof(*lines));
    if (!lines)
        return false;
    growing->lines = lines;
    growing->capacity = capacity;
    return true;
}

static enum tracer_status read_rows(const struct field_table *table, const struct field_row *row,
                                    struct arena *arena, struct growing *growing)
{
    for (;;) {
        enum tracer_status status = csv_next(row->csv, row->cells, row->err);
        if (status == TRACER_E_NOT_FOUND)
            return TRACER_OK;
        if (status)
            return status;
        if (growing->count >= table->rows_max)
            return error_set(row->err, TRACER_E_LIMIT, "line %llu: more than %zu rows (%s)",
                             (unsigned long long)csv_line(row->csv), table->rows_max, table->rows_name);
        if (!growing_room(growing, table->element_size))
            return error_set(row->err, TRACER_E_NOMEM, "no memory for %zu rows", growing->count + 1);
        char *element = growing->elements + growing->count * table->element_size;
        memset(element, 0, table->element_size);
        status = table->read(row, arena, element);
        if (status)
            return status;
        growing->lines[growing->count++] = csv_line(row->csv);
    }
}

struct unique_context { /* an element to sort by, with its place */
    const char *element;
    uint64_t line;
    int (*compare)(const void *a, const void *b);
};

static int unique_compare(const void *a, const void *b)
{
    const struct unique_context *x = a, *y = b;
    int order = x->compare(x->element, y->element);
    if (order)
        return order;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* The first line (in file order) that repeats an earlier one is the error. */
static enum tracer_status check_unique(const struct field_table *table, const char *name,
                                       const struct growing *growing, struct error *err)
{
    if (!table->compare || growing->count < 2)
        return TRACER_OK;
    struct unique_context *sorted = malloc(growing->count * sizeof(*sorted));
    if (!sorted)
        return error_set(err, TRACER_E_NOMEM, "no memory to compare %zu rows", growing->count);
    for (size_t i = 0; i < growing->count; i++)
        sorted[i] = (struct unique_context){growing->elements + i * table->element_size, growing->lines[i],
                                            table->compare};
    qsort(sorted, growing->count, sizeof(*sorted), unique_compare);
    uint64_t line = 0, first = 0;
    for (size_t i = 1; i < growing->count; i++)
        if (table->compare(sorted[i - 1].element, sorted[i].element) == 0 &&
            (!line || sorted[i].line < line)) {
            line = sorted[i].line;
            first = sorted[i - 1].line;
        }
    free(sorted);
    if (!line)
        return TRACER_OK;
    char shown[TRACER_QUOTED_MAX + 1];
    safe_text(shown, sizeof(shown), name, strlen(name));
    return error_set(err, TRACER_E_USAGE, "%s:%llu: column %s: the same as on line %llu (one row each)",
                     shown, (unsigned long long)line, table->columns[table->unique_column],
                     (unsigned long long)first);
}

enum tracer_status field_read_table(const struct field_table *table, struct import_source source,
                                    struct arena *arena, void **ret_elements, size_t *ret_count,
                                    struct error *err)
{
    struct csv_field cells[FIELD_COLUMNS_MAX];
    struct growing growing = {0};
    struct field_row row = {NULL, cells, err};
    enum tracer_status status =
        source.data ? csv_open_memory(source.path, source.data, source.size, ',', table->columns,
                                      table->column_count, table->required_count, &row.csv, err)
                    : csv_open(source.path, ',', table->columns, table->column_count, table->required_count,
                               &row.csv, err);
    if (status)
        return status;
    status = read_rows(table, &row, arena, &growing);
    if (!status)
        status = check_unique(table, source.path, &growing, err);
    if (!status) {
        void *elements =
            arena_copy(arena, growing.elements ? growing.elements : "", growing.count * table->element_size);
        if (elements) {
            *ret_elements = elements;
            *ret_count = growing.count;
        } else {
            status = error_set(err, TRACER_E_NOMEM, "no memory for %zu rows", growing.count);
        }
    }
    free(growing.elements);
    free(growing.lines);
    csv_close(row.csv);
    return status;
}
