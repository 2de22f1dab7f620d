/* rules.c - see rules.h. Rules are tried in their order; an exposure that a rule does not take goes on to the next. */
#include "tracer/rules.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/arena.h"
#include "tracer/file.h"

#define RULE_EXPOSURES_MAX 64u /* more sources than this are judged as one another's like: see rules_judge() */
#define PPM 1000000u

enum rule_kind { RULE_ANY, RULE_DIRECT, RULE_INDIRECT, RULE_LISTED };
struct rule {
    const char *name, *source, *category; /* source, category: NULL any */
    enum rule_kind kind;
    bool has_asset;
    struct asset asset;
    uint32_t hops_max;
    enum grade grade_min;
    bool ignores;
    struct u256 amount; /* exposed: at least; ignored: below (0: without limit) */
    uint64_t ppm;       /* likewise */
};
struct rules {
    struct rule *items;
    size_t count;
    bool otherwise_exposed;
    struct digest digest;
};

static struct rule default_items[] = {
    {.name = "listed", .kind = RULE_LISTED, .hops_max = UINT32_MAX, .grade_min = GRADE_INFERRED},
    {.name = "tainted", .kind = RULE_ANY, .hops_max = UINT32_MAX, .grade_min = GRADE_INFERRED},
};
static const struct rules defaults = {default_items, sizeof(default_items) / sizeof(default_items[0]), false, {{0}}};

const struct rules *rules_default(void)
{
    return &defaults;
}

bool rules_are_default(const struct rules *rules)
{
    return rules == &defaults;
}

struct digest rules_digest(const struct rules *rules)
{
    return rules->digest;
}

size_t rules_categories(const struct rules *rules, const char **ret_categories)
{
    size_t count = 0;
    for (size_t i = 0; i < rules->count; i++)
        if (rules->items[i].category)
            ret_categories[count++] = rules->items[i].category;
    return count;
}

/* ---- judging ---- */

static bool takes(const struct rule *rule, const struct rules_exposure *exposure)
{
    return (!rule->source || strcmp(rule->source, exposure->source) == 0) && (!rule->category || strcmp(rule->category, exposure->category) == 0) &&
           rule->kind != RULE_LISTED && (rule->kind == RULE_ANY || (rule->kind == RULE_DIRECT) == exposure->direct) && exposure->hop <= rule->hops_max;
}

static void add(struct u320 *sum, struct u320 amount, bool overlap)
{
    if (!overlap)
        u320_add_u320(sum, amount);
    else if (u320_compare(amount, *sum) > 0)
        *sum = amount;
}

/* sum >= the rule's amount, and sum / whole >= its share. Any unit at all is asked for at least. */
static bool reaches(const struct rule *rule, struct u320 sum, struct u320 whole)
{
    return !u320_is_zero(sum) && u320_compare(sum, u320_from_u256(rule->amount)) >= 0 &&
           u320_compare_products(sum, (struct u320){{PPM}}, whole, (struct u320){{rule->ppm}}) >= 0;
}

/* Below both limits that the rule sets. */
static bool stays_below(const struct rule *rule, struct u320 sum, struct u320 whole)
{
    return (u256_is_zero(rule->amount) || u320_compare(sum, u320_from_u256(rule->amount)) < 0) &&
           (!rule->ppm || u320_compare_products(sum, (struct u320){{PPM}}, whole, (struct u320){{rule->ppm}}) < 0);
}

