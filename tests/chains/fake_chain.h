/* fake_chain.h - a chain behind a fault server: blocks that follow each other, with transactions, logs and
 * traces, and endpoints that lack things or lie. */
#ifndef TRACER_TESTS_CHAINS_FAKE_CHAIN_H
#define TRACER_TESTS_CHAINS_FAKE_CHAIN_H

#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "chains/fake_block.h"
#include "support/faultserver.h"
#include "tracer/chain.h"
#include "tracer/clock.h"

struct fake_chain {
    uint64_t chain_id; /* 0: 777 */
    uint64_t head;
    uint64_t fork;   /* blocks from here on have other hashes; 0: none */
    uint64_t oldest; /* blocks below are not served (null) */
    uint64_t range_max; /* of eth_getLogs and trace_filter; 0: any */
    bool states_range;  /* in the text of the error */
    atomic_uint ranges_refused;
    bool no_block_receipts, no_traces, flat_traces, no_finalized, prunes_traces, without_logs;
    uint64_t finalized; /* what it says of it; 0: ten blocks below the head */
    bool no_tags;       /* nor a head */
    uint64_t balance;   /* of everybody; 0: 42 */
    unsigned items;     /* of everybody as ERC-1155; 0: a contract that does not have the function, and */
    bool sold;          /* that says FAKE_B owns every item, not FAKE_A */
    atomic_uint balances_asked;
    /* Lies: the calls in which the block is wrong, from the first on. */
    uint64_t lie_number;
    enum fake_lie {
        LIE_NONE,
        LIE_RECEIPT_MISSING,
        LIE_RECEIPT_FROM,
        LIE_AMOUNT, /* of a token; no other member repeats it */
        LIE_NUMBER,
        LIE_OTHER_FORK,
        LIE_NULL_RECEIPTS,
        LIE_TYPE, /* nobody knows the encoding: no root can be computed */
        LIE_TYPE_AMOUNT,
        LIE_TRACE, /* 6 wei inside, not 5 */
        LIE_TRACE_LEFT_OUT,
        LIE_TRACE_ORDER, /* the move before the log */
        LIE_HASH /* to who asks for the block alone: it is not that of the header beside it */
    } lie;
    atomic_int lies_left;
    unsigned l1_fee; /* that its receipts state; no root covers it */
    atomic_uint receipts_asked, blocks_asked, traces_asked;
    /* Faults: requests with this method get the step, calls of it the result, until none is left. */
    const char *fault_method, *fault_result;
    const struct fault_step *fault_step;
    atomic_int faults_left;
    /* Code of FAKE_A after the blocks [code_first, code_end): state is of a block, not for ever. */
    const char *code;
    uint64_t code_first, code_end, state_oldest; /* no state of blocks below */
    const struct fake_chain *after; /* after switch_at block calls the chain is this one */
    unsigned switch_at;
    bool no_batches;   /* they are refused */
    uint64_t hidden;   /* a block that its lists leave out */
    bool invents;      /* and list one more, where nothing happened */
    bool forgets;      /* knows no transaction by its hash, */
    unsigned misplaced; /* or says that it stands so many blocks higher */
    bool no_lists, odd_lists; /* none is offered; they are not what was asked for */
    bool hashes_alone; /* of eth_getTransactionBySenderAndNonce */
};

static inline const struct fake_block *fake_of(const struct fake_chain *chain, uint64_t number)
{
    return fake_block_at(chain->fork, number);
}

static inline const char *fake_hash(const struct fake_chain *chain, uint64_t number,
                                    char to[static HASH_TEXT_SIZE])
{
    return fake_text(fake_of(chain, number)->hash, to);
}

static inline const char *fake_type(const struct fake_chain *chain, uint64_t number)
{
    bool lies = (chain->lie == LIE_TYPE || chain->lie == LIE_TYPE_AMOUNT) && chain->lie_number == number && chain->lies_left > 0;
    return lies ? "0x55" : "0x0";
}

static inline void fake_place(const struct fake_block *block, FILE *out)
{
    char hash[HASH_TEXT_SIZE];
    fprintf(out, "\"blockHash\":\"%s\",\"blockNumber\":\"0x%" PRIx64 "\"", fake_text(block->hash, hash),
            block->number);
}

