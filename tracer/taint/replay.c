/* replay.c - the rows of a transaction, in order: depart, seeds, arrive, record (taint-spec 4). */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_ROWS 65536u

extern const struct policy policy_fifo, policy_lifo, policy_cleanfirst, policy_taintfirst, policy_haircut, policy_poison;

static const struct policy *const policies[POLICY_COUNT] = {
    [POLICY_FIFO] = &policy_fifo,     [POLICY_LIFO] = &policy_lifo,
    [POLICY_HAIRCUT] = &policy_haircut, [POLICY_POISON] = &policy_poison,
    [POLICY_CLEANFIRST] = &policy_cleanfirst, [POLICY_TAINTFIRST] = &policy_taintfirst,
};

static bool is_poison(const struct taint *taint)
{
    return taint->options.policy == POLICY_POISON;
}

/* ---- totals ---- */

static uint64_t mix(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    return key ^ key >> 31;
}

/* Where an entry is or would be; the table is never full. */
static size_t total_place(const struct taint *taint, uint64_t key)
{
    size_t at = mix(key) & (taint->total_capacity - 1);
    while (taint->totals[at].key && taint->totals[at].key != key)
        at = (at + 1) & (taint->total_capacity - 1);
    return at;
}

struct total *total_slot(struct taint *taint, uint32_t asset, uint32_t tag)
{
    uint64_t key = ((uint64_t)asset << 32 | tag) + 1;
    size_t at = taint->total_capacity ? total_place(taint, key) : 0;
    if (taint->total_capacity && taint->totals[at].key)
        return &taint->totals[at];
    if (taint->total_count * 2 >= taint->total_capacity) {
        size_t capacity = taint->total_capacity ? taint->total_capacity * 2 : 64;
        struct total *totals = calloc(capacity, sizeof(*totals));
        if (!totals)
            return NULL;
        for (size_t i = 0; i < taint->total_capacity; i++) {
            if (!taint->totals[i].key)
                continue;
            size_t to = mix(taint->totals[i].key) & (capacity - 1);
            while (totals[to].key)
                to = (to + 1) & (capacity - 1);
            totals[to] = taint->totals[i];
        }
        free(taint->totals);
        taint->totals = totals;
        taint->total_capacity = capacity;
        at = total_place(taint, key);
    }
    taint->totals[at].key = key;
    taint->totals[at].sums = (struct taint_total){.asset = asset, .tag = tag};
    taint->total_count++;
    return &taint->totals[at];
}

struct taint_total *total_get(struct taint *taint, uint32_t asset, uint32_t tag)
{
    struct total *total = total_slot(taint, asset, tag);
    return total && undo_total(taint, total) ? &total->sums : NULL;
}

/* Add units to one column of the totals. */
static bool count_one(struct taint *taint, uint32_t asset, uint32_t tag, struct u256 amount, size_t column)
{
    if (is_poison(taint) || tag == taint->clean)
        return true;
    struct taint_total *total = total_get(taint, asset, tag);
    if (total)
        u320_add((struct u320 *)(void *)((char *)total + column), amount);
    return total != NULL;
}

static size_t absorbed_place(const struct taint *taint, uint64_t key, uint32_t tag)
{
    size_t at = mix(key ^ (uint64_t)tag << 17) & (taint->absorbed_capacity - 1);
    while (taint->absorbed[at].used && (taint->absorbed[at].key != key || taint->absorbed[at].tag != tag))
        at = (at + 1) & (taint->absorbed_capacity - 1);
    return at;
}

