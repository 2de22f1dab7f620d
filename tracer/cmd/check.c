/* check.c - `check` and `explain`: targets of a store; with --transfers one transfer of a file (taint-spec
 * 10). */
#include "session.h"

#include "tracer/explain.h"
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

/* What both begin with: the store, its labels and assets, the format. */
static enum tracer_status begin(struct session *session, const struct options *options, const char *command,
                                const struct report_format **ret_format, struct case_input *ret_input)
{
    enum tracer_status status = session_open(session, options);
    if (!status && !(*ret_format = session_format(session, "text")))
        status = TRACER_E_USAGE;
    if (!status && (!(*ret_format)->check || !(*ret_format)->explain))
        status = session_no_writer(session, *ret_format);
    if (!status)
        status = session_store(session, GRAPH_READ);
    if (!status)
        status = session_case(session);
    if (!status)
        status = session_case_input(session, command, ret_input);
    ret_input->watch = watch;
    ret_input->watch_context = session;
    progress_begin(session, "replay");
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
    enum tracer_status status = begin(&session, options, "explain", &format, &request.input);
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
    if (!status && (session_decisions(session) || session->options->funds))
        status = error_set(&session->err, TRACER_E_USAGE, "a decision, and a source of funds, are of one policy: not with --policy all");
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

int command_check(const struct options *options)
{
    if (options->transfers)
        return check_files(options);
    struct session session;
    struct check_result *result = NULL;
    struct screen *screen = NULL;
    struct screen_request request = {.sources = options->source,
                                     .source_count = options->source_count,
                                     .has_since = options->has_since,
                                     .since = options->since};
    const struct report_format *format = NULL;
    enum tracer_status status = begin(&session, options, "check", &format, &request.input);
    request.rules = session.rules;
    request.funds = options->funds;
    struct screen_target *targets = status ? NULL : arena_calloc(session.arena, options->argument_count + 1, sizeof(*targets));
    if (!status && !targets)
        status = error_set(&session.err, TRACER_E_NOMEM, "no memory");
    struct address *wanted = status ? NULL : arena_calloc(session.arena, options->argument_count + 1, sizeof(*wanted));
    if (!status && !wanted)
        status = error_set(&session.err, TRACER_E_NOMEM, "no memory");
    request.wanted = wanted;
    for (size_t i = 0; i < options->argument_count && !status; i++) {
        const char *text = options->arguments[i], *behind = strstr(text, ":0x"); /* perhaps CHAIN:ADDRESS */
        request.wanted_count += address_parse(text, strlen(text), &wanted[request.wanted_count]) ||
                                (behind && address_parse(behind + 1, strlen(behind + 1), &wanted[request.wanted_count]));
    }
    for (size_t i = 0; i < options->argument_count && !status; i++)
        targets[i] = (struct screen_target){options->arguments[i], options->has_to_address ? &options->to_address : NULL};
    if (!status && options->argument_count == 0)
        status = error_set(&session.err, TRACER_E_USAGE, "name at least one target");
    if (!status && options->all_policies) {
        int code = check_policies(&session, format, &request, targets, options->argument_count);
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
    session_close(&session);
    return code;
}
