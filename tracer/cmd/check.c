/* check.c - `check` and `explain`: targets of a store; with --transfers one transfer of a file (taint-spec
 * 10). */
#include "session.h"

#include "tracer/ancestors.h"
#include "tracer/explain.h"
#include "tracer/ingest.h"
#include "tracer/screen.h"

#include <stdio.h>
#include <string.h>

static enum tracer_status watch(void *context, uint64_t rows)
{
    struct session *session = context;
    progress_show(session, rows, 0, "transfers", NULL);
    return session_stop ? error_set(&session->err, TRACER_E_STOPPED,
                                    "stopped before the replay was complete: no answer")
                        : TRACER_OK;
}

static enum tracer_status write_check(struct session *session, const struct report_format *format,
                                      const struct check_result *result)
{
    struct output output;
    struct report_options options = session_report_options(session);
    enum tracer_status status = output_open(session->options->output, &output, &session->err);
    if (status)
        return status;
    status = format->check(output.stream, result, &options, &session->err);
    if (!status)
        status = output_commit(&output, &session->err);
    output_abort(&output);
    return status;
}

static int code_for(enum verdict worst)
{
    switch (worst) {
    case VERDICT_CLEAN:
        return EXIT_DONE;
    case VERDICT_CANNOT_TELL:
        return EXIT_CANNOT_TELL;
    case VERDICT_EXPOSED:
        return EXIT_EXPOSED;
    }
    return EXIT_INTERNAL;
}

/* "When several apply" 11 stands before 10 only for failures of rows; the worst answer decides here: a
 * mixture of exposed and cannot tell is 11, because some answer is still open. */
static int code_of(const struct check_result *result)
{
    int code = code_for(result->worst);
    for (size_t i = 0; i < result->answer_count; i++)
        if (result->answers[i].verdict == VERDICT_CANNOT_TELL)
            code = EXIT_CANNOT_TELL;
    return code;
}

/* What both begin with: the store, its labels and assets, the format. `is_kept`: the store outlives this run. `ret_links`: endpoints
 * will be read; NULL: none. */
static enum tracer_status begin(struct session *session, const struct options *options, const char *command, bool is_kept,
                                struct link_facts *ret_links, const struct report_format **ret_format, struct case_input *ret_input)
{
    enum tracer_status status = session_open(session, options);
    if (!status && !is_kept && session_decisions(session))
        status = error_set(&session->err, TRACER_E_USAGE, "what a decision stands on is kept, so that it can be asked again: name a store for it with --store DIR");
    if (!status && !(*ret_format = session_format(session, "text")))
        status = TRACER_E_USAGE;
    if (!status && (!(*ret_format)->check || !(*ret_format)->explain))
        status = session_no_writer(session, *ret_format);
    if (!status && ret_links)
        status = session_chain(session, ret_links);
    else if (!status && !(status = session_store(session, GRAPH_READ)))
        status = session_case(session);
    if (!status)
        status = session_case_input(session, command, ret_input);
    ret_input->watch = watch;
    ret_input->watch_context = session;
    return status;
}

static enum tracer_status write_explain(struct session *session, const struct report_format *format,
                                        const struct explain_result *result)
{
    struct output output;
    struct report_options options = session_report_options(session);
    enum tracer_status status = output_open(session->options->output, &output, &session->err);
    if (status)
        return status;
    status = format->explain(output.stream, result, &options, &session->err);
    if (!status)
        status = output_commit(&output, &session->err);
    output_abort(&output);
    return status;
}

int command_explain(const struct options *options)
{
    struct session session;
    struct explain_result *result = NULL;
    struct explain_request request = {.target = options->arguments[0],
                                      .sources = options->source,
                                      .source_count = options->source_count,
                                      .has_since = options->has_since,
                                      .since = options->since};
    const struct report_format *format = NULL;
    enum tracer_status status = begin(&session, options, "explain", true, NULL, &format, &request.input);
    progress_begin(&session, "replay");
    if (!status)
        status = explain_run(&request, &result, &session.err);
    progress_end(&session);
    if (!status)
        status = write_explain(&session, format, result);
    int code = status                      ? session_fail(&session, status)
               : result->trace.touches_gap ? EXIT_CANNOT_TELL
                                           : EXIT_DONE;
    explain_result_free(result);
    session_close(&session);
    return code;
}

