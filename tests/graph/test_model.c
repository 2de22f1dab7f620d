/* The store against a plain array: whatever is put, in whatever order, comes out again. */
#include "model.h"

#include "graph/store.h"

static struct owned_block random_version(const struct model *model, uint64_t number, enum internals internals)
{
    uint64_t salt = model->salts[number];
    size_t rows =
        (size_t)(number * 7 + salt) % 5 == 0 ? 0 : 1 + (number * 31 + salt) % (number % 16 == 0 ? 900 : 25);
    return make_block(number, salt, rows + (internals == INTERNALS_ALL ? 3 : 0), internals);
}

static void put(struct graph *graph, struct graph_write *write, struct model *model, uint64_t number)
{
    struct error err = {0};
    enum internals internals = random_below(3) == 0 ? INTERNALS_ALL : INTERNALS_NONE;
    struct owned_block block = random_version(model, number, internals);
    (void)graph;
    cr_assert_eq(graph_put_block(write, &block.block, &err), TRACER_OK, "%s", err.text);
    if (!model->has[number] || model->blocks[number].block.internals < internals)
        model_put(model, block);
    else
        free_block(&block);
}

static void one_batch(struct graph *graph, struct model *model, uint64_t ceiling)
{
    struct graph_write *write;
    struct error err = {0};
    uint64_t count = 1 + random_below(40), start = random_below(ceiling);
    bool ascending = random_below(2), items = random_below(4) == 0;
    graph->part_bytes =
        random_below(2) ? PART_BYTES : 1000 + random_below(20000); /* the second core writes the parts */
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK, "%s", err.text);
    for (uint64_t i = 0; i < count; i++) {
        put(graph, write, model, ascending ? (start + i) % ceiling : random_below(ceiling));
        if (items && random_below(8) == 0) /* a small write joins the batch */
            cr_assert_eq(graph_put_item(graph, GRAPH_ITEM_LIST, "item", &i, sizeof(i), &err), TRACER_OK, "%s",
                         err.text);
    }
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    graph->part_bytes = PART_BYTES;
}

static void abandoned_batch(struct graph *graph)
{
    struct graph_write *write;
    struct error err = {0};
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK, "%s", err.text);
    for (uint64_t n = MODEL_BLOCKS; n < MODEL_BLOCKS + 5; n++) {
        struct owned_block block = make_block(n, 99, 30, INTERNALS_NONE);
        block.transfers[0].from = test_address(5000 + n); /* an id that is given away again */
        cr_assert_eq(graph_put_block(write, &block.block, &err), TRACER_OK, "%s", err.text);
        free_block(&block);
    }
    graph_abort(write);
}

static void run(uint64_t seed, int steps)
{
    char path[256];
    struct error err = {0};
    struct model *model = calloc(1, sizeof(*model));
    store_path(path);
    random_seed(seed);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    for (int step = 0; step < steps; step++) {
        uint64_t removed = 0, wanted;
        switch (random_below(10)) {
        case 0:
            wanted = random_below(MODEL_BLOCKS);
            cr_assert_eq(graph_rewind(graph, CHAIN, wanted, &removed, &err), TRACER_OK, "%s", err.text);
            cr_assert_eq(removed, model_rewind(model, wanted));
            break;
        case 1:
            graph_close(graph);
            graph = store_open(path, random_below(2) ? GRAPH_WRITE : GRAPH_CREATE);
            break;
        case 2:
            cr_assert_eq(random_below(2) ? graph_compact(graph, &err) : graph_rebuild(graph, &err), TRACER_OK,
                         "%s", err.text);
            break;
        case 3:
            abandoned_batch(graph);
            break;
        default:
            one_batch(graph, model, random_below(2) ? MODEL_BLOCKS : 100);
            break;
        }
        if (step % 6 == 5)
            compare_all(graph, model);
    }
    compare_all(graph, model);
    graph_close(graph);
    graph = store_open(path, GRAPH_READ);
    compare_all(graph, model);
    graph_close(graph);
    model_free(model);
    store_remove(path);
}

Test(graph, equals_the_array_model)
{
    const char *wanted = getenv("TRACER_TEST_SEEDS");
    uint64_t seeds = wanted ? strtoull(wanted, NULL, 10) : 12;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        run(seed, 36);
}

