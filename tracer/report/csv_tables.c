/* csv_tables.c - the tables of a trace beside its hops (--format csv --table NAME). */
#include "csv_parts.h"

#include "tracer/csv.h"

#include <string.h>

#define NOTE_TEXT_SIZE TRACER_KIB(16)

static void add_address(struct line *line, struct address address)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    add_text(line, text);
}

static void add_empty(struct line *line, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        add_text(line, "");
}

static void add_totals(struct line *line, const struct trace_result *result, const struct view *view,
                       size_t index)
{
    const struct result_total *total = &result->totals[index];
    add_text(line, result->sources[total->source]);
    add_asset(line, view, total->asset);
    add_amount(line, total->seeded);
    add_amount(line, total->emitted);
    add_amount(line, total->converted_in);
    for (int place = 0; place < PLACE_IS_COUNT; place++)
        add_amount(line, total->places[place]);
    add_text(line, total_is_balanced(total) ? "1" : "0");
    add_amount(line, total_unproven(total));
}

static void add_places(struct line *line, const struct trace_result *result, const struct view *view,
                       size_t index)
{
    const struct result_place *place = &result->places[index];
    add_text(line, result->sources[place->source]);
    add_asset(line, view, place->asset);
    add_text(line, place_name(place->place));
    add_account(line, view, place->account);
    add_amount(line, place->amount);
    add_amount(line, place->unproven);
}

static void add_seeds(struct line *line, const struct trace_result *result, const struct view *view,
                      size_t index)
{
    const struct result_seed *seed = &result->seeds[index];
    add_text(line, result->sources[seed->source]);
    add_text(line, seed->is_address ? "address" : "transfer");
    if (seed->is_address) {
        add_address(line, seed->address);
        add_u64(line, seed->block_number);
        add_empty(line, 9);
        return;
    }
    add_empty(line, 2);
    add_key(line, seed->position);
    add_hash(line, seed->transaction_hash);
    add_time(line, seed->time);
    add_asset(line, view, seed->asset);
    add_amount(line, u320_from_u256(seed->amount));
}

static void add_accounts(struct line *line, const struct trace_result *result, const struct view *view,
                         size_t index)
{
    const struct result_account *account = &result->accounts[index];
    (void)view;
    add_address(line, account->address);
    add_text(line, account->labelled ? label_class_name(account->class_) : "");
    add_foreign(line, account->name);
    add_foreign(line, account->category);
    add_foreign(line, account->entity);
    add_foreign(line, account->origin);
}

static void add_assets(struct line *line, const struct trace_result *result, const struct view *view,
                       size_t index)
{
    (void)result;
    add_asset(line, view, (uint32_t)index);
}

static void add_limits(struct line *line, const struct trace_result *result, const struct view *view,
                       size_t index)
{
    const struct result_note *note = &result->head.notes[index];
    char shown[NOTE_TEXT_SIZE];
    (void)view;
    add_text(line, note_kind_name(note->kind));
    shown_text(shown, sizeof(shown), note->text, strlen(note->text));
    csv_add(&line->bytes, false, shown, strlen(shown), true);
}

static void add_inputs(struct line *line, const struct trace_result *result, const struct view *view,
                       size_t index)
{
    const struct result_input *input = &result->head.inputs[index];
    (void)view;
    add_text(line, input->role);
    add_foreign(line, input->name);
    add_text(line, input->sha256);
}

/* TABLE_HOPS is csv_trace()'s. */
static const struct {
    const char *schema, *columns;
    void (*add)(struct line *line, const struct trace_result *result, const struct view *view, size_t index);
} tables[TABLE_COUNT] = {
    [TABLE_TOTALS] =
        {"tracer/totals-csv/1",
         "source,asset,symbol,decimals,recognised,seeded,emitted,converted_in,held,service,mixer,"
         "bridge,venue,burned,fees,converted,not_explored,retagged,balanced,unproven",
         add_totals},
    [TABLE_PLACES] = {"tracer/places-csv/1",
                      "source,asset,symbol,decimals,recognised,place,account,account_name,amount,unproven",
                      add_places},
    [TABLE_SEEDS] =
        {"tracer/seeds-csv/1",
         "source,kind,address,block_number,key,transaction_hash,time,time_utc,asset,symbol,decimals,"
         "recognised,amount",
         add_seeds},
    [TABLE_ACCOUNTS] = {"tracer/accounts-csv/1", "address,class,name,category,entity,origin", add_accounts},
    [TABLE_ASSETS] = {"tracer/assets-csv/1", "asset,symbol,decimals,recognised", add_assets},
    [TABLE_LIMITS] = {"tracer/limits-csv/1", "kind,text", add_limits},
    [TABLE_INPUTS] = {"tracer/inputs-csv/1", "role,name,sha256", add_inputs},
};

static size_t row_count(const struct trace_result *result, enum report_table table)
{
    switch (table) {
    case TABLE_HOPS:
        return result->hop_count;
    case TABLE_TOTALS:
        return result->total_count;
    case TABLE_PLACES:
        return result->place_count;
    case TABLE_SEEDS:
        return result->seed_count;
    case TABLE_ACCOUNTS:
        return result->account_count;
    case TABLE_ASSETS:
        return result->asset_count;
    case TABLE_LIMITS:
        return result->head.note_count;
    case TABLE_INPUTS:
        return result->head.input_count;
    case TABLE_COUNT:
        break;
    }
    return 0;
}

enum tracer_status csv_table(FILE *stream, const struct trace_result *result, enum report_table table,
                             struct error *err)
{
    struct line line;
    struct view view = view_of_trace(result);
    enum tracer_status status = TRACER_OK;
    size_t count = row_count(result, table);
    line_init(&line);
    fprintf(stream, "%s,schema\n", tables[table].columns);
    for (size_t i = 0; i < count && !status; i++) {
        tables[table].add(&line, result, &view, i);
        add_text(&line, tables[table].schema);
        status = line_put(&line, stream, err);
    }
    line_release(&line);
    return status ? status : stream_done(stream, err);
}
