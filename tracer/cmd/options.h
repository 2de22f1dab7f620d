/* options.h - the command line: one table of options says which commands take which (architecture 7). */
#ifndef TRACER_CMD_OPTIONS_H
#define TRACER_CMD_OPTIONS_H

#include "tracer/chain.h"
#include "tracer/input.h"
#include "tracer/report.h"

#define OPTION_UNSET UINT64_MAX
#define OPTIONS_LIST_MAX TRACER_ENDPOINTS_MAX

enum progress_mode { PROGRESS_AUTO, PROGRESS_NONE, PROGRESS_JSON };

struct options {
    const char *store, *config, *chain, *policy, *format, *output;
    const char *rpc[OPTIONS_LIST_MAX];
    size_t rpc_count;
    const char *explorer[OPTIONS_LIST_MAX];
    size_t explorer_count;
    const char *labels[OPTIONS_LIST_MAX];
    size_t labels_count;
    const char *source[OPTIONS_LIST_MAX];
    size_t source_count;
    const char *assets, *seeds, *explored, *transfers, *out, *key, *record, *replay, *name, *coverage, *prices, *comments, *date, *as_of, *decisions, *head, *reference, *decided_at;
    struct taint_options taint;
    bool has_from, has_to_block, has_since, has_to_address;
    uint64_t from, to_block, since;
    struct address to_address;
    enum chain_finality finality;
    uint64_t finality_depth;
    bool all_policies; /* --policy all: trace and demo only */
    bool keep_raw, keep_flagged;
    const char *evidence;
    bool allow_local, quiet, verbose, follow, keep_taint, opening, anchor, no_traces, refetch, no_builtin_labels, force;
    enum report_view view;
    enum report_table table;
    enum progress_mode progress;
    uint64_t in_flight;
    uint64_t max_accounts, max_hops, max_degree, max_requests, max_seconds, max_scan, list_age_max;
    bool resume, restart;
    const char *rules;
    bool funds;
    const char *columns, *input_format, *output_format; /* batch */
    uint64_t workers;                                   /* 0: one a processor */
    uint64_t checkpoint;
    struct u256 min_score;
    const char **arguments; /* what is no option; of argv */
    size_t argument_count;
};

struct command {
    const char *name;
    int (*run)(const struct options *options);
    const char *arguments; /* for the usage line */
    const char *summary;
    const char *details; /* paragraphs for `help COMMAND` */
    const char *takes;   /* names of the options, separated by blanks */
    size_t arguments_min, arguments_max;
};

/** The command called `name`, NULL if there is none; the table ends with a NULL name. */
extern const struct command commands[];
const struct command *command_find(const char *name);

/** Read argv[1..] behind the command's name. Prints nothing. */
enum tracer_status options_parse(const struct command *command, int argc, char **argv,
                                 struct options *ret_options, struct error *err);
void options_print_usage(FILE *stream, const struct command *command);

#endif
