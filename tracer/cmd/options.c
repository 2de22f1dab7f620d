/* options.c - the one table of options. */
#include "options.h"

#include "tracer/clock.h"
#include "tracer/csv.h"
#include "tracer/proof.h"
#include "tracer/taint.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum tracer_status set_fn(struct options *options, const char *name, const char *value,
                                  struct error *err);

static enum tracer_status bad_value(struct error *err, const char *name, const char *value, const char *want)
{
    char shown[TRACER_QUOTED_MAX];
    return error_set(err, TRACER_E_USAGE, "--%s: \"%s\" is not %s", name,
                     safe_text(shown, sizeof(shown), value, strlen(value)), want);
}

static enum tracer_status number(const char *name, const char *value, uint64_t max, uint64_t *to,
                                 struct error *err)
{
    char want[64];
    snprintf(want, sizeof(want), "a whole number from 0 to %" PRIu64, max);
    if (!csv_parse_u64((struct csv_field){value, strlen(value)}, max, to))
        return bad_value(err, name, value, want);
    return TRACER_OK;
}

/* Plain texts and flags are set by their place in struct options; the rest have a function. */
#define TEXT(field) offsetof(struct options, field), KIND_TEXT, NULL
#define FLAG(field) offsetof(struct options, field), KIND_FLAG, NULL
#define CALL(function) 0, KIND_CALL, function

static enum tracer_status add_to(const char **list, size_t *count, const char *name, const char *value,
                                 struct error *err)
{
    if (*count == OPTIONS_LIST_MAX)
        return error_set(err, TRACER_E_USAGE, "--%s: given more than %u times", name, OPTIONS_LIST_MAX);
    list[(*count)++] = value;
    return TRACER_OK;
}
static enum tracer_status set_rpc(struct options *options, const char *name, const char *value,
                                  struct error *err)
{
    return add_to(options->rpc, &options->rpc_count, name, value, err);
}
static enum tracer_status set_explorer(struct options *options, const char *name, const char *value,
                                       struct error *err)
{
    return add_to(options->explorer, &options->explorer_count, name, value, err);
}
static enum tracer_status set_labels(struct options *options, const char *name, const char *value,
                                     struct error *err)
{
    return add_to(options->labels, &options->labels_count, name, value, err);
}
static enum tracer_status set_source(struct options *options, const char *name, const char *value,
                                     struct error *err)
{
    return add_to(options->source, &options->source_count, name, value, err);
}

static enum tracer_status set_policy(struct options *options, const char *name, const char *value,
                                     struct error *err)
{
    options->policy = value;
    options->all_policies = strcmp(value, "all") == 0;
    if (options->all_policies)
        return TRACER_OK;
    if (!taint_policy_parse(value, &options->taint.policy))
        return bad_value(err, name, value, "one of fifo, lifo, haircut, poison, cleanfirst, taintfirst; for trace, demo and check also all");
    return TRACER_OK;
}

/* A word of a list to its index, which is the value of the enum. */
static enum tracer_status word(const char *name, const char *value, const char *const *words, int *ret_index,
                               const char *want, struct error *err)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0) {
            *ret_index = i;
            return TRACER_OK;
        }
    return bad_value(err, name, value, want);
}

