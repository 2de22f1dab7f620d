/* config.c - the configuration file. */
#include "tracer/config.h"

#include "tracer/file.h"
#include "tracer/label.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct named { /* endpoints, or explorers */
    struct rpc_endpoint items[TRACER_ENDPOINTS_MAX];
    const char *networks[TRACER_ENDPOINTS_MAX]; /* NULL: any */
    const char *keys[TRACER_ENDPOINTS_MAX];     /* of explorers: the environment variable; NULL: none */
    size_t count;
};

struct config {
    struct arena *arena;
    struct named endpoints, explorers;
    struct chain_network *networks;
    size_t network_count;
    const char *decisions;
};

#define NETWORKS_MAX 64u

static bool known_key(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcmp(key, *keys) == 0)
            return true;
    return false;
}

static enum tracer_status only_keys(json_t *object, const char *where, const char *const *keys,
                                    struct error *err)
{
    if (!json_is_object(object))
        return error_set(err, TRACER_E_USAGE, "%s must be an object", where);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char shown[TRACER_QUOTED_MAX];
        if (!known_key(key, keys))
            return error_set(err, TRACER_E_USAGE, "%s: unknown key \"%s\"", where,
                             safe_text(shown, sizeof(shown), key, strlen(key)));
    }
    return TRACER_OK;
}

/* A printable text member of 1..size-1 characters. */
static enum tracer_status text_member(json_t *object, const char *where, const char *key, size_t size,
                                      char *to, struct error *err)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return error_set(err, TRACER_E_USAGE, "%s: \"%s\" must be a text", where, key);
    size_t length = json_string_length(value);
    const char *text = json_string_value(value);
    if (length == 0 || length >= size)
        return error_set(err, TRACER_E_USAGE, "%s: \"%s\" must have 1 to %zu characters", where, key,
                         size - 1);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] > '~')
            return error_set(err, TRACER_E_USAGE, "%s: \"%s\" has a space or an unprintable character", where,
                             key);
    memcpy(to, text, length + 1);
    return TRACER_OK;
}

static enum tracer_status integer_member(json_t *object, const char *where, const char *key, json_int_t max,
                                         uint64_t *ret_value, struct error *err)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
        return error_set(err, TRACER_E_USAGE, "%s: \"%s\" must be a whole number from 0 to %lld", where, key,
                         (long long)max);
    *ret_value = (uint64_t)json_integer_value(value);
    return TRACER_OK;
}

/* An endpoint, or with `explorer` an explorer: the header comes from the environment now, a key when it is named. */
static enum tracer_status read_endpoint(struct config *config, struct named *named, bool explorer, json_t *item, size_t index, struct error *err)
{
    static const char *const endpoint_keys[] = {"name", "url", "header_env", "rate", "network", NULL};
    static const char *const explorer_keys[] = {"name", "url", "key_env", "rate", "network", NULL};
    const char *list = explorer ? "explorers" : "endpoints", *secret = explorer ? "key_env" : "header_env";
    char where[48], url[2048], network[TRACER_NETWORK_NAME_MAX + 1], variable[128];
    snprintf(where, sizeof(where), "%s[%zu]", list, index);
    enum tracer_status status = only_keys(item, where, explorer ? explorer_keys : endpoint_keys, err);
    if (status)
        return status;
    if (named->count == TRACER_ENDPOINTS_MAX)
        return error_set(err, TRACER_E_USAGE, "%s: at most %u %s", where, TRACER_ENDPOINTS_MAX, list);
    struct rpc_endpoint *endpoint = &named->items[named->count];
    if ((status = text_member(item, where, "name", sizeof(endpoint->name), endpoint->name, err)) ||
        (status = text_member(item, where, "url", sizeof(url), url, err)))
        return status;
    if (!(endpoint->url = arena_text(config->arena, url, strlen(url))))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (json_object_get(item, "network")) {
        if ((status = text_member(item, where, "network", sizeof(network), network, err)))
            return status;
        named->networks[named->count] = arena_text(config->arena, network, strlen(network));
    }
    if (json_object_get(item, "rate")) {
        uint64_t rate = 0;
        if ((status = integer_member(item, where, "rate", 100000, &rate, err)))
            return status;
        endpoint->rate_per_second = (uint32_t)rate;
    } else if (explorer) {
        endpoint->rate_per_second = TRACER_EXPLORER_RATE;
    }
    if (json_object_get(item, secret)) {
        if ((status = text_member(item, where, secret, sizeof(variable), variable, err)))
            return status;
        const char *header = explorer ? variable : getenv(variable);
        if (!header)
            return error_set(err, TRACER_E_USAGE, "%s: the environment variable %s is not set", where,
                             variable);
        *(explorer ? &named->keys[named->count] : &endpoint->header) = arena_text(config->arena, header, strlen(header));
    }
    for (size_t i = 0; i < named->count; i++)
        if (strcmp(named->items[i].name, endpoint->name) == 0)
            return error_set(err, TRACER_E_USAGE, "%s: the name \"%s\" is taken", where, endpoint->name);
    named->count++;
    return TRACER_OK;
}

