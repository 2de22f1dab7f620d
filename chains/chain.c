/* chain.c - the registry of networks and rules. */
#include <stdio.h>
#include <string.h>

#include "rules.h"

static const struct chain_rules *const registry[] = {&chain_rules_ethereum, &chain_rules_ronin,
                                                     &chain_rules_latest};

#define REGISTRY_COUNT (sizeof(registry) / sizeof(registry[0]))

const struct chain_rules *chain_rules_find(const char *name)
{
    for (size_t i = 0; i < REGISTRY_COUNT; i++)
        if (strcmp(registry[i]->name, name) == 0)
            return registry[i];
    return NULL;
}

const char *chain_rules_name(const struct chain_rules *rules)
{
    return rules->name;
}

void chain_evm(const struct chain_network *network, struct evm_network *ret_evm)
{
    *ret_evm = (struct evm_network){.rules = &network->rules->evm,
                                    .chain_id = network->chain_id,
                                    .wrappers = network->wrappers,
                                    .wrapper_count = network->wrapper_count};
}

static void fill_network(const struct chain_rules *rules, struct chain_network *to)
{
    *to = (struct chain_network){
        .chain_id = rules->network.chain_id,
        .anchor_number = rules->network.anchor_number,
        .anchor_hash = rules->network.anchor_hash,
        .rules = rules,
    };
    snprintf(to->name, sizeof to->name, "%s", rules->network.name);
    snprintf(to->native_symbol, sizeof to->native_symbol, "%s", rules->network.native_symbol);
}

bool chain_builtin(const char *name_or_id, struct chain_network *ret_network)
{
    for (size_t i = 0; i < REGISTRY_COUNT; i++) {
        const struct chain_rules *rules = registry[i];
        char id[24];
        if (!rules->network.name)
            continue;
        snprintf(id, sizeof id, "%llu", (unsigned long long)rules->network.chain_id);
        if (strcmp(rules->network.name, name_or_id) == 0 || strcmp(id, name_or_id) == 0) {
            fill_network(rules, ret_network);
            return true;
        }
    }
    return false;
}

const char *const *chain_public_endpoints(const struct chain_network *network)
{
    /* They serve the built-in network, not a test chain that borrows its rules. */
    const struct chain_rules *rules = network->rules;
    bool own = rules->network.name && rules->network.chain_id == network->chain_id &&
               hash_equal(rules->network.anchor_hash, network->anchor_hash);
    return own ? rules->public_endpoints : NULL;
}

const char *chain_traces_name(enum chain_traces traces)
{
    switch (traces) {
    case TRACES_NONE:
        return "none";
    case TRACES_CALL_TRACER:
        return "callTracer";
    case TRACES_CALL_TRACER_LOGS:
        return "callTracer with logs";
    case TRACES_TRACE_BLOCK:
        return "trace_block";
    }
    return "none";
}
