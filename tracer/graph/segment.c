/* segment.c - pages of sorted runs: writing and reading them (segment.h). */
#include "segment.h"

#include <assert.h>
#include <xxhash.h>

#define PAGE_PAYLOAD (ONE_PAGE - CHECKSUM_SIZE)
#define GROUP_MAX (VARINT_MAX + 2 + VARINT_MAX + 5) /* key, size, one entry */

int segment_compare(const struct segment_entry *a, const struct segment_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->block != b->block)
        return a->block < b->block ? -1 : 1;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return 0;
}

uint64_t segment_hash_key(struct hash hash)
{
    return get_u64_big(hash.bytes) >> 16;
}

uint64_t segment_address_key(struct address address)
{
    return XXH3_64bits(address.bytes, sizeof(address.bytes)) >> 16;
}

static struct key page_key(uint64_t chain_id, uint32_t run, const struct segment_entry *entry)
{
    struct key key = key_of_chain(chain_id);
    key_u32(&key, run);
    key_u64(&key, entry->key);
    key_u64(&key, entry->block);
    key_u32(&key, entry->place);
    return key;
}
#define RUN_PREFIX 12u
#define PAGE_KEY_SIZE 32u

/* --- writing ----------------------------------------------------------------------------------------- */

void run_writer_begin(struct run_writer *writer, struct graph *graph, uint64_t chain_id,
                      struct run_list *list, enum run_kind kind, uint64_t base)
{
    writer->graph = graph;
    writer->chain_id = chain_id;
    writer->list = list;
    writer->run = (struct run){.id = list->next_id++, .kind = kind, .phase = RUN_UNFINISHED};
    writer->base = base;
    writer->at = writer->page;
    writer->group_size = NULL;
}

static void end_group(struct run_writer *writer)
{
    if (writer->group_size)
        put_u16(writer->group_size, (uint32_t)(writer->at - writer->group_size - 2));
    writer->group_size = NULL;
}

/* A long run spans transactions: until it is complete the directory calls it unfinished. */
static enum tracer_status commit_part(struct run_writer *writer, struct error *err)
{
    struct graph *graph = writer->graph;
    struct run_list list = *writer->list;
    if (graph->write_records < WRITE_RECORDS_SOFT && graph->write_bytes < WRITE_BYTES_SOFT)
        return TRACER_OK;
    if (list.count == RUNS_MAX)
        return store_error(graph, err, TRACER_E_INTERNAL, "too many runs");
    list.runs[list.count++] = writer->run;
    enum tracer_status status = store_put_runs(graph, writer->chain_id, &list, err);
    if (!status)
        status = store_write_commit(graph, err);
    return status ? status : store_write_begin(graph, err);
}

static enum tracer_status end_page(struct run_writer *writer, struct error *err)
{
    end_group(writer);
    if (writer->at == writer->page)
        return TRACER_OK;
    struct key key = page_key(writer->chain_id, writer->run.id, &writer->first);
    enum tracer_status status =
        store_put(writer->graph, TABLE_SEGMENT, &key, writer->page, (size_t)(writer->at - writer->page), err);
    writer->run.pages++;
    writer->at = writer->page;
    return status ? status : commit_part(writer, err);
}

/* A varint without branches for what is below 2^28; up to 4 bytes are touched, and the page has room. */
static inline uint8_t *put_short(uint8_t *to, uint64_t value)
{
    if (value >> 28)
        return put_varint(to, value);
    uint32_t v = (uint32_t)value, size = (38u - (uint32_t)__builtin_clz(v | 1)) / 7;
    uint32_t spread = (v & 0x7f) | (v & 0x3f80) << 1 | (v & 0x1fc000) << 2 | (v & 0xfe00000) << 3;
    put_u32(to, spread | (0x80808080u & ((1u << (size - 1) * 8) - 1)));
    return to + size;
}

