/* model.h - the store's tests: random blocks, and a plain array that does what the store should do. */
#ifndef TEST_GRAPH_MODEL_H
#define TEST_GRAPH_MODEL_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/buffer.h"
#include "tracer/graph.h"

#define CHAIN 1u

static uint64_t random_state = 1;
static inline uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}
static inline uint64_t random_below(uint64_t end)
{
    return random_next() % end;
}
static inline void random_seed(uint64_t seed)
{
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    random_next();
}

/* --- directories ------------------------------------------------------------------------------------- */

static inline void store_path(char to[static 256])
{
    const char *base = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    snprintf(to, 256, "%s/tracer-graph-XXXXXX", base);
    cr_assert(mkdtemp(to), "%s", to);
}
static inline void store_remove(const char *path)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
    for (int i = 0; i < 3; i++) {
        char file[1024];
        if (snprintf(file, sizeof(file), "%s/%s", path, files[i]) < (int)sizeof(file))
            unlink(file);
    }
    rmdir(path);
}
static inline struct graph *store_open(const char *path, enum graph_mode mode)
{
    struct graph *graph = NULL;
    struct error err = {0};
    const struct graph_options options = {.mode = mode, .bytes_max = TRACER_GIB(4)};
    cr_assert_eq(graph_open(path, &options, &graph, &err), TRACER_OK, "%s", err.text);
    return graph;
}
static inline void store_register(struct graph *graph)
{
    struct error err = {0};
    const struct graph_network network = {.chain_id = CHAIN, .name = "ethereum"};
    cr_assert_eq(graph_put_network(graph, &network, &err), TRACER_OK, "%s", err.text);
}

/* --- random blocks ----------------------------------------------------------------------------------- */

#define MODEL_ACCOUNTS 40u
#define MODEL_BLOCKS 400u

struct owned_block {
    struct block block;
    struct transfer *transfers;
    struct transaction *transactions;
};

static inline struct address test_address(uint64_t n)
{
    struct address address = {{0}};
    for (int i = 0; i < 20 && n; i++)
        address.bytes[i] = (uint8_t)((n * 2654435761u) >> (i % 4 * 8)) ^ (uint8_t)(i * 7);
    return address;
}
static inline struct hash test_hash(uint64_t kind, uint64_t number, uint64_t salt)
{
    struct hash hash;
    uint64_t state = kind * 1000003 + number * 7919 + salt * 104729 + 1;
    for (int i = 0; i < 32; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        hash.bytes[i] = (uint8_t)(state >> 56);
    }
    return hash;
}
static inline struct asset test_asset(uint64_t n)
{
    struct asset asset = {0};
    if (n % 7 == 0)
        return asset;
    asset.kind = n % 3 ? ASSET_TOKEN : ASSET_ITEM;
    asset.contract = test_address(1000 + n % 5);
    if (asset.kind == ASSET_ITEM)
        asset.id = (struct u256){{n, 0, n % 2, n}};
    return asset;
}
static inline struct u256 random_amount(void)
{
    struct u256 amount = {{random_next(), random_next(), random_next(), random_next()}};
    unsigned bytes = (unsigned)random_below(33);
    for (unsigned i = 0; i < 4; i++) {
        unsigned left = bytes > i * 8 ? bytes - i * 8 : 0;
        amount.limb[i] &= left >= 8 ? UINT64_MAX : (UINT64_C(1) << left * 8) - 1;
    }
    return amount;
}

