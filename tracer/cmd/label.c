/* label.c - `label why` and `label diff`. */
#include "session.h"

#include "tracer/clock.h"
#include "tracer/load.h"
#include "tracer/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SHOWN_MAX 300u

static void put_text(FILE *stream, const char *before, const char *text, const char *after)
{
    char shown[SHOWN_MAX];
    if (text[0])
        fprintf(stream, "%s%s%s", before, shown_text(shown, sizeof(shown), text, strlen(text)), after);
}

static void put_list(FILE *stream, const struct label_list *list)
{
    char sha256[65];
    const char *slash = strrchr(list->name, '/');
    digest_format(list->digest, sha256);
    put_text(stream, "", slash ? slash + 1 : list->name, "");
    put_text(stream, " of ", list->date, "");
    fprintf(stream, ", sha256 %s", sha256);
}

/* What it says, on one line. `today`: a claim that ended until then says so; NULL: it is not asked. */
static void put_claim(FILE *stream, const struct label *claim, const char *today)
{
    static const char *const confidences[] = {"high", "medium", "low"};
    put_text(stream, "", claim->category[0] ? claim->category : "(no category)", "");
    put_text(stream, " \"", claim->name, "\"");
    if (strcmp(claim->entity, claim->name) != 0)
        put_text(stream, ", entity \"", claim->entity, "\"");
    put_text(stream, ", class ", label_class_name(claim->class_), "");
    put_text(stream, ", emits ", claim->emit, "");
    if (claim->chain_id)
        fprintf(stream, ", chain %" PRIu64, claim->chain_id);
    put_text(stream, ", from ", claim->valid_from, "");
    put_text(stream, ", until ", claim->valid_to, today && strcmp(claim->valid_to, today) <= 0 ? " (ended)" : "");
    fprintf(stream, ", confidence %s", confidences[claim->confidence]);
}

static const char *class_of(const struct label *claim)
{
    return label_class_name(claim->class_);
}

static const char *category_of(const struct label *claim)
{
    return strcmp(claim->category, "sanctioned") == 0 ? "" : claim->category; /* whatever else it is */
}

static const char *entity_of(const struct label *claim)
{
    return strcmp(claim->category, "heist") == 0 ? "" : claim->entity; /* there it names the incident */
}

static const char *until_of(const struct label *claim)
{
    if (strcmp(claim->category, "sanctioned") != 0)
        return "";
    return claim->valid_to[0] ? claim->valid_to : "still listed";
}

/* "conflict: class: mixer (claims 1, 3), service (2)" */
static void put_conflict(struct session *session, FILE *stream, const char *what,
                         const char *(*value_of)(const struct label *claim), const struct label *claims,
                         size_t count)
{
    const struct label_set *set = session->labels;
    uint64_t chain_id = session->chain_id;
    size_t values = 0;
    for (int printing = 0; printing < 2; printing++) {
        for (size_t i = 0; i < count; i++) {
            const char *value = value_of(&claims[i]);
            bool is_new = value[0] && label_holds(set, &claims[i], chain_id);
            for (size_t k = 0; k < i && is_new; k++)
                is_new =
                    !label_holds(set, &claims[k], chain_id) || strcasecmp(value_of(&claims[k]), value) != 0;
            if (!is_new || !printing) {
                values += is_new;
                continue;
            }
            put_text(stream, "", value, "");
            const char *before = " (claim ";
            for (size_t k = i; k < count; k++)
                if (label_holds(set, &claims[k], chain_id) && strcasecmp(value_of(&claims[k]), value) == 0) {
                    fprintf(stream, "%s%zu", before, k + 1);
                    before = ", ";
                }
            fputs(--values ? "), " : ")\n", stream);
        }
        if (!printing && values < 2)
            return;
        if (!printing)
            fprintf(stream, "  conflict   %s: ", what);
    }
}

