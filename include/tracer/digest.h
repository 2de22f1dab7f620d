/* digest.h - SHA-256 of inputs and outputs (FIPS 180-4), through Nettle. */
#ifndef TRACER_DIGEST_H
#define TRACER_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "tracer/error.h"

struct digest {
    uint8_t bytes[32];
};

struct digest digest_bytes(const void *data, size_t size);
/** Of a regular file's bytes. */
TRACER_MUST_USE enum tracer_status digest_file(const char *path, struct digest *ret_digest,
                                               struct error *err);
void digest_format(struct digest digest, char to[static 65]);

#endif
