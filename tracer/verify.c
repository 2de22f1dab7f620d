/* verify.c - checking an evidence bundle with nothing but itself (docs/evidence.md). Everything in it is foreign: sizes are
 * bounded, names are fixed, and nothing is believed that was not computed here. */
#include "bundle.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proven.h"
#include "tracer/clock.h"
#include "tracer/csv.h"
#include "tracer/file.h"
#include "tracer/import.h"
#include "tracer/json_reader.h"
#include "tracer/link.h"
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

/* Something differs: "FILE: what". */
TRACER_PRINTF(3, 4)
static enum tracer_status differs(struct verifying *v, enum bundle_file file, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(v->err, TRACER_E_VERIFY, "%s: %s", bundle_names[file], text);
}

static enum tracer_status no_memory(struct verifying *v)
{
    return error_set(v->err, TRACER_E_NOMEM, "no memory for the evidence");
}

/* What another module found wrong with a file of the bundle is what we were looking for. */
static enum tracer_status found(struct verifying *v, enum tracer_status status)
{
    if (status == TRACER_E_USAGE || status == TRACER_E_REPLY || status == TRACER_E_NOT_FOUND || status == TRACER_E_DAMAGED)
        v->err->status = TRACER_E_VERIFY;
    return status ? v->err->status : TRACER_OK;
}

/* ---- files ---- */

static enum tracer_status path_of(struct verifying *v, const char *name, char to[static 4096])
{
    return snprintf(to, 4096, "%s/%s", v->directory, name) < 4096 ? TRACER_OK
                                                                  : error_set(v->err, TRACER_E_USAGE, "the path is too long");
}

static bool is_known(const char *name)
{
    bool known = strcmp(name, BUNDLE_MANIFEST) == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    for (int i = 0; i < BUNDLE_FILE_COUNT; i++)
        known = known || strcmp(name, bundle_names[i]) == 0;
    return known;
}

/* A file that nobody checks must not travel with those that were checked. */
static enum tracer_status check_names(struct verifying *v)
{
    DIR *directory = opendir(v->directory);
    if (!directory)
        return error_set(v->err, TRACER_E_USAGE, "%s: %s", v->directory, strerror(errno));
    enum tracer_status status = TRACER_OK;
    for (const struct dirent *entry; !status && (entry = readdir(directory));)
        if (!is_known(entry->d_name)) {
            char shown[128];
            shown_text(shown, sizeof(shown), entry->d_name, strlen(entry->d_name));
            status = error_set(v->err, TRACER_E_VERIFY, "%s: does not belong to a bundle", shown);
        }
    closedir(directory);
    return status;
}

static enum tracer_status read_file(struct verifying *v, const char *name, size_t size_max, struct buffer *to)
{
    char path[4096];
    struct stat info;
    enum tracer_status status = path_of(v, name, path);
    if (status)
        return status;
    if (lstat(path, &info))
        return error_set(v->err, TRACER_E_VERIFY, "%s: %s", name, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return error_set(v->err, TRACER_E_VERIFY, "%s: is not a regular file", name);
    if ((uint64_t)info.st_size > size_max)
        return error_set(v->err, TRACER_E_VERIFY, "%s: has %lld bytes, more than the %zu that it may have", name, (long long)info.st_size,
                         size_max);
    buffer_init(to, size_max + 1);
    return file_read(path, size_max, to, v->err);
}

static enum tracer_status read_files(struct verifying *v)
{
    struct buffer text;
    enum tracer_status status = read_file(v, BUNDLE_MANIFEST, TRACER_BUNDLE_MANIFEST_MAX, &text);
    if (!status) {
        status = bundle_parse_manifest(text.data ? text.data : "", text.size, v->arena, &v->manifest, v->err);
        v->counts.bytes = text.size;
        buffer_release(&text);
    }
    if (!status)
        status = check_names(v);
    for (int i = 0; i < BUNDLE_FILE_COUNT && !status; i++) {
        struct buffer *file = &v->files[i];
        uint64_t size = v->manifest.files[i].size;
        uint64_t most = i == BUNDLE_RESULT ? TRACER_BUNDLE_RESULT_MAX : TRACER_BUNDLE_FILE_MAX;
        if (size > most)
            return differs(v, (enum bundle_file)i, "is larger than %" PRIu64 " bytes", most);
        if ((status = read_file(v, bundle_names[i], size, file)))
            break;
        struct digest digest = digest_bytes(file->data ? file->data : "", file->size);
        if (file->size != size || memcmp(digest.bytes, v->manifest.files[i].digest.bytes, sizeof(digest.bytes)) != 0)
            status = differs(v, (enum bundle_file)i, "is not the file whose digest the manifest has");
        v->counts.bytes += size;
    }
    return status;
}

static struct bytes text_of(const struct verifying *v, enum bundle_file file)
{
    const struct buffer *buffer = &v->files[file];
    return (struct bytes){(const uint8_t *)(buffer->data ? buffer->data : ""), buffer->size};
}

/* Plain cells in the columns that are checked and no other, so that it can be read in one way only. */
static enum tracer_status check_form(struct verifying *v, enum bundle_file file, const char *heading)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789,_/-\n";
    struct bytes text = text_of(v, file);
    size_t size = strlen(heading);
    bool good = text.size >= size && memcmp(text.data, heading, size) == 0 && text.data[text.size - 1] == '\n';
    for (size_t i = size; i < text.size && good; i++)
        good = text.data[i] && strchr(allowed, text.data[i]) && (text.data[i] != '\n' || text.data[i - 1] != '\n');
    return good ? TRACER_OK : differs(v, file, "is not in the form or has not the columns of a bundle");
}

/* ---- headers, nodes, blocks ---- */

/* By which rules blocks are read. A built-in network has its own, whatever the manifest calls it. */
static enum tracer_status check_network(struct verifying *v)
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

