/* export.c - transfers out in the form that import_open() reads. */
#include "tracer/import.h"

#include <errno.h>
#include <inttypes.h>

static enum tracer_status written(int result, struct error *err)
{
    if (result >= 0)
        return TRACER_OK;
    return error_set(err, TRACER_E_IO, "writing transfers failed (%s)", strerror(errno));
}

enum tracer_status export_header(FILE *stream, struct error *err)
{
    return written(
        fputs("block,txi,idx,kind,asset,from,to,amount,link,leg,time,transaction_hash,block_number,grade,"
              "log_index\n",
              stream),
        err);
}

static const char *leg_text(enum transfer_leg leg)
{
    switch (leg) {
    case LEG_NONE:
        return "";
    case LEG_IN:
        return "in";
    case LEG_OUT:
        return "out";
    }
    return "";
}

enum tracer_status export_transfer(FILE *stream, const struct transfer *transfer,
                                   const struct transaction *transaction, const struct block *block,
                                   struct error *err)
{
    char asset[ASSET_TEXT_SIZE], from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], amount[U256_DECIMAL_MAX];
    char link[16] = "", time[24] = "", hash[HASH_TEXT_SIZE] = "", number[24] = "", log_index[16] = "";
    bool is_true_number = !hash_is_zero(block->hash); /* ingested: the key is the block number */
    uint64_t true_number = transaction ? transaction->true_block_number : 0;
    asset_format(transfer->asset, asset);
    address_format(transfer->from, from);
    address_format(transfer->to, to);
    u256_format_decimal(transfer->amount, amount);
    if (transfer->link)
        snprintf(link, sizeof(link), "%" PRIu32, transfer->link);
    if (block->time)
        snprintf(time, sizeof(time), "%" PRIu64, block->time);
    if (transaction && !hash_is_zero(transaction->hash))
        hash_format(transaction->hash, hash);
    if (true_number || is_true_number)
        snprintf(number, sizeof(number), "%" PRIu64, true_number ? true_number : block->number);
    if (transfer->log_index != LOG_INDEX_NONE)
        snprintf(log_index, sizeof(log_index), "%" PRIu32, transfer->log_index);
    return written(fprintf(stream,
                           "%" PRIu64 ",%" PRId32 ",%" PRIu32 ",%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n",
                           transfer->position.block_number, transfer->position.transaction_index,
                           transfer->position.index, transfer_kind_name(transfer->kind), asset, from, to,
                           amount, link, leg_text(transfer->leg), time, hash, number,
                           grade_name(grade_of_row(block, transaction, transfer)),
                           log_index),
                   err);
}
