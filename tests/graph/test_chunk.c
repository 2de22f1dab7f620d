/* test_chunk.c - chunks and pages of runs: what was packed comes out again, and hostile bytes are told from
 * it or read without harm (S5). */
#include "graph/chunk.h"
#include "graph/segment.h"
#include "graph/store.h"
#include "model.h"

/* Bits that the values of one column have: none, some, all, or all of them the same. */
static uint32_t random_value(unsigned style)
{
    uint32_t value = (uint32_t)random_next();
    return style == 0 ? 0 : style == 1 ? 7 : style < 34 ? value >> (style - 2) : value;
}

#define BLOCKS 12u
#define ROWS 60u

struct input { /* what was put into a builder */
    uint64_t numbers[BLOCKS];
    size_t row_count[BLOCKS], transaction_count[BLOCKS];
    struct cursor_row rows[BLOCKS][ROWS];
    uint32_t logs[BLOCKS][ROWS];
    struct chunk_transaction transactions[BLOCKS][ROWS];
};

static void make_input(struct input *input)
{
    unsigned style[12];
    uint64_t number = random_below(1000);
    bool hashes = random_below(4) > 0;
    memset(input, 0, sizeof(*input));
    for (int i = 0; i < 12; i++)
        style[i] = (unsigned)random_below(40);
    for (size_t b = 0; b < BLOCKS; b++) {
        int32_t txi = random_below(2) ? TRANSACTION_BEFORE : (int32_t)random_below(3);
        uint32_t index = 0;
        number = input->numbers[b] = number + 1 + random_below(3);
        input->row_count[b] = random_below(4) ? random_below(ROWS) : 0;
        for (size_t i = 0; i < input->row_count[b]; i++) {
            struct cursor_row *row = &input->rows[b][i];
            if (i > 0 && txi != TRANSACTION_AFTER && random_below(3) == 0) {
                txi = random_below(20) ? txi + 1 + (int32_t)(random_value(style[0]) & 0xffffff)
                                       : TRANSACTION_AFTER;
                index = random_value(style[1]) & 0xffffff;
            }
            *row = (struct cursor_row){.position = {number, txi, index},
                                       .amount = random_amount(),
                                       .from = random_value(style[2]),
                                       .to = random_value(style[3]),
                                       .asset = random_value(style[4]),
                                       .link = random_value(style[5]),
                                       .kind = (uint8_t)random_below(TRANSFER_KIND_COUNT),
                                       .leg = (uint8_t)random_below(LEG_OUT + 1)};
            input->logs[b][i] = random_below(3) ? random_value(style[6]) : LOG_INDEX_NONE;
            index += 1 + (uint32_t)random_below(style[1] % 2 + 1);
        }
        txi = random_below(2) ? TRANSACTION_BEFORE : 0;
        input->transaction_count[b] = random_below(4) ? random_below(ROWS) : 0;
        for (size_t i = 0; i < input->transaction_count[b];
             i++, txi += 1 + (int32_t)(random_value(style[7]) & 0xffff)) {
            struct chunk_transaction *transaction = &input->transactions[b][i];
            *transaction = (struct chunk_transaction){.nonce = random_value(style[8]) |
                                                               (uint64_t)random_value(style[9]) << 32,
                                                      .true_block_number = random_value(style[10]),
                                                      .transaction_index = txi,
                                                      .sender = random_value(style[11]),
                                                      .status = (uint8_t)random_below(3),
                                                      .grade = (uint8_t)random_below(GRADE_COUNT)};
            if (hashes)
                transaction->hash = test_hash(3, number, i);
            if (i + 1 == input->transaction_count[b] && random_below(4) == 0)
                transaction->transaction_index = TRANSACTION_AFTER;
        }
    }
}

static void build(struct chunk_builder *builder, const struct input *input)
{
    for (size_t b = 0; b < BLOCKS; b++) {
        const struct cursor_row *rows = input->rows[b];
        cr_assert(chunk_builder_reserve(builder, input->row_count[b], input->transaction_count[b]));
        for (size_t i = 0; i < input->row_count[b]; i++)
            chunk_builder_row(builder,
                              i == 0 || rows[i].position.transaction_index !=
                                            rows[i - 1].position.transaction_index,
                              &rows[i], input->logs[b][i]);
        for (size_t i = 0; i < input->transaction_count[b]; i++)
            chunk_builder_transaction(builder, &input->transactions[b][i]);
        chunk_builder_end_block(builder, input->numbers[b]);
    }
}

