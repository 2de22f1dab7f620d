/* xml.h - a stream of XML elements. Refused: a DOCTYPE, any entity but the five, other encodings than UTF-8,
 * more depth than TRACER_LIST_DEPTH_MAX, a text over TRACER_LIST_TEXT_MAX, and a document that ends early
 * (threat-model I2, I4). */
#ifndef TRACER_LABEL_XML_H
#define TRACER_LABEL_XML_H

#include "tracer/error.h"

struct xml_handler {
    /** Names are without their prefix; `attributes` are pairs, ended by NULL. */
    enum tracer_status (*start)(void *context, const char *name, const char *const *attributes);
    /** `text`: the element's own, white space made single blanks and trimmed; of one without children. */
    enum tracer_status (*end)(void *context, const char *name, const char *parent, const char *text);
    void *context;
    const char *root; /* the only one accepted */
};

/** libexpat is loaded on first use. Errors carry `file` and the line. */
TRACER_MUST_USE enum tracer_status xml_read(const char *file, const char *data, size_t size,
                                            const struct xml_handler *handler, struct error *err);
/** "" if there is none. */
const char *xml_attribute(const char *const *attributes, const char *name);

#endif
