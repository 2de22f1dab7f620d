/* inputs.c - seeds, labels, assets, explored set and coverage: the small files beside transfers.csv. */
#include "tracer/import.h"

#include "tracer/file.h"
#include "field.h"
#include "tracer/result.h"

/* seeds.csv */
enum { SEED_SOURCE, SEED_KIND, SEED_BLOCK, SEED_ADDRESS, SEED_TXI, SEED_IDX, SEED_AMOUNT, SEED_COLUMNS };
static const char *const seed_columns[SEED_COLUMNS] = {"source", "kind", "block", "address",
                                                       "txi",    "idx",  "amount"};

static enum tracer_status read_address_seed(const struct field_row *row, struct taint_seed *seed)
{
    static const char because[] = "an address seed has only address and block";
    enum tracer_status status = field_address(row, SEED_ADDRESS, &seed->address);
    if (!status)
        status = field_u64(row, SEED_BLOCK, INT64_MAX, &seed->block_number);
    if (!status)
        status = field_empty(row, SEED_TXI, because);
    if (!status)
        status = field_empty(row, SEED_IDX, because);
    if (!status)
        status = field_empty(row, SEED_AMOUNT, because);
    seed->is_address = true;
    return status;
}

static enum tracer_status read_transfer_seed(const struct field_row *row, struct taint_seed *seed)
{
    enum tracer_status status =
        field_empty(row, SEED_ADDRESS, "a transfer seed is named by block, txi and idx");
    if (!status)
        status = field_u64(row, SEED_BLOCK, INT64_MAX, &seed->position.block_number);
    if (!status)
        status = field_transaction_index(row, SEED_TXI, &seed->position.transaction_index);
    if (!status)
        status = field_u32(row, SEED_IDX, INT32_MAX, &seed->position.index);
    seed->has_amount = row->cells[SEED_AMOUNT].length > 0;
    if (!status && seed->has_amount)
        status = field_amount(row, SEED_AMOUNT, &seed->amount);
    return status;
}

static enum tracer_status read_seed(const struct field_row *row, struct arena *arena, void *element)
{
    (void)arena;
    struct taint_seed *seed = element;
    enum tracer_status status = field_source_name(row, SEED_SOURCE, seed->source);
    if (status)
        return status;
    if (csv_field_is(row->cells[SEED_KIND], "address"))
        return read_address_seed(row, seed);
    if (csv_field_is(row->cells[SEED_KIND], "transfer"))
        return read_transfer_seed(row, seed);
    return field_bad(row, SEED_KIND, "'transfer' or 'address'");
}

enum tracer_status import_seeds(struct import_source source, struct arena *arena,
                                struct taint_seed **ret_seeds, size_t *ret_count, struct error *err)
{
    static const struct field_table table = {seed_columns,
                                             SEED_COLUMNS,
                                             SEED_ADDRESS,
                                             sizeof(struct taint_seed),
                                             TRACER_SEEDS_MAX,
                                             "TRACER_SEEDS_MAX",
                                             read_seed,
                                             0,
                                             NULL};
    void *elements = NULL;
    enum tracer_status status = field_read_table(&table, source, arena, &elements, ret_count, err);
    if (!status)
        *ret_seeds = elements;
    return status;
}

/* labels.csv, the spec's form */
enum { LABEL_ADDRESS, LABEL_CLASS, LABEL_EMIT, LABEL_COLUMNS };
static const char *const label_columns[LABEL_COLUMNS] = {"address", "class", "emit"};

static enum tracer_status read_label(const struct field_row *row, struct arena *arena, void *element)
{
    struct taint_label *label = element;
    char emit[TRACER_SOURCE_NAME_MAX + 1];
    struct csv_field cell = row->cells[LABEL_CLASS];
    enum tracer_status status = field_address(row, LABEL_ADDRESS, &label->address);
    if (status)
        return status;
    if (address_is_void(label->address))
        return csv_error(row->csv, LABEL_ADDRESS, row->err, "void cannot be labelled");
    if (!label_class_parse(cell.text, cell.length, &label->class_) || label->class_ == CLASS_NONE)
        return field_bad(row, LABEL_CLASS, "service, mixer, bridge or venue");
    label->emit = "";
    if (row->cells[LABEL_EMIT].length == 0)
        return TRACER_OK;
    if (label->class_ == CLASS_VENUE)
        return field_empty(row, LABEL_EMIT, "a venue emits no source");
    if ((status = field_source_name(row, LABEL_EMIT, emit)))
        return status;
    label->emit = arena_text(arena, emit, strlen(emit));
    return label->emit ? TRACER_OK : error_set(row->err, TRACER_E_NOMEM, "no memory");
}

