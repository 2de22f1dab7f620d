/* naive_taint.c - see naive_taint.h. Numbers in comments are sections of the specification. */
#include "naive_taint.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TAGS_MAX (NAIVE_SOURCES_MAX + 2u)
#define ROWS_MAX 64u    /* of one transaction */
#define POCKETS_MAX 16u /* assets of one group */

/* 3.4, 5.2: a parcel or a queue, oldest first. */
struct lot {
    struct u256 units;
    unsigned tag;
};
struct pile {
    struct lot *lots;
    size_t count, capacity;
};

/* 3.3, 7: what is known of a source in a holding, or of one in a parcel (then via is the parent). */
struct mark {
    bool set;
    uint32_t hop;
    bool has_via;
    struct position via;
};

struct holding {
    struct address account;
    struct asset asset;
    struct u256 balance;
    struct pile queue;              /* queue policies */
    struct u256 amount[TAGS_MAX];   /* haircut; clean is not kept */
    bool joined[NAIVE_SOURCES_MAX]; /* poison */
    struct mark mark[NAIVE_SOURCES_MAX];
};

struct parcel {
    struct u256 total;
    struct pile pile;                /* not poison */
    bool carries[NAIVE_SOURCES_MAX]; /* poison */
    struct mark info[NAIVE_SOURCES_MAX];
};

enum column { SEEDED, EMITTED, CREATED, CONVERTED_IN, HELD, ABSORBED, BURNED, FEES, CONVERTED_OUT, RETAGGED, COLUMNS };

struct total {
    struct asset asset;
    unsigned tag;
    struct u320 column[COLUMNS];
};

struct absorbed {
    struct address account;
    struct asset asset;
    unsigned tag;
    struct u320 amount;
};

enum outcome { NOT_IN_GRAPH, OK, ZERO, SELF, OVERFLOW };

/* What became of a row, for 10. */
struct outcome_of {
    enum outcome outcome;
    bool sunk; /* a fee row under fees=sink */
    struct u256 units[TAGS_MAX];
    struct mark info[NAIVE_SOURCES_MAX];
};

struct record {
    size_t row;
    unsigned source;
    struct u256 tainted;
    uint32_t hop;
    bool has_parent;
    struct position parent;
};

struct active {
    unsigned source;
    struct address address;
};

/* 8.3: one asset in the purse of a group. */
struct pocket {
    struct asset asset;
    bool paid;                       /* an in leg was in it */
    struct u320 value, parts[TAGS_MAX]; /* V, P */
    struct address last_to;
    struct u320 wanted, rest, undrawn;  /* W, N, R */
    struct u320 pot[TAGS_MAX];
};

struct group {
    size_t legs[ROWS_MAX];
    size_t leg_count;
    size_t last_in;
    struct pocket pockets[POCKETS_MAX];
    size_t pocket_count;
    struct mark base[NAIVE_SOURCES_MAX]; /* via: the key */
    struct address payers[ROWS_MAX];
    size_t payer_count;
};

struct engine {
    const struct taint_input *input;
    const struct transfer *rows;
    size_t row_count;
    unsigned sources, unknown, clean;
    char names[NAIVE_SOURCES_MAX][TRACER_SOURCE_NAME_MAX + 1];
    bool poison;
    struct address *explored;
    size_t explored_count;
    struct holding **holdings;
    size_t holding_count, holding_capacity;
    struct total *totals;
    size_t total_count, total_capacity;
    struct absorbed *absorbed;
    size_t absorbed_count, absorbed_capacity;
    struct record *records;
    size_t record_count, record_capacity;
    struct active *active;
    size_t active_count;
    struct outcome_of *outcomes;
    uint64_t groups_bad, groups_ok, overflow, overspend, replayed, seeds_done, self, zero;
};

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static void sort(void *array, size_t count, size_t size, int (*order)(const void *, const void *))
{
    if (count)
        qsort(array, count, size, order);
}

static void grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return;
    *capacity = *capacity ? 2 * *capacity : 8;
    *array = must(realloc(*array, *capacity * size));
}

/* ---- 3.4 piles ---- */

static struct u256 plus(struct u256 a, struct u256 b)
{
    struct u256 sum;
    bool fits = u256_add(a, b, &sum);
    assert(fits);
    (void)fits;
    return sum;
}

static struct u256 minus(struct u256 a, struct u256 b)
{
    struct u256 difference;
    bool enough = u256_sub(a, b, &difference);
    assert(enough);
    (void)enough;
    return difference;
}

static void pile_tidy(struct pile *pile)
{
    size_t kept = 0;
    for (size_t i = 0; i < pile->count; i++) {
        struct lot lot = pile->lots[i];
        if (u256_is_zero(lot.units))
            continue;
        if (kept && pile->lots[kept - 1].tag == lot.tag)
            pile->lots[kept - 1].units = plus(pile->lots[kept - 1].units, lot.units);
        else
            pile->lots[kept++] = lot;
    }
    pile->count = kept;
}

static void pile_append(struct pile *pile, struct u256 units, unsigned tag)
{
    grow((void **)&pile->lots, pile->count, &pile->capacity, sizeof(*pile->lots));
    pile->lots[pile->count++] = (struct lot){units, tag};
    pile_tidy(pile);
}

static void pile_prepend(struct pile *pile, struct u256 units, unsigned tag)
{
    grow((void **)&pile->lots, pile->count, &pile->capacity, sizeof(*pile->lots));
    memmove(pile->lots + 1, pile->lots, pile->count * sizeof(*pile->lots));
    pile->lots[0] = (struct lot){units, tag};
    pile->count++;
    pile_tidy(pile);
}

static struct u256 pile_units(const struct pile *pile, unsigned tag)
{
    struct u256 sum = {{0}};
    for (size_t i = 0; i < pile->count; i++)
        if (pile->lots[i].tag == tag)
            sum = plus(sum, pile->lots[i].units);
    return sum;
}

/* ---- names, classes, tables of totals ---- */

static unsigned source_index(const struct engine *e, const char *name)
{
    for (unsigned s = 0; s < e->sources; s++)
        if (strcmp(e->names[s], name) == 0)
            return s;
    abort();
}

static unsigned unknown_tag(const struct engine *e)
{
    return e->input->options.unknown == UNKNOWN_CLEAN ? e->clean : e->unknown; /* 4.4 */
}

static const struct taint_label *label_of(const struct engine *e, struct address account)
{
    for (size_t i = 0; i < e->input->label_count; i++)
        if (address_equal(e->input->labels[i].address, account))
            return &e->input->labels[i];
    return NULL;
}

static bool is_venue(const struct engine *e, struct address account)
{
    const struct taint_label *label = label_of(e, account);
    return label && label->class_ == CLASS_VENUE;
}

static bool is_explored(const struct engine *e, struct address account)
{
    for (size_t i = 0; i < e->explored_count; i++)
        if (address_equal(e->explored[i], account))
            return true;
    return false;
}

static bool is_frontier(const struct engine *e, struct address account)
{
    return !address_is_void(account) && !label_of(e, account) && e->input->has_explored && !is_explored(e, account);
}

static bool is_plain(const struct engine *e, struct address account)
{
    return !address_is_void(account) && !label_of(e, account) && !is_frontier(e, account);
}

static const struct taint_asset *listed(const struct engine *e, const struct asset *asset)
{
    for (size_t i = 0; e->input->has_assets && i < e->input->asset_count; i++)
        if (asset_equal(&e->input->assets[i].asset, asset))
            return &e->input->assets[i];
    return NULL;
}

