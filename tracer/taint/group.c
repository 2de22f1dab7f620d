/* group.c - exchange groups (taint-spec 8): what a party paid with determines what it received. */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One asset of a group. Amounts may pass 256 bits with hostile tokens: 320 bits. */
struct side {
    uint32_t asset;
    struct u320 paid;      /* V: units of the in legs */
    struct u320 received;  /* W: units of the out legs */
    struct u320 undrawn;   /* R: of W, not yet drawn */
    struct u320 *paid_tags; /* P: [source_count + 1], the last is unknown */
    struct u320 *pot;       /* likewise */
    uint32_t last_to;       /* `to` of the last in leg */
};

struct group {
    uint32_t link;
    size_t first_row, last_in;
    bool has_in, has_out, concerns;
    struct side *sides;
    size_t side_count;
    struct info *bases; /* the purse's hop and key of each source */
    size_t base_count;
    uint32_t *payers;
    size_t payer_count;
};

struct leg {
    int32_t group; /* -1: an ordinary row */
    bool out, deferred;
};

static bool can_be_leg(const struct cursor_row *row)
{
    return (row->kind == TRANSFER_VALUE || row->kind == TRANSFER_INTERNAL || row->kind == TRANSFER_TOKEN) &&
           !u256_is_zero(row->amount) && row->from != row->to;
}

static enum account_class class_of(const struct taint *taint, uint32_t account)
{
    return (enum account_class)taint->accounts[account].class_;
}

static bool is_venue_or_void(const struct taint *taint, uint32_t account)
{
    return class_of(taint, account) == ACCOUNT_VENUE || class_of(taint, account) == ACCOUNT_VOID;
}

/* 8.2 (c) for the legs that carry group number `number`: nobody spends what it bought before it was paid for. */
static bool order_allows(const struct taint *taint, int32_t number, size_t last_in)
{
    for (size_t o = 0; o < last_in; o++) {
        if (taint->legs[o].group != number || !taint->legs[o].out)
            continue;
        for (size_t i = o + 1; i <= last_in; i++)
            if (!u256_is_zero(taint->rows[i].amount) && taint->rows[i].from != taint->rows[i].to &&
                taint->rows[i].from == taint->rows[o].to && taint->rows[i].asset == taint->rows[o].asset)
                return false;
    }
    return true;
}

/* Has the leg an end in the explored set (12)? What has none is not in the graph that is replayed. */
static bool leg_concerns(const struct taint *taint, size_t index)
{
    const struct cursor_row *row = &taint->rows[index];
    return !taint->input->has_explored || class_is_explored(class_of(taint, row->from)) || class_is_explored(class_of(taint, row->to));
}

/* The legs of group `number`, of any group if -1, become ordinary rows. */
static void drop(struct taint *taint, int32_t number)
{
    bool concerns = false;
    for (size_t i = 0; i < taint->row_count; i++) {
        if (taint->legs[i].group < 0 || (number >= 0 && taint->legs[i].group != number))
            continue;
        concerns = concerns || leg_concerns(taint, i);
        taint->legs[i].group = -1;
    }
    taint->diag.groups_bad += concerns;
}

static struct group *add_group(struct taint *taint, uint32_t link)
{
    struct group *group = &taint->groups[taint->group_count++];
    *group = (struct group){.link = link};
    return group;
}

