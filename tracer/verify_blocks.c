/* verify_blocks.c - what the proofs of a bundle stand on: its network, headers, trie nodes, and the list of its blocks. */
#include "verifying.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tracer/csv.h"

/* By which rules blocks are read. A built-in network has its own, whatever the manifest calls it. */
enum tracer_status verify_network(struct verifying *v)
{
    const struct bundle_manifest *manifest = &v->manifest;
    struct chain_network built_in;
    char id[24];
    v->chain = (struct chain_network){.chain_id = manifest->chain_id,
                                      .anchor_number = manifest->anchor_number,
                                      .anchor_hash = manifest->anchor_hash,
                                      .rules = chain_rules_find(manifest->rules),
                                      .wrappers = manifest->wrappers,
                                      .wrapper_count = manifest->wrapper_count};
    if (v->files[BUNDLE_HEADERS].size && (!v->chain.rules || !manifest->has_anchor))
        return error_set(v->err, TRACER_E_VERIFY, BUNDLE_MANIFEST ": there are headers, but no %s",
                         v->chain.rules ? "anchor of their network" : "rules to read them by");
    if (chain_builtin(manifest->network, &built_in) && strcmp(built_in.name, manifest->network) == 0 &&
        (built_in.chain_id != manifest->chain_id ||
         (manifest->has_anchor && (built_in.anchor_number != manifest->anchor_number || !hash_equal(built_in.anchor_hash, manifest->anchor_hash)))))
        return error_set(v->err, TRACER_E_VERIFY, BUNDLE_MANIFEST ": it calls itself \"%s\", but has not that network's chain id or anchor", built_in.name);
    snprintf(id, sizeof(id), "%" PRIu64, manifest->chain_id);
    if (v->chain.rules && manifest->has_anchor && chain_builtin(id, &built_in) && built_in.anchor_number == manifest->anchor_number &&
        hash_equal(built_in.anchor_hash, manifest->anchor_hash) && built_in.rules != v->chain.rules)
        return error_set(v->err, TRACER_E_VERIFY, BUNDLE_MANIFEST ": chain %s with this anchor has the rules \"%s\"", id,
                         chain_rules_name(built_in.rules));
    if (v->chain.rules)
        chain_evm(&v->chain, &v->network);
    return TRACER_OK;
}

enum tracer_status verify_headers(struct verifying *v)
{
    struct bytes rest = verify_text(v, BUNDLE_HEADERS), count_rest = rest, item;
    struct hash known;
    size_t count = 0;
    while (proof_next(&count_rest, &item))
        count++;
    v->headers = arena_calloc(v->arena, count + 1, sizeof(*v->headers));
    if (!v->headers)
        return verify_no_memory(v);
    for (; v->header_count < count; v->header_count++) {
        struct known_header *header = &v->headers[v->header_count];
        proof_next(&rest, &header->text);
        enum tracer_status status = verify_found(v, proof_read_header(header->text, &header->read, v->err));
        if (status)
            return status;
        if (v->header_count && header[-1].read.number >= header->read.number)
            return verify_differs(v, BUNDLE_HEADERS, "header %zu is not behind the one in front of it", v->header_count);
        if (header->read.number == v->manifest.anchor_number && !hash_equal(header->read.hash, v->manifest.anchor_hash))
            return verify_differs(v, BUNDLE_HEADERS, "block %" PRIu64 " is not the network's anchor", header->read.number);
        if (chain_checkpoint(&v->chain, header->read.number, &known) && !hash_equal(header->read.hash, known))
            return verify_differs(v, BUNDLE_HEADERS, "block %" PRIu64 " is not the one whose hash is known beforehand", header->read.number);
        if (v->header_count && header[-1].read.number + 1 == header->read.number &&
            !hash_equal(header[-1].read.hash, header->read.parent_hash))
            return verify_differs(v, BUNDLE_HEADERS, "block %" PRIu64 " does not follow the one in front of it", header->read.number);
    }
    return rest.size ? verify_differs(v, BUNDLE_HEADERS, "malformed behind header %zu", count) : TRACER_OK;
}

