/* batch_work.c - a worker of a batch: takes pieces of the input, asks, and hands the rows of the output back.
 */
#include "batching.h"
#include "pipeline.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/file.h"
#include "tracer/proof.h"
#include "tracer/report.h"

#define ASKED_AT_ONCE 256u /* rows whose answers are in memory together */

struct work {
    const struct batch_request *request;
    int replies;
    struct batch_slot *slots, *slot; /* `slot`: of the piece at hand */
    size_t slot_size;                /* of the output that is in it; more of it is in `output` */
    struct arena *arena;             /* of the header; of the rows at hand above `mark` */
    struct arena_mark mark;
    struct batch_header header;
    struct buffer output, decisions;
    struct batch_reply reply;
    bool quick; /* only verdicts are asked for */
    struct error *err;
};

static enum tracer_status no_memory(struct work *work)
{
    return error_set(work->err, TRACER_E_NOMEM, "no memory");
}

struct question {
    struct batch_row row;
    struct screen_target target;
    struct address to;
};

/* ---- what is told of an answer ---- */

/* The line that decides, and its exposure with the most units. */
static const struct check_line *decisive(const struct check_result *result, const struct check_answer *answer)
{
    const struct check_line *best = answer->line_count ? &answer->lines[0] : NULL;
    for (size_t l = 0; l < answer->line_count; l++) {
        const struct check_line *line = &answer->lines[l];
        bool recognised = line->asset != RESULT_NONE && result->assets[line->asset].recognised;
        bool decides = answer->verdict == VERDICT_EXPOSED ? !u320_is_zero(line->tainted) : !u320_is_zero(line->unknown);
        if (recognised && decides && answer->verdict != VERDICT_CLEAN)
            return line;
    }
    return best;
}

static const char *number_text(struct arena *arena, uint64_t number)
{
    return arena_printf(arena, "%" PRIu64, number);
}

static const char *amount_text(struct arena *arena, struct u320 amount)
{
    char text[U320_DECIMAL_MAX];
    size_t length = u320_format_decimal(amount, text);
    return arena_text(arena, text, length);
}

static unsigned weight(const struct check_exposure *exposure)
{
    return 2u * (strcmp(exposure->category, "sanctioned") == 0) + exposure->direct;
}

/* For an alert. False: no memory. */
static bool tell_weightiest(struct work *work, const struct check_result *result, const struct check_answer *answer, struct batch_answer *told)
{
    const struct check_exposure *best = NULL;
    const struct check_line *of = NULL;
    for (size_t l = 0; l < answer->line_count; l++)
        for (size_t e = 0; e < answer->lines[l].exposure_count; e++) {
            const struct check_exposure *exposure = &answer->lines[l].exposures[e];
            if (!result->assets[answer->lines[l].asset].recognised ||
                (best && (weight(exposure) < weight(best) || (weight(exposure) == weight(best) && exposure->ppm <= best->ppm))))
                continue;
            best = exposure;
            of = &answer->lines[l];
        }
    if (!best)
        return true;
    char text[ASSET_TEXT_SIZE];
    size_t length = asset_format(result->assets[of->asset].asset, text);
    told->category = arena_text(work->arena, best->category, strlen(best->category));
    told->service = arena_text(work->arena, best->source, strlen(best->source));
    told->alert_amount = amount_text(work->arena, best->amount);
    told->alert_asset = arena_text(work->arena, text, length);
    told->direct = best->direct;
    return told->category && told->service && told->alert_amount && told->alert_asset;
}

static const char *join(struct arena *arena, const struct check_answer *answer)
{
    struct buffer text;
    buffer_init(&text, TRACER_CSV_LINE_MAX);
    for (size_t i = 0; i < answer->reason_count; i++)
        buffer_printf(&text, "%s%s", i ? "; " : "", answer->reasons[i]);
    const char *joined = buffer_ok(&text) ? arena_text(arena, text.size ? text.data : "", text.size)
                                          : "more reasons than a row can hold";
    buffer_release(&text);
    return joined;
}

