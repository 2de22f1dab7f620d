/* html.c - a trace as one page that needs nothing but itself: no network, no other file; the result stands in
 * it, byte for byte as
 * --format json writes it. What can be said without a script is said without; the script (page/page.js)
 * sorts, filters, opens paths. */
#include "html_parts.h"
#include "xml.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifndef TRACER_PAGE_DIR
#error "TRACER_PAGE_DIR must be the path of tracer/report/page/ as a string"
#endif

#define EMBED(symbol, path)                                                                                  \
    __asm__(".pushsection .rodata, \"a\", %progbits\n"                                                       \
            ".global " #symbol "_start\n.hidden " #symbol "_start\n" #symbol "_start:\n"                     \
            ".incbin \"" TRACER_PAGE_DIR "/" path "\"\n"                                                     \
            ".global " #symbol "_end\n.hidden " #symbol "_end\n" #symbol "_end:\n"                           \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const char symbol##_start[] __attribute__((visibility("hidden")));                                \
    extern const char symbol##_end[] __attribute__((visibility("hidden")))

EMBED(tracer_page_css, "page.css");
EMBED(tracer_page_js, "page.js");

#define PAGE_RESULT "<script type=\"application/json\" id=\"result\">"
#define PAGE_SEAL "<!-- SHA-256 of all above: "
#define PAGE_SEAL_END " -->\n"
#define PAGE_SEAL_SIZE (sizeof(PAGE_SEAL PAGE_SEAL_END) - 1 + 64)

void html_words(FILE *stream, const char *words)
{
    xml_put_text(stream, words);
}

void html_shown(FILE *stream, const char *foreign, size_t characters)
{
    char shown[HTML_NOTE_MAX + 1];
    size_t size = characters < HTML_NOTE_MAX ? characters + 1 : sizeof(shown);
    html_words(stream, foreign ? shown_text(shown, size, foreign, strlen(foreign)) : "");
}

void html_asset(const struct html *html, uint32_t asset)
{
    char name[ASSET_SHOWN_SIZE];
    view_asset_name(&html->text.view, asset, name);
    html_words(html->stream, name);
}

void html_tainted(const struct html *html, uint32_t asset, struct u320 amount, struct u320 unproven)
{
    char text[AMOUNT_TEXT_SIZE];
    view_tainted(&html->text.view, asset, amount, unproven, text);
    fprintf(html->stream, "%s ", text);
    html_asset(html, asset);
}

void html_amount(const struct html *html, uint32_t asset, struct u320 amount)
{
    html_tainted(html, asset, amount, (struct u320){{0}});
}

void html_account(const struct html *html, uint32_t account)
{
    const struct result_account *found = view_account(&html->text.view, account);
    char address[ADDRESS_TEXT_SIZE];
    if (!found || address_is_void(found->address)) {
        fputs("void", html->stream);
        return;
    }
    address_format(found->address, address);
    fprintf(html->stream, "<code>%s</code>", address);
    if (found->labelled && found->name[0]) {
        fputs(" <b>", html->stream);
        html_shown(html->stream, found->name, HTML_NAME_MAX);
        fputs("</b>", html->stream);
    }
}

/* The hash of a script or style as a Content Security Policy names it (CSP 3, 2.3.1). */
static void put_source(FILE *stream, const char *start, const char *end)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct digest digest = digest_bytes(start, (size_t)(end - start));
    uint8_t bytes[33] = {0};
    memcpy(bytes, digest.bytes, sizeof(digest.bytes));
    fputs("'sha256-", stream);
    for (size_t i = 0; i < sizeof(bytes); i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (int k = 0; k < 4; k++)
            fputc(i == 30 && k == 3 ? '=' : letters[group >> (18 - 6 * k) & 63], stream);
    }
    fputc('\'', stream);
}

static void put_top(const struct html *html)
{
    const struct result_head *head = &html->result->head;
    FILE *stream = html->stream;
    char first[32], last[32];
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ",
          stream);
    put_source(stream, tracer_page_css_start, tracer_page_css_end);
    fputs("; script-src ", stream);
    put_source(stream, tracer_page_js_start, tracer_page_js_end);
    fputs(
        "; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>Where the money went: ",
        stream);
    for (size_t i = 0; i < html->result->source_count && i < 3; i++) {
        fputs(i ? ", " : "", stream);
        html_words(stream, html->result->sources[i]);
    }
    fputs("</title>\n<style>", stream);
    fwrite(tracer_page_css_start, 1, (size_t)(tracer_page_css_end - tracer_page_css_start), stream);
    fputs("</style>\n<script>", stream);
    fwrite(tracer_page_js_start, 1, (size_t)(tracer_page_js_end - tracer_page_js_start), stream);
    fputs("</script>\n</head>\n<body>\n<header>\n<h1>Where the money went</h1>\n<p>", stream);
    html_shown(stream, head->network, TRACER_NETWORK_NAME_MAX);
    fprintf(stream, " (chain %" PRIu64 ")%s", head->chain_id,
            head->imported ? ", rows imported from a file" : "");
    if (!head->time_keys)
        fprintf(stream, ", blocks %" PRIu64 " to %" PRIu64 "%s", head->first_block, head->last_block,
                head->first_time ? "" : ", times not known");
    if (head->first_time) {
        clock_format_utc(head->first_time, first);
        clock_format_utc(head->last_time, last);
        fprintf(stream, ", %s to %s UTC", first, last);
    }
    fputs(", policy ", stream);
    html_words(stream, head->policy);
    fprintf(
        stream,
        " of taint/1</p>\n<nav aria-label=\"Parts of this page\"><a href=\"#stolen\">Stolen</a> <a href=\"#now\">Where it is now</a> "
        "%s<a href=\"#hops\">Flagged hops</a> <a href=\"#limits\">Limits</a> <a href=\"#repeat\">How to repeat it</a></nav>\n",
        html->compare ? "" : "<a href=\"#flow\">Flow</a> ");
    if (html->result->touches_gap)
        fputs(
            "<p class=\"warn\"><b>This result touches a gap of what was read: it may be more, and elsewhere. See <a "
            "href=\"#limits\">Limits</a>.</b></p>\n",
            stream);
    fputs("</header>\n<main>\n", stream);
}

