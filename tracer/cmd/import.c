/* import.c - `import` and `export`: rows of files into the store and back. */
#include "session.h"

#include "tracer/csv.h"
#include "tracer/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum file_kind { FILE_TRANSFERS, FILE_LABELS, FILE_COVERAGE, FILE_LIST };

static bool has_columns(const char *path, const char *const *columns, size_t count)
{
    struct csv *csv = NULL;
    enum tracer_status status = csv_open(path, ',', columns, count, count, &csv, NULL);
    csv_close(csv);
    return status == TRACER_OK;
}

/* By its header line, or what a list of others begins with. */
static enum tracer_status kind_of(struct session *session, const char *path, enum file_kind *ret_kind, enum list_format *ret_list)
{
    static const char *const transfers[] = {"block", "txi", "idx", "kind", "asset", "from", "to", "amount"};
    static const char *const labels[] = {"address", "class"};
    static const char *const coverage[] = {"account", "from", "to", "what"};
    struct csv *csv = NULL;
    struct buffer head;
    buffer_init(&head, LOAD_HEAD_MAX);
    enum tracer_status status = file_head(path, LOAD_HEAD_MAX, &head, &session->err);
    bool is_list = !status && list_recognise(head.size ? head.data : "", head.size, ret_list);
    buffer_release(&head);
    *ret_kind = FILE_LIST;
    if (status || is_list)
        return status;
    status = csv_open(path, ',', NULL, 0, 0, &csv, &session->err);
    csv_close(csv);
    if (status)
        return status;
    if (has_columns(path, transfers, 8))
        *ret_kind = FILE_TRANSFERS;
    else if (has_columns(path, labels, 2))
        *ret_kind = FILE_LABELS;
    else if (has_columns(path, coverage, 4))
        *ret_kind = FILE_COVERAGE;
    else
        return error_set(
            &session->err, TRACER_E_USAGE,
            "%s: the header is that of no file we know: transfers (block,txi,idx,kind,asset,from,to,amount), "
            "labels (address,class), coverage (account,from,to,what); nor is it a list: OFAC XML or CSV, TagPack, addresses",
            path);
    return TRACER_OK;
}

static void show(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done, total, "transfers", NULL);
}

static enum tracer_status import_file(struct session *session, const char *path, enum file_kind kind,
                                      enum list_format list, struct load_stats *stats)
{
    struct import_source source = {.path = path};
    const struct options *options = session->options;
    struct load_list_options of_list = {options->comments, options->date, options->force};
    enum tracer_status status;
    if (kind != FILE_LIST && (options->comments || options->date))
        return error_set(&session->err, TRACER_E_USAGE, "%s: --comments and --date are for lists of others", path);
    switch (kind) {
    case FILE_LIST:
        return load_list(session->graph, path, list, &of_list, stats, &session->err);
    case FILE_LABELS:
        return load_labels(session->graph, source, stats, &session->err);
    case FILE_COVERAGE:
        return load_coverage(session->graph, source, session->chain_id, stats, &session->err);
    case FILE_TRANSFERS:
        break;
    }
    struct import *import = NULL;
    status = import_open(path, &import, &session->err);
    if (!status) {
        const char *name = session->options->name ? session->options->name : session->network.name;
        progress_begin(session, "import");
        status = load_transfers(session->graph, import, path, session->chain_id, name, show, session, stats,
                                &session->err);
        progress_end(session);
    }
    import_close(import);
    return status;
}

int command_import(const struct options *options)
{
    struct session session;
    struct load_stats stats = {0};
    enum file_kind kind = FILE_TRANSFERS;
    enum list_format list = LIST_PLAIN;
    enum tracer_status status = session_open(&session, options);
    if (!status)
        status = session_network(&session);
    if (!status && options->name && (!options->name[0] || strlen(options->name) > TRACER_NETWORK_NAME_MAX))
        status =
            error_set(&session.err, TRACER_E_USAGE, "--name: 1 to %u characters", TRACER_NETWORK_NAME_MAX);
    size_t done = 0;
    for (size_t i = 0; i < options->argument_count && !status; i++, done += !status) {
        status = kind_of(&session, options->arguments[i], &kind, &list);
        if (!status && !session.graph)
            status = session_store(&session, GRAPH_CREATE);
        uint64_t replaced = stats.replaced;
        if (!status)
            status = import_file(&session, options->arguments[i], kind, list, &stats);
        if (!status && stats.replaced > replaced && !options->quiet)
            fprintf(stderr, "%s: takes the place of what the store had under this name\n", options->arguments[i]);
        if (!status && kind == FILE_LIST && list == LIST_PLAIN && !options->quiet)
            fprintf(stderr, "%s: a plain list gives names without consequence: name its addresses with --source to ask about what they sent\n",
                    options->arguments[i]);
    }
    if (!status && !options->quiet)
        fprintf(stderr,
                "imported: %" PRIu64 " transfers in %" PRIu64 " blocks, %" PRIu64
                " coverage records, %" PRIu64 " labels\n",
                stats.transfers, stats.blocks, stats.coverage, stats.labels);
    if (!status && !options->quiet && stats.skipped)
        fprintf(stderr, "skipped: %" PRIu64 " entries of lists, about ledgers that are not traced\n", stats.skipped);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    if (status && done) /* each file is all or nothing, not all of them together */
        fprintf(stderr, "tracer: imported before it, and in the store: %zu of %zu files (%s%s). Importing a file again changes nothing\n", done, options->argument_count,
                options->arguments[0], done == 1 ? "" : done == 2 ? " and the next" : " and those behind it");
    session_close(&session);
    return code;
}