/* Texts in the worker's arena; false: no memory. */
static bool tell(struct work *work, const struct check_result *result, const struct check_answer *answer, struct batch_answer *told)
{
    struct arena *arena = work->arena;
    const struct check_line *line = decisive(result, answer);
    told->verdict = answer->verdict;
    told->texts[BATCH_VERDICT] = verdict_name(answer->verdict);
    told->texts[BATCH_REASON] = join(arena, answer);
    told->texts[BATCH_RULE] = arena_text(arena, answer->rule, strlen(answer->rule));
    told->texts[BATCH_PROVISIONAL] = result->head.last_grade == GRADE_PROVEN ? "false" : "true";
    told->texts[BATCH_AS_OF_BLOCK] = number_text(arena, result->head.last_block);
    if (line) {
        const struct check_exposure *most = line->exposure_count ? &line->exposures[0] : NULL;
        char text[ASSET_TEXT_SIZE], key[POSITION_TEXT_SIZE] = "";
        for (size_t e = 1; e < line->exposure_count; e++)
            if (u320_compare(line->exposures[e].amount, most->amount) > 0)
                most = &line->exposures[e];
        size_t length = asset_format(result->assets[line->asset].asset, text);
        told->texts[BATCH_ASSET] = arena_text(arena, text, length);
        told->texts[BATCH_AMOUNT] = amount_text(arena, line->amount);
        told->texts[BATCH_TAINTED] = amount_text(arena, line->tainted);
        told->texts[BATCH_UNKNOWN] = amount_text(arena, line->unknown);
        told->texts[BATCH_PPM_MIN] = number_text(arena, line->ppm_min);
        told->texts[BATCH_PPM_MAX] = number_text(arena, line->ppm_max);
        if (most) {
            told->texts[BATCH_SOURCE] = arena_text(arena, most->source, strlen(most->source));
            told->texts[BATCH_HOP] = number_text(arena, most->hop);
        }
        if (line->has_position)
            position_format(line->position, key);
        else if (most && most->path_count)
            position_format(result->steps[most->path[most->path_count - 1]].position, key);
        told->texts[BATCH_KEY] = arena_text(arena, key, strlen(key));
    }
    bool ok = work->request->output_format != BATCH_ALERTS || tell_weightiest(work, result, answer, told);
    for (int c = 0; c < BATCH_COLUMN_COUNT; c++)
        ok = ok && told->texts[c];
    return ok;
}

enum tracer_status batch_add_decision(const struct batch_request *request, uint64_t line, struct decision *decision, struct buffer *to,
                                      struct error *err)
{
    struct buffer reference, text;
    buffer_init(&reference, TRACER_KIB(4));
    buffer_init(&text, TRACER_DECISION_LINE_MAX);
    enum tracer_status status = TRACER_OK;
    buffer_printf(&reference, "%s:%" PRIu64, request->record.reference, line);
    decision->reference = reference.data;
    decision->decided_at = request->record.decided_at;
    if (!buffer_ok(&reference))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    else
        status = decision_body(decision, &text, err);
    struct batch_body body = {line, text.size};
    if (!status && !(buffer_add(to, &body, sizeof(body)) && buffer_add(to, text.data, text.size)))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    buffer_release(&reference);
    buffer_release(&text);
    return status;
}

/* The decision about a row; `result` NULL: it could not be asked. */
static enum tracer_status record(struct work *work, const struct question *question, const struct check_result *result, size_t index,
                                 const struct batch_answer *told)
{
    struct decision decision = {.target = question->row.target,
                                .verdict = told->verdict,
                                .rule = RULE_UNASKED,
                                .reasons = &told->texts[BATCH_REASON],
                                .reason_count = 1};
    if (!work->request->record.log)
        return TRACER_OK;
    if (result) {
        char *json = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&json, &size);
        enum tracer_status status = stream ? report_answer(stream, result, index, work->err) : no_memory(work);
        if (stream && fclose(stream) != 0 && !status)
            status = no_memory(work);
        if (!status)
            decision_of(&result->answers[index], json, size, &decision);
        free(json);
        if (status)
            return status;
    }
    decision.has_to = question->target.to != NULL;
    decision.to = question->to;
    return batch_add_decision(work->request, question->row.line, &decision, &work->decisions, work->err);
}

