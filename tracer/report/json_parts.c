/* json_parts.c - what a trace and a check have in common, as JSON. */
#include "json_parts.h"

#include "tracer/clock.h"

void json_put_amount(struct json_writer *json, const char *key, struct u320 amount)
{
    char text[U320_DECIMAL_MAX];
    u320_format_decimal(amount, text);
    json_put_text(json, key, text);
}

void json_put_amount256(struct json_writer *json, const char *key, struct u256 amount)
{
    json_put_amount(json, key, u320_from_u256(amount));
}

void json_put_position(struct json_writer *json, const char *key, struct position position)
{
    char text[POSITION_TEXT_SIZE];
    position_format(position, text);
    json_put_text(json, key, text);
}

void json_put_hash(struct json_writer *json, const char *key, struct hash hash)
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    if (hash_is_zero(hash))
        json_put_nothing(json, key);
    else
        json_put_text(json, key, text);
}

void json_put_time(struct json_writer *json, uint64_t time)
{
    char text[32];
    if (time == 0) {
        json_put_nothing(json, "time");
        json_put_nothing(json, "time_utc");
        return;
    }
    clock_format_utc(time, text);
    json_put_u64(json, "time", time);
    json_put_text(json, "time_utc", text);
}

void json_put_account(struct json_writer *json, const char *key, const struct view *view, uint32_t account)
{
    char text[ADDRESS_TEXT_SIZE];
    const struct result_account *found = view_account(view, account);
    if (!found) {
        json_put_nothing(json, key);
        return;
    }
    address_format(found->address, text);
    json_put_text(json, key, text);
}

void json_put_asset(struct json_writer *json, const char *key, const struct view *view, uint32_t asset)
{
    char text[ASSET_TEXT_SIZE];
    asset_format(view_asset(view, asset)->asset, text);
    json_put_text(json, key, text);
}

void json_put_log_index(struct json_writer *json, uint32_t log_index)
{
    if (log_index == LOG_INDEX_NONE)
        json_put_nothing(json, "log_index");
    else
        json_put_u64(json, "log_index", log_index);
}

static void put_options(struct json_writer *json, const struct result_head *head)
{
    json_put_open(json, "options", '{');
    json_put_text(json, "links", links_name(head->options.links));
    json_put_text(json, "fees", fees_name(head->options.fees));
    json_put_text(json, "unknown", unknown_name(head->options.unknown));
    json_put_text(json, "opening", opening_name(head->options.opening));
    if (head->has_explored)
        json_put_u64(json, "explored", head->explored_count);
    else
        json_put_nothing(json, "explored");
    json_shut(json, '}');
}

static void put_network(struct json_writer *json, const struct result_head *head)
{
    json_put_open(json, "network", '{');
    json_put_text(json, "name", head->network);
    json_put_u64(json, "chain_id", head->chain_id);
    json_put_text(json, "native_symbol", head->native_symbol);
    json_put_truth(json, "imported", head->imported);
    json_put_truth(json, "time_keys", head->time_keys);
    json_shut(json, '}');
}

static void put_range(struct json_writer *json, const struct result_head *head)
{
    json_put_open(json, "range", '{');
    json_put_u64(json, "first_block", head->first_block);
    json_put_u64(json, "last_block", head->last_block);
    json_put_hash(json, "first_hash", head->first_hash);
    json_put_hash(json, "last_hash", head->last_hash);
    json_put_u64(json, "first_time", head->first_time);
    json_put_u64(json, "last_time", head->last_time);
    json_shut(json, '}');
}

void json_put_transfer(struct json_writer *json, const struct view *view, const struct result_hop *hop)
{
    json_put_position(json, "key", hop->position);
    json_put_hash(json, "transaction_hash", hop->transaction_hash);
    json_put_log_index(json, hop->log_index);
    json_put_time(json, hop->time);
    json_put_text(json, "kind", transfer_kind_name(hop->kind));
    json_put_account(json, "from", view, hop->from);
    json_put_account(json, "to", view, hop->to);
    json_put_asset(json, "asset", view, hop->asset);
    json_put_amount256(json, "amount", hop->amount);
    json_put_text(json, "grade", grade_name(hop->grade));
}

void json_put_head(struct json_writer *json, const char *schema, const struct view *view)
{
    const struct result_head *head = view->head;
    json_put_text(json, "schema", schema);
    json_put_open(json, "tool", '{');
    json_put_text(json, "name", "tracer");
    json_put_text(json, "version", head->version);
    json_put_text(json, "commit", head->commit);
    json_shut(json, '}');
    json_put_text(json, "spec", "taint/1");
    json_put_text(json, "policy", head->policy);
    put_options(json, head);
    put_network(json, head);
    put_range(json, head);
    json_put_open(json, "inputs", '[');
    for (size_t i = 0; i < head->input_count; i++) {
        json_open(json, '{');
        json_put_text(json, "role", head->inputs[i].role);
        json_put_text(json, "name", head->inputs[i].name);
        if (head->inputs[i].sha256[0])
            json_put_text(json, "sha256", head->inputs[i].sha256);
        else
            json_put_nothing(json, "sha256");
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

static void put_accounts(struct json_writer *json, const struct view *view)
{
    json_put_open(json, "accounts", '[');
    for (uint32_t i = 0; i < view->account_count; i++) {
        const struct result_account *account = &view->accounts[i];
        json_open(json, '{');
        json_put_account(json, "address", view, i);
        if (account->labelled) {
            json_put_open(json, "label", '{');
            json_put_text(json, "class", label_class_name(account->class_));
            json_put_text(json, "name", account->name);
            json_put_text(json, "category", account->category);
            json_put_text(json, "entity", account->entity);
            json_put_text(json, "origin", account->origin);
            json_shut(json, '}');
        } else {
            json_put_nothing(json, "label");
        }
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

void json_put_tables(struct json_writer *json, const struct view *view)
{
    put_accounts(json, view);
    json_put_open(json, "assets", '[');
    for (uint32_t i = 0; i < view->asset_count; i++) {
        json_open(json, '{');
        json_put_asset(json, "asset", view, i);
        json_put_text(json, "symbol", view->assets[i].symbol);
        json_put_u64(json, "decimals", view->assets[i].decimals);
        json_put_truth(json, "recognised", view->assets[i].recognised);
        json_shut(json, '}');
    }
    json_shut(json, ']');
}

void json_put_tail(struct json_writer *json, const struct view *view)
{
    const struct result_head *head = view->head;
    json_put_open(json, "limits", '{');
    for (int kind = 0; kind < NOTE_COUNT; kind++) {
        json_put_open(json, note_kind_name((enum note_kind)kind), '[');
        for (size_t i = 0; i < head->note_count; i++)
            if (head->notes[i].kind == (enum note_kind)kind)
                json_text(json, head->notes[i].text);
        json_shut(json, ']');
    }
    json_shut(json, '}');
    json_put_text(json, "repeat", head->repeat ? head->repeat : "");
    if (head->recorded)
        json_put_text(json, "recorded", head->recorded);
}