static enum tracer_status put_sanctions(FILE *stream, struct session *session, struct address address,
                                        const struct label *claims, size_t count)
{
    const struct sanctioned *rows;
    size_t row_count;
    bool listed = false, known = false;
    enum tracer_status status = label_sanctioned(session->labels, session->chain_id, session->arena, &rows,
                                                 &row_count, &session->err);
    for (size_t i = 0; i < row_count && !status && !listed; i++)
        if ((listed = address_equal(rows[i].address, address)))
            put_text(stream, "  sanctions  listed by OFAC (", rows[i].entity[0] ? rows[i].entity : "no name", "): a source of check");
    for (size_t i = 0; i < count; i++)
        known = known || until_of(&claims[i])[0];
    if (!status && known && !listed)
        fputs("  sanctions  not listed", stream);
    if (!status && (known || listed))
        fprintf(stream, ", as of %s\n",
                session->as_of[0] ? session->as_of : label_sanctioned_date(session->labels));
    return status;
}

static enum tracer_status why(struct session *session, FILE *stream, const char *text)
{
    static const char *const ranks[] = {"of the user", "official", "built in", "of others"};
    struct address address;
    char shown[TRACER_QUOTED_MAX], formatted[ADDRESS_TEXT_SIZE];
    struct label holds;
    const struct label *claims;
    size_t count;
    if (!address_parse(text, strlen(text), &address))
        return error_set(&session->err, TRACER_E_USAGE,
                         "'%s' is not an address (0x and 40 hexadecimal digits)",
                         safe_text(shown, sizeof(shown), text, strlen(text)));
    if (!proof_checksum_holds(text, strlen(text)))
        return error_set(&session->err, TRACER_E_USAGE, "'%s': " PROOF_CHECKSUM_WRONG, text);
    address_format(address, formatted);
    enum tracer_status status = label_about(session->labels, address, session->arena, &claims, &count, &session->err);
    if (status)
        return status;
    const char *today = session->as_of[0] ? session->as_of : label_sanctioned_date(session->labels); /* no clock: as far as the lists go */
    bool is_known = label_find(session->labels, session->chain_id, address, &holds);
    fprintf(stream, "%s on chain %" PRIu64 ": %zu %s\n", formatted, session->chain_id, count,
            count == 1 ? "claim" : "claims");
    if (!is_known)
        fputs("  holds      nothing: no list here speaks of it on this chain, which says nothing about it\n",
              stream);
    if (is_known) {
        fputs("  holds      ", stream);
        put_claim(stream, &holds, today);
        fputc('\n', stream);
    }
    status = put_sanctions(stream, session, address, claims, count);
    put_conflict(session, stream, "class", class_of, claims, count);
    put_conflict(session, stream, "category", category_of, claims, count);
    put_conflict(session, stream, "entity", entity_of, claims, count);
    put_conflict(session, stream, "listed until", until_of, claims, count);
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "  claim %-4zu ", i + 1);
        put_claim(stream, &claims[i], today);
        bool other_chain = claims[i].chain_id && claims[i].chain_id != session->chain_id;
        fprintf(stream, "\n    %s%s\n", ranks[claims[i].rank],
                label_holds(session->labels, &claims[i], session->chain_id) ? ""
                : other_chain                                               ? ", about another chain"
                                                                            : ", not of that day");
        put_text(stream, "    origin   ", claims[i].origin, "\n");
        fputs("    list     ", stream);
        put_list(stream, label_list(session->labels, claims[i].list));
        fputc('\n', stream);
    }
    return status;
}

static enum tracer_status open_labels(struct session *session)
{
    enum tracer_status status = TRACER_OK;
    if (session->options->store)
        status = session_store_of_lists(session);
    else
        status = session_network(session);
    return status ? status : session_case(session);
}

struct diffing {
    FILE *stream;
    uint64_t added, removed, changed;
};

