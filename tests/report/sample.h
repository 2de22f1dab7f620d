/* sample.h - a small result with everything in it: two assets of the list, one that is not, a swap, every
 * kind of place, hostile names. Tests change it before they print it. */
#ifndef TESTS_REPORT_SAMPLE_H
#define TESTS_REPORT_SAMPLE_H

#include <stdlib.h>
#include <string.h>

#include "tracer/report.h"

#define SAMPLE_ACCOUNTS 24
enum { IS_VOID, IS_THIEF, IS_HUOBI_1, IS_HUOBI_2, IS_FTX, IS_TORNADO, IS_BRIDGE, IS_HOSTILE, IS_OTHERS };
enum { IS_USDC, IS_FAKE, IS_ETH };

struct sample {
    struct result_account accounts[SAMPLE_ACCOUNTS];
    struct result_asset assets[3];
    struct result_total totals[3];
    struct result_place places[SAMPLE_ACCOUNTS + 8];
    struct result_hop hops[7];
    struct result_seed seeds[2];
    struct result_input inputs[2];
    struct result_note notes[3];
    const char *sources[2];
    struct trace_result trace;

    struct check_step steps[2];
    uint32_t path[2];
    struct check_exposure exposures[1];
    struct check_line lines[2];
    const char *reasons[2];
    struct check_answer answers[3];
    struct check_result check;
};

static inline struct u256 units(const char *text)
{
    struct u256 value;
    if (!u256_parse_decimal(text, strlen(text), &value))
        abort();
    return value;
}

static inline struct u320 sum_of(const char *text)
{
    return u320_from_u256(units(text));
}

static inline struct address sample_address(unsigned i)
{
    struct address address = {{0}};
    for (unsigned k = 0; i && k < sizeof(address.bytes); k++)
        address.bytes[k] = (uint8_t)(i * 16 + k);
    return address;
}

static inline struct hash sample_hash(int byte)
{
    struct hash hash;
    memset(hash.bytes, byte, sizeof(hash.bytes));
    return hash;
}

static inline void sample_label(struct sample *s, int i, const char *name, enum label_class class_,
                                const char *category, const char *entity)
{
    s->accounts[i].labelled = true;
    s->accounts[i].name = name;
    s->accounts[i].class_ = class_;
    s->accounts[i].category = category;
    s->accounts[i].entity = entity;
    s->accounts[i].origin = "a public page";
}

static inline void sample_tables(struct sample *s)
{
    for (unsigned i = 0; i < SAMPLE_ACCOUNTS; i++)
        s->accounts[i] = (struct result_account){
            .address = sample_address(i), .name = "", .category = "", .entity = "", .origin = ""};
    sample_label(s, IS_THIEF, "LAZARUS GROUP", CLASS_NONE, "sanctioned", "LAZARUS GROUP");
    sample_label(s, IS_HUOBI_1, "Huobi deposit address", CLASS_SERVICE, "exchange", "Huobi");
    sample_label(s, IS_HUOBI_2, "Huobi deposit address", CLASS_SERVICE, "exchange", "Huobi");
    sample_label(s, IS_FTX, "FTX deposit address", CLASS_SERVICE, "exchange", "FTX");
    sample_label(s, IS_TORNADO, "Tornado.Cash: 100 ETH", CLASS_MIXER, "mixer", "Tornado Cash");
    sample_label(s, IS_BRIDGE, "Ronin bridge v1", CLASS_BRIDGE, "bridge", "Ronin");
    sample_label(s, IS_HOSTILE, "\x1b[31mevil\xe2\x80\xaename", CLASS_NONE, "", "");
    s->assets[IS_USDC] = (struct result_asset){.asset = {.kind = ASSET_TOKEN, .contract = sample_address(10)},
                                               .symbol = "USDC",
                                               .decimals = 6,
                                               .recognised = true};
    s->assets[IS_FAKE] = (struct result_asset){.asset = {.kind = ASSET_TOKEN, .contract = sample_address(11)},
                                               .symbol = "=USDC<b>\n",
                                               .decimals = 0,
                                               .recognised = false};
    s->assets[IS_ETH] = (struct result_asset){.symbol = "ETH", .decimals = 18, .recognised = true};
}

