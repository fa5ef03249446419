/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry: what every expiry has in common: it is counted under its phase, and in shadow mode it
 * cuts nothing. And what every phase that ended well has in common: its head-room.
 */
#ifndef SLUICE_PROXY_EXPIRY_H
#define SLUICE_PROXY_EXPIRY_H

#include <sluice/loop/deadline.h>
#include <sluice/proxy/proxy.h>

/* Counts the expiry. True: cut. False: shadow mode; it was logged with the client that it would
   have cut, and the phase goes on without limit. */
bool sl_expiry_cuts(struct sl_proxy *proxy, enum sl_phase phase, const struct sl_limit *limit,
                    const struct sl_addr *peer);
/* Clears the deadline of an absolute phase that ended well and counts its head-room. */
void sl_expiry_ended_well(struct sl_deadline *d, struct sl_counters *counters,
                          const struct sl_limit *limit);

#endif
