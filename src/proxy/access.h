/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access: one line per exchange, as JSON or in the common log format.
 */
#ifndef SLUICE_PROXY_ACCESS_H
#define SLUICE_PROXY_ACCESS_H

#include "exchange.h"

/* Does nothing when the log is off. Never blocks. */
void sl_access_write(const struct sl_exchange *x);

#endif