static bool find_given(struct taint *taint)
{
    for (size_t i = 0; i < taint->row_count; i++) {
        const struct cursor_row *row = &taint->rows[i];
        if (!row->link || row->leg == LEG_NONE || !can_be_leg(row))
            continue;
        size_t g = 0;
        while (g < taint->group_count && taint->groups[g].link != row->link)
            g++;
        if (g == taint->group_count)
            add_group(taint, row->link);
        taint->legs[i] = (struct leg){.group = (int32_t)g, .out = row->leg == LEG_OUT};
    }
    for (size_t g = 0; g < taint->group_count; g++) {
        struct group *group = &taint->groups[g];
        bool sides = true;
        for (size_t i = 0; i < taint->row_count; i++) {
            if (taint->legs[i].group != (int32_t)g)
                continue;
            const struct cursor_row *row = &taint->rows[i];
            bool out = taint->legs[i].out;
            sides = sides && is_venue_or_void(taint, out ? row->from : row->to) &&
                    !is_venue_or_void(taint, out ? row->to : row->from);
            group->has_out = group->has_out || out;
            group->has_in = group->has_in || !out;
            if (!out)
                group->last_in = i;
        }
        if (!sides || !group->has_in || !group->has_out || !order_allows(taint, (int32_t)g, group->last_in))
            drop(taint, (int32_t)g);
    }
    return true;
}

/* 8.4: is the account inside for this asset? Void is where the asset's contract is a venue. */
static bool is_inside(struct taint *taint, uint32_t account, uint32_t asset)
{
    enum account_class class_ = class_of(taint, account);
    return class_ == ACCOUNT_VENUE || (class_ == ACCOUNT_VOID && asset_get(taint, asset)->contract_is_venue);
}

static bool find_auto(struct taint *taint)
{
    bool any_in = false, any_out = false;
    size_t last_in = 0;
    for (size_t i = 0; i < taint->row_count; i++) {
        const struct cursor_row *row = &taint->rows[i];
        const struct asset_state *asset = asset_get(taint, row->asset);
        if (!asset)
            return false;
        if (!can_be_leg(row))
            continue;
        bool from_inside = is_inside(taint, row->from, row->asset), to_inside = is_inside(taint, row->to, row->asset);
        bool from_outside = !is_venue_or_void(taint, row->from), to_outside = !is_venue_or_void(taint, row->to);
        if (from_outside && to_inside) {
            taint->legs[i] = (struct leg){.group = 0};
            any_in = true;
            last_in = i;
        } else if (from_inside && to_outside && asset->recognised) {
            taint->legs[i] = (struct leg){.group = 0, .out = true};
            any_out = true;
        }
    }
    if (!any_in || !any_out) {
        for (size_t i = 0; i < taint->row_count; i++)
            taint->legs[i].group = -1;
        return true;
    }
    struct group *group = add_group(taint, 0);
    if (order_allows(taint, 0, last_in)) {
        group->last_in = last_in;
        return true;
    }
    /* Cut before each in that follows an out; every piece must have both. */
    bool out_before = false;
    for (size_t i = 0; i < taint->row_count; i++) {
        if (taint->legs[i].group < 0)
            continue;
        if (!taint->legs[i].out && out_before)
            group = add_group(taint, 0);
        out_before = taint->legs[i].out;
        taint->legs[i].group = (int32_t)(group - taint->groups);
        group->has_in = group->has_in || !taint->legs[i].out;
        group->has_out = group->has_out || taint->legs[i].out;
        if (!taint->legs[i].out)
            group->last_in = i;
    }
    bool whole = true;
    for (size_t g = 0; g < taint->group_count; g++)
        whole = whole && taint->groups[g].has_in && taint->groups[g].has_out;
    if (!whole)
        drop(taint, -1);
    return true;
}

static struct side *side_of(struct group *group, uint32_t asset)
{
    for (size_t i = 0; i < group->side_count; i++)
        if (group->sides[i].asset == asset)
            return &group->sides[i];
    return NULL;
}

static int order_sides(const void *a, const void *b, void *context)
{
    const struct taint *taint = context;
    const struct side *x = a, *y = b;
    struct asset left = taint->cursor->asset(taint->cursor->self, x->asset);
    struct asset right = taint->cursor->asset(taint->cursor->self, y->asset);
    return asset_compare(&left, &right);
}