/* A row that failed is never clean. */
static struct batch_answer failed_answer(const char *why)
{
    struct batch_answer answer = {.verdict = VERDICT_CANNOT_TELL};
    for (int c = 0; c < BATCH_COLUMN_COUNT; c++)
        answer.texts[c] = "";
    answer.texts[BATCH_VERDICT] = verdict_name(VERDICT_CANNOT_TELL);
    answer.texts[BATCH_REASON] = why;
    return answer;
}

static enum tracer_status write_row(struct work *work, const struct batch_row *row, const struct batch_answer *answer)
{
    work->reply.rows++;
    work->reply.verdicts[answer->verdict]++;
    return batch_write_row(work->request, &work->header, row, answer, &work->output) ? TRACER_OK : no_memory(work);
}

/* ---- asking ---- */

/* Can it be asked? Else row->problem says why not. */
static enum tracer_status prepare(struct work *work, struct question *question)
{
    struct batch_row *row = &question->row;
    struct error why;
    const char *text = row->target, *column;
    if (row->problem)
        return TRACER_OK;
    if (row->to[0] && !address_parse(row->to, strlen(row->to), &question->to))
        row->problem = arena_printf(work->arena, "line %" PRIu64 ", column to: is no address", row->line);
    else if (row->to[0] && !proof_checksum_holds(row->to, strlen(row->to)))
        row->problem = arena_printf(work->arena, "line %" PRIu64 ", column to: " PROOF_CHECKSUM_WRONG, row->line);
    else if (screen_check_target(work->request->screen, text, row->chain, &column, &why))
        row->problem = arena_printf(work->arena, "line %" PRIu64 ", column %s: %s", row->line, column, why.text);
    else {
        question->target = (struct screen_target){text, row->to[0] ? &question->to : NULL};
        return TRACER_OK;
    }
    return row->problem ? TRACER_OK : no_memory(work);
}

static enum tracer_status give(struct work *work, const struct question *question, const struct check_result *result, size_t index)
{
    struct batch_answer told = failed_answer("");
    if (!tell(work, result, &result->answers[index], &told))
        return no_memory(work);
    enum tracer_status status = record(work, question, result, index, &told);
    return status ? status : write_row(work, &question->row, &told);
}

static enum tracer_status answer_one(struct work *work, struct question *question)
{
    struct check_result *result = NULL;
    struct batch_answer told = failed_answer(question->row.problem);
    struct error why;
    enum tracer_status status = question->row.problem ? TRACER_E_USAGE : screen_answer(work->request->screen, &question->target, 1, &result, &why);
    if (status == TRACER_E_NOMEM)
        return no_memory(work);
    if (!status) {
        status = give(work, question, result, 0);
        check_result_free(result);
        return status;
    }
    work->reply.failed++;
    if (!question->row.problem && !(told.texts[BATCH_REASON] = arena_text(work->arena, why.text, strlen(why.text))))
        return no_memory(work);
    status = record(work, question, NULL, 0, &told);
    return status ? status : write_row(work, &question->row, &told);
}

static enum tracer_status answer_all(struct work *work, struct question *questions, size_t count)
{
    struct screen_target targets[ASKED_AT_ONCE];
    struct check_result *result = NULL;
    struct error why;
    size_t asked = 0;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < count; i++)
        if (!questions[i].row.problem)
            targets[asked++] = questions[i].target;
    bool together = asked && !screen_answer(work->request->screen, targets, asked, &result, &why);
    asked = 0;
    for (size_t i = 0; i < count && !status; i++) {
        if (questions[i].row.problem || !together) /* one of them cannot be answered: which one? */
            status = answer_one(work, &questions[i]);
        else
            status = give(work, &questions[i], result, asked++);
    }
    if (together)
        check_result_free(result);
    return status;
}

