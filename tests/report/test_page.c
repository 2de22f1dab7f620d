/* A page read back: what stands in it is what --format json writes; what was changed in it is refused. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "report/sample.h"
#include "tracer/digest.h"

static struct sample sample;

static void make(void)
{
    sample_make(&sample);
}
TestSuite(page, .init = make);

static enum tracer_status read_page(const char *page, size_t size, const char **json, size_t *json_size)
{
    struct error err = {0};
    enum tracer_status status = page_read(page, size, json, json_size, &err);
    cr_assert(!status || err.text[0]);
    return status;
}

/* `body` with the right last line, in static memory. */
static const char *seal(const char *body)
{
    static char page[4096];
    char sha256[65];
    digest_format(digest_bytes(body, strlen(body)), sha256);
    snprintf(page, sizeof(page), "%s<!-- SHA-256 of all above: %s -->\n", body, sha256);
    return page;
}

Test(page, X1_what_is_read_back_is_the_result)
{
    static const int kinds[] = {PRINT_TRACE, PRINT_COMPARE};
    for (size_t i = 0; i < 2; i++) {
        char *page = sample_print(&sample, "html", kinds[i], 0, VIEW_FULL), *plain = sample_print(&sample, "json", kinds[i], 0, VIEW_FULL);
        const char *json;
        size_t size;
        cr_assert_eq(read_page(page, strlen(page), &json, &size), TRACER_OK);
        cr_expect(size == strlen(plain) && memcmp(json, plain, size) == 0);
        free(page);
        free(plain);
    }
}

Test(page, nothing_tainted_is_a_page_too)
{
    sample.trace.hop_count = sample.trace.total_count = sample.trace.place_count = sample.trace.seed_count = 0;
    char *page = sample_print(&sample, "html", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(strstr(page, "<p>nothing is tainted</p>") && strstr(page, "Nothing to draw") && !strstr(page, "<table id=\"table\">"));
    free(page);
}

/* How often `word` stands in `text`. */
static size_t count(const char *text, const char *word)
{
    size_t found = 0, length = strlen(word);
    const char *end = text + strlen(text); /* once: with sanitizers strstr() looks for it each time */
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), word, length)); at++)
        found++;
    return found;
}

Test(page, a_table_that_is_cut_says_so_and_the_result_has_all)
{
    size_t many = TRACER_PAGE_HOPS_MAX + 1;
    struct result_hop *hops = calloc(many, sizeof(*hops));
    cr_assert(hops);
    for (size_t i = 0; i < many; i++)
        hops[i] = sample.trace.hops[0];
    sample.trace.hops = hops;
    sample.trace.hop_count = many;
    char *page = sample_print(&sample, "html", PRINT_TRACE, 0, VIEW_FULL);
    cr_expect(strstr(page, "The table has the first 20000 of 20001 hops"));
    cr_expect_eq(count(page, "\n<tr id=h"), TRACER_PAGE_HOPS_MAX);
    cr_expect_eq(count(page, "\"path_grade\": "), many);
    free(page);
    free(hops);
}

Test(page, a_changed_byte_is_refused_wherever_it_is)
{
    char *page = sample_print(&sample, "html", PRINT_TRACE, 0, VIEW_FULL);
    size_t size = strlen(page), json_size;
    const char *json;
    for (size_t at = 0; at < size; at += at + 200 < size ? 97 : 1) {
        page[at] ^= 1;
        enum tracer_status status = read_page(page, size, &json, &json_size);
        cr_expect(status == TRACER_E_VERIFY || (at < 16 && status == TRACER_E_USAGE), "byte %zu: %d", at, (int)status);
        page[at] ^= 1;
    }
    for (size_t cut = 1; cut < size; cut += 997)
        cr_expect(read_page(page, size - cut, &json, &json_size));
    cr_expect_eq(read_page(page, size, &json, &json_size), TRACER_OK);
    free(page);
}

Test(page, a_page_with_the_right_last_line_must_hold_its_result_and_show_its_digest)
{
#define TOP "<!DOCTYPE html>\n"
#define SHOWN(digest) "<code id=\"sha256\">" digest "</code>"
#define RESULT "<script type=\"application/json\" id=\"result\">"
#define OF_BRACES "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" /* sha256sum of {} */
    static const struct {
        const char *body;
        enum tracer_status status;
    } cases[] = {
        {TOP SHOWN(OF_BRACES) RESULT "{}</script>\n", TRACER_OK},
        {SHOWN(OF_BRACES) RESULT "{}</script>\n", TRACER_E_USAGE},
        {TOP SHOWN(OF_BRACES) RESULT "{ }</script>\n", TRACER_E_VERIFY},
        {TOP RESULT "{}</script>\n", TRACER_E_VERIFY},
        {TOP SHOWN(OF_BRACES) "\n", TRACER_E_VERIFY},
        {TOP SHOWN(OF_BRACES) RESULT "{}", TRACER_E_VERIFY},
        {TOP RESULT "{}</script><code id=\"sha256\">44136fa", TRACER_E_VERIFY},
        {TOP, TRACER_E_USAGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *json, *page = seal(cases[i].body);
        size_t size;
        cr_expect_eq(read_page(page, strlen(page), &json, &size), cases[i].status, "case %zu", i);
    }
}
