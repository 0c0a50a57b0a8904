#include "net/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"
#define OLDEST  0x075800 /* 7.88.0 */

struct sl_curl sl_curl;

static char problem[160]; /* "": it is ready */

/* Of the TLS library that libcurl brings along; NULL: it is another one. */
static int (*openssl_has_pending)(const void *ssl);
static size_t (*gnutls_check_pending)(void *session);

/* A function by its name; ISO C has no conversion from an object's address. */
static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    if (found == NULL)
        snprintf(problem, sizeof problem, "%s has no %s", LIBRARY, name);
    return found != NULL;
}

static bool find_all(void *library)
{
#define FIND(name) find(library, "curl_" #name, &sl_curl.name) &&
    return SL_CURL_FUNCTIONS(FIND) true;
#undef FIND
}

static void find_optional(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name); /* also in what it depends on */
    memcpy(function, &found, sizeof found);
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        snprintf(problem, sizeof problem, "%s", dlerror());
        return;
    }
    if (!find_all(library))
        return;
    find_optional(library, "SSL_has_pending", &openssl_has_pending);
    find_optional(library, "gnutls_record_check_pending",
                  &gnutls_check_pending);
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    CURLcode rc = CURLE_OK;
    if (version->version_num < OLDEST)
        snprintf(problem, sizeof problem, "libcurl %s is older than 7.88",
                 version->version);
    else if ((rc = curl_global_init(CURL_GLOBAL_DEFAULT)) != CURLE_OK)
        snprintf(problem, sizeof problem, "libcurl: %s",
                 curl_easy_strerror(rc));
}

bool sl_curl_ready(sl_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (problem[0] != '\0')
        sl_fail(err, SL_EUNSUPPORTED, SL_ERR_NO_PLACE,
                "nothing can be fetched: %s", problem);
    return problem[0] == '\0';
}

bool sl_curl_has_unread(CURL *easy)
{
    struct curl_tlssessioninfo *tls = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK ||
        tls == NULL)
        return true;
    if (tls->internals == NULL) /* no TLS */
        return false;
    if (tls->backend == CURLSSLBACKEND_OPENSSL && openssl_has_pending != NULL)
        return openssl_has_pending(tls->internals) != 0;
    if (tls->backend == CURLSSLBACKEND_GNUTLS && gnutls_check_pending != NULL)
        return gnutls_check_pending(tls->internals) != 0;
    return true;
}
