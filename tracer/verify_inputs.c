/* verify_inputs.c - inputs of a bundle's replay are written in one way, and nothing is among them, or among the transfers, that the
 * flow does not meet: the same trace has the same bytes, whoever wrote them, and nobody can hang claims on it that it never touched. */
#include "verifying.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void put_fn(const struct taint_input *input, FILE *stream);

static void put_seeds(const struct taint_input *input, FILE *stream)
{
    fputs(BUNDLE_SEEDS_HEADING, stream);
    for (size_t i = 0; i < input->seed_count; i++)
        bundle_put_seed(stream, &input->seeds[i]);
}

static void put_labels(const struct taint_input *input, FILE *stream)
{
    fputs(BUNDLE_LABELS_HEADING, stream);
    for (size_t i = 0; i < input->label_count; i++)
        bundle_put_label(stream, &input->labels[i]);
}

static void put_assets(const struct taint_input *input, FILE *stream) /* they were sorted since they were read */
{
    fputs(BUNDLE_ASSETS_HEADING, stream);
    for (size_t i = 0; i < input->asset_count; i++)
        bundle_put_asset(stream, &input->assets[i]);
}

/* The file is what would be written of what was read from it. */
static enum tracer_status check_form(struct verifying *v, enum bundle_file file, put_fn *put)
{
    struct bytes text = verify_text(v, file);
    char *wanted = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&wanted, &size);
    if (!stream)
        return verify_no_memory(v);
    put(v->input, stream);
    bool good = fclose(stream) == 0;
    bool same = good && size == text.size && memcmp(wanted, text.data, size) == 0;
    free(wanted);
    if (!good)
        return verify_no_memory(v);
    return same ? TRACER_OK : verify_differs(v, file, "is not in the form of a bundle");
}

/* The same of the accounts, which may be many. */
static enum tracer_status check_explored_form(struct verifying *v)
{
    struct bytes text = verify_text(v, BUNDLE_EXPLORED);
    bool same = text.size == v->input->explored_count * ADDRESS_TEXT_SIZE;
    for (size_t i = 0; i < v->input->explored_count && same; i++) {
        char line[ADDRESS_TEXT_SIZE];
        address_format(v->input->explored[i], line);
        line[ADDRESS_TEXT_SIZE - 1] = '\n';
        same = memcmp(line, text.data + i * ADDRESS_TEXT_SIZE, ADDRESS_TEXT_SIZE) == 0;
    }
    return same ? TRACER_OK : verify_differs(v, BUNDLE_EXPLORED, "is not in the form of a bundle");
}

/* Sorted, each once. */
static size_t sort_once(struct address *addresses, size_t count)
{
    size_t kept = 0;
    qsort(addresses, count, sizeof(*addresses), bundle_order_addresses);
    for (size_t i = 0; i < count; i++)
        if (!kept || !address_equal(addresses[kept - 1], addresses[i]))
            addresses[kept++] = addresses[i];
    return kept;
}

static bool is_among(const struct address *sorted, size_t count, struct address address)
{
    return count && bsearch(&address, sorted, count, sizeof(address), bundle_order_addresses);
}

/* Labels and assets: of accounts and contracts of the transfers; a label may name a source, too. */
static enum tracer_status check_met(struct verifying *v)
{
    const struct taint_input *input = v->input;
    struct cursor *cursor = &v->cursor;
    uint32_t accounts = cursor->account_count(cursor->self), assets = cursor->asset_count(cursor->self);
    struct address *met = arena_calloc(v->arena, (size_t)accounts + assets + 1, sizeof(*met));
    size_t count = 0;
    if (!met)
        return verify_no_memory(v);
    for (uint32_t i = 0; i < accounts; i++)
        met[count++] = cursor->account(cursor->self, i);
    for (uint32_t i = 0; i < assets; i++)
        met[count++] = cursor->asset(cursor->self, i).contract;
    count = sort_once(met, count);
    for (size_t i = 0; i < input->label_count; i++) {
        if (i && address_compare(input->labels[i - 1].address, input->labels[i].address) >= 0)
            return verify_differs(v, BUNDLE_LABELS, "line %zu is not in order", i + 2);
        if (!input->labels[i].emit[0] && !is_among(met, count, input->labels[i].address))
            return verify_differs(v, BUNDLE_LABELS, "line %zu: no transfer meets it, and it names no source", i + 2);
    }
    for (size_t i = 0; i < input->asset_count; i++)
        if (input->assets[i].asset.kind != ASSET_NATIVE && !is_among(met, count, input->assets[i].asset.contract))
            return verify_differs(v, BUNDLE_ASSETS, "line %zu: no transfer meets it", i + 2);
    return TRACER_OK;
}