static void count_total(struct engine *e, const struct asset *asset, unsigned tag, enum column column, struct u320 amount)
{
    if (tag == e->clean)
        return;
    size_t i = 0;
    while (i < e->total_count && !(e->totals[i].tag == tag && asset_equal(&e->totals[i].asset, asset)))
        i++;
    if (i == e->total_count) {
        grow((void **)&e->totals, e->total_count, &e->total_capacity, sizeof(*e->totals));
        e->totals[e->total_count++] = (struct total){.asset = *asset, .tag = tag};
    }
    u320_add_u320(&e->totals[i].column[column], amount);
}

static void count_units(struct engine *e, const struct asset *asset, unsigned tag, enum column column, struct u256 amount)
{
    count_total(e, asset, tag, column, u320_from_u256(amount));
}

static void absorb(struct engine *e, struct address account, const struct asset *asset, unsigned tag, struct u320 amount)
{
    if (tag == e->clean || u320_is_zero(amount))
        return;
    if (address_is_void(account)) {
        count_total(e, asset, tag, BURNED, amount);
        return;
    }
    count_total(e, asset, tag, ABSORBED, amount);
    size_t i = 0;
    while (i < e->absorbed_count && !(e->absorbed[i].tag == tag && address_equal(e->absorbed[i].account, account) &&
                                      asset_equal(&e->absorbed[i].asset, asset)))
        i++;
    if (i == e->absorbed_count) {
        grow((void **)&e->absorbed, e->absorbed_count, &e->absorbed_capacity, sizeof(*e->absorbed));
        e->absorbed[e->absorbed_count++] = (struct absorbed){.account = account, .asset = *asset, .tag = tag};
    }
    u320_add_u320(&e->absorbed[i].amount, amount);
}

/* ---- holdings ---- */

static struct holding *holding_of(struct engine *e, struct address account, const struct asset *asset)
{
    for (size_t i = 0; i < e->holding_count; i++)
        if (address_equal(e->holdings[i]->account, account) && asset_equal(&e->holdings[i]->asset, asset))
            return e->holdings[i];
    grow((void **)&e->holdings, e->holding_count, &e->holding_capacity, sizeof(*e->holdings));
    struct holding *holding = must(calloc(1, sizeof(*holding)));
    holding->account = account;
    holding->asset = *asset;
    return e->holdings[e->holding_count++] = holding;
}

static struct u256 held_units(const struct engine *e, const struct holding *holding, unsigned tag)
{
    switch (e->input->options.policy) {
    case POLICY_POISON:
        return tag < e->sources && holding->joined[tag] ? holding->balance : (struct u256){{0}};
    case POLICY_HAIRCUT:
        return holding->amount[tag];
    case POLICY_FIFO:
    case POLICY_LIFO:
    case POLICY_CLEANFIRST:
    case POLICY_TAINTFIRST:
    case POLICY_COUNT:
        break;
    }
    return pile_units(&holding->queue, tag);
}

static struct u256 parcel_units(const struct engine *e, const struct parcel *parcel, unsigned tag)
{
    if (e->poison)
        return tag < e->sources && parcel->carries[tag] ? parcel->total : (struct u256){{0}};
    return pile_units(&parcel->pile, tag);
}

static void parcel_add(struct engine *e, struct parcel *parcel, struct u256 units, unsigned tag)
{
    if (e->poison) {
        if (tag < e->sources && !u256_is_zero(units))
            parcel->carries[tag] = true;
    } else {
        pile_append(&parcel->pile, units, tag);
    }
}

static bool is_active(const struct engine *e, struct address account, unsigned source)
{
    for (size_t i = 0; i < e->active_count; i++)
        if (e->active[i].source == source && address_equal(e->active[i].address, account))
            return true;
    return false;
}

/* The lowest active source of the account; `clean` if it has none. */
static unsigned lowest_active(const struct engine *e, struct address account)
{
    for (unsigned s = 0; s < e->sources; s++)
        if (is_active(e, account, s))
            return s;
    return e->clean;
}

/* 6.1: in place. */
static void retag_holding(struct engine *e, struct holding *holding)
{
    unsigned source = lowest_active(e, holding->account);
    if (source == e->clean)
        return;
    if (e->poison) {
        for (unsigned s = 0; s < e->sources && !u256_is_zero(holding->balance); s++)
            if (is_active(e, holding->account, s)) {
                holding->joined[s] = true;
                holding->mark[s] = (struct mark){.set = true};
            }
        return;
    }
    struct u256 turned = {{0}}, known = {{0}}, unknown;
    if (e->input->options.policy == POLICY_HAIRCUT) {
        for (unsigned s = 0; s < e->sources; s++)
            known = plus(known, holding->amount[s]);
        turned = minus(holding->balance, known);
        unknown = holding->amount[e->unknown];
        holding->amount[e->unknown] = (struct u256){{0}};
        holding->amount[source] = plus(holding->amount[source], turned);
    } else {
        unknown = pile_units(&holding->queue, e->unknown);
        turned = plus(unknown, pile_units(&holding->queue, e->clean));
        for (size_t i = 0; i < holding->queue.count; i++)
            if (holding->queue.lots[i].tag >= e->sources)
                holding->queue.lots[i].tag = source;
        pile_tidy(&holding->queue);
    }
    count_units(e, &holding->asset, source, SEEDED, turned);
    count_units(e, &holding->asset, e->unknown, RETAGGED, unknown);
    if (!u256_is_zero(held_units(e, holding, source)))
        holding->mark[source] = (struct mark){.set = true};
}

/* 5.1, on 320 bits, which does for holdings and purses alike. */
static void scale(const struct engine *e, const struct u320 *parts, struct u320 whole, struct u320 x, struct u320 *result)
{
    struct u320 sum = {{0}}, before = {{0}};
    for (unsigned t = 0; t < e->clean; t++) {
        struct u320 quotient;
        u320_add_u320(&sum, parts[t]);
        bool fits = u320_mul_div(sum, x, whole, &quotient);
        assert(fits);
        (void)fits;
        result[t] = quotient;
        u320_sub_u320(&result[t], before);
        before = quotient;
    }
}

static struct u256 narrow(struct u320 value)
{
    assert(value.limb[4] == 0);
    return (struct u256){{value.limb[0], value.limb[1], value.limb[2], value.limb[3]}};
}

enum which { ANY, TAINTED, UNTAINTED };

/* Units of the wanted kind leave, oldest first, until *left is none. */
static void take_oldest(struct engine *e, struct holding *holding, enum which which, struct u256 *left, struct parcel *parcel)
{
    for (size_t i = 0; i < holding->queue.count; i++) {
        struct lot *lot = &holding->queue.lots[i];
        bool tainted = lot->tag < e->sources;
        if ((which == TAINTED && !tainted) || (which == UNTAINTED && tainted))
            continue;
        struct u256 taken = u256_min(lot->units, *left);
        pile_append(&parcel->pile, taken, lot->tag);
        lot->units = minus(lot->units, taken);
        *left = minus(*left, taken);
    }
    pile_tidy(&holding->queue);
}

