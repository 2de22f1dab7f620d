/* verify_result.c - a bundle's result says what the replay of its files gives, and claims no grade that nothing proves. */
#include "verifying.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/clock.h"
#include "tracer/json_reader.h"
#include "tracer/link.h"

static bool text_is(const json_t *object, const char *key, const char *wanted)
{
    const json_t *item = json_object_get(object, key);
    return json_is_string(item) && strcmp(json_string_value(item), wanted) == 0;
}

static bool text_or_null(const json_t *object, const char *key, const char *wanted) /* NULL: null is wanted */
{
    return wanted ? text_is(object, key, wanted) : json_is_null(json_object_get(object, key));
}

static bool whole_is(const json_t *object, const char *key, uint64_t wanted)
{
    const json_t *item = json_object_get(object, key);
    return json_is_integer(item) && (uint64_t)json_integer_value(item) == wanted;
}

static bool amount_is(const json_t *object, const char *key, struct u320 wanted)
{
    char text[U320_DECIMAL_MAX];
    u320_format_decimal(wanted, text);
    return text_is(object, key, text);
}

static bool account_is(const struct verifying *v, const json_t *object, const char *key, uint32_t account)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(v->cursor.account(v->cursor.self, account), text);
    return text_is(object, key, text);
}

static bool asset_is(const struct verifying *v, const json_t *object, uint32_t asset)
{
    char text[ASSET_TEXT_SIZE];
    asset_format(v->cursor.asset(v->cursor.self, asset), text);
    return text_is(object, "asset", text);
}

static bool whole_or_null(const json_t *object, const char *key, bool there, uint64_t wanted)
{
    return there ? whole_is(object, key, wanted) : json_is_null(json_object_get(object, key));
}

static bool read_grade(const json_t *object, const char *key, enum grade *ret_grade)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && grade_parse(text, strlen(text), ret_grade);
}

static int order_rows(const void *a, const void *b)
{
    return position_compare(((const struct known_row *)a)->position, ((const struct known_row *)b)->position);
}

static const struct known_row *find_row(const struct verifying *v, struct position position)
{
    const struct known_row wanted = {.position = position};
    return v->row_count ? bsearch(&wanted, v->rows, v->row_count, sizeof(wanted), order_rows) : NULL;
}

/* A grade that stands on hashes is claimed only for what was proven here, and a path's is that of its weakest transfer, or
 * weaker. */
static bool grades_hold(const struct verifying *v, const json_t *object, const struct taint_hop *hop, const json_t *parent,
                        const struct known_row *row)
{
    enum grade grade, path, before = GRADE_PROVEN, least;
    bool recognised = !hop->link || (v->chain.rules && link_rules(hop->link)); /* by rules, in no source */
    least = recognised && hop->leg == LEG_OUT ? GRADE_INFERRED : GRADE_PROVEN;
    return read_grade(object, "grade", &grade) && read_grade(object, "path_grade", &path) &&
           (!parent || read_grade(parent, "path_grade", &before)) && grade >= row->best && path >= grade && path >= before && path >= least;
}

static bool time_is(const json_t *object, uint64_t time)
{
    char utc[32];
    clock_format_utc(time, utc);
    return whole_or_null(object, "time", time != 0, time) && text_or_null(object, "time_utc", time ? utc : NULL);
}

static bool hash_is(const json_t *object, const char *key, struct hash hash) /* null if it is not known */
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    return text_or_null(object, key, hash_is_zero(hash) ? NULL : text);
}

/* What is shown of the transfer beside its amount. */
static bool row_is(const json_t *object, const struct taint_hop *hop, const struct known_row *row)
{
    uint64_t number = row->number ? row->number : row->position.block_number;
    return hash_is(object, "transaction_hash", row->transaction_hash) && text_is(object, "kind", transfer_kind_name(row->kind)) &&
           whole_or_null(object, "log_index", row->log_index != LOG_INDEX_NONE, row->log_index) && time_is(object, row->time) &&
           (whole_is(object, "block_number", number) || (!row->number && json_is_null(json_object_get(object, "block_number")))) &&
           whole_or_null(object, "link", hop->link != 0, hop->link);
}

