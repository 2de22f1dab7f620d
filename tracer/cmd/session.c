/* session.c - what commands share. */
#include "session.h"

#include "tracer/clock.h"
#include "tracer/csv.h"
#include "tracer/import.h"
#include "tracer/load.h"
#include "tracer/remember.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

volatile int session_stop;
volatile int session_pipe_closed;

static void on_signal(int number)
{
    (void)number;
    session_stop = 1;
}

/* The reader of our output went away (`| head`): not worth a message; the exit code still tells. */
static void on_pipe(int number)
{
    (void)number;
    session_pipe_closed = 1;
}

void session_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND}; /* a second one ends it at once */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_pipe;
    action.sa_flags = 0;
    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = SIG_IGN; /* a file that may not grow is an error of the write */
    sigaction(SIGXFSZ, &action, NULL);
}

int exit_for(enum tracer_status status)
{
    switch (status) {
    case TRACER_OK:
        return EXIT_DONE;
    case TRACER_E_USAGE:
    case TRACER_E_NOT_FOUND:
        return EXIT_USAGE;
    case TRACER_E_NETWORK:
    case TRACER_E_REPLY:
    case TRACER_E_UNAVAILABLE:
    case TRACER_E_CHAIN:
        return EXIT_ENDPOINTS;
    case TRACER_E_IO:
    case TRACER_E_CONFLICT:
    case TRACER_E_FULL:
    case TRACER_E_BUSY:
    case TRACER_E_DAMAGED:
    case TRACER_E_VERSION:
    case TRACER_E_STORE:
        return EXIT_STORE;
    case TRACER_E_VERIFY:
        return EXIT_VERIFICATION;
    case TRACER_E_LIMIT:
    case TRACER_E_STOPPED:
        return EXIT_CANNOT_TELL;
    case TRACER_E_NOMEM:
    case TRACER_E_INTERNAL:
    case TRACER_STATUS_COUNT:
        break;
    }
    return EXIT_INTERNAL;
}

static bool stat_folder(const char *path, struct stat *ret_folder)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return stat(folder, ret_folder) == 0;
}

/* Both paths name one file, also one that is not there yet. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    if (stat(a, &of_a) == 0)
        return stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
    const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
    return strcmp(slash_a ? slash_a + 1 : a, slash_b ? slash_b + 1 : b) == 0 && stat_folder(a, &of_a) && stat_folder(b, &of_b) &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* An output takes the place of what had its name: that is no file of the store, no input, and no log of decisions (threat-model I6). */
static enum tracer_status check_output(struct session *session)
{
    const struct options *options = session->options;
    const char *decisions = options->decisions ? options->decisions : config_decisions(session->config);
    const char *others[] = {options->config,    options->assets,   options->seeds, options->explored, options->transfers,
                            options->prices, options->comments, options->rules, decisions};
    const char *output = options->output, *found = NULL;
    if (!output || strcmp(output, "-") == 0)
        return TRACER_OK;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && !found; i++)
        found = others[i] && is_same_file(output, others[i]) ? others[i] : NULL;
    for (size_t i = 0; i < options->labels_count && !found; i++)
        found = is_same_file(output, options->labels[i]) ? options->labels[i] : NULL;
    for (size_t i = 0; i < options->argument_count && !found; i++)
        found = is_same_file(output, options->arguments[i]) ? options->arguments[i] : NULL;
    if (found)
        return error_set(&session->err, TRACER_E_USAGE, "--output: %s is the output, and is read or kept by this run, too: name another file", found);
    struct stat of_output, of_store;
    if (options->store && stat_folder(output, &of_output) && stat(options->store, &of_store) == 0 && of_output.st_dev == of_store.st_dev &&
        of_output.st_ino == of_store.st_ino)
        return error_set(&session->err, TRACER_E_USAGE, "--output: %s is in the directory of the store: name another place", output);
    return TRACER_OK;
}