static inline void sample_totals(struct sample *s)
{
    size_t n = 0;
    s->totals[0] = (struct result_total){.asset = IS_ETH,
                                         .seeded = sum_of("173600000000000000000000"),
                                         .converted_in = sum_of("8564123456789012345678")};
    s->totals[0].places[PLACE_IS_HELD] = sum_of("2000123456789012345678");
    s->totals[0].places[PLACE_IS_SERVICE] = sum_of("7000000000000000000000");
    s->totals[0].places[PLACE_IS_MIXER] = sum_of("147164000000000000000000");
    s->totals[0].places[PLACE_IS_NOT_EXPLORED] = sum_of("26000000000000000000000");
    s->totals[1] = (struct result_total){.asset = IS_USDC, .seeded = sum_of("25500000000000")};
    s->totals[1].places[PLACE_IS_CONVERTED] = sum_of("25500000000000");
    s->totals[2] = (struct result_total){.asset = IS_FAKE, .converted_in = sum_of("777")};
    s->totals[2].places[PLACE_IS_HELD] = sum_of("777");
    s->places[n++] = (struct result_place){0, IS_FAKE, PLACE_IS_HELD, IS_HOSTILE, sum_of("777"), {{0}}};
    s->places[n++] =
        (struct result_place){0, IS_ETH, PLACE_IS_HELD, IS_THIEF, sum_of("2000123456789012345678"), {{0}}};
    s->places[n++] =
        (struct result_place){0, IS_ETH, PLACE_IS_SERVICE, IS_HUOBI_1, sum_of("3000000000000000000000"), {{0}}};
    s->places[n++] =
        (struct result_place){0, IS_ETH, PLACE_IS_SERVICE, IS_FTX, sum_of("2200000000000000000000"), {{0}}};
    s->places[n++] =
        (struct result_place){0, IS_ETH, PLACE_IS_SERVICE, IS_HUOBI_2, sum_of("1800000000000000000000"), {{0}}};
    s->places[n++] =
        (struct result_place){0, IS_ETH, PLACE_IS_MIXER, IS_TORNADO, sum_of("147164000000000000000000"), {{0}}};
    for (uint32_t i = IS_OTHERS; i < IS_OTHERS + 13; i++)
        s->places[n++] =
            (struct result_place){0, IS_ETH, PLACE_IS_NOT_EXPLORED, i, sum_of("2000000000000000000000"), {{0}}};
    s->trace.place_count = n;
}

