/* claims.c - the registry's addresses as labels: one list a table. */
#include "table.h"

#include <stdio.h>
#include <string.h>

/* services.tsv */
enum {
    SERVICE_CHAIN,
    SERVICE_ADDRESS,
    SERVICE_CATEGORY,
    SERVICE_ENTITY,
    SERVICE_NAME,
    SERVICE_POLICY,
    SERVICE_SOURCE,
    SERVICE_COLUMNS
};
static const char *const service_columns[SERVICE_COLUMNS] = {"chain_id", "address", "category", "entity",
                                                             "name",     "policy",  "source"};

/* Architecture 11: what a trace does at the address. */
static bool class_of_policy(struct csv_field policy, enum label_class *ret_class)
{
    static const struct {
        const char *policy;
        enum label_class class_;
    } rules[] = {{"stop", CLASS_SERVICE},  {"sink", CLASS_SERVICE}, {"mixer", CLASS_MIXER},
                 {"bridge", CLASS_BRIDGE}, {"hold", CLASS_VENUE},   {"pass_in_tx", CLASS_VENUE},
                 {"ignore", CLASS_NONE}};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (csv_field_is(policy, rules[i].policy)) {
            *ret_class = rules[i].class_;
            return true;
        }
    return false;
}

static enum tracer_status service_row(const struct table_row *row, void *context)
{
    struct label_adding *adding = context;
    struct label claim = {
        .rank = LABEL_BUILTIN, .confidence = CONFIDENCE_MEDIUM, .emit = "", .valid_from = "", .valid_to = ""};
    enum tracer_status status = table_address(row, SERVICE_ADDRESS, &claim.address);
    if (!status)
        status = table_u64(row, SERVICE_CHAIN, &claim.chain_id);
    if (!status && !class_of_policy(row->cells[SERVICE_POLICY], &claim.class_))
        status = table_bad(row, SERVICE_POLICY);
    if (!status)
        status = table_text(row, SERVICE_CATEGORY, &adding->texts, 0, &claim.category);
    if (!status)
        status = table_text(row, SERVICE_ENTITY, &adding->texts, 1, &claim.entity);
    if (!status)
        status = table_text(row, row->cells[SERVICE_NAME].length ? SERVICE_NAME : SERVICE_ENTITY,
                            &adding->texts, 2, &claim.name);
    if (!status)
        status = table_text(row, SERVICE_SOURCE, &adding->texts, 3, &claim.origin);
    return status ? status : label_add_claim(adding, &claim, row->err);
}

/* sanctioned.tsv: named by an official list, on every chain; no class of its own. */
enum {
    SANCTIONED_ADDRESS,
    SANCTIONED_ENTITY,
    SANCTIONED_LISTED,
    SANCTIONED_DELISTED,
    SANCTIONED_SOURCE,
    SANCTIONED_COLUMNS
};
static const char *const sanctioned_columns[SANCTIONED_COLUMNS] = {"address", "entity", "listed", "delisted",
                                                                   "source"};

static enum tracer_status sanctioned_row(const struct table_row *row, void *context)
{
    struct label_adding *adding = context;
    struct label claim = {
        .rank = LABEL_OFFICIAL, .confidence = CONFIDENCE_HIGH, .emit = "", .category = "sanctioned"};
    struct csv_field entity = row->cells[SANCTIONED_ENTITY], delisted = row->cells[SANCTIONED_DELISTED];
    char name[256];
    enum tracer_status status = table_address(row, SANCTIONED_ADDRESS, &claim.address);
    if (!status)
        status = table_text(row, SANCTIONED_ENTITY, &adding->texts, 0, &claim.entity);
    if (!status)
        status = table_text(row, SANCTIONED_LISTED, &adding->texts, 1, &claim.valid_from);
    if (!status)
        status = table_text(row, SANCTIONED_DELISTED, &adding->texts, 2, &claim.valid_to);
    if (!status)
        status = table_text(row, SANCTIONED_SOURCE, &adding->texts, 3, &claim.origin);
    if (status)
        return status;
    int length = delisted.length
                     ? snprintf(name, sizeof(name), "%s (delisted %s)", claim.entity, claim.valid_to)
                     : snprintf(name, sizeof(name), "%s", claim.entity);
    if (entity.length > 200 || length < 0 || (size_t)length >= sizeof(name))
        return table_bad(row, SANCTIONED_ENTITY);
    claim.name = label_text(&adding->texts, 4, name, (size_t)length);
    if (!claim.name)
        return error_set(row->err, TRACER_E_NOMEM, "no memory for labels");
    return label_add_claim(adding, &claim, row->err);
}

/* heist_addresses.tsv */
enum {
    HEIST_INCIDENT,
    HEIST_CHAIN,
    HEIST_ADDRESS,
    HEIST_ROLE,
    HEIST_CONFIDENCE,
    HEIST_SOURCE,
    HEIST_COLUMNS
};
static const char *const heist_columns[HEIST_COLUMNS] = {"incident", "chain",      "address",
                                                         "role",     "confidence", "source"};

static enum tracer_status heist_confidence(const struct table_row *row, size_t column,
                                           enum label_confidence *ret_confidence)
{
    struct csv_field cell = row->cells[column];
    *ret_confidence = csv_field_is(cell, "high")  ? CONFIDENCE_HIGH
                      : csv_field_is(cell, "low") ? CONFIDENCE_LOW
                                                  : CONFIDENCE_MEDIUM;
    if (cell.length && *ret_confidence == CONFIDENCE_MEDIUM && !csv_field_is(cell, "medium"))
        return table_bad(row, column);
    return TRACER_OK;
}

