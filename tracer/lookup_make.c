/* lookup_make.c - making a lookup: a replay whose rows and sums go to a shelf. */
#include "lookup.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- identity ---- */

static void add_u64(struct buffer *to, uint64_t value)
{
    buffer_add(to, &value, sizeof(value));
}

static void add_position(struct buffer *to, struct position position)
{
    add_u64(to, position.block_number);
    add_u64(to, (uint64_t)(uint32_t)position.transaction_index);
    add_u64(to, position.index);
}

/* Without the zeros before it: nearly all are small, and every byte is hashed at every start. */
static size_t put_u256(uint8_t *to, const struct u256 *value)
{
    size_t limbs = 4;
    while (limbs && !value->limb[limbs - 1])
        limbs--;
    to[0] = (uint8_t)limbs;
    memcpy(to + 1, value->limb, limbs * sizeof(value->limb[0]));
    return 1 + limbs * sizeof(value->limb[0]);
}

static void add_asset(struct buffer *to, const struct taint_asset *asset)
{
    uint8_t bytes[2 + sizeof(asset->asset.contract.bytes) + 2 * (1 + sizeof(struct u256)) + sizeof(asset->weight)];
    size_t size = 2;
    bytes[0] = (uint8_t)asset->asset.kind;
    bytes[1] = (uint8_t)asset->decimals;
    memcpy(bytes + size, asset->asset.contract.bytes, sizeof(asset->asset.contract.bytes));
    size += sizeof(asset->asset.contract.bytes);
    size += put_u256(bytes + size, &asset->asset.id);
    size += put_u256(bytes + size, &asset->dust);
    memcpy(bytes + size, &asset->weight, sizeof(asset->weight));
    buffer_add(to, bytes, size + sizeof(asset->weight));
}

/* Everything that a replay of these blocks depends on. False: no memory. */
static bool describe(const struct case_state *state, struct taint_options options, struct buffer *to)
{
    const struct case_input *input = state->input;
    size_t emits = 0;
    for (size_t i = 0; i < state->label_count; i++)
        emits += state->labels[i].emit[0] != 0;
    const uint64_t numbers[] = {LOOKUP_VERSION, state->network.chain_id, state->first, state->last < state->range.last ? state->last : UINT64_MAX,
                                options.policy, options.links, options.fees, options.unknown, options.opening,
                                state->seed_count, emits, input->token_count, state->has_explored, state->explored_count, state->gapped_count};
    buffer_add(to, numbers, sizeof(numbers));
    for (size_t i = 0; i < state->seed_count; i++) {
        const struct taint_seed *seed = &state->seeds[i];
        buffer_add(to, seed->source, strlen(seed->source) + 1);
        add_u64(to, seed->is_address);
        buffer_add(to, seed->address.bytes, sizeof(seed->address.bytes));
        add_u64(to, seed->block_number);
        add_position(to, seed->position);
        add_u64(to, seed->has_amount);
        buffer_add(to, &seed->amount, sizeof(seed->amount));
    }
    buffer_add(to, label_as_of(input->labels), strlen(label_as_of(input->labels)) + 1);
    for (size_t i = 0; i < label_list_count(input->labels); i++) { /* they make the classes */
        const struct label_list *list = label_list(input->labels, i);
        buffer_add(to, list->digest.bytes, sizeof(list->digest.bytes));
        add_u64(to, (uint64_t)list->imported | (uint64_t)list->official << 1);
    }
    for (size_t i = 0; i < state->label_count; i++) {
        if (!state->labels[i].emit[0])
            continue;
        buffer_add(to, state->labels[i].address.bytes, sizeof(state->labels[i].address.bytes));
        buffer_add(to, state->labels[i].emit, strlen(state->labels[i].emit) + 1);
    }
    for (size_t i = 0; i < input->token_count; i++)
        add_asset(to, &input->tokens[i].asset);
    if (state->explored_count)
        buffer_add(to, state->explored, state->explored_count * sizeof(*state->explored));
    if (state->gapped_count)
        buffer_add(to, state->gapped, state->gapped_count * sizeof(*state->gapped));
    return buffer_ok(to);
}