/* Complete answers under each policy, side by side. */
static int check_policies(struct session *session, const struct report_format *format, struct screen_request *request,
                          const struct screen_target *targets, size_t count)
{
    struct check_result *results[COMPARED_COUNT] = {NULL};
    struct output output;
    struct report_options options = session_report_options(session);
    enum tracer_status status = format->check_policies ? TRACER_OK : session_no_writer(session, format);
    int code = EXIT_DONE;
    request->compares = true;
    for (size_t i = 0; i < COMPARED_COUNT && !status; i++) {
        struct screen *screen = NULL;
        request->input.options.policy = compared_policies[i];
        status = screen_open(request, &screen, &session->err);
        if (!status)
            status = screen_answer(screen, targets, count, &results[i], &session->err);
        screen_close(screen);
        if (!status) {
            results[i]->head.policy = "all";
            int of = code_of(results[i]);
            code = code == EXIT_CANNOT_TELL || of == EXIT_DONE ? code : of;
        }
        for (size_t a = 0; a < count && i && !status; a++)
            if (results[i]->answers[a].line_count != results[0]->answers[a].line_count)
                status = error_set(&session->err, TRACER_E_CONFLICT, "the store went on meanwhile; ask again");
    }
    progress_end(session);
    if (!status)
        status = output_open(session->options->output, &output, &session->err);
    if (!status) {
        status = format->check_policies(output.stream, (const struct check_result *const *)results, &options, &session->err);
        if (!status)
            status = output_commit(&output, &session->err);
        output_abort(&output);
    }
    for (size_t i = 0; i < COMPARED_COUNT; i++)
        check_result_free(results[i]);
    return status ? session_fail(session, status) : code;
}

/* Targets, and the addresses among them. */
static enum tracer_status take_targets(struct session *session, struct screen_request *request, struct screen_target **ret_targets)
{
    const struct options *options = session->options;
    size_t count = options->argument_count;
    struct screen_target *targets = arena_calloc(session->arena, count + 1, sizeof(*targets));
    struct address *wanted = arena_calloc(session->arena, count + 1, sizeof(*wanted));
    if (!targets || !wanted)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    if (count == 0)
        return error_set(&session->err, TRACER_E_USAGE, "name at least one target");
    request->wanted = wanted;
    for (size_t i = 0; i < count; i++) {
        const char *text = options->arguments[i], *behind = strstr(text, ":0x"); /* perhaps CHAIN:ADDRESS */
        request->wanted_count += address_parse(text, strlen(text), &wanted[request->wanted_count]) ||
                                 (behind && address_parse(behind + 1, strlen(behind + 1), &wanted[request->wanted_count]));
        targets[i] = (struct screen_target){text, options->has_to_address ? &options->to_address : NULL};
    }
    *ret_targets = targets;
    return TRACER_OK;
}

