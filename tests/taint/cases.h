/* cases.h - random cases for the tests of the taint engine, and how one is run, compared and shown. */
#ifndef TRACER_TESTS_TAINT_CASES_H
#define TRACER_TESTS_TAINT_CASES_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/memory_cursor.h"
#include "support/naive_taint.h"
#include "tracer/taint.h"

#define CASE_ROWS_MAX 96u
#define CASE_SEEDS_MAX 8u
#define CASE_ACCOUNTS 11u
#define CASE_ASSETS 6u
#define CASE_ASKS 4u

struct random_source {
    uint64_t state;
};

static inline uint64_t draw64(struct random_source *random) /* splitmix64 */
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline uint32_t draw(struct random_source *random, uint32_t below)
{
    return (uint32_t)((draw64(random) >> 32) * below >> 32);
}
static inline bool chance(struct random_source *random, uint32_t percent)
{
    return draw(random, 100) < percent;
}

struct taint_case {
    struct taint_input input; /* points into this struct: a case is not copied but with case_copy() */
    struct transfer rows[CASE_ROWS_MAX];
    size_t row_count;
    struct taint_seed seeds[CASE_SEEDS_MAX];
    struct taint_label labels[CASE_ACCOUNTS];
    struct taint_asset assets[CASE_ASSETS];
    struct address explored[CASE_ACCOUNTS + 1];
    struct position asks[CASE_ASKS];
    size_t batch;
    struct address accounts[CASE_ACCOUNTS]; /* 0 void; the last ones are those that may be labelled */
    struct asset asset[CASE_ASSETS];
};

static inline void case_point(struct taint_case *c)
{
    c->input.seeds = c->seeds;
    c->input.labels = c->labels;
    c->input.assets = c->assets;
    c->input.explored = c->explored;
}

static inline struct taint_case *case_copy(const struct taint_case *from)
{
    struct taint_case *c = malloc(sizeof(*c));
    if (!c)
        abort();
    *c = *from;
    case_point(c);
    return c;
}

