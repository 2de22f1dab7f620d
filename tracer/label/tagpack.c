/* tagpack.c - GraphSense TagPacks: a header whose fields every tag inherits, and tags. libyaml, loaded on
 * first use.
 *
 * Anchors, aliases, tags of YAML, several documents and doubled fields are refused; nothing is expanded, so
 * the work is bounded by the file. Scalars are taken as text: an unquoted 0x address is no number here. */
#include "list.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <yaml.h>

#define YAML_FILE "libyaml-0.so.2" /* of the interface that its header declares */
#define DEPTH_MAX 16u

static struct {
    bool loaded;
    __typeof__(&yaml_parser_initialize) create;
    __typeof__(&yaml_parser_delete) release;
    __typeof__(&yaml_parser_set_input_string) set_input;
    __typeof__(&yaml_parser_set_encoding) set_encoding;
    __typeof__(&yaml_parser_parse) parse;
    __typeof__(&yaml_event_delete) delete_event;
    __typeof__(&yaml_get_version) version;
    __typeof__(&yaml_get_version_string) version_text;
} yaml;

static enum tracer_status load(struct error *err)
{
    if (yaml.loaded)
        return TRACER_OK;
    void *handle = dlopen(YAML_FILE, RTLD_NOW | RTLD_LOCAL);
    if (handle) {
        *(void **)&yaml.create = dlsym(handle, "yaml_parser_initialize");
        *(void **)&yaml.release = dlsym(handle, "yaml_parser_delete");
        *(void **)&yaml.set_input = dlsym(handle, "yaml_parser_set_input_string");
        *(void **)&yaml.set_encoding = dlsym(handle, "yaml_parser_set_encoding");
        *(void **)&yaml.parse = dlsym(handle, "yaml_parser_parse");
        *(void **)&yaml.delete_event = dlsym(handle, "yaml_event_delete");
        *(void **)&yaml.version = dlsym(handle, "yaml_get_version");
        *(void **)&yaml.version_text = dlsym(handle, "yaml_get_version_string");
    }
    int major = 0, minor = 0, patch = 0;
    if (handle && yaml.version)
        yaml.version(&major, &minor, &patch);
    if (handle && yaml.version && (major * 1000 + minor) * 1000 + patch < 2002)
        return error_set(err, TRACER_E_UNAVAILABLE, YAML_FILE " is older than 0.2.2");
    yaml.loaded = handle && yaml.version && yaml.version_text && yaml.create && yaml.release && yaml.set_input && yaml.set_encoding &&
                  yaml.parse && yaml.delete_event;
    return yaml.loaded
               ? TRACER_OK
               : error_set(err, TRACER_E_UNAVAILABLE, YAML_FILE " could not be loaded (package libyaml-0-2)");
}

/* Where a currency or network lives. */
static const struct {
    const char *code;
    uint64_t chain_id; /* 0: another ledger, or (is_token) that of the network */
    bool is_token;     /* on several ledgers: the address's shape decides where no network is named */
} ledgers[] = {{"ETH", 1, false},    {"ARB", 42161, false}, {"AVAX", 43114, false}, {"BASE", 8453, false},
               {"BEP20", 56, false}, {"BSC", 56, false},    {"ETC", 61, false},     {"MATIC", 137, false},
               {"OP", 10, false},    {"POL", 137, false},   {"RON", 2020, false},   {"USDC", 0, true},
               {"USDT", 0, true},    {"DAI", 0, true},      {"WETH", 0, true},      {"BUSD", 0, true},
               {"ADA", 0, false},    {"ALGO", 0, false},    {"ATOM", 0, false},     {"BCH", 0, false},
               {"BEP2", 0, false},   {"BSV", 0, false},     {"BTC", 0, false},      {"BTG", 0, false},
               {"DASH", 0, false},   {"DOGE", 0, false},    {"DOT", 0, false},      {"EOS", 0, false},
               {"FIL", 0, false},    {"LTC", 0, false},     {"NEAR", 0, false},     {"SOL", 0, false},
               {"TON", 0, false},    {"TRX", 0, false},     {"XLM", 0, false},      {"XMR", 0, false},
               {"XRP", 0, false},    {"XTZ", 0, false},     {"XVG", 0, false},      {"ZEC", 0, false}};
