/* verify.c - checking an evidence bundle with nothing but itself (docs/evidence.md). Everything in it is foreign: sizes are
 * bounded, names are fixed, and nothing is believed that was not computed here. */
#include "verifying.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/file.h"

enum tracer_status verify_differs(struct verifying *v, enum bundle_file file, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(v->err, TRACER_E_VERIFY, "%s: %s", bundle_names[file], text);
}

enum tracer_status verify_no_memory(struct verifying *v)
{
    return error_set(v->err, TRACER_E_NOMEM, "no memory for the evidence");
}

enum tracer_status verify_found(struct verifying *v, enum tracer_status status)
{
    if (status == TRACER_E_USAGE || status == TRACER_E_REPLY || status == TRACER_E_NOT_FOUND || status == TRACER_E_DAMAGED)
        v->err->status = TRACER_E_VERIFY;
    return status ? v->err->status : TRACER_OK;
}

/* ---- files ---- */

static enum tracer_status path_of(struct verifying *v, const char *name, char to[static 4096])
{
    return snprintf(to, 4096, "%s/%s", v->directory, name) < 4096 ? TRACER_OK
                                                                  : error_set(v->err, TRACER_E_USAGE, "the path is too long");
}

static bool is_known(const char *name)
{
    bool known = strcmp(name, BUNDLE_MANIFEST) == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    for (int i = 0; i < BUNDLE_FILE_COUNT; i++)
        known = known || strcmp(name, bundle_names[i]) == 0;
    return known;
}

/* A file that nobody checks must not travel with those that were checked. */
static enum tracer_status check_names(struct verifying *v)
{
    DIR *directory = opendir(v->directory);
    if (!directory)
        return error_set(v->err, TRACER_E_USAGE, "%s: %s", v->directory, strerror(errno));
    enum tracer_status status = TRACER_OK;
    for (const struct dirent *entry; !status && (entry = readdir(directory));)
        if (!is_known(entry->d_name)) {
            char shown[128];
            shown_text(shown, sizeof(shown), entry->d_name, strlen(entry->d_name));
            status = error_set(v->err, TRACER_E_VERIFY, "%s: does not belong to a bundle", shown);
        }
    closedir(directory);
    return status;
}

static enum tracer_status read_file(struct verifying *v, const char *name, size_t size_max, struct buffer *to)
{
    char path[4096];
    struct stat info;
    enum tracer_status status = path_of(v, name, path);
    if (status)
        return status;
    if (lstat(path, &info))
        return error_set(v->err, TRACER_E_VERIFY, "%s: %s", name, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return error_set(v->err, TRACER_E_VERIFY, "%s: is not a regular file", name);
    if ((uint64_t)info.st_size > size_max)
        return error_set(v->err, TRACER_E_VERIFY, "%s: has %lld bytes, more than the %zu that it may have", name, (long long)info.st_size,
                         size_max);
    buffer_init(to, size_max + 1);
    return file_read(path, size_max, to, v->err);
}

static enum tracer_status read_files(struct verifying *v)
{
    struct buffer text;
    enum tracer_status status = read_file(v, BUNDLE_MANIFEST, TRACER_BUNDLE_MANIFEST_MAX, &text);
    if (!status) {
        status = bundle_parse_manifest(text.data ? text.data : "", text.size, v->arena, &v->manifest, v->err);
        v->counts.bytes = text.size;
        buffer_release(&text);
    }
    if (!status)
        status = check_names(v);
    for (int i = 0; i < BUNDLE_FILE_COUNT && !status; i++) {
        struct buffer *file = &v->files[i];
        uint64_t size = v->manifest.files[i].size;
        uint64_t most = i == BUNDLE_RESULT ? TRACER_BUNDLE_RESULT_MAX : TRACER_BUNDLE_FILE_MAX;
        if (size > most)
            return verify_differs(v, (enum bundle_file)i, "is larger than %" PRIu64 " bytes", most);
        if ((status = read_file(v, bundle_names[i], size, file)))
            break;
        struct digest digest = digest_bytes(file->data ? file->data : "", file->size);
        if (file->size != size || memcmp(digest.bytes, v->manifest.files[i].digest.bytes, sizeof(digest.bytes)) != 0)
            status = verify_differs(v, (enum bundle_file)i, "is not the file whose digest the manifest has");
        v->counts.bytes += size;
    }
    return status;
}

struct bytes verify_text(const struct verifying *v, enum bundle_file file)
{
    const struct buffer *buffer = &v->files[file];
    return (struct bytes){(const uint8_t *)(buffer->data ? buffer->data : ""), buffer->size};
}

enum tracer_status verify_form(struct verifying *v, enum bundle_file file, const char *heading)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789,_/-\n";
    struct bytes text = verify_text(v, file);
    size_t size = strlen(heading);
    bool good = text.size >= size && memcmp(text.data, heading, size) == 0 && text.data[text.size - 1] == '\n';
    for (size_t i = size; i < text.size && good; i++)
        good = text.data[i] && strchr(allowed, text.data[i]) && (text.data[i] != '\n' || text.data[i - 1] != '\n');
    return good ? TRACER_OK : verify_differs(v, file, "is not in the form or has not the columns of a bundle");
}