static void take_newest(struct holding *holding, struct u256 v, struct parcel *parcel)
{
    struct u256 stay = minus(holding->balance, v); /* skip the oldest units that stay */
    for (size_t i = 0; i < holding->queue.count; i++) {
        struct lot *lot = &holding->queue.lots[i];
        struct u256 skipped = u256_min(lot->units, stay), gone = minus(lot->units, skipped);
        stay = minus(stay, skipped);
        pile_append(&parcel->pile, gone, lot->tag);
        lot->units = skipped;
    }
    pile_tidy(&holding->queue);
}

static void take_share(struct engine *e, struct holding *holding, struct u256 v, struct parcel *parcel)
{
    struct u320 parts[TAGS_MAX] = {0}, result[TAGS_MAX] = {0};
    struct u256 clean = v;
    for (unsigned t = 0; t < e->clean; t++)
        parts[t] = u320_from_u256(holding->amount[t]);
    scale(e, parts, u320_from_u256(holding->balance), u320_from_u256(v), result);
    for (unsigned t = 0; t < e->clean; t++) {
        struct u256 units = narrow(result[t]);
        holding->amount[t] = minus(holding->amount[t], units);
        clean = minus(clean, units);
        parcel_add(e, parcel, units, t);
    }
    parcel_add(e, parcel, clean, e->clean);
}

/* 5: v <= B units leave. */
static void take(struct engine *e, struct holding *holding, struct u256 v, struct parcel *parcel)
{
    struct u256 left = v;
    switch (e->input->options.policy) {
    case POLICY_FIFO:
        take_oldest(e, holding, ANY, &left, parcel);
        break;
    case POLICY_LIFO:
        take_newest(holding, v, parcel);
        break;
    case POLICY_CLEANFIRST:
        take_oldest(e, holding, UNTAINTED, &left, parcel);
        take_oldest(e, holding, TAINTED, &left, parcel);
        break;
    case POLICY_TAINTFIRST:
        take_oldest(e, holding, TAINTED, &left, parcel);
        take_oldest(e, holding, UNTAINTED, &left, parcel);
        break;
    case POLICY_HAIRCUT:
        take_share(e, holding, v, parcel);
        break;
    case POLICY_POISON:
        memcpy(parcel->carries, holding->joined, sizeof(parcel->carries));
        break;
    case POLICY_COUNT:
        abort();
    }
    holding->balance = minus(holding->balance, v);
    if (u256_is_zero(holding->balance))
        memset(holding->joined, 0, sizeof(holding->joined));
    for (unsigned s = 0; s < e->sources; s++)
        if (u256_is_zero(held_units(e, holding, s)))
            holding->mark[s] = (struct mark){0};
}

/* 4.4 */
static void overspend(struct engine *e, struct holding *holding, struct u256 v)
{
    if (u256_compare(v, holding->balance) <= 0)
        return;
    e->overspend++;
    struct u256 created = minus(v, holding->balance);
    unsigned source = lowest_active(e, holding->account), tag = source == e->clean ? unknown_tag(e) : source;
    holding->balance = v;
    if (e->poison) {
        retag_holding(e, holding); /* all active sources join */
        return;
    }
    if (e->input->options.policy == POLICY_HAIRCUT) {
        if (tag != e->clean)
            holding->amount[tag] = plus(holding->amount[tag], created);
    } else {
        pile_prepend(&holding->queue, created, tag);
    }
    count_units(e, &holding->asset, tag, tag == source ? SEEDED : CREATED, created);
    if (source != e->clean)
        holding->mark[source] = (struct mark){.set = true};
}

/* 4.3 */
static void depart(struct engine *e, const struct transfer *row, struct parcel *parcel)
{
    struct u256 v = row->amount;
    parcel->total = v;
    if (address_is_void(row->from)) {
        bool hidden = row->kind == TRANSFER_ADJUST ||
                      (row->kind == TRANSFER_OPENING && e->input->options.opening != OPENING_CLEAN);
        unsigned tag = hidden ? unknown_tag(e) : e->clean;
        count_units(e, &row->asset, tag, CREATED, v);
        parcel_add(e, parcel, v, tag);
    } else if (!is_plain(e, row->from)) {
        const struct taint_label *label = label_of(e, row->from);
        unsigned tag = unknown_tag(e);
        if (label && label->emit[0]) {
            tag = source_index(e, label->emit);
            parcel->info[tag] = (struct mark){.set = true, .hop = 1};
        } else if (label && label->class_ == CLASS_SERVICE) {
            tag = e->clean;
        }
        count_units(e, &row->asset, tag, EMITTED, v);
        parcel_add(e, parcel, v, tag);
    } else {
        struct holding *holding = holding_of(e, row->from, &row->asset);
        overspend(e, holding, v);
        for (unsigned s = 0; s < e->sources; s++) {
            parcel->info[s] = holding->mark[s];
            parcel->info[s].hop++;
        }
        take(e, holding, v, parcel);
    }
}

/* 4.5 */
static void arrive(struct engine *e, const struct transfer *row, const struct parcel *parcel)
{
    if (!is_plain(e, row->to)) {
        for (unsigned t = 0; t < e->clean; t++)
            absorb(e, row->to, &row->asset, t, u320_from_u256(parcel_units(e, parcel, t)));
        return;
    }
    struct holding *holding = holding_of(e, row->to, &row->asset);
    bool had[NAIVE_SOURCES_MAX];
    for (unsigned s = 0; s < e->sources; s++)
        had[s] = !u256_is_zero(held_units(e, holding, s));
    holding->balance = plus(holding->balance, parcel->total);
    for (unsigned t = 0; t < e->clean; t++)
        if (e->input->options.policy == POLICY_HAIRCUT)
            holding->amount[t] = plus(holding->amount[t], parcel_units(e, parcel, t));
    for (unsigned s = 0; s < e->sources && e->poison; s++)
        holding->joined[s] = holding->joined[s] || parcel->carries[s];
    for (size_t i = 0; i < parcel->pile.count && e->input->options.policy != POLICY_HAIRCUT; i++)
        pile_append(&holding->queue, parcel->pile.lots[i].units, parcel->pile.lots[i].tag);
    for (unsigned s = 0; s < e->sources; s++) {
        if (u256_is_zero(parcel_units(e, parcel, s)))
            continue;
        if (is_active(e, row->to, s))
            holding->mark[s] = (struct mark){.set = true};
        else if (!had[s] || parcel->info[s].hop < holding->mark[s].hop)
            holding->mark[s] =
                (struct mark){.set = true, .hop = parcel->info[s].hop, .has_via = true, .via = row->position};
    }
    retag_holding(e, holding);
}

/* 6.2 */
static void apply_seeds(struct engine *e, const struct transfer *row, struct parcel *parcel)
{
    for (unsigned s = 0; s < e->sources; s++) {
        for (size_t i = 0; i < e->input->seed_count; i++) {
            const struct taint_seed *seed = &e->input->seeds[i];
            if (seed->is_address || source_index(e, seed->source) != s || position_compare(seed->position, row->position))
                continue;
            if (e->poison) {
                parcel->carries[s] = true;
                parcel->info[s] = (struct mark){.set = true};
                e->seeds_done++;
                continue;
            }
            struct u256 left = seed->has_amount ? seed->amount : parcel->total, done = {{0}};
            struct pile after = {0};
            for (size_t l = 0; l < parcel->pile.count; l++) {
                struct lot lot = parcel->pile.lots[l];
                struct u256 turned = {{0}};
                if (lot.tag >= e->sources)
                    turned = u256_min(lot.units, left);
                left = minus(left, turned);
                done = plus(done, turned);
                if (lot.tag == e->unknown)
                    count_units(e, &row->asset, e->unknown, RETAGGED, turned);
                pile_append(&after, turned, s);
                pile_append(&after, minus(lot.units, turned), lot.tag);
            }
            free(parcel->pile.lots);
            parcel->pile = after;
            if (u256_is_zero(done))
                continue;
            count_units(e, &row->asset, s, SEEDED, done);
            parcel->info[s] = (struct mark){.set = true};
            e->seeds_done++;
        }
    }
}