struct encoded {
    uint8_t *log, *transactions;
    size_t log_size, transaction_size;
};

/* Exactly as large as a record, with what a checksum would be behind it. */
static struct encoded encode(const struct chunk_builder *builder, size_t first, size_t count)
{
    struct chunk_plan plan = chunk_plan(builder, first, count);
    struct encoded encoded = {malloc(plan.log_size + CHECKSUM_SIZE),
                              malloc(plan.transaction_size + CHECKSUM_SIZE), plan.log_size,
                              plan.transaction_size};
    memset(encoded.log, 0xa5, plan.log_size + CHECKSUM_SIZE);
    chunk_encode_log(builder, &plan, encoded.log);
    if (plan.transaction_size)
        chunk_encode_transactions(builder, &plan, encoded.transactions);
    return encoded;
}

static void release(struct encoded *encoded)
{
    free(encoded->log);
    free(encoded->transactions);
}

static bool same_row(const struct cursor_row *a, const struct cursor_row *b)
{
    return position_compare(a->position, b->position) == 0 && u256_compare(a->amount, b->amount) == 0 &&
           a->from == b->from && a->to == b->to && a->asset == b->asset && a->link == b->link &&
           a->kind == b->kind && a->leg == b->leg;
}

static bool same_transaction(const struct chunk_transaction *a, const struct chunk_transaction *b)
{
    return hash_equal(a->hash, b->hash) && a->nonce == b->nonce &&
           a->true_block_number == b->true_block_number && a->transaction_index == b->transaction_index &&
           a->sender == b->sender && a->status == b->status && a->grade == b->grade;
}

static void expect(const struct encoded *encoded, const struct input *input, size_t first_block, size_t count)
{
    struct chunk chunk;
    struct transaction_chunk transactions = {0};
    size_t total = 0;
    cr_assert(chunk_parse(encoded->log, encoded->log_size, &chunk));
    cr_assert_eq(chunk.block_count, count);
    for (size_t b = 0; b < count; b++)
        total += input->transaction_count[first_block + b];
    cr_assert_eq(chunk.transaction_count, total);
    cr_assert_eq(encoded->transaction_size > 0, total > 0);
    cr_assert(total == 0 ||
              transaction_chunk_parse(encoded->transactions, encoded->transaction_size, &transactions));
    for (size_t b = 0; b < count; b++) {
        const size_t at = first_block + b, rows = input->row_count[at];
        struct chunk_scan scan;
        cr_assert_eq(chunk_find(&chunk, input->numbers[at]), b);
        cr_assert_eq(chunk_row_start(&chunk, (uint32_t)b + 1) - chunk_row_start(&chunk, (uint32_t)b), rows);
        for (size_t skip = 0; skip < rows;
             skip += 1 + random_below(7)) { /* from any place, in pieces of any size */
            chunk_scan_at(&scan, &chunk, (uint32_t)b);
            chunk_scan_skip(&scan, (uint32_t)skip);
            for (size_t i = skip, got; i < rows; i += got) {
                struct cursor_row read[ROWS];
                uint32_t logs[ROWS];
                size_t ask = 1 + random_below(ROWS);
                got = chunk_scan_rows(&scan, read, logs, ask);
                cr_assert(got > 0 && got <= ask);
                for (size_t j = 0; j < got && i + j < rows; j++)
                    cr_assert(same_row(&read[j], &input->rows[at][i + j]) &&
                                  logs[j] == input->logs[at][i + j],
                              "block %zu, row %zu", b, i + j);
            }
        }
        if (total == 0)
            continue;
        uint32_t first, end, found = transaction_chunk_find(&transactions, input->numbers[at]);
        transaction_chunk_range(&transactions, found, &first, &end);
        cr_assert_eq(end - first, input->transaction_count[at]);
        for (uint32_t i = first; i < end; i++) {
            struct chunk_transaction read = transaction_chunk_get(&transactions, i, first);
            cr_assert(same_transaction(&read, &input->transactions[at][i - first]),
                      "block %zu, transaction %u", b, i - first);
        }
    }
}

