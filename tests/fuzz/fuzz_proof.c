/* fuzz_proof.c - proofs of foreign nodes: whatever they are, a value is found within them, and none under
 * another root.
 *
 * Input: a byte for the index, then nodes, each behind a byte for its size. */
#include <stdio.h>
#include <stdlib.h>

#include "evm/trie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes nodes[TRACER_PROOF_NODES_MAX] = {{NULL, 0}}, value = {NULL, 0};
    size_t count = 0, at = 1;
    while (count < TRACER_PROOF_NODES_MAX && at < size) {
        size_t length = data[at++];
        length = length > size - at ? size - at : length;
        uint8_t *node = malloc(length ? length : 1); /* exactly as long: ASan sees one byte too far */
        if (!node)
            abort();
        memcpy(node, data + at, length);
        nodes[count++] = (struct bytes){node, length};
        at += length;
    }
    struct hash root = count ? keccak256(nodes[0].data, nodes[0].size) : (struct hash){{0}};
    bool within = false;
    enum trie_answer answer = trie_verify(root, size ? data[0] : 0, nodes, count, &value);
    for (size_t i = 0; i < count; i++)
        within |= value.data >= nodes[i].data && value.data + value.size <= nodes[i].data + nodes[i].size;
    root.bytes[0] ^= 1;
    if ((answer == TRIE_PRESENT) != within || (answer == TRIE_PRESENT && value.size == 0) ||
        trie_verify(root, size ? data[0] : 0, nodes, count, &value) != TRIE_INVALID) {
        fprintf(stderr, "fuzz_proof: the answer is not within the nodes, or not of the root\n");
        abort();
    }
    for (size_t i = 0; i < count; i++)
        free((void *)nodes[i].data);
    return 0;
}
