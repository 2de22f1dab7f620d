/* fuzz_rlp.c - the strict reader against a lenient one as its oracle: bytes are valid if and only if they are
 * what their content is written as. The lenient one takes any form of a length; what it read is written by
 * rlp.c and compared with the input. */
#include <stdio.h>
#include <stdlib.h>

#include "evm/rlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read one item at *at, however its length is written, and write it to `to`. False: it ends too early or is
 * too deep. */
static bool copy_item(const uint8_t *data, size_t size, size_t *at, unsigned depth, struct buffer *to)
{
    if (*at >= size)
        return false;
    unsigned first = data[(*at)++];
    bool is_list = first >= 0xc0;
    size_t length = first & 0x3f;
    if (first < 0x80) {
        uint8_t byte = (uint8_t)first;
        rlp_bytes(to, &byte, 1);
        return true;
    }
    if (length > 55) {
        size_t count = length - 55;
        length = 0;
        for (size_t i = 0; i < count; i++) {
            if (*at >= size || length > size)
                return false;
            length = length * 256 + data[(*at)++];
        }
    }
    if (length > size - *at)
        return false;
    size_t end = *at + length;
    if (!is_list) {
        rlp_bytes(to, data + *at, length);
        *at = end;
        return true;
    }
    if (depth == TRACER_RLP_DEPTH_MAX)
        return false;
    size_t begin = rlp_list_begin(to);
    while (*at < end)
        if (!copy_item(data, end, at, depth + 1, to))
            return false;
    rlp_list_end(to, begin);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer again;
    size_t at = 0;
    uint8_t *text = malloc(size ? size : 1); /* exactly as long: ASan sees one byte too far */
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    buffer_init(&again, TRACER_MIB(64));
    bool canonical = copy_item(text, size, &at, 0, &again) && at == size && buffer_ok(&again) &&
                     again.size == size && memcmp(again.data, text, size) == 0;
    if (rlp_valid((struct bytes){text, size}) != canonical) {
        fprintf(stderr, "fuzz_rlp: %s\n", canonical ? "refused a canonical text" : "accepted another form");
        abort();
    }
    buffer_release(&again);
    free(text);
    return 0;
}
