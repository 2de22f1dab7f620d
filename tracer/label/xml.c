/* xml.c - libexpat, loaded on first use. */
#include "xml.h"

#include <dlfcn.h>
#include <expat.h>
#include <string.h>

#include "tracer/buffer.h"

#define EXPAT_FILE "libexpat.so.1" /* of the interface that its header declares */
#define PIECE TRACER_KIB(64)
#define NAME_MAX_SIZE 64u

static struct {
    bool loaded;
    __typeof__(&XML_ParserCreate) create;
    __typeof__(&XML_ParserFree) release;
    __typeof__(&XML_SetUserData) set_context;
    __typeof__(&XML_SetElementHandler) set_elements;
    __typeof__(&XML_SetCharacterDataHandler) set_text;
    __typeof__(&XML_SetStartDoctypeDeclHandler) set_doctype;
    __typeof__(&XML_Parse) parse;
    __typeof__(&XML_StopParser) stop;
    __typeof__(&XML_GetErrorCode) error_code;
    __typeof__(&XML_ErrorString) error_text;
    __typeof__(&XML_GetCurrentLineNumber) line;
    __typeof__(&XML_ExpatVersionInfo) version;
    __typeof__(&XML_ExpatVersion) version_text;
} expat;

static enum tracer_status load(struct error *err)
{
    if (expat.loaded)
        return TRACER_OK;
    void *handle = dlopen(EXPAT_FILE, RTLD_NOW | RTLD_LOCAL);
    if (handle) {
        *(void **)&expat.create = dlsym(handle, "XML_ParserCreate");
        *(void **)&expat.release = dlsym(handle, "XML_ParserFree");
        *(void **)&expat.set_context = dlsym(handle, "XML_SetUserData");
        *(void **)&expat.set_elements = dlsym(handle, "XML_SetElementHandler");
        *(void **)&expat.set_text = dlsym(handle, "XML_SetCharacterDataHandler");
        *(void **)&expat.set_doctype = dlsym(handle, "XML_SetStartDoctypeDeclHandler");
        *(void **)&expat.parse = dlsym(handle, "XML_Parse");
        *(void **)&expat.stop = dlsym(handle, "XML_StopParser");
        *(void **)&expat.error_code = dlsym(handle, "XML_GetErrorCode");
        *(void **)&expat.error_text = dlsym(handle, "XML_ErrorString");
        *(void **)&expat.line = dlsym(handle, "XML_GetCurrentLineNumber");
        *(void **)&expat.version = dlsym(handle, "XML_ExpatVersionInfo");
        *(void **)&expat.version_text = dlsym(handle, "XML_ExpatVersion");
    }
    XML_Expat_Version version = handle && expat.version ? expat.version() : (XML_Expat_Version){0, 0, 0};
    if (handle && expat.version && version.major * 1000 + version.minor < 2004)
        return error_set(err, TRACER_E_UNAVAILABLE, EXPAT_FILE " is older than 2.4");
    expat.loaded = handle && expat.version && expat.version_text && expat.create && expat.release && expat.set_context && expat.set_elements &&
                   expat.set_text && expat.set_doctype && expat.parse && expat.stop && expat.error_code &&
                   expat.error_text && expat.line;
    return expat.loaded
               ? TRACER_OK
               : error_set(err, TRACER_E_UNAVAILABLE, EXPAT_FILE " could not be loaded (package libexpat1)");
}

struct reading {
    XML_Parser parser;
    const struct xml_handler *handler;
    struct buffer text;
    size_t depth;
    char names[TRACER_LIST_DEPTH_MAX][NAME_MAX_SIZE];
    enum tracer_status status;
    struct error *err;
};

static void stop(struct reading *reading, enum tracer_status status)
{
    if (!status || reading->status)
        return;
    reading->status = status;
    (void)expat.stop(reading->parser, XML_FALSE);
}

