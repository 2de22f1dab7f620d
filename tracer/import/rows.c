/* rows.c - storing and walking the rows of an imported file. */
#include "rows.h"

#include <stdlib.h>

#define MARK_STATUS_SHIFT 4
#define LEG_SHIFT 4
_Static_assert(GRADE_COUNT <= 16 && TRANSFER_KIND_COUNT <= 16, "grade and kind fit four bits");

void import_rows_init(struct rows *rows)
{
    *rows = (struct rows){0};
}

static void chunk_free(struct row_chunk *chunk)
{
    free(chunk->link);
    free(chunk->log_index);
    free(chunk->amounts);
    free(chunk);
}

void import_rows_release(struct rows *rows)
{
    for (size_t i = 0; i < rows->chunk_count; i++)
        chunk_free(rows->chunks[i]);
    free(rows->chunks);
    address_ids_release(&rows->accounts);
    asset_ids_release(&rows->assets);
    free(rows->transactions.hashes);
    free(rows->transactions.senders);
    free(rows->transactions.numbers);
    free(rows->transactions.marks);
    free(rows->times);
    *rows = (struct rows){0};
}

/* Room for element `count` of an array that doubles; `items` is the address of the array's pointer. */
static bool grow(void *items, size_t *capacity, size_t count, size_t size)
{
    void *held;
    if (count < *capacity)
        return true;
    size_t more = *capacity ? *capacity * 2 : 256;
    memcpy(&held, items, sizeof(held));
    held = realloc(held, more * size);
    if (!held)
        return false;
    memcpy(items, &held, sizeof(held));
    *capacity = more;
    return true;
}
#define GROW(items, capacity, count) grow(&(items), &(capacity), (count), sizeof(*(items)))

static struct row_chunk *chunk_for_one_more(struct rows *rows)
{
    if (rows->chunk_count && rows->chunks[rows->chunk_count - 1]->count < ROWS_A_CHUNK)
        return rows->chunks[rows->chunk_count - 1];
    if (!GROW(rows->chunks, rows->chunk_capacity, rows->chunk_count))
        return NULL;
    struct row_chunk *chunk = malloc(sizeof(*chunk));
    if (!chunk)
        return NULL;
    chunk->link = chunk->log_index = NULL;
    chunk->amounts = NULL;
    chunk->count = chunk->amounts_size = chunk->amounts_capacity = 0;
    rows->chunks[rows->chunk_count++] = chunk;
    return chunk;
}

static bool chunk_add_amount(struct row_chunk *chunk, struct u256 amount, uint8_t *ret_width)
{
    uint8_t bytes[32];
    unsigned width = u256_byte_count(amount);
    if (chunk->amounts_capacity - chunk->amounts_size < width) {
        uint32_t capacity = chunk->amounts_capacity ? chunk->amounts_capacity * 2 : ROWS_A_CHUNK * 8;
        uint8_t *amounts = realloc(chunk->amounts, capacity);
        if (!amounts)
            return false;
        chunk->amounts = amounts;
        chunk->amounts_capacity = capacity;
    }
    u256_to_bytes(amount, bytes);
    if (width)
        memcpy(chunk->amounts + chunk->amounts_size, bytes + sizeof(bytes) - width, width);
    chunk->amounts_size += width;
    *ret_width = (uint8_t)width;
    return true;
}

/* A column that most files lack: made, filled with `absent`, when the first value comes. */
static bool chunk_set_rare(uint32_t **column, uint32_t at, uint32_t value, uint32_t absent)
{
    if (!*column) {
        if (value == absent)
            return true;
        *column = malloc(ROWS_A_CHUNK * sizeof(**column));
        if (!*column)
            return false;
        for (uint32_t i = 0; i < ROWS_A_CHUNK; i++)
            (*column)[i] = absent;
    }
    (*column)[at] = value;
    return true;
}

