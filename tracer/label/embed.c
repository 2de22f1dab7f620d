/* embed.c - files of the source tree as bytes of the program, put in by the assembler. */
#include "embed.h"
#include "embed_digests.h"

#include "tracer/hex.h"
#include "tracer/label.h"

#include <assert.h>
#include <string.h>

#ifndef TRACER_FIXTURES_DIR
#error "TRACER_FIXTURES_DIR must be the path of fixtures/ as a string"
#endif

/* symbol_start .. symbol_end are the file's bytes; a NUL follows them. */
#define EMBED(symbol, path)                                                                                  \
    __asm__(".pushsection .rodata, \"a\", %progbits\n"                                                       \
            ".balign 16\n"                                                                                   \
            ".global " #symbol "_start\n.hidden " #symbol "_start\n" #symbol "_start:\n"                     \
            ".incbin \"" TRACER_FIXTURES_DIR "/" path "\"\n"                                                 \
            ".global " #symbol "_end\n.hidden " #symbol "_end\n" #symbol "_end:\n"                           \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const char symbol##_start[] __attribute__((visibility("hidden")));                                \
    extern const char symbol##_end[] __attribute__((visibility("hidden")))

EMBED(tracer_embed_heists, "registry/heists.tsv");
EMBED(tracer_embed_heist_addresses, "registry/heist_addresses.tsv");
EMBED(tracer_embed_case_addresses, "registry/case_addresses.tsv");
EMBED(tracer_embed_sanctioned, "registry/sanctioned.tsv");
EMBED(tracer_embed_services, "registry/services.tsv");
EMBED(tracer_embed_assets, "registry/assets.csv");
EMBED(tracer_embed_case_transfers, "ronin-2022/transfers.csv");
EMBED(tracer_embed_case_labels, "ronin-2022/labels.csv");
EMBED(tracer_embed_case_explored, "ronin-2022/explored.txt");
EMBED(tracer_embed_case_coverage, "ronin-2022/coverage.csv");

struct range {
    const char *name, *start, *end, *digest;
};

static const struct range registry_files[EMBEDDED_COUNT] = {
    [EMBEDDED_HEISTS] = {"registry/heists.tsv", tracer_embed_heists_start, tracer_embed_heists_end,
                         DIGEST_HEISTS},
    [EMBEDDED_HEIST_ADDRESSES] = {"registry/heist_addresses.tsv", tracer_embed_heist_addresses_start,
                                  tracer_embed_heist_addresses_end, DIGEST_HEIST_ADDRESSES},
    [EMBEDDED_CASE_ADDRESSES] = {"registry/case_addresses.tsv", tracer_embed_case_addresses_start,
                                 tracer_embed_case_addresses_end, DIGEST_CASE_ADDRESSES},
    [EMBEDDED_SANCTIONED] = {"registry/sanctioned.tsv", tracer_embed_sanctioned_start,
                             tracer_embed_sanctioned_end, DIGEST_SANCTIONED},
    [EMBEDDED_SERVICES] = {"registry/services.tsv", tracer_embed_services_start, tracer_embed_services_end,
                           DIGEST_SERVICES},
    [EMBEDDED_ASSETS] = {"registry/assets.csv", tracer_embed_assets_start, tracer_embed_assets_end,
                         DIGEST_ASSETS},
};

static const struct range case_files[] = {
    {"transfers.csv", tracer_embed_case_transfers_start, tracer_embed_case_transfers_end, NULL},
    {"labels.csv", tracer_embed_case_labels_start, tracer_embed_case_labels_end, NULL},
    {"explored.txt", tracer_embed_case_explored_start, tracer_embed_case_explored_end, NULL},
    {"coverage.csv", tracer_embed_case_coverage_start, tracer_embed_case_coverage_end, NULL},
};

static size_t range_size(const struct range *range)
{
    return (size_t)((uintptr_t)range->end - (uintptr_t)range->start);
}

struct embedded_file embedded_file(enum embedded which)
{
    const struct range *range = &registry_files[which];
    struct embedded_file file = {.name = range->name, .data = range->start, .size = range_size(range)};
    bool whole =
        hex_decode(range->digest, strlen(range->digest), file.digest.bytes, sizeof(file.digest.bytes));
    assert(whole); /* written by the build */
    return file;
}

const void *registry_case_file(const char *name, size_t *ret_size)
{
    for (size_t i = 0; i < sizeof(case_files) / sizeof(case_files[0]); i++)
        if (strcmp(case_files[i].name, name) == 0) {
            *ret_size = range_size(&case_files[i]);
            return case_files[i].start;
        }
    return NULL;
}