static inline struct u256 case_max(void)
{
    return (struct u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
}

/* What a generated case may contain. */
struct case_limits {
    bool no_groups, no_labels, no_address_seeds, no_huge, one_asset;
    uint32_t rows_max;
};

static inline struct u256 draw_amount(struct random_source *random, const struct case_limits *limits, bool huge)
{
    struct u256 amount = u256_from_u64(draw(random, 21));
    if (chance(random, 8))
        amount = u256_from_u64(draw64(random) >> draw(random, 60));
    if (!huge || limits->no_huge || chance(random, 60))
        return amount;
    amount = case_max();
    if (chance(random, 60)) { /* just below 2^256, or below 2^255, 2^128, ... */
        amount.limb[0] -= draw(random, 4);
        if (chance(random, 30))
            amount.limb[3] >>= draw(random, 64);
        if (chance(random, 20))
            amount.limb[3] = amount.limb[2] = 0;
    } else {
        for (int i = 0; i < 4; i++)
            amount.limb[i] = draw64(random);
        amount.limb[3] >>= draw(random, 8);
    }
    return amount;
}

struct generator {
    struct random_source *random;
    const struct case_limits *limits;
    struct taint_case *c;
    struct position at;
    bool huge;
    uint32_t accounts, assets; /* used: the less, the more they meet */
};

static inline struct transfer *add_row(struct generator *g, enum transfer_kind kind, uint32_t from, uint32_t to, uint32_t asset)
{
    struct transfer *row = &g->c->rows[g->c->row_count < CASE_ROWS_MAX - 1 ? g->c->row_count++ : g->c->row_count - 1];
    if (row == &g->c->rows[CASE_ROWS_MAX - 2])
        g->c->row_count = CASE_ROWS_MAX - 2; /* full: this one is overwritten or dropped */
    *row = (struct transfer){.position = g->at,
                             .kind = kind,
                             .asset = g->c->asset[asset],
                             .from = g->c->accounts[from],
                             .to = g->c->accounts[to],
                             .amount = draw_amount(g->random, g->limits, g->huge),
                             .log_index = LOG_INDEX_NONE};
    g->at.index += 1 + (chance(g->random, 10) ? draw(g->random, 5) : 0);
    return row;
}

/* Accounts: 0 void, 1..5 people, 6..10 may bear a label (9, 10 mostly venues). */
static inline uint32_t any_account(struct generator *g)
{
    if (chance(g->random, 12))
        return 0;
    return chance(g->random, 80) ? 1 + draw(g->random, g->accounts) : 6 + draw(g->random, 5);
}

static inline void add_ordinary(struct generator *g)
{
    static const enum transfer_kind kinds[] = {TRANSFER_VALUE, TRANSFER_INTERNAL, TRANSFER_TOKEN};
    uint32_t to = any_account(g), from = chance(g->random, 4) ? to : any_account(g), roll = draw(g->random, 100);
    struct transfer *row = add_row(g, kinds[draw(g->random, 3)], from, to, draw(g->random, g->assets));
    if (roll < 6) {
        row->kind = TRANSFER_ADJUST;
        if (chance(g->random, 50))
            row->from = g->c->accounts[0];
        else
            row->to = g->c->accounts[0];
    } else if (roll < 9) { /* link without sense */
        row->link = 1 + draw(g->random, 3);
        row->leg = (enum transfer_leg)draw(g->random, 3);
    }
}

static inline void add_fee_rows(struct generator *g)
{
    for (uint32_t i = 0, from = any_account(g), count = 1 + draw(g->random, 2); i < count; i++)
        add_row(g, TRANSFER_FEE, from, i == 0 ? 0 : any_account(g), 0);
}

/* An exchange, in a random order of legs; mostly well-formed. */
static inline void add_exchange(struct generator *g, uint32_t link)
{
    uint32_t payer = 1 + draw(g->random, g->accounts), venue = 9 + draw(g->random, 2);
    uint32_t in_count = chance(g->random, 65) ? 1 : draw(g->random, 4), out_count = chance(g->random, 60) ? 1 : draw(g->random, 4);
    bool shuffled = chance(g->random, 40), wrong = chance(g->random, 6);
    while (in_count + out_count > 0) {
        bool in = shuffled ? draw(g->random, in_count + out_count) < in_count : in_count > 0;
        uint32_t inside = chance(g->random, 25) ? 0 : chance(g->random, 80) ? venue : 9 + draw(g->random, 2);
        uint32_t outside = chance(g->random, 75) ? payer : chance(g->random, 85) ? 1 + draw(g->random, g->accounts) : 6;
        if (wrong && chance(g->random, 50))
            inside = any_account(g);
        struct transfer *row = add_row(g, TRANSFER_TOKEN, in ? outside : inside, in ? inside : outside, draw(g->random, g->assets));
        if (!chance(g->random, 4))
            row->link = link;
        row->leg = in ? LEG_IN : LEG_OUT;
        if (in)
            in_count--;
        else
            out_count--;
        if (chance(g->random, 12)) /* something between the legs */
            add_ordinary(g);
    }
}

static inline void add_transaction(struct generator *g)
{
    uint32_t roll = draw(g->random, 100);
    if (chance(g->random, 40)) {
        g->at.block_number += 1 + draw(g->random, 2);
        g->at.transaction_index = chance(g->random, 20) ? -1 : 0;
    } else if (g->at.transaction_index < TRANSACTION_AFTER) {
        g->at.transaction_index += 1 + (int32_t)draw(g->random, 2);
    } else {
        g->at.block_number++;
        g->at.transaction_index = 0;
    }
    g->at.index = draw(g->random, 2);
    if (g->at.transaction_index == -1) {
        for (uint32_t i = 0, count = 1 + draw(g->random, 3); i < count; i++)
            add_row(g, chance(g->random, 70) ? TRANSFER_OPENING : TRANSFER_REWARD, 0, 1 + draw(g->random, 10), draw(g->random, g->assets));
        return;
    }
    if (roll < 6) {
        g->at.transaction_index = TRANSACTION_AFTER;
        add_row(g, TRANSFER_REWARD, 0, 1 + draw(g->random, 10), 0);
        return;
    }
    if (chance(g->random, 20))
        add_fee_rows(g);
    if (roll < 45 && !g->limits->no_groups) {
        add_exchange(g, 1);
        if (chance(g->random, 20))
            add_exchange(g, chance(g->random, 70) ? 2 : 1);
    }
    if (roll >= 40)
        for (uint32_t i = 0, count = 1 + draw(g->random, 3); i < count; i++)
            add_ordinary(g);
}

static const char *const case_names[] = {"a", "b", "B", "heist-1", "z.z", "0", "_x"};

static inline void add_labels(struct generator *g)
{
    struct taint_case *c = g->c;
    for (uint32_t i = 6; i < CASE_ACCOUNTS && !g->limits->no_labels; i++) {
        if (i < 9 ? chance(g->random, 40) : chance(g->random, 10))
            continue;
        struct taint_label *label = &c->labels[c->input.label_count++];
        *label = (struct taint_label){.address = c->accounts[i], .class_ = CLASS_VENUE, .emit = ""};
        if (i < 9)
            label->class_ = (enum label_class)(CLASS_SERVICE + draw(g->random, 3));
        if (label->class_ != CLASS_VENUE && c->input.options.opening == OPENING_UNKNOWN && chance(g->random, 35))
            label->emit = case_names[draw(g->random, 7)];
    }
}

static inline bool labelled(const struct taint_case *c, struct address account)
{
    for (size_t i = 0; i < c->input.label_count; i++)
        if (address_equal(c->labels[i].address, account))
            return true;
    return false;
}

static inline void add_seeds(struct generator *g)
{
    struct taint_case *c = g->c;
    for (uint32_t i = 0, count = draw(g->random, CASE_SEEDS_MAX); i < count && c->row_count; i++) {
        struct taint_seed seed = {0};
        const struct transfer *row = &c->rows[draw(g->random, (uint32_t)c->row_count)];
        strcpy(seed.source, case_names[draw(g->random, chance(g->random, 50) ? 2 : 7)]);
        seed.is_address = !g->limits->no_address_seeds && chance(g->random, 35);
        if (seed.is_address) {
            seed.address = c->accounts[1 + draw(g->random, 10)];
            seed.block_number = row->position.block_number + draw(g->random, 2);
            if (labelled(c, seed.address))
                continue;
        } else {
            seed.position = row->position;
            seed.position.index += chance(g->random, 3) ? 100 : 0; /* a row that is not there */
            seed.has_amount = chance(g->random, 30);
            seed.amount = draw_amount(g->random, g->limits, g->huge);
            bool twice = false;
            for (size_t k = 0; k < c->input.seed_count; k++)
                twice = twice || (!c->seeds[k].is_address && strcmp(c->seeds[k].source, seed.source) == 0 &&
                                  position_compare(c->seeds[k].position, seed.position) == 0);
            if (twice)
                continue;
        }
        c->seeds[c->input.seed_count++] = seed;
    }
}

/* With opening=clean no `opening` row may stand after the first seed (2.5). */
static inline void tame_opening(struct taint_case *c)
{
    if (c->input.options.opening != OPENING_CLEAN)
        return;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < c->input.seed_count; i++) {
        uint64_t block = c->seeds[i].is_address ? c->seeds[i].block_number : c->seeds[i].position.block_number;
        least = block < least ? block : least;
    }
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].kind == TRANSFER_OPENING && c->rows[i].position.block_number > least)
            c->rows[i].kind = TRANSFER_REWARD;
}

