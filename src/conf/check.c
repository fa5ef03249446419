/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: what no key shows by itself: two of what there may be one of, values that contradict one
 * another, addresses that must not be reached from elsewhere.
 *
 * Works also on a configuration with errors, whose texts may be NULL and whose addresses may be
 * empty; what was reported already is not blamed again. Changes nothing and never fails.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sluice/base/err.h>
#include "read.h"
#include "text.h"

static void say(struct sl_reader *r, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct sl_reader *r, const char *path, const char *fmt, ...)
{
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    sl_report_add(r->report, sl_node_where(r->root, path), path, "%s", message);
}

/* ---- names ---- */

/* Names that elements of a list gave themselves; `name_at` is its offset in the element. */
static void check_names(struct sl_reader *r, const char *list, const void *elements, size_t n,
                        size_t size, size_t name_at, size_t where_at)
{
    for (size_t i = 1; i < n; i++) {
        const char *name, *other;
        memcpy(&name, (const char *)elements + i * size + name_at, sizeof(name));
        for (size_t j = 0; name && j < i; j++) {
            memcpy(&other, (const char *)elements + j * size + name_at, sizeof(other));
            if (!other || strcmp(name, other) != 0)
                continue;
            struct sl_where first;
            memcpy(&first, (const char *)elements + j * size + where_at, sizeof(first));
            char path[64];
            snprintf(path, sizeof(path), "%s[%zu].name", list, i);
            say(r, path, "found %s a second time, expected another name; the first is in line %u",
                sl_quote(sl_span_str(name)).text, first.line);
            break;
        }
    }
}

/* ---- addresses ---- */

static bool is_loopback(const struct sl_addr *a)
{
    if (sl_addr_is_unix(a))
        return true;
    if (a->storage.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &a->storage, sizeof(in));
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, &a->storage, sizeof(in6));
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
}

/* Port 0 asks the system for any free one, so two of them are not the same. */
static bool is_same_place(const struct sl_addr *a, const struct sl_addr *b)
{
    return a->len && b->len && (sl_addr_is_unix(a) || sl_addr_port(a)) && sl_addr_eq(a, b);
}

static void check_listeners(struct sl_reader *r, const struct sl_config *config)
{
    for (size_t i = 0; i < config->n_listeners; i++) {
        char path[64];
        snprintf(path, sizeof(path), "listeners[%zu].address", i);
        for (size_t j = 0; j < i; j++)
            if (is_same_place(&config->listeners[i].address, &config->listeners[j].address)) {
                say(r, path,
                    "found %s a second time, expected another address; the first is in "
                    "line %u",
                    sl_quote(sl_span_str(config->listeners[i].address_text)).text,
                    config->listeners[j].address_at.line);
                break;
            }
    }
}

static void check_status(struct sl_reader *r, const struct sl_config *config)
{
    const struct sl_addr *address = &config->status.address;
    if (!config->status.is_on || address->len == 0 || sl_report_touches(r->report, "status"))
        return;
    struct sl_quoted text = sl_quote(sl_span_str(config->status.address_text));
    if (!is_loopback(address) && !config->status.allows_remote)
        say(r, "status.address",
            "found %s, which others can reach, expected a loopback address or `unix:/path`, or "
            "`allow_remote: true` beside it",
            text.text);
    for (size_t i = 0; i < config->n_listeners; i++)
        if (is_same_place(address, &config->listeners[i].address))
            say(r, "status.address",
                "found %s, the address of a listener (line %u), expected one of its own", text.text,
                config->listeners[i].address_at.line);
}

/* ---- upstreams and routes ---- */

