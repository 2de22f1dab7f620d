/* picture.c - see picture.h. A hop's sender has tainted units only after a hop brought them, so an account's
 * column is one more than that of the account which first sent to it: every first arrival goes from left to
 * right. */
#include "picture.h"

#include "flow.h"

#include <stdlib.h>
#include <string.h>

#define SCORE_WHOLE 1000000000u
#define GAP 12u

/* What goes through an account or a group, of one asset. */
struct through {
    uint32_t at, asset;
    struct u320 in, out;
};

static int order_through(const void *a, const void *b)
{
    const struct through *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->asset > y->asset) - (x->asset < y->asset);
}

static struct u320 greater(struct u320 a, struct u320 b)
{
    return u320_compare(a, b) < 0 ? b : a;
}

/* Sums by place and asset; `items` holds two for each flow. Returns how many are left, and in `most` (one an
 * asset) the greatest. */
static size_t sum_through(struct through *items, size_t count, struct u320 *most)
{
    size_t kept = 0;
    if (count)
        qsort(items, count, sizeof(*items), order_through);
    for (size_t i = 0; i < count; i++) {
        if (kept && order_through(&items[kept - 1], &items[i]) == 0) {
            u320_add_u320(&items[kept - 1].in, items[i].in);
            u320_add_u320(&items[kept - 1].out, items[i].out);
        } else {
            items[kept++] = items[i];
        }
    }
    for (size_t i = 0; i < kept; i++)
        most[items[i].asset] = greater(most[items[i].asset], greater(items[i].in, items[i].out));
    return kept;
}

/* floor(part * whole / most), at least 1. */
static uint32_t scaled(struct u320 part, uint32_t whole, struct u320 most)
{
    struct u320 result;
    if (u320_is_zero(most) || !u320_mul_div(part, u320_from_u256(u256_from_u64(whole)), most, &result) ||
        result.limb[0] == 0)
        return 1;
    return result.limb[0] < whole ? (uint32_t)result.limb[0] : whole;
}

/* An account that is drawn, and what decides where. */
struct item {
    struct picture_group group; /* of itself */
    uint64_t score;             /* its greatest share of what goes through any account, in SCORE_WHOLE */
    bool is_named;              /* by its class */
};

static int order_alike(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->group.column != y->group.column)
        return x->group.column < y->group.column ? -1 : 1;
    if (x->is_named != y->is_named)
        return x->is_named ? -1 : 1;
    if (x->is_named && x->group.class_ != y->group.class_)
        return x->group.class_ < y->group.class_ ? -1 : 1;
    int order = x->is_named ? strcmp(x->group.name, y->group.name) : 0;
    return order ? order : (x->group.account > y->group.account) - (x->group.account < y->group.account);
}

/* Those that are drawn by themselves first. */
static int order_worth(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->group.column != y->group.column)
        return x->group.column < y->group.column ? -1 : 1;
    if (x->is_named != y->is_named)
        return x->is_named ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return order_alike(a, b);
}

static int order_time(const void *a, const void *b)
{
    const struct picture_group *x = a, *y = b;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    if (x->is_rest != y->is_rest)
        return x->is_rest ? 1 : -1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->account > y->account) - (x->account < y->account);
}

static bool is_drawn(const struct trace_result *result, uint32_t asset)
{
    return result->assets[asset].recognised;
}

/* The same name and class in one column is one group. Returns how many. */
static size_t merge_alike(struct item *items, size_t count, uint32_t *item_of)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct item *last = kept ? &items[kept - 1] : NULL, *item = &items[i];
        if (last && last->is_named && item->is_named && last->group.column == item->group.column &&
            last->group.class_ == item->group.class_ && strcmp(last->group.name, item->group.name) == 0) {
            last->score += item->score;
            last->group.account_count++;
            if (item->group.first < last->group.first)
                last->group.first = item->group.first;
        } else {
            items[kept++] = *item;
            last = &items[kept - 1];
        }
        item_of[item->group.account] = last->group.account;
    }
    return kept;
}