static enum tracer_status read_headers(struct verifying *v)
{
    struct bytes rest = text_of(v, BUNDLE_HEADERS), count_rest = rest, item;
    struct hash known;
    size_t count = 0;
    while (proof_next(&count_rest, &item))
        count++;
    v->headers = arena_calloc(v->arena, count + 1, sizeof(*v->headers));
    if (!v->headers)
        return no_memory(v);
    for (; v->header_count < count; v->header_count++) {
        struct known_header *header = &v->headers[v->header_count];
        proof_next(&rest, &header->text);
        enum tracer_status status = found(v, proof_read_header(header->text, &header->read, v->err));
        if (status)
            return status;
        if (v->header_count && header[-1].read.number >= header->read.number)
            return differs(v, BUNDLE_HEADERS, "header %zu is not behind the one in front of it", v->header_count);
        if (header->read.number == v->manifest.anchor_number && !hash_equal(header->read.hash, v->manifest.anchor_hash))
            return differs(v, BUNDLE_HEADERS, "block %" PRIu64 " is not the network's anchor", header->read.number);
        if (chain_checkpoint(&v->chain, header->read.number, &known) && !hash_equal(header->read.hash, known))
            return differs(v, BUNDLE_HEADERS, "block %" PRIu64 " is not the one whose hash is known beforehand", header->read.number);
        if (v->header_count && header[-1].read.number + 1 == header->read.number &&
            !hash_equal(header[-1].read.hash, header->read.parent_hash))
            return differs(v, BUNDLE_HEADERS, "block %" PRIu64 " does not follow the one in front of it", header->read.number);
    }
    return rest.size ? differs(v, BUNDLE_HEADERS, "malformed behind header %zu", count) : TRACER_OK;
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

static enum tracer_status read_nodes(struct verifying *v)
{
    struct bytes rest = text_of(v, BUNDLE_NODES), count_rest = rest, item;
    size_t count = 0;
    while (proof_next(&count_rest, &item))
        count++;
    v->nodes = arena_calloc(v->arena, count + 1, sizeof(*v->nodes));
    if (!v->nodes)
        return no_memory(v);
    for (; v->node_count < count; v->node_count++) {
        struct known_node *node = &v->nodes[v->node_count];
        proof_next(&rest, &node->text);
        node->hash = proof_hash(node->text);
        if (v->node_count && memcmp(node[-1].hash.bytes, node->hash.bytes, sizeof(node->hash.bytes)) >= 0)
            return differs(v, BUNDLE_NODES, "node %zu is not in the order of hashes", v->node_count);
    }
    return rest.size ? differs(v, BUNDLE_NODES, "malformed behind node %zu", count) : TRACER_OK;
}

static struct bytes find_node(void *context, struct hash hash)
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
        return differs(v, BUNDLE_BLOCKS, "line %zu is malformed", v->block_count + 2);
    if (v->block_count && block[-1].number >= block->number)
        return differs(v, BUNDLE_BLOCKS, "block %" PRIu64 " is not behind the one in front of it", block->number);
    block->header = has_header ? find_header(v, block->number) : NULL;
    if (has_header && (!block->header || !hash_equal(block->header->read.hash, block->hash)))
        return differs(v, BUNDLE_BLOCKS, "the header of block %" PRIu64 " is not in %s", block->number, bundle_names[BUNDLE_HEADERS]);
    if (has_header && block->header->read.time != block->time)
        return differs(v, BUNDLE_BLOCKS, "the time of block %" PRIu64 " is %" PRIu64 ", its header says %" PRIu64, block->number, block->time,
                       block->header->read.time);
    if (!has_header && block->grade <= GRADE_SINGLE)
        return differs(v, BUNDLE_BLOCKS, "block %" PRIu64 " is said to be %s, but its header is not here", block->number,
                       grade_name(block->grade));
    return TRACER_OK;
}

static enum tracer_status read_blocks(struct verifying *v)
{
    static const char *const columns[BLOCK_COLUMNS] = {"number", "hash", "time", "grade", "header"};
    struct bytes text = text_of(v, BUNDLE_BLOCKS);
    struct csv_field cells[BLOCK_COLUMNS];
    struct csv *csv;
    size_t lines = 1, headers = 0;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    enum tracer_status status = check_form(v, BUNDLE_BLOCKS, "number,hash,time,grade,header\n");
    if (status)
        return status;
    status =
        csv_open_memory(bundle_names[BUNDLE_BLOCKS], text.data, text.size, ',', columns, BLOCK_COLUMNS, BLOCK_COLUMNS, &csv, v->err);
    if (status)
        return found(v, status);
    v->blocks = arena_calloc(v->arena, lines, sizeof(*v->blocks));
    if (!v->blocks)
        status = no_memory(v);
    while (!status && !(status = csv_next(csv, cells, v->err))) {
        status = read_block(v, cells, &v->blocks[v->block_count]);
        headers += !status && v->blocks[v->block_count].header;
        v->block_count++;
    }
    csv_close(csv);
    if (status != TRACER_E_NOT_FOUND)
        return found(v, status);
    if (headers != v->header_count)
        return differs(v, BUNDLE_HEADERS, "%zu headers belong to no block of %s", v->header_count - headers, bundle_names[BUNDLE_BLOCKS]);
    v->counts.blocks = v->block_count;
    return TRACER_OK;
}

/* ---- rows from proven bytes ---- */

static bool add_rows(struct verifying *v, const struct block *block)
{
    size_t count = v->row_count + block->transfer_count, capacity = v->row_capacity ? v->row_capacity : 256;
    while (capacity < count)
        capacity *= 2;
    struct known_row *rows = capacity == v->row_capacity ? v->rows : realloc(v->rows, capacity * sizeof(*rows));
    if (!rows)
        return false;
    v->rows = rows;
    v->row_capacity = capacity;
    for (size_t i = 0, k = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        while (k < block->transaction_count && block->transactions[k].transaction_index < row->position.transaction_index)
            k++;
        const struct transaction *of =
            k < block->transaction_count && block->transactions[k].transaction_index == row->position.transaction_index
                ? &block->transactions[k]
                : NULL;
        rows[v->row_count++] = (struct known_row){.position = row->position,
                                                  .transaction_hash = of ? of->hash : (struct hash){{0}},
                                                  .time = block->time,
                                                  .number = of ? of->true_block_number : 0,
                                                  .log_index = row->log_index,
                                                  .kind = row->kind,
                                                  .best = GRADE_ASSERTED};
    }
    return true;
}

static void prove_row(struct verifying *v, const struct known_block *block, struct known_row *row)
{
    row->best = block->grade < GRADE_ASSERTED ? block->grade : GRADE_ASSERTED;
    v->counts.rows_proven++;
}

static enum tracer_status look_up(struct verifying *v, const struct known_block *block, enum proof_list list, uint64_t index,
                                  struct bytes *ret_value)
{
    const struct proof_header *header = &block->header->read;
    struct hash root = list == PROOF_TRANSACTIONS ? header->transactions_root
                       : list == PROOF_RECEIPTS   ? header->receipts_root
                                                  : header->withdrawals_root;
    if (proof_look_up(root, index, find_node, v, ret_value) == PROOF_PRESENT)
        return TRACER_OK;
    return differs(v, BUNDLE_NODES, "they do not prove %s %" PRIu64 " of block %" PRIu64, proof_list_name(list), index, block->number);
}

static bool same_row(const struct transfer *a, const struct transfer *b)
{
    return a->kind == b->kind && asset_equal(&a->asset, &b->asset) && address_equal(a->from, b->from) && address_equal(a->to, b->to) &&
           u256_equal(a->amount, b->amount);
}

static enum tracer_status row_differs(struct verifying *v, const struct transfer *row)
{
    char key[POSITION_TEXT_SIZE];
    position_format(row->position, key);
    return differs(v, BUNDLE_TRANSFERS, "row %s is not what the proven bytes say", key);
}

/* The rows of one transaction, but for those that no hash covers, are exactly those derived; explorers' log indices rise by one from
 * log to log, from wherever the block's logs before it end. */