struct rules_finding rules_judge(const struct rules *rules, const struct rules_line *line)
{
    struct rules_finding finding = {VERDICT_CLEAN, ""};
    enum { COUNTS, PERHAPS_IGNORED, IGNORED } state[RULE_EXPOSURES_MAX] = {COUNTS};
    /* Of more sources than fit, none is ignored. */
    bool all_fit = line->exposure_count <= RULE_EXPOSURES_MAX;
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->items[i];
        struct u320 proven = {{0}}, upper = {{0}};
        bool any = false;
        if (rule->kind == RULE_LISTED || (rule->has_asset && !asset_equal(&rule->asset, &line->asset)) || (rule->ignores && !all_fit))
            continue;
        for (size_t e = 0; e < line->exposure_count; e++) {
            if ((all_fit && state[e] == IGNORED) || !takes(rule, &line->exposures[e]))
                continue;
            any = true;
            add(&upper, line->exposures[e].amount, line->overlap);
            if (line->exposures[e].grade <= rule->grade_min && (!all_fit || state[e] == COUNTS))
                add(&proven, line->exposures[e].amount, line->overlap);
        }
        if (rule->ignores) {
            if (!any || !stays_below(rule, upper, line->amount))
                continue;
            /* What is of unknown history could be of the same sources, and with it they may be more than the limit. */
            struct u320 most = upper;
            u320_add_u320(&most, line->unknown);
            for (size_t e = 0; e < line->exposure_count; e++)
                if (takes(rule, &line->exposures[e]) && state[e] != IGNORED)
                    state[e] = stays_below(rule, most, line->amount) ? IGNORED : PERHAPS_IGNORED;
            if (!finding.rule[0])
                finding.rule = rule->name;
            continue;
        }
        u320_add_u320(&upper, line->unknown);
        if (reaches(rule, proven, line->amount))
            return (struct rules_finding){VERDICT_EXPOSED, rule->name};
        if (finding.verdict == VERDICT_CLEAN && reaches(rule, upper, line->amount))
            finding = (struct rules_finding){VERDICT_CANNOT_TELL, rule->name};
    }
    for (size_t e = 0; rules->otherwise_exposed && e < line->exposure_count; e++)
        if (!all_fit || state[e] == COUNTS)
            return (struct rules_finding){VERDICT_EXPOSED, "otherwise"};
    if (rules->otherwise_exposed && finding.verdict == VERDICT_CLEAN && !u320_is_zero(line->unknown))
        finding = (struct rules_finding){VERDICT_CANNOT_TELL, "otherwise"};
    return finding;
}

struct rules_finding rules_judge_listed(const struct rules *rules, const char *source, const char *category)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->items[i];
        if (rule->kind == RULE_LISTED && (!rule->source || strcmp(rule->source, source) == 0) && (!rule->category || strcmp(rule->category, category) == 0))
            return (struct rules_finding){rule->ignores ? VERDICT_CLEAN : VERDICT_EXPOSED, rule->name};
    }
    return rules->otherwise_exposed ? (struct rules_finding){VERDICT_EXPOSED, "otherwise"} : (struct rules_finding){VERDICT_CLEAN, ""};
}

/* ---- reading ---- */

struct loading {
    const char *path;
    struct arena *arena;
    struct error *err;
    size_t number; /* of the rule, from 1; 0: the document */
};

static enum tracer_status wrong(const struct loading *loading, const char *key, const char *wanted)
{
    if (!loading->number)
        return error_set(loading->err, TRACER_E_USAGE, "%s: \"%s\": %s", loading->path, key, wanted);
    return error_set(loading->err, TRACER_E_USAGE, "%s: rule %zu: \"%s\": %s", loading->path, loading->number, key, wanted);
}

/* A member that nobody knows is a rule that nobody applies: refused. */
static enum tracer_status check_keys(const struct loading *loading, json_t *object, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        if (!keys[i]) {
            char shown[TRACER_QUOTED_MAX];
            return wrong(loading, safe_text(shown, sizeof(shown), key, strlen(key)), "is no member of this schema");
        }
    }
    return TRACER_OK;
}

