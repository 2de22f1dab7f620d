/* rescreen.c - past decisions whose verdict is another now. */
#include "csv_parts.h"
#include "json_writer.h"

#include <inttypes.h>
#include <string.h>

static enum tracer_status text_begin(FILE *stream, struct error *err)
{
    return stream_done(stream, err);
}

/* The sentences of `lines`, each behind `before`. */
static void put_lines(FILE *stream, const char *before, const char *lines)
{
    for (const char *at = lines; *at;) {
        size_t length = strcspn(at, "\n");
        fprintf(stream, "%s%.*s\n", before, (int)length, at);
        at += length + (at[length] == '\n');
    }
}

static enum tracer_status text_change(FILE *stream, const struct rescreen_change *change, struct error *err)
{
    if (change->is_first) {
        fprintf(stream, "Since the decisions of context %" PRIu64 ":\n", change->context);
        put_lines(stream, "  ", change->why[0] ? change->why : "nothing else changed");
    }
    fprintf(stream, "record %" PRIu64 "  %s: was %s, is %s%s%s\n", change->number, change->target, verdict_name(change->before),
            verdict_name(change->after), change->reference ? "  " : "", change->reference ? change->reference : "");
    put_lines(stream, "    ", change->reasons);
    return stream_done(stream, err);
}

static uint64_t sum(const struct rescreen_total *total, bool changed)
{
    uint64_t count = 0;
    for (int before = 0; before <= VERDICT_EXPOSED; before++)
        for (int after = 0; after <= VERDICT_EXPOSED; after++)
            count += changed == (before != after) ? total->counts[before][after] : 0;
    return count;
}

static enum tracer_status text_end(FILE *stream, const struct rescreen_total *total, struct error *err)
{
    fprintf(stream, "%" PRIu64 " decisions asked again: %" PRIu64 " as they were, %" PRIu64 " changed\n", sum(total, false) + sum(total, true),
            sum(total, false), sum(total, true));
    for (int before = 0; before <= VERDICT_EXPOSED; before++)
        for (int after = 0; after <= VERDICT_EXPOSED; after++)
            if (before != after && total->counts[before][after])
                fprintf(stream, "  %s, now %s: %" PRIu64 "\n", verdict_name((enum verdict)before), verdict_name((enum verdict)after),
                        total->counts[before][after]);
    fprintf(stream, "log %s, head %s\n", total->log, total->head);
    return stream_done(stream, err);
}

static enum tracer_status csv_begin(FILE *stream, struct error *err)
{
    fputs("record,context,target,reference,before,after,reasons,why,schema\n", stream);
    return stream_done(stream, err);
}

/* The sentences in one cell. */
static void add_lines(struct line *line, const char *lines)
{
    struct buffer cell;
    buffer_init(&cell, CSV_LINE_BYTES_MAX);
    buffer_text(&cell, "");
    for (const char *at = lines; *at;) {
        size_t length = strcspn(at, "\n");
        buffer_text(&cell, cell.size ? "; " : "");
        buffer_add(&cell, at, length);
        at += length + (at[length] == '\n');
    }
    add_foreign(line, buffer_ok(&cell) ? cell.data : "no memory");
    buffer_release(&cell);
}

static enum tracer_status csv_change(FILE *stream, const struct rescreen_change *change, struct error *err)
{
    struct line line;
    line_init(&line);
    add_u64(&line, change->number);
    add_u64(&line, change->context);
    add_foreign(&line, change->target);
    add_foreign(&line, change->reference ? change->reference : "");
    add_text(&line, verdict_name(change->before));
    add_text(&line, verdict_name(change->after));
    add_lines(&line, change->reasons);
    add_lines(&line, change->why);
    add_text(&line, "tracer/rescreen-csv/1");
    enum tracer_status status = line_put(&line, stream, err);
    line_release(&line);
    return status;
}

static enum tracer_status csv_end(FILE *stream, const struct rescreen_total *total, struct error *err)
{
    (void)total;
    return stream_done(stream, err);
}

static void put_list(struct json_writer *json, const char *key, const char *lines)
{
    char sentence[2048];
    json_put_open(json, key, '[');
    for (const char *at = lines; *at;) {
        size_t length = strcspn(at, "\n");
        json_text(json, shown_text(sentence, sizeof(sentence), at, length));
        at += length + (at[length] == '\n');
    }
    json_shut(json, ']');
}

static enum tracer_status json_change(FILE *stream, const struct rescreen_change *change, struct error *err)
{
    struct json_writer json;
    json_writer_init_line(&json, stream);
    json_open(&json, '{');
    json_put_text(&json, "schema", "tracer/rescreen/1");
    json_put_u64(&json, "record", change->number);
    json_put_u64(&json, "context", change->context);
    json_put_text(&json, "target", change->target);
    if (change->reference)
        json_put_text(&json, "reference", change->reference);
    else
        json_put_nothing(&json, "reference");
    json_put_text(&json, "before", verdict_name(change->before));
    json_put_text(&json, "after", verdict_name(change->after));
    put_list(&json, "reasons", change->reasons);
    put_list(&json, "why", change->why);
    json_shut(&json, '}');
    return stream_done(stream, err);
}

static enum tracer_status json_end(FILE *stream, const struct rescreen_total *total, struct error *err)
{
    struct json_writer json;
    json_writer_init_line(&json, stream);
    json_open(&json, '{');
    json_put_text(&json, "schema", "tracer/rescreen/1");
    json_put_text(&json, "log", total->log);
    json_put_text(&json, "head", total->head);
    json_put_u64(&json, "decisions", sum(total, false) + sum(total, true));
    json_put_u64(&json, "changed", sum(total, true));
    json_shut(&json, '}');
    return stream_done(stream, err);
}

static const struct rescreen_format formats[] = {{"text", text_begin, text_change, text_end},
                                                 {"csv", csv_begin, csv_change, csv_end},
                                                 {"json", text_begin, json_change, json_end}};

const struct rescreen_format *rescreen_find(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}