Test(chunk, random_blocks_come_out_as_they_went_in)
{
    struct input *input = malloc(sizeof(*input));
    struct chunk_builder builder = {0}, copied = {0};
    random_seed(41);
    for (int round = 0; round < 150; round++) {
        make_input(input);
        chunk_builder_clear(&builder);
        build(&builder, input);
        size_t first = random_below(BLOCKS), count = 1 + random_below(BLOCKS - first);
        struct encoded whole = encode(&builder, 0, BLOCKS), part = encode(&builder, first, count);
        cr_assert_leq(whole.log_size, chunk_builder_log_size(&builder));
        cr_assert_leq(whole.transaction_size, chunk_builder_transaction_size(&builder));
        expect(&whole, input, 0, BLOCKS);
        expect(&part, input, first, count);
        release(&part);
        chunk_builder_shift(&builder, first); /* what is left is what it was */
        part = encode(&builder, 0, count);
        cr_assert_leq(part.log_size, chunk_builder_log_size(&builder));
        expect(&part, input, first, count);
        release(&part);
        struct chunk chunk;
        struct transaction_chunk transactions;
        cr_assert(chunk_parse(whole.log, whole.log_size, &chunk));
        if (whole.transaction_size)
            cr_assert(transaction_chunk_parse(whole.transactions, whole.transaction_size, &transactions));
        chunk_builder_clear(&copied);
        for (uint32_t b = 0; b < BLOCKS; b++)
            cr_assert(chunk_builder_copy(&copied, &chunk, whole.transaction_size ? &transactions : NULL, b));
        part = encode(&copied, 0, BLOCKS);
        cr_assert(part.log_size == whole.log_size && memcmp(part.log, whole.log, part.log_size) == 0);
        cr_assert(part.transaction_size == whole.transaction_size &&
                  memcmp(part.transactions, whole.transactions, part.transaction_size) == 0);
        release(&part);
        release(&whole);
    }
    chunk_builder_release(&builder);
    chunk_builder_release(&copied);
    free(input);
}

/* Read everything of a chunk that was taken for one. */
static uint64_t read_all(const struct chunk *chunk)
{
    struct chunk_scan scan;
    struct cursor_row rows[ROWS];
    uint32_t logs[ROWS];
    uint64_t count = 0;
    chunk_scan_at(&scan, chunk, 0);
    for (size_t got; (got = chunk_scan_rows(&scan, rows, logs, ROWS)) > 0; count += got)
        for (size_t i = 0; i < got; i++) {
            cr_assert_lt(rows[i].kind, TRANSFER_KIND_COUNT);
            cr_assert_leq(rows[i].leg, LEG_OUT);
            cr_assert_geq(rows[i].position.transaction_index, TRANSACTION_BEFORE);
        }
    for (uint32_t b = 0; b < chunk->block_count; b++) {
        uint32_t rows_here = chunk_row_start(chunk, b + 1) - chunk_row_start(chunk, b);
        chunk_scan_at(&scan, chunk, b);
        chunk_scan_skip(&scan, rows_here);
    }
    return count;
}

/* A byte is changed, or the end is cut. Its checksum would tell; the reader of the chunk must not rely on it.
 */
static size_t damage(uint8_t *bytes, size_t size)
{
    if (random_below(8) == 0)
        return random_below(size);
    size_t at = random_below(2) ? random_below(size) : random_below(size < 120 ? size : 120);
    uint8_t changed = (uint8_t)(bytes[at] ^ 1u << random_below(8));
    bytes[at] = random_below(2) ? (uint8_t)random_next() : changed;
    return size;
}

