/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete: what can only be filled in once everything has been read: default names, values that
 * come from another key, the route that is implied, and the upstream that each route names.
 *
 * Works also on a configuration with errors, whose texts may be NULL. Fails only for want of
 * memory.
 */
#include <stdlib.h>
#include <sluice/base/err.h>
#include "read.h"
#include "text.h"

static int name_route(struct sl_reader *r, struct sl_route_config *route)
{
    if (route->name)
        return 0;
    const char *host = route->host ? route->host : "", *path = route->path ? route->path : "/";
    size_t n_host = strlen(host), n_path = strlen(path);
    route->name = sl_arena_take(r->arena, n_host + n_path + 1);
    if (!route->name)
        return SL_ERR_MEMORY;
    memcpy(route->name, host, n_host);
    memcpy(route->name + n_host, path, n_path);
    return 0;
}

static int imply_route(struct sl_reader *r, struct sl_config *config)
{
    struct sl_item *item = sl_node_find(r->root, SL_SPAN("routes"));
    if (item && item->node->kind == SL_NODE_LIST && !item->node->first)
        sl_report_add(r->report, item->node->at, "routes",
                      "found an empty list, expected a route, or no `routes` at all");
    if (item || config->n_upstreams == 0)
        return 0;
    if (config->n_upstreams > 1) {
        sl_report_add(r->report, config->upstreams[1].at, "routes",
                      "missing, expected to say which of the %zu upstreams gets what",
                      config->n_upstreams);
        return 0;
    }
    struct sl_route_config *route = sl_arena_take(r->arena, sizeof(*route));
    char *path = sl_arena_copy(r->arena, SL_SPAN("/"));
    if (!route || !path)
        return SL_ERR_MEMORY;
    route->path = path;
    route->upstream = config->upstreams[0].name;
    route->max_body_bytes = SL_UNLIMITED;
    config->routes = route;
    config->n_routes = 1;
    return 0;
}

static void find_upstream(struct sl_reader *r, const struct sl_config *config, size_t index)
{
    struct sl_route_config *route = &config->routes[index];
    const char *nearest = NULL;
    if (!route->upstream)
        return;
    struct sl_span name = sl_span_str(route->upstream);
    unsigned best = sl_word_tolerance(name) + 1;
    for (size_t i = 0; i < config->n_upstreams; i++) {
        struct sl_span other = sl_span_str(config->upstreams[i].name);
        if (!other.ptr)
            continue;
        if (sl_span_eq(name, other)) {
            route->upstream_index = i;
            return;
        }
    }
    for (size_t i = 0; i < config->n_upstreams; i++) {
        struct sl_span other = sl_span_str(config->upstreams[i].name);
        unsigned distance = other.ptr ? sl_word_distance(name, other, best) : best;
        if (distance < best) {
            best = distance;
            nearest = other.ptr;
        }
    }
    char path[48];
    snprintf(path, sizeof(path), "routes[%zu].upstream", index);
    sl_report_add(r->report, route->upstream_at, path,
                  "found %s, expected the name of an upstream%s%s%s", sl_quote(name).text,
                  nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
}

int sl_config_complete(struct sl_reader *r, struct sl_config *config)
{
    for (size_t i = 0; i < config->n_listeners; i++)
        if (!config->listeners[i].name)
            config->listeners[i].name = config->listeners[i].address_text;
    for (size_t i = 0; i < config->n_upstreams; i++)
        if (config->upstreams[i].idle_ms == 0)
            config->upstreams[i].idle_ms = config->upstream_idle_ms;
    int err = imply_route(r, config);
    for (size_t i = 0; err == 0 && i < config->n_routes; i++) {
        err = name_route(r, &config->routes[i]);
        if (config->upstreams) /* else they are missing, which was said */
            find_upstream(r, config, i);
    }
    return err;
}
