/* bundle.h - the files of an evidence bundle and its manifest; what evidence.c writes and verify.c reads. Internal to
 * the files of tracer/. */
#ifndef TRACER_BUNDLE_H
#define TRACER_BUNDLE_H

#include "tracer/buffer.h"
#include "tracer/digest.h"
#include "tracer/evidence.h"
#include "tracer/taint.h"

#include <stdio.h>

#define BUNDLE_SCHEMA "tracer/evidence/1"
#define BUNDLE_MANIFEST "manifest.json"

enum bundle_file {
    BUNDLE_TRANSFERS, /* the rows that the replay reads: transfers.csv of the taint specification */
    BUNDLE_SEEDS,
    BUNDLE_LABELS,
    BUNDLE_ASSETS,
    BUNDLE_EXPLORED,
    BUNDLE_BLOCKS,  /* number, hash, time, grade, whether its header is here */
    BUNDLE_HEADERS, /* their RLP, one behind the other */
    BUNDLE_NODES,   /* nodes of tries, RLP, one behind the other, each once, by hash */
    BUNDLE_RESULT,  /* tracer/trace/1 */
    BUNDLE_FILE_COUNT
};
extern const char *const bundle_names[BUNDLE_FILE_COUNT];

struct bundle_manifest {
    char version[64], commit[64];
    char network[TRACER_NETWORK_NAME_MAX + 1], rules[16]; /* rules "": nothing is proven */
    uint64_t chain_id, first_block, last_block;
    bool has_anchor;
    uint64_t anchor_number;
    struct hash anchor_hash;
    const struct address *wrappers;
    size_t wrapper_count;
    struct taint_options options;
    struct evidence_counts counts;
    struct {
        uint64_t size;
        struct digest digest;
    } files[BUNDLE_FILE_COUNT];
};
/** Its text, sealed, with a newline at the end; what the buffer had is gone. */
enum tracer_status bundle_format_manifest(const struct bundle_manifest *manifest, struct buffer *to, struct error *err);
/** TRACER_E_VERIFY: malformed, or not what bundle_format_manifest() writes. */
enum tracer_status bundle_parse_manifest(const void *text, size_t size, struct arena *arena,
                                         struct bundle_manifest *ret_manifest, struct error *err);

/* Inputs of the replay: each file in one form only, a heading and a line each. */
#define BUNDLE_SEEDS_HEADING "source,kind,address,block,txi,idx,amount\n"
#define BUNDLE_LABELS_HEADING "address,class,emit\n"
#define BUNDLE_ASSETS_HEADING "asset,decimals,weight,dust\n"
void bundle_put_seed(FILE *stream, const struct taint_seed *seed);
void bundle_put_label(FILE *stream, const struct taint_label *label);
void bundle_put_asset(FILE *stream, const struct taint_asset *asset);
void bundle_put_explored(FILE *stream, struct address address);
/* For qsort() of struct taint_asset, of struct address. */
int bundle_order_assets(const void *a, const void *b);
int bundle_order_addresses(const void *a, const void *b);

#endif
