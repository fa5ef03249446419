/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy: the data path of one worker: its clients, its links to upstreams, its counters. Everything
 * in it belongs to one thread; nothing mutable is shared between workers.
 *
 *   listener -> client -> exchange -> dial -> pool/link -> endpoint
 */
#ifndef SLUICE_PROXY_PROXY_H
#define SLUICE_PROXY_PROXY_H

#include <sluice/base/counters.h>
#include <sluice/base/log.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/tcp.h>
#include <sluice/proxy/plan.h>

struct sl_proxy;
struct sl_logger;

/* access: where access lines go, or NULL for off. Borrowed. Swapped with sl_proxy_set_access. */
int sl_proxy_new(struct sl_loop *loop, struct sl_plan *plan, struct sl_counters *counters,
                 struct sl_logger *access, struct sl_proxy **out_proxy);
/* Closes every client and link at once (RST where an exchange is cut); its memory goes at the end
   of the turn. */
void sl_proxy_free(struct sl_proxy **proxy);

/* A new connection waits at `listener`, which belongs to listener `index` of the present plan. Call
   within on_accept. */
void sl_proxy_accept(struct sl_proxy *proxy, struct sl_tcp_listener *listener, size_t index);
/* The system refused an accept: counted, logged (at most once a second). */
void sl_proxy_accept_failed(struct sl_proxy *proxy, int err);

/* Reload: new connections are under the new plan. Connections of older plans that are between two
   requests are closed; running exchanges end under the plan they began with, and their connection
   closes after them. Nothing that makes progress is cut. */
void sl_proxy_set_plan(struct sl_proxy *proxy, struct sl_plan *plan);
void sl_proxy_set_access(struct sl_proxy *proxy, struct sl_logger *access);
/* SIGTERM: as after a reload for all connections; those that have not begun a request are closed.
   Under the deadline `drain`: what is left then is cut. on_drained is called once nothing is left.
 */
void sl_proxy_drain(struct sl_proxy *proxy, void (*on_drained)(void *owner), void *owner);

/* ---- questions, on the worker's own thread ---- */

size_t sl_proxy_n_clients(const struct sl_proxy *proxy);

struct sl_proxy_oldest {
    uint64_t n;      /* connections in this phase */
    uint64_t age_ms; /* since the oldest of them entered it */
    char peer[SL_ADDR_TEXT_BYTES];
};
struct sl_proxy_endpoint {
    size_t upstream, endpoint;           /* indices into the config of the present plan */
    uint64_t n_active, n_idle, n_queued; /* queued: of the upstream, told with its first endpoint */
    uint64_t n_requests, n_failures;
    uint64_t n_passing_over; /* workers that pass it over, since no connection could be made */
};
struct sl_proxy_snapshot {
    uint64_t plan_number;
    struct sl_proxy_oldest phases[SL_N_PHASES];
    struct sl_proxy_endpoint *endpoints; /* caller frees with free() */
    size_t n_endpoints;
};
/* 0 or SL_ERR_MEMORY. Costs one walk over all clients: for people, not for every scrape. */
int sl_proxy_snapshot(struct sl_proxy *proxy, struct sl_proxy_snapshot *out_snapshot);

#endif
