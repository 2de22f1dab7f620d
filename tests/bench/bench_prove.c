/* bench_prove.c - proving a block against its hash, beside only reading it, and beside the bare signatures
 * (performance 5, goal 12); and from what is kept of it, with all senders and lazily: with those that a verdict rests on.
 *
 *   bench_prove BLOCK.json RECEIPTS.json [ROUNDS]
 *
 * The files hold eth_getBlockByNumber(n, true) and eth_getBlockReceipts(n) of Ethereum, with or without the
 * envelope. The bound is as many recoveries as the block has transactions, one after the other, divided by the processors; what
 * as many threads make of them is printed beside it. Lazily means the header's hash, all roots, and the sender of one transaction
 * (of the middle of the block): without it, what is hashed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evm/signature.h"
#include "rules.h"
#include "tracer/buffer.h"
#include "tracer/clock.h"
#include "tracer/file.h"
#include "tracer/large.h"
#include "tracer/proof.h"

static struct json_span load(const char *path, struct buffer *bytes)
{
    struct error err;
    struct json_reader reader;
    struct json_span key, value, found;
    buffer_init(bytes, TRACER_MIB(256));
    if (file_read(path, TRACER_MIB(256), bytes, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    found = (struct json_span){bytes->data, bytes->size};
    json_reader_init(&reader, bytes->data, bytes->size, TRACER_JSON_DEPTH_MAX, TRACER_JSON_VALUES_MAX);
    if (json_peek(&reader) == JSON_IS_OBJECT && json_enter_object(&reader))
        while (json_next_member(&reader, &key) && json_skip(&reader, &value))
            if (json_span_is(key, "result"))
                found = value;
    return found;
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* What is divided by: nothing measures as nothing, and a noisy round as less. */
static uint64_t measured(uint64_t ns)
{
    return (int64_t)ns > 0 ? ns : 1;
}

