/* fuzz_header.c - foreign bytes as a block's header: what is read is written back as the same bytes, so that two
 * headers never read alike. */
#include <stdio.h>
#include <stdlib.h>

#include "evm/decode.h"
#include "tracer/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(TRACER_MIB(16));
    uint8_t *text = malloc(size ? size : 1); /* exactly as long: ASan sees one byte too far */
    struct evm_header header;
    struct buffer again;
    struct error err;
    if (!arena || !text)
        abort();
    if (size)
        memcpy(text, data, size);
    buffer_init(&again, TRACER_MIB(16));
    enum tracer_status status = header_from_bytes((struct bytes){text, size}, arena, &header, &err);
    if (!status) {
        header_write(&header, &again);
        if (!buffer_ok(&again) || again.size != size || memcmp(again.data, text, size) != 0) {
            fprintf(stderr, "fuzz_header: %zu bytes are read, and written as %zu others\n", size, again.size);
            abort();
        }
    } else if (status != TRACER_E_REPLY || !err.text[0]) {
        fprintf(stderr, "fuzz_header: refused without a word, or as %d\n", (int)status);
        abort();
    }
    buffer_release(&again);
    arena_free(arena);
    free(text);
    return 0;
}
