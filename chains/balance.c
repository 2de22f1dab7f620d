/* balance.c - what an account had before a block, and how much it had sent, by asking for state. Where endpoints of several operators are
 * there, two of them are asked (opinion.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opinion.h"
#include "tracer/hex.h"

#define SELECTOR_BALANCE_OF "70a08231"      /* balanceOf(address): ERC-20 */
#define SELECTOR_BALANCE_OF_ITEM "00fdd58e" /* balanceOf(address,uint256): ERC-1155 */
#define SELECTOR_OWNER_OF "6352211e"        /* ownerOf(uint256): ERC-721 */
#define ADDRESS_PADDING "000000000000000000000000"

#define PARAMS_SIZE 384
#define GROUP_CALLS 24u /* of one batch */
#define GROUPS 16u      /* batches at once */

struct question {
    struct chain_client *client;
    const struct asset *asset; /* NULL: the nonce is asked for */
    char account[ADDRESS_TEXT_SIZE], which[QUANTITY_TEXT_SIZE];
    char id[65];
};

static void call_params(const struct question *question, const char *data, char to[static PARAMS_SIZE])
{
    char contract[ADDRESS_TEXT_SIZE];
    address_format(question->asset->contract, contract);
    snprintf(to, PARAMS_SIZE, "[{\"to\":\"%s\",\"data\":\"0x%s\"},\"%s\"]", contract, data, question->which);
}

/* Method and parameters for a nonce, a coin or an ERC-20 token. */
static const char *plain_question(const struct question *question, char params[static PARAMS_SIZE])
{
    char data[256];
    if (!question->asset || question->asset->kind == ASSET_NATIVE) {
        snprintf(params, PARAMS_SIZE, "[\"%s\",\"%s\"]", question->account, question->which);
        return question->asset ? "eth_getBalance" : "eth_getTransactionCount";
    }
    snprintf(data, sizeof data, SELECTOR_BALANCE_OF ADDRESS_PADDING "%s", question->account + 2);
    call_params(question, data, params);
    return "eth_call";
}

/* No contract, or one without an answer, answers "0x": no balance. */
static enum tracer_status read_word(struct json_span answer, struct u256 *ret_word, struct error *err)
{
    *ret_word = (struct u256){{0}};
    return json_span_is(answer, "\"0x\"") ? TRACER_OK : evm_decode_word(answer, ret_word, err);
}

/* `context`: the asset; NULL: a nonce. */
static enum tracer_status read_plain(const void *context, struct json_span answer, struct u256 *ret_amount, struct error *err)
{
    const struct asset *asset = context;
    bool quantity = !asset || asset->kind == ASSET_NATIVE;
    enum tracer_status status = quantity ? evm_decode_quantity(answer, ret_amount, err) : read_word(answer, ret_amount, err);
    if (!status && !asset && !u256_fits_u64(*ret_amount))
        status = error_set(err, TRACER_E_REPLY, "result: more than 64 bits");
    if (status)
        error_context(err, !asset ? "eth_getTransactionCount" : quantity ? "eth_getBalance" : "eth_call");
    return status;
}

/* A contract that does not have the function refuses: none. */
static enum tracer_status read_item(const void *context, struct json_span answer, struct u256 *ret_word, struct error *err)
{
    (void)context;
    *ret_word = (struct u256){{0}};
    if (!answer.length)
        return TRACER_OK;
    enum tracer_status status = read_word(answer, ret_word, err);
    if (status)
        error_context(err, "eth_call");
    return status;
}

/* By what the contract has of it as ERC-1155; if that is nothing, by its owner as ERC-721. */
static enum tracer_status item_balance(const struct question *question, uint64_t at, struct u256 *ret_amount, struct error *err)
{
    char data[256], params[PARAMS_SIZE];
    struct u256 owner;
    struct address account;
    snprintf(data, sizeof data, SELECTOR_BALANCE_OF_ITEM ADDRESS_PADDING "%s%s", question->account + 2, question->id);
    call_params(question, data, params);
    enum tracer_status status = opinion_ask(question->client, "eth_call", params, at, read_item, NULL, ret_amount, err);
    if (status || !u256_is_zero(*ret_amount))
        return status;
    snprintf(data, sizeof data, SELECTOR_OWNER_OF "%s", question->id);
    call_params(question, data, params);
    status = opinion_ask(question->client, "eth_call", params, at, read_item, NULL, &owner, err);
    if (!status && address_parse(question->account, strlen(question->account), &account))
        *ret_amount = u256_from_u64(u256_equal(owner, u256_from_bytes(account.bytes, sizeof account.bytes)));
    return status;
}

static void make_question(struct chain_client *client, const struct chain_balance *balance,
                          struct question *question)
{
    uint8_t id[32];
    *question = (struct question){.client = client, .asset = balance->asset};
    address_format(balance->account, question->account);
    format_quantity(balance->number - 1, question->which);
    u256_to_bytes(balance->asset ? balance->asset->id : (struct u256){{0}}, id);
    hex_encode(id, sizeof id, question->id);
}

