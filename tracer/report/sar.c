/* sar.c - a draft of the narrative of a suspicious activity report, plain text: what was stolen, how it
 * moved, where it is, what is not known; each statement with the transfers that it rests on ([E1] is hop 1).
 */
#include "findings.h"
#include "flow.h"
#include "ids.h"
#include "usd.h"
#include "tracer/clock.h"
#include "tracer/limits.h"

#include <inttypes.h>
#include <stdlib.h>

#define SAR_COLUMNS 80u
#define WHOLE_PARTY_SIZE (ADDRESS_TEXT_SIZE + NAME_SHOWN_SIZE + 4)
#define REFERENCE_SIZE 96u

struct sar {
    struct text text;
    const struct trace_result *result;
    struct ids ids;
    struct flow flow;
    struct findings findings;
};

/* "0x098b71...2f96 (NAME)", the whole address */
static void whole_party(const struct sar *sar, uint32_t index, char to[static WHOLE_PARTY_SIZE])
{
    char address[ADDRESS_TEXT_SIZE], name[NAME_SHOWN_SIZE];
    const struct result_account *account = view_account(&sar->text.view, index);
    if (!account || address_is_void(account->address)) {
        snprintf(to, WHOLE_PARTY_SIZE, "nobody (void)");
        return;
    }
    address_format(account->address, address);
    name_shown(account->labelled ? account->name : "", name);
    snprintf(to, WHOLE_PARTY_SIZE, "%s%s%s%s", address, name[0] ? " (" : "", name, name[0] ? ")" : "");
}

static void reference(size_t first, size_t last, uint64_t count, char to[static REFERENCE_SIZE])
{
    if (count == 1)
        snprintf(to, REFERENCE_SIZE, "[E%zu]", first + 1);
    else if (count == 2)
        snprintf(to, REFERENCE_SIZE, "[E%zu] [E%zu]", first + 1, last + 1);
    else
        snprintf(to, REFERENCE_SIZE, "[E%zu] to [E%zu], %" PRIu64 " transfers", first + 1, last + 1, count);
}

static void time_text(uint64_t time, char to[static 48])
{
    char text[32];
    clock_format_utc(time, text);
    snprintf(to, 48, "%s%s", time ? text : "time not known", time ? " UTC" : "");
}

static void put_cut(const struct sar *sar, size_t shown, size_t count, const char *what)
{
    if (shown < count)
        text_wrap_printf(&sar->text, "  ",
                         "CUT: the first %zu of %zu %s. The evidence below has all transfers.", shown, count,
                         what);
}

static void put_introduction(const struct sar *sar)
{
    const struct result_head *head = &sar->result->head;
    char first[48], last[48];
    time_text(head->first_time, first);
    time_text(head->last_time, last);
    text_wrap_printf(
        &sar->text, "",
        "DRAFT by tracer %s, not filed. A person must check it and complete what stands in <angle brackets>. "
        "[E1], [E2], ... are the transfers in the section EVIDENCE. Amounts are exact. Labels of accounts are "
        "statements of third parties.",
        head->version);
    text_heading(&sar->text, "INTRODUCTION");
    text_wrap(&sar->text, "  ",
              "<filing institution; why it reports; its relation to the subjects; earlier reports>");
    text_wrap_printf(
        &sar->text, "  ",
        "The report concerns units that were declared stolen, followed on %s (chain %" PRIu64
        ") from %s to %s under policy %s of taint/1: a declared convention that says which units "
        "of a holding leave first, not a probability.%s",
        head->network, head->chain_id, first, last, head->policy,
        sar->result->touches_gap
            ? " THE RESULT TOUCHES A GAP of what was read: more may have moved than stands here."
            : "");
}

static void put_stolen(const struct sar *sar)
{
    const struct trace_result *result = sar->result;
    size_t count = 0, shown = 0;
    text_heading(&sar->text, "WHAT WAS STOLEN");
    for (size_t i = 0; i < result->hop_count; i++)
        count += result->hops[i].hop == 0;
    for (size_t i = 0; i < result->hop_count && shown < TRACER_NARRATIVE_ITEMS_MAX; i++) {
        const struct result_hop *hop = &result->hops[i];
        char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], time[48];
        char from[WHOLE_PARTY_SIZE], to[WHOLE_PARTY_SIZE];
        if (hop->hop != 0)
            continue;
        shown++;
        view_amount(&sar->text.view, hop->asset, u320_from_u256(hop->tainted), amount);
        view_asset_name(&sar->text.view, hop->asset, asset);
        time_text(hop->time, time);
        whole_party(sar, hop->from, from);
        whole_party(sar, hop->to, to);
        text_wrap_printf(&sar->text, "  - ", "%s: %s %s, %s, from %s to %s [E%zu]",
                         result->sources[hop->source], amount, asset, time, from, to, i + 1);
    }
    for (size_t i = 0; i < result->seed_count; i++)
        if (result->seeds[i].is_address) {
            char address[ADDRESS_TEXT_SIZE];
            address_format(result->seeds[i].address, address);
            text_wrap_printf(&sar->text, "  - ", "%s: everything at %s from %s %" PRIu64 " on",
                             result->sources[result->seeds[i].source], address,
                             result->head.time_keys ? "Unix time" : "block", result->seeds[i].block_number);
        }
    if (!count && !result->seed_count)
        text_wrap(&sar->text, "  ", "nothing");
    put_cut(sar, shown, count, "transfers");
}

