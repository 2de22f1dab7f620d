/* bench_ingest.c - decoding of blocks: how fast, and how much of it is reading JSON.
 *
 *   bench_ingest [ROUNDS]
 *
 * A synthetic block shaped like mainnet's: 200 transactions, 460 logs of which 300 are token transfers, input
 * data, blooms, call traces with log positions. The bound is a pass over the same bytes that only checks them
 * as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "tracer/clock.h"

#define TRANSACTIONS 200u
#define LOGS 460u
#define TRANSFER "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define SYNC "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"
#define PLACE "\"blockHash\":\"0x%064x\",\"blockNumber\":\"0x1000000\""

struct block_texts {
    char *block, *receipts, *traces;
    size_t block_size, receipts_size, traces_size;
};

static unsigned logs_of(unsigned transaction)
{
    /* most have none or a few, some have many */
    return transaction % 10 < 4 ? 0 : transaction % 10 < 9 ? 2 : 13;
}

static bool is_transfer(unsigned log)
{
    return log % 20 < 13;
}

static void write_digits(FILE *out, unsigned count, unsigned seed)
{
    for (unsigned i = 0; i < count; i += 8)
        fprintf(out, "%08x", seed = seed * 1664525u + 1013904223u);
}

static void write_log_body(FILE *out, unsigned transaction, unsigned log)
{
    fprintf(out, "\"address\":\"0x%040x\",\"topics\":[", 0x7000 + log % 50);
    if (is_transfer(log))
        fprintf(out, "\"" TRANSFER "\",\"0x%064x\",\"0x%064x\"],\"data\":\"0x%064x\"", 0xa000 + transaction,
                0xb000 + log, log + 1);
    else
        fprintf(out, "\"" SYNC "\"],\"data\":\"0x%064x%064x\"", log, log + 7);
}

static void write_block(FILE *out)
{
    fprintf(
        out,
        "{\"number\":\"0x1000000\",\"hash\":\"0x%064x\",\"parentHash\":\"0x%064x\",\"logsBloom\":\"0x%"
        "0512x\","
        "\"transactionsRoot\":\"0x%064x\",\"stateRoot\":\"0x%064x\",\"receiptsRoot\":\"0x%064x\","
        "\"miner\":\"0x%040x\",\"gasLimit\":\"0x1c9c380\",\"gasUsed\":\"0x%x\",\"timestamp\":\"0x65000000\","
        "\"baseFeePerGas\":\"0x3b9aca00\",\"uncles\":[],\"transactions\":[",
        1, 2, 3, 4, 5, 6, 0x99, TRANSACTIONS * 60000);
    for (unsigned i = 0; i < TRANSACTIONS; i++) {
        fprintf(out,
                "%s{" PLACE ",\"from\":\"0x%040x\",\"gas\":\"0x20000\",\"gasPrice\":\"0x3b9aca64\","
                "\"maxFeePerGas\":\"0x77359400\",\"maxPriorityFeePerGas\":\"0x64\",\"hash\":\"0x%064x\","
                "\"input\":\"0x",
                i ? "," : "", 1, 0xa000 + i, 0xd000 + i);
        write_digits(out, i % 3 ? 8 + 64 * (i % 20) : 0, i);
        fprintf(out,
                "\",\"nonce\":\"0x%x\",\"to\":\"0x%040x\",\"transactionIndex\":\"0x%x\",\"value\":\"0x%x\","
                "\"type\":\"0x2\","
                "\"accessList\":[],\"chainId\":\"0x1\",\"v\":\"0x1\",\"r\":\"0x1%063x\",\"s\":\"0x1%063x\","
                "\"yParity\":\"0x1\"}",
                i, 0x7000 + i % 50, i, i % 2 ? 0 : 1000 + i, i, i);
    }
    fprintf(out, "]}");
}

static void write_receipts(FILE *out)
{
    unsigned log_index = 0;
    fprintf(out, "[");
    for (unsigned i = 0; i < TRANSACTIONS; i++) {
        fprintf(
            out,
            "%s{" PLACE
            ",\"contractAddress\":null,\"cumulativeGasUsed\":\"0x%x\",\"effectiveGasPrice\":\"0x3b9aca64\","
            "\"from\":\"0x%040x\",\"gasUsed\":\"0xea60\",\"logs\":[",
            i ? "," : "", 1, (i + 1) * 60000, 0xa000 + i);
        for (unsigned k = 0; k < logs_of(i); k++, log_index++) {
            fprintf(out, "%s{", k ? "," : "");
            write_log_body(out, i, log_index);
            fprintf(out,
                    "," PLACE ",\"transactionHash\":\"0x%064x\",\"transactionIndex\":\"0x%x\",\"logIndex\":"
                              "\"0x%x\",\"removed\":false}",
                    1, 0xd000 + i, i, log_index);
        }
        fprintf(out,
                "],\"logsBloom\":\"0x%0512x\",\"status\":\"0x1\",\"to\":\"0x%040x\",\"transactionHash\":\"0x%"
                "064x\","
                "\"transactionIndex\":\"0x%x\",\"type\":\"0x2\"}",
                logs_of(i) > 0, 0x7000 + i % 50, 0xd000 + i, i);
    }
    fprintf(out, "]");
}

