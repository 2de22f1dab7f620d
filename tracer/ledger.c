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

/* ---- records ---- */

static void record_balances(const struct audit_account *account, const char *endpoints,
                            struct graph_coverage *coverage)
{
    char asset[ASSET_TEXT_SIZE], amount[U320_DECIMAL_MAX], more[64] = "";
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

static enum tracer_status put_account(const struct audit_result *result, const struct audit_account *account,
                                      struct graph *graph, const char *endpoints, struct error *err)
{
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
        status = graph_put_coverage(graph, head->chain_id, &coverage, err);
    }
    coverage = empty;
    if (!status && account->has_nonce) {
        record_nonce(account, endpoints, &coverage);
        status = graph_put_coverage(graph, head->chain_id, &coverage, err);
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
    enum tracer_status status = is_unchanged(result, graph, err);
    for (size_t i = 0; i < result->audited_count && !status;) {
        struct graph_write *write;
        if ((status = graph_begin(graph, &write, err)))
            break;
        for (size_t put = 0; put < COMMIT_RECORDS && i < result->audited_count && !status; put++, i++)
            status = put_account(result, &result->audited[i], graph, endpoints, err);
        if (status)
            graph_abort(write);
        else
            status = graph_commit(write, err);
    }
    return status;
}