static enum tracer_status compare_rows(struct verifying *v, const struct known_block *block, const struct transfer *rows, size_t count,
                                       struct known_row *known, const struct proof_transaction *read)
{
    size_t at = 0, hashed = 0;
    uint64_t base = UINT64_MAX;
    bool unsaid = read->status == TRANSACTION_STATUS_UNKNOWN; /* then there are no logs, and a value comes last */
    for (size_t i = 0; i < count; i++) {
        if (!row_is_hashed(&rows[i]))
            continue;
        if (read->has_blob_fee && hashed++ == read->blob_fee_at) {
            if (rows[i].kind != TRANSFER_FEE || rows[i].asset.kind != ASSET_NATIVE || !address_equal(rows[i].from, read->sender) ||
                !address_equal(rows[i].to, read->blob_fee_to))
                return row_differs(v, &rows[i]);
            continue;
        }
        const struct transfer *derived = at < read->row_count ? &read->rows[at++] : NULL;
        if (unsaid && derived && derived->kind == TRANSFER_VALUE) { /* no bytes say that it moved */
            if (rows[i].kind != TRANSFER_VALUE || !same_row(&rows[i], derived))
                return row_differs(v, &rows[i]);
            continue;
        }
        if (!derived || !same_row(&rows[i], derived) || (rows[i].log_index == LOG_INDEX_NONE) != (derived->log_index == LOG_INDEX_NONE))
            return row_differs(v, &rows[i]);
        if (derived->log_index != LOG_INDEX_NONE) {
            uint64_t here = (uint64_t)rows[i].log_index - derived->log_index;
            if (base != UINT64_MAX && here != base)
                return row_differs(v, &rows[i]);
            base = here;
        }
        prove_row(v, block, &known[i]);
    }
    if (unsaid && at + 1 == read->row_count && read->rows[at].kind == TRANSFER_VALUE)
        at++; /* a trace says that it failed */
    if (at != read->row_count || (read->has_blob_fee && hashed <= read->blob_fee_at))
        return differs(v, BUNDLE_TRANSFERS, "transaction %" PRId32 " of block %" PRIu64 " has %zu rows by its proven bytes, %zu stand here",
                       rows[0].position.transaction_index, rows[0].position.block_number, read->row_count, at);
    return TRACER_OK;
}

static enum tracer_status check_transaction(struct verifying *v, const struct known_block *block, const struct transfer *rows,
                                            size_t count, struct known_row *known)
{
    uint64_t index = (uint64_t)rows[0].position.transaction_index;
    struct bytes transaction = v->transactions[v->transaction_next++], receipt, before = {NULL, 0};
    struct proof_transaction read;
    arena_reset(v->scratch, (struct arena_mark){0});
    enum tracer_status status = look_up(v, block, PROOF_RECEIPTS, index, &receipt);
    if (!status && index)
        status = look_up(v, block, PROOF_RECEIPTS, index - 1, &before);
    if (!status)
        status = found(v, proof_read_transaction(&v->network, block->header->text, index, transaction, receipt, before, v->senders,
                                                 v->scratch, &read, v->err));
    if (status)
        return status;
    if (!read.known)
        return differs(v, BUNDLE_NODES, "transaction %" PRIu64 " of block %" PRIu64 " is of a type that is not known here", index,
                       block->number);
    if (!hash_equal(known->transaction_hash, read.hash))
        return differs(v, BUNDLE_TRANSFERS, "transaction %" PRIu64 " of block %" PRIu64 " has another hash", index, block->number);
    v->counts.transactions_proven++;
    return compare_rows(v, block, rows, count, known, &read);
}

/* Behind the transactions: rewards, which nothing here proves, then the withdrawals, which end the rows. */
static enum tracer_status check_end(struct verifying *v, const struct known_block *block, const struct transfer *rows, size_t count,
                                    struct known_row *known)
{
    struct transfer derived[256];
    size_t withdrawals = 0;
    struct bytes value;
    if (!block->header->read.has_withdrawals || !proof_has_withdrawals(&v->network))
        return TRACER_OK;
    for (uint64_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++) {
        enum proof_answer answer = proof_look_up(block->header->read.withdrawals_root, i, find_node, v, &value);
        if (answer == PROOF_ABSENT)
            break;
        if (answer == PROOF_INVALID)
            return differs(v, BUNDLE_NODES, "they do not prove withdrawal %" PRIu64 " of block %" PRIu64, i, block->number);
        struct transfer *row = &derived[withdrawals];
        *row = (struct transfer){.kind = TRANSFER_REWARD, .asset.kind = ASSET_NATIVE};
        enum tracer_status status = found(v, proof_read_withdrawal(value, &row->to, &row->amount, v->err));
        if (status)
            return status;
        withdrawals += !u256_is_zero(row->amount);
        if (i + 1 == sizeof(derived) / sizeof(derived[0]))
            return differs(v, BUNDLE_NODES, "block %" PRIu64 " has more withdrawals than are looked at", block->number);
    }
    if (withdrawals > count)
        return differs(v, BUNDLE_TRANSFERS, "block %" PRIu64 " has %zu withdrawals, %zu rows stand behind its transactions", block->number,
                       withdrawals, count);
    for (size_t i = 0; i < withdrawals; i++) {
        const struct transfer *row = &rows[count - withdrawals + i];
        if (!same_row(row, &derived[i]))
            return row_differs(v, row);
        prove_row(v, block, &known[count - withdrawals + i]);
    }
    return TRACER_OK;
}

static struct known_block *find_block(const struct verifying *v, uint64_t number)
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

static bool is_within(int32_t transaction_index)
{
    return transaction_index >= 0 && transaction_index != TRANSACTION_AFTER;
}

/* In front of all else, since recovering senders takes most of the time: what was signed in the block. */
static enum tracer_status add_senders(void *context, const struct block *block, struct error *err)
{
    struct verifying *v = context;
    const struct known_block *known = find_block(v, block->number);
    enum tracer_status status = TRACER_OK;
    (void)err; /* the same as v->err */
    if (!known || !known->header)
        return TRACER_OK;
    for (size_t i = 0; i < block->transfer_count && !status; i++) {
        int32_t index = block->transfers[i].position.transaction_index;
        if (!is_within(index) || (i && block->transfers[i - 1].position.transaction_index == index))
            continue;
        struct bytes *transaction = &v->transactions[v->transaction_count++];
        arena_reset(v->scratch, (struct arena_mark){0});
        status = look_up(v, known, PROOF_TRANSACTIONS, (uint64_t)index, transaction);
        if (!status)
            proof_senders_add(v->senders, &v->network, known->header->text, *transaction, v->scratch);
    }
    return status;
}

static enum tracer_status recover_senders(struct verifying *v)
{
    struct bytes text = text_of(v, BUNDLE_TRANSFERS);
    size_t lines = 0;
    if (!v->header_count)
        return TRACER_OK;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    v->transactions = arena_calloc(v->arena, lines + 1, sizeof(*v->transactions));
    if (!v->transactions)
        return no_memory(v);
    if (!(v->senders = proof_senders_begin(lines < v->manifest.counts.transactions_proven ? lines : v->manifest.counts.transactions_proven,
                                           v->arena, v->err)))
        return v->err->status;
    enum tracer_status status = import_each_block(v->import, v->manifest.chain_id, add_senders, v, v->err);
    proof_senders_end(v->senders);
    return status;
}

static enum tracer_status check_rows_of_block(void *context, const struct block *block, struct error *err)
{
    struct verifying *v = context;
    struct known_block *known = find_block(v, block->number);
    enum tracer_status status = TRACER_OK;
    (void)err; /* the same as v->err */
    if (!known)
        return differs(v, BUNDLE_BLOCKS, "block %" PRIu64 " is missing", block->number);
    if (block->time != known->time)
        return differs(v, BUNDLE_TRANSFERS, "the time of block %" PRIu64 " is %" PRIu64 ", %s says %" PRIu64, block->number, block->time,
                       bundle_names[BUNDLE_BLOCKS], known->time);
    for (size_t i = 0; i < block->transaction_count && known->header; i++)
        if (block->transactions[i].true_block_number && block->transactions[i].true_block_number != block->number)
            return differs(v, BUNDLE_TRANSFERS, "transaction %" PRId32 " of block %" PRIu64 " is said to be of block %" PRIu64,
                           block->transactions[i].transaction_index, block->number, block->transactions[i].true_block_number);
    size_t base = v->row_count;
    known->used = true;
    if (!add_rows(v, block))
        return no_memory(v);
    v->counts.rows += block->transfer_count;
    for (size_t first = 0, end; first < block->transfer_count && !status; first = end) {
        const struct transfer *rows = &block->transfers[first];
        int32_t index = rows->position.transaction_index;
        for (end = first; end < block->transfer_count && block->transfers[end].position.transaction_index == index; end++)
            ;
        bool within = is_within(index);
        v->counts.transactions += within;
        if (known->header && within)
            status = check_transaction(v, known, rows, end - first, &v->rows[base + first]);
        else if (known->header && index == TRANSACTION_AFTER)
            status = check_end(v, known, rows, end - first, &v->rows[base + first]);
    }
    return status;
}

