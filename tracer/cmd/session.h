/* session.h - what commands share: the configuration, the store, labels and assets, progress, the end. */
#ifndef TRACER_CMD_SESSION_H
#define TRACER_CMD_SESSION_H

#include "exit.h"
#include "options.h"

#include "tracer/config.h"
#include "tracer/decision.h"
#include "tracer/explore.h"
#include "tracer/file.h"
#include "tracer/graph.h"
#include "tracer/label.h"
#include "tracer/rules.h"
#include "tracer/trace.h"

#define SESSION_INPUTS_MAX 64u

struct progress {
    enum progress_mode mode;
    bool shown, terminal;
    const char *what;
    uint64_t start_ms, last_ms;
};

struct session {
    const struct options *options;
    struct arena *arena;
    struct config *config;
    struct chain_network network;
    bool has_network; /* of the configuration or built in; else only the store knows it */
    struct graph *graph;
    uint64_t chain_id;
    struct label_set *labels;
    const struct rules *rules; /* of --rules; NULL: not given */
    struct token *tokens;
    size_t token_count;
    char as_of[11];                 /* --as-of as a day; "" not given */
    uint64_t as_of_end_s;           /* of that day; 0: --as-of named a block */
    bool as_of_is_block;
    uint64_t as_of_block;
    struct result_input inputs[SESSION_INPUTS_MAX];
    size_t input_count;
    const struct result_input *then; /* inputs of a past decision: lists are taken in these versions, where the store still has them */
    size_t then_count;
    const struct decision_fetched *fetched; /* the answers stand on these histories; NULL: on what the store has */
    bool took_then; /* an old version was, of a list that has another one now */
    const char *incomplete; /* a file of transfers whose import was interrupted; NULL: none */
    struct prices *prices; /* of --prices; NULL: none */
    struct rpc *rpc, *explorers; /* explorers: NULL, none is named */
    struct chain_client *client;
    bool remembers; /* what this run learns of its endpoints goes into the store */
    struct progress progress;
    struct error err;
};

enum tracer_status session_open(struct session *session, const struct options *options);
void session_close(struct session *session);

/** Configuration and --chain. */
enum tracer_status session_network(struct session *session);
/** The store of --store (TRACER_E_USAGE without). For readers the chain is --chain, or the only one of the
 * store. */
enum tracer_status session_store(struct session *session, enum graph_mode mode);
/** The same to read its lists, which may be there before any block is: the chain is then --chain or ethereum. */
enum tracer_status session_store_of_lists(struct session *session);
/** Labels (built in, the store's lists, --labels), assets (built in or --assets) and --rules. */
enum tracer_status session_case(struct session *session);
/** From them, what ingest recognises exchanges by; in the session's arena. */
enum tracer_status session_links(struct session *session, struct link_facts *ret_facts);
/** The case for trace and check. `command` with `arguments` make the line that repeats it. */
enum tracer_status session_case_input(struct session *session, const char *command,
                                      struct case_input *ret_input);
/** Pools of the endpoints of --rpc or --replay, and of the explorers of --explorer. */
enum tracer_status session_endpoints(struct session *session);
/** What the store, if it is open, remembers of each of them; NULL: nothing may be taken from there, because the run is
 * recorded or repeated from a recording, and asks the same in any case. */
struct chain_known *session_known(struct session *session);
/** The checked client. What it learns is kept in the end, if the store is open for writing. */
enum tracer_status session_client(struct session *session);

/** "tracer: ..." on standard error, and the exit code. */
int session_fail(struct session *session, enum tracer_status status);

/* Records of decisions (record.c). */
/** The log of --decisions or of the configuration, NULL: none. */
const char *session_decisions(const struct session *session);
/** TRACER_E_USAGE: an option of `check` or `batch` that would have no effect beside the others, and whose absence changes what is answered or kept. */
enum tracer_status session_refuse_idle(struct session *session);
/** The case is about session.fetched. */
void session_take_fetched(const struct session *session, struct case_input *input);
/** The body of the context of answers with this head, and of one answer. */
enum tracer_status session_context_body(struct session *session, const struct result_head *head, struct buffer *to);
enum tracer_status session_decision_body(struct session *session, const struct check_result *result, size_t index, struct buffer *to);
/** Append the answers to the log, if there is one, before they are given out; the head of the result then says where. */
enum tracer_status session_record(struct session *session, struct check_result *result);

void progress_begin(struct session *session, const char *what);
/** `total` 0: not known. `extra` may be NULL. Shows nothing in the first two seconds. */
void progress_show(struct session *session, uint64_t done, uint64_t total, const char *unit,
                   const char *extra);
void progress_end(struct session *session);

/** The format asked for, or the default. NULL after an error. */
const struct report_format *session_format(struct session *session, const char *default_name);
/** The format has no writer for this: TRACER_E_USAGE. */
enum tracer_status session_no_writer(struct session *session, const struct report_format *format);
struct report_options session_report_options(const struct session *session);

/** Set by SIGINT and SIGTERM. */
extern volatile int session_stop;
/** Set by SIGPIPE. */
extern volatile int session_pipe_closed;
void session_catch_signals(void);

/* the commands */
int command_demo(const struct options *options);
int command_trace(const struct options *options);
int command_check(const struct options *options);
int command_batch(const struct options *options);
int command_audit(const struct options *options);
int command_explain(const struct options *options);
int command_verify(const struct options *options);
int command_report(const struct options *options);
int command_ingest(const struct options *options);
int command_import(const struct options *options);
int command_export(const struct options *options);
int command_replay(const struct options *options);
int command_expand(const struct options *options);
int command_label(const struct options *options);
int command_store(const struct options *options);
int command_endpoint(const struct options *options);
int command_decision(const struct options *options);
int command_rescreen(const struct options *options);
int command_help(const struct options *options);
/** `check --transfers`: the engine on files, taint-spec 11. */
int check_files(const struct options *options);
/** Everything for reading from a chain: network, endpoints, checked client, the store for writing, labels, and what exchanges
 * are recognised by. */
enum tracer_status session_chain(struct session *session, struct link_facts *ret_links);
/** The client's notes from number *next on; a run adds its own. */
void session_print_notes(const struct session *session, size_t *next);
/** Ingest as `ingest` does, for a trace with --rpc too. Prints a summary unless quiet. `landed` may be NULL: ingest.h. */
enum tracer_status session_ingest(struct session *session,
                                  enum tracer_status (*landed)(void *context, uint64_t kept_to, struct error *err),
                                  void *context);


/* Commands that read from a chain only what they need (fetch.c). */
#define SESSION_TEMPORARY_MAX 4096
/** A directory for the store of one run. False after a message. */
bool session_temporary(char to[static SESSION_TEMPORARY_MAX]);
void session_remove_temporary(const char *path); /* "" is fine */
/** After session_chain(); the range is still to be set. */
struct explore_request session_explore(const struct session *session, const struct link_facts *links);
/** Of the search at hand, on the line of progress; `context` is the session. */
void session_exploring(void *context, const struct explore_progress *progress);
/** What was explored, on standard error, unless quiet. */
void session_tell_explored(const struct session *session, const struct explore_stats *stats);

#endif
