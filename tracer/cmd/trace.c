/* trace.c - `trace` and `demo`. */
#include "session.h"

#include "tracer/buffer.h"
#include "tracer/evidence.h"
#include "tracer/ingest.h"
#include "tracer/lazy.h"
#include "tracer/load.h"
#include "tracer/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum tracer_status watch(void *context, uint64_t rows)
{
    struct session *session = context;
    progress_show(session, rows, 0, "transfers", NULL);
    return session_stop ? error_set(&session->err, TRACER_E_STOPPED,
                                    "stopped before the replay was complete: no result")
                        : TRACER_OK;
}

/* One of the two results. */
static enum tracer_status write_result(struct session *session, const struct report_format *format,
                                       const struct trace_result *trace, const struct compare_result *compare)
{
    struct output output;
    struct report_options options = session_report_options(session);
    enum tracer_status status = output_open(session->options->output, &output, &session->err);
    if (status)
        return status;
    status = trace ? format->trace(output.stream, trace, &options, &session->err)
                   : format->compare(output.stream, compare, &options, &session->err);
    if (!status)
        status = output_commit(&output, &session->err);
    output_abort(&output);
    return status;
}

static enum tracer_status make_request(struct session *session, const char *command, const char *const *seeds,
                                       size_t seed_count, struct trace_request *ret_request)
{
    *ret_request = (struct trace_request){.seeds = seeds,
                                          .seed_count = seed_count,
                                          .has_since = session->options->has_since,
                                          .since = session->options->since};
    enum tracer_status status = session_case(session);
    if (!status)
        status = session_case_input(session, command, &ret_request->input);
    ret_request->input.watch = watch;
    ret_request->input.watch_context = session;
    return status;
}

static enum tracer_status with_evidence(struct session *session, const struct trace_request *trace, struct trace_result **ret_result)
{
    struct graph_network stored;
    struct evidence_request request = {.trace = trace, .client = session->client, .keep_fetched = session->options->keep_flagged};
    struct evidence_counts counts;
    enum tracer_status status = graph_get_network(session->graph, session->chain_id, &stored, &session->err);
    if (!status && !stored.imported) { /* its rules are the configuration's, or built in */
        status = config_network(session->config, stored.name, &session->network, &session->err);
        if (!status && !hash_equal(session->network.anchor_hash, stored.anchor_hash))
            status = error_set(&session->err, TRACER_E_CHAIN, "the network %s of the configuration has another anchor than the store's",
                               stored.name);
        request.network = &session->network;
    }
    if (!status)
        status = evidence_write(&request, session->options->evidence, ret_result, &counts, &session->err);
    if (!status && !session->options->quiet) {
        progress_end(session);
        fprintf(stderr,
                "evidence: %s: %" PRIu64 " transactions (%" PRIu64 " proven), %" PRIu64 " transfers (%" PRIu64 " proven), %" PRIu64
                " bytes; it verifies\n",
                session->options->evidence, counts.transactions, counts.transactions_proven, counts.rows, counts.rows_proven,
                counts.bytes);
    }
    return status;
}

/* --table and --prices, before anything is read or fetched. */
static enum tracer_status report_choices(struct session *session, const struct report_format *format)
{
    const struct options *options = session->options;
    bool is_csv = strcmp(format->name, "csv") == 0;
    if (options->table != TABLE_HOPS && (options->all_policies || !is_csv))
        return error_set(&session->err, TRACER_E_USAGE, "--table is for --format csv of a trace of one policy");
    if (!options->prices)
        return TRACER_OK;
    if (options->all_policies || options->table != TABLE_HOPS ||
        (!is_csv && strcmp(format->name, "text") != 0 && strcmp(format->name, "sar") != 0))
        return error_set(&session->err, TRACER_E_USAGE,
                         "--prices is for --format text, sar and csv (hops) of a trace of one policy");
    return prices_read(options->prices, &session->prices, &session->err);
}

