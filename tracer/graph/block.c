/* block.c - one block on its way in: checks, digest, ids, columns. */
#include <inttypes.h>
#include <xxhash.h>

#include "write.h"

/* --- checks ------------------------------------------------------------------------------------------ */

static bool row_fits(const struct block *block, size_t i)
{
    const struct transfer *row = &block->transfers[i];
    if (row->position.block_number != block->number || row->position.transaction_index < TRANSACTION_BEFORE ||
        row->position.index > INT32_MAX || (unsigned)row->kind >= TRANSFER_KIND_COUNT ||
        row->link > INT32_MAX || (unsigned)row->leg > LEG_OUT || (unsigned)row->asset.kind > ASSET_ITEM)
        return false;
    return i == 0 || position_compare(block->transfers[i - 1].position, row->position) < 0;
}

static bool transaction_fits(const struct block *block, size_t i)
{
    const struct transaction *transaction = &block->transactions[i];
    if (transaction->transaction_index < TRANSACTION_BEFORE ||
        (unsigned)transaction->status > TRANSACTION_STATUS_UNKNOWN ||
        (unsigned)transaction->grade >= GRADE_COUNT)
        return false;
    return i == 0 || block->transactions[i - 1].transaction_index < transaction->transaction_index;
}

enum tracer_status block_check(const struct graph *graph, const struct block *block, struct error *err)
{
    if (block->number > INT64_MAX)
        return store_error(graph, err, TRACER_E_USAGE, "block number %" PRIu64 " is too large",
                           block->number);
    if (block->transfer_count > TRACER_BLOCK_TRANSFERS_MAX ||
        block->transaction_count > TRACER_BLOCK_TRANSACTIONS_MAX)
        return store_error(graph, err, TRACER_E_LIMIT,
                           "block %" PRIu64 " has %zu transfers and %zu transactions (at most %u and %u)",
                           block->number, block->transfer_count, block->transaction_count,
                           TRACER_BLOCK_TRANSFERS_MAX, TRACER_BLOCK_TRANSACTIONS_MAX);
    if ((unsigned)block->grade >= GRADE_COUNT || (unsigned)block->internals > INTERNALS_ALL ||
        (unsigned)block->order > ORDER_EXACT)
        return store_error(graph, err, TRACER_E_USAGE, "block %" PRIu64 ": unknown grade, internals or order",
                           block->number);
    for (size_t i = 0; i < block->transfer_count; i++)
        if (!row_fits(block, i))
            return store_error(graph, err, TRACER_E_USAGE,
                               "block %" PRIu64 ", row %zu: out of order, of another block, or out of range",
                               block->number, i);
    for (size_t i = 0; i < block->transaction_count; i++)
        if (!transaction_fits(block, i))
            return store_error(graph, err, TRACER_E_USAGE,
                               "block %" PRIu64 ", transaction %zu: out of order or out of range",
                               block->number, i);
    return TRACER_OK;
}

/* --- digest ------------------------------------------------------------------------------------------ */

static uint8_t *add_bytes(uint8_t *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return to + size;
}

static uint8_t *add_u32(uint8_t *to, uint32_t value)
{
    put_u32(to, value);
    return to + 4;
}

static uint8_t *add_u64(uint8_t *to, uint64_t value)
{
    put_u64(to, value);
    return to + 8;
}

/* Four limbs; leading zero limbs are left out and counted in front. */
static uint8_t *add_u256(uint8_t *to, const struct u256 *value)
{
    unsigned count = 4;
    while (count > 0 && value->limb[count - 1] == 0)
        count--;
    *to++ = (uint8_t)count;
    for (unsigned i = 0; i < count; i++)
        to = add_u64(to, value->limb[i]);
    return to;
}

static uint8_t *add_asset(uint8_t *to, const struct asset *asset)
{
    *to++ = (uint8_t)asset->kind;
    if (asset->kind != ASSET_NATIVE)
        to = add_bytes(to, asset->contract.bytes, sizeof(asset->contract.bytes));
    if (asset->kind == ASSET_ITEM)
        to = add_u256(to, &asset->id);
    return to;
}

#define ROW_BYTES_MAX 192u
#define ROWS_AT_ONCE 32u