static inline void add_assets_and_explored(struct generator *g)
{
    static const uint32_t decimals[] = {0, 0, 0, 1, 2, 18, 77};
    static const uint64_t weights[] = {0, 1, 1, 2, 7, 1000, UINT64_MAX};
    struct taint_case *c = g->c;
    c->input.has_assets = chance(g->random, 65);
    for (uint32_t i = 0; i < CASE_ASSETS && c->input.has_assets; i++)
        if (chance(g->random, 75))
            c->assets[c->input.asset_count++] =
                (struct taint_asset){.asset = c->asset[i],
                                     .decimals = decimals[draw(g->random, 7)],
                                     .weight = weights[draw(g->random, 7)],
                                     .dust = u256_from_u64(chance(g->random, 80) ? 0 : draw(g->random, 5))};
    c->input.has_explored = chance(g->random, 25);
    for (uint32_t i = 0; i < CASE_ACCOUNTS && c->input.has_explored; i++)
        if (chance(g->random, 50))
            c->explored[c->input.explored_count++] = c->accounts[i];
}

static inline void case_generate(struct taint_case *c, uint64_t seed, const struct case_limits *limits)
{
    struct random_source random = {seed};
    struct generator g = {.random = &random, .limits = limits, .c = c};
    memset(c, 0, sizeof(*c));
    case_point(c);
    for (uint32_t i = 1; i < CASE_ACCOUNTS; i++) {
        uint64_t bits[3] = {draw64(&random), draw64(&random), draw64(&random)};
        memcpy(c->accounts[i].bytes, bits, 20);
        c->accounts[i].bytes[1] = (uint8_t)i; /* all different, in no order */
    }
    struct address contract = c->accounts[9]; /* a wrapper: venue and token at once */
    c->asset[1] = (struct asset){ASSET_TOKEN, contract, {{0}}};
    contract.bytes[0] ^= 0x5a;
    c->asset[2] = (struct asset){ASSET_TOKEN, contract, {{0}}};
    c->asset[3] = (struct asset){ASSET_ITEM, contract, {{10}}};
    c->asset[4] = (struct asset){ASSET_ITEM, contract, {{9}}};
    c->asset[5] = (struct asset){ASSET_ITEM, c->accounts[10], {{draw64(&random), 0, 0, draw64(&random)}}};
    g.accounts = 2 + draw(&random, 4);
    g.assets = chance(&random, 40) ? 1 : 1 + draw(&random, CASE_ASSETS);
    if (limits->one_asset)
        g.assets = 1;
    g.huge = chance(&random, 15);
    c->batch = chance(&random, 30) ? 1 : chance(&random, 50) ? 1 + draw(&random, 7) : 1000;
    c->input.options = (struct taint_options){.policy = (enum taint_policy)draw(&random, POLICY_COUNT),
                                              .links = (enum taint_links)draw(&random, 3),
                                              .fees = chance(&random, 35) ? FEES_FOLLOW : FEES_SINK,
                                              .unknown = chance(&random, 20) ? UNKNOWN_CLEAN : UNKNOWN_TRACK,
                                              .opening = chance(&random, 15) ? OPENING_CLEAN : OPENING_UNKNOWN};
    if (limits->no_groups)
        c->input.options.links = LINKS_NONE;
    g.at = (struct position){draw(&random, 3), -1, 0};
    for (uint32_t rows = 3 + draw(&random, limits->rows_max); c->row_count < rows && c->row_count + 40 < CASE_ROWS_MAX;)
        add_transaction(&g);
    add_labels(&g);
    add_seeds(&g);
    tame_opening(c);
    add_assets_and_explored(&g);
    for (uint32_t i = 0; i < CASE_ASKS; i++) {
        c->asks[i] = c->rows[draw(&random, (uint32_t)c->row_count)].position;
        if (chance(&random, 3))
            c->asks[i].index += 200;
    }
}

