/* json.c - tracer/trace/1 and tracer/check/1 (docs/formats.md). */
#include "json_parts.h"

void json_put_seeds(struct json_writer *json, const struct trace_result *result, const struct view *view)
{
    char address[ADDRESS_TEXT_SIZE];
    json_put_open(json, "sources", '[');
    for (size_t i = 0; i < result->source_count; i++)
        json_text(json, result->sources[i]);
    json_shut(json, ']');
    json_put_open(json, "seeds", '[');
    for (size_t i = 0; i < result->seed_count; i++) {
        const struct result_seed *seed = &result->seeds[i];
        json_open(json, '{');
        json_put_text(json, "source", result->sources[seed->source]);
        json_put_text(json, "kind", seed->is_address ? "address" : "transfer");
        if (seed->is_address) {
            address_format(seed->address, address);
            json_put_text(json, "address", address);
            json_put_u64(json, "block_number", seed->block_number);
        } else {
            json_put_position(json, "key", seed->position);
            json_put_hash(json, "transaction_hash", seed->transaction_hash);
            json_put_time(json, seed->time);
            json_put_asset(json, "asset", view, seed->asset);
            json_put_amount256(json, "amount", seed->amount);
        }
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

static void put_totals(struct json_writer *json, const struct trace_result *result, const struct view *view)
{
    json_put_open(json, "totals", '[');
    for (size_t i = 0; i < result->total_count; i++) {
        const struct result_total *total = &result->totals[i];
        const struct result_asset *asset = view_asset(view, total->asset);
        json_open(json, '{');
        json_put_text(json, "source", result->sources[total->source]);
        json_put_asset(json, "asset", view, total->asset);
        json_put_text(json, "symbol", asset->symbol);
        json_put_u64(json, "decimals", asset->decimals);
        json_put_truth(json, "recognised", asset->recognised);
        json_put_amount(json, "seeded", total->seeded);
        json_put_amount(json, "emitted", total->emitted);
        json_put_amount(json, "converted_in", total->converted_in);
        json_put_open(json, "places", '{');
        for (int place = 0; place < PLACE_IS_COUNT; place++)
            json_put_amount(json, place_name((enum place)place), total->places[place]);
        json_shut(json, '}');
        json_put_amount(json, "unproven", total_unproven(total));
        json_put_truth(json, "balanced", total_is_balanced(total));
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

static void put_places(struct json_writer *json, const struct trace_result *result, const struct view *view)
{
    json_put_open(json, "places", '[');
    for (size_t i = 0; i < result->place_count; i++) {
        const struct result_place *place = &result->places[i];
        json_open(json, '{');
        json_put_text(json, "source", result->sources[place->source]);
        json_put_asset(json, "asset", view, place->asset);
        json_put_text(json, "place", place_name(place->place));
        json_put_account(json, "account", view, place->account);
        json_put_amount(json, "amount", place->amount);
        json_put_amount(json, "unproven", place->unproven);
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

static void put_leg(struct json_writer *json, enum transfer_leg leg, uint32_t link, uint32_t rules)
{
    char text[LINK_RULES_TEXT_SIZE];
    if (leg == LEG_NONE)
        json_put_nothing(json, "leg");
    else
        json_put_text(json, "leg", leg_name(leg));
    if (link)
        json_put_u64(json, "link", link);
    else
        json_put_nothing(json, "link");
    if (*link_rules_text(rules, text))
        json_put_text(json, "rule", text);
    else
        json_put_nothing(json, "rule");
}

static void put_hop(struct json_writer *json, const struct trace_result *result, const struct view *view,
                    const struct result_hop *hop)
{
    json_open(json, '{');
    json_put_position(json, "key", hop->position);
    if (hop->block_number)
        json_put_u64(json, "block_number", hop->block_number);
    else
        json_put_nothing(json, "block_number");
    json_put_hash(json, "transaction_hash", hop->transaction_hash);
    json_put_log_index(json, hop->log_index);
    json_put_time(json, hop->time);
    json_put_text(json, "kind", transfer_kind_name(hop->kind));
    json_put_account(json, "from", view, hop->from);
    json_put_account(json, "to", view, hop->to);
    json_put_asset(json, "asset", view, hop->asset);
    json_put_amount256(json, "amount", hop->amount);
    json_put_text(json, "source", result->sources[hop->source]);
    json_put_amount256(json, "tainted", hop->tainted);
    json_put_amount256(json, "unproven", hop->unproven);
    json_put_u64(json, "hop", hop->hop);
    if (hop->parent == RESULT_NONE)
        json_put_nothing(json, "parent");
    else
        json_put_position(json, "parent", result->hops[hop->parent].position);
    json_put_text(json, "grade", grade_name(hop->grade));
    json_put_text(json, "path_grade", grade_name(hop->path_grade));
    put_leg(json, hop->leg, hop->link, hop->rules);
    json_shut(json, '}');
}

enum tracer_status json_new_hops(FILE *stream, const struct trace_result *result, size_t first, struct error *err)
{
    struct view view = view_of_trace(result);
    for (size_t i = first; i < result->hop_count; i++) {
        struct json_writer json;
        json_writer_init_line(&json, stream);
        put_hop(&json, result, &view, &result->hops[i]);
    }
    return stream_done(stream, err);
}

enum tracer_status jsonl_trace(FILE *stream, const struct trace_result *result, const struct report_options *options,
                               struct error *err)
{
    (void)options;
    return json_new_hops(stream, result, 0, err);
}

enum tracer_status json_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err)
{
    struct json_writer json;
    struct view view = view_of_trace(result);
    (void)options; /* a document is always whole */
    json_writer_init(&json, stream);
    json_open(&json, '{');
    json_put_head(&json, "tracer/trace/1", &view);
    json_put_seeds(&json, result, &view);
    put_totals(&json, result, &view);
    put_places(&json, result, &view);
    json_put_tables(&json, &view);
    json_put_open(&json, "hops", '[');
    for (size_t i = 0; i < result->hop_count; i++)
        put_hop(&json, result, &view, &result->hops[i]);
    json_shut(&json, ']');
    json_put_open(&json, "gapped", '[');
    for (size_t i = 0; i < result->gapped_count; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(result->gapped[i], address);
        json_text(&json, address);
    }
    json_shut(&json, ']');
    json_put_truth(&json, "touches_gap", result->touches_gap);
    json_put_tail(&json, &view);
    json_shut(&json, '}');
    return stream_done(stream, err);
}

static void put_exposure(struct json_writer *json, const struct check_result *result,
                         const struct check_exposure *exposure)
{
    json_open(json, '{');
    json_put_text(json, "source", exposure->source);
    json_put_text(json, "category", exposure->category);
    json_put_amount(json, "amount", exposure->amount);
    json_put_u64(json, "ppm", exposure->ppm);
    json_put_u64(json, "hop", exposure->hop);
    json_put_truth(json, "direct", exposure->direct);
    json_put_open(json, "path", '[');
    for (size_t i = 0; i < exposure->path_count; i++) {
        char key[POSITION_TEXT_SIZE];
        position_format(result->steps[exposure->path[i]].position, key);
        json_text(json, key);
    }
    json_shut(json, ']');
    json_shut(json, '}');
}

static void put_categories(struct json_writer *json, const struct view *view, const struct check_line *line)
{
    struct category_sum sums[CATEGORIES_MAX];
    size_t count = sum_categories(line, strcmp(view->head->policy, "poison") == 0, sums);
    json_put_open(json, "categories", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(json, '{');
        json_put_text(json, "category", sums[i].category);
        json_put_amount(json, "direct", sums[i].direct);
        json_put_amount(json, "indirect", sums[i].indirect);
        json_put_u64(json, "ppm", sums[i].ppm);
        json_put_u64(json, "hop", sums[i].hop);
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

static void put_line(struct json_writer *json, const struct check_result *result, const struct view *view,
                     const struct check_line *line)
{
    json_open(json, '{');
    json_put_text(json, "what", check_what_name(line->what));
    if (line->has_position)
        json_put_position(json, "key", line->position);
    else
        json_put_nothing(json, "key");
    json_put_hash(json, "transaction_hash", line->transaction_hash);
    json_put_log_index(json, line->has_position ? line->log_index : LOG_INDEX_NONE);
    json_put_time(json, line->time);
    json_put_text(json, "status", line->status);
    json_put_asset(json, "asset", view, line->asset);
    json_put_account(json, "from", view, line->from);
    json_put_account(json, "to", view, line->to);
    json_put_amount(json, "amount", line->amount);
    json_put_amount(json, "tainted", line->tainted);
    json_put_amount(json, "unknown", line->unknown);
    json_put_amount(json, "clean", line->clean);
    json_put_u64(json, "ppm_min", line->ppm_min);
    json_put_u64(json, "ppm_max", line->ppm_max);
    put_categories(json, view, line);
    json_put_open(json, "sources", '[');
    for (size_t i = 0; i < line->exposure_count; i++)
        put_exposure(json, result, &line->exposures[i]);
    json_shut(json, ']');
    json_put_open(json, "origins", '[');
    for (size_t i = 0; i < line->origin_count; i++)
        put_exposure(json, result, &line->origins[i]);
    json_shut(json, ']');
    json_shut(json, '}');
}

static void put_answer(struct json_writer *json, const struct check_result *result, const struct view *view,
                       const struct check_answer *answer)
{
    json_open(json, '{');
    json_put_text(json, "target", answer->target);
    json_put_account(json, "address", view, answer->is_address ? answer->account : RESULT_NONE);
    json_put_text(json, "verdict", verdict_name(answer->verdict));
    json_put_text(json, "rule", answer->rule);
    json_put_open(json, "reasons", '[');
    for (size_t i = 0; i < answer->reason_count; i++)
        json_text(json, answer->reasons[i]);
    json_shut(json, ']');
    json_put_open(json, "lines", '[');
    for (size_t i = 0; i < answer->line_count; i++)
        put_line(json, result, view, &answer->lines[i]);
    json_shut(json, ']');
    json_shut(json, '}');
}

enum tracer_status report_answer(FILE *stream, const struct check_result *result, size_t index, struct error *err)
{
    struct json_writer json;
    struct view view = view_of_check(result);
    json_writer_init_line(&json, stream);
    put_answer(&json, result, &view, &result->answers[index]);
    return stream_done(stream, err);
}

static void put_step(struct json_writer *json, const struct view *view, const struct check_step *step)
{
    json_open(json, '{');
    json_put_position(json, "key", step->position);
    json_put_hash(json, "transaction_hash", step->transaction_hash);
    json_put_time(json, step->time);
    json_put_account(json, "from", view, step->from);
    json_put_account(json, "to", view, step->to);
    json_put_asset(json, "asset", view, step->asset);
    json_put_amount256(json, "amount", step->amount);
    json_put_amount256(json, "tainted", step->tainted);
    json_put_u64(json, "hop", step->hop);
    json_put_text(json, "grade", grade_name(step->grade));
    put_leg(json, step->leg, step->link, step->rules);
    json_shut(json, '}');
}

enum tracer_status json_check(FILE *stream, const struct check_result *result,
                              const struct report_options *options, struct error *err)
{
    struct json_writer json;
    struct view view = view_of_check(result);
    (void)options;
    json_writer_init(&json, stream);
    json_open(&json, '{');
    json_put_head(&json, "tracer/check/1", &view);
    json_put_text(&json, "worst", verdict_name(result->worst));
    json_put_truth(&json, "provisional", result->head.last_grade != GRADE_PROVEN);
    json_put_open(&json, "answers", '[');
    for (size_t i = 0; i < result->answer_count; i++)
        put_answer(&json, result, &view, &result->answers[i]);
    json_shut(&json, ']');
    json_put_open(&json, "steps", '[');
    for (size_t i = 0; i < result->step_count; i++)
        put_step(&json, &view, &result->steps[i]);
    json_shut(&json, ']');
    json_put_tables(&json, &view);
    json_put_tail(&json, &view);
    json_shut(&json, '}');
    return stream_done(stream, err);
}
