/* decision_body.c - what a record says: written, and read again. */
#include "tracer/decision.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 1024u /* of a text of a record, as shown */

/* Writing: members in their order, a blank after each comma and colon. `before` is what stands between the value before and this one,
 * with its key. */

/* What is shown of a text: printable ASCII, so that the record reads the same everywhere; NULL becomes null. */
static void put_text(struct buffer *to, const char *before, const char *text)
{
    char shown[TEXT_SIZE], quoted[2 * TEXT_SIZE];
    size_t size = 0;
    buffer_text(to, before);
    if (!text) {
        buffer_text(to, "null");
        return;
    }
    shown_text(shown, sizeof(shown), text, strlen(text));
    for (const char *at = shown; *at; at++) {
        if (*at == '"' || *at == '\\')
            quoted[size++] = '\\';
        quoted[size++] = *at;
    }
    buffer_char(to, '"');
    buffer_add(to, quoted, size);
    buffer_char(to, '"');
}

static void put_whole(struct buffer *to, const char *before, bool has, uint64_t value)
{
    buffer_text(to, before);
    if (has)
        buffer_u64(to, value);
    else
        buffer_text(to, "null");
}

static void put_texts(struct buffer *to, const char *before, const char *const *texts, size_t count)
{
    buffer_text(to, before);
    for (size_t i = 0; i < count; i++)
        put_text(to, i ? ", " : "", texts[i]);
    buffer_char(to, ']');
}

static void put_asked(struct buffer *to, const struct decision_question *asked)
{
    put_text(to, "{\"policy\": ", taint_policy_name(asked->options.policy));
    put_text(to, ", \"links\": ", links_name(asked->options.links));
    put_text(to, ", \"fees\": ", fees_name(asked->options.fees));
    put_text(to, ", \"unknown\": ", unknown_name(asked->options.unknown));
    put_text(to, ", \"opening\": ", opening_name(asked->options.opening));
    put_whole(to, ", \"from\": ", asked->has_from, asked->from);
    put_whole(to, ", \"to\": ", asked->has_to, asked->to);
    put_whole(to, ", \"since\": ", asked->has_since, asked->since);
    put_text(to, ", \"as_of\": ", asked->as_of);
    put_whole(to, ", \"list_age_max\": ", true, asked->list_age_days_max);
    buffer_text(to, asked->builtin_labels ? ", \"builtin_labels\": true" : ", \"builtin_labels\": false");
    put_texts(to, ", \"sources\": [", asked->sources, asked->source_count);
    buffer_text(to, asked->funds ? ", \"source_of_funds\": true}" : "}");
}

static void put_input(struct buffer *to, bool is_first, const struct result_input *input)
{
    put_text(to, is_first ? "{\"role\": " : ", {\"role\": ", input->role);
    put_text(to, ", \"name\": ", input->name);
    put_text(to, ", \"sha256\": ", input->sha256[0] ? input->sha256 : NULL);
    buffer_char(to, '}');
}

static void put_fetched(struct buffer *to, const struct decision_fetched *fetched)
{
    char account[ADDRESS_TEXT_SIZE];
    put_whole(to, ", \"fetched\": {\"first_block\": ", true, fetched->first);
    put_whole(to, ", \"last_block\": ", true, fetched->last);
    buffer_text(to, ", \"accounts\": [");
    for (size_t i = 0; i < fetched->account_count; i++) {
        address_format(fetched->accounts[i], account);
        put_text(to, i ? ", " : "", account);
    }
    put_texts(to, "], \"limits\": [", fetched->limits, fetched->limit_count);
    buffer_char(to, '}');
}

/* `advice`: what makes it shorter. */
static enum tracer_status end_body(struct buffer *to, const char *advice, struct error *err)
{
    return buffer_char(to, '}') ? TRACER_OK
                                : error_set(err, TRACER_E_LIMIT, "the record of this decision would have more than %zu bytes (TRACER_DECISION_LINE_MAX), so nothing was "
                                                                 "recorded or answered: %s", TRACER_DECISION_LINE_MAX, advice);
}

