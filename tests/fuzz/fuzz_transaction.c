/* fuzz_transaction.c - foreign bytes as a transaction of a block: read twice alike; its hash is that of the bytes; only a
 * signature that recovers gives a sender, and no other bytes of the same signed content give the same.
 *
 * Input: a byte that chooses the network, then the transaction. */
#include <stdio.h>
#include <stdlib.h>

#include "evm/decode.h"
#include "rules.h"
#include "tracer/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *rules;
    uint64_t chain_id, number;
} networks[] = {{"ethereum", 1, 22500000}, {"ronin", 2020, 30000000}, {"latest", 3503995874084926u, 100}, {"ethereum", 1, 1000000}};

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_transaction: %s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t which = size ? data[0] % (sizeof(networks) / sizeof(*networks)) : 0, length = size ? size - 1 : 0;
    struct evm_network network = {.rules = &chain_rules_find(networks[which].rules)->evm, .chain_id = networks[which].chain_id};
    struct evm_header header = {.number = networks[which].number, .time = 1900000000, .has_base_fee = which != 3};
    struct arena *arena = arena_new(TRACER_MIB(64));
    uint8_t *text = malloc(length ? length : 1); /* exactly as long: ASan sees one byte too far */
    struct evm_transaction one, two;
    struct error err = {0};
    if (!arena || !text)
        abort();
    if (length)
        memcpy(text, data + 1, length);
    enum tracer_status status = transaction_from_bytes(&network, &header, (struct bytes){text, length}, NULL, arena, &one, &err);
    if (status && (status != TRACER_E_REPLY || !err.text[0]))
        fail("refused without a word, or as another failure");
    if (!status) {
        if (transaction_from_bytes(&network, &header, (struct bytes){text, length}, NULL, arena, &two, &err) ||
            one.known != two.known)
            fail("not read twice");
        if (one.known && (address_compare(one.from, two.from) != 0 || one.nonce != two.nonce || u256_compare(one.value, two.value) != 0))
            fail("read in two ways");
        if (one.known && length) { /* a byte behind the end, or one less, is no transaction */
            uint8_t *longer = malloc(length + 1);
            if (!longer)
                abort();
            memcpy(longer, text, length);
            longer[length] = 0;
            if (!transaction_from_bytes(&network, &header, (struct bytes){longer, length + 1}, NULL, arena, &two, &err) && two.known)
                fail("a byte behind the end is let pass");
            if (!transaction_from_bytes(&network, &header, (struct bytes){longer, length - 1}, NULL, arena, &two, &err) && two.known)
                fail("a missing last byte is let pass");
            free(longer);
        }
    }
    arena_free(arena);
    free(text);
    return 0;
}