/* ---- running ---- */

struct engine_run {
    struct memory_cursor memory;
    struct cursor cursor;
    struct taint *taint;
};

/** Replays the case in the engine, asking for `asks`. */
static inline enum tracer_status case_replay(const struct taint_case *c, const struct position *asks, size_t ask_count,
                                             struct engine_run *run, struct error *err)
{
    *run = (struct engine_run){0};
    memory_cursor_open(&run->memory, c->rows, c->row_count, c->batch, &run->cursor);
    enum tracer_status status = taint_new(&c->input, &run->cursor, &run->taint, err);
    for (size_t i = 0; i < ask_count && !status; i++)
        status = taint_ask(run->taint, asks[i], err);
    return status ? status : taint_replay(run->taint, NULL, NULL, err);
}

static inline void engine_run_release(struct engine_run *run)
{
    taint_free(run->taint);
    cursor_close(&run->cursor);
}

static inline bool same_text(const char *name, const struct buffer *naive, const char *engine, size_t size, FILE *report)
{
    if (naive->size == size && (size == 0 || memcmp(naive->data, engine, size) == 0))
        return true;
    if (report)
        fprintf(report, "%s\n--- naive\n%s\n--- engine\n%.*s\n", name, naive->size ? naive->data : "", (int)size, engine ? engine : "");
    return false;
}

