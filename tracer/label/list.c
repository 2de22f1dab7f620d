/* list.c - lists of others become our CSV, with a line before it that says what it was made from. */
#include "list.h"

#include "set.h"

#include "tracer/clock.h"

#include <inttypes.h>

#define MARK "#tracer-list 1"
#define MARK_LINE_MAX 512u
static const char header[] =
    "address,class,emit,name,category,entity,chain,origin,confidence,valid_from,valid_to\n";

static const struct {
    const char *name;
    list_reader *read;
    enum label_rank rank;
} formats[LIST_FORMAT_COUNT] = {
    [LIST_OFAC_ADVANCED] = {"ofac-sdn-advanced", ofac_advanced_read, LABEL_OFFICIAL},
    [LIST_OFAC_SDN] = {"ofac-sdn", ofac_sdn_read, LABEL_OFFICIAL},
    [LIST_OFAC_CSV] = {"ofac-sdn-csv", ofac_csv_read, LABEL_OFFICIAL},
    [LIST_TAGPACK] = {"tagpack", tagpack_read, LABEL_OTHER},
    [LIST_PLAIN] = {"addresses", plain_read, LABEL_USER},
};

bool list_is_official(enum list_format format)
{
    return formats[format].rank == LABEL_OFFICIAL;
}

const char *list_format_name(enum list_format format)
{
    return formats[format].name;
}

/* At most LIST_NAME_MAX bytes, never a part of a character. */
static size_t shown_length(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length <= LIST_NAME_MAX)
        return length;
    for (length = LIST_NAME_MAX; length && ((unsigned char)text[length] & 0xc0u) == 0x80u;)
        length--;
    return length;
}

enum tracer_status list_put(struct list_writer *writer, const struct label *claim)
{
    static const char *const confidences[] = {"high", "medium", "low"};
    char address[ADDRESS_TEXT_SIZE], chain[24];
    address_format(claim->address, address);
    snprintf(chain, sizeof(chain), "%" PRIu64, claim->chain_id);
    const char *cells[] = {address,
                           label_class_name(claim->class_),
                           "",
                           claim->name,
                           claim->category,
                           claim->entity,
                           chain,
                           claim->origin,
                           confidences[claim->confidence],
                           claim->valid_from,
                           claim->valid_to};
    if (writer->facts->labels == TRACER_LABELS_MAX)
        return error_set(writer->err, TRACER_E_LIMIT, "%s: more than %u labels (TRACER_LABELS_MAX)",
                         writer->file, TRACER_LABELS_MAX);
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
        csv_add(writer->csv, i == 0, cells[i] ? cells[i] : "", shown_length(cells[i]), false);
    buffer_char(writer->csv, '\n');
    writer->facts->labels++;
    writer->facts->entries++;
    return buffer_ok(writer->csv)
               ? TRACER_OK
               : error_set(writer->err, TRACER_E_NOMEM, "%s: no memory, or too large", writer->file);
}

void list_skip(struct list_writer *writer)
{
    writer->facts->entries++;
}

static bool small_number(const char *text, unsigned *ret_number)
{
    *ret_number = 0;
    if (!*text || strlen(text) > 4)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *ret_number = *ret_number * 10 + (unsigned)(*text - '0');
    }
    return true;
}

bool list_date(const char *year, const char *month, const char *day, char to[static 11])
{
    unsigned y, m, d;
    uint64_t ignored;
    if (!small_number(year, &y) || !small_number(month, &m) || !small_number(day, &d) || m > 12 || d > 31)
        return false;
    snprintf(to, 11, "%04u-%02u-%02u", y, m, d);
    return clock_parse_utc(to, 10, &ignored);
}

enum tracer_status list_set_date(struct list_writer *writer, const char *year, const char *month,
                                 const char *day)
{
    if (list_date(year, month, day, writer->facts->date))
        return TRACER_OK;
    return error_set(writer->err, TRACER_E_USAGE, "%s: the list's date is no date", writer->file);
}

/* A date that the list itself does not say. */
static enum tracer_status take_date(struct list_writer *writer, const char *date)
{
    uint64_t ignored;
    if (strlen(date) != 10 || !clock_parse_utc(date, 10, &ignored))
        return error_set(writer->err, TRACER_E_USAGE, "--date: not a date (YYYY-MM-DD)");
    if (writer->facts->date[0] && strcmp(writer->facts->date, date) != 0)
        return error_set(writer->err, TRACER_E_USAGE, "%s: says itself that it is of %s", writer->file,
                         writer->facts->date);
    memcpy(writer->facts->date, date, 11);
    return TRACER_OK;
}

/* The first line that is neither blank nor a comment. */
static const char *first_line(const char *data, size_t size, size_t *ret_length)
{
    size_t at = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, end;
    for (; at < size; at = end + 1) {
        const char *newline = memchr(data + at, '\n', size - at);
        end = newline ? (size_t)(newline - data) : size;
        while (at < end && (data[at] == ' ' || data[at] == '\t' || data[at] == '\r'))
            at++;
        if (at < end && data[at] != '#') {
            *ret_length = end - at;
            return data + at;
        }
    }
    *ret_length = 0;
    return data;
}

static bool holds(const char *data, size_t size, const char *text)
{
    return memmem(data, size, text, strlen(text)) != NULL;
}

