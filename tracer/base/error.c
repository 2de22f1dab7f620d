/* error.c - see tracer/error.h. */
#include "tracer/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Paths and foreign words end up in messages: nothing that a terminal would obey leaves here. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

enum tracer_status error_set(struct error *err, enum tracer_status status, const char *format, ...)
{
    if (!err)
        return status;
    struct error fresh = {.status = status};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fresh.text, sizeof(fresh.text), format, arguments);
    va_end(arguments);
    make_printable(fresh.text);
    *err = fresh;
    return status;
}

void error_context(struct error *err, const char *format, ...)
{
    if (!err)
        return;
    char where[TRACER_ERROR_TEXT_MAX], whole[TRACER_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(where, sizeof(where), format, arguments);
    va_end(arguments);
    make_printable(where);
    size_t used = strlen(where), left = strlen(err->text);
    if (used > sizeof(whole) - 3)
        used = sizeof(whole) - 3;
    size_t room = sizeof(whole) - 3 - used;
    if (left > room)
        left = room;
    memcpy(whole, where, used);
    memcpy(whole + used, ": ", 2);
    memcpy(whole + used + 2, err->text, left);
    whole[used + 2 + left] = 0;
    memcpy(err->text, whole, used + 3 + left);
}

const char *tracer_status_name(enum tracer_status status)
{
    static const char *const names[TRACER_STATUS_COUNT] = {
        [TRACER_OK] = "ok",
        [TRACER_E_USAGE] = "usage",
        [TRACER_E_NOT_FOUND] = "not found",
        [TRACER_E_LIMIT] = "limit",
        [TRACER_E_NOMEM] = "no memory",
        [TRACER_E_IO] = "input or output",
        [TRACER_E_NETWORK] = "network",
        [TRACER_E_REPLY] = "reply",
        [TRACER_E_UNAVAILABLE] = "unavailable",
        [TRACER_E_CHAIN] = "chain",
        [TRACER_E_CONFLICT] = "conflict",
        [TRACER_E_FULL] = "full",
        [TRACER_E_BUSY] = "busy",
        [TRACER_E_DAMAGED] = "damaged",
        [TRACER_E_VERSION] = "version",
        [TRACER_E_VERIFY] = "verification",
        [TRACER_E_STORE] = "store",
        [TRACER_E_STOPPED] = "stopped",
        [TRACER_E_INTERNAL] = "internal",
    };
    return status < TRACER_STATUS_COUNT && names[status] ? names[status] : "unknown";
}

const char *safe_text(char *to, size_t size, const char *from, size_t length)
{
    size_t used = 0;
    for (; used < length && used + 1 < size; used++)
        to[used] = from[used] >= ' ' && from[used] <= '~' ? from[used] : '?';
    to[used] = 0;
    return to;
}
