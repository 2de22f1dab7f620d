/* Exchange groups of a transaction, written as rows and events (docs/linking.md).
 *
 * Rows: "value A>R 10; internal R>w 10; token w 0>R 10; ...", events: "P v2 0 10 500 0; ...", as in the taint
 * specification: a letter is the address of 20 times its ASCII code, 0 is void; a lower-case letter is also
 * that token. What is expected: one letter a row (i in, o out, - no leg) with the group's number where there
 * are several, then the rules of each group.
 *
 * Venues are P, Q, R, V, K, w, x; w (one to one) and x are wrappers. Recognised: native, t, u and v (weight
 * 0), w, x.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/decode.h"

static struct address letter(char c)
{
    struct address address = {{0}};
    if (c != '0')
        memset(address.bytes, c, sizeof address.bytes);
    return address;
}

static struct asset token(char c)
{
    return (struct asset){.kind = ASSET_TOKEN, .contract = letter(c)};
}

static void parse_rows(struct rows *rows, const char *text)
{
    char *copy = strdup(text), *rest = copy, *line;
    rows_begin(rows, 0);
    while ((line = strsep(&rest, ";"))) {
        static const char *const kinds[] = {"value", "internal", "token", "fee"};
        static const enum transfer_kind values[] = {TRANSFER_VALUE, TRANSFER_INTERNAL, TRANSFER_TOKEN,
                                                    TRANSFER_FEE};
        char kind[16], amount[80], from, to, asset_name = 'N';
        size_t k = 0;
        if (sscanf(line, " token %c %c>%c %79s", &asset_name, &from, &to, amount) == 4)
            strcpy(kind, "token");
        else
            cr_assert_eq(sscanf(line, " %15s %c>%c %79s", kind, &from, &to, amount), 4, "%s", line);
        while (k < 4 && strcmp(kinds[k], kind) != 0)
            k++;
        struct asset asset = asset_name == 'N' ? (struct asset){.kind = ASSET_NATIVE} : token(asset_name);
        struct u256 value;
        cr_assert(u256_parse_decimal(amount, strlen(amount), &value));
        cr_assert_eq(rows_add(rows, values[k], &asset, letter(from), letter(to), value, LOG_INDEX_NONE),
                     TRACER_OK);
    }
    free(copy);
}

static struct hash word_of_address(struct address address)
{
    struct hash word = {{0}};
    memcpy(word.bytes + 12, address.bytes, 20);
    return word;
}

static const struct event_name {
    const char *name, *topic;
    unsigned topics, words;
} event_names[] = {
    {"v2", "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822", 3, 4},
    {"v3", "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67", 3, 5},
    {"cake", "0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83", 3, 7},
    {"curve", "0x8b3e96f2b889fa771c53c981b40daf005f63f637f1869f707052d15a3dd97140", 2, 4},
    {"crypto", "0xb2e76ae99761dc136e598d4a629bb347eccb9532a5f8bbd72e18467c3c34cc98", 2, 4},
    {"ng", "0x143f1f8e861fbdeddd5b46e844b7d3ac7b86a122f36e8c463859ee6811b1f29c", 2, 6},
    {"underlying", "0xd013ca23e77a65003c2c659c5442c00c805371b7fc1ebd4c206c41d1536bd90b", 2, 4},
    {"balancer", "0x2170c741c41531aec20e7c107c24eecfdd15e69c9bb0a8dd37b1840b9e0b207b", 4, 2},
    {"1inch", "0xd6d4f5681c246c9f42c203e287975af1601f8df8035a9251f79aab5c8f09e2f8", 1, 6},
};

/* "P v2 10 0 0 500": emitter, event, then letters for its topics 2 and 3 if it names tokens, then its words;
 * a word may be negative; missing ones are 0; "!" cuts the data by one word. */
