/* transfers.c - reading transfers.csv (taint-spec 2.2) with our optional columns, and giving its rows out
 * again as a cursor or as blocks. */
#include "tracer/import.h"

#include "field.h"
#include "rows.h"

#include <stdlib.h>

enum {
    COLUMN_BLOCK,
    COLUMN_TXI,
    COLUMN_IDX,
    COLUMN_KIND,
    COLUMN_ASSET,
    COLUMN_FROM,
    COLUMN_TO,
    COLUMN_AMOUNT,
    COLUMN_REQUIRED,
    COLUMN_LINK = COLUMN_REQUIRED,
    COLUMN_LEG,
    COLUMN_TIME,
    COLUMN_HASH,
    COLUMN_NUMBER,
    COLUMN_GRADE,
    COLUMN_LOG_INDEX,
    COLUMN_SENDER,
    COLUMN_STATUS,
    COLUMN_COUNT
};
static const char *const transfer_columns[COLUMN_COUNT] = {
    "block",        "txi",    "idx",       "kind",   "asset", "from",
    "to",           "amount", "link",      "leg",    "time",  "transaction_hash",
    "block_number", "grade",  "log_index", "sender", "status"};

/* The file while it is read: what the last row was. */
struct reading {
    struct import *import;
    struct field_row row;
    bool has_previous;
    struct position previous;
    uint64_t time;                  /* of the current block */
    struct transaction transaction; /* being collected; its rows follow each other */
    bool has_column[COLUMN_COUNT];
};

static enum tracer_status no_memory(const struct reading *reading)
{
    return error_set(reading->row.err, TRACER_E_NOMEM,
                     "no memory for row %llu, or more than 2^31 accounts or assets",
                     (unsigned long long)reading->import->rows.count + 1);
}

static enum tracer_status read_key(const struct reading *reading, struct position *ret_position)
{
    const struct field_row *row = &reading->row;
    struct position position = {0};
    enum tracer_status status = field_u64(row, COLUMN_BLOCK, INT64_MAX, &position.block_number);
    if (!status)
        status = field_transaction_index(row, COLUMN_TXI, &position.transaction_index);
    if (!status)
        status = field_u32(row, COLUMN_IDX, INT32_MAX, &position.index);
    if (status)
        return status;
    if (reading->has_previous && position_compare(reading->previous, position) >= 0) {
        char before[POSITION_TEXT_SIZE], now[POSITION_TEXT_SIZE];
        position_format(reading->previous, before);
        position_format(position, now);
        return csv_error(row->csv, COLUMN_BLOCK, row->err,
                         "key %s does not come after %s (keys strictly increase)", now, before);
    }
    *ret_position = position;
    return TRACER_OK;
}

/* Kinds that say which side is void (2.2). */
static enum tracer_status check_sides(const struct field_row *row, enum transfer_kind kind, bool from_void,
                                      bool to_void)
{
    if ((kind == TRANSFER_REWARD || kind == TRANSFER_OPENING) && (!from_void || to_void))
        return csv_error(row->csv, from_void ? COLUMN_TO : COLUMN_FROM, row->err,
                         "kind %s goes from void to an account", transfer_kind_name(kind));
    if (kind == TRANSFER_ADJUST && from_void == to_void)
        return csv_error(row->csv, COLUMN_FROM, row->err, "kind adjust has void on exactly one side");
    return TRACER_OK;
}

static enum tracer_status read_movement(struct reading *reading, struct row *ret_row)
{
    const struct field_row *row = &reading->row;
    struct rows *rows = &reading->import->rows;
    struct address from, to;
    struct asset asset;
    struct csv_field kind = row->cells[COLUMN_KIND];
    if (!transfer_kind_parse(kind.text, kind.length, &ret_row->kind))
        return field_bad(row, COLUMN_KIND, "value, internal, token, reward, fee, opening or adjust");
    enum tracer_status status = field_asset(row, COLUMN_ASSET, &asset);
    if (!status)
        status = field_address(row, COLUMN_FROM, &from);
    if (!status)
        status = field_address(row, COLUMN_TO, &to);
    if (!status)
        status = field_amount(row, COLUMN_AMOUNT, &ret_row->amount);
    if (!status)
        status = check_sides(row, ret_row->kind, address_is_void(from), address_is_void(to));
    if (status)
        return status;
    ret_row->asset = asset_ids_put(&rows->assets, &asset);
    ret_row->from = address_ids_put(&rows->accounts, from);
    ret_row->to = address_ids_put(&rows->accounts, to);
    if (ret_row->asset == ID_FAILED || ret_row->from == ID_FAILED || ret_row->to == ID_FAILED)
        return no_memory(reading);
    return TRACER_OK;
}

