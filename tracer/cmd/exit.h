/* exit.h - the exit codes, in one place (architecture 7). When several apply the first of this order wins:
 * internal, store, endpoints, usage, some failed, cannot tell, exposed, done. */
#ifndef TRACER_CMD_EXIT_H
#define TRACER_CMD_EXIT_H

#include "tracer/error.h"

enum exit_code {
    EXIT_DONE = 0, /* and for check: every answer is clean */
    EXIT_USAGE = 2,
    EXIT_ENDPOINTS = 3,
    EXIT_STORE = 4, /* the store, or a file or disk */
    EXIT_VERIFICATION = 5,
    EXIT_EXPOSED = 10,
    EXIT_CANNOT_TELL = 11,
    EXIT_SOME_FAILED = 12,
    EXIT_INTERNAL = 70,
};

int exit_for(enum tracer_status status);

#endif
