/* load.c - files into a store. */
#include "tracer/load.h"

#include "tracer/file.h"
#include "tracer/label.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOAD_COMMIT_ROWS 100000u

struct loading {
    struct graph *graph;
    struct graph_write *write;
    uint64_t pending, total;
    graph_progress_fn *progress;
    void *progress_context;
    struct load_stats *stats;
};

static enum tracer_status flush(struct loading *loading, struct error *err)
{
    struct graph_write *write = loading->write;
    loading->write = NULL;
    loading->pending = 0;
    return write ? graph_commit(write, err) : TRACER_OK;
}

static enum tracer_status put(void *context, const struct block *block, struct error *err)
{
    struct loading *loading = context;
    enum tracer_status status = TRACER_OK;
    if (!loading->write)
        status = graph_begin(loading->graph, &loading->write, err);
    if (!status)
        status = graph_put_block(loading->write, block, err);
    if (status)
        return status;
    loading->stats->blocks++;
    loading->stats->transfers += block->transfer_count;
    loading->pending += block->transfer_count;
    if (loading->progress)
        loading->progress(loading->progress_context, loading->stats->transfers, loading->total);
    return loading->pending >= LOAD_COMMIT_ROWS ? flush(loading, err) : TRACER_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Imported files leave their name and SHA-256 in the store: every result on it prints them. Until all of a
 * file is there LOAD_INCOMPLETE stands in the digest's place: an import may be longer than a transaction of
 * the store. */
static enum tracer_status keep_mark(struct graph *graph, const char *name, const char *mark,
                                    struct error *err)
{
    return graph_put_item(graph, GRAPH_ITEM_LIST, name, mark, strlen(mark), err);
}

/* An import that put nothing leaves what stood there before; where that fails the mark errs on the safe side.
 */
static void unmark(struct graph *graph, const char *name, const struct buffer *before, uint64_t blocks_before)
{
    struct graph_stat stat;
    struct error ignored;
    enum tracer_status status = graph_stat(graph, &stat, &ignored);
    if (!status && stat.blocks == blocks_before)
        status = graph_put_item(graph, GRAPH_ITEM_LIST, name, before->size ? before->data : "", before->size,
                                &ignored);
    (void)status;
}

enum tracer_status load_transfers(struct graph *graph, struct import *import, const char *path,
                                  uint64_t chain_id, const char *network_name, graph_progress_fn *progress,
                                  void *context, struct load_stats *stats, struct error *err)
{
    struct graph_network network = {
        .chain_id = chain_id, .imported = true, .time_keys = import_has_time_keys(import)};
    snprintf(network.name, sizeof(network.name), "%s", network_name);
    enum tracer_status status = graph_put_network(graph, &network, err);
    if (status)
        return status;
    struct loading loading = {.graph = graph,
                              .total = import_row_count(import),
                              .progress = progress,
                              .progress_context = context,
                              .stats = stats};
    char name[256], digest[65];
    struct buffer before;
    struct graph_stat had = {0};
    bool marked = false;
    buffer_init(&before, sizeof(digest));
    snprintf(name, sizeof(name), LOAD_TRANSFERS_PREFIX "%s", base_name(path));
    digest_format(import_digest(import), digest);
    if ((status = graph_get_item(graph, GRAPH_ITEM_LIST, name, &before, err)) == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    if (!status && before.size == 64 && memcmp(before.data, digest, 64) != 0) { /* another file of that name, whose rows are there, too */
        snprintf(name, sizeof(name), LOAD_TRANSFERS_PREFIX "%.200s (%.8s)", base_name(path), digest);
        buffer_clear(&before);
        if ((status = graph_get_item(graph, GRAPH_ITEM_LIST, name, &before, err)) == TRACER_E_NOT_FOUND)
            status = TRACER_OK;
    }
    if (!status)
        status = graph_stat(graph, &had, err);
    if (!status)
        marked = !(status = keep_mark(graph, name, LOAD_INCOMPLETE, err));
    if (!status)
        status = import_each_block(import, chain_id, put, &loading, err);
    if (!status)
        status = flush(&loading, err);
    graph_abort(loading.write);
    if (!status)
        status = keep_mark(graph, name, digest, err);
    else if (marked)
        unmark(graph, name, &before, had.blocks);
    buffer_release(&before);
    if (status == TRACER_E_CONFLICT)
        error_context(err, "the store holds other rows there; import into a new store");
    return status;
}

enum tracer_status load_coverage(struct graph *graph, struct import_source source, uint64_t chain_id,
                                 struct load_stats *stats, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MIB(256));
    if (!arena)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    struct import_coverage *rows;
    size_t count = 0;
    enum tracer_status status = import_coverage(source, arena, &rows, &count, err);
    for (size_t i = 0; i < count && !status; i++) {
        struct graph_coverage coverage = {.account = rows[i].account,
                                          .first = rows[i].first,
                                          .last = rows[i].last,
                                          .strategy = "import",
                                          .grade = GRADE_ASSERTED};
        snprintf(coverage.what, sizeof(coverage.what), "%s", rows[i].what);
        snprintf(coverage.method, sizeof(coverage.method), "%s", rows[i].method);
        snprintf(coverage.cross_check, sizeof(coverage.cross_check), "%s", rows[i].cross_check);
        snprintf(coverage.gap, sizeof(coverage.gap), "%s", rows[i].gap);
        status = graph_put_coverage(graph, chain_id, &coverage, err);
        stats->coverage++;
    }
    arena_free(arena);
    return status;
}

enum tracer_status load_labels(struct graph *graph, struct import_source source, struct load_stats *stats,
                               struct error *err)
{
    char name[256];
    snprintf(name, sizeof(name), LOAD_LABELS_PREFIX "%s", base_name(source.path));
    struct buffer text, kept;
    buffer_init(&text, TRACER_FILE_RESULT_MAX);
    buffer_init(&kept, TRACER_FILE_RESULT_MAX);
    struct label_set *set = NULL;
    enum tracer_status status = TRACER_OK;
    if (source.data)
        status = buffer_add(&text, source.data, source.size) ? TRACER_OK
                                                             : error_set(err, TRACER_E_NOMEM, "no memory");
    else
        status = file_read(source.path, TRACER_FILE_RESULT_MAX, &text, err);
    if (!status)
        status = label_set_new(&set, err);
    if (!status) /* checked before it is kept */
        status = label_add_memory(set, source.path, text.data, text.size, LABEL_USER, err);
    if (!status && (status = graph_get_item(graph, GRAPH_ITEM_LIST, name, &kept, err)) == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    else if (!status)
        stats->replaced += kept.size != text.size || memcmp(kept.data, text.data, text.size) != 0;
    if (!status)
        status = graph_put_item(graph, GRAPH_ITEM_LIST, name, text.data, text.size, err);
    if (!status)
        stats->labels += label_list(set, label_list_count(set) - 1)->rows;
    label_set_free(set);
    buffer_release(&kept);
    buffer_release(&text);
    return status;
}

enum tracer_status load_list_text(const char *path, const char *comments, enum list_format format, const char *date,
                                  struct buffer *ret_csv, struct list_facts *ret_facts, struct error *err)
{
    struct buffer data;
    buffer_init(&data, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = file_read(path, TRACER_FILE_RESULT_MAX, &data, err);
    size_t size = data.size;
    if (!status && comments)
        status = file_read(comments, TRACER_FILE_RESULT_MAX, &data, err);
    struct list_file file = {base_name(path), data.size ? data.data : "", data.size, data.size - size, date};
    if (!status)
        status = list_read(&file, format, ret_csv, ret_facts, err);
    buffer_release(&data);
    return status;
}

static void name_list(const char *path, enum list_format format, char to[static LOAD_NAME_SIZE])
{
    snprintf(to, LOAD_NAME_SIZE, LOAD_LISTS_PREFIX "%s", list_is_official(format) ? "ofac-sdn" : base_name(path));
}

enum tracer_status load_label_file(const char *path, const char *comments, const char *date, struct label_set *set,
                                   char ret_name[static LOAD_NAME_SIZE], struct error *err)
{
    struct buffer text;
    struct list_facts facts;
    enum list_format format;
    buffer_init(&text, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = file_head(path, LOAD_HEAD_MAX, &text, err);
    bool is_list = !status && list_recognise(text.size ? text.data : "", text.size, &format);
    buffer_clear(&text);
    if (!status && !is_list) {
        snprintf(ret_name, LOAD_NAME_SIZE, LOAD_LABELS_PREFIX "%s", base_name(path));
        status = label_add_file(set, path, LABEL_USER, err);
    } else if (!status) {
        name_list(path, format, ret_name);
        status = load_list_text(path, comments, format, date, &text, &facts, err);
        if (!status)
            status = label_add_kept(set, base_name(path), text.data, text.size, err);
    }
    buffer_release(&text);
    return status;
}

bool load_is_old_version(const char *name, const char *list, const char **ret_date)
{
    size_t prefix = strlen(LOAD_OLD_LISTS_PREFIX);
    const char *date = strrchr(name, '@');
    if (strncmp(name, LOAD_OLD_LISTS_PREFIX, prefix) != 0 || !date || date < name + prefix || strlen(date + 1) != 10 ||
        strlen(list) != (size_t)(date - name) - prefix || strncmp(list, name + prefix, strlen(list)) != 0)
        return false;
    *ret_date = date + 1;
    return true;
}

struct dated { /* the newest date of a list's versions */
    const char *list;
    char date[11];
};

static enum tracer_status find_newest(void *context, const char *name, size_t size, struct error *err)
{
    struct dated *dated = context;
    const char *date;
    (void)size;
    (void)err;
    if (load_is_old_version(name, dated->list, &date) && strcmp(date, dated->date) > 0)
        memcpy(dated->date, date, sizeof(dated->date));
    return TRACER_OK;
}

/* May it take the place of what the store has (`kept`)? Where that has no date, the last version that had one counts. */
static enum tracer_status accept(struct graph *graph, const char *path, const char *name, const struct buffer *kept, const struct list_facts *before,
                                 const struct list_facts *now, struct error *err)
{
    struct dated dated = {.list = name + strlen(LOAD_LISTS_PREFIX)};
    struct list_facts last = *before;
    struct label_set *set = NULL;
    enum tracer_status status = before->date[0] ? TRACER_OK : graph_each_item(graph, GRAPH_ITEM_LIST, find_newest, &dated, err);
    if (!before->date[0])
        memcpy(last.date, dated.date, sizeof(dated.date));
    if (!status)
        status = label_set_new(&set, err);
    if (!status)
        status = label_add_kept(set, name, kept->data, kept->size, err);
    if (!status) {
        last.labels = label_list(set, 0)->rows;
        status = list_accept(base_name(path), &last, now, err);
    }
    label_set_free(set);
    return status;
}

enum tracer_status load_list(struct graph *graph, const char *path, enum list_format format,
                             const struct load_list_options *options, struct load_stats *stats, struct error *err)
{
    char name[LOAD_NAME_SIZE];
    name_list(path, format, name);
    struct buffer csv, kept;
    struct list_facts now, before;
    bool had = false;
    struct label_set *set = NULL;
    buffer_init(&csv, TRACER_FILE_RESULT_MAX);
    buffer_init(&kept, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = load_list_text(path, options->comments, format, options->date, &csv, &now, err);
    if (!status && (status = graph_get_item(graph, GRAPH_ITEM_LIST, name, &kept, err)) == TRACER_E_NOT_FOUND)
        status = TRACER_OK;
    if (!status)
        had = list_kept_facts(kept.data, kept.size, &before);
    if (!status && !options->force && had)
        status = accept(graph, path, name, &kept, &before, &now, err);
    if (!status)
        status = label_set_new(&set, err);
    if (!status) /* read as every later command will, before it is kept */
        status = label_add_kept(set, name, csv.data, csv.size, err);
    if (!status && had && before.date[0] && memcmp(&before.digest, &now.digest, sizeof(now.digest)) != 0) {
        char old_name[LOAD_NAME_SIZE + 32];
        snprintf(old_name, sizeof(old_name), LOAD_OLD_LISTS_PREFIX "%s@%s", name + strlen(LOAD_LISTS_PREFIX),
                 before.date);
        status = graph_put_item(graph, GRAPH_ITEM_LIST, old_name, kept.data, kept.size, err);
    }
    if (!status)
        status = graph_put_item(graph, GRAPH_ITEM_LIST, name, csv.data, csv.size, err);
    if (!status) {
        stats->labels += now.labels;
        stats->skipped += now.entries - now.labels;
        stats->replaced += had && memcmp(&before.digest, &now.digest, sizeof(now.digest)) != 0;
    }
    label_set_free(set);
    buffer_release(&csv);
    buffer_release(&kept);
    return status;
}

static struct import_source case_file(const char *name)
{
    struct import_source source = {.path = name};
    source.data = registry_case_file(name, &source.size);
    return source;
}

enum tracer_status load_demo(struct graph *graph, struct load_stats *stats, struct error *err)
{
    struct import_source transfers = case_file("transfers.csv"), labels = case_file("labels.csv"),
                         coverage = case_file("coverage.csv");
    if (!transfers.data || !labels.data || !coverage.data)
        return error_set(err, TRACER_E_INTERNAL, "the embedded case is not complete");
    labels.path = "ronin-2022-labels.csv";
    const char *path = "ronin-2022-transfers.csv";
    struct import *import = NULL;
    enum tracer_status status = import_open_memory(path, transfers.data, transfers.size, &import, err);
    if (!status)
        status = load_transfers(graph, import, path, 1, "ethereum", NULL, NULL, stats, err);
    import_close(import);
    if (!status)
        status = load_coverage(graph, coverage, 1, stats, err);
    if (!status)
        status = load_labels(graph, labels, stats, err);
    return status;
}
