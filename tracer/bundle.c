/* bundle.c - see bundle.h. */
#include "bundle.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/hex.h"

const char *const bundle_names[BUNDLE_FILE_COUNT] = {
    [BUNDLE_TRANSFERS] = "transfers.csv", [BUNDLE_SEEDS] = "seeds.csv",     [BUNDLE_LABELS] = "labels.csv",
    [BUNDLE_ASSETS] = "assets.csv",       [BUNDLE_EXPLORED] = "explored.txt", [BUNDLE_BLOCKS] = "blocks.csv",
    [BUNDLE_HEADERS] = "headers.rlp",     [BUNDLE_NODES] = "nodes.rlp",     [BUNDLE_RESULT] = "result.json",
};

/* ---- inputs of the replay ---- */

void bundle_put_seed(FILE *stream, const struct taint_seed *seed)
{
    char text[ADDRESS_TEXT_SIZE], amount[U256_DECIMAL_MAX];
    address_format(seed->address, text);
    u256_format_decimal(seed->amount, amount);
    if (seed->is_address)
        fprintf(stream, "%s,address,%s,%" PRIu64 ",,,\n", seed->source, text, seed->block_number);
    else
        fprintf(stream, "%s,transfer,,%" PRIu64 ",%" PRId32 ",%" PRIu32 ",%s\n", seed->source, seed->position.block_number,
                seed->position.transaction_index, seed->position.index, seed->has_amount ? amount : "");
}

void bundle_put_label(FILE *stream, const struct taint_label *label)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(label->address, text);
    fprintf(stream, "%s,%s,%s\n", text, label_class_name(label->class_), label->emit);
}

void bundle_put_asset(FILE *stream, const struct taint_asset *asset)
{
    char text[ASSET_TEXT_SIZE], dust[U256_DECIMAL_MAX];
    asset_format(asset->asset, text);
    u256_format_decimal(asset->dust, dust);
    fprintf(stream, "%s,%" PRIu32 ",%" PRIu64 ",%s\n", text, asset->decimals, asset->weight, dust);
}

void bundle_put_explored(FILE *stream, struct address address)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    fprintf(stream, "%s\n", text);
}

int bundle_order_assets(const void *a, const void *b)
{
    return asset_compare(&((const struct taint_asset *)a)->asset, &((const struct taint_asset *)b)->asset);
}

int bundle_order_addresses(const void *a, const void *b)
{
    return address_compare(*(const struct address *)a, *(const struct address *)b);
}

/* ---- writing ---- */

static json_t *hash_text(struct hash hash)
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    return json_string(text);
}

static json_t *whole(uint64_t value) /* below 2^63: block numbers, counts, sizes */
{
    return json_integer((json_int_t)value);
}

static json_t *network_object(const struct bundle_manifest *manifest)
{
    json_t *wrappers = json_array();
    for (size_t i = 0; i < manifest->wrapper_count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(manifest->wrappers[i], text);
        json_array_append_new(wrappers, json_string(text));
    }
    json_t *anchor = manifest->has_anchor ? json_pack("{s:o, s:o}", "number", whole(manifest->anchor_number), "hash",
                                                      hash_text(manifest->anchor_hash))
                                          : json_null();
    return json_pack("{s:s, s:o, s:s, s:o, s:o}", "name", manifest->network, "chain_id", whole(manifest->chain_id), "rules",
                     manifest->rules, "anchor", anchor, "wrappers", wrappers);
}

static json_t *files_array(const struct bundle_manifest *manifest)
{
    json_t *files = json_array();
    for (int i = 0; i < BUNDLE_FILE_COUNT; i++) {
        char digest[65];
        digest_format(manifest->files[i].digest, digest);
        json_array_append_new(files, json_pack("{s:s, s:o, s:s}", "name", bundle_names[i], "size", whole(manifest->files[i].size),
                                               "sha256", digest));
    }
    return files;
}

