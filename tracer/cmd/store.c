/* store.c - `store stat|verify|backup|compact|rebuild|coverage|refused`. */
#include "session.h"

#include "tracer/ingest.h"
#include "tracer/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static enum tracer_status print_networks(struct session *session)
{
    struct graph_network networks[64];
    size_t count = 0;
    enum tracer_status status = graph_networks(session->graph, networks, 64, &count, &session->err);
    for (size_t i = 0; i < count && i < 64 && !status; i++) {
        struct graph_range range;
        char anchor[HASH_TEXT_SIZE];
        hash_format(networks[i].anchor_hash, anchor);
        printf("network    %s (chain id %" PRIu64 ")%s\n", networks[i].name, networks[i].chain_id,
               networks[i].imported ? ", imported from a file" : "");
        if (!networks[i].imported)
            printf("anchor     block %" PRIu64 " %s\n", networks[i].anchor_number, anchor);
        status = graph_range(session->graph, networks[i].chain_id, &range, &session->err);
        if (status == TRACER_E_NOT_FOUND)
            status = TRACER_OK;
        else if (!status)
            printf("%-11s%" PRIu64 " to %" PRIu64 ", %" PRIu64 " stored\n",
                   networks[i].time_keys ? "times" : "blocks", range.first, range.last, range.count);
        if (!status && range.first_gap && !networks[i].imported)
            printf("gap        the first missing block is %" PRIu64 "\n", range.first_gap);
    }
    return status;
}

static enum tracer_status print_stat(struct session *session)
{
    struct graph_stat stat;
    enum tracer_status status = print_networks(session);
    if (!status)
        status = graph_stat(session->graph, &stat, &session->err);
    if (status)
        return status;
    printf("transfers  %" PRIu64 "\ntransactions %" PRIu64 "\naccounts   %" PRIu64 "\nassets     %" PRIu64
           "\n",
           stat.transfers, stat.transactions, stat.accounts, stat.assets);
    printf("orphans    %" PRIu64 "\ncoverage   %" PRIu64 " records\n", stat.orphans, stat.coverage_records);
    printf("file       %" PRIu64 " bytes, %" PRIu64 " used (log %" PRIu64 " in %" PRIu64
           " chunks, index %" PRIu64 " in %" PRIu64 " segments)\n",
           stat.file_bytes, stat.used_bytes, stat.log_bytes, stat.chunks, stat.index_bytes, stat.segments);
    printf("last stop  %s\n", stat.clean_stop ? "clean" : "not clean: run store verify");
    return TRACER_OK;
}

static enum tracer_status print_coverage_row(void *context, const struct graph_coverage *coverage,
                                             struct error *err)
{
    char account[ADDRESS_TEXT_SIZE];
    (void)context;
    (void)err;
    address_format(coverage->account, account);
    printf("%s  %" PRIu64 " to %" PRIu64 "  %s, by %s (%s); cross-check: %s; grade %s%s%s\n",
           address_is_void(coverage->account) ? "every account" : account, coverage->first, coverage->last,
           coverage->what, coverage->strategy, coverage->method,
           coverage->cross_check[0] ? coverage->cross_check : "none", grade_name(coverage->grade),
           coverage->gap[0] ? "; GAP: " : "", coverage->gap);
    return TRACER_OK;
}

