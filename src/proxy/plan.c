/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan is made whole or not at all, on the main thread, before any worker sees it. It owns its
 * config and a reference of each TLS server; the last reference to it may be dropped by any worker.
 */
#include <sluice/proxy/plan.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include "route.h"

#define MAX_ADDRS 16 /* addresses of one name that are kept */

static int add_addr(struct sl_plan_endpoint *e, const struct sl_addr *a)
{
    struct sl_addr *grown = realloc(e->addrs, (e->n_addrs + 1) * sizeof(*grown));
    if (!grown)
        return SL_ERR_MEMORY;
    grown[e->n_addrs++] = *a;
    e->addrs = grown;
    return 0;
}

/* `path` is where the name stands in the configuration, for the report. */
static int look_up(const struct sl_endpoint_config *config, const char *path,
                   struct sl_plan_endpoint *out, struct sl_report *report)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
    char port[8];
    struct sl_str s;

    sl_str_init(&s, port, sizeof(port));
    sl_str_add_u64(&s, config->port);
    int err = getaddrinfo(config->host, port, &hints, &found);
    if (err != 0) {
        sl_report_add(
            report, config->at, path,
            "the name '%s' cannot be resolved (%s); write an address, or a name that resolves",
            config->host, gai_strerror(err));
        return SL_ERR_CONFIG;
    }
    err = 0;
    for (struct addrinfo *ai = found; ai && err == 0 && out->n_addrs < MAX_ADDRS;
         ai = ai->ai_next) {
        struct sl_addr a = {.len = ai->ai_addrlen};
        memcpy(&a.storage, ai->ai_addr, ai->ai_addrlen);
        err = add_addr(out, &a);
    }
    freeaddrinfo(found);
    return err;
}

/* Each worker has its own share of the endpoint's connections; a worker without any could serve
 * nobody. */
static int check_share(const struct sl_endpoint_config *endpoint, size_t u, size_t e,
                       uint32_t n_workers, struct sl_report *report)
{
    char path[64];
    struct sl_str s;

    if (endpoint->max_connections == 0 || endpoint->max_connections >= n_workers)
        return 0;
    sl_str_init(&s, path, sizeof(path));
    sl_str_addf(&s, "upstreams[%zu].endpoints[%zu].max_connections", u, e);
    sl_report_add(
        report, endpoint->at, path,
        "%u connections cannot be shared out among %u workers, which need one each; write "
        "`workers: %u` or fewer, or allow more connections",
        endpoint->max_connections, n_workers, endpoint->max_connections);
    return SL_ERR_CONFIG;
}

static int plan_endpoints(struct sl_plan *plan, struct sl_report *report)
{
    const struct sl_config *config = plan->config;
    int result = 0;

    /* one more than there are: a configuration with errors may have none */
    plan->endpoints = calloc(config->n_upstreams + 1, sizeof(struct sl_plan_endpoint *));
    if (!plan->endpoints)
        return SL_ERR_MEMORY;
    for (size_t u = 0; u < config->n_upstreams; u++) {
        const struct sl_upstream_config *upstream = &config->upstreams[u];
        plan->endpoints[u] = calloc(upstream->n_endpoints + 1, sizeof(struct sl_plan_endpoint));
        if (!plan->endpoints[u])
            return SL_ERR_MEMORY;
        for (size_t e = 0; e < upstream->n_endpoints; e++) {
            const struct sl_endpoint_config *endpoint = &upstream->endpoints[e];
            char path[64];
            struct sl_str s;
            sl_str_init(&s, path, sizeof(path));
            sl_str_addf(&s, "upstreams[%zu].endpoints[%zu].address", u, e);
            int err = endpoint->host ? look_up(endpoint, path, &plan->endpoints[u][e], report)
                                     : add_addr(&plan->endpoints[u][e], &endpoint->address);
            if (err == 0)
                err = check_share(endpoint, u, e, plan->n_workers, report);
            if (err != 0 && result != SL_ERR_MEMORY)
                result = err;
        }
    }
    return result;
}

static int plan_listeners(struct sl_plan *plan, struct sl_tls_server *const *tls_servers)
{
    const struct sl_config *config = plan->config;

    plan->listeners = calloc(config->n_listeners, sizeof(*plan->listeners));
    if (!plan->listeners)
        return SL_ERR_MEMORY;
    for (size_t i = 0; i < config->n_listeners; i++) {
        struct sl_plan_listener *l = &plan->listeners[i];
        l->config = &config->listeners[i];
        if (tls_servers[i])
            l->tls_server = sl_tls_server_ref(tls_servers[i]);
        sl_config_deadlines(config, l->config, NULL, &l->deadlines);
        l->by_route = calloc(config->n_routes, sizeof(*l->by_route));
        if (!l->by_route)
            return SL_ERR_MEMORY;
        for (size_t r = 0; r < config->n_routes; r++)
            sl_config_deadlines(config, l->config, &config->routes[r], &l->by_route[r]);
    }
    return 0;
}

static void free_endpoints(struct sl_plan *plan, const struct sl_config *config)
{
    for (size_t u = 0; plan->endpoints && u < config->n_upstreams; u++) {
        for (size_t e = 0; plan->endpoints[u] && e < config->upstreams[u].n_endpoints; e++)
            free(plan->endpoints[u][e].addrs);
        free(plan->endpoints[u]);
    }
    free(plan->endpoints);
}

/* Frees all but the config, which belongs to the caller until the plan is complete. */
static void dismantle(struct sl_plan *plan, struct sl_config *config)
{
    for (size_t i = 0; plan->listeners && i < config->n_listeners; i++) {
        sl_tls_server_unref(&plan->listeners[i].tls_server);
        free(plan->listeners[i].by_route);
    }
    free_endpoints(plan, config);
    free(plan->listeners);
    free(plan->route_order);
    free(plan);
}

int sl_plan_new(struct sl_config *config, uint64_t number, uint32_t n_workers,
                struct sl_tls_server *const *tls_servers, struct sl_report *report,
                struct sl_plan **out_plan)
{
    struct sl_plan *plan = calloc(1, sizeof(*plan));

    *out_plan = NULL;
    if (!plan)
        return SL_ERR_MEMORY;
    atomic_init(&plan->n_refs, 1);
    atomic_init(&plan->n_sets, 0);
    plan->number = number;
    plan->n_workers = n_workers ? n_workers : 1;
    plan->config = config;
    int err = plan_listeners(plan, tls_servers);
    if (err == 0)
        err = plan_endpoints(plan, report);
    if (err == 0)
        err = sl_route_sort(config, &plan->route_order);
    if (err != 0) {
        dismantle(plan, config);
        return err;
    }
    *out_plan = plan;
    return 0;
}

int sl_plan_check(struct sl_config *config, uint32_t n_workers, struct sl_report *report)
{
    struct sl_plan plan = {.config = config, .n_workers = n_workers ? n_workers : 1};

    int err = plan_endpoints(&plan, report);
    free_endpoints(&plan, config);
    return err == SL_ERR_MEMORY ? err : 0;
}

struct sl_plan *sl_plan_ref(struct sl_plan *plan)
{
    atomic_fetch_add_explicit(&plan->n_refs, 1, memory_order_relaxed);
    return plan;
}

void sl_plan_unref(struct sl_plan **plan)
{
    struct sl_plan *p = *plan;

    *plan = NULL;
    if (!p || atomic_fetch_sub_explicit(&p->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    struct sl_config *config = p->config;
    dismantle(p, config);
    sl_config_free(&config);
}
