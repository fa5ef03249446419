/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol as a receiver. A header is read only where the operator demanded one, and then
 * it must be there: nothing is guessed, and a header that does not fit SL_PROXY_HEADER_BYTES is
 * refused, so that it costs bounded memory. Version 1 is a line of text, version 2 is binary; both
 * name the source first, which is all that is wanted here.
 */
#include "proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sluice/base/err.h>

#define V1_MAX_BYTES  107
#define V2_HEAD_BYTES 16

static const struct sl_span v1_magic = {"PROXY ", 6};
static const struct sl_span v2_magic = {"\r\n\r\n\0\r\nQUIT\n", 12};

/* Do the bytes so far agree with the magic? */
static bool agrees(struct sl_span bytes, struct sl_span magic)
{
    size_t n = bytes.len < magic.len ? bytes.len : magic.len;
    return memcmp(bytes.ptr, magic.ptr, n) == 0;
}

static void set_ipv4(struct sl_addr *a, const void *ip, uint16_t port_be)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&a->storage;
    memset(a, 0, sizeof(*a));
    in->sin_family = AF_INET;
    in->sin_port = port_be;
    memcpy(&in->sin_addr, ip, 4);
    a->len = sizeof(*in);
}

static void set_ipv6(struct sl_addr *a, const void *ip, uint16_t port_be)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->storage;
    memset(a, 0, sizeof(*a));
    in6->sin6_family = AF_INET6;
    in6->sin6_port = port_be;
    memcpy(&in6->sin6_addr, ip, 16);
    a->len = sizeof(*in6);
}

/* The next word of a version 1 line: words are parted by exactly one space. */
static bool next_word(struct sl_span *line, struct sl_span *out_word)
{
    const char *space = line->len ? memchr(line->ptr, ' ', line->len) : NULL;
    size_t n = space ? (size_t)(space - line->ptr) : line->len;
    *out_word = sl_span(line->ptr, n);
    *line = sl_span_skip(*line, space ? n + 1 : n);
    return n > 0;
}

static bool read_port(struct sl_span word, uint16_t *out_be)
{
    uint64_t port;
    bool has_leading_zero = word.len > 1 && word.ptr[0] == '0';
    if (has_leading_zero || sl_read_u64(word, &port) != 0 || port > 65535)
        return false;
    *out_be = htons((uint16_t)port);
    return true;
}

static int read_v1_addresses(struct sl_span line, int family, struct sl_addr *out_source)
{
    struct sl_span source, dest, source_port, dest_port;
    char text[INET6_ADDRSTRLEN];
    uint8_t ip[16];
    uint16_t port_be, dest_port_be;

    if (!next_word(&line, &source) || !next_word(&line, &dest) || !next_word(&line, &source_port) ||
        !next_word(&line, &dest_port) || line.len != 0)
        return SL_ERR_INVALID;
    if (source.len >= sizeof(text) || dest.len >= sizeof(text) ||
        !read_port(source_port, &port_be) || !read_port(dest_port, &dest_port_be))
        return SL_ERR_INVALID;
    memcpy(text, dest.ptr, dest.len);
    text[dest.len] = '\0';
    if (inet_pton(family, text, ip) != 1)
        return SL_ERR_INVALID;
    memcpy(text, source.ptr, source.len);
    text[source.len] = '\0';
    if (inet_pton(family, text, ip) != 1)
        return SL_ERR_INVALID;
    if (family == AF_INET)
        set_ipv4(out_source, ip, port_be);
    else
        set_ipv6(out_source, ip, port_be);
    return 0;
}

static int read_v1(struct sl_span bytes, size_t *out_used, bool *out_has_source,
                   struct sl_addr *out_source)
{
    const char *lf = memchr(bytes.ptr, '\n', bytes.len < V1_MAX_BYTES ? bytes.len : V1_MAX_BYTES);
    if (!lf)
        return bytes.len >= V1_MAX_BYTES ? SL_ERR_INVALID : SL_ERR_AGAIN;
    size_t used = (size_t)(lf - bytes.ptr) + 1;
    if (used < v1_magic.len + 2 || lf[-1] != '\r')
        return SL_ERR_INVALID;
    struct sl_span line = sl_span(bytes.ptr + v1_magic.len, used - 2 - v1_magic.len);
    struct sl_span family;

    *out_used = used;
    *out_has_source = false;
    if (!next_word(&line, &family))
        return SL_ERR_INVALID;
    if (sl_span_eq(family, SL_SPAN("UNKNOWN")))
        return 0;
    *out_has_source = true;
    if (sl_span_eq(family, SL_SPAN("TCP4")))
        return read_v1_addresses(line, AF_INET, out_source);
    if (sl_span_eq(family, SL_SPAN("TCP6")))
        return read_v1_addresses(line, AF_INET6, out_source);
    return SL_ERR_INVALID;
}

static int read_v2(struct sl_span bytes, size_t *out_used, bool *out_has_source,
                   struct sl_addr *out_source)
{
    if (bytes.len < V2_HEAD_BYTES)
        return SL_ERR_AGAIN;
    const uint8_t *b = (const uint8_t *)bytes.ptr;
    size_t n_rest = (size_t)b[14] << 8 | b[15];
    uint8_t version = b[12] >> 4, command = b[12] & 15, family = b[13] >> 4;

    if (version != 2 || command > 1 || V2_HEAD_BYTES + n_rest > SL_PROXY_HEADER_BYTES)
        return SL_ERR_INVALID;
    if (bytes.len < V2_HEAD_BYTES + n_rest)
        return SL_ERR_AGAIN;
    *out_used = V2_HEAD_BYTES + n_rest;
    *out_has_source = false;
    if (command == 0) /* LOCAL: the proxy speaks for itself */
        return 0;
    const uint8_t *a = b + V2_HEAD_BYTES;
    uint16_t port_be;
    switch (family) {
    case 1: /* source 4, destination 4, ports 2 + 2 */
        if (n_rest < 12)
            return SL_ERR_INVALID;
        memcpy(&port_be, a + 8, 2);
        set_ipv4(out_source, a, port_be);
        *out_has_source = true;
        return 0;
    case 2: /* source 16, destination 16, ports 2 + 2 */
        if (n_rest < 36)
            return SL_ERR_INVALID;
        memcpy(&port_be, a + 32, 2);
        set_ipv6(out_source, a, port_be);
        *out_has_source = true;
        return 0;
    default: /* AF_UNSPEC, AF_UNIX: nothing that a client's address could be taken from */
        return 0;
    }
}

int sl_proxy_header_read(struct sl_span bytes, size_t *out_used, bool *out_has_source,
                         struct sl_addr *out_source)
{
    if (bytes.len == 0)
        return SL_ERR_AGAIN;
    if (agrees(bytes, v1_magic))
        return bytes.len < v1_magic.len ? SL_ERR_AGAIN
                                        : read_v1(bytes, out_used, out_has_source, out_source);
    if (agrees(bytes, v2_magic))
        return read_v2(bytes, out_used, out_has_source, out_source);
    return SL_ERR_INVALID;
}
