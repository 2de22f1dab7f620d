/* explain.c - the path of one flagged transfer, lot by lot: as text to be followed by hand, as JSON
 * (tracer/explain/1) and as CSV. */
#include "csv_parts.h"
#include "json_parts.h"
#include "text.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <string.h>

#define LOTS_AT_AN_END                                                                                       \
    5u /* of a long holding, the oldest and the newest lots are shown, and the sum of the others */

struct explaining {
    const struct text *text;
    const struct explain_result *result;
};

static enum taint_policy policy_of(const struct explain_result *result)
{
    return result->trace.head.options.policy;
}

static bool is_ordered(const struct explain_result *result)
{
    return policy_of(result) != POLICY_HAIRCUT && policy_of(result) != POLICY_POISON;
}

static const char *tag_name(const struct explain_result *result, uint32_t tag)
{
    return tag == RESULT_UNKNOWN ? "unknown" : tag == RESULT_CLEAN ? "clean" : result->trace.sources[tag];
}

static struct u320 sum_of(struct result_units units)
{
    struct u320 sum = {{0}};
    for (size_t i = 0; i < units.count; i++)
        u320_add(&sum, units.lots[i].amount);
    return sum;
}

static struct u256 tagged(struct result_units units, uint32_t tag)
{
    struct u320 sum = {{0}};
    for (size_t i = 0; i < units.count; i++)
        if (units.lots[i].tag == tag)
            u320_add(&sum, units.lots[i].amount);
    return (struct u256){{sum.limb[0], sum.limb[1], sum.limb[2], sum.limb[3]}}; /* parts of a balance */
}

/* ---- text ---- */

static const char *rule_of(enum taint_policy policy)
{
    switch (policy) {
    case POLICY_FIFO:
        return "the oldest units of a holding leave first";
    case POLICY_LIFO:
        return "the newest units of a holding leave first";
    case POLICY_HAIRCUT:
        return "what leaves a holding carries each tag in the proportion in which the holding has it, rounded down";
    case POLICY_POISON:
        return "whatever leaves a holding that has touched stolen units is tainted whole";
    case POLICY_CLEANFIRST:
        return "untainted units leave a holding first, the oldest of them first";
    case POLICY_TAINTFIRST:
        return "tainted units leave a holding first, the oldest of them first";
    case POLICY_COUNT:
        break;
    }
    return "";
}

static void amount_text(const struct explaining *x, uint32_t asset, struct u320 amount, char to[static 320])
{
    char units[AMOUNT_TEXT_SIZE], name[ASSET_SHOWN_SIZE];
    view_amount(&x->text->view, asset, amount, units);
    view_asset_name(&x->text->view, asset, name);
    snprintf(to, 320, "%s %s", units, name);
}

static void print_lots(const struct explaining *x, uint32_t asset, struct result_units units)
{
    struct amount_column column = {0};
    char amount[AMOUNT_TEXT_SIZE];
    bool cut = units.count > 2 * LOTS_AT_AN_END + 1;
    struct u320 others = {{0}};
    for (size_t i = 0; i < units.count; i++) {
        bool shown = !cut || i < LOTS_AT_AN_END || i >= units.count - LOTS_AT_AN_END;
        if (!shown)
            u320_add(&others, units.lots[i].amount);
        view_amount(&x->text->view, asset, u320_from_u256(units.lots[i].amount), amount);
        if (shown)
            amount_column_add(&column, amount);
    }
    if (cut) {
        view_amount(&x->text->view, asset, others, amount);
        amount_column_add(&column, amount);
    }
    for (size_t i = 0; i < units.count; i++) {
        if (cut && i == LOTS_AT_AN_END) {
            view_amount(&x->text->view, asset, others, amount);
            fputs("        ", x->text->stream);
            amount_column_print(x->text, &column, amount);
            fprintf(x->text->stream, "  in %zu more lots\n", units.count - 2 * LOTS_AT_AN_END);
            i = units.count - LOTS_AT_AN_END;
        }
        view_amount(&x->text->view, asset, u320_from_u256(units.lots[i].amount), amount);
        fputs("        ", x->text->stream);
        amount_column_print(x->text, &column, amount);
        fprintf(x->text->stream, "  %s\n", tag_name(x->result, units.lots[i].tag));
    }
}