/* Groups of the items in the order of order_worth(); group_of of each item's account says which. */
static void cut_columns(struct picture *picture, const struct item *items, size_t count)
{
    for (size_t first = 0, end; first < count; first = end) {
        end = first + 1;
        while (end < count && items[end].group.column == items[first].group.column)
            end++;
        size_t alone = end - first <= PICTURE_ROWS_MAX ? end - first : PICTURE_ROWS_MAX - 1;
        for (size_t i = first; i < end; i++) {
            struct picture_group *group = &picture->groups[picture->group_count];
            if (i - first <= alone) {
                *group = items[i].group;
                picture->group_count++;
            } else {
                group--;
                group->account_count += items[i].group.account_count;
                if (items[i].group.first < group->first)
                    group->first = items[i].group.first;
            }
            if (i - first >= alone)
                *group = (struct picture_group){.column = group->column,
                                                .is_rest = true,
                                                .account = group->account,
                                                .account_count = group->account_count,
                                                .first = group->first};
            picture->group_of[items[i].group.account] =
                group->account; /* by one of its accounts, as long as the order is not known */
        }
    }
}

static int order_flows(const void *a, const void *b)
{
    const struct picture_flow *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->asset != y->asset)
        return x->asset < y->asset ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Groups are in the order of their places: so flows that are sorted by them do not cross at their ends. */
static int order_arrivals(const void *a, const void *b)
{
    const struct picture_flow *x = a, *y = b;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->asset > y->asset) - (x->asset < y->asset);
}

static void make_flows(struct picture *picture, const struct trace_result *result, const struct flow *flow)
{
    size_t kept = 0;
    for (size_t i = 0; i < flow->edge_count; i++) {
        const struct flow_edge *edge = &flow->edges[i];
        if (is_drawn(result, edge->asset))
            picture->flows[picture->flow_count++] =
                (struct picture_flow){.from = picture->group_of[edge->from],
                                      .to = picture->group_of[edge->to],
                                      .asset = edge->asset,
                                      .count = edge->count,
                                      .tainted = edge->tainted,
                                      .unproven = edge->unproven,
                                      .first = edge->first,
                                      .last = edge->last};
    }
    if (picture->flow_count)
        qsort(picture->flows, picture->flow_count, sizeof(*picture->flows), order_flows);
    for (size_t i = 0; i < picture->flow_count; i++) {
        const struct picture_flow *next = &picture->flows[i];
        struct picture_flow *last = kept ? &picture->flows[kept - 1] : NULL;
        if (!last || last->from != next->from || last->to != next->to || last->asset != next->asset) {
            picture->flows[kept++] = *next;
            continue;
        }
        last->count += next->count;
        u320_add_u320(&last->tainted, next->tainted);
        u320_add_u320(&last->unproven, next->unproven);
        if (next->last > last->last)
            last->last = next->last;
    }
    picture->flow_count = kept;
}

