/* fuzz_receipt.c - foreign bytes as a receipt of the trie: what is read is written back as the same bytes (its bloom from
 * its logs; where the bytes state another, they are refused or differ only there).
 *
 * Input: a byte for the type of its transaction, then the receipt. */
#include <stdio.h>
#include <stdlib.h>

#include "evm/decode.h"
#include "rules.h"
#include "tracer/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOOM_SIZE sizeof(struct bloom)

static void compare(const struct evm_network *network, const struct evm_header *header,
                    const struct evm_transaction *transaction, const struct evm_receipt *receipt, struct bytes text,
                    struct arena *arena)
{
    struct buffer again;
    struct error err;
    const struct bloom *bloom = receipts_blooms(receipt, 1, arena);
    if (!bloom)
        abort();
    buffer_init(&again, TRACER_MIB(16));
    if (receipt_write(network, header, transaction, receipt, bloom, &again, &err) || again.size != text.size) {
        fprintf(stderr, "fuzz_receipt: %zu bytes are read, and written as %zu: %s\n", text.size, again.size, err.text);
        abort();
    }
    size_t first = 0, last = text.size; /* where they differ is within one bloom */
    while (first < last && (uint8_t)again.data[first] == text.data[first])
        first++;
    while (last > first && (uint8_t)again.data[last - 1] == text.data[last - 1])
        last--;
    if (last - first > BLOOM_SIZE) {
        fprintf(stderr, "fuzz_receipt: %zu bytes differ\n", last - first);
        abort();
    }
    buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evm_network network = {.rules = &chain_rules_find("latest")->evm, .chain_id = 1};
    struct evm_header header = {.number = 30000000, .time = 1900000000};
    struct evm_transaction transaction = {.type = size ? data[0] & 0x7f : 0, .known = true};
    size_t length = size ? size - 1 : 0;
    struct arena *arena = arena_new(TRACER_MIB(64));
    uint8_t *text = malloc(length ? length : 1); /* exactly as long: ASan sees one byte too far */
    struct evm_receipt receipt;
    struct error err = {0};
    if (!arena || !text)
        abort();
    if (length)
        memcpy(text, data + 1, length);
    enum tracer_status status =
        receipt_from_bytes(&network, &header, &transaction, (struct bytes){text, length}, arena, &receipt, &err);
    if (!status)
        compare(&network, &header, &transaction, &receipt, (struct bytes){text, length}, arena);
    else if (status != TRACER_E_REPLY || !err.text[0])
        abort();
    arena_free(arena);
    free(text);
    return 0;
}
