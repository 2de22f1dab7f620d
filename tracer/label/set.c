/* set.c - claims sorted by address and by who wins; finding the winner.
 *
 * The best claim gives name, category, entity and origin; the class (and emit) come from the best claim that
 * has one, so that an official list that only names an address does not hide that it is a mixer (architecture
 * 11). The built-in claims are never copied: what is asked of an address is asked of them and of those read from lists, in
 * one order.
 */
#include "builtin.h"
#include "set.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIMS_AN_ADDRESS_MAX 1024u /* keeps what is asked about one address cheap */

#define CLAIMS_FIRST 128u

static const struct builtin_claim no_claims[1];
static const struct builtin_class no_classes[1];

struct label_set {
    struct arena *arena; /* texts */
    struct label *claims; /* of lists */
    size_t count, capacity;
    struct builtin builtin; /* none: a count of 0 */
    uint32_t builtin_first; /* its first list */
    struct label_list *lists;
    size_t list_count, list_capacity;
    char as_of[11]; /* "" not set */
};

enum tracer_status label_set_new(struct label_set **ret_set, struct error *err)
{
    struct label_set *set = calloc(1, sizeof(*set));
    if (set) {
        set->arena = arena_new(TRACER_MEMORY_MAX);
        set->claims = malloc(CLAIMS_FIRST * sizeof(*set->claims));
        set->capacity = CLAIMS_FIRST;
        set->builtin.claims = no_claims;
        set->builtin.classes = no_classes;
    }
    if (!set || !set->arena || !set->claims) {
        label_set_free(set);
        return error_set(err, TRACER_E_NOMEM, "no memory for labels");
    }
    *ret_set = set;
    return TRACER_OK;
}

void label_set_free(struct label_set *set)
{
    if (!set)
        return;
    arena_free(set->arena);
    free(set->claims);
    free(set->lists);
    free(set);
}

const char *label_text(struct label_texts *texts, size_t slot, const char *text, size_t length)
{
    const char *last = texts->last[slot];
    if (length == 0)
        return "";
    if (last && strlen(last) == length && memcmp(last, text, length) == 0)
        return last;
    texts->last[slot] = arena_text(texts->arena, text, length);
    return texts->last[slot];
}

/* Room for one list more. */
static enum tracer_status list_room(struct label_set *set, struct error *err)
{
    if (set->list_count < set->list_capacity)
        return TRACER_OK;
    size_t capacity = set->list_capacity ? set->list_capacity * 2 : 8;
    struct label_list *lists = realloc(set->lists, capacity * sizeof(*lists));
    if (!lists)
        return error_set(err, TRACER_E_NOMEM, "no memory for labels");
    set->lists = lists;
    set->list_capacity = capacity;
    return TRACER_OK;
}

enum tracer_status label_set_take_builtin(struct label_set *set, const struct builtin *builtin, struct error *err)
{
    size_t before = set->list_count;
    assert(!set->builtin.count);
    for (size_t i = 0; i < builtin->list_count; i++) {
        if (list_room(set, err)) {
            set->list_count = before;
            return TRACER_E_NOMEM;
        }
        set->lists[set->list_count++] = builtin->lists[i];
    }
    set->builtin = *builtin;
    set->builtin_first = (uint32_t)before;
    return TRACER_OK;
}

enum tracer_status label_add_begin(struct label_set *set, struct label_adding *ret_adding, struct error *err)
{
    if (list_room(set, err))
        return TRACER_E_NOMEM;
    *ret_adding = (struct label_adding){
        .set = set, .texts = {.arena = set->arena}, .list = (uint32_t)set->list_count, .first = set->count};
    return TRACER_OK;
}

enum tracer_status label_add_claim(struct label_adding *adding, const struct label *claim, struct error *err)
{
    struct label_set *set = adding->set;
    if (set->count >= TRACER_LABELS_MAX)
        return error_set(err, TRACER_E_LIMIT, "more than %u labels (TRACER_LABELS_MAX)", TRACER_LABELS_MAX);
    if (set->count == set->capacity) {
        size_t capacity = set->capacity * 2;
        struct label *claims = realloc(set->claims, capacity * sizeof(*claims));
        if (!claims)
            return error_set(err, TRACER_E_NOMEM, "no memory for %zu labels", capacity);
        set->claims = claims;
        set->capacity = capacity;
    }
    set->claims[set->count] = *claim;
    set->claims[set->count++].list = adding->list;
    return TRACER_OK;
}

