/* batch.c - the parent of a batch: cuts the input, writes the output in order, notes what is done (see batch.h).
 *
 * Pieces go round robin to the workers, two at once to each, and come back in the same order. What was written before a note is
 * durable: after a kill the output is cut back to the note, and the input is read on from there. */
#include "batching.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/digest.h"
#include "tracer/file.h"

#define NOTE_MAX TRACER_KIB(4)
#define PARTIAL ".partial"
#define PROGRESS ".progress"

struct worker {
    pid_t pid; /* 0: none */
    int jobs, replies;
    struct batch_slot *slots;           /* [BATCH_JOBS]; NULL: none yet */
    struct batch_job ahead[BATCH_JOBS]; /* in order */
    size_t ahead_count;
    uint64_t next_slot;
};

struct batch {
    const struct batch_request *request;
    struct batch_stats *stats;
    struct arena *arena;
    struct batch_header header;
    int input, output; /* output: the partial file, locked */
    struct stat input_stat;
    uint64_t input_end; /* behind the last row */
    char *partial, *progress, *unfinished; /* a note that a kill cut off */
    char identity[65];         /* of request and state */
    uint64_t cut_to, cut_line; /* of the input: what was handed out */
    uint64_t done, done_line;  /* what came back */
    uint64_t written, noted;   /* bytes of the output */
    struct worker workers[TRACER_BATCH_WORKERS_MAX];
    size_t worker_count;
    struct buffer text;
    struct decision_log *log; /* NULL: none is kept */
    uint64_t *recorded;       /* lines of rows that an earlier run recorded behind its note, in order */
    size_t recorded_count, recorded_capacity;
    struct error *err;
};

static enum tracer_status fail_io(struct batch *batch, const char *path)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return error_set(batch->err, TRACER_E_FULL, "%s: %s. What is noted in %s is safe: make room, and the same command goes on there", path, strerror(errno),
                         batch->progress);
    return error_set(batch->err, TRACER_E_IO, "%s: %s", path, strerror(errno));
}

/* ---- files ---- */

