/* test_lots.c - queues of lots, short and long, against a plain array. */
#include <criterion/criterion.h>

#include "taint/cases.h"
#include "taint/lots.h"

#define MODEL_MAX 40000u

/* The same lots in an array; neighbours of one tag are merged. */
struct model {
    struct lot lots[MODEL_MAX];
    size_t count;
};

static void model_push(struct model *model, struct u256 amount, uint32_t tag)
{
    if (u256_is_zero(amount))
        return;
    if (model->count && model->lots[model->count - 1].tag == tag) {
        model->lots[model->count - 1].amount = units_sum(model->lots[model->count - 1].amount, amount);
        return;
    }
    cr_assert_lt(model->count, MODEL_MAX);
    model->lots[model->count++] = (struct lot){amount, tag};
}

static struct u256 model_total(const struct model *model)
{
    struct u256 total = {{0}};
    for (size_t i = 0; i < model->count; i++)
        total = units_sum(total, model->lots[i].amount);
    return total;
}

enum cut { CUT_OLDEST, CUT_NEWEST, CUT_BELOW, CUT_NOT_BELOW };

/* Move v units from `from` to the end of `to`; what is not there is not moved. */
static void model_cut(struct model *from, struct u256 v, enum cut cut, uint32_t tag_end, struct model *to)
{
    static struct model rest;
    rest.count = 0;
    struct u256 skip = cut == CUT_NEWEST ? units_difference(model_total(from), v) : (struct u256){{0}};
    for (size_t i = 0; i < from->count; i++) {
        struct lot lot = from->lots[i];
        bool wanted = cut <= CUT_NEWEST || (lot.tag < tag_end) == (cut == CUT_BELOW);
        struct u256 skipped = u256_min(skip, lot.amount), part = {{0}};
        skip = units_difference(skip, skipped);
        if (wanted)
            part = u256_min(v, units_difference(lot.amount, skipped));
        v = units_difference(v, part);
        model_push(to, part, lot.tag);
        model_push(&rest, units_difference(lot.amount, part), lot.tag);
    }
    *from = rest;
}

struct walk {
    const struct model *model;
    size_t at;
};

static bool is_next(void *context, const struct lot *lot)
{
    struct walk *walk = context;
    cr_assert_lt(walk->at, walk->model->count);
    const struct lot *wanted = &walk->model->lots[walk->at++];
    cr_assert(wanted->tag == lot->tag && u256_equal(wanted->amount, lot->amount), "lot %zu differs",
              walk->at - 1);
    return true;
}

static void same(const struct queue *queue, const struct model *model)
{
    struct walk walk = {model, 0};
    struct sums sums = {0}, wanted = {0};
    cr_assert(queue_each(queue, is_next, &walk) && walk.at == model->count);
    cr_assert_eq(queue_is_empty(queue), model->count == 0);
    cr_assert(sums_add_queue(&sums, queue));
    for (size_t i = 0; i < model->count; i++)
        cr_assert(sums_add(&wanted, model->lots[i].amount, model->lots[i].tag));
    cr_assert_eq(sums.count, wanted.count);
    for (size_t i = 0; i < sums.count; i++)
        cr_assert(sums.lots[i].tag == wanted.lots[i].tag &&
                  u256_equal(sums.lots[i].amount, wanted.lots[i].amount));
    sums_release(&sums);
    sums_release(&wanted);
}

#define QUEUES 3u
#define TAGS 7u
#define TAG_END 5u /* "sources" are below */

static struct u256 some_of(struct random_source *random, struct u256 total)
{
    uint64_t low = total.limb[0] ? total.limb[0] : 1, high = total.limb[0] ? total.limb[1] + 1 : total.limb[1] ? total.limb[1] : 1;
    struct u256 v = {{draw64(random) % low, draw64(random) % high, 0, 0}}; /* less than all */
    return chance(random, 50) ? u256_min(v, u256_from_u64(draw(random, 60))) : v;
}