static const struct known_header *find_header(const struct verifying *v, uint64_t number)
{
    for (size_t low = 0, high = v->header_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (v->headers[middle].read.number == number)
            return &v->headers[middle];
        if (v->headers[middle].read.number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

enum tracer_status verify_nodes(struct verifying *v)
{
    struct bytes rest = verify_text(v, BUNDLE_NODES), count_rest = rest, item;
    size_t count = 0;
    while (proof_next(&count_rest, &item))
        count++;
    v->nodes = arena_calloc(v->arena, count + 1, sizeof(*v->nodes));
    if (!v->nodes)
        return verify_no_memory(v);
    for (; v->node_count < count; v->node_count++) {
        struct known_node *node = &v->nodes[v->node_count];
        proof_next(&rest, &node->text);
        node->hash = proof_hash(node->text);
        if (v->node_count && memcmp(node[-1].hash.bytes, node->hash.bytes, sizeof(node->hash.bytes)) >= 0)
            return verify_differs(v, BUNDLE_NODES, "node %zu is not in the order of hashes", v->node_count);
    }
    return rest.size ? verify_differs(v, BUNDLE_NODES, "malformed behind node %zu", count) : TRACER_OK;
}

struct bytes verify_node(void *context, struct hash hash)
{
    struct verifying *v = context;
    for (size_t low = 0, high = v->node_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(v->nodes[middle].hash.bytes, hash.bytes, sizeof(hash.bytes));
        if (order == 0) {
            v->nodes[middle].used = true;
            return v->nodes[middle].text;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (struct bytes){NULL, 0};
}

enum { BLOCK_NUMBER, BLOCK_HASH, BLOCK_TIME, BLOCK_GRADE, BLOCK_HEADER, BLOCK_COLUMNS };

static enum tracer_status read_block(struct verifying *v, const struct csv_field *cells, struct known_block *block)
{
    struct csv_field hash = cells[BLOCK_HASH];
    bool has_header = csv_field_is(cells[BLOCK_HEADER], "yes");
    if (!csv_parse_u64(cells[BLOCK_NUMBER], INT64_MAX, &block->number) || !csv_parse_u64(cells[BLOCK_TIME], UINT64_MAX, &block->time) ||
        !grade_parse(cells[BLOCK_GRADE].text, cells[BLOCK_GRADE].length, &block->grade) ||
        (hash.length && !hash_parse(hash.text, hash.length, &block->hash)) || (!has_header && !csv_field_is(cells[BLOCK_HEADER], "no")))
        return verify_differs(v, BUNDLE_BLOCKS, "line %zu is malformed", v->block_count + 2);
    if (v->block_count && block[-1].number >= block->number)
        return verify_differs(v, BUNDLE_BLOCKS, "block %" PRIu64 " is not behind the one in front of it", block->number);
    block->header = has_header ? find_header(v, block->number) : NULL;
    if (has_header && (!block->header || !hash_equal(block->header->read.hash, block->hash)))
        return verify_differs(v, BUNDLE_BLOCKS, "the header of block %" PRIu64 " is not in %s", block->number, bundle_names[BUNDLE_HEADERS]);
    if (has_header && block->header->read.time != block->time)
        return verify_differs(v, BUNDLE_BLOCKS, "the time of block %" PRIu64 " is %" PRIu64 ", its header says %" PRIu64, block->number, block->time,
                       block->header->read.time);
    if (!has_header && block->grade <= GRADE_SINGLE)
        return verify_differs(v, BUNDLE_BLOCKS, "block %" PRIu64 " is said to be %s, but its header is not here", block->number,
                       grade_name(block->grade));
    return TRACER_OK;
}

enum tracer_status verify_blocks(struct verifying *v)
{
    static const char *const columns[BLOCK_COLUMNS] = {"number", "hash", "time", "grade", "header"};
    struct bytes text = verify_text(v, BUNDLE_BLOCKS);
    struct csv_field cells[BLOCK_COLUMNS];
    struct csv *csv;
    size_t lines = 1, headers = 0;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    enum tracer_status status = verify_form(v, BUNDLE_BLOCKS, "number,hash,time,grade,header\n");
    if (status)
        return status;
    status =
        csv_open_memory(bundle_names[BUNDLE_BLOCKS], text.data, text.size, ',', columns, BLOCK_COLUMNS, BLOCK_COLUMNS, &csv, v->err);
    if (status)
        return verify_found(v, status);
    v->blocks = arena_calloc(v->arena, lines, sizeof(*v->blocks));
    if (!v->blocks)
        status = verify_no_memory(v);
    while (!status && !(status = csv_next(csv, cells, v->err))) {
        status = read_block(v, cells, &v->blocks[v->block_count]);
        headers += !status && v->blocks[v->block_count].header;
        v->block_count++;
    }
    csv_close(csv);
    if (status != TRACER_E_NOT_FOUND)
        return verify_found(v, status);
    if (headers != v->header_count)
        return verify_differs(v, BUNDLE_HEADERS, "%zu headers belong to no block of %s", v->header_count - headers, bundle_names[BUNDLE_BLOCKS]);
    v->counts.blocks = v->block_count;
    return TRACER_OK;
}

struct known_block *verify_block(const struct verifying *v, uint64_t number)
{
    for (size_t low = 0, high = v->block_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (v->blocks[middle].number == number)
            return &v->blocks[middle];
        if (v->blocks[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
