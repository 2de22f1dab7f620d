/* coverage.c - what stands beside the transfers: opening balances, the completeness ledger, named items. */
#include "tracer/buffer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

#include "store.h"

/* --- opening balances -------------------------------------------------------------------------------- */

#define OPENING_MAX (32u + 1u + 2u + TRACER_ENDPOINT_NAME_MAX)

static enum tracer_status put_opening(struct graph *graph, struct chain *chain,
                                      const struct graph_opening *opening, struct error *err)
{
    uint8_t bytes[OPENING_MAX], amount[32], asset_bytes[ASSET_SIZE];
    struct writer writer = {bytes, bytes + sizeof(bytes), false};
    uint32_t account, asset;
    if (opening->block_number > INT64_MAX || (unsigned)opening->grade >= GRADE_COUNT ||
        (unsigned)opening->asset.kind > ASSET_ITEM ||
        !memchr(opening->endpoint, '\0', sizeof(opening->endpoint)) || address_is_void(opening->account))
        return store_error(graph, err, TRACER_E_USAGE, "an opening balance is out of range");
    asset_encode(&opening->asset, asset_bytes);
    if (!intern_add(&chain->accounts, opening->account.bytes,
                    intern_hash(&chain->accounts, opening->account.bytes), &account) ||
        !intern_add(&chain->assets, asset_bytes, intern_hash(&chain->assets, asset_bytes), &asset))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory for ids, or all ids are taken");
    struct key key = key_of_block(chain->id, opening->block_number);
    key_u32(&key, account);
    key_u32(&key, asset);
    u256_to_bytes(opening->amount, amount);
    write_bytes(&writer, amount, sizeof(amount));
    write_u8(&writer, opening->grade);
    write_text(&writer, opening->endpoint);
    assert(!writer.bad);
    return store_put(graph, TABLE_OPENING, &key, bytes, (size_t)(writer.at - bytes), err);
}

static enum tracer_status put_openings(struct graph *graph, uint64_t chain_id,
                                       const struct graph_opening *openings, size_t count, bool own,
                                       struct error *err)
{
    struct chain *chain;
    enum tracer_status status = store_load_chain(graph, chain_id, &chain, err);
    if (status)
        return status;
    chain->changed = true;
    status = ids_load(graph, chain, err);
    chain->state.generation += count > 0;
    for (size_t i = 0; !status && i < count; i++) {
        if (own && graph->write_records >= WRITE_RECORDS_SOFT) {
            status = store_write_commit(graph, err);
            if (!status)
                status = store_write_begin(graph, err);
            chain->changed = true;
        }
        if (!status)
            status = put_opening(graph, chain, &openings[i], err);
    }
    return status;
}

enum tracer_status graph_put_opening(struct graph *graph, uint64_t chain_id,
                                     const struct graph_opening *openings, size_t count, struct error *err)
{
    bool own;
    enum tracer_status status = store_join(graph, &own, err);
    if (status)
        return status;
    status = put_openings(graph, chain_id, openings, count, own, err);
    return store_leave(graph, own, status, err);
}

/* --- completeness ledger ----------------------------------------------------------------------------- */

#define COVERAGE_MAX 1024u

/* Two statements about the same account and first block are the same if what, strategy and endpoint are: the
 * newer one replaces the older. */
static uint64_t identity(const struct graph_coverage *coverage)
{
    char text[sizeof(coverage->what) + sizeof(coverage->strategy) + sizeof(coverage->endpoint)];
    size_t size = 0;
    const char *const parts[] = {coverage->what, coverage->strategy, coverage->endpoint};
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(parts[i]) + 1;
        memcpy(text + size, parts[i], length);
        size += length;
    }
    return XXH3_64bits(text, size);
}

static bool texts_end(const struct graph_coverage *coverage)
{
    return memchr(coverage->what, '\0', sizeof(coverage->what)) &&
           memchr(coverage->strategy, '\0', sizeof(coverage->strategy)) &&
           memchr(coverage->endpoint, '\0', sizeof(coverage->endpoint)) &&
           memchr(coverage->method, '\0', sizeof(coverage->method)) &&
           memchr(coverage->cross_check, '\0', sizeof(coverage->cross_check)) &&
           memchr(coverage->gap, '\0', sizeof(coverage->gap));
}

