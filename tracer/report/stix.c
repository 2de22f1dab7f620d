/* stix.c - a bundle of STIX 2.1 (OASIS, docs.oasis-open.org/cti/stix/v2.1): addresses, flagged hops as
 * relationships, a report and its limits as notes. Addresses and hops have no type of their own there: the
 * extension is docs/stix-wallet-1.schema.json. */
#include "flow.h"
#include "ids.h"
#include "json_parts.h"

#include <inttypes.h>

#define IDENTITY "identity--d405e438-139b-40ae-9e32-6fbdbc56fcd2"
#define EXTENSION "extension-definition--1139f626-b2e0-467d-a26e-be3e5924b1ab"
#define DEFINED "2026-11-25T00:00:00.000Z" /* the extension, version 1.0.0 */
#define NAME_SIZE (POSITION_TEXT_SIZE + TRACER_SOURCE_NAME_MAX + 16)

struct stix {
    struct json_writer json;
    const struct trace_result *result;
    struct view view;
    struct ids ids;
    char moment[MOMENT_TEXT_SIZE]; /* of the end of the range */
};

/* Of STIX 2.1 (2.9) for ids of observables. */
static const struct uuid observable_space = {
    {0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7}};

/* The same for the same address everywhere: over the canonical JSON of chain and value. */
static void wallet_id(const struct stix *stix, uint32_t account, char to[static ID_TEXT_SIZE])
{
    char address[ADDRESS_TEXT_SIZE], name[ADDRESS_TEXT_SIZE + 64], text[UUID_TEXT_SIZE];
    address_format(view_account(&stix->view, account)->address, address);
    snprintf(name, sizeof(name), "{\"chain\":\"eip155:%" PRIu64 "\",\"value\":\"%s\"}",
             stix->result->head.chain_id, address);
    uuid_format(uuid_v5(observable_space, name), text);
    snprintf(to, ID_TEXT_SIZE, "wallet-address--%s", text);
}

static void hop_id(const struct stix *stix, const struct result_hop *hop, char to[static ID_TEXT_SIZE])
{
    char key[POSITION_TEXT_SIZE], name[NAME_SIZE];
    position_format(hop->position, key);
    snprintf(name, sizeof(name), "hop %s %s", key, stix->result->sources[hop->source]);
    ids_text(&stix->ids, "relationship--", name, to);
}

static void note_id(const struct stix *stix, size_t index, char to[static ID_TEXT_SIZE])
{
    char name[32];
    snprintf(name, sizeof(name), "note %zu", index);
    ids_text(&stix->ids, "note--", name, to);
}

static void open_object(struct json_writer *json, const char *type, const char *id)
{
    json_open(json, '{');
    json_put_text(json, "type", type);
    json_put_text(json, "spec_version", "2.1");
    json_put_text(json, "id", id);
}

static void put_created(struct json_writer *json, const char *moment)
{
    json_put_text(json, "created", moment);
    json_put_text(json, "modified", moment);
}

static void put_definition(struct json_writer *json)
{
    open_object(json, "identity", IDENTITY);
    put_created(json, DEFINED);
    json_put_text(json, "name", "tracer");
    json_put_text(json, "identity_class", "system");
    json_shut(json, '}');
    open_object(json, "extension-definition", EXTENSION);
    json_put_text(json, "created_by_ref", IDENTITY);
    put_created(json, DEFINED);
    json_put_text(json, "name", "wallet addresses and tainted transfers");
    json_put_text(
        json, "description",
        "wallet-address: an account on a chain. On a relationship: a transfer with its tainted part. Amounts are whole numbers in the "
        "asset's smallest unit, as text.");
    json_put_text(json, "schema", "docs/stix-wallet-1.schema.json of tracer");
    json_put_text(json, "version", "1.0.0");
    json_put_open(json, "extension_types", '[');
    json_text(json, "new-sco");
    json_text(json, "property-extension");
    json_shut(json, ']');
    json_shut(json, '}');
}

static void open_extension(struct json_writer *json, const char *type)
{
    json_put_open(json, "extensions", '{');
    json_put_open(json, EXTENSION, '{');
    json_put_text(json, "extension_type", type);
}

static void shut_extension(struct json_writer *json)
{
    json_shut(json, '}');
    json_shut(json, '}');
}

/* STIX has no empty texts and no null: what is not known is left out. */
static void put_known(struct json_writer *json, const char *key, const char *text)
{
    if (text[0])
        json_put_text(json, key, text);
}

static void put_wallet(struct stix *stix, uint32_t index)
{
    struct json_writer *json = &stix->json;
    const struct result_account *account = view_account(&stix->view, index);
    char id[ID_TEXT_SIZE], chain[32];
    wallet_id(stix, index, id);
    snprintf(chain, sizeof(chain), "eip155:%" PRIu64, stix->result->head.chain_id);
    open_object(json, "wallet-address", id);
    json_put_account(json, "value", &stix->view, index);
    json_put_text(json, "chain", chain);
    if (account->labelled) {
        put_known(json, "label_class", label_class_name(account->class_));
        put_known(json, "label_name", account->name);
        put_known(json, "label_category", account->category);
        put_known(json, "label_entity", account->entity);
        put_known(json, "label_origin", account->origin);
    }
    open_extension(json, "new-sco");
    shut_extension(json);
    json_shut(json, '}');
}

