/* check_quick.c - verdicts alone, of addresses, under the default rules: what screen_answer() says, without why.
 *
 * The accounts whose verdict is not that of an account that nobody knows anything of stand in one sorted array, found by the first
 * bits of the address and its last byte: one cache miss for who is not there, two for who is, which many questions at once wait for
 * together. */
#include "checking.h"
#include "tracer/large.h"

#include <stdlib.h>
#include <string.h>

struct quick {
    struct case_state *state;
    struct lookup *lookup;
    struct address *listed; /* sources, those that emit one, the sanctioned; in order */
    size_t listed_count;
    enum verdict unseen; /* of an address of which nothing is kept */
    struct large memory;
    struct quick_entry *entries; /* by address */
    size_t count;
    struct large index_memory;
    struct quick_bucket *buckets; /* by the first bits */
    unsigned shift;               /* of the first 32 bits of an address */
};
struct quick_entry {
    uint8_t bytes[20], verdict;
};
struct quick_bucket {
    uint32_t first, count; /* of its entries */
    uint64_t marks;        /* of the first QUICK_MARKS of them, from the lowest byte on */
};

#define QUICK_PER_BUCKET 5u /* on an average, at most */
#define QUICK_MARKS 8u

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* Those that are listed themselves: exposed whatever they received. */
static enum tracer_status list(struct quick *quick, struct error *err)
{
    const struct case_state *state = quick->state;
    size_t count = 0;
    quick->listed = malloc((state->seed_count + state->label_count + state->sanctioned_count + 1) * sizeof(*quick->listed));
    if (!quick->listed)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < state->seed_count; i++)
        if (state->seeds[i].is_address && state->seeds[i].block_number <= state->last)
            quick->listed[count++] = state->seeds[i].address;
    for (size_t i = 0; i < state->label_count; i++)
        if (state->labels[i].emit[0])
            quick->listed[count++] = state->labels[i].address;
    for (size_t i = 0; i < state->sanctioned_count; i++)
        quick->listed[count++] = state->sanctioned[i].address;
    if (count > 1)
        qsort(quick->listed, count, sizeof(*quick->listed), order_addresses);
    quick->listed_count = count;
    return TRACER_OK;
}

static enum verdict judge(const struct quick *quick, struct address address, uint8_t flags)
{
    const struct case_state *state = quick->state;
    if (flags & KEPT_TAINTED)
        return VERDICT_EXPOSED;
    bool tells = !state->older_incidents && !state->touches_gap && !state->old_list && !state->half_covered && !case_is_blind(state, lookup_head(quick->lookup)) && !(flags & KEPT_UNKNOWN) &&
                 (lookup_head(quick->lookup)->accounted || case_is_explored(state, address));
    return tells ? VERDICT_CLEAN : VERDICT_CANNOT_TELL;
}

enum tracer_status quick_new(struct case_state *state, struct lookup *lookup, struct quick **ret_quick, struct error *err)
{
    struct quick *quick = calloc(1, sizeof(*quick));
    if (!quick)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    quick->state = state;
    quick->lookup = lookup;
    const struct sanctioned *ignored;
    enum tracer_status status = case_sanctioned(state, (struct address){{0}}, &ignored, err); /* gathers them, for each answer */
    if (status)
        quick_free(quick);
    else
        *ret_quick = quick;
    return status;
}

void quick_free(struct quick *quick)
{
    if (!quick)
        return;
    large_free(&quick->memory);
    free(quick->listed);
    large_free(&quick->index_memory);
    free(quick);
}

/* ---- all of them ---- */

static enum tracer_status add_entry(struct quick *quick, struct address address, enum verdict verdict, struct error *err)
{
    if (quick->count >= UINT32_MAX || !large_grow(&quick->memory, (quick->count + 1) * sizeof(struct quick_entry)))
        return error_set(err, TRACER_E_NOMEM, "no memory for the verdicts of %zu accounts", quick->count);
    quick->entries = quick->memory.at;
    struct quick_entry *entry = &quick->entries[quick->count++];
    memcpy(entry->bytes, address.bytes, sizeof(entry->bytes));
    entry->verdict = (uint8_t)verdict;
    return TRACER_OK;
}

static enum tracer_status load_account(void *context, struct address address, uint8_t flags, struct error *err)
{
    struct quick *quick = context;
    enum verdict verdict = judge(quick, address, flags);
    return verdict == quick->unseen ? TRACER_OK : add_entry(quick, address, verdict, err);
}

static int order_entries(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(((struct quick_entry *)NULL)->bytes));
}

/* Listed accounts, and those whose history is whole though nothing is kept of it, come behind the others. */
static enum tracer_status load_listed(struct quick *quick, struct error *err)
{
    const struct case_state *state = quick->state;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < quick->listed_count && !status; i++)
        status = add_entry(quick, quick->listed[i], VERDICT_EXPOSED, err);
    for (size_t i = 0; i < state->holed_count && !status; i++)
        status = add_entry(quick, state->holed[i], VERDICT_CANNOT_TELL, err);
    for (size_t i = 0; i < state->explored_count && !status; i++) {
        uint8_t flags;
        enum tracer_status found = lookup_flags(quick->lookup, state->explored[i], &flags, err);
        if (found && found != TRACER_E_NOT_FOUND)
            return found;
        enum verdict verdict = judge(quick, state->explored[i], 0);
        if (found && verdict != quick->unseen)
            status = add_entry(quick, state->explored[i], verdict, err);
    }
    return status;
}

static struct quick_bucket *bucket_of(const struct quick *quick, const uint8_t *bytes)
{
    uint64_t bits = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return &quick->buckets[bits >> quick->shift];
}

