/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes are few (tens): they are sorted once and walked. A path prefix ends at a segment border,
 * so that "/app" covers "/app" and "/app/x", and not "/apple".
 */
#include "route.h"

#include <stdlib.h>

static bool is_wildcard(const char *host)
{
    return host && host[0] == '*';
}

/* Smaller is more specific. */
static int host_rank(const char *host)
{
    return !host ? 2 : is_wildcard(host) ? 1 : 0;
}

static bool is_before(const struct sl_route_config *a, const struct sl_route_config *b)
{
    int rank_a = host_rank(a->host), rank_b = host_rank(b->host);

    if (rank_a != rank_b)
        return rank_a < rank_b;
    size_t len_a = a->host ? strlen(a->host) : 0, len_b = b->host ? strlen(b->host) : 0;
    if (len_a != len_b)
        return len_a > len_b;
    return strlen(a->path) > strlen(b->path);
}

int sl_route_sort(const struct sl_config *config, uint32_t **out_order)
{
    uint32_t *order = calloc(config->n_routes ? config->n_routes : 1, sizeof(*order));

    *out_order = order;
    if (!order)
        return SL_ERR_MEMORY;
    for (uint32_t i = 0; i < config->n_routes; i++) { /* insertion: stable, and n is small */
        uint32_t at = i;
        for (; at > 0 && is_before(&config->routes[i], &config->routes[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return 0;
}

static bool covers_host(const struct sl_route_config *r, struct sl_span host)
{
    if (!r->host)
        return true;
    if (!is_wildcard(r->host))
        return sl_span_ieq(sl_span_str(r->host), host);
    struct sl_span suffix = sl_span_str(r->host + 1); /* ".example.org" */
    return host.len > suffix.len && sl_span_ieq(sl_span_skip(host, host.len - suffix.len), suffix);
}

static bool covers_path(const struct sl_route_config *r, struct sl_span path)
{
    struct sl_span prefix = sl_span_str(r->path);

    if (!sl_span_starts(path, prefix))
        return sl_span_eq(prefix, SL_SPAN("/")); /* "*" of OPTIONS goes to whoever has all paths */
    return path.len == prefix.len || prefix.ptr[prefix.len - 1] == '/' ||
           path.ptr[prefix.len] == '/';
}

size_t sl_route_find(const struct sl_plan *plan, struct sl_span host, struct sl_span path)
{
    const struct sl_config *config = plan->config;

    if (host.len > 1 &&
        host.ptr[host.len - 1] == '.') /* the root: the same name (RFC 3986 3.2.2) */
        host.len--;
    for (size_t i = 0; i < config->n_routes; i++) {
        const struct sl_route_config *r = &config->routes[plan->route_order[i]];
        if (covers_host(r, host) && covers_path(r, path))
            return plan->route_order[i];
    }
    return SL_ROUTE_NONE;
}
