/* address.h - the value types that name things on a chain. They pass by value and own nothing. */
#ifndef TRACER_ADDRESS_H
#define TRACER_ADDRESS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tracer/u256.h"

struct address { /* 20 bytes; all zero is the void of taint-spec 2.1 */
    uint8_t bytes[20];
};
struct hash { /* keccak-256: of a block, a transaction, ... All zero means "not known". */
    uint8_t bytes[32];
};

#define ADDRESS_TEXT_SIZE 43 /* "0x", 40 digits, NUL */
#define HASH_TEXT_SIZE 67

/* As memcmp() orders; most differ in the first bytes. */
static inline int address_compare(struct address a, struct address b)
{
    uint64_t x, y;
    memcpy(&x, a.bytes, sizeof(x));
    memcpy(&y, b.bytes, sizeof(y));
    return x == y ? memcmp(a.bytes, b.bytes, sizeof(a.bytes)) : be64toh(x) < be64toh(y) ? -1 : 1;
}
static inline bool address_equal(struct address a, struct address b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}
static inline bool address_is_void(struct address a)
{
    return address_equal(a, (struct address){{0}});
}
static inline bool hash_equal(struct hash a, struct hash b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}
static inline bool hash_is_zero(struct hash a)
{
    return hash_equal(a, (struct hash){{0}});
}

/** "0x" or "ronin:" (any case) and 40 digits of any case (facts/ronin.md 3). EIP-55 is not checked here. */
bool address_parse(const char *text, size_t length, struct address *ret_address);
void address_format(struct address address, char to[static ADDRESS_TEXT_SIZE]); /* lower case */
bool hash_parse(const char *text, size_t length, struct hash *ret_hash);
void hash_format(struct hash hash, char to[static HASH_TEXT_SIZE]);

/* An asset (taint-spec 2.1): the chain's own coin, a token contract, or one id of an ERC-721/1155
 * contract. Its text is "native", the contract, or "contract/decimal id"; texts sort by ASCII bytes. */
enum asset_kind { ASSET_NATIVE, ASSET_TOKEN, ASSET_ITEM };

struct asset {
    enum asset_kind kind;
    struct address contract; /* zero for ASSET_NATIVE */
    struct u256 id;          /* zero but for ASSET_ITEM */
};

#define ASSET_TEXT_SIZE (ADDRESS_TEXT_SIZE + U256_DECIMAL_MAX)

bool asset_parse(const char *text, size_t length, struct asset *ret_asset);
size_t asset_format(struct asset asset, char to[static ASSET_TEXT_SIZE]); /* returns the length */
bool asset_equal(const struct asset *a, const struct asset *b);
int asset_compare(const struct asset *a, const struct asset *b); /* in the order of their texts */

/* The key of a transfer (taint-spec 2.1): its place in execution order. */
struct position {
    uint64_t block_number;     /* < 2^63 */
    int32_t transaction_index; /* -1: before the first transaction, INT32_MAX: after the last */
    uint32_t index;            /* < 2^31, row within the transaction */
};

#define POSITION_TEXT_SIZE 48
#define TRANSACTION_BEFORE (-1)
#define TRANSACTION_AFTER INT32_MAX

static inline int position_compare(struct position a, struct position b)
{
    if (a.block_number != b.block_number)
        return a.block_number < b.block_number ? -1 : 1;
    if (a.transaction_index != b.transaction_index)
        return a.transaction_index < b.transaction_index ? -1 : 1;
    if (a.index != b.index)
        return a.index < b.index ? -1 : 1;
    return 0;
}
static inline bool position_same_transaction(struct position a, struct position b)
{
    return a.block_number == b.block_number && a.transaction_index == b.transaction_index;
}
/** "block:txi:idx" */
size_t position_format(struct position position, char to[static POSITION_TEXT_SIZE]);
bool position_parse(const char *text, size_t length, struct position *ret_position);

#endif
