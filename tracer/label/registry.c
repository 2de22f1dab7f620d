/* registry.c - heists, sanctioned addresses, tokens and wrappers of the built-in tables, each parsed once, on
 * first use. */
#include "embed.h"
#include "table.h"

#include "tracer/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct wrapper {
    uint64_t chain_id;
    struct address address;
};
struct chain_token {
    uint64_t chain_id;
    struct token token;
};

enum part { PART_HEISTS, PART_SANCTIONED, PART_TOKENS, PART_WRAPPERS, PART_COUNT };

/* Arrays that are built row by row, each at most as long as its table has lines. */
static struct registry {
    struct arena *arena;
    bool made[PART_COUNT];
    enum tracer_status status[PART_COUNT];
    struct error error[PART_COUNT];
    struct heist *heists;
    struct sanctioned *sanctioned;
    struct chain_token *chain_tokens; /* by chain, then asset text */
    struct token *tokens;             /* the same rows */
    struct wrapper *chain_wrappers;
    struct address *wrappers;
    size_t heist_count, sanctioned_count, token_count, wrapper_count;
    struct label_texts texts;
} registry;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

static enum tracer_status no_memory(struct error *err)
{
    return error_set(err, TRACER_E_NOMEM, "no memory for the built-in registry");
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

static enum tracer_status heist_seeds(const struct table_row *row, const char *text, struct heist *heist)
{
    struct csv_field part;
    struct address *seeds = arena_calloc(registry.arena, count_parts(text, ",; ") + 1, sizeof(*seeds));
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

static enum tracer_status heist_thefts(const struct table_row *row, const char *text, struct heist *heist)
{
    struct csv_field part;
    struct hash *hashes = arena_calloc(registry.arena, count_parts(text, ",; ") + 1, sizeof(*hashes));
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
static enum tracer_status heist_chains(const struct table_row *row, const char *text, struct heist *heist)
{
    struct csv_field part;
    uint64_t *chains = arena_calloc(registry.arena, count_parts(text, "; ") + 1, sizeof(*chains));
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
    struct heist *heist = &registry.heists[registry.heist_count++];
    const char *chain = "", *seeds = "", *thefts = "";
    (void)context;
    const struct {
        size_t column;
        const char **text;
    } texts[] = {{HEIST_ID, &heist->id},     {HEIST_NAME, &heist->name},
                 {HEIST_DATE, &heist->date}, {HEIST_STOLEN, &heist->stolen},
                 {HEIST_CHAIN, &chain},      {HEIST_ATTRIBUTED, &heist->attributed_to},
                 {HEIST_SEEDS, &seeds},      {HEIST_THEFTS, &thefts}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        enum tracer_status status = table_text(row, texts[i].column, &registry.texts, i, texts[i].text);
        if (status)
            return status;
    }
    heist->returned = csv_field_is(row->cells[HEIST_RETURNED], "1");
    if (!heist->returned && !csv_field_is(row->cells[HEIST_RETURNED], "0"))
        return table_bad(row, HEIST_RETURNED);
    enum tracer_status status = heist_seeds(row, seeds, heist);
    if (!status)
        status = heist_thefts(row, thefts, heist);
    return status ? status : heist_chains(row, chain, heist);
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
    struct sanctioned *sanctioned = &registry.sanctioned[registry.sanctioned_count++];
    char name[TRACER_SOURCE_NAME_MAX + 1];
    const char *entity = "";
    (void)context;
    enum tracer_status status = table_address(row, SANCTIONED_ADDRESS, &sanctioned->address);
    if (!status)
        status = read_date(row, SANCTIONED_LISTED, &sanctioned->listed_s);
    if (!status)
        status = read_date(row, SANCTIONED_DELISTED, &sanctioned->delisted_s);
    if (!status)
        status = table_text(row, SANCTIONED_ENTITY, &registry.texts, 0, &entity);
    if (status)
        return status;
    label_source_name("ofac.", entity, name); /* so that the whole name fits its limit */
    sanctioned->entity =
        label_text(&registry.texts, 1, name + strlen("ofac."), strlen(name) - strlen("ofac."));
    return sanctioned->entity ? TRACER_OK : no_memory(row->err);
}

/* assets.csv */
enum { ASSET_ASSET, ASSET_DECIMALS, ASSET_WEIGHT, ASSET_DUST, ASSET_SYMBOL, ASSET_CHAIN, ASSET_COLUMNS };
static const char *const asset_columns[ASSET_COLUMNS] = {"asset", "decimals", "weight",
                                                         "dust",  "symbol",   "chain"};
#define ASSET_DECIMALS_MAX 77u

static enum tracer_status asset_row(const struct table_row *row, void *context)
{
    struct chain_token *token = &registry.chain_tokens[registry.token_count++];
    struct taint_asset *asset = &token->token.asset;
    struct csv_field text = row->cells[ASSET_ASSET], dust = row->cells[ASSET_DUST];
    uint64_t decimals = 0;
    (void)context;
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
    return status ? status : table_text(row, ASSET_SYMBOL, &registry.texts, 2, &token->token.symbol);
}

/* services.tsv, category wrapped */
enum { SERVICE_CHAIN, SERVICE_ADDRESS, SERVICE_CATEGORY, SERVICE_COLUMNS };
static const char *const service_columns[SERVICE_COLUMNS] = {"chain_id", "address", "category"};

static enum tracer_status service_row(const struct table_row *row, void *context)
{
    struct wrapper *wrapper = &registry.chain_wrappers[registry.wrapper_count];
    (void)context;
    if (!csv_field_is(row->cells[SERVICE_CATEGORY], "wrapped"))
        return TRACER_OK;
    enum tracer_status status = table_u64(row, SERVICE_CHAIN, &wrapper->chain_id);
    if (!status)
        status = table_address(row, SERVICE_ADDRESS, &wrapper->address);
    registry.wrapper_count++;
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
    const struct wrapper *x = a, *y = b;
    if (x->chain_id != y->chain_id)
        return x->chain_id < y->chain_id ? -1 : 1;
    return address_compare(x->address, y->address);
}

static size_t line_count(enum embedded which)
{
    struct embedded_file file = embedded_file(which);
    size_t count = 1;
    for (size_t i = 0; i < file.size; i++)
        count += ((const char *)file.data)[i] == '\n';
    return count;
}

static enum tracer_status read_heists(struct error *err)
{
    registry.heists = arena_calloc(registry.arena, line_count(EMBEDDED_HEISTS), sizeof(*registry.heists));
    return registry.heists ? table_read(EMBEDDED_HEISTS, '\t', heist_columns, HEIST_COLUMNS, heist_row, NULL, err)
                           : no_memory(err);
}

static enum tracer_status read_sanctioned(struct error *err)
{
    registry.sanctioned = arena_calloc(registry.arena, line_count(EMBEDDED_SANCTIONED), sizeof(*registry.sanctioned));
    return registry.sanctioned ? table_read(EMBEDDED_SANCTIONED, '\t', sanctioned_columns, SANCTIONED_COLUMNS,
                                            sanctioned_row, NULL, err)
                               : no_memory(err);
}

static enum tracer_status read_tokens(struct error *err)
{
    size_t lines = line_count(EMBEDDED_ASSETS);
    registry.chain_tokens = arena_calloc(registry.arena, lines, sizeof(*registry.chain_tokens));
    registry.tokens = arena_calloc(registry.arena, lines, sizeof(*registry.tokens));
    if (!registry.chain_tokens || !registry.tokens)
        return no_memory(err);
    enum tracer_status status = table_read(EMBEDDED_ASSETS, ',', asset_columns, ASSET_COLUMNS, asset_row, NULL, err);
    if (!status && registry.token_count)
        qsort(registry.chain_tokens, registry.token_count, sizeof(*registry.chain_tokens), token_order);
    for (size_t i = 0; i < registry.token_count; i++)
        registry.tokens[i] = registry.chain_tokens[i].token;
    return status;
}

static enum tracer_status read_wrappers(struct error *err)
{
    size_t lines = line_count(EMBEDDED_SERVICES);
    registry.chain_wrappers = arena_calloc(registry.arena, lines, sizeof(*registry.chain_wrappers));
    registry.wrappers = arena_calloc(registry.arena, lines, sizeof(*registry.wrappers));
    if (!registry.chain_wrappers || !registry.wrappers)
        return no_memory(err);
    enum tracer_status status =
        table_read(EMBEDDED_SERVICES, '\t', service_columns, SERVICE_COLUMNS, service_row, NULL, err);
    if (!status && registry.wrapper_count)
        qsort(registry.chain_wrappers, registry.wrapper_count, sizeof(*registry.chain_wrappers),
              wrapper_order);
    for (size_t i = 0; i < registry.wrapper_count; i++)
        registry.wrappers[i] = registry.chain_wrappers[i].address;
    return status;
}

typedef enum tracer_status read_part_fn(struct error *err);
static read_part_fn *const parts[PART_COUNT] = {
    [PART_HEISTS] = read_heists, [PART_SANCTIONED] = read_sanctioned, [PART_TOKENS] = read_tokens, [PART_WRAPPERS] = read_wrappers};

__attribute__((destructor)) static void registry_unmake(void)
{
    arena_free(registry.arena); /* keeps leak checkers quiet */
    registry.arena = NULL;
}

static enum tracer_status registry_ready(enum part part, struct error *err)
{
    pthread_mutex_lock(&registry_lock);
    if (!registry.arena && !(registry.texts.arena = registry.arena = arena_new(TRACER_MIB(64)))) {
        pthread_mutex_unlock(&registry_lock);
        return no_memory(err);
    }
    if (!registry.made[part]) {
        registry.made[part] = true;
        registry.status[part] = parts[part](&registry.error[part]);
    }
    enum tracer_status status = registry.status[part];
    if (status && err)
        *err = registry.error[part];
    pthread_mutex_unlock(&registry_lock);
    return status;
}

enum tracer_status registry_heists(const struct heist **ret_heists, size_t *ret_count, struct error *err)
{
    enum tracer_status status = registry_ready(PART_HEISTS, err);
    if (status)
        return status;
    *ret_heists = registry.heists;
    *ret_count = registry.heist_count;
    return TRACER_OK;
}

enum tracer_status registry_sanctioned(const struct sanctioned **ret_rows, size_t *ret_count,
                                       struct error *err)
{
    enum tracer_status status = registry_ready(PART_SANCTIONED, err);
    if (status)
        return status;
    *ret_rows = registry.sanctioned;
    *ret_count = registry.sanctioned_count;
    return TRACER_OK;
}

enum tracer_status registry_tokens(uint64_t chain_id, const struct token **ret_tokens, size_t *ret_count,
                                   struct error *err)
{
    size_t first = 0, count = 0;
    enum tracer_status status = registry_ready(PART_TOKENS, err);
    if (status)
        return status;
    while (first < registry.token_count && registry.chain_tokens[first].chain_id < chain_id)
        first++;
    while (first + count < registry.token_count && registry.chain_tokens[first + count].chain_id == chain_id)
        count++;
    *ret_tokens = registry.tokens + first;
    *ret_count = count;
    return TRACER_OK;
}

enum tracer_status registry_wrappers(uint64_t chain_id, const struct address **ret_addresses,
                                     size_t *ret_count, struct error *err)
{
    size_t first = 0, count = 0;
    enum tracer_status status = registry_ready(PART_WRAPPERS, err);
    if (status)
        return status;
    while (first < registry.wrapper_count && registry.chain_wrappers[first].chain_id < chain_id)
        first++;
    while (first + count < registry.wrapper_count &&
           registry.chain_wrappers[first + count].chain_id == chain_id)
        count++;
    *ret_addresses = registry.wrappers + first;
    *ret_count = count;
    return TRACER_OK;
}

struct digest registry_tokens_digest(void)
{
    return embedded_file(EMBEDDED_ASSETS).digest;
}
