/* plain.c - address lists: one address a line, comments behind '#'. */
#include "list.h"

#include <inttypes.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

enum tracer_status plain_read(struct list_writer *writer, const char *data, size_t size)
{
    enum tracer_status status = TRACER_OK;
    uint64_t number = 0;
    for (size_t at = 0, next; at < size && !status; at = next) {
        const char *newline = memchr(data + at, '\n', size - at), *comment;
        size_t end = newline ? (size_t)(newline - data) : size;
        next = end + 1;
        number++;
        if ((comment = memchr(data + at, '#', end - at)))
            end = (size_t)(comment - data);
        while (at < end && is_blank(data[at]))
            at++;
        while (end > at && is_blank(data[end - 1]))
            end--;
        if (at == end)
            continue;
        struct label claim = {.category = "listed", .origin = writer->file, .confidence = CONFIDENCE_MEDIUM};
        if (address_parse(data + at, end - at, &claim.address)) {
            claim.name = writer->file;
            status = list_put(writer, &claim);
        } else {
            char shown[TRACER_QUOTED_MAX + 1];
            status = error_set(writer->err, TRACER_E_USAGE,
                               "%s:%" PRIu64 ": '%s' is not an address (0x and 40 hexadecimal digits)",
                               writer->file, number, safe_text(shown, sizeof(shown), data + at, end - at));
        }
    }
    return status;
}
