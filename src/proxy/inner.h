/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inner: what the proxy floor knows of struct sl_proxy.
 */
#ifndef SLUICE_PROXY_INNER_H
#define SLUICE_PROXY_INNER_H

#include <sluice/base/pool.h>
#include <sluice/http/parser.h>
#include <sluice/loop/deadline.h>
#include <sluice/loop/reaper.h>
#include <sluice/net/turnstile.h>
#include <sluice/proxy/proxy.h>
#include "crowd.h"
#include "shelf.h"

struct sl_upstreams;

struct sl_proxy {
    struct sl_grave grave; /* last of all: what dies with it still goes back to its pools */
    struct sl_loop *loop;
    struct sl_counters *counters;
    struct sl_logger *access;       /* NULL: off */
    struct sl_upstreams *upstreams; /* of the present plan; a reference */
    struct sl_list sets;            /* struct sl_upstreams: of the present plan and of older ones */
    struct sl_crowd crowd;          /* the clients */
    struct sl_turnstile turnstile;  /* their handshakes' share of each turn */
    struct sl_pool exchanges;       /* struct sl_exchange */
    struct sl_pool deliveries;      /* struct sl_delivery of clients that are being answered */
    struct sl_shelf shelf;          /* parsers of requests, for the present plan's limits */

    uint64_t id_seed[2];       /* request ids: a random start and a count */
    uint64_t accept_failed_ms; /* when an accept failure was last logged */
    uint64_t refused_ms;       /* the same for clients that found no place */
    uint64_t n_refused_unsaid; /* of those, since then */

    bool is_draining;
    struct sl_deadline drain;
    struct sl_deferred drained;
    void (*on_drained)(void *owner);
    void *drain_owner;
};

/* Header limits of the configuration, for request and response parsers. */
void sl_inner_parser_limits(const struct sl_config *config, struct sl_parser_limits *out_limits);

#endif