struct exporting {
    struct session *session;
    FILE *stream;
    const char *prefix; /* of items that are written whole */
    struct block block;
    struct transaction transaction;
    bool has_block, has_transaction;
    int32_t transaction_index;
};

static enum tracer_status export_row(void *context, const struct transfer *transfer, struct error *err)
{
    struct exporting *exporting = context;
    struct graph *graph = exporting->session->graph;
    uint64_t chain_id = exporting->session->chain_id, number = transfer->position.block_number;
    enum tracer_status status;
    if (!exporting->has_block || exporting->block.number != number) {
        if ((status = graph_get_block(graph, chain_id, number, &exporting->block, err)))
            return status;
        exporting->has_block = true;
        exporting->transaction_index = INT32_MIN;
    }
    if (exporting->transaction_index != transfer->position.transaction_index) {
        exporting->transaction_index = transfer->position.transaction_index;
        status = graph_get_transaction(graph, chain_id, number, transfer->position.transaction_index,
                                       &exporting->transaction, err);
        if (status && status != TRACER_E_NOT_FOUND)
            return status;
        exporting->has_transaction = status == TRACER_OK;
    }
    return export_transfer(exporting->stream, transfer,
                           exporting->has_transaction ? &exporting->transaction : NULL, &exporting->block,
                           err);
}

static enum tracer_status export_item(void *context, const char *name, size_t size, struct error *err)
{
    struct exporting *exporting = context;
    struct buffer text;
    buffer_init(&text, TRACER_FILE_RESULT_MAX);
    (void)size;
    if (strncmp(name, exporting->prefix, strlen(exporting->prefix)) != 0)
        return TRACER_OK;
    enum tracer_status status = graph_get_item(exporting->session->graph, GRAPH_ITEM_LIST, name, &text, err);
    if (!status && text.size && fwrite(text.data, 1, text.size, exporting->stream) != text.size)
        status = error_set(err, TRACER_E_IO, "the output could not be written");
    buffer_release(&text);
    return status;
}

int command_export(const struct options *options)
{
    struct session session;
    struct output output = {0};
    const char *what = options->arguments[0];
    enum tracer_status status = session_open(&session, options);
    bool transfers = strcmp(what, "transfers") == 0;
    const char *prefix = strcmp(what, "labels") == 0  ? LOAD_LABELS_PREFIX
                         : strcmp(what, "lists") == 0 ? LOAD_LISTS_PREFIX
                                                      : NULL;
    if (!status && !transfers && !prefix)
        status = error_set(&session.err, TRACER_E_USAGE, "export what? transfers, labels or lists");
    if (!status)
        status = transfers ? session_store(&session, GRAPH_READ) : session_store_of_lists(&session);
    if (!status)
        status = output_open(options->output, &output, &session.err);
    struct exporting exporting = {.session = &session, .stream = output.stream, .prefix = prefix};
    if (!status && prefix)
        status = graph_each_item(session.graph, GRAPH_ITEM_LIST, export_item, &exporting, &session.err);
    if (!status && transfers) {
        struct graph_range range;
        status = graph_range(session.graph, session.chain_id, &range, &session.err);
        if (!status)
            status = export_header(output.stream, &session.err);
        if (!status)
            status = graph_each(
                session.graph, session.chain_id, options->has_from ? options->from : range.first,
                options->has_to_block ? options->to_block : range.last, export_row, &exporting, &session.err);
    }
    if (!status)
        status = output_commit(&output, &session.err);
    output_abort(&output);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    session_close(&session);
    return code;
}
