/* usd.h - values in USD as text (tracer/prices.h). */
#ifndef TRACER_REPORT_USD_H
#define TRACER_REPORT_USD_H

#include "text.h"
#include "tracer/prices.h"

#define USD_TEXT_SIZE (AMOUNT_TEXT_SIZE + 8)

/** Exact, without separators: "522961320.5". `decimals` of the asset; a price has 0. */
void usd_exact(struct u320 value, uint32_t decimals, char to[static USD_TEXT_SIZE]);
/** Rounded down to the cent, with separators: "522,961,320.50"; "< 0.01". */
void usd_cents(struct u320 value, uint32_t decimals, char to[static USD_TEXT_SIZE]);

/** What was stolen at the prices of its days, and where it is at those of the last day; what has no price is
 * named. */
void text_value(const struct text *text, const struct trace_result *result, const struct prices *prices);

#endif
