/* registry.c - heists, sanctioned addresses, tokens and wrappers of the tables. */
#include "table.h"

#include "tracer/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 4096u

static enum tracer_status no_memory(struct error *err)
{
    return error_set(err, TRACER_E_NOMEM, "no memory for the registry");
}

/* A zeroed row more, in one of the arrays of prepare(). */
static void *room(void *rows, size_t *count, size_t size, struct error *err)
{
    if (*count == ROWS_MAX) {
        (void)error_set(err, TRACER_E_LIMIT, "a table has more than %u rows", ROWS_MAX);
        return NULL;
    }
    return (char *)rows + (*count)++ * size;
}

/* The next stretch of a cell without any of the separators. */
static bool next_part(const char **text, const char *separators, struct csv_field *ret_part)
{
    const char *at = *text + strspn(*text, separators);
    *ret_part = (struct csv_field){at, strcspn(at, separators)};
    *text = at + ret_part->length;
    return ret_part->length > 0;
}

static size_t count_parts(const char *text, const char *separators)
{
    size_t count = 0;
    struct csv_field part;
    while (next_part(&text, separators, &part))
        count++;
    return count;
}

/* heists.tsv */
enum {
    HEIST_ID,
    HEIST_NAME,
    HEIST_DATE,
    HEIST_CHAIN,
    HEIST_STOLEN,
    HEIST_ATTRIBUTED,
    HEIST_SEEDS,
    HEIST_THEFTS,
    HEIST_RETURNED,
    HEIST_COLUMNS
};
static const char *const heist_columns[HEIST_COLUMNS] = {
    "id", "name", "date", "chain", "stolen", "attributed_to", "seed_addresses", "theft_txs", "returned"};

static bool is_evm_text(struct csv_field part)
{
    return part.length >= 2 && part.text[0] == '0' && part.text[1] == 'x';
}

static enum tracer_status heist_seeds(const struct table_row *row, struct arena *arena, const char *text, struct heist *heist)
{
    struct csv_field part;
    struct address *seeds = arena_calloc(arena, count_parts(text, ",; ") + 1, sizeof(*seeds));
    if (!seeds)
        return no_memory(row->err);
    while (next_part(&text, ",; ", &part)) {
        if (!is_evm_text(part))
            continue; /* another ledger's */
        if (!address_parse(part.text, part.length, &seeds[heist->seed_count++]))
            return table_bad(row, HEIST_SEEDS);
    }
    heist->seeds = seeds;
    return TRACER_OK;
}

static enum tracer_status heist_thefts(const struct table_row *row, struct arena *arena, const char *text, struct heist *heist)
{
    struct csv_field part;
    struct hash *hashes = arena_calloc(arena, count_parts(text, ",; ") + 1, sizeof(*hashes));
    if (!hashes)
        return no_memory(row->err);
    while (next_part(&text, ",; ", &part)) {
        if (!is_evm_text(part))
            continue;
        if (!hash_parse(part.text, part.length, &hashes[heist->theft_tx_count++]))
            return table_bad(row, HEIST_THEFTS);
    }
    heist->theft_txs = hashes;
    return TRACER_OK;
}

/* "1;137;btc and others" */
static enum tracer_status heist_chains(const struct table_row *row, struct arena *arena, const char *text, struct heist *heist)
{
    struct csv_field part;
    uint64_t *chains = arena_calloc(arena, count_parts(text, "; ") + 1, sizeof(*chains));
    if (!chains)
        return no_memory(row->err);
    while (next_part(&text, "; ", &part)) {
        bool is_evm = false;
        if (csv_field_is(part, "and") || csv_field_is(part, "others"))
            continue;
        if (!table_chain_parse(part.text, part.length, &chains[heist->chain_count], &is_evm))
            return table_bad(row, HEIST_CHAIN);
        if (is_evm)
            heist->chain_count++;
    }
    heist->chain_ids = chains;
    return TRACER_OK;
}