static enum tracer_status print_coverage(struct session *session)
{
    struct address account, *wanted = NULL;
    if (session->options->argument_count > 1) {
        const char *text = session->options->arguments[1];
        if (!address_parse(text, strlen(text), &account))
            return error_set(&session->err, TRACER_E_USAGE, "store coverage: the account must be an address");
        if (!proof_checksum_holds(text, strlen(text)))
            return error_set(&session->err, TRACER_E_USAGE, "store coverage: " PROOF_CHECKSUM_WRONG);
        wanted = &account;
    }
    struct address everyone = {{0}};
    enum tracer_status status = wanted ? graph_each_coverage(session->graph, session->chain_id, &everyone,
                                                             print_coverage_row, NULL, &session->err)
                                       : TRACER_OK;
    if (status == TRACER_OK || status == TRACER_E_NOT_FOUND)
        status = graph_each_coverage(session->graph, session->chain_id, wanted, print_coverage_row, NULL,
                                     &session->err);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* Replies that were not believed: a line each, or those of one block whole. */
struct refused_list {
    struct session *session;
    const char *only; /* "0...0123", NULL: all */
    size_t shown;
};

static enum tracer_status print_refused_item(void *context, const char *name, size_t size, struct error *err)
{
    struct refused_list *list = context;
    uint64_t chain_id, number;
    struct buffer text;
    int length = 0;
    if (sscanf(name, "refused %" SCNu64 " %" SCNu64 " %n", &chain_id, &number, &length) != 2 || !length ||
        chain_id != list->session->chain_id || (list->only && number != strtoull(list->only, NULL, 10)))
        return TRACER_OK;
    buffer_init(&text, TRACER_REFUSED_BYTES_MAX + 1);
    enum tracer_status status = graph_get_item(list->session->graph, GRAPH_ITEM_ENDPOINT, name, &text, err);
    if (!status && list->only)
        fwrite(text.data, 1, text.size, stdout);
    else if (!status)
        printf("block %" PRIu64 "  endpoint \"%s\"  %zu bytes  %.*s\n", number, name + length, size,
               (int)strcspn(text.data, "\n"), text.data);
    list->shown += !status;
    buffer_release(&text);
    return status;
}

static enum tracer_status print_refused(struct session *session)
{
    struct refused_list list = {.session = session,
                                .only = session->options->argument_count > 1 ? session->options->arguments[1] : NULL};
    if (list.only && (!*list.only || strspn(list.only, "0123456789") != strlen(list.only) || strlen(list.only) > 19))
        return error_set(&session->err, TRACER_E_USAGE, "store refused: the block must be a number");
    enum tracer_status status = graph_each_item(session->graph, GRAPH_ITEM_ENDPOINT, print_refused_item, &list, &session->err);
    if (!status && !list.shown)
        printf("no reply%s%s was refused\n", list.only ? " for block " : "", list.only ? list.only : "");
    return status;
}

static void show(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done, total, "records", NULL);
}

static int verify_here(const struct options *options)
{
    struct session session;
    enum tracer_status status = session_open(&session, options);
    if (!status)
        status = session_store(&session, GRAPH_READ);
    if (status == TRACER_E_USAGE && options->store && !options->chain) /* several chains: all are verified */
        status = TRACER_OK;
    progress_begin(&session, "verify");
    if (!status)
        status = graph_verify(session.graph, show, &session, &session.err);
    progress_end(&session);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    session_close(&session);
    return code;
}

/* In a child process: a damaged file can raise signals under the map (threat-model 10.7). */
static int verify(const struct options *options)
{
    fflush(stdout);
    fflush(stderr);
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "tracer: no process could be started for the verification\n");
        return EXIT_INTERNAL;
    }
    if (child == 0) {
        int code = verify_here(options);
        fflush(stderr);
        _exit(code);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        return EXIT_INTERNAL;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_STORE;
    if (WIFSIGNALED(status))
        fprintf(stderr,
                "tracer: store %s: damaged: reading it raised signal %d. Restore a backup, or ingest again\n",
                options->store, WTERMSIG(status));
    if (code == EXIT_DONE && !options->quiet)
        printf("store %s: every record was read and is whole\n", options->store);
    return code;
}

static enum tracer_status care(struct session *session, const char *verb)
{
    bool writes = strcmp(verb, "compact") == 0 || strcmp(verb, "rebuild") == 0;
    enum tracer_status status = session_store(session, writes ? GRAPH_WRITE : GRAPH_READ);
    bool all_chains = status == TRACER_E_USAGE && session->graph && strcmp(verb, "coverage") != 0 && strcmp(verb, "refused") != 0;
    if (status && !all_chains)
        return status;
    if (strcmp(verb, "stat") == 0)
        return print_stat(session);
    if (strcmp(verb, "coverage") == 0)
        return print_coverage(session);
    if (strcmp(verb, "refused") == 0)
        return print_refused(session);
    if (strcmp(verb, "compact") == 0)
        return graph_compact(session->graph, &session->err);
    if (strcmp(verb, "rebuild") == 0)
        return graph_rebuild(session->graph, &session->err);
    if (session->options->argument_count < 2)
        return error_set(&session->err, TRACER_E_USAGE,
                         "store backup needs the new directory: tracer store backup DIR");
    return graph_backup(session->graph, session->options->arguments[1], &session->err);
}

int command_store(const struct options *options)
{
    static const char *const verbs[] = {"stat", "verify", "backup", "compact", "rebuild", "coverage", "refused"};
    const char *verb = options->arguments[0];
    struct session session;
    bool known = false;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        known = known || strcmp(verb, verbs[i]) == 0;
    if (known && strcmp(verb, "verify") == 0 && options->store)
        return verify(options);
    enum tracer_status status = session_open(&session, options);
    if (!status && !known)
        status = error_set(&session.err, TRACER_E_USAGE,
                           "store does one of: stat, verify, backup, compact, rebuild, coverage, refused");
    if (!status)
        status = care(&session, verb);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    session_close(&session);
    return code;
}
