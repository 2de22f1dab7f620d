/* picture.h - the flow of a trace as a drawing: accounts in groups, groups in columns by their steps from the
 * theft, all in whole pixels. Only recognised assets are drawn: what others sent is no amount that one could
 * compare. */
#ifndef TRACER_REPORT_PICTURE_H
#define TRACER_REPORT_PICTURE_H

#include "view.h"

#define PICTURE_COLUMNS_MAX 12u /* what is further away stands in the last one */
#define PICTURE_ROWS_MAX 16u    /* groups a column; the smallest ones stand together */
#define PICTURE_COLUMN_WIDTH 320u
#define PICTURE_NODE_WIDTH 12u
#define PICTURE_TOP 44u         /* above the first group: heads of the columns */
#define PICTURE_FLOW_WIDTH 200u /* of the greatest amount of an asset that goes through one group */
#define PICTURE_SLOT_MIN 34u    /* height of a group and its two lines of text */

struct picture_group {
    uint32_t column;
    enum label_class class_;
    const char *name; /* of a service, mixer, bridge or venue; NULL: by account */
    bool is_rest;     /* the smallest ones of the column */
    uint32_t account; /* one of them */
    size_t account_count;
    size_t first; /* hop that is the first to reach it, or to leave it */
    uint32_t y, height;
};
struct picture_flow { /* all flagged hops of an asset from one group to another, by group, group, asset */
    uint32_t from, to, asset;
    uint64_t count;
    struct u320 tainted, unproven;
    size_t first, last; /* hops */
    uint32_t width, from_y, to_y;
};
struct picture {
    struct picture_group *groups; /* by column, place in it */
    size_t group_count;
    struct picture_flow *flows;
    size_t flow_count;
    struct u320 *sums;  /* for each asset of the result, room to add up */
    uint32_t *group_of; /* of each account of the result; RESULT_NONE: not drawn */
    uint32_t column_count, width, height;
    uint64_t left_out; /* flagged hops of assets that are not recognised */
};
TRACER_MUST_USE enum tracer_status picture_make(const struct trace_result *result,
                                                struct picture *ret_picture, struct error *err);
void picture_release(struct picture *picture);
/** Drawn from right to left, or within a column: to where units had been before. */
bool picture_goes_back(const struct picture *picture, const struct picture_flow *flow);

#endif
