/* segment.c - pages of sorted runs: writing and reading them (segment.h). */
#include "segment.h"

#include <inttypes.h>
#include <xxhash.h>

#define PAGE_PAYLOAD (ONE_PAGE - CHECKSUM_SIZE)
#define PAGE_HEADER 12u
#define ENTRY_MAX (VARINT_MAX + VARINT_MAX) /* key and block */

int segment_compare(const struct segment_entry *a, const struct segment_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->block != b->block)
        return a->block < b->block ? -1 : 1;
    return 0;
}

uint64_t segment_hash_key(struct hash hash)
{
    return get_u64_big(hash.bytes) >> (64 - SEGMENT_KEY_BITS);
}

uint64_t segment_address_key(struct address address)
{
    return XXH3_64bits(address.bytes, sizeof(address.bytes)) >> (64 - SEGMENT_KEY_BITS);
}

static struct key page_key(uint64_t chain_id, uint32_t run, const struct segment_entry *entry)
{
    struct key key = key_of_chain(chain_id);
    key_u32(&key, run);
    key_u64(&key, entry->key);
    key_u64(&key, entry->block);
    return key;
}
#define RUN_PREFIX 12u
#define PAGE_KEY_SIZE 28u

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
    const uint8_t *end = writer->page + PAGE_PAYLOAD - ENTRY_MAX;
    const uint64_t base = writer->base;
    struct segment_entry last = writer->last;
    uint8_t *at = writer->at, *step = writer->step;
    uint64_t repeated = 0;
    size_t i = 0;
    for (; i < count && at <= end; i++) {
        const struct segment_entry entry = entries[i];
        if (entry.key != last.key) {
            step = put_short(at, entry.key - last.key);
            at = put_short(step, (entry.block - base) * 2);
        } else if (entry.block != last.block) {
            *step |= 1;
            step = at;
            at = put_short(at, (entry.block - last.block) * 2);
        } else {
            repeated++;
        }
        last = entry;
    }
    writer->at = at;
    writer->step = step;
    writer->last = last;
    writer->run.entries += i - repeated;
    return i;
}

