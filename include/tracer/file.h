/* file.h - reading a whole small file, and writing one that appears whole or not at all (threat-model I6). */
#ifndef TRACER_FILE_H
#define TRACER_FILE_H

#include <stdio.h>

#include "tracer/buffer.h"
#include "tracer/error.h"

/** Read a regular file of at most `size_max` bytes; FIFOs, devices and directories are refused. */
TRACER_MUST_USE enum tracer_status file_read(const char *path, size_t size_max, struct buffer *ret_bytes,
                                             struct error *err);

/** Its first bytes, at most `size_max`. */
TRACER_MUST_USE enum tracer_status file_head(const char *path, size_t size_max, struct buffer *ret_bytes, struct error *err);

/** Make the name of a new file safe on the disk, where the file system can. */
void file_sync_folder(const char *path);

/* An output file: written to a temporary beside it (mode 0600), then fsync and rename on commit. The
 * path "-" or NULL is standard output, for which commit flushes and reports write errors. */
struct output {
    FILE *stream; /* write here */
    char *path;
    char *temporary;
};
TRACER_MUST_USE enum tracer_status output_open(const char *path, struct output *ret_output,
                                               struct error *err);
/** The same for a file that nobody else writes meanwhile: until it is committed it is `path` and OUTPUT_ALONE, so that a kill leaves no more than one of that name. */
#define OUTPUT_ALONE ".new"
TRACER_MUST_USE enum tracer_status output_open_alone(const char *path, struct output *ret_output, struct error *err);
TRACER_MUST_USE enum tracer_status output_commit(struct output *output, struct error *err);
void output_abort(struct output *output); /* after a failure, or after commit: does nothing then */

#endif
