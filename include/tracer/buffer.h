/* buffer.h - a growing byte string that cannot be made without its ceiling.
 *
 * After the first failure a buffer stays failed (and empty) until buffer_release(), so a writer may add
 * many pieces and check once at the end with buffer_ok().
 */
#ifndef TRACER_BUFFER_H
#define TRACER_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *data; /* owned; NUL-terminated when size > 0 or after any add */
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed;
};

void buffer_init(struct buffer *buffer, size_t size_max);
void buffer_release(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* empties it, keeps the memory; does not clear a failure */

/* Each returns false when the ceiling or memory ended; the buffer is then failed. */
bool buffer_add(struct buffer *buffer, const void *data, size_t size);
bool buffer_text(struct buffer *buffer, const char *text);
bool buffer_char(struct buffer *buffer, char c);
bool buffer_u64(struct buffer *buffer, uint64_t value); /* decimal */
bool buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Room for `size` more bytes at the end; the caller writes them and adds to ->size. NULL on failure. */
char *buffer_reserve(struct buffer *buffer, size_t size);
bool buffer_ok(const struct buffer *buffer);

#endif