static enum tracer_status put_difference(void *context, const struct label *before, size_t before_count,
                                         const struct label *after, size_t after_count)
{
    struct diffing *diffing = context;
    char address[ADDRESS_TEXT_SIZE];
    address_format(before_count ? before->address : after->address, address);
    diffing->added += !before_count;
    diffing->removed += !after_count;
    diffing->changed += before_count && after_count;
    for (int side = 0; side < 2; side++) {
        const struct label *claims = side ? after : before, *others = side ? before : after;
        size_t count = side ? after_count : before_count, other_count = side ? before_count : after_count;
        for (size_t i = 0; i < count; i++) {
            if (label_says(others, other_count, &claims[i]))
                continue;
            fprintf(diffing->stream, "%c %s %s", side ? '+' : '-', address,
                    before_count && after_count ? "changed: " : "");
            put_claim(diffing->stream, &claims[i], NULL);
            put_text(diffing->stream, ", origin ", claims[i].origin, "");
            fputc('\n', diffing->stream);
        }
    }
    return TRACER_OK;
}

static void put_side(FILE *stream, const char *side, const struct label_set *set)
{
    const struct label_list *list = label_list(set, 0);
    fprintf(stream, "%s  ", side);
    put_list(stream, list);
    fprintf(stream, ", %" PRIu64 " labels\n", list->rows);
}

/* The store's version of a list as a set. */
static enum tracer_status kept_version(struct session *session, const char *name, struct label_set *set)
{
    struct buffer text;
    struct error *err = &session->err;
    bool is_list = strncmp(name, LOAD_LISTS_PREFIX, strlen(LOAD_LISTS_PREFIX)) == 0;
    const char *shown = strchr(name, '/') + 1;
    buffer_init(&text, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = graph_get_item(session->graph, GRAPH_ITEM_LIST, name, &text, err);
    if (status == TRACER_E_NOT_FOUND)
        status = error_set(err, TRACER_E_NOT_FOUND, "the store has no version of %s", shown);
    else if (!status && is_list)
        status = label_add_kept(set, shown, text.data, text.size, err);
    else if (!status)
        status = label_add_memory(set, shown, text.data, text.size, LABEL_USER, err);
    buffer_release(&text);
    return status;
}

static enum tracer_status diff(struct session *session, FILE *stream)
{
    const struct options *options = session->options;
    const char *new_path = options->arguments[options->argument_count - 1];
    bool of_store = options->store && options->argument_count == 2;
    struct label_set *before = NULL, *after = NULL;
    char name[LOAD_NAME_SIZE], other[LOAD_NAME_SIZE];
    struct diffing diffing = {.stream = stream};
    uint64_t same = 0;
    if (options->argument_count != 3 && !of_store)
        return error_set(&session->err, TRACER_E_USAGE,
                         "label diff wants two files, or --store DIR and one file");
    enum tracer_status status = label_set_new(&before, &session->err);
    if (!status)
        status = label_set_new(&after, &session->err);
    if (!status)
        status = load_label_file(new_path, options->comments, options->date, after, name, &session->err);
    if (!status && of_store)
        status = session_store_of_lists(session);
    if (!status)
        status = of_store ? kept_version(session, name, before)
                          : load_label_file(options->arguments[1], NULL, NULL, before, other, &session->err);
    if (!status) {
        put_side(stream, "old", before);
        put_side(stream, "new", after);
        status = label_diff(before, after, put_difference, &diffing, &same);
    }
    if (!status)
        fprintf(stream,
                "addresses: %" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed, %" PRIu64
                " the same\n",
                diffing.added, diffing.removed, diffing.changed, same);
    label_set_free(before);
    label_set_free(after);
    return status;
}

int command_label(const struct options *options)
{
    struct session session;
    struct output output;
    bool asks_why = strcmp(options->arguments[0], "why") == 0;
    enum tracer_status status = session_open(&session, options);
    if (!status && !asks_why && strcmp(options->arguments[0], "diff") != 0)
        status = error_set(&session.err, TRACER_E_USAGE, "label why ADDRESS... or label diff OLD NEW");
    if (!status && asks_why)
        status = open_labels(&session);
    if (!status)
        status = output_open(options->output, &output, &session.err);
    else
        output = (struct output){0};
    for (size_t i = 1; i < options->argument_count && !status && asks_why; i++)
        status = why(&session, output.stream, options->arguments[i]);
    if (!status && !asks_why)
        status = diff(&session, output.stream);
    if (!status)
        status = output_commit(&output, &session.err);
    output_abort(&output);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    session_close(&session);
    return code;
}