/* Room for the sides of a group, W known in advance. */
static bool prepare(struct taint *taint, size_t number)
{
    struct group *group = &taint->groups[number];
    size_t legs = 0, tags = (size_t)taint->source_count + 1;
    for (size_t i = 0; i < taint->row_count; i++)
        legs += taint->legs[i].group == (int32_t)number;
    group->sides = arena_calloc(taint->scratch, legs + 1, sizeof(*group->sides));
    group->payers = arena_calloc(taint->scratch, legs + 1, sizeof(*group->payers));
    group->bases = arena_calloc(taint->scratch, (size_t)taint->source_count + 1, sizeof(*group->bases));
    if (!group->sides || !group->payers || !group->bases)
        return false;
    for (size_t i = 0; i < taint->row_count; i++) {
        if (taint->legs[i].group != (int32_t)number)
            continue;
        const struct cursor_row *row = &taint->rows[i];
        struct side *side = side_of(group, row->asset);
        if (!side) {
            side = &group->sides[group->side_count++];
            side->asset = row->asset;
            side->paid_tags = arena_calloc(taint->scratch, tags, sizeof(*side->paid_tags));
            side->pot = arena_calloc(taint->scratch, tags, sizeof(*side->pot));
            if (!side->paid_tags || !side->pot || !asset_get(taint, row->asset))
                return false;
        }
        if (taint->legs[i].out) {
            u320_add(&side->received, row->amount);
            taint->legs[i].deferred = i < group->last_in;
        }
        group->concerns = group->concerns || leg_concerns(taint, i);
    }
    taint->diag.groups_ok += group->concerns;
    qsort_r(group->sides, group->side_count, sizeof(*group->sides), order_sides, taint);
    for (size_t i = 0; i < group->side_count; i++)
        group->sides[i].undrawn = group->sides[i].received;
    return true;
}

bool groups_find(struct taint *taint)
{
    taint->legs = arena_calloc(taint->scratch, taint->row_count, sizeof(*taint->legs));
    taint->groups = arena_calloc(taint->scratch, taint->row_count + 1, sizeof(*taint->groups));
    if (!taint->legs || !taint->groups)
        return false;
    for (size_t i = 0; i < taint->row_count; i++)
        taint->legs[i].group = -1;
    if (!(taint->options.links == LINKS_AUTO ? find_auto(taint) : find_given(taint)))
        return false;
    for (size_t g = 0; g < taint->group_count; g++) {
        bool valid = false;
        for (size_t i = 0; i < taint->row_count && !valid; i++)
            valid = taint->legs[i].group == (int32_t)g;
        if (valid && !prepare(taint, g))
            return false;
    }
    return true;
}

struct group *group_of(struct taint *taint, size_t index)
{
    return taint->legs[index].group < 0 ? NULL : &taint->groups[taint->legs[index].group];
}

bool group_is_out(const struct taint *taint, size_t index)
{
    return taint->legs[index].out;
}

bool group_defers(const struct taint *taint, size_t index)
{
    return taint->legs[index].deferred;
}

bool group_deferred_to(const struct taint *taint, size_t out_index, size_t last_in_index)
{
    const struct leg *leg = &taint->legs[out_index];
    return leg->deferred && leg->group == taint->legs[last_in_index].group;
}

bool group_concerns(const struct taint *taint, size_t index)
{
    return taint->group_count && taint->legs[index].group >= 0 && taint->groups[taint->legs[index].group].concerns;
}

/* ---- settling ---- */

/* out[0..tags) = scale(T, W, x); 0 if W is 0. */
static void scale(const struct u320 *amounts, size_t tags, struct u320 w, struct u320 x, struct u320 *out)
{
    struct u320 cumulative = {{0}}, previous = {{0}}, q = {{0}};
    for (size_t t = 0; t < tags; t++) {
        out[t] = (struct u320){{0}};
        if (u320_is_zero(amounts[t]))
            continue;
        u320_add_u320(&cumulative, amounts[t]);
        bool fits = u320_mul_div(cumulative, x, w, &q);
        assert(fits);
        out[t] = q;
        u320_sub_u320(&out[t], previous);
        previous = q;
    }
}

