/* ingest.c - `ingest`: blocks of a chain into the store. */
#include "session.h"

#include "tracer/clock.h"
#include "tracer/history.h"
#include "tracer/ingest.h"
#include "tracer/load.h"
#include "tracer/screen.h"

#include <inttypes.h>
#include <stdio.h>

static void show(void *context, uint64_t first, uint64_t done, uint64_t last,
                 const struct chain_fetch_stats *stats)
{
    char extra[64];
    snprintf(extra, sizeof(extra), "%" PRIu64 " transfers, %" PRIu64 " MB", stats->transfers,
             stats->bytes / 1000000);
    progress_show(context, done, last - first + 1, "blocks", extra);
}

static void show_walk(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done, total, "headers", "to a checkpoint");
}

/* Decimal seconds with one place, from whole milliseconds. */
static void summary(const struct session *session, const struct ingest_stats *stats, uint64_t elapsed_ms)
{
    uint64_t ms = elapsed_ms ? elapsed_ms : 1;
    if (stats->blocks == 0) {
        fprintf(stderr, "%s: nothing new up to block %" PRIu64 "\n", session->network.name, stats->head);
        return;
    }
    fprintf(stderr,
            "%s: blocks %" PRIu64 " to %" PRIu64 " stored: %" PRIu64 " transactions, %" PRIu64
            " transfers, internal calls: %s\n",
            session->network.name, stats->first, stats->last, stats->transactions, stats->transfers,
            chain_traces_name(stats->traces));
    fprintf(stderr,
            "%" PRIu64 ".%" PRIu64 " s: %" PRIu64 " blocks/s, %" PRIu64 " transfers/s, %" PRIu64 " MB read",
            ms / 1000, ms / 100 % 10, stats->blocks * 1000 / ms, stats->transfers * 1000 / ms,
            stats->fetch.bytes / 1000000);
    if (session->options->verbose)
        fprintf(stderr,
                "; waiting %" PRIu64 " ms, JSON %" PRIu64 " ms, decoding %" PRIu64 " ms, store %" PRIu64
                " ms",
                stats->fetch.wait_ns / 1000000, stats->fetch.read_ns / 1000000,
                stats->fetch.decode_ns / 1000000, stats->store_ns / 1000000);
    fprintf(stderr, "\n");
    if (stats->walk_headers)
        fprintf(stderr, "checkpoint %" PRIu64 ", %" PRIu64 " headers away, vouches for %" PRIu64 " of these blocks%s\n",
                stats->walk_checkpoint, stats->walk_headers, stats->walk_vouched,
                stats->walk_vouched ? "" : ": they descend from it, as any endpoint's blocks could");
    if (stats->rewound)
        fprintf(stderr, "%" PRIu64 " blocks left the chain (reorg) and were moved aside\n", stats->rewound);
    if (stats->refused)
        fprintf(stderr, "%" PRIu64 " replies were not believed and asked for again; they are kept: store refused\n", stats->refused);
    if (stats->openings)
        fprintf(stderr, "%" PRIu64 " opening balances stored\n", stats->openings);
}

void session_print_notes(const struct session *session, size_t *next)
{
    const char *note;
    while (!session->options->quiet && (note = chain_note(session->client, *next))) {
        fprintf(stderr, "note: %s\n", note);
        (*next)++;
    }
}

/* A wrapper that no list calls a venue would launder: what goes in stays with it, what it mints from void is clean (taint-spec
 * 4.3). Those of the configuration become venues in the store, for every later command. */
static enum tracer_status keep_wrappers(struct session *session)
{
    const struct chain_network *network = &session->network;
    struct load_stats stats = {0};
    struct buffer list;
    size_t found = 0;
    char name[64];
    buffer_init(&list, TRACER_FILE_CONFIG_MAX);
    buffer_text(&list, "chain,address,class,name,category\n");
    snprintf(name, sizeof(name), "configured-wrappers-%" PRIu64 ".csv", network->chain_id);
    for (size_t i = 0; i < network->wrapper_count; i++) {
        struct label label;
        char address[ADDRESS_TEXT_SIZE];
        if (label_find(session->labels, network->chain_id, network->wrappers[i], &label) && label.class_ != CLASS_NONE)
            continue;
        address_format(network->wrappers[i], address);
        buffer_printf(&list, "%" PRIu64 ",%s,venue,wrapper of the configuration,wrapped\n", network->chain_id, address);
        found++;
    }
    enum tracer_status status = TRACER_OK;
    if (found && !buffer_ok(&list))
        status = error_set(&session->err, TRACER_E_NOMEM, "no memory");
    else if (found)
        status = load_labels(session->graph,
                             (struct import_source){.path = name, .data = list.data, .size = list.size},
                             &stats, &session->err);
    buffer_release(&list);
    return status || !found ? status : session_case(session);
}

