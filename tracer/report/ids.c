/* ids.c - see ids.h. */
#include "ids.h"
#include "tracer/clock.h"
#include "tracer/digest.h"

#include <stdlib.h>

#define MOMENT_MAX UINT64_C(253402300799)

/* Of ids of tracer: a random one, never to be changed. */
static const struct uuid name_space = {
    {0x4a, 0x0a, 0xb2, 0x0d, 0xf4, 0x85, 0x4b, 0x14, 0xba, 0xbd, 0x9a, 0xe8, 0xed, 0x75, 0xdd, 0xbe}};

enum tracer_status ids_make(const struct trace_result *result, struct ids *ret_ids, struct error *err)
{
    struct ids ids;
    char *json = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&json, &size);
    if (!stream)
        return error_set(err, TRACER_E_NOMEM, "no memory for the digest of the result");
    enum tracer_status status = json_trace(stream, result, NULL, err);
    if (fclose(stream) != 0 && !status)
        status = error_set(err, TRACER_E_NOMEM, "no memory for the digest of the result");
    if (!status) {
        digest_format(digest_bytes(json, size), ids.sha256);
        ids.result = uuid_v5(name_space, ids.sha256);
        *ret_ids = ids;
    }
    free(json);
    return status;
}

void ids_text(const struct ids *ids, const char *prefix, const char *name, char to[static ID_TEXT_SIZE])
{
    char text[UUID_TEXT_SIZE];
    uuid_format(uuid_v5(ids->result, name), text);
    snprintf(to, ID_TEXT_SIZE, "%s%s", prefix, text);
}

uint64_t ids_moment(const struct trace_result *result, uint64_t time)
{
    uint64_t moment = time ? time : result->head.last_time;
    return moment > MOMENT_MAX ? MOMENT_MAX : moment;
}

void moment_text(uint64_t moment, char to[static MOMENT_TEXT_SIZE])
{
    char text[32];
    clock_format_utc(moment, text);
    snprintf(to, MOMENT_TEXT_SIZE, "%.10sT%.8s.000Z", text, text + 11);
}

void moment_date(uint64_t moment, char to[static MOMENT_TEXT_SIZE])
{
    char text[32];
    clock_format_utc(moment, text);
    snprintf(to, MOMENT_TEXT_SIZE, "%.10s", text);
}
