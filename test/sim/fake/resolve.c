/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve (fake): lookups are answered in the next turn, by the test's function or by reading the
 * host as a number.
 */
#include <stdlib.h>

#include "fake_private.h"

struct sl_lookup {
    struct fake_shell shell;
    struct sl_loop *loop;
    sl_lookup_fn *on_found; /* NULL: closed by its owner */
    void *owner;
    uint16_t port;
    char host[256];
};

static int by_number(const char *host, uint16_t port, struct sl_addr *out_addrs)
{
    char text[300];
    struct sl_str s;
    bool is_v6 = strchr(host, ':') != NULL;

    sl_str_init(&s, text, sizeof(text));
    sl_str_addf(&s, is_v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
    return sl_addr_read(sl_str_span(&s), &out_addrs[0]) ? SL_ERR_ADDRESS : 1;
}

static bool poll_lookup(struct fake_shell *shell)
{
    struct sl_lookup *lookup = sl_container_of(shell, struct sl_lookup, shell);
    struct sl_loop *loop = lookup->loop;
    struct sl_addr addrs[SL_RESOLVE_MAX];

    memset(addrs, 0, sizeof(addrs));
    int n = loop->on_lookup ? loop->on_lookup(loop->lookup_ctx, lookup->host, lookup->port, addrs)
                            : by_number(lookup->host, lookup->port, addrs);
    fake_shell_close(shell);
    if (lookup->on_found)
        lookup->on_found(lookup->owner, n > 0 ? 0 : SL_ERR_ADDRESS, addrs, n > 0 ? (size_t)n : 0);
    return true;
}

static void free_lookup(struct fake_shell *shell)
{
    free(sl_container_of(shell, struct sl_lookup, shell));
}

int sl_lookup_open(struct sl_loop *loop, const char *host, uint16_t port, sl_lookup_fn *on_found,
                   void *owner, struct sl_lookup **out_lookup)
{
    struct sl_lookup *lookup;

    if (strlen(host) >= sizeof(lookup->host))
        return SL_ERR_ADDRESS;
    lookup = calloc(1, sizeof(*lookup));
    if (!lookup)
        return SL_ERR_MEMORY;
    lookup->loop = loop;
    lookup->on_found = on_found;
    lookup->owner = owner;
    lookup->port = port;
    strcpy(lookup->host, host);
    fake_shell_open(loop, &lookup->shell, poll_lookup, free_lookup);
    *out_lookup = lookup;
    return 0;
}

void sl_lookup_close(struct sl_lookup **plookup)
{
    if (!*plookup)
        return;
    (*plookup)->on_found = NULL;
    *plookup = NULL;
}

void fake_on_lookup(struct sl_loop *loop, fake_lookup_fn *fn, void *ctx)
{
    loop->on_lookup = fn;
    loop->lookup_ctx = ctx;
}