/* Everything about a block follows from number, salt, rows and internals: made twice, it is the same. */
static inline struct owned_block make_block(uint64_t number, uint64_t salt, size_t rows,
                                            enum internals internals)
{
    struct owned_block made = {.transfers = calloc(rows + 1, sizeof(*made.transfers)),
                               .transactions = calloc(rows + 1, sizeof(*made.transactions))};
    uint64_t saved = random_state;
    random_seed(number * 1000 + salt);
    int32_t txi = random_below(8) == 0 ? -1 : (int32_t)random_below(3);
    uint32_t index = 0;
    size_t transactions = 0;
    bool gaps = random_below(4) == 0, links = random_below(4) == 0, logs = random_below(2) == 0;
    for (size_t i = 0; i < rows; i++) {
        if (i > 0 && random_below(3) == 0) {
            txi += 1 + (int32_t)random_below(3);
            if (i + 2 > rows && random_below(2))
                txi = TRANSACTION_AFTER;
            index = gaps ? (uint32_t)random_below(5) : 0;
        }
        made.transfers[i] = (struct transfer){
            .position = {number, txi, index},
            .kind = (enum transfer_kind)random_below(TRANSFER_KIND_COUNT),
            .asset = test_asset(random_below(20)),
            .from = test_address(random_below(MODEL_ACCOUNTS)),
            .to = test_address(random_below(MODEL_ACCOUNTS)),
            .amount = random_amount(),
            .link = links ? (uint32_t)random_below(INT32_MAX) : 0,
            .leg = links ? (enum transfer_leg)random_below(3) : LEG_NONE,
            .log_index = logs && random_below(2) ? (uint32_t)random_below(100000) : LOG_INDEX_NONE,
        };
        index += 1 + (gaps ? (uint32_t)random_below(1000) : 0);
        if (txi >= 0 && txi != TRANSACTION_AFTER &&
            (transactions == 0 || made.transactions[transactions - 1].transaction_index != txi))
            made.transactions[transactions++] = (struct transaction){
                .transaction_index = txi,
                .hash = random_below(10) ? test_hash(7, number * 100000 + (uint64_t)txi, salt)
                                         : (struct hash){{0}},
                .sender = test_address(random_below(MODEL_ACCOUNTS * 2)),
                .nonce = random_next() >> random_below(64),
                .status = (enum transaction_status)random_below(3),
                .true_block_number = salt % 5 == 4 ? random_next() >> 20 : 0,
                .grade = (enum grade)random_below(GRADE_COUNT)};
    }
    made.block = (struct block){.chain_id = CHAIN,
                                .number = number,
                                .hash = test_hash(1, number, salt),
                                .state_root = test_hash(2, number, salt),
                                .time = 1500000000 + number,
                                .grade = GRADE_SINGLE,
                                .internals = internals,
                                .order = ORDER_SPLIT,
                                .rewards_asserted = number % 2,
                                .undecoded_count = (uint32_t)number,
                                .transactions = made.transactions,
                                .transaction_count = transactions,
                                .transfers = made.transfers,
                                .transfer_count = rows};
    random_state = saved;
    return made;
}
static inline void free_block(struct owned_block *block)
{
    free(block->transfers);
    free(block->transactions);
    *block = (struct owned_block){0};
}

/* --- the model --------------------------------------------------------------------------------------- */

struct model {
    struct owned_block blocks[MODEL_BLOCKS];
    bool has[MODEL_BLOCKS];
    uint64_t salts[MODEL_BLOCKS]; /* of the version that is canonical now */
    uint64_t forks;
};

static inline void model_put(struct model *model, struct owned_block block)
{
    uint64_t number = block.block.number;
    if (model->has[number])
        free_block(&model->blocks[number]);
    model->blocks[number] = block;
    model->has[number] = true;
}
static inline uint64_t model_rewind(struct model *model, uint64_t last_kept)
{
    uint64_t removed = 0;
    model->forks++;
    for (uint64_t n = last_kept + 1; n < MODEL_BLOCKS; n++) {
        model->salts[n] = model->forks;
        if (!model->has[n])
            continue;
        free_block(&model->blocks[n]);
        model->has[n] = false;
        removed++;
    }
    return removed;
}
static inline void model_free(struct model *model)
{
    for (uint64_t n = 0; n < MODEL_BLOCKS; n++)
        if (model->has[n])
            free_block(&model->blocks[n]);
    free(model);
}

static inline bool same_transfer(const struct transfer *a, const struct transfer *b)
{
    return position_compare(a->position, b->position) == 0 && a->kind == b->kind &&
           asset_equal(&a->asset, &b->asset) && address_equal(a->from, b->from) &&
           address_equal(a->to, b->to) && u256_equal(a->amount, b->amount) && a->link == b->link &&
           a->leg == b->leg && a->log_index == b->log_index;
}

/* The rows of the model that an account takes part in (or all), visited against those of the store. */
struct expectation {
    const struct model *model;
    uint64_t number, last;
    size_t row, seen;
    const struct address *account;
    struct position since;
    const int32_t *last_transaction; /* of each block; NULL: all */
};
static inline const struct transfer *expect_next(struct expectation *expected)
{
    for (; expected->number <= expected->last && expected->number < MODEL_BLOCKS;
         expected->number++, expected->row = 0) {
        if (!expected->model->has[expected->number])
            continue;
        const struct block *block = &expected->model->blocks[expected->number].block;
        while (expected->row < block->transfer_count) {
            const struct transfer *transfer = &block->transfers[expected->row++];
            if (position_compare(transfer->position, expected->since) < 0 ||
                (expected->last_transaction && transfer->position.transaction_index > *expected->last_transaction))
                continue;
            if (!expected->account || address_equal(transfer->from, *expected->account) ||
                address_equal(transfer->to, *expected->account))
                return transfer;
        }
    }
    return NULL;
}
static inline enum tracer_status expect_visit(void *context, const struct transfer *transfer,
                                              struct error *err)
{
    struct expectation *expected = context;
    const struct transfer *wanted = expect_next(expected);
    expected->seen++;
    if (!wanted || !same_transfer(wanted, transfer))
        return error_set(err, TRACER_E_INTERNAL, "row %zu differs: block %" PRIu64, expected->seen,
                         transfer->position.block_number);
    return TRACER_OK;
}

