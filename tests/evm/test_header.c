/* test_header.c - block hashes from the members of headers: known answers of every number of fields, the real
 * blocks, and each member changed. */
#include "evm/vectors.h"

#define EMPTY_ROOT "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
#define RONIN_STATE_ROOT "0xd7f5c1399df288345a17ceb796849dea975dabdf50e8cd4aa7ee8915fb421918"

/* What a node would answer for a header, without what the block holds. The caller frees. */
static char *json_of_header(struct bytes raw, const char *hash)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "{\"hash\":\"%s\",\"uncles\":[],\"transactions\":[],\"withdrawals\":[]", hash);
    write_header_members(out, raw);
    fprintf(out, "}");
    fclose(out);
    return text;
}

static enum tracer_status hash_of(const char *json, struct hash *ret_hash, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MIB(1));
    struct evm_header header;
    enum tracer_status status = header_read(span_text(json), arena, &header, err);
    if (!status)
        status = header_hash(&header, ret_hash, err);
    arena_free(arena);
    return status;
}

/* The RLP of a vector (the caller frees ->data) and its hash. */
static struct bytes raw_named(const char *name, struct hash *ret_hash)
{
    struct vectors vectors = vectors_load();
    struct bytes raw = {NULL, 0};
    for (size_t i = 0; i < vectors.count && !raw.data; i++)
        if (strcmp(vectors.rows[i].name, name) == 0) {
            raw = vector_bytes(vectors.rows[i].raw, strlen(vectors.rows[i].raw));
            *ret_hash = vector_hash(vectors.rows[i].hash);
        }
    cr_assert_not_null(raw.data, "no vector %s", name);
    free(vectors.text);
    return raw;
}

static char *json_named(const char *name, struct hash *ret_hash)
{
    char text[HASH_TEXT_SIZE];
    struct bytes raw = raw_named(name, ret_hash);
    hash_format(*ret_hash, text);
    char *json = json_of_header(raw, text);
    free((void *)raw.data);
    return json;
}

Test(header, known_answers_of_15_16_17_20_and_21_fields)
{
    static const char *const known[] = {
        "h15_block1", "h16_block27",     "h17_block39",      "h20_block42", "h21_block45",
        "mainnet_1",  "mainnet_1234567", "mainnet_12964999", "op_block274", "mainnet_15537393"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct hash want, got;
        struct error err = {0};
        char *json = json_named(known[i], &want);
        cr_assert_eq(hash_of(json, &got, &err), TRACER_OK, "%s: %s", known[i], err.text);
        cr_assert(hash_equal(got, want), "%s", known[i]);
        free(json);
    }
}

/* Ronin's first block. The state root was computed from the four accounts of its genesis file. */
Test(header, the_anchor_of_ronin_is_the_hash_of_its_genesis)
{
    struct chain_network network;
    struct hash got;
    struct error err = {0};
    char json[4096];
    snprintf(
        json, sizeof json,
        "{\"hash\":\"" HASH("00") "\",\"parentHash\":\"" HASH(
            "00") "\",\"sha3Uncles\":\"0x"
                  "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347\",\"miner\":\"" ADDRESS(
                      "00") "\",\"stateRoot\":\"" RONIN_STATE_ROOT "\",\"transactionsRoot\":\"" EMPTY_ROOT
                            "\",\"receiptsRoot\":\"" EMPTY_ROOT
                            "\",\"logsBloom\":\"0x%0512d\",\"difficulty\":\"0x7\","
                            "\"number\":\"0x0\",\"gasLimit\":\"0x80000000\",\"gasUsed\":\"0x0\",\"timestamp\":\"0x0\","
                            "\"extraData\":\"" HASH("00") "\",\"mixHash\":\"" HASH(
                                "00") "\",\"nonce\":\"0x0000000000000000\",\"transactions\":[],\"uncles\":[]}",
        0);
    cr_assert(chain_builtin("ronin", &network));
    cr_assert_eq(hash_of(json, &got, &err), TRACER_OK, "%s", err.text);
    cr_assert(hash_equal(got, network.anchor_hash));
}

static void cut(char *json, const char *from, const char *to)
{
    char *at = strstr(json, from), *rest = strstr(json, to);
    cr_assert(at && rest);
    memmove(at, rest, strlen(rest) + 1);
}

