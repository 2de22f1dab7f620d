/* findings.c - see findings.h. */
#include "findings.h"

#include <stdlib.h>

static int order(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->account != y->account)
        return x->account < y->account ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->asset < y->asset ? -1 : x->asset > y->asset;
}

static int order_chain(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    int found = order(a, b);
    return found ? found : x->first < y->first ? -1 : x->first > y->first;
}

enum tracer_status findings_make(const struct trace_result *result, struct findings *ret_findings,
                                 struct error *err)
{
    struct findings findings = {.items = calloc(result->hop_count + 1, sizeof(*findings.items))};
    if (!findings.items)
        return error_set(err, TRACER_E_NOMEM, "no memory for the report");
    for (size_t i = 0; i < result->hop_count; i++) {
        const struct result_hop *hop = &result->hops[i];
        findings.items[i] = (struct finding){.account = hop->to,
                                             .source = hop->source,
                                             .asset = hop->asset,
                                             .count = 1,
                                             .tainted = u320_from_u256(hop->tainted),
                                             .unproven = u320_from_u256(hop->unproven),
                                             .least_hop = hop->hop,
                                             .first = i,
                                             .last = i,
                                             .grade = hop->path_grade,
                                             .is_declared = hop->hop == 0 && hop->grade != GRADE_INFERRED,
                                             .is_read = hop->path_grade != GRADE_INFERRED};
    }
    if (result->hop_count)
        qsort(findings.items, result->hop_count, sizeof(*findings.items), order_chain);
    for (size_t i = 0; i < result->hop_count; i++) {
        const struct finding *next = &findings.items[i];
        struct finding *last = findings.count ? &findings.items[findings.count - 1] : NULL;
        if (!last || order(last, next) != 0) {
            findings.items[findings.count++] = *next;
            continue;
        }
        last->count++;
        u320_add_u320(&last->tainted, next->tainted);
        u320_add_u320(&last->unproven, next->unproven);
        last->least_hop = next->least_hop < last->least_hop ? next->least_hop : last->least_hop;
        last->last = next->last;
        last->grade = next->grade > last->grade ? next->grade : last->grade;
        last->is_declared |= next->is_declared;
        last->is_read |= next->is_read;
    }
    *ret_findings = findings;
    return TRACER_OK;
}

void findings_release(struct findings *findings)
{
    free(findings->items);
}

size_t findings_end(const struct findings *findings, size_t first)
{
    size_t end = first;
    while (end < findings->count && findings->items[end].account == findings->items[first].account)
        end++;
    return end;
}
