#include <criterion/criterion.h>

#include "tracer/uuid.h"

Test(uuid, version_5_is_that_of_other_libraries)
{
    /* RFC 4122, appendix C: the namespace of domain names. Results of Python's uuid.uuid5(). */
    static const struct uuid dns = {{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};
    char text[UUID_TEXT_SIZE];
    uuid_format(uuid_v5(dns, "python.org"), text);
    cr_expect_str_eq(text, "886313e1-3b8a-5372-9b90-0c9aee199e5d");
    uuid_format(uuid_v5(dns, ""), text);
    cr_expect_str_eq(text, "4ebd0208-8328-5d69-8c44-ec50939c0967");
    uuid_format(dns, text);
    cr_expect_str_eq(text, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
}