/* "It held 12 ETH, oldest first:" and the lots. */
static void print_holding(const struct explaining *x, const char *before, uint32_t asset,
                          struct result_units units)
{
    char amount[320];
    const char *after = units.count <= 1                        ? ":"
                        : policy_of(x->result) == POLICY_POISON ? ", touched by:"
                        : is_ordered(x->result)                 ? ", oldest first:"
                                                                : ", by tag:";
    struct u320 whole = policy_of(x->result) == POLICY_POISON && units.count
                            ? u320_from_u256(units.lots[0].amount)
                            : sum_of(units);
    if (!units.count) {
        text_wrap_printf(x->text, "     ", "%s nothing%s", before,
                         policy_of(x->result) == POLICY_POISON ? " that has touched stolen units." : ".");
        return;
    }
    amount_text(x, asset, whole, amount);
    if (units.count == 1 && policy_of(x->result) != POLICY_POISON) {
        text_wrap_printf(x->text, "     ", "%s %s, all %s.", before, amount,
                         tag_name(x->result, units.lots[0].tag));
        return;
    }
    text_wrap_printf(x->text, "     ", "%s %s%s", before, amount, after);
    print_lots(x, asset, units);
}

static void number(struct u320 value, char to[static U320_DECIMAL_MAX])
{
    u320_format_decimal(value, to);
}

/* q_i = floor(p_i * x / W); the part of tag i is q_i - q_(i-1) (5.1). */
static void print_scale(const struct explaining *x, struct result_units units, struct u320 x_units,
                        struct u320 whole)
{
    struct u320 cumulative = {{0}}, before = {{0}};
    char p[U320_DECIMAL_MAX], v[U320_DECIMAL_MAX], w[U320_DECIMAL_MAX], q[U320_DECIMAL_MAX],
        less[U320_DECIMAL_MAX], part[U320_DECIMAL_MAX];
    number(x_units, v);
    number(whole, w);
    text_wrap(x->text, "     ",
              "In smallest units, with tags in their order and each sum rounded down once:");
    for (size_t i = 0; i < units.count; i++) {
        struct u320 upto, share;
        if (units.lots[i].tag == RESULT_CLEAN)
            continue;
        u320_add(&cumulative, units.lots[i].amount);
        if (!u320_mul_div(cumulative, x_units, whole, &upto))
            return;
        share = upto;
        u320_sub_u320(&share, before);
        number(cumulative, p);
        number(upto, q);
        number(share, part);
        if (u320_is_zero(before))
            fprintf(x->text->stream, "        %s: floor(%s * %s / %s) = %s\n",
                    tag_name(x->result, units.lots[i].tag), p, v, w, part);
        else {
            number(before, less);
            fprintf(x->text->stream, "        %s: floor(%s * %s / %s) - %s = %s - %s = %s\n",
                    tag_name(x->result, units.lots[i].tag), p, v, w, less, q, less, part);
        }
        before = upto;
    }
}

static void print_facts(const struct explaining *x, const struct result_hop *hop)
{
    const struct text *text = x->text;
    char time[32], transaction[HASH_TEXT_SIZE],
        from[ADDRESS_TEXT_SIZE] = "void", to[ADDRESS_TEXT_SIZE] = "void", name[NAME_SHOWN_SIZE], amount[320];
    clock_format_utc(hop->time, time);
    text_transaction(text, hop->transaction_hash, hop->position, transaction);
    amount_text(x, hop->asset, u320_from_u256(hop->amount), amount);
    fprintf(text->stream, "     %s UTC  %s", hop->time ? time : "time not known", transaction);
    if (hop->log_index != LOG_INDEX_NONE)
        fprintf(text->stream, ", log %" PRIu32, hop->log_index);
    fprintf(text->stream, ", %s, %s\n", transfer_kind_name(hop->kind), grade_name(hop->grade));
    for (int end = 0; end < 2; end++) {
        const struct result_account *account = view_account(&text->view, end ? hop->to : hop->from);
        char *address = end ? to : from;
        if (account && !address_is_void(account->address))
            address_format(account->address, address);
        name_shown(account ? account->name : "", name);
        fprintf(text->stream, "     %s %s%s%s\n", end ? "to  " : "from", address, name[0] ? "  " : "", name);
    }
    fprintf(text->stream, "     moved %s\n", amount);
}