static uint8_t *add_row(uint8_t *to, const struct transfer *row)
{
    to = add_u32(to, (uint32_t)row->position.transaction_index);
    to = add_u32(to, row->position.index);
    to = add_u32(to, row->link);
    to = add_u32(to, row->log_index);
    *to++ = (uint8_t)row->kind;
    *to++ = (uint8_t)row->leg;
    to = add_bytes(to, row->from.bytes, sizeof(row->from.bytes));
    to = add_bytes(to, row->to.bytes, sizeof(row->to.bytes));
    to = add_asset(to, &row->asset);
    return add_u256(to, &row->amount);
}

static uint8_t *add_transaction(uint8_t *to, const struct transaction *transaction)
{
    to = add_u32(to, (uint32_t)transaction->transaction_index);
    to = add_bytes(to, transaction->hash.bytes, sizeof(transaction->hash.bytes));
    to = add_bytes(to, transaction->sender.bytes, sizeof(transaction->sender.bytes));
    to = add_u64(to, transaction->nonce);
    to = add_u64(to, transaction->true_block_number);
    *to++ = (uint8_t)transaction->status;
    return to;
}

/* Pieces of bytes, each beginning with the digest of the pieces before. */
struct digester {
    uint8_t *at;
    uint8_t bytes[16 + ROWS_AT_ONCE * ROW_BYTES_MAX];
};

static struct digest128 end_piece(struct digester *digester)
{
    XXH128_hash_t hash = XXH3_128bits(digester->bytes, (size_t)(digester->at - digester->bytes));
    put_u64(digester->bytes, hash.low64);
    put_u64(digester->bytes + 8, hash.high64);
    digester->at = digester->bytes + 16;
    return (struct digest128){hash.low64, hash.high64};
}

static void need_room(struct digester *digester)
{
    if ((size_t)(digester->bytes + sizeof(digester->bytes) - digester->at) < ROW_BYTES_MAX)
        end_piece(digester);
}

struct digest128 block_digest(const struct block *block)
{
    struct digester digester;
    memset(digester.bytes, 0, 16);
    uint8_t *at = digester.bytes + 16;
    at = add_u64(at, block->number);
    at = add_bytes(at, block->hash.bytes, sizeof(block->hash.bytes));
    at = add_bytes(at, block->parent_hash.bytes, sizeof(block->parent_hash.bytes));
    at = add_u64(at, block->time);
    at = add_u64(at, block->transfer_count);
    digester.at = add_u64(at, block->transaction_count);
    for (size_t i = 0; i < block->transfer_count; i++) {
        need_room(&digester);
        digester.at = add_row(digester.at, &block->transfers[i]);
    }
    for (size_t i = 0; i < block->transaction_count; i++) {
        need_room(&digester);
        digester.at = add_transaction(digester.at, &block->transactions[i]);
    }
    return end_piece(&digester);
}

/* --- columns ----------------------------------------------------------------------------------------- */

static enum tracer_status no_ids(const struct graph *graph, struct error *err)
{
    return store_error(graph, err, TRACER_E_NOMEM, "no memory for ids, or all ids are taken");
}

/* The asset in its one form: fields that its kind does not use are zero. */
static struct asset canonical(const struct asset *asset)
{
    struct asset result = {.kind = asset->kind};
    if (asset->kind != ASSET_NATIVE)
        result.contract = asset->contract;
    if (asset->kind == ASSET_ITEM)
        result.id = asset->id;
    return result;
}

static bool intern_asset(struct graph_write *write, const struct asset *given, uint32_t *ret_id)
{
    if (given->kind == ASSET_NATIVE) {
        *ret_id = 0;
        return true;
    }
    struct asset asset = canonical(given);
    uint64_t mixed = (get_u64(asset.contract.bytes) ^ asset.id.limb[0]) * UINT64_C(0x9e3779b97f4a7c15);
    struct asset_slot *slot = &write->assets[mixed >> 56];
    if (!slot->used || !asset_equal(&slot->asset, &asset)) {
        uint8_t bytes[ASSET_SIZE];
        asset_encode(&asset, bytes);
        struct intern *assets = &write->chain->assets;
        if (!intern_add(assets, bytes, intern_hash(assets, bytes), &slot->id))
            return false;
        slot->asset = asset;
        slot->used = true;
    }
    *ret_id = slot->id;
    return true;
}

