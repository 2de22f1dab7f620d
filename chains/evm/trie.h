/* trie.h - the Merkle-Patricia trie of a block's lists: transactions, receipts, withdrawals (facts:
 * transactions 5). Value i stands at the key rlp(i); keys are not hashed. */
#ifndef TRACER_CHAINS_EVM_TRIE_H
#define TRACER_CHAINS_EVM_TRIE_H

#include "keccak.h"
#include "tracer/arena.h"

struct trie; /* in its arena */

/** Build the trie of `count` values, none of them empty; they outlive it.
 * @retval TRACER_E_LIMIT  more than TRACER_BLOCK_TRANSACTIONS_MAX */
TRACER_MUST_USE enum tracer_status trie_build(const struct bytes *values, size_t count, struct arena *arena,
                                              struct trie **ret_trie, struct error *err);
/** The same, and on the way the hashes of other texts: those as long as a leaf cost less beside it. */
TRACER_MUST_USE enum tracer_status trie_build_beside(const struct bytes *values, size_t count, const struct bytes *others, size_t other_count,
                                                     struct hash *ret_hashes, struct arena *arena, struct trie **ret_trie, struct error *err);
struct hash trie_root(const struct trie *trie);

/* The nodes from the root down to the place of one value. */
struct trie_proof {
    struct bytes nodes[TRACER_PROOF_NODES_MAX];
    size_t count;
};
/** The nodes that prove value `index`, or that there is none at `index`; they are the trie's. */
struct trie_proof trie_prove(const struct trie *trie, uint64_t index);

enum trie_answer {
    TRIE_PRESENT, /* the trie with this root has the value */
    TRIE_ABSENT,  /* it has none at the index: so it has `index` values at most, if the others are proven */
    TRIE_INVALID  /* the nodes do not tell */
};
/** The same from nodes that are found by their hashes; `find` gives {NULL, 0} for one that is not there. */
typedef struct bytes trie_find_fn(void *context, struct hash hash);
enum trie_answer trie_look_up(struct hash root, uint64_t index, trie_find_fn *find, void *context, struct bytes *ret_value);
/** What the nodes prove about value `index` of the trie with `root`. The nodes are foreign bytes.
 * @param[out] ret_value  set for TRIE_PRESENT only, and within `nodes` */
enum trie_answer trie_verify(struct hash root, uint64_t index, const struct bytes *nodes, size_t count,
                             struct bytes *ret_value);

#endif
