/* lookup_record.c - the encoding of what a lookup keeps. Numbers are LEB128, amounts a length and that many bytes, big end first. */
#include "lookup.h"

#include <string.h>

/* ---- writing ---- */

static bool put_number(struct buffer *to, uint64_t value)
{
    while (value >= 0x80) {
        if (!buffer_char(to, (char)(value | 0x80)))
            return false;
        value >>= 7;
    }
    return buffer_char(to, (char)value);
}

static bool put_sum(struct buffer *to, struct u320 value)
{
    uint8_t bytes[41];
    size_t size = 0;
    for (int limb = 4; limb >= 0; limb--)
        for (int byte = 7; byte >= 0; byte--) {
            uint8_t next = (uint8_t)(value.limb[limb] >> (8 * byte));
            if (next || size)
                bytes[++size] = next;
        }
    bytes[0] = (uint8_t)size;
    return buffer_add(to, bytes, size + 1);
}

static bool put_amount(struct buffer *to, struct u256 value)
{
    return put_sum(to, u320_from_u256(value));
}

static bool put_position(struct buffer *to, struct position position)
{
    return put_number(to, position.block_number) && put_number(to, (uint64_t)(position.transaction_index + INT64_C(1))) &&
           put_number(to, position.index);
}

/* Tags are sources by number + 1; 0 is unknown. */
static bool put_part(struct buffer *to, const struct taint_part *part)
{
    if (part->tag == TAINT_UNKNOWN)
        return put_number(to, 0) && put_amount(to, part->amount);
    return put_number(to, part->tag + UINT64_C(1)) && put_amount(to, part->amount) && put_number(to, part->hop) &&
           put_number(to, part->has_parent) && (!part->has_parent || put_position(to, part->parent));
}

static bool put_parts(struct buffer *to, const struct taint_part *parts, size_t count)
{
    bool ok = put_number(to, count);
    for (size_t i = 0; i < count && ok; i++)
        ok = put_part(to, &parts[i]);
    return ok;
}

void kept_row_key(struct position position, uint8_t to[static KEPT_ROW_KEY])
{
    uint32_t transaction = (uint32_t)(position.transaction_index + INT64_C(1));
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(position.block_number >> (56 - 8 * i));
    for (int i = 0; i < 4; i++) {
        to[8 + i] = (uint8_t)(transaction >> (24 - 8 * i));
        to[12 + i] = (uint8_t)(position.index >> (24 - 8 * i));
    }
}

bool kept_row_encode(const struct kept_row *row, struct buffer *to)
{
    return put_number(to, row->status) && put_number(to, row->fee) && put_number(to, row->leg) && put_number(to, row->link) &&
           put_parts(to, row->parts, row->part_count);
}

bool kept_account_encode(const struct kept_account *account, struct buffer *to)
{
    bool ok = buffer_char(to, (char)account->flags) && put_number(to, account->asset_count);
    for (size_t i = 0; i < account->asset_count && ok; i++) {
        const struct kept_asset *asset = &account->assets[i];
        ok = put_number(to, asset->asset.kind) && (asset->asset.kind == ASSET_NATIVE || buffer_add(to, asset->asset.contract.bytes, 20)) &&
             (asset->asset.kind != ASSET_ITEM || put_amount(to, asset->asset.id)) && put_number(to, asset->rows) &&
             put_sum(to, asset->amount) && put_sum(to, asset->unknown) && put_number(to, asset->source_count);
        for (size_t s = 0; s < asset->source_count && ok; s++) {
            const struct kept_source *source = &asset->sources[s];
            ok = put_number(to, source->source) && put_sum(to, source->amount) && put_number(to, source->hop) && put_position(to, source->best);
        }
        ok = ok && put_amount(to, asset->balance) && put_parts(to, asset->tags, asset->tag_count);
    }
    return ok;
}

bool kept_head_encode(const struct kept_head *head, struct buffer *to)
{
    const struct taint_diag *diag = &head->diag;
    const uint64_t numbers[] = {LOOKUP_VERSION, head->generation, head->last, head->accounted | (uint64_t)head->no_unknown << 1, diag->groups_bad, diag->groups_ok,
                                diag->overflow, diag->overspend, diag->rows, diag->seeds_noop, diag->self, diag->zero, head->source_count};
    bool ok = buffer_add(to, head->identity.bytes, sizeof(head->identity.bytes)) && buffer_add(to, head->last_hash.bytes, sizeof(head->last_hash.bytes));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && ok; i++)
        ok = put_number(to, numbers[i]);
    for (size_t i = 0; i < head->source_count && ok; i++)
        ok = put_number(to, strlen(head->sources[i])) && buffer_text(to, head->sources[i]);
    return ok;
}

/* ---- reading: what does not fit makes `bad` ---- */

struct from {
    const uint8_t *at, *end;
    struct arena *arena;
    bool bad;
};

static uint64_t get_number(struct from *from)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && from->at < from->end; shift += 7) {
        uint8_t byte = *from->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    from->bad = true;
    return 0;
}

/* A count of things that take a byte each at least: cannot ask for more memory than the record justifies. */
static size_t get_count(struct from *from)
{
    uint64_t count = get_number(from);
    if (count > (uint64_t)(from->end - from->at))
        from->bad = true;
    return from->bad ? 0 : (size_t)count;
}

static void *get_array(struct from *from, size_t count, size_t size)
{
    void *array = arena_calloc(from->arena, count + 1, size);
    from->bad = from->bad || !array;
    return array;
}

static void get_bytes(struct from *from, void *to, size_t size)
{
    if (from->bad || (size_t)(from->end - from->at) < size) {
        from->bad = true;
        return;
    }
    memcpy(to, from->at, size);
    from->at += size;
}