enum tracer_status decision_context_body(const struct decision_question *asked, const struct result_head *head,
                                         const struct result_input *inputs, size_t input_count, struct buffer *to, struct error *err)
{
    char hash[HASH_TEXT_SIZE];
    hash_format(head->last_hash, hash);
    put_text(to, "{\"kind\": \"context\", \"network\": {\"name\": ", head->network);
    put_whole(to, ", \"chain_id\": ", true, head->chain_id);
    buffer_text(to, "}, \"asked\": ");
    put_asked(to, asked);
    put_whole(to, ", \"as_of\": {\"first_block\": ", true, head->first_block);
    put_whole(to, ", \"last_block\": ", true, head->last_block);
    put_text(to, ", \"last_hash\": ", hash_is_zero(head->last_hash) ? NULL : hash);
    put_whole(to, ", \"last_time\": ", true, head->last_time);
    put_text(to, ", \"grade\": ", grade_name(head->last_grade));
    put_text(to, ", \"finality\": ", head->last_grade == GRADE_PROVEN ? "final" : "provisional");
    put_text(to, "}, \"opening\": ", opening_name(head->options.opening));
    if (asked->fetched)
        put_fetched(to, asked->fetched);
    buffer_text(to, ", \"inputs\": [");
    for (size_t i = 0; i < head->input_count; i++)
        put_input(to, i == 0, &head->inputs[i]);
    for (size_t i = 0; i < input_count; i++)
        put_input(to, head->input_count + i == 0, &inputs[i]);
    put_text(to, "], \"program\": {\"version\": ", head->version);
    put_text(to, ", \"commit\": ", head->commit);
    buffer_char(to, '}');
    return end_body(to,
                    asked->fetched && asked->fetched->account_count > asked->source_count
                        ? "it names each account that was fetched; ask for fewer targets at once, or with a smaller --max-accounts"
                        : "it names each source and each list; give fewer at once",
                    err);
}

enum tracer_status decision_body(const struct decision *decision, struct buffer *to, struct error *err)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(decision->to, address);
    put_text(to, "{\"kind\": \"decision\", \"target\": ", decision->target);
    put_text(to, ", \"to\": ", decision->has_to ? address : NULL);
    put_text(to, ", \"verdict\": ", verdict_name(decision->verdict));
    put_text(to, ", \"rule\": ", decision->rule);
    put_texts(to, ", \"reasons\": [", decision->reasons, decision->reason_count);
    put_text(to, ", \"answer_sha256\": ", decision->answer_sha256[0] ? decision->answer_sha256 : NULL);
    put_text(to, ", \"reference\": ", decision->reference);
    put_text(to, ", \"decided_at\": ", decision->decided_at);
    return end_body(to, "its reasons are too many; give fewer --source", err);
}

void decision_of(const struct check_answer *answer, const char *json, size_t json_size, struct decision *ret_decision)
{
    *ret_decision = (struct decision){.target = answer->target,
                                      .verdict = answer->verdict,
                                      .rule = answer->rule[0] ? answer->rule : "none",
                                      .reasons = answer->reasons,
                                      .reason_count = answer->reason_count};
    digest_format(digest_bytes(json, json_size), ret_decision->answer_sha256);
}

/* Reading: a member that is not as it was written makes all of it bad. */
struct reading {
    struct arena *arena;
    const char *wrong; /* the first such member; NULL: none */
};

static const json_t *member(struct reading *reading, const json_t *object, const char *key)
{
    const json_t *item = json_object_get(object, key);
    if (!item && !reading->wrong)
        reading->wrong = key;
    return item;
}

static const char *keep_text(struct reading *reading, const json_t *item, const char *key)
{
    const char *text = json_string_value(item);
    const char *kept = text ? arena_text(reading->arena, text, strlen(text)) : NULL;
    if (!kept && !reading->wrong)
        reading->wrong = key;
    return kept ? kept : "";
}

static const char *text_at(struct reading *reading, const json_t *object, const char *key)
{
    return keep_text(reading, member(reading, object, key), key);
}

static const char *text_or_null(struct reading *reading, const json_t *object, const char *key)
{
    return json_is_null(member(reading, object, key)) ? NULL : text_at(reading, object, key);
}

