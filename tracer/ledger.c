/* ledger.c - what an audit found of each account, as records of the store's ledger. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"
#include "tracer/audit.h"

#define COMMIT_RECORDS 4096u

/* By account, the coin first. */
static int order_findings(const void *a, const void *b)
{
    const struct audit_finding *x = a, *y = b;
    int order = address_compare(x->address, y->address);
    bool coin = x->asset.kind == ASSET_NATIVE, other_coin = y->asset.kind == ASSET_NATIVE;
    if (!order && coin != other_coin)
        return coin ? -1 : 1;
    return order ? order : asset_compare(&x->asset, &y->asset);
}

static bool was_compared(enum nonce_outcome outcome)
{
    return outcome == NONCE_AGREES || outcome == NONCE_DIFFERS || outcome == NONCE_DELEGATED;
}

enum tracer_status audit_sum_accounts(struct audit_result *result, struct audit_finding *findings,
                                      size_t count, const struct nonce_lines *nonces, struct error *err)
{
    struct audit_account *accounts =
        arena_calloc(result->arena, count + nonces->count + 1, sizeof(*accounts));
    size_t made = 0, next = 0;
    if (!accounts)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (count)
        qsort(findings, count, sizeof(*findings), order_findings);
    for (size_t i = 0; i < count || next < nonces->count;) {
        int order = i == count              ? 1
                    : next == nonces->count ? -1
                                            : address_compare(findings[i].address, nonces->addresses[next]);
        struct audit_account *account = &accounts[made];
        *account =
            (struct audit_account){.address = order <= 0 ? findings[i].address : nonces->addresses[next]};
        for (; i < count && address_equal(findings[i].address, account->address); i++) {
            bool counts = findings[i].asset.kind == ASSET_NATIVE || findings[i].recognised;
            account->differ += findings[i].differs;
            if (findings[i].differs && counts && !account->unexplained++) {
                account->asset = findings[i].asset;
                account->too_little = findings[i].too_little;
                account->difference = findings[i].difference;
            }
            account->agree += !findings[i].differs;
        }
        if (order >= 0) {
            account->nonce = nonces->items[next++];
            account->has_nonce = was_compared(account->nonce.outcome);
        }
        made += account->has_nonce || account->agree || account->differ;
    }
    result->audited = accounts;
    result->audited_count = made;
    return TRACER_OK;
}

/* ---- who is covered ---- */

struct covering {
    uint64_t first, last, reached; /* everybody's history is whole up to before `reached` */
    struct audit_covered *covered;
};

/* Records come by account, and then by their first block; those of everybody come first. */
static enum tracer_status cover(void *context, const struct graph_coverage *coverage, struct error *err)
{
    struct covering *covering = context;
    struct audit_covered *covered = covering->covered;
    if (strcmp(coverage->strategy, AUDIT_STRATEGY) == 0)
        return TRACER_OK;
    if (address_is_void(coverage->account)) {
        if (coverage->first <= covering->reached && coverage->last >= covering->reached)
            covering->reached = coverage->last + 1;
        return TRACER_OK;
    }
    if (coverage->first > covering->first || coverage->last < covering->last ||
        (covered->count && address_equal(covered->accounts[covered->count - 1], coverage->account)))
        return TRACER_OK;
    if (covered->count == covered->capacity) {
        size_t capacity = covered->capacity ? covered->capacity * 2 : 64;
        struct address *accounts = realloc(covered->accounts, capacity * sizeof(*accounts));
        if (!accounts)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        covered->accounts = accounts;
        covered->capacity = capacity;
    }
    covered->accounts[covered->count++] = coverage->account;
    return TRACER_OK;
}