static inline void sample_hops(struct sample *s)
{
    static const struct {
        uint32_t from, to, asset, parent;
        const char *amount, *tainted;
    } rows[] = {
        {IS_BRIDGE, IS_THIEF, IS_ETH, RESULT_NONE, "173600000000000000000000", "173600000000000000000000"},
        {IS_BRIDGE, IS_THIEF, IS_USDC, RESULT_NONE, "25500000000000", "25500000000000"},
        {IS_THIEF, IS_HUOBI_1, IS_ETH, 0, "5000000000000000000000", "3000000000000000000000"},
        {IS_THIEF, IS_OTHERS, IS_ETH, 0, "2000000000000000000000", "2000000000000000000000"},
        {IS_THIEF, IS_TORNADO, IS_ETH, 0, "100000000000000000000", "99999999999999999999"},
        {IS_OTHERS, IS_HOSTILE, IS_FAKE, 3, "777", "777"},
        {IS_THIEF, IS_FTX, IS_ETH, 0, "2200000000000000000000", "2200000000000000000000"}};
    for (unsigned i = 0; i < 7; i++)
        s->hops[i] =
            (struct result_hop){.position = {1648042149 + i * 3600, 0, i == 0},
                                .hop = i < 2    ? 0
                                       : i == 5 ? 2
                                                : 1,
                                .transaction_hash = i == 3 ? (struct hash){{0}} : sample_hash(0x10 + (int)i),
                                .block_number = i == 3 ? 0 : 14442835 + i,
                                .time = 1648042149 + i * 3600,
                                .log_index = i == 1 ? 122 : LOG_INDEX_NONE,
                                .kind = rows[i].asset == IS_ETH ? TRANSFER_VALUE : TRANSFER_TOKEN,
                                .asset = rows[i].asset,
                                .from = rows[i].from,
                                .to = rows[i].to,
                                .amount = units(rows[i].amount),
                                .tainted = units(rows[i].tainted),
                                .parent = rows[i].parent,
                                .grade = i == 3 ? GRADE_INFERRED : GRADE_ASSERTED,
                                .path_grade = i == 3 || i == 5 ? GRADE_INFERRED : GRADE_ASSERTED,
                                .leg = i == 3   ? LEG_IN
                                       : i == 5 ? LEG_OUT
                                                : LEG_NONE,
                                .link = i == 3 || i == 5 ? link_pack(2, LINK_WRAP | LINK_SWAP_V2) : 0,
                                .rules = i == 3 || i == 5 ? LINK_WRAP | LINK_SWAP_V2 : 0};
    for (unsigned i = 0; i < 2; i++)
        s->seeds[i] = (struct result_seed){.position = s->hops[i].position,
                                           .transaction_hash = s->hops[i].transaction_hash,
                                           .time = s->hops[i].time,
                                           .asset = s->hops[i].asset,
                                           .amount = s->hops[i].amount};
}

static inline void sample_check(struct sample *s)
{
    for (uint32_t i = 0; i < 2; i++)
        s->steps[i] = (struct check_step){.position = {14442835 + i, 7, i},
                                          .transaction_hash = sample_hash(0x31 + (int)i),
                                          .time = 1648042149 + i * 60,
                                          .asset = IS_ETH,
                                          .from = i ? IS_THIEF : IS_BRIDGE,
                                          .to = i ? IS_OTHERS : IS_THIEF,
                                          .amount = units("5000000000000000000"),
                                          .tainted = units(i ? "4000000000000000000" : "5000000000000000000"),
                                          .hop = i,
                                          .grade = GRADE_ASSERTED,
                                          .leg = i ? LEG_IN : LEG_NONE,
                                          .link = i ? link_pack(1, LINK_UNWRAP) : 0,
                                          .rules = i ? LINK_UNWRAP : 0};
    s->path[1] = 1;
    s->exposures[0] =
        (struct check_exposure){"ronin-2022", "theft", sum_of("4000000000000000000"), 800000, 1, true, s->path, 2};
    s->lines[0] = (struct check_line){.what = CHECK_RECEIVED,
                                      .status = "ok",
                                      .asset = IS_ETH,
                                      .from = RESULT_NONE,
                                      .to = RESULT_NONE,
                                      .amount = sum_of("5000000000000000000"),
                                      .tainted = sum_of("4000000000000000000"),
                                      .unknown = sum_of("1000000000000000000"),
                                      .ppm_min = 800000,
                                      .ppm_max = 1000000,
                                      .exposures = s->exposures,
                                      .exposure_count = 1};
    s->lines[1] = (struct check_line){.what = CHECK_CARRIED,
                                      .has_position = true,
                                      .position = {14442836, 7, 1},
                                      .transaction_hash = sample_hash(0x32),
                                      .time = 1648042209,
                                      .log_index = LOG_INDEX_NONE,
                                      .status = "zero",
                                      .asset = IS_ETH,
                                      .from = IS_THIEF,
                                      .to = IS_OTHERS};
    s->reasons[0] = "80.0 % of the ETH that it received is of ronin-2022";
    s->reasons[1] =
        "the history of 13 accounts is in the store, that of all others is not, so that nobody can tell";
    s->answers[0] = (struct check_answer){"0x808182838485868788898a8b8c8d8e8f90919293",
                                          true,
                                          IS_OTHERS,
                                          VERDICT_EXPOSED,
                                          "tainted",
                                          s->reasons,
                                          1,
                                          s->lines,
                                          2};
    s->answers[1] =
        (struct check_answer){"14442836:7:9", false, 0, VERDICT_CANNOT_TELL, "coverage", s->reasons + 1, 1, NULL, 0};
    s->answers[2] = (struct check_answer){
        "0x909192939495969798999a9b9c9d9e9fa0a1a2a3", true, IS_OTHERS + 1, VERDICT_CLEAN, "", NULL, 0, NULL, 0};
    s->check = (struct check_result){.head = s->trace.head,
                                     .accounts = s->accounts,
                                     .account_count = SAMPLE_ACCOUNTS,
                                     .assets = s->assets,
                                     .asset_count = 3,
                                     .steps = s->steps,
                                     .step_count = 2,
                                     .answers = s->answers,
                                     .answer_count = 3,
                                     .worst = VERDICT_EXPOSED};
    s->check.head.time_keys = s->check.head.imported = false;
    s->check.head.first_block = 14442000;
    s->check.head.last_block = 14443000;
    s->check.head.first_hash = sample_hash(0xaa);
    s->check.head.last_hash = sample_hash(0xbb);
}