static struct u320 get_sum(struct from *from)
{
    struct u320 sum = {{0}};
    uint8_t bytes[40], size = 0;
    get_bytes(from, &size, 1);
    if (size > sizeof(bytes))
        from->bad = true;
    get_bytes(from, bytes, from->bad ? 0 : size);
    for (size_t i = 0; i < size && !from->bad; i++) {
        size_t bit = 8 * (size_t)(size - 1 - i);
        sum.limb[bit / 64] |= (uint64_t)bytes[i] << bit % 64;
    }
    return sum;
}

static struct u256 get_amount(struct from *from)
{
    struct u320 sum = get_sum(from);
    from->bad = from->bad || sum.limb[4];
    return (struct u256){{sum.limb[0], sum.limb[1], sum.limb[2], sum.limb[3]}};
}

static struct position get_position(struct from *from)
{
    struct position position = {.block_number = get_number(from)};
    position.transaction_index = (int32_t)((int64_t)get_number(from) - 1);
    position.index = (uint32_t)get_number(from);
    return position;
}

static struct taint_part *get_parts(struct from *from, size_t *ret_count)
{
    size_t count = get_count(from);
    struct taint_part *parts = get_array(from, count, sizeof(*parts));
    for (size_t i = 0; i < count && !from->bad; i++) {
        uint64_t tag = get_number(from);
        parts[i].tag = tag ? (uint32_t)(tag - 1) : TAINT_UNKNOWN;
        parts[i].amount = get_amount(from);
        if (!tag)
            continue;
        parts[i].hop = (uint32_t)get_number(from);
        parts[i].has_parent = get_number(from);
        if (parts[i].has_parent)
            parts[i].parent = get_position(from);
    }
    *ret_count = count;
    return parts;
}

static bool all_read(const struct from *from)
{
    return !from->bad && from->at == from->end;
}

bool kept_row_decode(struct bytes bytes, struct arena *arena, struct kept_row *ret_row)
{
    struct from from = {bytes.data, bytes.data + bytes.size, arena, false};
    struct kept_row row = {.status = (enum taint_status)get_number(&from)};
    row.fee = get_number(&from);
    row.leg = (enum transfer_leg)get_number(&from);
    row.link = (uint32_t)get_number(&from);
    row.parts = get_parts(&from, &row.part_count);
    *ret_row = row;
    return all_read(&from) && row.status <= CHECK_NOT_IN_GRAPH && row.leg <= LEG_OUT;
}

static void get_asset(struct from *from, struct kept_asset *asset)
{
    asset->asset.kind = (enum asset_kind)get_number(from);
    from->bad = from->bad || asset->asset.kind > ASSET_ITEM;
    if (asset->asset.kind != ASSET_NATIVE)
        get_bytes(from, asset->asset.contract.bytes, 20);
    if (asset->asset.kind == ASSET_ITEM)
        asset->asset.id = get_amount(from);
    asset->rows = get_number(from);
    asset->amount = get_sum(from);
    asset->unknown = get_sum(from);
    asset->source_count = get_count(from);
    asset->sources = get_array(from, asset->source_count, sizeof(*asset->sources));
    for (size_t s = 0; s < asset->source_count && !from->bad; s++) {
        struct kept_source *source = &asset->sources[s];
        source->source = (uint32_t)get_number(from);
        source->amount = get_sum(from);
        source->hop = (uint32_t)get_number(from);
        source->best = get_position(from);
    }
    asset->balance = get_amount(from);
    asset->tags = get_parts(from, &asset->tag_count);
}

bool kept_account_decode(struct bytes bytes, struct arena *arena, struct kept_account *ret_account)
{
    struct from from = {bytes.data, bytes.data + bytes.size, arena, false};
    struct kept_account account = {.assets = NULL};
    get_bytes(&from, &account.flags, 1);
    account.asset_count = get_count(&from);
    account.assets = get_array(&from, account.asset_count, sizeof(*account.assets));
    for (size_t i = 0; i < account.asset_count && !from.bad; i++)
        get_asset(&from, &account.assets[i]);
    *ret_account = account;
    return all_read(&from);
}

bool kept_account_flags(struct bytes bytes, uint8_t *ret_flags)
{
    if (bytes.size)
        *ret_flags = bytes.data[0];
    return bytes.size > 0;
}

bool kept_head_decode(struct bytes bytes, struct arena *arena, struct kept_head *ret_head)
{
    struct from from = {bytes.data, bytes.data + bytes.size, arena, false};
    struct kept_head head = {.generation = 0};
    get_bytes(&from, head.identity.bytes, sizeof(head.identity.bytes));
    get_bytes(&from, head.last_hash.bytes, sizeof(head.last_hash.bytes));
    if (get_number(&from) != LOOKUP_VERSION)
        return false;
    head.generation = get_number(&from);
    head.last = get_number(&from);
    const uint64_t marks = get_number(&from);
    head.accounted = marks & 1;
    head.no_unknown = marks >> 1 & 1;
    uint64_t *const diag[] = {&head.diag.groups_bad, &head.diag.groups_ok,  &head.diag.overflow, &head.diag.overspend,
                              &head.diag.rows,       &head.diag.seeds_noop, &head.diag.self,     &head.diag.zero};
    for (size_t i = 0; i < sizeof(diag) / sizeof(diag[0]); i++)
        *diag[i] = get_number(&from);
    head.source_count = get_count(&from);
    head.sources = get_array(&from, head.source_count, sizeof(*head.sources));
    for (size_t i = 0; i < head.source_count && !from.bad; i++) {
        size_t length = get_count(&from);
        const uint8_t *text = from.at;
        from.at += length;
        head.sources[i] = arena_text(arena, (const char *)text, length);
        from.bad = from.bad || !head.sources[i];
    }
    *ret_head = head;
    return all_read(&from);
}