static uint64_t whole_at(struct reading *reading, const json_t *object, const char *key)
{
    const json_t *item = member(reading, object, key);
    bool good = json_is_integer(item) && json_integer_value(item) >= 0;
    if (!good && !reading->wrong)
        reading->wrong = key;
    return good ? (uint64_t)json_integer_value(item) : 0;
}

static bool whole_or_null(struct reading *reading, const json_t *object, const char *key, uint64_t *ret_value)
{
    if (json_is_null(member(reading, object, key)))
        return false;
    *ret_value = whole_at(reading, object, key);
    return true;
}

/* The index of a word among `count`, whose names `name_of` gives. */
static int word_at(struct reading *reading, const json_t *object, const char *key, const char *(*name_of)(int index), int count)
{
    const char *text = text_at(reading, object, key);
    for (int i = 0; i < count; i++)
        if (strcmp(name_of(i), text) == 0)
            return i;
    if (!reading->wrong)
        reading->wrong = key;
    return 0;
}

static const char *links_at(int i)
{
    return links_name((enum taint_links)i);
}
static const char *fees_at(int i)
{
    return fees_name((enum taint_fees)i);
}
static const char *unknown_at(int i)
{
    return unknown_name((enum taint_unknown)i);
}
static const char *opening_at(int i)
{
    return opening_name((enum taint_opening)i);
}
static const char *grade_at(int i)
{
    return grade_name((enum grade)i);
}
static const char *verdict_at(int i)
{
    return verdict_name((enum verdict)i);
}

static const char *const *texts_at(struct reading *reading, const json_t *object, const char *key, size_t *ret_count)
{
    const json_t *list = member(reading, object, key);
    const char **texts = arena_calloc(reading->arena, json_array_size(list) + 1, sizeof(*texts));
    if ((!json_is_array(list) || !texts) && !reading->wrong)
        reading->wrong = key;
    *ret_count = texts ? json_array_size(list) : 0;
    for (size_t i = 0; i < *ret_count; i++)
        texts[i] = keep_text(reading, json_array_get(list, i), key);
    return texts;
}

static void read_asked(struct reading *reading, const json_t *object, struct decision_question *to)
{
    if (!taint_policy_parse(text_at(reading, object, "policy"), &to->options.policy) && !reading->wrong)
        reading->wrong = "policy";
    to->options.links = (enum taint_links)word_at(reading, object, "links", links_at, LINKS_NONE + 1);
    to->options.fees = (enum taint_fees)word_at(reading, object, "fees", fees_at, FEES_FOLLOW + 1);
    to->options.unknown = (enum taint_unknown)word_at(reading, object, "unknown", unknown_at, UNKNOWN_CLEAN + 1);
    to->options.opening = (enum taint_opening)word_at(reading, object, "opening", opening_at, OPENING_CLEAN + 1);
    to->has_from = whole_or_null(reading, object, "from", &to->from);
    to->has_to = whole_or_null(reading, object, "to", &to->to);
    to->has_since = whole_or_null(reading, object, "since", &to->since);
    to->as_of = text_or_null(reading, object, "as_of");
    to->list_age_days_max = whole_at(reading, object, "list_age_max");
    to->builtin_labels = json_is_true(member(reading, object, "builtin_labels"));
    to->sources = texts_at(reading, object, "sources", &to->source_count);
    to->funds = json_is_true(json_object_get(object, "source_of_funds"));
}

static const struct decision_fetched *read_fetched(struct reading *reading, const json_t *object)
{
    size_t count;
    struct decision_fetched *fetched = arena_calloc(reading->arena, 1, sizeof(*fetched));
    const char *const *texts = texts_at(reading, object, "accounts", &count);
    struct address *accounts = arena_calloc(reading->arena, count + 1, sizeof(*accounts));
    for (size_t i = 0; i < count && accounts; i++)
        if (!address_parse(texts[i], strlen(texts[i]), &accounts[i]) && !reading->wrong)
            reading->wrong = "accounts";
    if ((!fetched || !accounts) && !reading->wrong)
        reading->wrong = "fetched";
    if (reading->wrong)
        return NULL;
    *fetched = (struct decision_fetched){.first = whole_at(reading, object, "first_block"),
                                         .last = whole_at(reading, object, "last_block"),
                                         .accounts = accounts,
                                         .account_count = count};
    fetched->limits = texts_at(reading, object, "limits", &fetched->limit_count);
    return fetched;
}

