/* test_trie.c - roots and proofs: known answers, a naive trie by plain recursion, every proof and its
 * changes; receipts and blooms of the vectors. */
#include "evm/vectors.h"

#include "evm/trie.h"

#define EMPTY_ROOT "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"

/* ---- the definition (yellow paper D), over a list of pairs ---- */

struct pair {
    uint8_t nibbles[20];
    size_t count;
    struct bytes value;
};

static void naive_path(struct buffer *to, const uint8_t *nibbles, size_t count, bool leaf)
{
    uint8_t all[24], bytes[12];
    size_t n = 0;
    all[n++] = (uint8_t)(2 * leaf + count % 2);
    if (count % 2 == 0)
        all[n++] = 0;
    for (size_t i = 0; i < count; i++)
        all[n++] = nibbles[i];
    for (size_t i = 0; i < n; i += 2)
        bytes[i / 2] = (uint8_t)(all[i] * 16 + all[i + 1]);
    rlp_bytes(to, bytes, n / 2);
}

static void naive_node(const struct pair *pairs, size_t count, size_t at, struct buffer *to);

static void naive_child(const struct pair *pairs, size_t count, size_t at, struct buffer *to)
{
    struct buffer node;
    buffer_init(&node, TRACER_MIB(64));
    naive_node(pairs, count, at, &node);
    struct hash hash = keccak256(node.data, node.size);
    if (node.size < 32)
        buffer_add(to, node.data, node.size);
    else
        rlp_bytes(to, hash.bytes, 32);
    buffer_release(&node);
}

static void naive_node(const struct pair *pairs, size_t count, size_t at, struct buffer *to)
{
    size_t list = rlp_list_begin(to), same = at;
    if (count == 1) {
        naive_path(to, pairs->nibbles + at, pairs->count - at, true);
        rlp_bytes(to, pairs->value.data, pairs->value.size);
        rlp_list_end(to, list);
        return;
    }
    for (bool all = true; all; same += all)
        for (size_t i = 0; i < count; i++)
            all &= pairs[i].nibbles[same] == pairs[0].nibbles[same];
    if (same > at) {
        naive_path(to, pairs->nibbles + at, same - at, false);
        naive_child(pairs, count, same, to);
    } else {
        for (unsigned nibble = 0; nibble < 16; nibble++) {
            struct pair *some = calloc(count, sizeof *some);
            size_t n = 0;
            for (size_t i = 0; i < count; i++)
                if (pairs[i].nibbles[at] == nibble)
                    some[n++] = pairs[i];
            if (n)
                naive_child(some, n, at + 1, to);
            else
                rlp_bytes(to, NULL, 0);
            free(some);
        }
        rlp_bytes(to, NULL, 0);
    }
    rlp_list_end(to, list);
}

static struct hash naive_root(const struct bytes *values, size_t count)
{
    struct pair *pairs = calloc(count + 1, sizeof *pairs);
    struct buffer node;
    buffer_init(&node, TRACER_MIB(64));
    for (size_t i = 0; i < count; i++) {
        struct buffer key;
        buffer_init(&key, 16);
        rlp_u64(&key, i);
        for (size_t k = 0; k < key.size; k++) {
            pairs[i].nibbles[pairs[i].count++] = (uint8_t)key.data[k] >> 4;
            pairs[i].nibbles[pairs[i].count++] = (uint8_t)key.data[k] & 15;
        }
        pairs[i].value = values[i];
        buffer_release(&key);
    }
    if (count)
        naive_node(pairs, count, 0, &node);
    else
        rlp_bytes(&node, NULL, 0);
    struct hash root = keccak256(node.data, node.size);
    buffer_release(&node);
    free(pairs);
    return root;
}

/* ---- */

static struct trie *built(const struct bytes *values, size_t count, struct arena *arena)
{
    struct trie *trie;
    struct error err;
    cr_assert_eq(trie_build(values, count, arena, &trie, &err), TRACER_OK, "%s", err.text);
    return trie;
}