/* Put entries on the page while they fit; the page has one already. Returns how many. */
static size_t fill_page(struct run_writer *writer, const struct segment_entry *entries, size_t count)
{
    const uint8_t *end = writer->page + PAGE_PAYLOAD - GROUP_MAX;
    const uint64_t base = writer->base;
    struct segment_entry last = writer->last;
    uint8_t *at = writer->at, *group = writer->group_size;
    uint64_t repeated = 0;
    size_t i = 0;
    for (; i < count && at <= end; i++) {
        const struct segment_entry entry = entries[i];
        if (entry.key != last.key) {
            put_u16(group, (uint32_t)(at - group - 2));
            group = put_short(at, entry.key - last.key);
            at = put_short(group + 2, entry.block - base);
            at = put_short(at, entry.place);
        } else if (entry.block != last.block) {
            at = put_short(at, entry.block - last.block);
            at = put_short(at, entry.place);
        } else if (entry.place != last.place) {
            *at = 0;
            at = put_short(at + 1, entry.place - last.place);
        } else {
            repeated++;
        }
        last = entry;
    }
    writer->at = at;
    writer->group_size = group;
    writer->last = last;
    writer->run.entries += i - repeated;
    return i;
}

static void begin_page(struct run_writer *writer, const struct segment_entry *entry)
{
    put_u64(writer->page, writer->base);
    writer->first = writer->last = *entry;
    writer->at = put_varint(writer->page + 8, 0);
    writer->group_size = writer->at;
    writer->at = put_varint(writer->at + 2, entry->block - writer->base);
    writer->at = put_varint(writer->at, entry->place);
    writer->run.entries++;
}

enum tracer_status run_writer_add(struct run_writer *writer, const struct segment_entry *entries,
                                  size_t count, struct error *err)
{
    while (count > 0) {
        size_t done = 1;
        if (writer->at == writer->page)
            begin_page(writer, entries);
        else
            done = fill_page(writer, entries, count);
        entries += done;
        count -= done;
        if (count == 0)
            break;
        if ((size_t)(writer->at - writer->page) + GROUP_MAX > PAGE_PAYLOAD) {
            if (segment_compare(&writer->last, entries) == 0) { /* it does not begin the next page either */
                entries++;
                count--;
                continue;
            }
            enum tracer_status status = end_page(writer, err);
            if (status)
                return status;
        }
    }
    return TRACER_OK;
}

enum tracer_status run_writer_end(struct run_writer *writer, struct error *err)
{
    enum tracer_status status = end_page(writer, err);
    if (status)
        return status;
    if (writer->run.pages == 0)
        return TRACER_OK; /* nothing to find in it */
    if (writer->list->count == RUNS_MAX)
        return store_error(writer->graph, err, TRACER_E_INTERNAL, "too many runs");
    writer->run.phase = RUN_LIVE;
    writer->list->runs[writer->list->count++] = writer->run;
    return TRACER_OK;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static enum tracer_status bad_page(struct run_reader *reader, struct graph *graph, struct error *err)
{
    struct key key = page_key(reader->chain_id, reader->run, &reader->first);
    return store_damaged(graph, TABLE_SEGMENT, key.bytes, key.size, err);
}

/* Read the entry behind reader->at; false: the page is damaged. At its end `at` is page_end before. */
static bool read_entry(struct run_reader *reader)
{
    uint64_t step, place;
    const uint8_t *at = reader->at;
    struct segment_entry entry = reader->entry;
    bool new_group = at == reader->group_end;
    if (new_group) {
        uint64_t key;
        at = get_varint(at, reader->page_end, &key);
        if (!at || reader->page_end - at < 2)
            return false;
        entry.key += key;
        size_t size = get_u16(at);
        at += 2;
        if (size > (size_t)(reader->page_end - at))
            return false;
        reader->group_end = at + size;
    }
    at = get_varint(at, reader->group_end, &step);
    if (at)
        at = get_varint(at, reader->group_end, &place);
    if (!at || place > UINT32_MAX)
        return false;
    entry.block = new_group ? reader->base + step : entry.block + step;
    entry.place = (uint32_t)place + (!new_group && step == 0 ? entry.place : 0);
    reader->entry = entry;
    reader->at = at;
    return true;
}

/* Copy the page under the cursor and read its first entry. */
static enum tracer_status open_page(struct run_reader *reader, struct store_cursor *cursor, struct error *err)
{
    struct record record;
    enum tracer_status status = store_cursor_record(cursor, &record, err);
    if (status)
        return status;
    if (cursor->key_size != PAGE_KEY_SIZE || record.size < 8 || record.size > PAGE_PAYLOAD)
        return store_damaged(cursor->graph, TABLE_SEGMENT, cursor->key, cursor->key_size, err);
    reader->first = (struct segment_entry){get_u64_big(cursor->key + 12), get_u64_big(cursor->key + 20),
                                           get_u32_big(cursor->key + 28)};
    memcpy(reader->page, record.data, record.size);
    reader->base = get_u64(reader->page);
    reader->at = reader->group_end = reader->page + 8;
    reader->page_end = reader->page + record.size;
    reader->entry = (struct segment_entry){.key = reader->first.key};
    reader->end = false;
    return read_entry(reader) ? TRACER_OK : bad_page(reader, cursor->graph, err);
}

/* The page behind the current one. */
static enum tracer_status next_page(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                    struct error *err)
{
    struct store_cursor cursor;
    struct key key = page_key(reader->chain_id, reader->run, &reader->first);
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_SEGMENT, &cursor, err);
    if (status)
        return status;
    status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    if (!status && cursor.key_size == key.size && memcmp(cursor.key, key.bytes, key.size) == 0)
        status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    if (!status && (cursor.key_size < RUN_PREFIX || memcmp(cursor.key, key.bytes, RUN_PREFIX) != 0))
        status = TRACER_E_NOT_FOUND;
    if (!status)
        status = open_page(reader, &cursor, err);
    store_cursor_close(&cursor);
    if (status == TRACER_E_NOT_FOUND) {
        reader->end = true;
        return TRACER_OK;
    }
    return status;
}