static inline void fake_block(const struct fake_chain *chain, uint64_t number, bool full, FILE *out)
{
    const struct fake_block *block = fake_of(chain, number);
    fprintf(out, "{");
    fake_header(block, out);
    fprintf(out, ",\"transactions\":[");
    for (unsigned i = 0; i < block->count; i++) {
        const struct evm_transaction *transaction = &block->transactions[i];
        char hash[HASH_TEXT_SIZE], r[67], s[67];
        fake_text(transaction->hash, hash);
        u256_format_quantity(transaction->r, r);
        u256_format_quantity(transaction->s, s);
        fprintf(out, "%s", i ? "," : "");
        if (!full) {
            fprintf(out, "\"%s\"", hash);
            continue;
        }
        fprintf(out, "{");
        fake_place(block, out);
        fprintf(out,
                ",\"hash\":\"%s\",\"from\":\"" FAKE_A "\",\"to\":\"" FAKE_B "\",\"gas\":\"0xffff\","
                "\"gasPrice\":\"0x9\",\"input\":\"0x\",\"nonce\":\"0x%" PRIx64
                "\",\"transactionIndex\":\"0x%x\","
                "\"value\":\"0x%x\",\"type\":\"%s\",\"v\":\"0x%" PRIx64 "\",\"r\":\"%s\",\"s\":\"%s\"}",
                hash, transaction->nonce, i, i, fake_type(chain, number), transaction->v.limb[0], r, s);
    }
    fprintf(out, "]}");
}

static inline void fake_receipt(const struct fake_chain *chain, uint64_t number, unsigned i, FILE *out)
{
    const struct fake_block *block = fake_of(chain, number);
    bool here = chain->lie_number == number && chain->lies_left > 0;
    char hash[HASH_TEXT_SIZE], fee[48] = "";
    fake_text(block->transactions[i].hash, hash);
    if (chain->l1_fee)
        snprintf(fee, sizeof fee, "\"l1Fee\":\"0x%x\",", chain->l1_fee);
    fprintf(out, "{");
    fake_place(block, out);
    fprintf(
        out,
        ",\"transactionHash\":\"%s\",\"transactionIndex\":\"0x%x\",\"from\":\"%s\",\"to\":\"" FAKE_B
        "\",%s\"contractAddress\":null,\"cumulativeGasUsed\":\"0x%x\",\"gasUsed\":\"0x%x\","
        "\"effectiveGasPrice\":\"0x9\",\"status\":\"0x1\",\"type\":\"%s\",\"logs\":[{\"address\":\"" FAKE_TOKEN
        "\",\"topics\":[\"" FAKE_TRANSFER "\",\"0x" FAKE_PAD "%s\",\"0x" FAKE_PAD
        "%s\"],\"data\":\"0x%064" PRIx64 "\",",
        hash, i, here && chain->lie == LIE_RECEIPT_FROM ? FAKE_C : FAKE_A, fee, (i + 1) * FAKE_GAS, FAKE_GAS,
        fake_type(chain, number), &FAKE_A[2], &FAKE_B[2], number + (here && (chain->lie == LIE_AMOUNT || chain->lie == LIE_TYPE_AMOUNT)));
    fake_place(block, out);
    fprintf(
        out,
        ",\"transactionHash\":\"%s\",\"transactionIndex\":\"0x%x\",\"logIndex\":\"0x%x\",\"removed\":false}]}",
        hash, i, i);
}

