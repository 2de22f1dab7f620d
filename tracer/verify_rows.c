/* verify_rows.c - a bundle's transfers are those that its proven bytes give, and claim no more than they prove. */
#include "verifying.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/csv.h"

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
    if (proof_look_up(root, index, verify_node, v, ret_value) == PROOF_PRESENT)
        return TRACER_OK;
    return verify_differs(v, BUNDLE_NODES, "they do not prove %s %" PRIu64 " of block %" PRIu64, proof_list_name(list), index, block->number);
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
    return verify_differs(v, BUNDLE_TRANSFERS, "row %s is not what the proven bytes say", key);
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
        return verify_differs(v, BUNDLE_TRANSFERS, "transaction %" PRId32 " of block %" PRIu64 " has %zu rows by its proven bytes, %zu stand here",
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
        status = verify_found(v, proof_read_transaction(&v->network, block->header->text, index, transaction, receipt, before, v->senders,
                                                 v->scratch, &read, v->err));
    if (status)
        return status;
    if (!read.known)
        return verify_differs(v, BUNDLE_NODES, "transaction %" PRIu64 " of block %" PRIu64 " is of a type that is not known here", index,
                       block->number);
    if (!hash_equal(known->transaction_hash, read.hash))
        return verify_differs(v, BUNDLE_TRANSFERS, "transaction %" PRIu64 " of block %" PRIu64 " has another hash", index, block->number);
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
        enum proof_answer answer = proof_look_up(block->header->read.withdrawals_root, i, verify_node, v, &value);
        if (answer == PROOF_ABSENT)
            break;
        if (answer == PROOF_INVALID)
            return verify_differs(v, BUNDLE_NODES, "they do not prove withdrawal %" PRIu64 " of block %" PRIu64, i, block->number);
        struct transfer *row = &derived[withdrawals];
        *row = (struct transfer){.kind = TRANSFER_REWARD, .asset.kind = ASSET_NATIVE};
        enum tracer_status status = verify_found(v, proof_read_withdrawal(value, &row->to, &row->amount, v->err));
        if (status)
            return status;
        withdrawals += !u256_is_zero(row->amount);
        if (i + 1 == sizeof(derived) / sizeof(derived[0]))
            return verify_differs(v, BUNDLE_NODES, "block %" PRIu64 " has more withdrawals than are looked at", block->number);
    }
    if (withdrawals > count)
        return verify_differs(v, BUNDLE_TRANSFERS, "block %" PRIu64 " has %zu withdrawals, %zu rows stand behind its transactions", block->number,
                       withdrawals, count);
    for (size_t i = 0; i < withdrawals; i++) {
        const struct transfer *row = &rows[count - withdrawals + i];
        if (!same_row(row, &derived[i]))
            return row_differs(v, row);
        prove_row(v, block, &known[count - withdrawals + i]);
    }
    return TRACER_OK;
}

static bool is_within(int32_t transaction_index)
{
    return transaction_index >= 0 && transaction_index != TRANSACTION_AFTER;
}

/* In front of all else, since recovering senders takes most of the time: what was signed in the block. */
static enum tracer_status add_senders(void *context, const struct block *block, struct error *err)
{
    struct verifying *v = context;
    const struct known_block *known = verify_block(v, block->number);
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
    struct bytes text = verify_text(v, BUNDLE_TRANSFERS);
    size_t lines = 0;
    if (!v->header_count)
        return TRACER_OK;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    v->transactions = arena_calloc(v->arena, lines + 1, sizeof(*v->transactions));
    if (!v->transactions)
        return verify_no_memory(v);
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
    struct known_block *known = verify_block(v, block->number);
    enum tracer_status status = TRACER_OK;
    (void)err; /* the same as v->err */
    if (!known)
        return verify_differs(v, BUNDLE_BLOCKS, "block %" PRIu64 " is missing", block->number);
    if (block->time != known->time)
        return verify_differs(v, BUNDLE_TRANSFERS, "the time of block %" PRIu64 " is %" PRIu64 ", %s says %" PRIu64, block->number, block->time,
                       bundle_names[BUNDLE_BLOCKS], known->time);
    for (size_t i = 0; i < block->transaction_count && known->header; i++)
        if (block->transactions[i].true_block_number && block->transactions[i].true_block_number != block->number)
            return verify_differs(v, BUNDLE_TRANSFERS, "transaction %" PRId32 " of block %" PRIu64 " is said to be of block %" PRIu64,
                           block->transactions[i].transaction_index, block->number, block->transactions[i].true_block_number);
    size_t base = v->row_count;
    known->used = true;
    if (!add_rows(v, block))
        return verify_no_memory(v);
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
    struct bytes text = verify_text(v, BUNDLE_TRANSFERS);
    struct csv_field cells[2];
    struct csv *csv;
    enum tracer_status status = csv_open_memory(bundle_names[BUNDLE_TRANSFERS], text.data, text.size, ',', columns, 2, 2, &csv, v->err);
    if (status)
        return verify_found(v, status);
    for (size_t i = 0; !status && !(status = csv_next(csv, cells, v->err)); i++) {
        const struct known_row *row = i < v->row_count ? &v->rows[i] : NULL;
        enum grade claimed;
        uint64_t number;
        if (!row || !grade_parse(cells[0].text, cells[0].length, &claimed) || claimed < row->best)
            status = verify_differs(v, BUNDLE_TRANSFERS, "line %zu claims a grade that nothing proves", i + 2);
        else if (cells[1].length && (!csv_parse_u64(cells[1], INT64_MAX, &number) || number != row->number))
            status = verify_differs(v, BUNDLE_TRANSFERS, "line %zu claims another block than its transaction", i + 2);
    }
    csv_close(csv);
    return status == TRACER_E_NOT_FOUND ? TRACER_OK : verify_found(v, status);
}

/* What nothing needs is no evidence: the same proofs have the same bytes, whoever wrote them. */
static enum tracer_status check_spare(struct verifying *v)
{
    for (size_t i = 0; i < v->node_count; i++)
        if (!v->nodes[i].used)
            return verify_differs(v, BUNDLE_NODES, "no proof needs node %zu", i);
    for (size_t i = 0; i < v->block_count; i++)
        if (!v->blocks[i].used)
            return verify_differs(v, BUNDLE_BLOCKS, "no transfer is in block %" PRIu64, v->blocks[i].number);
    return TRACER_OK;
}

enum tracer_status verify_rows(struct verifying *v)
{
    struct bytes text = verify_text(v, BUNDLE_TRANSFERS);
    char *heading = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&heading, &size);
    enum tracer_status status = stream ? export_header(stream, v->err) : verify_no_memory(v);
    if (stream && fclose(stream) && !status)
        status = verify_no_memory(v);
    if (!status)
        status = verify_form(v, BUNDLE_TRANSFERS, heading);
    free(heading);
    if (status)
        return status;
    status = verify_found(v, import_open_memory(bundle_names[BUNDLE_TRANSFERS], text.data, text.size, &v->import, v->err));
    if (!status)
        status = verify_found(v, recover_senders(v));
    if (!status)
        status = verify_found(v, import_each_block(v->import, v->manifest.chain_id, check_rows_of_block, v, v->err));
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
