/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: what one configuration means to the data path: listeners, routes, upstreams and the
 * deadlines of each pair of listener and route, worked out once. Immutable and shared by all
 * workers; a reference keeps it alive, so that running exchanges end under the plan they began
 * with.
 */
#ifndef SLUICE_PROXY_PLAN_H
#define SLUICE_PROXY_PLAN_H

#include <stdatomic.h>
#include <sluice/conf/config.h>
#include <sluice/tls/server.h>

struct sl_plan_listener {
    const struct sl_listener_config *config;
    struct sl_tls_server *tls_server; /* NULL: plain HTTP. The plan holds a reference. */
    struct sl_deadlines deadlines;    /* without a route: the phases before a request */
    struct sl_deadlines *by_route;    /* [n_routes] */
};

struct sl_plan_endpoint {
    struct sl_addr *addrs; /* at least one: resolved when the plan was made */
    size_t n_addrs;
};

struct sl_plan {
    atomic_uint n_refs;
    atomic_uint n_sets;                  /* workers that have taken their shares of the limits */
    uint64_t number;                     /* generation: 1 for the first */
    struct sl_config *config;            /* owned */
    struct sl_plan_listener *listeners;  /* as in config */
    struct sl_plan_endpoint **endpoints; /* [upstream][endpoint] */
    uint32_t *route_order;               /* indices into config->routes: the most specific first */
    uint32_t n_workers;                  /* limits are shared out among so many */
};

/*
 * Takes the config over on success. tls_servers[i] belongs to listener i (NULL for plain); the plan
 * takes a reference of each. Endpoints that are names are looked up here (blocking: never on a
 * worker); a failure is reported with its position. 0, SL_ERR_CONFIG or SL_ERR_MEMORY.
 */
int sl_plan_new(struct sl_config *config, uint64_t number, uint32_t n_workers,
                struct sl_tls_server *const *tls_servers, struct sl_report *report,
                struct sl_plan **out_plan);
/* Reports what sl_plan_new would refuse in a configuration that has other errors already, and was
   read as far as it goes. Blocking, too. 0 or SL_ERR_MEMORY. */
int sl_plan_check(struct sl_config *config, uint32_t n_workers, struct sl_report *report);
struct sl_plan *sl_plan_ref(struct sl_plan *plan);
/* Any thread; the last one frees it. Nulls the pointer. */
void sl_plan_unref(struct sl_plan **plan);

#endif
