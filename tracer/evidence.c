/* evidence.c - writing an evidence bundle (docs/evidence.md): a trace, the rows that decide it, and the proofs of what is
 * in blocks.
 *
 * The rows are those of every transaction that touches an account which ever held tainted units: with exactly these as
 * the explored set the replay of the bundle gives every flagged hop and every tainted amount of the whole (taint-spec 12;
 * units of other accounts are of unknown history there, and that moves no source's units). The bundle is verified before
 * it counts. */
#include "bundle.h"

#include <errno.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline.h"
#include "tracer/file.h"
#include "tracer/import.h"
#include "tracer/proof.h"
#include "tracer/report.h"

struct node {
    struct hash hash;
    struct bytes bytes;
};

struct bundling {
    const struct evidence_request *request;
    const char *directory;
    bool made, ours; /* the directory: made here; empty before, so that all in it is ours */
    struct arena *arena, *scratch; /* scratch: of one block */
    struct case_state state;
    struct trace_result *result;
    struct bundle_manifest manifest;
    struct address *explored; /* sorted; once had tainted units */
    size_t explored_count, explored_capacity;
    struct transfer *rows;
    size_t row_count, row_capacity;
    size_t pending;       /* rows of the transaction at hand start here */
    bool pending_touches; /* one of them touches an explored account */
    struct address *met;  /* sorted; every address of the rows */
    size_t met_count, met_capacity;
    struct node *nodes;
    size_t node_count, node_capacity;
    struct buffer headers;
    struct error *err;
};

static enum tracer_status no_memory(struct bundling *b)
{
    return error_set(b->err, TRACER_E_NOMEM, "no memory for the evidence");
}

/* ---- which accounts, which rows ---- */

static size_t unique(struct address *addresses, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(addresses, count, sizeof(*addresses), bundle_order_addresses);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !address_equal(addresses[kept - 1], addresses[i]))
            addresses[kept++] = addresses[i];
    return kept;
}

static bool is_among(const struct address *sorted, size_t count, struct address address)
{
    return count && bsearch(&address, sorted, count, sizeof(address), bundle_order_addresses);
}

static bool add_address(struct bundling *b, struct address **list, size_t *count, size_t *capacity, struct address address)
{
    struct address *grown = case_grow(b->arena, *list, *count, capacity, sizeof(*grown));
    if (!grown)
        return false;
    *list = grown;
    grown[(*count)++] = address;
    return true;
}

