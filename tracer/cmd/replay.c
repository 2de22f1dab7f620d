/* replay.c - the engine on files, to the byte of taint-spec 11: `replay`, `expand`, `check --transfers`. */
#include "session.h"

#include "tracer/import.h"
#include "tracer/taint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The inputs of one run, from files. */
struct files {
    struct session session;
    struct import *import;
    struct cursor cursor;
    struct taint_input input;
    struct taint *taint;
};

static enum tracer_status read_inputs(struct files *files, const struct options *options)
{
    struct error *err = &files->session.err;
    struct arena *arena = files->session.arena;
    struct taint_seed *seeds = NULL;
    struct taint_label *labels = NULL;
    struct address *explored = NULL;
    enum tracer_status status = TRACER_OK;
    if (!options->transfers)
        return error_set(err, TRACER_E_USAGE, "which transfers? name the file with --transfers FILE");
    if (!status)
        status = import_open(options->transfers, &files->import, err);
    if (!status)
        status = import_cursor(files->import, &files->cursor, err);
    if (!status && options->seeds)
        status = import_seeds((struct import_source){.path = options->seeds}, arena, &seeds,
                              &files->input.seed_count, err);
    if (!status && options->labels_count > 1)
        status = error_set(err, TRACER_E_USAGE, "--labels: one file here");
    if (!status && options->labels_count)
        status = import_labels((struct import_source){.path = options->labels[0]}, arena, &labels,
                               &files->input.label_count, err);
    if (!status && options->explored)
        status = import_explored((struct import_source){.path = options->explored}, arena, &explored,
                                 &files->input.explored_count, err);
    struct import_asset *rows = NULL;
    size_t count = 0;
    if (!status && options->assets)
        status = import_assets((struct import_source){.path = options->assets}, arena, &rows, &count, err);
    struct taint_asset *assets = status ? NULL : arena_calloc(arena, count + 1, sizeof(*assets));
    if (!status && !assets)
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < count && !status; i++)
        assets[i] = rows[i].asset;
    files->input.options = options->taint;
    files->input.seeds = seeds;
    files->input.labels = labels;
    files->input.assets = assets;
    files->input.asset_count = count;
    files->input.has_assets = options->assets != NULL;
    files->input.explored = explored;
    files->input.has_explored = options->explored != NULL;
    return status;
}

static void close_files(struct files *files)
{
    taint_free(files->taint);
    cursor_close(&files->cursor);
    import_close(files->import);
    session_close(&files->session);
}

static enum tracer_status watch(void *context, uint64_t rows)
{
    struct files *files = context;
    progress_show(&files->session, rows, import_row_count(files->import), "transfers", NULL);
    return session_stop ? error_set(&files->session.err, TRACER_E_STOPPED, "stopped: nothing was written")
                        : TRACER_OK;
}

static enum tracer_status replay(struct files *files)
{
    progress_begin(&files->session, "replay");
    enum tracer_status status = taint_replay(files->taint, watch, files, &files->session.err);
    progress_end(&files->session);
    return status;
}

