/* inspect.c - what a row does, shown to an observer: the holdings at both ends before and after, and the
 * units between. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* Lots being written down. */
struct notes {
    struct taint_lot *lots;
    size_t count, capacity;
};

enum { FROM_BEFORE, TAKEN, CARRIED, FROM_AFTER, TO_AFTER, POT, NOTES_COUNT };

struct inspect {
    struct position *transactions; /* sorted */
    size_t transaction_count;
    taint_step_fn *observe;
    void *context;
    struct notes notes[NOTES_COUNT];
    struct taint_step step;
    bool begun, failed; /* no memory */
};

static int order_transactions(const void *a, const void *b)
{
    const struct position *x = a, *y = b;
    if (x->block_number != y->block_number)
        return x->block_number < y->block_number ? -1 : 1;
    return x->transaction_index < y->transaction_index ? -1 : x->transaction_index > y->transaction_index;
}

enum tracer_status taint_observe(struct taint *taint, const struct position *transactions, size_t count,
                                 taint_step_fn *observe, void *context, struct error *err)
{
    struct inspect *inspect = calloc(1, sizeof(*inspect));
    if (!inspect || !(inspect->transactions = calloc(count + 1, sizeof(*transactions)))) {
        free(inspect);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    memcpy(inspect->transactions, transactions, count * sizeof(*transactions));
    qsort(inspect->transactions, count, sizeof(*transactions), order_transactions);
    inspect->transaction_count = count;
    inspect->observe = observe;
    inspect->context = context;
    inspect_release(taint);
    taint->inspect = inspect;
    return TRACER_OK;
}

void inspect_release(struct taint *taint)
{
    if (!taint->inspect)
        return;
    for (size_t i = 0; i < NOTES_COUNT; i++)
        free(taint->inspect->notes[i].lots);
    free(taint->inspect->transactions);
    free(taint->inspect);
    taint->inspect = NULL;
}

/* ---- writing down ---- */

struct noting {
    const struct taint *taint;
    struct notes *notes;
    bool ok;
};

static bool note_lot(void *context, const struct lot *lot)
{
    struct noting *noting = context;
    const struct taint *taint = noting->taint;
    struct taint_lot *lots =
        grow(noting->notes->lots, noting->notes->count, &noting->notes->capacity, sizeof(*lots));
    if (!lots)
        return noting->ok = false;
    noting->notes->lots = lots;
    lots[noting->notes->count++] =
        (struct taint_lot){lot->amount, lot->tag == taint->clean     ? TAINT_CLEAN
                                        : lot->tag == taint->unknown ? TAINT_UNKNOWN
                                                                     : lot->tag};
    return true;
}

static bool note_holding(const struct taint *taint, uint32_t account, uint32_t asset, struct notes *notes)
{
    struct noting noting = {taint, notes, true};
    const struct holding *holding =
        taint->accounts[account].class_ == ACCOUNT_PLAIN ? holding_find(taint, account, asset) : NULL;
    notes->count = 0;
    if (!holding || u256_is_zero(holding->balance))
        return true;
    if (holding->queue && !queue_is_empty(holding->queue)) {
        queue_each(holding->queue, note_lot, &noting);
        return noting.ok;
    }
    struct u256 rest = holding->balance; /* clean: under poison nobody knows, and it says nothing */
    bool poison = taint->options.policy == POLICY_POISON;
    for (uint32_t i = 0; i < holding->tag_count && noting.ok; i++) {
        struct lot lot = {poison ? holding->balance : holding->amounts[i], holding->tags[i].tag};
        note_lot(&noting, &lot);
        rest = poison ? (struct u256){{0}} : units_difference(rest, lot.amount);
    }
    struct lot clean = {rest, taint->clean};
    return noting.ok && (u256_is_zero(rest) || note_lot(&noting, &clean));
}

static bool note_parcel(const struct taint *taint, const struct parcel *parcel, struct notes *notes)
{
    struct noting noting = {taint, notes, true};
    notes->count = 0;
    parcel_each(parcel, note_lot, &noting);
    return noting.ok;
}

static void keep(struct inspect *inspect, bool ok)
{
    inspect->failed = inspect->failed || !ok;
}

/* ---- the moments of a row ---- */

void inspect_begin(struct taint *taint, const struct cursor_row *row)
{
    struct inspect *inspect = taint->inspect;
    inspect->begun = bsearch(&row->position, inspect->transactions, inspect->transaction_count,
                             sizeof(row->position), order_transactions) != NULL;
    if (!inspect->begun)
        return;
    for (size_t i = 0; i < NOTES_COUNT; i++)
        inspect->notes[i].count = 0;
    inspect->step = (struct taint_step){.position = row->position,
                                        .kind = (enum transfer_kind)row->kind,
                                        .from = row->from,
                                        .to = row->to,
                                        .asset = row->asset,
                                        .amount = row->amount,
                                        .from_holds = taint->accounts[row->from].class_ == ACCOUNT_PLAIN,
                                        .to_holds = taint->accounts[row->to].class_ == ACCOUNT_PLAIN};
    keep(inspect, note_holding(taint, row->from, row->asset, &inspect->notes[FROM_BEFORE]));
}

void inspect_overspent(struct taint *taint, struct u256 units, uint32_t tag)
{
    taint->inspect->step.overspent = units;
    taint->inspect->step.overspent_tag = tag_is_source(taint, tag) ? tag
                                         : tag == taint->clean     ? TAINT_CLEAN
                                                                   : TAINT_UNKNOWN;
}

void inspect_leg(struct taint *taint, size_t group, bool out)
{
    taint->inspect->step.group = (uint32_t)group;
    taint->inspect->step.leg = out ? LEG_OUT : LEG_IN;
}

void inspect_pot(struct taint *taint, const struct u320 *pot, struct u320 undrawn)
{
    struct inspect *inspect = taint->inspect;
    struct noting noting = {taint, &inspect->notes[POT], true};
    inspect->step.undrawn = undrawn;
    for (uint32_t t = 0; inspect->begun && t <= taint->source_count && noting.ok; t++) {
        struct lot lot = {{{pot[t].limb[0], pot[t].limb[1], pot[t].limb[2], pot[t].limb[3]}}, t};
        if (!u320_is_zero(pot[t]))
            note_lot(&noting, &lot);
    }
    keep(inspect, noting.ok);
}

void inspect_taken(struct taint *taint, const struct parcel *parcel)
{
    if (taint->inspect->begun)
        keep(taint->inspect, note_parcel(taint, parcel, &taint->inspect->notes[TAKEN]));
}

void inspect_carried(struct taint *taint, const struct parcel *parcel)
{
    if (taint->inspect->begun)
        keep(taint->inspect, note_parcel(taint, parcel, &taint->inspect->notes[CARRIED]));
}

static struct taint_units units_of(const struct notes *notes)
{
    return (struct taint_units){notes->lots, notes->count};
}

bool inspect_end(struct taint *taint, const struct cursor_row *row)
{
    struct inspect *inspect = taint->inspect;
    struct taint_step *step = &inspect->step;
    if (!inspect->begun)
        return true;
    inspect->begun = false;
    keep(inspect, note_holding(taint, row->from, row->asset, &inspect->notes[FROM_AFTER]));
    keep(inspect, note_holding(taint, row->to, row->asset, &inspect->notes[TO_AFTER]));
    step->from_before = units_of(&inspect->notes[FROM_BEFORE]);
    step->taken = units_of(&inspect->notes[TAKEN]);
    step->carried = units_of(&inspect->notes[CARRIED]);
    step->from_after = units_of(&inspect->notes[FROM_AFTER]);
    step->to_after = units_of(&inspect->notes[TO_AFTER]);
    step->pot = units_of(&inspect->notes[POT]);
    return !inspect->failed && inspect->observe(inspect->context, step);
}