static void put_movements(const struct sar *sar)
{
    const struct flow *flow = &sar->flow;
    size_t shown = 0, count = 0;
    text_heading(&sar->text, "HOW IT MOVED");
    text_wrap(&sar->text, "  ",
              "Tainted units between two accounts, in the order of the first transfer; several transfers of "
              "an asset with the same hop number stand together.");
    text_unproven(&sar->text, sar->result);
    for (size_t i = 0; i < flow->edge_count; i++)
        count += flow->edges[i].least_hop != 0;
    for (size_t i = 0; i < flow->edge_count && shown < TRACER_NARRATIVE_ITEMS_MAX; i++) {
        const struct flow_edge *edge = &flow->edges[i];
        const struct result_hop *hop = &sar->result->hops[edge->first];
        char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], time[48], from[WHOLE_PARTY_SIZE],
            to[WHOLE_PARTY_SIZE], rests[REFERENCE_SIZE];
        if (edge->least_hop == 0)
            continue;
        shown++;
        view_tainted(&sar->text.view, edge->asset, edge->tainted, edge->unproven, amount);
        view_asset_name(&sar->text.view, edge->asset, asset);
        time_text(hop->time, time);
        whole_party(sar, edge->from, from);
        whole_party(sar, edge->to, to);
        reference(edge->first, edge->last, edge->count, rests);
        text_wrap_printf(&sar->text, "  - ", "%s%s: %s %s%s%s from %s to %s%s %s",
                         edge->count > 1 ? "from " : "", time, amount, asset,
                         sar->result->source_count > 1 ? " of " : "",
                         sar->result->source_count > 1 ? sar->result->sources[edge->source] : "", from, to,
                         edge->grade == GRADE_INFERRED ? " (inferred)" : "", rests);
    }
    if (!count)
        text_wrap(&sar->text, "  ", "no transfer carried it further");
    put_cut(sar, shown, count, "movements");
}

static int order_finding(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->account != y->account)
        return x->account < y->account ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->asset < y->asset ? -1 : x->asset > y->asset;
}

static void put_place(const struct sar *sar, const struct result_place *place)
{
    char amount[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], party[WHOLE_PARTY_SIZE],
        rests[REFERENCE_SIZE] = "";
    struct finding wanted = {.account = place->account, .source = place->source, .asset = place->asset};
    const struct finding *found = NULL;
    if (sar->findings.count)
        found = bsearch(&wanted, sar->findings.items, sar->findings.count, sizeof(wanted), order_finding);
    if (found)
        reference(found->first, found->last, found->count, rests);
    view_tainted(&sar->text.view, place->asset, place->amount, place->unproven, amount);
    view_asset_name(&sar->text.view, place->asset, asset);
    whole_party(sar, place->account, party);
    text_wrap_printf(&sar->text, "  - ", "%s: %s %s %s%s%s%s%s", sar->result->sources[place->source], amount,
                     asset, place_words(place->place), place->account == RESULT_NONE ? "" : ": ",
                     place->account == RESULT_NONE ? "" : party, found ? "; came by " : "", rests);
}

static void put_places(const struct sar *sar)
{
    const struct trace_result *result = sar->result;
    size_t shown = 0;
    text_heading(&sar->text, "WHERE IT IS NOW");
    if (result->head.options.policy == POLICY_POISON)
        text_wrap(
            &sar->text, "  ",
            "Policy poison counts whatever touched stolen units as stolen whole: these amounts overlap and do not "
            "add up to what was stolen.");
    text_wrap(
        &sar->text, "  ",
        "At services, in mixers and into bridges the trace ends: what they hold for whom, only they can say.");
    for (; shown < result->place_count && shown < TRACER_NARRATIVE_ITEMS_MAX; shown++)
        put_place(sar, &result->places[shown]);
    if (!result->place_count)
        text_wrap(&sar->text, "  ", "nothing is tainted");
    if (shown < result->place_count)
        text_wrap_printf(&sar->text, "  ", "CUT: the first %zu of %zu places. The JSON result has all.",
                         shown, result->place_count);
    for (size_t i = 0; i < result->total_count; i++)
        if (!total_is_balanced(&result->totals[i]))
            text_wrap(&sar->text, "  ", "DOES NOT BALANCE: this is an error of the program, do not use it.");
}

