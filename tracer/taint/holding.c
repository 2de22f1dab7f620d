/* holding.c - finding state by dense ids: holdings, accounts, assets. */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LEAST ((size_t)16) /* 2^BLOCK_BITS */
#define BLOCK_BITS 4
#define TAGS_LEAST ((size_t)4096)
#define CACHE_LINE 64u
#define TAGS_PREFETCHED 128u /* at most; what is behind them comes in order */

static uint64_t mix(uint64_t key)
{
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15u;
    key ^= key >> 29;
    return key;
}

static bool table_grow(struct table *table)
{
    size_t capacity = table->capacity ? table->capacity * 2 : 32;
    struct large memory = {0};
    if (!large_grow(&memory, capacity * sizeof(struct table_slot)))
        return false;
    struct table_slot *slots = memory.at;
    for (size_t i = 0; i < table->capacity; i++) {
        if (!table->slots[i].key)
            continue;
        size_t at = mix(table->slots[i].key) & (capacity - 1);
        while (slots[at].key)
            at = (at + 1) & (capacity - 1);
        slots[at] = table->slots[i];
    }
    large_free(&table->memory);
    *table = (struct table){memory, slots, capacity, table->count};
    return true;
}

static uint64_t holding_key(uint32_t account, uint32_t asset)
{
    return ((uint64_t)account << 32 | asset) + 1;
}

/* Holdings do not move: block b has BLOCK_LEAST << b of them, so it begins with number (BLOCK_LEAST << b) -
 * BLOCK_LEAST. */
static size_t block_of(size_t index)
{
    return (size_t)(63 - __builtin_clzll(index + BLOCK_LEAST)) - BLOCK_BITS;
}

struct holding *holding_at(const struct taint *taint, size_t index)
{
    size_t block = block_of(index);
    return (struct holding *)taint->holding_blocks[block].at + (index + BLOCK_LEAST - (BLOCK_LEAST << block));
}

struct holding *holding_find(const struct taint *taint, uint32_t account, uint32_t asset)
{
    const struct account_state *state = &taint->accounts[account];
    if (!state->first || state->asset == asset)
        return state->first;
    const struct table *table = &taint->holding_table;
    uint64_t key = holding_key(account, asset);
    if (!table->capacity)
        return NULL;
    for (size_t at = mix(key) & (table->capacity - 1); table->slots[at].key;
         at = (at + 1) & (table->capacity - 1))
        if (table->slots[at].key == key)
            return table->slots[at].holding;
    return NULL;
}

void account_prefetch(const struct taint *taint, uint32_t account)
{
    if (account < taint->account_capacity)
        __builtin_prefetch(&taint->accounts[account]);
}

void holding_prefetch_slot(const struct taint *taint, uint32_t account, uint32_t asset)
{
    const struct table *table = &taint->holding_table;
    if (account >= taint->account_capacity || !taint->accounts[account].first)
        return;
    if (taint->accounts[account].asset == asset)
        __builtin_prefetch(taint->accounts[account].first, 1);
    else if (table->capacity)
        __builtin_prefetch(&table->slots[mix(holding_key(account, asset)) & (table->capacity - 1)]);
}

void holding_prefetch(const struct taint *taint, uint32_t account, uint32_t asset)
{
    if (account >= taint->account_capacity || !taint->accounts[account].first)
        return;
    const struct holding *holding = holding_find(taint, account, asset);
    if (holding && (!holding->mark || taint->options.policy == POLICY_POISON))
        __builtin_prefetch(&holding->tags, 1);
}

void holding_prefetch_rest(const struct taint *taint, uint32_t account, uint32_t asset)
{
    if (account >= taint->account_capacity || !taint->accounts[account].first)
        return;
    const struct holding *holding = holding_find(taint, account, asset);
    if (holding && taint->options.policy == POLICY_POISON)
        for (uint32_t i = 0; i < holding->tag_count && i < TAGS_PREFETCHED; i += CACHE_LINE / sizeof(struct tagged))
            __builtin_prefetch(&holding->tags[i], 1);
    if (!holding || holding->mark || !holding->queue)
        return;
    __builtin_prefetch(holding->queue, 1);
    __builtin_prefetch((const char *)holding->queue + CACHE_LINE, 1);
}