static void read_inputs(struct reading *reading, const json_t *list, struct decision_context *to)
{
    struct result_input *inputs = arena_calloc(reading->arena, json_array_size(list) + 1, sizeof(*inputs));
    if ((!json_is_array(list) || !inputs) && !reading->wrong)
        reading->wrong = "inputs";
    to->inputs = inputs;
    to->input_count = inputs ? json_array_size(list) : 0;
    for (size_t i = 0; i < to->input_count; i++) {
        const json_t *item = json_array_get(list, i);
        const char *sha256 = text_or_null(reading, item, "sha256");
        inputs[i].role = text_at(reading, item, "role");
        inputs[i].name = text_at(reading, item, "name");
        if (sha256 && strlen(sha256) == 64)
            memcpy(inputs[i].sha256, sha256, 65);
    }
}

static void read_context(struct reading *reading, const json_t *root, struct decision_context *to)
{
    const json_t *network = member(reading, root, "network"), *as_of = member(reading, root, "as_of"), *program = member(reading, root, "program");
    const json_t *fetched = json_object_get(root, "fetched");
    read_asked(reading, member(reading, root, "asked"), &to->asked);
    to->asked.fetched = fetched ? read_fetched(reading, fetched) : NULL;
    to->network = text_at(reading, network, "name");
    to->chain_id = whole_at(reading, network, "chain_id");
    to->first_block = whole_at(reading, as_of, "first_block");
    to->last_block = whole_at(reading, as_of, "last_block");
    to->last_time = whole_at(reading, as_of, "last_time");
    const char *hash = text_or_null(reading, as_of, "last_hash");
    if (hash && !hash_parse(hash, strlen(hash), &to->last_hash) && !reading->wrong)
        reading->wrong = "last_hash";
    to->grade = (enum grade)word_at(reading, as_of, "grade", grade_at, GRADE_COUNT);
    to->opening = (enum taint_opening)word_at(reading, root, "opening", opening_at, OPENING_CLEAN + 1);
    to->version = text_at(reading, program, "version");
    to->commit = text_at(reading, program, "commit");
    read_inputs(reading, member(reading, root, "inputs"), to);
}

static void read_decision(struct reading *reading, const json_t *root, struct decision *to)
{
    to->target = text_at(reading, root, "target");
    const char *address = text_or_null(reading, root, "to");
    to->has_to = address;
    if (address && !address_parse(address, strlen(address), &to->to) && !reading->wrong)
        reading->wrong = "to";
    to->verdict = (enum verdict)word_at(reading, root, "verdict", verdict_at, VERDICT_EXPOSED + 1);
    to->rule = text_at(reading, root, "rule");
    to->reasons = texts_at(reading, root, "reasons", &to->reason_count);
    const char *sha256 = text_or_null(reading, root, "answer_sha256");
    if (sha256 && strlen(sha256) == 64)
        memcpy(to->answer_sha256, sha256, 65);
    to->reference = text_or_null(reading, root, "reference");
    to->decided_at = text_or_null(reading, root, "decided_at");
}

static enum tracer_status read_line(const char *line, size_t size, struct arena *arena, struct decision_context *ret_context,
                                    struct decision *ret_decision, struct error *err)
{
    struct reading reading = {.arena = arena};
    struct decision_context context = {0};
    struct decision decision = {0};
    json_t *root = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    if (ret_context)
        read_context(&reading, root, &context);
    else
        read_decision(&reading, root, &decision);
    json_decref(root);
    if (reading.wrong)
        return error_set(err, TRACER_E_VERIFY, "a record whose \"%s\" is not as tracer/decision/1 writes it", reading.wrong);
    if (ret_context)
        *ret_context = context;
    else
        *ret_decision = decision;
    return TRACER_OK;
}