static enum tracer_status read_leg(const struct field_row *row, struct row *ret_row)
{
    struct csv_field leg = row->cells[COLUMN_LEG];
    if (row->cells[COLUMN_LINK].length) {
        enum tracer_status status = field_u32(row, COLUMN_LINK, INT32_MAX, &ret_row->link);
        if (status)
            return status;
    }
    if (csv_field_is(leg, "in"))
        ret_row->leg = LEG_IN;
    else if (csv_field_is(leg, "out"))
        ret_row->leg = LEG_OUT;
    else if (leg.length)
        return field_bad(row, COLUMN_LEG, "in, out or empty");
    if (ret_row->link && ret_row->leg == LEG_NONE)
        return csv_error(row->csv, COLUMN_LEG, row->err, "link %u needs leg in or out",
                         (unsigned)ret_row->link);
    if (!ret_row->link && ret_row->leg != LEG_NONE)
        return csv_error(row->csv, COLUMN_LINK, row->err, "a leg needs a link");
    return TRACER_OK;
}

/* One time a block: each of its rows gives the same or none. */
static enum tracer_status read_time(struct reading *reading, struct position position)
{
    const struct field_row *row = &reading->row;
    bool new_block = !reading->has_previous || reading->previous.block_number != position.block_number;
    uint64_t time = 0;
    if (!reading->has_column[COLUMN_TIME])
        return TRACER_OK;
    if (row->cells[COLUMN_TIME].length) {
        enum tracer_status status = field_u64(row, COLUMN_TIME, INT64_MAX, &time);
        if (status)
            return status;
    }
    if (time != position.block_number)
        reading->import->time_keys = false;
    if (new_block) {
        reading->time = time;
        return import_rows_add_time(&reading->import->rows, time) ? TRACER_OK : no_memory(reading);
    }
    if (time != reading->time)
        return csv_error(row->csv, COLUMN_TIME, row->err, "differs from the row before in the same block");
    return TRACER_OK;
}

/* What the row says of its transaction. Imported facts are asserted at best (architecture 11). */
static enum tracer_status read_facts(const struct field_row *row, struct transaction *ret_facts)
{
    struct transaction facts = {.status = TRANSACTION_STATUS_UNKNOWN, .grade = GRADE_ASSERTED};
    struct csv_field hash = row->cells[COLUMN_HASH], grade = row->cells[COLUMN_GRADE];
    struct csv_field state = row->cells[COLUMN_STATUS];
    enum tracer_status status = TRACER_OK;
    if (hash.length && !hash_parse(hash.text, hash.length, &facts.hash))
        return field_bad(row, COLUMN_HASH, "a hash (0x and 64 hexadecimal digits)");
    if (row->cells[COLUMN_NUMBER].length)
        status = field_u64(row, COLUMN_NUMBER, INT64_MAX, &facts.true_block_number);
    if (!status && row->cells[COLUMN_SENDER].length)
        status = field_address(row, COLUMN_SENDER, &facts.sender);
    if (status)
        return status;
    if (grade.length && !grade_parse(grade.text, grade.length, &facts.grade))
        return field_bad(row, COLUMN_GRADE, "proven, linked, single, asserted or inferred");
    if (facts.grade < GRADE_ASSERTED)
        facts.grade = GRADE_ASSERTED;
    if (csv_field_is(state, "1"))
        facts.status = TRANSACTION_SUCCEEDED;
    else if (csv_field_is(state, "0"))
        facts.status = TRANSACTION_FAILED;
    else if (state.length)
        return field_bad(row, COLUMN_STATUS, "1 (succeeded), 0 (failed) or empty");
    *ret_facts = facts;
    return TRACER_OK;
}

/* Rows of one transaction may leave a fact out, but not contradict each other; the weakest grade holds for
 * all. */
static enum tracer_status merge_facts(const struct field_row *row, struct transaction *all,
                                      const struct transaction *facts)
{
    static const char differs[] = "differs from the row before in the same transaction";
    if (!hash_is_zero(facts->hash)) {
        if (!hash_is_zero(all->hash) && !hash_equal(all->hash, facts->hash))
            return csv_error(row->csv, COLUMN_HASH, row->err, "%s", differs);
        all->hash = facts->hash;
    }
    if (facts->true_block_number) {
        if (all->true_block_number && all->true_block_number != facts->true_block_number)
            return csv_error(row->csv, COLUMN_NUMBER, row->err, "%s", differs);
        all->true_block_number = facts->true_block_number;
    }
    if (!address_is_void(facts->sender)) {
        if (!address_is_void(all->sender) && !address_equal(all->sender, facts->sender))
            return csv_error(row->csv, COLUMN_SENDER, row->err, "%s", differs);
        all->sender = facts->sender;
    }
    if (facts->status != TRANSACTION_STATUS_UNKNOWN) {
        if (all->status != TRANSACTION_STATUS_UNKNOWN && all->status != facts->status)
            return csv_error(row->csv, COLUMN_STATUS, row->err, "%s", differs);
        all->status = facts->status;
    }
    if (facts->grade > all->grade)
        all->grade = facts->grade;
    return TRACER_OK;
}

