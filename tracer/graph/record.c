/* record.c - keys, checksums and the small records of the store (record.h). */
#include "record.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <xxhash.h>

const char *table_name(enum table table)
{
    static const char *const names[TABLE_COUNT] = {
#define X(id, name) name,
        TABLE_LIST(X)
#undef X
    };
    return names[table];
}

#define HUGE_PAGE TRACER_MIB(2)

void *large_alloc(size_t size)
{
    if (size < 2 * HUGE_PAGE)
        return malloc(size);
    void *memory = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    if (memory)
        madvise(memory, size, MADV_HUGEPAGE); /* a wish: random access costs fewer page walks */
    return memory;
}

void write_bytes(struct writer *writer, const void *from, size_t size)
{
    if (writer->bad || size > (size_t)(writer->end - writer->at)) {
        writer->bad = true;
        return;
    }
    memcpy(writer->at, from, size);
    writer->at += size;
}

void write_u8(struct writer *writer, uint32_t value)
{
    uint8_t byte = (uint8_t)value;
    write_bytes(writer, &byte, 1);
}

void write_u32(struct writer *writer, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    write_bytes(writer, bytes, sizeof(bytes));
}

void write_u64(struct writer *writer, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    write_bytes(writer, bytes, sizeof(bytes));
}

void write_text(struct writer *writer, const char *text)
{
    uint8_t bytes[2];
    size_t size = strlen(text);
    if (size > UINT16_MAX) {
        writer->bad = true;
        return;
    }
    put_u16(bytes, (uint32_t)size);
    write_bytes(writer, bytes, sizeof(bytes));
    write_bytes(writer, text, size);
}

void read_bytes(struct reader *reader, void *to, size_t size)
{
    if (reader->bad || size > (size_t)(reader->end - reader->at)) {
        reader->bad = true;
        memset(to, 0, size);
        return;
    }
    memcpy(to, reader->at, size);
    reader->at += size;
}

uint32_t read_u8(struct reader *reader)
{
    uint8_t byte;
    read_bytes(reader, &byte, 1);
    return byte;
}

uint32_t read_u32(struct reader *reader)
{
    uint8_t bytes[4];
    read_bytes(reader, bytes, sizeof(bytes));
    return get_u32(bytes);
}

uint64_t read_u64(struct reader *reader)
{
    uint8_t bytes[8];
    read_bytes(reader, bytes, sizeof(bytes));
    return get_u64(bytes);
}

void read_text(struct reader *reader, char *to, size_t size)
{
    uint8_t bytes[2];
    read_bytes(reader, bytes, sizeof(bytes));
    size_t length = get_u16(bytes);
    to[0] = '\0';
    if (length >= size) {
        reader->bad = true;
        return;
    }
    read_bytes(reader, to, length);
    to[length] = '\0';
}

bool reader_done(const struct reader *reader)
{
    return !reader->bad && reader->at == reader->end;
}

void key_begin(struct key *key)
{
    key->size = 0;
}

void key_bytes(struct key *key, const void *from, size_t size)
{
    assert(size <= KEY_SIZE_MAX - key->size);
    memcpy(key->bytes + key->size, from, size);
    key->size += size;
}

void key_u8(struct key *key, uint32_t value)
{
    uint8_t byte = (uint8_t)value;
    key_bytes(key, &byte, 1);
}

void key_u32(struct key *key, uint32_t value)
{
    uint32_t big = htobe32(value);
    key_bytes(key, &big, sizeof(big));
}

void key_u64(struct key *key, uint64_t value)
{
    uint64_t big = htobe64(value);
    key_bytes(key, &big, sizeof(big));
}

struct key key_of_chain(uint64_t chain_id)
{
    struct key key;
    key_begin(&key);
    key_u64(&key, chain_id);
    return key;
}

struct key key_of_block(uint64_t chain_id, uint64_t number)
{
    struct key key = key_of_chain(chain_id);
    key_u64(&key, number);
    return key;
}

