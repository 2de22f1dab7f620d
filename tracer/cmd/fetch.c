/* fetch.c - what commands share that read from a chain only what they need. */
#include "session.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool session_temporary(char to[static SESSION_TEMPORARY_MAX])
{
    const char *parent = getenv("TMPDIR");
    if (snprintf(to, SESSION_TEMPORARY_MAX, "%s/tracer-XXXXXX", parent && *parent ? parent : "/tmp") < SESSION_TEMPORARY_MAX && mkdtemp(to))
        return true;
    to[0] = '\0';
    fprintf(stderr, "tracer: no temporary directory could be made; name one with --store DIR\n");
    return false;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void session_remove_temporary(const char *path)
{
    if (path[0])
        nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

struct explore_request session_explore(const struct session *session, const struct link_facts *links)
{
    const struct options *options = session->options;
    return (struct explore_request){.graph = session->graph,
                                    .client = session->client,
                                    .network = &session->network,
                                    .links = links,
                                    .tokens = session->tokens,
                                    .token_count = session->token_count,
                                    .finality = options->finality,
                                    .finality_depth = options->finality_depth,
                                    .no_traces = options->no_traces,
                                    .keep_raw = options->keep_raw,
                                    .scan_max = options->max_scan,
                                    .stop = &session_stop};
}

void session_exploring(void *context, const struct explore_progress *progress)
{
    char extra[160];
    snprintf(extra, sizeof(extra), "%" PRIu64 " waiting, %" PRIu64 " calls (%" PRIu64 " a second), now %s", progress->waiting, progress->requests,
             progress->elapsed_ms ? progress->requests * 1000 / progress->elapsed_ms : 0, progress->now);
    progress_show(context, progress->explored, 0, "accounts explored", extra);
}

static void tell_pool(const char *what, const struct rpc *rpc)
{
    for (size_t i = 0; i < rpc_endpoint_count(rpc); i++) {
        struct rpc_stats of = rpc_stats(rpc, i);
        fprintf(stderr, "%s \"%s\": %" PRIu64 " requests, %" PRIu64 " calls, %" PRIu64 " asked again, %" PRIu64 " failed, %" PRIu64 " MB", what,
                rpc_endpoint_name(rpc, i), of.requests, of.calls, of.retries, of.failures, of.bytes_received / 1000000);
        if (of.hedges)
            fprintf(stderr, ", %" PRIu64 " for being late elsewhere (%" PRIu64 " came first)", of.hedges, of.hedges_won);
        fprintf(stderr, "\n");
    }
}

void session_tell_explored(const struct session *session, const struct explore_stats *stats)
{
    if (session->options->quiet)
        return;
    fprintf(stderr, "%s: blocks %" PRIu64 " to %" PRIu64 ": %" PRIu64 " accounts explored", session->network.name, stats->first, stats->last, stats->explored);
    if (stats->known)
        fprintf(stderr, " (%" PRIu64 " were in the store)", stats->known);
    if (stats->hubs)
        fprintf(stderr, ", %" PRIu64 " too busy to explore", stats->hubs);
    fprintf(stderr, "; %" PRIu64 " calls to endpoints\n", stats->requests);
    if (!session->options->verbose)
        return;
    tell_pool("endpoint", session->rpc);
    if (session->explorers)
        tell_pool("explorer", session->explorers);
}