static int label_order(const void *a, const void *b)
{
    return address_compare(((const struct taint_label *)a)->address,
                           ((const struct taint_label *)b)->address);
}

enum tracer_status import_labels(struct import_source source, struct arena *arena,
                                 struct taint_label **ret_labels, size_t *ret_count, struct error *err)
{
    static const struct field_table table = {
        label_columns,     LABEL_COLUMNS,       LABEL_EMIT, sizeof(struct taint_label),
        TRACER_LABELS_MAX, "TRACER_LABELS_MAX", read_label, LABEL_ADDRESS,
        label_order};
    void *elements = NULL;
    enum tracer_status status = field_read_table(&table, source, arena, &elements, ret_count, err);
    if (!status)
        *ret_labels = elements;
    return status;
}

/* assets.csv */
enum { ASSET_ASSET, ASSET_DECIMALS, ASSET_WEIGHT, ASSET_DUST, ASSET_SYMBOL, ASSET_CHAIN, ASSET_COLUMNS };
static const char *const asset_columns[ASSET_COLUMNS] = {"asset", "decimals", "weight",
                                                         "dust",  "symbol",   "chain"};
#define ASSET_DECIMALS_MAX 77u /* taint-spec 2.4 */

static enum tracer_status read_asset(const struct field_row *row, struct arena *arena, void *element)
{
    (void)arena;
    struct import_asset *asset = element;
    enum tracer_status status = field_asset(row, ASSET_ASSET, &asset->asset.asset);
    if (!status)
        status = field_u32(row, ASSET_DECIMALS, ASSET_DECIMALS_MAX, &asset->asset.decimals);
    if (!status)
        status = field_u64(row, ASSET_WEIGHT, UINT64_MAX, &asset->asset.weight);
    if (!status)
        status = field_amount(row, ASSET_DUST, &asset->asset.dust);
    if (!status && row->cells[ASSET_CHAIN].length)
        status = field_u64(row, ASSET_CHAIN, UINT64_MAX, &asset->chain_id);
    shown_text(asset->symbol, sizeof(asset->symbol), row->cells[ASSET_SYMBOL].text,
               row->cells[ASSET_SYMBOL].length);
    return status;
}

static int asset_order(const void *a, const void *b)
{
    const struct import_asset *x = a, *y = b;
    if (x->chain_id != y->chain_id)
        return x->chain_id < y->chain_id ? -1 : 1;
    return asset_compare(&x->asset.asset, &y->asset.asset);
}

enum tracer_status import_assets(struct import_source source, struct arena *arena,
                                 struct import_asset **ret_assets, size_t *ret_count, struct error *err)
{
    static const struct field_table table = {
        asset_columns,     ASSET_COLUMNS,       ASSET_SYMBOL, sizeof(struct import_asset),
        TRACER_LABELS_MAX, "TRACER_LABELS_MAX", read_asset,   ASSET_ASSET,
        asset_order};
    void *elements = NULL;
    enum tracer_status status = field_read_table(&table, source, arena, &elements, ret_count, err);
    if (!status)
        *ret_assets = elements;
    return status;
}

/* coverage.csv */
enum {
    COVERAGE_ACCOUNT,
    COVERAGE_FROM,
    COVERAGE_TO,
    COVERAGE_WHAT,
    COVERAGE_METHOD,
    COVERAGE_CROSS_CHECK,
    COVERAGE_GAP,
    COVERAGE_COLUMNS
};
static const char *const coverage_columns[COVERAGE_COLUMNS] = {"account", "from",        "to", "what",
                                                               "method",  "cross_check", "gap"};

