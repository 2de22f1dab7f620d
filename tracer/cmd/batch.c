/* batch.c - `batch`: the question of `check` for every row of a file. */
#include "session.h"

#include "tracer/batch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REFERENCE_SIZE 960u /* with the line behind it, it fits a text of a record */

struct batch_session {
    struct session *session;
    struct batch_request request;
    struct screen *screen;
    struct buffer context; /* of decisions */
};

/* The worker's life. Its store is its own: a handle of before the fork is the parent's. */
static int work(struct batch_session *batch, const struct batch_ends *ends)
{
    struct session *session = batch->session;
    struct graph_options options = {.mode = GRAPH_READ};
    struct graph *graph = NULL;
    signal(SIGINT, SIG_IGN); /* the parent ends the workers */
    signal(SIGTERM, SIG_IGN);
    enum tracer_status status = graph_open(session->options->store, &options, &graph, &session->err);
    screen_set_store(batch->screen, graph);
    if (!status)
        status = batch_work(&batch->request, ends, &session->err);
    if (status && status != TRACER_E_CONFLICT) /* that the parent tells */
        fprintf(stderr, "tracer: batch: a worker ended: %s\n", session->err.text);
    graph_close(graph);
    return exit_for(status);
}

static pid_t start(void *context, const struct batch_ends *ends, const int *others, size_t other_count)
{
    fflush(stdout);
    fflush(stderr);
    pid_t parent = getpid(), child = fork();
    if (child)
        return child;
    /* However the parent ends. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
        _exit(EXIT_INTERNAL);
    for (size_t i = 0; i < other_count; i++)
        close(others[i]);
    int code = work(context, ends);
    fflush(stderr);
    _exit(code);
}

static void show(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done / 1000, total / 1000, "kB", NULL);
}

static enum tracer_status watch(void *context, uint64_t rows)
{
    struct session *session = context;
    progress_show(session, rows, 0, "transfers", NULL);
    return session_stop ? error_set(&session->err, TRACER_E_STOPPED, "stopped before the replay was complete: no answer") : TRACER_OK;
}

/* By the end of the name, CSV otherwise. */
static enum tracer_status format_of(const char *option, const char *given, const char *path, enum batch_format *ret_format, struct error *err)
{
    const char *dot = strrchr(path, '.');
    bool is_json = dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".ndjson") == 0);
    *ret_format = is_json ? BATCH_JSONL : BATCH_CSV;
    if (!given || (batch_format_parse(given, ret_format) && (*ret_format != BATCH_ALERTS || strcmp(option, "output-format") == 0)))
        return TRACER_OK;
    return error_set(err, TRACER_E_USAGE, "--%s: \"%s\" is not csv or jsonl (alerts: output only)", option, given);
}

static enum tracer_status make_request(struct batch_session *batch)
{
    struct session *session = batch->session;
    const struct options *options = session->options;
    struct batch_request *request = &batch->request;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t workers = options->workers ? options->workers : processors > 0 ? (uint64_t)processors : 1;
    *request = (struct batch_request){.input = options->arguments[0],
                                      .output = options->output,
                                      .workers = (uint32_t)(workers < TRACER_BATCH_WORKERS_MAX ? workers : TRACER_BATCH_WORKERS_MAX),
                                      .checkpoint_bytes = options->checkpoint == OPTION_UNSET ? TRACER_BATCH_CHECKPOINT : options->checkpoint,
                                      .has_rules = options->rules != NULL,
                                      .restart = options->restart,
                                      .stop = &session_stop,
                                      .start = start,
                                      .start_context = batch,
                                      .progress = show,
                                      .progress_context = session};
    const char *slash = strrchr(request->input, '/'), *reference = options->reference ? options->reference : slash ? slash + 1 : request->input;
    char *shown = arena_alloc(session->arena, REFERENCE_SIZE); /* as it will stand in the records, so that a run that goes on finds it there */
    if (!shown)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    request->record = (struct batch_record){.log = session_decisions(session),
                                            .reference = shown_text(shown, REFERENCE_SIZE, reference, strlen(reference)),
                                            .decided_at = options->decided_at};
    if (!request->output || strcmp(request->output, "-") == 0)
        return error_set(&session->err, TRACER_E_USAGE, "batch needs --output FILE: a run that was stopped goes on there");
    enum tracer_status status = session_refuse_idle(session);
    if (!status)
        status = format_of("input-format", options->input_format, request->input, &request->input_format, &session->err);
    if (!status)
        status = format_of("output-format", options->output_format, request->output, &request->output_format, &session->err);
    return status ? status : batch_columns_parse(options->columns, &request->columns, &session->err);
}

/* What all decisions have in common: the head of an answer to nothing. */
static enum tracer_status make_context(struct batch_session *batch)
{
    struct check_result *result;
    buffer_clear(&batch->context);
    enum tracer_status status = screen_answer(batch->screen, NULL, 0, &result, &batch->session->err);
    if (status)
        return status;
    status = session_context_body(batch->session, &result->head, &batch->context);
    check_result_free(result);
    batch->request.record.context = &batch->context;
    return status;
}