Test(chunk, S5_hostile_bytes_are_refused_or_read_without_harm)
{
    struct input *input = malloc(sizeof(*input));
    struct chunk_builder builder = {0};
    size_t refused = 0, read = 0;
    random_seed(42);
    for (int round = 0; round < 4000; round++) {
        struct chunk chunk;
        struct transaction_chunk transactions;
        if (round % 40 == 0) {
            make_input(input);
            chunk_builder_clear(&builder);
            build(&builder, input);
        }
        struct encoded encoded = encode(&builder, 0, BLOCKS);
        size_t size = encoded.log_size;
        for (size_t i = 0; i <= random_below(3) && size > 0; i++)
            size = damage(encoded.log, size);
        encoded.log = realloc(encoded.log, size + CHECKSUM_SIZE);
        if (chunk_parse(encoded.log, size, &chunk)) {
            cr_assert_eq(read_all(&chunk), chunk.row_count);
            read++;
        } else {
            refused++;
        }
        size = encoded.transaction_size;
        if (size > 0) {
            size = damage(encoded.transactions, size);
            encoded.transactions = realloc(encoded.transactions, size + CHECKSUM_SIZE);
        }
        if (size > 0 && transaction_chunk_parse(encoded.transactions, size, &transactions))
            for (uint32_t b = 0; b < transactions.block_count; b++) {
                uint32_t first, end;
                int64_t before = TRANSACTION_BEFORE - 1;
                transaction_chunk_range(&transactions, b, &first, &end);
                for (uint32_t i = first; i < end; i++) {
                    struct chunk_transaction transaction = transaction_chunk_get(&transactions, i, first);
                    cr_assert_gt(transaction.transaction_index, before);
                    before = transaction.transaction_index;
                }
            }
        release(&encoded);
    }
    cr_assert(refused > 100 && read > 100, "%zu refused, %zu read", refused, read);
    chunk_builder_release(&builder);
    free(input);
}

/* --- pages of runs ------------------------------------------------------------------------------------ */

#define ENTRIES 20000u

/* Steps of one byte up to ten, and keys of one block up to very many. */
static size_t make_entries(struct segment_entry *entries)
{
    size_t count = 0;
    for (uint64_t key = random_below(3); count < ENTRIES; key += 1 + random_below(2) * random_below(300)) {
        uint64_t block = random_below(10) ? random_below(100000) : UINT64_C(1) << 60, bits = 1 + random_below(40);
        for (size_t left = random_below(4) ? 1 + random_below(12) : random_below(2000); left > 0 && count < ENTRIES; left--) {
            block += 1 + (random_next() & ((UINT64_C(1) << bits) - 1));
            entries[count++] = (struct segment_entry){key, block};
        }
    }
    return count;
}

