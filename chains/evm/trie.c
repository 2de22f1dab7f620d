/* trie.c - see trie.h.
 *
 * Building: values in the order of their keys; a node is a range of them with as many nibbles in common.
 * Nodes are then written from the deepest to the root, those of one depth together, so that they are hashed
 * four at a time.
 */
#include "trie.h"

#include <assert.h>

#include "rlp.h"

#define NIBBLES_MAX 18u /* of rlp(index), 64 bits */
#define NONE UINT32_MAX
#define SHORT 32u /* a node of fewer bytes stands in its parent itself */

/* ---- keys ---- */

struct key {
    uint8_t nibbles[NIBBLES_MAX];
    uint8_t count;
};

static struct key key_of(uint64_t index)
{
    struct key key = {.count = 0};
    uint8_t bytes[9], size = 0;
    for (uint64_t left = index; left > 0; left >>= 8)
        size++;
    if (index == 0 || index >= 0x80) {
        key.nibbles[key.count++] = 8;
        key.nibbles[key.count++] = size;
    }
    for (uint8_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(index >> 8 * (size - 1 - i));
        key.nibbles[key.count++] = bytes[i] >> 4;
        key.nibbles[key.count++] = bytes[i] & 15;
    }
    return key;
}

/* Keys in order: 1..127 are one byte, 0 is 0x80, and longer ones follow. */
static uint64_t index_of_rank(uint64_t rank, uint64_t count)
{
    uint64_t small = count < 0x80 ? count - 1 : 0x7f;
    return rank < small ? rank + 1 : rank == small ? 0 : rank;
}

/* Hex-prefix encoding (yellow paper C). */
static void write_path(struct buffer *to, const uint8_t *nibbles, size_t count, bool leaf)
{
    uint8_t path[1 + NIBBLES_MAX / 2];
    size_t size = 1;
    path[0] = (uint8_t)((leaf ? 0x20 : 0) | (count % 2 ? 0x10 | nibbles[0] : 0));
    for (size_t i = count % 2; i < count; i += 2)
        path[size++] = (uint8_t)(nibbles[i] << 4 | nibbles[i + 1]);
    rlp_bytes(to, path, size);
}

/* ---- building ---- */

struct reference { /* how a parent names a node: by its hash, or by itself */
    struct bytes text;
    struct hash hash;
};
struct node {
    uint32_t first, last; /* ranks */
    uint32_t children[16];
    uint8_t depth, skip; /* nibbles before it, and those that its values have in common */
    struct reference branch_or_leaf, extension;
};
struct trie {
    struct key *keys; /* by rank */
    struct bytes *values;
    struct node *nodes; /* the first is the root */
    uint32_t node_count;
    struct hash root;
    struct arena *arena;
    struct buffer scratch;
    struct bytes *texts; /* of one depth, to be hashed together; those of the lowest with the others */
    struct hash *hashes;
    const struct bytes *others;
    size_t other_count; /* that are not hashed yet */
    struct hash *other_hashes;
    struct reference **sealed;
};

static bool is_leaf(const struct node *node)
{
    return node->first == node->last;
}

static const struct reference *reference_of(const struct node *node)
{
    return node->skip > 0 && !is_leaf(node) ? &node->extension : &node->branch_or_leaf;
}

/* The node of the values first..last, and those below it; the recursion is as deep as keys are long. */
static uint32_t add_node(struct trie *trie, uint32_t first, uint32_t last, uint8_t depth)
{
    uint32_t at = trie->node_count++;
    struct node *node = &trie->nodes[at];
    *node = (struct node){.first = first, .last = last, .depth = depth};
    memset(node->children, 0xff, sizeof node->children);
    if (first == last)
        return at;
    const uint8_t *low = trie->keys[first].nibbles,
                  *high = trie->keys[last].nibbles; /* sorted: all between agree */
    while (low[depth] == high[depth])
        depth++;
    node->skip = (uint8_t)(depth - node->depth);
    for (uint32_t i = first; i <= last;) {
        uint8_t nibble = trie->keys[i].nibbles[depth];
        uint32_t begin = i;
        while (i <= last && trie->keys[i].nibbles[depth] == nibble)
            i++;
        node->children[nibble] = add_node(trie, begin, i - 1, (uint8_t)(depth + 1));
    }
    return at;
}

