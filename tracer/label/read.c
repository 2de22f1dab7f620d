/* read.c - label files of the user and of others: our CSV (taint-spec 2.4 with optional columns). */
#include "set.h"

#include "tracer/clock.h"

enum {
    COLUMN_ADDRESS,
    COLUMN_CLASS,
    COLUMN_REQUIRED,
    COLUMN_EMIT = COLUMN_REQUIRED,
    COLUMN_NAME,
    COLUMN_CATEGORY,
    COLUMN_ENTITY,
    COLUMN_CHAIN,
    COLUMN_ORIGIN,
    COLUMN_CONFIDENCE,
    COLUMN_VALID_FROM,
    COLUMN_VALID_TO,
    COLUMN_COUNT
};
static const char *const columns[COLUMN_COUNT] = {"address",    "class",      "emit",    "name",
                                                  "category",   "entity",     "chain",   "origin",
                                                  "confidence", "valid_from", "valid_to"};
enum { TEXT_EMIT, TEXT_NAME, TEXT_CATEGORY, TEXT_ENTITY, TEXT_ORIGIN, TEXT_FROM, TEXT_TO, TEXT_COUNT };
_Static_assert((unsigned)TEXT_COUNT <= LABEL_TEXTS_KEPT, "one slot a text column");

struct label_row {
    struct csv *csv;
    struct csv_field *cells;
    struct label_adding *adding;
    struct error *err;
};

static enum tracer_status bad(const struct label_row *row, size_t column, const char *what)
{
    char shown[TRACER_QUOTED_MAX + 1];
    safe_text(shown, sizeof(shown), row->cells[column].text, row->cells[column].length);
    return csv_error(row->csv, column, row->err, "'%s' is not %s", shown, what);
}

static enum tracer_status read_text(const struct label_row *row, size_t column, size_t slot,
                                    const char **ret_text)
{
    struct csv_field cell = row->cells[column];
    if (cell.length && memchr(cell.text, '\0', cell.length))
        return csv_error(row->csv, column, row->err, "holds a NUL byte");
    *ret_text = label_text(&row->adding->texts, slot, cell.text, cell.length);
    return *ret_text ? TRACER_OK : error_set(row->err, TRACER_E_NOMEM, "no memory for a label's text");
}

static enum tracer_status read_date(const struct label_row *row, size_t column, size_t slot,
                                    const char **ret_text)
{
    struct csv_field cell = row->cells[column];
    uint64_t ignored;
    if (cell.length && (cell.length != 10 || !clock_parse_utc(cell.text, cell.length, &ignored)))
        return bad(row, column, "a date (YYYY-MM-DD)");
    return read_text(row, column, slot, ret_text);
}

static enum tracer_status read_emit(const struct label_row *row, struct label *claim)
{
    struct csv_field cell = row->cells[COLUMN_EMIT];
    char cleaned[TRACER_SOURCE_NAME_MAX + 1];
    if (cell.length && (claim->class_ == CLASS_NONE || claim->class_ == CLASS_VENUE))
        return csv_error(row->csv, COLUMN_EMIT, row->err, "only a service, mixer or bridge emits a source");
    if (cell.length > TRACER_SOURCE_NAME_MAX)
        return bad(row, COLUMN_EMIT, "a source name (at most 64 characters)");
    if (cell.length) {
        char given[TRACER_SOURCE_NAME_MAX + 1];
        memcpy(given, cell.text, cell.length);
        given[cell.length] = '\0';
        label_source_name("", given, cleaned);
        if (strlen(given) != cell.length || strcmp(given, cleaned) != 0 || csv_field_is(cell, "clean") ||
            csv_field_is(cell, "unknown"))
            return bad(row, COLUMN_EMIT, "a source name (A-Z a-z 0-9 _ . -, not 'clean' or 'unknown')");
    }
    return read_text(row, COLUMN_EMIT, TEXT_EMIT, &claim->emit);
}

static enum tracer_status read_confidence(const struct label_row *row, enum label_confidence *ret_confidence)
{
    struct csv_field cell = row->cells[COLUMN_CONFIDENCE];
    *ret_confidence = CONFIDENCE_MEDIUM;
    if (csv_field_is(cell, "high"))
        *ret_confidence = CONFIDENCE_HIGH;
    else if (csv_field_is(cell, "low"))
        *ret_confidence = CONFIDENCE_LOW;
    else if (cell.length && !csv_field_is(cell, "medium"))
        return bad(row, COLUMN_CONFIDENCE, "high, medium, low or empty");
    return TRACER_OK;
}