enum tracer_status session_open(struct session *session, const struct options *options)
{
    *session = (struct session){.options = options};
    session->progress.mode = options->quiet ? PROGRESS_NONE : options->progress;
    session->progress.terminal = isatty(STDERR_FILENO) == 1;
    session->arena = arena_new(TRACER_MEMORY_MAX);
    if (!session->arena)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = config_open(options->config, &session->config, &session->err);
    return status ? status : check_output(session);
}

/* Hints for the next run: this one is not worse for it if they are lost. */
static void remember_endpoints(struct session *session)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < rpc_endpoint_count(session->rpc) && !status; i++) {
        const struct chain_known *known = chain_known(session->client, i);
        if (known)
            status = remember_keep(session->graph, session->rpc, i, session->network.chain_id, known, &session->err);
    }
    if (status && session->options->verbose)
        fprintf(stderr, "note: what was learned of the endpoints is not kept: %s\n", session->err.text);
}

void session_close(struct session *session)
{
    if (session->client && session->graph && session->remembers)
        remember_endpoints(session);
    chain_close(session->client);
    rpc_close(session->rpc);
    rpc_close(session->explorers);
    graph_close(session->graph);
    label_set_free(session->labels);
    prices_free(session->prices);
    config_close(session->config);
    arena_free(session->arena);
    *session = (struct session){0};
}

int session_fail(struct session *session, enum tracer_status status)
{
    progress_end(session);
    fflush(stdout);
    if (session_pipe_closed && status == TRACER_E_IO)
        return exit_for(status);
    if (session->err.endpoint[0] && !strstr(session->err.text, session->err.endpoint))
        fprintf(stderr, "tracer: endpoint \"%s\": %s\n", session->err.endpoint, session->err.text);
    else
        fprintf(stderr, "tracer: %s\n",
                session->err.text[0] ? session->err.text : tracer_status_name(status));
    return exit_for(status);
}

enum tracer_status session_network(struct session *session)
{
    const char *chain = session->options->chain ? session->options->chain : "ethereum";
    enum tracer_status status = config_network(session->config, chain, &session->network, &session->err);
    if (!status) {
        session->has_network = true;
        session->chain_id = session->network.chain_id;
    }
    return status;
}

/* The chain that a reading command means: --chain, or the only one that the store has. */
static enum tracer_status choose_chain(struct session *session)
{
    struct graph_network networks[8];
    size_t count = 0;
    enum tracer_status status = graph_networks(session->graph, networks, 8, &count, &session->err);
    if (status)
        return status;
    const char *chain = session->options->chain;
    if (!chain) {
        if (count == 0)
            return error_set(&session->err, TRACER_E_NOT_FOUND, "store %s is empty", session->options->store);
        if (count > 1)
            return error_set(&session->err, TRACER_E_USAGE,
                             "the store has several chains; choose one with --chain");
        session->chain_id = networks[0].chain_id;
        return TRACER_OK;
    }
    for (size_t i = 0; i < count && i < 8; i++) {
        char id[24];
        snprintf(id, sizeof(id), "%" PRIu64, networks[i].chain_id);
        if (strcmp(id, chain) == 0 || strcmp(networks[i].name, chain) == 0) {
            session->chain_id = networks[i].chain_id;
            return TRACER_OK;
        }
    }
    char shown[TRACER_QUOTED_MAX];
    return error_set(&session->err, TRACER_E_NOT_FOUND, "the store has no chain \"%s\"",
                     safe_text(shown, sizeof(shown), chain, strlen(chain)));
}

#ifndef TRACER_ARENA_MALLOC /* else there is a sanitizer, which reports such signals itself */
static char damage_text[512];

/* A damaged file can send a read of the map anywhere (threat-model 10.7): say so and end; nothing was answered. */
static void on_damage(int number)
{
    (void)number;
    ssize_t written = write(STDERR_FILENO, damage_text, strlen(damage_text));
    (void)written;
    _exit(EXIT_STORE);
}

