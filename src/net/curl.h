/* libcurl, loaded when something is fetched for the first time: it brings some
 * thirty libraries along, which a process that fetches nothing should not wait
 * for. Behind this header its functions are called by their own names. */
#ifndef SL_NET_CURL_H
#define SL_NET_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdbool.h>

#include "base/err.h"

/* A row for each function that is used. */
#define SL_CURL_FUNCTIONS(F)                                                   \
    F(easy_cleanup)                                                            \
    F(easy_getinfo)                                                            \
    F(easy_init)                                                               \
    F(easy_setopt)                                                             \
    F(easy_strerror)                                                           \
    F(free)                                                                    \
    F(getdate)                                                                 \
    F(global_init)                                                             \
    F(multi_add_handle)                                                        \
    F(multi_assign)                                                            \
    F(multi_cleanup)                                                           \
    F(multi_info_read)                                                         \
    F(multi_init)                                                              \
    F(multi_perform)                                                           \
    F(multi_poll)                                                              \
    F(multi_remove_handle)                                                     \
    F(multi_setopt)                                                            \
    F(multi_socket_action)                                                     \
    F(multi_strerror)                                                          \
    F(slist_append)                                                            \
    F(slist_free_all)                                                          \
    F(url)                                                                     \
    F(url_cleanup)                                                             \
    F(url_get)                                                                 \
    F(url_set)                                                                 \
    F(url_strerror)                                                            \
    F(version_info)

struct sl_curl {
#define FIELD(name) __typeof__(curl_##name) *name;
    SL_CURL_FUNCTIONS(FIELD)
#undef FIELD
};
extern struct sl_curl sl_curl;

/* Loads and sets it up, once; before any other call. SL_EUNSUPPORTED: it is not
 * there, or too old. Any thread. */
bool sl_curl_ready(sl_err *err);
/* Whether the transfer's connection has bytes that TLS has taken from its socket
 * and nobody has read; also when that cannot be said. */
bool sl_curl_has_unread(CURL *easy);

#undef curl_easy_getinfo /* curl.h has macros that count arguments */
#undef curl_easy_setopt
#undef curl_multi_setopt
#define curl_easy_cleanup        sl_curl.easy_cleanup
#define curl_easy_getinfo        sl_curl.easy_getinfo
#define curl_easy_init           sl_curl.easy_init
#define curl_easy_setopt         sl_curl.easy_setopt
#define curl_easy_strerror       sl_curl.easy_strerror
#define curl_free                sl_curl.free
#define curl_getdate             sl_curl.getdate
#define curl_global_init         sl_curl.global_init
#define curl_multi_add_handle    sl_curl.multi_add_handle
#define curl_multi_assign        sl_curl.multi_assign
#define curl_multi_cleanup       sl_curl.multi_cleanup
#define curl_multi_info_read     sl_curl.multi_info_read
#define curl_multi_init          sl_curl.multi_init
#define curl_multi_perform       sl_curl.multi_perform
#define curl_multi_poll          sl_curl.multi_poll
#define curl_multi_remove_handle sl_curl.multi_remove_handle
#define curl_multi_setopt        sl_curl.multi_setopt
#define curl_multi_socket_action sl_curl.multi_socket_action
#define curl_multi_strerror      sl_curl.multi_strerror
#define curl_slist_append        sl_curl.slist_append
#define curl_slist_free_all      sl_curl.slist_free_all
#define curl_url                 sl_curl.url
#define curl_url_cleanup         sl_curl.url_cleanup
#define curl_url_get             sl_curl.url_get
#define curl_url_set             sl_curl.url_set
#define curl_url_strerror        sl_curl.url_strerror
#define curl_version_info        sl_curl.version_info

#endif