static bool is_item(const struct chain_balance *balance)
{
    return balance->asset && balance->asset->kind == ASSET_ITEM;
}

/* One by one: items, and what a batch did not answer. */
static enum tracer_status one_balance(struct chain_client *client, struct chain_balance *balance, struct error *err)
{
    struct question question;
    char params[PARAMS_SIZE];
    make_question(client, balance, &question);
    if (is_item(balance))
        return item_balance(&question, balance->number - 1, &balance->amount, err);
    const char *method = plain_question(&question, params);
    return opinion_ask(client, method, params, balance->number - 1, read_plain, balance->asset, &balance->amount, err);
}

/* ---- many at once ---- */

struct group {
    struct rpc_batch batch;
    struct rpc_call calls[GROUP_CALLS];
    char params[GROUP_CALLS][PARAMS_SIZE];
    size_t asked[GROUP_CALLS]; /* balances */
};

/* A round of questions: first about all, then for another word on those that need one. */
struct round {
    struct chain_client *client;
    struct chain_balance *balances;
    struct opinion *opinions;
    size_t count, at;
    bool again;
};

#define NOT_ASKED TRACER_STATUS_COUNT

static bool is_known(struct round *round, struct chain_balance *balance, const struct rpc_call *call)
{
    struct json_span known;
    struct error ignored;
    enum tracer_status missing;
    return client_answer(round->client, call->method, call->params, &known, &missing, &ignored) && !missing &&
           read_plain(balance->asset, known, &balance->amount, &ignored) == TRACER_OK;
}

/* The next balances that a batch can ask for, all at one endpoint; false: there are none left. */
static bool fill(struct round *round, struct group *group)
{
    struct chain_client *client = round->client;
    size_t calls = 0, most = client_batch(client, round->count - round->at), endpoint = RPC_ANY;
    for (; round->at < round->count && calls < GROUP_CALLS && calls < most; round->at++) {
        struct chain_balance *balance = &round->balances[round->at];
        struct opinion *opinion = &round->opinions[round->at];
        struct question question;
        if (balance->number == 0 || is_item(balance))
            continue;
        if (round->again) {
            const uint32_t asked = opinion->asked;
            const size_t next = opinion_next(client, opinion, balance->number - 1);
            if (next == RPC_ANY)
                continue;
            if (calls && next != endpoint) { /* in a batch of its own */
                opinion->asked = asked;
                break;
            }
            endpoint = next;
        }
        make_question(client, balance, &question);
        group->calls[calls] = (struct rpc_call){.params = group->params[calls]};
        group->calls[calls].method = plain_question(&question, group->params[calls]);
        if (!round->again && is_known(round, balance, &group->calls[calls])) {
            balance->status = TRACER_OK;
            opinion->settled = true;
        } else {
            group->asked[calls++] = round->at;
        }
    }
    group->batch = (struct rpc_batch){
        .calls = group->calls, .call_count = calls, .endpoint = round->again ? endpoint : client_endpoint(client), .context = group};
    return calls > 0;
}

static void read_group(struct round *round, struct group *group)
{
    struct error ignored;
    struct u256 number;
    const enum tracer_status refused = group->batch.status;
    if (round->again && group->batch.call_count > 1 &&
        (refused == TRACER_E_LIMIT || refused == TRACER_E_REPLY || refused == TRACER_E_UNAVAILABLE)) { /* fewer at once */
        client_less_calls(round->client, &group->batch, (uint32_t)(group->batch.call_count / 2));
        for (size_t i = 0; i < group->batch.call_count; i++)
            round->opinions[group->asked[i]].asked &= ~(UINT32_C(1) << group->batch.endpoint);
        return;
    }
    if (round->again && refused == TRACER_E_NETWORK)
        client_gave_word(round->client, group->batch.endpoint, WORD_ON_STATE, false);
    for (size_t i = 0; i < group->batch.call_count; i++) {
        const struct rpc_call *call = &group->calls[i];
        struct chain_balance *balance = &round->balances[group->asked[i]];
        enum tracer_status status = group->batch.status ? group->batch.status : call->status;
        if (!status)
            status = read_plain(balance->asset, (struct json_span){call->result, call->result_length}, &number, &ignored);
        if (!status) {
            balance->status = TRACER_OK;
            client_gave_word(round->client, group->batch.answered_by, WORD_ON_STATE, true);
            opinion_add(&round->opinions[group->asked[i]], number, group->batch.answered_by);
        } else if (round->again && !refused) {
            opinion_silent(round->client, group->batch.endpoint, balance->number - 1, status);
        }
    }
}

