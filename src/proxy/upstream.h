/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: one worker's view of the upstreams of one plan: which endpoint is next, how many links
 * each has, which of them rest, and who waits for a slot.
 */
#ifndef SLUICE_PROXY_UPSTREAM_H
#define SLUICE_PROXY_UPSTREAM_H

#include <sluice/http/parser.h>
#include <sluice/proxy/proxy.h>
#include "link.h"

#define SL_MAX_ENDPOINTS 256 /* of one upstream */

struct sl_upstream;
struct sl_upstreams;

struct sl_endpoint {
    struct sl_upstream *upstream;
    const struct sl_endpoint_config *config;
    const struct sl_plan_endpoint *plan;
    size_t addr;                          /* of a name's several addresses: the one in use */
    int64_t current_weight;               /* smooth weighted round robin */
    uint32_t n_active, n_idle, max_links; /* max_links 0: no limit */
    struct sl_list idle;                  /* struct sl_link, the freshest first */
    uint64_t n_requests, n_failures;
    bool has_failed;                /* no connection could be made, and nothing has come since */
    struct sl_deadline passed_over; /* armed: it is not asked while there are others */
};

struct sl_upstream {
    struct sl_upstreams *set;
    const struct sl_upstream_config *config;
    struct sl_endpoint *endpoints; /* n_endpoints of the config */
    struct sl_list queue;          /* struct sl_dial that wait for a slot, the oldest first */
    uint32_t n_queued;
};

/* All upstreams of one plan in one worker; each client of that plan holds a reference. */
struct sl_upstreams {
    struct sl_list link; /* in the proxy's list */
    struct sl_proxy *proxy;
    struct sl_plan *plan; /* a reference */
    struct sl_parser_limits parser_limits;
    struct sl_upstream *upstreams;
    uint64_t n_refs;
};

struct sl_tried {
    uint64_t bits[SL_MAX_ENDPOINTS / 64];
};

int sl_upstreams_new(struct sl_proxy *proxy, struct sl_plan *plan, struct sl_upstreams **out_set);
struct sl_upstreams *sl_upstreams_ref(struct sl_upstreams *set);
/* The last one closes the idle links and drops the plan. Nulls the pointer. */
void sl_upstreams_unref(struct sl_upstreams **set);
/* Closes links that rest: a retired plan needs none. */
void sl_upstreams_close_idle(struct sl_upstreams *set);

/* The next endpoint that was not tried and has an idle link or a free slot. NULL: *out_is_full
   tells whether one would do once a slot is free. An endpoint that failed is passed over for
   `fail_timeout` while another would do, be it only later; then one pick tries it, and the others
   pass it over for as long again. */
struct sl_endpoint *sl_upstream_pick(struct sl_upstream *u, const struct sl_tried *tried,
                                     bool *out_is_full);
size_t sl_endpoint_index(const struct sl_endpoint *e);
/* Somebody was called for a free slot and went away without it: the next. */
void sl_upstream_wake(struct sl_upstream *u);
void sl_tried_add(struct sl_tried *tried, const struct sl_endpoint *e);

/* The address to connect to. Of a name with several, the one that worked last. */
const struct sl_addr *sl_endpoint_addr(const struct sl_endpoint *e);
/* No connection can be made to it; and: one was made, or it answers. */
void sl_endpoint_fails(struct sl_endpoint *e);
void sl_endpoint_works(struct sl_endpoint *e);
bool sl_endpoint_is_passed_over(const struct sl_endpoint *e);
/* Connecting to this address failed: the name's next one is in use, unless it is already. */
void sl_endpoint_leave_addr(struct sl_endpoint *e, const struct sl_addr *failed);
/* Before a fresh link: with it and those that rest there may be no more than the limit. */
void sl_endpoint_make_room(struct sl_endpoint *e);
/* A link resting here, now taken out, or NULL. */
struct sl_link *sl_endpoint_take_idle(struct sl_endpoint *e);
/* May one more link rest here? */
bool sl_endpoint_keeps_idle(const struct sl_endpoint *e);
/* Called by link.c: a link came into being; it went; it rests from now on. */
void sl_endpoint_enter(struct sl_endpoint *e);
void sl_endpoint_leave(struct sl_endpoint *e, bool was_idle);
void sl_endpoint_rest(struct sl_endpoint *e, struct sl_link *link);

#endif