enum tracer_status audit_find_covered(struct graph *graph, uint64_t chain_id, uint64_t first, uint64_t last,
                                      struct audit_covered *ret_covered, struct error *err)
{
    struct covering covering = {.first = first, .last = last, .reached = first, .covered = ret_covered};
    *ret_covered = (struct audit_covered){.everybody = false};
    enum tracer_status status = graph_each_coverage(graph, chain_id, NULL, cover, &covering, err);
    ret_covered->everybody = covering.reached > last;
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static int order_addresses(const void *a, const void *b)
{
    return address_compare(*(const struct address *)a, *(const struct address *)b);
}

static bool is_covered(const struct audit_covered *covered, struct address account)
{
    return covered->everybody || (covered->count && bsearch(&account, covered->accounts, covered->count,
                                                            sizeof(account), order_addresses));
}

/* ---- records ---- */

static void record_balances(const struct audit_account *account, const char *endpoints,
                            struct graph_coverage *coverage)
{
    char asset[ASSET_TEXT_SIZE], amount[U320_DECIMAL_MAX], more[40] = "";
    snprintf(coverage->what, sizeof(coverage->what), "balances");
    snprintf(coverage->method, sizeof(coverage->method), "balances at %s", endpoints);
    snprintf(coverage->cross_check, sizeof(coverage->cross_check),
             "%" PRIu64 " of %" PRIu64 " balances agree", account->agree, account->agree + account->differ);
    coverage->rows = account->agree + account->differ;
    if (!account->unexplained)
        return;
    bool coin = account->asset.kind == ASSET_NATIVE;
    asset_format(account->asset, asset);
    u320_format_decimal(account->difference, amount);
    if (account->unexplained > 1)
        snprintf(more, sizeof(more), ", and %" PRIu64 " more", account->unexplained - 1);
    snprintf(coverage->gap, sizeof(coverage->gap), "%s%.150s: the books have too %s%s%.40s%s",
             coin ? "" : AUDIT_TOKEN_GAP, coin ? "the coin" : asset, account->too_little ? "little" : "much",
             coin ? " by " : "", coin ? amount : "", more);
}

static void record_nonce(const struct audit_account *account, const char *endpoints,
                         struct graph_coverage *coverage)
{
    const struct audit_nonce *nonce = &account->nonce;
    snprintf(coverage->what, sizeof(coverage->what), "nonces");
    snprintf(coverage->method, sizeof(coverage->method), "eth_getTransactionCount at %s", endpoints);
    snprintf(coverage->cross_check, sizeof(coverage->cross_check),
             "the chain counts %" PRIu64 " before and %" PRIu64 " after, the store has %" PRIu64 " between%s",
             nonce->before, nonce->after, nonce->stored,
             nonce->outcome == NONCE_DELEGATED ? "; code is delegated to: no conclusion" : "");
    coverage->rows = nonce->stored;
    if (nonce->outcome == NONCE_DIFFERS && nonce->has_missing)
        snprintf(coverage->gap, sizeof(coverage->gap),
                 "nonce %" PRIu64 " is missing: a transaction that the store lacks, or an authorization",
                 nonce->missing);
    else if (nonce->outcome == NONCE_DIFFERS)
        snprintf(coverage->gap, sizeof(coverage->gap), "more transactions than the chain counts");
}

/* What differs is a gap where the ledger says that nothing is missing; elsewhere it is only told. */
static enum tracer_status put_account(const struct audit_result *result, const struct audit_account *account,
                                      const struct audit_covered *covered, struct graph *graph,
                                      const char *endpoints, struct error *err)
{
    bool whole = is_covered(covered, account->address);
    const struct result_head *head = &result->trace.head;
    const struct graph_coverage empty = {.account = account->address,
                                         .first = head->first_block,
                                         .last = head->last_block,
                                         .strategy = AUDIT_STRATEGY,
                                         .grade = GRADE_ASSERTED};
    struct graph_coverage coverage = empty;
    enum tracer_status status = TRACER_OK;
    if (account->agree || account->differ) {
        record_balances(account, endpoints, &coverage);
        coverage.gap[0] = whole ? coverage.gap[0] : '\0';
        status = graph_put_coverage(graph, head->chain_id, &coverage, err);
    }
    coverage = empty;
    if (!status && account->has_nonce) {
        record_nonce(account, endpoints, &coverage);
        coverage.gap[0] = whole ? coverage.gap[0] : '\0';
        status = graph_put_coverage(graph, head->chain_id, &coverage, err);
    }
    return status;
}

/* Lines come by asset; those of tokens that agree are only counted. */
static enum tracer_status put_tokens(const struct audit_result *result, const struct audit_covered *covered, struct graph *graph,
                                     const char *endpoints, struct error *err)
{
    const struct trace_result *trace = &result->trace;
    enum tracer_status status = TRACER_OK;
    size_t line = 0;
    for (size_t i = 0; i < result->asset_count && !status; i++) {
        const struct audit_asset *of = &result->assets[i];
        const struct asset *asset = &trace->assets[of->asset].asset;
        uint64_t differ = 0;
        for (; line < result->line_count && result->lines[line].asset == of->asset; line++)
            differ += result->lines[line].outcome == AUDIT_DIFFERS && is_covered(covered, trace->accounts[result->lines[line].account].address);
        if (asset->kind != ASSET_TOKEN || (!differ && !result->everybody))
            continue;
        struct graph_coverage coverage = {.account = asset->contract,
                                          .first = trace->head.first_block,
                                          .last = trace->head.last_block,
                                          .what = AUDIT_TOKEN,
                                          .strategy = AUDIT_STRATEGY,
                                          .rows = of->counts[AUDIT_AGREES] + of->counts[AUDIT_DIFFERS],
                                          .grade = GRADE_ASSERTED};
        snprintf(coverage.method, sizeof(coverage.method), "balanceOf at %s", endpoints);
        snprintf(coverage.cross_check, sizeof(coverage.cross_check), "%" PRIu64 " of %" PRIu64 " balances agree", of->counts[AUDIT_AGREES], coverage.rows);
        if (differ)
            snprintf(coverage.gap, sizeof(coverage.gap), "%" PRIu64 " balances are not what its events say", differ);
        status = graph_put_coverage(graph, trace->head.chain_id, &coverage, err);
    }
    return status;
}

static enum tracer_status is_unchanged(const struct audit_result *result, struct graph *graph,
                                       struct error *err)
{
    const struct result_head *head = &result->trace.head;
    struct block first, last;
    enum tracer_status status = graph_get_block(graph, head->chain_id, head->first_block, &first, err);
    if (!status)
        status = graph_get_block(graph, head->chain_id, head->last_block, &last, err);
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    if (status || !hash_equal(first.hash, head->first_hash) || !hash_equal(last.hash, head->last_hash))
        return error_set(err, TRACER_E_CONFLICT, "the store has other blocks now; run audit again");
    return TRACER_OK;
}

enum tracer_status audit_record(const struct audit_result *result, struct graph *graph, const char *endpoints,
                                struct error *err)
{
    const struct result_head *head = &result->trace.head;
    struct audit_covered covered = {.everybody = false};
    enum tracer_status status = is_unchanged(result, graph, err);
    if (!status)
        status =
            audit_find_covered(graph, head->chain_id, head->first_block, head->last_block, &covered, err);
    for (size_t i = 0; i < result->audited_count && !status;) {
        struct graph_write *write;
        if ((status = graph_begin(graph, &write, err)))
            break;
        for (size_t put = 0; put < COMMIT_RECORDS && i < result->audited_count && !status; put++, i++)
            status = put_account(result, &result->audited[i], &covered, graph, endpoints, err);
        if (status)
            graph_abort(write);
        else
            status = graph_commit(write, err);
    }
    if (!status)
        status = put_tokens(result, &covered, graph, endpoints, err);
    free(covered.accounts);
    return status;
}