static inline void sample_make(struct sample *s)
{
    static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    memset(s, 0, sizeof(*s));
    sample_tables(s);
    sample_totals(s);
    sample_hops(s);
    s->sources[0] = "ronin-2022";
    s->sources[1] = "second";
    for (int i = 0; i < 2; i++) {
        s->inputs[i] =
            (struct result_input){i ? "labels" : "transfers", i ? "labels.csv" : "transfers.csv", {0}};
        memcpy(s->inputs[i].sha256, digest, sizeof(digest));
    }
    s->notes[0] = (struct result_note){
        NOTE_LIMIT, "Taint says that units moved, not who moved them or why. It is as good as "
                    "its seeds and labels."};
    s->notes[1] = (struct result_note){
        NOTE_GAP, "the history of 13 accounts is in the store, that of all others is not"};
    s->notes[2] = (struct result_note){NOTE_ASSUMPTION, "rows of the file are asserted"};
    s->trace.head = (struct result_head){.version = "0.1.0",
                                         .policy = "fifo",
                                         .commit = "0123456789ab",
                                         .network = "ethereum",
                                         .chain_id = 1,
                                         .native_symbol = "ETH",
                                         .imported = true,
                                         .time_keys = true,
                                         .first_block = 1648041417,
                                         .last_block = 1664294783,
                                         .first_time = 1648041417,
                                         .last_time = 1664294783,
                                         .has_explored = true,
                                         .explored_count = 13,
                                         .inputs = s->inputs,
                                         .input_count = 2,
                                         .notes = s->notes,
                                         .note_count = 3,
                                         .repeat = "tracer demo --policy fifo"};
    s->trace.accounts = s->accounts;
    s->trace.account_count = SAMPLE_ACCOUNTS;
    s->trace.assets = s->assets;
    s->trace.asset_count = 3;
    s->trace.sources = s->sources;
    s->trace.source_count = 1;
    s->trace.seeds = s->seeds;
    s->trace.seed_count = 2;
    s->trace.totals = s->totals;
    s->trace.total_count = 3;
    s->trace.places = s->places;
    s->trace.hops = s->hops;
    s->trace.hop_count = 7;
    sample_check(s);
}

