/* record.c - what a replay writes down of each row that carries sources (taint-spec 4.2, step 6), small, since
 * there may be as many records as rows: the row once (a move), and eight bytes a source of it. A parent is the move
 * that brought it; records are read in chain order. */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>

bool record_move(struct taint *taint, const struct cursor_row *row, size_t count, uint32_t link, enum transfer_leg leg)
{
    size_t number = taint->move_count, records = taint->record_count + count;
    size_t sample = (taint->record_count + SAMPLE_RECORDS - 1) / SAMPLE_RECORDS;
    bool wide = !u256_fits_u64(row->amount), exchanged = link || leg;
    if (records > MOVE_NONE || row->asset >> 31 || !asset_get(taint, row->asset) ||
        !large_grow(&taint->move_memory, (number + 1) * sizeof(struct move)) ||
        !large_grow(&taint->record_memory, (taint->place_count + count) * sizeof(struct tagged)) ||
        (taint->options.policy == POLICY_POISON && !large_grow(&taint->place_memory, (number + 1) * sizeof(*taint->places))) ||
        !large_grow(&taint->sample_memory, (records / SAMPLE_RECORDS + 1) * sizeof(struct sample)) ||
        (wide && !large_grow(&taint->wide_memory, (taint->wide_count + 1) * sizeof(struct u256))) ||
        (exchanged && !large_grow(&taint->exchanged_memory, (taint->exchanged_count + 1) * sizeof(struct exchanged))))
        return false;
    taint->moves = taint->move_memory.at;
    taint->records = taint->record_memory.at;
    taint->samples = taint->sample_memory.at;
    if ((taint->places = taint->place_memory.at))
        taint->places[number] = (uint32_t)taint->place_count;
    struct move *move = &taint->moves[number];
    *move = (struct move){.position = row->position,
                          .amount = wide ? taint->wide_count : row->amount.limb[0],
                          .asset = row->asset & INT32_MAX,
                          .wide = wide,
                          .from = row->from,
                          .to = row->to,
                          .first = (uint32_t)taint->record_count};
    for (taint->record_count = records; sample * SAMPLE_RECORDS < records; sample++)
        taint->samples[sample].move = (uint32_t)number;
    if (wide)
        ((struct u256 *)taint->wide_memory.at)[taint->wide_count++] = row->amount;
    if (exchanged)
        ((struct exchanged *)taint->exchanged_memory.at)[taint->exchanged_count++] =
            (struct exchanged){(uint32_t)number, link, leg};
    if (number && position_compare(move[-1].position, move->position) > 0)
        taint->records_disordered = true; /* only exchanges run rows out of key order */
    taint->move_count++;
    return true;
}

static bool put_words(struct taint *taint, const uint64_t *words, size_t count)
{
    if (!large_grow(&taint->word_memory, (taint->word_count + count) * sizeof(*words)))
        return false;
    for (size_t i = 0; i < count; i++)
        ((uint64_t *)taint->word_memory.at)[taint->word_count++] = words[i];
    return true;
}

/* Places for the next `count` records, of the last move; there is room. */
static struct tagged *add_records(struct taint *taint, size_t count)
{
    struct tagged *records = &taint->records[taint->place_count];
    size_t sample = (taint->place_count + SAMPLE_RECORDS - 1) / SAMPLE_RECORDS;
    for (taint->place_count += count; sample * SAMPLE_RECORDS < taint->place_count; sample++)
        taint->samples[sample].word = taint->word_count;
    return records;
}

bool record_source(struct taint *taint, const struct cursor_row *row, struct u256 amount, struct info info)
{
    struct tagged *record = add_records(taint, 1);
    *record = (struct tagged){.tag = info.source & UINT16_MAX};
    tagged_set(record, info.hop, info.parent);
    if (!u256_equal(amount, row->amount)) {
        record->part = true;
        record->wide = !u256_fits_u64(amount);
        if (!put_words(taint, amount.limb, record->wide ? 4 : 1))
            return false;
    }
    return info.hop < HOP_FAR || put_words(taint, &(uint64_t){info.hop}, 1);
}