static void put_transfer(struct stix *stix, const struct result_hop *hop)
{
    struct json_writer *json = &stix->json;
    const struct result_asset *asset = view_asset(&stix->view, hop->asset);
    open_extension(json, "property-extension");
    json_put_position(json, "key", hop->position);
    if (!hash_is_zero(hop->transaction_hash))
        json_put_hash(json, "transaction_hash", hop->transaction_hash);
    if (hop->block_number)
        json_put_u64(json, "block_number", hop->block_number);
    if (hop->log_index != LOG_INDEX_NONE)
        json_put_u64(json, "log_index", hop->log_index);
    json_put_asset(json, "asset", &stix->view, hop->asset);
    put_known(json, "symbol", asset->symbol);
    json_put_u64(json, "decimals", asset->decimals);
    json_put_truth(json, "recognised", asset->recognised);
    json_put_amount256(json, "amount", hop->amount);
    json_put_amount256(json, "tainted", hop->tainted);
    if (!u256_is_zero(hop->unproven))
        json_put_amount256(json, "unproven", hop->unproven);
    json_put_text(json, "taint_source", stix->result->sources[hop->source]);
    json_put_u64(json, "hop", hop->hop);
    if (hop->parent != RESULT_NONE) {
        char id[ID_TEXT_SIZE];
        hop_id(stix, &stix->result->hops[hop->parent], id);
        json_put_text(json, "parent_ref", id);
    }
    json_put_text(json, "grade", grade_name(hop->grade));
    json_put_text(json, "path_grade", grade_name(hop->path_grade));
    shut_extension(json);
}

static void put_hop(struct stix *stix, const struct result_hop *hop)
{
    struct json_writer *json = &stix->json;
    char id[ID_TEXT_SIZE], moment[MOMENT_TEXT_SIZE];
    hop_id(stix, hop, id);
    moment_text(ids_moment(stix->result, hop->time), moment);
    open_object(json, "relationship", id);
    json_put_text(json, "created_by_ref", IDENTITY);
    put_created(json, moment);
    json_put_text(json, "relationship_type", "transferred-to");
    wallet_id(stix, hop->from, id);
    json_put_text(json, "source_ref", id);
    wallet_id(stix, hop->to, id);
    json_put_text(json, "target_ref", id);
    if (hop->time)
        json_put_text(json, "start_time", moment);
    put_transfer(stix, hop);
    json_shut(json, '}');
}

static void put_note(struct stix *stix, size_t index, const char *report)
{
    struct json_writer *json = &stix->json;
    const struct result_note *note = &stix->result->head.notes[index];
    char id[ID_TEXT_SIZE];
    note_id(stix, index, id);
    open_object(json, "note", id);
    json_put_text(json, "created_by_ref", IDENTITY);
    put_created(json, stix->moment);
    json_put_text(json, "abstract", note_kind_name(note->kind));
    json_put_text(json, "content", note->text[0] ? note->text : "-");
    json_put_open(json, "object_refs", '[');
    json_text(json, report);
    json_shut(json, ']');
    json_shut(json, '}');
}

static void put_description(struct stix *stix)
{
    const struct result_head *head = &stix->result->head;
    char text[2048], repeat[1024];
    shown_text(repeat, sizeof(repeat), head->repeat ? head->repeat : "",
               strlen(head->repeat ? head->repeat : ""));
    snprintf(
        text, sizeof(text),
        "Transfers that carry tainted units under policy %s of taint/1, on %s. %sLimits, gaps and assumptions are in the notes. SHA-256 of "
        "the JSON result: %s. Repeat it with: %s",
        head->policy, head->network,
        stix->result->touches_gap ? "The result touches a gap of what was read. " : "", stix->ids.sha256,
        repeat);
    json_put_text(&stix->json, "description", text);
}

static void put_report(struct stix *stix, const struct flow *flow, const char *report)
{
    struct json_writer *json = &stix->json;
    char id[ID_TEXT_SIZE];
    open_object(json, "report", report);
    json_put_text(json, "created_by_ref", IDENTITY);
    put_created(json, stix->moment);
    json_put_text(json, "name", "Where the money went");
    put_description(stix);
    json_put_text(json, "published", stix->moment);
    json_put_open(json, "object_refs", '[');
    json_text(json, IDENTITY);
    for (uint32_t i = 0; i < stix->view.account_count; i++)
        if (flow->on[i]) {
            wallet_id(stix, i, id);
            json_text(json, id);
        }
    for (size_t i = 0; i < stix->result->hop_count; i++) {
        hop_id(stix, &stix->result->hops[i], id);
        json_text(json, id);
    }
    for (size_t i = 0; i < stix->result->head.note_count; i++) {
        note_id(stix, i, id);
        json_text(json, id);
    }
    json_shut(json, ']');
    json_shut(json, '}');
}

enum tracer_status stix_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err)
{
    struct stix stix = {.result = result, .view = view_of_trace(result)};
    struct flow flow;
    char id[ID_TEXT_SIZE], report[ID_TEXT_SIZE];
    (void)options;
    enum tracer_status status = ids_make(result, &stix.ids, err);
    if (!status)
        status = flow_make(result, &flow, err);
    if (status)
        return status;
    moment_text(ids_moment(result, 0), stix.moment);
    ids_text(&stix.ids, "bundle--", "bundle", id);
    ids_text(&stix.ids, "report--", "report", report);
    json_writer_init(&stix.json, stream);
    json_open(&stix.json, '{');
    json_put_text(&stix.json, "type", "bundle");
    json_put_text(&stix.json, "id", id);
    json_put_open(&stix.json, "objects", '[');
    put_definition(&stix.json);
    put_report(&stix, &flow, report);
    for (size_t i = 0; i < result->head.note_count; i++)
        put_note(&stix, i, report);
    for (uint32_t i = 0; i < stix.view.account_count; i++)
        if (flow.on[i])
            put_wallet(&stix, i);
    for (size_t i = 0; i < result->hop_count; i++)
        put_hop(&stix, &result->hops[i]);
    json_shut(&stix.json, ']');
    json_shut(&stix.json, '}');
    flow_release(&flow);
    return stream_done(stream, err);
}