static enum tracer_status read_transaction(struct reading *reading, struct position position)
{
    struct rows *rows = &reading->import->rows;
    struct transaction facts;
    if (!rows->has_transactions)
        return TRACER_OK;
    enum tracer_status status = read_facts(&reading->row, &facts);
    if (status)
        return status;
    if (!reading->has_previous || !position_same_transaction(reading->previous, position)) {
        reading->transaction = facts;
        if (!import_rows_add_transaction(rows, &facts, reading->has_column[COLUMN_HASH],
                                         reading->has_column[COLUMN_SENDER],
                                         reading->has_column[COLUMN_NUMBER]))
            return no_memory(reading);
        return TRACER_OK;
    }
    status = merge_facts(&reading->row, &reading->transaction, &facts);
    if (!status)
        import_rows_set_transaction(rows, rows->transactions.count - 1, &reading->transaction);
    return status;
}

static enum tracer_status read_row(struct reading *reading)
{
    struct row row = {.log_index = LOG_INDEX_NONE};
    enum tracer_status status = read_key(reading, &row.position);
    if (!status)
        status = read_movement(reading, &row);
    if (!status)
        status = read_leg(&reading->row, &row);
    if (!status && reading->row.cells[COLUMN_LOG_INDEX].length)
        status = field_u32(&reading->row, COLUMN_LOG_INDEX, LOG_INDEX_NONE - 1, &row.log_index);
    if (!status)
        status = read_time(reading, row.position);
    if (!status)
        status = read_transaction(reading, row.position);
    if (status)
        return status;
    if (!import_rows_add(&reading->import->rows, &row))
        return no_memory(reading);
    reading->previous = row.position;
    reading->has_previous = true;
    return TRACER_OK;
}

/* Takes the reader over. */
static enum tracer_status read_all(struct import *import, struct csv *csv, struct error *err)
{
    struct csv_field cells[COLUMN_COUNT];
    struct reading reading = {.import = import, .row = {csv, cells, err}};
    struct rows *rows = &import->rows;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        reading.has_column[i] = csv_has_column(csv, i);
    rows->has_times = reading.has_column[COLUMN_TIME];
    rows->has_transactions = reading.has_column[COLUMN_HASH] || reading.has_column[COLUMN_NUMBER] ||
                             reading.has_column[COLUMN_GRADE] || reading.has_column[COLUMN_SENDER] ||
                             reading.has_column[COLUMN_STATUS];
    import->time_keys = rows->has_times && reading.has_column[COLUMN_NUMBER];
    if (!address_ids_init(&rows->accounts) || !asset_ids_init(&rows->assets))
        status = error_set(err, TRACER_E_NOMEM, "no memory to read transfers");
    while (!status) {
        status = csv_next(csv, cells, err);
        if (!status)
            status = read_row(&reading);
    }
    csv_close(csv);
    if (status != TRACER_E_NOT_FOUND)
        return status;
    if (rows->count == 0)
        import->time_keys = false;
    return TRACER_OK;
}

static enum tracer_status import_new(struct import **ret_import, struct error *err)
{
    *ret_import = calloc(1, sizeof(**ret_import));
    if (!*ret_import)
        return error_set(err, TRACER_E_NOMEM, "no memory to read transfers");
    import_rows_init(&(*ret_import)->rows);
    return TRACER_OK;
}

enum tracer_status import_open(const char *path, struct import **ret_import, struct error *err)
{
    struct import *import = NULL;
    struct csv *csv = NULL;
    enum tracer_status status = import_new(&import, err);
    if (!status)
        status = csv_open(path, ',', transfer_columns, COLUMN_COUNT, COLUMN_REQUIRED, &csv, err);
    if (!status)
        status = read_all(import, csv, err);
    if (!status)
        status = digest_file(path, &import->digest, err);
    if (status) {
        import_close(import);
        return status;
    }
    *ret_import = import;
    return TRACER_OK;
}

enum tracer_status import_open_memory(const char *name, const void *data, size_t size,
                                      struct import **ret_import, struct error *err)
{
    struct import *import = NULL;
    struct csv *csv = NULL;
    enum tracer_status status = import_new(&import, err);
    if (!status)
        status = csv_open_memory(name, data, size, ',', transfer_columns, COLUMN_COUNT, COLUMN_REQUIRED, &csv,
                                 err);
    if (!status)
        status = read_all(import, csv, err);
    if (status) {
        import_close(import);
        return status;
    }
    import->digest = digest_bytes(data, size);
    *ret_import = import;
    return TRACER_OK;
}

void import_close(struct import *import)
{
    if (!import)
        return;
    import_rows_release(&import->rows);
    free(import);
}

struct digest import_digest(const struct import *import)
{
    return import->digest;
}

uint64_t import_row_count(const struct import *import)
{
    return import->rows.count;
}

bool import_has_time_keys(const struct import *import)
{
    return import->time_keys;
}