static enum tracer_status read_text(const struct loading *loading, const json_t *object, const char *key, bool is_word, const char **ret_text)
{
    const json_t *value = json_object_get(object, key);
    *ret_text = NULL;
    if (!value)
        return TRACER_OK;
    const char *text = json_string_value(value);
    size_t length = text ? strlen(text) : 0;
    if (!text || !length || length > TRACER_SOURCE_NAME_MAX || length != json_string_length(value) ||
        (is_word && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- ") != length))
        return wrong(loading, key, "a text of letters, digits, blanks and _ . -, at most 64");
    *ret_text = arena_text(loading->arena, text, length);
    return *ret_text ? TRACER_OK : error_set(loading->err, TRACER_E_NOMEM, "no memory");
}

static enum tracer_status read_number(const struct loading *loading, const json_t *object, const char *key, uint64_t most, uint64_t *number)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return TRACER_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > most)
        return wrong(loading, key, most == PPM ? "millionths: a whole number from 0 to 1000000" : "a whole number");
    *number = (uint64_t)json_integer_value(value);
    return TRACER_OK;
}

static enum tracer_status read_limits(const struct loading *loading, const json_t *object, struct rule *rule)
{
    const char *amount_key = rule->ignores ? "amount_below" : "amount_min", *share_key = rule->ignores ? "share_below_ppm" : "share_min_ppm";
    const char *other[] = {rule->ignores ? "amount_min" : "amount_below", rule->ignores ? "share_min_ppm" : "share_below_ppm"};
    const char *amount = json_string_value(json_object_get(object, amount_key));
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(object, other[i]))
            return wrong(loading, other[i], rule->ignores ? "a rule that ignores has _below" : "a rule that exposes has _min");
    if (json_object_get(object, amount_key) && (!amount || !u256_parse_decimal(amount, strlen(amount), &rule->amount)))
        return wrong(loading, amount_key, "a text with a whole number of the smallest unit");
    if (amount && !rule->has_asset)
        return wrong(loading, amount_key, "needs \"asset\": amounts of different assets do not compare");
    enum tracer_status status = read_number(loading, object, share_key, PPM, &rule->ppm);
    if (!status && rule->ignores && ((amount && u256_is_zero(rule->amount)) || (json_object_get(object, share_key) && !rule->ppm)))
        return wrong(loading, amount && u256_is_zero(rule->amount) ? amount_key : share_key, "more than 0: nothing is below it, so such a rule ignores nothing");
    return status;
}

static enum tracer_status read_rule(struct loading *loading, json_t *object, struct rule *rule)
{
    static const char *const keys[] = {"name",       "source",       "category",      "exposure",        "asset",   "hops_max", "grade_min",
                                       "amount_min", "amount_below", "share_min_ppm", "share_below_ppm", "verdict", NULL};
    static const char *const kinds[] = {[RULE_ANY] = "any", [RULE_DIRECT] = "direct", [RULE_INDIRECT] = "indirect", [RULE_LISTED] = "listed"};
    const char *kind, *asset, *grade, *verdict;
    uint64_t hops = UINT32_MAX;
    *rule = (struct rule){.grade_min = GRADE_INFERRED};
    if (!json_is_object(object))
        return wrong(loading, "rules", "each is an object");
    enum tracer_status status = check_keys(loading, object, keys);
    if (status || (status = read_text(loading, object, "name", true, &rule->name)) ||
        (status = read_text(loading, object, "source", true, &rule->source)) || (status = read_text(loading, object, "category", true, &rule->category)) ||
        (status = read_text(loading, object, "exposure", true, &kind)) || (status = read_text(loading, object, "verdict", true, &verdict)) ||
        (status = read_text(loading, object, "grade_min", true, &grade)) || (status = read_number(loading, object, "hops_max", UINT32_MAX, &hops)))
        return status;
    static const char *const ours[] = {"none", "coverage", "unasked", "otherwise"}; /* what an answer says instead of a rule's name */
    if (!rule->name)
        return wrong(loading, "name", "is missing");
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strcmp(rule->name, ours[i]) == 0)
            return wrong(loading, "name", "none, coverage, unasked and otherwise are words of answers: choose another");
    if (!verdict || (strcmp(verdict, "exposed") != 0 && strcmp(verdict, "ignore") != 0))
        return wrong(loading, "verdict", "exposed or ignore");
    rule->ignores = strcmp(verdict, "ignore") == 0;
    rule->hops_max = (uint32_t)hops;
    size_t found = 0;
    while (kind && found < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[found], kind) != 0)
        found++;
    if (found == sizeof(kinds) / sizeof(kinds[0]))
        return wrong(loading, "exposure", "any, direct, indirect or listed");
    rule->kind = (enum rule_kind)found;
    if (grade && !grade_parse(grade, strlen(grade), &rule->grade_min))
        return wrong(loading, "grade_min", "proven, linked, single, asserted or inferred");
    const json_t *asset_value = json_object_get(object, "asset");
    asset = json_string_value(asset_value);
    rule->has_asset = asset != NULL;
    if (asset_value && (!asset || !asset_parse(asset, strlen(asset), &rule->asset)))
        return wrong(loading, "asset", "native, a contract, or contract/id");
    return read_limits(loading, object, rule);
}

