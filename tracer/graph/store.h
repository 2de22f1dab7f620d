/* store.h - inside of tracer/graph: the open store, its transactions, and checked records.
 *
 * One write transaction at a time (`writer`), one read transaction that is kept and renewed (`reader`).
 * Pointers into the map live until the next write or the end of their transaction; nothing outside graph/
 * sees one.
 */
#ifndef TRACER_GRAPH_STORE_H
#define TRACER_GRAPH_STORE_H

#include <lmdb.h>
#include <sys/types.h>

#include "chunk.h"
#include "ids.h"

/* Ceilings of one write transaction (threat-model 10.5). */
#define WRITE_RECORDS_MAX 10000u
#define WRITE_BYTES_MAX TRACER_MIB(64)
/* A bulk load commits below them, so that the last block and the watermark still fit. */
#define WRITE_RECORDS_SOFT 9000u
#define WRITE_BYTES_SOFT TRACER_MIB(24)
/* A load is cut into parts of so much (more than 100,000 rows): two that wait to be written and their pages
 * stay near the processor. */
#define PART_BYTES TRACER_MIB(8)
/* A run is written when so many rows have no hints: at a commit, and inside of one long load. */
#define FRESH_ROWS_FLUSH 100000u
#define FRESH_ROWS_MAX 2000000u

#define DATA_FILE "data.mdb"
#define READERS_MAX 126u

struct lock_state { /* lock.c */
    int directory;  /* flock() is held on the directory itself: deleting files does not free it */
    int file;       /* tells who holds it; -1: reader */
    dev_t device, file_device, lmdb_device;
    ino_t inode, file_inode, lmdb_inode;
};

struct chain { /* what a process knows of one chain */
    struct chain *next;
    uint64_t id;
    bool loaded;                    /* `state` is that of the last commit, or of the open write transaction */
    bool changed;                   /* `state` must be written by this transaction */
    struct chain_state state;       /* writers only */
    struct intern accounts, assets; /* writers only, loaded at the first put */
    struct id_pages account_pages, asset_pages; /* id to value, read when asked for */
};

struct graph_timing { /* where a load spends its time; read by the benchmark */
    uint64_t log_ns;  /* packing, appending and committing log, transactions and blocks, or waiting for it */
    uint64_t beside_ns; /* appending and committing by the second core */
    uint64_t wait_ns;   /* of log_ns: waiting for it */
    uint64_t index_ns;  /* runs */
};

/* Where the chunk lies that was last found whole and parsed: a look-up comes to the same one again and again. */
struct seen {
    const void *at;  /* NULL: none yet */
    size_t snapshot; /* of the reader */
    size_t size;     /* of the payload */
};

struct graph {
    struct graph *next; /* open stores of this process */
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    char *path;
    pid_t pid;      /* of who opened it */
    bool inherited; /* by a child of that one, which must not use it */
    enum graph_mode mode;
    bool sealed;   /* read without locks: nobody can write */
    bool panicked; /* a commit failed half way: reopen */
    bool is_new;
    bool unmarked; /* the open write transaction took the mark of a clean stop away */
    struct lock_state lock;
    struct store_record record;
    MDB_txn *reader, *writer;
    bool reading;
    struct seen log_seen, transactions_seen;
    struct chunk log;                      /* what was seen */
    struct transaction_chunk transactions;
    size_t write_records, write_bytes; /* of the open write transaction */
    bool staging; /* the open write transaction is collected by stage.c; `writer` is NULL */
    struct stage *stage;
    size_t part_bytes; /* PART_BYTES; tests make it small */
    uint64_t commits;
    struct graph_write *write;
    struct index_windows *windows; /* build.c: memory kept between the flushes of one load */
    struct chain *chains;
    unsigned cursors; /* open cursors keep the id pages */
    size_t page_bytes;
    struct graph_timing timing;
};

/* --- errors ------------------------------------------------------------------------------------------ */

/** "store PATH: ..." */
enum tracer_status store_error(const struct graph *graph, struct error *err, enum tracer_status status,
                               const char *format, ...) TRACER_PRINTF(4, 5);
