/* prices.h - USD prices that the user gives, by day and asset, and exact values from them.
 *
 * Nothing is guessed: a day and asset that the file does not have has no value. Values are whole numbers of
 * 10^-(decimals of the asset + PRICE_DECIMALS) USD, so that no digit is lost.
 */
#ifndef TRACER_PRICES_H
#define TRACER_PRICES_H

#include "tracer/address.h"

#define PRICE_DECIMALS 18u

struct prices;

/** A CSV file `date,asset,price` (docs/formats.md). The caller owns it: prices_free(). */
TRACER_MUST_USE enum tracer_status prices_read(const char *path, struct prices **ret_prices,
                                               struct error *err);
void prices_free(struct prices *prices);                /* NULL is fine */
const char *prices_name(const struct prices *prices);   /* of the file, without its folder */
const char *prices_sha256(const struct prices *prices); /* of its bytes */

/** Price of one whole unit of `asset` on the UTC day of `time`, in 10^-PRICE_DECIMALS USD. False: the file
 * has none. */
bool prices_find(const struct prices *prices, const struct asset *asset, uint64_t time,
                 struct u320 *ret_price);
/** amount (smallest units) * price. False: not below 2^256. */
bool prices_value(struct u320 amount, struct u320 price, struct u320 *ret_value);

#endif