static bool has_label(const struct case_state *state, struct address address)
{
    for (size_t low = 0, high = state->label_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = address_compare(address, state->labels[middle].address);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static enum tracer_status find_explored(struct bundling *b)
{
    const struct case_state *state = &b->state;
    struct address *known = arena_calloc(b->arena, state->explored_count + 1, sizeof(*known));
    if (!known)
        return no_memory(b);
    if (state->explored_count)
        memcpy(known, state->explored, state->explored_count * sizeof(*known));
    size_t known_count = unique(known, state->explored_count), kept = 0;
    size_t hops = taint_hop_count(state->taint);
    bool good = true;
    for (size_t i = 0; i < hops && good; i++) {
        struct taint_hop hop = taint_hop_at(state->taint, i);
        uint32_t ends[] = {hop.from, hop.to};
        for (int end = 0; end < 2 && good; end++)
            good = add_address(b, &b->explored, &b->explored_count, &b->explored_capacity,
                               state->cursor.account(state->cursor.self, ends[end]));
        if (b->explored_count > TRACER_BUNDLE_ROWS_MAX)
            b->explored_count = unique(b->explored, b->explored_count);
    }
    b->explored_count = unique(b->explored, b->explored_count);
    for (size_t i = 0; i < b->explored_count; i++) {
        struct address address = b->explored[i];
        if (!address_is_void(address) && !has_label(state, address) && (!state->has_explored || is_among(known, known_count, address)))
            b->explored[kept++] = address;
    }
    b->explored_count = kept;
    for (size_t i = 0; i < state->seed_count && good; i++) /* a seed whose account never moved, too */
        if (state->seeds[i].is_address)
            good = add_address(b, &b->explored, &b->explored_count, &b->explored_capacity, state->seeds[i].address);
    b->explored_count = unique(b->explored, b->explored_count);
    return good ? TRACER_OK : no_memory(b);
}

static enum tracer_status keep_row(struct bundling *b, const struct transfer *row)
{
    struct transfer *rows = case_grow(b->arena, b->rows, b->row_count, &b->row_capacity, sizeof(*rows));
    if (!rows)
        return no_memory(b);
    if (b->row_count == TRACER_BUNDLE_ROWS_MAX)
        return error_set(b->err, TRACER_E_LIMIT,
                         "the evidence would hold more than %u transfers: trace a shorter range (--from, --to) or fewer seeds",
                         TRACER_BUNDLE_ROWS_MAX);
    b->rows = rows;
    rows[b->row_count++] = *row;
    return TRACER_OK;
}

/* The transaction at hand ends: its rows stay if one of them matters. */
static void end_transaction(struct bundling *b)
{
    if (!b->pending_touches)
        b->row_count = b->pending;
    b->pending = b->row_count;
    b->pending_touches = false;
}

static bool touches(const struct bundling *b, const struct transfer *row)
{
    return is_among(b->explored, b->explored_count, row->from) || is_among(b->explored, b->explored_count, row->to);
}

static enum tracer_status visit_row(void *context, const struct transfer *row, struct error *err)
{
    struct bundling *b = context;
    (void)err; /* b->err is the same */
    if (b->row_count > b->pending && !position_same_transaction(b->rows[b->row_count - 1].position, row->position))
        end_transaction(b);
    b->pending_touches = b->pending_touches || touches(b, row);
    return keep_row(b, row);
}

/* Balances before the first block stand in front of everything; only those of explored accounts are read. */
static enum tracer_status keep_openings(struct bundling *b)
{
    struct cursor *cursor = &b->state.cursor;
    const struct cursor_row *rows;
    size_t count;
    enum tracer_status status = cursor->rewind(cursor->self, b->err);
    while (!status && !(status = cursor->next(cursor->self, &rows, &count, b->err)) && count) {
        for (size_t i = 0; i < count && !status; i++) {
            if (rows[i].kind != TRANSFER_OPENING)
                return TRACER_OK;
            struct transfer row = {.position = rows[i].position,
                                   .kind = TRANSFER_OPENING,
                                   .asset = cursor->asset(cursor->self, rows[i].asset),
                                   .from = cursor->account(cursor->self, rows[i].from),
                                   .to = cursor->account(cursor->self, rows[i].to),
                                   .amount = rows[i].amount,
                                   .log_index = LOG_INDEX_NONE};
            if (touches(b, &row))
                status = keep_row(b, &row);
        }
    }
    return status;
}

static enum tracer_status find_rows(struct bundling *b)
{
    enum tracer_status status = keep_openings(b);
    b->pending = b->row_count;
    if (!status)
        status = graph_each(b->state.input->graph, b->state.network.chain_id, b->state.first, b->state.last, visit_row, b, b->err);
    end_transaction(b);
    bool good = true;
    for (size_t i = 0; i < b->row_count && !status && good; i++)
        good = add_address(b, &b->met, &b->met_count, &b->met_capacity, b->rows[i].from) &&
               add_address(b, &b->met, &b->met_count, &b->met_capacity, b->rows[i].to) &&
               add_address(b, &b->met, &b->met_count, &b->met_capacity, b->rows[i].asset.contract);
    b->met_count = unique(b->met, b->met_count);
    return status ? status : good ? TRACER_OK : no_memory(b);
}

/* ---- the files ---- */

typedef enum tracer_status write_fn(struct bundling *b, FILE *stream);

static enum tracer_status path_of(struct bundling *b, const char *name, char to[static 4096])
{
    return snprintf(to, 4096, "%s/%s", b->directory, name) < 4096 ? TRACER_OK
                                                                  : error_set(b->err, TRACER_E_USAGE, "--evidence: the path is too long");
}

static enum tracer_status write_file(struct bundling *b, enum bundle_file file, write_fn *write)
{
    char path[4096];
    struct output output;
    struct stat info;
    enum tracer_status status = path_of(b, bundle_names[file], path);
    if (!status)
        status = output_open(path, &output, b->err);
    if (status)
        return status;
    status = write(b, output.stream);
    if (!status)
        status = output_commit(&output, b->err);
    output_abort(&output);
    if (!status)
        status = digest_file(path, &b->manifest.files[file].digest, b->err);
    if (!status && stat(path, &info))
        status = error_set(b->err, TRACER_E_IO, "%s: %s", path, strerror(errno));
    if (!status)
        b->manifest.files[file].size = (uint64_t)info.st_size;
    return status;
}

/* What a row's transaction and block are; openings have none. */
struct around {
    bool has_block, has_transaction;
    struct block block;
    struct transaction transaction;
};

static enum tracer_status look_around(struct bundling *b, size_t row, struct around *around)
{
    struct graph *graph = b->state.input->graph;
    uint64_t chain_id = b->state.network.chain_id;
    struct position at = b->rows[row].position;
    if (!around->has_block || around->block.number != at.block_number) {
        enum tracer_status status = graph_get_block(graph, chain_id, at.block_number, &around->block, b->err);
        if (status)
            return status;
        around->has_block = true;
    } else if (row && position_same_transaction(b->rows[row - 1].position, at)) {
        return TRACER_OK;
    }
    enum tracer_status status =
        graph_get_transaction(graph, chain_id, at.block_number, at.transaction_index, &around->transaction, b->err);
    around->has_transaction = !status;
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : status;
}

static enum tracer_status write_transfers(struct bundling *b, FILE *stream)
{
    struct around around = {0};
    enum tracer_status status = export_header(stream, b->err);
    for (size_t i = 0; i < b->row_count && !status; i++) {
        if ((status = look_around(b, i, &around)))
            break;
        struct block block = around.block;
        if (b->rows[i].kind == TRANSFER_OPENING) /* balances are hashed by nothing */
            block.grade = GRADE_ASSERTED;
        status = export_transfer(stream, &b->rows[i], around.has_transaction ? &around.transaction : NULL, &block, b->err);
    }
    return status;
}

static enum tracer_status done(struct bundling *b, FILE *stream)
{
    return ferror(stream) ? error_set(b->err, TRACER_E_IO, "writing the evidence failed") : TRACER_OK;
}

static enum tracer_status write_seeds(struct bundling *b, FILE *stream)
{
    fputs(BUNDLE_SEEDS_HEADING, stream);
    for (size_t i = 0; i < b->state.seed_count; i++)
        bundle_put_seed(stream, &b->state.seeds[i]);
    return done(b, stream);
}

/* Of accounts that the bundle has, and those that name a source of the result. */
static enum tracer_status write_labels(struct bundling *b, FILE *stream)
{
    fputs(BUNDLE_LABELS_HEADING, stream);
    for (size_t i = 0; i < b->state.label_count; i++) {
        const struct taint_label *label = &b->state.labels[i];
        if (label->emit[0] || is_among(b->met, b->met_count, label->address))
            bundle_put_label(stream, label);
    }
    return done(b, stream);
}

static enum tracer_status write_assets(struct bundling *b, FILE *stream)
{
    size_t count = b->state.input->token_count;
    struct taint_asset *assets = arena_copy(b->arena, b->state.assets, count * sizeof(*assets));
    if (!assets)
        return no_memory(b);
    qsort(assets, count, sizeof(*assets), bundle_order_assets);
    fputs(BUNDLE_ASSETS_HEADING, stream);
    for (size_t i = 0; i < count; i++)
        if (assets[i].asset.kind == ASSET_NATIVE || is_among(b->met, b->met_count, assets[i].asset.contract))
            bundle_put_asset(stream, &assets[i]);
    return done(b, stream);
}

static enum tracer_status write_explored(struct bundling *b, FILE *stream)
{
    for (size_t i = 0; i < b->explored_count; i++)
        bundle_put_explored(stream, b->explored[i]);
    return done(b, stream);
}

static enum tracer_status write_result(struct bundling *b, FILE *stream)
{
    struct report_options options = {.view = VIEW_FULL};
    return report_find("json")->trace(stream, b->result, &options, b->err);
}

/* ---- proofs ---- */

static bool is_provable(const struct around *around)
{
    return around->block.grade <= GRADE_SINGLE && !hash_is_zero(around->block.hash);
}

struct fetched {
    struct buffer *to;
    struct hash hash;
};

static enum tracer_status take_archive(void *context, const struct block *block, struct error *err)
{
    struct fetched *fetched = context;
    fetched->hash = block->hash;
    if (block->archive.size && !buffer_add(fetched->to, block->archive.data, block->archive.size))
        return error_set(err, TRACER_E_NOMEM, "no memory for a block");
    return TRACER_OK;
}

/* From the store, or from an endpoint; *to is empty if a transaction of an unknown type hides it. */
static enum tracer_status get_archive(struct bundling *b, const struct block *block, struct buffer *to, bool *ret_fetched)
{
    *ret_fetched = false;
    enum tracer_status status = graph_get_archive(b->state.input->graph, b->state.network.chain_id, block->hash, to, b->err);
    if (status != TRACER_E_NOT_FOUND)
        return status;
    if (!b->request->client)
        return error_set(b->err, TRACER_E_NOT_FOUND,
                         "block %" PRIu64 " cannot be proven: what its hash covers was not kept. Ingest with --keep-raw all (and --refetch "
                         "for blocks that are stored), or name an endpoint with --rpc",
                         block->number);
    struct fetched fetched = {.to = to};
    struct chain_fetch fetch = {.first = block->number, .last = block->number, .archive = true};
    struct chain_fetch_stats stats;
    status = chain_fetch(b->request->client, &fetch, take_archive, &fetched, &stats, b->err);
    *ret_fetched = !status;
    if (!status && !hash_equal(fetched.hash, block->hash))
        status = error_set(b->err, TRACER_E_CONFLICT, "block %" PRIu64 " is another one on the chain now: ingest again", block->number);
    return status;
}

static bool add_nodes(struct bundling *b, const struct bytes *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct node *all = case_grow(b->arena, b->nodes, b->node_count, &b->node_capacity, sizeof(*all));
        uint8_t *copy = all ? arena_alloc(b->arena, nodes[i].size) : NULL;
        if (!copy)
            return false;
        memcpy(copy, nodes[i].data, nodes[i].size);
        b->nodes = all;
        all[b->node_count++] = (struct node){proof_hash(nodes[i]), {copy, nodes[i].size}};
    }
    return true;
}

static enum tracer_status prove_list(struct bundling *b, const struct proof_block *archive, enum proof_list list,
                                     const uint64_t *indices, size_t count)
{
    struct bytes *nodes;
    size_t node_count;
    enum tracer_status status = proof_nodes(archive, list, indices, count, b->scratch, &nodes, &node_count, b->err);
    return status ? status : add_nodes(b, nodes, node_count) ? TRACER_OK : no_memory(b);
}

/* Transactions among rows[first, end) with their receipts and those in front of them; withdrawals all, and that there are no
 * more. */
static enum tracer_status prove_rows(struct bundling *b, const struct proof_block *archive, size_t first, size_t end)
{
    uint64_t *transactions = arena_calloc(b->scratch, end - first + 1, sizeof(*transactions)),
             *receipts = arena_calloc(b->scratch, 2 * (end - first) + 1, sizeof(*receipts));
    size_t count = 0, receipt_count = 0;
    bool withdrawals = false;
    if (!transactions || !receipts)
        return no_memory(b);
    for (size_t i = first; i < end; i++) {
        struct position at = b->rows[i].position;
        if (i > first && position_same_transaction(b->rows[i - 1].position, at))
            continue;
        withdrawals = withdrawals || at.transaction_index == TRANSACTION_AFTER;
        if (at.transaction_index < 0 || at.transaction_index == TRANSACTION_AFTER)
            continue;
        uint64_t index = (uint64_t)at.transaction_index;
        transactions[count++] = index;
        if (index)
            receipts[receipt_count++] = index - 1;
        receipts[receipt_count++] = index;
        b->manifest.counts.transactions_proven++;
    }
    enum tracer_status status = prove_list(b, archive, PROOF_TRANSACTIONS, transactions, count);
    if (!status)
        status = prove_list(b, archive, PROOF_RECEIPTS, receipts, receipt_count);
    size_t all = archive->lists[PROOF_WITHDRAWALS].count;
    uint64_t *indices = withdrawals && all && !status ? arena_calloc(b->scratch, all + 1, sizeof(*indices)) : NULL;
    for (uint64_t i = 0; indices && i <= all; i++)
        indices[i] = i;
    return status || !indices ? status : prove_list(b, archive, PROOF_WITHDRAWALS, indices, all + 1);
}

static enum tracer_status prove_block(struct bundling *b, const struct block *block, size_t first, size_t end, bool *ret_proven)
{
    struct buffer bytes;
    struct proof_block archive;
    struct proof_header header;
    bool fetched;
    arena_reset(b->scratch, (struct arena_mark){0});
    buffer_init(&bytes, TRACER_ARCHIVE_MAX);
    enum tracer_status status = get_archive(b, block, &bytes, &fetched);
    *ret_proven = !status && bytes.size;
    if (!*ret_proven) {
        buffer_release(&bytes);
        return status;
    }
    struct bytes text = {(const uint8_t *)bytes.data, bytes.size};
    struct evm_network evm;
    chain_evm(b->request->network, &evm);
    if (!(status = proof_open(text, b->scratch, &archive, b->err)) &&
        (proof_check(&evm, &archive, b->scratch, &header, b->err) || !hash_equal(header.hash, block->hash)))
        status = error_set(b->err, TRACER_E_DAMAGED, "what was kept of block %" PRIu64 " is not what its hash covers", block->number);
    if (!status && fetched && b->request->keep_fetched)
        status = graph_put_archive(b->state.input->graph, b->state.network.chain_id, block->hash, text, b->err);
    if (!status)
        status = prove_rows(b, &archive, first, end);
    if (!status && !buffer_add(&b->headers, archive.header.data, archive.header.size))
        status = no_memory(b);
    buffer_release(&bytes);
    return status;
}

/* blocks.csv, and the proofs on the way. */
static enum tracer_status write_blocks(struct bundling *b, FILE *stream)
{
    struct around around = {0};
    enum tracer_status status = TRACER_OK;
    fputs("number,hash,time,grade,header\n", stream);
    for (size_t first = 0, end; first < b->row_count && !status; first = end) {
        char hash[HASH_TEXT_SIZE] = "";
        bool proven = false;
        uint64_t number = b->rows[first].position.block_number;
        if ((status = look_around(b, first, &around)))
            break;
        for (end = first; end < b->row_count && b->rows[end].position.block_number == number; end++)
            if (end == first || !position_same_transaction(b->rows[end - 1].position, b->rows[end].position))
                b->manifest.counts.transactions += b->rows[end].position.transaction_index >= 0 &&
                                                   b->rows[end].position.transaction_index != TRANSACTION_AFTER;
        if (is_provable(&around))
            status = prove_block(b, &around.block, first, end, &proven);
        b->manifest.counts.blocks++;
        if (!hash_is_zero(around.block.hash))
            hash_format(around.block.hash, hash);
        fprintf(stream, "%" PRIu64 ",%s,%" PRIu64 ",%s,%s\n", number, hash, around.block.time, grade_name(around.block.grade),
                proven ? "yes" : "no");
    }
    return status ? status : done(b, stream);
}

static enum tracer_status write_headers(struct bundling *b, FILE *stream)
{
    fwrite(b->headers.data ? b->headers.data : "", 1, b->headers.size, stream);
    return done(b, stream);
}

static int order_nodes(const void *a, const void *b)
{
    return memcmp(((const struct node *)a)->hash.bytes, ((const struct node *)b)->hash.bytes, sizeof(struct hash));
}

static enum tracer_status write_nodes(struct bundling *b, FILE *stream)
{
    if (b->node_count)
        qsort(b->nodes, b->node_count, sizeof(*b->nodes), order_nodes);
    for (size_t i = 0; i < b->node_count; i++)
        if (i == 0 || !hash_equal(b->nodes[i].hash, b->nodes[i - 1].hash))
            fwrite(b->nodes[i].bytes.data, 1, b->nodes[i].bytes.size, stream);
    return done(b, stream);
}

/* ---- the whole ---- */

static enum tracer_status make_directory(struct bundling *b)
{
    b->made = b->ours = mkdir(b->directory, 0777) == 0;
    if (b->made)
        return TRACER_OK;
    if (errno != EEXIST)
        return error_set(b->err, TRACER_E_USAGE, "--evidence %s: the directory could not be made: %s", b->directory, strerror(errno));
    DIR *directory = opendir(b->directory);
    if (!directory)
        return error_set(b->err, TRACER_E_USAGE, "--evidence %s: %s", b->directory, strerror(errno));
    bool empty = true;
    for (const struct dirent *entry; (entry = readdir(directory));)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    closedir(directory);
    b->ours = empty;
    return empty ? TRACER_OK : error_set(b->err, TRACER_E_USAGE, "--evidence %s: is not empty", b->directory);
}

/* Nothing stays of a bundle that failed. */
static void remove_all(struct bundling *b)
{
    char path[4096];
    for (int i = 0; i <= BUNDLE_FILE_COUNT && b->ours; i++) {
        const char *name = i < BUNDLE_FILE_COUNT ? bundle_names[i] : BUNDLE_MANIFEST;
        if (snprintf(path, sizeof(path), "%s/%s", b->directory, name) < (int)sizeof(path))
            unlink(path);
    }
    if (b->made)
        rmdir(b->directory);
}

static void fill_manifest(struct bundling *b)
{
    const struct chain_network *network = b->request->network;
    const struct result_head *head = &b->result->head;
    struct bundle_manifest *manifest = &b->manifest;
    snprintf(manifest->version, sizeof(manifest->version), "%s", head->version);
    snprintf(manifest->commit, sizeof(manifest->commit), "%s", head->commit);
    snprintf(manifest->network, sizeof(manifest->network), "%s", head->network);
    manifest->chain_id = head->chain_id;
    manifest->first_block = head->first_block;
    manifest->last_block = head->last_block;
    manifest->options = head->options;
    manifest->counts.rows = b->row_count;
    if (!network || head->imported)
        return;
    snprintf(manifest->rules, sizeof(manifest->rules), "%s", chain_rules_name(network->rules));
    manifest->has_anchor = true;
    manifest->anchor_number = network->anchor_number;
    manifest->anchor_hash = network->anchor_hash;
    manifest->wrappers = network->wrappers;
    manifest->wrapper_count = network->wrapper_count;
}

static enum tracer_status write_manifest(struct bundling *b)
{
    char path[4096];
    struct output output;
    struct buffer text;
    enum tracer_status status = path_of(b, BUNDLE_MANIFEST, path);
    if (status)
        return status;
    buffer_init(&text, TRACER_BUNDLE_MANIFEST_MAX);
    status = bundle_format_manifest(&b->manifest, &text, b->err);
    if (!status)
        status = output_open(path, &output, b->err);
    if (!status) {
        fwrite(text.data, 1, text.size, output.stream);
        status = done(b, output.stream);
        if (!status)
            status = output_commit(&output, b->err);
        output_abort(&output);
    }
    buffer_release(&text);
    return status;
}

static enum tracer_status write_all(struct bundling *b)
{
    static const struct {
        enum bundle_file file;
        write_fn *write;
    } files[] = {
        {BUNDLE_TRANSFERS, write_transfers}, {BUNDLE_SEEDS, write_seeds},     {BUNDLE_LABELS, write_labels},
        {BUNDLE_ASSETS, write_assets},       {BUNDLE_EXPLORED, write_explored}, {BUNDLE_BLOCKS, write_blocks},
        {BUNDLE_HEADERS, write_headers},     {BUNDLE_NODES, write_nodes},     {BUNDLE_RESULT, write_result},
    };
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !status; i++)
        status = write_file(b, files[i].file, files[i].write);
    return status;
}