static json_t *manifest_object(const struct bundle_manifest *manifest, const char *seal)
{
    const struct taint_options *options = &manifest->options;
    const struct evidence_counts *counts = &manifest->counts;
    return json_pack("{s:s, s:s, s:s, s:o, s:{s:o, s:o}, s:{s:s, s:s, s:s, s:s, s:s}, s:{s:o, s:o, s:o, s:o}, s:o, s:s}", "schema",
                     BUNDLE_SCHEMA, "version", manifest->version, "commit", manifest->commit, "network", network_object(manifest),
                     "blocks", "first", whole(manifest->first_block), "last", whole(manifest->last_block), "options", "policy",
                     taint_policy_name(options->policy), "links", links_name(options->links), "fees", fees_name(options->fees),
                     "unknown", unknown_name(options->unknown), "opening", opening_name(options->opening), "counts", "blocks",
                     whole(counts->blocks), "transactions", whole(counts->transactions), "transactions_proven",
                     whole(counts->transactions_proven), "rows", whole(counts->rows),
                     "files", files_array(manifest), "seal", seal);
}

enum tracer_status bundle_format_manifest(const struct bundle_manifest *manifest, struct buffer *to, struct error *err)
{
    char seal[65] = "";
    bool good = true;
    for (int pass = 0; pass < 2 && good; pass++) { /* the seal is the digest of the text without it */
        json_t *object = manifest_object(manifest, seal);
        char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
        json_decref(object);
        buffer_clear(to);
        good = text && buffer_text(to, text) && buffer_char(to, '\n');
        free(text);
        if (good && pass == 0)
            digest_format(digest_bytes(to->data, to->size), seal);
    }
    return good ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory for the manifest");
}

/* ---- reading ---- */

struct reading {
    struct bundle_manifest *to;
    struct arena *arena;
    bool good;
};

static void read_text(struct reading *reading, const json_t *object, const char *key, char *to, size_t size)
{
    const json_t *item = json_object_get(object, key);
    size_t length = json_string_length(item);
    reading->good = reading->good && json_is_string(item) && length < size;
    for (size_t i = 0; i < length && reading->good; i++) /* control characters have several forms in JSON */
        reading->good = (uint8_t)json_string_value(item)[i] >= ' ' && json_string_value(item)[i] != 0x7f;
    if (reading->good)
        memcpy(to, json_string_value(item), length + 1);
}

static void read_whole(struct reading *reading, const json_t *object, const char *key, uint64_t *to)
{
    const json_t *item = json_object_get(object, key);
    reading->good = reading->good && json_is_integer(item) && json_integer_value(item) >= 0;
    if (reading->good)
        *to = (uint64_t)json_integer_value(item);
}

static bool is_word(const json_t *object, const char *key, const char *name)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && strcmp(text, name) == 0;
}

/* A word that is none reads as the default here; the text is then not the one that is formatted again. */
static void read_options(struct reading *reading, const json_t *object)
{
    struct taint_options *to = &reading->to->options;
    const char *policy = json_string_value(json_object_get(object, "policy"));
    to->links = is_word(object, "links", links_name(LINKS_AUTO))   ? LINKS_AUTO
                : is_word(object, "links", links_name(LINKS_NONE)) ? LINKS_NONE
                                                                   : LINKS_GIVEN;
    to->fees = is_word(object, "fees", fees_name(FEES_FOLLOW)) ? FEES_FOLLOW : FEES_SINK;
    to->unknown = is_word(object, "unknown", unknown_name(UNKNOWN_CLEAN)) ? UNKNOWN_CLEAN : UNKNOWN_TRACK;
    to->opening = is_word(object, "opening", opening_name(OPENING_CLEAN)) ? OPENING_CLEAN : OPENING_UNKNOWN;
    reading->good = reading->good && policy && taint_policy_parse(policy, &to->policy);
}

