/* transfer.h - one movement of one asset from account to account (a row of taint-spec 2.2). */
#ifndef TRACER_TRANSFER_H
#define TRACER_TRANSFER_H

#include "tracer/address.h"

enum transfer_kind {
    TRANSFER_VALUE,    /* top-level native value of a transaction */
    TRANSFER_INTERNAL, /* native value of an inner frame */
    TRANSFER_TOKEN,
    TRANSFER_REWARD, /* void to account: block reward, withdrawal, genesis */
    TRANSFER_FEE,
    TRANSFER_OPENING, /* void to account: balance before the first ingested block */
    TRANSFER_ADJUST,
    TRANSFER_KIND_COUNT
};

enum transfer_leg { LEG_NONE, LEG_IN, LEG_OUT };

#define LOG_INDEX_NONE UINT32_MAX

struct transfer {
    struct position position;
    enum transfer_kind kind;
    struct asset asset;
    struct address from;
    struct address to;
    struct u256 amount; /* in the asset's smallest unit */
    uint32_t link;      /* exchange group (taint-spec 8), 0: none; < 2^31 */
    enum transfer_leg leg;
    uint32_t log_index; /* block-wide, of the event it was read from; LOG_INDEX_NONE */
};

const char *transfer_kind_name(enum transfer_kind kind); /* "value", "internal", ... */
const char *leg_name(enum transfer_leg leg);             /* "in", "out", "" */
bool transfer_kind_parse(const char *text, size_t length, enum transfer_kind *ret_kind);

#endif