static enum tracer_status read_meaning(const struct label_row *row, struct label *claim)
{
    struct csv_field address = row->cells[COLUMN_ADDRESS], class_ = row->cells[COLUMN_CLASS];
    struct csv_field chain = row->cells[COLUMN_CHAIN];
    if (!address_parse(address.text, address.length, &claim->address))
        return bad(row, COLUMN_ADDRESS, "an address (0x and 40 hexadecimal digits)");
    if (class_.length && !label_class_parse(class_.text, class_.length, &claim->class_))
        return bad(row, COLUMN_CLASS, "service, mixer, bridge, venue or empty");
    if (claim->class_ != CLASS_NONE && address_is_void(claim->address))
        return csv_error(row->csv, COLUMN_ADDRESS, row->err, "void cannot have a class");
    if (chain.length && !csv_parse_u64(chain, UINT64_MAX, &claim->chain_id))
        return bad(row, COLUMN_CHAIN, "a chain id (a number; 0 or empty: all chains)");
    enum tracer_status status = read_emit(row, claim);
    return status ? status : read_confidence(row, &claim->confidence);
}

static enum tracer_status read_claim(const struct label_row *row, enum label_rank rank)
{
    struct label claim = {.rank = rank};
    enum tracer_status status = read_meaning(row, &claim);
    if (!status)
        status = read_text(row, COLUMN_NAME, TEXT_NAME, &claim.name);
    if (!status)
        status = read_text(row, COLUMN_CATEGORY, TEXT_CATEGORY, &claim.category);
    if (!status)
        status = read_text(row, COLUMN_ENTITY, TEXT_ENTITY, &claim.entity);
    if (!status)
        status = read_text(row, COLUMN_ORIGIN, TEXT_ORIGIN, &claim.origin);
    if (!status)
        status = read_date(row, COLUMN_VALID_FROM, TEXT_FROM, &claim.valid_from);
    if (!status)
        status = read_date(row, COLUMN_VALID_TO, TEXT_TO, &claim.valid_to);
    if (status)
        return status;
    return label_add_claim(row->adding, &claim, row->err);
}

/* Takes the reader over. The digest is the caller's, or else the file's. */
static enum tracer_status add_claims(struct label_set *set, const char *name, struct csv *csv, enum label_rank rank, const char *path,
                                     struct digest digest, struct error *err)
{
    struct label_adding adding;
    struct csv_field cells[COLUMN_COUNT];
    struct label_row row = {csv, cells, &adding, err};
    enum tracer_status status = label_add_begin(set, &adding, err);
    if (status) {
        csv_close(csv);
        return status;
    }
    while (!status) {
        status = csv_next(csv, cells, err);
        if (!status)
            status = read_claim(&row, rank);
    }
    csv_close(csv);
    status = status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
    if (!status && path)
        status = digest_file(path, &digest, err);
    return label_add_end(&adding, status, name, digest, err);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

enum tracer_status label_add_file(struct label_set *set, const char *path, enum label_rank rank,
                                  struct error *err)
{
    struct csv *csv = NULL;
    enum tracer_status status = csv_open(path, ',', columns, COLUMN_COUNT, COLUMN_REQUIRED, &csv, err);
    return status ? status : add_claims(set, base_name(path), csv, rank, path, (struct digest){{0}}, err);
}

enum tracer_status label_add_text(struct label_set *set, const char *name, const void *data, size_t size, enum label_rank rank,
                                  struct digest digest, struct error *err)
{
    struct csv *csv = NULL;
    enum tracer_status status =
        csv_open_memory(name, data, size, ',', columns, COLUMN_COUNT, COLUMN_REQUIRED, &csv, err);
    return status ? status : add_claims(set, name, csv, rank, NULL, digest, err);
}

enum tracer_status label_add_memory(struct label_set *set, const char *name, const void *data, size_t size,
                                    enum label_rank rank, struct error *err)
{
    return label_add_text(set, name, data, size, rank, digest_bytes(data, size), err);
}