/* Step 6 of 4.2, and what `check` shows. */
static void remember(struct engine *e, size_t row, const struct parcel *parcel, bool sunk)
{
    struct outcome_of *outcome = &e->outcomes[row];
    outcome->outcome = OK;
    outcome->sunk = sunk;
    memcpy(outcome->info, parcel->info, sizeof(outcome->info));
    for (unsigned t = 0; t < e->clean; t++)
        outcome->units[t] = parcel_units(e, parcel, t);
    for (unsigned s = 0; s < e->sources && !sunk; s++) {
        if (u256_is_zero(outcome->units[s]))
            continue;
        grow((void **)&e->records, e->record_count, &e->record_capacity, sizeof(*e->records));
        e->records[e->record_count++] = (struct record){.row = row,
                                                        .source = s,
                                                        .tainted = outcome->units[s],
                                                        .hop = parcel->info[s].hop,
                                                        .has_parent = parcel->info[s].has_via,
                                                        .parent = parcel->info[s].via};
    }
}

static bool would_overflow(struct engine *e, const struct transfer *row)
{
    struct u256 sum;
    return is_plain(e, row->to) && !u256_add(holding_of(e, row->to, &row->asset)->balance, row->amount, &sum);
}

/* 4.2 */
static void run_ordinary(struct engine *e, size_t index)
{
    const struct transfer *row = &e->rows[index];
    if (u256_is_zero(row->amount)) {
        e->zero++;
        e->outcomes[index].outcome = ZERO;
        return;
    }
    if (address_equal(row->from, row->to)) {
        e->self++;
        e->outcomes[index].outcome = SELF;
        return;
    }
    if (would_overflow(e, row)) {
        e->overflow++;
        e->outcomes[index].outcome = OVERFLOW;
        return;
    }
    struct parcel parcel = {0};
    depart(e, row, &parcel);
    if (row->kind == TRANSFER_FEE && e->input->options.fees == FEES_SINK) { /* 4.6 */
        for (unsigned t = 0; t < e->clean; t++)
            count_units(e, &row->asset, t, FEES, parcel_units(e, &parcel, t));
        remember(e, index, &parcel, true);
        if (is_plain(e, row->to)) {
            struct parcel washed = {.total = row->amount};
            parcel_add(e, &washed, row->amount, e->clean);
            arrive(e, row, &washed);
            free(washed.pile.lots);
        }
    } else {
        if (row->kind != TRANSFER_FEE)
            apply_seeds(e, row, &parcel);
        arrive(e, row, &parcel);
        remember(e, index, &parcel, false);
    }
    free(parcel.pile.lots);
}

/* ---- 8 ---- */

static struct pocket *pocket_of(struct group *group, const struct asset *asset)
{
    for (size_t i = 0; i < group->pocket_count; i++)
        if (asset_equal(&group->pockets[i].asset, asset))
            return &group->pockets[i];
    assert(group->pocket_count < POCKETS_MAX);
    struct pocket *pocket = &group->pockets[group->pocket_count++];
    *pocket = (struct pocket){.asset = *asset};
    return pocket;
}

static void run_in_leg(struct engine *e, struct group *group, size_t index)
{
    const struct transfer *row = &e->rows[index];
    struct parcel parcel = {0};
    depart(e, row, &parcel);
    apply_seeds(e, row, &parcel);
    remember(e, index, &parcel, false);
    struct pocket *pocket = pocket_of(group, &row->asset);
    pocket->paid = true;
    pocket->last_to = row->to;
    u320_add(&pocket->value, row->amount);
    for (unsigned t = 0; t < e->clean; t++) {
        struct u256 units = parcel_units(e, &parcel, t);
        u320_add(&pocket->parts[t], units);
        if (t >= e->sources || u256_is_zero(units))
            continue;
        uint32_t base = parcel.info[t].hop > 1 ? parcel.info[t].hop - 1 : 0;
        if (!group->base[t].set || base < group->base[t].hop)
            group->base[t] = (struct mark){.set = true, .hop = base, .has_via = true, .via = row->position};
    }
    group->payers[group->payer_count++] = row->from;
    free(parcel.pile.lots);
}

static void text_of(const struct asset *asset, char text[static ASSET_TEXT_SIZE])
{
    asset_format(*asset, text);
}

static int order_pockets(const void *a, const void *b)
{
    char x[ASSET_TEXT_SIZE], y[ASSET_TEXT_SIZE];
    text_of(&((const struct pocket *)a)->asset, x);
    text_of(&((const struct pocket *)b)->asset, y);
    return strcmp(x, y);
}

static struct u320 value_of(const struct engine *e, const struct pocket *pocket)
{
    const struct taint_asset *asset = listed(e, &pocket->asset);
    struct u320 weight = {{0}}, unit = {{1}}, value, most = {{UINT64_MAX, UINT64_MAX}};
    if (!asset)
        return weight;
    weight.limb[0] = asset->weight;
    for (uint32_t i = 0; i < asset->decimals; i++) {
        bool fits = u320_mul_div(unit, (struct u320){{10}}, (struct u320){{1}}, &unit);
        assert(fits);
        (void)fits;
    }
    return u320_mul_div(pocket->value, weight, unit, &value) && u320_compare(value, most) < 0 ? value : most;
}

static struct u320 tainted_of(const struct engine *e, const struct pocket *pocket)
{
    struct u320 sum = {{0}};
    for (unsigned s = 0; s < e->sources; s++)
        u320_add_u320(&sum, pocket->parts[s]);
    return sum;
}

static void convert(struct engine *e, struct group *group)
{
    struct u320 values[POCKETS_MAX] = {0}, sum = {{0}};
    bool priced = true;
    struct pocket *most = NULL;
    for (size_t i = 0; i < group->pocket_count; i++) {
        struct pocket *in = &group->pockets[i];
        if (u320_is_zero(in->value))
            continue;
        const struct taint_asset *asset = listed(e, &in->asset);
        priced = priced && asset && asset->weight > 0;
        values[i] = value_of(e, in);
        u320_add_u320(&sum, values[i]);
        if (!most || u320_compare_products(tainted_of(e, in), most->value, tainted_of(e, most), in->value) > 0)
            most = in;
        for (unsigned t = 0; t < e->clean; t++)
            count_total(e, &in->asset, t, CONVERTED_OUT, in->parts[t]);
    }
    if (!priced || u320_is_zero(sum)) {
        for (size_t i = 0; i < group->pocket_count; i++)
            values[i] = (struct u320){{&group->pockets[i] == most}};
        sum = (struct u320){{1}};
    }
    for (size_t o = 0; o < group->pocket_count; o++) {
        struct pocket *out = &group->pockets[o];
        struct u320 cumulative = {{0}}, before = {{0}};
        if (u320_is_zero(out->rest))
            continue;
        for (size_t i = 0; i < group->pocket_count; i++) {
            struct pocket *in = &group->pockets[i];
            struct u320 slice, now, share[TAGS_MAX] = {0};
            if (u320_is_zero(in->value))
                continue;
            u320_add_u320(&cumulative, values[i]);
            bool fits = u320_mul_div(out->rest, cumulative, sum, &now);
            assert(fits);
            (void)fits;
            slice = now;
            u320_sub_u320(&slice, before);
            before = now;
            scale(e, in->parts, in->value, slice, share);
            for (unsigned t = 0; t < e->clean; t++) {
                u320_add_u320(&out->pot[t], share[t]);
                count_total(e, &out->asset, t, CONVERTED_IN, share[t]);
            }
        }
    }
}