/* "NUMBER:0xHASH" */
static bool parse_anchor(const char *text, uint64_t *ret_number, struct hash *ret_hash)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != ':' || number > INT64_MAX)
        return false;
    *ret_number = number;
    return hash_parse(end + 1, strlen(end + 1), ret_hash);
}

static enum tracer_status read_checkpoints(struct config *config, json_t *list, const char *where,
                                           struct chain_network *network, struct error *err)
{
    if (!json_is_array(list) || json_array_size(list) > 1000)
        return error_set(err, TRACER_E_USAGE, "%s: \"checkpoints\" must be a list of at most 1000 texts \"NUMBER:0xBLOCKHASH\"", where);
    struct chain_checkpoint *checkpoints = arena_calloc(config->arena, json_array_size(list) + 1, sizeof(*checkpoints));
    if (!checkpoints)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !parse_anchor(text, &checkpoints[i].number, &checkpoints[i].hash))
            return error_set(err, TRACER_E_USAGE, "%s: checkpoints[%zu] must be \"NUMBER:0xBLOCKHASH\"", where, i);
    }
    network->checkpoints = checkpoints;
    network->checkpoint_count = json_array_size(list);
    return TRACER_OK;
}

static enum tracer_status read_wrappers(struct config *config, json_t *list, const char *where,
                                        struct chain_network *network, struct error *err)
{
    if (!json_is_array(list) || json_array_size(list) > 1000)
        return error_set(err, TRACER_E_USAGE, "%s: \"wrappers\" must be a list of at most 1000 addresses",
                         where);
    struct address *wrappers = arena_calloc(config->arena, json_array_size(list) + 1, sizeof(*wrappers));
    if (!wrappers)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        if (!json_is_string(item) ||
            !address_parse(json_string_value(item), json_string_length(item), &wrappers[i]))
            return error_set(err, TRACER_E_USAGE, "%s: wrappers[%zu] is not an address", where, i);
    }
    network->wrappers = wrappers;
    network->wrapper_count = json_array_size(list);
    return TRACER_OK;
}

static enum tracer_status read_network(struct config *config, json_t *item, size_t index, struct error *err)
{
    static const char *const keys[] = {"name", "chain_id", "anchor", "rules", "symbol", "wrappers", "checkpoints", NULL};
    char where[48], anchor[160], rules[32];
    snprintf(where, sizeof(where), "networks[%zu]", index);
    enum tracer_status status = only_keys(item, where, keys, err);
    if (status)
        return status;
    struct chain_network *network = &config->networks[config->network_count];
    if ((status = text_member(item, where, "name", sizeof(network->name), network->name, err)) ||
        (status = integer_member(item, where, "chain_id", INT64_MAX, &network->chain_id, err)) ||
        (status = text_member(item, where, "anchor", sizeof(anchor), anchor, err)) ||
        (status = text_member(item, where, "rules", sizeof(rules), rules, err)))
        return status;
    if (!parse_anchor(anchor, &network->anchor_number, &network->anchor_hash))
        return error_set(err, TRACER_E_USAGE, "%s: \"anchor\" must be \"NUMBER:0xBLOCKHASH\"", where);
    network->rules = chain_rules_find(rules);
    if (!network->rules)
        return error_set(err, TRACER_E_USAGE, "%s: there are no rules \"%s\" (latest, ethereum, ronin)",
                         where, rules);
    memcpy(network->native_symbol, "ETH", 4);
    if (json_object_get(item, "symbol") &&
        (status =
             text_member(item, where, "symbol", sizeof(network->native_symbol), network->native_symbol, err)))
        return status;
    json_t *wrappers = json_object_get(item, "wrappers");
    if (wrappers && (status = read_wrappers(config, wrappers, where, network, err)))
        return status;
    json_t *checkpoints = json_object_get(item, "checkpoints");
    if (checkpoints && (status = read_checkpoints(config, checkpoints, where, network, err)))
        return status;
    for (size_t i = 0; i < config->network_count; i++)
        if (strcmp(config->networks[i].name, network->name) == 0)
            return error_set(err, TRACER_E_USAGE, "%s: the name \"%s\" is taken", where, network->name);
    config->network_count++;
    return TRACER_OK;
}