static enum tracer_status read_all(struct loading *loading, json_t *root, struct rules *rules)
{
    static const char *const keys[] = {"schema", "rules", "otherwise", NULL};
    const char *schema = json_string_value(json_object_get(root, "schema")), *otherwise = json_string_value(json_object_get(root, "otherwise"));
    const json_t *list = json_object_get(root, "rules");
    enum tracer_status status = json_is_object(root) ? check_keys(loading, root, keys) : wrong(loading, "schema", "the file is no object");
    if (status)
        return status;
    if (!schema || strcmp(schema, "tracer/rules/1") != 0)
        return wrong(loading, "schema", "tracer/rules/1");
    if (!otherwise || (strcmp(otherwise, "exposed") != 0 && strcmp(otherwise, "ignore") != 0))
        return wrong(loading, "otherwise", "exposed or ignore: what becomes of what no rule takes");
    if (!json_is_array(list) || json_array_size(list) > TRACER_RULES_MAX)
        return wrong(loading, "rules", "a list of at most 256 (TRACER_RULES_MAX)");
    rules->otherwise_exposed = strcmp(otherwise, "exposed") == 0;
    rules->count = json_array_size(list);
    rules->items = arena_calloc(loading->arena, rules->count + 1, sizeof(*rules->items));
    if (!rules->items)
        return error_set(loading->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < rules->count && !status; i++) {
        loading->number = i + 1;
        status = read_rule(loading, json_array_get(list, i), &rules->items[i]);
        for (size_t j = 0; j < i && !status; j++)
            if (strcmp(rules->items[j].name, rules->items[i].name) == 0)
                status = wrong(loading, "name", "another rule has it");
    }
    return status;
}

enum tracer_status rules_load(const char *path, struct arena *arena, const struct rules **ret_rules, struct error *err)
{
    struct loading loading = {.path = path, .arena = arena, .err = err};
    struct rules *rules = arena_calloc(arena, 1, sizeof(*rules));
    struct buffer text;
    json_error_t where;
    buffer_init(&text, TRACER_FILE_CONFIG_MAX);
    enum tracer_status status = rules ? file_read(path, TRACER_FILE_CONFIG_MAX, &text, err) : error_set(err, TRACER_E_NOMEM, "no memory");
    json_t *root = status ? NULL : json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &where);
    if (!status && !root) {
        char shown[TRACER_QUOTED_MAX];
        status = error_set(err, TRACER_E_USAGE, "%s:%d:%d: %s", path, where.line, where.column, safe_text(shown, sizeof(shown), where.text, strlen(where.text)));
    }
    if (!status)
        status = read_all(&loading, root, rules);
    if (!status)
        rules->digest = digest_bytes(text.data, text.size);
    json_decref(root);
    buffer_release(&text);
    if (!status)
        *ret_rules = rules;
    return status;
}
