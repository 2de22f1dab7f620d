/* check_quick.c - verdicts alone, of addresses, under the default rules: what screen_answer() says, without why.
 *
 * The accounts whose verdict is not that of an account that nobody knows anything of stand in one sorted array, found by the first
 * bits of the address: two cache misses, which many questions at once wait for together. */
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
    uint32_t *first; /* by the first bits: where their entries begin */
    unsigned shift;  /* of the first 32 bits of an address */
};
struct quick_entry {
    uint8_t bytes[20], verdict;
};

#define QUICK_PER_BUCKET 4u

static int order_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* Those that are listed themselves: exposed whatever they received. */
static enum tracer_status list(struct quick *quick, struct error *err)
{
    struct case_state *state = quick->state;
    const struct sanctioned *ignored;
    enum tracer_status status = case_sanctioned(state, (struct address){{0}}, &ignored, err); /* gathers them */
    if (status)
        return status;
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
    bool tells = !state->older_incidents && !state->touches_gap && !state->old_list && !(flags & KEPT_UNKNOWN) &&
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
    enum tracer_status status = list(quick, err);
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

static uint32_t bits_of(const uint8_t *bytes, unsigned shift)
{
    return ((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]) >> shift;
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
    for (quick->shift = 32; buckets * QUICK_PER_BUCKET < count && quick->shift > 1; buckets *= 2)
        quick->shift--;
    if (!large_grow(&quick->index_memory, (buckets + 1) * sizeof(*quick->first)))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    quick->first = quick->index_memory.at;
    for (size_t i = 0; i < count; i++)
        quick->first[(quick->shift == 32 ? 0 : bits_of(entries[i].bytes, quick->shift)) + 1]++;
    for (size_t b = 0; b < buckets; b++)
        quick->first[b + 1] += quick->first[b];
    return TRACER_OK;
}

enum tracer_status quick_load(struct quick *quick, struct error *err)
{
    if (quick->first)
        return TRACER_OK;
    quick->count = 0;
    quick->unseen = judge(quick, (struct address){{0}}, 0); /* void is in no list of explored accounts */
    enum tracer_status status = lookup_each_flags(quick->lookup, load_account, quick, err);
    size_t kept = quick->count;
    if (!status)
        status = load_listed(quick, err);
    return status ? status : sort_and_index(quick, kept, err);
}

/* ---- many at once ---- */

#define QUICK_AHEAD 16u

static size_t bucket_of(const struct quick *quick, const struct address *address)
{
    return quick->shift == 32 ? 0 : bits_of(address->bytes, quick->shift);
}

void quick_verdicts(const struct quick *quick, const struct address *addresses, size_t count, uint8_t *ret_verdicts)
{
    for (size_t i = 0; i < count + 2 * QUICK_AHEAD; i++) {
        if (i < count)
            __builtin_prefetch(&quick->first[bucket_of(quick, &addresses[i])]);
        if (i >= QUICK_AHEAD && i - QUICK_AHEAD < count) {
            const uint32_t *first = &quick->first[bucket_of(quick, &addresses[i - QUICK_AHEAD])];
            __builtin_prefetch(quick->entries + first[0]);
            __builtin_prefetch(quick->entries + first[1]);
        }
        if (i < 2 * QUICK_AHEAD)
            continue;
        const struct address *address = &addresses[i - 2 * QUICK_AHEAD];
        size_t bucket = bucket_of(quick, address);
        uint8_t verdict = (uint8_t)quick->unseen;
        for (uint32_t at = quick->first[bucket]; at < quick->first[bucket + 1]; at++)
            if (memcmp(quick->entries[at].bytes, address->bytes, sizeof(address->bytes)) == 0)
                verdict = quick->entries[at].verdict;
        ret_verdicts[i - 2 * QUICK_AHEAD] = verdict;
    }
}
