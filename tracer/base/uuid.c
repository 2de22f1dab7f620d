/* uuid.c - see tracer/uuid.h. */
#include "tracer/uuid.h"

#include <nettle/sha1.h>
#include <string.h>

struct uuid uuid_v5(struct uuid name_space, const char *name)
{
    struct sha1_ctx context;
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct uuid uuid;
    sha1_init(&context);
    sha1_update(&context, sizeof(name_space.bytes), name_space.bytes);
    sha1_update(&context, strlen(name), (const uint8_t *)name);
    sha1_digest(&context, sizeof(digest), digest);
    memcpy(uuid.bytes, digest, sizeof(uuid.bytes));
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x50);
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

void uuid_format(struct uuid uuid, char to[static UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < sizeof(uuid.bytes); i++) {
        *to++ = digits[uuid.bytes[i] >> 4];
        *to++ = digits[uuid.bytes[i] & 15];
        if (i == 3 || i == 5 || i == 7 || i == 9)
            *to++ = '-';
    }
    *to = '\0';
}