/* Addresses, of which only the verdict is asked. */
static enum tracer_status answer_quickly(struct work *work, struct question *questions, size_t count)
{
    struct address addresses[ASKED_AT_ONCE] = {{{0}}};
    uint8_t verdicts[ASKED_AT_ONCE];
    size_t asked = 0;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < count; i++)
        if (!questions[i].row.problem && address_parse(questions[i].row.target, strlen(questions[i].row.target), &addresses[asked]))
            asked++;
    screen_verdicts(work->request->screen, addresses, asked, verdicts);
    asked = 0;
    for (size_t i = 0; i < count && !status; i++) {
        struct address address;
        if (questions[i].row.problem || !address_parse(questions[i].row.target, strlen(questions[i].row.target), &address)) {
            status = answer_one(work, &questions[i]);
            continue;
        }
        struct batch_answer told = failed_answer("");
        told.verdict = (enum verdict)verdicts[asked++];
        told.texts[BATCH_VERDICT] = verdict_name(told.verdict);
        status = write_row(work, &questions[i].row, &told);
    }
    return status;
}

/* ---- the usual file: rows without quotes whose target is an address in lower case ---- */

/* 8 digits at once, a byte each. Not 0: one of them is none in lower case. */
static uint64_t read_digits(const char *text, uint8_t to[static 4])
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    word = le64toh(word);
    uint64_t letters = word >> 6 & ones, low = word & ones * 15, values = low + letters * 9;
    uint64_t bad = word ^ (low + ones * 0x30 + letters * 0x30); /* 0x3_ or 0x6_ */
    bad |= values & ones * 16;                                  /* at most 15 */
    bad |= ((values + ones * 6) >> 4 & ones) ^ letters;         /* 10 and more are letters, and no others */
    uint64_t bytes = (values << 4 | values >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    bytes = (bytes | bytes >> 8) & UINT64_C(0x0000ffff0000ffff);
    uint32_t four = htole32((uint32_t)(bytes | bytes >> 16));
    memcpy(to, &four, sizeof(four));
    return bad;
}

/* 42 characters. */
static bool read_plain(const char *text, struct address *ret_address)
{
    uint64_t bad = 0;
    for (size_t i = 0; i < sizeof(ret_address->bytes); i += 4)
        bad |= read_digits(text + 2 + 2 * i, ret_address->bytes + i);
    return !bad && text[0] == '0' && text[1] == 'x';
}

/* The target of a row without quotes; NULL: it has another number of columns, says more than a target, or the
 * target is not 42 characters. */
static const char *find_target(const struct batch_header *header, const char *line, size_t size)
{
    size_t column = 0;
    const char *target = NULL;
    for (const char *at = line, *end = line + size;; at++, column++) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
        if (column == header->target)
            target = stop - at == 42 ? at : NULL;
        else if ((column == header->chain || column == header->to) && stop > at)
            return NULL;
        if (!comma)
            return column + 1 == header->column_count ? target : NULL;
        at = comma;
    }
}

struct plain_row {
    const char *text;
    size_t size; /* without the line end */
};

/* Where the next row begins; NULL: this one is not of that kind, or does not end. */
static const char *take_plain(const struct batch_header *header, const char *at, const char *end,
                              struct plain_row *ret_row, struct address *ret_address)
{
    bool only = header->column_count == 1 && end - at > 42 && at[42] == '\n'; /* nothing but the target */
    const char *stop = only ? at + 42 : memchr(at, '\n', (size_t)(end - at)), *target = at;
    if (!stop)
        return NULL;
    size_t size = (size_t)(stop - at);
    if (!only) {
        size -= size && stop[-1] == '\r';
        target = size > TRACER_CSV_LINE_MAX || memchr(at, '\r', size) ? NULL : find_target(header, at, size);
    }
    *ret_row = (struct plain_row){at, size};
    return target && read_plain(target, ret_address) ? stop + 1 : NULL;
}

#define PLAIN_END 16u
static const struct {
    size_t size;
    char text[PLAIN_END];
} plain_ends[BATCH_VERDICTS] = {[VERDICT_CLEAN] = {7, ",clean\n"},
                                [VERDICT_CANNOT_TELL] = {13, ",cannot_tell\n"},
                                [VERDICT_EXPOSED] = {9, ",exposed\n"}};

#define PLAIN_AT_ONCE 512u