/* Places of the groups and of the ends of the flows. `through` has room for two items a flow. */
static void place(struct picture *picture, struct through *through, struct u320 *most)
{
    size_t count = 0;
    uint32_t heights[PICTURE_COLUMNS_MAX] = {0}, tallest = 0;
    for (size_t i = 0; i < picture->flow_count; i++) {
        const struct picture_flow *flow = &picture->flows[i];
        through[count++] = (struct through){.at = flow->to, .asset = flow->asset, .in = flow->tainted};
        through[count++] = (struct through){.at = flow->from, .asset = flow->asset, .out = flow->tainted};
    }
    sum_through(through, count, most);
    uint32_t *ins = calloc(2 * picture->group_count + 1, sizeof(*ins)),
             *outs = ins ? ins + picture->group_count : NULL;
    if (!ins) {
        picture->group_count = 0;
        return;
    }
    for (size_t i = 0; i < picture->flow_count; i++) {
        struct picture_flow *flow = &picture->flows[i];
        flow->width = scaled(flow->tainted, PICTURE_FLOW_WIDTH, most[flow->asset]);
        if (flow->from == flow->to)
            continue; /* within a group: told in the table, not drawn */
        flow->from_y = outs[flow->from];
        outs[flow->from] += flow->width;
    }
    if (picture->flow_count)
        qsort(picture->flows, picture->flow_count, sizeof(*picture->flows), order_arrivals);
    for (size_t i = 0; i < picture->flow_count; i++) {
        struct picture_flow *flow = &picture->flows[i];
        if (flow->from == flow->to)
            continue;
        flow->to_y = ins[flow->to];
        ins[flow->to] += flow->width;
    }
    for (size_t i = 0; i < picture->group_count; i++) {
        struct picture_group *group = &picture->groups[i];
        group->height = ins[i] > outs[i] ? ins[i] : outs[i];
        group->height = group->height ? group->height : 1;
        group->y = heights[group->column];
        heights[group->column] += (group->height > PICTURE_SLOT_MIN ? group->height : PICTURE_SLOT_MIN) + GAP;
        if (heights[group->column] > tallest)
            tallest = heights[group->column];
        if (group->column >= picture->column_count)
            picture->column_count = group->column + 1;
    }
    for (size_t i = 0; i < picture->group_count; i++)
        picture->groups[i].y += PICTURE_TOP + (tallest - heights[picture->groups[i].column]) / 2;
    for (size_t i = 0; i < picture->flow_count; i++) {
        struct picture_flow *flow = &picture->flows[i];
        flow->from_y += picture->groups[flow->from].y + flow->width / 2;
        flow->to_y += picture->groups[flow->to].y + flow->width / 2;
    }
    if (picture->flow_count)
        qsort(picture->flows, picture->flow_count, sizeof(*picture->flows), order_flows);
    picture->width = picture->column_count * PICTURE_COLUMN_WIDTH;
    picture->height = PICTURE_TOP + tallest;
    free(ins);
}

/* The column of each account, and its first hop. */
static void find_columns(const struct trace_result *result, struct picture *picture, uint32_t *columns,
                         size_t *firsts)
{
    for (size_t i = 0; i < result->account_count; i++)
        columns[i] = RESULT_NONE;
    for (size_t i = 0; i < result->hop_count; i++) {
        const struct result_hop *hop = &result->hops[i];
        if (!is_drawn(result, hop->asset)) {
            picture->left_out++;
            continue;
        }
        if (columns[hop->from] == RESULT_NONE) {
            columns[hop->from] = 0;
            firsts[hop->from] = i;
        }
        if (columns[hop->to] == RESULT_NONE) {
            columns[hop->to] = columns[hop->from] + 1 < PICTURE_COLUMNS_MAX ? columns[hop->from] + 1
                                                                            : PICTURE_COLUMNS_MAX - 1;
            firsts[hop->to] = i;
        }
    }
}

static struct item make_item(const struct trace_result *result, uint32_t account, uint32_t column,
                             size_t first)
{
    const struct result_account *at = &result->accounts[account];
    bool is_named = at->labelled && at->class_ != CLASS_NONE && (at->entity[0] || at->name[0]);
    return (struct item){.group = {.column = column,
                                   .class_ = at->labelled ? at->class_ : CLASS_NONE,
                                   .name = !is_named       ? NULL
                                           : at->entity[0] ? at->entity
                                                           : at->name,
                                   .account = account,
                                   .account_count = 1,
                                   .first = first},
                         .is_named = is_named};
}

