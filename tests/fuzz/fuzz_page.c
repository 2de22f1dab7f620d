/* fuzz_page.c - a page that says it is ours: as it is, and with its last line made right, so that what is behind that check is met. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/digest.h"
#include "tracer/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_page(const char *page, size_t size)
{
    const char *json;
    size_t json_size;
    struct error err;
    enum tracer_status status = page_read(page, size, &json, &json_size, &err);
    if (status != TRACER_OK && status != TRACER_E_VERIFY && status != TRACER_E_USAGE)
        abort();
    if (status == TRACER_OK && (json < page || json_size > size - (size_t)(json - page) || memchr(json, '<', json_size)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char begin[] = "<!-- SHA-256 of all above: ", end[] = " -->\n";
    size_t seal = strlen(begin) + 64 + strlen(end);
    char *page = malloc(size + seal), *copy = malloc(size ? size : 1), sha256[65]; /* exactly as long: ASan sees one byte too far */
    if (!page || !copy)
        abort();
    memcpy(copy, data, size);
    read_page(copy, size);
    memcpy(page, data, size);
    digest_format(digest_bytes(page, size), sha256);
    memcpy(page + size, begin, strlen(begin));
    memcpy(page + size + strlen(begin), sha256, 64);
    memcpy(page + size + strlen(begin) + 64, end, strlen(end));
    read_page(page, size + seal);
    free(page);
    free(copy);
    return 0;
}
