/* network.c - which networks a store holds: one a chain id, with its anchor (architecture 11). */
#include <inttypes.h>
#include <stdlib.h>

#include "store.h"

static enum tracer_status get(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                              struct graph_network *ret_network, struct error *err)
{
    struct record record;
    struct key key = key_of_meta_chain("network", chain_id);
    enum tracer_status status = store_get(graph, txn, TABLE_META, &key, &record, err);
    if (!status && !network_decode(chain_id, record.data, record.size, ret_network))
        return store_damaged(graph, TABLE_META, key.bytes, key.size, err);
    return status;
}

static enum tracer_status compare(const struct graph *graph, const struct graph_network *stored,
                                  const struct graph_network *given, struct error *err)
{
    const char *what = NULL;
    if (strcmp(stored->name, given->name) != 0)
        what = "name";
    else if (stored->imported != given->imported || stored->time_keys != given->time_keys)
        what = "origin of rows (import and ingest never share a chain in one store)";
    else if (stored->anchor_number != given->anchor_number ||
             !hash_equal(stored->anchor_hash, given->anchor_hash))
        what = "anchor";
    if (!what)
        return TRACER_OK;
    return store_error(graph, err, TRACER_E_CHAIN,
                       "chain %" PRIu64 " is registered as network \"%s\" with another %s. Use another store",
                       given->chain_id, stored->name, what);
}

static enum tracer_status put(struct graph *graph, const struct graph_network *network, struct error *err)
{
    uint8_t bytes[NETWORK_RECORD_MAX];
    struct key key = key_of_meta_chain("network", network->chain_id);
    return store_put(graph, TABLE_META, &key, bytes, network_encode(network, bytes), err);
}

enum tracer_status graph_put_network(struct graph *graph, const struct graph_network *network,
                                     struct error *err)
{
    struct graph_network stored;
    bool own;
    if (!memchr(network->name, '\0', sizeof(network->name)))
        return store_error(graph, err, TRACER_E_USAGE, "the network's name is not terminated");
    enum tracer_status status = graph_get_network(graph, network->chain_id, &stored, err);
    if (!status)
        return compare(graph, &stored, network, err);
    if (status != TRACER_E_NOT_FOUND)
        return status;
    status = store_join(graph, &own, err);
    if (status)
        return status;
    status = get(graph, graph->writer, network->chain_id, &stored, err);
    if (!status)
        status = compare(graph, &stored, network, err);
    else if (status == TRACER_E_NOT_FOUND)
        status = put(graph, network, err);
    return store_leave(graph, own, status, err);
}

enum tracer_status graph_get_network(struct graph *graph, uint64_t chain_id,
                                     struct graph_network *ret_network, struct error *err)
{
    MDB_txn *txn;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = get(graph, txn, chain_id, ret_network, err);
    store_read_end(graph);
    if (status == TRACER_E_NOT_FOUND)
        return store_error(graph, err, TRACER_E_NOT_FOUND, "chain %" PRIu64 " is not registered here",
                           chain_id);
    return status;
}

enum tracer_status graph_networks(struct graph *graph, struct graph_network *ret_networks, size_t capacity,
                                  size_t *ret_count, struct error *err)
{
    MDB_txn *txn;
    uint64_t *ids = NULL;
    size_t count = 0;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_chain_ids(graph, txn, &ids, &count, err);
    for (size_t i = 0; !status && i < count && i < capacity; i++)
        status = get(graph, txn, ids[i], &ret_networks[i], err);
    store_read_end(graph);
    free(ids);
    if (!status)
        *ret_count = count;
    return status;
}