static enum tracer_status trace(struct bundling *b)
{
    enum tracer_status status = trace_result_new(&b->result, b->err);
    if (!status)
        status = trace_case(&b->state, b->request->trace, b->result->arena, b->err);
    if (!status)
        status = case_engine(&b->state, b->request->trace->input.options, b->err);
    if (!status)
        status = case_replay(&b->state, b->err);
    if (!status)
        status = trace_build(&b->state, b->result, b->err);
    return status;
}

/* It counts as a bundle when it verifies. */
static enum tracer_status seal(struct bundling *b, struct evidence_counts *ret_counts)
{
    struct evidence_report report;
    enum tracer_status status = write_manifest(b);
    if (!status)
        status = evidence_verify(b->directory, &report, b->err);
    if (status == TRACER_E_VERIFY && b->manifest.rules[0]) /* an older version took rewards of proof of work for hashed, say */
        error_context(b->err, "the evidence does not verify: rows of the store are not what their blocks say (if an older version stored them, read them "
                              "again: ingest --refetch --keep-raw all)");
    if (!status)
        *ret_counts = report.counts;
    return status;
}

enum tracer_status evidence_write(const struct evidence_request *request, const char *directory, struct trace_result **ret_result,
                                  struct evidence_counts *ret_counts, struct error *err)
{
    struct bundling b = {.request = request, .directory = directory, .err = err};
    b.arena = arena_new(TRACER_MEMORY_MAX);
    b.scratch = arena_new(TRACER_MEMORY_MAX);
    buffer_init(&b.headers, TRACER_BUNDLE_FILE_MAX);
    enum tracer_status status = b.arena && b.scratch ? make_directory(&b) : no_memory(&b);
    if (!status)
        status = trace(&b);
    if (!status)
        status = find_explored(&b);
    if (!status)
        status = find_rows(&b);
    if (!status) {
        fill_manifest(&b);
        status = write_all(&b);
    }
    if (!status)
        status = seal(&b, ret_counts);
    if (b.result)
        case_close(&b.state);
    buffer_release(&b.headers);
    arena_free(b.arena);
    arena_free(b.scratch);
    if (status) {
        remove_all(&b);
        trace_result_free(b.result);
        return status;
    }
    *ret_result = b.result;
    return TRACER_OK;
}
