/* test_rlp.c - forms of the specification (yellow paper B), and every wrong form of a length. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "evm/rlp.h"
#include "tracer/hex.h"

static struct bytes bytes_of(const char *hex, uint8_t to[static 128])
{
    size_t size = strlen(hex) / 2;
    cr_assert(size <= 128 && hex_decode(hex, strlen(hex), to, size));
    return (struct bytes){to, size};
}

static void expect_written(struct buffer *got, const char *want)
{
    char text[512];
    cr_assert(buffer_ok(got) && got->size < sizeof text / 2);
    hex_encode((const uint8_t *)got->data, got->size, text);
    cr_assert_str_eq(text, want);
    cr_assert(rlp_valid((struct bytes){(const uint8_t *)got->data, got->size}));
    buffer_release(got);
}

Test(rlp, strings_and_integers_are_written_in_their_shortest_form)
{
    struct buffer to;
    struct u256 large;
    buffer_init(&to, 1024);
    rlp_bytes(&to, "dog", 3);
    expect_written(&to, "83646f67");
    rlp_bytes(&to, NULL, 0);
    expect_written(&to, "80");
    rlp_bytes(&to, "\x7f", 1);
    expect_written(&to, "7f");
    rlp_bytes(&to, "\x80", 1);
    expect_written(&to, "8180");
    rlp_u64(&to, 0);
    expect_written(&to, "80");
    rlp_u64(&to, 15);
    expect_written(&to, "0f");
    rlp_u64(&to, 1024);
    expect_written(&to, "820400");
    rlp_u64(&to, UINT64_MAX);
    expect_written(&to, "88ffffffffffffffff");
    cr_assert(u256_parse_decimal("83729609699884896815286331701780722", 35, &large));
    rlp_u256(&to, large);
    expect_written(&to, "8f102030405060708090a0b0c0d0e0f2");
    rlp_digits(&to, (struct json_span){"", 0});
    expect_written(&to, "80");
    rlp_digits(&to, (struct json_span){"00", 2});
    expect_written(&to, "00");
    rlp_digits(&to, (struct json_span){"C0ffee", 6});
    expect_written(&to, "83c0ffee");
}

Test(rlp, lists_hold_what_was_written_between_their_ends)
{
    struct buffer to;
    buffer_init(&to, 1024);
    rlp_list_end(&to, rlp_list_begin(&to));
    expect_written(&to, "c0");
    size_t outer = rlp_list_begin(&to); /* the set of three: [ [], [[]], [ [], [[]] ] ] */
    rlp_list_end(&to, rlp_list_begin(&to));
    size_t second = rlp_list_begin(&to);
    rlp_list_end(&to, rlp_list_begin(&to));
    rlp_list_end(&to, second);
    size_t third = rlp_list_begin(&to);
    rlp_list_end(&to, rlp_list_begin(&to));
    size_t inner = rlp_list_begin(&to);
    rlp_list_end(&to, rlp_list_begin(&to));
    rlp_list_end(&to, inner);
    rlp_list_end(&to, third);
    rlp_list_end(&to, outer);
    expect_written(&to, "c7c0c1c0c3c0c1c0");
}

/* Sizes on both sides of each border of a length's form. */
Test(rlp, R18_what_was_written_is_read_back_and_nothing_shorter)
{
    static const size_t sizes[] = {0, 1, 2, 54, 55, 56, 57, 255, 256, 257, 65535, 65536, 70000};
    uint8_t *data = malloc(70000);
    memset(data, 0xa5, 70000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int list = 0; list < 2; list++) {
            struct buffer to;
            struct rlp_item item;
            buffer_init(&to, 80000);
            size_t begin = rlp_list_begin(&to);
            if (list)
                for (size_t k = 0; k < sizes[i]; k++)
                    rlp_bytes(&to, "a", 1);
            else
                rlp_bytes(&to, data, sizes[i]);
            if (list)
                rlp_list_end(&to, begin);
            struct bytes text = {(const uint8_t *)to.data, to.size}, rest = text;
            cr_assert(rlp_valid(text));
            cr_assert(rlp_next(&rest, &item) && rest.size == 0);
            cr_assert_eq(item.is_list, list);
            cr_assert_eq(item.payload.size, sizes[i]);
            cr_assert(list || memcmp(item.payload.data, data, sizes[i]) == 0);
            for (size_t cut = 0; cut<text.size; cut += text.size> 300 ? 97 : 1)
                cr_assert_not(rlp_valid((struct bytes){text.data, cut}));
            buffer_release(&to);
        }
    free(data);
}

Test(rlp, R18_no_other_form_of_the_same_content_is_read)
{
    static const char *const wrong[] = {
        "", /* nothing */
        "8100",
        "817f", /* a byte that stands for itself */
        "b800",
        "b801ff",   /* long form for a short string */
        "b90001ff", /* a length with a leading zero */
        "f800",
        "f80100", /* long form for a short list */
        "81",
        "82ff", /* cut */
        "c1",
        "c281", /* cut */
        "c181",
        "c3830102", /* a list that ends within its item */
        "c28101",   /* a wrong form inside a list */
        "c0c0",
        "8080", /* more than one */
        "b8",
        "f8",                 /* no length */
        "bfffffffffffffffff", /* a length near 2^64 */
        "ffffffffffffffffff",
        "c8c7c6c5c4c3c2c1c0" /* nine deep */
    };
    uint8_t room[128];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_not(rlp_valid(bytes_of(wrong[i], room)), "%s", wrong[i]);
    cr_assert(rlp_valid(bytes_of("c3820001", room))); /* a string of two bytes may begin with zero */
    cr_assert(rlp_valid(bytes_of("c7c6c5c4c3c2c1c0", room)));
}

Test(rlp, R18_integers_have_no_leading_zero_and_at_most_256_bits)
{
    static const struct {
        const char *hex, *decimal; /* NULL: no integer */
    } cases[] = {{"80", "0"},
                 {"01", "1"},
                 {"7f", "127"},
                 {"8180", "128"},
                 {"00", NULL},
                 {"820001", NULL},
                 {"c0", NULL},
                 {"c101", NULL},
                 {"820100", "256"},
                 {"a0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                  "115792089237316195423570985008687907853269984665640564039457584007913129639935"},
                 {"a101ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t room[128];
        char text[U256_DECIMAL_MAX];
        struct bytes rest = bytes_of(cases[i].hex, room);
        struct rlp_item item;
        struct u256 value;
        cr_assert(rlp_next(&rest, &item));
        bool read = rlp_integer(&item, &value);
        cr_assert_eq(read, cases[i].decimal != NULL, "%s", cases[i].hex);
        if (read) {
            u256_format_decimal(value, text);
            cr_assert_str_eq(text, cases[i].decimal);
        }
    }
}

Test(rlp, a_full_buffer_stays_failed)
{
    struct buffer to;
    buffer_init(&to, 40);
    size_t begin = rlp_list_begin(&to);
    for (int i = 0; i < 3; i++)
        rlp_bytes(&to, "twenty bytes of text", 20);
    rlp_digits(&to, (struct json_span){"aabb", 4});
    rlp_list_end(&to, begin);
    cr_assert_not(buffer_ok(&to));
    buffer_release(&to);
}