/* Rows from `at` on, as long as they are of that kind; where it ended. */
static enum tracer_status answer_plain(struct work *work, const char **at, const char *end, uint64_t *line)
{
    static struct address addresses[PLAIN_AT_ONCE];
    static uint8_t verdicts[PLAIN_AT_ONCE];
    static struct plain_row rows[PLAIN_AT_ONCE];
    for (bool more = true; more;) {
        size_t count = 0;
        const char *next = *at, *behind = next;
        while (count < PLAIN_AT_ONCE && next < end &&
               (behind = take_plain(&work->header, next, end, &rows[count], &addresses[count]))) {
            next = behind;
            count++;
        }
        more = count == PLAIN_AT_ONCE;
        screen_verdicts(work->request->screen, addresses, count, verdicts);
        size_t most = (size_t)(next - *at) + count * PLAIN_END + BATCH_SLACK;
        bool in_slot = work->output.size == 0 && most <= sizeof(work->slot->output) - work->slot_size;
        char *to = in_slot ? work->slot->output + work->slot_size : buffer_reserve(&work->output, most);
        if (!to)
            return no_memory(work);
        for (size_t i = 0; i < count; i++) {
            if (rows[i].size <= BATCH_SLACK)
                memcpy(to, rows[i].text,
                       BATCH_SLACK); /* of one size, and so quick; what is too much is written over */
            else
                memcpy(to, rows[i].text, rows[i].size);
            to += rows[i].size;
            memcpy(to, plain_ends[verdicts[i]].text, PLAIN_END);
            to += plain_ends[verdicts[i]].size;
            work->reply.verdicts[verdicts[i]]++;
        }
        if (in_slot)
            work->slot_size = (size_t)(to - work->slot->output);
        else
            work->output.size = (size_t)(to - work->output.data);
        work->reply.rows += count;
        *line += count;
        *at = next;
    }
    return TRACER_OK;
}

/* ---- pieces ---- */

/* Rows that were written behind the slot, into it if they fit: what the slot holds comes before them. */
static void fill_slot(struct work *work)
{
    if (!work->output.size || work->output.size > sizeof(work->slot->output) - work->slot_size)
        return;
    memcpy(work->slot->output + work->slot_size, work->output.data, work->output.size);
    work->slot_size += work->output.size;
    buffer_clear(&work->output);
}

static enum tracer_status answer_overlong(struct work *work, const struct batch_job *job)
{
    struct question question = {.row = {.line = job->line, .raw = {(const uint8_t *)"", 0}}};
    question.row.problem = batch_overlong(work->arena, job->line);
    return question.row.problem ? answer_one(work, &question) : no_memory(work);
}

static enum tracer_status answer_piece(struct work *work, const struct batch_job *job)
{
    struct question *questions = malloc(ASKED_AT_ONCE * sizeof(*questions));
    enum tracer_status status = questions ? TRACER_OK : no_memory(work);
    const char *at = work->slot->input, *end = at + job->size;
    uint64_t line = job->line;
    bool plain =
        work->quick && work->request->input_format == BATCH_CSV &&
        work->request->output_format == BATCH_CSV &&
        (work->header.column_count == 1 || (!memchr(at, '"', job->size) && !memchr(at, '\0', job->size)));
    while (at < end && !status) {
        size_t count = 0;
        if (plain && ((status = answer_plain(work, &at, end, &line)) || at == end))
            break;
        for (; count < (plain ? 1u : ASKED_AT_ONCE) && at < end && !status; count++) {
            size_t size;
            bool broken;
            batch_cut(work->request->input_format, at, (size_t)(end - at), true, &size, &broken);
            questions[count] = (struct question){.row.raw = {NULL, 0}};
            status = batch_read_row(work->request->input_format, &work->request->columns, &work->header, (struct bytes){(const uint8_t *)at, size},
                                    line, broken, work->arena, &questions[count].row, work->err);
            if (!status)
                status = prepare(work, &questions[count]);
            line += batch_lines(at, size);
            at += size;
        }
        if (!status)
            status = (work->quick ? answer_quickly : answer_all)(work, questions, count);
        arena_reset(work->arena, work->mark);
        fill_slot(work);
    }
    free(questions);
    return status;
}

bool batch_send(int to, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = write(to, (const char *)data + done, size - done);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        done += (size_t)sent;
    }
    return true;
}

