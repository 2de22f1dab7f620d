/* digest.c - see tracer/digest.h. */
#include "tracer/digest.h"

#include "tracer/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct digest digest_bytes(const void *data, size_t size)
{
    struct digest digest;
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, size, data);
    sha256_digest(&context, sizeof(digest.bytes), digest.bytes);
    return digest;
}

enum tracer_status digest_file(const char *path, struct digest *ret_digest, struct error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        enum tracer_status status =
            error_set(err, TRACER_E_USAGE, "%s: %s", path, file < 0 ? strerror(errno) : "not a regular file");
        if (file >= 0)
            close(file);
        return status;
    }
    struct sha256_ctx context;
    sha256_init(&context);
    unsigned char block[65536];
    ssize_t got;
    while ((got = read(file, block, sizeof(block))) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            sha256_update(&context, (size_t)got, block);
    int problem = errno;
    close(file);
    if (got < 0)
        return error_set(err, TRACER_E_IO, "%s: %s", path, strerror(problem));
    sha256_digest(&context, sizeof(ret_digest->bytes), ret_digest->bytes);
    return TRACER_OK;
}

void digest_format(struct digest digest, char to[static 65])
{
    hex_encode(digest.bytes, sizeof(digest.bytes), to);
}