/* `count` values of 1..size_max bytes; the caller frees *ret_data. */
static struct bytes *make_values(size_t count, size_t size_max, uint8_t **ret_data)
{
    struct bytes *values = calloc(count + 1, sizeof *values);
    uint8_t *data = *ret_data = malloc(count * size_max + 1);
    unsigned seed = (unsigned)(count * 31 + size_max);
    for (size_t i = 0; i < count; i++) {
        size_t size = (seed = seed * 1664525u + 1013904223u) % size_max + 1;
        for (size_t k = 0; k < size; k++)
            data[i * size_max + k] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
        values[i] = (struct bytes){data + i * size_max, size};
    }
    return values;
}

/* Values of one byte make nodes that stand within their parents. */
/* Whatever is hashed beside the leaves, and beside none. */
Test(trie, others_are_hashed_on_the_way)
{
    static uint8_t texts[40][3000];
    struct arena *arena = arena_new(TRACER_MIB(16));
    struct bytes values[300], others[40];
    struct hash hashes[40];
    struct error err;
    for (size_t i = 0; i < 40; i++) {
        memset(texts[i], (int)i, sizeof texts[i]);
        others[i] = (struct bytes){texts[i], i * 75};
    }
    for (size_t i = 0; i < 300; i++)
        values[i] = (struct bytes){texts[i % 40], 1 + i * 9};
    for (size_t count = 0; count <= 300; count += count < 3 ? 1 : 99)
        for (size_t other_count = 0; other_count <= 40; other_count += 20) {
            struct trie *trie, *plain;
            memset(hashes, 0, sizeof hashes);
            cr_assert_eq(trie_build(values, count, arena, &plain, &err), TRACER_OK);
            cr_assert_eq(trie_build_beside(values, count, others, other_count, hashes, arena, &trie, &err), TRACER_OK);
            cr_assert(hash_equal(trie_root(trie), trie_root(plain)));
            for (size_t i = 0; i < other_count; i++)
                cr_assert(hash_equal(hashes[i], keccak256(others[i].data, others[i].size)), "%zu values, text %zu", count, i);
        }
    arena_free(arena);
}

Test(trie, R18_roots_are_those_of_the_definition)
{
    static const size_t counts[] = {0,   1,   2,   3,   15,  16,  17,  18,  32,  33,  126, 127, 128,
                                    129, 130, 255, 256, 257, 258, 271, 272, 300, 511, 513, 700, 4100};
    static const size_t sizes[] = {1, 8, 29, 31, 33, 600};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            uint8_t *data;
            struct arena *arena = arena_new(TRACER_MIB(64));
            struct bytes *values = make_values(counts[i], sizes[k], &data);
            cr_assert(hash_equal(trie_root(built(values, counts[i], arena)), naive_root(values, counts[i])),
                      "%zu values of up to %zu bytes", counts[i], sizes[k]);
            free(values);
            free(data);
            arena_free(arena);
        }
}

/* Keys of four bytes begin at 65,536. */
Test(trie, R18_many_values)
{
    uint8_t *data;
    struct trie *none;
    struct error err;
    struct arena *arena = arena_new(TRACER_GIB(1));
    struct bytes *values = make_values(66000, 40, &data), value;
    struct trie *trie = built(values, 66000, arena);
    cr_assert(hash_equal(trie_root(trie), naive_root(values, 66000)));
    struct trie_proof proof = trie_prove(trie, 65999);
    cr_assert_eq(trie_verify(trie_root(trie), 65999, proof.nodes, proof.count, &value), TRIE_PRESENT);
    cr_assert_eq(trie_build(values, TRACER_BLOCK_TRANSACTIONS_MAX + 1, arena, &none, &err), TRACER_E_LIMIT);
    free(values);
    free(data);
    arena_free(arena);
}

