/* ids.h - ids and times of what other systems keep (STIX, MISP, TagPack): they follow from the result alone.
 */
#ifndef TRACER_REPORT_IDS_H
#define TRACER_REPORT_IDS_H

#include "tracer/uuid.h"
#include "view.h"

#define ID_TEXT_SIZE 96
#define MOMENT_TEXT_SIZE 32

struct ids {
    char sha256[65];    /* of what --format json writes */
    struct uuid result; /* version 5 of this digest: the namespace of all ids of the result */
};
enum tracer_status ids_make(const struct trace_result *result, struct ids *ret_ids, struct error *err);

/** "prefix" and the id of `name` within the result. */
void ids_text(const struct ids *ids, const char *prefix, const char *name, char to[static ID_TEXT_SIZE]);

/** A block's time; where that is not known the end of the range, where that is not either 0. At most the last
 * second of 9999. */
uint64_t ids_moment(const struct trace_result *result, uint64_t time);
/** "2022-03-23T13:29:09.000Z" */
void moment_text(uint64_t moment, char to[static MOMENT_TEXT_SIZE]);
/** "2022-03-23" */
void moment_date(uint64_t moment, char to[static MOMENT_TEXT_SIZE]);

#endif