struct absorbed *absorbed_slot(struct taint *taint, uint32_t account, uint32_t asset, uint32_t tag)
{
    uint64_t key = (uint64_t)account << 32 | asset;
    size_t at = taint->absorbed_capacity ? absorbed_place(taint, key, tag) : 0;
    if (taint->absorbed_capacity && taint->absorbed[at].used)
        return &taint->absorbed[at];
    if (taint->absorbed_count * 2 >= taint->absorbed_capacity) {
        size_t capacity = taint->absorbed_capacity ? taint->absorbed_capacity * 2 : 64;
        struct absorbed *entries = calloc(capacity, sizeof(*entries));
        if (!entries)
            return NULL;
        for (size_t i = 0; i < taint->absorbed_capacity; i++) {
            const struct absorbed *old = &taint->absorbed[i];
            if (!old->used)
                continue;
            size_t to = mix(old->key ^ (uint64_t)old->tag << 17) & (capacity - 1);
            while (entries[to].used)
                to = (to + 1) & (capacity - 1);
            entries[to] = *old;
        }
        free(taint->absorbed);
        taint->absorbed = entries;
        taint->absorbed_capacity = capacity;
        at = absorbed_place(taint, key, tag);
    }
    taint->absorbed[at] = (struct absorbed){.key = key, .tag = tag, .used = true};
    taint->absorbed_count++;
    return &taint->absorbed[at];
}

static const uint8_t places[] = {[ACCOUNT_FRONTIER] = PLACE_FRONTIER, [ACCOUNT_DOUBTED] = PLACE_FRONTIER, [ACCOUNT_SERVICE] = PLACE_SERVICE,
                                 [ACCOUNT_MIXER] = PLACE_MIXER, [ACCOUNT_BRIDGE] = PLACE_BRIDGE,
                                 [ACCOUNT_VENUE] = PLACE_VENUE};

bool replay_end(struct taint *taint, uint32_t account, uint32_t asset, uint32_t tag, struct u320 amount)
{
    struct taint_total *total = NULL;
    bool burned = taint->accounts[account].class_ == ACCOUNT_VOID;
    if (!is_poison(taint) && !(total = total_get(taint, asset, tag)))
        return false;
    if (total)
        u320_add_u320(burned ? &total->burned : &total->absorbed, amount);
    if (burned || (is_poison(taint) && tag == taint->unknown))
        return true;
    struct absorbed *absorbed = absorbed_slot(taint, account, asset, tag);
    if (!absorbed || !undo_absorbed(taint, absorbed))
        return false;
    absorbed->place = places[taint->accounts[account].class_];
    u320_add_u320(&absorbed->amount, amount);
    return true;
}

bool replay_end_parcel(struct taint *taint, uint32_t account, uint32_t asset, const struct parcel *parcel)
{
    bool ok = true;
    for (size_t i = 0; i < parcel->sums.count && ok; i++)
        if (parcel->sums.lots[i].tag != taint->clean)
            ok = replay_end(taint, account, asset, parcel->sums.lots[i].tag, u320_from_u256(parcel->sums.lots[i].amount));
    return ok;
}

/* ---- one row ---- */

/* The tag of units whose history is not known. */
static uint32_t unknown_tag(const struct taint *taint)
{
    return taint->options.unknown == UNKNOWN_CLEAN ? taint->clean : taint->unknown;
}

bool replay_overflows(struct taint *taint, const struct cursor_row *row)
{
    struct u256 sum;
    if (taint->accounts[row->to].class_ != ACCOUNT_PLAIN)
        return false;
    const struct holding *holding = holding_find(taint, row->to, row->asset);
    return holding && !u256_add(holding->balance, row->amount, &sum);
}

/* 4.4: what the account must have held and we did not see. */
static bool overspend(struct taint *taint, struct holding *holding, struct u256 v)
{
    struct u256 u;
    bool fits = u256_sub(v, holding->balance, &u);
    assert(fits);
    if (!large_grow(&taint->overspent, (taint->diag.overspend + 1) * sizeof(uint32_t)))
        return false;
    ((uint32_t *)taint->overspent.at)[taint->diag.overspend++] = holding->account;
    uint32_t slot = taint->accounts[holding->account].slot;
    const struct seed_slot *seeds = slot ? &taint->slots[slot - 1] : NULL;
    if (!seeds || !seeds->active_count) {
        uint32_t tag = unknown_tag(taint);
        if (taint->inspect)
            inspect_overspent(taint, u, tag);
        return taint->policy->create(taint, holding, u, tag) &&
               count_one(taint, holding->asset, tag, u, offsetof(struct taint_total, created));
    }
    if (taint->inspect)
        inspect_overspent(taint, u, seeds->active[0]);
    if (!taint->policy->create(taint, holding, u, seeds->active[0]))
        return false;
    for (uint32_t i = 0; i < (is_poison(taint) ? seeds->active_count : 1u); i++) {
        struct tagged *tagged = holding_tag_add(taint, holding, seeds->active[i]);
        if (!tagged)
            return false;
        tagged_set(tagged, 0, MOVE_NONE);
    }
    return count_one(taint, holding->asset, seeds->active[0], u, offsetof(struct taint_total, seeded));
}