static enum tracer_status set_links(struct options *options, const char *name, const char *value,
                                    struct error *err)
{
    static const char *const words[] = {"given", "auto", "none", NULL};
    int index = 0;
    enum tracer_status status = word(name, value, words, &index, "one of given, auto, none", err);
    options->taint.links = (enum taint_links)index;
    return status;
}
static enum tracer_status set_fees(struct options *options, const char *name, const char *value,
                                   struct error *err)
{
    static const char *const words[] = {"sink", "follow", NULL};
    int index = 0;
    enum tracer_status status = word(name, value, words, &index, "sink or follow", err);
    options->taint.fees = (enum taint_fees)index;
    return status;
}
static enum tracer_status set_unknown(struct options *options, const char *name, const char *value,
                                      struct error *err)
{
    static const char *const words[] = {"track", "clean", NULL};
    int index = 0;
    enum tracer_status status = word(name, value, words, &index, "track or clean", err);
    options->taint.unknown = (enum taint_unknown)index;
    return status;
}
static enum tracer_status set_opening(struct options *options, const char *name, const char *value,
                                      struct error *err)
{
    static const char *const words[] = {"unknown", "clean", NULL};
    int index = 0;
    enum tracer_status status = word(name, value, words, &index, "unknown or clean", err);
    options->taint.opening = (enum taint_opening)index;
    return status;
}
static enum tracer_status set_progress(struct options *options, const char *name, const char *value,
                                       struct error *err)
{
    static const char *const words[] = {"auto", "none", "json", NULL};
    int index = 0;
    enum tracer_status status = word(name, value, words, &index, "one of auto, none, json", err);
    options->progress = (enum progress_mode)index;
    return status;
}
static enum tracer_status set_view(struct options *options, const char *name, const char *value,
                                   struct error *err)
{
    static const char *const words[] = {"full", "summary", "hops", "tree", NULL};
    int index = 0;
    enum tracer_status status = word(name, value, words, &index, "one of full, summary, hops, tree", err);
    options->view = (enum report_view)index;
    return status;
}
/* --summary, --hops, --tree */
static enum tracer_status set_view_short(struct options *options, const char *name, const char *value,
                                         struct error *err)
{
    (void)value;
    return set_view(options, "view", name, err);
}
static enum tracer_status set_table(struct options *options, const char *name, const char *value,
                                    struct error *err)
{
    static const char *const words[TABLE_COUNT + 1] = {"hops",     "totals", "places", "seeds",
                                                       "accounts", "assets", "limits", "inputs"};
    int index = 0;
    enum tracer_status status =
        word(name, value, words, &index, "one of hops, totals, places, seeds, accounts, assets, limits, inputs", err);
    options->table = (enum report_table)index;
    return status;
}
static enum tracer_status set_finality(struct options *options, const char *name, const char *value,
                                       struct error *err)
{
    options->finality = FINALITY_DEPTH;
    if (strcmp(value, "finalized") == 0)
        options->finality = FINALITY_FINALIZED;
    else if (strcmp(value, "latest") == 0)
        options->finality = FINALITY_LATEST;
    else if (!csv_parse_u64((struct csv_field){value, strlen(value)}, 1000000, &options->finality_depth))
        return bad_value(err, name, value, "finalized, latest or a number of blocks up to 1000000");
    return TRACER_OK;
}
static enum tracer_status set_from(struct options *options, const char *name, const char *value,
                                   struct error *err)
{
    options->has_from = true;
    return number(name, value, INT64_MAX, &options->from, err);
}
static enum tracer_status set_since(struct options *options, const char *name, const char *value,
                                    struct error *err)
{
    options->has_since = true;
    return number(name, value, INT64_MAX, &options->since, err);
}
/* A block for most commands; for `check` an address picks the rows of a transaction into it. */
static enum tracer_status set_to(struct options *options, const char *name, const char *value,
                                 struct error *err)
{
    if (address_parse(value, strlen(value), &options->to_address)) {
        options->has_to_address = true;
        return proof_checksum_holds(value, strlen(value)) ? TRACER_OK : error_set(err, TRACER_E_USAGE, "%s: " PROOF_CHECKSUM_WRONG, name);
    }
    options->has_to_block = true;
    return number(name, value, INT64_MAX, &options->to_block, err);
}
static enum tracer_status set_in_flight(struct options *options, const char *name, const char *value,
                                        struct error *err)
{
    enum tracer_status status = number(name, value, TRACER_IN_FLIGHT_MAX, &options->in_flight, err);
    if (!status && options->in_flight == 0)
        return bad_value(err, name, value, "at least 1");
    return status;
}
static enum tracer_status set_list_age_max(struct options *options, const char *name, const char *value,
                                           struct error *err)
{
    return number(name, value, TRACER_LIST_AGE_DAYS_MAX, &options->list_age_max, err);
}
static enum tracer_status words(const char *name, const char *value, const char **to, struct error *err)
{
    size_t length = strlen(value);
    for (size_t i = 0; i < length; i++)
        if (value[i] < ' ' || value[i] > '~')
            return bad_value(err, name, value, "printable ASCII");
    if (length == 0 || length > TRACER_DECISION_WORDS_MAX)
        return error_set(err, TRACER_E_USAGE, "--%s: wants 1 to %u characters", name, TRACER_DECISION_WORDS_MAX);
    *to = value;
    return TRACER_OK;
}
static enum tracer_status set_reference(struct options *options, const char *name, const char *value, struct error *err)
{
    return words(name, value, &options->reference, err);
}
static enum tracer_status set_decided_at(struct options *options, const char *name, const char *value, struct error *err)
{
    return words(name, value, &options->decided_at, err);
}
static enum tracer_status set_max_accounts(struct options *options, const char *name, const char *value,
                                           struct error *err)
{
    return number(name, value, UINT32_MAX, &options->max_accounts, err);
}
static enum tracer_status set_max_hops(struct options *options, const char *name, const char *value,
                                       struct error *err)
{
    return number(name, value, UINT32_MAX, &options->max_hops, err);
}
static enum tracer_status set_max_degree(struct options *options, const char *name, const char *value,
                                         struct error *err)
{
    return number(name, value, UINT32_MAX, &options->max_degree, err);
}
static enum tracer_status set_max_requests(struct options *options, const char *name, const char *value,
                                           struct error *err)
{
    return number(name, value, UINT32_MAX, &options->max_requests, err);
}
static enum tracer_status set_max_time(struct options *options, const char *name, const char *value,
                                       struct error *err)
{
    return number(name, value, UINT32_MAX, &options->max_seconds, err);
}
static enum tracer_status set_max_scan(struct options *options, const char *name, const char *value,
                                       struct error *err)
{
    return number(name, value, UINT32_MAX, &options->max_scan, err);
}
static enum tracer_status set_checkpoint(struct options *options, const char *name, const char *value,
                                         struct error *err)
{
    return number(name, value, UINT32_MAX, &options->checkpoint, err);
}
static enum tracer_status set_workers(struct options *options, const char *name, const char *value,
                                      struct error *err)
{
    enum tracer_status status = number(name, value, TRACER_BATCH_WORKERS_MAX, &options->workers, err);
    if (!status && options->workers == 0)
        return bad_value(err, name, value, "at least 1");
    return status;
}
static enum tracer_status set_min_score(struct options *options, const char *name, const char *value,
                                        struct error *err)
{
    if (!u256_parse_decimal(value, strlen(value), &options->min_score))
        return bad_value(err, name, value, "a whole number");
    return TRACER_OK;
}