static enum tracer_status ask_round(struct round *round, struct group *groups, struct error *err)
{
    struct chain_client *client = round->client;
    size_t live = 0;
    enum tracer_status status = TRACER_OK;
    round->at = 0;
    for (size_t g = 0; g < GROUPS && !status; g++) {
        if (!fill(round, &groups[g]))
            break;
        status = client_submit(client, &groups[g].batch, err);
        live += !status;
    }
    while (live && !status) {
        struct rpc_batch *done;
        if ((status = client_wait(client, &done, err)))
            break;
        struct group *free_group = done->context;
        live--;
        if (done->status == TRACER_E_STOPPED || done->status == TRACER_E_NOMEM)
            status = error_set(err, done->status, "%s", done->error.text);
        read_group(round, free_group);
        client_release(done);
        if (!status && fill(round, free_group)) {
            status = client_submit(client, &free_group->batch, err);
            live += !status;
        }
    }
    for (size_t g = 0; g < GROUPS; g++)
        client_release(&groups[g].batch);
    return status;
}

/* What was not answered in a batch. */
static enum tracer_status ask_rest(struct round *round, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < round->count && !status; i++) {
        struct chain_balance *balance = &round->balances[i];
        if (balance->status == TRACER_OK)
            continue;
        balance->status = one_balance(round->client, balance, err);
        if (balance->status && balance->status != TRACER_E_REPLY && balance->status != TRACER_E_UNAVAILABLE) {
            status = balance->status;
            error_context(err, "state before block %" PRIu64, balance->number);
        }
    }
    return status;
}

static bool needs_word(const struct round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        struct opinion opinion = round->opinions[i]; /* nobody is asked yet */
        if (opinion.count && opinion_next(round->client, &opinion, round->balances[i].number - 1) != RPC_ANY)
            return true;
    }
    return false;
}

/* What a task found is kept now, when there is no more to ask. */
static enum tracer_status settle(struct round *round, struct error *err)
{
    enum tracer_status status = TRACER_OK;
    for (size_t i = 0; i < round->count && !status; i++) {
        struct chain_balance *balance = &round->balances[i];
        struct question question;
        char params[PARAMS_SIZE], answer[72] = "\"";
        if (!round->opinions[i].count)
            continue;
        make_question(round->client, balance, &question);
        const char *method = plain_question(&question, params);
        balance->status = opinion_number(round->client, &round->opinions[i], method, params, balance->number - 1, &balance->amount, err);
        status = balance->status == TRACER_E_NOMEM ? balance->status : TRACER_OK;
        if (balance->status)
            continue;
        size_t length = 1;
        if (strcmp(method, "eth_call") == 0) { /* a word */
            uint8_t bytes[32];
            u256_to_bytes(balance->amount, bytes);
            memcpy(answer + length, "0x", 2);
            hex_encode(bytes, sizeof bytes, answer + length + 2);
            length += 66;
        } else {
            length += u256_format_quantity(balance->amount, answer + length);
        }
        answer[length++] = '"';
        client_keep(round->client, method, params, (struct json_span){answer, length});
    }
    return status;
}

enum tracer_status chain_balances(struct chain_client *client, struct chain_balance *balances, size_t count,
                                  struct error *err)
{
    struct group *groups = calloc(GROUPS, sizeof *groups);
    struct round round = {.client = client, .balances = balances, .opinions = calloc(count + 1, sizeof *round.opinions), .count = count};
    enum tracer_status status = groups && round.opinions ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < count; i++) {
        balances[i].status = balances[i].number == 0 ? TRACER_OK : NOT_ASKED;
        balances[i].amount = (struct u256){{0}};
    }
    if (!status && !(status = ask_round(&round, groups, err)))
        status = ask_rest(&round, err);
    for (round.again = true; !status && needs_word(&round);)
        status = ask_round(&round, groups, err);
    if (!status)
        status = settle(&round, err);
    free(round.opinions);
    free(groups);
    return status;
}

/* ---- what stands at an address ---- */

#define DELEGATION_DIGITS 46u /* 0xef0100 and an address (EIP-7702) */

/* What an opinion is about is which of the three it is. */
static enum tracer_status read_code(const void *context, struct json_span answer, struct u256 *ret_number, struct error *err)
{
    struct json_span digits;
    enum tracer_status status = evm_decode_data(answer, &digits, err);
    (void)context;
    if (status)
        return error_context(err, "eth_getCode"), status;
    *ret_number = u256_from_u64(!digits.length ? CODE_NONE : digits.length == DELEGATION_DIGITS && memcmp(digits.text, "ef0100", 6) == 0 ? CODE_DELEGATED : CODE_CONTRACT);
    return TRACER_OK;
}

enum tracer_status chain_code_before(struct chain_client *client, struct address account, uint64_t number,
                                     enum chain_code *ret_code, struct error *err)
{
    char address[ADDRESS_TEXT_SIZE], which[QUANTITY_TEXT_SIZE], params[PARAMS_SIZE];
    struct u256 code;
    *ret_code = CODE_NONE;
    if (number == 0)
        return TRACER_OK;
    address_format(account, address);
    format_quantity(number - 1, which);
    snprintf(params, sizeof params, "[\"%s\",\"%s\"]", address, which);
    enum tracer_status status = opinion_ask(client, "eth_getCode", params, number - 1, read_code, NULL, &code, err);
    if (!status)
        *ret_code = (enum chain_code)code.limb[0];
    return status;
}