static bool depart_plain(struct taint *taint, const struct cursor_row *row, struct parcel *parcel)
{
    struct holding *holding = holding_get(taint, row->from, row->asset);
    bool ok = true;
    if (!holding || !undo_holding(taint, holding))
        return false;
    if (u256_compare(row->amount, holding->balance) > 0 && !overspend(taint, holding, row->amount))
        return false;
    for (uint32_t i = 0; i < holding->tag_count && tag_is_source(taint, holding->tags[i].tag); i++)
        info_set(parcel, holding->tags[i].tag, tagged_hop(taint, &holding->tags[i]) + 1, holding->tags[i].via, &ok);
    return ok && taint->policy->take(taint, holding, row->amount, parcel);
}

/* An account that is a source itself pays what is its own, whatever else it had: as in 4.4, of an account with no units. */
static bool depart_doubted(struct taint *taint, const struct cursor_row *row, struct parcel *parcel)
{
    uint32_t slot = taint->accounts[row->from].slot;
    const struct seed_slot *seeds = slot ? &taint->slots[slot - 1] : NULL;
    bool ok = true;
    if (!seeds || !seeds->active_count) {
        uint32_t tag = unknown_tag(taint);
        return is_poison(taint) || (parcel_put(taint, parcel, row->amount, tag) &&
                                    count_one(taint, row->asset, tag, row->amount, offsetof(struct taint_total, emitted)));
    }
    for (uint32_t i = 0; i < (is_poison(taint) ? seeds->active_count : 1u) && ok; i++) {
        info_set(parcel, seeds->active[i], 1, MOVE_NONE, &ok);
        ok = ok && parcel_put(taint, parcel, row->amount, seeds->active[i]);
    }
    return ok && count_one(taint, row->asset, seeds->active[0], row->amount, offsetof(struct taint_total, seeded));
}

static bool depart(struct taint *taint, const struct cursor_row *row, struct parcel *parcel)
{
    const struct account_state *from = &taint->accounts[row->from];
    parcel_clear(parcel);
    uint32_t tag = taint->clean;
    bool ok = true;
    size_t column = offsetof(struct taint_total, emitted);
    switch ((enum account_class)from->class_) {
    case ACCOUNT_PLAIN:
        return depart_plain(taint, row, parcel);
    case ACCOUNT_DOUBTED:
        return depart_doubted(taint, row, parcel);
    case ACCOUNT_VOID:
        column = offsetof(struct taint_total, created);
        if (row->kind == TRANSFER_ADJUST ||
            (row->kind == TRANSFER_OPENING && taint->options.opening == OPENING_UNKNOWN))
            tag = unknown_tag(taint);
        break;
    case ACCOUNT_SERVICE:
    case ACCOUNT_MIXER:
    case ACCOUNT_BRIDGE:
    case ACCOUNT_VENUE:
        if (from->slot) {
            tag = from->slot - 1;
            info_set(parcel, tag, 1, MOVE_NONE, &ok);
        } else if (from->class_ != ACCOUNT_SERVICE) {
            tag = unknown_tag(taint);
        }
        break;
    case ACCOUNT_FRONTIER:
        tag = unknown_tag(taint);
        break;
    case ACCOUNT_UNSEEN:
        assert(from->class_ != ACCOUNT_UNSEEN); /* classified before */
        break;
    }
    if (is_poison(taint) && !tag_is_source(taint, tag))
        return ok; /* poison parcels hold sources only */
    return ok && parcel_put(taint, parcel, row->amount, tag) && count_one(taint, row->asset, tag, row->amount, column);
}