static enum tracer_status heist_row(const struct table_row *row, void *context)
{
    struct prepared *prepared = context;
    struct heist *heist = room(prepared->heists, &prepared->heist_count, sizeof(*heist), row->err);
    const char *chain = "", *seeds = "", *thefts = "";
    if (!heist)
        return TRACER_E_LIMIT;
    const struct {
        size_t column;
        const char **text;
    } texts[] = {{HEIST_ID, &heist->id},     {HEIST_NAME, &heist->name},
                 {HEIST_DATE, &heist->date}, {HEIST_STOLEN, &heist->stolen},
                 {HEIST_CHAIN, &chain},      {HEIST_ATTRIBUTED, &heist->attributed_to},
                 {HEIST_SEEDS, &seeds},      {HEIST_THEFTS, &thefts}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        enum tracer_status status = table_text(row, texts[i].column, &prepared->texts, i, texts[i].text);
        if (status)
            return status;
    }
    heist->returned = csv_field_is(row->cells[HEIST_RETURNED], "1");
    if (!heist->returned && !csv_field_is(row->cells[HEIST_RETURNED], "0"))
        return table_bad(row, HEIST_RETURNED);
    enum tracer_status status = heist_seeds(row, prepared->arena, seeds, heist);
    if (!status)
        status = heist_thefts(row, prepared->arena, thefts, heist);
    return status ? status : heist_chains(row, prepared->arena, chain, heist);
}

/* sanctioned.tsv */
enum { SANCTIONED_ADDRESS, SANCTIONED_ENTITY, SANCTIONED_LISTED, SANCTIONED_DELISTED, SANCTIONED_COLUMNS };
static const char *const sanctioned_columns[SANCTIONED_COLUMNS] = {"address", "entity", "listed", "delisted"};

/* Where only the year is known ("2026") the earliest day counts. */
static enum tracer_status read_date(const struct table_row *row, size_t column, uint64_t *ret_time)
{
    struct csv_field cell = row->cells[column];
    char day[11];
    if (cell.length == 4) {
        snprintf(day, sizeof(day), "%.4s-01-01", cell.text);
        cell = (struct csv_field){day, strlen(day)};
    }
    if (cell.length && !clock_parse_utc(cell.text, cell.length, ret_time))
        return table_bad(row, column);
    return TRACER_OK;
}

static enum tracer_status sanctioned_row(const struct table_row *row, void *context)
{
    struct prepared *prepared = context;
    struct sanctioned *sanctioned = room(prepared->sanctioned, &prepared->sanctioned_count, sizeof(*sanctioned), row->err);
    char name[TRACER_SOURCE_NAME_MAX + 1];
    const char *entity = "";
    if (!sanctioned)
        return TRACER_E_LIMIT;
    enum tracer_status status = table_address(row, SANCTIONED_ADDRESS, &sanctioned->address);
    if (!status)
        status = read_date(row, SANCTIONED_LISTED, &sanctioned->listed_s);
    if (!status)
        status = read_date(row, SANCTIONED_DELISTED, &sanctioned->delisted_s);
    if (!status)
        status = table_text(row, SANCTIONED_ENTITY, &prepared->texts, 0, &entity);
    if (status)
        return status;
    label_source_name("ofac.", entity, name); /* so that the whole name fits its limit */
    sanctioned->entity =
        label_text(&prepared->texts, 1, name + strlen("ofac."), strlen(name) - strlen("ofac."));
    return sanctioned->entity ? TRACER_OK : no_memory(row->err);
}

/* assets.csv */
enum { ASSET_ASSET, ASSET_DECIMALS, ASSET_WEIGHT, ASSET_DUST, ASSET_SYMBOL, ASSET_CHAIN, ASSET_COLUMNS };
static const char *const asset_columns[ASSET_COLUMNS] = {"asset", "decimals", "weight",
                                                         "dust",  "symbol",   "chain"};
#define ASSET_DECIMALS_MAX 77u

static enum tracer_status asset_row(const struct table_row *row, void *context)
{
    struct prepared *prepared = context;
    struct chain_token *token = room(prepared->tokens, &prepared->token_count, sizeof(*token), row->err);
    struct csv_field text = row->cells[ASSET_ASSET], dust = row->cells[ASSET_DUST];
    uint64_t decimals = 0;
    if (!token)
        return TRACER_E_LIMIT;
    struct taint_asset *asset = &token->token.asset;
    if (!asset_parse(text.text, text.length, &asset->asset))
        return table_bad(row, ASSET_ASSET);
    if (!csv_parse_u64(row->cells[ASSET_DECIMALS], ASSET_DECIMALS_MAX, &decimals))
        return table_bad(row, ASSET_DECIMALS);
    asset->decimals = (uint32_t)decimals;
    if (!u256_parse_decimal(dust.text, dust.length, &asset->dust))
        return table_bad(row, ASSET_DUST);
    enum tracer_status status = table_u64(row, ASSET_WEIGHT, &asset->weight);
    if (!status)
        status = table_u64(row, ASSET_CHAIN, &token->chain_id);
    return status ? status : table_text(row, ASSET_SYMBOL, &prepared->texts, 2, &token->token.symbol);
}

