/* json_parts.h - the members that both JSON documents have (docs/formats.md). */
#ifndef TRACER_REPORT_JSON_PARTS_H
#define TRACER_REPORT_JSON_PARTS_H

#include "json_writer.h"
#include "view.h"

void json_put_amount(struct json_writer *json, const char *key, struct u320 amount);
void json_put_amount256(struct json_writer *json, const char *key, struct u256 amount);
void json_put_position(struct json_writer *json, const char *key, struct position position);
void json_put_hash(struct json_writer *json, const char *key, struct hash hash); /* null if not known */
void json_put_time(struct json_writer *json, uint64_t time);                     /* time and time_utc */
void json_put_account(struct json_writer *json, const char *key, const struct view *view, uint32_t account);
void json_put_asset(struct json_writer *json, const char *key, const struct view *view, uint32_t asset);
void json_put_log_index(struct json_writer *json, uint32_t log_index);

/** A transfer as stored: key .. amount, grade. */
void json_put_transfer(struct json_writer *json, const struct view *view, const struct result_hop *hop);
/** schema .. inputs */
void json_put_head(struct json_writer *json, const char *schema, const struct view *view);
/** sources, seeds */
void json_put_seeds(struct json_writer *json, const struct trace_result *result, const struct view *view);
/** accounts, assets */
void json_put_tables(struct json_writer *json, const struct view *view);
/** limits, repeat */
void json_put_tail(struct json_writer *json, const struct view *view);

#endif