static size_t make_items(const struct trace_result *result, const struct flow *flow, struct picture *picture,
                         struct item *items, struct through *through, struct u320 *most, uint32_t *columns,
                         size_t *firsts)
{
    size_t count = 0, through_count = 0;
    find_columns(result, picture, columns, firsts);
    for (size_t i = 0; i < flow->edge_count; i++) {
        const struct flow_edge *edge = &flow->edges[i];
        if (!is_drawn(result, edge->asset))
            continue;
        through[through_count++] =
            (struct through){.at = edge->to, .asset = edge->asset, .in = edge->tainted};
        through[through_count++] =
            (struct through){.at = edge->from, .asset = edge->asset, .out = edge->tainted};
    }
    through_count = sum_through(through, through_count, most);
    for (size_t i = 0; i < through_count; i++) {
        uint32_t account = through[i].at,
                 score = scaled(greater(through[i].in, through[i].out), SCORE_WHOLE, most[through[i].asset]);
        if (count == 0 || items[count - 1].group.account != account)
            items[count++] = make_item(result, account, columns[account], firsts[account]);
        if (score > items[count - 1].score)
            items[count - 1].score = score;
    }
    return count;
}

/* From "by one of its accounts" to the index of the group. */
static void number_groups(struct picture *picture, const uint32_t *item_of, uint32_t *index_of,
                          size_t account_count)
{
    for (size_t i = 0; i < picture->group_count; i++)
        index_of[picture->groups[i].account] = (uint32_t)i;
    for (size_t i = 0; i < account_count; i++)
        if (item_of[i] != RESULT_NONE && item_of[i] != i)
            picture->group_of[i] = picture->group_of[item_of[i]];
    for (size_t i = 0; i < account_count; i++)
        if (item_of[i] != RESULT_NONE)
            picture->group_of[i] = index_of[picture->group_of[i]];
}

enum tracer_status picture_make(const struct trace_result *result, struct picture *ret_picture,
                                struct error *err)
{
    struct flow flow;
    enum tracer_status status = flow_make(result, &flow, err);
    if (status)
        return status;
    size_t accounts = result->account_count + 1, assets = result->asset_count + 1;
    struct picture picture = {.groups = calloc(accounts, sizeof(*picture.groups)),
                              .flows = calloc(flow.edge_count + 1, sizeof(*picture.flows)),
                              .group_of = calloc(accounts, sizeof(*picture.group_of)),
                              .sums = calloc(assets, sizeof(*picture.sums))};
    struct item *items = calloc(accounts, sizeof(*items));
    struct through *through = calloc(2 * flow.edge_count + 1, sizeof(*through));
    struct u320 *most = calloc(2 * assets, sizeof(*most));
    uint32_t *columns = calloc(accounts, sizeof(*columns)), *item_of = calloc(accounts, sizeof(*item_of)),
             *index_of = calloc(accounts, sizeof(*index_of));
    size_t *firsts = calloc(accounts, sizeof(*firsts));
    bool is_enough = picture.groups && picture.flows && picture.group_of && picture.sums && items &&
                     through && most && columns && item_of && index_of && firsts;
    if (is_enough) {
        memset(picture.group_of, 0xff, accounts * sizeof(*picture.group_of));
        memset(item_of, 0xff, accounts * sizeof(*item_of));
        size_t count = make_items(result, &flow, &picture, items, through, most, columns, firsts);
        if (count)
            qsort(items, count, sizeof(*items), order_alike);
        count = merge_alike(items, count, item_of);
        if (count)
            qsort(items, count, sizeof(*items), order_worth);
        cut_columns(&picture, items, count);
        if (picture.group_count)
            qsort(picture.groups, picture.group_count, sizeof(*picture.groups), order_time);
        number_groups(&picture, item_of, index_of, result->account_count);
        make_flows(&picture, result, &flow);
        place(&picture, through, most + assets);
        is_enough = picture.group_count || !count;
    }
    free(items);
    free(through);
    free(most);
    free(columns);
    free(item_of);
    free(index_of);
    free(firsts);
    flow_release(&flow);
    if (!is_enough) {
        picture_release(&picture);
        return error_set(err, TRACER_E_NOMEM, "no memory for the picture");
    }
    *ret_picture = picture;
    return TRACER_OK;
}

void picture_release(struct picture *picture)
{
    free(picture->groups);
    free(picture->flows);
    free(picture->group_of);
    free(picture->sums);
}

bool picture_goes_back(const struct picture *picture, const struct picture_flow *flow)
{
    return picture->groups[flow->to].column <= picture->groups[flow->from].column;
}
