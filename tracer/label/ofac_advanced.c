/* ofac_advanced.c - OFAC's sdn_advanced.xml: typed features of parties, and the dates of their entries behind
 * them.
 *
 * Types of features are known by text, never by number. Only parties with an address of ours are kept until
 * their entry comes; the rest of the document leaves nothing behind. */
#include "list.h"
#include "xml.h"

#include <stdio.h>
#include <stdlib.h>

#define TYPES_MAX 4096u
#define ROOM 512u
#define ID_SIZE 24u

struct type {
    char id[ID_SIZE];
    const char *asset; /* NULL: no address */
};
struct party {
    char id[ID_SIZE], name[ROOM], listed[11];
    size_t first, end; /* its addresses */
};
struct found {
    struct address address;
    const char *asset;
};
struct advanced {
    struct list_writer *writer;
    struct type types[TYPES_MAX]; /* by id */
    size_t type_count;
    struct party *parties;
    size_t party_count, party_room;
    struct found *found;
    size_t found_count, found_room;
    size_t *by_id;     /* parties, once the entries begin */
    const char *asset; /* of the feature */
    char type_id[ID_SIZE], year[5], month[3], day[3], entry_of[ID_SIZE];
    bool in_alias, name_done, primary_seen, has_detail;
    struct party now;
};

static void keep(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%.*s", (int)size - 1, text);
}

static enum tracer_status bad(struct advanced *advanced, const char *what)
{
    return error_set(advanced->writer->err, TRACER_E_USAGE, "%s", what);
}

static void *grown(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    size_t more = *room ? *room * 2 : 256;
    void *moved = realloc(items, more * size);
    if (moved)
        *room = more;
    return moved;
}

static size_t addresses_of_parties(const struct advanced *advanced)
{
    return advanced->party_count ? advanced->parties[advanced->party_count - 1].end : 0;
}

