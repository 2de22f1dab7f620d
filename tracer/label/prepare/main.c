/* main.c - writes the built-in tables as C (../builtin.h): prepare FOLDER > builtin_tables.c. A table that is wrong ends
 * the build. */
#include "prepare.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- texts: each once ---- */

struct text {
    const char *text;
    size_t at; /* in builtin_texts */
};
static void *texts; /* a tree of them */
static size_t texts_size = 1; /* 0 is "" */

static int text_order(const void *a, const void *b)
{
    const struct text *x = a, *y = b;
    return strcmp(x->text, y->text);
}

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "prepare: %s\n", why);
    exit(1);
}

static void put_literal(const char *text)
{
    fputs("    \"", stdout);
    for (; *text; text++)
        if (*text >= ' ' && *text <= '~' && !strchr("\"\\?", *text))
            putchar(*text);
        else
            printf("\\%03o", (unsigned)(unsigned char)*text);
    puts("\\0\"");
}

/* Its place; what is new is written. */
static size_t place(const char *text)
{
    const struct text wanted = {.text = text};
    struct text *const *found = tfind(&wanted, &texts, text_order);
    if (!text[0])
        return 0;
    if (found)
        return (*found)->at;
    struct text *new = malloc(sizeof(*new));
    if (!new)
        fail("no memory");
    *new = (struct text){text, texts_size};
    if (!tsearch(new, &texts, text_order))
        fail("no memory");
    put_literal(text);
    texts_size += strlen(text) + 1;
    return new->at;
}

static void put_bytes(const uint8_t *bytes, size_t size)
{
    fputs("{{", stdout);
    for (size_t i = 0; i < size; i++)
        printf("%u,", bytes[i]);
    fputs("}}", stdout);
}

static void put_u256(struct u256 value)
{
    printf("{{UINT64_C(%" PRIu64 "), UINT64_C(%" PRIu64 "), UINT64_C(%" PRIu64 "), UINT64_C(%" PRIu64 ")}}", value.limb[0], value.limb[1], value.limb[2],
           value.limb[3]);
}

/* ---- tables ---- */

static void put_texts(const struct prepared *prepared)
{
    size_t count;
    const struct label *claims = label_all(prepared->set, &count);
    puts("const char builtin_texts[] =\n    \"\\0\"");
    for (size_t i = 0; i < count; i++) {
        const char *const all[] = {claims[i].name, claims[i].category, claims[i].entity, claims[i].origin, claims[i].valid_from, claims[i].valid_to};
        for (size_t t = 0; t < sizeof(all) / sizeof(all[0]); t++)
            place(all[t]);
        if (claims[i].emit[0])
            fail("a claim of the registry emits");
    }
    for (size_t i = 0; i < prepared->heist_count; i++) {
        const struct heist *heist = &prepared->heists[i];
        const char *const all[] = {heist->id, heist->name, heist->date, heist->stolen, heist->attributed_to};
        for (size_t t = 0; t < sizeof(all) / sizeof(all[0]); t++)
            place(all[t]);
    }
    for (size_t i = 0; i < prepared->sanctioned_count; i++)
        place(prepared->sanctioned[i].entity);
    for (size_t i = 0; i < prepared->token_count; i++)
        place(prepared->tokens[i].token.symbol);
    puts("    ;");
}

static void put_claims(const struct prepared *prepared)
{
    size_t count;
    const struct label *claims = label_all(prepared->set, &count);
    puts("const struct builtin_claim builtin_claims[] = {");
    for (size_t i = 0; i < count; i++) {
        const struct label *claim = &claims[i];
        fputs("    {", stdout);
        put_bytes(claim->address.bytes, sizeof(claim->address.bytes));
        printf(", %zu, %zu, %zu, %zu, %zu, %zu, %" PRIu64 "u, %d, %d, %d, %" PRIu32 "},\n", place(claim->name), place(claim->category), place(claim->entity),
               place(claim->origin), place(claim->valid_from), place(claim->valid_to), claim->chain_id, (int)claim->class_, (int)claim->confidence,
               (int)claim->rank, claim->list);
    }
    printf("};\nconst size_t builtin_claim_count = %zu;\n", count);
    size_t classes = 0;
    if (count > UINT16_MAX)
        fail("more claims than a builtin_class can count");
    puts("const struct builtin_class builtin_classes[] = {");
    for (size_t i = 0; i < count; i++) {
        if (claims[i].class_ == CLASS_NONE)
            continue;
        fputs("    {", stdout);
        put_bytes(claims[i].address.bytes, sizeof(claims[i].address.bytes));
        printf(", %zu, %d, %d, %" PRIu64 "u},\n", i, (int)claims[i].class_, (int)claims[i].rank, claims[i].chain_id);
        classes++;
    }
    printf("};\nconst size_t builtin_class_count = %zu;\n", classes);
    puts("const struct label_list builtin_lists[] = {");
    for (size_t i = 0; i < label_list_count(prepared->set); i++) {
        const struct label_list *list = label_list(prepared->set, i);
        printf("    {\"%s\", ", list->name);
        put_bytes(list->digest.bytes, sizeof(list->digest.bytes));
        printf(", %" PRIu64 "u, \"%s\", false, false},\n", list->rows, list->date);
    }
    printf("};\nconst size_t builtin_list_count = %zu;\n", label_list_count(prepared->set));
}