/* By address; then the winner first. Any two claims differ in something here unless they say the same. */
static int claim_order(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    int order = address_compare(x->address, y->address);
    if (!order)
        order = (x->rank > y->rank) - (x->rank < y->rank);
    if (!order) /* one that ended holds less than one that did not */
        order = (x->valid_to[0] != 0) - (y->valid_to[0] != 0);
    if (!order)
        order = (x->confidence > y->confidence) - (x->confidence < y->confidence);
    if (!order)
        order = strcmp(x->origin, y->origin);
    if (!order)
        order = (x->list > y->list) - (x->list < y->list);
    if (!order)
        order = (x->chain_id > y->chain_id) - (x->chain_id < y->chain_id);
    if (!order)
        order = (int)x->class_ - (int)y->class_;
    if (!order)
        order = strcmp(x->name, y->name);
    if (!order)
        order = strcmp(x->category, y->category);
    return order ? order : strcmp(x->emit, y->emit);
}

void label_set_as_of(struct label_set *set, const char *date)
{
    assert(set->count == 0);
    snprintf(set->as_of, sizeof(set->as_of), "%s", date);
}

const char *label_as_of(const struct label_set *set)
{
    return set->as_of;
}

/* On the chain, and on the day asked about; a claim's last day is the one before valid_to. */
bool label_holds(const struct label_set *set, const struct label *claim, uint64_t chain_id)
{
    if (claim->chain_id && claim->chain_id != chain_id)
        return false;
    return !set->as_of[0] || (strcmp(claim->valid_from, set->as_of) <= 0 &&
                              (!claim->valid_to[0] || strcmp(claim->valid_to, set->as_of) > 0));
}

/* ---- what is said of one address ---- */

struct claim { /* where it lies; both NULL: none */
    const struct label *own; /* of a list */
    const struct builtin_claim *builtin;
};
struct group { /* the claims about an address */
    const struct label *own, *own_end;
    const struct builtin_claim *builtin, *builtin_end;
};

static bool is_claim(struct claim claim)
{
    return claim.own || claim.builtin;
}

static struct label label_of(const struct label_set *set, struct claim claim)
{
    const struct builtin_claim *at = claim.builtin;
    const char *texts = set->builtin.texts;
    if (!at)
        return *claim.own;
    return (struct label){.address = at->address,
                          .chain_id = at->chain_id,
                          .class_ = at->class_,
                          .emit = "",
                          .name = texts + at->name,
                          .category = texts + at->category,
                          .entity = texts + at->entity,
                          .origin = texts + at->origin,
                          .valid_from = texts + at->valid_from,
                          .valid_to = texts + at->valid_to,
                          .confidence = at->confidence,
                          .rank = at->rank,
                          .list = set->builtin_first + at->list};
}

static inline bool claim_holds(const struct label_set *set, struct claim claim, uint64_t chain_id)
{
    if (claim.builtin && !set->as_of[0]) /* most are asked this way */
        return !claim.builtin->chain_id || claim.builtin->chain_id == chain_id;
    struct label label = label_of(set, claim);
    return label_holds(set, &label, chain_id);
}

/* The next one, the winner first; false: that was all. */
static inline bool group_next(const struct label_set *set, struct group *group, struct claim *ret_claim)
{
    bool has_own = group->own < group->own_end, has_builtin = group->builtin < group->builtin_end;
    if (has_own && has_builtin) {
        struct label builtin = label_of(set, (struct claim){.builtin = group->builtin});
        has_builtin = claim_order(&builtin, group->own) < 0;
        has_own = !has_builtin;
    }
    *ret_claim = has_own       ? (struct claim){.own = group->own++}
                 : has_builtin ? (struct claim){.builtin = group->builtin++}
                               : (struct claim){.own = NULL};
    return has_own || has_builtin;
}

static inline const struct label *own_end(const struct label_set *set, const struct label *first)
{
    const struct label *end = first;
    while (end < set->claims + set->count && memcmp(&end->address, &first->address, sizeof(end->address)) == 0)
        end++;
    return end;
}

static inline const struct builtin_claim *builtin_end(const struct label_set *set, const struct builtin_claim *first)
{
    const struct builtin_claim *end = first;
    while (end < set->builtin.claims + set->builtin.count && memcmp(&end->address, &first->address, sizeof(end->address)) == 0)
        end++;
    return end;
}