/* 4.3 */
bool replay_depart(struct taint *taint, const struct cursor_row *row, struct parcel *parcel)
{
    if (taint->inspect)
        inspect_begin(taint, row);
    bool ok = depart(taint, row, parcel);
    if (taint->inspect)
        inspect_taken(taint, parcel);
    return ok;
}

/* hop and via of the sources that arrive (4.5), before the units do. */
static bool arrive_hops(struct taint *taint, const struct cursor_row *row, struct holding *holding, struct parcel *parcel)
{
    uint32_t slot = taint->accounts[row->to].slot;
    const struct seed_slot *seeds = slot ? &taint->slots[slot - 1] : NULL;
    for (size_t i = 0; i < parcel->sums.count && tag_is_source(taint, parcel->sums.lots[i].tag); i++) {
        uint32_t source = parcel->sums.lots[i].tag;
        const struct info *info = info_find(parcel, source);
        assert(info);
        struct tagged *tagged = holding_tag(holding, source);
        bool held = tagged != NULL, origin = false;
        if (!tagged && !(tagged = holding_tag_add(taint, holding, source)))
            return false;
        for (uint32_t s = 0; seeds && s < seeds->active_count; s++)
            origin = origin || seeds->active[s] == source;
        if (origin)
            tagged_set(tagged, 0, MOVE_NONE);
        else if (!held || info->hop < tagged_hop(taint, tagged))
            tagged_set(tagged, info->hop, (uint32_t)taint->move_count);
    }
    return true;
}

static bool arrive_plain(struct taint *taint, const struct cursor_row *row, struct parcel *parcel)
{
    struct holding *holding = holding_get(taint, row->to, row->asset);
    if (!holding || !undo_holding(taint, holding) || !arrive_hops(taint, row, holding, parcel) || !taint->policy->add(taint, holding, parcel))
        return false;
    if (is_poison(taint)) {
        bool fits = u256_add(holding->balance, row->amount, &holding->balance);
        assert(fits);
    }
    uint32_t slot = taint->accounts[row->to].slot;
    const struct seed_slot *seeds = slot ? &taint->slots[slot - 1] : NULL;
    for (uint32_t i = 0; seeds && i < (is_poison(taint) ? seeds->active_count : seeds->active_count > 0); i++)
        if (!seeds_retag(taint, holding, seeds->active[i]))
            return false;
    return true;
}

bool replay_arrive(struct taint *taint, const struct cursor_row *row, struct parcel *parcel)
{
    if (taint->accounts[row->to].class_ == ACCOUNT_PLAIN)
        return arrive_plain(taint, row, parcel);
    return replay_end_parcel(taint, row->to, row->asset, parcel);
}

bool replay_record(struct taint *taint, const struct cursor_row *row, const struct parcel *parcel, enum transfer_leg leg,
                   uint32_t link)
{
    return record_row(taint, row, parcel, leg, link) && (!taint->inspect || inspect_end(taint, row));
}

/* 4.6 under fees=sink. */
static bool sink_fee(struct taint *taint, const struct cursor_row *row, struct parcel *parcel)
{
    bool ok = true;
    check_row(taint, row, CHECK_OK, parcel, true, &ok);
    for (size_t i = 0; i < parcel->sums.count && ok; i++)
        ok = count_one(taint, row->asset, parcel->sums.lots[i].tag, parcel->sums.lots[i].amount, offsetof(struct taint_total, fees));
    if (!ok)
        return false;
    if (taint->accounts[row->to].class_ != ACCOUNT_PLAIN)
        return true;
    parcel_clear(parcel);
    return (is_poison(taint) || parcel_put(taint, parcel, row->amount, taint->clean)) && arrive_plain(taint, row, parcel);
}