static inline bool same_tables(const struct naive_taint *naive, const struct taint *taint, FILE *report)
{
    bool same = true;
    struct error err = {0};
    for (int t = 0; t < TAINT_TABLE_COUNT; t++) {
        char *text = NULL;
        size_t size = 0;
        enum taint_table table = (enum taint_table)t;
        FILE *stream = open_memstream(&text, &size);
        if (!stream)
            abort();
        if (taint_has_table(taint, table) && taint_write_table(taint, table, stream, &err))
            same = false;
        fclose(stream);
        same = same_text(taint_table_name(table), &naive->tables[t], text, size, report) && same;
        free(text);
    }
    return same;
}

static inline bool same_answers(const struct naive_taint *naive, const struct taint *taint, FILE *report)
{
    const struct taint_check *checks;
    struct error err = {0};
    size_t count = taint_checks(taint, &checks);
    bool same = count == CASE_ASKS;
    for (size_t i = 0; i < count; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        if (!stream)
            abort();
        if (taint_write_check(taint, &checks[i], stream, &err))
            same = false;
        fclose(stream);
        same = same_text("check", &naive->checks[i], text, size, report) && same;
        free(text);
    }
    return same;
}

/** True: engine and naive engine agree on every table and answer, and on the tables where nothing is asked, too: then common rows
 * are run the short way. `report` may be NULL. */
static inline bool case_agrees(const struct taint_case *c, FILE *report)
{
    struct naive_taint naive;
    bool same = true;
    naive_taint_run(&c->input, c->rows, c->row_count, c->asks, CASE_ASKS, &naive);
    for (size_t asks = 0; asks <= CASE_ASKS; asks += CASE_ASKS) {
        struct engine_run run;
        struct error err = {0};
        enum tracer_status status = case_replay(c, c->asks, asks, &run, &err);
        if (status && report)
            fprintf(report, "engine: %s: %s\n", tracer_status_name(status), err.text);
        same = !status && same_tables(&naive, run.taint, report) && (!asks || same_answers(&naive, run.taint, report)) && same;
        engine_run_release(&run);
    }
    naive_taint_release(&naive);
    return same;
}

/* ---- showing ---- */

static inline void put_case_account(FILE *stream, struct address account)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(account, text);
    fputs(text, stream);
}

static inline void put_case_units(FILE *stream, struct u256 units)
{
    char text[U256_DECIMAL_MAX];
    u256_format_decimal(units, text);
    fputs(text, stream);
}