/** Turn a result of LMDB into a status; `doing` says what was tried. */
enum tracer_status store_fail(struct graph *graph, int result, const char *doing, struct error *err);
enum tracer_status store_damaged(const struct graph *graph, enum table table, const void *key,
                                 size_t key_size, struct error *err);
/** Used after fork, or after a failed commit? Every public function asks first. */
enum tracer_status store_check(const struct graph *graph, struct error *err);
/** The same, and opened for writing and the locks still stand. */
enum tracer_status store_check_writable(const struct graph *graph, struct error *err);

/* --- transactions ------------------------------------------------------------------------------------ */

/** Begin or renew a transaction of LMDB; its result. Another process may have grown the map (S9). */
int store_begin(struct graph *graph, MDB_txn **txn, unsigned flags, bool renew);
/** Write the mark of a clean stop, or take it away. */
enum tracer_status store_mark(struct graph *graph, bool clean, struct error *err);
enum tracer_status store_read_begin(struct graph *graph, MDB_txn **ret_txn, struct error *err);
void store_read_end(struct graph *graph);
enum tracer_status store_write_begin(struct graph *graph, struct error *err);
/** Writes the changed chain states first. On failure the transaction is aborted. */
enum tracer_status store_write_commit(struct graph *graph, struct error *err);
void store_write_abort(struct graph *graph);
/** A write transaction is open. */
static inline bool store_is_writing(const struct graph *graph)
{
    return graph->writer || graph->staging;
}
/** The states of the chains that this transaction changed. */
enum tracer_status store_put_states(struct graph *graph, struct error *err);
/** What is to be done after each commit. */
void store_committed(struct graph *graph);
/** Small writes join the transaction of an open struct graph_write, or have one of their own. */
enum tracer_status store_join(struct graph *graph, bool *ret_own, struct error *err);
enum tracer_status store_leave(struct graph *graph, bool own, enum tracer_status status, struct error *err);

/* --- stage.c ----------------------------------------------------------------------------------------- */

/** Begin a write transaction of a load that is longer than one: what is put in it is collected in memory. */
enum tracer_status stage_begin(struct graph *graph, struct error *err);
/** End it, and begin the next: the second core writes and commits it, when the one before is committed. On
 * failure, which may be that of the one before, there is no transaction, as after store_write_commit(). */
enum tracer_status stage_next(struct graph *graph, struct error *err);
/** Who must read or delete in the open transaction asks for it as one of LMDB, `writer`. */
enum tracer_status store_settle(struct graph *graph, struct error *err);
/** Room for a record in the open part; a result of LMDB. */
int stage_reserve(struct graph *graph, enum table table, const struct key *key, MDB_val *data);
/** For the second core. When it failed, what is in memory rests on what is not stored: abort. */
enum tracer_status stage_wait(struct graph *graph, struct error *err);
void stage_release(struct graph *graph);

/* --- records ----------------------------------------------------------------------------------------- */

struct record { /* payload, borrowed from the map */
    const uint8_t *data;
    size_t size;
};
/** TRACER_E_NOT_FOUND leaves `err` alone. */
enum tracer_status store_get(struct graph *graph, MDB_txn *txn, enum table table, const struct key *key,
                             struct record *ret_record, struct error *err);
enum tracer_status store_put(struct graph *graph, enum table table, const struct key *key, const void *data,
                             size_t size, struct error *err);
/** A record of LMDB of data->mv_size bytes, to be written by the caller: behind the last key pages are packed
 * full. Its result. */
int store_append(MDB_txn *txn, MDB_dbi table, const struct key *key, MDB_val *data);
/** Room for `size` bytes of payload; write them, then store_seal() before anything else is written. */
enum tracer_status store_reserve(struct graph *graph, enum table table, const struct key *key, size_t size,
                                 uint8_t **ret_data, struct error *err);
void store_seal(enum table table, const struct key *key, uint8_t *data, size_t size);
/** Deleting what is not there is no failure. */
enum tracer_status store_delete(struct graph *graph, enum table table, const struct key *key,
                                struct error *err);

