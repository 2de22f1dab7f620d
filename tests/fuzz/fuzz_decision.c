/* fuzz_decision.c - a foreign log of decisions: read whole, and each record of it; whatever it holds, it is read or refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/decision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a record says, it is read or refused; what is read does not differ from itself, and can be written. */
static enum tracer_status visit(void *context, const struct decision_record *record, struct error *err)
{
    struct arena *arena = context;
    struct decision_context asked;
    struct decision decision;
    struct buffer again;
    enum tracer_status status = TRACER_OK;
    buffer_init(&again, TRACER_MIB(4));
    if (record->kind == DECISION_CONTEXT && decision_read_context(record, arena, &asked, err) == TRACER_OK)
        decision_differences(&asked, &asked, &again);
    if (again.size)
        abort();
    if (record->kind == DECISION_DECISION && decision_read(record, arena, &decision, err) == TRACER_OK)
        status = decision_body(&decision, &again, err);
    if (status != TRACER_OK && status != TRACER_E_NOMEM)
        abort();
    buffer_release(&again);
    return TRACER_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/fuzz-decision-XXXXXX";
    struct decision_place head;
    struct error err;
    struct arena *arena = arena_new(TRACER_MIB(64));
    int file = mkstemp(path);
    if (!arena || file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    enum tracer_status status = decision_each(path, NULL, NULL, visit, arena, &head, &err);
    if (status != TRACER_OK && status != TRACER_E_VERIFY && status != TRACER_E_NOMEM)
        abort();
    for (size_t i = 0; i < size; i++) { /* each line as a record: a changed one is in no chain */
        const char *line = (const char *)data + i, *newline = memchr(line, '\n', size - i);
        struct decision_record record = {.kind = DECISION_CONTEXT, .line = line, .size = newline ? (size_t)(newline - line) : size - i};
        (void)visit(arena, &record, &err);
        record.kind = DECISION_DECISION;
        (void)visit(arena, &record, &err);
        i += record.size;
    }
    close(file);
    unlink(path);
    arena_free(arena);
    return 0;
}
