/* audit.c - the books against the chain's balances, and what was sent against nonces, as text, JSON (tracer/audit/1) and CSV. */
#include "csv_parts.h"
#include "json_parts.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

static const char *words_of(enum audit_outcome outcome)
{
    static const char *const words[AUDIT_OUTCOME_COUNT] = {
        "agree", "differ", "not compared: the contract does not answer",
        "not compared: no endpoint has that state", "not compared: over the limit (--max-accounts)"};
    return words[outcome];
}

/* before + in - out, with its sign: what the books say the account has. */
static void books_amount(const struct audit_line *line, bool *ret_negative, struct u320 *ret_amount)
{
    struct u320 in = u320_from_u256(line->before);
    u320_add_u320(&in, line->in);
    *ret_negative = u320_compare(in, line->out) < 0;
    *ret_amount = *ret_negative ? line->out : in;
    u320_sub_u320(ret_amount, *ret_negative ? in : line->out);
}

/* ---- text ---- */

static void print_assets(const struct text *text, const struct audit_result *result)
{
    text_heading(text, "BOOKS AGAINST BALANCES");
    for (size_t i = 0; i < result->asset_count; i++) {
        const struct audit_asset *asset = &result->assets[i];
        char name[ASSET_SHOWN_SIZE], amount[AMOUNT_TEXT_SIZE];
        view_asset_name(&text->view, asset->asset, name);
        fprintf(text->stream, "  %s\n", name);
        for (int outcome = 0; outcome < AUDIT_OUTCOME_COUNT; outcome++)
            if (asset->counts[outcome])
                fprintf(text->stream, "    %10" PRIu64 "  %s\n", asset->counts[outcome],
                        words_of((enum audit_outcome)outcome));
        view_amount(&text->view, asset->asset, asset->too_little, amount);
        if (!u320_is_zero(asset->too_little))
            fprintf(text->stream, "                the books have too little by %s in all\n", amount);
        view_amount(&text->view, asset->asset, asset->too_much, amount);
        if (!u320_is_zero(asset->too_much))
            fprintf(text->stream, "                the books have too much by %s in all\n", amount);
    }
    if (!result->asset_count)
        fputs("  nothing to compare\n", text->stream);
}

static void print_lines(const struct text *text, const struct audit_result *result)
{
    if (!result->line_count)
        return;
    text_heading(text, "WHAT DOES NOT AGREE");
    for (size_t i = 0; i < result->line_count; i++) {
        const struct audit_line *line = &result->lines[i];
        const struct result_account *account = view_account(&text->view, line->account);
        char address[ADDRESS_TEXT_SIZE] = "-", name[NAME_SHOWN_SIZE] = "", asset[ASSET_SHOWN_SIZE],
             amount[AMOUNT_TEXT_SIZE], chain[AMOUNT_TEXT_SIZE], difference[AMOUNT_TEXT_SIZE];
        struct u320 books;
        bool negative;
        if (account) {
            address_format(account->address, address);
            name_shown(account->name, name);
        }
        view_asset_name(&text->view, line->asset, asset);
        fprintf(text->stream, "  %s%s%s, %s\n", address, name[0] ? "  " : "", name, asset);
        if (line->outcome != AUDIT_DIFFERS) {
            fprintf(text->stream, "      %s\n", words_of(line->outcome));
            continue;
        }
        books_amount(line, &negative, &books);
        view_amount(&text->view, line->asset, books, amount);
        view_amount(&text->view, line->asset, u320_from_u256(line->chain), chain);
        view_amount(&text->view, line->asset, line->difference, difference);
        fprintf(text->stream, "      books %s%s%s, chain %s: the books have %s too %s\n", negative ? "-" : "",
                amount, negative ? " (more went out than came in)" : "", chain, difference,
                line->too_little ? "little" : "much");
    }
}

static const char *nonce_words(enum nonce_outcome outcome)
{
    static const char *const words[NONCE_OUTCOME_COUNT] = {
        "agree", "differ", "differ, but their code is delegated (EIP-7702): no conclusion", "are contracts: skipped",
        "not compared: no answer", "not compared: no endpoint has that state", "not compared: over the limit (--max-accounts)"};
    return words[outcome];
}