/* Expat may still deliver the end of an empty element after a stop: nothing counts then. */
static void on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = context;
    const char *colon = strchr(name, ':'), *local = colon ? colon + 1 : name;
    if (reading->status)
        return;
    if (reading->depth == TRACER_LIST_DEPTH_MAX || strlen(local) >= NAME_MAX_SIZE) {
        stop(reading, error_set(reading->err, TRACER_E_LIMIT,
                                "more than %u elements within each other, or a name over %u bytes",
                                TRACER_LIST_DEPTH_MAX, NAME_MAX_SIZE - 1));
        return;
    }
    if (reading->depth == 0 && strcmp(local, reading->handler->root) != 0) {
        stop(reading,
             error_set(reading->err, TRACER_E_USAGE, "the root is not <%s>", reading->handler->root));
        return;
    }
    memcpy(reading->names[reading->depth++], local, strlen(local) + 1);
    buffer_clear(&reading->text);
    stop(reading, reading->handler->start(reading->handler->context, local,
                                          (const char *const *)(const void *)attributes));
}

static void on_text(void *context, const XML_Char *text, int length)
{
    struct reading *reading = context;
    for (int i = 0; i < length && !reading->status; i++) {
        bool blank = text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n';
        if (blank && (reading->text.size == 0 || reading->text.data[reading->text.size - 1] == ' '))
            continue;
        if (!buffer_char(&reading->text, blank ? ' ' : text[i]))
            stop(reading, error_set(reading->err, TRACER_E_LIMIT,
                                    "a text over %zu bytes (TRACER_LIST_TEXT_MAX)", TRACER_LIST_TEXT_MAX));
    }
}

static void on_end(void *context, const XML_Char *name)
{
    struct reading *reading = context;
    (void)name;
    if (reading->status || !reading->depth)
        return;
    const char *local = reading->names[--reading->depth];
    if (reading->text.size && reading->text.data[reading->text.size - 1] == ' ')
        reading->text.data[--reading->text.size] = '\0';
    stop(reading, reading->handler->end(reading->handler->context, local,
                                        reading->depth ? reading->names[reading->depth - 1] : "",
                                        reading->text.size ? reading->text.data : ""));
    buffer_clear(&reading->text);
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                       int has_subset)
{
    struct reading *reading = context;
    (void)name, (void)system, (void)public, (void)has_subset;
    stop(reading, error_set(reading->err, TRACER_E_USAGE, "has a DOCTYPE, which no sanctions list has"));
}

enum tracer_status xml_read(const char *file, const char *data, size_t size,
                            const struct xml_handler *handler, struct error *err)
{
    enum tracer_status status = load(err);
    if (status)
        return status;
    struct reading reading = {.handler = handler, .err = err, .parser = expat.create("UTF-8")};
    if (!reading.parser)
        return error_set(err, TRACER_E_NOMEM, "%s: no memory", file);
    buffer_init(&reading.text, TRACER_LIST_TEXT_MAX);
    expat.set_context(reading.parser, &reading);
    expat.set_elements(reading.parser, on_start, on_end);
    expat.set_text(reading.parser, on_text);
    expat.set_doctype(reading.parser, on_doctype);
    enum XML_Status parsed = XML_STATUS_OK;
    for (size_t at = 0; parsed == XML_STATUS_OK;) {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        bool last = at + piece == size;
        parsed = expat.parse(reading.parser, data + at, (int)piece, last);
        at += piece;
        if (last)
            break;
    }
    unsigned long line = (unsigned long)expat.line(reading.parser);
    enum XML_Error code = expat.error_code(reading.parser);
    if (reading.status) {
        status = reading.status;
        error_context(err, "%s:%lu", file, line);
    } else if (parsed != XML_STATUS_OK && code == XML_ERROR_NO_MEMORY) {
        status = error_set(err, TRACER_E_NOMEM, "%s: no memory", file);
    } else if (parsed != XML_STATUS_OK) {
        bool cut = code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN ||
                   code == XML_ERROR_PARTIAL_CHAR || code == XML_ERROR_UNCLOSED_CDATA_SECTION;
        status = error_set(err, TRACER_E_USAGE, "%s:%lu: %s%s", file, line, expat.error_text(code),
                           cut ? ": the file is cut, its root is not closed" : "");
    }
    expat.release(reading.parser);
    buffer_release(&reading.text);
    return status;
}

const char *xml_attribute(const char *const *attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return "";
}

const char *label_xml_library(void)
{
    return load(NULL) ? NULL : expat.version_text();
}
