/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy_header: the first bytes of a connection from a load balancer. Laws: a header is complete at
 * exactly one length, before it is incomplete, and what follows it changes nothing; what was
 * refused stays refused; it never asks for more than it may; and an address that it names can be
 * printed and read again.
 */
#include "fuzz.h"

#include "proxy_header.h"

struct answer {
    int err;
    size_t used;
    bool has_source;
    struct sl_addr source;
};

/* Of a copy with an end that a sanitizer sees. */
static struct answer ask(struct sl_span in, size_t n)
{
    struct answer a = {0};
    char *copy = malloc(n ? n : 1);
    LAW(copy);
    if (n)
        memcpy(copy, in.ptr, n);
    a.err = sl_proxy_header_read(sl_span(copy, n), &a.used, &a.has_source, &a.source);
    free(copy);
    return a;
}

static void check_address(const struct sl_addr *source)
{
    char buf[128];
    struct sl_str text;
    struct sl_addr again;
    sl_str_init(&text, buf, sizeof(buf));
    sl_addr_write(source, &text);
    LAW(sl_addr_read(sl_str_span(&text), &again) == 0);
    LAW(sl_addr_eq(source, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_span in = sl_span(bytes, n);
    struct answer whole = ask(in, n);

    LAW(whole.err == 0 || whole.err == SL_ERR_AGAIN || whole.err == SL_ERR_INVALID);
    LAW(whole.err != SL_ERR_AGAIN || n < SL_PROXY_HEADER_BYTES);
    bool is_refused = false;
    for (size_t i = 0; i < n && i <= SL_PROXY_HEADER_BYTES; i++) {
        struct answer part = ask(in, i);
        LAW(!is_refused || part.err == SL_ERR_INVALID);
        is_refused = part.err == SL_ERR_INVALID;
        if (whole.err == 0)
            LAW(i < whole.used ? part.err == SL_ERR_AGAIN : part.err == 0);
        if (part.err == 0)
            LAW(part.used == whole.used && part.has_source == whole.has_source);
    }
    if (whole.err == 0) {
        LAW(whole.used > 0 && whole.used <= n && whole.used <= SL_PROXY_HEADER_BYTES);
        if (whole.has_source)
            check_address(&whole.source);
    }
    return 0;
}