#define LEDGER_COUNT (sizeof(ledgers) / sizeof(ledgers[0]))

/* The weights of its own table: 70 and more high, 50 and more medium. */
static const struct {
    const char *name;
    enum label_confidence confidence;
} confidences[] = {{"override", CONFIDENCE_HIGH},
                   {"ownership", CONFIDENCE_HIGH},
                   {"ledger_immanent", CONFIDENCE_HIGH},
                   {"manual_transaction", CONFIDENCE_HIGH},
                   {"service_api", CONFIDENCE_HIGH},
                   {"forensic_investigation", CONFIDENCE_HIGH},
                   {"authority_data", CONFIDENCE_MEDIUM},
                   {"trusted_provider", CONFIDENCE_MEDIUM},
                   {"service_data", CONFIDENCE_MEDIUM},
                   {"forensic", CONFIDENCE_MEDIUM},
                   {"untrusted_transaction", CONFIDENCE_LOW},
                   {"web_crawl", CONFIDENCE_LOW},
                   {"heuristic", CONFIDENCE_LOW},
                   {"unknown", CONFIDENCE_LOW},
                   {"", CONFIDENCE_LOW}};
#define CONFIDENCE_COUNT (sizeof(confidences) / sizeof(confidences[0]))

static const struct {
    const char *category;
    enum label_class class_;
} classes[] = {
    {"exchange", CLASS_SERVICE},     {"gambling", CLASS_SERVICE}, {"payment_processor", CLASS_SERVICE},
    {"mixing_service", CLASS_MIXER}, {"coinjoin", CLASS_MIXER},   {"defi_bridge", CLASS_BRIDGE},
    {"defi_dex", CLASS_VENUE}};

enum field {
    ADDRESS,
    LABEL,
    SOURCE,
    CURRENCY,
    NETWORK,
    CONFIDENCE,
    CATEGORY,
    ABUSE,
    ACTOR,
    LASTMOD,
    TX_HASH,
    TITLE,
    TAGS,
    FIELD_COUNT
};
static const char *const field_names[FIELD_COUNT] = {
    "address", "label", "source",  "currency", "network", "confidence", "category",
    "abuse",   "actor", "lastmod", "tx_hash",  "title",   "tags"};

struct tag {
    const char *fields[FIELD_COUNT]; /* NULL: not given */
    size_t line;
};
struct pack {
    struct list_writer *writer;
    yaml_parser_t parser;
    struct arena *arena;
    struct tag header, *tags;
    size_t count, room;
};

static enum tracer_status bad(struct pack *pack, size_t line, const char *what, const char *text)
{
    char shown[TRACER_QUOTED_MAX + 1];
    return error_set(pack->writer->err, TRACER_E_USAGE, "%s:%zu: %s%s%s", pack->writer->file, line, what,
                     text ? ": " : "", text ? safe_text(shown, sizeof(shown), text, strlen(text)) : "");
}

