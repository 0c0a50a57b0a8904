/* URLs: which are fetched, what their origin is (RFC 6454) and through which
 * proxy they go. */
#include "net/http_int.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

/* --- Checking
 * --------------------------------------------------------------------- */

static bool printable(const char *url, sl_err *err)
{
    for (const char *c = url; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '\\') {
            sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                    "URL with a character that must be encoded: 0x%02x",
                    (unsigned char)*c);
            return false;
        }
    return true;
}

/* curl takes "http:/h" and "http:///h" for "http://h"; others do not. */
static bool clear_host(const char *url, sl_err *err)
{
    size_t n = strcspn(url, ":/?#");
    const char *rest = url[n] == ':' ? url + n + 1 : url;
    if (rest != url ? strncmp(rest, "//", 2) == 0 && rest[2] != '/'
                    : strncmp(rest, "///", 3) != 0)
        return true;
    sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE, "bad URL: no clear host");
    return false;
}

/* A host that is an address needs no connection to be known as a private one;
 * with a proxy this is the only look at it. */
static bool host_allowed(const char *host, sl_err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char bare[64] = "";
    size_t n = strlen(host);
    if (host[0] == '[' && n - 1 < sizeof bare) {
        memcpy(bare, host + 1, n - 1);
        bare[strcspn(bare, "]%")] = '\0';
    }
    bool ok = true;
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        ok = sl_address_public((struct sockaddr *)&v4);
    else if (inet_pton(AF_INET6, bare, &v6.sin6_addr) == 1)
        ok = sl_address_public((struct sockaddr *)&v6);
    if (!ok)
        sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                "%.60s is not a public address", host);
    return ok;
}

static bool parts_allowed(CURLU *u, bool allow_private, sl_err *err)
{
    char *scheme = NULL, *host = NULL;
    bool ok = false;
    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE, "URL without a host");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                "URL scheme %.20s is not fetched: only http and https", scheme);
    else
        ok = printable(host, err) /* as curl has decoded it */ &&
             (allow_private || host_allowed(host, err));
    curl_free(scheme);
    curl_free(host);
    return ok;
}

static char *print_url(CURLU *u, sl_err *err)
{
    char *whole = NULL, *copy = NULL;
    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    if (curl_url_get(u, CURLUPART_URL, &whole, CURLU_NO_DEFAULT_PORT) ==
        CURLUE_OK)
        copy = sl_strndup(whole, strlen(whole));
    curl_free(whole);
    if (copy == NULL)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return copy;
}

char *sl_url_check(const char *url, const char *base, bool allow_private,
                   sl_err *err)
{
    if (!printable(url, err) || !clear_host(url, err) || !sl_curl_ready(err))
        return NULL;
    CURLU *u = curl_url();
    if (u == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    CURLUcode rc = CURLUE_OK;
    if (base != NULL)
        rc = curl_url_set(u, CURLUPART_URL, base, CURLU_DISALLOW_USER);
    if (rc == CURLUE_OK)
        rc = curl_url_set(u, CURLUPART_URL, url,
                          CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
    char *checked = NULL;
    if (rc == CURLUE_USER_NOT_ALLOWED)
        sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE, "URL with user information");
    else if (rc == CURLUE_OUT_OF_MEMORY)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    else if (rc != CURLUE_OK)
        sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE, "bad URL: %s",
                curl_url_strerror(rc));
    else if (parts_allowed(u, allow_private, err))
        checked = print_url(u, err);
    curl_url_cleanup(u);
    return checked;
}

size_t sl_url_origin_len(const char *url)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    return (size_t)(host - url) + strcspn(host, "/?#");
}

bool sl_url_same_origin(const char *a, const char *b)
{
    size_t n = sl_url_origin_len(a);
    return n == sl_url_origin_len(b) && strncasecmp(a, b, n) == 0;
}

bool sl_url_is_https(const char *url)
{
    return strncmp(url, "https:", 6) == 0;
}

/* --- Proxies
 * ---------------------------------------------------------------------- */

/* Host, without brackets, and port of a checked URL. */
typedef struct place {
    char host[256];
    bool address; /* a literal one */
} place;

static void find_place(const char *url, place *out)
{
    const char *host = strstr(url, "://") + 3;
    size_t n = strcspn(host, "/?#");
    if (host[0] == '[') {
        host++;
        n = strcspn(host, "]");
    } else {
        n = strcspn(host, ":/?#");
    }
    if (n >= sizeof out->host)
        n = sizeof out->host - 1;
    memcpy(out->host, host, n);
    out->host[n] = '\0';
    unsigned char bits[sizeof(struct in6_addr)];
    out->address = inet_pton(AF_INET, out->host, bits) == 1 ||
                   inet_pton(AF_INET6, out->host, bits) == 1;
}

/* One network of no_proxy: "10.0.0.0/8", "fc00::/7", or an address. */
static bool in_network(const char *host, const char *network, size_t len)
{
    char text[80];
    unsigned char a[16] = {0}, b[16] = {0};
    if (len >= sizeof text)
        return false;
    memcpy(text, network, len);
    text[len] = '\0';
    char *slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    if (inet_pton(family, host, a) != 1 || inet_pton(family, text, b) != 1)
        return false;
    long whole = family == AF_INET ? 32 : 128;
    long bits = slash != NULL ? strtol(slash + 1, NULL, 10) : whole;
    if (bits < 0 || bits > whole)
        return false;
    size_t bytes = (size_t)bits / 8, rest = (size_t)bits % 8;
    return memcmp(a, b, bytes) == 0 &&
           (rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

/* "example.com" and ".example.com" are that host and all below it. */
static bool in_domain(const char *host, const char *domain, size_t len)
{
    if (len != 0 && domain[0] == '.')
        domain++, len--;
    size_t n = strlen(host);
    if (len == 0 || n < len || strncasecmp(host + n - len, domain, len) != 0)
        return false;
    return n == len || host[n - len - 1] == '.';
}

static bool needs_no_proxy(const place *p)
{
    const char *list = getenv("no_proxy");
    if (list == NULL)
        list = getenv("NO_PROXY");
    if (list == NULL)
        return false;
    while (*list != '\0') {
        list += strspn(list, ", \t");
        size_t len = strcspn(list, ", \t");
        if (len == 1 && *list == '*')
            return true;
        if (p->address ? in_network(p->host, list, len)
                       : in_domain(p->host, list, len))
            return true;
        list += len;
    }
    return false;
}

/* As curl: not HTTP_PROXY, which a CGI program's peer can set. */
const char *sl_url_proxy(const char *url)
{
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    static const char *const tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                      "ALL_PROXY"};
    bool https = sl_url_is_https(url);
    const char *const *names = https ? tls : plain;
    const char *proxy = NULL;
    for (size_t i = 0; proxy == NULL && i < (https ? 4u : 3u); i++)
        proxy = getenv(names[i]);
    place p;
    find_place(url, &p);
    return proxy == NULL || needs_no_proxy(&p) ? "" : proxy;
}