enum tracer_status lookup_identity(const struct case_state *state, struct taint_options options, struct digest *ret_identity, struct error *err)
{
    struct buffer text;
    buffer_init(&text, TRACER_MEMORY_MAX);
    bool ok = describe(state, options, &text);
    if (ok)
        *ret_identity = digest_bytes(text.data, text.size);
    buffer_release(&text);
    return ok ? TRACER_OK : error_set(err, TRACER_E_NOMEM, "no memory");
}

/* ---- laying out ---- */

enum tracer_status layout_row(void *context, struct position position, const struct kept_row *row, struct error *err)
{
    struct layout *layout = context;
    uint8_t key[KEPT_ROW_KEY];
    buffer_clear(&layout->record);
    kept_row_key(position, key);
    if (!kept_row_encode(row, &layout->record))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    return shelf_put(layout->shelf, SHELF_ROW, key, sizeof(key), layout->record.data, layout->record.size, err);
}

static int order_assets(const void *a, const void *b)
{
    return asset_compare(a, b);
}

static enum tracer_status sort_recognised(struct layout *layout, const struct case_input *input, struct error *err)
{
    layout->recognised = malloc((input->token_count + 1) * sizeof(*layout->recognised));
    if (!layout->recognised)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    layout->recognised_count = input->token_count;
    for (size_t i = 0; i < input->token_count; i++)
        layout->recognised[i] = input->tokens[i].asset.asset;
    qsort(layout->recognised, layout->recognised_count, sizeof(*layout->recognised), order_assets);
    return TRACER_OK;
}

static uint8_t flags_of(const struct layout *layout, const struct kept_account *account)
{
    uint8_t flags = 0;
    for (size_t i = 0; i < account->asset_count; i++) {
        const struct kept_asset *asset = &account->assets[i];
        uint8_t here = (uint8_t)((asset->source_count ? KEPT_TAINTED : 0) | (u320_is_zero(asset->unknown) ? 0 : KEPT_UNKNOWN));
        for (size_t t = 0; t < asset->tag_count; t++)
            here |= asset->tags[t].tag == TAINT_UNKNOWN ? KEPT_UNKNOWN : KEPT_TAINTED;
        if ((here | flags) != flags && bsearch(&asset->asset, layout->recognised, layout->recognised_count, sizeof(struct asset), order_assets))
            flags |= here;
    }
    return flags;
}

static enum tracer_status put_account(void *context, struct address address, const struct kept_account *changed, struct error *err)
{
    struct layout *layout = context;
    struct kept_account account = *changed;
    if (!account.asset_count)
        return shelf_delete(layout->shelf, SHELF_ACCOUNT, address.bytes, sizeof(address.bytes), err);
    account.flags = flags_of(layout, &account);
    buffer_clear(&layout->record);
    if (!kept_account_encode(&account, &layout->record))
        return error_set(err, TRACER_E_NOMEM, "no memory");
    return shelf_put(layout->shelf, SHELF_ACCOUNT, address.bytes, sizeof(address.bytes), layout->record.data, layout->record.size, err);
}

/* Tainted or unknown units that left what the store follows: only they could have reached an account whose
 * own history is not here. None: conservation (taint-spec 9.1) proves that none did. */
static bool all_accounted(const struct taint *taint)
{
    const struct taint_absorbed *absorbed;
    size_t count = taint_absorbed(taint, &absorbed);
    for (size_t i = 0; i < count; i++)
        if (absorbed[i].tag != TAINT_UNKNOWN && absorbed[i].place != PLACE_SERVICE)
            return false;
    return true;
}

/* Are the sources among what the store follows? What others paid out is in no row. */
static bool sources_are_followed(const struct case_state *state)
{
    if (!state->has_explored)
        return true;
    for (size_t i = 0; i < state->label_count; i++)
        if (state->labels[i].emit[0])
            return false;
    for (size_t i = 0; i < state->seed_count; i++) {
        bool followed = !state->seeds[i].is_address;
        for (size_t e = 0; e < state->explored_count && !followed; e++)
            followed = address_equal(state->explored[e], state->seeds[i].address);
        if (!followed)
            return false;
    }
    return true;
}

/* No unit is of unknown history, as far as the policy tells: poison knows of none. */
static bool has_no_unknown(const struct case_state *state)
{
    const struct taint_total *totals;
    size_t count = taint_totals(state->taint, &totals);
    for (size_t i = 0; i < count; i++)
        if (totals[i].tag == TAINT_UNKNOWN)
            return false;
    return true;
}