bool batch_receive(int from, void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(from, (char *)to + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

enum tracer_status batch_load_header(const struct batch_request *request, int input, struct arena *arena, struct batch_header *ret_header,
                                     struct error *err)
{
    *ret_header = (struct batch_header){.target = BATCH_NONE};
    if (request->input_format != BATCH_CSV)
        return TRACER_OK;
    char *data = malloc(TRACER_CSV_LINE_MAX);
    ssize_t got = data ? pread(input, data, TRACER_CSV_LINE_MAX, 0) : -1;
    size_t size = 0;
    bool broken = true;
    enum tracer_status status = TRACER_OK;
    if (got < 0)
        status = error_set(err, data ? TRACER_E_IO : TRACER_E_NOMEM, "%s: %s", request->input, data ? strerror(errno) : "no memory");
    else if (!batch_cut(BATCH_CSV, data, (size_t)got, got < (ssize_t)TRACER_CSV_LINE_MAX, &size, &broken) || broken || !size)
        status = error_set(err, TRACER_E_USAGE, "%s:1: %s", request->input, size ? "the line does not end" : "the file is empty");
    else
        status = batch_read_header(request->input, data, size, &request->columns, arena, ret_header, err);
    free(data);
    for (size_t i = 0; i < ret_header->column_count && !status && request->output_format == BATCH_JSONL; i++)
        for (size_t k = 0; k < i && !status; k++)
            if (strcmp(ret_header->names[i], ret_header->names[k]) == 0) {
                char shown[TRACER_QUOTED_MAX];
                status = error_set(err, TRACER_E_USAGE, "%s:1: the column \"%s\" stands there twice, which JSON does not allow: write CSV, or rename one", request->input,
                                   safe_text(shown, sizeof(shown), ret_header->names[i], strlen(ret_header->names[i])));
            }
    return status;
}

static enum tracer_status work_on(struct work *work, int jobs)
{
    struct batch_job job;
    enum tracer_status status = TRACER_OK;
    while (!status && batch_receive(jobs, &job, sizeof(job))) {
        memset(&work->reply, 0, sizeof(work->reply));
        work->slot = &work->slots[job.slot];
        work->slot_size = 0;
        buffer_clear(&work->output);
        buffer_clear(&work->decisions);
        status = (job.overlong ? answer_overlong : answer_piece)(work, &job);
        if (!status) /* now, so that no row of it is of other blocks */
            status = screen_check_store(work->request->screen, work->err);
        if (status)
            work->reply.failure = *work->err;
        work->reply.slot_size = status ? 0 : work->slot_size;
        work->reply.size = status ? 0 : work->output.size;
        work->reply.decisions_size = status ? 0 : work->decisions.size;
        if (!batch_send(work->replies, &work->reply, sizeof(work->reply)) || !batch_send(work->replies, work->output.data, work->reply.size) ||
            !batch_send(work->replies, work->decisions.data, work->reply.decisions_size))
            break; /* the parent is gone */
    }
    return status;
}

bool batch_is_quick(const struct batch_request *request)
{
    return request->output_format != BATCH_ALERTS && request->columns.count == 1 && request->columns.items[0] == BATCH_VERDICT && !request->record.log && !request->has_rules;
}

enum tracer_status batch_work(const struct batch_request *request, const struct batch_ends *ends,
                              struct error *err)
{
    struct work work = {.request = request,
                        .replies = ends->replies,
                        .slots = ends->shared,
                        .arena = arena_new(TRACER_MEMORY_MAX),
                        .err = err};
    enum tracer_status status = work.arena ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    int input = open(request->input, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    buffer_init(&work.output, TRACER_GIB(1));
    buffer_init(&work.decisions, TRACER_GIB(1));
    work.quick = batch_is_quick(request);
    if (!status && input < 0)
        status = error_set(err, TRACER_E_IO, "%s: %s", request->input, strerror(errno));
    if (!status)
        status = batch_load_header(request, input, work.arena, &work.header, err);
    if (!status) {
        work.mark = arena_mark(work.arena);
        status = work_on(&work, ends->jobs);
    }
    if (input >= 0)
        close(input);
    buffer_release(&work.output);
    buffer_release(&work.decisions);
    arena_free(work.arena);
    return status;
}