bool record_row(struct taint *taint, const struct cursor_row *row, const struct parcel *parcel, enum transfer_leg leg, uint32_t link)
{
    size_t count = 0;
    while (count < parcel->sums.count && tag_is_source(taint, parcel->sums.lots[count].tag))
        count++;
    bool ok = count == 0 || record_move(taint, row, count, link, leg);
    for (size_t i = 0; i < count && ok; i++) {
        const struct info *info = info_find(parcel, parcel->sums.lots[i].tag);
        assert(info);
        ok = record_source(taint, row, parcel->sums.lots[i].amount, *info);
    }
    return ok;
}

bool record_all(struct taint *taint, const struct cursor_row *row, struct holding *from)
{
    const struct tagged *tags = from->tags;
    size_t count = from->tag_count;
    bool far = false, ok = record_move(taint, row, count, 0, LEG_NONE);
    if (!ok)
        return false;
    uint32_t *place = &taint->places[taint->move_count - 1];
    if (from->mark) {
        *place = from->mark - 1;
        return true;
    }
    from->mark = *place + 1;
    for (size_t i = 0; i < count; i++)
        far |= tags[i].hop + 1u >= HOP_FAR;
    if (!far) {
        struct tagged *records = add_records(taint, count);
        for (size_t i = 0; i < count; i++) {
            records[i] = tags[i];
            records[i].hop++;
        }
    }
    for (size_t i = 0; i < count && far && ok; i++)
        ok = record_source(taint, row, row->amount, (struct info){tags[i].tag, tagged_hop(taint, &tags[i]) + 1, tags[i].via});
    return ok;
}

/* ---- what they say ---- */

/* Words that a record has, from `first` on: its tainted units, if they are not all of the row, then its hop. */
static size_t word_count(struct tagged record)
{
    return (record.part ? record.wide ? 4u : 1u : 0u) + (record.hop == HOP_FAR);
}

static const uint64_t *words_of(const struct taint *taint, uint32_t place)
{
    uint32_t at = place / SAMPLE_RECORDS * SAMPLE_RECORDS;
    size_t word = taint->samples[place / SAMPLE_RECORDS].word;
    for (; at < place; at++)
        word += word_count(taint->records[at]);
    return (const uint64_t *)taint->word_memory.at + word;
}

static uint32_t record_count(const struct taint *taint, uint32_t move)
{
    return (move + 1 < taint->move_count ? taint->moves[move + 1].first : (uint32_t)taint->record_count) - taint->moves[move].first;
}

static uint32_t move_of(const struct taint *taint, uint32_t record)
{
    uint32_t sample = record / SAMPLE_RECORDS, low = taint->samples[sample].move, high = (uint32_t)taint->move_count - 1;
    if ((sample + 1) * (size_t)SAMPLE_RECORDS < taint->record_count)
        high = taint->samples[sample + 1].move;
    while (low < high) { /* the last whose first record is not behind it */
        uint32_t middle = high - (high - low) / 2;
        if (taint->moves[middle].first <= record)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Of the first record of a move. */
static uint32_t first_place(const struct taint *taint, uint32_t move)
{
    return taint->places ? taint->places[move] : taint->moves[move].first;
}

static uint32_t place_of(const struct taint *taint, uint32_t record)
{
    uint32_t move = move_of(taint, record);
    return first_place(taint, move) + (record - taint->moves[move].first);
}

static uint32_t hop_of(const struct taint *taint, uint32_t place)
{
    struct tagged found = taint->records[place];
    return found.hop == HOP_FAR ? (uint32_t)words_of(taint, place)[word_count(found) - 1] : found.hop;
}

uint32_t record_least_hop(const struct taint *taint, uint32_t move)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < record_count(taint, move); i++) {
        uint32_t hop = hop_of(taint, first_place(taint, move) + i);
        least = hop < least ? hop : least;
    }
    return least;
}