static void write_reference(struct buffer *to, const struct reference *reference)
{
    if (reference->text.size < SHORT)
        buffer_add(to, reference->text.data, reference->text.size);
    else
        rlp_bytes(to, reference->hash.bytes, sizeof reference->hash.bytes);
}

static void write_leaf_or_branch(const struct trie *trie, const struct node *node, struct buffer *to)
{
    size_t list = rlp_list_begin(to);
    if (is_leaf(node)) {
        const struct key *key = &trie->keys[node->first];
        write_path(to, key->nibbles + node->depth, (size_t)(key->count - node->depth), true);
        rlp_bytes(to, trie->values[node->first].data, trie->values[node->first].size);
    } else {
        for (size_t i = 0; i < 16; i++)
            if (node->children[i] == NONE)
                rlp_bytes(to, NULL, 0);
            else
                write_reference(to, reference_of(&trie->nodes[node->children[i]]));
        rlp_bytes(to, NULL, 0); /* no key is the beginning of another: no value here */
    }
    rlp_list_end(to, list);
}

static void write_extension(const struct trie *trie, const struct node *node, struct buffer *to)
{
    size_t list = rlp_list_begin(to);
    write_path(to, trie->keys[node->first].nibbles + node->depth, node->skip, false);
    write_reference(to, &node->branch_or_leaf);
    rlp_list_end(to, list);
}

/* Write and hash the nodes of one depth; `extensions`: those above branches whose values have more in common.
 */
static bool seal_level(struct trie *trie, uint8_t depth, bool extensions)
{
    size_t count = 0;
    for (uint32_t i = 0; i < trie->node_count; i++) {
        struct node *node = &trie->nodes[i];
        if (node->depth != depth || (extensions && (is_leaf(node) || node->skip == 0)))
            continue;
        struct reference *reference = extensions ? &node->extension : &node->branch_or_leaf;
        buffer_clear(&trie->scratch);
        if (extensions)
            write_extension(trie, node, &trie->scratch);
        else
            write_leaf_or_branch(trie, node, &trie->scratch);
        if (!buffer_ok(&trie->scratch))
            return false;
        const uint8_t *text = arena_copy(trie->arena, trie->scratch.data, trie->scratch.size);
        if (!text)
            return false;
        reference->text = trie->texts[count] = (struct bytes){text, trie->scratch.size};
        trie->sealed[count++] = reference;
    }
    size_t others = count ? trie->other_count : 0;
    if (others)
        memcpy(trie->texts + count, trie->others, others * sizeof *trie->texts);
    keccak256_many(trie->texts, count + others, trie->hashes);
    for (size_t i = 0; i < count; i++)
        trie->sealed[i]->hash = trie->hashes[i];
    if (others)
        memcpy(trie->other_hashes, trie->hashes + count, others * sizeof *trie->hashes);
    trie->other_count -= others;
    return true;
}

static bool build(struct trie *trie, const struct bytes *values, uint32_t count)
{
    size_t nodes_max = 2 * (size_t)count; /* every branch has two children at least */
    bool good = true;
    trie->keys = arena_calloc(trie->arena, count, sizeof *trie->keys);
    trie->values = arena_calloc(trie->arena, count, sizeof *trie->values);
    trie->nodes = arena_calloc(trie->arena, nodes_max, sizeof *trie->nodes);
    trie->texts = arena_calloc(trie->arena, nodes_max + trie->other_count, sizeof *trie->texts);
    trie->hashes = arena_calloc(trie->arena, nodes_max + trie->other_count, sizeof *trie->hashes);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
    trie->sealed = arena_calloc(trie->arena, nodes_max, sizeof *trie->sealed);
    if (!trie->keys || !trie->values || !trie->nodes || !trie->texts || !trie->hashes || !trie->sealed)
        return false;
    for (uint32_t rank = 0; rank < count; rank++) {
        uint64_t index = index_of_rank(rank, count);
        trie->keys[rank] = key_of(index);
        trie->values[rank] = values[index];
        assert(values[index].size > 0);
    }
    add_node(trie, 0, count - 1, 0);
    for (uint8_t depth = NIBBLES_MAX; good && depth-- > 0;)
        good = seal_level(trie, depth, false) && seal_level(trie, depth, true);
    if (good)
        trie->root = reference_of(&trie->nodes[0])->hash;
    return good;
}

