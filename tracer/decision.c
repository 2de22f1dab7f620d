/* decision.c - the chain of records: reading it, and appending to it. */
#include "tracer/decision.h"

#include "tracer/csv.h"
#include "tracer/file.h"
#include "tracer/hex.h"
#include "tracer/json_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_TEXT "{\"schema\": \"tracer/decision/1\", \"number\": "
#define PREVIOUS_TEXT ", \"previous\": \""
#define READ_SIZE (TRACER_DECISION_LINE_MAX + TRACER_KIB(64))
#define JSON_DEPTH_MAX 8u

static const char *const kind_texts[DECISION_KIND_COUNT] = {"\"kind\": \"log\", ", "\"kind\": \"context\", ", "\"kind\": \"decision\", ",
                                                            "\"kind\": \"cut\", "};

void decision_place_format(const struct decision_place *place, char to[static DECISION_PLACE_TEXT_SIZE])
{
    char hex[65];
    digest_format(place->digest, hex);
    snprintf(to, DECISION_PLACE_TEXT_SIZE, "%" PRIu64 ":%s", place->number, hex);
}

bool decision_place_parse(const char *text, struct decision_place *ret_place)
{
    const char *colon = strchr(text, ':');
    struct decision_place place = {0};
    if (!colon || !csv_parse_u64((struct csv_field){text, (size_t)(colon - text)}, INT64_MAX, &place.number) || place.number == 0 ||
        !hex_decode(colon + 1, strlen(colon + 1), place.digest.bytes, sizeof(place.digest.bytes)))
        return false;
    *ret_place = place;
    return true;
}