static void put_evidence(const struct sar *sar, size_t index)
{
    const struct result_hop *hop = &sar->result->hops[index];
    char number[32], hash[HASH_TEXT_SIZE], key[POSITION_TEXT_SIZE], log[32] = "", time[48], brought[32];
    char amount[AMOUNT_TEXT_SIZE], tainted[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE],
        party[WHOLE_PARTY_SIZE];
    static const char indent[] = "       ";
    hash_format(hop->transaction_hash, hash);
    position_format(hop->position, key);
    if (hop->log_index != LOG_INDEX_NONE)
        snprintf(log, sizeof(log), ", log index %" PRIu32, hop->log_index);
    time_text(hop->time, time);
    view_amount(&sar->text.view, hop->asset, u320_from_u256(hop->amount), amount);
    view_tainted(&sar->text.view, hop->asset, u320_from_u256(hop->tainted), u320_from_u256(hop->unproven), tainted);
    view_asset_name(&sar->text.view, hop->asset, asset);
    snprintf(brought, sizeof(brought), "brought by [E%" PRIu32 "]", hop->parent + 1);
    snprintf(number, sizeof(number), "[E%zu]", index + 1);
    fprintf(sar->text.stream, "\n%-6s hop %" PRIu32 " of %s, %s\n", number, hop->hop,
            sar->result->sources[hop->source], time);
    text_wrap(&sar->text, indent, hash_is_zero(hop->transaction_hash) ? "transaction hash not known" : hash);
    text_wrap_printf(&sar->text, indent, "key %s%s", key, log);
    whole_party(sar, hop->from, party);
    text_wrap_printf(&sar->text, indent, "from %s", party);
    whole_party(sar, hop->to, party);
    text_wrap_printf(&sar->text, indent, "to %s", party);
    text_wrap_printf(&sar->text, indent, "amount %s %s, tainted %s", amount, asset, tainted);
    text_wrap_printf(&sar->text, indent, "grade %s, weakest of the path %s, %s", grade_name(hop->grade),
                     grade_name(hop->path_grade),
                     hop->parent == RESULT_NONE ? "of the declared theft" : brought);
    text_leg(&sar->text, indent, hop->leg, hop->rules);
}

static void put_all(const struct sar *sar, const struct prices *prices)
{
    text_wrap(&sar->text, "", "SUSPICIOUS ACTIVITY REPORT: NARRATIVE, DRAFT");
    fputc('\n', sar->text.stream);
    put_introduction(sar);
    put_stolen(sar);
    put_movements(sar);
    put_places(sar);
    if (prices)
        text_value(&sar->text, sar->result, prices);
    text_heading(&sar->text, "CONCLUSION");
    text_wrap(&sar->text, "  ",
              "<what the institution did; what it asks for; where its records are; contact>");
    text_tail(&sar->text);
    text_wrap_printf(&sar->text, "  JSON result  ", "sha256 %s", sar->ids.sha256);
    text_heading(&sar->text, "EVIDENCE");
    text_wrap_printf(&sar->text, "  ", "Transfers that carry tainted units: %zu.", sar->result->hop_count);
    for (size_t i = 0; i < sar->result->hop_count; i++)
        put_evidence(sar, i);
}

enum tracer_status sar_trace(FILE *stream, const struct trace_result *result,
                             const struct report_options *options, struct error *err)
{
    struct view view = view_of_trace(result);
    struct sar sar = {.result = result};
    struct report_options mine = {.columns = options && options->columns ? options->columns : SAR_COLUMNS};
    text_init(&sar.text, stream, &view, &mine);
    enum tracer_status status = ids_make(result, &sar.ids, err);
    if (!status)
        status = flow_make_by_hop(result, &sar.flow, err);
    if (!status)
        status = findings_make(result, &sar.findings, err);
    if (!status)
        put_all(&sar, options ? options->prices : NULL);
    findings_release(&sar.findings);
    flow_release(&sar.flow);
    return status ? status : stream_done(stream, err);
}