static void parse_event(struct evm_log *log, const char *line)
{
    char name[16];
    int used;
    cr_assert_eq(sscanf(line, " %c %15s%n", (char *)log->address.bytes, name, &used), 2, "%s", line);
    log->address = letter((char)log->address.bytes[0]);
    line += used;
    const struct event_name *event = event_names;
    while (strcmp(event->name, name) != 0)
        event++;
    cr_assert(hash_parse(event->topic, strlen(event->topic), &log->topics[0]));
    log->topic_count = event->topics;
    if (event->topics == 4) {
        char in, out;
        cr_assert_eq(sscanf(line, " %c %c%n", &in, &out, &used), 2);
        log->topics[2] = word_of_address(letter(in));
        log->topics[3] = word_of_address(letter(out));
        line += used;
    }
    char *data = calloc(1, event->words * 64 + 1), number[80];
    unsigned words = event->words;
    for (unsigned i = 0; i < event->words; i++) {
        struct u256 value = {{0}}, zero = {{0}};
        bool negative = false;
        if (sscanf(line, " %79s%n", number, &used) == 1) {
            line += used;
            if (number[0] == '!') {
                words--;
            } else {
                negative = number[0] == '-';
                cr_assert(u256_parse_decimal(number + negative, strlen(number + negative), &value));
            }
        }
        if (negative)
            cr_assert_not(u256_sub(zero, value, &value));
        for (int limb = 3; limb >= 0; limb--)
            sprintf(data + i * 64 + (3 - limb) * 16, "%016llx", (unsigned long long)value.limb[limb]);
    }
    log->data = (struct json_span){data, words * 64};
}

static char *describe(const struct rows *rows)
{
    char *text;
    size_t size, groups = 0;
    uint32_t links[16];
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < rows->count; i++) {
        size_t g = 0;
        while (g < groups && links[g] != rows->items[i].link)
            g++;
        if (rows->items[i].link && g == groups)
            links[groups++] = rows->items[i].link;
    }
    for (size_t i = 0; i < rows->count; i++) {
        const struct transfer *row = &rows->items[i];
        cr_assert_eq(row->link == 0, row->leg == LEG_NONE);
        fputc("-io"[row->leg], out);
        for (size_t g = 0; row->link && groups > 1 && g < groups; g++)
            if (links[g] == row->link)
                fprintf(out, "%zu", g + 1);
    }
    for (size_t g = 0; g < groups; g++) {
        char rules[LINK_RULES_TEXT_SIZE];
        cr_assert_eq(links[g] >> LINK_RULE_BITS, g, "groups are numbered from 1");
        fprintf(out, " %s", link_rules_text(link_rules(links[g]), rules));
    }
    fclose(out);
    return text;
}

/* The outcome, and how many exchanges were left unlinked. */
static void expect(const char *row_text, const char *event_text, const char *want, uint32_t unlinked)
{
    const struct address venues[] = {letter('K'), letter('P'), letter('Q'), letter('R'),
                                     letter('V'), letter('w'), letter('x')};
    const struct address wrappers[] = {letter('x'), letter('w')};
    const struct taint_asset assets[] = {{.asset = token('t'), .weight = 1},
                                         {.asset = token('u')},
                                         {.asset = token('v')},
                                         {.asset = token('w'), .weight = 2000},
                                         {.asset = token('x'), .weight = 2000},
                                         {.asset = {.kind = ASSET_NATIVE}, .weight = 2000}};
    const struct link_facts facts = {venues, sizeof venues / sizeof *venues, assets,
                                     sizeof assets / sizeof *assets};
    const struct evm_network network = {.wrappers = wrappers, .wrapper_count = 2, .links = &facts};
    struct error err;
    struct evm_notes notes = {0};
    struct rows rows = {.arena = arena_new(TRACER_MIB(16)), .err = &err};
    struct evm_log logs[16] = {{0}};
    struct evm_receipt receipt = {.logs = logs};
    char *copy = strdup(event_text), *rest = copy, *line;
    parse_rows(&rows, row_text);
    while ((line = strsep(&rest, ";")))
        if (strspn(line, " ") != strlen(line))
            parse_event(&logs[receipt.log_count++], line);
    cr_assert_eq(rows_link(&rows, 0, &network, &receipt, &notes), TRACER_OK);
    char *got = describe(&rows);
    cr_assert_str_eq(got, want, "\"%s\" instead of \"%s\" for %s | %s", got, want, row_text, event_text);
    cr_assert_eq(notes.unlinked, unlinked, "%u unlinked instead of %u for %s | %s", notes.unlinked, unlinked,
                 row_text, event_text);
    free(got);
    free(copy);
    for (size_t i = 0; i < receipt.log_count; i++)
        free((char *)(uintptr_t)logs[i].data.text);
    arena_free(rows.arena);
}

