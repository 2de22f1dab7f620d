/* batch.h - the pipeline behind `batch`: the question of `check` for every row of a file (docs/batch.md).
 *
 * A parent cuts the input into pieces of whole rows and writes what workers answer, in the order of the input; workers are
 * processes of their own, so that a damaged store that raises a signal costs rows, which become cannot_tell, not the run. What is
 * done is noted beside the output: a run that was killed goes on there, and ends with the bytes of one that was not.
 */
#ifndef TRACER_BATCH_H
#define TRACER_BATCH_H

#include <sys/types.h>

#include "tracer/decision.h"
#include "tracer/screen.h"

enum batch_format { BATCH_CSV, BATCH_JSONL, BATCH_ALERTS /* output: an object for each row that is not clean */, BATCH_FORMAT_COUNT };
bool batch_format_parse(const char *text, enum batch_format *ret_format); /* "csv", "jsonl", "alerts" */

enum batch_column {
    BATCH_VERDICT,
    BATCH_REASON,
    BATCH_ASSET,
    BATCH_AMOUNT,
    BATCH_TAINTED,
    BATCH_UNKNOWN,
    BATCH_PPM_MIN,
    BATCH_PPM_MAX,
    BATCH_SOURCE,
    BATCH_HOP,
    BATCH_KEY,
    BATCH_DEFAULT_COUNT, /* the columns until here are the default */
    BATCH_RULE = BATCH_DEFAULT_COUNT,
    BATCH_AS_OF_BLOCK,
    BATCH_PROVISIONAL,
    BATCH_COLUMN_COUNT
};
const char *batch_column_name(enum batch_column column);
struct batch_columns {
    enum batch_column items[BATCH_COLUMN_COUNT];
    size_t count;
};
/** "verdict,reason,..."; NULL: the default. TRACER_E_USAGE: unknown or doubled. */
TRACER_MUST_USE enum tracer_status batch_columns_parse(const char *text, struct batch_columns *ret_columns, struct error *err);

#define BATCH_VERDICTS 3u
struct batch_stats {
    uint64_t rows, verdicts[BATCH_VERDICTS]; /* by enum verdict */
    uint64_t failed;                         /* rows that could not be read or asked: they are cannot_tell, too */
    uint64_t lost;                           /* of these: their worker ended */
    uint64_t resumed;                        /* rows that an earlier run had done */
    struct decision_place head;              /* of the log of decisions; number 0: none is kept */
    bool moved;                              /* it failed because blocks that answers depend on became others: begin anew */
};

/* One decision a row, on the disk before the row is in the output. Its reference is "REFERENCE:LINE"; by it, a run that goes on
 * sees what was appended already. */
struct batch_record {
    const char *log;              /* NULL: none are kept */
    const struct buffer *context; /* decision_context_body() */
    const char *reference, *decided_at; /* decided_at: NULL none */
};

/* The worker's ends of what joins it to its parent. */
struct batch_ends {
    int jobs, replies;
    void *shared; /* memory of both; it is there after fork() */
};

struct batch_request {     /* all borrowed */
    struct screen *screen; /* without a store: screen_set_store() */
    const char *input, *output;
    enum batch_format input_format, output_format;
    struct batch_columns columns;
    struct batch_record record;
    uint32_t workers;
    uint64_t checkpoint_bytes; /* of the output, between two notes of what is done */
    bool has_rules; /* other than the default */
    bool restart; /* throw away what an earlier run has done */
    volatile const int *stop;
    /** Start a process that calls batch_work() with these and ends; -1: none could be started. `others` are
     * descriptors of other workers, to be closed in it. */
    pid_t (*start)(void *context, const struct batch_ends *ends, const int *others, size_t other_count);
    void *start_context;
    void (*progress)(void *context, uint64_t bytes_done, uint64_t bytes);
    void *progress_context;
};

/** @retval TRACER_E_USAGE     the input has no column `target`, is no regular file, or is the output
 *  @retval TRACER_E_CONFLICT  an earlier run of another input, other options or another state of the store stopped half way
 *  @retval TRACER_E_STOPPED   the next run goes on */
TRACER_MUST_USE enum tracer_status batch_run(const struct batch_request *request, struct batch_stats *ret_stats, struct error *err);
/** Only verdicts are asked for, by the default rules, and not recorded: load them (screen_load_verdicts()) before batch_run(). */
bool batch_is_quick(const struct batch_request *request);
/** In a worker, whose screen has a store of its own: answer until `ends->jobs` ends. */
TRACER_MUST_USE enum tracer_status batch_work(const struct batch_request *request,
                                              const struct batch_ends *ends, struct error *err);

#endif
