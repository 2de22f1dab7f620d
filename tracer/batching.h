/* batching.h - inside of batch: batch.c is the parent, batch_work.c a worker, batch_rows.c where rows begin and end. */
#ifndef TRACER_BATCHING_H
#define TRACER_BATCHING_H

#include "tracer/batch.h"
#include "tracer/buffer.h"

#define BATCH_PIECE TRACER_KIB(512) /* of the input, at least a line of TRACER_CSV_LINE_MAX */
#define BATCH_SLACK 64u             /* bytes behind rows that may be read, or written, and mean nothing */
#define BATCH_JOBS 2u               /* pieces that a worker has at once */

/* Where a piece lies while a worker has it, in memory that it shares with the parent: bulk goes through no
 * pipe. */
struct batch_slot {
    char input[BATCH_PIECE + BATCH_SLACK];
    char output[2 * BATCH_PIECE]; /* what fits */
};

/* A piece of whole rows, in the slot. */
struct batch_job {
    uint64_t offset, size, line; /* number of its first line, from 1 */
    uint64_t overlong;           /* not 0: one row that is longer than may be read */
    uint64_t slot;               /* below BATCH_JOBS */
};
struct batch_reply {
    uint64_t slot_size;      /* of the text in the slot */
    uint64_t size;           /* of the text behind it, which follows the reply */
    uint64_t decisions_size; /* of the struct batch_body behind it, each with its text */
    uint64_t rows, verdicts[BATCH_VERDICTS], failed;
    struct error failure; /* status not TRACER_OK: of the worker as a whole */
};

struct batch_body { /* of a decision */
    uint64_t line, size;
};

/* batch_rows.c */
/* The header of a CSV; where the columns of rows stand. */
#define BATCH_NONE SIZE_MAX
struct batch_header {
    size_t target, chain, to; /* BATCH_NONE: there is none */
    size_t column_count;
    uint64_t size; /* bytes of the line */
    char **names;  /* [column_count], in the arena */
};
/** Cut the next row off `size` bytes (of which the last are the file's if `at_end`): its bytes with the line end. False: it does not
 * end here. *ret_broken: a quote that is not closed, the row is its first line. Lines in it are counted by batch_lines(). */
bool batch_cut(enum batch_format format, const char *data, size_t size, bool at_end, size_t *ret_size, bool *ret_broken);
uint64_t batch_lines(const char *data, size_t size);
TRACER_MUST_USE enum tracer_status batch_read_header(const char *name, const char *data, size_t size, const struct batch_columns *columns,
                                                     struct arena *arena, struct batch_header *ret_header, struct error *err);
/* The parts of a row that matter; texts in the arena. */
struct batch_row {
    struct bytes raw; /* without the line end */
    uint64_t line;
    const char *target, *chain, *to; /* "" absent */
    const char **fields;             /* of a CSV, [column_count]; NULL: the row cannot be read */
    const char *problem;             /* why it cannot be read or asked; NULL: it can */
};
/** What a row says that is longer than TRACER_CSV_LINE_MAX; NULL: no memory. */
const char *batch_overlong(struct arena *arena, uint64_t line);
TRACER_MUST_USE enum tracer_status batch_read_row(enum batch_format format, const struct batch_columns *columns, const struct batch_header *header,
                                                  struct bytes line_bytes, uint64_t line, bool broken, struct arena *arena, struct batch_row *ret_row, struct error *err);

/* batch_write.c */
/* What is written of an answer. */
struct batch_answer {
    enum verdict verdict;
    const char *texts[BATCH_COLUMN_COUNT]; /* "" for what does not apply */
    /* The exposure that weighs most, of all lines: sanctioned, then direct, then by the share. NULL: none. */
    const char *category, *service, *alert_amount, *alert_asset;
    bool direct;
};
bool batch_write_header(const struct batch_request *request, const struct batch_header *header, struct buffer *to);
bool batch_write_row(const struct batch_request *request, const struct batch_header *header, const struct batch_row *row,
                     const struct batch_answer *answer, struct buffer *to);

/* batch_work.c */
/** All of it; false: the other end is gone, or (a file) errno says why. */
bool batch_send(int to, const void *data, size_t size);
bool batch_receive(int from, void *to, size_t size);
/** Add the decision about the row of a line, for append_decisions(). */
TRACER_MUST_USE enum tracer_status batch_add_decision(const struct batch_request *request, uint64_t line, struct decision *decision,
                                                      struct buffer *to, struct error *err);
/** The header of the input, of a CSV; {0} of JSON lines. */
TRACER_MUST_USE enum tracer_status batch_load_header(const struct batch_request *request, int input, struct arena *arena,
                                                     struct batch_header *ret_header, struct error *err);

#endif
