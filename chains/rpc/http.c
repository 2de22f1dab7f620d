/* http.c - the only file that knows libcurl.
 *
 * libcurl is loaded at run time into a table of functions, so that a command that does not fetch does not pay
 * for it. Every slot is one easy handle whose constant options are set once; the multi handle keeps the
 * connections alive. Texts of libcurl are never shown, since they contain host names.
 */
#include "http.h"

#include <assert.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "peer.h"
#include "tracer/clock.h"

#define LOWEST 0x075500u /* 7.85: CURLOPT_PROTOCOLS_STR */
#define START_PAUSE_NS 200000u
#define TIMEOUT_GRACE_MS 50u /* our clock and libcurl's differ by a little */

/* The functions that are used, by their names without "curl_". */
#define CURL_FUNCTIONS(X)                                                                                    \
    X(CURLcode, global_init, (long))                                                                         \
    X(void, global_cleanup, (void))                                                                          \
    X(curl_version_info_data *, version_info, (CURLversion))                                                 \
    X(CURL *, easy_init, (void))                                                                             \
    X(void, easy_cleanup, (CURL *))                                                                          \
    X(CURLcode, easy_setopt, (CURL *, CURLoption, ...))                                                      \
    X(CURLcode, easy_getinfo, (CURL *, CURLINFO, ...))                                                       \
    X(CURLM *, multi_init, (void))                                                                           \
    X(CURLMcode, multi_cleanup, (CURLM *))                                                                   \
    X(CURLMcode, multi_setopt, (CURLM *, CURLMoption, ...))                                                  \
    X(CURLMcode, multi_add_handle, (CURLM *, CURL *))                                                        \
    X(CURLMcode, multi_remove_handle, (CURLM *, CURL *))                                                     \
    X(CURLMcode, multi_perform, (CURLM *, int *))                                                            \
    X(CURLMcode, multi_poll, (CURLM *, struct curl_waitfd *, unsigned, int, int *))                          \
    X(CURLMsg *, multi_info_read, (CURLM *, int *))                                                          \
    X(struct curl_slist *, slist_append, (struct curl_slist *, const char *))                                \
    X(void, slist_free_all, (struct curl_slist *))

#define CURL_MEMBER(type, name, arguments) type(*name) arguments;
struct curl_table {
    CURL_FUNCTIONS(CURL_MEMBER)
};

struct http_slot {
    CURL *easy;
    struct http *http;
    struct http_request *request; /* NULL: free */
    struct curl_slist *headers;
    uint64_t begun_ns;
    size_t header_bytes;
    uint32_t encodings; /* Content-Encoding lines of this reply */
    /* why a callback ended the transfer */
    bool address_refused, headers_too_long, bad_encoding, reply_too_long, no_memory;
};

struct http {
    struct curl_table curl;
    struct http_options options;
    CURLM *multi;
    uint64_t performed_ns; /* when everything was driven last */
    uint32_t slot_count;
    struct http_slot slots[TRACER_IN_FLIGHT_MAX];
};

static bool load_curl(struct curl_table *table)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
#define CURL_LOAD(type, name, arguments)                                                                     \
    *(void **)&table->name = dlsym(library, "curl_" #name);                                                  \
    if (!table->name)                                                                                        \
        return false;
    CURL_FUNCTIONS(CURL_LOAD)
    return true; /* never unloaded: TLS libraries leave handlers behind that run at exit */
}

/* ---- callbacks of libcurl ---- */