enum tracer_status run_reader_next(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                   struct error *err)
{
    if (reader->at == reader->page_end)
        return next_page(reader, graph, txn, err);
    return read_entry(reader) ? TRACER_OK : bad_page(reader, graph, err);
}

/* Pass over whole groups of smaller keys without reading their entries. */
static enum tracer_status skip_groups(struct run_reader *reader, struct graph *graph, uint64_t key,
                                      struct error *err)
{
    while (reader->entry.key < key && reader->group_end < reader->page_end) {
        reader->at = reader->group_end;
        if (!read_entry(reader))
            return bad_page(reader, graph, err);
    }
    return TRACER_OK;
}

static bool is_open(const struct run_reader *reader, const struct store_cursor *cursor)
{
    struct key key = page_key(reader->chain_id, reader->run, &reader->first);
    return !reader->end && cursor->key_size == key.size && memcmp(cursor->key, key.bytes, key.size) == 0;
}

enum tracer_status run_reader_forward(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                      const struct segment_entry *from, struct error *err)
{
    struct store_cursor cursor;
    struct key key = page_key(reader->chain_id, reader->run, from);
    if (!reader->end && segment_compare(&reader->entry, from) >= 0)
        return TRACER_OK;
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_SEGMENT, &cursor, err);
    if (status)
        return status;
    status = store_cursor_floor(&cursor, &key, RUN_PREFIX, err);
    if (status == TRACER_E_NOT_FOUND) {
        status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
        if (!status && (cursor.key_size < RUN_PREFIX || memcmp(cursor.key, key.bytes, RUN_PREFIX) != 0))
            status = TRACER_E_NOT_FOUND;
    }
    if (!status && !is_open(reader, &cursor)) {
        reader->end = true;
        status = open_page(reader, &cursor, err);
    }
    store_cursor_close(&cursor);
    if (status)
        return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
    status = skip_groups(reader, graph, from->key, err);
    while (!status && !reader->end && segment_compare(&reader->entry, from) < 0)
        status = run_reader_next(reader, graph, txn, err);
    return status;
}

enum tracer_status run_reader_seek(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                   uint64_t chain_id, uint32_t run, const struct segment_entry *from,
                                   struct error *err)
{
    reader->chain_id = chain_id;
    reader->run = run;
    reader->end = true;
    return run_reader_forward(reader, graph, txn, from, err);
}
