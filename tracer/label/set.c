/* set.c - claims sorted by address and by who wins; finding the winner.
 *
 * The best claim gives name, category, entity and origin; the class (and emit) come from the best claim that
 * has one, so that an official list that only names an address does not hide that it is a mixer (architecture
 * 11). Where these are two claims, a merged view is made once, when the list is added.
 */
#include "set.h"

#include <assert.h>
#include <stdlib.h>

#define CLAIMS_AN_ADDRESS_MAX 1024u /* keeps the views of one address cheap */
#define NO_CLAIM SIZE_MAX

struct view { /* of the claims `best` and `classy`, both indices */
    size_t best, classy;
    struct label label;
};

struct label_set {
    struct arena *arena; /* texts */
    struct label *claims;
    size_t count, capacity;
    struct view *views; /* by best, classy */
    size_t view_count, view_capacity;
    struct label_list *lists;
    size_t list_count, list_capacity;
    char as_of[11]; /* "" not set */
};

enum tracer_status label_set_new(struct label_set **ret_set, struct error *err)
{
    struct label_set *set = calloc(1, sizeof(*set));
    if (set)
        set->arena = arena_new(TRACER_MEMORY_MAX);
    if (!set || !set->arena) {
        free(set);
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
    free(set->views);
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

enum tracer_status label_add_begin(struct label_set *set, struct label_adding *ret_adding, struct error *err)
{
    if (set->list_count == set->list_capacity) {
        size_t capacity = set->list_capacity ? set->list_capacity * 2 : 8;
        struct label_list *lists = realloc(set->lists, capacity * sizeof(*lists));
        if (!lists)
            return error_set(err, TRACER_E_NOMEM, "no memory for labels");
        set->lists = lists;
        set->list_capacity = capacity;
    }
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
        size_t capacity = set->capacity ? set->capacity * 2 : 1024;
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

/* The first claim on the chain, and the first with a class, among claims first..end of one address. */
static void pick(const struct label_set *set, size_t first, size_t end, uint64_t chain_id, size_t *ret_best,
                 size_t *ret_classy)
{
    *ret_best = *ret_classy = NO_CLAIM;
    for (size_t i = first; i < end && *ret_classy == NO_CLAIM; i++) {
        if (!label_holds(set, &set->claims[i], chain_id))
            continue;
        if (*ret_best == NO_CLAIM)
            *ret_best = i;
        if (set->claims[i].class_ != CLASS_NONE)
            *ret_classy = i;
    }
}

static int view_order(size_t best, size_t classy, const struct view *view)
{
    if (best != view->best)
        return best < view->best ? -1 : 1;
    return (classy > view->classy) - (classy < view->classy);
}

static int view_compare(const void *a, const void *b)
{
    const struct view *x = a;
    return view_order(x->best, x->classy, b);
}

static bool view_add(struct label_set *set, size_t best, size_t classy)
{
    if (set->view_count && set->views[set->view_count - 1].best == best &&
        set->views[set->view_count - 1].classy == classy)
        return true;
    if (set->view_count == set->view_capacity) {
        size_t capacity = set->view_capacity ? set->view_capacity * 2 : 256;
        struct view *views = realloc(set->views, capacity * sizeof(*views));
        if (!views)
            return false;
        set->views = views;
        set->view_capacity = capacity;
    }
    struct label merged = set->claims[best];
    merged.class_ = set->claims[classy].class_;
    merged.emit = set->claims[classy].emit;
    set->views[set->view_count++] = (struct view){best, classy, merged};
    return true;
}

/* The views of one address: for each chain that a claim names, and for any other chain (0). */
static bool views_of_group(struct label_set *set, size_t first, size_t end)
{
    size_t best, classy;
    for (size_t i = first; i <= end; i++) {
        pick(set, first, end, i < end ? set->claims[i].chain_id : 0, &best, &classy);
        if (best != NO_CLAIM && classy != NO_CLAIM && best != classy && !view_add(set, best, classy))
            return false;
    }
    return true;
}

/* Claims from `first` on are new: sort them in among those before, which are sorted. */
static bool sort_in(struct label_set *set, size_t first)
{
    size_t count = set->count, old = 0, new = first, at = 0;
    struct label *merged = first < count ? malloc(count * sizeof(*merged)) : NULL;
    if (first == count)
        return true;
    if (!merged)
        return false;
    qsort(set->claims + first, count - first, sizeof(*set->claims), claim_order);
    while (old < first || new < count) {
        bool from_old = new == count || (old < first && claim_order(&set->claims[old], &set->claims[new]) <= 0);
        merged[at++] = set->claims[from_old ? old++ : new++];
    }
    free(set->claims);
    set->claims = merged;
    set->capacity = count;
    return true;
}

/* The views of sorted claims. */
static enum tracer_status index_claims(struct label_set *set, struct error *err)
{
    char text[ADDRESS_TEXT_SIZE];
    size_t end;
    set->view_count = 0;
    for (size_t first = 0; first < set->count; first = end) {
        end = first + 1;
        while (end < set->count && address_equal(set->claims[end].address, set->claims[first].address))
            end++;
        if (end - first > CLAIMS_AN_ADDRESS_MAX) {
            address_format(set->claims[first].address, text);
            return error_set(err, TRACER_E_LIMIT, "%zu labels about %s (at most %u)", end - first, text,
                             CLAIMS_AN_ADDRESS_MAX);
        }
        if (end - first > 1 && !views_of_group(set, first, end))
            return error_set(err, TRACER_E_NOMEM, "no memory for labels");
    }
    if (set->view_count)
        qsort(set->views, set->view_count, sizeof(*set->views), view_compare);
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
        status = index_claims(set, err);
    if (status) {
        drop_list(set, adding->list); /* the others stay sorted */
        enum tracer_status ignored =
            index_claims(set, NULL); /* it held these before; it needs no more memory */
        return ignored == TRACER_OK ? status : ignored;
    }
    set->lists[set->list_count++] = (struct label_list){.name = kept_name, .digest = digest, .rows = rows};
    return TRACER_OK;
}

/* Claims of the address: first..end. */
static void find_group(const struct label_set *set, struct address address, size_t *ret_first,
                       size_t *ret_end)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(set->claims[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_first = low;
    while (low < set->count && address_equal(set->claims[low].address, address))
        low++;
    *ret_end = low;
}

static const struct label *view_find(const struct label_set *set, size_t best, size_t classy)
{
    size_t low = 0, high = set->view_count;
    if (classy == NO_CLAIM || best == classy)
        return &set->claims[best];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view_order(best, classy, &set->views[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return &set->views[low].label;
}

static const struct label *find_in_group(const struct label_set *set, size_t first, size_t end,
                                         uint64_t chain_id)
{
    size_t best, classy;
    pick(set, first, end, chain_id, &best, &classy);
    return best == NO_CLAIM ? NULL : view_find(set, best, classy);
}

const struct label *label_find(const struct label_set *set, uint64_t chain_id, struct address address)
{
    size_t first, end;
    find_group(set, address, &first, &end);
    return find_in_group(set, first, end, chain_id);
}

size_t label_claims(const struct label_set *set, uint64_t chain_id, struct address address,
                    const struct label **ret_claims, size_t capacity)
{
    size_t first, end, count = 0;
    find_group(set, address, &first, &end);
    for (size_t i = first; i < end; i++) {
        if (!label_holds(set, &set->claims[i], chain_id))
            continue;
        if (count < capacity)
            ret_claims[count] = &set->claims[i];
        count++;
    }
    return count;
}

const struct label *label_about(const struct label_set *set, struct address address, size_t *ret_count)
{
    size_t first, end;
    find_group(set, address, &first, &end);
    *ret_count = end - first;
    return end > first ? &set->claims[first] : NULL;
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

void label_set_origin(struct label_set *set, struct digest digest, bool official)
{
    struct label_list *list = &set->lists[set->list_count - 1];
    list->digest = digest;
    list->imported = true;
    list->official = official;
}

const struct label *label_all(const struct label_set *set, size_t *ret_count)
{
    *ret_count = set->count;
    return set->claims;
}

/* Calls for each address with a winning class; NULL `labels` counts. */
static size_t collect_classes(const struct label_set *set, uint64_t chain_id, struct taint_label *labels)
{
    size_t count = 0, end;
    for (size_t first = 0; first < set->count; first = end) {
        end = first + 1;
        while (end < set->count && address_equal(set->claims[end].address, set->claims[first].address))
            end++;
        const struct label *label = find_in_group(set, first, end, chain_id);
        if (!label || label->class_ == CLASS_NONE || address_is_void(label->address))
            continue;
        if (labels) {
            labels[count] = (struct taint_label){.address = label->address, .class_ = label->class_};
            snprintf(labels[count].emit, sizeof(labels[count].emit), "%s", label->emit);
        }
        count++;
    }
    return count;
}

enum tracer_status label_classes(const struct label_set *set, uint64_t chain_id, struct arena *arena,
                                 struct taint_label **ret_labels, size_t *ret_count, struct error *err)
{
    size_t count = collect_classes(set, chain_id, NULL);
    struct taint_label *labels = arena_calloc(arena, count ? count : 1, sizeof(*labels));
    if (!labels)
        return error_set(err, TRACER_E_NOMEM, "no memory for %zu labels", count);
    *ret_count = collect_classes(set, chain_id, labels);
    *ret_labels = labels;
    return TRACER_OK;
}
