/* texts.h - JSON texts of a small block, written from a few members, and its rows as text. */
#ifndef TRACER_TESTS_EVM_TEXTS_H
#define TRACER_TESTS_EVM_TEXTS_H

#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "tracer/evm.h"
#include "tracer/file.h"

#define X4(x) x x x x
#define X20(x) X4(x) X4(x) X4(x) X4(x) X4(x)
#define X32(x) X20(x) X4(x) X4(x) X4(x)
#define ADDRESS(x) "0x" X20(x)
#define HASH(x) "0x" X32(x)
#define WORD(last) X20("00") X4("00") X4("00") "000000" last /* 32 bytes without 0x */
#define PADDED(x) X4("00") X4("00") X4("00") X20(x)

#define A ADDRESS("aa")
#define B ADDRESS("bb")
#define C ADDRESS("cc")
#define MINER ADDRESS("99")
#define TOKEN ADDRESS("77")

#define TRANSFER "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define SINGLE "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
#define BATCH "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
#define DEPOSIT "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
#define WITHDRAWAL "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"

struct text_log {
    const char *address;
    const char *topics[4];
    const char *data;
};

struct text_transaction {
    unsigned type;
    const char *from, *to; /* NULL: A; "": creation of C, NULL: B */
    const char *value;     /* NULL: 0x0 */
    unsigned gas_used;     /* 0: 21000 */
    unsigned price;        /* 0: 10; the fee members give it */
    bool failed;
    struct text_log logs[8];
    const char *more, *more_receipt; /* members to add, each beginning with a comma */
};

struct text_block {
    uint64_t number;   /* 0: 16 */
    unsigned base_fee; /* 0: 7 */
    bool no_base_fee, root_receipts;
    uint64_t time; /* 0: 1000 */
    struct text_transaction transactions[6];
    size_t count;
    const char *more; /* members of the block */
    const char *traces;
    enum evm_traces traces_kind;
    const char *rules; /* NULL: latest */
    uint64_t chain_id; /* 0: 1 */
    bool wrapper;      /* TOKEN is one */
};

struct texts {
    char *block, *receipts, *traces;
    uint64_t number, chain_id;
    enum evm_traces traces_kind;
    const struct chain_rules *rules;
    bool wrapper;
    /* after texts_decode() */
    struct arena *arena;
    struct block decoded;
    struct evm_notes notes;
    struct error err;
};