static bool run_ordinary(struct taint *taint, const struct cursor_row *row)
{
    struct parcel *parcel = &taint->parcel;
    bool ok = true, done = false;
    enum taint_status status = CHECK_OK;
    if (is_poison(taint) && (!poison_row(taint, row, &done) || done))
        return done;
    if (u256_is_zero(row->amount)) {
        taint->diag.zero++;
        status = CHECK_ZERO;
    } else if (row->from == row->to) {
        taint->diag.self++;
        status = CHECK_SELF;
    } else if (replay_overflows(taint, row)) {
        taint->diag.overflow++;
        status = CHECK_OVERFLOW;
    }
    if (status != CHECK_OK) {
        parcel_clear(parcel);
        check_row(taint, row, status, parcel, false, &ok);
        return ok;
    }
    if (!replay_depart(taint, row, parcel))
        return false;
    if (row->kind == TRANSFER_FEE && taint->options.fees == FEES_SINK)
        return sink_fee(taint, row, parcel);
    if (row->kind != TRANSFER_FEE && taint->transfer_seed_count &&
        !seeds_apply(taint, row->position, row->asset, row->amount, parcel))
        return false;
    check_row(taint, row, CHECK_OK, parcel, false, &ok);
    return ok && replay_arrive(taint, row, parcel) && replay_record(taint, row, parcel, LEG_NONE, 0);
}

/* ---- one transaction ---- */

static bool concerns(const struct taint *taint, size_t index)
{
    const struct cursor_row *row = &taint->rows[index];
    return !taint->input->has_explored || class_is_explored(taint->accounts[row->from].class_) ||
           class_is_explored(taint->accounts[row->to].class_) || group_concerns(taint, index);
}

static bool run_group_row(struct taint *taint, size_t index)
{
    bool last = false;
    if (group_is_out(taint, index))
        return group_defers(taint, index) || group_out_leg(taint, index);
    if (!group_in_leg(taint, index, &last))
        return false;
    for (size_t i = 0; last && i < index; i++)
        if (group_deferred_to(taint, i, index) && !group_out_leg(taint, i))
            return false;
    return true;
}

#ifdef TRACER_VERIFY
static bool verify_lot(void *context, const struct lot *lot)
{
    u320_add(context, lot->amount);
    return !u256_is_zero(lot->amount);
}

/* 9.2: the tags of a holding sum to its balance, the queue too. */
static void verify_holding(const struct taint *taint, const struct holding *holding)
{
    if (!holding || is_poison(taint))
        return;
    struct u320 tags = {{0}}, queue = {{0}}, balance = u320_from_u256(holding->balance);
    for (uint32_t i = 0; i < holding->tag_count; i++) {
        assert(!u256_is_zero(holding->amounts[i]));
        u320_add(&tags, holding->amounts[i]);
    }
    assert(u320_compare(tags, balance) <= 0);
    if (!holding->queue || queue_is_empty(holding->queue))
        return;
    queue_each(holding->queue, verify_lot, &queue);
    assert(u320_compare(queue, balance) == 0);
}
#endif

/* Nobody has a look at single rows; then those of the common kind need not be shown. */
static bool is_watched(const struct taint *taint)
{
    return taint->inspect || taint->carried || taint->check_count;
}

static bool run_row(struct taint *taint, const struct cursor_row *row, bool quick)
{
    enum quick done = quick ? quick_row(taint, row) : QUICK_NO;
    return done == QUICK_NO ? run_ordinary(taint, row) : done == QUICK_DONE;
}