static void catch_damage(const char *store)
{
    char shown[256];
    snprintf(damage_text, sizeof(damage_text),
             "tracer: store %s: damaged: reading it raised a signal. Nothing was answered. Run: store verify, then restore "
             "or ingest again\n",
             safe_text(shown, sizeof(shown), store, strlen(store)));
    struct sigaction action = {.sa_handler = on_damage, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
}
#else
static void catch_damage(const char *store)
{
    (void)store;
}
#endif

enum tracer_status session_store(struct session *session, enum graph_mode mode)
{
    if (!session->options->store)
        return error_set(&session->err, TRACER_E_USAGE, "which store? name its directory with --store DIR");
    struct graph_options options = {.mode = mode};
    catch_damage(session->options->store);
    if (session->graph) /* session_chain() has found it already */
        return TRACER_OK;
    enum tracer_status status = graph_open(session->options->store, &options, &session->graph, &session->err);
    if (!status)
        session->remembers = mode != GRAPH_READ && !session->options->record && !session->options->replay;
    if (status == TRACER_E_NOT_FOUND)
        return error_set(
            &session->err, TRACER_E_NOT_FOUND,
            "there is no store in %s; make one with: tracer ingest, tracer import or tracer demo --store DIR",
            session->options->store);
    if (!status && mode == GRAPH_READ)
        status = choose_chain(session);
    return status;
}

enum tracer_status session_store_of_lists(struct session *session)
{
    enum tracer_status status = session_store(session, GRAPH_READ);
    return status == TRACER_E_NOT_FOUND && session->graph ? session_network(session) : status;
}

/* `sha256`: 64 digits. */
static enum tracer_status new_input(struct session *session, const char *role, const char *name,
                                    const char *sha256)
{
    if (session->input_count == SESSION_INPUTS_MAX)
        return error_set(&session->err, TRACER_E_LIMIT, "more than %u input files", SESSION_INPUTS_MAX);
    struct result_input *input = &session->inputs[session->input_count++];
    *input = (struct result_input){.role = role, .name = arena_text(session->arena, name, strlen(name))};
    memcpy(input->sha256, sha256, 64);
    return input->name ? TRACER_OK : error_set(&session->err, TRACER_E_NOMEM, "no memory");
}

struct version { /* of a list, the newest that is not younger than --as-of; where there is none, the oldest */
    const char *list, *as_of;
    struct arena *arena;
    char date[11];
    const char *name; /* NULL: there is none */
};

static enum tracer_status find_version(void *context, const char *name, size_t size, struct error *err)
{
    struct version *version = context;
    const char *date;
    (void)size;
    if (!load_is_old_version(name, version->list, &date))
        return TRACER_OK;
    bool was_young = strcmp(version->date, version->as_of) > 0, is_young = strcmp(date, version->as_of) > 0;
    bool is_later = strcmp(date, version->date) > 0; /* of two young ones the earlier is nearer, else the later */
    if (version->date[0] && (is_young == was_young ? is_young == is_later : is_young))
        return TRACER_OK;
    memcpy(version->date, date, sizeof(version->date));
    version->name = arena_text(version->arena, name, strlen(name));
    return version->name ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

struct then { /* the version with a digest */
    struct session *session;
    const char *list, *sha256;
    struct buffer *text; /* that of the last version becomes it */
    bool is_found;
};

static bool has_digest(const struct buffer *text, const char *sha256)
{
    struct list_facts facts;
    char digest[65];
    if (!list_kept_facts(text->data, text->size, &facts))
        return false;
    digest_format(facts.digest, digest);
    return strcmp(digest, sha256) == 0;
}

static enum tracer_status find_then(void *context, const char *name, size_t size, struct error *err)
{
    struct then *then = context;
    struct buffer text;
    const char *date;
    (void)size;
    if (then->is_found || !load_is_old_version(name, then->list, &date))
        return TRACER_OK;
    buffer_init(&text, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = graph_get_item(then->session->graph, GRAPH_ITEM_LIST, name, &text, err);
    if (!status && has_digest(&text, then->sha256)) {
        then->is_found = then->session->took_then = true;
        buffer_clear(then->text);
        status = buffer_add(then->text, text.data, text.size) ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    }
    buffer_release(&text);
    return status;
}

/* `text` of a list becomes that of the version that a past decision had, if the store has it. */
static enum tracer_status choose_then(struct session *session, const char *list, struct buffer *text, bool *ret_found, struct error *err)
{
    char shown[LOAD_NAME_SIZE * 4]; /* as it stands in the record */
    *ret_found = false;
    shown_text(shown, sizeof(shown), list, strlen(list));
    for (size_t i = 0; i < session->then_count; i++) {
        const struct result_input *input = &session->then[i];
        struct then then = {.session = session, .list = list, .sha256 = input->sha256, .text = text};
        if (strcmp(input->role, "labels") != 0 || strcmp(input->name, shown) != 0)
            continue;
        then.is_found = has_digest(text, input->sha256);
        enum tracer_status status = then.is_found ? TRACER_OK : graph_each_item(session->graph, GRAPH_ITEM_LIST, find_then, &then, err);
        *ret_found = then.is_found;
        return status;
    }
    return TRACER_OK;
}

/* `text` of a list of others becomes that of the version that --as-of asks for, if the store has one. */
static enum tracer_status choose_version(struct session *session, const char *list, struct buffer *text, struct error *err)
{
    struct list_facts facts;
    struct version version = {.list = list, .as_of = session->as_of, .arena = session->arena};
    if (!session->as_of[0] || !list_kept_facts(text->data, text->size, &facts) ||
        (facts.date[0] && strcmp(facts.date, session->as_of) <= 0))
        return TRACER_OK;
    memcpy(version.date, facts.date, sizeof(version.date));
    enum tracer_status status = graph_each_item(session->graph, GRAPH_ITEM_LIST, find_version, &version, err);
    if (status || !version.name)
        return status;
    if (!facts.date[0] && (status = label_add_kept(session->labels, list, text->data, text->size, err))) /* perhaps it was the one of that day: both count */
        return status;
    buffer_clear(text);
    return graph_get_item(session->graph, GRAPH_ITEM_LIST, version.name, text, err);
}

static enum tracer_status add_stored_list(void *context, const char *name, size_t size, struct error *err)
{
    struct session *session = context;
    struct buffer text;
    buffer_init(&text, TRACER_FILE_RESULT_MAX);
    (void)size;
    if (strncmp(name, LOAD_OLD_LISTS_PREFIX, strlen(LOAD_OLD_LISTS_PREFIX)) == 0)
        return TRACER_OK;
    enum tracer_status status = graph_get_item(session->graph, GRAPH_ITEM_LIST, name, &text, err);
    bool is_list = strncmp(name, LOAD_LISTS_PREFIX, strlen(LOAD_LISTS_PREFIX)) == 0, is_found = false;
    if (!status && is_list)
        status = choose_then(session, name + strlen(LOAD_LISTS_PREFIX), &text, &is_found, err);
    if (!status && is_list && !is_found)
        status = choose_version(session, name + strlen(LOAD_LISTS_PREFIX), &text, err);
    if (!status && strncmp(name, LOAD_LABELS_PREFIX, strlen(LOAD_LABELS_PREFIX)) == 0)
        status = label_add_memory(session->labels, name + strlen(LOAD_LABELS_PREFIX), text.data, text.size,
                                  LABEL_USER, err);
    else if (!status && strncmp(name, LOAD_LISTS_PREFIX, strlen(LOAD_LISTS_PREFIX)) == 0)
        status = label_add_kept(session->labels, name + strlen(LOAD_LISTS_PREFIX), text.data, text.size, err);
    else if (!status && strncmp(name, LOAD_TRANSFERS_PREFIX, strlen(LOAD_TRANSFERS_PREFIX)) == 0 &&
             text.size == strlen(LOAD_INCOMPLETE)) {
        session->incomplete = arena_text(session->arena, name + strlen(LOAD_TRANSFERS_PREFIX),
                                         strlen(name) - strlen(LOAD_TRANSFERS_PREFIX));
        status = session->incomplete ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    } else if (!status && strncmp(name, LOAD_TRANSFERS_PREFIX, strlen(LOAD_TRANSFERS_PREFIX)) == 0 &&
             text.size == 64)
        status = new_input(session, "transfers", name + strlen(LOAD_TRANSFERS_PREFIX), text.data);
    buffer_release(&text);
    return status;
}

static enum tracer_status add_input(struct session *session, const char *role, const char *path)
{
    struct digest digest;
    enum tracer_status status = digest_file(path, &digest, &session->err);
    if (status)
        return status;
    char sha256[65];
    digest_format(digest, sha256);
    return new_input(session, role, path, sha256);
}

static enum tracer_status load_rules(struct session *session)
{
    const char *path = session->options->rules;
    enum tracer_status status = path ? rules_load(path, session->arena, &session->rules, &session->err) : TRACER_OK;
    return status || !path ? status : add_input(session, "rules", path);
}

static enum tracer_status load_tokens(struct session *session)
{
    const struct options *options = session->options;
    enum tracer_status status;
    if (!options->assets) {
        session->token_count = registry_tokens(session->chain_id, NULL, 0);
        session->tokens = arena_calloc(session->arena, session->token_count + 2, sizeof(*session->tokens));
        if (!session->tokens)
            return error_set(&session->err, TRACER_E_NOMEM, "no memory");
        registry_tokens(session->chain_id, session->tokens, session->token_count);
        char sha256[65];
        digest_format(registry_tokens_digest(), sha256);
        if ((status = new_input(session, "assets", "assets.csv", sha256)))
            return status;
    } else {
        struct import_asset *rows;
        size_t count;
        status = import_assets((struct import_source){.path = options->assets}, session->arena, &rows, &count,
                               &session->err);
        if (status || (status = add_input(session, "assets", options->assets)))
            return status;
        session->tokens = arena_calloc(session->arena, count + 2, sizeof(*session->tokens));
        if (!session->tokens)
            return error_set(&session->err, TRACER_E_NOMEM, "no memory");
        for (size_t i = 0; i < count; i++)
            if (rows[i].chain_id == 0 || rows[i].chain_id == session->chain_id)
                session->tokens[session->token_count++] = (struct token){rows[i].asset, rows[i].symbol};
        if (count && !session->token_count) /* taint in what is not listed is in no verdict */
            return error_set(&session->err, TRACER_E_USAGE, "%s: none of its assets is on chain %" PRIu64, options->assets, session->chain_id);
    }
    for (size_t i = 0; i < session->token_count; i++)
        if (session->tokens[i].asset.asset.kind == ASSET_NATIVE)
            return TRACER_OK;
    /* The chain's own coin is always recognised; other chains than the registry's have no weight for it. */
    session->tokens[session->token_count++] = (struct token){.asset = {.decimals = 18}, .symbol = ""};
    return TRACER_OK;
}

static enum tracer_status read_as_of(struct session *session)
{
    const struct options *options = session->options;
    struct error *err = &session->err;
    const char *text = options->as_of;
    uint64_t time_s, number;
    char formatted[32], shown[TRACER_QUOTED_MAX];
    if (!text)
        return TRACER_OK;
    if (options->has_to_block)
        return error_set(err, TRACER_E_USAGE, "--as-of and --to both say where to end: give one");
    if (strlen(text) == 10 && clock_parse_utc(text, 10, &time_s)) {
        memcpy(session->as_of, text, sizeof(session->as_of));
        session->as_of_end_s = time_s + 86399;
        return TRACER_OK;
    }
    if (!csv_parse_u64((struct csv_field){text, strlen(text)}, INT64_MAX, &number))
        return error_set(err, TRACER_E_USAGE, "--as-of: '%s' is neither a date (YYYY-MM-DD) nor a block",
                         safe_text(shown, sizeof(shown), text, strlen(text)));
    if (!session->graph)
        return error_set(err, TRACER_E_USAGE, "--as-of: the time of a block is known by a store only: give --store or a date");
    struct graph_network network;
    struct block block;
    enum tracer_status status = graph_get_network(session->graph, session->chain_id, &network, err);
    if (!status && !network.time_keys) {
        status = graph_get_block(session->graph, session->chain_id, number, &block, err);
        if (status == TRACER_E_NOT_FOUND)
            return error_set(err, TRACER_E_NOT_FOUND, "--as-of: block %" PRIu64 " is not in the store", number);
    }
    if (status)
        return status;
    clock_format_utc(network.time_keys ? number : block.time, formatted);
    memcpy(session->as_of, formatted, 10);
    session->as_of[10] = '\0';
    session->as_of_is_block = true;
    session->as_of_block = number;
    return TRACER_OK;
}

enum tracer_status session_case(struct session *session)
{
    struct error *err = &session->err;
    const struct options *options = session->options;
    label_set_free(session->labels); /* of an ingest before */
    session->labels = NULL;
    session->input_count = session->token_count = 0;
    enum tracer_status status = read_as_of(session);
    if (!status)
        status = label_set_new(&session->labels, err);
    if (!status)
        label_set_as_of(session->labels, session->as_of);
    if (!status && !options->no_builtin_labels)
        status = label_add_builtin(session->labels, err);
    if (!status && session->graph)
        status = graph_each_item(session->graph, GRAPH_ITEM_LIST, add_stored_list, session, err);
    for (size_t i = 0; i < options->labels_count && !status; i++) {
        char name[LOAD_NAME_SIZE];
        status = load_label_file(options->labels[i], NULL, NULL, session->labels, name, err);
    }
    if (!status)
        status = load_tokens(session);
    return status ? status : load_rules(session);
}

static int order_assets(const void *a, const void *b)
{
    return asset_compare(&((const struct taint_asset *)a)->asset, &((const struct taint_asset *)b)->asset);
}

enum tracer_status session_links(struct session *session, struct link_facts *ret_facts)
{
    struct taint_label *labels;
    size_t label_count, venue_count = 0;
    enum tracer_status status = label_classes(session->labels, session->chain_id, session->arena, &labels,
                                              &label_count, &session->err);
    if (status)
        return status;
    struct address *venues = arena_calloc(session->arena, label_count, sizeof(*venues));
    struct taint_asset *assets = arena_calloc(session->arena, session->token_count, sizeof(*assets));
    if (!venues || !assets)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < label_count; i++) /* they are in order */
        if (labels[i].class_ == CLASS_VENUE)
            venues[venue_count++] = labels[i].address;
    for (size_t i = 0; i < session->token_count; i++)
        assets[i] = session->tokens[i].asset;
    qsort(assets, session->token_count, sizeof(*assets), order_assets);
    *ret_facts = (struct link_facts){venues, venue_count, assets, session->token_count};
    return TRACER_OK;
}

/* "tracer trace --chain ethereum --policy fifo SEED": what a stranger with the same store types. NULL: no memory. */
static const char *repeat_line(struct session *session, const char *command)
{
    const struct options *options = session->options;
    struct buffer line;
    buffer_init(&line, TRACER_MIB(4)); /* no command line of a shell is longer */
    buffer_printf(&line, "tracer %s", command);
    if (strcmp(command, "audit") != 0)
        buffer_printf(&line, " --policy %s", options->all_policies ? "all" : taint_policy_name(options->taint.policy));
    if (options->taint.links != LINKS_GIVEN)
        buffer_printf(&line, " --links %s", options->taint.links == LINKS_AUTO ? "auto" : "none");
    if (options->taint.fees != FEES_SINK)
        buffer_text(&line, " --fees follow");
    if (options->taint.unknown != UNKNOWN_TRACK)
        buffer_text(&line, " --unknown clean");
    if (options->has_from)
        buffer_printf(&line, " --from %" PRIu64, options->from);
    if (options->has_to_block)
        buffer_printf(&line, " --to %" PRIu64, options->to_block);
    if (options->has_since)
        buffer_printf(&line, " --since %" PRIu64, options->since);
    if (options->as_of)
        buffer_printf(&line, " --as-of %s", options->as_of);
    if (options->list_age_max != OPTION_UNSET)
        buffer_printf(&line, " --list-age-max %" PRIu64, options->list_age_max);
    for (size_t i = 0; i < options->source_count; i++)
        buffer_printf(&line, " --source %s", options->source[i]);
    if (options->funds)
        buffer_text(&line, " --source-of-funds");
    if (options->rules)
        buffer_printf(&line, " --rules %s", strrchr(options->rules, '/') ? strrchr(options->rules, '/') + 1 : options->rules);
    for (size_t i = 0; i < options->argument_count; i++)
        buffer_printf(&line, " %s", options->arguments[i]);
    const char *text = buffer_ok(&line) ? arena_text(session->arena, line.data, line.size) : NULL;
    buffer_release(&line);
    return text;
}

enum tracer_status session_case_input(struct session *session, const char *command,
                                      struct case_input *ret_input)
{
    const struct options *options = session->options;
    *ret_input = (struct case_input){.graph = session->graph,
                                     .chain_id = session->chain_id,
                                     .native_symbol = config_native_symbol(session->config, session->chain_id),
                                     .labels = session->labels,
                                     .tokens = session->tokens,
                                     .token_count = session->token_count,
                                     .options = options->taint,
                                     .has_from = options->has_from,
                                     .from = options->from,
                                     .has_to = options->has_to_block || session->as_of_is_block,
                                     .to = session->as_of_is_block ? session->as_of_block : options->to_block,
                                     .as_of_end_s = session->as_of_end_s,
                                     .list_age_days_max = options->list_age_max == OPTION_UNSET
                                                              ? TRACER_LIST_AGE_DAYS
                                                              : options->list_age_max,
                                     .incomplete = session->incomplete,
                                     .inputs = session->inputs,
                                     .input_count = session->input_count,
                                     .repeat = repeat_line(session, command)};
    return ret_input->repeat && ret_input->native_symbol ? TRACER_OK : error_set(&session->err, TRACER_E_NOMEM, "no memory");
}

static enum tracer_status open_explorers(struct session *session)
{
    const struct options *options = session->options;
    struct rpc_endpoint explorers[TRACER_ENDPOINTS_MAX];
    size_t count = 0;
    enum tracer_status status = config_explorers(session->config, session->has_network ? &session->network : NULL, options->explorer,
                                                 options->explorer_count, explorers, TRACER_ENDPOINTS_MAX, &count, &session->err);
    struct rpc_options rpc = {.endpoints = explorers,
                              .endpoint_count = count,
                              .explorers = true,
                              .allow_local = options->allow_local,
                              .in_flight_max = TRACER_EXPLORER_IN_FLIGHT,
                              .record = options->record,
                              .replay = options->replay,
                              .stop = &session_stop};
    return status ? status : rpc_open(&rpc, &session->explorers, &session->err);
}

enum tracer_status session_endpoints(struct session *session)
{
    const struct options *options = session->options;
    struct error *err = &session->err;
    if (options->rpc_count == 0 && !options->replay)
        return error_set(
            err, TRACER_E_USAGE,
            "which endpoint? name one with --rpc URL, or --rpc public for the built-in public ones");
    struct rpc_endpoint endpoints[TRACER_ENDPOINTS_MAX];
    size_t count = 0;
    enum tracer_status status =
        config_endpoints(session->config, session->has_network ? &session->network : NULL, options->rpc,
                         options->rpc_count, endpoints, TRACER_ENDPOINTS_MAX, &count, err);
    if (status)
        return status;
    if (count == 0) { /* only a recording */
        endpoints[0] = (struct rpc_endpoint){.name = "endpoint-1", .url = "https://replay.invalid"};
        count = 1;
    }
    struct rpc_options rpc = {.endpoints = endpoints,
                              .endpoint_count = count,
                              .allow_local = options->allow_local,
                              .in_flight_max = (uint32_t)options->in_flight,
                              .record = options->record,
                              .replay = options->replay,
                              .stop = &session_stop};
    status = rpc_open(&rpc, &session->rpc, err);
    return status || !options->explorer_count ? status : open_explorers(session);
}

struct chain_known *session_known(struct session *session)
{
    size_t count = rpc_endpoint_count(session->rpc);
    if (!session->graph || session->options->record || session->options->replay)
        return NULL;
    struct chain_known *known = arena_calloc(session->arena, count, sizeof(*known));
    for (size_t i = 0; i < count && known; i++)
        known[i] = remember_find(session->graph, session->rpc, i, session->network.chain_id);
    return known;
}

enum tracer_status session_client(struct session *session)
{
    struct chain_known *known = session_known(session);
    for (size_t i = 0; i < rpc_endpoint_count(session->rpc) && known; i++)
        if (chain_known_is_young(&known[i]))
            rpc_set_pace(session->rpc, i, known[i].pace);
    return chain_open_knowing(session->rpc, &session->network, known, &session->client, &session->err);
}

void progress_begin(struct session *session, const char *what)
{
    session->progress.what = what;
    session->progress.start_ms = clock_monotonic_ms();
    session->progress.last_ms = session->progress.start_ms;
}

static void format_duration(uint64_t seconds, char to[static 32])
{
    if (seconds >= 3600)
        snprintf(to, 32, "%" PRIu64 "h%02" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
    else if (seconds >= 60)
        snprintf(to, 32, "%" PRIu64 "m%02" PRIu64 "s", seconds / 60, seconds % 60);
    else
        snprintf(to, 32, "%" PRIu64 "s", seconds);
}

void progress_show(struct session *session, uint64_t done, uint64_t total, const char *unit,
                   const char *extra)
{
    struct progress *progress = &session->progress;
    if (progress->mode == PROGRESS_NONE || (progress->mode == PROGRESS_AUTO && !progress->terminal))
        return;
    uint64_t now = clock_monotonic_ms(), elapsed = now - progress->start_ms;
    if (elapsed < 2000 || now - progress->last_ms < (progress->mode == PROGRESS_JSON ? 1000u : 200u))
        return;
    progress->last_ms = now;
    uint64_t rate = done * 1000 / elapsed, left = rate && total > done ? (total - done) / rate : 0;
    if (progress->mode == PROGRESS_JSON) {
        fprintf(stderr,
                "{\"progress\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64
                ",\"unit\":\"%s\",\"per_second\":%" PRIu64 ",\"seconds_left\":%" PRIu64 "}\n",
                progress->what, done, total, unit, rate, left);
        return;
    }
    char duration[32] = "";
    format_duration(left, duration);
    progress->shown = true;
    if (total)
        fprintf(stderr,
                "\r\033[K%s: %" PRIu64 " of %" PRIu64 " %s (%" PRIu64 " %%), %" PRIu64 "/s, %s left%s%s",
                progress->what, done, total, unit, done * 100 / total, rate, duration, extra ? ", " : "",
                extra ? extra : "");
    else
        fprintf(stderr, "\r\033[K%s: %" PRIu64 " %s, %" PRIu64 "/s%s%s", progress->what, done, unit, rate,
                extra ? ", " : "", extra ? extra : "");
    fflush(stderr);
}

void progress_end(struct session *session)
{
    if (session->progress.shown)
        fprintf(stderr, "\r\033[K");
    session->progress.shown = false;
}

const struct report_format *session_format(struct session *session, const char *default_name)
{
    const char *name = session->options->format ? session->options->format : default_name;
    const struct report_format *format = report_find(name);
    char shown[TRACER_QUOTED_MAX];
    if (!format)
        error_set(&session->err, TRACER_E_USAGE, "--format: there is no format \"%s\" (text, json, csv; trace: jsonl, dot, graphml, sankey, mermaid, gexf, stix, misp, tagpack, sar, html)",
                  safe_text(shown, sizeof(shown), name, strlen(name)));
    return format;
}

enum tracer_status session_no_writer(struct session *session, const struct report_format *format)
{
    return error_set(&session->err, TRACER_E_USAGE, "--format %s is for a trace of one policy, not for this", format->name);
}

struct report_options session_report_options(const struct session *session)
{
    struct report_options options = {.view = session->options->view, .table = session->options->table, .prices = session->prices};
    struct winsize size;
    if (!session->options->output && isatty(STDOUT_FILENO) == 1 &&
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        options.columns = size.ws_col;
    return options;
}
