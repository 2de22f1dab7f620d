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
/** "Name: value" of printable ASCII, with none of the names that belong to the transport. */
TRACER_MUST_USE enum tracer_status peer_check_header(const char *header, struct error *err);

#endif
