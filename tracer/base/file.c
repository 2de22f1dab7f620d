/* file.c - see tracer/file.h. */
#include "tracer/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to size_max bytes; more is an error unless only the head is wanted. */
static enum tracer_status read_bytes(const char *path, size_t size_max, bool head, struct buffer *ret_bytes, struct error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make us wait */
    struct stat info;
    if (file < 0)
        return error_set(err, TRACER_E_USAGE, "%s: %s", path, strerror(errno));
    enum tracer_status status = TRACER_OK;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode))
        status = error_set(err, TRACER_E_USAGE, "%s: not a regular file", path);
    else if (!head && (info.st_size < 0 || (uint64_t)info.st_size > size_max))
        status = error_set(err, TRACER_E_LIMIT, "%s: larger than the ceiling of %zu bytes", path, size_max);
    while (!status && !(head && ret_bytes->size == size_max)) {
        char block[65536];
        size_t room = head && size_max - ret_bytes->size < sizeof(block) ? size_max - ret_bytes->size : sizeof(block);
        ssize_t got = read(file, block, room);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = error_set(err, TRACER_E_IO, "%s: %s", path, strerror(errno));
        else if (ret_bytes->size + (size_t)got > size_max)
            status =
                error_set(err, TRACER_E_LIMIT, "%s: larger than the ceiling of %zu bytes", path, size_max);
        else if (!buffer_add(ret_bytes, block, (size_t)got))
            status = error_set(err, TRACER_E_NOMEM, "%s: no memory", path);
    }
    close(file);
    return status;
}

enum tracer_status file_read(const char *path, size_t size_max, struct buffer *ret_bytes, struct error *err)
{
    return read_bytes(path, size_max, false, ret_bytes, err);
}

enum tracer_status file_head(const char *path, size_t size_max, struct buffer *ret_bytes, struct error *err)
{
    return read_bytes(path, size_max, true, ret_bytes, err);
}

/* `alone`: of the caller's alone, so what a kill left of the last one is written over. */
static enum tracer_status open_beside(const char *path, bool alone, struct output *ret_output, struct error *err)
{
    *ret_output = (struct output){0};
    if (!path || strcmp(path, "-") == 0) {
        ret_output->stream = stdout;
        return TRACER_OK;
    }
    struct stat info; /* of a link itself: the rename would replace the link, not what it names */
    if (lstat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return error_set(err, TRACER_E_USAGE, "%s: exists and is not a regular file", path);
    size_t size = strlen(path) + 16;
    char *target = strdup(path), *temporary = malloc(size);
    if (!target || !temporary) {
        free(target);
        free(temporary);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    snprintf(temporary, size, "%s%s", path, alone ? OUTPUT_ALONE : ".XXXXXX");
    int file = alone ? open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) : mkostemp(temporary, O_CLOEXEC); /* O_EXCL, mode 0600 */
    FILE *stream = file < 0 ? NULL : fdopen(file, "w");
    if (!stream) {
        enum tracer_status status = error_set(err, TRACER_E_IO, "%s: %s", path, strerror(errno));
        if (file >= 0) {
            close(file);
            unlink(temporary);
        }
        free(target);
        free(temporary);
        return status;
    }
    *ret_output = (struct output){stream, target, temporary};
    return TRACER_OK;
}

enum tracer_status output_open(const char *path, struct output *ret_output, struct error *err)
{
    return open_beside(path, false, ret_output, err);
}

enum tracer_status output_open_alone(const char *path, struct output *ret_output, struct error *err)
{
    return open_beside(path, true, ret_output, err);
}

void file_sync_folder(const char *path)
{
    char *copy = strdup(path), *slash = copy ? strrchr(copy, '/') : NULL;
    if (slash)
        slash[slash == copy ? 1 : 0] = 0;
    int directory = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        fsync(directory); /* some file systems cannot; the rename is whole all the same */
        close(directory);
    }
    free(copy);
}

enum tracer_status output_commit(struct output *output, struct error *err)
{
    if (!output->path) {
        if (fflush(output->stream) != 0 || ferror(output->stream))
            return error_set(err, TRACER_E_IO, "standard output could not be written: %s", strerror(errno));
        return TRACER_OK;
    }
    bool written =
        !ferror(output->stream) && fflush(output->stream) == 0 && fsync(fileno(output->stream)) == 0;
    int problem = errno;
    bool closed = fclose(output->stream) == 0;
    output->stream = NULL;
    if (!written || !closed || rename(output->temporary, output->path) != 0) {
        enum tracer_status status = error_set(err, TRACER_E_IO, "%s could not be written: %s", output->path,
                                              strerror(written ? errno : problem));
        output_abort(output);
        return status;
    }
    file_sync_folder(output->path);
    free(output->temporary);
    output->temporary = NULL;
    output_abort(output);
    return TRACER_OK;
}

void output_abort(struct output *output)
{
    if (output->path && output->stream)
        fclose(output->stream);
    if (output->temporary)
        unlink(output->temporary);
    free(output->temporary);
    free(output->path);
    *output = (struct output){0};
}