static void write_traces(FILE *out)
{
    unsigned log_index = 0;
    fprintf(out, "[");
    for (unsigned i = 0; i < TRANSACTIONS; i++) {
        fprintf(out,
                "%s{\"txHash\":\"0x%064x\",\"result\":{\"from\":\"0x%040x\",\"gas\":\"0x20000\",\"gasUsed\":"
                "\"0xea60\","
                "\"to\":\"0x%040x\",\"input\":\"0x",
                i ? "," : "", 0xd000 + i, 0xa000 + i, 0x7000 + i % 50);
        write_digits(out, i % 3 ? 8 + 64 * (i % 20) : 0, i);
        fprintf(out, "\",\"calls\":[");
        for (unsigned k = 0; k < logs_of(i); k++, log_index++) {
            fprintf(out,
                    "%s{\"from\":\"0x%040x\",\"gas\":\"0x8000\",\"gasUsed\":\"0x100\",\"to\":\"0x%040x\","
                    "\"input\":\"0x",
                    k ? "," : "", 0x7000 + i % 50, 0xb000 + log_index);
            write_digits(out, 136, k);
            fprintf(out, "\",\"output\":\"0x%064x\",\"logs\":[{", 1);
            write_log_body(out, i, log_index);
            fprintf(out, ",\"position\":\"0x0\"}],\"value\":\"0x%x\",\"type\":\"%s\"}", k % 6 == 5,
                    k % 6 == 5 ? "CALL" : "DELEGATECALL");
        }
        fprintf(out, "],\"value\":\"0x%x\",\"type\":\"CALL\"}}", i % 2 ? 0 : 1000 + i);
    }
    fprintf(out, "]");
}

static char *written(void (*write)(FILE *), size_t *ret_size)
{
    char *text;
    FILE *out = open_memstream(&text, ret_size);
    if (!out)
        abort();
    write(out);
    if (fclose(out))
        abort();
    return text;
}

static void check_json(const char *text, size_t size)
{
    struct json_reader reader;
    json_reader_init(&reader, text, size, TRACER_TRACE_JSON_DEPTH_MAX, TRACER_TRACE_VALUES_MAX);
    if (!json_skip(&reader, NULL) || !json_finish(&reader))
        abort();
}

static struct block decode(const struct block_texts *texts, bool traces, struct arena *arena)
{
    struct address wrapper = {{0x77}};
    struct evm_network network = {
        .rules = &chain_rules_latest.evm, .chain_id = 1, .wrappers = &wrapper, .wrapper_count = 1};
    struct json_span receipts = {texts->receipts, texts->receipts_size};
    struct evm_replies replies = {.number = 0x1000000,
                                  .block = {texts->block, texts->block_size},
                                  .receipts = &receipts,
                                  .receipt_count = 1,
                                  .traces_kind = traces ? EVM_TRACES_CALL_TRACER : EVM_TRACES_NONE,
                                  .traces = {texts->traces, texts->traces_size}};
    struct block block;
    struct evm_notes notes;
    struct error err;
    if (evm_decode_block(&network, &replies, arena, &block, &notes, &err)) {
        fprintf(stderr, "bench_ingest: %s\n", err.text);
        exit(1);
    }
    return block;
}

static void run(const struct block_texts *texts, bool traces, unsigned rounds)
{
    struct arena *arena = arena_new(TRACER_GIB(1));
    if (!arena || !arena_alloc(arena, TRACER_MIB(8)))
        abort();
    struct arena_mark empty = arena_mark(arena); /* memory that is kept, as chain_fetch() does it */
    empty.used = empty.total = 0;
    arena_reset(arena, empty);
    size_t bytes = texts->block_size + texts->receipts_size + (traces ? texts->traces_size : 0), used = 0;
    struct block block = {0};
    uint64_t decode_ns = UINT64_MAX, json_ns = UINT64_MAX; /* the best round of each, in turn */
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t start = clock_monotonic_ns();
        check_json(texts->block, texts->block_size);
        check_json(texts->receipts, texts->receipts_size);
        if (traces)
            check_json(texts->traces, texts->traces_size);
        uint64_t middle = clock_monotonic_ns();
        block = decode(texts, traces, arena);
        uint64_t end = clock_monotonic_ns();
        json_ns = middle - start < json_ns ? middle - start : json_ns;
        decode_ns = end - middle < decode_ns ? end - middle : decode_ns;
        used = arena_used(arena);
        arena_reset(arena, empty);
    }
    printf("decode %s: %" PRIu64 " blocks/s, %" PRIu64 " transfers/s, %" PRIu64
           " MB/s; %zu KB a block, %zu transfers, %zu KB "
           "of memory\n",
           traces ? "with traces" : "block and receipts", UINT64_C(1000000000) / decode_ns,
           (uint64_t)block.transfer_count * 1000000000u / decode_ns, (uint64_t)bytes * 1000 / decode_ns,
           bytes / 1000, block.transfer_count, used / 1000);
    printf("  JSON checked alone (bound): %" PRIu64 " MB/s; share of JSON %" PRIu64
           " %%, of decoding %" PRIu64 " %%\n",
           (uint64_t)bytes * 1000 / json_ns, json_ns * 100 / decode_ns, 100 - json_ns * 100 / decode_ns);
    arena_free(arena);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500;
    struct block_texts texts;
    texts.block = written(write_block, &texts.block_size);
    texts.receipts = written(write_receipts, &texts.receipts_size);
    texts.traces = written(write_traces, &texts.traces_size);
    run(&texts, false, rounds);
    run(&texts, true, rounds);
    free(texts.block);
    free(texts.receipts);
    free(texts.traces);
    return 0;
}