static enum tracer_status put_head(struct layout *layout, const struct case_state *state, const struct digest *identity, struct error *err)
{
    struct kept_head head = {.identity = *identity,
                             .generation = state->range.generation,
                             .last = state->last,
                             .diag = taint_diag(state->taint),
                             .source_count = taint_source_count(state->taint)};
    struct block block;
    bool all_explored = !state->has_explored && !state->gapped_count, bounds = policy_bounds(state->options.policy);
    enum tracer_status status = all_explored && bounds ? TRACER_OK : taint_settle(state->taint, err);
    if (status)
        return status;
    bool proven = sources_are_followed(state) && all_accounted(state->taint);
    head.no_unknown = !bounds && has_no_unknown(state);
    head.accounted = bounds ? all_explored || proven
                            : (all_explored && head.no_unknown) || (state->options.opening == OPENING_CLEAN && proven);
    status = graph_get_block(state->input->graph, state->network.chain_id, state->last, &block, err);
    if (!status)
        head.last_hash = block.hash;
    else if (status != TRACER_E_NOT_FOUND) /* the end of a --to may lie between stored blocks */
        return status;
    head.sources = calloc(head.source_count + 1, sizeof(*head.sources));
    for (size_t i = 0; head.sources && i < head.source_count; i++)
        head.sources[i] = taint_source_name(state->taint, (uint32_t)i);
    buffer_clear(&layout->record);
    bool ok = head.sources && kept_head_encode(&head, &layout->record);
    free(head.sources);
    return ok ? shelf_put(layout->shelf, SHELF_HEAD, "head", 4, layout->record.data, layout->record.size, err)
              : error_set(err, TRACER_E_NOMEM, "no memory");
}

/* ---- where ---- */

static bool make_path(const char *store, const struct digest *identity, char path[static LOOKUP_PATH_MAX])
{
    char text[65];
    digest_format(*identity, text);
    return snprintf(path, LOOKUP_PATH_MAX, "%s/taint/%.16s", store, text) < (int)LOOKUP_PATH_MAX;
}

enum tracer_status lookup_path(const struct case_state *state, const struct digest *identity, char ret_path[static LOOKUP_PATH_MAX],
                               struct error *err)
{
    return make_path(graph_path(state->input->graph), identity, ret_path) ? TRACER_OK : error_set(err, TRACER_E_USAGE, "the store's path is too long");
}

/* What crashed makers left, and the oldest lookup when there are too many. */
static void tidy(const char *folder)
{
    char oldest[LOOKUP_PATH_MAX] = "", path[LOOKUP_PATH_MAX];
    size_t count = 0;
    struct timespec oldest_time = {0, 0};
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        struct stat stat_;
        if (entry->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int)sizeof(path) || lstat(path, &stat_) ||
            !S_ISDIR(stat_.st_mode))
            continue;
        const char *maker = strchr(entry->d_name, '-'); /* its process */
        if (maker) {
            bool gone = kill((pid_t)strtol(maker + 1, NULL, 10), 0) && errno == ESRCH;
            if (gone && !shelf_is_written(path))
                shelf_remove(path);
            continue;
        }
        bool older = !oldest[0] || stat_.st_mtim.tv_sec < oldest_time.tv_sec ||
                     (stat_.st_mtim.tv_sec == oldest_time.tv_sec && stat_.st_mtim.tv_nsec < oldest_time.tv_nsec);
        count++;
        if (older && !shelf_is_written(path)) {
            memcpy(oldest, path, sizeof(path));
            oldest_time = stat_.st_mtim;
        }
    }
    if (directory)
        closedir(directory);
    if (count >= TRACER_LOOKUPS_MAX && oldest[0])
        shelf_remove(oldest);
}