bool list_recognise(const char *data, size_t size, enum list_format *ret_format)
{
    size_t length, word = 0;
    const char *line = first_line(data, size, &length);
    if (!length)
        return false;
    if (line[0] == '<') {
        bool simple = holds(data, size, "<sdnList");
        *ret_format = simple ? LIST_OFAC_SDN : LIST_OFAC_ADVANCED;
        return simple || holds(data, size, "Sanctions");
    }
    if (length >= 2 && line[0] == '0' && (line[1] == 'x' || line[1] == 'X') && !memchr(line, ',', length)) {
        *ret_format = LIST_PLAIN;
        return true;
    }
    if (line[0] >= '0' && line[0] <= '9' && memchr(line, ',', length)) {
        *ret_format = LIST_OFAC_CSV; /* our own files begin with a header */
        return true;
    }
    while (word < length && ((line[word] >= 'a' && line[word] <= 'z') || line[word] == '_'))
        word++;
    *ret_format = LIST_TAGPACK;
    return (length >= 3 && memcmp(line, "---", 3) == 0) || (word && word < length && line[word] == ':') ||
           line[0] == '%';
}

enum tracer_status list_read(const struct list_file *file, enum list_format format, struct buffer *ret_csv,
                             struct list_facts *ret_facts, struct error *err)
{
    char digest[65];
    struct buffer rows;
    buffer_init(&rows, TRACER_FILE_RESULT_MAX - MARK_LINE_MAX);
    *ret_facts = (struct list_facts){.format = format, .digest = digest_bytes(file->data, file->size)};
    struct list_writer writer = {file->name, file->rest_size, &rows, ret_facts, err};
    buffer_text(&rows, header);
    enum tracer_status status = TRACER_OK;
    if (file->rest_size && format != LIST_OFAC_CSV)
        status = error_set(err, TRACER_E_USAGE, "%s: only sdn.csv has comments", file->name);
    if (!status)
        status = formats[format].read(&writer, file->data, file->size);
    if (!status && file->date)
        status = take_date(&writer, file->date);
    digest_format(ret_facts->digest, digest);
    if (!status && ret_facts->entries == 0)
        status = error_set(err, TRACER_E_USAGE, "%s: holds no address at all", file->name);
    if (!status && (!buffer_printf(ret_csv, MARK " %s %s %s %" PRIu64 "\n", formats[format].name, digest,
                                   ret_facts->date[0] ? ret_facts->date : "-", ret_facts->entries) ||
                    !buffer_add(ret_csv, rows.data, rows.size)))
        status = error_set(err, TRACER_E_NOMEM, "%s: no memory", file->name);
    buffer_release(&rows);
    return status;
}

static bool digit_value(char c, unsigned *ret_value)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;
    *ret_value = at ? (unsigned)(at - digits) : 0;
    return at;
}

bool list_kept_facts(const void *data, size_t size, struct list_facts *ret_facts)
{
    char line[MARK_LINE_MAX + 1], name[32], digest[65], date[11];
    const char *newline = size ? memchr(data, '\n', size) : NULL;
    size_t length = newline ? (size_t)(newline - (const char *)data) : 0;
    *ret_facts = (struct list_facts){0};
    if (!length || length > MARK_LINE_MAX)
        return false;
    memcpy(line, data, length);
    line[length] = '\0';
    if (sscanf(line, MARK " %31s %64s %10s %" SCNu64, name, digest, date, &ret_facts->entries) != 4 ||
        strlen(digest) != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        unsigned high, low;
        if (!digit_value(digest[2 * i], &high) || !digit_value(digest[2 * i + 1], &low))
            return false;
        ret_facts->digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (strcmp(date, "-") != 0)
        memcpy(ret_facts->date, date, sizeof(date));
    for (ret_facts->format = 0; ret_facts->format < LIST_FORMAT_COUNT; ret_facts->format++)
        if (strcmp(formats[ret_facts->format].name, name) == 0)
            return true;
    return false;
}

enum tracer_status label_add_kept(struct label_set *set, const char *name, const void *data, size_t size,
                                  struct error *err)
{
    struct list_facts facts;
    if (!list_kept_facts(data, size, &facts))
        return error_set(err, TRACER_E_DAMAGED, "the store's list %s does not say what it is", name);
    enum tracer_status status = label_add_text(set, name, data, size, formats[facts.format].rank, facts.digest, err);
    if (!status) {
        label_set_origin(set, list_is_official(facts.format));
        label_set_date(set, facts.date);
    }
    return status;
}

enum tracer_status list_accept(const char *file, const struct list_facts *before,
                               const struct list_facts *now, struct error *err)
{
    if (before->date[0] && now->date[0] && strcmp(now->date, before->date) < 0)
        return error_set(
            err, TRACER_E_USAGE,
            "%s: its date is %s, and the store has the list of %s (--force takes it all the same)", file,
            now->date, before->date);
    if (before->date[0] && !now->date[0])
        return error_set(err, TRACER_E_USAGE,
                         "%s: does not say when it was published, and the store has the list of %s: --date YYYY-MM-DD (--force takes it without)", file,
                         before->date);
    /* Of all entries, and of those that count here: an edition may have lost one kind only. */
    const bool few = now->entries * 5 < before->entries * 4;
    if (few || now->labels * 5 < before->labels * 4)
        return error_set(err, TRACER_E_USAGE,
                         "%s: %" PRIu64 " %s, and its last version had %" PRIu64
                         ": cut, or a large removal (--force takes it all the same)",
                         file, few ? now->entries : now->labels, few ? "entries" : "labels", few ? before->entries : before->labels);
    return TRACER_OK;
}