static const uint8_t empty_string = 0x80;

enum tracer_status trie_build(const struct bytes *values, size_t count, struct arena *arena,
                              struct trie **ret_trie, struct error *err)
{
    return trie_build_beside(values, count, NULL, 0, NULL, arena, ret_trie, err);
}

enum tracer_status trie_build_beside(const struct bytes *values, size_t count, const struct bytes *others, size_t other_count,
                                     struct hash *ret_hashes, struct arena *arena, struct trie **ret_trie, struct error *err)
{
    struct trie *trie = arena_calloc(arena, 1, sizeof *trie);
    bool good = trie != NULL;
    if (count > TRACER_BLOCK_TRANSACTIONS_MAX)
        return error_set(err, TRACER_E_LIMIT, "more than %u values in a trie", TRACER_BLOCK_TRANSACTIONS_MAX);
    if (good) {
        trie->arena = arena;
        trie->root = keccak256(&empty_string, 1);
        trie->others = others;
        trie->other_count = other_count;
        trie->other_hashes = ret_hashes;
        buffer_init(&trie->scratch, TRACER_REPLY_BLOCK_MAX);
        good = count == 0 || build(trie, values, (uint32_t)count);
        buffer_release(&trie->scratch);
    }
    if (!good)
        return error_set(err, TRACER_E_NOMEM, "no memory for a trie");
    if (trie->other_count) /* beside nothing */
        keccak256_many(others, other_count, ret_hashes);
    *ret_trie = trie;
    return TRACER_OK;
}

struct hash trie_root(const struct trie *trie)
{
    return trie->root;
}

/* ---- proofs ---- */

static void prove_with(struct trie_proof *proof, const struct reference *reference)
{
    if (proof->count == 0 || reference->text.size >= SHORT) /* the root is always named by its hash */
        proof->nodes[proof->count++] = reference->text;
}

struct trie_proof trie_prove(const struct trie *trie, uint64_t index)
{
    struct trie_proof proof = {.count = 0};
    struct key key = key_of(index);
    uint32_t at = trie->node_count ? 0 : NONE;
    while (at != NONE) {
        const struct node *node = &trie->nodes[at];
        size_t branch = (size_t)node->depth + node->skip;
        if (!is_leaf(node) && node->skip > 0)
            prove_with(&proof, &node->extension);
        if (!is_leaf(node) &&
            memcmp(trie->keys[node->first].nibbles + node->depth, key.nibbles + node->depth, node->skip) != 0)
            break; /* the extension leads elsewhere */
        prove_with(&proof, &node->branch_or_leaf);
        at = is_leaf(node) || branch >= key.count ? NONE : node->children[key.nibbles[branch]];
    }
    return proof;
}

/* The items of a node, as many as a branch has. */
struct items {
    struct rlp_item item[17];
    struct bytes text[17]; /* with their heads */
    size_t count;
};

static bool read_node(struct bytes text, struct items *ret_items)
{
    struct rlp_item list;
    if (!rlp_valid(text) || !rlp_next(&text, &list) || !list.is_list)
        return false;
    struct bytes rest = list.payload;
    for (ret_items->count = 0; rest.size > 0; ret_items->count++) {
        const uint8_t *begin = rest.data;
        if (ret_items->count == 17 || !rlp_next(&rest, &ret_items->item[ret_items->count]))
            return false;
        ret_items->text[ret_items->count] = (struct bytes){begin, (size_t)(rest.data - begin)};
    }
    return ret_items->count == 2 || ret_items->count == 17;
}

/* The nibbles of a hex-prefix path. */
static bool read_path(const struct rlp_item *item, struct key *ret_path, bool *ret_leaf)
{
    struct bytes path = item->payload;
    if (item->is_list || path.size == 0 || path.size > 1 + NIBBLES_MAX / 2 || path.data[0] >= 0x40)
        return false;
    bool odd = path.data[0] & 0x10;
    if (!odd && path.data[0] & 0x0f)
        return false;
    *ret_leaf = path.data[0] & 0x20;
    ret_path->count = 0;
    if (odd)
        ret_path->nibbles[ret_path->count++] = path.data[0] & 0x0f;
    for (size_t i = 1; i < path.size && ret_path->count + 2u <= NIBBLES_MAX; i++) {
        ret_path->nibbles[ret_path->count++] = path.data[i] >> 4;
        ret_path->nibbles[ret_path->count++] = path.data[i] & 0x0f;
    }
    return true;
}

