/* buffer.c - see tracer/buffer.h. */
#include "tracer/buffer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *buffer, size_t size_max)
{
    *buffer = (struct buffer){.size_max = size_max};
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->size_max);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    if (buffer->data)
        buffer->data[0] = 0;
}

static bool fail(struct buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
    buffer->failed = true;
    return false;
}

char *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->failed)
        return NULL;
    if (size > buffer->size_max - buffer->size) {
        fail(buffer);
        return NULL;
    }
    size_t need = buffer->size + size + 1; /* and a NUL */
    if (need > buffer->capacity) {
        size_t larger = buffer->capacity ? buffer->capacity : 64;
        while (larger < need)
            larger = larger > SIZE_MAX / 2 ? need : larger * 2;
        char *data = realloc(buffer->data, larger);
        if (!data) {
            fail(buffer);
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = larger;
    }
    buffer->data[buffer->size + size] = 0;
    return buffer->data + buffer->size;
}

bool buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    char *at = buffer_reserve(buffer, size);
    if (!at)
        return false;
    if (size)
        memcpy(at, data, size);
    buffer->size += size;
    return true;
}

bool buffer_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

bool buffer_char(struct buffer *buffer, char c)
{
    return buffer_add(buffer, &c, 1);
}

bool buffer_u64(struct buffer *buffer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    return buffer_add(buffer, digits + at, sizeof(digits) - at);
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *at = length < 0 ? NULL : buffer_reserve(buffer, (size_t)length);
    if (at) {
        vsnprintf(at, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
    return at != NULL;
}

bool buffer_ok(const struct buffer *buffer)
{
    return !buffer->failed;
}
