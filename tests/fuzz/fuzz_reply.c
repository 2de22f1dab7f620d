/* fuzz_reply.c - foreign bytes as the reply to a batch of three calls: an answer is within the reply, and no call stays
 * without an answer or a reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/jsonrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct secrets none;
    const struct answerer answerer = {"alpha", &none, 200};
    struct error err = {0};
    char *text = malloc(size ? size : 1); /* exactly as long: ASan sees one byte too far */
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    for (size_t count = 1; count <= 3; count += 2) {
        struct rpc_call calls[3];
        struct rpc_batch batch = {.calls = calls, .call_count = count};
        bool whole = false;
        for (size_t i = 0; i < count; i++)
            calls[i] = (struct rpc_call){.method = "eth_getBlockByNumber", .params = "[]"};
        jsonrpc_read(&batch, (struct json_span){text, size}, 7, &answerer, &whole, &err);
        if (whole && !err.text[0])
            abort();
        for (size_t i = 0; !whole && i < count; i++) {
            const struct rpc_call *call = &calls[i];
            bool within = call->result && call->result >= text && call->result_length > 0 &&
                          call->result_length <= (size_t)(text + size - call->result);
            if (call->status ? !call->error.text[0] : !within) {
                fprintf(stderr, "fuzz_reply: call %zu has neither an answer nor a reason\n", i);
                abort();
            }
        }
    }
    free(text);
    return 0;
}