static inline void fake_traces(const struct fake_chain *chain, uint64_t number, FILE *out)
{
    const struct fake_block *block = fake_of(chain, number);
    const bool lies = chain->lie_number == number && chain->lies_left > 0;
    const unsigned inside = lies && chain->lie == LIE_TRACE ? 6 : lies && chain->lie == LIE_TRACE_LEFT_OUT ? 0 : 5;
    char hash[HASH_TEXT_SIZE], own[HASH_TEXT_SIZE];
    fake_text(block->hash, hash);
    fprintf(out, "[");
    for (unsigned i = 0; i < block->count; i++) {
        fake_text(block->transactions[i].hash, own);
        if (chain->flat_traces) {
            fprintf(out,
                    "%s{\"type\":\"call\",\"action\":{\"callType\":\"call\",\"from\":\"" FAKE_A
                    "\",\"to\":\"" FAKE_B
                    "\",\"value\":\"0x%x\"},\"blockHash\":\"%s\",\"blockNumber\":%" PRIu64 ",\"subtraces\":1,"
                    "\"traceAddress\":[],\"transactionHash\":\"%s\",\"transactionPosition\":%u},"
                    "{\"type\":\"call\",\"action\":{\"callType\":\"call\",\"from\":\"" FAKE_B
                    "\",\"to\":\"" FAKE_C
                    "\",\"value\":\"0x%x\"},\"blockHash\":\"%s\",\"blockNumber\":%" PRIu64 ",\"subtraces\":0,"
                    "\"traceAddress\":[0],\"transactionHash\":\"%s\",\"transactionPosition\":%u}",
                    i ? "," : "", i, hash, number, own, i, inside, hash, number, own, i);
            continue;
        }
        fprintf(out,
                "%s{\"txHash\":\"%s\",\"result\":{\"type\":\"CALL\",\"from\":\"" FAKE_A "\",\"to\":\"" FAKE_B
                "\",\"value\":\"0x%x\",\"calls\":[{\"type\":\"CALL\",\"from\":\"" FAKE_B "\",\"to\":\"" FAKE_C
                "\",\"value\":\"0x%x\"}]",
                i ? "," : "", own, i, inside);
        if (!chain->without_logs)
            fprintf(out,
                    ",\"logs\":[{\"address\":\"" FAKE_TOKEN "\",\"topics\":[\"" FAKE_TRANSFER
                    "\",\"0x" FAKE_PAD "%s\",\"0x" FAKE_PAD "%s\"],\"data\":\"0x%064" PRIx64
                    "\",\"position\":\"0x%x\"}]",
                    &FAKE_A[2], &FAKE_B[2], number, lies && chain->lie == LIE_TRACE_ORDER);
        fprintf(out, "}}");
    }
    fprintf(out, "]");
}

static inline bool fake_error(FILE *out, int code, const char *message)
{
    fprintf(out, "{\"code\":%d,\"message\":\"%s\"}", code, message);
    return false;
}

/* The first parameter, a QUANTITY or tag. False: a tag that is not offered. */
static inline bool fake_number(const struct fake_chain *chain, struct json_span params, uint64_t *ret_number)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)params.length, params.text);
    char *first = strchr(text, '"');
    if (!first)
        return false;
    first++;
    if (strncmp(first, "latest", 6) == 0)
        *ret_number = chain->head;
    else if (strncmp(first, "finalized", 9) == 0)
        *ret_number = chain->finalized ? chain->finalized : chain->head >= 10 ? chain->head - 10 : 0;
    else
        *ret_number = strtoull(first, NULL, 16);
    return !(chain->no_tags && *first != '0') && !(chain->no_finalized && strncmp(first, "finalized", 9) == 0);
}

static inline bool fake_receipts(struct fake_chain *chain, uint64_t number, FILE *out)
{
    unsigned count = fake_transactions(number);
    bool lies = chain->lie_number == number && chain->lies_left > 0;
    if (lies && chain->lie == LIE_NULL_RECEIPTS) {
        chain->lies_left--;
        fprintf(out, "null");
        return true;
    }
    if (lies && chain->lie == LIE_RECEIPT_MISSING)
        count--;
    fprintf(out, "[");
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "%s", i ? "," : "");
        fake_receipt(chain, number, i, out);
    }
    fprintf(out, "]");
    if (lies &&
        (chain->lie == LIE_RECEIPT_FROM || chain->lie == LIE_RECEIPT_MISSING || chain->lie == LIE_AMOUNT))
        chain->lies_left--;
    return true;
}