static void print_nonces(const struct text *text, const struct audit_result *result)
{
    bool any = false;
    text_heading(text, "TRANSACTIONS SENT AGAINST NONCES");
    for (int outcome = 0; outcome < NONCE_OUTCOME_COUNT; outcome++) {
        any |= result->nonce_counts[outcome] > 0;
        if (result->nonce_counts[outcome])
            fprintf(text->stream, "    %10" PRIu64 "  %s\n", result->nonce_counts[outcome], nonce_words((enum nonce_outcome)outcome));
    }
    if (!any)
        fputs("  nothing to compare\n", text->stream);
    for (size_t i = 0; i < result->nonce_count; i++) {
        const struct audit_nonce *nonce = &result->nonces[i];
        const struct result_account *account = view_account(&text->view, nonce->account);
        char address[ADDRESS_TEXT_SIZE] = "-", name[NAME_SHOWN_SIZE] = "";
        if (account) {
            address_format(account->address, address);
            name_shown(account->name, name);
        }
        fprintf(text->stream, "  %s%s%s\n", address, name[0] ? "  " : "", name);
        if (nonce->outcome != NONCE_DIFFERS && nonce->outcome != NONCE_DELEGATED) {
            fprintf(text->stream, "      %s\n", nonce_words(nonce->outcome));
            continue;
        }
        fprintf(text->stream, "      the chain counts %" PRIu64 " before and %" PRIu64 " after, the store has %" PRIu64 " between",
                nonce->before, nonce->after, nonce->stored);
        if (nonce->has_missing)
            fprintf(text->stream, ": nonce %" PRIu64 " is missing%s", nonce->missing,
                    nonce->outcome == NONCE_DELEGATED ? " or was none of a transaction" : "");
        fputs("\n", text->stream);
    }
}

enum tracer_status text_audit(FILE *stream, const struct audit_result *result,
                              const struct report_options *options, struct error *err)
{
    struct text text;
    struct view view = view_of_trace(&result->trace);
    const struct result_head *head = &result->trace.head;
    text_init(&text, stream, &view, options);
    text_wrap_printf(
        &text, "", "The books of the store against the balances of %s (chain %" PRIu64 ") at block %" PRIu64,
        head->network, head->chain_id, head->last_block);
    text_wrap_printf(&text, "", "rows of blocks %" PRIu64 " to %" PRIu64, head->first_block,
                     head->last_block);
    print_assets(&text, result);
    print_lines(&text, result);
    print_nonces(&text, result);
    text_tail(&text);
    return stream_done(stream, err);
}

/* ---- JSON ---- */