static struct group find_group(const struct label_set *set, struct address address)
{
    size_t low = 0, high = set->count;
    struct group group = {.own = set->claims, .builtin = set->builtin.claims};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(set->claims[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < set->count)
        group.own = set->claims + low;
    group.own_end = low < set->count && address_equal(group.own->address, address) ? own_end(set, group.own) : group.own;
    low = 0;
    high = set->builtin.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(set->builtin.claims[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < set->builtin.count)
        group.builtin = set->builtin.claims + low;
    group.builtin_end = low < set->builtin.count && address_equal(group.builtin->address, address) ? builtin_end(set, group.builtin) : group.builtin;
    return group;
}

/* Who is better than others says that it is a heist's, or sanctioned: a class of others would take it out of the sources (I5). */
static bool is_accused(const struct label_set *set, struct group group, uint64_t chain_id)
{
    struct claim claim;
    while (group_next(set, &group, &claim)) {
        struct label label = label_of(set, claim);
        if (label.rank != LABEL_OTHER && (strcmp(label.category, "heist") == 0 || strcmp(label.category, "sanctioned") == 0) && label_holds(set, &label, chain_id))
            return true;
    }
    return false;
}

/* A class that counts, of an own claim. */
static inline bool gives_class(const struct label_set *set, const struct label *own, uint64_t chain_id)
{
    return own->class_ != CLASS_NONE && (own->rank != LABEL_OTHER || !is_accused(set, find_group(set, own->address), chain_id));
}

/* The first claim on the chain, and the first with a class. */
static inline void pick(const struct label_set *set, struct group group, uint64_t chain_id, struct claim *ret_best, struct claim *ret_classy)
{
    struct claim claim;
    *ret_best = *ret_classy = (struct claim){.own = NULL};
    while (!is_claim(*ret_classy) && group_next(set, &group, &claim)) {
        if (!claim_holds(set, claim, chain_id))
            continue;
        if (!is_claim(*ret_best))
            *ret_best = claim;
        if (claim.own ? gives_class(set, claim.own, chain_id) : claim.builtin->class_ != CLASS_NONE)
            *ret_classy = claim;
    }
}

bool label_find(const struct label_set *set, uint64_t chain_id, struct address address, struct label *ret_label)
{
    struct claim best, classy;
    pick(set, find_group(set, address), chain_id, &best, &classy);
    if (!is_claim(best))
        return false;
    *ret_label = label_of(set, best);
    if (is_claim(classy)) {
        struct label other = label_of(set, classy);
        ret_label->class_ = other.class_;
        ret_label->emit = other.emit;
    }
    return true;
}

enum tracer_status label_about(const struct label_set *set, struct address address, struct arena *arena, const struct label **ret_claims,
                               size_t *ret_count, struct error *err)
{
    struct group group = find_group(set, address);
    struct claim claim;
    size_t count = 0, capacity = (size_t)(group.own_end - group.own) + (size_t)(group.builtin_end - group.builtin);
    struct label *claims = arena_calloc(arena, capacity + 1, sizeof(*claims));
    if (!claims)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    while (group_next(set, &group, &claim))
        claims[count++] = label_of(set, claim);
    *ret_claims = claims;
    *ret_count = count;
    return TRACER_OK;
}

/* ---- adding a list ---- */

/* Claims from `first` on are new: sort them in among those before, which are sorted. */
static bool sort_in(struct label_set *set, size_t first)
{
    size_t count = set->count, old = 0, new = first, at = 0;
    if (count - first > 1)
        qsort(set->claims + first, count - first, sizeof(*set->claims), claim_order);
    if (first == 0 || first == count)
        return true;
    struct label *merged = malloc(count * sizeof(*merged));
    if (!merged)
        return false;
    while (old < first || new < count) {
        bool from_old = new == count || (old < first && claim_order(&set->claims[old], &set->claims[new]) <= 0);
        merged[at++] = set->claims[from_old ? old++ : new++];
    }
    free(set->claims);
    set->claims = merged;
    set->capacity = count;
    return true;
}

/* No address has more claims than is cheap. */
static enum tracer_status check_claims(const struct label_set *set, struct error *err)
{
    char text[ADDRESS_TEXT_SIZE];
    for (const struct label *first = set->claims, *end; first < set->claims + set->count; first = end) {
        end = own_end(set, first);
        if (end - first <= (ptrdiff_t)CLAIMS_AN_ADDRESS_MAX)
            continue;
        address_format(first->address, text);
        return error_set(err, TRACER_E_LIMIT, "%zu labels about %s (at most %u)", (size_t)(end - first), text, CLAIMS_AN_ADDRESS_MAX);
    }
    return TRACER_OK;
}

/* Without the claims of the list: they lie anywhere once sorted. */
static void drop_list(struct label_set *set, uint32_t list)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->claims[i].list != list)
            set->claims[kept++] = set->claims[i];
    set->count = kept;
}