static bool run_transaction(struct taint *taint, bool quick)
{
    bool linked = taint->options.links == LINKS_AUTO;
    for (size_t i = 0; i < taint->row_count; i++) {
        const struct cursor_row *row = &taint->rows[i];
        if (!account_get(taint, row->from) || !account_get(taint, row->to))
            return false;
        linked = linked || (row->link && taint->options.links == LINKS_GIVEN);
    }
    const struct taint_diag before = taint->diag;
    size_t moves = taint->move_count;
    taint->group_count = 0;
    if (linked) {
        arena_reset(taint->scratch, (struct arena_mark){0});
        if (!groups_find(taint))
            return false;
    }
    /* A transaction without a row in the explored subgraph is not in it, and so activates nothing (12). */
    bool active = false;
    for (size_t i = 0; i < taint->row_count; i++) {
        if (!concerns(taint, i))
            continue;
        if (!active && !seeds_activate(taint, taint->rows[i].position.block_number))
            return false;
        active = true;
        taint->diag.rows++;
        bool ok = taint->group_count && group_of(taint, i) ? run_group_row(taint, i) : run_row(taint, &taint->rows[i], quick);
        if (!ok)
            return false;
#ifdef TRACER_VERIFY
        verify_holding(taint, holding_find(taint, taint->rows[i].from, taint->rows[i].asset));
        verify_holding(taint, holding_find(taint, taint->rows[i].to, taint->rows[i].asset));
#endif
    }
    if (linked && taint->move_count > moves) {
        taint->met.groups_ok += taint->diag.groups_ok - before.groups_ok;
        taint->met.groups_bad += taint->diag.groups_bad - before.groups_bad;
    }
    return true;
}

/* ---- the whole ---- */

static enum tracer_status check_opening(const struct taint *taint, const struct cursor_row *row, struct error *err)
{
    if (row->kind == TRANSFER_OPENING && taint->options.opening == OPENING_CLEAN && taint->seed_least_known &&
        row->position.block_number > taint->seed_least)
        return error_set(err, TRACER_E_USAGE,
                         "opening=clean: an opening row of block %llu is later than the least block of all seeds (%llu)",
                         (unsigned long long)row->position.block_number, (unsigned long long)taint->seed_least);
    return TRACER_OK;
}

static enum tracer_status keep(struct taint *taint, const struct cursor_row *rows, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct cursor_row *kept = grow(taint->kept, taint->kept_count, &taint->kept_capacity, sizeof(*kept));
        if (!kept)
            return error_set(err, TRACER_E_NOMEM, "no memory");
        taint->kept = kept;
        kept[taint->kept_count++] = rows[i];
    }
    return TRACER_OK;
}

static enum tracer_status run(struct taint *taint, const struct cursor_row *rows, size_t count, struct error *err)
{
    taint->rows = rows;
    taint->row_count = count;
    if (count == 0)
        return TRACER_OK;
    taint->next_block = rows[0].position.block_number + 1;
    bool quick = !seeds_advance(taint, rows[0].position) && !is_watched(taint) && !is_poison(taint);
    if (undo_begin(taint, rows[0].position.block_number) && run_transaction(taint, quick))
        return TRACER_OK;
    return error_set(err, TRACER_E_NOMEM, "no memory for the state of the replay");
}

static enum tracer_status flush(struct taint *taint, struct error *err)
{
    enum tracer_status status = run(taint, taint->kept, taint->kept_count, err);
    taint->kept_count = 0;
    return status;
}

#define PREFETCH_ACCOUNTS 24u /* rows ahead */
#define PREFETCH_SLOTS 12u
#define PREFETCH_HOLDINGS 8u
#define PREFETCH_REST 4u
#define PREFETCH_LOTS 2u

