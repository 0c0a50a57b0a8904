/* Which addresses belong to the public Internet: IANA's registries of
 * special-purpose addresses (RFC 6890), and IPv6 addresses that carry an IPv4
 * one, which counts then. */
#include "net/http_int.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

typedef struct network {
    uint8_t bytes[16];
    uint8_t bits;
} network;

static const network v4_special[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared: carriers' NAT */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local; metadata services */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarking */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, broadcast */
};

static const network v6_special[] = {
    {{0x01}, 8},                       /* discard-only 100::/64 is in it */
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48}, /* local translation */
    {{0x20, 0x01}, 23},                /* protocol assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},    /* documentation */
    {{0x3f, 0xff}, 20},                /* documentation */
    {{0x5f}, 8},                       /* segment routing */
    {{0xfc}, 7},                       /* unique local */
    {{0xfe, 0x80}, 10},                /* link-local */
    {{0xfe, 0xc0}, 10},                /* site-local */
    {{0xff}, 8},                       /* multicast */
};

/* Where an IPv4 address lies inside of IPv6 ones that begin so. */
static const struct {
    network net;
    uint8_t at;
} v4_inside[] = {
    {{{[10] = 0xff, 0xff}, 96}, 12},   /* mapped */
    {{{0}, 96}, 12},                   /* compatible; :: and ::1 */
    {{{[8] = 0xff, 0xff}, 96}, 12},    /* translated */
    {{{0, 0x64, 0xff, 0x9b}, 96}, 12}, /* NAT64 */
    {{{0x20, 0x02}, 16}, 2},           /* 6to4 */
};

static bool inside(const uint8_t *bytes, const network *net)
{
    size_t whole = net->bits / 8, rest = net->bits % 8;
    return memcmp(bytes, net->bytes, whole) == 0 &&
           (rest == 0 || (bytes[whole] ^ net->bytes[whole]) >> (8 - rest) == 0);
}

static bool v4_public(const uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof v4_special / sizeof v4_special[0]; i++)
        if (inside(bytes, &v4_special[i]))
            return false;
    return true;
}

static bool v6_public(const uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof v4_inside / sizeof v4_inside[0]; i++)
        if (inside(bytes, &v4_inside[i].net))
            return v4_public(bytes + v4_inside[i].at);
    for (size_t i = 0; i < sizeof v6_special / sizeof v6_special[0]; i++)
        if (inside(bytes, &v6_special[i]))
            return false;
    return true;
}

bool sl_address_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof v4);
        return v4_public((const uint8_t *)&v4.sin_addr);
    case AF_INET6:
        memcpy(&v6, address, sizeof v6);
        return v6_public(v6.sin6_addr.s6_addr);
    default:
        return false;
    }
}

void sl_address_print(const struct sockaddr *address, char *to, size_t size)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const char *text = NULL;
    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        text = inet_ntop(AF_INET, &v4.sin_addr, to, (socklen_t)size);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        text = inet_ntop(AF_INET6, &v6.sin6_addr, to, (socklen_t)size);
    }
    if (text == NULL)
        snprintf(to, size, "an address of another family");
}