static ssize_t read_at(int file, char *to, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, to + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* Empty lines at the end are no rows: editors and spreadsheets leave them there. */
static enum tracer_status find_end(struct batch *batch)
{
    char tail[4096];
    uint64_t at = (uint64_t)batch->input_stat.st_size;
    batch->input_end = at;
    for (size_t left = 0; at && !left; at += left) {
        size_t size = at < sizeof(tail) ? (size_t)at : sizeof(tail);
        at -= size;
        if (read_at(batch->input, tail, size, at) != (ssize_t)size)
            return fail_io(batch, batch->request->input);
        for (left = size; left && (tail[left - 1] == '\n' || tail[left - 1] == '\r'); left--)
            if (tail[left - 1] == '\n')
                batch->input_end = at + left;
    }
    if (!at)
        batch->input_end = 0;
    return TRACER_OK;
}

/* Of its rows. */
static ssize_t read_input(const struct batch *batch, char *to, uint64_t offset)
{
    uint64_t left = offset < batch->input_end ? batch->input_end - offset : 0;
    return read_at(batch->input, to, left < BATCH_PIECE ? (size_t)left : BATCH_PIECE, offset);
}

static enum tracer_status open_input(struct batch *batch)
{
    const char *path = batch->request->input;
    struct stat output;
    batch->input = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (batch->input < 0)
        return error_set(batch->err, TRACER_E_USAGE, "%s: %s", path, strerror(errno));
    if (fstat(batch->input, &batch->input_stat))
        return fail_io(batch, path);
    if (!S_ISREG(batch->input_stat.st_mode))
        return error_set(batch->err, TRACER_E_USAGE, "%s is no regular file: a batch that was stopped reads on where it was", path);
    if (!stat(batch->request->output, &output)) {
        if (!S_ISREG(output.st_mode))
            return error_set(batch->err, TRACER_E_USAGE, "%s is no regular file", batch->request->output);
        if (output.st_dev == batch->input_stat.st_dev && output.st_ino == batch->input_stat.st_ino)
            return error_set(batch->err, TRACER_E_USAGE, "the output is the input");
    }
    return find_end(batch);
}

static enum tracer_status open_partial(struct batch *batch)
{
    struct stat there;
    batch->output = open(batch->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (batch->output < 0 || fstat(batch->output, &there))
        return fail_io(batch, batch->partial);
    if (!S_ISREG(there.st_mode))
        return error_set(batch->err, TRACER_E_USAGE, "%s is no regular file", batch->partial);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET}; /* a worker does not inherit it: it ends with us */
    if (fcntl(batch->output, F_SETLK, &whole))
        return error_set(batch->err, TRACER_E_BUSY, "%s: another batch writes it", batch->request->output);
    return TRACER_OK;
}

/* The log of decisions is a file of its own. */
static enum tracer_status check_log(struct batch *batch)
{
    const char *log = batch->request->record.log, *const ours[] = {batch->partial, batch->progress, batch->unfinished};
    struct stat of_log, other;
    for (size_t i = 0; log && i < sizeof(ours) / sizeof(*ours); i++)
        if (strcmp(log, ours[i]) == 0 || (!stat(log, &of_log) && !stat(ours[i], &other) && of_log.st_dev == other.st_dev && of_log.st_ino == other.st_ino))
            return error_set(batch->err, TRACER_E_USAGE, "--decisions: %s is kept by this batch beside its output: name another file", log);
    return TRACER_OK;
}

/* What the output depends on, but for the input. */
static enum tracer_status identify(struct batch *batch)
{
    const struct batch_request *request = batch->request;
    struct buffer text;
    struct digest state;
    buffer_init(&text, NOTE_MAX);
    screen_identity(request->screen, &state);
    buffer_add(&text, state.bytes, sizeof(state.bytes));
    buffer_printf(&text, "%d %d", (int)request->input_format, (int)request->output_format);
    if (request->record.log) /* under other words the rows would be recorded twice */
        buffer_printf(&text, " recorded \"%s\" \"%s\"", request->record.reference, request->record.decided_at ? request->record.decided_at : "");
    for (size_t c = 0; c < request->columns.count; c++)
        buffer_printf(&text, " %s", batch_column_name(request->columns.items[c]));
    bool ok = buffer_ok(&text);
    if (ok)
        digest_format(digest_bytes(text.data, text.size), batch->identity);
    buffer_release(&text);
    return ok ? TRACER_OK : error_set(batch->err, TRACER_E_NOMEM, "no memory");
}

#define INPUT_FORMAT "input %" PRIu64 " bytes, changed %" PRId64 ".%09ld, file %" PRIu64 "\n"

static enum tracer_status write_all(struct batch *batch, const char *path, int to, const char *data, size_t size)
{
    return batch_send(to, data, size) ? TRACER_OK : fail_io(batch, path);
}

/* The output until here is durable, and then it is said so. */
static enum tracer_status note(struct batch *batch)
{
    const struct batch_stats *stats = batch->stats;
    const struct stat *input = &batch->input_stat;
    struct output file;
    enum tracer_status status = fdatasync(batch->output) ? fail_io(batch, batch->partial) : TRACER_OK;
    if (!status)
        status = output_open_alone(batch->progress, &file, batch->err);
    if (status)
        return status;
    fprintf(file.stream, "tracer/batch-progress/1\nrequest %s\n" INPUT_FORMAT, batch->identity, (uint64_t)input->st_size, (int64_t)input->st_mtim.tv_sec,
            (long)input->st_mtim.tv_nsec, (uint64_t)input->st_ino);
    fprintf(file.stream, "done %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", batch->done,
            batch->done_line, batch->written, stats->rows, stats->verdicts[0], stats->verdicts[1], stats->verdicts[2], stats->failed, stats->lost);
    if (batch->log) {
        char digest[65];
        digest_format(stats->head.digest, digest);
        fprintf(file.stream, "log %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", stats->head.number, stats->head.offset, stats->head.context, digest);
    }
    status = output_commit(&file, batch->err);
    output_abort(&file);
    batch->noted = batch->written;
    return status;
}

/* ---- the log of decisions ---- */

static int order_lines(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A decision behind the note: is it of a row of this batch? */
static enum tracer_status find_recorded(void *context, const struct decision_record *record, struct error *err)
{
    struct batch *batch = context;
    struct decision decision;
    const char *reference = batch->request->record.reference;
    size_t length = strlen(reference);
    if (record->kind != DECISION_DECISION)
        return TRACER_OK;
    struct arena_mark mark = arena_mark(batch->arena);
    enum tracer_status status = decision_read(record, batch->arena, &decision, err);
    bool ours = !status && decision.reference && strncmp(decision.reference, reference, length) == 0 && decision.reference[length] == ':';
    uint64_t line = ours ? strtoull(decision.reference + length + 1, NULL, 10) : 0;
    arena_reset(batch->arena, mark);
    if (!ours || line < batch->done_line)
        return status;
    if (batch->recorded_count == batch->recorded_capacity) {
        size_t capacity = batch->recorded_capacity ? batch->recorded_capacity * 2 : 1024;
        uint64_t *grown = realloc(batch->recorded, capacity * sizeof(*grown));
        if (!grown)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        batch->recorded = grown;
        batch->recorded_capacity = capacity;
    }
    batch->recorded[batch->recorded_count++] = line;
    return TRACER_OK;
}

static enum tracer_status read_log_place(struct batch *batch, const char *text)
{
    struct decision_place place = {.number = 0}, head;
    char digest[65] = "", marked[DECISION_PLACE_TEXT_SIZE];
    if (sscanf(text, " log %" SCNu64 " %" SCNu64 " %" SCNu64 " %64[0-9a-f]", &place.number, &place.offset, &place.context, digest) != 4)
        return error_set(batch->err, TRACER_E_CONFLICT, "an earlier batch that stopped half way kept no decisions: run it again as it was, or begin anew with --restart");
    struct decision_place parsed;
    snprintf(marked, sizeof(marked), "%" PRIu64 ":%s", place.number, digest);
    if (!decision_place_parse(marked, &parsed))
        return error_set(batch->err, TRACER_E_CONFLICT, "%s is damaged: begin anew with --restart", batch->progress);
    place.digest = parsed.digest;
    batch->stats->head = place;
    enum tracer_status status = decision_each(batch->request->record.log, &place, NULL, find_recorded, batch, &head, batch->err);
    if (!status && batch->recorded_count)
        qsort(batch->recorded, batch->recorded_count, sizeof(*batch->recorded), order_lines);
    return status;
}

static bool is_recorded(const struct batch *batch, uint64_t line)
{
    return batch->recorded_count && bsearch(&line, batch->recorded, batch->recorded_count, sizeof(line), order_lines);
}

/* The decisions of a piece, safe on the disk before its rows are written. */
static enum tracer_status append_decisions(struct batch *batch, char *data, size_t size)
{
    size_t count = 0, capacity = 0;
    struct buffer *bodies = NULL;
    enum tracer_status status = TRACER_OK;
    for (size_t at = 0; at < size && !status;) {
        struct batch_body body;
        memcpy(&body, data + at, sizeof(body));
        at += sizeof(body);
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            struct buffer *grown = realloc(bodies, capacity * sizeof(*grown));
            if (!grown)
                status = error_set(batch->err, TRACER_E_NOMEM, "no memory");
            bodies = grown ? grown : bodies;
        }
        if (!status && !is_recorded(batch, body.line))
            bodies[count++] = (struct buffer){.data = data + at, .size = body.size};
        at += body.size;
    }
    uint64_t first;
    if (!status)
        status = decision_append(batch->log, batch->request->record.context, bodies, count, &first, &batch->stats->head, batch->err);
    free(bodies);
    return status;
}

/* What an earlier run noted; nothing: *ret_found is false. */
static enum tracer_status read_note(struct batch *batch, bool *ret_found)
{
    struct batch_stats *stats = batch->stats;
    const struct stat *input = &batch->input_stat;
    struct buffer text;
    char wanted[256];
    int length = 0;
    *ret_found = !access(batch->progress, F_OK);
    if (!*ret_found)
        return TRACER_OK;
    buffer_init(&text, NOTE_MAX);
    enum tracer_status status = file_read(batch->progress, NOTE_MAX, &text, batch->err);
    if (status)
        goto done;
    snprintf(wanted, sizeof(wanted), "tracer/batch-progress/1\nrequest %s\n", batch->identity);
    char input_line[160];
    snprintf(input_line, sizeof(input_line), INPUT_FORMAT, (uint64_t)input->st_size, (int64_t)input->st_mtim.tv_sec, (long)input->st_mtim.tv_nsec,
             (uint64_t)input->st_ino);
    size_t begin = strlen(wanted), second = strlen(input_line);
    if (text.size < begin || memcmp(text.data, wanted, begin) != 0)
        status = error_set(batch->err, TRACER_E_CONFLICT,
                           "%s: an earlier batch with other options, or another state of the store, stopped half way: run it again as it was, or begin anew with "
                           "--restart",
                           batch->request->output);
    else if (text.size < begin + second || memcmp(text.data + begin, input_line, second) != 0)
        status = error_set(batch->err, TRACER_E_CONFLICT, "%s changed since an earlier batch stopped half way: begin anew with --restart", batch->request->input);
    else if (sscanf(text.data + begin + second, "done %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n",
                    &batch->done, &batch->done_line, &batch->written, &stats->rows, &stats->verdicts[0], &stats->verdicts[1], &stats->verdicts[2],
                    &stats->failed, &stats->lost, &length) != 9)
        status = error_set(batch->err, TRACER_E_CONFLICT, "%s is damaged: begin anew with --restart", batch->progress);
    else if (batch->log)
        status = read_log_place(batch, text.data + begin + second + length);
done:
    buffer_release(&text);
    return status;
}

static enum tracer_status open_log(struct batch *batch)
{
    return batch->request->record.log ? decision_log_open(batch->request->record.log, &batch->log, batch->err) : TRACER_OK;
}

/* At the beginning, or where an earlier run was. */
static enum tracer_status begin(struct batch *batch)
{
    bool found = false;
    struct stat there;
    enum tracer_status status = TRACER_OK;
    if (batch->request->restart)
        unlink(batch->progress);
    else
        status = read_note(batch, &found);
    if (status)
        return status;
    if (found && (fstat(batch->output, &there) || (uint64_t)there.st_size < batch->written))
        return error_set(batch->err, TRACER_E_CONFLICT, "%s is shorter than was noted: begin anew with --restart", batch->partial);
    if (!found) {
        buffer_clear(&batch->text);
        if (!batch_write_header(batch->request, &batch->header, &batch->text))
            return error_set(batch->err, TRACER_E_NOMEM, "no memory");
        batch->done = batch->header.size;
        batch->done_line = batch->header.size ? 2 : 1;
        batch->written = batch->text.size;
    }
    batch->stats->resumed = batch->stats->rows;
    if (ftruncate(batch->output, found ? (off_t)batch->written : 0) || lseek(batch->output, 0, SEEK_END) < 0)
        return fail_io(batch, batch->partial);
    if (!found)
        status = write_all(batch, batch->partial, batch->output, batch->text.data, batch->text.size);
    if (!found && !status && batch->log && !(status = append_decisions(batch, NULL, 0))) /* where it began to record */
        status = note(batch);
    batch->noted = batch->written;
    batch->cut_to = batch->done;
    batch->cut_line = batch->done_line;
    return status;
}

/* ---- cutting ---- */

/* A line that is longer than a piece: where it ends. */
static enum tracer_status skip_line(struct batch *batch, char *data, struct batch_job *job)
{
    uint64_t at = batch->cut_to;
    for (;;) {
        ssize_t got = read_input(batch, data, at);
        if (got < 0)
            return fail_io(batch, batch->request->input);
        const char *end = got ? memchr(data, '\n', (size_t)got) : NULL;
        at += end ? (uint64_t)(end - data) + 1 : (uint64_t)got;
        if (end || got < (ssize_t)BATCH_PIECE)
            break;
    }
    job->size = at - batch->cut_to;
    job->overlong = 1;
    return TRACER_OK;
}

/* Whole rows from the beginning of `data`: their bytes. */
static size_t whole_rows(const struct batch *batch, const char *data, size_t size, bool at_end)
{
    enum batch_format format = batch->request->input_format;
    if (format == BATCH_JSONL || !memchr(data, '"', size)) {
        const char *last = memrchr(data, '\n', size);
        return at_end ? size : last ? (size_t)(last - data) + 1 : 0;
    }
    size_t whole = 0, row;
    bool broken;
    while (whole < size && batch_cut(format, data + whole, size - whole, at_end, &row, &broken))
        whole += row;
    return whole;
}

/* The next piece, into `data` [BATCH_PIECE]. false: the input is at its end. */
static enum tracer_status cut(struct batch *batch, char *data, struct batch_job *job, bool *ret_more)
{
    ssize_t got = read_input(batch, data, batch->cut_to);
    if (got < 0)
        return fail_io(batch, batch->request->input);
    *ret_more = got > 0;
    if (!got)
        return TRACER_OK;
    size_t whole = whole_rows(batch, data, (size_t)got, got < (ssize_t)BATCH_PIECE);
    *job = (struct batch_job){.offset = batch->cut_to, .size = whole, .line = batch->cut_line};
    enum tracer_status status = whole ? TRACER_OK : skip_line(batch, data, job);
    batch->cut_to += job->size;
    batch->cut_line += whole ? batch_lines(data, whole) : 1;
    return status;
}

/* ---- workers ---- */

static void stop_worker(struct worker *worker, bool at_once)
{
    if (!worker->pid)
        return;
    close(worker->jobs);
    close(worker->replies);
    if (at_once)
        kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    worker->pid = 0;
}

static void end_worker(struct worker *worker, bool at_once)
{
    stop_worker(worker, at_once);
    if (worker->slots)
        munmap(worker->slots, BATCH_JOBS * sizeof(struct batch_slot));
}

static enum tracer_status start_worker(struct batch *batch, struct worker *worker)
{
    int jobs[2], replies[2], others[2 * TRACER_BATCH_WORKERS_MAX + 2];
    size_t other_count = 0;
    if (!worker->slots) { /* a page of it is there once it is used */
        void *slots = mmap(NULL, BATCH_JOBS * sizeof(struct batch_slot), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (slots == MAP_FAILED)
            return error_set(batch->err, TRACER_E_NOMEM, "no memory");
        worker->slots = slots;
    }
    if (pipe2(jobs, O_CLOEXEC))
        return fail_io(batch, "a worker");
    if (pipe2(replies, O_CLOEXEC)) {
        close(jobs[0]);
        close(jobs[1]);
        return fail_io(batch, "a worker");
    }
    fcntl(replies[0], F_SETPIPE_SZ, (int)TRACER_MIB(1)); /* decisions, and what does not fit a slot */
    for (size_t i = 0; i < batch->worker_count; i++)
        if (batch->workers[i].pid) {
            others[other_count++] = batch->workers[i].jobs;
            others[other_count++] = batch->workers[i].replies;
        }
    others[other_count++] = jobs[1];
    others[other_count++] = replies[0];
    worker->pid =
        batch->request->start(batch->request->start_context,
                              &(struct batch_ends){jobs[0], replies[1], worker->slots}, others, other_count);
    close(jobs[0]);
    close(replies[1]);
    worker->jobs = jobs[1];
    worker->replies = replies[0];
    if (worker->pid > 0)
        return TRACER_OK;
    worker->pid = 0;
    close(jobs[1]);
    close(replies[0]);
    return error_set(batch->err, TRACER_E_IO, "no process could be started for a worker");
}

/* The rows of a worker that ended: nobody can tell. */
static enum tracer_status write_lost(struct batch *batch, const struct batch_job *job, char *data,
                                     struct batch_reply *ret_reply)
{
    struct batch_answer answer = {.verdict = VERDICT_CANNOT_TELL};
    enum batch_format format = batch->request->input_format;
    ssize_t got = job->overlong ? 0
                                : read_at(batch->input, data, job->size,
                                          job->offset); /* anew: the worker could write there */
    uint64_t line = job->line;
    struct buffer decisions;
    if (got < 0)
        return fail_io(batch, batch->request->input);
    buffer_init(&decisions, TRACER_GIB(1));
    for (int c = 0; c < BATCH_COLUMN_COUNT; c++)
        answer.texts[c] = "";
    answer.texts[BATCH_VERDICT] = verdict_name(VERDICT_CANNOT_TELL);
    answer.texts[BATCH_REASON] = "the process that was to answer ended: the store may be damaged (store verify)";
    memset(ret_reply, 0, sizeof(*ret_reply));
    buffer_clear(&batch->text);
    for (size_t at = 0, size; at < (size_t)got || (job->overlong && !ret_reply->rows); at += size) {
        bool broken = false;
        struct batch_row row = {.line = line, .problem = "too long", .raw = {(const uint8_t *)"", 0}};
        struct arena_mark mark = arena_mark(batch->arena);
        size = 0;
        enum tracer_status status = TRACER_OK;
        if (!job->overlong) {
            batch_cut(format, data + at, (size_t)got - at, true, &size, &broken);
            status = batch_read_row(format, &batch->request->columns, &batch->header,
                                    (struct bytes){(const uint8_t *)data + at, size}, line, broken,
                                    batch->arena, &row, batch->err);
            line += batch_lines(data + at, size);
        }
        struct decision decision = {.target = row.target ? row.target : "",
                                    .verdict = VERDICT_CANNOT_TELL,
                                    .rule = RULE_UNASKED,
                                    .reasons = &answer.texts[BATCH_REASON],
                                    .reason_count = 1};
        if (!status && !batch_write_row(batch->request, &batch->header, &row, &answer, &batch->text))
            status = error_set(batch->err, TRACER_E_NOMEM, "no memory");
        if (!status && batch->log)
            status = batch_add_decision(batch->request, row.line, &decision, &decisions, batch->err);
        arena_reset(batch->arena, mark);
        if (status) {
            buffer_release(&decisions);
            return status;
        }
        ret_reply->rows++;
    }
    enum tracer_status recorded = batch->log ? append_decisions(batch, decisions.data, decisions.size) : TRACER_OK;
    buffer_release(&decisions);
    if (recorded)
        return recorded;
    ret_reply->verdicts[VERDICT_CANNOT_TELL] = ret_reply->failed = ret_reply->rows;
    batch->stats->lost += ret_reply->rows;
    return TRACER_OK;
}

static enum tracer_status hand_out(struct batch *batch, struct worker *worker, bool *ret_more)
{
    struct batch_job *job = &worker->ahead[worker->ahead_count];
    uint64_t slot = worker->next_slot;
    enum tracer_status status = cut(batch, worker->slots[slot].input, job, ret_more);
    if (status || !*ret_more)
        return status;
    job->slot = slot;
    worker->next_slot = (slot + 1) % BATCH_JOBS;
    worker->ahead_count++;
    ssize_t sent = write(worker->jobs, job, sizeof(*job)); /* a pipe takes it whole; a worker that ended is seen when it is read */
    return sent < 0 && errno != EPIPE ? fail_io(batch, "a worker") : TRACER_OK;
}

/* The worker ended before its first piece was answered: it is lost; the others go to a new one. */
static enum tracer_status replace_worker(struct batch *batch, struct worker *worker, struct batch_reply *ret_reply)
{
    struct batch_job lost = worker->ahead[0];
    stop_worker(worker, true);
    enum tracer_status status = write_lost(batch, &lost, worker->slots[lost.slot].input, ret_reply);
    if (!status)
        status = start_worker(batch, worker);
    for (size_t i = 1; i < worker->ahead_count && !status; i++)
        if (write(worker->jobs, &worker->ahead[i], sizeof(worker->ahead[i])) < 0 && errno != EPIPE)
            status = fail_io(batch, "a worker");
    return status;
}

/* *ret_whole: the worker did not end before it had sent them. */
static enum tracer_status take_decisions(struct batch *batch, struct worker *worker, const struct batch_reply *reply, bool *ret_whole)
{
    if (!batch->log)
        return TRACER_OK;
    char *data = malloc(reply->decisions_size + 1);
    if (!data)
        return error_set(batch->err, TRACER_E_NOMEM, "no memory");
    *ret_whole = batch_receive(worker->replies, data, reply->decisions_size);
    enum tracer_status status = *ret_whole ? append_decisions(batch, data, reply->decisions_size) : TRACER_OK;
    free(data);
    return status;
}

/* The rows of the oldest piece of the worker, into the output. */
static enum tracer_status take_back(struct batch *batch, struct worker *worker)
{
    struct batch_reply reply;
    struct batch_stats *stats = batch->stats;
    enum tracer_status status = TRACER_OK;
    bool whole = batch_receive(worker->replies, &reply, sizeof(reply)) &&
                 reply.slot_size <= sizeof(worker->slots->output);
    if (whole && reply.failure.status) {
        *batch->err = reply.failure;
        stats->moved = reply.failure.status == TRACER_E_CONFLICT;
        return reply.failure.status;
    }
    buffer_clear(&batch->text);
    char *room = whole ? buffer_reserve(&batch->text, reply.size + 1) : NULL;
    if (whole && !room)
        return error_set(batch->err, TRACER_E_NOMEM, "no memory");
    if (whole && batch_receive(worker->replies, room, reply.size)) {
        batch->text.size = reply.size;
        status = take_decisions(batch, worker, &reply, &whole);
    } else {
        whole = false;
    }
    if (!whole)
        status = replace_worker(batch, worker, &reply);
    if (!status)
        status = write_all(batch, batch->partial, batch->output, worker->slots[worker->ahead[0].slot].output,
                           reply.slot_size);
    if (!status)
        status = write_all(batch, batch->partial, batch->output, batch->text.data, batch->text.size);
    if (status)
        return status;
    batch->written += reply.slot_size + batch->text.size;
    batch->done = worker->ahead[0].offset + worker->ahead[0].size;
    batch->done_line = batch->cut_line; /* set right below where others are ahead */
    stats->rows += reply.rows;
    stats->failed += reply.failed;
    for (size_t v = 0; v < BATCH_VERDICTS; v++)
        stats->verdicts[v] += reply.verdicts[v];
    memmove(worker->ahead, worker->ahead + 1, --worker->ahead_count * sizeof(*worker->ahead));
    return TRACER_OK;
}

/* The line of the oldest piece that is not done. */
static void find_line(struct batch *batch, size_t next)
{
    for (size_t i = 0; i < batch->worker_count; i++) {
        const struct worker *worker = &batch->workers[(next + i) % batch->worker_count];
        if (worker->ahead_count && worker->ahead[0].offset == batch->done) {
            batch->done_line = worker->ahead[0].line;
            return;
        }
    }
}

static enum tracer_status work(struct batch *batch)
{
    const struct batch_request *request = batch->request;
    enum tracer_status status = TRACER_OK;
    bool more = true;
    size_t next = 0, pieces = 0;
    for (size_t round = 0; round < BATCH_JOBS && more && !status; round++)
        for (size_t i = 0; i < request->workers && more && !status; i++) {
            if (i == batch->worker_count) {
                batch->worker_count++;
                status = start_worker(batch, &batch->workers[i]);
            }
            if (!status)
                status = hand_out(batch, &batch->workers[i], &more);
            pieces += !status && more;
        }
    for (; pieces && !status; next = (next + 1) % batch->worker_count) {
        struct worker *worker = &batch->workers[next];
        status = take_back(batch, worker);
        pieces -= !status;
        if (!status && *request->stop)
            status = error_set(batch->err, TRACER_E_STOPPED, "stopped; the next run goes on here");
        if (!status && more && !(status = hand_out(batch, worker, &more)))
            pieces += more;
        find_line(batch, next + 1);
        if ((!status && batch->written - batch->noted >= batch->request->checkpoint_bytes) || status == TRACER_E_STOPPED) {
            struct error stopped = *batch->err;
            enum tracer_status noted = note(batch);
            if (noted)
                status = noted;
            else if (status)
                *batch->err = stopped;
        }
        if (request->progress)
            request->progress(request->progress_context, batch->done, batch->input_end);
    }
    return status;
}

/* Rows of two states of the input stand in no output. */
static enum tracer_status check_input(struct batch *batch)
{
    const struct stat *then = &batch->input_stat;
    struct stat now;
    if (!stat(batch->request->input, &now) && now.st_dev == then->st_dev && now.st_ino == then->st_ino && now.st_size == then->st_size &&
        now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec)
        return TRACER_OK;
    return error_set(batch->err, TRACER_E_CONFLICT, "%s changed while it was read: no output was written; run it again with --restart", batch->request->input);
}

static enum tracer_status finish(struct batch *batch)
{
    enum tracer_status status = check_input(batch);
    if (status)
        return status;
    if (fsync(batch->output) || rename(batch->partial, batch->request->output))
        return fail_io(batch, batch->request->output);
    unlink(batch->progress);
    unlink(batch->unfinished);
    return TRACER_OK;
}

enum tracer_status batch_run(const struct batch_request *request, struct batch_stats *ret_stats, struct error *err)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    *ret_stats = (struct batch_stats){0};
    if (!batch)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    *batch = (struct batch){.request = request, .stats = ret_stats, .input = -1, .output = -1, .err = err};
    buffer_init(&batch->text, TRACER_GIB(1));
    enum tracer_status status = TRACER_OK;
    if (!(batch->arena = arena_new(TRACER_MEMORY_MAX)) ||
        !(batch->partial = arena_printf(batch->arena, "%s" PARTIAL, request->output)) ||
        !(batch->progress = arena_printf(batch->arena, "%s" PROGRESS, request->output)) ||
        !(batch->unfinished = arena_printf(batch->arena, "%s" OUTPUT_ALONE, batch->progress)))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    if (!status && request->input_format == BATCH_JSONL && request->output_format == BATCH_CSV)
        status = error_set(err, TRACER_E_USAGE, "JSON lines cannot become CSV: each line may have other members");
    if (!status && !(status = open_input(batch)) && !(status = batch_load_header(request, batch->input, batch->arena, &batch->header, err)) &&
        !(status = open_partial(batch)) && !(status = check_log(batch)) && !(status = open_log(batch)) && !(status = identify(batch)) && !(status = begin(batch)) && !(status = work(batch)))
        status = finish(batch);
    for (size_t i = 0; i < batch->worker_count; i++)
        end_worker(&batch->workers[i], status != TRACER_OK);
    if (batch->input >= 0)
        close(batch->input);
    if (batch->output >= 0)
        close(batch->output);
    buffer_release(&batch->text);
    decision_log_close(batch->log);
    free(batch->recorded);
    arena_free(batch->arena);
    free(batch);
    return status;
}