/* The address is known now, whatever the name led to (T9). */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_slot *slot = context;
    enum peer_kind kind = peer_kind(&address->addr);
    bool local_allowed = slot->http->options.allow_local;
    bool good = slot->request->plain ? local_allowed && kind == PEER_LOOPBACK
                                     : kind == PEER_PUBLIC || (local_allowed && kind != PEER_FORBIDDEN);
    if (purpose != CURLSOCKTYPE_IPCXN || !good) {
        slot->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The value of header `name` in a header line, trimmed; NULL: another header. */
static const char *header_value(const char *line, size_t size, const char *name, size_t *ret_length)
{
    size_t length = strlen(name);
    if (size <= length || line[length] != ':' || strncasecmp(line, name, length) != 0)
        return NULL;
    const char *at = line + length + 1, *end = line + size;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (unsigned char)end[-1] <= ' ')
        end--;
    *ret_length = (size_t)(end - at);
    return at;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* JSON under any of its names, or plain text as some gateways say. */
static bool is_json_type(const char *type, size_t length)
{
    const char *end = memchr(type, ';', length);
    if (end)
        length = (size_t)(end - type);
    while (length && type[length - 1] == ' ')
        length--;
    return is_word(type, length, "text/plain") || is_word(type, length, "text/json") ||
           (length >= 16 &&
            strncasecmp(type, "application/json", 16) == 0) || /* also json-rpc, jsonrequest */
           (length > 5 && strncasecmp(type + length - 5, "+json", 5) == 0);
}

static size_t on_header(char *line, size_t one, size_t size, void *context)
{
    struct http_slot *slot = context;
    const char *value;
    size_t length;
    (void)one; /* is 1 */
    slot->header_bytes += size;
    if (slot->header_bytes > TRACER_REPLY_HEADERS_MAX) {
        slot->headers_too_long = true;
        return 0;
    }
    if (size > 5 &&
        strncasecmp(line, "HTTP/", 5) == 0) { /* another reply begins: the one before was interim */
        slot->encodings = 0;
        slot->request->other_type = false;
    } else if ((value = header_value(line, size, "Content-Type", &length))) {
        slot->request->other_type = !is_json_type(value, length);
    } else if ((value = header_value(line, size, "Content-Encoding", &length))) {
        /* libcurl would undo what was not asked for, and several layers of it (T7) */
        if (++slot->encodings > 1 || !(is_word(value, length, "gzip") || is_word(value, length, "identity")))
            slot->bad_encoding = true;
    } else if ((value = header_value(line, size, "Transfer-Encoding", &length))) {
        if (!is_word(value, length, "chunked") && !is_word(value, length, "identity"))
            slot->bad_encoding = true;
    }
    return slot->bad_encoding ? 0 : size;
}

/* Room for the whole body at once, where its length is stated and within the ceiling. */
static void make_room(struct http_slot *slot)
{
    struct buffer *reply = slot->request->reply;
    curl_off_t length = -1;
    slot->http->curl.easy_getinfo(slot->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0 && (uint64_t)length <= reply->size_max && slot->encodings == 0)
        buffer_reserve(reply, (size_t)length);
}

/* Decoded bytes of the body. The ceiling is here: libcurl's own does not see what a bomb unpacks to (T3, T7).
 */
static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
    struct http_slot *slot = context;
    struct buffer *reply = slot->request->reply;
    (void)one;
    if (reply->size == 0)
        make_room(slot);
    if (size > reply->size_max - reply->size) {
        slot->reply_too_long = true;
        return 0;
    }
    if (!buffer_add(reply, bytes, size)) {
        slot->no_memory = true;
        return 0;
    }
    return size;
}

/* ---- opening ---- */