/* ---- what is linked ---- */

Test(link, swap_at_a_v2_pool)
{
    expect("token t A>P 50; token u P>A 200", "P v2 50 0 0 200", "io swap.v2", 0);
    expect("token u P>A 200; token t A>P 50", "P v2 50 0 0 200", "oi swap.v2", 0); /* the pool pays first */
    expect("fee A>M 3; token t A>P 50; token u P>A 200", "P v2 50 0 0 200", "-io swap.v2", 0);
}

Test(link, swap_through_a_router)
{
    expect("token t A>R 50; token t R>P 50; token u P>R 200; token u R>A 200", "P v2 0 50 200 0",
           "i--o swap.v2", 0);
    expect("token t A>P 50; token u P>R 200; token u R>A 199", "P v2 0 50 200 0", "i-o swap.v2",
           0); /* router's fee */
}

Test(link, several_hops_are_one_group)
{
    expect("token t A>P 50; token z P>Q 7; token u Q>A 200", "P v2 50 0 0 7; Q v3 -400 7", "---", 1);
    expect("token t A>P 50; token z P>Q 7; token u Q>A 200", "P v2 50 0 0 7; Q v3 -200 7",
           "i-o swap.v2+swap.v3", 0);
}

Test(link, swap_at_a_v3_pool)
{
    expect("token u P>A 200; token t A>P 50", "P v3 50 -200", "oi swap.v3", 0);
    expect("token u P>A 200; token t A>P 50", "P cake 50 -200", "oi swap.v3", 0);
}

/* E21 of the specification, with what ingest sees of it. */
Test(link, native_coin_in_through_router_and_wrapper)
{
    expect("value A>R 10; internal R>w 10; token w 0>R 10; token w R>P 10; token t P>A 500",
           "P v2 0 10 500 0", "i---o wrap+swap.v2", 0);
}

Test(link, native_coin_out_through_router_and_wrapper)
{
    expect("token t A>P 500; token w P>R 10; token w R>0 10; internal w>R 10; internal R>A 10",
           "P v3 -10 500", "i---o unwrap+swap.v3", 0);
}

Test(link, wrap_and_unwrap)
{
    expect("value A>w 10; token w 0>A 10", "", "io wrap", 0);
    expect("token w A>0 10; internal w>A 10", "", "io unwrap", 0);
    expect("internal w>A 10; token w A>0 10", "", "oi unwrap", 0); /* rows without log positions */
    expect("value A>x 10; token x 0>A 9", "", "io issue", 0);      /* not one to one */
    expect("token x A>0 9; token w x>A 10", "", "io redeem", 0);
    expect("value A>w 10; token t A>w 5; token w 0>A 10", "", "iio issue", 0);
}

Test(link, each_account_that_wraps_is_a_group_of_its_own)
{
    expect("internal A>w 10; token w 0>A 10; internal B>w 5; token w 0>B 5", "", "i1o1i2o2 wrap wrap", 0);
    expect("internal A>w 10; token w 0>B 10", "", "io wrap", 0); /* for somebody else */
}

Test(link, swap_at_curve)
{
    expect("token t A>P 50; token u P>A 49", "P curve 1 50 2 49", "io swap.curve", 0);
    expect("token t A>P 50; token u P>A 49", "P crypto 1 50 0 49", "io swap.curve", 0);
    expect("token t A>P 50; token u P>A 49", "P ng 1 50 0 49 3", "io swap.curve", 0);
    expect("value A>P 50; token u P>A 49", "P underlying 0 50 1 49", "io swap.curve", 0);
    expect("token t A>P 50; token u P>A 49", "P curve 8 50 2 49", "--", 1); /* no pool has so many */
    /* one that wraps for itself */
    expect("value A>P 50; internal P>w 50; token w 0>P 50; token u P>A 49", "P crypto 1 50 0 49",
           "i--o wrap+swap.curve", 0);
}

