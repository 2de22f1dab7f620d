/* endpoint.c - `endpoint probe`: what an endpoint can do. */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *yes_no(bool value)
{
    return value ? "yes" : "no";
}

static void print_probe(const char *name, const struct chain_probe *probe)
{
    printf("%s\n", name);
    printf("  client             %s\n", probe->client_version[0] ? probe->client_version : "not told");
    printf("  chain id           %" PRIu64 "\n", probe->chain_id);
    printf("  head               %" PRIu64 "\n", probe->head);
    if (probe->has_finalized)
        printf("  finalized          %" PRIu64 "\n", probe->finalized);
    else
        printf("  finalized          not offered\n");
    printf("  anchor             %s\n", !probe->anchor_checked
                                            ? probe->anchor_note[0] ? probe->anchor_note : "not checked"
                                        : probe->anchor_fits ? "fits"
                                                             : "DIFFERS: another chain");
    printf("  old state          %s\n", yes_no(probe->archive));
    printf("  block receipts     %s\n", yes_no(probe->block_receipts));
    printf("  internal calls     %s\n", chain_traces_name(probe->traces));
    printf("  address search     %s\n", probe->ots ? "ots" : "no");
    printf("  calls a batch      %" PRIu32 "\n", probe->batch_max);
    printf("  log range          %" PRIu64 " blocks\n", probe->log_range);
}

/* The probe in one line of JSON, kept in the store under the endpoint's name. */
static enum tracer_status keep_probe(struct session *session, const char *name,
                                     const struct chain_probe *probe)
{
    struct buffer text;
    char client[sizeof(probe->client_version)];
    memcpy(client, probe->client_version, sizeof(client));
    for (char *c = client; *c; c++) /* printable ASCII already; nothing that JSON would have to escape */
        if (*c == '"' || *c == '\\')
            *c = '\'';
    buffer_init(&text, TRACER_KIB(4));
    buffer_printf(&text,
                  "{\"schema\":\"tracer/endpoint/1\",\"client\":\"%s\",\"chain_id\":%" PRIu64
                  ",\"finalized\":%s,\"archive\":%s,"
                  "\"block_receipts\":%s,\"traces\":\"%s\",\"ots\":%s,\"batch\":%" PRIu32
                  ",\"log_range\":%" PRIu64 "}\n",
                  client, probe->chain_id, probe->has_finalized ? "true" : "false",
                  probe->archive ? "true" : "false", probe->block_receipts ? "true" : "false",
                  chain_traces_name(probe->traces), probe->ots ? "true" : "false", probe->batch_max,
                  probe->log_range);
    enum tracer_status status = buffer_ok(&text) ? graph_put_item(session->graph, GRAPH_ITEM_ENDPOINT, name,
                                                                  text.data, text.size, &session->err)
                                                 : error_set(&session->err, TRACER_E_NOMEM, "no memory");
    buffer_release(&text);
    return status;
}

static int probe_all(struct session *session)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < rpc_endpoint_count(session->rpc); i++) {
        struct chain_probe probe;
        const char *name = rpc_endpoint_name(session->rpc, i);
        enum tracer_status status = chain_probe(session->rpc, i, &session->network, &probe, &session->err);
        if (!status || probe.chain_id)
            print_probe(name, &probe);
        if (!status && session->graph)
            status = keep_probe(session, name, &probe);
        if (status)
            code = session_fail(session, status);
        else if (probe.anchor_checked && !probe.anchor_fits)
            code = EXIT_ENDPOINTS;
    }
    return code;
}

int command_endpoint(const struct options *options)
{
    struct session session;
    struct options mine = *options;
    enum tracer_status status = session_open(&session, &mine);
    if (!status && strcmp(options->arguments[0], "probe") != 0)
        status = error_set(&session.err, TRACER_E_USAGE, "endpoint does: probe URL|NAME...");
    for (size_t i = 1; i < options->argument_count && !status; i++) {
        if (mine.rpc_count == OPTIONS_LIST_MAX)
            status = error_set(&session.err, TRACER_E_USAGE, "more than %u endpoints", OPTIONS_LIST_MAX);
        else
            mine.rpc[mine.rpc_count++] = options->arguments[i];
    }
    if (!status)
        status = session_network(&session);
    if (!status)
        status = session_endpoints(&session);
    if (!status && options->store)
        status = session_store(&session, GRAPH_CREATE);
    int code = status ? session_fail(&session, status) : probe_all(&session);
    session_close(&session);
    return code;
}
