/* write.c - the result files of taint-spec 11 and the JSON of 10, to the byte. */
#include "engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const table_names[TAINT_TABLE_COUNT] = {"hops.csv",     "holdings.csv", "lots.csv",
                                                           "absorbed.csv", "totals.csv",   "diag.csv"};

const char *taint_table_name(enum taint_table table)
{
    return table < TAINT_TABLE_COUNT ? table_names[table] : "?";
}

bool taint_has_table(const struct taint *taint, enum taint_table table)
{
    if (table == TAINT_LOTS)
        return taint->policy->ordered;
    return table != TAINT_TOTALS || taint->options.policy != POLICY_POISON;
}

const char *taint_place_name(enum taint_place_class place)
{
    static const char *const words[] = {"service", "mixer", "bridge", "venue", "frontier"};
    return place <= PLACE_FRONTIER ? words[place] : "?";
}

const char *taint_status_name(enum taint_status status)
{
    static const char *const words[] = {"ok", "zero", "self", "overflow", "not_in_graph"};
    return status <= CHECK_NOT_IN_GRAPH ? words[status] : "?";
}

static void put_account(FILE *stream, const struct taint *taint, uint32_t id)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(taint->cursor->account(taint->cursor->self, id), text);
    fputs(text, stream);
}

static void put_asset(FILE *stream, const struct taint *taint, uint32_t id)
{
    char text[ASSET_TEXT_SIZE];
    asset_format(taint->cursor->asset(taint->cursor->self, id), text);
    fputs(text, stream);
}

static void put_amount(FILE *stream, struct u320 amount)
{
    char text[U320_DECIMAL_MAX];
    u320_format_decimal(amount, text);
    fputs(text, stream);
}

static void put_position(FILE *stream, struct position position)
{
    char text[POSITION_TEXT_SIZE];
    position_format(position, text);
    fputs(text, stream);
}

static void write_hops(const struct taint *taint, FILE *stream)
{
    fputs("block,txi,idx,asset,from,to,amount,source,tainted,hop,parent\n", stream);
    for (size_t i = 0; i < taint->record_count; i++) {
        struct taint_hop hop = taint_hop_at(taint, i);
        if (!hop.shown)
            continue;
        fprintf(stream, "%" PRIu64 ",%" PRId32 ",%" PRIu32 ",", hop.position.block_number,
                hop.position.transaction_index, hop.position.index);
        put_asset(stream, taint, hop.asset);
        fputc(',', stream);
        put_account(stream, taint, hop.from);
        fputc(',', stream);
        put_account(stream, taint, hop.to);
        fputc(',', stream);
        put_amount(stream, u320_from_u256(hop.amount));
        fprintf(stream, ",%s,", taint->source_names[hop.source]);
        put_amount(stream, u320_from_u256(hop.tainted));
        fprintf(stream, ",%" PRIu32 ",", hop.hop);
        if (hop.has_parent)
            put_position(stream, hop.parent);
        else
            fputc('-', stream);
        fputc('\n', stream);
    }
}

static void write_holdings(const struct taint *taint, FILE *stream)
{
    fputs("account,asset,balance,tag,amount,hop,via\n", stream);
    for (size_t i = 0; i < taint_holding_count(taint); i++) {
        struct taint_holding holding = taint_holding_at(taint, i);
        put_account(stream, taint, holding.account);
        fputc(',', stream);
        put_asset(stream, taint, holding.asset);
        fputc(',', stream);
        put_amount(stream, u320_from_u256(holding.balance));
        fprintf(stream, ",%s,", taint_tag_name(taint, holding.tag));
        put_amount(stream, u320_from_u256(holding.amount));
        if (holding.tag == TAINT_UNKNOWN) {
            fputs(",,\n", stream);
            continue;
        }
        fprintf(stream, ",%" PRIu32 ",", holding.hop);
        if (holding.has_via)
            put_position(stream, holding.via);
        else
            fputc('-', stream);
        fputc('\n', stream);
    }
}

struct lot_writer {
    const struct taint *taint;
    FILE *stream;
};

static enum tracer_status write_lot(void *context, uint32_t account, uint32_t asset, uint64_t pos, struct u256 amount,
                                    uint32_t tag, struct error *err)
{
    const struct lot_writer *writer = context;
    (void)err;
    put_account(writer->stream, writer->taint, account);
    fputc(',', writer->stream);
    put_asset(writer->stream, writer->taint, asset);
    fprintf(writer->stream, ",%" PRIu64 ",", pos);
    put_amount(writer->stream, u320_from_u256(amount));
    fprintf(writer->stream, ",%s\n", taint_tag_name(writer->taint, tag));
    return TRACER_OK;
}

static void write_absorbed(const struct taint *taint, FILE *stream)
{
    fputs("account,class,asset,tag,amount\n", stream);
    for (size_t i = 0; i < taint->absorbed_shown_count; i++) {
        const struct taint_absorbed *absorbed = &taint->absorbed_shown[i];
        put_account(stream, taint, absorbed->account);
        fprintf(stream, ",%s,", taint_place_name(absorbed->place));
        put_asset(stream, taint, absorbed->asset);
        fprintf(stream, ",%s,", taint_tag_name(taint, absorbed->tag));
        put_amount(stream, absorbed->amount);
        fputc('\n', stream);
    }
}