/* The next event, without anything that refers to elsewhere or asks for a type. The caller deletes it. */
static enum tracer_status next(struct pack *pack, yaml_event_t *ret_event)
{
    struct list_writer *writer = pack->writer;
    if (!yaml.parse(&pack->parser, ret_event)) {
        *ret_event = (yaml_event_t){0};
        if (pack->parser.error == YAML_MEMORY_ERROR)
            return error_set(writer->err, TRACER_E_NOMEM, "%s: no memory", writer->file);
        return bad(pack, pack->parser.problem_mark.line + 1, "not YAML", pack->parser.problem);
    }
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (ret_event->type == YAML_SCALAR_EVENT) {
        anchor = ret_event->data.scalar.anchor;
        tag = ret_event->data.scalar.tag;
    } else if (ret_event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = ret_event->data.sequence_start.anchor;
        tag = ret_event->data.sequence_start.tag;
    } else if (ret_event->type == YAML_MAPPING_START_EVENT) {
        anchor = ret_event->data.mapping_start.anchor;
        tag = ret_event->data.mapping_start.tag;
    }
    size_t line = ret_event->start_mark.line + 1;
    enum tracer_status status = TRACER_OK;
    if (anchor || tag || ret_event->type == YAML_ALIAS_EVENT)
        status = bad(pack, line, "anchors, aliases and tags of YAML are not accepted", NULL);
    else if (ret_event->type == YAML_SCALAR_EVENT && ret_event->data.scalar.length > TRACER_LIST_TEXT_MAX)
        status =
            error_set(writer->err, TRACER_E_LIMIT, "%s:%zu: a text over %zu bytes (TRACER_LIST_TEXT_MAX)",
                      writer->file, line, TRACER_LIST_TEXT_MAX);
    if (status) {
        yaml.delete_event(ret_event);
        *ret_event = (yaml_event_t){0};
    }
    return status;
}

/* The rest of a value that began with `event`. */
static enum tracer_status skip(struct pack *pack, const yaml_event_t *event)
{
    size_t depth = event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    enum tracer_status status = TRACER_OK;
    while (depth && !status) {
        yaml_event_t inner;
        status = next(pack, &inner);
        if (inner.type == YAML_SEQUENCE_START_EVENT || inner.type == YAML_MAPPING_START_EVENT)
            depth++;
        else if (inner.type == YAML_SEQUENCE_END_EVENT || inner.type == YAML_MAPPING_END_EVENT)
            depth--;
        if (!status && depth > DEPTH_MAX)
            status = bad(pack, inner.start_mark.line + 1, "nested too deep", NULL);
        if (inner.type)
            yaml.delete_event(&inner);
    }
    return status;
}

/* A scalar without NUL bytes, line ends and blanks around it, in the arena. */
static enum tracer_status text_of(struct pack *pack, const yaml_event_t *event, const char **ret_text)
{
    size_t length = event->data.scalar.length;
    if (memchr(event->data.scalar.value, '\0', length))
        return bad(pack, event->start_mark.line + 1, "a NUL byte", NULL);
    const char *value = (const char *)event->data.scalar.value;
    while (length && strchr(" \t\r\n", value[length - 1]))
        length--;
    for (; length && strchr(" \t\r\n", *value); length--)
        value++;
    char *text = arena_text(pack->arena, value, length);
    *ret_text = text;
    if (!text)
        return error_set(pack->writer->err, TRACER_E_NOMEM, "%s: no memory", pack->writer->file);
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
            text[i] = ' ';
    return TRACER_OK;
}

static enum tracer_status read_tags(struct pack *pack);

/* A mapping that has begun: the header's (`is_header`, which holds the tags) or a tag's. */
static enum tracer_status read_fields(struct pack *pack, struct tag *tag, bool is_header)
{
    for (;;) {
        yaml_event_t key, value = {0};
        enum tracer_status status = next(pack, &key);
        if (status)
            return status;
        if (key.type != YAML_SCALAR_EVENT) {
            bool done = key.type == YAML_MAPPING_END_EVENT;
            size_t line = key.start_mark.line + 1;
            yaml.delete_event(&key);
            return done ? TRACER_OK : bad(pack, line, "a field's name is no text", NULL);
        }
        size_t field = 0, line = key.start_mark.line + 1;
        while (field < FIELD_COUNT && strcmp((const char *)key.data.scalar.value, field_names[field]) != 0)
            field++;
        yaml.delete_event(&key);
        if (field < FIELD_COUNT && tag->fields[field])
            return bad(pack, line, "a field stands twice", field_names[field]);
        if ((status = next(pack, &value)))
            return status;
        if (field == TAGS) {
            tag->fields[TAGS] = "";
            if (value.type == YAML_SEQUENCE_START_EVENT && is_header)
                status = read_tags(pack);
            else
                status = bad(pack, line, "tags is no list of the header", NULL);
        } else if (field < FIELD_COUNT && value.type != YAML_SCALAR_EVENT) {
            status = bad(pack, line, "a field is no text", field_names[field]);
        } else if (field < FIELD_COUNT) {
            status = text_of(pack, &value, &tag->fields[field]);
        } else {
            status = skip(pack, &value);
        }
        yaml.delete_event(&value);
        if (status)
            return status;
    }
}