/* What a row claims of itself: the block of its transaction, and a grade that is not better than what was proven here. */
static enum tracer_status check_claims(struct verifying *v)
{
    static const char *const columns[] = {"grade", "block_number"};
    struct bytes text = text_of(v, BUNDLE_TRANSFERS);
    struct csv_field cells[2];
    struct csv *csv;
    enum tracer_status status = csv_open_memory(bundle_names[BUNDLE_TRANSFERS], text.data, text.size, ',', columns, 2, 2, &csv, v->err);
    if (status)
        return found(v, status);
    for (size_t i = 0; !status && !(status = csv_next(csv, cells, v->err)); i++) {
        const struct known_row *row = i < v->row_count ? &v->rows[i] : NULL;
        enum grade claimed;
        uint64_t number;
        if (!row || !grade_parse(cells[0].text, cells[0].length, &claimed) || claimed < row->best)
            status = differs(v, BUNDLE_TRANSFERS, "line %zu claims a grade that nothing proves", i + 2);
        else if (cells[1].length && (!csv_parse_u64(cells[1], INT64_MAX, &number) || number != row->number))
            status = differs(v, BUNDLE_TRANSFERS, "line %zu claims another block than its transaction", i + 2);
    }
    csv_close(csv);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : found(v, status);
}

/* What nothing needs is no evidence: the same proofs have the same bytes, whoever wrote them. */
static enum tracer_status check_spare(struct verifying *v)
{
    for (size_t i = 0; i < v->node_count; i++)
        if (!v->nodes[i].used)
            return differs(v, BUNDLE_NODES, "no proof needs node %zu", i);
    for (size_t i = 0; i < v->block_count; i++)
        if (!v->blocks[i].used)
            return differs(v, BUNDLE_BLOCKS, "no transfer is in block %" PRIu64, v->blocks[i].number);
    return TRACER_OK;
}

static enum tracer_status check_rows(struct verifying *v)
{
    struct bytes text = text_of(v, BUNDLE_TRANSFERS);
    char *heading = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&heading, &size);
    enum tracer_status status = stream ? export_header(stream, v->err) : no_memory(v);
    if (stream && fclose(stream) && !status)
        status = no_memory(v);
    if (!status)
        status = check_form(v, BUNDLE_TRANSFERS, heading);
    free(heading);
    if (status)
        return status;
    status = found(v, import_open_memory(bundle_names[BUNDLE_TRANSFERS], text.data, text.size, &v->import, v->err));
    if (!status)
        status = found(v, recover_senders(v));
    if (!status)
        status = found(v, import_each_block(v->import, v->manifest.chain_id, check_rows_of_block, v, v->err));
    if (!status)
        status = check_claims(v);
    if (!status)
        status = check_spare(v);
    const struct evidence_counts *stated = &v->manifest.counts, *counted = &v->counts;
    if (!status && (stated->blocks != counted->blocks || stated->transactions != counted->transactions ||
                    stated->transactions_proven != counted->transactions_proven || stated->rows != counted->rows))
        status = error_set(v->err, TRACER_E_VERIFY, BUNDLE_MANIFEST ": its counts are not those of the files");
    return status;
}

/* ---- the replay ---- */

static struct import_source source_of(const struct verifying *v, enum bundle_file file)
{
    struct bytes text = text_of(v, file);
    return (struct import_source){.path = bundle_names[file], .data = text.data, .size = text.size};
}

static int order_listed(const void *a, const void *b)
{
    return asset_compare(&((const struct taint_asset *)a)->asset, &((const struct taint_asset *)b)->asset);
}

static enum tracer_status replay(struct verifying *v)
{
    struct taint_seed *seeds = NULL;
    struct taint_label *labels = NULL;
    struct address *explored = NULL;
    struct import_asset *rows = NULL;
    size_t count = 0;
    struct taint_input *input = arena_calloc(v->arena, 1, sizeof(*input));
    enum tracer_status status = input ? TRACER_OK : no_memory(v);
    if (!status)
        status = import_seeds(source_of(v, BUNDLE_SEEDS), v->arena, &seeds, &input->seed_count, v->err);
    if (!status)
        status = import_labels(source_of(v, BUNDLE_LABELS), v->arena, &labels, &input->label_count, v->err);
    if (!status)
        status = import_explored(source_of(v, BUNDLE_EXPLORED), v->arena, &explored, &input->explored_count, v->err);
    if (!status)
        status = import_assets(source_of(v, BUNDLE_ASSETS), v->arena, &rows, &count, v->err);
    struct taint_asset *assets = status ? NULL : arena_calloc(v->arena, count + 1, sizeof(*assets));
    if (!status && !assets)
        return no_memory(v);
    for (size_t i = 0; i < count && !status; i++)
        assets[i] = rows[i].asset;
    if (count && !status)
        qsort(assets, count, sizeof(*assets), order_listed);
    if (!status) {
        v->input = input;
        input->options = v->manifest.options;
        input->seeds = seeds;
        input->labels = labels;
        input->assets = assets;
        input->asset_count = count;
        input->has_assets = true;
        input->explored = explored;
        input->has_explored = true;
        status = import_cursor(v->import, &v->cursor, v->err);
    }
    if (!status)
        status = taint_new(input, &v->cursor, &v->taint, v->err);
    if (!status)
        status = taint_replay(v->taint, NULL, NULL, v->err);
    return found(v, status);
}

/* ---- the result ---- */

static bool text_is(const json_t *object, const char *key, const char *wanted)
{
    const json_t *item = json_object_get(object, key);
    return json_is_string(item) && strcmp(json_string_value(item), wanted) == 0;
}

static bool text_or_null(const json_t *object, const char *key, const char *wanted) /* NULL: null is wanted */
{
    return wanted ? text_is(object, key, wanted) : json_is_null(json_object_get(object, key));
}

static bool whole_is(const json_t *object, const char *key, uint64_t wanted)
{
    const json_t *item = json_object_get(object, key);
    return json_is_integer(item) && (uint64_t)json_integer_value(item) == wanted;
}

static bool amount_is(const json_t *object, const char *key, struct u320 wanted)
{
    char text[U320_DECIMAL_MAX];
    u320_format_decimal(wanted, text);
    return text_is(object, key, text);
}

static bool account_is(const struct verifying *v, const json_t *object, const char *key, uint32_t account)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(v->cursor.account(v->cursor.self, account), text);
    return text_is(object, key, text);
}

static bool asset_is(const struct verifying *v, const json_t *object, uint32_t asset)
{
    char text[ASSET_TEXT_SIZE];
    asset_format(v->cursor.asset(v->cursor.self, asset), text);
    return text_is(object, "asset", text);
}