static enum tracer_status read_root(struct config *config, json_t *root, struct error *err)
{
    static const char *const keys[] = {"endpoints", "explorers", "networks", "decisions", NULL};
    enum tracer_status status = only_keys(root, "the configuration", keys, err);
    if (status)
        return status;
    json_t *endpoints = json_object_get(root, "endpoints"), *explorers = json_object_get(root, "explorers"),
           *networks = json_object_get(root, "networks");
    if ((endpoints && !json_is_array(endpoints)) || (explorers && !json_is_array(explorers)) || (networks && !json_is_array(networks)))
        return error_set(err, TRACER_E_USAGE, "\"endpoints\", \"explorers\" and \"networks\" must be lists");
    for (size_t i = 0; i < json_array_size(endpoints) && !status; i++)
        status = read_endpoint(config, &config->endpoints, false, json_array_get(endpoints, i), i, err);
    for (size_t i = 0; i < json_array_size(explorers) && !status; i++)
        status = read_endpoint(config, &config->explorers, true, json_array_get(explorers, i), i, err);
    if (status)
        return status;
    if (json_array_size(networks) > NETWORKS_MAX)
        return error_set(err, TRACER_E_USAGE, "at most %u networks", NETWORKS_MAX);
    if (!(config->networks = arena_calloc(config->arena, json_array_size(networks) + 1, sizeof(*config->networks))))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < json_array_size(networks) && !status; i++)
        status = read_network(config, json_array_get(networks, i), i, err);
    char path[4096];
    if (!status && json_object_get(root, "decisions") &&
        !(status = text_member(root, "the configuration", "decisions", sizeof(path), path, err)) &&
        !(config->decisions = arena_text(config->arena, path, strlen(path))))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    return status;
}

enum tracer_status config_open(const char *path, struct config **ret_config, struct error *err)
{
    struct config *config = calloc(1, sizeof(*config));
    if (!config || !(config->arena = arena_new(TRACER_MIB(16)))) {
        config_close(config);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    enum tracer_status status = TRACER_OK;
    if (path) {
        struct buffer text;
        buffer_init(&text, TRACER_FILE_CONFIG_MAX);
        json_t *root = NULL;
        json_error_t problem;
        status = file_read(path, TRACER_FILE_CONFIG_MAX, &text, err);
        if (!status &&
            !(root = json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &problem)))
            status = error_set(err, TRACER_E_USAGE, "%s:%d: %s", path, problem.line, problem.text);
        else if (!status && (status = read_root(config, root, err)))
            error_context(err, "%s", path);
        json_decref(root);
        buffer_release(&text);
    }
    if (status) {
        config_close(config);
        return status;
    }
    *ret_config = config;
    return TRACER_OK;
}

const char *config_decisions(const struct config *config)
{
    return config->decisions;
}

void config_close(struct config *config)
{
    if (!config)
        return;
    arena_free(config->arena);
    free(config);
}

enum tracer_status config_network(struct config *config, const char *name_or_id,
                                  struct chain_network *ret_network, struct error *err)
{
    char id[24], shown[TRACER_QUOTED_MAX];
    for (size_t i = 0; i < config->network_count; i++) {
        snprintf(id, sizeof(id), "%llu", (unsigned long long)config->networks[i].chain_id);
        if (strcmp(config->networks[i].name, name_or_id) == 0 || strcmp(id, name_or_id) == 0) {
            *ret_network = config->networks[i];
            return TRACER_OK;
        }
    }
    if (!chain_builtin(name_or_id, ret_network))
        return error_set(
            err, TRACER_E_USAGE,
            "no network \"%s\": built in are ethereum and ronin; name others in the configuration",
            safe_text(shown, sizeof(shown), name_or_id, strlen(name_or_id)));
    ret_network->wrappers = registry_wrappers(ret_network->chain_id, &ret_network->wrapper_count);
    return TRACER_OK;
}

const char *config_native_symbol(struct config *config, uint64_t chain_id)
{
    char id[24];
    struct chain_network builtin;
    snprintf(id, sizeof(id), "%llu", (unsigned long long)chain_id);
    for (size_t i = 0; i < config->network_count; i++)
        if (config->networks[i].chain_id == chain_id)
            return config->networks[i].native_symbol;
    return chain_builtin(id, &builtin) ? arena_text(config->arena, builtin.native_symbol, strlen(builtin.native_symbol)) : "native";
}

