/* record.c - what a replay writes down of each row that carries sources (taint-spec 4.2, step 6), small, since
 * there may be as many records as rows: the row once, one record a source of it. A parent is the number of its
 * record; records are read in chain order. */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>

/* The record's place in `wide` instead of the amount itself: amounts of more than 64 bits. */
#define MOVE_WIDE (UINT32_C(1) << 31) /* in `link` */
enum { RECORD_WIDE = 1 };

static bool put_amount(struct taint *taint, struct u256 amount, uint64_t *ret_amount, bool *ret_wide)
{
    *ret_wide = !u256_fits_u64(amount);
    *ret_amount = *ret_wide ? taint->wide_count : amount.limb[0];
    if (!*ret_wide)
        return true;
    if (!large_grow(&taint->wide_memory, (taint->wide_count + 1) * sizeof(amount)))
        return false;
    ((struct u256 *)taint->wide_memory.at)[taint->wide_count++] = amount;
    return true;
}

static struct u256 get_amount(const struct taint *taint, uint64_t amount, bool wide)
{
    return wide ? ((const struct u256 *)taint->wide_memory.at)[amount] : u256_from_u64(amount);
}

bool record_move(struct taint *taint, const struct cursor_row *row, size_t count, uint32_t link)
{
    bool wide;
    if (taint->record_count + count > RECORD_NONE || !asset_get(taint, row->asset) ||
        !large_grow(&taint->move_memory, (taint->move_count + 1) * sizeof(struct move)) ||
        !large_grow(&taint->record_memory, (taint->record_count + count) * sizeof(struct record)))
        return false;
    taint->moves = taint->move_memory.at;
    taint->records = taint->record_memory.at;
    struct move *move = &taint->moves[taint->move_count];
    *move = (struct move){.position = row->position, .asset = row->asset, .from = row->from, .to = row->to, .link = link};
    if (!put_amount(taint, row->amount, &move->amount, &wide))
        return false;
    move->link |= wide ? MOVE_WIDE : 0;
    if (taint->move_count && position_compare(move[-1].position, move->position) > 0)
        taint->records_disordered = true; /* only exchanges run rows out of key order */
    taint->move_count++;
    return true;
}

bool record_source(struct taint *taint, const struct cursor_row *row, struct u256 amount, struct info info, enum transfer_leg leg)
{
    const struct move *move = &taint->moves[taint->move_count - 1];
    struct record *record = &taint->records[taint->record_count];
    bool wide = move->link & MOVE_WIDE;
    *record = (struct record){.move = (uint32_t)taint->move_count - 1,
                              .parent = info.parent,
                              .hop = info.hop,
                              .source = (uint16_t)info.source,
                              .leg = (uint8_t)leg};
    if (wide && u256_equal(amount, row->amount))
        record->tainted = move->amount; /* both are the same wide amount */
    else if (!put_amount(taint, amount, &record->tainted, &wide))
        return false;
    record->flags = wide ? RECORD_WIDE : 0;
    taint->record_count++;
    return true;
}

bool record_row(struct taint *taint, const struct cursor_row *row, const struct parcel *parcel, enum transfer_leg leg, uint32_t link)
{
    size_t count = 0;
    while (count < parcel->sums.count && tag_is_source(taint, parcel->sums.lots[count].tag))
        count++;
    bool ok = count == 0 || record_move(taint, row, count, link);
    for (size_t i = 0; i < count && ok; i++) {
        const struct info *info = info_find(parcel, parcel->sums.lots[i].tag);
        assert(info);
        ok = record_source(taint, row, parcel->sums.lots[i].amount, *info, leg);
    }
    return ok;
}

/* ---- in chain order ---- */

static uint32_t record_at(const struct taint *taint, size_t index)
{
    return taint->order ? taint->order[index] : (uint32_t)index;
}

static int compare_record(const struct taint *taint, uint32_t record, struct position position, uint32_t source)
{
    const struct record *x = &taint->records[record];
    int order = position_compare(taint->moves[x->move].position, position);
    return order ? order : x->source < source ? -1 : x->source > source;
}

