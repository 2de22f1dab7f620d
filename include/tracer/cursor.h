/* cursor.h - transfers in chain order, as the taint engine reads them. `graph` and `import` implement it.
 *
 * Rows name accounts and assets by dense ids, given in an order that only the implementation knows; the
 * engine turns them into addresses through the two functions. Id 0 of accounts is always void, id 0 of
 * assets always the native coin.
 */
#ifndef TRACER_CURSOR_H
#define TRACER_CURSOR_H

#include "tracer/transfer.h"

struct cursor_row {
    struct position position;
    struct u256 amount;
    uint32_t from, to; /* account ids */
    uint32_t asset;    /* asset id */
    uint32_t link;
    uint8_t kind; /* enum transfer_kind */
    uint8_t leg;  /* enum transfer_leg */
};

struct cursor {
    void *self;
    /** The next rows in strictly increasing order; borrowed until the next call. *ret_count 0 is the end.
     * A batch may end inside a transaction. */
    enum tracer_status (*next)(void *self, const struct cursor_row **ret_rows, size_t *ret_count,
                               struct error *err);
    /** Start again at the first row. */
    enum tracer_status (*rewind)(void *self, struct error *err);
    /** All ids of rows returned so far are below these counts (they may grow with next()). */
    uint32_t (*account_count)(void *self);
    uint32_t (*asset_count)(void *self);
    struct address (*account)(void *self, uint32_t id);
    struct asset (*asset)(void *self, uint32_t id);
    void (*close)(void *self);
};

/* Of a cursor that gives the transactions of some accounts only, found by the index of a store. */
struct cursor_index {
    void *self;
    /** The account's rows count from the next transaction on, and from the first after rewind(). */
    enum tracer_status (*add)(void *self, uint32_t account, struct error *err);
    /** So does a single row, if there is one at this position. */
    enum tracer_status (*add_row)(void *self, struct position position, struct error *err);
    /** TRACER_E_NOT_FOUND: the address is in no row. */
    enum tracer_status (*find)(void *self, struct address address, uint32_t *ret_account, struct error *err);
};

static inline void cursor_close(struct cursor *cursor)
{
    if (cursor->close)
        cursor->close(cursor->self);
    *cursor = (struct cursor){0};
}

#endif
