/* rescreen.c - `rescreen`: past decisions, asked again of today's lists and chain, in chunks. */
#include "again.h"

#include <string.h>

struct rescreening {
    struct session *session;
    const struct options *options;
    const struct rescreen_format *format;
    FILE *stream;
    struct arena *contexts, *chunk; /* the context at hand; the decisions and answers */
    struct decision_context context, opened; /* opened: what the screen was made for */
    bool has_context, is_open, is_first;
    struct arena *opened_texts;
    struct again again;
    struct decision decisions[TRACER_RESCREEN_CHUNK];
    size_t count;
    struct rescreen_total total;
};

static enum tracer_status failed(struct rescreening *work, enum tracer_status status, struct error *err)
{
    *err = work->again.session.err;
    return status;
}

static enum tracer_status compare(struct rescreening *work, const struct check_result *result, size_t index, struct error *err)
{
    const struct decision *was = &work->decisions[index];
    struct decision_context context;
    struct decision is;
    struct buffer reasons, why;
    enum verdict after = result->answers[index].verdict;
    work->total.counts[was->verdict][after]++;
    if (was->verdict == after)
        return TRACER_OK;
    buffer_init(&reasons, TRACER_MIB(1));
    buffer_init(&why, TRACER_MIB(1));
    enum tracer_status status = again_decision(&work->again, result, index, work->chunk, &context, &is);
    if (status) {
        status = failed(work, status, err);
    } else {
        buffer_text(&reasons, "");
        buffer_text(&why, "");
        decision_reasons(was, &is, &reasons);
        decision_differences(&work->context, &context, &why);
        struct rescreen_change change = {.number = was->number,
                                         .context = was->context,
                                         .target = was->target,
                                         .reference = was->reference,
                                         .before = was->verdict,
                                         .after = after,
                                         .is_first = work->is_first};
        if (!buffer_ok(&reasons) || !buffer_ok(&why)) {
            status = error_set(err, TRACER_E_NOMEM, "no memory");
        } else {
            change.reasons = reasons.data;
            change.why = why.data;
            status = work->format->change(work->stream, &change, err);
            work->is_first = false;
        }
    }
    buffer_release(&reasons);
    buffer_release(&why);
    return status;
}

/* The screen of the context at hand, which serves every context that asks the same. */
static enum tracer_status open_screen(struct rescreening *work, struct error *err)
{
    if (work->is_open && decision_same_question(&work->opened, &work->context))
        return TRACER_OK;
    if (work->is_open)
        again_close(&work->again);
    arena_free(work->opened_texts);
    work->opened_texts = work->contexts; /* the texts go with the screen */
    work->contexts = NULL;
    work->opened = work->context;
    work->is_open = true;
    enum tracer_status status = again_open(&work->again, work->options, &work->opened, false);
    return status ? failed(work, status, err) : TRACER_OK;
}

static enum tracer_status flush(struct rescreening *work, struct error *err)
{
    struct check_result *result = NULL;
    if (work->count == 0)
        return TRACER_OK;
    enum tracer_status status = open_screen(work, err);
    if (!status && (status = again_answer(&work->again, work->decisions, work->count, &result)))
        status = failed(work, status, err);
    for (size_t i = 0; i < work->count && !status; i++)
        status = compare(work, result, i, err);
    check_result_free(result);
    work->count = 0;
    arena_free(work->chunk);
    work->chunk = arena_new(TRACER_MEMORY_MAX);
    return status || work->chunk ? status : error_set(err, TRACER_E_NOMEM, "no memory");
}

static enum tracer_status visit(void *context, const struct decision_record *record, struct error *err)
{
    struct rescreening *work = context;
    enum tracer_status status = TRACER_OK;
    if (session_stop)
        return error_set(err, TRACER_E_STOPPED, "stopped");
    if (record->kind == DECISION_CONTEXT) {
        if ((status = flush(work, err)))
            return status;
        arena_free(work->contexts);
        work->is_first = true;
        if (!(work->contexts = arena_new(TRACER_MIB(16))))
            return error_set(err, TRACER_E_NOMEM, "no memory");
        return decision_read_context(record, work->contexts, &work->context, err);
    }
    if (record->kind != DECISION_DECISION)
        return TRACER_OK;
    if ((status = decision_read(record, work->chunk, &work->decisions[work->count], err)))
        return status;
    if (strcmp(work->decisions[work->count].rule, RULE_UNASKED) == 0)
        return TRACER_OK; /* a row of a batch that could not be asked, then or now */
    return ++work->count == TRACER_RESCREEN_CHUNK ? flush(work, err) : TRACER_OK;
}

static enum tracer_status run(struct rescreening *work)
{
    const char *path = work->options->arguments[0], *slash = strrchr(path, '/');
    struct error *err = &work->session->err;
    struct decision_place head = {0};
    char text[DECISION_PLACE_TEXT_SIZE], name[TRACER_QUOTED_MAX];
    enum tracer_status status = decision_each(path, NULL, NULL, NULL, NULL, &head, err); /* nothing is said on a log that is not whole */
    if (!status)
        status = work->format->begin(work->stream, err);
    if (!status)
        status = decision_each(path, NULL, &head, visit, work, &head, err);
    if (!status)
        status = flush(work, err);
    decision_place_format(&head, text);
    work->total.log = safe_text(name, sizeof(name), slash ? slash + 1 : path, strlen(slash ? slash + 1 : path));
    work->total.head = text;
    return status ? status : work->format->end(work->stream, &work->total, err);
}

static int code_of(const struct rescreen_total *total)
{
    if (total->counts[VERDICT_CLEAN][VERDICT_CANNOT_TELL] || total->counts[VERDICT_EXPOSED][VERDICT_CANNOT_TELL])
        return EXIT_CANNOT_TELL;
    return total->counts[VERDICT_CLEAN][VERDICT_EXPOSED] || total->counts[VERDICT_CANNOT_TELL][VERDICT_EXPOSED] ? EXIT_EXPOSED : EXIT_DONE;
}

int command_rescreen(const struct options *options)
{
    struct session session;
    struct output output = {0};
    struct rescreening *work = NULL;
    enum tracer_status status = session_open(&session, options);
    if (!status && (!(work = arena_calloc(session.arena, 1, sizeof(*work))) || !(work->chunk = arena_new(TRACER_MEMORY_MAX))))
        status = error_set(&session.err, TRACER_E_NOMEM, "no memory");
    const char *format = options->format ? options->format : "text";
    if (!status && !(work->format = rescreen_find(format)))
        status = error_set(&session.err, TRACER_E_USAGE, "--format: rescreen writes text, csv or json");
    if (!status)
        status = output_open(options->output, &output, &session.err);
    if (!status) {
        work->session = &session;
        work->options = options;
        work->stream = output.stream;
        status = run(work);
    }
    if (!status)
        status = output_commit(&output, &session.err);
    output_abort(&output);
    int code = status ? session_fail(&session, status) : code_of(&work->total);
    if (work) {
        if (work->is_open)
            again_close(&work->again);
        arena_free(work->contexts);
        arena_free(work->opened_texts);
        arena_free(work->chunk);
    }
    session_close(&session);
    return code;
}
