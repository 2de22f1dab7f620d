/* ofac_sdn.c - OFAC's sdn.xml: entries with their ids; no date of listing. */
#include "list.h"
#include "xml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM 512u /* a name is cut at LIST_NAME_MAX when it is written; an address has at most 256 bytes */

struct sdn {
    struct list_writer *writer;
    char party[65], first[ROOM], last[ROOM], type[ROOM], number[ROOM];
    char declared[21];
    uint64_t entries;
};

static void keep(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%.*s", (int)size - 1, text);
}

static enum tracer_status start(void *context, const char *name, const char *const *attributes)
{
    struct sdn *sdn = context;
    (void)attributes;
    if (strcmp(name, "sdnEntry") == 0)
        sdn->party[0] = sdn->first[0] = sdn->last[0] = '\0';
    else if (strcmp(name, "id") == 0)
        sdn->type[0] = sdn->number[0] = '\0';
    return TRACER_OK;
}

static enum tracer_status end_id(struct sdn *sdn)
{
    struct list_writer *writer = sdn->writer;
    const char *asset;
    bool is_ours = false;
    struct address address;
    char name[2 * ROOM];
    enum tracer_status status = ofac_asset(writer, sdn->type, &asset);
    if (status || !asset)
        return status ? status : ofac_unnamed(writer, sdn->number, sdn->type);
    if ((status = ofac_address(writer, asset, sdn->number, &is_ours, &address)))
        return status;
    if (!is_ours) {
        list_skip(writer);
        return TRACER_OK;
    }
    snprintf(name, sizeof(name), "%s%s%s", sdn->first, sdn->first[0] ? " " : "", sdn->last);
    return ofac_put(writer, address, asset, sdn->party, name, "");
}

static enum tracer_status end_date(struct sdn *sdn, const char *text)
{
    char day[3] = "", month[3] = "", year[5] = ""; /* MM/DD/YYYY */
    if (strlen(text) == 10 && text[2] == '/' && text[5] == '/') {
        memcpy(month, text, 2);
        memcpy(day, text + 3, 2);
        memcpy(year, text + 6, 4);
    }
    return list_set_date(sdn->writer, year, month, day);
}

static enum tracer_status end(void *context, const char *name, const char *parent, const char *text)
{
    struct sdn *sdn = context;
    if (strcmp(parent, "publshInformation") == 0) {
        if (strcmp(name, "Record_Count") == 0)
            keep(sdn->declared, sizeof(sdn->declared), text);
        return strcmp(name, "Publish_Date") == 0 ? end_date(sdn, text) : TRACER_OK;
    }
    if (strcmp(parent, "sdnEntry") == 0) {
        if (strcmp(name, "uid") == 0)
            keep(sdn->party, sizeof(sdn->party), text);
        else if (strcmp(name, "firstName") == 0)
            keep(sdn->first, sizeof(sdn->first), text);
        else if (strcmp(name, "lastName") == 0)
            keep(sdn->last, sizeof(sdn->last), text);
    } else if (strcmp(parent, "id") == 0) {
        if (strcmp(name, "idType") == 0)
            keep(sdn->type, sizeof(sdn->type), text);
        else if (strcmp(name, "idNumber") == 0)
            keep(sdn->number, sizeof(sdn->number), text);
    } else if (strcmp(name, "id") == 0) {
        return end_id(sdn);
    }
    sdn->entries += strcmp(name, "sdnEntry") == 0;
    return TRACER_OK;
}

enum tracer_status ofac_sdn_read(struct list_writer *writer, const char *data, size_t size)
{
    struct sdn *sdn = calloc(1, sizeof(*sdn));
    if (!sdn)
        return error_set(writer->err, TRACER_E_NOMEM, "no memory");
    sdn->writer = writer;
    struct xml_handler handler = {.start = start, .end = end, .context = sdn, .root = "sdnList"};
    enum tracer_status status = xml_read(writer->file, data, size, &handler, writer->err);
    char counted[21];
    snprintf(counted, sizeof(counted), "%" PRIu64, sdn->entries);
    if (!status && !writer->facts->date[0])
        status = error_set(writer->err, TRACER_E_USAGE, "%s: has no Publish_Date", writer->file);
    else if (!status && strcmp(counted, sdn->declared) != 0)
        status = error_set(writer->err, TRACER_E_USAGE,
                           "%s: has %s entries, and its Record_Count is '%s': cut or changed", writer->file,
                           counted, sdn->declared);
    free(sdn);
    return status;
}
