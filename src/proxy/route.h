/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route: which upstream serves a request. The most specific route wins: an exact host before a
 * wildcard, a longer wildcard before a shorter, any host last; within one host the longest path.
 */
#ifndef SLUICE_PROXY_ROUTE_H
#define SLUICE_PROXY_ROUTE_H

#include <sluice/proxy/plan.h>

#define SL_ROUTE_NONE SIZE_MAX

/* Indices of config->routes, the most specific first; the caller frees. 0 or SL_ERR_MEMORY. */
int sl_route_sort(const struct sl_config *config, uint32_t **out_order);
/* host without port, any case; path normalised. Index into config->routes, or SL_ROUTE_NONE. */
size_t sl_route_find(const struct sl_plan *plan, struct sl_span host, struct sl_span path);

#endif
