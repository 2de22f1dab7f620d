/* audit.c - the books of the store against the chain's balances: sums over the rows, independent of any
 * policy; and the nonces (nonces.c). */
#include "tracer/audit.h"

#include "pipeline.h"
#include "tracer/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)4096) /* balances asked for before progress is told and a signal looked at */

#define NATIVE 0u /* id of the coin (cursor.h) */

struct book {
    uint64_t key; /* account << 32 | asset, plus 1; 0: empty */
    bool opened;  /* the store has its balance before the first block */
    struct u320 in, out;
    struct u256 opening;
};

struct auditing {
    const struct audit_request *request;
    struct audit_result *result;
    struct case_state state;
    uint64_t block; /* balances at its end */
    struct hash hash;
    struct book *books; /* open addressing, then sorted */
    size_t book_count, capacity;
    struct address *only; /* sorted; the accounts asked for */
    size_t only_count;
    bool *recognised; /* by asset id */
    struct nonce_lines nonces;
    struct error *err;
};

/* ---- the books ---- */

static uint64_t mix(uint64_t key)
{
    key *= UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 29;
}

static struct book *slot_of(struct book *books, size_t capacity, uint64_t key)
{
    size_t at = mix(key) & (capacity - 1);
    while (books[at].key && books[at].key != key)
        at = (at + 1) & (capacity - 1);
    return &books[at];
}

static struct book *book_of(struct auditing *a, uint32_t account, uint32_t asset)
{
    uint64_t key = ((uint64_t)account << 32 | asset) + 1;
    if (a->book_count * 2 >= a->capacity) {
        size_t capacity = a->capacity ? a->capacity * 2 : 1024;
        struct book *books = a->book_count < TRACER_AUDIT_BOOKS_MAX ? calloc(capacity, sizeof(*books)) : NULL;
        if (!books)
            return NULL;
        for (size_t i = 0; i < a->capacity; i++)
            if (a->books[i].key)
                *slot_of(books, capacity, a->books[i].key) = a->books[i];
        free(a->books);
        a->books = books;
        a->capacity = capacity;
    }
    struct book *book = slot_of(a->books, a->capacity, key);
    a->book_count += !book->key;
    book->key = key;
    return book;
}

static int order_addresses(const void *a, const void *b)
{
    return address_compare(*(const struct address *)a, *(const struct address *)b);
}

static bool is_wanted(const struct auditing *a, uint32_t account)
{
    struct address address = a->state.cursor.account(a->state.cursor.self, account);
    return !address_is_void(address) &&
           (!a->only_count || bsearch(&address, a->only, a->only_count, sizeof(address), order_addresses));
}

static bool enter(struct auditing *a, const struct cursor_row *row)
{
    struct book *book;
    if (row->kind == TRANSFER_OPENING) {
        if (!is_wanted(a, row->to))
            return true;
        if (!(book = book_of(a, row->to, row->asset)))
            return false;
        book->opened = true;
        book->opening = row->amount;
        return true;
    }
    /* The coin of everybody: who shows only in tokens may have got it by internal transfers that are missing. */
    if (is_wanted(a, row->from)) {
        if (!book_of(a, row->from, NATIVE) || !(book = book_of(a, row->from, row->asset)))
            return false;
        u320_add(&book->out, row->amount);
    }
    if (is_wanted(a, row->to)) {
        if (!book_of(a, row->to, NATIVE) || !(book = book_of(a, row->to, row->asset)))
            return false;
        u320_add(&book->in, row->amount);
    }
    return true;
}

static enum tracer_status keep_books(struct auditing *a)
{
    struct case_state *state = &a->state;
    const struct cursor_row *rows;
    size_t count;
    enum tracer_status status = graph_cursor(a->request->input.graph, a->request->input.chain_id,
                                             state->first, a->block, &state->cursor, a->err);
    while (!status && !(status = state->cursor.next(state->cursor.self, &rows, &count, a->err)) && count)
        for (size_t i = 0; i < count && !status; i++)
            if (!enter(a, &rows[i]))
                status =
                    error_set(a->err, TRACER_E_LIMIT,
                              "no memory for the books of more than %zu accounts and assets", a->book_count);
    return status;
}

