/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: a request-target, which is also tried as a host and as a path. Laws: parts lie within the
 * text and make it up; a normal path is normal, has no dot segment, and fits where the path fits.
 */
#include "fuzz.h"

#include <sluice/http/target.h>

static void check_host(struct sl_span text)
{
    struct sl_span name, port;
    if (sl_host_read(text, &name, &port))
        return;
    LAW(name.len && name.ptr == text.ptr);
    LAW(name.len == text.len || name.len + 1 + port.len == text.len);
    for (size_t i = 0; i < port.len; i++)
        LAW(port.ptr[i] >= '0' && port.ptr[i] <= '9');
    LAW(!memchr(text.ptr, '@', text.len) && !memchr(text.ptr, '/', text.len));
}

static void check_path(struct sl_span path)
{
    size_t len = 0, n_again = 0;
    char *buf = malloc(path.len + 1), *again = malloc(path.len + 1);
    if (!buf || !again)
        abort();
    if (sl_path_normalise(path, buf, path.len, &len) == 0) {
        LAW(len && len <= path.len && buf[0] == '/');
        for (size_t i = 0; i + 1 < len; i++) {
            if (buf[i] != '/' || buf[i + 1] != '.')
                continue;
            LAW(i + 2 < len && buf[i + 2] != '/');                        /* "/." "/./" */
            LAW(buf[i + 2] != '.' || (i + 3 < len && buf[i + 3] != '/')); /* "/.." "/../" */
        }
        LAW(sl_path_normalise(sl_span(buf, len), again, len, &n_again) == 0);
        LAW(sl_span_eq(sl_span(buf, len), sl_span(again, n_again)));
    }
    free(buf);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_span text = sl_span(bytes, n);
    struct sl_target t;
    check_host(text);
    check_path(text);
    if (sl_target_read(text, &t))
        return 0;
    for (size_t i = 0; i < n; i++)
        LAW(bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '#');
    switch (t.form) {
    case SL_TARGET_ORIGIN:
        LAW(!t.host.len && sl_span_eq(t.origin, text));
        LAW(t.path.len + t.query.len == text.len);
        check_path(t.path);
        break;
    case SL_TARGET_ABSOLUTE:
        LAW(t.host.len && t.path.len && t.path.ptr[0] == '/');
        LAW(!memchr(t.host.ptr, '@', t.host.len));
        check_host(t.host);
        check_path(t.path);
        break;
    case SL_TARGET_AUTHORITY:
        LAW(sl_span_eq(t.host, text));
        break;
    case SL_TARGET_ASTERISK:
        LAW(n == 1);
        break;
    }
    return 0;
}