void holding_prefetch_lots(const struct taint *taint, uint32_t account, uint32_t asset)
{
    if (account >= taint->account_capacity || !taint->accounts[account].first)
        return;
    const struct holding *holding = holding_find(taint, account, asset);
    const struct queue *queue = holding && !holding->mark ? holding->queue : NULL;
    if (!queue || !queue->lots || queue->large || !queue->count)
        return;
    const struct small_lot *lots = queue->lots;
    __builtin_prefetch(&lots[queue->start], 1);
    __builtin_prefetch(&lots[queue->start + queue->count], 1);
}

struct holding *holding_get(struct taint *taint, uint32_t account, uint32_t asset)
{
    struct holding *holding = holding_find(taint, account, asset);
    struct table *table = &taint->holding_table;
    struct account_state *state = &taint->accounts[account];
    if (holding)
        return holding;
    if (state->first && table->count * 3 >= table->capacity * 2 && !table_grow(table))
        return NULL;
    if (taint->holding_count >= UINT32_MAX ||
        !large_grow(&taint->holding_blocks[block_of(taint->holding_count)],
                    (BLOCK_LEAST << block_of(taint->holding_count)) * sizeof(*holding)))
        return NULL;
    holding = holding_at(taint, taint->holding_count++);
    if (!state->first) {
        state->first = holding;
        state->asset = asset;
    } else { /* only further ones are in the table */
        uint64_t key = holding_key(account, asset);
        size_t at = mix(key) & (table->capacity - 1);
        while (table->slots[at].key)
            at = (at + 1) & (table->capacity - 1);
        table->slots[at] = (struct table_slot){key, holding};
        table->count++;
    }
    holding->tags = holding->few;
    holding->amounts = taint->options.policy == POLICY_POISON ? NULL : holding->few_amounts;
    holding->tag_room = HOLDING_INLINE_TAGS;
    holding->account = account;
    holding->asset = asset;
    holding->uniform = taint->clean;
    uint32_t slot = state->slot;
    if (slot) {
        holding->sibling = taint->slots[slot - 1].holdings;
        taint->slots[slot - 1].holdings = (uint32_t)taint->holding_count;
    }
    return holding;
}

/* Room for a power of two of tags. malloc() gives pages of 4 KiB, and every one of them costs a fault. */
static struct tagged *tags_take(struct taint *taint, size_t room)
{
    void **back = &taint->tags_back[__builtin_ctzll(room)];
    struct tagged *piece = *back;
    if (piece) {
        memcpy(back, piece, sizeof(*back));
        return piece;
    }
    while (taint->tags_given + room > TAGS_LEAST << taint->tag_block) {
        taint->tag_block++;
        taint->tags_given = 0;
    }
    struct large *block = &taint->tag_blocks[taint->tag_block];
    if (!large_grow(block, (TAGS_LEAST << taint->tag_block) * sizeof(*piece)))
        return NULL;
    piece = (struct tagged *)block->at + taint->tags_given;
    taint->tags_given += room;
    return piece;
}

static void tags_give_back(struct taint *taint, struct holding *holding)
{
    void **back = &taint->tags_back[__builtin_ctzll(holding->tag_room)];
    if (holding->tags == holding->few)
        return;
    memcpy(holding->tags, back, sizeof(*back));
    *back = holding->tags;
}

static void tags_release(struct taint *taint, struct holding *holding)
{
    tags_give_back(taint, holding);
    if (holding->amounts != holding->few_amounts)
        free(holding->amounts);
    holding->tags = holding->few;
    holding->amounts = holding->amounts ? holding->few_amounts : NULL;
    holding->tag_room = HOLDING_INLINE_TAGS;
}

