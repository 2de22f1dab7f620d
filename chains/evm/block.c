/* block.c - the decoding of a block from its replies, in order. */
#include "decode.h"

void evm_notes_add(struct evm_notes *sum, const struct evm_notes *notes)
{
    if (sum->unknown_type_count == 0)
        sum->unknown_type = notes->unknown_type;
    sum->unknown_type_count += notes->unknown_type_count;
    sum->status_unknown += notes->status_unknown;
    sum->uncle_rewards += notes->uncle_rewards;
    sum->trace_gaps += notes->trace_gaps;
    sum->unknown_frames += notes->unknown_frames;
    sum->operator_fees += notes->operator_fees;
    sum->unlinked += notes->unlinked;
    sum->irregular |= notes->irregular;
}

/* What a block decodes from and into. */
struct work {
    const struct evm_network *network;
    struct evm_header header;
    struct evm_receipt *receipts;
    struct trace_reader *traces;
    struct rows rows;
    struct transaction *transactions;
    struct evm_notes notes;
    enum grade grade;
    struct bytes archive;
    bool rewards_asserted;
    bool placed, split; /* traces that say where logs stand, and that do not */
    struct error *err;
};

/* Before Byzantium every failure used up all gas and left no log. */
static bool says_outcome(const struct evm_receipt *receipt, const struct evm_transaction *transaction)
{
    return receipt->log_count > 0 || receipt->gas_used < transaction->gas;
}

static enum transaction_status outcome_of(struct work *work, const struct evm_receipt *receipt,
                                          const struct evm_transaction *transaction,
                                          const struct trace_of *trace)
{
    if (receipt->outcome != TRANSACTION_STATUS_UNKNOWN)
        return receipt->outcome;
    if (says_outcome(receipt, transaction)) /* whatever a trace says, which is hashed by nothing */
        return TRANSACTION_SUCCEEDED;
    if (trace->known)
        return trace->failed ? TRANSACTION_FAILED : TRANSACTION_SUCCEEDED;
    work->notes.status_unknown++;
    return TRANSACTION_STATUS_UNKNOWN;
}

static void note_transaction(struct work *work, const struct evm_transaction *transaction,
                             const struct trace_of *trace)
{
    if (!transaction->known) {
        if (work->notes.unknown_type_count == 0)
            work->notes.unknown_type = transaction->type;
        work->notes.unknown_type_count++;
        work->rows.undecoded_count++;
    }
    work->placed |= trace->logs == TRACE_LOGS_PLACED;
    work->split |= trace->logs == TRACE_LOGS_SPLIT;
}

static enum tracer_status decode_transaction(struct work *work, size_t index)
{
    const struct evm_transaction *transaction = &work->header.transactions[index];
    struct evm_receipt *receipt = &work->receipts[index];
    struct trace_of trace = {0};
    enum tracer_status status = TRACER_OK;

    if (work->traces) {
        status = trace_next(work->traces, &trace, work->err);
        if (status)
            return status;
    }
    bool unsaid = (receipt->outcome == TRANSACTION_STATUS_UNKNOWN && !says_outcome(receipt, transaction)) ||
                  blob_price_is_stated(work->network->rules, &work->header, transaction);
    receipt->outcome = outcome_of(work, receipt, transaction, &trace);
    if (receipt->outcome == TRANSACTION_FAILED && receipt->log_count > 0)
        return error_set(work->err, TRACER_E_REPLY, "error: the trace failed, but the receipt has %zu logs",
                         receipt->log_count);
    note_transaction(work, transaction, &trace);
    work->transactions[index] = (struct transaction){
        .transaction_index = (int32_t)index,
        .hash = transaction->hash,
        .sender = transaction->from,
        .nonce = transaction->nonce,
        .status = receipt->outcome,
        /* That it succeeded is then an assumption, and a trace's word at best; what its blobs cost is the endpoint's. */
        .grade = unsaid && work->grade < GRADE_ASSERTED ? GRADE_ASSERTED : work->grade,
    };
    rows_begin(&work->rows, (int32_t)index);
    size_t first = work->rows.count;
    status = rows_of_fees(&work->rows, work->network, &work->header, transaction, receipt, &work->notes);
    if (!status)
        status = rows_of_transaction(&work->rows, work->network, transaction, receipt, &trace);
    if (!status && work->network->links)
        status = rows_link(&work->rows, first, work->network, receipt, &work->notes);
    return status;
}