/* A new shelf beside where it will be; or, where that may not be written, for this run only. */
static enum tracer_status make_shelf(const struct case_state *state, const char *path, bool temporary, struct shelf **ret_shelf,
                                     char made[static LOOKUP_PATH_MAX], bool *ret_temporary, struct error *err)
{
    char folder[LOOKUP_PATH_MAX];
    int length = snprintf(folder, sizeof(folder), "%s/taint", graph_path(state->input->graph));
    enum tracer_status status = TRACER_E_STORE;
    if (!temporary && length < (int)sizeof(folder) && (!mkdir(folder, 0700) || errno == EEXIST)) {
        tidy(folder);
        if (snprintf(made, LOOKUP_PATH_MAX, "%s-%ld", path, (long)getpid()) < (int)LOOKUP_PATH_MAX)
            status = shelf_open(made, SHELF_MAKE, ret_shelf, err);
    }
    *ret_temporary = status == TRACER_E_STORE;
    if (!*ret_temporary)
        return status;
    const char *parent = getenv("TMPDIR");
    if (snprintf(folder, sizeof(folder), "%s/tracer-XXXXXX", parent && *parent ? parent : "/tmp") >= (int)sizeof(folder) || !mkdtemp(folder))
        return error_set(err, TRACER_E_STORE, "neither the store nor a temporary directory can be written: no place for the taint state");
    rmdir(folder); /* its name is ours */
    snprintf(made, LOOKUP_PATH_MAX, "%s", folder);
    return shelf_open(made, SHELF_MAKE, ret_shelf, err);
}

enum tracer_status layout_new(const struct case_state *state, const struct digest *identity, bool temporary, struct layout *ret_layout,
                              struct error *err)
{
    char path[LOOKUP_PATH_MAX];
    *ret_layout = (struct layout){.shelf = NULL};
    buffer_init(&ret_layout->record, TRACER_MEMORY_MAX);
    enum tracer_status status = lookup_path(state, identity, path, err);
    if (!status)
        status = sort_recognised(ret_layout, state->input, err);
    return status ? status : make_shelf(state, path, temporary, &ret_layout->shelf, ret_layout->path, &ret_layout->temporary, err);
}

void layout_release(struct layout *layout)
{
    shelf_close(layout->shelf);
    layout->shelf = NULL;
    buffer_release(&layout->record);
    free(layout->recognised);
    if (layout->path[0] && !layout->placed && !layout->temporary)
        shelf_remove(layout->path);
}

enum tracer_status layout_finish(struct layout *layout, const struct case_state *state, const struct digest *identity, struct error *err)
{
    char path[LOOKUP_PATH_MAX];
    enum tracer_status status = lookup_path(state, identity, path, err);
    if (!status)
        status = shelf_finish(layout->shelf, path, err);
    if (status)
        return status;
    memcpy(layout->path, path, sizeof(path));
    layout->placed = true;
    return TRACER_OK;
}

enum tracer_status layout_settle(struct layout *layout, struct keep *keep, const struct case_state *state, const struct digest *identity,
                                 struct error *err)
{
    enum tracer_status status = keep_each_changed(keep, state, put_account, layout, err);
    return status ? status : put_head(layout, state, identity, err);
}

/* ---- the whole ---- */

static enum tracer_status lay_out(struct case_state *state, struct taint_options options, const struct wanted *wanted, struct layout *layout,
                                  const struct digest *identity, struct keep **ret_keep, struct error *err)
{
    enum tracer_status status = case_engine(state, options, err);
    if (!status)
        status = keep_new(state, wanted, layout_row, layout, ret_keep, err);
    if (!status)
        status = keep_replay(*ret_keep, err);
    return status ? status : layout_settle(layout, *ret_keep, state, identity, err);
}

enum tracer_status lookup_make(struct case_state *state, struct taint_options options, const struct wanted *wanted, const struct digest *identity,
                               char ret_path[static LOOKUP_PATH_MAX], bool *ret_temporary, struct error *err)
{
    struct layout layout;
    struct keep *keep = NULL;
    enum tracer_status status = layout_new(state, identity, wanted != NULL, &layout, err);
    if (!status)
        status = lay_out(state, options, wanted, &layout, identity, &keep, err);
    if (!status && layout.temporary) {
        status = shelf_commit(layout.shelf, err);
    } else if (!status && (status = layout_finish(&layout, state, identity, err)) == TRACER_E_BUSY) {
        layout.temporary = true; /* somebody brings it up to date meanwhile: ours is for this run */
        status = TRACER_OK;
    }
    keep_free(keep);
    if (status)
        layout.temporary = false;
    memcpy(ret_path, layout.path, sizeof(layout.path));
    *ret_temporary = layout.temporary;
    layout_release(&layout);
    return status;
}
