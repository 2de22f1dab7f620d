/* fuzz_manifest.c - the manifest of a foreign evidence bundle: whatever is accepted has one form only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_manifest manifest;
    struct error err;
    struct buffer again;
    struct arena *arena = arena_new(TRACER_MIB(64));
    uint8_t *copy = malloc(size ? size : 1); /* exactly as long: ASan sees one byte too far */
    if (!copy || !arena)
        abort();
    memcpy(copy, data, size);
    buffer_init(&again, TRACER_BUNDLE_MANIFEST_MAX);
    enum tracer_status status = bundle_parse_manifest(copy, size, arena, &manifest, &err);
    if (status != TRACER_OK && status != TRACER_E_VERIFY && status != TRACER_E_NOMEM)
        abort();
    if (status == TRACER_OK && (bundle_format_manifest(&manifest, &again, &err) || again.size != size || memcmp(again.data, data, size) != 0)) {
        fprintf(stderr, "fuzz_manifest: accepted in another form\n");
        abort();
    }
    buffer_release(&again);
    free(copy);
    arena_free(arena);
    return 0;
}