/* The trace beside itself: the second policy has twice as much of everything. */
static inline enum tracer_status sample_compare(const struct report_format *format, FILE *stream, const struct sample *s,
                                                const struct report_options *options, struct error *err)
{
    static struct compared_place places[SAMPLE_ACCOUNTS + 8];
    static struct compared_hop hops[7];
    static struct compared_total totals[3];
    struct compare_result result = {.trace = s->trace,
                                    .places = places,
                                    .place_count = s->trace.place_count,
                                    .hops = hops,
                                    .hop_count = s->trace.hop_count,
                                    .totals = totals,
                                    .total_count = s->trace.total_count};
    memset(totals, 0, sizeof(totals));
    for (size_t i = 0; i < s->trace.total_count; i++) {
        totals[i].source = s->trace.totals[i].source;
        totals[i].asset = s->trace.totals[i].asset;
        totals[i].came_in.amounts[1] = totals[i].places[PLACE_IS_HELD].amounts[1] = s->trace.totals[i].seeded;
        totals[i].came_in.high = totals[i].places[PLACE_IS_HELD].high = 1;
    }
    for (size_t i = 0; i < s->trace.place_count; i++) {
        const struct result_place *place = &s->trace.places[i];
        places[i] = (struct compared_place){place->source, place->asset, place->place, place->account, {.high = 1}};
        places[i].amount.amounts[0] = places[i].amount.amounts[1] = place->amount;
        u320_add_u320(&places[i].amount.amounts[1], place->amount);
    }
    for (size_t i = 0; i < s->trace.hop_count; i++) {
        hops[i] = (struct compared_hop){s->trace.hops[i], {.high = 1}};
        hops[i].tainted.amounts[1] = u320_from_u256(s->trace.hops[i].tainted);
    }
    return format->compare(stream, &result, options, err);
}

/* One that has spent more than came in, one that has too much, a contract without an answer. */
static inline enum tracer_status sample_audit(const struct report_format *format, FILE *stream, const struct sample *s,
                                              const struct report_options *options, struct error *err)
{
    struct audit_line lines[] = {
        {.account = IS_THIEF, .asset = IS_ETH, .outcome = AUDIT_DIFFERS, .too_little = true},
        {.account = IS_HUOBI_1, .asset = IS_ETH, .outcome = AUDIT_DIFFERS},
        {.account = IS_HOSTILE, .asset = IS_FAKE, .outcome = AUDIT_NO_ANSWER},
    };
    struct audit_asset assets[] = {{.asset = IS_ETH, .counts = {12, 2}}, {.asset = IS_FAKE, .counts = {[AUDIT_NO_ANSWER] = 1}}};
    struct audit_nonce nonces[] = {
        {.account = IS_THIEF, .outcome = NONCE_DIFFERS, .before = 5, .stored = 3, .after = 9, .has_missing = true, .missing = 7},
        {.account = IS_HUOBI_1, .outcome = NONCE_DELEGATED, .before = 0, .stored = 2, .after = 4, .has_missing = true, .missing = 1},
        {.account = IS_HOSTILE, .outcome = NONCE_NO_STATE, .stored = 1},
    };
    struct audit_result result = {.trace = s->trace,
                                  .counts = {12, 2, 1},
                                  .assets = assets,
                                  .asset_count = 2,
                                  .lines = lines,
                                  .line_count = 3,
                                  .nonce_counts = {6, 1, 1, 1, 0, 1},
                                  .nonces = nonces,
                                  .nonce_count = 3};
    lines[0].out = sum_of("2500000000000000000");
    lines[0].difference = assets[0].too_little = sum_of("2500000000000000001");
    lines[0].chain = units("1");
    lines[1].in = lines[1].difference = assets[0].too_much = sum_of("7");
    return format->audit(stream, &result, options, err);
}

enum { PRINT_TRACE, PRINT_CHECK, PRINT_COMPARE, PRINT_AUDIT, PRINT_COUNT };

/* What a format writes, to be freed. */
static inline char *sample_print(const struct sample *s, const char *format, int what, unsigned columns,
                                 enum report_view view)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    struct error err = {0};
    struct report_options options = {.view = view, .columns = columns};
    const struct report_format *found = report_find(format);
    enum tracer_status status = what == PRINT_CHECK     ? found->check(stream, &s->check, &options, &err)
                                : what == PRINT_COMPARE ? sample_compare(found, stream, s, &options, &err)
                                : what == PRINT_AUDIT   ? sample_audit(found, stream, s, &options, &err)
                                                        : found->trace(stream, &s->trace, &options, &err);
    fclose(stream);
    if (status)
        abort();
    return text;
}

#endif