static bool whole_or_null(const json_t *object, const char *key, bool there, uint64_t wanted)
{
    return there ? whole_is(object, key, wanted) : json_is_null(json_object_get(object, key));
}

static bool read_grade(const json_t *object, const char *key, enum grade *ret_grade)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && grade_parse(text, strlen(text), ret_grade);
}

static int order_rows(const void *a, const void *b)
{
    return position_compare(((const struct known_row *)a)->position, ((const struct known_row *)b)->position);
}

static const struct known_row *find_row(const struct verifying *v, struct position position)
{
    const struct known_row wanted = {.position = position};
    return v->row_count ? bsearch(&wanted, v->rows, v->row_count, sizeof(wanted), order_rows) : NULL;
}

/* A grade that stands on hashes is claimed only for what was proven here, and a path's is that of its weakest transfer, or
 * weaker. */
static bool grades_hold(const struct verifying *v, const json_t *object, const struct taint_hop *hop, const json_t *parent,
                        const struct known_row *row)
{
    enum grade grade, path, before = GRADE_PROVEN, least;
    bool recognised = !hop->link || (v->chain.rules && link_rules(hop->link)); /* by rules, in no source */
    least = recognised && hop->leg == LEG_OUT ? GRADE_INFERRED : GRADE_PROVEN;
    return read_grade(object, "grade", &grade) && read_grade(object, "path_grade", &path) &&
           (!parent || read_grade(parent, "path_grade", &before)) && grade >= row->best && path >= grade && path >= before && path >= least;
}

static bool time_is(const json_t *object, uint64_t time)
{
    char utc[32];
    clock_format_utc(time, utc);
    return whole_or_null(object, "time", time != 0, time) && text_or_null(object, "time_utc", time ? utc : NULL);
}

static bool hash_is(const json_t *object, const char *key, struct hash hash) /* null if it is not known */
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    return text_or_null(object, key, hash_is_zero(hash) ? NULL : text);
}

/* What is shown of the transfer beside its amount. */
static bool row_is(const json_t *object, const struct taint_hop *hop, const struct known_row *row)
{
    uint64_t number = row->number ? row->number : row->position.block_number;
    return hash_is(object, "transaction_hash", row->transaction_hash) && text_is(object, "kind", transfer_kind_name(row->kind)) &&
           whole_or_null(object, "log_index", row->log_index != LOG_INDEX_NONE, row->log_index) && time_is(object, row->time) &&
           (whole_is(object, "block_number", number) || (!row->number && json_is_null(json_object_get(object, "block_number")))) &&
           whole_or_null(object, "link", hop->link != 0, hop->link);
}

static bool hop_is(const struct verifying *v, const json_t *object, const struct taint_hop *hop, const json_t *parent_object)
{
    char key[POSITION_TEXT_SIZE], parent[POSITION_TEXT_SIZE];
    const struct known_row *row = find_row(v, hop->position);
    position_format(hop->position, key);
    if (hop->has_parent)
        position_format(hop->parent, parent);
    return row && text_is(object, "key", key) && text_or_null(object, "parent", hop->has_parent ? parent : NULL) &&
           account_is(v, object, "from", hop->from) && account_is(v, object, "to", hop->to) && asset_is(v, object, hop->asset) &&
           amount_is(object, "amount", u320_from_u256(hop->amount)) && amount_is(object, "tainted", u320_from_u256(hop->tainted)) &&
           amount_is(object, "unproven", u320_from_u256(unproven_of_hop(v->proven, hop))) &&
           text_is(object, "source", taint_source_name(v->taint, hop->source)) && whole_is(object, "hop", hop->hop) &&
           text_or_null(object, "leg", hop->leg == LEG_NONE ? NULL : leg_name(hop->leg)) && row_is(object, hop, row) &&
           grades_hold(v, object, hop, parent_object, row);
}

static enum tracer_status check_hops(struct verifying *v, const json_t *root)
{
    const json_t *hops = json_object_get(root, "hops");
    size_t count = taint_hop_count(v->taint);
    if (json_array_size(hops) != count)
        return differs(v, BUNDLE_RESULT, "it has %zu flagged hops, the replay gives %zu", json_array_size(hops), count);
    for (size_t i = 0; i < count; i++) {
        struct taint_hop hop = taint_hop_at(v->taint, i);
        size_t parent = taint_parent(v->taint, i);
        if (!hop_is(v, json_array_get(hops, i), &hop, parent == SIZE_MAX ? NULL : json_array_get(hops, parent))) {
            char key[POSITION_TEXT_SIZE];
            position_format(hop.position, key);
            return differs(v, BUNDLE_RESULT, "hop %zu (%s) is not what the replay and the proofs give", i, key);
        }
    }
    return TRACER_OK;
}

/* A service may be where units are burned; the reporter names that from its label. */
static bool ends_at(const json_t *place, enum taint_place_class class_)
{
    static const enum place names[] = {[PLACE_SERVICE] = PLACE_IS_SERVICE,
                                       [PLACE_MIXER] = PLACE_IS_MIXER,
                                       [PLACE_BRIDGE] = PLACE_IS_BRIDGE,
                                       [PLACE_VENUE] = PLACE_IS_VENUE,
                                       [PLACE_FRONTIER] = PLACE_IS_NOT_EXPLORED};
    return text_is(place, "place", place_name(names[class_])) ||
           (class_ == PLACE_SERVICE && text_is(place, "place", place_name(PLACE_IS_BURNED)));
}

/* Who, what and of which source, as a result states it. */
struct stated {
    const struct verifying *v;
    struct address account;
    struct asset asset;
    uint32_t source;
};

