/* csv.c - one line a flagged hop; for a check one a line and source. */
#include "csv_parts.h"
#include "usd.h"

/* Two columns: price of the day, and value of the tainted units; empty if there is no price. */
static void add_value(struct line *line, const struct view *view, const struct result_hop *hop,
                      const struct prices *prices)
{
    const struct result_asset *asset = view_asset(view, hop->asset);
    struct u320 price, value;
    char text[USD_TEXT_SIZE];
    if (!prices_find(prices, &asset->asset, hop->time, &price) ||
        !prices_value(u320_from_u256(hop->tainted), price, &value)) {
        add_text(line, "");
        add_text(line, "");
        return;
    }
    usd_exact(price, 0, text);
    add_text(line, text);
    usd_exact(value, asset->decimals, text);
    add_text(line, text);
}

static void add_hop(struct line *line, const struct trace_result *result, const struct view *view,
                    const struct result_hop *hop, const struct prices *prices)
{
    char rules[LINK_RULES_TEXT_SIZE];
    add_key(line, hop->position);
    if (hop->block_number)
        add_u64(line, hop->block_number);
    else
        add_text(line, "");
    add_hash(line, hop->transaction_hash);
    add_log_index(line, hop->log_index);
    add_time(line, hop->time);
    add_text(line, transfer_kind_name(hop->kind));
    add_account(line, view, hop->from);
    add_account(line, view, hop->to);
    add_asset(line, view, hop->asset);
    add_amount(line, u320_from_u256(hop->amount));
    add_text(line, result->sources[hop->source]);
    add_amount(line, u320_from_u256(hop->tainted));
    add_u64(line, hop->hop);
    if (hop->parent == RESULT_NONE)
        add_text(line, "");
    else
        add_key(line, result->hops[hop->parent].position);
    add_text(line, grade_name(hop->grade));
    add_text(line, grade_name(hop->path_grade));
    add_text(line, leg_name(hop->leg));
    if (hop->link)
        add_u64(line, hop->link);
    else
        add_text(line, "");
    add_text(line, link_rules_text(hop->rules, rules));
    add_amount(line, u320_from_u256(hop->unproven));
    if (prices)
        add_value(line, view, hop, prices);
    add_text(line, "tracer/trace-csv/1");
}

static enum tracer_status put_hops(FILE *stream, const struct trace_result *result, size_t first,
                                   const struct prices *prices, struct error *err)
{
    struct line line;
    struct view view = view_of_trace(result);
    enum tracer_status status = TRACER_OK;
    line_init(&line);
    for (size_t i = first; i < result->hop_count && !status; i++) {
        add_hop(&line, result, &view, &result->hops[i], prices);
        status = line_put(&line, stream, err);
    }
    line_release(&line);
    return status ? status : stream_done(stream, err);
}

enum tracer_status csv_new_hops(FILE *stream, const struct trace_result *result, size_t first,
                                struct error *err)
{
    return put_hops(stream, result, first, NULL, err);
}

enum tracer_status csv_trace(FILE *stream, const struct trace_result *result,
                             const struct report_options *options, struct error *err)
{
    if (options && options->table != TABLE_HOPS)
        return csv_table(stream, result, options->table, err);
    const struct prices *prices = options ? options->prices : NULL;
    fputs("key,block_number,transaction_hash,log_index,time,time_utc,kind,from,from_name,to,to_name,asset,"
          "symbol,"
          "decimals,recognised,amount,source,tainted,hop,parent,grade,path_grade,leg,link,rule,unproven,",
          stream);
    fputs(prices ? "usd_price,usd,schema\n" : "schema\n", stream);
    return put_hops(stream, result, 0, prices, err);
}

#define CHECK_LINE_COLUMNS 21  /* from `what` to `ppm_max` */
#define CHECK_SOURCE_COLUMNS 6 /* from `source` to `path` */