static bool hop_is(const struct verifying *v, const json_t *object, const struct taint_hop *hop, const json_t *parent_object)
{
    char key[POSITION_TEXT_SIZE], parent[POSITION_TEXT_SIZE];
    const struct known_row *row = find_row(v, hop->position);
    position_format(hop->position, key);
    if (hop->has_parent)
        position_format(hop->parent, parent);
    return row && text_is(object, "key", key) && text_or_null(object, "parent", hop->has_parent ? parent : NULL) &&
           account_is(v, object, "from", hop->from) && account_is(v, object, "to", hop->to) && asset_is(v, object, hop->asset) &&
           amount_is(object, "amount", u320_from_u256(hop->amount)) && amount_is(object, "tainted", u320_from_u256(hop->tainted)) &&
           amount_is(object, "unproven", u320_from_u256(unproven_of_hop(v->proven, hop))) &&
           text_is(object, "source", taint_source_name(v->taint, hop->source)) && whole_is(object, "hop", hop->hop) &&
           text_or_null(object, "leg", hop->leg == LEG_NONE ? NULL : leg_name(hop->leg)) && row_is(object, hop, row) &&
           grades_hold(v, object, hop, parent_object, row);
}

static enum tracer_status check_hops(struct verifying *v, const json_t *root)
{
    const json_t *hops = json_object_get(root, "hops");
    size_t count = taint_hop_count(v->taint);
    if (json_array_size(hops) != count)
        return verify_differs(v, BUNDLE_RESULT, "it has %zu flagged hops, the replay gives %zu", json_array_size(hops), count);
    for (size_t i = 0; i < count; i++) {
        struct taint_hop hop = taint_hop_at(v->taint, i);
        size_t parent = taint_parent(v->taint, i);
        if (!hop_is(v, json_array_get(hops, i), &hop, parent == SIZE_MAX ? NULL : json_array_get(hops, parent))) {
            char key[POSITION_TEXT_SIZE];
            position_format(hop.position, key);
            return verify_differs(v, BUNDLE_RESULT, "hop %zu (%s) is not what the replay and the proofs give", i, key);
        }
    }
    return TRACER_OK;
}

/* A service may be where units are burned; the reporter names that from its label. */
static bool ends_at(const json_t *place, enum taint_place_class class_)
{
    static const enum place names[] = {[PLACE_SERVICE] = PLACE_IS_SERVICE,
                                       [PLACE_MIXER] = PLACE_IS_MIXER,
                                       [PLACE_BRIDGE] = PLACE_IS_BRIDGE,
                                       [PLACE_VENUE] = PLACE_IS_VENUE,
                                       [PLACE_FRONTIER] = PLACE_IS_NOT_EXPLORED};
    return text_is(place, "place", place_name(names[class_])) ||
           (class_ == PLACE_SERVICE && text_is(place, "place", place_name(PLACE_IS_BURNED)));
}

/* Who, what and of which source, as a result states it. */
struct stated {
    const struct verifying *v;
    struct address account;
    struct asset asset;
    uint32_t source;
};