static void write_totals(const struct taint *taint, FILE *stream)
{
    fputs("asset,tag,seeded,emitted,created,converted_in,held,absorbed,burned,fees,converted_out,retagged\n", stream);
    for (size_t i = 0; i < taint->totals_shown_count; i++) {
        const struct taint_total *total = &taint->totals_shown[i];
        const struct u320 columns[] = {total->seeded, total->emitted,  total->created, total->converted_in,  total->held,
                                       total->absorbed, total->burned, total->fees,    total->converted_out, total->retagged};
        put_asset(stream, taint, total->asset);
        fprintf(stream, ",%s", taint_tag_name(taint, total->tag));
        for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
            fputc(',', stream);
            put_amount(stream, columns[c]);
        }
        fputc('\n', stream);
    }
}

static void write_diag(const struct taint *taint, FILE *stream)
{
    const struct taint_diag counted = taint_diag(taint), *diag = &counted;
    fprintf(stream,
            "name,count\ngroups_bad,%" PRIu64 "\ngroups_ok,%" PRIu64 "\noverflow,%" PRIu64 "\noverspend,%" PRIu64
            "\nrows,%" PRIu64 "\nseeds_noop,%" PRIu64 "\nself,%" PRIu64 "\nzero,%" PRIu64 "\n",
            diag->groups_bad, diag->groups_ok, diag->overflow, diag->overspend, diag->rows, diag->seeds_noop, diag->self,
            diag->zero);
}

enum tracer_status taint_write_table(const struct taint *taint, enum taint_table table, FILE *stream, struct error *err)
{
    struct lot_writer writer = {taint, stream};
    enum tracer_status status = TRACER_OK;
    switch (table) {
    case TAINT_HOPS:
        write_hops(taint, stream);
        break;
    case TAINT_HOLDINGS:
        write_holdings(taint, stream);
        break;
    case TAINT_LOTS:
        fputs("account,asset,pos,amount,tag\n", stream);
        status = taint_each_lot(taint, write_lot, &writer, err);
        break;
    case TAINT_ABSORBED:
        write_absorbed(taint, stream);
        break;
    case TAINT_TOTALS:
        write_totals(taint, stream);
        break;
    case TAINT_DIAG:
        write_diag(taint, stream);
        break;
    case TAINT_TABLE_COUNT:
        break;
    }
    return !status && ferror(stream) ? error_set(err, TRACER_E_IO, "the output could not be written") : status;
}

static void put_text(FILE *stream, const char *name, struct u256 amount)
{
    fprintf(stream, "\"%s\":\"", name);
    put_amount(stream, u320_from_u256(amount));
    fputs("\",", stream);
}

static bool put_path(FILE *stream, const struct taint *taint, size_t hop_index)
{
    size_t length = hop_index == SIZE_MAX ? 0 : taint_path(taint, hop_index, NULL, 0);
    size_t *path = malloc((length + 1) * sizeof(*path));
    if (!path)
        return false;
    taint_path(taint, hop_index, path, length);
    for (size_t i = 0; i < length; i++) {
        fputs(i ? ",\"" : "\"", stream);
        put_position(stream, taint_hop_at(taint, path[i]).position);
        fputc('"', stream);
    }
    free(path);
    return true;
}

enum tracer_status taint_write_check(const struct taint *taint, const struct taint_check *check, FILE *stream, struct error *err)
{
    char key[POSITION_TEXT_SIZE];
    bool there = check->status != CHECK_NOT_IN_GRAPH;
    position_format(check->position, key);
    fputc('{', stream);
    put_text(stream, "amount", check->amount);
    fputs("\"asset\":\"", stream);
    if (there)
        put_asset(stream, taint, check->asset);
    fputs("\",", stream);
    put_text(stream, "clean", check->clean);
    put_text(stream, "direct", check->direct);
    fputs("\"from\":\"", stream);
    if (there)
        put_account(stream, taint, check->from);
    fputs("\",", stream);
    put_text(stream, "indirect", check->indirect);
    fprintf(stream, "\"key\":\"%s\",\"policy\":\"%s\",\"ppm_max\":%" PRIu32 ",\"ppm_min\":%" PRIu32 ",\"sources\":[", key,
            taint->policy->name, check->ppm_max, check->ppm_min);
    for (size_t s = 0; s < check->source_count; s++) {
        const struct taint_check_source *source = &check->sources[s];
        fputs(s ? ",{" : "{", stream);
        put_text(stream, "amount", source->amount);
        fprintf(stream, "\"direct\":%s,\"hop\":%" PRId32 ",\"path\":[", source->direct ? "true" : "false", source->hop);
        if (!put_path(stream, taint, source->hop_index))
            return error_set(err, TRACER_E_NOMEM, "no memory");
        fprintf(stream, "],\"ppm\":%" PRIu32 ",\"source\":\"%s\"}", source->ppm, taint->source_names[source->source]);
    }
    fprintf(stream, "],\"status\":\"%s\",", taint_status_name(check->status));
    put_text(stream, "tainted", check->tainted);
    fputs("\"to\":\"", stream);
    if (there)
        put_account(stream, taint, check->to);
    fputs("\",\"unknown\":\"", stream);
    put_amount(stream, u320_from_u256(check->unknown));
    fputs("\"}\n", stream);
    return ferror(stream) ? error_set(err, TRACER_E_IO, "the output could not be written") : TRACER_OK;
}