struct key key_of_meta(const char *name)
{
    struct key key;
    key_begin(&key);
    key_bytes(&key, name, strlen(name));
    return key;
}

struct key key_of_meta_chain(const char *name, uint64_t chain_id)
{
    struct key key = key_of_meta(name);
    key_u64(&key, chain_id);
    return key;
}

uint64_t record_checksum(enum table table, const void *key, size_t key_size, const void *data, size_t size)
{
    uint64_t seed = XXH3_64bits_withSeed(key, key_size, (XXH64_hash_t)table + 1);
    return XXH3_64bits_withSeed(data, size, seed);
}

void record_seal(enum table table, const void *key, size_t key_size, uint8_t *data, size_t size)
{
    put_u64(data + size, record_checksum(table, key, key_size, data, size));
}

bool record_open(enum table table, const void *key, size_t key_size, const void *data, size_t size,
                 size_t *ret_size)
{
    if (size < CHECKSUM_SIZE)
        return false;
    size -= CHECKSUM_SIZE;
    if (get_u64((const uint8_t *)data + size) != record_checksum(table, key, key_size, data, size))
        return false;
    *ret_size = size;
    return true;
}

size_t store_record_encode(const struct store_record *record, uint8_t to[static STORE_RECORD_MAX])
{
    struct writer writer = {to, to + STORE_RECORD_MAX, false};
    write_bytes(&writer, STORE_MAGIC, 8);
    write_u32(&writer, record->schema);
    write_u64(&writer, record->created);
    write_u8(&writer, record->clean);
    write_text(&writer, STORE_TOOL);
    assert(!writer.bad);
    return (size_t)(writer.at - to);
}

bool store_record_decode(const uint8_t *from, size_t size, struct store_record *ret_record)
{
    struct reader reader = {from, from + size, false};
    char magic[8], tool[64];
    read_bytes(&reader, magic, sizeof(magic));
    if (reader.bad || memcmp(magic, STORE_MAGIC, sizeof(magic)) != 0)
        return false;
    ret_record->schema = read_u32(&reader);
    ret_record->created = read_u64(&reader);
    ret_record->clean = read_u8(&reader) != 0;
    if (ret_record->schema > STORE_SCHEMA)
        return !reader.bad;
    read_text(&reader, tool, sizeof(tool));
    return reader_done(&reader);
}

size_t block_record_encode(const struct block_record *record, uint8_t to[static BLOCK_RECORD_MAX])
{
    const struct hash *hashes[] = {&record->hash, &record->parent_hash, &record->state_root,
                                   &record->transactions_root, &record->receipts_root};
    struct writer writer = {to, to + BLOCK_RECORD_MAX, false};
    uint32_t known = 0;
    for (unsigned i = 0; i < 5; i++)
        known |= (uint32_t)!hash_is_zero(*hashes[i]) << i;
    write_u8(&writer, known);
    for (unsigned i = 0; i < 5; i++)
        if (known >> i & 1)
            write_bytes(&writer, hashes[i]->bytes, sizeof(hashes[i]->bytes));
    write_u64(&writer, record->time);
    write_u8(&writer, record->grade);
    write_u8(&writer, (uint32_t)record->internals | (uint32_t)record->order << 4 | (uint32_t)record->rewards_asserted << 5);
    write_u32(&writer, record->undecoded_count);
    write_u32(&writer, record->transaction_count);
    write_u32(&writer, record->transfer_count);
    write_u64(&writer, record->digest.low);
    write_u64(&writer, record->digest.high);
    assert(!writer.bad);
    return (size_t)(writer.at - to);
}