static inline struct fault_step fake_step(void *context, const char *body, size_t size)
{
    struct fake_chain *chain = context;
    char wanted[80];
    if (chain->no_batches && size && *body == '[')
        return (struct fault_step){
            .body = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"batches are not supported\"}}"};
    if (!chain->fault_step || !chain->fault_method)
        return (struct fault_step){0};
    snprintf(wanted, sizeof wanted, "\"method\":\"%s\"", chain->fault_method);
    bool hit = memmem(body, size, wanted, strlen(wanted)) && atomic_fetch_sub(&chain->faults_left, 1) > 0;
    return hit ? *chain->fault_step : (struct fault_step){0};
}

static inline bool fake_listed(const struct fake_chain *chain, uint64_t number)
{
    return (fake_transactions(number) || (chain->invents && number == 24)) && number != chain->hidden;
}

static inline bool fake_answer(void *context, struct json_span method, struct json_span params, FILE *out)
{
    struct fake_chain *chain = context;
    uint64_t number = 0;
    if (chain->fault_result && json_span_is(method, chain->fault_method) &&
        atomic_fetch_sub(&chain->faults_left, 1) > 0) {
        fputs(chain->fault_result, out);
        return true;
    }
    if (json_span_is(method, "eth_chainId")) {
        fprintf(out, "\"0x%" PRIx64 "\"", chain->chain_id ? chain->chain_id : 777);
        return true;
    }
    if (json_span_is(method, "web3_clientVersion")) {
        fprintf(out, "\"Fake/v1.0\\u001b[31m\"");
        return true;
    }
    if (json_span_is(method, "eth_blockNumber")) {
        fprintf(out, "\"0x%" PRIx64 "\"", chain->head);
        return true;
    }
    if (json_span_is(method, "eth_getTransactionCount") || json_span_is(method, "eth_getCode")) {
        const char *comma = memchr(params.text, ',', params.length);
        uint64_t block = comma ? strtoull(comma + 2, NULL, 16) : 0;
        bool own = memmem(params.text, params.length, FAKE_A, strlen(FAKE_A)) != NULL;
        if (block < chain->state_oldest)
            return fake_error(out, -32000, "missing trie node");
        if (json_span_is(method, "eth_getCode"))
            fprintf(out, "\"%s\"", own && chain->code && block >= chain->code_first && block < chain->code_end ? chain->code : "0x");
        else
            fprintf(out, "\"0x%" PRIx64 "\"", own ? fake_nonce(block + 1, 0) : 0);
        return true;
    }
    if (json_span_is(method, "eth_getBalance")) {
        chain->balances_asked++;
        if (chain->no_tags)
            return fake_error(out, -32000, "missing trie node");
        fprintf(out, "\"0x%" PRIx64 "\"", chain->balance ? chain->balance : 42);
        return true;
    }
    if (json_span_is(method, "eth_call")) {
        if (memmem(params.text, params.length, "00fdd58e", 8)) {
            if (!chain->items)
                return fake_error(out, 3, "execution reverted");
            fprintf(out, "\"0x%064x\"", chain->items);
        } else if (memmem(params.text, params.length, "6352211e", 8))
            fprintf(out, "\"0x" FAKE_PAD "%s\"", chain->sold ? &FAKE_B[2] : &FAKE_A[2]);
        else
            fprintf(out, "\"0x%064x\"", 99);
        return true;
    }
    if (chain->no_lists && (json_span_is(method, "eth_getLogs") || json_span_is(method, "trace_filter") || json_span_is(method, "ots_searchTransactionsAfter")))
        return fake_error(out, -32601, "the method does not exist/is not available");
    if (chain->odd_lists && (json_span_is(method, "eth_getLogs") || json_span_is(method, "trace_filter") || json_span_is(method, "ots_searchTransactionsAfter"))) {
        fprintf(out, "[{}]");
        return true;
    }
    if (json_span_is(method, "eth_getLogs") || json_span_is(method, "trace_filter")) { /* those of FAKE_A, an item a block */
        const char *from = memmem(params.text, params.length, "fromBlock\":\"", 12), *to = memmem(params.text, params.length, "toBlock\":\"", 10);
        bool own = memmem(params.text, params.length, &FAKE_A[2], strlen(FAKE_A) - 2) != NULL;
        uint64_t first = from ? strtoull(from + 12, NULL, 16) : 0, last = to ? strtoull(to + 10, NULL, 16) : 0;
        bool logs = json_span_is(method, "eth_getLogs");
        if (own && chain->range_max && last - first >= chain->range_max) {
            char text[64];
            snprintf(text, sizeof text, "exceeded maximum block range: %" PRIu64, chain->range_max);
            chain->ranges_refused++;
            return fake_error(out, -32602, chain->states_range ? text : "query exceeds max block range");
        }
        fprintf(out, "[");
        for (uint64_t n = first, items = 0; own && n <= last && n <= chain->head; n++)
            if (fake_listed(chain, n))
                fprintf(out, logs ? "%s{\"address\":\"" FAKE_TOKEN "\",\"blockNumber\":\"0x%" PRIx64 "\"}" : "%s{\"blockNumber\":%" PRIu64 "}", items++ ? "," : "", n);
        fprintf(out, "]");
        return true;
    }
    if (json_span_is(method, "ots_searchTransactionsAfter")) { /* pages of three blocks, the newest first */
        const char *comma = memchr(params.text, ',', params.length);
        uint64_t behind = comma ? strtoull(comma + 1, NULL, 10) : 0, page[3], count = 0, n = behind + 1;
        for (; n <= chain->head && count < 3; n++)
            if (fake_listed(chain, n))
                page[count++] = n;
        fprintf(out, "{\"txs\":[");
        for (uint64_t i = count; i-- > 0;)
            fprintf(out, "{\"blockNumber\":\"0x%" PRIx64 "\"}%s", page[i], i ? "," : "");
        fprintf(out, "],\"receipts\":[],\"firstPage\":%s,\"lastPage\":false}", n > chain->head ? "true" : "false");
        return true;
    }
    if (json_span_is(method, "eth_getTransactionByHash")) {
        for (uint64_t of = 0; of <= chain->head && !chain->forgets; of++)
            for (unsigned i = 0; i < fake_of(chain, of)->count; i++) {
                char hash[HASH_TEXT_SIZE];
                fake_text(fake_of(chain, of)->transactions[i].hash, hash);
                if (memmem(params.text, params.length, hash, strlen(hash))) {
                    fprintf(out, "{\"hash\":\"%s\",\"blockNumber\":\"0x%" PRIx64 "\"}", hash, of + chain->misplaced);
                    return true;
                }
            }
        fprintf(out, "null");
        return true;
    }
    if (json_span_is(method, "eth_getTransactionBySenderAndNonce")) {
        const char *comma = memchr(params.text, ',', params.length);
        uint64_t nonce = comma ? strtoull(comma + 2, NULL, 16) : 0;
        for (uint64_t of = 0; of <= chain->head; of++)
            for (unsigned i = 0; i < fake_of(chain, of)->count; i++) {
                char hash[HASH_TEXT_SIZE];
                fake_text(fake_of(chain, of)->transactions[i].hash, hash);
                if (fake_nonce(of, i) != nonce)
                    continue;
                if (chain->hashes_alone)
                    fprintf(out, "\"%s\"", hash);
                else
                    fprintf(out, "{\"hash\":\"%s\",\"blockNumber\":\"0x%" PRIx64 "\"}", hash, of);
                return true;
            }
        fprintf(out, "null");
        return true;
    }
    if (json_span_is(method, "eth_getTransactionReceipt")) {
        chain->receipts_asked++;
        for (uint64_t of = 0; of <= chain->head; of++)
            for (unsigned i = 0; i < fake_of(chain, of)->count; i++) {
                char hash[HASH_TEXT_SIZE];
                fake_text(fake_of(chain, of)->transactions[i].hash, hash);
                if (memmem(params.text, params.length, hash, strlen(hash))) {
                    fake_receipt(chain, of, i, out);
                    return true;
                }
            }
        fprintf(out, "null");
        return true;
    }
    if (!fake_number(chain, params, &number))
        return fake_error(out, -39001, "Unknown tag");
    if (json_span_is(method, "eth_getBlockByNumber")) {
        unsigned asked = chain->blocks_asked++;
        const struct fake_chain *now = chain->after && asked >= chain->switch_at ? chain->after : chain;
        bool lies = chain->lie_number == number && chain->lies_left > 0;
        bool full = memmem(params.text, params.length, "true", 4);
        if ((number > now->head && number != now->finalized) || number < now->oldest) {
            fprintf(out, "null");
        } else if (lies && chain->lie == LIE_NUMBER) {
            chain->lies_left--;
            fake_block(now, number + 4, true, out);
        } else if (lies && chain->lie == LIE_OTHER_FORK) {
            struct fake_chain other = {.fork = number, .head = chain->head};
            chain->lies_left--;
            fake_block(&other, number, true, out);
        } else if (lies && chain->lie == LIE_HASH && !full) {
            struct fake_block other = *fake_of(now, number);
            other.hash.bytes[0] ^= 1;
            fputc('{', out);
            fake_header(&other, out);
            fputs(",\"transactions\":[]}", out);
        } else {
            fake_block(now, number, full, out);
        }
        return true;
    }
    const struct fake_chain *now =
        chain->after && chain->blocks_asked > chain->switch_at ? chain->after : chain;
    if (json_span_is(method, "eth_getBlockReceipts") && !chain->no_block_receipts) {
        struct fake_chain *writable = chain;
        if (now != chain) {
            struct fake_chain copy = {.fork = now->fork, .head = now->head};
            return fake_receipts(&copy, number, out);
        }
        return fake_receipts(writable, number, out);
    }
    if (json_span_is(method, chain->flat_traces ? "trace_block" : "debug_traceBlockByNumber") &&
        !chain->no_traces) {
        chain->traces_asked++;
        if (chain->prunes_traces && number != chain->head)
            return fake_error(out, -32000, "missing trie node");
        fake_traces(now, number, out);
        return true;
    }
    return fake_error(out, -32601, "the method does not exist/is not available");
}

