/* peer.c - checks of URLs, header lines and connected addresses. */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

struct range4 {
    uint32_t base;
    uint8_t bits;
    uint8_t kind;
};
#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* IANA special-purpose registry; what is not here is public. */
static const struct range4 ranges4[] = {
    {V4(0, 0, 0, 0), 8, PEER_FORBIDDEN},       {V4(10, 0, 0, 0), 8, PEER_PRIVATE},
    {V4(100, 64, 0, 0), 10, PEER_PRIVATE},     {V4(127, 0, 0, 0), 8, PEER_LOOPBACK},
    {V4(169, 254, 0, 0), 16, PEER_FORBIDDEN},  {V4(172, 16, 0, 0), 12, PEER_PRIVATE},
    {V4(192, 0, 0, 0), 24, PEER_FORBIDDEN},    {V4(192, 0, 2, 0), 24, PEER_FORBIDDEN},
    {V4(192, 168, 0, 0), 16, PEER_PRIVATE},    {V4(198, 18, 0, 0), 15, PEER_FORBIDDEN},
    {V4(198, 51, 100, 0), 24, PEER_FORBIDDEN}, {V4(203, 0, 113, 0), 24, PEER_FORBIDDEN},
    {V4(224, 0, 0, 0), 3, PEER_FORBIDDEN}, /* multicast, reserved, broadcast */
};

static enum peer_kind kind4(uint32_t address)
{
    for (size_t i = 0; i < sizeof ranges4 / sizeof *ranges4; i++)
        if ((address ^ ranges4[i].base) >> (32 - ranges4[i].bits) == 0)
            return (enum peer_kind)ranges4[i].kind;
    return PEER_PUBLIC;
}

static uint32_t read32(const uint8_t *bytes)
{
    return V4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static enum peer_kind kind6(const uint8_t a[16])
{
    static const uint8_t zero[16], nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    if (memcmp(a, loopback, 16) == 0)
        return PEER_LOOPBACK;
    if (memcmp(a, zero, 10) == 0 && a[10] == 0xff && a[11] == 0xff)
        return kind4(read32(a + 12)); /* ::ffff:a.b.c.d */
    if (memcmp(a, nat64, 12) == 0)
        return kind4(read32(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02)
        return kind4(read32(a + 2)); /* 6to4 */
    if ((a[0] & 0xfe) == 0xfc)
        return PEER_PRIVATE;
    if ((a[0] & 0xe0) != 0x20)
        return PEER_FORBIDDEN; /* only 2000::/3 is given out: link-local, multicast, ::a.b.c.d and the rest
                                  are not */
    if (read32(a) == 0x20010000 || read32(a) == 0x20010db8)
        return PEER_FORBIDDEN; /* Teredo, documentation */
    return PEER_PUBLIC;
}

enum peer_kind peer_kind(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return kind4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return kind6(in6.sin6_addr.s6_addr);
    }
    return PEER_FORBIDDEN;
}

/* Printable ASCII, with or without spaces. */
static bool printable(const char *text, size_t length, char first)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < first || text[i] > '~')
            return false;
    return true;
}

/* ---- who runs it ---- */

/* Host and port of a URL's authority; v6 addresses without brackets. */
struct host {
    const char *name, *port;
    size_t length, port_length;
};

static struct host host_of(const char *url)
{
    const char *authority = strstr(url, "://") + 3;
    size_t length = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', length);
    if (at) {
        length -= (size_t)(at + 1 - authority);
        authority = at + 1;
    }
    struct host host = {.name = authority, .length = length};
    const char *end = *authority == '[' ? memchr(authority, ']', length) : NULL;
    const char *colon = memchr(end ? end : authority, ':', length - (end ? (size_t)(end - authority) : 0));
    if (colon) {
        host.length = (size_t)(colon - authority);
        host.port = colon + 1;
        host.port_length = length - host.length - 1;
    }
    if (end) {
        host.name++;
        host.length = (size_t)(end - host.name);
    }
    while (host.length && host.name[host.length - 1] == '.')
        host.length--;
    return host;
}

/* Where a country's names begin behind it. */
static bool is_category(const char *label, size_t length)
{
    static const char *const categories[] = {"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"};
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
        if (strlen(categories[i]) == length && strncasecmp(categories[i], label, length) == 0)
            return true;
    return false;
}

