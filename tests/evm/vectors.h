/* vectors.h - the known answers of vectors.tsv, and JSON of a raw transaction. */
#ifndef TRACER_TESTS_EVM_VECTORS_H
#define TRACER_TESTS_EVM_VECTORS_H

#include "evm/decode.h"
#include "evm/texts.h"
#include "tracer/hex.h"

#include <glob.h>

struct vector {
    const char *kind, *name, *chain_id, *sender, *signing_hash, *raw, *hash;
};

struct vectors {
    char *text;
    struct vector rows[64];
    size_t count;
};

static inline struct vectors vectors_load(void)
{
    struct vectors vectors = {0};
    struct buffer bytes;
    struct error err;
    buffer_init(&bytes, TRACER_MIB(1));
    cr_assert_eq(file_read(SOURCE_DIR "/tests/evm/vectors.tsv", TRACER_MIB(1), &bytes, &err), TRACER_OK, "%s",
                 err.text);
    vectors.text = strndup(bytes.data, bytes.size);
    buffer_release(&bytes);
    char *rest = vectors.text, *line;
    while ((line = strsep(&rest, "\n"))) {
        struct vector *row = &vectors.rows[vectors.count];
        if (!*line || *line == '#')
            continue;
        row->kind = strsep(&line, "\t");
        row->name = strsep(&line, "\t");
        row->chain_id = strsep(&line, "\t");
        row->sender = strsep(&line, "\t");
        row->signing_hash = strsep(&line, "\t");
        row->raw = strsep(&line, "\t");
        row->hash = strsep(&line, "\t");
        cr_assert_not_null(row->hash);
        cr_assert_lt(++vectors.count, 64);
    }
    return vectors;
}

/* The caller frees ->data. */
static inline struct bytes vector_bytes(const char *hex, size_t length)
{
    uint8_t *data = malloc(length / 2);
    cr_assert(hex_decode_0x(hex, length, data, length / 2 - 1), "%.80s", hex);
    return (struct bytes){data, length / 2 - 1};
}

static inline struct hash vector_hash(const char *hex)
{
    struct hash hash;
    cr_assert(hash_parse(hex, strlen(hex), &hash), "%s", hex);
    return hash;
}

/* ---- real blocks, where the shared data is ---- */

/* Call `visit` with every block reply of the shared data; returns how many. */
static inline size_t each_real_block(void (*visit)(const char *name, struct json_span block))
{
    static const char *const patterns[] = {"blocks/block-*.json", "blocks-consecutive/*.json",
                                           "blocks-forks/*.json"};
    size_t count = 0, prefix = strlen(data_directory()) + 1;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char path[1024], *owned;
        glob_t found;
        snprintf(path, sizeof path, "%s/%s", data_directory(), patterns[i]);
        cr_assert_eq(glob(path, 0, NULL, &found), 0, "%s", patterns[i]);
        for (size_t k = 0; k < found.gl_pathc; k++) {
            visit(found.gl_pathv[k] + prefix, load_result(found.gl_pathv[k] + prefix, &owned));
            free(owned);
            count++;
        }
        globfree(&found);
    }
    return count;
}

