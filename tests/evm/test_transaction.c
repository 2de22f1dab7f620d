/* test_transaction.c - the canonical bytes of transactions, their hashes and who signed them: known answers,
 * every transaction of the real blocks, and the rules of signatures by era. */
#include "evm/vectors.h"

#define PLACE ",\"blockHash\":\"" HASH("b0") "\",\"blockNumber\":\"0x10\",\"transactionIndex\":\"0x0\""

static struct decoder open_decoder(const char *json, struct error *err)
{
    struct decoder decoder;
    decoder_init(&decoder, span_text(json), false, NULL, err);
    return decoder;
}

static struct evm_transaction read_json(const char *json)
{
    struct evm_transaction transaction;
    struct error err;
    struct decoder decoder = open_decoder(json, &err);
    cr_assert_eq(transaction_read(&decoder, &transaction), TRACER_OK, "%s in %s", err.text, json);
    transaction.known = true;
    return transaction;
}

static struct bytes written(const struct evm_network *network, const struct evm_transaction *transaction,
                            enum transaction_form form, struct buffer *to)
{
    struct error err;
    buffer_init(to, TRACER_MIB(8));
    cr_assert_eq(transaction_write(network, transaction, form, to, &err), TRACER_OK, "%s", err.text);
    return (struct bytes){(const uint8_t *)to->data, to->size};
}

static struct hash hash_of(const struct evm_network *network, const struct evm_transaction *transaction,
                           enum transaction_form form)
{
    struct buffer buffer;
    struct bytes bytes = written(network, transaction, form, &buffer);
    struct hash hash = keccak256(bytes.data, bytes.size);
    buffer_release(&buffer);
    return hash;
}

/* As accepting a block does. */
static enum tracer_status check_header_signers(const struct evm_network *network, const struct evm_header *header, struct error *err)
{
    struct arena *arena = arena_new(TRACER_MIB(4));
    struct signers signers;
    struct bytes late[SIGNED_MAX];
    struct hash hashes[SIGNED_MAX];
    enum tracer_status status = TRACER_OK;
    signers_begin(&signers, network, header, arena);
    for (size_t i = 0; i < header->transaction_count && !status; i++) {
        struct buffer whole;
        buffer_init(&whole, TRACER_MIB(8));
        status = transaction_write(network, &header->transactions[i], FORM_WHOLE, &whole, err);
        if (!status)
            signers_add(&signers, i, (struct bytes){(const uint8_t *)whole.data, whole.size});
        buffer_release(&whole);
    }
    if (!status) {
        keccak256_many(late, signers_late(&signers, late), hashes);
        signers_late_hashed(&signers, hashes);
    }
    struct error ignored;
    enum tracer_status signed_by = signers_end(&signers, status ? &ignored : err);
    arena_free(arena);
    return status ? status : signed_by;
}

/* A transaction of the vectors, as it was read from JSON. */
struct subject {
    char *json;
    struct evm_network network;
    struct evm_header header; /* of a late block */
    struct evm_transaction transaction;
};

static struct subject subject_of(const struct vector *row)
{
    char more[400];
    bool ronin = strstr(row->name, "ronin"), deposit = strstr(row->name, "deposit");
    struct subject subject = {.network = {.rules = &chain_rules_find(ronin ? "ronin" : "latest")->evm},
                              .header = {.number = 40000000}};
    struct bytes raw = vector_bytes(row->raw, strlen(row->raw));
    subject.network.chain_id = strtoull(row->chain_id, NULL, 10);
    snprintf(more, sizeof more, PLACE ",\"hash\":\"%s\"%s%s%s", row->hash, deposit ? "" : ",\"from\":\"",
             deposit ? ",\"nonce\":\"0x111\"" : row->sender, deposit ? "" : "\"");
    subject.json = json_of_raw(raw, more);
    subject.transaction = read_json(subject.json);
    free((void *)raw.data);
    return subject;
}

static struct subject subject_named(const char *name)
{
    struct vectors vectors = vectors_load();
    size_t i = 0;
    while (i < vectors.count && strcmp(vectors.rows[i].name, name) != 0)
        i++;
    cr_assert(i < vectors.count, "no vector %s", name);
    struct subject subject = subject_of(&vectors.rows[i]);
    free(vectors.text);
    return subject;
}

