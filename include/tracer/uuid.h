/* uuid.h - ids that follow from names (RFC 4122, version 5: SHA-1), through Nettle. */
#ifndef TRACER_UUID_H
#define TRACER_UUID_H

#include <stdint.h>

#define UUID_TEXT_SIZE 37 /* 36 characters and NUL */

struct uuid {
    uint8_t bytes[16];
};

struct uuid uuid_v5(struct uuid name_space, const char *name);
void uuid_format(struct uuid uuid, char to[static UUID_TEXT_SIZE]); /* lower case */

#endif