/* Ronin's own Cancun has no withdrawals and no beacon root: 18 fields (facts: ronin 4). */
Test(header, ronin_headers_have_blob_gas_without_withdrawals)
{
    struct hash unused, got;
    struct error err = {0};
    char *json = json_named("h20_block42", &unused);
    struct bytes raw = raw_named("h20_block42", &unused), whole = raw, rest = next_item(&whole).payload;
    struct buffer want;
    buffer_init(&want, 4096);
    size_t list = rlp_list_begin(&want);
    for (size_t i = 0; rest.size > 0; i++) {
        struct rlp_item item = next_item(&rest);
        if (i != 16 && i != 19)
            rlp_bytes(&want, item.payload.data, item.payload.size);
    }
    rlp_list_end(&want, list);
    cut(json, ",\"withdrawalsRoot\"", ",\"blobGasUsed\"");
    cut(json, ",\"parentBeaconBlockRoot\"", "}");
    cr_assert_eq(hash_of(json, &got, &err), TRACER_OK, "%s", err.text);
    cr_assert(hash_equal(got, keccak256(want.data, want.size)));
    buffer_release(&want);
    free((void *)raw.data);
    free(json);
}

/* One digit of a member changed: another hash. The member missing: refused, or another hash. */
Test(header, R2_every_member_is_hashed)
{
    struct hash want, got;
    struct error err = {0};
    char *json = json_named("h21_block45", &want);
    for (size_t i = 0; i < HEADER_NAMES; i++) {
        char key[40], renamed[42], *changed = strdup(json);
        snprintf(key, sizeof key, "\"%s\":\"0x", header_names[i]);
        snprintf(renamed, sizeof renamed, "\"-%s\":\"0x", header_names[i]);
        char *value = strstr(changed, key);
        cr_assert_not_null(value, "%s", key);
        char *digit = strchr(value + strlen(key), '"') - 1;
        if (*digit == 'x') /* empty extraData */
            replace(&changed, key, "\"extraData\":\"0x01");
        else
            *digit = *digit == '1' ? '2' : '1';
        cr_assert_eq(hash_of(changed, &got, &err), TRACER_OK, "%s: %s", header_names[i], err.text);
        cr_assert_not(hash_equal(got, want), "%s", header_names[i]);
        free(changed);
        changed = strdup(json);
        replace(&changed, key, renamed);
        enum tracer_status status = hash_of(changed, &got, &err);
        if (status)
            cr_assert(status == TRACER_E_REPLY && strstr(err.text, header_names[i]), "%s", err.text);
        else
            cr_assert_not(hash_equal(got, want), "%s", header_names[i]);
        free(changed);
    }
    free(json);
}

/* A member of a late fork is not told in the place of another: withdrawals hidden as a beacon root. */
Test(header, R11_members_of_later_forks_need_those_before_them)
{
    static const char *const needed[] = {"withdrawalsRoot", "blobGasUsed", "excessBlobGas",
                                         "parentBeaconBlockRoot", "baseFeePerGas"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct hash unused;
        struct error err = {0};
        struct evm_header header;
        struct evm_network network = {.rules = &chain_rules_find("latest")->evm, .chain_id = 1};
        struct arena *arena = arena_new(TRACER_MIB(1));
        char key[40], part[40], *json = json_named("h21_block45", &unused);
        snprintf(key, sizeof key, "\"%s\":", needed[i]);
        snprintf(part, sizeof part, "%s: missing", needed[i]);
        replace(&json, key, "\"-\":");
        cr_assert_eq(header_decode(&network, span_text(json), 45, arena, &header, &err), TRACER_E_REPLY);
        cr_assert_not_null(strstr(err.text, part), "\"%s\" is not in \"%s\"", part, err.text);
        free(json);
        arena_free(arena);
    }
}

static size_t real_count, checkpoint_count;

static void check_real_header(const char *name, struct json_span block)
{
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    struct arena *arena = arena_new(TRACER_MIB(256));
    struct evm_header header = real_header(&network, block, arena);
    struct hash hash;
    struct error err = {0};
    cr_assert_eq(header_hash(&header, &hash, &err), TRACER_OK, "%s: %s", name, err.text);
    cr_assert(hash_equal(hash, header.hash), "%s", name);
    real_count++;
    struct chain_network ethereum;
    struct hash known;
    cr_assert(chain_builtin("ethereum", &ethereum));
    if (chain_checkpoint(&ethereum, header.number, &known)) {
        cr_assert(hash_equal(hash, known), "%s is not the checkpoint", name);
        checkpoint_count++;
    }
    arena_free(arena);
}

Test(header, every_one_of_the_real_blocks)
{
    if (data_is_absent("header"))
        return;
    each_real_block(check_real_header);
    cr_assert_geq(real_count, 34);
    cr_assert_geq(checkpoint_count, 18);
    fprintf(stderr, "%zu real headers have their hash\n", real_count);
}