static enum tracer_status set_keep_raw(struct options *options, const char *name, const char *value,
                                       struct error *err)
{
    options->keep_raw = strcmp(value, "all") == 0;
    options->keep_flagged = strcmp(value, "flagged") == 0;
    bool known = options->keep_raw || options->keep_flagged || strcmp(value, "none") == 0;
    return known ? TRACER_OK : bad_value(err, name, value, "all, flagged or none");
}

enum option_kind { KIND_TEXT, KIND_FLAG, KIND_CALL };
static const struct option_spec {
    const char *name;
    size_t offset;
    enum option_kind kind;
    set_fn *set;
    const char *argument; /* NULL for flags */
    const char *help;
} specs[] = {
    {"store", TEXT(store), "DIR", "the store"},
    {"config", TEXT(config), "FILE", "endpoints, explorers and networks by name (JSON)"},
    {"chain", TEXT(chain), "NAME|ID", "ethereum (default), ronin, or one of the configuration"},
    {"rpc", CALL(set_rpc), "URL|NAME", "an endpoint; may be repeated; the word public: the built-in ones"},
    {"explorer", CALL(set_explorer), "URL|NAME", "a block explorer (Etherscan, Blockscout) to ask for the blocks of accounts; may be repeated"},
    {"allow-local", FLAG(allow_local), NULL, "allow plain http to this machine, and private addresses"},
    {"from", CALL(set_from), "BLOCK", "first block"},
    {"to", CALL(set_to), "BLOCK", "last block; for check also an ADDRESS: only transfers into it"},
    {"since", CALL(set_since), "BLOCK", "address seeds count from here (default: the first stored)"},
    {"finality", CALL(set_finality), "finalized|latest|N", "up to which block to read (default: finalized)"},
    {"follow", FLAG(follow), NULL, "go on at the head until stopped"},
    {"taint", FLAG(keep_taint), NULL, "keep the taint state of the sources current, so that check looks answers up"},
    {"opening", FLAG(opening), NULL, "also fetch balances before the first block (archive endpoint)"},
    {"anchor", FLAG(anchor), NULL, "also read the headers between the range and a checkpoint, which prove its blocks"},
    {"no-traces", FLAG(no_traces), NULL, "do not ask for internal calls"},
    {"keep-raw", CALL(set_keep_raw), "all|flagged|none",
     "keep what block hashes cover, of all blocks or of those that trace --evidence fetched (default: none)"},
    {"refetch", FLAG(refetch), NULL, "read stored blocks, or probe known endpoints, again"},
    {"in-flight", CALL(set_in_flight), "N", "requests under way at once (default 16)"},
    {"record", TEXT(record), "DIR", "write every exchange with the endpoints into DIR"},
    {"replay", TEXT(replay), "DIR", "answer from a recording; no network"},
    {"policy", CALL(set_policy), "NAME", "fifo (default), lifo, haircut, poison, cleanfirst, taintfirst; all (trace, demo, check)"},
    {"links", CALL(set_links), "given|auto|none", "which exchanges (swaps) are linked (default: given)"},
    {"fees", CALL(set_fees), "sink|follow", "what becomes of taint paid as fee (default: sink)"},
    {"unknown", CALL(set_unknown), "track|clean", "units of unknown history (default: track)"},
    {"opening-units", CALL(set_opening), "unknown|clean", "units of opening balances (default: unknown)"},
    {"labels", CALL(set_labels), "FILE", "labels (CSV, which win over the built-in ones) or a list that import takes; may be repeated"},
    {"no-builtin-labels", FLAG(no_builtin_labels), NULL,
     "without the built-in registry of services and mixers"},
    {"assets", TEXT(assets), "FILE", "recognised assets (CSV) instead of the built-in list"},
    {"source", CALL(set_source), "[NAME=]SEED", "a source of taint; may be repeated (default: the registry)"},
    {"source-of-funds", FLAG(funds), NULL, "also say which labelled accounts paid it out"},
    {"rules", TEXT(rules), "FILE", "which exposure counts (JSON, docs/rules.md; default: any)"},
    {"format", TEXT(format), "FORMAT", "text (default), json, csv; trace and demo also jsonl, dot, graphml, sankey, mermaid, gexf, stix, misp, tagpack, sar, html"},
    {"output", TEXT(output), "FILE", "write the result there instead of standard output"},
    {"evidence", TEXT(evidence), "DIR", "also write an evidence bundle there (docs/evidence.md)"},
    {"view", CALL(set_view), "full|summary|hops|tree", "parts of the text report (default: full; tree: trace, demo)"},
    {"summary", CALL(set_view_short), NULL, "= --view summary"},
    {"hops", CALL(set_view_short), NULL, "= --view hops"},
    {"tree", CALL(set_view_short), NULL, "= --view tree"},
    {"table", CALL(set_table), "NAME", "of --format csv: hops (default), totals, places, seeds, accounts, assets, limits, inputs"},
    {"prices", TEXT(prices), "FILE", "USD prices (CSV date,asset,price) for text, sar and the hops of csv"},
    {"transfers", TEXT(transfers), "FILE", "transfers.csv of the taint specification"},
    {"seeds", TEXT(seeds), "FILE", "seeds.csv"},
    {"explored", TEXT(explored), "FILE", "addresses of the explored set"},
    {"coverage", TEXT(coverage), "FILE", "coverage.csv: accounts whose history the file has"},
    {"name", TEXT(name), "TEXT", "a name for the imported network"},
    {"out", TEXT(out), "DIR", "directory for the result files"},
    {"key", TEXT(key), "BLOCK:TXI:IDX", "the transfer to ask about"},
    {"as-of", TEXT(as_of), "DATE|BLOCK", "blocks and lists as they stood at the end of that day, or at that block"},
    {"list-age-max", CALL(set_list_age_max), "DAYS", "how much older than the last block a sanctions list may be (default 30)"},
    {"decisions", TEXT(decisions), "FILE", "append each answer to this log of decisions (docs/decisions.md)"},
    {"reference", CALL(set_reference), "TEXT", "your words in the record of a decision: a case, a customer"},
    {"decided-at", CALL(set_decided_at), "TEXT", "the time that the record of a decision states; the program reads no clock"},
    {"head", TEXT(head), "N:HEX", "a head of the log that was noted elsewhere: is it still there?"},
    {"max-accounts", CALL(set_max_accounts), "N", "at most this many explored accounts (default 1000; trace: 100); audit: balances (100000)"},
    {"max-hops", CALL(set_max_hops), "N", "at most this many hops from the seed"},
    {"max-degree", CALL(set_max_degree), "N", "an account in more rows is a hub and not expanded (trace: 10000)"},
    {"min-score", CALL(set_min_score), "N", "least score to expand (default 1)"},
    {"max-requests", CALL(set_max_requests), "N", "stop exploring after this many calls to endpoints; nothing is asked ahead then"},
    {"max-time", CALL(set_max_time), "SECONDS", "stop exploring after this time"},
    {"max-scan", CALL(set_max_scan), "N", "read at most this many blocks whole where no old state is served (default 20000)"},
    {"resume", FLAG(resume), NULL, "go on with the trace that this store was last used for"},
    {"columns", TEXT(columns), "NAMES", "columns of a batch's output, separated by commas (default: verdict to key)"},
    {"input-format", TEXT(input_format), "csv|jsonl", "default: by the end of the name"},
    {"output-format", TEXT(output_format), "csv|jsonl|alerts", "default: by the end of the name; alerts: one for each row that is not clean"},
    {"workers", CALL(set_workers), "N", "processes that answer (default: one a processor)"},
    {"checkpoint", CALL(set_checkpoint), "BYTES", "note what is done after so many bytes of output (default 67108864)"},
    {"restart", FLAG(restart), NULL, "throw away what an earlier run of this batch has done"},
    {"comments", TEXT(comments), "FILE", "sdn_comments.csv, the rest of an sdn.csv"},
    {"date", TEXT(date), "YYYY-MM-DD", "when a list was published that does not say it"},
    {"force", FLAG(force), NULL, "take a list that is older than its last version, has no date, or far fewer entries"},
    {"quiet", FLAG(quiet), NULL, "no progress, no summary"},
    {"verbose", FLAG(verbose), NULL, "more on standard error"},
    {"progress", CALL(set_progress), "auto|none|json", "progress on standard error (default: auto)"},
};
#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