static struct u320 least(struct u320 a, struct u320 b)
{
    return u320_compare(a, b) < 0 ? a : b;
}

/* What was paid and came back in kind. */
static void give_back(struct taint *taint, struct side *side)
{
    size_t tags = (size_t)taint->source_count + 1;
    struct u320 x = least(side->paid, side->received), *share = taint->sums;
    if (u320_is_zero(x))
        return;
    scale(side->paid_tags, tags, side->paid, x, share);
    for (size_t t = 0; t < tags; t++) {
        u320_add_u320(&side->pot[t], share[t]);
        u320_sub_u320(&side->paid_tags[t], share[t]);
    }
    u320_sub_u320(&side->paid, x);
    u320_sub_u320(&side->received, x); /* now N */
}

/* min(floor(V * weight / 10^decimals), 2^128 - 1) */
static struct u320 value_of(const struct asset_state *asset, struct u320 paid)
{
    static const struct u320 most = {{UINT64_MAX, UINT64_MAX, 0, 0, 0}};
    struct u256 unit = u256_from_u64(1);
    for (uint32_t i = 0; i < asset->decimals; i++) {
        struct u512 product = u256_mul(unit, u256_from_u64(10));
        memcpy(unit.limb, product.limb, sizeof(unit.limb)); /* 10^77 < 2^256 */
    }
    struct u320 value;
    if (!u320_mul_div(paid, u320_from_u256(u256_from_u64(asset->weight)), u320_from_u256(unit), &value))
        return most;
    return least(value, most);
}

static struct u320 tainted_paid(const struct taint *taint, const struct side *side)
{
    struct u320 sum = {{0}};
    for (uint32_t s = 0; s < taint->source_count; s++)
        u320_add_u320(&sum, side->paid_tags[s]);
    return sum;
}

/* Values with which the assets pay; returns their sum S. */
static struct u320 payers(struct taint *taint, struct group *group, struct u320 *values)
{
    struct u320 sum = {{0}};
    bool priced = true;
    for (size_t i = 0; i < group->side_count; i++) {
        const struct side *side = &group->sides[i];
        const struct asset_state *asset = &taint->assets[side->asset];
        values[i] = (struct u320){{0}};
        if (u320_is_zero(side->paid))
            continue;
        priced = priced && asset->recognised && asset->weight > 0;
        values[i] = value_of(asset, side->paid);
        u320_add_u320(&sum, values[i]);
    }
    if (priced && !u320_is_zero(sum))
        return sum;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < group->side_count; i++) {
        values[i] = (struct u320){{0}};
        if (u320_is_zero(group->sides[i].paid))
            continue;
        if (best == SIZE_MAX ||
            u320_compare_products(tainted_paid(taint, &group->sides[i]), group->sides[best].paid,
                                  tainted_paid(taint, &group->sides[best]), group->sides[i].paid) > 0)
            best = i;
    }
    values[best] = u320_from_u256(u256_from_u64(1));
    return values[best];
}

static bool count_tags(struct taint *taint, uint32_t asset, const struct u320 *amounts, size_t column)
{
    for (uint32_t t = 0; t <= taint->source_count; t++) {
        if (u320_is_zero(amounts[t]))
            continue;
        struct taint_total *total = total_get(taint, asset, t);
        if (!total)
            return false;
        u320_add_u320((struct u320 *)(void *)((char *)total + column), amounts[t]);
    }
    return true;
}