static void begin_page(struct run_writer *writer, const struct segment_entry *entry)
{
    put_u64(writer->page, writer->base);
    put_u32(writer->page + 8, (uint32_t)writer->run.pages);
    writer->first = writer->last = *entry;
    writer->step = put_varint(writer->page + PAGE_HEADER, 0);
    writer->at = put_varint(writer->step, (entry->block - writer->base) * 2);
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
        if ((size_t)(writer->at - writer->page) + ENTRY_MAX > PAGE_PAYLOAD) {
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
    uint64_t key, step;
    const uint8_t *at = reader->at;
    if (!reader->more) {
        at = get_varint(at, reader->page_end, &key);
        if (!at)
            return false;
        reader->entry.key += key;
        reader->entry.block = reader->base;
    }
    at = get_varint(at, reader->page_end, &step);
    if (!at)
        return false;
    reader->entry.block += step >> 1;
    reader->more = step & 1;
    reader->at = at;
    return !reader->more || at < reader->page_end;
}

/* Pass over the blocks of the current key behind the current one, 8 bytes at a time: the last is the first varint whose lowest bit is 0. */
static bool skip_blocks(struct run_reader *reader)
{
    const uint64_t tops = 0x8080808080808080u;
    uint64_t begins = 0x80; /* bytes that begin a varint, by their top bits */
    const uint8_t *at = reader->at;
    while (reader->more && at < reader->page_end) {
        uint64_t word = get_u64(at), ends = ~word & tops, last, unused;
        last = (begins | ends << 8) & ~(word << 7);
        if (last == 0) {
            begins = ends >> 63 << 7;
            at += 8;
            continue;
        }
        unsigned first = (unsigned)__builtin_ctzll(last);
        ends &= ~UINT64_C(0) << first;
        at = ends ? at + (unsigned)__builtin_ctzll(ends) / 8 + 1 : get_varint(at + first / 8, reader->page_end, &unused);
        if (!at)
            return false;
        reader->more = false;
    }
    reader->at = at;
    reader->entry.block = UINT64_MAX; /* the last is not behind it */
    return at <= reader->page_end && !reader->more;
}

/* To the first entry of the page. */
static bool begin_entries(struct run_reader *reader)
{
    reader->at = reader->page + PAGE_HEADER;
    reader->entry = (struct segment_entry){.key = reader->first.key};
    reader->before = (struct segment_entry){0};
    reader->end = reader->more = false;
    return read_entry(reader);
}

/* Copy the page under the cursor and read its first entry. */
static enum tracer_status open_page(struct run_reader *reader, struct store_cursor *cursor, struct error *err)
{
    struct record record;
    enum tracer_status status = store_cursor_record(cursor, &record, err);
    if (status)
        return status;
    if (cursor->key_size != PAGE_KEY_SIZE || record.size < PAGE_HEADER || record.size > PAGE_PAYLOAD)
        return store_damaged(cursor->graph, TABLE_SEGMENT, cursor->key, cursor->key_size, err);
    reader->first = (struct segment_entry){get_u64_big(cursor->key + 12), get_u64_big(cursor->key + 20)};
    memcpy(reader->page, record.data, record.size);
    put_u64(reader->page + record.size, 0); /* skip_blocks() looks that far */
    reader->base = get_u64(reader->page);
    reader->number = get_u32(reader->page + 8);
    reader->page_end = reader->page + record.size;
    return begin_entries(reader) ? TRACER_OK : bad_page(reader, cursor->graph, err);
}

static enum tracer_status lost_page(const struct run_reader *reader, struct graph *graph, struct error *err)
{
    return store_error(graph, err, TRACER_E_DAMAGED,
                       "record missing (segment, chain %" PRIu64 ", run %" PRIu32
                       "). Nothing was answered. Run: store rebuild",
                       reader->chain_id, reader->run);
}

static bool in_run(const struct store_cursor *cursor, const struct key *key)
{
    return cursor->key_size == PAGE_KEY_SIZE && memcmp(cursor->key, key->bytes, RUN_PREFIX) == 0;
}

/* Which page of its run is under the cursor. */
static enum tracer_status page_number(struct store_cursor *cursor, uint64_t *ret_number, struct error *err)
{
    struct record record;
    enum tracer_status status = store_cursor_record(cursor, &record, err);
    if (!status && record.size < PAGE_HEADER)
        status = store_damaged(cursor->graph, TABLE_SEGMENT, cursor->key, cursor->key_size, err);
    *ret_number = status ? 0 : get_u32(record.data + 8);
    return status;
}

/* To the page that may have the first entry >= `key`: the last that does not begin behind it, or the first
 * one. The next page must be there, too, or the run be at its end. */
static enum tracer_status find_page(struct run_reader *reader, struct store_cursor *cursor,
                                    const struct key *key, struct error *err)
{
    uint64_t next = reader->pages, number;
    enum tracer_status status = store_cursor_move(cursor, MDB_SET_RANGE, key, err);
    bool none = status == TRACER_E_NOT_FOUND;
    reader->behind = (struct segment_entry){UINT64_MAX, UINT64_MAX};
    if (!status && in_run(cursor, key)) {
        status = page_number(cursor, &next, err);
        reader->behind = (struct segment_entry){get_u64_big(cursor->key + 12), get_u64_big(cursor->key + 20)};
        if (status || next == 0 || memcmp(cursor->key, key->bytes, PAGE_KEY_SIZE) == 0)
            return status;
    }
    if (!status || none)
        status = store_cursor_move(cursor, none ? MDB_LAST : MDB_PREV, NULL, err);
    if (status == TRACER_E_NOT_FOUND || (!status && !in_run(cursor, key)))
        return lost_page(reader, cursor->graph, err);
    if (!status)
        status = page_number(cursor, &number, err);
    return status || number + 1 == next ? status : lost_page(reader, cursor->graph, err);
}

/* The page behind the current one. */
static enum tracer_status next_page(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                    struct error *err)
{
    struct store_cursor cursor;
    struct key key = page_key(reader->chain_id, reader->run, &reader->first);
    const uint64_t number = reader->number + 1;
    if (number == reader->pages) {
        reader->end = true;
        return TRACER_OK;
    }
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_SEGMENT, &cursor, err);
    if (status)
        return status;
    status = store_cursor_move(&cursor, MDB_SET_RANGE, &key, err);
    if (!status)
        status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    reader->behind = reader->first; /* not looked for */
    if (!status && in_run(&cursor, &key))
        status = open_page(reader, &cursor, err);
    else if (!status)
        status = TRACER_E_NOT_FOUND;
    store_cursor_close(&cursor);
    if (status == TRACER_E_NOT_FOUND || (!status && reader->number != number))
        return lost_page(reader, graph, err);
    return status;
}