struct walk {
    trie_find_fn *find;
    void *context;
    struct key key;
    size_t at; /* nibbles of the key that led here */
};

static bool find_node(const struct walk *walk, struct hash hash, struct bytes *ret_node)
{
    *ret_node = walk->find(walk->context, hash);
    return ret_node->data && hash_equal(keccak256(ret_node->data, ret_node->size), hash);
}

/* The node that `index` of the items names: one within its parent, or one that is found by its hash. */
static bool follow(const struct walk *walk, const struct items *items, size_t index, struct bytes *ret_node)
{
    const struct rlp_item *child = &items->item[index];
    if (child->is_list) {
        *ret_node = items->text[index];
        return ret_node->size < SHORT;
    }
    struct hash hash;
    if (child->payload.size != SHORT)
        return false;
    memcpy(hash.bytes, child->payload.data, SHORT);
    return find_node(walk, hash, ret_node) && ret_node->size >= SHORT;
}

/* From one node on; *ret_next is the node to go on with, or unset with an answer. */
static bool step(struct walk *walk, struct bytes node, struct bytes *ret_next, enum trie_answer *ret_answer,
                 struct bytes *ret_value)
{
    struct items items;
    struct key path = {.count = 0};
    bool leaf;
    size_t left = walk->key.count - walk->at;
    *ret_answer = TRIE_INVALID;
    if (!read_node(node, &items))
        return false;
    if (items.count == 17) {
        if (left == 0 || items.item[16].is_list || items.item[16].payload.size > 0)
            return false; /* no key ends at a branch */
        size_t index = walk->key.nibbles[walk->at++];
        if (!items.item[index].is_list && items.item[index].payload.size == 0) {
            *ret_answer = TRIE_ABSENT;
            return false;
        }
        return follow(walk, &items, index, ret_next);
    }
    if (!read_path(&items.item[0], &path, &leaf))
        return false;
    bool fits = path.count <= left && memcmp(path.nibbles, walk->key.nibbles + walk->at, path.count) == 0;
    if (leaf && (items.item[1].is_list || items.item[1].payload.size == 0))
        return false;
    if (leaf && fits && path.count == left) {
        *ret_value = items.item[1].payload;
        *ret_answer = TRIE_PRESENT;
        return false;
    }
    if (leaf || !fits) {
        *ret_answer = TRIE_ABSENT;
        return false;
    }
    walk->at += path.count;
    return path.count > 0 && follow(walk, &items, 1, ret_next);
}

enum trie_answer trie_look_up(struct hash root, uint64_t index, trie_find_fn *find, void *context, struct bytes *ret_value)
{
    struct walk walk = {find, context, key_of(index), 0};
    enum trie_answer answer = TRIE_INVALID;
    struct bytes value = {NULL, 0}, node;
    if (hash_equal(root, keccak256(&empty_string, 1)))
        return TRIE_ABSENT;
    if (!find_node(&walk, root, &node))
        return TRIE_INVALID;
    while (step(&walk, node, &node, &answer, &value))
        ;
    if (answer == TRIE_PRESENT)
        *ret_value = value;
    return answer;
}

/* The nodes of a proof in their order: the next is the one that is looked for, or it proves nothing. */
struct in_order {
    const struct bytes *nodes;
    size_t count;
};

static struct bytes find_next(void *context, struct hash hash)
{
    struct in_order *left = context;
    (void)hash;
    if (left->count == 0)
        return (struct bytes){NULL, 0};
    left->count--;
    return *left->nodes++;
}

enum trie_answer trie_verify(struct hash root, uint64_t index, const struct bytes *nodes, size_t count,
                             struct bytes *ret_value)
{
    struct in_order left = {nodes, count};
    struct bytes value;
    enum trie_answer answer = trie_look_up(root, index, find_next, &left, &value);
    if (left.count > 0) /* nodes that prove nothing */
        return TRIE_INVALID;
    if (answer == TRIE_PRESENT)
        *ret_value = value;
    return answer;
}