static inline void compare_cursor(struct graph *graph, const struct model *model)
{
    struct cursor cursor;
    struct error err = {0};
    const struct cursor_row *rows;
    size_t count;
    struct expectation expected = {.model = model, .last = UINT64_MAX};
    cr_assert_eq(graph_cursor(graph, CHAIN, 0, UINT64_MAX, &cursor, &err), TRACER_OK, "%s", err.text);
    for (int pass = 0; pass < 2; pass++) {
        expected.number = expected.row = 0;
        expected.since.transaction_index = -1;
        for (;;) {
            cr_assert_eq(cursor.next(cursor.self, &rows, &count, &err), TRACER_OK, "%s", err.text);
            if (count == 0)
                break;
            for (size_t i = 0; i < count; i++) {
                const struct transfer *wanted = expect_next(&expected);
                cr_assert(wanted);
                cr_assert(rows[i].from < cursor.account_count(cursor.self));
                cr_assert(rows[i].asset < cursor.asset_count(cursor.self));
                struct transfer row = {rows[i].position,
                                       (enum transfer_kind)rows[i].kind,
                                       cursor.asset(cursor.self, rows[i].asset),
                                       cursor.account(cursor.self, rows[i].from),
                                       cursor.account(cursor.self, rows[i].to),
                                       rows[i].amount,
                                       rows[i].link,
                                       (enum transfer_leg)rows[i].leg,
                                       wanted->log_index};
                cr_assert(same_transfer(wanted, &row), "block %" PRIu64, wanted->position.block_number);
            }
        }
        cr_assert_null(expect_next(&expected));
        cr_assert_eq(cursor.rewind(cursor.self, &err), TRACER_OK);
    }
    cursor_close(&cursor);
}

static inline void compare_transactions(struct graph *graph, const struct block *block)
{
    struct error err = {0};
    for (size_t i = 0; i < block->transaction_count; i++) {
        const struct transaction *wanted = &block->transactions[i];
        struct transaction found;
        struct position position;
        cr_assert_eq(
            graph_get_transaction(graph, CHAIN, block->number, wanted->transaction_index, &found, &err),
            TRACER_OK, "%s", err.text);
        cr_assert(hash_equal(found.hash, wanted->hash) && address_equal(found.sender, wanted->sender) &&
                  found.nonce == wanted->nonce && found.status == wanted->status &&
                  found.grade == wanted->grade && found.true_block_number == wanted->true_block_number);
        if (hash_is_zero(wanted->hash))
            continue;
        cr_assert_eq(graph_find_transaction(graph, CHAIN, wanted->hash, &position, &err), TRACER_OK, "%s",
                     err.text);
        cr_assert_eq(position.block_number, block->number);
        cr_assert_eq(position.transaction_index, wanted->transaction_index);
    }
}

struct transactions_seen {
    const struct model *model;
    uint64_t block, count, total;
};

static inline enum tracer_status see_transaction(void *context, uint64_t number, const struct transaction *found,
                                                 struct error *err)
{
    struct transactions_seen *seen = context;
    (void)err;
    cr_assert(number >= seen->block && number < MODEL_BLOCKS && seen->model->has[number]);
    seen->count = number == seen->block ? seen->count : 0;
    seen->block = number;
    const struct block *block = &seen->model->blocks[number].block;
    cr_assert_lt(seen->count, block->transaction_count);
    const struct transaction *wanted = &block->transactions[seen->count++];
    cr_assert(found->transaction_index == wanted->transaction_index && found->nonce == wanted->nonce &&
              found->grade == wanted->grade && address_equal(found->sender, wanted->sender) &&
              hash_equal(found->hash, wanted->hash));
    seen->total++;
    return TRACER_OK;
}

