/* record.c - answers go into the log of decisions before they are given out. */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *session_decisions(const struct session *session)
{
    return session->options->decisions ? session->options->decisions : config_decisions(session->config);
}

enum tracer_status session_refuse_idle(struct session *session)
{
    const struct options *options = session->options;
    const char *idle = options->seeds ? "seeds" : options->explored ? "explored" : options->key ? "key" : NULL;
    if (idle)
        return error_set(&session->err, TRACER_E_USAGE, "--%s goes with --transfers: a store is asked about TARGET, and --source names sources", idle);
    if (options->has_since && !options->source_count)
        return error_set(&session->err, TRACER_E_USAGE, "--since is about the addresses of --source, and none is named");
    if ((options->reference || options->decided_at) && !session_decisions(session))
        return error_set(&session->err, TRACER_E_USAGE, "--%s goes into the record of a decision: name the log with --decisions FILE",
                         options->reference ? "reference" : "decided-at");
    return TRACER_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void session_take_fetched(const struct session *session, struct case_input *input)
{
    const struct decision_fetched *fetched = session->fetched;
    input->has_from = input->has_to = input->has_explored = input->spare_sources = true;
    input->from = fetched->first;
    input->to = fetched->last;
    input->explored = fetched->accounts;
    input->explored_count = fetched->account_count;
    input->limits = fetched->limits;
    input->limit_count = fetched->limit_count;
}

enum tracer_status session_context_body(struct session *session, const struct result_head *head, struct buffer *to)
{
    const struct options *options = session->options;
    struct decision_question asked = {.options = options->taint,
                                      .has_from = options->has_from,
                                      .from = options->from,
                                      .has_to = options->has_to_block,
                                      .to = options->to_block,
                                      .has_since = options->has_since,
                                      .since = options->since,
                                      .as_of = options->as_of,
                                      .list_age_days_max = options->list_age_max == OPTION_UNSET ? TRACER_LIST_AGE_DAYS : options->list_age_max,
                                      .builtin_labels = !options->no_builtin_labels,
                                      .funds = options->funds,
                                      .sources = options->source,
                                      .source_count = options->source_count,
                                      .fetched = session->fetched};
    struct result_input config = {.role = "config"};
    if (options->config) {
        struct digest digest;
        enum tracer_status status = digest_file(options->config, &digest, &session->err);
        if (status)
            return status;
        config.name = base_name(options->config);
        digest_format(digest, config.sha256);
    }
    return decision_context_body(&asked, head, &config, options->config ? 1 : 0, to, &session->err);
}

enum tracer_status session_decision_body(struct session *session, const struct check_result *result, size_t index, struct buffer *to)
{
    const struct options *options = session->options;
    struct decision decision;
    char *json = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&json, &size);
    if (!stream)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    enum tracer_status status = report_answer(stream, result, index, &session->err);
    if (fclose(stream) != 0 && !status)
        status = error_set(&session->err, TRACER_E_NOMEM, "no memory");
    if (!status) {
        decision_of(&result->answers[index], json, size, &decision);
        decision.has_to = options->has_to_address;
        decision.to = options->to_address;
        decision.reference = options->reference;
        decision.decided_at = options->decided_at;
        status = decision_body(&decision, to, &session->err);
    }
    free(json);
    return status;
}

static enum tracer_status append(struct session *session, struct decision_log *log, const struct buffer *context, const struct buffer *bodies,
                                 struct check_result *result)
{
    struct decision_place head;
    char text[DECISION_PLACE_TEXT_SIZE], name[TRACER_QUOTED_MAX];
    const char *path = session_decisions(session);
    uint64_t first;
    size_t count = result->answer_count;
    enum tracer_status status = decision_append(log, context, bodies, count, &first, &head, &session->err);
    if (status)
        return status;
    decision_place_format(&head, text);
    result->head.recorded = arena_printf(result->arena, "%s %" PRIu64 "%s%s in %s, whose head is now %s", count == 1 ? "record" : "records", first,
                                         count == 1 ? "" : " to ", count == 1 ? "" : arena_printf(result->arena, "%" PRIu64, first + count - 1),
                                         safe_text(name, sizeof(name), base_name(path), strlen(base_name(path))), text);
    if (!result->head.recorded)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    if (session->options->format && strcmp(session->options->format, "csv") == 0) /* which has no place for it */
        fprintf(stderr, "recorded: %s\n", result->head.recorded);
    return TRACER_OK;
}

enum tracer_status session_record(struct session *session, struct check_result *result)
{
    const char *path = session_decisions(session);
    if (!path)
        return TRACER_OK;
    struct decision_log *log = NULL;
    struct buffer context, *bodies = arena_calloc(session->arena, result->answer_count + 1, sizeof(*bodies));
    buffer_init(&context, TRACER_DECISION_LINE_MAX);
    enum tracer_status status = bodies ? TRACER_OK : error_set(&session->err, TRACER_E_NOMEM, "no memory");
    if (!status)
        status = session_context_body(session, &result->head, &context);
    for (size_t i = 0; i < result->answer_count && !status; i++) {
        buffer_init(&bodies[i], TRACER_DECISION_LINE_MAX);
        status = session_decision_body(session, result, i, &bodies[i]);
    }
    if (!status)
        status = decision_log_open(path, &log, &session->err);
    if (!status) {
        if (decision_log_cut(log))
            fprintf(stderr, "tracer: %s\n", decision_log_cut(log));
        status = append(session, log, &context, bodies, result);
    }
    decision_log_close(log);
    for (size_t i = 0; bodies && i < result->answer_count; i++)
        buffer_release(&bodies[i]);
    buffer_release(&context);
    return status ? error_context(&session->err, "no answer is given out, because it could not be recorded"), status : TRACER_OK;
}