static uint8_t mark_of(const uint8_t *bytes)
{
    return bytes[sizeof(((struct quick_entry *)NULL)->bytes) - 1];
}

static enum tracer_status sort_and_index(struct quick *quick, size_t kept, struct error *err)
{
    struct quick_entry *entries = quick->entries;
    size_t added = quick->count - kept, buckets = 1, count = 0;
    /* The few that are listed are merged into the many, from behind: exposed is the greatest verdict and stays. */
    struct quick_entry *listed = malloc((added + 1) * sizeof(*listed));
    if (!listed)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    if (added) {
        memcpy(listed, entries + kept, added * sizeof(*listed));
        qsort(listed, added, sizeof(*listed), order_entries);
    }
    for (size_t at = quick->count, left = added, old = kept; at-- > 0 && left;) {
        if (old && order_entries(&entries[old - 1], &listed[left - 1]) > 0)
            entries[at] = entries[--old];
        else
            entries[at] = listed[--left];
    }
    free(listed);
    for (size_t i = 0; i < quick->count; i++) {
        if (count && order_entries(&entries[count - 1], &entries[i]) == 0) {
            if (entries[i].verdict > entries[count - 1].verdict)
                entries[count - 1].verdict = entries[i].verdict;
            continue;
        }
        entries[count++] = entries[i];
    }
    quick->count = count;
    /* Behind the last one: what is compared where nothing can be found. */
    if (!large_grow(&quick->memory, (count + 1) * sizeof(*entries)))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    quick->entries = quick->memory.at;
    quick->entries[count] = (struct quick_entry){.verdict = (uint8_t)quick->unseen};
    for (quick->shift = 32; buckets * QUICK_PER_BUCKET < count && quick->shift > 1; buckets *= 2)
        quick->shift--;
    if (!large_grow(&quick->index_memory, buckets * sizeof(*quick->buckets)))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    quick->buckets = quick->index_memory.at;
    for (size_t i = 0; i < count; i++) {
        struct quick_bucket *bucket = bucket_of(quick, quick->entries[i].bytes);
        if (bucket->count == 0)
            bucket->first = (uint32_t)i;
        if (bucket->count < QUICK_MARKS)
            bucket->marks |= (uint64_t)mark_of(quick->entries[i].bytes) << 8 * bucket->count;
        bucket->count++;
    }
    return TRACER_OK;
}

enum tracer_status quick_load(struct quick *quick, struct error *err)
{
    if (quick->buckets)
        return TRACER_OK;
    quick->count = 0;
    quick->unseen = judge(quick, (struct address){{0}}, 0); /* void is in no list of explored accounts */
    enum tracer_status status = quick->listed ? TRACER_OK : list(quick, err);
    if (!status)
        status = lookup_each_flags(quick->lookup, load_account, quick, err);
    size_t kept = quick->count;
    if (!status)
        status = load_listed(quick, err);
    return status ? status : sort_and_index(quick, kept, err);
}

/* ---- many at once ---- */

#define QUICK_AHEAD 16u

struct quick_place {
    uint32_t at; /* the entry, if it is anywhere */
    bool unsure; /* it may be another one */
};

/* The first entry with the mark. No branch here depends on who is asked for: it would be guessed wrong every other time. */
static struct quick_place place_of(const struct quick *quick, const struct address *address)
{
    const struct quick_bucket *bucket = bucket_of(quick, address->bytes);
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t unlike = bucket->marks ^ ones * mark_of(address->bytes);
    uint64_t zero = (unlike - ones) & ~unlike & ones << 7; /* the lowest bit is that of the first byte that is 0 */
    uint32_t place = (uint32_t)__builtin_ctzll(zero | UINT64_C(1) << 63) / 8;
    bool marked = (zero != 0) & (place < bucket->count);
    return (struct quick_place){marked ? bucket->first + place : (uint32_t)quick->count, marked | (bucket->count > QUICK_MARKS)};
}

static uint8_t verdict_of(const struct quick *quick, const struct address *address, struct quick_place place)
{
    const struct quick_entry *entry = &quick->entries[place.at];
    bool found = memcmp(entry->bytes, address->bytes, sizeof(entry->bytes)) == 0;
    if (__builtin_expect(!found & place.unsure, false)) { /* one by one */
        const struct quick_bucket *bucket = bucket_of(quick, address->bytes);
        entry = &quick->entries[bucket->first];
        for (uint32_t i = 0; i < bucket->count && !found; i++)
            if (!(found = memcmp(entry->bytes, address->bytes, sizeof(entry->bytes)) == 0))
                entry++;
    }
    return found ? entry->verdict : (uint8_t)quick->unseen;
}

void quick_verdicts(const struct quick *quick, const struct address *addresses, size_t count, uint8_t *ret_verdicts)
{
    struct quick_place places[QUICK_AHEAD];
    for (size_t i = 0; i < count + 2 * QUICK_AHEAD; i++) {
        struct quick_place *place = &places[i % QUICK_AHEAD];
        if (i < count)
            __builtin_prefetch(bucket_of(quick, addresses[i].bytes));
        if (i >= 2 * QUICK_AHEAD)
            ret_verdicts[i - 2 * QUICK_AHEAD] = verdict_of(quick, &addresses[i - 2 * QUICK_AHEAD], *place);
        if (i >= QUICK_AHEAD && i - QUICK_AHEAD < count) {
            *place = place_of(quick, &addresses[i - QUICK_AHEAD]);
            __builtin_prefetch(&quick->entries[place->at]);
            __builtin_prefetch(&quick->entries[place->at].verdict);
        }
    }
}
