/* check.c - what single rows carried (taint-spec 10). */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum tracer_status taint_ask(struct taint *taint, struct position position, struct error *err)
{
    assert(!taint->replayed);
    struct taint_check *checks =
        grow(taint->checks, taint->check_count, &taint->check_capacity, sizeof(*checks));
    if (!checks)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    taint->checks = checks;
    checks[taint->check_count++] = (struct taint_check){.position = position, .status = CHECK_NOT_IN_GRAPH};
    return TRACER_OK;
}

static int order_checks(const void *a, const void *b, void *context)
{
    const struct taint *taint = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = position_compare(taint->checks[x].position, taint->checks[y].position);
    return order ? order : x < y ? -1 : x > y;
}

static bool sort_asked(struct taint *taint)
{
    taint->check_order = arena_calloc(taint->arena, taint->check_count + 1, sizeof(*taint->check_order));
    if (!taint->check_order)
        return false;
    for (size_t i = 0; i < taint->check_count; i++)
        taint->check_order[i] = i;
    qsort_r(taint->check_order, taint->check_count, sizeof(*taint->check_order), order_checks, taint);
    taint->asked_sorted = true;
    return true;
}

/* floor(part * 10^6 / whole) */
static uint32_t ppm(struct u256 part, struct u256 whole)
{
    struct u256 result;
    bool fits = u256_mul_div(part, u256_from_u64(1000000), whole, &result);
    assert(fits && u256_fits_u64(result));
    return (uint32_t)result.limb[0];
}

static bool answer(struct taint *taint, struct taint_check *check, const struct cursor_row *row,
                   const struct parcel *parcel, bool fee)
{
    bool poison = taint->options.policy == POLICY_POISON;
    struct u256 v = row->amount, direct = {{0}}, tainted = {{0}};
    size_t count = 0;
    struct taint_check_source *sources = arena_calloc(taint->arena, parcel->sums.count + 1, sizeof(*sources));
    if (!sources)
        return false;
    for (size_t i = 0; i < parcel->sums.count; i++) {
        const struct lot *lot = &parcel->sums.lots[i];
        if (lot->tag == taint->unknown)
            check->unknown = lot->amount;
        if (!tag_is_source(taint, lot->tag))
            continue;
        const struct info *info = info_find(parcel, lot->tag);
        assert(info);
        struct taint_check_source *source = &sources[count++];
        *source = (struct taint_check_source){.source = lot->tag,
                                              .amount = lot->amount,
                                              .ppm = ppm(lot->amount, v),
                                              .hop = fee ? -1 : (int32_t)info->hop,
                                              .direct = !fee && info->hop <= 1,
                                              .hop_index = SIZE_MAX};
        if (poison)
            tainted = v;
        else
            tainted = units_sum(tainted, lot->amount);
        if (source->direct && poison)
            direct = v;
        else if (source->direct)
            direct = units_sum(direct, lot->amount);
    }
    struct u256 upper = units_sum(tainted, check->unknown);
    check->clean = units_difference(v, upper);
    check->indirect = units_difference(tainted, direct);
    check->tainted = tainted;
    check->direct = direct;
    check->ppm_min = ppm(tainted, v);
    check->ppm_max = ppm(upper, v);
    check->sources = sources;
    check->source_count = count;
    return true;
}

void taint_watch_rows(struct taint *taint, taint_carried_fn *carried, void *context)
{
    assert(!taint->replayed);
    taint->carried = carried;
    taint->carried_context = context;
}

static bool tell_carried(struct taint *taint, const struct cursor_row *row, enum taint_status status, const struct parcel *parcel, bool fee)
{
    size_t index = (size_t)(row - taint->rows), count = 0;
    bool grouped = taint->group_count && group_of(taint, index);
    if (!taint->parts && !(taint->parts = arena_calloc(taint->arena, (size_t)taint->source_count + 1, sizeof(*taint->parts))))
        return false;
    for (size_t i = 0; i < parcel->sums.count; i++) {
        const struct lot *lot = &parcel->sums.lots[i];
        if (lot->tag == taint->clean)
            continue;
        struct taint_part *part = &taint->parts[count++];
        *part = (struct taint_part){.tag = TAINT_UNKNOWN, .amount = lot->amount};
        if (!tag_is_source(taint, lot->tag))
            continue;
        const struct info *info = info_find(parcel, lot->tag);
        assert(info);
        part->tag = lot->tag;
        part->hop = fee ? 0 : info->hop;
        part->has_parent = !fee && info->parent != MOVE_NONE;
        if (part->has_parent)
            part->parent = move_position(taint, info->parent);
    }
    struct taint_carried carried = {.position = row->position,
                                    .from = row->from,
                                    .to = row->to,
                                    .asset = row->asset,
                                    .amount = row->amount,
                                    .status = status,
                                    .fee = fee,
                                    .leg = !grouped ? LEG_NONE : group_is_out(taint, index) ? LEG_OUT : LEG_IN,
                                    .link = grouped && taint->options.links == LINKS_GIVEN ? row->link : 0,
                                    .parts = taint->parts,
                                    .part_count = count};
    return taint->carried(taint->carried_context, &carried);
}

/* Called for every row with what it carries, after the seeds and before it arrives. */
void check_row(struct taint *taint, const struct cursor_row *row, enum taint_status status,
               const struct parcel *parcel, bool fee, bool *ok)
{
    if (taint->inspect && status == CHECK_OK)
        inspect_carried(taint, parcel);
    if (taint->carried)
        *ok = *ok && tell_carried(taint, row, status, parcel, fee);
    if (!taint->check_count)
        return;
    if (!taint->asked_sorted && !sort_asked(taint)) {
        *ok = false;
        return;
    }
    size_t low = 0, high = taint->check_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (position_compare(taint->checks[taint->check_order[middle]].position, row->position) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < taint->check_count; low++) {
        struct taint_check *check = &taint->checks[taint->check_order[low]];
        if (position_compare(check->position, row->position) != 0)
            break;
        check->status = status;
        check->asset = row->asset;
        check->from = row->from;
        check->to = row->to;
        check->amount = row->amount;
        if (status == CHECK_OK)
            *ok = *ok && answer(taint, check, row, parcel, fee);
    }
}

size_t taint_checks(const struct taint *taint, const struct taint_check **ret_checks)
{
    *ret_checks = taint->checks;
    return taint->check_count;
}