/* A reader that goes to and fro stands where one does that is new. */
Test(chunk, a_run_is_read_from_any_entry)
{
    char path[256];
    struct error err = {0};
    struct segment_entry *entries = calloc(ENTRIES, sizeof(*entries));
    struct run_list list = {0};
    struct run_writer writer;
    struct run_reader fresh, *kept = calloc(1, sizeof(*kept));
    MDB_txn *txn;
    store_path(path);
    random_seed(44);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    size_t count = make_entries(entries);
    cr_assert_eq(store_write_begin(graph, &err), TRACER_OK);
    run_writer_begin(&writer, graph, CHAIN, &list, RUN_ROWS, 0);
    cr_assert_eq(run_writer_add(&writer, entries, count, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(run_writer_end(&writer, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(store_write_commit(graph, &err), TRACER_OK, "%s", err.text);
    cr_assert_gt(list.runs[0].pages, 5);
    cr_assert_eq(store_read_begin(graph, &txn, &err), TRACER_OK);
    for (size_t round = 0, place = 0; round < 20000; round++) {
        place = random_below(3) ? (place + random_below(40)) % count : random_below(count);
        struct segment_entry from = entries[place];
        from.key += random_below(4) == 0;
        from.block = random_below(2) ? 0 : from.block + random_below(3) - 1;
        size_t wanted = 0;
        for (size_t low = 0, high = count; low < high;) {
            size_t middle = low + (high - low) / 2;
            if (segment_compare(&entries[middle], &from) < 0)
                low = wanted = middle + 1;
            else
                high = middle;
        }
        cr_assert_eq(run_reader_again(kept, graph, txn, CHAIN, &list.runs[0], &from, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(run_reader_seek(&fresh, graph, txn, CHAIN, &list.runs[0], &from, &err), TRACER_OK, "%s", err.text);
        for (uint64_t more = random_below(4) ? random_below(20) : random_below(1000); wanted < count; wanted++, more--) {
            cr_assert(!kept->end && segment_compare(&kept->entry, &entries[wanted]) == 0);
            cr_assert(!fresh.end && segment_compare(&fresh.entry, &entries[wanted]) == 0);
            if (more == 0)
                break;
            cr_assert_eq(run_reader_next(kept, graph, txn, &err), TRACER_OK);
            cr_assert_eq(run_reader_next(&fresh, graph, txn, &err), TRACER_OK);
        }
        cr_assert(wanted < count || (kept->end && fresh.end));
    }
    store_read_end(graph);
    graph_close(graph);
    store_remove(path);
    free(entries);
    free(kept);
}

struct rows_of {
    uint64_t count;
};

static enum tracer_status count_row(void *context, const struct transfer *transfer, struct error *err)
{
    (void)transfer;
    (void)err;
    ((struct rows_of *)context)->count++;
    return TRACER_OK;
}

/* Every page of the index, in turn, becomes what no writer makes, with a checksum that holds: the log decides
 * what an entry is worth, so nothing is found that is not there, and damage ends in a refusal. */
Test(chunk, S5_hostile_pages_of_the_index_are_read_without_harm)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    random_seed(43);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    struct graph_write *write;
    struct rows_of all[8] = {{0}};
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK);
    for (uint64_t n = 0; n < 40; n++) {
        struct owned_block made = make_block(n, 0, 60, INTERNALS_NONE);
        cr_assert_eq(graph_put_block(write, &made.block, &err), TRACER_OK, "%s", err.text);
        free(made.transfers);
        free(made.transactions);
    }
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_rebuild(graph, &err), TRACER_OK, "%s", err.text);
    const struct position start = {0, -1, 0};
    for (uint64_t n = 0; n < 8; n++)
        cr_assert_eq(graph_each_of_account(graph, CHAIN, test_address(n), start, count_row, &all[n], &err),
                     TRACER_OK);
    size_t refused = 0;
    for (int round = 0; round < 300; round++) {
        struct store_cursor cursor;
        struct record record;
        struct key key;
        uint8_t page[PAGE_SIZE_ASSUMED], kept[PAGE_SIZE_ASSUMED];
        cr_assert_eq(store_write_begin(graph, &err), TRACER_OK);
        cr_assert_eq(store_cursor_open(graph, graph->writer, TABLE_SEGMENT, &cursor, &err), TRACER_OK);
        enum tracer_status status = store_cursor_move(&cursor, MDB_FIRST, NULL, &err);
        for (uint64_t skip = random_below(3); skip > 0 && !status; skip--)
            status = store_cursor_move(&cursor, MDB_NEXT, NULL, &err);
        if (status)
            status = store_cursor_move(&cursor, MDB_LAST, NULL, &err);
        cr_assert_eq(status, TRACER_OK);
        cr_assert_eq(store_cursor_record(&cursor, &record, &err), TRACER_OK);
        key_begin(&key);
        key_bytes(&key, cursor.key, cursor.key_size);
        size_t size = record.size, changed = size;
        memcpy(page, record.data, size);
        memcpy(kept, record.data, size);
        store_cursor_close(&cursor);
        for (int i = 0; i < 3 && changed > 0; i++)
            changed = damage(page, changed);
        cr_assert_eq(store_put(graph, TABLE_SEGMENT, &key, page, changed, &err), TRACER_OK);
        cr_assert_eq(store_write_commit(graph, &err), TRACER_OK);
        for (uint64_t n = 0; n < 8; n++) {
            struct rows_of found = {0};
            status = graph_each_of_account(graph, CHAIN, test_address(n), start, count_row, &found, &err);
            cr_assert(status == TRACER_OK || status == TRACER_E_DAMAGED, "%s", err.text);
            cr_assert_leq(found.count, all[n].count);
            refused += status == TRACER_E_DAMAGED;
        }
        status = graph_verify(graph, NULL, NULL, &err);
        cr_assert(status == TRACER_OK || status == TRACER_E_DAMAGED, "%s", err.text);
        cr_assert_eq(store_write_begin(graph, &err), TRACER_OK);
        cr_assert_eq(store_put(graph, TABLE_SEGMENT, &key, kept, size, &err), TRACER_OK);
        cr_assert_eq(store_write_commit(graph, &err), TRACER_OK);
    }
    cr_assert_gt(refused, 0);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    store_remove(path);
}
