/* bench_prove.c - proving a block against its hash, beside only reading it, and beside the bare signatures
 * (performance 5, goal 12).
 *
 *   bench_prove BLOCK.json RECEIPTS.json [ROUNDS]
 *
 * The files hold eth_getBlockByNumber(n, true) and eth_getBlockReceipts(n) of Ethereum, with or without the
 * envelope. The bound is as many recoveries as the block has transactions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "evm/signature.h"
#include "rules.h"
#include "tracer/buffer.h"
#include "tracer/clock.h"
#include "tracer/file.h"

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
    uint64_t times[3][101];
    static const char *const names[] = {"read only", "read and proven", "bare signatures"};
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 21;
    if (argc < 3 || rounds == 0 || rounds > 101) {
        fprintf(stderr, "usage: bench_prove BLOCK.json RECEIPTS.json [ROUNDS up to 101]\n");
        return 2;
    }
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
    if (!signatures)
        return 1;
    for (unsigned i = 0; i < rounds; i++)
        for (int what = 0; what < 3; what++) {
            uint64_t start = clock_monotonic_ns();
            if (what == 2)
                recover(signatures, count);
            else
                decode(&replies, arena, empty, what == 1);
            times[what][i] = clock_monotonic_ns() - start;
        }
    for (int what = 0; what < 3; what++)
        qsort(times[what], rounds, sizeof times[what][0], order);
    for (int what = 0; what < 3; what++)
        printf("block %" PRIu64 ", %zu transactions: %-16s %6" PRIu64 " us\n", head.number, count,
               names[what], times[what][rounds / 2] / 1000);
    uint64_t proof = times[1][rounds / 2] - times[0][rounds / 2];
    printf("proving costs %" PRIu64 ".%02" PRIu64 " times the bare signatures\n",
           proof / times[2][rounds / 2], proof * 100 / times[2][rounds / 2] % 100);
    free(signatures);
    arena_free(arena);
    buffer_release(&owned[0]);
    buffer_release(&owned[1]);
    return 0;
}