static bool read_stated(const struct verifying *v, const json_t *object, bool account, struct stated *ret_stated)
{
    const char *who = json_string_value(json_object_get(object, "account")), *what = json_string_value(json_object_get(object, "asset")),
               *source = json_string_value(json_object_get(object, "source"));
    *ret_stated = (struct stated){.v = v};
    for (size_t low = 0, high = taint_source_count(v->taint); source && low < high;) { /* names are in order */
        size_t middle = low + (high - low) / 2;
        int order = strcmp(source, taint_source_name(v->taint, (uint32_t)middle));
        ret_stated->source = (uint32_t)middle;
        if (order == 0)
            return (!account || (who && address_parse(who, strlen(who), &ret_stated->account))) && what &&
                   asset_parse(what, strlen(what), &ret_stated->asset);
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static int compare_assets(const struct stated *stated, uint32_t asset, uint32_t tag)
{
    struct asset here = stated->v->cursor.asset(stated->v->cursor.self, asset);
    int order = asset_compare(&stated->asset, &here);
    return order ? order : stated->source < tag ? -1 : stated->source > tag;
}

static int compare_stated(const struct stated *stated, uint32_t account, uint32_t asset, uint32_t tag)
{
    int order = address_compare(stated->account, stated->v->cursor.account(stated->v->cursor.self, account));
    return order ? order : compare_assets(stated, asset, tag);
}

static bool find_holding(const struct stated *stated, size_t *ret_index, struct taint_holding *ret_holding)
{
    for (size_t low = 0, high = taint_holding_count(stated->v->taint); low < high;) {
        size_t middle = low + (high - low) / 2;
        *ret_index = middle;
        *ret_holding = taint_holding_at(stated->v->taint, middle);
        int order = compare_stated(stated, ret_holding->account, ret_holding->asset, ret_holding->tag);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static int find_absorbed(const void *key, const void *item)
{
    const struct taint_absorbed *absorbed = item;
    return compare_stated(key, absorbed->account, absorbed->asset, absorbed->tag);
}

static int find_total(const void *key, const void *item)
{
    const struct taint_total *total = item;
    return compare_assets(key, total->asset, total->tag);
}

static bool is_source(uint32_t tag)
{
    return tag != TAINT_UNKNOWN && tag != TAINT_CLEAN;
}

/* What the replay left at accounts, both sorted by account, asset, tag (taint-spec 11), and which of it a place stated. */
struct left {
    const struct taint_absorbed *absorbed;
    size_t held, away;
    bool *held_seen, *away_seen;
};

/* A stated place is a holding or an absorbed amount of the replay that no other one states. */
static bool place_is(const struct verifying *v, const json_t *place, const struct left *left)
{
    struct stated stated;
    struct taint_holding holding;
    const struct taint_absorbed *end;
    size_t at;
    bool *seen;
    if (!read_stated(v, place, true, &stated))
        return false;
    if (text_is(place, "place", place_name(PLACE_IS_HELD))) {
        seen = find_holding(&stated, &at, &holding) ? &left->held_seen[at] : NULL;
        if (!seen || *seen || !amount_is(place, "amount", u320_from_u256(holding.amount)) ||
            !amount_is(place, "unproven", unproven_of_holding(v->proven, &holding)))
            return false;
    } else {
        end = left->away ? bsearch(&stated, left->absorbed, left->away, sizeof(*end), find_absorbed) : NULL;
        seen = end ? &left->away_seen[end - left->absorbed] : NULL;
        if (!seen || *seen || !ends_at(place, end->place) || !amount_is(place, "amount", end->amount) ||
            !amount_is(place, "unproven", unproven_of_absorbed(v->proven, end)))
            return false;
    }
    *seen = true;
    return true;
}

/* Each of the replay stands there once. */
static enum tracer_status check_places(struct verifying *v, const json_t *root)
{
    const json_t *places = json_object_get(root, "places");
    struct left left;
    size_t count = 0;
    left.held = taint_holding_count(v->taint);
    left.away = taint_absorbed(v->taint, &left.absorbed);
    left.held_seen = arena_calloc(v->arena, left.held + 1, sizeof(*left.held_seen));
    left.away_seen = arena_calloc(v->arena, left.away + 1, sizeof(*left.away_seen));
    if (!left.held_seen || !left.away_seen)
        return no_memory(v);
    for (size_t i = 0; i < left.held; i++)
        count += is_source(taint_holding_at(v->taint, i).tag);
    for (size_t i = 0; i < left.away; i++)
        count += is_source(left.absorbed[i].tag);
    if (count != json_array_size(places))
        return differs(v, BUNDLE_RESULT, "it has %zu places, the replay gives %zu", json_array_size(places), count);
    for (size_t i = 0; i < count; i++)
        if (!place_is(v, json_array_get(places, i), &left))
            return differs(v, BUNDLE_RESULT, "place %zu is not what the replay gives", i);
    return TRACER_OK;
}

/* Amounts of a total may be sums of more than 256 bits. */
static bool parse_sum(const char *text, struct u320 *ret_sum)
{
    *ret_sum = (struct u320){{0}};
    for (; *text >= '0' && *text <= '9'; text++) {
        unsigned __int128 carry = (unsigned)(*text - '0');
        for (int i = 0; i < 5; i++) {
            carry += (unsigned __int128)ret_sum->limb[i] * 10;
            ret_sum->limb[i] = (uint64_t)carry;
            carry >>= 64;
        }
        if (carry)
            return false;
    }
    return *text == '\0';
}

/* What went to services, mixers, bridges, venues, out of sight and up in smoke, as stated. */
static bool sum_of_ends(const json_t *places, struct u320 *ret_sum)
{
    static const enum place ends[] = {PLACE_IS_SERVICE, PLACE_IS_MIXER, PLACE_IS_BRIDGE, PLACE_IS_VENUE, PLACE_IS_BURNED, PLACE_IS_NOT_EXPLORED};
    *ret_sum = (struct u320){{0}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const char *text = json_string_value(json_object_get(places, place_name(ends[i])));
        struct u320 amount;
        if (!text || !parse_sum(text, &amount))
            return false;
        u320_add_u320(ret_sum, amount);
    }
    return true;
}

static struct u320 unproven_of_all(const struct verifying *v, const struct taint_total *total)
{
    struct u320 sum = {{0}}, places[PLACE_IS_COUNT] = {{{0}}};
    const struct taint_absorbed *absorbed;
    if (!v->proven)
        return sum;
    size_t held = taint_holding_count(v->taint), away = taint_absorbed(v->taint, &absorbed);
    unproven_of_total(v->proven, total, places);
    for (int place = 0; place < PLACE_IS_COUNT; place++)
        u320_add_u320(&sum, places[place]);
    for (size_t i = 0; i < held; i++) {
        struct taint_holding holding = taint_holding_at(v->taint, i);
        if (holding.asset == total->asset && holding.tag == total->tag)
            u320_add_u320(&sum, unproven_of_holding(v->proven, &holding));
    }
    for (size_t i = 0; i < away; i++)
        if (absorbed[i].asset == total->asset && absorbed[i].tag == total->tag)
            u320_add_u320(&sum, unproven_of_absorbed(v->proven, &absorbed[i]));
    return sum;
}

/* Whether the list of assets has it, and its decimals there. */
static bool listed_is(const struct verifying *v, const json_t *object, struct asset asset)
{
    const struct taint_asset wanted = {.asset = asset}, *listed =
        v->input->asset_count ? bsearch(&wanted, v->input->assets, v->input->asset_count, sizeof(wanted), order_listed) : NULL;
    return json_is_true(json_object_get(object, "recognised")) == (listed != NULL) && (!listed || whole_is(object, "decimals", listed->decimals));
}

static bool total_is(const struct verifying *v, const json_t *object, const struct taint_total *total)
{
    const json_t *places = json_object_get(object, "places");
    struct u320 stated, ends = total->absorbed;
    u320_add_u320(&ends, total->burned);
    return amount_is(object, "seeded", total->seeded) && amount_is(object, "emitted", total->emitted) &&
           amount_is(object, "converted_in", total->converted_in) && amount_is(places, place_name(PLACE_IS_HELD), total->held) &&
           amount_is(places, place_name(PLACE_IS_FEES), total->fees) &&
           amount_is(places, place_name(PLACE_IS_CONVERTED), total->converted_out) &&
           amount_is(places, place_name(PLACE_IS_RETAGGED), total->retagged) && sum_of_ends(places, &stated) &&
           u320_compare(stated, ends) == 0 && amount_is(object, "unproven", unproven_of_all(v, total)) &&
           listed_is(v, object, v->cursor.asset(v->cursor.self, total->asset));
}

/* Each of the replay stands there once. */
static enum tracer_status check_totals(struct verifying *v, const json_t *root)
{
    const json_t *stated = json_object_get(root, "totals");
    const struct taint_total *totals;
    size_t count = taint_totals(v->taint, &totals), sources = 0;
    bool *seen = arena_calloc(v->arena, count + 1, sizeof(*seen));
    if (!seen)
        return no_memory(v);
    for (size_t i = 0; i < count; i++)
        sources += is_source(totals[i].tag);
    if (sources != json_array_size(stated))
        return differs(v, BUNDLE_RESULT, "it has %zu totals, the replay gives %zu", json_array_size(stated), sources);
    for (size_t i = 0; i < sources; i++) {
        struct stated key;
        const json_t *object = json_array_get(stated, i);
        const struct taint_total *total =
            read_stated(v, object, false, &key) ? bsearch(&key, totals, count, sizeof(*total), find_total) : NULL;
        if (!total || seen[total - totals] || !total_is(v, object, total))
            return differs(v, BUNDLE_RESULT, "total %zu is not what the replay gives", i);
        seen[total - totals] = true;
    }
    return TRACER_OK;
}

/* The transfers that seeds name, in chain order. */
struct seed_rows {
    struct transfer *rows;
    size_t count;
};

static int order_transfers(const void *a, const void *b)
{
    return position_compare(((const struct transfer *)a)->position, ((const struct transfer *)b)->position);
}

static enum tracer_status find_seed_rows(void *context, const struct block *block, struct error *err)
{
    const struct seed_rows *seeds = context;
    (void)err;
    for (size_t i = 0; i < block->transfer_count; i++) {
        struct transfer *row = bsearch(&block->transfers[i], seeds->rows, seeds->count, sizeof(*row), order_transfers);
        while (row && row > seeds->rows && order_transfers(row - 1, &block->transfers[i]) == 0)
            row--; /* several sources may name one */
        for (; row && row < seeds->rows + seeds->count && order_transfers(row, &block->transfers[i]) == 0; row++)
            *row = block->transfers[i];
    }
    return TRACER_OK;
}

static bool seed_is(const struct verifying *v, const json_t *object, const struct taint_seed *seed, const struct seed_rows *seeds)
{
    char address[ADDRESS_TEXT_SIZE], key[POSITION_TEXT_SIZE], asset[ASSET_TEXT_SIZE];
    const struct known_row *row = seed->is_address ? NULL : find_row(v, seed->position);
    const struct transfer wanted = {.position = seed->position}, *transfer =
        seed->is_address ? NULL : bsearch(&wanted, seeds->rows, seeds->count, sizeof(wanted), order_transfers);
    address_format(seed->address, address);
    position_format(seed->position, key);
    if (transfer)
        asset_format(transfer->asset, asset);
    if (!text_is(object, "source", seed->source) || !text_is(object, "kind", seed->is_address ? "address" : "transfer"))
        return false;
    return seed->is_address ? text_is(object, "address", address) && whole_is(object, "block_number", seed->block_number)
                            : row && text_is(object, "key", key) && hash_is(object, "transaction_hash", row->transaction_hash) &&
                                  time_is(object, row->time) && text_is(object, "asset", asset) &&
                                  amount_is(object, "amount", u320_from_u256(seed->has_amount ? u256_min(seed->amount, transfer->amount) : transfer->amount));
}

static enum tracer_status check_seeds(struct verifying *v, const json_t *root)
{
    const json_t *seeds = json_object_get(root, "seeds");
    size_t count = v->input->seed_count;
    struct seed_rows named = {.rows = arena_calloc(v->arena, count + 1, sizeof(*named.rows))};
    enum tracer_status status = TRACER_OK;
    if (!named.rows)
        return no_memory(v);
    if (json_array_size(seeds) != count)
        return differs(v, BUNDLE_RESULT, "it has %zu seeds, %s has %zu", json_array_size(seeds), bundle_names[BUNDLE_SEEDS], count);
    for (size_t i = 0; i < count; i++)
        if (!v->input->seeds[i].is_address)
            named.rows[named.count++].position = v->input->seeds[i].position;
    if (named.count) {
        qsort(named.rows, named.count, sizeof(*named.rows), order_transfers);
        status = found(v, import_each_block(v->import, v->manifest.chain_id, find_seed_rows, &named, v->err));
    }
    for (size_t i = 0; i < count && !status; i++)
        if (!seed_is(v, json_array_get(seeds, i), &v->input->seeds[i], &named))
            status = differs(v, BUNDLE_RESULT, "seed %zu is not that of %s", i, bundle_names[BUNDLE_SEEDS]);
    return status;
}

/* ---- what is shown beside the flow ---- */

static int order_labels(const void *a, const void *b)
{
    return address_compare(((const struct taint_label *)a)->address, ((const struct taint_label *)b)->address);
}

/* A label's class decides what the replay does there; the rest of it is words. */
static enum tracer_status check_accounts(struct verifying *v, const json_t *root)
{
    size_t count = v->input->label_count;
    struct taint_label *labels = arena_calloc(v->arena, count + 1, sizeof(*labels));
    if (!labels)
        return no_memory(v);
    if (count)
        memcpy(labels, v->input->labels, count * sizeof(*labels));
    qsort(labels, count, sizeof(*labels), order_labels);
    const json_t *accounts = json_object_get(root, "accounts");
    for (size_t i = 0; i < json_array_size(accounts); i++) {
        const json_t *object = json_array_get(accounts, i), *label = json_object_get(object, "label");
        const char *text = json_string_value(json_object_get(object, "address"));
        struct taint_label wanted = {0};
        if (!text || !address_parse(text, strlen(text), &wanted.address))
            return differs(v, BUNDLE_RESULT, "account %zu has no address", i);
        const struct taint_label *known = bsearch(&wanted, labels, count, sizeof(*labels), order_labels);
        if (known ? !text_is(label, "class", label_class_name(known->class_)) : !json_is_null(label) && !text_is(label, "class", ""))
            return differs(v, BUNDLE_RESULT, "account %s has not the class that %s gives it", text, bundle_names[BUNDLE_LABELS]);
    }
    return TRACER_OK;
}

static enum tracer_status check_assets(struct verifying *v, const json_t *root)
{
    const json_t *assets = json_object_get(root, "assets");
    for (size_t i = 0; i < json_array_size(assets); i++) {
        const json_t *object = json_array_get(assets, i);
        const char *text = json_string_value(json_object_get(object, "asset"));
        struct asset asset;
        if (!text || !asset_parse(text, strlen(text), &asset) || !listed_is(v, object, asset))
            return differs(v, BUNDLE_RESULT, "asset %zu is not that of %s", i, bundle_names[BUNDLE_ASSETS]);
    }
    return TRACER_OK;
}

/* What it says of its limits rests on the writer's store. But that accounts have gaps is never left unsaid (E4). */
static enum tracer_status check_limits(struct verifying *v, const json_t *root)
{
    const json_t *limits = json_object_get(root, "limits");
    bool good = json_object_size(limits) == NOTE_COUNT;
    for (int kind = 0; kind < NOTE_COUNT && good; kind++) {
        const json_t *notes = json_object_get(limits, note_kind_name((enum note_kind)kind));
        good = json_is_array(notes);
        for (size_t i = 0; i < json_array_size(notes) && good; i++)
            good = json_is_string(json_array_get(notes, i));
        if (kind == NOTE_GAP && json_array_size(json_object_get(root, "gapped")))
            good = good && json_array_size(notes);
    }
    return good ? TRACER_OK : differs(v, BUNDLE_RESULT, "its limits are not in their form, or leave out the gaps of accounts that it lists");
}

/* An end of the range, where its header is here. */
static bool end_is(const struct verifying *v, const json_t *range, const char *hash, const char *time, uint64_t number)
{
    const struct known_block *block = find_block(v, number);
    return !block || !block->header || (hash_is(range, hash, block->hash) && whole_is(range, time, block->time));
}

static enum tracer_status check_head(struct verifying *v, const json_t *root)
{
    const json_t *tool = json_object_get(root, "tool"), *network = json_object_get(root, "network"),
                 *options = json_object_get(root, "options"), *range = json_object_get(root, "range"),
                 *sources = json_object_get(root, "sources");
    const struct bundle_manifest *manifest = &v->manifest;
    if (!text_is(root, "schema", "tracer/trace/1") || !text_is(tool, "version", manifest->version) ||
        !text_is(tool, "commit", manifest->commit) || !text_is(root, "spec", "taint/1") || !text_is(network, "name", manifest->network) ||
        !whole_is(network, "chain_id", manifest->chain_id) || !text_is(root, "policy", taint_policy_name(manifest->options.policy)) ||
        !text_is(options, "links", links_name(manifest->options.links)) || !text_is(options, "fees", fees_name(manifest->options.fees)) ||
        !text_is(options, "unknown", unknown_name(manifest->options.unknown)) ||
        !text_is(options, "opening", opening_name(manifest->options.opening)) ||
        !whole_is(range, "first_block", manifest->first_block) || !whole_is(range, "last_block", manifest->last_block) ||
        !end_is(v, range, "first_hash", "first_time", manifest->first_block) || !end_is(v, range, "last_hash", "last_time", manifest->last_block))
        return differs(v, BUNDLE_RESULT, "its schema, tool, network, policy, options or range is not the manifest's");
    bool same = json_array_size(sources) == taint_source_count(v->taint);
    for (size_t i = 0; i < json_array_size(sources) && same; i++) {
        const char *name = json_string_value(json_array_get(sources, i));
        same = name && strcmp(name, taint_source_name(v->taint, (uint32_t)i)) == 0;
    }
    return same ? TRACER_OK : differs(v, BUNDLE_RESULT, "its sources are not those of the replay");
}

/* The replay in which the accounts that have a gap pay nothing that is proven. */
static enum tracer_status replay_gapped(struct verifying *v, const json_t *root)
{
    const json_t *gapped = json_object_get(root, "gapped");
    size_t count = json_array_size(gapped);
    struct address *doubted = arena_calloc(v->arena, count + 1, sizeof(*doubted));
    struct taint_input *input = arena_copy(v->arena, v->input, sizeof(*input));
    if (!doubted || !input)
        return no_memory(v);
    if (!json_is_array(gapped))
        return differs(v, BUNDLE_RESULT, "it does not say which accounts have gaps");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(gapped, i));
        if (!text || !address_parse(text, strlen(text), &doubted[i]) || (i && address_compare(doubted[i - 1], doubted[i]) >= 0))
            return differs(v, BUNDLE_RESULT, "its accounts with gaps are no sorted list of addresses");
    }
    input->doubted = doubted;
    input->doubted_count = count;
    if (!count)
        return TRACER_OK;
    enum tracer_status status = import_cursor(v->import, &v->gapped_cursor, v->err);
    if (!status)
        status = taint_new(input, &v->gapped_cursor, &v->gapped_taint, v->err);
    if (!status)
        status = taint_replay(v->gapped_taint, NULL, NULL, v->err);
    if (!status) {
        v->proven_places.taint = v->gapped_taint;
        v->proven = &v->proven_places;
        status = proven_index(&v->proven_places, v->input->options.policy, v->arena, v->err);
    }
    return found(v, status);
}

/* Before it is held in memory: a result has no more to say than the replay gave. */
static enum tracer_status check_values(struct verifying *v, struct bytes text)
{
    const struct taint_absorbed *absorbed;
    const struct taint_total *totals;
    struct json_reader reader;
    size_t items = taint_hop_count(v->taint) + taint_holding_count(v->taint) + taint_absorbed(v->taint, &absorbed) +
                   taint_totals(v->taint, &totals) + v->input->seed_count;
    json_reader_init(&reader, (const char *)text.data, text.size, TRACER_JSON_DEPTH_MAX,
                     TRACER_BUNDLE_VALUES_MAX + (uint64_t)items * TRACER_BUNDLE_VALUES_EACH);
    json_skip(&reader, NULL);
    if (json_finish(&reader))
        return TRACER_OK;
    json_reader_error(&reader, v->err);
    error_context(v->err, "%s", bundle_names[BUNDLE_RESULT]);
    return v->err->status = TRACER_E_VERIFY;
}

static enum tracer_status check_result(struct verifying *v)
{
    struct bytes text = text_of(v, BUNDLE_RESULT);
    json_error_t why;
    enum tracer_status status = check_values(v, text);
    if (status)
        return status;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return differs(v, BUNDLE_RESULT, "is no JSON: %.120s", why.text);
    status = check_head(v, root);
    if (!status)
        status = check_seeds(v, root);
    if (!status)
        status = check_accounts(v, root);
    if (!status)
        status = check_assets(v, root);
    if (!status)
        status = check_limits(v, root);
    if (!status)
        status = replay_gapped(v, root);
    if (!status)
        status = check_hops(v, root);
    if (!status)
        status = check_totals(v, root);
    if (!status)
        status = check_places(v, root);
    json_decref(root);
    return status;
}

/* ---- the whole ---- */

static enum tracer_status verify(struct verifying *v)
{
    enum tracer_status status = read_files(v);
    if (!status)
        status = check_network(v);
    if (!status)
        status = read_headers(v);
    if (!status)
        status = read_nodes(v);
    if (!status)
        status = read_blocks(v);
    if (!status)
        status = check_rows(v);
    if (!status)
        status = replay(v);
    return status ? status : check_result(v);
}

static void fill_report(const struct verifying *v, struct evidence_report *report)
{
    *report = (struct evidence_report){.counts = v->counts,
                                       .chain_id = v->manifest.chain_id,
                                       .headers = v->header_count,
                                       .hops = taint_hop_count(v->taint)};
    shown_text(report->network, sizeof(report->network), v->manifest.network, strlen(v->manifest.network));
    shown_text(report->version, sizeof(report->version), v->manifest.version, strlen(v->manifest.version));
    shown_text(report->commit, sizeof(report->commit), v->manifest.commit, strlen(v->manifest.commit));
    snprintf(report->policy, sizeof(report->policy), "%s", taint_policy_name(v->manifest.options.policy));
    for (size_t i = 0; i < v->block_count; i++)
        report->grades[v->blocks[i].grade]++;
}

enum tracer_status evidence_verify(const char *directory, struct evidence_report *ret_report, struct error *err)
{
    struct error ignored;
    struct verifying v = {.directory = directory, .err = err ? err : &ignored};
    v.arena = arena_new(TRACER_MEMORY_MAX);
    v.scratch = arena_new(TRACER_MEMORY_MAX);
    enum tracer_status status = v.arena && v.scratch ? verify(&v) : no_memory(&v);
    if (!status)
        fill_report(&v, ret_report);
    taint_free(v.taint);
    cursor_close(&v.cursor);
    taint_free(v.gapped_taint);
    cursor_close(&v.gapped_cursor);
    import_close(v.import);
    for (int i = 0; i < BUNDLE_FILE_COUNT; i++)
        buffer_release(&v.files[i]);
    free(v.rows);
    arena_free(v.arena);
    arena_free(v.scratch);
    return status;
}