static enum tracer_status check_signers(struct subject *subject, struct error *err)
{
    subject->header.transactions = &subject->transaction;
    subject->header.transaction_count = 1;
    return check_header_signers(&subject->network, &subject->header, err);
}

static void expect_refused(struct subject *subject, const char *part)
{
    struct error err = {0};
    cr_assert_eq(check_signers(subject, &err), TRACER_E_REPLY, "%s", part);
    cr_assert_not_null(strstr(err.text, part), "\"%s\" is not in \"%s\"", part, err.text);
}

/* Of the Ronin vector: keys 0x46.. (sender) and 0x45.. (payer). */
#define PAYER "0xe0da1edcea030875cd0f199d96eb70f6ab78faf2"
#define PAYER_SIGNS "0xa334d82563be18211e0dc5e595f17813f3ca276414f91ab7234dd7811274ac41"

static struct address payer(void)
{
    struct address address;
    cr_assert(address_parse(PAYER, strlen(PAYER), &address));
    return address;
}

Test(transaction, every_type_is_written_to_its_bytes_and_hashes)
{
    struct vectors vectors = vectors_load();
    size_t count = 0;
    for (size_t i = 0; i < vectors.count; i++) {
        const struct vector *row = &vectors.rows[i];
        if (strcmp(row->kind, "tx") != 0)
            continue;
        struct buffer buffer;
        struct error err = {0};
        struct subject subject = subject_of(row);
        struct bytes raw = vector_bytes(row->raw, strlen(row->raw)),
                     got = written(&subject.network, &subject.transaction, FORM_WHOLE, &buffer);
        cr_assert(got.size == raw.size && memcmp(got.data, raw.data, raw.size) == 0, "%s", row->name);
        cr_assert(hash_equal(keccak256(got.data, got.size), vector_hash(row->hash)), "%s", row->name);
        if (*row->signing_hash)
            cr_assert(hash_equal(hash_of(&subject.network, &subject.transaction, FORM_SIGNED),
                                 vector_hash(row->signing_hash)),
                      "%s", row->name);
        if (strstr(row->name, "ronin"))
            subject.transaction.payer = payer();
        cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s: %s", row->name, err.text);
        buffer_release(&buffer);
        free((void *)raw.data);
        free(subject.json);
        count++;
    }
    cr_assert_eq(count, 13);
    free(vectors.text);
}

Test(transaction, the_payer_of_a_sponsored_transaction_is_another_signer)
{
    struct error err = {0};
    struct subject subject = subject_named("t100_ronin_sponsored_selfmade");
    cr_assert(
        hash_equal(hash_of(&subject.network, &subject.transaction, FORM_PAID), vector_hash(PAYER_SIGNS)));
    subject.transaction.payer = payer();
    cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
    subject.transaction.payer = subject.transaction.from;
    expect_refused(&subject, "payer is ");
    subject.transaction.payer = payer();
    subject.transaction.payer_v = u256_from_u64(2);
    expect_refused(&subject, "payerV");
    subject.transaction.payer_v = u256_from_u64(0);
    subject.transaction.payer_s = u256_from_u64(0);
    expect_refused(&subject, "payerR or payerS");
    free(subject.json);
}

Test(transaction, R2_from_is_who_signed)
{
    static const char *const names[] = {"t0_pre155", "t0_eip155", "t1", "t2", "t3", "t4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct subject subject = subject_named(names[i]);
        subject.transaction.from.bytes[19] ^= 1;
        expect_refused(&subject, "from is ");
        subject.transaction.from.bytes[19] ^= 1;
        subject.transaction.nonce++;
        expect_refused(&subject, "from is ");
        free(subject.json);
    }
}

Test(transaction, R19_r_and_s_are_in_their_range)
{
    static const struct u256 order = {
        {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}};
    const struct u256 numbers[] = {u256_from_u64(0), order, {{~0ull, ~0ull, ~0ull, ~0ull}}};
    for (size_t i = 0; i < 3; i++) {
        struct subject subject = subject_named("t2");
        struct u256 r = subject.transaction.r;
        subject.transaction.r = numbers[i];
        expect_refused(&subject, "not in the range");
        subject.transaction.r = r;
        subject.transaction.s = numbers[i];
        expect_refused(&subject, "not in the range");
        free(subject.json);
    }
    /* in range, but no point has this x */
    struct subject subject = subject_named("t2");
    subject.transaction.r = u256_from_u64(5);
    expect_refused(&subject, "no key makes the signature");
    free(subject.json);
}

