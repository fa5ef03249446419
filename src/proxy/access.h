/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access: one line per exchange, as JSON or in the common log format.
 */
#ifndef SLUICE_PROXY_ACCESS_H
#define SLUICE_PROXY_ACCESS_H

#include "exchange.h"

/* Does nothing when the log is off. Never blocks. */
void sl_access_write(const struct sl_exchange *x);
/* The same for a request whose head was refused: what it asked for is not known for certain. */
void sl_access_write_refusal(struct sl_proxy *proxy, const struct sl_upstreams *set,
                             const struct sl_origin *origin, int status, const char *rule,
                             const struct sl_cause *cause);

#endif