static void put_heists(const struct prepared *prepared)
{
    size_t seeds = 0, thefts = 0, chains = 0;
    puts("static const struct address heist_seeds[] = {");
    for (size_t i = 0; i < prepared->heist_count; i++)
        for (size_t s = 0; s < prepared->heists[i].seed_count; s++) {
            put_bytes(prepared->heists[i].seeds[s].bytes, 20);
            puts(",");
        }
    puts("};\nstatic const struct hash heist_thefts[] = {");
    for (size_t i = 0; i < prepared->heist_count; i++)
        for (size_t t = 0; t < prepared->heists[i].theft_tx_count; t++) {
            put_bytes(prepared->heists[i].theft_txs[t].bytes, 32);
            puts(",");
        }
    puts("};\nstatic const uint64_t heist_chains[] = {");
    for (size_t i = 0; i < prepared->heist_count; i++)
        for (size_t c = 0; c < prepared->heists[i].chain_count; c++)
            printf("    %" PRIu64 "u,\n", prepared->heists[i].chain_ids[c]);
    puts("};\nconst struct heist builtin_heists[] = {");
    for (size_t i = 0; i < prepared->heist_count; i++) {
        const struct heist *heist = &prepared->heists[i];
        printf("    {TEXT(%zu), TEXT(%zu), TEXT(%zu), TEXT(%zu), TEXT(%zu), %s, heist_seeds + %zu, %zu, heist_thefts + %zu, %zu, heist_chains + %zu, %zu},\n",
               place(heist->id), place(heist->name), place(heist->date), place(heist->stolen), place(heist->attributed_to),
               heist->returned ? "true" : "false", seeds, heist->seed_count, thefts, heist->theft_tx_count, chains, heist->chain_count);
        seeds += heist->seed_count;
        thefts += heist->theft_tx_count;
        chains += heist->chain_count;
    }
    printf("};\nconst size_t builtin_heist_count = %zu;\n", prepared->heist_count);
}

static void put_sanctioned(const struct prepared *prepared)
{
    puts("const struct builtin_sanctioned builtin_sanctioned[] = {");
    for (size_t i = 0; i < prepared->sanctioned_count; i++) {
        const struct sanctioned *row = &prepared->sanctioned[i];
        fputs("    {", stdout);
        put_bytes(row->address.bytes, sizeof(row->address.bytes));
        printf(", %zu, %" PRIu64 "u, %" PRIu64 "u},\n", place(row->entity), row->listed_s, row->delisted_s);
    }
    printf("};\nconst size_t builtin_sanctioned_count = %zu;\n", prepared->sanctioned_count);
}

static void put_tokens(const struct prepared *prepared)
{
    puts("const struct builtin_token builtin_tokens[] = {");
    for (size_t i = 0; i < prepared->token_count; i++) {
        const struct taint_asset *asset = &prepared->tokens[i].token.asset;
        printf("    {{.asset = {.kind = %d, .contract = ", (int)asset->asset.kind);
        put_bytes(asset->asset.contract.bytes, sizeof(asset->asset.contract.bytes));
        fputs(", .id = ", stdout);
        put_u256(asset->asset.id);
        printf("}, .decimals = %" PRIu32 ", .weight = UINT64_C(%" PRIu64 "), .dust = ", asset->decimals, asset->weight);
        put_u256(asset->dust);
        printf("}, %zu},\n", place(prepared->tokens[i].token.symbol));
    }
    puts("};\nconst struct builtin_range builtin_token_chains[] = {");
    for (size_t i = 0, end; i < prepared->token_count; i = end) {
        for (end = i; end < prepared->token_count && prepared->tokens[end].chain_id == prepared->tokens[i].chain_id;)
            end++;
        printf("    {%" PRIu64 "u, %zu, %zu},\n", prepared->tokens[i].chain_id, i, end - i);
    }
    fputs("    {0, 0, 0},\n};\nconst struct digest builtin_tokens_digest = ", stdout);
    put_bytes(prepared->assets_digest.bytes, sizeof(prepared->assets_digest.bytes));
    puts(";");
}

static void put_wrappers(const struct prepared *prepared)
{
    puts("const struct address builtin_wrappers[] = {");
    for (size_t i = 0; i < prepared->wrapper_count; i++) {
        put_bytes(prepared->wrappers[i].address.bytes, sizeof(prepared->wrappers[i].address.bytes));
        puts(",");
    }
    puts("};\nconst struct builtin_range builtin_wrapper_chains[] = {");
    for (size_t i = 0, end; i < prepared->wrapper_count; i = end) {
        for (end = i; end < prepared->wrapper_count && prepared->wrappers[end].chain_id == prepared->wrappers[i].chain_id;)
            end++;
        printf("    {%" PRIu64 "u, %zu, %zu},\n", prepared->wrappers[i].chain_id, i, end - i);
    }
    puts("    {0, 0, 0},\n};");
}

int main(int argc, char **argv)
{
    struct prepared prepared;
    struct error err = {0};
    if (argc != 2)
        fail("usage: prepare FOLDER");
    if (prepare(argv[1], &prepared, &err))
        fail(err.text);
    puts("/* Written by tracer/label/prepare from fixtures/registry. */\n#include \"builtin.h\"\n\n#define TEXT(at) (builtin_texts + (at))\n");
    put_texts(&prepared);
    put_claims(&prepared);
    put_heists(&prepared);
    put_sanctioned(&prepared);
    put_tokens(&prepared);
    put_wrappers(&prepared);
    tdestroy(texts, free);
    prepared_free(&prepared);
    if (fflush(stdout) || ferror(stdout))
        fail("the output could not be written");
    return 0;
}
