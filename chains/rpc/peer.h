/* peer.h - which URLs, header lines and addresses an endpoint may have (threat-model T8, T9, T13). */
#ifndef TRACER_CHAINS_RPC_PEER_H
#define TRACER_CHAINS_RPC_PEER_H

#include <sys/socket.h>

#include "tracer/error.h"

#define PEER_URL_MAX 2048u    /* bytes of a URL */
#define PEER_HEADER_MAX 4096u /* bytes of the extra header line */

enum peer_kind {
    PEER_PUBLIC,
    PEER_LOOPBACK,
    PEER_PRIVATE,  /* RFC 1918, carrier-grade NAT, unique local v6 */
    PEER_FORBIDDEN /* link-local, multicast, reserved, documentation: no endpoint is ever there */
};
/** What kind of address a socket is about to be connected to. v4 inside v6 (mapped, NAT64, 6to4) is judged as
 * v4. */
enum peer_kind peer_kind(const struct sockaddr *address);

/** https, or http to a loopback name with allow_local; no control characters, spaces or bytes beyond ASCII.
 * The message does not contain the URL. *ret_plain: http. */
TRACER_MUST_USE enum tracer_status peer_check_url(const char *url, bool allow_local, bool *ret_plain,
                                                  struct error *err);
/** Whether two URLs, both checked, are of one operator as far as their hosts tell: the same name but for what stands before its
 * domain, or the same address. On this machine each port is a node of its own. */
bool peer_same_operator(const char *url, const char *other);
/** "Name: value" of printable ASCII, with none of the names that belong to the transport. */
TRACER_MUST_USE enum tracer_status peer_check_header(const char *header, struct error *err);

#endif
