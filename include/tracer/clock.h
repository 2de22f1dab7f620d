/* clock.h - time: a monotonic clock for deadlines, and UTC text of block times. Wall time is data only. */
#ifndef TRACER_CLOCK_H
#define TRACER_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_ns(void);
uint64_t clock_unix_s(void);
void clock_sleep_ms(uint32_t milliseconds);
/** "2022-03-23 13:29:09" (UTC, proleptic Gregorian) without locale or time zone database. */
void clock_format_utc(uint64_t unix_s, char to[static 32]);
/** "2022-03-23", "2022-03-23T13:29:09Z" or "2022-03-23 13:29:09" as UTC. */
bool clock_parse_utc(const char *text, size_t length, uint64_t *ret_unix_s);

#endif