static void read_network(struct reading *reading, const json_t *object)
{
    struct bundle_manifest *to = reading->to;
    const json_t *anchor = json_object_get(object, "anchor"), *wrappers = json_object_get(object, "wrappers");
    char hash[HASH_TEXT_SIZE];
    read_text(reading, object, "name", to->network, sizeof(to->network));
    read_text(reading, object, "rules", to->rules, sizeof(to->rules));
    read_whole(reading, object, "chain_id", &to->chain_id);
    to->has_anchor = json_is_object(anchor);
    if (to->has_anchor) {
        read_whole(reading, anchor, "number", &to->anchor_number);
        read_text(reading, anchor, "hash", hash, sizeof(hash));
        reading->good = reading->good && hash_parse(hash, strlen(hash), &to->anchor_hash);
    }
    size_t count = json_array_size(wrappers);
    struct address *addresses = arena_calloc(reading->arena, count + 1, sizeof(*addresses));
    reading->good = reading->good && json_is_array(wrappers) && addresses;
    for (size_t i = 0; i < count && reading->good; i++) {
        const json_t *item = json_array_get(wrappers, i);
        reading->good = json_is_string(item) && address_parse(json_string_value(item), json_string_length(item), &addresses[i]);
    }
    to->wrappers = addresses;
    to->wrapper_count = count;
}

static void read_files(struct reading *reading, const json_t *files)
{
    reading->good = reading->good && json_array_size(files) == BUNDLE_FILE_COUNT;
    for (int i = 0; i < BUNDLE_FILE_COUNT && reading->good; i++) {
        const json_t *file = json_array_get(files, (size_t)i);
        const char *name = json_string_value(json_object_get(file, "name"));
        char digest[65];
        read_whole(reading, file, "size", &reading->to->files[i].size);
        read_text(reading, file, "sha256", digest, sizeof(digest));
        reading->good = reading->good && name && strcmp(name, bundle_names[i]) == 0 && strlen(digest) == 64 &&
                        hex_decode(digest, 64, reading->to->files[i].digest.bytes, 32);
    }
}

static void read_all(struct reading *reading, const json_t *root)
{
    struct bundle_manifest *to = reading->to;
    const json_t *blocks = json_object_get(root, "blocks"), *counts = json_object_get(root, "counts");
    read_text(reading, root, "version", to->version, sizeof(to->version));
    read_text(reading, root, "commit", to->commit, sizeof(to->commit));
    read_network(reading, json_object_get(root, "network"));
    read_whole(reading, blocks, "first", &to->first_block);
    read_whole(reading, blocks, "last", &to->last_block);
    read_options(reading, json_object_get(root, "options"));
    read_whole(reading, counts, "blocks", &to->counts.blocks);
    read_whole(reading, counts, "transactions", &to->counts.transactions);
    read_whole(reading, counts, "transactions_proven", &to->counts.transactions_proven);
    read_whole(reading, counts, "rows", &to->counts.rows);
    read_files(reading, json_object_get(root, "files"));
}

enum tracer_status bundle_parse_manifest(const void *text, size_t size, struct arena *arena, struct bundle_manifest *ret_manifest,
                                         struct error *err)
{
    json_error_t why;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    const char *schema = json_string_value(json_object_get(root, "schema"));
    struct reading reading = {.to = ret_manifest, .arena = arena, .good = schema && strcmp(schema, BUNDLE_SCHEMA) == 0};
    *ret_manifest = (struct bundle_manifest){0};
    if (reading.good)
        read_all(&reading, root);
    json_decref(root);
    if (!reading.good)
        return error_set(err, TRACER_E_VERIFY, BUNDLE_MANIFEST ": no manifest of " BUNDLE_SCHEMA);
    /* Its text has only one form, the seal too. */
    struct buffer again;
    buffer_init(&again, TRACER_BUNDLE_MANIFEST_MAX);
    enum tracer_status status = bundle_format_manifest(ret_manifest, &again, err);
    if (!status && (again.size != size || memcmp(again.data, text, size) != 0))
        status = error_set(err, TRACER_E_VERIFY, BUNDLE_MANIFEST ": not in the form that " BUNDLE_SCHEMA " has");
    buffer_release(&again);
    return status;
}