/* After the last in leg. */
static void settle(struct engine *e, struct group *group)
{
    for (size_t i = 0; i < group->leg_count; i++) {
        const struct transfer *row = &e->rows[group->legs[i]];
        bool in = is_venue(e, row->to) || address_is_void(row->to);
        if (!in)
            u320_add(&pocket_of(group, &row->asset)->wanted, row->amount);
    }
    sort(group->pockets, group->pocket_count, sizeof(*group->pockets), order_pockets);
    bool any_in = false, any_out = false;
    for (size_t i = 0; i < group->pocket_count; i++) {
        struct pocket *p = &group->pockets[i];
        p->rest = p->undrawn = p->wanted;
        if (p->paid && !u320_is_zero(p->wanted)) {
            struct u320 x = u320_compare(p->value, p->wanted) < 0 ? p->value : p->wanted, r[TAGS_MAX] = {0};
            if (!e->poison)
                scale(e, p->parts, p->value, x, r);
            for (unsigned t = 0; t < e->clean && !e->poison; t++) {
                u320_add_u320(&p->pot[t], r[t]);
                u320_sub_u320(&p->parts[t], r[t]);
            }
            u320_sub_u320(&p->value, x);
            u320_sub_u320(&p->rest, x);
        }
        any_in = any_in || !u320_is_zero(p->value);
        any_out = any_out || !u320_is_zero(p->rest);
    }
    for (size_t i = 0; i < group->pocket_count; i++) {
        struct pocket *p = &group->pockets[i];
        for (unsigned t = 0; t < e->clean && !any_out && !u320_is_zero(p->value); t++)
            absorb(e, p->last_to, &p->asset, t, p->parts[t]); /* poison: the sum of v */
        if (any_in || u320_is_zero(p->rest) || unknown_tag(e) == e->clean || e->poison)
            continue;
        u320_add_u320(&p->pot[e->unknown], p->rest);
        count_total(e, &p->asset, e->unknown, EMITTED, p->rest);
    }
    if (any_in && any_out && !e->poison)
        convert(e, group);
}

static void run_out_leg(struct engine *e, struct group *group, size_t index)
{
    const struct transfer *row = &e->rows[index];
    struct pocket *pocket = pocket_of(group, &row->asset);
    struct parcel parcel = {.total = row->amount};
    struct u320 m[TAGS_MAX] = {0};
    struct u256 clean = row->amount;
    if (!e->poison)
        scale(e, pocket->pot, pocket->undrawn, u320_from_u256(row->amount), m);
    for (unsigned t = 0; t < e->clean; t++) {
        u320_sub_u320(&pocket->pot[t], m[t]);
        clean = minus(clean, narrow(m[t]));
        parcel_add(e, &parcel, narrow(m[t]), t);
    }
    parcel_add(e, &parcel, clean, e->clean);
    for (size_t i = 0; i < group->pocket_count; i++)
        for (unsigned s = 0; s < e->sources && e->poison; s++)
            parcel.carries[s] = parcel.carries[s] || !u320_is_zero(group->pockets[i].parts[s]);
    u320_sub(&pocket->undrawn, row->amount);
    if (would_overflow(e, row)) {
        e->overflow++;
        e->outcomes[index].outcome = OVERFLOW;
        for (unsigned t = 0; t < e->clean; t++)
            absorb(e, row->from, &row->asset, t, u320_from_u256(parcel_units(e, &parcel, t)));
        free(parcel.pile.lots);
        return;
    }
    bool payer = false;
    for (size_t i = 0; i < group->payer_count; i++)
        payer = payer || address_equal(group->payers[i], row->to);
    for (unsigned s = 0; s < e->sources; s++) {
        parcel.info[s] = group->base[s];
        parcel.info[s].hop += payer ? 0 : 1;
    }
    apply_seeds(e, row, &parcel);
    arrive(e, row, &parcel);
    remember(e, index, &parcel, false);
    free(parcel.pile.lots);
}

static bool may_be_leg(const struct transfer *row)
{
    return (row->kind == TRANSFER_VALUE || row->kind == TRANSFER_INTERNAL || row->kind == TRANSFER_TOKEN) &&
           !u256_is_zero(row->amount) && !address_equal(row->from, row->to);
}

/* 8.2(c) for the legs of a group: in[i] says which are in legs. `first`..`end` is the transaction. */
static bool order_holds(const struct engine *e, const size_t *legs, const bool *in, size_t count, size_t last_in, size_t end)
{
    for (size_t i = 0; i < count; i++) {
        const struct transfer *out = &e->rows[legs[i]];
        if (in[i] || legs[i] > last_in)
            continue;
        for (size_t r = legs[i] + 1; r <= last_in && r < end; r++) {
            const struct transfer *row = &e->rows[r];
            if (!u256_is_zero(row->amount) && !address_equal(row->from, row->to) && address_equal(row->from, out->to) &&
                asset_equal(&row->asset, &out->asset))
                return false;
        }
    }
    return true;
}

struct groups {
    struct group *groups; /* the valid ones */
    size_t count, capacity;
    uint64_t bad_count;
};

static void add_group(struct groups *groups, const size_t *legs, const bool *in, size_t count)
{
    grow((void **)&groups->groups, groups->count, &groups->capacity, sizeof(*groups->groups));
    struct group *group = &groups->groups[groups->count++];
    memset(group, 0, sizeof(*group));
    for (size_t i = 0; i < count; i++) {
        group->legs[group->leg_count++] = legs[i];
        if (in[i])
            group->last_in = legs[i];
    }
}

static bool has_end_in(const struct engine *e, size_t row)
{
    return !e->input->has_explored || is_explored(e, e->rows[row].from) || is_explored(e, e->rows[row].to);
}

static bool any_end_in(const struct engine *e, const size_t *legs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (has_end_in(e, legs[i]))
            return true;
    return false;
}

static void find_given(const struct engine *e, size_t first, size_t end, struct groups *groups)
{
    bool done[ROWS_MAX] = {0};
    for (size_t r = first; r < end; r++) {
        size_t legs[ROWS_MAX], count = 0, last_in = 0;
        bool in[ROWS_MAX], some_in = false, some_out = false, good = true;
        if (done[r - first] || e->rows[r].link == 0)
            continue;
        for (size_t i = r; i < end; i++) {
            const struct transfer *row = &e->rows[i];
            if (row->link != e->rows[r].link)
                continue;
            done[i - first] = true;
            if (row->leg == LEG_NONE || !may_be_leg(row))
                continue;
            bool from_inside = is_venue(e, row->from) || address_is_void(row->from);
            bool to_inside = is_venue(e, row->to) || address_is_void(row->to);
            in[count] = row->leg == LEG_IN;
            good = good && (in[count] ? to_inside && !from_inside : from_inside && !to_inside);
            some_in = some_in || in[count];
            some_out = some_out || !in[count];
            if (in[count])
                last_in = i;
            legs[count++] = i;
        }
        if (count == 0)
            continue;
        if (good && some_in && some_out && order_holds(e, legs, in, count, last_in, end))
            add_group(groups, legs, in, count);
        else
            groups->bad_count += any_end_in(e, legs, count); /* 12: what has no end in E is not in the graph */
    }
}