/* More than a transaction of LMDB holds, more rows than a run is written for, a block larger than a chunk. */
Test(graph, long_loads_are_cut_and_indexed)
{
    char path[256];
    struct error err = {0};
    struct graph_write *write;
    struct model *model = calloc(1, sizeof(*model));
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK);
    for (uint64_t n = 0; n < 60; n++) {
        struct owned_block block = make_block(n, 0, n == 30 ? 60000 : 2000, INTERNALS_NONE);
        cr_assert_eq(graph_put_block(write, &block.block, &err), TRACER_OK, "%s", err.text);
        model_put(model, block);
    }
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    struct graph_stat stat;
    cr_assert_eq(graph_stat(graph, &stat, &err), TRACER_OK);
    cr_assert_eq(stat.transfers, 178000);
    cr_assert_gt(stat.segments, 0);
    compare_all(graph, model);
    graph_close(graph);
    model_free(model);
    store_remove(path);
}

/* Thousands of blocks, none beside another: each commit stays a valid store, ranges overflow into runs, runs
 * merge. */
Test(graph, scattered_blocks_find_their_place)
{
    char path[256];
    struct error err = {0};
    struct graph_write *write;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    enum { COUNT = 3000 };
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct owned_block block = make_block(i * 7919 % 6007 * 3, 0, 1 + i % 3, INTERNALS_NONE);
        cr_assert_eq(graph_put_block(write, &block.block, &err), TRACER_OK, "%s", err.text);
        free_block(&block);
    }
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    struct graph_stat before, after;
    cr_assert_eq(graph_stat(graph, &before, &err), TRACER_OK);
    cr_assert_eq(before.blocks, COUNT);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_compact(graph, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_stat(graph, &after, &err), TRACER_OK);
    cr_assert_lt(after.chunks * 10, before.chunks);
    cr_assert(before.segments <= 24 && after.segments <= 3);
    graph_close(graph);
    store_remove(path);
}

/* --- what a put says --------------------------------------------------------------------------------- */

static enum tracer_status put_alone(struct graph *graph, const struct block *block, struct error *err)
{
    struct graph_write *write;
    enum tracer_status status = graph_begin(graph, &write, err);
    if (status)
        return status;
    status = graph_put_block(write, block, err);
    if (status) {
        graph_abort(write);
        return status;
    }
    return graph_commit(write, err);
}

