/* embed.c - the files of the Ronin case as bytes of the program, put in by the assembler. */
#include "tracer/label.h"

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

EMBED(tracer_embed_case_transfers, "ronin-2022/transfers.csv");
EMBED(tracer_embed_case_labels, "ronin-2022/labels.csv");
EMBED(tracer_embed_case_explored, "ronin-2022/explored.txt");
EMBED(tracer_embed_case_coverage, "ronin-2022/coverage.csv");

static const struct {
    const char *name, *start, *end;
} case_files[] = {
    {"transfers.csv", tracer_embed_case_transfers_start, tracer_embed_case_transfers_end},
    {"labels.csv", tracer_embed_case_labels_start, tracer_embed_case_labels_end},
    {"explored.txt", tracer_embed_case_explored_start, tracer_embed_case_explored_end},
    {"coverage.csv", tracer_embed_case_coverage_start, tracer_embed_case_coverage_end},
};

const void *registry_case_file(const char *name, size_t *ret_size)
{
    for (size_t i = 0; i < sizeof(case_files) / sizeof(case_files[0]); i++)
        if (strcmp(case_files[i].name, name) == 0) {
            *ret_size = (size_t)((uintptr_t)case_files[i].end - (uintptr_t)case_files[i].start);
            return case_files[i].start;
        }
    return NULL;
}