/* With n - s for s and the other parity the same key has signed: valid until Homestead (EIP-2). */
Test(transaction, R19_the_upper_half_of_s_is_valid_before_homestead_only)
{
    static const struct u256 order = {
        {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}};
    struct error err = {0};
    struct subject subject = subject_named("t0_pre155");
    cr_assert(u256_sub(order, subject.transaction.s, &subject.transaction.s));
    subject.transaction.v.limb[0] ^= 27 ^ 28;
    expect_refused(&subject, "upper half");
    subject.network.rules = &chain_rules_find("ethereum")->evm;
    subject.header.number = 1150000;
    expect_refused(&subject, "upper half");
    subject.header.number = 1149999;
    cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
    free(subject.json);
}

Test(transaction, R19_v_of_a_legacy_transaction)
{
    struct error err = {0};
    struct subject subject = subject_named("eip155_example"); /* chain id 1, v 37 */
    cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
    for (unsigned v = 0; v < 45; v++) {
        subject.transaction.v = u256_from_u64(v);
        if (v != 37)
            expect_refused(&subject, v == 27 || v == 28 || v == 38 ? "" : "v is ");
    }
    subject.transaction.v = u256_from_u64(37);
    subject.network.chain_id = 2;
    expect_refused(&subject, "v is 37");
    subject.network.chain_id = 1;
    subject.network.rules = &chain_rules_find("ethereum")->evm;
    subject.header.number = 2674999;
    expect_refused(&subject, "v is 37"); /* before EIP-155 */
    subject.header.number = 2675000;
    cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
    subject.transaction.v = (struct u256){{37, 1, 0, 0}};
    expect_refused(&subject, "v is ");
    free(subject.json);
}

Test(transaction, R19_parity_of_typed_transactions_is_one_bit_however_it_is_named)
{
    struct error err = {0};
    struct subject subject = subject_named("t2");
    struct u256 parity = subject.transaction.y_parity, other = parity;
    other.limb[0] ^= 1;
    subject.transaction.present |= FIELD_BIT(T_V);
    subject.transaction.v = parity;
    cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
    subject.transaction.v = other;
    expect_refused(&subject, "v is ");
    subject.transaction.present &= ~FIELD_BIT(T_Y_PARITY);
    subject.transaction.v = parity; /* nodes from before yParity */
    cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
    subject.transaction.v.limb[0] += 27; /* early nodes of Berlin */
    cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
    subject.transaction.v = u256_from_u64(26);
    expect_refused(&subject, "yParity is 26");
    subject.transaction.v = u256_from_u64(29);
    expect_refused(&subject, "yParity is 2");
    subject.transaction.y_parity = u256_from_u64(27);
    subject.transaction.present |= FIELD_BIT(T_Y_PARITY);
    subject.transaction.present &= ~FIELD_BIT(T_V);
    expect_refused(&subject, "yParity is 27");
    free(subject.json);
}

Test(transaction, R14_an_unknown_type_is_not_guessed)
{
    struct subject subject = subject_named("t2");
    struct buffer buffer;
    struct error err = {0};
    buffer_init(&buffer, 1000);
    subject.transaction.type = 0x55;
    cr_assert_eq(transaction_write(&subject.network, &subject.transaction, FORM_WHOLE, &buffer, &err),
                 TRACER_E_UNAVAILABLE);
    cr_assert_not_null(strstr(err.text, "0x55"), "%s", err.text);
    buffer_release(&buffer);
    free(subject.json);
}