/* Where the one called `name` stands; false: nowhere. */
static bool find_named(const struct named *named, const char *name, size_t *ret_index)
{
    for (*ret_index = 0; *ret_index < named->count; ++*ret_index)
        if (strcmp(named->items[*ret_index].name, name) == 0)
            return true;
    return false;
}

/* What was given as neither URL nor the word public. */
static enum tracer_status by_name(const struct named *named, const struct chain_network *network, const char *option, size_t number,
                                  const char *name, size_t *ret_index, struct error *err)
{
    if (!find_named(named, name, ret_index))
        return error_set(err, TRACER_E_USAGE, /* not quoted: it may be a URL with a key (threat-model T11) */
                         "--%s number %zu is neither a URL with https:// nor in the configuration", option, number);
    const char *only = named->networks[*ret_index];
    if (network && only && strcmp(only, network->name) != 0)
        return error_set(err, TRACER_E_USAGE, "\"%s\" belongs to another network", named->items[*ret_index].name);
    return TRACER_OK;
}

static enum tracer_status add_endpoint(struct rpc_endpoint *endpoints, size_t capacity, size_t *count,
                                       const struct rpc_endpoint *endpoint, struct error *err)
{
    if (*count == capacity)
        return error_set(err, TRACER_E_USAGE, "more than %zu endpoints", capacity);
    endpoints[(*count)++] = *endpoint;
    return TRACER_OK;
}

enum tracer_status config_endpoints(struct config *config, const struct chain_network *network,
                                    const char *const *given, size_t given_count,
                                    struct rpc_endpoint *ret_endpoints, size_t capacity, size_t *ret_count,
                                    struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t count = 0, urls = 0;
    for (size_t i = 0; i < given_count && !status; i++) {
        struct rpc_endpoint bare = {0};
        if (strcmp(given[i], "public") == 0) {
            const char *const *public_urls = network ? chain_public_endpoints(network) : NULL;
            if (!public_urls || !*public_urls)
                return error_set(err, TRACER_E_USAGE, "no public endpoints are known for this network");
            for (size_t p = 0; public_urls[p] && !status; p++) {
                snprintf(bare.name, sizeof(bare.name), "public-%zu", p + 1);
                bare.url = public_urls[p];
                status = add_endpoint(ret_endpoints, capacity, &count, &bare, err);
            }
        } else if (strstr(given[i], "://")) {
            snprintf(bare.name, sizeof(bare.name), "endpoint-%zu", ++urls);
            bare.url = given[i];
            status = add_endpoint(ret_endpoints, capacity, &count, &bare, err);
        } else {
            size_t index;
            status = by_name(&config->endpoints, network, "rpc", i + 1, given[i], &index, err);
            if (!status)
                status = add_endpoint(ret_endpoints, capacity, &count, &config->endpoints.items[index], err);
        }
    }
    if (!status)
        *ret_count = count;
    return status;
}

/* The URL with the key, as a parameter that both Etherscan and Blockscout know. */
static enum tracer_status put_key(struct config *config, const char *variable, struct rpc_endpoint *explorer, struct error *err)
{
    const char *key = getenv(variable);
    if (!key || !*key || strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") != strlen(key))
        return error_set(err, TRACER_E_USAGE, "explorer \"%s\": the environment variable %s %s", explorer->name, variable,
                         key ? "holds no key" : "is not set");
    size_t size = strlen(explorer->url) + strlen(key) + sizeof("?apikey=");
    char *url = arena_calloc(config->arena, size, 1);
    if (!url)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    snprintf(url, size, "%s%capikey=%s", explorer->url, strchr(explorer->url, '?') ? '&' : '?', key);
    explorer->url = url;
    return TRACER_OK;
}

enum tracer_status config_explorers(struct config *config, const struct chain_network *network, const char *const *given, size_t given_count,
                                    struct rpc_endpoint *ret_explorers, size_t capacity, size_t *ret_count, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t count = 0, urls = 0;
    for (size_t i = 0; i < given_count && !status; i++) {
        struct rpc_endpoint explorer = {.url = given[i], .rate_per_second = TRACER_EXPLORER_RATE};
        size_t index;
        if (strstr(given[i], "://")) {
            snprintf(explorer.name, sizeof(explorer.name), "explorer-%zu", ++urls);
        } else if (!(status = by_name(&config->explorers, network, "explorer", i + 1, given[i], &index, err))) {
            explorer = config->explorers.items[index];
            if (config->explorers.keys[index])
                status = put_key(config, config->explorers.keys[index], &explorer, err);
        }
        if (!status)
            status = add_endpoint(ret_explorers, capacity, &count, &explorer, err);
    }
    if (!status)
        *ret_count = count;
    return status;
}
