/* hex, csv, clock, error: text in and out. */
#include "tracer/clock.h"
#include "tracer/csv.h"
#include "tracer/digest.h"
#include "tracer/hex.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Any byte at any place of texts of any length: what is decoded many digits at a time and what is left of it are the same. */
Test(hex, digits_at_every_place)
{
    char text[2 * 19 + 1];
    uint8_t back[20];
    for (size_t size = 0; size < 20; size++)
        for (size_t at = 0; at < 2 * size; at++)
            for (unsigned c = 0; c < 256; c++) {
                int value = hex_digit((char)c);
                memset(text, 'A', sizeof text);
                memset(back, 0x55, sizeof back);
                text[at] = (char)c;
                cr_assert_eq(hex_decode(text, 2 * size, back, size), value >= 0, "%u at %zu of %zu", c, at, 2 * size);
                cr_assert_eq(back[size], 0x55);
                for (size_t i = 0; i < size && value >= 0; i++) {
                    unsigned other = i != at / 2 ? 0xaa : at % 2 ? 0xa0 | (unsigned)value : (unsigned)value << 4 | 0xa;
                    cr_assert_eq(back[i], other, "%u at %zu of %zu", c, at, 2 * size);
                }
            }
    for (int c = 0; c < 256; c++) {
        const char *found = c ? strchr("0123456789abcdefABCDEF", c) : NULL;
        cr_assert_eq(hex_digit((char)c) >= 0, found != NULL);
    }
}

Test(hex, decodes_only_what_it_encodes)
{
    uint8_t bytes[3], back[3];
    char text[7];
    for (int i = 0; i < 1000; i++) {
        for (int b = 0; b < 3; b++)
            bytes[b] = (uint8_t)(i * 7 + b * 31);
        hex_encode(bytes, 3, text);
        cr_assert(hex_decode(text, 6, back, 3) && memcmp(bytes, back, 3) == 0);
    }
    cr_assert(!hex_decode("0g", 2, bytes, 1));
    cr_assert(!hex_decode("000", 3, bytes, 1));
    cr_assert(!hex_decode_0x("0X00", 4, bytes, 1));
    uint64_t value;
    cr_assert(hex_quantity_u64("0xffffffffffffffff", 18, &value) && value == UINT64_MAX);
    cr_assert(!hex_quantity_u64("0x10000000000000000", 19, &value));
    cr_assert(!hex_quantity_u64("0x01", 4, &value));
}

static enum tracer_status read_all(const char *text, size_t size, size_t *ret_rows, struct error *err)
{
    static const char *const columns[] = {"a", "b", "c"};
    struct csv *csv;
    struct csv_field fields[3];
    enum tracer_status status = csv_open_memory("test.csv", text, size, ',', columns, 3, 2, &csv, err);
    *ret_rows = 0;
    if (status)
        return status;
    while (!(status = csv_next(csv, fields, err)))
        (*ret_rows)++;
    csv_close(csv);
    return status;
}

Test(csv, reads_by_name_and_ignores_other_columns)
{
    static const char text[] = "x,b,a\n1,2,3\r\n\"4\",\"5,\"\"6\",7\n\n";
    static const char *const columns[] = {"a", "b", "c"};
    struct csv *csv;
    struct csv_field fields[3];
    cr_assert_eq(csv_open_memory("t", text, sizeof(text) - 1, ',', columns, 3, 2, &csv, NULL), TRACER_OK);
    cr_assert_eq(csv_next(csv, fields, NULL), TRACER_OK);
    cr_assert(csv_field_is(fields[0], "3") && csv_field_is(fields[1], "2") && fields[2].length == 0);
    cr_assert_eq(csv_next(csv, fields, NULL), TRACER_OK);
    cr_assert(csv_field_is(fields[0], "7") && csv_field_is(fields[1], "5,\"6"));
    cr_assert_eq(csv_next(csv, fields, NULL), TRACER_E_NOT_FOUND);
    csv_close(csv);
}

