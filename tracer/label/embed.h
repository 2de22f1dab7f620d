/* embed.h - the files of fixtures/ that are built into the program. */
#ifndef TRACER_LABEL_EMBED_H
#define TRACER_LABEL_EMBED_H

#include "tracer/digest.h"

enum embedded {
    EMBEDDED_HEISTS,
    EMBEDDED_HEIST_ADDRESSES,
    EMBEDDED_CASE_ADDRESSES,
    EMBEDDED_SANCTIONED,
    EMBEDDED_SERVICES,
    EMBEDDED_ASSETS,
    EMBEDDED_COUNT
};
struct embedded_file {
    const char *name; /* "registry/heists.tsv" */
    const void *data;
    size_t size;
    struct digest digest; /* computed when the program was built */
};
struct embedded_file embedded_file(enum embedded which);

#endif
