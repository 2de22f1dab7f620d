/* ids.c - dense ids of accounts and assets (ids.h). */
#include "ids.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "store.h"

/* --- intern ------------------------------------------------------------------------------------------ */

void intern_init(struct intern *intern, size_t value_size)
{
    *intern = (struct intern){.value_size = value_size, .slot_size = (value_size + 4 + 7) / 8 * 8};
    if (getrandom(intern->seed, sizeof(intern->seed), GRND_NONBLOCK) != (ssize_t)sizeof(intern->seed))
        intern->seed[0] = (uint64_t)(uintptr_t)intern; /* weaker, never wrong */
}

void intern_release(struct intern *intern)
{
    free(intern->slots);
    free(intern->tail);
    *intern = (struct intern){0};
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t intern_hash(const struct intern *intern, const uint8_t *value)
{
    uint64_t hash = intern->seed[1];
    size_t at = 0;
    for (; at + 16 <= intern->value_size; at += 16)
        hash = fold(get_u64(value + at) ^ intern->seed[0] ^ UINT64_C(0x9e3779b97f4a7c15),
                    get_u64(value + at + 8) ^ hash);
    /* what is left is 4 bytes (address) or 5 (asset) */
    uint64_t rest = get_u32(value + at) | (uint64_t)value[intern->value_size - 1] << 32;
    return fold(hash ^ rest ^ UINT64_C(0xd1b54a32d192ed03), intern->seed[1] | 1);
}

void intern_prefetch(const struct intern *intern, uint64_t hash)
{
    if (!intern->slot_count)
        return;
    const uint8_t *slot = intern->slots + (hash & (intern->slot_count - 1)) * intern->slot_size;
    __builtin_prefetch(slot);
    if (((uintptr_t)slot & 63) + intern->slot_size > 64)
        __builtin_prefetch(slot + intern->slot_size - 1);
}

static inline uint32_t slot_id(const struct intern *intern, const uint8_t *slot)
{
    return get_u32(slot + intern->value_size);
}

static inline bool slot_has(const uint8_t *slot, const uint8_t *value, size_t size)
{
    if (size != ACCOUNT_SIZE)
        return memcmp(slot, value, size) == 0;
    return ((get_u64(slot) ^ get_u64(value)) | (get_u64(slot + 8) ^ get_u64(value + 8)) |
            (get_u32(slot + 16) ^ get_u32(value + 16))) == 0;
}

static uint8_t *empty_slot(uint8_t *slots, size_t slot_count, const struct intern *intern, uint64_t hash)
{
    size_t at = hash & (slot_count - 1);
    while (slot_id(intern, slots + at * intern->slot_size))
        at = (at + 1) & (slot_count - 1);
    return slots + at * intern->slot_size;
}

static bool rehash(struct intern *intern, size_t slot_count)
{
    uint8_t *slots = large_alloc(slot_count * intern->slot_size);
    if (!slots)
        return false;
    memset(slots, 0, slot_count * intern->slot_size);
    for (size_t i = 0; i < intern->slot_count; i++) {
        const uint8_t *from = intern->slots + i * intern->slot_size;
        if (slot_id(intern, from))
            memcpy(empty_slot(slots, slot_count, intern, intern_hash(intern, from)), from, intern->slot_size);
    }
    free(intern->slots);
    intern->slots = slots;
    intern->slot_count = slot_count;
    return true;
}

static bool make_room(struct intern *intern)
{
    size_t tail = intern->count - intern->tail_first;
    if (intern->count >= UINT32_MAX - 1)
        return false;
    if (tail == intern->tail_capacity) {
        size_t capacity = intern->tail_capacity * 2 + 256;
        uint8_t *values = realloc(intern->tail, capacity * intern->value_size);
        if (!values)
            return false;
        intern->tail = values;
        intern->tail_capacity = capacity;
    }
    if (intern->count * 2 >= intern->slot_count)
        return rehash(intern, intern->slot_count ? intern->slot_count * 2 : 1024);
    return true;
}

static bool add_new(struct intern *intern, const uint8_t *value, uint64_t hash, uint32_t *ret_id)
{
    size_t size = intern->value_size;
    if (!make_room(intern))
        return false;
    uint8_t *slot = empty_slot(intern->slots, intern->slot_count, intern, hash);
    memcpy(slot, value, size);
    put_u32(slot + size, (uint32_t)intern->count + 1);
    memcpy(intern->tail + (intern->count - intern->tail_first) * size, value, size);
    *ret_id = (uint32_t)intern->count++;
    return true;
}

bool intern_add(struct intern *intern, const uint8_t *value, uint64_t hash, uint32_t *ret_id)
{
    size_t mask = intern->slot_count - 1, at = hash & mask;
    for (; intern->slot_count; at = (at + 1) & mask) {
        const uint8_t *slot = intern->slots + at * intern->slot_size;
        uint32_t id = slot_id(intern, slot);
        if (!id)
            break;
        if (slot_has(slot, value, intern->value_size)) {
            *ret_id = id - 1;
            return true;
        }
    }
    return add_new(intern, value, hash, ret_id);
}

/* Values that are stored now and not in the last record of `per_record` are not needed again. */
static void drop_tail(struct intern *intern, uint32_t per_record)
{
    size_t first = intern->stored - intern->stored % per_record;
    if (first <= intern->tail_first)
        return;
    memmove(intern->tail, intern->tail + (first - intern->tail_first) * intern->value_size,
            (intern->count - first) * intern->value_size);
    intern->tail_first = first;
}

/* --- tables ------------------------------------------------------------------------------------------ */

struct id_table {
    enum table table;
    size_t size;
    uint32_t per_record;
};
static const struct id_table account_table = {TABLE_ACCOUNT, ACCOUNT_SIZE, ACCOUNTS_PER_RECORD};
static const struct id_table asset_table = {TABLE_ASSET, ASSET_SIZE, ASSETS_PER_RECORD};

static struct key id_key(uint64_t chain_id, uint32_t first)
{
    struct key key = key_of_chain(chain_id);
    key_u32(&key, first);
    return key;
}

/* The record that begins with id `first`, with `count` values at least. */
static enum tracer_status get_ids(struct graph *graph, MDB_txn *txn, const struct id_table *table,
                                  uint64_t chain_id, uint32_t first, uint32_t count,
                                  struct record *ret_record, struct error *err)
{
    struct key key = id_key(chain_id, first);
    enum tracer_status status = store_get(graph, txn, table->table, &key, ret_record, err);
    if (status == TRACER_E_NOT_FOUND)
        return store_error(
            graph, err, TRACER_E_DAMAGED,
            "record missing (%s, id %u). Nothing was answered. Run: store verify, then restore",
            table_name(table->table), first);
    if (!status && (ret_record->size % table->size || ret_record->size / table->size < count ||
                    ret_record->size / table->size > table->per_record))
        return store_damaged(graph, table->table, key.bytes, key.size, err);
    return status;
}

static enum tracer_status load(struct graph *graph, const struct id_table *table, uint64_t chain_id,
                               uint32_t count, struct intern *intern, struct error *err)
{
    intern_init(intern, table->size);
    size_t slot_count = 1024;
    while (slot_count < (size_t)count * 2 + 2)
        slot_count *= 2;
    if (!rehash(intern, slot_count))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory for %u ids", count);
    for (uint32_t first = 0; first < count; first += table->per_record) {
        struct record record;
        uint32_t here = count - first < table->per_record ? count - first : table->per_record;
        enum tracer_status status = get_ids(graph, graph->writer, table, chain_id, first, here, &record, err);
        if (status)
            return status;
        intern->stored = first;
        drop_tail(intern, table->per_record);
        for (uint32_t i = 0; i < here; i++) {
            const uint8_t *value = record.data + i * table->size;
            uint32_t id;
            if (!intern_add(intern, value, intern_hash(intern, value), &id))
                return store_error(graph, err, TRACER_E_NOMEM, "no memory for %u ids", count);
            if (id != first + i)
                return store_error(graph, err, TRACER_E_DAMAGED,
                                   "%s %u is there twice. Run: store verify, then restore",
                                   table_name(table->table), id);
        }
    }
    intern->stored = count;
    intern->loaded = true;
    return TRACER_OK;
}

enum tracer_status ids_load(struct graph *graph, struct chain *chain, struct error *err)
{
    static const uint8_t void_address[ACCOUNT_SIZE], native_asset[ASSET_SIZE];
    enum tracer_status status;
    uint32_t id;
    if (chain->accounts.loaded && chain->assets.loaded)
        return TRACER_OK;
    intern_release(&chain->accounts);
    intern_release(&chain->assets);
    status = store_settle(graph, err);
    if (!status)
        status = load(graph, &account_table, chain->id, chain->state.accounts, &chain->accounts, err);
    if (!status)
        status = load(graph, &asset_table, chain->id, chain->state.assets, &chain->assets, err);
    if (status)
        return status;
    if (!intern_add(&chain->accounts, void_address, intern_hash(&chain->accounts, void_address), &id) ||
        id != 0 ||
        !intern_add(&chain->assets, native_asset, intern_hash(&chain->assets, native_asset), &id) || id != 0)
        return store_error(graph, err, TRACER_E_DAMAGED,
                           "id 0 is not void or native. Run: store verify, then restore");
    return TRACER_OK;
}

static enum tracer_status store_ids(struct graph *graph, const struct id_table *table, uint64_t chain_id,
                                    struct intern *intern, struct error *err)
{
    size_t first = intern->stored - intern->stored % table->per_record;
    for (; intern->stored < intern->count; first += table->per_record) {
        size_t end = first + table->per_record < intern->count ? first + table->per_record : intern->count;
        struct key key = id_key(chain_id, (uint32_t)first);
        enum tracer_status status =
            store_put(graph, table->table, &key, intern->tail + (first - intern->tail_first) * table->size,
                      (end - first) * table->size, err);
        if (status)
            return status;
        intern->stored = end;
    }
    drop_tail(intern, table->per_record);
    return TRACER_OK;
}

enum tracer_status ids_store(struct graph *graph, struct chain *chain, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    if (chain->accounts.loaded)
        status = store_ids(graph, &account_table, chain->id, &chain->accounts, err);
    if (!status && chain->assets.loaded)
        status = store_ids(graph, &asset_table, chain->id, &chain->assets, err);
    if (!status && chain->accounts.loaded) {
        chain->state.accounts = (uint32_t)chain->accounts.count;
        chain->state.assets = (uint32_t)chain->assets.count;
    }
    return status;
}

/* --- pages ------------------------------------------------------------------------------------------- */

static void drop(struct id_pages *pages)
{
    for (size_t i = 0; i < pages->capacity; i++)
        free(pages->pages[i]);
    free(pages->pages);
    *pages = (struct id_pages){0};
}

void ids_release(struct chain *chain)
{
    intern_release(&chain->accounts);
    intern_release(&chain->assets);
    drop(&chain->account_pages);
    drop(&chain->asset_pages);
}

void ids_drop_pages(struct graph *graph)
{
    for (struct chain *chain = graph->chains; chain; chain = chain->next) {
        drop(&chain->account_pages);
        drop(&chain->asset_pages);
    }
    graph->page_bytes = 0;
}

static bool grow_pages(struct id_pages *pages, size_t wanted)
{
    if (wanted <= pages->capacity)
        return true;
    size_t capacity = wanted + wanted / 2 + 16;
    struct id_page **grown = realloc(pages->pages, capacity * sizeof(struct id_page *));
    if (!grown)
        return false;
    memset(grown + pages->capacity, 0, (capacity - pages->capacity) * sizeof(struct id_page *));
    pages->pages = grown;
    pages->capacity = capacity;
    return true;
}

/* A page may be read again when it has more. */
static void count_all(struct id_pages *pages, size_t per_page)
{
    for (size_t at = pages->all / per_page; at < pages->capacity && pages->pages[at]; at++) {
        size_t there = at * per_page + pages->pages[at]->count;
        if (there <= pages->all)
            return;
        pages->all = there;
        if (there % per_page)
            return;
    }
}

static enum tracer_status need(struct graph *graph, MDB_txn *txn, const struct id_table *table,
                               uint64_t chain_id, struct id_pages *pages, uint32_t id, struct error *err)
{
    struct record record;
    uint32_t number = id / table->per_record, first = number * table->per_record;
    if (ids_have(pages, id, table->per_record))
        return TRACER_OK;
    enum tracer_status status = get_ids(graph, txn, table, chain_id, first, id - first + 1, &record, err);
    if (status)
        return status;
    struct id_page *page = malloc(sizeof(*page) + record.size);
    if (!page || !grow_pages(pages, number + 1)) {
        free(page);
        return store_error(graph, err, TRACER_E_NOMEM, "no memory for ids");
    }
    page->count = (uint32_t)(record.size / table->size);
    memcpy(page->bytes, record.data, record.size);
    free(pages->pages[number]);
    pages->pages[number] = page;
    count_all(pages, table->per_record);
    graph->page_bytes += record.size;
    return TRACER_OK;
}

enum tracer_status ids_need_account(struct graph *graph, void *txn, struct chain *chain, uint32_t id,
                                    struct error *err)
{
    return need(graph, txn, &account_table, chain->id, &chain->account_pages, id, err);
}

enum tracer_status ids_need_asset(struct graph *graph, void *txn, struct chain *chain, uint32_t id,
                                  struct error *err)
{
    enum tracer_status status = need(graph, txn, &asset_table, chain->id, &chain->asset_pages, id, err);
    struct asset asset;
    const struct id_page *page;
    if (status)
        return status;
    page = chain->asset_pages.pages[id / ASSETS_PER_RECORD];
    if (!asset_decode(page->bytes + (size_t)(id % ASSETS_PER_RECORD) * ASSET_SIZE, &asset))
        return store_error(graph, err, TRACER_E_DAMAGED, "asset %u is none. Run: store verify, then restore",
                           id);
    return TRACER_OK;
}

struct address ids_account(const struct chain *chain, uint32_t id)
{
    struct address address;
    assert(ids_have(&chain->account_pages, id, ACCOUNTS_PER_RECORD));
    const struct id_page *page = chain->account_pages.pages[id / ACCOUNTS_PER_RECORD];
    memcpy(address.bytes, page->bytes + (size_t)(id % ACCOUNTS_PER_RECORD) * ACCOUNT_SIZE, ACCOUNT_SIZE);
    return address;
}

struct asset ids_asset(const struct chain *chain, uint32_t id)
{
    struct asset asset = {0};
    assert(ids_have(&chain->asset_pages, id, ASSETS_PER_RECORD));
    const struct id_page *page = chain->asset_pages.pages[id / ASSETS_PER_RECORD];
    bool decoded = asset_decode(page->bytes + (size_t)(id % ASSETS_PER_RECORD) * ASSET_SIZE, &asset);
    assert(decoded);
    (void)decoded;
    return asset;
}