/* ---- the replay ---- */

static struct import_source source_of(const struct verifying *v, enum bundle_file file)
{
    struct bytes text = verify_text(v, file);
    return (struct import_source){.path = bundle_names[file], .data = text.data, .size = text.size};
}

static enum tracer_status replay(struct verifying *v)
{
    struct taint_seed *seeds = NULL;
    struct taint_label *labels = NULL;
    struct address *explored = NULL;
    struct import_asset *rows = NULL;
    size_t count = 0;
    struct taint_input *input = arena_calloc(v->arena, 1, sizeof(*input));
    enum tracer_status status = input ? TRACER_OK : verify_no_memory(v);
    if (!status)
        status = import_seeds(source_of(v, BUNDLE_SEEDS), v->arena, &seeds, &input->seed_count, v->err);
    if (!status)
        status = import_labels(source_of(v, BUNDLE_LABELS), v->arena, &labels, &input->label_count, v->err);
    if (!status)
        status = import_explored(source_of(v, BUNDLE_EXPLORED), v->arena, &explored, &input->explored_count, v->err);
    if (!status)
        status = import_assets(source_of(v, BUNDLE_ASSETS), v->arena, &rows, &count, v->err);
    struct taint_asset *assets = status ? NULL : arena_calloc(v->arena, count + 1, sizeof(*assets));
    if (!status && !assets)
        return verify_no_memory(v);
    for (size_t i = 0; i < count && !status; i++)
        assets[i] = rows[i].asset;
    if (!status)
        qsort(assets, count, sizeof(*assets), bundle_order_assets);
    if (!status) {
        v->input = input;
        input->options = v->manifest.options;
        input->seeds = seeds;
        input->labels = labels;
        input->assets = assets;
        input->asset_count = count;
        input->has_assets = true;
        input->explored = explored;
        input->has_explored = true;
        status = import_cursor(v->import, &v->cursor, v->err);
    }
    if (!status)
        status = taint_new(input, &v->cursor, &v->taint, v->err);
    if (!status)
        status = taint_replay(v->taint, NULL, NULL, v->err);
    return verify_found(v, status);
}

/* ---- the whole ---- */

static enum tracer_status verify(struct verifying *v)
{
    enum tracer_status status = read_files(v);
    if (!status)
        status = verify_network(v);
    if (!status)
        status = verify_headers(v);
    if (!status)
        status = verify_nodes(v);
    if (!status)
        status = verify_blocks(v);
    if (!status)
        status = verify_rows(v);
    if (!status)
        status = replay(v);
    if (!status)
        status = verify_inputs(v);
    return status ? status : verify_result(v);
}

static void fill_report(const struct verifying *v, struct evidence_report *report)
{
    *report = (struct evidence_report){.counts = v->counts,
                                       .chain_id = v->manifest.chain_id,
                                       .headers = v->header_count,
                                       .hops = taint_hop_count(v->taint)};
    shown_text(report->network, sizeof(report->network), v->manifest.network, strlen(v->manifest.network));
    shown_text(report->version, sizeof(report->version), v->manifest.version, strlen(v->manifest.version));
    shown_text(report->commit, sizeof(report->commit), v->manifest.commit, strlen(v->manifest.commit));
    snprintf(report->policy, sizeof(report->policy), "%s", taint_policy_name(v->manifest.options.policy));
    for (size_t i = 0; i < v->block_count; i++)
        report->grades[v->blocks[i].grade]++;
}

enum tracer_status evidence_verify(const char *directory, struct evidence_report *ret_report, struct error *err)
{
    struct error ignored;
    struct verifying v = {.directory = directory, .err = err ? err : &ignored};
    v.arena = arena_new(TRACER_MEMORY_MAX);
    v.scratch = arena_new(TRACER_MEMORY_MAX);
    enum tracer_status status = v.arena && v.scratch ? verify(&v) : verify_no_memory(&v);
    if (!status)
        fill_report(&v, ret_report);
    taint_free(v.taint);
    cursor_close(&v.cursor);
    taint_free(v.gapped_taint);
    cursor_close(&v.gapped_cursor);
    import_close(v.import);
    for (int i = 0; i < BUNDLE_FILE_COUNT; i++)
        buffer_release(&v.files[i]);
    free(v.rows);
    arena_free(v.arena);
    arena_free(v.scratch);
    return status;
}