Test(trie, known_roots)
{
    struct vectors vectors = vectors_load();
    size_t count = 0;
    for (size_t i = 0; i < vectors.count; i++) {
        const struct vector *row = &vectors.rows[i];
        struct bytes values[64];
        size_t value_count = 0;
        if (!strstr(row->kind, "root"))
            continue;
        for (const char *at = row->raw; *at;) {
            size_t length = strcspn(at, ",");
            values[value_count++] = vector_bytes(at, length);
            at += length + (at[length] == ',');
        }
        struct arena *arena = arena_new(TRACER_MIB(8));
        cr_assert(hash_equal(trie_root(built(values, value_count, arena)), vector_hash(row->hash)), "%s",
                  row->name);
        while (value_count > 0)
            free((void *)values[--value_count].data);
        arena_free(arena);
        count++;
    }
    cr_assert_eq(count, 9);
    free(vectors.text);
}

/* ---- proofs ---- */

static enum trie_answer verify(struct hash root, uint64_t index, const struct trie_proof *proof,
                               struct bytes *ret_value)
{
    return trie_verify(root, index, proof->nodes, proof->count, ret_value);
}

static void expect_proofs(size_t count, size_t size)
{
    uint8_t *data;
    struct arena *arena = arena_new(TRACER_MIB(64));
    struct bytes *values = make_values(count, size, &data), value;
    struct trie *trie = built(values, count, arena);
    struct hash root = trie_root(trie);
    for (uint64_t i = 0; i < count; i++) {
        struct trie_proof proof = trie_prove(trie, i);
        cr_assert_eq(verify(root, i, &proof, &value), TRIE_PRESENT, "%zu: %" PRIu64, count, i);
        cr_assert(value.size == values[i].size && memcmp(value.data, values[i].data, value.size) == 0);
    }
    static const uint64_t beyond[] = {0, 1, 127, 128, 255, 256, 65535, 65536, UINT64_MAX / 2};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        struct trie_proof proof = trie_prove(trie, count + beyond[i]);
        cr_assert_eq(verify(root, count + beyond[i], &proof, &value), TRIE_ABSENT, "%zu + %" PRIu64, count,
                     beyond[i]);
    }
    free(values);
    free(data);
    arena_free(arena);
}

Test(trie, every_value_is_proven_and_so_is_the_end)
{
    static const size_t counts[] = {0, 1, 2, 17, 127, 128, 129, 256, 257, 300, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        expect_proofs(counts[i], 1);
        expect_proofs(counts[i], 33);
        expect_proofs(counts[i], 200);
    }
}

/* No change of a byte, no missing, doubled or foreign node, and no other index passes. */
Test(trie, R18_a_changed_proof_proves_nothing)
{
    uint8_t *data;
    unsigned changes = 0;
    struct arena *arena = arena_new(TRACER_MIB(64));
    struct bytes *values = make_values(300, 60, &data), value;
    struct trie *trie = built(values, 300, arena);
    struct hash root = trie_root(trie), other = root;
    other.bytes[31] ^= 1;
    static const uint64_t indices[] = {0, 5, 127, 128, 299};
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        struct trie_proof good = trie_prove(trie, indices[i]), proof = good;
        cr_assert_eq(verify(other, indices[i], &good, &value), TRIE_INVALID);
        cr_assert_neq(verify(root, indices[i] ^ 1, &good, &value), TRIE_ABSENT);
        for (size_t node = 0; node < good.count; node++) {
            uint8_t *text = malloc(good.nodes[node].size);
            memcpy(text, good.nodes[node].data, good.nodes[node].size);
            proof.nodes[node].data = text;
            for (size_t at = 0; at < good.nodes[node].size; at++)
                for (unsigned bit = 0; bit < 8; bit++, changes++) {
                    text[at] ^= (uint8_t)(1u << bit);
                    cr_assert_eq(verify(root, indices[i], &proof, &value), TRIE_INVALID);
                    text[at] ^= (uint8_t)(1u << bit);
                }
            proof = good;
            free(text);
        }
        for (proof.count = 0; proof.count < good.count; proof.count++)
            cr_assert_eq(verify(root, indices[i], &proof, &value), TRIE_INVALID);
        proof.nodes[proof.count++] = good.nodes[0];
        cr_assert_eq(verify(root, indices[i], &proof, &value), TRIE_INVALID);
    }
    cr_assert_gt(changes, 10000);
    free(values);
    free(data);
    arena_free(arena);
}