static enum tracer_status read_coverage(const struct field_row *row, struct arena *arena, void *element)
{
    struct import_coverage *coverage = element;
    enum tracer_status status = TRACER_OK;
    if (row->cells[COVERAGE_ACCOUNT].length) /* empty: the whole range */
        status = field_address(row, COVERAGE_ACCOUNT, &coverage->account);
    if (!status)
        status = field_u64(row, COVERAGE_FROM, INT64_MAX, &coverage->first);
    if (!status)
        status = field_u64(row, COVERAGE_TO, INT64_MAX, &coverage->last);
    if (!status && coverage->last < coverage->first)
        status = csv_error(row->csv, COVERAGE_TO, row->err, "lies before 'from'");
    if (!status)
        status = field_text(row, COVERAGE_WHAT, arena, &coverage->what);
    if (!status)
        status = field_text(row, COVERAGE_METHOD, arena, &coverage->method);
    if (!status)
        status = field_text(row, COVERAGE_CROSS_CHECK, arena, &coverage->cross_check);
    if (!status)
        status = field_text(row, COVERAGE_GAP, arena, &coverage->gap);
    return status;
}

enum tracer_status import_coverage(struct import_source source, struct arena *arena,
                                   struct import_coverage **ret_rows, size_t *ret_count, struct error *err)
{
    static const struct field_table table = {coverage_columns,
                                             COVERAGE_COLUMNS,
                                             COVERAGE_COLUMNS,
                                             sizeof(struct import_coverage),
                                             TRACER_LABELS_MAX,
                                             "TRACER_LABELS_MAX",
                                             read_coverage,
                                             0,
                                             NULL};
    void *elements = NULL;
    enum tracer_status status = field_read_table(&table, source, arena, &elements, ret_count, err);
    if (!status)
        *ret_rows = elements;
    return status;
}

/* explored.txt */
static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

struct word { /* the next stretch without white space */
    const char *text;
    size_t length;
    uint64_t line, column; /* from 1 */
};

static bool next_word(const char *text, size_t size, size_t *at, uint64_t *line, size_t *line_start,
                      struct word *word)
{
    while (*at < size && is_space(text[*at])) {
        if (text[(*at)++] == '\n') {
            (*line)++;
            *line_start = *at;
        }
    }
    *word = (struct word){text + *at, 0, *line, *at - *line_start + 1};
    while (*at < size && !is_space(text[*at])) {
        (*at)++;
        word->length++;
    }
    return word->length > 0;
}

static enum tracer_status bad_word(const char *name, const struct word *word, struct error *err)
{
    char shown[TRACER_QUOTED_MAX + 1], file[TRACER_QUOTED_MAX + 1];
    safe_text(shown, sizeof(shown), word->text, word->length);
    safe_text(file, sizeof(file), name, strlen(name));
    return error_set(err, TRACER_E_USAGE,
                     "%s:%llu: column %llu: '%s' is not an address (0x and 40 hexadecimal digits)", file,
                     (unsigned long long)word->line, (unsigned long long)word->column, shown);
}

static enum tracer_status parse_explored(const char *name, const char *text, size_t size, struct arena *arena,
                                         struct address **ret_addresses, size_t *ret_count, struct error *err)
{
    size_t at = 0, line_start = 0, count = 0;
    uint64_t line = 1;
    struct word word;
    while (next_word(text, size, &at, &line, &line_start, &word))
        count++;
    struct address *addresses = arena_calloc(arena, count ? count : 1, sizeof(*addresses));
    if (!addresses)
        return error_set(err, TRACER_E_NOMEM, "no memory for %zu addresses", count);
    at = line_start = count = 0;
    line = 1;
    while (next_word(text, size, &at, &line, &line_start, &word))
        if (!address_parse(word.text, word.length, &addresses[count++]))
            return bad_word(name, &word, err);
    *ret_addresses = addresses;
    *ret_count = count;
    return TRACER_OK;
}

enum tracer_status import_explored(struct import_source source, struct arena *arena,
                                   struct address **ret_addresses, size_t *ret_count, struct error *err)
{
    if (source.data)
        return parse_explored(source.path, source.data, source.size, arena, ret_addresses, ret_count, err);
    struct buffer bytes;
    buffer_init(&bytes, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = file_read(source.path, TRACER_FILE_RESULT_MAX, &bytes, err);
    if (!status)
        status = parse_explored(source.path, bytes.data ? bytes.data : "", bytes.size, arena, ret_addresses,
                                ret_count, err);
    buffer_release(&bytes);
    return status;
}