enum tracer_status run_reader_next(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                   struct error *err)
{
    reader->before = reader->entry;
    if (reader->at == reader->page_end)
        return next_page(reader, graph, txn, err);
    return read_entry(reader) ? TRACER_OK : bad_page(reader, graph, err);
}

static bool is_open(const struct run_reader *reader, const struct store_cursor *cursor)
{
    struct key key = page_key(reader->chain_id, reader->run, &reader->first);
    return !reader->end && cursor->key_size == key.size && memcmp(cursor->key, key.bytes, key.size) == 0;
}

/* From the current entry, which may be behind `from`. */
static enum tracer_status read_on(struct run_reader *reader, struct graph *graph, MDB_txn *txn, const struct segment_entry *from, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    while (!status && !reader->end && segment_compare(&reader->entry, from) < 0)
        status = reader->entry.key < from->key && !skip_blocks(reader) ? bad_page(reader, graph, err) : run_reader_next(reader, graph, txn, err);
    return status;
}

enum tracer_status run_reader_forward(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                      const struct segment_entry *from, struct error *err)
{
    struct store_cursor cursor;
    struct key key = page_key(reader->chain_id, reader->run, from);
    if (!reader->end && (segment_compare(&reader->entry, from) >= 0 || segment_compare(from, &reader->behind) < 0))
        return read_on(reader, graph, txn, from, err);
    enum tracer_status status = store_cursor_open(graph, txn, TABLE_SEGMENT, &cursor, err);
    if (status)
        return status;
    status = find_page(reader, &cursor, &key, err);
    if (!status && !is_open(reader, &cursor)) {
        reader->end = true;
        status = open_page(reader, &cursor, err);
    }
    store_cursor_close(&cursor);
    return status ? status : read_on(reader, graph, txn, from, err);
}

enum tracer_status run_reader_seek(struct run_reader *reader, struct graph *graph, MDB_txn *txn,
                                   uint64_t chain_id, const struct run *run, const struct segment_entry *from,
                                   struct error *err)
{
    reader->chain_id = chain_id;
    reader->run = run->id;
    reader->pages = run->pages;
    reader->end = true;
    return run_reader_forward(reader, graph, txn, from, err);
}

enum tracer_status run_reader_again(struct run_reader *reader, struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                    const struct run *run, const struct segment_entry *from, struct error *err)
{
    bool open = reader->pages && reader->run == run->id && segment_compare(&reader->first, from) <= 0 && segment_compare(from, &reader->behind) < 0;
    if (!open)
        return run_reader_seek(reader, graph, txn, chain_id, run, from, err);
    if (segment_compare(&reader->entry, from) >= 0 && (reader->end || segment_compare(&reader->before, from) >= 0) && !begin_entries(reader))
        return bad_page(reader, graph, err);
    return read_on(reader, graph, txn, from, err);
}
