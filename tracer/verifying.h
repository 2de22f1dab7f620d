/* verifying.h - checking an evidence bundle: what its parts share (verify.c). */
#ifndef TRACER_VERIFYING_H
#define TRACER_VERIFYING_H

#include "bundle.h"
#include "proven.h"
#include "tracer/import.h"
#include "tracer/proof.h"

struct known_header {
    struct proof_header read;
    struct bytes text;
};
struct known_node {
    struct hash hash;
    struct bytes text;
    bool used; /* a proof needed it */
};
struct known_block { /* a line of blocks.csv */
    uint64_t number, time;
    struct hash hash;
    enum grade grade;
    const struct known_header *header; /* NULL: not here */
    bool used;                         /* a transfer is in it */
};

struct known_row { /* of transfers.csv, in chain order: what is shown of it beside its amount */
    struct position position;
    struct hash transaction_hash;
    uint64_t time, number; /* number: the true one, 0 if the key has it or nobody knows it */
    uint32_t log_index;
    enum transfer_kind kind;
    enum grade best; /* that may be claimed: the block's if the row follows from proven bytes, else asserted */
};

struct verifying {
    const char *directory;
    struct arena *arena, *scratch; /* scratch: of one transaction */
    struct bundle_manifest manifest;
    struct buffer files[BUNDLE_FILE_COUNT];
    struct known_header *headers; /* by number */
    size_t header_count;
    struct known_node *nodes; /* by hash */
    size_t node_count;
    struct known_block *blocks; /* by number */
    size_t block_count;
    struct known_row *rows;
    size_t row_count, row_capacity;
    struct bytes *transactions; /* those that are proven, in order */
    size_t transaction_count, transaction_next;
    struct proof_senders *senders;
    struct chain_network chain;
    struct evm_network network;
    struct import *import;
    struct cursor cursor;
    const struct taint_input *input;
    struct taint *taint;
    struct cursor gapped_cursor;
    struct taint *gapped_taint; /* accounts that the result has gaps of are doubted; NULL: it has none */
    struct proven proven_places; /* of that */
    const struct proven *proven;
    struct evidence_counts counts;
    struct error *err;
};

/* ---- verify.c ---- */

/* Something differs: "FILE: what". */
TRACER_PRINTF(3, 4)
enum tracer_status verify_differs(struct verifying *v, enum bundle_file file, const char *format, ...);
enum tracer_status verify_no_memory(struct verifying *v);
/* What another module found wrong with a file of the bundle is what we were looking for. */
enum tracer_status verify_found(struct verifying *v, enum tracer_status status);
struct bytes verify_text(const struct verifying *v, enum bundle_file file);
/* Plain cells in the columns that are checked and no other, so that it can be read in one way only. */
enum tracer_status verify_form(struct verifying *v, enum bundle_file file, const char *heading);

/* ---- verify_blocks.c: what the proofs stand on ---- */

enum tracer_status verify_network(struct verifying *v);
enum tracer_status verify_headers(struct verifying *v);
enum tracer_status verify_nodes(struct verifying *v);
enum tracer_status verify_blocks(struct verifying *v);
/* For proof_look_up(); no bytes: it is not here. */
struct bytes verify_node(void *context, struct hash hash);
struct known_block *verify_block(const struct verifying *v, uint64_t number);

/* ---- verify_rows.c: transfers, from the bytes that are proven ---- */

enum tracer_status verify_rows(struct verifying *v);

/* ---- verify_inputs.c: what the replay read beside the transfers, in one form, and nothing that it did not need ---- */

enum tracer_status verify_inputs(struct verifying *v);

/* ---- verify_result.c: what the result says, beside the replay ---- */

enum tracer_status verify_result(struct verifying *v);

#endif
