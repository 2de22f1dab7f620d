/* record.h - how everything in the store is encoded, and the codec of keys and small records.
 *
 * General.   Keys are big-endian and begin with the chain id (u64), so byte order is chain order. Values are
 *            little-endian, written field by field, and end in a checksum of 8 bytes: XXH3-64 of what stands
 * before it, seeded with the XXH3-64 of the key, itself seeded with the number of the table. A record that is
 * moved, swapped or altered fails. The checksum is checked on every read (record_open).
 *
 * table        key                                   value
 * meta         "store"                               magic, schema, created, clean stop, version of the tool
 *              "network" chain                       struct graph_network
 *              "state" chain                         struct chain_state: the watermark of the chain
 *              "runs" chain                          struct run_list: the directory of `segment`
 * log          chain, first block                    a chunk of whole blocks, rows as columns (chunk.h)
 * transaction  chain, first block                    the transactions of the same blocks (chunk.h); none when
 *                                                    the chunk has no transaction
 * block        chain, number                         struct block_record
 * orphan       chain, number, hash, digest (8)       a block record, a log chunk and a transaction chunk of
 * that block alone, each behind its size (u32) opening      chain, block, account, asset          amount,
 * grade, endpoint. By block: a replay that starts there reads one range account      chain, first id
 * addresses of 20 bytes, ACCOUNTS_PER_RECORD of them (one page of LMDB); the last record grows. Id 0 is void
 * asset        chain, first id                       kind, contract, id: 53 bytes each. Id 0 is native
 * segment      chain, run, key, block                derived: a page of a sorted run (segment.h)
 * coverage     chain, account, first, identity (8)   struct graph_coverage, texts behind their size
 * raw          chain, hash                           what the block's hash covers (proof.h), zstd; kept through rewinds
 * list         digest or name                        bytes as given
 * endpoint     name                                  bytes as given
 *
 * Truth and derived. `log`, `transaction`, `block`, `account` and `asset` are the truth about transfers.
 * `segment` holds *hints*: each names a place where an account, a transaction hash or an address may be
 * found, and what stands there decides. So a replaced or rewound block leaves hints that point at nothing and
 * do no harm. Blocks that no run covers yet are listed as ranges in the state (`fresh`); they are read from
 * the log itself.
 */
#ifndef TRACER_GRAPH_RECORD_H
#define TRACER_GRAPH_RECORD_H

#include <string.h>

#include "tracer/graph.h"

#define STORE_MAGIC "tracerDB"
#define STORE_SCHEMA 2u
#define STORE_TOOL "tracer 0.1"

/* Every table once: identifier and name. The order is part of the encoding (it seeds the checksums). */
#define TABLE_LIST(X)                                                                                        \
    X(META, "meta")                                                                                          \
    X(LOG, "log")                                                                                            \
    X(BLOCK, "block")                                                                                        \
    X(TRANSACTION, "transaction")                                                                            \
    X(ORPHAN, "orphan")                                                                                      \
    X(OPENING, "opening")                                                                                    \
    X(ACCOUNT, "account")                                                                                    \
    X(ASSET, "asset")                                                                                        \
    X(SEGMENT, "segment")                                                                                    \
    X(COVERAGE, "coverage")                                                                                  \
    X(RAW, "raw")                                                                                            \
    X(LIST, "list")                                                                                          \
    X(ENDPOINT, "endpoint")

enum table {
#define X(id, name) TABLE_##id,
    TABLE_LIST(X)
#undef X
        TABLE_COUNT
};
const char *table_name(enum table table);

/* --- bytes ------------------------------------------------------------------------------------------- */