static void print_seeded(const struct explaining *x, const struct explain_move *move, uint32_t source)
{
    struct u256 before = tagged(move->taken, source), after = tagged(move->carried, source), gained;
    char amount[320];
    if (!u256_sub(after, before, &gained) || u256_is_zero(gained))
        return;
    amount_text(x, move->hop.asset, u320_from_u256(gained), amount);
    text_wrap_printf(x->text, "     ",
                     "The seed says that %s of these units %s stolen: they are tagged %s from here on.",
                     amount, u256_equal(gained, move->hop.amount) ? "(all of them) are" : "are",
                     tag_name(x->result, source));
}

static void print_exchange(const struct explaining *x, const struct explain_move *move)
{
    char amount[320], tainted[320];
    text_wrap(
        x->text, "     ",
        "This transfer is one leg of an exchange: what was paid determines what was received (rule 8). Its legs:");
    for (size_t i = 0; i < x->result->move_count; i++) {
        const struct explain_move *leg = &x->result->moves[i];
        if (leg->group != move->group || !position_same_transaction(leg->hop.position, move->hop.position))
            continue;
        struct u320 sum = {{0}};
        for (size_t l = 0; l < leg->carried.count; l++)
            if (leg->carried.lots[l].tag < x->result->trace.source_count)
                u320_add(&sum, leg->carried.lots[l].amount);
        amount_text(x, leg->hop.asset, u320_from_u256(leg->hop.amount), amount);
        amount_text(x, leg->hop.asset, sum, tainted);
        text_wrap_printf(x->text, leg->leg == LEG_IN ? "       paid      " : "       received  ",
                         "%s, tainted: %s", amount, tainted);
    }
    if (move->leg != LEG_OUT)
        return;
    char whole[320];
    amount_text(x, move->hop.asset, move->undrawn, whole);
    text_wrap_printf(x->text, "     ", "Before this leg the exchange had still %s to pay out%s", whole,
                     move->pot.count ? ", of which:" : ", none of it tainted.");
    if (!move->pot.count)
        return;
    print_lots(x, move->hop.asset, move->pot);
    print_scale(x, move->pot, u320_from_u256(move->hop.amount), move->undrawn);
}

static void print_departure(const struct explaining *x, const struct explain_move *move)
{
    char amount[320];
    enum taint_policy policy = policy_of(x->result);
    if (move->leg == LEG_OUT)
        return;
    if (!move->from_holds) {
        const struct result_account *account = view_account(&x->text->view, move->hop.from);
        bool is_void = !account || address_is_void(account->address);
        text_wrap_printf(x->text, "     ", "%s keeps no books here; what it sends is taken as %s.",
                         is_void ? "Void (where units come from)" : "A labelled or unexplored account",
                         move->taken.count ? tag_name(x->result, move->taken.lots[0].tag) : "clean");
        return;
    }
    print_holding(x, "Before, the sender held", move->hop.asset, move->from_before);
    if (!u256_is_zero(move->overspent)) {
        amount_text(x, move->hop.asset, u320_from_u256(move->overspent), amount);
        text_wrap_printf(
            x->text, "     ",
            "It spent %s more than that. No known transfer brought these units; they are taken as its oldest, tagged %s.",
            amount, tag_name(x->result, move->overspent_tag));
    }
    text_wrap_printf(x->text, "     ", "Policy %s: %s.", taint_policy_name(policy), rule_of(policy));
    print_holding(x, "So there left", move->hop.asset, move->taken);
    if (policy == POLICY_HAIRCUT) {
        struct u320 whole = sum_of(move->from_before);
        struct result_units units = move->from_before;
        u320_add(&whole, move->overspent);
        if (u256_is_zero(move->overspent)) /* else it took all that there was */
            print_scale(x, units, u320_from_u256(move->hop.amount), whole);
    }
    print_holding(x, "The sender kept", move->hop.asset, move->from_after);
}