static size_t decode(struct evm_replies *replies, struct arena *arena, struct arena_mark empty, bool prove)
{
    const struct evm_network network = {.rules = &chain_rules_ethereum.evm, .chain_id = 1};
    struct block block;
    struct evm_notes notes;
    struct error err;
    replies->prove = prove;
    if (evm_decode_block(&network, replies, arena, &block, &notes, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    size_t count = block.transaction_count;
    arena_reset(arena, empty);
    return count;
}

/* The archive of the block, and again from it: everything but traces, labels and what is stated beside the hashed fields. */
static struct bytes keep(struct evm_replies *replies, struct arena *arena)
{
    const struct evm_network network = {.rules = &chain_rules_ethereum.evm, .chain_id = 1};
    struct block block;
    struct evm_notes notes;
    struct error err;
    replies->prove = replies->archive = true;
    if (evm_decode_block(&network, replies, arena, &block, &notes, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    uint8_t *kept = malloc(block.archive.size + 1);
    if (!kept)
        exit(1);
    memcpy(kept, block.archive.data, block.archive.size);
    replies->archive = false;
    return (struct bytes){kept, block.archive.size};
}

/* Senders of transactions first, first + step, ... */
static void check(struct bytes kept, struct arena *arena, struct arena_mark empty, size_t first, size_t step)
{
    const struct evm_network network = {.rules = &chain_rules_ethereum.evm, .chain_id = 1};
    struct proof_block block;
    struct proof_header header;
    struct proof_transaction read;
    struct error err;
    enum tracer_status status = proof_open(kept, arena, &block, &err);
    if (!status)
        status = proof_check(&network, &block, arena, &header, &err);
    const struct bytes *receipts = block.lists[PROOF_RECEIPTS].items;
    for (size_t i = first; !status && i < block.lists[PROOF_TRANSACTIONS].count; i += step)
        status = proof_read_transaction(&network, block.header, i, block.lists[PROOF_TRANSACTIONS].items[i], receipts[i],
                                        i ? receipts[i - 1] : (struct bytes){NULL, 0}, NULL, arena, &read, &err);
    if (status) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    arena_reset(arena, empty);
}

/* Signatures that some key made: any s, and an r that is a point's x. */
static struct signature *make_signatures(size_t count)
{
    struct signature *made = calloc(count + 1, sizeof *made);
    uint64_t seed = 20220323;
    struct address signer;
    struct error err;
    for (size_t i = 0; made && i < count;) {
        for (int k = 0; k < 4; k++) {
            made[i].r.limb[k] = seed = seed * 6364136223846793005u + 1442695040888963407u;
            made[i].s.limb[k] = seed = seed * 6364136223846793005u + 1442695040888963407u;
        }
        enum tracer_status status = signature_recover((struct hash){{1}}, &made[i], &signer, &err);
        if (status == TRACER_E_UNAVAILABLE) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        i += status == TRACER_OK;
    }
    return made;
}

/* The same on all processors, and nothing else. */
static void recover_all(const struct signature *signatures, struct recovery *items, size_t count)
{
    struct recoveries recoveries;
    struct error err;
    for (size_t i = 0; i < count; i++)
        items[i] = (struct recovery){.digest = {{1}}, .signature = signatures[i]};
    if (recoveries_begin(&recoveries, items, count, &err))
        exit(1);
    recoveries_add(&recoveries, count);
    recoveries_end(&recoveries);
}

static void recover(const struct signature *signatures, size_t count)
{
    struct address signer;
    struct error err;
    for (size_t i = 0; i < count; i++)
        if (signature_recover((struct hash){{1}}, &signatures[i], &signer, &err))
            exit(1);
}

int main(int argc, char **argv)
{
    struct buffer owned[2];
    enum { READ, PROVEN, BARE, BARE_ALL, KEPT, LAZY, WHATS };
    uint64_t times[WHATS][101];
    static const char *const names[] = {"read only", "read and proven", "bare signatures", "on all processors", "kept, all senders", "kept, lazily"};
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 21;
    if (argc < 3 || rounds == 0 || rounds > 101) {
        fprintf(stderr, "usage: bench_prove BLOCK.json RECEIPTS.json [ROUNDS up to 101]\n");
        return 2;
    }
    heap_keep(true); /* as the program does: else some blocks leave the heap's end to be trimmed, and fetched again, every round */
    struct json_span block = load(argv[1], &owned[0]), receipts = load(argv[2], &owned[1]);
    struct evm_block_head head;
    struct error err;
    struct arena *arena = arena_new(TRACER_GIB(1));
    if (!arena || !arena_alloc(arena, TRACER_MIB(16)) || evm_decode_head(block, arena, &head, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct evm_replies replies = {
        .number = head.number, .block = block, .receipts = &receipts, .receipt_count = 1};
    struct arena_mark empty = arena_mark(arena); /* memory is kept from round to round, as fetching does */
    empty.used = empty.total = 0;
    size_t count = decode(&replies, arena, empty, true);
    struct signature *signatures = make_signatures(count);
    struct recovery *items = calloc(count + 1, sizeof *items);
    if (!signatures || !items)
        return 1;
    struct bytes kept = keep(&replies, arena);
    arena_reset(arena, empty);
    for (unsigned i = 0; i < rounds; i++)
        for (int what = 0; what < WHATS; what++) {
            uint64_t start = clock_monotonic_ns();
            if (what == BARE)
                recover(signatures, count);
            else if (what == BARE_ALL)
                recover_all(signatures, items, count);
            else if (what >= KEPT)
                check(kept, arena, empty, what == LAZY ? count / 2 : 0, what == LAZY ? count + 1 : 1);
            else
                decode(&replies, arena, empty, what == PROVEN);
            times[what][i] = clock_monotonic_ns() - start;
        }
    for (int what = 0; what < WHATS; what++)
        qsort(times[what], rounds, sizeof times[what][0], order);
    for (int what = 0; what < WHATS; what++)
        printf("block %" PRIu64 ", %zu transactions: %-17s %6" PRIu64 " us\n", head.number, count,
               names[what], times[what][rounds / 2] / 1000);
    uint64_t proof = measured(times[PROVEN][rounds / 2] - times[READ][rounds / 2]), lazy = measured(times[LAZY][rounds / 2]),
             bare = measured(times[BARE][rounds / 2]), all = measured(times[BARE_ALL][rounds / 2]),
             cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), hashed = measured(count ? lazy - bare / count : lazy);
    printf("proving costs %" PRIu64 ".%02" PRIu64 " times the bare signatures divided by %" PRIu64 " processors (goal: 1.20), %" PRIu64
           ".%02" PRIu64 " times those on all processors; all hashing is %" PRIu64 " %% of it\n",
           proof * cores / bare, proof * cores * 100 / bare % 100, cores, proof / all, proof * 100 / all % 100, hashed * 100 / proof);
    printf("lazily %" PRIu64 " blocks a second: %" PRIu64 ".%" PRIu64 " times as many as with all senders\n",
           UINT64_C(1000000000) / lazy, times[KEPT][rounds / 2] / lazy, times[KEPT][rounds / 2] * 10 / lazy % 10);
    free(signatures);
    free(items);
    free((uint8_t *)(uintptr_t)kept.data);
    arena_free(arena);
    buffer_release(&owned[0]);
    buffer_release(&owned[1]);
    return 0;
}