static inline void put_u16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}
static inline void put_u32(uint8_t *to, uint32_t value)
{
    put_u16(to, value);
    put_u16(to + 2, value >> 16);
}
static inline void put_u64(uint8_t *to, uint64_t value)
{
    put_u32(to, (uint32_t)value);
    put_u32(to + 4, (uint32_t)(value >> 32));
}
static inline uint32_t get_u16(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8;
}
static inline uint32_t get_u32(const uint8_t *from)
{
    return get_u16(from) | get_u16(from + 2) << 16;
}
static inline uint64_t get_u64(const uint8_t *from)
{
    return (uint64_t)get_u32(from) | (uint64_t)get_u32(from + 4) << 32;
}
static inline uint64_t get_u64_big(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | from[i];
    return value;
}
static inline uint32_t get_u32_big(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* Writing and reading a small record one field after the other. A reader that meets the end turns bad and
 * gives zeros; it is asked once, at the end. */
struct writer {
    uint8_t *at, *end;
    bool bad;
};
struct reader {
    const uint8_t *at, *end;
    bool bad;
};
void write_bytes(struct writer *writer, const void *from, size_t size);
void write_u8(struct writer *writer, uint32_t value);
void write_u32(struct writer *writer, uint32_t value);
void write_u64(struct writer *writer, uint64_t value);
void write_text(struct writer *writer, const char *text); /* size (u16), bytes */
void read_bytes(struct reader *reader, void *to, size_t size);
uint32_t read_u8(struct reader *reader);
uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);
void read_text(struct reader *reader, char *to, size_t size); /* bad when it does not fit with its NUL */
/** True: all was there and nothing is left. */
bool reader_done(const struct reader *reader);

/* Little-endian base 128. */
static inline uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}
#define VARINT_MAX 10u
/** NULL at the end of the bytes or when it does not fit 64 bits. */
static inline const uint8_t *get_varint(const uint8_t *from, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; from < end && shift < 64; shift += 7) {
        uint8_t byte = *from++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return from;
        }
    }
    return NULL;
}

/** How many bits the value takes; 0: none. */
static inline unsigned bits_of(uint32_t value)
{
    return value == 0 ? 0 : 32u - (unsigned)__builtin_clz(value);
}

/** Uninitialised memory to be freed with free(); large blocks ask for huge pages. NULL without memory. */
void *large_alloc(size_t size);

/* --- keys -------------------------------------------------------------------------------------------- */

#define KEY_SIZE_MAX 500u /* below LMDB's 511 */
struct key {
    size_t size;
    uint8_t bytes[KEY_SIZE_MAX];
};
void key_begin(struct key *key);
void key_bytes(struct key *key, const void *from, size_t size);
void key_u8(struct key *key, uint32_t value);
void key_u32(struct key *key, uint32_t value);
void key_u64(struct key *key, uint64_t value);
struct key key_of_chain(uint64_t chain_id);
struct key key_of_block(uint64_t chain_id, uint64_t number);
struct key key_of_meta(const char *name);
struct key key_of_meta_chain(const char *name, uint64_t chain_id);

/* --- checksums --------------------------------------------------------------------------------------- */

#define CHECKSUM_SIZE 8u
uint64_t record_checksum(enum table table, const void *key, size_t key_size, const void *data, size_t size);
/** Write the checksum behind `size` bytes of payload. */
void record_seal(enum table table, const void *key, size_t key_size, uint8_t *data, size_t size);
/** Check a stored value; *ret_size becomes the size of its payload. False: damaged. */
bool record_open(enum table table, const void *key, size_t key_size, const void *data, size_t size,
                 size_t *ret_size);

/* --- small records ----------------------------------------------------------------------------------- */

struct digest128 {
    uint64_t low, high;
};

struct store_record {
    uint32_t schema;
    uint64_t created; /* Unix seconds */
    bool clean;       /* the last writer closed the store */
};
#define STORE_RECORD_MAX 128u
size_t store_record_encode(const struct store_record *record, uint8_t to[static STORE_RECORD_MAX]);
/** False: not a record of ours (magic). Fields behind the schema are read only when it is known. */
bool store_record_decode(const uint8_t *from, size_t size, struct store_record *ret_record);