/* The header and the transactions of an Ethereum block. */
static inline struct evm_header real_header(const struct evm_network *network, struct json_span block,
                                            struct arena *arena)
{
    struct evm_block_head head;
    struct evm_header header;
    struct error err;
    cr_assert_eq(evm_decode_head(block, arena, &head, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(header_decode(network, block, head.number, arena, &header, &err), TRACER_OK, "%s", err.text);
    return header;
}

/* ---- raw bytes to JSON ---- */

static inline struct rlp_item next_item(struct bytes *rest)
{
    struct rlp_item item;
    cr_assert(rlp_next(rest, &item));
    return item;
}

static inline void write_data(FILE *out, struct bytes bytes)
{
    fprintf(out, "\"0x");
    for (size_t i = 0; i < bytes.size; i++)
        fprintf(out, "%02x", bytes.data[i]);
    fprintf(out, "\"");
}

static inline void write_quantity(FILE *out, const struct rlp_item *item)
{
    struct u256 value;
    char text[67];
    cr_assert(rlp_integer(item, &value));
    u256_format_quantity(value, text);
    fprintf(out, "\"%s\"", text);
}

static inline void write_hashes(FILE *out, struct bytes rest)
{
    fprintf(out, "[");
    for (bool first = true; rest.size > 0; first = false) {
        fprintf(out, "%s", first ? "" : ",");
        write_data(out, next_item(&rest).payload);
    }
    fprintf(out, "]");
}

static inline void write_access_list(FILE *out, struct bytes rest)
{
    fprintf(out, "[");
    for (bool first = true; rest.size > 0; first = false) {
        struct bytes entry = next_item(&rest).payload;
        struct rlp_item address = next_item(&entry);
        fprintf(out, "%s{\"storageKeys\":", first ? "" : ","); /* in the other order, on purpose */
        write_hashes(out, next_item(&entry).payload);
        fprintf(out, ",\"address\":");
        write_data(out, address.payload);
        fprintf(out, "}");
    }
    fprintf(out, "]");
}

static inline void write_authorizations(FILE *out, struct bytes rest)
{
    static const char *const names[] = {"chainId", "address", "nonce", "yParity", "r", "s"};
    fprintf(out, "[");
    for (bool first = true; rest.size > 0; first = false) {
        struct bytes entry = next_item(&rest).payload;
        fprintf(out, "%s{", first ? "" : ",");
        for (size_t i = 0; i < 6; i++) {
            struct rlp_item item = next_item(&entry);
            fprintf(out, "%s\"%s\":", i ? "," : "", names[i]);
            if (i == 1)
                write_data(out, item.payload);
            else
                write_quantity(out, &item);
        }
        fprintf(out, "}");
    }
    fprintf(out, "]");
}

static const char *const header_names[] = {
    "parentHash",    "sha3Uncles",      "miner",       "stateRoot",     "transactionsRoot",
    "receiptsRoot",  "logsBloom",       "difficulty",  "number",        "gasLimit",
    "gasUsed",       "timestamp",       "extraData",   "mixHash",       "nonce",
    "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot",
    "requestsHash"};
#define HEADER_NAMES (sizeof header_names / sizeof *header_names)

/* The members of a header, each behind a comma. */
static inline void write_header_members(FILE *out, struct bytes raw)
{
    cr_assert(rlp_valid(raw));
    struct bytes rest = next_item(&raw).payload;
    for (size_t i = 0; rest.size > 0; i++) {
        struct rlp_item item = next_item(&rest);
        cr_assert_lt(i, HEADER_NAMES);
        fprintf(out, ",\"%s\":", header_names[i]);
        if ((i >= 7 && i <= 11) || i == 15 || i == 17 || i == 18)
            write_quantity(out, &item);
        else
            write_data(out, item.payload);
    }
}

#define FEES " maxPriorityFeePerGas maxFeePerGas"
static inline const char *names_of(unsigned type)
{
    switch (type) {
    case 1:
        return "chainId nonce gasPrice gas to value input accessList yParity r s";
    case 2:
        return "chainId nonce" FEES " gas to value input accessList yParity r s";
    case 3:
        return "chainId nonce" FEES
               " gas to value input accessList maxFeePerBlobGas blobVersionedHashes yParity r s";
    case 4:
        return "chainId nonce" FEES " gas to value input accessList authorizationList yParity r s";
    case 0x64:
        return "chainId nonce" FEES " gas to value input expiredTime payerV payerR payerS v r s";
    case 0x7e:
        return "sourceHash from to mint value gas isSystemTx input";
    default:
        return "nonce gasPrice gas to value input v r s";
    }
}

static inline bool is_word_of(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at++)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* What a node would answer for the raw transaction; `more` are the members that are not in it. The caller
 * frees.
 */
static inline char *json_of_raw(struct bytes raw, const char *more)
{
    char *text, names[256], *rest_names = names, *name;
    size_t size;
    unsigned type = raw.data[0] < 0x80 ? *raw.data : 0;
    struct bytes envelope = type ? (struct bytes){raw.data + 1, raw.size - 1} : raw;
    cr_assert(rlp_valid(envelope));
    struct bytes rest = next_item(&envelope).payload;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "{\"type\":\"0x%x\"%s", type, more);
    strcpy(names, names_of(type));
    while ((name = strsep(&rest_names, " "))) {
        struct rlp_item item = next_item(&rest);
        fprintf(out, ",\"%s\":", name);
        if (strcmp(name, "to") == 0 && item.payload.size == 0)
            fprintf(out, "null");
        else if (strcmp(name, "accessList") == 0)
            write_access_list(out, item.payload);
        else if (strcmp(name, "blobVersionedHashes") == 0)
            write_hashes(out, item.payload);
        else if (strcmp(name, "authorizationList") == 0)
            write_authorizations(out, item.payload);
        else if (strcmp(name, "isSystemTx") == 0)
            fprintf(out, item.payload.size ? "true" : "false");
        else if (is_word_of("to from input sourceHash", name))
            write_data(out, item.payload);
        else
            write_quantity(out, &item);
    }
    cr_assert_eq(rest.size, 0);
    fprintf(out, "}");
    fclose(out);
    return text;
}

#endif
