/* balance.c - what an account had before a block, and how much it had sent, by asking for state. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
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

static enum tracer_status read_plain(const struct asset *asset, struct json_span answer,
                                     struct u256 *ret_amount, struct error *err)
{
    bool quantity = !asset || asset->kind == ASSET_NATIVE;
    enum tracer_status status = quantity ? evm_decode_quantity(answer, ret_amount, err) : read_word(answer, ret_amount, err);
    if (!status && !asset && !u256_fits_u64(*ret_amount))
        status = error_set(err, TRACER_E_REPLY, "result: more than 64 bits");
    if (status)
        error_context(err, !asset ? "eth_getTransactionCount" : quantity ? "eth_getBalance" : "eth_call");
    return status;
}

/* eth_call of the asset's contract with `data`. */
static enum tracer_status call_contract(const struct question *question, const char *data,
                                        struct u256 *ret_word, struct error *err)
{
    struct buffer result;
    char params[PARAMS_SIZE];
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    call_params(question, data, params);
    enum tracer_status status = client_call(question->client, "eth_call", params, 0, &result, err);
    if (!status && (status = read_word(span_of(&result), ret_word, err)))
        error_context(err, "eth_call");
    buffer_release(&result);
    return status;
}

static enum tracer_status item_balance(const struct question *question, struct u256 *ret_amount,
                                       struct error *err)
{
    char data[256];
    struct u256 word, owner;
    struct address account;
    snprintf(data, sizeof data, SELECTOR_BALANCE_OF_ITEM ADDRESS_PADDING "%s%s", question->account + 2,
             question->id);
    enum tracer_status status = call_contract(question, data, &word, err);
    if (!status && !u256_is_zero(word)) {
        *ret_amount = word;
        return TRACER_OK;
    }
    if (status && status != TRACER_E_REPLY)
        return status;
    /* not ERC-1155, or none there: ask for the owner */
    snprintf(data, sizeof data, SELECTOR_OWNER_OF "%s", question->id);
    status = call_contract(question, data, &owner, err);
    if (status && status != TRACER_E_REPLY)
        return status;
    *ret_amount = (struct u256){{0}};
    if (!status && address_parse(question->account, strlen(question->account), &account) &&
        u256_equal(owner, u256_from_bytes(account.bytes, sizeof account.bytes)))
        *ret_amount = u256_from_u64(1);
    return TRACER_OK;
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
static enum tracer_status one_balance(struct chain_client *client, struct chain_balance *balance,
                                      struct error *err)
{
    struct question question;
    struct buffer result;
    char params[PARAMS_SIZE];
    make_question(client, balance, &question);
    if (is_item(balance))
        return item_balance(&question, &balance->amount, err);
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    const char *method = plain_question(&question, params);
    enum tracer_status status = client_call(client, method, params, 0, &result, err);
    if (!status)
        status = read_plain(balance->asset, span_of(&result), &balance->amount, err);
    buffer_release(&result);
    return status;
}

/* ---- many at once ---- */

struct group {
    struct rpc_batch batch;
    struct rpc_call calls[GROUP_CALLS];
    char params[GROUP_CALLS][PARAMS_SIZE];
    struct chain_balance *asked[GROUP_CALLS];
};

#define NOT_ASKED TRACER_STATUS_COUNT

/* The next balances that a batch can ask for; false: there are none left. */
static bool fill(struct chain_client *client, struct group *group, struct chain_balance *balances,
                 size_t count, size_t *at)
{
    size_t calls = 0;
    size_t most = client_batch(client, count - *at);
    for (; *at < count && calls < GROUP_CALLS && calls < most; (*at)++) {
        struct chain_balance *balance = &balances[*at];
        struct question question;
        struct json_span known;
        struct error ignored;
        enum tracer_status missing;
        if (balance->number == 0 || is_item(balance))
            continue;
        make_question(client, balance, &question);
        group->calls[calls] = (struct rpc_call){.params = group->params[calls]};
        group->calls[calls].method = plain_question(&question, group->params[calls]);
        if (client_answer(client, group->calls[calls].method, group->params[calls], &known, &missing, &ignored) && !missing &&
            read_plain(balance->asset, known, &balance->amount, &ignored) == TRACER_OK)
            balance->status = TRACER_OK;
        else
            group->asked[calls++] = balance;
    }
    group->batch = (struct rpc_batch){
        .calls = group->calls, .call_count = calls, .endpoint = client_endpoint(client), .context = group};
    return calls > 0;
}

static void read_group(struct chain_client *client, struct group *group)
{
    struct error ignored;
    for (size_t i = 0; group->batch.status == TRACER_OK && i < group->batch.call_count; i++) {
        const struct rpc_call *call = &group->calls[i];
        struct chain_balance *balance = group->asked[i];
        struct json_span answer = {call->result, call->result_length};
        if (call->status == TRACER_OK &&
            read_plain(balance->asset, answer, &balance->amount, &ignored) == TRACER_OK) {
            balance->status = TRACER_OK;
            client_keep(client, call->method, call->params, answer);
        }
    }
}

static enum tracer_status ask_groups(struct chain_client *client, struct group *groups,
                                     struct chain_balance *balances, size_t count, struct error *err)
{
    size_t at = 0, live = 0;
    enum tracer_status status = TRACER_OK;
    struct group *free_group = groups;
    for (size_t g = 0; g < GROUPS && !status; g++) {
        if (!fill(client, &groups[g], balances, count, &at))
            break;
        status = client_submit(client, &groups[g].batch, err);
        live += !status;
    }
    while (live && !status) {
        struct rpc_batch *done;
        if ((status = client_wait(client, &done, err)))
            break;
        free_group = done->context;
        live--;
        if (done->status == TRACER_E_STOPPED || done->status == TRACER_E_NOMEM)
            status = error_set(err, done->status, "%s", done->error.text);
        read_group(client, free_group);
        client_release(done);
        if (!status && fill(client, free_group, balances, count, &at)) {
            status = client_submit(client, &free_group->batch, err);
            live += !status;
        }
    }
    for (size_t g = 0; g < GROUPS; g++)
        client_release(&groups[g].batch);
    return status;
}

enum tracer_status chain_balances(struct chain_client *client, struct chain_balance *balances, size_t count,
                                  struct error *err)
{
    struct group *groups = calloc(GROUPS, sizeof *groups);
    if (!groups)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    for (size_t i = 0; i < count; i++) {
        balances[i].status = balances[i].number == 0 ? TRACER_OK : NOT_ASKED;
        balances[i].amount = (struct u256){{0}};
    }
    enum tracer_status status = ask_groups(client, groups, balances, count, err);
    free(groups);
    for (size_t i = 0; i < count && !status; i++) {
        if (balances[i].status == TRACER_OK)
            continue;
        balances[i].status = one_balance(client, &balances[i], err);
        if (balances[i].status && balances[i].status != TRACER_E_REPLY &&
            balances[i].status != TRACER_E_UNAVAILABLE) {
            status = balances[i].status;
            error_context(err, "state before block %" PRIu64, balances[i].number);
        }
    }
    return status;
}

/* ---- what stands at an address ---- */

#define DELEGATION_DIGITS 46u /* 0xef0100 and an address (EIP-7702) */

enum tracer_status chain_code_before(struct chain_client *client, struct address account, uint64_t number,
                                     enum chain_code *ret_code, struct error *err)
{
    char address[ADDRESS_TEXT_SIZE], which[QUANTITY_TEXT_SIZE], params[PARAMS_SIZE];
    struct json_span digits;
    struct buffer result;
    *ret_code = CODE_NONE;
    if (number == 0)
        return TRACER_OK;
    address_format(account, address);
    format_quantity(number - 1, which);
    snprintf(params, sizeof params, "[\"%s\",\"%s\"]", address, which);
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    enum tracer_status status = client_call(client, "eth_getCode", params, 0, &result, err);
    if (!status && (status = evm_decode_data(span_of(&result), &digits, err)))
        error_context(err, "eth_getCode");
    if (!status && digits.length)
        *ret_code = digits.length == DELEGATION_DIGITS && memcmp(digits.text, "ef0100", 6) == 0 ? CODE_DELEGATED : CODE_CONTRACT;
    buffer_release(&result);
    return status;
}
