/* lists.h - which blocks several operators list for one question. Each block that is named is read and proven, so who names one in vain does
 * no harm; what one leaves out another one names. Internal to chains/. */
#ifndef TRACER_CHAINS_LISTS_H
#define TRACER_CHAINS_LISTS_H

#include "client.h"
#include "tracer/history.h"

#define LISTS_MAX 3u /* of one question */

struct lists {
    size_t count;
    struct list {
        size_t endpoint;
        uint64_t end; /* all up to this block, says the endpoint */
        struct history_blocks blocks;
    } said[LISTS_MAX];
};

void lists_release(struct lists *lists);
/** Where the next answer of `endpoint` is written; it counts with the next lists_take(). */
struct history_blocks *lists_room(struct lists *lists);
void lists_take(struct lists *lists, size_t endpoint, uint64_t end);
/** Whom to ask the same by this way; RPC_ANY: two lists are alike, or nobody is left. Of several questions, which the same endpoints have answered.
 * `tried` (bits): not again. */
size_t lists_other(const struct chain_client *client, enum history_way way, const struct lists *lists, size_t question_count, uint32_t tried);
/** All that anybody lists up to *ret_end, up to which everybody's list goes. Who differs from two that are alike is named as a liar. */
enum tracer_status lists_merge(struct chain_client *client, struct lists *lists, const char *method, const char *params, struct history_blocks *to,
                               uint64_t *ret_end, struct error *err);

#endif
