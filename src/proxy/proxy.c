/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data path of one worker as a whole: accepting, retiring a plan, draining, and the questions
 * of the status page. Everything else happens between client, exchange and link.
 */
#include <sluice/proxy/proxy.h>

#include <assert.h>
#include <stdlib.h>
#include <sluice/tls/server.h>
#include "client.h"
#include "inner.h"
#include "upstream.h"

/* Exchanges and deliveries that are kept for the next request. */
#define N_KEPT 32

void sl_inner_parser_limits(const struct sl_config *config, struct sl_parser_limits *out_limits)
{
    *out_limits = (struct sl_parser_limits){
        .head = {.head_bytes = config->limits.header_bytes,
                 .target_bytes = config->limits.target_bytes,
                 .n_fields = config->limits.n_fields},
        .trailer_bytes = config->limits.trailer_bytes,
        .chunk_line_bytes = config->limits.chunk_line_bytes,
    };
}

static struct sl_client *client_of(struct sl_list *node)
{
    return sl_container_of(sl_list_entry(node, struct sl_place, all), struct sl_client, place);
}

static void kill_everybody(struct sl_proxy *proxy, const struct sl_cause *cause)
{
    struct sl_list *node;

    while ((node = sl_list_first(&proxy->crowd.all)))
        sl_client_kill(client_of(node), cause);
}

static void retire_everybody(struct sl_proxy *proxy, bool ends_opening)
{
    sl_list_foreach_safe (node, &proxy->crowd.all)
        sl_client_retire(client_of(node), ends_opening);
}

/* ---- draining ---- */

static void on_drained(struct sl_deferred *d)
{
    struct sl_proxy *proxy = sl_container_of(d, struct sl_proxy, drained);

    if (proxy->crowd.n_clients > 0)
        return;
    sl_deadline_clear(&proxy->drain);
    if (proxy->on_drained)
        proxy->on_drained(proxy->drain_owner);
}

static void on_drain_deadline(struct sl_deadline *d)
{
    struct sl_proxy *proxy = sl_container_of(d, struct sl_proxy, drain);
    struct sl_cause cause = {SL_PHASE_DRAIN, SL_SIDE_PROXY, SL_ERR_TIMEOUT};

    sl_log(SL_LOG_WARN, "drain: the deadline expired with %zu connections left; they are cut",
           proxy->crowd.n_clients);
    sl_count_add(&proxy->counters->expired[SL_PHASE_DRAIN], 1);
    kill_everybody(proxy, &cause);
}

void sl_proxy_drain(struct sl_proxy *proxy, void (*on_done)(void *owner), void *owner)
{
    struct sl_deadlines limits;

    proxy->on_drained = on_done;
    proxy->drain_owner = owner;
    if (proxy->is_draining)
        return;
    proxy->is_draining = true;
    sl_config_deadlines(proxy->upstreams->plan->config, proxy->upstreams->plan->listeners[0].config,
                        NULL, &limits);
    sl_deadline_arm(&proxy->drain, SL_PHASE_DRAIN, limits.phase[SL_PHASE_DRAIN].limit_ms);
    retire_everybody(proxy, true);
    sl_list_foreach (node, &proxy->sets)
        sl_upstreams_close_idle(sl_list_entry(node, struct sl_upstreams, link));
    sl_defer(proxy->loop, &proxy->drained);
}

/* ---- life ---- */

static int set_plan(struct sl_proxy *proxy, struct sl_plan *plan)
{
    struct sl_upstreams *set;
    int err = sl_upstreams_new(proxy, plan, &set);

    if (err != 0)
        return err;
    struct sl_upstreams *old = proxy->upstreams;
    proxy->upstreams = set;
    sl_shelf_set_limits(&proxy->shelf, &set->parser_limits);
    sl_crowd_set_limits(&proxy->crowd, plan->config, plan->n_workers);
    if (old) {
        sl_upstreams_close_idle(old);
        sl_upstreams_unref(&old);
    }
    return 0;
}

int sl_proxy_new(struct sl_loop *loop, struct sl_plan *plan, struct sl_counters *counters,
                 struct sl_logger *access, struct sl_proxy **out_proxy)
{
    struct sl_proxy *proxy = calloc(1, sizeof(*proxy));

    *out_proxy = NULL;
    if (!proxy)
        return SL_ERR_MEMORY;
    proxy->loop = loop;
    proxy->counters = counters;
    proxy->access = access;
    sl_list_init(&proxy->sets);
    sl_crowd_init(&proxy->crowd);
    sl_turnstile_init(&proxy->turnstile, loop, counters, sl_channel_on_turn);
    sl_pool_init(&proxy->exchanges, sizeof(struct sl_exchange), N_KEPT);
    sl_pool_init(&proxy->deliveries, sizeof(struct sl_delivery), N_KEPT);
    sl_deadline_init(&proxy->drain, loop, on_drain_deadline);
    sl_deferred_init(&proxy->drained, on_drained);
    int err = sl_tls_random(proxy->id_seed, sizeof(proxy->id_seed));
    if (err == 0)
        err = set_plan(proxy, plan);
    if (err != 0) {
        sl_deadline_fini(&proxy->drain);
        free(proxy);
        return err;
    }
    *out_proxy = proxy;
    return 0;
}

