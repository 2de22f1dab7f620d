/* hex.h - hexadecimal text, strict (execution-apis: QUANTITY and DATA). */
#ifndef TRACER_HEX_H
#define TRACER_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Decode exactly 2 * size digits, either case, without prefix. False: a wrong digit or length. */
bool hex_decode(const char *text, size_t length, uint8_t *to, size_t size);
/** Decode "0x" and exactly 2 * size digits. "0X" is refused. */
bool hex_decode_0x(const char *text, size_t length, uint8_t *to, size_t size);
/** Write 2 * size lower-case digits and a NUL. */
void hex_encode(const uint8_t *from, size_t size, char *to);
/** Value of one digit, or -1. */
int hex_digit(char c);
/** A QUANTITY of at most 64 bits: "0x0", or "0x" and digits without a leading zero. */
bool hex_quantity_u64(const char *text, size_t length, uint64_t *ret_value);

#endif
