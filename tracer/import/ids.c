/* ids.c - hash tables from addresses and assets to dense ids. */
#include "ids.h"

#include <stdlib.h>
#include <sys/random.h>

#define IDS_MAX 0x7fffffffu
#define SLOTS_FIRST 1024u

static void key_make(uint64_t key[2])
{
    if (getrandom(key, 2 * sizeof(*key), GRND_NONBLOCK) == (ssize_t)(2 * sizeof(*key)))
        return;
    key[0] = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u; /* where memory lies is random enough then */
    key[1] = (uint64_t)(uintptr_t)&key_make ^ 0xd1b54a32d192ed03u;
}

/* Multiply to 128 bits and fold: each input bit reaches every output bit. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static uint64_t address_hash(const uint64_t key[2], const struct address *address)
{
    uint64_t low = load64(address->bytes), middle = load64(address->bytes + 8),
             high = load64(address->bytes + 12);
    return mix(mix(low ^ key[0], middle ^ key[1]) ^ high, key[1] | 1);
}

static uint64_t asset_hash(const uint64_t key[2], const struct asset *asset)
{
    uint64_t hash = address_hash(key, &asset->contract) + (uint64_t)asset->kind;
    for (int i = 0; i < 4; i++)
        hash = mix(hash ^ asset->id.limb[i], key[0] | 1);
    return hash;
}

static bool slots_double(struct id_slots *table, uint32_t **ret_old, size_t *ret_old_count)
{
    size_t count = table->mask ? (table->mask + 1) * 2 : SLOTS_FIRST;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return false;
    *ret_old = table->slots;
    *ret_old_count = table->mask ? table->mask + 1 : 0;
    table->slots = slots;
    table->mask = count - 1;
    return true;
}

static void slots_place(struct id_slots *table, uint64_t hash, uint32_t id)
{
    size_t at = hash & table->mask;
    while (table->slots[at])
        at = (at + 1) & table->mask;
    table->slots[at] = id + 1;
}

static bool items_grow(void **items, uint32_t *capacity, size_t size)
{
    uint32_t more = *capacity ? *capacity * 2 : SLOTS_FIRST / 2;
    void *grown = more <= IDS_MAX ? realloc(*items, more * size) : NULL;
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

/* Room for one more thing in both parts; the slots are at most half full. */
static bool address_ids_room(struct address_ids *ids)
{
    uint32_t *old;
    size_t old_count;
    void *items = ids->items;
    if (ids->count == ids->capacity) {
        if (!items_grow(&items, &ids->capacity, sizeof(*ids->items)))
            return false;
        ids->items = items;
    }
    if (ids->table.mask && (size_t)ids->count * 2 <= ids->table.mask)
        return true;
    if (!slots_double(&ids->table, &old, &old_count))
        return false;
    for (uint32_t id = 0; id < ids->count; id++)
        slots_place(&ids->table, address_hash(ids->table.key, &ids->items[id]), id);
    free(old);
    return true;
}

static bool asset_ids_room(struct asset_ids *ids)
{
    uint32_t *old;
    size_t old_count;
    void *items = ids->items;
    if (ids->count == ids->capacity) {
        if (!items_grow(&items, &ids->capacity, sizeof(*ids->items)))
            return false;
        ids->items = items;
    }
    if (ids->table.mask && (size_t)ids->count * 2 <= ids->table.mask)
        return true;
    if (!slots_double(&ids->table, &old, &old_count))
        return false;
    for (uint32_t id = 0; id < ids->count; id++)
        slots_place(&ids->table, asset_hash(ids->table.key, &ids->items[id]), id);
    free(old);
    return true;
}

uint32_t address_ids_put(struct address_ids *ids, struct address address)
{
    uint64_t hash = address_hash(ids->table.key, &address);
    if (ids->table.mask)
        for (size_t at = hash & ids->table.mask; ids->table.slots[at]; at = (at + 1) & ids->table.mask)
            if (address_equal(ids->items[ids->table.slots[at] - 1], address))
                return ids->table.slots[at] - 1;
    if (!address_ids_room(ids))
        return ID_FAILED;
    slots_place(&ids->table, hash, ids->count);
    ids->items[ids->count] = address;
    return ids->count++;
}

uint32_t asset_ids_put(struct asset_ids *ids, const struct asset *asset)
{
    uint64_t hash = asset_hash(ids->table.key, asset);
    if (ids->table.mask)
        for (size_t at = hash & ids->table.mask; ids->table.slots[at]; at = (at + 1) & ids->table.mask)
            if (asset_equal(&ids->items[ids->table.slots[at] - 1], asset))
                return ids->table.slots[at] - 1;
    if (!asset_ids_room(ids))
        return ID_FAILED;
    slots_place(&ids->table, hash, ids->count);
    ids->items[ids->count] = *asset;
    return ids->count++;
}

bool address_ids_init(struct address_ids *ids)
{
    *ids = (struct address_ids){0};
    key_make(ids->table.key);
    return address_ids_put(ids, (struct address){{0}}) == 0;
}

void address_ids_release(struct address_ids *ids)
{
    free(ids->table.slots);
    free(ids->items);
    *ids = (struct address_ids){0};
}

bool asset_ids_init(struct asset_ids *ids)
{
    const struct asset native = {0};
    *ids = (struct asset_ids){0};
    key_make(ids->table.key);
    return asset_ids_put(ids, &native) == 0;
}

void asset_ids_release(struct asset_ids *ids)
{
    free(ids->table.slots);
    free(ids->items);
    *ids = (struct asset_ids){0};
}
