/* again.c - see again.h. */
#include "again.h"

#include "tracer/audit.h"

#include <inttypes.h>
#include <string.h>

static enum tracer_status watch(void *context, uint64_t rows)
{
    struct session *session = context;
    progress_show(session, rows, 0, "transfers", NULL);
    return session_stop ? error_set(&session->err, TRACER_E_STOPPED, "stopped before the replay was complete: no answer") : TRACER_OK;
}

/* The options of the question. */
static enum tracer_status take_question(struct again *again, const struct decision_context *context)
{
    const struct decision_question *asked = &context->asked;
    struct options *to = &again->options;
    if (asked->source_count > OPTIONS_LIST_MAX)
        return error_set(&again->session.err, TRACER_E_VERIFY, "the record has more than %u sources", OPTIONS_LIST_MAX);
    to->taint = asked->options;
    to->has_from = asked->has_from;
    to->from = asked->from;
    to->has_to_block = asked->has_to;
    to->to_block = asked->to;
    to->has_since = asked->has_since;
    to->since = asked->since;
    to->as_of = asked->as_of;
    to->list_age_max = asked->list_age_days_max;
    to->no_builtin_labels = !asked->builtin_labels;
    to->funds = asked->funds;
    to->source_count = asked->source_count;
    for (size_t i = 0; i < asked->source_count; i++)
        to->source[i] = asked->sources[i];
    to->argument_count = 0;
    to->chain = arena_printf(again->session.arena, "%" PRIu64, context->chain_id);
    return to->chain ? TRACER_OK : error_set(&again->session.err, TRACER_E_NOMEM, "no memory");
}

struct held { /* what the ledger says of an account, or of all of them */
    uint64_t next; /* blocks before it are there, from the first that was fetched */
};

static enum tracer_status read_held(void *context, const struct graph_coverage *coverage, struct error *err)
{
    struct held *held = context;
    (void)err; /* records come by their first block */
    if (strcmp(coverage->strategy, AUDIT_STRATEGY) != 0 && coverage->first <= held->next && coverage->last >= held->next)
        held->next = coverage->last + 1;
    return TRACER_OK;
}

/* Are the histories of an account, or with the void address of all, in the store as they were fetched? */
static enum tracer_status is_held(struct session *session, const struct decision_fetched *fetched, struct address account, bool *ret_held)
{
    struct held held = {fetched->first};
    enum tracer_status status = graph_each_coverage(session->graph, session->chain_id, &account, read_held, &held, &session->err);
    *ret_held = held.next > fetched->last;
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

/* What was fetched then, as far as this store has it: an account whose history it has not is one that was not explored. */
static enum tracer_status take_fetched(struct again *again, const struct decision_fetched *then)
{
    struct session *session = &again->session;
    struct decision_fetched *now = arena_calloc(session->arena, 1, sizeof(*now));
    struct address *accounts = arena_calloc(session->arena, then->account_count + 1, sizeof(*accounts));
    bool is_whole = false;
    if (!now || !accounts)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    *now = *then;
    now->accounts = accounts;
    now->account_count = 0;
    enum tracer_status status = is_held(session, then, (struct address){{0}}, &is_whole);
    for (size_t i = 0; i < then->account_count && !status; i++) {
        bool is_there = is_whole;
        if (!is_there)
            status = is_held(session, then, then->accounts[i], &is_there);
        if (is_there)
            accounts[now->account_count++] = then->accounts[i];
    }
    session->fetched = now;
    session_take_fetched(session, &again->request.input);
    return status;
}

enum tracer_status again_open(struct again *again, const struct options *given, const struct decision_context *context, bool as_then)
{
    *again = (struct again){.options = *given};
    struct session *session = &again->session;
    struct case_input *input = &again->request.input;
    enum tracer_status status = session_open(session, &again->options);
    if (!status)
        status = take_question(again, context);
    if (!status && as_then) {
        session->then = context->inputs;
        session->then_count = context->input_count;
    }
    if (!status)
        status = session_store(session, GRAPH_READ);
    if (!status)
        status = session_case(session);
    if (!status)
        status = session_case_input(session, "check", input);
    if (status)
        return status;
    input->watch = watch;
    input->watch_context = session;
    if (as_then) {
        input->has_to = true;
        input->to = context->last_block;
    }
    if (context->asked.fetched && (status = take_fetched(again, context->asked.fetched)))
        return status;
    again->request.sources = again->options.source;
    again->request.source_count = again->options.source_count;
    again->request.has_since = again->options.has_since;
    again->request.since = again->options.since;
    again->request.rules = session->rules;
    again->request.funds = again->options.funds;
    progress_begin(session, "replay");
    status = screen_open(&again->request, &again->screen, &session->err);
    progress_end(session);
    return status;
}

void again_close(struct again *again)
{
    screen_close(again->screen);
    session_close(&again->session);
    again->screen = NULL;
}

enum tracer_status again_answer(struct again *again, const struct decision *decisions, size_t count, struct check_result **ret_result)
{
    struct session *session = &again->session;
    struct arena_mark mark = arena_mark(session->arena);
    struct screen_target *targets = arena_calloc(session->arena, count + 1, sizeof(*targets));
    if (!targets)
        return error_set(&session->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < count; i++)
        targets[i] = (struct screen_target){decisions[i].target, decisions[i].has_to ? &decisions[i].to : NULL};
    enum tracer_status status = screen_answer(again->screen, targets, count, ret_result, &session->err);
    arena_reset(session->arena, mark);
    return status;
}

enum tracer_status again_decision(struct again *again, const struct check_result *result, size_t index, struct arena *arena,
                                  struct decision_context *ret_context, struct decision *ret_decision)
{
    struct buffer context, body;
    buffer_init(&context, TRACER_DECISION_LINE_MAX);
    buffer_init(&body, TRACER_DECISION_LINE_MAX);
    enum tracer_status status = session_context_body(&again->session, &result->head, &context);
    if (!status)
        status = session_decision_body(&again->session, result, index, &body);
    if (!status)
        status = decision_read_bodies(&context, &body, arena, ret_context, ret_decision, &again->session.err);
    buffer_release(&context);
    buffer_release(&body);
    return status;
}