struct block_record {
    struct hash hash, parent_hash, state_root, transactions_root, receipts_root;
    uint64_t time;
    enum grade grade;
    enum internals internals;
    enum row_order order;
    bool rewards_asserted;
    uint32_t undecoded_count;
    uint32_t transaction_count, transfer_count;
    struct digest128 digest; /* of the canonical content: addresses, not ids */
};
#define BLOCK_RECORD_MAX 256u
size_t block_record_encode(const struct block_record *record, uint8_t to[static BLOCK_RECORD_MAX]);
bool block_record_decode(const uint8_t *from, size_t size, struct block_record *ret_record);

#define NETWORK_RECORD_MAX 128u
size_t network_encode(const struct graph_network *network, uint8_t to[static NETWORK_RECORD_MAX]);
bool network_decode(uint64_t chain_id, const uint8_t *from, size_t size, struct graph_network *ret_network);

/* The watermark of a chain, written by every commit that touches it. */
#define FRESH_RANGES_MAX 256u
struct block_range {
    uint64_t first, last;
};
struct chain_state {
    uint64_t first, last, count; /* stored blocks; count 0: none */
    uint64_t whole_to;           /* first..whole_to are all there */
    uint64_t transactions, transfers;
    uint64_t generation; /* grows when something changes that is not an addition at the end */
    uint32_t accounts, assets;
    bool wide_amounts;   /* some amount may be 2^192 or more: a balance could overflow */
    uint64_t fresh_rows; /* in blocks that no run covers yet */
    uint32_t fresh_count;
    struct block_range fresh[FRESH_RANGES_MAX]; /* ascending; a superset is harmless */
};
#define CHAIN_STATE_MAX (128u + FRESH_RANGES_MAX * 16u)
size_t chain_state_encode(const struct chain_state *state, uint8_t to[static CHAIN_STATE_MAX]);
bool chain_state_decode(const uint8_t *from, size_t size, struct chain_state *ret_state);
/** Note a block without hints. False: the list is full; flush before the next one. */
bool chain_state_add_fresh(struct chain_state *state, uint64_t number, uint64_t rows);

/* The directory of sorted runs. */
enum run_kind { RUN_ROWS, RUN_HASHES, RUN_ADDRESSES, RUN_KIND_COUNT };
enum run_phase { RUN_LIVE, RUN_UNFINISHED, RUN_DEAD };
struct run {
    uint32_t id;
    enum run_kind kind;
    enum run_phase phase;
    uint64_t entries, pages;
};
#define RUNS_MAX 64u     /* of all kinds and phases */
#define RUNS_LIVE_MAX 8u /* of one kind */
struct run_list {
    uint32_t next_id;
    uint32_t addressed; /* ids below are in runs of RUN_ADDRESSES */
    uint32_t count;
    struct run runs[RUNS_MAX]; /* by id, oldest first */
};
#define RUN_LIST_MAX (64u + RUNS_MAX * 24u)
size_t run_list_encode(const struct run_list *list, uint8_t to[static RUN_LIST_MAX]);
bool run_list_decode(const uint8_t *from, size_t size, struct run_list *ret_list);

/* Flat tables of ids. */
#define PAGE_SIZE_ASSUMED 4096u
#define ONE_PAGE (PAGE_SIZE_ASSUMED - 16u) /* what an overflow page of LMDB holds */
#define ACCOUNT_SIZE 20u
#define ACCOUNTS_PER_RECORD ((ONE_PAGE - CHECKSUM_SIZE) / ACCOUNT_SIZE)
#define ASSET_SIZE 53u
#define ASSETS_PER_RECORD ((ONE_PAGE - CHECKSUM_SIZE) / ASSET_SIZE)
void asset_encode(const struct asset *asset, uint8_t to[static ASSET_SIZE]);
bool asset_decode(const uint8_t from[static ASSET_SIZE], struct asset *ret_asset);

#endif