Test(csv, I1_bad_files_are_refused_with_their_line)
{
    static const struct {
        const char *text;
        size_t size;
        const char *want;
    } cases[] = {
        {"", 0, "empty"},
        {"a,c\n1,2\n", 8, "column b is missing"},
        {"a,b,a\n", 6, "column a stands twice"},
        {"\xef\xbb\xbf"
         "a,b\n1,2\n",
         11, "byte order mark"},
        {"a,b\n1,2\n1\n", 10, "test.csv:3: 1 columns"},
        {"a,b\n1,\0\n", 8, "test.csv:2: a NUL"},
        {"a,b\n1\r,2\n", 9, "test.csv:2: a carriage return"},
        {"a,b\n\"1,2\n", 9, "test.csv:2: a quote is not closed"},
        {"a,b\n\"1\"x,2\n", 11, "behind a closing quote"},
        {"a,b\n1\"1,2\n", 10, "a quote inside"},
        {"a,b\n\n1,2\n", 9, "test.csv:2: an empty line"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        size_t rows;
        cr_assert_eq(read_all(cases[i].text, cases[i].size, &rows, &err), TRACER_E_USAGE, "%zu", i);
        cr_assert(strstr(err.text, cases[i].want), "%s has no %s", err.text, cases[i].want);
    }
}

Test(csv, I1_a_line_over_the_ceiling_is_refused)
{
    size_t size = TRACER_CSV_LINE_MAX + 100, rows;
    char *text = malloc(size);
    memset(text, 'x', size);
    memcpy(text, "a,b\n", 4);
    struct error err = {0};
    cr_assert_eq(read_all(text, size, &rows, &err), TRACER_E_USAGE);
    cr_assert(strstr(err.text, "64 KiB"));
    free(text);
}

Test(csv, lines_that_cross_the_read_buffer_are_whole)
{
    char path[] = "/tmp/tracer-csv-XXXXXX";
    int file = mkstemp(path);
    FILE *stream = fdopen(file, "w");
    fprintf(stream, "a,b\n");
    for (int i = 0; i < 200000; i++)
        fprintf(stream, "%d,%d\n", i, i * 3);
    fclose(stream);
    static const char *const columns[] = {"a", "b"};
    struct csv *csv;
    struct csv_field fields[2];
    cr_assert_eq(csv_open(path, ',', columns, 2, 2, &csv, NULL), TRACER_OK);
    uint64_t rows = 0, a, b;
    while (csv_next(csv, fields, NULL) == TRACER_OK) {
        cr_assert(csv_parse_u64(fields[0], UINT64_MAX, &a) && csv_parse_u64(fields[1], UINT64_MAX, &b));
        cr_assert(a == rows && b == rows * 3);
        rows++;
    }
    cr_assert_eq(rows, 200000);
    csv_close(csv);
    remove(path);
}

Test(csv, I7_numbers_over_their_range_are_refused)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "01",
                                      "0x1",
                                      "1e3",
                                      "1.0",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "184467440737095516150"};
    uint64_t value;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(!csv_parse_u64((struct csv_field){bad[i], strlen(bad[i])}, UINT64_MAX, &value), "%s",
                  bad[i]);
    for (uint64_t max = 0; max < 130; max++)
        for (uint64_t number = 0; number < 1300; number++) {
            char text[8];
            int length = snprintf(text, sizeof(text), "%u", (unsigned)number);
            bool taken = csv_parse_u64((struct csv_field){text, (size_t)length}, max, &value);
            cr_assert_eq(taken, number <= max, "%s of at most %u", text, (unsigned)max);
            cr_assert(!taken || value == number);
        }
    cr_assert(csv_parse_u64((struct csv_field){"18446744073709551615", 20}, UINT64_MAX, &value) &&
              value == UINT64_MAX);
    cr_assert(!csv_parse_u64((struct csv_field){"9223372036854775808", 19}, INT64_MAX, &value));
}

Test(csv, X2_foreign_text_cannot_become_a_formula)
{
    struct buffer line;
    buffer_init(&line, 1000);
    csv_add(&line, true, "=1+1", 4, true);
    csv_add(&line, false, "a\"b", 3, true);
    csv_add(&line, false, "x\ny", 3, true);
    csv_add(&line, false, "plain", 5, true);
    csv_add(&line, false, "-1", 2, false);
    cr_assert_str_eq(line.data, "\"'=1+1\",\"a\"\"b\",\"x?y\",plain,-1");
    buffer_release(&line);
}

Test(clock, utc_round_trips_over_four_centuries)
{
    char text[32];
    for (uint64_t day = 0; day < 150000; day++) {
        uint64_t time = day * 86400 + day % 86400, back;
        clock_format_utc(time, text);
        cr_assert(clock_parse_utc(text, strlen(text), &back) && back == time, "%s", text);
    }
    clock_format_utc(1648042149, text);
    cr_assert_str_eq(text, "2022-03-23 13:29:09");
    uint64_t value;
    cr_assert(clock_parse_utc("2022-03-23T13:29:09Z", 20, &value) && value == 1648042149);
    cr_assert(clock_parse_utc("2022-03-23", 10, &value) && value == 1647993600);
    cr_assert(!clock_parse_utc("2022-02-29", 10, &value));
    cr_assert(!clock_parse_utc("2022-13-01", 10, &value));
    cr_assert(!clock_parse_utc("1969-12-31", 10, &value));
    cr_assert(!clock_parse_utc("2022-03-23T24:00:00Z", 20, &value));
}

Test(digest, sha256_known_answers)
{
    char text[65];
    digest_format(digest_bytes("abc", 3), text);
    cr_assert_str_eq(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_format(digest_bytes("", 0), text);
    cr_assert_str_eq(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(error, context_goes_before_and_is_cut)
{
    struct error err;
    cr_assert_eq(error_set(&err, TRACER_E_REPLY, "field %s", "hash"), TRACER_E_REPLY);
    error_context(&err, "block %d", 7);
    cr_assert_str_eq(err.text, "block 7: field hash");
    for (int i = 0; i < 100; i++)
        error_context(&err, "a rather long piece of context %d", i);
    cr_assert(strlen(err.text) < TRACER_ERROR_TEXT_MAX);
    cr_assert_eq(strncmp(err.text, "a rather long piece of context 99: a rather", 40), 0);
    error_set(&err, TRACER_E_USAGE, "what");
    error_context(&err, "%s again", err.text);
    cr_assert_str_eq(err.text, "what again: what");
    cr_assert_eq(error_set(NULL, TRACER_E_IO, "nobody listens"), TRACER_E_IO);
}

Test(error, R17_foreign_text_is_made_safe_and_cut)
{
    char shown[9];
    cr_assert_str_eq(safe_text(shown, sizeof(shown), "a\x1b[31m\n\xff", 8), "a?[31m??");
    cr_assert_str_eq(safe_text(shown, 4, "abcdefgh", 8), "abc");
    struct error err;
    error_set(&err, TRACER_E_USAGE, "%s: no such file", "/tmp/\x1b]0;x\x07\n\xc2\x9b");
    error_context(&err, "%s", "a\rb");
    cr_assert_str_eq(err.text, "a?b: /tmp/?]0;x????: no such file");
}
