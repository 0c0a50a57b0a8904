/* An HTTP origin for scripts whose segments are to come over the network: on
 * the loopback interface, on a thread of its own. It answers GET of one range
 * (RFC 9110, section 14) with a strong ETag, in pieces. */
#ifndef SL_WAST_SERVER_H
#define SL_WAST_SERVER_H

#include <stdint.h>

#include "base/err.h"
#include "base/name.h"

typedef struct wast_server wast_server;

wast_server *wast_server_start(sl_err *err);
void wast_server_stop(wast_server *server); /* NULL is fine */
uint16_t wast_server_port(const wast_server *server);
/* What is at "/PATH" from now on (copied), or that nothing is (`bytes` NULL).
 * False: no memory. */
bool wast_server_put(wast_server *server, sl_name path, const void *bytes,
                     size_t len);
/* The ETag of what is there now, with its quotes. */
void wast_server_etag(wast_server *server, sl_name path, char out[32]);

#endif
