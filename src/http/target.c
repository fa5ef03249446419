/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: request-targets and hosts.
 *
 * The happy path: the form is told by the first byte ('/' origin, '*' asterisk) or by "://"
 * (absolute); anything else can only be an authority. Parts are spans into what was given.
 *
 * Failure modes: SL_ERR_INVALID, always. What is refused is what two parsers could read in two
 * ways: a fragment, userinfo, a backslash or broken %XX in a path, another scheme, an unusual host.
 *
 * Ownership: nothing is kept or allocated.
 */
#include <sluice/http/target.h>

#include <arpa/inet.h>

#include "bytes.h"

/* RFC 3986 3.3 pchar, and "/" and []{}|^ (see the door). */
static bool is_path_byte(char c)
{
    return sl_byte_is(c, SL_BYTE_UNRESERVED) || (c && strchr("!$&'()*+,;=:@/[]{}|^", c));
}

static bool is_escape(struct sl_span s, size_t at)
{
    return s.len - at >= 3 && sl_byte_is(s.ptr[at + 1], SL_BYTE_HEX) &&
           sl_byte_is(s.ptr[at + 2], SL_BYTE_HEX);
}

/* Path and query of `text`, which may have no path. */
static int read_origin(struct sl_span text, struct sl_target *t)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] != '?') {
        if (is_path_byte(text.ptr[n]))
            n++;
        else if (text.ptr[n] == '%' && is_escape(text, n))
            n += 3;
        else
            return SL_ERR_INVALID;
    }
    t->path = n ? sl_span(text.ptr, n) : SL_SPAN("/");
    t->query = sl_span_skip(text, n);
    t->origin = text.len ? text : SL_SPAN("/");
    t->is_bare = text.len == 0;
    for (; n < text.len; n++)
        if (!sl_byte_is(text.ptr[n], SL_BYTE_TARGET) || text.ptr[n] == '#')
            return SL_ERR_INVALID;
    return 0;
}

/* The rest behind "http://" or "https://" (RFC 3986 3.1: case-insensitive); false for others. */
static bool skip_scheme(struct sl_span text, struct sl_span *out_rest)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < SL_N_ELEMENTS(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (text.len >= n && sl_span_ieq(sl_span(text.ptr, n), sl_span(schemes[i], n))) {
            *out_rest = sl_span_skip(text, n);
            return true;
        }
    }
    return false;
}

int sl_target_read(struct sl_span text, struct sl_target *out_target)
{
    struct sl_span rest, name, port;
    *out_target = (struct sl_target){0};
    if (!text.len)
        return SL_ERR_INVALID;
    if (text.ptr[0] == '/') {
        out_target->form = SL_TARGET_ORIGIN;
        return read_origin(text, out_target);
    }
    if (sl_span_eq(text, SL_SPAN("*"))) {
        out_target->form = SL_TARGET_ASTERISK;
        out_target->path = out_target->origin = text;
        return 0;
    }
    if (!skip_scheme(text, &rest)) {
        out_target->form = SL_TARGET_AUTHORITY;
        out_target->host = text;
        /* RFC 9112 3.2.3: the port is not optional here. */
        if (sl_host_read(text, &name, &port) || !port.len)
            return SL_ERR_INVALID;
        return 0;
    }
    size_t n = 0;
    while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
        n++;
    out_target->form = SL_TARGET_ABSOLUTE;
    out_target->host = sl_span(rest.ptr, n);
    if (sl_host_read(out_target->host, &name, &port)) /* refuses userinfo by its '@' */
        return SL_ERR_INVALID;
    return read_origin(sl_span_skip(rest, n), out_target);
}

/* "[" IPv6address "]"; n counts both brackets. */
static bool is_ip_literal(const char *ptr, size_t n)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (n < 4 || n - 2 >= sizeof(text))
        return false;
    memcpy(text, ptr + 1, n - 2);
    text[n - 2] = '\0';
    return strlen(text) == n - 2 && inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_port(struct sl_span digits)
{
    unsigned long port = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!sl_is_digit(digits.ptr[i]) || port > 65535)
            return false;
        port = port * 10 + (unsigned long)(digits.ptr[i] - '0');
    }
    return port <= 65535;
}

int sl_host_read(struct sl_span text, struct sl_span *out_name, struct sl_span *out_port)
{
    size_t n = 0;
    if (text.len && text.ptr[0] == '[') {
        while (n < text.len && text.ptr[n] != ']')
            n++;
        if (n == text.len || !is_ip_literal(text.ptr, ++n))
            return SL_ERR_INVALID;
    } else {
        while (n < text.len && sl_byte_is(text.ptr[n], SL_BYTE_UNRESERVED))
            n++;
    }
    *out_name = sl_span(text.ptr, n);
    *out_port = sl_span(NULL, 0);
    if (n < text.len) {
        if (text.ptr[n] != ':')
            return SL_ERR_INVALID;
        *out_port = sl_span_skip(text, n + 1);
    }
    return n && is_port(*out_port) ? 0 : SL_ERR_INVALID;
}

/* Forgets the last segment and its slash (RFC 3986 5.2.4, 2C). */
static size_t parent(const char *buf, size_t n)
{
    while (n && buf[n - 1] != '/')
        n--;
    return n ? n - 1 : 0;
}

/* The segment that has just been written starts behind the slash at `slash`: is it "." or ".."?
   Returns the length of buf without it; the closing slash stays. */
static size_t drop_dots(const char *buf, size_t slash, size_t n)
{
    size_t len = n - slash - 1;
    if (len == 1 && buf[slash + 1] == '.')
        return slash;
    if (len == 2 && buf[slash + 1] == '.' && buf[slash + 2] == '.')
        return parent(buf, slash);
    return n;
}

int sl_path_normalise(struct sl_span path, char *buf, size_t cap, size_t *out_len)
{
    size_t n = 0, slash = 0; /* slash: where the present segment's slash stands in buf */
    if (!path.len || path.ptr[0] != '/')
        return SL_ERR_INVALID;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        size_t n_raw = 1;
        if (c == '%') {
            if (!is_escape(path, i))
                return SL_ERR_INVALID;
            c = (char)(sl_hex_value(path.ptr[i + 1]) << 4 | sl_hex_value(path.ptr[i + 2]));
            if (c == '\0')
                return SL_ERR_INVALID;
            n_raw = sl_byte_is(c, SL_BYTE_UNRESERVED) ? 1 : 3; /* bytes to write */
            if (n_raw == 3)
                c = '%';
        } else if (c == '/' && i) {
            n = drop_dots(buf, slash, n);
            slash = n;
        }
        if (cap - n < n_raw)
            return SL_ERR_LIMIT;
        buf[n++] = c;
        if (path.ptr[i] == '%') {
            for (size_t k = 1; k < n_raw; k++) /* hexadecimal digits in upper case (6.2.2.1) */
                buf[n++] = (char)(path.ptr[i + k] >= 'a' ? path.ptr[i + k] - 32 : path.ptr[i + k]);
            i += 2;
        }
    }
    size_t end = drop_dots(buf, slash, n);
    if (end != n)
        buf[end++] = '/'; /* "/a/." and "/a/.." name a directory; there is room, dots stood here */
    *out_len = end;
    return 0;
}