bool block_record_decode(const uint8_t *from, size_t size, struct block_record *ret_record)
{
    struct block_record record = {0};
    struct hash *hashes[] = {&record.hash, &record.parent_hash, &record.state_root, &record.transactions_root,
                             &record.receipts_root};
    struct reader reader = {from, from + size, false};
    uint32_t known = read_u8(&reader);
    for (unsigned i = 0; i < 5; i++)
        if (known >> i & 1)
            read_bytes(&reader, hashes[i]->bytes, sizeof(hashes[i]->bytes));
    record.time = read_u64(&reader);
    uint32_t grade = read_u8(&reader), flags = read_u8(&reader);
    record.undecoded_count = read_u32(&reader);
    record.transaction_count = read_u32(&reader);
    record.transfer_count = read_u32(&reader);
    record.digest.low = read_u64(&reader);
    record.digest.high = read_u64(&reader);
    if (!reader_done(&reader) || known > 31 || grade >= GRADE_COUNT || (flags & 15) > INTERNALS_ALL ||
        flags >> 6)
        return false;
    record.grade = (enum grade)grade;
    record.internals = (enum internals)(flags & 15);
    record.order = (enum row_order)(flags >> 4 & 1);
    record.rewards_asserted = flags >> 5 & 1;
    *ret_record = record;
    return true;
}

size_t network_encode(const struct graph_network *network, uint8_t to[static NETWORK_RECORD_MAX])
{
    struct writer writer = {to, to + NETWORK_RECORD_MAX, false};
    write_text(&writer, network->name);
    write_u64(&writer, network->anchor_number);
    write_bytes(&writer, network->anchor_hash.bytes, sizeof(network->anchor_hash.bytes));
    write_u8(&writer, (uint32_t)network->imported | (uint32_t)network->time_keys << 1);
    assert(!writer.bad);
    return (size_t)(writer.at - to);
}

bool network_decode(uint64_t chain_id, const uint8_t *from, size_t size, struct graph_network *ret_network)
{
    struct graph_network network = {.chain_id = chain_id};
    struct reader reader = {from, from + size, false};
    read_text(&reader, network.name, sizeof(network.name));
    network.anchor_number = read_u64(&reader);
    read_bytes(&reader, network.anchor_hash.bytes, sizeof(network.anchor_hash.bytes));
    uint32_t flags = read_u8(&reader);
    network.imported = flags & 1;
    network.time_keys = flags >> 1 & 1;
    if (!reader_done(&reader) || flags > 3)
        return false;
    *ret_network = network;
    return true;
}

size_t chain_state_encode(const struct chain_state *state, uint8_t to[static CHAIN_STATE_MAX])
{
    struct writer writer = {to, to + CHAIN_STATE_MAX, false};
    const uint64_t fields[] = {state->first,        state->last,      state->count,      state->whole_to,
                               state->transactions, state->transfers, state->generation, state->accounts,
                               state->assets,       state->fresh_rows};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        write_u64(&writer, fields[i]);
    write_u32(&writer, state->fresh_count);
    for (uint32_t i = 0; i < state->fresh_count; i++) {
        write_u64(&writer, state->fresh[i].first);
        write_u64(&writer, state->fresh[i].last);
    }
    write_u8(&writer, state->wide_amounts);
    assert(!writer.bad);
    return (size_t)(writer.at - to);
}

bool chain_state_decode(const uint8_t *from, size_t size, struct chain_state *ret_state)
{
    struct reader reader = {from, from + size, false};
    struct chain_state *state = ret_state;
    uint64_t *const fields[] = {&state->first,        &state->last,      &state->count,     &state->whole_to,
                                &state->transactions, &state->transfers, &state->generation};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        *fields[i] = read_u64(&reader);
    uint64_t accounts = read_u64(&reader), assets = read_u64(&reader);
    state->fresh_rows = read_u64(&reader);
    state->fresh_count = read_u32(&reader);
    if (reader.bad || accounts > UINT32_MAX || assets > UINT32_MAX || state->fresh_count > FRESH_RANGES_MAX)
        return false;
    state->accounts = (uint32_t)accounts;
    state->assets = (uint32_t)assets;
    for (uint32_t i = 0; i < state->fresh_count; i++) {
        state->fresh[i].first = read_u64(&reader);
        state->fresh[i].last = read_u64(&reader);
    }
    state->wide_amounts = true; /* stores that are older than this do not say */
    if (reader.at < reader.end)
        state->wide_amounts = read_u8(&reader);
    return reader_done(&reader);
}