static bool read_stated(const struct verifying *v, const json_t *object, bool account, struct stated *ret_stated)
{
    const char *who = json_string_value(json_object_get(object, "account")), *what = json_string_value(json_object_get(object, "asset")),
               *source = json_string_value(json_object_get(object, "source"));
    *ret_stated = (struct stated){.v = v};
    for (size_t low = 0, high = taint_source_count(v->taint); source && low < high;) { /* names are in order */
        size_t middle = low + (high - low) / 2;
        int order = strcmp(source, taint_source_name(v->taint, (uint32_t)middle));
        ret_stated->source = (uint32_t)middle;
        if (order == 0)
            return (!account || (who && address_parse(who, strlen(who), &ret_stated->account))) && what &&
                   asset_parse(what, strlen(what), &ret_stated->asset);
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static int compare_assets(const struct stated *stated, uint32_t asset, uint32_t tag)
{
    struct asset here = stated->v->cursor.asset(stated->v->cursor.self, asset);
    int order = asset_compare(&stated->asset, &here);
    return order ? order : stated->source < tag ? -1 : stated->source > tag;
}

static int compare_stated(const struct stated *stated, uint32_t account, uint32_t asset, uint32_t tag)
{
    int order = address_compare(stated->account, stated->v->cursor.account(stated->v->cursor.self, account));
    return order ? order : compare_assets(stated, asset, tag);
}

static bool find_holding(const struct stated *stated, size_t *ret_index, struct taint_holding *ret_holding)
{
    for (size_t low = 0, high = taint_holding_count(stated->v->taint); low < high;) {
        size_t middle = low + (high - low) / 2;
        *ret_index = middle;
        *ret_holding = taint_holding_at(stated->v->taint, middle);
        int order = compare_stated(stated, ret_holding->account, ret_holding->asset, ret_holding->tag);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static int find_absorbed(const void *key, const void *item)
{
    const struct taint_absorbed *absorbed = item;
    return compare_stated(key, absorbed->account, absorbed->asset, absorbed->tag);
}

static int find_total(const void *key, const void *item)
{
    const struct taint_total *total = item;
    return compare_assets(key, total->asset, total->tag);
}

static bool is_source(uint32_t tag)
{
    return tag != TAINT_UNKNOWN && tag != TAINT_CLEAN;
}

/* What the replay left at accounts, both sorted by account, asset, tag (taint-spec 11), and which of it a place stated. */
struct left {
    const struct taint_absorbed *absorbed;
    size_t held, away;
    bool *held_seen, *away_seen;
};

/* A stated place is a holding or an absorbed amount of the replay that no other one states. */
static bool place_is(const struct verifying *v, const json_t *place, const struct left *left)
{
    struct stated stated;
    struct taint_holding holding;
    const struct taint_absorbed *end;
    size_t at;
    bool *seen;
    if (!read_stated(v, place, true, &stated))
        return false;
    if (text_is(place, "place", place_name(PLACE_IS_HELD))) {
        seen = find_holding(&stated, &at, &holding) ? &left->held_seen[at] : NULL;
        if (!seen || *seen || !amount_is(place, "amount", u320_from_u256(holding.amount)) ||
            !amount_is(place, "unproven", unproven_of_holding(v->proven, &holding)))
            return false;
    } else {
        end = left->away ? bsearch(&stated, left->absorbed, left->away, sizeof(*end), find_absorbed) : NULL;
        seen = end ? &left->away_seen[end - left->absorbed] : NULL;
        if (!seen || *seen || !ends_at(place, end->place) || !amount_is(place, "amount", end->amount) ||
            !amount_is(place, "unproven", unproven_of_absorbed(v->proven, end)))
            return false;
    }
    *seen = true;
    return true;
}

/* Each of the replay stands there once. */
static enum tracer_status check_places(struct verifying *v, const json_t *root)
{
    const json_t *places = json_object_get(root, "places");
    struct left left;
    size_t count = 0;
    left.held = taint_holding_count(v->taint);
    left.away = taint_absorbed(v->taint, &left.absorbed);
    left.held_seen = arena_calloc(v->arena, left.held + 1, sizeof(*left.held_seen));
    left.away_seen = arena_calloc(v->arena, left.away + 1, sizeof(*left.away_seen));
    if (!left.held_seen || !left.away_seen)
        return verify_no_memory(v);
    for (size_t i = 0; i < left.held; i++)
        count += is_source(taint_holding_at(v->taint, i).tag);
    for (size_t i = 0; i < left.away; i++)
        count += is_source(left.absorbed[i].tag);
    if (count != json_array_size(places))
        return verify_differs(v, BUNDLE_RESULT, "it has %zu places, the replay gives %zu", json_array_size(places), count);
    for (size_t i = 0; i < count; i++)
        if (!place_is(v, json_array_get(places, i), &left))
            return verify_differs(v, BUNDLE_RESULT, "place %zu is not what the replay gives", i);
    return TRACER_OK;
}

/* Amounts of a total may be sums of more than 256 bits. */
static bool parse_sum(const char *text, struct u320 *ret_sum)
{
    *ret_sum = (struct u320){{0}};
    for (; *text >= '0' && *text <= '9'; text++) {
        unsigned __int128 carry = (unsigned)(*text - '0');
        for (int i = 0; i < 5; i++) {
            carry += (unsigned __int128)ret_sum->limb[i] * 10;
            ret_sum->limb[i] = (uint64_t)carry;
            carry >>= 64;
        }
        if (carry)
            return false;
    }
    return *text == '\0';
}

/* What went to services, mixers, bridges, venues, out of sight and up in smoke, as stated. */
static bool sum_of_ends(const json_t *places, struct u320 *ret_sum)
{
    static const enum place ends[] = {PLACE_IS_SERVICE, PLACE_IS_MIXER, PLACE_IS_BRIDGE, PLACE_IS_VENUE, PLACE_IS_BURNED, PLACE_IS_NOT_EXPLORED};
    *ret_sum = (struct u320){{0}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const char *text = json_string_value(json_object_get(places, place_name(ends[i])));
        struct u320 amount;
        if (!text || !parse_sum(text, &amount))
            return false;
        u320_add_u320(ret_sum, amount);
    }
    return true;
}

static struct u320 unproven_of_all(const struct verifying *v, const struct taint_total *total)
{
    struct u320 sum = {{0}}, places[PLACE_IS_COUNT] = {{{0}}};
    const struct taint_absorbed *absorbed;
    if (!v->proven)
        return sum;
    size_t held = taint_holding_count(v->taint), away = taint_absorbed(v->taint, &absorbed);
    unproven_of_total(v->proven, total, places);
    for (int place = 0; place < PLACE_IS_COUNT; place++)
        u320_add_u320(&sum, places[place]);
    for (size_t i = 0; i < held; i++) {
        struct taint_holding holding = taint_holding_at(v->taint, i);
        if (holding.asset == total->asset && holding.tag == total->tag)
            u320_add_u320(&sum, unproven_of_holding(v->proven, &holding));
    }
    for (size_t i = 0; i < away; i++)
        if (absorbed[i].asset == total->asset && absorbed[i].tag == total->tag)
            u320_add_u320(&sum, unproven_of_absorbed(v->proven, &absorbed[i]));
    return sum;
}

/* Whether the list of assets has it, and its decimals there. */
static bool listed_is(const struct verifying *v, const json_t *object, struct asset asset)
{
    const struct taint_asset wanted = {.asset = asset}, *listed =
        v->input->asset_count ? bsearch(&wanted, v->input->assets, v->input->asset_count, sizeof(wanted), bundle_order_assets) : NULL;
    return json_is_true(json_object_get(object, "recognised")) == (listed != NULL) && (!listed || whole_is(object, "decimals", listed->decimals));
}

static bool total_is(const struct verifying *v, const json_t *object, const struct taint_total *total)
{
    const json_t *places = json_object_get(object, "places");
    struct u320 stated, ends = total->absorbed;
    u320_add_u320(&ends, total->burned);
    return amount_is(object, "seeded", total->seeded) && amount_is(object, "emitted", total->emitted) &&
           amount_is(object, "converted_in", total->converted_in) && amount_is(places, place_name(PLACE_IS_HELD), total->held) &&
           amount_is(places, place_name(PLACE_IS_FEES), total->fees) &&
           amount_is(places, place_name(PLACE_IS_CONVERTED), total->converted_out) &&
           amount_is(places, place_name(PLACE_IS_RETAGGED), total->retagged) && sum_of_ends(places, &stated) &&
           u320_compare(stated, ends) == 0 && amount_is(object, "unproven", unproven_of_all(v, total)) &&
           listed_is(v, object, v->cursor.asset(v->cursor.self, total->asset));
}

/* Each of the replay stands there once. */
static enum tracer_status check_totals(struct verifying *v, const json_t *root)
{
    const json_t *stated = json_object_get(root, "totals");
    const struct taint_total *totals;
    size_t count = taint_totals(v->taint, &totals), sources = 0;
    bool *seen = arena_calloc(v->arena, count + 1, sizeof(*seen));
    if (!seen)
        return verify_no_memory(v);
    for (size_t i = 0; i < count; i++)
        sources += is_source(totals[i].tag);
    if (sources != json_array_size(stated))
        return verify_differs(v, BUNDLE_RESULT, "it has %zu totals, the replay gives %zu", json_array_size(stated), sources);
    for (size_t i = 0; i < sources; i++) {
        struct stated key;
        const json_t *object = json_array_get(stated, i);
        const struct taint_total *total =
            read_stated(v, object, false, &key) ? bsearch(&key, totals, count, sizeof(*total), find_total) : NULL;
        if (!total || seen[total - totals] || !total_is(v, object, total))
            return verify_differs(v, BUNDLE_RESULT, "total %zu is not what the replay gives", i);
        seen[total - totals] = true;
    }
    return TRACER_OK;
}

/* The transfers that seeds name, in chain order. */
struct seed_rows {
    struct transfer *rows;
    size_t count;
};

static int order_transfers(const void *a, const void *b)
{
    return position_compare(((const struct transfer *)a)->position, ((const struct transfer *)b)->position);
}

static enum tracer_status find_seed_rows(void *context, const struct block *block, struct error *err)
{
    const struct seed_rows *seeds = context;
    (void)err;
    for (size_t i = 0; i < block->transfer_count; i++) {
        struct transfer *row = bsearch(&block->transfers[i], seeds->rows, seeds->count, sizeof(*row), order_transfers);
        while (row && row > seeds->rows && order_transfers(row - 1, &block->transfers[i]) == 0)
            row--; /* several sources may name one */
        for (; row && row < seeds->rows + seeds->count && order_transfers(row, &block->transfers[i]) == 0; row++)
            *row = block->transfers[i];
    }
    return TRACER_OK;
}

static bool seed_is(const struct verifying *v, const json_t *object, const struct taint_seed *seed, const struct seed_rows *seeds)
{
    char address[ADDRESS_TEXT_SIZE], key[POSITION_TEXT_SIZE], asset[ASSET_TEXT_SIZE];
    const struct known_row *row = seed->is_address ? NULL : find_row(v, seed->position);
    const struct transfer wanted = {.position = seed->position}, *transfer =
        seed->is_address ? NULL : bsearch(&wanted, seeds->rows, seeds->count, sizeof(wanted), order_transfers);
    address_format(seed->address, address);
    position_format(seed->position, key);
    if (transfer)
        asset_format(transfer->asset, asset);
    if (!text_is(object, "source", seed->source) || !text_is(object, "kind", seed->is_address ? "address" : "transfer"))
        return false;
    return seed->is_address ? text_is(object, "address", address) && whole_is(object, "block_number", seed->block_number)
                            : row && text_is(object, "key", key) && hash_is(object, "transaction_hash", row->transaction_hash) &&
                                  time_is(object, row->time) && text_is(object, "asset", asset) &&
                                  amount_is(object, "amount", u320_from_u256(seed->has_amount ? u256_min(seed->amount, transfer->amount) : transfer->amount));
}

static enum tracer_status check_seeds(struct verifying *v, const json_t *root)
{
    const json_t *seeds = json_object_get(root, "seeds");
    size_t count = v->input->seed_count;
    struct seed_rows named = {.rows = arena_calloc(v->arena, count + 1, sizeof(*named.rows))};
    enum tracer_status status = TRACER_OK;
    if (!named.rows)
        return verify_no_memory(v);
    if (json_array_size(seeds) != count)
        return verify_differs(v, BUNDLE_RESULT, "it has %zu seeds, %s has %zu", json_array_size(seeds), bundle_names[BUNDLE_SEEDS], count);
    for (size_t i = 0; i < count; i++)
        if (!v->input->seeds[i].is_address)
            named.rows[named.count++].position = v->input->seeds[i].position;
    if (named.count) {
        qsort(named.rows, named.count, sizeof(*named.rows), order_transfers);
        status = verify_found(v, import_each_block(v->import, v->manifest.chain_id, find_seed_rows, &named, v->err));
    }
    for (size_t i = 0; i < count && !status; i++)
        if (!seed_is(v, json_array_get(seeds, i), &v->input->seeds[i], &named))
            status = verify_differs(v, BUNDLE_RESULT, "seed %zu is not that of %s", i, bundle_names[BUNDLE_SEEDS]);
    return status;
}

/* ---- what is shown beside the flow ---- */

static int order_labels(const void *a, const void *b)
{
    return address_compare(((const struct taint_label *)a)->address, ((const struct taint_label *)b)->address);
}

/* A label's class decides what the replay does there; the rest of it is words. */
static enum tracer_status check_accounts(struct verifying *v, const json_t *root)
{
    size_t count = v->input->label_count;
    struct taint_label *labels = arena_calloc(v->arena, count + 1, sizeof(*labels));
    if (!labels)
        return verify_no_memory(v);
    if (count)
        memcpy(labels, v->input->labels, count * sizeof(*labels));
    qsort(labels, count, sizeof(*labels), order_labels);
    const json_t *accounts = json_object_get(root, "accounts");
    size_t shown_count = json_array_size(accounts);
    struct address *shown = arena_calloc(v->arena, shown_count + 1, sizeof(*shown));
    if (!shown)
        return verify_no_memory(v);
    for (size_t i = 0; i < shown_count; i++) {
        const json_t *object = json_array_get(accounts, i), *label = json_object_get(object, "label");
        const char *text = json_string_value(json_object_get(object, "address"));
        struct taint_label wanted = {0};
        if (!text || !address_parse(text, strlen(text), &wanted.address))
            return verify_differs(v, BUNDLE_RESULT, "account %zu has no address", i);
        shown[i] = wanted.address;
        if (i && address_compare(shown[i - 1], shown[i]) >= 0)
            return verify_differs(v, BUNDLE_RESULT, "account %s is not in order, or stands twice", text);
        const struct taint_label *known = bsearch(&wanted, labels, count, sizeof(*labels), order_labels);
        if (known ? !text_is(label, "class", label_class_name(known->class_)) : !json_is_null(label) && !text_is(label, "class", ""))
            return verify_differs(v, BUNDLE_RESULT, "account %s has not the class that %s gives it", text, bundle_names[BUNDLE_LABELS]);
    }
    for (size_t i = 0; i < 2 * taint_hop_count(v->taint); i++) {
        struct taint_hop hop = taint_hop_at(v->taint, i / 2);
        struct address end = v->cursor.account(v->cursor.self, i % 2 ? hop.to : hop.from);
        if (!shown_count || !bsearch(&end, shown, shown_count, sizeof(*shown), bundle_order_addresses))
            return verify_differs(v, BUNDLE_RESULT, "an end of hop %zu is not among its accounts", i / 2);
    }
    return TRACER_OK;
}

static enum tracer_status check_assets(struct verifying *v, const json_t *root)
{
    const json_t *assets = json_object_get(root, "assets");
    struct asset asset, before = {0};
    for (size_t i = 0; i < json_array_size(assets); i++, before = asset) {
        const json_t *object = json_array_get(assets, i);
        const char *text = json_string_value(json_object_get(object, "asset"));
        if (!text || !asset_parse(text, strlen(text), &asset) || !listed_is(v, object, asset))
            return verify_differs(v, BUNDLE_RESULT, "asset %zu is not that of %s", i, bundle_names[BUNDLE_ASSETS]);
        if (i && asset_compare(&before, &asset) >= 0)
            return verify_differs(v, BUNDLE_RESULT, "asset %s is not in order, or stands twice", text);
    }
    return TRACER_OK;
}

/* What it says of its limits rests on the writer's store. But that accounts have gaps is never left unsaid (E4). */
static enum tracer_status check_limits(struct verifying *v, const json_t *root)
{
    const json_t *limits = json_object_get(root, "limits");
    bool good = json_object_size(limits) == NOTE_COUNT;
    for (int kind = 0; kind < NOTE_COUNT && good; kind++) {
        const json_t *notes = json_object_get(limits, note_kind_name((enum note_kind)kind));
        good = json_is_array(notes);
        for (size_t i = 0; i < json_array_size(notes) && good; i++)
            good = json_is_string(json_array_get(notes, i));
        if (kind == NOTE_GAP && json_array_size(json_object_get(root, "gapped")))
            good = good && json_array_size(notes);
    }
    return good ? TRACER_OK : verify_differs(v, BUNDLE_RESULT, "its limits are not in their form, or leave out the gaps of accounts that it lists");
}

/* An end of the range, where its header is here. */
static bool end_is(const struct verifying *v, const json_t *range, const char *hash, const char *time, uint64_t number)
{
    const struct known_block *block = verify_block(v, number);
    return !block || !block->header || (hash_is(range, hash, block->hash) && whole_is(range, time, block->time));
}

static enum tracer_status check_head(struct verifying *v, const json_t *root)
{
    const json_t *tool = json_object_get(root, "tool"), *network = json_object_get(root, "network"),
                 *options = json_object_get(root, "options"), *range = json_object_get(root, "range"),
                 *sources = json_object_get(root, "sources");
    const struct bundle_manifest *manifest = &v->manifest;
    if (!text_is(root, "schema", "tracer/trace/1") || !text_is(tool, "version", manifest->version) ||
        !text_is(tool, "commit", manifest->commit) || !text_is(root, "spec", "taint/1") || !text_is(network, "name", manifest->network) ||
        !whole_is(network, "chain_id", manifest->chain_id) || !text_is(root, "policy", taint_policy_name(manifest->options.policy)) ||
        !text_is(options, "links", links_name(manifest->options.links)) || !text_is(options, "fees", fees_name(manifest->options.fees)) ||
        !text_is(options, "unknown", unknown_name(manifest->options.unknown)) ||
        !text_is(options, "opening", opening_name(manifest->options.opening)) ||
        !whole_is(range, "first_block", manifest->first_block) || !whole_is(range, "last_block", manifest->last_block) ||
        !end_is(v, range, "first_hash", "first_time", manifest->first_block) || !end_is(v, range, "last_hash", "last_time", manifest->last_block))
        return verify_differs(v, BUNDLE_RESULT, "its schema, tool, network, policy, options or range is not the manifest's");
    bool same = json_array_size(sources) == taint_source_count(v->taint);
    for (size_t i = 0; i < json_array_size(sources) && same; i++) {
        const char *name = json_string_value(json_array_get(sources, i));
        same = name && strcmp(name, taint_source_name(v->taint, (uint32_t)i)) == 0;
    }
    return same ? TRACER_OK : verify_differs(v, BUNDLE_RESULT, "its sources are not those of the replay");
}

/* The replay in which the accounts that have a gap pay nothing that is proven. */
static enum tracer_status replay_gapped(struct verifying *v, const json_t *root)
{
    const json_t *gapped = json_object_get(root, "gapped");
    size_t count = json_array_size(gapped);
    struct address *doubted = arena_calloc(v->arena, count + 1, sizeof(*doubted));
    struct taint_input *input = arena_copy(v->arena, v->input, sizeof(*input));
    if (!doubted || !input)
        return verify_no_memory(v);
    if (!json_is_array(gapped))
        return verify_differs(v, BUNDLE_RESULT, "it does not say which accounts have gaps");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(gapped, i));
        if (!text || !address_parse(text, strlen(text), &doubted[i]) || (i && address_compare(doubted[i - 1], doubted[i]) >= 0))
            return verify_differs(v, BUNDLE_RESULT, "its accounts with gaps are no sorted list of addresses");
    }
    input->doubted = doubted;
    input->doubted_count = count;
    if (!count)
        return TRACER_OK;
    enum tracer_status status = import_cursor(v->import, &v->gapped_cursor, v->err);
    if (!status)
        status = taint_new(input, &v->gapped_cursor, &v->gapped_taint, v->err);
    if (!status)
        status = taint_replay(v->gapped_taint, NULL, NULL, v->err);
    if (!status) {
        v->proven_places.taint = v->gapped_taint;
        v->proven = &v->proven_places;
        status = proven_index(&v->proven_places, v->input->options.policy, v->arena, v->err);
    }
    return verify_found(v, status);
}

/* Before it is held in memory: a result has no more to say than the replay gave. */
static enum tracer_status check_values(struct verifying *v, struct bytes text)
{
    const struct taint_absorbed *absorbed;
    const struct taint_total *totals;
    struct json_reader reader;
    size_t items = taint_hop_count(v->taint) + taint_holding_count(v->taint) + taint_absorbed(v->taint, &absorbed) +
                   taint_totals(v->taint, &totals) + v->input->seed_count;
    json_reader_init(&reader, (const char *)text.data, text.size, TRACER_JSON_DEPTH_MAX,
                     TRACER_BUNDLE_VALUES_MAX + (uint64_t)items * TRACER_BUNDLE_VALUES_EACH);
    json_skip(&reader, NULL);
    if (json_finish(&reader))
        return TRACER_OK;
    json_reader_error(&reader, v->err);
    error_context(v->err, "%s", bundle_names[BUNDLE_RESULT]);
    return v->err->status = TRACER_E_VERIFY;
}

enum tracer_status verify_result(struct verifying *v)
{
    struct bytes text = verify_text(v, BUNDLE_RESULT);
    json_error_t why;
    enum tracer_status status = check_values(v, text);
    if (status)
        return status;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return verify_differs(v, BUNDLE_RESULT, "is no JSON: %.120s", why.text);
    status = check_head(v, root);
    if (!status)
        status = check_seeds(v, root);
    if (!status)
        status = check_accounts(v, root);
    if (!status)
        status = check_assets(v, root);
    if (!status)
        status = check_limits(v, root);
    if (!status)
        status = replay_gapped(v, root);
    if (!status)
        status = check_hops(v, root);
    if (!status)
        status = check_totals(v, root);
    if (!status)
        status = check_places(v, root);
    json_decref(root);
    return status;
}