/* Each member of each type is needed for its bytes, and says so when it is missing. */
Test(transaction, R11_a_member_that_is_hashed_must_be_there)
{
    struct vectors vectors = vectors_load();
    unsigned missing = 0;
    for (size_t i = 0; i < vectors.count; i++) {
        const struct vector *row = &vectors.rows[i];
        if (strcmp(row->kind, "tx") != 0)
            continue;
        struct subject subject = subject_of(row);
        uint64_t present = subject.transaction.present;
        for (unsigned member = 0; member < T_COUNT; member++) {
            const char *name = transaction_fields[member].name;
            /* hashed, and not known otherwise */
            if (!is_word_of(names_of((unsigned)subject.transaction.type), name) ||
                !(present & FIELD_BIT(member)) || is_word_of("to chainId accessList mint isSystemTx v yParity", name))
                continue;
            struct buffer buffer;
            struct error err = {0};
            buffer_init(&buffer, TRACER_MIB(1));
            subject.transaction.present = present & ~FIELD_BIT(member);
            cr_assert_eq(transaction_write(&subject.network, &subject.transaction, FORM_WHOLE, &buffer, &err),
                         TRACER_E_REPLY, "%s without %s", row->name, name);
            cr_assert_not_null(strstr(err.text, name), "%s", err.text);
            buffer_release(&buffer);
            missing++;
        }
        subject.transaction.present = present & ~(FIELD_BIT(T_V) | FIELD_BIT(T_Y_PARITY));
        struct buffer buffer;
        struct error err = {0};
        buffer_init(&buffer, TRACER_MIB(1));
        cr_assert_eq(transaction_write(&subject.network, &subject.transaction, FORM_WHOLE, &buffer, &err),
                     subject.transaction.type == TYPE_DEPOSIT ? TRACER_OK : TRACER_E_REPLY, "%s", row->name);
        buffer_release(&buffer);
        free(subject.json);
    }
    cr_assert_gt(missing, 80);
    free(vectors.text);
}

Test(transaction, R10_lists_within_are_strict)
{
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"{\"storageKeys\":", "{\"keys\":", "storageKeys: missing"},
        {"\"storageKeys\":[\"0x00", "\"storageKeys\":[\"0x", "32 bytes"},
        {"\"blobVersionedHashes\":[\"0x", "\"blobVersionedHashes\":[\"0x00", "32 bytes"},
        {"\"accessList\":[{", "\"accessList\":[{\"address\":\"" A "\",", "twice"},
        {"\"accessList\":[{", "\"accessList\":[[],{", "[0]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct subject subject = subject_named("t3");
        struct buffer buffer;
        struct error err = {0};
        replace(&subject.json, cases[i].from, cases[i].to);
        subject.transaction = read_json(subject.json);
        buffer_init(&buffer, TRACER_MIB(1));
        cr_assert_eq(transaction_write(&subject.network, &subject.transaction, FORM_WHOLE, &buffer, &err),
                     TRACER_E_REPLY);
        cr_assert_not_null(strstr(err.text, cases[i].part), "\"%s\" is not in \"%s\"", cases[i].part,
                           err.text);
        buffer_release(&buffer);
        free(subject.json);
    }
}

/* ---- real transactions, where the shared data is ---- */

Test(transaction, two_of_ronin)
{
    if (data_is_absent("transaction"))
        return;
    char *text = load_text("ronin-chain/tx-details.json"), *at = text;
    for (int i = 0; i < 2; i++) {
        char from[43], hash[67], more[400];
        at = strstr(at, "\"transactionHash\": \"") + strlen("\"transactionHash\": \"");
        snprintf(hash, sizeof hash, "%.66s", at);
        at = strstr(at, "\"from\": \"") + strlen("\"from\": \"");
        snprintf(from, sizeof from, "%.42s", at);
        at = strstr(at, "\"raw\": \"") + strlen("\"raw\": \"");
        struct bytes raw = vector_bytes(at, (size_t)(strchr(at, '"') - at));
        snprintf(more, sizeof more, PLACE ",\"hash\":\"%s\",\"from\":\"%s\"", hash, from);
        struct subject subject = {.network = {.rules = &chain_rules_find("ronin")->evm, .chain_id = 2020},
                                  .header = {.number = 39128332},
                                  .json = json_of_raw(raw, more)};
        struct error err = {0};
        subject.transaction = read_json(subject.json);
        cr_assert(hash_equal(hash_of(&subject.network, &subject.transaction, FORM_WHOLE), vector_hash(hash)));
        cr_assert_eq(check_signers(&subject, &err), TRACER_OK, "%s", err.text);
        free((void *)raw.data);
        free(subject.json);
    }
    free(text);
}