#define TILE 32u
struct tile { /* hashes of the ends of some rows, whose slots are being fetched */
    uint64_t from[TILE], to[TILE];
};

static void prepare_tile(const struct intern *accounts, const struct block *block, size_t first,
                         struct tile *tile)
{
    for (size_t i = first; i < block->transfer_count && i < first + TILE; i++) {
        uint64_t from = intern_hash(accounts, block->transfers[i].from.bytes);
        uint64_t to = intern_hash(accounts, block->transfers[i].to.bytes);
        intern_prefetch(accounts, from);
        intern_prefetch(accounts, to);
        tile->from[i - first] = from;
        tile->to[i - first] = to;
    }
}

static bool append_tile(struct graph_write *write, const struct block *block, size_t first,
                        const struct tile *tile, struct chunk_builder *builder)
{
    struct intern *accounts = &write->chain->accounts;
    for (size_t i = first; i < block->transfer_count && i < first + TILE; i++) {
        const struct transfer *transfer = &block->transfers[i];
        struct cursor_row row = {.position = transfer->position,
                                 .amount = transfer->amount,
                                 .link = transfer->link,
                                 .kind = (uint8_t)transfer->kind,
                                 .leg = (uint8_t)transfer->leg};
        if (!intern_add(accounts, transfer->from.bytes, tile->from[i - first], &row.from) ||
            !intern_add(accounts, transfer->to.bytes, tile->to[i - first], &row.to) ||
            !intern_asset(write, &transfer->asset, &row.asset))
            return false;
        write->chain->state.wide_amounts |= row.amount.limb[3] != 0;
        bool new_run =
            i == 0 || block->transfers[i - 1].position.transaction_index != row.position.transaction_index;
        chunk_builder_row(builder, new_run, &row, transfer->log_index);
    }
    return true;
}

/* The slots of the next rows are fetched while these are looked up. */
static bool append_rows(struct graph_write *write, const struct block *block, struct chunk_builder *builder)
{
    struct tile tiles[2];
    const struct intern *accounts = &write->chain->accounts;
    prepare_tile(accounts, block, 0, &tiles[0]);
    for (size_t i = 0, now = 0; i < block->transfer_count; i += TILE, now ^= 1) {
        prepare_tile(accounts, block, i + TILE, &tiles[now ^ 1]);
        if (!append_tile(write, block, i, &tiles[now], builder))
            return false;
    }
    return true;
}

static bool append_transactions(struct graph_write *write, const struct block *block, size_t first,
                                size_t end, struct chunk_builder *builder)
{
    struct intern *accounts = &write->chain->accounts;
    uint64_t hashes[TILE];
    for (size_t i = first; i < end; i++) {
        hashes[i - first] = intern_hash(accounts, block->transactions[i].sender.bytes);
        intern_prefetch(accounts, hashes[i - first]);
    }
    for (size_t i = first; i < end; i++) {
        const struct transaction *from = &block->transactions[i];
        struct chunk_transaction transaction = {.hash = from->hash,
                                                .nonce = from->nonce,
                                                .true_block_number = from->true_block_number,
                                                .transaction_index = from->transaction_index,
                                                .status = (uint8_t)from->status,
                                                .grade = (uint8_t)from->grade};
        if (!intern_add(accounts, from->sender.bytes, hashes[i - first], &transaction.sender))
            return false;
        chunk_builder_transaction(builder, &transaction);
    }
    return true;
}

enum tracer_status block_append(struct graph_write *write, const struct block *block,
                                struct chunk_builder *builder, struct error *err)
{
    struct graph *graph = write->graph;
    if (!chunk_builder_reserve(builder, block->transfer_count, block->transaction_count))
        return store_error(graph, err, TRACER_E_NOMEM, "no memory for block %" PRIu64, block->number);
    if (!append_rows(write, block, builder))
        return no_ids(graph, err);
    for (size_t i = 0; i < block->transaction_count; i += TILE) {
        size_t end = i + TILE < block->transaction_count ? i + TILE : block->transaction_count;
        if (!append_transactions(write, block, i, end, builder))
            return no_ids(graph, err);
    }
    chunk_builder_end_block(builder, block->number);
    return TRACER_OK;
}