static void add_answer(struct line *line, const struct check_answer *answer)
{
    add_foreign(line, answer->target);
    add_text(line, verdict_name(answer->verdict));
    add_foreign(line, answer->reason_count ? answer->reasons[0] : "");
}

static void add_check_line(struct line *line, const struct view *view, const struct check_line *checked)
{
    add_text(line, check_what_name(checked->what));
    add_text(line, checked->status);
    if (checked->has_position)
        add_key(line, checked->position);
    else
        add_text(line, "");
    add_hash(line, checked->transaction_hash);
    add_log_index(line, checked->has_position ? checked->log_index : LOG_INDEX_NONE);
    add_time(line, checked->time);
    add_account(line, view, checked->from);
    add_account(line, view, checked->to);
    add_asset(line, view, checked->asset);
    add_amount(line, checked->amount);
    add_amount(line, checked->tainted);
    add_amount(line, checked->unknown);
    add_amount(line, checked->clean);
    add_u64(line, checked->ppm_min);
    add_u64(line, checked->ppm_max);
}

static void add_exposure(struct line *line, const struct check_result *result,
                         const struct check_exposure *exposure)
{
    struct buffer path;
    buffer_init(&path, CSV_LINE_BYTES_MAX);
    for (size_t i = 0; i < exposure->path_count; i++) {
        char key[POSITION_TEXT_SIZE];
        position_format(result->steps[exposure->path[i]].position, key);
        if (i > 0)
            buffer_char(&path, ' ');
        buffer_text(&path, key);
    }
    add_text(line, exposure->source);
    add_amount(line, exposure->amount);
    add_u64(line, exposure->ppm);
    add_u64(line, exposure->hop);
    add_text(line, exposure->direct ? "1" : "0");
    if (!buffer_ok(&path)) /* the line fails with it */
        line->bytes.failed = true;
    add_text(line, path.size ? path.data : "");
    buffer_release(&path);
}

static void add_nothing(struct line *line, int count)
{
    for (int i = 0; i < count; i++)
        add_text(line, "");
}

static enum tracer_status put_line_rows(struct line *line, FILE *stream, const struct check_result *result,
                                        const struct view *view, const struct check_answer *answer,
                                        const struct check_line *checked, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t rows = checked->exposure_count ? checked->exposure_count : 1;
    for (size_t i = 0; i < rows && !status; i++) {
        add_answer(line, answer);
        add_check_line(line, view, checked);
        if (checked->exposure_count)
            add_exposure(line, result, &checked->exposures[i]);
        else
            add_nothing(line, CHECK_SOURCE_COLUMNS);
        add_text(line, "tracer/check-csv/1");
        status = line_put(line, stream, err);
    }
    return status;
}

enum tracer_status csv_check(FILE *stream, const struct check_result *result,
                             const struct report_options *options, struct error *err)
{
    struct line line;
    struct view view = view_of_check(result);
    enum tracer_status status = TRACER_OK;
    (void)options;
    line_init(&line);
    fputs(
        "target,verdict,reason,what,status,key,transaction_hash,log_index,time,time_utc,from,from_name,to,to_"
        "name,"
        "asset,symbol,decimals,recognised,amount,tainted,unknown,clean,ppm_min,ppm_max,source,source_amount,"
        "source_ppm,hop,direct,path,schema\n",
        stream);
    for (size_t i = 0; i < result->answer_count && !status; i++) {
        const struct check_answer *answer = &result->answers[i];
        for (size_t l = 0; l < answer->line_count && !status; l++)
            status = put_line_rows(&line, stream, result, &view, answer, &answer->lines[l], err);
        if (answer->line_count)
            continue;
        add_answer(&line, answer);
        add_nothing(&line, CHECK_LINE_COLUMNS + CHECK_SOURCE_COLUMNS);
        add_text(&line, "tracer/check-csv/1");
        status = line_put(&line, stream, err);
    }
    line_release(&line);
    return status ? status : stream_done(stream, err);
}