/* Recognised assets first: they are compared before the limit is reached. */
static int order_books(const void *x, const void *y, void *context)
{
    const struct auditing *a = context;
    const struct cursor *cursor = &a->state.cursor;
    uint64_t one = ((const struct book *)x)->key - 1, other = ((const struct book *)y)->key - 1;
    if ((uint32_t)one != (uint32_t)other) {
        if (a->recognised[(uint32_t)one] != a->recognised[(uint32_t)other])
            return a->recognised[(uint32_t)one] ? -1 : 1;
        struct asset p = cursor->asset(cursor->self, (uint32_t)one), q = cursor->asset(cursor->self, (uint32_t)other);
        return asset_compare(&p, &q);
    }
    return address_compare(cursor->account(cursor->self, (uint32_t)(one >> 32)),
                           cursor->account(cursor->self, (uint32_t)(other >> 32)));
}

static enum tracer_status sort_books(struct auditing *a)
{
    const struct cursor *cursor = &a->state.cursor;
    uint32_t assets = cursor->asset_count(cursor->self);
    size_t kept = 0;
    if (!(a->recognised = calloc((size_t)assets + 1, sizeof(*a->recognised))))
        return error_set(a->err, TRACER_E_NOMEM, "no memory");
    for (uint32_t id = 0; id < assets; id++) {
        struct asset asset = cursor->asset(cursor->self, id);
        for (size_t i = 0; i < a->request->input.token_count && !a->recognised[id]; i++)
            a->recognised[id] = asset_equal(&a->request->input.tokens[i].asset.asset, &asset);
    }
    for (size_t i = 0; i < a->capacity; i++)
        if (a->books[i].key)
            a->books[kept++] = a->books[i];
    if (kept)
        qsort_r(a->books, kept, sizeof(*a->books), order_books, a);
    return TRACER_OK;
}

/* ---- the chain ---- */

static enum tracer_status check_block(struct auditing *a)
{
    struct block block;
    struct hash now;
    const struct case_input *input = &a->request->input;
    enum tracer_status status = graph_get_block(input->graph, input->chain_id, a->block, &block, a->err);
    if (status == TRACER_E_NOT_FOUND)
        return error_set(a->err, TRACER_E_USAGE, "block %" PRIu64 " is not in the store", a->block);
    if (!status)
        status = chain_block_hash(a->request->client, a->block, &now, a->err);
    if (!status && !hash_equal(now, block.hash))
        return error_set(a->err, TRACER_E_CONFLICT,
                         "block %" PRIu64
                         " of the store is not the chain's now: run ingest first, which follows the reorg",
                         a->block);
    a->hash = block.hash;
    return status;
}

/* Balance of a book, and what the chain says. */
static void judge(const struct book *book, const struct chain_balance *now,
                  const struct chain_balance *before, struct audit_line *line)
{
    struct u320 books = u320_from_u256(line->before), owed = book->out;
    enum tracer_status status = before->status ? before->status : now->status;
    u320_add_u320(&books, book->in);
    u320_add(&owed, now->amount);
    int order = u320_compare(books, owed); /* before + in against out + chain: never negative */
    line->chain = now->amount;
    line->too_little = order < 0;
    line->difference = order < 0 ? owed : books;
    u320_sub_u320(&line->difference, order < 0 ? books : owed);
    line->outcome = status == TRACER_E_UNAVAILABLE ? AUDIT_NO_STATE
                    : status                       ? AUDIT_NO_ANSWER
                    : order                        ? AUDIT_DIFFERS
                                                   : AUDIT_AGREES;
}

/* `lines` [count] are those of `books`; asks for two balances a book: at the block, and before the store
 * where it must. */
static enum tracer_status compare_piece(struct auditing *a, const struct book *books, size_t count,
                                        struct audit_line *lines, struct chain_balance *balances,
                                        struct asset *assets)
{
    const struct cursor *cursor = &a->state.cursor;
    for (size_t i = 0; i < count; i++) {
        uint64_t key = books[i].key - 1;
        struct address account = cursor->account(cursor->self, (uint32_t)(key >> 32));
        assets[i] = cursor->asset(cursor->self, (uint32_t)key);
        balances[i] = (struct chain_balance){.account = account, .asset = &assets[i], .number = a->block + 1};
        balances[count + i] = (struct chain_balance){
            .account = account, .asset = &assets[i], .number = books[i].opened ? 0 : a->state.first};
    }
    enum tracer_status status = chain_balances(a->request->client, balances, 2 * count, a->err);
    for (size_t i = 0; i < count && !status; i++) {
        lines[i].before = books[i].opened ? books[i].opening : balances[count + i].amount;
        judge(&books[i], &balances[i], &balances[count + i], &lines[i]);
    }
    return status;
}