Test(link, swap_through_1inch)
{
    expect("token t A>R 50; token t R>P 50; token u P>R 200; token u R>A 200",
           "P v2 0 50 200 0; R 1inch 0 0 0 0 50 200", "i--o swap.v2+swap.1inch", 0);
}

/* An executor that is no venue is an account like any other: it could be the thief's. */
Test(link, X4_a_router_that_an_unknown_executor_pays_links_nothing)
{
    expect("token t A>R 1; token t R>E 1; token w E>R 100; token w R>A 100", "R 1inch 0 0 0 0 1 100", "----",
           1);
}

Test(link, swap_in_a_balancer_vault)
{
    expect("token t A>V 2000; token w V>A 1", "V balancer t w 2000 1", "io swap.balancer", 0);
    expect("token t A>V 2000; token w V>A 1", "V balancer t u 2000 30; V balancer u w 30 1",
           "io swap.balancer", 0);
    expect("value A>V 1; internal V>w 1; token w 0>V 1; token t V>A 2000", "V balancer w t 1 2000",
           "i--o wrap+swap.balancer", 0);
}

Test(link, refund_of_the_rest)
{
    expect("value A>R 100; internal R>w 70; token w 0>R 70; token w R>P 70; token t P>A 7; internal R>A 30",
           "P v2 0 70 7 0", "i---oo wrap+swap.v2", 0);
}

Test(link, another_one_receives)
{
    expect("token t A>P 50; token u P>B 150; token u P>C 50", "P v2 50 0 0 200", "ioo swap.v2", 0);
}

Test(link, what_is_passed_on)
{
    expect("value A>R 10; internal R>B 4; internal R>C 5", "", "ioo pass", 0);
    expect("token z A>R 10; token z R>B 10", "", "io pass", 0); /* in kind, so any asset */
}

Test(link, two_parties_at_two_pools_are_two_groups)
{
    expect("token t A>P 50; token u P>A 200; token t B>Q 5; token u Q>B 20", "P v2 50 0 0 200; Q v3 5 -20",
           "i1o1i2o2 swap.v2 swap.v3", 0);
}

Test(link, one_party_that_goes_on_swapping_has_a_group_for_each)
{
    expect("token t A>P 50; token w P>A 7; token w A>Q 7; token u Q>A 9", "P v2 50 0 0 7; Q v2 7 0 0 9",
           "i1o1i2o2 swap.v2 swap.v2", 0);
}

/* ---- what is not: in is then absorbed, out is unknown ---- */

Test(link, X4_a_swap_event_of_an_unknown_contract_links_nothing)
{
    expect("token t A>F 50; token u F>A 200", "F v2 50 0 0 200", "--", 0);
    expect("token t A>P 50; token u P>A 200", "F v2 50 0 0 200", "--", 1); /* nor for a venue's rows */
}

Test(link, X8_events_of_another_shape_do_not_count)
{
    expect("token t A>P 50; token u P>A 200", "P v2 50 0 0 200 !", "io swap.v2", 0);
    expect("token t A>P 50; token u P>A 200", "P v2 50 0 ! 200", "--", 1);
    expect("token t A>P 50; token u P>A 200", "P v3 50 -200 0 0 !", "--", 1);
    expect("token t A>P 50; token u P>A 200", "P v2 50 0 0 200; P v3 0 0", "--", 1); /* of two kinds */
}

Test(link, X3_a_swap_into_an_unrecognised_token_links_nothing)
{
    expect("token t A>P 50; token z P>A 200", "P v2 50 0 0 200", "--", 1);
    expect("token t A>P 50; token z P>A 200; token u P>A 1", "P curve 0 50 1 200; P curve 0 0 2 1", "---", 1);
    expect("token z A>P 50; token t P>A 200", "P v2 50 0 0 200", "io swap.v2", 0); /* out of one does */
}

/* The rows say otherwise than the events: a pool's liquidity is taken out beside a swap, a token keeps a fee.
 */