bool import_rows_add(struct rows *rows, const struct row *row)
{
    struct row_chunk *chunk = chunk_for_one_more(rows);
    if (!chunk)
        return false;
    uint32_t at = chunk->count;
    if (!chunk_add_amount(chunk, row->amount, &chunk->amount_width[at]) ||
        !chunk_set_rare(&chunk->link, at, row->link, 0) ||
        !chunk_set_rare(&chunk->log_index, at, row->log_index, LOG_INDEX_NONE))
        return false;
    chunk->block[at] = row->position.block_number;
    chunk->transaction_index[at] = row->position.transaction_index;
    chunk->index[at] = row->position.index;
    chunk->from[at] = row->from;
    chunk->to[at] = row->to;
    chunk->asset[at] = row->asset;
    chunk->kind_leg[at] = (uint8_t)((unsigned)row->kind | (unsigned)row->leg << LEG_SHIFT);
    chunk->count++;
    rows->count++;
    return true;
}

bool import_rows_add_time(struct rows *rows, uint64_t time)
{
    if (!GROW(rows->times, rows->time_capacity, rows->time_count))
        return false;
    rows->times[rows->time_count++] = time;
    return true;
}

bool import_rows_add_transaction(struct rows *rows, const struct transaction *transaction, bool has_hash,
                                 bool has_sender, bool has_number)
{
    struct row_transactions *all = &rows->transactions;
    if (!GROW(all->marks, all->mark_capacity, all->count) ||
        (has_hash && !GROW(all->hashes, all->hash_capacity, all->count)) ||
        (has_sender && !GROW(all->senders, all->sender_capacity, all->count)) ||
        (has_number && !GROW(all->numbers, all->number_capacity, all->count)))
        return false;
    import_rows_set_transaction(rows, all->count++, transaction);
    return true;
}

void import_rows_set_transaction(struct rows *rows, size_t index, const struct transaction *transaction)
{
    struct row_transactions *all = &rows->transactions;
    all->marks[index] =
        (uint8_t)((unsigned)transaction->grade | (unsigned)transaction->status << MARK_STATUS_SHIFT);
    if (all->hashes)
        all->hashes[index] = transaction->hash;
    if (all->senders)
        all->senders[index] = transaction->sender;
    if (all->numbers)
        all->numbers[index] = transaction->true_block_number;
}

struct transaction import_rows_transaction(const struct rows *rows, size_t index)
{
    const struct row_transactions *all = &rows->transactions;
    struct transaction transaction = {.grade = (enum grade)(all->marks[index] & 0xf),
                                      .status =
                                          (enum transaction_status)(all->marks[index] >> MARK_STATUS_SHIFT)};
    if (all->hashes)
        transaction.hash = all->hashes[index];
    if (all->senders)
        transaction.sender = all->senders[index];
    if (all->numbers)
        transaction.true_block_number = all->numbers[index];
    return transaction;
}

bool import_rows_walk_next(struct rows_walk *walk, struct row *ret_row)
{
    if (walk->chunk >= walk->rows->chunk_count)
        return false;
    const struct row_chunk *chunk = walk->rows->chunks[walk->chunk];
    uint32_t at = walk->at;
    uint8_t width = chunk->amount_width[at];
    *ret_row = (struct row){
        .position = {chunk->block[at], chunk->transaction_index[at], chunk->index[at]},
        .amount = width ? u256_from_bytes(chunk->amounts + walk->amount_at, width) : (struct u256){{0}},
        .from = chunk->from[at],
        .to = chunk->to[at],
        .asset = chunk->asset[at],
        .link = chunk->link ? chunk->link[at] : 0,
        .log_index = chunk->log_index ? chunk->log_index[at] : LOG_INDEX_NONE,
        .kind = (enum transfer_kind)(chunk->kind_leg[at] & 0xf),
        .leg = (enum transfer_leg)(chunk->kind_leg[at] >> LEG_SHIFT),
    };
    walk->amount_at += width;
    if (++walk->at == chunk->count) {
        walk->chunk++;
        walk->at = walk->amount_at = 0;
    }
    return true;
}