static bool is_inside(const struct engine *e, struct address account, const struct asset *asset)
{
    return is_venue(e, account) || (address_is_void(account) && asset->kind != ASSET_NATIVE && is_venue(e, asset->contract));
}

static bool is_outside(const struct engine *e, struct address account)
{
    return !is_venue(e, account) && !address_is_void(account);
}

static void find_auto(const struct engine *e, size_t first, size_t end, struct groups *groups)
{
    size_t legs[ROWS_MAX], count = 0, last_in = 0;
    bool in[ROWS_MAX], some_in = false, some_out = false;
    for (size_t i = first; i < end; i++) {
        const struct transfer *row = &e->rows[i];
        if (!may_be_leg(row))
            continue;
        bool goes_in = is_outside(e, row->from) && is_inside(e, row->to, &row->asset);
        bool goes_out = is_inside(e, row->from, &row->asset) && is_outside(e, row->to) && listed(e, &row->asset);
        if (!goes_in && !goes_out)
            continue;
        some_in = some_in || goes_in;
        some_out = some_out || goes_out;
        if (goes_in)
            last_in = i;
        in[count] = goes_in;
        legs[count++] = i;
    }
    if (!some_in || !some_out)
        return;
    if (order_holds(e, legs, in, count, last_in, end)) {
        add_group(groups, legs, in, count);
        return;
    }
    for (int pass = 0; pass < 2; pass++) /* first see whether every piece is whole, then make them */
        for (size_t start = 0, stop; start < count; start = stop) {
            bool has_in = false, has_out = false;
            for (stop = start; stop < count && !(stop > start && in[stop] && !in[stop - 1]); stop++) {
                has_in = has_in || in[stop];
                has_out = has_out || !in[stop];
            }
            if (!has_in || !has_out) {
                groups->bad_count += any_end_in(e, legs, count); /* 12: what has no end in E is not in the graph */
                return;
            }
            if (pass == 1)
                add_group(groups, legs + start, in + start, stop - start);
        }
}

static struct group *group_with(struct groups *groups, size_t row)
{
    for (size_t g = 0; g < groups->count; g++)
        for (size_t i = 0; i < groups->groups[g].leg_count; i++)
            if (groups->groups[g].legs[i] == row)
                return &groups->groups[g];
    return NULL;
}

/* ---- replay ---- */

static int order_address_seeds(const void *a, const void *b)
{
    const struct taint_seed *x = a, *y = b;
    if (x->block_number != y->block_number)
        return x->block_number < y->block_number ? -1 : 1;
    int order = strcmp(x->source, y->source);
    return order ? order : address_compare(x->address, y->address);
}

static void activate(struct engine *e, uint64_t block)
{
    struct taint_seed *seeds = must(calloc(e->input->seed_count + 1, sizeof(*seeds)));
    size_t count = 0;
    for (size_t i = 0; i < e->input->seed_count; i++)
        if (e->input->seeds[i].is_address && e->input->seeds[i].block_number <= block)
            seeds[count++] = e->input->seeds[i];
    sort(seeds, count, sizeof(*seeds), order_address_seeds);
    for (size_t i = 0; i < count; i++) {
        unsigned source = source_index(e, seeds[i].source);
        if (is_active(e, seeds[i].address, source))
            continue;
        e->active[e->active_count++] = (struct active){source, seeds[i].address};
        for (size_t h = 0; h < e->holding_count; h++)
            if (address_equal(e->holdings[h]->account, seeds[i].address))
                retag_holding(e, e->holdings[h]);
    }
    free(seeds);
}

static void run_transaction(struct engine *e, size_t first, size_t end)
{
    struct groups *groups = must(calloc(1, sizeof(*groups)));
    assert(end - first <= ROWS_MAX);
    if (e->input->options.links == LINKS_GIVEN)
        find_given(e, first, end, groups);
    else if (e->input->options.links == LINKS_AUTO)
        find_auto(e, first, end, groups);
    bool replayed[ROWS_MAX], any = false;
    for (size_t r = first; r < end; r++) {
        struct group *group = group_with(groups, r);
        replayed[r - first] = group ? any_end_in(e, group->legs, group->leg_count) : has_end_in(e, r);
        any = any || replayed[r - first];
        e->replayed += replayed[r - first];
    }
    for (size_t g = 0; g < groups->count; g++)
        e->groups_ok += any_end_in(e, groups->groups[g].legs, groups->groups[g].leg_count);
    e->groups_bad += groups->bad_count;
    if (any)
        activate(e, e->rows[first].position.block_number);
    for (size_t r = first; r < end; r++) {
        if (!replayed[r - first])
            continue;
        struct group *group = group_with(groups, r);
        if (!group) {
            run_ordinary(e, r);
            continue;
        }
        bool in = is_venue(e, e->rows[r].to) || address_is_void(e->rows[r].to);
        if (in)
            run_in_leg(e, group, r);
        else if (r > group->last_in)
            run_out_leg(e, group, r);
        if (r != group->last_in)
            continue;
        settle(e, group);
        for (size_t i = 0; i < group->leg_count; i++) {
            const struct transfer *row = &e->rows[group->legs[i]];
            bool is_out = !is_venue(e, row->to) && !address_is_void(row->to);
            if (is_out && group->legs[i] < r)
                run_out_leg(e, group, group->legs[i]);
        }
    }
    free(groups->groups);
    free(groups);
}

/* ---- 11: tables ---- */

static const char *tag_name(const struct engine *e, unsigned tag)
{
    return tag == e->clean ? "clean" : tag == e->unknown ? "unknown" : e->names[tag];
}

static void put_amount(struct buffer *buffer, struct u320 amount)
{
    char text[U320_DECIMAL_MAX];
    u320_format_decimal(amount, text);
    buffer_text(buffer, text);
}

static void put_units(struct buffer *buffer, struct u256 units)
{
    put_amount(buffer, u320_from_u256(units));
}

static void put_key(struct buffer *buffer, bool has, struct position key)
{
    if (has)
        buffer_printf(buffer, "%" PRIu64 ":%" PRId32 ":%" PRIu32, key.block_number, key.transaction_index, key.index);
    else
        buffer_char(buffer, '-');
}

static void put_account(struct buffer *buffer, struct address account)
{
    buffer_text(buffer, "0x");
    for (size_t i = 0; i < sizeof(account.bytes); i++)
        buffer_printf(buffer, "%02x", account.bytes[i]);
}

static void put_asset(struct buffer *buffer, const struct asset *asset)
{
    char text[ASSET_TEXT_SIZE];
    text_of(asset, text);
    buffer_text(buffer, text);
}

static int order_assets(const struct asset *a, const struct asset *b)
{
    char x[ASSET_TEXT_SIZE], y[ASSET_TEXT_SIZE];
    text_of(a, x);
    text_of(b, y);
    return strcmp(x, y);
}

static int order_records(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return x->source < y->source ? -1 : x->source > y->source;
}