static inline void compare_each_transaction(struct graph *graph, const struct model *model, uint64_t first, uint64_t last)
{
    struct transactions_seen seen = {.model = model};
    struct error err = {0};
    uint64_t wanted = 0;
    for (uint64_t n = first; n < MODEL_BLOCKS && n <= last; n++)
        wanted += model->has[n] ? model->blocks[n].block.transaction_count : 0;
    cr_assert_eq(graph_each_transaction(graph, CHAIN, first, last, see_transaction, &seen, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(seen.total, wanted);
}

static inline void compare_blocks(struct graph *graph, const struct model *model)
{
    struct error err = {0};
    struct graph_range range, wanted = {.first = UINT64_MAX};
    for (uint64_t n = 0; n < MODEL_BLOCKS; n++) {
        struct block block;
        enum tracer_status status = graph_get_block(graph, CHAIN, n, &block, &err);
        cr_assert_eq(status, model->has[n] ? TRACER_OK : TRACER_E_NOT_FOUND, "block %" PRIu64 ": %s", n,
                     err.text);
        if (!model->has[n])
            continue;
        const struct block *mine = &model->blocks[n].block;
        cr_assert(hash_equal(block.hash, mine->hash) && hash_equal(block.state_root, mine->state_root) &&
                  block.time == mine->time && block.internals == mine->internals &&
                  block.grade == mine->grade && block.rewards_asserted == mine->rewards_asserted && block.undecoded_count == mine->undecoded_count &&
                  block.transfer_count == mine->transfer_count &&
                  block.transaction_count == mine->transaction_count);
        if (n % 3 == 0)
            compare_transactions(graph, mine);
        wanted.first = wanted.count == 0 ? n : wanted.first;
        if (wanted.count > 0 && wanted.last + 1 != n && wanted.first_gap == 0)
            wanted.first_gap = wanted.last + 1;
        wanted.last = n;
        wanted.count++;
    }
    enum tracer_status status = graph_range(graph, CHAIN, &range, &err);
    cr_assert_eq(status, wanted.count ? TRACER_OK : TRACER_E_NOT_FOUND);
    if (wanted.count)
        cr_assert(range.first == wanted.first && range.last == wanted.last && range.count == wanted.count &&
                      range.first_gap == wanted.first_gap,
                  "range %" PRIu64 "..%" PRIu64 " count %" PRIu64 " gap %" PRIu64 ", wanted %" PRIu64
                  "..%" PRIu64 " count %" PRIu64 " gap %" PRIu64,
                  range.first, range.last, range.count, range.first_gap, wanted.first, wanted.last,
                  wanted.count, wanted.first_gap);
}

/* Everything the store answers is what the array says. */
static inline void compare_all(struct graph *graph, const struct model *model)
{
    struct error err = {0};
    compare_blocks(graph, model);
    compare_each_transaction(graph, model, 0, UINT64_MAX);
    compare_each_transaction(graph, model, 20, 300);
    compare_cursor(graph, model);
    struct expectation all = {.model = model, .last = 300, .number = 20, .since = {0, -1, 0}};
    cr_assert_eq(graph_each(graph, CHAIN, 20, 300, expect_visit, &all, &err), TRACER_OK, "%s", err.text);
    cr_assert_null(expect_next(&all));
    for (unsigned i = 0; i < 100; i++) {
        uint64_t n = random_below(MODEL_BLOCKS);
        int32_t first = (int32_t)random_below(8) - 1, last = i % 8 ? first + (int32_t)random_below(3) : TRANSACTION_AFTER;
        struct expectation some = {.model = model, .last = n, .number = n, .since = {n, first, 0}, .last_transaction = &last};
        enum tracer_status status = model->has[n] ? graph_each_in_block(graph, CHAIN, n, first, last, expect_visit, &some, &err) : TRACER_OK;
        cr_assert_eq(status, TRACER_OK, "block %" PRIu64 ", transactions %d to %d: %s", n, first, last, err.text);
        cr_assert_null(expect_next(&some), "block %" PRIu64 ", transactions %d to %d: rows are missing", n, first, last);
    }
    /* Many at once: whoever has a row is seen; who never had an id is not. Some twice, some unknown, in no order. */
    struct address asked[3 * MODEL_ACCOUNTS];
    bool seen[3 * MODEL_ACCOUNTS];
    for (size_t i = 0; i < 3 * MODEL_ACCOUNTS; i++)
        asked[i] = test_address(random_below(2 * MODEL_ACCOUNTS) + 1 + (i % 3 == 0 ? UINT64_C(5000000) : 0));
    cr_assert_eq(graph_seen_accounts(graph, CHAIN, asked, 3 * MODEL_ACCOUNTS, seen, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; i < 3 * MODEL_ACCOUNTS; i++) {
        struct expectation rows = {.model = model, .last = UINT64_MAX, .account = &asked[i], .since = {0, -1, 0}};
        cr_assert(seen[i] || !expect_next(&rows), "an account that has rows is not seen");
        cr_assert(!seen[i] || i % 3, "an account that never was is seen");
    }
    for (uint64_t n = 0; n <= MODEL_ACCOUNTS; n++) {
        struct address account = test_address(n);
        struct position since = {random_below(2) * random_below(MODEL_BLOCKS), (int32_t)random_below(4) - 1,
                                 (uint32_t)random_below(3)};
        struct expectation expected = {
            .model = model, .last = UINT64_MAX, .account = &account, .since = since};
        cr_assert_eq(graph_each_of_account(graph, CHAIN, account, since, expect_visit, &expected, &err),
                     TRACER_OK, "account %" PRIu64 ": %s", n, err.text);
        cr_assert_null(expect_next(&expected), "account %" PRIu64 ": rows are missing", n);
    }
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
}

#endif
