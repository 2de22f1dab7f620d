/* decision.c - `decision`: the log of decisions, checked, shown, and asked again. */
#include "again.h"

#include "tracer/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct reading {
    struct session *session;
    FILE *stream;
    struct arena *arena;
    const struct decision_place *noted;
    uint64_t wanted; /* record of show and replay */
    uint64_t counts[DECISION_KIND_COUNT];
    char *context_line; /* the last */
    struct decision_context context;
    struct decision decision;
    char name[TRACER_QUOTED_MAX + 1]; /* of the log, as its first record has it */
};

static void keep_name(struct reading *reading, const struct decision_record *record)
{
    static const char before[] = "\"name\": \"";
    const char *at = memmem(record->line, record->size, before, sizeof(before) - 1);
    size_t length = 0;
    for (at = at ? at + sizeof(before) - 1 : ""; *at && *at != '"' && length < TRACER_QUOTED_MAX; at++)
        reading->name[length++] = *at;
    reading->name[length] = '\0';
}

static enum tracer_status visit_verify(void *context, const struct decision_record *record, struct error *err)
{
    struct reading *reading = context;
    reading->counts[record->kind]++;
    if (record->kind == DECISION_LOG)
        keep_name(reading, record);
    if (reading->noted && record->place.number == reading->noted->number &&
        memcmp(record->place.digest.bytes, reading->noted->digest.bytes, sizeof(record->place.digest.bytes)) != 0)
        return error_set(err, TRACER_E_VERIFY, "record %" PRIu64 " is not the one that was noted: the log was rewritten", record->place.number);
    return TRACER_OK;
}

static enum tracer_status verify(struct reading *reading, const char *path)
{
    struct error *err = &reading->session->err;
    const char *noted_text = reading->session->options->head;
    struct decision_place head, noted;
    char text[DECISION_PLACE_TEXT_SIZE];
    if (noted_text && !decision_place_parse(noted_text, &noted))
        return error_set(err, TRACER_E_USAGE, "--head: wants NUMBER:SHA256 as decision verify prints it");
    reading->noted = noted_text ? &noted : NULL;
    enum tracer_status status = decision_each(path, NULL, NULL, visit_verify, reading, &head, err);
    if (!status && reading->noted && noted.number > head.number)
        status = error_set(err, TRACER_E_VERIFY, "%s: ends with record %" PRIu64 ", and record %" PRIu64 " was noted: records were cut off", path,
                           head.number, noted.number);
    if (status)
        return status;
    decision_place_format(&head, text);
    fprintf(reading->stream, "log %s: %" PRIu64 " records, %" PRIu64 " of them decisions; each follows from the one before it\nhead %s\n", reading->name,
            head.number, reading->counts[DECISION_DECISION], text);
    if (reading->counts[DECISION_CUT])
        fprintf(reading->stream, "torn lines that were cut off (records of kind cut): %" PRIu64 "\n", reading->counts[DECISION_CUT]);
    if (reading->noted)
        fprintf(reading->stream, "record %" PRIu64 " is the one that was noted; %" PRIu64 " follow it\n", noted.number, head.number - noted.number);
    return TRACER_OK;
}

static enum tracer_status print_head(struct reading *reading, const char *path)
{
    struct decision_place head;
    char text[DECISION_PLACE_TEXT_SIZE];
    enum tracer_status status = decision_each(path, NULL, NULL, visit_verify, reading, &head, &reading->session->err);
    if (status)
        return status;
    decision_place_format(&head, text);
    fprintf(reading->stream, "tracer/decision-head/1 %s %s\n", text, reading->name);
    return TRACER_OK;
}

