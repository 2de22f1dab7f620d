/* ofac_csv.c - OFAC's sdn.csv and sdn_comments.csv: addresses in the free text of remarks.
 *
 * Remarks are cut at 1,000 characters, anywhere; the rest is in the comments, in one or more rows of the same
 * entry. The texts are joined, then read. */
#include "list.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/csv.h"

#define CUT_LENGTH 1000u
#define ADDRESS_LENGTH_MAX 256u
#define END_MARK 0x1a /* some editions end with it */

enum {
    ENTRY,
    NAME,
    TYPE,
    PROGRAM,
    TITLE,
    CALL_SIGN,
    VESSEL,
    TONNAGE,
    GRT,
    FLAG,
    OWNER,
    REMARKS,
    COLUMN_COUNT
};
static const char *const columns[COLUMN_COUNT] = {"ent_num", "SDN_Name",  "SDN_Type",   "Program",
                                                  "Title",   "Call_Sign", "Vess_type",  "Tonnage",
                                                  "GRT",     "Vess_flag", "Vess_owner", "Remarks"};
static const char *const comment_columns[] = {"ent_num", "text"};

struct comment {
    uint64_t entry;
    size_t at, length; /* in texts */
    size_t order;
    bool used;
};
struct remarks {
    struct list_writer *writer;
    struct csv *csv;
    struct comment *comments; /* by entry, then in their order */
    size_t count, room;
    struct buffer texts, joined;
};

/* Bytes that are no UTF-8 make the whole text Latin-1. */
static bool is_utf8(const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        unsigned char lead = (unsigned char)data[at++];
        size_t more = lead < 0x80                   ? 0
                      : lead >= 0xc2 && lead < 0xe0 ? 1
                      : (lead & 0xf0u) == 0xe0      ? 2
                      : lead >= 0xf0 && lead < 0xf5 ? 3
                                                    : 9;
        for (; more; more--, at++)
            if (more > 3 || at == size || ((unsigned char)data[at] & 0xc0u) != 0x80)
                return false;
    }
    return true;
}

/* The file as our reader takes it: in UTF-8, behind a header that OFAC's files do not have. */
static enum tracer_status prepare(struct list_writer *writer, const char *data, size_t size,
                                  const char *const *names, size_t name_count, struct buffer *text)
{
    const char *end = memchr(data, END_MARK, size);
    size_t length = end ? (size_t)(end - data) : size;
    for (size_t i = length; i < size; i++)
        if (data[i] != END_MARK && data[i] != '\r' && data[i] != '\n')
            return error_set(writer->err, TRACER_E_USAGE, "%s: text behind its end mark (0x1A)",
                             writer->file);
    for (size_t i = 0; i < name_count; i++) {
        buffer_text(text, i ? "," : "");
        buffer_text(text, names[i]);
    }
    buffer_char(text, '\n');
    if (is_utf8(data, length)) {
        buffer_add(text, data, length);
    } else {
        for (size_t i = 0; i < length; i++) {
            unsigned char byte = (unsigned char)data[i];
            if (byte >= 0x80)
                buffer_char(text, (char)(0xc0u | byte >> 6));
            buffer_char(text, (char)(byte < 0x80 ? byte : 0x80u | (byte & 0x3fu)));
        }
    }
    return buffer_ok(text) ? TRACER_OK
                           : error_set(writer->err, TRACER_E_NOMEM, "%s: no memory", writer->file);
}

