/* name.c - names of sources. */
#include "tracer/label.h"

static bool is_source_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

void label_source_name(const char *prefix, const char *text, char to[static TRACER_SOURCE_NAME_MAX + 1])
{
    size_t at = 0;
    bool gap = false; /* foreign characters were left out */
    for (; *prefix && at < TRACER_SOURCE_NAME_MAX; prefix++)
        to[at++] = *prefix;
    size_t start = at;
    for (; *text && at < TRACER_SOURCE_NAME_MAX; text++) {
        if (!is_source_character(*text)) {
            gap = at > start;
            continue;
        }
        if (gap && at + 1 < TRACER_SOURCE_NAME_MAX)
            to[at++] = '-';
        gap = false;
        to[at++] = *text;
    }
    to[at] = '\0';
}