enum tracer_status json_audit(FILE *stream, const struct audit_result *result,
                              const struct report_options *options, struct error *err)
{
    struct json_writer json;
    struct view view = view_of_trace(&result->trace);
    (void)options;
    json_writer_init(&json, stream);
    json_open(&json, '{');
    json_put_head(&json, "tracer/audit/1", &view);
    json_put_open(&json, "counts", '{');
    for (int outcome = 0; outcome < AUDIT_OUTCOME_COUNT; outcome++)
        json_put_u64(&json, audit_outcome_name((enum audit_outcome)outcome), result->counts[outcome]);
    json_shut(&json, '}');
    json_put_open(&json, "sums", '[');
    for (size_t i = 0; i < result->asset_count; i++) {
        const struct audit_asset *asset = &result->assets[i];
        json_open(&json, '{');
        json_put_asset(&json, "asset", &view, asset->asset);
        for (int outcome = 0; outcome < AUDIT_OUTCOME_COUNT; outcome++)
            json_put_u64(&json, audit_outcome_name((enum audit_outcome)outcome), asset->counts[outcome]);
        json_put_amount(&json, "too_little", asset->too_little);
        json_put_amount(&json, "too_much", asset->too_much);
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_put_open(&json, "lines", '[');
    for (size_t i = 0; i < result->line_count; i++) {
        const struct audit_line *line = &result->lines[i];
        bool differs = line->outcome == AUDIT_DIFFERS;
        json_open(&json, '{');
        json_put_account(&json, "account", &view, line->account);
        json_put_asset(&json, "asset", &view, line->asset);
        json_put_text(&json, "outcome", audit_outcome_name(line->outcome));
        json_put_amount256(&json, "before", line->before);
        json_put_amount(&json, "in", line->in);
        json_put_amount(&json, "out", line->out);
        json_put_amount256(&json, "chain", line->chain);
        json_put_text(&json, "books_have", !differs ? "" : line->too_little ? "too_little" : "too_much");
        json_put_amount(&json, "difference", differs ? line->difference : (struct u320){{0}});
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_put_open(&json, "nonces", '{');
    json_put_open(&json, "counts", '{');
    for (int outcome = 0; outcome < NONCE_OUTCOME_COUNT; outcome++)
        json_put_u64(&json, nonce_outcome_name((enum nonce_outcome)outcome), result->nonce_counts[outcome]);
    json_shut(&json, '}');
    json_put_open(&json, "lines", '[');
    for (size_t i = 0; i < result->nonce_count; i++) {
        const struct audit_nonce *nonce = &result->nonces[i];
        json_open(&json, '{');
        json_put_account(&json, "account", &view, nonce->account);
        json_put_text(&json, "outcome", nonce_outcome_name(nonce->outcome));
        json_put_u64(&json, "before", nonce->before);
        json_put_u64(&json, "stored", nonce->stored);
        json_put_u64(&json, "after", nonce->after);
        if (nonce->has_missing)
            json_put_u64(&json, "missing", nonce->missing);
        else
            json_put_nothing(&json, "missing");
        json_shut(&json, '}');
    }
    json_shut(&json, ']');
    json_shut(&json, '}');
    json_put_tables(&json, &view);
    json_put_tail(&json, &view);
    json_shut(&json, '}');
    return stream_done(stream, err);
}

/* ---- CSV ---- */

enum tracer_status csv_audit(FILE *stream, const struct audit_result *result,
                             const struct report_options *options, struct error *err)
{
    struct line line;
    struct view view = view_of_trace(&result->trace);
    enum tracer_status status = TRACER_OK;
    (void)options;
    line_init(&line);
    fputs(
        "account,account_name,asset,symbol,decimals,recognised,outcome,before,in,out,chain,books_have,difference,schema\n",
        stream);
    for (size_t i = 0; i < result->line_count && !status; i++) {
        const struct audit_line *audited = &result->lines[i];
        bool differs = audited->outcome == AUDIT_DIFFERS;
        add_account(&line, &view, audited->account);
        add_asset(&line, &view, audited->asset);
        add_text(&line, audit_outcome_name(audited->outcome));
        add_amount(&line, u320_from_u256(audited->before));
        add_amount(&line, audited->in);
        add_amount(&line, audited->out);
        add_amount(&line, u320_from_u256(audited->chain));
        add_text(&line, !differs ? "" : audited->too_little ? "too_little" : "too_much");
        add_amount(&line, differs ? audited->difference : (struct u320){{0}});
        add_text(&line, "tracer/audit-csv/1");
        status = line_put(&line, stream, err);
    }
    for (size_t i = 0; i < result->nonce_count && !status; i++) { /* in the columns of a balance */
        const struct audit_nonce *nonce = &result->nonces[i];
        bool differs = nonce->outcome == NONCE_DIFFERS || nonce->outcome == NONCE_DELEGATED;
        struct u320 books = u320_from_u256(u256_from_u64(nonce->before)), chain = u320_from_u256(u256_from_u64(nonce->after));
        u320_add(&books, u256_from_u64(nonce->stored));
        bool little = u320_compare(books, chain) < 0;
        struct u320 difference = little ? chain : books;
        u320_sub_u320(&difference, little ? books : chain);
        add_account(&line, &view, nonce->account);
        add_text(&line, "nonce");
        for (int empty = 0; empty < 3; empty++)
            add_text(&line, "");
        add_text(&line, nonce_outcome_name(nonce->outcome));
        add_u64(&line, nonce->before);
        add_u64(&line, nonce->stored);
        add_u64(&line, 0);
        add_u64(&line, nonce->after);
        add_text(&line, !differs ? "" : little ? "too_little" : "too_much");
        add_amount(&line, differs ? difference : (struct u320){{0}});
        add_text(&line, "tracer/audit-csv/1");
        status = line_put(&line, stream, err);
    }
    line_release(&line);
    return status ? status : stream_done(stream, err);
}
