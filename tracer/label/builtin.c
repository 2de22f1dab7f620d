/* builtin.c - what the built-in tables say. */
#include "builtin.h"

enum tracer_status label_add_builtin(struct label_set *set, struct error *err)
{
    struct builtin builtin = {builtin_claims, builtin_claim_count, builtin_classes, builtin_class_count, builtin_texts, builtin_lists, builtin_list_count};
    return label_set_take_builtin(set, &builtin, err);
}

const struct heist *registry_heists(size_t *ret_count)
{
    *ret_count = builtin_heist_count;
    return builtin_heists;
}

/* The chain's rows; those of no chain are the end. */
static const struct builtin_range *range_of(const struct builtin_range *range, uint64_t chain_id)
{
    while (range->count && range->chain_id != chain_id)
        range++;
    return range;
}

size_t registry_tokens(uint64_t chain_id, struct token *ret_tokens, size_t capacity)
{
    const struct builtin_range *range = range_of(builtin_token_chains, chain_id);
    for (size_t i = 0; i < range->count && i < capacity; i++) {
        const struct builtin_token *token = &builtin_tokens[range->first + i];
        ret_tokens[i] = (struct token){token->asset, builtin_texts + token->symbol};
    }
    return range->count;
}

const struct address *registry_wrappers(uint64_t chain_id, size_t *ret_count)
{
    const struct builtin_range *range = range_of(builtin_wrapper_chains, chain_id);
    *ret_count = range->count;
    return builtin_wrappers + range->first;
}

struct digest registry_tokens_digest(void)
{
    return builtin_tokens_digest;
}