enum tracer_status label_add_end(struct label_adding *adding, enum tracer_status status, const char *name,
                                 struct digest digest, struct error *err)
{
    struct label_set *set = adding->set;
    uint64_t rows = set->count - adding->first;
    const char *kept_name = status ? NULL : arena_text(set->arena, name, strlen(name));
    if (!status && !kept_name)
        status = error_set(err, TRACER_E_NOMEM, "no memory for labels");
    if (!status && !sort_in(set, adding->first))
        status = error_set(err, TRACER_E_NOMEM, "no memory for labels");
    if (!status)
        status = check_claims(set, err);
    if (status) {
        drop_list(set, adding->list); /* the others stay sorted */
        return status;
    }
    set->lists[set->list_count++] = (struct label_list){.name = kept_name, .digest = digest, .rows = rows};
    return TRACER_OK;
}

size_t label_list_count(const struct label_set *set)
{
    return set->list_count;
}

const struct label_list *label_list(const struct label_set *set, size_t index)
{
    return index < set->list_count ? &set->lists[index] : NULL;
}

void label_set_date(struct label_set *set, const char *date)
{
    struct label_list *list = &set->lists[set->list_count - 1];
    snprintf(list->date, sizeof(list->date), "%s", date);
}

void label_set_origin(struct label_set *set, bool official)
{
    struct label_list *list = &set->lists[set->list_count - 1];
    list->imported = true;
    list->official = official;
}

const struct label *label_all(const struct label_set *set, size_t *ret_count)
{
    *ret_count = set->count;
    return set->claims;
}

bool label_emits(const struct label_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->claims[i].emit[0])
            return true;
    return false;
}

/* What the first claim with a class that holds on the chain says of the next address, if there is one; both places move behind that
 * address. */
static bool next_class(const struct label_set *set, uint64_t chain_id, const struct label **own, const struct builtin_class **builtin,
                       struct taint_label *ret_label)
{
    const struct label *own_stop = set->claims + set->count, *ours = NULL;
    const struct builtin_class *builtin_stop = set->builtin.classes + set->builtin.class_count, *theirs = NULL;
    bool has_own = *own < own_stop, has_builtin = *builtin < builtin_stop;
    int order = has_own && has_builtin ? address_compare((*own)->address, (*builtin)->address) : 0;
    if (has_own && order <= 0)
        for (const struct label *end = own_end(set, *own); *own < end; (*own)++)
            if (!ours && label_holds(set, *own, chain_id) && gives_class(set, *own, chain_id))
                ours = *own;
    if (has_builtin && order >= 0) {
        const struct builtin_class *at = *builtin;
        do
            if (!theirs && (set->as_of[0] ? claim_holds(set, (struct claim){.builtin = set->builtin.claims + at->claim}, chain_id)
                                          : !at->chain_id || at->chain_id == chain_id))
                theirs = at;
        while (++at < builtin_stop && address_equal(at->address, (*builtin)->address));
        *builtin = at;
    }
    if (ours && theirs && theirs->rank != ours->rank) { /* most of them: the claim need not be read */
        if (theirs->rank < ours->rank)
            ours = NULL;
    } else if (ours && theirs) {
        struct label label = label_of(set, (struct claim){.builtin = set->builtin.claims + theirs->claim});
        if (claim_order(&label, ours) < 0)
            ours = NULL;
    }
    if (ours)
        *ret_label = (struct taint_label){ours->address, ours->class_, ours->emit};
    else if (theirs)
        *ret_label = (struct taint_label){theirs->address, theirs->class_, ""};
    return ours || theirs;
}

enum tracer_status label_classes(const struct label_set *set, uint64_t chain_id, struct arena *arena,
                                 struct taint_label **ret_labels, size_t *ret_count, struct error *err)
{
    size_t count = 0, capacity = set->count + set->builtin.class_count;
    struct taint_label *labels = arena_alloc(arena, (capacity + 1) * sizeof(*labels));
    const struct label *own = set->claims, *own_stop = own + set->count;
    const struct builtin_class *builtin = set->builtin.classes, *builtin_stop = builtin + set->builtin.class_count;
    if (!labels)
        return error_set(err, TRACER_E_NOMEM, "no memory for %zu labels", capacity);
    while (own < own_stop || builtin < builtin_stop)
        if (next_class(set, chain_id, &own, &builtin, &labels[count]) && !address_is_void(labels[count].address))
            count++;
    *ret_labels = labels;
    *ret_count = count;
    return TRACER_OK;
}