Test(graph, R5_reorgs_are_conflicts_and_rewinds_keep_what_they_remove)
{
    char path[256];
    struct error err = {0};
    uint64_t removed = 0;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    for (uint64_t n = 10; n < 20; n++) {
        struct owned_block block = make_block(n, 0, 5, INTERNALS_NONE);
        block.block.parent_hash = test_hash(1, n - 1, 0);
        cr_assert_eq(put_alone(graph, &block.block, &err), TRACER_OK, "%s", err.text);
        cr_assert_eq(put_alone(graph, &block.block, &err), TRACER_OK, "again: %s", err.text);
        free_block(&block);
    }
    struct owned_block other = make_block(15, 1, 5, INTERNALS_NONE);
    other.block.parent_hash = test_hash(1, 14, 0);
    cr_assert_eq(put_alone(graph, &other.block, &err), TRACER_E_CONFLICT);
    struct owned_block next = make_block(20, 1, 5, INTERNALS_NONE);
    next.block.parent_hash = test_hash(1, 19, 1);
    cr_assert_eq(put_alone(graph, &next.block, &err), TRACER_E_CONFLICT);
    struct owned_block before = make_block(9, 1, 5, INTERNALS_NONE);
    cr_assert_eq(put_alone(graph, &before.block, &err), TRACER_E_CONFLICT);
    struct owned_block same = make_block(12, 0, 5, INTERNALS_NONE);
    same.block.parent_hash = test_hash(1, 11, 0);
    same.transfers[0].amount.limb[0] ^= 1;
    cr_assert_eq(put_alone(graph, &same.block, &err), TRACER_E_CONFLICT, "other content under the same hash");
    cr_assert_eq(graph_rewind(graph, CHAIN, 14, &removed, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(removed, 5);
    cr_assert_eq(put_alone(graph, &other.block, &err), TRACER_OK, "%s", err.text);
    struct graph_stat stat;
    cr_assert_eq(graph_stat(graph, &stat, &err), TRACER_OK);
    cr_assert_eq(stat.orphans, 5);
    cr_assert_eq(stat.blocks, 6);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    free_block(&other);
    free_block(&next);
    free_block(&before);
    free_block(&same);
    store_remove(path);
}

static enum tracer_status keep_row(void *context, const struct transfer *transfer, struct error *err)
{
    struct transfer **next = context;
    (void)err;
    *(*next)++ = *transfer;
    return TRACER_OK;
}

/* What ingest recognises depends on the labels of the day. */
Test(graph, a_block_that_is_linked_otherwise_replaces_the_stored_one)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    struct owned_block blocks[3];
    for (uint64_t n = 0; n < 3; n++) {
        blocks[n] = make_block(10 + n, 0, 5, INTERNALS_NONE);
        for (size_t i = 0; i < 5; i++) {
            blocks[n].transfers[i].link = 0;
            blocks[n].transfers[i].leg = LEG_NONE;
        }
        cr_assert_eq(put_alone(graph, &blocks[n].block, &err), TRACER_OK, "%s", err.text);
    }
    for (uint32_t link = 7; link-- > 0; link -= link > 0) { /* 6, 4, 2, 0 */
        blocks[1].transfers[2].link = link * 4096;
        blocks[1].transfers[2].leg = link ? LEG_OUT : LEG_NONE;
        cr_assert_eq(put_alone(graph, &blocks[1].block, &err), TRACER_OK, "%s", err.text);
        struct transfer rows[15], *next = rows;
        cr_assert_eq(graph_each(graph, CHAIN, 10, 12, keep_row, &next, &err), TRACER_OK);
        cr_assert_eq(next - rows, 15);
        for (size_t i = 0; i < 15; i++)
            cr_assert_eq(rows[i].link, i == 7 ? link * 4096 : 0);
        cr_assert_eq(rows[7].leg, link ? LEG_OUT : LEG_NONE);
        cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    }
    blocks[1].transfers[2].link = 1;
    blocks[1].transfers[2].leg = LEG_IN;
    blocks[1].transfers[3].amount.limb[0] ^= 1;
    cr_assert_eq(put_alone(graph, &blocks[1].block, &err), TRACER_E_CONFLICT, "another amount as well");
    blocks[1].transfers[3].amount.limb[0] ^= 1;
    blocks[1].block.transfer_count = 4;
    cr_assert_eq(put_alone(graph, &blocks[1].block, &err), TRACER_E_CONFLICT, "a row less as well");
    struct owned_block imported = make_block(20, 0, 5, INTERNALS_NONE);
    imported.block.hash = (struct hash){{0}};
    cr_assert_eq(put_alone(graph, &imported.block, &err), TRACER_OK, "%s", err.text);
    imported.transfers[0].link ^= 1;
    cr_assert_eq(put_alone(graph, &imported.block, &err), TRACER_E_CONFLICT, "links of a file are facts of it");
    graph_close(graph);
    for (size_t n = 0; n < 3; n++)
        free_block(&blocks[n]);
    free_block(&imported);
    store_remove(path);
}

Test(graph, malformed_blocks_are_refused_and_change_nothing)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    for (int fault = 0; fault < 6; fault++) {
        struct owned_block block = make_block(5, 0, 6, INTERNALS_NONE);
        switch (fault) {
        case 0:
            block.transfers[1].position = block.transfers[0].position;
            break;
        case 1:
            block.transfers[2].position.block_number = 6;
            break;
        case 2:
            block.transfers[2].link = 1u << 31;
            break;
        case 3:
            block.transfers[2].kind = TRANSFER_KIND_COUNT;
            break;
        case 4:
            block.block.number = UINT64_MAX;
            break;
        default:
            block.block.chain_id = 77;
            break;
        }
        cr_assert_eq(put_alone(graph, &block.block, &err), fault == 5 ? TRACER_E_CHAIN : TRACER_E_USAGE,
                     "%d: %s", fault, err.text);
        free_block(&block);
    }
    struct graph_range range;
    cr_assert_eq(graph_range(graph, CHAIN, &range, &err), TRACER_E_NOT_FOUND);
    graph_close(graph);
    store_remove(path);
}

/* --- chains, openings, coverage, items --------------------------------------------------------------- */

