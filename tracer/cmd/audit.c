/* audit.c - `audit`: the books of the store against the chain's balances and nonces. */
#include "session.h"

#include "tracer/audit.h"

#include <stdio.h>

static void show(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done, total, "balances and nonces", NULL);
}

static enum tracer_status write_audit(struct session *session, const struct report_format *format,
                                      const struct audit_result *result)
{
    struct output output;
    struct report_options options = session_report_options(session);
    enum tracer_status status = output_open(session->options->output, &output, &session->err);
    if (status)
        return status;
    status = format->audit(output.stream, result, &options, &session->err);
    if (!status)
        status = output_commit(&output, &session->err);
    output_abort(&output);
    return status;
}

/* The names of the endpoints, as many as fit. */
static void name_endpoints(const struct session *session, char *text, size_t size)
{
    size_t length = 0;
    *text = '\0';
    for (size_t i = 0; i < rpc_endpoint_count(session->rpc) && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", i ? ", " : "", rpc_endpoint_name(session->rpc, i));
}

/* The store was open for reading while the endpoints were asked, so that others could write. */
static void record(struct session *session, const struct audit_result *result)
{
    char endpoints[96];
    name_endpoints(session, endpoints, sizeof(endpoints));
    graph_close(session->graph);
    session->graph = NULL;
    enum tracer_status status = session_store(session, GRAPH_WRITE);
    if (!status)
        status = audit_record(result, session->graph, endpoints, &session->err);
    if (status)
        fprintf(stderr, "tracer: the findings are not recorded in the store: %s\n", session->err.text);
}

int command_audit(const struct options *options)
{
    struct session session;
    struct audit_result *result = NULL;
    struct audit_request request = {.accounts = options->arguments,
                                    .account_count = options->argument_count,
                                    .balances_max = options->max_accounts == OPTION_UNSET ? 100000 : options->max_accounts,
                                    .stop = &session_stop,
                                    .progress = show,
                                    .progress_context = &session};
    enum tracer_status status = session_open(&session, options);
    const struct report_format *format = status ? NULL : session_format(&session, "text");
    if (format && !format->audit)
        status = session_no_writer(&session, format);
    if (!status && !format)
        status = TRACER_E_USAGE;
    if (!status)
        status = session_network(&session);
    if (!status)
        status = session_endpoints(&session);
    if (!status)
        status = session_store(&session, GRAPH_READ);
    if (!status)
        status = session_client(&session);
    if (!status)
        status = session_case(&session);
    if (!status)
        status = session_case_input(&session, "audit", &request.input);
    if (!status) {
        request.client = session.client;
        progress_begin(&session, "audit");
        status = audit_run(&request, &result, &session.err);
        progress_end(&session);
    }
    if (!status)
        status = write_audit(&session, format, result);
    if (!status)
        record(&session, result);
    int code = status ? session_fail(&session, status) : result->line_count || result->nonce_count ? EXIT_CANNOT_TELL : EXIT_DONE;
    audit_result_free(result);
    session_close(&session);
    return code;
}