Test(link, amounts_that_no_event_explains_link_nothing)
{
    expect("token t A>P 1; token u P>A 4; token u P>A 100; token t P>A 100", "P v2 1 0 0 4", "----", 1);
    expect("token t A>P 50; token u P>A 200", "P v2 49 0 0 200", "--", 1);
    expect("token t A>P 50; token u P>A 200", "P v3 50 -201", "--", 1);
    expect("token t A>P 50; token u P>A 200", "", "--", 1);
    expect("token t A>P 50; token u P>A 200", "P curve 0 50 1 200; P curve 2 5 3 6", "--", 1);
    expect("value A>R 1; internal R>A 2", "", "--", 1); /* a router gives what it did not get */
    expect("token w A>0 1; value A>w 10; token w 0>A 11", "", "iio wrap", 0);
    expect("internal w>A 10; value A>w 1", "", "--", 1); /* no token was given back */
}

Test(link, several_payers_at_one_router_link_nothing)
{
    expect("token t A>R 50; token t R>P 50; token u P>R 200; token u R>A 200; value B>R 1", "P v2 0 50 200 0",
           "-----", 1);
}

/* 8.2 (c): A spends what it bought before it has paid. */
Test(link, what_is_spent_before_it_is_paid_for_links_nothing)
{
    expect("token u P>A 20; token u A>B 20; token t A>P 4", "P v2 4 0 0 20", "---", 1);
    expect("token u P>A 20; token t A>B 20; token t A>P 4", "P v2 4 0 0 20", "o-i swap.v2", 0);
    expect("token u P>A 20; token t A>P 4; token u A>B 20", "P v2 4 0 0 20", "oi- swap.v2", 0);
}

/* Anybody may open a pool in a vault, at any price. */
Test(link, X4_swaps_in_a_shared_vault_at_a_made_up_price_link_nothing)
{
    expect("token t A>V 1; token w V>A 100", "V balancer t w 1 100", "--", 1);
    expect("token w A>V 100; token t V>A 1", "V balancer w t 100 1", "--", 1);
    expect("token u A>V 2000; token w V>A 1", "V balancer u w 2000 1", "--", 1); /* no weight */
    expect("token u A>V 5; token v V>A 5", "V balancer u v 5 5", "--", 1);
    expect("token t A>V 2000; token w V>A 1", "V balancer z u 2000 1", "--", 1); /* of other tokens */
}

Test(link, one_way_moves_are_no_exchange)
{
    expect("token t A>P 50", "", "-", 0);
    expect("token u P>A 50; token t A>B 1", "", "--", 0);
    expect("token z 0>R 5; token z R>A 5", "", "--", 1);                 /* nobody paid */
    expect("token t A>P 5; token u A>P 5; token P 0>A 7", "", "---", 1); /* liquidity */
    expect("token t A>P 50; token z 0>P 2; token u P>A 7", "P v2 50 0 0 7", "---", 1);
}

Test(link, moves_of_nothing_and_to_oneself_are_no_legs)
{
    expect("token t A>P 0; token t P>P 4; token t A>P 50; token u P>A 200", "P v2 50 0 0 200", "--io swap.v2",
           0);
}

Test(link, sums_beyond_256_bits_link_nothing)
{
#define HUGE "115792089237316195423570985008687907853269984665640564039457584007913129639935"
    expect("token t A>P " HUGE "; token t A>P " HUGE "; token u P>A 1", "P v2 50 0 0 1", "---", 1);
    expect("token t A>R " HUGE "; token t A>R 2; token t R>A 1", "", "---", 1);
    expect("token t A>P 7; token u P>A 1", "P v2 " HUGE " 0 0 1; P v2 8 0 0 0", "--", 1);
}

Test(link, more_moves_than_the_limit_link_nothing)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "token t A>R 5000");
    for (unsigned i = 1; i < TRACER_LINK_MOVES_MAX; i++)
        fprintf(out, "; token t R>B 1");
    fflush(out);
    char *want = calloc(1, TRACER_LINK_MOVES_MAX + 8);
    memset(want, 'o', TRACER_LINK_MOVES_MAX);
    want[0] = 'i';
    strcat(want, " pass");
    expect(text, "", want, 0);
    fprintf(out, "; token t R>B 1");
    fclose(out);
    memset(want, '-', TRACER_LINK_MOVES_MAX + 1);
    want[TRACER_LINK_MOVES_MAX + 1] = '\0';
    expect(text, "", want, 1);
    free(want);
    free(text);
}