static bool convert(struct taint *taint, struct group *group)
{
    size_t tags = (size_t)taint->source_count + 1;
    struct u320 *values = arena_calloc(taint->scratch, group->side_count, sizeof(*values));
    struct u320 *gained = arena_calloc(taint->scratch, tags, sizeof(*gained));
    if (!values || !gained)
        return false;
    struct u320 sum = payers(taint, group, values);
    for (size_t b = 0; b < group->side_count; b++) {
        struct side *bought = &group->sides[b];
        struct u320 cumulative = {{0}}, previous = {{0}}, upto = {{0}}, slice;
        if (u320_is_zero(bought->received))
            continue;
        memset(gained, 0, tags * sizeof(*gained));
        for (size_t a = 0; a < group->side_count; a++) {
            if (u320_is_zero(values[a]))
                continue;
            u320_add_u320(&cumulative, values[a]);
            bool fits = u320_mul_div(bought->received, cumulative, sum, &upto);
            assert(fits);
            slice = upto;
            u320_sub_u320(&slice, previous);
            previous = upto;
            scale(group->sides[a].paid_tags, tags, group->sides[a].paid, slice, taint->sums);
            for (size_t t = 0; t < tags; t++)
                u320_add_u320(&gained[t], taint->sums[t]);
        }
        for (size_t t = 0; t < tags; t++)
            u320_add_u320(&bought->pot[t], gained[t]);
        if (!count_tags(taint, bought->asset, gained, offsetof(struct taint_total, converted_in)))
            return false;
    }
    for (size_t a = 0; a < group->side_count; a++)
        if (!u320_is_zero(group->sides[a].paid) &&
            !count_tags(taint, group->sides[a].asset, group->sides[a].paid_tags, offsetof(struct taint_total, converted_out)))
            return false;
    return true;
}

/* 8.3, after the last in leg. */
static bool settle(struct taint *taint, struct group *group)
{
    bool poison = taint->options.policy == POLICY_POISON, any_in = false, any_out = false;
    for (size_t i = 0; i < group->side_count; i++) {
        struct side *side = &group->sides[i];
        if (poison) { /* amounts do not add up: only what is left over on one side matters */
            struct u320 x = least(side->paid, side->received);
            u320_sub_u320(&side->paid, x);
            u320_sub_u320(&side->received, x);
        } else {
            give_back(taint, side);
        }
        any_in = any_in || !u320_is_zero(side->paid);
        any_out = any_out || !u320_is_zero(side->received);
    }
    if (any_in && any_out)
        return poison || convert(taint, group);
    for (size_t i = 0; i < group->side_count; i++) {
        struct side *side = &group->sides[i];
        for (uint32_t t = 0; any_in && t <= taint->source_count; t++)
            if (!u320_is_zero(side->paid) && !u320_is_zero(side->paid_tags[t]) &&
                !replay_end(taint, side->last_to, side->asset, t, side->paid_tags[t]))
                return false;
        if (!any_out || u320_is_zero(side->received) || poison || taint->options.unknown == UNKNOWN_CLEAN)
            continue;
        struct taint_total *total = total_get(taint, side->asset, taint->unknown); /* something for nothing */
        if (!total)
            return false;
        u320_add_u320(&total->emitted, side->received);
        u320_add_u320(&side->pot[taint->unknown], side->received);
    }
    return true;
}

static void purse_source(struct group *group, const struct info *info, uint32_t move)
{
    uint32_t base = info->hop > 0 ? info->hop - 1 : 0;
    for (size_t i = 0; i < group->base_count; i++) {
        if (group->bases[i].source != info->source)
            continue;
        if (base < group->bases[i].hop) {
            group->bases[i].hop = base;
            group->bases[i].parent = move;
        }
        return;
    }
    group->bases[group->base_count++] = (struct info){.source = info->source, .hop = base, .parent = move};
}

static bool record_leg(struct taint *taint, const struct cursor_row *row, enum transfer_leg leg)
{
    return replay_record(taint, row, &taint->parcel, leg, taint->options.links == LINKS_GIVEN ? row->link : 0);
}

