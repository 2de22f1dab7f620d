/* csv_parts.c - see csv_parts.h. */
#include "csv_parts.h"

#include "tracer/clock.h"
#include "tracer/csv.h"

#include <errno.h>
#include <string.h>

#define FOREIGN_TEXT_SIZE 512

void line_init(struct line *line)
{
    *line = (struct line){0};
    buffer_init(&line->bytes, CSV_LINE_BYTES_MAX);
}

void line_release(struct line *line)
{
    buffer_release(&line->bytes);
}

static void add(struct line *line, const char *text, bool foreign)
{
    csv_add(&line->bytes, !line->is_started, text, strlen(text), foreign);
    line->is_started = true;
}

void add_text(struct line *line, const char *text)
{
    add(line, text, false);
}

void add_foreign(struct line *line, const char *text)
{
    char shown[FOREIGN_TEXT_SIZE];
    add(line, shown_text(shown, sizeof(shown), text, strlen(text)), true);
}

void add_u64(struct line *line, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    add_text(line, text);
}

void add_amount(struct line *line, struct u320 amount)
{
    char text[U320_DECIMAL_MAX];
    u320_format_decimal(amount, text);
    add_text(line, text);
}

void add_hash(struct line *line, struct hash hash)
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    add_text(line, hash_is_zero(hash) ? "" : text);
}

void add_key(struct line *line, struct position position)
{
    char text[POSITION_TEXT_SIZE];
    position_format(position, text);
    add_text(line, text);
}

void add_time(struct line *line, uint64_t time)
{
    char text[32];
    clock_format_utc(time, text);
    if (time)
        add_u64(line, time);
    else
        add_text(line, "");
    add_text(line, time ? text : "");
}

void add_log_index(struct line *line, uint32_t log_index)
{
    if (log_index == LOG_INDEX_NONE)
        add_text(line, "");
    else
        add_u64(line, log_index);
}

void add_account(struct line *line, const struct view *view, uint32_t account)
{
    char text[ADDRESS_TEXT_SIZE];
    const struct result_account *found = view_account(view, account);
    if (found)
        address_format(found->address, text);
    add_text(line, found ? text : "");
    add_foreign(line, found ? found->name : "");
}

void add_asset(struct line *line, const struct view *view, uint32_t asset)
{
    char text[ASSET_TEXT_SIZE];
    const struct result_asset *found = view_asset(view, asset);
    asset_format(found->asset, text);
    add_text(line, text);
    add_foreign(line, found->symbol);
    add_u64(line, found->decimals);
    add_text(line, found->recognised ? "1" : "0");
}

enum tracer_status line_put(struct line *line, FILE *stream, struct error *err)
{
    buffer_char(&line->bytes, '\n');
    if (!buffer_ok(&line->bytes))
        return error_set(err, TRACER_E_LIMIT, "a line of the CSV report is too long, or no memory");
    if (fwrite(line->bytes.data, 1, line->bytes.size, stream) != line->bytes.size)
        return error_set(err, TRACER_E_IO, "writing the report failed (%s)", strerror(errno));
    buffer_clear(&line->bytes);
    line->is_started = false;
    return TRACER_OK;
}
