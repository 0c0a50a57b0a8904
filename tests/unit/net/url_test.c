/* URLs, origins, proxies and addresses. */
#include "check.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/http_int.h"

static void test_url_check__accepts_and_rejects(void **state)
{
    static const struct {
        const char *url, *base, *checked, *error;
    } row[] = {
        {"http://example.com/a", NULL, "http://example.com/a", ""},
        {"HTTPS://example.com:443/a?b#c", NULL, "https://example.com/a?b", ""},
        {"http://example.com", NULL, "http://example.com/", ""},
        {"http://example.com:8080/a/../b", NULL, "http://example.com:8080/b",
         ""},
        {"b?x", "https://h.org/d/a?y", "https://h.org/d/b?x", ""},
        {"/b", "https://h.org/d/a", "https://h.org/b", ""},
        {"//o.org/b", "https://h.org/d/a", "https://o.org/b", ""},
        {"http://o.org/b", "https://h.org/d/a", "http://o.org/b", ""},
        {"http://[2606:4700::1111]/", NULL, "http://[2606:4700::1111]/", ""},
        {"ftp://example.com/a", NULL, NULL, "scheme ftp"},
        {"file:///etc/passwd", NULL, NULL, "URL"},
        {"file:///etc/passwd", "http://h.org/", NULL, "URL"},
        {"gopher://h.org/", "http://h.org/", NULL, "scheme gopher"},
        {"data:,x", "http://h.org/", NULL, "URL"},
        {"javascript:alert(1)", NULL, NULL, "URL"},
        {"", NULL, NULL, "URL"},
        {"http://", NULL, NULL, "URL"},
        {"http:///a", NULL, NULL, "URL"},
        {"http://h.org:99999/", NULL, NULL, "URL"},
        {"http://h.org:80x/", NULL, NULL, "URL"},
        {"http://d%b7/", NULL, NULL, "must be encoded: 0xb7"},
        {"//d%b7:/x", "http://h.org/", NULL, "must be encoded: 0xb7"},
        {"http://%68.org/", NULL, "http://h.org/", ""},
        {"http://%31%32%37.0.0.1/", NULL, NULL, "not a public"},
        {"http://user@h.org/", NULL, NULL, "user information"},
        {"http://user:pw@h.org/", NULL, NULL, "user information"},
        {"http://h.org@evil.org/", NULL, NULL, "user information"},
        {"http://h.org/\r\nX: y", NULL, NULL, "0x0d"},
        {"http://h.org/a b", NULL, NULL, "0x20"},
        {"http://h.org/a\tb", NULL, NULL, "0x09"},
        {"http://h.org\\@evil.org/", NULL, NULL, "0x5c"},
        {"http://h.org/\x7f", NULL, NULL, "0x7f"},
        {"http://h\xc3\xb6.org/", NULL, NULL, "0xc3"},
        {"http://127.0.0.1/", NULL, NULL, "127.0.0.1 is not a public"},
        {"http://2130706433/", NULL, NULL, "127.0.0.1 is not a public"},
        {"http://0x7f.1/", NULL, NULL, "127.0.0.1 is not a public"},
        {"http://0177.0.0.1/", NULL, NULL, "127.0.0.1 is not a public"},
        {"http://[::1]/", NULL, NULL, "not a public"},
        {"http://[::ffff:10.0.0.1]/", NULL, NULL, "not a public"},
        {"http://[fe80::1%25eth0]/", NULL, NULL, "not a public"},
        {"http://169.254.169.254/latest", "https://h.org/", NULL,
         "169.254.169.254 is not a public"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        sl_err err = {0};
        char *checked = sl_url_check(row[i].url, row[i].base, false, &err);
        if (row[i].checked != NULL) {
            assert_string_equal(err.msg, "");
            assert_string_equal(checked, row[i].checked);
        } else {
            if (checked != NULL || strstr(err.msg, row[i].error) == NULL)
                fail_msg("%s: %s", row[i].url, err.msg);
            assert_int_equal(err.code, SL_EINVALID);
        }
        sl_free(checked);
    }
    char *own = sl_url_check("http://127.0.0.1:1/", NULL, true, NULL);
    assert_string_equal(own, "http://127.0.0.1:1/");
    sl_free(own);
}

static void test_same_origin__scheme_host_and_port(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } row[] = {
        {"http://h.org/a", "http://h.org/b?c", true},
        {"http://h.org", "http://H.ORG/", true},
        {"http://h.org/", "https://h.org/", false},
        {"http://h.org/", "http://h.org:8080/", false},
        {"http://h.org/", "http://h.org.evil/", false},
        {"http://h.org:80801/", "http://h.org:8080/", false},
        {"http://h.org?x", "http://h.org/", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_int_equal(sl_url_same_origin(row[i].a, row[i].b), row[i].same);
}

static const char *const proxy_names[] = {
    "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
    "ALL_PROXY",  "no_proxy",    "NO_PROXY",    "HTTP_PROXY"};

static int clear_proxies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof proxy_names / sizeof proxy_names[0]; i++)
        unsetenv(proxy_names[i]);
    return 0;
}

