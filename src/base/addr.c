/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as text and back, and prefixes of addresses.
 *
 * A listener on ":8443" serves both families through one IPv6 socket, and then an IPv4 client
 * arrives as ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2). Here that IS 192.0.2.1: it is written,
 * compared and matched as the IPv4 address, so that nobody above needs to know.
 *
 * Nothing is resolved and nothing allocated. A name is told apart from a malformed address, since
 * only a name is worth asking the resolver for.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>
#include <sluice/base/addr.h>
#include <sluice/base/err.h>

_Static_assert(SL_ADDR_TEXT_BYTES > sizeof("unix:") + sizeof(((struct sockaddr_un *)0)->sun_path),
               "the longest address fits its text");

static const unsigned char v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/* inet_pton wants a C string; no address is longer than this. */
static bool read_ip(int family, struct sl_span text, void *out_bytes)
{
    char buf[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(buf) || memchr(text.ptr, 0, text.len))
        return false;
    memcpy(buf, text.ptr, text.len);
    buf[text.len] = 0;
    return inet_pton(family, buf, out_bytes) == 1;
}

static int read_unix(struct sl_span path, struct sl_addr *out_addr)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (path.len == 0 || path.ptr[0] != '/' || path.len >= sizeof(un.sun_path) ||
        memchr(path.ptr, 0, path.len))
        return SL_ERR_INVALID;
    memcpy(un.sun_path, path.ptr, path.len);
    memset(out_addr, 0, sizeof(*out_addr));
    memcpy(&out_addr->storage, &un, sizeof(un));
    out_addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return 0;
}

/* RFC 1123 section 2.1, and underscores, which names inside private networks do have. A last label
   of digits only is a mistyped IPv4 address, never a name. */
static bool is_host_name(struct sl_span host)
{
    size_t label = 0;
    bool is_number = true;
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len == 0 || host.len > 253)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = sl_ascii_lower(host.ptr[i]);
        if (c == '.') {
            if (label == 0 || host.ptr[i - 1] == '-')
                return false;
            label = 0;
            is_number = true;
            continue;
        }
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'z') && c != '_' && (c != '-' || label == 0))
            return false;
        is_number = is_number && is_digit;
        if (++label > 63)
            return false;
    }
    return label > 0 && !is_number && host.ptr[host.len - 1] != '-';
}

static void set_v4(struct sl_addr *a, const void *bytes, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&in.sin_addr, bytes, 4);
    memset(a, 0, sizeof(*a));
    memcpy(&a->storage, &in, sizeof(in));
    a->len = sizeof(in);
}

static void set_v6(struct sl_addr *a, const void *bytes, uint16_t port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&in6.sin6_addr, bytes, 16);
    memset(a, 0, sizeof(*a));
    memcpy(&a->storage, &in6, sizeof(in6));
    a->len = sizeof(in6);
}

int sl_addr_read(struct sl_span text, struct sl_addr *out_addr)
{
    static const unsigned char any[16];
    unsigned char bytes[16];
    uint64_t port;
    size_t colon = text.len;
    if (sl_span_starts(text, SL_SPAN("unix:")))
        return read_unix(sl_span_skip(text, 5), out_addr);
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return SL_ERR_INVALID;
    struct sl_span digits = sl_span_skip(text, colon), host = sl_span(text.ptr, colon - 1);
    if (digits.len > 5 || sl_read_u64(digits, &port) || port > UINT16_MAX)
        return SL_ERR_INVALID;
    if (host.len == 0) {
        set_v6(out_addr, any, (uint16_t)port);
        return 0;
    }
    if (host.ptr[0] == '[') {
        if (host.len < 2 || host.ptr[host.len - 1] != ']' ||
            !read_ip(AF_INET6, sl_span(host.ptr + 1, host.len - 2), bytes))
            return SL_ERR_INVALID;
        set_v6(out_addr, bytes, (uint16_t)port);
        return 0;
    }
    if (read_ip(AF_INET, host, bytes)) {
        set_v4(out_addr, bytes, (uint16_t)port);
        return 0;
    }
    return is_host_name(host) ? SL_ERR_NOT_FOUND : SL_ERR_INVALID;
}

/* The 16 bytes of an IP address, IPv4 as v4-mapped; false for anything else. */
static bool ip_bytes(const struct sl_addr *a, unsigned char out_bytes[16])
{
    const char *p = (const char *)&a->storage;
    switch (a->storage.ss_family) {
    case AF_INET:
        memcpy(out_bytes, v4_mapped, sizeof(v4_mapped));
        memcpy(out_bytes + 12, p + offsetof(struct sockaddr_in, sin_addr), 4);
        return true;
    case AF_INET6:
        memcpy(out_bytes, p + offsetof(struct sockaddr_in6, sin6_addr), 16);
        return true;
    default:
        return false;
    }
}

static bool is_v4(const unsigned char bytes[16])
{
    return memcmp(bytes, v4_mapped, sizeof(v4_mapped)) == 0;
}

static struct sl_span unix_path(const struct sl_addr *a)
{
    size_t start = offsetof(struct sockaddr_un, sun_path);
    const char *path = (const char *)&a->storage + start;
    /* An unnamed socket has no path at all; a path that fills the field has no NUL. */
    return a->len > start ? sl_span(path, strnlen(path, a->len - start)) : SL_SPAN("");
}