/* Is `name` one of the blank-separated words? */
static bool takes_option(const struct command *command, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = command->takes; at && (at = strstr(at, name)); at += length)
        if ((at == command->takes || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* The taint specification calls it --opening where it has an argument (replay, check --transfers, expand). */
static bool opening_has_argument(const struct command *command)
{
    return takes_option(command, "transfers");
}

static enum tracer_status apply(const struct option_spec *spec, struct options *options, const char *value,
                                struct error *err)
{
    char *field = (char *)options + spec->offset;
    switch (spec->kind) {
    case KIND_TEXT:
        *(const char **)(void *)field = value;
        return TRACER_OK;
    case KIND_FLAG:
        *(bool *)(void *)field = true;
        return TRACER_OK;
    case KIND_CALL:
        return spec->set(options, spec->name, value, err);
    }
    return TRACER_OK;
}

enum tracer_status options_parse(const struct command *command, int argc, char **argv,
                                 struct options *ret_options, struct error *err)
{
    struct option table[SPEC_COUNT + 2] = {{0}};
    size_t spec_of[SPEC_COUNT + 1], count = 0;
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        if (!takes_option(command, specs[i].name))
            continue;
        table[count] = (struct option){.name = specs[i].name, .has_arg = specs[i].argument ? required_argument : no_argument};
        spec_of[count++] = i;
        if (strcmp(specs[i].name, "opening-units") == 0 && opening_has_argument(command)) {
            table[count] = (struct option){.name = "opening", .has_arg = required_argument};
            spec_of[count++] = i;
        }
    }
    *ret_options = (struct options){
        .list_age_max = OPTION_UNSET, .checkpoint = OPTION_UNSET, .max_accounts = OPTION_UNSET, .max_hops = UINT32_MAX, .max_degree = UINT32_MAX, .max_scan = TRACER_SCAN_BLOCKS_MAX, .min_score = {{1, 0, 0, 0}}};
    optind = 1;
    opterr = 0;
    for (;;) {
        int index = -1, found = getopt_long(argc, argv, ":", table, &index);
        if (found == -1)
            break;
        const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";
        char shown[TRACER_QUOTED_MAX];
        if (found == ':')
            return error_set(err, TRACER_E_USAGE, "%s needs an argument",
                             safe_text(shown, sizeof(shown), given, strcspn(given, "=")));
        if (found == '?' || index < 0) /* the part behind '=' is not shown: it may be a URL with a key */
            return error_set(err, TRACER_E_USAGE,
                             "%s: no such option of this command, or not unique (see: tracer help %s)",
                             safe_text(shown, sizeof(shown), given, strcspn(given, "=")), command->name);
        enum tracer_status status = apply(&specs[spec_of[index]], ret_options, optarg, err);
        if (status)
            return status;
    }
    ret_options->arguments = (const char **)(uintptr_t)(argv + optind);
    ret_options->argument_count = (size_t)(argc - optind);
    if (ret_options->all_policies && strcmp(command->name, "trace") != 0 && strcmp(command->name, "demo") != 0 &&
        strcmp(command->name, "check") != 0)
        return error_set(err, TRACER_E_USAGE, "--policy all is for trace, demo and check: %s answers under one policy", command->name);
    if (ret_options->has_to_address && strcmp(command->name, "check") != 0)
        return error_set(err, TRACER_E_USAGE, "--to: only check takes an address there; %s wants a block", command->name);
    if (ret_options->view == VIEW_TREE && (ret_options->all_policies || !takes_option(command, "tree")))
        return error_set(err, TRACER_E_USAGE, "--view tree is for trace and demo, under one policy");
    if (ret_options->argument_count < command->arguments_min)
        return error_set(err, TRACER_E_USAGE, "too few arguments: tracer %s %s", command->name,
                         command->arguments);
    if (ret_options->argument_count > command->arguments_max)
        return error_set(err, TRACER_E_USAGE, "too many arguments: tracer %s %s", command->name,
                         command->arguments);
    return TRACER_OK;
}

void options_print_usage(FILE *stream, const struct command *command)
{
    fprintf(stream, "usage: tracer %s [options] %s\n\n%s\n", command->name, command->arguments,
            command->summary);
    if (command->details)
        fprintf(stream, "\n%s\n", command->details);
    bool any = false;
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        if (!takes_option(command, specs[i].name))
            continue;
        if (!any)
            fprintf(stream, "\noptions:\n");
        any = true;
        char left[64];
        const char *name = strcmp(specs[i].name, "opening-units") == 0 && opening_has_argument(command)
                               ? "opening"
                               : specs[i].name;
        snprintf(left, sizeof(left), "--%s%s%s", name, specs[i].argument ? " " : "",
                 specs[i].argument ? specs[i].argument : "");
        fprintf(stream, "  %-32s %s\n", left, specs[i].help);
    }
}