bool group_in_leg(struct taint *taint, size_t index, bool *ret_last)
{
    const struct cursor_row *row = &taint->rows[index];
    struct group *group = group_of(taint, index);
    struct parcel *parcel = &taint->parcel;
    bool ok = true;
    if (!replay_depart(taint, row, parcel) || !seeds_apply(taint, row->position, row->asset, row->amount, parcel))
        return false;
    if (taint->inspect)
        inspect_leg(taint, (size_t)(group - taint->groups) + 1, false);
    check_row(taint, row, CHECK_OK, parcel, false, &ok);
    uint32_t move = (uint32_t)taint->move_count; /* of this leg */
    if (!ok || !record_leg(taint, row, LEG_IN))
        return false;
    struct side *side = side_of(group, row->asset);
    u320_add(&side->paid, row->amount);
    side->last_to = row->to;
    for (size_t i = 0; i < parcel->sums.count; i++) {
        const struct lot *lot = &parcel->sums.lots[i];
        if (lot->tag == taint->clean)
            continue;
        u320_add(&side->paid_tags[lot->tag], lot->amount);
        if (tag_is_source(taint, lot->tag))
            purse_source(group, info_find(parcel, lot->tag), move);
    }
    bool known = false;
    for (size_t i = 0; i < group->payer_count; i++)
        known = known || group->payers[i] == row->from;
    if (!known)
        group->payers[group->payer_count++] = row->from;
    *ret_last = index == group->last_in;
    return !*ret_last || settle(taint, group);
}

/* The units of one out leg, drawn from the pot. */
static bool draw(struct taint *taint, struct group *group, struct side *side, const struct cursor_row *row,
                 struct parcel *parcel)
{
    size_t tags = (size_t)taint->source_count + 1;
    struct u320 v = u320_from_u256(row->amount), rest = v;
    parcel_clear(parcel);
    if (taint->inspect) {
        inspect_begin(taint, row);
        inspect_leg(taint, (size_t)(group - taint->groups) + 1, true);
        inspect_pot(taint, side->pot, side->undrawn);
    }
    if (taint->options.policy == POLICY_POISON) {
        for (size_t i = 0; i < group->base_count; i++)
            if (!parcel_put(taint, parcel, row->amount, group->bases[i].source))
                return false;
        return true;
    }
    scale(side->pot, tags, side->undrawn, v, taint->sums);
    for (uint32_t t = 0; t < tags; t++) {
        struct u320 part = taint->sums[t];
        u320_sub_u320(&side->pot[t], part);
        u320_sub_u320(&rest, part);
        if (!parcel_put(taint, parcel, (struct u256){{part.limb[0], part.limb[1], part.limb[2], part.limb[3]}}, t))
            return false;
    }
    u320_sub_u320(&side->undrawn, v);
    return parcel_put(taint, parcel, (struct u256){{rest.limb[0], rest.limb[1], rest.limb[2], rest.limb[3]}}, taint->clean);
}

bool group_out_leg(struct taint *taint, size_t index)
{
    const struct cursor_row *row = &taint->rows[index];
    struct group *group = group_of(taint, index);
    struct parcel *parcel = &taint->parcel;
    bool ok = true, pays = false;
    if (!draw(taint, group, side_of(group, row->asset), row, parcel))
        return false;
    if (taint->inspect)
        inspect_taken(taint, parcel);
    if (replay_overflows(taint, row)) {
        taint->diag.overflow++;
        ok = replay_end_parcel(taint, row->from, row->asset, parcel);
        parcel_clear(parcel);
        check_row(taint, row, CHECK_OVERFLOW, parcel, false, &ok);
        return ok;
    }
    for (size_t i = 0; i < group->payer_count; i++)
        pays = pays || group->payers[i] == row->to;
    for (size_t i = 0; i < group->base_count; i++)
        info_set(parcel, group->bases[i].source, group->bases[i].hop + (pays ? 0 : 1), group->bases[i].parent, &ok);
    if (!ok || !seeds_apply(taint, row->position, row->asset, row->amount, parcel))
        return false;
    check_row(taint, row, CHECK_OK, parcel, false, &ok);
    return ok && replay_arrive(taint, row, parcel) && record_leg(taint, row, LEG_OUT);
}