/* The histories that the answers depend on, from endpoints; `request` is then about these. */
static enum tracer_status fetch(struct session *session, const struct link_facts *links, struct screen_request *request,
                                const struct screen_target *targets, struct ancestors *ret_ancestors)
{
    const struct options *options = session->options;
    struct ancestors_request fetch = {.screen = *request,
                                      .targets = targets,
                                      .target_count = options->argument_count,
                                      .explore = session_explore(session, links),
                                      .accounts_max = options->max_accounts == OPTION_UNSET ? 100 : options->max_accounts,
                                      .requests_max = options->max_requests,
                                      .seconds_max = options->max_seconds,
                                      .progress = session_exploring,
                                      .progress_context = session};
    size_t next_note = 0;
    enum tracer_status status = ingest_network(session->graph, &session->network, &session->err);
    session_print_notes(session, &next_note);
    fetch.explore.degree_max = options->max_degree == UINT32_MAX ? 10000 : options->max_degree;
    if (options->all_policies)
        fetch.screen.input.options.policy = POLICY_POISON; /* what is tainted under any policy is so under it (taint-spec 9.3) */
    progress_begin(session, "check");
    if (!status)
        status = ancestors_fetch(&fetch, ret_ancestors, &session->err);
    progress_end(session);
    session_print_notes(session, &next_note);
    if (status)
        return status;
    session_tell_explored(session, &ret_ancestors->stats);
    struct case_input *input = &request->input;
    struct decision_fetched *fetched = arena_calloc(session->arena, 1, sizeof(*fetched));
    if (!fetched)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    *fetched = (struct decision_fetched){.first = ret_ancestors->stats.first,
                                         .last = ret_ancestors->stats.last,
                                         .accounts = ret_ancestors->explored,
                                         .account_count = ret_ancestors->explored_count,
                                         .limits = ret_ancestors->limits,
                                         .limit_count = ret_ancestors->limit_count};
    session->fetched = fetched;
    session_take_fetched(session, input);
    return TRACER_OK;
}

static int check_store(const struct options *options, bool is_kept)
{
    struct session session;
    struct link_facts links;
    struct ancestors ancestors = {.arena = NULL};
    struct check_result *result = NULL;
    struct screen *screen = NULL;
    struct screen_target *targets = NULL;
    struct screen_request request = {.sources = options->source,
                                     .source_count = options->source_count,
                                     .has_since = options->has_since,
                                     .since = options->since};
    const struct report_format *format = NULL;
    bool fetches = options->rpc_count || options->replay;
    enum tracer_status status = begin(&session, options, "check", is_kept, fetches ? &links : NULL, &format, &request.input);
    request.rules = session.rules;
    request.funds = options->funds;
    if (!status)
        status = session_refuse_idle(&session);
    if (!status)
        status = take_targets(&session, &request, &targets);
    if (!status && options->all_policies && (session_decisions(&session) || options->funds))
        status = error_set(&session.err, TRACER_E_USAGE, "a decision, and a source of funds, are of one policy: not with --policy all");
    if (!status && fetches)
        status = fetch(&session, &links, &request, targets, &ancestors);
    progress_begin(&session, "replay");
    if (!status && options->all_policies) {
        int code = check_policies(&session, format, &request, targets, options->argument_count);
        ancestors_free(&ancestors);
        session_close(&session);
        return code;
    }
    if (!status)
        status = screen_open(&request, &screen, &session.err);
    if (!status)
        status = screen_answer(screen, targets, options->argument_count, &result, &session.err);
    progress_end(&session);
    if (!status)
        status = session_record(&session, result);
    if (!status)
        status = write_check(&session, format, result);
    int code = status ? session_fail(&session, status) : code_of(result);
    check_result_free(result);
    screen_close(screen);
    ancestors_free(&ancestors);
    session_close(&session);
    return code;
}

int command_check(const struct options *options)
{
    struct options mine = *options;
    char temporary[SESSION_TEMPORARY_MAX] = "";
    if (options->transfers)
        return check_files(options);
    if (options->as_of && (options->rpc_count || options->replay)) {
        fprintf(stderr, "tracer: check: --as-of is about what the store has: not with --rpc or --replay\n");
        return EXIT_USAGE;
    }
    if (options->explorer_count && !options->rpc_count && !options->replay) {
        fprintf(stderr, "tracer: check: --explorer finds the histories of accounts: it needs --rpc\n");
        return EXIT_USAGE;
    }
    if (!options->store && (options->rpc_count || options->replay)) {
        if (!session_temporary(temporary))
            return EXIT_STORE;
        mine.store = temporary;
    }
    int code = check_store(&mine, !temporary[0]);
    session_remove_temporary(temporary);
    return code;
}