static enum tracer_status compare(struct auditing *a, struct audit_line *lines)
{
    const struct audit_request *request = a->request;
    size_t most = a->book_count < request->balances_max ? a->book_count : (size_t)request->balances_max;
    struct chain_balance *balances = calloc(2 * PIECE, sizeof(*balances));
    struct asset *assets = calloc(PIECE, sizeof(*assets));
    enum tracer_status status =
        balances && assets ? TRACER_OK : error_set(a->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < a->book_count; i++)
        lines[i] =
            (struct audit_line){.outcome = AUDIT_OVER_LIMIT, .in = a->books[i].in, .out = a->books[i].out};
    for (size_t at = 0; at < most && !status; at += PIECE) {
        size_t count = most - at < PIECE ? most - at : PIECE;
        status = compare_piece(a, a->books + at, count, lines + at, balances, assets);
        if (!status && request->progress)
            request->progress(request->progress_context, at + count, most);
        if (!status && request->stop && *request->stop)
            status =
                error_set(a->err, TRACER_E_STOPPED, "stopped before all balances were compared: no result");
    }
    free(balances);
    free(assets);
    return status;
}

/* ---- the result ---- */

static bool is_open(enum nonce_outcome outcome)
{
    return outcome != NONCE_AGREES && outcome != NONCE_CONTRACT;
}

static enum tracer_status name_all(struct auditing *a, const struct audit_line *lines)
{
    struct case_state *state = &a->state;
    const struct cursor *cursor = &state->cursor;
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < a->book_count && !status; i++) {
        uint64_t key = a->books[i].key - 1;
        if (lines[i].outcome != AUDIT_AGREES)
            status = case_name_address(state, cursor->account(cursor->self, (uint32_t)(key >> 32)), a->err);
        if (!status && (i == 0 || (uint32_t)key != (uint32_t)(a->books[i - 1].key - 1)))
            status = case_list_asset(state, cursor->asset(cursor->self, (uint32_t)key), a->err);
    }
    for (size_t i = 0; i < a->nonces.count && !status; i++)
        if (is_open(a->nonces.items[i].outcome))
            status = case_name_address(state, a->nonces.addresses[i], a->err);
    return status ? status : case_seal_tables(state, a->err);
}

static void keep_nonces(struct auditing *a)
{
    struct audit_result *result = a->result;
    for (size_t i = 0; i < a->nonces.count; i++) {
        struct audit_nonce *nonce = &a->nonces.items[i];
        result->nonce_counts[nonce->outcome]++;
        if (!is_open(nonce->outcome))
            continue;
        nonce->account = case_account(&a->state, a->nonces.addresses[i]);
        a->nonces.items[result->nonce_count++] = *nonce;
    }
    result->nonces = a->nonces.items;
}

/* Before lines that agree are dropped. */
static enum tracer_status sum_accounts(struct auditing *a, const struct audit_line *lines)
{
    const struct cursor *cursor = &a->state.cursor;
    struct audit_finding *findings = calloc(a->book_count + 1, sizeof(*findings));
    size_t count = 0;
    if (!findings)
        return error_set(a->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < a->book_count; i++) {
        uint64_t key = a->books[i].key - 1;
        if (lines[i].outcome == AUDIT_AGREES || lines[i].outcome == AUDIT_DIFFERS)
            findings[count++] = (struct audit_finding){.address = cursor->account(cursor->self, (uint32_t)(key >> 32)),
                                                       .asset = cursor->asset(cursor->self, (uint32_t)key),
                                                       .recognised = a->recognised[(uint32_t)key],
                                                       .differs = lines[i].outcome == AUDIT_DIFFERS,
                                                       .too_little = lines[i].too_little,
                                                       .difference = lines[i].difference};
    }
    enum tracer_status status = audit_sum_accounts(a->result, findings, count, &a->nonces, a->err);
    free(findings);
    return status;
}