enum tracer_status session_chain(struct session *session, struct link_facts *ret_links)
{
    enum tracer_status status = session_network(session);
    if (!status)
        status = session_endpoints(session);
    if (!status) { /* none is made for endpoints that turn out to be wrong */
        status = session_store(session, GRAPH_WRITE);
        status = status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
    }
    if (!status)
        status = session_client(session);
    if (!status)
        history_use_explorers(session->client, session->explorers);
    if (!status)
        status = session_store(session, GRAPH_CREATE);
    if (!status)
        status = session_case(session);
    if (!status)
        status = keep_wrappers(session);
    return status ? status : session_links(session, ret_links);
}

enum tracer_status session_ingest(struct session *session,
                                  enum tracer_status (*landed)(void *context, uint64_t kept_to, struct error *err),
                                  void *context)
{
    const struct options *options = session->options;
    struct error *err = &session->err;
    struct link_facts links;
    enum tracer_status status = TRACER_OK;
    if ((!options->has_from && options->has_to_block) && !options->store)
        status = error_set(err, TRACER_E_USAGE, "which store? name its directory with --store DIR");
    if (!status && options->has_from && options->has_to_block && options->from > options->to_block)
        status = error_set(err, TRACER_E_USAGE, "--from %" PRIu64 " is behind --to %" PRIu64, options->from,
                           options->to_block);
    if (!status)
        status = session_chain(session, &links);
    if (status)
        return status;
    size_t next_note = 0;
    session_print_notes(session, &next_note);
    struct ingest_request request = {.graph = session->graph,
                                     .client = session->client,
                                     .network = &session->network,
                                     .has_from = options->has_from,
                                     .from = options->from,
                                     .has_to = options->has_to_block,
                                     .to = options->to_block,
                                     .finality = options->finality,
                                     .finality_depth = options->finality_depth,
                                     .links = &links,
                                     .opening = options->opening,
                                     .no_traces = options->no_traces,
                                     .keep_raw = options->keep_raw,
                                     .anchor = options->anchor,
                                     .refetch = options->refetch,
                                     .follow = options->follow,
                                     .stop = &session_stop,
                                     .landed = landed,
                                     .landed_context = context,
                                     .progress = show,
                                     .walk_progress = show_walk,
                                     .progress_context = session};
    struct ingest_stats stats;
    progress_begin(session, "ingest");
    uint64_t start = clock_monotonic_ms();
    status = ingest_run(&request, &stats, err);
    progress_end(session);
    session_print_notes(session, &next_note);
    if (!options->quiet && (!status || stats.blocks))
        summary(session, &stats, clock_monotonic_ms() - start);
    return status;
}

/* ---- --taint: the state that check and batch look up ---- */

struct screening {
    struct session *session;
    struct screen_request request;
    struct screen_follow *follow;
    bool waits; /* and it was told */
};

static enum tracer_status landed(void *context, uint64_t kept_to, struct error *err)
{
    struct screening *screening = context;
    struct session *session = screening->session;
    const struct options *options = session->options;
    enum tracer_status status = TRACER_OK;
    if (!screening->follow) {
        screening->request = (struct screen_request){.sources = options->source,
                                                     .source_count = options->source_count,
                                                     .has_since = options->has_since,
                                                     .since = options->since};
        status = session_case_input(session, "ingest", &screening->request.input);
        screening->request.input.has_from = screening->request.input.has_to = false; /* these are the blocks to read */
        if (!status)
            status = screen_follow_new(&screening->request, ingest_reorg_depth(options->finality, options->finality_depth),
                                       &screening->follow, err);
    }
    if (!status)
        status = screen_follow_update(screening->follow, kept_to, err);
    if (status != TRACER_E_NOT_FOUND || !options->follow) {
        screening->waits = false;
        return status;
    }
    /* A source that has not acted yet, or whose acts a reorg took back: a check refuses to ask about it, and later blocks may have it. */
    if (!screening->waits && !options->quiet)
        fprintf(stderr, "note: there is no taint state until all sources are in the store: %s\n", err->text);
    screening->waits = true;
    return TRACER_OK;
}

int command_ingest(const struct options *options)
{
    struct session session;
    struct screening screening = {.session = &session};
    enum tracer_status status = session_open(&session, options);
    if (!status && options->keep_flagged)
        status = error_set(&session.err, TRACER_E_USAGE,
                           "--keep-raw flagged is for trace --evidence: what will be flagged is not known while blocks are read");
    if (!status)
        status = session_ingest(&session, options->keep_taint ? landed : NULL, &screening);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    screen_follow_free(screening.follow);
    session_close(&session);
    return code;
}