static enum tracer_status read_tags(struct pack *pack)
{
    for (;;) {
        yaml_event_t event;
        enum tracer_status status = next(pack, &event);
        if (status)
            return status;
        yaml_event_type_t type = event.type;
        size_t line = event.start_mark.line + 1;
        yaml.delete_event(&event);
        if (type == YAML_SEQUENCE_END_EVENT)
            return TRACER_OK;
        if (type != YAML_MAPPING_START_EVENT)
            return bad(pack, line, "a tag is no mapping", NULL);
        if (pack->count == TRACER_LABELS_MAX)
            return error_set(pack->writer->err, TRACER_E_LIMIT, "%s: more than %u labels (TRACER_LABELS_MAX)",
                             pack->writer->file, TRACER_LABELS_MAX);
        if (pack->count == pack->room) {
            size_t room = pack->room ? pack->room * 2 : 256;
            struct tag *tags = realloc(pack->tags, room * sizeof(*tags));
            if (!tags)
                return error_set(pack->writer->err, TRACER_E_NOMEM, "%s: no memory", pack->writer->file);
            pack->tags = tags;
            pack->room = room;
        }
        pack->tags[pack->count] = (struct tag){.line = line};
        if ((status = read_fields(pack, &pack->tags[pack->count], false)))
            return status;
        pack->count++;
    }
}

/* One document that is a mapping, and its end. */
static enum tracer_status read_document(struct pack *pack)
{
    static const yaml_event_type_t before[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT,
                                               YAML_MAPPING_START_EVENT},
                                   after[] = {YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT};
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < 5 && !status; i++) {
        yaml_event_t event;
        if ((status = next(pack, &event)))
            return status;
        if (event.type != (i < 3 ? before[i] : after[i - 3]))
            status = bad(pack, event.start_mark.line + 1, "not one mapping, as a TagPack is", NULL);
        yaml.delete_event(&event);
        if (!status && i == 2)
            status = read_fields(pack, &pack->header, true);
    }
    return status;
}

static const char *field_of(const struct pack *pack, const struct tag *tag, enum field field)
{
    const char *text = tag->fields[field] ? tag->fields[field] : pack->header.fields[field];
    return text ? text : "";
}

static enum tracer_status find_ledger(struct pack *pack, const struct tag *tag, enum field field,
                                      size_t *ret_index)
{
    const char *code = field_of(pack, tag, field);
    for (*ret_index = 0; *ret_index < LEDGER_COUNT; (*ret_index)++)
        if (strcasecmp(ledgers[*ret_index].code, code) == 0)
            return TRACER_OK;
    return bad(pack, tag->line,
               field == NETWORK ? "a network that this version does not know"
                                : "a currency that this version does not know",
               code);
}

/* The chain of a tag; 0: another ledger. */
static enum tracer_status chain_of(struct pack *pack, const struct tag *tag, bool has_address,
                                   uint64_t *ret_chain)
{
    size_t currency, network;
    enum tracer_status status = find_ledger(pack, tag, CURRENCY, &currency);
    if (status)
        return status;
    *ret_chain = ledgers[currency].chain_id;
    bool is_token = ledgers[currency].is_token;
    if (field_of(pack, tag, NETWORK)[0]) {
        if ((status = find_ledger(pack, tag, NETWORK, &network)))
            return status;
        *ret_chain = ledgers[network].chain_id;
        is_token = ledgers[network].is_token;
    }
    if (is_token)
        *ret_chain = has_address ? 1 : 0;
    return TRACER_OK;
}