/* Whoever is ready first, the first transaction that is wrong is told. */
Test(transaction, the_first_of_many_wrong_signers_is_told)
{
    enum { COUNT = 64 };
    struct subject subject = subject_named("t2");
    struct evm_transaction transactions[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        transactions[i] = subject.transaction;
    subject.header.transactions = transactions;
    subject.header.transaction_count = COUNT;
    for (size_t wrong = COUNT; wrong-- > 0;) { /* from behind: one more each time */
        struct error err = {0};
        char part[64];
        snprintf(part, sizeof part, "transactions[%zu]: from is ", wrong);
        transactions[wrong].from.bytes[0] ^= 1;
        cr_assert_eq(check_header_signers(&subject.network, &subject.header, &err), TRACER_E_REPLY);
        cr_assert_not_null(strstr(err.text, part), "\"%s\" is not in \"%s\"", part, err.text);
    }
    free(subject.json);
}

/* Long ones are hashed last, with the whole transactions, or where they are too many. */
Test(transaction, the_first_of_wrong_signers_is_told_where_long_ones_are_hashed_last)
{
    enum { COUNT = 70, DIGITS = 10000 };
    static char digits[DIGITS + 1];
    struct subject subject = subject_named("t2");
    struct evm_transaction transactions[COUNT], whole;
    struct error err = {0};
    memset(digits, '0', DIGITS);
    for (size_t i = 0; i < COUNT; i++)
        transactions[i] = subject.transaction;
    subject.header.transactions = transactions;
    subject.header.transaction_count = COUNT;
    for (size_t wrong = COUNT; wrong-- > 0;) {
        char part[64];
        snprintf(part, sizeof part, "transactions[%zu]: from is ", wrong);
        if (wrong % 3)
            transactions[wrong].from.bytes[0] ^= 1;
        else
            transactions[wrong].input = (struct json_span){digits, DIGITS};
        cr_assert_eq(check_header_signers(&subject.network, &subject.header, &err), TRACER_E_REPLY);
        cr_assert_not_null(strstr(err.text, part), "\"%s\" is not in \"%s\"", part, err.text);
    }
    for (size_t i = 0; i < COUNT; i++)
        transactions[i] = subject.transaction;
    whole = transactions[20];
    transactions[20].r = u256_from_u64(0);
    transactions[30].input = (struct json_span){digits, DIGITS};
    cr_assert_eq(check_header_signers(&subject.network, &subject.header, &err), TRACER_E_REPLY);
    cr_assert_not_null(strstr(err.text, "transactions[20]: r or s"), "%s", err.text);
    transactions[10].input = (struct json_span){digits, DIGITS};
    cr_assert_eq(check_header_signers(&subject.network, &subject.header, &err), TRACER_E_REPLY);
    cr_assert_not_null(strstr(err.text, "transactions[10]: from is"), "%s", err.text);
    transactions[10] = transactions[20] = transactions[30] = whole;
    cr_assert_eq(check_header_signers(&subject.network, &subject.header, &err), TRACER_OK, "%s", err.text);
    free(subject.json);
}

static size_t real_count, real_types[5];

static void check_real_transactions(const char *name, struct json_span block)
{
    struct evm_network network = {.rules = &chain_rules_find("ethereum")->evm, .chain_id = 1};
    struct arena *arena = arena_new(TRACER_MIB(256));
    struct evm_header header = real_header(&network, block, arena);
    struct error err = {0};
    cr_assert_eq(check_header_signers(&network, &header, &err), TRACER_OK, "%s: %s", name, err.text);
    for (size_t i = 0; i < header.transaction_count; i++) {
        struct evm_transaction *transaction = &header.transactions[i];
        cr_assert(hash_equal(hash_of(&network, transaction, FORM_WHOLE), transaction->hash), "%s: %zu", name,
                  i);
        real_types[transaction->type]++;
        real_count++;
    }
    arena_free(arena);
}

Test(transaction, every_one_of_the_real_blocks)
{
    if (data_is_absent("transaction"))
        return;
    each_real_block(check_real_transactions);
    cr_assert_gt(real_count, 3000);
    for (size_t type = 0; type < 5; type++)
        cr_assert_gt(real_types[type], 0);
    fprintf(stderr, "%zu real transactions: hash and sender are right\n", real_count);
}