static void write_hops(struct engine *e, struct buffer *out)
{
    sort(e->records, e->record_count, sizeof(*e->records), order_records);
    buffer_text(out, "block,txi,idx,asset,from,to,amount,source,tainted,hop,parent\n");
    for (size_t i = 0; i < e->record_count; i++) {
        const struct record *record = &e->records[i];
        const struct transfer *row = &e->rows[record->row];
        const struct taint_asset *asset = listed(e, &row->asset);
        if (asset && u256_compare(record->tainted, asset->dust) < 0)
            continue;
        buffer_printf(out, "%" PRIu64 ",%" PRId32 ",%" PRIu32 ",", row->position.block_number,
                      row->position.transaction_index, row->position.index);
        put_asset(out, &row->asset);
        buffer_char(out, ',');
        put_account(out, row->from);
        buffer_char(out, ',');
        put_account(out, row->to);
        buffer_char(out, ',');
        put_units(out, row->amount);
        buffer_printf(out, ",%s,", e->names[record->source]);
        put_units(out, record->tainted);
        buffer_printf(out, ",%" PRIu32 ",", record->hop);
        put_key(out, record->has_parent, record->parent);
        buffer_char(out, '\n');
    }
}

static int order_holdings(const void *a, const void *b)
{
    const struct holding *x = *(struct holding *const *)a, *y = *(struct holding *const *)b;
    int order = address_compare(x->account, y->account);
    return order ? order : order_assets(&x->asset, &y->asset);
}

static void write_holdings(struct engine *e, struct buffer *out)
{
    sort(e->holdings, e->holding_count, sizeof(*e->holdings), order_holdings);
    buffer_text(out, "account,asset,balance,tag,amount,hop,via\n");
    for (size_t i = 0; i < e->holding_count; i++) {
        struct holding *holding = e->holdings[i];
        for (unsigned t = 0; t < e->clean; t++) {
            struct u256 units = held_units(e, holding, t);
            if (u256_is_zero(units))
                continue;
            count_units(e, &holding->asset, t, HELD, units);
            put_account(out, holding->account);
            buffer_char(out, ',');
            put_asset(out, &holding->asset);
            buffer_char(out, ',');
            put_units(out, holding->balance);
            buffer_printf(out, ",%s,", tag_name(e, t));
            put_units(out, units);
            buffer_char(out, ',');
            if (t < e->sources) {
                assert(holding->mark[t].set);
                buffer_printf(out, "%" PRIu32 ",", holding->mark[t].hop);
                put_key(out, holding->mark[t].has_via, holding->mark[t].via);
            } else {
                buffer_char(out, ',');
            }
            buffer_char(out, '\n');
        }
    }
}

static void write_lots(struct engine *e, struct buffer *out)
{
    buffer_text(out, "account,asset,pos,amount,tag\n");
    for (size_t i = 0; i < e->holding_count; i++) {
        const struct pile *queue = &e->holdings[i]->queue;
        bool shown = false;
        for (size_t l = 0; l < queue->count; l++)
            shown = shown || queue->lots[l].tag != e->clean;
        for (size_t l = 0; l < queue->count && shown; l++) {
            put_account(out, e->holdings[i]->account);
            buffer_char(out, ',');
            put_asset(out, &e->holdings[i]->asset);
            buffer_printf(out, ",%zu,", l);
            put_units(out, queue->lots[l].units);
            buffer_printf(out, ",%s\n", tag_name(e, queue->lots[l].tag));
        }
    }
}

/* One class to an account, so the class does not matter to the order. */
static int order_absorbed(const void *a, const void *b)
{
    const struct absorbed *x = a, *y = b;
    int order = address_compare(x->account, y->account);
    order = order ? order : order_assets(&x->asset, &y->asset);
    return order ? order : x->tag < y->tag ? -1 : x->tag > y->tag;
}

static void write_absorbed(struct engine *e, struct buffer *out)
{
    sort(e->absorbed, e->absorbed_count, sizeof(*e->absorbed), order_absorbed);
    buffer_text(out, "account,class,asset,tag,amount\n");
    for (size_t i = 0; i < e->absorbed_count; i++) {
        const struct taint_label *label = label_of(e, e->absorbed[i].account);
        put_account(out, e->absorbed[i].account);
        buffer_printf(out, ",%s,", label ? label_class_name(label->class_) : "frontier");
        put_asset(out, &e->absorbed[i].asset);
        buffer_printf(out, ",%s,", tag_name(e, e->absorbed[i].tag));
        put_amount(out, e->absorbed[i].amount);
        buffer_char(out, '\n');
    }
}

static int order_totals(const void *a, const void *b)
{
    const struct total *x = a, *y = b;
    int order = order_assets(&x->asset, &y->asset);
    return order ? order : x->tag < y->tag ? -1 : x->tag > y->tag;
}

static void write_totals(struct engine *e, struct buffer *out)
{
    sort(e->totals, e->total_count, sizeof(*e->totals), order_totals);
    buffer_text(out, "asset,tag,seeded,emitted,created,converted_in,held,absorbed,burned,fees,converted_out,retagged\n");
    for (size_t i = 0; i < e->total_count; i++) {
        const struct total *total = &e->totals[i];
        bool some = false;
        for (int c = 0; c < COLUMNS; c++)
            some = some || !u320_is_zero(total->column[c]);
        if (!some)
            continue;
        put_asset(out, &total->asset);
        buffer_printf(out, ",%s", tag_name(e, total->tag));
        for (int c = 0; c < COLUMNS; c++) {
            buffer_char(out, ',');
            put_amount(out, total->column[c]);
        }
        buffer_char(out, '\n');
        struct u320 left = {{0}}, right = {{0}}; /* 9.1 */
        for (int c = 0; c < COLUMNS; c++)
            u320_add_u320(c < HELD ? &left : &right, total->column[c]);
        assert(u320_compare(left, right) == 0);
    }
}

static void write_diag(const struct engine *e, struct buffer *out)
{
    uint64_t noop = 0;
    for (size_t i = 0; i < e->input->seed_count; i++)
        noop += !e->input->seeds[i].is_address;
    noop -= e->seeds_done;
    buffer_printf(out,
                  "name,count\ngroups_bad,%" PRIu64 "\ngroups_ok,%" PRIu64 "\noverflow,%" PRIu64 "\noverspend,%" PRIu64
                  "\nrows,%" PRIu64 "\nseeds_noop,%" PRIu64 "\nself,%" PRIu64 "\nzero,%" PRIu64 "\n",
                  e->groups_bad, e->groups_ok, e->overflow, e->overspend, e->replayed, noop, e->self, e->zero);
}

/* ---- 10: check ---- */

static void put_path(const struct engine *e, struct buffer *out, struct position key, unsigned source)
{
    for (size_t i = 0; i < e->record_count; i++) {
        const struct record *record = &e->records[i];
        if (record->source != source || position_compare(e->rows[record->row].position, key) != 0)
            continue;
        if (record->has_parent) {
            put_path(e, out, record->parent, source);
            buffer_char(out, ',');
        }
        buffer_char(out, '"');
        put_key(out, true, key);
        buffer_char(out, '"');
        return;
    }
    abort(); /* a path never breaks */
}

static uint32_t parts_per_million(struct u256 part, struct u256 whole)
{
    struct u256 ppm;
    bool fits = u256_mul_div(part, u256_from_u64(1000000), whole, &ppm);
    assert(fits && u256_fits_u64(ppm));
    (void)fits;
    return (uint32_t)ppm.limb[0];
}

static void put_member(struct buffer *out, const char *name, struct u256 units)
{
    buffer_printf(out, "\"%s\":\"", name);
    put_units(out, units);
    buffer_text(out, "\",");
}