enum tracer_status decision_read_context(const struct decision_record *record, struct arena *arena, struct decision_context *ret_context,
                                         struct error *err)
{
    enum tracer_status status = read_line(record->line, record->size, arena, ret_context, NULL, err);
    if (status)
        error_context(err, "record %" PRIu64, record->place.number);
    return status;
}

enum tracer_status decision_read(const struct decision_record *record, struct arena *arena, struct decision *ret_decision, struct error *err)
{
    enum tracer_status status = read_line(record->line, record->size, arena, NULL, ret_decision, err);
    if (status)
        error_context(err, "record %" PRIu64, record->place.number);
    else {
        ret_decision->number = record->place.number;
        ret_decision->context = record->place.context;
    }
    return status;
}

enum tracer_status decision_read_bodies(const struct buffer *context_body, const struct buffer *body, struct arena *arena,
                                        struct decision_context *ret_context, struct decision *ret_decision, struct error *err)
{
    enum tracer_status status = read_line(context_body->data, context_body->size, arena, ret_context, NULL, err);
    return status ? status : read_line(body->data, body->size, arena, NULL, ret_decision, err);
}

static bool same_number(bool has_a, uint64_t a, bool has_b, uint64_t b)
{
    return has_a == has_b && (!has_a || a == b);
}

static bool is_fetched(const struct decision_fetched *fetched, struct address account)
{
    for (size_t i = 0; fetched && i < fetched->account_count; i++)
        if (address_equal(fetched->accounts[i], account))
            return true;
    return false;
}

static bool same_fetched(const struct decision_fetched *a, const struct decision_fetched *b)
{
    if (!a || !b)
        return a == b;
    bool same = a->first == b->first && a->last == b->last && a->account_count == b->account_count && a->limit_count == b->limit_count;
    for (size_t i = 0; same && i < a->account_count; i++)
        same = address_equal(a->accounts[i], b->accounts[i]);
    for (size_t i = 0; same && i < a->limit_count; i++)
        same = strcmp(a->limits[i], b->limits[i]) == 0;
    return same;
}

bool decision_same_question(const struct decision_context *a, const struct decision_context *b)
{
    const struct decision_question *x = &a->asked, *y = &b->asked;
    bool same = a->chain_id == b->chain_id && x->options.policy == y->options.policy && x->options.links == y->options.links &&
                x->options.fees == y->options.fees && x->options.unknown == y->options.unknown && x->options.opening == y->options.opening &&
                same_number(x->has_from, x->from, y->has_from, y->from) && same_number(x->has_to, x->to, y->has_to, y->to) &&
                same_number(x->has_since, x->since, y->has_since, y->since) && !x->as_of == !y->as_of &&
                (!x->as_of || strcmp(x->as_of, y->as_of) == 0) && x->list_age_days_max == y->list_age_days_max &&
                x->builtin_labels == y->builtin_labels && x->funds == y->funds && x->source_count == y->source_count && same_fetched(x->fetched, y->fetched);
    for (size_t i = 0; i < x->source_count && same; i++)
        same = strcmp(x->sources[i], y->sources[i]) == 0;
    return same;
}

static bool is_named(const struct result_input *a, const struct result_input *b)
{
    return strcmp(a->role, b->role) == 0 && strcmp(a->name, b->name) == 0;
}

static bool has_input(const struct decision_context *context, const struct result_input *wanted)
{
    for (size_t i = 0; i < context->input_count; i++)
        if (is_named(&context->inputs[i], wanted) && strcmp(context->inputs[i].sha256, wanted->sha256) == 0)
            return true;
    return false;
}

/* What `context` has under the name of `wanted`, and `other` has not; two files of one name may be among the inputs. */
static const struct result_input *find_other(const struct decision_context *context, const struct decision_context *other,
                                             const struct result_input *wanted)
{
    for (size_t i = 0; i < context->input_count; i++)
        if (is_named(&context->inputs[i], wanted) && !has_input(other, &context->inputs[i]))
            return &context->inputs[i];
    return NULL;
}

