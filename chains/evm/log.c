/* log.c - token events to rows, by topic count and length, never by topic 0 alone (threat-model X8;
 * facts: events, token standards). */
#include "decode.h"

#include <string.h>

#include "tracer/hex.h"

/* Transfer(address,address,uint256): ERC-20, ERC-721, what came before them, and EIP-7708 */
static const struct hash topic_transfer = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0,
                                            0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4,
                                            0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};
/* TransferSingle(address,address,address,uint256,uint256): ERC-1155 */
static const struct hash topic_single = {{0xc3, 0xd5, 0x81, 0x68, 0xc5, 0xae, 0x73, 0x97, 0x73, 0x1d, 0x06,
                                          0x3d, 0x5b, 0xbf, 0x3d, 0x65, 0x78, 0x54, 0x42, 0x73, 0x43, 0xf4,
                                          0xc0, 0x83, 0x24, 0x0f, 0x7a, 0xac, 0xaa, 0x2d, 0x0f, 0x62}};
/* TransferBatch(address,address,address,uint256[],uint256[]): ERC-1155 */
static const struct hash topic_batch = {{0x4a, 0x39, 0xdc, 0x06, 0xd4, 0xc0, 0xdb, 0xc6, 0x4b, 0x70, 0xaf,
                                         0x90, 0xfd, 0x69, 0x8a, 0x23, 0x3a, 0x51, 0x8a, 0xa5, 0xd0, 0x7e,
                                         0x59, 0x5d, 0x98, 0x3b, 0x8c, 0x05, 0x26, 0xc8, 0xf7, 0xfb}};
/* Deposit(address,uint256), Withdrawal(address,uint256): WETH9 */
static const struct hash topic_deposit = {{0xe1, 0xff, 0xfc, 0xc4, 0x92, 0x3d, 0x04, 0xb5, 0x59, 0xf4, 0xd2,
                                           0x9a, 0x8b, 0xfc, 0x6c, 0xda, 0x04, 0xeb, 0x5b, 0x0d, 0x3c, 0x46,
                                           0x07, 0x51, 0xc2, 0x40, 0x2c, 0x5c, 0x5c, 0xc9, 0x10, 0x9c}};
static const struct hash topic_withdrawal = {
    {0x7f, 0xcf, 0x53, 0x2c, 0x15, 0xf0, 0xa6, 0xdb, 0x0b, 0xd6, 0xd0, 0xe0, 0x38, 0xbe, 0xa7, 0x1d,
     0x30, 0xd8, 0x08, 0xc7, 0xd9, 0x8c, 0xb3, 0xbf, 0x72, 0x68, 0xa9, 0x5b, 0xf5, 0x08, 0x1b, 0x65}};

static const struct address native_emitter = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                               0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};
static const struct address nobody = {{0}};

#define WORD_DIGITS 64u

bool log_is_native(const struct evm_log *log)
{
    return address_equal(log->address, native_emitter) && log->topic_count > 0 &&
           hash_equal(log->topics[0], topic_transfer);
}

/* An address fills the low 20 bytes of a word; the rest is zero. */
bool log_address(const struct hash *word, struct address *ret_address)
{
    for (int i = 0; i < 12; i++)
        if (word->bytes[i] != 0)
            return false;
    memcpy(ret_address->bytes, word->bytes + 12, sizeof ret_address->bytes);
    return true;
}

static size_t word_count(const struct evm_log *log)
{
    return log->data.length / WORD_DIGITS;
}

bool log_has_words(const struct evm_log *log, size_t count)
{
    return log->data.length == count * WORD_DIGITS;
}

/* The digits were checked when the log was read; `index` is within the data. */
struct hash log_word(const struct evm_log *log, size_t index)
{
    struct hash word = {{0}};
    if (!hex_decode(log->data.text + index * WORD_DIGITS, WORD_DIGITS, word.bytes, sizeof word.bytes))
        return (struct hash){{0}};
    return word;
}

struct u256 log_number(const struct evm_log *log, size_t index)
{
    struct hash word = log_word(log, index);
    return u256_from_bytes(word.bytes, sizeof word.bytes);
}

static struct u256 topic_number(const struct evm_log *log, size_t index)
{
    return u256_from_bytes(log->topics[index].bytes, sizeof log->topics[index].bytes);
}

static enum tracer_status undecoded(struct rows *rows)
{
    rows->undecoded_count++;
    return TRACER_OK;
}

static enum tracer_status token_row(struct rows *rows, const struct evm_log *log, enum asset_kind kind,
                                    struct u256 id, struct address from, struct address to,
                                    struct u256 amount)
{
    struct asset asset = {.kind = kind, .contract = log->address, .id = id};
    return rows_add(rows, TRANSFER_TOKEN, &asset, from, to, amount, (uint32_t)log->index);
}