/* "INCIDENT ROLE", with spaces for the role's underscores. */
static enum tracer_status heist_name(const struct table_row *row, struct label_adding *adding, size_t slot,
                                     const char *incident, struct csv_field role, const char **ret_name)
{
    char name[256];
    int length = snprintf(name, sizeof(name), "%s %.*s", incident,
                          (int)(role.length < 100 ? role.length : 100), role.length ? role.text : "");
    if (length < 0 || (size_t)length >= sizeof(name))
        return table_bad(row, HEIST_INCIDENT);
    for (size_t i = strlen(incident); i < (size_t)length; i++)
        if (name[i] == '_')
            name[i] = ' ';
    *ret_name = label_text(&adding->texts, slot, name, (size_t)length);
    return *ret_name ? TRACER_OK : error_set(row->err, TRACER_E_NOMEM, "no memory for labels");
}

static enum tracer_status heist_row(const struct table_row *row, void *context)
{
    struct label_adding *adding = context;
    struct label claim = {
        .rank = LABEL_BUILTIN, .emit = "", .category = "heist", .valid_from = "", .valid_to = ""};
    bool is_evm = false;
    enum tracer_status status = table_chain(row, HEIST_CHAIN, &claim.chain_id, &is_evm);
    if (status || !is_evm)
        return status;
    status = table_address(row, HEIST_ADDRESS, &claim.address);
    if (!status)
        status = heist_confidence(row, HEIST_CONFIDENCE, &claim.confidence);
    if (!status)
        status = table_text(row, HEIST_INCIDENT, &adding->texts, 0, &claim.entity);
    if (!status)
        status = table_text(row, HEIST_SOURCE, &adding->texts, 1, &claim.origin);
    if (!status)
        status = heist_name(row, adding, 2, claim.entity, row->cells[HEIST_ROLE], &claim.name);
    return status ? status : label_add_claim(adding, &claim, row->err);
}

/* case_addresses.tsv: everybody in the Ronin case, thieves and others. */
enum { CASE_ADDRESS, CASE_ROLE, CASE_CONFIDENCE, CASE_NOTE, CASE_SOURCE, CASE_COLUMNS };
static const char *const case_columns[CASE_COLUMNS] = {"address", "role", "confidence", "note", "source"};
#define CASE_INCIDENT "ronin-2022"
#define CASE_CHAIN 1

static enum tracer_status case_row(const struct table_row *row, void *context)
{
    struct label_adding *adding = context;
    struct csv_field role = row->cells[CASE_ROLE];
    bool is_deposit = csv_field_is(role, "exchange_deposit"), is_victim = csv_field_is(role, "victim");
    bool is_funding = csv_field_is(role, "funding_source"); /* an exchange, no thief */
    struct label claim = {.rank = LABEL_BUILTIN,
                          .chain_id = CASE_CHAIN,
                          .class_ = is_deposit ? CLASS_SERVICE : CLASS_NONE,
                          .emit = "",
                          .category = is_deposit || is_funding ? "exchange"
                                      : is_victim              ? "victim"
                                                               : "heist",
                          .entity = is_deposit || is_funding ? "" : CASE_INCIDENT,
                          .valid_from = "",
                          .valid_to = ""};
    enum tracer_status status = table_address(row, CASE_ADDRESS, &claim.address);
    if (!status)
        status = heist_confidence(row, CASE_CONFIDENCE, &claim.confidence);
    if (!status)
        status = table_text(row, CASE_SOURCE, &adding->texts, 0, &claim.origin);
    if (!status && is_deposit) /* the note names the exchange */
        status = table_text(row, CASE_NOTE, &adding->texts, 1, &claim.name);
    else if (!status)
        status = heist_name(row, adding, 1, CASE_INCIDENT, role, &claim.name);
    return status ? status : label_add_claim(adding, &claim, row->err);
}

static enum tracer_status add_table(const char *folder, const char *name, struct label_set *set, const char *const *columns,
                                    size_t column_count, table_row_fn *read, struct error *err)
{
    struct label_adding adding;
    struct digest digest = {{0}};
    char path[PREPARE_PATH_MAX], shown[64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(shown, sizeof(shown), "registry/%s", name);
    enum tracer_status status = label_add_begin(set, &adding, err);
    if (status)
        return status;
    status = table_read(path, columns, column_count, read, &adding, err);
    if (!status)
        status = digest_file(path, &digest, err);
    return label_add_end(&adding, status, shown, digest, err);
}

enum tracer_status prepare_claims(const char *folder, struct label_set *set, struct error *err)
{
    enum tracer_status status =
        add_table(folder, "services.tsv", set, service_columns, SERVICE_COLUMNS, service_row, err);
    if (!status)
        status = add_table(folder, "sanctioned.tsv", set, sanctioned_columns, SANCTIONED_COLUMNS, sanctioned_row, err);
    if (!status)
        label_set_date(set, REGISTRY_SANCTIONED_DATE);
    if (!status)
        status = add_table(folder, "heist_addresses.tsv", set, heist_columns, HEIST_COLUMNS, heist_row, err);
    if (!status)
        status = add_table(folder, "case_addresses.tsv", set, case_columns, CASE_COLUMNS, case_row, err);
    return status;
}