/* Trace `seeds` in the open store and write the result. */
static int trace_and_write(struct session *session, const char *command, const char *const *seeds,
                           size_t seed_count)
{
    const struct report_format *format = session_format(session, "text");
    if (!format)
        return session_fail(session, TRACER_E_USAGE);
    struct trace_request request;
    struct trace_result *trace = NULL;
    struct compare_result *compare = NULL;
    bool all = session->options->all_policies;
    enum tracer_status status = report_choices(session, format);
    if (status)
        return session_fail(session, status);
    if (all && !format->compare)
        return session_fail(session, session_no_writer(session, format));
    status = make_request(session, command, seeds, seed_count, &request);
    if (status)
        return session_fail(session, status);
    progress_begin(session, "replay");
    if (all)
        status = trace_compare(&request, &compare, &session->err);
    else if (session->options->evidence)
        status = with_evidence(session, &request, &trace);
    else
        status = trace_run(&request, &trace, &session->err);
    progress_end(session);
    if (!status)
        status = write_result(session, format, trace, compare);
    bool gap = !status && (all ? compare->trace.touches_gap : trace->touches_gap);
    trace_result_free(trace);
    compare_result_free(compare);
    return status ? session_fail(session, status) : gap ? EXIT_CANNOT_TELL : EXIT_DONE;
}

/* ---- --follow ---- */

struct following {
    struct session *session;
    const struct report_format *format;
    struct trace_request request;
    struct trace_follow *follow;
    bool touches_gap;
};

/* The store changed: tell what is new, and write the result anew. */
static enum tracer_status landed(void *context, uint64_t kept_to, struct error *err)
{
    struct following *following = context;
    struct session *session = following->session;
    struct trace_change change;
    enum tracer_status status = TRACER_OK;
    if (!following->follow) {
        if (!(following->format = session_format(session, "text")))
            return TRACER_E_USAGE;
        if (!following->format->new_hops)
            return session_no_writer(session, following->format);
        status = make_request(session, "trace", session->options->arguments, session->options->argument_count,
                              &following->request);
        if (!status)
            status = trace_follow_new(
                &following->request,
                ingest_reorg_depth(session->options->finality, session->options->finality_depth),
                &following->follow, err);
    }
    if (!status)
        status = trace_follow_update(following->follow, kept_to, &change, err);
    if (status)
        return status;
    progress_end(session);
    if (change.withdrawn && !session->options->quiet)
        fprintf(stderr,
                "%zu flagged hops above block %" PRIu64 " are withdrawn: their blocks left the chain\n",
                change.withdrawn, kept_to);
    if (change.waits) {
        fprintf(stderr, "a seed left the chain with its block; waiting for it to come again: %s\n",
                err->text);
        return TRACER_OK;
    }
    following->touches_gap = change.result->touches_gap;
    status = following->format->new_hops(stdout, change.result, change.first_hop, err);
    if (!status && fflush(stdout) != 0)
        status = error_set(err, TRACER_E_IO, "writing to standard output failed");
    if (!status && session->options->output)
        status = write_result(session, following->format, change.result, NULL);
    trace_result_free(change.result);
    return status;
}

static int follow_chain(struct session *session)
{
    struct following following = {.session = session};
    enum tracer_status status = session_ingest(session, landed, &following);
    trace_follow_free(following.follow);
    if (status)
        return session_fail(session, status);
    return following.touches_gap ? EXIT_CANNOT_TELL : EXIT_DONE;
}

/* ---- reading only what is needed ---- */

#define RESUME_NAME "trace %" PRIu64 /* an item of the store: the last block, then the seeds, a line each */

static enum tracer_status keep_for_resume(struct session *session, uint64_t last, const struct trace_request *trace)
{
    struct buffer text;
    char name[48];
    snprintf(name, sizeof(name), RESUME_NAME, session->chain_id);
    buffer_init(&text, TRACER_FILE_CONFIG_MAX);
    buffer_printf(&text, "%" PRIu64 "\n", last);
    for (size_t i = 0; i < trace->seed_count; i++)
        buffer_printf(&text, "%s\n", trace->seeds[i]);
    enum tracer_status status = buffer_ok(&text) ? graph_put_item(session->graph, GRAPH_ITEM_ENDPOINT, name, text.data, text.size, &session->err)
                                                 : error_set(&session->err, TRACER_E_LIMIT, "the seeds are too long to be kept for --resume");
    buffer_release(&text);
    return status;
}