static enum tracer_status decode_transactions(struct work *work)
{
    for (size_t i = 0; i < work->header.transaction_count; i++) {
        enum tracer_status status = decode_transaction(work, i);
        if (status) {
            error_context(work->err, "transaction %zu", i);
            return status;
        }
        if (work->placed && work->split)
            return error_set(work->err, TRACER_E_REPLY,
                             "traces: only some transactions say where their logs stand");
    }
    return TRACER_OK;
}

static enum tracer_status decode_end(struct work *work)
{
    const struct trace_reward *rewards = NULL;
    size_t reward_count = 0;
    bool stated = false;
    if (work->traces) {
        enum tracer_status status = trace_close(work->traces, &rewards, &reward_count, work->err);
        if (status) {
            error_context(work->err, "traces");
            return status;
        }
        stated = reward_count > 0;
    }
    rows_begin(&work->rows, TRANSACTION_AFTER);
    return rows_of_block_end(&work->rows, work->network, &work->header, rewards, reward_count, stated,
                             &work->notes, &work->rewards_asserted);
}

static void fill_block(const struct work *work, struct block *to)
{
    const struct evm_header *header = &work->header;
    *to = (struct block){
        .chain_id = work->network->chain_id,
        .number = header->number,
        .hash = header->hash,
        .parent_hash = header->parent_hash,
        .state_root = header->state_root,
        .transactions_root = header->transactions_root,
        .receipts_root = header->receipts_root,
        .time = header->time,
        .grade = work->grade,
        .internals = !work->traces            ? INTERNALS_NONE
                     : work->notes.trace_gaps ? INTERNALS_SOME
                                              : INTERNALS_ALL,
        .order = work->traces && !work->split ? ORDER_EXACT : ORDER_SPLIT,
        .rewards_asserted = work->rewards_asserted,
        .undecoded_count = work->rows.undecoded_count,
        .archive = work->archive,
        .transactions = work->transactions,
        .transaction_count = header->transaction_count,
        .transfers = work->rows.items,
        .transfer_count = work->rows.count,
    };
}

static enum tracer_status decode_parts(struct work *work, const struct evm_replies *replies,
                                       struct arena *arena)
{
    enum tracer_status status =
        header_decode(work->network, replies->block, replies->number, arena, &work->header, work->err);
    if (status) {
        error_context(work->err, "block");
        return status;
    }
    status = receipts_decode(work->network, &work->header, replies, arena, &work->receipts, work->err);
    if (status) {
        error_context(work->err, "receipts");
        return status;
    }
    work->grade = GRADE_ASSERTED;
    if (replies->prove) {
        bool whole = false;
        status =
            block_accept(work->network, &work->header, work->receipts, replies, arena, &whole, work->err);
        if (status)
            return status;
        work->grade = whole ? GRADE_SINGLE : GRADE_ASSERTED;
        if (whole && replies->archive &&
            (status = block_archive(work->network, &work->header, work->receipts, arena, &work->archive, work->err)))
            return status;
    }
    if (replies->traces_kind != EVM_TRACES_NONE) {
        status = trace_open(work->network, &work->header, work->receipts, replies, arena, &work->notes,
                            &work->traces, work->err);
        if (status) {
            error_context(work->err, "traces");
            return status;
        }
    }
    work->transactions = arena_calloc(arena, work->header.transaction_count, sizeof *work->transactions);
    if (!work->transactions)
        return no_memory(work->err);
    work->rows =
        (struct rows){.arena = arena, .err = work->err, .next = {.block_number = work->header.number}};
    status = decode_transactions(work);
    return status ? status : decode_end(work);
}

enum tracer_status evm_decode_block(const struct evm_network *network, const struct evm_replies *replies,
                                    struct arena *arena, struct block *ret_block, struct evm_notes *ret_notes,
                                    struct error *err)
{
    struct error ignored;
    struct work work = {.network = network, .err = err ? err : &ignored};
    enum tracer_status status = decode_parts(&work, replies, arena);
    if (status)
        return status;
    work.notes.irregular = work.header.number == network->rules->irregular_number;
    fill_block(&work, ret_block);
    *ret_notes = work.notes;
    return TRACER_OK;
}