/* Nodes in forms that no trie of a block has, under the right hash. */
Test(trie, R18_nodes_of_wrong_forms)
{
    static const struct {
        const char *node;
        enum trie_answer answer;
    } cases[] = {
        {"c62082000180", TRIE_INVALID}, /* three items */
        {"c3820080", TRIE_INVALID},     /* cut */
        {"c482208001", TRIE_PRESENT},   /* the leaf of index 0 */
        {"c482208080", TRIE_INVALID},   /* no value */
        {"c4822080c0", TRIE_INVALID},   /* a list for a value */
        {"c482218001", TRIE_INVALID},   /* a nibble in the padding */
        {"c482408001", TRIE_INVALID},   /* unknown flags */
        {"c482208101", TRIE_ABSENT},    /* the leaf of another key */
        {"c22001", TRIE_ABSENT},        /* a leaf without a path */
        {"c20001", TRIE_INVALID},       /* an extension that leads nowhere */
        {"c28001", TRIE_INVALID},       /* no path at all */
        {"c4820080c0", TRIE_INVALID},   /* an extension to an empty node */
        {"83c00001", TRIE_INVALID},     /* no list */
        {"c0", TRIE_INVALID},
        {"d1808080808080808080808080808080808001", TRIE_INVALID}, /* 17 items, and a value */
        {"d18080808080808080808080808080808080", TRIE_ABSENT},    /* an empty branch */
        {"d18080808080808080c080808080808080"
         "80",
         TRIE_INVALID}, /* a child that is an empty list */
        {"d38080808080808080c2300180808080808080"
         "80",
         TRIE_PRESENT}, /* the leaf within the branch */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t node[64];
        size_t size = strlen(cases[i].node) / 2;
        struct bytes text = {node, size}, value;
        cr_assert(hex_decode(cases[i].node, 2 * size, node, size));
        cr_assert_eq(trie_verify(keccak256(node, size), 0, &text, 1, &value), cases[i].answer, "%s",
                     cases[i].node);
    }
}

/* ---- blooms ---- */

/* The specification's rule (execution-specs, bloom.py), one item at a time. */
static bool bloom_has(const struct bloom *bloom, const void *item, size_t size)
{
    struct hash hash = keccak256(item, size);
    for (unsigned i = 0; i < 3; i++) {
        unsigned bit = (hash.bytes[2 * i] * 256u + hash.bytes[2 * i + 1]) % 2048, from_left = 2047 - bit;
        if (!(bloom->bytes[from_left / 8] & 0x80u >> from_left % 8))
            return false;
    }
    return true;
}

Test(bloom, holds_addresses_and_topics_of_its_own_logs)
{
    struct evm_log logs[3] = {{.topic_count = 4}, {.topic_count = 0}, {.topic_count = 2}};
    for (unsigned i = 0; i < 3; i++) {
        memset(logs[i].address.bytes, (int)i + 1, 20);
        for (unsigned k = 0; k < logs[i].topic_count; k++)
            memset(logs[i].topics[k].bytes, (int)(16 * i + k), 32);
    }
    struct evm_receipt receipts[3] = {
        {.logs = logs, .log_count = 2}, {.log_count = 0}, {.logs = logs + 2, .log_count = 1}};
    struct arena *arena = arena_new(TRACER_MIB(1));
    struct bloom *blooms = receipts_blooms(receipts, 3, arena);
    static const struct bloom none;
    cr_assert_not_null(blooms);
    for (unsigned i = 0; i < 3; i++) {
        const struct bloom *own = &blooms[i < 2 ? 0 : 2], *other = &blooms[i < 2 ? 2 : 0];
        cr_assert(bloom_has(own, logs[i].address.bytes, 20));
        cr_assert_not(bloom_has(other, logs[i].address.bytes, 20));
        for (unsigned k = 0; k < logs[i].topic_count; k++)
            cr_assert(bloom_has(own, logs[i].topics[k].bytes, 32));
    }
    cr_assert(memcmp(&blooms[1], &none, sizeof none) == 0);
    arena_free(arena);
}