static void write_check(const struct engine *e, struct position key, struct buffer *out)
{
    static const char *const names[] = {"not_in_graph", "ok", "zero", "self", "overflow"};
    size_t r = 0;
    while (r < e->row_count && position_compare(e->rows[r].position, key) != 0)
        r++;
    bool found = r < e->row_count && e->outcomes[r].outcome != NOT_IN_GRAPH; /* a filtered row is in no graph */
    const struct transfer none = {0}, *row = found ? &e->rows[r] : &none;
    const struct outcome_of nothing = {0}, *outcome = found ? &e->outcomes[r] : &nothing;
    bool ok = outcome->outcome == OK;
    struct u256 tainted = {{0}}, direct = {{0}}, unknown = {{0}};
    for (unsigned s = 0; s < e->sources && ok; s++) {
        bool is_direct = !outcome->sunk && outcome->info[s].hop <= 1;
        if (u256_is_zero(outcome->units[s]))
            continue;
        tainted = e->poison ? row->amount : plus(tainted, outcome->units[s]);
        if (is_direct)
            direct = e->poison ? row->amount : plus(direct, outcome->units[s]);
    }
    if (ok)
        unknown = outcome->units[e->unknown];
    buffer_char(out, '{');
    put_member(out, "amount", row->amount);
    buffer_text(out, "\"asset\":\"");
    if (found)
        put_asset(out, &row->asset);
    buffer_text(out, "\",");
    put_member(out, "clean", ok ? minus(minus(row->amount, tainted), unknown) : (struct u256){{0}});
    put_member(out, "direct", direct);
    buffer_text(out, "\"from\":\"");
    if (found)
        put_account(out, row->from);
    buffer_text(out, "\",");
    put_member(out, "indirect", minus(tainted, direct));
    buffer_text(out, "\"key\":\"");
    put_key(out, true, key);
    buffer_printf(out, "\",\"policy\":\"%s\",\"ppm_max\":%" PRIu32 ",\"ppm_min\":%" PRIu32 ",\"sources\":[",
                  taint_policy_name(e->input->options.policy),
                  ok ? parts_per_million(plus(tainted, unknown), row->amount) : 0,
                  ok ? parts_per_million(tainted, row->amount) : 0);
    bool first = true;
    for (unsigned s = 0; s < e->sources && ok; s++) {
        if (u256_is_zero(outcome->units[s]))
            continue;
        if (!first)
            buffer_char(out, ',');
        first = false;
        buffer_char(out, '{');
        put_member(out, "amount", outcome->units[s]);
        buffer_printf(out, "\"direct\":%s,\"hop\":%d,\"path\":[",
                      !outcome->sunk && outcome->info[s].hop <= 1 ? "true" : "false",
                      outcome->sunk ? -1 : (int)outcome->info[s].hop);
        if (!outcome->sunk)
            put_path(e, out, key, s);
        buffer_printf(out, "],\"ppm\":%" PRIu32 ",\"source\":\"%s\"}", parts_per_million(outcome->units[s], row->amount),
                      e->names[s]);
    }
    buffer_printf(out, "],\"status\":\"%s\",", names[outcome->outcome]);
    put_member(out, "tainted", tainted);
    buffer_text(out, "\"to\":\"");
    if (found)
        put_account(out, row->to);
    buffer_text(out, "\",\"unknown\":\"");
    put_units(out, unknown);
    buffer_text(out, "\"}\n");
}

/* ---- the whole ---- */

static void add_name(struct engine *e, const char *name)
{
    for (unsigned i = 0; i < e->sources; i++)
        if (strcmp(e->names[i], name) == 0)
            return;
    assert(e->sources < NAIVE_SOURCES_MAX);
    strcpy(e->names[e->sources++], name);
}

static int order_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void add_explored(struct engine *e, struct address account)
{
    if (!address_is_void(account) && !label_of(e, account))
        e->explored[e->explored_count++] = account;
}

static void gather(struct engine *e)
{
    const struct taint_input *input = e->input;
    for (size_t i = 0; i < input->seed_count; i++)
        add_name(e, input->seeds[i].source);
    for (size_t i = 0; i < input->label_count; i++)
        if (input->labels[i].emit[0])
            add_name(e, input->labels[i].emit);
    sort(e->names, e->sources, sizeof(e->names[0]), order_names);
    e->unknown = e->sources;
    e->clean = e->sources + 1;
    e->active = must(calloc(input->seed_count + 1, sizeof(*e->active)));
    e->explored = must(calloc(input->explored_count + input->seed_count + 1, sizeof(*e->explored)));
    for (size_t i = 0; i < input->explored_count && input->has_explored; i++)
        add_explored(e, input->explored[i]);
    for (size_t i = 0; i < input->seed_count && input->has_explored; i++) {
        if (input->seeds[i].is_address)
            add_explored(e, input->seeds[i].address);
        for (size_t r = 0; r < e->row_count && !input->seeds[i].is_address; r++)
            if (position_compare(e->rows[r].position, input->seeds[i].position) == 0)
                add_explored(e, e->rows[r].to);
    }
}

static void release(struct engine *e)
{
    for (size_t i = 0; i < e->holding_count; i++) {
        free(e->holdings[i]->queue.lots);
        free(e->holdings[i]);
    }
    free(e->holdings);
    free(e->totals);
    free(e->absorbed);
    free(e->records);
    free(e->active);
    free(e->explored);
    free(e->outcomes);
}

void naive_taint_run(const struct taint_input *input, const struct transfer *rows, size_t count,
                     const struct position *asks, size_t ask_count, struct naive_taint *ret_naive)
{
    struct engine e = {.input = input, .rows = rows, .row_count = count, .poison = input->options.policy == POLICY_POISON};
    e.outcomes = must(calloc(count + 1, sizeof(*e.outcomes)));
    gather(&e);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && position_same_transaction(rows[first].position, rows[end].position); end++)
            ;
        run_transaction(&e, first, end);
    }
    for (int t = 0; t < NAIVE_TABLE_COUNT; t++)
        buffer_init(&ret_naive->tables[t], TRACER_MIB(64));
    write_hops(&e, &ret_naive->tables[NAIVE_HOPS]);
    write_holdings(&e, &ret_naive->tables[NAIVE_HOLDINGS]);
    if (!e.poison && input->options.policy != POLICY_HAIRCUT)
        write_lots(&e, &ret_naive->tables[NAIVE_LOTS]);
    write_absorbed(&e, &ret_naive->tables[NAIVE_ABSORBED]);
    if (!e.poison)
        write_totals(&e, &ret_naive->tables[NAIVE_TOTALS]);
    write_diag(&e, &ret_naive->tables[NAIVE_DIAG]);
    assert(ask_count <= NAIVE_ASKS_MAX);
    for (size_t i = 0; i < NAIVE_ASKS_MAX; i++) {
        buffer_init(&ret_naive->checks[i], TRACER_MIB(64));
        if (i < ask_count)
            write_check(&e, asks[i], &ret_naive->checks[i]);
    }
    release(&e);
}

void naive_taint_release(struct naive_taint *naive)
{
    for (int t = 0; t < NAIVE_TABLE_COUNT; t++)
        buffer_release(&naive->tables[t]);
    for (size_t i = 0; i < NAIVE_ASKS_MAX; i++)
        buffer_release(&naive->checks[i]);
}