static bool set_constant_options(struct http *http, struct http_slot *slot)
{
    const struct http_options *options = &http->options;
    CURLcode (*set)(CURL *, CURLoption, ...) = http->curl.easy_setopt;
    CURL *easy = slot->easy;
    bool good = set(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good = good && set(easy, CURLOPT_PRIVATE, slot) == CURLE_OK;
    good = good && set(easy, CURLOPT_POST, 1L) == CURLE_OK;
    good = good && set(easy, CURLOPT_USERAGENT, "tracer") == CURLE_OK;
    /* T12: nothing from the user's environment or files; cookies, HSTS and alt-svc are off unless switched on
     */
    good = good && set(easy, CURLOPT_PROXY, "") == CURLE_OK;
    good = good && set(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
    /* T8 */
    good = good && set(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good = good && set(easy, CURLOPT_MAXREDIRS, 0L) == CURLE_OK;
    good = good && set(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK;
    /* T10 */
    good = good && set(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    good = good && set(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    good = good && set(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    if (options->ca_file) {
        good = good && set(easy, CURLOPT_CAINFO, options->ca_file) == CURLE_OK;
        good = good && set(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    /* T2 */
    good = good && set(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms) == CURLE_OK;
    good = good && set(easy, CURLOPT_TIMEOUT_MS, (long)options->total_timeout_ms) == CURLE_OK;
    good = good && set(easy, CURLOPT_LOW_SPEED_LIMIT, (long)TRACER_SLOW_BYTES_PER_SECOND) == CURLE_OK;
    good = good && set(easy, CURLOPT_LOW_SPEED_TIME, (long)options->slow_seconds) == CURLE_OK;
    /* T7, T9 */
    good = good && set(easy, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK;
    good = good && set(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK;
    good = good && set(easy, CURLOPT_OPENSOCKETDATA, slot) == CURLE_OK;
    good = good && set(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    good = good && set(easy, CURLOPT_HEADERDATA, slot) == CURLE_OK;
    good = good && set(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    good = good && set(easy, CURLOPT_WRITEDATA, slot) == CURLE_OK;
    good = good && set(easy, CURLOPT_BUFFERSIZE, 128L * 1024) == CURLE_OK;
    good = good && set(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
    /* what this build of libcurl may not have */
    set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
#if LIBCURL_VERSION_NUM >= 0x075700
    set(easy, CURLOPT_QUICK_EXIT, 1L); /* closing does not wait for a name server */
#endif
    return good;
}

static enum tracer_status open_slots(struct http *http, struct error *err)
{
    curl_version_info_data *version = http->curl.version_info(CURLVERSION_NOW);
    if (!version || version->version_num < LOWEST)
        return error_set(err, TRACER_E_NETWORK, "libcurl is older than 7.85");
    http->multi = http->curl.multi_init();
    if (!http->multi)
        return error_set(err, TRACER_E_NOMEM, "no memory for libcurl");
    http->curl.multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 2L * TRACER_IN_FLIGHT_MAX);
    http->slot_count = http->options.in_flight_max;
    for (uint32_t i = 0; i < http->slot_count; i++) {
        struct http_slot *slot = &http->slots[i];
        slot->http = http;
        slot->easy = http->curl.easy_init();
        if (!slot->easy || !set_constant_options(http, slot))
            return error_set(err, TRACER_E_NOMEM, "libcurl refuses an option, or has no memory");
    }
    return TRACER_OK;
}

enum tracer_status http_open(const struct http_options *options, struct http **ret_http, struct error *err)
{
    assert(options->in_flight_max > 0 && options->in_flight_max <= TRACER_IN_FLIGHT_MAX);
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return error_set(err, TRACER_E_NOMEM, "no memory for the transport");
    http->options = *options;
    if (!load_curl(&http->curl) || http->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return error_set(err, TRACER_E_NETWORK, "libcurl.so.4 could not be loaded (package libcurl4)");
    }
    enum tracer_status status = open_slots(http, err);
    if (status) {
        http_close(http);
        return status;
    }
    *ret_http = http;
    return TRACER_OK;
}

static void free_slot(struct http_slot *slot)
{
    slot->http->curl.multi_remove_handle(slot->http->multi, slot->easy);
    slot->http->curl.slist_free_all(slot->headers);
    slot->headers = NULL;
    if (slot->request)
        slot->request->slot = NULL;
    slot->request = NULL;
}

void http_close(struct http *http)
{
    if (!http)
        return;
    for (uint32_t i = 0; i < http->slot_count; i++) {
        struct http_slot *slot = &http->slots[i];
        if (slot->request)
            free_slot(slot);
        if (slot->easy)
            http->curl.easy_cleanup(slot->easy);
    }
    if (http->multi)
        http->curl.multi_cleanup(http->multi);
    http->curl.global_cleanup();
    free(http);
}

/* ---- a request ---- */

static bool set_headers(struct http_slot *slot, const char *extra)
{
    const char *const lines[] = {"Accept: application/json", "Expect:", slot->request->body ? "Content-Type: application/json" : extra, extra};
    for (size_t i = 0; i < 2u + (slot->request->body != NULL) + (extra != NULL); i++) {
        struct curl_slist *longer = slot->http->curl.slist_append(slot->headers, lines[i]);
        if (!longer)
            return false;
        slot->headers = longer;
    }
    return slot->http->curl.easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) == CURLE_OK;
}

enum tracer_status http_begin(struct http *http, struct http_request *request, struct error *err)
{
    struct http_slot *slot = NULL;
    for (uint32_t i = 0; i < http->slot_count && !slot; i++)
        if (!http->slots[i].request)
            slot = &http->slots[i];
    assert(slot); /* the pool counts */
    *slot = (struct http_slot){
        .easy = slot->easy, .http = http, .request = request, .begun_ns = clock_monotonic_ns()};
    request->slot = slot;
    request->cause[0] = '\0';
    request->permanent = request->other_type = false;
    request->http_status = 0;
    request->retry_after_s = 0;
    request->socket = -1;
    CURLcode (*set)(CURL *, CURLoption, ...) = http->curl.easy_setopt;
    bool good = set_headers(slot, request->header) &&
                set(slot->easy, CURLOPT_PROTOCOLS_STR, request->plain ? "http" : "https") == CURLE_OK &&
                set(slot->easy, CURLOPT_PIPEWAIT, request->plain ? 0L : 1L) ==
                    CURLE_OK && /* share an HTTP/2 connection */
                set(slot->easy, CURLOPT_URL, request->url) == CURLE_OK &&
                (request->body ? set(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size) == CURLE_OK &&
                                     set(slot->easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK
                               : set(slot->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK) &&
                http->curl.multi_add_handle(http->multi, slot->easy) == CURLM_OK;
    if (good)
        return TRACER_OK;
    free_slot(slot);
    return error_set(err, TRACER_E_NOMEM, "no memory for a request");
}

void http_cancel(struct http *http, struct http_request *request)
{
    (void)http;
    if (request->slot)
        free_slot(request->slot);
}

void http_distrust(const struct http_request *request)
{
    /* libcurl finds it dead when it wants to use it again */
    if (request->socket >= 0)
        shutdown(request->socket, SHUT_RDWR);
}

static void cause(struct http_request *request, enum tracer_status status, bool permanent, const char *text)
{
    request->status = status;
    request->permanent = permanent;
    snprintf(request->cause, sizeof request->cause, "%s", text);
}

static void timeout_cause(struct http_slot *slot)
{
    struct http_request *request = slot->request;
    const struct http_options *options = &slot->http->options;
    curl_off_t connected_us = 0;
    slot->http->curl.easy_getinfo(slot->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    cause(request, TRACER_E_NETWORK, false, "");
    if (request->elapsed_ns / 1000000 + TIMEOUT_GRACE_MS >= options->total_timeout_ms)
        snprintf(request->cause, sizeof request->cause, "no whole reply within %" PRIu32 " ms",
                 options->total_timeout_ms);
    else if (connected_us == 0)
        snprintf(request->cause, sizeof request->cause, "no connection within %" PRIu32 " ms",
                 options->connect_timeout_ms);
    else
        snprintf(request->cause, sizeof request->cause,
                 "the reply was slower than %d bytes/s for %" PRIu32 " s", TRACER_SLOW_BYTES_PER_SECOND,
                 options->slow_seconds);
}

/* A callback ended the transfer; true: it said why. */
static bool callback_cause(struct http_slot *slot, CURLcode code)
{
    struct http_request *request = slot->request;
    if (slot->reply_too_long) {
        cause(request, TRACER_E_LIMIT, true, "");
        snprintf(request->cause, sizeof request->cause, "the reply is longer than the limit of %zu bytes",
                 request->reply->size_max);
    } else if (slot->no_memory) {
        cause(request, TRACER_E_NOMEM, false, "no memory for the reply");
    } else if (slot->headers_too_long) {
        cause(request, TRACER_E_REPLY, false, "the headers of the reply are longer than the limit");
    } else if (slot->bad_encoding) {
        cause(request, TRACER_E_REPLY, false, "the reply has an encoding that was not asked for");
    } else if (slot->address_refused && code == CURLE_COULDNT_CONNECT) {
        cause(request, TRACER_E_NETWORK, true,
              "the host leads to a private, local or reserved address (--allow-local permits private and "
              "loopback ones)");
    } else {
        return false;
    }
    return true;
}

struct curl_cause {
    CURLcode code;
    bool permanent;
    const char *text;
};
static const struct curl_cause curl_causes[] = {
    {CURLE_URL_MALFORMAT, true, "the URL is malformed"},
    {CURLE_UNSUPPORTED_PROTOCOL, true, "the URL has a protocol that is refused"},
    {CURLE_COULDNT_RESOLVE_HOST, false, "the host name was not found"},
    {CURLE_COULDNT_CONNECT, false, "no connection"},
    {CURLE_WEIRD_SERVER_REPLY, false, "the answer is not HTTP"},
    {CURLE_PARTIAL_FILE, false, "the reply was cut short"},
    {CURLE_GOT_NOTHING, false, "the connection was closed without a reply"},
    {CURLE_SEND_ERROR, false, "the connection was lost while sending"},
    {CURLE_RECV_ERROR, false, "the connection was lost, or the reply was cut short"},
    {CURLE_BAD_CONTENT_ENCODING, false, "the compressed reply is broken"},
    {CURLE_WRITE_ERROR, false, "the compressed reply is broken"},
    {CURLE_SSL_CONNECT_ERROR, false, "the TLS handshake failed"},
    {CURLE_PEER_FAILED_VERIFICATION, true,
     "the TLS certificate is not valid for this host (authority, name or date)"},
    {CURLE_SSL_CACERT_BADFILE, true, "the file of certificate authorities cannot be read"},
    {CURLE_HTTP2, false, "HTTP/2 failed"},
    {CURLE_HTTP2_STREAM, false, "HTTP/2 failed"},
};

static void set_cause(struct http_slot *slot, CURLcode code)
{
    struct http_request *request = slot->request;
    long os_errno = 0;
    if (callback_cause(slot, code))
        return;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        timeout_cause(slot);
        return;
    }
    if (code == CURLE_OUT_OF_MEMORY) {
        cause(request, TRACER_E_NOMEM, false, "no memory for the transport");
        return;
    }
    slot->http->curl.easy_getinfo(slot->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (code == CURLE_COULDNT_CONNECT && os_errno == ECONNREFUSED) {
        cause(request, TRACER_E_NETWORK, false, "connection refused");
        return;
    }
    for (size_t i = 0; i < sizeof curl_causes / sizeof *curl_causes; i++)
        if (curl_causes[i].code == code) {
            cause(request, TRACER_E_NETWORK, curl_causes[i].permanent, curl_causes[i].text);
            return;
        }
    cause(request, TRACER_E_NETWORK, false, "");
    snprintf(request->cause, sizeof request->cause, "the transport failed (libcurl code %d)", (int)code);
}

/* Take what is known about a finished transfer and free its slot. */
static struct http_request *finish(struct http *http, CURL *easy, CURLcode code)
{
    struct http_slot *slot = NULL;
    long http_status = 0;
    curl_off_t retry_after_s = 0;
    curl_socket_t socket = CURL_SOCKET_BAD;
    http->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
    http->curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &http_status);
    http->curl.easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    http->curl.easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket);
    struct http_request *request = slot->request;
    request->http_status = (int)http_status;
    request->retry_after_s = retry_after_s <= 0           ? 0
                             : retry_after_s > UINT32_MAX ? UINT32_MAX
                                                          : (uint32_t)retry_after_s;
    request->socket = socket;
    request->elapsed_ns = clock_monotonic_ns() - slot->begun_ns;
    request->status = TRACER_OK;
    if (code != CURLE_OK)
        set_cause(slot, code);
    free_slot(slot);
    return request;
}

static struct http_request *take_finished(struct http *http)
{
    int left;
    CURLMsg *message;
    while ((message = http->curl.multi_info_read(http->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            return finish(http, message->easy_handle, message->data.result);
    return NULL;
}

static void perform(struct http *http)
{
    int running;
    http->curl.multi_perform(http->multi, &running);
    http->performed_ns = clock_monotonic_ns();
}

void http_start(struct http *http)
{
    /* it looks at every connection: not for every one of many requests in a row */
    if (clock_monotonic_ns() - http->performed_ns > START_PAUSE_NS)
        perform(http);
}

struct http_request *http_next(struct http *http, uint32_t wait_ms)
{
    struct http_request *request = take_finished(http);
    if (request)
        return request;
    perform(http);
    request = take_finished(http);
    if (request || wait_ms == 0)
        return request;
    http->curl.multi_poll(http->multi, NULL, 0, (int)wait_ms, NULL);
    perform(http);
    return take_finished(http);
}

const char *http_library(void)
{
    struct curl_table curl;
    curl_version_info_data *version = load_curl(&curl) ? curl.version_info(CURLVERSION_NOW) : NULL;
    return version && version->version_num >= LOWEST ? version->version : NULL;
}