static enum tracer_status build(struct auditing *a, struct audit_line *lines)
{
    struct case_state *state = &a->state;
    struct audit_result *result = a->result;
    const struct cursor *cursor = &state->cursor;
    enum tracer_status status = name_all(a, lines);
    if (!status)
        status = sum_accounts(a, lines);
    struct audit_asset *assets = arena_calloc(state->arena, state->asset_shown_count + 1, sizeof(*assets));
    size_t kept = 0, count = 0;
    if (status)
        return status;
    if (!assets)
        return error_set(a->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < a->book_count; i++) { /* books stand by asset */
        uint64_t key = a->books[i].key - 1;
        struct asset asset = cursor->asset(cursor->self, (uint32_t)key);
        lines[i].asset = case_asset(state, &asset);
        lines[i].account = case_account(state, cursor->account(cursor->self, (uint32_t)(key >> 32)));
        if (!count || assets[count - 1].asset != lines[i].asset)
            assets[count++] = (struct audit_asset){.asset = lines[i].asset};
        struct audit_asset *sums = &assets[count - 1];
        sums->counts[lines[i].outcome]++;
        result->counts[lines[i].outcome]++;
        if (lines[i].outcome == AUDIT_DIFFERS)
            u320_add_u320(lines[i].too_little ? &sums->too_little : &sums->too_much, lines[i].difference);
        if (lines[i].outcome != AUDIT_AGREES)
            lines[kept++] = lines[i];
    }
    result->assets = assets;
    result->asset_count = count;
    result->lines = lines;
    result->line_count = kept;
    result->everybody = !a->request->account_count && !result->counts[AUDIT_OVER_LIMIT];
    keep_nonces(a);
    if ((status = case_note(
             state, NOTE_LIMIT, a->err,
             "balances and nonces are committed to by no hash that is checked here: they are what the endpoints say (asserted)")) ||
        (status = case_head(state, &result->trace.head, a->err)))
        return status;
    result->trace.head.policy = "none"; /* sums over the rows */
    result->trace.accounts = state->accounts;
    result->trace.account_count = state->account_count;
    result->trace.assets = state->assets_shown;
    result->trace.asset_count = state->asset_shown_count;
    return TRACER_OK;
}

static enum tracer_status read_accounts(struct auditing *a)
{
    const struct audit_request *request = a->request;
    if (request->account_count && !(a->only = calloc(request->account_count, sizeof(*a->only))))
        return error_set(a->err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < request->account_count; i++) {
        const char *text = request->accounts[i];
        if (!address_parse(text, strlen(text), &a->only[a->only_count++]))
            return error_set(a->err, TRACER_E_USAGE, "%s is no address", text);
        if (!proof_checksum_holds(text, strlen(text)))
            return error_set(a->err, TRACER_E_USAGE, "%s: " PROOF_CHECKSUM_WRONG, text);
    }
    if (a->only_count)
        qsort(a->only, a->only_count, sizeof(*a->only), order_addresses);
    return TRACER_OK;
}

/* Of a store that has the history of some accounts only, these are compared unless others are named. */
static enum tracer_status choose_accounts(struct auditing *a)
{
    struct audit_covered covered;
    const struct case_input *input = &a->request->input;
    if (a->only_count)
        return TRACER_OK;
    enum tracer_status status = audit_find_covered(input->graph, input->chain_id, a->state.first, a->block, &covered, a->err);
    if (status || covered.everybody || !covered.count) {
        free(covered.accounts);
        return status;
    }
    free(a->only);
    a->only = covered.accounts;
    a->only_count = covered.count;
    return case_note(&a->state, NOTE_LIMIT, a->err, "the store has the history of %zu accounts: only these are compared", covered.count);
}

static enum tracer_status run(struct auditing *a)
{
    struct case_state *state = &a->state;
    enum tracer_status status = case_open(state, &a->request->input, a->result->arena, a->err);
    if (status || (status = read_accounts(a)))
        return status;
    a->block = state->last;
    if (state->network.imported)
        return error_set(a->err, TRACER_E_USAGE,
                         "rows of a file have no blocks whose balances could be asked for");
    if ((status = check_block(a)) || (status = choose_accounts(a)) || (status = keep_books(a)) || (status = sort_books(a)))
        return status;
    struct audit_line *lines = arena_calloc(state->arena, a->book_count + 1, sizeof(*lines));
    if (!lines)
        return error_set(a->err, TRACER_E_NOMEM, "no memory");
    if ((status = compare(a, lines)) ||
        (status = case_nonces(state, a->request, a->block, a->only, a->only_count, &a->nonces, a->err)) ||
        (status = check_block(a))) /* again: no reorg came in between */
        return status;
    return build(a, lines);
}

enum tracer_status audit_run(const struct audit_request *request, struct audit_result **ret_result,
                             struct error *err)
{
    struct arena *arena = arena_new(TRACER_MEMORY_MAX);
    struct audit_result *result = arena ? arena_calloc(arena, 1, sizeof(*result)) : NULL;
    if (!result) {
        arena_free(arena);
        return error_set(err, TRACER_E_NOMEM, "no memory");
    }
    result->arena = arena;
    struct auditing a = {.request = request, .result = result, .err = err};
    enum tracer_status status = run(&a);
    case_close(&a.state);
    free(a.books);
    free(a.only);
    free(a.recognised);
    if (status)
        audit_result_free(result);
    else
        *ret_result = result;
    return status;
}