/* An address, or the last two labels of a name; three where these are like co.uk. */
static void cut_to_domain(struct host *host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t labels = 0, begin = host->length, last = host->length;
    if (host->length < sizeof text) {
        memcpy(text, host->name, host->length);
        text[host->length] = '\0';
        if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1)
            return;
    }
    while (begin > 0 && labels < 3) {
        if (host->name[--begin] != '.')
            continue;
        labels++;
        if (labels == 2 && (host->length - last - 1 != 2 || !is_category(host->name + begin + 1, last - begin - 1)))
            break;
        last = begin;
    }
    if (host->name[begin] == '.')
        begin++;
    host->name += begin;
    host->length -= begin;
}

static bool same_text(const char *a, size_t length, const char *b, size_t other)
{
    return length == other && strncasecmp(a, b, length) == 0;
}

static bool host_is_loopback(const char *authority);

bool peer_same_operator(const char *url, const char *other)
{
    struct host a = host_of(url), b = host_of(other);
    if (host_is_loopback(strstr(url, "://") + 3) && host_is_loopback(strstr(other, "://") + 3))
        return same_text(a.port ? a.port : "", a.port_length, b.port ? b.port : "", b.port_length);
    cut_to_domain(&a);
    cut_to_domain(&b);
    return same_text(a.name, a.length, b.name, b.length);
}

/* Whether the host part of a URL names this machine. The connected address is checked as well. */
static bool host_is_loopback(const char *authority)
{
    size_t length = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', length);
    if (at) {
        length -= (size_t)(at + 1 - authority);
        authority = at + 1;
    }
    if (length && *authority == '[')
        return length >= 5 && memcmp(authority, "[::1]", 5) == 0 && (length == 5 || authority[5] == ':');
    const char *colon = memchr(authority, ':', length);
    if (colon)
        length = (size_t)(colon - authority);
    char host[64];
    struct in_addr in;
    if (length == 0 || length >= sizeof host)
        return false;
    memcpy(host, authority, length);
    host[length] = '\0';
    if (inet_pton(AF_INET, host, &in) == 1)
        return kind4(ntohl(in.s_addr)) == PEER_LOOPBACK;
    return strcasecmp(host, "localhost") == 0;
}

enum tracer_status peer_check_url(const char *url, bool allow_local, bool *ret_plain, struct error *err)
{
    size_t length = strnlen(url, PEER_URL_MAX + 1);
    if (length > PEER_URL_MAX)
        return error_set(err, TRACER_E_USAGE, "the URL is longer than %u bytes", PEER_URL_MAX);
    if (!printable(url, length, '!') || strpbrk(url, "\\\"<>^`{|}"))
        return error_set(err, TRACER_E_USAGE,
                         "the URL has control characters, spaces or other bytes that no URL has");
    bool plain = strncasecmp(url, "http://", 7) == 0;
    if (!plain && strncasecmp(url, "https://", 8) != 0)
        return error_set(err, TRACER_E_USAGE, "the URL must begin with https://");
    const char *authority = url + (plain ? 7 : 8);
    if (strcspn(authority, "/?#") == 0)
        return error_set(err, TRACER_E_USAGE, "the URL has no host");
    if (plain && !allow_local)
        return error_set(err, TRACER_E_USAGE,
                         "plain http is refused; use https, or --allow-local for a node on this machine");
    if (plain && !host_is_loopback(authority))
        return error_set(err, TRACER_E_USAGE,
                         "plain http is for a node on this machine only (localhost, 127.0.0.1, [::1])");
    *ret_plain = plain;
    return TRACER_OK;
}

enum tracer_status peer_check_header(const char *header, struct error *err)
{
    static const char *const reserved[] = {
        "Host",       "Content-Length", "Content-Type",    "Transfer-Encoding", "Accept-Encoding",
        "Connection", "Expect",         "Content-Encoding"};
    size_t length = strnlen(header, PEER_HEADER_MAX + 1);
    if (length > PEER_HEADER_MAX)
        return error_set(err, TRACER_E_USAGE, "the header line is longer than %u bytes", PEER_HEADER_MAX);
    if (!printable(header, length, ' '))
        return error_set(err, TRACER_E_USAGE, "the header line has control characters or bytes beyond ASCII");
    size_t name = strspn(header, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (name == 0 || header[name] != ':' || header[name + 1 + strspn(header + name + 1, " ")] == '\0')
        return error_set(err, TRACER_E_USAGE, "the header line must be \"Name: value\"");
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strlen(reserved[i]) == name && strncasecmp(header, reserved[i], name) == 0)
            return error_set(err, TRACER_E_USAGE, "the header %s cannot be set", reserved[i]);
    return TRACER_OK;
}