static inline void case_show(const struct taint_case *c, FILE *stream)
{
    static const char *const legs[] = {"", "in", "out"};
    char text[ASSET_TEXT_SIZE];
    const struct taint_options *o = &c->input.options;
    fprintf(stream, "policy %s links %s fees %s unknown %s opening %s batch %zu\n", taint_policy_name(o->policy),
            o->links == LINKS_GIVEN ? "given" : o->links == LINKS_AUTO ? "auto" : "none",
            o->fees == FEES_SINK ? "sink" : "follow", o->unknown == UNKNOWN_TRACK ? "track" : "clean",
            o->opening == OPENING_UNKNOWN ? "unknown" : "clean", c->batch);
    fputs("block,txi,idx,kind,asset,from,to,amount,link,leg\n", stream);
    for (size_t i = 0; i < c->row_count; i++) {
        const struct transfer *row = &c->rows[i];
        asset_format(row->asset, text);
        fprintf(stream, "%" PRIu64 ",%" PRId32 ",%" PRIu32 ",%s,%s,", row->position.block_number,
                row->position.transaction_index, row->position.index, transfer_kind_name(row->kind), text);
        put_case_account(stream, row->from);
        fputc(',', stream);
        put_case_account(stream, row->to);
        fputc(',', stream);
        put_case_units(stream, row->amount);
        fprintf(stream, ",%" PRIu32 ",%s\n", row->link, legs[row->leg]);
    }
    fputs("source,kind,address,block,txi,idx,amount\n", stream);
    for (size_t i = 0; i < c->input.seed_count; i++) {
        const struct taint_seed *seed = &c->seeds[i];
        fprintf(stream, "%s,%s,", seed->source, seed->is_address ? "address" : "transfer");
        if (seed->is_address) {
            put_case_account(stream, seed->address);
            fprintf(stream, ",%" PRIu64 ",,,\n", seed->block_number);
            continue;
        }
        fprintf(stream, ",%" PRIu64 ",%" PRId32 ",%" PRIu32 ",", seed->position.block_number,
                seed->position.transaction_index, seed->position.index);
        if (seed->has_amount)
            put_case_units(stream, seed->amount);
        fputc('\n', stream);
    }
    fputs("address,class,emit\n", stream);
    for (size_t i = 0; i < c->input.label_count; i++) {
        put_case_account(stream, c->labels[i].address);
        fprintf(stream, ",%s,%s\n", label_class_name(c->labels[i].class_), c->labels[i].emit);
    }
    fputs(c->input.has_assets ? "asset,decimals,weight,dust\n" : "no assets\n", stream);
    for (size_t i = 0; i < c->input.asset_count; i++) {
        asset_format(c->assets[i].asset, text);
        fprintf(stream, "%s,%" PRIu32 ",%" PRIu64 ",", text, c->assets[i].decimals, c->assets[i].weight);
        put_case_units(stream, c->assets[i].dust);
        fputc('\n', stream);
    }
    fputs(c->input.has_explored ? "explored\n" : "no explored set\n", stream);
    for (size_t i = 0; i < c->input.explored_count && c->input.has_explored; i++) {
        put_case_account(stream, c->explored[i]);
        fputc('\n', stream);
    }
}

/** Takes out of a failing case what can go while it fails: rows, seeds, labels, options, batches. */
static inline void case_shrink(struct taint_case *c)
{
    for (bool shrunk = true; shrunk;) {
        shrunk = false;
        size_t pieces[] = {c->row_count, c->input.seed_count, c->input.label_count, c->input.explored_count, 5};
        for (int what = 0; what < 5; what++)
            for (size_t i = pieces[what]; i-- > 0;) {
                struct taint_case *less = case_copy(c);
                if (what == 0)
                    memmove(&less->rows[i], &less->rows[i + 1], (--less->row_count - i) * sizeof(less->rows[0]));
                else if (what == 1)
                    memmove(&less->seeds[i], &less->seeds[i + 1], (--less->input.seed_count - i) * sizeof(less->seeds[0]));
                else if (what == 2)
                    memmove(&less->labels[i], &less->labels[i + 1], (--less->input.label_count - i) * sizeof(less->labels[0]));
                else if (what == 3)
                    memmove(&less->explored[i], &less->explored[i + 1],
                            (--less->input.explored_count - i) * sizeof(less->explored[0]));
                else if (i == 0)
                    less->batch = 1000;
                else if (i == 1)
                    less->input.options.fees = FEES_SINK;
                else if (i == 2)
                    less->input.options.unknown = UNKNOWN_TRACK;
                else if (i == 3)
                    less->input.has_explored = false, less->input.explored_count = 0;
                else
                    less->input.has_assets = false, less->input.asset_count = 0;
                bool changed = what < 4 || memcmp(&less->input, &c->input, offsetof(struct taint_input, seeds)) != 0 ||
                               less->batch != c->batch || less->input.has_assets != c->input.has_assets ||
                               less->input.has_explored != c->input.has_explored;
                if (changed && !case_agrees(less, NULL)) {
                    *c = *less;
                    case_point(c);
                    shrunk = true;
                }
                free(less);
            }
    }
}

static inline uint64_t case_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

#endif