/* Last block and seeds of the trace before. */
static enum tracer_status read_resume(struct session *session, struct lazy_request *request)
{
    struct buffer text;
    char name[48];
    snprintf(name, sizeof(name), RESUME_NAME, session->chain_id);
    buffer_init(&text, TRACER_FILE_CONFIG_MAX);
    enum tracer_status status = graph_get_item(session->graph, GRAPH_ITEM_ENDPOINT, name, &text, &session->err);
    if (status == TRACER_E_NOT_FOUND && request->trace.seed_count) { /* it was stopped before it began */
        buffer_release(&text);
        return TRACER_OK;
    }
    if (status == TRACER_E_NOT_FOUND)
        status = error_set(&session->err, TRACER_E_NOT_FOUND, "the store has no trace to go on with: name a seed");
    char *copy = status ? NULL : arena_text(session->arena, text.data, text.size);
    buffer_release(&text);
    if (status || !copy)
        return status ? status : error_set(&session->err, TRACER_E_NOMEM, "no memory");
    char *line = strchr(copy, '\n');
    const char **seeds = arena_calloc(session->arena, strlen(copy), sizeof(*seeds));
    if (!line || !seeds)
        return error_set(&session->err, TRACER_E_DAMAGED, "what the store kept of the last trace is damaged");
    request->has_to = true;
    request->to = strtoull(copy, NULL, 10);
    size_t count = 0;
    for (char *seed = line + 1, *end; (end = strchr(seed, '\n')); seed = end + 1) {
        *end = '\0';
        seeds[count++] = seed;
    }
    if (!request->trace.seed_count) {
        request->trace.seeds = seeds;
        request->trace.seed_count = count;
    }
    return TRACER_OK;
}

static int trace_lazily(struct session *session)
{
    const struct options *options = session->options;
    struct link_facts links;
    struct explore_stats stats = {0};
    struct trace_result *result = NULL;
    struct lazy_request request = {.has_from = options->has_from,
                                   .from = options->from,
                                   .has_to = options->has_to_block,
                                   .to = options->to_block,
                                   .limits = {.accounts_max = options->max_accounts == OPTION_UNSET ? 100 : options->max_accounts,
                                              .degree_max = options->max_degree == UINT32_MAX ? 10000 : options->max_degree,
                                              .hops_max = (uint32_t)options->max_hops,
                                              .score_min = options->min_score},
                                   .requests_max = options->max_requests,
                                   .seconds_max = options->max_seconds,
                                   .progress = session_exploring,
                                   .progress_context = session};
    size_t next_note = 0;
    const struct report_format *format = session_format(session, "text");
    enum tracer_status status = format ? report_choices(session, format) : TRACER_E_USAGE;
    if (!status)
        status = session_chain(session, &links);
    if (!status)
        status = make_request(session, "trace", options->arguments, options->argument_count, &request.trace);
    if (!status)
        status = ingest_network(session->graph, &session->network, &session->err);
    if (!status && options->resume)
        status = read_resume(session, &request);
    if (!status && !request.has_to) {
        request.has_to = request.to_is_head = true;
        status = chain_head(session->client, options->finality, options->finality_depth, &request.to, &session->err);
    }
    if (!status)
        status = keep_for_resume(session, request.to, &request.trace);
    if (status)
        return session_fail(session, status);
    session_print_notes(session, &next_note);
    request.trace.input.watch = NULL; /* many short replays */
    request.explore = session_explore(session, &links);
    request.explore.ahead = !options->max_requests && !options->record && !options->replay; /* nothing that depends on which requests were made */
    progress_begin(session, "trace");
    status = lazy_run(&request, &result, &stats, &session->err);
    progress_end(session);
    session_print_notes(session, &next_note);
    session_tell_explored(session, &stats);
    if (!status)
        status = write_result(session, format, result, NULL);
    bool gap = !status && result->touches_gap;
    trace_result_free(result);
    if (status == TRACER_E_STOPPED && options->store)
        fprintf(stderr, "what was explored is in the store: trace --resume goes on\n");
    return status ? session_fail(session, status) : gap ? EXIT_CANNOT_TELL : EXIT_DONE;
}

static bool is_lazy(const struct options *options)
{
    return options->resume || ((options->rpc_count || options->replay) && !options->follow && !options->evidence && !options->opening &&
                               !options->keep_flagged && !options->refetch && !options->has_from && !options->has_to_block && !options->all_policies);
}

/* Endpoints are named for the proofs of a bundle alone: the trace is of what the store has. */
static bool only_proves(const struct options *options)
{
    return options->evidence && !options->has_from && !options->has_to_block && !options->opening && !options->refetch && !options->keep_raw;
}

