/* config.h - the configuration file: endpoints and explorers by name, networks (architecture 7 and 11). JSON; every key has
 * a default.
 *
 *   {"endpoints": [{"name": "alpha", "url": "https://...", "header_env": "ALPHA_AUTH", "rate": 10, "network":
 * "ethereum"}], "networks":  [{"name": "devnet", "chain_id": 2020, "anchor": "0:0x...", "rules": "latest",
 * "symbol": "ETH", "wrappers": ["0x..."], "checkpoints": ["100:0x..."]}],
 * "explorers": [{"name": "etherscan", "url": "https://...", "key_env": "ETHERSCAN_KEY", "rate": 3, "network": "ethereum"}],
 * "decisions": "/var/lib/tracer/decisions.jsonl"}
 */
#ifndef TRACER_CONFIG_H
#define TRACER_CONFIG_H

#include "tracer/chain.h"

struct config; /* owns every text and array it gives out */

/** `path` NULL: an empty configuration. Unknown keys are TRACER_E_USAGE (a typing mistake must not be
 * ignored); a header comes from the environment variable named, TRACER_E_USAGE if it is not set. */
TRACER_MUST_USE enum tracer_status config_open(const char *path, struct config **ret_config,
                                               struct error *err);
void config_close(struct config *config); /* NULL is fine */

/** The log of decisions that it names, NULL if it names none. */
const char *config_decisions(const struct config *config);

/** Of the chain's coin; "native" where the chain is not known. Borrowed from the configuration. */
const char *config_native_symbol(struct config *config, uint64_t chain_id);
/** By name or chain id: the configuration's own first, then built in (with wrappers from the registry). */
TRACER_MUST_USE enum tracer_status config_network(struct config *config, const char *name_or_id,
                                                  struct chain_network *ret_network, struct error *err);
/** Resolve what --rpc was given (URLs, names of the configuration, the word `public`) into endpoints with
 * names; a bare URL is named "endpoint-N" in the order given. Texts live in the configuration. */
TRACER_MUST_USE enum tracer_status config_endpoints(struct config *config,
                                                    const struct chain_network *network,
                                                    const char *const *given, size_t given_count,
                                                    struct rpc_endpoint *ret_endpoints, size_t capacity,
                                                    size_t *ret_count, struct error *err);
/** The same for --explorer: URLs (named "explorer-N") and names of the configuration. A key comes from the environment
 * variable named, into the URL; it need be set only where the explorer is named. */
TRACER_MUST_USE enum tracer_status config_explorers(struct config *config, const struct chain_network *network,
                                                    const char *const *given, size_t given_count,
                                                    struct rpc_endpoint *ret_explorers, size_t capacity, size_t *ret_count,
                                                    struct error *err);

#endif