/* ---- a pool over such chains ---- */

struct fake_pool {
    struct faultserver *servers[4];
    size_t count;
    struct rpc *rpc;
    struct chain_network network;
};

static inline struct fake_pool fake_open_within(struct fake_chain **chains, size_t count, uint32_t delay_ms,
                                                const char *record, const char *replay, uint32_t timeout_ms)
{
    static const char *const names[] = {"alpha", "beta", "gamma", "delta"};
    struct fake_pool pool = {.count = count};
    struct rpc_endpoint endpoints[4];
    struct rpc_options options = {.endpoints = endpoints,
                                  .endpoint_count = count,
                                  .allow_local = true,
                                  .attempts_max = 3,
                                  .connect_timeout_ms = 1000,
                                  .total_timeout_ms = timeout_ms,
                                  .backoff_first_ms = 5,
                                  .retry_after_max_s = 1,
                                  .jitter_seed = 42,
                                  .record = record,
                                  .replay = replay};
    struct error err = {0};
    memset(endpoints, 0, sizeof endpoints);
    for (size_t i = 0; i < count; i++) {
        strcpy(endpoints[i].name, names[i]);
        endpoints[i].url = "http://127.0.0.1:1/";
        if (chains[i]) {
            pool.servers[i] = faultserver_start(&(struct faultserver_options){
                .answer = fake_answer, .choose = fake_step, .context = chains[i], .delay_ms = delay_ms});
            endpoints[i].url = faultserver_url(pool.servers[i]);
        }
    }
    cr_assert_eq(rpc_open(&options, &pool.rpc, &err), TRACER_OK, "%s", err.text);
    struct fake_chain genesis = {0};
    char hash[67];
    strcpy(pool.network.name, "fake");
    pool.network.chain_id = 777;
    cr_assert(hash_parse(fake_hash(&genesis, 0, hash), 66, &pool.network.anchor_hash));
    pool.network.rules = chain_rules_find("latest");
    return pool;
}

static inline struct fake_pool fake_open(struct fake_chain **chains, size_t count, uint32_t delay_ms,
                                         const char *record, const char *replay)
{
    return fake_open_within(chains, count, delay_ms, record, replay, 5000);
}

static inline void fake_close(struct fake_pool *pool)
{
    rpc_close(pool->rpc);
    for (size_t i = 0; i < pool->count; i++)
        if (pool->servers[i])
            faultserver_stop(pool->servers[i]);
}

#endif