static int by_entry(const void *a, const void *b)
{
    const struct comment *x = a, *y = b;
    int order = (x->entry > y->entry) - (x->entry < y->entry);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static enum tracer_status read_entry(struct remarks *remarks, struct csv_field field, uint64_t *ret_entry)
{
    return csv_parse_u64(field, UINT64_MAX, ret_entry)
               ? TRACER_OK
               : csv_error(remarks->csv, ENTRY, remarks->writer->err, "no number of an entry");
}

static enum tracer_status keep_comment(struct remarks *remarks, const struct csv_field *cells)
{
    struct error *err = remarks->writer->err;
    struct comment comment = {.at = remarks->texts.size, .length = cells[1].length, .order = remarks->count};
    enum tracer_status status = read_entry(remarks, cells[ENTRY], &comment.entry);
    if (status)
        return status;
    if (remarks->count == remarks->room) {
        size_t room = remarks->room ? remarks->room * 2 : 256;
        struct comment *comments = realloc(remarks->comments, room * sizeof(*comments));
        if (!comments)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        remarks->comments = comments;
        remarks->room = room;
    }
    remarks->comments[remarks->count++] = comment;
    return buffer_add(&remarks->texts, cells[1].text, cells[1].length)
               ? TRACER_OK
               : error_set(err, TRACER_E_NOMEM, "no memory");
}

/* Each row of a file to `take`. */
static enum tracer_status each_row(struct remarks *remarks, const char *name, const char *data, size_t size,
                                   const char *const *names, size_t name_count,
                                   enum tracer_status (*take)(struct remarks *remarks,
                                                              const struct csv_field *cells))
{
    struct error *err = remarks->writer->err;
    struct csv_field cells[COLUMN_COUNT];
    struct buffer text;
    buffer_init(&text, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = prepare(remarks->writer, data, size, names, name_count, &text);
    if (!status)
        status = csv_open_memory(name, text.data, text.size, ',', names, name_count, name_count,
                                 &remarks->csv, err);
    while (!status && !(status = csv_next(remarks->csv, cells, err)))
        status = take(remarks, cells);
    csv_close(remarks->csv);
    remarks->csv = NULL;
    buffer_release(&text);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static size_t characters(struct csv_field text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += ((unsigned char)text.text[i] & 0xc0u) != 0x80;
    return count;
}

/* The remarks of an entry with its comments, in remarks->joined. */
static enum tracer_status join(struct remarks *remarks, uint64_t entry, struct csv_field text)
{
    size_t low = 0, high = remarks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (remarks->comments[middle].entry < entry)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_cut =
        characters(text) >= CUT_LENGTH && (low == remarks->count || remarks->comments[low].entry != entry);
    if (is_cut)
        return csv_error(remarks->csv, REMARKS, remarks->writer->err,
                         "cut at %u characters, and the comments have no rest of entry %" PRIu64, CUT_LENGTH,
                         entry);
    buffer_clear(&remarks->joined);
    buffer_add(&remarks->joined, text.text, text.length);
    for (; low < remarks->count && remarks->comments[low].entry == entry; low++) {
        remarks->comments[low].used = true;
        buffer_add(&remarks->joined, remarks->texts.data + remarks->comments[low].at,
                   remarks->comments[low].length);
    }
    return buffer_ok(&remarks->joined)
               ? TRACER_OK
               : csv_error(remarks->csv, REMARKS, remarks->writer->err,
                           "the text is over %zu bytes (TRACER_LIST_TEXT_MAX)", TRACER_LIST_TEXT_MAX);
}

/* "Digital Currency Address - ETH 0x..." at `at`; *ret_next is behind it. */
static enum tracer_status read_feature(struct remarks *remarks, const char *at, const char *party,
                                       const char *name, const char **ret_next)
{
    struct list_writer *writer = remarks->writer;
    char feature[TRACER_QUOTED_MAX], text[ADDRESS_LENGTH_MAX + 1];
    const char *asset, *code = at + strlen(OFAC_FEATURE);
    bool is_ours = false;
    struct address address;
    code += strncmp(code, " - ", 3) == 0 ? 3 : 0;
    const char *code_end = code + strcspn(code, " ;."), *value = code_end + strspn(code_end, " ");
    size_t length = strcspn(value, " ;.");
    snprintf(feature, sizeof(feature), "%.*s", (int)(code_end - at), at);
    *ret_next = value + length;
    enum tracer_status status = ofac_asset(writer, feature, &asset);
    if (!status && length > ADDRESS_LENGTH_MAX)
        status = error_set(writer->err, TRACER_E_USAGE, "an address of more than %u characters",
                           ADDRESS_LENGTH_MAX);
    if (status)
        return status;
    snprintf(text, sizeof(text), "%.*s", (int)length, value);
    if (length == 0 && !ofac_only_ours(asset)) { /* there are such entries, of other ledgers */
        list_skip(writer);
        return TRACER_OK;
    }
    if ((status = ofac_address(writer, asset, text, &is_ours, &address)))
        return status;
    if (is_ours)
        return ofac_put(writer, address, asset, party, name, "");
    list_skip(writer);
    return TRACER_OK;
}

/* Everything that has the shape of an address is one of a feature: else the features are written in a way that is not known here. */
static enum tracer_status check_shapes(struct remarks *remarks, const char *at, uint64_t known)
{
    struct address ignored;
    for (; (at = strcasestr(at, "0x")); at += 2) {
        bool has_shape = strlen(at) >= 42 && address_parse(at, 42, &ignored) && !isxdigit((unsigned char)at[42]);
        if (has_shape && !known--)
            return csv_error(remarks->csv, REMARKS, remarks->writer->err, "names an address outside '" OFAC_FEATURE "'; nothing was imported");
    }
    return TRACER_OK;
}

static enum tracer_status read_row(struct remarks *remarks, const struct csv_field *cells)
{
    uint64_t entry;
    char party[24], name[LIST_NAME_MAX + 8];
    enum tracer_status status = read_entry(remarks, cells[ENTRY], &entry);
    if (!status)
        status = join(remarks, entry, cells[REMARKS]);
    if (status)
        return status;
    const char *at = strcasestr(remarks->joined.size ? remarks->joined.data : "", OFAC_FEATURE);
    size_t length = remarks->joined.size;
    while (length && remarks->joined.data[length - 1] == ' ')
        length--;
    if ((at || length > cells[REMARKS].length || characters(cells[REMARKS]) >= CUT_LENGTH) && remarks->joined.data[length - 1] != '.') /* what is missing may name one */
        return csv_error(remarks->csv, REMARKS, remarks->writer->err,
                         "the text of entry %" PRIu64 " is cut: no '.' at its end", entry);
    snprintf(party, sizeof(party), "%" PRIu64, entry);
    snprintf(name, sizeof(name), "%.*s", (int)cells[NAME].length, cells[NAME].text);
    uint64_t labels = remarks->writer->facts->labels;
    for (; at && !status; at = strcasestr(at, OFAC_FEATURE))
        if ((status = read_feature(remarks, at, party, name, &at)))
            error_context(remarks->writer->err, "%s:%" PRIu64, remarks->writer->file, csv_line(remarks->csv));
    if (!status && remarks->joined.size)
        status = check_shapes(remarks, remarks->joined.data, remarks->writer->facts->labels - labels);
    return status;
}

enum tracer_status ofac_csv_read(struct list_writer *writer, const char *data, size_t size)
{
    size_t rest = writer->rest_size;
    if (!rest)
        return error_set(writer->err, TRACER_E_USAGE,
                         "%s: its remarks are cut; name sdn_comments.csv with --comments", writer->file);
    struct remarks remarks = {.writer = writer};
    buffer_init(&remarks.texts, TRACER_FILE_RESULT_MAX);
    buffer_init(&remarks.joined, TRACER_LIST_TEXT_MAX);
    enum tracer_status status =
        each_row(&remarks, "the comments", data + size - rest, rest, comment_columns, 2, keep_comment);
    if (remarks.count)
        qsort(remarks.comments, remarks.count, sizeof(*remarks.comments), by_entry);
    if (!status)
        status = each_row(&remarks, writer->file, data, size - rest, columns, COLUMN_COUNT, read_row);
    for (size_t i = 0; i < remarks.count && !status; i++)
        if (!remarks.comments[i].used)
            status = error_set(writer->err, TRACER_E_USAGE,
                               "%s: has no entry %" PRIu64
                               ", which the comments go on with: cut, or another edition",
                               writer->file, remarks.comments[i].entry);
    free(remarks.comments);
    buffer_release(&remarks.texts);
    buffer_release(&remarks.joined);
    return status;
}