Test(graph, R3_one_network_a_chain_id)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    struct graph_network network = {.chain_id = 2020, .name = "ronin", .anchor_hash = test_hash(1, 0, 0)},
                         stored;
    cr_assert_eq(graph_get_network(graph, 2020, &stored, &err), TRACER_E_NOT_FOUND);
    cr_assert_eq(graph_put_network(graph, &network, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_put_network(graph, &network, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_get_network(graph, 2020, &stored, &err), TRACER_OK);
    cr_assert_str_eq(stored.name, "ronin");
    struct graph_network other = network;
    other.anchor_hash.bytes[3] ^= 1;
    cr_assert_eq(graph_put_network(graph, &other, &err), TRACER_E_CHAIN);
    other = network;
    other.imported = true;
    cr_assert_eq(graph_put_network(graph, &other, &err), TRACER_E_CHAIN);
    other = (struct graph_network){.chain_id = 1, .name = "ethereum"};
    cr_assert_eq(graph_put_network(graph, &other, &err), TRACER_OK);
    struct graph_network all[2];
    size_t count;
    cr_assert_eq(graph_networks(graph, all, 1, &count, &err), TRACER_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(all[0].chain_id, 1);
    graph_close(graph);
    store_remove(path);
}

Test(graph, openings_stand_before_the_first_transaction)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    struct owned_block block = make_block(7, 0, 3, INTERNALS_NONE);
    for (int i = 0; i < 3; i++) {
        block.transfers[i].position.transaction_index = i < 2 ? -1 : 0;
        block.transfers[i].position.index = (uint32_t)(i % 2) * 4;
    }
    block.block.transaction_count = 0;
    cr_assert_eq(put_alone(graph, &block.block, &err), TRACER_OK, "%s", err.text);
    struct graph_opening openings[3] = {
        {.account = test_address(900), .block_number = 7, .amount = u256_from_u64(5)},
        {.account = test_address(800), .block_number = 7, .amount = u256_from_u64(6)},
        {.account = test_address(800), .block_number = 8, .amount = u256_from_u64(7)}};
    cr_assert_eq(graph_put_opening(graph, CHAIN, openings, 3, &err), TRACER_OK, "%s", err.text);
    struct cursor cursor;
    const struct cursor_row *rows;
    size_t count, total = 0;
    struct position positions[8];
    uint8_t kinds[8];
    cr_assert_eq(graph_cursor(graph, CHAIN, 7, 9, &cursor, &err), TRACER_OK, "%s", err.text);
    while (!cursor.next(cursor.self, &rows, &count, &err) && count > 0)
        for (size_t i = 0; i < count; i++) {
            positions[total] = rows[i].position;
            kinds[total++] = rows[i].kind;
            cr_assert(rows[i].to < cursor.account_count(cursor.self));
        }
    cr_assert_eq(total, 5);
    for (size_t i = 1; i < total; i++)
        cr_assert_lt(position_compare(positions[i - 1], positions[i]), 0);
    cr_assert(kinds[2] == TRANSFER_OPENING && kinds[3] == TRANSFER_OPENING);
    cr_assert_eq(positions[2].index, 5);
    cursor_close(&cursor);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    free_block(&block);
    store_remove(path);
}

static enum tracer_status count_coverage(void *context, const struct graph_coverage *coverage,
                                         struct error *err)
{
    (void)err;
    *(uint64_t *)context = *(uint64_t *)context * 100 + coverage->last;
    return TRACER_OK;
}

static enum tracer_status count_item(void *context, const char *name, size_t size, struct error *err)
{
    (void)err;
    *(size_t *)context += strlen(name) * 100 + size;
    return TRACER_OK;
}

Test(graph, coverage_and_items_are_kept)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    struct graph_coverage coverage = {
        .first = 1, .last = 9, .what = "all", .strategy = "blocks", .gap = "none known"};
    cr_assert_eq(graph_put_coverage(graph, CHAIN, &coverage, &err), TRACER_OK, "%s", err.text);
    coverage.last = 12; /* goes on: replaces */
    cr_assert_eq(graph_put_coverage(graph, CHAIN, &coverage, &err), TRACER_OK);
    coverage.account = test_address(3);
    coverage.last = 20;
    cr_assert_eq(graph_put_coverage(graph, CHAIN, &coverage, &err), TRACER_OK);
    uint64_t sum = 0;
    cr_assert_eq(graph_each_coverage(graph, CHAIN, NULL, count_coverage, &sum, &err), TRACER_OK);
    cr_assert_eq(sum, 1220);
    sum = 0;
    struct address account = test_address(3);
    cr_assert_eq(graph_each_coverage(graph, CHAIN, &account, count_coverage, &sum, &err), TRACER_OK);
    cr_assert_eq(sum, 20);
    cr_assert_eq(graph_put_item(graph, GRAPH_ITEM_LIST, "ofac", "abc", 3, &err), TRACER_OK);
    cr_assert_eq(graph_put_item(graph, GRAPH_ITEM_LIST, "ofac", "abcd", 4, &err), TRACER_OK);
    cr_assert_eq(graph_put_item(graph, GRAPH_ITEM_LIST, "z", "", 0, &err), TRACER_OK);
    size_t items = 0;
    cr_assert_eq(graph_each_item(graph, GRAPH_ITEM_LIST, count_item, &items, &err), TRACER_OK);
    cr_assert_eq(items, 504);
    struct buffer data;
    buffer_init(&data, 100);
    cr_assert_eq(graph_get_item(graph, GRAPH_ITEM_LIST, "ofac", &data, &err), TRACER_OK);
    cr_assert(data.size == 4 && memcmp(data.data, "abcd", 4) == 0);
    cr_assert_eq(graph_get_item(graph, GRAPH_ITEM_ENDPOINT, "ofac", &data, &err), TRACER_E_NOT_FOUND);
    buffer_release(&data);
    graph_close(graph);
    store_remove(path);
}