enum tracer_status graph_put_coverage(struct graph *graph, uint64_t chain_id,
                                      const struct graph_coverage *coverage, struct error *err)
{
    uint8_t bytes[COVERAGE_MAX];
    struct writer writer = {bytes, bytes + sizeof(bytes), false};
    bool own;
    if (!texts_end(coverage) || (unsigned)coverage->grade >= GRADE_COUNT || coverage->first > coverage->last)
        return store_error(graph, err, TRACER_E_USAGE, "a coverage record is out of range");
    struct key key = key_of_chain(chain_id);
    key_bytes(&key, coverage->account.bytes, sizeof(coverage->account.bytes));
    key_u64(&key, coverage->first);
    key_u64(&key, identity(coverage));
    write_u64(&writer, coverage->last);
    write_u64(&writer, coverage->rows);
    write_u8(&writer, coverage->grade);
    const char *const texts[] = {coverage->what,   coverage->strategy,    coverage->endpoint,
                                 coverage->method, coverage->cross_check, coverage->gap};
    for (int i = 0; i < 6; i++)
        write_text(&writer, texts[i]);
    assert(!writer.bad);
    enum tracer_status status = store_join(graph, &own, err);
    if (status)
        return status;
    status = store_put(graph, TABLE_COVERAGE, &key, bytes, (size_t)(writer.at - bytes), err);
    return store_leave(graph, own, status, err);
}

static bool decode_coverage(const uint8_t *key, size_t key_size, const struct record *record,
                            struct graph_coverage *ret_coverage)
{
    struct reader reader = {record->data, record->data + record->size, false};
    if (key_size != 44)
        return false;
    memcpy(ret_coverage->account.bytes, key + 8, sizeof(ret_coverage->account.bytes));
    ret_coverage->first = get_u64_big(key + 28);
    ret_coverage->last = read_u64(&reader);
    ret_coverage->rows = read_u64(&reader);
    uint32_t grade = read_u8(&reader);
    read_text(&reader, ret_coverage->what, sizeof(ret_coverage->what));
    read_text(&reader, ret_coverage->strategy, sizeof(ret_coverage->strategy));
    read_text(&reader, ret_coverage->endpoint, sizeof(ret_coverage->endpoint));
    read_text(&reader, ret_coverage->method, sizeof(ret_coverage->method));
    read_text(&reader, ret_coverage->cross_check, sizeof(ret_coverage->cross_check));
    read_text(&reader, ret_coverage->gap, sizeof(ret_coverage->gap));
    if (!reader_done(&reader) || grade >= GRADE_COUNT)
        return false;
    ret_coverage->grade = (enum grade)grade;
    return true;
}

/* A page that lost records gives those that are left without an error: there must be as many as the table says. */
static enum tracer_status all_are_there(struct graph *graph, enum table table, size_t count, size_t wanted, struct error *err)
{
    if (count >= wanted)
        return TRACER_OK;
    return store_error(graph, err, TRACER_E_DAMAGED, "damaged: table %s has %zu of %zu records. Nothing was answered. Restore a backup", table_name(table), count,
                       wanted);
}

/* Copy all records with the prefix out, so that no snapshot is held while the visitor runs. Of a whole chain all records of
 * the table are walked, so that none can be missing. */
static enum tracer_status read_coverage(struct graph *graph, const struct key *prefix, bool whole_chain,
                                        struct graph_coverage **ret_records, size_t *ret_count,
                                        struct error *err)
{
    MDB_txn *txn;
    struct store_cursor cursor = {0};
    struct graph_coverage *records = NULL;
    size_t count = 0, capacity = 0, walked = 0;
    MDB_stat stat = {0};
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    if (whole_chain && mdb_stat(txn, graph->tables[TABLE_COVERAGE], &stat))
        status = store_damaged(graph, TABLE_COVERAGE, prefix->bytes, prefix->size, err);
    if (!status)
        status = store_cursor_open(graph, txn, TABLE_COVERAGE, &cursor, err);
    if (!status)
        status = whole_chain ? store_cursor_move(&cursor, MDB_FIRST, NULL, err) : store_cursor_move(&cursor, MDB_SET_RANGE, prefix, err);
    for (; !status && (whole_chain || store_cursor_in(&cursor, prefix)); walked++) {
        struct record record;
        if (!store_cursor_in(&cursor, prefix)) {
            status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
            continue;
        }
        if (count == capacity) {
            struct graph_coverage *grown = realloc(records, (capacity = capacity * 2 + 16) * sizeof(*grown));
            if (!grown) {
                status = store_error(graph, err, TRACER_E_NOMEM, "no memory for coverage records");
                break;
            }
            records = grown;
        }
        status = store_cursor_record(&cursor, &record, err);
        if (!status && !decode_coverage(cursor.key, cursor.key_size, &record, &records[count++]))
            status = store_damaged(graph, TABLE_COVERAGE, cursor.key, cursor.key_size, err);
        if (!status)
            status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    }
    store_cursor_close(&cursor);
    store_read_end(graph);
    *ret_records = records;
    *ret_count = count;
    if (status && status != TRACER_E_NOT_FOUND)
        return status;
    return all_are_there(graph, TABLE_COVERAGE, walked, stat.ms_entries, err);
}