static enum tracer_status visit_list(void *context, const struct decision_record *record, struct error *err)
{
    struct reading *reading = context;
    struct arena_mark mark = arena_mark(reading->arena);
    struct decision_context asked;
    struct decision decision;
    enum tracer_status status = TRACER_OK;
    if (record->kind == DECISION_CONTEXT && !(status = decision_read_context(record, reading->arena, &asked, err)))
        fprintf(reading->stream, "context %" PRIu64 ": chain %" PRIu64 ", policy %s, as of block %" PRIu64 " (%s)\n", record->place.number,
                asked.chain_id, taint_policy_name(asked.asked.options.policy), asked.last_block,
                asked.grade == GRADE_PROVEN ? "final" : "provisional");
    if (record->kind == DECISION_DECISION && !(status = decision_read(record, reading->arena, &decision, err)))
        fprintf(reading->stream, "%8" PRIu64 "  %-11s  %s%s%s\n", decision.number, verdict_name(decision.verdict), decision.target,
                decision.reference ? "  " : "", decision.reference ? decision.reference : "");
    arena_reset(reading->arena, mark);
    return status;
}

/* Keep the record that is wanted, and its context. */
static enum tracer_status visit_find(void *context, const struct decision_record *record, struct error *err)
{
    struct reading *reading = context;
    bool is_wanted = record->place.number == reading->wanted;
    if (record->place.number > reading->wanted)
        return TRACER_OK;
    if (record->kind == DECISION_CONTEXT) {
        enum tracer_status status = decision_read_context(record, reading->arena, &reading->context, err);
        if (status || !(reading->context_line = arena_text(reading->arena, record->line, record->size)))
            return status ? status : error_set(err, TRACER_E_NOMEM, "no memory");
    }
    if (is_wanted && record->kind != DECISION_DECISION)
        return error_set(err, TRACER_E_USAGE, "record %" PRIu64 " is no decision", reading->wanted);
    if (!is_wanted)
        return TRACER_OK;
    if (reading->stream) {
        fprintf(reading->stream, "%s\n", reading->context_line ? reading->context_line : "");
        fwrite(record->line, 1, record->size, reading->stream);
        fputc('\n', reading->stream);
    }
    return decision_read(record, reading->arena, &reading->decision, err);
}

/* The whole log is read, so that nothing is said on a record of one that was changed. */
static enum tracer_status find(struct reading *reading, const char *path)
{
    struct decision_place head;
    struct error *err = &reading->session->err;
    const char *text = reading->session->options->arguments[2];
    if (!csv_parse_u64((struct csv_field){text, strlen(text)}, INT64_MAX, &reading->wanted))
        return error_set(err, TRACER_E_USAGE, "which record? its number");
    enum tracer_status status = decision_each(path, NULL, NULL, visit_find, reading, &head, err);
    if (!status && reading->wanted > head.number)
        status = error_set(err, TRACER_E_USAGE, "%s: ends with record %" PRIu64, path, head.number);
    return status;
}