/* Where the range of `number` is, or would be put. */
static uint32_t fresh_slot(const struct chain_state *state, uint64_t number)
{
    uint32_t at = state->fresh_count;
    while (at > 0 && state->fresh[at - 1].first > number)
        at--;
    return at;
}

bool chain_state_add_fresh(struct chain_state *state, uint64_t number, uint64_t rows)
{
    uint32_t at = fresh_slot(state, number); /* ranges below `at` begin at or before the number */
    struct block_range *before = at > 0 ? &state->fresh[at - 1] : NULL;
    struct block_range *after = at < state->fresh_count ? &state->fresh[at] : NULL;
    if (before && number <= before->last) {
        /* inside already */
    } else if (before && number == before->last + 1) {
        before->last = number;
        if (after && after->first == number + 1) {
            before->last = after->last;
            state->fresh_count--;
            memmove(after, after + 1, (state->fresh_count - at) * sizeof(*after));
        }
    } else if (after && after->first == number + 1) {
        after->first = number;
    } else if (state->fresh_count < FRESH_RANGES_MAX) {
        memmove(&state->fresh[at + 1], &state->fresh[at], (state->fresh_count - at) * sizeof(*after));
        state->fresh[at] = (struct block_range){number, number};
        state->fresh_count++;
    } else {
        return false;
    }
    state->fresh_rows += rows;
    return true;
}

size_t run_list_encode(const struct run_list *list, uint8_t to[static RUN_LIST_MAX])
{
    struct writer writer = {to, to + RUN_LIST_MAX, false};
    write_u32(&writer, list->next_id);
    write_u32(&writer, list->addressed);
    write_u32(&writer, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct run *run = &list->runs[i];
        write_u32(&writer, run->id);
        write_u8(&writer, run->kind);
        write_u8(&writer, run->phase);
        write_u64(&writer, run->entries);
        write_u64(&writer, run->pages);
    }
    assert(!writer.bad);
    return (size_t)(writer.at - to);
}

bool run_list_decode(const uint8_t *from, size_t size, struct run_list *ret_list)
{
    struct reader reader = {from, from + size, false};
    ret_list->next_id = read_u32(&reader);
    ret_list->addressed = read_u32(&reader);
    ret_list->count = read_u32(&reader);
    if (reader.bad || ret_list->count > RUNS_MAX)
        return false;
    for (uint32_t i = 0; i < ret_list->count; i++) {
        struct run *run = &ret_list->runs[i];
        run->id = read_u32(&reader);
        uint32_t kind = read_u8(&reader), phase = read_u8(&reader);
        run->entries = read_u64(&reader);
        run->pages = read_u64(&reader);
        if (kind >= RUN_KIND_COUNT || phase > RUN_DEAD)
            return false;
        run->kind = (enum run_kind)kind;
        run->phase = (enum run_phase)phase;
    }
    return reader_done(&reader);
}

void asset_encode(const struct asset *asset, uint8_t to[static ASSET_SIZE])
{
    to[0] = (uint8_t)asset->kind;
    memcpy(to + 1, asset->contract.bytes, sizeof(asset->contract.bytes));
    u256_to_bytes(asset->id, to + 21);
}

bool asset_decode(const uint8_t from[static ASSET_SIZE], struct asset *ret_asset)
{
    if (from[0] > ASSET_ITEM)
        return false;
    ret_asset->kind = (enum asset_kind)from[0];
    memcpy(ret_asset->contract.bytes, from + 1, sizeof(ret_asset->contract.bytes));
    ret_asset->id = u256_from_bytes(from + 21, 32);
    return true;
}