/* services.tsv, category wrapped */
enum { SERVICE_CHAIN, SERVICE_ADDRESS, SERVICE_CATEGORY, SERVICE_COLUMNS };
static const char *const service_columns[SERVICE_COLUMNS] = {"chain_id", "address", "category"};

static enum tracer_status service_row(const struct table_row *row, void *context)
{
    struct prepared *prepared = context;
    if (!csv_field_is(row->cells[SERVICE_CATEGORY], "wrapped"))
        return TRACER_OK;
    struct chain_wrapper *wrapper = room(prepared->wrappers, &prepared->wrapper_count, sizeof(*wrapper), row->err);
    if (!wrapper)
        return TRACER_E_LIMIT;
    enum tracer_status status = table_u64(row, SERVICE_CHAIN, &wrapper->chain_id);
    if (!status)
        status = table_address(row, SERVICE_ADDRESS, &wrapper->address);
    return status;
}

/* By chain, then by asset text. */
static int token_order(const void *a, const void *b)
{
    const struct chain_token *x = a, *y = b;
    if (x->chain_id != y->chain_id)
        return x->chain_id < y->chain_id ? -1 : 1;
    return asset_compare(&x->token.asset.asset, &y->token.asset.asset);
}

static int wrapper_order(const void *a, const void *b)
{
    const struct chain_wrapper *x = a, *y = b;
    if (x->chain_id != y->chain_id)
        return x->chain_id < y->chain_id ? -1 : 1;
    return address_compare(x->address, y->address);
}

static int sanctioned_order(const void *a, const void *b)
{
    const struct sanctioned *x = a, *y = b;
    return address_compare(x->address, y->address);
}

static const char *path_of(const char *folder, const char *name, char to[static PREPARE_PATH_MAX])
{
    snprintf(to, PREPARE_PATH_MAX, "%s/%s", folder, name);
    return to;
}

static enum tracer_status make(struct prepared *prepared, struct error *err)
{
    struct arena *arena = prepared->arena = arena_new(TRACER_MIB(64));
    if (!arena)
        return no_memory(err);
    prepared->texts.arena = arena;
    prepared->heists = arena_calloc(arena, ROWS_MAX, sizeof(*prepared->heists));
    prepared->sanctioned = arena_calloc(arena, ROWS_MAX, sizeof(*prepared->sanctioned));
    prepared->tokens = arena_calloc(arena, ROWS_MAX, sizeof(*prepared->tokens));
    prepared->wrappers = arena_calloc(arena, ROWS_MAX, sizeof(*prepared->wrappers));
    return prepared->heists && prepared->sanctioned && prepared->tokens && prepared->wrappers
               ? label_set_new(&prepared->set, err)
               : no_memory(err);
}

enum tracer_status prepare(const char *folder, struct prepared *ret_prepared, struct error *err)
{
    const struct {
        const char *name, *const *columns;
        size_t column_count;
        table_row_fn *read;
    } tables[] = {{"heists.tsv", heist_columns, HEIST_COLUMNS, heist_row},
                  {"sanctioned.tsv", sanctioned_columns, SANCTIONED_COLUMNS, sanctioned_row},
                  {"assets.csv", asset_columns, ASSET_COLUMNS, asset_row},
                  {"services.tsv", service_columns, SERVICE_COLUMNS, service_row}};
    struct prepared *prepared = ret_prepared;
    char path[PREPARE_PATH_MAX];
    *prepared = (struct prepared){.arena = NULL};
    enum tracer_status status = make(prepared, err);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !status; i++)
        status = table_read(path_of(folder, tables[i].name, path), tables[i].columns, tables[i].column_count, tables[i].read, prepared, err);
    if (!status)
        status = digest_file(path_of(folder, "assets.csv", path), &prepared->assets_digest, err);
    if (status)
        return status;
    qsort(prepared->sanctioned, prepared->sanctioned_count, sizeof(*prepared->sanctioned), sanctioned_order);
    qsort(prepared->tokens, prepared->token_count, sizeof(*prepared->tokens), token_order);
    qsort(prepared->wrappers, prepared->wrapper_count, sizeof(*prepared->wrappers), wrapper_order);
    for (size_t i = 1; i < prepared->sanctioned_count; i++)
        if (address_equal(prepared->sanctioned[i - 1].address, prepared->sanctioned[i].address))
            return error_set(err, TRACER_E_USAGE, "%s/sanctioned.tsv: an address stands there twice", folder);
    return prepare_claims(folder, prepared->set, err);
}

void prepared_free(struct prepared *prepared)
{
    label_set_free(prepared->set);
    arena_free(prepared->arena);
}
