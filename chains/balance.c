/* balance.c - what an account had before a block, by asking for state. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "tracer/hex.h"

#define SELECTOR_BALANCE_OF "70a08231"      /* balanceOf(address): ERC-20 */
#define SELECTOR_BALANCE_OF_ITEM "00fdd58e" /* balanceOf(address,uint256): ERC-1155 */
#define SELECTOR_OWNER_OF "6352211e"        /* ownerOf(uint256): ERC-721 */
#define ADDRESS_PADDING "000000000000000000000000"

struct question {
    struct chain_client *client;
    const struct asset *asset;
    char account[ADDRESS_TEXT_SIZE], which[QUANTITY_TEXT_SIZE];
    char id[65];
};

static enum tracer_status native_balance(const struct question *question, struct u256 *ret_amount,
                                         struct error *err)
{
    struct buffer result;
    char params[96];
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    snprintf(params, sizeof params, "[\"%s\",\"%s\"]", question->account, question->which);
    enum tracer_status status = client_call(question->client, "eth_getBalance", params, 0, &result, err);
    if (!status) {
        status = evm_decode_quantity(span_of(&result), ret_amount, err);
        if (status)
            error_context(err, "eth_getBalance");
    }
    buffer_release(&result);
    return status;
}

/* eth_call of the asset's contract with `data`. No contract, or one without an answer, answers "0x": no
 * balance. */
static enum tracer_status call_contract(const struct question *question, const char *data,
                                        struct u256 *ret_word, struct error *err)
{
    struct buffer result;
    char params[384], contract[ADDRESS_TEXT_SIZE];
    buffer_init(&result, TRACER_REPLY_OTHER_MAX);
    address_format(question->asset->contract, contract);
    snprintf(params, sizeof params, "[{\"to\":\"%s\",\"data\":\"0x%s\"},\"%s\"]", contract, data,
             question->which);
    enum tracer_status status = client_call(question->client, "eth_call", params, 0, &result, err);
    if (!status && json_span_is(span_of(&result), "\"0x\"")) {
        *ret_word = (struct u256){{0}};
    } else if (!status) {
        status = evm_decode_word(span_of(&result), ret_word, err);
        if (status)
            error_context(err, "eth_call");
    }
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

enum tracer_status chain_balance(struct chain_client *client, struct address account,
                                 const struct asset *asset, uint64_t number, struct u256 *ret_amount,
                                 struct error *err)
{
    struct question question = {.client = client, .asset = asset};
    struct u256 amount = {{0}};
    char data[256];
    uint8_t id[32];
    enum tracer_status status = TRACER_OK;
    if (number == 0) { /* nothing was before the first block */
        *ret_amount = amount;
        return TRACER_OK;
    }
    address_format(account, question.account);
    format_quantity(number - 1, question.which);
    switch (asset->kind) {
    case ASSET_NATIVE:
        status = native_balance(&question, &amount, err);
        break;
    case ASSET_TOKEN:
        snprintf(data, sizeof data, SELECTOR_BALANCE_OF ADDRESS_PADDING "%s", question.account + 2);
        status = call_contract(&question, data, &amount, err);
        break;
    case ASSET_ITEM:
        u256_to_bytes(asset->id, id);
        hex_encode(id, sizeof id, question.id);
        status = item_balance(&question, &amount, err);
        break;
    }
    if (status)
        error_context(err, "balance before block %" PRIu64, number);
    else
        *ret_amount = amount;
    return status;
}