static void print_arrival(const struct explaining *x, const struct explain_move *move)
{
    if (move->leg == LEG_IN) {
        text_wrap(x->text, "     ", "The units go into the exchange; see what it paid out.");
        return;
    }
    if (move->to_holds)
        print_holding(x, "Afterwards the recipient held", move->hop.asset, move->to_after);
    else
        text_wrap(
            x->text, "     ",
            "The recipient keeps no books here: the tainted units are counted there, and the path ends.");
}

static void print_path(const struct explaining *x, const struct explain_path *path)
{
    const struct explain_step *last = &path->steps[path->step_count - 1];
    char amount[320], whole[320], title[128];
    snprintf(title, sizeof(title), "PATH OF %s, %zu TRANSFERS", tag_name(x->result, path->source),
             path->step_count);
    text_heading(x->text, title);
    amount_text(x, last->hop.asset, u320_from_u256(last->hop.tainted), amount);
    amount_text(x, last->hop.asset, u320_from_u256(last->hop.amount), whole);
    text_wrap_printf(
        x->text, "",
        "%s of the %s of the last transfer are tagged %s. The least number of transfers from the seed: %" PRIu32
        ". Each step says what the sender held before, lot by lot, and what left.",
        amount, whole, tag_name(x->result, path->source), last->hop.hop);
    for (size_t i = 0; i < path->step_count; i++) {
        const struct explain_step *step = &path->steps[i];
        const struct explain_move *move = &x->result->moves[step->move];
        amount_text(x, step->hop.asset, u320_from_u256(step->hop.tainted), amount);
        fprintf(x->text->stream, "\n%3zu. hop %" PRIu32 ", tainted: %s\n", i + 1, step->hop.hop, amount);
        print_facts(x, &step->hop);
        if (i > 0 && move->from_holds &&
            !position_same_transaction(step->hop.position, step[-1].hop.position))
            text_wrap(x->text, "     ",
                      "(Other transfers of the sender since the step before show in what it held.)");
        if (move->group)
            print_exchange(x, move);
        print_departure(x, move);
        print_seeded(x, move, path->source);
        print_arrival(x, move);
    }
}

enum tracer_status text_explain(FILE *stream, const struct explain_result *result,
                                const struct report_options *options, struct error *err)
{
    struct text text;
    struct view view = view_of_trace(&result->trace);
    struct explaining x = {&text, result};
    text_init(&text, stream, &view, options);
    text.is_wide_hashes = true;
    text_head(&text, "How the money came there");
    for (size_t p = 0; p < result->path_count; p++)
        print_path(&x, &result->paths[p]);
    text_tables(&text);
    text_tail(&text);
    return stream_done(stream, err);
}

/* ---- JSON ---- */