static void one_step(struct random_source *random, struct queue *queues, struct model *models)
{
    uint32_t a = draw(random, QUEUES), b = (a + 1 + draw(random, QUEUES - 1)) % QUEUES;
    struct queue cut = {0}, copy;
    static struct model piece, kept;
    piece.count = 0;
    if (chance(random, 25)) { /* many small lots */
        for (uint32_t i = draw(random, 300); i > 0; i--) {
            struct u256 amount = u256_from_u64(draw(random, 9));
            if (chance(random, 2)) /* around 2^111, where lots are large */
                amount = (struct u256){{1, draw64(random) >> (14 + draw(random, 6)), 0, 0}};
            uint32_t tag = draw(random, TAGS);
            bool oldest = chance(random, 3), quick = chance(random, 50) && !u256_is_zero(amount) && amount.limb[1] >> 47 == 0;
            struct model *model = &models[a];
            quick = quick && !oldest && queue_push_quick(&queues[a], (unsigned __int128)amount.limb[1] << 64 | amount.limb[0], tag);
            cr_assert(quick || (oldest ? queue_push_oldest(&queues[a], amount, tag) : queue_push(&queues[a], amount, tag)));
            if (!oldest) {
                model_push(model, amount, tag);
                continue;
            }
            kept = *model;
            model->count = 0;
            model_push(model, amount, tag);
            for (size_t k = 0; k < kept.count; k++)
                model_push(model, kept.lots[k].amount, kept.lots[k].tag);
        }
        return;
    }
    if (!models[a].count)
        return;
    cr_assert(queue_copy(&queues[a], &copy));
    kept = models[a];
    struct u256 v = some_of(random, model_total(&models[a])), left = v;
    enum cut how = (enum cut)draw(random, 4);
    bool ok;
    if (how == CUT_OLDEST)
        ok = queue_cut_oldest(&queues[a], v, &cut);
    else if (how == CUT_NEWEST)
        ok = queue_cut_newest(&queues[a], v, &cut);
    else
        ok = queue_cut_kind(&queues[a], &left, TAG_END, how == CUT_BELOW, &cut);
    cr_assert(ok);
    model_cut(&models[a], v, how, TAG_END, &piece);
    same(&queues[a], &models[a]);
    same(&cut, &piece);
    same(&copy, &kept);
    if (chance(random, 10)) {
        cr_assert(queue_retag(&cut, TAG_END, 2));
        kept = piece;
        piece.count = 0;
        for (size_t i = 0; i < kept.count; i++)
            model_push(&piece, kept.lots[i].amount, kept.lots[i].tag < TAG_END ? kept.lots[i].tag : 2);
        same(&cut, &piece);
    }
    cr_assert(queue_append(&queues[b], &cut));
    cr_assert(queue_is_empty(&cut));
    for (size_t i = 0; i < piece.count; i++)
        model_push(&models[b], piece.lots[i].amount, piece.lots[i].tag);
    same(&queues[b], &models[b]);
    queue_release(&cut);
    queue_release(&copy);
}

Test(lots, queues_are_as_plain_arrays, .timeout = 0)
{
    static struct model models[QUEUES];
    uint64_t rounds = case_environment("TRACER_CASES", 20000) / 1000 + 2;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct random_source random = {seed};
        struct queue queues[QUEUES] = {0};
        for (size_t i = 0; i < QUEUES; i++)
            models[i].count = 0;
        for (int step = 0; step < 300; step++)
            one_step(&random, queues, models);
        for (size_t i = 0; i < QUEUES; i++) {
            same(&queues[i], &models[i]);
            queue_release(&queues[i]);
        }
    }
}

Test(lots, what_makes_a_lot_large_is_not_put_quickly)
{
    unsigned __int128 most = ((unsigned __int128)1 << 111) - 1;
    struct queue queue = {0};
    static struct model model;
    model_push(&model, (struct u256){{(uint64_t)most, (uint64_t)(most >> 64), 0, 0}}, 1);
    cr_assert_not(queue_push_quick(&queue, 5, 1)); /* empty */
    cr_assert(queue_push(&queue, model.lots[0].amount, 1));
    cr_assert_not(queue_push_quick(&queue, 1, 1));
    same(&queue, &model);
    cr_assert(queue_push_quick(&queue, most - 1, 2) && queue_push_quick(&queue, 1, 2));
    model_push(&model, model.lots[0].amount, 2);
    same(&queue, &model);
    cr_assert(queue_push(&queue, u256_from_u64(1), 2));
    model_push(&model, u256_from_u64(1), 2);
    cr_assert_not(queue_push_quick(&queue, 1, 3)); /* of large ones */
    same(&queue, &model);
    queue_release(&queue);
}