static enum tracer_status meaning_of(struct pack *pack, const struct tag *tag, struct label *claim)
{
    const char *confidence = field_of(pack, tag, CONFIDENCE);
    size_t i = 0;
    while (i < CONFIDENCE_COUNT && strcmp(confidences[i].name, confidence) != 0)
        i++;
    if (i == CONFIDENCE_COUNT)
        return bad(pack, tag->line, "not a confidence of TagPacks", confidence);
    claim->confidence = confidences[i].confidence;
    claim->category = field_of(pack, tag, ABUSE);
    if (!claim->category[0])
        claim->category = field_of(pack, tag, CATEGORY);
    /* What only a crawler or a guess says never stops a trace (threat-model I5). */
    for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]) && claim->confidence != CONFIDENCE_LOW; c++)
        if (strcmp(classes[c].category, claim->category) == 0 && !address_is_void(claim->address))
            claim->class_ = classes[c].class_;
    claim->entity = field_of(pack, tag, ACTOR);
    claim->name = field_of(pack, tag, LABEL);
    claim->origin = field_of(pack, tag, SOURCE);
    if (!claim->name[0])
        return bad(pack, tag->line, "a tag without label", NULL);
    return TRACER_OK;
}

static enum tracer_status put_tag(struct pack *pack, const struct tag *tag)
{
    const char *address = field_of(pack, tag, ADDRESS);
    struct label claim = {0};
    bool hex = address[0] == '0' && (address[1] == 'x' || address[1] == 'X');
    bool has_address = hex && address_parse(address, strlen(address), &claim.address);
    enum tracer_status status = chain_of(pack, tag, has_address, &claim.chain_id);
    if (status)
        return status;
    if (!address[0] && !field_of(pack, tag, TX_HASH)[0])
        return bad(pack, tag->line, "a tag without address", NULL);
    if (!claim.chain_id || !address[0]) {
        list_skip(pack->writer);
        return TRACER_OK;
    }
    if (!has_address)
        return bad(pack, tag->line, "not an address of its network", address);
    status = meaning_of(pack, tag, &claim);
    return status ? status : list_put(pack->writer, &claim);
}

static enum tracer_status put_tags(struct pack *pack)
{
    enum tracer_status status = TRACER_OK;
    const char *modified = pack->header.fields[LASTMOD];
    if (!pack->header.fields[TITLE] || !pack->header.fields[TAGS])
        return bad(pack, 1, "no title or no tags: not a TagPack", NULL);
    if (modified) {
        char year[5] = "", month[3] = "", day[3] = "";
        if (strlen(modified) >= 10 && modified[4] == '-' && modified[7] == '-') {
            memcpy(year, modified, 4);
            memcpy(month, modified + 5, 2);
            memcpy(day, modified + 8, 2);
        }
        status = list_set_date(pack->writer, year, month, day);
    }
    for (size_t i = 0; i < pack->count && !status; i++)
        status = put_tag(pack, &pack->tags[i]);
    return status;
}

enum tracer_status tagpack_read(struct list_writer *writer, const char *data, size_t size)
{
    enum tracer_status status = load(writer->err);
    if (status)
        return status;
    struct pack *pack = calloc(1, sizeof(*pack));
    if (!pack)
        return error_set(writer->err, TRACER_E_NOMEM, "no memory");
    pack->writer = writer;
    pack->arena = arena_new(TRACER_FILE_RESULT_MAX);
    if (!pack->arena || !yaml.create(&pack->parser)) {
        status = error_set(writer->err, TRACER_E_NOMEM, "no memory");
    } else {
        yaml.set_input(&pack->parser, (const unsigned char *)data, size);
        yaml.set_encoding(&pack->parser, YAML_UTF8_ENCODING);
        status = read_document(pack);
        if (!status)
            status = put_tags(pack);
        yaml.release(&pack->parser);
    }
    arena_free(pack->arena);
    free(pack->tags);
    free(pack);
    return status;
}

const char *label_yaml_library(void)
{
    return load(NULL) ? NULL : yaml.version_text();
}
