/* xml.h - text in XML and HTML. */
#ifndef TRACER_REPORT_XML_H
#define TRACER_REPORT_XML_H

#include <stdio.h>

/** `text` with & < > " ' as entities; the rest as it is (printable ASCII: shown_text()). */
void xml_put_text(FILE *stream, const char *text);

#endif
