/* endpoint.c - `endpoint probe`: what an endpoint can do. */
#include "session.h"

#include "tracer/clock.h"
#include "tracer/remember.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *yes_no(bool value)
{
    return value ? "yes" : "no";
}

static void print_date(const struct chain_known *known, bool from_store)
{
    char date[32];
    clock_format_utc(known->date_s, date);
    printf("  probed             %s UTC%s\n", date, from_store ? ", from the store (--refetch probes again)" : "");
}

static void print_probe(const char *name, const struct chain_probe *probe, const struct chain_known *known, bool from_store)
{
    printf("%s\n", name);
    if (known)
        print_date(known, from_store);
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
    if (probe->archive || !probe->state_depth)
        printf("  old state          %s\n", yes_no(probe->archive));
    else
        printf("  old state          no, that of %" PRIu64 " blocks below the head\n", probe->state_depth);
    printf("  block receipts     %s\n", yes_no(probe->block_receipts));
    printf("  internal calls     %s\n", chain_traces_name(probe->traces));
    printf("  address search     %s%s%s\n", probe->ots ? "ots" : "", probe->ots && probe->trace_filter ? ", " : "",
           probe->trace_filter ? "trace_filter"
           : probe->ots        ? ""
                               : "no");
    printf("  sent, by nonce     %s\n", yes_no(probe->by_nonce));
    printf("  calls a batch      %" PRIu32 "\n", probe->batch_max);
    printf("  log range          %" PRIu64 " blocks", probe->log_range);
    if (probe->log_range_stated)
        printf("; it says that it gives %" PRIu64, probe->log_range_stated);
    printf("\n");
}

/* What runs with this store learned. */
static void print_learned(const struct chain_known *known)
{
    if (known->batch_max)
        printf("  learned            no more than %" PRIu32 " calls a batch\n", known->batch_max);
    for (enum history_way way = 0; way < HISTORY_WAY_COUNT; way++)
        if (known->range_max[way] && known->range_max[way] != known->probe.log_range_stated)
            printf("  learned            %s of no more than %" PRIu64 " blocks\n", history_way_name(way), known->range_max[way]);
    if (known->results_max)
        printf("  learned            no more than %" PRIu64 " results at once\n", known->results_max);
    if (known->pace.in_flight)
        printf("  learned            %" PRIu32 " requests at once after a rate limit\n", known->pace.in_flight);
    if (known->pace.rate)
        printf("  learned            %" PRIu32 " calls a second after a rate limit\n", known->pace.rate);
    if (known->pace.retry_after_s)
        printf("  learned            asked for a pause of %" PRIu32 " s\n", known->pace.retry_after_s);
}

static int probe_one(struct session *session, size_t endpoint, struct chain_known *known)
{
    struct chain_probe probe;
    const char *name = rpc_endpoint_name(session->rpc, endpoint);
    if (known && known->probed && chain_known_is_young(known) && !session->options->refetch) {
        print_probe(name, &known->probe, known, true);
        print_learned(known);
        return EXIT_DONE;
    }
    enum tracer_status status = chain_probe(session->rpc, endpoint, &session->network, &probe, &session->err);
    if (!status && probe.anchor_fits && known) {
        chain_known_probed(known, &probe);
        print_probe(name, &probe, known, false);
        print_learned(known);
        status = remember_keep(session->graph, session->rpc, endpoint, session->network.chain_id, known, &session->err);
    } else if (!status) {
        print_probe(name, &probe, NULL, false);
    } else if (probe.chain_id) { /* nothing more is known of it */
        printf("%s\n  chain id           %" PRIu64 "\n", name, probe.chain_id);
    }
    if (status)
        return session_fail(session, status);
    return probe.anchor_checked && !probe.anchor_fits ? EXIT_ENDPOINTS : EXIT_DONE;
}

static int probe_all(struct session *session)
{
    int code = EXIT_DONE;
    struct chain_known *known = session_known(session);
    for (size_t i = 0; i < rpc_endpoint_count(session->rpc); i++) {
        int one = probe_one(session, i, known ? &known[i] : NULL);
        code = one ? one : code;
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