/* The result as --format json writes it. It holds no "<", so it cannot end its element. */
static enum tracer_status make_json(const struct html *html, char **ret_json, size_t *ret_size,
                                    struct error *err)
{
    char *json = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&json, &size);
    if (!stream)
        return error_set(err, TRACER_E_NOMEM, "no memory for the page");
    enum tracer_status status = html->compare ? json_compare(stream, html->compare, NULL, err)
                                              : json_trace(stream, html->result, NULL, err);
    if (fclose(stream) != 0 && !status)
        status = error_set(err, TRACER_E_NOMEM, "no memory for the page");
    if (status) {
        free(json);
        return status;
    }
    *ret_json = json;
    *ret_size = size;
    return TRACER_OK;
}

static enum tracer_status put_page(struct html *html, struct error *err)
{
    char *json = NULL;
    size_t size = 0;
    enum tracer_status status = make_json(html, &json, &size, err);
    if (status)
        return status;
    struct digest digest = digest_bytes(json, size);
    put_top(html);
    html_headline(html);
    if (html->compare) {
        html_compare_places(html);
    } else {
        html_places(html);
        status = html_flow(html, err);
        html_hops(html);
    }
    html_notes(html);
    html_tables(html);
    html_repeat(html, &digest, size);
    fputs("</main>\n" PAGE_RESULT, html->stream);
    fwrite(json, 1, size, html->stream);
    fputs("</script>\n</body>\n</html>\n", html->stream);
    free(json);
    return status ? status : stream_done(html->stream, err);
}

/* The page, then the digest of all of it. */
static enum tracer_status write_page(FILE *stream, struct html *html, struct error *err)
{
    struct view view = view_of_trace(html->result);
    char *page = NULL, sha256[65];
    size_t size = 0;
    html->stream = open_memstream(&page, &size);
    if (!html->stream)
        return error_set(err, TRACER_E_NOMEM, "no memory for the page");
    text_init(&html->text, html->stream, &view, NULL);
    enum tracer_status status = put_page(html, err);
    if (fclose(html->stream) != 0 && !status)
        status = error_set(err, TRACER_E_NOMEM, "no memory for the page");
    if (!status && size > TRACER_FILE_RESULT_MAX - PAGE_SEAL_SIZE)
        status = error_set(err, TRACER_E_LIMIT, "the page is over its limit (%zu MiB): use --format json",
                           TRACER_FILE_RESULT_MAX / TRACER_MIB(1));
    if (!status) {
        digest_format(digest_bytes(page, size), sha256);
        fwrite(page, 1, size, stream);
        fprintf(stream, PAGE_SEAL "%s" PAGE_SEAL_END, sha256);
        status = stream_done(stream, err);
    }
    free(page);
    return status;
}

enum tracer_status html_trace(FILE *stream, const struct trace_result *result,
                              const struct report_options *options, struct error *err)
{
    struct html html = {.result = result};
    (void)options; /* a page is always whole */
    return write_page(stream, &html, err);
}

enum tracer_status html_compare(FILE *stream, const struct compare_result *result,
                                const struct report_options *options, struct error *err)
{
    struct html html = {.result = &result->trace, .compare = result};
    (void)options;
    return write_page(stream, &html, err);
}

enum tracer_status page_read(const char *page, size_t size, const char **ret_json, size_t *ret_size,
                             struct error *err)
{
    static const char begin[] = "<!DOCTYPE html>\n", digest[] = "<code id=\"sha256\">";
    char sha256[65];
    if (size < sizeof(begin) + PAGE_SEAL_SIZE || memcmp(page, begin, strlen(begin)) != 0)
        return error_set(err, TRACER_E_USAGE, "this is no page that tracer wrote");
    size_t sealed = size - PAGE_SEAL_SIZE;
    digest_format(digest_bytes(page, sealed), sha256);
    const char *seal = page + sealed, *seal_digest = seal + strlen(PAGE_SEAL);
    if (memcmp(seal, PAGE_SEAL, strlen(PAGE_SEAL)) != 0 || memcmp(seal_digest, sha256, 64) != 0 ||
        memcmp(seal_digest + 64, PAGE_SEAL_END, strlen(PAGE_SEAL_END)) != 0)
        return error_set(
            err, TRACER_E_VERIFY,
            "the page is not as it was written: its last line is not the digest of what is above it "
            "(a browser that saves a page changes it: keep the file itself)");
    const char *result = memmem(page, sealed, PAGE_RESULT, strlen(PAGE_RESULT));
    const char *json = result ? result + strlen(PAGE_RESULT) : NULL;
    const char *end = json ? memchr(json, '<', (size_t)(seal - json)) : NULL;
    const char *shown = memmem(page, sealed, digest, strlen(digest));
    if (!end || !shown || seal - shown < (ptrdiff_t)(strlen(digest) + 64))
        return error_set(err, TRACER_E_VERIFY, "the page holds no result");
    digest_format(digest_bytes(json, (size_t)(end - json)), sha256);
    if (memcmp(shown + strlen(digest), sha256, 64) != 0)
        return error_set(err, TRACER_E_VERIFY,
                         "the digest that the page shows is not that of the result inside it");
    *ret_json = json;
    *ret_size = (size_t)(end - json);
    return TRACER_OK;
}