/* The record of a source in a move. */
static size_t find_source(const struct taint *taint, uint32_t move, uint32_t source)
{
    const struct tagged *records = &taint->records[first_place(taint, move)];
    uint32_t low = 0, high = record_count(taint, move);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (records[middle].tag == source)
            return taint->moves[move].first + middle;
        if (records[middle].tag < source)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

uint32_t record_far_hop(const struct taint *taint, const struct tagged *tagged)
{
    return hop_of(taint, place_of(taint, (uint32_t)find_source(taint, tagged->via, tagged->tag)));
}

struct position move_position(const struct taint *taint, uint32_t move)
{
    return taint->moves[move].position;
}

/* ---- in chain order ---- */

static uint32_t record_at(const struct taint *taint, size_t index)
{
    return taint->order ? taint->order[index] : (uint32_t)index;
}

static int compare_record(const struct taint *taint, uint32_t record, struct position position, uint32_t source)
{
    uint32_t tag = taint->records[place_of(taint, record)].tag;
    int order = position_compare(taint->moves[move_of(taint, record)].position, position);
    return order ? order : tag < source ? -1 : tag > source;
}

static int order_records(const void *a, const void *b, void *context)
{
    const struct taint *taint = context;
    uint32_t y = *(const uint32_t *)b;
    return compare_record(taint, *(const uint32_t *)a, taint->moves[move_of(taint, y)].position, taint->records[place_of(taint, y)].tag);
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

struct record_counts records_count(const struct taint *taint)
{
    return (struct record_counts){taint->move_count, taint->record_count, taint->place_count, taint->wide_count, taint->word_count, taint->exchanged_count};
}

void records_truncate(struct taint *taint, struct record_counts counts)
{
    size_t records = counts.records;
    taint->move_count = counts.moves;
    taint->record_count = records;
    taint->place_count = counts.places;
    taint->wide_count = counts.wide;
    taint->word_count = counts.words;
    taint->exchanged_count = counts.exchanged;
    if (taint->records_sorted > records)
        taint->records_sorted = records;
}

void records_release(struct taint *taint)
{
    large_free(&taint->move_memory);
    large_free(&taint->record_memory);
    large_free(&taint->sample_memory);
    large_free(&taint->place_memory);
    large_free(&taint->wide_memory);
    large_free(&taint->word_memory);
    large_free(&taint->exchanged_memory);
    free(taint->order);
}

size_t taint_hop_count(const struct taint *taint)
{
    return taint->record_count;
}

size_t taint_find_hop(const struct taint *taint, struct position position, uint32_t source)
{
    for (size_t low = 0, high = taint->order ? taint->record_count : taint->move_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = taint->order ? compare_record(taint, taint->order[middle], position, source)
                                 : position_compare(taint->moves[middle].position, position);
        if (order == 0)
            return taint->order ? middle : find_source(taint, (uint32_t)middle, source);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

size_t taint_parent(const struct taint *taint, size_t hop_index)
{
    const struct tagged *record = &taint->records[place_of(taint, record_at(taint, hop_index))];
    if (record->via == MOVE_NONE)
        return SIZE_MAX;
    return taint->order ? taint_find_hop(taint, move_position(taint, record->via), record->tag)
                        : find_source(taint, record->via, record->tag);
}

static int order_exchanged(const void *key, const void *entry)
{
    uint32_t move = *(const uint32_t *)key, other = ((const struct exchanged *)entry)->move;
    return move < other ? -1 : move > other;
}

struct taint_hop taint_hop_at(const struct taint *taint, size_t hop_index)
{
    uint32_t number = record_at(taint, hop_index), of = move_of(taint, number);
    const struct move *move = &taint->moves[of];
    uint32_t place = first_place(taint, of) + (number - move->first);
    const struct tagged *record = &taint->records[place];
    const struct exchanged *exchanged = NULL;
    if (taint->exchanged_count)
        exchanged = bsearch(&of, taint->exchanged_memory.at, taint->exchanged_count, sizeof(*exchanged), order_exchanged);
    struct taint_hop hop = {.position = move->position,
                            .amount = move->wide ? ((const struct u256 *)taint->wide_memory.at)[move->amount] : u256_from_u64(move->amount),
                            .asset = move->asset,
                            .from = move->from,
                            .to = move->to,
                            .source = record->tag,
                            .hop = hop_of(taint, place),
                            .has_parent = record->via != MOVE_NONE,
                            .leg = exchanged ? exchanged->leg : LEG_NONE,
                            .link = exchanged ? exchanged->link : 0};
    hop.tainted = hop.amount;
    if (record->part) {
        const uint64_t *words = words_of(taint, place);
        hop.tainted = record->wide ? (struct u256){{words[0], words[1], words[2], words[3]}} : u256_from_u64(words[0]);
    }
    if (hop.has_parent)
        hop.parent = move_position(taint, record->via);
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