static int order_records(const void *a, const void *b, void *context)
{
    const struct taint *taint = context;
    const struct record *y = &taint->records[*(const uint32_t *)b];
    return compare_record(taint, *(const uint32_t *)a, taint->moves[y->move].position, y->source);
}

/* What was sorted before stays: records of later blocks come behind it. */
bool records_sort(struct taint *taint)
{
    size_t first = taint->records_sorted, count = taint->record_count;
    if (taint->order || taint->records_disordered) {
        size_t known = taint->order ? first : 0;
        uint32_t *order = realloc(taint->order, (count + 1) * sizeof(*order));
        if (!order)
            return false;
        for (size_t i = known; i < count; i++)
            order[i] = (uint32_t)i;
        taint->order = order;
        if (taint->records_disordered)
            qsort_r(order + first, count - first, sizeof(*order), order_records, taint);
    }
    taint->records_disordered = false;
    taint->records_sorted = count;
    return true;
}

void records_truncate(struct taint *taint, size_t moves, size_t records, size_t wide)
{
    taint->move_count = moves;
    taint->record_count = records;
    taint->wide_count = wide;
    if (taint->records_sorted > records)
        taint->records_sorted = records;
}

void records_release(struct taint *taint)
{
    large_free(&taint->move_memory);
    large_free(&taint->record_memory);
    large_free(&taint->wide_memory);
    free(taint->order);
}

bool record_all(struct taint *taint, const struct cursor_row *row, const struct tagged *tags, size_t count)
{
    if (!record_move(taint, row, count, 0))
        return false;
    const struct move *move = &taint->moves[taint->move_count - 1];
    struct record *records = taint->records + taint->record_count;
    for (size_t i = 0; i < count; i++)
        records[i] = (struct record){.tainted = move->amount,
                                     .move = (uint32_t)taint->move_count - 1,
                                     .parent = tags[i].via,
                                     .hop = tags[i].hop + 1,
                                     .source = (uint16_t)tags[i].tag,
                                     .flags = (uint8_t)(move->link & MOVE_WIDE ? RECORD_WIDE : 0)};
    taint->record_count += count;
    return true;
}

struct position record_position(const struct taint *taint, uint32_t record)
{
    return taint->moves[taint->records[record].move].position;
}

size_t taint_hop_count(const struct taint *taint)
{
    return taint->record_count;
}

size_t taint_find_hop(const struct taint *taint, struct position position, uint32_t source)
{
    for (size_t low = 0, high = taint->record_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = compare_record(taint, record_at(taint, middle), position, source);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

size_t taint_parent(const struct taint *taint, size_t hop_index)
{
    const struct record *record = &taint->records[record_at(taint, hop_index)];
    if (record->parent == RECORD_NONE)
        return SIZE_MAX;
    return taint->order ? taint_find_hop(taint, record_position(taint, record->parent), record->source) : record->parent;
}

struct taint_hop taint_hop_at(const struct taint *taint, size_t hop_index)
{
    const struct record *record = &taint->records[record_at(taint, hop_index)];
    const struct move *move = &taint->moves[record->move];
    struct taint_hop hop = {.position = move->position,
                            .amount = get_amount(taint, move->amount, move->link & MOVE_WIDE),
                            .tainted = get_amount(taint, record->tainted, record->flags & RECORD_WIDE),
                            .asset = move->asset,
                            .from = move->from,
                            .to = move->to,
                            .source = record->source,
                            .hop = record->hop,
                            .has_parent = record->parent != RECORD_NONE,
                            .leg = (enum transfer_leg)record->leg,
                            .link = move->link & ~MOVE_WIDE};
    if (hop.has_parent)
        hop.parent = record_position(taint, record->parent);
    hop.shown = u256_compare(hop.tainted, taint->assets[hop.asset].dust) >= 0;
    return hop;
}

size_t taint_path(const struct taint *taint, size_t hop_index, size_t *ret_indices, size_t capacity)
{
    size_t length = 0;
    for (size_t at = hop_index; at != SIZE_MAX && length <= taint->record_count; length++)
        at = taint_parent(taint, at);
    size_t place = length;
    for (size_t at = hop_index; at != SIZE_MAX && place > 0; at = taint_parent(taint, at))
        if (--place < capacity)
            ret_indices[place] = at;
    return length;
}