static void put_inputs(const struct decision_context *before, const struct decision_context *after, struct buffer *to)
{
    for (size_t i = 0; i < before->input_count; i++) {
        const struct result_input *was = &before->inputs[i], *is = find_other(after, before, was);
        if (has_input(after, was))
            continue;
        if (is)
            buffer_printf(to, "%s %s changed: sha256 %s, now %s\n", was->role, was->name, was->sha256, is->sha256);
        else
            buffer_printf(to, "%s %s (sha256 %s) is not there now\n", was->role, was->name, was->sha256);
    }
    for (size_t i = 0; i < after->input_count; i++)
        if (!has_input(before, &after->inputs[i]) && !find_other(before, after, &after->inputs[i]))
            buffer_printf(to, "%s %s is new: sha256 %s\n", after->inputs[i].role, after->inputs[i].name, after->inputs[i].sha256);
}

size_t decision_unread(const struct decision_context *before, const struct decision_context *after)
{
    const struct decision_fetched *was = before->asked.fetched;
    size_t count = 0;
    for (size_t i = 0; was && i < was->account_count; i++)
        count += !is_fetched(after->asked.fetched, was->accounts[i]);
    return count;
}

static void put_unread(const struct decision_context *before, const struct decision_context *after, struct buffer *to)
{
    char account[ADDRESS_TEXT_SIZE];
    const struct decision_fetched *was = before->asked.fetched;
    size_t count = decision_unread(before, after), first = 0;
    if (!count)
        return;
    while (is_fetched(after->asked.fetched, was->accounts[first]))
        first++;
    address_format(was->accounts[first], account);
    buffer_printf(to, "the histories of %zu of the %zu accounts that were fetched are not in the store, the first is that of %s\n", count,
                  was->account_count, account);
}

void decision_differences(const struct decision_context *before, const struct decision_context *after, struct buffer *to)
{
    char was[HASH_TEXT_SIZE], is[HASH_TEXT_SIZE];
    put_inputs(before, after, to);
    put_unread(before, after, to);
    if (before->first_block != after->first_block)
        buffer_printf(to, "the blocks begin with %" PRIu64 ", now with %" PRIu64 "\n", before->first_block, after->first_block);
    if (before->last_block != after->last_block)
        buffer_printf(to, "the blocks end with %" PRIu64 ", now with %" PRIu64 "\n", before->last_block, after->last_block);
    else if (memcmp(&before->last_hash, &after->last_hash, sizeof(before->last_hash)) != 0) {
        hash_format(before->last_hash, was);
        hash_format(after->last_hash, is);
        buffer_printf(to, "block %" PRIu64 " was %s, now it is %s: the chain changed, or it is another one\n", before->last_block, was, is);
    } else if (before->grade != after->grade)
        buffer_printf(to, "block %" PRIu64 " was %s, now it is %s\n", before->last_block, grade_name(before->grade), grade_name(after->grade));
    if (before->opening != after->opening)
        buffer_printf(to, "opening balances were taken as %s, now as %s\n", opening_name(before->opening), opening_name(after->opening));
    if (strcmp(before->version, after->version) != 0 || strcmp(before->commit, after->commit) != 0)
        buffer_printf(to, "the program was %s (%s), now it is %s (%s)\n", before->version, before->commit, after->version, after->commit);
}

static bool has_reason(const struct decision *decision, const char *reason)
{
    for (size_t i = 0; i < decision->reason_count; i++)
        if (strcmp(decision->reasons[i], reason) == 0)
            return true;
    return false;
}

void decision_reasons(const struct decision *before, const struct decision *after, struct buffer *to)
{
    if (strcmp(before->rule, after->rule) != 0)
        buffer_printf(to, "rule %s, now %s\n", before->rule, after->rule);
    for (size_t i = 0; i < before->reason_count; i++)
        if (!has_reason(after, before->reasons[i]))
            buffer_printf(to, "no longer: %s\n", before->reasons[i]);
    for (size_t i = 0; i < after->reason_count; i++)
        if (!has_reason(before, after->reasons[i]))
            buffer_printf(to, "now: %s\n", after->reasons[i]);
}