static void prefetch(const struct taint *taint, const struct cursor_row *rows, size_t count, size_t at)
{
    if (at + PREFETCH_ACCOUNTS < count) {
        account_prefetch(taint, rows[at + PREFETCH_ACCOUNTS].from);
        account_prefetch(taint, rows[at + PREFETCH_ACCOUNTS].to);
    }
    if (at + PREFETCH_SLOTS < count) {
        const struct cursor_row *row = &rows[at + PREFETCH_SLOTS];
        holding_prefetch_slot(taint, row->from, row->asset);
        holding_prefetch_slot(taint, row->to, row->asset);
    }
    if (at + PREFETCH_HOLDINGS < count) {
        const struct cursor_row *row = &rows[at + PREFETCH_HOLDINGS];
        holding_prefetch(taint, row->from, row->asset);
        holding_prefetch(taint, row->to, row->asset);
    }
    if (taint->options.policy != POLICY_HAIRCUT && at + PREFETCH_REST < count) {
        const struct cursor_row *row = &rows[at + PREFETCH_REST];
        holding_prefetch_rest(taint, row->from, row->asset);
        holding_prefetch_rest(taint, row->to, row->asset);
    }
    if (taint->policy->ordered && at + PREFETCH_LOTS < count) {
        const struct cursor_row *row = &rows[at + PREFETCH_LOTS];
        holding_prefetch_lots(taint, row->from, row->asset);
        holding_prefetch_lots(taint, row->to, row->asset);
    }
}

/* Run the transactions of a batch in place, but for its last, which may go on in the next batch: that is kept. */
static enum tracer_status run_batch(struct taint *taint, const struct cursor_row *rows, size_t count,
                                    struct error *err)
{
    enum tracer_status status = TRACER_OK;
    size_t first = 0;
    for (size_t i = 0; i < count && !status; i++) {
        prefetch(taint, rows, count, i);
        bool begins = i > 0 ? !position_same_transaction(rows[i - 1].position, rows[i].position)
                            : taint->kept_count &&
                                  !position_same_transaction(taint->kept[0].position, rows[0].position);
        if (begins && taint->kept_count) { /* what was kept ends here */
            if (!(status = keep(taint, rows + first, i - first, err)))
                status = flush(taint, err);
            first = i;
        } else if (begins) {
            status = run(taint, rows + first, i - first, err);
            first = i;
        }
        if (!status)
            status = check_opening(taint, &rows[i], err);
    }
    return status ? status : keep(taint, rows + first, count - first, err);
}

/* 12: the recipients of transfer-seed rows join the explored set. */
static enum tracer_status explore_seeds(struct taint *taint, struct error *err)
{
    const struct cursor_row *rows;
    size_t count, next = 0;
    enum tracer_status status = TRACER_OK;
    if (!taint->input->has_explored || !taint->transfer_seed_count)
        return TRACER_OK;
    status = taint->cursor->rewind(taint->cursor->self, err);
    while (!status && next < taint->transfer_seed_count) {
        if ((status = taint->cursor->next(taint->cursor->self, &rows, &count, err)) || count == 0)
            break;
        for (size_t i = 0; i < count && next < taint->transfer_seed_count; i++) {
            while (next < taint->transfer_seed_count &&
                   position_compare(taint->transfer_seeds[next].position, rows[i].position) < 0)
                next++;
            if (next == taint->transfer_seed_count ||
                position_compare(taint->transfer_seeds[next].position, rows[i].position) != 0)
                continue;
            struct address address = taint->cursor->account(taint->cursor->self, rows[i].to);
            if (taint->replayed && !is_explored(taint, address))
                return error_set(err, TRACER_E_CONFLICT, "the recipient of a seed joins the explored set: replay from the start");
            if (!taint->replayed)
                taint->explored[taint->explored_count++] = address;
            while (next < taint->transfer_seed_count &&
                   position_compare(taint->transfer_seeds[next].position, rows[i].position) == 0)
                next++;
        }
    }
    return status;
}

static enum tracer_status make_explored(struct taint *taint, struct error *err)
{
    const struct taint_input *input = taint->input;
    size_t most = input->explored_count + taint->slot_count + taint->transfer_seed_count;
    taint->explored = arena_calloc(taint->arena, most + 1, sizeof(*taint->explored));
    if (!taint->explored)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < input->explored_count; i++)
        taint->explored[taint->explored_count++] = input->explored[i];
    for (size_t i = 0; i < taint->slot_count; i++)
        taint->explored[taint->explored_count++] = taint->slots[i].address;
    enum tracer_status status = explore_seeds(taint, err);
    if (!status && !tables_make(taint))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    return status;
}

