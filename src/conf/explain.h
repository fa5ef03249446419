/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: a listener, and perhaps a route, with the deadlines in force there.
 */
#ifndef SLUICE_CONF_EXPLAIN_PRIVATE_H
#define SLUICE_CONF_EXPLAIN_PRIVATE_H

#include <sluice/conf/config.h>

struct sl_view {
    const struct sl_config *config;
    const struct sl_listener_config *listener;
    const struct sl_route_config *route; /* NULL: what holds without a route */
    struct sl_deadlines in_force;
};

/* Does a connection of this listener pass through the phase at all? */
bool sl_view_uses(const struct sl_view *view, enum sl_phase phase);
/* How long a client can hold a connection, with the sum it comes from. */
void sl_view_print_holds(const struct sl_view *view, FILE *to);
/* The part of it that a route can change: bodies. */
void sl_view_print_body_holds(const struct sl_view *view, FILE *to);

#endif