static void check_upstream(struct sl_reader *r, const struct sl_upstream_config *upstream,
                           size_t index)
{
    char path[96];
    uint64_t weight = 0;
    for (size_t i = 0; i < upstream->n_endpoints; i++) {
        const struct sl_endpoint_config *e = &upstream->endpoints[i];
        weight += e->weight;
        for (size_t j = 0; j < i && e->text; j++) {
            const char *other = upstream->endpoints[j].text;
            if (!other || strcmp(other, e->text) != 0)
                continue;
            snprintf(path, sizeof(path), "upstreams[%zu].endpoints[%zu].address", index, i);
            say(r, path,
                "found %s a second time, expected another address; use `weight` for a "
                "larger share",
                sl_quote(sl_span_str(e->text)).text);
            break;
        }
    }
    snprintf(path, sizeof(path), "upstreams[%zu].endpoints", index);
    if (upstream->n_endpoints && weight == 0 && !sl_report_touches(r->report, path))
        say(r, path, "every endpoint has weight 0, expected one that takes requests");
}

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* False when the two were not told apart because one is wrong already. */
static bool is_broken(struct sl_reader *r, const char *list, size_t index, const char *key)
{
    char path[64];
    snprintf(path, sizeof(path), "%s[%zu].%s", list, index, key);
    return sl_report_touches(r->report, path);
}

static void check_routes(struct sl_reader *r, const struct sl_config *config)
{
    for (size_t i = 1; i < config->n_routes; i++) {
        const struct sl_route_config *route = &config->routes[i];
        for (size_t j = 0; j < i; j++) {
            const struct sl_route_config *other = &config->routes[j];
            if (!is_same_text(route->host, other->host) || !is_same_text(route->path, other->path))
                continue;
            if (is_broken(r, "routes", i, "host") || is_broken(r, "routes", i, "path") ||
                is_broken(r, "routes", j, "host") || is_broken(r, "routes", j, "path"))
                continue;
            char path[48];
            snprintf(path, sizeof(path), "routes[%zu]", i);
            say(r, path,
                "the same host and path as the route in line %u, expected one of them "
                "to differ",
                other->at.line);
            break;
        }
    }
}

/* ---- limits ---- */

static bool is_written(const struct sl_reader *r, const char *key)
{
    const struct sl_item *limits = sl_node_find(r->root, SL_SPAN("limits"));
    return limits && sl_node_find(limits->node, sl_span_str(key));
}

static void check_limits(struct sl_reader *r, const struct sl_config *config)
{
    if (sl_report_touches(r->report, "limits"))
        return;
    if (config->limits.target_bytes > config->limits.header_bytes)
        say(r, is_written(r, "target_bytes") ? "limits.target_bytes" : "limits.header_bytes",
            "`target_bytes` is more than `header_bytes`, which it is part of");
    /* defaults give way: who lowers one limit need not lower the others */
    if (is_written(r, "max_handshaking_per_client") && is_written(r, "max_handshaking") &&
        config->limits.max_handshaking_per_client > config->limits.max_handshaking)
        say(r, "limits.max_handshaking_per_client", "more than `max_handshaking` of all clients");
    if (is_written(r, "max_handshaking") && config->limits.max_connections &&
        config->limits.max_handshaking > config->limits.max_connections)
        say(r, "limits.max_handshaking", "more than `max_connections`, which it is part of");
}

void sl_config_check_names(struct sl_reader *r, const struct sl_config *config)
{
    check_names(r, "listeners", config->listeners, config->n_listeners,
                sizeof(struct sl_listener_config), offsetof(struct sl_listener_config, name),
                offsetof(struct sl_listener_config, at));
    check_names(r, "upstreams", config->upstreams, config->n_upstreams,
                sizeof(struct sl_upstream_config), offsetof(struct sl_upstream_config, name),
                offsetof(struct sl_upstream_config, at));
    check_names(r, "routes", config->routes, config->n_routes, sizeof(struct sl_route_config),
                offsetof(struct sl_route_config, name), offsetof(struct sl_route_config, at));
}

void sl_config_check(struct sl_reader *r, const struct sl_config *config)
{
    check_routes(r, config);
    check_listeners(r, config);
    check_status(r, config);
    for (size_t i = 0; i < config->n_upstreams; i++)
        check_upstream(r, &config->upstreams[i], i);
    check_limits(r, config);
    sl_deadlines_check(r, config);
}
