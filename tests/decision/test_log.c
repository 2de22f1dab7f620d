/* The log of decisions: what is cut, changed, reordered or torn is found; writers share it (threat-model E3, E6). */
#include "tracer/decision.h"
#include "tracer/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[300], folder[] = "/tmp/tracer-decision-XXXXXX";

static void begin(void)
{
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log.jsonl", folder);
}

static void end(void)
{
    char other[320];
    snprintf(other, sizeof(other), "%s.other", path);
    unlink(other);
    unlink(path);
    rmdir(folder);
}

TestSuite(decision_log, .init = begin, .fini = end);

static struct buffer context_of(uint64_t last_block)
{
    static const struct result_input input = {.role = "labels",
                                              .name = "mine.csv",
                                              .sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const sources[] = {"name=0xaa000000000000000000000000000000000000aa"};
    struct result_head head = {.version = "1",
                               .commit = "c",
                               .network = "ethereum",
                               .chain_id = 1,
                               .last_block = last_block,
                               .last_hash = {{1}},
                               .last_grade = GRADE_PROVEN,
                               .inputs = &input,
                               .input_count = 1};
    struct decision_question asked = {.builtin_labels = true, .list_age_days_max = 30, .sources = sources, .source_count = 1};
    struct buffer body;
    buffer_init(&body, TRACER_DECISION_LINE_MAX);
    cr_assert_eq(decision_context_body(&asked, &head, NULL, 0, &body, NULL), TRACER_OK);
    return body;
}

/* E6: what a decision stands on is on record whole, or there is no record and no answer. */
Test(decision_log, a_context_that_is_too_long_is_refused_and_it_is_said_what_to_do)
{
    static struct address accounts[6000];
    struct decision_fetched fetched = {.accounts = accounts, .account_count = 6000};
    struct decision_question asked = {.fetched = &fetched};
    struct result_head head = {.version = "1", .commit = "c", .network = "ethereum"};
    struct buffer body;
    struct error err;
    buffer_init(&body, TRACER_DECISION_LINE_MAX);
    cr_assert_eq(decision_context_body(&asked, &head, NULL, 0, &body, &err), TRACER_E_LIMIT);
    cr_assert_not_null(strstr(err.text, "nothing was recorded or answered"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "--max-accounts"), "%s", err.text);
    buffer_release(&body);
    fetched.account_count = 5600;
    buffer_init(&body, TRACER_DECISION_LINE_MAX);
    cr_assert_eq(decision_context_body(&asked, &head, NULL, 0, &body, &err), TRACER_OK, "%s", err.text);
    buffer_release(&body);
}

static struct buffer body_of(const char *target, size_t reason_count)
{
    static char reason[1001];
    static const char *reasons[200];
    memset(reason, 'r', sizeof(reason) - 1);
    for (size_t i = 0; i < reason_count; i++)
        reasons[i] = reason;
    struct decision decision = {.target = target, .verdict = VERDICT_EXPOSED, .rule = "default", .reasons = reasons, .reason_count = reason_count};
    struct buffer body;
    buffer_init(&body, TRACER_DECISION_LINE_MAX);
    cr_assert_eq(decision_body(&decision, &body, NULL), TRACER_OK);
    return body;
}

/* The bytes that Jansson writes of the same values: what is digested never changes. */
static void is_canonical(const struct buffer *body)
{
    json_t *root = json_loadb(body->data, body->size, JSON_REJECT_DUPLICATES, NULL);
    char *again = json_dumps(root, JSON_ENSURE_ASCII);
    cr_assert(again && strlen(again) == body->size && memcmp(again, body->data, body->size) == 0, "%s\n%s", body->data, again);
    free(again);
    json_decref(root);
}

Test(decision_log, E6_the_bytes_of_a_record_are_those_of_any_json_writer)
{
    static const char *const texts[] = {"a \"quote\", a \\ and a / here", "\x01\t\n\x7f\xff\xc3\xa4\xf0\x9f\x98\x80</script>", ""};
    char longest[3000];
    memset(longest, '"', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (size_t i = 0; i < 4; i++) {
        const char *text = i < 3 ? texts[i] : longest;
        struct decision decision = {.target = text, .has_to = i % 2, .to = {{0xab, 1}}, .verdict = (enum verdict)(i % 3), .rule = text,
                                    .reasons = texts, .reason_count = i, .reference = i ? text : NULL, .decided_at = i ? NULL : text};
        struct result_input input = {.role = text, .name = text};
        struct result_head head = {.version = text, .commit = text, .network = text, .chain_id = INT64_MAX, .inputs = &input, .input_count = i % 2, .last_block = i};
        struct decision_question asked = {.has_from = i % 2, .has_since = true, .since = 7, .as_of = i ? text : NULL, .builtin_labels = i % 2, .sources = texts, .source_count = i % 3};
        struct address accounts[] = {{{0xab, 1}}, {{2}}};
        struct decision_fetched fetched = {.first = 3, .last = 4, .accounts = accounts, .account_count = i % 3, .limits = texts, .limit_count = i};
        asked.fetched = i ? &fetched : NULL;
        struct buffer body;
        buffer_init(&body, TRACER_DECISION_LINE_MAX);
        cr_assert_eq(decision_body(&decision, &body, NULL), TRACER_OK);
        is_canonical(&body);
        buffer_clear(&body);
        cr_assert_eq(decision_context_body(&asked, &head, &input, i % 3 != 0, &body, NULL), TRACER_OK);
        is_canonical(&body);
        buffer_release(&body);
    }
    struct buffer context = context_of(100), body = body_of("0xaa", 0);
    cr_assert_str_eq(body.data, "{\"kind\": \"decision\", \"target\": \"0xaa\", \"to\": null, \"verdict\": \"exposed\", \"rule\": \"default\", \"reasons\": [], "
                                "\"answer_sha256\": null, \"reference\": null, \"decided_at\": null}");
    cr_assert_str_eq(context.data,
                     "{\"kind\": \"context\", \"network\": {\"name\": \"ethereum\", \"chain_id\": 1}, \"asked\": {\"policy\": \"fifo\", \"links\": \"given\", "
                     "\"fees\": \"sink\", \"unknown\": \"track\", \"opening\": \"unknown\", \"from\": null, \"to\": null, \"since\": null, \"as_of\": null, "
                     "\"list_age_max\": 30, \"builtin_labels\": true, \"sources\": [\"name=0xaa000000000000000000000000000000000000aa\"]}, \"as_of\": "
                     "{\"first_block\": 0, \"last_block\": 100, \"last_hash\": \"0x0100000000000000000000000000000000000000000000000000000000000000\", "
                     "\"last_time\": 0, \"grade\": \"proven\", \"finality\": \"final\"}, \"opening\": \"unknown\", \"inputs\": [{\"role\": \"labels\", \"name\": "
                     "\"mine.csv\", \"sha256\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}], \"program\": {\"version\": \"1\", \"commit\": "
                     "\"c\"}}");
    buffer_release(&context);
    buffer_release(&body);
}

/* What was fetched is read as it was written, and tells one question from another. */
Test(decision_log, fetched_histories)
{
    const struct address accounts[] = {{{0xab, 1}}, {{2}}};
    const char *const limits[] = {"stopped after 2 explored accounts"};
    struct decision_fetched fetched = {.first = 3, .last = 100, .accounts = accounts, .account_count = 2, .limits = limits, .limit_count = 1};
    struct decision_question asked = {.list_age_days_max = 30, .fetched = &fetched};
    struct result_head head = {.version = "1", .commit = "c", .network = "ethereum", .chain_id = 1, .first_block = 3, .last_block = 100};
    struct decision_context read, without, fewer;
    struct decision ignored;
    struct arena *arena = arena_new(TRACER_MIB(1));
    struct error err = {0};
    struct buffer body, decision = body_of("0xaa", 0), text;
    buffer_init(&body, TRACER_DECISION_LINE_MAX);
    buffer_init(&text, TRACER_MIB(1));
    cr_assert_eq(decision_context_body(&asked, &head, NULL, 0, &body, &err), TRACER_OK);
    cr_assert(strstr(body.data, ", \"fetched\": {\"first_block\": 3, \"last_block\": 100, \"accounts\": [\"0xab01000000000000000000000000000000000000\", "
                                "\"0x0200000000000000000000000000000000000000\"], \"limits\": [\"stopped after 2 explored accounts\"]}, \"inputs\": ["),
              "%s", body.data);
    cr_assert_eq(decision_read_bodies(&body, &decision, arena, &read, &ignored, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(read.asked.fetched->first, 3);
    cr_assert_eq(read.asked.fetched->last, 100);
    cr_assert_eq(read.asked.fetched->limit_count, 1);
    cr_assert_str_eq(read.asked.fetched->limits[0], limits[0]);
    cr_assert_eq(read.asked.fetched->account_count, 2);
    cr_assert(address_equal(read.asked.fetched->accounts[1], accounts[1]));
    cr_assert(decision_same_question(&read, &read));
    without = fewer = read;
    without.asked.fetched = NULL;
    struct decision_fetched one = *read.asked.fetched;
    one.account_count = 1;
    fewer.asked.fetched = &one;
    cr_assert(!decision_same_question(&read, &without));
    cr_assert(!decision_same_question(&without, &read));
    cr_assert(!decision_same_question(&read, &fewer));
    cr_assert_eq(decision_unread(&read, &read), 0);
    cr_assert_eq(decision_unread(&read, &fewer), 1);
    buffer_text(&text, "");
    decision_differences(&read, &fewer, &text);
    cr_assert_str_eq(text.data, "the histories of 1 of the 2 accounts that were fetched are not in the store, the first is that of 0x0200000000000000000000000000000000000000\n");
    /* a damaged one is no record */
    char *account = strstr(body.data, "0xab01");
    account[2] = 'g';
    cr_assert_eq(decision_read_bodies(&body, &decision, arena, &read, &ignored, &err), TRACER_E_VERIFY);
    buffer_release(&body);
    buffer_release(&decision);
    buffer_release(&text);
    arena_free(arena);
}

static enum tracer_status append_to(struct decision_log *log, uint64_t last_block, size_t count, uint64_t *ret_first,
                                    struct decision_place *ret_head, struct error *err)
{
    struct buffer context = context_of(last_block), bodies[64];
    for (size_t i = 0; i < count; i++) {
        char target[32];
        snprintf(target, sizeof(target), "%d.%zu", (int)getpid(), i);
        bodies[i] = body_of(target, 1);
    }
    enum tracer_status status = decision_append(log, &context, bodies, count, ret_first, ret_head, err);
    for (size_t i = 0; i < count; i++)
        buffer_release(&bodies[i]);
    buffer_release(&context);
    return status;
}

/* Open, append, close. */
static struct decision_place add(uint64_t last_block, size_t count)
{
    struct decision_log *log;
    struct decision_place head;
    struct error err = {0};
    uint64_t first;
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(append_to(log, last_block, count, &first, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(first + count - 1, head.number);
    decision_log_close(log);
    return head;
}

static struct buffer all(void)
{
    struct buffer bytes;
    buffer_init(&bytes, TRACER_MIB(64));
    cr_assert_eq(file_read(path, TRACER_MIB(64), &bytes, NULL), TRACER_OK);
    return bytes;
}

static void put_all(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static enum tracer_status verify(struct decision_place *ret_head, struct error *err)
{
    return decision_each(path, NULL, NULL, NULL, NULL, ret_head, err);
}

static uint64_t counts[DECISION_KIND_COUNT];
static enum tracer_status count_kinds(void *context, const struct decision_record *record, struct error *err)
{
    (void)context;
    (void)err;
    counts[record->kind]++;
    return TRACER_OK;
}

Test(decision_log, appends_stand_behind_each_other_and_a_context_is_written_once)
{
    struct decision_log *log;
    struct decision_place head, found;
    struct error err = {0};
    uint64_t first;
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK, "%s", err.text);
    cr_assert_null(decision_log_cut(log));
    cr_assert_eq(append_to(log, 100, 2, &first, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(first, 3); /* behind the log's name and the context */
    cr_assert_eq(append_to(log, 100, 1, &first, &head, &err), TRACER_OK);
    cr_assert_eq(first, 5);
    cr_assert_eq(append_to(log, 101, 1, &first, &head, &err), TRACER_OK);
    cr_assert_eq(first, 7);
    decision_log_close(log);
    cr_assert_eq(decision_each(path, NULL, NULL, count_kinds, NULL, &found, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(memcmp(&found, &head, sizeof(head)), 0);
    cr_assert_eq(counts[DECISION_LOG], 1);
    cr_assert_eq(counts[DECISION_CONTEXT], 2);
    cr_assert_eq(counts[DECISION_DECISION], 4);
}

struct wanted {
    struct arena *arena;
    struct decision_context context;
    struct decision decision;
};
static enum tracer_status read_record(void *context, const struct decision_record *record, struct error *err)
{
    struct wanted *wanted = context;
    if (record->kind == DECISION_CONTEXT)
        return decision_read_context(record, wanted->arena, &wanted->context, err);
    return record->kind == DECISION_DECISION ? decision_read(record, wanted->arena, &wanted->decision, err) : TRACER_OK;
}

Test(decision_log, E6_what_was_written_is_read_again)
{
    struct error err = {0};
    struct decision_place head = add(77, 1);
    struct wanted wanted = {.arena = arena_new(TRACER_MIB(1))};
    cr_assert_eq(decision_each(path, NULL, &head, read_record, &wanted, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(wanted.context.last_block, 77);
    cr_assert_eq(wanted.context.grade, GRADE_PROVEN);
    cr_assert_eq(wanted.context.last_hash.bytes[0], 1);
    cr_assert_str_eq(wanted.context.inputs[0].name, "mine.csv");
    cr_assert_eq(wanted.context.inputs[0].sha256[63], 'a');
    cr_assert(wanted.context.asked.builtin_labels && wanted.context.asked.source_count == 1 && !wanted.context.asked.has_to);
    cr_assert_eq(wanted.decision.verdict, VERDICT_EXPOSED);
    cr_assert_eq(wanted.decision.number, 3);
    cr_assert_eq(wanted.decision.context, 2);
    cr_assert_eq(wanted.decision.reason_count, 1);
    cr_assert_eq(wanted.decision.answer_sha256[0], '\0');
    cr_assert_null(wanted.decision.reference);
    arena_free(wanted.arena);
}

Test(decision_log, E6_inputs_that_changed_came_or_went_are_named_and_two_may_share_a_name)
{
    static const struct result_input was[] = {{"labels", "x.csv", "1"}, {"labels", "x.csv", "2"}, {"labels", "gone.csv", "3"}, {"assets", "a", "4"}};
    static const struct result_input is[] = {{"assets", "a", "5"}, {"labels", "x.csv", "2"}, {"labels", "x.csv", "1"}, {"labels", "new.csv", "6"}};
    struct decision_context before = {.inputs = was, .input_count = 4, .version = "1", .commit = "", .last_block = 9};
    struct decision_context after = {.inputs = is, .input_count = 4, .version = "1", .commit = "", .last_block = 9};
    struct buffer text;
    buffer_init(&text, TRACER_MIB(1));
    decision_differences(&before, &after, &text);
    cr_assert_str_eq(text.data, "labels gone.csv (sha256 3) is not there now\nassets a changed: sha256 4, now 5\nlabels new.csv is new: sha256 6\n");
    buffer_clear(&text);
    decision_differences(&before, &before, &text);
    cr_assert_eq(text.size, 0);
    after = before;
    after.last_hash.bytes[0] = 1;
    after.version = "2";
    decision_differences(&before, &after, &text);
    cr_assert(strstr(text.data, "block 9 was 0x0000") && strstr(text.data, "the program was 1 (), now it is 2 ()"));
    buffer_release(&text);
}

Test(decision_log, E3_a_change_of_any_byte_is_found)
{
    struct decision_place head = add(100, 3), found;
    struct buffer bytes = all();
    struct error err = {0};
    char *copy = malloc(bytes.size);
    for (size_t i = 0; i < bytes.size; i++) {
        memcpy(copy, bytes.data, bytes.size);
        copy[i] = copy[i] == '0' ? '1' : '0';
        put_all(copy, bytes.size);
        enum tracer_status status = verify(&found, &err);
        /* the last record has no one behind it: it is the head that was noted elsewhere which tells */
        cr_assert(status == TRACER_E_VERIFY || memcmp(found.digest.bytes, head.digest.bytes, sizeof(head.digest.bytes)) != 0, "byte %zu", i);
    }
    free(copy);
    buffer_release(&bytes);
}

Test(decision_log, E3_records_that_are_left_out_doubled_or_in_another_order_are_found)
{
    add(100, 3);
    struct decision_place found;
    struct buffer bytes = all(), changed;
    struct error err = {0};
    const char *lines[8];
    size_t count = 0, sizes[8];
    for (const char *at = bytes.data; at < bytes.data + bytes.size; at += sizes[count++]) {
        lines[count] = at;
        sizes[count] = strcspn(at, "\n") + 1;
    }
    cr_assert_eq(count, 5);
    static const int orders[][6] = {{1, 2, 3, 4, -1}, {0, 2, 3, 4, -1}, {0, 1, 3, 4, -1}, {0, 1, 2, 4, -1}, {0, 1, 2, 2, 3, -1}, {0, 1, 3, 2, 4, -1}, {-1}};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        buffer_init(&changed, TRACER_MIB(1));
        for (const int *line = orders[i]; *line >= 0; line++)
            buffer_add(&changed, lines[*line], sizes[*line]);
        put_all(changed.size ? changed.data : "", changed.size);
        cr_assert_eq(verify(&found, &err), TRACER_E_VERIFY, "order %zu", i);
        buffer_release(&changed);
    }
    buffer_release(&bytes);
}

Test(decision_log, E3_a_cut_or_rewritten_log_does_not_hold_the_head_that_was_noted)
{
    struct decision_place noted = add(100, 3), found, parsed;
    char text[DECISION_PLACE_TEXT_SIZE];
    struct error err = {0};
    struct buffer bytes = all();
    decision_place_format(&noted, text);
    cr_assert(decision_place_parse(text, &parsed) && parsed.number == noted.number &&
              memcmp(parsed.digest.bytes, noted.digest.bytes, sizeof(noted.digest.bytes)) == 0);
    cr_assert(!decision_place_parse("0:00", &parsed) && !decision_place_parse("5", &parsed) && !decision_place_parse("", &parsed));
    size_t last = bytes.size - 1;
    while (bytes.data[last - 1] != '\n')
        last--;
    put_all(bytes.data, last); /* whole lines only: the chain is whole, but shorter */
    cr_assert_eq(verify(&found, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(decision_each(path, NULL, &noted, NULL, NULL, &found, &err), TRACER_E_VERIFY);
    cr_assert(strstr(err.text, "cut off"));
    unlink(path);
    add(101, 3); /* all anew */
    cr_assert_eq(verify(&found, &err), TRACER_OK);
    cr_assert_eq(found.number, noted.number);
    cr_assert_neq(memcmp(found.digest.bytes, noted.digest.bytes, sizeof(noted.digest.bytes)), 0);
    buffer_release(&bytes);
}

/* The log cut at each byte of its last records: what is torn is cut off, and said; whole records stay. */
Test(decision_log, E6_torn_lines_are_cut_off_and_the_log_says_so)
{
    add(100, 2);
    struct buffer bytes = all();
    struct error err = {0};
    for (size_t size = 0; size <= bytes.size; size += size < 200 ? 1 : 7) {
        struct decision_log *log;
        struct decision_place found, head;
        uint64_t first, whole = 0;
        put_all(bytes.data, size);
        for (size_t i = 0; i < size; i++)
            whole += bytes.data[i] == '\n';
        bool is_torn = size > 0 && bytes.data[size - 1] != '\n';
        cr_assert_eq(verify(&found, &err), is_torn || size == 0 ? TRACER_E_VERIFY : TRACER_OK, "%zu", size);
        cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK, "%zu: %s", size, err.text);
        cr_assert_eq(decision_log_cut(log) != NULL, is_torn, "%zu", size);
        cr_assert_eq(append_to(log, 100, 1, &first, &head, &err), TRACER_OK, "%s", err.text);
        decision_log_close(log);
        memset(counts, 0, sizeof(counts));
        cr_assert_eq(decision_each(path, NULL, NULL, count_kinds, NULL, &found, &err), TRACER_OK, "%zu: %s", size, err.text);
        cr_assert_eq(counts[DECISION_CUT], is_torn, "%zu", size);
        cr_assert_eq(counts[DECISION_DECISION], (whole > 2 ? whole - 2 : 0) + 1, "%zu", size);
    }
    buffer_release(&bytes);
}

Test(decision_log, E6_pages_that_never_reached_the_disk_are_cut_off_with_what_follows)
{
    add(100, 20);
    struct buffer bytes = all();
    struct decision_place found;
    struct decision_log *log;
    struct error err = {0};
    memset(bytes.data + bytes.size / 2, 0, 512);
    put_all(bytes.data, bytes.size);
    cr_assert_eq(verify(&found, &err), TRACER_E_VERIFY);
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK, "%s", err.text);
    cr_assert_not_null(decision_log_cut(log));
    decision_log_close(log);
    cr_assert_eq(verify(&found, &err), TRACER_OK, "%s", err.text);
    buffer_release(&bytes);
}

Test(decision_log, E3_nothing_is_appended_to_a_changed_end_or_to_another_file)
{
    add(100, 3);
    struct buffer bytes = all(), after;
    struct decision_log *log;
    struct error err = {0};
    char *verdict = strstr(bytes.data, "exposed");
    memcpy(verdict, "CLEANED", 7);
    put_all(bytes.data, bytes.size);
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_E_DAMAGED);
    after = all();
    cr_assert(after.size == bytes.size && memcmp(after.data, bytes.data, bytes.size) == 0);
    buffer_release(&after);
    static const char *const others[] = {"a letter", "a letter\nof two lines\n", "{\"schema\": \"tracer/trace/1\"}\n"};
    for (size_t i = 0; i < 3; i++) {
        put_all(others[i], strlen(others[i]));
        cr_assert_eq(decision_log_open(path, &log, &err), TRACER_E_DAMAGED, "%zu", i);
        after = all();
        cr_assert_str_eq(after.data, others[i]);
        buffer_release(&after);
    }
    cr_assert_eq(decision_log_open("/dev/null", &log, &err), TRACER_E_IO);
    cr_assert_eq(decision_log_open(folder, &log, &err), TRACER_E_IO);
    buffer_release(&bytes);
}

Test(decision_log, E3_a_log_that_is_cut_or_moved_while_it_is_open_is_noticed)
{
    struct decision_log *log;
    struct decision_place head;
    struct error err = {0};
    uint64_t first;
    char other[320];
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK);
    cr_assert_eq(append_to(log, 100, 3, &first, &head, &err), TRACER_OK);
    cr_assert_eq(truncate(path, 200), 0);
    cr_assert_eq(append_to(log, 100, 1, &first, &head, &err), TRACER_E_DAMAGED);
    decision_log_close(log);
    unlink(path);
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK);
    snprintf(other, sizeof(other), "%s.other", path);
    cr_assert_eq(rename(path, other), 0);
    cr_assert_eq(append_to(log, 100, 1, &first, &head, &err), TRACER_E_IO);
    decision_log_close(log);
}

/* More than the window at the end that an append looks at. */
Test(decision_log, E3_a_long_log_is_opened_at_its_end)
{
    struct decision_log *log;
    struct decision_place head, found;
    struct error err = {0};
    uint64_t first;
    struct buffer context = context_of(1), bodies[40];
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK);
    for (size_t i = 0; i < 40; i++)
        bodies[i] = body_of("0xaa", 100); /* 100 KB each: several syncs in an append */
    cr_assert_eq(decision_append(log, &context, bodies, 40, &first, &head, &err), TRACER_OK, "%s", err.text);
    decision_log_close(log);
    add(1, 1);
    cr_assert_eq(verify(&found, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(found.number, head.number + 2); /* the context is too far back to be seen: it is written again */
    cr_assert_eq(decision_each(path, &head, NULL, count_kinds, NULL, &found, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(counts[DECISION_CONTEXT] + counts[DECISION_DECISION], 2); /* only what is behind it */
    struct buffer large;
    buffer_init(&large, TRACER_MIB(1));
    buffer_text(&large, "{\"kind\": \"decision\", \"target\": \"");
    for (size_t i = 0; i < TRACER_DECISION_LINE_MAX; i++)
        buffer_char(&large, 'x');
    buffer_text(&large, "\"}");
    cr_assert_eq(decision_log_open(path, &log, &err), TRACER_OK);
    cr_assert_eq(decision_append(log, &context, &large, 1, &first, &head, &err), TRACER_E_LIMIT);
    cr_assert_eq(append_to(log, 2, 1, &first, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(verify(&found, &err), TRACER_OK, "%s", err.text);
    decision_log_close(log);
    for (size_t i = 0; i < 40; i++)
        buffer_release(&bodies[i]);
    buffer_release(&large);
    buffer_release(&context);
}

Test(decision_log, E3_two_processes_append_to_one_chain)
{
    enum { PROCESSES = 3, ROUNDS = 30, EACH = 4 };
    struct error err = {0};
    struct decision_place found;
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            struct decision_log *log;
            struct decision_place head;
            uint64_t first;
            bool good = decision_log_open(path, &log, &err) == TRACER_OK;
            for (int round = 0; good && round < ROUNDS; round++)
                good = append_to(log, 100 + (uint64_t)i, EACH, &first, &head, &err) == TRACER_OK;
            _exit(good ? 0 : 1);
        }
    for (int i = 0; i < PROCESSES; i++) {
        int state;
        wait(&state);
        cr_assert(WIFEXITED(state) && WEXITSTATUS(state) == 0);
    }
    cr_assert_eq(decision_each(path, NULL, NULL, count_kinds, NULL, &found, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(counts[DECISION_LOG], 1);
    cr_assert_eq(counts[DECISION_DECISION], PROCESSES * ROUNDS * EACH);
    cr_assert_eq(counts[DECISION_CUT], 0);
}

/* What was acknowledged through the pipe is in the log, once; of the append under way all, some or nothing. */
Test(decision_log, E6_a_kill_loses_and_doubles_nothing_that_was_acknowledged)
{
    struct error err = {0};
    struct decision_place found;
    uint64_t acknowledged = 0;
    for (int round = 0; round < 15; round++) {
        int pipes[2];
        cr_assert_eq(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) {
            struct decision_log *log;
            struct decision_place head;
            uint64_t first;
            if (decision_log_open(path, &log, &err))
                _exit(1);
            for (;;)
                if (append_to(log, 100, 7, &first, &head, &err) || write(pipes[1], &head.number, sizeof(head.number)) < 0)
                    _exit(1);
        }
        close(pipes[1]);
        uint64_t number = 0;
        for (int i = 0; i <= round && read(pipes[0], &number, sizeof(number)) == sizeof(number); i++)
            acknowledged += 7;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(pipes[0], &number, sizeof(number)) == sizeof(number))
            acknowledged += 7;
        close(pipes[0]);
        memset(counts, 0, sizeof(counts));
        enum tracer_status status = decision_each(path, NULL, NULL, count_kinds, NULL, &found, &err);
        cr_assert(status == TRACER_OK || strstr(err.text, "torn"), "%s", err.text);
        cr_assert(counts[DECISION_DECISION] >= acknowledged && counts[DECISION_DECISION] <= acknowledged + 7, "%llu of %llu",
                  (unsigned long long)counts[DECISION_DECISION], (unsigned long long)acknowledged);
        acknowledged = counts[DECISION_DECISION];
    }
}
