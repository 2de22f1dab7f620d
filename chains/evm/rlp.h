/* rlp.h - Recursive Length Prefix, strict in (threat-model R18) and canonical out (facts: transactions 1). */
#ifndef TRACER_CHAINS_EVM_RLP_H
#define TRACER_CHAINS_EVM_RLP_H

#include "keccak.h"
#include "tracer/buffer.h"
#include "tracer/json_reader.h"

/* ---- reading ---- */

struct rlp_item {
    struct bytes payload; /* of a list: its items */
    bool is_list;
};

/** Take the first item off `rest`. False: none is left, or it is not encoded in its only right form; then
 * *rest is unchanged. What is inside a list was not looked at. */
bool rlp_next(struct bytes *rest, struct rlp_item *ret_item);
/** The bytes are exactly one item, right at every depth up to TRACER_RLP_DEPTH_MAX. */
bool rlp_valid(struct bytes text);
/** A string that is an integer: at most 32 bytes, no leading zero. */
bool rlp_integer(const struct rlp_item *item, struct u256 *ret_value);
bool rlp_integer_u64(const struct rlp_item *item, uint64_t *ret_value); /* of at most 64 bits */
/** A string of exactly `size` bytes. */
bool rlp_fixed(const struct rlp_item *item, void *to, size_t size);

/* ---- writing: to the end of a buffer, whose failure is seen at the end ---- */

void rlp_bytes(struct buffer *to, const void *data, size_t size);
void rlp_u64(struct buffer *to, uint64_t value);
void rlp_u256(struct buffer *to, struct u256 value);
/** A string of the bytes that `digits` (hexadecimal, checked, an even number) stand for. */
void rlp_digits(struct buffer *to, struct json_span digits);
/** What is written between the two is the list's; `begin` is what the first one returned. */
size_t rlp_list_begin(const struct buffer *to);
void rlp_list_end(struct buffer *to, size_t begin);

#endif