enum tracer_status taint_new(const struct taint_input *input, struct cursor *cursor, struct taint **ret_taint,
                             struct error *err)
{
    struct taint *taint = calloc(1, sizeof(*taint));
    if (!taint || !(taint->arena = arena_new(TRACER_MEMORY_MAX)) || !(taint->scratch = arena_new(TRACER_MEMORY_MAX))) {
        arena_free(taint ? taint->arena : NULL);
        free(taint);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    taint->input = input;
    taint->cursor = cursor;
    taint->options = input->options;
    taint->policy = policies[input->options.policy];
    enum tracer_status status = seeds_make(taint, err);
    for (size_t i = 0; i < input->asset_count && !status; i++)
        if (input->assets[i].decimals > 77)
            status = error_set(err, TRACER_E_USAGE, "assets: more than 77 decimals");
    if (!status && (!(taint->sums = arena_calloc(taint->arena, (size_t)taint->source_count + 2, sizeof(*taint->sums))) ||
                    !(taint->merged = arena_calloc(taint->arena, taint->source_count + (size_t)1, sizeof(*taint->merged)))))
        status = error_set(err, TRACER_E_NOMEM, "no memory");
    if (status) {
        taint_free(taint);
        return status;
    }
    *ret_taint = taint;
    return TRACER_OK;
}

void taint_free(struct taint *taint)
{
    if (!taint)
        return;
    undo_release(taint);
    inspect_release(taint);
    holdings_release(taint);
    results_release(taint);
    arena_free(taint->scratch);
    free(taint->owned_input);
    free(taint->owned_explored);
    free(taint->label_table);
    free(taint->explored_table);
    free(taint->slot_table);
    free(taint->doubted_table);
    large_free(&taint->account_memory);
    large_free(&taint->asset_memory);
    free(taint->kept);
    parcel_release(&taint->parcel);
    records_release(taint);
    free(taint->totals);
    free(taint->absorbed);
    free(taint->checks);
    large_free(&taint->overspent);
    arena_free(taint->arena);
    free(taint);
}

static enum tracer_status run_rows(struct taint *taint, taint_watch_fn *watch, void *context, struct error *err)
{
    const struct cursor_row *rows;
    size_t count;
    uint64_t seen = 0, watched = 0, next_block = taint->next_block;
    enum tracer_status status = taint->cursor->rewind(taint->cursor->self, err);
    if (!status && !accounts_reserve(taint, taint->cursor->account_count(taint->cursor->self)))
        status = error_set(err, TRACER_E_NOMEM, "no memory for the state of the replay");
    while (!status && !(status = taint->cursor->next(taint->cursor->self, &rows, &count, err)) && count) {
        if (seen == 0 && rows[0].position.block_number < next_block)
            return error_set(err, TRACER_E_USAGE, "block %llu was replayed before",
                             (unsigned long long)rows[0].position.block_number);
        status = run_batch(taint, rows, count, err);
        seen += count;
        if (!status && watch && seen - watched >= WATCH_ROWS) {
            watched = seen;
            status = watch(context, seen);
        }
    }
    if (!status)
        status = flush(taint, err);
    if (!status && !records_sort(taint))
        status = error_set(err, TRACER_E_NOMEM, "no memory for the results");
    taint->replayed = true;
    return status;
}

enum tracer_status taint_replay(struct taint *taint, taint_watch_fn *watch, void *context, struct error *err)
{
    assert(!taint->replayed);
    enum tracer_status status = taint->gathers ? TRACER_OK : make_explored(taint, err);
    if (!status)
        status = run_rows(taint, watch, context, err);
    return status ? status : taint_settle(taint, err);
}

enum tracer_status taint_extend(struct taint *taint, struct cursor *cursor, taint_watch_fn *watch, void *context,
                                struct error *err)
{
    assert(taint->replayed);
    taint->cursor = cursor;
    enum tracer_status status = explore_seeds(taint, err);
    return status ? status : run_rows(taint, watch, context, err);
}