/* The screen, ready for many, without the store: each worker has a handle of its own. */
static enum tracer_status make_screen(struct batch_session *batch)
{
    struct session *session = batch->session;
    const struct options *options = session->options;
    struct screen_request request = {.sources = options->source,
                                     .source_count = options->source_count,
                                     .has_since = options->has_since,
                                     .since = options->since};
    enum tracer_status status = session_store(session, GRAPH_READ);
    if (!status)
        status = session_case(session);
    if (!status)
        status = session_case_input(session, "batch", &request.input);
    request.rules = session->rules;
    request.input.watch = watch;
    request.input.watch_context = session;
    progress_begin(session, "replay");
    if (!status)
        status = screen_open(&request, &batch->screen, &session->err);
    progress_end(session);
    if (!status && batch_is_quick(&batch->request))
        status = screen_load_verdicts(batch->screen, &session->err);
    if (status)
        return status;
    batch->request.screen = batch->screen;
    if (batch->request.record.log && (status = make_context(batch)))
        return status;
    screen_set_store(batch->screen, NULL);
    graph_close(session->graph);
    session->graph = NULL;
    return TRACER_OK;
}

static void tell(const struct session *session, const struct batch_stats *stats)
{
    if (session->options->progress == PROGRESS_JSON)
        fprintf(stderr,
                "{\"batch\": \"done\", \"rows\": %" PRIu64 ", \"clean\": %" PRIu64 ", \"cannot_tell\": %" PRIu64 ", \"exposed\": %" PRIu64
                ", \"failed\": %" PRIu64 ", \"resumed\": %" PRIu64 "}\n",
                stats->rows, stats->verdicts[VERDICT_CLEAN], stats->verdicts[VERDICT_CANNOT_TELL], stats->verdicts[VERDICT_EXPOSED], stats->failed,
                stats->resumed);
    if (session->options->quiet || session->options->progress == PROGRESS_JSON)
        return;
    fprintf(stderr, "%" PRIu64 " rows: %" PRIu64 " exposed, %" PRIu64 " cannot tell, %" PRIu64 " clean", stats->rows, stats->verdicts[VERDICT_EXPOSED],
            stats->verdicts[VERDICT_CANNOT_TELL], stats->verdicts[VERDICT_CLEAN]);
    if (stats->failed)
        fprintf(stderr, "; %" PRIu64 " of them could not be asked (cannot_tell, see reason)", stats->failed);
    if (stats->resumed)
        fprintf(stderr, "; %" PRIu64 " were done by an earlier run", stats->resumed);
    fprintf(stderr, "\n");
    if (stats->head.number) {
        char head[DECISION_PLACE_TEXT_SIZE];
        decision_place_format(&stats->head, head);
        fprintf(stderr, "decisions are on record in %s; its head is %s\n", session_decisions(session), head);
    }
}

/* The order of exit.h. */
static int code_of(const struct batch_stats *stats)
{
    return stats->lost                              ? EXIT_STORE
           : stats->failed                          ? EXIT_SOME_FAILED
           : stats->verdicts[VERDICT_CANNOT_TELL]   ? EXIT_CANNOT_TELL
           : stats->verdicts[VERDICT_EXPOSED]       ? EXIT_EXPOSED
                                                    : EXIT_DONE;
}

/* All rows of one state of the store: when blocks that answers depend on become others, all of them once more. */
static enum tracer_status run(struct batch_session *batch, struct batch_stats *ret_stats)
{
    struct session *session = batch->session;
    for (unsigned restarts = 0;; restarts++) {
        *ret_stats = (struct batch_stats){0};
        enum tracer_status status = make_screen(batch);
        progress_begin(session, "batch");
        if (!status)
            status = batch_run(&batch->request, ret_stats, &session->err);
        progress_end(session);
        if (!ret_stats->moved || restarts == TRACER_BATCH_RESTARTS_MAX)
            return status;
        fprintf(stderr, "tracer: batch: stored blocks became others meanwhile (a reorg, an import): every row is asked again\n");
        screen_close(batch->screen);
        batch->screen = NULL;
        batch->request.restart = true;
    }
}

int command_batch(const struct options *options)
{
    struct session session;
    struct batch_stats stats;
    struct batch_session batch = {.session = &session};
    buffer_init(&batch.context, TRACER_DECISION_LINE_MAX);
    enum tracer_status status = session_open(&session, options);
    if (!status)
        status = make_request(&batch);
    if (!status)
        status = run(&batch, &stats);
    if (!status)
        tell(&session, &stats);
    int code = status ? session_fail(&session, status) : code_of(&stats);
    screen_close(batch.screen);
    buffer_release(&batch.context);
    session_close(&session);
    return code;
}