static enum tracer_status rows_of_transfer(struct rows *rows, const struct evm_log *log)
{
    struct address from, to;
    struct u256 zero = {{0}}, one = u256_from_u64(1);
    if (log->topic_count == 1 && log_has_words(log, 3)) { /* nothing indexed: NFTs before ERC-721 */
        struct hash from_word = log_word(log, 0), to_word = log_word(log, 1);
        if (!log_address(&from_word, &from) || !log_address(&to_word, &to))
            return undecoded(rows);
        return token_row(rows, log, ASSET_ITEM, log_number(log, 2), from, to, one);
    }
    if (log->topic_count < 3 || !log_address(&log->topics[1], &from) || !log_address(&log->topics[2], &to))
        return undecoded(rows);
    if (log->topic_count == 3 && log_has_words(log, 1))
        return token_row(rows, log, ASSET_TOKEN, zero, from, to, log_number(log, 0));
    if (log->topic_count == 4 && log_has_words(log, 0))
        return token_row(rows, log, ASSET_ITEM, topic_number(log, 3), from, to, one);
    return undecoded(rows);
}

static enum tracer_status rows_of_single(struct rows *rows, const struct evm_log *log)
{
    struct address from, to;
    if (log->topic_count != 4 || !log_has_words(log, 2) || !log_address(&log->topics[2], &from) ||
        !log_address(&log->topics[3], &to))
        return undecoded(rows);
    return token_row(rows, log, ASSET_ITEM, log_number(log, 0), from, to, log_number(log, 1));
}

/* A dynamic array of words: its head word holds the offset in bytes of its length. */
static bool array_at(const struct evm_log *log, size_t head, size_t *ret_first, size_t *ret_count)
{
    size_t words = word_count(log);
    struct u256 offset = log_number(log, head), length;
    if (!u256_fits_u64(offset) || offset.limb[0] % 32 != 0 || offset.limb[0] / 32 >= words)
        return false;
    size_t at = (size_t)(offset.limb[0] / 32);
    length = log_number(log, at);
    if (!u256_fits_u64(length) || length.limb[0] > words - at - 1)
        return false;
    *ret_first = at + 1;
    *ret_count = (size_t)length.limb[0];
    return true;
}

static enum tracer_status rows_of_batch(struct rows *rows, const struct evm_log *log)
{
    struct address from, to;
    size_t ids, id_count, amounts, amount_count;
    if (log->topic_count != 4 || log->data.length % WORD_DIGITS != 0 || word_count(log) < 4 ||
        !log_address(&log->topics[2], &from) || !log_address(&log->topics[3], &to) ||
        !array_at(log, 0, &ids, &id_count) || !array_at(log, 1, &amounts, &amount_count) ||
        id_count != amount_count)
        return undecoded(rows);
    for (size_t i = 0; i < id_count; i++) {
        enum tracer_status status =
            token_row(rows, log, ASSET_ITEM, log_number(log, ids + i), from, to, log_number(log, amounts + i));
        if (status)
            return status;
    }
    return TRACER_OK;
}

bool is_wrapper(const struct evm_network *network, struct address contract)
{
    for (size_t i = 0; i < network->wrapper_count; i++)
        if (address_equal(network->wrappers[i], contract))
            return true;
    return false;
}

/* Whether a neighbour of log `index` is the Transfer that says the same: then Deposit or Withdrawal is no row
 * of its own (taint-spec 2.3: "events without Transfer"). */
static bool told_by_transfer(const struct evm_receipt *receipt, size_t index, struct address from,
                             struct address to)
{
    const struct evm_log *log = &receipt->logs[index];
    for (size_t side = 0; side < 2; side++) {
        if (side == 0 ? index == 0 : index + 1 == receipt->log_count)
            continue;
        const struct evm_log *other = side == 0 ? log - 1 : log + 1;
        struct address other_from, other_to;
        if (address_equal(other->address, log->address) && other->topic_count == 3 &&
            log_has_words(other, 1) && hash_equal(other->topics[0], topic_transfer) &&
            log_address(&other->topics[1], &other_from) && log_address(&other->topics[2], &other_to) &&
            address_equal(other_from, from) && address_equal(other_to, to) &&
            u256_equal(log_number(other, 0), log_number(log, 0)))
            return true;
    }
    return false;
}

static enum tracer_status rows_of_wrap(struct rows *rows, const struct evm_receipt *receipt, size_t index,
                                       bool deposit)
{
    const struct evm_log *log = &receipt->logs[index];
    struct address who;
    if (log->topic_count != 2 || !log_has_words(log, 1) || !log_address(&log->topics[1], &who))
        return undecoded(rows);
    struct address from = deposit ? nobody : who, to = deposit ? who : nobody;
    if (told_by_transfer(receipt, index, from, to))
        return TRACER_OK;
    return token_row(rows, log, ASSET_TOKEN, (struct u256){{0}}, from, to, log_number(log, 0));
}

enum tracer_status rows_of_log(struct rows *rows, const struct evm_network *network,
                               const struct evm_receipt *receipt, size_t index)
{
    const struct evm_log *log = &receipt->logs[index];
    if (log->topic_count == 0)
        return TRACER_OK;
    const struct hash *topic = &log->topics[0];
    if (hash_equal(*topic, topic_transfer))
        return log_is_native(log) ? TRACER_OK : rows_of_transfer(rows, log);
    if (hash_equal(*topic, topic_single))
        return rows_of_single(rows, log);
    if (hash_equal(*topic, topic_batch))
        return rows_of_batch(rows, log);
    bool deposit = hash_equal(*topic, topic_deposit);
    if ((deposit || hash_equal(*topic, topic_withdrawal)) && is_wrapper(network, log->address))
        return rows_of_wrap(rows, receipt, index, deposit);
    return TRACER_OK;
}
