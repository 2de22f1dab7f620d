/* text_stolen.c - the first thing that a report says: what was stolen, and by which transfers. */
#include "text.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <string.h>

static bool is_known(const struct view *view, uint32_t asset)
{
    return view_asset(view, asset)->recognised;
}

static void print_seed(const struct text *text, const struct trace_result *result,
                       const struct result_seed *seed)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], transaction[HASH_TEXT_SIZE], time[32];
    if (seed->is_address) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(seed->address, address);
        text_wrap_printf(text, "    ", "%s: everything at %s from %s %" PRIu64 " on",
                         result->sources[seed->source], address,
                         text->view.head->time_keys ? "Unix time" : "block", seed->block_number);
        return;
    }
    clock_format_utc(seed->time, time);
    view_amount(&text->view, seed->asset, u320_from_u256(seed->amount), amount);
    view_asset_name(&text->view, seed->asset, asset);
    if (hash_is_zero(seed->transaction_hash))
        text_transaction(text, seed->transaction_hash, seed->position, transaction);
    else
        hash_format(seed->transaction_hash, transaction);
    text_wrap_printf(text, "    ", "%s: %s %s%s%s in %s", result->sources[seed->source], amount, asset,
                     seed->time ? " at " : "", seed->time ? time : "", transaction);
}

/* What the seeds named, one line a source and asset; amounts under each other. */
static void print_stolen(const struct text *text, const struct trace_result *result, bool recognised)
{
    struct amount_column amounts = {0};
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE];
    unsigned width = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < result->total_count; i++) {
            const struct result_total *total = &result->totals[i];
            struct u320 in = total->seeded;
            u320_add_u320(&in, total->emitted);
            if (u320_is_zero(in) || is_known(&text->view, total->asset) != recognised)
                continue;
            view_amount(&text->view, total->asset, in, amount);
            view_asset_name(&text->view, total->asset, asset);
            unsigned length = (unsigned)strlen(result->sources[total->source]);
            if (pass == 0) {
                amount_column_add(&amounts, amount);
                width = length > width ? length : width;
                continue;
            }
            fprintf(text->stream, "  %-*s  ", (int)width, result->sources[total->source]);
            amount_column_print(text, &amounts, amount);
            fprintf(text->stream, " %s\n", asset);
        }
}

void text_stolen(const struct text *text, const struct trace_result *result)
{
    bool has_unlisted = false;
    for (size_t i = 0; i < result->total_count; i++)
        has_unlisted = has_unlisted || (!is_known(&text->view, result->totals[i].asset) &&
                                        !u320_is_zero(result->totals[i].seeded));
    text_heading(text, "STOLEN");
    print_stolen(text, result, true);
    if (has_unlisted) {
        text_wrap(text, "  ", "and, of assets that are not in the list (in their smallest units, no total):");
        print_stolen(text, result, false);
    }
    if (result->seed_count)
        fputs(result->total_count ? "\n  by\n" : "  by\n", text->stream);
    for (size_t i = 0; i < result->seed_count; i++)
        print_seed(text, result, &result->seeds[i]);
    if (!result->seed_count && !result->total_count)
        fputs("  nothing\n", text->stream);
}
