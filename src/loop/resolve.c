/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: getaddrinfo on libuv's threads.
 *
 * Happy path: the answer's addresses, without repetitions and at most SL_RESOLVE_MAX, in the order
 * in which the system prefers them (RFC 6724), are shown to the owner.
 *
 * Failure modes: whatever goes wrong with a name is SL_ERR_ADDRESS; why is of no use to anybody but
 * the operator of the resolver.
 *
 * Ownership: a lookup cannot be taken back once a thread has begun it. So it is a shell of its own;
 * closing takes the owner away, and the callback, which always comes, frees it. A loop that is
 * freed waits for it.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <sluice/loop/resolve.h>

#include "uv_private.h"

struct sl_lookup {
    uv_getaddrinfo_t uv;
    struct sl_loop *loop;
    sl_lookup_fn *on_found; /* NULL: closed by its owner */
    void *owner;
    uint16_t port;
};

static void set_port(struct sl_addr *a, uint16_t port)
{
    if (a->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->storage)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&a->storage)->sin_port = htons(port);
}

static bool is_known(const struct sl_addr *addrs, size_t n, const struct sl_addr *a)
{
    for (size_t i = 0; i < n; i++)
        if (sl_addr_eq(&addrs[i], a))
            return true;
    return false;
}

static size_t collect(const struct addrinfo *answer, uint16_t port, struct sl_addr *out_addrs)
{
    size_t n = 0;

    for (const struct addrinfo *ai = answer; ai && n < SL_RESOLVE_MAX; ai = ai->ai_next) {
        struct sl_addr *a = &out_addrs[n];
        if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
            continue;
        memset(a, 0, sizeof(*a));
        memcpy(&a->storage, ai->ai_addr, ai->ai_addrlen);
        a->len = ai->ai_addrlen;
        set_port(a, port);
        if (!is_known(out_addrs, n, a))
            n++;
    }
    return n;
}

static void on_answer(uv_getaddrinfo_t *uv, int status, struct addrinfo *answer)
{
    struct sl_lookup *lookup = sl_container_of(uv, struct sl_lookup, uv);
    struct sl_addr addrs[SL_RESOLVE_MAX];
    size_t n = status ? 0 : collect(answer, lookup->port, addrs);

    sl_loop_woke(lookup->loop);
    uv_freeaddrinfo(answer);
    if (lookup->on_found)
        lookup->on_found(lookup->owner, n > 0 ? 0 : SL_ERR_ADDRESS, addrs, n);
    lookup->loop->n_shells--;
    free(lookup);
}

int sl_lookup_open(struct sl_loop *loop, const char *host, uint16_t port, sl_lookup_fn *on_found,
                   void *owner, struct sl_lookup **out_lookup)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct sl_lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup)
        return SL_ERR_MEMORY;
    lookup->loop = loop;
    lookup->on_found = on_found;
    lookup->owner = owner;
    lookup->port = port;
    int err = uv_getaddrinfo(&loop->uv, &lookup->uv, on_answer, host, NULL, &hints);
    if (err) {
        free(lookup);
        return err == UV_ENOMEM ? SL_ERR_MEMORY : SL_ERR_ADDRESS;
    }
    loop->n_shells++;
    *out_lookup = lookup;
    return 0;
}

void sl_lookup_close(struct sl_lookup **plookup)
{
    struct sl_lookup *lookup = *plookup;

    if (!lookup)
        return;
    *plookup = NULL;
    lookup->on_found = NULL;
    uv_cancel((uv_req_t *)&lookup->uv); /* helps only while it waits for a thread */
}