/* Explored accounts: those of which the flow saw something. */
static enum tracer_status check_explored(struct verifying *v)
{
    const struct taint_input *input = v->input;
    struct cursor *cursor = &v->cursor;
    size_t hops = taint_hop_count(v->taint), count = 0;
    struct address *met = arena_calloc(v->arena, 2 * hops + input->seed_count + 1, sizeof(*met));
    if (!met)
        return verify_no_memory(v);
    for (size_t i = 0; i < hops; i++) {
        struct taint_hop hop = taint_hop_at(v->taint, i);
        met[count++] = cursor->account(cursor->self, hop.from);
        met[count++] = cursor->account(cursor->self, hop.to);
    }
    for (size_t i = 0; i < input->seed_count; i++)
        if (input->seeds[i].is_address)
            met[count++] = input->seeds[i].address;
    count = sort_once(met, count);
    for (size_t i = 0; i < input->explored_count; i++) {
        if (i && address_compare(input->explored[i - 1], input->explored[i]) >= 0)
            return verify_differs(v, BUNDLE_EXPLORED, "line %zu is not in order", i + 1);
        if (!is_among(met, count, input->explored[i]))
            return verify_differs(v, BUNDLE_EXPLORED, "line %zu: never held anything that is tainted", i + 1);
    }
    return TRACER_OK;
}

static enum tracer_status tell_untouched(struct verifying *v, struct position at)
{
    return verify_differs(v, BUNDLE_TRANSFERS, "transaction %" PRId32 " of block %" PRIu64 " touches no explored account", at.transaction_index, at.block_number);
}

/* Transactions: those with a transfer that touches an explored account. */
static enum tracer_status check_transactions(struct verifying *v)
{
    const struct taint_input *input = v->input;
    struct cursor *cursor = &v->cursor;
    uint32_t accounts = cursor->account_count(cursor->self);
    bool *explored = arena_calloc(v->arena, (size_t)accounts + 1, sizeof(*explored));
    if (!explored)
        return verify_no_memory(v);
    for (uint32_t i = 0; i < accounts; i++)
        explored[i] = is_among(input->explored, input->explored_count, cursor->account(cursor->self, i));
    const struct cursor_row *rows;
    struct position at = {0};
    size_t count;
    bool begun = false, touched = true;
    enum tracer_status status = cursor->rewind(cursor->self, v->err);
    while (!status && !(status = cursor->next(cursor->self, &rows, &count, v->err)) && count)
        for (size_t i = 0; i < count && !status; i++) {
            bool same = begun && position_same_transaction(at, rows[i].position);
            if (!same && !touched)
                status = tell_untouched(v, at);
            touched = (same && touched) || explored[rows[i].from] || explored[rows[i].to];
            at = rows[i].position;
            begun = true;
        }
    return status || touched ? status : tell_untouched(v, at);
}

enum tracer_status verify_inputs(struct verifying *v)
{
    enum tracer_status status = check_form(v, BUNDLE_SEEDS, put_seeds);
    if (!status)
        status = check_form(v, BUNDLE_LABELS, put_labels);
    if (!status)
        status = check_form(v, BUNDLE_ASSETS, put_assets);
    if (!status)
        status = check_explored_form(v);
    if (!status)
        status = check_met(v);
    if (!status)
        status = check_explored(v);
    return status ? status : check_transactions(v);
}
