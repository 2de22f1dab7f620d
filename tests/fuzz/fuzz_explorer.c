/* fuzz_explorer.c - foreign bytes as the answer of a block explorer: rows that are within the answer, or a reason; never rows where an
 * error stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/explorer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct secrets none;
    const struct answerer answerer = {"scan", &none, 200};
    struct error err = {0};
    struct rpc_call call = {.method = "txlist", .params = "\"module=account\""};
    struct rpc_batch batch = {.calls = &call, .call_count = 1};
    bool whole = false;
    char *text = malloc(size ? size : 1); /* exactly as long: ASan sees one byte too far */
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    enum answer_class class = explorer_read(&batch, (struct json_span){text, size}, &answerer, &whole, &err);
    bool good = class == ANSWER_GOOD, list = good && call.result && call.result_length >= 2 && call.result >= text &&
                                             call.result + call.result_length <= text + size && call.result[0] == '[' &&
                                             call.result[call.result_length - 1] == ']';
    if (good ? whole || call.status || !list : whole ? !err.text[0] : !call.status || !call.error.text[0]) {
        fprintf(stderr, "fuzz_explorer: neither rows nor a reason\n");
        abort();
    }
    free(text);
    return 0;
}
