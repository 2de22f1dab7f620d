/* ids.h - dense ids for addresses and assets, in order of first sight (open addressing, at most half full).
 *
 * Id 0 is void, or the native coin. The hash is keyed with random bytes, since a hostile token may name any
 * addresses it likes; the ids do not depend on the key. */
#ifndef TRACER_IMPORT_IDS_H
#define TRACER_IMPORT_IDS_H

#include "tracer/transfer.h"

struct id_slots {
    uint32_t *slots; /* id + 1; 0 is free */
    size_t mask;     /* slots - 1, 0 before the first */
    uint64_t key[2];
};
struct address_ids {
    struct id_slots table;
    struct address *items;
    uint32_t count, capacity;
};
struct asset_ids {
    struct id_slots table;
    struct asset *items;
    uint32_t count, capacity;
};

#define ID_FAILED UINT32_MAX /* no memory, or more than 2^31 things */

/** Ready with id 0; false: no memory. */
bool address_ids_init(struct address_ids *ids);
void address_ids_release(struct address_ids *ids);
uint32_t address_ids_put(struct address_ids *ids, struct address address);

bool asset_ids_init(struct asset_ids *ids);
void asset_ids_release(struct asset_ids *ids);
uint32_t asset_ids_put(struct asset_ids *ids, const struct asset *asset);

#endif