static inline const char *or_text(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static inline void write_fees(FILE *out, const struct text_transaction *transaction)
{
    unsigned price = transaction->price ? transaction->price : 10;
    if (transaction->type <= 1)
        fprintf(out, ",\"gasPrice\":\"0x%x\"", price);
    else if (transaction->type != 0x7e)
        fprintf(out, ",\"gasPrice\":\"0x%x\",\"maxFeePerGas\":\"0x%x\",\"maxPriorityFeePerGas\":\"0x%x\"",
                price, price, price);
    if (transaction->type == 3)
        fprintf(out, ",\"maxFeePerBlobGas\":\"0x64\",\"blobVersionedHashes\":[\"" HASH("01") "\"]");
    if (transaction->type == 4)
        fprintf(out, ",\"authorizationList\":[]");
    if (transaction->type == 0x7e)
        fprintf(out, ",\"sourceHash\":\"" HASH("5e") "\"");
}

static inline void write_place(FILE *out, uint64_t number)
{
    fprintf(out, "\"blockHash\":\"" HASH("b0") "\",\"blockNumber\":\"0x%" PRIx64 "\"", number);
}

static inline void write_to(FILE *out, const struct text_transaction *transaction, bool receipt)
{
    bool creates = transaction->to && !*transaction->to;
    if (creates)
        fprintf(out, ",\"to\":null");
    else
        fprintf(out, ",\"to\":\"%s\"", or_text(transaction->to, B));
    if (receipt)
        fprintf(out, creates ? ",\"contractAddress\":\"" C "\"" : ",\"contractAddress\":null");
}

static inline void write_transaction(FILE *out, const struct text_transaction *transaction, size_t index,
                                     uint64_t number)
{
    fprintf(out, "{");
    write_place(out, number);
    fprintf(out,
            ",\"from\":\"%s\",\"gas\":\"0xf4240\",\"hash\":\"0x%064zx\",\"input\":\"0x\",\"nonce\":\"0x%zx\"",
            or_text(transaction->from, A), index + 1, index);
    write_to(out, transaction, false);
    fprintf(out, ",\"transactionIndex\":\"0x%zx\",\"value\":\"%s\",\"type\":\"0x%x\"", index,
            or_text(transaction->value, "0x0"), transaction->type);
    write_fees(out, transaction);
    fprintf(out, "%s}", or_text(transaction->more, ""));
}

static inline void write_log(FILE *out, const struct text_log *log, size_t transaction, unsigned index,
                             uint64_t number)
{
    fprintf(out, "{\"address\":\"%s\",\"topics\":[", log->address);
    for (size_t i = 0; i < 4 && log->topics[i]; i++)
        fprintf(out, "%s\"%s%s\"", i ? "," : "", log->topics[i][1] == 'x' ? "" : "0x", log->topics[i]);
    fprintf(out, "],\"data\":\"0x%s\",", or_text(log->data, ""));
    write_place(out, number);
    fprintf(out,
            ",\"transactionHash\":\"0x%064zx\",\"transactionIndex\":\"0x%zx\",\"logIndex\":\"0x%x\","
            "\"removed\":false}",
            transaction + 1, transaction, index);
}

static inline void write_receipt(FILE *out, const struct text_transaction *transaction, size_t index,
                                 uint64_t number, unsigned gas, unsigned cumulative, unsigned *log_index,
                                 bool root)
{
    unsigned price = transaction->type == 0x7e ? 0 : transaction->price ? transaction->price : 10;
    fprintf(out, "{\"transactionHash\":\"0x%064zx\",\"transactionIndex\":\"0x%zx\",", index + 1, index);
    write_place(out, number);
    fprintf(out, ",\"from\":\"%s\"", or_text(transaction->from, A));
    write_to(out, transaction, true);
    fprintf(out,
            ",\"cumulativeGasUsed\":\"0x%x\",\"gasUsed\":\"0x%x\",\"effectiveGasPrice\":\"0x%x\",\"type\":"
            "\"0x%x\"",
            cumulative, gas, price, transaction->type);
    if (root)
        fprintf(out, ",\"root\":\"" HASH("7e") "\"");
    else
        fprintf(out, ",\"status\":\"0x%d\"", !transaction->failed);
    fprintf(out, ",\"logs\":[");
    for (size_t i = 0; i < 8 && transaction->logs[i].address; i++) {
        fprintf(out, "%s", i ? "," : "");
        write_log(out, &transaction->logs[i], index, (*log_index)++, number);
    }
    fprintf(out, "]%s}", or_text(transaction->more_receipt, ""));
}

static inline struct texts texts_write(const struct text_block *from)
{
    uint64_t number = from->number ? from->number : 16;
    struct texts texts = {.number = number,
                          .chain_id = from->chain_id ? from->chain_id : 1,
                          .rules = chain_rules_find(or_text(from->rules, "latest")),
                          .traces_kind = from->traces_kind,
                          .wrapper = from->wrapper};
    size_t size;
    unsigned gas_sum = 0, log_index = 0;
    FILE *out = open_memstream(&texts.receipts, &size);
    fprintf(out, "[");
    for (size_t i = 0; i < from->count; i++) {
        unsigned gas = from->transactions[i].gas_used ? from->transactions[i].gas_used : 21000;
        gas_sum += gas;
        fprintf(out, "%s", i ? "," : "");
        write_receipt(out, &from->transactions[i], i, number, gas, gas_sum, &log_index, from->root_receipts);
    }
    fprintf(out, "]");
    fclose(out);
    out = open_memstream(&texts.block, &size);
    const char *root =
        from->count ? HASH("11") : "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
    fprintf(out,
            "{\"number\":\"0x%" PRIx64
            "\",\"hash\":\"" HASH("b0") "\",\"parentHash\":\"" HASH("b1") "\",\"logsBloom\":\"0x%0512d\",",
            number, log_index ? 1 : 0);
    fprintf(out,
            "\"transactionsRoot\":\"%s\",\"stateRoot\":\"" HASH(
                "5a") "\",\"receiptsRoot\":\"%s\",\"miner\":\"" MINER
                      "\",\"gasLimit\":\"0x1c9c380\",\"gasUsed\":\"0x%x\",\"timestamp\":\"0x%" PRIx64 "\"",
            root, root, gas_sum, from->time ? from->time : 1000);
    if (!from->no_base_fee)
        fprintf(out, ",\"baseFeePerGas\":\"0x%x\"", from->base_fee ? from->base_fee : 7);
    fprintf(out, ",\"transactions\":[");
    for (size_t i = 0; i < from->count; i++) {
        fprintf(out, "%s", i ? "," : "");
        write_transaction(out, &from->transactions[i], i, number);
    }
    fprintf(out, "],\"uncles\":[]%s}", or_text(from->more, ""));
    fclose(out);
    texts.traces = strdup(or_text(from->traces, ""));
    return texts;
}

static inline struct json_span span_text(const char *text)
{
    return (struct json_span){text, strlen(text)};
}

static inline enum tracer_status texts_decode(struct texts *texts)
{
    struct address wrapper;
    struct json_span receipts = span_text(texts->receipts);
    struct evm_replies replies = {.number = texts->number,
                                  .block = span_text(texts->block),
                                  .receipts = &receipts,
                                  .receipt_count = 1,
                                  .traces_kind = texts->traces_kind,
                                  .traces = span_text(texts->traces)};
    cr_assert(address_parse(TOKEN, strlen(TOKEN), &wrapper));
    struct evm_network network = {.rules = &texts->rules->evm,
                                  .chain_id = texts->chain_id,
                                  .wrappers = &wrapper,
                                  .wrapper_count = texts->wrapper};
    arena_free(texts->arena);
    texts->arena = arena_new(TRACER_GIB(2));
    cr_assert_not_null(texts->arena);
    texts->err = (struct error){0};
    return evm_decode_block(&network, &replies, texts->arena, &texts->decoded, &texts->notes, &texts->err);
}

static inline void texts_free(struct texts *texts)
{
    free(texts->block);
    free(texts->receipts);
    free(texts->traces);
    arena_free(texts->arena);
    memset(texts, 0, sizeof *texts);
}

/* Replace the n-th (from 0) occurrence of `from` in *text. */
static inline void replace_nth(char **text, unsigned n, const char *from, const char *to)
{
    char *at = *text;
    for (;; at++) {
        at = strstr(at, from);
        cr_assert_not_null(at, "not in the text: %s", from);
        if (n-- == 0)
            break;
    }
    char *changed = malloc(strlen(*text) + strlen(to) + 1);
    sprintf(changed, "%.*s%s%s", (int)(at - *text), *text, to, at + strlen(from));
    free(*text);
    *text = changed;
}
static inline void replace(char **text, const char *from, const char *to)
{
    replace_nth(text, 0, from, to);
}

/* "aa" for an address of twenty equal bytes, "void", else in full. */
static inline void short_address(struct address address, char to[static ADDRESS_TEXT_SIZE])
{
    bool same = true;
    address_format(address, to);
    for (size_t i = 1; i < 20; i++)
        same &= address.bytes[i] == address.bytes[0];
    if (address_is_void(address)) {
        strcpy(to, "void");
    } else if (same) {
        to[0] = to[2];
        to[1] = to[3];
        to[2] = '\0';
    }
}

/* One line a row: "0.0 fee native aa>99 147000". The caller frees. */
static inline char *rows_text(const struct block *block)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *row = &block->transfers[i];
        char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], asset[ASSET_TEXT_SIZE], amount[U256_DECIMAL_MAX],
            contract[ADDRESS_TEXT_SIZE], id[U256_DECIMAL_MAX];
        short_address(row->from, from);
        short_address(row->to, to);
        short_address(row->asset.contract, contract);
        u256_format_decimal(row->amount, amount);
        u256_format_decimal(row->asset.id, id);
        strcpy(asset, row->asset.kind == ASSET_NATIVE ? "native" : contract);
        if (row->asset.kind == ASSET_ITEM) {
            strcat(asset, "/");
            strcat(asset, id);
        }
        if (row->position.transaction_index == TRANSACTION_AFTER)
            fprintf(out, "end.%u ", row->position.index);
        else
            fprintf(out, "%d.%u ", row->position.transaction_index, row->position.index);
        fprintf(out, "%s %s %s>%s %s", transfer_kind_name(row->kind), asset, from, to, amount);
        if (row->log_index != LOG_INDEX_NONE)
            fprintf(out, " log %u", row->log_index);
        fprintf(out, "\n");
    }
    fclose(out);
    return text;
}

