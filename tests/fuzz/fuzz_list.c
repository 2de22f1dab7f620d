/* fuzz_list.c - foreign bytes as a list of others: it is refused with a reason and leaves nothing, or becomes
 * as many labels as it says, the same ones whenever it is read. A 0x1A byte ends an sdn.csv; what follows is
 * sdn_comments.csv. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_list: %s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum list_format format;
    struct error err = {0};
    struct buffer csv[2];
    struct list_facts facts, kept;
    struct label_set *set;
    char *text = malloc(size ? size : 1); /* exactly as long: ASan sees one byte too far */
    must(text != NULL, "no memory");
    if (size)
        memcpy(text, data, size);
    if (list_recognise(text, size, &format)) {
        const char *end = format == LIST_OFAC_CSV ? memchr(text, 0x1a, size) : NULL;
        struct list_file file = {.name = "list",
                                 .data = text,
                                 .size = size,
                                 .rest_size = end ? size - (size_t)(end - text) - 1 : 0};
        enum tracer_status status[2];
        for (int i = 0; i < 2; i++) {
            buffer_init(&csv[i], TRACER_MIB(64));
            status[i] = list_read(&file, format, &csv[i], &facts, &err);
        }
        must(status[0] == status[1], "two readings end differently");
        must(!status[0] || (err.text[0] && csv[0].size == 0), "refused without a reason, or not whole");
        must(status[0] || (csv[0].size == csv[1].size && memcmp(csv[0].data, csv[1].data, csv[0].size) == 0),
             "two readings differ");
        if (!status[0]) {
            must(list_kept_facts(csv[0].data, csv[0].size, &kept) && kept.entries == facts.entries &&
                     kept.format == format,
                 "its first line says something else");
            must(label_set_new(&set, &err) == TRACER_OK, "no memory");
            enum tracer_status added = label_add_kept(set, "list", csv[0].data, csv[0].size, &err);
            must(added == TRACER_E_LIMIT || (!added && label_list(set, 0)->rows == facts.labels),
                 "what was made of it is not read back");
            label_set_free(set);
        }
        buffer_release(&csv[0]);
        buffer_release(&csv[1]);
    }
    free(text);
    return 0;
}