/* The text at *at begins with `wanted`: step over it. */
static bool step(const char **at, const char *end, const char *wanted)
{
    size_t length = strlen(wanted);
    if ((size_t)(end - *at) < length || memcmp(*at, wanted, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool step_number(const char **at, const char *end, uint64_t *ret_number)
{
    size_t length = 0;
    while ((size_t)(end - *at) > length && (*at)[length] >= '0' && (*at)[length] <= '9')
        length++;
    bool good = csv_parse_u64((struct csv_field){*at, length}, INT64_MAX, ret_number) && (length == 1 || **at != '0');
    *at += length;
    return good;
}

static bool is_json(const char *line, size_t size)
{
    struct json_reader reader;
    json_reader_init(&reader, line, size, JSON_DEPTH_MAX, TRACER_DECISION_LINE_MAX);
    return json_skip(&reader, NULL) && json_finish(&reader);
}

/* Read the line behind `place` (is_known: all of it is; else only where the line begins) and step over it. */
static enum tracer_status take_line(const char *line, size_t size, struct decision_place *place, bool is_known,
                                    struct decision_record *ret_record, struct error *err)
{
    const char *at = line, *end = line + size;
    uint64_t number = 0, context = 0;
    struct digest previous;
    if (!step(&at, end, SCHEMA_TEXT) || !step_number(&at, end, &number) || !step(&at, end, PREVIOUS_TEXT) || end - at < 64 ||
        !hex_decode(at, 64, previous.bytes, sizeof(previous.bytes)))
        return error_set(err, TRACER_E_VERIFY, "behind record %" PRIu64 ": a line that is no record of tracer/decision/1", place->number);
    at += 64;
    if (is_known && number != place->number + 1)
        return error_set(err, TRACER_E_VERIFY, "behind record %" PRIu64 " stands record %" PRIu64, place->number, number);
    if (is_known && memcmp(previous.bytes, place->digest.bytes, sizeof(previous.bytes)) != 0)
        return error_set(err, TRACER_E_VERIFY, "record %" PRIu64 " does not follow from the one before it: one of the two was changed", number);
    if (!step(&at, end, "\", "))
        return error_set(err, TRACER_E_VERIFY, "record %" PRIu64 ": not as tracer/decision/1 writes it", number);
    bool has_context = step(&at, end, "\"context\": ") && step_number(&at, end, &context) && step(&at, end, ", ");
    size_t kind = 0;
    while (kind < DECISION_KIND_COUNT && !step(&at, end, kind_texts[kind]))
        kind++;
    if (kind == DECISION_KIND_COUNT || has_context != (kind == DECISION_DECISION) || (number == 1) != (kind == DECISION_LOG) ||
        !is_json(line, size))
        return error_set(err, TRACER_E_VERIFY, "record %" PRIu64 ": not as tracer/decision/1 writes it", number);
    if (has_context && is_known && place->context != 0 && context != place->context)
        return error_set(err, TRACER_E_VERIFY, "record %" PRIu64 " does not name the context before it", number);
    if (has_context && number == 2)
        return error_set(err, TRACER_E_VERIFY, "record %" PRIu64 " has no context before it", number);
    struct decision_place after = {.number = number, .offset = place->offset + size + 1, .digest = digest_bytes(line, size + 1)};
    after.context = kind == DECISION_CONTEXT ? number : has_context ? context : place->context;
    *place = after;
    *ret_record = (struct decision_record){after, (enum decision_kind)kind, line, size};
    return TRACER_OK;
}

struct scan {
    const char *path;
    int file;
    uint64_t end;                /* of what is read */
    struct decision_place place; /* the last record */
    bool is_known;               /* the place is */
    bool is_partial;             /* it begins within a line */
    const struct decision_place *last; /* stop there; NULL: at the end */
    decision_visit_fn *visit;
    void *context;
};

static enum tracer_status read_at(const struct scan *scan, char *to, size_t size, uint64_t offset, size_t *ret_got, struct error *err)
{
    size_t got = 0;
    while (got < size) {
        ssize_t part = pread(scan->file, to + got, size - got, (off_t)(offset + got));
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return error_set(err, TRACER_E_IO, "%s: %s", scan->path, strerror(errno));
        if (part == 0)
            break;
        got += (size_t)part;
    }
    *ret_got = got;
    return TRACER_OK;
}

/* The whole lines of `buffer`; *ret_used of it were read. A line with a NUL was never written to the disk: it ends here. */
static enum tracer_status scan_lines(struct scan *scan, const char *buffer, size_t size, size_t *ret_used, bool *ret_torn, struct error *err)
{
    size_t used = 0;
    const char *newline;
    while ((newline = memchr(buffer + used, '\n', size - used)) && !(scan->last && scan->place.number >= scan->last->number)) {
        const char *line = buffer + used;
        size_t length = (size_t)(newline - line);
        struct decision_record record;
        if (memchr(line, '\0', length)) {
            *ret_torn = true;
            break;
        }
        if (scan->is_partial) {
            scan->is_partial = false;
            scan->place.offset += length + 1;
            used += length + 1;
            continue;
        }
        enum tracer_status status = take_line(line, length, &scan->place, scan->is_known, &record, err);
        scan->is_known = true;
        if (!status && scan->visit)
            status = scan->visit(scan->context, &record, err);
        if (status)
            return status;
        used += length + 1;
    }
    *ret_used = used;
    return TRACER_OK;
}

/* From scan->place.offset to its end. What is left behind the last whole line begins at scan->place.offset then. */
static enum tracer_status scan_run(struct scan *scan, struct error *err)
{
    char *buffer = malloc(READ_SIZE);
    enum tracer_status status = buffer ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    size_t kept = 0;
    uint64_t at = scan->place.offset;
    bool is_torn = false, is_done = false;
    while (!status && !is_done && !is_torn && at < scan->end) {
        size_t room = READ_SIZE - kept, got = 0, used = 0;
        status = read_at(scan, buffer + kept, scan->end - at < room ? (size_t)(scan->end - at) : room, at, &got, err);
        if (status || got == 0)
            break;
        at += got;
        status = scan_lines(scan, buffer, kept + got, &used, &is_torn, err);
        kept = kept + got - used;
        is_done = scan->last && scan->place.number >= scan->last->number;
        if (!status && kept > TRACER_DECISION_LINE_MAX && at < scan->end && !is_torn && !is_done && used == 0)
            status = error_set(err, TRACER_E_VERIFY, "behind record %" PRIu64 ": a line of more than %zu bytes", scan->place.number,
                               TRACER_DECISION_LINE_MAX);
        memmove(buffer, buffer + used, kept);
    }
    free(buffer);
    if (status == TRACER_E_VERIFY)
        error_context(err, "%s", scan->path);
    return status;
}

static enum tracer_status open_file(const char *path, int flags, int *ret_file, struct error *err)
{
    struct stat info;
    int file = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600); /* a FIFO must not make us wait */
    if (file < 0)
        return error_set(err, flags & O_CREAT ? TRACER_E_IO : TRACER_E_USAGE, "%s: %s", path, strerror(errno));
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(file);
        return error_set(err, flags & O_CREAT ? TRACER_E_IO : TRACER_E_USAGE, "%s: not a regular file", path);
    }
    *ret_file = file;
    return TRACER_OK;
}

static enum tracer_status lock(int file, int how, const char *path, struct error *err)
{
    while (flock(file, how) != 0)
        if (errno != EINTR)
            return error_set(err, TRACER_E_IO, "%s: cannot be locked: %s", path, strerror(errno));
    return TRACER_OK;
}

enum tracer_status decision_each(const char *path, const struct decision_place *after, const struct decision_place *to, decision_visit_fn *visit,
                                 void *context, struct decision_place *ret_head, struct error *err)
{
    struct scan scan = {.path = path, .is_known = true, .last = to, .visit = visit, .context = context};
    struct stat info = {0};
    enum tracer_status status = open_file(path, O_RDONLY, &scan.file, err);
    if (status)
        return status;
    if (after)
        scan.place = *after;
    status = lock(scan.file, LOCK_SH, path, err); /* nobody is within an append now */
    if (!status && fstat(scan.file, &info) != 0)
        status = error_set(err, TRACER_E_IO, "%s: %s", path, strerror(errno));
    (void)flock(scan.file, LOCK_UN);
    scan.end = (uint64_t)info.st_size;
    if (!status && scan.end == 0)
        status = error_set(err, TRACER_E_VERIFY, "%s: is empty", path);
    if (!status)
        status = scan_run(&scan, err);
    if (!status && to && scan.place.number < to->number)
        status = error_set(err, TRACER_E_VERIFY, "%s: ends with record %" PRIu64 ": what followed was cut off", path, scan.place.number);
    if (!status && !to && scan.place.offset != scan.end)
        status = error_set(err, TRACER_E_VERIFY,
                           "%s: behind record %" PRIu64 " stands a torn line: no answer was given out on it. The next append cuts it off, and says so",
                           path, scan.place.number);
    close(scan.file);
    if (!status)
        *ret_head = scan.place;
    return status;
}

struct decision_log {
    char *path;
    int file;
    struct decision_place head; /* number 0: it was not read yet */
    bool has_context;           /* the last context was seen; its body has this digest */
    struct digest context;
    char cut[256];
};

const char *decision_log_cut(const struct decision_log *log)
{
    return log->cut[0] ? log->cut : NULL;
}

static enum tracer_status write_all(struct decision_log *log, const char *data, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t written = write(log->file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set(err, errno == ENOSPC || errno == EDQUOT ? TRACER_E_FULL : TRACER_E_IO, "%s could not be written: %s", log->path,
                             strerror(errno));
        data += written;
        size -= (size_t)written;
    }
    if (fsync(log->file) != 0)
        return error_set(err, TRACER_E_IO, "%s could not be made safe on the disk: %s", log->path, strerror(errno));
    return TRACER_OK;
}

/* The record of a body as the next line; *place steps to it. */
static bool add_record(struct buffer *to, enum decision_kind kind, const char *body, size_t size, struct decision_place *place)
{
    char previous[65];
    size_t start = to->size, kind_size = strlen(kind_texts[kind]);
    digest_format(place->digest, previous);
    buffer_printf(to, SCHEMA_TEXT "%" PRIu64 PREVIOUS_TEXT "%s\", ", place->number + 1, previous);
    if (kind == DECISION_DECISION)
        buffer_printf(to, "\"context\": %" PRIu64 ", ", place->context);
    if (size < kind_size + 2 || body[0] != '{' || memcmp(body + 1, kind_texts[kind], kind_size) != 0 || memchr(body, '\n', size))
        return false;
    buffer_add(to, body + 1, size - 1);
    buffer_char(to, '\n');
    if (!buffer_ok(to) || to->size - start > TRACER_DECISION_LINE_MAX)
        return false;
    place->number++;
    place->offset += to->size - start;
    place->digest = digest_bytes(to->data + start, to->size - start);
    if (kind == DECISION_CONTEXT)
        place->context = place->number;
    return true;
}

static enum tracer_status append_own(struct decision_log *log, enum decision_kind kind, const char *body, struct error *err)
{
    struct buffer line;
    buffer_init(&line, TRACER_DECISION_LINE_MAX);
    struct decision_place place = log->head;
    enum tracer_status status = add_record(&line, kind, body, strlen(body), &place) ? write_all(log, line.data, line.size, err)
                                                                                     : error_set(err, TRACER_E_NOMEM, "no memory");
    if (!status)
        log->head = place;
    buffer_release(&line);
    return status;
}

static enum tracer_status begin_log(struct decision_log *log, struct error *err)
{
    const char *slash = strrchr(log->path, '/'), *name = slash ? slash + 1 : log->path;
    char shown[TRACER_QUOTED_MAX], body[TRACER_QUOTED_MAX + 64];
    safe_text(shown, sizeof(shown), name, strlen(name));
    for (char *at = shown; *at; at++)
        if (*at == '"' || *at == '\\')
            *at = '?';
    snprintf(body, sizeof(body), "{\"kind\": \"log\", \"name\": \"%s\"}", shown);
    log->head = (struct decision_place){0};
    enum tracer_status status = append_own(log, DECISION_LOG, body, err);
    if (!status)
        file_sync_folder(log->path);
    return status;
}

/* Bytes from log->head.offset to `end` were being written when their writer died. */
static enum tracer_status cut_torn(struct decision_log *log, uint64_t end, struct error *err)
{
    size_t size = (size_t)(end - log->head.offset), got = 0;
    char *torn = malloc(size), hex[65] = "", body[160];
    struct scan scan = {.path = log->path, .file = log->file};
    enum tracer_status status = torn ? read_at(&scan, torn, size, log->head.offset, &got, err) : error_set(err, TRACER_E_NOMEM, "no memory");
    size_t schema = size < strlen(SCHEMA_TEXT) ? size : strlen(SCHEMA_TEXT);
    if (!status && log->head.number == 0 && memcmp(torn, SCHEMA_TEXT, schema) != 0)
        status = error_set(err, TRACER_E_DAMAGED, "%s: is no log of decisions; nothing was changed", log->path);
    if (!status)
        digest_format(digest_bytes(torn, got), hex);
    free(torn);
    if (status)
        return status;
    if (ftruncate(log->file, (off_t)log->head.offset) != 0)
        return error_set(err, TRACER_E_IO, "%s: its last line is torn and cannot be cut off: %s", log->path, strerror(errno));
    if (log->head.number == 0 && (status = begin_log(log, err)))
        return status;
    snprintf(body, sizeof(body), "{\"kind\": \"cut\", \"bytes\": %zu, \"sha256\": \"%s\"}", size, hex);
    status = append_own(log, DECISION_CUT, body, err);
    if (!status)
        snprintf(log->cut, sizeof(log->cut),
                 "a torn line of %zu bytes, of a run that was killed before it gave an answer out, was cut off the log of decisions; record %" PRIu64
                 " says so",
                 size, log->head.number);
    return status;
}

/* Is the first line of the file that of a log? */
static enum tracer_status check_first(struct decision_log *log, uint64_t end, struct error *err)
{
    char line[1024];
    size_t got = 0;
    struct scan scan = {.path = log->path, .file = log->file};
    struct decision_place place = {0};
    struct decision_record record;
    enum tracer_status status = read_at(&scan, line, end < sizeof(line) ? (size_t)end : sizeof(line), 0, &got, err);
    const char *newline = status ? NULL : memchr(line, '\n', got);
    if (!status && ((newline && take_line(line, (size_t)(newline - line), &place, true, &record, NULL)) || (!newline && got == sizeof(line))))
        status = error_set(err, TRACER_E_DAMAGED, "%s: is no log of decisions; nothing was changed", log->path);
    return status;
}

static enum tracer_status see_context(void *context, const struct decision_record *record, struct error *err)
{
    struct decision_log *log = context;
    const char *body = record->kind == DECISION_CONTEXT ? memmem(record->line, record->size, kind_texts[DECISION_CONTEXT], strlen(kind_texts[DECISION_CONTEXT])) : NULL;
    (void)err;
    if (body) {
        log->context = digest_bytes(body, record->size - (size_t)(body - record->line));
        log->has_context = true;
    }
    return TRACER_OK;
}

/* The lock is held: read what others appended since the last time. */
static enum tracer_status catch_up(struct decision_log *log, struct error *err)
{
    struct stat info, named;
    if (fstat(log->file, &info) != 0 || stat(log->path, &named) != 0 || info.st_ino != named.st_ino || info.st_dev != named.st_dev)
        return error_set(err, TRACER_E_IO, "%s: was moved or removed while it was in use", log->path);
    uint64_t end = (uint64_t)info.st_size;
    bool is_first = log->head.number == 0;
    if (end < log->head.offset)
        return error_set(err, TRACER_E_DAMAGED, "%s: is shorter than it was: records were cut off", log->path);
    if (end == log->head.offset)
        return end == 0 ? begin_log(log, err) : TRACER_OK;
    enum tracer_status status = is_first ? check_first(log, end, err) : TRACER_OK;
    if (status)
        return status;
    struct scan scan = {.path = log->path, .file = log->file, .end = end, .place = log->head, .is_known = true, .visit = see_context, .context = log};
    uint64_t window = TRACER_DECISION_SYNC_MAX + 2 * TRACER_DECISION_LINE_MAX; /* what may not have been safe on the disk, and a record before it */
    if (is_first && end > window) {
        scan.is_known = false;
        scan.is_partial = true;
        scan.place = (struct decision_place){.offset = end - window};
    }
    status = scan_run(&scan, err);
    if (status == TRACER_E_VERIFY) {
        error_context(err, "nothing was appended");
        status = err ? (err->status = TRACER_E_DAMAGED) : TRACER_E_DAMAGED;
    }
    if (!status && scan.place.number == 0 && !(is_first && scan.place.offset == 0))
        status = error_set(err, TRACER_E_DAMAGED, "%s: its end holds no record; nothing was appended", log->path);
    if (status)
        return status;
    log->head = scan.place;
    return scan.place.offset == end ? TRACER_OK : cut_torn(log, end, err);
}

enum tracer_status decision_log_open(const char *path, struct decision_log **ret_log, struct error *err)
{
    struct decision_log *log = calloc(1, sizeof(*log));
    if (!log || !(log->path = strdup(path))) {
        free(log);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    enum tracer_status status = open_file(path, O_RDWR | O_CREAT | O_APPEND, &log->file, err);
    if (status) {
        free(log->path);
        free(log);
        return status;
    }
    if (!(status = lock(log->file, LOCK_EX, path, err)))
        status = catch_up(log, err);
    (void)flock(log->file, LOCK_UN);
    if (status)
        decision_log_close(log);
    else
        *ret_log = log;
    return status;
}

void decision_log_close(struct decision_log *log)
{
    if (!log)
        return;
    close(log->file);
    free(log->path);
    free(log);
}

/* Write the records; those of `lines` that are there at TRACER_DECISION_SYNC_MAX are made safe before more follow. */
static enum tracer_status append_bodies(struct decision_log *log, const struct buffer *context, const struct buffer *bodies, size_t count,
                                        struct buffer *lines, struct error *err)
{
    struct digest digest = digest_bytes(context->data + 1, context->size - 1); /* without its bracket */
    struct decision_place place = log->head;
    bool is_new = !log->has_context || memcmp(digest.bytes, log->context.bytes, sizeof(digest.bytes)) != 0, good = true;
    enum tracer_status status = TRACER_OK;
    if (is_new)
        good = add_record(lines, DECISION_CONTEXT, context->data, context->size, &place);
    for (size_t i = 0; i < count && !status && good; i++) {
        if (lines->size + TRACER_DECISION_LINE_MAX > TRACER_DECISION_SYNC_MAX) {
            status = write_all(log, lines->data, lines->size, err);
            buffer_clear(lines);
        }
        good = add_record(lines, DECISION_DECISION, bodies[i].data, bodies[i].size, &place);
    }
    if (!status && !good)
        status = error_set(err, TRACER_E_LIMIT, "a record of a decision is larger than %zu bytes, or memory ended", TRACER_DECISION_LINE_MAX);
    if (!status && lines->size)
        status = write_all(log, lines->data, lines->size, err);
    if (status)
        return status;
    log->head = place;
    log->has_context = true;
    log->context = digest;
    return TRACER_OK;
}

enum tracer_status decision_append(struct decision_log *log, const struct buffer *context, const struct buffer *bodies, size_t count,
                                   uint64_t *ret_first, struct decision_place *ret_head, struct error *err)
{
    struct buffer lines;
    buffer_init(&lines, TRACER_DECISION_SYNC_MAX + TRACER_KIB(1));
    enum tracer_status status = lock(log->file, LOCK_EX, log->path, err);
    if (!status && !(status = catch_up(log, err))) {
        uint64_t before = log->head.offset;
        status = append_bodies(log, context, bodies, count, &lines, err);
        if (status && ftruncate(log->file, (off_t)before) == 0) /* if not, the next append cuts what is torn */
            (void)fsync(log->file);
    }
    if (!status) {
        *ret_first = log->head.number + 1 - count;
        *ret_head = log->head;
    }
    (void)flock(log->file, LOCK_UN);
    buffer_release(&lines);
    return status;
}