void holdings_release(struct taint *taint)
{
    for (size_t i = 0; i < taint->holding_count; i++) {
        struct holding *holding = holding_at(taint, i);
        if (holding->queue)
            queue_release(holding->queue);
        free(holding->queue);
        tags_release(taint, holding);
    }
    for (size_t i = 0; i < TAG_BLOCKS; i++)
        large_free(&taint->tag_blocks[i]);
    for (size_t i = 0; i < HOLDING_BLOCKS; i++)
        large_free(&taint->holding_blocks[i]);
    large_free(&taint->holding_table.memory);
}

/* First entry with a tag not below `tag`. */
static uint32_t tag_place(const struct holding *holding, uint32_t tag)
{
    uint32_t low = 0, high = holding->tag_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (holding->tags[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct tagged *holding_tag(struct holding *holding, uint32_t tag)
{
    uint32_t at = tag_place(holding, tag);
    return at < holding->tag_count && holding->tags[at].tag == tag ? &holding->tags[at] : NULL;
}

/* By doubling; what is there stays. */
bool holding_tags_reserve(struct taint *taint, struct holding *holding, size_t count)
{
    size_t room = holding->tag_room;
    if (count <= room)
        return true;
    while (room < count)
        room *= 2;
    if (holding->amounts) {
        bool inside = holding->amounts == holding->few_amounts;
        struct u256 *amounts = realloc(inside ? NULL : holding->amounts, room * sizeof(*amounts));
        if (!amounts)
            return false;
        if (inside)
            memcpy(amounts, holding->few_amounts, sizeof(holding->few_amounts));
        holding->amounts = amounts;
    }
    struct tagged *tags = tags_take(taint, room);
    if (!tags)
        return false;
    memcpy(tags, holding->tags, holding->tag_count * sizeof(*tags));
    tags_give_back(taint, holding);
    holding->tags = tags;
    holding->tag_room = (uint32_t)room;
    return true;
}

struct tagged *holding_tag_add(struct taint *taint, struct holding *holding, uint32_t tag)
{
    uint32_t at = tag_place(holding, tag), count = holding->tag_count;
    if (at < count && holding->tags[at].tag == tag)
        return &holding->tags[at];
    if (!holding_tags_reserve(taint, holding, (size_t)count + 1))
        return NULL;
    memmove(holding->tags + at + 1, holding->tags + at, (count - at) * sizeof(*holding->tags));
    if (holding->amounts) {
        memmove(holding->amounts + at + 1, holding->amounts + at, (count - at) * sizeof(*holding->amounts));
        holding->amounts[at] = (struct u256){{0}};
    }
    holding->tag_count++;
    holding->tags[at] = (struct tagged){.tag = tag & UINT16_MAX, .via = MOVE_NONE};
    return &holding->tags[at];
}

bool holding_tags_set(struct taint *taint, struct holding *holding, const struct tagged *tags, const struct u256 *amounts,
                      uint32_t count)
{
    tags_release(taint, holding);
    holding->tag_count = 0;
    if (!holding_tags_reserve(taint, holding, count))
        return false;
    if (count)
        memcpy(holding->tags, tags, count * sizeof(*tags));
    if (count && amounts)
        memcpy(holding->amounts, amounts, count * sizeof(*amounts));
    holding->tag_count = count;
    return true;
}

void holding_tag_lose(struct holding *holding, uint32_t tag, struct u256 amount)
{
    struct tagged *tagged = holding_tag(holding, tag);
    assert(tagged);
    struct u256 *left = tag_amount(holding, tagged);
    *left = units_difference(*left, amount);
    if (!u256_is_zero(*left))
        return;
    size_t at = (size_t)(tagged - holding->tags), behind = --holding->tag_count - at;
    memmove(tagged, tagged + 1, behind * sizeof(*tagged));
    memmove(left, left + 1, behind * sizeof(*left));
}

bool holding_gain(struct taint *taint, struct holding *holding, struct u256 amount, uint32_t tag)
{
    if (tag == taint->clean)
        return true;
    const struct tagged *tagged = holding_tag_add(taint, holding, tag);
    if (!tagged)
        return false;
    struct u256 *units = tag_amount(holding, tagged);
    *units = units_sum(*units, amount);
    return true;
}

bool holding_retag(struct taint *taint, struct holding *holding, uint32_t tag, bool *ret_changed)
{
    struct u256 changed = holding->balance;
    for (uint32_t i = 0; i < holding->tag_count && tag_is_source(taint, holding->tags[i].tag); i++)
        changed = units_difference(changed, holding->amounts[i]);
    *ret_changed = !u256_is_zero(changed);
    if (!*ret_changed)
        return true;
    const struct tagged *unknown = holding_tag(holding, taint->unknown);
    if (unknown)
        holding_tag_lose(holding, taint->unknown, *tag_amount(holding, unknown));
    return holding_gain(taint, holding, changed, tag);
}

/* ---- accounts and assets by id ---- */

static uint64_t address_hash(struct address address)
{
    uint64_t a, b;
    memcpy(&a, address.bytes, 8);
    memcpy(&b, address.bytes + 12, 8);
    return mix(a * 31 + b);
}

/* An open-addressing table of index + 1 over `count` addresses that stand `stride` bytes apart. */
static uint32_t *make_table(const void *first, size_t count, size_t stride, size_t *ret_mask)
{
    size_t capacity = 16;
    while (capacity < count * 2)
        capacity *= 2;
    uint32_t *table = calloc(capacity, sizeof(*table));
    *ret_mask = capacity - 1;
    for (size_t i = 0; table && i < count; i++) {
        struct address address;
        memcpy(&address, (const char *)first + i * stride, sizeof(address));
        size_t at = address_hash(address) & (capacity - 1);
        while (table[at])
            at = (at + 1) & (capacity - 1);
        table[at] = (uint32_t)i + 1;
    }
    return table;
}

/* Index + 1 of an address, 0: it is not there. */
static uint32_t look_up(const uint32_t *table, size_t mask, const void *first, size_t stride,
                        struct address address)
{
    for (size_t at = address_hash(address) & mask; table[at]; at = (at + 1) & mask)
        if (memcmp((const char *)first + (table[at] - 1) * stride, address.bytes, sizeof(address)) == 0)
            return table[at];
    return 0;
}

bool table_explored(struct taint *taint)
{
    free(taint->explored_table);
    taint->explored_table = make_table(taint->explored, taint->explored_count, sizeof(struct address), &taint->explored_mask);
    return taint->explored_table != NULL;
}

bool tables_make(struct taint *taint)
{
    taint->label_table = make_table(taint->input->labels, taint->input->label_count,
                                    sizeof(struct taint_label), &taint->label_mask);
    taint->slot_table =
        make_table(taint->slots, taint->slot_count, sizeof(struct seed_slot), &taint->slot_mask);
    taint->doubted_table =
        make_table(taint->input->doubted, taint->input->doubted_count, sizeof(struct address), &taint->doubted_mask);
    return taint->label_table && table_explored(taint) && taint->slot_table && taint->doubted_table;
}

bool account_is_unlabelled(const struct taint *taint, uint32_t id)
{
    struct address address = taint->cursor->account(taint->cursor->self, id);
    const struct taint_label *labels = taint->input->labels;
    return !address_is_void(address) && !look_up(taint->label_table, taint->label_mask, labels, sizeof(*labels), address);
}

bool is_explored(const struct taint *taint, struct address address)
{
    return look_up(taint->explored_table, taint->explored_mask, taint->explored, sizeof(struct address),
                   address) != 0;
}

/* Of an account of the explored set; what was asked for stands in front of what seeds added. */
static bool is_doubted(const struct taint *taint, struct address address)
{
    const struct taint_input *input = taint->input;
    if (look_up(taint->doubted_table, taint->doubted_mask, input->doubted, sizeof(struct address), address))
        return true;
    return input->doubts_added && input->has_explored &&
           look_up(taint->explored_table, taint->explored_mask, taint->explored, sizeof(struct address), address) > input->explored_count;
}

static uint32_t source_of(const struct taint *taint, const char *name)
{
    for (uint32_t s = 0; s < taint->source_count; s++)
        if (strcmp(taint->source_names[s], name) == 0)
            return s + 1;
    return 0;
}

static void classify(struct taint *taint, uint32_t id, struct account_state *account)
{
    static const uint8_t classes[CLASS_COUNT] = {[CLASS_SERVICE] = ACCOUNT_SERVICE,
                                                 [CLASS_MIXER] = ACCOUNT_MIXER,
                                                 [CLASS_BRIDGE] = ACCOUNT_BRIDGE,
                                                 [CLASS_VENUE] = ACCOUNT_VENUE};
    struct address address = taint->cursor->account(taint->cursor->self, id);
    if (address_is_void(address)) {
        account->class_ = ACCOUNT_VOID;
        return;
    }
    const struct taint_label *labels = taint->input->labels;
    uint32_t label = look_up(taint->label_table, taint->label_mask, labels, sizeof(*labels), address);
    if (label) {
        account->class_ = classes[labels[label - 1].class_];
        account->slot = labels[label - 1].emit[0] ? source_of(taint, labels[label - 1].emit) & 0xffffff : 0;
        return;
    }
    account->slot =
        look_up(taint->slot_table, taint->slot_mask, taint->slots, sizeof(*taint->slots), address) & 0xffffff;
    account->class_ = (taint->input->has_explored || taint->gathers) && !is_explored(taint, address) ? ACCOUNT_FRONTIER
                      : is_doubted(taint, address)                               ? ACCOUNT_DOUBTED
                                                                                 : ACCOUNT_PLAIN;
}

bool accounts_reserve(struct taint *taint, size_t count)
{
    if (count <= taint->account_capacity)
        return true;
    if (!large_grow(&taint->account_memory, count * sizeof(struct account_state)))
        return false;
    taint->accounts = taint->account_memory.at;
    taint->account_capacity = taint->account_memory.size / sizeof(struct account_state);
    return true;
}

const struct account_state *account_get(struct taint *taint, uint32_t id)
{
    if (!accounts_reserve(taint, (size_t)id + 1))
        return NULL;
    struct account_state *account = &taint->accounts[id];
    if (account->class_ == ACCOUNT_UNSEEN)
        classify(taint, id, account);
    return account;
}

const struct asset_state *asset_get(struct taint *taint, uint32_t id)
{
    if (id >= taint->asset_capacity) {
        if (!large_grow(&taint->asset_memory, ((size_t)id + 1) * sizeof(struct asset_state)))
            return NULL;
        taint->assets = taint->asset_memory.at;
        taint->asset_capacity = taint->asset_memory.size / sizeof(struct asset_state);
    }
    struct asset_state *state = &taint->assets[id];
    if (state->ready)
        return state;
    state->ready = true;
    struct asset asset = taint->cursor->asset(taint->cursor->self, id);
    for (size_t i = 0; i < taint->input->asset_count; i++) {
        const struct taint_asset *listed = &taint->input->assets[i];
        if (!asset_equal(&listed->asset, &asset))
            continue;
        state->recognised = true;
        state->decimals = listed->decimals;
        state->weight = listed->weight;
        state->dust = listed->dust;
    }
    const struct taint_label *labels = taint->input->labels;
    uint32_t label = asset.kind == ASSET_NATIVE ? 0
                                                : look_up(taint->label_table, taint->label_mask, labels,
                                                          sizeof(*labels), asset.contract);
    state->contract_is_venue = label && labels[label - 1].class_ == CLASS_VENUE;
    return state;
}