/* Where a type with this id stands, or would. */
static struct type *place_of_type(struct advanced *advanced, const char *id, bool *ret_found)
{
    size_t low = 0, high = advanced->type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(advanced->types[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low < advanced->type_count && strcmp(advanced->types[low].id, id) == 0;
    return &advanced->types[low];
}

static enum tracer_status start_feature(struct advanced *advanced, const char *type_id)
{
    bool found;
    const struct type *type = place_of_type(advanced, type_id, &found);
    if (!found)
        return bad(advanced, "a feature of a type that was not declared before it");
    advanced->asset = type->asset;
    advanced->has_detail = false;
    return TRACER_OK;
}

static enum tracer_status start(void *context, const char *name, const char *const *attributes)
{
    struct advanced *advanced = context;
    if (strcmp(name, "FeatureType") == 0) {
        if (strlen(xml_attribute(attributes, "ID")) >= ID_SIZE)
            return bad(advanced, "an id that is too long");
        keep(advanced->type_id, ID_SIZE, xml_attribute(attributes, "ID"));
    } else if (strcmp(name, "Profile") == 0) {
        if (advanced->found_count != addresses_of_parties(advanced))
            return bad(advanced, "an address in no Profile");
        advanced->now = (struct party){.first = advanced->found_count};
        advanced->primary_seen = false;
        if (strlen(xml_attribute(attributes, "ID")) >= ID_SIZE)
            return bad(advanced, "an id that is too long");
        keep(advanced->now.id, ID_SIZE, xml_attribute(attributes, "ID"));
    } else if (strcmp(name, "Alias") == 0) {
        bool primary = strcmp(xml_attribute(attributes, "Primary"), "true") == 0;
        advanced->in_alias = !advanced->now.name[0] || (primary && !advanced->primary_seen);
        advanced->name_done = false;
        if (advanced->in_alias && primary) {
            advanced->now.name[0] = '\0';
            advanced->primary_seen = true;
        }
    } else if (strcmp(name, "Feature") == 0) {
        return start_feature(advanced, xml_attribute(attributes, "FeatureTypeID"));
    } else if (strcmp(name, "SanctionsEntry") == 0) {
        keep(advanced->entry_of, ID_SIZE, xml_attribute(attributes, "ProfileID"));
    } else if (strcmp(name, "Date") == 0 || strcmp(name, "DateOfIssue") == 0) {
        advanced->year[0] = advanced->month[0] = advanced->day[0] = '\0';
    }
    return TRACER_OK;
}

static enum tracer_status end_type(struct advanced *advanced, const char *text)
{
    bool found;
    struct type *type = place_of_type(advanced, advanced->type_id, &found), added = {.asset = NULL};
    if (advanced->type_count == TYPES_MAX || !advanced->type_id[0] || found)
        return bad(advanced, "too many types of features, or one without an ID of its own");
    enum tracer_status status = ofac_asset(advanced->writer, text, &added.asset);
    if (status)
        return status;
    memcpy(added.id, advanced->type_id, ID_SIZE);
    memmove(type + 1, type, (size_t)(advanced->types + advanced->type_count++ - type) * sizeof(*type));
    *type = added;
    return TRACER_OK;
}

static enum tracer_status end_detail(struct advanced *advanced, const char *text)
{
    bool is_ours = false;
    struct address address;
    if (!advanced->asset)
        return ofac_unnamed(advanced->writer, text, "a feature of another type");
    advanced->has_detail = true;
    enum tracer_status status = ofac_address(advanced->writer, advanced->asset, text, &is_ours, &address);
    if (status)
        return status;
    if (!is_ours) {
        list_skip(advanced->writer);
        return TRACER_OK;
    }
    struct found *found =
        grown(advanced->found, advanced->found_count, &advanced->found_room, sizeof(*found));
    if (!found)
        return error_set(advanced->writer->err, TRACER_E_NOMEM, "no memory");
    advanced->found = found;
    advanced->found[advanced->found_count++] = (struct found){address, advanced->asset};
    return TRACER_OK;
}

static enum tracer_status end_profile(struct advanced *advanced)
{
    if (advanced->found_count == advanced->now.first)
        return TRACER_OK;
    if (advanced->party_count == TRACER_LIST_PARTIES_MAX)
        return error_set(advanced->writer->err, TRACER_E_LIMIT,
                         "more than %u parties (TRACER_LIST_PARTIES_MAX)", TRACER_LIST_PARTIES_MAX);
    if (advanced->by_id)
        return bad(advanced, "a party behind the entries");
    struct party *parties =
        grown(advanced->parties, advanced->party_count, &advanced->party_room, sizeof(*parties));
    if (!parties)
        return error_set(advanced->writer->err, TRACER_E_NOMEM, "no memory");
    advanced->parties = parties;
    advanced->now.end = advanced->found_count;
    advanced->parties[advanced->party_count++] = advanced->now;
    return TRACER_OK;
}

static int order_by_id(const void *a, const void *b, void *context)
{
    const struct advanced *advanced = context;
    const size_t *x = a, *y = b;
    int order = strcmp(advanced->parties[*x].id, advanced->parties[*y].id);
    return order ? order : (*x > *y) - (*x < *y);
}

/* The date of an entry: the earliest of its party counts. */
static enum tracer_status end_event_date(struct advanced *advanced)
{
    char date[11];
    size_t low = 0, high = advanced->party_count;
    if (!advanced->by_id) {
        advanced->by_id = calloc(advanced->party_count + 1, sizeof(*advanced->by_id));
        if (!advanced->by_id)
            return error_set(advanced->writer->err, TRACER_E_NOMEM, "no memory");
        for (size_t i = 0; i < advanced->party_count; i++)
            advanced->by_id[i] = i;
        qsort_r(advanced->by_id, advanced->party_count, sizeof(*advanced->by_id), order_by_id, advanced);
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(advanced->parties[advanced->by_id[middle]].id, advanced->entry_of) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < advanced->party_count; low++) {
        struct party *party = &advanced->parties[advanced->by_id[low]];
        if (strcmp(party->id, advanced->entry_of) != 0)
            break;
        if (!list_date(advanced->year, advanced->month, advanced->day, date))
            return bad(advanced, "an entry's date is no date");
        if (!party->listed[0] || strcmp(date, party->listed) < 0)
            memcpy(party->listed, date, sizeof(date));
    }
    return TRACER_OK;
}

static void end_name_part(struct advanced *advanced, const char *text)
{
    size_t length = strlen(advanced->now.name);
    if (!advanced->in_alias || advanced->name_done)
        return;
    snprintf(advanced->now.name + length, ROOM - length, "%s%s", length ? " " : "", text);
}

static enum tracer_status end(void *context, const char *name, const char *parent, const char *text)
{
    struct advanced *advanced = context;
    if (strcmp(parent, "Date") == 0 || strcmp(parent, "DateOfIssue") == 0) {
        if (strcmp(name, "Year") == 0)
            keep(advanced->year, sizeof(advanced->year), text);
        else if (strcmp(name, "Month") == 0)
            keep(advanced->month, sizeof(advanced->month), text);
        else if (strcmp(name, "Day") == 0)
            keep(advanced->day, sizeof(advanced->day), text);
    } else if (strcmp(name, "DateOfIssue") == 0 && strcmp(parent, "Sanctions") == 0) {
        return list_set_date(advanced->writer, advanced->year, advanced->month, advanced->day);
    } else if (strcmp(name, "Date") == 0 && strcmp(parent, "EntryEvent") == 0) {
        return end_event_date(advanced);
    } else if (strcmp(name, "FeatureType") == 0) {
        return end_type(advanced, text);
    } else if (strcmp(name, "NamePartValue") == 0) {
        end_name_part(advanced, text);
    } else if (strcmp(name, "DocumentedName") == 0) {
        advanced->name_done = advanced->name_done || advanced->in_alias;
    } else if (strcmp(name, "Alias") == 0) {
        advanced->in_alias = false;
    } else if (strcmp(name, "VersionDetail") == 0) {
        return end_detail(advanced, text);
    } else if (strcmp(name, "Feature") == 0) {
        bool empty = advanced->asset && !advanced->has_detail;
        advanced->asset = NULL;
        return empty ? bad(advanced, "a feature for an address that has none") : TRACER_OK;
    } else if (strcmp(name, "Profile") == 0) {
        return end_profile(advanced);
    }
    return TRACER_OK;
}

static enum tracer_status put_all(struct advanced *advanced)
{
    enum tracer_status status = TRACER_OK;
    for (size_t p = 0; p < advanced->party_count && !status; p++) {
        const struct party *party = &advanced->parties[p];
        for (size_t i = party->first; i < party->end && !status; i++)
            status = ofac_put(advanced->writer, advanced->found[i].address, advanced->found[i].asset,
                              party->id, party->name, party->listed);
    }
    return status;
}

enum tracer_status ofac_advanced_read(struct list_writer *writer, const char *data, size_t size)
{
    struct advanced *advanced = calloc(1, sizeof(*advanced));
    if (!advanced)
        return error_set(writer->err, TRACER_E_NOMEM, "no memory");
    advanced->writer = writer;
    struct xml_handler handler = {.start = start, .end = end, .context = advanced, .root = "Sanctions"};
    enum tracer_status status = xml_read(writer->file, data, size, &handler, writer->err);
    if (!status && !writer->facts->date[0])
        status = error_set(writer->err, TRACER_E_USAGE, "%s: has no DateOfIssue", writer->file);
    if (!status && advanced->found_count != addresses_of_parties(advanced))
        status = error_set(writer->err, TRACER_E_USAGE, "%s: an address in no Profile", writer->file);
    if (!status)
        status = put_all(advanced);
    free(advanced->parties);
    free(advanced->found);
    free(advanced->by_id);
    free(advanced);
    return status;
}