static void put_units(struct json_writer *json, const char *key, const struct explain_result *result,
                      struct result_units units)
{
    json_put_open(json, key, '[');
    for (size_t i = 0; i < units.count; i++) {
        json_open(json, '{');
        json_put_amount256(json, "amount", units.lots[i].amount);
        json_put_text(json, "tag", tag_name(result, units.lots[i].tag));
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

static void put_move(struct json_writer *json, const struct explain_result *result, const struct view *view,
                     const struct explain_move *move)
{
    json_open(json, '{');
    json_put_transfer(json, view, &move->hop);
    json_put_truth(json, "from_holds", move->from_holds);
    json_put_truth(json, "to_holds", move->to_holds);
    put_units(json, "from_before", result, move->from_before);
    json_put_amount256(json, "overspent", move->overspent);
    json_put_text(json, "overspent_tag",
                  u256_is_zero(move->overspent) ? "" : tag_name(result, move->overspent_tag));
    put_units(json, "taken", result, move->taken);
    put_units(json, "carried", result, move->carried);
    put_units(json, "from_after", result, move->from_after);
    put_units(json, "to_after", result, move->to_after);
    json_put_u64(json, "exchange", move->group);
    json_put_text(json, "leg", move->leg == LEG_IN ? "in" : move->leg == LEG_OUT ? "out" : "");
    put_units(json, "pot", result, move->pot);
    json_put_amount(json, "undrawn", move->undrawn);
    json_shut(json, '}');
}

enum tracer_status json_explain(FILE *stream, const struct explain_result *result,
                                const struct report_options *options, struct error *err)
{
    struct json_writer json;
    struct view view = view_of_trace(&result->trace);
    (void)options; /* a document is always whole */
    json_writer_init(&json, stream);
    json_open(&json, '{');
    json_put_head(&json, "tracer/explain/1", &view);
    json_put_text(&json, "target", result->target);
    json_put_seeds(&json, &result->trace, &view);
    json_put_open(&json, "paths", '[');
    for (size_t p = 0; p < result->path_count; p++) {
        json_open(&json, '{');
        json_put_text(&json, "source", tag_name(result, result->paths[p].source));
        json_put_open(&json, "steps", '[');
        for (size_t i = 0; i < result->paths[p].step_count; i++) {
            const struct explain_step *step = &result->paths[p].steps[i];
            json_open(&json, '{');
            json_put_position(&json, "key", step->hop.position);
            json_put_u64(&json, "hop", step->hop.hop);
            json_put_amount256(&json, "tainted", step->hop.tainted);
            json_put_text(&json, "path_grade", grade_name(step->hop.path_grade));
            json_shut(&json, '}');
        }
        json_shut(&json, ']');
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_put_open(&json, "moves", '[');
    for (size_t i = 0; i < result->move_count; i++)
        put_move(&json, result, &view, &result->moves[i]);
    json_shut(&json, ']');
    json_put_tables(&json, &view);
    json_put_truth(&json, "touches_gap", result->trace.touches_gap);
    json_put_tail(&json, &view);
    json_shut(&json, '}');
    return stream_done(stream, err);
}

/* ---- CSV: a line a lot of the path ---- */

static enum tracer_status put_lots(FILE *stream, struct line *line, const struct explain_result *result,
                                   const struct explain_path *path, size_t step, const char *what,
                                   struct result_units units, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    char asset[ASSET_TEXT_SIZE];
    asset_format(result->trace.assets[path->steps[step].hop.asset].asset, asset);
    for (size_t i = 0; i < units.count && !status; i++) {
        add_text(line, tag_name(result, path->source));
        add_u64(line, step + 1);
        add_key(line, path->steps[step].hop.position);
        add_text(line, asset);
        add_text(line, what);
        add_u64(line, i);
        add_amount(line, u320_from_u256(units.lots[i].amount));
        add_text(line, tag_name(result, units.lots[i].tag));
        add_text(line, "tracer/explain-csv/1");
        status = line_put(line, stream, err);
    }
    return status;
}

enum tracer_status csv_explain(FILE *stream, const struct explain_result *result,
                               const struct report_options *options, struct error *err)
{
    struct line line;
    enum tracer_status status = TRACER_OK;
    (void)options;
    line_init(&line);
    fputs("source,step,key,asset,what,pos,amount,tag,schema\n", stream);
    for (size_t p = 0; p < result->path_count; p++)
        for (size_t i = 0; i < result->paths[p].step_count && !status; i++) {
            const struct explain_path *path = &result->paths[p];
            const struct explain_move *move = &result->moves[path->steps[i].move];
            const struct {
                const char *what;
                struct result_units units;
            } parts[] = {{"from_before", move->from_before},
                         {"taken", move->taken},
                         {"carried", move->carried},
                         {"from_after", move->from_after},
                         {"to_after", move->to_after}};
            for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]) && !status; part++)
                status = put_lots(stream, &line, result, path, i, parts[part].what, parts[part].units, err);
        }
    line_release(&line);
    return status ? status : stream_done(stream, err);
}