/* By hand: inet_ntop() goes through sprintf(), and this is done for every request. */
static void write_v4(const unsigned char bytes[4], struct sl_str *s)
{
    char buf[INET_ADDRSTRLEN], *to = buf;
    for (size_t i = 0; i < 4; i++) {
        unsigned n = bytes[i];
        if (i)
            *to++ = '.';
        if (n >= 100)
            *to++ = (char)('0' + n / 100);
        if (n >= 10)
            *to++ = (char)('0' + n / 10 % 10);
        *to++ = (char)('0' + n % 10);
    }
    sl_str_add(s, sl_span(buf, (size_t)(to - buf)));
}

static void write_ip(const unsigned char bytes[16], struct sl_str *s)
{
    char buf[INET6_ADDRSTRLEN];
    if (is_v4(bytes))
        write_v4(bytes + 12, s);
    else
        sl_str_addz(s, inet_ntop(AF_INET6, bytes, buf, sizeof(buf)));
}

void sl_addr_write(const struct sl_addr *a, struct sl_str *s)
{
    unsigned char bytes[16];
    if (sl_addr_is_unix(a)) {
        sl_str_addz(s, "unix:");
        sl_str_add(s, unix_path(a));
        return;
    }
    if (!ip_bytes(a, bytes)) {
        sl_str_addz(s, "unknown");
        return;
    }
    if (is_v4(bytes)) {
        write_ip(bytes, s);
    } else {
        sl_str_add_char(s, '[');
        write_ip(bytes, s);
        sl_str_add_char(s, ']');
    }
    sl_str_add_char(s, ':');
    sl_str_add_u64(s, sl_addr_port(a));
}

void sl_addr_write_host(const struct sl_addr *a, struct sl_str *s)
{
    unsigned char bytes[16];
    if (sl_addr_is_unix(a))
        sl_str_addz(s, "unix");
    else if (ip_bytes(a, bytes))
        write_ip(bytes, s);
    else
        sl_str_addz(s, "unknown");
}

uint16_t sl_addr_port(const struct sl_addr *a)
{
    uint16_t port = 0;
    const char *p = (const char *)&a->storage;
    if (a->storage.ss_family == AF_INET)
        memcpy(&port, p + offsetof(struct sockaddr_in, sin_port), sizeof(port));
    else if (a->storage.ss_family == AF_INET6)
        memcpy(&port, p + offsetof(struct sockaddr_in6, sin6_port), sizeof(port));
    return ntohs(port);
}

bool sl_addr_eq(const struct sl_addr *a, const struct sl_addr *b)
{
    unsigned char a_bytes[16], b_bytes[16];
    if (sl_addr_is_unix(a) || sl_addr_is_unix(b))
        return sl_addr_is_unix(a) && sl_addr_is_unix(b) && sl_span_eq(unix_path(a), unix_path(b));
    if (!ip_bytes(a, a_bytes) || !ip_bytes(b, b_bytes))
        return false;
    return memcmp(a_bytes, b_bytes, 16) == 0 && sl_addr_port(a) == sl_addr_port(b);
}

bool sl_addr_is_unix(const struct sl_addr *a)
{
    return a->storage.ss_family == AF_UNIX;
}

/* Zeroes every bit past the first n_bits; true if there was one to zero. */
static bool cut_bits(uint8_t bytes[16], unsigned n_bits)
{
    bool had = false;
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = n_bits >= 8 * (i + 1) ? 8 : n_bits > 8 * i ? n_bits - 8 * i : 0;
        uint8_t kept = (uint8_t)(bytes[i] & (0xFF00u >> keep));
        had = had || kept != bytes[i];
        bytes[i] = kept;
    }
    return had;
}

int sl_prefix_read(struct sl_span text, struct sl_prefix *out_prefix)
{
    struct sl_prefix p = {.n_bits = 128};
    struct sl_span host = text;
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    unsigned max = 128;
    if (slash)
        host.len = (size_t)(slash - text.ptr);
    if (read_ip(AF_INET, host, p.bytes + 12)) {
        memcpy(p.bytes, v4_mapped, sizeof(v4_mapped));
        max = 32;
    } else if (!read_ip(AF_INET6, host, p.bytes)) {
        return SL_ERR_INVALID;
    }
    if (slash) {
        uint64_t n;
        if (sl_read_u64(sl_span_skip(text, host.len + 1), &n) || n > max)
            return SL_ERR_INVALID;
        p.n_bits = (uint8_t)(128 - max + n);
    }
    if (cut_bits(p.bytes, p.n_bits))
        return SL_ERR_INVALID;
    *out_prefix = p;
    return 0;
}

bool sl_prefix_has(const struct sl_prefix *p, const struct sl_addr *a)
{
    uint8_t bytes[16];
    if (!ip_bytes(a, bytes))
        return false;
    cut_bits(bytes, p->n_bits);
    return memcmp(bytes, p->bytes, 16) == 0;
}

struct sl_prefix sl_prefix_of_client(const struct sl_addr *a)
{
    struct sl_prefix p = {.n_bits = 0}; /* all that come without an IP address share this one */
    if (ip_bytes(a, p.bytes)) {
        p.n_bits = is_v4(p.bytes) ? 128 : 64;
        cut_bits(p.bytes, p.n_bits);
    }
    return p;
}
