/* test_peer.c - which URLs, header lines and addresses are refused. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/peer.h"
#include "rpc/secret.h"
#include "tracer/rpc.h"

static enum peer_kind kind_of(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return peer_kind((struct sockaddr *)&in);
    cr_assert_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1, "%s", text);
    return peer_kind((struct sockaddr *)&in6);
}

Test(rpc, R6_two_names_of_one_operator_are_one)
{
    static const struct {
        const char *url, *other;
        bool same;
    } cases[] = {
        {"https://mainnet.example.com/v3/one", "https://mainnet.example.com/v3/two", true},
        {"https://eth.example.com", "https://ETH2.Example.COM.:8443/key", true},
        {"https://example.com", "https://a.b.example.com?key=1", true},
        {"https://user:pass@rpc.example.org", "https://example.org:443/", true},
        {"https://eth.one.co.uk", "https://rpc.one.co.uk", true},
        {"https://a.bnb.io", "https://b.bnb.io", true},
        {"https://1.1.1.1/a", "https://1.1.1.1:8545/b", true},
        {"https://[2606:4700::1]/a", "https://[2606:4700::1]:8545", true},
        {"http://127.0.0.1:8545/a", "http://localhost:8545/b", true},
        {"https://eth.one.co.uk", "https://eth.two.co.uk", false},
        {"https://example.com", "https://example.org", false},
        {"https://one-example.com", "https://example.com", false},
        {"https://1.1.1.1", "https://2.1.1.1", false},
        {"https://[2606:4700::1]", "https://[2606:4700::2]", false},
        {"http://127.0.0.1:8545", "http://127.0.0.1:8546", false},
        {"http://127.0.0.1:8545", "https://example.com:8545", false},
        {"https://ethereum-rpc.publicnode.com", "https://eth.drpc.org", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(peer_same_operator(cases[i].url, cases[i].other), cases[i].same, "%s %s", cases[i].url, cases[i].other);
        cr_expect_eq(peer_same_operator(cases[i].other, cases[i].url), cases[i].same, "%s %s", cases[i].other, cases[i].url);
    }
}

Test(rpc, T9_addresses_are_told_apart)
{
    static const struct {
        const char *text;
        enum peer_kind kind;
    } cases[] = {
        {"1.1.1.1", PEER_PUBLIC},
        {"8.8.8.8", PEER_PUBLIC},
        {"172.15.255.255", PEER_PUBLIC},
        {"172.32.0.0", PEER_PUBLIC},
        {"100.63.255.255", PEER_PUBLIC},
        {"100.128.0.0", PEER_PUBLIC},
        {"223.255.255.255", PEER_PUBLIC},
        {"127.0.0.1", PEER_LOOPBACK},
        {"127.255.255.255", PEER_LOOPBACK},
        {"10.0.0.1", PEER_PRIVATE},
        {"172.16.0.1", PEER_PRIVATE},
        {"172.31.255.255", PEER_PRIVATE},
        {"192.168.1.1", PEER_PRIVATE},
        {"100.64.0.1", PEER_PRIVATE},
        {"100.127.255.255", PEER_PRIVATE},
        {"169.254.169.254", PEER_FORBIDDEN},
        {"0.0.0.0", PEER_FORBIDDEN},
        {"192.0.0.1", PEER_FORBIDDEN},
        {"198.18.0.1", PEER_FORBIDDEN},
        {"224.0.0.1", PEER_FORBIDDEN},
        {"255.255.255.255", PEER_FORBIDDEN},
        {"::1", PEER_LOOPBACK},
        {"::", PEER_FORBIDDEN},
        {"::ffff:127.0.0.1", PEER_LOOPBACK},
        {"::ffff:10.0.0.1", PEER_PRIVATE},
        {"::ffff:169.254.0.1", PEER_FORBIDDEN},
        {"::ffff:8.8.8.8", PEER_PUBLIC},
        {"64:ff9b::a00:1", PEER_PRIVATE},
        {"2002:7f00:1::", PEER_LOOPBACK},
        {"fd00::1", PEER_PRIVATE},
        {"fe80::1", PEER_FORBIDDEN},
        {"ff02::1", PEER_FORBIDDEN},
        {"fec0::1", PEER_FORBIDDEN},
        {"::127.0.0.1", PEER_FORBIDDEN},
        {"2001:db8::1", PEER_FORBIDDEN},
        {"2001::1", PEER_FORBIDDEN},
        {"2606:4700::1111", PEER_PUBLIC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(kind_of(cases[i].text), cases[i].kind, "%s", cases[i].text);
    struct sockaddr other = {.sa_family = AF_UNIX};
    cr_expect_eq(peer_kind(&other), PEER_FORBIDDEN);
}

static bool url_is_good(const char *url, bool allow_local)
{
    bool plain;
    struct error err = {0};
    bool good = peer_check_url(url, allow_local, &plain, &err) == TRACER_OK;
    if (!good) {
        cr_expect_eq(err.status, TRACER_E_USAGE);
        cr_expect(!strstr(err.text, "secret"), "%s", err.text);
    }
    return good;
}

Test(rpc, T8_only_https_or_http_to_this_machine)
{
    cr_expect(url_is_good("https://eth.example/v1/secret", false));
    cr_expect(url_is_good("HTTPS://user:secret@eth.example:8443/?a=b", false));
    cr_expect(!url_is_good("http://eth.example/secret", false));
    cr_expect(!url_is_good("http://eth.example/secret", true));
    cr_expect(!url_is_good("http://127.0.0.1:8545/secret", false));
    cr_expect(url_is_good("http://127.0.0.1:8545/secret", true));
    cr_expect(url_is_good("http://127.1.2.3", true));
    cr_expect(url_is_good("http://localhost:8545", true));
    cr_expect(url_is_good("http://[::1]:8545", true));
    cr_expect(!url_is_good("http://localhost@eth.example/secret", true));
    cr_expect(!url_is_good("http://127.0.0.1.eth.example/secret", true));
    cr_expect(!url_is_good("http://[::2]/secret", true));
    cr_expect(!url_is_good("http://10.0.0.1/secret", true));
    cr_expect(!url_is_good("http:///secret", true));
    cr_expect(!url_is_good("https://", false));
    cr_expect(!url_is_good("", false));
    static const char *const schemes[] = {"file:///etc/secret", "ftp://secret",   "ws://secret",
                                          "gopher://secret",    "dict://secret",  "secret",
                                          "//secret",           "httpss://secret"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        cr_expect(!url_is_good(schemes[i], true), "%s", schemes[i]);
}

Test(rpc, T13_control_characters_in_urls_and_headers_are_refused)
{
    char url[64], header[64];
    struct error err;
    for (int c = 1; c < 256; c++) {
        bool good = c > ' ' && c < 0x7f && !strchr("\\\"<>^`{|}", c);
        snprintf(url, sizeof url, "https://eth.example/se%ccret", c);
        cr_expect_eq(url_is_good(url, false), good, "byte %d", c);
        snprintf(header, sizeof header, "X-Key: secr%cet", c);
        cr_expect_eq(peer_check_header(header, &err) == TRACER_OK, c >= ' ' && c < 0x7f, "byte %d", c);
    }
    static const char *const bad[] = {"",
                                      ":",
                                      "X-Key",
                                      "X Key: a",
                                      "X-Key:",
                                      "X-Key:  ",
                                      ": a",
                                      "Host: evil",
                                      "content-length: 3",
                                      "Transfer-Encoding: chunked",
                                      "X-K\xc3\xa9y: a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(peer_check_header(bad[i], &err), TRACER_E_USAGE, "%s", bad[i]);
    cr_expect_eq(peer_check_header("Authorization: Bearer abc.def", &err), TRACER_OK);
    char *longest = malloc(PEER_URL_MAX + 2);
    memset(longest, 'a', PEER_URL_MAX + 1);
    memcpy(longest, "https://", 8);
    longest[PEER_URL_MAX + 1] = '\0';
    cr_expect(!url_is_good(longest, false));
    longest[PEER_URL_MAX] = '\0';
    cr_expect(url_is_good(longest, false));
    free(longest);
}

Test(rpc, T13_a_pool_does_not_open_with_a_bad_url_or_header)
{
    struct rpc_endpoint endpoint = {.name = "alpha", .url = "https://eth.example/\r\nX: y"};
    struct rpc_options options = {.endpoints = &endpoint, .endpoint_count = 1};
    struct rpc *rpc;
    struct error err = {0};
    cr_expect_eq(rpc_open(&options, &rpc, &err), TRACER_E_USAGE);
    cr_expect(strstr(err.text, "endpoint \"alpha\""), "%s", err.text);
    endpoint.url = "https://eth.example/";
    endpoint.header = "X-Key: a\r\nHost: b";
    cr_expect_eq(rpc_open(&options, &rpc, &err), TRACER_E_USAGE);
    options.endpoint_count = 0;
    cr_expect_eq(rpc_open(&options, &rpc, &err), TRACER_E_USAGE);
}

Test(rpc, T11_quotes_hide_the_words_of_url_and_header)
{
    struct secrets secrets;
    char to[QUOTE_SIZE], text[300];
    cr_assert(secrets_init(&secrets, "https://user:passw0rd@eth.example/v3/0123456789abcdef?apikey=QUERYKEY",
                           "Authorization: Bearer HEADERKEY.1"));
    static const char *const words[] = {"passw0rd", "0123456789abcdef", "QUERYKEY", "HEADERKEY.1",
                                        "eth.example"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (size_t before = 0; before < 100; before++) { /* also where the cut goes through it */
            memset(text, '.', sizeof text);
            memcpy(text + before, words[i], strlen(words[i]));
            secrets_quote(&secrets, to, text, sizeof text);
            cr_assert_eq(strlen(to), TRACER_QUOTED_MAX);
            cr_assert(!strstr(to, words[i]));
            size_t shown = before + 4 <= TRACER_QUOTED_MAX ? 4 : 0;
            cr_assert(shown == 0 || memcmp(to + before, words[i], shown) != 0);
        }
    }
    cr_expect_str_eq(secrets_quote(&secrets, to, "Authorization is missing", 24), "Authorization is missing");
    cr_expect_str_eq(secrets_quote(&secrets, to, "", 0), "");
    secrets_release(&secrets);
}