enum tracer_status graph_each_coverage(struct graph *graph, uint64_t chain_id, const struct address *account,
                                       graph_coverage_fn *visit, void *context, struct error *err)
{
    struct graph_coverage *records = NULL;
    size_t count = 0;
    struct key prefix = key_of_chain(chain_id);
    if (account)
        key_bytes(&prefix, account->bytes, sizeof(account->bytes));
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = read_coverage(graph, &prefix, !account, &records, &count, err);
    for (size_t i = 0; !status && i < count; i++)
        status = visit(context, &records[i], err);
    free(records);
    return status;
}

/* --- named items ------------------------------------------------------------------------------------- */

static enum table item_table(enum graph_item item)
{
    return item == GRAPH_ITEM_ENDPOINT ? TABLE_ENDPOINT : TABLE_LIST;
}

static enum tracer_status item_key(const struct graph *graph, const char *name, struct key *ret_key,
                                   struct error *err)
{
    size_t length = strlen(name);
    if (length == 0 || length > KEY_SIZE_MAX)
        return store_error(graph, err, TRACER_E_USAGE, "the name of an item has %zu bytes (1 to %u)", length,
                           KEY_SIZE_MAX);
    *ret_key = key_of_meta(name);
    return TRACER_OK;
}

enum tracer_status graph_put_item(struct graph *graph, enum graph_item item, const char *name,
                                  const void *data, size_t size, struct error *err)
{
    struct key key;
    bool own;
    enum tracer_status status = item_key(graph, name, &key, err);
    if (!status && size > WRITE_BYTES_MAX - TRACER_MIB(1))
        status = store_error(graph, err, TRACER_E_LIMIT, "item \"%.80s\" has %zu bytes (at most %zu)", name,
                             size, WRITE_BYTES_MAX - TRACER_MIB(1));
    if (!status)
        status = store_join(graph, &own, err);
    if (status)
        return status;
    status = store_put(graph, item_table(item), &key, data, size, err);
    return store_leave(graph, own, status, err);
}

enum tracer_status graph_get_item(struct graph *graph, enum graph_item item, const char *name,
                                  struct buffer *ret_data, struct error *err)
{
    MDB_txn *txn;
    struct key key;
    struct record record;
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = item_key(graph, name, &key, err);
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_get(graph, txn, item_table(item), &key, &record, err);
    if (!status && record.size > ret_data->size_max - ret_data->size)
        status = store_error(graph, err, TRACER_E_LIMIT, "item \"%.80s\" has %zu bytes: more than asked for",
                             name, record.size);
    if (!status && !buffer_add(ret_data, record.data, record.size))
        status = store_error(graph, err, TRACER_E_NOMEM, "no memory for item \"%.80s\"", name);
    store_read_end(graph);
    if (status == TRACER_E_NOT_FOUND)
        return store_error(graph, err, TRACER_E_NOT_FOUND, "%s \"%.80s\" is not stored",
                           table_name(item_table(item)), name);
    return status;
}

/* The item behind `key` (or the first, if its size is 0), and how many there are now. NOT_FOUND at the end. */
static enum tracer_status next_item(struct graph *graph, enum table table, struct key *key, size_t *ret_size,
                                    size_t *ret_entries, struct error *err)
{
    MDB_txn *txn;
    MDB_stat stat = {0};
    struct store_cursor cursor = {0};
    struct record record;
    enum tracer_status status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = mdb_stat(txn, graph->tables[table], &stat) ? store_damaged(graph, table, key->bytes, key->size, err)
                                                        : store_cursor_open(graph, txn, table, &cursor, err);
    *ret_entries = stat.ms_entries;
    if (!status)
        status = key->size ? store_cursor_move(&cursor, MDB_SET_RANGE, key, err)
                           : store_cursor_move(&cursor, MDB_FIRST, NULL, err);
    if (!status && key->size && cursor.key_size == key->size &&
        memcmp(cursor.key, key->bytes, key->size) == 0)
        status = store_cursor_move(&cursor, MDB_NEXT, NULL, err);
    if (!status)
        status = store_cursor_record(&cursor, &record, err);
    if (!status && cursor.key_size <= KEY_SIZE_MAX) {
        key_begin(key);
        key_bytes(key, cursor.key, cursor.key_size);
        *ret_size = record.size;
    }
    store_cursor_close(&cursor);
    store_read_end(graph);
    return status;
}

enum tracer_status graph_each_item(struct graph *graph, enum graph_item item, graph_item_fn *visit,
                                   void *context, struct error *err)
{
    struct key key = {.size = 0};
    size_t size = 0, entries = 0, least = SIZE_MAX, count = 0; /* others may write meanwhile */
    enum tracer_status status = store_check(graph, err);
    for (; !status; count++) {
        char name[KEY_SIZE_MAX + 1];
        status = next_item(graph, item_table(item), &key, &size, &entries, err);
        least = entries < least ? entries : least;
        if (status)
            break;
        memcpy(name, key.bytes, key.size);
        name[key.size] = '\0';
        status = visit(context, name, size, err);
    }
    return status == TRACER_E_NOT_FOUND ? all_are_there(graph, item_table(item), count, least, err) : status;
}