static void put_lines(FILE *stream, const char *lines)
{
    for (const char *at = lines; *at;) {
        size_t length = strcspn(at, "\n");
        fprintf(stream, "  %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
}

/* What the two have to say, and the exit code. */
static int put_replay(FILE *stream, const struct decision_context *was_asked, const struct decision *was, const struct decision_context *is_asked,
                      const struct decision *is, struct buffer *text)
{
    bool other_chain = was_asked->last_block != is_asked->last_block ||
                       memcmp(&was_asked->last_hash, &is_asked->last_hash, sizeof(was_asked->last_hash)) != 0;
    bool same = was->verdict == is->verdict;
    fprintf(stream, "record %" PRIu64 "  %s, as of block %" PRIu64 ": ", was->number, was->target, was_asked->last_block);
    if (same)
        fprintf(stream, "the same verdict, %s\n", verdict_name(is->verdict));
    else
        fprintf(stream, "was %s, is %s\n", verdict_name(was->verdict), verdict_name(is->verdict));
    buffer_text(text, "");
    decision_differences(was_asked, is_asked, text);
    decision_reasons(was, is, text);
    if (same && text->size == 0 && was->answer_sha256[0] && strcmp(was->answer_sha256, is->answer_sha256) != 0)
        buffer_text(text, "what the answer rests on differs, although its inputs do not: the store changed\n");
    if (text->size)
        put_lines(stream, text->data);
    else if (same)
        fputs("  nothing differs: lists, blocks, program and the whole answer are the same\n", stream);
    bool unread = decision_unread(was_asked, is_asked);
    if (other_chain)
        fputs("the store does not have the chain as it was then: this is no replay of the decision\n", stream);
    else if (unread)
        fputs("the store does not have what was fetched then: this is no replay of the decision\n", stream);
    return other_chain || unread ? EXIT_CANNOT_TELL : same ? EXIT_DONE : EXIT_VERIFICATION;
}

/* A row of a batch that could not be asked: the record has why, and no question. */
static int put_unasked(FILE *stream, const struct decision *was)
{
    fprintf(stream, "record %" PRIu64 "  %s: %s, because it could not be asked; there is nothing to ask again\n", was->number,
            was->target[0] ? was->target : "(no target)", verdict_name(was->verdict));
    for (size_t i = 0; i < was->reason_count; i++)
        fprintf(stream, "  %s\n", was->reasons[i]);
    return EXIT_CANNOT_TELL;
}

static enum tracer_status replay(struct reading *reading, int *ret_code)
{
    struct again again;
    struct check_result *result = NULL;
    struct decision_context context;
    struct decision decision;
    struct buffer text;
    if (strcmp(reading->decision.rule, RULE_UNASKED) == 0) {
        *ret_code = put_unasked(reading->stream, &reading->decision);
        return TRACER_OK;
    }
    buffer_init(&text, TRACER_MIB(1));
    enum tracer_status status = again_open(&again, reading->session->options, &reading->context, true);
    if (!status)
        status = again_answer(&again, &reading->decision, 1, &result);
    if (!status)
        status = again_decision(&again, result, 0, reading->arena, &context, &decision);
    if (!status && again.session.took_then)
        fputs("lists of which the store has another version now were taken in that of then (rescreen asks today's)\n", reading->stream);
    if (!status)
        *ret_code = put_replay(reading->stream, &reading->context, &reading->decision, &context, &decision, &text);
    if (status)
        reading->session->err = again.session.err;
    check_result_free(result);
    again_close(&again);
    buffer_release(&text);
    return status;
}

static enum tracer_status run(struct reading *reading, int *ret_code)
{
    const struct options *options = reading->session->options;
    const char *word = options->arguments[0], *path = options->arguments[1];
    struct decision_place head;
    bool has_number = options->argument_count == 3;
    FILE *stream = reading->stream;
    if (strcmp(word, "verify") == 0 && !has_number)
        return verify(reading, path);
    if (strcmp(word, "head") == 0 && !has_number)
        return print_head(reading, path);
    if (strcmp(word, "list") == 0 && !has_number)
        return decision_each(path, NULL, NULL, visit_list, reading, &head, &reading->session->err);
    if (strcmp(word, "show") == 0 && has_number)
        return find(reading, path);
    if (strcmp(word, "replay") == 0 && has_number) {
        reading->stream = NULL;
        enum tracer_status status = find(reading, path);
        reading->stream = stream;
        return status ? status : replay(reading, ret_code);
    }
    return error_set(&reading->session->err, TRACER_E_USAGE, "decision verify|head|list FILE, or decision show|replay FILE N");
}

int command_decision(const struct options *options)
{
    struct session session;
    struct output output = {0};
    struct reading reading = {.session = &session};
    int code = EXIT_DONE;
    enum tracer_status status = session_open(&session, options);
    reading.arena = session.arena;
    if (!status)
        status = output_open(options->output, &output, &session.err);
    reading.stream = output.stream;
    if (!status)
        status = run(&reading, &code);
    if (!status)
        status = output_commit(&output, &session.err);
    output_abort(&output);
    if (status)
        code = session_fail(&session, status);
    session_close(&session);
    return code;
}