static void test_proxy__from_the_environment(void **state)
{
    static const struct {
        const char *name, *value, *no_proxy, *url, *proxy;
    } row[] = {
        {"http_proxy", "http://p:1", NULL, "http://h.org/", "http://p:1"},
        {"http_proxy", "http://p:1", NULL, "https://h.org/", ""},
        {"HTTP_PROXY", "http://p:1", NULL, "http://h.org/", ""},
        {"HTTPS_PROXY", "http://p:1", NULL, "https://h.org/", "http://p:1"},
        {"all_proxy", "http://p:1", NULL, "https://h.org/", "http://p:1"},
        {"ALL_PROXY", "http://p:1", NULL, "http://h.org/", "http://p:1"},
        {"ALL_PROXY", "http://p:1", "*", "http://h.org/", ""},
        {"ALL_PROXY", "http://p:1", "h.org", "http://h.org/", ""},
        {"ALL_PROXY", "http://p:1", "x, .h.org", "http://a.h.org:8/", ""},
        {"ALL_PROXY", "http://p:1", "h.org", "http://bh.org/", "http://p:1"},
        {"ALL_PROXY", "http://p:1", "10.0.0.0/8", "http://10.1.2.3/", ""},
        {"ALL_PROXY", "http://p:1", "10.0.0.0/15", "http://10.2.2.3/",
         "http://p:1"},
        {"ALL_PROXY", "http://p:1", "1.2.3.4", "http://1.2.3.4/", ""},
        {"ALL_PROXY", "http://p:1", "fc00::/7", "http://[fd00::1]:8/", ""},
        {"ALL_PROXY", "http://p:1", "2.3.4", "http://1.2.3.4/", "http://p:1"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        clear_proxies(state);
        setenv(row[i].name, row[i].value, 1);
        if (row[i].no_proxy != NULL)
            setenv("no_proxy", row[i].no_proxy, 1);
        assert_string_equal(sl_url_proxy(row[i].url), row[i].proxy);
    }
}

static void test_address_public__rows(void **state)
{
    static const struct {
        const char *address;
        bool yes;
    } row[] = {
        {"1.1.1.1", true},
        {"9.255.255.255", true},
        {"10.0.0.0", false},
        {"10.255.255.255", false},
        {"11.0.0.0", true},
        {"0.0.0.0", false},
        {"100.63.255.255", true},
        {"100.64.0.0", false},
        {"100.127.255.255", false},
        {"100.128.0.0", true},
        {"127.0.0.1", false},
        {"127.255.255.254", false},
        {"128.0.0.1", true},
        {"169.253.0.1", true},
        {"169.254.169.254", false},
        {"172.15.255.255", true},
        {"172.16.0.0", false},
        {"172.31.255.255", false},
        {"172.32.0.0", true},
        {"192.167.1.1", true},
        {"192.168.0.1", false},
        {"192.169.0.0", true},
        {"198.17.255.255", true},
        {"198.18.0.0", false},
        {"198.19.255.255", false},
        {"198.20.0.0", true},
        {"223.255.255.255", true},
        {"224.0.0.1", false},
        {"239.1.1.1", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"2606:4700::1", true},
        {"::", false},
        {"::1", false},
        {"::2", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:10.1.1.1", false},
        {"::ffff:1.1.1.1", true},
        {"::ffff:0:10.0.0.1", false},
        {"::10.0.0.1", false},
        {"64:ff9b::a00:1", false},
        {"64:ff9b::101:101", true},
        {"64:ff9b:1::1", false},
        {"2002:a00:1::", false},
        {"2002:101:101::", true},
        {"2001::1", false},
        {"2001:db8::1", false},
        {"2001:4860::1", true},
        {"fc00::1", false},
        {"fdff::1", false},
        {"fe80::1", false},
        {"febf::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"fbff::1", true},
        {"100::1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        const char *text = row[i].address;
        char printed[64];
        bool is6 = strchr(text, ':') != NULL;
        const struct sockaddr *a =
            is6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
        assert_int_equal(is6 ? inet_pton(AF_INET6, text, &v6.sin6_addr)
                             : inet_pton(AF_INET, text, &v4.sin_addr),
                         1);
        if (sl_address_public(a) != row[i].yes)
            fail_msg("%s", text);
        sl_address_print(a, printed, sizeof printed);
        if (!is6)
            assert_string_equal(printed, text);
    }
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_false(sl_address_public(&other));
}

const struct CMUnitTest url_tests[] = {
    cmocka_unit_test(test_url_check__accepts_and_rejects),
    cmocka_unit_test(test_same_origin__scheme_host_and_port),
    cmocka_unit_test_teardown(test_proxy__from_the_environment, clear_proxies),
    cmocka_unit_test(test_address_public__rows),
};
const size_t n_url_tests = sizeof url_tests / sizeof url_tests[0];