static void bury(struct sl_grave *g)
{
    struct sl_proxy *proxy = sl_container_of(g, struct sl_proxy, grave);
    sl_shelf_fini(&proxy->shelf);
    sl_pool_fini(&proxy->exchanges);
    sl_pool_fini(&proxy->deliveries);
    free(proxy);
}

void sl_proxy_free(struct sl_proxy **pproxy)
{
    struct sl_proxy *proxy = *pproxy;
    struct sl_cause cause = {SL_PHASE_DRAIN, SL_SIDE_PROXY, SL_ERR_CLOSED};

    *pproxy = NULL;
    if (!proxy)
        return;
    kill_everybody(proxy, &cause);
    sl_deferred_cancel(&proxy->drained);
    sl_deadline_fini(&proxy->drain);
    sl_upstreams_unref(&proxy->upstreams);
    assert(sl_list_is_empty(&proxy->sets));
    sl_turnstile_fini(&proxy->turnstile);
    sl_crowd_fini(&proxy->crowd);
    sl_reap(proxy->loop, &proxy->grave, bury);
}

void sl_proxy_set_plan(struct sl_proxy *proxy, struct sl_plan *plan)
{
    if (set_plan(proxy, plan) != 0) {
        sl_log(SL_LOG_ERROR, "reload: out of memory; this worker goes on with its old plan");
        return;
    }
    retire_everybody(proxy, false);
}

void sl_proxy_set_access(struct sl_proxy *proxy, struct sl_logger *access)
{
    proxy->access = access;
}

void sl_proxy_accept(struct sl_proxy *proxy, struct sl_tcp_listener *listener, size_t index)
{
    sl_client_accept(proxy, listener, index);
}

void sl_proxy_accept_failed(struct sl_proxy *proxy, int err)
{
    uint64_t now = sl_loop_now_ms(proxy->loop);

    sl_count_add(&proxy->counters->count[SL_COUNT_ACCEPT_ERRORS], 1);
    if (proxy->accept_failed_ms && now - proxy->accept_failed_ms < 1000)
        return;
    proxy->accept_failed_ms = now;
    sl_log(SL_LOG_ERROR, "accepting a connection failed: %s", sl_err_str(err));
}

/* ---- questions ---- */

size_t sl_proxy_n_clients(const struct sl_proxy *proxy)
{
    return proxy->crowd.n_clients;
}

static void snapshot_clients(const struct sl_proxy *proxy, struct sl_proxy_snapshot *out)
{
    uint64_t now = sl_loop_now_ms(proxy->loop);

    sl_list_foreach (node, &proxy->crowd.all) {
        const struct sl_client *c = client_of(node);
        if (c->phase == SL_PHASE_NONE)
            continue;
        struct sl_proxy_oldest *row = &out->phases[c->phase];
        uint64_t age = now - c->phase_since_ms;
        if (row->n++ == 0 || age > row->age_ms) {
            struct sl_str s;
            row->age_ms = age;
            sl_str_init(&s, row->peer, sizeof(row->peer));
            struct sl_addr peer = sl_client_peer(c);
            sl_addr_write(&peer, &s);
        }
    }
}

int sl_proxy_snapshot(struct sl_proxy *proxy, struct sl_proxy_snapshot *out)
{
    const struct sl_upstreams *set = proxy->upstreams;
    size_t n = 0;

    memset(out, 0, sizeof(*out));
    out->plan_number = set->plan->number;
    snapshot_clients(proxy, out);
    for (size_t u = 0; u < set->plan->config->n_upstreams; u++)
        n += set->plan->config->upstreams[u].n_endpoints;
    out->endpoints = calloc(n ? n : 1, sizeof(*out->endpoints));
    if (!out->endpoints)
        return SL_ERR_MEMORY;
    for (size_t u = 0; u < set->plan->config->n_upstreams; u++) {
        const struct sl_upstream *upstream = &set->upstreams[u];
        for (size_t e = 0; e < upstream->config->n_endpoints; e++) {
            const struct sl_endpoint *endpoint = &upstream->endpoints[e];
            out->endpoints[out->n_endpoints++] = (struct sl_proxy_endpoint){
                .upstream = u,
                .endpoint = e,
                .n_active = endpoint->n_active,
                .n_idle = endpoint->n_idle,
                .n_queued = e == 0 ? upstream->n_queued : 0,
                .n_requests = endpoint->n_requests,
                .n_failures = endpoint->n_failures,
                .n_passing_over = sl_endpoint_is_passed_over(endpoint),
            };
        }
    }
    return 0;
}