static enum tracer_status make_directory(const char *path, struct error *err)
{
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return TRACER_OK;
    if (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return TRACER_OK;
    return error_set(err, TRACER_E_USAGE, "--out %s: the directory could not be made: %s", path,
                     strerror(errno));
}

/* One result file, whole or not at all. */
static enum tracer_status write_file(struct files *files, const char *directory, const char *name,
                                     enum tracer_status (*write)(struct files *files, int table, FILE *stream,
                                                                 struct error *err),
                                     int table)
{
    char path[4096];
    struct output output;
    struct error *err = &files->session.err;
    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
        return error_set(err, TRACER_E_USAGE, "--out: the path is too long");
    enum tracer_status status = output_open(path, &output, err);
    if (status)
        return status;
    status = write(files, table, output.stream, err);
    if (!status)
        status = output_commit(&output, err);
    output_abort(&output);
    return status;
}

static enum tracer_status write_table(struct files *files, int table, FILE *stream, struct error *err)
{
    return taint_write_table(files->taint, (enum taint_table)table, stream, err);
}

static enum tracer_status write_tables(struct files *files, const char *directory)
{
    enum tracer_status status = make_directory(directory, &files->session.err);
    for (int table = 0; table < TAINT_TABLE_COUNT && !status; table++)
        if (taint_has_table(files->taint, (enum taint_table)table))
            status =
                write_file(files, directory, taint_table_name((enum taint_table)table), write_table, table);
    return status;
}

int command_replay(const struct options *options)
{
    struct files files = {0};
    enum tracer_status status = session_open(&files.session, options);
    if (!status && !options->out)
        status = error_set(&files.session.err, TRACER_E_USAGE, "where to? name the directory with --out DIR");
    if (!status)
        status = read_inputs(&files, options);
    if (!status)
        status = taint_new(&files.input, &files.cursor, &files.taint, &files.session.err);
    if (!status)
        status = replay(&files);
    if (!status)
        status = write_tables(&files, options->out);
    int code = status ? session_fail(&files.session, status) : EXIT_DONE;
    close_files(&files);
    return code;
}

int check_files(const struct options *options)
{
    struct files files = {0};
    struct position position;
    const struct taint_check *checks;
    enum tracer_status status = session_open(&files.session, options);
    if (!status && (!options->key || !position_parse(options->key, strlen(options->key), &position)))
        status =
            error_set(&files.session.err, TRACER_E_USAGE, "which transfer? name it with --key BLOCK:TXI:IDX");
    const char *idle = options->as_of                                        ? "as-of"
                       : options->all_policies                               ? "policy all"
                       : options->store                                      ? "store"
                       : options->source_count                               ? "source"
                       : options->has_since                                  ? "since"
                       : options->has_from                                   ? "from"
                       : options->has_to_block || options->has_to_address    ? "to"
                       : options->rules                                      ? "rules"
                       : options->funds                                      ? "source-of-funds"
                       : options->rpc_count                                  ? "rpc"
                                                                             : NULL;
    if (!status && idle) /* who gives it reads the answer as one that took it in */
        status = error_set(&files.session.err, TRACER_E_USAGE, "--%s is about a store: not with --transfers", idle);
    if (!status && options->decisions)
        status = error_set(&files.session.err, TRACER_E_USAGE, "--decisions records answers of a store: not with --transfers");
    if (!status && options->argument_count)
        status = error_set(&files.session.err, TRACER_E_USAGE,
                           "with --transfers the transfer is named by --key alone");
    if (!status)
        status = read_inputs(&files, options);
    if (!status)
        status = taint_new(&files.input, &files.cursor, &files.taint, &files.session.err);
    if (!status)
        status = taint_ask(files.taint, position, &files.session.err);
    if (!status)
        status = replay(&files);
    if (!status && taint_checks(files.taint, &checks) == 1)
        status = taint_write_check(files.taint, &checks[0], stdout, &files.session.err);
    if (!status && fflush(stdout))
        status = error_set(&files.session.err, TRACER_E_IO, "standard output could not be written");
    int code = status ? session_fail(&files.session, status) : EXIT_DONE;
    close_files(&files);
    return code;
}

static const struct taint_expand_step *expand_steps;
static size_t expand_step_count;

static enum tracer_status write_steps(struct files *files, int table, FILE *stream, struct error *err)
{
    (void)files;
    (void)table;
    return taint_write_expand(expand_steps, expand_step_count, stream, err);
}

int command_expand(const struct options *options)
{
    struct files files = {0};
    struct taint_expand_step *steps = NULL;
    struct taint_expand_limits limits = {.accounts_max = options->max_accounts == OPTION_UNSET ? 1000 : options->max_accounts,
                                         .hops_max = (uint32_t)options->max_hops,
                                         .degree_max = options->max_degree,
                                         .score_min = options->min_score};
    enum tracer_status status = session_open(&files.session, options);
    if (!status && !options->out)
        status = error_set(&files.session.err, TRACER_E_USAGE, "where to? name the directory with --out DIR");
    if (!status)
        status = read_inputs(&files, options);
    if (!status)
        status = taint_expand(&files.input, &files.cursor, &limits, &steps, &expand_step_count, &files.taint,
                              &files.session.err);
    if (!status)
        status = write_tables(&files, options->out);
    expand_steps = steps;
    if (!status)
        status = write_file(&files, options->out, "expand.csv", write_steps, 0);
    int code = status ? session_fail(&files.session, status) : EXIT_DONE;
    free(steps);
    close_files(&files);
    return code;
}