static inline void expect_rows(const struct text_block *block, const char *rows)
{
    struct texts texts = texts_write(block);
    cr_assert_eq(texts_decode(&texts), TRACER_OK, "%s", texts.err.text);
    char *text = rows_text(&texts.decoded);
    cr_assert_str_eq(text, rows);
    free(text);
    texts_free(&texts);
}

/* Decoding fails with the status, and the message holds `part`. */
static inline void expect_failure(struct texts *texts, enum tracer_status status, const char *part)
{
    enum tracer_status got = texts_decode(texts);
    cr_assert_eq(got, status, "%s instead of %s: %s", tracer_status_name(got), tracer_status_name(status),
                 texts->err.text);
    cr_assert_not_null(strstr(texts->err.text, part), "\"%s\" is not in \"%s\"", part, texts->err.text);
}

/* ---- recorded replies, where the shared data is ---- */

static inline const char *data_directory(void)
{
    const char *directory = getenv("TRACER_SHARED_DATA");
    return directory ? directory : SOURCE_DIR "/../shared/data";
}

/* The file's `result` member (or all of it); {NULL, 0} if there is no such file. The caller frees *ret_owned.
 */
static inline struct json_span load_result(const char *name, char **ret_owned)
{
    char path[1024];
    struct buffer bytes;
    struct error err;
    snprintf(path, sizeof path, "%s/%s", data_directory(), name);
    buffer_init(&bytes, TRACER_MIB(256));
    *ret_owned = NULL;
    if (file_read(path, TRACER_MIB(256), &bytes, &err) != TRACER_OK) {
        buffer_release(&bytes);
        return (struct json_span){NULL, 0};
    }
    char *text = strndup(bytes.data, bytes.size);
    struct json_span whole = {text, bytes.size}, found = whole, key, value;
    buffer_release(&bytes);
    struct json_reader reader;
    json_reader_init(&reader, whole.text, whole.length, TRACER_TRACE_JSON_DEPTH_MAX, TRACER_TRACE_VALUES_MAX);
    if (json_peek(&reader) == JSON_IS_OBJECT && json_enter_object(&reader))
        while (json_next_member(&reader, &key)) {
            cr_assert(json_skip(&reader, &value));
            if (json_span_is(key, "result"))
                found = value;
        }
    *ret_owned = text;
    return found;
}

static inline char *load_text(const char *name)
{
    char *owned;
    struct json_span span = load_result(name, &owned);
    if (!span.text)
        return NULL;
    char *text = strndup(span.text, span.length);
    free(owned);
    return text;
}

static inline bool data_is_absent(const char *test)
{
    char *owned;
    bool absent = !load_result("blocks/block-0.json", &owned).text;
    free(owned);
    if (absent)
        fprintf(stderr, "%s: skipped, no recorded data in %s (set TRACER_SHARED_DATA)\n", test,
                data_directory());
    return absent;
}

#endif