static enum tracer_status connect(struct session *session)
{
    enum tracer_status status = session_network(session);
    if (!status)
        status = session_endpoints(session);
    if (!status)
        status = session_store(session, GRAPH_READ);
    return status ? status : session_client(session);
}

/* What does not go together; NULL: all of it does. */
static const char *misfit(const struct options *options)
{
    bool reads = options->rpc_count || options->replay;
    if (!options->argument_count && !options->resume)
        return "which SEED? (tracer help trace)";
    if (options->as_of && (options->follow || reads || options->resume))
        return "--as-of is about what the store has: not with --follow, --rpc, --replay or --resume";
    if (options->follow && options->all_policies)
        return "--follow goes on with one policy: not with --policy all";
    if (options->evidence && options->all_policies)
        return "--evidence is of one policy: not with --policy all";
    if (options->follow && (options->table != TABLE_HOPS || options->prices))
        return "--table and --prices are of one trace: not with --follow";
    if (options->follow && options->evidence)
        return "--evidence is of one trace: not with --follow";
    if (options->keep_flagged && !(options->evidence && reads))
        return "--keep-raw flagged keeps the blocks that --evidence asks an endpoint for: it needs --evidence and --rpc";
    if (options->explorer_count && !is_lazy(options))
        return "--explorer finds the histories of accounts: it needs --rpc, without --from, --to, --follow, --evidence, --policy all, --opening or --refetch";
    if (options->resume && (options->follow || options->evidence || options->all_policies || options->has_from || options->has_to_block))
        return "--resume goes on with a trace as it was: not with --follow, --evidence, --policy all, --from or --to";
    return NULL;
}

int command_trace(const struct options *options)
{
    struct session session;
    char temporary[SESSION_TEMPORARY_MAX] = "";
    struct options mine = *options;
    if (misfit(options)) {
        fprintf(stderr, "tracer: trace: %s\n", misfit(options));
        return EXIT_USAGE;
    }
    if (is_lazy(options)) {
        int code = EXIT_STORE;
        if (mine.store || session_temporary(temporary)) {
            mine.store = mine.store ? mine.store : temporary;
            enum tracer_status opened = session_open(&session, &mine);
            code = opened ? session_fail(&session, opened) : trace_lazily(&session);
            session_close(&session);
        }
        session_remove_temporary(temporary);
        return code;
    }
    enum tracer_status status = session_open(&session, options);
    if (!status && options->follow) {
        int code = follow_chain(&session);
        session_close(&session);
        return code;
    }
    if (!status && (options->rpc_count || options->replay)) {
        status = only_proves(options) ? connect(&session) : session_ingest(&session, NULL, NULL);
        graph_close(session.graph); /* it may be open for writing */
        session.graph = NULL;
    }
    if (!status)
        status = session_store(&session, GRAPH_READ);
    if (!status && options->keep_flagged) { /* its chain is chosen; what is fetched is written into it */
        graph_close(session.graph);
        session.graph = NULL;
        status = session_store(&session, GRAPH_WRITE);
    }
    int code = status ? session_fail(&session, status)
                      : trace_and_write(&session, "trace", options->arguments, options->argument_count);
    session_close(&session);
    return code;
}

static enum tracer_status make_demo_store(const struct options *options)
{
    struct session session;
    struct load_stats stats = {0};
    enum tracer_status status = session_open(&session, options);
    if (!status)
        status = session_store(&session, GRAPH_CREATE);
    if (!status)
        status = load_demo(session.graph, &stats, &session.err);
    if (status)
        session_fail(&session, status);
    session_close(&session);
    return status;
}

int command_demo(const struct options *options)
{
    static const char *const seeds[] = {"ronin-2022"};
    char temporary[SESSION_TEMPORARY_MAX] = "";
    struct options mine = *options;
    if (!mine.store) {
        if (!session_temporary(temporary))
            return EXIT_STORE;
        mine.store = temporary;
    }
    mine.chain = NULL;
    int code = EXIT_INTERNAL;
    enum tracer_status status = make_demo_store(&mine);
    if (status) {
        code = exit_for(status);
    } else {
        struct session session;
        status = session_open(&session, &mine);
        if (!status)
            status = session_store(&session, GRAPH_READ);
        code = status ? session_fail(&session, status) : trace_and_write(&session, "demo", seeds, 1);
        session_close(&session);
    }
    session_remove_temporary(temporary);
    return code;
}