/* A walk over a table. Keys are borrowed like values. */
struct store_cursor {
    struct graph *graph;
    MDB_cursor *cursor;
    enum table table;
    const uint8_t *key;
    size_t key_size;
    const void *raw; /* the value with its checksum, not yet checked */
    size_t raw_size;
};
enum tracer_status store_cursor_open(struct graph *graph, MDB_txn *txn, enum table table,
                                     struct store_cursor *ret_cursor, struct error *err);
void store_cursor_close(struct store_cursor *cursor);
/** MDB_FIRST, MDB_LAST, MDB_NEXT, MDB_PREV, or MDB_SET_RANGE with `key`. NOT_FOUND at the end. Checks no
 * value. */
enum tracer_status store_cursor_move(struct store_cursor *cursor, MDB_cursor_op op, const struct key *key,
                                     struct error *err);
/** To the last key <= `key` that begins with the same `prefix` bytes. */
enum tracer_status store_cursor_floor(struct store_cursor *cursor, const struct key *key, size_t prefix,
                                      struct error *err);
/** The place is what was seen; else it is to be read, and store_see() says that it was. */
bool store_is_seen(const struct store_cursor *cursor, const struct seen *seen);
void store_see(const struct store_cursor *cursor, size_t size, struct seen *ret_seen);
/** The checked payload of the place. */
enum tracer_status store_cursor_record(struct store_cursor *cursor, struct record *ret_record,
                                       struct error *err);
bool store_cursor_in(const struct store_cursor *cursor, const struct key *prefix);

/* --- chains ------------------------------------------------------------------------------------------ */

/** The process's entry for a chain; made when it is new. NULL: no memory. */
struct chain *store_chain(struct graph *graph, uint64_t chain_id);
enum tracer_status store_get_state(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                   struct chain_state *ret_state, struct error *err);
enum tracer_status store_get_runs(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                  struct run_list *ret_list, struct error *err);
enum tracer_status store_put_runs(struct graph *graph, uint64_t chain_id, const struct run_list *list,
                                  struct error *err);
/** The chain with its state, for writing; TRACER_E_CHAIN if it is not registered. */
enum tracer_status store_load_chain(struct graph *graph, uint64_t chain_id, struct chain **ret_chain,
                                    struct error *err);
/** Forget what an aborted transaction had changed. */
void store_forget(struct graph *graph);
/** Chain ids of the store; the caller frees them. */
enum tracer_status store_chain_ids(struct graph *graph, MDB_txn *txn, uint64_t **ret_ids, size_t *ret_count,
                                   struct error *err);
typedef enum tracer_status store_chain_fn(struct graph *graph, uint64_t chain_id, struct error *err);
/** Runs it for one chain after the other, outside of any transaction; stops at the first failure. */
enum tracer_status store_each_chain(struct graph *graph, store_chain_fn *run, struct error *err);
enum tracer_status store_get_block_record(struct graph *graph, MDB_txn *txn, uint64_t chain_id,
                                          uint64_t number, struct block_record *ret_record,
                                          struct error *err);

/* --- lock.c ------------------------------------------------------------------------------------------ */

void lock_init(struct lock_state *lock);
/** Open the directory and see that it is fit (local, ours to use). */
enum tracer_status lock_directory(const char *path, struct lock_state *lock, struct error *err);
/** Become the only writer, or fail at once with TRACER_E_BUSY. */
enum tracer_status lock_writer(const char *path, struct lock_state *lock, struct error *err);
/** Keep writers out while a sealed copy is read without LMDB's own locks. */
enum tracer_status lock_sealed(const char *path, struct lock_state *lock, struct error *err);
/** Remember LMDB's lock file. */
void lock_remember(struct lock_state *lock);
/** False: a lock file was deleted or replaced while in use. */
bool lock_stands(const struct lock_state *lock, const char **ret_name);
void lock_release(struct lock_state *lock);
bool lock_is_network_file_system(uint64_t type);

#endif
