/* report.c - `report`: the result inside an HTML page, when nothing of the page was changed. */
#include "session.h"

#include "tracer/report.h"

#include <stdio.h>

static enum tracer_status copy_result(const struct options *options, const struct buffer *page,
                                      struct error *err)
{
    const char *json;
    size_t size;
    struct output output;
    enum tracer_status status = page_read(page->data, page->size, &json, &size, err);
    if (!status)
        status = output_open(options->output, &output, err);
    if (status)
        return status;
    fwrite(json, 1, size, output.stream);
    status = output_commit(&output, err);
    output_abort(&output);
    return status;
}

int command_report(const struct options *options)
{
    struct session session;
    struct buffer page;
    buffer_init(&page, TRACER_FILE_RESULT_MAX);
    enum tracer_status status = session_open(&session, options);
    if (!status)
        status = file_read(options->arguments[0], TRACER_FILE_RESULT_MAX, &page, &session.err);
    if (!status)
        status = copy_result(options, &page, &session.err);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    buffer_release(&page);
    session_close(&session);
    return code;
}
